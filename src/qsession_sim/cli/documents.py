"""Printing of JSON documents."""

from __future__ import annotations

import sys


def print_json(text: str) -> None:
    """Print a JSON document as UTF-8, whatever the locale; what UTF-8 cannot hold is escaped as JSON does."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.stdout.write(text)

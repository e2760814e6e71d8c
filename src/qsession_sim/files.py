"""Files that are written whole or not at all, whoever else writes them or reads them meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path


def put_in_place(partial: Path, path: Path) -> None:
    """Give a finished file its name; what is there is replaced."""
    partial.replace(path)


def write_whole(path: Path, content: bytes, put: Callable[[Path, Path], None] = put_in_place) -> None:
    """Write a file, and the directories above it.

    Args:
        path: its name.
        content: all of it.
        put: takes a finished file beside it, and its name.

    Raises:
        OSError: if it cannot be written; then there is no file, or the one that was there.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(content)
        put(partial, path)
    finally:
        partial.unlink(missing_ok=True)

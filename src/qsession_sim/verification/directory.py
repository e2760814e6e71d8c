"""A verification as a directory: written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from importlib import import_module
from pathlib import Path
from typing import Final

from qsession_sim.errors import BundleError
from qsession_sim.results.bundle import check_target, json_text
from qsession_sim.verification.report import (
    HEADINGS,
    WORDS,
    as_json,
    identity_rows,
    markdown_table,
    table_rows,
    verdict,
)
from qsession_sim.verification.suite import Verification

DOCUMENT: Final = "verification.json"
PAGE: Final = "verification.md"


def check_new_directory(directory: str | os.PathLike[str]) -> Path:
    """Tell whether a directory can be made; nothing is changed.

    Returns:
        The directory, absolute.

    Raises:
        BundleError: if something is there, or nothing can be made in the directory above.
    """
    if os.path.lexists(directory) and os.fspath(directory):
        raise BundleError(f"{directory} exists; choose a directory that does not exist")
    return check_target(directory)


def write_verification(found: Verification, directory: str | os.PathLike[str]) -> bool:
    """Write what was found: a JSON document, a page with the tables, and figures if matplotlib is there.

    Returns:
        Whether there are figures.

    Raises:
        BundleError: if `check_new_directory` refuses, or the directory cannot be written.
    """
    target = check_new_directory(directory)
    files = {
        DOCUMENT: json_text(as_json(found)).encode(),
        PAGE: _page(found).encode(),
        **figures_if_possible(found),
    }
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        for name, content in files.items():
            (partial / name).write_bytes(content)
        partial.rename(target)
    except OSError as error:
        raise BundleError(f"cannot write {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(files) > 2


def figures_if_possible(found: Verification) -> dict[str, bytes]:
    """Figures by file name; none without matplotlib."""
    try:
        import_module("matplotlib")
    except ImportError:
        return {}
    from qsession_sim.verification.figures import figures

    return figures(found)


def _page(found: Verification) -> str:
    comparisons = markdown_table(HEADINGS, table_rows(found), WORDS)
    identities = markdown_table(("identity", "rules", "both sides are"), identity_rows(found), 3)
    return f"# Verification\n\n{verdict(found)}.\n\n{comparisons}\n\n{identities}\n"

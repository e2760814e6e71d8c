"""The results of a study on disk."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.results.bundle import json_text

if TYPE_CHECKING:
    import polars as pl

STUDY: Final = "study.json"


def write_study(
    directory: str | os.PathLike[str], tables: Mapping[str, pl.DataFrame], document: Mapping[str, Any]
) -> Path:
    """Write tables as Parquet and a document as JSON, each file whole or not at all, the document last.

    Raises:
        StudyError: if they cannot be written.
    """
    if not os.fspath(directory):
        raise StudyError("the name of the study directory is empty")
    target = Path(directory).resolve()
    contents = {f"{name}.parquet": _parquet(table) for name, table in tables.items()}
    contents[STUDY] = json_text(document).encode()
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write_whole(target / name, content)
    except OSError as error:
        raise StudyError(f"cannot write the study {directory}: {error.strerror or error}") from error
    return target


def _parquet(table: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    table.rechunk().write_parquet(content, compression="zstd")
    return content.getvalue()


def _write_whole(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

"""The results of a study on disk."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.experiment.whole_files import write_whole
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
    contents = {f"{name}.parquet": parquet(table) for name, table in tables.items()}
    contents[STUDY] = json_text(document).encode()
    try:
        for name, content in contents.items():
            write_whole(target / name, content)
    except OSError as error:
        raise StudyError(f"cannot write the study {directory}: {error.strerror or error}") from error
    return target


def parquet(table: pl.DataFrame) -> bytes:
    """A table as the content of a file."""
    content = io.BytesIO()
    table.rechunk().write_parquet(content, compression="zstd")
    return content.getvalue()

"""Traces in Parquet: a column of numbers or texts for each thing that a job has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qsession_sim.workload.columns import Int64Array

if TYPE_CHECKING:
    import polars as pl


def read_parquet(file: Path, wanted: Sequence[str]) -> tuple[pl.DataFrame, Int64Array]:
    """Read those of the wanted columns that there are.

    Returns:
        The columns, and the number of each row, from 1.

    Raises:
        OSError, polars.exceptions.PolarsError: if the file cannot be read.
    """
    import polars as pl

    there = pl.read_parquet_schema(file)
    columns = [_read_column(file, name) for name in dict.fromkeys(wanted) if name in there]
    frame = pl.DataFrame(columns)
    return frame, np.arange(1, frame.height + 1)


def _read_column(file: Path, name: str) -> pl.Series:
    """One column, as numbers or texts; one without a value, as exports have many, takes no memory."""
    import polars as pl

    column = pl.read_parquet(file, columns=[name]).to_series()
    if column.null_count() == len(column):
        return pl.repeat(None, len(column), dtype=pl.Null, eager=True).alias(name)
    return column if column.dtype.is_numeric() or column.dtype == pl.String else column.cast(pl.String)

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
    frame = pl.read_parquet(file, columns=[name for name in wanted if name in there])
    words = [name for name, kind in frame.schema.items() if not kind.is_numeric() and kind != pl.String]
    frame = frame.with_columns(pl.col(name).cast(pl.String) for name in words)
    return frame, np.arange(1, frame.height + 1)

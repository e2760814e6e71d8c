"""Names of jobs and sessions, made from the blocks of a workload only when somebody reads them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from qsession_sim.workload.columns import NameBlock

if TYPE_CHECKING:
    import polars as pl

_CHUNK = 8192


def name_series(blocks: Sequence[NameBlock]) -> pl.Series:
    """All names of the blocks in row order, in pieces: a list of all of them would be the peak of memory."""
    import polars as pl

    names = chain.from_iterable(blocks)
    series = pl.Series("name", [], dtype=pl.String)
    while chunk := list(islice(names, _CHUNK)):
        series.append(pl.Series("name", chunk, dtype=pl.String))
    return series.rechunk()


def name_of(blocks: Sequence[NameBlock], row: int) -> str:
    """The name of one row.

    Example:
        >>> from qsession_sim.workload.columns import ListedNames, NumberedNames
        >>> name_of((ListedNames(("a", "b")), NumberedNames("s", 2)), 3)
        's/2'
    """
    for block in blocks:
        if row < len(block):
            return next(islice(block, row, None))
        row -= len(block)
    raise IndexError("there is no such row")

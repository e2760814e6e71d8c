"""Names of jobs and sessions, made from the blocks of a workload only when somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from qsession_sim.workload.columns import KeyedNames, NameBlock, NumberedNames, WrittenNames

if TYPE_CHECKING:
    import polars as pl

_CHUNK = 8192
_ROWS_AT_ONCE = 1 << 17


def name_series(blocks: Sequence[NameBlock]) -> pl.Series:
    """All names of the blocks in row order, in pieces: a list of all of them would be the peak of memory."""
    import polars as pl

    series = pl.Series("name", [], dtype=pl.String)
    for piece in chain.from_iterable(map(_pieces, blocks)):
        series.append(piece)
    return series.rechunk()


def _pieces(block: NameBlock) -> Iterator[pl.Series]:
    """The names of a block; where they are texts or numbers, without a Python text for each."""
    import polars as pl

    if isinstance(block, WrittenNames):
        yield block.texts.alias("name")
    elif isinstance(block, NumberedNames | KeyedNames):
        for start in range(0, len(block), _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, len(block))
            if isinstance(block, NumberedNames):
                keys = pl.int_range(start + 1, stop + 1, eager=True)
            else:
                keys = pl.Series(block.keys[start:stop])
            yield (f"{block.stream}/" + keys.cast(pl.String)).alias("name")
    else:
        names = iter(block)
        while chunk := list(islice(names, _CHUNK)):
            yield pl.Series("name", chunk, dtype=pl.String)


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

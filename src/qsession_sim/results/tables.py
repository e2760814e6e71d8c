"""The result tables as polars frames, from columns of numbers. Columns, order and words are promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import numpy as np

from qsession_sim.results.columns import (
    Column,
    IntervalKind,
    interval_columns,
    job_columns,
    queue_length_columns,
    queue_lengths,
    session_columns,
    transition_columns,
)
from qsession_sim.results.record import NOTHING, Record
from qsession_sim.results.usage import COLUMNS as ACCOUNT_COLUMNS
from qsession_sim.results.usage import account_frame
from qsession_sim.scheduler.transitions import SessionEvent
from qsession_sim.scheduler.vocabulary import JobStatus, Mode, Reason, SessionState
from qsession_sim.workload.columns import (
    KeyedNames,
    NameBlock,
    NestedNames,
    NumberedNames,
    WrittenNames,
    is_constant,
)

if TYPE_CHECKING:
    import polars as pl

TABLES: Final = ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts")

MODES: Final = tuple(mode.name.lower() for mode in Mode)
STATES: Final = tuple(state.name.lower() for state in SessionState)
STATUSES: Final = tuple(status.name for status in JobStatus)
REASONS: Final = tuple(reason.name for reason in Reason if reason is not Reason.NONE)
EVENTS: Final = tuple(event.name for event in SessionEvent)
KINDS: Final = tuple(kind.name.lower() for kind in IntervalKind)

_CHUNK = 8192
_ROWS_AT_ONCE = 1 << 17

_COLUMNS: Final[Mapping[str, Callable[[Record], dict[str, Column]]]] = {
    "jobs": job_columns,
    "sessions": session_columns,
    "intervals": interval_columns,
    "transitions": transition_columns,
    "queue_length": lambda record: queue_length_columns(queue_lengths(record)),
}


def column_names(table: str) -> tuple[str, ...]:
    """The columns of a table, by its name.

    Example:
        >>> column_names("queue_length")
        ('qpu', 'time_us', 'queued')
    """
    return ACCOUNT_COLUMNS if table == "accounts" else tuple(_COLUMNS[table](NOTHING))


def kinds_of_columns(table: str) -> dict[str, str]:
    """What the columns of a table hold, by their names, in words.

    Example:
        >>> kinds_of_columns("queue_length")
        {'qpu': 'texts', 'time_us': 'whole numbers', 'queued': 'whole numbers'}
    """
    empty = account_frame(NOTHING, {}) if table == "accounts" else Tables(NOTHING).build(table)
    return {name: kind_of(kind) for name, kind in empty.schema.items()}


def kind_of(kind: pl.DataType) -> str:
    """What a column of a type holds, in a word.

    Example:
        >>> import polars as pl
        >>> kind_of(pl.Enum(["a"])), kind_of(pl.Int8()), kind_of(pl.Date())
        ('texts', 'whole numbers', 'Date')
    """
    import polars as pl

    if isinstance(kind, pl.String | pl.Enum | pl.Categorical):
        return "texts"
    return "whole numbers" if kind.is_integer() else "numbers" if kind.is_float() else str(kind)


@dataclass(frozen=True)
class Tables:
    """Makes the tables that the record of a run is enough for."""

    record: Record

    @cached_property
    def job_names(self) -> pl.Series:
        """The name of every job of the workload, by job number."""
        return name_series(self.record.workload.job_names)

    @cached_property
    def session_names(self) -> pl.Series:
        """The name of every session of the workload, by session number."""
        return name_series(self.record.workload.session_names)

    def build(self, table: str) -> pl.DataFrame:
        """Make a table, by its name, without keeping it."""
        return self.frame(table, _COLUMNS[table](self.record))

    def frame(self, table: str, columns: dict[str, Column]) -> pl.DataFrame:
        """Make a table from its columns of numbers, which are taken out of the dictionary."""
        import polars as pl

        words = self._words()
        series = []
        for name in tuple(columns):
            column = columns.pop(name)  # one by one, so that each is freed when it is converted
            if name == "job" and len(column) == len(self.job_names) and table == "jobs":
                converted = self.job_names  # every job was submitted
            elif name == "job":
                converted = _gather(self.job_names, column)
            elif name == "session":
                converted = _gather(self.session_names, column)
            elif name == "reason":
                converted = _reasons(column)
            elif name in words:
                converted = _gather(_enumeration(words[name]), column)
            else:
                converted = _numbers(column)
            series.append(converted.alias(name))
        return pl.DataFrame(series)

    def _words(self) -> Mapping[str, Sequence[str]]:
        return {
            "account": self.record.workload.accounts,
            "stream": self.record.workload.streams,
            "qpu": self.record.qpus,
            "mode": MODES,
            "status": STATUSES,
            "state": STATES,
            "from_state": STATES,
            "to_state": STATES,
            "event": EVENTS,
            "kind": KINDS,
        }


def _numbers(column: Column) -> pl.Series:
    """Booleans as they are; numbers as int64 with null for NEVER."""
    import polars as pl

    if column.dtype == np.bool_:
        return pl.Series(column)
    if _has_one_value(column):
        value = int(column[0])
        return pl.Series([value if value >= 0 else None], dtype=pl.Int64).new_from_index(0, len(column))
    series = pl.Series(column.astype(np.int64, copy=False))  # shares the memory of int64 columns
    return series.set(series < 0, None) if column.min(initial=0) < 0 else series


def _gather(words: pl.Series, column: Column) -> pl.Series:
    """The words at the positions of a column; null for NEVER."""
    import polars as pl

    if _has_one_value(column):
        word = words.gather([column[0]]) if column[0] >= 0 else pl.Series([None], dtype=words.dtype)
        return word.new_from_index(0, len(column))
    positions = pl.Series(column.astype(np.uint32))  # as polars counts rows
    return words.gather(
        positions.set(pl.Series(column < 0), None) if column.min(initial=0) < 0 else positions
    )


def _has_one_value(column: Column) -> bool:
    """Whether all rows of a column, which has some, are the same."""
    return len(column) > 0 and (is_constant(column) or bool(column.min() == column.max()))


def _enumeration(words: Sequence[str]) -> pl.Series:
    import polars as pl

    return pl.Series(words, dtype=pl.Enum(words))


def _reasons(column: Column) -> pl.Series:
    """The numbers of reasons have gaps; NONE and NEVER are null."""
    position = np.full(max(Reason) + 2, -1, dtype=np.int8)  # the last entry is that of NEVER
    for index, word in enumerate(REASONS):
        position[Reason[word]] = index
    return _gather(_enumeration(REASONS), position[column])


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
    elif isinstance(block, NumberedNames | KeyedNames | NestedNames):
        stream = pl.lit(f"{block.stream}/")
        for start in range(0, len(block), _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, len(block))
            if isinstance(block, NumberedNames):
                written = pl.format("{}{}", stream, pl.int_range(start + 1, stop + 1))
            elif isinstance(block, KeyedNames):
                written = pl.format("{}{}", stream, pl.Series(block.keys[start:stop]))
            else:
                group, member = block.numbers(start, stop)
                written = pl.format("{}{}/{}", stream, pl.Series(group), pl.Series(member))
            yield pl.select(name=written).to_series()
    else:
        names = iter(block)
        while chunk := list(islice(names, _CHUNK)):
            yield pl.Series("name", chunk, dtype=pl.String)

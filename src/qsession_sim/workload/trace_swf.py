"""Traces in the Standard Workload Format, version 2.2.

Format: S. J. Chapin et al., "Benchmarks and standards for the evaluation of parallel job schedulers" (1999),
and the page on the format in the Parallel Workloads Archive. A job is a line of 18 numbers; -1 is "unknown".
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import numpy as np

from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import EMPTY_WORKLOAD, Int64Array, KeyedNames, NumberedNames, constant
from qsession_sim.workload.part import filled
from qsession_sim.workload.trace_numbers import Numbers, numbers_of
from qsession_sim.workload.trace_rows import FROM_SOURCE, UNKNOWN_USER, BadRows, BooleanArray, Rows

if TYPE_CHECKING:
    import polars as pl

FIELDS: Final = 18

_JOB, _SUBMITTED, _RUN_TIME, _STATUS, _USER, _PRECEDING, _THINK = 1, 2, 4, 11, 12, 17, 18
_WORDS: Final = {
    _JOB: "job number",
    _SUBMITTED: "submit time",
    _RUN_TIME: "run time",
    _STATUS: "status",
    _USER: "user",
    _PRECEDING: "preceding job",
    _THINK: "think time",
}
_LINES_AT_ONCE: Final = 131_072
_PARTIAL: Final = (2, 3, 4)  # statuses of parts of a job, whose line with the whole is there too
_COMMENT: Final = b";"


def read_swf(file: Path, stream: str) -> Rows:
    """Read the jobs of a file.

    Args:
        file: `.swf`, or `.swf.gz`.
        stream: the beginning of the jobs' names.

    Raises:
        OSError, EOFError, zlib.error: if the file cannot be read.
    """
    lines: list[Int64Array] = []
    seconds: dict[int, list[Numbers]] = {field: [] for field in _WORDS}
    reasons: dict[int, str] = {}
    read = 0
    with _open(file) as source:
        for numbers, frame in _frames(source):
            _collect(frame, seconds, reasons, read)
            lines.append(numbers)
            read += len(numbers)
    columns = {field: Numbers.joined(parts) for field, parts in seconds.items()}
    return _rows(np.concatenate([filled(0, 0), *lines]), columns, reasons, stream)


def _open(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file)) if file.name.lower().endswith(".gz") else file.open("rb")


def _frames(source: BinaryIO) -> Iterator[tuple[Int64Array, pl.DataFrame]]:
    """Pieces of the file: numbers of the lines that are jobs, and their fields as text in columns."""
    import polars as pl

    first = 1
    while texts := list(islice(source, _LINES_AT_ONCE)):
        stripped = [text.strip() for text in texts]
        kept = [row for row, text in enumerate(stripped) if text and not text.startswith(_COMMENT)]
        series = pl.Series(
            "text", [stripped[row].decode("utf-8", "replace") for row in kept], dtype=pl.String
        )
        words = series.str.replace_all(r"\s+", " ").str.split(" ")
        frame = pl.DataFrame(
            {"fields": words.list.len()}
            | {str(field): words.list.get(field - 1, null_on_oob=True) for field in range(1, FIELDS + 1)}
        )
        yield np.array(kept, dtype=np.int64) + first, frame
        first += len(texts)


def _collect(
    frame: pl.DataFrame,
    seconds: dict[int, list[Numbers]],
    reasons: dict[int, str],
    read: int,
) -> None:
    """Convert a piece; remember what is wrong with its rows, by their position in the whole file."""
    for field in range(FIELDS, 0, -1):
        column = frame[str(field)]
        unit = SECOND if field in (_SUBMITTED, _RUN_TIME, _THINK) else 1
        values = numbers_of(column, unit)
        if field in seconds:
            seconds[field].append(values)
        wrong = values.wrong if field in _WORDS else values.wrong & ~_numeric(column)
        for row in np.flatnonzero(wrong).tolist():
            reasons[read + row] = f"{_called(field)}: not a number that can be used (got {column[row]!r})"
    count = frame["fields"].to_numpy()
    for row in np.flatnonzero(count != FIELDS).tolist():
        reasons[read + row] = f"has {count[row]} fields, not {FIELDS}"


def _numeric(column: pl.Series) -> BooleanArray:
    """Whether a field that is not used is a number at all, however large."""
    import polars as pl

    return column.cast(pl.Float64, strict=False).is_not_null().to_numpy()


def _called(field: int) -> str:
    return f"field {field}, {_WORDS[field]}" if field in _WORDS else f"field {field}"


def _rows(lines: Int64Array, columns: dict[int, Numbers], reasons: dict[int, str], stream: str) -> Rows:
    count = len(lines)
    bad = BadRows(count)
    wrong = np.zeros(count, dtype=np.bool_)
    wrong[list(reasons)] = True
    bad.add(wrong, reasons.__getitem__)
    field = {number: column.values for number, column in columns.items()}
    follows = field[_PRECEDING] > 0
    at_us = np.where(field[_SUBMITTED] < 0, NEVER, field[_SUBMITTED])
    unknown = field[_SUBMITTED] == -SECOND
    partial = np.isin(field[_STATUS], _PARTIAL)
    unrun = (field[_RUN_TIME] <= 0) | partial
    bad.add((at_us == NEVER) & ~unknown & ~unrun, lambda _: f"{_called(_SUBMITTED)}: is negative")
    bad.add((at_us == NEVER) & ~follows & ~unrun, lambda _: f"{_called(_SUBMITTED)}: is unknown (-1)")
    keys = field[_JOB]
    bad.add(
        _repeated(keys, ~partial & ~wrong),
        lambda row: f"{_called(_JOB)}: {keys[row]} is also an earlier line",
    )
    after = _preceding(keys, field[_PRECEDING], follows, partial | wrong)
    bad.add(
        follows & (after == NEVER) & ~unrun,
        lambda row: f"{_called(_PRECEDING)}: {field[_PRECEDING][row]} is not in the file",
    )
    users, user = _users(field[_USER])
    unset = constant(count, NEVER)
    return Rows(
        place="line",
        lines=lines,
        bad=bad,
        unrun=unrun,
        at_us=at_us,
        after=after,
        think_us=np.where(follows, np.maximum(field[_THINK], 0), 0),
        qpu_time_us=field[_RUN_TIME],
        max_execution_time_us=constant(count, FROM_SOURCE),
        priority=constant(count, 0),
        cancel_us=unset,
        cancel_after_us=unset,
        preparation_us=constant(count, 0),
        post_processing_us=constant(count, 0),
        estimate_us=unset,
        user=user,
        users=users,
        session=unset,
        sessions=EMPTY_WORKLOAD.sessions,
        names_of=lambda used: KeyedNames(stream, keys[used]),
        session_names=NumberedNames(stream, 0),
    )


def _repeated(keys: Int64Array, counts: BooleanArray) -> BooleanArray:
    """Rows whose key an earlier row has; only rows that count."""
    rows = np.flatnonzero(counts)
    _, first = np.unique(keys[rows], return_index=True)
    repeated = counts.copy()
    repeated[rows[first]] = False
    return repeated


def _preceding(
    keys: Int64Array, preceding: Int64Array, follows: BooleanArray, left_out: BooleanArray
) -> Int64Array:
    """The row of each row's preceding job, NEVER where there is none."""
    after = filled(len(keys), NEVER)
    rows = np.flatnonzero(~left_out)
    known, first = np.unique(keys[rows], return_index=True)
    asked = np.flatnonzero(follows)
    if len(known) and len(asked):
        place = np.minimum(np.searchsorted(known, preceding[asked]), len(known) - 1)
        found = known[place] == preceding[asked]
        after[asked[found]] = rows[first][place[found]]
    return after


def _users(numbers: Int64Array) -> tuple[tuple[str, ...], Int64Array]:
    """Accounts in the order in which they come, and that of each row."""
    known, first, user = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(known), dtype=np.int64)
    place[order] = np.arange(len(known))
    names = tuple(UNKNOWN_USER if number < 0 else f"user-{number}" for number in known[order].tolist())
    return names, place[user]

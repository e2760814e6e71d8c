"""From columns of a CSV or Parquet file to rows of a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.models import TraceColumns
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.units import UNITS_US
from qsession_sim.workload.columns import (
    Int64Array,
    ListedNames,
    NameBlock,
    SessionColumns,
    WrittenNames,
    constant,
    is_constant,
)
from qsession_sim.workload.part import filled, source_error

if TYPE_CHECKING:
    import polars as pl


# -- Columns of numbers as files have them, converted to integers without losing a digit.

_LARGEST: Final = 2**62


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of integers; each array has shape (rows,). `values` is 0 where missing or wrong."""

    values: Int64Array
    missing: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]

    @staticmethod
    def joined(parts: Sequence[Numbers]) -> Numbers:
        """Columns after one another."""
        no_flags = np.zeros(0, dtype=np.bool_)
        return Numbers(
            np.concatenate([np.zeros(0, dtype=np.int64), *(part.values for part in parts)]),
            np.concatenate([no_flags, *(part.missing for part in parts)]),
            np.concatenate([no_flags, *(part.wrong for part in parts)]),
        )


def numbers_of(column: pl.Series, factor: int = 1) -> Numbers:
    """Multiply a column of numbers or of texts by a factor, and round half to even, once (S1).

    Whole numbers are exact. A fraction is rounded on its own, so that a large time keeps its microseconds.

    Args:
        column: integers, floats or texts, shape (rows,); empty texts count as missing.
        factor: such as the microseconds of the column's unit.

    Example:
        >>> import polars as pl
        >>> numbers_of(pl.Series(["2", " 0.5", "", "x"]), 1_000_000).values.tolist()
        [2000000, 500000, 0, 0]
    """
    import polars as pl

    if column.dtype == pl.String:
        column = column.str.strip_chars()
        column = column.set(column.is_in([""]), None)
    if column.dtype == pl.Int64 and not column.null_count():
        values = column.to_numpy()
        most = _LARGEST // factor
        if values.max(initial=0) <= most and values.min(initial=0) >= -most:  # as usual: nothing to convert
            flags = np.zeros(len(column), dtype=np.bool_)
            return Numbers(values if factor == 1 else values * factor, flags, flags)
    missing = column.is_null().to_numpy()
    whole = None if column.dtype.is_float() else column.cast(pl.Int64, strict=False)
    floating = column.cast(pl.Float64, strict=False)
    exact = np.zeros(len(column), dtype=np.int64)
    is_exact = np.zeros(len(column), dtype=np.bool_)
    if whole is not None:
        is_exact = whole.is_not_null().to_numpy()
        exact = whole.fill_null(0).to_numpy()
        is_exact &= (exact <= _LARGEST // factor) & (exact >= -(_LARGEST // factor))
    values = np.where(is_exact, exact, 0) * factor
    rest = np.flatnonzero(~is_exact & ~missing)
    near = floating.gather(rest).fill_null(np.nan).to_numpy()
    # integers that are too large to be exact are too large
    possible = np.isfinite(near) & (np.abs(near) * factor <= _LARGEST)
    floor = np.floor(near[possible])
    fraction = np.rint((near[possible] - floor) * factor).astype(np.int64)
    values[rest[possible]] = floor.astype(np.int64) * factor + fraction
    wrong = np.zeros(len(column), dtype=np.bool_)
    wrong[rest[~possible]] = True
    return Numbers(values, missing, wrong)


# -- What all formats of traces share: rows of a file, what is wrong with them, and what follows from that.

BooleanArray = npt.NDArray[np.bool_]

FROM_SOURCE: Final = -2
"""As the limit of a row: the row does not say, so the source does."""

UNKNOWN_USER: Final = "user-unknown"
"""The account of jobs whose user the file does not tell."""

MOST_SHOWN: Final = 20

_LONGEST_US: Final = 2**62


class BadRows:
    """The malformed rows of a file, each with the first reason that was found."""

    def __init__(self, rows: int) -> None:
        self.mask: BooleanArray = np.zeros(rows, dtype=np.bool_)
        self._found: list[tuple[Int64Array, Callable[[int], str]]] = []

    def add(self, mask: BooleanArray, reason: Callable[[int], str]) -> None:
        """Take rows as malformed.

        Args:
            mask: shape (rows,).
            reason: from a row to what is wrong with it; called only for those that are shown.
        """
        fresh = np.flatnonzero(mask & ~self.mask)
        if len(fresh):
            self.mask[fresh] = True
            self._found.append((fresh, reason))

    def first(self, most: int) -> Iterator[tuple[int, str]]:
        """The first rows in the order of the file, and what is wrong with each."""
        each = [
            [(row, number) for row in fresh[:most].tolist()] for number, (fresh, _) in enumerate(self._found)
        ]
        for row, number in islice(merge(*each), most):
            yield row, self._found[number][1](row)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a trace; arrays have shape (rows,). Values of malformed rows are anything.

    `after` and `session` are rows of this trace and of `sessions`; `names` is None where rows have no ids.
    """

    place: str  # what a row is called in messages: line or row
    lines: Int64Array  # the number of each row in the file
    bad: BadRows
    unrun: BooleanArray  # whether the file says that the job never ran
    at_us: Int64Array  # also of follow-ups where the file says it; NEVER
    after: Int64Array
    think_us: Int64Array
    qpu_time_us: Int64Array
    max_execution_time_us: Int64Array  # as JobColumns, or FROM_SOURCE
    priority: Int64Array
    cancel_us: Int64Array
    cancel_after_us: Int64Array
    preparation_us: Int64Array
    post_processing_us: Int64Array
    estimate_us: Int64Array  # NEVER: the file does not say
    user: Int64Array  # index into `users`
    users: tuple[str, ...]
    session: Int64Array
    sessions: SessionColumns  # clocks are NEVER where the file does not say
    names_of: Callable[[Int64Array], NameBlock | None]  # from the rows that are used to their ids
    session_names: NameBlock


def check_chains(rows: Rows) -> Int64Array:
    """Reject rows whose chain of preceding jobs has no beginning, and let go of those that never ran.

    Returns:
        The preceding row of each row, NEVER without one; rows not to be used are in `rows.bad` or `unrun`.
    """
    count = len(rows.lines)
    # a job that never ran did not end either: what followed it was submitted when the file says
    gone = rows.unrun & ~rows.bad.mask
    after = np.where((rows.after != NEVER) & gone[rows.after], NEVER, rows.after)
    rows.bad.add(
        (after == NEVER) & (rows.at_us == NEVER) & ~gone,
        lambda _: "has no time of submission, and no preceding job that ran",
    )
    if not (after != NEVER).any():
        return constant(count, NEVER)  # malformed rows break nobody's chain
    beyond = count  # one more row, which follows itself and is neither good nor bad
    pointer = np.append(np.where(after == NEVER, beyond, after), beyond)
    broken = np.append(rows.bad.mask, False)
    for _ in range(max(count, 1).bit_length() + 1):
        broken |= broken[pointer]
        pointer = pointer[pointer]
    rows.bad.add(broken[:count], lambda _: "follows a line that cannot be used, directly or through others")
    rows.bad.add(pointer[:count] != beyond, lambda _: "waits for itself, directly or through other jobs")
    return after


def check_times(rows: Rows) -> None:
    """Reject rows with times that no run could reach."""
    late = (rows.at_us > _LONGEST_US // 2) | (rows.qpu_time_us > _LONGEST_US // 2)
    for times_us in (rows.think_us, rows.preparation_us, rows.post_processing_us, rows.estimate_us):
        late |= times_us > _LONGEST_US // 2
    rows.bad.add(late, lambda _: "has a time beyond 73,000 years")


def refuse(rows: Rows, stream: str, file: str) -> None:
    """Raise an error with the first malformed rows and their number, if there are any.

    Raises:
        ScenarioError: with at most `MOST_SHOWN` lines, and one with the total.
    """
    total = int(rows.bad.mask.sum())
    if total == 0:
        return
    problems = [
        f"workload.{stream}: {file}, {rows.place} {rows.lines[row]}: {reason}"
        for row, reason in rows.bad.first(MOST_SHOWN)
    ]
    what = f"1 malformed {rows.place}" if total == 1 else f"{total} malformed {rows.place}s"
    shown = f", the first {MOST_SHOWN} of which are shown" if total > MOST_SHOWN else ""
    remedy = "; correct the file, or leave them out with --skip-bad-lines (skip_bad_lines: true)"
    raise ScenarioError((*problems, f"workload.{stream}: {file}: {what}{shown}{remedy}"))


def unreadable(stream: str, file: str, error: Exception) -> ScenarioError:
    """The error of a file that cannot be read at all."""
    lines = str(getattr(error, "strerror", None) or error).splitlines()
    return source_error(stream, f"{file}: cannot be read: {lines[0] if lines else type(error).__name__}")


OWN_NAMES: Final[Mapping[str, str]] = {
    "job": "job",
    "account": "account",
    "session": "session",
    "mode": "mode",
    "submitted": "submitted_us",
    "after": "after",
    "think": "think_us",
    "qpu_time": "qpu_time_us",
    "max_execution_time": "max_execution_time_us",
    "priority": "priority",
    "cancel": "cancel_us",
    "cancel_after": "cancel_after_us",
    "preparation": "preparation_us",
    "post_processing": "post_processing_us",
    "estimate": "estimate_us",
}
"""The columns of a job, as an export names them."""

SESSION_TIMES: Final = (
    *("created_us", "max_time_us", "interactive_timeout_us"),
    *("close_us", "cancel_us", "close_after_us", "cancel_after_us"),
)
"""The times of a session; an export has them as `session_…` in every row of its jobs."""

_WORDS: Final = ("job", "account", "session", "mode", "after")
_MODES: Final = {mode.name.lower(): mode for mode in Mode}
_MOST_URGENT: Final = 2**62


class ColumnError(ValueError):
    """A file lacks a column that it must have, or has it twice."""


def wanted_columns(columns: TraceColumns | None) -> tuple[str, ...]:
    """The names of all columns that a file may have."""
    return (*_chosen(columns).values(), *(f"session_{name}" for name in SESSION_TIMES))


def _chosen(columns: TraceColumns | None) -> dict[str, str]:
    given = {} if columns is None else columns.model_dump(exclude_none=True, exclude={"unit"})
    return {**OWN_NAMES, **given}


@dataclass(frozen=True, eq=False)
class _Table:
    """Columns of a file by their meaning, with the malformed rows found so far."""

    frame: pl.DataFrame
    names: Mapping[str, str]
    factors: Mapping[str, int]
    bad: BadRows

    def numbers(self, key: str, missing: int, least: int = 0, *, required: bool = False) -> Int64Array:
        """A column of numbers; `missing` where there is none."""
        name = self.names.get(key, key)
        if name not in self.frame.columns:
            return constant(self.frame.height, missing)
        column = self.frame[name]
        if column.null_count() == len(column) and not required:
            return constant(len(column), missing)
        found: Numbers = numbers_of(column, self.factors.get(key, 1))
        self.bad.add(found.wrong, lambda row: f"{name}: not a number that can be used (got {column[row]!r})")
        self.bad.add(
            ~found.missing & (found.values < least), lambda row: f"{name}: too small (got {column[row]})"
        )
        if required:
            self.bad.add(found.missing, lambda _: f"{name}: missing")
        return np.where(found.missing, missing, found.values) if found.missing.any() else found.values

    def texts(self, key: str) -> pl.Series | None:
        """A column of texts, null where empty; None if there is none."""
        import polars as pl

        name = self.names[key]
        if name not in self.frame.columns:
            return None
        column = self.frame[name]
        if column.dtype == pl.Null:
            return column
        column = column.cast(pl.String)
        empty = column == ""
        return column.set(empty, None) if empty.any() else column


def rows_of(
    frame: pl.DataFrame,
    lines: Int64Array,
    place: str,
    columns: TraceColumns | None,
    shapes: Mapping[int, str],
) -> Rows:
    """Interpret the columns of a file.

    Args:
        frame: as read; texts or numbers.
        lines: what each row is called, shape (rows,).
        place: the word for that: line or row.
        columns: the names of columns that are not those of an export.
        shapes: by row, why it is malformed whatever is in it.

    Raises:
        ColumnError: if a column is not there.
    """
    names = _chosen(columns)
    _check_columns(frame, names, columns)
    bad = BadRows(frame.height)
    shapeless = np.zeros(frame.height, dtype=np.bool_)
    shapeless[list(shapes)] = True
    bad.add(shapeless, shapes.__getitem__)
    unit = 1 if columns is None or columns.unit is None else UNITS_US[columns.unit]
    given = set() if columns is None else columns.model_fields_set
    table = _Table(frame, names, {key: unit for key in given if OWN_NAMES.get(key, "").endswith("_us")}, bad)
    ids, names_of = _ids(table)
    after = _after(table, ids)
    users, user = _users(table)
    session, sessions, session_names = _sessions(table, user)
    at_us = table.numbers("submitted", NEVER)
    created_us = sessions.created_us[session] if len(sessions) else constant(frame.height, NEVER)
    early = (session != NEVER) & (at_us != NEVER) & (at_us < created_us)
    bad.add(early, lambda _: f"{names['submitted']}: before the creation of its session")
    return Rows(
        place=place,
        lines=lines,
        bad=bad,
        unrun=np.zeros(frame.height, dtype=np.bool_),
        at_us=at_us,
        after=after,
        think_us=_think_us(table, after),
        qpu_time_us=table.numbers("qpu_time", 1, least=1, required=True),
        max_execution_time_us=table.numbers("max_execution_time", FROM_SOURCE, least=NEVER),
        priority=table.numbers("priority", 0, least=-_MOST_URGENT),
        cancel_us=table.numbers("cancel", NEVER),
        cancel_after_us=table.numbers("cancel_after", NEVER),
        preparation_us=table.numbers("preparation", 0),
        post_processing_us=table.numbers("post_processing", 0),
        estimate_us=table.numbers("estimate", NEVER, least=1),
        user=user,
        users=users,
        session=session,
        sessions=sessions,
        names_of=names_of,
        session_names=session_names,
    )


def _think_us(table: _Table, after: Int64Array) -> Int64Array:
    think_us = table.numbers("think", 0)
    return constant(len(after), 0) if is_constant(after) else np.where(after == NEVER, 0, think_us)


def _check_columns(frame: pl.DataFrame, names: Mapping[str, str], columns: TraceColumns | None) -> None:
    required = {"qpu_time": names["qpu_time"]}
    if names["after"] not in frame.columns:
        required["submitted"] = names["submitted"]
    if columns is not None:
        required |= columns.model_dump(exclude_none=True, exclude={"unit"})
    missing = [f"{name!r} (columns.{key})" for key, name in required.items() if name not in frame.columns]
    if missing:
        raise ColumnError(f"has no column {', '.join(missing)}; name the file's own columns in columns")


def _ids(table: _Table) -> tuple[pl.Series | None, Callable[[Int64Array], NameBlock | None]]:
    ids = table.texts("job")
    if ids is None:
        return None, lambda _: None

    def names_of(used: Int64Array) -> NameBlock | None:
        chosen = ids if len(used) == len(ids) else ids.gather(used)
        return WrittenNames(chosen) if chosen.null_count() == 0 and _are_unique(chosen) else None

    return ids, names_of


def _are_unique(texts: pl.Series) -> bool:
    """Whether no text occurs twice; numbers are sorted sooner than texts are compared."""
    hashes = np.sort(texts.hash().to_numpy())
    return bool(np.all(hashes[1:] != hashes[:-1])) or texts.n_unique() == len(texts)


def _after(table: _Table, ids: pl.Series | None) -> Int64Array:
    import polars as pl

    asked = table.texts("after")
    if asked is None or asked.null_count() == len(asked):
        return constant(table.frame.height, NEVER)
    if ids is None:
        raise ColumnError(f"has no column {table.names['job']!r}, to which {table.names['after']!r} refers")
    ids = ids.cast(pl.String)
    repeated = ids.is_not_null() & ~ids.is_first_distinct()
    table.bad.add(repeated.to_numpy(), lambda row: f"{table.names['job']}: {ids[row]!r} was there before")
    known = (
        pl.DataFrame({"id": ids}).with_row_index("row").filter(ids.is_first_distinct() & ids.is_not_null())
    )
    found = pl.DataFrame({"id": asked}).join(known, on="id", how="left", maintain_order="left")["row"]
    lost = asked.is_not_null() & found.is_null()
    table.bad.add(
        lost.to_numpy(), lambda row: f"{table.names['after']}: no job {asked[row]!r} is in the file"
    )
    return found.cast(pl.Int64).fill_null(NEVER).to_numpy()


def _users(table: _Table) -> tuple[tuple[str, ...], Int64Array]:
    import polars as pl

    accounts = table.texts("account")
    if accounts is None:
        return (UNKNOWN_USER,), constant(table.frame.height, 0)
    return _numbered(accounts.cast(pl.String).fill_null(UNKNOWN_USER))


def _numbered(words: pl.Series) -> tuple[tuple[str, ...], Int64Array]:
    """The words in the order in which they come, and the number of each row's; NEVER for null."""
    import polars as pl

    if words.null_count() == len(words):
        return (), constant(len(words), NEVER)
    if not words.null_count() and (words == words[0]).all():
        return (words[0],), constant(len(words), 0)
    known = words.drop_nulls().unique(maintain_order=True)
    numbers = pl.DataFrame({"word": known}).with_row_index("number")
    joined = pl.DataFrame({"word": words}).join(numbers, on="word", how="left", maintain_order="left")
    return tuple(known.to_list()), joined["number"].cast(pl.Int64).fill_null(NEVER).to_numpy()


def _sessions(table: _Table, user: Int64Array) -> tuple[Int64Array, SessionColumns, NameBlock]:
    import polars as pl

    ids = table.texts("session")
    ids = pl.Series([None] * table.frame.height, dtype=pl.String) if ids is None else ids
    names, session = _numbered(ids)
    mode = _modes(table, session)
    owner = _of_the_first(table, session, len(names), user, table.names["account"])
    columns = {"account": owner, "mode": _of_the_first(table, session, len(names), mode, table.names["mode"])}
    for time in SESSION_TIMES:
        times = table.numbers(f"session_{time}", NEVER)
        columns[time] = _of_the_first(table, session, len(names), times, f"session_{time}")
    for time in ("close_us", "cancel_us"):
        early = (columns[time] != NEVER) & (columns[time] < columns["created_us"])
        table.bad.add(
            (session != NEVER) & early[session] if len(names) else np.zeros(len(session), dtype=np.bool_),
            lambda _, time=time: f"session_{time}: before the creation of the session",  # type: ignore[misc]
        )
    unset = filled(len(names), NEVER)
    return session, SessionColumns(**columns, stream=unset, client=unset), ListedNames(names)


def _modes(table: _Table, session: Int64Array) -> Int64Array:
    """The mode of each row; without a column, session for those in one."""
    default = np.where(session == NEVER, int(Mode.JOB), int(Mode.SESSION))
    words = table.texts("mode")
    if words is None or words.null_count() == len(words):
        return default
    numbers = {word: int(mode) for word, mode in _MODES.items()}
    mode = np.where(words.is_null().to_numpy(), default, NEVER)
    for word, number in numbers.items():
        mode[(words == word).fill_null(value=False).to_numpy()] = number
    wrong: BooleanArray = mode == NEVER
    name = table.names["mode"]
    table.bad.add(wrong, lambda row: f"{name}: must be job, session or batch (got {words[row]!r})")
    unmatched = (mode == Mode.JOB) != (session == NEVER)
    table.bad.add(unmatched, lambda _: f"{name}: job is the mode of jobs without a session, and of no other")
    return mode


def _of_the_first(
    table: _Table, session: Int64Array, sessions: int, values: Int64Array, name: str
) -> Int64Array:
    """What the first row of each session says, shape (sessions,); others must agree."""
    rows = np.flatnonzero(session != NEVER)
    _, first = np.unique(session[rows], return_index=True)
    chosen = values[rows[first]] if sessions else filled(0, 0)
    differs = np.zeros(len(session), dtype=np.bool_)
    differs[rows] = values[rows] != chosen[session[rows]]
    table.bad.add(differs, lambda _: f"{name}: not that of the session's first job")
    return chosen

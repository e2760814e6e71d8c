"""From columns of a CSV or Parquet file to rows of a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from qsession_sim.scenario.resolved_trace import TraceColumns
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
from qsession_sim.workload.part import filled
from qsession_sim.workload.trace_numbers import Numbers, numbers_of
from qsession_sim.workload.trace_rows import FROM_SOURCE, UNKNOWN_USER, BadRows, BooleanArray, Rows

if TYPE_CHECKING:
    import polars as pl

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

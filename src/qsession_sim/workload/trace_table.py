"""Jobs as a table: the columns that a file of jobs has, and the way from columns to rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qsession_sim.scenario.trace_columns import TimeColumn, TraceColumns
from qsession_sim.scenario.trace_dates import holds_dates
from qsession_sim.scenario.trace_files import ColumnError, Table, found
from qsession_sim.scenario.trace_times import dates_us, lengths_us, physical_us
from qsession_sim.scheduler.plan import JobFields
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Mode
from qsession_sim.units import LONGEST_US, UNITS_US
from qsession_sim.workload.columns import (
    Int64Array,
    JobColumns,
    NameBlock,
    SessionColumns,
    WrittenNames,
    constant,
)
from qsession_sim.workload.context import filled
from qsession_sim.workload.trace_rows import (
    FROM_SOURCE,
    LARGEST,
    NEVER_RAN,
    UNKNOWN_USER,
    BadRows,
    Numbers,
    TraceRows,
    not_usable,
    numbers_of,
)

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class TraceColumn:
    """A column of a table of jobs, which readers, the export and the documentation go by.

    Attributes:
        name: in an export, and in every file that does not call it otherwise.
        meaning: in the words of the documentation.
        of_job: the column of `JobColumns` with these numbers; empty if it is no number of a job.
        of_session: the column of `SessionColumns`, likewise.
        missing: the number that stands for an empty field.
        least: the smallest number that is accepted.
        writes_missing: whether an export writes `missing` as a number instead of an empty field.
        silent: numbers that ask for nothing, so that nothing is lost with them; by default `missing`.
        takes_time: whether a run lives through it; what lies beyond all runs is then malformed.
        instant: whether it counts from time 0 of the file, or is a date.
        lost: how an export reports that its format has no field for it; None if all have.
    """

    name: str
    meaning: str
    of_job: str = ""
    of_session: str = ""
    missing: int = NEVER
    least: int = 0
    writes_missing: bool = False
    silent: tuple[int, ...] = ()
    takes_time: bool = False
    instant: bool = False
    lost: str | None = None

    @property
    def key(self) -> str | None:
        """The key of `columns` by which a scenario gives the file's own name, if there is one."""
        key = self.name.removesuffix("_us")
        return key if key in TraceColumns.model_fields else None

    @property
    def whole(self) -> bool:
        """Whether a fraction is malformed; of times it is rounded to a microsecond."""
        return not self.name.endswith("_us")

    def is_asked_for(self, jobs: JobColumns) -> bool:
        """Whether any job has a number that asks for something."""
        numbers = getattr(jobs, self.of_job)
        return bool(np.isin(numbers, self.silent or (self.missing,), invert=True).any())


def _of_jobs(name: str, meaning: str, column: str = "", **more: Any) -> TraceColumn:
    """A column of numbers of jobs; as with jobs themselves, what is empty has the default of `JobSpec`."""
    if "missing" not in more:
        more["missing"] = _DEFAULTS[column or name]
    return TraceColumn(name, meaning, of_job=column or name, **more)


def _of_sessions(name: str, meaning: str, *, instant: bool = False) -> TraceColumn:
    return TraceColumn(f"session_{name}", f"the session's {meaning}", of_session=name, instant=instant)


_DEFAULTS: Final = {field.name: field.default for field in fields(JobFields)}
_LIMITS: Final = "limits of execution times are not held"
_PHASES: Final = "preparation, post-processing and estimates are not held"
_CANCELS: Final = "cancels of jobs are not held"

COLUMNS: Final = (
    TraceColumn("job", "id"),
    TraceColumn("account", f"who submits; `{UNKNOWN_USER}` where it is empty"),
    TraceColumn("stream", "the source that drew the job; not read: all jobs of a trace are of its stream"),
    TraceColumn("session", "id of its session"),
    TraceColumn("mode", "`job`, `session` or `batch`; default: `session` for jobs with a session"),
    TraceColumn(
        "qpu", "name of its QPU, or of the machine that `machines` maps to one; empty: it is routed (S54)"
    ),
    _of_jobs("submitted_us", "time of submission", "at_us", takes_time=True, instant=True),
    TraceColumn(
        "after",
        "id of the job that must have ended first, or several ids with `;` between them (S5)",
    ),
    _of_jobs("think_us", "time from that end to the submission", takes_time=True),
    _of_jobs(
        "qpu_time_us",
        "QPU time; 0 or empty: the job never ran, and is left out",
        missing=NEVER_RAN,
        takes_time=True,
    ),
    TraceColumn("started_us", "time of the start, where there is no column of QPU times", instant=True),
    TraceColumn(
        "finished_us", "time of the end, likewise; the QPU time is what is between them", instant=True
    ),
    _of_jobs(
        "max_execution_time_us",
        "limit; 0: none; -1: that of the rules; empty: that of the source",
        missing=FROM_SOURCE,
        least=NEVER,
        silent=(NEVER, NO_LIMIT),
        lost=_LIMITS,
    ),
    _of_jobs(
        "priority", "a whole number", least=-LARGEST, writes_missing=True, lost="priorities are not held"
    ),
    _of_jobs("cancel_us", "time of the user's cancel (S25)", instant=True, lost=_CANCELS),
    _of_jobs("cancel_after_us", "time from the submission to the user's cancel (S25)", lost=_CANCELS),
    _of_jobs(
        "preparation_us",
        "classical time before the QPU time (S40); 0 if empty",
        takes_time=True,
        lost=_PHASES,
    ),
    _of_jobs(
        "post_processing_us",
        "classical time after the QPU time (S40); 0 if empty",
        takes_time=True,
        lost=_PHASES,
    ),
    _of_jobs(
        "estimate_us",
        "the user's estimate of the QPU time, at least 1 us; empty: the QPU time itself",
        least=1,
        takes_time=True,
        lost=_PHASES,
    ),
    _of_jobs(
        "patience_us",
        "time from the submission after which it leaves unless it has started (S27), at least 1 us",
        least=1,
        lost="patience is not held",
    ),
    _of_sessions("created_us", "time of creation", instant=True),
    _of_sessions("max_time_us", "maximum timeout"),
    _of_sessions("interactive_timeout_us", "interactive timeout"),
    _of_sessions("close_us", "time of close", instant=True),
    _of_sessions("cancel_us", "time of cancel", instant=True),
    _of_sessions("close_after_us", "time from creation to close"),
    _of_sessions("cancel_after_us", "time from creation to cancel"),
)
"""All columns, in the order of an export."""


# -- From the columns of a CSV or Parquet file to rows.

_REQUESTED: Final = TraceColumn("requested_us", "the time that a job requested", least=-LARGEST)
_SPAN: Final = tuple(column for column in COLUMNS if column.name in ("started_us", "finished_us"))
AND: Final = ";"
"""Between the ids of several jobs that one follows."""

_LETTERS: Final = re.compile("[a-z:]")
"""What a length of time has, and a number has not."""


def names_in_file(columns: TraceColumns | None) -> dict[str, str]:
    """What a file calls each of the columns that are read, by their own names."""
    given = {} if columns is None else columns.named()
    return {
        column.name: given.get(column.key or "", column.name) for column in COLUMNS if column.name != "stream"
    }


def _units(columns: TraceColumns | None) -> dict[str, str | None]:
    """The units of the columns of times that a scenario names, by their own names."""
    if columns is None:
        return {}
    named = {column.name: getattr(columns, column.key or "", None) for column in COLUMNS}
    return {name: one.unit or columns.unit for name, one in named.items() if isinstance(one, TimeColumn)}


@dataclass(frozen=True, eq=False)
class _Columns:
    """The columns of a file, by the names of `COLUMNS`, and its malformed rows so far."""

    frame: pl.DataFrame
    names: Mapping[str, str]
    units: Mapping[str, str | None]  # of columns that the scenario names; others are in microseconds
    bad: BadRows
    local: set[str] = field(default_factory=set)  # columns in which dates have no offset

    def has(self, own_name: str) -> bool:
        """Whether there is such a column with anything in it."""
        name = self.names[own_name]
        return name in self.frame.columns and self.frame[name].null_count() < self.frame.height

    def numbers(self, column: TraceColumn) -> Int64Array:
        """A column of numbers, as the table of columns says; instants are `missing` in malformed rows.

        Raises:
            ColumnError: if it holds something else, or numbers without a unit.
        """
        if not self.has(column.name):
            return constant(self.frame.height, column.missing)
        name, missing = self.names[column.name], column.missing
        read = self.frame[name]
        numbers = self._dates(column, read) or self._numbers(column, read)
        kind = "a date" if column.instant and holds_dates(read) else None
        self.bad.add(
            numbers.wrong, lambda row: f"{name}: {not_usable(read[row], whole=column.whole, kind=kind)}"
        )
        too_small = ~numbers.missing & (numbers.values < column.least)
        self.bad.add(
            too_small, lambda row: f"{name}: {'before 1970' if kind else 'too small'} (got {read[row]})"
        )
        gone = numbers.missing | numbers.wrong | too_small if column.instant else numbers.missing
        return np.where(gone, missing, numbers.values) if gone.any() else numbers.values

    def _dates(self, column: TraceColumn, read: pl.Series) -> Numbers | None:
        """Instants of a column of dates; None of another column."""
        import polars as pl

        if not column.instant or not holds_dates(read):
            return None
        missing = read.is_null().to_numpy()
        if read.dtype != pl.String:
            if getattr(read.dtype, "time_zone", None) is None:
                self.local.add(column.name)
            values = physical_us(read).fill_null(0).to_numpy()
            return Numbers(values, missing, np.zeros(len(read), np.bool_))
        times = dates_us(read)
        if times.local.any():
            self.local.add(column.name)
        if not (times.usable | missing).all():
            missing |= (read.str.strip_chars() == "").fill_null(value=False).to_numpy()
        return Numbers(times.values_us, missing, ~times.usable & ~missing)

    def _numbers(self, column: TraceColumn, read: pl.Series) -> Numbers:
        """Numbers; of times also lengths, whose type or text says what they are."""
        import polars as pl

        is_time = not column.whole
        if is_time and read.dtype == pl.Duration:
            values = physical_us(read)
            return Numbers(
                values.fill_null(0).to_numpy(), values.is_null().to_numpy(), np.zeros(len(read), np.bool_)
            )
        if not (read.dtype.is_numeric() or read.dtype in (pl.String, pl.Null)):
            raise ColumnError(
                f"column {self.names[column.name]!r} holds {read.dtype}, not {_wanted(column)}; "
                "convert it to numbers or texts"
            )
        unit = self.units.get(column.name, "us")
        per, factor = (1000, 1) if unit == "ns" else (1, UNITS_US[unit or "us"])
        if is_time and read.dtype == pl.String and read[0] and _LETTERS.search(read[0]):
            times = lengths_us(read)  # as a rule all of them are
            if times.usable.all():
                return Numbers(times.values_us, ~times.usable, ~times.usable)
        numbers = numbers_of(read, factor, per=per, whole=column.whole)
        lengths = (
            np.flatnonzero(numbers.wrong) if is_time and read.dtype == pl.String else np.zeros(0, np.int64)
        )
        if len(lengths):
            times = lengths_us(read if len(lengths) == len(read) else read.gather(lengths))
            numbers.values[lengths] = times.values_us
            numbers.wrong[lengths] = ~times.usable
        without = np.ones(len(read), np.bool_)
        without[lengths] = False
        if unit is None and bool(np.any(numbers.values[without] != 0)):
            name = self.names[column.name]
            raise ColumnError(
                f"column {name!r} holds numbers without a unit; give it, such as "
                f"columns: {{{column.key}: {{name: {name}, unit: s}}}}"
            )
        return numbers

    def texts(self, own_name: str) -> pl.Series | None:
        """A column of texts, null where empty; None if there is none."""
        import polars as pl

        name = self.names[own_name]
        if name not in self.frame.columns:
            return None
        column = self.frame[name]
        if column.dtype == pl.Null:
            return column
        if isinstance(column.dtype, pl.List):
            column = column.cast(pl.List(pl.String)).list.join(AND)
        column = column.cast(pl.String)
        column = column.str.strip_chars()
        empty = column == ""
        return column.set(empty, None) if empty.any() else column


def _wanted(column: TraceColumn) -> str:
    """What a column may hold, as messages say it."""
    if column.whole:
        return "numbers"
    return "dates, durations or numbers" if column.instant else "durations or numbers"


def rows_of(read: Table, columns: TraceColumns | None) -> TraceRows:
    """Interpret the columns of a file.

    Args:
        read: the file.
        columns: the names of columns that are not those of an export.

    Raises:
        ColumnError: if a column is not there, or holds something else than it should.
    """
    frame, columns = read.frame, read.columns or columns
    names, units = names_in_file(columns), _units(columns)
    if read.requested is not None:
        names[_REQUESTED.name], units[_REQUESTED.name] = read.requested.name, read.requested.unit
    _check_columns(read, names, columns)
    bad = BadRows(frame.height)
    shapeless = np.zeros(frame.height, dtype=np.bool_)
    shapeless[list(read.shapes)] = True
    bad.add(shapeless, read.shapes.__getitem__)
    submissions = names["submitted_us"]
    dated = submissions in frame.columns and holds_dates(frame[submissions])
    table = _Columns(frame, names, units, bad)
    ids, names_of = _ids(table)
    after, more_after = _after(table, ids)
    users, user = _users(table)
    machines = table.texts("qpu")
    qpus, qpu = ((), constant(frame.height, NEVER)) if machines is None else _numbered(machines)
    session, sessions, session_names = _sessions(table, user, qpu)
    submitted, *others = (column for column in COLUMNS if column.of_job)
    at_us = table.numbers(submitted)
    created_us = sessions.created_us[session] if len(sessions) else constant(frame.height, NEVER)
    early = (session != NEVER) & (at_us != NEVER) & (at_us < created_us)
    bad.add(early, lambda _: f"{names[submitted.name]}: before the creation of its session")
    jobs = {"at_us": at_us, **{column.of_job: table.numbers(column) for column in others}}
    if names["qpu_time_us"] not in frame.columns:
        jobs["qpu_time_us"] = _between(table)
    follows = after != NEVER
    jobs["think_us"] = np.where(follows, jobs["think_us"], 0) if follows.any() else constant(frame.height, 0)
    return TraceRows(
        place=read.place,
        lines=read.lines,
        bad=bad,
        unrun=jobs["qpu_time_us"] == NEVER_RAN,
        jobs=jobs,
        after=after,
        more_after=more_after,
        user=user,
        users=users,
        session=session,
        sessions=sessions,
        qpu=qpu,
        qpus=qpus,
        names_of=names_of,
        session_names=session_names,
        requested_us=None if read.requested is None else _requested_us(table),
        dated=dated,
        notes=("dates without an offset are read as UTC",) if table.local else (),
    )


def _requested_us(table: _Columns) -> Int64Array:
    """What jobs requested; -1 and 0 say nothing."""
    requested_us = table.numbers(_REQUESTED)
    return np.where(requested_us > 0, requested_us, NEVER)


def _between(table: _Columns) -> Int64Array:
    """QPU times from the start to the end; a job without one of them never ran."""
    names = [column.name for column in _SPAN]
    started_us, finished_us = (table.numbers(column) for column in _SPAN)
    ran = (started_us != NEVER) & (finished_us != NEVER)
    table.bad.add(
        ran & (finished_us < started_us), lambda _: f"{table.names[names[1]]}: before {table.names[names[0]]}"
    )
    return np.where(ran, finished_us - started_us, NEVER_RAN)


def _check_columns(read: Table, names: Mapping[str, str], columns: TraceColumns | None) -> None:
    there = read.frame.columns
    required = {"qpu_time": names["qpu_time_us"]}
    if all(names[column.name] in there for column in _SPAN):
        del required["qpu_time"]
    if names["after"] not in there:
        required["submitted"] = names["submitted_us"]
    if columns is not None:
        required |= columns.named()
    missing = [f"{name!r} (columns.{key})" for key, name in required.items() if name not in there]
    if missing:
        raise ColumnError(
            f"has no column {', '.join(missing)}; name the file's own columns in columns{found(read.names)}"
        )


def _ids(table: _Columns) -> tuple[pl.Series | None, Callable[[Int64Array], NameBlock | None]]:
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


def _after(table: _Columns, ids: pl.Series | None) -> tuple[Int64Array, dict[int, tuple[int, ...]]]:
    """The preceding row of each row, and the further ones of those that have several (S5)."""
    import polars as pl

    asked = table.texts("after")
    if asked is None or asked.null_count() == len(asked):
        return constant(table.frame.height, NEVER), {}
    if ids is None:
        raise ColumnError(f"has no column {table.names['job']!r}, to which {table.names['after']!r} refers")
    ids = ids.cast(pl.String)
    repeated = ids.is_not_null() & ~ids.is_first_distinct()
    table.bad.add(repeated.to_numpy(), lambda row: f"{table.names['job']}: {ids[row]!r} was there before")
    known = (
        pl.DataFrame({"id": ids}).with_row_index("row").filter(ids.is_first_distinct() & ids.is_not_null())
    )
    preceding = pl.DataFrame({"id": asked}).join(known, on="id", how="left", maintain_order="left")["row"]
    after: Int64Array = preceding.cast(pl.Int64).fill_null(NEVER).to_numpy().copy()
    several = np.flatnonzero(
        (asked.str.contains(AND, literal=True) & preceding.is_null()).fill_null(value=False)
    )
    row_of = dict(zip(known["id"], known["row"], strict=True)) if len(several) else {}
    unknown: dict[int, str] = {}
    more: dict[int, tuple[int, ...]] = {}
    for row in several.tolist():
        names = dict.fromkeys(name for part in asked[row].split(AND) if (name := part.strip()))
        rows = sorted(row_of[name] for name in names if name in row_of)
        if len(rows) < len(names) or not names:
            unknown[row] = next((name for name in names if name not in row_of), asked[row])
        else:
            after[row], more[row] = rows[0], tuple(rows[1:])
    lost = (asked.is_not_null() & preceding.is_null()).to_numpy() & (after == NEVER)
    table.bad.add(
        lost, lambda row: f"{table.names['after']}: no job {unknown.get(row, asked[row])!r} is in the file"
    )
    return after, {row: others for row, others in more.items() if others}


def _users(table: _Columns) -> tuple[tuple[str, ...], Int64Array]:
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


def _sessions(
    table: _Columns, user: Int64Array, qpu: Int64Array
) -> tuple[Int64Array, SessionColumns, NameBlock]:
    import polars as pl

    ids = table.texts("session")
    ids = pl.Series([None] * table.frame.height, dtype=pl.String) if ids is None else ids
    names, session = _numbered(ids)
    mode = _modes(table, session)
    columns = {
        "account": _of_the_first(table, session, user, table.names["account"]),
        "mode": _of_the_first(table, session, mode, table.names["mode"]),
        "qpu": _of_the_first(table, session, qpu, table.names["qpu"]),
    }
    for column in COLUMNS:
        if column.of_session:
            times_us = table.numbers(column)
            columns[column.of_session] = _of_the_first(table, session, times_us, column.name)
    for time in ("close_us", "cancel_us"):
        early = (columns[time] != NEVER) & (columns[time] < columns["created_us"])
        table.bad.add(
            np.append(early, False)[session],  # the last entry is that of NEVER
            lambda _, time=time: f"session_{time}: before the creation of the session",  # type: ignore[misc]
        )
    unset = filled(len(names), NEVER)
    return session, SessionColumns(**columns, stream=unset, client=unset), names


def _modes(table: _Columns, session: Int64Array) -> Int64Array:
    """The mode of each row; without a column, session for those in one."""
    default = np.where(session == NEVER, int(Mode.JOB), int(Mode.SESSION))
    words = table.texts("mode")
    if words is None or words.null_count() == len(words):
        return default
    mode = np.where(words.is_null().to_numpy(), default, NEVER)
    for number in Mode:
        mode[(words == number.name.lower()).fill_null(value=False).to_numpy()] = number
    name = table.names["mode"]
    table.bad.add(mode == NEVER, lambda row: f"{name}: must be job, session or batch (got {words[row]!r})")
    unmatched = (mode == Mode.JOB) != (session == NEVER)
    table.bad.add(unmatched, lambda _: f"{name}: job is the mode of jobs without a session, and of no other")
    return mode


def _of_the_first(table: _Columns, session: Int64Array, values: Int64Array, name: str) -> Int64Array:
    """What the first row of each session says, shape (sessions,); others must agree."""
    rows = np.flatnonzero(session != NEVER)
    _, first = np.unique(session[rows], return_index=True)
    chosen = values[rows[first]]
    differs = np.zeros(len(session), dtype=np.bool_)
    differs[rows] = values[rows] != chosen[session[rows]]
    table.bad.add(differs, lambda _: f"{name}: not that of the session's first job")
    return chosen


def check_times(rows: TraceRows) -> None:
    """Reject rows with times that no run could reach."""
    for column in COLUMNS:
        if column.takes_time and column.of_job in rows.jobs:
            late = rows.jobs[column.of_job] > LONGEST_US // 2
            rows.bad.add(late, lambda _: "has a time beyond 73,000 years")
    if rows.requested_us is not None:
        rows.bad.add(rows.requested_us > LONGEST_US // 2, lambda _: "requests a time beyond 73,000 years")

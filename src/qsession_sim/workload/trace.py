"""Sources that replay a file: from its rows to the rows of a stream."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from qsession_sim.scenario.problems import show_value
from qsession_sim.scenario.sources import InferredSessions, ResolvedSource, ResolvedTrace
from qsession_sim.scenario.trace_files import ColumnError
from qsession_sim.scenario.trace_times import EPOCH
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Mode
from qsession_sim.units import DAY, LONGEST_US, format_duration
from qsession_sim.workload.columns import (
    BoolArray,
    Int64Array,
    LeftOut,
    NumberedNames,
    SessionColumns,
    constant,
    is_constant,
    shifted,
)
from qsession_sim.workload.context import SourceContext, SourceRows, filled, source_error
from qsession_sim.workload.formats import read_rows
from qsession_sim.workload.qpu_times import drawn_estimates_us
from qsession_sim.workload.sources import accounts_of, job_columns, said_of_all, session_columns
from qsession_sim.workload.trace_rows import (
    FROM_SOURCE,
    MOST_SHOWN,
    Chains,
    TraceRows,
    check_chains,
    numbered,
    refuse,
    unreadable,
)
from qsession_sim.workload.trace_table import COLUMNS, check_times


@dataclass(frozen=True, eq=False)
class Trace:
    """A file that was read: its rows, those to be used, and the preceding rows of each."""

    rows: TraceRows
    used: Int64Array
    after: Int64Array
    more_after: Mapping[int, tuple[int, ...]]

    def accounts(self, source: ResolvedSource) -> tuple[str, ...]:
        """The account that the source names, else those of its jobs, in order of first use."""
        if accounts_of(source):
            return accounts_of(source)
        return tuple(self.rows.users[user] for user in numbered(self.rows.user[self.used])[0].tolist())


def read_trace(source: ResolvedTrace, directory: Path) -> Trace:
    """Read the file of a source.

    Args:
        source: in resolved form.
        directory: where a relative name starts.

    Raises:
        ScenarioError: if the file cannot be read, has malformed lines that are not to be skipped, or no job
            that ran.
    """
    from polars.exceptions import PolarsError

    try:
        for read in read_rows(source, directory):
            rows, (after, more_after) = _checked(read, source)
            if not rows.bad.mask.any():
                break
    except ColumnError as error:
        raise source_error(source.name, f"{source.file}: {error}") from None
    except (OSError, csv.Error, PolarsError, UnicodeError) as error:
        raise unreadable(source.name, source.file, error) from None
    refuse(rows, source.name, source.file, skip_bad_lines=source.skip_bad_lines)
    return Trace(rows, np.flatnonzero(~rows.bad.mask & ~rows.unrun), after, more_after)


def _checked(rows: TraceRows, source: ResolvedTrace) -> tuple[TraceRows, Chains]:
    """Rows by the keys of the source, and the preceding rows of each; what is wrong with them is noted."""
    rows = _from_origin(rows, source)
    if source.infer_sessions is not None:
        rows = _infer_sessions(rows, source.infer_sessions, source)
    check_times(rows)
    return rows, check_chains(rows)


_LATE: Final = 100
"""A trace of numbers starts late if it starts later than so many times its span."""

_SHORTEST_SPAN_US: Final = DAY // _LATE
"""The span of a trace with a single time of submission."""


def _from_origin(rows: TraceRows, source: ResolvedTrace) -> TraceRows:
    """Let times count from the start of the simulation, by the origin of the source and where it starts."""
    created_us = rows.sessions.created_us
    known = np.concatenate([rows.at_us[rows.at_us != NEVER], created_us[created_us != NEVER]])
    if not len(known):
        return rows
    first_us, span_us = int(known.min()), int(known.max() - known.min())
    origin, notes = source.origin, rows.notes
    if origin == "zero" and rows.dated:
        raise ColumnError("has dates, which do not count from zero; let origin be first, or an instant")
    if origin is None and (rows.dated or first_us > _LATE * (span_us or _SHORTEST_SPAN_US)):
        origin = "first"
        first = EPOCH + timedelta(microseconds=first_us)
        shown = f"{first:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
        shown = shown if rows.dated else format_duration(first_us)
        notes = (*notes, f"time 0 is {shown}, the first time in the file; origin says another")
    zero_us = first_us if origin == "first" else 0
    if isinstance(origin, datetime):
        zero_us = (origin - EPOCH) // timedelta(microseconds=1)
    shift_us = (source.starts_at or 0) - zero_us
    jobs, sessions = dict(rows.jobs), {}
    for column in COLUMNS:
        if column.instant and column.of_job in rows.jobs:
            times_us = rows.jobs[column.of_job]
            jobs[column.of_job] = shifted(times_us, shift_us)
        elif column.instant and column.of_session:
            by_session = getattr(rows.sessions, column.of_session)
            sessions[column.of_session] = shifted(by_session, shift_us)
            times_us = np.append(by_session, NEVER)[rows.session]  # the last entry is that of NEVER
        else:
            continue
        early = (times_us != NEVER) & (times_us < zero_us)
        rows.bad.add(early, lambda _, name=column.name: f"{name}: before the origin")  # type: ignore[misc]
    return replace(rows, jobs=jobs, sessions=replace(rows.sessions, **sessions), notes=notes)


def draw_trace(source: ResolvedTrace, context: SourceContext, trace: Trace) -> SourceRows:
    """The rows of a stream, in the order of the file."""
    rows, used = trace.rows, trace.used

    def taken(column: Int64Array) -> Int64Array:
        """The rows that are used; without a copy if all are, or all are alike."""
        return column[: len(used)] if is_constant(column) or len(used) == len(column) else column[used]

    after = _renumbered_after(taken(trace.after), used, len(rows.lines))
    place = {int(row): number for number, row in enumerate(used)} if trace.more_after else {}
    more_after = {
        place[row]: tuple(place[other] for other in others)
        for row, others in trace.more_after.items()
        if row in place
    }
    users = [source.account or user for user in rows.users]
    account = np.array([context.accounts.get(user, NEVER) for user in users], dtype=np.int64)
    kept, session = _renumbered(taken(rows.session))
    of_session = {name: getattr(rows.sessions, name)[kept] for name in SessionColumns.items()}
    alone = after == NEVER
    names = rows.names_of(used)
    qpu = _qpus(source, context, rows, taken(rows.qpu))
    return SourceRows(
        jobs=job_columns(
            context,
            len(used),
            **{
                **_said(source, context, rows, taken),
                "at_us": taken(rows.at_us) if alone.all() else np.where(alone, taken(rows.at_us), NEVER),
                "after": after,
                "think_us": _or_where(alone, 0, taken(rows.jobs["think_us"])),
                "session": session,
                "account": _looked_up(account, taken(rows.user)),
                "qpu": qpu[taken(rows.qpu)],
            },
        ),
        job_names=NumberedNames(source.name, len(used)) if names is None else names,
        sessions=session_columns(
            context,
            len(kept),
            **{name: column for name, column in of_session.items() if name.endswith("_us")}
            | _clocks(source, context, users, of_session),
            mode=of_session["mode"],
            account=account[of_session["account"]],
            qpu=qpu[of_session["qpu"]],
        ),
        session_names=tuple(np.array([*rows.session_names], dtype=object)[kept].tolist()),
        more_after=more_after,
        left_out=LeftOut(
            context.stream,
            int(rows.bad.mask.sum()),
            int((rows.unrun & ~rows.bad.mask).sum()),
            rows.notes,
        ),
    )


def _qpus(source: ResolvedTrace, context: SourceContext, rows: TraceRows, asked: Int64Array) -> Int64Array:
    """The QPU of each machine of the file; at the end, as that of NEVER, the QPU of the source."""
    mapped = source.machines or {}
    names = [mapped.get(name, name) for name in rows.qpus] if source.qpu is None else []
    unknown = [
        show_value(rows.qpus[number])
        for number in np.unique(asked[asked != NEVER]).tolist()
        if source.qpu is None and names[number] not in context.qpus
    ]
    if unknown:
        more = f" and {len(unknown) - MOST_SHOWN} more" if len(unknown) > MOST_SHOWN else ""
        shown = f"{', '.join(unknown[:MOST_SHOWN])}{more}"
        raise source_error(
            source.name,
            f"{source.file}: names {shown}, which are no QPUs of the scenario; "
            "list them in qpus, map them with machines, or give qpu, that of all jobs",
        )
    of_names = [context.qpus.get(name, NEVER) for name in names] or [context.qpu] * len(rows.qpus)
    return _array([*of_names, context.qpu])


def _renumbered_after(after: Int64Array, used: Int64Array, rows: int) -> Int64Array:
    """The preceding row of each row that is used, counted among those that are."""
    if is_constant(after):
        return after
    place = filled(rows + 1, NEVER)  # the last entry is that of NEVER
    place[used] = np.arange(len(used))
    return place[after]


def _or_where(mask: BoolArray, value: int, column: Int64Array) -> Int64Array:
    """The column, with one value where the mask holds."""
    return constant(len(column), value) if mask.all() else np.where(mask, value, column)


def _looked_up(table: Int64Array, index: Int64Array) -> Int64Array:
    """`table[index]`, in the memory of one value if the table has no other."""
    return constant(len(index), int(table[0])) if len(table) == 1 else table[index]


def _said(
    source: ResolvedTrace, context: SourceContext, rows: TraceRows, taken: Callable[[Int64Array], Int64Array]
) -> dict[str, Int64Array]:
    """What the file says of each job, unless the source says it of all; of limits it is the reverse."""
    columns = {name: taken(column) for name, column in rows.jobs.items()}
    limit_us = columns["max_execution_time_us"]
    columns |= said_of_all(source, context, len(limit_us))
    if rows.requested_us is None and "requested" in (
        source.estimate and source.estimate.method,
        source.max_execution_time,
    ):
        raise source_error(source.name, f"{source.file}: does not say which times were requested")
    unknown = constant(len(rows.lines), NEVER)
    requested_us = taken(unknown if rows.requested_us is None else rows.requested_us)
    if source.estimate is not None and source.estimate.method == "requested":
        columns["estimate_us"] = requested_us
    elif source.estimate is not None:
        columns["estimate_us"] = drawn_estimates_us(source.estimate, context, columns["qpu_time_us"])
    if source.max_execution_time == "requested":
        own_us = np.where(requested_us == NEVER, NO_LIMIT, requested_us)
        columns["max_execution_time_us"] = np.where(limit_us == FROM_SOURCE, own_us, limit_us)
    else:
        own = source.max_execution_time if isinstance(source.max_execution_time, int) else NO_LIMIT
        columns["max_execution_time_us"] = _or_where(limit_us == FROM_SOURCE, own, limit_us)
    return columns


def _renumbered(session: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The sessions that have a job, in order of their first; and the new number of each job's."""
    if is_constant(session) and np.all(session[:1] == NEVER):
        return np.zeros(0, dtype=np.int64), session
    rows = np.flatnonzero(session != NEVER)
    renumbered = filled(len(session), NEVER)
    known, renumbered[rows] = numbered(session[rows])
    return known, renumbered


def _clocks(
    source: ResolvedTrace, context: SourceContext, users: Sequence[str], given: Mapping[str, Int64Array]
) -> dict[str, Int64Array]:
    """Both clocks of sessions: by the file, else by the source, else by the plan of their account (S60)."""
    without = context.plans.of(None)
    plans = [context.plans.given.get(name, without) for name in users]
    by_mode = {
        "max_time": [(source.max_time, [plan.max_time for plan in plans])] * 2,
        "interactive_timeout": [
            (source.interactive_timeout, [plan.timeout_of("session") for plan in plans]),
            (source.batch_interactive_timeout, [plan.timeout_of("batch") for plan in plans]),
        ],
    }
    user, is_batch = given["account"], (given["mode"] == Mode.BATCH).astype(np.int64)
    clocks = {}
    for name, of_modes in by_mode.items():
        default_us = [[clock.of(own_us) for clock in of_users] for own_us, of_users in of_modes]
        limits_us = [[clock.limit for clock in of_users] for _, of_users in of_modes]
        most_us = [[LONGEST_US if limit is None else limit for limit in of_users] for of_users in limits_us]
        given_us = given[f"{name}_us"]
        asked_us = np.where(given_us == NEVER, _array(default_us)[is_batch, user], given_us)
        _refuse_more(source, name, asked_us, _array(most_us)[is_batch, user], [users[n] for n in user])
        clocks[f"{name}_us"] = asked_us
    return clocks


def _array(numbers: Sequence[int] | list[list[int]]) -> Int64Array:
    return np.array(numbers, dtype=np.int64)


def _refuse_more(
    source: ResolvedTrace, what: str, asked_us: Int64Array, most_us: Int64Array, owners: Sequence[str]
) -> None:
    over = np.flatnonzero(asked_us > most_us)
    if len(over):
        first = over[0]
        asked, most = (format_duration(int(column[first])) for column in (asked_us, most_us))
        raise source_error(
            source.name,
            f"{len(over)} of {len(asked_us)} sessions ask for a longer {what} than the plan of their account "
            f"allows; the first is one of {owners[first]}, with {asked} where {most} is allowed",
        )


def _infer_sessions(rows: TraceRows, inferred: InferredSessions, source: ResolvedTrace) -> TraceRows:
    """A user's submissions make one session as long as none comes more than `gap` after the one before.

    Submissions to another QPU are of another session (S54).
    """
    if np.any(rows.session != NEVER):
        raise ColumnError("has sessions of its own; remove infer_sessions")
    rows.bad.add(
        (rows.at_us == NEVER) & ~rows.unrun,
        lambda _: "has no time of submission, without which no session can be inferred",
    )
    usable = np.flatnonzero(~rows.bad.mask & ~rows.unrun)
    order = usable[np.lexsort((rows.at_us[usable], rows.qpu[usable], rows.user[usable]))]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(rows.user[order]) != 0) | (np.diff(rows.qpu[order]) != 0)
    first[1:] |= np.diff(rows.at_us[order]) > inferred.gap
    session = filled(len(rows.lines), NEVER)
    session[order] = np.cumsum(first) - 1
    # numbered by their first job in the file, as sessions that the file gives
    _, numbered = _renumbered(session)
    count = int(first.sum())
    owner, qpu = filled(count, 0), filled(count, NEVER)
    owner[numbered[order]], qpu[numbered[order]] = rows.user[order], rows.qpu[order]
    known = {"mode": constant(count, Mode[inferred.mode.upper()]), "account": owner, "qpu": qpu}
    sessions = SessionColumns(**dict.fromkeys(SessionColumns.items(), constant(count, NEVER)) | known)
    return replace(rows, session=numbered, sessions=sessions, session_names=NumberedNames(source.name, count))

"""Columns of the tables of sessions and of transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.step_functions import StepFunction, count_inside
from qsession_sim.results.periods import (
    PUBLIC_STATE,
    Periods,
    active_periods,
    attempts,
    busy_periods,
    closings,
    down_periods,
    find_period,
    has_stay,
    held_us,
    job_qpu,
    look_up,
    occupied_periods,
    public_status,
    queue_stays,
    ready_stays,
    rows_where,
    used_qpu_time_us,
)
from qsession_sim.results.record import EVENT, FROM, JOB, LEFT, REASON, SESSION, STARTED, TIME, TO, Record
from qsession_sim.scheduler.transitions import ACCEPTS, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode
from qsession_sim.workload.columns import (
    Int64Array,
    constant,
)

# -- Columns of the table of jobs.

Column = npt.NDArray[Any]


def job_columns(record: Record) -> dict[str, Column]:
    """The table of jobs as numbers: one row a submission, by job number; NEVER for null.

    `job`, `account`, `session` and `stream` are row numbers of the workload, `mode`, `status` and `reason`
    numbers of the vocabulary. All columns have shape (submissions,).
    """
    rows = submissions(record)
    jobs = record.workload.jobs
    status = public_status(record, rows)
    submitted_us = record.submitted_us[rows]
    started_us = record.started_us[rows]
    completed_us = record.ended_us[rows].copy()
    rejected = status == JobStatus.REJECTED
    completed_us[rejected] = NEVER  # S20
    # S40: without preparation a job is ready when it is submitted
    ready_us = (record.submitted_us if record.ready_us is None else record.ready_us)[rows].copy()
    ready_us[rejected] = NEVER
    requested_us = jobs.qpu_time_us if record.requested_us is None else record.requested_us
    never = constant(len(status), NEVER)
    return {
        "job": np.arange(len(jobs))[rows],
        "account": jobs.account[rows],
        "session": record.job_session[rows],
        "mode": job_modes(record, rows),
        "qpu": job_qpu(record, rows),
        "status": status,
        "reason": record.reason[rows],
        "submitted_us": submitted_us,
        "preparing_us": never if record.preparing_us is None else record.preparing_us[rows],
        "ready_us": ready_us,
        "started_us": started_us,
        "completed_us": completed_us,
        "requested_qpu_time_us": requested_us[rows],
        "qpu_time_us": used_qpu_time_us(record, rows),
        "attempts": attempts(record, rows),
        "waiting_us": _elapsed(submitted_us, started_us),
        "turnaround_us": _elapsed(submitted_us, completed_us),
        "stream": jobs.stream[rows],
    }


def submissions(record: Record) -> Int64Array | slice:
    """The rows of the jobs that were submitted; all of them, as is usual, without a copy."""
    return rows_where(record.submitted_us >= 0)


def job_modes(record: Record, rows: Int64Array | slice) -> npt.NDArray[np.int8]:
    """`vocabulary.Mode` by the session that each job was submitted to, shape (rows,)."""
    session = record.job_session[rows]
    modes = np.full(len(session), Mode.JOB, dtype=np.int8)
    if not len(record.workload.sessions):
        return modes
    of_session = session >= 0
    modes[of_session] = record.workload.sessions.mode[session[of_session]]
    return modes


def _elapsed(since_us: Int64Array, until_us: Int64Array) -> Int64Array:
    elapsed_us = until_us - since_us
    elapsed_us[until_us < 0] = NEVER
    return elapsed_us


# -- How long foreign jobs keep sessions waiting that are active (S32, S51).


def delays(record: Record, qpu: int, busy: Periods, active: Periods) -> tuple[Int64Array, Int64Array]:
    """The stretches in which a session is active and has a ready job while a foreign one is on the QPU.

    Returns:
        The session and the length of each stretch, both of shape (stretches,). A session that lets no
        foreign job in has none.
    """
    foreign = _foreign_stays(record, busy, active)
    if len(foreign.owner) == 0:
        return foreign.owner, foreign.start_us
    job, ready_us, left_us = ready_stays(record, qpu)
    session = record.job_session[job]
    theirs = np.isin(session, foreign.owner)
    return _time_of_both(foreign, Periods(session[theirs], ready_us[theirs], left_us[theirs]))


def _foreign_stays(record: Record, busy: Periods, active: Periods) -> Periods:
    """The part of each stay of a foreign job that lies in the active period in which it began."""
    period = np.searchsorted(active.start_us, busy.start_us, side="right") - 1
    session = active.owner[period]
    end_us = np.minimum(busy.end_us, active.end_us[period])
    foreign = (period >= 0) & (busy.start_us < end_us) & (record.job_session[busy.owner] != session)
    return Periods(session[foreign], busy.start_us[foreign], end_us[foreign])


def _time_of_both(first: Periods, second: Periods) -> tuple[Int64Array, Int64Array]:
    """The stretches of time in which an owner has periods of both kinds: the owner, and how long."""
    sizes = (len(first.owner), len(second.owner))
    owner = np.concatenate((first.owner, first.owner, second.owner, second.owner))
    time_us = np.concatenate((first.start_us, first.end_us, second.start_us, second.end_us))
    in_first = np.repeat(np.array([1, -1, 0, 0]), np.repeat(sizes, 2))
    in_second = np.repeat(np.array([0, 0, 1, -1]), np.repeat(sizes, 2))
    order = np.lexsort((time_us, owner))
    owner, time_us = owner[order], time_us[order]
    # every owner ends with 0, so that the sums of one do not carry over to the next
    both = np.flatnonzero((np.cumsum(in_first[order]) > 0) & (np.cumsum(in_second[order]) > 0))
    return owner[both], time_us[both + 1] - time_us[both]


# -- What the QPU did when (S72), and how many jobs were queued.


class IntervalKind(IntEnum):
    """Every microsecond of a QPU is of one kind (S72)."""

    BUSY = 0
    HELD = 1  # a session holds the QPU and nothing runs
    DOWN = 2
    FREE = 3


def interval_columns(record: Record) -> dict[str, Column]:
    """The table of intervals as numbers, QPU by QPU; NEVER for null.

    Those of each QPU tile [0, end) and neighbours differ (S72). A simulator has none.
    """
    return _joined([_intervals_of(record, qpu) for qpu in record.queueing_qpus])


def _intervals_of(record: Record, qpu: int) -> dict[str, Column]:
    busy = busy_periods(record, qpu)
    active = active_periods(record, qpu)
    down = down_periods(record, qpu)
    edges_us = _edges(record.end_us, busy, active, down)
    start_us = edges_us[:-1]
    kind = np.full(len(start_us), IntervalKind.FREE, dtype=np.int8)
    # S72: in rising order of precedence, each layer covers those before it
    active_index = find_period(active, start_us)
    session = look_up(active.owner, active_index)
    kind[active_index >= 0] = IntervalKind.HELD
    if len(down.owner):
        is_down = find_period(down, start_us) >= 0
        kind[is_down] = IntervalKind.DOWN
        session[is_down] = NEVER
    busy_index = find_period(busy, start_us)
    on_qpu = busy_index >= 0
    job = look_up(busy.owner, busy_index)
    kind[on_qpu] = IntervalKind.BUSY
    if len(record.workload.sessions):
        session[on_qpu] = record.job_session[job[on_qpu]]
    first = np.ones(len(kind), dtype=np.bool_)
    first[1:] = (kind[1:] != kind[:-1]) | (job[1:] != job[:-1]) | (session[1:] != session[:-1])
    kept = rows_where(first)
    start_us = start_us[kept]
    return {
        "qpu": constant(len(start_us), qpu),
        "start_us": start_us,
        "end_us": np.append(start_us[1:], edges_us[-1:]) if len(start_us) else start_us,
        "kind": kind[kept],
        "job": job[kept],
        "session": session[kept],
    }


def queue_length(record: Record, qpu: int = 0) -> StepFunction:
    """How many jobs of a QPU are submitted and not on it, from time 0 on (S41)."""
    entered_us, left_us = queue_stays(record, qpu)
    return count_inside(entered_us, left_us[rows_where(left_us >= 0)])


QueueLengths = Mapping[int, StepFunction]
"""By the number of each QPU that has a queue: how many of its jobs are submitted and not on it."""


def queue_lengths(record: Record) -> QueueLengths:
    """The length of each queue (S41)."""
    return {qpu: queue_length(record, qpu) for qpu in record.queueing_qpus}


def queue_length_columns(lengths: QueueLengths) -> dict[str, Column]:
    """The table of queue lengths as numbers: of each QPU time 0 and every later change."""
    return _joined(
        [
            {"qpu": constant(len(step.times_us), qpu), "time_us": step.times_us, "queued": step.values}
            for qpu, step in lengths.items()
        ]
    )


def _joined(parts: Sequence[dict[str, Column]]) -> dict[str, Column]:
    """The tables of several QPUs, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _edges(end_us: int, *layers: Periods) -> Int64Array:
    """Every instant at which something may change, with both ends of the run; increasing."""
    if end_us == 0:
        return np.zeros(0, dtype=np.int64)
    ends = np.array([0, end_us], dtype=np.int64)
    edges_us = np.concatenate((ends, *(edge for layer in layers for edge in (layer.start_us, layer.end_us))))
    edges_us.sort(kind="stable")  # this kind merges columns that are in order
    keep = np.ones(len(edges_us), dtype=np.bool_)
    np.not_equal(edges_us[1:], edges_us[:-1], out=keep[1:])
    return edges_us[keep]


_SUMS = ("held_us", "delayed_us")


def session_columns(record: Record) -> dict[str, Column]:
    """The table of sessions as numbers: one row a session that came to exist, by number; NEVER for null."""
    sessions = record.workload.sessions
    rows = record.transitions
    periods = active_periods(record)
    phase = _last(len(sessions), rows[:, SESSION], rows[:, TO])
    existing = np.flatnonzero(phase >= 0)
    closing = closings(record)
    closed_us = _last(len(sessions), closing[:, SESSION], closing[:, TIME])
    last_started_us, last_left_us = _last_job_instants(record)
    columns = {
        "session": np.arange(len(sessions)),
        "account": sessions.account,
        "qpu": session_qpu(record),
        "mode": sessions.mode,
        "state": PUBLIC_STATE[phase],
        "reason": _last(len(sessions), closing[:, SESSION], closing[:, REASON]),
        "created_us": created_us(record),
        "started_us": _first(len(sessions), periods.owner, periods.start_us),
        "activated_us": _last(len(sessions), periods.owner, periods.start_us),
        "closed_us": closed_us,
        "last_job_started_us": last_started_us,
        "last_job_completed_us": last_left_us,
        "max_time_us": sessions.max_time_us,
        "interactive_timeout_us": sessions.interactive_timeout_us,
        "accepting_jobs": np.isin(phase, [int(accepting) for accepting in ACCEPTS]),
        "activations": np.bincount(periods.owner, minlength=len(sessions)),
        **_job_counts(record),
        "usage_us": usage_us(record, periods, closed_us),
        **_held_and_delayed_us(record),
    }
    return {name: column[existing] for name, column in columns.items()}


def session_qpu(record: Record) -> Int64Array:
    """The QPU of each session, NEVER if it was not routed (S54); shape (sessions,)."""
    if record.session_qpu is None:
        return np.zeros(len(record.workload.sessions), dtype=np.int64)
    return record.session_qpu


def created_us(record: Record) -> Int64Array:
    """When each session came into existence, NEVER if it did not; shape (sessions,)."""
    rows = record.transitions
    creations = rows[rows[:, FROM] == SessionPhase.ABSENT]
    return _first(len(record.workload.sessions), creations[:, SESSION], creations[:, TIME])


def usage_us(record: Record, periods: Periods, closed_us: Int64Array) -> Int64Array:
    """What each session costs (S62), up to the end of the run if unfinished; shape (sessions,).

    Session: all its activations, each to the later of its end and the end of its job that is on the QPU then.
    That can only be the last job of a session which was closed while it ran (S16, S18).
    Batch: QPU time used by its jobs.
    """
    sessions = record.workload.sessions
    mode, total = sessions.mode, len(sessions)
    active_us = _sum(total, periods.owner, periods.end_us - periods.start_us)
    _, last_left_us = _last_job_instants(record, until_us=record.end_us)
    overrun_us = np.where(closed_us >= 0, np.maximum(last_left_us - closed_us, 0), 0)
    own = np.flatnonzero((record.job_session >= 0) & (record.started_us >= 0))
    on_qpu_us = _sum(total, record.job_session[own], used_qpu_time_us(record, own))
    return np.where(mode == Mode.BATCH, on_qpu_us, active_us + overrun_us)


def _held_and_delayed_us(record: Record) -> dict[str, Int64Array]:
    """How long each session held its idle QPU (S72), and how long foreign jobs delayed its own (S51)."""
    totals_us = {name: np.zeros(len(record.workload.sessions), dtype=np.int64) for name in _SUMS}
    for qpu in record.queueing_qpus:
        active = active_periods(record, qpu)
        if len(active.owner) == 0:
            continue
        busy = busy_periods(record, qpu)
        held = held_us(occupied_periods(busy, down_periods(record, qpu)), active)
        np.add.at(totals_us["held_us"], active.owner, held)
        np.add.at(totals_us["delayed_us"], *delays(record, qpu, busy, active))
    return totals_us


def transition_columns(record: Record) -> dict[str, Column]:
    """The table of transitions as numbers, in the order in which they happened; NEVER for null."""
    rows = record.transitions
    return {
        "time_us": rows[:, TIME],
        "session": rows[:, SESSION],
        "from_state": PUBLIC_STATE[rows[:, FROM]],
        "event": rows[:, EVENT],
        "to_state": PUBLIC_STATE[rows[:, TO]],
        "reason": rows[:, REASON],
    }


def _job_counts(record: Record) -> dict[str, Int64Array]:
    """Submissions to each session, all and by outcome; those queued or running are the difference."""
    total = len(record.workload.sessions)
    rows = submissions(record)
    session, status = record.job_session[rows], record.stage[rows]
    session, status = session[session >= 0], status[session >= 0]
    outcomes = {
        "jobs_done": JobStatus.DONE,
        "jobs_error": JobStatus.ERROR,
        "jobs_cancelled": JobStatus.CANCELLED,
        "jobs_rejected": JobStatus.REJECTED,
    }
    counts = {"jobs_submitted": np.bincount(session, minlength=total)}
    for name, outcome in outcomes.items():
        counts[name] = np.bincount(session[status == outcome], minlength=total)
    return counts


def _last_job_instants(record: Record, until_us: int = NEVER) -> tuple[Int64Array, Int64Array]:
    """The last start of a job of each session on the QPU, and the last time that one left it.

    A job that is there at the end of the run leaves it at `until_us`. Stays that were lost count too (S52).
    """
    total = len(record.workload.sessions)
    stays = np.flatnonzero((record.job_session >= 0) & has_stay(record))
    left_us = (record.ended_us if record.left_us is None else record.left_us)[stays]
    lost = record.lost_runs[record.job_session[record.lost_runs[:, JOB]] >= 0]
    job = np.append(stays, lost[:, JOB])
    owner = record.job_session[job]
    return (
        _largest(total, owner, np.append(record.started_us[stays], lost[:, STARTED])),
        _largest(total, owner, np.append(np.where(left_us < 0, until_us, left_us), lost[:, LEFT])),
    )


def _first(total: int, owner: Int64Array, values: Int64Array) -> Int64Array:
    """The first value of each owner, NEVER without one; assignment keeps the last, hence the reversal."""
    return _last(total, owner[::-1], values[::-1])


def _last(total: int, owner: Int64Array, values: Int64Array) -> Int64Array:
    result: npt.NDArray[np.int64] = np.full(total, NEVER, dtype=np.int64)
    result[owner] = values
    return result


def _largest(total: int, owner: Int64Array, values: Int64Array) -> Int64Array:
    result: npt.NDArray[np.int64] = np.full(total, NEVER, dtype=np.int64)
    np.maximum.at(result, owner, values)
    return result


def _sum(total: int, owner: Int64Array, values: Int64Array) -> Int64Array:
    """Sums by owner; numpy.bincount would sum floats."""
    result: npt.NDArray[np.int64] = np.zeros(total, dtype=np.int64)
    np.add.at(result, owner, values)
    return result

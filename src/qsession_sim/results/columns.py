"""The tables of results as columns of numbers, one function a table; `tables` makes frames of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache, partial
from typing import Any, Final

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
    delays,
    down_periods,
    find_period,
    held_us,
    job_modes,
    job_qpu,
    look_up,
    occupied_periods,
    public_status,
    queue_stays,
    rows_where,
    session_stays,
    used_qpu_time_us,
)
from qsession_sim.results.record import EVENT, FROM, REASON, SESSION, TIME, TO, Record
from qsession_sim.results.usage import session_usage_us
from qsession_sim.scheduler.transitions import ACCEPTS, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus
from qsession_sim.workload.columns import (
    Int64Array,
    constant,
)

Column = npt.NDArray[Any]

_ROWS_AT_ONCE: Final = 1 << 14


class IntervalKind(IntEnum):
    """Every microsecond of a QPU is of one kind (S72)."""

    BUSY = 0
    HELD = 1  # a session holds the QPU and nothing runs
    DOWN = 2
    FREE = 3


_ACCEPTING: Final = np.array([phase in ACCEPTS for phase in SessionPhase])

QueueLengths = Mapping[int, StepFunction]
"""By the number of each QPU that has a queue: how many of its jobs are submitted and not on it."""

# -- Jobs.


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
    completed_us = record.ended_us[rows]
    # S40: without preparation a job is ready when it is submitted
    ready_us = (record.submitted_us if record.ready_us is None else record.ready_us)[rows]
    rejected = status == JobStatus.REJECTED
    if rejected.any():
        completed_us = np.where(rejected, NEVER, completed_us)  # S20
        ready_us = np.where(rejected, NEVER, ready_us)
    requested_us = jobs.qpu_time_us if record.requested_us is None else record.requested_us
    never = constant(len(status), NEVER)
    return {
        "job": np.arange(len(jobs), dtype=np.int32)[rows],
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


def _elapsed(since_us: Int64Array, until_us: Int64Array) -> Int64Array:
    elapsed_us = until_us - since_us
    if until_us.min(initial=0) < 0:
        elapsed_us[until_us < 0] = NEVER
    return elapsed_us


# -- Sessions, and the changes of their states.


def session_columns(record: Record) -> dict[str, Column]:
    """The table of sessions as numbers: one row a session that came to exist, by number; NEVER for null."""
    existing = existing_sessions(record)
    return {name: make()[existing] for name, make in session_makers(record).items()}


def existing_sessions(record: Record) -> Int64Array:
    """The numbers of the sessions that came to exist."""
    return np.flatnonzero(created_us(record) >= 0)


def session_makers(record: Record) -> dict[str, Callable[[], Column]]:
    """How each column of the table of sessions is made; of these every session of the workload has a row."""
    sessions, rows = record.workload.sessions, record.transitions
    phase = cache(lambda: _last(len(sessions), rows[:, SESSION], rows[:, TO]))
    periods = cache(lambda: active_periods(record))
    closing = cache(lambda: closings(record))
    stays = cache(lambda: session_stays(record))
    submitted = cache(lambda: _submitted_to_sessions(record))

    def jobs_that(status: JobStatus) -> Int64Array:
        session, ended_as = submitted()
        return np.bincount(session[ended_as == status], minlength=len(sessions))

    return {
        "session": lambda: np.arange(len(sessions)),
        "account": lambda: sessions.account,
        "qpu": lambda: session_qpu(record),
        "mode": lambda: sessions.mode,
        "state": lambda: PUBLIC_STATE[phase()],
        "reason": lambda: _last(len(sessions), closing()[:, SESSION], closing()[:, REASON]),
        "created_us": lambda: created_us(record),
        "started_us": lambda: _first(len(sessions), periods().owner, periods().start_us),
        "activated_us": lambda: _last(len(sessions), periods().owner, periods().start_us),
        "closed_us": lambda: _last(len(sessions), closing()[:, SESSION], closing()[:, TIME]),
        "last_job_started_us": lambda: _largest(len(sessions), stays().owner, stays().start_us),
        "last_job_completed_us": lambda: _largest(len(sessions), stays().owner, stays().end_us),
        "max_time_us": lambda: sessions.max_time_us,
        "interactive_timeout_us": lambda: sessions.interactive_timeout_us,
        "accepting_jobs": lambda: _ACCEPTING[phase()],
        "activations": lambda: np.bincount(periods().owner, minlength=len(sessions)),
        # those that are queued or running are the difference
        "jobs_submitted": lambda: np.bincount(submitted()[0], minlength=len(sessions)),
        "jobs_done": partial(jobs_that, JobStatus.DONE),
        "jobs_error": partial(jobs_that, JobStatus.ERROR),
        "jobs_cancelled": partial(jobs_that, JobStatus.CANCELLED),
        "jobs_rejected": partial(jobs_that, JobStatus.REJECTED),
        "usage_us": lambda: session_usage_us(record),
        "held_us": lambda: session_held_us(record),
        "delayed_us": lambda: session_delayed_us(record),
    }


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


def session_held_us(record: Record) -> Int64Array:
    """How long each session held its idle QPU (S72); shape (sessions,)."""
    total_us = np.zeros(len(record.workload.sessions), dtype=np.int64)
    for qpu, active, busy in _active_and_busy(record):
        held = held_us(occupied_periods(busy, down_periods(record, qpu)), active)
        np.add.at(total_us, active.owner, held)
    return total_us


def session_delayed_us(record: Record) -> Int64Array:
    """How long foreign jobs delayed those of each session (S51); shape (sessions,)."""
    total_us = np.zeros(len(record.workload.sessions), dtype=np.int64)
    for qpu, active, busy in _active_and_busy(record):
        np.add.at(total_us, *delays(record, qpu, busy, active))
    return total_us


def _active_and_busy(record: Record) -> Iterator[tuple[int, Periods, Periods]]:
    """Each QPU on which a session was active, when one was, and the stays of jobs on it."""
    for qpu in record.queueing_qpus:
        active = active_periods(record, qpu)
        if len(active.owner):
            yield qpu, active, busy_periods(record, qpu)


def _submitted_to_sessions(record: Record) -> tuple[Int64Array, npt.NDArray[np.int8]]:
    """The session of each submission to one, and the stage of the job."""
    rows = submissions(record)
    session, stage = record.job_session[rows], record.stage[rows]
    return session[session >= 0], stage[session >= 0]


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


# -- QPUs: what each does when (S72), and how many jobs are queued.


def interval_columns(record: Record) -> dict[str, Column]:
    """The table of intervals as numbers, QPU by QPU; NEVER for null.

    Those of each QPU tile [0, end) and neighbours differ (S72). A simulator has none.
    """
    return _joined([_intervals_of(record, qpu) for qpu in record.queueing_qpus])


def _intervals_of(record: Record, qpu: int) -> dict[str, Column]:
    layers = active_periods(record, qpu), down_periods(record, qpu), busy_periods(record, qpu)
    edges_us = _edges(record.end_us, *layers)
    start_us, end_us = edges_us[:-1], edges_us[1:]
    kind = np.empty(len(start_us), dtype=np.int8)
    job = np.empty(len(start_us), dtype=np.int64)
    is_needed = len(record.workload.sessions) > 0
    session = np.empty(len(start_us), dtype=np.int64) if is_needed else constant(len(start_us), NEVER)
    for start in range(0, len(start_us), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        kind[rows], job[rows], of_session = _found_at(record, start_us[rows], *layers)
        if is_needed:
            session[rows] = of_session
    first = np.ones(len(kind), dtype=np.bool_)
    first[1:] = (kind[1:] != kind[:-1]) | (job[1:] != job[:-1])
    if is_needed:
        first[1:] |= session[1:] != session[:-1]
    kept = rows_where(first)
    if not isinstance(kept, slice):
        start_us, end_us = start_us[kept], np.append(start_us[kept[1:]], edges_us[-1:])
    return {
        "qpu": constant(len(start_us), qpu),
        "start_us": start_us,
        "end_us": end_us,
        "kind": kind[kept],
        "job": job[kept],
        "session": session[kept],
    }


def _found_at(
    record: Record, at_us: Int64Array, active: Periods, down: Periods, busy: Periods
) -> tuple[npt.NDArray[np.int8], Int64Array, Int64Array]:
    """What a QPU does at increasing instants (S72), the job that is on it, and the session that it is for.

    The layers are in rising order of precedence: each covers those before it.
    """
    kind = np.full(len(at_us), IntervalKind.FREE, dtype=np.int8)
    index = find_period(active, at_us)
    session = look_up(active.owner, index)
    kind[index >= 0] = IntervalKind.HELD
    if len(down.owner):
        is_down = find_period(down, at_us) >= 0
        kind[is_down] = IntervalKind.DOWN
        session[is_down] = NEVER
    index = find_period(busy, at_us)
    on_qpu = index >= 0
    job = look_up(busy.owner, index)
    kind[on_qpu] = IntervalKind.BUSY
    if len(record.workload.sessions):
        session[on_qpu] = record.job_session[job[on_qpu]]
    return kind, job, session


def _edges(end_us: int, *layers: Periods) -> Int64Array:
    """Every instant at which something may change, with both ends of the run; increasing."""
    if end_us == 0:
        return np.zeros(0, dtype=np.int64)
    edges_us = np.empty(2 + 2 * sum(len(layer.owner) for layer in layers), dtype=np.int64)
    edges_us[0], edges_us[-1] = 0, end_us
    stop = 1
    for layer in layers:  # the edges of one are in order
        start, stop = stop, stop + 2 * len(layer.owner)
        edges_us[start:stop:2], edges_us[start + 1 : stop : 2] = layer.start_us, layer.end_us
    edges_us.sort(kind="stable")  # this kind merges what is in order
    keep = np.ones(len(edges_us), dtype=np.bool_)
    np.not_equal(edges_us[1:], edges_us[:-1], out=keep[1:])
    return edges_us[keep]


def queue_length(record: Record, qpu: int = 0) -> StepFunction:
    """How many jobs of a QPU are submitted and not on it, from time 0 on (S41)."""
    entered_us, left_us = queue_stays(record, qpu)
    return count_inside(entered_us, left_us[rows_where(left_us >= 0)])


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

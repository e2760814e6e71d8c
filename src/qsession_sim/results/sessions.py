"""Columns of the tables of sessions and of transitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qsession_sim.results.delays import delays
from qsession_sim.results.jobs import Column, submissions
from qsession_sim.results.periods import (
    EVENT,
    FROM,
    PUBLIC_STATE,
    REASON,
    SESSION,
    TIME,
    TO,
    Periods,
    active_periods,
    busy_periods,
    closings,
    down_periods,
    held_us,
    occupied_periods,
)
from qsession_sim.results.record import Record
from qsession_sim.results.stays import JOB, LEFT, STARTED, has_stay, used_qpu_time_us
from qsession_sim.scheduler.transitions import ACCEPTS, Phase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode
from qsession_sim.workload.columns import Int64Array

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
    creations = rows[rows[:, FROM] == Phase.ABSENT]
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
    session, status = record.job_session[rows], record.status[rows]
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

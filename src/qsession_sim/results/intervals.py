"""What the QPU did when (S72), and how many jobs were queued."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.step_functions import StepFunction, count_inside
from qsession_sim.results.jobs import Column, rows_where
from qsession_sim.results.periods import Periods, active_periods, busy_periods, find_period, look_up
from qsession_sim.results.record import Record
from qsession_sim.scheduler.vocabulary import JobStatus
from qsession_sim.workload.columns import Int64Array


class IntervalKind(IntEnum):
    """Every microsecond of a QPU is of one kind (S72)."""

    BUSY = 0
    HELD = 1  # a session holds the QPU and nothing runs
    DOWN = 2
    FREE = 3


def interval_columns(record: Record) -> dict[str, Column]:
    """The table of intervals as numbers: they tile [0, end) and neighbours differ (S72); NEVER for null."""
    busy = busy_periods(record)
    active = active_periods(record)
    edges_us = _edges(record.end_us, busy, active)
    start_us = edges_us[:-1]
    kind = np.full(len(start_us), IntervalKind.FREE, dtype=np.int8)
    # S72: in rising order of precedence, each layer covers those before it
    active_index = find_period(active, start_us)
    session = look_up(active.owner, active_index)
    kind[active_index >= 0] = IntervalKind.HELD
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
        "qpu": np.zeros(len(start_us), dtype=np.int8),
        "start_us": start_us,
        "end_us": np.append(start_us[1:], edges_us[-1:]) if len(start_us) else start_us,
        "kind": kind[kept],
        "job": job[kept],
        "session": session[kept],
    }


def queue_length(record: Record) -> StepFunction:
    """How many accepted jobs are submitted and not yet on the QPU, from time 0 on."""
    entered_us, left_us = queue_stays(record)
    return count_inside(entered_us, left_us[rows_where(left_us >= 0)])


def queue_stays(record: Record) -> tuple[Int64Array, Int64Array]:
    """When each accepted job entered and left the queue: by its first start or, before one, its end.

    Both have shape (accepted jobs,), by job number; NEVER for who is still queued.
    """
    accepted = rows_where(_is_accepted(record))
    left_us = record.started_us[accepted]
    if left_us.min(initial=0) < 0:
        left_us = np.where(left_us >= 0, left_us, record.ended_us[accepted])
    return record.submitted_us[accepted], left_us


def accepted_jobs(record: Record) -> Int64Array:
    """The numbers of the jobs that were submitted and not rejected (S20)."""
    return np.flatnonzero(_is_accepted(record))


def _is_accepted(record: Record) -> npt.NDArray[np.bool_]:
    accepted: npt.NDArray[np.bool_] = (record.submitted_us >= 0) & (record.status != JobStatus.REJECTED)
    return accepted


def queue_length_columns(step: StepFunction) -> dict[str, Column]:
    """The table of queue lengths as numbers: time 0 and every later change."""
    return {
        "qpu": np.zeros(len(step.times_us), dtype=np.int8),
        "time_us": step.times_us,
        "queued": step.values,
    }


def _edges(end_us: int, busy: Periods, active: Periods) -> Int64Array:
    """Every instant at which something may change, with both ends of the run; increasing."""
    if end_us == 0:
        return np.zeros(0, dtype=np.int64)
    ends = np.array([0, end_us], dtype=np.int64)
    edges_us = np.concatenate((ends, busy.start_us, busy.end_us, active.start_us, active.end_us))
    edges_us.sort(kind="stable")  # this kind merges columns that are in order
    keep = np.ones(len(edges_us), dtype=np.bool_)
    np.not_equal(edges_us[1:], edges_us[:-1], out=keep[1:])
    return edges_us[keep]

"""Where jobs were when: in the queue and on a QPU. What a run did not need costs nothing."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.results.record import Record
from qsession_sim.scheduler.vocabulary import PUBLIC_STATUS, JobStatus, Reason
from qsession_sim.workload.columns import Int64Array, constant

BoolArray = npt.NDArray[np.bool_]
Rows = Int64Array | slice

JOB: Final = 0
QPU: Final = 1
STARTED: Final = 2
LEFT: Final = 3
"""The columns of `Record.lost_runs`."""

_PUBLIC_STATUS: Final = np.array(PUBLIC_STATUS, dtype=np.int8)


def rows_where(mask: BoolArray) -> Rows:
    """The rows for which a mask holds; all of them as a slice, which takes no copy."""
    return slice(None) if mask.all() else np.flatnonzero(mask)


def public_status(record: Record, rows: Rows) -> npt.NDArray[np.int8]:
    """`vocabulary.JobStatus` of jobs that were submitted, shape (rows,)."""
    stage = record.status[rows]
    return stage if stage.max(initial=0) < len(JobStatus) else _PUBLIC_STATUS[stage]


def job_qpu(record: Record, rows: Rows) -> npt.NDArray[np.signedinteger]:
    """The QPU of each job, NEVER if it was not routed (S54); shape (rows,)."""
    if record.job_qpu is None:
        return constant(len(record.status[rows]), 0)
    return record.job_qpu[rows]


def is_of_qpu(record: Record, mask: BoolArray, qpu: int) -> BoolArray:
    """The jobs of a mask, shape (jobs,), that were routed to a QPU."""
    return mask if record.job_qpu is None else mask & (record.job_qpu == qpu)


def is_accepted(record: Record) -> BoolArray:
    """Whether each job was submitted and not rejected (S20), shape (jobs,)."""
    accepted: BoolArray = (record.submitted_us >= 0) & (record.status != JobStatus.REJECTED)
    return accepted


def accepted_jobs(record: Record) -> Int64Array:
    """The numbers of the jobs that were submitted and not rejected (S20)."""
    return np.flatnonzero(is_accepted(record))


def thrown_off(record: Record) -> Int64Array:
    """The jobs that an outage threw off the QPU and that were not on it since (S52)."""
    lost = record.lost_runs
    return np.unique(lost[lost[:, STARTED] == record.started_us[lost[:, JOB]], JOB])


def has_stay(record: Record) -> BoolArray:
    """Whether `started_us` begins a stay that was not lost, shape (jobs,)."""
    stays: BoolArray = record.started_us >= 0
    if len(record.lost_runs):
        stays[thrown_off(record)] = False
    return stays


def left_qpu_us(record: Record, rows: Rows) -> Int64Array:
    """When jobs that started left the QPU, the end of the run for those that are on it; shape (rows,)."""
    left_us = (record.ended_us if record.left_us is None else record.left_us)[rows]
    return np.where(left_us < 0, record.end_us, left_us) if left_us.min(initial=0) < 0 else left_us


def over_us(record: Record) -> Int64Array:
    """When each job was over for the clock of its session (S13): left the QPU, or ended; shape (jobs,)."""
    if record.left_us is None:
        return record.ended_us
    return np.where(has_stay(record), record.left_us, record.ended_us)


def used_qpu_time_us(record: Record, rows: Rows) -> Int64Array:
    """QPU time that costs (S62), up to the end of the run for a job that is there; shape (rows,).

    0 if it did not start, or not again after an outage, or was ended by one.
    """
    started_us = record.started_us[rows]
    used_us = np.where(started_us >= 0, left_qpu_us(record, rows) - started_us, 0)
    if len(record.windows):
        costs = has_stay(record)[rows] & (record.reason[rows] != Reason.QPU_FAILED)
        used_us[~costs] = 0
    return used_us


def attempts(record: Record, rows: Rows) -> npt.NDArray[np.signedinteger]:
    """How often each job came on the QPU, shape (rows,)."""
    counts = has_stay(record)[rows].astype(np.int8)
    if len(record.lost_runs) == 0:
        return counts
    lost: Int64Array = np.bincount(record.lost_runs[:, JOB], minlength=len(record.status))
    return lost[rows] + counts.astype(np.int64)


def queue_stays(record: Record, qpu: int) -> tuple[Int64Array, Int64Array]:
    """When jobs entered and left the queue of a QPU: by a start or, before one, their end (S41, S78).

    First each accepted job from its submission on, by job number; then those that an outage threw off the
    QPU, each time until they started again. `queued_jobs` has their numbers. NEVER for who is still queued.
    """
    rows = rows_where(is_of_qpu(record, is_accepted(record), qpu))
    entered_us, left_us = record.submitted_us[rows], record.started_us[rows]
    if left_us.min(initial=0) < 0:
        left_us = np.where(left_us >= 0, left_us, record.ended_us[rows])
    lost = lost_runs(record, qpu)
    if len(lost) == 0:
        return entered_us, left_us
    job = lost[:, JOB]
    is_first = np.append(True, job[1:] != job[:-1])
    left_us = left_us.copy()
    left_us[np.searchsorted(np.arange(len(record.status))[rows], job[is_first])] = lost[is_first, STARTED]
    back_us = np.where(has_stay(record)[job], record.started_us[job], record.ended_us[job])
    back_us[:-1] = np.where(is_first[1:], back_us[:-1], lost[1:, STARTED])
    return np.append(entered_us, lost[:, LEFT]), np.append(left_us, back_us)


def queued_jobs(record: Record, qpu: int) -> Int64Array:
    """The jobs of the stays in `queue_stays`, in the same order."""
    accepted = np.flatnonzero(is_of_qpu(record, is_accepted(record), qpu))
    return np.append(accepted, lost_runs(record, qpu)[:, JOB])


def lost_runs(record: Record, qpu: int) -> Int64Array:
    """The rows of `Record.lost_runs` of a QPU, by job and start."""
    lost = record.lost_runs[record.lost_runs[:, QPU] == qpu]
    rows: Int64Array = lost[np.lexsort((lost[:, STARTED], lost[:, JOB]))]
    return rows


def ready_stays(record: Record, qpu: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The part of each stay in the queue of a QPU in which the job was ready, up to the end of the run.

    Returns:
        The job, since when and until when, each of shape (stays,); those of no length are left out.
    """
    job = queued_jobs(record, qpu)
    since_us, until_us = queue_stays(record, qpu)
    if record.ready_us is not None:
        ready_us = record.ready_us[job]
        since_us = np.where(ready_us < 0, record.end_us, np.maximum(since_us, ready_us))
    until_us = np.where(until_us < 0, record.end_us, until_us)
    took_time = until_us > since_us
    return job[took_time], since_us[took_time], until_us[took_time]

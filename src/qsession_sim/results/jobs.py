"""Columns of the table of jobs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsession_sim.results.record import Record
from qsession_sim.results.stays import attempts, job_qpu, public_status, rows_where, used_qpu_time_us
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode
from qsession_sim.workload.columns import Int64Array, constant

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

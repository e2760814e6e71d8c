"""A workload as a table: one row a job, under the names that a trace has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.workload.columns import Int64Array, NameBlock, Workload
from qsession_sim.workload.trace_columns import SESSION_TIMES

if TYPE_CHECKING:
    import polars as pl


def job_table(workload: Workload) -> pl.DataFrame:
    """All that a table of jobs can hold; null where nothing was given.

    Args:
        workload: any.

    Returns:
        One row a job, in order. Names are texts, times microseconds. What belongs to a session stands in the
        row of each of its jobs, in columns `session_…`.

    Example:
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> job_table(EMPTY_WORKLOAD).columns[:6]
        ['job', 'account', 'stream', 'session', 'mode', 'submitted_us']
    """
    import polars as pl

    jobs, sessions = workload.jobs, workload.sessions
    names = _texts(workload.job_names)
    session_names = _texts(workload.session_names)
    mode = np.append(sessions.mode, int(Mode.JOB))[jobs.session]  # the last entry is that of NEVER
    columns = {
        "job": names,
        "account": pl.Series(workload.accounts, dtype=pl.String).gather(jobs.account),
        "stream": pl.Series(workload.streams, dtype=pl.String).gather(jobs.stream),
        "session": session_names.gather(_numbers(jobs.session)),
        "mode": pl.Series([word.name.lower() for word in Mode], dtype=pl.String).gather(mode),
        "submitted_us": _numbers(jobs.at_us),
        "after": names.gather(_numbers(jobs.after)),
        "think_us": _numbers(np.where(jobs.after == NEVER, NEVER, jobs.think_us)),
        "qpu_time_us": pl.Series(jobs.qpu_time_us),
        # NEVER is the limit of the rules here, not "nothing given"
        "max_execution_time_us": pl.Series(jobs.max_execution_time_us),
        "priority": pl.Series(jobs.priority),
        "cancel_us": _numbers(jobs.cancel_us),
        "cancel_after_us": _numbers(jobs.cancel_after_us),
    }
    for name, nothing in (("preparation_us", 0), ("post_processing_us", 0), ("estimate_us", NEVER)):
        if jobs.is_needed(name):
            column = getattr(jobs, name)
            columns[name] = pl.Series(column).set(pl.Series(column == nothing), None)
    for time in SESSION_TIMES:
        column = np.append(getattr(sessions, time), NEVER)
        columns[f"session_{time}"] = _numbers(column[jobs.session])
    return pl.DataFrame(columns)


def not_in_table(workload: Workload) -> list[str]:
    """What a table of jobs cannot hold of a workload, as sentences."""
    jobs = workload.jobs
    empty = len(workload.sessions) - len(np.unique(workload.jobs.session[workload.jobs.session != NEVER]))
    lost = []
    if len(workload.clients):
        lost.append("clients became chains of jobs: what they do after errors and at their end is not held")
    if jobs.is_needed("qpu") or workload.sessions.is_needed("qpu"):
        lost.append("the QPUs that jobs and sessions name are not held")
    if workload.qpu_times_us:
        lost.append("QPU times are those of one QPU, though they differ between QPUs")
    if workload.windows:
        lost.append("windows of availability are not held")
    if empty:
        lost.append("sessions without a job are not held")
    return lost


def _texts(blocks: tuple[NameBlock, ...]) -> pl.Series:
    import polars as pl

    return pl.Series([name for block in blocks for name in block], dtype=pl.String)


def _numbers(column: Int64Array) -> pl.Series:
    import polars as pl

    series = pl.Series(column)
    return series.set(series == NEVER, None)

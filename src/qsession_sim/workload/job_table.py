"""A workload as the table of its jobs that files hold, and what such a table cannot hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.workload.columns import Int64Array, NameBlock, Workload
from qsession_sim.workload.trace_table import AND, COLUMNS

if TYPE_CHECKING:
    import polars as pl


def job_table(workload: Workload) -> pl.DataFrame:
    """All that a table of jobs can hold, in the columns of `COLUMNS`; null where nothing was given.

    Args:
        workload: any.

    Returns:
        One row a job, in order. Names are texts, times microseconds. What belongs to a session stands in the
        row of each of its jobs, in columns `session_…`. Columns that no job needs may be absent.

    Example:
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> job_table(EMPTY_WORKLOAD).columns[:6]
        ['job', 'account', 'stream', 'session', 'mode', 'submitted_us']
    """
    import polars as pl

    jobs, sessions = workload.jobs, workload.sessions
    names = _texts(workload.job_names)
    mode = np.append(sessions.mode, int(Mode.JOB))[jobs.session]  # the last entry is that of NEVER
    columns = {
        "job": names,
        "account": pl.Series(workload.accounts, dtype=pl.String).gather(jobs.account),
        "stream": pl.Series(workload.streams, dtype=pl.String).gather(jobs.stream),
        "session": _texts(workload.session_names).gather(_or_null(jobs.session, NEVER)),
        "mode": pl.Series([word.name.lower() for word in Mode], dtype=pl.String).gather(mode),
        "after": _joined_after(workload, names),
        "think_us": _or_null(np.where(jobs.after == NEVER, NEVER, jobs.think_us), NEVER),
    }
    if jobs.is_needed("qpu"):
        columns["qpu"] = pl.Series(workload.qpus, dtype=pl.String).gather(_or_null(jobs.qpu, NEVER))
    for column in COLUMNS:
        if column.of_session:
            of_sessions = np.append(getattr(sessions, column.of_session), NEVER)
            columns[column.name] = _or_null(of_sessions[jobs.session], NEVER)
        elif column.of_job and column.name not in columns and jobs.is_needed(column.of_job):
            numbers, blank = getattr(jobs, column.of_job), None if column.writes_missing else column.missing
            columns[column.name] = pl.Series(numbers) if blank is None else _or_null(numbers, blank)
    return pl.DataFrame({column.name: columns[column.name] for column in COLUMNS if column.name in columns})


def not_in_table(workload: Workload) -> list[str]:
    """What a table of jobs cannot hold of a workload, as sentences."""
    jobs = workload.jobs
    empty = len(workload.sessions) - len(np.unique(jobs.session[jobs.session != NEVER]))
    lost = {
        "clients became chains of jobs: what they do after errors and at their end is not held": bool(
            len(workload.clients)
        ),
        "when clients look for their results is not held": workload.clients.is_needed("poll_us"),
        "of several jobs that a job follows, one is held, as ids have a ';'": bool(_unheld_joins(workload)),
        "QPU times are those of one QPU, though they differ between QPUs": bool(workload.qpu_times_us),
        "windows of availability are not held": bool(workload.windows),
        "sessions without a job are not held": empty > 0,
    }
    return [what for what, is_lost in lost.items() if is_lost]


def _joined_after(workload: Workload, names: pl.Series) -> pl.Series:
    """The jobs that each job follows; those of several that cannot be joined are the first of them."""
    after = names.gather(_or_null(workload.jobs.after, NEVER))
    unheld = _unheld_joins(workload)
    joins = {row: others for row, others in workload.more_after.items() if row not in unheld}
    if not joins:
        return after
    texts = [
        AND.join(names[other] for other in (int(workload.jobs.after[row]), *joins[row])) for row in joins
    ]
    return after.scatter([*joins], texts)


def _unheld_joins(workload: Workload) -> set[int]:
    """Jobs that follow several, of which any has an id that could not be told from two."""
    if not workload.more_after:
        return set()
    names = _texts(workload.job_names)
    after = workload.jobs.after
    return {
        row
        for row, others in workload.more_after.items()
        if any(AND in names[other] for other in (int(after[row]), *others))
    }


def _texts(blocks: tuple[NameBlock, ...]) -> pl.Series:
    import polars as pl

    return pl.Series([name for block in blocks for name in block], dtype=pl.String)


def _or_null(column: Int64Array, nothing: int) -> pl.Series:
    import polars as pl

    series = pl.Series(column)
    return series.set(series == nothing, None)

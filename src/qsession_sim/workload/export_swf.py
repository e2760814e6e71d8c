"""Workloads in the Standard Workload Format, version 2.2, also gzipped."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import Int64Array, Workload
from qsession_sim.workload.export_table import not_in_table
from qsession_sim.workload.trace_rows import UNKNOWN_USER

_USER: Final = "user-"
_NUMBERED_USER: Final = re.compile(r"user-(0|[1-9][0-9]{0,17})")  # what a reader takes as a number
_UNKNOWN: Final = -1


def write_swf(workload: Workload, file: Path) -> list[str]:
    """Write a line for each job; returns what the format cannot hold.

    Times that are no whole seconds are written as decimal fractions, which other programs may not read.
    Jobs are numbered from 1. Users are those of accounts `user-<n>`; if there is any other account but
    `user-unknown`, which is -1, they are numbered from 1.

    Raises:
        OSError: if the file cannot be written.
    """
    text = "".join(_lines(workload)).encode()
    file.write_bytes(gzip.compress(text, mtime=0) if file.name.lower().endswith(".gz") else text)
    jobs = workload.jobs
    lost = not_in_table(workload)
    if np.any(jobs.session != NEVER):
        lost.append("sessions and batches are not held: all jobs are in mode job")
    if any(np.any(getattr(jobs, name) != NEVER) for name in ("cancel_us", "cancel_after_us")):
        lost.append("cancels of jobs are not held")
    if np.any(jobs.priority != 0):
        lost.append("priorities are not held")
    if any(jobs.is_needed(name) for name in ("preparation_us", "post_processing_us", "estimate_us")):
        lost.append("preparation, post-processing and estimates are not held")
    if np.any(jobs.max_execution_time_us > 0):
        lost.append("limits of execution times are not held")
    if np.any(np.concatenate([jobs.at_us[jobs.at_us >= 0], jobs.think_us, jobs.qpu_time_us]) % SECOND):
        lost.append(
            "times that are no whole seconds are decimal fractions, which other programs may not read"
        )
    return lost


def _lines(workload: Workload) -> Iterator[str]:
    jobs = workload.jobs
    users = _users(workload.accounts)
    yield f"; Version: 2.2\n; MaxJobs: {len(jobs)}\n; MaxRecords: {len(jobs)}\n; MaxNodes: 1\n; MaxProcs: 1\n"
    for name, user in zip(workload.accounts, users, strict=True):
        yield f"; Note: user {user} is the account {name}\n"
    columns = (jobs.at_us, jobs.qpu_time_us, jobs.account, jobs.after, jobs.think_us)
    rows = zip(*(_listed(column) for column in columns), strict=True)
    for number, (at_us, qpu_time_us, account, after, think_us) in enumerate(rows, start=1):
        chain = "-1 -1" if after == NEVER else f"{after + 1} {_seconds(think_us)}"
        submitted = "-1" if at_us == NEVER else _seconds(at_us)
        yield (
            f"{number} {submitted} -1 {_seconds(qpu_time_us)} 1 -1 -1 1 -1 -1 1 "
            f"{users[account]} -1 -1 -1 -1 {chain}\n"
        )


def _listed(column: Int64Array) -> list[int]:
    numbers: list[int] = column.tolist()
    return numbers


def _seconds(time_us: int) -> str:
    whole, rest = divmod(time_us, SECOND)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def _users(accounts: tuple[str, ...]) -> list[int]:
    known = [name for name in accounts if name != UNKNOWN_USER]
    numbered = all(_NUMBERED_USER.fullmatch(name) for name in known)
    numbers = {
        name: int(name.removeprefix(_USER)) if numbered else number for number, name in enumerate(known, 1)
    }
    return [numbers.get(name, _UNKNOWN) for name in accounts]

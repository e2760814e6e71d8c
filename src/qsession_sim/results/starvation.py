"""Starvation: who waited much longer than the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from qsession_sim.queueing.statistics import exact_sum
from qsession_sim.results.record import Record
from qsession_sim.results.stays import is_accepted, rows_where
from qsession_sim.workload.columns import Int64Array

STARVATION_FACTOR: Final = 10
"""A job starved if it waited more than so many times the mean wait of all jobs."""


def starvation(record: Record, warm_up_us: int) -> dict[str, Any]:
    """The longest wait and the share of jobs that starved, of all and by account.

    A wait lasts from submission to the start on the QPU. That of a job that never started lasts to its end,
    or else to the end of the run: a policy that never lets a job start must not look better for it. Jobs
    count if they were accepted, at `warm_up_us` or later. Without any, what they do not have is None.
    """
    rows = rows_where(is_accepted(record) & (record.submitted_us >= warm_up_us))
    until_us = record.started_us[rows]
    until_us = np.where(until_us < 0, record.ended_us[rows], until_us)
    until_us[until_us < 0] = record.end_us
    wait_us = until_us - record.submitted_us[rows]
    workload = record.workload
    return starvation_of(wait_us, workload.jobs.account[rows], workload.accounts)


def starvation_of(wait_us: Int64Array, account: Int64Array, names: Sequence[str]) -> dict[str, Any]:
    """Starvation from the waits of jobs.

    Args:
        wait_us: shape (jobs,), at least 0.
        account: shape (jobs,), the number of each job's account.
        names: of the accounts, by number.

    Example:
        >>> waits = np.array([1] * 19 + [41])
        >>> found = starvation_of(waits, np.array([0] * 19 + [1]), ["often", "rare"])
        >>> found["mean_wait_us"], found["longest_wait_us"], found["share"]
        (3.0, 41, 0.05)
        >>> found["by_account"]["rare"]
        {'jobs': 1, 'longest_wait_us': 41, 'starved': 1, 'share': 1.0}
    """
    jobs = len(wait_us)
    total_us = exact_sum(wait_us)
    # whole numbers above k times the mean are those above its whole part, so nothing is rounded
    starved = wait_us > STARVATION_FACTOR * total_us // max(jobs, 1)
    counts = np.bincount(account, minlength=len(names))
    starved_counts = np.bincount(account[starved], minlength=len(names))
    longest_us = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(longest_us, account, wait_us)
    return {
        "factor": STARVATION_FACTOR,
        "mean_wait_us": total_us / jobs if jobs else None,
        **_group(jobs, int(wait_us.max(initial=0)), int(starved.sum())),
        "by_account": {
            name: _group(int(counts[number]), int(longest_us[number]), int(starved_counts[number]))
            for number, name in enumerate(names)
        },
    }


def _group(jobs: int, longest_us: int, starved: int) -> dict[str, Any]:
    return {
        "jobs": jobs,
        "longest_wait_us": longest_us if jobs else None,
        "starved": starved,
        "share": starved / jobs if jobs else None,
    }

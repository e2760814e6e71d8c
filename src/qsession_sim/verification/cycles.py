"""Regeneration cycles: stretches of a run after each of which it begins anew, cut out of its record.

What happens in one cycle is independent of what happens in another. So a long-run mean is a ratio of two
means over independent cycles, with an interval that is honest at any load; and nothing has to be left out at
the beginning, if the run begins as a cycle does. M. A. Crane and D. L. Iglehart, "Simulating stable
stochastic systems III", Operations Research 23 (1975).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.confidence import Interval, ratio_interval
from qsession_sim.results.record import Record
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import Int64Array

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Jobs:
    """Jobs that were done, by submission. Columns of shape (jobs,)."""

    submitted_us: Int64Array
    started_us: Int64Array
    ended_us: Int64Array
    stream: Int64Array

    @property
    def waiting_seconds(self) -> Float64Array:
        """From submission to start."""
        return (self.started_us - self.submitted_us) / SECOND

    @property
    def service_seconds(self) -> Float64Array:
        """From start to end."""
        return (self.ended_us - self.started_us) / SECOND

    @property
    def response_seconds(self) -> Float64Array:
        """From submission to end."""
        return (self.ended_us - self.submitted_us) / SECOND


def jobs_of(record: Record) -> Jobs:
    """All jobs of a run in which each was done."""
    order = np.argsort(record.submitted_us, kind="stable")
    columns = (record.submitted_us, record.started_us, record.ended_us, record.workload.jobs.stream)
    return Jobs(*(column[order] for column in columns))


def arrivals_to_empty(jobs: Jobs) -> Int64Array:
    """The times at which a job was submitted while none was in the system, in increasing order."""
    all_left_us = np.maximum.accumulate(jobs.ended_us)
    finds_empty = np.ones(len(all_left_us), dtype=np.bool_)
    finds_empty[1:] = jobs.submitted_us[1:] >= all_left_us[:-1]
    return jobs.submitted_us[finds_empty]


@dataclass(frozen=True)
class Cycles:
    """Jobs and the cycles in which they were submitted, of one run or of several.

    Attributes:
        jobs: those of complete cycles.
        cycle: number of each job's cycle, shape (jobs,).
        seconds: length of each cycle, shape (cycles,).
    """

    jobs: Jobs
    cycle: Int64Array
    seconds: Float64Array

    @classmethod
    def between(cls, jobs: Jobs, starts_us: Int64Array) -> Cycles:
        """Cut at given times, increasing; what comes before the first and after the last is left out."""
        cycle = np.searchsorted(starts_us, jobs.submitted_us, side="right") - 1
        kept = (cycle >= 0) & (cycle < len(starts_us) - 1)
        columns = (jobs.submitted_us, jobs.started_us, jobs.ended_us, jobs.stream)
        chosen = Jobs(*(column[kept] for column in columns))
        return cls(chosen, cycle[kept], np.diff(starts_us) / SECOND)

    @classmethod
    def pooled(cls, parts: Sequence[Cycles]) -> Cycles:
        """The cycles of several independent runs."""
        firsts = np.cumsum([0, *(len(part.seconds) for part in parts[:-1])])
        names = ("submitted_us", "started_us", "ended_us", "stream")
        return cls(
            Jobs(*(np.concatenate([getattr(part.jobs, name) for part in parts]) for name in names)),
            np.concatenate([part.cycle + first for part, first in zip(parts, firsts, strict=True)]),
            np.concatenate([part.seconds for part in parts]),
        )

    def mean_of_jobs(self, values: Float64Array | BoolArray, members: BoolArray | None = None) -> Interval:
        """Long-run mean over jobs, or over some of them.

        Args:
            values: shape (jobs,).
            members: which jobs count, shape (jobs,); by default all.
        """
        counted = np.ones(len(self.cycle)) if members is None else members.astype(np.float64)
        return ratio_interval(self._sums(values * counted), self._sums(counted))

    def mean_of_time(self, values: Float64Array) -> Interval:
        """Long-run sum over jobs for each second.

        Args:
            values: shape (jobs,).
        """
        return ratio_interval(self._sums(values), self.seconds)

    def _sums(self, values: Float64Array) -> Float64Array:
        sums: Float64Array = np.bincount(self.cycle, values, minlength=len(self.seconds)).astype(np.float64)
        return sums

"""Estimates compared with closed forms: what is simulated, how they are made, and one test for all of them.

Estimates rest on regeneration cycles: stretches of a run after each of which it begins anew. What happens in
one cycle is independent of what happens in another, so a long-run mean is a ratio of two means over
independent cycles, with an interval that is honest at any load; and nothing has to be left out at the
beginning if the run begins as a cycle does. M. A. Crane and D. L. Iglehart, "Simulating stable stochastic
systems III", Operations Research 23 (1975).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np

from qsession_sim.experiment.estimates import holm
from qsession_sim.queueing.statistics import Float64Array, Interval, ratio_interval, t_quantile
from qsession_sim.results.record import Record
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import BoolArray, Int64Array

SERVICE_SECONDS: Final = 10
"""Mean QPU time of a job, if nothing else is said."""

_LIMITLESS: Final = "1000000h"


class ServiceTimes(NamedTuple):
    """QPU times as a scenario writes them, with their mean and variance in seconds."""

    drawn: dict[str, Any]
    mean: float
    variance: float


def exponential(mean_seconds: float = SERVICE_SECONDS) -> ServiceTimes:
    """Memoryless QPU times."""
    return ServiceTimes({"kind": "exponential", "mean": f"{mean_seconds}s"}, mean_seconds, mean_seconds**2)


def constant(seconds: float = SERVICE_SECONDS) -> ServiceTimes:
    """QPU times that are all equal."""
    return ServiceTimes({"kind": "constant", "value": f"{seconds}s"}, seconds, 0.0)


def lognormal(median_seconds: float, sigma: float) -> ServiceTimes:
    """QPU times whose logarithm is normal."""
    mean = median_seconds * math.exp(sigma * sigma / 2)
    drawn = {"kind": "lognormal", "median": f"{median_seconds}s", "sigma": sigma}
    return ServiceTimes(drawn, mean, mean * mean * math.expm1(sigma * sigma))


class Stream(NamedTuple):
    """Jobs that arrive in a Poisson process: its source, and its rate for each second."""

    source: dict[str, Any]
    rate: float


def arrivals(name: str, service: ServiceTimes, load: float, jobs: int, priority: int = 0) -> Stream:
    """A Poisson process of jobs in job mode, for the time in which about so many of them arrive."""
    interarrival_us = round(service.mean / load * SECOND)
    source = {
        "kind": "arrivals",
        "name": name,
        "account": "everyone",
        "priority": priority,
        "until": f"{interarrival_us * jobs}us",
        "interarrival": {"kind": "exponential", "mean": f"{interarrival_us}us"},
        "qpu_time": service.drawn,
    }
    return Stream(source, SECOND / interarrival_us)


def clients(
    name: str, number: int, iterations: int, think: dict[str, Any] | str, service: ServiceTimes
) -> dict[str, Any]:
    """Clients in job mode that are there from the start: a closed population."""
    return {
        "kind": "iterative",
        "name": name,
        "account": "everyone",
        "mode": "job",
        "clients": number,
        "iterations": iterations,
        "think_time": think,
        "qpu_time": service.drawn,
    }


def session(
    name: str, iterations: int, think: dict[str, Any] | str, service: ServiceTimes, timeout: str
) -> dict[str, Any]:
    """One client in a session that is left open at its end, and that no clock but the timeout ends."""
    return {
        **clients(name, 1, iterations, think, service),
        "mode": "session",
        "interactive_timeout": timeout,
        "max_time": _LIMITLESS,
        "on_finish": "leave",
    }


def scenario(seed: int, *sources: dict[str, Any], queue: str = "fifo") -> dict[str, Any]:
    """One QPU whose jobs are never cut."""
    return {
        "seed": seed,
        "rules": {"max_execution_time": "none"},
        "policies": {"queue": queue},
        "workload": list(sources),
    }


FAMILY_ERROR: Final = 0.001
"""Largest probability with which correct code fails the test of the family, if intervals are exact."""

POWER: Final = 0.9
"""Probability with which the error that `detectable` gives is detected."""


@dataclass(frozen=True)
class Comparison:
    """One number of a simulated system, and its value in theory. Times are in seconds.

    Attributes:
        system: such as M/M/1.
        setting: the place on the grid, in words.
        position: the same as a number, for figures.
        quantity: what is compared.
        formula: the module and function of `queueing` with the closed form.
        theory: its value by that, not 0.
        interval: the estimate.
    """

    system: str
    setting: str
    position: float
    quantity: str
    formula: str
    theory: float
    interval: Interval

    @property
    def standard_error(self) -> float:
        """Estimated standard deviation of the estimate."""
        interval = self.interval
        return interval.half_width / t_quantile((1 + interval.level) / 2, interval.degrees_of_freedom)

    @property
    def z(self) -> float:
        """Standard errors from theory to the estimate."""
        difference = self.interval.estimate - self.theory
        if self.standard_error > 0:
            return difference / self.standard_error
        return math.copysign(math.inf, difference) if difference else 0.0

    @property
    def p_value(self) -> float:
        """Probability of a difference at least as large, to either side, if theory is right."""
        from scipy.special import stdtr

        return 2 * float(stdtr(self.interval.degrees_of_freedom, -abs(self.z)))


class Experiment(NamedTuple):
    """One place on the grid: a name, and what simulates and compares there, given a seed."""

    name: str
    compare: Callable[[int], Sequence[Comparison]]


def differing(p_values: Sequence[float], family_error: float = FAMILY_ERROR) -> list[int]:
    """Which of several tests fail, by the step-down procedure of Holm, see `estimates.holm`.

    Whatever the dependence between the tests, the probability that a true hypothesis is among those that
    fail is at most the error.

    Args:
        p_values: shape (n,), each from 0 to 1.
        family_error: above 0 and below 1.

    Returns:
        Positions of those that fail, in increasing order.

    Example:
        >>> differing([0.02, 0.5, 0.001, 0.3], family_error=0.05)  # 0.001 < 0.05/4, but 0.02 > 0.05/3
        [2]
    """
    return [position for position, adjusted in enumerate(holm(p_values)) if adjusted <= family_error]


def critical_z(tests: int, family_error: float = FAMILY_ERROR) -> float:
    """Standard errors beyond which the largest of several differences fails, for a normal distribution.

    Example:
        >>> round(critical_z(tests=1, family_error=0.05), 2)
        1.96
    """
    from scipy.special import ndtri

    return -float(ndtri(family_error / tests / 2))


def detectable(comparison: Comparison, tests: int) -> float:
    """The relative error of a formula that the family detects, by this row alone, with probability `POWER`.

    Args:
        comparison: says how precise the estimate is.
        tests: number of comparisons in the family.
    """
    from scipy.special import ndtri

    distance = critical_z(tests) + float(ndtri(POWER))
    return distance * comparison.standard_error / abs(comparison.theory)


# -- Regeneration cycles, cut out of the record of a run.


@dataclass(frozen=True)
class DoneJobs:
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

    def taken(self, rows: Int64Array | BoolArray) -> DoneJobs:
        """Some of the jobs, by their numbers or by a mask."""
        return DoneJobs(*(getattr(self, column.name)[rows] for column in fields(self)))


def jobs_of(record: Record) -> DoneJobs:
    """All jobs of a run in which each was done."""
    jobs = DoneJobs(record.submitted_us, record.started_us, record.ended_us, record.workload.jobs.stream)
    return jobs.taken(np.argsort(record.submitted_us, kind="stable"))


def arrivals_to_empty(jobs: DoneJobs) -> Int64Array:
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

    jobs: DoneJobs
    cycle: Int64Array
    seconds: Float64Array

    @classmethod
    def between(cls, jobs: DoneJobs, starts_us: Int64Array) -> Cycles:
        """Cut at given times, increasing; what comes before the first and after the last is left out."""
        cycle = np.searchsorted(starts_us, jobs.submitted_us, side="right") - 1
        kept = (cycle >= 0) & (cycle < len(starts_us) - 1)
        return cls(jobs.taken(kept), cycle[kept], np.diff(starts_us) / SECOND)

    @classmethod
    def pooled(cls, parts: Sequence[Cycles]) -> Cycles:
        """The cycles of several independent runs."""
        firsts = np.cumsum([0, *(len(part.seconds) for part in parts[:-1])])
        names = [column.name for column in fields(DoneJobs)]
        return cls(
            DoneJobs(*(np.concatenate([getattr(part.jobs, name) for part in parts]) for name in names)),
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

"""The scenarios that are simulated, as mappings, and the moments of what they draw."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from qsession_sim.units import SECOND

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

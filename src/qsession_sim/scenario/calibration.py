"""From a load to the rate of arrivals that offers it: rate x mean QPU time = load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qsession_sim.scenario.arrival_processes import mean_per_hour, scaled
from qsession_sim.scenario.moments import count_mean, mean
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.quantities import Duration, Exponential
from qsession_sim.scenario.resolved import LognormalNoise
from qsession_sim.units import HOUR

if TYPE_CHECKING:
    from qsession_sim.scenario.human import HumanArrivals, HumanScenario, HumanServiceTime

_LONGEST_US = 2**62


def mean_qpu_time_us(source: HumanArrivals, service_time: HumanServiceTime) -> float:
    """Mean QPU time that a job of a source asks for, before it is rounded or cut (S44).

    With `shots` it is (overhead + per_execution x mean circuits x mean shots) x exp(sigma^2 / 2), since
    circuits, shots and noise are independent; exp(sigma^2 / 2) is the mean of the lognormal noise, whose
    median is 1.

    Args:
        source: with `qpu_time`, or with `shots`.
        service_time: of the QPU.

    Returns:
        Microseconds; infinite where there is no mean.
    """
    if source.qpu_time is not None:
        return mean(source.qpu_time)
    circuits = 1.0 if source.circuits is None else count_mean(source.circuits)
    shots = 1.0 if source.shots is None else count_mean(source.shots)
    noise = service_time.noise
    sigma = noise.sigma if isinstance(noise, LognormalNoise) else 0.0
    # beyond a spread of 30 every mean is beyond every horizon
    factor = math.exp(sigma * sigma / 2) if sigma < 30 else math.inf
    return (service_time.overhead + service_time.per_execution * circuits * shots) * factor


def calibrated(source: HumanArrivals, service_time: HumanServiceTime) -> dict[str, Any]:
    """The keys that say when the jobs of a source arrive, with its load solved.

    Args:
        source: of which `uncalibrated` finds no problem.
        service_time: of the QPU.

    Returns:
        `interarrival`, `rates`, `bursts` and `groups`; all but one are None.
    """
    keys = {key: getattr(source, key) for key in ("interarrival", "rates", "bursts", "groups")}
    if source.load is None:
        return keys
    per_us = source.load / mean_qpu_time_us(source, service_time)
    if source.rates is not None or source.bursts is not None:
        return {**keys, **scaled(source, per_us * HOUR / mean_per_hour(source))}
    interarrival_us = max(round(1 / per_us), 1)
    return {
        **keys,
        "interarrival": Exponential[Duration].model_construct(kind="exponential", mean=interarrival_us),
    }


def uncalibrated(scenario: HumanScenario) -> Iterator[Problem]:
    """Loads that no rate can offer."""
    service_time = scenario.qpus[0].service_time
    for index, source in enumerate(scenario.workload):
        if source.kind != "arrivals" or source.load is None:
            continue
        mean_us = mean_qpu_time_us(source, service_time)
        if mean_us <= 0:
            problem = "the mean QPU time is 0, so no rate offers a load; give longer QPU times"
        elif not mean_us / source.load < _LONGEST_US:
            problem = (
                "the mean QPU time is infinite or too long, so no rate offers this load; give it at_most"
            )
        elif mean_us / source.load < 1:
            problem = "needs more than one arrival in a microsecond; give a smaller load"
        else:
            continue
        yield Problem(("workload", index, "load"), problem, source.load)

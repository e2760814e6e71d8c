"""From a load to the rate of arrivals that offers it: rate x mean QPU time = load x QPUs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from qsession_sim.scenario.models import mean_per_hour, scaled
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.service import (
    ClopsModel,
    EmpiricalNoise,
    ExecutionsModel,
    LognormalNoise,
    Noise,
    NoNoise,
    resolve_service_time,
)
from qsession_sim.scenario.values import Duration, Exponential, count_mean, mean
from qsession_sim.units import HOUR, SECOND

if TYPE_CHECKING:
    from qsession_sim.scenario.models import HumanArrivals, HumanQPU, HumanScenario
    from qsession_sim.scenario.service import HumanServiceTime

_LONGEST_US = 2**62


def mean_qpu_time_us(source: HumanArrivals, service_time: HumanServiceTime) -> float | None:
    """Mean QPU time that a job of a source asks for, before it is rounded or cut (S44).

    By the models `executions` and `clops` it is the model's time at the mean circuits, shots and layers,
    times the mean noise, since all of them are independent. The mean of lognormal noise with median 1 is
    exp(sigma^2 / 2).

    Args:
        source: with `qpu_time`, or with what the service-time model needs.
        service_time: of the QPU.

    Returns:
        Microseconds; infinite where there is no mean, None where it has no closed form: with sub-jobs, and
        with a line that is cut below.
    """
    if source.qpu_time is not None:
        return mean(source.qpu_time)
    circuits, shots, layers = (
        1.0 if count is None else count_mean(count)
        for count in (source.circuits, source.shots, source.layers)
    )
    model = resolve_service_time(service_time)
    match model:
        case ExecutionsModel(executions_per_subjob=None):
            per_execution = (model.per_execution or 0) + (model.rep_delay or 0) + (model.circuit_length or 0)
            mean_us = model.overhead + per_execution * circuits * shots
        case ClopsModel():
            mean_us = model.overhead + circuits * shots * layers / model.clops * SECOND
        case _:
            return None
    return mean_us * _mean_noise(model.noise)


def _mean_noise(noise: Noise) -> float:
    match noise:
        case NoNoise():
            return 1.0
        case LognormalNoise():
            # beyond a spread of 30 every mean is beyond every horizon
            return math.exp(noise.sigma**2 / 2) if noise.sigma < 30 else math.inf
        case EmpiricalNoise():
            return math.fsum(noise.values) / len(noise.values)
        case _:
            assert_never(noise)


def mean_time_between_us(source: HumanArrivals, qpus: Sequence[HumanQPU]) -> float | None:
    """Mean time between two jobs of a source that keep all QPUs busy to which they may go (load 1).

    Where QPUs differ in speed each of them does its share: 1 / (1 / mean of one + 1 / mean of the next ...).

    Args:
        source: as for `mean_qpu_time_us`.
        qpus: of the scenario; simulator backends get only jobs that name them.

    Returns:
        Microseconds; infinite or None where `mean_qpu_time_us` is, for any of the QPUs.
    """
    means = [
        mean_qpu_time_us(source, qpu.service_time)
        for qpu in qpus
        if (not qpu.simulator if source.qpu is None else qpu.name == source.qpu)
    ]
    known = [mean_us for mean_us in means if mean_us is not None]
    if len(known) < len(means):
        return None
    if len(set(known)) == 1:
        return known[0] / len(known)
    if min(known) <= 0:
        return 0.0
    if max(known) == math.inf:
        return math.inf
    return 1 / math.fsum(1 / mean_us for mean_us in known)


def calibrated(source: HumanArrivals, qpus: Sequence[HumanQPU]) -> dict[str, Any]:
    """The keys that say when the jobs of a source arrive, with its load solved.

    Args:
        source: of which `uncalibrated` finds no problem.
        qpus: of the scenario.

    Returns:
        `interarrival`, `rates`, `bursts` and `groups`; all but one are None.
    """
    keys = {key: getattr(source, key) for key in ("interarrival", "rates", "bursts", "groups")}
    if source.load is None:
        return keys
    mean_us = mean_time_between_us(source, qpus)
    if mean_us is None:
        raise ValueError("a load needs a mean QPU time; `uncalibrated` tells")
    per_us = source.load / mean_us
    if source.rates is not None or source.bursts is not None:
        return {**keys, **scaled(source, per_us * HOUR / mean_per_hour(source))}
    interarrival_us = max(round(1 / per_us), 1)
    return {
        **keys,
        "interarrival": Exponential[Duration].model_construct(kind="exponential", mean=interarrival_us),
    }


def uncalibrated(scenario: HumanScenario) -> Iterator[Problem]:
    """Loads that no rate can offer."""
    for index, source in enumerate(scenario.workload):
        if source.kind != "arrivals" or source.load is None:
            continue
        mean_us = mean_time_between_us(source, scenario.qpus)
        if mean_us is None:
            problem = (
                "the mean of these QPU times has no closed form, so no rate can be solved; give qpu_time"
            )
        elif mean_us <= 0:
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

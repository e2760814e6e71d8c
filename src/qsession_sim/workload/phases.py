"""What a source says of its jobs beside their QPU time: where they run, their phases, their estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict

from qsession_sim.scenario.resolved_qpus import ResolvedPhases
from qsession_sim.scenario.service_models import GivenModel, NoNoise
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import Int64Array, constant
from qsession_sim.workload.distributions import (
    AnyDistribution,
    durations_us,
    sample,
    sampled_durations_us,
)
from qsession_sim.workload.part import Setting
from qsession_sim.workload.problems import source_error
from qsession_sim.workload.random_streams import Purpose

_LARGEST_ROUTE = 2**62


class SessionQpus(TypedDict):
    """Columns of `SessionColumns`."""

    qpu: Int64Array
    route: Int64Array


class JobPhases(SessionQpus):
    """Columns of `JobColumns`."""

    preparation_us: Int64Array
    post_processing_us: Int64Array
    estimate_us: Int64Array


def drawn_phases(
    source: ResolvedPhases,
    setting: Setting,
    qpu_time_us: Int64Array,
    times_us: Callable[[Setting], Int64Array] | None = None,
) -> JobPhases:
    """Columns of jobs that not every scenario needs; where nothing is given nothing is drawn.

    Args:
        source: of drawn jobs, or a trace.
        setting: of the source.
        qpu_time_us: of its jobs, shape (jobs,).
        times_us: the QPU times of the same jobs in another setting; None where they follow from no model.

    Raises:
        ScenarioError: if a duration is longer than 2**62 us, or an estimate has no formula.
    """
    rows = len(qpu_time_us)

    def drawn(distribution: AnyDistribution | None, purpose: Purpose) -> Int64Array:
        if distribution is None:
            return constant(rows, 0)
        path = f"{setting.name}.{purpose.name.lower()}"
        return sampled_durations_us(distribution, setting.generator(purpose), rows, path)

    return {
        "qpu": constant(rows, setting.qpu),
        "route": routes(setting, rows, Purpose.ROUTE),
        "preparation_us": drawn(source.preparation, Purpose.PREPARATION),
        "post_processing_us": drawn(source.post_processing, Purpose.POST_PROCESSING),
        "estimate_us": _estimates_us(source, setting, qpu_time_us, times_us),
    }


def session_qpus(setting: Setting, rows: int) -> SessionQpus:
    """The QPU of sessions, and the random numbers by which they may be routed."""
    return {"qpu": constant(rows, setting.qpu), "route": routes(setting, rows, Purpose.SESSION_ROUTE)}


def routes(setting: Setting, rows: int, purpose: Purpose) -> Int64Array:
    """A random number at least 0 for each row, if there is a choice of QPUs (S54); else 0.

    They are drawn whatever the routing policy, so that policies are compared on one workload.
    """
    if not setting.routes or setting.qpu != NEVER:
        return constant(rows, 0)
    return setting.generator(purpose).integers(0, _LARGEST_ROUTE, size=rows)


def _estimates_us(
    source: ResolvedPhases,
    setting: Setting,
    qpu_time_us: Int64Array,
    times_us: Callable[[Setting], Int64Array] | None,
) -> Int64Array:
    estimate, rows = source.estimate, len(qpu_time_us)
    path = f"{setting.name}.estimate"
    if estimate is None:
        return constant(rows, NEVER)
    if estimate.method == "formula":
        model = setting.service_time
        if times_us is None or isinstance(model, GivenModel):
            raise source_error(path, "formula needs a service-time model; give perfect, a factor or a time")
        plain = model.model_copy(update={"noise": NoNoise(kind="none")})
        return times_us(replace(setting, service_time=plain))
    generator = setting.generator(Purpose.ESTIMATE)
    if estimate.factor is not None:
        return durations_us(sample(estimate.factor, generator, rows) * qpu_time_us, path, least_us=1)
    if estimate.time is None:
        raise source_error(path, f"method {estimate.method} needs a {estimate.method}")
    return sampled_durations_us(estimate.time, generator, rows, path, least_us=1)

"""QPU times of one source: given, drawn or by the QPU's service-time model; and what users estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeAlias, assert_never

import numpy as np

from qsession_sim.queueing.service_time import (
    execution_times_us,
    executions,
    layer_times_us,
    linear_times_us,
    lognormal_noise,
    resampled_noise,
)
from qsession_sim.queueing.statistics import Float64Array
from qsession_sim.scenario.distributions import AnyDistribution
from qsession_sim.scenario.service import (
    ClopsModel,
    EmpiricalNoise,
    ExecutionsModel,
    FittedModel,
    GivenModel,
    LinearModel,
    LognormalNoise,
    Noise,
    NoNoise,
    ServiceTimeModel,
)
from qsession_sim.scenario.sources import (
    GeometricShots,
    LinearShots,
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedEstimate,
    ResolvedIterative,
    ResolvedJob,
    ShotsByIteration,
    SteppedShots,
)
from qsession_sim.workload.columns import Int64Array, constant
from qsession_sim.workload.context import Purpose, SourceContext, source_error
from qsession_sim.workload.distributions import (
    counts,
    durations_us,
    sample,
    sampled_counts,
    sampled_durations_us,
)

DrawnSource: TypeAlias = ResolvedArrivals | ResolvedIterative | ResolvedBatches


@dataclass(frozen=True)
class JobProperties:
    """What QPU times follow from; each of shape (jobs,), 1 where a job does not say."""

    circuits: Int64Array
    shots: Int64Array
    layers: Int64Array
    qubits: Int64Array
    depth: Int64Array

    @classmethod
    def of(cls, numbers: Callable[[str], Int64Array]) -> JobProperties:
        """All of them, each by its name, which is that of its key."""
        return cls(*(numbers(key.name) for key in fields(cls)))


def drawn_times_us(
    source: DrawnSource, context: SourceContext, rows: int, iteration: Int64Array | None = None
) -> Int64Array:
    """QPU times of a source of drawn jobs: `qpu_time` as drawn, or by the model; shape (rows,).

    Args:
        source: in resolved form.
        context: of the source.
        rows: how many jobs there are.
        iteration: number of each job within its client, from 1, where shots change by it.

    Raises:
        ScenarioError: if a time is longer than 2**62 us, or nothing determines it.
    """
    name = source.name
    if source.qpu_time is not None:
        generator = context.generator(Purpose.QPU_TIME)
        return sampled_durations_us(source.qpu_time, generator, rows, f"{name}.qpu_time", least_us=1)
    if source.circuits is None or source.shots is None:
        raise source_error(name, "needs qpu_time, or circuits and shots")
    refuse_missing(source, context, name)

    def drawn(key: str) -> Int64Array:
        distribution: AnyDistribution | None = getattr(source, key)
        if distribution is None:
            return constant(rows, 1)
        generator, path = context.generator(Purpose[key.upper()]), f"{name}.{key}"
        change = source.shots_by_iteration if isinstance(source, ResolvedIterative) else None
        if key == "shots" and change is not None and iteration is not None:
            return counts(changed_shots(change, sample(distribution, generator, rows), iteration), path)
        return sampled_counts(distribution, generator, rows, path)

    return modelled_times_us(JobProperties.of(drawn), context)


def changed_shots(change: ShotsByIteration, shots: Float64Array, iteration: Int64Array) -> Float64Array:
    """Shots of every iteration, not yet rounded.

    Args:
        change: how shots change.
        shots: as drawn, shape (n,).
        iteration: number of the iteration, from 1, shape (n,).

    Example:
        >>> growing = LinearShots(kind="linear", step=100.0, at_most=1150.0)
        >>> changed_shots(growing, np.full(3, 1000.0), np.array([1, 2, 3])).tolist()
        [1000.0, 1100.0, 1150.0]
    """
    match change:
        case LinearShots():
            return _within(change, shots + change.step * (iteration - 1))
        case GeometricShots():
            with np.errstate(over="ignore"):
                return _within(change, shots * change.factor ** (iteration - 1.0))
        case SteppedShots():
            first = [step.from_iteration for step in change.steps]
            later = np.array([step.shots for step in change.steps], dtype=np.float64)
            step = np.searchsorted(first, iteration, side="right") - 1
            return np.where(step < 0, shots, later[step])
        case _:
            assert_never(change)


def _within(change: LinearShots | GeometricShots, shots: Float64Array) -> Float64Array:
    low = -np.inf if change.at_least is None else change.at_least
    high = np.inf if change.at_most is None else change.at_most
    clipped: Float64Array = np.clip(shots, low, high)
    return clipped


def refuse_missing(jobs: DrawnSource | ResolvedJob, context: SourceContext, path: str) -> None:
    """Refuse jobs without `qpu_time` that lack what the service-time model needs.

    Raises:
        ScenarioError: that names the model and what is missing.
    """
    model = context.service_time
    if isinstance(model, GivenModel):
        raise source_error(path, "needs qpu_time; service-time model given has no formula")
    missing = [key for key in needed(model) if getattr(jobs, key) is None]
    if missing:
        raise source_error(path, f"needs {' and '.join(missing)} for service-time model {model.model}")


class Times(Protocol):
    """What QPU times follow from, beside the jobs."""

    @property
    def name(self) -> str:
        """Of the stream, for messages."""

    @property
    def service_time(self) -> ServiceTimeModel:
        """The model of the QPU."""

    def generator(self, purpose: Purpose) -> np.random.Generator:
        """Of the stream, for one purpose."""


def modelled_times_us(jobs: JobProperties, context: Times) -> Int64Array:
    """QPU times by the QPU's service-time model, with the noise of the stream; shape (jobs,).

    Raises:
        ScenarioError: if a time is longer than 2**62 us, or the model is `given`, which has no formula.
    """
    try:
        return _times_us(jobs, context)
    except OverflowError as error:
        raise source_error(context.name, f"{error}; lower circuits or shots") from None


def _times_us(jobs: JobProperties, context: Times) -> Int64Array:
    model, rows = context.service_time, len(jobs.circuits)
    match model:
        case ExecutionsModel():
            return execution_times_us(
                jobs.circuits,
                jobs.shots,
                model.overhead,
                model.execution_us,
                _noise(model.noise, context, rows),
                executions_per_subjob=model.executions_per_subjob,
            )
        case ClopsModel():
            noise = _noise(model.noise, context, rows)
            return layer_times_us(jobs.circuits, jobs.shots, jobs.layers, model.clops, model.overhead, noise)
        case LinearModel() | FittedModel():
            terms = (
                (model.coefficients.executions, executions(jobs.circuits, jobs.shots)),
                (model.coefficients.qubits, jobs.qubits),
                (model.coefficients.depth, jobs.depth),
            )
            return linear_times_us(
                model.intercept,
                [(coefficient, values) for coefficient, values in terms if coefficient is not None],
                rows,
                model.least,
                _noise(model.noise, context, rows),
            )
        case GivenModel():
            raise source_error(context.name, "needs qpu_time; service-time model given has no formula")
        case _:
            assert_never(model)


def has_noise(model: ServiceTimeModel) -> bool:
    """Whether times by a model are random."""
    return not isinstance(model, GivenModel) and not isinstance(model.noise, NoNoise)


def needed(model: ServiceTimeModel) -> tuple[str, ...]:
    """What a job must say besides circuits and shots, so that a model gives its QPU time."""
    match model:
        case ClopsModel():
            return ("layers",)
        case LinearModel() | FittedModel():
            return tuple(key for key in ("qubits", "depth") if getattr(model.coefficients, key) is not None)
        case _:
            return ()


def _noise(noise: Noise, context: Times, rows: int) -> Float64Array | None:
    match noise:
        case NoNoise():
            return None
        case LognormalNoise():
            return lognormal_noise(context.generator(Purpose.NOISE), noise.sigma, rows)
        case EmpiricalNoise():
            factors = np.array(noise.values, dtype=np.float64)
            return resampled_noise(context.generator(Purpose.NOISE), factors, rows)
        case _:
            assert_never(noise)


def drawn_estimates_us(
    estimate: ResolvedEstimate,
    context: SourceContext,
    qpu_time_us: Int64Array,
    times_us: Callable[[SourceContext], Int64Array] | None = None,
) -> Int64Array:
    """What users estimate the QPU times of jobs to be; shape (jobs,).

    Args:
        estimate: how they do it.
        context: of the source.
        qpu_time_us: of its jobs, shape (jobs,).
        times_us: the QPU times of the same jobs in another context; None where they follow from no model.

    Raises:
        ScenarioError: if a duration is longer than 2**62 us, or there is no formula.
    """
    rows, path = len(qpu_time_us), f"{context.name}.estimate"
    if estimate.method == "formula":
        model = context.service_time
        if times_us is None or isinstance(model, GivenModel):
            raise source_error(path, "formula needs a service-time model; give perfect, a factor or a time")
        plain = model.model_copy(update={"noise": NoNoise(kind="none")})
        return times_us(replace(context, service_time=plain))
    generator = context.generator(Purpose.ESTIMATE)
    if estimate.factor is not None:
        return durations_us(sample(estimate.factor, generator, rows) * qpu_time_us, path, least_us=1)
    if estimate.time is None:
        raise source_error(path, f"method {estimate.method} needs a {estimate.method}")
    return sampled_durations_us(estimate.time, generator, rows, path, least_us=1)

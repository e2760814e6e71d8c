"""The service time of a QPU from the human form to the resolved form."""

from __future__ import annotations

from typing import Final, TypeVar, cast

from qsession_sim.scenario import service_models as models
from qsession_sim.scenario.human_service import HumanServiceTime
from qsession_sim.units import MICROSECOND, SECOND

T = TypeVar("T")

DEFAULT_OVERHEAD_US: Final = 2 * SECOND
DEFAULT_PER_EXECUTION_US: Final = 350 * MICROSECOND
DEFAULT_REP_DELAY_US: Final = 250 * MICROSECOND
DEFAULT_CIRCUIT_LENGTH_US: Final = 100 * MICROSECOND
"""Of the service's guide to estimating the run time of a job: about 2 s for each sub-job, a default
repetition delay of 250 us, circuits of 50 to 100 us, and 350 us for both together in the short form."""


def resolve_service_time(service_time: HumanServiceTime) -> models.ServiceTimeModel:
    """Make every default of a service time explicit.

    Args:
        service_time: without contradictions; preset and file of measurements were read into the other keys.

    Example:
        >>> resolve_service_time(HumanServiceTime()).per_execution
        350
    """
    # the noise of residuals was replaced by its factors
    noise = cast("models.Noise", service_time.noise)
    overhead = DEFAULT_OVERHEAD_US if service_time.overhead is None else service_time.overhead
    least = 1 if service_time.least is None else service_time.least
    match service_time.model:
        case "executions":
            return _executions(service_time, overhead, noise)
        case "clops":
            return models.ClopsModel.model_construct(
                model="clops", overhead=overhead, clops=_known(service_time.clops), noise=noise
            )
        case "linear":
            return models.LinearModel.model_construct(
                model="linear",
                intercept=service_time.intercept or 0.0,
                coefficients=_known(service_time.coefficients),
                least=least,
                noise=noise,
            )
        case "fitted":
            return models.FittedModel.model_construct(
                model="fitted",
                intercept=_known(service_time.intercept),
                coefficients=_known(service_time.coefficients),
                least=least,
                fit=_known(service_time.fit),
                noise=noise,
            )
        case "given":
            return models.GivenModel.model_construct(model="given")


def _known(value: T | None) -> T:
    """A value that `service_contradictions` found to be there."""
    return cast("T", value)


def _executions(service_time: HumanServiceTime, overhead: int, noise: models.Noise) -> models.ExecutionsModel:
    per_execution = service_time.per_execution
    rep_delay, circuit_length = service_time.rep_delay, service_time.circuit_length
    if rep_delay is None and circuit_length is None:
        per_execution = DEFAULT_PER_EXECUTION_US if per_execution is None else per_execution
    else:
        rep_delay = DEFAULT_REP_DELAY_US if rep_delay is None else rep_delay
        circuit_length = DEFAULT_CIRCUIT_LENGTH_US if circuit_length is None else circuit_length
    return models.ExecutionsModel.model_construct(
        model="executions",
        overhead=overhead,
        per_execution=per_execution,
        rep_delay=rep_delay,
        circuit_length=circuit_length,
        executions_per_subjob=service_time.executions_per_subjob,
        noise=noise,
    )

"""Service times of device families: data files of this package, each with its sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import BeforeValidator, Field

from qsession_sim.scenario.spellings import Name, ShortForm, WholeNumber
from qsession_sim.scenario.values import (
    Coefficient,
    Duration,
    Model,
    NonNegativeFloat,
    PositiveDuration,
    PositiveFloat,
)
from qsession_sim.units import MICROSECOND, SECOND

# -- How QPU times follow from what a job is: the service-time models of the resolved form.


class NoNoise(Model):
    """QPU times are exactly those of the model."""

    kind: Literal["none"]


class LognormalNoise(Model):
    """A lognormal factor with median 1 on the whole QPU time."""

    kind: Literal["lognormal"]
    sigma: Annotated[NonNegativeFloat, Field(description="the spread of the factor's logarithm")]


class EmpiricalNoise(Model):
    """A factor on the whole QPU time, one of `values`, all equally likely."""

    kind: Literal["empirical"]
    values: Annotated[
        tuple[PositiveFloat, ...],
        Field(min_length=1, description="the factors, or a file with one factor per line"),
    ]


Noise = Annotated[NoNoise | LognormalNoise | EmpiricalNoise, Field(discriminator="kind")]


class ExecutionsModel(Model):
    """QPU time = (overhead x sub-jobs + per_execution x circuits x shots) x noise, rounded once.

    The time of an execution is `per_execution`, or `rep_delay` and `circuit_length` together.
    """

    model: Literal["executions"]
    overhead: Duration
    per_execution: Duration | None = None
    rep_delay: Duration | None = None
    circuit_length: Duration | None = None
    executions_per_subjob: int | None = None  # None: every job is one
    noise: Noise


class ClopsModel(Model):
    """QPU time = (overhead + circuits x shots x layers / clops) x noise, rounded once."""

    model: Literal["clops"]
    overhead: Duration
    clops: PositiveFloat
    noise: Noise


class Coefficients(Model):
    """What a straight line multiplies; what is absent does not count."""

    executions: Annotated[Coefficient | None, Field(description="the time that a shot of a circuit adds")] = (
        None
    )
    qubits: Annotated[Coefficient | None, Field(description="the time that a qubit adds")] = None
    depth: Annotated[Coefficient | None, Field(description="the time that a layer of depth adds")] = None


class LinearModel(Model):
    """QPU time = max(intercept + coefficients x properties, least) x noise, rounded once."""

    model: Literal["linear"]
    intercept: Coefficient
    coefficients: Coefficients
    least: PositiveDuration
    noise: Noise


class Fit(Model):
    """How well a line fits the measurements from which it was made."""

    measurements: Annotated[int, Field(strict=True, ge=1, description="the number of measurements")]
    r_squared: Annotated[
        float, Field(strict=True, allow_inf_nan=False, description="the share of variance explained")
    ]
    residual_spread: Annotated[Coefficient, Field(description="the standard error of the regression")]
    sha256: Annotated[str, Field(strict=True, description="the digest of the file of measurements")]


class FittedModel(Model):
    """As `LinearModel`, with a line that was fitted to measurements when the scenario was read."""

    model: Literal["fitted"]
    intercept: Coefficient
    coefficients: Coefficients
    least: PositiveDuration
    fit: Fit
    noise: Noise


class GivenModel(Model):
    """Every job gives its `qpu_time`."""

    model: Literal["given"]


ServiceTimeModel = ExecutionsModel | ClopsModel | LinearModel | FittedModel | GivenModel


# -- Field types of the human form: names, instants, and quantities with their short spellings.


class ResidualNoise(Model):
    """Measured over fitted times as factors, which take its place when the measurements are read."""

    kind: Literal["residuals"]


def _spell_out_noise(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    if value == "none":
        return {"kind": "none"}
    raise ValueError("must be none or {kind: lognormal, sigma: ...}")


NoiseSpelling = Annotated[
    Annotated[NoNoise | LognormalNoise | EmpiricalNoise | ResidualNoise, Field(discriminator="kind")],
    BeforeValidator(_spell_out_noise),
    ShortForm({"const": "none"}),
]


# -- The human form of a QPU's service time.
#
# One model holds the keys of all service-time models; `service_contradictions` says which belong together.


class HumanColumns(Model):
    """The columns of a file of measurements."""

    time: Annotated[Name, Field(description="the column with measured QPU times in seconds")]
    shots: Annotated[Name | None, Field(description="the column with shots of each circuit")] = None
    circuits: Annotated[Name | None, Field(description="the column with circuits; default: one each")] = None
    qubits: Annotated[Name | None, Field(description="the column with qubits")] = None
    depth: Annotated[Name | None, Field(description="the column with circuit depths")] = None


class HumanServiceTime(Model):
    """How QPU times follow from what a job is."""

    preset: Annotated[
        Name | None, Field(description="the name of a device family whose numbers to start from")
    ] = None
    model: Annotated[
        Literal["executions", "clops", "linear", "fitted", "given"],
        Field(description="the service-time model"),
    ] = "executions"
    overhead: Annotated[Duration | None, Field(description="the time that every sub-job takes")] = None
    per_execution: Annotated[Duration | None, Field(description="the time of one shot of one circuit")] = None
    rep_delay: Annotated[Duration | None, Field(description="the delay between executions")] = None
    circuit_length: Annotated[Duration | None, Field(description="the time that a circuit itself runs")] = (
        None
    )
    executions_per_subjob: Annotated[
        WholeNumber | None, Field(description="the most executions of a sub-job; default: no limit")
    ] = None
    clops: Annotated[PositiveFloat | None, Field(description="the circuit layers per second")] = None
    intercept: Annotated[Coefficient | None, Field(description="where the straight line starts")] = None
    coefficients: Annotated[
        Coefficients | None, Field(description="what executions, qubits and depth add")
    ] = None
    least: Annotated[PositiveDuration | None, Field(description="the shortest time of the straight line")] = (
        None
    )
    file: Annotated[Name | None, Field(description="the CSV file of measurements, may be gzipped")] = None
    columns: Annotated[
        HumanColumns | None, Field(description="which columns of the file the line is fitted to")
    ] = None
    fit: Annotated[Fit | None, Field(description="how well the line fits; written by resolution")] = None
    noise: Annotated[NoiseSpelling, Field(description="a random factor on the whole QPU time, or none")] = (
        NoNoise(kind="none")
    )


# -- The service time of a QPU from the human form to the resolved form.

T = TypeVar("T")

DEFAULT_OVERHEAD_US: Final = 2 * SECOND
DEFAULT_PER_EXECUTION_US: Final = 350 * MICROSECOND
DEFAULT_REP_DELAY_US: Final = 250 * MICROSECOND
DEFAULT_CIRCUIT_LENGTH_US: Final = 100 * MICROSECOND
"""Of the service's guide to estimating the run time of a job: about 2 s for each sub-job, a default
repetition delay of 250 us, circuits of 50 to 100 us, and 350 us for both together in the short form."""


def resolve_service_time(service_time: HumanServiceTime) -> ServiceTimeModel:
    """Make every default of a service time explicit.

    Args:
        service_time: without contradictions; preset and file of measurements were read into the other keys.

    Example:
        >>> resolve_service_time(HumanServiceTime()).per_execution
        350
    """
    # the noise of residuals was replaced by its factors
    noise = cast("Noise", service_time.noise)
    overhead = DEFAULT_OVERHEAD_US if service_time.overhead is None else service_time.overhead
    least = 1 if service_time.least is None else service_time.least
    match service_time.model:
        case "executions":
            return _executions(service_time, overhead, noise)
        case "clops":
            return ClopsModel.model_construct(
                model="clops", overhead=overhead, clops=_known(service_time.clops), noise=noise
            )
        case "linear":
            return LinearModel.model_construct(
                model="linear",
                intercept=service_time.intercept or 0.0,
                coefficients=_known(service_time.coefficients),
                least=least,
                noise=noise,
            )
        case "fitted":
            return FittedModel.model_construct(
                model="fitted",
                intercept=_known(service_time.intercept),
                coefficients=_known(service_time.coefficients),
                least=least,
                fit=_known(service_time.fit),
                noise=noise,
            )
        case "given":
            return GivenModel.model_construct(model="given")


def _known(value: T | None) -> T:
    """A value that `service_contradictions` found to be there."""
    return cast("T", value)


def _executions(service_time: HumanServiceTime, overhead: int, noise: Noise) -> ExecutionsModel:
    per_execution = service_time.per_execution
    rep_delay, circuit_length = service_time.rep_delay, service_time.circuit_length
    if rep_delay is None and circuit_length is None:
        per_execution = DEFAULT_PER_EXECUTION_US if per_execution is None else per_execution
    else:
        rep_delay = DEFAULT_REP_DELAY_US if rep_delay is None else rep_delay
        circuit_length = DEFAULT_CIRCUIT_LENGTH_US if circuit_length is None else circuit_length
    return ExecutionsModel.model_construct(
        model="executions",
        overhead=overhead,
        per_execution=per_execution,
        rep_delay=rep_delay,
        circuit_length=circuit_length,
        executions_per_subjob=service_time.executions_per_subjob,
        noise=noise,
    )


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted.

    Example:
        >>> "heron" in preset_names()
        True
    """
    folder = files("qsession_sim.scenario") / "presets"
    return tuple(
        sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))
    )


@cache
def _text(name: str) -> str:
    return (files("qsession_sim.scenario") / "presets" / f"{name}.json").read_text(encoding="utf-8")


def read_preset(name: str) -> dict[str, Any]:
    """A preset: `title`, `sources`, and the keys of `service_time` that it stands for.

    Args:
        name: one of `preset_names()`.

    Example:
        >>> read_preset("heron")["service_time"]["overhead"]
        '2s'
    """
    preset: dict[str, Any] = json.loads(_text(name))
    return preset

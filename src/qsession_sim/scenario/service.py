"""Service-time models: how QPU times follow from what a job is, and the numbers of device families."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from qsession_sim.scenario.values import (
    Coefficient,
    Duration,
    ExactDuration,
    Model,
    Name,
    NonNegativeFloat,
    PositiveDuration,
    PositiveFloat,
    ShortForm,
    WholeNumber,
    key,
)
from qsession_sim.units import MICROSECOND, SECOND

# -- Noise.


class NoNoise(Model):
    """QPU times are exactly those of the model."""

    kind: Literal["none"] = Field(description="the kind of noise")


class LognormalNoise(Model):
    """A lognormal factor with median 1 on the whole QPU time."""

    kind: Literal["lognormal"] = Field(description="the kind of noise")
    sigma: NonNegativeFloat = Field(description="the spread of the factor's logarithm")


class EmpiricalNoise(Model):
    """A factor on the whole QPU time, one of `values`, all equally likely."""

    kind: Literal["empirical"] = Field(description="the kind of noise")
    values: tuple[PositiveFloat, ...] = Field(
        min_length=1, description="the factors, or a file with one factor per line"
    )


Noise = Annotated[NoNoise | LognormalNoise | EmpiricalNoise, Field(discriminator="kind")]


class ResidualNoise(Model):
    """Measured over fitted times as factors, which take its place when the measurements are read."""

    kind: Literal["residuals"] = Field(description="the kind of noise")


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


# -- As people write it: one model holds the keys of all service-time models.


class Coefficients(Model):
    """What a straight line multiplies; what is absent does not count."""

    executions: Coefficient | None = key("the time that a shot of a circuit adds")
    qubits: Coefficient | None = key("the time that a qubit adds")
    depth: Coefficient | None = key("the time that a layer of depth adds")


class Fit(Model):
    """How well a line fits the measurements from which it was made."""

    measurements: int = Field(strict=True, ge=1, description="the number of measurements")
    r_squared: float = Field(strict=True, allow_inf_nan=False, description="the share of variance explained")
    residual_spread: Coefficient = Field(description="the standard error of the regression")
    sha256: str = Field(strict=True, description="the digest of the file of measurements")


class HumanColumns(Model):
    """The columns of a file of measurements."""

    time: Name = Field(description="the column with measured QPU times in seconds")
    shots: Name | None = key("the column with shots of each circuit")
    circuits: Name | None = key("the column with circuits; default: one each")
    qubits: Name | None = key("the column with qubits")
    depth: Name | None = key("the column with circuit depths")


class HumanServiceTime(Model):
    """How QPU times follow from what a job is."""

    preset: Name | None = key("the name of a device family whose numbers to start from")
    model: Literal["executions", "clops", "linear", "fitted", "given"] = key(
        "the service-time model", "executions"
    )
    overhead: Duration | None = key("the time that every sub-job takes")
    per_execution: ExactDuration | None = key("the time of one shot of one circuit")
    rep_delay: ExactDuration | None = key("the delay between executions")
    circuit_length: ExactDuration | None = key("the time that a circuit itself runs")
    executions_per_subjob: WholeNumber | None = key("the most executions of a sub-job; default: no limit")
    clops: PositiveFloat | None = key("the circuit layers per second")
    intercept: Coefficient | None = key("where the straight line starts")
    coefficients: Coefficients | None = key("what executions, qubits and depth add")
    least: PositiveDuration | None = key("the shortest time of the straight line")
    file: Name | None = key("the CSV file of measurements, may be packed")
    columns: HumanColumns | None = key("which columns of the file the line is fitted to")
    fit: Fit | None = key("how well the line fits; written by resolution")
    noise: NoiseSpelling = key("a random factor on the whole QPU time, or none", NoNoise(kind="none"))


# -- Each service-time model, with what resolution makes certain of its keys.


class ExecutionsModel(HumanServiceTime):
    """QPU time = (overhead x sub-jobs + per_execution x circuits x shots) x noise, rounded once.

    The time of an execution is `per_execution`, or `rep_delay` and `circuit_length` together. Without
    `executions_per_subjob` every job is one sub-job.
    """

    model: Literal["executions"]
    overhead: Duration
    noise: Noise

    @property
    def execution_us(self) -> Fraction:
        """The microseconds of an execution."""
        times_us = (self.per_execution, self.rep_delay, self.circuit_length)
        return sum((time_us for time_us in times_us if time_us is not None), Fraction(0))


class ClopsModel(HumanServiceTime):
    """QPU time = (overhead + circuits x shots x layers / clops) x noise, rounded once."""

    model: Literal["clops"]
    overhead: Duration
    clops: PositiveFloat
    noise: Noise


class LinearModel(HumanServiceTime):
    """QPU time = max(intercept + coefficients x properties, least) x noise, rounded once."""

    model: Literal["linear"]
    intercept: Coefficient
    coefficients: Coefficients
    least: PositiveDuration
    noise: Noise


class FittedModel(HumanServiceTime):
    """As `LinearModel`, with a line that was fitted to measurements when the scenario was read."""

    model: Literal["fitted"]
    intercept: Coefficient
    coefficients: Coefficients
    least: PositiveDuration
    fit: Fit
    noise: Noise


class GivenModel(HumanServiceTime):
    """Every job gives its `qpu_time`."""

    model: Literal["given"]
    noise: Annotated[NoNoise, Field(exclude=True)] = NoNoise(kind="none")


ServiceTimeModel = ExecutionsModel | ClopsModel | LinearModel | FittedModel | GivenModel

DEFAULT_MODEL: Final = "executions"
DEFAULT_OVERHEAD_US: Final = 2 * SECOND
DEFAULT_PER_EXECUTION_US: Final = Fraction(350 * MICROSECOND)
DEFAULT_REP_DELAY_US: Final = Fraction(250 * MICROSECOND)
DEFAULT_CIRCUIT_LENGTH_US: Final = Fraction(100 * MICROSECOND)
"""Of the service's guide to estimating the run time of a job: about 2 s for each sub-job, a default
repetition delay of 250 us, circuits of 50 to 100 us, and 350 us for both together in the short form."""


@dataclass(frozen=True)
class ServiceTimeKind:
    """One service-time model: its resolved form, the keys that belong to it, and defaults of some of them."""

    resolved: type[ServiceTimeModel]
    keys: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)


_LINE: Final = ("intercept", "coefficients", "least")

SERVICE_TIME_KINDS: Final[Mapping[str, ServiceTimeKind]] = {
    "executions": ServiceTimeKind(
        ExecutionsModel,
        ("overhead", "per_execution", "rep_delay", "circuit_length", "executions_per_subjob", "noise"),
        {"overhead": DEFAULT_OVERHEAD_US},
    ),
    "clops": ServiceTimeKind(ClopsModel, ("overhead", "clops", "noise"), {"overhead": DEFAULT_OVERHEAD_US}),
    "linear": ServiceTimeKind(LinearModel, (*_LINE, "noise"), {"intercept": Fraction(0), "least": 1}),
    "fitted": ServiceTimeKind(FittedModel, ("file", "columns", *_LINE, "fit", "noise"), {"least": 1}),
    "given": ServiceTimeKind(GivenModel, ()),
}


# -- Presets: data files of this package.


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

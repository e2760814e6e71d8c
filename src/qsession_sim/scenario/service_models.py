"""How QPU times follow from what a job is: the service-time models of the resolved form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qsession_sim.scenario.quantities import (
    Coefficient,
    Duration,
    Model,
    NonNegativeFloat,
    PositiveDuration,
    PositiveFloat,
)


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

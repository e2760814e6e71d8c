"""Field types of scenarios: durations, counts and distributions over them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from typing_extensions import TypeAliasType

from qsession_sim.units import UNITS_US, format_duration, parse_duration


class Model(BaseModel):
    """Base of every scenario model: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _read_duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str):
        message = "a duration needs a unit, such as 90s, 2h30m or 250us"
        raise ValueError(message)
    duration_us = parse_duration(value)
    if duration_us < 0:
        raise ValueError("a time cannot be negative")
    return duration_us


def _read_positive_duration(value: Any) -> int:
    duration_us = _read_duration(value)
    if duration_us < 1:
        raise ValueError("must be at least 1us")
    return duration_us


DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^\s*((\d+(\.\d*)?|\.\d+)\s*(w|d|h|m|min|s|ms|us)\s*)+$",
    "examples": ["90s", "2h30m", "250us"],
}

Duration = Annotated[
    int,
    BeforeValidator(_read_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),
]
"""A time of at least 0, written with a unit; microseconds in memory (S1)."""

PositiveDuration = Annotated[
    int,
    BeforeValidator(_read_positive_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),
]
"""A time of at least 1 microsecond (S2)."""

_COEFFICIENT: Final = re.compile(r"\s*(-?(?:\d+(?:\.\d*)?|\.\d+))\s*([a-z]+)\s*", re.ASCII)
_LARGEST_COEFFICIENT_US: Final = 2**62

MOST_ROWS: Final = 100_000_000
"""The most jobs, sessions or clients of a source; more would fill the memory."""


def _read_coefficient(value: Any) -> float:
    match = _COEFFICIENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in UNITS_US:
        raise ValueError("must be a number with a unit, such as 431.83us or -17.9s")
    coefficient_us = Decimal(match[1]) * UNITS_US[match[2]]
    if abs(coefficient_us) > _LARGEST_COEFFICIENT_US:
        raise ValueError("must be shorter than about 146,000 years")
    return float(coefficient_us)


def format_coefficient(coefficient_us: float) -> str:
    """Write a coefficient so that reading it gives the same number.

    Example:
        >>> format_coefficient(431.83), format_coefficient(1e-7), format_coefficient(-5.0)
        ('431.83us', '0.0000001us', '-5us')
    """
    return f"{format(Decimal(repr(coefficient_us)), 'f').removesuffix('.0')}us"


Coefficient = Annotated[
    float,
    BeforeValidator(_read_coefficient),
    PlainSerializer(format_coefficient, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*-?(\d+(\.\d*)?|\.\d+)\s*(w|d|h|m|min|s|ms|us)\s*$",
            "examples": ["431.83us", "-17.9s"],
        }
    ),
]
"""A number with a unit of time, which may be negative and is not rounded; microseconds in memory."""

Count = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
"""A number of things; fractions are rounded half to even when drawn, and at least 1 is used."""

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]

Shape = Annotated[float, Field(ge=0.05, le=1000, allow_inf_nan=False, strict=True)]
"""A shape of a distribution; the bounds keep every moment that exists within the numbers of a computer."""

T = TypeVar("T")


class Bounded(Model, Generic[T]):
    """Bounds that every distribution may have, and what is done about a value outside of them."""

    at_least: Annotated[T | None, Field(description="the smallest value that is used")] = None
    at_most: Annotated[T | None, Field(description="the largest value that is used")] = None
    outside: Annotated[
        Literal["cap", "redraw"] | None,
        Field(description="what happens to a value out of bounds: cap (it becomes the bound) or redraw"),
    ] = None


class Constant(Bounded[T], Generic[T]):
    """Always the same value."""

    kind: Literal["constant"]
    value: Annotated[T, Field(description="the value")]


class Uniform(Bounded[T], Generic[T]):
    """Every value between `low` and `high` is equally likely."""

    kind: Literal["uniform"]
    low: Annotated[T, Field(description="the smallest value")]
    high: Annotated[T, Field(description="the largest value")]


class Exponential(Bounded[T], Generic[T]):
    """Memoryless, with the given mean."""

    kind: Literal["exponential"]
    mean: Annotated[T, Field(description="the mean")]


class Lognormal(Bounded[T], Generic[T]):
    """The logarithm is normal: `median` is the median, `sigma` the spread of the logarithm."""

    kind: Literal["lognormal"]
    median: Annotated[T, Field(description="the median")]
    sigma: Annotated[NonNegativeFloat, Field(description="the spread of the logarithm")]


class Choice(Bounded[T], Generic[T]):
    """One of `values`, with probabilities in proportion to `weights`."""

    kind: Literal["choice"]
    values: Annotated[tuple[T, ...], Field(min_length=1, description="the values to choose from")]
    weights: Annotated[
        tuple[NonNegativeFloat, ...], Field(min_length=1, description="a weight for each value; default 1")
    ]


class Empirical(Bounded[T], Generic[T]):
    """One of `values`, all equally likely: measurements, repeated as often as they were seen."""

    kind: Literal["empirical"]
    values: Annotated[
        tuple[T, ...], Field(min_length=1, description="the values, or a file with one value per line")
    ]


class Gamma(Bounded[T], Generic[T]):
    """Gamma with mean shape x scale and variance shape x scale^2."""

    kind: Literal["gamma"]
    shape: Annotated[Shape, Field(description="the shape, from 0.05 to 1000")]
    scale: Annotated[T, Field(description="the scale; the mean is shape x scale")]


class Weibull(Bounded[T], Generic[T]):
    """P(X > x) = exp(-(x / scale)^shape)."""

    kind: Literal["weibull"]
    shape: Annotated[Shape, Field(description="the shape, from 0.05 to 1000; below 1 the tail is heavy")]
    scale: Annotated[T, Field(description="the scale; a share of 1/e of the values is larger")]


class Pareto(Bounded[T], Generic[T]):
    """P(X > x) = (scale / x)^shape for x of at least `scale`."""

    kind: Literal["pareto"]
    shape: Annotated[Shape, Field(description="the exponent of the tail, from 0.05 to 1000")]
    scale: Annotated[T, Field(description="the smallest value that is drawn")]


class Erlang(Bounded[T], Generic[T]):
    """The sum of `stages` independent exponential times, which have the same mean."""

    kind: Literal["erlang"]
    stages: Annotated[int, Field(strict=True, ge=1, le=1000, description="the number of stages")]
    mean: Annotated[T, Field(description="the mean of the sum")]


class Hyperexponential(Bounded[T], Generic[T]):
    """Exponential with one of `means`, chosen with probabilities in proportion to `weights`."""

    kind: Literal["hyperexponential"]
    means: Annotated[tuple[T, ...], Field(min_length=1, description="the mean of each branch")]
    weights: Annotated[
        tuple[NonNegativeFloat, ...], Field(min_length=1, description="a weight for each mean; default 1")
    ]


Distribution = TypeAliasType(
    "Distribution",
    Annotated[
        Constant[T]
        | Uniform[T]
        | Exponential[T]
        | Lognormal[T]
        | Gamma[T]
        | Weibull[T]
        | Pareto[T]
        | Erlang[T]
        | Hyperexponential[T]
        | Choice[T]
        | Empirical[T],
        Field(discriminator="kind"),
    ],
    type_params=(T,),
)
"""A distribution of durations or counts."""

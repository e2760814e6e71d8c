"""Field types of scenarios: names, numbers, times and limits, as people write them and in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from qsession_sim.units import UNITS_US, format_duration, parse_exact_duration

T = TypeVar("T")
D = TypeVar("D", int, Fraction)

MOST_ROWS: Final = 100_000_000
"""The most jobs, sessions or clients of a source; more would fill the memory."""

_MOST: Final = 1_000_000_000
_MOST_URGENT: Final = 2**62
_LARGEST_COEFFICIENT_US: Final = 2**62


class Model(BaseModel):
    """Base of every scenario model: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def key(description: str, default: Any = None, **constraints: Any) -> Any:
    """A key that may be absent: how messages and the JSON Schema describe it, and what it then is."""
    return Field(default, description=description, **constraints)


@dataclass(frozen=True, eq=False)
class ShortForm:
    """Annotation that adds a short spelling to a field's JSON Schema."""

    schema: Mapping[str, Any]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [dict(self.schema), handler(schema)]}


@dataclass(frozen=True)
class OneOf:
    """Annotation of a text that must be one of some words, which are listed elsewhere; else as `Literal`."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.words))


# -- Names.


def _check_printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be on one line, without spaces around it")
    return text


def _check_slash(text: str) -> str:
    if "/" in text:
        raise ValueError("must not contain '/', which ids made by the simulator use")  # S67
    return text


Name = Annotated[str, Field(strict=True, min_length=1), AfterValidator(_check_printable)]
"""A name that people give to an account, a QPU or a policy."""

Identifier = Annotated[Name, AfterValidator(_check_slash)]
"""The name of a source, or the id of an explicit job or session."""


# -- Numbers.

WholeNumber = Annotated[int, Field(strict=True, ge=1, le=_MOST)]
RowCount = Annotated[int, Field(strict=True, ge=1, le=MOST_ROWS)]
"""How many jobs, batches or clients there are."""

Priority = Annotated[int, Field(strict=True, ge=-_MOST_URGENT, le=_MOST_URGENT)]
Seed = Annotated[int, Field(strict=True, ge=0)]

Count = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
"""A number of things; fractions are rounded half to even when drawn, and at least 1 is used."""

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]


def _read_schema_version(value: Any) -> Any:
    # true and 1.0 equal 1, but are no version
    if type(value) is not int or value != 1:
        raise ValueError("must be 1, the only version that exists")
    return value


SchemaVersion = Annotated[Literal[1], BeforeValidator(_read_schema_version)]


# -- Times.


def _read_duration(value: Any) -> int:
    return round(_read_exact_duration(value))


def _check_positive(duration_us: D) -> D:
    if round(duration_us) < 1:
        raise ValueError("must be at least 1us")
    return duration_us


def _read_exact_duration(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, str):
        message = "a duration needs a unit, such as 90s, 2h30m or 250us"
        raise ValueError(message)
    duration_us = parse_exact_duration(value)
    if duration_us < 0:
        raise ValueError("a time cannot be negative")
    return duration_us


DURATION_SCHEMA: Final = {
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

PositiveDuration = Annotated[Duration, AfterValidator(_check_positive)]
"""A time of at least 1 microsecond (S2)."""

_MOST_DIGITS: Final = 400
"""After the point of a time that is not rounded; the shortest spelling of a float has no more."""

_ALL_DIGITS: Final = Context(prec=2 * _MOST_DIGITS)


def _checked_digits(time_us: Fraction) -> Fraction:
    if time_us.denominator > 1 and (10**_MOST_DIGITS) % time_us.denominator:
        message = f"has more than {_MOST_DIGITS} digits after the point"
        raise ValueError(message)
    return time_us


def _read_unrounded(value: Any) -> Fraction:
    return _checked_digits(_read_exact_duration(value))


def format_exact_duration(duration_us: Fraction) -> str:
    """Write a time that is not rounded; without a fraction it is written as any duration.

    Example:
        >>> format_exact_duration(Fraction(1500)), format_exact_duration(Fraction(701, 2))
        ('1ms500us', '350.5us')
    """
    is_whole = duration_us.denominator == 1
    return format_duration(int(duration_us)) if is_whole else format_coefficient(duration_us)


ExactDuration = Annotated[
    Fraction,
    PlainValidator(_read_unrounded),
    PlainSerializer(format_exact_duration, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),
]
"""A time of at least 0 that is multiplied by a count; exact microseconds in memory, since only the product is
rounded (S1)."""

PositiveExactDuration = Annotated[ExactDuration, AfterValidator(_check_positive)]
"""The same of at least 1 microsecond, rounded."""

_COEFFICIENT: Final = re.compile(r"\s*(-?(?:\d+(?:\.\d*)?|\.\d+))\s*([a-z]+)\s*", re.ASCII)


def _read_coefficient(value: Any) -> Fraction:
    match = _COEFFICIENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in UNITS_US:
        raise ValueError("must be a number with a unit, such as 431.83us or -17.9s")
    coefficient_us = Fraction(Decimal(match[1])) * UNITS_US[match[2]]
    if abs(coefficient_us) > _LARGEST_COEFFICIENT_US:
        raise ValueError("must be shorter than about 146,000 years")
    return _checked_digits(coefficient_us)


def format_coefficient(coefficient_us: Fraction) -> str:
    """Write a coefficient so that reading it gives the same number.

    Example:
        >>> format_coefficient(Fraction(43183, 100)), format_coefficient(Fraction(-5))
        ('431.83us', '-5us')
    """
    numerator, denominator = coefficient_us.as_integer_ratio()
    digits = next(digits for digits in range(_MOST_DIGITS + 1) if 10**digits % denominator == 0)
    return f"{Decimal(numerator * (10**digits // denominator)).scaleb(-digits, _ALL_DIGITS):f}us"


Coefficient = Annotated[
    Fraction,
    PlainValidator(_read_coefficient),
    PlainSerializer(format_coefficient, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*-?(\d+(\.\d*)?|\.\d+)\s*(w|d|h|m|min|s|ms|us)\s*$",
            "examples": ["431.83us", "-17.9s"],
        }
    ),
]
"""A number with a unit of time, which may be negative and is not rounded; exact microseconds in memory."""


def _read_instant(value: Any) -> datetime:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif type(value) is date:
            value = datetime.combine(value, time())
        instant: datetime = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise ValueError("must be an instant such as 2024-04-02T08:00:00Z") from None
    return instant


Instant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    WithJsonSchema({"type": "string", "examples": ["2024-04-02T08:00:00Z"]}),
]
"""A calendar instant in UTC; without an offset it is read as UTC."""


# -- Limits.

NoLimit = Literal["none"]


class OrWord(ShortForm):
    """Annotation of an amount in whose place a word may be."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        amount, words = get_args(source)

        def read_limit(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
            return value if isinstance(value, str) and value in get_args(words) else read(value)

        return core_schema.no_info_wrap_validator_function(read_limit, handler.generate_schema(amount))


Limit: TypeAlias = Annotated[T | NoLimit, OrWord({"const": "none"})]
"""A limit as people write it, or the word `none`; in the resolved form that is None (`resolve.limited`)."""

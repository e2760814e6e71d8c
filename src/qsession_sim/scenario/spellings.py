"""Field types of the human form: names, instants, and quantities with their short spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from qsession_sim.scenario.profiles import ProfileName
from qsession_sim.scenario.values import (
    DURATION_SCHEMA,
    LEAST_SHARE,
    MOST_ROWS,
    Bounded,
    Choice,
    Count,
    Distribution,
    Duration,
    Hyperexponential,
    PositiveDuration,
    Uniform,
    share_within,
)

NO_LIMIT: Final = 0
"""What the spelling `none` of a limit is in memory; a given limit is at least 1 microsecond."""

_MOST: Final = 1_000_000_000
_MOST_URGENT: Final = 2**62
_WEIGHTED: Final = {"choice": "values", "hyperexponential": "means"}
"""What the weights of a distribution belong to."""

_NUMBER_SCHEMA: Final = {"type": "number", "exclusiveMinimum": 0}

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ShortForm:
    """Annotation that adds a short spelling to a field's JSON Schema."""

    schema: Mapping[str, Any]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [dict(self.schema), handler(core_schema)]}


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

WholeNumber = Annotated[int, Field(strict=True, ge=1, le=_MOST)]
RowCount = Annotated[int, Field(strict=True, ge=1, le=MOST_ROWS)]
"""How many jobs, batches or clients there are."""

Priority = Annotated[int, Field(strict=True, ge=-_MOST_URGENT, le=_MOST_URGENT)]
Seed = Annotated[int, Field(strict=True, ge=0)]


def _read_schema_version(value: Any) -> Any:
    # true and 1.0 equal 1, but are no version
    if type(value) is not int or value != 1:
        raise ValueError("must be 1, the only version that exists")
    return value


SchemaVersion = Annotated[Literal[1], BeforeValidator(_read_schema_version)]


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


def _read_profile(value: Any) -> Any:
    # an unquoted 2023 is an integer in YAML
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ProfileSpelling = Annotated[
    ProfileName, BeforeValidator(_read_profile), ShortForm({"type": "integer", "enum": [2023, 2026]})
]


def _read_limit(value: Any, read_duration: ValidatorFunctionWrapHandler) -> Any:
    return NO_LIMIT if value == "none" else read_duration(value)


LimitSpelling = Annotated[PositiveDuration, WrapValidator(_read_limit), ShortForm({"const": "none"})]
"""A duration of at least 1 microsecond, or `none`, which becomes `NO_LIMIT`."""


def _spell_out_distribution(value: Any) -> Any:
    if isinstance(value, list):
        message = "must be one value or a distribution, such as {kind: choice, values: [...]}"
        raise ValueError(message)
    if not isinstance(value, Mapping):
        return {"kind": "constant", "value": value}
    written = dict(value)
    kind = written.get("kind")
    values = written.get(_WEIGHTED[kind]) if isinstance(kind, str) and kind in _WEIGHTED else None
    if "weights" not in written and isinstance(values, list):
        written["weights"] = [1] * max(len(values), 1)
    if "outside" not in written and ("at_least" in written or "at_most" in written):
        written["outside"] = "cap"
    return written


class ImpossibleDistributionError(ValueError):
    """The parameters of a distribution are right one by one, but not together."""


def _check_possible(distribution: T) -> T:
    if isinstance(distribution, Uniform) and distribution.low > distribution.high:
        raise ImpossibleDistributionError("low must not be above high")
    if isinstance(distribution, Choice):
        _check_weights(len(distribution.values), distribution.weights, "value")
    if isinstance(distribution, Hyperexponential):
        _check_weights(len(distribution.means), distribution.weights, "mean")
    if isinstance(distribution, Bounded):
        _check_bounds(distribution)
    return distribution


def _check_weights(values: int, weights: tuple[float, ...], what: str) -> None:
    if len(weights) != values:
        raise ImpossibleDistributionError(
            f"needs one weight for each {what}, not {values} {what}s, {len(weights)} weights"
        )
    if not any(weights):
        raise ImpossibleDistributionError("needs a weight above 0")


def _check_bounds(distribution: Any) -> None:
    low, high = distribution.at_least, distribution.at_most
    if distribution.outside is not None and low is None and high is None:
        raise ImpossibleDistributionError("outside needs at_least or at_most")
    if low is not None and high is not None and low > high:
        raise ImpossibleDistributionError("at_least must not be above at_most")
    if distribution.outside == "redraw" and share_within(distribution) < LEAST_SHARE:
        raise ImpossibleDistributionError(
            "less than 1 value in 1000 lies within at_least and at_most, too few to redraw the others"
        )


DurationSpelling = Annotated[
    Distribution[Duration],
    BeforeValidator(_spell_out_distribution),
    AfterValidator(_check_possible),
    ShortForm(DURATION_SCHEMA),
]
PositiveDurationSpelling = Annotated[
    Distribution[PositiveDuration],
    BeforeValidator(_spell_out_distribution),
    AfterValidator(_check_possible),
    ShortForm(DURATION_SCHEMA),
]
CountSpelling = Annotated[
    Distribution[Count],
    BeforeValidator(_spell_out_distribution),
    AfterValidator(_check_possible),
    ShortForm(_NUMBER_SCHEMA),
]

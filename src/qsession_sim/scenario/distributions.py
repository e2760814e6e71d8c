"""Distributions of times and numbers: what can be written, and their means and variances in closed form.

Means and variances are those before any rounding. With bounds they follow from the partial moments
E[X^n; X <= x], n = 0, 1, 2, which every distribution here has in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from typing_extensions import TypeAliasType

from qsession_sim.scenario.values import (
    DURATION_SCHEMA,
    Count,
    ExactDuration,
    Model,
    NonNegativeFloat,
    PositiveExactDuration,
    ShortForm,
    key,
)

Shape = Annotated[float, Field(ge=0.05, le=1000, allow_inf_nan=False, strict=True)]
"""A shape of a distribution; the bounds keep every moment that exists within the numbers of a computer."""


T = TypeVar("T")


def _describe(schema: dict[str, Any], model: type[Model]) -> None:
    """Describe a distribution in the JSON Schema as its class does; pydantic forgets that of generic ones."""
    generic = model.__pydantic_generic_metadata__["origin"] or model
    schema["description"] = str(generic.__doc__)


class Bounded(Model, Generic[T]):
    """Bounds that every distribution may have, and what is done about a value outside of them."""

    model_config = ConfigDict(json_schema_extra=_describe)

    at_least: T | None = key("the smallest value that is used")
    at_most: T | None = key("the largest value that is used")
    outside: Literal["cap", "redraw"] | None = key(
        "what happens to a value out of bounds: cap (it becomes the bound) or redraw"
    )


class Constant(Bounded[T], Generic[T]):
    """Always the same value."""

    kind: Literal["constant"] = Field(description="the kind of distribution")
    value: T = Field(description="the value")


class Uniform(Bounded[T], Generic[T]):
    """Every value between `low` and `high` is equally likely."""

    kind: Literal["uniform"] = Field(description="the kind of distribution")
    low: T = Field(description="the smallest value")
    high: T = Field(description="the largest value")


class Exponential(Bounded[T], Generic[T]):
    """Memoryless, with the given mean."""

    kind: Literal["exponential"] = Field(description="the kind of distribution")
    mean: T = Field(description="the mean")


class Lognormal(Bounded[T], Generic[T]):
    """The logarithm is normal: `median` is the median, `sigma` the spread of the logarithm."""

    kind: Literal["lognormal"] = Field(description="the kind of distribution")
    median: T = Field(description="the median")
    sigma: NonNegativeFloat = Field(description="the spread of the logarithm")


class Choice(Bounded[T], Generic[T]):
    """One of `values`, with probabilities in proportion to `weights`."""

    kind: Literal["choice"] = Field(description="the kind of distribution")
    values: tuple[T, ...] = Field(min_length=1, description="the values to choose from")
    weights: tuple[NonNegativeFloat, ...] = Field(
        min_length=1, description="a weight for each value; default 1"
    )


class Empirical(Bounded[T], Generic[T]):
    """One of `values`, all equally likely: measurements, repeated as often as they were seen."""

    kind: Literal["empirical"] = Field(description="the kind of distribution")
    values: tuple[T, ...] = Field(min_length=1, description="the values, or a file with one value per line")


class Gamma(Bounded[T], Generic[T]):
    """Gamma with mean shape x scale and variance shape x scale^2."""

    kind: Literal["gamma"] = Field(description="the kind of distribution")
    shape: Shape = Field(description="the shape, from 0.05 to 1000")
    scale: T = Field(description="the scale; the mean is shape x scale")


class Weibull(Bounded[T], Generic[T]):
    """P(X > x) = exp(-(x / scale)^shape)."""

    kind: Literal["weibull"] = Field(description="the kind of distribution")
    shape: Shape = Field(description="the shape, from 0.05 to 1000; below 1 the tail is heavy")
    scale: T = Field(description="the scale; a share of 1/e of the values is larger")


class Pareto(Bounded[T], Generic[T]):
    """P(X > x) = (scale / x)^shape for x of at least `scale`."""

    kind: Literal["pareto"] = Field(description="the kind of distribution")
    shape: Shape = Field(description="the exponent of the tail, from 0.05 to 1000")
    scale: T = Field(description="the smallest value that is drawn")


class Erlang(Bounded[T], Generic[T]):
    """The sum of `stages` independent exponential times, which have the same mean."""

    kind: Literal["erlang"] = Field(description="the kind of distribution")
    stages: int = Field(strict=True, ge=1, le=1000, description="the number of stages")
    mean: T = Field(description="the mean of the sum")


class Hyperexponential(Bounded[T], Generic[T]):
    """Exponential with one of `means`, chosen with probabilities in proportion to `weights`."""

    kind: Literal["hyperexponential"] = Field(description="the kind of distribution")
    means: tuple[T, ...] = Field(min_length=1, description="the mean of each branch")
    weights: tuple[NonNegativeFloat, ...] = Field(
        min_length=1, description="a weight for each mean; default 1"
    )


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


DurationDistribution = Distribution[ExactDuration]
CountDistribution = Distribution[Count]

# a text, because pydantic would build classes that nothing needs
AnyDistribution: TypeAlias = "Distribution[int] | Distribution[float] | Distribution[Fraction]"


# -- As people write them.

_WEIGHTED: Final = {"choice": "values", "hyperexponential": "means"}
"""What the weights of a distribution belong to."""

NUMBER_SCHEMA: Final = {"type": "number", "exclusiveMinimum": 0}

LEAST_SHARE: Final = 0.001
"""With a smaller share of values within their bounds nothing is redrawn."""


def spell_out_distribution(value: Any) -> Any:
    """A number or a duration as a constant; equal weights and capped bounds where nothing else is said."""
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


def check_possible(distribution: T) -> T:
    """A distribution, if its parameters go together.

    Raises:
        ImpossibleDistributionError: if they do not.
    """
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


Spelled: TypeAlias = Annotated[T, BeforeValidator(spell_out_distribution), AfterValidator(check_possible)]
"""Distributions as people write them."""

DurationSpelling = Annotated[Spelled[DurationDistribution], ShortForm(DURATION_SCHEMA)]
PositiveDurationSpelling = Annotated[Spelled[Distribution[PositiveExactDuration]], ShortForm(DURATION_SCHEMA)]
CountSpelling = Annotated[Spelled[Distribution[Count]], ShortForm(NUMBER_SCHEMA)]


# -- Means, variances and shares.

_ATTEMPTS: Final = 100_000


def mean(distribution: AnyDistribution) -> float:
    """Mean of a distribution before rounding, within its bounds; infinite where it does not exist.

    Example:
        >>> mean(Uniform[int](kind="uniform", low=2, high=6))
        4.0
        >>> mean(Pareto[int](kind="pareto", shape=1.0, scale=5))
        inf
    """
    atoms = _atoms(distribution)
    if atoms is not None:
        return _average(atoms)
    bounds = bounds_of(distribution)
    return _raw(distribution, 1) if bounds is None else _bounded_moment(distribution, 1, *bounds)


def variance(distribution: AnyDistribution) -> float:
    """Variance of a distribution before rounding, within its bounds; infinite where it does not exist.

    Example:
        >>> variance(Erlang[int](kind="erlang", stages=4, mean=12))
        36.0
    """
    atoms = _atoms(distribution)
    if atoms is not None:
        middle = _average(atoms)
        return _average([((value - middle) * (value - middle), weight) for value, weight in atoms])
    bounds = bounds_of(distribution)
    if bounds is None:
        return _unbounded_variance(distribution)
    first = _bounded_moment(distribution, 1, *bounds)
    second = _bounded_moment(distribution, 2, *bounds)
    return second if math.isinf(second) else max(second - first * first, 0.0)


def count_mean(distribution: AnyDistribution) -> float:
    """Mean of a number of things: as `mean`, but a distribution with listed values is rounded first.

    Example:
        >>> count_mean(Choice[float](kind="choice", values=(0.2, 2.5), weights=(1.0, 1.0)))
        1.5
    """
    atoms = _atoms(distribution)
    if atoms is None:
        return mean(distribution)
    return _average([(float(max(round(value), 1)), weight) for value, weight in atoms])


def share_within(distribution: AnyDistribution) -> float:
    """The probability of a value within at_least and at_most, both included.

    Example:
        >>> share_within(Uniform[int](kind="uniform", low=0, high=8, at_most=4, outside="redraw"))
        0.5
    """
    low, high = bounds_of(distribution) or (0.0, math.inf)
    listed = _listed(distribution)
    if listed is not None:
        return _average([(float(low <= value <= high), weight) for value, weight in listed])
    return _partial(distribution, 0, high) - (_partial(distribution, 0, low) if low else 0.0)


def bounds_of(distribution: AnyDistribution) -> tuple[float, float] | None:
    """The smallest and the largest value that are used; None without bounds."""
    if distribution.at_least is None and distribution.at_most is None:
        return None
    high = math.inf if distribution.at_most is None else float(distribution.at_most)
    return float(distribution.at_least or 0), high


def _listed(distribution: AnyDistribution) -> list[tuple[float, float]] | None:
    """Values and their weights, if there are not more values than can be listed."""
    match distribution:
        case Constant():
            return [(float(distribution.value), 1.0)]
        case Choice():
            shares = _shares(distribution.weights)
            return list(zip(map(float, distribution.values), shares, strict=True))
        case Empirical():
            return [(float(value), 1.0) for value in distribution.values]
        case Uniform() if distribution.low == distribution.high:
            return [(float(distribution.low), 1.0)]
        case Lognormal() if distribution.sigma == 0 or distribution.median == 0:
            return [(float(distribution.median), 1.0)]
        case Pareto() | Gamma() | Weibull() if distribution.scale == 0:
            return [(0.0, 1.0)]
        case Exponential() | Erlang() if distribution.mean == 0:
            return [(0.0, 1.0)]
    return None


def _atoms(distribution: AnyDistribution) -> list[tuple[float, float]] | None:
    """`_listed`, within the bounds."""
    listed, bounds = _listed(distribution), bounds_of(distribution)
    if listed is None or bounds is None:
        return listed
    low, high = bounds
    if distribution.outside != "redraw":
        return [(min(max(value, low), high), weight) for value, weight in listed]
    return [(value, weight) for value, weight in listed if low <= value <= high]


def _average(atoms: Sequence[tuple[float, float]]) -> float:
    return math.fsum(value * weight for value, weight in atoms) / math.fsum(weight for _, weight in atoms)


def _shares(weights: Sequence[float]) -> list[float]:
    """Probabilities; by way of the largest weight, so that no sum overflows."""
    shares = [weight / max(weights) for weight in weights]
    total = math.fsum(shares)
    return [share / total for share in shares]


def _raw(distribution: AnyDistribution, order: int) -> float:
    """E[X^order] without bounds, for orders 0, 1 and 2."""
    if order == 0:
        return 1.0
    first = _unbounded_mean(distribution)
    return first if order == 1 else _unbounded_variance(distribution) + first * first


def _unbounded_mean(distribution: AnyDistribution) -> float:
    match distribution:
        case Uniform():
            return float(distribution.low + distribution.high) / 2
        case Exponential() | Erlang():
            return float(distribution.mean)
        case Lognormal():
            # beyond a spread of 30 every mean is beyond every horizon
            return distribution.median * math.exp(min(distribution.sigma, 30.0) ** 2 / 2)
        case Gamma():
            return distribution.shape * distribution.scale
        case Weibull():
            return distribution.scale * math.gamma(1 + 1 / distribution.shape)
        case Pareto():
            shape = distribution.shape
            return math.inf if shape <= 1 else distribution.scale * shape / (shape - 1)
        case Hyperexponential():
            shares = _shares(distribution.weights)
            return math.fsum(p * m for p, m in zip(shares, map(float, distribution.means), strict=True))
    raise AssertionError(distribution.kind)


def _unbounded_variance(distribution: AnyDistribution) -> float:
    match distribution:
        case Uniform():
            width = float(distribution.high - distribution.low)
            return width * width / 12
        case Exponential():
            return float(distribution.mean) * distribution.mean
        case Erlang():
            return float(distribution.mean) * distribution.mean / distribution.stages
        case Lognormal():
            square = min(distribution.sigma, 18.0) ** 2
            first = distribution.median * math.exp(square / 2)
            return first * first * math.expm1(square)
        case Gamma():
            return distribution.shape * distribution.scale * distribution.scale
        case Weibull():
            first, inverse = _unbounded_mean(distribution), 1 / distribution.shape
            # the second moment over the square of the first, less 1, without cancellation of large terms
            return first * first * math.expm1(math.lgamma(1 + 2 * inverse) - 2 * math.lgamma(1 + inverse))
        case Pareto():
            shape, scale = distribution.shape, float(distribution.scale)
            if shape <= 2:
                return math.inf
            return scale * scale * shape / ((shape - 1) * (shape - 1) * (shape - 2))
        case Hyperexponential():
            shares, first = _shares(distribution.weights), _unbounded_mean(distribution)
            pairs = zip(shares, map(float, distribution.means), strict=True)
            return math.fsum(2.0 * p * m * m for p, m in pairs) - first * first
    raise AssertionError(distribution.kind)


def _bounded_moment(distribution: AnyDistribution, order: int, low: float, high: float) -> float:
    below = [_partial(distribution, n, low) if low else 0.0 for n in (0, order)]
    upto = [_partial(distribution, n, high) for n in (0, order)]
    inside = upto[1] - below[1]
    if distribution.outside == "redraw":
        return inside / (upto[0] - below[0])
    above = 0.0 if math.isinf(high) else _power(high, order) * (1 - upto[0])
    return _power(low, order) * below[0] + inside + above


def _power(value: float, order: int) -> float:
    return 1.0 if order == 0 else value if order == 1 else value * value


def _partial(distribution: AnyDistribution, order: int, upper: float) -> float:
    """E[X^order; X <= upper] without bounds, `upper` above 0."""
    if math.isinf(upper):
        return _raw(distribution, order)
    match distribution:
        case Uniform():
            low, high = float(distribution.low), float(distribution.high)
            end = min(max(upper, low), high)
            # the integral of x^n is the mean of x^n by Simpson's rule, exact up to the third power
            middle = _power(low, order) + 4 * _power((low + end) / 2, order) + _power(end, order)
            return (end - low) / (high - low) * middle / 6
        case Exponential():
            return _gamma_partial(1.0, float(distribution.mean), order, upper)
        case Gamma():
            return _gamma_partial(distribution.shape, float(distribution.scale), order, upper)
        case Erlang():
            stages = distribution.stages
            return _gamma_partial(stages, float(distribution.mean) / stages, order, upper)
        case Hyperexponential():
            pairs = zip(_shares(distribution.weights), map(float, distribution.means), strict=True)
            return math.fsum(p * _gamma_partial(1.0, m, order, upper) for p, m in pairs)
        case Weibull():
            # (X / scale)^shape is exponential with mean 1
            power = 1 + order / distribution.shape
            reached = regularized_gamma(power, _exponentiated(upper / distribution.scale, distribution.shape))
            return _power(float(distribution.scale), order) * math.gamma(power) * reached
        case Lognormal():
            return _lognormal_partial(float(distribution.median), distribution.sigma, order, upper)
        case Pareto():
            return _pareto_partial(float(distribution.scale), distribution.shape, order, upper)
    raise AssertionError(distribution.kind)


def _gamma_partial(shape: float, scale: float, order: int, upper: float) -> float:
    if scale == 0:
        return 1.0 if order == 0 else 0.0
    rising = 1.0 if order == 0 else shape if order == 1 else shape * (shape + 1)
    return _power(scale, order) * rising * regularized_gamma(shape + order, upper / scale)


def _lognormal_partial(median: float, sigma: float, order: int, upper: float) -> float:
    location = math.log(median)
    normal = (math.log(upper) - location) / sigma - order * sigma
    exponent = order * location + order * order * sigma * sigma / 2
    if normal > -20:
        return math.exp(exponent) * math.erfc(-normal / math.sqrt(2)) / 2
    # the asymptotic series of the normal tail, whose fifth term is below 1e-8 here
    square = normal * normal
    series = 1 - 1 / square + 3 / square**2 - 15 / square**3 + 105 / square**4
    return math.exp(exponent - square / 2) * series / (-normal * math.sqrt(2 * math.pi))


def _pareto_partial(scale: float, shape: float, order: int, upper: float) -> float:
    if upper <= scale:
        return 0.0
    logarithm, power = math.log(upper / scale), order - shape
    reached = logarithm if power == 0 else math.expm1(power * logarithm) / power
    return _power(scale, order) * shape * reached


def _exponentiated(base: float, power: float) -> float:
    logarithm = power * math.log(base)
    return math.inf if logarithm > 700 else math.exp(logarithm)


def regularized_gamma(shape: float, upper: float) -> float:
    """P(shape, upper): the probability that a gamma variate of scale 1 is at most `upper`.

    A series below the mean, a continued fraction above it: Abramowitz and Stegun 6.5.29 and 6.5.31, the
    fraction evaluated by Lentz's method.

    Args:
        shape: above 0.
        upper: at least 0.

    Example:
        >>> abs(regularized_gamma(1.0, 2.0) - (1 - math.exp(-2))) < 1e-15
        True
    """
    if upper <= 0:
        return 0.0
    if math.isinf(upper):
        return 1.0
    factor = math.exp(shape * math.log(upper) - upper - math.lgamma(shape))
    if upper < shape + 1:
        total = term = 1 / shape
        for number in range(1, _ATTEMPTS):
            term *= upper / (shape + number)
            total += term
            if term < total * 1e-17:
                break
        return min(factor * total, 1.0)
    tiny = 1e-300
    first = upper + 1 - shape
    numerator, denominator = 1 / tiny, 1 / first
    fraction = denominator
    for number in range(1, _ATTEMPTS):
        coefficient, first = -number * (number - shape), first + 2
        denominator = 1 / (coefficient * denominator + first or tiny)
        numerator = first + coefficient / numerator or tiny
        change = numerator * denominator
        fraction *= change
        if abs(change - 1) < 1e-16:
            break
    return 1 - factor * fraction

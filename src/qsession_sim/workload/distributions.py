"""Sampling of a scenario's distributions, and the one rounding from float64 to int64 (S1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.queueing.service_time import lognormal_noise
from qsession_sim.queueing.statistics import Float64Array
from qsession_sim.scenario.distributions import (
    AnyDistribution,
    Choice,
    Constant,
    Empirical,
    Erlang,
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Pareto,
    Uniform,
    Weibull,
    bounds_of,
)
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.context import source_error

_ROWS_AT_ONCE: Final = 1 << 13
"""Few enough for the caches of a processor, and for arrays that need no new memory from the system."""

_MOST_REDRAWS: Final = 1_000_000
_NO_VALUE: Final = "no value is drawn within at_least and at_most; widen them"
_LARGEST: Final = 1e250
"""Of a value in units of its scale; beyond every time, and 0 times it is 0."""


class NoValueError(ScenarioError):
    """None of a million values lies within the bounds of a distribution."""


def sample(distribution: AnyDistribution, generator: np.random.Generator, count: int) -> Float64Array:
    """Draw values, not yet rounded.

    Values come one after the other from the generator: drawing 5 and then 3 gives the 8 values that
    drawing 8 gives.

    Args:
        distribution: of durations (microseconds) or of counts.
        generator: where the random numbers come from; a constant takes none.
        count: how many values.

    Returns:
        Values of at least 0, shape (count,).

    Raises:
        NoValueError: if a million values in a row lie outside bounds that redraw.

    Example:
        >>> durations = Constant[int](kind="constant", value=5)
        >>> sample(durations, np.random.default_rng(7), 3).tolist()
        [5.0, 5.0, 5.0]
    """
    values = _unbounded(distribution, generator, count)
    bounds = bounds_of(distribution)
    if bounds is None:
        return values
    low, high = bounds
    if distribution.outside != "redraw":
        capped: Float64Array = np.clip(values, low, high)
        return capped
    kept = [values[(values >= low) & (values <= high)]]
    missing, redraws = count - len(kept[0]), 0
    # exactly as many as are missing: the last value drawn is then always one that is kept
    while missing:
        values = _unbounded(distribution, generator, missing)
        kept.append(values[(values >= low) & (values <= high)])
        redraws = 0 if len(kept[-1]) else redraws + missing
        missing -= len(kept[-1])
        if redraws > _MOST_REDRAWS:
            raise NoValueError((f"{distribution.kind}: {_NO_VALUE}",))
    return np.concatenate(kept)


def _unbounded(distribution: AnyDistribution, generator: np.random.Generator, count: int) -> Float64Array:
    kind = next(base for base in type(distribution).__mro__ if base in SAMPLERS)
    return SAMPLERS[kind](distribution, generator, count)


def _hyperexponential(
    distribution: Hyperexponential[Any], generator: np.random.Generator, count: int
) -> Float64Array:
    # two numbers for each value, side by side, so that values come one after the other
    uniform = generator.random((count, 2))
    return _chosen(distribution.means, distribution.weights, uniform[:, 0]) * -np.log1p(-uniform[:, 1])


SAMPLERS: Final[Mapping[type, Callable[[Any, np.random.Generator, int], Float64Array]]] = {
    Constant: lambda one, _, count: np.full(count, float(one.value)),
    Uniform: lambda one, random, count: float(one.low) + float(one.high - one.low) * random.random(count),
    Exponential: lambda one, random, count: float(one.mean) * random.standard_exponential(count),
    Lognormal: lambda one, random, count: float(one.median) * lognormal_noise(random, one.sigma, count),
    Gamma: lambda one, random, count: _scaled(one.scale, random.standard_gamma(one.shape, count)),
    Weibull: lambda one, random, count: _scaled(one.scale, random.weibull(one.shape, count)),
    Pareto: lambda one, random, count: _scaled(one.scale, 1.0 + random.pareto(one.shape, count)),
    Erlang: lambda one, random, count: _scaled(
        float(one.mean) / one.stages, random.standard_gamma(one.stages, count)
    ),
    Hyperexponential: _hyperexponential,
    Choice: lambda one, random, count: _chosen(one.values, one.weights, random.random(count)),
    Empirical: lambda one, random, count: _array(one.values)[random.integers(len(one.values), size=count)],
}
"""How values of each kind are drawn, regardless of bounds: from a distribution, a generator and a number."""


def durations_us(values: Float64Array, path: str, least_us: int = 0) -> Int64Array:
    """Round drawn microseconds half to even, once; at least `least_us`.

    Args:
        values: microseconds, shape (n,).
        path: source and key, for the error.
        least_us: 1 where S2 asks for it.

    Returns:
        Microseconds, shape (n,).

    Raises:
        ScenarioError: if a duration is longer than 2**62 us.

    Example:
        >>> durations_us(np.array([0.5, 1.5, 2.5]), "everyday.interarrival").tolist()
        [0, 2, 2]
    """
    if not np.all(values <= LONGEST_US):
        raise source_error(path, "drew a duration longer than 2**62 us, about 146,000 years; make it shorter")
    return np.maximum(np.rint(values).astype(np.int64), least_us)


def sampled_durations_us(
    distribution: AnyDistribution, generator: np.random.Generator, count: int, path: str, least_us: int = 0
) -> Int64Array:
    """`durations_us` of a `sample`, in the memory of the result alone; shape (count,).

    Raises:
        ScenarioError: if a duration is longer than 2**62 us.
    """
    return _in_pieces(distribution, generator, count, lambda values: durations_us(values, path, least_us))


def sampled_counts(
    distribution: AnyDistribution, generator: np.random.Generator, count: int, path: str
) -> Int64Array:
    """`counts` of a `sample`, in the memory of the result alone; shape (count,).

    Raises:
        ScenarioError: if a number is larger than 2**62.
    """
    return _in_pieces(distribution, generator, count, lambda values: counts(values, path))


def _in_pieces(
    distribution: AnyDistribution,
    generator: np.random.Generator,
    count: int,
    rounded: Callable[[Float64Array], Int64Array],
) -> Int64Array:
    result = np.empty(count, dtype=np.int64)
    # each piece makes an array of a distribution's listed values: not more often than rows
    rows = max(_ROWS_AT_ONCE, len(getattr(distribution, "values", ())))
    for start in range(0, count, rows):
        piece = result[start : start + rows]
        piece[:] = rounded(sample(distribution, generator, len(piece)))
    return result


def counts(values: Float64Array, path: str) -> Int64Array:
    """Round drawn numbers of things half to even; at least 1.

    Args:
        values: shape (n,).
        path: source and key, for the error.

    Returns:
        Numbers, shape (n,).

    Raises:
        ScenarioError: if a number is larger than 2**62.

    Example:
        >>> counts(np.array([0.2, 1.5, 2.5, 3.5]), "everyday.shots").tolist()
        [1, 2, 2, 4]
    """
    if not np.all(values <= LONGEST_US):
        raise source_error(path, "drew a number larger than 2**62; make it smaller")
    return np.maximum(np.rint(values).astype(np.int64), 1)


def _array(values: Sequence[float] | Float64Array) -> Float64Array:
    return np.asarray(values, dtype=np.float64)


def _scaled(scale: float, values: Float64Array) -> Float64Array:
    with np.errstate(over="ignore"):
        return float(scale) * np.minimum(values, _LARGEST)


def chosen_places(weights: Sequence[float] | Float64Array, uniform: Float64Array) -> Int64Array:
    """The place of the weight to which each number of [0, 1) falls.

    Args:
        weights: at least 0, one of them above 0, shape (places,).
        uniform: shape (n,).

    Returns:
        Places from 0, shape (n,); a place without a weight is never chosen.

    Example:
        >>> chosen_places([3, 0, 1], np.array([0.0, 0.7, 0.8])).tolist()
        [0, 0, 2]
    """
    edges = np.cumsum(_shares(weights))
    # below the last edge even when rounded, so that every position falls to a value with a weight
    chosen: Int64Array = np.searchsorted(edges, edges[-1] * uniform, side="right")
    return chosen


def _chosen(values: Sequence[float], weights: Sequence[float], uniform: Float64Array) -> Float64Array:
    return _array(values)[chosen_places(weights, uniform)]


def _shares(weights: Sequence[float] | Float64Array) -> Float64Array:
    """Weights in proportion to the largest, so that no sum overflows."""
    array = _array(weights)
    shares: Float64Array = array / array.max()
    return shares

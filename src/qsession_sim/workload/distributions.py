"""Sampling of a scenario's distributions, and the one rounding from float64 to int64 (S1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias, assert_never

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.service_time import lognormal_noise
from qsession_sim.scenario.quantities import (
    Choice,
    Constant,
    Empirical,
    Exponential,
    Lognormal,
    Uniform,
)
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.problems import source_error

Float64Array = npt.NDArray[np.float64]
# a text, because pydantic would build twelve classes that nothing needs
AnyDistribution: TypeAlias = (
    "Constant[int] | Uniform[int] | Exponential[int] | Lognormal[int] | Choice[int] | Empirical[int] | "
    "Constant[float] | Uniform[float] | Exponential[float] | Lognormal[float] | Choice[float] | "
    "Empirical[float]"
)


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

    Example:
        >>> durations = Constant[int](kind="constant", value=5)
        >>> sample(durations, np.random.default_rng(7), 3).tolist()
        [5.0, 5.0, 5.0]
    """
    match distribution:
        case Constant():
            return np.full(count, float(distribution.value))
        case Uniform():
            width = distribution.high - distribution.low
            return distribution.low + width * generator.random(count)
        case Exponential():
            return distribution.mean * generator.standard_exponential(count)
        case Lognormal():
            return distribution.median * lognormal_noise(generator, distribution.sigma, count)
        case Choice():
            values = _array(distribution.values)
            edges = np.cumsum(_shares(distribution.weights))
            # below the last edge even when rounded, so that every position falls to a value with a weight
            positions = edges[-1] * generator.random(count)
            chosen: Int64Array = np.searchsorted(edges, positions, side="right")
            return values[chosen]
        case Empirical():
            values = _array(distribution.values)
            return values[generator.integers(len(values), size=count)]
        case _:
            assert_never(distribution)


def mean(distribution: AnyDistribution) -> float:
    """Mean of a distribution before rounding.

    Example:
        >>> mean(Uniform[int](kind="uniform", low=2, high=6))
        4.0
    """
    match distribution:
        case Constant():
            return float(distribution.value)
        case Uniform():
            return (distribution.low + distribution.high) / 2
        case Exponential():
            return float(distribution.mean)
        case Lognormal():
            # beyond a spread of 30 every mean is beyond every horizon
            return distribution.median * math.exp(min(distribution.sigma, 30.0) ** 2 / 2)
        case Choice():
            weights = _shares(distribution.weights)
            return float(weights @ _array(distribution.values) / weights.sum())
        case Empirical():
            return float(_array(distribution.values).mean())
        case _:
            assert_never(distribution)


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


def _array(values: Sequence[float]) -> Float64Array:
    return np.asarray(values, dtype=np.float64)


def _shares(weights: Sequence[float]) -> Float64Array:
    """Weights in proportion to the largest, so that no sum overflows."""
    array = _array(weights)
    shares: Float64Array = array / array.max()
    return shares

"""QPU times of many jobs at once: formulas, noise around them, and a line through measured times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import lcm
from typing import Final

import numpy as np

from qsession_sim.queueing.statistics import Float64Array, Int64Array, half_even

_LONGEST_US: Final = 2.0**62
_LARGEST_EXPONENT: Final = 600.0


def execution_times_us(
    circuits: Int64Array,
    shots: Int64Array,
    overhead_us: int,
    per_execution_us: int | Fraction,
    noise: Float64Array | None = None,
    *,
    executions_per_subjob: int | None = None,
) -> Int64Array:
    """QPU times of jobs: (overhead x sub-jobs + per_execution x circuits x shots) x noise.

    The formula is the short form of the service's page on estimating the usage of a job: 2 s + 350 us x
    executions, an execution being one shot of one circuit. Over the 7,449 public jobs in
    ``manosgior/Qonductor-SC25`` (MIT) it explains 98 % of the variance, and the logarithm of measured over
    predicted has a robust spread of 0.32: see `lognormal_noise`. The same page says that a large job is cut
    into sub-jobs which have the overhead each, and that an execution takes the repetition delay and the
    length of the circuit.

    Args:
        circuits: number of circuits of each job, at least 1; shape (jobs,).
        shots: number of shots of each circuit, at least 1; shape (jobs,).
        overhead_us: microseconds that a sub-job takes in addition to its executions.
        per_execution_us: microseconds that an execution takes; a fraction counts in full, since only the
            whole time is rounded.
        noise: factor on the whole time of each job; shape (jobs,). Without it only integers are used.
        executions_per_subjob: a job is cut into as few sub-jobs of at most that many executions as there
            can be; without it every job is one.

    Returns:
        Microseconds, shape (jobs,), rounded half to even once, at least 1 (S2).

    Raises:
        OverflowError: if a time is longer than 2**62 microseconds.

    Example:
        >>> execution_times_us(np.array([1, 10]), np.array([4000, 4000]), 2_000_000, 350).tolist()
        [3400000, 16000000]
        >>> execution_times_us(np.array([1]), np.array([1]), 2, 1, noise=np.array([1.5])).tolist()
        [4]
        >>> execution_times_us(np.array([3]), np.array([100]), 2_000, 1, executions_per_subjob=200).tolist()
        [4300]
        >>> execution_times_us(np.array([1]), np.array([1000]), 0, Fraction("350.5")).tolist()
        [350500]
    """
    all_executions = executions(circuits, shots)
    one = np.ones_like(circuits)
    subjobs = one if executions_per_subjob is None else -(-all_executions // executions_per_subjob)
    return _times_us(((overhead_us, subjobs), (per_execution_us, all_executions)), noise)


def executions(circuits: Int64Array, shots: Int64Array) -> Int64Array:
    """Circuits times shots of each job, shape (jobs,); Python's integers where int64 cannot hold them.

    Example:
        >>> executions(np.array([2**40]), np.array([2**40])).tolist() == [2**80]
        True
    """
    return _product(circuits, shots)


def _product(first: Int64Array, *others: Int64Array) -> Int64Array:
    # float64 has room for every product of a few int64, so what is too large shows before it overflows
    rough = reduce(np.multiply, others, first.astype(np.float64))
    return reduce(np.multiply, others, first if np.all(rough <= _LONGEST_US) else first.astype(object))


def layer_times_us(
    circuits: Int64Array,
    shots: Int64Array,
    layers: Int64Array,
    clops: float | Fraction,
    overhead_us: int,
    noise: Float64Array | None = None,
) -> Int64Array:
    """QPU times of jobs of layered circuits: (overhead + circuits x shots x layers / clops) x noise.

    CLOPS, circuit layer operations per second, is a throughput in steady state (Wack et al., "Quality, Speed,
    and Scale", arXiv 2110.14108), so without an overhead the time of a short job comes out too short.

    Args:
        circuits: number of circuits of each job, at least 1; shape (jobs,).
        shots: number of shots of each circuit, at least 1; shape (jobs,).
        layers: number of layers of each circuit, at least 1; shape (jobs,).
        clops: layers per second, above 0; a float counts as the decimal number that it is written as.
        overhead_us: microseconds that a job takes in addition to its layers.
        noise: factor on the whole time of each job; shape (jobs,). Without it only integers are used.

    Returns:
        Microseconds, shape (jobs,), rounded half to even once, at least 1 (S2).

    Raises:
        OverflowError: if a time is longer than 2**62 microseconds.

    Example:
        >>> layer_times_us(np.array([10]), np.array([100]), np.array([100]), 25_000.0, 2_000_000).tolist()
        [6000000]
    """
    layer_us = Fraction(1_000_000) / (clops if isinstance(clops, Fraction) else Fraction(repr(clops)))
    all_layers = _product(circuits, shots, layers)
    return _times_us(((overhead_us, np.ones_like(circuits)), (layer_us, all_layers)), noise)


def linear_times_us(
    intercept_us: float | Fraction,
    terms: Sequence[tuple[float | Fraction, Int64Array]],
    jobs: int,
    least_us: int = 1,
    noise: Float64Array | None = None,
) -> Int64Array:
    """QPU times of jobs: max(intercept + sum of coefficient x property, least) x noise.

    Args:
        intercept_us: microseconds; may be negative.
        terms: coefficient in microseconds, and the property of each job that it multiplies, shape (jobs,).
        jobs: how many jobs.
        least_us: a straight line may lead below 0 for small jobs; no time before noise is shorter than this.
        noise: factor on the whole time of each job; shape (jobs,).

    Returns:
        Microseconds, shape (jobs,), rounded half to even once, at least 1 (S2).

    Raises:
        OverflowError: if a time is longer than 2**62 microseconds.

    Example:
        >>> linear_times_us(-50.0, [(0.5, np.array([10, 200])), (2.5, np.array([4, 4]))], 2, 7).tolist()
        [7, 60]
    """
    return _times_us(((intercept_us, np.ones(jobs, dtype=np.int64)), *terms), noise, least_us)


def _times_us(
    terms: Sequence[tuple[float | Fraction, Int64Array]], noise: Float64Array | None, least_us: int = 0
) -> Int64Array:
    """The sum of coefficient x property of each job, or the least, x noise; rounded once, at least 1.

    Before noise it is exact: an integer over one denominator, of Python's where int64 is too small.
    """
    with np.errstate(over="ignore"):
        rough_us = sum(float(coefficient) * values.astype(np.float64) for coefficient, values in terms)
    _check_longest(rough_us)
    coefficients = [Fraction(coefficient) for coefficient, _ in terms]
    denominator = lcm(*(coefficient.denominator for coefficient in coefficients))
    factors = [int(coefficient * denominator) for coefficient in coefficients]
    columns = [values for _, values in terms]
    largest = [int(np.abs(values).max(initial=0)) for values in columns]
    most = sum(abs(factor) * number for factor, number in zip(factors, largest, strict=True))
    kind = np.int64 if max(most, denominator) <= _LONGEST_US / 4 else object
    sums = sum(factor * values.astype(kind) for factor, values in zip(factors, columns, strict=True))
    numerators = np.maximum(sums, least_us * denominator)
    if noise is None:
        return np.maximum(half_even(numerators, denominator), 1).astype(np.int64)
    times_us = numerators.astype(np.float64) / float(denominator) * noise
    _check_longest(times_us)
    return np.maximum(np.rint(times_us).astype(np.int64), 1)


def resampled_noise(generator: np.random.Generator, factors: Float64Array, jobs: int) -> Float64Array:
    """Factors that were measured, each drawn with the same probability, with repetition.

    Args:
        generator: where the random numbers come from.
        factors: measured over predicted times, all above 0; shape (factors,), not empty.
        jobs: how many to draw.

    Returns:
        Factors, shape (jobs,).

    Example:
        >>> resampled_noise(np.random.default_rng(7), np.array([0.5]), 3).tolist()
        [0.5, 0.5, 0.5]
    """
    return factors[generator.integers(len(factors), size=jobs)]


def lognormal_noise(generator: np.random.Generator, sigma: float, jobs: int) -> Float64Array:
    """Factors exp(sigma Z) with Z standard normal: median 1, spread of the logarithm `sigma`.

    Args:
        generator: where the random numbers come from.
        sigma: spread of the logarithm, at least 0; 0.32 fits the jobs named at `execution_times_us`.
        jobs: how many factors.

    Returns:
        Factors, shape (jobs,), all positive and finite.

    Example:
        >>> lognormal_noise(np.random.default_rng(7), 0.0, 3).tolist()
        [1.0, 1.0, 1.0]
    """
    with np.errstate(over="ignore"):
        exponents = sigma * generator.standard_normal(jobs)
    # the limit is beyond every time that can be written, and keeps products with it finite
    return np.exp(np.clip(exponents, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))


def _check_longest(times_us: Float64Array | float) -> None:
    if not np.all(times_us <= _LONGEST_US):
        raise OverflowError("a QPU time is longer than 2**62 us, about 146,000 years")


@dataclass(frozen=True)
class LinearFit:
    """A fitted line.

    Attributes:
        intercept: the value where every column is 0.
        coefficients: one for each column, in their order.
        r_squared: share of the variance that the line explains.
        residual_spread: square root of the sum of squared residuals over the degrees of freedom, which are
            the measurements less the fitted numbers; in the unit of the values.
    """

    intercept: float
    coefficients: tuple[float, ...]
    r_squared: float
    residual_spread: float


def fit_line(columns: Float64Array, values: Float64Array) -> LinearFit:
    """Find the intercept and coefficients with the least sum of squared residuals.

    Args:
        columns: the properties of each measurement; shape (measurements, columns).
        values: what was measured; shape (measurements,).

    Raises:
        ValueError: if there are no more measurements than numbers to fit, if all values are equal, or if a
            column is constant or a sum of multiples of others, so that no single best line exists.

    Example:
        >>> fit = fit_line(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 3.0, 3.0]))
        >>> round(fit.intercept, 9), round(fit.coefficients[0], 9), round(fit.r_squared, 9)
        (0.5, 1.5, 0.75)
        >>> round(fit.residual_spread**2, 9)
        1.5
    """
    measurements, fitted = columns.shape[0], columns.shape[1] + 1
    if measurements <= fitted:
        raise ValueError(f"{measurements} measurements are too few to fit {fitted} numbers; more are needed")
    centre, middle = columns.mean(axis=0), values.mean()
    # columns of the same size keep a column of millions from hiding one of single digits
    scale = np.abs(columns - centre).max(axis=0)
    variation = float(((values - middle) ** 2).sum())
    if variation == 0:
        raise ValueError("all measured times are equal; there is nothing to explain")
    if np.any(scale == 0):
        raise ValueError("a column has the same value everywhere; its coefficient cannot be determined")
    solution, _, rank, _ = np.linalg.lstsq((columns - centre) / scale, values - middle, rcond=None)
    if rank < columns.shape[1]:
        raise ValueError("one column follows from the others; their coefficients cannot be told apart")
    coefficients = solution / scale
    residuals = values - middle - (columns - centre) @ coefficients
    unexplained = float((residuals**2).sum())
    return LinearFit(
        intercept=float(middle - centre @ coefficients),
        coefficients=tuple(coefficients.tolist()),
        r_squared=1 - unexplained / variation,
        residual_spread=float(np.sqrt(unexplained / (measurements - fitted))),
    )

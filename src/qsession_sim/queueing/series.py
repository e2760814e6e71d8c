"""Series of observations that depend on each other: batches, warm-up, autocorrelation. Pure NumPy.

Observations are in the order in which they were made, such as the waiting times of successive jobs of one
run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
Observations = npt.NDArray[np.signedinteger] | Float64Array

_MSER_BATCH: Final = 5
_FEWEST_BATCHES: Final = 10


@dataclass(frozen=True)
class WarmUp:
    """How much of the beginning of a run to leave out.

    Attributes:
        drop: number of observations to leave out.
        statistic: the MSER statistic of what is kept.
        settled: False if the statistic was still falling where the search ended, at half of the series: the
            run is too short to say where its beginning ends.
    """

    drop: int
    statistic: float
    settled: bool


def batch_means(values: Observations, size: int) -> Float64Array:
    """Means of successive batches of equal size.

    Args:
        values: shape (n,), n at least `size`.
        size: observations in a batch, at least 1. What does not fill a batch is left out at the beginning,
            where it is least like the rest.

    Returns:
        Shape (n // size,).

    Raises:
        ValueError: if there is not one full batch.

    Example:
        >>> batch_means(np.array([100, 1, 3, 6, 8]), 2).tolist()
        [2.0, 7.0]
    """
    if not 1 <= size <= len(values):
        raise ValueError(f"{len(values)} observations have no batch of {size}")
    full = values[len(values) % size :]
    means: Float64Array = full.reshape(-1, size).mean(axis=1, dtype=np.float64)
    return means


def mser5(values: Observations) -> WarmUp:
    """Find the end of the warm-up with MSER-5.

    Of the means of batches of 5 leave out the first d so that the squared standard error of the rest,
    sum of (mean - average of the rest)^2 / (batches kept)^2, is smallest, d being at most half of them; of
    equal ones the smallest d. Source: K. P. White, M. J. Cobb and S. C. Spratt, "A comparison of five
    steady-state truncation heuristics for simulation", Winter Simulation Conference 2000. Here the batches
    begin with the first observation, and what does not fill the last one is not looked at.

    Args:
        values: shape (n,), n at least 50, finite.

    Raises:
        ValueError: if there are fewer than 50 observations: 10 batches; or if one is not finite.

    Example:
        >>> mser5(np.array([90] * 10 + [1, 2, 3, 2, 1] * 20)).drop
        10
    """
    count = len(values) // _MSER_BATCH
    if count < _FEWEST_BATCHES:
        raise ValueError(f"MSER-5 takes at least 50 observations, got {len(values)}")
    if not np.all(np.isfinite(values)):
        raise ValueError("MSER-5 takes finite observations")
    means = batch_means(values[: count * _MSER_BATCH], _MSER_BATCH)
    from_end = (means - means[-1])[::-1]  # differences keep what is small beside a large mean
    kept = np.arange(1, count + 1)
    squares = np.cumsum(from_end * from_end) - np.cumsum(from_end) ** 2 / kept
    statistic = (np.maximum(squares, 0.0) / (kept * kept))[::-1]
    last = count // 2
    best = int(np.argmin(statistic[: last + 1]))
    return WarmUp(drop=best * _MSER_BATCH, statistic=float(statistic[best]), settled=best < last)


def autocorrelation(values: Observations, lags: int) -> Float64Array:
    """Correlation of a series with itself, moved by 0, 1, ..., `lags` observations.

    r[k] = c[k] / c[0] with c[k] = sum over t of (x[t] - mean)(x[t+k] - mean), the usual estimator, which is
    biased towards 0: G. E. P. Box, G. M. Jenkins, G. C. Reinsel and G. M. Ljung, "Time Series Analysis", 5th
    edition (2015), chapter 2. All lags at once by Fourier transform, which takes some 50 bytes for each
    observation.

    Args:
        values: shape (n,), finite, not all equal.
        lags: from 0 to n - 1.

    Returns:
        Shape (lags + 1,); the first is 1.

    Raises:
        ValueError: if `lags` is out of range, a value is not finite, or all are equal.

    Example:
        >>> autocorrelation(np.array([1, 2, 3, 4]), 3).round(12).tolist()
        [1.0, 0.25, -0.3, -0.45]
    """
    if not 0 <= lags < len(values):
        raise ValueError(f"{len(values)} observations have no autocorrelation at lag {lags}")
    if not np.all(np.isfinite(values)):
        raise ValueError("an autocorrelation takes finite observations")
    if np.all(values == values[0]):
        raise ValueError("values that are all equal have no autocorrelation")
    deviations = values - values.mean()
    deviations /= np.abs(deviations).max()  # so that no square is too large or vanishes
    # at least n + lags points, so that the end does not meet the beginning
    points = 1 << (len(values) + lags - 1).bit_length()
    spectrum = np.fft.rfft(deviations, points)
    power = spectrum.real**2 + spectrum.imag**2
    products: Float64Array = np.fft.irfft(power, points)[: lags + 1]
    correlations: Float64Array = products / products[0]
    return correlations


def effective_sample_size(values: Observations) -> float:
    """How many independent observations would give a mean as precise as that of a series.

    n / (1 + 2 (r[1] + r[2] + ...)), the sum being cut before the first pair r[2m] + r[2m+1] that is not
    positive: the initial positive sequence of C. J. Geyer, "Practical Markov chain Monte Carlo", Statistical
    Science 7 (1992), section 3.3. At most n: precision that comes of negative correlation is not claimed.

    Args:
        values: shape (n,), n at least 4, finite, not all equal, without warm-up.

    Raises:
        ValueError: if there are fewer than 4 values, one is not finite, or all are equal.

    Example:
        >>> effective_sample_size(np.array([0, 1, 0, 1, 0, 1, 0, 1]))
        8.0
    """
    if len(values) < 4:
        raise ValueError(f"an effective sample size takes at least 4 observations, got {len(values)}")
    lags = (len(values) // 2) * 2 - 1
    pairs = autocorrelation(values, lags).reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    stop = int(ends[0]) if len(ends) else len(pairs)
    inflation = 2 * float(pairs[:stop].sum()) - 1
    return len(values) / max(inflation, 1.0)

"""Statistics of samples and of series, and how sure they are. NumPy; SciPy for quantiles of distributions.

Sums, means and percentiles of integers are exact. A series is a sample in the order in which it was observed,
such as the waiting times of successive jobs of one run: its values depend on each other, and its beginning is
unlike the rest. Confidence intervals come from independent replications, from one long series, or from pairs
whose means make a ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Observations = npt.NDArray[np.signedinteger] | Float64Array

_LOW_BITS = 32
_LOW_MASK = (1 << _LOW_BITS) - 1
_BEYOND_INT64 = 1 << 63
_ROWS_AT_ONCE = 1 << 14

_MSER_BATCH: Final = 5
_FEWEST_BATCHES: Final = 10


def exact_sum(values: npt.NDArray[np.signedinteger]) -> int:
    """Sum integers without overflow, as a Python integer.

    Args:
        values: shape (n,), n below 2**31.

    Example:
        >>> exact_sum(np.array([2**62, 2**62, 2**62])) == 3 * 2**62
        True
    """
    if len(values) == 0:
        return 0
    largest = max(int(values.max()), -int(values.min()))
    if largest * len(values) < _BEYOND_INT64:  # as most are; this takes no memory
        return int(values.sum(dtype=np.int64))
    high = int((values >> _LOW_BITS).sum(dtype=np.int64))
    low = int((values & _LOW_MASK).sum(dtype=np.int64))
    return (high << _LOW_BITS) + low


def half_even(numerators: Int64Array, per: int) -> Int64Array:
    """The quotients, rounded half to even: a column of int64, or of Python's integers.

    Example:
        >>> half_even(np.array([500, 1500, 2501]), 1000).tolist()
        [0, 2, 3]
    """
    whole = numerators // per
    twice = 2 * (numerators - whole * per)
    rounded: Int64Array = whole + ((twice > per) | ((twice == per) & (whole % 2 == 1)))
    return rounded


def mean(values: Observations) -> float:
    """Arithmetic mean; of integers, the float nearest to the exact mean.

    Args:
        values: shape (n,), n at least 1.

    Raises:
        ValueError: if there are no values.

    Example:
        >>> mean(np.array([1, 2, 6])), mean(np.array([0.5, 1.0]))
        (3.0, 0.75)
    """
    if len(values) == 0:
        raise ValueError("the mean of no values does not exist")
    if np.issubdtype(values.dtype, np.integer):
        return exact_sum(values.astype(np.int64, copy=False)) / len(values)
    return float(values.mean())


def percentiles(values: Observations, percents: Sequence[int]) -> list[float]:
    """Percentiles with linear interpolation between order statistics.

    The p-th percentile of the ordered values x[0] … x[n-1] is the value at position p (n - 1) / 100, linear
    between neighbours: definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The
    American Statistician 50 (1996), and NumPy's default. The position is computed in integers.

    Args:
        values: shape (n,), n at least 1, in any order.
        percents: whole numbers from 0 to 100.

    Raises:
        ValueError: if there are no values, or a percent is out of range.

    Example:
        >>> percentiles(np.array([40, 10, 20, 30]), [0, 50, 90, 100])
        [10.0, 25.0, 37.0, 40.0]
    """
    if len(values) == 0:
        raise ValueError("the percentiles of no values do not exist")
    _check_percents(percents)
    last = len(values) - 1
    places = [divmod(percent * last, 100) for percent in percents]
    ordered = np.sort(values)  # by vector instructions: sooner than a search for a few places of many
    results = []
    for position, hundredths in places:
        low = ordered[position].item()
        step = ordered[min(position + 1, last)].item() - low
        results.append(float(low + step * hundredths / 100))
    return results


def weighted_percentiles(values: Observations, weights: Observations, percents: Sequence[int]) -> list[float]:
    """Percentiles of values that count with weights, such as the time for which each one held.

    The p-th percentile is the smallest value such that it and all smaller ones have at least p / 100 of the
    whole weight: the inverse of the distribution function, definition 1 of Hyndman and Fan, named at
    `percentiles`. Always one of the values; nothing is interpolated. Integer weights are compared exactly.

    Args:
        values: shape (n,), in any order.
        weights: shape (n,), finite, not negative, at least one above 0; the sum of integers below 2**63.
        percents: whole numbers from 0 to 100; 0 is the smallest value that has weight.

    Raises:
        ValueError: if the shapes differ, a weight is negative or not finite, nothing has weight, or a percent
            is out of range.

    Example:
        >>> weighted_percentiles(np.array([5, 1, 2]), np.array([1, 5, 4]), [0, 50, 51, 90, 91])
        [1.0, 1.0, 2.0, 2.0, 5.0]
    """
    if values.shape != weights.shape or values.ndim != 1:
        raise ValueError(f"shapes differ: {values.shape} values, {weights.shape} weights")
    _check_percents(percents)
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError("weights must be finite and not negative")
    weighty = weights > 0
    if not np.any(weighty):
        raise ValueError("the percentiles of values without weight do not exist")
    values, weights = values[weighty], weights[weighty]
    order = np.argsort(values)
    upto = np.cumsum(weights[order])
    whole = upto[-1].item()
    # of integers the smallest one that is at least the share; Python's integers do not overflow
    shares = [
        -(-percent * whole // 100) if isinstance(whole, int) else whole * (percent / 100)
        for percent in percents
    ]
    places = np.searchsorted(upto, np.array(shares, dtype=upto.dtype), side="left")
    return [float(value) for value in values[order][places].tolist()]


def _check_percents(percents: Sequence[int]) -> None:
    if any(not 0 <= percent <= 100 for percent in percents):
        raise ValueError(f"percents must be from 0 to 100, got {list(percents)}")


def slowdown(waiting_us: Int64Array, service_us: Int64Array) -> Float64Array:
    """Response time over service time: (waiting + service) / service, at least 1.

    Source: D. G. Feitelson and L. Rudolph, "Metrics and benchmarking for parallel job scheduling" (1998).

    Args:
        waiting_us: shape (n,), at least 0.
        service_us: shape (n,), at least 1.

    Example:
        >>> slowdown(np.array([0, 30]), np.array([5, 10])).tolist()
        [1.0, 4.0]
    """
    return _in_pieces(lambda waiting, service: (waiting + service) / service, waiting_us, service_us)


def bounded_slowdown(waiting_us: Int64Array, service_us: Int64Array, bound_us: int) -> Float64Array:
    """Slowdown in which short jobs do not count as shorter than a bound.

    max(1, (waiting + service) / max(service, bound)), from the same source as `slowdown`.

    Args:
        waiting_us: shape (n,), at least 0.
        service_us: shape (n,), at least 0.
        bound_us: at least 1; 10 s is usual.

    Example:
        >>> bounded_slowdown(np.array([0, 30, 30]), np.array([5, 10, 60]), bound_us=20).tolist()
        [1.0, 2.0, 1.5]
    """

    def of(waiting: Int64Array, service: Int64Array) -> Float64Array:
        ratios: Float64Array = (waiting + service) / np.maximum(service, bound_us)
        return np.maximum(1.0, ratios, out=ratios)

    return _in_pieces(of, waiting_us, service_us)


def _in_pieces(of: Callable[..., Float64Array], *columns: Int64Array) -> Float64Array:
    """A function of columns, row by row, in pieces whose intermediate results stay in a cache."""
    result = np.empty(len(columns[0]), dtype=np.float64)
    for start in range(0, len(result), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        result[rows] = of(*(column[rows] for column in columns))
    return result


def jain_index(shares: Float64Array) -> float:
    """Fairness of an allocation: (sum x)^2 / (n sum x^2), from 1/n (one gets all) to 1 (all get the same).

    Source: R. Jain, D.-M. Chiu and W. Hawe, "A quantitative measure of fairness and discrimination for
    resource allocation in shared computer systems", DEC-TR-301, 1984.

    Args:
        shares: shape (n,), not negative, at least one above 0.

    Raises:
        ValueError: if no share is above 0.

    Example:
        >>> jain_index(np.array([1.0, 1.0])), jain_index(np.array([1.0, 0.0, 0.0, 0.0]))
        (1.0, 0.25)
    """
    squares = float((shares * shares).sum())
    if squares == 0.0:
        raise ValueError("the fairness of nothing to share does not exist")
    return float(shares.sum()) ** 2 / (len(shares) * squares)


# -- Series: batches, warm-up, autocorrelation.


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
    _check_finite(values, "MSER-5")
    means = batch_means(values[: count * _MSER_BATCH], _MSER_BATCH)
    from_end = (means - means[-1])[::-1]  # differences keep what is small compared with a large mean
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
    _check_finite(values, "an autocorrelation")
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
    Science 7 (1992), section 3.3. At most n: a gain in precision by negative correlation is not claimed.

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


def _check_finite(values: Observations, what: str) -> None:
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{what} takes finite observations")


# -- Confidence intervals.
#
# All have quantiles of Student's t distribution, and all but Fieller's are symmetric. Their level is exact
# for normal observations and approximate for others, the better the more there are.


@dataclass(frozen=True)
class Interval:
    """An estimate and the half width of its confidence interval.

    Attributes:
        estimate: the middle.
        half_width: at least 0, in the unit of the estimate.
        level: probability with which such an interval covers what is estimated, above 0 and below 1.
        degrees_of_freedom: of Student's t distribution, at least 1.
    """

    estimate: float
    half_width: float
    level: float
    degrees_of_freedom: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.estimate - self.half_width

    @property
    def high(self) -> float:
        """The upper end."""
        return self.estimate + self.half_width

    def covers(self, value: float) -> bool:
        """Whether a value lies in the interval, its ends included."""
        return self.low <= value <= self.high


def cut_ends(estimate: float, half_width: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """The ends of a symmetric interval, cut where what is estimated cannot be.

    Example:
        >>> cut_ends(0.75, 2.5, (0.0, 1.0)), cut_ends(7.0, 2.5, (0.0, math.inf))
        ((0.0, 1.0), (4.5, 9.5))
    """
    return max(estimate - half_width, bounds[0]), min(estimate + half_width, bounds[1])


def shows_ends(estimate: float, half_width: float, bounds: tuple[float, float]) -> bool:
    """Whether an interval is better shown by its ends: it is cut, or there is a bound on either side."""
    cut = cut_ends(estimate, half_width, bounds) != (estimate - half_width, estimate + half_width)
    return half_width > 0 and (cut or math.isfinite(bounds[1] - bounds[0]))


def t_quantile(probability: float, degrees_of_freedom: int) -> float:
    """Quantile of Student's t distribution.

    Args:
        probability: above 0 and below 1.
        degrees_of_freedom: at least 1.

    Raises:
        ValueError: outside of these.

    Example:
        >>> round(t_quantile(0.975, 10), 3)  # the tables have 2.228
        2.228
    """
    if not 0 < probability < 1 or degrees_of_freedom < 1:
        raise ValueError(
            f"no t quantile for probability {probability} and {degrees_of_freedom} degrees of freedom"
        )
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, probability))


def mean_interval(values: Observations, level: float = 0.95) -> Interval:
    """Interval of a mean from independent observations, such as one number from each replication.

    mean ± t s / sqrt(n), with n - 1 degrees of freedom: A. M. Law, "Simulation Modeling and Analysis", 5th
    edition (2015), section 4.5. For the difference of two policies on the same workloads give the differences
    of pairs.

    Args:
        values: shape (n,), n at least 2, finite.
        level: above 0 and below 1.

    Raises:
        ValueError: if there are fewer than 2 values, one is not finite, or the level is out of range.

    Example:
        >>> interval = mean_interval(np.array([1.0, 2.0, 3.0]))  # t = 4.303, s = 1, n = 3
        >>> interval.estimate, round(interval.half_width, 3), interval.degrees_of_freedom
        (2.0, 2.484, 2)
    """
    _check_interval(values, level)
    mean, spread = mean_and_spread(values)
    quantile = t_quantile((1 + level) / 2, len(values) - 1)
    return Interval(mean, quantile * (spread / math.sqrt(len(values))), level, len(values) - 1)


def mean_and_spread(values: Observations) -> tuple[float, float]:
    """Mean and standard deviation (n - 1); of equal values exactly these and 0, free of rounding.

    Args:
        values: shape (n,), n at least 2, finite.

    Example:
        >>> mean_and_spread(np.array([0.1, 0.1, 0.1]))
        (0.1, 0.0)
    """
    if values.min() == values.max():
        return float(values[0]), 0.0
    return float(np.mean(values)), float(np.std(values, ddof=1))


def batch_means_interval(values: Observations, batches: int = 20, level: float = 0.95) -> Interval:
    """Interval of the mean of one long series of dependent observations.

    The series is cut into batches, whose means are taken as independent: A. M. Law, as named at
    `mean_interval`, section 9.5.3. More than about 30 batches gain little and shorten them: B. Schmeiser,
    "Batch size effects in the analysis of simulation output", Operations Research 30 (1982). The interval is
    too short if batches are not many times as long as the correlation; see `effective_sample_size`.

    Args:
        values: shape (n,), n at least `batches`, finite, without warm-up (`mser5`). What does not fill
            the batches is left out at the beginning.
        batches: at least 2.
        level: above 0 and below 1.

    Raises:
        ValueError: if there are fewer values than batches, a value is not finite, or an argument is out of
            range.

    Example:
        >>> interval = batch_means_interval(np.array([0, 2, 1, 3, 2, 4]), batches=3)  # means 1, 2, 3
        >>> interval.estimate, round(interval.half_width, 3)
        (2.0, 2.484)
    """
    if not 2 <= batches <= len(values):
        raise ValueError(f"{len(values)} observations do not make {batches} batches; at least 2 are needed")
    return mean_interval(batch_means(values, len(values) // batches)[-batches:], level)


def ratio_interval(numerators: Observations, denominators: Observations, level: float = 0.95) -> Interval:
    """Interval of the ratio of two means from independent pairs, such as those of regeneration cycles.

    The estimate is r = mean of numerators / mean of denominators, and the half width that of the mean of
    numerator - r denominator, divided by the mean of denominators: M. A. Crane and D. L. Iglehart,
    "Simulating stable stochastic systems III", Operations Research 23 (1975). The mean of ratios estimates
    something else.

    Args:
        numerators: shape (n,), n at least 2, finite.
        denominators: shape (n,), finite, not negative, at least one above 0.
        level: above 0 and below 1.

    Raises:
        ValueError: outside of these.

    Example:
        >>> interval = ratio_interval(np.array([1, 4, 7]), np.array([1, 2, 3]))  # 12 / 6
        >>> interval.estimate, round(interval.half_width, 3)  # of -1, 0, 1: 2.484, divided by 2
        (2.0, 1.242)
    """
    _check_interval(numerators, level)
    _check_interval(denominators, level)
    if numerators.shape != denominators.shape:
        raise ValueError(f"{len(numerators)} numerators and {len(denominators)} denominators are no pairs")
    if np.any(denominators < 0) or not np.any(denominators > 0):
        raise ValueError("denominators must not be negative, and at least one must be above 0")
    below = float(np.mean(denominators))
    ratio = float(np.mean(numerators)) / below
    differences = np.asarray(numerators, np.float64) - ratio * np.asarray(denominators, np.float64)
    residuals = mean_interval(differences, level)
    return Interval(ratio, residuals.half_width / below, level, residuals.degrees_of_freedom)


@dataclass(frozen=True)
class RatioInterval:
    """An estimate of a ratio and the ends of its confidence interval, which is not symmetric.

    Attributes:
        estimate: the ratio of the means.
        low: the lower end.
        high: the upper end.
        level: probability with which such an interval covers what is estimated, above 0 and below 1.
        degrees_of_freedom: of Student's t distribution, at least 1.
    """

    estimate: float
    low: float
    high: float
    level: float
    degrees_of_freedom: int

    @property
    def half_width(self) -> float:
        """Half the distance of the ends."""
        return (self.high - self.low) / 2

    def covers(self, value: float) -> bool:
        """Whether a value lies in the interval, its ends included."""
        return self.low <= value <= self.high


def fieller_interval(
    numerators: Observations, denominators: Observations, level: float = 0.95
) -> RatioInterval | None:
    """Interval of the ratio of two means from independent pairs, exact if these are normally distributed.

    It has every ratio r for which the paired t-test does not tell the mean of numerator - r denominator from
    0: E. C. Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16
    (1954). So it covers 0 where the interval of the mean of the numerators does. Where the denominators may
    be near 0 it covers as often as it says, which `ratio_interval` does for many pairs only.

    Args:
        numerators: shape (n,), n at least 2, finite.
        denominators: shape (n,), finite, of any sign.
        level: above 0 and below 1.

    Returns:
        None if the interval of the mean of the denominators contains 0: then any ratio is possible.

    Raises:
        ValueError: outside of these.

    Example:
        >>> interval = fieller_interval(np.array([1.0, 2.0, 3.0]), np.array([10.0, 10.0, 10.0]))
        >>> interval.estimate, round(interval.high - interval.estimate, 4)  # 2 ± 2.484, by 10
        (0.2, 0.2484)
        >>> fieller_interval(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
        True
    """
    below = mean_interval(denominators, level)
    _check_interval(numerators, level)
    if numerators.shape != denominators.shape:
        raise ValueError(f"{len(numerators)} numerators and {len(denominators)} denominators are no pairs")
    if below.covers(0):
        return None
    count, mean = len(numerators), below.estimate
    ratio = mean_and_spread(numerators)[0] / mean
    quantile = t_quantile((1 + level) / 2, count - 1)
    # deviations as shares of the mean below, so that squares are neither too large nor vanish
    above, under = (
        np.zeros(count) if values.min() == values.max() else (values - values.mean()) / mean
        for values in (numerators, denominators)
    )
    scale = quantile**2 / (count * (count - 1))
    squares, mixed, of_under = (scale * float(a @ b) for a, b in ((above,) * 2, (above, under), (under,) * 2))
    rest = max(squares - 2 * ratio * mixed + ratio**2 * of_under - (of_under * squares - mixed**2), 0.0)
    middle, half = (part / (1 - of_under) for part in (ratio - mixed, math.sqrt(rest)))
    return RatioInterval(ratio, middle - half, middle + half, level, count - 1)


def _check_interval(values: Observations, level: float) -> None:
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"an interval takes at least 2 observations in one dimension, got {values.shape}")
    _check_finite(values, "an interval")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is above 0 and below 1, got {level}")

"""Confidence intervals: of independent replications, of one long run, of a ratio of means.

All are symmetric, with quantiles of Student's t distribution. Their level is exact for normal observations
and approximate for others, the better the more there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.series import batch_means

Float64Array = npt.NDArray[np.float64]
Observations = npt.NDArray[np.signedinteger] | Float64Array


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
    _check(values, level)
    mean, spread = mean_and_spread(values)
    return _interval(mean, spread / math.sqrt(len(values)), level, len(values) - 1)


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
    too short if batches are not many times as long as the correlation; see `series.effective_sample_size`.

    Args:
        values: shape (n,), n at least `batches`, finite, without warm-up (`series.mser5`). What does not fill
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
    _check(numerators, level)
    _check(denominators, level)
    if numerators.shape != denominators.shape:
        raise ValueError(f"{len(numerators)} numerators and {len(denominators)} denominators are no pairs")
    if np.any(denominators < 0) or not np.any(denominators > 0):
        raise ValueError("denominators must not be negative, and at least one must be above 0")
    below = float(np.mean(denominators))
    ratio = float(np.mean(numerators)) / below
    differences = np.asarray(numerators, np.float64) - ratio * np.asarray(denominators, np.float64)
    residuals = mean_interval(differences, level)
    return Interval(ratio, residuals.half_width / below, level, residuals.degrees_of_freedom)


def _interval(estimate: float, standard_error: float, level: float, degrees_of_freedom: int) -> Interval:
    half_width = t_quantile((1 + level) / 2, degrees_of_freedom) * standard_error
    return Interval(estimate, half_width, level, degrees_of_freedom)


def _check(values: Observations, level: float) -> None:
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"an interval takes at least 2 observations in one dimension, got {values.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("an interval takes finite observations")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is above 0 and below 1, got {level}")

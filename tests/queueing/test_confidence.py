"""Confidence intervals against tables, hand arithmetic, and how often they cover what is known.

Coverage is counted over 2,000 samples of a fixed seed, so that a true level of 90 % is seen with a standard error
of 0.7 %; the limits are 3 % (four of them) around the level, or said beside the test.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsession_sim.queueing.statistics import (
    Interval,
    batch_means_interval,
    fieller_interval,
    mean_interval,
    ratio_interval,
    t_quantile,
)

SAMPLES = 2_000


@pytest.mark.parametrize(
    ("probability", "degrees_of_freedom", "tabulated"),
    [
        (0.95, 1, 6.314),
        (0.975, 1, 12.706),
        (0.975, 4, 2.776),
        (0.95, 10, 1.812),
        (0.995, 20, 2.845),
        (0.975, 30, 2.042),
        (0.9, 120, 1.289),
    ],
)
def test_t_quantiles_are_those_of_the_tables(probability, degrees_of_freedom, tabulated):
    assert round(t_quantile(probability, degrees_of_freedom), 3) == tabulated


def test_t_quantiles_with_one_degree_of_freedom_are_tangents():
    assert t_quantile(0.75, 1) == pytest.approx(1.0, rel=1e-12)
    assert t_quantile(0.9, 1) == pytest.approx(math.tan(0.4 * math.pi), rel=1e-9)


def test_interval_of_a_mean_by_hand():
    """2, 4, 6, 8: mean 5, variance 20/3, standard error sqrt(5/3); t of 3 degrees of freedom is 3.182."""
    interval = mean_interval(np.array([2, 4, 6, 8]))
    assert (interval.estimate, interval.level, interval.degrees_of_freedom) == (5.0, 0.95, 3)
    assert interval.half_width == pytest.approx(3.18245 * math.sqrt(5 / 3), rel=1e-5)


def test_an_interval_covers_its_ends_and_what_is_between():
    interval = Interval(estimate=2.0, half_width=0.5, level=0.9, degrees_of_freedom=3)
    assert (interval.low, interval.high) == (1.5, 2.5)
    assert [interval.covers(value) for value in (1.4, 1.5, 2.0, 2.5, 2.6)] == [False, True, True, True, False]


def test_interval_of_batch_means_is_that_of_the_means_of_the_last_batches():
    """11 values in 3 batches of 3: the first 2 are left out."""
    values = np.array([90, 90, 1, 2, 3, 4, 5, 9, 0, 0, 3])
    assert batch_means_interval(values, batches=3, level=0.9) == mean_interval(np.array([2, 6, 1]), 0.9)
    assert batch_means_interval(values, batches=11) == mean_interval(values)


def test_batch_means_are_as_many_as_asked_for():
    """29 values in 10 batches: 10 of 2, although 14 of 2 would fit."""
    assert batch_means_interval(np.arange(29), batches=10).degrees_of_freedom == 9


def test_interval_of_a_ratio_by_hand():
    """(3, 1), (5, 3), (4, 2): ratio 12 / 6 = 2; residuals 1, -1, 0 with t 4.303 of 2 degrees, over mean 2."""
    interval = ratio_interval(np.array([3, 5, 4]), np.array([1, 3, 2]))
    assert (interval.estimate, interval.degrees_of_freedom) == (2.0, 2)
    assert interval.half_width == pytest.approx(4.30265 / math.sqrt(3) / 2, rel=1e-5)


def test_a_ratio_to_ones_is_a_mean():
    values = np.array([2.0, 4.0, 7.0, 8.0])
    ratio, mean = ratio_interval(values, np.ones(4)), mean_interval(values)
    assert ratio.estimate == mean.estimate
    assert ratio.half_width == pytest.approx(mean.half_width, rel=1e-12)


def test_intervals_of_means_of_normal_observations_cover_as_often_as_they_say():
    samples = np.random.default_rng(1).normal(3.0, 2.0, (SAMPLES, 6))
    covered = sum(mean_interval(sample, 0.9).covers(3.0) for sample in samples)
    assert abs(covered / SAMPLES - 0.9) < 0.03


def test_intervals_of_batch_means_cover_the_mean_of_a_series_that_depends_on_itself():
    """x[t] = 0.8 x[t-1] + noise in batches of 200, 22 times its correlation time 9: nearly independent."""
    noise = np.random.default_rng(2).standard_normal((2_100, SAMPLES))
    rows = np.empty_like(noise)
    rows[0] = noise[0] / 0.6  # in the long run its deviation is 1 / sqrt(1 - 0.64)
    for moment in range(1, len(rows)):
        rows[moment] = 0.8 * rows[moment - 1] + noise[moment]
    series = rows.T[:, 100:]
    covered = sum(batch_means_interval(one, batches=10, level=0.9).covers(0.0) for one in series)
    assert abs(covered / SAMPLES - 0.9) < 0.03
    naive = sum(mean_interval(one, 0.9).covers(0.0) for one in series)
    assert naive / SAMPLES < 0.5  # independence that is not there makes an interval a third as wide


def test_intervals_of_ratios_cover_the_ratio_of_means():
    """Numerators 2 x + noise, x of mean 1: the ratio of means is 2. With 40 pairs the error is below 3 %."""
    generator = np.random.default_rng(3)
    below = generator.gamma(4.0, 0.25, (SAMPLES, 40))
    above = 2 * below + generator.normal(0.0, 1.0, (SAMPLES, 40))
    covered = sum(
        ratio_interval(top, bottom, 0.9).covers(2.0) for top, bottom in zip(above, below, strict=True)
    )
    assert abs(covered / SAMPLES - 0.9) < 0.03


def test_what_has_no_interval_is_refused():
    two = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="at least 2 observations"):
        mean_interval(np.array([1.0]))
    with pytest.raises(ValueError, match="finite observations"):
        mean_interval(np.array([1.0, np.inf]))
    for level in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="level of an interval"):
            mean_interval(two, level)
    with pytest.raises(ValueError, match="do not make 3 batches"):
        batch_means_interval(two, batches=3)
    with pytest.raises(ValueError, match="do not make 1 batches"):
        batch_means_interval(two, batches=1)
    with pytest.raises(ValueError, match="no pairs"):
        ratio_interval(two, np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="denominators must not be negative"):
        ratio_interval(two, np.array([-1.0, 2.0]))
    with pytest.raises(ValueError, match="at least one must be above 0"):
        ratio_interval(two, np.zeros(2))
    for probability, degrees_of_freedom in ((0.0, 3), (1.0, 3), (0.5, 0)):
        with pytest.raises(ValueError, match="no t quantile"):
            t_quantile(probability, degrees_of_freedom)


def test_the_ends_of_fiellers_interval_are_where_the_paired_test_begins_to_tell_the_ratio():
    """Of x - r b the interval of the mean ends at 0 where r is an end; between them it covers 0."""
    generator = np.random.default_rng(3)
    below = generator.normal(10.0, 4.0, 8)
    above = 2 * below + generator.normal(0.0, 5.0, 8)
    for sign in (1.0, -1.0):
        found = fieller_interval(sign * above, sign * below, 0.9)
        assert found is not None
        assert (found.estimate, found.level, found.degrees_of_freedom) == (
            above.mean() / below.mean(),
            0.9,
            7,
        )
        assert found.half_width == (found.high - found.low) / 2
        assert mean_interval(above - found.low * below, 0.9).low == pytest.approx(0.0, abs=1e-9)
        assert mean_interval(above - found.high * below, 0.9).high == pytest.approx(0.0, abs=1e-9)
        inside, outside = (found.low + found.high) / 2, found.high + 0.01
        assert mean_interval(above - inside * below, 0.9).covers(0.0)
        assert not mean_interval(above - outside * below, 0.9).covers(0.0)


def test_fiellers_interval_by_hand():
    """Of a constant below it is the interval of the mean, divided; of equal pairs it has no width. 1, 3 by
    8, 10 at level 0.5, t = 1 with one degree of freedom: (2 - 9 r)^2 = (1 - r)^2, so r = 1 / 8 and 3 / 10."""
    divided = fieller_interval(np.array([1.0, 2.0, 3.0]), np.full(3, 4.0))
    mean = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert divided is not None
    assert (divided.low, divided.high) == pytest.approx((mean.low / 4, mean.high / 4), rel=1e-12)
    same = fieller_interval(np.full(3, 2.0), np.full(3, 4.0))
    assert same is not None
    assert (same.low, same.estimate, same.high) == (0.5, 0.5, 0.5)
    both = fieller_interval(np.array([1.0, 3.0]), np.array([8.0, 10.0]), 0.5)
    assert both is not None
    assert (both.low, both.estimate, both.high) == pytest.approx((1 / 8, 2 / 9, 3 / 10), rel=1e-12)


def test_a_ratio_to_what_may_be_nothing_has_no_interval():
    assert fieller_interval(np.array([1.0, 2.0]), np.array([-1.0, 2.0])) is None
    assert fieller_interval(np.array([1.0, 2.0]), np.array([0.0, 0.0])) is None
    with pytest.raises(ValueError, match="2 numerators and 3 denominators are no pairs"):
        fieller_interval(np.array([1.0, 2.0]), np.array([4.0, 4.0, 4.0]))


def test_fiellers_intervals_cover_as_often_as_they_say_also_of_few_pairs():
    """Five pairs whose mean below has a standard error of 20 %, as few are: symmetric ones cover less."""
    generator = np.random.default_rng(3)
    below = np.abs(generator.normal(10.0, 4.5, (SAMPLES, 5)))
    truth = (above := 2 * below + generator.normal(0.0, 2.0, (SAMPLES, 5))).mean() / below.mean()
    pairs = [(top, bottom) for top, bottom in zip(above, below, strict=True)]
    found = [fieller_interval(*pair, 0.9) for pair in pairs]
    covered = sum(one is None or one.covers(truth) for one in found)
    assert sum(one is None for one in found) < SAMPLES / 50
    assert abs(covered / SAMPLES - 0.9) < 0.03

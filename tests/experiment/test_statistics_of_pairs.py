"""Means, differences of pairs, and Holm's correction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsession_sim.experiment.estimates import Estimate, estimate, holm, paired_p_value, with_holm

T_975_2 = 0.95 / math.sqrt(2 * 0.975 * 0.025)
"""The 0.975 quantile of Student's t with 2 degrees of freedom, in closed form; tables have 4.303."""


def test_mean_and_interval_of_replications() -> None:
    """3, 5, 7: mean 5, s = 2, half width t * 2 / sqrt(3)."""
    found = estimate([3, 5, 7], None, 0.95)
    assert (found.count, found.mean, found.pairs, found.difference, found.p_value) == (3, 5.0, 0, None, None)
    assert found.interval is not None
    assert found.interval.half_width == pytest.approx(T_975_2 * 2 / math.sqrt(3), rel=1e-12)


def test_difference_is_that_of_pairs_and_not_of_means() -> None:
    """Replications differ much, the two configurations by exactly 1 or 2: 101 - 100, 12 - 10, 1001 - 1000."""
    found = estimate([101, 12, 1001], [100, 10, 1000], 0.95)
    spread = math.sqrt(((1 - 4 / 3) ** 2 * 2 + (2 - 4 / 3) ** 2) / 2)
    assert found.pairs == 3
    assert found.difference == 4 / 3
    assert found.difference_interval is not None
    assert found.difference_interval.half_width == pytest.approx(T_975_2 * spread / math.sqrt(3), rel=1e-12)
    assert (found.relative_change, found.relative_change_interval) == (None, None)  # 370 ± 1361


def test_what_does_not_exist_is_left_out_and_of_pairs_both() -> None:
    found = estimate([1, None, 4, 6], [1, 2, None, 2], 0.95)
    assert (found.count, found.mean) == (3, 11 / 3)
    assert (found.pairs, found.difference) == (2, 2.0)


def test_nothing_and_one_have_no_interval() -> None:
    assert estimate([None, None], [1, 2], 0.95) == Estimate(0, None, None)
    one = estimate([4.0], [1.0], 0.95)
    assert (one.count, one.mean, one.interval, one.pairs, one.difference) == (1, 4.0, None, 1, 3.0)
    assert (one.difference_interval, one.p_value) == (None, None)


def test_relative_change_has_the_sign_of_the_difference_also_below_zero() -> None:
    assert estimate([-1, -1], [-2, -2], 0.95).relative_change == 0.5
    assert estimate([1, 1], [0, 0], 0.95).relative_change is None


def test_p_value_with_two_degrees_of_freedom_is_that_of_the_closed_form() -> None:
    """With 2 degrees of freedom P(|T| > t) = 1 - t / sqrt(2 + t^2); of 2, 3, 4: t = 3 sqrt(3)."""
    t = 3 * math.sqrt(3)
    expected = 1 - t / math.sqrt(2 + t * t)
    assert paired_p_value(np.array([2.0, 3.0, 4.0])) == pytest.approx(expected, rel=1e-12)
    assert paired_p_value(np.array([-2.0, -3.0, -4.0])) == pytest.approx(expected, rel=1e-12)


def test_differences_without_spread_are_certain() -> None:
    assert paired_p_value(np.array([0.0, 0.0])) == 1.0
    assert paired_p_value(np.array([0.5, 0.5])) == 0.0


def test_equal_observations_have_no_spread() -> None:
    """The mean of three times 0.1 in floats is not 0.1, and so their deviation is not 0."""
    found = estimate([0.1, 0.1, 0.1], [0.3, 0.3, 0.3], 0.95)
    assert found.interval is not None
    assert found.difference_interval is not None
    assert (found.mean, found.interval.half_width, found.difference_interval.half_width) == (0.1, 0.0, 0.0)


def test_what_differs_by_rounding_alone_does_not_differ() -> None:
    """0.1 + 0.2 and 0.3 are one number; without spread any difference would be significant."""
    found = estimate([0.1 + 0.2] * 3, [0.3] * 3, 0.95)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    exact = estimate([10**15 + 1] * 3, [10**15] * 3, 0.95)
    assert (exact.difference, exact.p_value) == (1.0, 0.0)


def test_holm_multiplies_step_by_step_and_never_falls() -> None:
    """0.01 x 4, 0.015 x 3 = 0.045, 0.02 x 2 = 0.04 but at least 0.045, 0.9."""
    assert holm([0.02, 0.9, 0.01, 0.015]) == [0.045, 0.9, 0.04, 0.045]
    assert holm([0.5, 0.75]) == [1.0, 1.0]
    assert holm([]) == []


def test_only_comparisons_are_corrected() -> None:
    estimates = {
        ("a", "m"): Estimate(2, 1.0, None),
        ("b", "m"): Estimate(2, 1.0, None, p_value=0.03),
        ("c", "m"): Estimate(2, 1.0, None, p_value=0.01),
    }
    found = {key: one.adjusted_p_value for key, one in with_holm(estimates).items()}
    assert found == {("a", "m"): None, ("b", "m"): 0.03, ("c", "m"): 0.02}

"""One estimate beside a closed form, and the test of many."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsession_sim.queueing.statistics import Interval, mean_interval
from qsession_sim.verification.comparisons import Comparison, critical_z, detectable, differing


def compared(theory: float, interval: Interval) -> Comparison:
    return Comparison("M/M/1", "load 0.5", 0.5, "mean waiting", "theory.m_m_1", theory, interval)


def test_z_and_p_of_three_observations_by_hand():
    """1, 2, 3: mean 2, standard error 1 / sqrt(3); with 2 degrees of freedom P(|t| > x) is 1 - x / sqrt(2 + x²)."""
    found = compared(1.0, mean_interval(np.array([1.0, 2.0, 3.0])))
    x = math.sqrt(3)
    assert found.standard_error == pytest.approx(1 / x, rel=1e-9)
    assert found.z == pytest.approx(x, rel=1e-9)
    assert found.p_value == pytest.approx(1 - x / math.sqrt(2 + x * x), rel=1e-9)


def test_z_has_the_sign_of_the_difference():
    interval = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert compared(3.0, interval).z == -compared(1.0, interval).z


def test_estimate_without_spread_is_right_or_infinitely_wrong():
    exact = Interval(estimate=2.0, half_width=0.0, level=0.95, degrees_of_freedom=9)
    scores = [(compared(theory, exact).z, compared(theory, exact).p_value) for theory in (1.0, 2.0, 3.0)]
    assert scores == [(math.inf, 0.0), (0.0, 1.0), (-math.inf, 0.0)]


@pytest.mark.parametrize(
    ("p_values", "failing"),
    [
        ([0.02, 0.5, 0.001, 0.3], [2]),  # 0.001 <= 0.05/4; 0.02 > 0.05/3
        ([0.012, 0.016, 0.024, 0.05], [0, 1, 2, 3]),  # 0.05/4, 0.05/3, 0.05/2, 0.05
        ([0.013, 0.001, 0.024, 0.9], [0, 1, 2]),  # 0.013 > 0.05/4 but <= 0.05/3
        ([0.02, 0.02, 0.02, 0.02], []),  # none passes the first step
        ([], []),
    ],
)
def test_step_down_procedure_by_hand(p_values, failing):
    assert differing(p_values, family_error=0.05) == failing


def test_true_hypotheses_fail_as_rarely_as_stated():
    """10,000 families of 20 uniform p-values at 5 %: binomial, and 1 - (1 - 0.05/20)**20 = 4.88 % fail.

    Seed 1; the tolerance is 5 standard errors of 0.0022.
    """
    draws = np.random.default_rng(1).random((10_000, 20))
    share = np.mean([bool(differing(family.tolist(), 0.05)) for family in draws])
    assert share == pytest.approx(1 - (1 - 0.05 / 20) ** 20, abs=0.011)


def test_detectable_error_is_found_with_the_power_that_is_stated():
    """Normal estimates that are wrong by what is detectable: 9 of 10 lie beyond the critical value.

    Seed 2; 10,000 draws, so that the tolerance of 0.015 is 5 standard errors of 0.003.
    """
    tests, theory = 50, 10.0
    found = compared(theory, Interval(theory, 0.2, 0.95, 1_000_000))
    wrong = theory * (1 + detectable(found, tests))
    estimates = np.random.default_rng(2).normal(wrong, found.standard_error, 10_000)
    beyond = np.abs(estimates - theory) / found.standard_error > critical_z(tests)
    assert beyond.mean() == pytest.approx(0.9, abs=0.015)

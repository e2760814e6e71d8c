"""The executions model: exact numbers, one rounding, and the noise's median and spread."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsession_sim.queueing.service_time import execution_times_us, lognormal_noise


def column(*values):
    return np.array(values, dtype=np.int64)


def test_times_are_overhead_and_executions():
    """2 s + 350 us x executions: 1, 4,000, 40,000 and 80,000 of them."""
    times_us = execution_times_us(column(1, 1, 10, 20), column(1, 4000, 4000, 4000), 2_000_000, 350)
    assert times_us.tolist() == [2_000_350, 3_400_000, 16_000_000, 30_000_000]
    assert times_us.dtype == np.int64


def test_times_without_noise_are_exact_integers_beyond_the_precision_of_floats():
    """2**53 + 1 is the first integer that no float64 can hold."""
    assert execution_times_us(column(1), column(1), 2**53, 1).tolist() == [2**53 + 1]


@pytest.mark.parametrize(
    ("overhead_us", "noise", "expected"),
    [
        pytest.param(4, 0.5, 2, id="whole"),
        pytest.param(5, 0.5, 2, id="half_goes_down_to_even"),
        pytest.param(7, 0.5, 4, id="half_goes_up_to_even"),
        pytest.param(1, 0.1, 1, id="S2_at_least_one_microsecond"),
    ],
)
def test_the_noise_is_a_factor_on_the_whole_time_rounded_once(overhead_us, noise, expected):
    times_us = execution_times_us(column(3), column(9), overhead_us, 0, np.array([noise]))
    assert times_us.tolist() == [expected]


def test_the_noise_acts_on_overhead_and_executions_alike():
    times_us = execution_times_us(column(2, 2), column(5, 5), 100, 3, np.array([1.5, 0.5]))
    assert times_us.tolist() == [195, 65]


def test_a_job_that_takes_nothing_takes_one_microsecond():
    assert execution_times_us(column(1), column(1), 0, 0).tolist() == [1]


def test_no_jobs_have_no_times():
    assert execution_times_us(column(), column(), 2, 1, np.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    ("circuits", "noise"),
    [
        pytest.param(2**40, None, id="executions"),
        pytest.param(2**40, [1e-30], id="executions_before_noise"),
        pytest.param(1, [1e260], id="noise"),
        pytest.param(1, [math.nan], id="not_a_number"),
    ],
)
def test_times_that_int64_cannot_hold_are_refused(circuits, noise):
    factors = None if noise is None else np.array(noise)
    with pytest.raises(OverflowError, match=r"longer than 2\*\*62 us"):
        execution_times_us(column(circuits), column(2**24), 0, 1, factors)


def test_noise_has_median_one_and_the_spread_sigma():
    """Within 5 standard errors of 100,000 draws: of Z (1), Z^2 (sqrt 2) and the share above 1 (1/2)."""
    factors = lognormal_noise(np.random.default_rng(7), 0.32, 100_000)
    normal = np.log(factors) / 0.32
    bound = 5 / math.sqrt(100_000)
    assert abs(normal.mean()) < bound
    assert abs((normal**2).mean() - 1) < bound * math.sqrt(2)
    assert abs((factors > 1).mean() - 0.5) < bound / 2


def test_noise_without_spread_is_one():
    assert lognormal_noise(np.random.default_rng(7), 0.0, 2).tolist() == [1.0, 1.0]


def test_noise_of_any_spread_is_positive_and_finite():
    factors = lognormal_noise(np.random.default_rng(7), 1.7e308, 1000)
    assert np.isfinite(factors).all()
    assert (factors > 0).all()

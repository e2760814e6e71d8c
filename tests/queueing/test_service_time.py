"""The executions model: exact numbers, one rounding, and the noise's median and spread."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from qsession_sim.queueing.service_time import (
    execution_times_us,
    layer_times_us,
    linear_times_us,
    lognormal_noise,
    resampled_noise,
)


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


def test_every_sub_job_has_the_overhead():
    """At most 1,000 executions in a sub-job: 1, 1,000, 1,001, 2,000 and 2,001 are 1, 1, 2, 2 and 3 of them."""
    executions = column(1, 1000, 1001, 2000, 2001)
    ones = np.ones_like(executions)
    times_us = execution_times_us(executions, ones, 5_000_000, 10, executions_per_subjob=1000)
    assert times_us.tolist() == [5_000_010, 5_010_000, 10_010_010, 10_020_000, 15_020_010]


def test_sub_jobs_are_cut_by_circuits_times_shots():
    """3 circuits of 400 shots are 1,200 executions, two sub-jobs; noise acts on all of it."""
    circuits, shots, noise = column(3), column(400), np.array([0.5])
    times_us = execution_times_us(circuits, shots, 1_000, 1, noise, executions_per_subjob=1000)
    assert times_us.tolist() == [(2 * 1_000 + 1_200) // 2]


def test_so_many_sub_jobs_that_int64_cannot_hold_their_overhead_are_refused():
    with pytest.raises(OverflowError):
        execution_times_us(column(2**40), column(2**20), 2**20, 0, executions_per_subjob=1)
    with pytest.raises(OverflowError):
        execution_times_us(column(2**40), column(2**40), 0, 0, executions_per_subjob=2**62)


def test_layers_take_their_share_of_a_second():
    """10 circuits x 100 shots x 50 layers are 50,000: 2 s at 25,000 layers per second, beside 3 s."""
    times_us = layer_times_us(column(10, 1), column(100, 1), column(50, 1), 25_000.0, 3_000_000)
    assert times_us.tolist() == [5_000_000, 3_000_040]
    assert times_us.dtype == np.int64


def test_layers_are_rounded_once_after_noise():
    """1 layer at 400,000 per second is 2.5 us: with the overhead 12.5, times 1.4 is 17.5, half to even 18."""
    times_us = layer_times_us(column(1, 1), column(1, 1), column(1, 1), 4e5, 10, np.array([1.4, 1.0]))
    assert times_us.tolist() == [18, 12]


def test_layers_beyond_int64_are_refused():
    with pytest.raises(OverflowError):
        layer_times_us(column(2**40), column(2**40), column(2**40), 1.0, 0)
    with pytest.raises(OverflowError):
        layer_times_us(column(1), column(1), column(1), 1e-308, 0)


def test_layers_count_exactly_and_only_the_product_is_rounded():
    """At 400,000 a second a layer takes 2.5 us; no float64 holds 2**53 + 1."""
    one = column(1, 1, 1)
    assert layer_times_us(one, one, column(1, 2, 3), 4e5, 0).tolist() == [2, 5, 8]
    assert layer_times_us(column(1), column(1), column(2**53 + 1), 1e6, 0).tolist() == [2**53 + 1]
    # as written, 0.7 layers a second are exactly 10,000,000 / 7 us each
    assert layer_times_us(column(7), column(10**9), column(7), 0.7, 0).tolist() == [70 * 10**15]


def test_a_line_adds_what_each_property_takes():
    """-100 + 0.25 x executions + 10 x qubits: 50 and 900."""
    terms = [(0.25, column(520, 3920)), (10.0, column(2, 2))]
    assert linear_times_us(-100.0, terms, 2).tolist() == [50, 900]


def test_a_line_is_never_shorter_than_the_least_before_noise():
    terms = [(1.0, column(10, 10, 2000))]
    times_us = linear_times_us(-500.0, terms, 3, least_us=40, noise=np.array([1.0, 0.5, 2.0]))
    assert times_us.tolist() == [40, 20, 3000]


def test_a_line_without_least_takes_one_microsecond_at_least():
    """S2."""
    assert linear_times_us(-5.0, [], 2).tolist() == [1, 1]


def test_a_line_beyond_int64_is_refused():
    with pytest.raises(OverflowError):
        linear_times_us(0.0, [(1e10, column(2**40))], 1)


def test_resampled_noise_draws_every_factor_equally_often():
    """Within 5 standard errors: sqrt(n/3 x 2/3) of the count of each of three factors."""
    factors = resampled_noise(np.random.default_rng(7), np.array([0.5, 1.0, 4.0]), 90_000)
    values, often = np.unique(factors, return_counts=True)
    assert values.tolist() == [0.5, 1.0, 4.0]
    assert np.abs(often - 30_000).max() < 5 * math.sqrt(20_000)


def test_resampled_noise_comes_one_after_the_other():
    together = resampled_noise(np.random.default_rng(7), np.arange(1.0, 9.0), 8)
    generator = np.random.default_rng(7)
    apart = [
        *resampled_noise(generator, np.arange(1.0, 9.0), 5),
        *resampled_noise(generator, np.arange(1.0, 9.0), 3),
    ]
    assert together.tolist() == apart


def test_fractions_of_an_execution_are_exact_beyond_int64():
    """(2**40 + 1) executions of 1/3 us and 10**-15 us together: 2**40 + 1 = 3 x 366503875925 + 2."""
    rate = Fraction(1, 3) + Fraction(1, 10**15)
    executions = 2**40 + 1

    times = execution_times_us(column(1), column(executions), 0, rate)

    assert times.tolist() == [366_503_875_926]
    assert abs(times[0] - rate * executions) < Fraction(1, 2)


def test_a_fraction_is_rounded_after_the_noise():
    """3 x 0.5 us are 1.5 us; with a factor of 3 they are 4.5 us."""
    assert execution_times_us(column(1), column(3), 0, Fraction(1, 2), np.array([3.0])).tolist() == [4]

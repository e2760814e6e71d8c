"""Series of dependent observations against sums as they are written, and against processes that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing.statistics import (
    WarmUp,
    autocorrelation,
    batch_means,
    effective_sample_size,
    mser5,
)


def autoregressive(generator, count, memory):
    """x[t] = memory x[t-1] + noise, from the long run on."""
    noise = generator.standard_normal(count)
    values = [noise[0] / np.sqrt(1 - memory**2)]
    for number in noise[1:].tolist():
        values.append(memory * values[-1] + number)
    return np.array(values)


def test_batch_means_leave_out_the_beginning():
    assert batch_means(np.array([90, 90, 1, 2, 3, 4, 5, 9]), 3).tolist() == [2.0, 6.0]
    assert batch_means(np.array([3, 5]), 1).tolist() == [3.0, 5.0]
    with pytest.raises(ValueError, match="no batch of 3"):
        batch_means(np.array([1, 2]), 3)
    with pytest.raises(ValueError, match="no batch of 0"):
        batch_means(np.array([1, 2]), 0)


@given(st.lists(st.integers(0, 50), min_size=50, max_size=90))
def test_mser5_is_the_smallest_squared_standard_error_of_what_is_kept(values):
    means = [sum(values[5 * batch : 5 * batch + 5]) / 5 for batch in range(len(values) // 5)]
    errors = []
    for left_out in range(len(means) // 2 + 1):
        kept = means[left_out:]
        average = sum(kept) / len(kept)
        errors.append(sum((mean - average) ** 2 for mean in kept) / len(kept) ** 2)
    found = mser5(np.array(values))
    assert found.drop % 5 == 0
    assert found.statistic == pytest.approx(min(errors), rel=1e-9, abs=1e-9)
    assert errors[found.drop // 5] == pytest.approx(min(errors), rel=1e-9, abs=1e-9)
    assert found.settled == (found.drop // 5 < len(means) // 2)


def test_mser5_finds_where_a_start_from_far_away_ends():
    """15 far away, then 85 of 5 values over and over: batches differ only in the beginning."""
    assert mser5(np.array([1000] * 15 + [1, 2, 3, 4, 5] * 17)) == WarmUp(15, 0.0, settled=True)
    assert mser5(np.array([0.1] * 50)) == WarmUp(0, 0.0, settled=True)


def test_mser5_says_when_a_run_is_too_short():
    """What falls all the time has no end of its beginning; the search stops at half of 20 batches."""
    found = mser5(np.arange(100, 0, -1))
    assert (found.drop, found.settled) == (50, False)
    with pytest.raises(ValueError, match="at least 50 observations, got 49"):
        mser5(np.arange(49))
    with pytest.raises(ValueError, match="MSER-5 takes finite observations"):
        mser5(np.array([1.0] * 59 + [np.nan]))


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=30).filter(lambda values: len(set(values)) > 1))
def test_autocorrelation_is_the_sum_of_products(values):
    count = len(values)
    average = sum(values) / count
    products = [
        sum((values[t] - average) * (values[t + lag] - average) for t in range(count - lag))
        for lag in range(count)
    ]
    expected = [product / products[0] for product in products]
    assert autocorrelation(np.array(values), count - 1).tolist() == pytest.approx(expected, abs=1e-12)


def test_autocorrelation_does_not_depend_on_the_unit():
    expected = pytest.approx([1.0, 0.25, -0.3, -0.45], abs=1e-12)
    for unit in (1e-200, 1.0, 1e200):
        assert autocorrelation(np.array([1.0, 2.0, 3.0, 4.0]) * unit, 3).tolist() == expected


def test_effective_sample_size_by_hand():
    """1, 2, 3, 4: pairs 1 + 0.25 and -0.3 - 0.45, so only the first counts: 4 / (2 × 1.25 - 1)."""
    assert effective_sample_size(np.array([1, 2, 3, 4])) == pytest.approx(4 / 1.5, rel=1e-12)


def test_effective_sample_size_is_never_more_than_the_sample():
    """Of 0, 1, 0, 1, ... the first pair is 1 - 7/8, and 2 × 1/8 - 1 is below 0."""
    assert effective_sample_size(np.array([0, 1, 0, 1, 0, 1, 0, 1])) == 8.0


def test_effective_sample_size_of_an_autoregression():
    """Correlations a^k sum to (1 + a) / (1 - a): 3 for a = 1/2. Over 20 seeds the mean is within 4 %."""
    sizes = [
        effective_sample_size(autoregressive(np.random.default_rng(seed), 20_000, 0.5)) for seed in range(20)
    ]
    assert float(np.mean(sizes)) == pytest.approx(20_000 / 3, rel=0.04)


def test_series_without_correlation_are_refused():
    with pytest.raises(ValueError, match="no autocorrelation at lag 3"):
        autocorrelation(np.array([1, 2, 3]), 3)
    with pytest.raises(ValueError, match="all equal"):
        autocorrelation(np.array([0.1, 0.1, 0.1]), 1)
    with pytest.raises(ValueError, match="finite"):
        autocorrelation(np.array([0.1, np.nan, 0.1]), 1)
    with pytest.raises(ValueError, match="at least 4"):
        effective_sample_size(np.array([1, 2, 3]))

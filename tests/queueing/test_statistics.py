"""Statistics against hand arithmetic and, for any sample, against plain Python."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing import statistics
from qsession_sim.queueing.statistics import (
    bounded_slowdown,
    exact_sum,
    jain_index,
    mean,
    percentiles,
    slowdown,
    weighted_percentiles,
)

int64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(int64, max_size=50))
def test_exact_sum_is_that_of_python(values):
    assert exact_sum(np.array(values, dtype=np.int64)) == sum(values)


def test_the_mean_of_integers_is_exact_where_floats_are_not():
    assert mean(np.array([2**62, 2**62, 2**62 + 3])) == (3 * 2**62 + 3) / 3
    assert mean(np.array([0.25, 0.5])) == 0.375


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30), st.integers(0, 100))
def test_percentiles_are_linear_between_order_statistics(values, percent):
    ordered = sorted(values)
    position = Fraction(percent * (len(values) - 1), 100)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    exact = ordered[low] + (ordered[high] - ordered[low]) * (position - low)
    assert percentiles(np.array(values), [percent]) == [pytest.approx(float(exact), rel=1e-15)]
    assert percentiles(np.array(values), [percent]) == [
        pytest.approx(float(np.percentile(values, percent)), rel=1e-12)
    ]


def test_percentiles_of_many_values_in_disorder():
    """Of 0 to 99,999 the percentile p is p times 999.99."""
    values = np.random.default_rng(1).permutation(100_000)
    assert percentiles(values, [99]) == [98999.01]
    assert percentiles(values, [25, 50]) == [24999.75, 49999.5]


def test_percentiles_of_one_value_are_that_value():
    assert percentiles(np.array([7]), [0, 50, 100]) == [7.0, 7.0, 7.0]


def test_statistics_of_nothing_are_errors():
    nothing = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="mean of no values"):
        mean(nothing)
    with pytest.raises(ValueError, match="percentiles of no values"):
        percentiles(nothing, [50])
    with pytest.raises(ValueError, match="from 0 to 100"):
        percentiles(np.array([1]), [101])
    with pytest.raises(ValueError, match="fairness of nothing"):
        jain_index(np.zeros(3))


def test_slowdown_is_response_over_service():
    assert slowdown(np.array([0, 30, 1]), np.array([5, 10, 2])).tolist() == [1.0, 4.0, 1.5]


def test_bounded_slowdown_takes_short_jobs_for_the_bound_and_is_at_least_one():
    waiting, service = np.array([0, 30, 30, 4]), np.array([5, 10, 60, 0])
    assert bounded_slowdown(waiting, service, bound_us=20).tolist() == [1.0, 2.0, 1.5, 1.0]


@pytest.mark.parametrize("rows", [1, 3])
def test_slowdowns_are_the_same_in_pieces(monkeypatch, rows):
    """(0 + 5) / 5, (30 + 10) / 10, (1 + 2) / 2, (4 + 8) / 8; with a bound of 10: 1, 4, 1 and 1.2."""
    monkeypatch.setattr(statistics, "_ROWS_AT_ONCE", rows)
    waiting, service = np.array([0, 30, 1, 4]), np.array([5, 10, 2, 8])
    assert slowdown(waiting, service).tolist() == [1.0, 4.0, 1.5, 1.5]
    assert bounded_slowdown(waiting, service, bound_us=10).tolist() == [1.0, 4.0, 1.0, 1.2]


def test_jain_index_is_one_for_equal_shares_and_one_over_n_for_one_owner():
    assert jain_index(np.array([0.5, 0.5, 0.5, 0.5])) == 1.0
    assert jain_index(np.array([0.0, 3.0, 0.0, 0.0])) == 0.25
    assert jain_index(np.array([1.0, 2.0])) == 9 / 10


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), min_size=1, max_size=12),
    st.integers(0, 100),
)
def test_weighted_percentiles_are_the_values_repeated_as_often_as_they_weigh(pairs, percent):
    repeated = sorted(value for value, weight in pairs for _ in range(weight))
    values = np.array([value for value, _ in pairs])
    weights = np.array([weight for _, weight in pairs])
    if not repeated:
        with pytest.raises(ValueError, match="without weight"):
            weighted_percentiles(values, weights, [percent])
        return
    smallest = next(
        value for value in repeated if sum(x <= value for x in repeated) * 100 >= percent * len(repeated)
    )
    assert weighted_percentiles(values, weights, [percent]) == [float(smallest)]
    assert weighted_percentiles(values, weights * 0.25, [0, 100]) == [
        float(repeated[0]),
        float(repeated[-1]),
    ]


def test_weighted_percentiles_are_exact_for_large_weights():
    """A share of 50 % is reached with 2**61, not with one less; floats cannot tell them apart."""
    values = np.array([1, 2])
    assert weighted_percentiles(values, np.array([2**61, 2**61]), [50]) == [1.0]
    assert weighted_percentiles(values, np.array([2**61 - 1, 2**61 + 1]), [50]) == [2.0]


def test_weighted_percentiles_refuse_what_has_no_meaning():
    one = np.array([1])
    with pytest.raises(ValueError, match="shapes differ"):
        weighted_percentiles(one, np.array([1, 2]), [50])
    with pytest.raises(ValueError, match="from 0 to 100"):
        weighted_percentiles(one, one, [-1])
    with pytest.raises(ValueError, match="finite and not negative"):
        weighted_percentiles(one, np.array([-1]), [50])
    with pytest.raises(ValueError, match="finite and not negative"):
        weighted_percentiles(one, np.array([np.nan]), [50])

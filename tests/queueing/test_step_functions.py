"""Step functions against hand arithmetic and against counting every microsecond."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing import step_functions
from qsession_sim.queueing.step_functions import (
    StepFunction,
    count_inside,
    grid,
    integral,
    maximum,
    merge,
    resample,
    time_average,
    time_percentiles,
    total,
    value_at,
)

STEP = StepFunction(np.array([0, 3, 10]), np.array([2, 5, 0]))

stays = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 6), st.booleans()).map(
        lambda stay: (stay[0], stay[0] + stay[1] if stay[2] else None)
    ),
    max_size=8,
)


@pytest.fixture(scope="module", params=[1, 3, step_functions._EVENTS_AT_ONCE], autouse=True)
def events_at_once(request):
    """The size of the pieces in which functions are made and summed changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_functions, "_EVENTS_AT_ONCE", request.param)
        yield


@given(stays)
def test_count_inside_is_the_count_of_every_instant(stays):
    step = count_inside(
        np.array([entered for entered, _ in stays], dtype=np.int64),
        np.array([left for _, left in stays if left is not None], dtype=np.int64),
    )
    expected = [
        sum(entered <= t and (left is None or t < left) for entered, left in stays) for t in range(25)
    ]
    assert value_at(step, np.arange(25)).tolist() == expected
    assert step.times_us[0] == 0
    assert np.all(np.diff(step.times_us) > 0)
    assert np.all(np.diff(step.values) != 0)


@given(stays, st.integers(0, 20), st.integers(1, 10))
def test_integral_average_and_maximum_are_those_of_every_instant(stays, start, length):
    step = count_inside(
        np.array([entered for entered, _ in stays], dtype=np.int64),
        np.array([left for _, left in stays if left is not None], dtype=np.int64),
    )
    values = value_at(step, np.arange(start, start + length)).tolist()
    assert integral(step, start, start + length) == sum(values)
    assert time_average(step, start, start + length) == sum(values) / length
    assert maximum(step, start, start + length) == max(values)


def test_integral_of_steps():
    """2 for 3, 5 for 7, then nothing."""
    assert integral(STEP, 0, 12) == 41
    assert integral(STEP, 2, 4) == 7
    assert integral(STEP, 11, 12) == 0
    assert integral(STEP, 4, 4) == 0


def test_maximum_sees_the_value_before_the_stretch_and_not_the_one_at_its_end():
    assert maximum(STEP, 1, 3) == 2
    assert maximum(STEP, 1, 4) == 5
    assert maximum(STEP, 10, 11) == 0


def test_empty_stretches_have_no_average_and_no_maximum():
    with pytest.raises(ValueError, match="no time average"):
        time_average(STEP, 4, 4)
    with pytest.raises(ValueError, match="no maximum"):
        maximum(STEP, 4, 4)


steps = st.tuples(
    st.integers(0, 5), st.lists(st.tuples(st.integers(1, 4), st.integers(-3, 5)), min_size=1, max_size=8)
).map(
    lambda parts: StepFunction(
        np.cumsum([parts[0], *[gap for gap, _ in parts[1][:-1]]]),
        np.array([value for _, value in parts[1]]),
    )
)


@given(steps, st.integers(0, 20), st.integers(1, 20), st.integers(0, 100))
def test_time_percentiles_are_those_of_every_instant(step, after, length, percent):
    start = int(step.times_us[0]) + after
    instants = sorted(value_at(step, np.arange(start, start + length)).tolist())
    # the smallest value that covers the share: the one at the share rounded up, counted from 1
    expected = instants[max(-(-percent * length // 100), 1) - 1]
    assert time_percentiles(step, start, start + length, [percent]) == [float(expected)]


@given(st.lists(steps, min_size=1, max_size=4))
def test_merge_and_total_are_the_functions_at_every_instant(several):
    times, values = merge(several)
    instants = np.arange(max(step.times_us[0] for step in several), 60)
    assert times[0] == instants[0]
    assert np.all(np.diff(times) > 0)
    assert values.shape == (len(several), len(times))
    for step, row in zip(several, values, strict=True):
        assert np.array_equal(value_at(StepFunction(times, row), instants), value_at(step, instants))
    both = total(several)
    assert value_at(both, instants).tolist() == [
        sum(int(value_at(step, np.array([instant]))[0]) for step in several) for instant in instants
    ]
    assert np.all(np.diff(both.values) != 0)


@given(steps, st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(0, 3))
def test_resample_is_the_average_of_every_cell(step, lengths, after):
    edges = np.cumsum([int(step.times_us[0]) + after, *lengths])
    assert resample(step, edges).tolist() == [
        time_average(step, low, high) for low, high in pairwise(edges.tolist())
    ]


def test_resample_by_hand():
    """2 for 3, 5 for 7, then nothing: cells of 4 hold 6 + 5, 20, 10 and nothing."""
    assert resample(STEP, np.array([0, 4, 8, 12, 16])).tolist() == [2.75, 5.0, 2.5, 0.0]


@given(st.integers(-5, 5), st.integers(1, 30), st.data())
def test_a_grid_cuts_evenly_to_the_microsecond(start, length, data):
    cells = data.draw(st.integers(1, length))
    assert grid(start, start + length, cells).tolist() == [
        start + number * length // cells for number in range(cells + 1)
    ]


def test_grids_of_long_stretches_do_not_overflow():
    assert grid(0, 2**62 + 2, 4).tolist() == [0, 2**60, 2**61 + 1, 3 * 2**60 + 1, 2**62 + 2]


def test_stretches_before_the_function_or_without_length_are_refused():
    late = StepFunction(np.array([5]), np.array([1]))
    with pytest.raises(ValueError, match="begins at 5, after 4"):
        time_percentiles(late, 4, 9, [50])
    with pytest.raises(ValueError, match="begins at 5, after 4"):
        resample(late, np.array([4, 9]))
    with pytest.raises(ValueError, match="no time percentiles"):
        time_percentiles(STEP, 4, 4, [50])
    with pytest.raises(ValueError, match="edges must increase"):
        resample(STEP, np.array([4, 4]))
    with pytest.raises(ValueError, match="edges must increase"):
        resample(STEP, np.array([4]))
    with pytest.raises(ValueError, match="cannot be cut into 0 cells"):
        grid(0, 3, 0)
    with pytest.raises(ValueError, match="cannot be cut into 4 cells"):
        grid(0, 3, 4)
    with pytest.raises(ValueError, match="no step functions"):
        merge([])


def test_an_integral_beyond_int64_is_an_error_and_not_a_wrong_number():
    large = StepFunction(np.array([0]), np.array([2**40]))
    assert resample(large, np.array([0, 2**22])).tolist() == [2.0**40]
    with pytest.raises(OverflowError, match="shorter cells"):
        resample(large, np.array([0, 2**23]))

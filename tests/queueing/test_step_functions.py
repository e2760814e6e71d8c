"""Step functions against hand arithmetic and against counting every microsecond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing.step_functions import (
    StepFunction,
    count_inside,
    integral,
    maximum,
    time_average,
    value_at,
)

STEP = StepFunction(np.array([0, 3, 10]), np.array([2, 5, 0]))

stays = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 6), st.booleans()).map(
        lambda stay: (stay[0], stay[0] + stay[1] if stay[2] else None)
    ),
    max_size=8,
)


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

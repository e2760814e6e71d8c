"""Lindley's recursion, vectorised, against the recursion as it is written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing.recursions import lindley


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=40))
def test_lindley_is_the_recursion(pairs):
    arrivals = np.cumsum([gap for gap, _ in pairs], dtype=np.int64)
    services = np.array([service for _, service in pairs], dtype=np.int64)
    waits: list[int] = []
    for n in range(len(pairs)):
        backlog = waits[-1] + services[n - 1] - (arrivals[n] - arrivals[n - 1]) if n else 0
        waits.append(max(0, int(backlog)))
    assert lindley(arrivals, services).tolist() == waits


def test_lindley_is_exact_for_large_times():
    """Floats would lose the last microsecond."""
    start = 2**60
    assert lindley(np.array([start, start + 1]), np.array([2**59 + 1, 1])).tolist() == [0, 2**59]


def test_lindley_refuses_what_is_no_arrival_process():
    with pytest.raises(ValueError, match="must not decrease"):
        lindley(np.array([3, 2]), np.array([1, 1]))
    with pytest.raises(ValueError, match="shapes differ"):
        lindley(np.array([3, 2]), np.array([1]))

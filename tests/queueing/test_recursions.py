"""Recursions for waiting times against the recursions as they are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing.recursions import departure_times, kiefer_wolfowitz, lindley

gaps_and_services = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=40)


def arrivals_and_services(pairs):
    arrivals = np.cumsum([gap for gap, _ in pairs], dtype=np.int64)
    return arrivals, np.array([service for _, service in pairs], dtype=np.int64)


@given(gaps_and_services)
def test_lindley_is_the_recursion(pairs):
    arrivals, services = arrivals_and_services(pairs)
    waits: list[int] = []
    for n in range(len(pairs)):
        backlog = waits[-1] + services[n - 1] - (arrivals[n] - arrivals[n - 1]) if n else 0
        waits.append(max(0, int(backlog)))
    assert lindley(arrivals, services).tolist() == waits


def test_lindley_is_exact_for_large_times():
    """Floats would lose the last microsecond."""
    start = 2**60
    assert lindley(np.array([start, start + 1]), np.array([2**59 + 1, 1])).tolist() == [0, 2**59]


def test_times_beyond_int64_are_an_error_and_no_number():
    service = np.full(3, 2**62)
    for function in (lindley, departure_times):
        with pytest.raises(OverflowError, match="arrivals or services together are longer than int64 holds"):
            function(np.array([0, 1, 2]), service)
        with pytest.raises(OverflowError, match="arrivals or services together"):
            function(np.array([-(2**63), 2**62]), np.array([1, 1]))
    assert lindley(np.array([0, 1]), np.array([2**63 - 2, 1])).tolist() == [0, 2**63 - 3]
    assert departure_times(np.array([0, 1]), np.array([2**63 - 2, 1])).tolist() == [2**63 - 2, 2**63 - 1]
    for servers in (1, 2):
        with pytest.raises(OverflowError, match="a job leaves later than int64 holds"):
            departure_times(np.array([2**62]), np.array([2**62]), servers)


def test_lindley_refuses_what_is_no_arrival_process():
    with pytest.raises(ValueError, match="must not decrease"):
        lindley(np.array([3, 2]), np.array([1, 1]))
    with pytest.raises(ValueError, match="shapes differ"):
        lindley(np.array([3, 2]), np.array([1]))
    with pytest.raises(ValueError, match="service times must not be negative"):
        lindley(np.array([2, 3]), np.array([1, -1]))


@given(gaps_and_services, st.integers(1, 6))
def test_kiefer_wolfowitz_is_the_recursion_of_the_sorted_residual_work(pairs, servers):
    arrivals, services = arrivals_and_services(pairs)
    work = [0] * servers  # of each server, the smallest first, as an arrival finds it
    before = 0
    waits: list[int] = []
    for arrival, service in zip(arrivals.tolist(), services.tolist(), strict=True):
        work = sorted(max(0, left - (arrival - before)) for left in work)
        waits.append(work[0])
        work[0] += service
        before = arrival
    assert kiefer_wolfowitz(arrivals, services, servers).tolist() == waits


@given(gaps_and_services)
def test_one_server_is_that_of_lindley(pairs):
    arrivals, services = arrivals_and_services(pairs)
    assert kiefer_wolfowitz(arrivals, services, 1).tolist() == lindley(arrivals, services).tolist()


@given(gaps_and_services)
def test_nobody_waits_for_as_many_servers_as_jobs(pairs):
    arrivals, services = arrivals_and_services(pairs)
    assert kiefer_wolfowitz(arrivals, services, max(1, len(pairs))).tolist() == [0] * len(pairs)


def test_kiefer_wolfowitz_by_hand():
    """Two servers, free at 10 and 4, then 10 and 9, 12 and 10, and 13 and 12."""
    arrivals, services = np.array([0, 0, 1, 2, 3]), np.array([10, 4, 5, 3, 3])
    assert kiefer_wolfowitz(arrivals, services, 2).tolist() == [0, 0, 3, 7, 7]
    assert departure_times(arrivals, services, 2).tolist() == [10, 4, 9, 12, 13]
    assert departure_times(arrivals, services).tolist() == [10, 14, 19, 22, 25]


def test_kiefer_wolfowitz_is_exact_for_large_times():
    start = 2**60
    arrivals = np.array([start, start, start + 1])
    assert kiefer_wolfowitz(arrivals, np.array([2**59 + 1, 2**60, 1]), 2).tolist() == [0, 0, 2**59]


@given(gaps_and_services, st.integers(1, 3))
def test_no_more_jobs_are_served_at_once_than_there_are_servers(pairs, servers):
    arrivals, services = arrivals_and_services(pairs)
    departures = departure_times(arrivals, services, servers).tolist()
    starts = [left - service for left, service in zip(departures, services.tolist(), strict=True)]
    for instant in range(max(departures, default=0)):
        served = sum(start <= instant < left for start, left in zip(starts, departures, strict=True))
        assert served <= servers


def test_several_servers_refuse_what_one_does():
    with pytest.raises(ValueError, match="must not decrease"):
        kiefer_wolfowitz(np.array([3, 2]), np.array([1, 1]), 2)
    with pytest.raises(ValueError, match="at least 1 server"):
        kiefer_wolfowitz(np.array([2, 3]), np.array([1, 1]), 0)
    with pytest.raises(OverflowError):
        kiefer_wolfowitz(np.zeros(4, dtype=np.int64), np.full(4, 2**62), 1)

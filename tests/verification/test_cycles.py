"""Cycles cut by hand out of a few jobs."""

from __future__ import annotations

import numpy as np
import pytest

from qsession_sim.units import SECOND
from qsession_sim.verification.comparisons import Cycles, DoneJobs, arrivals_to_empty


def jobs(rows: list[tuple[int, int, int]], stream: int = 0) -> DoneJobs:
    """Jobs of (submitted, started, ended) in seconds."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T * SECOND
    return DoneJobs(*columns, np.full(len(rows), stream))


# three cycles: 0 to 10, 10 to 30, and from 30 on, which is not complete
ROWS = [(0, 0, 4), (1, 4, 6), (10, 10, 20), (12, 20, 22), (15, 22, 25), (30, 30, 31)]


def test_a_job_that_comes_when_the_last_one_leaves_finds_nobody():
    found = arrivals_to_empty(jobs([(0, 0, 4), (4, 4, 6), (5, 6, 9), (10, 10, 11)]))
    assert (found // SECOND).tolist() == [0, 4, 10]


def test_a_job_behind_an_earlier_one_that_takes_longest_does_not_find_it_empty():
    """Several servers: the second leaves before the first."""
    found = arrivals_to_empty(jobs([(0, 0, 9), (1, 1, 2), (5, 5, 6), (9, 9, 10)]))
    assert (found // SECOND).tolist() == [0, 9]


def test_cycles_and_their_means_by_hand():
    observed = jobs(ROWS)
    cycles = Cycles.between(observed, arrivals_to_empty(observed))
    assert (cycles.cycle.tolist(), cycles.seconds.tolist()) == ([0, 0, 1, 1, 1], [10.0, 20.0])
    # waits 0, 3 and 0, 8, 7: 18 in 5 jobs and 30 seconds; service 6 + 15 in 30 seconds
    assert cycles.mean_of_jobs(cycles.jobs.waiting_seconds).estimate == pytest.approx(18 / 5)
    assert cycles.mean_of_time(cycles.jobs.waiting_seconds).estimate == pytest.approx(18 / 30)
    assert cycles.mean_of_time(cycles.jobs.service_seconds).estimate == pytest.approx(21 / 30)
    late = cycles.jobs.waiting_seconds > 5
    assert cycles.mean_of_jobs(late).estimate == pytest.approx(2 / 5)
    assert cycles.mean_of_jobs(cycles.jobs.waiting_seconds, late).estimate == pytest.approx(15 / 2)
    assert cycles.mean_of_jobs(late).degrees_of_freedom == 1


def test_what_comes_before_the_first_cycle_is_left_out():
    observed = jobs(ROWS)
    cycles = Cycles.between(observed, np.array([10, 30]) * SECOND)
    assert (cycles.jobs.submitted_us // SECOND).tolist() == [10, 12, 15]
    assert (cycles.cycle.tolist(), cycles.seconds.tolist()) == ([0, 0, 0], [20.0])


def test_a_cycle_without_jobs_counts():
    cycles = Cycles.between(jobs([(12, 12, 13)]), np.array([0, 10, 20, 30]) * SECOND)
    assert (cycles.cycle.tolist(), cycles.seconds.tolist()) == ([1], [10.0, 10.0, 10.0])
    assert cycles.mean_of_time(cycles.jobs.service_seconds).estimate == pytest.approx(1 / 30)


def test_pooled_runs_are_as_one():
    observed = jobs(ROWS)
    one = Cycles.between(observed, arrivals_to_empty(observed))
    both = Cycles.pooled([one, one])
    assert (both.cycle.tolist(), both.seconds.tolist()) == (
        [0, 0, 1, 1, 1, 2, 2, 3, 3, 3],
        [10.0, 20.0, 10.0, 20.0],
    )
    assert both.mean_of_jobs(both.jobs.waiting_seconds).degrees_of_freedom == 3

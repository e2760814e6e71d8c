"""The whole simulator against what is known of queues: Lindley's recursion, Little's law, M/M/1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qsession_sim as qs
from qsession_sim.queueing.recursions import lindley

MEAN_SECONDS = 10


def m_m_1(load: float, jobs: int, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "rules": {"max_execution_time": "none"},
        "workload": [
            {
                "kind": "arrivals",
                "account": "a",
                "count": jobs,
                "interarrival": {"kind": "exponential", "mean": f"{MEAN_SECONDS / load:.6f}s"},
                "qpu_time": {"kind": "exponential", "mean": f"{MEAN_SECONDS}s"},
            }
        ],
    }


@pytest.mark.parametrize("load", [0.5, 0.9, 1.5])
def test_waiting_times_equal_the_lindley_recursion_exactly(load: float) -> None:
    """S79"""
    record = qs.simulate(m_m_1(load, jobs=5_000, seed=1)).record
    waits = lindley(record.submitted_us, record.workload.jobs.qpu_time_us)
    assert (record.started_us - record.submitted_us).tolist() == waits.tolist()


def test_a_cut_job_serves_for_its_limit_in_the_recursion() -> None:
    """S44, S79: service = QPU time used."""
    scenario = m_m_1(0.9, jobs=5_000, seed=2)
    scenario["rules"] = {"max_execution_time": "12s"}
    record = qs.simulate(scenario).record
    served = np.minimum(record.workload.jobs.qpu_time_us, 12_000_000)
    assert (record.started_us - record.submitted_us).tolist() == lindley(record.submitted_us, served).tolist()
    assert 0 < np.count_nonzero(record.reason) < 5_000


def test_littles_law_holds_exactly() -> None:
    """S78: the integral of the queue length is the sum of the waiting times, to the microsecond."""
    run = qs.simulate(m_m_1(0.9, jobs=5_000, seed=3))
    times = run.queue_length["time_us"].to_list()
    lengths = run.queue_length["queued"].to_list()
    edges = [*times, run.record.end_us]
    area = sum(n * (until - since) for n, since, until in zip(lengths, edges, edges[1:], strict=False))
    assert area == run.jobs["waiting_us"].sum()


def test_the_mean_wait_in_m_m_1_is_that_of_theory() -> None:
    """Mean wait rho / (1 - rho) x mean service = 10 s at load 0.5 (Kleinrock, Queueing Systems 1, 3.2).

    Twenty runs of 20,000 jobs at fixed seeds; the interval is 4 standard errors of their means to each side.
    """
    means = []
    for seed in range(20):
        waits = qs.simulate(m_m_1(0.5, jobs=20_000, seed=seed)).record
        means.append(float(np.mean(waits.started_us - waits.submitted_us)) / 1e6)
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert error < 0.15
    assert abs(np.mean(means) - 10) < 4 * error

"""Large runs: results and peak memory decide, timings nothing; `scale.py` prints the ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scale

from qsession_sim.queueing.recursions import lindley
from qsession_sim.results.summary import summary_parts, whole

JOBS = 1_000_000
FEWER = 100_000


def test_drawing(benchmark: Any) -> None:
    """Rounded once, the numbers are those that NumPy draws; mean interarrival time 12.5 s, QPU time 10 s."""
    jobs = benchmark.pedantic(scale.drawn, (JOBS,), rounds=3, warmup_rounds=1).jobs
    gaps, times = scale.bare_numbers(JOBS)
    assert np.array_equal(jobs.at_us, np.cumsum(np.rint(12_500_000 * gaps).astype(np.int64)))
    assert np.array_equal(jobs.qpu_time_us, np.maximum(np.rint(10_000_000 * times).astype(np.int64), 1))


def test_bare_numbers_of_the_same_jobs(benchmark: Any) -> None:
    gaps, times = benchmark.pedantic(scale.bare_numbers, (JOBS,), rounds=3, warmup_rounds=1)
    assert (len(gaps), len(times)) == (JOBS, JOBS)


def test_statistics(benchmark: Any) -> None:
    record = scale.finished(JOBS)
    summary = benchmark.pedantic(lambda: whole(summary_parts(record, 0)), rounds=3)
    waiting_us = record.started_us - record.submitted_us
    found = summary["all"]["waiting_us"]
    assert (found["count"], found["max"]) == (JOBS, waiting_us.max())
    assert found["mean"] == sum(waiting_us.tolist()) / JOBS
    ordered = np.sort(waiting_us)
    # position 0.9 (n - 1) lies a tenth of the way from 899,999 to 900,000
    low, high = ordered[899_999].item(), ordered[900_000].item()
    assert found["p90"] == low + (high - low) * 10 / 100
    qpu = summary["qpus"]["qpu"]
    # Little: the integral of the queue's length is the sum of the waiting times
    assert qpu["mean_queue_length"] == sum(waiting_us.tolist()) / record.end_us
    assert qpu["time_us"]["busy"] == sum(record.workload.jobs.qpu_time_us.tolist())


def test_replay_of_a_parquet_file_with_tables(benchmark: Any, tmp_path: Path) -> None:
    scenario = scale.trace(tmp_path, FEWER)
    run = benchmark.pedantic(scale.replay, (scenario, tmp_path), rounds=1, warmup_rounds=1)
    drawn = scale.drawn(FEWER).jobs
    record = run.record
    assert np.array_equal(record.submitted_us, drawn.at_us)
    waits = lindley(drawn.at_us, drawn.qpu_time_us)
    assert np.array_equal(record.started_us - record.submitted_us, waits)
    assert run.jobs["job"][-1] == f"arrivals/{FEWER}"


def test_simulation_alone(benchmark: Any) -> None:
    record = benchmark.pedantic(scale.simulation_alone, (scale.drawn(FEWER),), rounds=1, warmup_rounds=1)
    assert np.array_equal(record.started_us, scale.finished(FEWER).started_us)


def test_peak_memory_of_a_drawn_job() -> None:
    assert scale.bytes_a_job("draw", 500_000) < 200

"""Speed, measured against something else in the same run. Timings decide nothing; counts and results do.

Run `python -m pytest benchmarks` and compare the columns; each ratio is printed under "extra info" with
`--benchmark-verbose`, and `python benchmarks/ratios.py` prints the ratios that the project quotes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import textbook

import qsession_sim as qs
import scenarios
from qsession_sim.queueing.recursions import lindley

TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length")
SHIPPED = Path(__file__).parents[1] / "scenarios"


def run_with_tables(scenario: dict[str, Any]) -> qs.Run:
    run = qs.simulate(scenario)
    for table in TABLES:
        getattr(run, table)
    return run


def assert_matches_lindley(run: qs.Run, jobs: int) -> None:
    record = run.record
    waits = lindley(record.submitted_us, record.workload.jobs.qpu_time_us)
    assert np.array_equal(record.started_us - record.submitted_us, waits)
    assert run.jobs["status"].to_list() == ["DONE"] * jobs
    assert run.intervals.filter(run.intervals["kind"] == "busy").height == jobs


@pytest.mark.parametrize(("load", "jobs"), [(0.8, 100_000), (0.8, 40_000), (2.0, 40_000)])
def test_job_mode_first_in_first_out(benchmark: Any, load: float, jobs: int) -> None:
    run = benchmark.pedantic(run_with_tables, (scenarios.job_mode(load, jobs),), rounds=3, warmup_rounds=1)
    assert_matches_lindley(run, jobs)


def test_textbook_simpy_model_of_the_same_jobs(benchmark: Any) -> None:
    columns = qs.draw(qs.load_scenario(scenarios.job_mode(0.8, 100_000)).resolved).jobs
    arrays = (columns.at_us.tolist(), columns.qpu_time_us.tolist())
    records = benchmark.pedantic(textbook.simulate, arrays, rounds=3, warmup_rounds=1)
    waits = lindley(columns.at_us, columns.qpu_time_us)
    assert [started - submitted for _, submitted, started, _ in records] == waits.tolist()


def test_two_thousand_iterative_sessions(benchmark: Any) -> None:
    scenario = scenarios.iterative(clients=2_000, iterations=100)
    run = benchmark.pedantic(run_with_tables, (scenario,), rounds=1)
    assert run.sessions.height == 2_000
    assert run.jobs.height + run.summary()["never_submitted"] == 200_000
    qs.testing.check_invariants(run)


def test_quickstart_from_the_command_line(benchmark: Any) -> None:
    command = [sys.executable, "-m", "qsession_sim", "run", str(SHIPPED / "quickstart.yaml")]
    finished = benchmark.pedantic(
        subprocess.run, (command,), {"capture_output": True, "check": True}, rounds=3, warmup_rounds=1
    )
    assert finished.stderr == b""


def test_import_alone(benchmark: Any) -> None:
    names = ("scipy", "polars", "matplotlib", "numba", "numpy", "pydantic", "simpy")
    code = f"import sys, qsession_sim; print([name for name in {names} if name in sys.modules])"
    finished = benchmark.pedantic(
        subprocess.run,
        ([sys.executable, "-c", code],),
        {"capture_output": True, "check": True, "text": True},
        rounds=3,
        warmup_rounds=1,
    )
    assert finished.stdout == "[]\n"

"""Print what ten million jobs and many replications take: `python benchmarks/big_runs.py [JOBS]`.

Times are of the processor, all threads together, and each step of the large run stands beside the part of it
that NumPy or Polars alone would need in this same run. Takes some minutes and 4 GB of memory; the numbers
that are wanted are those of the compiled kernel.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scale
import studies
from ratios import seconds
from study_overhead import in_engines

import qsession_sim as qs
import scenarios
from qsession_sim.experiment.tasks import TaskResult, run_task
from qsession_sim.kernel.columns import is_compiled
from qsession_sim.queueing.recursions import lindley
from qsession_sim.results.tables import TABLES

WANTED_SECONDS = 15
WANTED_SECONDS_UNSAVED = 7
WANTED_BYTES = 350
REPLICATIONS = 200
BUSY_DAY = Path(__file__).parents[1] / "scenarios" / "busy_day.yaml"
JOB_METRICS = ("mean_waiting", "p95_waiting", "utilization")
KINDS: dict[str, tuple[Any, tuple[str, ...], int]] = {
    "M/M/1": (scenarios.job_mode(0.8, studies.JOBS), JOB_METRICS, 400),
    "sessions": (
        scenarios.iterative(clients=100, iterations=studies.JOBS // 100),
        ("mean_waiting", "p95_makespan", "held_share"),
        350,
    ),
    "busy_day": (BUSY_DAY, JOB_METRICS, 65),
}
"""What is replicated, three metrics of it, and how many of them a second and core are wanted."""


# -- One large run.


def simulated(jobs: int) -> qs.Run:
    """M/M/1 in job mode, drawn and run."""
    return qs.simulate(scenarios.job_mode(scale.LOAD, jobs))


def with_tables(run: qs.Run) -> list[pl.DataFrame]:
    """All tables of a run, which keeps them."""
    return [getattr(run, table) for table in TABLES]


def bytes_of_files(directory: Path) -> int:
    """What a saved run takes on the disk."""
    return sum(path.stat().st_size for path in directory.iterdir())


def bare_run(jobs: int) -> np.ndarray[Any, Any]:
    """The waiting times of those jobs by NumPy: numbers drawn and rounded, and Lindley's recursion."""
    gaps, times = scale.bare_numbers(jobs)
    qpu_time_us = np.rint(1e7 * times).astype(np.int64)
    return lindley(np.cumsum(np.rint(1e7 / scale.LOAD * gaps).astype(np.int64)), qpu_time_us)


def bare_tables(run: qs.Run) -> list[Any]:
    """What no table of jobs and of intervals can do without: names, differences, all instants in order."""
    record = run.record
    names = pl.select(pl.format("arrivals/{}", pl.int_range(len(record.stage)))).to_series()
    begun = (record.started_us - record.submitted_us, record.ended_us - record.started_us)
    edges_us = np.concatenate((record.started_us, record.ended_us))
    edges_us.sort(kind="stable")  # this kind merges what is in order
    return [names, *begun, edges_us]


def bare_summary(run: qs.Run) -> list[Any]:
    """Four distributions: each a column in order."""
    jobs = run.jobs
    waiting_us, turnaround_us, used_us = (
        jobs[name].to_numpy() for name in ("waiting_us", "turnaround_us", "qpu_time_us")
    )
    slowdowns = (turnaround_us / used_us, turnaround_us / np.maximum(used_us, 10_000_000))
    return [np.sort(column) for column in (waiting_us, turnaround_us, *slowdowns)]


def bare_files(frames: list[pl.DataFrame]) -> int:
    """The same tables written by Polars into memory, and their SHA-256."""
    content = io.BytesIO()
    for frame in frames:
        frame.write_parquet(content, compression="zstd", compression_level=1)
    return len(hashlib.sha256(content.getbuffer()).digest())


def steps(jobs: int, directory: Path) -> Iterator[tuple[str, float, float]]:
    """The name of each step, its processor seconds, and those of the bare equivalent."""
    made: dict[str, Any] = {}

    def timed(name: str, work: Callable[[], Any]) -> float:
        return seconds(lambda: made.__setitem__(name, work()))

    yield "drawn and run", timed("run", lambda: simulated(jobs)), seconds(lambda: bare_run(jobs))
    run = made["run"]
    yield "all tables", timed("tables", lambda: with_tables(run)), seconds(lambda: bare_tables(run))
    yield "summary", timed("summary", run.summary), seconds(lambda: bare_summary(run))
    frames = [frame for frame in made["tables"] if frame.height]
    yield "saved", timed("saved", lambda: run.save(directory)), seconds(lambda: bare_files(frames))


# -- Many small ones.


def milliseconds(kind: str, count: int) -> tuple[float, float, list[TaskResult]]:
    """Processor time of a replication, that of its engine alone, and what the replications measured."""
    scenario, metrics, _ = KINDS[kind]
    tasks = list(studies.replications(scenario, count, metrics))
    run_task(tasks[0])  # what is made once
    results: list[TaskResult] = []
    with in_engines() as spent:
        whole = seconds(lambda: results.extend(map(run_task, tasks)))
    return 1_000 * whole / count, 1_000 * spent.seconds / count, results


def main() -> None:
    """Measure and print everything."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else scale.MANY
    print(f"engine: {'the compiled kernel' if is_compiled() else 'SimPy'}")
    with tempfile.TemporaryDirectory() as name:
        for _ in steps(1_000, Path(name) / "few"):  # imports
            pass
        total = 0.0
        for step, ours, bare in steps(jobs, Path(name) / "out"):
            if step == "saved":
                print(f"  without saving: {total:.1f} s (wanted: {WANTED_SECONDS_UNSAVED} or less)")
            total += ours
            print(f"{jobs} jobs, {step}: {ours:.2f} s, {ours / bare:.1f} times the bare {bare:.2f} s")
        print(f"  together: {total:.1f} s (wanted: {WANTED_SECONDS} or less)")
        size = bytes_of_files(Path(name) / "out") / jobs
        print(f"  files: {size:.0f} bytes a job (wanted: {WANTED_BYTES} or less)")
    peak = scale.bytes_a_job("bundle", jobs)
    print(f"  peak memory of a saved run: {peak:.0f} bytes a job (wanted: {WANTED_BYTES} or less)")
    for kind, (_, _, wanted) in KINDS.items():
        whole, of_engine, _ = milliseconds(kind, REPLICATIONS)
        print(
            f"{kind}: {1_000 / whole:.0f} replications a second (wanted: {wanted} or more), "
            f"{whole - of_engine:.2f} ms each beside {of_engine:.2f} ms of the engine"
        )


if __name__ == "__main__":
    main()

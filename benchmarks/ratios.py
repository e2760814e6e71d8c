"""Print the ratios that the project quotes, each measured in this run: `python benchmarks/ratios.py`.

Both sides of a ratio are run in turn, several times, and the median of the pairwise ratios is printed, so
that a machine whose speed drifts does not favour either.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import textbook
from test_speed import SHIPPED, run_with_tables

import qsession_sim as qs
import scenarios
from qsession_sim.results.tables import TABLES

ROUNDS = 7
HERE = Path(__file__).parent


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float, float]:
    """The median of the pairwise ratios ours / theirs, and both medians in seconds."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS + 1)][1:]
    left, right = zip(*pairs, strict=True)
    return (
        statistics.median(a / b for a, b in pairs),
        statistics.median(left),
        statistics.median(right),
    )


def wall_seconds(*command: str) -> float:
    """The median wall time of a command."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def simulation(scenario: dict[str, Any]) -> Callable[[], object]:
    """One run, drawing and tables included."""
    return lambda: run_with_tables(scenario)


def peak_bytes(*arguments: str) -> int:
    """The high-water mark that `memory.py` prints."""
    command = [sys.executable, str(HERE / "memory.py"), *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(output.split()[0])


def parquet_bytes(frames: Sequence[pl.DataFrame], level: int | None) -> int:
    """Write tables into memory, at a level of zstd or the usual one of polars; the number of bytes."""
    content = io.BytesIO()
    for frame in frames:
        frame.write_parquet(content, compression="zstd", compression_level=level)
    return content.tell()


def main() -> None:
    """Measure and print everything."""
    jobs = 100_000
    base = scenarios.job_mode(0.8, jobs)
    columns = qs.draw(qs.load_scenario(base).resolved).jobs
    arrays = (columns.at_us.tolist(), columns.qpu_time_us.tolist())
    inverse, ours, theirs = ratio(lambda: textbook.simulate(*arrays), simulation(base))
    print(f"80 % load, {jobs} jobs: {1e6 * theirs / jobs:.2f} us a job; textbook {1e6 * ours / jobs:.2f}")
    print(f"  times as many jobs per second as the textbook model: {inverse:.2f} (wanted: 2.5 or more)")

    calm, crowded = scenarios.job_mode(0.8, 40_000), scenarios.job_mode(2.0, 40_000)
    cliff, _, _ = ratio(simulation(crowded), simulation(calm))
    print(f"200 % load against 80 %, 40000 jobs: {cliff:.2f} times the time (wanted: 1.5 or less)")

    many = scenarios.iterative(clients=2_000, iterations=100)
    per_run, _, _ = ratio(simulation(many), simulation(base))
    print(f"2000 sessions, 200000 jobs: {per_run / 2:.2f} times the time per job (wanted: 2.5 or less)")

    for count in (jobs, 10 * jobs):
        per_job = (peak_bytes(str(count)) - peak_bytes(str(count), "bare")) / count
        print(f"peak memory, {count} jobs: {per_job:.0f} bytes a job (wanted: 600 or less)")

    run = qs.simulate(scenarios.job_mode(0.9, 200_000))
    frames = [getattr(run, table).rechunk() for table in TABLES]
    faster, _, _ = ratio(lambda: parquet_bytes(frames, 1), lambda: parquet_bytes(frames, None))
    larger = parquet_bytes(frames, 1) / parquet_bytes(frames, None)
    print(f"tables of 200000 jobs at zstd level 1: {faster:.2f} times the time, {larger:.2f} times the bytes")

    quickstart = wall_seconds("-m", "qsession_sim", "run", str(SHIPPED / "quickstart.yaml"))
    print(f"run quickstart.yaml: {quickstart:.2f} s wall (wanted: under 1)")
    print(f"import qsession_sim: {wall_seconds('-c', 'import qsession_sim'):.3f} s wall (wanted: under 0.25)")
    print(f"an interpreter that does nothing: {wall_seconds('-c', 'pass'):.3f} s wall")


if __name__ == "__main__":
    main()

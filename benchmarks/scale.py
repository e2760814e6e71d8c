"""Print what large runs take, each compared in this run: `python benchmarks/scale.py`.

Takes a few minutes and 3 GB of memory. Times are of the processor, unless it says otherwise; memory is the
high-water mark of a fresh process above that of the same work for ten jobs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ratios import ROUNDS, peak_bytes, ratio, seconds

import qsession_sim as qs
import scenarios
from qsession_sim.queueing.recursions import lindley
from qsession_sim.results.record import Record
from qsession_sim.results.summary import summary_parts, whole
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.service.simpy_driver import Service
from qsession_sim.workload.columns import Workload
from qsession_sim.workload.context import Purpose, stream_generator

MANY = 10_000_000
LOAD = 0.8


def drawn(jobs: int) -> Workload:
    """The workload of an M/M/1 queue."""
    return qs.draw(qs.load_scenario(scenarios.job_mode(LOAD, jobs)).resolved)


def bare_numbers(jobs: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The random numbers of that workload, as NumPy draws them: of the gaps, and of the QPU times."""
    gaps, times = (
        stream_generator(1, "arrivals", purpose) for purpose in (Purpose.INTERARRIVAL, Purpose.QPU_TIME)
    )
    return gaps.standard_exponential(jobs), times.standard_exponential(jobs)


def finished(jobs: int) -> Record:
    """What that queue leaves behind when all jobs are done, by Lindley's recursion."""
    workload = drawn(jobs)
    at_us, qpu_time_us = workload.jobs.at_us, workload.jobs.qpu_time_us
    started_us = at_us + lindley(at_us, qpu_time_us)
    ended_us = started_us + qpu_time_us
    return Record(
        workload=workload,
        job_session=np.full(jobs, NEVER),
        submitted_us=at_us.copy(),
        started_us=started_us,
        ended_us=ended_us,
        stage=np.full(jobs, JobStatus.DONE, dtype=np.int8),
        reason=np.full(jobs, Reason.NONE, dtype=np.int8),
        transitions=np.zeros((0, 6), dtype=np.int64),
        end_us=int(ended_us[-1]),
    )


def trace(directory: Path, jobs: int) -> dict[str, Any]:
    """A scenario that replays that workload from a Parquet file, which is written."""
    qs.write_workload(drawn(jobs), directory / "trace.parquet")
    source = {"kind": "trace", "name": "trace", "file": str(directory / "trace.parquet")}
    return {"seed": 1, "rules": {"max_execution_time": "none"}, "workload": [source]}


def replay(scenario: dict[str, Any], directory: Path) -> qs.Run:
    """Read the file, simulate, and write the tables."""
    run = qs.simulate(scenario, engine="simpy")  # as what it is compared with
    run.save(directory / "out")
    return run


def simulation_alone(workload: Workload) -> Record:
    """What the scheduler does with a workload that is there."""
    return Service(workload, rules=Rules(max_execution_time_us=NEVER)).run()


def bytes_a_job(work: str, jobs: int) -> float:
    """Peak memory per job, by `memory.py`."""
    return (peak_bytes(str(jobs), work) - peak_bytes(str(jobs), "bare", work)) / jobs


def statistics_seconds() -> list[float]:
    """How long the summary of many jobs takes, three times."""
    record = finished(MANY)
    return [seconds(lambda: whole(summary_parts(record, 0))) for _ in range(3)]


def replay_ratios(jobs: int) -> tuple[float, float, float]:
    """Medians: replay over simulation alone in processor and in wall time, and the replay's wall seconds."""

    def spent(work: Callable[[], object]) -> tuple[float, float]:
        processor, wall = time.process_time(), time.perf_counter()
        work()
        return time.process_time() - processor, time.perf_counter() - wall

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        scenario = trace(directory, jobs)
        workload = qs.draw(qs.load_scenario(scenario).resolved)
        pairs = [
            (spent(lambda: replay(scenario, directory)), spent(lambda: simulation_alone(workload)))
            for _ in range(ROUNDS + 1)
        ][1:]
    return (
        statistics.median(ours[0] / alone[0] for ours, alone in pairs),
        statistics.median(ours[1] / alone[1] for ours, alone in pairs),
        statistics.median(ours[1] for ours, _ in pairs),
    )


def main() -> None:
    """Measure and print everything."""
    times, ours, theirs = ratio(lambda: drawn(MANY), lambda: bare_numbers(MANY))
    print(f"drawing {MANY} jobs: {ours:.2f} s, {times:.2f} times the bare {theirs:.2f} s (wanted: 3 or less)")
    print(f"  peak memory: {bytes_a_job('draw', MANY):.0f} bytes a job (wanted: 200 or less)")

    spent = statistics_seconds()
    print(f"statistics of {MANY} jobs: {max(spent):.2f} s, at best {min(spent):.2f} (wanted: under 3)")

    jobs = 1_000_000
    processor, wall, ours = replay_ratios(jobs)
    print(f"replay of {jobs} jobs with tables: {ours:.2f} s, {wall:.2f} times the simulation alone")
    print(f"  ({processor:.2f} times by processor time, all threads together; wanted: 1.6 or less)")

    jobs = 5_000_000
    print(f"a saved run of {jobs} jobs: {bytes_a_job('bundle', jobs):.0f} bytes a job (wanted: under 500)")


if __name__ == "__main__":
    main()

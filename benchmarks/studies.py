"""Print what studies cost beside their simulations: `python benchmarks/studies.py`.

Throughput with one and with two workers on the same tasks, in turn; the time of a task whose simulation takes
next to none on a Dask cluster whose scheduler and workers are processes (`study_overhead.py` has it for this
process); the peak memory of the process that holds a large sweep together, which is that of
`python benchmarks/studies.py sweep DIRECTORY POINTS`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import memory

import qsession_sim as qs
import scenarios
from qsession_sim.experiment.executors import Executor, dask, processes
from qsession_sim.experiment.tasks import Task, TaskResult, replication_seed

REPLICATIONS = 200
JOBS = 10_000
TINY_JOBS = 1
POINTS = 10_000
ROUNDS = 3
METRICS = ("mean_waiting", "p95_waiting", "mean_turnaround", "utilization")


def replications(
    scenario: dict[str, Any] | Path, count: int, metrics: tuple[str, ...] = METRICS
) -> Iterator[Task]:
    """Tasks of one scenario."""
    loaded = qs.load_scenario(scenario)
    written = loaded.dump()
    seed, policies = written.pop("seed"), json.dumps(written.pop("policies"))
    text = json.dumps(written)
    for number in range(count):
        yield Task(
            scenario=text,
            policies=policies,
            policy=None,
            directory=str(loaded.directory),
            inputs="",
            seed=replication_seed(seed, number),
            configuration="fifo",
            replication=number,
            metrics=metrics,
        )


def timed(executor: Executor, tasks: Iterable[Task]) -> tuple[float, list[TaskResult]]:
    """Wall seconds, and the results in the order of the replications."""
    tasks = list(tasks)
    start = time.perf_counter()
    results = list(executor.run(tasks))
    return time.perf_counter() - start, sorted(results, key=lambda result: result.replication)


def speed_up(count: int, jobs: int, rounds: int) -> tuple[float, list[list[TaskResult]]]:
    """The median of how many times as fast two workers are as one, and all results.

    Workers are there before the clock starts.
    """
    tasks = list(replications(scenarios.job_mode(0.8, jobs), count))
    ratios, found = [], []
    with processes(1) as one, processes(2) as two:
        for executor in (one, two):
            timed(executor, replications(scenarios.job_mode(0.8, 10), 20))
        for _ in range(rounds):
            (alone, first), (together, second) = timed(one, tasks), timed(two, tasks)
            ratios.append(alone / together)
            found += [first, second]
    return statistics.median(ratios), found


def milliseconds_a_task(executor: Executor, count: int) -> float:
    """Wall time of a task that simulates one job; what is there once, such as imports, is there before."""
    timed(executor, replications(scenarios.job_mode(0.8, TINY_JOBS), 20))
    seconds, _ = timed(executor, replications(scenarios.job_mode(0.8, TINY_JOBS), count))
    return 1_000 * seconds / count


def milliseconds_on_a_cluster(count: int) -> float:
    """The same on a Dask cluster with one worker."""
    from distributed import Client, SubprocessCluster

    cluster = SubprocessCluster(
        n_workers=1, threads_per_worker=1, scheduler_kwargs={"dashboard": False}, silence_logs=50
    )
    with cluster, Client(cluster) as client:
        return milliseconds_a_task(dask(client), count)


def sweep(directory: Path, count: int) -> int:
    """A sweep with two workers that is kept in a directory; the number of rows of its table."""
    with processes(2) as executor:
        study = qs.sweep(
            scenarios.job_mode(0.8, TINY_JOBS),
            ["workload.arrivals.interarrival.mean=10s..4000s"],
            sampling="random",
            points=count,
            replications=1,
            metrics=METRICS,
            executor=executor,
            directory=directory,
        )
    return study.table().height


def main() -> None:
    """Measure and print everything, or carry out a sweep and print the peak memory of this process."""
    if sys.argv[1:2] == ["sweep"]:
        count = int(sys.argv[3]) if len(sys.argv) > 3 else POINTS
        rows = sweep(Path(sys.argv[2]), count)
        print(memory.peak_bytes(), rows)
        return
    ratio, _ = speed_up(REPLICATIONS, JOBS, ROUNDS)
    print(
        f"{REPLICATIONS} replications of {JOBS} jobs: 2 workers {ratio:.2f} times as fast as 1 (wanted: 1.7)"
    )
    cluster = milliseconds_on_a_cluster(REPLICATIONS)
    print(f"a task of one job with Dask, one worker: {cluster:.1f} ms (wanted: at most 40)")
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "sweep", f"{directory}/study"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(f"a sweep over {POINTS} points: {int(output.split()[0]) / 1e6:.0f} MB in the parent (wanted: 500)")


if __name__ == "__main__":
    main()

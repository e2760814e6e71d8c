"""Print what the kernel takes, compared with all else that runs the same jobs: `python benchmarks/kernel.py`.

Everything is measured in turn in this process, so the ratios hold whatever the machine does meanwhile. They
are of medians of processor times. Those of the kernel and of the scheduler are with the full record: of the
kernel once from columns that are there already, as the loop in C has them, and once from a plan.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import heap_loop
import numpy as np
import textbook
from ratios import ROUNDS, seconds

import qsession_sim as qs
import scenarios
from qsession_sim.kernel import engine
from qsession_sim.kernel.columns import is_compiled
from qsession_sim.queueing.recursions import lindley
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.queues import FirstInFirstOut
from qsession_sim.service.planning import plan_of
from qsession_sim.service.simpy_driver import Service
from qsession_sim.workload.columns import Workload

JOBS = 100_000
Work = Callable[[], object]
Works = dict[str, Callable[[], Work]]
"""What prepares a run, which is not timed, and returns it."""


def drawn(scenario: dict[str, Any]) -> Workload:
    return qs.draw(qs.load_scenario(scenario).resolved)


def engines_of(workload: Workload) -> Works:
    """The ways in which this package runs a workload."""
    settings = (plan_of(workload, workload.accounts), Rules(), FirstInFirstOut())

    def events(*, compiled: bool) -> Work:
        return engine.Kernel(*settings, compiled=compiled).advance_while_needed

    works: Works = {
        "kernel, its text interpreted": partial(events, compiled=False),
        "the scheduler": lambda: Service(workload).run,
    }
    if is_compiled():
        works = {
            "kernel": partial(events, compiled=True),
            "kernel, from a plan": lambda: partial(engine.run, *settings, compiled=True),
            **works,
        }
    return works


def loops_of(workload: Workload) -> Works:
    """What runs a queue of jobs in job mode and nothing else, in time that does not grow with its length."""
    columns = (workload.jobs.at_us, workload.jobs.qpu_time_us)
    lists = tuple(column.tolist() for column in columns)
    works: Works = {
        "Lindley's recursion in NumPy": lambda: partial(lindley, *columns),
        "heap loop in Python": lambda: partial(heap_loop.waited_us, *lists),
    }
    in_c = heap_loop.compiled()
    if in_c is not None:
        waited_us = int(np.sum(lindley(*columns)))
        assert in_c(*columns) == waited_us == heap_loop.waited_us(*lists)
        works = {"heap loop in C": lambda: partial(in_c, *columns), **works}
    return works


def show(title: str, works: Works, jobs: int, unit_seconds: float | None = None) -> float:
    """Print one table; the unit is what the first way takes, unless it is given."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS + 1):
        for name, prepare in works.items():
            times[name].append(seconds(prepare()))
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    unit = next(iter(medians.values())) if unit_seconds is None else unit_seconds
    print(f"{title}, {jobs:,} jobs")
    for name, median in medians.items():
        print(f"  {name:32} {1e9 * median / jobs:8,.0f} ns a job {median / unit:8.2f}")
    return unit


def main() -> None:
    """Print all tables."""
    job_mode = drawn(scenarios.job_mode(0.8, JOBS))
    lists = (job_mode.jobs.at_us.tolist(), job_mode.jobs.qpu_time_us.tolist())
    by_simpy: Works = {"textbook model in SimPy": lambda: partial(textbook.simulate, *lists)}
    unit = show("job mode at load 0.8", loops_of(job_mode) | by_simpy | engines_of(job_mode), JOBS)
    crowded = drawn(scenarios.job_mode(2.0, JOBS))
    show("job mode at load 2.0", loops_of(crowded) | engines_of(crowded), JOBS, unit)
    sessions = drawn(scenarios.iterative(2_000, JOBS // 2_000))
    show("2,000 sessions", engines_of(sessions), JOBS, unit)


if __name__ == "__main__":
    main()

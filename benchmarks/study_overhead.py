"""Print what a study costs a run beside its simulation: `python benchmarks/study_overhead.py`.

Everything counts that is not the simulation itself: resolving, drawing the workload, the metrics, content
ids, statistics and the table. Both are measured in the same runs, so that their ratio depends little on how
fast the machine is at the moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import qsession_sim as qs
import scenarios
from qsession_sim.kernel import engine
from qsession_sim.service.simpy_driver import Service

WANTED_MILLISECONDS = 15
WANTED_OF_BUSY_DAY = 0.26
BUSY_DAY = Path(__file__).parents[1] / "scenarios" / "busy_day.yaml"
REPLICATIONS = 50
POINTS = 500


@dataclass
class Spent:
    """Processor seconds in engines, and how often one ran."""

    seconds: float = 0.0
    runs: int = 0


@contextmanager
def in_engines() -> Iterator[Spent]:
    """What the engines take from now on, whichever runs."""
    spent = Spent()

    def timed(run: Callable[..., Any]) -> Callable[..., Any]:
        def run_and_count(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return run(*arguments, **options)
            finally:
                spent.seconds += time.process_time() - start
                spent.runs += 1

        return run_and_count

    with (
        patch.object(engine, "run", timed(engine.run)),
        patch.object(Service, "run", timed(Service.run)),
    ):
        yield spent


def milliseconds(study: Any) -> tuple[float, float]:
    """Processor time of a study less that of its simulations, and that of its simulations, by the number of
    its runs."""
    with in_engines() as spent:
        start = time.process_time()
        study().table()
        whole = time.process_time() - start
    return 1000 * (whole - spent.seconds) / spent.runs, 1000 * spent.seconds / spent.runs


def main() -> None:
    """Measure and print everything."""
    studies = {
        f"one policy, {jobs} jobs": lambda jobs=jobs: qs.replicate(
            scenarios.job_mode(0.8, jobs), replications=REPLICATIONS
        )
        for jobs in (1, 10_000)
    }
    studies["five policies, 10000 jobs"] = lambda: qs.compare(
        scenarios.job_mode(0.8, 10_000),
        ["fifo", "lifo", "random", "priority", "fair_share"],
        replications=REPLICATIONS // 5,
    )
    studies[f"a sweep of {POINTS} points, 1 job"] = lambda: qs.sweep(
        scenarios.job_mode(0.8, 1),
        ["warm_up=0s..1h"],
        sampling="random",
        points=POINTS,
        replications=1,
    )
    for name, study in studies.items():
        milliseconds(study)  # imports, and what is made once
        cost, _ = milliseconds(study)
        print(f"{name}: {cost:.1f} ms a run beside the simulation (wanted: {WANTED_MILLISECONDS} or less)")
    cost, simulation = milliseconds(lambda: qs.replicate(BUSY_DAY, replications=REPLICATIONS))
    print(
        f"{BUSY_DAY.stem}: {cost:.1f} ms a run beside {simulation:.1f} ms of simulation, "
        f"{cost / simulation:.2f} of it (wanted: {WANTED_OF_BUSY_DAY} or less)"
    )


if __name__ == "__main__":
    main()

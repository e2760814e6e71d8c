"""Fit `scenarios/ibm_november_2023.yaml` to a record of pending jobs, as `calibration.md` describes.

The record is a CSV file with columns `qpu`, `unix_seconds` and `pending_jobs`, and a row for each change.
Printed are what is measured, the fitted values, and how well the scenario as shipped agrees. It takes about a
minute.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from math import log
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from qsession_sim.queueing.recursions import lindley
from qsession_sim.queueing.step_functions import StepFunction, count_inside, time_percentiles, value_at
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.units import HOUR, MINUTE, SECOND
from qsession_sim.workload.draw import draw

SCENARIO: Final = Path(__file__).parents[1] / "scenarios" / "ibm_november_2023.yaml"
QPU: Final = "ibm_hanoi"
PERCENTS: Final = (10, 25, 50, 75, 90, 99)
SEEDS: Final = range(1, 201)

_START_SECONDS: Final = 1_700_143_200  # 2023-11-16 14:00 UTC, like the scenario's start
_LENGTH_US: Final = 240 * HOUR
_CELL_US: Final = 10 * MINUTE
_LEAST_RISE: Final = 40
_STEPS: Final = ((0.02, 8), (0.01, 4), (0.005, 2), (0.005, 1))


def main() -> int:
    """Measure, fit and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, help="CSV file of pending jobs, gzipped or not")
    path = parser.parse_args().record
    if not path.is_file():
        parser.error(f"there is no file {path}")
    record = read_record(path)
    measured = measured_percentiles(record)
    print(row("percentile", PERCENTS))
    print(row("measured", measured))
    for at_us, size in rises(record):
        print(f"a rise of {size} at {at_us // HOUR}h{at_us % HOUR // MINUTE}m")
    load, circuits = fit(dict(zip(PERCENTS, measured, strict=True)))
    print(f"fitted: everyday.load {load}, scripts.circuits {circuits}")
    resolved = load_scenario(SCENARIO).resolved
    runs = [simulated_percentiles(resolved, seed) for seed in SEEDS]
    for name, percent in (("a tenth is below", 10), ("median of runs", 50), ("a tenth is above", 90)):
        print(row(name, np.percentile(runs, percent, axis=0).tolist()))
    print(row(f"seed {resolved.seed}", simulated_percentiles(resolved, resolved.seed)))
    return 0


def read_record(path: Path) -> StepFunction:
    """Pending jobs of the QPU from the start of the scenario on; exact, as times are tenths of seconds."""
    rows = pl.read_csv(path).filter(pl.col("qpu") == QPU)
    tenths = (rows["unix_seconds"] * 10).round().cast(pl.Int64).to_numpy() - 10 * _START_SECONDS
    return StepFunction(tenths * (SECOND // 10), rows["pending_jobs"].to_numpy())


def measured_percentiles(record: StepFunction) -> list[float]:
    """Percentiles over time of the number of pending jobs."""
    return time_percentiles(record, 0, _LENGTH_US, PERCENTS)


def rises(record: StepFunction) -> list[tuple[int, int]]:
    """When many jobs came at once, and how many: medians of cells of 10 min that are 40 above the one before.

    A median, since the record often flickers between two values.
    """
    minutes = value_at(record, np.arange(0, _LENGTH_US, MINUTE))
    cells = np.median(minutes.reshape(-1, _CELL_US // MINUTE), axis=1)
    steps = np.diff(cells)
    found = np.flatnonzero(steps >= _LEAST_RISE).tolist()
    return [((cell + 1) * _CELL_US, round(steps[cell])) for cell in found]


def simulated_percentiles(resolved: ResolvedScenario, seed: int) -> list[float]:
    """Percentiles over time of the number of queued jobs in one run, by Lindley's recursion (S79).

    No job comes near the execution limit of 3 h. A test compares this with the simulator.
    """
    jobs = draw(resolved.model_copy(update={"seed": seed})).jobs
    order = np.argsort(jobs.at_us, kind="stable")
    submitted_us = jobs.at_us[order]
    started_us = submitted_us + lindley(submitted_us, jobs.qpu_time_us[order])
    return time_percentiles(count_inside(submitted_us, started_us), 0, _LENGTH_US, PERCENTS)


def fit(measured: dict[int, float]) -> tuple[float, int]:
    """Load of the everyday jobs and circuits of a scripted one: the least squares of two logarithms.

    They are those of p50 and p90, median over the seeds, over the measured ones. A search along the axes with
    shrinking steps; every point has the same seeds, and so the same random numbers.
    """

    @cache
    def misfit(load: float, circuits: int) -> float:
        settings = [f"workload.everyday.load={load}", f"workload.scripts.circuits={circuits}"]
        resolved = load_scenario(SCENARIO, settings).resolved
        medians = np.median([simulated_percentiles(resolved, seed) for seed in SEEDS], axis=0)
        simulated = dict(zip(PERCENTS, medians.tolist(), strict=True))
        return sum(log(simulated[percent] / measured[percent]) ** 2 for percent in (50, 90))

    best = (0.7, 30)
    for load_step, circuits_step in _STEPS:
        while True:
            load, circuits = best
            around = [(round(load + sign * load_step, 3), circuits) for sign in (-1, 1)]
            around += [(load, circuits + sign * circuits_step) for sign in (-1, 1)]
            nearest = min([best, *around], key=lambda point: misfit(*point))
            if nearest == best:
                break
            best = nearest
    return best


def row(name: str, values: Sequence[float]) -> str:
    """A line of the printed table."""
    return f"{name:18}" + "".join(f"{value:8.4g}" for value in values)


if __name__ == "__main__":
    sys.exit(main())

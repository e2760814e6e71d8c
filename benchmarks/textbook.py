"""The model to compare with: the textbook M/M/1 in SimPy, one process a job on a PriorityResource."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

Row = tuple[int, int, int, int]


def simulate(submitted_us: list[int], qpu_time_us: list[int]) -> list[Row]:
    """Run jobs in job mode, first in, first out; the record of each is (job, submitted, started, ended)."""
    env = simpy.Environment()
    qpu = simpy.PriorityResource(env, capacity=1)
    records: list[Row] = []

    def job(number: int) -> Generator[simpy.Event, Any, None]:
        submitted = env.now
        with qpu.request(priority=0) as turn:
            yield turn
            started = env.now
            yield env.timeout(qpu_time_us[number])
        records.append((number, int(submitted), int(started), int(env.now)))

    def source() -> Generator[simpy.Event, Any, None]:
        for number, time_us in enumerate(submitted_us):
            yield env.timeout(time_us - int(env.now))
            env.process(job(number))

    env.process(source())
    env.run()
    return records

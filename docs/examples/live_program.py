"""Two SimPy programs on one QPU: a loop in a session, and a user in job mode who loses patience."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

import qsession_sim as qs
from qsession_sim.units import SECOND

Program = Generator[simpy.Event, Any, None]


def optimiser(service: qs.Service) -> Program:
    """Submit, wait for the result, think, submit again; leaving the block closes the session (S19)."""
    with service.open_session("vqe", account="lab-a") as session:
        for step in range(1, 4):
            result = yield session.run(f"vqe/{step}", qpu_time_us=10 * SECOND)
            say(service, f"vqe/{step} is {result.status.name}")
            yield service.env.timeout(5 * SECOND)
    say(service, "vqe is closed")


def everyday_user(service: qs.Service) -> Program:
    """Wait for a job, but not for ever; then submit two at once and wait for both."""
    yield service.env.timeout(2 * SECOND)
    large = service.submit("large", account="lab-b", qpu_time_us=30 * SECOND)
    yield large.completed | service.env.timeout(20 * SECOND)
    if not large.completed.triggered:
        large.cancel()
    result = yield large.completed
    say(service, f"large is {result.status.name}, reason {result.reason.name}")
    small = [service.submit(name, account="lab-b", qpu_time_us=4 * SECOND) for name in ("a", "b")]
    yield service.env.all_of([job.completed for job in small])
    say(service, "a and b are done")


def say(service: qs.Service, text: str) -> None:
    print(f"{qs.format_duration(service.now_us)}: {text}")


def main() -> None:
    run = qs.simulate({"title": "Live programs alone", "workload": []}, programs=[optimiser, everyday_user])
    for job in run.jobs.iter_rows(named=True):
        waited = "never started" if job["waiting_us"] is None else qs.format_duration(job["waiting_us"])
        print(f"{job['job']}: {job['mode']}, waited {waited}")


if __name__ == "__main__":
    main()

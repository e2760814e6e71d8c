"""A variational loop in job, batch and session mode, behind simulated people: what each costs it and them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.optimize import minimize

import qsession_sim as qs
from qsession_sim.clients.thin import Batch, Estimator, Session
from qsession_sim.units import MINUTE, SECOND

SCENARIO: Final[dict[str, Any]] = {
    "title": "A variational loop beside everyday jobs",
    "seed": 7,
    "workload": [
        {
            "kind": "arrivals",
            "name": "everyday",
            "account": "lab-b",
            "count": 400,
            "interarrival": {"kind": "exponential", "mean": "40s"},
            "qpu_time": {"kind": "lognormal", "median": "20s", "sigma": 0.5},
        },
        {
            "kind": "program",
            "name": "vqe",
            "account": "lab-a",
            "start": {"groups": [{"at": "10m", "size": 1}]},
            "think": {"kind": "exponential", "mean": "2s"},
        },
    ],
}


def measured(parameters: Any, numbers: np.random.Generator) -> float:
    """A bowl with its bottom at (1, 2), as noisy as the shots make it."""
    return float(np.sum((parameters - np.array([1.0, 2.0])) ** 2) + 0.01 * numbers.normal())


def loop(mode: Session | None) -> None:
    """The program: SciPy asks for energies, and each is a job of 10 circuits with 4,000 shots."""
    estimator = Estimator(mode, circuits=10, shots=4000, result=measured)
    minimize(lambda x: estimator.run(x).result(), np.zeros(2), method="COBYLA", options={"maxiter": 25})


def in_job_mode() -> None:
    """Every job waits in the queue."""
    loop(None)


def in_a_batch() -> None:
    """The batch loses the QPU whenever the loop thinks longer than its interactive timeout of 1 s."""
    with Batch() as batch:
        loop(batch)


def in_a_session() -> None:
    """After the first job the others go first, and while the loop thinks the QPU waits for it."""
    with Session(max_time="8h") as session:
        loop(session)


def report(name: str, program: Callable[[], None]) -> None:
    """Simulate a mode and print a line."""
    run = qs.simulate(SCENARIO, programs={"vqe": program})
    own, others = (run.jobs.filter(pl.col("stream") == stream) for stream in ("vqe", "everyday"))
    first, last = own["submitted_us"].to_numpy().min(), own["completed_us"].to_numpy().max()
    usage_us = run.sessions["usage_us"].sum() or own["qpu_time_us"].sum()
    print(
        f"{name:12}{len(own):5}{(last - first) / MINUTE:12.1f} min{usage_us / SECOND:9.0f} s"
        f"{others['waiting_us'].to_numpy().mean() / SECOND:12.1f} s"
    )


def main() -> None:
    """One run for each mode: the same people, and the same random numbers of each job's result."""
    print("mode         jobs        it takes      usage  others wait")
    report("job mode", in_job_mode)
    report("batch", in_a_batch)
    report("session", in_a_session)


if __name__ == "__main__":
    main()

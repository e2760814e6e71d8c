"""What holds exactly on every path: compared with ==, not in standard errors."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from qsession_sim.experiment.simulate import simulate
from qsession_sim.queueing.recursions import lindley
from qsession_sim.results.run import Run
from qsession_sim.units import SECOND
from qsession_sim.verification.comparisons import (
    SERVICE_SECONDS,
    arrivals,
    clients,
    constant,
    exponential,
    scenario,
    session,
)

JOBS: Final = 20_000
"""Jobs of each run."""

_THINK: Final = {"kind": "exponential", "mean": "10s"}
_TIMEOUT_SECONDS: Final = 7


class Identity(NamedTuple):
    """Two integers, or lists of them, that must be equal by some rules."""

    name: str
    rules: str
    simulated: int | list[int]
    expected: int | list[int]

    @property
    def holds(self) -> bool:
        """Whether they are equal."""
        return self.simulated == self.expected


def identities(seed: int) -> list[Identity]:
    """Simulate, and compare what is known without chance."""
    return [*_queue(seed), *_no_queue(seed), *_timeouts(seed)]


def _queue(seed: int) -> list[Identity]:
    run = simulate(scenario(seed, arrivals("identities", exponential(), 0.95, JOBS).source))
    record, served_us = run.record, run.record.workload.jobs.qpu_time_us
    waiting_us = record.started_us - record.submitted_us
    times_us = np.append(run.queue_length["time_us"].to_numpy(), record.end_us)
    area_us = int((run.queue_length["queued"].to_numpy() * np.diff(times_us)).sum())
    return [
        Identity(
            "every wait of M/M/1 is that of Lindley's recursion",
            "S79",
            waiting_us.tolist(),
            lindley(record.submitted_us, served_us).tolist(),
        ),
        Identity(
            "the area under the queue length is the sum of all waits (Little)",
            "S78",
            area_us,
            int(waiting_us.sum()),
        ),
    ]


def _no_queue(seed: int) -> list[Identity]:
    service = constant()
    regular: dict[str, Any] = {
        **arrivals("regular", service, 1.0, JOBS).source,
        "interarrival": f"{SERVICE_SECONDS}s",
    }
    regular_run = simulate(scenario(seed, regular))
    alone_run = simulate(scenario(seed, clients("alone", 1, JOBS, _THINK, service)))
    return [
        Identity("regular arrivals at load 1 never wait", "S50", _waited_us(regular_run), 0),
        Identity("one client alone never waits", "S50, S64", _waited_us(alone_run), 0),
    ]


def _timeouts(seed: int) -> list[Identity]:
    """One session alone, with equal think times whatever its timeout: the stream is named alike (S7)."""
    never, soon, at_once = (
        simulate(scenario(seed, session("timeouts", JOBS, _THINK, exponential(), timeout)))
        for timeout in ("100000h", f"{_TIMEOUT_SECONDS}s", "0s")
    )
    thought_us = never.record.workload.jobs.think_us[1:]
    timeout_us = _TIMEOUT_SECONDS * SECOND
    # the last gap has no end: it is held until the timeout
    held_us = int(np.minimum(thought_us, timeout_us).sum()) + timeout_us
    return [
        Identity(
            "a timeout without end never deactivates before the last job", "S14", _activations(never), 1
        ),
        Identity(
            "and holds the QPU for all the time that is thought",
            "S13",
            _held_us(never) - 100_000 * 3600 * SECOND,
            int(thought_us.sum()),
        ),
        Identity(
            "a timeout deactivates in each longer gap, and in no other",
            "S14, S15",
            _activations(soon) - 1,
            int((thought_us > timeout_us).sum()),
        ),
        Identity("and holds for the shorter of both", "S13, S14", _held_us(soon), held_us),
        Identity(
            "timeout 0 deactivates in each gap", "S14", _activations(at_once) - 1, int((thought_us > 0).sum())
        ),
        Identity("and never holds", "S14", _held_us(at_once), 0),
        *_without_thinking(seed),
    ]


def _without_thinking(seed: int) -> list[Identity]:
    equal: list[Identity] = []
    for timeout_seconds in (0, _TIMEOUT_SECONDS):
        source = session("no thought", JOBS, "0s", exponential(), f"{timeout_seconds}s")
        run = simulate(scenario(seed, source))
        words = f"with think time 0, timeout {timeout_seconds} s"
        equal += [
            Identity(f"{words} never deactivates before the last job", "S14", _activations(run), 1),
            Identity(
                f"{words} holds after the last job only", "S13", _held_us(run), timeout_seconds * SECOND
            ),
        ]
    return equal


def _waited_us(run: Run) -> int:
    return int((run.record.started_us - run.record.submitted_us).sum())


def _activations(run: Run) -> int:
    return int(run.sessions["activations"].item())


def _held_us(run: Run) -> int:
    return int(run.sessions["held_us"].item())

"""What the naive model remembers: the histories of jobs, sessions and clients, and the facts made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from qsession_sim.scheduler.plan import ClientSpec, JobSpec, SessionSpec
from qsession_sim.scheduler.vocabulary import JobStatus, Reason, SessionState

Public = tuple[SessionState | None, bool]
"""What can be seen of a session: its state (None before it exists) and `accepting_jobs`."""


class Facts(NamedTuple):
    """All that a run is compared by. Jobs: (session, submitted, started, ended, status, reason)."""

    jobs: dict[int, tuple[int, ...]]
    changes: list[tuple[int, int, Public, Public, Reason]]
    end_us: int


@dataclass
class Job:
    """A job and its history."""

    spec: JobSpec
    session: int
    due: int | None = None  # when its client or its own `at` submits it
    of_program: bool = False
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None  # S5: a rejected job ends when it is submitted
    status: JobStatus | None = None
    reason: Reason = Reason.NONE
    orders_served: set[str] = field(default_factory=set)


@dataclass
class Session:
    """A session and its history. `orders` are closes and cancels that wait for their place in S3."""

    spec: SessionSpec
    created: int | None = None
    state: SessionState | None = None
    accepting: bool = False
    orders: dict[str, int] = field(default_factory=dict)
    orders_served: set[str] = field(default_factory=set)


@dataclass
class Client:
    """An iterative client: the iteration it is at and the session it submits to."""

    spec: ClientSpec
    session: int
    iteration: int = 0

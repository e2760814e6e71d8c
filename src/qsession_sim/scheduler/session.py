"""Session: one session or batch, its phase, its queued jobs and its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from qsession_sim.errors import IllegalTransitionError
from qsession_sim.scheduler.agenda import Deadline
from qsession_sim.scheduler.plan import SessionSpec
from qsession_sim.scheduler.rules import HoldPolicy
from qsession_sim.scheduler.transitions import (
    ACCEPTS,
    TABLE,
    Action,
    Phase,
    SessionEvent,
)
from qsession_sim.scheduler.vocabulary import JobStatus, Mode, Reason

_QUEUED = JobStatus.QUEUED  # looking it up in the enum costs more than the comparison


class Session:
    """Applies the transition table. Its clocks are deadlines on the agenda; it owns no timer."""

    __slots__ = (
        "_jobs",
        "commands",
        "ittl_deadline",
        "ittl_us",
        "jobs",
        "lets_job_mode_in",
        "life_deadline",
        "number",
        "phase",
        "spec",
    )

    def __init__(self, number: int, spec: SessionSpec, hold: HoldPolicy) -> None:
        self.number = number
        self.spec = spec
        self.phase = Phase.ABSENT
        self.jobs = 0  # queued or on the QPU
        self.commands = 0  # closes and cancels to come (S6)
        self.ittl_deadline: Deadline | None = None
        self.life_deadline: Deadline | None = None  # the unused clock (S21), later max_time (S11)
        is_batch = spec.mode is Mode.BATCH
        self.lets_job_mode_in = is_batch or hold.lets_job_mode_in  # S32, S51
        self.ittl_us = spec.interactive_timeout_us if is_batch or hold.ittl_counts else 0  # S51
        self._jobs: list[tuple[int, int]] = []

    def apply(self, event: SessionEvent) -> tuple[Action, ...]:
        """Make the transition and return the actions it asks for.

        Raises:
            IllegalTransitionError: if the table has no entry; nothing was changed.
        """
        transition = TABLE[self.phase].get(event)
        if transition is None:
            raise IllegalTransitionError(
                f"session {self.number}: no transition for event {event.name} in phase {self.phase.name}"
            )
        self.phase = transition.phase
        return transition.actions

    def why_rejected(self) -> Reason:
        """Why a submission is not accepted: the reasons of S20 in their order."""
        if self.phase is Phase.ABSENT:
            return Reason.SESSION_NOT_CREATED  # S9
        if self.phase not in ACCEPTS:
            return Reason.SESSION_CLOSED
        return Reason.EXECUTION_TIME_EXCEEDS_SESSION  # S24

    def add(self, submitted_us: int, job: int) -> None:
        """Count a job in and queue it by (submission, number) (S12)."""
        self.jobs += 1
        heappush(self._jobs, (submitted_us, job))

    def next_queued(self, status: Sequence[int]) -> int | None:
        """Take the queued job that goes first, or None; `status` is the column of all jobs' statuses."""
        while self._jobs:
            job = heappop(self._jobs)[1]
            if status[job] == _QUEUED:
                return job
        return None

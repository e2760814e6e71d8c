"""Client: an iterative program that submits, waits, thinks and submits again (S64 to S67)."""

from __future__ import annotations

from enum import Enum, auto

from qsession_sim.scheduler.plan import ClientSpec
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, OnError, OnRejection, Reason


class Step(Enum):
    """What a client does after one of its jobs ended."""

    NEXT = auto()  # think, then submit the next iteration
    AGAIN = auto()  # submit the same iteration at once
    AGAIN_IN_NEW_SESSION = auto()
    AGAIN_IN_JOB_MODE = auto()
    FINISH = auto()


_DONE, _NEXT = JobStatus.DONE, Step.NEXT  # looking members up costs more than comparing them


class Client:
    """Where an iterative client stands. `session` is the one it submits to now."""

    __slots__ = ("iteration", "polls", "repeats", "session", "sessions", "spec")

    def __init__(self, spec: ClientSpec) -> None:
        self.spec = spec
        self.iteration = 0
        self.polls = spec.poll_us != NEVER  # it looks for results; else it notices ends at once (S64)
        self.session = spec.session
        self.repeats = 0  # further attempts at the current iteration so far
        self.sessions = 0  # further sessions so far

    @property
    def job(self) -> int:
        """The number of the job that was drawn for the current iteration."""
        return self.spec.first_job + self.iteration

    def notices_us(self, submitted_us: int, ended_us: int, status: int) -> int:
        """When one that `polls` notices the end of a job (S64); polls count from its submission."""
        if status == JobStatus.REJECTED:  # it is told that at once
            return ended_us
        poll_us = self.spec.poll_us
        polls = max(1, -((submitted_us - ended_us) // poll_us))
        return submitted_us + polls * poll_us

    def step_after(self, status: int, reason: int) -> Step:
        """Decide what to do once the current iteration's job has ended; NEXT moves to the next iteration."""
        if status != _DONE:
            if status == JobStatus.REJECTED:
                return self._step_after_rejection(reason)
            # S65
            if self.spec.on_error == OnError.RETRY:
                return Step.AGAIN
            if self.spec.on_error == OnError.STOP:
                return Step.FINISH
        if self.iteration + 1 == self.spec.jobs:
            return Step.FINISH
        self.iteration += 1
        self.repeats = 0
        return _NEXT

    def _step_after_rejection(self, reason: int) -> Step:
        """S66: only SESSION_CLOSED can be answered; after any other reason the client gives up."""
        if reason == Reason.SESSION_CLOSED:
            if self.spec.on_rejection == OnRejection.NEW_SESSION:
                return Step.AGAIN_IN_NEW_SESSION
            if self.spec.on_rejection == OnRejection.JOB_MODE:
                return Step.AGAIN_IN_JOB_MODE
        return Step.FINISH

"""Qpu: one processor, what runs on it and which session holds it."""

from __future__ import annotations

from collections.abc import Sequence

from qsession_sim.scheduler.agenda import Deadline
from qsession_sim.scheduler.queue import GlobalQueue
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.vocabulary import NEVER


class Qpu:
    """Runs one job at a time; has one normal queue; at most one session holds it (S12)."""

    __slots__ = ("finish", "holder", "job", "may_dispatch", "queue", "status")

    def __init__(self, status: Sequence[int]) -> None:
        """`status` is the growing column of all jobs' statuses, by job number."""
        self.status = status
        self.queue = GlobalQueue(status)
        self.job = NEVER  # the job on it
        self.finish: Deadline | None = None
        self.holder: Session | None = None
        self.may_dispatch = False  # free, and something changed since it last looked for work

    def look_for_work(self) -> None:
        """Ask for a dispatch at the end of the instant, unless a job is on it."""
        if self.job == NEVER:
            self.may_dispatch = True

    def vacate(self) -> None:
        """The job on it has left."""
        self.job = NEVER
        self.may_dispatch = True

    def next_job(self) -> int | None:
        """Take the job that goes on it next, or None (S50)."""
        self.may_dispatch = False
        holder = self.holder
        if holder is None:
            return self.queue.pop()
        job = holder.next_queued(self.status)  # S12
        if job is None and holder.lets_job_mode_in:
            job = self.queue.pop_job_mode()  # S32, S51
        return job

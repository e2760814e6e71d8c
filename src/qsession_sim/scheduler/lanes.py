"""Lanes: where the jobs of one QPU are prepared, and in which order (S42)."""

from __future__ import annotations

from collections.abc import Sequence

from qsession_sim.scheduler.agenda import Agenda, Deadline
from qsession_sim.scheduler.queue import NormalQueue
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.transitions import IS_ACTIVE
from qsession_sim.scheduler.vocabulary import NEVER, Entity, Rank


class Lanes:
    """The execution lanes of one QPU. A job takes one from the start of its preparation until it is ready.

    Jobs of the normal queue are prepared ahead of their turn; at most as many of them as there are lanes
    are preparing or ready at a time, so that what comes later can still overtake the rest.

    Args:
        lanes: how many there are.
        unprepared: the normal queue of those who wait for a lane.
        stage: the growing column of all jobs' stages, by number.
        agenda: where the ends of preparations are armed.
    """

    __slots__ = (
        "_agenda",
        "_free",
        "_lanes",
        "_of_job_mode",
        "_of_sessions",
        "_preparations",
        "_stage",
        "are_used",
        "unprepared",
    )

    def __init__(self, lanes: int, unprepared: NormalQueue, stage: Sequence[int], agenda: Agenda) -> None:
        self.unprepared = unprepared
        self.are_used = False  # whether the run has any job to prepare
        self._stage = stage
        self._agenda = agenda
        self._lanes = lanes
        self._free = lanes
        self._of_job_mode = 0  # jobs in job mode that are preparing or ready
        self._of_sessions = 0  # the same of sessions that are not active
        self._preparations: dict[int, Deadline] = {}

    def next_job(self, now_us: int, holder: Session | None, reserved_for: int) -> int | None:
        """Take the job that gets a lane next, in the order in which jobs would be dispatched, or None.

        In a reservation for another account the holder is only waited for until its job has left (S52).
        """
        if not self._free:
            return None
        if holder is None:
            if self._of_job_mode + self._of_sessions < self._lanes:
                return self.unprepared.pop(now_us)
            return None
        is_served = reserved_for in (NEVER, holder.spec.account)
        job = holder.next_unprepared(self._stage) if is_served else None
        if job is None and self._of_job_mode < self._lanes:
            job = self.unprepared.pop_job_mode(now_us)
        return job

    def take(self, job: int, ready_us: int, session: Session | None) -> None:
        """A job begins to be prepared."""
        self._free -= 1
        self._preparations[job] = self._agenda.arm(ready_us, Rank.READY, Entity.JOB, job)
        if session is not None:
            session.preparing.add(job)
        self._count(session, 1)

    def give_back(self, job: int, session: Session | None) -> None:
        """A job is ready."""
        del self._preparations[job]
        self._free += 1
        if session is not None:
            session.preparing.remove(job)

    def forget(self, job: int, session: Session | None) -> None:
        """A job that was preparing or ready starts, or ends before."""
        if job in self._preparations:
            self._agenda.disarm(self._preparations[job])
            self.give_back(job, session)
        self._count(session, -1)

    def become_active(self, session: Session) -> None:
        """The session holds the QPU now, so its jobs are not ahead of their turn."""
        self._of_sessions -= session.prepared

    def stop_being_active(self, session: Session) -> None:
        """The session has let go of the QPU."""
        self._of_sessions += session.prepared

    def _count(self, session: Session | None, change: int) -> None:
        if session is None:
            self._of_job_mode += change
            return
        session.prepared += change
        if not IS_ACTIVE[session.phase]:
            self._of_sessions += change

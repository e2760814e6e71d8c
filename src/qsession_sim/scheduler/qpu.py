"""Qpu: one processor, what runs on it, which session holds it, whether it is up, and which job gets which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappush
from typing import Final

from qsession_sim.scheduler.agenda import Agenda, Deadline
from qsession_sim.scheduler.columns import GrowingJobs, Journal
from qsession_sim.scheduler.plan import Routing
from qsession_sim.scheduler.queues import NormalQueue
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.transitions import IS_ACTIVE
from qsession_sim.scheduler.vocabulary import NEVER, Entity, Rank

# -- Lanes: where the jobs of one QPU are prepared, and in which order (S42).


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

    def next_job(self, now_us: int, holder: Session | None, *, is_served: bool) -> int | None:
        """Take the job that gets a lane next, in the order in which jobs would be dispatched, or None.

        `is_served` says whether jobs of the holder are prepared now.
        """
        if not self._free:
            return None
        if holder is None:
            if self._of_job_mode + self._of_sessions < self._lanes:
                return self.unprepared.pop(now_us)
            return None
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


class Qpu:
    """Runs one job at a time; has one normal queue; at most one session holds it (S12).

    Args:
        number: its number.
        is_simulator: it has no queue, its jobs start at once and do not wait for each other (S22).
        queue: of those who may start.
        lanes: where jobs are prepared.
        calls: the heap of the QPUs that have to look for work at the end of the instant; shared by all.
        stage: the growing column of all jobs' stages, by number.
        estimated_us: the estimated QPU time of a job.
    """

    def __init__(
        self,
        number: int,
        *,
        is_simulator: bool,
        queue: NormalQueue,
        lanes: Lanes,
        calls: list[int],
        stage: Sequence[int],
        estimated_us: Callable[[int], int],
    ) -> None:
        self.number = number
        self.is_simulator = is_simulator
        self.queue = queue
        self.lanes = lanes
        self._calls = calls
        self._stage = stage
        self._estimated_us = estimated_us
        self.is_called = False  # asked to look for work at the end of the instant
        self.asks_while_busy = is_simulator  # for another job, or for lanes to give
        self.job = NEVER  # the job on it
        self.finish: Deadline | None = None
        self.simulated: dict[int, Deadline] = {}  # of a simulator: the jobs on it
        self.holder: Session | None = None
        self.queued = 0  # its jobs that are not yet on it, if the router goes by them
        self.queued_us = 0  # their estimated QPU time, likewise
        self.closed_by = 0  # windows that last and let nobody in
        self.due_calibrations: list[int] = []  # windows whose calibration waits for the QPU

    def look_for_work(self) -> None:
        """Ask for a dispatch at the end of the instant, unless the job on it makes that useless."""
        if (self.job == NEVER or self.asks_while_busy) and not self.is_called:
            self.is_called = True
            heappush(self._calls, self.number)

    def take_off(self, job: int) -> None:
        """A job has left."""
        if self.is_simulator:
            del self.simulated[job]
            return
        self.job = NEVER
        if not self.is_called:
            self.is_called = True
            heappush(self._calls, self.number)

    def finish_of(self, job: int) -> Deadline | None:
        """When a job on it finishes, as armed."""
        return self.simulated[job] if self.is_simulator else self.finish

    def next_of_holder(self, now_us: int, holder: Session) -> int | None:
        """Take the job that goes on it next while a session holds it, or None (S50)."""
        job = holder.next_ready(self._stage)  # S12
        if job is None:
            if holder.lets_job_mode_in:
                return self.queue.pop_job_mode(now_us)  # S32, S51
            if holder.fills_gaps and holder.ittl_deadline is not None:
                left_us = holder.ittl_deadline[0] - now_us
                return self.queue.pop_job_mode_that(now_us, partial(self._fits, left_us))  # S51
        return job

    def _fits(self, left_us: int, job: int) -> bool:
        return self._estimated_us(job) <= left_us


# -- Routing: which QPU serves a job or a session that names none (S54).


_BITS: Final = 2**64 - 1
SPLITMIX_INCREMENT: Final = 0x9E3779B97F4A7C15


def splitmix64(state: int) -> int:
    """The number from 0 to 2**64 - 1 that the generator SplitMix64 gives next in a state.

    Source: G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014, with the constants of the Java library.

    Example:
        >>> hex(splitmix64(0))
        '0xe220a8397b1dcdaf'
    """
    mixed = (state + SPLITMIX_INCREMENT) & _BITS
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _BITS
    return mixed ^ (mixed >> 31)


class Router:
    """Chooses once for each job or session, among the QPUs that are no simulators. Ties go by QPU number.

    Args:
        qpus: all of them, by number.
        routing: the policy.
        columns: of all jobs.
        journal: where starts are written down.
    """

    def __init__(self, qpus: Sequence[Qpu], routing: Routing, columns: GrowingJobs, journal: Journal) -> None:
        self._qpus = qpus
        self._choices = [qpu for qpu in qpus if not qpu.is_simulator]
        self._routing = routing
        self._columns = columns
        self._journal = journal
        self._decisions = 0
        self.choose: Callable[[int, int], int] = {
            Routing.LEAST_BUSY: self._least_busy,
            Routing.SHORTEST_EXPECTED_WAIT: self._shortest_wait,
            Routing.RANDOM: self._drawn,
            Routing.ROUND_ROBIN: self._next,
        }[routing]
        """Decides for the next job or session: from now and its random number to a QPU's number."""
        self._only = self._choices[0].number if len(self._choices) == 1 else NEVER
        self.weighs = routing is Routing.SHORTEST_EXPECTED_WAIT
        self.counts_queued = len(self._choices) > 1 and routing in (
            Routing.LEAST_BUSY,
            Routing.SHORTEST_EXPECTED_WAIT,
        )
        """Whether it goes by what is queued, so that it has to be counted; if it `weighs`, by its time."""

    def given(self, number: int) -> int:
        """The QPU that needs no decision: the one that is named, or the only one; else NEVER."""
        return self._only if number == NEVER else number

    def route_again(self, route: int, repeats: int) -> int:
        """The number of a repetition: `route` is that of what is repeated for the `repeats`-th time (S54)."""
        if self._routing is not Routing.RANDOM:
            return route  # nobody asks for it
        return splitmix64(route + repeats) % len(self._choices)

    def _least_busy(self, _now_us: int, _route: int) -> int:
        best = self._choices[0]
        least = best.queued
        if least:
            for qpu in self._choices:
                if qpu.queued < least:
                    best, least = qpu, qpu.queued
                    if not least:
                        break
        return best.number

    def _shortest_wait(self, now_us: int, _route: int) -> int:
        best = min(self._choices, key=lambda qpu: (self._expected_wait_us(now_us, qpu), qpu.number))
        return best.number

    def _drawn(self, _now_us: int, route: int) -> int:
        return self._choices[route % len(self._choices)].number

    def _next(self, _now_us: int, _route: int) -> int:
        self._decisions += 1
        return self._choices[(self._decisions - 1) % len(self._choices)].number

    def _expected_wait_us(self, now_us: int, qpu: Qpu) -> int:
        """The estimated QPU time of what is queued, and what the estimate leaves of the job on the QPU."""
        if qpu.job == NEVER:
            return qpu.queued_us
        ran_us = now_us - self._journal.started_us[qpu.job]
        return qpu.queued_us + max(0, self._columns.estimated_us(qpu.job) - ran_us)

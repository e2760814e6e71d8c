"""Qpu: one processor, what runs on it, which session holds it, and whether it is up."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappush

from qsession_sim.scheduler.agenda import Deadline
from qsession_sim.scheduler.lanes import Lanes
from qsession_sim.scheduler.queue import NormalQueue
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.vocabulary import NEVER


class Qpu:
    """Runs one job at a time; has one normal queue; at most one session holds it (S12).

    Args:
        number: its number.
        is_simulator: it has no queue, its jobs start at once and do not wait for each other (S22).
        queue: of those who may start.
        lanes: where jobs are prepared.
        calls: the heap of the QPUs that have to look for work at the end of the instant; shared by all.
        stage: the growing column of all jobs' stages, by number.
        weighs: whether the router wants to know the estimated QPU time of what is queued (S54).
    """

    __slots__ = (
        "_calls",
        "_stage",
        "asks_while_busy",
        "downs",
        "due_calibrations",
        "finish",
        "holder",
        "is_called",
        "is_simulator",
        "job",
        "lanes",
        "number",
        "queue",
        "queued",
        "queued_us",
        "reserved_for",
        "simulated",
        "weighs",
    )

    def __init__(
        self,
        number: int,
        *,
        is_simulator: bool,
        queue: NormalQueue,
        lanes: Lanes,
        calls: list[int],
        stage: Sequence[int],
        weighs: bool,
    ) -> None:
        self.number = number
        self.is_simulator = is_simulator
        self.queue = queue
        self.lanes = lanes
        self._calls = calls
        self._stage = stage
        self.is_called = False  # asked to look for work at the end of the instant
        self.asks_while_busy = is_simulator  # for another job, or for lanes to give
        self.job = NEVER  # the job on it
        self.finish: Deadline | None = None
        self.simulated: dict[int, Deadline] = {}  # of a simulator: the jobs on it
        self.holder: Session | None = None
        self.queued = 0  # its jobs that are not yet on it (S54)
        self.queued_us = 0  # their estimated QPU time, if it is weighed
        self.weighs = weighs
        self.downs = 0  # maintenances, outages and calibrations that last
        self.due_calibrations: list[int] = []  # windows whose calibration waits for the QPU
        self.reserved_for = NEVER  # an account (S52)

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

    def next_job(self, now_us: int) -> int | None:
        """Take the job that goes on it next, or None (S50)."""
        holder = self.holder
        if holder is None:
            return self.queue.pop(now_us)
        job = holder.next_ready(self._stage)  # S12
        if job is None:
            if holder.lets_job_mode_in:
                return self.queue.pop_job_mode(now_us)  # S32, S51
            if holder.fills_gaps and holder.ittl_deadline is not None:
                return self.queue.pop_fitting(now_us, holder.ittl_deadline[0] - now_us)  # S51
        return job

"""Session: one session or batch, its phase, its queued jobs and its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from qsession_sim.scheduler.agenda import Deadline
from qsession_sim.scheduler.plan import HoldPolicy, SessionSpec
from qsession_sim.scheduler.transitions import CAN_PREPARE, CAN_START, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, Mode

SHORTEST_ADAPTED_ITTL_US = 1_000_000
"""The least ITTL that the hold policy `adaptive` gives a session that had think times (S51)."""


class Session:
    """What is known of a session in the run. Its clocks are deadlines on the agenda; it owns no timer."""

    __slots__ = (
        "_ready",
        "_unprepared",
        "adapts",
        "commands",
        "counting",
        "emptied_us",
        "fills_gaps",
        "finishing",
        "is_batch",
        "ittl_deadline",
        "ittl_us",
        "jobs",
        "lets_job_mode_in",
        "life_deadline",
        "number",
        "phase",
        "prepared",
        "preparing",
        "qpu",
        "spec",
        "think_count",
        "thought_us",
    )

    def __init__(self, number: int, spec: SessionSpec, hold: HoldPolicy, qpu: int) -> None:
        self.number = number
        self.spec = spec
        self.qpu = qpu  # its number; NEVER until it is routed
        self.phase = SessionPhase.ABSENT
        self.jobs = 0  # accepted and not ended
        self.counting = 0  # those of them that keep the ITTL clock from running (S13, S43)
        self.finishing = 0  # those of them that are post-processed (S17)
        self.commands = 0  # closes and cancels to come (S6)
        self.ittl_deadline: Deadline | None = None
        self.life_deadline: Deadline | None = None  # the unused clock (S21), later max_time (S11)
        self.is_batch = spec.mode == Mode.BATCH
        self.lets_job_mode_in = self.is_batch or hold.lets_job_mode_in  # S32, S51
        self.fills_gaps = not self.is_batch and hold.fills_gaps  # S51
        self.adapts = not self.is_batch and hold.adapts  # S51
        self.ittl_us = spec.interactive_timeout_us if self.is_batch or hold.ittl_counts else 0  # S51
        self.preparing: set[int] = set()
        self.prepared = 0  # jobs that are preparing, or ready after it (S42)
        self.emptied_us = NEVER  # when it had no counting job last, until the next submission
        self.think_count = 0  # think times so far, and their sum
        self.thought_us = 0
        self._ready: list[tuple[int, int]] = []
        self._unprepared: list[tuple[int, int]] = []

    def adapted_ittl(self, now_us: int) -> int:
        """How long the ITTL clock of a session that `adapts` runs, which starts now (S51)."""
        self.emptied_us = now_us
        if not self.think_count:
            return self.ittl_us
        twice_the_mean_us = 2 * self.thought_us // self.think_count
        return min(self.ittl_us, max(SHORTEST_ADAPTED_ITTL_US, twice_the_mean_us))

    def stop_thinking(self, now_us: int) -> None:
        """A submission was accepted: the think time that has begun is over (S51)."""
        self.thought_us += now_us - self.emptied_us
        self.think_count += 1
        self.emptied_us = NEVER

    def add_ready(self, place_us: int, job: int) -> None:
        """Queue a job that may start: by submission (S12), or in a batch by when it became ready (S33)."""
        heappush(self._ready, (place_us, job))

    def add_unprepared(self, submitted_us: int, job: int) -> None:
        """Queue a job that waits for a lane (S42)."""
        heappush(self._unprepared, (submitted_us, job))

    def next_ready(self, stage: Sequence[int]) -> int | None:
        """Take the job that starts first, or None; `stage` is the column of all jobs' stages."""
        return _next(self._ready, stage, CAN_START) if self._ready else None

    def next_unprepared(self, stage: Sequence[int]) -> int | None:
        """Take the job that gets a lane first, or None (S42)."""
        return _next(self._unprepared, stage, CAN_PREPARE)

    def waiting(self, stage: Sequence[int]) -> tuple[list[int], list[int]]:
        """The jobs that may start, and those that wait for a lane; none of them is taken."""
        return (
            [job for _, job in self._ready if CAN_START[stage[job]]],
            [job for _, job in self._unprepared if CAN_PREPARE[stage[job]]],
        )


def _next(heap: list[tuple[int, int]], stage: Sequence[int], waits: bytes) -> int | None:
    while heap:
        job = heappop(heap)[1]
        if waits[stage[job]]:
            return job
    return None

"""GlobalQueue: the normal queue of one QPU, ordered by the queue policy (S50), with lazy removal."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from qsession_sim.scheduler.vocabulary import JobStatus

_QUEUED = JobStatus.QUEUED  # looking it up in the enum costs more than the comparison

Entry = tuple[int, ...]
"""The policy's key, then the submission instant, then the job number (total order)."""


class GlobalQueue:
    """Job-mode jobs and jobs of open or inactive sessions, each in a heap; the smaller head goes first.

    Two heaps, because while a batch holds the QPU only job-mode jobs may run in between (S32). The entry of
    a job that is no longer queued is thrown away when it comes up. Entries of an active session's jobs need
    no test: while it is active nothing but job-mode jobs is taken from here (S12, S32), and it stays active
    until its last queued job has started or ended (S14).
    """

    __slots__ = ("_job_mode", "_of_sessions", "_status")

    def __init__(self, status: Sequence[int]) -> None:
        """`status` is the growing column of all jobs' statuses, by job number."""
        self._status = status
        self._job_mode: list[Entry] = []
        self._of_sessions: list[Entry] = []

    def push(self, entry: Entry, *, of_session: bool) -> None:
        """Add a queued job by its entry."""
        heappush(self._of_sessions if of_session else self._job_mode, entry)

    def pop(self) -> int | None:
        """Take the job that goes first among all, or None."""
        of_sessions = self._of_sessions
        if of_sessions and self._drop_gone(of_sessions):
            job_mode = self._job_mode
            if not self._drop_gone(job_mode) or of_sessions[0] < job_mode[0]:
                return heappop(of_sessions)[-1]
        return self.pop_job_mode()

    def pop_job_mode(self) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        job_mode, status = self._job_mode, self._status
        while job_mode:
            job = heappop(job_mode)[-1]
            if status[job] == _QUEUED:
                return job
        return None

    def _drop_gone(self, heap: list[Entry]) -> bool:
        """Make the head of `heap` a job that still waits; False if there is none."""
        while heap and self._status[heap[0][-1]] != _QUEUED:
            heappop(heap)
        return bool(heap)

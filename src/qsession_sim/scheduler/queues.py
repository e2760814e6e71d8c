"""ScannedQueue: a normal queue whose policy is asked anew for every waiting job at every dispatch."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Protocol

from qsession_sim.errors import PolicyError
from qsession_sim.scheduler.view import DynamicKey, JobView, QueueInputs, QueueKey, ServiceView, asked_when
from qsession_sim.scheduler.vocabulary import NEVER, JobStage

# -- NormalQueue: who waits for a QPU in job mode or in a session that is not active (S10, S15, S50).

_CAN_START = frozenset({JobStage.QUEUED, JobStage.READY, JobStage.REQUEUED})

CAN_START = bytes(stage in _CAN_START for stage in JobStage)
"""By stage: whether a job in the queue for the QPU still waits there."""

CAN_PREPARE = bytes(stage is JobStage.QUEUED for stage in JobStage)
"""By stage: whether a job in the queue for a lane still waits there (S42)."""

Entry = tuple[int, ...]
"""The policy's key, then the submission instant, then the job number (total order)."""

EntryOf = Callable[[int, int], Entry]
"""From the submission instant and the number of a job to its entry."""


class NormalQueue(Protocol):
    """The normal queue of one QPU, ordered by a queue policy.

    An entry of a job that no longer waits is thrown away when it comes up; a job may have several entries.
    Entries of an active session's jobs need no test: while it is active nothing but job-mode jobs is taken
    from here (S12, S32).
    """

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""

    def push_first(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Put a job before all others, whatever the policy says (S52)."""

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""

    def pop_fitting(self, now_us: int, left_us: int) -> int | None:
        """Take the first job-mode job that is estimated to need no more than `left_us`, or None (S51)."""

    def reserve(self, account: int) -> None:
        """Let only jobs of one account be taken, until `open_to_all` (S52)."""

    def open_to_all(self) -> None:
        """End a reservation."""


class Requeued:
    """The jobs that an outage threw off the QPU: they go before all others, whatever the policy says (S52).

    Args:
        stage: the growing column of all jobs' stages, by number.
        account: the same of accounts.
    """

    __slots__ = ("_account", "_stage", "entries")

    def __init__(self, stage: Sequence[int], account: array[int]) -> None:
        self._stage = stage
        self._account = account
        self.entries: list[tuple[int, int, bool]] = []  # this very list, as long as the queue lives

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a job."""
        self.entries.append((submitted_us, job, of_session))
        self.entries.sort()

    def pop(
        self, reserved_for: int, *, job_mode: bool = False, fits: Callable[[int], bool] | None = None
    ) -> int | None:
        """Take the first job that may run now, or None."""
        for entry in tuple(self.entries):
            _, job, of_session = entry
            if self._stage[job] != JobStage.REQUEUED:
                self.entries.remove(entry)
            elif (
                not (job_mode and of_session)
                and reserved_for in (NEVER, self._account[job])
                and (fits is None or fits(job))
            ):
                self.entries.remove(entry)
                return job
        return None


class StaticQueue:
    """A normal queue whose policy gives each job a place that never changes: two heaps.

    Two, because while a batch holds the QPU only job-mode jobs may run in between (S32).

    Args:
        stage: the growing column of all jobs' stages, by number.
        account: the same of accounts.
        entry_of: what the policy gives; None: first in, first out.
        estimate_us: the estimated QPU time of a job (S51).
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = (
        "_account",
        "_entry_of",
        "_estimate_us",
        "_first",
        "_job_mode",
        "_of_sessions",
        "_parked",
        "_requeued",
        "_reserved_for",
        "_stage",
        "_waits",
    )

    def __init__(
        self,
        stage: Sequence[int],
        account: array[int],
        entry_of: EntryOf | None,
        estimate_us: Callable[[int], int],
        waits: bytes = CAN_START,
    ) -> None:
        self._stage = stage
        self._account = account
        self._entry_of = entry_of
        self._estimate_us = estimate_us
        self._waits = waits
        self._job_mode: list[Entry] = []
        self._of_sessions: list[Entry] = []
        self._requeued = Requeued(stage, account)
        self._first = self._requeued.entries  # looked at with every pop, so without a call
        self._reserved_for = NEVER
        self._parked: list[tuple[Entry, bool]] = []  # entries of other accounts during a reservation

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        entry = (submitted_us, job) if self._entry_of is None else self._entry_of(submitted_us, job)
        if self._reserved_for != NEVER and self._account[job] != self._reserved_for:
            self._parked.append((entry, of_session))
        else:
            heappush(self._of_sessions if of_session else self._job_mode, entry)

    def push_first(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Put a job before all others, whatever the policy says (S52)."""
        self._requeued.push(submitted_us, job, of_session=of_session)

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        if self._first:
            job = self._requeued.pop(self._reserved_for)
            if job is not None:
                return job
        of_sessions = self._of_sessions
        if of_sessions and self._drop_gone(of_sessions):
            job_mode = self._job_mode
            if not self._drop_gone(job_mode) or of_sessions[0] < job_mode[0]:
                return heappop(of_sessions)[-1]
        return self.pop_job_mode(now_us) if self._job_mode else None

    def pop_job_mode(self, now_us: int) -> int | None:  # noqa: ARG002 - the place of a job never changes here
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        if self._first:
            first = self._requeued.pop(self._reserved_for, job_mode=True)
            if first is not None:
                return first
        job_mode, stage, waits = self._job_mode, self._stage, self._waits
        while job_mode:
            job = heappop(job_mode)[-1]
            if waits[stage[job]]:
                return job
        return None

    def pop_fitting(self, now_us: int, left_us: int) -> int | None:  # noqa: ARG002 - as above
        """Take the first job-mode job that is estimated to need no more than `left_us`, or None (S51).

        Entries are looked at in order of the policy, from the top of the heap down.
        """
        if self._first:
            job = self._requeued.pop(
                self._reserved_for, job_mode=True, fits=lambda job: self._estimate_us(job) <= left_us
            )
            if job is not None:
                return job
        heap = self._job_mode
        if not self._drop_gone(heap):
            return None
        frontier = [(heap[0], 0)]
        while frontier:
            entry, index = heappop(frontier)
            job = entry[-1]
            if self._waits[self._stage[job]] and self._estimate_us(job) <= left_us:
                heap[index] = heap[-1]
                heap.pop()
                heapify(heap)
                return job
            for child in (2 * index + 1, 2 * index + 2):
                if child < len(heap):
                    heappush(frontier, (heap[child], child))
        return None

    def reserve(self, account: int) -> None:
        """Let only jobs of one account be taken, until `open_to_all` (S52)."""
        self._reserved_for = account
        for heap, of_session in ((self._job_mode, False), (self._of_sessions, True)):
            self._parked += [(entry, of_session) for entry in heap if self._account[entry[-1]] != account]
            heap[:] = [entry for entry in heap if self._account[entry[-1]] == account]
            heapify(heap)

    def open_to_all(self) -> None:
        """End a reservation."""
        self._reserved_for = NEVER
        for entry, of_session in self._parked:
            heappush(self._of_sessions if of_session else self._job_mode, entry)
        self._parked.clear()

    def _drop_gone(self, heap: list[Entry]) -> bool:
        """Make the head of `heap` a job that still waits; False if there is none."""
        waits, stage = self._waits, self._stage
        while heap and not waits[stage[heap[0][-1]]]:
            heappop(heap)
        return bool(heap)


# -- QueuePolicy: what makes the normal queues of a run.


class QueuePolicy(Protocol):
    """Orders the normal queues: that for the QPU and, where jobs are prepared, that for its lanes."""

    @property
    def name(self) -> str:
        """What it is called in messages and results."""

    @property
    def usage_window_us(self) -> int | None:
        """How far back it looks at what accounts use (S62); None: it does not."""

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue; `waits` says by stage whether a job of it waits there."""


@dataclass(frozen=True)
class FirstInFirstOut:
    """The order by submission, then by job number."""

    name: str = "fifo"
    usage_window_us: None = None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        return static_queue(inputs, None, waits)


@dataclass(frozen=True)
class OrderedByKey:
    """The order by a key that a job gets when it enters the queue; the smallest goes first."""

    key: QueueKey
    name: str = "key"
    usage_window_us: None = None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        key = self.key

        def entry_of(submitted_us: int, job: int) -> tuple[int, ...]:
            return (*key(JobView(inputs, job, submitted_us)), submitted_us, job)

        return static_queue(inputs, entry_of, waits)


def static_queue(inputs: QueueInputs, entry_of: EntryOf | None, waits: bytes) -> StaticQueue:
    """A queue in which the place of a job never changes."""
    return StaticQueue(inputs.stage, inputs.jobs.account, entry_of, inputs.jobs.estimated_us, waits)


def ordered_by(key: QueueKey | None) -> QueuePolicy:
    """The order by a key; None: first in, first out."""
    return FirstInFirstOut() if key is None else OrderedByKey(key)


class ScannedQueue:
    """A normal queue in which a job's place may be any function of the job and the service.

    A dispatch costs as much as there are jobs waiting.

    Args:
        inputs: what the queue may look at.
        key: of a job; the smallest goes first, then by submission and job number.
        name: of the policy, for messages.
        window_us: how far back the view looks at usage.
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = (
        "_inputs",
        "_job_mode",
        "_key",
        "_name",
        "_numbers",
        "_of_sessions",
        "_requeued",
        "_reserved_for",
        "_waits",
        "_window_us",
    )

    def __init__(self, inputs: QueueInputs, key: DynamicKey, name: str, window_us: int, waits: bytes) -> None:
        self._inputs = inputs
        self._key = key
        self._name = name
        self._window_us = window_us
        self._waits = waits
        self._job_mode: dict[int, JobView] = {}
        self._of_sessions: dict[int, JobView] = {}
        self._requeued = Requeued(inputs.stage, inputs.jobs.account)
        self._reserved_for = NEVER
        self._numbers: dict[str, int] = {}  # of accounts, by name

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        (self._of_sessions if of_session else self._job_mode)[job] = JobView(self._inputs, job, submitted_us)

    def push_first(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Put a job before all others, whatever the policy says (S52)."""
        self._requeued.push(submitted_us, job, of_session=of_session)

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        job = self._requeued.pop(self._reserved_for)
        return self._pop_best(now_us, (self._job_mode, self._of_sessions)) if job is None else job

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        job = self._requeued.pop(self._reserved_for, job_mode=True)
        return self._pop_best(now_us, (self._job_mode,)) if job is None else job

    def pop_fitting(self, now_us: int, left_us: int) -> int | None:
        """Take the first job-mode job that is estimated to need no more than `left_us`, or None (S51)."""
        estimated_us = self._inputs.jobs.estimated_us

        def fits(job: int) -> bool:
            return estimated_us(job) <= left_us

        job = self._requeued.pop(self._reserved_for, job_mode=True, fits=fits)
        return self._pop_best(now_us, (self._job_mode,), fits) if job is None else job

    def reserve(self, account: int) -> None:
        """Let only jobs of one account be taken, until `open_to_all` (S52)."""
        self._reserved_for = account

    def open_to_all(self) -> None:
        """End a reservation."""
        self._reserved_for = NEVER

    def _pop_best(
        self, now_us: int, kinds: tuple[dict[int, JobView], ...], fits: Callable[[int], bool] | None = None
    ) -> int | None:
        self._drop_gone()
        views = [view for kind in kinds for view in kind.values() if self._may_run(view.number, fits)]
        if not views:
            return None
        service = self._view(now_us)
        key = self._key
        best = min((*key(view, service), view.submitted_us, view.number) for view in views)
        job = best[-1]
        view = next(view for view in views if view.number == job)
        self._check_same(best[:-2], key(view, service), view, now_us)
        for kind in kinds:
            kind.pop(job, None)
        return job

    def _may_run(self, job: int, fits: Callable[[int], bool] | None) -> bool:
        if self._reserved_for != NEVER and self._inputs.jobs.account[job] != self._reserved_for:
            return False
        return fits is None or fits(job)

    def _drop_gone(self) -> None:
        stage, waits = self._inputs.stage, self._waits
        for kind in (self._job_mode, self._of_sessions):
            for job in [job for job in kind if not waits[stage[job]]]:
                del kind[job]

    def _view(self, now_us: int) -> ServiceView:
        # S12: whenever a job is taken here, nothing of an active session stands in the queue
        waiting = (*self._job_mode, *self._of_sessions)
        return ServiceView(self._inputs, now_us, self._window_us, waiting, self._numbers)

    def _check_same(self, first: tuple[int, ...], second: tuple[int, ...], job: JobView, now_us: int) -> None:
        if first != second:
            raise PolicyError.about(
                f"queue policy {self._name!r} must give the same answer when asked twice; for",
                job.number,
                f"{asked_when(job, now_us)}, it gave {first!r} and then {second!r}",
            )

"""Queues: the normal queue of a QPU, and the orders that queue policies give to the jobs in it (S10, S50).

An `Order` says who goes first; a `NormalQueue` is an order and, around it, what windows of availability do to
any of them (S52). Two orders stand here: `StaticOrder`, in which the place of a job never changes while it
waits, and `ScannedOrder`, in which it is computed anew at every dispatch. The third ranks accounts.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import itemgetter
from typing import Protocol

from qsession_sim.errors import PolicyError
from qsession_sim.scheduler.transitions import CAN_START
from qsession_sim.scheduler.view import DynamicKey, JobView, QueueInputs, QueueKey, ServiceView, asked_when
from qsession_sim.scheduler.vocabulary import NEVER, JobStage

MayRun = Callable[[int], bool]
"""Whether a job may be taken, by its number."""


class Order(Protocol):
    """The jobs that wait, in the order of a queue policy.

    A job may have been pushed several times; one that no longer waits is thrown away when it comes up. Jobs
    of an active session need no test: while it is active only job-mode jobs are taken (S12, S32).
    """

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""

    def pop_that(self, now_us: int, may_run: MayRun, *, job_mode: bool) -> int | None:
        """Take the job that goes first among those that may run, or None."""


class NormalQueue:
    """Who waits for one QPU in job mode or in a session that is not active (S10, S15).

    What an outage threw off the QPU goes before all others, whatever the policy says, and in a reservation
    only jobs of its account are taken (S52). As long as there is neither, the order is asked directly.

    Args:
        order: the order of the policy.
        stage: the growing column of all jobs' stages, by number.
        account: the same of accounts.
    """

    def __init__(self, order: Order, stage: Sequence[int], account: array[int]) -> None:
        self.reserved_for = NEVER
        self._order = order
        self._stage = stage
        self._account = account
        self._is_served: MayRun = lambda _job: True  # one object as long as a reservation lasts
        self._requeued: list[tuple[int, int, bool]] = []  # sorted: submission, number, of a session
        self.push = order.push
        self.pop: Callable[[int], int | None] = order.pop
        self.pop_job_mode: Callable[[int], int | None] = order.pop_job_mode

    def push_again(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a job that has waited before: in its place, or first if an outage brings it back (S52)."""
        if self._stage[job] == JobStage.REQUEUED:
            self._requeued.append((submitted_us, job, of_session))
            self._requeued.sort()
            self._stand_before_order()
        else:
            self.push(submitted_us, job, of_session=of_session)

    def pop_job_mode_that(self, now_us: int, may_run: MayRun) -> int | None:
        """Take the job-mode job that goes first among those that may run, or None."""
        return self._take(now_us, may_run, job_mode=True)

    def reserve(self, account: int) -> None:
        """Let only jobs of one account be taken, until `open_to_all` (S52)."""
        account_of = self._account
        self.reserved_for = account
        self._is_served = lambda job: account_of[job] == account
        self._stand_before_order()

    def open_to_all(self) -> None:
        """End a reservation."""
        self.reserved_for = NEVER
        self._stand_before_order()

    def serves(self, account: int) -> bool:
        """Whether jobs of an account may be taken now."""
        return self.reserved_for in (NEVER, account)

    def _stand_before_order(self) -> None:
        """Put what windows do before the order, or away again."""
        if self._requeued or self.reserved_for != NEVER:
            self.pop, self.pop_job_mode = self._pop, self._pop_job_mode
        else:
            self.pop, self.pop_job_mode = self._order.pop, self._order.pop_job_mode

    def _pop(self, now_us: int) -> int | None:
        return self._take(now_us, None, job_mode=False)

    def _pop_job_mode(self, now_us: int) -> int | None:
        return self._take(now_us, None, job_mode=True)

    def _take(self, now_us: int, may_run: MayRun | None, *, job_mode: bool) -> int | None:
        if self._requeued:
            job = self._take_requeued(may_run, job_mode=job_mode)
            if job is not None:
                return job
        if self.reserved_for != NEVER:
            may_run = self._is_served if may_run is None else _both(self._is_served, may_run)
        if may_run is not None:
            return self._order.pop_that(now_us, may_run, job_mode=job_mode)
        return self._order.pop_job_mode(now_us) if job_mode else self._order.pop(now_us)

    def _take_requeued(self, may_run: MayRun | None, *, job_mode: bool) -> int | None:
        """The first of those that an outage threw off the QPU (S52)."""
        for entry in tuple(self._requeued):
            _, job, of_session = entry
            is_gone = self._stage[job] != JobStage.REQUEUED
            if is_gone or (
                not (job_mode and of_session)
                and self.serves(self._account[job])
                and (may_run is None or may_run(job))
            ):
                self._requeued.remove(entry)
                self._stand_before_order()
                if not is_gone:
                    return job
        return None


def _both(first: MayRun, second: MayRun) -> MayRun:
    return lambda job: first(job) and second(job)


Entry = tuple[int, ...]
"""The policy's key, then the submission instant, then the job number (total order)."""

EntryOf = Callable[[int, int], Entry]
"""From the submission instant and the number of a job to its entry."""


@dataclass(frozen=True)
class KeyColumn:
    """A static policy's key without the function: of a job, `submissions` x its submission + `of_job`.

    Args:
        submissions: how often the submission instant counts, in 1, 0 or -1.
        of_job: int64, shape (jobs of the plan,); the smallest goes first, then as in an `Entry`. A further
            attempt has that of the first.
    """

    submissions: int
    of_job: Sequence[int]


class StaticOrder:
    """An order in which a job gets its place when it is pushed, and keeps it: two heaps.

    Two, because while a batch holds the QPU only job-mode jobs may run in between (S32).

    Args:
        stage: the growing column of all jobs' stages, by number.
        entry_of: what the policy gives; None: first in, first out.
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = ("_aside", "_entry_of", "_job_mode", "_of_sessions", "_question", "_stage", "_waits")

    def __init__(self, stage: Sequence[int], entry_of: EntryOf | None, waits: bytes = CAN_START) -> None:
        self._stage = stage
        self._entry_of = entry_of
        self._waits = waits
        self._job_mode: list[Entry] = []
        self._of_sessions: list[Entry] = []
        self._question: MayRun | None = None  # the one that was asked last
        self._aside: list[tuple[list[Entry], Entry]] = []  # what it refused, and where that belongs

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        entry = (submitted_us, job) if self._entry_of is None else self._entry_of(submitted_us, job)
        heappush(self._of_sessions if of_session else self._job_mode, entry)

    def pop(self, now_us: int) -> int | None:  # noqa: ARG002 - the place of a job never changes here
        """Take the job that goes first among all, or None."""
        if self._aside:
            self._bring_back()
        heap, of_sessions = self._job_mode, self._of_sessions
        if (
            of_sessions
            and self._drop_gone(of_sessions)
            and (not self._drop_gone(heap) or of_sessions[0] < heap[0])
        ):
            heap = of_sessions
        stage, waits = self._stage, self._waits
        while heap:
            job = heappop(heap)[-1]
            if waits[stage[job]]:
                return job
        return None

    def pop_job_mode(self, now_us: int) -> int | None:  # noqa: ARG002 - as above
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        if self._aside:
            self._bring_back()
        heap = self._job_mode
        return heappop(heap)[-1] if self._drop_gone(heap) else None

    def pop_that(self, now_us: int, may_run: MayRun, *, job_mode: bool) -> int | None:  # noqa: ARG002 - as above
        """Take the job that goes first among those that may run, or None.

        What is refused is set aside until another question is asked: one that lasts is asked often, and this
        way looks at each job once.
        """
        if may_run is not self._question:
            self._bring_back()
            self._question = may_run
        heaps = (self._job_mode,) if job_mode else (self._job_mode, self._of_sessions)
        heads = [heap for heap in heaps if self._refuse(heap, may_run)]
        return heappop(min(heads, key=itemgetter(0)))[-1] if heads else None

    def _refuse(self, heap: list[Entry], may_run: MayRun) -> bool:
        """Make the head of `heap` a job that waits and may run; False if there is none."""
        while self._drop_gone(heap):
            if may_run(heap[0][-1]):
                return True
            self._aside.append((heap, heappop(heap)))
        return False

    def _bring_back(self) -> None:
        for heap, entry in self._aside:
            heappush(heap, entry)
        self._aside.clear()
        self._question = None

    def _drop_gone(self, heap: list[Entry]) -> bool:
        """Make the head of `heap` a job that still waits; False if there is none."""
        waits, stage = self._waits, self._stage
        while heap and not waits[stage[heap[0][-1]]]:
            heappop(heap)
        return bool(heap)


class ScannedOrder:
    """An order in which a job's place may be any function of the job and the service.

    A dispatch costs as much as there are jobs waiting.

    Args:
        inputs: what the order may look at.
        key: of a job; the smallest goes first, then by submission and job number.
        name: of the policy, for messages.
        window_us: how far back the view looks at usage.
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = ("_inputs", "_job_mode", "_key", "_name", "_numbers", "_of_sessions", "_waits", "_window_us")

    def __init__(self, inputs: QueueInputs, key: DynamicKey, name: str, window_us: int, waits: bytes) -> None:
        self._inputs = inputs
        self._key = key
        self._name = name
        self._window_us = window_us
        self._waits = waits
        self._job_mode: dict[int, JobView] = {}
        self._of_sessions: dict[int, JobView] = {}
        self._numbers: dict[str, int] = {}  # of accounts, by name

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        (self._of_sessions if of_session else self._job_mode)[job] = JobView(self._inputs, job, submitted_us)

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        return self.pop_that(now_us, _anybody, job_mode=False)

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        return self.pop_that(now_us, _anybody, job_mode=True)

    def pop_that(self, now_us: int, may_run: MayRun, *, job_mode: bool) -> int | None:
        """Take the job that goes first among those that may run, or None."""
        self._drop_gone()
        kinds = (self._job_mode,) if job_mode else (self._job_mode, self._of_sessions)
        views = [view for kind in kinds for view in kind.values() if may_run(view.number)]
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


def _anybody(_job: int) -> bool:
    return True


# -- What makes the orders of a run.


class QueuePolicy(Protocol):
    """Orders the normal queues: that for the QPU and, where jobs are prepared, that for its lanes."""

    @property
    def name(self) -> str:
        """What it is called in messages and results."""

    @property
    def usage_window_us(self) -> int | None:
        """How far back it looks at what accounts use (S62); None: it does not."""

    def make_order(self, inputs: QueueInputs, waits: bytes) -> Order:
        """An order without jobs; `waits` says by stage whether a job of it waits there."""


@dataclass(frozen=True)
class FirstInFirstOut:
    """The order by submission, then by job number."""

    name: str = "fifo"
    usage_window_us: None = None

    def make_order(self, inputs: QueueInputs, waits: bytes) -> Order:
        """An order without jobs."""
        return StaticOrder(inputs.stage, None, waits)


@dataclass(frozen=True)
class OrderedByKey:
    """The order by a key that a job gets when it enters the queue; the smallest goes first."""

    key: QueueKey
    name: str = "key"
    usage_window_us: None = None

    def make_order(self, inputs: QueueInputs, waits: bytes) -> Order:
        """An order without jobs."""
        key = self.key

        def entry_of(submitted_us: int, job: int) -> tuple[int, ...]:
            return (*key(JobView(inputs, job, submitted_us)), submitted_us, job)

        return StaticOrder(inputs.stage, entry_of, waits)


def ordered_by(key: QueueKey | None) -> QueuePolicy:
    """The order by a key; None: first in, first out."""
    return FirstInFirstOut() if key is None else OrderedByKey(key)

"""AccountQueue: a normal queue in which the accounts have an order, and each account's jobs go by submission.

The order of accounts changes while jobs wait. A heap holds for each account with waiting jobs a bound: a
place that is not behind its true one. Unnoticed, an account can only move back; the instants from which it
may move forward are kept in a second heap, and it is looked at again then. So the account at the top of the
first heap goes first if its bound is its true place, and else it is moved back. A dispatch looks at few
accounts, however many jobs wait.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Protocol

from qsession_sim.scheduler.queues import Requeued
from qsession_sim.scheduler.view import QueueInputs
from qsession_sim.scheduler.vocabulary import NEVER

Place = tuple[int, int, int, int]
"""The rank of an account, the submission and number of its first waiting job, and the account."""


class AccountOrder(Protocol):
    """Ranks accounts. The smallest rank goes first; equal ones go by their first waiting job."""

    @property
    def sudden_falls(self) -> int:
        """How often ranks have become smaller in a way that `falls_from_us` does not foresee."""

    def rank(self, now_us: int, account: int) -> int:
        """The rank of an account now."""

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """From when on the rank of an account may become smaller; None: never."""

    def take_turn(self, account: int) -> None:
        """A job of an account was taken from the queue."""


class AccountQueue:
    """A normal queue ordered by the state of accounts (S63): by rank, then by submission and job number.

    Args:
        inputs: what the queue may look at.
        order: ranks accounts.
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = ("_account", "_inputs", "_job_mode", "_of_sessions", "_order", "_requeued", "_reserved_for")

    def __init__(self, inputs: QueueInputs, order: AccountOrder, waits: bytes) -> None:
        self._inputs = inputs
        self._order = order
        self._account = inputs.jobs.account
        self._job_mode = _Lines(inputs, order, waits)
        self._of_sessions = _Lines(inputs, order, waits)
        self._requeued = Requeued(inputs.stage, inputs.jobs.account)
        self._reserved_for = NEVER

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        lines = self._of_sessions if of_session else self._job_mode
        lines.push(submitted_us, job, self._account[job])

    def push_first(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Put a job before all others, whatever the policy says (S52)."""
        self._requeued.push(submitted_us, job, of_session=of_session)

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        job = self._requeued.pop(self._reserved_for)
        if job is not None:
            return job
        place = self._job_mode.first(now_us, self._reserved_for)
        other = self._of_sessions.first(now_us, self._reserved_for)
        if other is not None and (place is None or other < place):
            return self._take(other, self._of_sessions)
        return None if place is None else self._take(place, self._job_mode)

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        job = self._requeued.pop(self._reserved_for, job_mode=True)
        if job is not None:
            return job
        place = self._job_mode.first(now_us, self._reserved_for)
        return None if place is None else self._take(place, self._job_mode)

    def pop_fitting(self, now_us: int, left_us: int) -> int | None:
        """Take the first job-mode job that is estimated to need no more than `left_us`, or None (S51).

        Accounts are looked at in order of their ranks.
        """
        estimated_us = self._inputs.jobs.estimated_us

        def fits(job: int) -> bool:
            return estimated_us(job) <= left_us

        job = self._requeued.pop(self._reserved_for, job_mode=True, fits=fits)
        if job is None:
            job = self._job_mode.pop_first_that(fits, now_us, self._reserved_for)
            if job is not None:
                self._order.take_turn(self._account[job])
        return job

    def reserve(self, account: int) -> None:
        """Let only jobs of one account be taken, until `open_to_all` (S52)."""
        self._reserved_for = account

    def open_to_all(self) -> None:
        """End a reservation."""
        self._reserved_for = NEVER

    def _take(self, place: Place, lines: _Lines) -> int:
        lines.take(place)
        self._order.take_turn(place[3])
        return place[2]


class _Lines:
    """The waiting jobs of one kind, a line for each account."""

    __slots__ = (
        "_bounds",
        "_falls",
        "_falls_heap",
        "_heap",
        "_jobs",
        "_new",
        "_order",
        "_stage",
        "_sudden_falls",
        "_waits",
    )

    def __init__(self, inputs: QueueInputs, order: AccountOrder, waits: bytes) -> None:
        self._order = order
        self._stage = inputs.stage
        self._waits = waits
        self._jobs: dict[int, list[tuple[int, int]]] = {}  # heaps of (submission, number), by account
        self._new: list[int] = []  # accounts that have jobs and no bound yet
        self._heap: list[Place] = []
        self._bounds: dict[int, Place] = {}  # which of an account's places in the heap counts
        self._falls_heap: list[tuple[int, int]] = []
        self._falls: dict[int, int] = {}  # which of an account's instants in that heap counts
        self._sudden_falls = 0

    def push(self, submitted_us: int, job: int, account: int) -> None:
        """Add a job to its account's line."""
        line = self._jobs.get(account)
        if line is None:
            self._jobs[account] = [(submitted_us, job)]
            self._new.append(account)
            return
        heappush(line, (submitted_us, job))
        bound = self._bounds.get(account)
        if bound is not None and (submitted_us, job) < bound[1:3]:
            self._set_bound((bound[0], submitted_us, job, account))

    def first(self, now_us: int, reserved_for: int) -> Place | None:
        """The true place of the account that goes first, or None."""
        if not self._jobs:
            return None
        if reserved_for != NEVER:
            return self._place(now_us, reserved_for)
        due = self._falls_heap
        if self._new or (due and due[0][0] <= now_us) or self._sudden_falls != self._order.sudden_falls:
            self._look_again(now_us)
        heap, bounds = self._heap, self._bounds
        while heap:
            bound = heap[0]
            account = bound[3]
            if bounds.get(account) is not bound:
                heappop(heap)
                continue
            place = self._place(now_us, account)
            if place == bound:
                return bound
            if place is None:
                heappop(heap)
                continue
            heapreplace(heap, place)
            bounds[account] = place
            self._foresee(now_us, account)
        return None

    def take(self, place: Place) -> None:
        """Take the first job of an account; its bound stays, since the account can only move back."""
        heappop(self._jobs[place[3]])

    def pop_first_that(self, fits: Callable[[int], bool], now_us: int, reserved_for: int) -> int | None:
        """Take the first job that fits, in the order of the queue, or None."""
        accounts = list(self._jobs) if reserved_for == NEVER else [reserved_for]
        places = [place for account in accounts if (place := self._place(now_us, account)) is not None]
        best: Place | None = None
        for rank, _, _, account in sorted(places):
            if best is not None and rank > best[0]:
                break
            fitting = [entry for entry in self._jobs[account] if self._fits_now(fits, entry[1])]
            if fitting:
                place = (rank, *min(fitting), account)
                best = place if best is None or place < best else best
        if best is None:
            return None
        line = self._jobs[best[3]]
        line.remove(best[1:3])
        heapify(line)
        return best[2]

    def _fits_now(self, fits: Callable[[int], bool], job: int) -> bool:
        return bool(self._waits[self._stage[job]]) and fits(job)

    def _look_again(self, now_us: int) -> None:
        """Give bounds to accounts that have none or may have moved forward."""
        changed = self._new
        self._new = []
        if self._sudden_falls != self._order.sudden_falls:
            self._sudden_falls = self._order.sudden_falls
            changed = list(self._jobs)
        due = self._falls_heap
        while due and due[0][0] <= now_us:
            from_us, account = heappop(due)
            if self._falls.get(account) == from_us:
                del self._falls[account]
                changed.append(account)
        for account in changed:
            place = self._place(now_us, account)
            if place is not None:
                self._set_bound(place)
                self._foresee(now_us, account)

    def _foresee(self, now_us: int, account: int) -> None:
        if account in self._falls:
            return  # what the account did since then leaves the window later
        from_us = self._order.falls_from_us(now_us, account)
        if from_us is not None:
            self._falls[account] = from_us
            heappush(self._falls_heap, (from_us, account))

    def _set_bound(self, bound: Place) -> None:
        self._bounds[bound[3]] = bound
        heappush(self._heap, bound)

    def _place(self, now_us: int, account: int) -> Place | None:
        """The true place of an account; None, and its line is gone, if none of its jobs waits any more."""
        line = self._jobs.get(account)
        if line is None:
            return None
        waits, stage = self._waits, self._stage
        while line and not waits[stage[line[0][1]]]:
            heappop(line)
        if not line:
            del self._jobs[account]
            self._bounds.pop(account, None)
            self._falls.pop(account, None)
            return None
        submitted_us, job = line[0]
        return (self._order.rank(now_us, account), submitted_us, job, account)

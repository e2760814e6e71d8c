"""AccountOrder: accounts go by their ranks, and the jobs of each by submission.

Ranks change while jobs wait. A heap holds for each account with waiting jobs a bound: a
place that is not behind its true one. Unnoticed, an account can only move back; the instants from which it
may move forward are kept in a second heap, and it is looked at again then. So the account at the top of the
first heap goes first if its bound is its true place, and else it is moved back. A dispatch looks at few
accounts, however many jobs wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from operator import itemgetter
from typing import Protocol

from qsession_sim.scheduler.queues import MayRun
from qsession_sim.scheduler.view import QueueInputs

Place = tuple[int, int, int, int]
"""The rank of an account, the submission and number of its first waiting job, and the account."""


class Ranking(Protocol):
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


class AccountOrder:
    """An order by the state of accounts (S63): by rank, then by submission and job number.

    Args:
        inputs: what the order may look at.
        ranking: of the accounts.
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = ("_account", "_job_mode", "_of_sessions", "_ranking")

    def __init__(self, inputs: QueueInputs, ranking: Ranking, waits: bytes) -> None:
        self._ranking = ranking
        self._account = inputs.jobs.account
        self._job_mode = _Lines(inputs.stage, ranking, waits)
        self._of_sessions = _Lines(inputs.stage, ranking, waits)

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        lines = self._of_sessions if of_session else self._job_mode
        lines.push(submitted_us, job, self._account[job])

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        place = self._job_mode.first(now_us)
        other = self._of_sessions.first(now_us)
        if other is not None and (place is None or other < place):
            return self._take(other, self._of_sessions)
        return None if place is None else self._take(place, self._job_mode)

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        place = self._job_mode.first(now_us)
        return None if place is None else self._take(place, self._job_mode)

    def pop_that(self, now_us: int, may_run: MayRun, *, job_mode: bool) -> int | None:
        """Take the job that goes first among those that may run, or None."""
        places = [
            (place, lines)
            for lines in ((self._job_mode,) if job_mode else (self._job_mode, self._of_sessions))
            if (place := lines.first_that(now_us, may_run)) is not None
        ]
        return self._take(*min(places, key=itemgetter(0))) if places else None

    def _take(self, place: Place, lines: _Lines) -> int:
        lines.take(place)
        self._ranking.take_turn(place[3])
        return place[2]


class _Lines:
    """The waiting jobs of one kind, a line for each account."""

    def __init__(self, stage: Sequence[int], ranking: Ranking, waits: bytes) -> None:
        self._ranking = ranking
        self._stage = stage
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

    def first(self, now_us: int) -> Place | None:
        """The true place of the account that goes first, or None."""
        if not self._jobs:
            return None
        due = self._falls_heap
        if self._new or (due and due[0][0] <= now_us) or self._sudden_falls != self._ranking.sudden_falls:
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

    def first_that(self, now_us: int, may_run: MayRun) -> Place | None:
        """The place of the job that goes first among those that may run, or None."""
        places = [
            place for account in list(self._jobs) if (place := self._place(now_us, account)) is not None
        ]
        best: Place | None = None
        for rank, _, _, account in sorted(places):
            if best is not None and rank > best[0]:
                break
            fitting = [entry for entry in self._jobs[account] if self._may_run_now(may_run, entry[1])]
            if fitting:
                place = (rank, *min(fitting), account)
                best = place if best is None or place < best else best
        return best

    def take(self, place: Place) -> None:
        """Take a job from its account's line; the bound stays, since the account can only move back."""
        line = self._jobs[place[3]]
        if line[0] == place[1:3]:
            heappop(line)
        else:
            line.remove(place[1:3])
            heapify(line)

    def _may_run_now(self, may_run: MayRun, job: int) -> bool:
        return bool(self._waits[self._stage[job]]) and may_run(job)

    def _look_again(self, now_us: int) -> None:
        """Give bounds to accounts that have none or may have moved forward."""
        changed = self._new
        self._new = []
        if self._sudden_falls != self._ranking.sudden_falls:
            self._sudden_falls = self._ranking.sudden_falls
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
        from_us = self._ranking.falls_from_us(now_us, account)
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
        return (self._ranking.rank(now_us, account), submitted_us, job, account)

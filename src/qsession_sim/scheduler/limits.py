"""Limits: what accounts use (S62), and what their plans allow at a submission (S60)."""

from __future__ import annotations

from collections import deque

from qsession_sim.scheduler.plan import AccountSpec
from qsession_sim.scheduler.vocabulary import NEVER, Mode

# -- Usage: how much QPU time each account has used, and when (S62).


class _Account:
    """The stretches of one account: those that last, and those that are over, by their end."""

    __slots__ = ("attained_us", "earliest", "longest_us", "over", "running", "total_us")

    def __init__(self) -> None:
        self.running: dict[int, int] = {}  # start by key
        self.over: deque[tuple[int, int]] = deque()  # (end, start)
        self.earliest: deque[tuple[int, int]] = deque()  # those of them that began before all later ones
        self.attained_us = 0  # of all that are over, however long ago
        self.total_us = 0  # of those in `over`
        self.longest_us = 0


class Usage:
    """What accounts use: sessions while they are active, jobs of batches and job mode while on the QPU.

    A session that lets go of the QPU while one of its jobs is on it uses it until that job leaves. A stay
    on the QPU that an outage ends costs nothing, unless it is part of a session's time.

    Args:
        longest_window_us: how far back anybody looks; what is older is forgotten.
    """

    __slots__ = ("_accounts", "_lingering", "_owner", "_window_us", "taken_back")

    def __init__(self, longest_window_us: int) -> None:
        self.taken_back = 0  # how often an outage took a stay back
        self._window_us = longest_window_us
        self._accounts: dict[int, _Account] = {}
        self._owner: dict[int, int] = {}  # account by key of what lasts
        self._lingering: dict[int, int] = {}  # key of the session by the job that it waits for

    def used_us(self, now_us: int, account: int, window_us: int) -> int:
        """What an account used in (now - window, now], in microseconds."""
        found = self._accounts.get(account)
        if found is None:
            return 0
        since_us = now_us - window_us
        used_us = found.total_us
        if found.running:
            used_us += sum(now_us - max(start, since_us) for start in found.running.values())
        over = found.over
        while over and over[0][0] <= now_us - self._window_us:
            end_us, start_us = over.popleft()
            found.total_us -= end_us - start_us
            used_us -= end_us - start_us
        for end_us, start_us in over:
            if end_us > since_us + found.longest_us:
                break  # they are sorted by their end, and none that ends later can begin before the window
            if start_us < since_us:
                used_us -= min(end_us, since_us) - start_us
        return used_us

    def attained_us(self, now_us: int, account: int) -> int:
        """What an account used in (0, now], in microseconds."""
        found = self._accounts.get(account)
        if found is None:
            return 0
        return found.attained_us + sum(now_us - start for start in found.running.values())

    def falls_from_us(self, now_us: int, account: int, window_us: int) -> int | None:
        """From when on what an account used in the window may become less, if it uses nothing more.

        None: never. What an outage takes back is not foreseen; it is counted in `taken_back`.
        """
        found = self._accounts.get(account)
        if found is None:
            return None
        earliest = found.earliest
        while earliest and earliest[0][0] <= now_us - self._window_us:
            earliest.popleft()
        starts = list(found.running.values())
        starts += next(([start] for end, start in earliest if end > now_us - window_us), [])
        return min(starts) + window_us if starts else None

    def begin_job(self, now_us: int, account: int, job: int) -> None:
        """A job in job mode or of a batch goes on the QPU."""
        self._begin(now_us, account, job)

    def end_job(self, now_us: int, job: int) -> None:
        """A job has left the QPU; those of sessions count for nothing but the session's time."""
        if job in self._owner:
            self._end(now_us, job)
        elif job in self._lingering:
            self._end(now_us, self._lingering.pop(job))

    def take_back_job(self, now_us: int, job: int) -> None:
        """An outage threw a job off the QPU: its stay costs nothing (S62)."""
        if job in self._owner:
            del self._accounts[self._owner.pop(job)].running[job]
            self.taken_back += 1
        else:
            self.end_job(now_us, job)

    def begin_session(self, now_us: int, account: int, session: int) -> None:
        """A session becomes active."""
        self._begin(now_us, account, _key(session))

    def end_session(self, now_us: int, session: int, *, job_on_qpu: int) -> None:
        """A session stops being active; `job_on_qpu` is its job that still runs, or NEVER."""
        if job_on_qpu == NEVER:
            self._end(now_us, _key(session))
        else:
            self._lingering[job_on_qpu] = _key(session)

    def _begin(self, now_us: int, account: int, key: int) -> None:
        self._owner[key] = account
        self._accounts.setdefault(account, _Account()).running[key] = now_us

    def _end(self, now_us: int, key: int) -> None:
        found = self._accounts[self._owner.pop(key)]
        start_us = found.running.pop(key)
        if now_us > start_us:
            found.over.append((now_us, start_us))
            while found.earliest and found.earliest[-1][1] >= start_us:
                found.earliest.pop()
            found.earliest.append((now_us, start_us))
            found.attained_us += now_us - start_us
            found.total_us += now_us - start_us
            found.longest_us = max(found.longest_us, now_us - start_us)


def _key(session: int) -> int:
    """Sessions and jobs share a dictionary: sessions have the numbers below NEVER."""
    return NEVER - 1 - session


class AccountLimits:
    """What the plan of one account allows now: it counts pending jobs and recent submissions.

    Args:
        number: of the account.
        spec: what its plan allows.
        usage: what accounts use; needed when the plan has a quota.
    """

    __slots__ = ("_number", "_pending", "_spec", "_submissions", "_usage")

    def __init__(self, number: int, spec: AccountSpec, usage: Usage | None) -> None:
        self._number = number
        self._spec = spec
        self._usage = usage
        self._pending = 0
        self._submissions: deque[int] = deque()

    def refuses_client(self, now_us: int) -> bool:
        """Whether session calls of the account's client are refused by now (S23)."""
        return NEVER < self._spec.client_too_old_from_us <= now_us

    def allows(self, mode: int) -> bool:
        """Whether the account may use sessions, or batches."""
        return self._spec.batches if mode == Mode.BATCH else self._spec.sessions

    def has_used_quota(self, now_us: int) -> bool:
        """Whether the account has used its quota in the window."""
        quota = self._spec.quota
        if quota is None or self._usage is None:
            return False
        return self._usage.used_us(now_us, self._number, quota.window_us) >= quota.amount

    def has_too_many_pending(self) -> bool:
        """Whether the account has as many queued and running jobs as it may have."""
        return self._spec.pending is not None and self._pending >= self._spec.pending

    def submits_too_often(self, now_us: int) -> bool:
        """Whether as many submissions as may be were accepted in the window."""
        if self._spec.submissions is None:
            return False
        recent = self._submissions
        while recent and recent[0] <= now_us - self._spec.submissions.window_us:
            recent.popleft()
        return len(recent) >= self._spec.submissions.amount

    def count_submission(self, now_us: int) -> None:
        """A submission was accepted."""
        self._pending += 1
        if self._spec.submissions is not None:
            self._submissions.append(now_us)

    def count_end(self) -> None:
        """An accepted job has ended."""
        self._pending -= 1

"""Limits: what accounts use (S62), and what their plans allow at a submission (S60)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque

from qsession_sim.scheduler.agenda import Agenda, Deadline
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.vocabulary import NEVER, Entity, Mode, Rank
from qsession_sim.units import LONGEST_US

# -- The cost limit of an account: when its usage reaches the quota again (S28).


class CostLimit:
    """What one account used in the sliding window of its quota, and when that reaches the quota next.

    Usage grows with each of its stretches that lasts and falls with each that lasted a window ago, so between
    begins and ends, and the instants a window later, it is a straight line.

    Args:
        number: of the account.
        quota: of its plan.
        agenda: where the next rise to the quota is armed.

    Example:
        >>> limit = CostLimit(0, SlidingLimit(5, window_us=8), Agenda())
        >>> limit.begin(2)  # 5 used at 7
        >>> limit.next_rise_us(2)
        7
        >>> limit.end(6)  # 4 used until 10; from then on it falls as fast as what begins at 9 grows
        >>> limit.begin(9)
        >>> limit.next_rise_us(9)
        10
    """

    def __init__(self, number: int, quota: SlidingLimit, agenda: Agenda) -> None:
        self._number = number
        self._quota = quota
        self._agenda = agenda
        self._armed: Deadline | None = None
        self._at_us = 0
        self._used_us = 0  # in the window that ends then
        self._running = 0  # stretches that last, and those that did so a window ago
        self._leaving = 0
        self._changes: deque[tuple[int, int]] = deque()  # time and +1 or -1 of begins and ends in the window

    def begin(self, now_us: int) -> None:
        """A stretch of usage begins."""
        self._change(now_us, 1)

    def end(self, now_us: int) -> None:
        """A stretch ends."""
        self._change(now_us, -1)

    def take_back(self, now_us: int, start_us: int) -> None:
        """A stretch since `start_us` ends, and costs nothing (S62)."""
        self._advance(now_us)
        self._running -= 1
        if start_us > now_us - self._quota.window_us:
            self._changes.remove((start_us, 1))
        else:
            self._leaving -= 1
        self._used_us -= min(now_us - start_us, self._quota.window_us)
        self.arm(now_us)

    def arm(self, now_us: int) -> None:
        """Arm the next rise, unless one of this instant is still to be served."""
        if self._armed is not None and self._armed[0] > now_us:
            self._agenda.disarm(self._armed)
            self._armed = None
        rise_us = None if self._armed is not None else self.next_rise_us(now_us)
        if rise_us is not None:
            self._armed = self._agenda.arm(rise_us, Rank.MAX_TIME, Entity.ACCOUNT, self._number)

    def serve(self) -> None:
        """The rise that was armed has come."""
        self._armed = None

    def next_rise_us(self, now_us: int) -> int | None:
        """The first time after now at which the quota is reached from below, if nothing else happens."""
        self._advance(now_us)
        at_us, used_us, leaving = now_us, self._used_us, self._leaving
        for change_us, step in self._changes:
            until_us, slope = change_us + self._quota.window_us, self._running - leaving
            missing_us = self._quota.amount - used_us
            if 0 < missing_us <= slope * (until_us - at_us):
                return at_us - (-missing_us // slope)
            used_us += slope * (until_us - at_us)
            at_us, leaving = until_us, leaving + step
        return None  # from here on the window holds nothing but what lasts: usage stays

    def _change(self, now_us: int, step: int) -> None:
        self._advance(now_us)
        self._running += step
        self._changes.append((now_us, step))
        self.arm(now_us)

    def _advance(self, now_us: int) -> None:
        """Bring usage up to now."""
        changes = self._changes
        while changes and changes[0][0] + self._quota.window_us <= now_us:
            change_us, step = changes.popleft()
            self._walk(change_us + self._quota.window_us)
            self._leaving += step
        self._walk(now_us)

    def _walk(self, until_us: int) -> None:
        self._used_us += (self._running - self._leaving) * (until_us - self._at_us)
        self._at_us = until_us


# -- Usage: how much QPU time each account has used, and when (S62).


class _Account:
    """What one account used, as a line that bends where stretches begin and end, and which of them last.

    Example:
        >>> account = _Account()
        >>> for time_us, step in ((2, 1), (5, 1), (9, -1)):
        ...     account.bend(time_us, step)
        >>> account.attained_us(1), account.attained_us(7), account.attained_us(10)  # 5 + 2; 8 + 4
        (0, 7, 12)
    """

    __slots__ = ("_attained_us", "_slopes", "_times_us", "earliest", "running")

    def __init__(self) -> None:
        self.running: dict[int, int] = {}  # start by key
        self.earliest: list[tuple[int, int]] = []  # (end, start) of those that began before all later ones
        self._times_us = [0]  # of the bends, in order; what was used until each, and how many last from there
        self._attained_us = [0]
        self._slopes = [0]

    def bend(self, now_us: int, step: int) -> None:
        """A stretch begins (1) or ends (-1), not before the others did."""
        slope = self._slopes[-1]
        self._attained_us.append(self._attained_us[-1] + slope * (now_us - self._times_us[-1]))
        self._times_us.append(now_us)
        self._slopes.append(slope + step)

    def attained_us(self, now_us: int) -> int:
        """What was used in (0, now]."""
        place = bisect_right(self._times_us, now_us) - 1
        if place < 0:
            return 0
        return self._attained_us[place] + self._slopes[place] * (now_us - self._times_us[place])

    def take_back(self, start_us: int) -> None:
        """Take out a stretch that lasts, as if it had never begun."""
        for place in range(bisect_left(self._times_us, start_us), len(self._times_us)):
            self._attained_us[place] -= self._times_us[place] - start_us
            self._slopes[place] -= 1

    def forget(self, until_us: int) -> None:
        """Nobody asks about a time before `until_us` any more; now and then what is older goes."""
        place = bisect_right(self._times_us, until_us) - 1  # the line goes on from there
        if 2 * place > len(self._times_us):
            del self._times_us[:place], self._attained_us[:place], self._slopes[:place]


class Usage:
    """What accounts use: sessions while they are active, jobs of batches and job mode while on the QPU.

    A session that lets go of the QPU while one of its jobs is on it uses it until that job leaves. A stay
    on the QPU that an outage ends costs nothing, unless it is part of a session's time.

    Args:
        longest_window_us: how far back anybody looks; what is older is forgotten.
    """

    __slots__ = ("_accounts", "_lingering", "_owner", "_window_us", "cost_limits", "taken_back")

    def __init__(self, longest_window_us: int) -> None:
        self.taken_back = 0  # how often an outage took a stay back
        self.cost_limits: dict[int, CostLimit] = {}  # by account, of those that have one
        self._window_us = longest_window_us
        self._accounts: dict[int, _Account] = {}
        self._owner: dict[int, int] = {}  # account by key of what lasts
        self._lingering: dict[int, int] = {}  # key of the session by the job that it waits for

    def used_us(self, now_us: int, account: int, window_us: int) -> int:
        """What an account used in (now - window, now], in microseconds."""
        found = self._accounts.get(account)
        return 0 if found is None else found.attained_us(now_us) - found.attained_us(now_us - window_us)

    def attained_us(self, now_us: int, account: int) -> int:
        """What an account used in (0, now], in microseconds."""
        found = self._accounts.get(account)
        return 0 if found is None else found.attained_us(now_us)

    def falls_from_us(self, now_us: int, account: int, window_us: int) -> int | None:
        """From when on what an account used in the window may become less, if it uses nothing more.

        None: never. What an outage takes back is not foreseen; it is counted in `taken_back`.
        """
        found = self._accounts.get(account)
        if found is None:
            return None
        starts = list(found.running.values())
        place = bisect_right(found.earliest, (now_us - window_us, LONGEST_US))
        starts += [start for _, start in found.earliest[place : place + 1]]
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
            account = self._owner.pop(job)
            found = self._accounts[account]
            start_us = found.running.pop(job)
            found.take_back(start_us)
            self.taken_back += 1
            if account in self.cost_limits:
                self.cost_limits[account].take_back(now_us, start_us)
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
        found = self._accounts.get(account)
        if found is None:
            found = self._accounts[account] = _Account()
        found.running[key] = now_us
        found.bend(now_us, 1)
        if account in self.cost_limits:
            self.cost_limits[account].begin(now_us)

    def _end(self, now_us: int, key: int) -> None:
        account = self._owner.pop(key)
        found = self._accounts[account]
        start_us = found.running.pop(key)
        found.bend(now_us, -1)
        if account in self.cost_limits:
            self.cost_limits[account].end(now_us)
        earliest, over_us = found.earliest, now_us - self._window_us
        if now_us > start_us:
            while earliest and earliest[-1][1] >= start_us:
                earliest.pop()
            earliest.append((now_us, start_us))
        place = bisect_right(earliest, (over_us, LONGEST_US))
        if 2 * place > len(earliest):
            del earliest[:place]
        found.forget(over_us)


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

    __slots__ = ("_number", "_pending", "_spec", "_submissions", "_usage", "jobs")

    def __init__(self, number: int, spec: AccountSpec, usage: Usage | None) -> None:
        self._number = number
        self._spec = spec
        self._usage = usage
        self._pending = 0
        self._submissions: deque[int] = deque()
        self.jobs: set[int] | None = set() if spec.quota_ends else None  # S28: accepted and not ended

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

    def count_submission(self, now_us: int, job: int) -> None:
        """A submission was accepted."""
        self._pending += 1
        if self.jobs is not None:
            self.jobs.add(job)
        if self._spec.submissions is not None:
            self._submissions.append(now_us)

    def count_end(self, job: int) -> None:
        """An accepted job has ended."""
        self._pending -= 1
        if self.jobs is not None:
            self.jobs.remove(job)

"""S28, S60, S62 and S63: what accounts may do, what they use, and whose turn it is."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np

from qsession_sim.queueing.step_functions import count_inside
from qsession_sim.results.columns import created_us
from qsession_sim.results.periods import (
    is_accepted,
    is_of_qpu,
    job_modes,
)
from qsession_sim.results.record import JOB
from qsession_sim.results.tables import name_series
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason
from qsession_sim.testing.facts import Facts, QpuFacts, Stretch, Violation, earliest
from qsession_sim.workload.columns import BoolArray, Int64Array

# -- S60: a submission is accepted if the plan of its account allows it, and only then (S20, S23).

_OF_PLANS: Final = (
    *(Reason.CLIENT_TOO_OLD, Reason.SESSIONS_NOT_IN_PLAN),
    *(Reason.QUOTA_EXCEEDED, Reason.TOO_MANY_PENDING, Reason.RATE_LIMITED),
)


def check_limits(facts: Facts) -> Iterator[Violation]:
    """S60: no submission is accepted that a plan forbids, and none rejected that it allows."""
    record = facts.record
    account = record.workload.jobs.account
    specs = record.account_specs
    without_plan = np.flatnonzero(~np.isin(account, list(specs)))
    nothing = np.zeros(len(without_plan), dtype=np.bool_)
    yield from _check_rejections(facts, without_plan, _OF_PLANS, nothing)
    for number, spec in specs.items():
        jobs = np.flatnonzero((account == number) & (record.submitted_us >= 0))
        yield from _check_modes(facts, spec, jobs)
        yield from _check_pending(facts, number, spec, jobs)
        yield from _check_rate(facts, spec, jobs)
        yield from _check_quota(facts, number, spec, jobs)


def _check_modes(facts: Facts, spec: AccountSpec, jobs: Int64Array) -> Iterator[Violation]:
    """S23, S60: whether the account may use sessions and batches at all."""
    record = facts.record
    mode, submitted_us = job_modes(record, jobs), record.submitted_us[jobs]
    too_old = np.zeros(len(jobs), dtype=np.bool_)
    if spec.client_too_old_from_us != NEVER:
        too_old = (mode != Mode.JOB) & (submitted_us >= spec.client_too_old_from_us)
    not_in_plan = ((mode == Mode.SESSION) & (not spec.sessions)) | ((mode == Mode.BATCH) & (not spec.batches))
    yield from _check_rejections(facts, jobs, (Reason.CLIENT_TOO_OLD,), too_old)
    yield from _check_rejections(facts, jobs, (Reason.SESSIONS_NOT_IN_PLAN,), not_in_plan)
    yield from earliest(
        submitted_us,
        is_accepted(record)[jobs] & (too_old | not_in_plan),
        lambda i: f"{facts.job(jobs[i])} is accepted, although its account cannot use that mode then",
    )


def _check_pending(facts: Facts, account: int, spec: AccountSpec, jobs: Int64Array) -> Iterator[Violation]:
    """Queued and running jobs; at the end of an instant there are never more than at a submission in it."""
    record = facts.record
    accepted = jobs[is_accepted(record)[jobs]]
    submitted_us, ended_us = record.submitted_us[accepted], record.ended_us[accepted]
    limit = spec.pending
    if limit is not None:
        pending = count_inside(submitted_us, ended_us[ended_us >= 0])
        whose = record.workload.accounts[account]
        yield from earliest(
            pending.times_us,
            pending.values > limit,
            lambda i: f"account {whose!r} has {pending.values[i]} pending jobs, its limit is {limit}",
        )
    rejected_us = record.submitted_us[jobs]
    # what ended in that very instant may have been pending still
    most = np.searchsorted(np.sort(submitted_us), rejected_us, side="right")
    most = most - np.searchsorted(np.sort(ended_us[ended_us >= 0]), rejected_us, side="left")
    reached = np.zeros(len(jobs), dtype=np.bool_) if limit is None else most >= limit
    yield from _check_rejections(facts, jobs, (Reason.TOO_MANY_PENDING,), reached)


def _check_rate(facts: Facts, spec: AccountSpec, jobs: Int64Array) -> Iterator[Violation]:
    """Accepted submissions in (t - window, t]."""
    record = facts.record
    accepted_us = np.sort(record.submitted_us[jobs[is_accepted(record)[jobs]]])
    submitted_us = record.submitted_us[jobs]
    limit = spec.submissions
    reached = np.zeros(len(jobs), dtype=np.bool_)
    if limit is not None:
        count = _in_window(accepted_us, accepted_us, limit)
        yield from earliest(
            accepted_us,
            count > limit.amount,
            lambda i: f"the limit of submissions is {limit.amount}, and {count[i]} are accepted",
        )
        reached = _in_window(accepted_us, submitted_us, limit) >= limit.amount
    yield from _check_rejections(facts, jobs, (Reason.RATE_LIMITED,), reached)


def _in_window(times_us: Int64Array, at_us: Int64Array, limit: SlidingLimit) -> Int64Array:
    """How many of the sorted times are in the window before each instant, that included."""
    until = np.searchsorted(times_us, at_us, side="right")
    return until - np.searchsorted(times_us, at_us - limit.window_us, side="right")


def _check_quota(facts: Facts, account: int, spec: AccountSpec, jobs: Int64Array) -> Iterator[Violation]:
    """Usage in (t - window, t]; a failure of that instant may come before or after the submission."""
    quota = spec.quota
    record = facts.record
    reached = np.zeros(len(jobs), dtype=np.bool_)
    if quota is not None:
        usage = AccountUsage.of(facts, account)
        submitted_us = record.submitted_us[jobs].tolist()
        most = [usage.most_us(at_us, quota.window_us) for at_us in submitted_us]
        least = [usage.least_us(at_us, quota.window_us) for at_us in submitted_us]
        reached = np.array([used_us >= quota.amount for used_us in most], dtype=np.bool_)
        beyond = np.array([used_us >= quota.amount for used_us in least], dtype=np.bool_)
        yield from earliest(
            record.submitted_us[jobs],
            is_accepted(record)[jobs] & beyond,
            lambda i: (
                f"{facts.job(jobs[i])} is accepted, although its account has used {least[i]} us "
                f"of its quota of {quota.amount} us"
            ),
        )
    yield from _check_rejections(facts, jobs, (Reason.QUOTA_EXCEEDED,), reached)


def check_cost_limits(facts: Facts) -> Iterator[Violation]:
    """S28: what an account has open and queued ends when usage reaches the quota, and at no other time."""
    record = facts.record
    for account in range(len(record.workload.accounts)):
        rises_us = _rises_us(facts, account, record.account_specs.get(account, AccountSpec()))
        jobs = np.flatnonzero(record.workload.jobs.account == account)
        sessions = np.flatnonzero(record.workload.sessions.account == account)
        yield from _check_reached(facts, jobs, sessions, rises_us)
        for rise_us in rises_us:
            if rise_us < record.end_us:  # S6: at the horizon nothing ends any more
                yield from _check_ended(facts, jobs, sessions, rise_us)


def _check_reached(
    facts: Facts, jobs: Int64Array, sessions: Int64Array, rises_us: list[int]
) -> Iterator[Violation]:
    """Nothing ends by the cost limit but where usage reaches the quota."""
    jobs = jobs[facts.record.reason[jobs] == Reason.COST_LIMIT]
    sessions = sessions[facts.closed_by[sessions] == Reason.COST_LIMIT]
    ended_us, closed_us = facts.record.ended_us[jobs], facts.closed_us[sessions]
    words = "by a cost limit that is not reached then"
    early = ~np.isin(ended_us, rises_us)
    yield from earliest(ended_us, early, lambda i: f"{facts.job(jobs[i])} ends {words}")
    early = ~np.isin(closed_us, rises_us)
    yield from earliest(closed_us, early, lambda i: f"{facts.session(sessions[i])} is closed {words}")


def _check_ended(facts: Facts, jobs: Int64Array, sessions: Int64Array, rise_us: int) -> Iterator[Violation]:
    """Where usage reaches the quota, nothing that came before stays queued or open."""
    record = facts.record
    submitted_us, started_us, ended_us = (
        column[jobs] for column in (record.submitted_us, record.started_us, record.ended_us)
    )
    waits = is_accepted(record)[jobs] & (submitted_us < rise_us)
    waits &= (started_us < 0) | ((started_us >= rise_us) & ~np.isin(jobs, record.lost_runs[:, JOB]))
    yield from earliest(
        np.full(len(jobs), rise_us),
        waits & ((ended_us < 0) | (ended_us > rise_us)),
        lambda i: f"{facts.job(jobs[i])} stays queued, though the cost limit of its account is reached",
    )
    begun_us, closed_us = created_us(record)[sessions], facts.closed_us[sessions]
    yield from earliest(
        np.full(len(sessions), rise_us),
        (begun_us >= 0) & (begun_us < rise_us) & ((closed_us < 0) | (closed_us > rise_us)),
        lambda i: f"{facts.session(sessions[i])} stays open, though the cost limit of its account is reached",
    )


def _rises_us(facts: Facts, account: int, spec: AccountSpec) -> list[int]:
    """When usage reaches the quota from below: between bends it is a straight line."""
    if spec.quota is None or not spec.quota_ends:
        return []
    usage, (amount, window_us) = AccountUsage.of(facts, account), (spec.quota.amount, spec.quota.window_us)
    edges = {edge for stretch in usage.taken_back for edge in stretch} | {*usage.starts_us, *usage.ends_us}
    bends = sorted(edges | {edge + window_us for edge in edges})
    rises = []
    for start_us, end_us in pairwise(bends):
        # an outage gives back after the rise of its instant
        low, high = usage.least_us(start_us, window_us), usage.most_us(end_us, window_us)
        if low < amount <= high:
            rises.append(start_us - (low - amount) * (end_us - start_us) // (high - low))
    return rises


def _check_rejections(
    facts: Facts, jobs: Int64Array, reasons: tuple[Reason, ...], justified: BoolArray
) -> Iterator[Violation]:
    reason = facts.record.reason[jobs]
    yield from earliest(
        facts.record.submitted_us[jobs],
        np.isin(reason, [int(one) for one in reasons]) & ~justified,
        lambda i: (
            f"{facts.job(jobs[i])} is rejected with {Reason(reason[i]).name}, which its plan does not say"
        ),
    )


# -- S62: what accounts used in a window of time, and what jobs and sessions are charged for.


@dataclass(frozen=True)
class AccountUsage:
    """The times in which usage accrued: edges with their running sums, and stays that were taken back.

    Python's integers: a sum of many times may exceed 64 bits.
    """

    starts_us: list[int]
    start_sums: list[int]
    ends_us: list[int]
    end_sums: list[int]
    taken_back: list[Stretch]  # a stay counts until the outage that ended it

    @classmethod
    def of(cls, facts: Facts, account: int) -> AccountUsage:
        """The usage of an account over the whole run."""
        kept, taken_back = facts.charged.kept[account], facts.charged.taken_back[account]
        starts_us = sorted(start_us for start_us, _ in kept)
        ends_us = sorted(end_us for _, end_us in kept)
        return cls(
            starts_us,
            list(accumulate(starts_us, initial=0)),
            ends_us,
            list(accumulate(ends_us, initial=0)),
            taken_back,
        )

    def least_us(self, at_us: int, window_us: int) -> int:
        """Used in (at - window, at], without a stay that an outage of this instant ends."""
        return self._kept_us(at_us, window_us) + self._running_us(at_us, at_us + 1, window_us)

    def most_us(self, at_us: int, window_us: int) -> int:
        """The same with such a stay."""
        return self._kept_us(at_us, window_us) + self._running_us(at_us, at_us, window_us)

    def _kept_us(self, at_us: int, window_us: int) -> int:
        return self._until_us(at_us) - self._until_us(max(at_us - window_us, 0))

    def _until_us(self, at_us: int) -> int:
        starts, ends = bisect_right(self.starts_us, at_us), bisect_right(self.ends_us, at_us)
        return (starts - ends) * at_us - self.start_sums[starts] + self.end_sums[ends]

    def _running_us(self, at_us: int, failed_from_us: int, window_us: int) -> int:
        return sum(
            at_us - max(start_us, at_us - window_us)
            for start_us, end_us in self.taken_back
            if start_us < at_us and end_us >= failed_from_us
        )


def check_usage(facts: Facts) -> Iterator[Violation]:
    """S62: what jobs and sessions are charged for, which is known when the run is over."""
    charged, workload = facts.charged, facts.record.workload
    for thing, blocks, expected_us, table, column in (
        ("job", workload.job_names, charged.job_us, facts.jobs, "qpu_time_us"),
        ("session", workload.session_names, charged.session_us, facts.sessions, "usage_us"),
    ):
        used_us = dict(zip(name_series(blocks).to_list(), expected_us, strict=True))
        for name, charged_us in table.select(thing, column).rows():
            if charged_us != used_us.get(name, 0):
                used = used_us.get(name, 0)
                message = f"{thing} {name!r} used {used} us and is charged for {charged_us} us"
                yield Violation(facts.record.end_us, message)
                break


# -- S63: whose turn it is where the queue policy is `fair_share`.

_SCALE = 10**9
_LAST = 2**128
"""Larger than every share."""


def check_fair_share(facts: Facts) -> Iterator[Violation]:
    """S63: of the jobs in job mode that wait for a QPU none starts before one whose account has a smaller
    share, nor, of equal shares, before one that was submitted earlier.

    Asked where nothing but the queue policy decides: not of jobs that are prepared first (S42), that fill
    gaps (S51), that an outage threw off the QPU, or while a QPU is reserved (S52).
    """
    queue, record = facts.resolved.policies.queue, facts.record
    if queue.name != "fair_share" or record.preparing_us is not None or facts.rules.hold.fills_gaps:
        return
    is_plain = is_accepted(record) & (record.job_session < 0)
    is_plain[record.lost_runs[:, JOB]] = False
    shares = _Shares(facts, queue.window or 0)
    for qpu in facts.qpus:
        jobs = np.flatnonzero(is_of_qpu(record, is_plain, qpu.number))
        yield from _check_starts(facts, qpu, jobs, shares)


class _Shares:
    """Shares of accounts at an instant. Two numbers: an outage then may or may not have taken usage back."""

    def __init__(self, facts: Facts, window_us: int) -> None:
        self._allocation_us = {
            account: spec.allocation_us
            for account, spec in facts.record.account_specs.items()
            if spec.allocation_us > 0
        }
        self._usage = {account: AccountUsage.of(facts, account) for account in self._allocation_us}
        self._window_us = window_us

    def at(self, now_us: int, account: int) -> tuple[int, int]:
        """The least and the largest share that the account can have."""
        if account not in self._usage:
            return _LAST, _LAST
        usage, allocation_us = self._usage[account], self._allocation_us[account]
        least_us, most_us = usage.least_us(now_us, self._window_us), usage.most_us(now_us, self._window_us)
        return least_us * _SCALE // allocation_us, most_us * _SCALE // allocation_us


def _check_starts(facts: Facts, qpu: QpuFacts, jobs: Int64Array, shares: _Shares) -> Iterator[Violation]:
    """The first violation on a QPU. Jobs are in the order of their submission, starts in that of time."""
    record = facts.record
    jobs = jobs[np.lexsort((jobs, record.submitted_us[jobs]))]
    started_us, ended_us = record.started_us[jobs], record.ended_us[jobs]
    never_us = record.end_us + 1
    left_us = np.where(started_us >= 0, started_us, np.where(ended_us >= 0, ended_us, never_us))
    accounts = record.workload.jobs.account[jobs].tolist()
    waiting = _Waiting.of(accounts, record.submitted_us[jobs].tolist(), left_us.tolist())
    reserved = facts.reservations(qpu.number)
    starts = np.flatnonzero(started_us >= 0)
    for place in starts[np.argsort(started_us[starts], kind="stable")].tolist():
        now_us = int(started_us[place])
        if bool(((reserved.start_us <= now_us) & (now_us <= reserved.end_us)).any()):
            continue
        least, most = shares.at(now_us, accounts[place])
        for other in waiting.heads(now_us):
            theirs_least, theirs_most = shares.at(now_us, accounts[other])
            is_equal = least == most == theirs_least == theirs_most
            if theirs_most < least or (is_equal and other < place):
                message = (
                    f"{facts.job(jobs[place])} starts before {facts.job(jobs[other])}, whose account's share "
                    f"is {theirs_most} billionths against {least}"
                )
                yield Violation(now_us, message)
                return


@dataclass(frozen=True)
class _Waiting:
    """The jobs that wait, by account; they are called by their places in the order of submission."""

    queues: list[deque[int]]
    submitted_us: list[int]
    left_us: list[int]

    @classmethod
    def of(cls, accounts: list[int], submitted_us: list[int], left_us: list[int]) -> _Waiting:
        queues: defaultdict[int, deque[int]] = defaultdict(deque)
        for place, account in enumerate(accounts):
            queues[account].append(place)
        return cls(list(queues.values()), submitted_us, left_us)

    def heads(self, now_us: int) -> Iterator[int]:
        """The first of each account that was submitted before an instant and waits beyond it; the instants of
        successive calls must not decrease."""
        for queue in self.queues:
            while queue and self.left_us[queue[0]] <= now_us:
                queue.popleft()
            if queue and self.submitted_us[queue[0]] < now_us:
                yield queue[0]

"""S63: who goes first where the queue policy is `fair_share`."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qsession_sim.results.stays import JOB, is_accepted, is_of_qpu
from qsession_sim.testing.account_usage import AccountUsage
from qsession_sim.testing.facts import Facts, QpuFacts, Violation
from qsession_sim.workload.columns import Int64Array

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
            for account, spec in facts.record.setting.accounts.items()
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

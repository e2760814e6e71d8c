"""S60: what the plans of accounts allow, and that rejections for it are justified (S20, S23)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsession_sim.queueing.step_functions import count_inside
from qsession_sim.results.jobs import job_modes
from qsession_sim.results.stays import is_accepted
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason
from qsession_sim.testing.account_usage import AccountUsage
from qsession_sim.testing.facts import BoolArray, Facts, Violation, first
from qsession_sim.workload.columns import Int64Array

_OF_SESSIONS = (Reason.CLIENT_TOO_OLD, Reason.SESSIONS_NOT_IN_PLAN)
_OF_LIMITS = (Reason.QUOTA_EXCEEDED, Reason.TOO_MANY_PENDING, Reason.RATE_LIMITED)


def check_limits(facts: Facts) -> Iterator[Violation]:
    """S60: no submission is accepted that a plan forbids, and none rejected that it allows."""
    record = facts.record
    account = record.workload.jobs.account
    specs = record.setting.accounts
    by_plan = np.isin(record.reason, [int(reason) for reason in (*_OF_SESSIONS, *_OF_LIMITS)])
    index = first(record.submitted_us, by_plan & ~np.isin(account, list(specs)))
    if index is not None:
        yield _unjustified(facts, index)
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
    yield from _check_rejections(facts, jobs, Reason.CLIENT_TOO_OLD, too_old)
    yield from _check_rejections(facts, jobs, Reason.SESSIONS_NOT_IN_PLAN, not_in_plan)
    accepted = is_accepted(record)[jobs]
    index = first(submitted_us, accepted & (too_old | not_in_plan))
    if index is not None:
        message = f"{facts.job(jobs[index])} is accepted, although its account cannot use that mode then"
        yield Violation(int(submitted_us[index]), message)


def _check_pending(facts: Facts, account: int, spec: AccountSpec, jobs: Int64Array) -> Iterator[Violation]:
    """Queued and running jobs; at the end of an instant there are never more than at a submission in it."""
    record = facts.record
    accepted = jobs[is_accepted(record)[jobs]]
    submitted_us, ended_us = record.submitted_us[accepted], record.ended_us[accepted]
    limit = spec.pending
    if limit is not None:
        pending = count_inside(submitted_us, ended_us[ended_us >= 0])
        index = first(pending.times_us, pending.values > limit)
        if index is not None:
            whose = record.workload.accounts[account]
            message = f"account {whose!r} has {pending.values[index]} pending jobs, its limit is {limit}"
            yield Violation(int(pending.times_us[index]), message)
    rejected_us = record.submitted_us[jobs]
    # what ended in that very instant may have been pending still
    most = np.searchsorted(np.sort(submitted_us), rejected_us, side="right")
    most = most - np.searchsorted(np.sort(ended_us[ended_us >= 0]), rejected_us, side="left")
    reached = np.zeros(len(jobs), dtype=np.bool_) if limit is None else most >= limit
    yield from _check_rejections(facts, jobs, Reason.TOO_MANY_PENDING, reached)


def _check_rate(facts: Facts, spec: AccountSpec, jobs: Int64Array) -> Iterator[Violation]:
    """Accepted submissions in (t - window, t]."""
    record = facts.record
    accepted_us = np.sort(record.submitted_us[jobs[is_accepted(record)[jobs]]])
    submitted_us = record.submitted_us[jobs]
    limit = spec.submissions
    reached = np.zeros(len(jobs), dtype=np.bool_)
    if limit is not None:
        count = _in_window(accepted_us, accepted_us, limit)
        index = first(accepted_us, count > limit.amount)
        if index is not None:
            message = f"the limit of submissions is {limit.amount}, and {count[index]} are accepted"
            yield Violation(int(accepted_us[index]), message)
        reached = _in_window(accepted_us, submitted_us, limit) >= limit.amount
    yield from _check_rejections(facts, jobs, Reason.RATE_LIMITED, reached)


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
        index = first(record.submitted_us[jobs], is_accepted(record)[jobs] & beyond)
        if index is not None:
            message = (
                f"{facts.job(jobs[index])} is accepted, although its account has used {least[index]} us "
                f"of its quota of {quota.amount} us"
            )
            yield Violation(submitted_us[index], message)
    yield from _check_rejections(facts, jobs, Reason.QUOTA_EXCEEDED, reached)


def _check_rejections(
    facts: Facts, jobs: Int64Array, reason: Reason, justified: BoolArray
) -> Iterator[Violation]:
    submitted_us = facts.record.submitted_us[jobs]
    index = first(submitted_us, (facts.record.reason[jobs] == reason) & ~justified)
    if index is not None:
        yield _unjustified(facts, int(jobs[index]))


def _unjustified(facts: Facts, job: int) -> Violation:
    reason = Reason(facts.record.reason[job]).name
    message = f"{facts.job(job)} is rejected with {reason}, which its plan does not say"
    return Violation(int(facts.record.submitted_us[job]), message)

"""S71 and S77 to S79: what becomes of jobs, and how long they wait."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from qsession_sim.queueing.recursions import lindley
from qsession_sim.queueing.statistics import exact_sum
from qsession_sim.queueing.step_functions import StepFunction, count_inside, integral
from qsession_sim.results.columns import job_modes, queue_length
from qsession_sim.results.periods import (
    accepted_jobs,
    has_stay,
    is_accepted,
    is_of_qpu,
    over_us,
    queue_stays,
)
from qsession_sim.results.record import JOB, STARTED, Record
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, JobStatus, Mode, Reason
from qsession_sim.testing.facts import AccountUsage, BoolArray, Facts, QpuFacts, Violation, first
from qsession_sim.workload.columns import Int64Array

_REASONS: Final = {
    JobStage.DONE: {Reason.NONE},
    JobStage.CANCELLED: {Reason.MAX_TIME, Reason.SESSION_CANCELLED, Reason.JOB_CANCELLED},  # S16, S18, S25
    JobStage.ERROR: {Reason.MAX_TIME, Reason.RAN_TOO_LONG, Reason.QPU_FAILED},  # S16, S44, S52
    JobStage.REJECTED: {  # S20
        Reason.SESSION_NOT_CREATED,
        Reason.CLIENT_TOO_OLD,
        Reason.SESSIONS_NOT_IN_PLAN,
        Reason.SESSION_CLOSED,
        Reason.EXECUTION_TIME_EXCEEDS_SESSION,
        Reason.QUOTA_EXCEEDED,
        Reason.TOO_MANY_PENDING,
        Reason.RATE_LIMITED,
    },
}
_UNFINISHED: Final = {Reason.NONE}


def check_outcomes(facts: Facts) -> Iterator[Violation]:
    """S71: status, reason and instants of every job tell one story."""
    record = facts.record
    submitted_us = record.submitted_us
    fits = (submitted_us < 0) & (record.stage < 0) & (record.reason == Reason.NONE)
    fits &= (record.started_us < 0) & (record.ended_us < 0)
    in_order = _phases_in_order(record)
    for stage in JobStage:
        reasons = _REASONS.get(stage, _UNFINISHED)
        has_reason = np.isin(record.reason, [int(reason) for reason in reasons])
        fits |= (record.stage == stage) & has_reason & in_order & _instants_fit(record, stage)
    index = first(submitted_us, ~fits)
    if index is not None:
        message = (
            f"{facts.job(index)} has status {record.stage[index]}, reason {record.reason[index]}, "
            f"started {record.started_us[index]} us, ended {record.ended_us[index]} us: not one outcome"
        )
        yield Violation(min(max(int(submitted_us[index]), 0), record.end_us), message)


def check_failures_after_close(facts: Facts) -> Iterator[Violation]:
    """S77: a queued job fails by max_time or cancel of its session or by its own cancel only."""
    record = facts.record
    failed = (record.stage == JobStatus.ERROR) | (record.stage == JobStatus.CANCELLED)
    job = np.flatnonzero(failed & ~has_stay(record))
    session, reason, ended_us = record.job_session[job], record.reason[job], record.ended_us[job]
    justified = reason == Reason.JOB_CANCELLED
    of_session = np.flatnonzero(session >= 0)
    owner = session[of_session]
    for of_job, of_owner in (
        (Reason.MAX_TIME, Reason.MAX_TIME),
        (Reason.SESSION_CANCELLED, Reason.CANCELLED),
    ):
        justified[of_session] |= (
            (reason[of_session] == of_job)
            & (facts.closed_by[owner] == of_owner)
            & (facts.closed_us[owner] == ended_us[of_session])
        )
    index = first(ended_us, ~justified)
    if index is not None:
        cause = Reason(record.reason[job[index]]).name
        message = f"{facts.job(job[index])} was queued and failed with {cause}, which did not happen then"
        yield Violation(int(ended_us[index]), message)


def check_little(facts: Facts) -> Iterator[Violation]:
    """S78: time integrals of the numbers in the queue and in the system equal the sums over jobs, exactly."""
    for qpu in facts.qpus:
        yield from _check_little_of(facts.record, qpu)


def _check_little_of(record: Record, qpu: QpuFacts) -> Iterator[Violation]:
    entered_us, left_us = queue_stays(record, qpu.number)
    waited_us = exact_sum(_cut(left_us, record.end_us) - entered_us)
    job = np.flatnonzero(is_of_qpu(record, is_accepted(record), qpu.number))
    stayed_us = exact_sum(_cut(record.ended_us[job], record.end_us) - record.submitted_us[job])
    processed_us = exact_sum(_post_processing_us(record, job))
    table = qpu.queue_length
    # a table that is wrong may hold nulls, which are no integers in NumPy
    queued = StepFunction(table["time_us"].to_numpy(), table["queued"].fill_null(NEVER).to_numpy())
    busy = qpu.intervals.filter(qpu.intervals["kind"] == "busy")
    queued_us = integral(queued, 0, record.end_us)
    busy_us = exact_sum((busy["end_us"] - busy["start_us"]).to_numpy())
    message = None
    if queued_us != waited_us:
        message = f"the integral of the queue length is {queued_us} us, its jobs waited {waited_us} us"
    elif queued_us + busy_us + processed_us != stayed_us:
        held_us = queued_us + busy_us + processed_us
        message = f"queue and QPU hold jobs for {held_us} us, the jobs stayed {stayed_us} us"
    if message is not None:
        expected = queue_length(record, qpu.number)
        yield Violation(_first_difference(queued, expected, record.end_us), message)


def _cut(time_us: Int64Array, end_us: int) -> Int64Array:
    """Times up to the end of the run, which is where what has not ended is cut."""
    return np.where(time_us < 0, end_us, np.minimum(time_us, end_us))


def _post_processing_us(record: Record, job: Int64Array) -> Int64Array:
    """How long each of the jobs was post-processed up to the end of the run (S40)."""
    if record.left_us is None:
        return np.zeros(len(job), dtype=np.int64)
    since_us, until_us = record.left_us[job], _cut(record.ended_us[job], record.end_us)
    return np.where(has_stay(record)[job] & (since_us >= 0), until_us - since_us, 0)


def check_lindley(facts: Facts) -> Iterator[Violation]:
    """S79, where it applies: all in job mode, first in first out, no cancels, no horizon."""
    record = facts.record
    job = accepted_jobs(record)
    applies = (
        len(record.qpus) == 1
        and len(record.windows) == 0
        and record.ready_us is None
        and facts.resolved.policies.queue.name == "fifo"
        and facts.resolved.horizon is None
        and np.all(record.job_session[record.submitted_us >= 0] < 0)
        and np.all(_ran(record)[job])
    )
    if not applies:
        return
    job = job[np.argsort(record.submitted_us[job], kind="stable")]
    submitted_us, started_us = record.submitted_us[job], record.started_us[job]
    expected_us = lindley(submitted_us, over_us(record)[job] - started_us)
    found_us = started_us - submitted_us
    index = first(submitted_us + np.minimum(expected_us, found_us), expected_us != found_us)
    if index is not None:
        time_us = int(submitted_us[index] + min(expected_us[index], found_us[index]))
        message = f"{facts.job(job[index])} waits {found_us[index]} us instead of {expected_us[index]} us"
        yield Violation(time_us, message)


def _instants_fit(record: Record, stage: JobStage) -> BoolArray:
    """Whether a job of this stage was submitted, started and ended in a possible order."""
    submitted_us, started_us, ended_us = record.submitted_us, record.started_us, record.ended_us
    in_time: BoolArray = (submitted_us >= 0) & (np.maximum(started_us, ended_us) <= record.end_us)
    in_time &= submitted_us <= record.end_us
    waited: BoolArray = started_us < 0
    started: BoolArray = started_us >= submitted_us
    ended: BoolArray
    if stage in (JobStage.QUEUED, JobStage.PREPARING, JobStage.READY):
        return in_time & waited & (ended_us < 0)
    if stage in (JobStage.RUNNING, JobStage.POST_PROCESSING):
        return in_time & started & has_stay(record) & (ended_us < 0)
    if stage is JobStage.REQUEUED:  # S52
        return in_time & started & ~has_stay(record) & (ended_us < 0)
    if stage is JobStage.DONE:
        return in_time & started & has_stay(record) & (over_us(record) > started_us)  # S2
    if stage is JobStage.REJECTED:
        ended = ended_us == submitted_us  # S5
        return in_time & waited & ended
    ended = ended_us >= np.maximum(started_us, submitted_us)
    return in_time & (waited | started) & ended


def _phases_in_order(record: Record) -> BoolArray:
    """Whether the phases of each job that have happened did so in their order (S40)."""
    fits = np.ones(len(record.stage), dtype=np.bool_)
    latest_us = record.submitted_us
    first_start_us = record.started_us.copy()
    lost = record.lost_runs
    np.minimum.at(first_start_us, lost[:, JOB], lost[:, STARTED])
    phases = (record.preparing_us, record.ready_us, first_start_us, record.left_us, record.ended_us)
    for instant_us in phases:
        if instant_us is not None:
            happened = instant_us >= 0
            fits &= ~happened | (instant_us >= latest_us)
            latest_us = np.where(happened, instant_us, latest_us)
    return fits


def _ran(record: Record) -> BoolArray:
    """Whether each job ended by itself, done or cut."""
    done: BoolArray = record.stage == JobStatus.DONE
    cut: BoolArray = (record.stage == JobStatus.ERROR) & (record.reason == Reason.RAN_TOO_LONG)
    return done | cut


def _first_difference(found: StepFunction, expected: StepFunction, end_us: int) -> int:
    """The first time at which two step functions differ, or the end of the run."""
    times_us = np.union1d(found.times_us, expected.times_us)
    differs = _values(found, times_us) != _values(expected, times_us)
    return int(times_us[np.argmax(differs)]) if differs.any() else end_us


def _values(step: StepFunction, times_us: Int64Array) -> Int64Array:
    """The values, -1 before the first one."""
    values = np.concatenate((np.array([-1]), step.values))
    return values[np.searchsorted(step.times_us, times_us, side="right")]


# -- S42: how many jobs are prepared at once.


def check_lanes(facts: Facts) -> Iterator[Violation]:
    """S42: no more jobs prepare at once, and no more in job mode are prepared ahead, than there are lanes."""
    record = facts.record
    if record.preparing_us is None or record.ready_us is None:
        return
    left_us = np.where(record.started_us >= 0, record.started_us, record.ended_us)
    lost = record.lost_runs
    np.minimum.at(left_us, lost[:, JOB], lost[:, STARTED])
    ready_us = np.where(record.ready_us >= 0, record.ready_us, record.ended_us)
    for qpu in facts.qpus:
        prepares = is_of_qpu(record, is_accepted(record) & (record.preparing_us >= 0), qpu.number)
        yield from _check_at_most(facts, qpu, np.flatnonzero(prepares), ready_us, "prepare at once")
        ahead = np.flatnonzero(prepares & (record.job_session < 0))
        yield from _check_at_most(facts, qpu, ahead, left_us, "in job mode are prepared ahead")


def _check_at_most(
    facts: Facts, qpu: QpuFacts, job: Int64Array, until_us: Int64Array, words: str
) -> Iterator[Violation]:
    preparing_us = facts.record.preparing_us
    if preparing_us is None:
        return
    lanes = facts.record.workload.qpu_specs[qpu.number].lanes
    leaves = until_us[job][until_us[job] != NEVER]
    inside = count_inside(preparing_us[job], leaves)
    if inside.values.max() > lanes:
        index = int(np.argmax(inside.values > lanes))
        message = f"{inside.values[index]} jobs {words} on QPU {qpu.name!r}, which has {lanes} lanes"
        yield Violation(int(inside.times_us[index]), message)


# -- S60: what the plans of accounts allow, and that rejections for it are justified (S20, S23).

_OF_SESSIONS = (Reason.CLIENT_TOO_OLD, Reason.SESSIONS_NOT_IN_PLAN)
_OF_LIMITS = (Reason.QUOTA_EXCEEDED, Reason.TOO_MANY_PENDING, Reason.RATE_LIMITED)


def check_limits(facts: Facts) -> Iterator[Violation]:
    """S60: no submission is accepted that a plan forbids, and none rejected that it allows."""
    record = facts.record
    account = record.workload.jobs.account
    specs = record.account_specs
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


# -- S63: who goes first where the queue policy is `fair_share`.

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

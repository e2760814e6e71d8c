"""What plans allow, what is charged, and the order of the normal queue (S20, S23, S28, S60, S62, S63)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from qsession_sim.scheduler.plan import AccountSpec
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason, SessionState
from qsession_sim.verification.naive.histories import Job

if TYPE_CHECKING:
    from qsession_sim.verification.naive.service import Service


class Policy(Enum):
    """Queue policies that the model knows."""

    FIFO = "fifo"
    URGENT = "strict priority"
    FAIR_SHARE = "fair share"


WITHOUT_ACCOUNTS = (Policy.FIFO, Policy.URGENT)
"""The policies that ask nothing about accounts."""


def policy_key(service: Service, job: Job) -> tuple[int, ...]:
    """The key of the queue policy now; the smallest goes first."""
    match service.policy:
        case Policy.FIFO:
            return ()
        case Policy.URGENT:
            return (-job.spec.priority,)
        case Policy.FAIR_SHARE:
            return share_of(service, job.spec.account)


def share_of(service: Service, account: int) -> tuple[int, int]:
    """S63: what an account consumed over what it was allocated, in billionths; last without an allocation."""
    allocated = service.accounts.get(account, AccountSpec()).allocation_us
    if allocated == 0:
        return (1, 0)
    consumed = usage_in(service, account, service.share_window)
    return (0, consumed * 10**9 // allocated)


def why_rejected(service: Service, number: int) -> Reason:
    """S20: the first reason that applies, or none."""
    job = service.jobs[number]
    account = job.spec.account
    plan = service.accounts.get(account, AccountSpec())
    if job.session != NEVER:
        reason = why_session_rejects(service, job, plan)
        if reason != Reason.NONE:
            return reason
    if plan.quota is not None and usage_in(service, account, plan.quota.window_us) >= plan.quota.amount:
        return Reason.QUOTA_EXCEEDED
    accepted = [job for job in service.jobs if job.spec.account == account and job.accepted]
    accepted = [other for other in accepted if other is not job]
    if plan.pending is not None and sum(other.ended is None for other in accepted) >= plan.pending:
        return Reason.TOO_MANY_PENDING
    if plan.submissions is not None:
        since = service.now - plan.submissions.window_us  # (t - w, t]
        recent = [other for other in accepted if other.submitted is not None and other.submitted > since]
        if len(recent) >= plan.submissions.amount:
            return Reason.RATE_LIMITED
    return Reason.NONE


def why_session_rejects(service: Service, job: Job, plan: AccountSpec) -> Reason:
    """S20: the reasons that come from a job's session, in their order."""
    session = service.sessions[job.session]
    too_old_from = plan.client_too_old_from_us
    if session.state is None:
        return Reason.SESSION_NOT_CREATED
    if too_old_from != NEVER and service.now >= too_old_from:  # S23
        return Reason.CLIENT_TOO_OLD
    if not (plan.batches if session.spec.mode == Mode.BATCH else plan.sessions):
        return Reason.SESSIONS_NOT_IN_PLAN
    if not session.accepting:
        return Reason.SESSION_CLOSED
    if job.spec.max_execution_time_us > session.spec.max_time_us:  # S24
        return Reason.EXECUTION_TIME_EXCEEDS_SESSION
    return Reason.NONE


def usage_in(service: Service, account: int, window: int, time: int | None = None) -> int:
    """S60, S62: what an account used in (t - w, t]; at a time to come, if what lasts goes on to last."""
    time = service.now if time is None else time
    return sum(
        max(0, (time if end is None else min(end, time)) - max(start, time - window))
        for start, end in charged(service, account)
    )


def events_of_account(service: Service, account: int) -> Iterator[tuple[int, Callable[[], None]]]:
    """S28: the instant in which its quota is reached, where that ends what it has."""
    rise = next_rise(service, account) if service.accounts[account].quota_ends else None
    if rise is not None:
        yield rise, partial(reach_quota, service, account)


def next_rise(service: Service, account: int) -> int | None:
    """S28: the first time from now on at which the quota is reached after usage was below it."""
    quota = service.accounts[account].quota
    if quota is None:
        return None
    bends = {edge for stretch in charged(service, account) for edge in stretch if edge is not None}
    bends |= {edge + quota.window_us for edge in bends}
    bends = {bend for bend in bends if bend > service.now} | {service.now}
    is_below = service.is_below[account]
    for start, end in itertools.pairwise([*sorted(bends), max(bends) + quota.window_us]):
        low, high = (usage_in(service, account, quota.window_us, time) for time in (start, end))
        is_below = is_below or low < quota.amount
        if is_below and low >= quota.amount:
            return start
        if is_below and high >= quota.amount:  # a straight line from start to end
            return start + -(-(quota.amount - low) * (end - start) // (high - low))
        is_below = high < quota.amount
    return None


def note_usage(service: Service, time: int) -> None:
    """S28: remember which accounts are below their quota at a time."""
    for account, plan in service.accounts.items():
        if plan.quota is not None and plan.quota_ends:
            used = usage_in(service, account, plan.quota.window_us, time)
            service.is_below[account] |= used < plan.quota.amount


def reach_quota(service: Service, account: int) -> None:
    """S28: everything of the account ends that does not run."""
    service.is_below[account] = False
    for number, session in enumerate(service.sessions):
        if session.spec.account == account and session.state not in (None, SessionState.CLOSED):
            service.end_session(number, Reason.COST_LIMIT)
    jobs = [n for n, job in enumerate(service.jobs) if job.spec.account == account and job.session == NEVER]
    for number in sorted(jobs, key=lambda n: (service.jobs[n].submitted or 0, n)):
        if service.jobs[number].queued:
            service.end_job(number, JobStatus.CANCELLED, Reason.COST_LIMIT)


def charged(service: Service, account: int) -> Iterator[tuple[int, int | None]]:
    """S62: of a session its activations, each up to the end of its job on the QPU then; of a batch and a job
    in job mode the time on the QPU, unless the QPU failed."""
    for number, session in enumerate(service.sessions):
        if session.spec.account != account or session.spec.mode != Mode.SESSION:
            continue
        stays = [stay for job in service.jobs if job.session == number for stay in job.stays]
        for index, activation in enumerate(session.activations):
            ends = [activation.end, *(stay.end for stay in stays if stay.activation == index)]
            known = [end for end in ends if end is not None]
            yield activation.start, max(known) if len(known) == len(ends) else None
    for job in service.jobs:
        if job.spec.account != account:
            continue
        if job.session != NEVER and service.sessions[job.session].spec.mode == Mode.SESSION:
            continue
        yield from ((stay.start, stay.end) for stay in job.stays if stay.costs)

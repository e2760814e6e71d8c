"""What plans allow, what is charged, and the order of the normal queue (S20, S23, S60, S62, S63)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from qsession_sim.scheduler.plan import AccountSpec
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason

from .histories import Job

if TYPE_CHECKING:
    from .naive import Service


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


def usage_in(service: Service, account: int, window: int) -> int:
    """S60, S62: what an account used in (t - w, t]."""
    since = service.now - window
    return sum(
        max(0, end - max(start, since))
        for start, end in (*charged_sessions(service, account), *charged_jobs(service, account))
    )


def charged_sessions(service: Service, account: int) -> list[tuple[int, int]]:
    """S62: of a session its activations, each up to the end of its job on the QPU then."""
    charged = []
    for number, session in enumerate(service.sessions):
        if session.spec.account != account or session.spec.mode != Mode.SESSION:
            continue
        stays = [stay for job in service.jobs if job.session == number for stay in job.stays]
        for index, activation in enumerate(session.activations):
            ends = [activation.end, *(stay.end for stay in stays if stay.activation == index)]
            charged.append((activation.start, max(service.now if end is None else end for end in ends)))
    return charged


def charged_jobs(service: Service, account: int) -> list[tuple[int, int]]:
    """S62: of a batch and a job in job mode the time on the QPU, unless the QPU failed."""
    charged = []
    for job in service.jobs:
        if job.spec.account != account:
            continue
        if job.session != NEVER and service.sessions[job.session].spec.mode == Mode.SESSION:
            continue
        stays = [stay for stay in job.stays if stay.costs]
        charged += [(stay.start, service.now if stay.end is None else stay.end) for stay in stays]
    return charged

"""What a scheduler says happened, in the terms of the naive model."""

from __future__ import annotations

from collections.abc import Callable

from qsession_sim.policies.registry import queue_policy
from qsession_sim.scheduler.plan import Plan
from qsession_sim.scheduler.queues import QueuePolicy, ordered_by
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.view import JobView
from qsession_sim.verification.naive.histories import Facts
from qsession_sim.verification.naive.limit_rules import Policy
from qsession_sim.verification.naive.observed import facts_of
from qsession_sim.verification.naive.service import Service

from .strategies import ACCOUNTS, Workload


def most_urgent_first(job: JobView) -> tuple[int, ...]:
    """Strict priority."""
    return (-job.priority,)


def policy_of(workload: Workload) -> QueuePolicy:
    """What orders the normal queues of `workload`."""
    match workload.policy:
        case Policy.FIFO:
            return ordered_by(None)
        case Policy.URGENT:
            return ordered_by(most_urgent_first)
        case Policy.FAIR_SHARE:
            return queue_policy({"name": "fair_share", "window": f"{workload.share_window_us}us"})


def scheduler_for(
    workload: Workload, on_program_job_end: Callable[[int], None] = lambda job: None
) -> Scheduler:
    """A scheduler that is about to run `workload`."""
    return Scheduler(plan_for(workload), workload.rules, None, on_program_job_end, policy_of(workload))


def plan_for(workload: Workload) -> Plan:
    """What the scheduler, and the kernel, know of `workload`."""
    return Plan.of(
        workload.jobs,
        workload.sessions,
        workload.clients,
        [f"account {number}" for number in range(ACCOUNTS)],
        qpus=tuple(workload.qpus),
        windows=tuple(workload.windows),
        account_specs=workload.accounts,
        qpu_times_us=workload.qpu_times_us,
        estimates_us=workload.estimates_us,
        more_after=workload.more_after,
    )


def model_for(workload: Workload) -> Service:
    """The naive model of `workload`."""
    return Service(
        workload.jobs,
        workload.sessions,
        workload.clients,
        workload.rules,
        workload.policy,
        workload.qpus,
        workload.windows,
        workload.accounts,
        workload.qpu_times_us,
        workload.estimates_us,
        workload.share_window_us,
        workload.more_after,
    )


def run(scheduler: Scheduler, horizon_us: int | None, at_most: int) -> Facts:
    """Run to the end in pieces of `at_most` events."""
    if horizon_us is None:
        while not scheduler.advance_while_needed(at_most=at_most):
            pass
    else:
        while not scheduler.advance(horizon_us - 1, at_most=at_most):
            pass
        scheduler.finish_at(horizon_us)
    return facts_of(scheduler.journal, scheduler.now_us)

"""What a scheduler says happened, in the terms of the naive model."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from qsession_sim.policies.registry import queue_policy
from qsession_sim.scheduler.columns import LOST_RUN_FIELDS, TRANSITION_FIELDS, WINDOW_FIELDS, Journal
from qsession_sim.scheduler.plan import Plan
from qsession_sim.scheduler.queues import QueuePolicy, ordered_by
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import ACCEPTS, STATE_OF, SessionPhase
from qsession_sim.scheduler.view import JobView
from qsession_sim.scheduler.vocabulary import NEVER, PUBLIC_STATUS, JobStatus, Reason
from qsession_sim.verification.naive.histories import Facts, JobFacts, Public
from qsession_sim.verification.naive.limit_rules import Policy
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
    plan = Plan.of(
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
    return Scheduler(plan, workload.rules, None, on_program_job_end, policy_of(workload))


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
    return facts_of(scheduler)


def facts_of(scheduler: Scheduler) -> Facts:
    """What is in the journal of a scheduler."""
    journal = scheduler.journal
    submitted = [number for number, submitted_us in enumerate(journal.submitted_us) if submitted_us != NEVER]
    lost_runs = rows(journal.lost_runs, len(LOST_RUN_FIELDS))
    lost_starts = {(job, started_us) for job, _, started_us, _ in lost_runs}
    return Facts(
        {number: job_facts(journal, number, lost_starts) for number in submitted},
        [change(row) for row in rows(journal.transitions, len(TRANSITION_FIELDS))],
        lost_runs,
        rows(journal.windows, len(WINDOW_FIELDS)),
        scheduler.now_us,
    )


def rows(flat: array[int], width: int) -> list[tuple[int, ...]]:
    return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


def change(row: Sequence[int]) -> tuple[int, int, Public, Public, Reason]:
    time_us, session, before, _, after, reason = row
    public = [(STATE_OF[phase], phase in ACCEPTS) for phase in (SessionPhase(before), SessionPhase(after))]
    return time_us, session, public[0], public[1], Reason(reason)


def job_facts(journal: Journal, job: int, lost_starts: set[tuple[int, int]]) -> JobFacts:
    """The row of a job; a column that the run did not need says what its documentation says."""
    submitted_us, ended_us = journal.submitted_us[job], journal.ended_us[job]
    stage, started_us = journal.stage[job], journal.started_us[job]
    accepted = stage != JobStatus.REJECTED
    stayed = started_us != NEVER and (job, started_us) not in lost_starts
    return JobFacts(
        journal.session[job],
        journal.qpu[job] if journal.qpu else 0,
        submitted_us,
        journal.preparing_us[job] if journal.preparing_us else NEVER,
        journal.ready_us[job] if journal.ready_us else (submitted_us if accepted else NEVER),
        started_us,
        journal.left_us[job] if journal.left_us else (ended_us if stayed else NEVER),
        ended_us,
        JobStatus(PUBLIC_STATUS[stage]),
        Reason(journal.reason[job]),
    )

"""What a scheduler says happened, in the terms of the naive model."""

from __future__ import annotations

from collections.abc import Callable

from qsession_sim.scheduler.journal import TRANSITION_FIELDS
from qsession_sim.scheduler.plan import Plan
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import ACCEPTS, STATE_OF, Phase
from qsession_sim.scheduler.view import JobView
from qsession_sim.scheduler.vocabulary import NEVER, Reason

from .histories import Facts
from .strategies import Workload


def most_urgent_first(job: JobView) -> tuple[int, ...]:
    """Strict priority."""
    return (-job.priority,)


def scheduler_for(
    workload: Workload, on_program_job_end: Callable[[int], None] = lambda job: None
) -> Scheduler:
    """A scheduler that is about to run `workload`."""
    plan = Plan.of(workload.jobs, workload.sessions, workload.clients)
    key = most_urgent_first if workload.most_urgent_first else None
    return Scheduler(plan, workload.rules, key, on_program_job_end)


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
    rows = zip(
        journal.session,
        journal.submitted_us,
        journal.started_us,
        journal.ended_us,
        journal.status,
        journal.reason,
        strict=True,
    )
    jobs = {number: row for number, row in enumerate(rows) if row[1] != NEVER}
    width = len(TRANSITION_FIELDS)
    flat = journal.transitions
    changes = []
    for start in range(0, len(flat), width):
        time_us, session, before, _, after, reason = flat[start : start + width]
        phases = Phase(before), Phase(after)
        public = [(STATE_OF[phase], phase in ACCEPTS) for phase in phases]
        changes.append((time_us, session, public[0], public[1], Reason(reason)))
    return Facts(jobs, changes, scheduler.now_us)

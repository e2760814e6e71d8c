"""What may happen next to sessions and jobs, and when (S3, S5, S9 to S25, S40 to S44)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, JobStatus, Reason, SessionState
from qsession_sim.verification.naive.histories import Job, Order, Session, Stage

if TYPE_CHECKING:
    from qsession_sim.verification.naive.service import Service

Due = tuple[int, Order, Callable[[], None]]


def events_of_session(service: Service, number: int) -> Iterator[Due]:
    """The events that may come next to a session: its creation, its orders, its clocks."""
    session = service.sessions[number]
    if session.state is None and session.spec.created_us != NEVER:
        yield session.spec.created_us, Order.CREATE, partial(service.create, number)
    for name, time in orders_to_come(session):
        rank, command = (Order.CANCEL, service.cancel) if "cancel" in name else (Order.CLOSE, service.close)
        yield time, rank, partial(service.serve_order, session, name, command, number)
    if session.created is None or session.state == SessionState.CLOSED:
        return
    jobs = service.accepted_jobs_of(number)
    if not jobs:  # S21
        time = session.created + service.rules.unused_timeout_us
        yield time, Order.MAX_TIME, partial(service.end_session, number, Reason.UNUSED)
    starts = [stay.start for job in jobs for stay in job.stays]
    if starts:  # S11
        time = min(starts) + session.spec.max_time_us
        yield time, Order.MAX_TIME, partial(service.end_session, number, Reason.MAX_TIME)
    if session.emptied is not None:  # S13, S14
        time = session.emptied + session.allowed
        yield time, Order.ITTL, partial(service.show, number, (SessionState.INACTIVE, True))


def events_of_job(service: Service, number: int) -> Iterator[Due]:
    """The events that may come next to a job: its submission, its stages, its cancels, its patience."""
    job = service.jobs[number]
    if job.stage == Stage.ON_QPU:
        needed, limit = service.qpu_time(job, job.qpu), execution_limit(service, job)
        cut = limit is not None and needed > limit
        time = job.stays[-1].start + (limit if cut and limit is not None else needed)
        yield time, Order.FINISH, partial(service.leave_qpu, number, cut=cut)
    if job.stage == Stage.POST_PROCESSING:
        assert job.stays[-1].end is not None
        time = job.stays[-1].end + job.spec.post_processing_us
        yield time, Order.POST_DONE, partial(service.end_job, number, JobStatus.DONE, Reason.NONE)
    if job.stage == Stage.PREPARING:
        assert job.preparing is not None
        yield job.preparing + job.spec.preparation_us, Order.READY, partial(service.be_ready, number)
    due = submission_of(service, job)
    if job.submitted is None and due is not None:
        yield due, Order.SUBMIT, partial(service.submit, number)
    if job.ended is not None:  # S25: a cancel to come does nothing any more
        return
    cancels = {"cancel": job.spec.cancel_us}
    if job.submitted is not None and job.spec.cancel_after_us != NEVER:
        cancels["cancel_after"] = job.submitted + job.spec.cancel_after_us
    for name, time in cancels.items():
        if time != NEVER and name not in job.orders_served:
            yield time, Order.CANCEL, partial(service.serve_order, job, name, service.cancel_job, number)
    if job.submitted is not None and job.spec.patience_us != NEVER and not job.stays:  # S27: after the user's
        time = job.submitted + job.spec.patience_us
        yield time, Order.CANCEL, partial(service.end_job, number, JobStatus.CANCELLED, Reason.RENEGED)


def execution_limit(service: Service, job: Job) -> int | None:
    """S44: the job's own limit, at most that of the rules."""
    if job.spec.max_execution_time_us == NO_LIMIT:
        return None
    limits = [job.spec.max_execution_time_us, service.rules.max_execution_time_us]
    return min((limit for limit in limits if limit != NEVER), default=None)


def submission_of(service: Service, job: Job) -> int | None:
    """S5: when it is submitted, as far as that is known."""
    if job.due is not None or job.spec.after == NEVER or job.spec.client != NEVER:
        return job.due
    before = [service.jobs[n] for n in (job.spec.after, *service.more_after.get(job.drawn, ()))]
    ends = [other.ended for other in before if other.ended is not None]
    return max(ends) + job.spec.think_us if len(ends) == len(before) else None


def orders_to_come(session: Session) -> list[tuple[str, int]]:
    """The closes and cancels of a session that are not served yet and whose time is known."""
    if session.state == SessionState.CLOSED:
        return []
    spec = session.spec
    orders = {"close": spec.close_us, "cancel": spec.cancel_us, **session.orders}
    created = spec.created_us if session.created is None else session.created
    if created != NEVER:
        afters = {"close_after": spec.close_after_us, "cancel_after": spec.cancel_after_us}
        orders |= {name: created + after for name, after in afters.items() if after != NEVER}
    return [
        (name, time) for name, time in orders.items() if time != NEVER and name not in session.orders_served
    ]

"""What iterative clients do (S64 to S66)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, OnError, OnFinish, OnRejection, Reason
from qsession_sim.verification.naive import qpu_rules
from qsession_sim.verification.naive.histories import Client, Job

if TYPE_CHECKING:
    from qsession_sim.verification.naive.service import Service


def react(service: Service, client: Client, number: int) -> None:
    """S64 to S66: what a client does in the instant in which its job ended."""
    job, spec = service.jobs[number], client.spec
    failed = job.status in (JobStatus.ERROR, JobStatus.CANCELLED)
    again = failed and spec.on_error == OnError.RETRY
    stops = failed and spec.on_error == OnError.STOP
    if job.status == JobStatus.REJECTED:
        again = job.reason == Reason.SESSION_CLOSED and spec.on_rejection != OnRejection.GIVE_UP
        stops = not again
        if again and spec.on_rejection == OnRejection.NEW_SESSION:
            client.further_sessions += 1
            first = service.sessions[spec.session].spec
            route = qpu_rules.route_of_repeat(service, first.route, client.further_sessions)
            client.session = service.add_session(replace(first, route=route))
        elif again:
            client.session = NEVER
    if again:
        attempts = sum(other.drawn == job.drawn for other in service.jobs)
        route = qpu_rules.route_of_repeat(service, service.jobs[job.drawn].spec.route, attempts)
        repeated = replace(
            job.spec, at_us=noticed(service, client, job), after=NEVER, session=client.session, route=route
        )
        service.add_job(repeated, drawn=job.drawn)
    elif stops or client.iteration == spec.jobs - 1:
        finish(service, client, noticed(service, client, job))
    else:
        client.iteration += 1
        following = service.jobs[spec.first_job + client.iteration]
        following.session = client.session
        following.due = noticed(service, client, job) + following.spec.think_us


def noticed(service: Service, client: Client, job: Job) -> int:
    """S64: the first poll that is not before the end; a rejection is noticed at once."""
    if client.spec.poll_us == NEVER or job.status == JobStatus.REJECTED:
        return service.now
    assert job.submitted is not None
    poll = job.submitted + client.spec.poll_us
    while poll < service.now:
        poll += client.spec.poll_us
    return poll


def finish(service: Service, client: Client, time: int) -> None:
    """S64: the session of a client that is through is closed, cancelled or left in that instant."""
    if client.session != NEVER and client.spec.on_finish != OnFinish.LEAVE:
        name = "cancel of client" if client.spec.on_finish == OnFinish.CANCEL else "close of client"
        service.sessions[client.session].orders[name] = time

"""When a QPU does not serve everybody: windows of availability (S52, S53)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason, SessionState, WindowKind
from qsession_sim.verification.naive.histories import Stage
from qsession_sim.verification.naive.qpu_rules import holder_of, job_on, reserved_for

if TYPE_CHECKING:
    from qsession_sim.verification.naive.service import Service


def events_of_window(
    service: Service, number: int
) -> Iterator[tuple[int, tuple[int, int, int], Callable[[], None]]]:
    """At one instant of one QPU ends come before beginnings, then the number of the window counts."""
    window = service.windows[number]
    spec = window.spec
    for end in window.ends:
        yield end, (spec.qpu, 0, number), partial(window.ends.remove, end)
    if window.begun == 0 or spec.every_us != NEVER:
        time = spec.start_us + window.begun * spec.every_us if window.begun else spec.start_us
        yield time, (spec.qpu, 1, number), partial(begin, service, number)


def begin(service: Service, number: int) -> None:
    """A window begins; a calibration is only due (what it missed merges into one)."""
    window = service.windows[number]
    window.begun += 1
    if window.spec.kind == WindowKind.CALIBRATION:
        window.due_since = service.now if window.due_since is None else window.due_since
        return
    put_in_force(service, number)
    job = job_on(service, window.spec.qpu)
    if window.spec.kind == WindowKind.OUTAGE and job is not None:
        fail(service, job)


def put_in_force(service: Service, number: int) -> None:
    """From now on it lasts as long as it was to last."""
    window, spec = service.windows[number], service.windows[number].spec
    end = service.now + spec.duration_us
    window.due_since = None
    window.ends.append(end)
    service.window_log.append((spec.qpu, spec.kind, number, service.now, end))


def fail(service: Service, number: int) -> None:
    """S52: the job that an outage hits ends, or is queued again at the head of its queue."""
    job = service.jobs[number]
    session = service.sessions[job.session] if job.session != NEVER else None
    over = session is not None and session.state == SessionState.CLOSED
    job.stays[-1] = job.stays[-1]._replace(end=service.now, costs=False)  # S62
    if over or not service.rules.requeues_after_outage:
        service.end_job(number, JobStatus.ERROR, Reason.QPU_FAILED)
        return
    service.lost_runs.append((number, job.qpu, job.stays[-1].start, service.now))
    job.stage = Stage.WAITING if job.preparing is None else Stage.PREPARED
    job.stays[-1] = job.stays[-1]._replace(is_lost=True)
    job.requeued = True


def deactivate_for_reservations(service: Service) -> None:
    """S52: a session of another account becomes inactive as soon as no job of it is on the QPU."""
    for qpu in range(len(service.qpus)):
        account, holder = reserved_for(service, qpu), holder_of(service, qpu)
        if account is None or holder is None:
            continue
        job, session = job_on(service, qpu), service.sessions[holder]
        own_runs = job is not None and service.jobs[job].session == holder
        if session.spec.account != account and not own_runs:
            service.show(holder, (SessionState.INACTIVE, session.accepting), Reason.RESERVATION)

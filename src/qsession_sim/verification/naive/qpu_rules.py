"""Who runs and prepares next on a QPU, and who comes to which (S12, S31 to S33, S42, S50 to S54)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qsession_sim.scheduler.plan import Routing
from qsession_sim.scheduler.vocabulary import NEVER, Mode, SessionState, WindowKind
from qsession_sim.verification.naive import limit_rules
from qsession_sim.verification.naive.histories import Job, Stage

if TYPE_CHECKING:
    from qsession_sim.verification.naive.service import Service

DOWN = (WindowKind.MAINTENANCE, WindowKind.OUTAGE, WindowKind.CALIBRATION)


def jobs_at(service: Service, qpu: int) -> list[int]:
    """The accepted jobs of a QPU."""
    return [number for number, job in enumerate(service.jobs) if job.qpu == qpu and job.accepted]


def job_on(service: Service, qpu: int) -> int | None:
    """S70: one job at most is on a QPU."""
    running = [n for n in jobs_at(service, qpu) if service.jobs[n].stage == Stage.ON_QPU]
    assert len(running) <= 1, "S70"
    return running[0] if running else None


def holder_of(service: Service, qpu: int) -> int | None:
    """S12: at most one session holds a QPU at any time."""
    sessions = enumerate(service.sessions)
    holders = [n for n, session in sessions if session.qpu == qpu and session.state == SessionState.ACTIVE]
    assert len(holders) <= 1, "S12"
    return holders[0] if holders else None


def windows_in_force(service: Service, qpu: int, *kinds: WindowKind) -> list[int]:
    """The windows of these kinds that are in force at a QPU."""
    windows = enumerate(service.windows)
    return [
        n for n, window in windows if window.spec.qpu == qpu and window.spec.kind in kinds and window.ends
    ]


def reserved_for(service: Service, qpu: int) -> int | None:
    """The account that a QPU is reserved for, if it is (S52)."""
    reservations = windows_in_force(service, qpu, WindowKind.RESERVATION)
    return service.windows[reservations[0]].spec.account if reservations else None


def action(service: Service, qpu: int) -> Callable[[], None] | None:
    """What a QPU does next at this instant: calibrate, start a job, or give a lane."""
    if service.qpus[qpu].simulator:  # S22: its jobs start at once and do not wait for each other
        queued = [number for number in jobs_at(service, qpu) if service.jobs[number].queued]
        return partial(service.start, min(queued)) if queued else None
    if job_on(service, qpu) is None and not windows_in_force(service, qpu, *DOWN):
        calibration = calibration_of(service, qpu)
        if calibration is not None:
            return partial(service.calibrate, calibration)
        job = next_start(service, qpu)
        if job is not None:
            return partial(service.start, job)
    job = next_preparation(service, qpu)
    return None if job is None else partial(service.prepare, job)


def calibration_of(service: Service, qpu: int) -> int | None:
    """S52: the calibration that is due and need not wait for a session; a batch never delays it."""
    holder = holder_of(service, qpu)
    is_session = holder is not None and service.sessions[holder].spec.mode == Mode.SESSION
    if is_session and not service.rules.calibrates_before_sessions:
        return None
    windows = [(n, window) for n, window in enumerate(service.windows) if window.spec.qpu == qpu]
    due = [(window.due_since, number) for number, window in windows if window.due_since is not None]
    return min(due)[1] if due else None


def allowed_at(service: Service, qpu: int) -> list[int]:
    """S52: in a reservation only jobs of its account count."""
    account = reserved_for(service, qpu)
    jobs = jobs_at(service, qpu)
    return [n for n in jobs if account is None or service.jobs[n].spec.account == account]


def next_start(service: Service, qpu: int) -> int | None:
    """S50, of a QPU that is free and up."""
    jobs = service.jobs
    ready = [number for number in allowed_at(service, qpu) if jobs[number].may_start]
    holder = holder_of(service, qpu)
    if holder is None:
        return min(ready, key=partial(place, service), default=None)
    of_batch = service.sessions[holder].spec.mode == Mode.BATCH
    own = [number for number in ready if jobs[number].session == holder]
    if own:  # S12, S33, S42
        return min(own, key=partial(place_of_batch if of_batch else place_of_session, service))
    foreign = [number for number in ready if jobs[number].session == NEVER]
    if not of_batch and service.rules.hold.fills_gaps:  # S51
        foreign = [number for number in foreign if fits(service, holder, number)]
    elif not of_batch and not service.rules.hold.lets_job_mode_in:  # S51
        return None
    return min(foreign, key=partial(place, service), default=None)  # S32


def fits(service: Service, holder: int, number: int) -> bool:
    """S51: the estimate fits in what is left of the ITTL, whose clock runs."""
    session = service.sessions[holder]
    if session.emptied is None:
        return False
    left = session.emptied + session.allowed - service.now
    return service.estimate(service.jobs[number], session.qpu) <= left


def next_preparation(service: Service, qpu: int) -> int | None:
    """S42: the job that gets a lane next."""
    jobs, lanes = service.jobs, service.qpus[qpu].lanes
    present = jobs_at(service, qpu)
    if sum(jobs[number].stage == Stage.PREPARING for number in present) >= lanes:
        return None
    allowed = allowed_at(service, qpu)
    waiting = [n for n in allowed if jobs[n].stage == Stage.WAITING and not jobs[n].may_start]
    holder = holder_of(service, qpu)
    own = [number for number in waiting if jobs[number].session == holder]
    if holder is not None and own:
        return min(own, key=partial(place_of_session, service))
    ahead = [number for number in present if is_ahead(service, jobs[number])]
    if holder is not None:
        waiting = [number for number in waiting if jobs[number].session == NEVER]
        ahead = [number for number in ahead if jobs[number].session == NEVER]
    if len(ahead) >= lanes or not waiting:
        return None
    return min(waiting, key=partial(place, service))


def is_ahead(service: Service, job: Job) -> bool:
    """S42: it prepares, or is ready, and its turn would only come by the normal queue."""
    if job.session != NEVER and service.sessions[job.session].state == SessionState.ACTIVE:
        return False
    return job.stage in (Stage.PREPARING, Stage.PREPARED) and not job.requeued


# ------------------------------------------------------------ order


def place(service: Service, number: int) -> tuple[int | None, ...]:
    """The normal queue: S52's requeued job at its head, then the policy, then (submitted, number)."""
    job = service.jobs[number]
    if job.requeued:
        return (0, job.submitted, number)
    return (1, *limit_rules.policy_key(service, job), job.submitted, number)


def place_of_session(service: Service, number: int) -> tuple[int | None, ...]:
    """S12, S42."""
    job = service.jobs[number]
    return (not job.requeued, job.submitted, number)


def place_of_batch(service: Service, number: int) -> tuple[int | None, ...]:
    """S33."""
    job = service.jobs[number]
    return (not job.requeued, job.ready, number)


# ------------------------------------------------------------ routing


def named(service: Service, job: Job) -> int:
    """The QPU that a job is for without being routed, or NEVER."""
    if len(service.qpus) == 1:
        return 0
    if job.session == NEVER:
        return job.spec.qpu
    session, real = service.sessions[job.session], real_qpus(service)
    if session.qpu == NEVER and session.spec.qpu == NEVER:
        return real[0] if len(real) == 1 else NEVER
    return max(session.qpu, session.spec.qpu)


def real_qpus(service: Service) -> list[int]:
    """Those that are no simulators."""
    return [qpu for qpu, spec in enumerate(service.qpus) if not spec.simulator]


def route(service: Service, pinned: int, number: int) -> int:
    """S54: the QPU of what comes to be now; never a simulator unless it is pinned there."""
    qpus = real_qpus(service)
    if pinned != NEVER:
        return pinned
    match service.rules.routing:
        case Routing.ROUND_ROBIN:
            service.routed += 1
            return qpus[(service.routed - 1) % len(qpus)]
        case Routing.RANDOM:
            return qpus[number % len(qpus)]
        case Routing.LEAST_BUSY:
            return min(qpus, key=lambda qpu: (len(queued_at(service, qpu)), qpu))
        case Routing.SHORTEST_EXPECTED_WAIT:
            return min(qpus, key=lambda qpu: (expected_wait(service, qpu), qpu))


def route_of_repeat(service: Service, drawn: int, repeats: int) -> int:
    """S54: splitmix64 of the number drawn for the first one and the count of repeats, where that matters."""
    if service.rules.routing != Routing.RANDOM:
        return drawn
    bits = 2**64
    number = (drawn + repeats + 0x9E3779B97F4A7C15) % bits
    number = (number ^ number // 2**30) * 0xBF58476D1CE4E5B9 % bits
    number = (number ^ number // 2**27) * 0x94D049BB133111EB % bits
    return (number ^ number // 2**31) % len(real_qpus(service))


def queued_at(service: Service, qpu: int) -> list[int]:
    """S41: what counts as queued."""
    return [number for number in jobs_at(service, qpu) if service.jobs[number].queued]


def expected_wait(service: Service, qpu: int) -> int:
    """S54: estimates of what is queued, and the rest of what runs."""
    wait = sum(service.estimate(service.jobs[number], qpu) for number in queued_at(service, qpu))
    running = job_on(service, qpu)
    if running is not None:
        job = service.jobs[running]
        wait += max(0, service.estimate(job, qpu) - (service.now - job.stays[-1].start))
    return wait

"""S17, S22, S54, S71 and S75 to S79: where jobs run and how long they wait, and the life of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from qsession_sim.queueing.recursions import lindley
from qsession_sim.queueing.statistics import exact_sum
from qsession_sim.queueing.step_functions import StepFunction, integral
from qsession_sim.results.columns import queue_length
from qsession_sim.results.periods import (
    PUBLIC_STATE,
    accepted_jobs,
    has_stay,
    is_accepted,
    is_of_qpu,
    job_qpu,
    look_up,
    over_us,
    queue_stays,
)
from qsession_sim.results.record import FROM, JOB, QPU, SESSION, STARTED, TIME, TO, Record
from qsession_sim.results.waits import PARTS, recorded_reservations, wait_frame
from qsession_sim.scheduler.transitions import ACCEPTS, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, JobStatus, Mode, Reason, SessionState
from qsession_sim.testing.facts import Facts, QpuFacts, Violation, earliest, on_each_qpu
from qsession_sim.workload.columns import BoolArray, Int64Array

_REASONS: Final = {
    JobStage.CANCELLED: {  # S16, S18, S25, S27, S28
        Reason.MAX_TIME,
        Reason.SESSION_CANCELLED,
        Reason.JOB_CANCELLED,
        Reason.RENEGED,
        Reason.COST_LIMIT,
    },
    JobStage.ERROR: {  # S16, S44, S52
        Reason.MAX_TIME,
        Reason.RAN_TOO_LONG,
        Reason.QPU_FAILED,
        Reason.PROGRAM_FAILED,
    },
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
"""Of stages that have any."""


def check_simulators(facts: Facts) -> Iterator[Violation]:
    """S22: a job of a simulator starts when it is submitted, and belongs to no session."""
    record = facts.record
    simulators = [number for number, qpu in enumerate(record.workload.qpu_specs) if qpu.simulator]
    if not simulators:
        return
    job = np.flatnonzero(is_accepted(record) & np.isin(job_qpu(record, slice(None)), simulators))
    submitted_us = record.submitted_us[job]
    # S25: it may be cancelled in the instant of its submission, before its start
    at_once = (record.started_us[job] == submitted_us) | (record.ended_us[job] == submitted_us)
    yield from earliest(
        submitted_us,
        ~at_once | (record.job_session[job] >= 0),
        lambda i: f"{facts.job(job[i])} waits for a simulator, or is of a session",
    )


def check_routing(facts: Facts) -> Iterator[Violation]:
    """S54: an accepted job is on one QPU, that of its session or the one that it names."""
    record = facts.record
    job = np.flatnonzero(is_accepted(record))
    submitted_us = record.submitted_us[job]
    qpu, session, named = job_qpu(record, job), record.job_session[job], record.workload.jobs.qpu[job]
    yield from earliest(
        submitted_us, (qpu < 0) | (qpu >= len(record.qpus)), lambda i: f"{facts.job(job[i])} is on no QPU"
    )
    yield from earliest(
        submitted_us,
        (session < 0) & (named >= 0) & (named != qpu),
        lambda i: f"{facts.job(job[i])} is not on QPU {record.qpus[named[i]]!r}, which it names",
    )
    if record.session_qpu is not None:
        yield from earliest(
            submitted_us,
            (session >= 0) & (qpu != look_up(record.session_qpu, session)),
            lambda i: f"{facts.job(job[i])} is not on the QPU of {facts.session(session[i])}",
        )
    lost = record.lost_runs
    yield from earliest(
        lost[:, STARTED],
        lost[:, QPU] != job_qpu(record, lost[:, JOB]),
        lambda i: f"{facts.job(lost[i, JOB])} was on a QPU that is not its own",
    )


def check_outcomes(facts: Facts) -> Iterator[Violation]:
    """S71: status, reason and instants of every job fit together."""
    record = facts.record
    submitted_us = record.submitted_us
    fits = (submitted_us < 0) & (record.stage < 0) & (record.reason == Reason.NONE)
    fits &= (record.started_us < 0) & (record.ended_us < 0)
    in_order = _phases_in_order(record)
    for stage in set(JobStage) - {JobStage.PLANNED}:
        reasons = _REASONS.get(stage, {Reason.NONE})
        has_reason = np.isin(record.reason, [int(reason) for reason in reasons])
        fits |= (record.stage == stage) & has_reason & in_order & _instants_fit(record, stage)
    yield from earliest(
        submitted_us.clip(0, record.end_us),
        ~fits,
        lambda i: (
            f"{facts.job(i)} has status {record.stage[i]}, reason {record.reason[i]}, "
            f"started {record.started_us[i]} us, ended {record.ended_us[i]} us: not one outcome"
        ),
    )


def check_failures_after_close(facts: Facts) -> Iterator[Violation]:
    """S77: a queued job fails by max_time, cancel or cost limit, or its own cancel or patience only."""
    record = facts.record
    failed = (record.stage == JobStatus.ERROR) | (record.stage == JobStatus.CANCELLED)
    job = np.flatnonzero(failed & ~has_stay(record))
    session, reason, ended_us = record.job_session[job], record.reason[job], record.ended_us[job]
    justified = (reason == Reason.JOB_CANCELLED) | (reason == Reason.RENEGED)
    justified |= (reason == Reason.COST_LIMIT) & (session < 0)  # S28
    of_session = np.flatnonzero(session >= 0)
    owner = session[of_session]
    for of_job, of_owner in (
        (Reason.MAX_TIME, Reason.MAX_TIME),
        (Reason.SESSION_CANCELLED, Reason.CANCELLED),
        (Reason.COST_LIMIT, Reason.COST_LIMIT),
    ):
        justified[of_session] |= (
            (reason[of_session] == of_job)
            & (facts.closed_by[owner] == of_owner)
            & (facts.closed_us[owner] == ended_us[of_session])
        )
    yield from earliest(
        ended_us,
        ~justified,
        lambda i: (
            f"{facts.job(job[i])} was queued and failed with {Reason(reason[i]).name}, "
            "which did not happen then"
        ),
    )


def check_patience(facts: Facts) -> Iterator[Violation]:
    """S27: a job has started before its patience is over, or ends then, or before that in another way."""
    record = facts.record
    job = accepted_jobs(record)
    submitted_us, patience_us = record.submitted_us[job], record.workload.jobs.patience_us[job]
    over_us = np.where(patience_us < 0, NEVER, submitted_us + patience_us)
    started_us, ended_us = _first_start_us(record)[job], record.ended_us[job]
    reneged = record.reason[job] == Reason.RENEGED
    # S6: at a horizon nobody leaves any more
    decided_us = np.where(started_us < 0, np.where(ended_us < 0, record.end_us, ended_us), started_us)
    late = (patience_us >= 0) & (decided_us + (started_us >= 0) > over_us)
    yield from earliest(
        np.where(reneged, ended_us, np.minimum(over_us, record.end_us)),
        late | (reneged & ((ended_us != over_us) | (started_us >= 0))),
        lambda i: (
            f"{facts.job(job[i])} leaves although its patience is not over, or has started"
            if reneged[i]
            else f"{facts.job(job[i])} has not started by {over_us[i]} us, when its patience is over"
        ),
    )


@on_each_qpu
def check_little(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """S78: time integrals of the numbers in the queue and in the system equal the sums over jobs, exactly."""
    record = facts.record
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
    waited_us = started_us - submitted_us
    yield from earliest(
        submitted_us + np.minimum(expected_us, waited_us),
        expected_us != waited_us,
        lambda i: f"{facts.job(job[i])} waits {waited_us[i]} us instead of {expected_us[i]} us",
    )


def _instants_fit(record: Record, stage: JobStage) -> BoolArray:
    """Whether a job of this stage was submitted, started and ended in a possible order."""
    submitted_us, started_us, ended_us = record.submitted_us, record.started_us, record.ended_us
    in_time: BoolArray = (submitted_us >= 0) & (np.maximum(started_us, ended_us) <= record.end_us)
    in_time &= submitted_us <= record.end_us
    waited: BoolArray = started_us < 0
    started: BoolArray = started_us >= submitted_us
    ended: BoolArray
    if stage in (JobStage.QUEUED, JobStage.UNPREPARED, JobStage.PREPARING, JobStage.READY):
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
    phases = (record.preparing_us, record.ready_us, _first_start_us(record), record.left_us, record.ended_us)
    for instant_us in phases:
        if instant_us is not None:
            happened = instant_us >= 0
            fits &= ~happened | (instant_us >= latest_us)
            latest_us = np.where(happened, instant_us, latest_us)
    return fits


def _first_start_us(record: Record) -> Int64Array:
    """When each job was first on the QPU, NEVER if it was not; an outage may give it more starts (S52)."""
    first_start_us = record.started_us.copy()
    lost = record.lost_runs
    np.minimum.at(first_start_us, lost[:, JOB], lost[:, STARTED])
    return first_start_us


def _ran(record: Record) -> BoolArray:
    """Whether each job ended by itself: done, or cut, or because its program failed."""
    done: BoolArray = record.stage == JobStatus.DONE
    failed: BoolArray = np.isin(record.reason, (Reason.RAN_TOO_LONG, Reason.PROGRAM_FAILED))
    return done | failed


def _first_difference(one: StepFunction, other: StepFunction, end_us: int) -> int:
    """The first time at which two step functions differ, or the end of the run."""
    times_us = np.union1d(one.times_us, other.times_us)
    differs = _values(one, times_us) != _values(other, times_us)
    return int(times_us[np.argmax(differs)]) if differs.any() else end_us


def _values(step: StepFunction, times_us: Int64Array) -> Int64Array:
    """The values, -1 before the first one."""
    values = np.concatenate((np.array([-1]), step.values))
    return values[np.searchsorted(step.times_us, times_us, side="right")]


# -- Sessions.

_ACCEPTS = np.array([phase in ACCEPTS for phase in SessionPhase])


def check_session_life(facts: Facts) -> Iterator[Violation]:
    """S75: jobs of a session start while it is active, and between two activations it is inactive."""
    yield from _check_starts(facts)
    yield from _check_chain(facts)


def check_idle_stretches(facts: Facts) -> Iterator[Violation]:
    """S76: an active session without jobs is deactivated when its ITTL is over."""
    record, active = facts.record, facts.active
    asks_for_ready = facts.rules.ittl_asks_for_ready
    session, emptied_us, refilled_us = _empty_stretches(facts, asks_for_ready=asks_for_ready)
    period = facts.own_period(session, emptied_us)
    sessions = record.workload.sessions
    counts = (sessions.mode[session] == Mode.BATCH) | facts.rules.hold.ittl_counts
    ittl_us = np.where(counts, sessions.interactive_timeout_us[session], 0)  # S51
    end_us = np.minimum(look_up(active.end_us, period), refilled_us)
    # S13: the clock is that of a session that accepts jobs; of a closing one see S17
    end_us = np.minimum(end_us, _stops_accepting_us(facts)[session])
    yield from earliest(
        emptied_us + ittl_us,
        (period >= 0) & (end_us - emptied_us > ittl_us),
        lambda i: (
            f"{facts.session(session[i])} has been without jobs since {emptied_us[i]} us "
            f"and is still active after its ITTL of {ittl_us[i]} us"
        ),
    )


def check_release(facts: Facts) -> Iterator[Violation]:
    """S17: a session that accepts no more jobs holds a QPU only with a job that is queued or on the QPU."""
    session, emptied_us, refilled_us = _empty_stretches(facts, asks_for_ready=False)
    period = facts.own_period(session, emptied_us)
    since_us = np.maximum(emptied_us, _stops_accepting_us(facts)[session])
    until_us = np.minimum(look_up(facts.active.end_us, period), refilled_us)
    yield from earliest(
        since_us,
        (period >= 0) & (since_us < until_us),
        lambda i: (
            f"{facts.session(session[i])} accepts no more jobs, none of its jobs is queued or on the QPU, "
            "and it is still active"
        ),
    )


def _check_starts(facts: Facts) -> Iterator[Violation]:
    record = facts.record
    job = np.concatenate([qpu.stays.owner for qpu in facts.qpus])
    start_us = np.concatenate([qpu.stays.start_us for qpu in facts.qpus])
    of_session = record.job_session[job] >= 0
    job, start_us = job[of_session], start_us[of_session]
    session = record.job_session[job]
    closed_us = facts.closed_us[session]
    # S3: a start in the instant of the close comes before it, except at the end of a max_time above 0
    max_time_is_over = (facts.closed_by[session] == Reason.MAX_TIME) & (
        record.workload.sessions.max_time_us[session] > 0
    )
    too_late = (closed_us >= 0) & ((start_us > closed_us) | ((start_us == closed_us) & max_time_is_over))
    period = facts.own_period(session, start_us)
    outside = (period < 0) | (start_us > look_up(facts.active.end_us, period))
    yield from earliest(
        start_us,
        too_late | outside,
        lambda i: (
            f"{facts.job(job[i])} starts when {facts.session(session[i])} is "
            f"{'closed' if too_late[i] else 'not active'}"
        ),
    )


def _check_chain(facts: Facts) -> Iterator[Violation]:
    """Each change of a session begins where the one before it led; only the first activation is from open."""
    rows = facts.record.transitions
    rows = rows[np.argsort(rows[:, SESSION], kind="stable")]
    state_before, state_after = PUBLIC_STATE[rows[:, FROM]], PUBLIC_STATE[rows[:, TO]]
    continues = np.zeros(len(rows), dtype=np.bool_)
    continues[1:] = rows[1:, SESSION] == rows[:-1, SESSION]
    fits = rows[:, FROM] == SessionPhase.ABSENT
    fits[continues] = False
    fits[1:] |= (
        continues[1:]
        & (rows[1:, TIME] >= rows[:-1, TIME])
        & (state_before[1:] == state_after[:-1])
        & (_ACCEPTS[rows[1:, FROM]] == _ACCEPTS[rows[:-1, TO]])
    )
    fits &= state_before != SessionState.CLOSED
    activates = np.flatnonzero((state_after == SessionState.ACTIVE) & (state_before != SessionState.ACTIVE))
    again = np.zeros(len(activates), dtype=np.bool_)
    again[1:] = rows[activates[1:], SESSION] == rows[activates[:-1], SESSION]
    fits[activates] &= ~again | (state_before[activates] == SessionState.INACTIVE)
    yield from earliest(
        rows[:, TIME],
        ~fits,
        lambda i: (
            f"{facts.session(rows[i, SESSION])} cannot go from {SessionPhase(rows[i, FROM]).name} "
            f"to {SessionPhase(rows[i, TO]).name} there"
        ),
    )


def check_waits(facts: Facts) -> Iterator[Violation]:
    """The parts of the waiting time of a job add up to it, and none of it is while its QPU is free (S74)."""
    import polars as pl

    reservations = recorded_reservations(facts.record)
    parts = wait_frame(facts.jobs, facts.intervals, facts.sessions, reservations)
    names = [f"while_{part}_us" for part in PARTS]
    sums = parts.select(total=pl.sum_horizontal(names, ignore_nulls=False))["total"]
    waiting, free = facts.jobs["waiting_us"], parts["while_free_us"].fill_null(0)
    jobs = facts.jobs["job"]
    waited_to_us = facts.jobs.select(pl.max_horizontal("submitted_us", "started_us")).to_series().to_numpy()
    yield from earliest(
        waited_to_us,
        sums.ne_missing(waiting).to_numpy(),
        lambda i: (
            f"the parts of the wait of job {jobs[i]!r} add up to {sums[i]}, and it waited {waiting[i]} us"
        ),
    )
    yield from earliest(
        waited_to_us,
        (free != 0).to_numpy(),
        lambda i: f"job {jobs[i]!r} waited {free[i]} us while it was ready and its QPU free",
    )


def _stops_accepting_us(facts: Facts) -> Int64Array:
    """When each session first accepted no more jobs, after the end of the run if it always did."""
    rows = facts.record.transitions
    stops = rows[_ACCEPTS[rows[:, FROM]] & ~_ACCEPTS[rows[:, TO]]]
    stops_us = np.full(len(facts.closed_us), facts.record.end_us + 1, dtype=np.int64)
    np.minimum.at(stops_us, stops[:, SESSION], stops[:, TIME])
    return stops_us


def _empty_stretches(facts: Facts, *, asks_for_ready: bool) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Session, begin and end of each stretch after its first job in which the ITTL clock may run.

    Then it has no job that stops the clock: none queued or running or, if that is asked for, none ready or
    running (S13, S43).
    """
    record = facts.record
    job = accepted_jobs(record)
    job = job[record.job_session[job] >= 0]
    never_us = record.end_us + 1
    since_us = record.submitted_us[job]
    left_us = over_us(record)[job]
    if asks_for_ready and record.ready_us is not None:
        is_ready = record.ready_us[job] >= 0
        job, since_us, left_us = job[is_ready], record.ready_us[job[is_ready]], left_us[is_ready]
    left_us = np.where(left_us < 0, never_us, left_us)
    session = np.tile(record.job_session[job], 2)
    time_us = np.concatenate((since_us, left_us))
    change = np.repeat(np.array([1, -1]), len(job))
    order = np.lexsort((time_us, session))
    session, time_us = session[order], time_us[order]
    pending = np.cumsum(change[order])  # every session ends with 0, so sums do not carry over
    same = np.zeros(len(session), dtype=np.bool_)
    same[:-1] = session[1:] == session[:-1]
    next_us = np.where(same, np.append(time_us[1:], never_us)[: len(time_us)], never_us)
    empty = pending == 0
    return session[empty], time_us[empty], next_us[empty]

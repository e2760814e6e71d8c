"""S75 and S76: the life of sessions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsession_sim.results.periods import (
    PUBLIC_STATE,
    accepted_jobs,
    look_up,
    over_us,
    stays_on_qpu,
    thrown_off,
)
from qsession_sim.results.record import FROM, SESSION, TIME, TO
from qsession_sim.results.tables import name_series
from qsession_sim.scheduler.transitions import ACCEPTS, SessionPhase
from qsession_sim.scheduler.vocabulary import Mode, Reason, SessionState
from qsession_sim.testing.facts import Facts, Violation, first
from qsession_sim.workload.columns import Int64Array

_ACCEPTS = np.array([phase in ACCEPTS for phase in SessionPhase])


def check_session_life(facts: Facts) -> Iterator[Violation]:
    """S75: jobs of a session start while it is active, and between two activations it is inactive."""
    yield from _check_starts(facts)
    yield from _check_chain(facts)


def check_idle_stretches(facts: Facts) -> Iterator[Violation]:
    """S76: an active session without jobs is deactivated when its ITTL is over."""
    record, active = facts.record, facts.active
    session, emptied_us, refilled_us = _empty_stretches(facts)
    period = facts.own_period(session, emptied_us)
    sessions = record.workload.sessions
    counts = (sessions.mode[session] == Mode.BATCH) | facts.rules.hold.ittl_counts
    ittl_us = np.where(counts, sessions.interactive_timeout_us[session], 0)  # S51
    end_us = np.minimum(look_up(active.end_us, period), refilled_us)
    # S13: the clock is that of a session that accepts jobs; a closing one may wait for post-processing
    end_us = np.minimum(end_us, _stops_accepting_us(facts)[session])
    index = first(emptied_us + ittl_us, (period >= 0) & (end_us - emptied_us > ittl_us))
    if index is not None:
        message = (
            f"{facts.session(session[index])} has been without jobs since {emptied_us[index]} us "
            f"and is still active after its ITTL of {ittl_us[index]} us"
        )
        yield Violation(int(emptied_us[index] + ittl_us[index]), message)


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
    index = first(start_us, too_late | outside)
    if index is not None:
        state = "is closed" if too_late[index] else "is not active"
        message = f"{facts.job(job[index])} starts when {facts.session(session[index])} {state}"
        yield Violation(int(start_us[index]), message)


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
    index = first(rows[:, TIME], ~fits)
    if index is not None:
        before, after = SessionPhase(rows[index, FROM]).name, SessionPhase(rows[index, TO]).name
        message = f"{facts.session(rows[index, SESSION])} cannot go from {before} to {after} there"
        yield Violation(int(rows[index, TIME]), message)


def _stops_accepting_us(facts: Facts) -> Int64Array:
    """When each session first accepted no more jobs, after the end of the run if it always did."""
    rows = facts.record.transitions
    stops = rows[_ACCEPTS[rows[:, FROM]] & ~_ACCEPTS[rows[:, TO]]]
    stops_us = np.full(len(facts.closed_us), facts.record.end_us + 1, dtype=np.int64)
    np.minimum.at(stops_us, stops[:, SESSION], stops[:, TIME])
    return stops_us


def _empty_stretches(facts: Facts) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Session, begin and end of each stretch after its first job in which the ITTL clock may run.

    Then it has no job that stops the clock: none queued or running or, where the rules ask for a ready one,
    none ready or running (S13, S43).
    """
    record = facts.record
    job = accepted_jobs(record)
    job = job[record.job_session[job] >= 0]
    never_us = record.end_us + 1
    since_us = record.submitted_us[job]
    left_us = over_us(record)[job]
    if facts.rules.ittl_asks_for_ready and record.ready_us is not None:
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


# -- S62: the usage in the tables, worked out anew from the intervals and the changes of sessions.

Stay = tuple[int, int]


def check_usage(facts: Facts) -> Iterator[Violation]:
    """S62: what jobs and sessions are charged for, which is known when the run is over."""
    stays = _last_stays(facts)
    used_us = {job: end_us - start_us for job, (start_us, end_us) in stays.items()}
    jobs = facts.jobs.select("job", "qpu_time_us").rows()
    sessions = facts.sessions.select("session", "usage_us").rows()
    of_sessions = _session_usage_us(facts, used_us)
    for thing, expected_us, rows in (("job", used_us, jobs), ("session", of_sessions, sessions)):
        for name, charged_us in rows:
            if charged_us != expected_us.get(name, 0):
                used = expected_us.get(name, 0)
                message = f"{thing} {name!r} used {used} us and is charged for {charged_us} us"
                yield Violation(facts.record.end_us, message)
                break


def _last_stays(facts: Facts) -> dict[str, Stay]:
    """The last stay of each job on a QPU; what an outage ended costs nothing."""
    busy = facts.intervals.filter(facts.intervals["kind"] == "busy")
    rows = busy.select("job", "start_us", "end_us").rows()
    stays = {job: (start_us, end_us) for job, start_us, end_us in rows}
    names = name_series(facts.record.workload.job_names)
    for qpu in set(range(len(facts.record.qpus))).difference(facts.record.queueing_qpus):
        simulated = stays_on_qpu(facts.record, qpu)
        instants = zip(simulated.start_us.tolist(), simulated.end_us.tolist(), strict=True)
        stays.update(zip(names.gather(simulated.owner), instants, strict=True))
    for job in facts.jobs.filter(facts.jobs["reason"] == "QPU_FAILED")["job"]:
        stays.pop(job, None)
    lost = thrown_off(facts.record)
    if len(lost):
        for job in names.gather(lost):
            stays.pop(job, None)
    return stays


def _session_usage_us(facts: Facts, used_us: dict[str, int]) -> dict[str, int]:
    """What each session should be charged for: a batch for its jobs, others for their active time."""
    usage_us = _active_us(facts)
    modes = dict(facts.sessions.select("session", "mode").rows())
    closed_us = dict(facts.sessions.select("session", "closed_us").rows())
    for session, mode in modes.items():
        if mode == "batch":
            usage_us[session] = 0
    for job, session, mode in facts.jobs.select("job", "session", "mode").rows():
        if mode == "batch":
            usage_us[session] = usage_us.get(session, 0) + used_us.get(job, 0)
    busy = facts.intervals.filter(facts.intervals["kind"] == "busy").drop_nulls("session")
    for session, start_us, end_us in busy.select("session", "start_us", "end_us").rows():
        over_us = closed_us.get(session)
        if over_us is not None and modes.get(session) == "session" and start_us <= over_us < end_us:
            usage_us[session] = usage_us.get(session, 0) + end_us - over_us  # S16, S18
    return usage_us


def _active_us(facts: Facts) -> dict[str, int]:
    """How long each session was active."""
    names = name_series(facts.record.workload.session_names).to_list()
    since_us: dict[int, int] = {}
    active_us: dict[str, int] = {}
    for row in facts.record.transitions.tolist():
        session, time_us = row[SESSION], row[TIME]
        was_active = PUBLIC_STATE[row[FROM]] == SessionState.ACTIVE
        is_active = PUBLIC_STATE[row[TO]] == SessionState.ACTIVE
        if is_active and not was_active:
            since_us[session] = time_us
        elif was_active and not is_active and session in since_us:
            name = names[session]
            active_us[name] = active_us.get(name, 0) + time_us - since_us.pop(session)
    for session, start_us in since_us.items():
        name = names[session]
        active_us[name] = active_us.get(name, 0) + facts.record.end_us - start_us
    return active_us

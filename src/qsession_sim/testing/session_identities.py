"""S75 and S76: the life of sessions, and how long they stay active without jobs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsession_sim.results.periods import (
    PUBLIC_STATE,
    accepted_jobs,
    look_up,
    over_us,
)
from qsession_sim.results.record import FROM, SESSION, TIME, TO
from qsession_sim.scheduler.transitions import ACCEPTS, SessionPhase
from qsession_sim.scheduler.vocabulary import Mode, Reason, SessionState
from qsession_sim.testing.facts import Facts, Violation, earliest
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
    yield from earliest(
        emptied_us + ittl_us,
        (period >= 0) & (end_us - emptied_us > ittl_us),
        lambda i: (
            f"{facts.session(session[i])} has been without jobs since {emptied_us[i]} us "
            f"and is still active after its ITTL of {ittl_us[i]} us"
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

"""The life of a session as one table: every pair of phase and event, legal or not (S9 to S26, S30).

How to read it. A session is in one `SessionPhase`. What can happen to it is a `SessionEvent`; a condition is
never an `if` beside the table but a different event: a job ends either leaving others behind (`END`) or as
the session's last (`END_LAST`), and a close finds jobs (`CLOSE`) or none (`CLOSE_EMPTY`), "jobs" being those
accepted and not ended. A job *counts* as long as it keeps the ITTL clock from running: queued or on the QPU,
or with `ittl_condition: ready` only once it is ready (S43). `SESSION_TABLE[phase][event]` is the next phase
with the actions to take, in order; a pair that is not there is illegal. `Session` applies the table and
nothing else changes a phase; the diagram in the documentation is made from it.

A phase is a public state (`STATE_OF`) plus what the session still has to do, and whether it accepts jobs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from qsession_sim.scheduler.vocabulary import Reason, SessionState


class SessionPhase(IntEnum):
    """Where a session is in its life. The `*_CLOSING` phases accept no jobs and still have some."""

    ABSENT = 0
    OPEN = 1
    OPEN_CLOSING = 2
    RUNNING = 3  # active, with a job that counts
    IDLE = 4  # active, without such a job: the ITTL clock runs
    CLOSING = 5  # active
    INACTIVE = 6
    INACTIVE_CLOSING = 7
    CLOSED = 8


class SessionEvent(IntEnum):
    """What can happen to a session."""

    CREATE = 0
    SUBMIT = 1  # an accepted submission of a job that counts
    START = 2  # one of its jobs starts on the QPU
    END = 3  # one of its jobs ended, others have not
    END_LAST = 4  # its only job that had not ended did
    CLOSE = 5  # close() while jobs have not ended
    CLOSE_EMPTY = 6  # close() without such jobs
    CANCEL = 7
    MAX_TIME = 8
    ITTL = 9
    UNUSED = 10
    LEAVE_LAST = 11  # its last job that counts left the QPU or ended; others have not ended
    PREPARE = 12  # an accepted submission of a job that does not count before it is ready (S43)
    READY = 13  # a job begins to count, because it is ready (S43)
    RESERVE = 14  # the QPU is reserved for another account (S52)


class SessionAction(IntEnum):
    """What a transition asks for, beside the change of phase."""

    START_UNUSED = 0
    STOP_UNUSED = 1
    START_MAX_TIME = 2
    START_ITTL = 3
    STOP_ITTL = 4
    STOP_CLOCKS = 5
    HOLD_QPU = 6  # the session becomes active
    RELEASE_QPU = 7  # the session stops being active
    END_QUEUED_JOBS = 8
    REQUEUE_JOBS = 9  # what is queued stands in the normal queue from now on


class Transition(NamedTuple):
    """The entry of the table for one legal pair."""

    phase: SessionPhase
    actions: tuple[SessionAction, ...] = ()


STATE_OF: Final[dict[SessionPhase, SessionState | None]] = {
    SessionPhase.ABSENT: None,
    SessionPhase.OPEN: SessionState.OPEN,
    SessionPhase.OPEN_CLOSING: SessionState.OPEN,
    SessionPhase.RUNNING: SessionState.ACTIVE,
    SessionPhase.IDLE: SessionState.ACTIVE,
    SessionPhase.CLOSING: SessionState.ACTIVE,
    SessionPhase.INACTIVE: SessionState.INACTIVE,
    SessionPhase.INACTIVE_CLOSING: SessionState.INACTIVE,
    SessionPhase.CLOSED: SessionState.CLOSED,
}

ACCEPTS: Final = frozenset(
    {SessionPhase.OPEN, SessionPhase.RUNNING, SessionPhase.IDLE, SessionPhase.INACTIVE}
)
"""Phases in which `accepting_jobs` is true (S17, S26)."""

ACTIVE: Final = frozenset(phase for phase, state in STATE_OF.items() if state is SessionState.ACTIVE)
"""Phases in which the session holds the QPU (S12)."""

REASON_OF: Final = {
    SessionEvent.CLOSE_EMPTY: Reason.CLOSED,
    SessionEvent.END_LAST: Reason.CLOSED,
    SessionEvent.CANCEL: Reason.CANCELLED,
    SessionEvent.MAX_TIME: Reason.MAX_TIME,
    SessionEvent.UNUSED: Reason.UNUSED,
    SessionEvent.RESERVE: Reason.RESERVATION,
}
"""The reason of a change is that of its event: why a session was closed (S26), or lost the QPU (S52)."""

_A = SessionAction
_P = SessionPhase
_E = SessionEvent

_STAY_CLOSED = Transition(_P.CLOSED)
_CLOSE_WAITING = Transition(_P.CLOSED, (_A.STOP_CLOCKS,))
_DROP_WAITING = Transition(_P.CLOSED, (_A.STOP_CLOCKS, _A.END_QUEUED_JOBS))
_CLOSE_ACTIVE = Transition(_P.CLOSED, (_A.STOP_CLOCKS, _A.RELEASE_QPU))
_DROP_ACTIVE = Transition(_P.CLOSED, (_A.STOP_CLOCKS, _A.RELEASE_QPU, _A.END_QUEUED_JOBS))
_FIRST_START = (_A.HOLD_QPU, _A.START_MAX_TIME)
_DEACTIVATE = (_A.RELEASE_QPU, _A.REQUEUE_JOBS)

SESSION_TABLE: Final[dict[SessionPhase, dict[SessionEvent, Transition]]] = {
    _P.ABSENT: {
        _E.CREATE: Transition(_P.OPEN, (_A.START_UNUSED,)),  # S9, S21
    },
    _P.OPEN: {
        _E.SUBMIT: Transition(_P.OPEN, (_A.STOP_UNUSED,)),  # S21: for good
        _E.START: Transition(_P.RUNNING, _FIRST_START),  # S11
        _E.END: Transition(_P.OPEN),
        _E.END_LAST: Transition(_P.OPEN),  # S25: stays open
        _E.CLOSE: Transition(_P.OPEN_CLOSING),  # S17
        _E.CLOSE_EMPTY: _CLOSE_WAITING,  # S17
        _E.CANCEL: _DROP_WAITING,  # S18
        _E.UNUSED: _CLOSE_WAITING,  # S21
        _E.LEAVE_LAST: Transition(_P.OPEN),
        _E.PREPARE: Transition(_P.OPEN, (_A.STOP_UNUSED,)),  # S21
        _E.READY: Transition(_P.OPEN),
    },
    _P.OPEN_CLOSING: {
        _E.START: Transition(_P.CLOSING, _FIRST_START),  # S11, S17
        _E.END: Transition(_P.OPEN_CLOSING),
        _E.END_LAST: _CLOSE_WAITING,  # S17: a cancelled job has ended, too
        _E.CLOSE: Transition(_P.OPEN_CLOSING),  # S26
        _E.CANCEL: _DROP_WAITING,  # S18, S26
        _E.LEAVE_LAST: Transition(_P.OPEN_CLOSING),
        _E.READY: Transition(_P.OPEN_CLOSING),
    },
    _P.RUNNING: {
        _E.SUBMIT: Transition(_P.RUNNING),
        _E.START: Transition(_P.RUNNING),
        _E.END: Transition(_P.RUNNING),
        _E.END_LAST: Transition(_P.IDLE, (_A.START_ITTL,)),  # S13
        _E.CLOSE: Transition(_P.CLOSING),  # S17
        _E.CANCEL: _DROP_ACTIVE,  # S18
        _E.MAX_TIME: _DROP_ACTIVE,  # S16
        _E.LEAVE_LAST: Transition(_P.IDLE, (_A.START_ITTL,)),  # S13, S41, S43
        _E.PREPARE: Transition(_P.RUNNING),
        _E.READY: Transition(_P.RUNNING),
        _E.RESERVE: Transition(_P.INACTIVE, _DEACTIVATE),  # S52
    },
    _P.IDLE: {
        _E.SUBMIT: Transition(_P.RUNNING, (_A.STOP_ITTL,)),  # S13
        _E.CLOSE_EMPTY: _CLOSE_ACTIVE,  # S17: no ITTL wait
        _E.CANCEL: _DROP_ACTIVE,  # S18
        _E.MAX_TIME: _DROP_ACTIVE,  # S16
        _E.ITTL: Transition(_P.INACTIVE, _DEACTIVATE),  # S14, S43
        _E.END: Transition(_P.IDLE),  # of a job that did not count
        _E.END_LAST: Transition(_P.IDLE),
        _E.PREPARE: Transition(_P.IDLE),  # S43: it does not stop the clock
        _E.READY: Transition(_P.RUNNING, (_A.STOP_ITTL,)),  # S43
        _E.CLOSE: Transition(_P.CLOSING, (_A.STOP_ITTL,)),  # S17
        _E.RESERVE: Transition(_P.INACTIVE, (_A.STOP_ITTL, *_DEACTIVATE)),  # S52
    },
    _P.CLOSING: {
        _E.START: Transition(_P.CLOSING),
        _E.END: Transition(_P.CLOSING),
        _E.END_LAST: _CLOSE_ACTIVE,  # S17: in the instant its last job ends
        _E.CLOSE: Transition(_P.CLOSING),  # S26
        _E.CANCEL: _DROP_ACTIVE,  # S18, S26
        _E.MAX_TIME: _DROP_ACTIVE,  # S16
        _E.LEAVE_LAST: Transition(_P.CLOSING),  # S41: closed when the last job has ended
        _E.READY: Transition(_P.CLOSING),
        _E.RESERVE: Transition(_P.INACTIVE_CLOSING, _DEACTIVATE),  # S52
    },
    _P.INACTIVE: {
        _E.SUBMIT: Transition(_P.INACTIVE),  # S15
        _E.START: Transition(_P.RUNNING, (_A.HOLD_QPU,)),  # S15
        _E.END: Transition(_P.INACTIVE),
        _E.END_LAST: Transition(_P.INACTIVE),
        _E.CLOSE: Transition(_P.INACTIVE_CLOSING),  # S17
        _E.CLOSE_EMPTY: _CLOSE_WAITING,  # S17
        _E.CANCEL: _DROP_WAITING,  # S18
        _E.MAX_TIME: _DROP_WAITING,  # S11: it never pauses; S16
        _E.LEAVE_LAST: Transition(_P.INACTIVE),
        _E.PREPARE: Transition(_P.INACTIVE),
        _E.READY: Transition(_P.INACTIVE),
    },
    _P.INACTIVE_CLOSING: {
        _E.START: Transition(_P.CLOSING, (_A.HOLD_QPU,)),  # S17
        _E.END: Transition(_P.INACTIVE_CLOSING),
        _E.END_LAST: _CLOSE_WAITING,  # S17
        _E.CLOSE: Transition(_P.INACTIVE_CLOSING),  # S26
        _E.CANCEL: _DROP_WAITING,  # S18, S26
        _E.MAX_TIME: _DROP_WAITING,  # S16
        _E.LEAVE_LAST: Transition(_P.INACTIVE_CLOSING),
        _E.READY: Transition(_P.INACTIVE_CLOSING),
    },
    _P.CLOSED: {
        _E.END: _STAY_CLOSED,  # a job that was running, or was dropped with the session
        _E.END_LAST: _STAY_CLOSED,
        _E.CLOSE: _STAY_CLOSED,  # S26: no error
        _E.CLOSE_EMPTY: _STAY_CLOSED,
        _E.CANCEL: _STAY_CLOSED,
        _E.LEAVE_LAST: _STAY_CLOSED,
    },
}


VISIBLE_CHANGES: Final = frozenset(
    (before, after)
    for before in SessionPhase
    for after in SessionPhase
    if STATE_OF[before] is not STATE_OF[after] or (before in ACCEPTS) is not (after in ACCEPTS)
)
"""Changes of phase that change the public state or `accepting_jobs`."""

# The same as sequences by number: looking a member up in a dictionary or a set hashes its name each time.

ROWS: Final = tuple(
    tuple(SESSION_TABLE[phase].get(event) for event in SessionEvent) for phase in SessionPhase
)
"""`SESSION_TABLE` by the numbers of phase and event; None for an illegal pair."""

IS_ACCEPTING: Final = tuple(phase in ACCEPTS for phase in SessionPhase)
"""Whether a phase is in `ACCEPTS`, by its number."""

IS_ACTIVE: Final = tuple(phase in ACTIVE for phase in SessionPhase)
"""Whether a phase is in `ACTIVE`, by its number."""

IS_VISIBLE: Final = tuple(
    tuple((before, after) in VISIBLE_CHANGES for after in SessionPhase) for before in SessionPhase
)
"""Whether a change is in `VISIBLE_CHANGES`, by the numbers of the phases before and after."""

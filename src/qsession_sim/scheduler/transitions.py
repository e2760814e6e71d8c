"""The lives of sessions and of jobs as two tables: every pair of state and event, legal or not (S9 to S54).

**How to read them.** A session is in one `SessionPhase`, a job in one `JobStage`. What can happen to them is
a `SessionEvent` or a `JobEvent`. `SESSION_TABLE[phase][event]` and `JOB_TABLE[stage][event]` are what comes
next with the actions to take, in order; a pair that is not there is illegal, raises an error and changes
nothing. `Session` and `Jobs` apply the tables and nothing else changes a phase or a stage; tests enumerate
them, and the diagrams in the documentation are made from them.

**Why two.** A session and its jobs live beside each other: a session goes on when a job ends, and a job on
the QPU outlives its session (S16, S18). One table of both would need a row for each session with each number
of jobs in each stage. So each side has its own, and they meet in two kinds of action only: a job tells its
session what became of it (`JOIN_SESSION`, `COUNT`, `TELL_START`, `STOP_COUNTING`, `LEAVE_SESSION`), and a
session that ends or loses the QPU acts on its queued jobs (`END_QUEUED_JOBS`, `REQUEUE_JOBS`).

**Why these phases.** A phase is a public state (`STATE_OF`), and then only what a later event needs to know.
Users see four states; nine phases are needed, because what an event does to an open, active or inactive
session also depends on whether it still accepts jobs (the `*_CLOSING` phases: after a `close()` the last end
closes it, S17), and for an active one on whether the ITTL clock runs (`IDLE`) or not (`RUNNING`, S13). A
closing session has no idle phase, as it waits for nobody: with nothing but post-processing left it gives the
QPU back (`RELEASE`, S17). How *many* jobs there are is no phase: an event
says whether it was the last one. Whether the `max_time` clock runs is none either: it runs from the first
start to the end (S11).

**Why these stages.** A stage says where a job is, and so who can take it from there: a lane (`UNPREPARED`),
the end of its preparation (`PREPARING`), the QPU (`QUEUED`, `READY`, `REQUEUED`), the end of its QPU time
(`RUNNING`) or of its post-processing (`POST_PROCESSING`), or nobody. The three that wait for the QPU differ
in what they leave behind: a `READY` one counts among those that were prepared ahead (S42) and a `REQUEUED`
one goes before all others (S52). That a job is final is not one stage but four, because its end is its
status. Session or job mode, batch or not, is no stage: it never changes.

**What became an event, and why.** A condition is never an `if` beside a table but another event, so that all
that can happen can be enumerated. A job ends leaving others behind (`END`), or as the last that keeps the
ITTL clock from running (`LEAVE_LAST`), or as the session's last (`END_LAST`); a close finds jobs (`CLOSE`)
or none (`CLOSE_EMPTY`); a submission stops the ITTL clock (`SUBMIT`) or, under `ittl_condition: ready`, does
not yet (`PREPARE`, then `READY`; S43). A job is submitted to be prepared first (`SUBMIT_UNPREPARED`) or not
(`SUBMIT`), leaves the QPU for good (`FINISH`) or to be post-processed (`POST_PROCESS`), cut (`CUT`) or
without a result (`PROGRAM_FAIL`), and is hit by an outage that ends it (`FAIL`) or queues it again
(`REQUEUE`). A cancel by a user ends it wherever it is, the end of its patience only until it has started
(`RENEGE`, S27). Settings choose between events, once: the end of `max_time` is one event to the session, and
to its jobs `SESSION_TIMEOUT` or `SESSION_TIMEOUT_CANCELS` (S16). Who asks is an event, too, where it is seen:
cancelled by a user, or with the session, or timed out with it, a job ends in the same way but for its reason
(`JOB_REASON_OF`), as a session does (`REASON_OF`).

**What is legal without a change** is what somebody may do at any time: close or cancel a closed session
(S26), cancel a job before its submission or after its end (S25). That a job ends in a closed session is
legal because it may have been on the QPU. All else that has no entry would be a mistake in the scheduler,
not of a user.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Generic, NamedTuple, TypeVar

from qsession_sim.scheduler.vocabulary import JobStage, Reason, SessionState

# ---------------------------------------------------------------- sessions


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
    RELEASE = 15  # it accepts no more jobs, and all that it has are post-processed (S17)
    COST_LIMIT = 16  # its account has used its quota (S28)


class SessionAction(IntEnum):
    """What a transition asks for, apart from the change of phase."""

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


S = TypeVar("S")
A = TypeVar("A")


class Transition(NamedTuple, Generic[S, A]):
    """The entry of a table for one legal pair: what comes next, and the actions in order."""

    after: S
    actions: tuple[A, ...] = ()


F = TypeVar("F")

Chain = tuple[F, "Chain[F]"] | None
"""What a run takes an action by, one after the other: the first and those that follow; None: no more.

It stands for a tuple, since what walks over one needs an iterator each time.
"""


def chain(functions: Iterable[F | None]) -> Chain[F]:
    """The functions in their order, without those that are None."""
    chained: Chain[F] = None
    for function in reversed([*functions]):
        if function is not None:
            chained = (function, chained)
    return chained


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
    SessionEvent.COST_LIMIT: Reason.COST_LIMIT,
}
"""The reason of a change is that of its event: why a session was closed (S26), or lost the QPU (S52)."""

_A = SessionAction
_P = SessionPhase
_E = SessionEvent

_STAY_CLOSED: Final = Transition[SessionPhase, SessionAction](_P.CLOSED)
_CLOSE_WAITING = Transition(_P.CLOSED, (_A.STOP_CLOCKS,))
_DROP_WAITING = Transition(_P.CLOSED, (_A.STOP_CLOCKS, _A.END_QUEUED_JOBS))
_CLOSE_ACTIVE = Transition(_P.CLOSED, (_A.STOP_CLOCKS, _A.RELEASE_QPU))
_DROP_ACTIVE = Transition(_P.CLOSED, (_A.STOP_CLOCKS, _A.RELEASE_QPU, _A.END_QUEUED_JOBS))
_FIRST_START = (_A.HOLD_QPU, _A.START_MAX_TIME)
_DEACTIVATE = (_A.RELEASE_QPU, _A.REQUEUE_JOBS)

SESSION_TABLE: Final[dict[SessionPhase, dict[SessionEvent, Transition[SessionPhase, SessionAction]]]] = {
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
        _E.COST_LIMIT: _DROP_WAITING,  # S28
    },
    _P.OPEN_CLOSING: {
        _E.START: Transition(_P.CLOSING, _FIRST_START),  # S11, S17
        _E.END: Transition(_P.OPEN_CLOSING),
        _E.END_LAST: _CLOSE_WAITING,  # S17: a cancelled job has ended, too
        _E.CLOSE: Transition(_P.OPEN_CLOSING),  # S26
        _E.CANCEL: _DROP_WAITING,  # S18, S26
        _E.LEAVE_LAST: Transition(_P.OPEN_CLOSING),
        _E.READY: Transition(_P.OPEN_CLOSING),
        _E.COST_LIMIT: _DROP_WAITING,  # S28
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
        _E.COST_LIMIT: _DROP_ACTIVE,  # S28
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
        _E.COST_LIMIT: _DROP_ACTIVE,  # S28
    },
    _P.CLOSING: {
        _E.START: Transition(_P.CLOSING),
        _E.END: Transition(_P.CLOSING),
        _E.END_LAST: _CLOSE_ACTIVE,  # S17: in the instant its last job ends
        _E.CLOSE: Transition(_P.CLOSING),  # S26
        _E.CANCEL: _DROP_ACTIVE,  # S18, S26
        _E.MAX_TIME: _DROP_ACTIVE,  # S16
        _E.LEAVE_LAST: Transition(_P.CLOSING),
        _E.READY: Transition(_P.CLOSING),
        _E.RESERVE: Transition(_P.INACTIVE_CLOSING, _DEACTIVATE),  # S52
        _E.RELEASE: Transition(_P.INACTIVE_CLOSING, (_A.RELEASE_QPU,)),  # S17: closed when the last job ends
        _E.COST_LIMIT: _DROP_ACTIVE,  # S28
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
        _E.COST_LIMIT: _DROP_WAITING,  # S28
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
        _E.COST_LIMIT: _DROP_WAITING,  # S28
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

IS_ACCEPTING: Final = tuple(phase in ACCEPTS for phase in SessionPhase)
"""Whether a phase is in `ACCEPTS`, by its number."""

IS_ACTIVE: Final = tuple(phase in ACTIVE for phase in SessionPhase)
"""Whether a phase is in `ACTIVE`, by its number."""

# ---------------------------------------------------------------- jobs


class JobEvent(IntEnum):
    """What can happen to a job."""

    SUBMIT = 0  # an accepted submission; it is ready at once
    SUBMIT_UNPREPARED = 1  # an accepted submission of a job that has to be prepared
    REJECT = 2
    PREPARE = 3  # it is given an execution lane
    READY = 4  # its preparation has ended
    START = 5  # it goes on the QPU
    FINISH = 6  # it is done on the QPU, and so over
    POST_PROCESS = 7  # it is done on the QPU, and is post-processed
    CUT = 8  # it has been on the QPU for as long as it may
    POST_DONE = 9  # its post-processing has ended
    FAIL = 10  # an outage hits it and ends it
    REQUEUE = 11  # an outage hits it, and it is queued again
    CANCEL = 12  # its user cancels it
    SESSION_CANCEL = 13  # its session is cancelled
    SESSION_TIMEOUT = 14  # the max_time of its session is over
    SESSION_TIMEOUT_CANCELS = 15  # the same, where that is a cancellation and no error
    RENEGE = 16  # its patience is over before it has started
    COST_LIMIT = 17  # its account has used its quota
    PROGRAM_FAIL = 18  # its QPU time is over, and its program fails instead of giving a result


class JobAction(IntEnum):
    """What a transition asks for, apart from the change of stage."""

    COUNT_SUBMISSION = 0  # for the limits of its account (S60)
    COUNT_END = 1
    ENTER_QUEUE = 2  # it counts among the queued jobs of its QPU (S54)
    LEAVE_QUEUE = 3
    WAIT_FOR_LANE = 4
    TAKE_LANE = 5
    GIVE_LANE_BACK = 6
    LEAVE_PREPARED = 7  # it does not count among those that are preparing or ready any more (S42)
    WAIT_FOR_QPU = 8
    WAIT_BEFORE_ALL = 9  # for the QPU (S52)
    TAKE_QPU = 10
    LEAVE_QPU = 11
    STOP_FINISH = 12  # its time on the QPU will not be over
    TAKE_BACK_USAGE = 13  # its stay on the QPU costs nothing (S62)
    LOSE_RUN = 14  # it leaves the QPU and will run again
    START_POST_PROCESSING = 15
    JOIN_SESSION = 16  # its session has one more job
    COUNT = 17  # for the ITTL clock of its session, from now on (S43)
    TELL_START = 18  # its session is active
    STOP_COUNTING = 19  # for the ITTL clock, though it has not ended (S41)
    LEAVE_SESSION = 20  # its session has one job less
    MAKE_WAY = 21  # its session does, if the QPU is reserved for another account (S52)
    END = 22  # what waits for its end follows
    START_PATIENCE = 23  # of a job that has any (S27)
    STOP_PATIENCE = 24


OF_SESSIONS: Final = frozenset(
    {
        JobAction.JOIN_SESSION,
        JobAction.COUNT,
        JobAction.TELL_START,
        JobAction.STOP_COUNTING,
        JobAction.LEAVE_SESSION,
        JobAction.MAKE_WAY,
    }
)
"""Actions that a job in job mode does not need."""

JOB_REASON_OF: Final = {
    JobEvent.CUT: Reason.RAN_TOO_LONG,
    JobEvent.FAIL: Reason.QPU_FAILED,
    JobEvent.CANCEL: Reason.JOB_CANCELLED,
    JobEvent.SESSION_CANCEL: Reason.SESSION_CANCELLED,
    JobEvent.SESSION_TIMEOUT: Reason.MAX_TIME,
    JobEvent.SESSION_TIMEOUT_CANCELS: Reason.MAX_TIME,
    JobEvent.RENEGE: Reason.RENEGED,
    JobEvent.COST_LIMIT: Reason.COST_LIMIT,
    JobEvent.PROGRAM_FAIL: Reason.PROGRAM_FAILED,
}
"""Why a job ended: the reason of its event. That of a rejection is found in the order of S20."""

_G = JobStage
_J = JobEvent
_B = JobAction

_Jobs = dict[JobEvent, Transition[JobStage, JobAction]]

_OVER = (_B.COUNT_END, _B.LEAVE_SESSION, _B.END)
_OFF_QPU = (_B.LEAVE_QPU, _B.COUNT_END, _B.LEAVE_SESSION, _B.MAKE_WAY, _B.END)
_START = (_B.STOP_PATIENCE, _B.LEAVE_QUEUE, _B.TAKE_QPU, _B.TELL_START)


def _queued(*before: JobAction) -> _Jobs:
    """How a queued job may end, in whatever queue it is (S16, S18, S25, S27, S28)."""
    actions = (_B.STOP_PATIENCE, _B.LEAVE_QUEUE, *before, *_OVER)
    return {
        _J.CANCEL: Transition(_G.CANCELLED, actions),
        _J.SESSION_CANCEL: Transition(_G.CANCELLED, actions),
        _J.SESSION_TIMEOUT: Transition(_G.ERROR, actions),
        _J.SESSION_TIMEOUT_CANCELS: Transition(_G.CANCELLED, actions),
        _J.RENEGE: Transition(_G.CANCELLED, actions),
        _J.COST_LIMIT: Transition(_G.CANCELLED, actions),
    }


def _ended(stage: JobStage) -> _Jobs:
    """S25: a cancel after the end is no error, and changes nothing."""
    return {_J.CANCEL: Transition(stage)}


JOB_TABLE: Final[dict[JobStage, _Jobs]] = {
    _G.PLANNED: {
        _J.SUBMIT: Transition(
            _G.QUEUED,
            (_B.COUNT_SUBMISSION, _B.JOIN_SESSION, _B.ENTER_QUEUE, _B.WAIT_FOR_QPU, _B.START_PATIENCE),
        ),
        _J.SUBMIT_UNPREPARED: Transition(
            _G.UNPREPARED,
            (_B.COUNT_SUBMISSION, _B.JOIN_SESSION, _B.ENTER_QUEUE, _B.WAIT_FOR_LANE, _B.START_PATIENCE),
        ),
        _J.REJECT: Transition(_G.REJECTED, (_B.END,)),  # S20: it touches no clock and no limit
        _J.CANCEL: Transition(_G.PLANNED),  # S25: before its submission nothing happens
    },
    _G.UNPREPARED: {
        _J.PREPARE: Transition(_G.PREPARING, (_B.TAKE_LANE,)),  # S42
        **_queued(),
    },
    _G.PREPARING: {
        _J.READY: Transition(_G.READY, (_B.GIVE_LANE_BACK, _B.COUNT, _B.WAIT_FOR_QPU)),  # S40, S43
        **_queued(_B.LEAVE_PREPARED),
    },
    _G.QUEUED: {
        _J.START: Transition(_G.RUNNING, _START),  # S50
        **_queued(),
    },
    _G.READY: {
        _J.START: Transition(_G.RUNNING, (_B.LEAVE_PREPARED, *_START)),  # S42, S50
        **_queued(_B.LEAVE_PREPARED),
    },
    _G.REQUEUED: {
        _J.START: Transition(_G.RUNNING, _START),
        **{event: move for event, move in _queued().items() if event is not _J.RENEGE},  # S27: it has started
    },
    _G.RUNNING: {
        _J.FINISH: Transition(_G.DONE, _OFF_QPU),
        _J.POST_PROCESS: Transition(  # S41
            _G.POST_PROCESSING, (_B.LEAVE_QPU, _B.START_POST_PROCESSING, _B.STOP_COUNTING, _B.MAKE_WAY)
        ),
        _J.CUT: Transition(_G.ERROR, _OFF_QPU),  # S44
        _J.PROGRAM_FAIL: Transition(_G.ERROR, _OFF_QPU),  # S44: with nothing to post-process
        _J.FAIL: Transition(_G.ERROR, (_B.STOP_FINISH, _B.TAKE_BACK_USAGE, *_OFF_QPU)),  # S52
        _J.REQUEUE: Transition(  # S52
            _G.REQUEUED,
            (
                _B.STOP_FINISH,
                _B.TAKE_BACK_USAGE,
                _B.LOSE_RUN,
                _B.ENTER_QUEUE,
                _B.WAIT_BEFORE_ALL,
                _B.MAKE_WAY,
            ),
        ),
        _J.CANCEL: Transition(_G.CANCELLED, (_B.STOP_FINISH, *_OFF_QPU)),  # S25
    },
    _G.POST_PROCESSING: {
        _J.POST_DONE: Transition(_G.DONE, _OVER),  # S40
        _J.CANCEL: Transition(_G.POST_PROCESSING),  # S41: it completes
    },
    _G.DONE: _ended(_G.DONE),
    _G.CANCELLED: _ended(_G.CANCELLED),
    _G.ERROR: _ended(_G.ERROR),
    _G.REJECTED: _ended(_G.REJECTED),
}

CAN_START: Final = bytes(_J.START in JOB_TABLE[stage] for stage in JobStage)
"""By stage: whether a job in the queue for the QPU still waits there."""

CAN_PREPARE: Final = bytes(_J.PREPARE in JOB_TABLE[stage] for stage in JobStage)
"""By stage: whether a job in the queue for a lane still waits there (S42)."""

_COUNT_WHEN_READY = frozenset({_G.QUEUED, _G.READY, _G.RUNNING, _G.REQUEUED})
_COUNT_WHEN_QUEUED = _COUNT_WHEN_READY | {_G.UNPREPARED, _G.PREPARING}


def counting_stages(*, asks_for_ready: bool) -> bytes:
    """By stage: whether a job keeps the ITTL clock of its session from running (S13, S41, S43)."""
    stages = _COUNT_WHEN_READY if asks_for_ready else _COUNT_WHEN_QUEUED
    return bytes(stage in stages for stage in JobStage)

"""The numbers in which the kernel thinks: the words of the rules, keys of events, and the two tables, flat.

All of them are made of the enums and tables of `scheduler`, so no rule stands here.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from typing import Any, Final

from qsession_sim import units
from qsession_sim.errors import IllegalTransitionError
from qsession_sim.scheduler import vocabulary
from qsession_sim.scheduler.session import SHORTEST_ADAPTED_ITTL_US
from qsession_sim.scheduler.transitions import (
    IS_ACCEPTING,
    IS_ACTIVE,
    JOB_REASON_OF,
    JOB_TABLE,
    REASON_OF,
    SESSION_TABLE,
    VISIBLE_CHANGES,
    JobAction,
    JobEvent,
    SessionAction,
    SessionEvent,
    SessionPhase,
)
from qsession_sim.scheduler.vocabulary import (
    Entity,
    JobStage,
    OnError,
    OnFinish,
    OnRejection,
    Rank,
    Reason,
    WindowKind,
)

Ints = Sequence[int]

# -- What stands in columns.

NEVER: Final = vocabulary.NEVER
NO_LIMIT: Final = vocabulary.NO_LIMIT
LONGEST_US: Final = units.LONGEST_US
FOREVER: Final = 2**63 - 1
"""A time that no event has."""

BEFORE_ALL: Final = -(2**63)
"""A key that no policy gives: of a job that an outage threw off the QPU (S52)."""

# -- Answers of the kernel, and where its next event comes from.

OVER: Final = 0
PAUSED: Final = 1
TOO_LONG: Final = 2

PLANNED: Final = 0
FINISHES: Final = 1
AGENDA: Final = 2
SOON: Final = 3

SHORTEST_ITTL_US: Final = SHORTEST_ADAPTED_ITTL_US

# -- Words of the rules.

STAGE_QUEUED: Final = int(JobStage.QUEUED)
STAGE_RUNNING: Final = int(JobStage.RUNNING)
STAGE_DONE: Final = int(JobStage.DONE)
STAGE_REJECTED: Final = int(JobStage.REJECTED)
STAGE_POST_PROCESSING: Final = int(JobStage.POST_PROCESSING)
STAGE_PREPARING: Final = int(JobStage.PREPARING)
STAGE_UNPREPARED: Final = int(JobStage.UNPREPARED)

JOB_SUBMIT: Final = int(JobEvent.SUBMIT)
JOB_SUBMIT_UNPREPARED: Final = int(JobEvent.SUBMIT_UNPREPARED)
JOB_REJECT: Final = int(JobEvent.REJECT)
JOB_PREPARE: Final = int(JobEvent.PREPARE)
JOB_READY: Final = int(JobEvent.READY)
JOB_START: Final = int(JobEvent.START)
JOB_FINISH: Final = int(JobEvent.FINISH)
JOB_POST_PROCESS: Final = int(JobEvent.POST_PROCESS)
JOB_CUT: Final = int(JobEvent.CUT)
JOB_POST_DONE: Final = int(JobEvent.POST_DONE)
JOB_FAIL: Final = int(JobEvent.FAIL)
JOB_REQUEUE: Final = int(JobEvent.REQUEUE)
JOB_CANCEL: Final = int(JobEvent.CANCEL)
JOB_SESSION_CANCEL: Final = int(JobEvent.SESSION_CANCEL)
JOB_SESSION_TIMEOUT: Final = int(JobEvent.SESSION_TIMEOUT)
JOB_SESSION_TIMEOUT_CANCELS: Final = int(JobEvent.SESSION_TIMEOUT_CANCELS)
JOB_RENEGE: Final = int(JobEvent.RENEGE)

PHASE_ABSENT: Final = int(SessionPhase.ABSENT)
PHASE_OPEN: Final = int(SessionPhase.OPEN)
PHASE_IDLE: Final = int(SessionPhase.IDLE)
PHASE_CLOSING: Final = int(SessionPhase.CLOSING)
PHASE_CLOSED: Final = int(SessionPhase.CLOSED)

SESSION_CREATE: Final = int(SessionEvent.CREATE)
SESSION_SUBMIT: Final = int(SessionEvent.SUBMIT)
SESSION_START: Final = int(SessionEvent.START)
SESSION_END: Final = int(SessionEvent.END)
SESSION_END_LAST: Final = int(SessionEvent.END_LAST)
SESSION_LEAVE_LAST: Final = int(SessionEvent.LEAVE_LAST)
SESSION_CLOSE: Final = int(SessionEvent.CLOSE)
SESSION_CLOSE_EMPTY: Final = int(SessionEvent.CLOSE_EMPTY)
SESSION_CANCEL: Final = int(SessionEvent.CANCEL)
SESSION_MAX_TIME: Final = int(SessionEvent.MAX_TIME)
SESSION_ITTL: Final = int(SessionEvent.ITTL)
SESSION_UNUSED: Final = int(SessionEvent.UNUSED)
SESSION_PREPARE: Final = int(SessionEvent.PREPARE)
SESSION_READY: Final = int(SessionEvent.READY)
SESSION_RELEASE: Final = int(SessionEvent.RELEASE)

NO_REASON: Final = int(Reason.NONE)
SESSION_NOT_CREATED: Final = int(Reason.SESSION_NOT_CREATED)
IN_CLOSED_SESSION: Final = int(Reason.SESSION_CLOSED)
CLIENT_TOO_OLD: Final = int(Reason.CLIENT_TOO_OLD)
SESSIONS_NOT_IN_PLAN: Final = int(Reason.SESSIONS_NOT_IN_PLAN)
TOO_MANY_PENDING: Final = int(Reason.TOO_MANY_PENDING)
RATE_LIMITED: Final = int(Reason.RATE_LIMITED)
EXECUTION_TIME_EXCEEDS_SESSION: Final = int(Reason.EXECUTION_TIME_EXCEEDS_SESSION)

OUTAGE: Final = int(WindowKind.OUTAGE)
CALIBRATION: Final = int(WindowKind.CALIBRATION)

FINISH_BY_CLOSE: Final = int(OnFinish.CLOSE)
FINISH_BY_LEAVING: Final = int(OnFinish.LEAVE)
ERROR_STOPS: Final = int(OnError.STOP)
ERROR_IS_RETRIED: Final = int(OnError.RETRY)
REJECTED_TO_NEW_SESSION: Final = int(OnRejection.NEW_SESSION)
REJECTED_TO_JOB_MODE: Final = int(OnRejection.JOB_MODE)

# -- Keys of events: the order of S3 inside an instant as one number. From the top: rank, entity, number, and
# a bit that tells the end of a job's patience from a cancel by its user, which goes first (S27).

NUMBER_SHIFT: Final = 1
ENTITY_SHIFT: Final = 44
RANK_SHIFT: Final = 46
NUMBER_MASK: Final = (1 << ENTITY_SHIFT) - 1
JOB_BIT: Final = Entity.JOB << ENTITY_SHIFT
PATIENCE_BIT: Final = 1

RANK_CREATE: Final = int(Rank.CREATE)
RANK_POST_DONE: Final = int(Rank.POST_DONE)
RANK_READY: Final = int(Rank.READY)
RANK_SUBMIT: Final = int(Rank.SUBMIT)
RANK_CLOSE: Final = int(Rank.CLOSE)
RANK_CANCEL: Final = int(Rank.CANCEL)
RANK_MAX_TIME: Final = int(Rank.MAX_TIME)
RANK_ITTL: Final = int(Rank.ITTL)
RANK_AVAILABILITY: Final = int(Rank.AVAILABILITY)


def key_of(rank: Rank, entity: Entity) -> int:
    """The key of number 0.

    Example:
        >>> key_of(Rank.FINISH, Entity.JOB) < key_of(Rank.SUBMIT, Entity.SESSION)
        True
    """
    return rank << RANK_SHIFT | entity << ENTITY_SHIFT


AFTER_READY: Final = key_of(Rank.SUBMIT, Entity.SESSION)
"""What counts at a horizon comes before it (S6)."""

KEY_CREATE: Final = key_of(Rank.CREATE, Entity.SESSION)
KEY_FINISH: Final = key_of(Rank.FINISH, Entity.JOB)
KEY_POST_DONE: Final = key_of(Rank.POST_DONE, Entity.JOB)
KEY_READY: Final = key_of(Rank.READY, Entity.JOB)
KEY_SUBMIT: Final = key_of(Rank.SUBMIT, Entity.JOB)
KEY_CLOSE: Final = key_of(Rank.CLOSE, Entity.SESSION)
KEY_CANCEL: Final = key_of(Rank.CANCEL, Entity.SESSION)
KEY_JOB_CANCEL: Final = key_of(Rank.CANCEL, Entity.JOB)
KEY_PATIENCE: Final = key_of(Rank.CANCEL, Entity.JOB) | PATIENCE_BIT
KEY_MAX_TIME: Final = key_of(Rank.MAX_TIME, Entity.SESSION)
KEY_ITTL: Final = key_of(Rank.ITTL, Entity.SESSION)
KEY_WINDOW: Final = key_of(Rank.AVAILABILITY, Entity.QPU)

# The number of a change of windows: QPU, whether it begins or is due, window. Ends come first (S52).

WINDOW_BITS: Final = 34
WINDOW_MASK: Final = (1 << WINDOW_BITS) - 1
WINDOW_BEGINS: Final = 1 << WINDOW_BITS
QPU_OF_WINDOW_SHIFT: Final = WINDOW_BITS + 1

# -- Actions, by numbers above 0: those of a transition are one number, the first in its lowest bits.

ACTION_BITS: Final = 5
ACTION_MASK: Final = (1 << ACTION_BITS) - 1

START_UNUSED: Final = SessionAction.START_UNUSED + 1
STOP_UNUSED: Final = SessionAction.STOP_UNUSED + 1
START_MAX_TIME: Final = SessionAction.START_MAX_TIME + 1
START_ITTL: Final = SessionAction.START_ITTL + 1
STOP_ITTL: Final = SessionAction.STOP_ITTL + 1
STOP_CLOCKS: Final = SessionAction.STOP_CLOCKS + 1
HOLD_QPU: Final = SessionAction.HOLD_QPU + 1
RELEASE_QPU: Final = SessionAction.RELEASE_QPU + 1
END_QUEUED_JOBS: Final = SessionAction.END_QUEUED_JOBS + 1
REQUEUE_JOBS: Final = SessionAction.REQUEUE_JOBS + 1

COUNT_SUBMISSION: Final = JobAction.COUNT_SUBMISSION + 1
COUNT_END: Final = JobAction.COUNT_END + 1
ENTER_QUEUE: Final = JobAction.ENTER_QUEUE + 1
LEAVE_QUEUE: Final = JobAction.LEAVE_QUEUE + 1
WAIT_FOR_LANE: Final = JobAction.WAIT_FOR_LANE + 1
TAKE_LANE: Final = JobAction.TAKE_LANE + 1
GIVE_LANE_BACK: Final = JobAction.GIVE_LANE_BACK + 1
LEAVE_PREPARED: Final = JobAction.LEAVE_PREPARED + 1
WAIT_FOR_QPU: Final = JobAction.WAIT_FOR_QPU + 1
WAIT_BEFORE_ALL: Final = JobAction.WAIT_BEFORE_ALL + 1
LOSE_RUN: Final = JobAction.LOSE_RUN + 1
TAKE_QPU: Final = JobAction.TAKE_QPU + 1
LEAVE_QPU: Final = JobAction.LEAVE_QPU + 1
START_POST_PROCESSING: Final = JobAction.START_POST_PROCESSING + 1
JOIN_SESSION: Final = JobAction.JOIN_SESSION + 1
COUNT: Final = JobAction.COUNT + 1
TELL_START: Final = JobAction.TELL_START + 1
STOP_COUNTING: Final = JobAction.STOP_COUNTING + 1
LEAVE_SESSION: Final = JobAction.LEAVE_SESSION + 1
END: Final = JobAction.END + 1
START_PATIENCE: Final = JobAction.START_PATIENCE + 1
STOP_PATIENCE: Final = JobAction.STOP_PATIENCE + 1
WRITE_REASON: Final = len(JobAction) + 1
"""Of those events after which a job has a reason; it stands in no table of actions."""


def packed(actions: Sequence[int], kept: Collection[int]) -> int:
    """Actions as one number, those that are not kept left out.

    Example:
        >>> packed([SessionAction.STOP_CLOCKS, SessionAction.RELEASE_QPU], [*SessionAction]) == (
        ...     STOP_CLOCKS + (RELEASE_QPU << ACTION_BITS)
        ... )
        True
    """
    taken = [action + 1 for action in actions if action in kept]
    return sum(action << ACTION_BITS * place for place, action in enumerate(taken))


# -- The tables, flat: the entry of a pair is in row `state * events + event`, and NEVER where there is none.
# The stage of a job is NEVER before its submission, so its state is one more than that.

SESSION_EVENTS: Final = len(SessionEvent)
JOB_EVENTS: Final = len(JobEvent)


def flat_sessions(kept: frozenset[SessionAction]) -> tuple[Ints, Ints, Ints]:
    """The table of sessions: by row the next phase, the reason to write down, and the actions.

    The reason is NEVER where users cannot see the change.
    """
    rows = []
    for phase in SessionPhase:
        for event in SessionEvent:
            entry = SESSION_TABLE[phase].get(event)
            if entry is None:
                rows.append((NO_ENTRY, NEVER, 0))
                continue
            seen = (phase, entry.after) in VISIBLE_CHANGES
            reason = REASON_OF.get(event, Reason.NONE) if seen else NEVER
            rows.append((entry.after, reason, packed(entry.actions, kept)))
    after, reasons, actions = (array("q", column) for column in zip(*rows, strict=True))
    return after, reasons, actions


def flat_jobs(kept: frozenset[JobAction]) -> tuple[Ints, Ints]:
    """The table of jobs: by row the next stage, and the actions, first that of writing the reason down."""
    rows = []
    for stage in sorted(JobStage):
        for event in JobEvent:
            entry = JOB_TABLE[stage].get(event)
            if entry is None:
                rows.append((NO_ENTRY, 0))
                continue
            actions = packed(entry.actions, kept)
            if event in JOB_REASON_OF and entry.after is not stage:
                actions = actions << ACTION_BITS | WRITE_REASON
            rows.append((entry.after, actions))
    after, packed_actions = (array("q", column) for column in zip(*rows, strict=True))
    return after, packed_actions


JOB_REASONS: Final = array("q", (JOB_REASON_OF.get(event, Reason.NONE) for event in JobEvent))
"""By event of a job."""

NO_ENTRY: Final = -2
"""In place of what comes next: the pair is illegal. NEVER is the stage of a job before its submission."""

ACCEPTING: Final = array("q", IS_ACCEPTING)
ACTIVE: Final = array("q", IS_ACTIVE)


def no_entry_for_session(session: int, event: int, phase: int) -> IllegalTransitionError:
    """What is raised where a table has no entry; nothing was changed."""
    names = f"event {SessionEvent(event).name} in phase {SessionPhase(phase).name}"
    return IllegalTransitionError(f"session {session}: no transition for {names}")


def no_entry_for_job(job: int, event: int, stage: int) -> IllegalTransitionError:
    """The same of a job."""
    names = f"event {JobEvent(event).name} in stage {JobStage(stage).name}"
    return IllegalTransitionError(f"job {job}: no transition for {names}")


# -- Room.


def wider(column: Any, first: int = 0) -> Any:
    """A copy with room for twice as many rows, of which row `first` is now the first."""
    if isinstance(column, list):
        return (column[first:] + column[:first]) * 2
    rows = memoryview(column)
    copy = array(rows.format)
    copy.frombytes(rows[first:].cast("B"))
    copy.frombytes(rows[:first].cast("B"))
    return copy * 2

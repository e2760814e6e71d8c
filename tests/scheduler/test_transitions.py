"""The table of sessions, enumerated completely: every one of its 9 x 17 pairs (S9 to S26, S28, S30, S41, S43, S52)."""

from __future__ import annotations

from functools import partial

import pytest

from qsession_sim.errors import IllegalTransitionError
from qsession_sim.scheduler.plan import Plan, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.sessions import Sessions, moves
from qsession_sim.scheduler.transitions import (
    ACCEPTS,
    ACTIVE,
    REASON_OF,
    SESSION_TABLE,
    STATE_OF,
    VISIBLE_CHANGES,
    SessionAction,
    SessionEvent,
    SessionPhase,
)

# Written from the rules: phase, event, then the next phase and the actions in their order, or "illegal".
EXPECTED = """
ABSENT           CREATE      OPEN             START_UNUSED
ABSENT           SUBMIT      illegal
ABSENT           START       illegal
ABSENT           END         illegal
ABSENT           END_LAST    illegal
ABSENT           CLOSE       illegal
ABSENT           CLOSE_EMPTY illegal
ABSENT           CANCEL      illegal
ABSENT           MAX_TIME    illegal
ABSENT           ITTL        illegal
ABSENT           UNUSED      illegal
ABSENT           LEAVE_LAST  illegal
ABSENT           PREPARE     illegal
ABSENT           READY       illegal
ABSENT           RESERVE     illegal
ABSENT           RELEASE     illegal
ABSENT           COST_LIMIT  illegal

OPEN             CREATE      illegal
OPEN             SUBMIT      OPEN             STOP_UNUSED
OPEN             START       RUNNING          HOLD_QPU START_MAX_TIME
OPEN             END         OPEN
OPEN             END_LAST    OPEN
OPEN             CLOSE       OPEN_CLOSING
OPEN             CLOSE_EMPTY CLOSED           STOP_CLOCKS
OPEN             CANCEL      CLOSED           STOP_CLOCKS END_QUEUED_JOBS
OPEN             MAX_TIME    illegal
OPEN             ITTL        illegal
OPEN             UNUSED      CLOSED           STOP_CLOCKS
OPEN             LEAVE_LAST  OPEN
OPEN             PREPARE     OPEN             STOP_UNUSED
OPEN             READY       OPEN
OPEN             RESERVE     illegal
OPEN             RELEASE     illegal
OPEN             COST_LIMIT  CLOSED           STOP_CLOCKS END_QUEUED_JOBS

OPEN_CLOSING     CREATE      illegal
OPEN_CLOSING     SUBMIT      illegal
OPEN_CLOSING     START       CLOSING          HOLD_QPU START_MAX_TIME
OPEN_CLOSING     END         OPEN_CLOSING
OPEN_CLOSING     END_LAST    CLOSED           STOP_CLOCKS
OPEN_CLOSING     CLOSE       OPEN_CLOSING
OPEN_CLOSING     CLOSE_EMPTY illegal
OPEN_CLOSING     CANCEL      CLOSED           STOP_CLOCKS END_QUEUED_JOBS
OPEN_CLOSING     MAX_TIME    illegal
OPEN_CLOSING     ITTL        illegal
OPEN_CLOSING     UNUSED      illegal
OPEN_CLOSING     LEAVE_LAST  OPEN_CLOSING
OPEN_CLOSING     PREPARE     illegal
OPEN_CLOSING     READY       OPEN_CLOSING
OPEN_CLOSING     RESERVE     illegal
OPEN_CLOSING     RELEASE     illegal
OPEN_CLOSING     COST_LIMIT  CLOSED           STOP_CLOCKS END_QUEUED_JOBS

RUNNING          CREATE      illegal
RUNNING          SUBMIT      RUNNING
RUNNING          START       RUNNING
RUNNING          END         RUNNING
RUNNING          END_LAST    IDLE             START_ITTL
RUNNING          CLOSE       CLOSING
RUNNING          CLOSE_EMPTY illegal
RUNNING          CANCEL      CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS
RUNNING          MAX_TIME    CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS
RUNNING          ITTL        illegal
RUNNING          UNUSED      illegal
RUNNING          LEAVE_LAST  IDLE             START_ITTL
RUNNING          PREPARE     RUNNING
RUNNING          READY       RUNNING
RUNNING          RESERVE     INACTIVE         RELEASE_QPU REQUEUE_JOBS
RUNNING          RELEASE     illegal
RUNNING          COST_LIMIT  CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS

IDLE             CREATE      illegal
IDLE             SUBMIT      RUNNING          STOP_ITTL
IDLE             START       illegal
IDLE             END         IDLE
IDLE             END_LAST    IDLE
IDLE             CLOSE       CLOSING          STOP_ITTL
IDLE             CLOSE_EMPTY CLOSED           STOP_CLOCKS RELEASE_QPU
IDLE             CANCEL      CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS
IDLE             MAX_TIME    CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS
IDLE             ITTL        INACTIVE         RELEASE_QPU REQUEUE_JOBS
IDLE             UNUSED      illegal
IDLE             LEAVE_LAST  illegal
IDLE             PREPARE     IDLE
IDLE             READY       RUNNING          STOP_ITTL
IDLE             RESERVE     INACTIVE         STOP_ITTL RELEASE_QPU REQUEUE_JOBS
IDLE             RELEASE     illegal
IDLE             COST_LIMIT  CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS

CLOSING          CREATE      illegal
CLOSING          SUBMIT      illegal
CLOSING          START       CLOSING
CLOSING          END         CLOSING
CLOSING          END_LAST    CLOSED           STOP_CLOCKS RELEASE_QPU
CLOSING          CLOSE       CLOSING
CLOSING          CLOSE_EMPTY illegal
CLOSING          CANCEL      CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS
CLOSING          MAX_TIME    CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS
CLOSING          ITTL        illegal
CLOSING          UNUSED      illegal
CLOSING          LEAVE_LAST  CLOSING
CLOSING          PREPARE     illegal
CLOSING          READY       CLOSING
CLOSING          RESERVE     INACTIVE_CLOSING RELEASE_QPU REQUEUE_JOBS
CLOSING          RELEASE     INACTIVE_CLOSING RELEASE_QPU
CLOSING          COST_LIMIT  CLOSED           STOP_CLOCKS RELEASE_QPU END_QUEUED_JOBS

INACTIVE         CREATE      illegal
INACTIVE         SUBMIT      INACTIVE
INACTIVE         START       RUNNING          HOLD_QPU
INACTIVE         END         INACTIVE
INACTIVE         END_LAST    INACTIVE
INACTIVE         CLOSE       INACTIVE_CLOSING
INACTIVE         CLOSE_EMPTY CLOSED           STOP_CLOCKS
INACTIVE         CANCEL      CLOSED           STOP_CLOCKS END_QUEUED_JOBS
INACTIVE         MAX_TIME    CLOSED           STOP_CLOCKS END_QUEUED_JOBS
INACTIVE         ITTL        illegal
INACTIVE         UNUSED      illegal
INACTIVE         LEAVE_LAST  INACTIVE
INACTIVE         PREPARE     INACTIVE
INACTIVE         READY       INACTIVE
INACTIVE         RESERVE     illegal
INACTIVE         RELEASE     illegal
INACTIVE         COST_LIMIT  CLOSED           STOP_CLOCKS END_QUEUED_JOBS

INACTIVE_CLOSING CREATE      illegal
INACTIVE_CLOSING SUBMIT      illegal
INACTIVE_CLOSING START       CLOSING          HOLD_QPU
INACTIVE_CLOSING END         INACTIVE_CLOSING
INACTIVE_CLOSING END_LAST    CLOSED           STOP_CLOCKS
INACTIVE_CLOSING CLOSE       INACTIVE_CLOSING
INACTIVE_CLOSING CLOSE_EMPTY illegal
INACTIVE_CLOSING CANCEL      CLOSED           STOP_CLOCKS END_QUEUED_JOBS
INACTIVE_CLOSING MAX_TIME    CLOSED           STOP_CLOCKS END_QUEUED_JOBS
INACTIVE_CLOSING ITTL        illegal
INACTIVE_CLOSING UNUSED      illegal
INACTIVE_CLOSING LEAVE_LAST  INACTIVE_CLOSING
INACTIVE_CLOSING PREPARE     illegal
INACTIVE_CLOSING READY       INACTIVE_CLOSING
INACTIVE_CLOSING RESERVE     illegal
INACTIVE_CLOSING RELEASE     illegal
INACTIVE_CLOSING COST_LIMIT  CLOSED           STOP_CLOCKS END_QUEUED_JOBS

CLOSED           CREATE      illegal
CLOSED           SUBMIT      illegal
CLOSED           START       illegal
CLOSED           END         CLOSED
CLOSED           END_LAST    CLOSED
CLOSED           CLOSE       CLOSED
CLOSED           CLOSE_EMPTY CLOSED
CLOSED           CANCEL      CLOSED
CLOSED           MAX_TIME    illegal
CLOSED           ITTL        illegal
CLOSED           UNUSED      illegal
CLOSED           LEAVE_LAST  CLOSED
CLOSED           PREPARE     illegal
CLOSED           READY       illegal
CLOSED           RESERVE     illegal
CLOSED           RELEASE     illegal
CLOSED           COST_LIMIT  illegal
"""

ROWS = [line.split() for line in EXPECTED.splitlines() if line]
LEGAL = [row for row in ROWS if row[2] != "illegal"]
ILLEGAL = [row[:2] for row in ROWS if row[2] == "illegal"]

# What a user can see of a phase: the state in the client's words, and `accepting_jobs` (S17, S26).
SEEN = {
    "ABSENT": (None, False),
    "OPEN": ("OPEN", True),
    "OPEN_CLOSING": ("OPEN", False),
    "RUNNING": ("ACTIVE", True),
    "IDLE": ("ACTIVE", True),
    "CLOSING": ("ACTIVE", False),
    "INACTIVE": ("INACTIVE", True),
    "INACTIVE_CLOSING": ("INACTIVE", False),
    "CLOSED": ("CLOSED", False),
}


def session_in(phase: str) -> tuple[Sessions, Session, list[tuple[str, str]]]:
    """A session that is brought into a phase; its actions are only written down."""
    sessions = Scheduler(Plan.of(sessions=[SessionSpec()] * 5))._sessions
    session, taken = sessions.all[4], []
    session.phase = SessionPhase[phase]
    sessions._moves = moves({action: partial(note, taken, action.name) for action in SessionAction})
    return sessions, session, taken


def note(taken, action, now_us, session, event):
    assert (now_us, session.number) == (7, 4)
    taken.append((action, event.name))


def everything_of(session: Session) -> dict[str, object]:
    values = {name: getattr(session, name) for name in Session.__slots__}
    return {name: list(value) if isinstance(value, list) else value for name, value in values.items()}


def test_expected_table_has_every_pair_once():
    assert [tuple(row[:2]) for row in ROWS] == [
        (phase.name, event.name) for phase in SessionPhase for event in SessionEvent
    ]


@pytest.mark.parametrize(("phase", "event", "after", "actions"), [(*row[:3], row[3:]) for row in LEGAL])
def test_legal_pair_leads_to_its_phase_and_takes_its_actions(phase, event, after, actions):
    sessions, session, taken = session_in(phase)
    before = everything_of(session)
    sessions.apply(7, session, SessionEvent[event])
    assert taken == [(action, event) for action in actions]
    assert everything_of(session) == {**before, "phase": SessionPhase[after]}


@pytest.mark.parametrize(("phase", "event"), ILLEGAL)
def test_illegal_pair_raises_and_changes_nothing(phase, event):
    sessions, session, taken = session_in(phase)
    session.add_ready(3, 7)
    before = everything_of(session)
    with pytest.raises(IllegalTransitionError) as caught:
        sessions.apply(7, session, SessionEvent[event])
    assert str(caught.value) == f"session 4: no transition for event {event} in phase {phase}"
    assert (everything_of(session), taken) == (before, [])
    assert list(sessions._journal.transitions) == []


def test_table_is_the_expected_one_and_nothing_more():
    table = [
        [phase.name, event.name, after.name, *(action.name for action in actions)]
        for phase, row in SESSION_TABLE.items()
        for event, (after, actions) in row.items()
    ]
    assert sorted(table) == sorted(LEGAL)


def test_every_phase_can_be_reached_from_absent():
    reached = {SessionPhase.ABSENT}
    while new := {after for phase in reached for after, _ in SESSION_TABLE[phase].values()} - reached:
        reached |= new
    assert reached == set(SessionPhase)


def test_s26_closed_is_for_good():
    assert {after for after, _ in SESSION_TABLE[SessionPhase.CLOSED].values()} == {SessionPhase.CLOSED}


def test_phases_show_a_state_and_whether_jobs_are_accepted():
    states = {phase.name: None if state is None else state.name for phase, state in STATE_OF.items()}
    assert states == {phase: state for phase, (state, _) in SEEN.items()}
    assert {phase.name for phase in ACCEPTS} == {phase for phase, (_, accepts) in SEEN.items() if accepts}
    assert {phase.name for phase in ACTIVE} == {
        phase for phase, (state, _) in SEEN.items() if state == "ACTIVE"
    }


def test_change_is_visible_when_state_or_accepting_jobs_changes():
    """Of the changes that happen, only those between RUNNING and IDLE are not."""
    visible = {(before.name, after.name) for before, after in VISIBLE_CHANGES}
    assert visible == {(before, after) for before in SEEN for after in SEEN if SEEN[before] != SEEN[after]}
    changes = {(row[0], row[2]) for row in LEGAL if row[0] != row[2]}
    assert changes - visible == {("RUNNING", "IDLE"), ("IDLE", "RUNNING")}


def test_s26_every_event_that_can_close_a_session_has_its_end_reason():
    closing = {row[1] for row in LEGAL if row[2] == "CLOSED" and row[0] != "CLOSED"}
    assert {event.name: reason.name for event, reason in REASON_OF.items()} == {
        "CLOSE_EMPTY": "CLOSED",
        "END_LAST": "CLOSED",
        "CANCEL": "CANCELLED",
        "MAX_TIME": "MAX_TIME",
        "UNUSED": "UNUSED",
        "RESERVE": "RESERVATION",
        "COST_LIMIT": "COST_LIMIT",
    }
    assert closing == {event.name for event in REASON_OF} - {"RESERVE"}

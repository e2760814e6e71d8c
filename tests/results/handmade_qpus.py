"""Records worked out by hand: an outage with preparation, several QPUs, and a session that lets others in."""

from __future__ import annotations

import numpy as np

from qsession_sim.results.record import Record
from qsession_sim.scheduler.plan import SHARED, QpuSpec, Rules, WindowSpec
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, JobStatus, Reason, WindowKind
from results.handmade import SESSION, make_record

DONE, NONE = JobStatus.DONE, Reason.NONE
OUTAGE, MAINTENANCE, CALIBRATION, RESERVATION = (
    WindowKind.OUTAGE,
    WindowKind.MAINTENANCE,
    WindowKind.CALIBRATION,
    WindowKind.RESERVATION,
)


def stormy(**changes) -> Record:
    """An outage from 12 to 20 throws j1 off, which is queued again; a maintenance lasts from 45 to 60.

    j1, j3 and j5 are prepared, in 5 and 6 microseconds; j5 is not ready at the horizon, 80. j1 is
    post-processed for 4 after it left, and j4 since 75.
    """
    fields = {
        "rules": Rules(requeues_after_outage=True),
        "window_specs": (WindowSpec(OUTAGE, 12, 8), WindowSpec(MAINTENANCE, 45, 15)),
        "preparing_us": np.array([0, NEVER, 8, NEVER, 70]),
        "ready_us": np.array([5, 6, 14, 52, NEVER]),
        "left_us": np.array([30, 40, 50, 75, NEVER]),
        "lost_runs": np.array([(0, 0, 5, 12)]),
        "windows": np.array([(0, OUTAGE, 0, 12, 20), (0, MAINTENANCE, 1, 45, 60)]),
    } | changes
    return make_record(
        (
            ("j1", 0, NEVER, 10, 0, 20, 34, DONE, NONE),
            ("j2", 0, NEVER, 10, 6, 30, 40, DONE, NONE),
            ("j3", 1, NEVER, 10, 8, 40, 50, DONE, NONE),
            ("j4", 1, NEVER, 15, 52, 60, NEVER, JobStage.POST_PROCESSING, NONE),
            ("j5", 1, NEVER, 10, 70, NEVER, NEVER, JobStage.PREPARING, NONE),
        ),
        sessions=(),
        transitions=(),
        end_us=80,
        **fields,
    )


def side_by_side(**changes) -> Record:
    """j1 and j5 are on q0, j2 on q1, and j3 on a simulator; session s1 (ITTL 10) holds q1 since its j4, to 12."""
    fields = {
        "qpus": ("q0", "q1", "sim"),
        "qpu_specs": (QpuSpec(), QpuSpec(), QpuSpec(simulator=True)),
        "job_qpu": np.array([0, 1, 2, 1, 0], dtype=np.int16),
        "session_qpu": np.array([1]),
    } | changes
    return make_record(
        (
            ("j1", 0, NEVER, 10, 0, 0, 10, DONE, NONE),
            ("j2", 1, NEVER, 4, 2, 2, 6, DONE, NONE),
            ("j3", 1, NEVER, 5, 4, 4, 9, DONE, NONE),
            ("j4", 0, 0, 2, 6, 6, 8, DONE, NONE),
            ("j5", 1, NEVER, 3, 10, 10, NEVER, JobStatus.RUNNING, NONE),
        ),
        sessions=(("s1", 0, SESSION, 1000, 10),),
        transitions=(
            (6, 0, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, NONE),
            (6, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, NONE),
        ),
        end_us=12,
        **fields,
    )


def delayed(**changes) -> Record:
    """Session s1 (ITTL 10, `shared`) lets j2 in at 12, so that its own j3 waits from 14 to 20.

    A maintenance begins at 24, and its ITTL ends at 32.
    """
    fields = {
        "rules": Rules(hold=SHARED),
        "window_specs": (WindowSpec(MAINTENANCE, 24, 6),),
        "windows": np.array([(0, MAINTENANCE, 0, 24, 30)]),
    } | changes
    return make_record(
        (
            ("j1", 0, 0, 10, 0, 0, 10, DONE, NONE),
            ("j2", 1, NEVER, 8, 12, 12, 20, DONE, NONE),
            ("j3", 0, 0, 2, 14, 20, 22, DONE, NONE),
        ),
        sessions=(("s1", 0, SESSION, 1000, 10),),
        transitions=(
            (0, 0, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, NONE),
            (0, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, NONE),
            (32, 0, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, NONE),
        ),
        end_us=32,
        **fields,
    )


def reserved(**changes) -> Record:
    """From 10 to 20 the QPU is for lab-b: s1 of lab-a lets go at 12, when j1 left, and j3 waits to 20.

    A calibration is due at 22 and takes the QPU from 25, the end of j3, to 28.
    """
    fields = {
        "window_specs": (WindowSpec(RESERVATION, 10, 10, account=1), WindowSpec(CALIBRATION, 22, 3)),
        "windows": np.array([(0, RESERVATION, 0, 10, 20), (0, CALIBRATION, 1, 25, 28)]),
    } | changes
    return make_record(
        (
            ("j1", 0, 0, 12, 0, 0, 12, DONE, NONE),
            ("j2", 1, NEVER, 4, 11, 12, 16, DONE, NONE),
            ("j3", 0, NEVER, 5, 11, 20, 25, DONE, NONE),
        ),
        sessions=(("s1", 0, SESSION, 1000, 10),),
        transitions=(
            (0, 0, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, NONE),
            (0, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, NONE),
            (12, 0, SessionPhase.IDLE, SessionEvent.RESERVE, SessionPhase.INACTIVE, Reason.RESERVATION),
        ),
        end_us=30,
        **fields,
    )

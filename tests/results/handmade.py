"""A record worked out by hand from the rules, and a way to write others. Times are microseconds."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from qsession_sim.results.record import Record
from qsession_sim.results.run import Run
from qsession_sim.scheduler.plan import EXCLUSIVE, GAP_FILL, NONE, SHARED
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason
from qsession_sim.workload.columns import ClientColumns, JobColumns, SessionColumns, Workload

ACCOUNTS = ("lab-a", "lab-b")
STREAMS = ("explicit",)
HOLDS = {"exclusive": EXCLUSIVE, "shared": SHARED, "none": NONE, "gap_fill": GAP_FILL}
SESSION, BATCH = Mode.SESSION, Mode.BATCH

# Session s1 (ITTL 10) gets j1 at 0, and j2 five after j1 ended. Its ITTL runs from 25, the end of j2, to 35,
# when j3 may start. j4 finds it inactive, waits for j3 and activates it again; it is closed at 72, so j5 is
# rejected. Then batch b1 (ITTL 5) runs j6 and lets j7 in between, without effect on its ITTL, which ends at 81.
# At the horizon, 90, j8 is on the QPU and j9 queued; j10, a follow-up of j8, never came, nor did session s3.
JOBS = (
    # name, account, session, requested, submitted, started, ended, status, reason
    ("j1", 0, 0, 10, 0, 0, 10, JobStatus.DONE, Reason.NONE),
    ("j2", 0, 0, 10, 15, 15, 25, JobStatus.DONE, Reason.NONE),
    ("j3", 1, NEVER, 30, 12, 35, 65, JobStatus.DONE, Reason.NONE),
    ("j4", 0, 0, 5, 40, 65, 70, JobStatus.DONE, Reason.NONE),
    ("j5", 0, 0, 5, 75, NEVER, 75, JobStatus.REJECTED, Reason.SESSION_CLOSED),
    ("j6", 1, 1, 4, 71, 72, 76, JobStatus.DONE, Reason.NONE),
    ("j7", 1, NEVER, 2, 77, 77, 79, JobStatus.DONE, Reason.NONE),
    ("j8", 0, NEVER, 100, 82, 82, NEVER, JobStatus.RUNNING, Reason.NONE),
    ("j9", 1, NEVER, 7, 84, NEVER, NEVER, JobStatus.QUEUED, Reason.NONE),
    ("j10", 0, NEVER, 1, NEVER, NEVER, NEVER, NEVER, Reason.NONE),
    ("j11", 1, NEVER, 3, 85, NEVER, 86, JobStatus.CANCELLED, Reason.JOB_CANCELLED),
)
SESSIONS = (
    # name, account, mode, max_time, interactive_timeout
    ("s1", 0, SESSION, 1000, 10),
    ("b1", 1, BATCH, 1000, 5),
    ("s3", 0, SESSION, 1000, 10),
)
TRANSITIONS = (
    (0, 0, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, Reason.NONE),
    (0, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
    (35, 0, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, Reason.NONE),
    (65, 0, SessionPhase.INACTIVE, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
    (71, 1, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, Reason.NONE),
    (72, 0, SessionPhase.IDLE, SessionEvent.CLOSE_EMPTY, SessionPhase.CLOSED, Reason.CLOSED),
    (72, 1, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
    (81, 1, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, Reason.NONE),
)
HORIZON = 90


def make_record(jobs=JOBS, sessions=SESSIONS, transitions=TRANSITIONS, end_us=HORIZON, **more) -> Record:
    """A record from rows as above, and more fields as they are.

    `qpus`, `qpu_specs` and `window_specs` are what the workload says of QPUs.
    """
    columns = list(zip(*(row[1:] for row in jobs), strict=True)) or [()] * 8
    account, session, requested, submitted, started, ended, status, reason = columns
    of_workload = {name: more.pop(name) for name in ("qpus", "qpu_specs") if name in more}
    if "window_specs" in more:
        of_workload["windows"] = more.pop("window_specs")
    workload = _workload([row[0] for row in jobs], account, session, requested, sessions)
    return Record(
        workload=replace(workload, **of_workload),
        job_session=np.array(session, dtype=np.int64),
        submitted_us=np.array(submitted, dtype=np.int64),
        started_us=np.array(started, dtype=np.int64),
        ended_us=np.array(ended, dtype=np.int64),
        stage=np.array(status, dtype=np.int8),
        reason=np.array(reason, dtype=np.int8),
        transitions=np.array(transitions, dtype=np.int64).reshape(-1, 6),
        end_us=end_us,
        **more,
    )


def make_run(
    record=None,
    *,
    hold="exclusive",
    queue="fifo",
    horizon=HORIZON,
    warm_up=0,
    plans=None,
    accounts=None,
) -> Run:
    """A run of a record, with as much of a scenario as results need."""
    record = make_record() if record is None else record
    record = replace(record, rules=replace(record.rules, hold=HOLDS[hold]))
    resolved = SimpleNamespace(
        title="",
        seed=7,
        warm_up=warm_up,
        horizon=horizon,
        plans=plans,
        accounts=accounts,
        workload=(),
        policies=SimpleNamespace(hold=SimpleNamespace(name=hold), queue=SimpleNamespace(name=queue)),
    )
    scenario = SimpleNamespace(resolved=resolved, text="seed: 7\n", to_json=lambda: '{"seed": 7}\n')
    return Run(record, scenario, {"engine": "simpy"})


def with_job(name: str, jobs=JOBS, **changes) -> tuple:
    """The rows of jobs with fields of one of them changed."""
    fields = ("account", "session", "requested", "submitted", "started", "ended", "status", "reason")
    return tuple(
        (name, *(changes.get(field, value) for field, value in zip(fields, row[1:], strict=True)))
        if row[0] == name
        else row
        for row in jobs
    )


def _workload(names, account, session, requested, sessions) -> Workload:
    never = [NEVER] * len(names)
    zeros = [0] * len(names)
    rows = list(zip(*(row[1:] for row in sessions), strict=True)) or [()] * 4
    session_never = [NEVER] * len(sessions)
    return Workload(
        jobs=JobColumns(
            at_us=zeros,
            after=never,
            think_us=zeros,
            session=session,
            client=never,
            account=account,
            stream=zeros,
            qpu_time_us=requested,
            max_execution_time_us=never,
            priority=zeros,
            cancel_us=never,
            cancel_after_us=never,
        ),
        sessions=SessionColumns(
            mode=rows[1],
            account=rows[0],
            stream=[0] * len(sessions),
            client=session_never,
            created_us=session_never,
            max_time_us=rows[2],
            interactive_timeout_us=rows[3],
            close_us=session_never,
            cancel_us=session_never,
            close_after_us=session_never,
            cancel_after_us=session_never,
        ),
        clients=ClientColumns(*[[]] * 6),
        accounts=ACCOUNTS,
        streams=STREAMS,
        job_names=(tuple(names),),
        session_names=(tuple(row[0] for row in sessions),),
    )

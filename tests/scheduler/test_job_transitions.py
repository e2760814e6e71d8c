"""The table of jobs, enumerated completely: every one of its 12 x 19 pairs (S16 to S25, S27, S28, S40 to S44, S50, S52)."""

from __future__ import annotations

from functools import partial

import pytest

from qsession_sim.errors import IllegalTransitionError
from qsession_sim.scheduler.jobs import Jobs, moves
from qsession_sim.scheduler.plan import (
    AccountSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import (
    CAN_PREPARE,
    CAN_START,
    JOB_REASON_OF,
    JOB_TABLE,
    OF_SESSIONS,
    JobAction,
    JobEvent,
    counting_stages,
)
from qsession_sim.scheduler.vocabulary import JobStage, JobStatus, Reason, WindowKind

# Written from the rules: stage, event, then the next stage and the actions in their order, or "illegal".
EXPECTED = """
PLANNED         SUBMIT                  QUEUED          COUNT_SUBMISSION JOIN_SESSION ENTER_QUEUE WAIT_FOR_QPU START_PATIENCE
PLANNED         SUBMIT_UNPREPARED       UNPREPARED      COUNT_SUBMISSION JOIN_SESSION ENTER_QUEUE WAIT_FOR_LANE START_PATIENCE
PLANNED         REJECT                  REJECTED        END
PLANNED         PREPARE                 illegal
PLANNED         READY                   illegal
PLANNED         START                   illegal
PLANNED         FINISH                  illegal
PLANNED         POST_PROCESS            illegal
PLANNED         CUT                     illegal
PLANNED         POST_DONE               illegal
PLANNED         FAIL                    illegal
PLANNED         REQUEUE                 illegal
PLANNED         CANCEL                  PLANNED
PLANNED         SESSION_CANCEL          illegal
PLANNED         SESSION_TIMEOUT         illegal
PLANNED         SESSION_TIMEOUT_CANCELS illegal
PLANNED         RENEGE                  illegal
PLANNED         COST_LIMIT              illegal
PLANNED         PROGRAM_FAIL            illegal

UNPREPARED      SUBMIT                  illegal
UNPREPARED      SUBMIT_UNPREPARED       illegal
UNPREPARED      REJECT                  illegal
UNPREPARED      PREPARE                 PREPARING       TAKE_LANE
UNPREPARED      READY                   illegal
UNPREPARED      START                   illegal
UNPREPARED      FINISH                  illegal
UNPREPARED      POST_PROCESS            illegal
UNPREPARED      CUT                     illegal
UNPREPARED      POST_DONE               illegal
UNPREPARED      FAIL                    illegal
UNPREPARED      REQUEUE                 illegal
UNPREPARED      CANCEL                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
UNPREPARED      SESSION_CANCEL          CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
UNPREPARED      SESSION_TIMEOUT         ERROR           STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
UNPREPARED      SESSION_TIMEOUT_CANCELS CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
UNPREPARED      RENEGE                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
UNPREPARED      COST_LIMIT              CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
UNPREPARED      PROGRAM_FAIL            illegal

PREPARING       SUBMIT                  illegal
PREPARING       SUBMIT_UNPREPARED       illegal
PREPARING       REJECT                  illegal
PREPARING       PREPARE                 illegal
PREPARING       READY                   READY           GIVE_LANE_BACK COUNT WAIT_FOR_QPU
PREPARING       START                   illegal
PREPARING       FINISH                  illegal
PREPARING       POST_PROCESS            illegal
PREPARING       CUT                     illegal
PREPARING       POST_DONE               illegal
PREPARING       FAIL                    illegal
PREPARING       REQUEUE                 illegal
PREPARING       CANCEL                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
PREPARING       SESSION_CANCEL          CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
PREPARING       SESSION_TIMEOUT         ERROR           STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
PREPARING       SESSION_TIMEOUT_CANCELS CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
PREPARING       RENEGE                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
PREPARING       COST_LIMIT              CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
PREPARING       PROGRAM_FAIL            illegal

QUEUED          SUBMIT                  illegal
QUEUED          SUBMIT_UNPREPARED       illegal
QUEUED          REJECT                  illegal
QUEUED          PREPARE                 illegal
QUEUED          READY                   illegal
QUEUED          START                   RUNNING         STOP_PATIENCE LEAVE_QUEUE TAKE_QPU TELL_START
QUEUED          FINISH                  illegal
QUEUED          POST_PROCESS            illegal
QUEUED          CUT                     illegal
QUEUED          POST_DONE               illegal
QUEUED          FAIL                    illegal
QUEUED          REQUEUE                 illegal
QUEUED          CANCEL                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
QUEUED          SESSION_CANCEL          CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
QUEUED          SESSION_TIMEOUT         ERROR           STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
QUEUED          SESSION_TIMEOUT_CANCELS CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
QUEUED          RENEGE                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
QUEUED          COST_LIMIT              CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
QUEUED          PROGRAM_FAIL            illegal

READY           SUBMIT                  illegal
READY           SUBMIT_UNPREPARED       illegal
READY           REJECT                  illegal
READY           PREPARE                 illegal
READY           READY                   illegal
READY           START                   RUNNING         LEAVE_PREPARED STOP_PATIENCE LEAVE_QUEUE TAKE_QPU TELL_START
READY           FINISH                  illegal
READY           POST_PROCESS            illegal
READY           CUT                     illegal
READY           POST_DONE               illegal
READY           FAIL                    illegal
READY           REQUEUE                 illegal
READY           CANCEL                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
READY           SESSION_CANCEL          CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
READY           SESSION_TIMEOUT         ERROR           STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
READY           SESSION_TIMEOUT_CANCELS CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
READY           RENEGE                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
READY           COST_LIMIT              CANCELLED       STOP_PATIENCE LEAVE_QUEUE LEAVE_PREPARED COUNT_END LEAVE_SESSION END
READY           PROGRAM_FAIL            illegal

REQUEUED        SUBMIT                  illegal
REQUEUED        SUBMIT_UNPREPARED       illegal
REQUEUED        REJECT                  illegal
REQUEUED        PREPARE                 illegal
REQUEUED        READY                   illegal
REQUEUED        START                   RUNNING         STOP_PATIENCE LEAVE_QUEUE TAKE_QPU TELL_START
REQUEUED        FINISH                  illegal
REQUEUED        POST_PROCESS            illegal
REQUEUED        CUT                     illegal
REQUEUED        POST_DONE               illegal
REQUEUED        FAIL                    illegal
REQUEUED        REQUEUE                 illegal
REQUEUED        CANCEL                  CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
REQUEUED        SESSION_CANCEL          CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
REQUEUED        SESSION_TIMEOUT         ERROR           STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
REQUEUED        SESSION_TIMEOUT_CANCELS CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
REQUEUED        RENEGE                  illegal
REQUEUED        COST_LIMIT              CANCELLED       STOP_PATIENCE LEAVE_QUEUE COUNT_END LEAVE_SESSION END
REQUEUED        PROGRAM_FAIL            illegal

RUNNING         SUBMIT                  illegal
RUNNING         SUBMIT_UNPREPARED       illegal
RUNNING         REJECT                  illegal
RUNNING         PREPARE                 illegal
RUNNING         READY                   illegal
RUNNING         START                   illegal
RUNNING         FINISH                  DONE            LEAVE_QPU COUNT_END LEAVE_SESSION MAKE_WAY END
RUNNING         POST_PROCESS            POST_PROCESSING LEAVE_QPU START_POST_PROCESSING STOP_COUNTING MAKE_WAY
RUNNING         CUT                     ERROR           LEAVE_QPU COUNT_END LEAVE_SESSION MAKE_WAY END
RUNNING         POST_DONE               illegal
RUNNING         FAIL                    ERROR           STOP_FINISH TAKE_BACK_USAGE LEAVE_QPU COUNT_END LEAVE_SESSION MAKE_WAY END
RUNNING         REQUEUE                 REQUEUED        STOP_FINISH TAKE_BACK_USAGE LOSE_RUN ENTER_QUEUE WAIT_BEFORE_ALL MAKE_WAY
RUNNING         CANCEL                  CANCELLED       STOP_FINISH LEAVE_QPU COUNT_END LEAVE_SESSION MAKE_WAY END
RUNNING         SESSION_CANCEL          illegal
RUNNING         SESSION_TIMEOUT         illegal
RUNNING         SESSION_TIMEOUT_CANCELS illegal
RUNNING         RENEGE                  illegal
RUNNING         COST_LIMIT              illegal
RUNNING         PROGRAM_FAIL            ERROR           LEAVE_QPU COUNT_END LEAVE_SESSION MAKE_WAY END

POST_PROCESSING SUBMIT                  illegal
POST_PROCESSING SUBMIT_UNPREPARED       illegal
POST_PROCESSING REJECT                  illegal
POST_PROCESSING PREPARE                 illegal
POST_PROCESSING READY                   illegal
POST_PROCESSING START                   illegal
POST_PROCESSING FINISH                  illegal
POST_PROCESSING POST_PROCESS            illegal
POST_PROCESSING CUT                     illegal
POST_PROCESSING POST_DONE               DONE            COUNT_END LEAVE_SESSION END
POST_PROCESSING FAIL                    illegal
POST_PROCESSING REQUEUE                 illegal
POST_PROCESSING CANCEL                  POST_PROCESSING
POST_PROCESSING SESSION_CANCEL          illegal
POST_PROCESSING SESSION_TIMEOUT         illegal
POST_PROCESSING SESSION_TIMEOUT_CANCELS illegal
POST_PROCESSING RENEGE                  illegal
POST_PROCESSING COST_LIMIT              illegal
POST_PROCESSING PROGRAM_FAIL            illegal

DONE            SUBMIT                  illegal
DONE            SUBMIT_UNPREPARED       illegal
DONE            REJECT                  illegal
DONE            PREPARE                 illegal
DONE            READY                   illegal
DONE            START                   illegal
DONE            FINISH                  illegal
DONE            POST_PROCESS            illegal
DONE            CUT                     illegal
DONE            POST_DONE               illegal
DONE            FAIL                    illegal
DONE            REQUEUE                 illegal
DONE            CANCEL                  DONE
DONE            SESSION_CANCEL          illegal
DONE            SESSION_TIMEOUT         illegal
DONE            SESSION_TIMEOUT_CANCELS illegal
DONE            RENEGE                  illegal
DONE            COST_LIMIT              illegal
DONE            PROGRAM_FAIL            illegal

CANCELLED       SUBMIT                  illegal
CANCELLED       SUBMIT_UNPREPARED       illegal
CANCELLED       REJECT                  illegal
CANCELLED       PREPARE                 illegal
CANCELLED       READY                   illegal
CANCELLED       START                   illegal
CANCELLED       FINISH                  illegal
CANCELLED       POST_PROCESS            illegal
CANCELLED       CUT                     illegal
CANCELLED       POST_DONE               illegal
CANCELLED       FAIL                    illegal
CANCELLED       REQUEUE                 illegal
CANCELLED       CANCEL                  CANCELLED
CANCELLED       SESSION_CANCEL          illegal
CANCELLED       SESSION_TIMEOUT         illegal
CANCELLED       SESSION_TIMEOUT_CANCELS illegal
CANCELLED       RENEGE                  illegal
CANCELLED       COST_LIMIT              illegal
CANCELLED       PROGRAM_FAIL            illegal

ERROR           SUBMIT                  illegal
ERROR           SUBMIT_UNPREPARED       illegal
ERROR           REJECT                  illegal
ERROR           PREPARE                 illegal
ERROR           READY                   illegal
ERROR           START                   illegal
ERROR           FINISH                  illegal
ERROR           POST_PROCESS            illegal
ERROR           CUT                     illegal
ERROR           POST_DONE               illegal
ERROR           FAIL                    illegal
ERROR           REQUEUE                 illegal
ERROR           CANCEL                  ERROR
ERROR           SESSION_CANCEL          illegal
ERROR           SESSION_TIMEOUT         illegal
ERROR           SESSION_TIMEOUT_CANCELS illegal
ERROR           RENEGE                  illegal
ERROR           COST_LIMIT              illegal
ERROR           PROGRAM_FAIL            illegal

REJECTED        SUBMIT                  illegal
REJECTED        SUBMIT_UNPREPARED       illegal
REJECTED        REJECT                  illegal
REJECTED        PREPARE                 illegal
REJECTED        READY                   illegal
REJECTED        START                   illegal
REJECTED        FINISH                  illegal
REJECTED        POST_PROCESS            illegal
REJECTED        CUT                     illegal
REJECTED        POST_DONE               illegal
REJECTED        FAIL                    illegal
REJECTED        REQUEUE                 illegal
REJECTED        CANCEL                  REJECTED
REJECTED        SESSION_CANCEL          illegal
REJECTED        SESSION_TIMEOUT         illegal
REJECTED        SESSION_TIMEOUT_CANCELS illegal
REJECTED        RENEGE                  illegal
REJECTED        COST_LIMIT              illegal
REJECTED        PROGRAM_FAIL            illegal
"""

ROWS = [line.split() for line in EXPECTED.splitlines() if line]
LEGAL = [row for row in ROWS if row[2] != "illegal"]
ILLEGAL = [row[:2] for row in ROWS if row[2] == "illegal"]

FINAL = {"DONE", "CANCELLED", "ERROR", "REJECTED"}
QUEUED = {"UNPREPARED", "PREPARING", "QUEUED", "READY", "REQUEUED"}  # S41: everything before the QPU

# S16, S18, S25, S27, S28, S44, S52; a rejection brings its own (S20)
REASONS = {
    "CUT": "RAN_TOO_LONG",
    "FAIL": "QPU_FAILED",
    "CANCEL": "JOB_CANCELLED",
    "SESSION_CANCEL": "SESSION_CANCELLED",
    "SESSION_TIMEOUT": "MAX_TIME",
    "SESSION_TIMEOUT_CANCELS": "MAX_TIME",
    "RENEGE": "RENEGED",
    "COST_LIMIT": "COST_LIMIT",
    "PROGRAM_FAIL": "PROGRAM_FAILED",
}


def job_in(stage: str) -> tuple[Scheduler, Jobs, list[str]]:
    """A job that is brought into a stage; its actions are only written down."""
    scheduler = Scheduler(Plan.of([JobSpec(qpu_time_us=5)]))
    scheduler.journal.stage[0] = JobStage[stage]
    jobs, taken = scheduler._jobs, []
    jobs._moves = moves({action: partial(note, taken, action.name) for action in JobAction})
    return scheduler, jobs, taken


def note(taken, action, now_us, job, before, session, qpu):
    assert (now_us, job, session) == (7, 0, None)
    taken.append(f"{action} after {JobStage(before).name}")


def everything_of(scheduler: Scheduler) -> dict[str, list[int]]:
    journal = scheduler.journal
    return {name: list(column) for name, column in vars(journal).items()}


def test_expected_table_has_every_pair_once():
    assert sorted(tuple(row[:2]) for row in ROWS) == sorted(
        (stage.name, event.name) for stage in JobStage for event in JobEvent
    )


@pytest.mark.parametrize(("stage", "event", "after", "actions"), [(*row[:3], row[3:]) for row in LEGAL])
def test_legal_pair_leads_to_its_stage_and_takes_its_actions(stage, event, after, actions):
    scheduler, jobs, taken = job_in(stage)
    before = everything_of(scheduler)
    jobs.apply(7, 0, JobEvent[event], None, None)
    assert taken == [f"{action} after {stage}" for action in actions]
    reason = Reason[REASONS.get(event, "NONE")] if after != stage else Reason.NONE
    assert everything_of(scheduler) == {**before, "stage": [JobStage[after]], "reason": [reason]}


@pytest.mark.parametrize(("stage", "event"), ILLEGAL)
def test_illegal_pair_raises_and_changes_nothing(stage, event):
    scheduler, jobs, taken = job_in(stage)
    before = everything_of(scheduler)
    with pytest.raises(IllegalTransitionError) as caught:
        jobs.apply(7, 0, JobEvent[event], None, None)
    assert str(caught.value) == f"job 0: no transition for event {event} in stage {stage}"
    assert (everything_of(scheduler), taken) == (before, [])


def test_table_is_the_expected_one_and_nothing_more():
    table = [
        [stage.name, event.name, after.name, *(action.name for action in actions)]
        for stage, row in JOB_TABLE.items()
        for event, (after, actions) in row.items()
    ]
    assert sorted(table) == sorted(LEGAL)


def test_actions_that_a_run_does_not_need_are_left_out():
    taken = []
    needed = (JobAction.TAKE_QPU, JobAction.END)
    some = moves({action: partial(note, taken, action.name) for action in needed})
    for event in (JobEvent.START, JobEvent.FINISH):
        stage = {JobEvent.START: JobStage.READY, JobEvent.FINISH: JobStage.RUNNING}[event]
        acts = some[event][stage][2]
        while acts is not None:
            act, acts = acts
            act(7, 0, stage, None, None)
    assert taken == ["TAKE_QPU after READY", "END after RUNNING"]


def test_every_stage_can_be_reached_from_planned():
    reached = {JobStage.PLANNED}
    while new := {after for stage in reached for after, _ in JOB_TABLE[stage].values()} - reached:
        reached |= new
    assert reached == set(JobStage)


def test_s71_final_stages_are_for_good():
    for stage in FINAL:
        assert {after.name for after, _ in JOB_TABLE[JobStage[stage]].values()} == {stage}


def test_every_event_that_can_make_an_error_or_a_cancellation_has_its_reason():
    assert {event.name: reason.name for event, reason in JOB_REASON_OF.items()} == REASONS
    assert {row[1] for row in LEGAL if row[2] in ("CANCELLED", "ERROR") and row[0] != row[2]} == set(REASONS)


def test_s41_queued_jobs_end_with_their_session_and_no_others():
    for event in ("SESSION_CANCEL", "SESSION_TIMEOUT", "SESSION_TIMEOUT_CANCELS", "COST_LIMIT"):
        assert {row[0] for row in LEGAL if row[1] == event} == QUEUED


def test_every_way_to_an_end_ends_and_every_way_off_the_qpu_leaves_it():
    """S71: what comes to a final stage takes END, once and last, and nothing else does; S70: likewise."""
    for stage, _, after, *actions in LEGAL:
        ends = after in FINAL and stage not in FINAL
        assert (actions.count("END"), actions[-1:] == ["END"]) == (ends, ends)
        leaves = {"LEAVE_QPU", "LOSE_RUN"} & set(actions)
        assert len(leaves) == (stage == "RUNNING")


def test_s54_queued_jobs_are_counted_in_and_out_once():
    for stage, _, after, *actions in LEGAL:
        change = actions.count("ENTER_QUEUE") - actions.count("LEAVE_QUEUE")
        assert change == (after in QUEUED) - (stage in QUEUED)


def test_s60_accepted_jobs_are_counted_in_and_out_once():
    pending = {*QUEUED, "RUNNING", "POST_PROCESSING"}
    for stage, _, after, *actions in LEGAL:
        change = actions.count("COUNT_SUBMISSION") - actions.count("COUNT_END")
        assert change == (after in pending) - (stage in pending)
        joins = actions.count("JOIN_SESSION") - actions.count("LEAVE_SESSION")
        assert joins == change


def test_s42_those_that_are_prepared_ahead_are_counted_in_and_out_once():
    prepared = {"PREPARING", "READY"}
    for stage, _, after, *actions in LEGAL:
        change = actions.count("TAKE_LANE") - actions.count("LEAVE_PREPARED")
        assert change == (after in prepared) - (stage in prepared)


def test_s27_patience_is_started_and_stopped_once():
    for stage, _, after, *actions in LEGAL:
        assert actions.count("START_PATIENCE") == (stage == "PLANNED" and after in QUEUED)
        assert actions.count("STOP_PATIENCE") == (stage in QUEUED and after not in QUEUED)


def test_s27_who_has_started_stays():
    assert {row[0] for row in LEGAL if row[1] == "RENEGE"} == QUEUED - {"REQUEUED"}


def test_waiting_stages_are_those_that_a_lane_or_the_qpu_takes_from():
    assert {stage.name for stage in JobStage if CAN_PREPARE[stage]} == {"UNPREPARED"}
    assert {stage.name for stage in JobStage if CAN_START[stage]} == {"QUEUED", "READY", "REQUEUED"}


def test_s43_stages_that_keep_the_ittl_clock_from_running():
    queued, ready = (counting_stages(asks_for_ready=asks) for asks in (False, True))
    assert {stage.name for stage in JobStage if queued[stage]} == {*QUEUED, "RUNNING"}
    assert {stage.name for stage in JobStage if ready[stage]} == {"QUEUED", "READY", "REQUEUED", "RUNNING"}


def test_what_is_said_to_sessions_is_what_jobs_in_job_mode_do_not_need():
    assert {action.name for action in OF_SESSIONS} == {
        *("JOIN_SESSION", "COUNT", "TELL_START", "STOP_COUNTING", "LEAVE_SESSION", "MAKE_WAY")
    }


# ---------------------------------------------------------------- every entry happens


def in_every_queued_stage(**session) -> tuple[list[JobSpec], list[SessionSpec], list[WindowSpec]]:
    """At 10, with one lane: j0 is REQUEUED by an outage of 2 to 20, j1 QUEUED, j2 READY, j3 PREPARING, j4 UNPREPARED."""
    jobs = [
        JobSpec(qpu_time_us=30, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0, preparation_us=1),
        JobSpec(qpu_time_us=1, at_us=4, session=0, preparation_us=50),
        JobSpec(qpu_time_us=1, at_us=5, session=0, preparation_us=1),
    ]
    return jobs, [SessionSpec(**session)], [WindowSpec(WindowKind.OUTAGE, 2, 18)]


def cancelled(jobs: list[JobSpec], at_us: int) -> list[JobSpec]:
    return [JobSpec(**{**vars(job), "cancel_us": at_us}) for job in jobs]


def impatient(jobs: list[JobSpec], until_us: int) -> list[JobSpec]:
    return [JobSpec(**{**vars(job), "patience_us": until_us - job.at_us}) for job in jobs]


def test_every_entry_of_the_table_happens_in_a_run(monkeypatch):
    happened = set()
    apply = Jobs.apply

    def seen(self, now_us, job, event, session, qpu):
        happened.add((JobStage(self._stage[job]).name, JobEvent(event).name))
        apply(self, now_us, job, event, session, qpu)

    monkeypatch.setattr(Jobs, "apply", seen)

    def run(jobs, sessions=(), windows=(), *, specs=None, **rules):
        places = {"qpus": (QpuSpec(lanes=1),), "windows": tuple(windows)}
        plan = Plan.of(jobs, sessions, account_specs=specs or {}, **places)
        assert Scheduler(plan, Rules(**rules)).advance_while_needed()

    jobs, sessions, windows = in_every_queued_stage()
    run(jobs, sessions, windows, requeues_after_outage=True)
    run(cancelled(jobs, 10), sessions, windows, requeues_after_outage=True)
    run(impatient(jobs, 10), sessions, windows, requeues_after_outage=True)
    limit = {0: AccountSpec(quota=SlidingLimit(10, 1000), quota_ends=True)}  # the session is active from 0 on
    run(jobs, sessions, windows, specs=limit, requeues_after_outage=True)
    run(jobs, sessions, windows)  # the outage ends j0
    run(*in_every_queued_stage(cancel_us=10), requeues_after_outage=True)
    for status in (JobStatus.ERROR, JobStatus.CANCELLED):
        timed_out = in_every_queued_stage(max_time_us=10)
        run(*timed_out, requeues_after_outage=True, max_time_ends_as=status)
    ends = [
        JobSpec(qpu_time_us=5, at_us=1, cancel_us=0),  # a cancel before its submission
        JobSpec(qpu_time_us=5, at_us=1, max_execution_time_us=2),
        JobSpec(qpu_time_us=5, at_us=1, post_processing_us=90, cancel_us=50),
        JobSpec(qpu_time_us=900, at_us=20, cancel_us=30, cancel_after_us=70),
        JobSpec(qpu_time_us=5, at_us=1, session=0),  # rejected
    ]
    run(ends, [SessionSpec(close_us=0)])
    run(cancelled(ends, 80), [SessionSpec(close_us=0)])
    live = Scheduler(Plan.of([]))
    live.submit(0, live.add_job(JobSpec(qpu_time_us=5, fails=True)))
    assert not live.advance_while_needed()  # it stops where the job of the live user ends
    assert live.advance_while_needed()
    assert happened == {tuple(row[:2]) for row in LEGAL}

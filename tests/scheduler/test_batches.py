"""Batches: S30, S31, S32, S33. What S32 says holds for sessions under the hold policy `shared`, too (S51)."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import EXCLUSIVE, NONE, SHARED, JobSpec, Rules, SessionSpec
from qsession_sim.scheduler.vocabulary import Mode

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]

every_hold_policy = pytest.mark.parametrize(
    "hold", [EXCLUSIVE, SHARED, NONE], ids=["exclusive", "shared", "none"]
)

job_mode_may_run_in_between = pytest.mark.parametrize(
    ("mode", "hold"),
    [(Mode.BATCH, EXCLUSIVE), (Mode.BATCH, SHARED), (Mode.BATCH, NONE), (Mode.SESSION, SHARED)],
    ids=["batch_exclusive", "batch_shared", "batch_none", "session_shared"],
)


@every_hold_policy
def test_s30_batch_has_the_two_clocks_of_a_session(run, hold):
    """Its ITTL of 4 is stopped at 12 and starts again at 17; max_time counts from its first start."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=12, session=0),
        JobSpec(qpu_time_us=20, at_us=18),
    ]
    sessions = [SessionSpec(Mode.BATCH, interactive_timeout_us=4, max_time_us=30)]
    assert run(jobs, sessions, rules=Rules(hold=hold)) == [
        "j0 0 0 10 DONE",
        "j1 12 12 17 DONE",
        "j2 18 18 38 DONE",
        *CREATED_AND_STARTED_AT_0,
        "21 s0 IDLE ITTL INACTIVE",
        "30 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "end 38",
    ]


@pytest.mark.parametrize(
    ("batch", "queued", "changes"),
    [
        pytest.param(
            SessionSpec(Mode.BATCH, close_us=4),
            "j1 1 10 15 DONE",
            ["4 s0 RUNNING CLOSE CLOSING", "15 s0 CLOSING END_LAST CLOSED CLOSED", "end 15"],
            id="close",
        ),
        pytest.param(
            SessionSpec(Mode.BATCH, cancel_us=4),
            "j1 1 - 4 CANCELLED SESSION_CANCELLED",
            ["4 s0 RUNNING CANCEL CLOSED CANCELLED", "end 10"],
            id="cancel",
        ),
        pytest.param(
            SessionSpec(Mode.BATCH, max_time_us=4),
            "j1 1 - 4 ERROR MAX_TIME",
            ["4 s0 RUNNING MAX_TIME CLOSED MAX_TIME", "end 10"],
            id="max_time",
        ),
    ],
)
def test_s30_max_time_close_and_cancel_of_a_batch_are_as_for_a_session(run, batch, queued, changes):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=1, session=0)]
    assert run(jobs, [batch]) == ["j0 0 0 10 DONE", queued, *CREATED_AND_STARTED_AT_0, *changes]


@job_mode_may_run_in_between
def test_s31_other_jobs_move_to_the_front_when_the_first_starts(run, mode, hold):
    """The foreign job j2 comes when none of them is left, and the ITTL of 20 to 27 passes while it runs."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=10, at_us=2),
        JobSpec(qpu_time_us=5, at_us=3, session=0),
    ]
    sessions = [SessionSpec(mode, interactive_timeout_us=7)]
    assert run(jobs, sessions, rules=Rules(hold=hold)) == [
        "j0 0 0 10 DONE",
        "j1 1 10 15 DONE",
        "j2 2 20 30 DONE",
        "j3 3 15 20 DONE",
        "1 s0 ABSENT CREATE OPEN",
        "10 s0 OPEN START RUNNING",
        "27 s0 IDLE ITTL INACTIVE",
        "end 30",
    ]


@job_mode_may_run_in_between
def test_s32_no_session_and_no_other_batch_starts_while_active_but_job_mode_jobs_do(run, mode, hold):
    """j3 came last, yet it alone may start before 15; nothing runs from 9 to 15 though j1 and j2 wait."""
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=1),
        JobSpec(qpu_time_us=5, at_us=2, session=2),
        JobSpec(qpu_time_us=4, at_us=3),
    ]
    sessions = [
        SessionSpec(mode, interactive_timeout_us=10),
        SessionSpec(Mode.SESSION, interactive_timeout_us=0),
        SessionSpec(Mode.BATCH, interactive_timeout_us=0),
    ]
    assert run(jobs, sessions, rules=Rules(hold=hold)) == [
        "j0 0 0 5 DONE",
        "j1 1 15 20 DONE",
        "j2 2 20 25 DONE",
        "j3 3 5 9 DONE",
        *CREATED_AND_STARTED_AT_0,
        "1 s1 ABSENT CREATE OPEN",
        "2 s2 ABSENT CREATE OPEN",
        "15 s0 IDLE ITTL INACTIVE",
        "15 s1 OPEN START RUNNING",
        "20 s1 IDLE ITTL INACTIVE",
        "20 s2 OPEN START RUNNING",
        "25 s2 IDLE ITTL INACTIVE",
        "end 25",
    ]


@job_mode_may_run_in_between
def test_s32_foreign_job_neither_stops_nor_restarts_the_ittl(run, mode, hold):
    """The ITTL runs from 10 to 15; j1 starts within it at 12. From 15 on j2 has no priority over j3."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=20, at_us=12),
        JobSpec(qpu_time_us=2, at_us=16, session=0),
        JobSpec(qpu_time_us=2, at_us=14),
    ]
    sessions = [SessionSpec(mode, interactive_timeout_us=5)]
    assert run(jobs, sessions, rules=Rules(hold=hold)) == [
        "j0 0 0 10 DONE",
        "j1 12 12 32 DONE",
        "j2 16 34 36 DONE",
        "j3 14 32 34 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE ITTL INACTIVE",
        "34 s0 INACTIVE START RUNNING",
        "41 s0 IDLE ITTL INACTIVE",
        "end 41",
    ]


@job_mode_may_run_in_between
def test_s32_job_that_comes_while_a_foreign_one_runs_waits_for_it_and_goes_before_other_foreign_ones(
    run, mode, hold
):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=10, at_us=1),
        JobSpec(qpu_time_us=3, at_us=2),
        JobSpec(qpu_time_us=2, at_us=7, session=0),
    ]
    sessions = [SessionSpec(mode, interactive_timeout_us=6)]
    assert run(jobs, sessions, rules=Rules(hold=hold)) == [
        "j0 0 0 5 DONE",
        "j1 1 5 15 DONE",
        "j2 2 17 20 DONE",
        "j3 7 15 17 DONE",
        *CREATED_AND_STARTED_AT_0,
        "23 s0 IDLE ITTL INACTIVE",
        "end 23",
    ]


def test_s32_batch_waits_while_a_session_is_active(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=1, session=1)]
    sessions = [SessionSpec(interactive_timeout_us=4), SessionSpec(Mode.BATCH, interactive_timeout_us=1)]
    assert run(jobs, sessions) == [
        "j0 0 0 5 DONE",
        "j1 1 9 14 DONE",
        *CREATED_AND_STARTED_AT_0,
        "1 s1 ABSENT CREATE OPEN",
        "9 s0 IDLE ITTL INACTIVE",
        "9 s1 OPEN START RUNNING",
        "15 s1 IDLE ITTL INACTIVE",
        "end 15",
    ]


def test_s33_jobs_of_a_batch_go_in_the_order_in_which_they_become_ready_then_by_number(run):
    """Without preparation a job is ready when it is submitted (S40); the queue policy has no say."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=5, session=0, priority=1),
        JobSpec(qpu_time_us=1, at_us=5, session=0, priority=9),
        JobSpec(qpu_time_us=1, at_us=4, session=0, priority=0),
        JobSpec(qpu_time_us=1, at_us=1, priority=99),
    ]
    sessions = [SessionSpec(Mode.BATCH, interactive_timeout_us=0)]
    assert run(jobs, sessions, queue_key=lambda job: (-job.priority,)) == [
        "j0 0 0 10 DONE",
        "j1 5 11 12 DONE",
        "j2 5 12 13 DONE",
        "j3 4 10 11 DONE",
        "j4 1 13 14 DONE",
        *CREATED_AND_STARTED_AT_0,
        "13 s0 IDLE ITTL INACTIVE",
        "end 14",
    ]

"""What a free QPU takes next, under each queue policy and hold policy: S50, S51."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import EXCLUSIVE, NONE, SHARED, JobSpec, Plan, Rules, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


def most_urgent_first(job):
    return (-job.priority,)


def test_s50_free_qpu_takes_a_job_in_the_instant_it_comes(run):
    jobs = [
        JobSpec(qpu_time_us=4, at_us=3),
        JobSpec(qpu_time_us=4, at_us=7),
        JobSpec(qpu_time_us=4, at_us=20),
    ]
    assert run(jobs) == ["j0 3 3 7 DONE", "j1 7 7 11 DONE", "j2 20 20 24 DONE", "end 24"]


def test_s50_first_in_first_out_is_by_submission_then_by_job_number(run):
    jobs = [
        JobSpec(qpu_time_us=9, at_us=0),
        JobSpec(qpu_time_us=1, at_us=5),
        JobSpec(qpu_time_us=1, at_us=4),
        JobSpec(qpu_time_us=1, at_us=5),
        JobSpec(qpu_time_us=1, at_us=0),
    ]
    assert run(jobs) == [
        "j0 0 0 9 DONE",
        "j1 5 11 12 DONE",
        "j2 4 10 11 DONE",
        "j3 5 12 13 DONE",
        "j4 0 9 10 DONE",
        "end 13",
    ]


def test_s50_queue_policy_orders_the_normal_queue_and_ties_go_by_submission_then_by_job_number(run):
    jobs = [
        JobSpec(qpu_time_us=9, at_us=0, priority=-5),
        JobSpec(qpu_time_us=1, at_us=5, priority=2),
        JobSpec(qpu_time_us=1, at_us=4, priority=-1),
        JobSpec(qpu_time_us=1, at_us=5, priority=2),
        JobSpec(qpu_time_us=1, at_us=6, priority=7),
        JobSpec(qpu_time_us=1, at_us=3, priority=2),
    ]
    assert run(jobs, queue_key=most_urgent_first) == [
        "j0 0 0 9 DONE",
        "j1 5 11 12 DONE",
        "j2 4 13 14 DONE",
        "j3 5 12 13 DONE",
        "j4 6 9 10 DONE",
        "j5 3 10 11 DONE",
        "end 14",
    ]


def test_s50_job_on_the_qpu_is_not_interrupted_by_a_more_urgent_one(run):
    jobs = [JobSpec(qpu_time_us=9, at_us=0, priority=0), JobSpec(qpu_time_us=1, at_us=1, priority=5)]
    assert run(jobs, queue_key=most_urgent_first) == ["j0 0 0 9 DONE", "j1 1 9 10 DONE", "end 10"]


def test_s50_jobs_of_open_and_inactive_sessions_compete_with_job_mode_jobs_by_the_policy(run):
    """s0 is inactive from 1, s1 open; their jobs and the job-mode jobs go strictly by priority."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=9, at_us=1),
        JobSpec(qpu_time_us=1, at_us=2, session=0, priority=2),
        JobSpec(qpu_time_us=1, at_us=3, session=1, priority=4),
        JobSpec(qpu_time_us=1, at_us=4, priority=3),
        JobSpec(qpu_time_us=1, at_us=5, priority=1),
    ]
    sessions = [SessionSpec(interactive_timeout_us=0), SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, queue_key=most_urgent_first) == [
        "j0 0 0 1 DONE",
        "j1 1 1 10 DONE",
        "j2 2 12 13 DONE",
        "j3 3 10 11 DONE",
        "j4 4 11 12 DONE",
        "j5 5 13 14 DONE",
        *CREATED_AND_STARTED_AT_0,
        "1 s0 IDLE ITTL INACTIVE",
        "3 s1 ABSENT CREATE OPEN",
        "10 s1 OPEN START RUNNING",
        "11 s1 IDLE ITTL INACTIVE",
        "12 s0 INACTIVE START RUNNING",
        "13 s0 IDLE ITTL INACTIVE",
        "end 14",
    ]


def test_s50_queue_policy_sees_each_job_at_its_entry_into_the_normal_queue():
    """Not j2, which is submitted to the active session and never stands in that queue (S12)."""
    seen = []

    def policy(job):
        seen.append((job.number, job.submitted_us, job.account, job.priority, job.in_session))
        return ()

    jobs = [
        JobSpec(qpu_time_us=5, at_us=1, session=0, account=1, priority=-3),
        JobSpec(qpu_time_us=5, at_us=2, account=0, priority=4),
        JobSpec(qpu_time_us=5, at_us=3, session=0, account=1),
        JobSpec(qpu_time_us=5, after=1, think_us=6, session=0, account=1),
    ]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=0)], accounts=["lab-a", "lab-b"])
    assert Scheduler(plan, queue_key=policy).advance_while_needed()
    assert seen == [(0, 1, "lab-b", -3, True), (1, 2, "lab-a", 4, False), (3, 22, "lab-b", 0, True)]


# ---------------------------------------------------------------- S51: hold policies


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        pytest.param(
            EXCLUSIVE,
            [
                "j1 1 15 19 DONE",
                "j2 2 19 23 DONE",
                "j3 20 23 28 DONE",
                *CREATED_AND_STARTED_AT_0,
                "2 s1 ABSENT CREATE OPEN",
                "15 s0 IDLE ITTL INACTIVE",
                "19 s1 OPEN START RUNNING",
                "23 s1 IDLE ITTL INACTIVE",
                "23 s0 INACTIVE START RUNNING",
                "38 s0 IDLE ITTL INACTIVE",
                "end 38",
            ],
            id="exclusive_lets_the_qpu_wait",
        ),
        pytest.param(
            SHARED,
            [
                "j1 1 5 9 DONE",
                "j2 2 15 19 DONE",
                "j3 20 20 25 DONE",
                *CREATED_AND_STARTED_AT_0,
                "2 s1 ABSENT CREATE OPEN",
                "15 s0 IDLE ITTL INACTIVE",
                "15 s1 OPEN START RUNNING",
                "19 s1 IDLE ITTL INACTIVE",
                "20 s0 INACTIVE START RUNNING",
                "35 s0 IDLE ITTL INACTIVE",
                "end 35",
            ],
            id="shared_lets_job_mode_jobs_in",
        ),
        pytest.param(
            NONE,
            [
                "j1 1 5 9 DONE",
                "j2 2 9 13 DONE",
                "j3 20 20 25 DONE",
                *CREATED_AND_STARTED_AT_0,
                "2 s1 ABSENT CREATE OPEN",
                "5 s0 IDLE ITTL INACTIVE",
                "9 s1 OPEN START RUNNING",
                "13 s1 IDLE ITTL INACTIVE",
                "20 s0 INACTIVE START RUNNING",
                "25 s0 IDLE ITTL INACTIVE",
                "end 25",
            ],
            id="none_counts_the_ittl_as_0",
        ),
    ],
)
def test_s51_hold_policy_says_what_happens_while_an_idle_session_holds_the_qpu(run, hold, expected):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=4, at_us=1),
        JobSpec(qpu_time_us=4, at_us=2, session=1),
        JobSpec(qpu_time_us=5, at_us=20, session=0),
    ]
    sessions = [SessionSpec(interactive_timeout_us=10), SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=Rules(hold=hold)) == ["j0 0 0 5 DONE", *expected]


def test_s51_under_none_a_session_stays_active_while_it_has_queued_jobs_and_keeps_priority(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=4, at_us=1),
        JobSpec(qpu_time_us=3, at_us=2, session=0),
        JobSpec(qpu_time_us=2, after=2, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=50)], rules=Rules(hold=NONE)) == [
        "j0 0 0 5 DONE",
        "j1 1 10 14 DONE",
        "j2 2 5 8 DONE",
        "j3 8 8 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 IDLE ITTL INACTIVE",
        "end 14",
    ]


def test_s51_under_shared_queued_jobs_of_the_session_still_go_before_job_mode_jobs(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=4, at_us=1),
        JobSpec(qpu_time_us=3, at_us=2, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=50)], rules=Rules(hold=SHARED)) == [
        "j0 0 0 5 DONE",
        "j1 1 8 12 DONE",
        "j2 2 5 8 DONE",
        *CREATED_AND_STARTED_AT_0,
        "58 s0 IDLE ITTL INACTIVE",
        "end 58",
    ]

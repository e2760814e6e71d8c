"""When a session is active and what that means: S10, S11, S12, S13, S14, S15."""

from __future__ import annotations

from qsession_sim.scheduler.plan import SHARED, JobSpec, Rules, SessionSpec

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


def most_urgent_first(job):
    return (-job.priority,)


# ---------------------------------------------------------------- S10, S11: the first job


def test_s10_first_job_of_a_session_waits_like_a_job_mode_job(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1),
        JobSpec(qpu_time_us=5, at_us=2, session=0),
        JobSpec(qpu_time_us=5, at_us=3),
    ]
    assert run(jobs, [SessionSpec(created_us=0, interactive_timeout_us=2)]) == [
        "j0 0 0 10 DONE",
        "j1 1 10 15 DONE",
        "j2 2 15 20 DONE",
        "j3 3 22 27 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "15 s0 OPEN START RUNNING",
        "22 s0 IDLE ITTL INACTIVE",
        "end 27",
    ]


def test_s10_every_queued_job_of_an_open_session_is_ranked_on_its_own_and_any_may_activate_it(run):
    """j3 is the most urgent of all and activates s0; then j1 has priority over the more urgent j2 (S12)."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0, priority=0),
        JobSpec(qpu_time_us=5, at_us=2, priority=1),
        JobSpec(qpu_time_us=5, at_us=3, session=0, priority=2),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], queue_key=most_urgent_first) == [
        "j0 0 0 10 DONE",
        "j1 1 15 20 DONE",
        "j2 2 20 25 DONE",
        "j3 3 10 15 DONE",
        "1 s0 ABSENT CREATE OPEN",
        "10 s0 OPEN START RUNNING",
        "20 s0 IDLE ITTL INACTIVE",
        "end 25",
    ]


def test_s11_max_time_starts_with_the_first_start_and_never_pauses(run):
    """Not from the creation at 5, and on through the inactive time from 35 on: 20 + 30 = 50."""
    jobs = [
        JobSpec(qpu_time_us=20, at_us=0),
        JobSpec(qpu_time_us=10, at_us=5, session=0),
        JobSpec(qpu_time_us=40, at_us=21),
    ]
    assert run(jobs, [SessionSpec(max_time_us=30, interactive_timeout_us=5)]) == [
        "j0 0 0 20 DONE",
        "j1 5 20 30 DONE",
        "j2 21 35 75 DONE",
        "5 s0 ABSENT CREATE OPEN",
        "20 s0 OPEN START RUNNING",
        "35 s0 IDLE ITTL INACTIVE",
        "50 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "end 75",
    ]


def test_s11_with_max_time_0_the_first_job_starts_and_the_session_is_closed_in_the_same_instant(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=3, session=0),
        JobSpec(qpu_time_us=5, at_us=3, session=0),
        JobSpec(qpu_time_us=5, at_us=4, session=0),
    ]
    assert run(jobs, [SessionSpec(max_time_us=0)]) == [
        "j0 3 3 8 DONE",
        "j1 3 - 3 ERROR MAX_TIME",
        "j2 4 - 4 REJECTED SESSION_CLOSED",
        "3 s0 ABSENT CREATE OPEN",
        "3 s0 OPEN START RUNNING",
        "3 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 8",
    ]


# ---------------------------------------------------------------- S12


def test_s12_jobs_of_the_active_session_go_first_by_submission_and_number_whatever_the_policy_says(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, priority=99),
        JobSpec(qpu_time_us=1, at_us=5, session=0, priority=0),
        JobSpec(qpu_time_us=1, at_us=5, session=0, priority=9),
        JobSpec(qpu_time_us=1, at_us=4, session=0, priority=-9),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], queue_key=most_urgent_first) == [
        "j0 0 0 10 DONE",
        "j1 1 13 14 DONE",
        "j2 5 11 12 DONE",
        "j3 5 12 13 DONE",
        "j4 4 10 11 DONE",
        *CREATED_AND_STARTED_AT_0,
        "13 s0 IDLE ITTL INACTIVE",
        "end 14",
    ]


def test_s12_at_most_one_session_holds_the_qpu(run):
    jobs = [
        JobSpec(qpu_time_us=4, at_us=0, session=0),
        JobSpec(qpu_time_us=4, at_us=1, session=1),
        JobSpec(qpu_time_us=4, at_us=6, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3), SessionSpec(interactive_timeout_us=3)]) == [
        "j0 0 0 4 DONE",
        "j1 1 13 17 DONE",
        "j2 6 6 10 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "1 s1 ABSENT CREATE OPEN",
        "13 s0 IDLE ITTL INACTIVE",
        "13 s1 OPEN START RUNNING",
        "20 s1 IDLE ITTL INACTIVE",
        "end 20",
    ]


# ---------------------------------------------------------------- S13 to S15: idle and inactive


def test_s13_ittl_starts_from_zero_at_each_end_that_leaves_the_session_empty(run):
    """It ran from 10 to 18, was stopped by the submission, and runs anew from 21: 31, not 23."""
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=3, at_us=18, session=0)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)]) == [
        "j0 0 0 10 DONE",
        "j1 18 18 21 DONE",
        *CREATED_AND_STARTED_AT_0,
        "31 s0 IDLE ITTL INACTIVE",
        "end 31",
    ]


def test_s13_ittl_does_not_start_while_another_job_of_the_session_is_queued(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0, session=0), JobSpec(qpu_time_us=20, at_us=1, session=0)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=2)]) == [
        "j0 0 0 5 DONE",
        "j1 1 5 25 DONE",
        *CREATED_AND_STARTED_AT_0,
        "27 s0 IDLE ITTL INACTIVE",
        "end 27",
    ]


def test_s13_rejected_submission_does_not_stop_the_ittl(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=15, session=0, max_execution_time_us=101),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10, max_time_us=100)]) == [
        "j0 0 0 10 DONE",
        "j1 15 - 15 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        *CREATED_AND_STARTED_AT_0,
        "20 s0 IDLE ITTL INACTIVE",
        "end 20",
    ]


def test_s13_ittl_starts_when_the_last_queued_job_is_cancelled(run):
    """The foreign job j1, let in by the hold policy, is on the QPU when the session's last job goes."""
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=20, at_us=1),
        JobSpec(qpu_time_us=1, at_us=8, session=0, cancel_us=11),
        JobSpec(qpu_time_us=1, at_us=9, session=0, cancel_us=12),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)], rules=Rules(hold=SHARED)) == [
        "j0 0 0 5 DONE",
        "j1 1 5 25 DONE",
        "j2 8 - 11 CANCELLED JOB_CANCELLED",
        "j3 9 - 12 CANCELLED JOB_CANCELLED",
        *CREATED_AND_STARTED_AT_0,
        "22 s0 IDLE ITTL INACTIVE",
        "end 25",
    ]


def test_s13_no_ittl_while_the_session_is_closing(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=1, session=0)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0, close_us=2)]) == [
        "j0 0 0 5 DONE",
        "j1 1 5 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "2 s0 RUNNING CLOSE CLOSING",
        "10 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 10",
    ]


def test_s14_qpu_is_released_and_normal_selection_resumes_in_the_instant_the_ittl_runs_out(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=4, at_us=3),
        JobSpec(qpu_time_us=4, at_us=2),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 3 19 23 DONE",
        "j2 2 15 19 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE ITTL INACTIVE",
        "end 23",
    ]


def test_s14_ittl_0_makes_the_session_inactive_at_once_unless_a_job_arrives_in_that_instant(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=4, at_us=3),
        JobSpec(qpu_time_us=5, at_us=10, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)]) == [
        "j0 0 0 10 DONE",
        "j1 3 15 19 DONE",
        "j2 10 10 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE ITTL INACTIVE",
        "end 19",
    ]


def test_s15_job_of_an_inactive_session_queues_with_its_own_submission_time_and_then_others_regain_priority(
    run,
):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=20, at_us=1),
        JobSpec(qpu_time_us=5, at_us=12),
        JobSpec(qpu_time_us=5, at_us=13, session=0),
        JobSpec(qpu_time_us=5, at_us=14),
        JobSpec(qpu_time_us=5, at_us=15, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)]) == [
        "j0 0 0 10 DONE",
        "j1 1 10 30 DONE",
        "j2 12 30 35 DONE",
        "j3 13 35 40 DONE",
        "j4 14 45 50 DONE",
        "j5 15 40 45 DONE",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 IDLE ITTL INACTIVE",
        "35 s0 INACTIVE START RUNNING",
        "45 s0 IDLE ITTL INACTIVE",
        "end 50",
    ]


def test_s15_activating_a_session_again_does_not_start_max_time_again(run):
    """Max_time counts from 0, so it ends at 30 in the second activation, which began at 25."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=15, at_us=1),
        JobSpec(qpu_time_us=10, at_us=12, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0, max_time_us=30)]) == [
        "j0 0 0 10 DONE",
        "j1 1 10 25 DONE",
        "j2 12 25 35 DONE",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 IDLE ITTL INACTIVE",
        "25 s0 INACTIVE START RUNNING",
        "30 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 35",
    ]

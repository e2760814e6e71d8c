"""The one order of events: S3, with a test for each pair of neighbouring ranks."""

from __future__ import annotations

from qsession_sim.scheduler.plan import SHARED, JobSpec, Rules, SessionSpec

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


# ---------------------------------------------------------------- S3: neighbouring ranks


def test_s3_create_comes_before_finish(run):
    sessions = [SessionSpec(close_us=5), SessionSpec(created_us=10)]
    assert run([JobSpec(qpu_time_us=10, at_us=0, session=0)], sessions) == [
        "j0 0 0 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CLOSE CLOSING",
        "10 s1 ABSENT CREATE OPEN",
        "10 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 10",
    ]


def test_s3_create_comes_before_submit(run):
    sessions = [SessionSpec(created_us=10, interactive_timeout_us=0)]
    assert run([JobSpec(qpu_time_us=4, at_us=10, session=0)], sessions) == [
        "j0 10 10 14 DONE",
        "10 s0 ABSENT CREATE OPEN",
        "10 s0 OPEN START RUNNING",
        "14 s0 IDLE ITTL INACTIVE",
        "end 14",
    ]


def test_s3_finish_comes_before_submit(run):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=10, session=1)]
    sessions = [SessionSpec(close_us=5), SessionSpec(interactive_timeout_us=3)]
    assert run(jobs, sessions) == [
        "j0 0 0 10 DONE",
        "j1 10 10 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CLOSE CLOSING",
        "10 s0 CLOSING END_LAST CLOSED CLOSED",
        "10 s1 ABSENT CREATE OPEN",
        "10 s1 OPEN START RUNNING",
        "18 s1 IDLE ITTL INACTIVE",
        "end 18",
    ]


def test_s3_submit_comes_before_close(run):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=2, at_us=5, session=0)]
    assert run(jobs, [SessionSpec(close_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 5 10 12 DONE",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CLOSE CLOSING",
        "12 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 12",
    ]


def test_s3_close_comes_before_cancel_of_a_session(run):
    assert run([JobSpec(qpu_time_us=10, at_us=0, session=0)], [SessionSpec(close_us=15, cancel_us=15)]) == [
        "j0 0 0 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 15",
    ]


def test_s3_close_comes_before_cancel_of_a_job(run):
    jobs = [JobSpec(qpu_time_us=10, at_us=0), JobSpec(qpu_time_us=5, at_us=1, session=0, cancel_us=5)]
    assert run(jobs, [SessionSpec(close_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 1 - 5 CANCELLED JOB_CANCELLED",
        "1 s0 ABSENT CREATE OPEN",
        "5 s0 OPEN CLOSE OPEN_CLOSING",
        "5 s0 OPEN_CLOSING END_LAST CLOSED CLOSED",
        "end 10",
    ]


def test_s3_cancel_comes_before_max_time(run):
    assert run(
        [JobSpec(qpu_time_us=10, at_us=0, session=0)], [SessionSpec(max_time_us=20, cancel_us=20)]
    ) == [
        "j0 0 0 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "20 s0 IDLE CANCEL CLOSED CANCELLED",
        "end 20",
    ]


def test_s3_cancel_comes_before_unused(run):
    sessions = [SessionSpec(created_us=0, cancel_us=20)]
    assert run([], sessions, rules=Rules(unused_timeout_us=20)) == [
        "0 s0 ABSENT CREATE OPEN",
        "20 s0 OPEN CANCEL CLOSED CANCELLED",
        "end 20",
    ]


def test_s3_max_time_comes_before_ittl(run):
    assert run(
        [JobSpec(qpu_time_us=10, at_us=0, session=0)],
        [SessionSpec(max_time_us=20, interactive_timeout_us=10)],
    ) == [
        "j0 0 0 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "20 s0 IDLE MAX_TIME CLOSED MAX_TIME",
        "end 20",
    ]


def test_s3_unused_comes_before_ittl(run):
    sessions = [SessionSpec(interactive_timeout_us=10), SessionSpec(created_us=0)]
    assert run(
        [JobSpec(qpu_time_us=10, at_us=0, session=0)], sessions, rules=Rules(unused_timeout_us=20)
    ) == [
        "j0 0 0 10 DONE",
        "0 s1 ABSENT CREATE OPEN",
        *CREATED_AND_STARTED_AT_0,
        "20 s1 OPEN UNUSED CLOSED UNUSED",
        "20 s0 IDLE ITTL INACTIVE",
        "end 20",
    ]


def test_s3_unused_and_max_time_share_a_rank_and_go_by_session_number(run):
    jobs = [JobSpec(qpu_time_us=2, at_us=0, session=1), JobSpec(qpu_time_us=30, at_us=0)]
    sessions = [
        SessionSpec(created_us=0),
        SessionSpec(max_time_us=20, interactive_timeout_us=0),
        SessionSpec(created_us=0),
    ]
    assert run(jobs, sessions, rules=Rules(unused_timeout_us=20)) == [
        "j0 0 0 2 DONE",
        "j1 0 2 32 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "0 s2 ABSENT CREATE OPEN",
        "0 s1 ABSENT CREATE OPEN",
        "0 s1 OPEN START RUNNING",
        "2 s1 IDLE ITTL INACTIVE",
        "20 s0 OPEN UNUSED CLOSED UNUSED",
        "20 s1 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "20 s2 OPEN UNUSED CLOSED UNUSED",
        "end 32",
    ]


def test_s3_ittl_comes_before_dispatch(run):
    """Were the QPU to pick at 10 before the ITTL of s0 ends, only the job-mode job could go in between."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=3, session=1),
        JobSpec(qpu_time_us=5, at_us=4),
    ]
    sessions = [SessionSpec(interactive_timeout_us=0), SessionSpec(interactive_timeout_us=7)]
    assert run(jobs, sessions, rules=Rules(hold=SHARED)) == [
        "j0 0 0 10 DONE",
        "j1 3 10 15 DONE",
        "j2 4 15 20 DONE",
        *CREATED_AND_STARTED_AT_0,
        "3 s1 ABSENT CREATE OPEN",
        "10 s0 IDLE ITTL INACTIVE",
        "10 s1 OPEN START RUNNING",
        "22 s1 IDLE ITTL INACTIVE",
        "end 22",
    ]


def test_s3_sessions_come_before_jobs_inside_cancel(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=2, session=0, cancel_us=5),
    ]
    assert run(jobs, [SessionSpec(cancel_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 2 - 5 CANCELLED SESSION_CANCELLED",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CANCEL CLOSED CANCELLED",
        "end 10",
    ]


def test_s3_events_of_one_rank_go_by_number(run):
    """Each of the sessions is created by its first submission, so the rows show the order of submissions."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=7, session=2),
        JobSpec(qpu_time_us=1, at_us=0),
        JobSpec(qpu_time_us=1, after=1, think_us=6, session=0),
        JobSpec(qpu_time_us=1, at_us=7, session=1),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)] * 3) == [
        "j0 7 7 8 DONE",
        "j1 0 0 1 DONE",
        "j2 7 8 9 DONE",
        "j3 7 9 10 DONE",
        "7 s2 ABSENT CREATE OPEN",
        "7 s0 ABSENT CREATE OPEN",
        "7 s1 ABSENT CREATE OPEN",
        "7 s2 OPEN START RUNNING",
        "8 s2 IDLE ITTL INACTIVE",
        "8 s0 OPEN START RUNNING",
        "9 s0 IDLE ITTL INACTIVE",
        "9 s1 OPEN START RUNNING",
        "10 s1 IDLE ITTL INACTIVE",
        "end 10",
    ]


# ---------------------------------------------------------------- S3: its sentences


def test_s3_job_submitted_exactly_when_the_ittl_ends_keeps_the_session_active(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=20, session=0),
        JobSpec(qpu_time_us=1, at_us=15),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)]) == [
        "j0 0 0 10 DONE",
        "j1 20 20 25 DONE",
        "j2 15 35 36 DONE",
        *CREATED_AND_STARTED_AT_0,
        "35 s0 IDLE ITTL INACTIVE",
        "end 36",
    ]


def test_s3_job_that_would_start_exactly_when_max_time_ends_does_not_start(run):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=5, session=0)]
    assert run(jobs, [SessionSpec(max_time_us=10)]) == [
        "j0 0 0 10 DONE",
        "j1 5 - 10 ERROR MAX_TIME",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 10",
    ]


def test_s3_follow_up_without_think_time_is_submitted_in_the_instant_its_predecessor_ended(run):
    """It stops the ITTL of 0 that started there, so the foreign job does not get in."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, after=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)]) == [
        "j0 0 0 10 DONE",
        "j1 10 10 15 DONE",
        "j2 1 15 16 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE ITTL INACTIVE",
        "end 16",
    ]


def test_s3_event_created_for_the_current_instant_does_not_undo_later_ranks_already_served(run):
    """The close of s1 at 10 was served before max_time ended j1 and so caused the submissions at 10."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=5, after=1, session=1),
        JobSpec(qpu_time_us=5, after=1),
    ]
    sessions = [SessionSpec(max_time_us=10), SessionSpec(created_us=0, close_us=10)]
    assert run(jobs, sessions) == [
        "j0 0 0 10 DONE",
        "j1 1 - 10 ERROR MAX_TIME",
        "j2 10 - 10 REJECTED SESSION_CLOSED",
        "j3 10 10 15 DONE",
        "0 s1 ABSENT CREATE OPEN",
        *CREATED_AND_STARTED_AT_0,
        "10 s1 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "10 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 15",
    ]


def test_s3_event_created_for_the_current_instant_goes_before_later_ranks_not_yet_served(run):
    """The submission caused by the cancel of 10 is served before the ITTL that the same cancel started."""
    jobs = [
        JobSpec(qpu_time_us=20, at_us=0, session=0, cancel_us=10),
        JobSpec(qpu_time_us=5, after=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)]) == [
        "j0 0 0 10 CANCELLED JOB_CANCELLED",
        "j1 10 10 15 DONE",
        "j2 1 15 16 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE ITTL INACTIVE",
        "end 16",
    ]


def test_s3_qpu_picks_work_only_when_nothing_else_is_left_at_the_instant(run):
    """j2, which is the last to come at 10 and the most urgent, is caused by the max_time of 10."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=5, after=1, priority=3),
        JobSpec(qpu_time_us=5, at_us=2),
        JobSpec(qpu_time_us=5, at_us=10, priority=2),
    ]
    assert run(jobs, [SessionSpec(max_time_us=10)], queue_key=lambda job: (-job.priority,)) == [
        "j0 0 0 10 DONE",
        "j1 1 - 10 ERROR MAX_TIME",
        "j2 10 10 15 DONE",
        "j3 2 20 25 DONE",
        "j4 10 15 20 DONE",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 25",
    ]

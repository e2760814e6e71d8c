"""How a session comes to its end: S16, S17, S18, S26."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsession_sim.scheduler.plan import JobSpec, Rules, SessionSpec
from qsession_sim.scheduler.vocabulary import JobStatus

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


# ---------------------------------------------------------------- S16: max_time


@pytest.mark.parametrize("ends_as", [JobStatus.ERROR, JobStatus.CANCELLED], ids=lambda status: status.name)
def test_s16_max_time_ends_queued_jobs_and_lets_the_running_one_complete(run, ends_as):
    """The running job keeps the QPU until 20 although the session is closed at 12."""
    jobs = [
        JobSpec(qpu_time_us=20, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=5, at_us=12, session=0),
        JobSpec(qpu_time_us=5, at_us=13, session=0),
        JobSpec(qpu_time_us=3, at_us=2),
    ]
    rules = Rules(max_time_ends_as=ends_as)
    assert run(jobs, [SessionSpec(max_time_us=12)], rules=rules) == [
        "j0 0 0 20 DONE",
        f"j1 1 - 12 {ends_as.name} MAX_TIME",
        f"j2 12 - 12 {ends_as.name} MAX_TIME",
        "j3 13 - 13 REJECTED SESSION_CLOSED",
        "j4 2 20 23 DONE",
        *CREATED_AND_STARTED_AT_0,
        "12 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 23",
    ]


@pytest.mark.parametrize("ends_as", [JobStatus.ERROR, JobStatus.CANCELLED], ids=lambda status: status.name)
def test_s16_max_time_ends_the_queued_jobs_of_an_inactive_session(run, ends_as):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=20, at_us=1),
        JobSpec(qpu_time_us=2, at_us=3, session=0),
    ]
    sessions = [SessionSpec(max_time_us=12, interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=Rules(max_time_ends_as=ends_as)) == [
        "j0 0 0 2 DONE",
        "j1 1 2 22 DONE",
        f"j2 3 - 12 {ends_as.name} MAX_TIME",
        *CREATED_AND_STARTED_AT_0,
        "2 s0 IDLE ITTL INACTIVE",
        "12 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "end 22",
    ]


def test_s16_running_job_keeps_its_own_result_when_max_time_runs_out(run):
    jobs = [JobSpec(qpu_time_us=20, at_us=0, session=0)]
    rules = Rules(max_execution_time_us=15, max_time_ends_as=JobStatus.CANCELLED)
    assert run(jobs, [SessionSpec(max_time_us=12)], rules=rules) == [
        "j0 0 0 15 ERROR RAN_TOO_LONG",
        *CREATED_AND_STARTED_AT_0,
        "12 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 15",
    ]


def test_s16_max_time_releases_an_idle_session_at_once(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0, session=0), JobSpec(qpu_time_us=3, at_us=2)]
    assert run(jobs, [SessionSpec(max_time_us=12, interactive_timeout_us=50)]) == [
        "j0 0 0 5 DONE",
        "j1 2 12 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "12 s0 IDLE MAX_TIME CLOSED MAX_TIME",
        "end 15",
    ]


# ---------------------------------------------------------------- S17: close


def test_s17_close_lets_queued_jobs_run_with_priority_and_ends_without_waiting_for_the_ittl(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=2),
        JobSpec(qpu_time_us=5, at_us=3, session=0),
        JobSpec(qpu_time_us=5, at_us=6, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=50, close_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 2 15 20 DONE",
        "j2 3 10 15 DONE",
        "j3 6 - 6 REJECTED SESSION_CLOSED",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CLOSE CLOSING",
        "15 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 20",
    ]


def test_s17_close_of_an_idle_session_ends_it_at_once(run):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=2)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=50, close_us=13)]) == [
        "j0 0 0 10 DONE",
        "j1 2 13 18 DONE",
        *CREATED_AND_STARTED_AT_0,
        "13 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 18",
    ]


def test_s17_close_in_the_instant_of_the_last_end_ends_the_session_there(run):
    assert run([JobSpec(qpu_time_us=10, at_us=0, session=0)], [SessionSpec(close_us=10)]) == [
        "j0 0 0 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 10",
    ]


def test_s17_queued_jobs_of_a_closing_open_session_keep_their_places_until_one_starts(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1),
        JobSpec(qpu_time_us=5, at_us=2, session=0),
        JobSpec(qpu_time_us=5, at_us=3),
        JobSpec(qpu_time_us=5, at_us=4, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=50, close_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 1 10 15 DONE",
        "j2 2 15 20 DONE",
        "j3 3 25 30 DONE",
        "j4 4 20 25 DONE",
        "2 s0 ABSENT CREATE OPEN",
        "5 s0 OPEN CLOSE OPEN_CLOSING",
        "15 s0 OPEN_CLOSING START CLOSING",
        "25 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 30",
    ]


def test_s17_queued_jobs_of_a_closing_inactive_session_keep_their_places_until_one_starts(run):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=10, at_us=1),
        JobSpec(qpu_time_us=5, at_us=3, session=0),
        JobSpec(qpu_time_us=5, at_us=4),
        JobSpec(qpu_time_us=5, at_us=5, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0, close_us=6)]) == [
        "j0 0 0 2 DONE",
        "j1 1 2 12 DONE",
        "j2 3 12 17 DONE",
        "j3 4 22 27 DONE",
        "j4 5 17 22 DONE",
        *CREATED_AND_STARTED_AT_0,
        "2 s0 IDLE ITTL INACTIVE",
        "6 s0 INACTIVE CLOSE INACTIVE_CLOSING",
        "12 s0 INACTIVE_CLOSING START CLOSING",
        "22 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 27",
    ]


def test_s17_cancelled_last_job_ends_a_closing_session_while_open_inactive_or_active(run):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=10, at_us=1),
        JobSpec(qpu_time_us=5, at_us=3, session=0, cancel_us=7),
        JobSpec(qpu_time_us=5, at_us=4, session=1, cancel_us=8),
        JobSpec(qpu_time_us=5, at_us=5, session=1, cancel_us=9),
        JobSpec(qpu_time_us=9, at_us=6, session=2, cancel_us=14),
    ]
    sessions = [
        SessionSpec(interactive_timeout_us=0, close_us=6),
        SessionSpec(close_us=6),
        SessionSpec(close_us=6),
    ]
    assert run(jobs, sessions) == [
        "j0 0 0 2 DONE",
        "j1 1 2 12 DONE",
        "j2 3 - 7 CANCELLED JOB_CANCELLED",
        "j3 4 - 8 CANCELLED JOB_CANCELLED",
        "j4 5 - 9 CANCELLED JOB_CANCELLED",
        "j5 6 12 14 CANCELLED JOB_CANCELLED",
        *CREATED_AND_STARTED_AT_0,
        "2 s0 IDLE ITTL INACTIVE",
        "4 s1 ABSENT CREATE OPEN",
        "6 s2 ABSENT CREATE OPEN",
        "6 s0 INACTIVE CLOSE INACTIVE_CLOSING",
        "6 s1 OPEN CLOSE OPEN_CLOSING",
        "6 s2 OPEN CLOSE OPEN_CLOSING",
        "7 s0 INACTIVE_CLOSING END_LAST CLOSED CLOSED",
        "9 s1 OPEN_CLOSING END_LAST CLOSED CLOSED",
        "12 s2 OPEN_CLOSING START CLOSING",
        "14 s2 CLOSING END_LAST CLOSED CLOSED",
        "end 14",
    ]


def test_s17_close_of_an_empty_open_or_inactive_session_ends_it_at_once(run):
    jobs = [JobSpec(qpu_time_us=2, at_us=0, session=0)]
    sessions = [SessionSpec(interactive_timeout_us=0, close_us=6), SessionSpec(created_us=0, close_us=5)]
    assert run(jobs, sessions) == [
        "j0 0 0 2 DONE",
        "0 s1 ABSENT CREATE OPEN",
        *CREATED_AND_STARTED_AT_0,
        "2 s0 IDLE ITTL INACTIVE",
        "5 s1 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "6 s0 INACTIVE CLOSE_EMPTY CLOSED CLOSED",
        "end 6",
    ]


# ---------------------------------------------------------------- S18: cancel


def test_s18_cancel_ends_queued_jobs_and_lets_the_running_one_complete(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=5, at_us=6, session=0),
        JobSpec(qpu_time_us=5, at_us=2),
    ]
    assert run(jobs, [SessionSpec(cancel_us=5)]) == [
        "j0 0 0 10 DONE",
        "j1 1 - 5 CANCELLED SESSION_CANCELLED",
        "j2 6 - 6 REJECTED SESSION_CLOSED",
        "j3 2 10 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CANCEL CLOSED CANCELLED",
        "end 15",
    ]


def test_s18_cancel_of_open_idle_and_inactive_sessions(run):
    """s0 is idle at 6 and holds the QPU; its cancel lets j1 start, behind which s1 and s2 wait."""
    jobs = [
        JobSpec(qpu_time_us=4, at_us=1, session=0),
        JobSpec(qpu_time_us=9, at_us=2),
        JobSpec(qpu_time_us=5, at_us=3, session=1),
        JobSpec(qpu_time_us=5, at_us=7, session=2),
        JobSpec(qpu_time_us=1, at_us=0, session=2),
    ]
    sessions = [
        SessionSpec(cancel_us=6),
        SessionSpec(cancel_us=8),
        SessionSpec(cancel_us=9, interactive_timeout_us=0),
    ]
    assert run(jobs, sessions) == [
        "j0 1 1 5 DONE",
        "j1 2 6 15 DONE",
        "j2 3 - 8 CANCELLED SESSION_CANCELLED",
        "j3 7 - 9 CANCELLED SESSION_CANCELLED",
        "j4 0 0 1 DONE",
        "0 s2 ABSENT CREATE OPEN",
        "0 s2 OPEN START RUNNING",
        "1 s0 ABSENT CREATE OPEN",
        "1 s2 IDLE ITTL INACTIVE",
        "1 s0 OPEN START RUNNING",
        "3 s1 ABSENT CREATE OPEN",
        "6 s0 IDLE CANCEL CLOSED CANCELLED",
        "8 s1 OPEN CANCEL CLOSED CANCELLED",
        "9 s2 INACTIVE CANCEL CLOSED CANCELLED",
        "end 15",
    ]


# ---------------------------------------------------------------- S26: end reasons

WHILE_CLOSING = [*CREATED_AND_STARTED_AT_0, "2 s0 RUNNING CLOSE CLOSING"]


@pytest.mark.parametrize(
    ("session", "queued", "changes"),
    [
        pytest.param(
            SessionSpec(close_us=2),
            "j1 1 10 15 DONE",
            [*WHILE_CLOSING, "15 s0 CLOSING END_LAST CLOSED CLOSED", "end 15"],
            id="close",
        ),
        pytest.param(
            SessionSpec(close_us=2, cancel_us=6),
            "j1 1 - 6 CANCELLED SESSION_CANCELLED",
            [*WHILE_CLOSING, "6 s0 CLOSING CANCEL CLOSED CANCELLED", "end 10"],
            id="cancel_while_closing_is_s18",
        ),
        pytest.param(
            SessionSpec(close_us=2, max_time_us=6),
            "j1 1 - 6 ERROR MAX_TIME",
            [*WHILE_CLOSING, "6 s0 CLOSING MAX_TIME CLOSED MAX_TIME", "end 10"],
            id="max_time_while_closing",
        ),
        pytest.param(
            SessionSpec(close_us=2, close_after_us=4),
            "j1 1 10 15 DONE",
            [*WHILE_CLOSING, "15 s0 CLOSING END_LAST CLOSED CLOSED", "end 15"],
            id="close_while_closing_changes_nothing",
        ),
        pytest.param(
            SessionSpec(cancel_us=2, cancel_after_us=4, close_us=5),
            "j1 1 - 2 CANCELLED SESSION_CANCELLED",
            [*CREATED_AND_STARTED_AT_0, "2 s0 RUNNING CANCEL CLOSED CANCELLED", "end 10"],
            id="cancel_or_close_of_a_closed_session_changes_nothing",
        ),
    ],
)
def test_s26_end_reason_is_that_of_the_event_that_ended_the_session(run, session, queued, changes):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=1, session=0)]
    assert run(jobs, [session]) == ["j0 0 0 10 DONE", queued, *changes]


@pytest.mark.parametrize(
    ("session", "changes"),
    [
        pytest.param(
            SessionSpec(close_us=13, close_after_us=14),
            "13 s0 INACTIVE CLOSE_EMPTY CLOSED CLOSED",
            id="CLOSED",
        ),
        pytest.param(SessionSpec(cancel_us=13), "13 s0 INACTIVE CANCEL CLOSED CANCELLED", id="CANCELLED"),
        pytest.param(SessionSpec(max_time_us=13), "13 s0 INACTIVE MAX_TIME CLOSED MAX_TIME", id="MAX_TIME"),
    ],
)
def test_s26_closed_session_accepts_no_jobs_whatever_its_reason(run, session, changes):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=15, session=0)]
    assert run(jobs, [replace(session, interactive_timeout_us=2)]) == [
        "j0 0 0 10 DONE",
        "j1 15 - 15 REJECTED SESSION_CLOSED",
        *CREATED_AND_STARTED_AT_0,
        "12 s0 IDLE ITTL INACTIVE",
        changes,
        "end 15",
    ]

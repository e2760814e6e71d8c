"""How a session comes to exist and which submissions it takes: S9, S20, S21, S24."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsession_sim.scheduler.plan import JobSpec, Rules, SessionSpec
from qsession_sim.scheduler.vocabulary import Mode

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


# ---------------------------------------------------------------- S9: creation


def test_s9_session_exists_from_created_or_else_from_its_first_submission(run):
    jobs = [JobSpec(qpu_time_us=2, at_us=4, session=0), JobSpec(qpu_time_us=2, at_us=6, session=1)]
    sessions = [
        SessionSpec(created_us=1, interactive_timeout_us=0),
        SessionSpec(interactive_timeout_us=0),
    ]
    assert run(jobs, sessions) == [
        "j0 4 4 6 DONE",
        "j1 6 6 8 DONE",
        "1 s0 ABSENT CREATE OPEN",
        "4 s0 OPEN START RUNNING",
        "6 s1 ABSENT CREATE OPEN",
        "6 s0 IDLE ITTL INACTIVE",
        "6 s1 OPEN START RUNNING",
        "8 s1 IDLE ITTL INACTIVE",
        "end 8",
    ]


def test_s9_first_submission_creates_the_session_even_if_rejected_and_the_unused_clock_runs_from_there(run):
    jobs = [
        JobSpec(qpu_time_us=30, at_us=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0, max_execution_time_us=9),
    ]
    assert run(jobs, [SessionSpec(max_time_us=5)], rules=Rules(unused_timeout_us=20)) == [
        "j0 0 0 30 DONE",
        "j1 3 - 3 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "3 s0 ABSENT CREATE OPEN",
        "23 s0 OPEN UNUSED CLOSED UNUSED",
        "end 30",
    ]


@pytest.mark.parametrize(
    ("session", "closed"),
    [
        (SessionSpec(close_us=2), "2 s0 OPEN CLOSE_EMPTY CLOSED CLOSED"),
        (SessionSpec(cancel_us=2), "2 s0 OPEN CANCEL CLOSED CANCELLED"),
    ],
    ids=["close", "cancel"],
)
def test_s9_close_or_cancel_before_the_first_submission_creates_the_session_and_ends_it_there(
    run, session, closed
):
    assert run([JobSpec(qpu_time_us=1, at_us=5, session=0)], [session]) == [
        "j0 5 - 5 REJECTED SESSION_CLOSED",
        "2 s0 ABSENT CREATE OPEN",
        closed,
        "end 5",
    ]


@pytest.mark.parametrize(
    ("think_us", "expected"),
    [
        (7, ["j1 9 - 9 REJECTED SESSION_NOT_CREATED", "end 9"]),
        (
            8,
            [
                "j1 10 10 12 DONE",
                "10 s0 ABSENT CREATE OPEN",
                "10 s0 OPEN START RUNNING",
                "12 s0 IDLE ITTL INACTIVE",
                "end 12",
            ],
        ),
    ],
    ids=["before_created", "at_created"],
)
def test_s9_follow_up_that_comes_before_created_is_rejected(run, think_us, expected):
    jobs = [JobSpec(qpu_time_us=2, at_us=0), JobSpec(qpu_time_us=2, after=0, think_us=think_us, session=0)]
    sessions = [SessionSpec(created_us=10, interactive_timeout_us=0)]
    assert run(jobs, sessions) == ["j0 0 0 2 DONE", *expected]


def test_s9_session_created_after_a_rejected_follow_up_is_used_by_others(run):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0),
        JobSpec(qpu_time_us=2, after=0, session=0),
        JobSpec(qpu_time_us=2, at_us=11, session=0),
    ]
    assert run(jobs, [SessionSpec(created_us=10, interactive_timeout_us=0)]) == [
        "j0 0 0 2 DONE",
        "j1 2 - 2 REJECTED SESSION_NOT_CREATED",
        "j2 11 11 13 DONE",
        "10 s0 ABSENT CREATE OPEN",
        "11 s0 OPEN START RUNNING",
        "13 s0 IDLE ITTL INACTIVE",
        "end 13",
    ]


@pytest.mark.parametrize(
    ("session", "first_submission", "line"),
    [
        (SessionSpec(created_us=2), JobSpec(qpu_time_us=1, at_us=3, session=0, cancel_us=4), "j1 3 - 4"),
        (SessionSpec(), JobSpec(qpu_time_us=1, at_us=2, session=0, cancel_us=4), "j1 2 - 4"),
    ],
    ids=["created", "first_submission"],
)
def test_s9_close_after_and_cancel_after_count_from_the_creation(run, session, first_submission, line):
    closed, cancelled = replace(session, close_after_us=5), replace(session, cancel_after_us=5)
    for timed, end in [(closed, "CLOSE_EMPTY CLOSED CLOSED"), (cancelled, "CANCEL CLOSED CANCELLED")]:
        assert run([JobSpec(qpu_time_us=20, at_us=0), first_submission], [timed]) == [
            "j0 0 0 20 DONE",
            f"{line} CANCELLED JOB_CANCELLED",
            "2 s0 ABSENT CREATE OPEN",
            f"7 s0 OPEN {end}",
            "end 20",
        ]


# ---------------------------------------------------------------- S20, S21, S24


def test_s20_reasons_of_a_rejection_are_checked_in_their_order(run):
    """Every submission also breaks S24, which comes last."""
    too_long = {"session": 0, "max_execution_time_us": 9}
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0),
        JobSpec(qpu_time_us=1, after=0, **too_long),
        JobSpec(qpu_time_us=1, after=0, think_us=4, **too_long),
        JobSpec(qpu_time_us=1, after=0, think_us=5, **too_long),
    ]
    assert run(jobs, [SessionSpec(created_us=3, close_us=6, max_time_us=8)]) == [
        "j0 0 0 1 DONE",
        "j1 1 - 1 REJECTED SESSION_NOT_CREATED",
        "j2 5 - 5 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "j3 6 - 6 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "3 s0 ABSENT CREATE OPEN",
        "6 s0 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "end 6",
    ]


def test_s20_submission_that_breaks_two_rules_is_rejected_for_the_closed_session(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=7, session=0, max_execution_time_us=9)]
    assert run(jobs, [SessionSpec(created_us=3, close_us=6, max_time_us=8)]) == [
        "j0 7 - 7 REJECTED SESSION_CLOSED",
        "3 s0 ABSENT CREATE OPEN",
        "6 s0 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "end 7",
    ]


def test_s20_rejected_submission_is_not_a_job_of_the_session(run):
    """The close at 6 finds no job, though j1 was rejected at 5 and could have been taken for one."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=5, session=0, max_execution_time_us=9, cancel_after_us=1),
        JobSpec(qpu_time_us=3, at_us=4),
    ]
    assert run(jobs, [SessionSpec(close_us=6, max_time_us=8)]) == [
        "j0 0 0 2 DONE",
        "j1 5 - 5 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "j2 4 6 9 DONE",
        *CREATED_AND_STARTED_AT_0,
        "6 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 9",
    ]


@pytest.mark.parametrize(
    ("submitted", "expected"),
    [
        (
            23,
            [
                "j1 23 30 31 DONE",
                "3 s0 ABSENT CREATE OPEN",
                "30 s0 OPEN START RUNNING",
                "31 s0 IDLE ITTL INACTIVE",
                "end 31",
            ],
        ),
        (
            24,
            [
                "j1 24 - 24 REJECTED SESSION_CLOSED",
                "3 s0 ABSENT CREATE OPEN",
                "23 s0 OPEN UNUSED CLOSED UNUSED",
                "end 30",
            ],
        ),
    ],
    ids=["at_the_limit", "too_late"],
)
def test_s21_session_without_an_accepted_submission_is_closed_after_unused_timeout(run, submitted, expected):
    jobs = [JobSpec(qpu_time_us=30, at_us=0), JobSpec(qpu_time_us=1, at_us=submitted, session=0)]
    sessions = [SessionSpec(created_us=3, interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=Rules(unused_timeout_us=20)) == ["j0 0 0 30 DONE", *expected]


def test_s21_first_accepted_submission_stops_the_unused_clock_for_good(run):
    """The only job is cancelled at 5; the session is open and empty from then on, past 23, until j2 comes."""
    jobs = [
        JobSpec(qpu_time_us=40, at_us=0),
        JobSpec(qpu_time_us=1, at_us=4, session=0, cancel_us=5),
        JobSpec(qpu_time_us=1, at_us=35, session=0),
    ]
    sessions = [SessionSpec(created_us=3, interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=Rules(unused_timeout_us=20)) == [
        "j0 0 0 40 DONE",
        "j1 4 - 5 CANCELLED JOB_CANCELLED",
        "j2 35 40 41 DONE",
        "3 s0 ABSENT CREATE OPEN",
        "40 s0 OPEN START RUNNING",
        "41 s0 IDLE ITTL INACTIVE",
        "end 41",
    ]


def test_s21_unused_session_is_closed_after_half_an_hour_by_default(run):
    half_an_hour_us = 1_800_000_000
    assert run([JobSpec(qpu_time_us=1, at_us=half_an_hour_us)], [SessionSpec(created_us=0)]) == [
        "j0 1800000000 1800000000 1800000001 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "1800000000 s0 OPEN UNUSED CLOSED UNUSED",
        "end 1800000001",
    ]


def test_s21_rejected_submission_does_not_stop_the_unused_clock(run):
    jobs = [
        JobSpec(qpu_time_us=30, at_us=0),
        JobSpec(qpu_time_us=1, at_us=10, session=0, max_execution_time_us=9),
    ]
    sessions = [SessionSpec(created_us=3, max_time_us=8)]
    assert run(jobs, sessions, rules=Rules(unused_timeout_us=20)) == [
        "j0 0 0 30 DONE",
        "j1 10 - 10 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "3 s0 ABSENT CREATE OPEN",
        "23 s0 OPEN UNUSED CLOSED UNUSED",
        "end 30",
    ]


@pytest.mark.parametrize("mode", [Mode.SESSION, Mode.BATCH], ids=lambda mode: mode.name)
def test_s24_explicit_max_execution_time_above_max_time_is_rejected(run, mode):
    """The value as given counts, not what the limit of 3 makes of it; the limit itself is not explicit."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0, max_execution_time_us=8),
        JobSpec(qpu_time_us=1, at_us=0, session=0, max_execution_time_us=9),
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=0, max_execution_time_us=9),
    ]
    sessions = [SessionSpec(mode, max_time_us=8, interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=Rules(max_execution_time_us=3)) == [
        "j0 0 0 1 DONE",
        "j1 0 - 0 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "j2 0 1 2 DONE",
        "j3 0 2 3 DONE",
        *CREATED_AND_STARTED_AT_0,
        "2 s0 IDLE ITTL INACTIVE",
        "end 3",
    ]


def test_s24_limit_of_the_profile_above_max_time_rejects_nothing(run):
    sessions = [SessionSpec(max_time_us=8, interactive_timeout_us=0)]
    assert run(
        [JobSpec(qpu_time_us=1, at_us=0, session=0)], sessions, rules=Rules(max_execution_time_us=9)
    ) == [
        "j0 0 0 1 DONE",
        *CREATED_AND_STARTED_AT_0,
        "1 s0 IDLE ITTL INACTIVE",
        "end 1",
    ]

"""How far a run goes, with and without a horizon: S6."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import JobSpec, Plan, Rules, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]
USED_AND_INACTIVE_AT_2 = ["j0 0 0 2 DONE", *CREATED_AND_STARTED_AT_0, "2 s0 IDLE ITTL INACTIVE"]


def used(**given):
    """A session with one job from 0 to 2, inactive from 2 on unless a longer ITTL is given."""
    jobs = [JobSpec(qpu_time_us=2, at_us=0, session=0)]
    return jobs, [SessionSpec(**{"interactive_timeout_us": 0, **given})]


# ---------------------------------------------------------------- without a horizon


@pytest.mark.parametrize(
    ("jobs", "sessions", "expected"),
    [
        pytest.param(
            [JobSpec(qpu_time_us=5, at_us=3), JobSpec(qpu_time_us=5, at_us=3)],
            [],
            ["j0 3 3 8 DONE", "j1 3 8 13 DONE", "end 13"],
            id="job_queued_or_running",
        ),
        pytest.param(
            [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=5, at_us=100)],
            [],
            ["j0 0 0 5 DONE", "j1 100 100 105 DONE", "end 105"],
            id="job_to_be_submitted",
        ),
        pytest.param(
            [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=5, after=0, think_us=95)],
            [],
            ["j0 0 0 5 DONE", "j1 100 100 105 DONE", "end 105"],
            id="follow_up_to_be_submitted",
        ),
        pytest.param(
            *used(interactive_timeout_us=60),
            ["j0 0 0 2 DONE", *CREATED_AND_STARTED_AT_0, "62 s0 IDLE ITTL INACTIVE", "end 62"],
            id="session_holds_the_qpu",
        ),
        pytest.param(
            *used(close_us=50),
            [*USED_AND_INACTIVE_AT_2, "50 s0 INACTIVE CLOSE_EMPTY CLOSED CLOSED", "end 50"],
            id="close_to_come",
        ),
        pytest.param(
            *used(cancel_after_us=50),
            [*USED_AND_INACTIVE_AT_2, "50 s0 INACTIVE CANCEL CLOSED CANCELLED", "end 50"],
            id="cancel_to_come",
        ),
        pytest.param(
            [],
            [SessionSpec(close_us=50)],
            ["50 s0 ABSENT CREATE OPEN", "50 s0 OPEN CLOSE_EMPTY CLOSED CLOSED", "end 50"],
            id="close_of_a_session_that_does_not_exist_yet",
        ),
        pytest.param(
            [],
            [SessionSpec(created_us=20, cancel_us=50)],
            ["20 s0 ABSENT CREATE OPEN", "50 s0 OPEN CANCEL CLOSED CANCELLED", "end 50"],
            id="cancel_of_a_session_that_is_created_later",
        ),
        pytest.param(
            [],
            [SessionSpec(created_us=20, close_after_us=30)],
            ["20 s0 ABSENT CREATE OPEN", "50 s0 OPEN CLOSE_EMPTY CLOSED CLOSED", "end 50"],
            id="close_after_of_a_session_that_is_created_later",
        ),
        pytest.param(
            [],
            [SessionSpec(created_us=20, cancel_after_us=30)],
            ["20 s0 ABSENT CREATE OPEN", "50 s0 OPEN CANCEL CLOSED CANCELLED", "end 50"],
            id="cancel_after_of_a_session_that_is_created_later",
        ),
    ],
)
def test_s6_run_goes_on_for(run, jobs, sessions, expected):
    assert run(jobs, sessions) == expected


@pytest.mark.parametrize(
    ("jobs", "sessions", "expected"),
    [
        pytest.param(*used(max_time_us=40), [*USED_AND_INACTIVE_AT_2, "end 2"], id="max_time_clock"),
        pytest.param(
            [], [SessionSpec(created_us=0)], ["0 s0 ABSENT CREATE OPEN", "end 0"], id="unused_clock"
        ),
        pytest.param(
            [JobSpec(qpu_time_us=2, at_us=0, cancel_us=40)],
            [],
            ["j0 0 0 2 DONE", "end 2"],
            id="cancel_of_a_job_that_has_ended",
        ),
        pytest.param(
            [JobSpec(qpu_time_us=2, at_us=0)],
            [SessionSpec(created_us=40)],
            ["j0 0 0 2 DONE", "end 2"],
            id="creation_of_a_session_that_nobody_will_use",
        ),
        pytest.param(
            *used(interactive_timeout_us=60, close_us=5, close_after_us=30, cancel_us=40),
            [
                "j0 0 0 2 DONE",
                *CREATED_AND_STARTED_AT_0,
                "5 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
                "end 5",
            ],
            id="close_or_cancel_of_a_session_closed_before",
        ),
        pytest.param(
            *used(interactive_timeout_us=60, max_time_us=10, close_us=40, cancel_after_us=40),
            [
                "j0 0 0 2 DONE",
                *CREATED_AND_STARTED_AT_0,
                "10 s0 IDLE MAX_TIME CLOSED MAX_TIME",
                "end 10",
            ],
            id="close_or_cancel_of_a_session_ended_by_max_time",
        ),
    ],
)
def test_s6_run_does_not_go_on_for(run, jobs, sessions, expected):
    assert run(jobs, sessions) == expected


def test_s6_every_event_of_the_last_instant_is_applied_and_none_of_a_later_one(run):
    """j1 ends at 10. Max_time of s0, the unused clock of s1 and the creation of s3 are due at 10, too;
    the unused clock of s2 and the creation of s4 at 11."""
    jobs = [JobSpec(qpu_time_us=2, at_us=0, session=0), JobSpec(qpu_time_us=8, at_us=1)]
    sessions = [
        SessionSpec(interactive_timeout_us=0, max_time_us=10),
        SessionSpec(created_us=0),
        SessionSpec(created_us=1),
        SessionSpec(created_us=10),
        SessionSpec(created_us=11),
    ]
    assert run(jobs, sessions, rules=Rules(unused_timeout_us=10)) == [
        "j0 0 0 2 DONE",
        "j1 1 2 10 DONE",
        "0 s1 ABSENT CREATE OPEN",
        *CREATED_AND_STARTED_AT_0,
        "1 s2 ABSENT CREATE OPEN",
        "2 s0 IDLE ITTL INACTIVE",
        "10 s3 ABSENT CREATE OPEN",
        "10 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "10 s1 OPEN UNUSED CLOSED UNUSED",
        "end 10",
    ]


def test_s6_instant_0_is_always_served(run):
    assert run([], [SessionSpec(created_us=0)], rules=Rules(unused_timeout_us=0)) == [
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN UNUSED CLOSED UNUSED",
        "end 0",
    ]


def test_s6_run_without_anything_ends_at_0(run):
    assert run() == ["end 0"]


def test_s6_whether_a_run_goes_on_can_be_asked_between_instants():
    plan = Plan.of(
        [JobSpec(qpu_time_us=2, at_us=0, session=0)], [SessionSpec(interactive_timeout_us=3, max_time_us=9)]
    )
    scheduler = Scheduler(plan)
    asked = []
    for time_us in [0, 2, 5, 9]:
        assert scheduler.next_event_us() == time_us
        assert scheduler.advance(time_us)
        asked.append((time_us, scheduler.is_needed))
    assert asked == [(0, True), (2, True), (5, False), (9, False)]
    assert scheduler.next_event_us() is None


# ---------------------------------------------------------------- with a horizon


def test_s6_finish_at_the_horizon_counts_but_no_start_and_no_follow_up(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1),
        JobSpec(qpu_time_us=5, after=0),
    ]
    assert run(jobs, horizon_us=10) == ["j0 0 0 10 DONE", "j1 1 - - QUEUED", "j2 - - - -", "end 10"]


def test_s6_unfinished_jobs_are_reported_with_their_status(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1),
        JobSpec(qpu_time_us=5, at_us=9),
    ]
    assert run(jobs, horizon_us=9) == ["j0 0 0 - RUNNING", "j1 1 - - QUEUED", "j2 - - - -", "end 9"]


def test_s6_session_whose_last_job_finishes_at_the_horizon_is_closed_there(run):
    """The creation of s1 at 10 has a smaller rank than the finish, and still does not count."""
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0)]
    assert run(jobs, [SessionSpec(close_us=5), SessionSpec(created_us=10)], horizon_us=10) == [
        "j0 0 0 10 DONE",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CLOSE CLOSING",
        "10 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 10",
    ]


IDLE_FROM_2 = ["j0 0 0 2 DONE", *CREATED_AND_STARTED_AT_0]


@pytest.mark.parametrize(
    ("jobs", "sessions", "before", "after"),
    [
        pytest.param([], [SessionSpec(created_us=10)], [], ["10 s0 ABSENT CREATE OPEN"], id="CREATE"),
        pytest.param(
            [JobSpec(qpu_time_us=5, at_us=10)], [], ["j0 - - - -"], ["j0 10 10 - RUNNING"], id="SUBMIT"
        ),
        pytest.param(
            *used(interactive_timeout_us=60, close_us=10),
            IDLE_FROM_2,
            [*IDLE_FROM_2, "10 s0 IDLE CLOSE_EMPTY CLOSED CLOSED"],
            id="CLOSE",
        ),
        pytest.param(
            *used(interactive_timeout_us=60, cancel_us=10),
            IDLE_FROM_2,
            [*IDLE_FROM_2, "10 s0 IDLE CANCEL CLOSED CANCELLED"],
            id="CANCEL_of_a_session",
        ),
        pytest.param(
            [JobSpec(qpu_time_us=20, at_us=0, cancel_us=10)],
            [],
            ["j0 0 0 - RUNNING"],
            ["j0 0 0 10 CANCELLED JOB_CANCELLED"],
            id="CANCEL_of_a_job",
        ),
        pytest.param(
            *used(interactive_timeout_us=60, max_time_us=10),
            IDLE_FROM_2,
            [*IDLE_FROM_2, "10 s0 IDLE MAX_TIME CLOSED MAX_TIME"],
            id="MAX_TIME",
        ),
        pytest.param(
            [],
            [SessionSpec(created_us=4)],
            ["4 s0 ABSENT CREATE OPEN"],
            ["4 s0 ABSENT CREATE OPEN", "10 s0 OPEN UNUSED CLOSED UNUSED"],
            id="UNUSED",
        ),
        pytest.param(
            *used(interactive_timeout_us=8),
            IDLE_FROM_2,
            [*IDLE_FROM_2, "10 s0 IDLE ITTL INACTIVE"],
            id="ITTL",
        ),
        pytest.param(
            [JobSpec(qpu_time_us=10, at_us=0), JobSpec(qpu_time_us=5, at_us=1)],
            [],
            ["j0 0 0 10 DONE", "j1 1 - - QUEUED"],
            ["j0 0 0 10 DONE", "j1 1 10 - RUNNING"],
            id="DISPATCH",
        ),
    ],
)
def test_s6_nothing_else_counts_at_the_horizon_but_does_just_before_it(run, jobs, sessions, before, after):
    rules = Rules(unused_timeout_us=6)
    assert run(jobs, sessions, rules=rules, horizon_us=10) == [*before, "end 10"]
    assert run(jobs, sessions, rules=rules, horizon_us=11) == [*after, "end 11"]


def test_s6_run_with_a_horizon_goes_there_even_when_nothing_is_left_to_do(run):
    """Clocks alone prolong no run, but up to a horizon they are applied."""
    jobs, sessions = used(max_time_us=8)
    assert run(jobs, [*sessions, SessionSpec(created_us=5)], horizon_us=20) == [
        *USED_AND_INACTIVE_AT_2,
        "5 s1 ABSENT CREATE OPEN",
        "8 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "end 20",
    ]

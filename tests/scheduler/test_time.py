"""Integer time, follow-ups and repeatable runs: S1, S2, S5, S7."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import JobSpec, Plan, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


def test_s1_times_that_no_float_can_hold_stay_exact(run):
    first = 2**53 + 1
    assert run([JobSpec(qpu_time_us=1, at_us=first), JobSpec(qpu_time_us=3, after=0, think_us=2)]) == [
        f"j0 {first} {first} {first + 1} DONE",
        f"j1 {first + 3} {first + 3} {first + 6} DONE",
        f"end {first + 6}",
    ]


def test_s2_think_time_ittl_and_max_time_may_be_zero_and_a_qpu_time_one(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, after=0, think_us=0, session=1),
    ]
    sessions = [
        SessionSpec(interactive_timeout_us=0, max_time_us=0),
        SessionSpec(interactive_timeout_us=0, max_time_us=9),
    ]
    assert run(jobs, sessions) == [
        "j0 0 0 1 DONE",
        "j1 1 1 2 DONE",
        *CREATED_AND_STARTED_AT_0,
        "0 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "1 s1 ABSENT CREATE OPEN",
        "1 s1 OPEN START RUNNING",
        "2 s1 IDLE ITTL INACTIVE",
        "end 2",
    ]


# ---------------------------------------------------------------- S5


@pytest.mark.parametrize(
    ("first", "sessions", "expected"),
    [
        pytest.param(
            JobSpec(qpu_time_us=10, at_us=20),
            [],
            ["j1 20 20 30 DONE", "j2 33 33 34 DONE", "end 34"],
            id="done",
        ),
        pytest.param(
            JobSpec(qpu_time_us=10, at_us=20, max_execution_time_us=4),
            [],
            ["j1 20 20 24 ERROR RAN_TOO_LONG", "j2 27 27 28 DONE", "end 28"],
            id="failed",
        ),
        pytest.param(
            JobSpec(qpu_time_us=10, at_us=20, cancel_us=26),
            [],
            ["j1 20 20 26 CANCELLED JOB_CANCELLED", "j2 29 29 30 DONE", "end 30"],
            id="cancelled_while_running",
        ),
        pytest.param(
            JobSpec(qpu_time_us=10, at_us=1, cancel_us=6),
            [],
            ["j1 1 - 6 CANCELLED JOB_CANCELLED", "j2 9 20 21 DONE", "end 21"],
            id="cancelled_while_queued",
        ),
        pytest.param(
            JobSpec(qpu_time_us=10, at_us=5, session=0, max_execution_time_us=8),
            [SessionSpec(max_time_us=7)],
            [
                "j1 5 - 5 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
                "j2 8 20 21 DONE",
                "5 s0 ABSENT CREATE OPEN",
                "end 21",
            ],
            id="rejected",
        ),
        pytest.param(
            JobSpec(qpu_time_us=10, at_us=5, session=0),
            [SessionSpec(cancel_us=8)],
            [
                "j1 5 - 8 CANCELLED SESSION_CANCELLED",
                "j2 11 20 21 DONE",
                "5 s0 ABSENT CREATE OPEN",
                "8 s0 OPEN CANCEL CLOSED CANCELLED",
                "end 21",
            ],
            id="its_session_was_cancelled",
        ),
    ],
)
def test_s5_follow_up_is_submitted_think_time_after_its_predecessor_ended_however_it_ended(
    run, first, sessions, expected
):
    jobs = [JobSpec(qpu_time_us=20, at_us=0), first, JobSpec(qpu_time_us=1, after=1, think_us=3)]
    assert run(jobs, sessions) == ["j0 0 0 20 DONE", *expected]


def test_s5_several_follow_ups_and_chains(run):
    jobs = [
        JobSpec(qpu_time_us=4, at_us=0),
        JobSpec(qpu_time_us=3, after=0, think_us=2),
        JobSpec(qpu_time_us=3, after=0, think_us=1),
        JobSpec(qpu_time_us=3, after=2),
    ]
    assert run(jobs) == ["j0 0 0 4 DONE", "j1 6 8 11 DONE", "j2 5 5 8 DONE", "j3 8 11 14 DONE", "end 14"]


def test_s5_follow_up_of_a_job_that_never_ends_is_never_submitted(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=1, after=0),
        JobSpec(qpu_time_us=1, after=1),
    ]
    assert run(jobs, horizon_us=9) == ["j0 0 0 - RUNNING", "j1 - - - -", "j2 - - - -", "end 9"]


JOINED = [
    JobSpec(qpu_time_us=4, at_us=0),
    JobSpec(qpu_time_us=3, at_us=1, cancel_us=9),
    JobSpec(qpu_time_us=2, at_us=12),
]
"""j0 ends at 4, j1 at 7, j2 at 14."""


@pytest.mark.parametrize(
    ("after", "more", "submitted"),
    [
        pytest.param(0, (1,), 10, id="the_last_counts"),
        pytest.param(1, (0,), 10, id="in_any_order"),
        pytest.param(1, (2, 0), 17, id="of_three"),
        pytest.param(2, (2, 0), 17, id="repetition_means_nothing"),
    ],
)
def test_s5_follow_up_of_several_jobs_is_submitted_after_the_last_of_them_ended(run, after, more, submitted):
    jobs = [*JOINED, JobSpec(qpu_time_us=1, after=after, think_us=3)]
    assert run(jobs, more_after={3: more}) == [
        "j0 0 0 4 DONE",
        "j1 1 4 7 DONE",
        "j2 12 12 14 DONE",
        f"j3 {submitted} {submitted} {submitted + 1} DONE",
        f"end {max(14, submitted + 1)}",
    ]


def test_s5_several_that_end_in_one_instant_in_every_way(run):
    """j0 is rejected at 3, j1 cancelled then, j2 finishes then: j3 comes in that instant, since it thinks for 0."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=3, session=0),
        JobSpec(qpu_time_us=1, at_us=1, cancel_us=3),
        JobSpec(qpu_time_us=3, at_us=0),
        JobSpec(qpu_time_us=2, after=2),
    ]
    assert run(jobs, [SessionSpec(close_us=2)], more_after={3: (0, 1)}) == [
        "j0 3 - 3 REJECTED SESSION_CLOSED",
        "j1 1 - 3 CANCELLED JOB_CANCELLED",
        "j2 0 0 3 DONE",
        "j3 3 3 5 DONE",
        "2 s0 ABSENT CREATE OPEN",
        "2 s0 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "end 5",
    ]


def test_s5_follow_up_of_several_of_which_one_never_ends_is_never_submitted(run):
    jobs = [
        JobSpec(qpu_time_us=3, at_us=0),
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=1, after=0),
    ]
    assert run(jobs, horizon_us=9, more_after={2: (1,)}) == [
        "j0 0 0 3 DONE",
        "j1 0 3 - RUNNING",
        "j2 - - - -",
        "end 9",
    ]


# ---------------------------------------------------------------- S7

MIXED_JOBS = [
    JobSpec(
        qpu_time_us=1 + (7 * number) % 5,
        at_us=at_us,
        after=after,
        think_us=number % 3,
        session=number % 4 - 1,
        cancel_us=9 if number % 7 == 3 else -1,
    )
    for number in range(60)
    for at_us, after in [(number // 2, -1) if number % 3 else (-1, number + 1)]
]
MIXED_SESSIONS = [
    SessionSpec(interactive_timeout_us=0, close_us=25),
    SessionSpec(interactive_timeout_us=2, max_time_us=30),
    SessionSpec(interactive_timeout_us=1, cancel_us=33),
]


@pytest.mark.parametrize("at_most", [1, 2, 7])
def test_s7_the_run_does_not_depend_on_the_steps_in_which_it_is_driven(trace, at_most):
    plan = Plan.of(MIXED_JOBS, MIXED_SESSIONS)
    at_once, in_steps, in_instants = Scheduler(plan), Scheduler(plan), Scheduler(plan)
    at_once.advance_while_needed()
    while not in_steps.advance_while_needed(at_most=at_most):
        pass
    while in_instants.is_needed:
        assert in_instants.advance(in_instants.next_event_us())
    assert trace(in_steps) == trace(at_once)
    assert trace(in_instants) == trace(at_once)
    assert in_steps.events_applied == at_once.events_applied == in_instants.events_applied


def test_s7_the_same_plan_gives_the_same_bytes_twice():
    journals = []
    for _ in range(2):
        scheduler = Scheduler(Plan.of(MIXED_JOBS, MIXED_SESSIONS))
        scheduler.advance_while_needed()
        journal = scheduler.journal
        journals.append(
            [
                column.tobytes()
                for column in (
                    journal.submitted_us,
                    journal.started_us,
                    journal.ended_us,
                    journal.stage,
                    journal.reason,
                    journal.transitions,
                )
            ]
        )
    assert journals[0] == journals[1]

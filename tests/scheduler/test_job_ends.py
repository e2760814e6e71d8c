"""How a single job comes to its end: S25, S40, S44."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import JobSpec, Plan, Rules, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


@pytest.mark.parametrize(
    ("cancelled", "expected"),
    [
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=4),
            ["j1 1 - 4 CANCELLED JOB_CANCELLED", "j2 2 10 13 DONE", "end 13"],
            id="queued",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=12),
            ["j1 1 10 12 CANCELLED JOB_CANCELLED", "j2 2 12 15 DONE", "end 15"],
            id="running_leaves_the_qpu_at_that_instant",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=0),
            ["j1 1 10 15 DONE", "j2 2 15 18 DONE", "end 18"],
            id="not_yet_submitted",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=15),
            ["j1 1 10 15 DONE", "j2 2 15 18 DONE", "end 18"],
            id="ended_just_then",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=16),
            ["j1 1 10 15 DONE", "j2 2 15 18 DONE", "end 18"],
            id="ended_before",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=1),
            ["j1 1 - 1 CANCELLED JOB_CANCELLED", "j2 2 10 13 DONE", "end 13"],
            id="submitted_just_then",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_us=10),
            ["j1 1 - 10 CANCELLED JOB_CANCELLED", "j2 2 10 13 DONE", "end 13"],
            id="would_start_just_then",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_after_us=11),
            ["j1 1 10 12 CANCELLED JOB_CANCELLED", "j2 2 12 15 DONE", "end 15"],
            id="cancel_after_counts_from_the_submission",
        ),
        pytest.param(
            JobSpec(qpu_time_us=5, at_us=1, cancel_after_us=0),
            ["j1 1 - 1 CANCELLED JOB_CANCELLED", "j2 2 10 13 DONE", "end 13"],
            id="cancel_after_0",
        ),
    ],
)
def test_s25_cancel_of_a_single_job(run, cancelled, expected):
    jobs = [JobSpec(qpu_time_us=10, at_us=0), cancelled, JobSpec(qpu_time_us=3, at_us=2)]
    assert run(jobs) == ["j0 0 0 10 DONE", *expected]


def test_s25_job_cancel_already_served_does_not_hit_a_job_submitted_later_in_the_instant(run):
    """The cancel of j0 comes first by its number; only then the cancel of j1 causes the submission of j0."""
    jobs = [JobSpec(qpu_time_us=5, after=1, cancel_us=10), JobSpec(qpu_time_us=20, at_us=0, cancel_us=10)]
    assert run(jobs) == ["j0 10 10 15 DONE", "j1 0 0 10 CANCELLED JOB_CANCELLED", "end 15"]


def test_s25_job_cancel_already_served_does_not_hit_a_job_submitted_because_of_max_time(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=3, after=1, cancel_us=10),
    ]
    assert run(jobs, [SessionSpec(max_time_us=10)]) == [
        "j0 0 0 10 DONE",
        "j1 1 - 10 ERROR MAX_TIME",
        "j2 10 10 13 DONE",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 13",
    ]


def test_s25_job_cancel_still_to_be_served_hits_a_job_submitted_in_the_same_instant(run):
    """As above with the numbers exchanged: the submission caused by the cancel of j0 precedes the cancel of j1."""
    jobs = [JobSpec(qpu_time_us=20, at_us=0, cancel_us=10), JobSpec(qpu_time_us=5, after=0, cancel_us=10)]
    assert run(jobs) == [
        "j0 0 0 10 CANCELLED JOB_CANCELLED",
        "j1 10 - 10 CANCELLED JOB_CANCELLED",
        "end 10",
    ]


def test_s25_session_whose_first_job_was_cancelled_before_it_started_stays_open(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0, cancel_us=3),
        JobSpec(qpu_time_us=5, at_us=12, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0, max_time_us=20)]) == [
        "j0 0 0 10 DONE",
        "j1 1 - 3 CANCELLED JOB_CANCELLED",
        "j2 12 12 17 DONE",
        "1 s0 ABSENT CREATE OPEN",
        "12 s0 OPEN START RUNNING",
        "17 s0 IDLE ITTL INACTIVE",
        "end 17",
    ]


def test_s25_cancel_of_the_running_job_of_a_session_leaves_it_idle_or_starts_its_next(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0, cancel_us=4),
        JobSpec(qpu_time_us=10, at_us=1, session=0, cancel_us=6),
        JobSpec(qpu_time_us=2, at_us=2),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3)]) == [
        "j0 0 0 4 CANCELLED JOB_CANCELLED",
        "j1 1 4 6 CANCELLED JOB_CANCELLED",
        "j2 2 9 11 DONE",
        *CREATED_AND_STARTED_AT_0,
        "9 s0 IDLE ITTL INACTIVE",
        "end 11",
    ]


def test_s25_job_that_runs_on_after_its_session_was_cancelled_can_still_be_cancelled(run):
    jobs = [JobSpec(qpu_time_us=10, at_us=0, session=0, cancel_us=4), JobSpec(qpu_time_us=2, at_us=2)]
    assert run(jobs, [SessionSpec(cancel_us=4)]) == [
        "j0 0 0 4 CANCELLED JOB_CANCELLED",
        "j1 2 4 6 DONE",
        *CREATED_AND_STARTED_AT_0,
        "4 s0 RUNNING CANCEL CLOSED CANCELLED",
        "end 6",
    ]


def test_s40_without_preparation_a_job_is_ready_when_submitted_and_running_from_its_start_on_the_qpu(trace):
    scheduler = Scheduler(Plan.of([JobSpec(qpu_time_us=4, at_us=1), JobSpec(qpu_time_us=4, at_us=2)]))
    seen = []
    for time_us in [1, 2, 5, 9]:
        assert scheduler.advance(time_us)
        seen.append(trace(scheduler))
    assert seen == [
        ["j0 1 1 - RUNNING", "j1 - - - -", "end 1"],
        ["j0 1 1 - RUNNING", "j1 2 - - QUEUED", "end 2"],
        ["j0 1 1 5 DONE", "j1 2 5 - RUNNING", "end 5"],
        ["j0 1 1 5 DONE", "j1 2 5 9 DONE", "end 9"],
    ]


@pytest.mark.parametrize(
    ("own_us", "profile_us", "ended"),
    [
        (NEVER, NEVER, "10 DONE"),
        (10, NEVER, "10 DONE"),
        (9, NEVER, "9 ERROR RAN_TOO_LONG"),
        (1, NEVER, "1 ERROR RAN_TOO_LONG"),
        (NEVER, 10, "10 DONE"),
        (NEVER, 9, "9 ERROR RAN_TOO_LONG"),
        (12, 9, "9 ERROR RAN_TOO_LONG"),
        (7, 9, "7 ERROR RAN_TOO_LONG"),
        (12, 11, "10 DONE"),
    ],
)
def test_s44_job_is_cut_at_its_max_execution_time_or_the_profiles_whichever_is_smaller(
    run, own_us, profile_us, ended
):
    jobs = [JobSpec(qpu_time_us=10, at_us=3, max_execution_time_us=own_us)]
    end = 3 + int(ended.split()[0])
    outcome = ended.split(maxsplit=1)[1]
    assert run(jobs, rules=Rules(max_execution_time_us=profile_us)) == [
        f"j0 3 3 {end} {outcome}",
        f"end {end}",
    ]


def test_s44_job_without_a_limit_is_not_cut_by_the_profiles_either(run):
    """As one of a trace; j1 gives no limit, which is that of the profile."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=3, max_execution_time_us=NO_LIMIT),
        JobSpec(qpu_time_us=10, at_us=3, max_execution_time_us=NEVER),
    ]
    assert run(jobs, rules=Rules(max_execution_time_us=4)) == [
        "j0 3 3 13 DONE",
        "j1 3 13 17 ERROR RAN_TOO_LONG",
        "end 17",
    ]


def test_s44_qpu_goes_on_in_the_instant_of_the_cut(run):
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0, max_execution_time_us=4),
        JobSpec(qpu_time_us=2, at_us=1, session=0),
        JobSpec(qpu_time_us=2, at_us=1),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=1)]) == [
        "j0 0 0 4 ERROR RAN_TOO_LONG",
        "j1 1 4 6 DONE",
        "j2 1 7 9 DONE",
        *CREATED_AND_STARTED_AT_0,
        "7 s0 IDLE ITTL INACTIVE",
        "end 9",
    ]

"""S27: a job that has not started within its patience leaves."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import ClientSpec, JobSpec, QpuSpec, Rules, SessionSpec, WindowSpec
from qsession_sim.scheduler.vocabulary import OnError, WindowKind

FIRST = JobSpec(qpu_time_us=10, at_us=0)
"""On the QPU from 0 to 10."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"patience_us": 4}, "j1 1 - 5 CANCELLED RENEGED", id="leaves"),
        pytest.param({"patience_us": 9}, "j1 1 - 10 CANCELLED RENEGED", id="would_start_just_then"),
        pytest.param({"patience_us": 10}, "j1 1 10 15 DONE", id="has_started_just_before_and_stays"),
        pytest.param(
            {"patience_us": 4, "cancel_us": 5}, "j1 1 - 5 CANCELLED JOB_CANCELLED", id="cancel_goes_first"
        ),
        pytest.param(
            {"patience_us": 4, "cancel_after_us": 4},
            "j1 1 - 5 CANCELLED JOB_CANCELLED",
            id="cancel_after_goes_first",
        ),
        pytest.param(
            {"patience_us": 4, "cancel_us": 4}, "j1 1 - 4 CANCELLED JOB_CANCELLED", id="cancel_comes_before"
        ),
        pytest.param(
            {"patience_us": 4, "cancel_us": 6}, "j1 1 - 5 CANCELLED RENEGED", id="cancel_comes_too_late"
        ),
        pytest.param(
            {"patience_us": 11, "cancel_us": 12}, "j1 1 10 12 CANCELLED JOB_CANCELLED", id="cancel_on_the_qpu"
        ),
    ],
)
def test_s27_a_job_leaves_when_its_patience_is_over(run, given, expected):
    jobs = [FIRST, JobSpec(qpu_time_us=5, at_us=1, **given)]
    assert run(jobs)[:2] == ["j0 0 0 10 DONE", expected]


def test_s27_it_counts_from_the_submission_that_the_end_of_another_job_causes(run):
    """S5: j1 reneges at 5, its follow-up comes at 7 and reneges at 9."""
    jobs = [
        FIRST,
        JobSpec(qpu_time_us=5, at_us=1, patience_us=4),
        JobSpec(qpu_time_us=5, after=1, think_us=2, patience_us=2),
    ]
    assert run(jobs)[1:3] == ["j1 1 - 5 CANCELLED RENEGED", "j2 7 - 9 CANCELLED RENEGED"]


def test_s27_between_jobs_of_one_instant_the_number_decides(run):
    """S3, S25: at 5 the cancel of j1 is served before j2 leaves, so j1, which follows j2, escapes it."""
    jobs = [
        FIRST,
        JobSpec(qpu_time_us=1, after=2, cancel_us=5),
        JobSpec(qpu_time_us=1, at_us=1, patience_us=4),
    ]
    assert run(jobs)[1:3] == ["j1 5 10 11 DONE", "j2 1 - 5 CANCELLED RENEGED"]
    jobs = [
        FIRST,
        JobSpec(qpu_time_us=1, at_us=1, patience_us=4),
        JobSpec(qpu_time_us=1, after=1, cancel_us=5),
    ]
    assert run(jobs)[1:3] == ["j1 1 - 5 CANCELLED RENEGED", "j2 5 - 5 CANCELLED JOB_CANCELLED"]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        pytest.param({"cancel_us": 6}, "SESSION_CANCELLED", id="sessions_come_before_jobs"),
        pytest.param({"max_time_us": 6}, "RENEGED", id="max_time_comes_later"),
    ],
)
def test_s27_when_its_session_ends_in_that_instant(run, ends, reason):
    """S3: j0 of the session runs from 0 to 10, j1 waits from 2 with a patience of 4."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=2, session=0, patience_us=4),
    ]
    assert run(jobs, [SessionSpec(**ends)])[1] == f"j1 2 - 6 CANCELLED {reason}"


def test_s27_the_ittl_clock_starts_when_the_last_queued_job_leaves(run):
    """S13, S53: in a maintenance from 3 to 20 j1 leaves at 8, and after an ITTL of 4 the session is inactive."""
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=4, session=0, patience_us=4),
    ]
    sessions = [SessionSpec(interactive_timeout_us=4)]
    assert run(jobs, sessions, windows=[WindowSpec(WindowKind.MAINTENANCE, 3, 17)]) == [
        "j0 0 0 5 DONE",
        "j1 4 - 8 CANCELLED RENEGED",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "12 s0 IDLE ITTL INACTIVE",
        "@0 MAINTENANCE 3-20",
        "end 12",
    ]


def test_s27_a_closing_session_is_closed_when_its_last_job_leaves(run):
    """S17."""
    jobs = [FIRST, JobSpec(qpu_time_us=5, at_us=1, session=0, patience_us=3)]
    assert run(jobs, [SessionSpec(close_us=2)])[1:-1] == [
        "j1 1 - 4 CANCELLED RENEGED",
        "1 s0 ABSENT CREATE OPEN",
        "2 s0 OPEN CLOSE OPEN_CLOSING",
        "4 s0 OPEN_CLOSING END_LAST CLOSED CLOSED",
    ]


def test_s27_a_session_whose_first_job_left_stays_open(run):
    """S25: the next job starts it; its unused clock has ended with the first submission (S21)."""
    jobs = [
        FIRST,
        JobSpec(qpu_time_us=5, at_us=1, session=0, patience_us=3),
        JobSpec(qpu_time_us=5, at_us=9, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], rules=Rules(unused_timeout_us=2))[1:-1] == [
        "j1 1 - 4 CANCELLED RENEGED",
        "j2 9 10 15 DONE",
        "1 s0 ABSENT CREATE OPEN",
        "10 s0 OPEN START RUNNING",
        "15 s0 IDLE ITTL INACTIVE",
    ]


def test_s27_a_job_that_prepares_leaves_and_its_lane_is_free(run):
    """S42: with one lane j1 begins to prepare when j0 leaves."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=9, patience_us=3),
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=2),
    ]
    assert run(jobs, qpus=(QpuSpec(lanes=1),)) == [
        "j0 0 - 3 CANCELLED RENEGED p0--",
        "j1 0 5 6 DONE p3-5",
        "end 6",
    ]


def test_s27_a_job_that_waits_for_a_lane_and_one_that_is_ready_leave(run):
    """j0 is prepared to 2 and on the QPU to 12. j1 is ready at 4 and leaves at 6; j2 waits for the lane to 3."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=2, patience_us=6),
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=2, patience_us=3),
    ]
    assert run(jobs, qpus=(QpuSpec(lanes=1),)) == [
        "j0 0 2 12 DONE p0-2",
        "j1 0 - 6 CANCELLED RENEGED p2-4",
        "j2 0 - 3 CANCELLED RENEGED p---",
        "end 12",
    ]


def test_s27_a_job_that_an_outage_threw_off_has_started(run):
    """S52: thrown off at 2 it waits to 12, although its patience was over at 5."""
    windows = [WindowSpec(WindowKind.OUTAGE, 2, 10)]
    job = JobSpec(qpu_time_us=3, at_us=0, patience_us=5)
    assert run([job], windows=windows, rules=Rules(requeues_after_outage=True)) == [
        "j0 0 12 15 DONE",
        "lost j0 @0 0-2",
        "@0 OUTAGE 2-12",
        "end 15",
    ]


def test_s27_the_clock_prolongs_no_run(run):
    """S6: that of j0 would end at 100."""
    assert run([JobSpec(qpu_time_us=3, at_us=0, patience_us=100)]) == ["j0 0 0 3 DONE", "end 3"]


def test_s27_at_the_horizon_nobody_leaves(run):
    """S6."""
    jobs = [FIRST, JobSpec(qpu_time_us=5, at_us=1, patience_us=4)]
    assert run(jobs, horizon_us=5) == ["j0 0 0 - RUNNING", "j1 1 - - QUEUED", "end 5"]


def test_s27_every_further_attempt_has_the_same_patience_anew(run):
    """S65: the attempts of 1, 4 and 7 leave after 3; at 10, where that of 7 leaves, a fourth one starts."""
    jobs = [FIRST, JobSpec(qpu_time_us=5, at_us=1, client=0, patience_us=3)]
    assert run(jobs, [], [ClientSpec(first_job=1, jobs=1, on_error=OnError.RETRY)]) == [
        "j0 0 0 10 DONE",
        "j1 1 - 4 CANCELLED RENEGED",
        "j2 4 - 7 CANCELLED RENEGED",
        "j3 7 - 10 CANCELLED RENEGED",
        "j4 10 10 15 DONE",
        "end 15",
    ]


def test_s27_on_several_qpus_it_leaves_the_queue_of_its_own(run):
    """S54: j2 leaves QPU 0 at 2, so that at 3 both have nobody queued, and j3 goes to the first."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, qpu=0),
        JobSpec(qpu_time_us=12, at_us=0, qpu=1),
        JobSpec(qpu_time_us=1, at_us=1, qpu=0, patience_us=1),
        JobSpec(qpu_time_us=1, at_us=3),
    ]
    assert run(jobs, qpus=(QpuSpec(), QpuSpec()))[2:4] == [
        "j2 1 - 2 CANCELLED RENEGED @0",
        "j3 3 10 11 DONE @0",
    ]

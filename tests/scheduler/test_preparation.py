"""Preparation in lanes, post-processing, and the two readings of the ITTL condition: S40 to S43.

Job by job: S40 phases, S41 what they count for, S42 lanes, S43 the ITTL condition.
"""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import SHARED, JobSpec, QpuSpec, Rules, SessionSpec, WindowSpec
from qsession_sim.scheduler.vocabulary import NEVER, PUBLIC_STATUS, JobStage, JobStatus, Mode, WindowKind

ONE_LANE = (QpuSpec(lanes=1),)
TWO_LANES = (QpuSpec(lanes=2),)
READY = Rules(ittl_asks_for_ready=True)


def most_urgent_first(job):
    return (-job.priority,)


def test_s40_job_goes_through_all_its_phases(run):
    """Prepared from 2 to 5, on the QPU until 9, post-processed until 16."""
    job = JobSpec(qpu_time_us=4, at_us=2, preparation_us=3, post_processing_us=7)
    assert run([job]) == ["j0 2 5 16 DONE p2-5 left 9", "end 16"]


def test_s41_job_is_running_from_the_start_of_its_preparation(run):
    assert run([JobSpec(qpu_time_us=4, at_us=0, preparation_us=6)], horizon_us=5) == [
        "j0 0 - - PREPARING p0--",
        "end 5",
    ]


def test_s41_s52_users_see_six_statuses():
    """A job is RUNNING from the start of its preparation to the end of its post-processing."""
    submitted = [stage for stage in JobStage if stage != JobStage.PLANNED]
    assert {stage.name: PUBLIC_STATUS[stage].name for stage in submitted} == {
        **{status.name: status.name for status in JobStatus},
        "PREPARING": "RUNNING",
        "READY": "RUNNING",
        "POST_PROCESSING": "RUNNING",
        "REQUEUED": "QUEUED",
        "UNPREPARED": "QUEUED",
    }
    assert len(PUBLIC_STATUS) == len(submitted)


def test_s41_job_on_the_qpu_leaves_it_to_others_while_it_is_post_processed(run):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, post_processing_us=10),
        JobSpec(qpu_time_us=3, at_us=0),
        JobSpec(qpu_time_us=1, after=0, think_us=1),
    ]
    assert run(jobs) == [
        "j0 0 0 12 DONE left 2",
        "j1 0 2 5 DONE left 5",
        "j2 13 13 14 DONE left 14",
        "end 14",
    ]


def test_s44_cut_job_is_not_post_processed(run):
    job = JobSpec(qpu_time_us=9, at_us=0, max_execution_time_us=4, post_processing_us=5)
    assert run([job]) == ["j0 0 0 4 ERROR RAN_TOO_LONG left 4", "end 4"]


def test_s25_cancel_stops_a_preparation_and_leaves_post_processing_alone(run):
    """j0 is cancelled while it prepares, j1 gets its lane then; j2 completes although it is cancelled."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=9, cancel_us=3),
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=1, post_processing_us=5, cancel_us=4),
    ]
    assert run(jobs, qpus=ONE_LANE) == [
        "j0 0 - 3 CANCELLED JOB_CANCELLED p0-- left -",
        "j1 0 5 6 DONE p3-5 left 6",
        "j2 1 1 7 DONE p--1 left 2",
        "end 7",
    ]


def test_s42_at_most_as_many_jobs_as_there_are_lanes_are_preparing_or_ready_ahead(run):
    """At 4 j0 starts, so only j1 is ready ahead, and j2 gets a lane; at 5 j1 starts, and j3 gets one."""
    jobs = [JobSpec(qpu_time_us=1, at_us=0, preparation_us=4) for _ in range(4)]
    assert run(jobs, qpus=TWO_LANES) == [
        "j0 0 4 5 DONE p0-4",
        "j1 0 5 6 DONE p0-4",
        "j2 0 8 9 DONE p4-8",
        "j3 0 9 10 DONE p5-9",
        "end 10",
    ]


def test_s42_lanes_are_given_in_the_order_of_the_queue_policy(run):
    """j2 is more urgent than j1, so it gets the lane that j0 leaves at 3."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, preparation_us=3),
        JobSpec(qpu_time_us=2, at_us=1, preparation_us=3),
        JobSpec(qpu_time_us=2, at_us=2, preparation_us=3, priority=1),
    ]
    assert run(jobs, qpus=ONE_LANE, queue_key=most_urgent_first) == [
        "j0 0 3 5 DONE p0-3",
        "j1 1 9 11 DONE p6-9",
        "j2 2 6 8 DONE p3-6",
        "end 11",
    ]


def test_s42_s74_job_that_needs_no_preparation_runs_while_others_prepare(run):
    jobs = [JobSpec(qpu_time_us=2, at_us=0, preparation_us=5), JobSpec(qpu_time_us=3, at_us=1)]
    assert run(jobs) == ["j0 0 5 7 DONE p0-5", "j1 1 1 4 DONE p--1", "end 7"]


def test_s42_holder_gets_lanes_first_and_job_mode_jobs_prepare_ahead_in_the_rest(run):
    """s0 is active from 0. At 1 its j1 takes the first lane and the job-mode j3 the other one; j2 of the open
    s1 must wait for a lane until s0 lets go of the QPU at 8, which is 4 after j1 left it."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=1, session=1, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=1, preparation_us=2),
    ]
    sessions = [SessionSpec(interactive_timeout_us=4), SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, qpus=TWO_LANES) == [
        "j0 0 0 1 DONE p--0",
        "j1 1 3 4 DONE p1-3",
        "j2 1 10 11 DONE p8-10",
        "j3 1 8 9 DONE p1-3",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "1 s1 ABSENT CREATE OPEN",
        "8 s0 IDLE ITTL INACTIVE",
        "10 s1 OPEN START RUNNING",
        "11 s1 IDLE ITTL INACTIVE",
        "end 11",
    ]


@pytest.mark.parametrize("sessions_of_jobs", [(NEVER, NEVER), (NEVER, 0), (0, NEVER)])
def test_s42_what_is_ready_ahead_counts_until_it_starts(run, sessions_of_jobs):
    """The only lane is free from 3 on, but j1 is ready ahead until it starts at 10. Neither the job mode of j0
    nor its session, which lets go of the QPU at 10, makes a difference, and no open session of j1."""
    of_0, of_1 = sessions_of_jobs
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=of_0),
        JobSpec(qpu_time_us=1, at_us=1, session=of_1, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=2, preparation_us=2),
    ]
    sessions = [SessionSpec(interactive_timeout_us=0)] if 0 in sessions_of_jobs else []
    assert run(jobs, sessions, qpus=ONE_LANE)[:3] == [
        "j0 0 0 10 DONE p--0",
        "j1 1 10 11 DONE p1-3",
        "j2 2 12 13 DONE p10-12",
    ]


def test_s42_job_of_a_session_that_has_let_go_of_the_qpu_counts_again(run):
    """s0 waits from 1 to 3 only. So j1, ready at 6, is ahead of its turn until j2 leaves at 13, and keeps j3
    from the lane. From 13 on s0 holds the QPU again, and waits from 14 to 16."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=5),
        JobSpec(qpu_time_us=10, at_us=2),
        JobSpec(qpu_time_us=1, at_us=4, preparation_us=2),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=2)], rules=READY, qpus=ONE_LANE)[:4] == [
        "j0 0 0 1 DONE p--0",
        "j1 1 13 14 DONE p1-6",
        "j2 2 3 13 DONE p--2",
        "j3 4 16 17 DONE p13-15",
    ]


def test_s42_jobs_of_a_session_leave_no_count_behind(run):
    """At 5 nobody holds the QPU, and no job is ahead of its turn: both lanes are free."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=1),
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=1),
        JobSpec(qpu_time_us=1, at_us=5, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=5, preparation_us=2),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], qpus=TWO_LANES)[:4] == [
        "j0 0 1 2 DONE p0-1",
        "j1 0 2 3 DONE p0-1",
        "j2 5 7 8 DONE p5-7",
        "j3 5 8 9 DONE p5-7",
    ]


def test_s42_among_ready_jobs_of_a_session_the_earliest_submitted_goes_first(run):
    """At 6 both wait: j2 became ready at 3, j1 at 5, but j1 was submitted first."""
    jobs = [
        JobSpec(qpu_time_us=6, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=4),
        JobSpec(qpu_time_us=1, at_us=2, session=0, preparation_us=1),
    ]
    assert run(jobs, [SessionSpec(close_us=3)])[:3] == [
        "j0 0 0 6 DONE p--0",
        "j1 1 6 7 DONE p1-5",
        "j2 2 7 8 DONE p2-3",
    ]


def test_s33_among_ready_jobs_of_a_batch_the_first_that_became_ready_goes_first(run):
    jobs = [
        JobSpec(qpu_time_us=6, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=4),
        JobSpec(qpu_time_us=1, at_us=2, session=0, preparation_us=1),
    ]
    assert run(jobs, [SessionSpec(mode=Mode.BATCH, close_us=3)])[:3] == [
        "j0 0 0 6 DONE p--0",
        "j1 1 7 8 DONE p1-5",
        "j2 2 6 7 DONE p2-3",
    ]


def test_s32_job_mode_jobs_run_while_the_batch_has_no_ready_job(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=5),
        JobSpec(qpu_time_us=2, at_us=0),
    ]
    assert run(jobs, [SessionSpec(mode=Mode.BATCH, close_us=0)])[:3] == [
        "j0 0 0 1 DONE p--0",
        "j1 0 5 6 DONE p0-5",
        "j2 0 1 3 DONE p--0",
    ]


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        # the ITTL counts only from 9, when j1 left the QPU
        (Rules(), ["12 s0 IDLE ITTL INACTIVE", "end 12"]),
        # it counts from 1, when j0 left the QPU: j1 is preparing until 8
        (
            READY,
            ["4 s0 IDLE ITTL INACTIVE", "8 s0 INACTIVE START RUNNING", "12 s0 IDLE ITTL INACTIVE", "end 12"],
        ),
    ],
    ids=["queued", "ready"],
)
def test_s43_job_that_is_preparing_stops_the_ittl_clock_unless_it_asks_for_ready_jobs(run, rules, lines):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=7),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3)], rules=rules) == [
        "j0 0 0 1 DONE p--0",
        "j1 1 8 9 DONE p1-8",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        *lines,
    ]


def test_s43_job_that_is_ready_in_time_stops_the_clock(run):
    """The clock runs from 1; j1 is ready at 4, in the instant in which it would end."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=2, session=0, preparation_us=2),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3)], rules=READY) == [
        "j0 0 0 1 DONE p--0",
        "j1 2 4 5 DONE p2-4",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "8 s0 IDLE ITTL INACTIVE",
        "end 8",
    ]


@pytest.mark.parametrize("rules", [Rules(), READY], ids=["queued", "ready"])
def test_s43_what_the_clock_asks_for_says_nothing_about_job_mode(run, rules):
    """The clock of s0 runs from 1 to 4; j1 has no session, and prepares until 6."""
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0), JobSpec(qpu_time_us=2, at_us=1, preparation_us=5)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3)], rules=rules) == [
        "j0 0 0 1 DONE p--0",
        "j1 1 6 8 DONE p1-6",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "4 s0 IDLE ITTL INACTIVE",
        "end 8",
    ]


def test_s43_cancel_of_a_job_that_is_not_ready_does_not_start_the_clock_of_a_session_whose_job_runs(run):
    """j1 has the only lane from 1 on and j2 waits for it. The clock runs from 10, when j0 leaves the QPU."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=20, cancel_us=5),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=20, cancel_us=4),
    ]
    sessions, rules = [SessionSpec(interactive_timeout_us=3)], Rules(ittl_asks_for_ready=True)
    assert run(jobs, sessions, rules=rules, qpus=(QpuSpec(lanes=1),)) == [
        "j0 0 0 10 DONE p--0",
        "j1 1 - 5 CANCELLED JOB_CANCELLED p1--",
        "j2 1 - 4 CANCELLED JOB_CANCELLED p---",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "13 s0 IDLE ITTL INACTIVE",
        "end 13",
    ]


def test_s43_what_was_not_ready_at_the_deactivation_stands_in_the_normal_queue(run):
    """s0 lets go at 3. Its j1, submitted at 2, is ready at 6 and goes before j3 of 4, but after j2 of 1."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=2, session=0, preparation_us=4),
        JobSpec(qpu_time_us=5, at_us=1),
        JobSpec(qpu_time_us=5, at_us=4),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=2)], rules=READY) == [
        "j0 0 0 1 DONE p--0",
        "j1 2 8 9 DONE p2-6",
        "j2 1 3 8 DONE p--1",
        "j3 4 11 16 DONE p--4",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "3 s0 IDLE ITTL INACTIVE",
        "8 s0 INACTIVE START RUNNING",
        "11 s0 IDLE ITTL INACTIVE",
        "end 16",
    ]


def test_s43_job_that_waits_for_a_lane_at_the_deactivation_gets_one_in_its_turn(run):
    """With one lane j2 waits for it while j1 prepares; s0 lets go at 3, and takes the QPU again at 5."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=4),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=4),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=2)], rules=READY, qpus=ONE_LANE) == [
        "j0 0 0 1 DONE p--0",
        "j1 1 5 6 DONE p1-5",
        "j2 1 9 10 DONE p5-9",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "3 s0 IDLE ITTL INACTIVE",
        "5 s0 INACTIVE START RUNNING",
        "8 s0 IDLE ITTL INACTIVE",
        "9 s0 INACTIVE START RUNNING",
        "12 s0 IDLE ITTL INACTIVE",
        "end 12",
    ]


def test_s42_s52_job_that_a_session_prepared_before_it_lost_the_qpu_takes_no_second_lane(run):
    """s0 loses the QPU at 10. From 12 on j1, ready since 2, waits in the normal queue for the maintenance to end."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=2),
    ]
    windows = [
        WindowSpec(WindowKind.RESERVATION, 5, 7, account=1),
        WindowSpec(WindowKind.MAINTENANCE, 8, 22),
    ]
    lines = run(jobs, [SessionSpec()], windows=windows, accounts=("a", "b"), horizon_us=40)
    assert lines[:2] == ["j0 0 0 10 DONE p--0", "j1 0 30 31 DONE p0-2"]


def test_s17_close_releases_the_qpu_and_ends_with_the_post_processing(run):
    """j0 leaves at 1, so the clock would end at 4; the close at 2 stops it and lets j1 in; j0 ends at 9."""
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0, post_processing_us=8), JobSpec(qpu_time_us=1, at_us=1)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3, close_us=2)]) == [
        "j0 0 0 9 DONE left 1",
        "j1 1 2 3 DONE left 3",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "2 s0 IDLE CLOSE CLOSING",
        "2 s0 CLOSING RELEASE INACTIVE_CLOSING",
        "9 s0 INACTIVE_CLOSING END_LAST CLOSED CLOSED",
        "end 9",
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=3)]) == [
        "j0 0 0 9 DONE left 1",
        "j1 1 4 5 DONE left 5",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "4 s0 IDLE ITTL INACTIVE",
        "end 9",
    ]


CLOSE_FINDS_ONLY_POST_PROCESSING = ["1 s0 IDLE CLOSE CLOSING", "1 s0 CLOSING RELEASE INACTIVE_CLOSING"]


@pytest.mark.parametrize("rules", [Rules(), READY], ids=["queued", "ready"])
@pytest.mark.parametrize(
    ("close_us", "changes"),
    [
        (
            0,
            [
                "0 s0 OPEN CLOSE OPEN_CLOSING",
                "0 s0 OPEN_CLOSING START CLOSING",
                "1 s0 CLOSING RELEASE INACTIVE_CLOSING",
            ],
        ),
        (1, ["0 s0 OPEN START RUNNING", *CLOSE_FINDS_ONLY_POST_PROCESSING]),
    ],
)
def test_s17_session_that_waits_for_post_processing_only_is_released_at_once(run, rules, close_us, changes):
    """j0 leaves at 1, so j1 need not wait for its end at 101, nor for the ITTL at 3."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0, post_processing_us=100),
        JobSpec(qpu_time_us=5, at_us=0),
    ]
    session = SessionSpec(interactive_timeout_us=2, close_us=close_us)
    assert run(jobs, [session], rules=rules) == [
        "j0 0 0 101 DONE left 1",
        "j1 0 1 6 DONE left 6",
        "0 s0 ABSENT CREATE OPEN",
        *changes,
        "101 s0 INACTIVE_CLOSING END_LAST CLOSED CLOSED",
        "end 101",
    ]


@pytest.mark.parametrize(
    ("session", "end"),
    [
        (SessionSpec(close_us=1, max_time_us=20), "20 s0 INACTIVE_CLOSING MAX_TIME CLOSED MAX_TIME"),
        (SessionSpec(close_us=1, cancel_us=20), "20 s0 INACTIVE_CLOSING CANCEL CLOSED CANCELLED"),
        (
            SessionSpec(Mode.BATCH, close_us=1, cancel_us=20),
            "20 s0 INACTIVE_CLOSING CANCEL CLOSED CANCELLED",
        ),
    ],
)
def test_s17_what_is_released_may_still_end_before_the_post_processing(run, session, end):
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0, post_processing_us=100)]
    assert run(jobs, [session]) == [
        "j0 0 0 101 DONE left 1",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        *CLOSE_FINDS_ONLY_POST_PROCESSING,
        end,
        "end 101",
    ]


@pytest.mark.parametrize("rules", [Rules(), READY], ids=["queued", "ready"])
def test_s17_closing_session_holds_the_qpu_for_a_job_that_prepares_until_that_is_cancelled(run, rules):
    """j0 leaves at 1; j1, which would be ready at 50, is cancelled at 10, so that j2 need not wait for it."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0, post_processing_us=100),
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=50, cancel_us=10),
        JobSpec(qpu_time_us=5, at_us=0),
    ]
    lines = run(jobs, [SessionSpec(interactive_timeout_us=60, close_us=2)], rules=rules)
    assert lines[2:] == [
        "j2 0 10 15 DONE p--0 left 15",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        f"2 s0 {'IDLE' if rules is READY else 'RUNNING'} CLOSE CLOSING",
        "10 s0 CLOSING RELEASE INACTIVE_CLOSING",
        "101 s0 INACTIVE_CLOSING END_LAST CLOSED CLOSED",
        "end 101",
    ]


def test_s17_release_goes_before_reserve(run):
    """The QPU is reserved for account 1 from 3 on; j0 leaves at 5, and its session is released, not sent away."""
    jobs = [JobSpec(qpu_time_us=5, at_us=0, session=0, post_processing_us=4)]
    reservation = WindowSpec(WindowKind.RESERVATION, start_us=3, duration_us=4, account=1)
    assert run(jobs, [SessionSpec(close_us=2)], windows=(reservation,)) == [
        "j0 0 0 9 DONE left 5",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "2 s0 RUNNING CLOSE CLOSING",
        "5 s0 CLOSING RELEASE INACTIVE_CLOSING",
        "9 s0 INACTIVE_CLOSING END_LAST CLOSED CLOSED",
        "@0 RESERVATION 3-7",
        "end 9",
    ]


def test_s18_cancel_ends_preparations_and_lets_post_processing_complete(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0, post_processing_us=8),
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=6),
        JobSpec(qpu_time_us=1, at_us=2, session=0, preparation_us=6),
        JobSpec(qpu_time_us=1, at_us=3, preparation_us=1),
    ]
    assert run(jobs, [SessionSpec(cancel_us=3)], qpus=ONE_LANE) == [
        "j0 0 0 9 DONE p--0 left 1",
        "j1 0 - 3 CANCELLED SESSION_CANCELLED p0-- left -",
        "j2 2 - 3 CANCELLED SESSION_CANCELLED p--- left -",
        "j3 3 4 5 DONE p3-4 left 5",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "3 s0 RUNNING CANCEL CLOSED CANCELLED",
        "end 9",
    ]


def test_s42_job_of_an_open_session_that_is_ready_waits_while_another_session_holds(run):
    """j1 of s1 is ready at 2; s0 holds the QPU from 1 to 7. The job-mode j2 may run under `shared`."""
    jobs = [
        JobSpec(qpu_time_us=3, at_us=1, session=0),
        JobSpec(qpu_time_us=1, at_us=0, session=1, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=5),
    ]
    sessions = [SessionSpec(interactive_timeout_us=3), SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=Rules(hold=SHARED))[:3] == [
        "j0 1 1 4 DONE p--1",
        "j1 0 7 8 DONE p0-2",
        "j2 5 5 6 DONE p--5",
    ]


def test_s40_job_that_needs_no_preparation_is_ready_when_it_is_submitted(run):
    """j2 is rejected, so it never is; j1 waits for a lane that j0 has until 9."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=9),
        JobSpec(qpu_time_us=1, at_us=1, preparation_us=9),
        JobSpec(qpu_time_us=1, at_us=2, session=0),
        JobSpec(qpu_time_us=5, at_us=4),
        JobSpec(qpu_time_us=5, at_us=5),
    ]
    assert run(jobs, [SessionSpec(cancel_us=0)], qpus=ONE_LANE, horizon_us=6) == [
        "j0 0 - - PREPARING p0--",
        "j1 1 - - UNPREPARED p---",
        "j2 2 - 2 REJECTED SESSION_CLOSED p---",
        "j3 4 4 - RUNNING p--4",
        "j4 5 - - QUEUED p--5",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN CANCEL CLOSED CANCELLED",
        "end 6",
    ]


def test_s42_s52_lanes_do_not_go_to_a_session_that_a_reservation_is_about_to_send_away(run):
    """s0 of account 0 loses the QPU at 6, when j0 leaves; until then the lane is for j2 of account 1."""
    jobs = [
        JobSpec(qpu_time_us=6, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0, preparation_us=2),
        JobSpec(qpu_time_us=1, at_us=4, account=1, preparation_us=3),
    ]
    reservation = WindowSpec(WindowKind.RESERVATION, start_us=2, duration_us=8, account=1)
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], qpus=ONE_LANE, windows=(reservation,)) == [
        "j0 0 0 6 DONE p--0",
        "j1 3 12 13 DONE p10-12",
        "j2 4 7 8 DONE p4-7",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "6 s0 RUNNING RESERVE INACTIVE RESERVATION",
        "12 s0 INACTIVE START RUNNING",
        "13 s0 IDLE ITTL INACTIVE",
        "@0 RESERVATION 2-10",
        "end 13",
    ]

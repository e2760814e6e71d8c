"""Windows of availability: S52, and S53 for the clocks of sessions in them."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import SHARED, JobSpec, QpuSpec, Rules, SessionSpec, WindowSpec
from qsession_sim.scheduler.vocabulary import Mode, WindowKind

MAINTENANCE, CALIBRATION, OUTAGE, RESERVATION = WindowKind
REQUEUE = Rules(requeues_after_outage=True)
BEFORE = Rules(calibrates_before_sessions=True)
STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


def test_s52_no_job_starts_in_a_maintenance_and_the_running_one_finishes(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=1, at_us=1), JobSpec(qpu_time_us=1, at_us=7)]
    assert run(jobs, windows=[WindowSpec(MAINTENANCE, 3, 6)]) == [
        "j0 0 0 5 DONE",
        "j1 1 9 10 DONE",
        "j2 7 10 11 DONE",
        "@0 MAINTENANCE 3-9",
        "end 11",
    ]


def test_s3_window_begins_before_the_qpu_looks_for_work_and_ends_before_it(run):
    """A job submitted in the first instant of a maintenance waits; at its end jobs start again."""
    jobs = [JobSpec(qpu_time_us=1, at_us=3)]
    assert run(jobs, windows=[WindowSpec(MAINTENANCE, 3, 2)]) == [
        "j0 3 5 6 DONE",
        "@0 MAINTENANCE 3-5",
        "end 6",
    ]


def test_s52_window_comes_again_and_keeps_no_run_alive(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=at) for at in (2, 12)]
    assert run(jobs, windows=[WindowSpec(MAINTENANCE, 1, 2, every_us=10)]) == [
        "j0 2 3 4 DONE",
        "j1 12 13 14 DONE",
        "@0 MAINTENANCE 1-3",
        "@0 MAINTENANCE 11-13",
        "end 14",
    ]


def test_s53_session_clocks_run_on_in_a_maintenance(run):
    """The ITTL ends at 5 in the middle of the maintenance, max_time at 12 before j1 could start."""
    jobs = [JobSpec(qpu_time_us=2, at_us=0, session=0), JobSpec(qpu_time_us=1, at_us=6, session=0)]
    sessions = [SessionSpec(interactive_timeout_us=3, max_time_us=12)]
    assert run(jobs, sessions, windows=[WindowSpec(MAINTENANCE, 1, 20)]) == [
        "j0 0 0 2 DONE",
        "j1 6 - 12 ERROR MAX_TIME",
        *STARTED_AT_0,
        "5 s0 IDLE ITTL INACTIVE",
        "12 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "@0 MAINTENANCE 1-21",
        "end 12",
    ]


def test_s52_outage_ends_the_running_job_with_an_error(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0),
        JobSpec(qpu_time_us=1, at_us=1),
        JobSpec(qpu_time_us=1, after=0, think_us=1),
    ]
    assert run(jobs, windows=[WindowSpec(OUTAGE, 3, 4)]) == [
        "j0 0 0 3 ERROR QPU_FAILED",
        "j1 1 7 8 DONE",
        "j2 4 8 9 DONE",
        "@0 OUTAGE 3-7",
        "end 9",
    ]


def test_s3_job_that_finishes_as_the_outage_begins_is_done(run):
    lines = ["j0 0 0 3 DONE", "@0 OUTAGE 3-7", "end 3"]
    assert run([JobSpec(qpu_time_us=3, at_us=0)], windows=[WindowSpec(OUTAGE, 3, 4)]) == lines


def test_s52_requeued_job_goes_to_the_head_of_the_queue_whatever_the_policy_says(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0),
        JobSpec(qpu_time_us=1, at_us=1, priority=9),
        JobSpec(qpu_time_us=1, at_us=2),
    ]
    windows = [WindowSpec(OUTAGE, 3, 4)]
    assert run(jobs, windows=windows, rules=REQUEUE, queue_key=lambda job: (-job.priority,)) == [
        "j0 0 7 12 DONE",
        "j1 1 12 13 DONE",
        "j2 2 13 14 DONE",
        "lost j0 @0 0-3",
        "@0 OUTAGE 3-7",
        "end 14",
    ]


def test_s52_job_can_be_requeued_more_than_once_and_cancelled_in_between(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=9, at_us=1, cancel_us=18)]
    windows = [WindowSpec(OUTAGE, 3, 1, every_us=4), WindowSpec(MAINTENANCE, 16, 5)]
    # j0: 0-3, 4-7, 8-11, 12-15 lost; the maintenance keeps it out from 16; it starts at 21, lost at 23 ...
    assert run(jobs, windows=windows, rules=REQUEUE, horizon_us=23) == [
        "j0 0 21 - RUNNING",
        "j1 1 - 18 CANCELLED JOB_CANCELLED",
        "lost j0 @0 0-3",
        "lost j0 @0 4-7",
        "lost j0 @0 8-11",
        "lost j0 @0 12-15",
        "@0 OUTAGE 3-4",
        "@0 OUTAGE 7-8",
        "@0 OUTAGE 11-12",
        "@0 OUTAGE 15-16",
        "@0 MAINTENANCE 16-21",
        "@0 OUTAGE 19-20",
        "end 23",
    ]


def test_s52_requeued_job_of_an_active_session_goes_first_in_it_and_keeps_it_active(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0),
        JobSpec(qpu_time_us=1, at_us=0),
        JobSpec(qpu_time_us=1, at_us=2),
    ]
    assert run(jobs, [SessionSpec(close_us=2)], windows=[WindowSpec(OUTAGE, 3, 4)], rules=REQUEUE) == [
        "j0 1 7 12 DONE",
        "j1 1 12 13 DONE",
        "j2 0 0 1 DONE",
        "j3 2 13 14 DONE",
        "1 s0 ABSENT CREATE OPEN",
        "1 s0 OPEN START RUNNING",
        "2 s0 RUNNING CLOSE CLOSING",
        "13 s0 CLOSING END_LAST CLOSED CLOSED",
        "lost j0 @0 1-3",
        "@0 OUTAGE 3-7",
        "end 14",
    ]


def test_s52_requeued_job_goes_before_one_that_came_to_its_session_while_it_ran(run):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=5, at_us=1, session=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0),
    ]
    outage = WindowSpec(WindowKind.OUTAGE, start_us=4, duration_us=1)
    assert run(jobs, [SessionSpec()], rules=REQUEUE, windows=(outage,), horizon_us=20)[:3] == [
        "j0 0 0 2 DONE",
        "j1 1 5 10 DONE",
        "j2 3 10 11 DONE",
    ]


def test_s52_requeued_job_goes_before_one_of_its_session_with_the_same_submission_and_a_smaller_number(run):
    """j0 prepares from 0 to 2, so j1 goes first, and is on the QPU when the outage comes."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=2),
        JobSpec(qpu_time_us=5, at_us=0, session=0),
    ]
    outage = WindowSpec(OUTAGE, 3, 1)
    assert run(jobs, [SessionSpec()], rules=REQUEUE, windows=[outage], horizon_us=11)[:2] == [
        "j0 0 9 10 DONE p0-2",
        "j1 0 4 9 DONE p--0",
    ]


@pytest.mark.parametrize("first", [OUTAGE, RESERVATION], ids=lambda kind: kind.name)
def test_s52_requeued_job_of_a_session_that_loses_the_qpu_goes_to_the_head_of_the_normal_queue(run, first):
    """At 3 an outage hits j2, and a reservation makes its session inactive. So j2 goes before j1 at 6, though
    j1 came first, and its session has no other privilege then."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1),
        JobSpec(qpu_time_us=5, at_us=2, session=0),
    ]
    windows = [WindowSpec(OUTAGE, 3, 1), WindowSpec(RESERVATION, 3, 3, account=1)]
    windows.sort(key=lambda window: window.kind is not first)
    sessions = [SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, windows=windows, accounts=("a", "b"), rules=REQUEUE) == [
        "j0 0 0 2 DONE",
        "j1 1 11 12 DONE",
        "j2 2 6 11 DONE",
        *STARTED_AT_0,
        "3 s0 RUNNING RESERVE INACTIVE RESERVATION",
        "6 s0 INACTIVE START RUNNING",
        "11 s0 IDLE ITTL INACTIVE",
        "lost j2 @0 2-3",
        *(f"@0 {window.kind.name} 3-{3 + window.duration_us}" for window in windows),
        "end 12",
    ]


def test_s52_job_whose_session_was_closed_meanwhile_is_not_requeued(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0, session=0)]
    assert run(jobs, [SessionSpec(cancel_us=2)], windows=[WindowSpec(OUTAGE, 3, 4)], rules=REQUEUE) == [
        "j0 0 0 3 ERROR QPU_FAILED",
        *STARTED_AT_0,
        "2 s0 RUNNING CANCEL CLOSED CANCELLED",
        "@0 OUTAGE 3-7",
        "end 3",
    ]


def test_s52_calibration_takes_its_full_duration_from_when_the_qpu_is_free_and_goes_first(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=1, at_us=1)]
    assert run(jobs, windows=[WindowSpec(CALIBRATION, 2, 3)]) == [
        "j0 0 0 5 DONE",
        "j1 1 8 9 DONE",
        "@0 CALIBRATION 5-8",
        "end 9",
    ]


def test_s52_missed_calibrations_merge_into_one(run):
    """Due at 2, 4, 6 and 8 while j0 runs; one is made up for at 9. That of 10 follows it, those of 12 and 14
    are made up for at 14."""
    jobs = [JobSpec(qpu_time_us=9, at_us=0), JobSpec(qpu_time_us=3, at_us=1)]
    assert run(jobs, windows=[WindowSpec(CALIBRATION, 2, 1, every_us=2)]) == [
        "j0 0 0 9 DONE",
        "j1 1 11 14 DONE",
        "@0 CALIBRATION 9-10",
        "@0 CALIBRATION 10-11",
        "@0 CALIBRATION 14-15",
        "end 14",
    ]


def test_s52_of_several_calibrations_the_one_due_longest_begins_first(run):
    """Due at 2 is the one of 1 us, though the other comes first in the list."""
    jobs = [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=1, at_us=1)]
    assert run(jobs, windows=[WindowSpec(CALIBRATION, 3, 2), WindowSpec(CALIBRATION, 2, 1)]) == [
        "j0 0 0 5 DONE",
        "j1 1 8 9 DONE",
        "@0 CALIBRATION 5-6",
        "@0 CALIBRATION 6-8",
        "end 9",
    ]


SESSION_AND_JOB = [
    JobSpec(qpu_time_us=2, at_us=0, session=0),
    JobSpec(qpu_time_us=2, at_us=1, session=0),
    JobSpec(qpu_time_us=1, at_us=1),
]
DUE_AT_1 = [WindowSpec(CALIBRATION, 1, 3)]


def test_s52_calibration_waits_for_an_active_session(run):
    """s0 lets go at 4 + 3."""
    assert run(SESSION_AND_JOB, [SessionSpec(interactive_timeout_us=3)], windows=DUE_AT_1) == [
        "j0 0 0 2 DONE",
        "j1 1 2 4 DONE",
        "j2 1 10 11 DONE",
        *STARTED_AT_0,
        "7 s0 IDLE ITTL INACTIVE",
        "@0 CALIBRATION 7-10",
        "end 11",
    ]


def test_s52_calibration_goes_first_between_the_jobs_of_a_session_if_it_is_to(run):
    """At 2, when j0 has left the QPU. j1 ends at 7, and s0 lets go at 7 + 3."""
    assert run(SESSION_AND_JOB, [SessionSpec(interactive_timeout_us=3)], windows=DUE_AT_1, rules=BEFORE) == [
        "j0 0 0 2 DONE",
        "j1 1 5 7 DONE",
        "j2 1 10 11 DONE",
        *STARTED_AT_0,
        "10 s0 IDLE ITTL INACTIVE",
        "@0 CALIBRATION 2-5",
        "end 11",
    ]


def test_s52_batch_never_delays_a_calibration(run):
    """Nor does it keep j2 from the QPU when it has nothing to run."""
    sessions = [SessionSpec(Mode.BATCH, interactive_timeout_us=3)]
    assert run(SESSION_AND_JOB, sessions, windows=DUE_AT_1) == [
        "j0 0 0 2 DONE",
        "j1 1 5 7 DONE",
        "j2 1 7 8 DONE",
        *STARTED_AT_0,
        "10 s0 IDLE ITTL INACTIVE",
        "@0 CALIBRATION 2-5",
        "end 10",
    ]


def test_s52_calibration_waits_for_the_end_of_a_maintenance(run):
    windows = [WindowSpec(MAINTENANCE, 1, 4), WindowSpec(CALIBRATION, 2, 3)]
    assert run([JobSpec(qpu_time_us=1, at_us=2)], windows=windows) == [
        "j0 2 8 9 DONE",
        "@0 MAINTENANCE 1-5",
        "@0 CALIBRATION 5-8",
        "end 9",
    ]


def test_s52_only_jobs_of_the_account_start_in_a_reservation(run):
    jobs = [
        JobSpec(qpu_time_us=3, at_us=0, account=0),
        JobSpec(qpu_time_us=1, at_us=1, account=0),
        JobSpec(qpu_time_us=1, at_us=1, account=1),
        JobSpec(qpu_time_us=1, at_us=6, account=0),
        JobSpec(qpu_time_us=1, at_us=7, account=1),
    ]
    windows = [WindowSpec(RESERVATION, 2, 8, account=1)]
    assert run(jobs, windows=windows, accounts=("a", "b")) == [
        "j0 0 0 3 DONE",
        "j1 1 10 11 DONE",
        "j2 1 3 4 DONE",
        "j3 6 11 12 DONE",
        "j4 7 7 8 DONE",
        "@0 RESERVATION 2-10",
        "end 12",
    ]


def test_s52_reservation_ends_before_the_next_one_of_its_instant_begins(run):
    """For a until 5, for b from 5 on: at 6, when j0 leaves the QPU, only j2 may start."""
    jobs = [
        JobSpec(qpu_time_us=3, at_us=3, account=0),
        JobSpec(qpu_time_us=1, at_us=4, account=0),
        JobSpec(qpu_time_us=1, at_us=5, account=1),
    ]
    windows = [WindowSpec(RESERVATION, 5, 3, account=1), WindowSpec(RESERVATION, 2, 3, account=0)]
    assert run(jobs, windows=windows, accounts=("a", "b")) == [
        "j0 3 3 6 DONE",
        "j1 4 8 9 DONE",
        "j2 5 6 7 DONE",
        "@0 RESERVATION 2-5",
        "@0 RESERVATION 5-8",
        "end 9",
    ]


def test_s52_reservation_makes_another_accounts_idle_session_inactive_at_once(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0),
        JobSpec(qpu_time_us=1, at_us=2, account=1),
    ]
    windows = [WindowSpec(RESERVATION, 2, 4, account=1)]
    sessions = [SessionSpec(interactive_timeout_us=5)]
    assert run(jobs, sessions, windows=windows, accounts=("a", "b")) == [
        "j0 0 0 1 DONE",
        "j1 3 6 7 DONE",
        "j2 2 2 3 DONE",
        *STARTED_AT_0,
        "2 s0 IDLE RESERVE INACTIVE RESERVATION",
        "6 s0 INACTIVE START RUNNING",
        "12 s0 IDLE ITTL INACTIVE",
        "@0 RESERVATION 2-6",
        "end 12",
    ]


def test_s52_session_with_a_running_job_lets_go_when_it_ends_and_its_queued_jobs_go_to_the_normal_queue(run):
    """j1 of 1 comes after j2 of 0 then: both wait in the normal queue until the reservation ends at 9."""
    jobs = [
        JobSpec(qpu_time_us=4, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0),
        JobSpec(qpu_time_us=1, at_us=0),
        JobSpec(qpu_time_us=1, at_us=2, account=1),
    ]
    windows = [WindowSpec(RESERVATION, 2, 7, account=1)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], windows=windows, accounts=("a", "b")) == [
        "j0 0 0 4 DONE",
        "j1 1 10 11 DONE",
        "j2 0 9 10 DONE",
        "j3 2 4 5 DONE",
        *STARTED_AT_0,
        "4 s0 RUNNING RESERVE INACTIVE RESERVATION",
        "10 s0 INACTIVE START RUNNING",
        "11 s0 IDLE ITTL INACTIVE",
        "@0 RESERVATION 2-9",
        "end 11",
    ]


def test_s52_closing_session_that_loses_the_qpu_to_a_reservation_ends_when_its_jobs_have(run):
    jobs = [JobSpec(qpu_time_us=4, at_us=0, session=0), JobSpec(qpu_time_us=1, at_us=1, session=0)]
    windows = [WindowSpec(RESERVATION, 3, 4, account=1)]
    assert run(jobs, [SessionSpec(close_us=2)], windows=windows, accounts=("a", "b")) == [
        "j0 0 0 4 DONE",
        "j1 1 7 8 DONE",
        *STARTED_AT_0,
        "2 s0 RUNNING CLOSE CLOSING",
        "4 s0 CLOSING RESERVE INACTIVE_CLOSING RESERVATION",
        "7 s0 INACTIVE_CLOSING START CLOSING",
        "8 s0 CLOSING END_LAST CLOSED CLOSED",
        "@0 RESERVATION 3-7",
        "end 8",
    ]


def test_s52_reservation_leaves_the_accounts_own_session_alone(run):
    """Neither at 2, where it is idle, nor when a job of its own ends at 5: it waits for 5 us as ever."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=4, session=0),
        JobSpec(qpu_time_us=1, at_us=1, account=1),
    ]
    windows = [WindowSpec(RESERVATION, 2, 10, account=0)]
    sessions = [SessionSpec(interactive_timeout_us=5)]
    assert run(jobs, sessions, windows=windows, accounts=("a", "b")) == [
        "j0 0 0 1 DONE",
        "j1 4 4 5 DONE",
        "j2 1 12 13 DONE",
        *STARTED_AT_0,
        "10 s0 IDLE ITTL INACTIVE",
        "@0 RESERVATION 2-12",
        "end 13",
    ]


def test_s52_idle_session_loses_the_qpu_though_a_foreign_job_is_on_it(run):
    """Under `shared` j1 of another account runs from 1 to 4 while s0 is idle: no job of s0's runs at 2."""
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0), JobSpec(qpu_time_us=3, at_us=1, account=2)]
    windows = [WindowSpec(RESERVATION, 2, 4, account=1)]
    sessions = [SessionSpec(interactive_timeout_us=9)]
    assert run(jobs, sessions, windows=windows, accounts=("a", "b", "c"), rules=Rules(hold=SHARED)) == [
        "j0 0 0 1 DONE",
        "j1 1 1 4 DONE",
        *STARTED_AT_0,
        "2 s0 IDLE RESERVE INACTIVE RESERVATION",
        "@0 RESERVATION 2-6",
        "end 4",
    ]


def test_s52_windows_of_one_qpu_leave_the_others_alone(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=2, qpu=0), JobSpec(qpu_time_us=1, at_us=2, qpu=1)]
    windows = [WindowSpec(MAINTENANCE, 1, 5, qpu=1)]
    assert run(jobs, windows=windows, qpus=(QpuSpec(), QpuSpec())) == [
        "j0 2 2 3 DONE @0",
        "j1 2 6 7 DONE @1",
        "@1 MAINTENANCE 1-6",
        "end 7",
    ]

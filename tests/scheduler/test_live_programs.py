"""Commands that live programs issue while a run goes on: S4, S19."""

from __future__ import annotations

import pytest

from qsession_sim.errors import IllegalTransitionError, SchedulerUsageError
from qsession_sim.scheduler.plan import JobSpec, Plan, Rules, SessionSpec, WindowSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import Rank, WindowKind

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


def finish(scheduler: Scheduler) -> None:
    """Run to the end for programs that have nothing more to do."""
    while not scheduler.advance_while_needed():
        pass


@pytest.mark.parametrize("driven", [True, False], ids=["advanced_to_READY", "left_to_catch_up"])
def test_s4_command_comes_after_the_finish_and_before_the_scheduled_submit_of_its_instant(trace, driven):
    plan = Plan.of(
        [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=3, at_us=10, session=0)],
        [SessionSpec()],
    )
    scheduler = Scheduler(plan)
    if driven:
        assert scheduler.advance(10, Rank.READY)
        assert list(scheduler.journal.ended_us) == [10, -1]
    scheduler.close(10, 0)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 0 0 10 DONE",
        "j1 10 - 10 REJECTED SESSION_CLOSED",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 10",
    ]


def test_s4_job_cancel_by_command_comes_before_the_scheduled_close_of_its_instant(trace):
    """Scheduled at 5 as well, the cancel would come after the close (S3) and find the session closing."""
    plan = Plan.of(
        [JobSpec(qpu_time_us=10, at_us=0), JobSpec(qpu_time_us=5, at_us=1, session=0)],
        [SessionSpec(close_us=5)],
    )
    scheduler = Scheduler(plan)
    scheduler.cancel_job(5, 1)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 0 0 10 DONE",
        "j1 1 - 5 CANCELLED JOB_CANCELLED",
        "1 s0 ABSENT CREATE OPEN",
        "5 s0 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "end 10",
    ]


def test_s4_session_cancel_by_command_comes_before_the_scheduled_submit_of_its_instant(trace):
    plan = Plan.of(
        [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=5, at_us=5, session=0)],
        [SessionSpec()],
    )
    scheduler = Scheduler(plan)
    scheduler.cancel(5, 0)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 0 0 10 DONE",
        "j1 5 - 5 REJECTED SESSION_CLOSED",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 RUNNING CANCEL CLOSED CANCELLED",
        "end 10",
    ]


def test_s4_submission_by_command_comes_before_the_ittl_of_its_instant(trace):
    plan = Plan.of([JobSpec(qpu_time_us=10, at_us=0, session=0)], [SessionSpec(interactive_timeout_us=4)])
    scheduler = Scheduler(plan)
    job = scheduler.add_job(JobSpec(qpu_time_us=3, session=0))
    scheduler.submit(14, job)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 0 0 10 DONE",
        "j1 14 14 17 DONE",
        *CREATED_AND_STARTED_AT_0,
        "21 s0 IDLE ITTL INACTIVE",
        "end 21",
    ]


def test_s4_commands_of_one_instant_keep_their_order(trace):
    scheduler = Scheduler(Plan.of())
    session = scheduler.add_session(SessionSpec())
    kept, lost, late = (scheduler.add_job(JobSpec(qpu_time_us=5, session=session)) for _ in range(3))
    scheduler.create(5, session)
    scheduler.submit(5, kept)
    scheduler.submit(5, lost)
    scheduler.cancel_job(5, lost)
    scheduler.close(5, session)
    scheduler.submit(5, late)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 5 5 10 DONE",
        "j1 5 - 5 CANCELLED JOB_CANCELLED",
        "j2 5 - 5 REJECTED SESSION_CLOSED",
        "5 s0 ABSENT CREATE OPEN",
        "5 s0 OPEN CLOSE OPEN_CLOSING",
        "5 s0 OPEN_CLOSING START CLOSING",
        "10 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 10",
    ]


def test_s4_command_after_the_dispatch_of_its_instant_still_belongs_to_it(trace):
    scheduler = Scheduler(Plan.of([JobSpec(qpu_time_us=2, at_us=1)]))
    assert scheduler.advance(4)
    job = scheduler.add_job(JobSpec(qpu_time_us=3))
    scheduler.submit(4, job)
    assert scheduler.next_event_us() == 4
    finish(scheduler)
    assert trace(scheduler) == ["j0 1 1 3 DONE", "j1 4 4 7 DONE", "end 7"]


def test_s4_program_acts_after_the_finish_and_before_later_ranks_and_goes_on_acting(trace):
    """Twice the program answers in the instant of the ITTL of 0, so the planned job waits for both."""
    ended: list[int] = []
    plan = Plan.of([JobSpec(qpu_time_us=3, at_us=1)], [SessionSpec(interactive_timeout_us=0)])
    scheduler = Scheduler(plan, on_program_job_end=ended.append)
    first, second, third = (scheduler.add_job(JobSpec(qpu_time_us=5, session=0)) for _ in range(3))
    scheduler.submit(0, first)
    for time_us, before, job in [(5, first, second), (10, second, third)]:
        assert not scheduler.advance_while_needed()
        assert (scheduler.now_us, ended[-1]) == (time_us, before)
        scheduler.submit(time_us, job)
    assert not scheduler.advance_while_needed()
    assert (scheduler.now_us, ended) == (15, [first, second, third])
    assert scheduler.advance_while_needed()
    assert trace(scheduler) == [
        "j0 1 15 18 DONE",
        "j1 0 0 5 DONE",
        "j2 5 5 10 DONE",
        "j3 10 10 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "15 s0 IDLE ITTL INACTIVE",
        "end 18",
    ]


def test_s4_program_whose_job_was_cancelled_at_an_instant_acts_before_the_max_time_of_that_instant(trace):
    """Had max_time of s1 been served at 10 before the program acted, its second job would be rejected."""
    ended: list[int] = []
    plan = Plan.of(
        [JobSpec(qpu_time_us=2, at_us=0, session=1), JobSpec(qpu_time_us=10, at_us=1)],
        [SessionSpec(cancel_us=10), SessionSpec(interactive_timeout_us=0, max_time_us=10)],
    )
    scheduler = Scheduler(plan, on_program_job_end=ended.append)
    first = scheduler.add_job(JobSpec(qpu_time_us=5, session=0))
    second = scheduler.add_job(JobSpec(qpu_time_us=5, session=1))
    scheduler.submit(3, first)
    assert not scheduler.advance_while_needed()
    assert (scheduler.now_us, ended) == (10, [first])
    scheduler.submit(10, second)
    finish(scheduler)
    assert ended == [first, second]
    assert trace(scheduler) == [
        "j0 0 0 2 DONE",
        "j1 1 2 12 DONE",
        "j2 3 - 10 CANCELLED SESSION_CANCELLED",
        "j3 10 - 10 ERROR MAX_TIME",
        "0 s1 ABSENT CREATE OPEN",
        "0 s1 OPEN START RUNNING",
        "2 s1 IDLE ITTL INACTIVE",
        "3 s0 ABSENT CREATE OPEN",
        "10 s0 OPEN CANCEL CLOSED CANCELLED",
        "10 s1 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "end 12",
    ]


def test_s4_command_comes_after_everything_of_earlier_instants_also_past_the_ends_of_other_programs_jobs(
    trace,
):
    scheduler = Scheduler(
        Plan.of([JobSpec(qpu_time_us=3, at_us=7, session=0)], [SessionSpec(interactive_timeout_us=1)])
    )
    first, second = scheduler.add_job(JobSpec(qpu_time_us=5)), scheduler.add_job(JobSpec(qpu_time_us=5))
    scheduler.submit(0, first)
    scheduler.submit(12, second)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 7 7 10 DONE",
        "j1 0 0 5 DONE",
        "j2 12 12 17 DONE",
        "7 s0 ABSENT CREATE OPEN",
        "7 s0 OPEN START RUNNING",
        "11 s0 IDLE ITTL INACTIVE",
        "end 17",
    ]


def test_s4_command_that_ends_a_program_job_does_not_make_the_next_advance_stop():
    """The program that issued it, and those it told, have acted already."""
    ended: list[int] = []
    scheduler = Scheduler(Plan.of([JobSpec(qpu_time_us=3, at_us=7)]), on_program_job_end=ended.append)
    job = scheduler.add_job(JobSpec(qpu_time_us=5))
    scheduler.submit(0, job)
    scheduler.cancel_job(2, job)
    assert ended == [job]
    assert scheduler.advance_while_needed()
    assert scheduler.now_us == 10


def test_s4_only_the_ends_of_program_jobs_are_told_rejected_ones_at_once():
    ended: list[int] = []
    plan = Plan.of([JobSpec(qpu_time_us=2, at_us=0)], [SessionSpec(max_time_us=3)])
    scheduler = Scheduler(plan, on_program_job_end=ended.append)
    job = scheduler.add_job(JobSpec(qpu_time_us=2, session=0, max_execution_time_us=4))
    scheduler.submit(1, job)
    assert ended == [job]
    finish(scheduler)
    assert ended == [job]


def test_s18_queued_jobs_end_in_the_order_of_their_submissions_and_programs_are_told_in_it():
    """The third is submitted first, then the other two in one instant."""
    ended = []
    plan = Plan.of([JobSpec(qpu_time_us=9, at_us=0)], [SessionSpec()])
    scheduler = Scheduler(plan, on_program_job_end=ended.append)
    first, second, third = (scheduler.add_job(JobSpec(qpu_time_us=1, session=0)) for _ in range(3))
    scheduler.submit(1, third)
    scheduler.submit(2, second)
    scheduler.submit(2, first)
    scheduler.cancel(3, 0)
    assert ended == [third, first, second]


def test_s4_live_commands_leave_the_same_journal_as_the_declared_plan(trace):
    others = [JobSpec(qpu_time_us=5, at_us=1), JobSpec(qpu_time_us=5, at_us=9)]
    declared_jobs = [
        JobSpec(qpu_time_us=6, at_us=2, session=0),
        JobSpec(qpu_time_us=4, after=2, session=0),
        JobSpec(qpu_time_us=3, after=3, think_us=1, session=0),
    ]
    declared = Scheduler(Plan.of(others + declared_jobs, [SessionSpec(created_us=2, close_us=17)]))
    assert declared.advance_while_needed()

    live = Scheduler(Plan.of(others))
    session = live.add_session(SessionSpec())
    live.create(2, session)
    numbers = [live.add_job(JobSpec(qpu_time_us=job.qpu_time_us, session=session)) for job in declared_jobs]
    for time_us, job in zip([2, 12, 17], numbers, strict=True):
        live.submit(time_us, job)
    live.close(17, session)
    finish(live)

    expected = [
        "j0 1 1 6 DONE",
        "j1 9 20 25 DONE",
        "j2 2 6 12 DONE",
        "j3 12 12 16 DONE",
        "j4 17 17 20 DONE",
        "2 s0 ABSENT CREATE OPEN",
        "6 s0 OPEN START RUNNING",
        "17 s0 RUNNING CLOSE CLOSING",
        "20 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 25",
    ]
    assert trace(live) == expected
    assert trace(declared) == expected


def test_s19_leaving_the_context_closes_the_session_and_its_queued_jobs_still_run(trace):
    scheduler = Scheduler(Plan.of())
    session = scheduler.add_session(SessionSpec())
    scheduler.create(3, session)
    for job in [scheduler.add_job(JobSpec(qpu_time_us=4, session=session)) for _ in range(2)]:
        scheduler.submit(3, job)
    assert not scheduler.advance(7)
    scheduler.close(7, session)
    finish(scheduler)
    assert trace(scheduler) == [
        "j0 3 3 7 DONE",
        "j1 3 7 11 DONE",
        "3 s0 ABSENT CREATE OPEN",
        "3 s0 OPEN START RUNNING",
        "7 s0 RUNNING CLOSE CLOSING",
        "11 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 11",
    ]


def test_command_before_what_was_applied_is_refused_and_changes_nothing(trace):
    scheduler = Scheduler(Plan.of([JobSpec(qpu_time_us=2, at_us=5)], [SessionSpec(created_us=0)]))
    job = scheduler.add_job(JobSpec(qpu_time_us=1))
    assert scheduler.advance(5)
    before = trace(scheduler)
    commands = [
        lambda: scheduler.submit(4, job),
        lambda: scheduler.close(4, 0),
        lambda: scheduler.cancel(4, 0),
        lambda: scheduler.cancel_job(4, 0),
        lambda: scheduler.create(4, 0),
    ]
    for command in commands:
        with pytest.raises(SchedulerUsageError, match="came after the events of"):
            command()
    assert trace(scheduler) == before


def test_job_submitted_twice_is_refused_and_changes_nothing(trace):
    scheduler = Scheduler(Plan.of())
    job = scheduler.add_job(JobSpec(qpu_time_us=4))
    scheduler.submit(3, job)
    with pytest.raises(
        SchedulerUsageError, match="job 0 is not one that a program has added and not yet submitted"
    ):
        scheduler.submit(5, job)
    finish(scheduler)
    assert trace(scheduler) == ["j0 3 3 7 DONE", "end 7"]


def test_session_created_twice_is_illegal_and_changes_nothing(trace):
    scheduler = Scheduler(Plan.of(sessions=[SessionSpec(created_us=0, close_after_us=9)]))
    with pytest.raises(
        IllegalTransitionError, match="session 0: no transition for event CREATE in phase OPEN"
    ):
        scheduler.create(3, 0)
    finish(scheduler)
    assert trace(scheduler) == ["0 s0 ABSENT CREATE OPEN", "9 s0 OPEN CLOSE_EMPTY CLOSED CLOSED", "end 9"]


def test_s40_what_was_without_preparation_before_a_program_prepares_a_job_was_ready_when_submitted(trace):
    """j1 is rejected, j2 was thrown off the QPU at 3 and cancelled at 4: neither left it in the end."""
    outage = WindowSpec(WindowKind.OUTAGE, start_us=3, duration_us=9)
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0),
        JobSpec(qpu_time_us=5, at_us=1, cancel_us=4),
    ]
    plan = Plan.of(jobs, [SessionSpec(cancel_us=0)], windows=(outage,))
    scheduler = Scheduler(plan, Rules(requeues_after_outage=True))
    assert scheduler.advance(5)
    scheduler.submit(6, scheduler.add_job(JobSpec(qpu_time_us=1, preparation_us=1, post_processing_us=1)))
    assert scheduler.advance(6)
    assert trace(scheduler)[:4] == [
        "j0 0 0 2 DONE p--0 left 2",
        "j1 1 - 1 REJECTED SESSION_CLOSED p--- left -",
        "j2 1 2 4 CANCELLED JOB_CANCELLED p--1 left -",
        "j3 6 - - PREPARING p6-- left -",
    ]

"""Iterative clients: S64, S65, S66, S67."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsession_sim.scheduler.plan import ClientSpec, JobSpec, Plan, Rules, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, OnFinish, OnRejection

CREATED_AND_STARTED_AT_0 = ["0 s0 ABSENT CREATE OPEN", "0 s0 OPEN START RUNNING"]


def iterations(*qpu_times_us, at_us=0, think_us=0, session=0, **others):
    """The jobs of client 0, which are the first of the workload."""
    first, *rest = qpu_times_us
    common = {"session": session, "client": 0, **others}
    return [
        JobSpec(qpu_time_us=first, at_us=at_us, **common),
        *(
            JobSpec(qpu_time_us=time, after=number, think_us=think_us, **common)
            for number, time in enumerate(rest)
        ),
    ]


# ---------------------------------------------------------------- S64


@pytest.mark.parametrize(
    ("on_finish", "changes"),
    [
        (OnFinish.CLOSE, ["28 s0 IDLE CLOSE_EMPTY CLOSED CLOSED", "end 28"]),
        (OnFinish.CANCEL, ["28 s0 IDLE CANCEL CLOSED CANCELLED", "end 28"]),
        (OnFinish.LEAVE, ["38 s0 IDLE ITTL INACTIVE", "end 38"]),
    ],
    ids=lambda value: value.name if isinstance(value, OnFinish) else "",
)
@pytest.mark.parametrize("mode", [Mode.SESSION, Mode.BATCH], ids=lambda mode: mode.name)
def test_s64_client_submits_waits_thinks_and_ends_its_session_with_its_last_iteration(
    run, mode, on_finish, changes
):
    """Its session comes to exist at its first submission, at 2."""
    client = ClientSpec(first_job=0, jobs=3, session=0, on_finish=on_finish)
    sessions = [SessionSpec(mode, interactive_timeout_us=10)]
    assert run(iterations(5, 6, 7, at_us=2, think_us=4), sessions, [client]) == [
        "j0 2 2 7 DONE",
        "j1 11 11 17 DONE",
        "j2 21 21 28 DONE",
        "2 s0 ABSENT CREATE OPEN",
        "2 s0 OPEN START RUNNING",
        *changes,
    ]


@pytest.mark.parametrize(
    ("poll_us", "second", "closed"),
    [
        pytest.param(1, 11, 17, id="each_instant_is_as_without"),
        pytest.param(5, 11, 21, id="exactly_at_the_end_and_later"),
        pytest.param(4, 14, 22, id="after_the_end"),
        pytest.param(50, 56, 106, id="long_after_the_end"),
    ],
)
def test_s64_a_client_that_polls_notices_the_end_at_a_poll_and_thinks_from_there(
    run, poll_us, second, closed
):
    """The first is submitted at 2 and ends at 7, the second needs 6; polls count from each submission."""
    client = ClientSpec(first_job=0, jobs=2, session=0, poll_us=poll_us)
    sessions = [SessionSpec(interactive_timeout_us=99)]
    assert run(iterations(5, 6, at_us=2, think_us=4), sessions, [client]) == [
        "j0 2 2 7 DONE",
        f"j1 {second} {second} {second + 6} DONE",
        "2 s0 ABSENT CREATE OPEN",
        "2 s0 OPEN START RUNNING",
        f"{closed} s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        f"end {closed}",
    ]


def test_s64_while_nobody_has_noticed_the_interactive_timeout_runs(run):
    """S13, S14: the end at 5 is noticed at 9; by 7 the session is inactive."""
    client = ClientSpec(first_job=0, jobs=2, session=0, poll_us=9)
    assert run(iterations(5, 6), [SessionSpec(interactive_timeout_us=2)], [client]) == [
        "j0 0 0 5 DONE",
        "j1 9 9 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "7 s0 IDLE ITTL INACTIVE",
        "9 s0 INACTIVE START RUNNING",
        "17 s0 IDLE ITTL INACTIVE",
        "18 s0 INACTIVE CLOSE_EMPTY CLOSED CLOSED",
        "end 18",
    ]


def test_s64_a_job_that_ends_where_it_is_submitted_is_noticed_at_the_first_poll(run):
    """S25: cancelled at 0, which the client answers at 3."""
    client = ClientSpec(first_job=0, jobs=2, on_error=OnError.CONTINUE, poll_us=3)
    first, second = iterations(5, 6, session=NEVER)
    assert run([replace(first, cancel_us=0), second], [], [client]) == [
        "j0 0 - 0 CANCELLED JOB_CANCELLED",
        "j1 3 3 9 DONE",
        "end 9",
    ]


@pytest.mark.parametrize(
    ("on_error", "lines"),
    [
        (OnError.STOP, ["j0 0 0 4 ERROR RAN_TOO_LONG", "j1 - - - -", "9"]),
        (OnError.CONTINUE, ["j0 0 0 4 ERROR RAN_TOO_LONG", "j1 11 11 15 ERROR RAN_TOO_LONG", "20"]),
    ],
    ids=["stop", "continue"],
)
def test_s64_on_error_and_on_finish_count_from_the_poll(run, on_error, lines):
    """S65: cut at 4, noticed at 9; a thought of 2 later the second comes, which is the last (or none does)."""
    client = ClientSpec(first_job=0, jobs=2, session=0, on_error=on_error, poll_us=9)
    jobs = iterations(5, 5, think_us=2, max_execution_time_us=4)
    *jobs_of, closed = lines
    assert run(jobs, [SessionSpec(interactive_timeout_us=99)], [client]) == [
        *jobs_of,
        *CREATED_AND_STARTED_AT_0,
        f"{closed} s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        f"end {closed}",
    ]


def test_s64_a_retry_comes_at_the_poll_and_has_its_number_from_the_end_on(trace):
    """S65, S67: j0 reneges at 3, j2 at 4; of the attempts that follow at 5, j3 is that of j0, which ended first."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, client=0, patience_us=3),
        JobSpec(qpu_time_us=20, at_us=0, priority=1),
        JobSpec(qpu_time_us=1, at_us=0, client=1, patience_us=4),
    ]
    clients = [ClientSpec(first_job=n, jobs=1, on_error=OnError.RETRY, poll_us=5) for n in (0, 2)]
    scheduler = Scheduler(Plan.of(jobs, [], clients), Rules(), lambda job: (-job.priority,))
    assert scheduler.advance(4)
    assert trace(scheduler)[-3:-1] == ["j3 - - - -", "j4 - - - -"]
    assert scheduler.advance(5)
    assert trace(scheduler)[-3:-1] == ["j3 5 - - QUEUED", "j4 5 - - QUEUED"]
    assert scheduler.journal.repeated_jobs == [0, 2]


def test_s64_a_rejection_is_noticed_at_once(run):
    """S24, S66: j0 is rejected at 2, and so the client gives up and closes its session, which is open, then."""
    client = ClientSpec(first_job=0, jobs=1, session=0, poll_us=9)
    jobs = iterations(5, at_us=2, max_execution_time_us=9)
    assert run(jobs, [SessionSpec(max_time_us=8)], [client]) == [
        "j0 2 - 2 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "2 s0 ABSENT CREATE OPEN",
        "2 s0 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "end 2",
    ]
    # S66: max_time is over at 7, the end of j0 noticed at 9, where j2 goes on in job mode
    client = ClientSpec(first_job=0, jobs=2, session=0, on_rejection=OnRejection.JOB_MODE, poll_us=9)
    assert run(iterations(5, 6), [SessionSpec(max_time_us=7)], [client])[:3] == [
        "j0 0 0 5 DONE",
        "j1 9 - 9 REJECTED SESSION_CLOSED",
        "j2 9 9 15 DONE",
    ]


def test_s64_a_poll_alone_prolongs_no_run(run):
    """S6: the end at 5 of the last job would be noticed at 50, and nothing follows from it."""
    client = ClientSpec(first_job=0, jobs=1, session=0, on_finish=OnFinish.LEAVE, poll_us=50)
    assert run(iterations(5), [SessionSpec(interactive_timeout_us=2)], [client])[-1] == "end 7"
    assert run(iterations(5, session=NEVER), [], [replace(client, session=NEVER)])[-1] == "end 5"


def test_s64_client_in_job_mode_waits_for_each_result_in_the_normal_queue(run):
    jobs = [*iterations(5, 6, session=NEVER), JobSpec(qpu_time_us=9, at_us=1)]
    assert run(jobs, clients=[ClientSpec(first_job=0, jobs=2)]) == [
        "j0 0 0 5 DONE",
        "j1 5 14 20 DONE",
        "j2 1 5 14 DONE",
        "end 20",
    ]


def test_s64_two_clients_run_side_by_side(run):
    """The second waits from 1 until the first has closed its session, in the instant its last job ended."""
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, session=0, client=0),
        JobSpec(qpu_time_us=5, after=0, think_us=3, session=0, client=0),
        JobSpec(qpu_time_us=4, at_us=1, session=1, client=1),
        JobSpec(qpu_time_us=4, after=2, session=1, client=1),
    ]
    clients = [ClientSpec(first_job=0, jobs=2, session=0), ClientSpec(first_job=2, jobs=2, session=1)]
    assert run(jobs, [SessionSpec(), SessionSpec()], clients) == [
        "j0 0 0 5 DONE",
        "j1 8 8 13 DONE",
        "j2 1 13 17 DONE",
        "j3 17 17 21 DONE",
        *CREATED_AND_STARTED_AT_0,
        "1 s1 ABSENT CREATE OPEN",
        "13 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "13 s1 OPEN START RUNNING",
        "21 s1 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 21",
    ]


def test_s64_session_is_closed_in_the_instant_in_which_its_client_stopped_because_of_a_cancel(run):
    """The close takes its place before the ITTL of 0, though the cancel's rank was served before (S3)."""
    jobs = iterations(20, 5, cancel_us=10)
    client = ClientSpec(first_job=0, jobs=2, session=0)
    assert run(jobs, [SessionSpec(interactive_timeout_us=0)], [client]) == [
        "j0 0 0 10 CANCELLED JOB_CANCELLED",
        "j1 - - - -",
        *CREATED_AND_STARTED_AT_0,
        "10 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 10",
    ]


# ---------------------------------------------------------------- S65

FAILED_AND_CANCELLED = pytest.mark.parametrize(
    ("failing", "line"),
    [
        ({"max_execution_time_us": 4}, "j0 0 0 4 ERROR RAN_TOO_LONG"),
        ({"cancel_us": 4}, "j0 0 0 4 CANCELLED JOB_CANCELLED"),
    ],
    ids=["ERROR", "CANCELLED"],
)


def with_failing_first(failing):
    """Iterations of 10, then 5 after a think time of 3, the first of which does not succeed."""
    return [
        JobSpec(qpu_time_us=10, at_us=0, session=0, client=0, **failing),
        JobSpec(qpu_time_us=5, after=0, think_us=3, session=0, client=0),
    ]


@FAILED_AND_CANCELLED
def test_s65_stop_ends_the_program_and_its_session(run, failing, line):
    client = ClientSpec(first_job=0, jobs=2, session=0, on_error=OnError.STOP)
    assert run(with_failing_first(failing), [SessionSpec()], [client]) == [
        line,
        "j1 - - - -",
        *CREATED_AND_STARTED_AT_0,
        "4 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 4",
    ]


@FAILED_AND_CANCELLED
def test_s65_continue_goes_on_after_the_think_time(run, failing, line):
    client = ClientSpec(first_job=0, jobs=2, session=0, on_error=OnError.CONTINUE)
    assert run(with_failing_first(failing), [SessionSpec()], [client]) == [
        line,
        "j1 7 7 12 DONE",
        *CREATED_AND_STARTED_AT_0,
        "12 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 12",
    ]


@pytest.mark.parametrize("on_error", [OnError.STOP, OnError.CONTINUE], ids=lambda value: value.name)
def test_s65_failure_of_the_last_iteration_finishes_the_client(run, on_error):
    client = ClientSpec(first_job=0, jobs=1, session=0, on_error=on_error)
    assert run(iterations(10, max_execution_time_us=4), [SessionSpec()], [client]) == [
        "j0 0 0 4 ERROR RAN_TOO_LONG",
        *CREATED_AND_STARTED_AT_0,
        "4 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 4",
    ]


def test_s65_retry_submits_the_same_iteration_in_the_same_instant_then_goes_on(run):
    """The cancel at 4 was for the first attempt only; the second has the same QPU time of 10."""
    client = ClientSpec(first_job=0, jobs=2, session=0, on_error=OnError.RETRY)
    assert run(with_failing_first({"cancel_us": 4}), [SessionSpec(interactive_timeout_us=50)], [client]) == [
        "j0 0 0 4 CANCELLED JOB_CANCELLED",
        "j1 17 17 22 DONE",
        "j2 4 4 14 DONE",
        *CREATED_AND_STARTED_AT_0,
        "22 s0 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 22",
    ]


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ({"max_execution_time_us": 5}, "ERROR RAN_TOO_LONG"),
        ({"cancel_after_us": 5}, "CANCELLED JOB_CANCELLED"),
    ],
    ids=["max_execution_time", "cancel_after"],
)
def test_s65_retry_takes_the_same_drawn_times_and_limits(trace, limit, outcome):
    """Each attempt ends alike until max_time ends the session; then the rejection is no error but S66."""
    client = ClientSpec(first_job=0, jobs=1, session=0, on_error=OnError.RETRY)
    sessions = [SessionSpec(max_time_us=12, interactive_timeout_us=0)]
    scheduler = Scheduler(Plan.of(iterations(10, **limit), sessions, [client]))
    assert scheduler.advance_while_needed()
    assert trace(scheduler) == [
        f"j0 0 0 5 {outcome}",
        f"j1 5 5 10 {outcome}",
        f"j2 10 10 15 {outcome}",
        "j3 15 - 15 REJECTED SESSION_CLOSED",
        *CREATED_AND_STARTED_AT_0,
        "12 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 15",
    ]
    # S67: of these the ids are made
    assert scheduler.journal.repeated_jobs == [0, 1, 2]
    assert scheduler.journal.repeated_sessions == []


def test_s65_retry_in_job_mode_waits_anew_with_its_own_submission_time_and_the_same_priority_and_account(
    trace,
):
    seen = []

    def most_urgent_first(job):
        seen.append((job.number, job.account))
        return (-job.priority,)

    jobs = [
        *iterations(10, session=NEVER, cancel_us=4, priority=1, account=1),
        JobSpec(qpu_time_us=5, at_us=1, priority=1),
        JobSpec(qpu_time_us=5, at_us=2, priority=0),
    ]
    client = ClientSpec(first_job=0, jobs=1, on_error=OnError.RETRY)
    plan = Plan.of(jobs, clients=[client], accounts=["lab-a", "lab-b"])
    scheduler = Scheduler(plan, queue_key=most_urgent_first)
    assert scheduler.advance_while_needed()
    assert trace(scheduler) == [
        "j0 0 0 4 CANCELLED JOB_CANCELLED",
        "j1 1 4 9 DONE",
        "j2 2 19 24 DONE",
        "j3 4 9 19 DONE",
        "end 24",
    ]
    assert seen == [(0, "lab-b"), (1, "lab-a"), (2, "lab-a"), (3, "lab-b")]


# ---------------------------------------------------------------- S66


def test_s66_give_up_stops_the_client_at_the_rejection(run):
    """Max_time of 7 lets the second iteration run to its end; the third is rejected.

    The close of s0, which is closed, is not waited for; were it, the run would last until s1 is closed as unused (S6).
    """
    client = ClientSpec(first_job=0, jobs=4, session=0)
    sessions = [SessionSpec(max_time_us=7), SessionSpec(created_us=0)]
    assert run(iterations(5, 5, 5, 5), sessions, [client]) == [
        "j0 0 0 5 DONE",
        "j1 5 5 10 DONE",
        "j2 10 - 10 REJECTED SESSION_CLOSED",
        "j3 - - - -",
        "0 s1 ABSENT CREATE OPEN",
        *CREATED_AND_STARTED_AT_0,
        "7 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 10",
    ]


@pytest.mark.parametrize(
    ("on_finish", "end"),
    [(OnFinish.CLOSE, "CLOSE_EMPTY CLOSED CLOSED"), (OnFinish.CANCEL, "CANCEL CLOSED CANCELLED")],
    ids=["close", "cancel"],
)
def test_s66_new_session_takes_the_same_iteration_in_the_same_instant_and_is_the_one_that_is_ended(
    trace, on_finish, end
):
    """Each session has the same max_time of 7, counted from its own first start: 7, 17."""
    client = ClientSpec(
        first_job=0, jobs=5, session=0, on_finish=on_finish, on_rejection=OnRejection.NEW_SESSION
    )
    scheduler = Scheduler(Plan.of(iterations(5, 5, 5, 5, 5), [SessionSpec(max_time_us=7)], [client]))
    assert scheduler.advance_while_needed()
    assert trace(scheduler) == [
        "j0 0 0 5 DONE",
        "j1 5 5 10 DONE",
        "j2 10 - 10 REJECTED SESSION_CLOSED",
        "j3 15 15 20 DONE",
        "j4 20 - 20 REJECTED SESSION_CLOSED",
        "j5 10 10 15 DONE",
        "j6 20 20 25 DONE",
        *CREATED_AND_STARTED_AT_0,
        "7 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "10 s1 ABSENT CREATE OPEN",
        "10 s1 OPEN START RUNNING",
        "17 s1 RUNNING MAX_TIME CLOSED MAX_TIME",
        "20 s2 ABSENT CREATE OPEN",
        "20 s2 OPEN START RUNNING",
        f"25 s2 IDLE {end}",
        "end 25",
    ]
    journal = scheduler.journal
    assert list(journal.session) == [0, 0, 0, 1, 1, 1, 2]
    # S67: of these the ids are made: s1 is `<client>.2`, s2 `<client>.3`; j5 is `<iteration 3>.2`
    assert journal.repeated_sessions == [0, 1]
    assert journal.repeated_jobs == [2, 4]


def test_s66_new_session_is_created_by_its_submission_and_inherits_no_close_or_cancel(run):
    """s0 exists from 0 and is closed at 7, while the second iteration runs; the third needs a new session."""
    client = ClientSpec(
        first_job=0, jobs=3, session=0, on_finish=OnFinish.LEAVE, on_rejection=OnRejection.NEW_SESSION
    )
    sessions = [SessionSpec(created_us=0, close_us=7, cancel_us=12, interactive_timeout_us=3)]
    assert run(iterations(5, 5, 5), sessions, [client]) == [
        "j0 0 0 5 DONE",
        "j1 5 5 10 DONE",
        "j2 10 - 10 REJECTED SESSION_CLOSED",
        "j3 10 10 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "7 s0 RUNNING CLOSE CLOSING",
        "10 s0 CLOSING END_LAST CLOSED CLOSED",
        "10 s1 ABSENT CREATE OPEN",
        "10 s1 OPEN START RUNNING",
        "18 s1 IDLE ITTL INACTIVE",
        "end 18",
    ]


def test_s66_job_mode_sends_the_iteration_and_all_later_ones_in_job_mode(trace):
    client = ClientSpec(first_job=0, jobs=4, session=0, on_rejection=OnRejection.JOB_MODE)
    jobs = [*iterations(5, 5, 5, 5), JobSpec(qpu_time_us=3, at_us=12)]
    scheduler = Scheduler(Plan.of(jobs, [SessionSpec(max_time_us=7)], [client]))
    assert scheduler.advance_while_needed()
    assert trace(scheduler) == [
        "j0 0 0 5 DONE",
        "j1 5 5 10 DONE",
        "j2 10 - 10 REJECTED SESSION_CLOSED",
        "j3 15 18 23 DONE",
        "j4 12 15 18 DONE",
        "j5 10 10 15 DONE",
        *CREATED_AND_STARTED_AT_0,
        "7 s0 RUNNING MAX_TIME CLOSED MAX_TIME",
        "end 23",
    ]
    journal = scheduler.journal
    assert list(journal.session) == [0, 0, 0, NEVER, NEVER, NEVER]
    assert (journal.repeated_jobs, journal.repeated_sessions) == ([2], [])


@pytest.mark.parametrize("on_rejection", list(OnRejection), ids=lambda value: value.name)
@pytest.mark.parametrize("on_error", list(OnError), ids=lambda value: value.name)
def test_s66_any_other_reason_is_give_up(run, on_rejection, on_error):
    client = ClientSpec(first_job=0, jobs=2, session=0, on_error=on_error, on_rejection=on_rejection)
    jobs = iterations(5, 5, max_execution_time_us=9)
    assert run(jobs, [SessionSpec(max_time_us=8)], [client]) == [
        "j0 0 - 0 REJECTED EXECUTION_TIME_EXCEEDS_SESSION",
        "j1 - - - -",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN CLOSE_EMPTY CLOSED CLOSED",
        "end 0",
    ]


def test_s66_answers_also_a_session_that_is_closing_because_somebody_closed_it(run):
    """j2 is somebody else's job in the same session and keeps it closing; the answer is the same."""
    jobs = [*iterations(5, 5, think_us=1), JobSpec(qpu_time_us=20, at_us=1, session=0)]
    client = ClientSpec(first_job=0, jobs=2, session=0, on_rejection=OnRejection.JOB_MODE)
    assert run(jobs, [SessionSpec(close_us=3)], [client]) == [
        "j0 0 0 5 DONE",
        "j1 6 - 6 REJECTED SESSION_CLOSED",
        "j2 1 5 25 DONE",
        "j3 6 25 30 DONE",
        *CREATED_AND_STARTED_AT_0,
        "3 s0 RUNNING CLOSE CLOSING",
        "25 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 30",
    ]


# ---------------------------------------------------------------- S67


def test_s67_attempts_and_sessions_created_in_a_run_are_numbered_in_order_of_creation(trace):
    """Max_time ends the waiting j1 at 20; its retry j3 is rejected, and again submitted as j4 to s1."""
    jobs = [*iterations(5, 5, think_us=2), JobSpec(qpu_time_us=30, at_us=1)]
    client = ClientSpec(
        first_job=0, jobs=2, session=0, on_error=OnError.RETRY, on_rejection=OnRejection.NEW_SESSION
    )
    sessions = [SessionSpec(max_time_us=20, interactive_timeout_us=0)]
    scheduler = Scheduler(Plan.of(jobs, sessions, [client]), Rules())
    assert scheduler.advance_while_needed()
    assert trace(scheduler) == [
        "j0 0 0 5 DONE",
        "j1 7 - 20 ERROR MAX_TIME",
        "j2 1 5 35 DONE",
        "j3 20 - 20 REJECTED SESSION_CLOSED",
        "j4 20 35 40 DONE",
        *CREATED_AND_STARTED_AT_0,
        "5 s0 IDLE ITTL INACTIVE",
        "20 s0 INACTIVE MAX_TIME CLOSED MAX_TIME",
        "20 s1 ABSENT CREATE OPEN",
        "35 s1 OPEN START RUNNING",
        "40 s1 IDLE CLOSE_EMPTY CLOSED CLOSED",
        "end 40",
    ]
    assert scheduler.journal.repeated_jobs == [1, 3]
    assert scheduler.journal.repeated_sessions == [0]

"""Every invariant sees its own corruption of a record that is right: sessions and waiting (S75 to S79)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from results.handmade import (
    BATCH,
    JOBS,
    SESSION,
    SESSIONS,
    TRANSITIONS,
    make_record,
    make_run,
    with_job,
)

from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing import check_invariants
from qsession_sim.testing.facts import Facts
from qsession_sim.testing.job_identities import check_little
from testing.corruptions import (
    job_mode_run,
    of_jobs,
    replaced_transitions,
    session_run,
    violation,
    with_intervals,
    with_tables,
)

DONE, NONE = JobStatus.DONE, Reason.NONE


# ------------------------------------------------------------------ S75


def test_s75_a_job_starts_after_its_session_closed():
    """Cancelled at 60, in the queue j4 should have been dropped."""
    rows = replaced_transitions(
        (3, (60, 0, SessionPhase.INACTIVE, SessionEvent.CANCEL, SessionPhase.CLOSED, Reason.CANCELLED)),
        (5, None),
    )
    assert violation(make_run(make_record(transitions=rows))) == (
        "S75 at 65 us: job 'j4' starts when session 's1' is closed"
    )


def test_s75_a_job_starts_when_max_time_ends():
    """S3: max_time is over before the dispatch of that instant, unless it is 0 (S11)."""
    closing = (65, 0, SessionPhase.RUNNING, SessionEvent.MAX_TIME, SessionPhase.CLOSED, Reason.MAX_TIME)
    rows = replaced_transitions((5, None), (4, closing), (6, None), (7, None))
    jobs = tuple(job for job in JOBS[:4])

    def run(max_time_us):
        sessions = (("s1", 0, SESSION, max_time_us, 10),)
        return make_run(make_record(jobs, sessions, rows, end_us=70), horizon=None)

    assert violation(run(65)) == "S75 at 65 us: job 'j4' starts when session 's1' is closed"
    check_invariants(run(0))


def test_s75_a_job_starts_while_its_session_is_inactive():
    rows = replaced_transitions(
        (3, None),
        (5, (72, 0, SessionPhase.INACTIVE, SessionEvent.CLOSE_EMPTY, SessionPhase.CLOSED, Reason.CLOSED)),
    )
    assert violation(make_run(make_record(transitions=rows))) == (
        "S75 at 65 us: job 'j4' starts when session 's1' is not active"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # two activations without an inactive interval
        (
            (
                (2, (35, 0, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.OPEN, NONE)),
                (3, (65, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, NONE)),
            ),
            "S75 at 65 us: session 's1' cannot go from OPEN to RUNNING there",
        ),
        # a change from a phase that the session was not in
        (
            ((3, (65, 0, SessionPhase.INACTIVE_CLOSING, SessionEvent.START, SessionPhase.RUNNING, NONE)),),
            "S75 at 65 us: session 's1' cannot go from INACTIVE_CLOSING to RUNNING there",
        ),
        # the same, between phases that both accept jobs
        (
            ((7, (81, 1, SessionPhase.OPEN, SessionEvent.ITTL, SessionPhase.INACTIVE, NONE)),),
            "S75 at 81 us: session 'b1' cannot go from OPEN to INACTIVE there",
        ),
        # a change before the one that it follows
        (
            ((5, (64, *TRANSITIONS[5][1:])),),
            "S75 at 64 us: session 's1' cannot go from IDLE to CLOSED there",
        ),
        # a second creation
        (
            ((7, (80, 0, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, NONE)),),
            "S75 at 80 us: session 's1' cannot go from ABSENT to OPEN there",
        ),
        # a life that does not begin with its creation
        (
            ((0, None),),
            "S75 at 0 us: session 's1' cannot go from OPEN to RUNNING there",
        ),
        # a change of a closed session
        (
            ((7, (80, 0, SessionPhase.CLOSED, SessionEvent.CLOSE, SessionPhase.CLOSED, NONE)),),
            "S75 at 80 us: session 's1' cannot go from CLOSED to CLOSED there",
        ),
    ],
)
def test_s75_a_session_takes_an_impossible_step(changes, message):
    assert violation(make_run(make_record(transitions=replaced_transitions(*changes)))) == message


# ------------------------------------------------------------------ S76


def test_s76_active_for_longer_than_the_ittl():
    """s1 is without jobs from 25 to 35; b1 from 76 to 81, whatever j7 does (S32)."""
    sessions = (("s1", 0, SESSION, 1000, 9), *SESSIONS[1:])
    assert violation(make_run(make_record(sessions=sessions))) == (
        "S76 at 34 us: session 's1' has been without jobs since 25 us "
        "and is still active after its ITTL of 9 us"
    )
    sessions = (SESSIONS[0], ("b1", 1, BATCH, 1000, 4), SESSIONS[2])
    assert violation(make_run(make_record(sessions=sessions))).startswith("S76 at 80 us: session 'b1'")


def test_s76_a_long_gap_between_jobs_counts_too():
    """From 10 to 15, with an ITTL of 4."""
    sessions = (("s1", 0, SESSION, 1000, 4), *SESSIONS[1:])
    assert violation(make_run(make_record(sessions=sessions))).startswith("S76 at 14 us: session 's1'")


def test_s76_the_ittl_is_zero_if_sessions_do_not_hold():
    """S51: for sessions, not for batches."""
    assert violation(make_run(hold="none")) == (
        "S76 at 10 us: session 's1' has been without jobs since 10 us "
        "and is still active after its ITTL of 0 us"
    )
    run = session_run(BATCH, ("j2", 1, NEVER, 5, 12, 12, 17, DONE, NONE), hold="none")
    check_invariants(run)


def test_s76_a_rejected_submission_does_not_restart_the_ittl():
    """S20: it changes no clock; j5 is rejected at 30, while s1 is idle since 25."""
    jobs = with_job("j5", submitted=30, ended=30, reason=Reason.EXECUTION_TIME_EXCEEDS_SESSION)
    sessions = (("s1", 0, SESSION, 1000, 9), *SESSIONS[1:])
    check_invariants(make_run(make_record(jobs)))
    assert violation(make_run(make_record(jobs, sessions))).startswith("S76 at 34 us: session 's1'")


def test_s76_counts_from_the_cancellation_that_emptied_the_session():
    """S13: j2 is queued behind j1 from 5 and cancelled at 12, in an idle QPU that S74 would name first."""
    cancelled = ("j2", 0, 0, 5, 5, 10, 12, JobStatus.CANCELLED, Reason.JOB_CANCELLED)
    transitions = (*TRANSITIONS[:2], (22, *TRANSITIONS[2][1:]))
    jobs = (("j1", 0, 0, 10, 0, 0, 10, DONE, NONE), cancelled)
    check_invariants(
        make_run(make_record(jobs, (("s1", 0, SESSION, 1000, 10),), transitions, 22), horizon=22)
    )
    run = make_run(make_record(jobs, (("s1", 0, SESSION, 1000, 9),), transitions, 22), horizon=22)
    assert violation(run).startswith("S76 at 21 us: ")


# ------------------------------------------------------------------ S77


def test_s77_close_makes_a_queued_job_fail():
    """j11 is queued behind j4 and dropped at 70; s1 was closed, not cancelled, and at 72."""
    dropped = {"session": 0, "submitted": 66, "ended": 70, "reason": Reason.SESSION_CANCELLED}
    assert violation(of_jobs("j11", **dropped)) == (
        "S77 at 70 us: job 'j11' was queued and failed with SESSION_CANCELLED, which did not happen then"
    )
    check_invariants(of_jobs("j11", **dropped | {"reason": Reason.JOB_CANCELLED}))


@pytest.mark.parametrize(
    ("status", "reason", "event", "end_reason"),
    [
        (JobStatus.CANCELLED, Reason.SESSION_CANCELLED, SessionEvent.CANCEL, Reason.CANCELLED),
        (JobStatus.ERROR, Reason.MAX_TIME, SessionEvent.MAX_TIME, Reason.MAX_TIME),
        (JobStatus.CANCELLED, Reason.MAX_TIME, SessionEvent.MAX_TIME, Reason.MAX_TIME),
    ],
)
def test_s77_max_time_and_cancel_may(status, reason, event, end_reason):
    """S16, S18: s1 ends at 6, j1 runs to 10; a job that fails at another time fails for nothing."""

    def run(dropped_us):
        return make_run(
            make_record(
                (JOBS[0], ("j2", 0, 0, 5, 3, NEVER, dropped_us, status, reason)),
                (("s1", 0, SESSION, 6, 10),),
                (*TRANSITIONS[:2], (6, 0, SessionPhase.RUNNING, event, SessionPhase.CLOSED, end_reason)),
                end_us=10,
            ),
            horizon=None,
        )

    check_invariants(run(6))
    assert violation(run(5)).startswith("S77 at 5 us: job 'j2' was queued")


def test_s77_a_job_fails_by_what_did_not_end_its_session():
    """s1 is ended by max_time at 6, and j2 by a cancel of the session."""
    record = make_record(
        (JOBS[0], ("j2", 0, 0, 5, 3, NEVER, 6, JobStatus.CANCELLED, Reason.SESSION_CANCELLED)),
        (("s1", 0, SESSION, 6, 10),),
        (
            *TRANSITIONS[:2],
            (6, 0, SessionPhase.RUNNING, SessionEvent.MAX_TIME, SessionPhase.CLOSED, Reason.MAX_TIME),
        ),
        end_us=10,
    )
    assert violation(make_run(record, horizon=None)).startswith("S77 at 6 us: job 'j2'")


def test_s77_a_job_mode_job_fails_with_a_reason_of_sessions():
    assert violation(of_jobs("j11", reason=Reason.SESSION_CANCELLED)).startswith("S77 at 86 us: job 'j11'")


# ------------------------------------------------------------------ S27


@pytest.mark.parametrize(
    ("patience_us", "ended", "reason", "message"),
    [
        (5, 8, Reason.RENEGED, None),
        (
            6,
            8,
            Reason.RENEGED,
            "S27 at 8 us: job 'j2' leaves although its patience is not over, or has started",
        ),
        (
            4,
            8,
            Reason.RENEGED,
            "S27 at 8 us: job 'j2' leaves although its patience is not over, or has started",
        ),
        (
            NEVER,
            8,
            Reason.RENEGED,
            "S27 at 8 us: job 'j2' leaves although its patience is not over, or has started",
        ),
        (
            4,
            8,
            Reason.JOB_CANCELLED,
            "S27 at 7 us: job 'j2' has not started by 7 us, when its patience is over",
        ),
        (5, 8, Reason.JOB_CANCELLED, None),
        (5, 7, Reason.JOB_CANCELLED, None),
    ],
)
def test_s27_a_job_leaves_when_its_patience_is_over_and_no_earlier(patience_us, ended, reason, message):
    """j1 runs from 0 to 10, j2 waits from 3 on."""
    waits = ("j2", 0, NEVER, 5, 3, NEVER, ended, JobStatus.CANCELLED, reason)
    check_patience_of(waits, patience_us, message)


@pytest.mark.parametrize(
    ("patience_us", "message"),
    [
        (8, None),
        (7, "S27 at 10 us: job 'j2' has not started by 10 us, when its patience is over"),
    ],
)
def test_s27_a_job_starts_before_its_patience_is_over(patience_us, message):
    """j2 waits from 3 on, and starts at 10."""
    starts = ("j2", 0, NEVER, 5, 3, 10, 15, JobStatus.DONE, Reason.NONE)
    check_patience_of(starts, patience_us, message)


def check_patience_of(job, patience_us, message):
    first = ("j1", 0, NEVER, 10, 0, 0, 10, JobStatus.DONE, Reason.NONE)
    record = make_record((first, job), (), (), end_us=max(10, job[6]))
    jobs = replace(record.workload.jobs, patience_us=np.array([NEVER, patience_us]))
    run = make_run(replace(record, workload=replace(record.workload, jobs=jobs)), horizon=None)
    if message is None:
        check_invariants(run)
    else:
        assert violation(run) == message


# ------------------------------------------------------------------ S78


def test_s78_a_queue_length_that_no_job_accounts_for():
    """One too many from 40 to 65: the integral is 56 + 25."""
    queue_length = make_run().queue_length.with_columns(
        queued=pl.when(pl.col("time_us") == 40).then(2).otherwise(pl.col("queued")).cast(pl.Int64)
    )
    assert violation(with_tables(queue_length=queue_length)) == (
        "S78 at 40 us: the integral of the queue length is 81 us, its jobs waited 56 us"
    )


def test_s78_a_queue_length_without_its_first_rows():
    queue_length = make_run().queue_length.slice(2)
    assert violation(with_tables(queue_length=queue_length)).startswith("S78 at 0 us: ")


def test_s78_holds_for_the_system_too():
    """j3 is on the QPU for 30; a busy interval of 20 loses 10, which S72 sees as well."""

    def change(rows):
        rows[4][2] = 55

    run = with_intervals(change)
    facts = Facts.of(run)
    assert [found.message for found in check_little(facts)] == [
        "queue and QPU hold jobs for 115 us, the jobs stayed 125 us"
    ]


# ------------------------------------------------------------------ S79


def test_s79_out_of_order():
    """j2 and j3 wait for j1, and j3 goes first: first come, first served is broken at 10."""
    stays = ((0, 0, 10), (1, 15, 20), (2, 10, 15))
    assert violation(job_mode_run(*stays)) == "S79 at 10 us: job 'j2' waits 14 us instead of 9 us"


def test_s79_applies_to_first_in_first_out_without_horizon_and_cancels_only():
    stays = ((0, 0, 10), (1, 15, 20), (2, 10, 15))
    check_invariants(job_mode_run(*stays, queue="priority"))
    check_invariants(job_mode_run(*stays, horizon=20))
    run = job_mode_run(*stays)
    record = replace(
        run.record,
        stage=np.array([JobStatus.CANCELLED, DONE, DONE], dtype=np.int8),
        reason=np.array([Reason.JOB_CANCELLED, NONE, NONE], dtype=np.int8),
    )
    check_invariants(make_run(record, horizon=None))


def test_s79_jobs_of_one_instant_go_by_number():
    check_invariants(job_mode_run((5, 5, 6), (5, 6, 8)))
    assert violation(job_mode_run((5, 7, 8), (5, 5, 7))).startswith("S79 at 5 us: job 'j1' waits 2 us")

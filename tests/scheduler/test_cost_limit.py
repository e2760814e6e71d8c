"""S28: what an account has open and queued ends when its usage reaches the quota."""

from __future__ import annotations

import pytest

from qsession_sim.scheduler.plan import (
    AccountSpec,
    ClientSpec,
    JobSpec,
    QpuSpec,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, WindowKind


def limited(amount, window_us=1000, *, ends=True):
    """Account 0 may use so much."""
    return {0: AccountSpec(quota=SlidingLimit(amount, window_us), quota_ends=ends)}


LONG = JobSpec(qpu_time_us=10, at_us=0)
"""On the QPU from 0 to 10."""


@pytest.mark.parametrize(
    ("ends", "waiting"), [(True, "j1 1 - 4 CANCELLED COST_LIMIT"), (False, "j1 1 10 12 DONE")]
)
def test_s28_what_is_queued_ends_when_usage_reaches_the_quota_and_what_runs_completes(run, ends, waiting):
    """S20 rejects what comes later, whatever becomes of what was there."""
    jobs = [LONG, JobSpec(qpu_time_us=2, at_us=1), JobSpec(qpu_time_us=2, at_us=5)]
    assert run(jobs, account_specs=limited(4, ends=ends))[:3] == [
        "j0 0 0 10 DONE",
        waiting,
        "j2 5 - 5 REJECTED QUOTA_EXCEEDED",
    ]


def test_s28_a_quota_as_long_as_its_window_is_reached_where_usage_stops_to_grow(run):
    """4 in (t - 4, t] are reached at 4, and stay."""
    jobs = [LONG, JobSpec(qpu_time_us=1, at_us=1)]
    assert run(jobs, account_specs=limited(4, 4))[1] == "j1 1 - 4 CANCELLED COST_LIMIT"


def test_s28_two_qpus_use_twice_as_much_and_the_first_whole_microsecond_counts(run):
    """4 used at 2, 6 at 3: 5 are reached at 3."""
    jobs = [JobSpec(qpu_time_us=10, at_us=0, qpu=0), JobSpec(qpu_time_us=10, at_us=0, qpu=1)]
    jobs += [JobSpec(qpu_time_us=1, at_us=1, qpu=0)]
    lines = run(jobs, account_specs=limited(5), qpus=(QpuSpec(), QpuSpec()))
    assert lines[2] == "j2 1 - 3 CANCELLED COST_LIMIT @0"


@pytest.mark.parametrize(
    ("waiting", "line"),
    [
        pytest.param(JobSpec(qpu_time_us=1, at_us=1), "CANCELLED COST_LIMIT", id="would_start_just_then"),
        pytest.param(JobSpec(qpu_time_us=1, at_us=1, cancel_us=4), "CANCELLED JOB_CANCELLED", id="cancel"),
        pytest.param(JobSpec(qpu_time_us=1, at_us=1, patience_us=3), "CANCELLED RENEGED", id="patience"),
        pytest.param(
            JobSpec(qpu_time_us=1, at_us=1, session=0), "ERROR MAX_TIME", id="max_time_of_a_session"
        ),
    ],
)
def test_s28_in_its_instant_it_comes_after_sessions_of_its_rank_and_before_dispatch(run, waiting, line):
    """S3: j0 runs from 0 to 4, where the quota of 4 is reached; max_time is 4 from 0 on."""
    of_session = waiting.session != NEVER
    jobs = [JobSpec(qpu_time_us=4, at_us=0, session=0 if of_session else NEVER), waiting]
    sessions = [SessionSpec(max_time_us=4)] if of_session else []
    assert run(jobs, sessions, account_specs=limited(4))[:2] == ["j0 0 0 4 DONE", f"j1 1 - 4 {line}"]


def test_s28_sessions_in_every_state_are_closed_in_order_then_jobs_in_job_mode_end(run):
    """s3 does not exist yet; of account 1 nothing ends."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=1),
        JobSpec(qpu_time_us=1, at_us=1, session=2),
        JobSpec(qpu_time_us=1, at_us=2),
        JobSpec(qpu_time_us=1, at_us=9, session=3),
        JobSpec(qpu_time_us=1, at_us=1, account=1),
        JobSpec(qpu_time_us=1, at_us=3, session=0),
    ]
    sessions = [SessionSpec(), SessionSpec(), SessionSpec(mode=Mode.BATCH, close_us=2), SessionSpec()]
    assert run(jobs, sessions, accounts=("a", "b"), account_specs=limited(5)) == [
        "j0 0 0 10 DONE",
        "j1 1 - 5 CANCELLED COST_LIMIT",
        "j2 1 - 5 CANCELLED COST_LIMIT",
        "j3 2 - 5 CANCELLED COST_LIMIT",
        "j4 9 - 9 REJECTED QUOTA_EXCEEDED",
        "j5 1 10 11 DONE",
        "j6 3 - 5 CANCELLED COST_LIMIT",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "1 s1 ABSENT CREATE OPEN",
        "1 s2 ABSENT CREATE OPEN",
        "2 s2 OPEN CLOSE OPEN_CLOSING",
        "5 s0 RUNNING COST_LIMIT CLOSED COST_LIMIT",
        "5 s1 OPEN COST_LIMIT CLOSED COST_LIMIT",
        "5 s2 OPEN_CLOSING COST_LIMIT CLOSED COST_LIMIT",
        "9 s3 ABSENT CREATE OPEN",
        "end 11",
    ]


def test_s28_a_session_uses_also_while_it_idles_and_gives_the_qpu_back(run):
    """S62: 7 are used at 7, 4 of them in the pause; the job of the other account starts then."""
    jobs = [JobSpec(qpu_time_us=3, at_us=0, session=0), JobSpec(qpu_time_us=1, at_us=1, account=1)]
    lines = run(jobs, [SessionSpec(interactive_timeout_us=50)], accounts=("a", "b"), account_specs=limited(7))
    assert lines == [
        "j0 0 0 3 DONE",
        "j1 1 7 8 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "7 s0 IDLE COST_LIMIT CLOSED COST_LIMIT",
        "end 8",
    ]


def test_s28_an_inactive_session_is_closed_and_post_processing_completes(run):
    """s0 is inactive from 2 on. j1 runs from 2 to 5, then is post-processed; the quota of 4 is reached at 4."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=3, at_us=1, post_processing_us=5),
        JobSpec(qpu_time_us=2, at_us=3, session=0),
    ]
    sessions = [SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, account_specs=limited(4))[:3] == [
        "j0 0 0 2 DONE left 2",
        "j1 1 2 10 DONE left 5",
        "j2 3 - 4 CANCELLED COST_LIMIT left -",
    ]


def test_s28_it_acts_once_for_each_rise(run):
    """4 in (t - 10, t]: reached at 4, still there at 11, 3 at 12. From 12 on j1 uses as fast as the past goes, to
    15; then it grows to 4 at 16, where j2 ends. At 9, when it is above, j3 is rejected.
    """
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0),
        JobSpec(qpu_time_us=6, at_us=12),
        JobSpec(qpu_time_us=1, at_us=13),
        JobSpec(qpu_time_us=1, at_us=9),
    ]
    assert run(jobs, account_specs=limited(4, 10)) == [
        "j0 0 0 5 DONE",
        "j1 12 12 18 DONE",
        "j2 13 - 16 CANCELLED COST_LIMIT",
        "j3 9 - 9 REJECTED QUOTA_EXCEEDED",
        "end 18",
    ]


def test_s28_usage_may_fall_and_rise_again_while_nothing_begins_or_ends(run):
    """9 in (t - 10, t]: 8 are used by 4 on two QPUs, and j2 goes on from 7: 9 at 8, 11 at 10. While the 8 leave the
    window, to 14, it falls to 7; then it grows again, to 9 at 16.
    """
    jobs = [
        JobSpec(qpu_time_us=4, at_us=0, qpu=0),
        JobSpec(qpu_time_us=4, at_us=0, qpu=1),
        JobSpec(qpu_time_us=20, at_us=7, qpu=0),
        JobSpec(qpu_time_us=1, at_us=14, qpu=0),
    ]
    lines = run(jobs, account_specs=limited(9, 10), qpus=(QpuSpec(), QpuSpec()))
    assert lines[2:4] == ["j2 7 7 27 DONE @0", "j3 14 - 16 CANCELLED COST_LIMIT @0"]


def test_s28_what_is_given_back_may_have_begun_before_the_window(run):
    """3 in (t - 4, t]: reached at 3. Given back at 10, 12 to 15 reach it again."""
    jobs = [
        JobSpec(qpu_time_us=20, at_us=0),
        JobSpec(qpu_time_us=9, at_us=12),
        JobSpec(qpu_time_us=1, at_us=13),
    ]
    assert run(jobs, account_specs=limited(3, 4), windows=[WindowSpec(WindowKind.OUTAGE, 10, 1)])[:3] == [
        "j0 0 0 10 ERROR QPU_FAILED",
        "j1 12 12 21 DONE",
        "j2 13 - 15 CANCELLED COST_LIMIT",
    ]


def test_s28_what_an_outage_gives_back_lets_it_act_again(run):
    """Reached at 4; given back at 6; j2 runs from 8 on, and at 12 it is reached again."""
    jobs = [
        LONG,
        JobSpec(qpu_time_us=1, at_us=1),
        JobSpec(qpu_time_us=9, at_us=7),
        JobSpec(qpu_time_us=1, at_us=9),
    ]
    windows = [WindowSpec(WindowKind.OUTAGE, 6, 2)]
    assert run(jobs, account_specs=limited(4), windows=windows)[:4] == [
        "j0 0 0 6 ERROR QPU_FAILED",
        "j1 1 - 4 CANCELLED COST_LIMIT",
        "j2 7 8 17 DONE",
        "j3 9 - 12 CANCELLED COST_LIMIT",
    ]


def test_s28_it_acts_before_an_outage_of_its_instant(run):
    """S3: at 4 the quota is reached, and only then the outage gives everything back."""
    jobs = [LONG, JobSpec(qpu_time_us=1, at_us=1)]
    windows = [WindowSpec(WindowKind.OUTAGE, 4, 2)]
    assert run(jobs, account_specs=limited(4), windows=windows)[:2] == [
        "j0 0 0 4 ERROR QPU_FAILED",
        "j1 1 - 4 CANCELLED COST_LIMIT",
    ]


def test_s28_a_requeued_job_is_queued(run):
    """S52: thrown off at 2, it waits while j1 on the other QPU uses up the quota of 6 at 6."""
    jobs = [JobSpec(qpu_time_us=9, at_us=0, qpu=0), JobSpec(qpu_time_us=9, at_us=0, qpu=1)]
    windows = [WindowSpec(WindowKind.OUTAGE, 2, 20)]
    rules = Rules(requeues_after_outage=True)
    lines = run(jobs, account_specs=limited(6), windows=windows, rules=rules, qpus=(QpuSpec(), QpuSpec()))
    assert lines[:2] == ["j0 0 0 6 CANCELLED COST_LIMIT @0", "j1 0 0 9 DONE @1"]


def test_s28_the_clock_prolongs_no_run_and_does_nothing_at_a_horizon(run):
    """S6."""
    jobs = [JobSpec(qpu_time_us=3, at_us=0)]
    assert run(jobs, account_specs=limited(3, 5)) == ["j0 0 0 3 DONE", "end 3"]
    assert run([LONG, JobSpec(qpu_time_us=1, at_us=1)], account_specs=limited(4), horizon_us=4) == [
        "j0 0 0 - RUNNING",
        "j1 1 - - QUEUED",
        "end 4",
    ]


def test_s28_a_client_that_retries_is_rejected(run):
    """S65, S66: the attempt that follows in the instant meets the quota, which ends the client."""
    jobs = [LONG, JobSpec(qpu_time_us=1, at_us=1, client=0)]
    client = ClientSpec(first_job=1, jobs=1, on_error=OnError.RETRY)
    assert run(jobs, [], [client], account_specs=limited(4)) == [
        "j0 0 0 10 DONE",
        "j1 1 - 4 CANCELLED COST_LIMIT",
        "j2 4 - 4 REJECTED QUOTA_EXCEEDED",
        "end 10",
    ]

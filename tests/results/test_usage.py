"""What accounts are charged for, worked out by hand from the rules (S62)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import qsession_sim as qs
from qsession_sim.results.periods import Periods
from qsession_sim.results.usage import most_in_window
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import JobStatus, Reason
from results.handmade import TRANSITIONS, make_record, make_run, with_job

MINE = {"mine": SimpleNamespace(price_per_second=500_000.0)}
LAB_A_HAS_MINE = (SimpleNamespace(name="lab-a", plan="mine"), SimpleNamespace(name="lab-b", plan=None))
NO_PLAN = {"plan": None, "price": None, "quota_share": None}


def usage(record=None, **more):
    return {name: used["usage_us"] for name, used in make_run(record, **more).summary()["accounts"].items()}


def test_usage_is_that_of_sessions_batches_and_jobs():
    """S62: s1 is active from 0 to 35 and 65 to 72, j8 on the QPU from 82 to 90; j3, j6 and j7 take 30, 4 and 2."""
    assert usage() == {"lab-a": 35 + 7 + 8, "lab-b": 30 + 4 + 2}


def test_usage_after_a_warm_up_is_clipped_to_it():
    """S62: from 33 on, s1 is active for 2 and 7 and j8 runs for 8; j3 is on the QPU from 35 to 65."""
    assert usage(warm_up=33) == {"lab-a": 2 + 7 + 8, "lab-b": 30 + 4 + 2}
    assert usage(warm_up=50) == {"lab-a": 7 + 8, "lab-b": 15 + 4 + 2}
    assert usage(warm_up=95) == {"lab-a": 0, "lab-b": 0}


def test_job_that_outlives_its_session_is_charged_to_its_end():
    """S62: s1 is cancelled at 68, while j4 is on the QPU until 70."""
    cancel = (68, 0, SessionPhase.RUNNING, SessionEvent.CANCEL, SessionPhase.CLOSED, Reason.CANCELLED)
    transitions = tuple(cancel if row[3] is SessionEvent.CLOSE_EMPTY else row for row in TRANSITIONS)

    record = make_record(transitions=transitions)

    assert usage(record) == {"lab-a": 35 + 5 + 8, "lab-b": 36}


def test_job_that_an_outage_ended_costs_nothing():
    """S62: j3 takes 30 otherwise; what a user cancels costs what it took."""
    failed = with_job("j3", status=JobStatus.ERROR, reason=Reason.QPU_FAILED)
    cancelled = with_job("j3", status=JobStatus.CANCELLED, reason=Reason.JOB_CANCELLED)

    assert usage(make_record(jobs=failed))["lab-b"] == 6
    assert usage(make_record(jobs=cancelled))["lab-b"] == 36


def test_sum_of_usage_is_that_of_sessions_and_of_jobs_in_job_mode():
    """S62: without a warm-up, and where nobody's plan matters."""
    run = make_run()
    job_mode = run.jobs.filter(pl.col("mode") == "job")

    assert sum(usage().values()) == run.sessions["usage_us"].sum() + job_mode["qpu_time_us"].sum()


def test_price_is_that_of_the_plan():
    """S62: 50 us at 500,000 a second; lab-b has no plan."""
    run = make_run(plans=MINE, accounts=LAB_A_HAS_MINE)

    assert run.summary()["accounts"] == {
        "lab-a": {"plan": "mine", "usage_us": 50, "price": 25.0, "quota_share": None},
        "lab-b": {**NO_PLAN, "usage_us": 36},
    }


def with_quota(amount, window_us):
    accounts = {0: AccountSpec(quota=SlidingLimit(amount, window_us))}
    return replace(make_record(), account_specs=accounts)


@pytest.mark.parametrize(
    ("window_us", "warm_up", "most"),
    [
        (10, 0, 10),
        (40, 0, 35),  # of 0 to 35
        (60, 0, 35),  # 35 at 35 to 60; at 72 the window has 12 to 35 and 65 to 72
        (80, 0, 42),  # at 72: both
        (100, 0, 50),
        (40, 60, 15),  # at 60 the window has 20 to 35, at 90 65 to 72 and 82 to 90
        (40, 62, 15),
        (20, 60, 10),  # at 85 the window has 65 to 72 and 82 to 85, at 90 70 to 72 and 82 to 90
    ],
)
def test_share_of_the_quota_is_that_of_the_fullest_window(window_us, warm_up, most):
    """S60: lab-a is charged from 0 to 35, 65 to 72 and 82 to 90."""
    accounts = make_run(with_quota(100, window_us), warm_up=warm_up).summary()["accounts"]

    assert (accounts["lab-a"]["quota_share"], accounts["lab-b"]["quota_share"]) == (most / 100, None)


def test_overlapping_usage_on_two_qpus_counts_twice():
    periods = Periods(np.zeros(2, dtype=np.int64), np.array([0, 5]), np.array([10, 9]))

    assert most_in_window(periods, 6, 0, 20) == 10


@pytest.mark.parametrize("seed", range(20))
def test_fullest_window_is_that_of_every_instant(seed):
    generator = np.random.default_rng(seed)
    start_us = generator.integers(0, 60, 5)
    periods = Periods(np.zeros(5, dtype=np.int64), start_us, start_us + generator.integers(0, 20, 5))
    window_us, since_us, until_us = (int(value) for value in generator.integers((1, 0, 40), (40, 40, 90)))
    charged = [sum(s <= t < e for s, e in zip(start_us, periods.end_us, strict=True)) for t in range(100)]

    most = max(sum(charged[max(t - window_us, 0) : t]) for t in range(since_us, until_us + 1))

    assert most_in_window(periods, window_us, since_us, until_us) == most


def test_table_has_a_row_for_each_account_over_the_whole_run():
    table = make_run(plans=MINE, accounts=LAB_A_HAS_MINE, warm_up=50).accounts

    assert table.rows() == [("lab-a", "mine", 50, 25.0, None), ("lab-b", None, 36, None, None)]
    assert table.schema == {
        "account": pl.Enum(["lab-a", "lab-b"]),
        "plan": pl.String,
        "usage_us": pl.Int64,
        "price": pl.Float64,
        "quota_share": pl.Float64,
    }


def test_simulated_accounts_are_charged_by_their_plans():
    """S60, S62: 10 s in a session that then waits 60 s for its ITTL, and 5 s in job mode, for 1.60 a second."""
    jobs = [
        {"id": "j1", "at": "0s", "session": "s1", "qpu_time": "10s"},
        {"id": "j2", "at": "0s", "account": "b", "qpu_time": "5s"},
    ]
    accounts = [{"name": "a", "plan": "pay-as-you-go"}, {"name": "b", "plan": "open"}, {"name": "c"}]
    source = {"kind": "explicit", "sessions": [{"id": "s1", "account": "a"}], "jobs": jobs}

    run = qs.simulate({"accounts": accounts, "workload": [source]})

    assert run.accounts.rows() == [
        ("a", "pay-as-you-go", 70_000_000, 112.0, None),
        ("b", "open", 5_000_000, None, 5 / 600),
        ("c", None, 0, None, None),
    ]


def test_session_that_is_closed_is_not_charged_for_a_post_processing():
    """S17, S62: `close()` at 1 us finds only the post-processing of `j1`, so `j2` starts then, after 1 us of usage."""
    jobs = [
        {"id": "j1", "at": "0us", "session": "s1", "qpu_time": "1us", "post_processing": "100us"},
        {"id": "j2", "at": "0us", "account": "b", "qpu_time": "5us"},
    ]
    session = {"id": "s1", "account": "a", "interactive_timeout": "2us", "close": "1us"}

    run = qs.simulate({"workload": [{"kind": "explicit", "sessions": [session], "jobs": jobs}]})

    assert run.jobs["started_us"].to_list() == [0, 1]
    assert run.sessions["usage_us"].to_list() == [1]
    assert run.sessions["closed_us"].to_list() == [101]


def test_users_are_charged_each_for_itself():
    """S60, S62: two jobs of a minute in all, of 10 minutes for each user."""
    groups = [{"at": "0s", "size": 2}]
    source = {"kind": "arrivals", "account": "a", "users": {"count": 3}, "groups": groups, "qpu_time": "1m"}

    run = qs.simulate({"accounts": [{"name": "a", "plan": "open"}], "workload": [source]})

    jobs = run.jobs.group_by("account").len()
    done = dict(jobs.iter_rows())
    assert run.accounts.rows() == [
        (name, "open", done.get(name, 0) * 60_000_000, None, done.get(name, 0) / 10)
        for name in ("a-1", "a-2", "a-3")
    ]


def test_run_without_accounts_has_an_empty_table():
    assert qs.simulate({"workload": []}).accounts.rows() == []

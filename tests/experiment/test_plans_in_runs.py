"""Plans and clients that a scenario gives are those that its run obeys (S20, S23, S60, S61)."""

from __future__ import annotations

import pytest

import qsession_sim as qs


def outcomes(jobs, plan, client=None, *, mode=None, programs=(), **more):
    """Status and reason of jobs of 10 s of account a, by their submissions; in a session of a mode, if any."""
    owner = {"account": "a"} if mode is None else {"session": "s"}
    rows = [{"id": f"j{n}", "at": at, "qpu_time": "10s", **owner} for n, at in enumerate(jobs)]
    sessions = [] if mode is None else [{"id": "s", "account": "a", "mode": mode}]
    account = (
        {"name": "a"} | ({} if plan is None else {"plan": "mine"}) | ({"client": client} if client else {})
    )
    workload = [{"kind": "explicit", "sessions": sessions, "jobs": rows}]
    scenario = {"plans": {"mine": plan or {}}, "accounts": [account], "workload": workload, **more}
    run = qs.simulate(scenario, programs=programs)
    return list(run.jobs.select("status", "reason").iter_rows())


DONE = ("DONE", None)


def rejected(reason):
    return ("REJECTED", reason)


def test_pending_jobs_are_limited():
    """S60: at 1s both are pending, at 10s the first has ended."""
    assert outcomes(["0s", "1s", "1s", "10s"], {"pending_jobs": 2}) == [
        DONE,
        DONE,
        rejected("TOO_MANY_PENDING"),
        DONE,
    ]


def test_submission_rate_is_limited():
    """S60: at 60s the window begins after the submission at 0s."""
    plan = {"submission_rate": {"count": 2, "window": "1m"}}

    assert outcomes(["0s", "59s", "59s", "60s"], plan) == [DONE, DONE, rejected("RATE_LIMITED"), DONE]


def test_usage_is_limited_by_the_quota():
    """S60, S62: 10 s of usage until 10s, of which 1 s is left in the window at 1h9s."""
    plan = {"quota": {"usage": "10s", "window": "1h"}}

    assert outcomes(["0s", "11s", "1h9s"], plan) == [DONE, rejected("QUOTA_EXCEEDED"), DONE]


@pytest.mark.parametrize(("mode", "plan"), [("session", {"sessions": False}), ("batch", {"batches": False})])
def test_drawn_sessions_are_rejected_where_the_plan_has_none(mode, plan):
    """S61: the client gives up (S66)."""
    source = {"kind": "iterative", "account": "a", "mode": mode, "iterations": 3, "qpu_time": "1s"}
    run = qs.simulate(
        {"plans": {"mine": plan}, "accounts": [{"name": "a", "plan": "mine"}], "workload": [source]}
    )

    assert list(run.jobs.select("status", "reason").iter_rows()) == [rejected("SESSIONS_NOT_IN_PLAN")]


def test_live_session_is_rejected_where_the_plan_has_none():
    """S61"""

    def program(service):
        with service.open_session("s1", account="a") as session:
            yield session.run("j", qpu_time_us=5)

    assert outcomes([], {"sessions": False}, programs=[program]) == [rejected("SESSIONS_NOT_IN_PLAN")]


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_old_client_is_refused_from_april_2024_on(mode):
    """S23: midnight is 1h after the start."""
    client, start = {"qiskit-ibm-runtime": "0.19.1"}, "2024-03-31T23:00:00Z"

    assert outcomes(["0s", "59m59s", "1h"], None, client, mode=mode, start=start) == [
        DONE,
        DONE,
        rejected("CLIENT_TOO_OLD"),
    ]


def test_old_client_may_submit_single_jobs():
    """S23: only session calls are refused."""
    assert outcomes(["0s"], None, {"qiskit-ibm-runtime": "0.19.1"}) == [DONE]

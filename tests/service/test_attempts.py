"""Ids of sessions and jobs that come to exist while a run goes on (S65, S66, S67)."""

from __future__ import annotations

from typing import Any

import qsession_sim as qs


def client(**keys: Any) -> dict[str, Any]:
    source = {
        "kind": "iterative",
        "name": "vqe",
        "account": "lab",
        "iterations": 2,
        "qpu_time": "10s",
        **keys,
    }
    return {"workload": [source]}


def rows(run: qs.Run) -> list[tuple[Any, ...]]:
    columns = ["job", "session", "status", "reason", "submitted_us", "started_us"]
    return [
        (job, session, status, reason, submitted // 10**6, None if started is None else started // 10**6)
        for job, session, status, reason, submitted, started in run.jobs.select(columns).rows()
    ]


def test_ids_count_from_one() -> None:
    """S67: jobs <stream>/<client>/<iteration>, sessions <stream>/<client>"""
    run = qs.simulate(client(clients=2))
    assert rows(run) == [
        ("vqe/1/1", "vqe/1", "DONE", None, 0, 0),
        ("vqe/1/2", "vqe/1", "DONE", None, 10, 10),
        ("vqe/2/1", "vqe/2", "DONE", None, 0, 20),
        ("vqe/2/2", "vqe/2", "DONE", None, 30, 30),
    ]


def test_a_new_session_and_a_further_attempt_are_numbered_from_two() -> None:
    """S11, S16, S66, S67: max_time ends the session 5 s into each first job.

    The second iteration is rejected at 10 s and goes into a second session in the same instant.
    """
    run = qs.simulate(client(max_time="5s", on_rejection="new_session"))
    assert rows(run) == [
        ("vqe/1/1", "vqe/1", "DONE", None, 0, 0),
        ("vqe/1/2", "vqe/1", "REJECTED", "SESSION_CLOSED", 10, None),
        ("vqe/1/2.2", "vqe/1.2", "DONE", None, 10, 10),
    ]
    assert run.sessions.select("session", "reason").rows() == [("vqe/1", "MAX_TIME"), ("vqe/1.2", "MAX_TIME")]


def test_each_further_session_and_attempt_counts_on() -> None:
    """S66, S67: three iterations need three sessions."""
    run = qs.simulate(client(iterations=3, max_time="5s", on_rejection="new_session"))
    assert rows(run) == [
        ("vqe/1/1", "vqe/1", "DONE", None, 0, 0),
        ("vqe/1/2", "vqe/1", "REJECTED", "SESSION_CLOSED", 10, None),
        ("vqe/1/3", "vqe/1.2", "REJECTED", "SESSION_CLOSED", 20, None),
        ("vqe/1/2.2", "vqe/1.2", "DONE", None, 10, 10),
        ("vqe/1/3.2", "vqe/1.3", "DONE", None, 20, 20),
    ]
    assert run.sessions["session"].to_list() == ["vqe/1", "vqe/1.2", "vqe/1.3"]


def test_job_mode_takes_all_later_iterations_out_of_the_session() -> None:
    """S66: the rejected iteration again, and the next ones, in job mode."""
    run = qs.simulate(client(iterations=3, max_time="5s", on_rejection="job_mode"))
    assert rows(run) == [
        ("vqe/1/1", "vqe/1", "DONE", None, 0, 0),
        ("vqe/1/2", "vqe/1", "REJECTED", "SESSION_CLOSED", 10, None),
        ("vqe/1/3", None, "DONE", None, 20, 20),
        ("vqe/1/2.2", None, "DONE", None, 10, 10),
    ]


def test_a_retry_is_a_further_attempt_with_the_same_times() -> None:
    """S44, S65, S67: a job of 10 s is cut at 4 s, retried, and cut by the horizon of 10 s the third time."""
    run = qs.simulate(client(on_error="retry", max_execution_time="4s") | {"horizon": "10s"})
    assert rows(run) == [
        ("vqe/1/1", "vqe/1", "ERROR", "RAN_TOO_LONG", 0, 0),
        ("vqe/1/1.2", "vqe/1", "ERROR", "RAN_TOO_LONG", 4, 4),
        ("vqe/1/1.3", "vqe/1", "RUNNING", None, 8, 8),
    ]
    assert run.jobs["requested_qpu_time_us"].to_list() == [10_000_000] * 3
    assert run.summary()["never_submitted"] == 1

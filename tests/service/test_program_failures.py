"""Jobs of live users whose program fails (S44): worked out by hand, times in microseconds."""

from __future__ import annotations

from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.testing import check_invariants


def run(*programs: Any, **scenario: Any) -> qs.Run:
    finished = qs.simulate({"workload": [], **scenario}, programs=programs)
    check_invariants(finished)
    return finished


def rows(finished: qs.Run) -> list[tuple[Any, ...]]:
    columns = ("job", "started_us", "completed_us", "status", "reason")
    return finished.jobs.select(columns).rows()


def submissions(**options: Any) -> Any:
    def program(service: qs.Service) -> Any:
        job = service.submit("j", qpu_time_us=10, account="lab", **options)
        yield service.submit("next", qpu_time_us=3, account="lab").completed
        yield job.completed

    return program


def test_it_uses_its_qpu_time_and_then_ends_in_error() -> None:
    finished = run(submissions(fails=True))

    assert rows(finished) == [("j", 0, 10, "ERROR", "PROGRAM_FAILED"), ("next", 10, 13, "DONE", None)]
    # S62: it is charged, as the program of the user failed and not the QPU
    assert finished.accounts["usage_us"].to_list() == [13]


def test_without_being_asked_to_it_does_not_fail() -> None:
    assert rows(run(submissions(fails=False))) == rows(run(submissions()))
    assert rows(run(submissions()))[0] == ("j", 0, 10, "DONE", None)


@pytest.mark.parametrize(
    ("limit_us", "row"),
    [
        (9, ("j", 0, 9, "ERROR", "RAN_TOO_LONG")),
        (10, ("j", 0, 10, "ERROR", "PROGRAM_FAILED")),
    ],
)
def test_its_limit_comes_first_only_if_it_is_shorter(limit_us: int, row: tuple[Any, ...]) -> None:
    assert rows(run(submissions(fails=True, max_execution_time_us=limit_us)))[0] == row


def test_it_is_prepared_but_not_post_processed() -> None:
    """Ready at 4, on the QPU from 4 to 14, and then at its end; "next" goes first, from 0 to 3."""
    finished = run(submissions(fails=True, preparation_us=4, post_processing_us=50))

    assert rows(finished) == [("j", 4, 14, "ERROR", "PROGRAM_FAILED"), ("next", 0, 3, "DONE", None)]


def test_a_cancel_comes_before_the_failure() -> None:
    def program(service: qs.Service) -> Any:
        job = service.submit("j", qpu_time_us=10, account="lab", fails=True)
        yield service.env.timeout(6)
        job.cancel()

    assert rows(run(program)) == [("j", 0, 6, "CANCELLED", "JOB_CANCELLED")]


def test_after_an_outage_it_runs_again_and_fails_then() -> None:
    """S52: on the QPU from 0 to 6 s, and from 8 s for all of its 10 s."""

    def program(service: qs.Service) -> Any:
        yield service.submit("j", qpu_time_us=10_000_000, account="lab", fails=True).completed

    outage = {"kind": "outage", "at": "6s", "duration": "2s"}
    finished = run(program, qpus=[{"name": "q", "windows": [outage]}], rules={"on_outage": "requeue"})

    assert rows(finished) == [("j", 8_000_000, 18_000_000, "ERROR", "PROGRAM_FAILED")]


def test_its_session_goes_on_and_its_ittl_runs_from_the_failure() -> None:
    """S13, S17: from 10 the session waits; the job of 15 stops the clock, and the close at 18 ends it."""

    def program(service: qs.Service) -> Any:
        session = service.open_session("s", account="lab", interactive_timeout_us=20)
        yield session.submit("j", qpu_time_us=10, fails=True).completed
        yield service.env.timeout(5)
        yield session.submit("k", qpu_time_us=3).completed
        session.close()

    finished = run(program)

    assert rows(finished) == [("j", 0, 10, "ERROR", "PROGRAM_FAILED"), ("k", 15, 18, "DONE", None)]
    assert finished.sessions.select("closed_us", "usage_us").rows() == [(18, 18)]
    assert finished.transitions["to_state"].to_list() == ["open", "active", "closed"]


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_whether_it_fails_is_true_or_false(value: Any) -> None:
    with pytest.raises(SchedulerUsageError, match=f"job 'j': fails must be True or False; got {value!r}"):
        run(submissions(fails=value))

"""S52: a reservation is for an account that submits jobs itself, which one that stands for users does not."""

from __future__ import annotations

from typing import Any

import pytest

from qsession_sim import simulate
from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

CROWD = {
    "kind": "arrivals",
    "name": "crowd",
    "account": "student",
    "users": {"count": 12},
    "interarrival": "10s",
    "count": 30,
    "qpu_time": "1s",
}
OWN_JOB = {"kind": "explicit", "jobs": [{"id": "j1", "at": "0s", "account": "student", "qpu_time": "1s"}]}
PLACE = "scenario: qpus.torino.windows.reservation.account: "
STANDS_FOR_USERS = "stands for users, who are accounts of their own; name one of them, such as student-1"


def scenario(account: str, *sources: Any, listed: bool = True) -> dict[str, Any]:
    window = {"kind": "reservation", "at": "0s", "duration": "1h", "account": account}
    accounts = {"accounts": [{"name": "student"}]} if listed else {}
    return {"qpus": [{"name": "torino", "windows": [window]}], "workload": [*sources], **accounts}


def problems(source: dict[str, Any]) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source)
    return list(caught.value.problems)


@pytest.mark.parametrize("listed", [True, False])
def test_account_that_stands_for_users_is_refused(listed: bool) -> None:
    found = problems(scenario("student", CROWD, listed=listed))
    assert found == [f"{PLACE}{STANDS_FOR_USERS} (got 'student')"]


def test_account_that_stands_for_users_and_submits_jobs_too_is_allowed() -> None:
    assert load_scenario(scenario("student", CROWD, OWN_JOB))


@pytest.mark.parametrize("user", ["student-1", "student-9", "student-12"])
def test_a_user_is_allowed(user: str) -> None:
    assert load_scenario(scenario(user, CROWD))


@pytest.mark.parametrize(
    "user", ["student-0", "student-01", "student-13", "student-", f"student-{'9' * 5000}"]
)
def test_a_user_that_does_not_exist_is_refused(user: str) -> None:
    (problem,) = problems(scenario(user, CROWD))
    assert problem.startswith(f"{PLACE}no account has this name (got 'student-")


def test_only_the_user_is_served_in_the_reservation() -> None:
    jobs = simulate(scenario("student-2", CROWD)).jobs
    early = jobs.filter(jobs["started_us"] < 3_600_000_000)
    assert set(early["account"]) == {"student-2"}
    assert early.height == jobs.filter(jobs["account"] == "student-2").height > 0

"""What the scheduler is told of accounts (S23, S60, S63), and the clocks of live programs (S61)."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.service.planning import account_specs, plan_of
from qsession_sim.units import DAY, HOUR, MINUTE, SECOND
from qsession_sim.workload.draw import draw

COURSE = {
    "sessions": False,
    "batches": False,
    "pending_jobs": 3,
    "submission_rate": {"count": 5, "window": "1m"},
    "quota": {"usage": "10m", "window": "28d"},
}


def specs(accounts, **more):
    return account_specs(load_scenario({"accounts": accounts, "workload": [], **more}).resolved)


def test_specification_has_what_the_plan_allows():
    """S60"""
    accounts = [{"name": "a", "plan": "course"}, {"name": "b", "plan": "premium"}]

    assert specs(accounts, plans={"course": COURSE}) == {
        "a": AccountSpec(
            sessions=False,
            batches=False,
            pending=3,
            submissions=SlidingLimit(5, MINUTE),
            quota=SlidingLimit(10 * MINUTE, 28 * DAY),
        )
    }


def test_allocation_of_nothing_is_none():
    """S63: both sort last."""
    accounts = [{"name": "a", "allocation": "10h"}, {"name": "b", "allocation": "0s"}, {"name": "c"}]

    assert specs(accounts) == {"a": AccountSpec(allocation_us=10 * HOUR)}


def test_users_have_the_plan_of_the_account_that_stands_for_them():
    """S60: each for itself."""
    source = {
        "kind": "arrivals",
        "account": "a",
        "users": {"count": 2},
        "interarrival": "1h",
        "qpu_time": "1s",
    }
    accounts = [{"name": "a", "plan": "course", "allocation": "1h"}, {"name": "b", "plan": "course"}]
    scenario = load_scenario(
        {"plans": {"course": COURSE}, "accounts": accounts, "workload": [{**source, "count": 5}]}
    ).resolved
    by_name = account_specs(scenario)

    assert {name: spec.allocation_us for name, spec in by_name.items()} == {
        **dict.fromkeys(["a", "a-1", "a-2"], HOUR),
        "b": 0,
    }
    assert {spec.pending for spec in by_name.values()} == {3}
    assert sorted(plan_of(draw(scenario), draw(scenario).accounts, by_name).account_specs) == [0, 1, 2]


@pytest.mark.parametrize(
    ("client", "is_refused"),
    [
        ({"qiskit-ibm-runtime": "0.19.1"}, True),
        ({"qiskit-ibm-runtime": "0.20.0"}, False),
        ({"qiskit-ibm-provider": "0.9.0"}, True),
        ({"qiskit-ibm-provider": "0.10.0"}, False),
        ({"qiskit": "0.44.0"}, False),
    ],
)
def test_old_clients_are_refused(client, is_refused):
    """S23"""
    expected = {"a": AccountSpec(client_too_old_from_us=0)} if is_refused else {}

    assert specs([{"name": "a", "client": client}]) == expected


@pytest.mark.parametrize(
    ("start", "from_us"),
    [
        ("2024-03-31T22:00:00Z", 2 * HOUR),
        ("2024-03-31T22:00:00-02:00", 0),
        ("2024-04-01", 0),
        ("2025-01-01", 0),
        ("2024-03-01", 31 * DAY),
    ],
)
def test_old_clients_are_refused_from_april_2024_on(start, from_us):
    """S23: by the calendar of the scenario."""
    accounts = [{"name": "a", "client": {"qiskit-ibm-runtime": "0.19.1"}}]

    assert specs(accounts, start=start) == {"a": AccountSpec(client_too_old_from_us=from_us)}


def test_specifications_reach_the_plan_by_the_numbers_of_their_accounts():
    accounts = [{"name": "c"}, {"name": "a", "plan": "course"}, {"name": "b", "allocation": "1h"}]
    scenario = load_scenario({"plans": {"course": COURSE}, "accounts": accounts, "workload": []})
    by_name = account_specs(scenario.resolved)

    plan = plan_of(draw(scenario.resolved), ["c", "a", "b"], by_name)

    assert plan.account_specs == {1: by_name["a"], 2: by_name["b"]}


def opened(accounts, **arguments):
    """The clocks in seconds of a session that a live program opens."""

    def program(service):
        service.open_session("s1", account="a", **arguments).close()
        yield service.env.timeout(1)

    scenario = {"plans": {"mine": {"max_time": "1h", "interactive_timeout": "9s"}}, "accounts": accounts}
    sessions = qs.simulate({**scenario, "workload": []}, programs=[program]).sessions
    return tuple(sessions[column][0] // SECOND for column in ("max_time_us", "interactive_timeout_us"))


def test_live_session_has_the_clocks_of_its_account_s_plan():
    """S60"""
    assert opened([{"name": "a", "plan": "mine"}]) == (3600, 9)
    assert opened([{"name": "a", "plan": "mine"}], mode=qs.Mode.BATCH) == (3600, 1)
    assert opened([{"name": "a", "plan": "mine"}], max_time_us=60 * SECOND) == (60, 9)
    assert opened([{"name": "a"}]) == (8 * 3600, 60)


def test_live_session_that_asks_for_too_much_is_refused():
    """S61"""
    with pytest.raises(SchedulerUsageError, match=r"'s1': max_time_us must be at most 3600000000, which"):
        opened([{"name": "a", "plan": "mine"}], max_time_us=HOUR + 1)
    with pytest.raises(
        SchedulerUsageError, match=r"'s1': interactive_timeout_us must be at most 9000000, which"
    ):
        opened([{"name": "a", "plan": "mine"}], interactive_timeout_us=9 * SECOND + 1)

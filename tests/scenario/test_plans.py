"""Plans and accounts: what profiles ship, what resolution fills in, what a plan forbids (S60, S61), clients (S23)."""

from __future__ import annotations

import pickle

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.accounts import PROFILE_PLANS, is_older
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.references import client_warnings
from qsession_sim.units import HOUR, MINUTE, SECOND

CLIENT_OF_2023 = {"qiskit-ibm-runtime": "0.19.1", "qiskit": "0.44.3"}


def facts(plan):
    """Everything that a plan of a profile says, whose clocks are default and limit in one."""
    clocks = [plan.max_time, plan.interactive_timeout.session, plan.interactive_timeout.batch]
    assert [clock.limit for clock in clocks] == [clock.default for clock in clocks]
    quota = None if plan.quota is None else (plan.quota.usage // MINUTE, plan.quota.window // (24 * HOUR))
    return (
        (plan.sessions, plan.batches),
        tuple(clock.default // SECOND for clock in clocks),
        (plan.pending_jobs, plan.submission_rate, quota, plan.price_per_second),
    )


def test_profiles_ship_the_documented_plans():
    """S60: sessions, batches; seconds of max_time and of both ITTLs; pending, rate, quota, price."""
    both, limitless = (True, True), (None, None, None, None)
    assert {name: facts(plan) for name, plan in PROFILE_PLANS["2023"].items()} == {
        "open": (both, (28800, 300, 300), (None, None, (10, 28), None)),
        "pay-as-you-go": (both, (28800, 300, 300), (None, None, None, 1.6)),
        "premium": (both, (28800, 300, 300), limitless),
    }
    assert {name: facts(plan) for name, plan in PROFILE_PLANS["2024-04"].items()} == {
        "open": (both, (28800, 1, 1), (3, None, (10, 28), None)),
        "pay-as-you-go": (both, (28800, 60, 1), (None, None, None, 1.6)),
        "premium": (both, (28800, 60, 1), limitless),
    }
    assert {name: facts(plan) for name, plan in PROFILE_PLANS["2026"].items()} == {
        "open": ((False, True), (600, 60, 1), (3, None, (10, 28), None)),
        "pay-as-you-go": (both, (28800, 60, 1), (None, None, None, 1.6)),
        "flex": (both, (28800, 60, 1), limitless),
        "premium": (both, (28800, 60, 1), limitless),
    }


def resolved_plan(name, written, profile="2024-04"):
    return load_scenario({"profile": profile, "plans": {name: written}, "workload": []}).dump()["plans"][name]


def test_plan_with_a_name_of_the_profile_changes_what_it_gives():
    """S60"""
    assert resolved_plan("open", {"interactive_timeout": "5s", "pending_jobs": 5}) == {
        "sessions": True,
        "batches": True,
        "max_time": {"default": "8h", "limit": "8h"},
        "interactive_timeout": {
            "session": {"default": "5s", "limit": "5s"},
            "batch": {"default": "1s", "limit": "1s"},
        },
        "pending_jobs": 5,
        "submission_rate": "none",
        "quota": {"usage": "10m", "window": "28d"},
        "price_per_second": "none",
    }


def test_plan_with_another_name_has_no_limits_and_the_clocks_of_the_profile():
    """S60"""
    assert resolved_plan("mine", {"sessions": False}, "2023") == {
        "sessions": False,
        "batches": True,
        "max_time": {"default": "8h", "limit": "none"},
        "interactive_timeout": {
            "session": {"default": "5m", "limit": "none"},
            "batch": {"default": "5m", "limit": "none"},
        },
        "pending_jobs": "none",
        "submission_rate": "none",
        "quota": "none",
        "price_per_second": "none",
    }


@pytest.mark.parametrize(
    ("written", "default", "limit"),
    [
        ("2h", "2h", "2h"),
        ({"default": "2h"}, "2h", "8h"),
        ({"limit": "2h"}, "2h", "2h"),
        ({"limit": "9h"}, "8h", "9h"),
        ({"limit": "none"}, "8h", "none"),
        ({"default": "9h", "limit": "none"}, "9h", "none"),
        ({"default": "0s", "limit": "0s"}, "0s", "0s"),
        ({}, "8h", "8h"),
    ],
)
def test_clock_of_a_plan_is_default_and_limit(written, default, limit):
    assert resolved_plan("premium", {"max_time": written})["max_time"] == {"default": default, "limit": limit}


def test_limits_can_be_taken_away():
    written = {"pending_jobs": "none", "submission_rate": "none", "quota": "none", "price_per_second": "none"}

    assert resolved_plan("open", written) == resolved_plan("open", {}) | written


def test_only_plans_that_are_given_or_had_are_in_the_resolved_form():
    accounts = [{"name": "a", "plan": "premium"}, {"name": "b"}, {"name": "c", "plan": "mine"}]
    scenario = {"plans": {"mine": {}, "spare": {}}, "accounts": accounts, "workload": []}

    assert list(load_scenario(scenario).dump()["plans"]) == ["mine", "spare", "premium"]
    assert "plans" not in load_scenario({"accounts": [{"name": "b"}], "workload": []}).dump()


SESSIONS = {
    "kind": "explicit",
    "sessions": [
        {"id": "s", "account": "a"},
        {"id": "b", "account": "a", "mode": "batch"},
        {"id": "own", "account": "a", "max_time": "3m", "interactive_timeout": "4s"},
        {"id": "other", "account": "b"},
    ],
}


def clocks(scenario):
    return [
        (session.id, session.max_time // SECOND, session.interactive_timeout // SECOND)
        for session in scenario.resolved.workload[0].sessions
    ]


def test_session_that_asks_for_nothing_has_the_clocks_of_its_account_s_plan():
    """S60: an account without a plan has those of the profile."""
    accounts = [{"name": "a", "plan": "mine"}, {"name": "b"}]
    mine = {"max_time": "5m", "interactive_timeout": {"session": "7s", "batch": "2s"}}
    scenario = {"plans": {"mine": mine}, "accounts": accounts, "workload": [SESSIONS]}

    assert clocks(load_scenario(scenario)) == [
        ("s", 300, 7),
        ("b", 300, 2),
        ("own", 180, 4),
        ("other", 28800, 60),
    ]


def test_plans_and_accounts_are_set_by_path():
    scenario = {"accounts": [{"name": "a"}, {"name": "b"}], "workload": [SESSIONS]}
    settings = [
        "accounts.a.plan=premium",
        "plans.premium.interactive_timeout=30s",
        "plans.premium.max_time=2h",
    ]

    assert clocks(load_scenario(scenario, settings))[:2] == [("s", 7200, 30), ("b", 7200, 1)]


def test_setting_that_breaks_a_plan_is_named():
    """S61"""
    scenario = {"accounts": [{"name": "a"}, {"name": "b"}], "workload": [SESSIONS]}

    with pytest.raises(ScenarioError) as caught:
        load_scenario(scenario, ["accounts.a.plan=lab", "plans.lab.interactive_timeout=3s"])

    (problem,) = caught.value.problems
    assert problem == (
        "scenario: workload.explicit.sessions.own.interactive_timeout: must not be longer than 3s, which plan "
        "lab of account a allows (got '4s') (because of --set accounts.a.plan=lab and "
        "--set plans.lab.interactive_timeout=3s)"
    )


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "iterative", "iterations": 3},
        {"kind": "batches", "jobs": 2, "interarrival": "1h", "count": 2},
    ],
)
def test_drawn_session_in_a_plan_without_sessions_is_no_mistake(source):
    """S61: its submissions are rejected in the run, so that plans can be compared by one word."""
    accounts = [{"name": "a", "plan": "none-at-all"}]
    plans = {"none-at-all": {"sessions": False, "batches": False}}
    source = {**source, "account": "a", "qpu_time": "5s"}

    load_scenario({"plans": plans, "accounts": accounts, "workload": [source]})


def test_limit_itself_is_allowed():
    """S61"""
    session = {"id": "s", "account": "a", "max_time": "8h", "interactive_timeout": "60s"}
    accounts = [{"name": "a", "plan": "premium"}]

    load_scenario({"accounts": accounts, "workload": [{"kind": "explicit", "sessions": [session]}]})


@pytest.mark.parametrize(
    ("version", "older"),
    [("0.9", True), ("0.19.99", True), ("0.20", False), ("0.20.0.1", False), ("1", False), ("0", True)],
)
def test_versions_are_compared_part_by_part(version, older):
    """S23"""
    assert is_older(version, "0.20.0") is older


@pytest.mark.parametrize(
    ("start", "horizon", "warned"),
    [
        ("2024-04-01T00:00:00Z", None, True),
        ("2024-03-31T23:00:00Z", None, False),
        ("2024-03-31T23:00:00Z", "59m", False),
        ("2024-03-31T23:00:00Z", "1h", True),
        ("2023-10-27", "1d", False),
    ],
)
def test_old_qiskit_is_a_warning_from_april_2024_on(start, horizon, warned):
    """S23"""
    data = {"start": start, "accounts": [{"name": "a", "client": CLIENT_OF_2023}], "workload": []}
    scenario = load_scenario(data | ({} if horizon is None else {"horizon": horizon}))

    assert (len([*client_warnings(scenario.resolved)]) == 1) is warned


def test_warning_says_where_and_survives_pickling(tmp_path):
    """S23"""
    path = tmp_path / "old.yaml"
    path.write_text("accounts:\n  - {name: a, client: {qiskit: 0.44.3}}\nworkload: []\n", encoding="utf-8")
    warning = "accounts.a.client.qiskit: since April 2024 the service asks for Qiskit 0.45.0 or later (got '0.44.3')"
    scenario = load_scenario(path)

    assert scenario.warnings == (f"{path}:2:32: {warning}",)
    assert pickle.loads(pickle.dumps(scenario)).warnings == (f"{path}: {warning}",)


def test_new_qiskit_is_no_warning():
    """S23"""
    accounts = [{"name": "a", "client": {"qiskit": "0.45.0"}}, {"name": "b"}, {"name": "c", "client": {}}]

    assert load_scenario({"accounts": accounts, "workload": []}).warnings == ()


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("plans.premum.max_time=1h", ("did you mean premium?",)),
        ("plans.open.pending_jobs=5", (None,)),
        ("plans.premium.max_time=1h", ()),
        ("plans.course.pending_jobs=5", ()),
    ],
)
def test_a_plan_from_outside_that_no_account_has_is_a_warning(text, warnings):
    """S60: a slip in the name of a plan changes nothing; what the document has may wait for its accounts."""
    accounts = [{"name": "a", "plan": "premium"}, {"name": "b"}]
    data = {"accounts": accounts, "plans": {"course": {"sessions": False}}, "workload": []}
    what = f"--set {text}: no account has this plan, so it changes nothing"

    expected = tuple(what if hint is None else f"{what} ({hint})" for hint in warnings)
    assert load_scenario(data, [text]).warnings == expected

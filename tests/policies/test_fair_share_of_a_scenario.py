"""S63 from a scenario: allocations of accounts, and the window as a parameter."""

from __future__ import annotations

import qsession_sim as qs

JOBS = [
    {"id": "j0", "at": "0s", "account": "a", "qpu_time": "20s"},
    {"id": "j1", "at": "1s", "account": "b", "qpu_time": "10s"},
    {"id": "j2", "at": "2s", "account": "a", "qpu_time": "10s"},
    {"id": "j3", "at": "3s", "account": "b", "qpu_time": "10s"},
    {"id": "j4", "at": "0s", "account": "c", "qpu_time": "10s"},
    {"id": "j5", "at": "5s", "account": "a", "qpu_time": "10s"},
]


def order(policy):
    """The jobs of the hand-worked schedule of `fair_share`, in seconds; c has no allocation."""
    scenario = {
        "policies": {"queue": policy},
        "accounts": [
            {"name": "a", "allocation": "100s"},
            {"name": "b", "allocation": "50s"},
            {"name": "c"},
        ],
        "workload": [{"kind": "explicit", "jobs": JOBS}],
    }
    run = qs.simulate(scenario)
    qs.testing.check_invariants(run)
    return run.jobs.sort("started_us")["job"].to_list()


def test_s63_allocations_and_window_of_a_scenario_decide_the_order():
    assert order("fair_share") == ["j0", "j1", "j2", "j3", "j5", "j4"]
    assert order({"name": "fair_share", "window": "25s"}) == ["j0", "j1", "j2", "j5", "j3", "j4"]

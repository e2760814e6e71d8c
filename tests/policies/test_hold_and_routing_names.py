"""Hold policies (S51) and routing policies (S54) by their names."""

from __future__ import annotations

from qsession_sim.policies.registry import hold_policy, routing_policy
from qsession_sim.scenario.policies import HOLD_POLICIES, ROUTING_POLICIES
from qsession_sim.scheduler.plan import HoldPolicy, Routing


def test_s51_names_of_hold_policies():
    assert {name: hold_policy(name) for name in HOLD_POLICIES} == {
        "exclusive": HoldPolicy(lets_job_mode_in=False, ittl_counts=True),
        "shared": HoldPolicy(lets_job_mode_in=True, ittl_counts=True),
        "gap_fill": HoldPolicy(lets_job_mode_in=False, ittl_counts=True, fills_gaps=True),
        "none": HoldPolicy(lets_job_mode_in=False, ittl_counts=False),
        "adaptive": HoldPolicy(lets_job_mode_in=False, ittl_counts=True, adapts=True),
    }


def test_s54_names_of_routing_policies():
    assert {name: routing_policy(name) for name in ROUTING_POLICIES} == {
        "least_busy": Routing.LEAST_BUSY,
        "shortest_expected_wait": Routing.SHORTEST_EXPECTED_WAIT,
        "round_robin": Routing.ROUND_ROBIN,
        "random": Routing.RANDOM,
    }

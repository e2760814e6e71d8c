"""policy_machine drives a live service; the runs obey the invariants."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from qsession_sim.errors import PolicyError
from qsession_sim.testing.machine import policy_machine

short = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=6,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("policy", ["fifo", "fair_share", "wfp3"])
def test_live_commands_under_a_policy_obey_the_invariants(policy):
    run_state_machine_as_test(policy_machine(policy), settings=short)


def test_a_hold_policy_can_be_given():
    machine = policy_machine("fifo", hold="gap_fill")
    assert (machine.__name__, machine.hold) == ("PolicyMachine_fifo", "gap_fill")
    run_state_machine_as_test(machine, settings=short)


def test_an_unknown_policy_is_refused_at_once():
    with pytest.raises(PolicyError, match="no queue policy is called 'fiffo'"):
        policy_machine("fiffo")

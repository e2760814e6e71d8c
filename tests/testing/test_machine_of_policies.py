"""policy_machine drives a live service; the runs obey the invariants."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from qsession_sim.errors import InvariantError, PolicyError
from qsession_sim.scheduler.qpu import Qpu
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


def fails_for_urgent_jobs(job):
    return (1 // (job.priority - 1),)


_answers = itertools.count()


def changes_its_mind(_job):
    return (next(_answers),)


not_made_smaller = settings(short, max_examples=100, phases=[Phase.generate])


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (fails_for_urgent_jobs, "queue policy 'fails_for_urgent_jobs' failed for job .*: ZeroDivisionError"),
        (changes_its_mind, "queue policy 'changes_its_mind' must give the same answer when asked twice; "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_policy_that_breaks_its_contract_is_found(policy, told):
    with pytest.raises(PolicyError, match=told):
        run_state_machine_as_test(policy_machine(policy), settings=not_made_smaller)


def test_a_service_that_breaks_a_rule_is_found(monkeypatch):
    """Here nobody holds a QPU: whatever is first in the normal queue starts, although a session is active."""
    monkeypatch.setattr(Qpu, "next_job", lambda qpu, now_us: qpu.queue.pop(now_us))
    with pytest.raises(InvariantError, match=r"^S74 at "):  # it is held, and its session waits
        run_state_machine_as_test(policy_machine("fifo"), settings=not_made_smaller)

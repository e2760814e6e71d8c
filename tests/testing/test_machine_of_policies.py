"""policy_machine drives a live service; the runs obey the invariants."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from qsession_sim.cli.main import main
from qsession_sim.errors import InvariantError, PolicyError
from qsession_sim.scheduler.qpu import Qpu
from qsession_sim.testing import machine
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
    made = policy_machine("fifo", hold="gap_fill")
    assert (made.__name__, made.hold) == ("PolicyMachine_fifo", "gap_fill")
    run_state_machine_as_test(made, settings=short)


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
        (
            fails_for_urgent_jobs,
            "queue policy 'fails_for_urgent_jobs' is not total: for job 'j.*ZeroDivisionError",
        ),
        (changes_its_mind, "queue policy 'changes_its_mind' is not deterministic: for job 'j1' "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_policy_that_breaks_its_contract_is_told_once(policy, told, monkeypatch):
    """Before any scenario is drawn, however often Hypothesis begins anew."""
    monkeypatch.setattr(machine, "prepare", None)
    with pytest.raises(PolicyError, match=told):
        run_state_machine_as_test(policy_machine(policy), settings=settings(short, max_examples=100))


def by_number(job):
    return (job.number,)


@pytest.mark.parametrize(
    ("policy", "hold", "options"),
    [
        ("lifo", "shared", "--policy lifo --hold shared"),
        (
            {"name": "priority", "aging": "1s"},
            None,
            """--set 'policies.queue={"name": "priority", "aging": "1s"}'""",
        ),
        (by_number, None, f"--policy {__file__}:by_number"),
    ],
)
def test_a_failing_example_says_with_which_policy(policy, hold, options, monkeypatch):
    def broken(run):
        raise InvariantError("S70")

    monkeypatch.setattr(machine, "check_invariants", broken)
    with pytest.raises(InvariantError) as caught:
        run_state_machine_as_test(policy_machine(policy, hold=hold), settings=not_made_smaller)
    told = "\n".join(caught.value.__notes__)
    assert f"\n# save it as example.yaml, then: qsession-sim run example.yaml {options}\n" in told


def test_parameters_can_be_set_as_the_example_says(tmp_path, capsys):
    file = tmp_path / "example.yaml"
    file.write_text("workload: []\n", encoding="utf-8")
    assert main(["run", str(file), "--set", 'policies.queue={"name": "priority", "aging": "1s"}']) == 0
    assert "queue priority" in capsys.readouterr().out


@pytest.mark.long
def test_a_service_that_breaks_a_rule_is_found(monkeypatch):
    """Here nobody holds a QPU: whatever is first in the normal queue starts, although a session is active."""
    monkeypatch.setattr(Qpu, "next_of_holder", lambda qpu, now_us, _holder: qpu.queue.pop(now_us))
    with pytest.raises(InvariantError, match=r"^S7[34] at "):  # a job of another starts, or waits
        run_state_machine_as_test(policy_machine("fifo"), settings=not_made_smaller)

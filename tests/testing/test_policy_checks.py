"""check_policy accepts good queue policies and names the property that a bad one does not have."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from random_examples import varied

from qsession_sim.errors import PolicyError
from qsession_sim.experiment.simulate import simulate
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.yaml_source import read_yaml, write_yaml
from qsession_sim.testing.invariants import check_invariants
from qsession_sim.testing.policies import check_policy
from qsession_sim.testing.strategies import scenarios


@pytest.fixture
def contracts(monkeypatch):
    """The policies, in a module that pickle can find by its name, with no memory of earlier tests."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    sys.modules.pop("contracts", None)
    return importlib.import_module("contracts")


@pytest.mark.parametrize("name", ["most_urgent_first", "least_used_first"])
def test_a_good_policy_passes(contracts, name):
    check_policy(getattr(contracts, name), examples=15)


@pytest.mark.parametrize(
    "policy", ["fifo", "fair_share", "wfp3", {"name": "random"}, {"name": "priority", "aging": "1s"}]
)
def test_a_built_in_policy_passes(policy):
    check_policy(policy, examples=10)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises", "is not total: for job 'j"),
        ("leaves", "is not total: for job 'j1' (number 0), submitted at 0s, it raised SystemExit: 3"),
        (
            "no_tuple",
            "is not a function to tuples of ints: for job 'j1' (number 0), submitted at 0s, it gave 0",
        ),
        (
            "floats",
            "is not a function to tuples of ints: for job 'j1' (number 0), submitted at 0s, it gave (0.0,)",
        ),
        (
            "counts",
            "is not deterministic: for job 'j1' (number 0), submitted at 0s, it gave (0,) and then (1,)",
        ),
        ("knows_the_last", "is not deterministic: for job 'j"),
        ("knows_how_often_jobs_changed", "is not pure: for job 'j"),
        ("longer_for_important_jobs", "is not a function to tuples of ints of one length: for job 'j"),
        ("gives_up_after_a_minute", "is not a function to tuples of ints: for job 'j"),
        (
            "remembers_all_jobs",
            "is not pure: for job 'j1' (number 0), submitted at 0s, it gave (1,), in a second run ",
        ),
    ],
)
def test_the_property_that_fails_is_named_with_a_scenario(contracts, name, told):
    with pytest.raises(PolicyError) as caught:
        check_policy(getattr(contracts, name))
    message, _, yaml = str(caught.value).partition("\nIt shows in this scenario:\n\n")
    assert message.startswith(f"queue policy {name!r} {told}")
    assert read_yaml(yaml, "example.yaml").data["workload"] != []


def test_a_policy_that_pickle_cannot_find_is_told_last():
    with pytest.raises(PolicyError, match=r"^queue policy '<lambda>' is not picklable: "):
        check_policy(lambda job: (job.priority,), examples=5)


def test_an_unknown_name_is_told():
    with pytest.raises(PolicyError, match="no queue policy is called 'fiffo'; did you mean 'fifo'"):
        check_policy("fiffo")


def job(number, **more):
    return {"id": f"j{number}", "at": "0s", "account": "lab", "qpu_time": "1s", **more}


def test_a_question_with_a_view_is_told_with_its_time(contracts):
    with pytest.raises(
        PolicyError, match=r"'j\d+' \(number \d+\), submitted at \w+, asked at \w+, it gave None"
    ):
        check_policy(contracts.gives_up_after_a_minute)


def test_a_policy_that_sorts_by_hash_is_asked_in_another_process(contracts, monkeypatch):
    """hash() of a text is another one in every process, whatever PYTHONHASHSEED this one has."""
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        with pytest.raises(PolicyError) as caught:
            check_policy(contracts.by_hash, examples=1)
        assert re.match(
            r"queue policy 'by_hash' is not deterministic: for job 'j1' \(number 0\), submitted at 0s, it gave \(-?\d+,\), "
            rf"in another process, with PYTHONHASHSEED={'12'.replace(seed, '')}, \(-?\d+,\); hash\(\) of a text",
            str(caught.value),
        )
        assert os.environ["PYTHONHASHSEED"] == seed


def test_a_policy_is_asked_in_own_scenarios_too(contracts, tmp_path):
    """No other scenario has an account `course`."""
    own = {"workload": [{"kind": "explicit", "jobs": [job(1), job(2, account="course")]}]}
    file = tmp_path / "course.yaml"
    file.write_text(write_yaml(own), encoding="utf-8")
    check_policy(contracts.has_no_courses, examples=1)
    told = (
        "queue policy 'has_no_courses' is not a function to tuples of ints: "
        "for job 'j2' (number 1), submitted at 0s, it gave None\nIt shows in this scenario:\n\n"
    )
    for scenario, text in ((own, write_yaml(own)), (file, f"{file}\n"), (load_scenario(file), f"{file}\n")):
        with pytest.raises(PolicyError) as caught:
            check_policy(contracts.has_no_courses, examples=1, own_scenarios=[scenario])
        assert str(caught.value) == told + text
    with pytest.raises(PolicyError, match=r"own_scenarios must be a list of scenarios, not 'course.yaml'"):
        check_policy("fifo", own_scenarios="course.yaml")


def test_what_reaches_no_other_process_is_told(contracts):
    """The copy in this process is found in its module, which another process does not have."""
    module = ModuleType("only_here")
    exec("def f(job):\n    return (job.number,)\n", module.__dict__)
    sys.modules["only_here"] = module
    try:
        with pytest.raises(PolicyError, match=r"^queue policy 'f' is not picklable: .*only_here"):
            check_policy(module.f, examples=1)
    finally:
        del sys.modules["only_here"]


@pytest.mark.parametrize("unit", ["us", "d"])
def test_wide_scenarios_have_far_values(unit):
    """Each is there after a while, and the runs obey the invariants."""

    def is_far(scenario):
        jobs = [
            job for source in scenario["workload"] if source["kind"] == "explicit" for job in source["jobs"]
        ]
        return any(job["qpu_time"].endswith(unit) and abs(job.get("priority", 0)) > 1000 for job in jobs)

    check_invariants(simulate(next(filter(is_far, varied(scenarios(wide=True), 2000)))))


def test_a_script_that_checks_its_own_policy_at_its_top_comes_to_an_end(tmp_path):
    """The process that is asked imports the script, and so meets the same check: it asks nobody else."""
    script = tmp_path / "mine.py"
    script.write_text(
        "from qsession_sim.testing import check_policy\n\n"
        "def mine(job):\n    return (job.priority,)\n\n"
        "check_policy(mine, examples=0)\n"
        "print('checked')\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    # the second line is that of the other process
    assert (done.returncode, set(done.stdout.split()), done.stderr) == (0, {"checked"}, "")

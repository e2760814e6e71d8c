"""check_policy accepts good queue policies and names the property that a bad one does not have."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from qsession_sim.errors import PolicyError
from qsession_sim.scenario.yaml_source import read_yaml
from qsession_sim.testing import policies
from qsession_sim.testing.policies import check_policy


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
        ("raises", "is not total: for job 0, submitted at 0 us, it raised ZeroDivisionError"),
        ("leaves", "is not total: for job 0, submitted at 0 us, it raised SystemExit: 3"),
        ("no_tuple", "is not a function to tuples of ints: for job 0, submitted at 0 us, it gave 0"),
        ("floats", "is not a function to tuples of ints: for job 0, submitted at 0 us, it gave (0.0,)"),
        ("counts", "is not deterministic: for job 0, submitted at 0 us, it gave (0,) and then (1,)"),
        ("knows_the_last", "is not deterministic: for job "),
        ("knows_how_often_jobs_changed", "is not pure: for job "),
        ("remembers_all_jobs", "is not pure: for job 0, submitted at 0 us, it gave (1,), in a second run "),
    ],
)
def test_the_property_that_fails_is_named_with_a_scenario(contracts, monkeypatch, name, told):
    monkeypatch.setattr(policies, "MOST_SHRINKS", 5)  # what is told does not depend on it
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

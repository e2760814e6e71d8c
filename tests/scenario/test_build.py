"""Scenarios written in Python: the same bytes, the same errors, and a file that gives them back."""

from __future__ import annotations

import inspect
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import qsession_sim as qs
from qsession_sim.scenario.build import definitions
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.translation import json_schema

build = qs.build
SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
VALID = sorted((Path(__file__).parent / "valid").glob("*.yaml"))


def in_python():
    """Every kind of argument: durations as text and timedelta, an instant, lists, mappings, distributions."""
    return {
        "seed": 7,
        "start": datetime(2024, 4, 2, 8, tzinfo=UTC),
        "horizon": timedelta(hours=2),
        "qpus": [
            build.qpu(
                name="torino",
                service_time=build.service_time(
                    overhead=timedelta(seconds=2),
                    per_execution="350.5us",
                    noise=build.lognormal_noise(sigma=0.3),
                ),
                windows=[build.window(kind="maintenance", at=timedelta(minutes=30), duration="10m")],
            )
        ],
        "policies": build.policies(
            queue=build.queue_policy_settings(name="fair_share", window=timedelta(days=7))
        ),
        "plans": {"mine": build.plan(max_time=build.clock(default="1h", limit=timedelta(hours=8)))},
        "accounts": [
            build.account(name="lab", plan="mine", allocation="10h", client={"qiskit-ibm-runtime": "0.23.0"}),
            build.account(name="other"),
        ],
        "workload": [
            build.explicit(
                sessions=[build.session(id="s1", account="lab", interactive_timeout=timedelta(seconds=60))],
                jobs=[
                    build.job(id="j1", at=timedelta(0), session="s1", qpu_time="10s"),
                    build.job(id="j2", after="j1", think=timedelta(microseconds=1), session="s1", shots=100),
                ],
            ),
            build.arrivals(
                account="other",
                interarrival=build.exponential(mean=timedelta(seconds=90)),
                shots=build.choice(values=[1000, 4000], weights=[3, 1]),
            ),
        ],
    }


AS_DICT = {
    "seed": 7,
    "start": "2024-04-02T08:00:00Z",
    "horizon": "2h",
    "qpus": [
        {
            "name": "torino",
            "service_time": {
                "overhead": "2s",
                "per_execution": "350.5us",
                "noise": {"kind": "lognormal", "sigma": 0.3},
            },
            "windows": [{"kind": "maintenance", "at": "30m", "duration": "10m"}],
        }
    ],
    "policies": {"queue": {"name": "fair_share", "window": "7d"}},
    "plans": {"mine": {"max_time": {"default": "1h", "limit": "8h"}}},
    "accounts": [
        {"name": "lab", "plan": "mine", "allocation": "10h", "client": {"qiskit-ibm-runtime": "0.23.0"}},
        {"name": "other"},
    ],
    "workload": [
        {
            "kind": "explicit",
            "sessions": [{"id": "s1", "account": "lab", "interactive_timeout": "60s"}],
            "jobs": [
                {"id": "j1", "at": "0s", "session": "s1", "qpu_time": "10s"},
                {"id": "j2", "after": "j1", "think": "1us", "session": "s1", "shots": 100},
            ],
        },
        {
            "kind": "arrivals",
            "account": "other",
            "interarrival": {"kind": "exponential", "mean": "90s"},
            "shots": {"kind": "choice", "values": [1000, 4000], "weights": [3, 1]},
        },
    ],
}


def test_python_resolves_to_the_bytes_of_a_mapping():
    expected = load_scenario(AS_DICT).to_json()
    assert build.scenario(**in_python()).to_json() == expected
    assert load_scenario(in_python()).to_json() == expected


def test_every_mapping_of_the_schema_has_a_function_or_no_argument_can_name_its_keys():
    """The client of an account has names of packages as keys, which are no names in Python."""
    left_out = [
        title
        for title, body in json_schema()["$defs"].items()
        if "properties" in body
        and not any(title == one["title"] for made in definitions().values() for one in made)
    ]
    assert left_out == ["Client"]
    for name, bodies in definitions().items():
        given = set(inspect.signature(getattr(build, name)).parameters)
        fixed = {key for key, value in bodies[0]["properties"].items() if "const" in value}
        assert given | fixed == set(bodies[0]["properties"])
    assert dir(build) == sorted(["scenario", *definitions()])


def test_help_has_the_descriptions_of_the_schema():
    assert build.account.__doc__.startswith("An account")
    assert "    mean: the mean." in build.exponential.__doc__.splitlines()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"horizon": timedelta(seconds=-5)},
            "scenario: horizon: a time cannot be negative (got '-5000000us')",
        ),
        (
            {
                "workload": [
                    build.arrivals(account="lab", interarrival="90s", count=5, qpu_tme="5s", qpu_time="5s")
                ]
            },
            "scenario: workload.arrivals.qpu_tme: unknown key (did you mean qpu_time?)",
        ),
        (
            {"workload": [build.explicit(jobs=[build.job(id="j1", at=5, account="a", qpu_time="1s")])]},
            "scenario: workload.explicit.jobs.j1.at: a duration needs a unit, such as 90s, 2h30m or 250us (got 5)",
        ),
    ],
)
def test_errors_name_the_argument_by_its_path(change, problem):
    with pytest.raises(qs.ScenarioError) as caught:
        build.scenario(**{"workload": [], **change})
    assert caught.value.problems == (problem,)


def test_a_name_that_is_no_function_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'arrival'"):
        _ = build.arrival


@pytest.mark.parametrize("file", [*SHIPPED, *VALID], ids=lambda file: file.stem)
def test_yaml_of_a_scenario_resolves_to_the_same(file, tmp_path):
    """Also of what was set from outside; names of files count from where the scenario stood."""
    scenario = load_scenario(file, ["warm_up=1us"], seed=12)
    shutil.copytree(file.parent, tmp_path / "there")
    again = tmp_path / "there" / "again.yaml"
    again.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load_scenario(again).to_json() == scenario.to_json()


def test_yaml_of_python_resolves_to_the_same(tmp_path):
    """An instant and timedeltas become texts; a date is the beginning of its day."""
    scenario = build.scenario(**{**in_python(), "start": date(2024, 4, 2)})
    (tmp_path / "again.yaml").write_text(scenario.to_yaml(), encoding="utf-8")
    again = load_scenario(tmp_path / "again.yaml")
    assert again.to_json() == scenario.to_json()
    assert again.resolved.start == datetime(2024, 4, 2, tzinfo=UTC)

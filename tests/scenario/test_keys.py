"""Every key of a scenario has a path, under which it is described."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_schema import MODELS, Place, uses

from qsession_sim.scenario.keys import find_keys, key_groups
from qsession_sim.scenario.yaml_source import read_yaml

VALID = sorted((Path(__file__).parent / "valid").glob("*.yaml"))
EVERY = {key.path: key for group in key_groups() for key in group.keys}


def written(place: Place) -> str:
    """As messages write it: `workload[0].load`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def test_paths_and_anchors_of_keys_differ():
    keys = [key for group in key_groups() for key in group.keys]
    assert len({key.path for key in keys}) == len({key.anchor for key in keys}) == len(keys)


def test_every_property_of_the_schema_is_a_key_with_its_description():
    """Those of distributions of counts and of durations have the same descriptions, and are one key."""
    published = {
        (key, value["description"]) for model in MODELS for key, value in model["properties"].items()
    }
    assert {(key.name, key.description) for key in EVERY.values()} == published
    distributions = sum(len(model["properties"]) for model in MODELS if model["title"].endswith("_count"))
    assert len(EVERY) == sum(len(model["properties"]) for model in MODELS) - distributions


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_every_key_that_a_scenario_uses_is_found_by_its_place(path):
    document = read_yaml(path.read_text("utf-8"), path.name).data
    for name, place in uses(document):
        if "=" not in name:
            found = find_keys(written(place))
            assert {key.name for key in found} == {name.partition(".")[2]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("seed", ["seed"]),
        ("qpus[1].windows[0].at", ["qpus.windows.at"]),
        ("workload.notebook.clients", ["workload.iterative.clients", "workload.program.clients"]),
        ("workload.iterative.clients", ["workload.iterative.clients"]),
        ("workload.explicit.jobs.j1.think", ["workload.explicit.jobs.think"]),
        ("plans.premium.quota.usage", ["plans.quota.usage"]),
        ("workload.batches.users.count", ["workload.arrivals.users.count"]),
        ("workload.x.think_time.sigma", ["distribution.lognormal.sigma"]),
        ("sigma", ["qpus.service_time.noise.lognormal.sigma", "distribution.lognormal.sigma"]),
        ("qpus.service_time.noise.none", ["qpus.service_time.noise.none.kind"]),
        ("distribution.exponential.mean", ["distribution.exponential.mean"]),
    ],
)
def test_a_path_means_these_keys(path, found):
    assert [key.path for key in find_keys(path)] == found


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("sed", "no key of a scenario is called 'sed'; did you mean 'seed'?"),
        ("rules.lanes", "no key of rules is called 'lanes'; there are max_time_ends_as, unused_timeout, "),
        ("seed.low", "no key of seed is called 'low'; there is none"),
        ("qpus.torino.lane", "no key of qpus.torino is called 'lane'; did you mean 'lanes'?"),
    ],
)
def test_a_path_that_means_nothing_is_an_error_with_what_there_is(path, problem):
    with pytest.raises(LookupError) as caught:
        find_keys(path)
    assert caught.value.args[0].startswith(problem)


@pytest.mark.parametrize(
    ("path", "takes", "default", "required"),
    [
        ("qpus.simulator", "true or false", "false", False),
        ("warm_up", "a duration", "0s", False),
        ("profile", "2023, 2024-04 or 2026", "2024-04", False),
        ("policies.queue", "a text or a mapping", "fifo", False),
        ("workload", "a list, each item a mapping", None, True),
        ("workload.program.think", "a duration, a distribution, 0 or measured", None, False),
        ("plans.pending_jobs", "a whole number from 1 to 1,000,000,000 or none", None, False),
        ("distribution.choice.values", "a list, each item a duration or a number above 0", None, True),
        ("qpus.service_time.intercept", "a time, which may be negative", None, False),
        ("workload.trace.machines", "a mapping from names, each to a text", None, False),
    ],
)
def test_what_a_key_takes_is_said_in_words(path, takes, default, required):
    key = EVERY[path]
    assert (key.takes, key.default, key.required) == (takes, default, required)

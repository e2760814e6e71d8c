"""Queue policies in scenarios: short and long spellings, defaults, parameters."""

from __future__ import annotations

import json

import pytest

from qsession_sim.policies.registry import QUEUE_POLICIES
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.policies import PARAMETERS, QueuePolicySettings
from qsession_sim.scenario.translation import json_schema


def resolved(queue, *overrides):
    scenario = load_scenario({"workload": [], "policies": {"queue": queue}}, overrides)
    return json.loads(scenario.to_json())["policies"]["queue"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("fifo", {"name": "fifo"}),
        ("fair_share", {"name": "fair_share", "window": "28d"}),
        ({"name": "fair_share", "window": "7d"}, {"name": "fair_share", "window": "7d"}),
        ("priority", {"name": "priority"}),
        ({"name": "priority", "aging": "1h"}, {"name": "priority", "aging": "1h"}),
        ("earliest_deadline", {"name": "earliest_deadline", "slack": 10}),
        ("multilevel", {"name": "multilevel", "thresholds": ["10m", "1h", "10h"]}),
        (
            {"name": "multilevel", "thresholds": ["90s", "1h"]},
            {"name": "multilevel", "thresholds": ["1m30s", "1h"]},
        ),
    ],
)
def test_the_resolved_form_has_every_parameter_and_resolves_to_itself(written, expected):
    assert resolved(written) == expected
    assert resolved(expected) == expected


def test_a_parameter_can_be_set():
    long = {"name": "fair_share"}
    assert resolved(long, "policies.queue.window=7d") == {"name": "fair_share", "window": "7d"}


def test_every_built_in_policy_says_what_parameters_it_has():
    assert list(PARAMETERS) == list(QUEUE_POLICIES)
    known = QueuePolicySettings.model_fields.keys()
    assert {name for own in PARAMETERS.values() for name in own} == known - {"name"}


def test_the_schema_has_both_spellings():
    schema = json_schema()["$defs"]["Policies"]["properties"]["queue"]
    assert schema["anyOf"] == [{"type": "string"}, {"$ref": "#/$defs/QueuePolicySettings"}]
    parameters = json_schema()["$defs"]["QueuePolicySettings"]["properties"]
    assert list(parameters) == ["name", "aging", "slack", "window", "thresholds"]

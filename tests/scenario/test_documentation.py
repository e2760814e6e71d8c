"""The scenarios and messages that the reference shows are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.accounts import (
    PROFILE_PLANS,
    Client,
    HumanAccount,
    HumanClock,
    HumanPlan,
    HumanTimeouts,
    Quota,
    SubmissionRate,
)
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.models import HumanQPU, HumanRules, HumanScenario, HumanWindow
from qsession_sim.scenario.policies import HumanPolicies
from qsession_sim.scenario.service import HumanColumns, HumanServiceTime, preset_names
from qsession_sim.scenario.sources import (
    EarlyStop,
    GeometricShots,
    HumanArrivals,
    HumanBatches,
    HumanEstimate,
    HumanExplicit,
    HumanIterative,
    HumanJob,
    HumanPauses,
    HumanSession,
    HumanTrace,
    HumanUsers,
    InferredSessions,
    LinearShots,
    ShotStep,
    SteppedShots,
)
from qsession_sim.scenario.trace_columns import TraceColumns

REFERENCE = Path(__file__).parents[2] / "docs" / "scenario.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)
YAML_BLOCKS = [body for language, body in BLOCKS if language == "yaml"]
(MESSAGES,) = [body for language, body in BLOCKS if language == "text"]


@pytest.mark.parametrize("body", YAML_BLOCKS[:-1], ids=range(len(YAML_BLOCKS) - 1))
def test_shown_scenarios_load(body, tmp_path):
    path = tmp_path / "shown.yaml"
    path.write_text(body, encoding="utf-8")

    load_scenario(path)


def test_shown_messages_are_those_of_the_shown_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slips.yaml").write_text(YAML_BLOCKS[-1], encoding="utf-8")

    with pytest.raises(ScenarioError) as caught:
        load_scenario("slips.yaml")

    assert list(caught.value.problems) == MESSAGES.splitlines()


@pytest.mark.parametrize(
    "model",
    [
        *(HumanScenario, HumanArrivals, HumanBatches, HumanExplicit, HumanIterative, HumanJob, HumanSession),
        *(HumanServiceTime, HumanColumns),
        *(HumanPauses, EarlyStop, LinearShots, GeometricShots, SteppedShots, ShotStep, HumanUsers),
        *(HumanTrace, InferredSessions, TraceColumns),
        *(HumanAccount, HumanClock, HumanPlan, HumanTimeouts, Quota, SubmissionRate),
        *(HumanQPU, HumanRules, HumanPolicies, HumanWindow, HumanEstimate),
    ],
)
def test_every_key_is_in_the_reference(model):
    assert [key for key in model.model_fields if not re.search(rf"\b{key}\b", TEXT)] == []


def test_every_package_of_a_client_is_in_the_reference():
    packages = [field.alias or name for name, field in Client.model_fields.items()]

    assert [name for name in packages if f"`{name}`" not in TEXT] == []


def test_every_plan_of_a_profile_is_in_the_reference():
    names = {name for plans in PROFILE_PLANS.values() for name in plans}

    assert [name for name in sorted(names) if f"`{name}`" not in TEXT] == []


def test_every_preset_is_in_the_reference():
    assert [name for name in preset_names() if f"`{name}`" not in TEXT] == []

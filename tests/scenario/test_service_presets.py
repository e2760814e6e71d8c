"""Presets are data with sources, and every one of them resolves to numbers."""

from __future__ import annotations

import pytest

from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.service import preset_names, read_preset


def resolved(**service_time):
    scenario = load_scenario({"qpus": [{"name": "q", "service_time": service_time}], "workload": []})
    return scenario.dump()["qpus"][0]["service_time"]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_sources_and_resolves_to_its_own_numbers(name):
    preset = read_preset(name)

    assert set(preset) == {"title", "sources", "service_time"}
    assert all(len(source) > 30 for source in preset["sources"])
    service_time = resolved(preset=name)
    assert service_time == {"noise": {"kind": "none"}} | service_time
    assert {**service_time, **preset["service_time"]} == {
        **preset["service_time"],
        "noise": service_time["noise"],
    }


def test_a_heron_executes_as_the_short_form_says():
    """250 us and 100 us are the 350 us of the short form; a Nighthawk waits 4 ms instead."""
    heron = {"model": "executions", "overhead": "2s", "circuit_length": "100us", "noise": {"kind": "none"}}
    assert resolved(preset="heron") == {**heron, "rep_delay": "250us"}
    assert resolved(preset="nighthawk") == {**heron, "rep_delay": "4ms"}


def test_keys_beside_a_preset_replace_its_own():
    assert resolved(preset="heron", overhead="1s", rep_delay="0s") == {
        "model": "executions",
        "overhead": "1s",
        "rep_delay": "0s",
        "circuit_length": "100us",
        "noise": {"kind": "none"},
    }


def test_one_spelling_of_an_execution_replaces_the_other_of_a_preset():
    both = {"model": "executions", "overhead": "2s", "noise": {"kind": "none"}}
    assert resolved(preset="heron", per_execution="1ms") == {**both, "per_execution": "1ms"}
    provider = resolved(preset="ibm-provider-2023", rep_delay="100us")
    assert provider == {
        "model": "executions",
        "overhead": "4s400ms",
        "rep_delay": "100us",
        "circuit_length": "100us",
        "noise": {"kind": "lognormal", "sigma": 0.32},
    }


def test_an_override_may_choose_the_preset():
    scenario = load_scenario({"workload": []}, ["qpus=[{name: q, service_time: {preset: eagle-clops}}]"])
    assert scenario.resolved.qpus[0].service_time.clops == 30_000

"""S22: sessions cannot be opened on a simulator backend."""

from __future__ import annotations

from typing import Any

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

ITERATIVE = {"kind": "iterative", "account": "lab", "iterations": 3, "qpu_time": "1s"}
BATCHES = {"kind": "batches", "account": "lab", "interarrival": "1h", "count": 1, "jobs": 2, "qpu_time": "1s"}
EXPLICIT = {"kind": "explicit", "sessions": [{"id": "s1", "account": "lab"}]}
REFUSED = "a session cannot be opened on a simulator backend; give simulator: false"


def problems(source: dict[str, Any]) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario({"qpus": [{"name": "aer", "simulator": True}], "workload": [source]})
    return list(caught.value.problems)


@pytest.mark.parametrize(
    "source",
    [ITERATIVE, {**ITERATIVE, "mode": "batch"}, BATCHES, EXPLICIT],
    ids=lambda source: source["kind"],
)
def test_a_session_on_a_simulator_backend_is_an_error_of_the_scenario(source: dict[str, Any]) -> None:
    """S22"""
    assert f"scenario: workload.{source['kind']}: {REFUSED}" in problems(source)


def test_mode_job_opens_no_session_on_a_simulator_backend() -> None:
    """S22: only the backend itself is refused, because its jobs need no scheduler."""
    assert problems({**ITERATIVE, "mode": "job"}) == [
        "scenario: qpus.aer.simulator: jobs of a simulator backend wait for nothing; give false (got true)"
    ]

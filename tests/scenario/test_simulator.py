"""S22: sessions cannot be opened on a simulator backend; its jobs name it."""

from __future__ import annotations

from typing import Any

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

ITERATIVE = {"kind": "iterative", "account": "lab", "iterations": 3, "qpu_time": "1s", "qpu": "aer"}
BATCHES = {
    "kind": "batches",
    "account": "lab",
    "interarrival": "1h",
    "count": 1,
    "jobs": 2,
    "qpu_time": "1s",
    "qpu": "aer",
}
EXPLICIT = {"kind": "explicit", "sessions": [{"id": "s1", "account": "lab", "qpu": "aer"}]}
REFUSED = "a session cannot be opened on a simulator backend; name another QPU (got 'aer')"
QPUS = [{"name": "torino"}, {"name": "aer", "simulator": True}]


def problems(source: dict[str, Any]) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario({"qpus": QPUS, "workload": [source]})
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (ITERATIVE, "iterative"),
        ({**ITERATIVE, "mode": "batch"}, "iterative"),
        (BATCHES, "batches"),
        (EXPLICIT, "explicit.sessions.s1"),
    ],
)
def test_a_session_on_a_simulator_backend_is_an_error_of_the_scenario(
    source: dict[str, Any], place: str
) -> None:
    """S22"""
    assert problems(source) == [f"scenario: workload.{place}.qpu: {REFUSED}"]


def test_jobs_in_mode_job_may_name_a_simulator_backend() -> None:
    """S22"""
    scenario = load_scenario({"qpus": QPUS, "workload": [{**ITERATIVE, "mode": "job"}]})

    assert [qpu.simulator for qpu in scenario.resolved.qpus] == [False, True]

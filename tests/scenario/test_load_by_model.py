"""`load` of a source whose QPU times follow from a service-time model: interarrival = mean QPU time / load."""

from __future__ import annotations

from typing import Any

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario


def scenario(service_time: dict[str, Any], **jobs: Any) -> dict[str, Any]:
    source = {"kind": "arrivals", "account": "lab", "count": 1, "load": 0.5, **jobs}
    return {"qpus": [{"name": "torino", "service_time": service_time}], "workload": [source]}


@pytest.mark.parametrize(
    ("service_time", "jobs", "interarrival"),
    [
        # 2 s + 10 x 100 x 5 / 1000 per second = 7 s
        (
            {"model": "clops", "overhead": "2s", "clops": 1000.0},
            {"circuits": 10, "shots": 100, "layers": 5},
            "14s",
        ),
        # 2 s + (250 us + 100 us) x 1000 = 2.35 s
        ({"overhead": "2s", "rep_delay": "250us", "circuit_length": "100us"}, {"shots": 1000}, "4s700ms"),
        # (2 s + 1 ms x 1000) x the mean factor 2
        (
            {"overhead": "2s", "per_execution": "1ms", "noise": {"kind": "empirical", "values": [1.0, 3.0]}},
            {"shots": 1000},
            "12s",
        ),
    ],
    ids=["clops", "rep_delay", "empirical noise"],
)
def test_load_gives_the_interarrival_that_offers_it(
    service_time: dict[str, Any], jobs: dict[str, Any], interarrival: str
) -> None:
    written = load_scenario(scenario(service_time, **jobs)).dump()["workload"][0]
    assert written["interarrival"] == {"kind": "exponential", "mean": interarrival}


def test_load_of_times_without_a_closed_mean_is_an_error() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(scenario({"executions_per_subjob": 1000}, shots=5000))
    assert str(caught.value) == (
        "scenario: workload.arrivals.load: the mean of these QPU times has no closed form, "
        "so no rate can be solved; give qpu_time (got 0.5)"
    )

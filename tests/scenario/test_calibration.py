"""`load` solves the rate of arrivals: rate x mean QPU time = load."""

from __future__ import annotations

import math

import pytest

from qsession_sim.scenario.load import load_scenario
from qsession_sim.workload import draw


def arrivals(noise="none", **source):
    return load_scenario(
        {
            "horizon": "24h",
            "qpus": [
                {"name": "q", "service_time": {"overhead": "2s", "per_execution": "1ms", "noise": noise}}
            ],
            "workload": [{"kind": "arrivals", "account": "a", **source}],
        }
    ).resolved.workload[0]


@pytest.mark.parametrize(
    ("source", "mean_us"),
    [
        ({"qpu_time": "4s", "load": 0.8}, 5_000_000),
        ({"qpu_time": {"kind": "erlang", "stages": 3, "mean": "6s"}, "load": 1.5}, 4_000_000),
        ({"shots": 1000, "load": 0.5}, 6_000_000),
        # circuits 1 or 4, rounded from 0.4 and 3.5: mean 2.5; 2 s + 2.5 x 2000 ms
        (
            {"shots": 2000, "circuits": {"kind": "choice", "values": [0.4, 3.5]}, "load": 0.7},
            10_000_000,
        ),
        # a cap of e scales: 2 s x (1 + ln e)
        (
            {"qpu_time": {"kind": "pareto", "shape": 1, "scale": "2s", "at_most": "5436564us"}, "load": 0.8},
            5_000_000,
        ),
        (
            {"shots": 1000, "load": 0.5, "noise": {"kind": "lognormal", "sigma": 1}},
            6_000_000 * math.sqrt(math.e),
        ),
    ],
)
def test_load_becomes_an_exponential_interarrival_time(source, mean_us):
    resolved = arrivals(**source)
    assert resolved.interarrival.kind == "exponential"
    assert abs(resolved.interarrival.mean - mean_us) <= 1


def test_load_scales_the_rates_of_a_week_and_of_bursts():
    """10 s and 0.5 make 180 an hour. The week has 24 x 70 arrivals, 10 an hour; the bursts have 9 an hour."""
    week = arrivals(qpu_time="10s", load=0.5, rates=[{"days": ["mon"], "per_hour": 70}])
    assert [rate.per_hour for rate in week.rates] == pytest.approx([1260.0])
    bursts = {"quiet": {"per_hour": 4, "lasts": "3h"}, "burst": {"per_hour": 24, "lasts": "1h"}}
    two = arrivals(qpu_time="10s", load=0.5, bursts=bursts).bursts
    assert [two.quiet.per_hour, two.burst.per_hour] == pytest.approx([80.0, 480.0])


def test_the_drawn_workload_offers_the_load():
    """1000 h of jobs with exponential times: the sum has a spread of sqrt(2 x number) x mean."""
    scenario = load_scenario(
        {
            "seed": 7,
            "horizon": "1000h",
            "workload": [
                {
                    "kind": "arrivals",
                    "account": "a",
                    "qpu_time": {"kind": "exponential", "mean": "90s"},
                    "load": 0.8,
                }
            ],
        }
    )
    offered = draw(scenario.resolved).jobs.qpu_time_us.sum() / 3_600_000_000 / 1000
    jobs = 0.8 * 1000 * 40
    assert abs(offered - 0.8) < 5 * 0.8 * math.sqrt(2 / jobs)


def qpu(name, per_execution, **keys):
    return {"name": name, "service_time": {"overhead": "0s", "per_execution": per_execution}, **keys}


@pytest.mark.parametrize(
    ("source", "mean_us"),
    [
        # 2 s and 6 s a job: 1/2 + 1/6 = 2/3 jobs in a second keep both busy, half of them offer 0.5
        ({"load": 0.5}, 3_000_000),
        ({"load": 0.5, "qpu": "slow"}, 12_000_000),
        ({"load": 0.5, "qpu": "aer"}, 2_000_000),
        # the same 3 s on both
        ({"load": 0.5, "qpu_time": "3s", "shots": None}, 3_000_000),
    ],
)
def test_a_load_is_that_of_all_qpus_that_the_jobs_may_use(source, mean_us):
    """S54: three QPUs, of which jobs that name none never meet the simulator backend (S22)."""
    qpus = [qpu("fast", "2ms"), qpu("slow", "6ms"), qpu("aer", "1ms", simulator=True)]
    source = {key: value for key, value in {"shots": 1000, **source}.items() if value is not None}
    scenario = {
        "horizon": "24h",
        "qpus": qpus,
        "workload": [{"kind": "arrivals", "account": "a", **source}],
    }

    assert load_scenario(scenario).resolved.workload[0].interarrival.mean == mean_us

"""S7: what a scenario draws never changes. Digests of whole workloads, pinned when each kind was introduced.

A digest that differs means that people who repeat their runs get other results.
"""

from __future__ import annotations

import pytest

from qsession_sim.scenario.load import load_scenario
from qsession_sim.workload import draw

SHOTS = {"kind": "choice", "values": [1000, 4000, 8000], "weights": [4, 3, 2]}
EXPONENTIAL = {"kind": "exponential", "mean": "90s"}
NOISE = {"kind": "lognormal", "sigma": 0.32}

SOURCES = {
    "arrivals by shots": {"kind": "arrivals", "interarrival": EXPONENTIAL, "shots": SHOTS},
    "arrivals by time": {
        "kind": "arrivals",
        "interarrival": {"kind": "uniform", "low": "10s", "high": "5m"},
        "qpu_time": {"kind": "lognormal", "median": "20s", "sigma": 1.1},
        "until": "9h",
    },
    "iterative": {
        "kind": "iterative",
        "clients": 12,
        "start": {"interarrival": {"kind": "empirical", "values": ["1m", "7m", "20m"]}},
        "iterations": {"kind": "lognormal", "median": 30, "sigma": 0.5},
        "think_time": {"kind": "exponential", "mean": "2s"},
        "circuits": {"kind": "uniform", "low": 1, "high": 20},
        "shots": SHOTS,
    },
    "batches": {
        "kind": "batches",
        "interarrival": {"kind": "exponential", "mean": "2h"},
        "count": 40,
        "jobs": {"kind": "uniform", "low": 5, "high": 40},
        "qpu_time": {"kind": "exponential", "mean": "4s"},
    },
    "rates": {
        "kind": "arrivals",
        "rates": [{"days": ["mon"], "from_hour": 8, "to_hour": 18, "per_hour": 40}, {"per_hour": 3}],
        "qpu_time": {"kind": "gamma", "shape": 0.5, "scale": "4s", "at_least": "1s", "outside": "redraw"},
    },
    "bursts": {
        "kind": "batches",
        "bursts": {"quiet": {"per_hour": 1, "lasts": "1h"}, "burst": {"per_hour": 40, "lasts": "10m"}},
        "jobs": {"kind": "hyperexponential", "means": [2, 40], "weights": [9, 1]},
        "qpu_time": {"kind": "weibull", "shape": 0.6, "scale": "4s", "at_most": "1h"},
    },
    "groups": {
        "kind": "iterative",
        "start": {"groups": [{"at": "1h", "size": 5}]},
        "iterations": {"kind": "erlang", "stages": 3, "mean": 20},
        "think_time": {"kind": "pareto", "shape": 1.5, "scale": "2s"},
        "shots": 1000,
    },
    "habits": {
        "kind": "iterative",
        "clients": 9,
        "iterations": {"kind": "uniform", "low": 10, "high": 60},
        "think_time": EXPONENTIAL,
        "pauses": {"probability": 0.05, "duration": {"kind": "lognormal", "median": "40m", "sigma": 0.5}},
        "shots": SHOTS,
        "shots_by_iteration": {"kind": "geometric", "factor": 1.05, "at_most": 20000},
        "early_stop": {"probability": 0.02, "after": 5},
    },
    "users": {
        "kind": "arrivals",
        "interarrival": EXPONENTIAL,
        "users": {"count": 50, "activity": {"kind": "pareto", "shape": 1.2, "scale": 1}},
        "shots": SHOTS,
    },
    "users by rank": {
        "kind": "batches",
        "interarrival": EXPONENTIAL,
        "users": {"count": 50, "activity": {"kind": "zipf", "exponent": 1}},
        "jobs": 3,
        "qpu_time": "4s",
    },
}
PINNED = {
    "arrivals by shots": "e5478aea639b0b24106bdf4837fd84949a37bf9ac0bf9159ac8ba457a60b728c",
    "arrivals by time": "032c7c969ef47ab852f7a02ea9e2539170d2c5ba3e8a9efb0dbfe980377dc4ad",
    "iterative": "de93a25a761053261d337199e3cd398e3fec3ef58224eef84a7b0e2b7a4f6140",
    "batches": "0e00e572d5fdacd0f1542980941b553d938305625388ae90924bd5a7028aee70",
    "rates": "e8258e4f7cc8553c335e8d7da2bead8b0419fb67b1813c7b4c6830c5c3f49916",
    "bursts": "191bf2b61f8e3167de1df92468cd53ee6e9e1c246c83d3937ebbc7de7b598ed0",
    "groups": "f2240fe9f3d2a4813eda7195544244f32a72df086fb820b7272e3c71f1efa06e",
    "habits": "e29035a0afc54b143ab073b082876047c9473336f581f7efc1d40dc22402ac00",
    "users": "d9a340a8491a144a6bcedfb1cf5091e1048e73f1c7542659310a2c9ca2e34bf4",
    "users by rank": "123f67ffb206f3e79e389b999bd747102ca64db88bf44d6868b125073411a251",
}


def scenario(source):
    service_time = {"noise": NOISE}
    return {
        "seed": 7,
        "horizon": "24h",
        "qpus": [{"name": "torino", "service_time": service_time}],
        "workload": [{"account": "lab", **source}],
    }


@pytest.mark.parametrize("name", SOURCES)
def test_pinned_workloads_are_drawn_byte_for_byte(name):
    """S7."""
    assert draw(load_scenario(scenario(SOURCES[name])).resolved).digest() == PINNED[name]

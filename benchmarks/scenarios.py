"""The workloads that are timed, as scenarios."""

from __future__ import annotations

from typing import Any

MEAN_QPU_SECONDS = 10


def job_mode(load: float, jobs: int) -> dict[str, Any]:
    """M/M/1 in job mode: exponential interarrival and QPU times, first in, first out."""
    return {
        "seed": 1,
        "rules": {"max_execution_time": "none"},
        "workload": [
            {
                "kind": "arrivals",
                "account": "everyone",
                "count": jobs,
                "interarrival": {"kind": "exponential", "mean": f"{MEAN_QPU_SECONDS / load:.6f}s"},
                "qpu_time": {"kind": "exponential", "mean": f"{MEAN_QPU_SECONDS}s"},
            }
        ],
    }


def iterative(clients: int, iterations: int) -> dict[str, Any]:
    """Closed-loop clients in sessions of their own, all there from the start."""
    return {
        "seed": 1,
        "workload": [
            {
                "kind": "iterative",
                "account": "everyone",
                "clients": clients,
                "iterations": iterations,
                "think_time": {"kind": "exponential", "mean": "2s"},
                "qpu_time": {"kind": "exponential", "mean": f"{MEAN_QPU_SECONDS}s"},
                "max_time": "8h",
            }
        ],
    }


def many_accounts(load: float, jobs: int, accounts: int) -> dict[str, Any]:
    """M/M/1 in job mode, of users with allocations, which submit equally often."""
    scenario = job_mode(load, jobs)
    (source,) = scenario["workload"]
    source["users"] = {"count": accounts}
    scenario["accounts"] = [{"name": "everyone", "allocation": "10h"}]
    return scenario


def many_qpus(load: float, jobs: int, qpus: int) -> dict[str, Any]:
    """M/M/1 in job mode on so many QPUs as have that load together, each job routed when it is submitted."""
    scenario = job_mode(load * qpus, jobs)
    scenario["qpus"] = [{"name": f"qpu-{number}"} for number in range(1, qpus + 1)]
    scenario["policies"] = {"routing": "least_busy"}
    return scenario

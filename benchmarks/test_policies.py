"""Queue policies: timings decide nothing, counts do. `python benchmarks/policies.py` prints the ratios."""

from __future__ import annotations

from typing import Any

import pytest
from test_speed import run_with_tables

import scenarios
from qsession_sim.policies.registry import QUEUE_POLICIES

LOOK_AT_EVERY_JOB = {"wfp3", "unicef"}


@pytest.mark.parametrize("policy", [name for name in QUEUE_POLICIES if name not in LOOK_AT_EVERY_JOB])
def test_many_accounts_at_twice_the_load(benchmark: Any, policy: str) -> None:
    scenario = {**scenarios.many_accounts(2.0, 10_000, 500), "policies": {"queue": policy}}
    run = benchmark.pedantic(run_with_tables, (scenario,), rounds=1)
    summary = run.summary()
    assert summary["all"]["status"]["DONE"] == 10_000
    assert len(summary["by_account"]) == 500


def test_many_qpus(benchmark: Any) -> None:
    run = benchmark.pedantic(run_with_tables, (scenarios.many_qpus(0.8, 10_000, 20),), rounds=1)
    summary = run.summary()
    assert summary["all"]["status"]["DONE"] == 10_000
    assert len(summary["qpus"]) == 20

"""Questions about usage cost the same however many jobs there were: counted in lines that are executed."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import scenarios
from qsession_sim import simulate
from qsession_sim.scheduler import limits

SIZES = (5_000, 10_000, 20_000)


def quota_beside_fair_share(jobs: int) -> dict[str, Any]:
    """Three users with a quota that nobody reaches, of an hour each hour, beside shares of 28 days."""
    scenario = scenarios.many_accounts(0.8, jobs, 3)
    scenario["plans"] = {"hourly": {"quota": {"usage": "1h", "window": "1h"}}}
    scenario["accounts"][0]["plan"] = "hourly"
    scenario["policies"] = {"queue": "fair_share"}
    return scenario


def lines_in_limits(jobs: int) -> tuple[int, int]:
    """How many lines of the module on usage and limits a run executes, and how many of its jobs are done."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return note

    def enter(frame: FrameType, _event: str, _argument: object) -> Any:
        return note if frame.f_code.co_filename == limits.__file__ else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run = simulate(quota_beside_fair_share(jobs))
    finally:
        sys.settrace(before)
    return count, run.summary()["all"]["status"]["DONE"]


def test_a_quota_beside_fair_share_costs_the_same_for_each_job(benchmark: Any) -> None:
    counts = benchmark.pedantic(lambda: [lines_in_limits(jobs) for jobs in SIZES], rounds=1)
    assert [done for _, done in counts] == list(SIZES)
    of_each = [lines / jobs for (lines, _), jobs in zip(counts, SIZES, strict=True)]
    assert max(of_each) < 1.05 * min(of_each), of_each

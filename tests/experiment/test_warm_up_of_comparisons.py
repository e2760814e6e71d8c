"""Warm-ups found by MSER-5 where configurations are compared."""

from __future__ import annotations

from typing import Any

import polars as pl

import qsession_sim as qs

NAMES = ["fifo", "lifo"]
EXPONENTIAL = {"kind": "exponential"}


def test_mser5_leaves_out_the_same_of_all_that_are_compared() -> None:
    """lifo alone would leave out its longest waits, which are those of the first jobs."""
    times = {"interarrival": {**EXPONENTIAL, "mean": "10s"}, "qpu_time": {**EXPONENTIAL, "mean": "9s"}}
    source = {
        "seed": 7,
        "workload": [
            {"kind": "arrivals", "name": "everyday", "account": "lab", "count": 400, **times},
            {
                "kind": "arrivals",
                "name": "crowd",
                "account": "lab",
                "count": 30,
                "interarrival": "1ms",
                "qpu_time": "60s",
            },
        ],
    }
    asked: dict[str, Any] = {"replications": 2, "warm_up": "mser5", "metrics": ["mean_waiting"]}

    def left_out(study: qs.Study, name: str) -> list[int]:
        runs = study.runs().filter(pl.col("configuration") == name)
        return runs["warm_up_us"].to_list()

    alone = {name: left_out(qs.replicate(source, policy=name, **asked), name) for name in NAMES}
    assert alone["fifo"] != alone["lifo"]
    for baseline in NAMES:
        study = qs.compare(source, NAMES, baseline=baseline, **asked)
        assert left_out(study, "fifo") == left_out(study, "lifo") == alone[baseline]
        assert study.method[-1].startswith(f"Warm-up: found in each run of {baseline} by MSER-5")
    vary = {"policies.queue": NAMES}
    swept = qs.sweep(source, vary, baseline="policies.queue=lifo", **asked)
    assert left_out(swept, "policies.queue=fifo") == alone["lifo"]
    free = qs.sweep(source, vary, **asked)
    assert left_out(free, "policies.queue=fifo") == alone["fifo"]

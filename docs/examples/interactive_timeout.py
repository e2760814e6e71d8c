"""A sentence that can be quoted: a timeout of 12 s beside one of 60 s, on a hundred workloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qsession_sim as qs

SCENARIO = Path(__file__).parents[2] / "scenarios" / "vqe_modes.yaml"
TIMEOUT = "workload.vqe-session.interactive_timeout"

study = qs.sweep(
    SCENARIO,
    {TIMEOUT: ["60s", "12s"]},
    baseline=f"{TIMEOUT}=60s",
    metrics=["session.mean_makespan", "by_stream.everyday.max_waiting"],
    overrides=["workload.everyday.iterations=220"],
    replications=100,
)
session, others = study.table().rows(named=True)[2:]


def interval(row: dict[str, Any]) -> str:
    """The size of a difference, in seconds."""
    size, *ends = (abs(row[f"difference{end}"]) / 1e6 for end in ("", "_low", "_high"))
    return f"{size:.0f} s (95 % interval {min(ends):.0f} s to {max(ends):.0f} s)"


def share(row: dict[str, Any]) -> str:
    """The size of a relative change."""
    return f"{100 * abs(row['relative_change']):.1f} %"


verdict = "both" if session["significant"] and others["significant"] else "not both"
print("With an interactive timeout of 12 s instead of 60 s,")
print(f"the session takes {interval(session)} longer, {share(session)},")
print(f"and the longest wait of the other users is {interval(others)} shorter, {share(others)};")
print(f"paired means of {study.replications} simulated workloads, {verdict} significant at 5 % (Holm).")

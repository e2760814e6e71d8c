"""Print the cost of queue policies and of routing: `python benchmarks/policies.py`.

Each policy and `fifo` run the same workload in turn, drawing and tables included, and the median of the
pairwise ratios of processor time is printed.
"""

from __future__ import annotations

from collections.abc import Callable

from ratios import ratio
from test_speed import run_with_tables

import scenarios

STATIC = (
    "lifo",
    "priority",
    "shortest_job_first",
    "longest_job_first",
    "earliest_deadline",
    "random",
    "session_first",
)
OF_ACCOUNTS = (
    "fair_share",
    "round_robin",
    "weighted_fair_queueing",
    "least_attained_service",
    "multilevel",
)
JOBS = 40_000
ACCOUNTS = 500
QPUS = 20


def ordered(policy: str, *, crowded: bool) -> Callable[[], object]:
    """A run with many accounts: at 200 % load, or with all jobs waiting from the first moment on."""
    scenario = scenarios.many_accounts(10_000.0 if crowded else 2.0, JOBS, ACCOUNTS)
    scenario["policies"] = {"queue": policy}
    return lambda: run_with_tables(scenario)


def routed(qpus: int) -> Callable[[], object]:
    """A run at 80 % load on so many QPUs."""
    scenario = scenarios.many_qpus(0.8, JOBS, qpus)
    return lambda: run_with_tables(scenario)


def main() -> None:
    """Measure and print everything."""
    cost, _, _ = ratio(routed(QPUS), routed(1))
    print(f"least_busy, {QPUS} QPUs at 80 % load: {cost:.2f} times the time per job (wanted: 1.5 or less)")
    for policy in STATIC:
        cost, _, _ = ratio(ordered(policy, crowded=False), ordered("fifo", crowded=False))
        print(f"{policy}, 200 % load, {JOBS} jobs: {cost:.2f} times fifo (wanted: 1.3 or less)")
    for policy in OF_ACCOUNTS:
        cost, _, _ = ratio(ordered(policy, crowded=True), ordered("fifo", crowded=True))
        print(f"{policy}, {ACCOUNTS} accounts, {JOBS} waiting: {cost:.2f} times fifo (wanted: 3 or less)")


if __name__ == "__main__":
    main()

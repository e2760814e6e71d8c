"""A queue policy that looks at the queue, compared with first in, first out on two days of a real one."""

from __future__ import annotations

from pathlib import Path

import qsession_sim as qs

SCENARIO = Path(__file__).parents[2] / "scenarios" / "ibm_november_2023.yaml"


def quiet_first(job: qs.JobView, view: qs.ServiceView) -> tuple[int, ...]:
    """The account with the fewest jobs in the queue goes first, with its jobs in order of submission."""
    return (view.waiting_jobs(job.account),)


def main() -> None:
    study = qs.compare(
        SCENARIO,
        policies=["fifo", quiet_first],
        overrides=["horizon=48h"],
        replications=10,
        metrics=["by_stream.everyday.mean_waiting", "by_stream.scripts.mean_waiting"],
    )
    table = study.table(readable=True).select("configuration", "metric", "mean", "change", "verdict")
    for policy, metric, mean, change, verdict in table.iter_rows():
        print(f"{policy:<12} {metric.split('.')[1]:<9} {mean:>15}  {change or '':<26} {verdict}")


if __name__ == "__main__":
    main()

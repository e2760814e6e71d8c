"""A queue policy of one's own: a function from a job to a tuple of ints, of which the smallest goes first."""

from __future__ import annotations

import qsession_sim as qs
from qsession_sim.scheduler.view import JobView

SCENARIO = {
    "title": "Four jobs, of which three have to wait",
    "workload": [
        {
            "kind": "explicit",
            "jobs": [
                {"id": "first", "at": "0s", "account": "research", "qpu_time": "10s"},
                {"id": "plain", "at": "1s", "account": "research", "qpu_time": "10s"},
                {"id": "urgent", "at": "2s", "account": "research", "qpu_time": "10s", "priority": 5},
                {"id": "course", "at": "3s", "account": "teaching", "qpu_time": "10s"},
            ],
        }
    ],
}


def teaching_first(job: JobView) -> tuple[int, ...]:
    """Jobs of the account `teaching` first, then by priority; equals go by submission, then by number."""
    return (0 if job.account == "teaching" else 1, -job.priority)


def main() -> None:
    for policy in ("fifo", "priority", teaching_first):
        run = qs.simulate(SCENARIO, policy=policy)
        order = run.jobs.sort("started_us")["job"].to_list()
        name = policy if isinstance(policy, str) else policy.__name__
        print(f"{name}: {', '.join(order)}")


if __name__ == "__main__":
    main()

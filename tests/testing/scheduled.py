"""Runs of the scheduler as results see them, from single entities. Times are microseconds."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace

import engines

from qsession_sim.policies.registry import queue_policy
from qsession_sim.results.record import Record
from qsession_sim.results.run import Run
from qsession_sim.scheduler.plan import JobSpec, Plan, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.workload.columns import ClientColumns, JobColumns, SessionColumns, Workload

ACCOUNTS = ("lab-a", "lab-b", "lab-c")


def scheduled_run(jobs, sessions=(), *, rules=None, horizon=None, fair_share_us=None, **plan) -> Run:
    """The run of a plan; jobs are named j0, j1 and so on, sessions s0, QPUs q0. The queue policy is
    `fair_share` if its window is given, else `fifo`."""
    plan = Plan.of(jobs, sessions, accounts=ACCOUNTS, **plan)
    queue, policy = SimpleNamespace(name="fifo"), None
    if fair_share_us is not None:
        queue = SimpleNamespace(name="fair_share", window=fair_share_us)
        policy = queue_policy({"name": "fair_share", "window": f"{fair_share_us}us"})
    scheduler = Scheduler(plan, rules, queue_policy=policy)
    if horizon is None:
        assert scheduler.advance_while_needed()
    else:
        assert scheduler.advance(horizon - 1)
        scheduler.finish_at(horizon)
    engines.compare(scheduler, plan, policy, horizon)
    record = Record.of(
        scheduler.journal,
        _workload(jobs, sessions, plan),
        rules,
        plan.account_specs,
        end_us=scheduler.now_us,
        session_qpu=scheduler.session_qpus,
        requested_us=scheduler.job_columns.qpu_time_us,
    )
    resolved = SimpleNamespace(
        title="",
        seed=1,
        warm_up=0,
        horizon=horizon,
        policies=SimpleNamespace(queue=queue),
    )
    scenario = SimpleNamespace(resolved=resolved, text="seed: 1\n", to_json=lambda: "{}\n")
    return Run(record, scenario, {})


def _workload(jobs, sessions, plan) -> Workload:
    return Workload(
        jobs=JobColumns(**_columns(JobColumns, JobSpec, jobs)),
        sessions=SessionColumns(**_columns(SessionColumns, SessionSpec, sessions)),
        clients=ClientColumns(*[[]] * 6),
        accounts=ACCOUNTS,
        streams=("explicit",),
        job_names=(tuple(f"j{number}" for number in range(len(jobs))),),
        session_names=(tuple(f"s{number}" for number in range(len(sessions))),),
        qpus=tuple(f"q{number}" for number in range(len(plan.qpus))),
        qpu_specs=plan.qpus,
        windows=plan.windows,
    )


def _columns(target, spec, rows) -> dict[str, list[int]]:
    known = {field.name for field in fields(spec)}
    missing = {"stream": 0, "client": -1}
    return {
        field.name: [getattr(row, field.name) if field.name in known else missing[field.name] for row in rows]
        for field in fields(target)
    }

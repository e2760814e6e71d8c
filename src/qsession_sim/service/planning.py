"""From the columns of a workload to the scheduler's plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final

import numpy as np

from qsession_sim.scenario.accounts import (
    REFUSED_FROM,
    HumanAccount,
    ResolvedPlan,
    is_refused,
)
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scheduler.plan import (
    AccountSpec,
    ClientPlan,
    JobPlan,
    Plan,
    SessionPlan,
    SlidingLimit,
)
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import (
    ClientColumns,
    Int64Array,
    JobColumns,
    SessionColumns,
    Workload,
    constant,
    is_constant,
)
from qsession_sim.workload.users import every_account, plan_of_each


def plan_of(
    workload: Workload, accounts: Sequence[str], specs: Mapping[str, AccountSpec] | None = None
) -> Plan:
    """Share the columns with the scheduler, without a copy, and say which jobs need something before they are
    submitted.

    Args:
        workload: everything known before the run.
        accounts: names by number; those of the workload come first.
        specs: what accounts may do, by name.
    """
    jobs = workload.jobs
    planned = np.flatnonzero(jobs.at_us != NEVER)
    planned = planned[np.argsort(jobs.at_us[planned], kind="stable")]  # stable: ties go by number (S3)
    return Plan(
        jobs=JobPlan(**_shared(jobs)),
        submissions_us=_column(jobs.at_us[planned]),
        submissions=_column(planned),
        follow_ups=_column(np.flatnonzero((jobs.after != NEVER) & (jobs.client == NEVER))),
        job_cancels=_column(np.flatnonzero(jobs.cancel_us != NEVER)),
        sessions=SessionPlan(**_shared(workload.sessions)),
        clients=ClientPlan(**_shared(workload.clients)),
        accounts=accounts,
        account_specs={n: specs[name] for n, name in enumerate(accounts) if name in specs} if specs else {},
        qpus=workload.qpu_specs,
        windows=workload.windows,
        qpu_times_us=tuple(map(_column, workload.qpu_times_us)),
        estimates_us=tuple(map(_column, workload.estimates_us)),
    )


def _shared(table: JobColumns | SessionColumns | ClientColumns) -> dict[str, memoryview]:
    """The columns as the scheduler takes them; those that say nothing in the memory of one value."""
    columns = {item.name: _column(getattr(table, item.name)) for item in fields(table)}
    unneeded: dict[str, Any] = {n.name: n.default for n in fields(table) if not table.is_needed(n.name)}
    return columns | {name: constant(len(table), default).data for name, default in unneeded.items()}


def _column(numbers: Int64Array) -> memoryview:
    return (numbers if is_constant(numbers) else np.ascontiguousarray(numbers, dtype=np.int64)).data


# -- What the scheduler needs to know of accounts: their plans, allocations and clients.

_MICROSECOND: Final = timedelta(microseconds=1)


def account_specs(scenario: ResolvedScenario) -> dict[str, AccountSpec]:
    """The specification of each account that has one, by name; an account without one has no limits.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> accounts = [{"name": "lab-a", "plan": "open"}, {"name": "lab-b"}]
        >>> specs = account_specs(load_scenario({"accounts": accounts, "workload": []}).resolved)
        >>> {name: spec.pending for name, spec in specs.items()}
        {'lab-a': 3}
    """
    plans = plan_of_each(scenario)
    refused_from_us = max((REFUSED_FROM - scenario.start) // _MICROSECOND, 0)
    specs = {
        name: _spec(account, plans.get(name), refused_from_us)
        for name, account in every_account(scenario).items()
    }
    return {name: spec for name, spec in specs.items() if spec != AccountSpec()}


def _spec(account: HumanAccount, plan: ResolvedPlan | None, refused_from_us: int) -> AccountSpec:
    is_old = account.client is not None and is_refused(account.client)
    return replace(
        AccountSpec() if plan is None else _terms(plan),
        allocation_us=account.allocation or 0,  # S63: no allocation and one of nothing are the same
        client_too_old_from_us=refused_from_us if is_old else NEVER,  # S23
    )


def _terms(plan: ResolvedPlan) -> AccountSpec:
    rate, quota = plan.submission_rate, plan.quota
    return AccountSpec(
        sessions=plan.sessions,
        batches=plan.batches,
        pending=plan.pending_jobs,
        submissions=None if rate is None else SlidingLimit(rate.count, rate.window),
        quota=None if quota is None else SlidingLimit(quota.usage, quota.window),
    )

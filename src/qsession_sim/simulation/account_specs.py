"""What the scheduler needs to know of accounts: their plans, allocations and clients."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from qsession_sim.scenario.client_versions import REFUSED_FROM, is_refused
from qsession_sim.scenario.resolved import ResolvedScenario
from qsession_sim.scenario.resolved_accounts import ResolvedAccount, ResolvedPlan
from qsession_sim.scheduler.plan import AccountSpec, SlidingLimit
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.user_accounts import every_account, plan_of_each

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


def _spec(account: ResolvedAccount, plan: ResolvedPlan | None, refused_from_us: int) -> AccountSpec:
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

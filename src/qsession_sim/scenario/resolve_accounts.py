"""Plans and accounts from the human form to the resolved form, and the clocks that plans give (S60)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from qsession_sim.scenario.human_accounts import UNLIMITED, HumanAccount, HumanClock, HumanPlan, HumanTimeouts
from qsession_sim.scenario.profile_plans import PROFILE_PLANS, plan_without_limits
from qsession_sim.scenario.profiles import PROFILES, Profile, ProfileName
from qsession_sim.scenario.resolved_accounts import (
    Quota,
    ResolvedAccount,
    ResolvedClock,
    ResolvedPlan,
    ResolvedTimeouts,
    SubmissionRate,
)

T = TypeVar("T")


def resolve_plan(name: str, plan: HumanPlan, profile: ProfileName) -> ResolvedPlan:
    """Fill in what a plan does not give, from the profile's plan with its name, or else one without limits.

    Example:
        >>> plan = resolve_plan("premium", HumanPlan(max_time={"limit": "4h"}), "2024-04")
        >>> plan.max_time.default, plan.interactive_timeout.session.limit
        (14400000000, 60000000)
    """
    base = PROFILE_PLANS[profile].get(name) or plan_without_limits(profile)
    timeouts = plan.interactive_timeout or HumanTimeouts.model_construct(session=None, batch=None)
    return ResolvedPlan.model_construct(
        sessions=_default(plan.sessions, base.sessions),
        batches=_default(plan.batches, base.batches),
        max_time=_clock(plan.max_time, base.max_time),
        interactive_timeout=ResolvedTimeouts.model_construct(
            session=_clock(timeouts.session, base.interactive_timeout.session),
            batch=_clock(timeouts.batch, base.interactive_timeout.batch),
        ),
        pending_jobs=_limit(plan.pending_jobs, base.pending_jobs),
        submission_rate=_rate(plan.submission_rate, base.submission_rate),
        quota=_quota(plan.quota, base.quota),
        price_per_second=_limit(plan.price_per_second, base.price_per_second),
    )


def resolve_plans(
    plans: Mapping[str, HumanPlan], accounts: tuple[HumanAccount, ...] | None, profile: ProfileName
) -> dict[str, ResolvedPlan] | None:
    """The plans of a scenario, then those of its profile that its accounts have; None if there is none."""
    resolved = {name: resolve_plan(name, plan, profile) for name, plan in plans.items()}
    for account in accounts or ():
        if account.plan is not None and account.plan not in resolved:
            resolved[account.plan] = PROFILE_PLANS[profile][account.plan]
    return resolved or None


def resolve_account(account: HumanAccount) -> ResolvedAccount:
    """An account, which has no defaults."""
    return ResolvedAccount.model_construct(
        name=account.name, plan=account.plan, allocation=account.allocation, client=account.client
    )


def plans_by_account(
    accounts: tuple[ResolvedAccount, ...] | None, plans: Mapping[str, ResolvedPlan] | None
) -> dict[str, ResolvedPlan]:
    """The plan of each account that has one."""
    return {
        account.name: plans[account.plan]
        for account in accounts or ()
        if plans is not None and account.plan is not None
    }


@dataclass(frozen=True)
class DefaultClocks:
    """What a session gets that asks for nothing: that of its account's plan, or else of the profile."""

    profile: Profile
    plans: Mapping[str, ResolvedPlan]  # by account

    def max_time_of(self, account: str | None) -> int:
        """The maximum timeout in microseconds."""
        plan = self._plan(account)
        return self.profile.max_time_us if plan is None else plan.max_time.default

    def interactive_timeout_of(self, account: str | None, mode: Literal["session", "batch"]) -> int:
        """The interactive timeout of a mode in microseconds."""
        plan = self._plan(account)
        return self.profile.interactive_timeout_of(mode) if plan is None else plan.timeout_of(mode).default

    def _plan(self, account: str | None) -> ResolvedPlan | None:
        return None if account is None else self.plans.get(account)


def default_clocks(
    profile: ProfileName,
    accounts: tuple[ResolvedAccount, ...] | None,
    plans: Mapping[str, ResolvedPlan] | None,
) -> DefaultClocks:
    """The clocks of a scenario."""
    return DefaultClocks(PROFILES[profile], plans_by_account(accounts, plans))


def write_limits(plans: dict[str, dict[str, Any]]) -> None:
    """Say of the written form of each plan where there is no limit: absent would mean the profile's."""
    for name, plan in plans.items():
        plans[name] = {key: plan.get(key, "none") for key in ResolvedPlan.model_fields}
        for clock in (plan["max_time"], *plan["interactive_timeout"].values()):
            clock.setdefault("limit", "none")


def _default(value: T | None, default: T) -> T:
    return default if value is None else value


def _limit(value: T | None, default: T | None) -> T | None:
    return None if value == UNLIMITED else _default(value, default)


def _clock(clock: HumanClock | None, base: ResolvedClock) -> ResolvedClock:
    if clock is None:
        return base
    limit = _limit(clock.limit, base.limit)
    # a lower limit lowers what a session gets
    default = base.default if limit is None else min(base.default, limit)
    return ResolvedClock.model_construct(default=_default(clock.default, default), limit=limit)


def _rate(rate: SubmissionRate | None, base: SubmissionRate | None) -> SubmissionRate | None:
    return None if rate is not None and rate.count == UNLIMITED else _default(rate, base)


def _quota(quota: Quota | None, base: Quota | None) -> Quota | None:
    return None if quota is not None and quota.usage == UNLIMITED else _default(quota, base)

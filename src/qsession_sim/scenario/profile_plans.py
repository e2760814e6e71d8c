"""Documented plans of the service at three points in time, as data (S60).

Sources, all public, beside those of the profiles:

- The overview of plans in the IBM Quantum documentation: the Open Plan has 10 minutes of QPU time in any 28
  days; Flex is paid in advance, Premium by subscription. The guide to the maximum execution time of early
  2024 counts the 10 minutes by calendar month instead.
- The guide to execution modes, today: no sessions on the Open Plan. The guide to batches: at most 10 min for
  a batch there, 8 h on the other plans.
- The discussion of the guide to sessions (Qiskit/documentation, pull request 2064): on the Open Plan of
  2024, a session had an interactive timeout of 1 s.
- The guide to job limits until 2025, and qiskit-ibm-runtime from 0.26 to 0.43, which waited for it: 3 queued
  and running jobs on the Open Plan (error 3458).
- The guide to managing cost: 1.60 US dollars per second on the Pay-As-You-Go Plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from qsession_sim.scenario.profiles import PROFILES, ProfileName
from qsession_sim.scenario.resolved_accounts import Quota, ResolvedClock, ResolvedPlan, ResolvedTimeouts
from qsession_sim.units import DAY, MINUTE, SECOND

PAY_AS_YOU_GO_PRICE: Final = 1.60

_OPEN_QUOTA: Final = Quota.model_construct(usage=10 * MINUTE, window=28 * DAY)


def fixed_clock(duration_us: int) -> ResolvedClock:
    """A clock of which a session may ask for less, and not for more."""
    return ResolvedClock.model_construct(default=duration_us, limit=duration_us)


def free_clock(duration_us: int) -> ResolvedClock:
    """A clock for which a session may ask for anything."""
    return ResolvedClock.model_construct(default=duration_us, limit=None)


def plan_without_limits(profile: ProfileName) -> ResolvedPlan:
    """What an account without a plan may do: everything, with the clocks of the profile.

    Example:
        >>> plan = plan_without_limits("2024-04")
        >>> plan.max_time.default, plan.max_time.limit, plan.pending_jobs
        (28800000000, None, None)
    """
    clocks = PROFILES[profile]
    return ResolvedPlan.model_construct(
        sessions=True,
        batches=True,
        max_time=free_clock(clocks.max_time_us),
        interactive_timeout=ResolvedTimeouts.model_construct(
            session=free_clock(clocks.interactive_timeout_us),
            batch=free_clock(clocks.batch_interactive_timeout_us),
        ),
        pending_jobs=None,
        submission_rate=None,
        quota=None,
        price_per_second=None,
    )


def _paid(profile: ProfileName, price_per_second: float | None = None) -> ResolvedPlan:
    clocks = PROFILES[profile]
    timeouts = ResolvedTimeouts.model_construct(
        session=fixed_clock(clocks.interactive_timeout_us),
        batch=fixed_clock(clocks.batch_interactive_timeout_us),
    )
    fixed = {"max_time": fixed_clock(clocks.max_time_us), "interactive_timeout": timeouts}
    return plan_without_limits(profile).model_copy(update={**fixed, "price_per_second": price_per_second})


def _plans_2023() -> Mapping[str, ResolvedPlan]:
    paid = _paid("2023")
    return {
        "open": paid.model_copy(update={"quota": _OPEN_QUOTA}),
        "pay-as-you-go": _paid("2023", PAY_AS_YOU_GO_PRICE),
        "premium": paid,
    }


def _plans_2024() -> Mapping[str, ResolvedPlan]:
    paid = _paid("2024-04")
    one_second = ResolvedTimeouts.model_construct(session=fixed_clock(SECOND), batch=fixed_clock(SECOND))
    limits = {"interactive_timeout": one_second, "pending_jobs": 3, "quota": _OPEN_QUOTA}
    return {
        "open": paid.model_copy(update=limits),
        "pay-as-you-go": _paid("2024-04", PAY_AS_YOU_GO_PRICE),
        "premium": paid,
    }


def _plans_2026() -> Mapping[str, ResolvedPlan]:
    paid = _paid("2026")
    limits = {"max_time": fixed_clock(10 * MINUTE), "pending_jobs": 3, "quota": _OPEN_QUOTA}
    return {
        "open": paid.model_copy(update={"sessions": False, **limits}),
        "pay-as-you-go": _paid("2026", PAY_AS_YOU_GO_PRICE),
        "flex": paid,
        "premium": paid,
    }


PROFILE_PLANS: Final = MappingProxyType[ProfileName, Mapping[str, ResolvedPlan]](
    {"2023": _plans_2023(), "2024-04": _plans_2024(), "2026": _plans_2026()}
)

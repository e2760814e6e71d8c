"""What goes into the scheduler: the plan of a workload, and what live users give with their commands."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Final, TypedDict, get_type_hints

import numpy as np

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scenario.accounts import (
    REFUSED_FROM,
    AccountPlans,
    HumanAccount,
    ResolvedClock,
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
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import (
    ClientColumns,
    Int64Array,
    JobColumns,
    SessionColumns,
    Workload,
    constant,
    is_constant,
)
from qsession_sim.workload.sources import every_account, plan_of_each


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
    at_us = jobs.at_us if len(planned) == len(jobs) else jobs.at_us[planned]
    if np.any(at_us[1:] < at_us[:-1]):
        order = np.argsort(at_us, kind="stable")  # stable: ties go by number (S3)
        planned, at_us = planned[order], at_us[order]
    return Plan(
        jobs=JobPlan(**_shared(jobs)),
        submissions_us=np.ascontiguousarray(at_us).data,
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
        more_after=workload.more_after,
    )


def _shared(table: JobColumns | SessionColumns | ClientColumns) -> dict[str, memoryview]:
    """The columns as the scheduler takes them; those that say nothing in the memory of one value."""
    default = {name: item.default for name, item in table.items().items()}
    return {
        name: _column(getattr(table, name) if table.is_needed(name) else constant(len(table), default[name]))
        for name in default
    }


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
        quota_ends=quota is not None and quota.on_reached == "end",
    )


# -- What live users give with a command, and what is wrong with it.


_MOST_URGENT: Final = 2**62

Check = Callable[[str, Any], int]
"""From what a value is called and the value to the number that the scheduler takes."""


def check_name(what: str, name: str) -> None:
    """Names are those of a scenario, except that they may have a slash.

    Raises:
        SchedulerUsageError: if it is no name.
    """
    if not isinstance(name, str) or not name or not name.isprintable() or name != name.strip():
        raise SchedulerUsageError(
            f"{what} must be a text on one line, not empty and without spaces around it, not {name!r}"
        )


def check_mode(name: str, mode: Mode) -> None:
    """A session is of mode `session` or `batch`.

    Raises:
        SchedulerUsageError: if it is not.
    """
    if mode not in (Mode.SESSION, Mode.BATCH):
        raise SchedulerUsageError(f"session {name!r}: needs mode SESSION or BATCH, not {mode!r}")


def duration_us(least_us: int) -> Check:
    """The check of a duration: whole microseconds (S1), at least so many (S2).

    Example:
        >>> duration_us(1)("estimate_us", 0)
        Traceback (most recent call last):
        qsession_sim.errors.SchedulerUsageError: estimate_us must be from 1 to 2**62 microseconds, not 0
    """

    def check(what: str, value: Any) -> int:
        value_us = _whole(what, value)
        if not least_us <= value_us <= LONGEST_US:
            raise SchedulerUsageError(f"{what} must be from {least_us} to 2**62 microseconds, not {value!r}")
        return value_us

    return check


any_duration_us: Final = duration_us(0)
some_duration_us: Final = duration_us(1)


def _priority(what: str, value: Any) -> int:
    priority = _whole(what, value)
    if abs(priority) > _MOST_URGENT:
        raise SchedulerUsageError(f"{what} must be from -2**62 to 2**62, not {value!r}")
    return priority


def _whole(what: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise SchedulerUsageError(f"{what} must be a whole number, not {value!r}") from None


def _optional(check: Check) -> Check:
    """None is the same as not given."""
    return lambda what, value: NEVER if value is None else check(what, value)


def session_clocks(
    plans: AccountPlans,
    name: str,
    account: str,
    mode: Mode,
    max_time_us: int | None,
    interactive_timeout_us: int | None,
) -> tuple[int, int]:
    """Maximum and interactive timeout in microseconds: what is asked for, or else the default.

    Raises:
        SchedulerUsageError: if more is asked for than the account's plan allows.
    """
    plan = plans.of(account)
    timeout = plan.timeout_of("batch" if mode is Mode.BATCH else "session")
    _check_allowed(f"session {name!r}: max_time_us", max_time_us, plan.max_time)
    _check_allowed(f"session {name!r}: interactive_timeout_us", interactive_timeout_us, timeout)
    return plan.max_time.of(max_time_us), timeout.of(interactive_timeout_us)


def _check_allowed(what: str, asked_us: Any, clock: ResolvedClock) -> None:
    """Compare what can be compared; that it is a whole number is checked elsewhere."""
    if isinstance(asked_us, int) and not clock.allows(asked_us):
        raise SchedulerUsageError(
            f"{what} must be at most {clock.limit}, which the plan of the account allows; got {asked_us}"
        )


def _truth(what: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SchedulerUsageError(f"{what} must be True or False; got {value!r}")
    return value


class JobOptions(TypedDict, total=False):
    """What may be said of a job in a submission; each is a field of `JobSpec`, with its check.

    - `max_execution_time_us`: its limit on the QPU (S44), at least 1; None: only that of the service.
    - `priority`: for the queue policies that look at it; larger is more urgent.
    - `preparation_us`, `post_processing_us`: classical work before and after the QPU (S40).
    - `estimate_us`: of its QPU time, at least 1; None: the QPU time itself is known.
    - `fails`: whether it uses its QPU time and then ends in error, with reason `PROGRAM_FAILED` (S44).
    """

    max_execution_time_us: Annotated[int | None, _optional(some_duration_us)]
    priority: Annotated[int, _priority]
    preparation_us: Annotated[int, any_duration_us]
    post_processing_us: Annotated[int, any_duration_us]
    estimate_us: Annotated[int | None, _optional(some_duration_us)]
    fails: Annotated[bool, _truth]


_JOB_CHECKS: Final[Mapping[str, Check]] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(JobOptions, include_extras=True).items()
}


def checked_options(name: str, options: JobOptions) -> dict[str, Any]:
    """The options of a submission as fields of `JobSpec`.

    Raises:
        SchedulerUsageError: for a value that cannot be.
        TypeError: for an option that does not exist.

    Example:
        >>> checked_options("j1", {"priority": 3, "estimate_us": None})
        {'priority': 3, 'estimate_us': -1}
    """
    if not options:
        return {}
    given: Mapping[str, Any] = options
    unknown = given.keys() - _JOB_CHECKS.keys()
    if unknown:
        raise TypeError(f"submit() got an unexpected keyword argument {min(unknown)!r}")
    return {
        key: check(f"job {name!r}: {key}", given[key]) for key, check in _JOB_CHECKS.items() if key in given
    }


def route_of(name: str) -> int:
    """A number for the routing policy `random` (S54): live users draw none, and names differ."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "little")

"""From the human form to the resolved form: every default becomes explicit.

`resolve` is pure, and idempotent: the written resolved form is a human form that resolves to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, cast

from qsession_sim.scenario import models
from qsession_sim.scenario.calibration import calibrated
from qsession_sim.scenario.models import (
    UNLIMITED,
    HumanAccount,
    HumanClock,
    HumanEstimate,
    HumanPauses,
    HumanPhases,
    HumanPlan,
    HumanTimeouts,
    HumanTrace,
    HumanUsers,
    HumanWindow,
    Quota,
    ResolvedAccount,
    ResolvedClock,
    ResolvedEstimate,
    ResolvedPauses,
    ResolvedPlan,
    ResolvedTimeouts,
    ResolvedTrace,
    ResolvedUsers,
    ResolvedWindow,
    SubmissionRate,
    with_defaults,
)
from qsession_sim.scenario.profiles import PROFILES, Profile, ProfileName
from qsession_sim.scenario.service import resolve_service_time
from qsession_sim.scenario.spellings import NO_LIMIT
from qsession_sim.scenario.values import Constant, Count, Duration
from qsession_sim.units import DAY, MINUTE, SECOND

# -- Documented plans of the service at three points in time, as data (S60).
#
# Sources, all public, beside those of the profiles:
#
# - The overview of plans in the IBM Quantum documentation: the Open Plan has 10 minutes of QPU time in any 28
#   days; Flex is paid in advance, Premium by subscription. The guide to the maximum execution time of early
#   2024 counts the 10 minutes by calendar month instead.
# - The guide to execution modes, today: no sessions on the Open Plan. The guide to batches: at most 10 min
# for
#   a batch there, 8 h on the other plans.
# - The discussion of the guide to sessions (Qiskit/documentation, pull request 2064): on the Open Plan of
#   2024, a session had an interactive timeout of 1 s.
# - The guide to job limits until 2025, and qiskit-ibm-runtime from 0.26 to 0.43, which waited for it: 3
# queued
#   and running jobs on the Open Plan (error 3458).
# - The guide to managing cost: 1.60 US dollars per second on the Pay-As-You-Go Plan.

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


# -- Plans and accounts from the human form to the resolved form, and the clocks that plans give (S60).

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


# -- Windows, phases and estimates from the human form to the resolved form.


def resolve_window(window: HumanWindow) -> ResolvedWindow:
    """Make the first start explicit: one period in, unless it is given (S52).

    Example:
        >>> resolve_window(HumanWindow(kind="calibration", every="1h", duration="2m")).at
        3600000000
    """
    return ResolvedWindow.model_construct(
        kind=window.kind,
        at=window.every if window.at is None else window.at,
        every=window.every,
        duration=window.duration,
        account=window.account,
        time_between_failures=window.time_between_failures,
        repair_time=window.repair_time,
        until=window.until,
    )


def resolve_phases(source: HumanPhases) -> dict[str, Any]:
    """The keys of `ResolvedPhases`."""
    return {
        "qpu": source.qpu,
        "preparation": source.preparation,
        "post_processing": source.post_processing,
        "estimate": _estimate(source.estimate),
    }


def _estimate(estimate: HumanEstimate | None) -> ResolvedEstimate | None:
    if estimate is None or estimate.method is None or estimate.method == "perfect":
        return None
    return ResolvedEstimate.model_construct(
        method=estimate.method, factor=estimate.factor, time=estimate.time
    )


# -- The human form of a source that replays a file, and its way to the resolved form.


def resolve_trace(source: HumanTrace, clocks: DefaultClocks) -> ResolvedTrace:
    """Make every default explicit, except clocks that differ between the accounts of the file.

    Args:
        source: without contradictions.
        clocks: those that the source does not give.
    """
    limit = source.max_execution_time
    return ResolvedTrace.model_construct(
        kind="trace",
        name=source.kind if source.name is None else source.name,
        file=source.file,
        account=source.account,
        columns=source.columns,
        max_execution_time=None if limit == NO_LIMIT else limit,
        **_trace_clocks(source, clocks),
        infer_sessions=source.infer_sessions,
        skip_bad_lines=source.skip_bad_lines,
        **resolve_phases(source),
    )


def _trace_clocks(source: HumanTrace, clocks: DefaultClocks) -> dict[str, Any]:
    given = {
        "max_time": source.max_time,
        "interactive_timeout": source.interactive_timeout,
        "batch_interactive_timeout": source.batch_interactive_timeout,
    }
    if source.account is None and clocks.plans:
        return given
    default = {
        "max_time": clocks.max_time_of(source.account),
        "interactive_timeout": clocks.interactive_timeout_of(source.account, "session"),
        "batch_interactive_timeout": clocks.interactive_timeout_of(source.account, "batch"),
    }
    return {key: default[key] if value is None else value for key, value in given.items()}


# -- The human form of pauses and of users, and their way to the resolved form.

_EQUAL: Final = Constant[Count].model_construct(kind="constant", value=1.0)


def resolve_pauses(pauses: HumanPauses | None) -> ResolvedPauses | None:
    """Pauses as they are drawn; None where there are none."""
    if pauses is None:
        return None
    return ResolvedPauses.model_construct(probability=pauses.probability, duration=pauses.duration)


def resolve_users(users: HumanUsers | None) -> ResolvedUsers | None:
    """Users with their activity; None where one account submits everything."""
    if users is None:
        return None
    return ResolvedUsers.model_construct(
        count=users.count, activity=_EQUAL if users.activity is None else users.activity
    )


_ONE: Final = Constant[Count].model_construct(kind="constant", value=1.0)
_AT_ONCE: Final = Constant[Duration].model_construct(kind="constant", value=0)
_Sessions = dict[str, models.HumanSession]


def resolve(scenario: models.HumanScenario) -> models.ResolvedScenario:
    """Make every default explicit.

    Args:
        scenario: a human form without contradictions.

    Example:
        >>> resolve(models.HumanScenario(workload=())).start.isoformat()
        '2024-04-01T00:00:00+00:00'
    """
    profile = PROFILES[scenario.profile]
    plans = resolve_plans(scenario.plans, scenario.accounts, scenario.profile)
    accounts = None if scenario.accounts is None else tuple(map(resolve_account, scenario.accounts))
    clocks = default_clocks(scenario.profile, accounts, plans)
    owners = {
        session.id: session
        for source in scenario.workload
        if isinstance(source, models.HumanExplicit)
        for session in source.sessions
    }
    # values are checked already; in the resolved form only the way of writing them would be checked again
    return models.ResolvedScenario.model_construct(
        schema_version=1,
        title=scenario.title,
        seed=scenario.seed,
        start=_default(scenario.start, profile.start),
        horizon=scenario.horizon,
        warm_up=scenario.warm_up,
        profile=scenario.profile,
        rules=_rules(scenario.rules, profile),
        qpus=tuple(_qpu(qpu) for qpu in scenario.qpus),
        policies=models.ResolvedPolicies.model_construct(
            queue=with_defaults(scenario.policies.queue),
            hold=scenario.policies.hold,
            routing=scenario.policies.routing,
        ),
        plans=plans,
        accounts=accounts,
        workload=tuple(_source(source, scenario, clocks, owners) for source in scenario.workload),
    )


def write_resolved(scenario: models.ResolvedScenario) -> dict[str, Any]:
    """The written form: JSON values, without what is absent.

    Example:
        >>> write_resolved(resolve(models.HumanScenario(workload=())))["rules"]["unused_timeout"]
        '30m'
    """
    written = scenario.model_dump(mode="json", exclude_none=True)
    # absent would mean the profile's limit
    written["rules"].setdefault("max_execution_time", "none")
    write_limits(written.get("plans", {}))
    return written


def _rules(rules: models.HumanRules, profile: Profile) -> models.ResolvedRules:
    limit = _default(rules.max_execution_time, profile.max_execution_time_us)
    return models.ResolvedRules.model_construct(
        max_time_ends_as=rules.max_time_ends_as,
        unused_timeout=_default(rules.unused_timeout, profile.unused_timeout_us),
        max_execution_time=None if limit == NO_LIMIT else limit,
        ittl_condition=rules.ittl_condition,
        calibration=rules.calibration,
        on_outage=rules.on_outage,
    )


def _qpu(qpu: models.HumanQPU) -> models.ResolvedQPU:
    service_time = resolve_service_time(qpu.service_time)
    return models.ResolvedQPU.model_construct(
        name=qpu.name,
        simulator=qpu.simulator,
        lanes=qpu.lanes,
        windows=tuple(resolve_window(window) for window in qpu.windows),
        service_time=service_time,
    )


def _source(
    source: models.HumanSource, scenario: models.HumanScenario, clocks: DefaultClocks, owners: _Sessions
) -> models.ResolvedSource:
    match source:
        case models.HumanExplicit():
            return models.ResolvedExplicit.model_construct(
                kind="explicit",
                name=_default(source.name, source.kind),
                sessions=tuple(_session(session, clocks) for session in source.sessions),
                jobs=tuple(_job(job, owners) for job in source.jobs),
            )
        case models.HumanArrivals():
            return models.ResolvedArrivals.model_construct(
                kind="arrivals",
                **_drawn_jobs(source),
                **calibrated(source, scenario.qpus),
                count=source.count,
                until=source.until,
            )
        case models.HumanIterative():
            return _iterative(source, clocks)
        case models.HumanBatches():
            return models.ResolvedBatches.model_construct(
                kind="batches",
                **_drawn_jobs(source),
                **_starts(source),
                count=source.count,
                until=source.until,
                jobs=source.jobs,
                **_clocks(source, "batch", clocks),
            )
        case HumanTrace():
            return resolve_trace(source, clocks)


def _session(session: models.HumanSession, clocks: DefaultClocks) -> models.ResolvedSession:
    close, close_after = _ending(session.created, session.close, session.close_after)
    cancel, cancel_after = _ending(session.created, session.cancel, session.cancel_after)
    return models.ResolvedSession.model_construct(
        id=session.id,
        account=session.account,
        mode=session.mode,
        created=session.created,
        **_clocks(session, session.mode, clocks),
        close=close,
        cancel=cancel,
        close_after=close_after,
        cancel_after=cancel_after,
        qpu=session.qpu,
    )


def _ending(created: int | None, at: int | None, after: int | None) -> tuple[int | None, int | None]:
    if created is None or after is None:
        return at, after
    return created + after, None


def _job(job: models.HumanJob, owners: _Sessions) -> models.ResolvedJob:
    think = None if job.after is None else _default(job.think, 0)
    circuits = None if job.shots is None else _default(job.circuits, 1.0)
    owner = None if job.session is None else owners[job.session]
    return models.ResolvedJob.model_construct(
        id=job.id,
        at=job.at,
        after=job.after,
        think=think,
        session=job.session,
        account=cast("str", job.account) if owner is None else owner.account,
        qpu_time=job.qpu_time,
        circuits=circuits,
        shots=job.shots,
        max_execution_time=job.max_execution_time,
        priority=job.priority,
        cancel=job.cancel,
        cancel_after=job.cancel_after,
        layers=job.layers,
        qubits=job.qubits,
        depth=job.depth,
        qpu=job.qpu if owner is None else owner.qpu,
        preparation=job.preparation,
        post_processing=job.post_processing,
        estimate=job.estimate,
    )


def _drawn_jobs(source: models.HumanArrivals | models.HumanIterative | models.HumanBatches) -> dict[str, Any]:
    return {
        "name": _default(source.name, source.kind),
        "account": source.account,
        "qpu_time": source.qpu_time,
        "circuits": None if source.shots is None else _default(source.circuits, _ONE),
        "shots": source.shots,
        "max_execution_time": source.max_execution_time,
        "priority": source.priority,
        "layers": source.layers,
        "qubits": source.qubits,
        "depth": source.depth,
        "users": resolve_users(source.users),
        **resolve_phases(source),
    }


def _starts(source: models.HumanBatches | models.HumanStart) -> dict[str, Any]:
    return {
        "interarrival": source.interarrival,
        "rates": source.rates,
        "bursts": source.bursts,
        "groups": source.groups,
    }


def _clocks(
    owner: models.HumanSession | models.HumanIterative | models.HumanBatches,
    mode: Literal["session", "batch"],
    clocks: DefaultClocks,
) -> dict[str, Any]:
    timeout = clocks.interactive_timeout_of(owner.account, mode)
    return {
        "max_time": _default(owner.max_time, clocks.max_time_of(owner.account)),
        "interactive_timeout": _default(owner.interactive_timeout, timeout),
    }


def _iterative(source: models.HumanIterative, clocks: DefaultClocks) -> models.ResolvedIterative:
    without: dict[str, Any] = {"max_time": None, "interactive_timeout": None}
    start = None
    if source.start is not None:
        start = models.ResolvedStart.model_construct(**_starts(source.start))
    clients = source.clients
    if clients is None:
        groups = None if source.start is None else source.start.groups
        clients = 1 if groups is None else sum(group.size for group in groups)
    return models.ResolvedIterative.model_construct(
        kind="iterative",
        **_drawn_jobs(source),
        mode=source.mode,
        clients=clients,
        start=start,
        iterations=source.iterations,
        think_time=_AT_ONCE if source.think_time is None else source.think_time,
        **(without if source.mode == "job" else _clocks(source, source.mode, clocks)),
        on_finish=source.on_finish,
        on_error=source.on_error,
        on_rejection=source.on_rejection,
        pauses=resolve_pauses(source.pauses),
        shots_by_iteration=source.shots_by_iteration,
        early_stop=source.early_stop,
    )

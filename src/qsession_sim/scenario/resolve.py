"""From the human form to the resolved form: every default becomes explicit.

`resolve` is pure, and idempotent: the written resolved form is a human form that resolves to itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, TypeVar, assert_never, cast

from qsession_sim.scenario import accounts, models, service, sources, starts
from qsession_sim.scenario.distributions import Constant, Exponential, count_mean, mean
from qsession_sim.scenario.policies import ResolvedPolicies, with_defaults
from qsession_sim.scenario.values import Count, ExactDuration, Model, NoLimit
from qsession_sim.units import HOUR, SECOND

M = TypeVar("M", bound=Model)
T = TypeVar("T")

_ONE: Final = Constant[Count].model_construct(kind="constant", value=1.0)
_AT_ONCE: Final = Constant[ExactDuration].model_construct(kind="constant", value=Fraction(0))
_WRITTEN_LAST: Final = ("pauses", "shots_by_iteration", "early_stop", "service_time")
"""Keys that come last in the written form of a source or QPU, and so in the digests of files that exist."""


def narrowed(source: Model, target: type[M], **changes: Any) -> M:
    """The same keys in a class of the resolved form; `changes` are what resolution makes certain.

    Values are checked already. In the resolved form only the way of writing them would be checked again.
    """
    return cast("M", target.model_construct(**{**dict(source), **changes}))


def resolve(scenario: models.HumanScenario) -> models.ResolvedScenario:
    """Make every default explicit.

    Args:
        scenario: a human form without contradictions.

    Example:
        >>> resolve(models.HumanScenario(workload=())).start.isoformat()
        '2024-04-01T00:00:00+00:00'
    """
    profile = accounts.PROFILES[scenario.profile]
    plans = _plans(scenario)
    account_plans = accounts.AccountPlans.of_accounts(scenario.profile, scenario.accounts, plans)
    sessions = {
        session.id: session
        for source in scenario.workload
        if isinstance(source, sources.HumanExplicit)
        for session in source.sessions
    }
    return narrowed(
        scenario,
        models.ResolvedScenario,
        start=_default(scenario.start, profile.start),
        rules=_rules(scenario.rules, profile),
        qpus=tuple(map(_qpu, scenario.qpus)),
        policies=narrowed(scenario.policies, ResolvedPolicies, queue=with_defaults(scenario.policies.queue)),
        plans=plans,
        workload=tuple(
            _source(source, scenario.qpus, account_plans, sessions) for source in scenario.workload
        ),
    )


def write_resolved(scenario: models.ResolvedScenario) -> dict[str, Any]:
    """The written form: JSON values, without what is absent, and with `none` where there is no limit.

    Example:
        >>> write_resolved(resolve(models.HumanScenario(workload=())))["rules"]["unused_timeout"]
        '30m'
    """
    written = scenario.model_dump(mode="json", exclude_none=True)
    # absent would mean the profile's limit
    written["rules"].setdefault("max_execution_time", "none")
    if not written["plans"]:
        del written["plans"]
    for name, plan in written.get("plans", {}).items():
        written["plans"][name] = {key: plan.get(key, "none") for key in accounts.ResolvedPlan.model_fields}
        for clock in (plan["max_time"], *plan["interactive_timeout"].values()):
            clock.setdefault("limit", "none")
    for part in (*written["qpus"], *written["workload"]):
        for key in _WRITTEN_LAST:
            if key in part:
                part[key] = part.pop(key)
    return written


def _default(value: T | None, default: T) -> T:
    return default if value is None else value


def _limited(value: T | NoLimit | None, default: T | None) -> T | None:
    """A limit, by default another one: the one place at which `none` becomes None."""
    if value == "none":
        return None
    return default if value is None else value


# -- What serves.


def _rules(rules: models.HumanRules, profile: accounts.Profile) -> models.ResolvedRules:
    return narrowed(
        rules,
        models.ResolvedRules,
        unused_timeout=_default(rules.unused_timeout, profile.unused_timeout_us),
        max_execution_time=_limited(rules.max_execution_time, profile.max_execution_time_us),
    )


def _qpu(qpu: models.HumanQPU) -> models.ResolvedQPU:
    return narrowed(
        qpu,
        models.ResolvedQPU,
        windows=tuple(map(resolve_window, qpu.windows)),
        service_time=resolve_service_time(qpu.service_time),
    )


def resolve_window(window: models.HumanWindow) -> models.ResolvedWindow:
    """Make the first start explicit: one period in, unless it is given (S52).

    Example:
        >>> resolve_window(models.HumanWindow(kind="calibration", every="1h", duration="2m")).at
        3600000000
    """
    return narrowed(window, models.ResolvedWindow, at=_default(window.at, window.every))


def resolve_service_time(service_time: service.HumanServiceTime) -> service.ServiceTimeModel:
    """Make every default of a service time explicit.

    Args:
        service_time: without contradictions; preset and file of measurements were read into the other keys.

    Example:
        >>> resolve_service_time(service.HumanServiceTime()).per_execution
        Fraction(350, 1)
    """
    kind = service.SERVICE_TIME_KINDS[service_time.model]
    changes = {key: _default(getattr(service_time, key), default) for key, default in kind.defaults.items()}
    if service_time.model == "executions":
        if service_time.rep_delay is None and service_time.circuit_length is None:
            changes["per_execution"] = _default(service_time.per_execution, service.DEFAULT_PER_EXECUTION_US)
        else:
            changes["rep_delay"] = _default(service_time.rep_delay, service.DEFAULT_REP_DELAY_US)
            changes["circuit_length"] = _default(
                service_time.circuit_length, service.DEFAULT_CIRCUIT_LENGTH_US
            )
    return narrowed(service_time, kind.resolved, **changes)


# -- Plans of accounts (S60).


def _plans(scenario: models.HumanScenario) -> dict[str, accounts.ResolvedPlan]:
    """The plans of a scenario, then those of its profile that its accounts have."""
    plans = {name: resolve_plan(name, plan, scenario.profile) for name, plan in scenario.plans.items()}
    for account in scenario.accounts or ():
        if account.plan is not None and account.plan not in plans:
            plans[account.plan] = accounts.PROFILE_PLANS[scenario.profile][account.plan]
    return plans


def resolve_plan(name: str, plan: accounts.HumanPlan, profile: accounts.ProfileName) -> accounts.ResolvedPlan:
    """Fill in what a plan does not give, from the profile's plan with its name, or else one without limits.

    Example:
        >>> plan = resolve_plan("premium", accounts.HumanPlan(max_time={"limit": "4h"}), "2024-04")
        >>> plan.max_time.default, plan.interactive_timeout.session.limit
        (14400000000, 60000000)
    """
    base = accounts.PROFILE_PLANS[profile].get(name) or accounts.plan_without_limits(profile)
    timeouts = plan.interactive_timeout or accounts.HumanTimeouts.model_construct()
    changes = {key: _limited(value, getattr(base, key)) for key, value in plan}
    changes["max_time"] = _clock(plan.max_time, base.max_time)
    changes["interactive_timeout"] = narrowed(
        timeouts,
        accounts.ResolvedTimeouts,
        session=_clock(timeouts.session, base.interactive_timeout.session),
        batch=_clock(timeouts.batch, base.interactive_timeout.batch),
    )
    return narrowed(plan, accounts.ResolvedPlan, **changes)


def _clock(clock: accounts.HumanClock | None, base: accounts.ResolvedClock) -> accounts.ResolvedClock:
    if clock is None:
        return base
    limit = _limited(clock.limit, base.limit)
    # a lower limit lowers what a session gets
    default = base.default if limit is None else min(base.default, limit)
    return narrowed(clock, accounts.ResolvedClock, default=_default(clock.default, default), limit=limit)


# -- Sources.


def _source(
    source: sources.HumanSource,
    qpus: Sequence[models.HumanQPU],
    plans: accounts.AccountPlans,
    sessions: Mapping[str, sources.HumanSession],
) -> sources.ResolvedSource:
    changes: dict[str, Any] = {"name": _default(source.name, source.kind)}
    if isinstance(source, sources.HumanPhases):
        changes["estimate"] = _estimate(source.estimate)
    if isinstance(source, sources.HumanIterative | sources.HumanProgram):
        changes["clients"] = number_of_clients(source)
    match source:
        case sources.HumanExplicit():
            changes["sessions"] = tuple(_session(session, plans) for session in source.sessions)
            changes["jobs"] = tuple(_job(job, sessions) for job in source.jobs)
            return narrowed(source, sources.ResolvedExplicit, **changes)
        case sources.HumanArrivals():
            changes |= _drawn_jobs(source) | calibrated(source, qpus)
            return narrowed(source, sources.ResolvedArrivals, **changes)
        case sources.HumanIterative():
            clocks = {} if source.mode == "job" else _clocks(source, source.mode, plans)
            changes |= _drawn_jobs(source) | clocks | {"think_time": _default(source.think_time, _AT_ONCE)}
            return narrowed(source, sources.ResolvedIterative, **changes)
        case sources.HumanBatches():
            changes |= _drawn_jobs(source) | _clocks(source, "batch", plans)
            return narrowed(source, sources.ResolvedBatches, **changes)
        case sources.HumanTrace():
            changes |= _trace_clocks(source, plans)
            changes["max_execution_time"] = _limited(source.max_execution_time, None)
            return narrowed(source, sources.ResolvedTrace, **changes)
        case sources.HumanProgram():
            return narrowed(
                source, sources.ResolvedProgram, **changes, think=_default(source.think, _AT_ONCE)
            )


def _session(session: sources.HumanSession, plans: accounts.AccountPlans) -> sources.ResolvedSession:
    changes: dict[str, Any] = _clocks(session, session.mode, plans)
    if session.created is not None:
        for end, after in (("close", session.close_after), ("cancel", session.cancel_after)):
            if after is not None:
                changes |= {end: session.created + after, f"{end}_after": None}
    return narrowed(session, sources.ResolvedSession, **changes)


def _job(job: sources.HumanJob, sessions: Mapping[str, sources.HumanSession]) -> sources.ResolvedJob:
    owner = job if job.session is None else sessions[job.session]
    return narrowed(
        job,
        sources.ResolvedJob,
        think=None if job.after is None else _default(job.think, 0),
        circuits=None if job.shots is None else _default(job.circuits, 1.0),
        account=owner.account,
        qpu=owner.qpu,
    )


def _drawn_jobs(
    source: sources.HumanArrivals | sources.HumanIterative | sources.HumanBatches,
) -> dict[str, Any]:
    """What resolution changes in every source of drawn jobs."""
    return {
        "circuits": None if source.shots is None else _default(source.circuits, _ONE),
        "users": _users(source.users),
    }


def _users(users: sources.HumanUsers | None) -> sources.ResolvedUsers | None:
    if users is None:
        return None
    return narrowed(users, sources.ResolvedUsers, activity=_default(users.activity, _ONE))


def _estimate(estimate: sources.HumanEstimate | None) -> sources.ResolvedEstimate | None:
    if estimate is None or estimate.method in {None, "perfect"}:
        return None
    return narrowed(estimate, sources.ResolvedEstimate)


def _clocks(
    asking: sources.HumanSession | sources.HumanIterative | sources.HumanBatches | sources.HumanTrace,
    mode: accounts.SessionMode,
    plans: accounts.AccountPlans,
) -> dict[str, int]:
    plan = plans.of(asking.account)
    return {
        "max_time": plan.max_time.of(asking.max_time),
        "interactive_timeout": plan.timeout_of(mode).of(asking.interactive_timeout),
    }


def number_of_clients(source: sources.HumanIterative | sources.HumanProgram) -> int:
    """How many clients a source has."""
    in_groups = None if source.start is None else source.start.in_groups
    return _default(source.clients, _default(in_groups, 1))


def _trace_clocks(source: sources.HumanTrace, plans: accounts.AccountPlans) -> dict[str, int]:
    """The clocks of a trace, unless they differ between the accounts of the file."""
    if source.account is None and plans.given:
        return {}
    of_batches = plans.of(source.account).timeout_of("batch").of(source.batch_interactive_timeout)
    return {**_clocks(source, "session", plans), "batch_interactive_timeout": of_batches}


# -- From a load to the rate of arrivals that offers it: rate x mean QPU time = load x QPUs.


def mean_qpu_time_us(source: sources.HumanArrivals, service_time: service.HumanServiceTime) -> float | None:
    """Mean QPU time that a job of a source asks for, before it is rounded or cut (S44).

    By the models `executions` and `clops` it is the model's time at the mean circuits, shots and layers,
    times the mean noise, since all of them are independent. The mean of lognormal noise with median 1 is
    exp(sigma^2 / 2).

    Args:
        source: with `qpu_time`, or with what the service-time model needs.
        service_time: of the QPU.

    Returns:
        Microseconds; infinite where there is no mean, None where it has no closed form: with sub-jobs, and
        with a line that is cut below.
    """
    if source.qpu_time is not None:
        return mean(source.qpu_time)
    circuits, shots, layers = (
        1.0 if count is None else count_mean(count)
        for count in (source.circuits, source.shots, source.layers)
    )
    model = resolve_service_time(service_time)
    match model:
        case service.ExecutionsModel(executions_per_subjob=None):
            mean_us = model.overhead + model.execution_us * circuits * shots
        case service.ClopsModel():
            mean_us = model.overhead + circuits * shots * layers / model.clops * SECOND
        case _:
            return None
    return mean_us * _mean_noise(model.noise)


def _mean_noise(noise: service.Noise) -> float:
    match noise:
        case service.NoNoise():
            return 1.0
        case service.LognormalNoise():
            # beyond a spread of 30 every mean is beyond every horizon
            return math.exp(noise.sigma**2 / 2) if noise.sigma < 30 else math.inf
        case service.EmpiricalNoise():
            return math.fsum(noise.values) / len(noise.values)
        case _:
            assert_never(noise)


def mean_time_between_us(source: sources.HumanArrivals, qpus: Sequence[models.HumanQPU]) -> float | None:
    """Mean time between two jobs of a source that keep all QPUs busy to which they may go (load 1).

    Where QPUs differ in speed each of them does its share: 1 / (1 / mean of one + 1 / mean of the next ...).

    Args:
        source: as for `mean_qpu_time_us`.
        qpus: of the scenario; simulator backends get only jobs that name them.

    Returns:
        Microseconds; infinite or None where `mean_qpu_time_us` is, for any of the QPUs.
    """
    means = [
        mean_qpu_time_us(source, qpu.service_time)
        for qpu in qpus
        if (not qpu.simulator if source.qpu is None else qpu.name == source.qpu)
    ]
    known = [mean_us for mean_us in means if mean_us is not None]
    if len(known) < len(means):
        return None
    if len(set(known)) == 1:
        return known[0] / len(known)
    if min(known) <= 0:
        return 0.0
    if max(known) == math.inf:
        return math.inf
    return 1 / math.fsum(1 / mean_us for mean_us in known)


def calibrated(source: sources.HumanArrivals, qpus: Sequence[models.HumanQPU]) -> dict[str, Any]:
    """The keys that say when the jobs of a source arrive where it says which load they offer.

    Args:
        source: of which `uncalibrated` finds no problem.
        qpus: of the scenario.

    Returns:
        What takes the place of `load`; nothing where there is none.
    """
    if source.load is None:
        return {}
    mean_us = mean_time_between_us(source, qpus)
    if mean_us is None:
        raise ValueError("a load needs a mean QPU time, as `uncalibrated` checks")
    per_us = source.load / mean_us
    if source.rates is not None or source.bursts is not None:
        return {"load": None, **starts.scaled(source, per_us * HOUR / starts.mean_per_hour(source))}
    interarrival_us = max(round(1 / per_us), 1)
    times = Exponential[ExactDuration].model_construct(kind="exponential", mean=Fraction(interarrival_us))
    return {"load": None, "interarrival": times}

"""From the human form to the resolved form: every default becomes explicit.

`resolve` is pure, and idempotent: the written resolved form is a human form that resolves to itself.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar, cast

from qsession_sim.scenario import human, resolved
from qsession_sim.scenario.calibration import calibrated
from qsession_sim.scenario.human_clients import resolve_pauses, resolve_users
from qsession_sim.scenario.human_trace import HumanTrace, resolve_trace
from qsession_sim.scenario.profiles import PROFILES, Profile
from qsession_sim.scenario.quantities import Constant, Count, Duration
from qsession_sim.scenario.queue_policies import with_defaults
from qsession_sim.scenario.resolve_accounts import (
    DefaultClocks,
    default_clocks,
    resolve_account,
    resolve_plans,
    write_limits,
)
from qsession_sim.scenario.resolve_qpus import resolve_phases, resolve_window
from qsession_sim.scenario.resolve_service import resolve_service_time
from qsession_sim.scenario.spellings import NO_LIMIT

_ONE: Final = Constant[Count].model_construct(kind="constant", value=1.0)
_AT_ONCE: Final = Constant[Duration].model_construct(kind="constant", value=0)

T = TypeVar("T")
_Sessions = dict[str, human.HumanSession]


def resolve(scenario: human.HumanScenario) -> resolved.ResolvedScenario:
    """Make every default explicit.

    Args:
        scenario: a human form without contradictions.

    Example:
        >>> resolve(human.HumanScenario(workload=())).start.isoformat()
        '2024-04-01T00:00:00+00:00'
    """
    profile = PROFILES[scenario.profile]
    plans = resolve_plans(scenario.plans, scenario.accounts, scenario.profile)
    accounts = None if scenario.accounts is None else tuple(map(resolve_account, scenario.accounts))
    clocks = default_clocks(scenario.profile, accounts, plans)
    owners = {
        session.id: session
        for source in scenario.workload
        if isinstance(source, human.HumanExplicit)
        for session in source.sessions
    }
    # values are checked already; in the resolved form only the way of writing them would be checked again
    return resolved.ResolvedScenario.model_construct(
        schema_version=1,
        title=scenario.title,
        seed=scenario.seed,
        start=_default(scenario.start, profile.start),
        horizon=scenario.horizon,
        warm_up=scenario.warm_up,
        profile=scenario.profile,
        rules=_rules(scenario.rules, profile),
        qpus=tuple(_qpu(qpu) for qpu in scenario.qpus),
        policies=resolved.ResolvedPolicies.model_construct(
            queue=with_defaults(scenario.policies.queue),
            hold=scenario.policies.hold,
            routing=scenario.policies.routing,
        ),
        plans=plans,
        accounts=accounts,
        workload=tuple(_source(source, scenario, clocks, owners) for source in scenario.workload),
    )


def write_resolved(scenario: resolved.ResolvedScenario) -> dict[str, Any]:
    """The written form: JSON values, without what is absent.

    Example:
        >>> write_resolved(resolve(human.HumanScenario(workload=())))["rules"]["unused_timeout"]
        '30m'
    """
    written = scenario.model_dump(mode="json", exclude_none=True)
    # absent would mean the profile's limit
    written["rules"].setdefault("max_execution_time", "none")
    write_limits(written.get("plans", {}))
    return written


def _default(value: T | None, default: T) -> T:
    return default if value is None else value


def _rules(rules: human.HumanRules, profile: Profile) -> resolved.ResolvedRules:
    limit = _default(rules.max_execution_time, profile.max_execution_time_us)
    return resolved.ResolvedRules.model_construct(
        max_time_ends_as=rules.max_time_ends_as,
        unused_timeout=_default(rules.unused_timeout, profile.unused_timeout_us),
        max_execution_time=None if limit == NO_LIMIT else limit,
        ittl_condition=rules.ittl_condition,
        calibration=rules.calibration,
        on_outage=rules.on_outage,
    )


def _qpu(qpu: human.HumanQPU) -> resolved.ResolvedQPU:
    service_time = resolve_service_time(qpu.service_time)
    return resolved.ResolvedQPU.model_construct(
        name=qpu.name,
        simulator=qpu.simulator,
        lanes=qpu.lanes,
        windows=tuple(resolve_window(window) for window in qpu.windows),
        service_time=service_time,
    )


def _source(
    source: human.HumanSource, scenario: human.HumanScenario, clocks: DefaultClocks, owners: _Sessions
) -> resolved.ResolvedSource:
    match source:
        case human.HumanExplicit():
            return resolved.ResolvedExplicit.model_construct(
                kind="explicit",
                name=_default(source.name, source.kind),
                sessions=tuple(_session(session, clocks) for session in source.sessions),
                jobs=tuple(_job(job, owners) for job in source.jobs),
            )
        case human.HumanArrivals():
            return resolved.ResolvedArrivals.model_construct(
                kind="arrivals",
                **_drawn_jobs(source),
                **calibrated(source, scenario.qpus),
                count=source.count,
                until=source.until,
            )
        case human.HumanIterative():
            return _iterative(source, clocks)
        case human.HumanBatches():
            return resolved.ResolvedBatches.model_construct(
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


def _session(session: human.HumanSession, clocks: DefaultClocks) -> resolved.ResolvedSession:
    close, close_after = _ending(session.created, session.close, session.close_after)
    cancel, cancel_after = _ending(session.created, session.cancel, session.cancel_after)
    return resolved.ResolvedSession.model_construct(
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


def _job(job: human.HumanJob, owners: _Sessions) -> resolved.ResolvedJob:
    think = None if job.after is None else _default(job.think, 0)
    circuits = None if job.shots is None else _default(job.circuits, 1.0)
    owner = None if job.session is None else owners[job.session]
    return resolved.ResolvedJob.model_construct(
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


def _drawn_jobs(source: human.HumanArrivals | human.HumanIterative | human.HumanBatches) -> dict[str, Any]:
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


def _starts(source: human.HumanBatches | human.HumanStart) -> dict[str, Any]:
    return {
        "interarrival": source.interarrival,
        "rates": source.rates,
        "bursts": source.bursts,
        "groups": source.groups,
    }


def _clocks(
    owner: human.HumanSession | human.HumanIterative | human.HumanBatches,
    mode: Literal["session", "batch"],
    clocks: DefaultClocks,
) -> dict[str, Any]:
    timeout = clocks.interactive_timeout_of(owner.account, mode)
    return {
        "max_time": _default(owner.max_time, clocks.max_time_of(owner.account)),
        "interactive_timeout": _default(owner.interactive_timeout, timeout),
    }


def _iterative(source: human.HumanIterative, clocks: DefaultClocks) -> resolved.ResolvedIterative:
    without: dict[str, Any] = {"max_time": None, "interactive_timeout": None}
    start = None
    if source.start is not None:
        start = resolved.ResolvedStart.model_construct(**_starts(source.start))
    clients = source.clients
    if clients is None:
        groups = None if source.start is None else source.start.groups
        clients = 1 if groups is None else sum(group.size for group in groups)
    return resolved.ResolvedIterative.model_construct(
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

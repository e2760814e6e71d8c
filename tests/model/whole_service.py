"""Random workloads that use all of the service: the simple ones, dressed up with what a QPU, a plan and a window add.

Which features an example has at all is drawn first, so that few of them meet often and the rest keeps out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from qsession_sim.scheduler.plan import (
    ADAPTIVE,
    EXCLUSIVE,
    GAP_FILL,
    NONE,
    SHARED,
    AccountSpec,
    ClientSpec,
    JobSpec,
    QpuSpec,
    Routing,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.verification.naive.limit_rules import Policy

from .strategies import ACCOUNTS, Workload, instants, qpu_times, workloads

Spec = TypeVar("Spec", JobSpec, SessionSpec, ClientSpec, WindowSpec, Rules, AccountSpec)

HALF_SECOND_US = 500_000
"""S51: the adaptive ITTL is at least a second, so its examples have a coarser grid."""


@dataclass(frozen=True)
class Features:
    """What an example has beside sessions, jobs and clients."""

    preparation: bool
    post_processing: bool
    windows: bool
    qpus: bool
    limits: bool
    estimates: bool


features = st.builds(Features, *[st.booleans()] * 6)

phase_times = st.sampled_from([0, 1, 2, 3, 5])
estimates = st.sampled_from([NEVER, 1, 2, 3, 5])
sliding_windows = st.sampled_from([3, 6, 10, 1000])
limits_of_submissions = st.builds(SlidingLimit, st.integers(0, 3), sliding_windows)
quotas = st.builds(SlidingLimit, st.sampled_from([2, 4, 7, 0]), sliding_windows)

any_plans = st.builds(
    AccountSpec,
    sessions=st.sampled_from([True, True, True, False]),
    batches=st.sampled_from([True, True, True, False]),
    pending=st.one_of(st.none(), st.none(), st.integers(0, 3)),
    submissions=st.one_of(st.none(), st.none(), limits_of_submissions),
    quota=st.one_of(st.none(), quotas, quotas),
    quota_ends=st.booleans(),
    client_too_old_from_us=st.sampled_from([NEVER, NEVER, NEVER, 0, 5]),
    allocation_us=st.sampled_from([5, 20, 0]),
)
plans = st.one_of(st.builds(AccountSpec, quota=quotas, quota_ends=st.booleans()), any_plans)


@st.composite
def lists_of_qpus(draw: st.DrawFn) -> list[QpuSpec]:
    """One or two QPUs and perhaps a simulator, in any order."""
    lanes = st.sampled_from([2, 1, 3])
    qpus = [QpuSpec(lanes=draw(lanes)) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        qpus.insert(draw(st.integers(0, len(qpus))), QpuSpec(simulator=True))
    return qpus


def qpus_of(qpus: Sequence[QpuSpec]) -> list[int]:
    """Those that are no simulators."""
    return [number for number, qpu in enumerate(qpus) if not qpu.simulator]


@st.composite
def lists_of_windows(draw: st.DrawFn, qpus: Sequence[QpuSpec]) -> list[WindowSpec]:
    """Windows of all kinds that may overlap; a QPU has at most one reservation."""
    windows: list[WindowSpec] = []
    for _ in range(draw(st.integers(1, 3))):
        duration_us = draw(st.integers(1, 4))
        window = WindowSpec(
            kind=draw(st.sampled_from(WindowKind)),
            start_us=draw(instants),
            duration_us=duration_us,
            every_us=draw(st.sampled_from([NEVER, NEVER, duration_us + 1, duration_us + 3])),
            qpu=draw(st.sampled_from(qpus_of(qpus))),
        )
        if window.kind == WindowKind.RESERVATION:
            if any(other.kind == WindowKind.RESERVATION and other.qpu == window.qpu for other in windows):
                continue
            window = replace(window, account=draw(st.integers(0, ACCOUNTS - 1)))
        windows.append(window)
    return windows


@st.composite
def whole_rules(draw: st.DrawFn, rules: Rules, has: Features) -> Rules:
    """The rules of a simple workload with the choices that came with more features."""
    return replace(
        rules,
        hold=draw(st.sampled_from([EXCLUSIVE, SHARED, NONE, GAP_FILL, GAP_FILL, ADAPTIVE])),
        ittl_asks_for_ready=has.preparation and draw(st.booleans()),
        calibrates_before_sessions=has.windows and draw(st.booleans()),
        requeues_after_outage=has.windows and draw(st.booleans()),
        routing=draw(st.sampled_from(Routing)) if has.qpus else Routing.LEAST_BUSY,
    )


@st.composite
def crowds(draw: st.DrawFn, plain: Workload) -> list[JobSpec]:
    """Several jobs that come to one session almost at once, so that it has something to choose from."""
    of_clients = {client.session for client in plain.clients}
    sessions = [number for number in range(len(plain.sessions)) if number not in of_clients]
    if not sessions:
        return []
    session = draw(st.sampled_from(sessions))
    earliest_us = max(0, plain.sessions[session].created_us)
    gaps_us = draw(st.lists(st.integers(0, 2), max_size=4))
    return [
        JobSpec(at_us=earliest_us + sum(gaps_us[:end]), qpu_time_us=draw(qpu_times), session=session)
        for end in range(1, len(gaps_us) + 1)
    ]


@st.composite
def dressed_sessions(
    draw: st.DrawFn,
    sessions: Sequence[SessionSpec],
    accounts: st.SearchStrategy[int],
    qpus: Sequence[QpuSpec],
) -> list[SessionSpec]:
    """Sessions of several accounts, some of them pinned to a QPU."""
    several = len(qpus) > 1
    pins = st.sampled_from([NEVER, *qpus_of(qpus)])
    return [
        replace(
            spec,
            account=draw(accounts),
            qpu=draw(pins) if several else NEVER,
            route=draw(st.integers(0, 5)) if several else 0,
        )
        for spec in sessions
    ]


@st.composite
def dressed_jobs(
    draw: st.DrawFn, plain: Workload, has: Features, sessions: Sequence[SessionSpec], qpus: Sequence[QpuSpec]
) -> list[JobSpec]:
    """Jobs with phases, estimates, accounts and QPUs; those of a session have its account and follow it."""
    accounts = st.integers(0, ACCOUNTS - 1)
    several = len(qpus) > 1
    pins = st.sampled_from([NEVER, NEVER, *range(len(qpus))])
    account_of = [draw(accounts) for _ in plain.clients]
    jobs = []
    for spec in plain.jobs:
        of_session = spec.session != NEVER
        account = account_of[spec.client] if spec.client != NEVER else draw(accounts)
        jobs.append(
            replace(
                spec,
                account=sessions[spec.session].account if of_session else account,
                preparation_us=draw(phase_times) if has.preparation else 0,
                post_processing_us=draw(phase_times) if has.post_processing else 0,
                estimate_us=draw(estimates) if has.estimates else NEVER,
                qpu=draw(pins) if several and not of_session else NEVER,
                route=draw(st.integers(0, 5)) if several else 0,
            )
        )
    return jobs


@st.composite
def whole_workloads(draw: st.DrawFn, most_clients: int) -> Workload:
    """A simple workload, dressed up."""
    plain, has = draw(workloads(most_clients)), draw(features)
    plain = replace(plain, jobs=[*plain.jobs, *draw(crowds(plain))])
    qpus = draw(lists_of_qpus()) if has.qpus or has.preparation else [QpuSpec()]
    if not has.qpus:
        qpus = [spec for spec in qpus if not spec.simulator][:1]
    accounts = st.integers(0, ACCOUNTS - 1)
    sessions = draw(dressed_sessions(plain.sessions, accounts, qpus))
    windows = draw(lists_of_windows(qpus)) if has.windows else []
    jobs = draw(dressed_jobs(plain, has, sessions, qpus))
    differ = len(qpus) > 1 and draw(st.booleans())
    columns = st.lists(qpu_times, min_size=len(jobs), max_size=len(jobs))
    horizon_us = plain.horizon_us
    if horizon_us is None and any(window.every_us != NEVER for window in windows):
        horizon_us = draw(st.integers(1, 30))  # S52: a QPU that is hardly ever up may never get through
    workload = replace(
        plain,
        policy=draw(st.sampled_from(Policy)) if has.limits else plain.policy,
        jobs=jobs,
        sessions=sessions,
        rules=draw(whole_rules(plain.rules, has)),
        horizon_us=horizon_us,
        qpus=qpus,
        windows=windows,
        accounts=draw(st.dictionaries(accounts, plans, max_size=3)) if has.limits else {},
        qpu_times_us=tuple(draw(columns) for _ in qpus) if differ else (),
        estimates_us=tuple(draw(columns) for _ in qpus) if differ and has.estimates else (),
    )
    return with_room_to_adapt(workload) if workload.rules.hold == ADAPTIVE else workload


def with_room_to_adapt(workload: Workload) -> Workload:
    """S51: longer timeouts and a coarser grid, so that a bound of a second is not all there is."""
    longer = [
        replace(spec, interactive_timeout_us=3 * spec.interactive_timeout_us) for spec in workload.sessions
    ]
    return scaled(replace(workload, sessions=longer), HALF_SECOND_US)


# ------------------------------------------------------------ a coarser grid


def scaled(workload: Workload, factor: int) -> Workload:
    """The same workload with all times multiplied."""
    return replace(
        workload,
        jobs=[scaled_spec(spec, factor) for spec in workload.jobs],
        sessions=[scaled_spec(spec, factor) for spec in workload.sessions],
        clients=[scaled_spec(spec, factor) for spec in workload.clients],
        windows=[scaled_spec(spec, factor) for spec in workload.windows],
        rules=scaled_spec(workload.rules, factor),
        accounts={number: scaled_plan(plan, factor) for number, plan in workload.accounts.items()},
        horizon_us=None if workload.horizon_us is None else workload.horizon_us * factor,
        qpu_times_us=tuple([time * factor for time in column] for column in workload.qpu_times_us),
        estimates_us=tuple([time * factor for time in column] for column in workload.estimates_us),
        share_window_us=workload.share_window_us * factor,
    )


def scaled_spec(spec: Spec, factor: int) -> Spec:
    times: dict[str, Any] = {
        item.name: getattr(spec, item.name) * factor
        for item in fields(spec)
        if item.name.endswith("_us") and getattr(spec, item.name) != NEVER
    }
    return replace(spec, **times)


def scaled_plan(plan: AccountSpec, factor: int) -> AccountSpec:
    quota, submissions = plan.quota, plan.submissions
    return replace(
        scaled_spec(plan, factor),
        quota=quota and SlidingLimit(quota.amount * factor, quota.window_us * factor),
        submissions=submissions and SlidingLimit(submissions.amount, submissions.window_us * factor),
    )

"""The resolved form of a scenario: everything is explicit, nothing has a default.

Absent optional values are `None` in memory and left out of the written form. Only this form is simulated.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from qsession_sim.scenario.arrival_processes import TimedStarts
from qsession_sim.scenario.client_habits import EarlyStop, ResolvedPauses, ShotsByIteration
from qsession_sim.scenario.quantities import (
    Count,
    Distribution,
    Duration,
    Model,
    PositiveDuration,
)
from qsession_sim.scenario.queue_policies import QueuePolicySettings
from qsession_sim.scenario.resolved_accounts import ResolvedAccount, ResolvedPlan
from qsession_sim.scenario.resolved_qpus import ResolvedPhases, ResolvedWindow
from qsession_sim.scenario.resolved_trace import ResolvedTrace
from qsession_sim.scenario.service_models import ServiceTimeModel
from qsession_sim.scenario.user_populations import ResolvedUsers

DurationDistribution = Distribution[Duration]
PositiveDurationDistribution = Distribution[PositiveDuration]
CountDistribution = Distribution[Count]


class ResolvedRules(Model):
    """The choices that the rules leave open."""

    max_time_ends_as: Literal["error", "cancelled"]  # S16
    unused_timeout: Duration  # S21
    max_execution_time: PositiveDuration | None  # S44; None: no limit
    ittl_condition: Literal["queued", "ready"] = "queued"  # S43
    calibration: Literal["after_sessions", "before_sessions"] = "after_sessions"  # S52
    on_outage: Literal["fail", "requeue"] = "fail"  # S52


class ResolvedQPU(Model):
    """A QPU."""

    name: str
    simulator: bool  # S22
    lanes: int = 5  # S42
    windows: tuple[ResolvedWindow, ...] = ()  # S52
    service_time: Annotated[ServiceTimeModel, Field(discriminator="model")]


class NamedPolicy(Model):
    """A policy, by its name."""

    name: str


class ResolvedPolicies(Model):
    """Who runs next."""

    queue: QueuePolicySettings
    hold: NamedPolicy
    routing: NamedPolicy = NamedPolicy(name="least_busy")


class ResolvedSession(Model):
    """A session of an explicit source. Times count from the start of the simulation."""

    id: str
    account: str
    mode: Literal["session", "batch"]
    created: Duration | None  # S9; None: by its first submission
    max_time: Duration
    interactive_timeout: Duration
    close: Duration | None
    cancel: Duration | None
    close_after: Duration | None  # from creation
    cancel_after: Duration | None  # from creation
    qpu: str | None = None  # S54; None: routed


class ResolvedJob(Model):
    """A job of an explicit source: `at`, or `after` with `think` (S5)."""

    id: str
    at: Duration | None
    after: str | None
    think: Duration | None
    session: str | None
    account: str
    qpu_time: PositiveDuration | None  # given, or from circuits x shots
    circuits: Count | None
    shots: Count | None
    max_execution_time: PositiveDuration | None
    priority: int
    cancel: Duration | None
    cancel_after: Duration | None  # from submission
    layers: Count | None = None
    qubits: Count | None = None
    depth: Count | None = None
    qpu: str | None = None  # S54; also that of its session; None: routed
    preparation: Duration | None = None  # S40; None: 0
    post_processing: Duration | None = None
    estimate: PositiveDuration | None = None  # None: perfect


class ResolvedExplicit(Model):
    """Jobs and sessions, one by one."""

    kind: Literal["explicit"]
    name: str
    sessions: tuple[ResolvedSession, ...]
    jobs: tuple[ResolvedJob, ...]


class _DrawnJobs(Model):
    """What every source of drawn jobs has: `qpu_time`, or `circuits` with `shots`."""

    name: str
    account: str
    qpu_time: PositiveDurationDistribution | None
    circuits: CountDistribution | None
    shots: CountDistribution | None
    max_execution_time: PositiveDuration | None
    priority: int
    layers: CountDistribution | None = None
    qubits: CountDistribution | None = None
    depth: CountDistribution | None = None
    users: ResolvedUsers | None = None  # None: the account itself submits everything


class ResolvedArrivals(ResolvedPhases, TimedStarts, _DrawnJobs):
    """Independent jobs in job mode: an open loop."""

    kind: Literal["arrivals"]
    interarrival: DurationDistribution | None = None  # or one of the keys of TimedStarts
    count: int | None
    until: Duration | None


class ResolvedStart(TimedStarts):
    """Starts of clients, in one of the ways in which jobs arrive."""

    interarrival: DurationDistribution | None = None


class ResolvedIterative(ResolvedPhases, _DrawnJobs):
    """Closed-loop clients (S64 to S67). `max_time` and `interactive_timeout` are None in mode job."""

    kind: Literal["iterative"]
    mode: Literal["session", "batch", "job"]
    clients: int
    start: ResolvedStart | None  # None: all at time 0
    iterations: CountDistribution
    think_time: DurationDistribution
    max_time: Duration | None
    interactive_timeout: Duration | None
    on_finish: Literal["close", "cancel", "leave"]
    on_error: Literal["stop", "retry", "continue"]
    on_rejection: Literal["new_session", "job_mode", "give_up"]
    pauses: ResolvedPauses | None = None
    shots_by_iteration: Annotated[ShotsByIteration | None, Field(discriminator="kind")] = None
    early_stop: EarlyStop | None = None


class ResolvedBatches(ResolvedPhases, TimedStarts, _DrawnJobs):
    """Batches: all jobs submitted at the batch's start, then closed."""

    kind: Literal["batches"]
    interarrival: DurationDistribution | None = None  # or one of the keys of TimedStarts
    count: int | None
    until: Duration | None
    jobs: CountDistribution
    max_time: Duration
    interactive_timeout: Duration


ResolvedSource = Annotated[
    ResolvedExplicit | ResolvedArrivals | ResolvedIterative | ResolvedBatches | ResolvedTrace,
    Field(discriminator="kind"),
]


class ResolvedScenario(Model):
    """A scenario in which everything is explicit."""

    schema_version: Literal[1]
    title: str
    seed: Annotated[int, Field(ge=0)]
    start: datetime
    horizon: PositiveDuration | None
    warm_up: Duration
    profile: Literal["2023", "2024-04", "2026"]
    rules: ResolvedRules
    qpus: Annotated[tuple[ResolvedQPU, ...], Field(min_length=1)]
    policies: ResolvedPolicies
    plans: dict[str, ResolvedPlan] | None = None  # those that the scenario gives or its accounts have
    accounts: tuple[ResolvedAccount, ...] | None  # None: every name that is used exists
    workload: tuple[ResolvedSource, ...]

"""The human form of a scenario: what people write, with defaults and short spellings.

Descriptions are noun phrases: they complete "missing; give ..." in messages and document the JSON Schema.
Everything that concerns more than one value is checked in `contradictions` and `explicit_contradictions`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from qsession_sim.scenario.arrival_processes import TimedStarts
from qsession_sim.scenario.client_habits import EarlyStop, ShotsByIteration
from qsession_sim.scenario.human_accounts import HumanAccount, HumanPlan
from qsession_sim.scenario.human_clients import HumanPauses, HumanUsers
from qsession_sim.scenario.human_qpus import HumanPhases, HumanWindow
from qsession_sim.scenario.human_service import HumanServiceTime
from qsession_sim.scenario.human_trace import HumanTrace
from qsession_sim.scenario.profiles import DEFAULT_PROFILE
from qsession_sim.scenario.quantities import Count, Duration, Model, PositiveDuration, PositiveFloat
from qsession_sim.scenario.queue_policies import QueuePolicySettings
from qsession_sim.scenario.resolved import NamedPolicy
from qsession_sim.scenario.spellings import (
    CountSpelling,
    DurationSpelling,
    Identifier,
    Instant,
    LimitSpelling,
    Name,
    PolicySpelling,
    PositiveDurationSpelling,
    Priority,
    ProfileSpelling,
    QueuePolicySpelling,
    RowCount,
    SchemaVersion,
    Seed,
    WholeNumber,
)

DEFAULT_QPU: Final = "qpu"


class HumanRules(Model):
    """The choices that the rules of the simulator leave open."""

    max_time_ends_as: Annotated[
        Literal["error", "cancelled"],
        Field(description="how queued jobs end when max_time runs out: error or cancelled (S16)"),
    ] = "error"
    unused_timeout: Annotated[
        Duration | None,
        Field(description="the time after which a session without an accepted job is closed (S21)"),
    ] = None
    max_execution_time: Annotated[
        LimitSpelling | None, Field(description="the longest QPU time of any job, or none (S44)")
    ] = None
    ittl_condition: Annotated[
        Literal["queued", "ready"],
        Field(description="which jobs stop the interactive timeout: queued or ready ones (S43)"),
    ] = "queued"
    calibration: Annotated[
        Literal["after_sessions", "before_sessions"],
        Field(description="whether a calibration waits for a session: after_sessions or before_sessions"),
    ] = "after_sessions"
    on_outage: Annotated[
        Literal["fail", "requeue"],
        Field(description="what becomes of a job that an outage hits: fail or requeue (S52)"),
    ] = "fail"


class HumanQPU(Model):
    """A QPU."""

    name: Annotated[Name, Field(description="the name of the QPU")]
    service_time: Annotated[
        HumanServiceTime, Field(description="how QPU times follow from circuits and shots")
    ] = HumanServiceTime()
    simulator: Annotated[
        bool, Field(strict=True, description="whether it is a simulator backend, without a queue (S22)")
    ] = False
    lanes: Annotated[WholeNumber, Field(description="the number of its execution lanes (S42)")] = 5
    windows: Annotated[
        tuple[HumanWindow, ...], Field(description="a list of windows of availability (S52)")
    ] = ()


class HumanPolicies(Model):
    """Who runs next."""

    queue: Annotated[QueuePolicySpelling, Field(description="the order of the normal queue")] = (
        QueuePolicySettings(name="fifo")
    )
    hold: Annotated[PolicySpelling, Field(description="what an idle session lets the QPU do (S51)")] = (
        NamedPolicy(name="exclusive")
    )
    routing: Annotated[
        PolicySpelling, Field(description="which QPU a job or session gets that names none (S54)")
    ] = NamedPolicy(name="least_busy")


class HumanSession(Model):
    """A session of an explicit source."""

    id: Annotated[Identifier, Field(description="the id of the session")]
    account: Annotated[Name, Field(description="the account that opens the session")]
    mode: Annotated[Literal["session", "batch"], Field(description="session or batch")] = "session"
    created: Annotated[
        Duration | None, Field(description="the time of creation; default: its first submission (S9)")
    ] = None
    max_time: Annotated[Duration | None, Field(description="the maximum timeout (S16)")] = None
    interactive_timeout: Annotated[Duration | None, Field(description="the interactive timeout (S13)")] = None
    close: Annotated[Duration | None, Field(description="the time at which it is closed (S17)")] = None
    cancel: Annotated[Duration | None, Field(description="the time at which it is cancelled (S18)")] = None
    close_after: Annotated[Duration | None, Field(description="the time from creation to close")] = None
    cancel_after: Annotated[Duration | None, Field(description="the time from creation to cancel")] = None
    qpu: Annotated[Name | None, Field(description="its QPU; default: it is routed (S54)")] = None


class HumanJob(Model):
    """A job of an explicit source: submitted `at` a time, or `after` another job ended (S5)."""

    id: Annotated[Identifier, Field(description="the id of the job")]
    at: Annotated[Duration | None, Field(description="the time of submission")] = None
    after: Annotated[Name | None, Field(description="the id of the job that must end first")] = None
    think: Annotated[Duration | None, Field(description="the time between that end and submission")] = None
    session: Annotated[Name | None, Field(description="the id of its session; default: job mode")] = None
    account: Annotated[Name | None, Field(description="the account that submits the job")] = None
    qpu_time: Annotated[PositiveDuration | None, Field(description="the QPU time that it needs")] = None
    circuits: Annotated[Count | None, Field(description="the number of circuits; default 1")] = None
    shots: Annotated[Count | None, Field(description="the number of shots of each circuit")] = None
    max_execution_time: Annotated[
        PositiveDuration | None, Field(description="the QPU time at which it is cut off (S44)")
    ] = None
    priority: Annotated[Priority, Field(description="its priority; larger is more urgent")] = 0
    cancel: Annotated[Duration | None, Field(description="the time at which the user cancels it")] = None
    cancel_after: Annotated[
        Duration | None, Field(description="the time from submission to the user's cancel")
    ] = None
    layers: Annotated[Count | None, Field(description="the number of layers of each circuit")] = None
    qubits: Annotated[Count | None, Field(description="the number of qubits of each circuit")] = None
    depth: Annotated[Count | None, Field(description="the depth of each circuit")] = None
    qpu: Annotated[Name | None, Field(description="its QPU; default: it is routed (S54)")] = None
    preparation: Annotated[
        Duration | None, Field(description="how long it is prepared (S40); default 0s")
    ] = None
    post_processing: Annotated[
        Duration | None, Field(description="how long it is post-processed (S40); default 0s")
    ] = None
    estimate: Annotated[
        PositiveDuration | None, Field(description="the user's estimate of its QPU time; default perfect")
    ] = None


class HumanExplicit(Model):
    """Jobs and sessions, one by one."""

    kind: Literal["explicit"]
    name: Annotated[Identifier | None, Field(description="the name of the source")] = None
    sessions: Annotated[tuple[HumanSession, ...], Field(description="a list of sessions")] = ()
    jobs: Annotated[tuple[HumanJob, ...], Field(description="a list of jobs")] = ()


class _DrawnJobs(Model):
    name: Annotated[Identifier | None, Field(description="the name of the source; default: its kind")] = None
    account: Annotated[Name, Field(description="the account that submits the jobs")]
    qpu_time: Annotated[PositiveDurationSpelling | None, Field(description="the QPU time of each job")] = None
    circuits: Annotated[
        CountSpelling | None, Field(description="the number of circuits of each job; default 1")
    ] = None
    shots: Annotated[CountSpelling | None, Field(description="the number of shots of each circuit")] = None
    max_execution_time: Annotated[
        PositiveDuration | None, Field(description="the QPU time at which a job is cut off (S44)")
    ] = None
    priority: Annotated[Priority, Field(description="the jobs' priority; larger is more urgent")] = 0
    layers: Annotated[CountSpelling | None, Field(description="the number of layers of each circuit")] = None
    qubits: Annotated[CountSpelling | None, Field(description="the number of qubits of each circuit")] = None
    depth: Annotated[CountSpelling | None, Field(description="the depth of each circuit")] = None
    users: Annotated[
        HumanUsers | None,
        Field(description="the users who share the submissions; their accounts are <account>-<n>"),
    ] = None


class HumanArrivals(HumanPhases, TimedStarts, _DrawnJobs):
    """Independent jobs in job mode: an open loop."""

    kind: Literal["arrivals"]
    interarrival: Annotated[
        DurationSpelling | None, Field(description="the time from one job to the next")
    ] = None
    load: Annotated[
        PositiveFloat | None, Field(description="the load to offer: the rate times the mean QPU time")
    ] = None
    count: Annotated[RowCount | None, Field(description="the number of jobs")] = None
    until: Annotated[Duration | None, Field(description="the time after which no job arrives")] = None


class HumanStart(TimedStarts):
    """When the clients of an iterative source start."""

    interarrival: Annotated[
        DurationSpelling | None, Field(description="the time from one client to the next")
    ] = None


class HumanIterative(HumanPhases, _DrawnJobs):
    """Closed-loop clients: submit, wait for the result, think, submit again (S64 to S67)."""

    kind: Literal["iterative"]
    mode: Annotated[Literal["session", "batch", "job"], Field(description="session, batch or job")] = (
        "session"
    )
    clients: Annotated[
        RowCount | None, Field(description="the number of clients; default 1, or that of start.groups")
    ] = None
    start: Annotated[HumanStart | None, Field(description="when clients start; default: all at time 0")] = (
        None
    )
    iterations: Annotated[CountSpelling, Field(description="the number of iterations of a client")]
    think_time: Annotated[
        DurationSpelling | None, Field(description="the time between a result and the next job; default 0s")
    ] = None
    pauses: Annotated[
        HumanPauses | None, Field(description="the pauses that take the place of some think times")
    ] = None
    shots_by_iteration: Annotated[
        ShotsByIteration | None, Field(discriminator="kind", description="how shots change by iteration")
    ] = None
    early_stop: Annotated[
        EarlyStop | None, Field(description="how likely a client stops before its last iteration")
    ] = None
    max_time: Annotated[Duration | None, Field(description="the sessions' maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        Duration | None, Field(description="the sessions' interactive timeout (S13)")
    ] = None
    on_finish: Annotated[
        Literal["close", "cancel", "leave"], Field(description="what ends the session (S64)")
    ] = "close"
    on_error: Annotated[
        Literal["stop", "retry", "continue"], Field(description="what a client does when a job fails (S65)")
    ] = "stop"
    on_rejection: Annotated[
        Literal["new_session", "job_mode", "give_up"],
        Field(description="what a client does when its session is closed (S66)"),
    ] = "give_up"


class HumanBatches(HumanPhases, TimedStarts, _DrawnJobs):
    """Batches whose jobs are all submitted at the batch's start, and which are then closed."""

    kind: Literal["batches"]
    interarrival: Annotated[
        DurationSpelling | None, Field(description="the time from one batch to the next")
    ] = None
    count: Annotated[RowCount | None, Field(description="the number of batches")] = None
    until: Annotated[Duration | None, Field(description="the time after which no batch starts")] = None
    jobs: Annotated[CountSpelling, Field(description="the number of jobs of a batch")]
    max_time: Annotated[Duration | None, Field(description="the batches' maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        Duration | None, Field(description="the batches' interactive timeout (S30)")
    ] = None


HumanSource = Annotated[
    HumanExplicit | HumanArrivals | HumanIterative | HumanBatches | HumanTrace, Field(discriminator="kind")
]


class HumanScenario(Model):
    """A scenario as people write it."""

    schema_version: Annotated[SchemaVersion, Field(description="the version of this format")] = 1
    title: Annotated[str, Field(strict=True, description="a line that says what the scenario is")] = ""
    seed: Annotated[Seed, Field(description="the seed of all random numbers")] = 0
    start: Annotated[
        Instant | None, Field(description="the calendar instant of time 0; default: the profile's")
    ] = None
    horizon: Annotated[PositiveDuration | None, Field(description="the time at which the run stops (S6)")] = (
        None
    )
    warm_up: Annotated[Duration, Field(description="the time that statistics leave out")] = 0
    profile: Annotated[
        ProfileSpelling, Field(description="the documented clocks and limits to start from")
    ] = DEFAULT_PROFILE
    rules: Annotated[HumanRules, Field(description="choices that the rules leave open")] = HumanRules()
    qpus: Annotated[tuple[HumanQPU, ...], Field(min_length=1, description="a list of QPUs")] = (
        HumanQPU(name=DEFAULT_QPU),
    )
    policies: Annotated[HumanPolicies, Field(description="who runs next")] = HumanPolicies()
    plans: Annotated[
        dict[str, HumanPlan],
        Field(default_factory=dict, description="what accounts may do, by the name of the plan (S60)"),
    ]
    accounts: Annotated[
        tuple[HumanAccount, ...] | None,
        Field(description="the accounts that exist; default: every account that is used"),
    ] = None
    workload: Annotated[tuple[HumanSource, ...], Field(description="a list of sources of jobs")]

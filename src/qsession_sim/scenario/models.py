"""The human form of a scenario: what people write, with defaults and short spellings.

Descriptions are noun phrases: they complete "missing; give ..." in messages and document the JSON Schema.
Everything that concerns more than one value is checked in `contradictions` and `explicit_contradictions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from qsession_sim.scenario.document import Path, part
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.profiles import DEFAULT_PROFILE
from qsession_sim.scenario.service import HumanServiceTime, ServiceTimeModel
from qsession_sim.scenario.spellings import (
    _NUMBER_SCHEMA,
    CountSpelling,
    DurationSpelling,
    Identifier,
    Instant,
    LimitSpelling,
    Name,
    PositiveDurationSpelling,
    Priority,
    ProfileSpelling,
    RowCount,
    SchemaVersion,
    Seed,
    ShortForm,
    WholeNumber,
    _check_possible,
    _spell_out_distribution,
)
from qsession_sim.scenario.values import (
    DURATION_SCHEMA,
    MOST_ROWS,
    Choice,
    Constant,
    Count,
    Distribution,
    Duration,
    Empirical,
    Erlang,
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Model,
    NonNegativeFloat,
    Pareto,
    PositiveDuration,
    PositiveFloat,
    Uniform,
    Weibull,
)
from qsession_sim.units import DAY, HOUR, MINUTE

# -- When jobs, batches and clients start: fields that the human and the resolved form have in common.

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_OF_WEEK: Final = 168


def _read_day(value: Any) -> str:
    if not isinstance(value, str) or value not in DAYS:
        raise ValueError(f"must be {', '.join(DAYS[:-1])} or {DAYS[-1]}")
    return value


Day = Annotated[str, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "enum": list(DAYS)})]


class Rate(Model):
    """A rate that holds in some hours of some days, in UTC."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, description="the days; default: all")] = DAYS
    from_hour: Annotated[int, Field(strict=True, ge=0, le=23, description="the hour that begins it")] = 0
    to_hour: Annotated[int, Field(strict=True, ge=1, le=24, description="the hour that ends it")] = 24
    per_hour: Annotated[NonNegativeFloat, Field(description="the mean number of arrivals in an hour")]


class Phase(Model):
    """A phase of a process with bursts; how long it lasts is exponential."""

    per_hour: Annotated[NonNegativeFloat, Field(description="the mean number of arrivals in an hour")]
    lasts: Annotated[PositiveDuration, Field(description="the mean time that a phase lasts")]


class Bursts(Model):
    """Two phases that alternate: a Markov-modulated Poisson process."""

    quiet: Annotated[Phase, Field(description="the phase between bursts")]
    burst: Annotated[Phase, Field(description="the phase of a burst")]


class Group(Model):
    """Several arrivals at one instant."""

    at: Annotated[Duration, Field(description="the time of the arrivals")]
    size: Annotated[int, Field(strict=True, ge=1, le=MOST_ROWS, description="how many arrive")]


T = TypeVar("T", Rate, Phase)


class TimedStarts(Model):
    """Ways to arrive besides independent interarrival times; at most one is given."""

    rates: Annotated[
        tuple[Rate, ...] | None, Field(min_length=1, description="Poisson rates by hour and day")
    ] = None
    bursts: Annotated[Bursts | None, Field(description="Poisson rates of alternating phases")] = None
    groups: Annotated[
        tuple[Group, ...] | None, Field(min_length=1, description="given times and numbers of arrivals")
    ] = None


def hourly_rates(rates: tuple[Rate, ...]) -> tuple[float, ...]:
    """Arrivals per hour in each of the 168 hours of a week, from Monday 00:00 UTC.

    The first rate that covers an hour counts; an hour that none covers has rate 0.

    Example:
        >>> lecture = Rate(days=("mon",), from_hour=9, to_hour=10, per_hour=5.0)
        >>> week = hourly_rates((lecture, Rate(per_hour=1.0)))
        >>> week[8:11], len(week)
        ((1.0, 5.0, 1.0), 168)
    """
    return tuple(
        next(
            (
                rate.per_hour
                for rate in rates
                if DAYS[hour // 24] in rate.days and rate.from_hour <= hour % 24 < rate.to_hour
            ),
            0.0,
        )
        for hour in range(HOURS_OF_WEEK)
    )


def mean_per_hour(starts: TimedStarts) -> float:
    """Mean number of arrivals in an hour, in the long run.

    Raises:
        ValueError: if neither rates nor bursts are given.

    Example:
        >>> phase = Phase(per_hour=12.0, lasts="45min")
        >>> mean_per_hour(TimedStarts(bursts=Bursts(quiet=phase, burst=Phase(per_hour=60.0, lasts="15min"))))
        24.0
    """
    if starts.rates is not None:
        return sum(hourly_rates(starts.rates)) / HOURS_OF_WEEK
    if starts.bursts is None:
        raise ValueError("needs rates or bursts")
    quiet, burst = starts.bursts.quiet, starts.bursts.burst
    arrivals = quiet.per_hour * quiet.lasts + burst.per_hour * burst.lasts
    return arrivals / (quiet.lasts + burst.lasts)


def scaled(starts: TimedStarts, factor: float) -> dict[str, Any]:
    """`rates` and `bursts` with all their rates multiplied."""
    return {
        "rates": None if starts.rates is None else tuple(_scaled(rate, factor) for rate in starts.rates),
        "bursts": None
        if starts.bursts is None
        else Bursts.model_construct(
            quiet=_scaled(starts.bursts.quiet, factor), burst=_scaled(starts.bursts.burst, factor)
        ),
    }


def _scaled(rate: T, factor: float) -> T:
    return rate.model_copy(update={"per_hour": rate.per_hour * factor})


# -- Habits of iterative clients: pauses, shots that change by iteration, and programs that end early.

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
IterationNumber = Annotated[int, Field(strict=True, ge=1)]


class ResolvedPauses(Model):
    """Long times in the place of some think times: a user who goes to lunch."""

    probability: Probability
    duration: Distribution[Duration]


class EarlyStop(Model):
    """A program that converges: after each iteration from number `after` on, it may be the last one."""

    probability: Annotated[Probability, Field(description="the probability to stop after an iteration")]
    after: Annotated[
        IterationNumber, Field(description="the first iteration after which a client may stop; default 1")
    ] = 1


class _Growth(Model):
    at_least: Annotated[Count | None, Field(description="the smallest number of shots")] = None
    at_most: Annotated[Count | None, Field(description="the largest number of shots")] = None


class LinearShots(_Growth):
    """`step` more shots in each iteration than in the one before."""

    kind: Literal["linear"]
    step: Annotated[
        float,
        Field(
            allow_inf_nan=False,
            strict=True,
            description="the shots that each iteration adds or, below 0, removes",
        ),
    ]


class GeometricShots(_Growth):
    """`factor` times the shots of the iteration before."""

    kind: Literal["geometric"]
    factor: Annotated[PositiveFloat, Field(description="the factor from one iteration to the next")]


class ShotStep(Model):
    """Shots that hold from one iteration on."""

    from_iteration: Annotated[
        int, Field(strict=True, ge=2, description="the iteration from which these shots hold, at least 2")
    ]
    shots: Annotated[Count, Field(description="the number of shots of each circuit")]


class SteppedShots(Model):
    """Shots that the latest step says."""

    kind: Literal["steps"]
    steps: Annotated[
        tuple[ShotStep, ...],
        Field(min_length=1, description="a list of steps such as {from_iteration: 50, shots: 4000}"),
    ]


ShotsByIteration: TypeAlias = LinearShots | GeometricShots | SteppedShots


# -- Populations of users who share the submissions of a source, some more active than others.

MOST_USERS: Final = 1_000_000
"""The most users of a source; each is an account with a name."""


class Zipf(Model):
    """The activity of user n is 1 / n^exponent; with exponent 0 all are equally active."""

    kind: Literal["zipf"]
    exponent: Annotated[
        NonNegativeFloat,
        Field(description="the exponent, at least 0; the larger, the less active are later users"),
    ]


# not a union with the union `Distribution`, of which pydantic's locations would name the kind twice
Activity: TypeAlias = Annotated[
    Constant[Count]
    | Uniform[Count]
    | Exponential[Count]
    | Lognormal[Count]
    | Gamma[Count]
    | Weibull[Count]
    | Pareto[Count]
    | Erlang[Count]
    | Hyperexponential[Count]
    | Choice[Count]
    | Empirical[Count]
    | Zipf,
    Field(discriminator="kind"),
]
"""Weights of users: drawn once for each, or by rank."""

UserCount = Annotated[int, Field(strict=True, ge=1, le=MOST_USERS)]


class ResolvedUsers(Model):
    """Users of a source. The account of user n is the source's account with `-n` after it."""

    count: UserCount
    activity: Activity


# -- Queue policies as people write them: a name, or a name with parameters.

_MOST: Final = 1_000_000

PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "fifo": {},
        "lifo": {},
        "priority": {"aging": None},
        "shortest_job_first": {},
        "longest_job_first": {},
        "earliest_deadline": {"slack": 10},
        "fair_share": {"window": 28 * DAY},  # S63
        "round_robin": {},
        "weighted_fair_queueing": {},
        "least_attained_service": {},
        "multilevel": {"thresholds": (10 * MINUTE, HOUR, 10 * HOUR)},
        "wfp3": {},
        "unicef": {},
        "random": {},
        "session_first": {},
    }
)
"""The built-in queue policies: the parameters of each with their defaults; None: it may be absent."""


def _check_growing(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if any(first >= second for first, second in pairwise(thresholds)):
        raise ValueError("each threshold must be above the one before it")
    return thresholds


class QueuePolicySettings(Model):
    """A queue policy, by its name, with its parameters; None: absent, or the policy has no such one."""

    name: Annotated[str, Field(description="the name of the policy")]
    aging: Annotated[
        PositiveDuration | None,
        Field(description="priority: the waiting time that is worth as much as one more priority"),
    ] = None
    slack: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=_MOST)] | None,
        Field(description="earliest_deadline: the deadline is so many estimates after submission"),
    ] = None
    window: Annotated[
        PositiveDuration | None, Field(description="fair_share: how far back used time counts")
    ] = None
    thresholds: Annotated[
        Annotated[tuple[PositiveDuration, ...], Field(min_length=1), AfterValidator(_check_growing)] | None,
        Field(description="multilevel: used time at which an account falls to the next level"),
    ] = None


def with_defaults(policy: QueuePolicySettings) -> QueuePolicySettings:
    """The same policy with every parameter that it has.

    Example:
        >>> with_defaults(QueuePolicySettings(name="fair_share")).model_dump(mode="json", exclude_none=True)
        {'name': 'fair_share', 'window': '28d'}
    """
    defaults = PARAMETERS.get(policy.name, {})
    missing = {name: value for name, value in defaults.items() if getattr(policy, name) is None}
    return policy.model_copy(update=missing)


def parameter_problems(data: Any) -> Iterator[Problem]:
    """Parameters that a policy does not have."""
    policy = part(part(data, "policies"), "queue")
    name = policy.get("name")
    if not isinstance(name, str):
        return
    own = PARAMETERS.get(name, {})
    for key in QueuePolicySettings.model_fields.keys() - {"name", *own} & policy.keys():
        path: Path = ("policies", "queue", key)
        yield unknown_name(path, "unknown key", key, ("name", *own), at_key=True)


# -- The resolved form of plans and accounts (S23, S60, S63).

_RELEASE: Final = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}", re.ASCII)


def _read_version(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # YAML has already made 0.2 of 0.20
        message = 'must be a version in quotes, such as "0.20"'
        raise ValueError(message)
    if not isinstance(value, str) or not _RELEASE.fullmatch(value):
        raise ValueError("must be the number of a release, such as 0.23.0")
    return value


Version = Annotated[
    str,
    BeforeValidator(_read_version),
    WithJsonSchema({"type": "string", "pattern": rf"^{_RELEASE.pattern}$", "examples": ["0.23.0"]}),
]
"""The number of a release: one to four whole numbers with points between them."""


class Client(Model):
    """Versions of the client software of an account (S23)."""

    model_config = ConfigDict(serialize_by_alias=True)

    qiskit_ibm_runtime: Annotated[
        Version | None, Field(alias="qiskit-ibm-runtime", description="its version of qiskit-ibm-runtime")
    ] = None
    qiskit_ibm_provider: Annotated[
        Version | None, Field(alias="qiskit-ibm-provider", description="its version of qiskit-ibm-provider")
    ] = None
    qiskit: Annotated[Version | None, Field(description="its version of Qiskit")] = None


class ResolvedClock(Model):
    """A clock of sessions: what they get, and the most that they may ask for."""

    default: Duration
    limit: Duration | None  # None: any


class ResolvedTimeouts(Model):
    """The interactive timeout of each mode."""

    session: ResolvedClock
    batch: ResolvedClock


class SubmissionRate(Model):
    """So many accepted submissions at most in (t - window, t]."""

    count: Annotated[int, Field(strict=True, ge=1, le=10**9, description="the number of submissions")]
    window: Annotated[PositiveDuration, Field(description="the length of the window")]


class Quota(Model):
    """So much usage at most in (t - window, t] (S62)."""

    usage: Annotated[PositiveDuration, Field(description="the usage")]
    window: Annotated[PositiveDuration, Field(description="the length of the window")]


class ResolvedPlan(Model):
    """What an account may do (S60). None: no limit, and of a price: none."""

    sessions: bool
    batches: bool
    max_time: ResolvedClock
    interactive_timeout: ResolvedTimeouts
    pending_jobs: int | None
    submission_rate: SubmissionRate | None
    quota: Quota | None
    price_per_second: NonNegativeFloat | None

    def timeout_of(self, mode: Literal["session", "batch"]) -> ResolvedClock:
        """The interactive timeout of a mode."""
        return self.interactive_timeout.session if mode == "session" else self.interactive_timeout.batch


class ResolvedAccount(Model):
    """An account that may submit jobs."""

    name: str
    plan: str | None = None  # None: no limits
    allocation: Duration | None = None  # S63
    client: Client | None = None  # S23


# -- The resolved form of windows of availability, of the phases of jobs, and of estimates.


class ResolvedWindow(Model):
    """When a QPU does not serve everybody (S52): at fixed times, or outages drawn before the run."""

    kind: Literal["maintenance", "calibration", "outage", "reservation"]
    at: Duration | None = None  # None: drawn
    every: PositiveDuration | None = None  # None: once
    duration: PositiveDuration | None = None
    account: str | None = None
    time_between_failures: Distribution[Duration] | None = None
    repair_time: Distribution[PositiveDuration] | None = None
    until: Duration | None = None  # of drawn outages; None: the horizon


class ResolvedEstimate(Model):
    """How users estimate the QPU time of their jobs.

    By the formula it is that of the service-time model without noise; else a factor on the QPU time, or a
    time.
    """

    method: Literal["formula", "factor", "given"]
    factor: Distribution[Count] | None = None
    time: Distribution[PositiveDuration] | None = None


class ResolvedPhases(Model):
    """What a source says of all its jobs beside their QPU time."""

    qpu: str | None = None  # S54; None: routed
    preparation: Distribution[Duration] | None = None  # S40; None: 0
    post_processing: Distribution[Duration] | None = None
    estimate: ResolvedEstimate | None = None  # None: perfect


# -- The resolved form of a source that replays a file.

TimeUnit = Literal["us", "ms", "s", "min", "h", "d"]

ColumnName = Annotated[str, Field(strict=True, min_length=1)]


class TraceColumns(Model):
    """Which column of a CSV or Parquet file says what; those not named here have their own names."""

    job: Annotated[ColumnName | None, Field(description="the column of the job's id")] = None
    account: Annotated[ColumnName | None, Field(description="the column of who submits")] = None
    session: Annotated[ColumnName | None, Field(description="the column of the session's id")] = None
    mode: Annotated[ColumnName | None, Field(description="the column of the mode")] = None
    submitted: Annotated[ColumnName | None, Field(description="the column of the submission")] = None
    after: Annotated[ColumnName | None, Field(description="the column of the preceding job's id (S5)")] = None
    think: Annotated[ColumnName | None, Field(description="the column of the time from that end")] = None
    qpu_time: Annotated[ColumnName | None, Field(description="the column of the QPU time")] = None
    max_execution_time: Annotated[
        ColumnName | None, Field(description="the column of the QPU time at which a job is cut off (S44)")
    ] = None
    priority: Annotated[ColumnName | None, Field(description="the column of the priority")] = None
    preparation: Annotated[
        ColumnName | None, Field(description="the column of the time of preparation (S40)")
    ] = None
    post_processing: Annotated[
        ColumnName | None, Field(description="the column of the time of post-processing (S40)")
    ] = None
    estimate: Annotated[
        ColumnName | None, Field(description="the column of the user's estimate of the QPU time")
    ] = None
    unit: Annotated[
        TimeUnit | None, Field(description="the unit of the named columns of times: us, ms, s, min, h or d")
    ] = None


class InferredSessions(Model):
    """Sessions made of the submissions of a user that follow one another closely."""

    gap: Annotated[
        PositiveDuration, Field(description="the longest time between two submissions of a session")
    ]
    mode: Annotated[Literal["session", "batch"], Field(description="session or batch")] = "session"


class ResolvedTrace(ResolvedPhases):
    """A file of jobs. Relative names of files start at the scenario's directory."""

    kind: Literal["trace"]
    name: str
    file: str
    account: str | None  # None: the users in the file
    columns: TraceColumns | None
    max_execution_time: PositiveDuration | None  # S44; None: no limit, not even that of the rules
    # the clocks of sessions and batches; None: those of each account's plan (S60)
    max_time: Duration | None
    interactive_timeout: Duration | None
    batch_interactive_timeout: Duration | None
    infer_sessions: InferredSessions | None
    skip_bad_lines: bool


# -- The resolved form of a scenario: everything is explicit, nothing has a default.
#
# Absent optional values are `None` in memory and left out of the written form. Only this form is simulated.

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


class _ResolvedDrawnJobs(Model):
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


class ResolvedArrivals(ResolvedPhases, TimedStarts, _ResolvedDrawnJobs):
    """Independent jobs in job mode: an open loop."""

    kind: Literal["arrivals"]
    interarrival: DurationDistribution | None = None  # or one of the keys of TimedStarts
    count: int | None
    until: Duration | None


class ResolvedStart(TimedStarts):
    """Starts of clients, in one of the ways in which jobs arrive."""

    interarrival: DurationDistribution | None = None


class ResolvedIterative(ResolvedPhases, _ResolvedDrawnJobs):
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


class ResolvedBatches(ResolvedPhases, TimedStarts, _ResolvedDrawnJobs):
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


# -- Field types of the human form: names, instants, and quantities with their short spellings.
ActivitySpelling = Annotated[
    Activity,
    BeforeValidator(_spell_out_distribution),
    AfterValidator(_check_possible),
    ShortForm(_NUMBER_SCHEMA),
]


def _spell_out_policy(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping):
        return value
    raise ValueError("must be the name of a policy, or {name: ...}")


PolicySpelling = Annotated[NamedPolicy, BeforeValidator(_spell_out_policy), ShortForm({"type": "string"})]

QueuePolicySpelling = Annotated[
    QueuePolicySettings, BeforeValidator(_spell_out_policy), ShortForm({"type": "string"})
]


# -- The human form of plans and accounts. In memory, `UNLIMITED` stands for the spelling `none`.

UNLIMITED: Final = -1

_NONE: Final = {"const": "none"}


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    return UNLIMITED if value == "none" else read(value)


class HumanClock(Model):
    """A clock of sessions; what is not given is the profile's."""

    default: Annotated[Duration | None, Field(description="what a session gets that asks for nothing")] = None
    limit: Annotated[
        Annotated[Duration, WrapValidator(_or_none), ShortForm(_NONE)] | None,
        Field(description="the most that a session may ask for, or none"),
    ] = None


def _spell_out_clock(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"default": value, "limit": value}


ClockSpelling = Annotated[HumanClock, BeforeValidator(_spell_out_clock), ShortForm(DURATION_SCHEMA)]
"""A clock; a bare duration is both its default and its limit."""


class HumanTimeouts(Model):
    """The interactive timeout of each mode."""

    session: Annotated[ClockSpelling | None, Field(description="that of sessions (S13)")] = None
    batch: Annotated[ClockSpelling | None, Field(description="that of batches (S30)")] = None


def _spell_out_timeouts(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"session": value}


TimeoutsSpelling = Annotated[HumanTimeouts, BeforeValidator(_spell_out_timeouts), ShortForm(DURATION_SCHEMA)]
"""The interactive timeouts; a bare duration is that of sessions."""


def _spell_out_rate(value: Any) -> Any:
    if value == "none":
        return SubmissionRate.model_construct(count=UNLIMITED, window=UNLIMITED)
    if not isinstance(value, Mapping):
        message = "must be none or {count: 5, window: 1m}"
        raise ValueError(message)
    return value


def _spell_out_quota(value: Any) -> Any:
    if value == "none":
        return Quota.model_construct(usage=UNLIMITED, window=UNLIMITED)
    if not isinstance(value, Mapping):
        message = "must be none or {usage: 10m, window: 28d}"
        raise ValueError(message)
    return value


class HumanPlan(Model):
    """What an account may do (S60); what is not given is that of the profile's plan with this name."""

    sessions: Annotated[bool | None, Field(strict=True, description="whether sessions are allowed")] = None
    batches: Annotated[bool | None, Field(strict=True, description="whether batches are allowed")] = None
    max_time: Annotated[ClockSpelling | None, Field(description="the maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        TimeoutsSpelling | None, Field(description="the interactive timeout of each mode (S13, S30)")
    ] = None
    pending_jobs: Annotated[
        Annotated[WholeNumber, WrapValidator(_or_none), ShortForm(_NONE)] | None,
        Field(description="the most jobs queued and running at a time, or none"),
    ] = None
    submission_rate: Annotated[
        Annotated[SubmissionRate, BeforeValidator(_spell_out_rate), ShortForm(_NONE)] | None,
        Field(description="the most submissions in a sliding window, or none"),
    ] = None
    quota: Annotated[
        Annotated[Quota, BeforeValidator(_spell_out_quota), ShortForm(_NONE)] | None,
        Field(description="the most usage in a sliding window, or none (S62)"),
    ] = None
    price_per_second: Annotated[
        Annotated[NonNegativeFloat, WrapValidator(_or_none), ShortForm(_NONE)] | None,
        Field(description="the price of a second of usage, or none"),
    ] = None


class HumanAccount(Model):
    """An account that may submit jobs."""

    name: Annotated[Name, Field(description="the name of the account")]
    plan: Annotated[Name | None, Field(description="the name of its plan; default: no limits")] = None
    allocation: Annotated[
        Duration | None, Field(description="its share for the queue policy fair_share (S63)")
    ] = None
    client: Annotated[Client | None, Field(description="the versions of its client software (S23)")] = None


# -- The human form of pauses and of users, and their way to the resolved form.


class HumanPauses(Model):
    """Long times in the place of some think times: a user who goes to lunch."""

    probability: Annotated[
        Probability, Field(description="the probability that a pause takes the place of a think time")
    ]
    duration: Annotated[DurationSpelling, Field(description="the time that a pause lasts")]


class HumanUsers(Model):
    """Users who share what a source submits; each has an account of its own."""

    count: Annotated[UserCount, Field(description="the number of users")]
    activity: Annotated[
        ActivitySpelling | None,
        Field(description="the weights by which users share the submissions; default: all equal"),
    ] = None


# -- The human form of windows of availability, of the phases of jobs, and of estimates.
#
# One model holds the keys of all kinds of windows; `window_contradictions` says which belong together.


class HumanWindow(Model):
    """When a QPU does not serve everybody (S52)."""

    kind: Annotated[
        Literal["maintenance", "calibration", "outage", "reservation"],
        Field(description="the kind of window: maintenance, calibration, outage or reservation"),
    ]
    at: Annotated[
        Duration | None, Field(description="the time of the (first) start; default: one period in")
    ] = None
    every: Annotated[PositiveDuration | None, Field(description="the time from one start to the next")] = None
    duration: Annotated[PositiveDuration | None, Field(description="how long it lasts")] = None
    account: Annotated[
        Name | None, Field(description="the account for which a reservation keeps the QPU")
    ] = None
    time_between_failures: Annotated[
        DurationSpelling | None, Field(description="the time from a repair to the next outage")
    ] = None
    repair_time: Annotated[
        PositiveDurationSpelling | None, Field(description="how long each of these outages lasts")
    ] = None
    until: Annotated[
        Duration | None, Field(description="the time after which no such outage starts; default: the horizon")
    ] = None


def _spell_out_estimate(value: Any) -> Any:
    if value in ("perfect", "formula"):
        return {"method": value}
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        raise ValueError("must be perfect, formula, {factor: ...} or a time")
    if not isinstance(value, Mapping):
        return {"method": "given", "time": value}
    if "method" in value or not value:
        return value
    return {"method": "factor" if "factor" in value else "given", **value}


class HumanEstimate(Model):
    """How users estimate the QPU time of their jobs."""

    method: Annotated[
        Literal["perfect", "formula", "factor", "given"] | None,
        Field(description="how users estimate: perfect, formula, factor or given"),
    ] = None
    factor: Annotated[
        CountSpelling | None, Field(description="the factor by which users miss the QPU time")
    ] = None
    time: Annotated[PositiveDurationSpelling | None, Field(description="the time that users give")] = None


EstimateSpelling = Annotated[
    HumanEstimate, BeforeValidator(_spell_out_estimate), ShortForm({"type": "string"})
]


class HumanPhases(Model):
    """What a source says of all its jobs beside their QPU time."""

    qpu: Annotated[Name | None, Field(description="the QPU of the jobs; default: they are routed (S54)")] = (
        None
    )
    preparation: Annotated[
        DurationSpelling | None, Field(description="how long each job is prepared (S40); default 0s")
    ] = None
    post_processing: Annotated[
        DurationSpelling | None, Field(description="how long each job is post-processed (S40); default 0s")
    ] = None
    estimate: Annotated[
        EstimateSpelling | None, Field(description="how users estimate QPU times; default perfect")
    ] = None


# -- The human form of a source that replays a file, and its way to the resolved form.


class HumanTrace(HumanPhases):
    """The jobs of a file: CSV, Parquet, or SWF (Standard Workload Format)."""

    kind: Literal["trace"]
    name: Annotated[Identifier | None, Field(description="the name of the source; default: its kind")] = None
    file: Annotated[
        str,
        Field(strict=True, min_length=1, description="a file: .csv, .parquet, .swf, .csv.gz or .swf.gz"),
    ]
    account: Annotated[
        Name | None, Field(description="the account of all jobs; default: that of the file")
    ] = None
    columns: Annotated[
        TraceColumns | None, Field(description="which column of a CSV or Parquet file says what")
    ] = None
    max_execution_time: Annotated[
        LimitSpelling | None,
        Field(description="the QPU time at which a job is cut off (S44); default none"),
    ] = None
    max_time: Annotated[Duration | None, Field(description="the sessions' maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        Duration | None, Field(description="the interactive timeout of sessions (S13)")
    ] = None
    batch_interactive_timeout: Annotated[
        Duration | None, Field(description="the interactive timeout of batches (S30)")
    ] = None
    infer_sessions: Annotated[
        InferredSessions | None, Field(description="how sessions are inferred; default: not at all")
    ] = None
    skip_bad_lines: Annotated[
        bool, Field(strict=True, description="whether malformed lines are counted and left out")
    ] = False


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

"""The sources of a workload, in the form that people write and in the resolved form.

Descriptions are noun phrases: they complete "missing; give ..." in messages and document the JSON Schema.
What concerns more than one value is in `checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeVar, Union, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from qsession_sim.scenario.distributions import (
    NUMBER_SCHEMA,
    CountSpelling,
    Distribution,
    DurationDistribution,
    DurationSpelling,
    PositiveDurationSpelling,
    check_possible,
    spell_out_distribution,
)
from qsession_sim.scenario.problems import either
from qsession_sim.scenario.values import (
    MOST_ROWS,
    Count,
    Duration,
    Identifier,
    Limit,
    Model,
    Name,
    NonNegativeFloat,
    PositiveDuration,
    PositiveFloat,
    Priority,
    Probability,
    RowCount,
    ShortForm,
)

# -- When jobs, batches and clients start.

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_OF_WEEK: Final = 168


def _read_day(value: Any) -> str:
    if not isinstance(value, str) or value not in DAYS:
        raise ValueError(f"must be {either(DAYS)}")
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

IterationNumber = Annotated[int, Field(strict=True, ge=1)]


class HumanPauses(Model):
    """Long times in the place of some think times: a user who goes to lunch."""

    probability: Annotated[
        Probability, Field(description="the probability that a pause takes the place of a think time")
    ]
    duration: Annotated[DurationSpelling, Field(description="the time that a pause lasts")]


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


if TYPE_CHECKING:
    Activity: TypeAlias = Distribution[Count] | Zipf
else:
    # one union and not one inside the other, of which pydantic's locations would name the kind twice
    kinds, _ = get_args(Distribution.__value__)
    Activity = Annotated[
        Union[(*(kind[Count] for kind in get_args(kinds)), Zipf)],
        Field(discriminator="kind"),
    ]
"""Weights of users: drawn once for each, or by rank."""

ActivitySpelling = Annotated[
    Activity,
    BeforeValidator(spell_out_distribution),
    AfterValidator(check_possible),
    ShortForm(NUMBER_SCHEMA),
]

UserCount = Annotated[int, Field(strict=True, ge=1, le=MOST_USERS)]


class HumanUsers(Model):
    """Users who share what a source submits; each has an account of its own."""

    count: Annotated[UserCount, Field(description="the number of users")]
    activity: Annotated[
        ActivitySpelling | None,
        Field(description="the weights by which users share the submissions; default: all equal"),
    ] = None


class ResolvedUsers(HumanUsers):
    """Users of a source. The account of user n is the source's account with `-n` after it."""

    activity: Activity


# -- What a source says of all its jobs, in addition to their QPU times.


EstimateMethod = Literal["perfect", "formula", "factor", "given"]

ESTIMATE_METHODS: Final = get_args(EstimateMethod)


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
        EstimateMethod | None, Field(description=f"how users estimate: {either(ESTIMATE_METHODS)}")
    ] = None
    factor: Annotated[
        CountSpelling | None, Field(description="the factor by which users miss the QPU time")
    ] = None
    time: Annotated[PositiveDurationSpelling | None, Field(description="the time that users give")] = None


class ResolvedEstimate(HumanEstimate):
    """How users estimate the QPU times of their jobs, unless perfectly.

    By the formula it is that of the service-time model without noise; else a factor on the QPU time, or a
    time.
    """

    method: Literal["formula", "factor", "given"]


EstimateSpelling = Annotated[
    HumanEstimate, BeforeValidator(_spell_out_estimate), ShortForm({"type": "string"})
]


class HumanPhases(Model):
    """Where the jobs of a source run, how they are prepared and post-processed, how users estimate them."""

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


class ResolvedPhases(HumanPhases):
    """The same. None: the jobs are routed (S54); there is no such phase (S40); estimates are perfect."""

    estimate: ResolvedEstimate | None = None


# -- Jobs and sessions, one by one.


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


class ResolvedSession(HumanSession):
    """A session of an explicit source, with its clocks. Times count from the start of the simulation."""

    max_time: Duration
    interactive_timeout: Duration


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


class ResolvedJob(HumanJob):
    """A job of an explicit source, with the account and the QPU of its session, if it is of one."""

    account: str


class HumanExplicit(Model):
    """Jobs and sessions, one by one."""

    kind: Literal["explicit"]
    name: Annotated[Identifier | None, Field(description="the name of the source")] = None
    sessions: Annotated[tuple[HumanSession, ...], Field(description="a list of sessions")] = ()
    jobs: Annotated[tuple[HumanJob, ...], Field(description="a list of jobs")] = ()


class ResolvedExplicit(HumanExplicit):
    """Jobs and sessions, one by one."""

    name: str
    sessions: tuple[ResolvedSession, ...]
    jobs: tuple[ResolvedJob, ...]


# -- Sources that draw their jobs.


DRAWN_KINDS: Final = ("arrivals", "iterative", "batches")


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


class _ResolvedDrawnJobs(ResolvedPhases, _DrawnJobs):
    """What every source of drawn jobs has: `qpu_time`, or `circuits` with `shots`."""

    name: str
    users: ResolvedUsers | None = None  # None: the account itself submits everything


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
    until: Annotated[Duration | None, Field(description="the time from which on no job arrives")] = None


class ResolvedArrivals(_ResolvedDrawnJobs, HumanArrivals):
    """Independent jobs in job mode: an open loop. The load is solved, so `load` is None."""


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


class ResolvedIterative(_ResolvedDrawnJobs, HumanIterative):
    """Closed-loop clients (S64 to S67). `max_time` and `interactive_timeout` are None in mode job."""

    clients: int
    think_time: DurationDistribution


class HumanBatches(HumanPhases, TimedStarts, _DrawnJobs):
    """Batches whose jobs are all submitted at the batch's start, and which are then closed."""

    kind: Literal["batches"]
    interarrival: Annotated[
        DurationSpelling | None, Field(description="the time from one batch to the next")
    ] = None
    count: Annotated[RowCount | None, Field(description="the number of batches")] = None
    until: Annotated[Duration | None, Field(description="the time from which on no batch starts")] = None
    jobs: Annotated[CountSpelling, Field(description="the number of jobs of a batch")]
    max_time: Annotated[Duration | None, Field(description="the batches' maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        Duration | None, Field(description="the batches' interactive timeout (S30)")
    ] = None


class ResolvedBatches(_ResolvedDrawnJobs, HumanBatches):
    """Batches: all jobs submitted at the batch's start, then closed."""

    max_time: Duration
    interactive_timeout: Duration


# -- A source that replays a file.


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
        Limit[PositiveDuration] | None,
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


class ResolvedTrace(ResolvedPhases, HumanTrace):
    """A file of jobs. Relative names of files start at the scenario's directory.

    Without an account, the users in the file are the accounts. The clocks are None where they are those of
    each account's plan (S60).
    """

    name: str
    max_execution_time: PositiveDuration | None  # S44; None: no limit, not even that of the rules


HumanSource = Annotated[
    HumanExplicit | HumanArrivals | HumanIterative | HumanBatches | HumanTrace, Field(discriminator="kind")
]


ResolvedSource = Annotated[
    ResolvedExplicit | ResolvedArrivals | ResolvedIterative | ResolvedBatches | ResolvedTrace,
    Field(discriminator="kind"),
]

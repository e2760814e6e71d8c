"""The sources of a workload, in the form that people write and in the resolved form.

Descriptions are noun phrases: they complete "missing; give ..." in messages and document the JSON Schema.
What concerns more than one value is in `checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, Union, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
)

from qsession_sim.scenario.distributions import (
    NUMBER_SCHEMA,
    CountSpelling,
    Distribution,
    DurationDistribution,
    DurationSpelling,
    PositiveDurationSpelling,
    Spelled,
)
from qsession_sim.scenario.problems import either
from qsession_sim.scenario.starts import TimedStarts
from qsession_sim.scenario.trace_columns import Origin, TraceColumns, TraceLimit
from qsession_sim.scenario.values import (
    Count,
    Duration,
    Identifier,
    Model,
    Name,
    NonNegativeFloat,
    OrWord,
    PositiveDuration,
    PositiveFloat,
    Priority,
    Probability,
    RowCount,
    ShortForm,
    key,
)

# -- Habits of iterative clients: pauses, shots that change by iteration, and programs that end early.

IterationNumber = Annotated[int, Field(strict=True, ge=1)]


class HumanPauses(Model):
    """Long times in the place of some think times: a user who goes to lunch."""

    probability: Probability = Field(
        description="the probability that a pause takes the place of a think time"
    )
    duration: DurationSpelling = Field(description="the time that a pause lasts")


class EarlyStop(Model):
    """A program that converges: after each iteration from number `after` on, it may be the last one."""

    probability: Probability = Field(description="the probability to stop after an iteration")
    after: IterationNumber = key("the first iteration after which a client may stop; default 1", 1)


class _Growth(Model):
    at_least: Count | None = key("the smallest number of shots")
    at_most: Count | None = key("the largest number of shots")


class LinearShots(_Growth):
    """`step` more shots in each iteration than in the one before."""

    kind: Literal["linear"] = Field(description="how the shots change")
    step: float = Field(
        allow_inf_nan=False,
        strict=True,
        description="the shots that each iteration adds or, below 0, removes",
    )


class GeometricShots(_Growth):
    """`factor` times the shots of the iteration before."""

    kind: Literal["geometric"] = Field(description="how the shots change")
    factor: PositiveFloat = Field(description="the factor from one iteration to the next")


class ShotStep(Model):
    """Shots that hold from one iteration on."""

    from_iteration: int = Field(
        strict=True, ge=2, description="the iteration from which these shots hold, at least 2"
    )
    shots: Count = Field(description="the number of shots of each circuit")


class SteppedShots(Model):
    """Shots that the latest step says."""

    kind: Literal["steps"] = Field(description="how the shots change")
    steps: tuple[ShotStep, ...] = Field(
        min_length=1, description="a list of steps such as {from_iteration: 50, shots: 4000}"
    )


ShotsByIteration: TypeAlias = LinearShots | GeometricShots | SteppedShots


# -- Populations of users who share the submissions of a source, some more active than others.

MOST_USERS: Final = 1_000_000
"""The most users of a source; each is an account with a name."""


class Zipf(Model):
    """The activity of user n is 1 / n^exponent; with exponent 0 all are equally active."""

    kind: Literal["zipf"] = Field(description="the kind of distribution")
    exponent: NonNegativeFloat = Field(
        description="the exponent, at least 0; the larger, the less active are later users"
    )


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

ActivitySpelling = Annotated[Spelled[Activity], ShortForm(NUMBER_SCHEMA)]

UserCount = Annotated[int, Field(strict=True, ge=1, le=MOST_USERS)]


class HumanUsers(Model):
    """Users who share what a source submits; each has an account of its own."""

    count: UserCount = Field(description="the number of users")
    activity: ActivitySpelling | None = key(
        "the weights by which users share the submissions; default: all equal"
    )


class ResolvedUsers(HumanUsers):
    """Users of a source. The account of user n is the source's account with `-n` after it."""

    activity: Activity


# -- What a source says of all its jobs, in addition to their QPU times.


EstimateMethod = Literal["perfect", "formula", "factor", "given", "requested"]

ESTIMATE_METHODS: Final = get_args(EstimateMethod)


def _spell_out_estimate(value: Any) -> Any:
    if value in ("perfect", "formula", "requested"):
        return {"method": value}
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        raise ValueError("must be perfect, formula, requested, {factor: ...} or a time")
    if not isinstance(value, Mapping):
        return {"method": "given", "time": value}
    if "method" in value or not value:
        return value
    return {"method": "factor" if "factor" in value else "given", **value}


class HumanEstimate(Model):
    """How users estimate the QPU time of their jobs."""

    method: EstimateMethod | None = key(f"how users estimate: {either(ESTIMATE_METHODS)}")
    factor: CountSpelling | None = key("the factor by which users miss the QPU time")
    time: PositiveDurationSpelling | None = key("the time that users give")


class ResolvedEstimate(HumanEstimate):
    """How users estimate the QPU times of their jobs, unless perfectly.

    By the formula it is that of the service-time model without noise; else a factor on the QPU time, a time,
    or what a trace says that was requested.
    """

    method: Literal["formula", "factor", "given", "requested"]


EstimateSpelling = Annotated[
    HumanEstimate, BeforeValidator(_spell_out_estimate), ShortForm({"type": "string"})
]


class HumanPhases(Model):
    """Where the jobs of a source run, how they are prepared and post-processed, and what users expect."""

    qpu: Name | None = key("the QPU of the jobs; default: they are routed (S54)")
    preparation: DurationSpelling | None = key("how long each job is prepared (S40); default 0s")
    post_processing: DurationSpelling | None = key("how long each job is post-processed (S40); default 0s")
    estimate: EstimateSpelling | None = key("how users estimate QPU times; default perfect")
    patience: PositiveDurationSpelling | None = key(
        "how long each job waits for its start before it leaves (S27); default: it stays"
    )


class ResolvedPhases(HumanPhases):
    """The same. None: they are routed (S54); there is no such phase (S40); estimates are perfect."""

    estimate: ResolvedEstimate | None = None


# -- Jobs and sessions, one by one.


def _as_list(value: Any) -> Any:
    if not isinstance(value, (str, list, tuple)):
        raise ValueError("must be the id of a job, or a list of such ids")
    return [value] if isinstance(value, str) else value


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _as_written(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else [*names]


Names = Annotated[
    tuple[Name, ...],
    Field(min_length=1),
    BeforeValidator(_as_list),
    AfterValidator(_each_once),
    PlainSerializer(_as_written),
    ShortForm({"type": "string"}),
]
"""Names of which the order says nothing; people write a single one without a list."""


class HumanSession(Model):
    """A session of an explicit source."""

    id: Identifier = Field(description="the id of the session")
    account: Name = Field(description="the account that opens the session")
    mode: Literal["session", "batch"] = key("session or batch", "session")
    created: Duration | None = key("the time of creation; default: its first submission (S9)")
    max_time: Duration | None = key("the maximum timeout (S16)")
    interactive_timeout: Duration | None = key("the interactive timeout (S13)")
    close: Duration | None = key("the time at which it is closed (S17)")
    cancel: Duration | None = key("the time at which it is cancelled (S18)")
    close_after: Duration | None = key("the time from creation to close")
    cancel_after: Duration | None = key("the time from creation to cancel")
    qpu: Name | None = key("its QPU; default: it is routed (S54)")


class ResolvedSession(HumanSession):
    """A session of an explicit source, with its clocks. Times count from the start of the simulation."""

    max_time: Duration
    interactive_timeout: Duration


class HumanJob(Model):
    """A job of an explicit source: submitted `at` a time, or `after` other jobs ended (S5)."""

    id: Identifier = Field(description="the id of the job")
    at: Duration | None = key("the time of submission")
    after: Names | None = key("the id of the job that must end first, or a list of ids")
    think: Duration | None = key("the time between that end and submission")
    session: Name | None = key("the id of its session; default: job mode")
    account: Name | None = key("the account that submits the job")
    qpu_time: PositiveDuration | None = key("the QPU time that it needs")
    circuits: Count | None = key("the number of circuits; default 1")
    shots: Count | None = key("the number of shots of each circuit")
    max_execution_time: PositiveDuration | None = key("the QPU time at which it is cut off (S44)")
    priority: Priority = key("its priority; larger is more urgent", 0)
    cancel: Duration | None = key("the time at which the user cancels it")
    cancel_after: Duration | None = key("the time from submission to the user's cancel")
    layers: Count | None = key("the number of layers of each circuit")
    qubits: Count | None = key("the number of qubits of each circuit")
    depth: Count | None = key("the depth of each circuit")
    qpu: Name | None = key("its QPU; default: it is routed (S54)")
    preparation: Duration | None = key("how long it is prepared (S40); default 0s")
    post_processing: Duration | None = key("how long it is post-processed (S40); default 0s")
    estimate: PositiveDuration | None = key("the user's estimate of its QPU time; default perfect")
    patience: PositiveDuration | None = key(
        "how long it waits for its start before it leaves (S27); default: it stays"
    )


class ResolvedJob(HumanJob):
    """A job of an explicit source, with the account and the QPU of its session, if it is of one."""

    account: str


class HumanExplicit(Model):
    """Jobs and sessions, one by one."""

    kind: Literal["explicit"] = Field(description="the kind of source")
    name: Identifier | None = key("the name of the source")
    sessions: tuple[HumanSession, ...] = key("a list of sessions", ())
    jobs: tuple[HumanJob, ...] = key("a list of jobs", ())


class ResolvedExplicit(HumanExplicit):
    """Jobs and sessions, one by one."""

    name: str
    sessions: tuple[ResolvedSession, ...]
    jobs: tuple[ResolvedJob, ...]


# -- Sources that draw their jobs.


DRAWN_KINDS: Final = ("arrivals", "iterative", "batches")


class _DrawnJobs(Model):
    name: Identifier | None = key("the name of the source; default: its kind")
    account: Name = Field(description="the account that submits the jobs")
    qpu_time: PositiveDurationSpelling | None = key("the QPU time of each job")
    circuits: CountSpelling | None = key("the number of circuits of each job; default 1")
    shots: CountSpelling | None = key("the number of shots of each circuit")
    max_execution_time: PositiveDuration | None = key("the QPU time at which a job is cut off (S44)")
    priority: Priority = key("the jobs' priority; larger is more urgent", 0)
    layers: CountSpelling | None = key("the number of layers of each circuit")
    qubits: CountSpelling | None = key("the number of qubits of each circuit")
    depth: CountSpelling | None = key("the depth of each circuit")
    users: HumanUsers | None = key("the users who share the submissions; their accounts are <account>-<n>")


class _ResolvedDrawnJobs(ResolvedPhases, _DrawnJobs):
    """What every source of drawn jobs has: `qpu_time`, or `circuits` with `shots`."""

    name: str
    users: ResolvedUsers | None = None  # None: the account itself submits everything


class HumanArrivals(HumanPhases, TimedStarts, _DrawnJobs):
    """Independent jobs in job mode: an open loop."""

    kind: Literal["arrivals"] = Field(description="the kind of source")
    interarrival: DurationSpelling | None = key("the time from one job to the next")
    load: PositiveFloat | None = key("the load to offer: the rate times the mean QPU time")
    count: RowCount | None = key("the number of jobs")
    until: Duration | None = key("the time from which on no job arrives")


class ResolvedArrivals(_ResolvedDrawnJobs, HumanArrivals):
    """Independent jobs in job mode: an open loop. The load is solved, so `load` is None."""


class HumanStart(TimedStarts):
    """When the clients of an iterative source start."""

    interarrival: DurationSpelling | None = key("the time from one client to the next")


class HumanIterative(HumanPhases, _DrawnJobs):
    """Closed-loop clients: submit, wait for the result, think, submit again (S64 to S67)."""

    kind: Literal["iterative"] = Field(description="the kind of source")
    mode: Literal["session", "batch", "job"] = key("session, batch or job", "session")
    clients: RowCount | None = key("the number of clients; default 1, or that of start.groups")
    start: HumanStart | None = key("when clients start; default: all at time 0")
    iterations: CountSpelling = Field(description="the number of iterations of a client")
    think_time: DurationSpelling | None = key("the time between a result and the next job; default 0s")
    poll_interval: PositiveDuration | None = key(
        "the time from one look for the result to the next (S64); default: clients are told at once"
    )
    pauses: HumanPauses | None = key("the pauses that take the place of some think times")
    shots_by_iteration: ShotsByIteration | None = key("how shots change by iteration", discriminator="kind")
    early_stop: EarlyStop | None = key("how likely a client stops before its last iteration")
    max_time: Duration | None = key("the sessions' maximum timeout (S16)")
    interactive_timeout: Duration | None = key("the sessions' interactive timeout (S13)")
    on_finish: Literal["close", "cancel", "leave"] = key("what ends the session (S64)", "close")
    on_error: Literal["stop", "retry", "continue"] = key("what a client does when a job fails (S65)", "stop")
    on_rejection: Literal["new_session", "job_mode", "give_up"] = key(
        "what a client does when its session is closed (S66)", "give_up"
    )


class ResolvedIterative(_ResolvedDrawnJobs, HumanIterative):
    """Closed-loop clients (S64 to S67). `max_time` and `interactive_timeout` are None in mode job."""

    clients: int
    think_time: DurationDistribution


class HumanBatches(HumanPhases, TimedStarts, _DrawnJobs):
    """Batches whose jobs are all submitted at the batch's start, and which are then closed."""

    kind: Literal["batches"] = Field(description="the kind of source")
    interarrival: DurationSpelling | None = key("the time from one batch to the next")
    count: RowCount | None = key("the number of batches")
    until: Duration | None = key("the time from which on no batch starts")
    jobs: CountSpelling = Field(description="the number of jobs of a batch")
    max_time: Duration | None = key("the batches' maximum timeout (S16)")
    interactive_timeout: Duration | None = key("the batches' interactive timeout (S30)")


class ResolvedBatches(_ResolvedDrawnJobs, HumanBatches):
    """Batches: all jobs submitted at the batch's start, then closed."""

    max_time: Duration
    interactive_timeout: Duration


# -- A source that replays a file.


class InferredSessions(Model):
    """Sessions made of the submissions of a user that follow one another closely."""

    gap: PositiveDuration = Field(description="the longest time between two submissions of a session")
    mode: Literal["session", "batch"] = key("session or batch", "session")


class HumanTrace(HumanPhases):
    """The jobs of a file: CSV, Parquet, or SWF (Standard Workload Format)."""

    kind: Literal["trace"] = Field(description="the kind of source")
    name: Identifier | None = key("the name of the source; default: its kind")
    file: str = Field(
        strict=True,
        min_length=1,
        description="a file: .parquet, .csv, .swf, .json, .sacct; or packed, as .csv.gz or .csv.zst",
    )
    account: Name | None = key("the account of all jobs; default: that of the file")
    columns: TraceColumns | None = key("which column of a CSV or Parquet file says what")
    machines: Mapping[str, Name] | None = key("the QPUs of machines that the file names")
    origin: Origin | None = key("the instant that is time 0 of the file: first, zero or a date")
    starts_at: Duration | None = key("when time 0 of the file is; default 0s")
    max_execution_time: TraceLimit | None = key(
        "the QPU time at which a job is cut off (S44), none, or requested; default none"
    )
    max_time: Duration | None = key("the sessions' maximum timeout (S16)")
    interactive_timeout: Duration | None = key("the interactive timeout of sessions (S13)")
    batch_interactive_timeout: Duration | None = key("the interactive timeout of batches (S30)")
    infer_sessions: InferredSessions | None = key("how sessions are inferred; default: not at all")
    skip_bad_lines: bool = key("whether malformed lines are counted and left out", False, strict=True)

    @property
    def instants(self) -> tuple[str, str]:
        """The columns of a table by which its first instant is found."""
        named = {} if self.columns is None else self.columns.named()
        return named.get("submitted", "submitted_us"), "session_created_us"


class ResolvedTrace(ResolvedPhases, HumanTrace):
    """A file of jobs. Relative names of files start at the scenario's directory.

    Without an account, the users in the file are the accounts. The clocks are None where they are those of
    each account's plan (S60).
    """

    name: str
    max_execution_time: TraceLimit | None  # S44; None: no limit, not even that of the rules


# -- A source whose jobs a program submits while it runs.

MEASURED: Final = "measured"
"""The word for think times that are what the program's own work takes on the machine."""


def _spell_out_zero(value: Any) -> Any:
    return "0s" if type(value) is int and value == 0 else value


ThinkSpelling: TypeAlias = Annotated[
    DurationSpelling | Literal["measured"],
    OrWord({"enum": [0, MEASURED]}),
    BeforeValidator(_spell_out_zero),
]


class HumanProgram(Model):
    """An ordinary program, which is bound to its name when the scenario is simulated."""

    kind: Literal["program"] = Field(description="the kind of source")
    name: Identifier | None = key("the name of the source, to which a program is bound; default: its kind")
    account: Name = Field(description="the account whose program it is")
    clients: RowCount | None = key("the number of clients; default 1, or that of start.groups")
    start: HumanStart | None = key("when clients start; default: all at time 0")
    think: ThinkSpelling | None = key(
        "the time before each submission, 0, or measured (what the program computes takes); default 0s"
    )


class ResolvedProgram(HumanProgram):
    """A program of which so many clients run."""

    name: str
    clients: int
    think: DurationDistribution | Literal["measured"]


HumanSource = Annotated[
    HumanExplicit | HumanArrivals | HumanIterative | HumanBatches | HumanTrace | HumanProgram,
    Field(discriminator="kind"),
]


ResolvedSource = Annotated[
    ResolvedExplicit
    | ResolvedArrivals
    | ResolvedIterative
    | ResolvedBatches
    | ResolvedTrace
    | ResolvedProgram,
    Field(discriminator="kind"),
]

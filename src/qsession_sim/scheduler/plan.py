"""Plan: the jobs, sessions and clients of a run as the scheduler sees them: columns of integers.

`NEVER` stands for "not given". Columns may be any sequence of ints; memoryviews of int64 arrays are cheapest.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from enum import IntEnum
from itertools import repeat, starmap
from typing import Any, Generic, TypeVar

from qsession_sim.scheduler.agenda import Deadline
from qsession_sim.scheduler.vocabulary import (
    NEVER,
    Entity,
    JobStatus,
    Mode,
    OnError,
    OnFinish,
    OnRejection,
    Rank,
    WindowKind,
)

# -- The choices that the rules leave open, and what a hold policy is.

_MINUTE_US = 60_000_000


@dataclass(frozen=True)
class HoldPolicy:
    """What the QPU does while a session of mode `session` holds it with nothing to run (S51)."""

    lets_job_mode_in: bool
    ittl_counts: bool  # False: the ITTL counts as 0
    fills_gaps: bool = False  # lets in what is estimated to fit in the rest of the ITTL
    adapts: bool = False  # the ITTL follows the session's past think times


EXCLUSIVE = HoldPolicy(lets_job_mode_in=False, ittl_counts=True)
SHARED = HoldPolicy(lets_job_mode_in=True, ittl_counts=True)
NONE = HoldPolicy(lets_job_mode_in=False, ittl_counts=False)
GAP_FILL = HoldPolicy(lets_job_mode_in=False, ittl_counts=True, fills_gaps=True)
ADAPTIVE = HoldPolicy(lets_job_mode_in=False, ittl_counts=True, adapts=True)


class Routing(IntEnum):
    """How a job or session that names no QPU finds one (S54)."""

    LEAST_BUSY = 0
    SHORTEST_EXPECTED_WAIT = 1
    ROUND_ROBIN = 2
    RANDOM = 3


@dataclass(frozen=True)
class Rules:
    """Settings of the service."""

    hold: HoldPolicy = EXCLUSIVE
    max_time_ends_as: JobStatus = JobStatus.ERROR  # S16: ERROR or CANCELLED
    unused_timeout_us: int = 30 * _MINUTE_US  # S21
    max_execution_time_us: int = NEVER  # S44; NEVER: no limit
    ittl_asks_for_ready: bool = False  # S43: a job that still prepares does not stop the ITTL clock
    calibrates_before_sessions: bool = False  # S52: a calibration goes first between jobs of a session
    requeues_after_outage: bool = False  # S52: the job that an outage hits is queued again
    routing: Routing = Routing.LEAST_BUSY


# -- What is known before the run. Each list of fields stands here once; rows and columns are made of it.

Column = Sequence[int]

V = TypeVar("V")
"""An int for one row; a column of ints, one for each row, for all of them."""


def given(default: int) -> Any:
    """A field that is read as long as the run lasts; the default is that of one row."""
    return field(default=default)


def rare(default: int) -> Any:
    """The same, if in most runs every row has the default: then it needs no column."""
    return field(default=default, metadata={"rare": True})


def planned(default: int) -> Any:
    """A field that says nothing of what is created in the run, and is read from the plan."""
    return field(default=default, metadata={"planned": True})


def is_rare(item: Field[Any]) -> bool:
    """Whether most runs have the default in every row, so that columns may be left out."""
    return "rare" in item.metadata


def is_planned(item: Field[Any]) -> bool:
    """Whether a field says something only of entities that are known before the run."""
    return "planned" in item.metadata


@dataclass(frozen=True, kw_only=True)
class JobFields(Generic[V]):
    """What is known of jobs before their submission: `at_us` or, for a follow-up, `after` and `think_us`."""

    at_us: V = planned(NEVER)  # submission; NEVER for a follow-up
    after: V = planned(NEVER)  # the job that a follow-up waits for (S5); a client's next iterations too
    think_us: V = planned(0)  # from the end of `after` to the submission; 0 for others
    session: V = planned(NEVER)  # NEVER in job mode
    client: V = given(NEVER)  # the iterative client that submits it, or NEVER
    account: V = given(0)
    stream: V = planned(0)  # the source that it comes from; means nothing to the scheduler
    qpu_time_us: V  # at least 1 (S2)
    max_execution_time_us: V = given(NEVER)  # as given (S24, S44), NO_LIMIT, or NEVER
    priority: V = given(0)  # larger is more urgent
    cancel_us: V = planned(NEVER)  # S25; from the start of the simulation, or NEVER
    cancel_after_us: V = given(NEVER)  # S25; from the submission, or NEVER
    qpu: V = rare(NEVER)  # pinned to; NEVER: routed when submitted (S54)
    route: V = rare(0)  # a random number at least 0 for the routing policy `random`
    preparation_us: V = rare(0)  # S40
    post_processing_us: V = rare(0)  # S40
    estimate_us: V = rare(NEVER)  # of its QPU time, at least 1; NEVER: the QPU time itself
    patience_us: V = rare(NEVER)  # S27; from the submission, at least 1, or NEVER


@dataclass(frozen=True)
class SessionFields(Generic[V]):
    """What is known of sessions and batches. Without `created_us` the first submission creates one (S9)."""

    mode: V = given(Mode.SESSION)
    account: V = given(0)
    stream: V = given(0)  # as of jobs
    client: V = given(NEVER)  # the iterative client whose session it is, or NEVER
    created_us: V = given(NEVER)
    max_time_us: V = given(8 * 60 * _MINUTE_US)
    interactive_timeout_us: V = given(_MINUTE_US)
    close_us: V = given(NEVER)  # from the start of the simulation, or NEVER
    cancel_us: V = given(NEVER)
    close_after_us: V = given(NEVER)  # from the creation, or NEVER
    cancel_after_us: V = given(NEVER)
    qpu: V = rare(NEVER)  # pinned to; NEVER: routed when it comes to exist (S54)
    route: V = rare(0)  # a random number at least 0 for the routing policy `random`


@dataclass(frozen=True)
class ClientFields(Generic[V]):
    """What is known of iterative clients (S64): iterations are the jobs `first_job`, `first_job + 1`, …"""

    first_job: V
    jobs: V  # the number of iterations
    session: V = given(NEVER)  # NEVER in job mode
    on_finish: V = given(OnFinish.CLOSE)
    on_error: V = given(OnError.STOP)
    on_rejection: V = given(OnRejection.GIVE_UP)
    poll_us: V = rare(
        NEVER
    )  # from one look for the result to the next, at least 1; NEVER: it is told at once


@dataclass(frozen=True, kw_only=True)
class JobSpec(JobFields[int]):
    """One job. Of one that a live user submits, `fails` says that it uses its QPU time and ends in error."""

    fails: bool = False  # S44


@dataclass(frozen=True)
class SessionSpec(SessionFields[int]):
    """One session or batch."""


@dataclass(frozen=True)
class ClientSpec(ClientFields[int]):
    """One iterative client."""


@dataclass(frozen=True, kw_only=True)
class JobPlan(JobFields[Column]):
    """Columns, one row a job."""


@dataclass(frozen=True)
class SessionPlan(SessionFields[Column]):
    """Columns, one row a session."""


@dataclass(frozen=True)
class ClientPlan(ClientFields[Column]):
    """Columns, one row a client."""


P = TypeVar("P", JobPlan, SessionPlan, ClientPlan)
S = TypeVar("S", SessionSpec, ClientSpec)


def _columns(plan: type[P], rows: Sequence[Any]) -> P:
    return plan(**{item.name: [getattr(row, item.name) for row in rows] for item in fields(plan)})


def specs(kind: Callable[..., S], plan: SessionPlan | ClientPlan) -> Iterator[S]:
    """Each session or client of a plan by itself."""
    return starmap(kind, zip(*(getattr(plan, item.name) for item in fields(plan)), strict=True))


@dataclass(frozen=True)
class QpuSpec:
    """One QPU. A simulator has no queue: its jobs start at once (S22)."""

    lanes: int = 5  # S42
    simulator: bool = False


@dataclass(frozen=True)
class WindowSpec:
    """When a QPU does not serve everybody (S52): from `start_us`, or when the QPU is free, as its kind says.

    It ends `duration_us` after its begin; with `every_us` it comes again so long after each start.
    """

    kind: WindowKind
    start_us: int
    duration_us: int
    every_us: int = NEVER
    qpu: int = 0
    account: int = NEVER  # whose jobs alone are served, if the kind lets any in


@dataclass(frozen=True)
class SlidingLimit:
    """So much at most in (t - window, t] (S60)."""

    amount: int
    window_us: int


@dataclass(frozen=True)
class AccountSpec:
    """What the plan of an account allows (S60). None: no limit."""

    sessions: bool = True  # S20: SESSIONS_NOT_IN_PLAN
    batches: bool = True
    pending: int | None = None  # queued and running jobs over all QPUs
    submissions: SlidingLimit | None = None
    quota: SlidingLimit | None = None  # usage in microseconds (S62)
    quota_ends: bool = False  # S28: what is queued and open ends when the quota is reached
    allocation_us: int = 0  # S63
    client_too_old_from_us: int = NEVER  # S23

    @property
    def limits(self) -> bool:
        """Whether the account may not do everything at any time; an allocation alone only ranks it."""
        return replace(self, allocation_us=0) != AccountSpec()


@dataclass(frozen=True)
class Plan:
    """What a run starts from, and which jobs need something before they are submitted."""

    jobs: JobPlan
    submissions_us: Column  # the times at_us, sorted
    submissions: Column  # the jobs submitted then, by (at_us, number)
    follow_ups: Column  # jobs with `after` that no client submits; for the further ones see `more_after`
    job_cancels: Column  # jobs with cancel_us
    sessions: SessionPlan = field(default_factory=lambda: _columns(SessionPlan, ()))
    clients: ClientPlan = field(default_factory=lambda: _columns(ClientPlan, ()))
    accounts: Sequence[str] = ("account",)  # names, by the numbers in jobs.account
    qpus: tuple[QpuSpec, ...] = (QpuSpec(),)
    windows: tuple[WindowSpec, ...] = ()
    account_specs: Mapping[int, AccountSpec] = field(default_factory=dict)  # by number; others: no limits
    qpu_times_us: tuple[Column, ...] = ()  # by QPU and job, where the QPUs differ
    estimates_us: tuple[Column, ...] = ()  # the same
    more_after: Mapping[int, Sequence[int]] = field(default_factory=dict)  # S5: beside `after`, by job

    @classmethod
    def of(
        cls,
        jobs: Sequence[JobSpec] = (),
        sessions: Sequence[SessionSpec] = (),
        clients: Sequence[ClientSpec] = (),
        accounts: Sequence[str] = ("account",),
        **more: Any,
    ) -> Plan:
        """Make a plan from single entities; handy for a few of them.

        Example:
            >>> plan = Plan.of(jobs=[JobSpec(qpu_time_us=5, at_us=9), JobSpec(qpu_time_us=7, at_us=3)])
            >>> list(plan.submissions), list(plan.jobs.qpu_time_us)
            ([1, 0], [5, 7])
        """
        numbers = range(len(jobs))
        planned = [number for number in numbers if jobs[number].at_us != NEVER]
        planned.sort(key=lambda number: (jobs[number].at_us, number))
        return cls(
            _columns(JobPlan, jobs),
            [jobs[number].at_us for number in planned],
            planned,
            [n for n in numbers if jobs[n].after != NEVER and jobs[n].client == NEVER],
            [n for n in numbers if jobs[n].cancel_us != NEVER],
            _columns(SessionPlan, sessions),
            _columns(ClientPlan, clients),
            accounts,
            **more,
        )


def may_repeat_jobs(clients: ClientPlan) -> bool:
    """Whether any client may submit a job again (S65, S66).

    Example:
        >>> may_repeat_jobs(_columns(ClientPlan, [ClientSpec(first_job=0, jobs=3, on_error=OnError.RETRY)]))
        True
    """
    return is_needed(clients.on_rejection, OnRejection.GIVE_UP) or any(
        answer == OnError.RETRY for answer in clients.on_error
    )


def is_one_value(column: Column) -> bool:
    """Whether a column is known to have one value in every row, in the memory of one."""
    return isinstance(column, memoryview) and column.strides == (0,)


def is_needed(column: Column, default: Any) -> bool:
    """Whether a column says more than the default in every row."""
    return any(value != default for value in (column[:1] if is_one_value(column) else column))


def growing(column: Column) -> array[int]:
    """A copy of a column that can grow."""
    if is_one_value(column):
        return array("q", column[:1]) * len(column)
    grown = array("q")
    if isinstance(column, memoryview):
        grown.frombytes(column.cast("B"))
    else:
        grown.extend(column)
    return grown


def submission_deadlines(plan: Plan) -> Iterable[Deadline]:
    """The planned submissions as events, in order."""
    rank, entity = int(Rank.SUBMIT), int(Entity.JOB)
    times_us, numbers = plan.submissions_us, plan.submissions
    return zip(times_us, repeat(rank), repeat(entity), numbers, repeat(0), strict=False)

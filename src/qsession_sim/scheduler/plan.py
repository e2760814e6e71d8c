"""Plan: the jobs, sessions and clients of a run as the scheduler sees them: columns of integers.

`NEVER` stands for "not given". Columns may be any sequence of ints; memoryviews of int64 arrays are cheapest.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from enum import IntEnum
from itertools import repeat
from typing import Any

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


Column = Sequence[int]


@dataclass(frozen=True)
class JobSpec:
    """One job, before its submission. `at_us` or, for a follow-up, `after` and `think_us` (S5)."""

    qpu_time_us: int
    at_us: int = NEVER
    after: int = NEVER
    think_us: int = 0
    session: int = NEVER
    client: int = NEVER
    account: int = 0
    max_execution_time_us: int = NEVER
    priority: int = 0
    cancel_us: int = NEVER
    cancel_after_us: int = NEVER
    qpu: int = NEVER  # pinned to; NEVER: routed when submitted (S54)
    route: int = 0  # a random number at least 0 for the routing policy `random`
    preparation_us: int = 0  # S40
    post_processing_us: int = 0  # S40
    estimate_us: int = NEVER  # of its QPU time; NEVER: the QPU time itself


@dataclass(frozen=True)
class SessionSpec:
    """One session or batch. Without `created_us` its first submission creates it (S9)."""

    mode: Mode = Mode.SESSION
    account: int = 0
    created_us: int = NEVER
    max_time_us: int = 8 * 3_600_000_000
    interactive_timeout_us: int = 60_000_000
    close_us: int = NEVER
    cancel_us: int = NEVER
    close_after_us: int = NEVER
    cancel_after_us: int = NEVER
    qpu: int = NEVER  # pinned to; NEVER: routed when it comes to exist (S54)
    route: int = 0  # a random number at least 0 for the routing policy `random`


@dataclass(frozen=True)
class QpuSpec:
    """One QPU. A simulator has no queue: its jobs start at once (S22)."""

    lanes: int = 5  # S42
    simulator: bool = False


@dataclass(frozen=True)
class WindowSpec:
    """When a QPU does not serve everybody (S52).

    Maintenance, outage and reservation are [start, end); with `every_us` they come again so long after
    each start. A calibration is due at `start_us` and takes `duration_us` from the moment the QPU is free.
    """

    kind: WindowKind
    start_us: int
    duration_us: int
    every_us: int = NEVER
    qpu: int = 0
    account: int = NEVER  # of a reservation


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
    allocation_us: int = 0  # S63
    client_too_old_from_us: int = NEVER  # S23


@dataclass(frozen=True)
class ClientSpec:
    """One iterative client (S64): its iterations are the jobs `first_job`, `first_job + 1`, …"""

    first_job: int
    jobs: int
    session: int = NEVER
    on_finish: OnFinish = OnFinish.CLOSE
    on_error: OnError = OnError.STOP
    on_rejection: OnRejection = OnRejection.GIVE_UP


@dataclass(frozen=True)
class JobPlan:
    """Columns of `JobSpec`, one row a job."""

    at_us: Column
    after: Column
    think_us: Column
    session: Column
    client: Column
    account: Column
    qpu_time_us: Column
    max_execution_time_us: Column
    priority: Column
    cancel_us: Column
    cancel_after_us: Column
    # None: every job has the default of `JobSpec`
    qpu: Column | None = None
    route: Column | None = None
    preparation_us: Column | None = None
    post_processing_us: Column | None = None
    estimate_us: Column | None = None


@dataclass(frozen=True)
class Plan:
    """What a run starts from, and which jobs need something before they are submitted."""

    jobs: JobPlan
    submissions_us: Column  # the times at_us, sorted
    submissions: Column  # the jobs submitted then, by (at_us, number)
    follow_ups: Column  # jobs with `after` that no client submits
    job_cancels: Column  # jobs with cancel_us
    sessions: tuple[SessionSpec, ...] = ()
    clients: tuple[ClientSpec, ...] = ()
    accounts: Sequence[str] = ("account",)  # names, by the numbers in jobs.account
    qpus: tuple[QpuSpec, ...] = (QpuSpec(),)
    windows: tuple[WindowSpec, ...] = ()
    account_specs: Mapping[int, AccountSpec] = field(default_factory=dict)  # by number; others: no limits
    qpu_times_us: tuple[Column, ...] = ()  # by QPU and job, where the QPUs differ
    estimates_us: tuple[Column, ...] = ()  # the same

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
        columns: dict[str, list[int] | None] = {}
        for column in fields(JobPlan):
            values = [getattr(job, column.name) for job in jobs]
            is_needed = column.default is MISSING or any(value != _DEFAULTS[column.name] for value in values)
            columns[column.name] = values if is_needed else None
        numbers = range(len(jobs))
        planned = [number for number in numbers if jobs[number].at_us != NEVER]
        planned.sort(key=lambda number: (jobs[number].at_us, number))
        return cls(
            JobPlan(**columns),  # type: ignore[arg-type]
            [jobs[number].at_us for number in planned],
            planned,
            [n for n in numbers if jobs[n].after != NEVER and jobs[n].client == NEVER],
            [n for n in numbers if jobs[n].cancel_us != NEVER],
            tuple(sessions),
            tuple(clients),
            accounts,
            **more,
        )


_DEFAULTS = {column.name: column.default for column in fields(JobSpec)}


def growing(column: Column) -> array[int]:
    """A copy of a column that can grow."""
    if isinstance(column, memoryview) and column.strides == (0,):  # one value for all rows
        return array("q", column[:1]) * len(column)
    grown = array("q")
    if isinstance(column, memoryview):
        grown.frombytes(column.cast("B"))
    else:
        grown.extend(column)
    return grown


def submission_deadlines(plan: Plan) -> Iterable[Deadline]:
    """The planned submissions as events, in order."""
    submissions = plan.submissions
    return zip(
        plan.submissions_us, repeat(Rank.SUBMIT), repeat(Entity.JOB), submissions, repeat(0), strict=False
    )

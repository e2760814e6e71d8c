"""What the naive model remembers of jobs, sessions, clients and windows, and the facts made of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import NamedTuple

from qsession_sim.scheduler.plan import ClientSpec, JobSpec, SessionSpec, WindowSpec
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason, SessionState

Public = tuple[SessionState | None, bool]
"""What can be seen of a session: its state (None before it exists) and `accepting_jobs`."""


class Order(IntEnum):
    """S3, in words of its own: a slip in the order that the scheduler uses is noticed, too."""

    CREATE = auto()
    FINISH = auto()
    POST_DONE = auto()
    READY = auto()
    SUBMIT = auto()
    CLOSE = auto()
    CANCEL = auto()
    MAX_TIME = auto()
    ITTL = auto()
    AVAILABILITY = auto()
    DISPATCH = auto()


class Kind(IntEnum):
    """S3: sessions before jobs before QPUs before accounts."""

    SESSION = auto()
    JOB = auto()
    QPU = auto()
    ACCOUNT = auto()


class Event(NamedTuple):
    """Something that may happen next. `place` is the number of the entity, then what else decides."""

    time: int
    rank: Order
    kind: Kind
    place: tuple[int, ...]
    happen: Callable[[], None]


class JobFacts(NamedTuple):
    """All that a run tells of a job; NEVER for what did not happen."""

    session: int
    qpu: int
    submitted: int
    preparing: int
    ready: int
    started: int
    left: int
    ended: int
    status: JobStatus
    reason: Reason


class Facts(NamedTuple):
    """All that a run is compared by."""

    jobs: dict[int, JobFacts]
    changes: list[tuple[int, int, Public, Public, Reason]]
    lost_runs: list[tuple[int, ...]]  # job, QPU, start, end
    windows: list[tuple[int, ...]]  # QPU, kind, window, start, end
    end_us: int


class Stage(IntEnum):
    """S40: where a job is."""

    WAITING = auto()  # submitted; it may still have to be prepared
    PREPARING = auto()
    PREPARED = auto()
    ON_QPU = auto()
    POST_PROCESSING = auto()
    OVER = auto()


QUEUED = (Stage.WAITING, Stage.PREPARING, Stage.PREPARED)
"""S41: *queued* is everything before the QPU."""


class Stay(NamedTuple):
    """A time in which a job was on a QPU."""

    qpu: int
    start: int
    end: int | None = None
    costs: bool = True  # S62: what failed costs nothing
    is_lost: bool = False  # S52: the job was queued again
    activation: int = NEVER  # the number, among its session's, of the activation that it belongs to


@dataclass
class Job:
    """A job and its history."""

    spec: JobSpec
    session: int
    drawn: int  # the job of the workload whose drawn times it has
    due: int | None = None  # when its client or its own `at` submits it
    of_program: bool = False
    qpu: int = NEVER
    submitted: int | None = None
    preparing: int | None = None
    ready: int | None = None
    stays: list[Stay] = field(default_factory=list)
    ended: int | None = None  # S5: a rejected job ends when it is submitted
    stage: Stage | None = None
    status: JobStatus | None = None  # how it ended
    reason: Reason = Reason.NONE
    requeued: bool = False  # S52: it stands at the head of its queue
    orders_served: set[str] = field(default_factory=set)

    @property
    def accepted(self) -> bool:
        """S20."""
        return self.submitted is not None and self.status != JobStatus.REJECTED

    @property
    def queued(self) -> bool:
        """S41."""
        return self.stage in QUEUED

    @property
    def may_start(self) -> bool:
        """S50: ready and not yet on the QPU."""
        return self.stage == Stage.PREPARED or (self.stage == Stage.WAITING and self.ready is not None)

    @property
    def public_status(self) -> JobStatus | None:
        """S41: RUNNING from the start of preparation; S52: a requeued job is queued again."""
        if self.stage is None or self.stage == Stage.OVER:
            return self.status
        if self.stage == Stage.WAITING or (self.queued and self.requeued):
            return JobStatus.QUEUED
        return JobStatus.RUNNING


class Activation(NamedTuple):
    """A time in which a session was active."""

    start: int
    end: int | None = None


@dataclass
class Session:
    """A session and its history. `orders` are closes and cancels that wait for their place in S3."""

    spec: SessionSpec
    qpu: int = NEVER
    created: int | None = None
    state: SessionState | None = None
    accepting: bool = False
    activations: list[Activation] = field(default_factory=list)
    orders: dict[str, int] = field(default_factory=dict)
    orders_served: set[str] = field(default_factory=set)
    emptied: int | None = None  # S13: when its ITTL clock began, if it runs
    allowed: int = 0  # S51: how long that clock runs
    thinking_since: int | None = None  # the end that emptied it, until the next submission
    think_times: list[int] = field(default_factory=list)


@dataclass
class Client:
    """An iterative client: the iteration it is at and the session it submits to."""

    spec: ClientSpec
    session: int
    iteration: int = 0
    further_sessions: int = 0


@dataclass
class Window:
    """A window of availability (S52): the occurrences that were served, and those that are in force."""

    spec: WindowSpec
    begun: int = 0  # occurrences whose start, or due instant, was served
    due_since: int | None = None  # of a calibration that waits for its turn
    ends: list[int] = field(default_factory=list)  # of occurrences in force

"""What a queue policy may see: of a job, of the service, and the columns behind both. Read-only."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from qsession_sim.scheduler.columns import GrowingJobs
from qsession_sim.scheduler.limits import Usage
from qsession_sim.scheduler.plan import AccountSpec
from qsession_sim.scheduler.transitions import SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import format_duration

_NOT_STARTED = frozenset({SessionPhase.ABSENT, SessionPhase.OPEN, SessionPhase.OPEN_CLOSING})


@dataclass(frozen=True)
class QueueInputs:
    """What a queue may look at. Columns go by job number and grow with the run.

    `usage` is there when the policy has a `usage_window_us`.
    """

    jobs: GrowingJobs
    stage: Sequence[int]
    session: array[int]
    account_names: Sequence[str]
    account_specs: Mapping[int, AccountSpec]
    phase_of: Callable[[int], SessionPhase]  # of a session, by its number
    usage: Usage | None = None


class JobView:
    """One waiting job, as a policy sees it. Its true QPU time is not there, only an estimate."""

    __slots__ = ("_inputs", "_number", "_submitted_us")

    def __init__(self, inputs: QueueInputs, number: int, submitted_us: int) -> None:
        self._inputs = inputs
        self._number = number
        self._submitted_us = submitted_us

    @property
    def number(self) -> int:
        """The job's number, which is its position in the workload."""
        return self._number

    @property
    def submitted_us(self) -> int:
        """When it was submitted, in microseconds from the start."""
        return self._submitted_us

    @property
    def account(self) -> str:
        """The name of the account that submitted it."""
        return self._inputs.account_names[self._inputs.jobs.account[self._number]]

    @property
    def priority(self) -> int:
        """Its priority; larger is more urgent, 0 by default."""
        return self._inputs.jobs.priority[self._number]

    @property
    def estimate_us(self) -> int:
        """The estimate of its QPU time, at least 1 microsecond."""
        return max(1, self._inputs.jobs.estimated_us(self._number))

    @property
    def in_session(self) -> bool:
        """Whether it belongs to a session or batch."""
        return self._inputs.session[self._number] != NEVER

    @property
    def continues_session(self) -> bool:
        """Whether it belongs to a session or batch of which a job has started before (S15)."""
        session = self._inputs.session[self._number]
        return session != NEVER and self._inputs.phase_of(session) not in _NOT_STARTED


class ServiceView:
    """The service at one dispatch of one QPU, as a policy sees it. Accounts go by their names.

    Args:
        inputs: of the queue.
        now_us: the time.
        window_us: how far back `recent_usage_us` looks.
        waiting: the jobs in the queue.
    """

    __slots__ = ("_by_account", "_by_session", "_inputs", "_now_us", "_numbers", "_waiting", "_window_us")

    def __init__(
        self,
        inputs: QueueInputs,
        now_us: int,
        window_us: int,
        waiting: Iterable[int],
        numbers: dict[str, int],
    ) -> None:
        self._inputs = inputs
        self._now_us = now_us
        self._window_us = window_us
        self._waiting = tuple(waiting)
        self._numbers = numbers
        self._by_account: Counter[int] | None = None
        self._by_session: Counter[int] | None = None

    @property
    def now_us(self) -> int:
        """The time of the dispatch, in microseconds from the start."""
        return self._now_us

    def recent_usage_us(self, account: str) -> int:
        """What an account used in the policy's window up to now (S62), in microseconds."""
        usage = self._inputs.usage
        return 0 if usage is None else usage.used_us(self._now_us, self._number(account), self._window_us)

    def attained_usage_us(self, account: str) -> int:
        """What an account used since the start (S62), in microseconds."""
        usage = self._inputs.usage
        return 0 if usage is None else usage.attained_us(self._now_us, self._number(account))

    def allocation_us(self, account: str) -> int:
        """The allocation of an account (S63), in microseconds; 0 without one."""
        spec = self._inputs.account_specs.get(self._number(account))
        return 0 if spec is None else spec.allocation_us

    def waiting_jobs(self, account: str) -> int:
        """How many jobs of an account stand in this queue."""
        if self._by_account is None:
            column = self._inputs.jobs.account
            self._by_account = Counter(column[job] for job in self._waiting)
        return self._by_account[self._number(account)]

    def waiting_together(self, job: JobView) -> int:
        """How many jobs of the job's session or batch stand in this queue; 1 in job mode."""
        column = self._inputs.session
        session = column[job.number]
        if session == NEVER:
            return 1
        if self._by_session is None:
            self._by_session = Counter(column[other] for other in self._waiting)
        return self._by_session[session]

    def _number(self, account: str) -> int:
        numbers, names = self._numbers, self._inputs.account_names
        if account not in numbers:
            numbers.update((name, number) for number, name in enumerate(names))
        return numbers.get(account, NEVER)


QueueKey = Callable[[JobView], tuple[int, ...]]
"""The key of a queue policy; the smallest goes first, then (submitted_us, number)."""

DynamicKey = Callable[[JobView, ServiceView], tuple[int, ...]]
"""The same of a policy that is asked anew for every waiting job at every dispatch."""


def asked_when(job: JobView, now_us: int | None = None) -> str:
    """When a job was submitted and, of a policy that is asked at every dispatch, when it was asked.

    Example:
        >>> class LateJob:
        ...     submitted_us = 2_500_000
        >>> asked_when(LateJob()), asked_when(LateJob(), 80_000_000)
        (', submitted at 2s500ms', ', submitted at 2s500ms, asked at 1m20s')
    """
    submitted = f", submitted at {format_duration(job.submitted_us)}"
    return submitted if now_us is None else f"{submitted}, asked at {format_duration(now_us)}"

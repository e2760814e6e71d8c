"""QueuePolicy: what makes the normal queues of a run, and what it makes them from."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qsession_sim.scheduler.job_columns import JobColumns
from qsession_sim.scheduler.plan import AccountSpec
from qsession_sim.scheduler.queue import EntryOf, NormalQueue, StaticQueue
from qsession_sim.scheduler.transitions import Phase
from qsession_sim.scheduler.usage import Usage
from qsession_sim.scheduler.view import JobView, QueueKey


@dataclass(frozen=True)
class QueueInputs:
    """What a queue may look at. Columns go by job number and grow with the run.

    `usage` is there when the policy has a `usage_window_us`.
    """

    jobs: JobColumns
    stage: Sequence[int]
    session: array[int]
    account_names: Sequence[str]
    account_specs: Mapping[int, AccountSpec]
    phase_of: Callable[[int], Phase]  # of a session, by its number
    usage: Usage | None = None


class QueuePolicy(Protocol):
    """Orders the normal queues: that for the QPU and, where jobs are prepared, that for its lanes."""

    @property
    def name(self) -> str:
        """What it is called in messages and results."""

    @property
    def usage_window_us(self) -> int | None:
        """How far back it looks at what accounts use (S62); None: it does not."""

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue; `waits` says by stage whether a job of it waits there."""


@dataclass(frozen=True)
class FirstInFirstOut:
    """The order by submission, then by job number."""

    name: str = "fifo"
    usage_window_us: None = None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        return static_queue(inputs, None, waits)


@dataclass(frozen=True)
class OrderedByKey:
    """The order by a key that a job gets when it enters the queue; the smallest goes first."""

    key: QueueKey
    name: str = "key"
    usage_window_us: None = None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        key = self.key

        def entry_of(submitted_us: int, job: int) -> tuple[int, ...]:
            return (*key(JobView(inputs, job, submitted_us)), submitted_us, job)

        return static_queue(inputs, entry_of, waits)


def static_queue(inputs: QueueInputs, entry_of: EntryOf | None, waits: bytes) -> StaticQueue:
    """A queue in which the place of a job never changes."""
    return StaticQueue(inputs.stage, inputs.jobs.account, entry_of, inputs.jobs.estimated_us, waits)


def ordered_by(key: QueueKey | None) -> QueuePolicy:
    """The order by a key; None: first in, first out."""
    return FirstInFirstOut() if key is None else OrderedByKey(key)

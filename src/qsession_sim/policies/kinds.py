"""The kinds of queue policies, by what a job's place in the queue depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qsession_sim.policies.fair_queueing import FairQueue
from qsession_sim.scheduler.account_queue import AccountOrder, AccountQueue
from qsession_sim.scheduler.queue import EntryOf, NormalQueue
from qsession_sim.scheduler.queue_policy import QueueInputs, static_queue
from qsession_sim.scheduler.scanned_queue import ScannedQueue
from qsession_sim.scheduler.view import DynamicKey


@dataclass(frozen=True)
class StaticPolicy:
    """A place that a job gets when it enters the queue, and keeps. `entries` None: first in, first out."""

    name: str
    summary: str
    entries: Callable[[QueueInputs], EntryOf] | None
    usage_window_us: None = None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        return static_queue(inputs, None if self.entries is None else self.entries(inputs), waits)


@dataclass(frozen=True)
class AccountPolicy:
    """An order of accounts; the jobs of each go by submission."""

    name: str
    summary: str
    order: Callable[[QueueInputs], AccountOrder]
    usage_window_us: int | None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        return AccountQueue(inputs, self.order(inputs), waits)


@dataclass(frozen=True)
class FairQueueingPolicy:
    """Virtual finishing times."""

    name: str
    summary: str
    usage_window_us: None = None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        return FairQueue(inputs, waits)


@dataclass(frozen=True)
class ScannedPolicy:
    """A place that is computed anew for every waiting job at every dispatch."""

    name: str
    summary: str
    key: DynamicKey
    usage_window_us: int | None

    def make_queue(self, inputs: QueueInputs, waits: bytes) -> NormalQueue:
        """An empty queue."""
        return ScannedQueue(inputs, self.key, self.name, self.usage_window_us or 0, waits)

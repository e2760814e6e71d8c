"""What a queue policy may see of a job. Read-only."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qsession_sim.scheduler.vocabulary import NEVER


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that views read; they grow with the run."""

    account: array[int]
    priority: array[int]
    session: array[int]
    account_names: Sequence[str]


class JobView:
    """One queued job, as a policy sees it at its submission."""

    __slots__ = ("_columns", "_number", "_submitted_us")

    def __init__(self, columns: Columns, number: int, submitted_us: int) -> None:
        self._columns = columns
        self._number = number
        self._submitted_us = submitted_us

    @property
    def number(self) -> int:
        """The job's number: its position in the workload."""
        return self._number

    @property
    def submitted_us(self) -> int:
        """When it was submitted, in microseconds from the start."""
        return self._submitted_us

    @property
    def account(self) -> str:
        """The name of the account that submitted it."""
        return self._columns.account_names[self._columns.account[self._number]]

    @property
    def priority(self) -> int:
        """Its priority; larger is more urgent, 0 by default."""
        return self._columns.priority[self._number]

    @property
    def in_session(self) -> bool:
        """Whether it belongs to a session or batch."""
        return self._columns.session[self._number] != NEVER


QueueKey = Callable[[JobView], tuple[int, ...]]
"""The key of a queue policy; the smallest goes first, then (submitted_us, number)."""

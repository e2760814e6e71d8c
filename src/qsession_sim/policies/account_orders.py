"""Orders of accounts: what the queue policies that look at whole accounts rank them by."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.queue_policy import QueueInputs
from qsession_sim.scheduler.usage import Usage

_SCALE: Final = 10**9
_LAST: Final = 2**128
"""Larger than every share: used time is below 2**62, and an allocation at least 1."""


class FairShare:
    """S63: used time in the window over the allocation, in billionths, rounded down."""

    def __init__(self, inputs: QueueInputs, *, window_us: int) -> None:
        self._usage = _usage_of(inputs)
        self._specs = inputs.account_specs
        self._window_us = window_us

    @property
    def sudden_falls(self) -> int:
        """S62: what an outage took back."""
        return self._usage.taken_back

    def rank(self, now_us: int, account: int) -> int:
        """The share of an account; without an allocation, behind all that have one."""
        spec = self._specs.get(account)
        if spec is None or spec.allocation_us < 1:
            return _LAST
        return self._usage.used_us(now_us, account, self._window_us) * _SCALE // spec.allocation_us

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """When used time begins to leave the window."""
        return self._usage.falls_from_us(now_us, account, self._window_us)

    def take_turn(self, account: int) -> None:
        """Nothing: what counts is used time."""


class LeastAttained:
    """Used time since the start of the run, or the level that it has reached.

    Args:
        inputs: what the queue may look at.
        thresholds_us: where levels begin, growing; None: used time itself.
    """

    def __init__(self, inputs: QueueInputs, *, thresholds_us: Sequence[int] | None = None) -> None:
        self._usage = _usage_of(inputs)
        self._thresholds_us = thresholds_us

    @property
    def sudden_falls(self) -> int:
        """S62: what an outage took back."""
        return self._usage.taken_back

    def rank(self, now_us: int, account: int) -> int:
        """The used time of an account, or its level."""
        attained_us = self._usage.attained_us(now_us, account)
        if self._thresholds_us is None:
            return attained_us
        return bisect_right(self._thresholds_us, attained_us)

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """Never: nothing is forgotten."""

    def take_turn(self, account: int) -> None:
        """Nothing: what counts is used time."""


class RoundRobin:
    """The account whose last turn is longest ago; those that had none go before."""

    sudden_falls = 0

    def __init__(self, _inputs: QueueInputs) -> None:
        self._turns = 0
        self._last_turn: dict[int, int] = {}

    def rank(self, now_us: int, account: int) -> int:  # noqa: ARG002 - turns do not age
        """The number of an account's last turn, from 1; 0 before its first."""
        return self._last_turn.get(account, 0)

    def falls_from_us(self, now_us: int, account: int) -> int | None:
        """Never: a turn only moves an account back."""

    def take_turn(self, account: int) -> None:
        """Its job was taken from the queue."""
        self._turns += 1
        self._last_turn[account] = self._turns


def _usage_of(inputs: QueueInputs) -> Usage:
    if inputs.usage is None:
        raise SchedulerUsageError("this order of accounts needs a policy with a usage_window_us")
    return inputs.usage

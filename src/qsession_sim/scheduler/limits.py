"""Limits: what the plan of an account allows at a submission (S60, S20)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from qsession_sim.scheduler.plan import AccountSpec
from qsession_sim.scheduler.usage import Usage
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason


class Limits:
    """Counts pending jobs and recent submissions of the accounts that have limits.

    Args:
        specs: what plans allow, by account.
        usage: what accounts use; needed when a plan has a quota.
    """

    def __init__(self, specs: Mapping[int, AccountSpec], usage: Usage | None) -> None:
        self._specs = specs
        self._usage = usage
        self._pending: dict[int, int] = dict.fromkeys(specs, 0)
        self._submissions: dict[int, deque[int]] = {account: deque() for account in specs}

    def why_mode_rejected(self, now_us: int, account: int, mode: Mode) -> Reason:
        """S23, S60: why an account cannot use a session or a batch now, or NONE."""
        spec = self._specs.get(account)
        if spec is None:
            return Reason.NONE
        if spec.client_too_old_from_us != NEVER and now_us >= spec.client_too_old_from_us:
            return Reason.CLIENT_TOO_OLD
        if not (spec.batches if mode is Mode.BATCH else spec.sessions):
            return Reason.SESSIONS_NOT_IN_PLAN
        return Reason.NONE

    def why_rejected(self, now_us: int, account: int) -> Reason:
        """Which limit a submission would break, in the order of S20, or NONE."""
        spec = self._specs.get(account)
        if spec is None:
            return Reason.NONE
        quota = spec.quota
        if quota is not None and self._usage is not None:
            used_us = self._usage.used_us(now_us, account, quota.window_us)
            if used_us >= quota.amount:
                return Reason.QUOTA_EXCEEDED
        if spec.pending is not None and self._pending[account] >= spec.pending:
            return Reason.TOO_MANY_PENDING
        if spec.submissions is not None:
            recent = self._submissions[account]
            while recent and recent[0] <= now_us - spec.submissions.window_us:
                recent.popleft()
            if len(recent) >= spec.submissions.amount:
                return Reason.RATE_LIMITED
        return Reason.NONE

    def count_accepted(self, now_us: int, account: int) -> None:
        """A submission was accepted."""
        if account in self._specs:
            self._pending[account] += 1
            if self._specs[account].submissions is not None:
                self._submissions[account].append(now_us)

    def count_ended(self, account: int) -> None:
        """An accepted job has ended."""
        if account in self._specs:
            self._pending[account] -= 1

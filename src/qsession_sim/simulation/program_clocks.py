"""The clocks of sessions that live programs open (S60, S61)."""

from __future__ import annotations

from typing import Any, Literal

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scenario.resolve_accounts import DefaultClocks
from qsession_sim.scenario.resolved_accounts import ResolvedClock
from qsession_sim.scheduler.vocabulary import Mode


def session_clocks(
    clocks: DefaultClocks,
    name: str,
    account: str,
    mode: Mode,
    max_time_us: int | None,
    interactive_timeout_us: int | None,
) -> tuple[int, int]:
    """Maximum and interactive timeout in microseconds: what is asked for, or else the default.

    Raises:
        SchedulerUsageError: if more is asked for than the account's plan allows.
    """
    word: Literal["session", "batch"] = "batch" if mode is Mode.BATCH else "session"
    plan = clocks.plans.get(account) if isinstance(account, str) else None
    if plan is not None:
        _check(f"session {name!r}: max_time_us", max_time_us, plan.max_time)
        _check(f"session {name!r}: interactive_timeout_us", interactive_timeout_us, plan.timeout_of(word))
    if max_time_us is None:
        max_time_us = clocks.max_time_of(account)
    if interactive_timeout_us is None:
        interactive_timeout_us = clocks.interactive_timeout_of(account, word)
    return max_time_us, interactive_timeout_us


def _check(what: str, asked_us: Any, clock: ResolvedClock) -> None:
    """Compare what can be compared; that it is a whole number is checked elsewhere."""
    if isinstance(asked_us, int) and clock.limit is not None and asked_us > clock.limit:
        raise SchedulerUsageError(
            f"{what} must be at most {clock.limit}, which the plan of the account allows; got {asked_us}"
        )

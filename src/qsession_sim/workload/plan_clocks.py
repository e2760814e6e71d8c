"""The clocks of the sessions of a trace whose users have plans (S60, S61)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsession_sim.scenario.resolve_accounts import DefaultClocks
from qsession_sim.scenario.resolved_accounts import ResolvedClock
from qsession_sim.scenario.resolved_trace import ResolvedTrace
from qsession_sim.scheduler.vocabulary import Mode
from qsession_sim.units import LONGEST_US, format_duration
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.problems import source_error


@dataclass(frozen=True)
class SessionClocks:
    """Both clocks of sessions in microseconds; each column has shape (sessions,)."""

    max_time_us: Int64Array
    interactive_timeout_us: Int64Array


def default_session_clocks(
    source: ResolvedTrace, clocks: DefaultClocks, users: Sequence[str], user: Int64Array, mode: Int64Array
) -> SessionClocks:
    """What sessions get that ask for nothing: that of the source, or else of their account's plan.

    Args:
        source: the trace.
        clocks: of the scenario.
        users: names of accounts.
        user: index into `users` of each session, shape (sessions,).
        mode: `vocabulary.Mode` of each session, shape (sessions,).
    """
    timeout, batch_timeout = source.interactive_timeout, source.batch_interactive_timeout
    of_session = _each(timeout, [clocks.interactive_timeout_of(name, "session") for name in users])
    of_batch = _each(batch_timeout, [clocks.interactive_timeout_of(name, "batch") for name in users])
    max_time = _each(source.max_time, [clocks.max_time_of(name) for name in users])
    return SessionClocks(max_time[user], np.where(mode == Mode.BATCH, of_batch[user], of_session[user]))


def refuse_longer_than_plan(
    source: ResolvedTrace,
    clocks: DefaultClocks,
    users: Sequence[str],
    user: Int64Array,
    mode: Int64Array,
    asked: SessionClocks,
) -> None:
    """Refuse sessions that ask for more than their account's plan allows (S61).

    Raises:
        ScenarioError: that tells the first of them, and how many there are.
    """
    plans = [clocks.plans.get(name) for name in users]
    max_time = np.array([_most(plan.max_time if plan else None) for plan in plans], dtype=np.int64)
    of_session = np.array(
        [_most(plan.timeout_of("session") if plan else None) for plan in plans], dtype=np.int64
    )
    of_batch = np.array([_most(plan.timeout_of("batch") if plan else None) for plan in plans], dtype=np.int64)
    timeout = np.where(mode == Mode.BATCH, of_batch[user], of_session[user])
    _refuse(source, "max_time", asked.max_time_us, max_time[user], users, user)
    _refuse(source, "interactive_timeout", asked.interactive_timeout_us, timeout, users, user)


def _each(given_us: int | None, default_us: list[int]) -> Int64Array:
    return np.array(default_us if given_us is None else [given_us] * len(default_us), dtype=np.int64)


def _most(clock: ResolvedClock | None) -> int:
    return LONGEST_US if clock is None or clock.limit is None else clock.limit


def _refuse(
    source: ResolvedTrace,
    what: str,
    asked_us: Int64Array,
    most_us: Int64Array,
    users: Sequence[str],
    user: Int64Array,
) -> None:
    over = np.flatnonzero(asked_us > most_us)
    if len(over):
        first = over[0]
        asked, most = (format_duration(int(column[first])) for column in (asked_us, most_us))
        raise source_error(
            source.name,
            f"{len(over)} of {len(asked_us)} sessions ask for a longer {what} than the plan of their account "
            f"allows; the first is one of {users[user[first]]}, with {asked} where {most} is allowed",
        )

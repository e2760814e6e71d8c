"""Stretches of time that a record is made of: jobs on the QPU, and sessions that are active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from qsession_sim.results.record import Record
from qsession_sim.scheduler.transitions import STATE_OF, Phase
from qsession_sim.scheduler.vocabulary import NEVER, SessionState
from qsession_sim.workload.columns import Int64Array

TIME: Final = 0
SESSION: Final = 1
FROM: Final = 2
EVENT: Final = 3
TO: Final = 4
REASON: Final = 5
"""The columns of `Record.transitions`."""

PUBLIC_STATE: Final = np.array(
    [NEVER if (state := STATE_OF[phase]) is None else state for phase in Phase], dtype=np.int64
)
"""The public state of each phase, NEVER for a session that does not exist."""


@dataclass(frozen=True)
class Periods:
    """Stretches [start, end) with the job or session they belong to; each column has shape (n,)."""

    owner: Int64Array
    start_us: Int64Array
    end_us: Int64Array


def look_up(column: Int64Array, index: Int64Array) -> Int64Array:
    """`column[index]`, and NEVER where the index is NEVER."""
    values = np.full(len(index), NEVER, dtype=np.int64)
    known = index >= 0
    values[known] = column[index[known]]
    return values


def busy_periods(record: Record) -> Periods:
    """The jobs on the QPU in order of start; those still there at the end are cut there.

    A job that left the QPU in the instant of its start took no time and is left out (S72: positive length).
    """
    job = np.flatnonzero(record.started_us >= 0)
    rows = slice(None) if len(job) == len(record.started_us) else job
    start_us, end_us = record.started_us[rows], record.ended_us[rows]
    if end_us.min(initial=0) < 0:
        end_us = np.where(end_us < 0, record.end_us, end_us)
    if np.any(end_us <= start_us):
        took_time = end_us > start_us
        job, start_us, end_us = job[took_time], start_us[took_time], end_us[took_time]
    if np.any(start_us[1:] < start_us[:-1]):
        order = np.argsort(start_us, kind="stable")
        job, start_us, end_us = job[order], start_us[order], end_us[order]
    return Periods(job, start_us, end_us)


def active_periods(record: Record) -> Periods:
    """From each activation of a session to its deactivation or close (S62), in order of activation.

    Those still active at the end are cut there. One that is closed as it starts is active for no time (S11).
    """
    rows = record.transitions
    was_active = PUBLIC_STATE[rows[:, FROM]] == SessionState.ACTIVE
    is_active = PUBLIC_STATE[rows[:, TO]] == SessionState.ACTIVE
    changes = np.flatnonzero(was_active != is_active)
    # sorted by session, each activation is followed by its own end
    changes = changes[np.argsort(rows[changes, SESSION], kind="stable")]
    begins = np.flatnonzero(is_active[changes])
    following = np.append(changes, NEVER)[begins + 1]
    begin = changes[begins]
    ends_there = following >= 0
    ends_there[ends_there] = rows[following[ends_there], SESSION] == rows[begin[ends_there], SESSION]
    end_us = np.full(len(begin), record.end_us, dtype=np.int64)
    end_us[ends_there] = rows[following[ends_there], TIME]
    order = np.argsort(begin, kind="stable")
    return Periods(rows[begin, SESSION][order], rows[begin, TIME][order], end_us[order])


def held_us(busy: Periods, active: Periods) -> Int64Array:
    """How long nothing runs in each active period (S72: held), shape (active periods,)."""
    if len(active.owner) == 0:
        return np.zeros(0, dtype=np.int64)
    return (
        active.end_us
        - active.start_us
        - _busy_before(busy, active.end_us)
        + _busy_before(busy, active.start_us)
    )


def clip(periods: Periods, since_us: int) -> Periods:
    """The periods without what comes before a time; those that end before it have length 0."""
    if since_us == 0:
        return periods
    return Periods(
        periods.owner, np.maximum(periods.start_us, since_us), np.maximum(periods.end_us, since_us)
    )


def _busy_before(busy: Periods, at_us: Int64Array) -> Int64Array:
    """How long the QPU was busy up to each time."""
    index = np.searchsorted(busy.start_us, at_us, side="right")
    total_us = np.zeros(len(busy.owner) + 1, dtype=np.int64)
    np.cumsum(busy.end_us - busy.start_us, out=total_us[1:])
    running_us = np.maximum(np.append(NEVER, busy.end_us)[index] - at_us, 0)
    return total_us[index] - np.where(index > 0, running_us, 0)


def find_period(periods: Periods, at_us: Int64Array) -> Int64Array:
    """The index of the period with `start <= at < end`, or NEVER; the periods must not overlap."""
    if len(periods.owner) == 0:
        return np.full(len(at_us), NEVER, dtype=np.int64)
    index = np.searchsorted(periods.start_us, at_us, side="right") - 1
    inside = index >= 0
    inside[inside] = at_us[inside] < periods.end_us[index[inside]]
    index[~inside] = NEVER
    return index

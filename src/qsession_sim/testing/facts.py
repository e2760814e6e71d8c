"""What the checks of invariants look at, and how they report the first violation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qsession_sim.results.periods import (
    Periods,
    active_periods,
    busy_periods,
    closings,
    down_periods,
    look_up,
    stays_on_qpu,
)
from qsession_sim.results.record import (
    REASON,
    SESSION,
    TIME,
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_NUMBER,
    WINDOW_QPU,
    WINDOW_START,
    Record,
    name_of,
)
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.vocabulary import NEVER, Mode, WindowKind
from qsession_sim.workload.columns import BoolArray, Int64Array

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.run import Run
    from qsession_sim.scenario.models import ResolvedScenario


class Violation(NamedTuple):
    """One place where a rule is broken."""

    time_us: int
    message: str


@dataclass(frozen=True)
class QpuFacts:
    """One QPU that has a queue, its rows of the tables, and what it did."""

    number: int
    name: str
    intervals: pl.DataFrame
    queue_length: pl.DataFrame
    stays: Periods  # of jobs, also those that took no time, by start and end
    busy: Periods
    active: Periods
    down: Periods

    @classmethod
    def of(cls, record: Record, qpu: int, intervals: pl.DataFrame, queue_length: pl.DataFrame) -> QpuFacts:
        """Derive what several checks need."""
        name = record.qpus[qpu]
        stays = stays_on_qpu(record, qpu)
        order = np.lexsort((stays.end_us, stays.start_us))
        return cls(
            qpu,
            name,
            intervals.filter(intervals["qpu"] == name),
            queue_length.filter(queue_length["qpu"] == name),
            Periods(stays.owner[order], stays.start_us[order], stays.end_us[order]),
            busy_periods(record, qpu),
            active_periods(record, qpu),
            down_periods(record, qpu),
        )


@dataclass(frozen=True)
class Facts:
    """A run, with what several checks derive from it. Columns of sessions have shape (sessions,)."""

    record: Record
    resolved: ResolvedScenario
    jobs: pl.DataFrame
    sessions: pl.DataFrame
    intervals: pl.DataFrame
    qpus: tuple[QpuFacts, ...]
    active: Periods  # of the sessions of all QPUs
    closed_us: Int64Array  # NEVER: not closed
    closed_by: Int64Array  # vocabulary.Reason

    @classmethod
    def of(cls, run: Run) -> Facts:
        """Derive what several checks need."""
        record, intervals, queue_length = run.record, run.intervals, run.queue_length
        closing = closings(record)
        closed_us = np.full(len(record.workload.sessions), NEVER, dtype=np.int64)
        closed_by = np.zeros_like(closed_us)
        closed_us[closing[:, SESSION]] = closing[:, TIME]
        closed_by[closing[:, SESSION]] = closing[:, REASON]
        return cls(
            record,
            run.scenario.resolved,
            run.jobs,
            run.sessions,
            intervals,
            tuple(QpuFacts.of(record, qpu, intervals, queue_length) for qpu in record.queueing_qpus),
            active_periods(record),
            closed_us,
            closed_by,
        )

    @property
    def rules(self) -> Rules:
        """The settings of the service."""
        return self.record.rules

    def lets_job_mode_in(self, session: Int64Array) -> BoolArray:
        """Whether job-mode jobs may run while the session holds the QPU with nothing to run (S32, S51)."""
        is_batch: BoolArray = self.record.workload.sessions.mode[session] == Mode.BATCH
        return is_batch | self.rules.hold.lets_job_mode_in

    def reservations(self, qpu: int) -> Periods:
        """When a QPU serves one account only (S52), in order; the owner is the account."""
        rows = self.record.windows
        rows = rows[(rows[:, WINDOW_QPU] == qpu) & (rows[:, WINDOW_KIND] == WindowKind.RESERVATION)]
        rows = rows[np.argsort(rows[:, WINDOW_START], kind="stable")]
        accounts = [
            self.record.workload.windows[number].account for number in rows[:, WINDOW_NUMBER].tolist()
        ]
        return Periods(np.array(accounts, dtype=np.int64), rows[:, WINDOW_START], rows[:, WINDOW_END])

    def own_period(self, session: Int64Array, at_us: Int64Array) -> Int64Array:
        """The index of the last active period of the session that began at or before the time, or NEVER."""
        grouped = GroupedTimes.of(self.active.owner, self.active.start_us)
        position = grouped.count_not_after(session, at_us) - 1
        index = look_up(grouped.order, position)
        index[look_up(self.active.owner, index) != session] = NEVER
        return index

    def job(self, number: int | np.integer) -> str:
        """A job in words."""
        return f"job {name_of(self.record.workload.job_names, int(number))!r}"

    def session(self, number: int | np.integer) -> str:
        """A session in words."""
        return f"session {name_of(self.record.workload.session_names, int(number))!r}"


def earliest(time_us: Int64Array, offends: BoolArray, message: Callable[[int], str]) -> Iterator[Violation]:
    """The first violation, if there is one; of those of one instant the one with the lowest index.

    Args:
        time_us: when each would be a violation, shape (n,).
        offends: which are, shape (n,).
        message: from an index to what is wrong there.
    """
    offenders = np.flatnonzero(offends)
    if len(offenders):
        index = int(offenders[np.argmin(time_us[offenders])])
        yield Violation(int(time_us[index]), message(index))


def on_each_qpu(
    check: Callable[[Facts, QpuFacts], Iterator[Violation]],
) -> Callable[[Facts], Iterator[Violation]]:
    """A check of a run from a check of one QPU."""

    @wraps(check)
    def check_all(facts: Facts) -> Iterator[Violation]:
        for qpu in facts.qpus:
            yield from check(facts, qpu)

    return check_all


@dataclass(frozen=True)
class GroupedTimes:
    """Pairs of group and time in order, which can be searched for a time within a group."""

    order: Int64Array  # sorts what the pairs were made from
    _instants_us: Int64Array
    _keys: Int64Array

    @classmethod
    def of(cls, group: Int64Array, time_us: Int64Array) -> GroupedTimes:
        """Pairs given in any order, each column of shape (n,); groups are not negative."""
        order = np.lexsort((time_us, group))
        instants_us = np.unique(time_us)
        return cls(order, instants_us, _keys(instants_us, group[order], time_us[order]))

    def count_not_after(self, group: Int64Array, time_us: Int64Array) -> Int64Array:
        """How many pairs, in order, are not after each (group, time)."""
        return np.searchsorted(self._keys, _keys(self._instants_us, group, time_us), side="right")


def _keys(instants_us: Int64Array, group: Int64Array, time_us: Int64Array) -> Int64Array:
    # ranks instead of times: the product of group and time may exceed 64 bits
    return group * (len(instants_us) + 1) + np.searchsorted(instants_us, time_us, side="right")

"""What the checks of invariants look at, and how they report the first violation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qsession_sim.results.periods import (
    PUBLIC_STATE,
    Periods,
    active_periods,
    busy_periods,
    closings,
    down_periods,
    look_up,
    stays_on_qpu,
)
from qsession_sim.results.record import (
    FROM,
    REASON,
    SESSION,
    TIME,
    TO,
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_NUMBER,
    WINDOW_QPU,
    WINDOW_START,
    Record,
)
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason, SessionState, WindowKind
from qsession_sim.workload.columns import BoolArray, Int64Array, name_of

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


Stretch = tuple[int, int]
"""From and until when, in microseconds."""


@dataclass(frozen=True)
class Charged:
    """S62, worked out anew: what each job and each session is charged for, and what accounts are, by number.

    A batch is charged for its jobs, another session for the time in which it is active and for the rest of
    its job that is on the QPU at its end (S16, S18). A stay that an outage ended is taken back: it counts
    until then.
    """

    job_us: list[int]
    session_us: list[int]
    kept: dict[int, list[Stretch]]
    taken_back: dict[int, list[Stretch]]

    @classmethod
    def of(cls, record: Record) -> Charged:
        """What a run is charged for."""
        jobs, sessions = record.workload.jobs, record.workload.sessions
        charged = cls([0] * len(jobs), [0] * len(sessions), defaultdict(list), defaultdict(list))
        modes, accounts = sessions.mode.tolist(), sessions.account.tolist()
        owners, reasons = record.job_session.tolist(), record.reason.tolist()
        lost = {(job, start_us) for job, _, start_us, _ in record.lost_runs.tolist()}
        last: dict[int, Stretch] = {}  # of each session, on a QPU
        for qpu in range(len(record.qpus)):
            for job, start_us, end_us in _rows(stays_on_qpu(record, qpu)):
                owner, account = owners[job], int(jobs.account[job])
                is_back = reasons[job] == Reason.QPU_FAILED or (job, start_us) in lost
                charged.job_us[job] += 0 if is_back else end_us - start_us
                if owner >= 0 and modes[owner] == Mode.SESSION:
                    last[owner] = max(last.get(owner, (start_us, end_us)), (start_us, end_us))
                    continue
                (charged.taken_back if is_back else charged.kept)[account].append((start_us, end_us))
                if owner >= 0 and not is_back:
                    charged.session_us[owner] += end_us - start_us
        for session, start_us, end_us in _activations(record):
            if modes[session] == Mode.SESSION:
                job_start_us, left_us = last.get(session, (end_us, end_us))
                until_us = max(end_us, left_us) if job_start_us <= end_us else end_us
                charged.kept[accounts[session]].append((start_us, until_us))
                charged.session_us[session] += until_us - start_us
        return charged


def _activations(record: Record) -> Iterator[tuple[int, int, int]]:
    """Which session was active, from when and until when."""
    since_us: dict[int, int] = {}
    for row in record.transitions.tolist():
        was_active, is_active = (PUBLIC_STATE[row[column]] == SessionState.ACTIVE for column in (FROM, TO))
        if is_active and not was_active:
            since_us[row[SESSION]] = row[TIME]
        elif was_active and not is_active and row[SESSION] in since_us:
            yield row[SESSION], since_us.pop(row[SESSION]), row[TIME]
    for session, start_us in since_us.items():
        yield session, start_us, record.end_us


def _rows(periods: Periods) -> Iterator[tuple[int, int, int]]:
    columns = (periods.owner, periods.start_us, periods.end_us)
    return zip(*(column.tolist() for column in columns), strict=True)


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

    @cached_property
    def charged(self) -> Charged:
        """What is charged (S62)."""
        return Charged.of(self.record)

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

"""What the checks of invariants look at, and how they find the first offender."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

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
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Reason, WindowKind
from qsession_sim.workload.columns import Int64Array

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.bundle import ScenarioLike
    from qsession_sim.scenario.models import ResolvedScenario


BoolArray = npt.NDArray[np.bool_]


class CheckedRun(Protocol):
    """What the checks need of a run."""

    @property
    def record(self) -> Record:
        """What happened."""

    @property
    def scenario(self) -> ScenarioLike:
        """What was simulated."""

    @property
    def jobs(self) -> pl.DataFrame:
        """See `Run.jobs`."""

    @property
    def sessions(self) -> pl.DataFrame:
        """See `Run.sessions`."""

    @property
    def intervals(self) -> pl.DataFrame:
        """See `Run.intervals`."""

    @property
    def queue_length(self) -> pl.DataFrame:
        """See `Run.queue_length`."""


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
        """Derive what the checks share."""
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
    def of(cls, run: CheckedRun) -> Facts:
        """Derive what the checks share."""
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


def first(time_us: Int64Array, offends: BoolArray) -> int | None:
    """The index of the earliest offender, the lowest of those of one instant; None without one."""
    offenders = np.flatnonzero(offends)
    if len(offenders) == 0:
        return None
    return int(offenders[np.argmin(time_us[offenders])])


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


# -- What an account used in a window of time, worked out anew from what happened (S62).

Stretch = tuple[int, int]


@dataclass(frozen=True)
class AccountUsage:
    """The times in which usage accrued: edges with their running sums, and stays that were taken back.

    Python's integers: a sum of many times may exceed 64 bits.
    """

    starts_us: list[int]
    start_sums: list[int]
    ends_us: list[int]
    end_sums: list[int]
    taken_back: list[Stretch]  # a stay counts until the outage that ended it

    @classmethod
    def of(cls, facts: Facts, account: int) -> AccountUsage:
        """The usage of an account over the whole run."""
        kept, taken_back = _job_stretches(facts, account)
        kept += _session_stretches(facts, account)
        starts_us = sorted(start_us for start_us, _ in kept)
        ends_us = sorted(end_us for _, end_us in kept)
        return cls(
            starts_us,
            list(accumulate(starts_us, initial=0)),
            ends_us,
            list(accumulate(ends_us, initial=0)),
            taken_back,
        )

    def least_us(self, at_us: int, window_us: int) -> int:
        """Used in (at - window, at], without a stay that an outage of this instant ends."""
        return self._kept_us(at_us, window_us) + self._running_us(at_us, at_us + 1, window_us)

    def most_us(self, at_us: int, window_us: int) -> int:
        """The same with such a stay."""
        return self._kept_us(at_us, window_us) + self._running_us(at_us, at_us, window_us)

    def _kept_us(self, at_us: int, window_us: int) -> int:
        return self._until_us(at_us) - self._until_us(max(at_us - window_us, 0))

    def _until_us(self, at_us: int) -> int:
        starts, ends = bisect_right(self.starts_us, at_us), bisect_right(self.ends_us, at_us)
        return (starts - ends) * at_us - self.start_sums[starts] + self.end_sums[ends]

    def _running_us(self, at_us: int, failed_from_us: int, window_us: int) -> int:
        return sum(
            at_us - max(start_us, at_us - window_us)
            for start_us, end_us in self.taken_back
            if start_us < at_us and end_us >= failed_from_us
        )


def _job_stretches(facts: Facts, account: int) -> tuple[list[Stretch], list[Stretch]]:
    """The stays on QPUs of jobs in job mode and of batches: those that count, and those taken back."""
    record = facts.record
    kept: list[Stretch] = []
    taken_back: list[Stretch] = []
    lost = {(job, start_us) for job, _, start_us, _ in record.lost_runs.tolist()}
    for qpu in range(len(record.qpus)):
        stays = stays_on_qpu(record, qpu)
        of_account = record.workload.jobs.account[stays.owner] == account
        rows = (stays.owner[of_account], stays.start_us[of_account], stays.end_us[of_account])
        for job, start_us, end_us in zip(*(column.tolist() for column in rows), strict=True):
            session = record.job_session[job]
            if session >= 0 and record.workload.sessions.mode[session] != Mode.BATCH:
                continue
            is_back = (job, start_us) in lost or record.reason[job] == Reason.QPU_FAILED
            (taken_back if is_back else kept).append((start_us, end_us))
    return kept, taken_back


def _session_stretches(facts: Facts, account: int) -> list[Stretch]:
    """The activations of sessions, each with the rest of its job that was on the QPU at its end."""
    record, stretches = facts.record, []
    sessions = record.workload.sessions
    for qpu in facts.qpus:
        active, stays = qpu.active, qpu.stays
        theirs = (sessions.account[active.owner] == account) & (sessions.mode[active.owner] == Mode.SESSION)
        for session, start_us, end_us in zip(
            active.owner[theirs].tolist(),
            active.start_us[theirs].tolist(),
            active.end_us[theirs].tolist(),
            strict=True,
        ):
            last = int(np.searchsorted(stays.start_us, end_us, side="right")) - 1
            is_own = last >= 0 and record.job_session[stays.owner[last]] == session
            stretches.append((start_us, max(end_us, int(stays.end_us[last])) if is_own else end_us))
    return stretches

"""Who waited for what: waiting times split by what the QPU of each job did meanwhile.

It says what happened, not what another policy would change. All of it follows from the tables, so that a run
and the same read back from disk agree; a summary takes the same from a record, without its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qsession_sim.results.columns import Column, IntervalKind
from qsession_sim.results.periods import (
    Periods,
    busy_periods,
    chosen,
    covered_before,
    cut_at,
    find_period,
    is_of_qpu,
    rows_where,
    time_of_both,
)
from qsession_sim.results.record import (
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_NUMBER,
    WINDOW_QPU,
    WINDOW_START,
    Record,
)
from qsession_sim.scheduler.vocabulary import NEVER, Mode, WindowKind
from qsession_sim.units import parse_duration
from qsession_sim.workload.columns import BoolArray, Int64Array, constant

if TYPE_CHECKING:
    import polars as pl

PARTS: Final = ("job_mode", "session", "batch", "held", "preparing", "down", "reserved", "free")
"""What a QPU may do while a job waits; at `free` it does nothing although it could, which is never (S74)."""

_HELD, _PREPARING, _DOWN, _RESERVED, _FREE = map(
    PARTS.index, ("held", "preparing", "down", "reserved", "free")
)
_OF_MODE: Final = np.array([PARTS.index(name) for name in ("job_mode", "session", "batch")])
"""By `vocabulary.Mode`, while a job of that mode is on the QPU."""

_OF_KIND: Final = np.array([_OF_MODE[Mode.JOB], _HELD, _DOWN, _FREE])
"""By `IntervalKind`."""


class Reservation(NamedTuple):
    """When a QPU serves one account only (S52)."""

    qpu: str
    account: str
    start_us: int
    end_us: int


def recorded_reservations(record: Record) -> Iterator[Reservation]:
    """Those of a run, by its record."""
    for row in record.windows[record.windows[:, WINDOW_KIND] == WindowKind.RESERVATION]:
        account = record.workload.accounts[record.workload.windows[row[WINDOW_NUMBER]].account]
        qpu = record.qpus[row[WINDOW_QPU]]
        yield Reservation(qpu, account, int(row[WINDOW_START]), int(row[WINDOW_END]))


def planned_reservations(resolved: Mapping[str, Any], end_us: int) -> Iterator[Reservation]:
    """Those that begin in a run of a resolved scenario, given as JSON values: their times are fixed (S52).

    Example:
        >>> window = {"kind": "reservation", "account": "lab", "at": "2us", "duration": "3us", "every": "6us"}
        >>> qpus = [{"name": "qpu", "windows": [window]}]
        >>> [reservation[2:] for reservation in planned_reservations({"qpus": qpus}, 9)]
        [(2, 5), (8, 11)]
    """
    for qpu in resolved.get("qpus", ()):
        for window in qpu["windows"]:
            if window["kind"] == "reservation":
                start_us = parse_duration(window["at"])
                every_us = parse_duration(window["every"]) if window.get("every") else max(end_us, 1)
                for begin_us in range(start_us, end_us, every_us):
                    until_us = begin_us + parse_duration(window["duration"])
                    yield Reservation(qpu["name"], window["account"], begin_us, until_us)


# -- What each QPU did while its jobs waited.


@dataclass(frozen=True)
class Queue:
    """The jobs of one QPU that started, and what it did meanwhile, in pieces that tile the run.

    Piece `i` lasts from `edges_us[i]` to `edges_us[i + 1]`. `part` is an index into `PARTS`, where `free` is
    all that is free, and `holder` the number of the session that holds the idle QPU, or NEVER; both have
    shape (pieces,). All else has shape (jobs,): `job` and `session` are numbers, and NEVER in job mode.
    """

    qpu: str
    edges_us: Int64Array
    part: Int64Array
    holder: Int64Array
    job: Int64Array
    session: Int64Array
    submitted_us: Int64Array
    started_us: Int64Array
    ready_us: Int64Array

    @cached_property
    def first(self) -> Int64Array:
        """The piece in which each job was submitted."""
        return np.searchsorted(self.edges_us[1:-1], self.submitted_us, side="right")

    @cached_property
    def last(self) -> Int64Array:
        """The piece in which each job started, the last time."""
        return np.searchsorted(self.edges_us[1:-1], self.started_us, side="right")

    @cached_property
    def before_us(self) -> Int64Array:
        """How much of its first piece was over when each job was submitted."""
        return self.submitted_us - self.edges_us[self.first]

    @cached_property
    def under_way_us(self) -> Int64Array:
        """How much of its last piece was over when each job started: usually nothing."""
        return self.started_us - self.edges_us[self.last]

    def waited_us(self) -> Int64Array:
        """How long jobs waited in each piece: the integral of how many do, shape (pieces,)."""
        lengths_us = np.diff(self.edges_us)
        left = np.bincount(self.last, minlength=len(self.part))
        present = np.cumsum(np.bincount(self.first, minlength=len(self.part)) - left) + left
        waited_us: Int64Array = present * lengths_us
        np.subtract.at(waited_us, self.first, self.before_us)
        np.subtract.at(waited_us, self.last, lengths_us[self.last] - self.under_way_us)
        return waited_us


def queues_of(record: Record, intervals: Mapping[str, Column]) -> Iterator[Queue]:
    """Those of a run, from the columns of its intervals; jobs and sessions have their numbers."""
    started = record.started_us >= 0
    modes = record.workload.sessions.mode
    ready_us = record.submitted_us if record.ready_us is None else record.ready_us
    for number in record.queueing_qpus:
        of_qpu = rows_where(intervals["qpu"] == number)
        start_us, end_us = intervals["start_us"][of_qpu], intervals["end_us"][of_qpu]
        kind, session = intervals["kind"][of_qpu], intervals["session"][of_qpu]
        part = _OF_KIND[kind]
        busy = np.flatnonzero((kind == IntervalKind.BUSY) & (session >= 0))
        part[busy] = _OF_MODE[modes[session[busy]]]
        job = np.flatnonzero(is_of_qpu(record, started, number))
        rows = slice(None) if len(job) == len(started) else job
        yield Queue(
            record.qpus[number],
            np.append(start_us, end_us[-1:]),
            part,
            np.where(kind == IntervalKind.HELD, session, NEVER),
            job,
            record.job_session[rows],
            record.submitted_us[rows],
            record.started_us[rows],
            ready_us[rows],
        )


def _queues_in(jobs: pl.DataFrame, intervals: pl.DataFrame, sessions: pl.DataFrame) -> Iterator[Queue]:
    """Those of tables; jobs and sessions have the numbers of their rows."""
    import polars as pl

    numbered = sessions.select("session", of_mode=pl.col("mode").cast(pl.String)).with_row_index("number")
    number = pl.col("number").cast(pl.Int64).fill_null(NEVER)
    mode = pl.col("of_mode").fill_null("job_mode")
    part = pl.when(kind="busy").then(mode).otherwise(pl.col("kind").cast(pl.String))
    pieces = intervals.join(numbered, on="session", how="left", maintain_order="left").select(
        "qpu",
        "start_us",
        "end_us",
        part=part.replace_strict(PARTS, range(len(PARTS)), return_dtype=pl.Int64),
        holder=pl.when(kind="held").then(number).otherwise(NEVER),
    )
    started = jobs.with_row_index("row").join(numbered, on="session", how="left", maintain_order="left")
    started = started.filter(pl.col("started_us").is_not_null()).select(
        "qpu",
        pl.col("row").cast(pl.Int64),
        number.alias("owner"),
        "submitted_us",
        "started_us",
        pl.coalesce("ready_us", "started_us"),
    )
    for qpu in intervals["qpu"].unique(maintain_order=True):
        start_us, end_us, *columns = _numbers_of(pieces, qpu)
        yield Queue(str(qpu), np.append(start_us, end_us[-1:]), *columns, *_numbers_of(started, qpu))


def _numbers_of(frame: pl.DataFrame, qpu: str) -> list[Int64Array]:
    """The columns of the rows of one QPU, without that of its name, which is the first."""
    return [column.to_numpy() for column in frame.filter(frame["qpu"] == qpu).get_columns()[1:]]


# -- What each job waited for.


def wait_frame(
    jobs: pl.DataFrame,
    intervals: pl.DataFrame,
    sessions: pl.DataFrame,
    reservations: Iterable[Reservation],
) -> pl.DataFrame:
    """The parts of the waiting time of each job of the table of jobs; they are null if it never started."""
    import polars as pl

    queues = _queues_in(jobs, intervals, sessions)
    parts_us = _split(queues, reservations, jobs.height, lambda name: (jobs["account"] == name).to_numpy())
    return jobs.select("job", "qpu").with_columns(
        pl.when(jobs["started_us"].is_not_null()).then(pl.Series(part_us)).alias(f"while_{part}_us")
        for part, part_us in zip(PARTS, parts_us, strict=True)
    )


def recorded_waits(record: Record, queues: Callable[[], Iterable[Queue]]) -> list[Int64Array]:
    """The same of a record, with its `queues_of` where they are needed.

    Returns:
        By part the columns of shape (jobs,), 0 if a job never started.
    """
    account, accounts = record.workload.jobs.account, record.workload.accounts
    if not _waited_for_jobs_alone(record):
        reservations = recorded_reservations(record)
        return [*_split(queues(), reservations, len(account), lambda name: account == accounts.index(name))]
    waited_us = record.started_us - record.submitted_us
    np.copyto(waited_us, 0, where=record.started_us < 0)
    return [waited_us if part == "job_mode" else constant(len(account), 0) for part in PARTS]


def _waited_for_jobs_alone(record: Record) -> bool:
    """Whether jobs in job mode were on the QPU all the time that a job waited for it.

    False also where that takes more than one look at each stay to tell.
    """
    if len(record.workload.sessions) or len(record.windows) or record.ready_us is not None:
        return False
    for qpu in record.queueing_qpus:
        stays = busy_periods(record, qpu)
        if len(stays.owner) < np.count_nonzero(is_of_qpu(record, record.started_us >= 0, qpu)):
            return False  # a stay of no length
        follows = stays.start_us[1:] == stays.end_us[:-1]
        # since when the QPU was busy without a break
        since_us = np.maximum.accumulate(np.where(np.append(False, follows), 0, stays.start_us))
        if np.any(record.submitted_us[stays.owner] < since_us):
            return False
    return True


def _split(
    queues: Iterable[Queue],
    reservations: Iterable[Reservation],
    jobs: int,
    of_account: Callable[[str], BoolArray],
) -> Int64Array:
    """The parts of the waiting time of each job, shape (parts, jobs); 0 if it never started.

    At each instant from the submission to the last start the first that holds counts: the QPU busy, down,
    held; then, it being free, the job not ready, the QPU reserved for another account, and free.
    """
    parts_us = np.zeros((len(PARTS), jobs), dtype=np.int64)  # what is never written to takes no memory
    reservations = tuple(reservations)
    for queue in queues:
        if len(queue.part) and len(queue.job):
            _split_by_pieces(queue, parts_us)
            reserved = sorted(
                (one for one in reservations if one.qpu == queue.qpu), key=lambda one: one.start_us
            )
            _split_free(queue, parts_us, reserved, of_account)
    return parts_us


def _split_by_pieces(queue: Queue, parts_us: Int64Array) -> None:
    """What the QPU did while each job waited; it was free for the rest."""
    rows = slice(None) if len(queue.job) == parts_us.shape[1] else queue.job
    lengths_us, first, last = np.diff(queue.edges_us), queue.first, queue.last
    first_part, last_part = queue.part[first], queue.part[last]
    rest_us = queue.started_us - queue.submitted_us
    for part in np.flatnonzero(np.bincount(queue.part, minlength=len(PARTS))[:_FREE]).tolist():
        elapsed_us = np.zeros(len(lengths_us) + 1, dtype=np.int64)
        np.cumsum(np.where(queue.part == part, lengths_us, 0), out=elapsed_us[1:])
        part_us = elapsed_us[last] - elapsed_us[first]
        part_us += np.where(last_part == part, queue.under_way_us, 0)
        part_us -= np.where(first_part == part, queue.before_us, 0)
        parts_us[part, rows] = part_us
        rest_us -= part_us
    if rest_us.any():
        parts_us[_FREE, rows] = rest_us


def _split_free(
    queue: Queue,
    parts_us: Int64Array,
    reserved: list[Reservation],
    of_account: Callable[[str], BoolArray],
) -> None:
    """Take out of the time in which the QPU was free what jobs prepared, and what others had reserved."""
    waited = np.flatnonzero(parts_us[_FREE, queue.job])
    if len(waited) == 0:
        return
    job, since_us, until_us = queue.job[waited], queue.submitted_us[waited], queue.started_us[waited]
    ready_us = np.clip(queue.ready_us[waited], since_us, until_us)
    is_free = queue.part == _FREE
    free = Periods(queue.holder[is_free], queue.edges_us[:-1][is_free], queue.edges_us[1:][is_free])
    parts_us[_PREPARING, job] = _time_in(free, since_us, ready_us)
    if reserved:
        times_us = np.array([(one.start_us, one.end_us) for one in reserved], dtype=np.int64)
        windows = Periods(np.arange(len(reserved)), times_us[:, 0], times_us[:, 1])
        free = cut_at(free, times_us.ravel())
        window = find_period(windows, free.start_us)
        reserved_us = _time_in(chosen(free, window >= 0), ready_us, until_us)
        for account in {one.account for one in reserved}:
            theirs = np.array([one.account == account for one in reserved] + [False])
            own = of_account(account)[job]
            reserved_us[own] -= _time_in(chosen(free, theirs[window]), ready_us[own], until_us[own])
        parts_us[_RESERVED, job] = reserved_us
    parts_us[_FREE, job] -= parts_us[_PREPARING, job] + parts_us[_RESERVED, job]


def _time_in(periods: Periods, since_us: Int64Array, until_us: Int64Array) -> Int64Array:
    """How much of each stretch lies in periods that are in order and do not overlap."""
    return covered_before(periods, until_us) - covered_before(periods, since_us)


# -- What sessions made others wait for.


def others_waited_frame(jobs: pl.DataFrame, intervals: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """How much of the waiting of jobs of others fell into the time in which each session held its idle QPU.

    One row a session. As in `wait_frame` what counts is the time up to the start of jobs that started.
    """
    total_us = others_waited_us(_queues_in(jobs, intervals, sessions), sessions.height)
    return sessions.select("session").with_columns(others_waited_held_us=total_us)


def others_waited_us(queues: Iterable[Queue], sessions: int) -> Int64Array:
    """The same by the number of the session, shape (sessions,)."""
    total_us = np.zeros(sessions, dtype=np.int64)
    for queue in queues:
        held = np.flatnonzero(queue.holder != NEVER)
        if len(held) == 0:
            continue
        holder = queue.holder[held]
        np.add.at(total_us, holder, queue.waited_us()[held])
        own = np.flatnonzero((queue.session != NEVER) & (queue.started_us > queue.submitted_us))
        stretches = Periods(queue.session[own], queue.submitted_us[own], queue.started_us[own])
        periods = Periods(holder, queue.edges_us[held], queue.edges_us[held + 1])
        owner, length_us, waiting = time_of_both(periods, stretches)
        np.subtract.at(total_us, owner, length_us * waiting)
    return total_us

"""Who waited for what: waiting times split by what the QPU of each job did meanwhile.

It says what happened, not what another policy would change. All of it follows from the tables, so that a run
and the same read back from disk agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qsession_sim.queueing.step_functions import count_inside
from qsession_sim.results.periods import Periods, chosen, covered_before, cut_at, find_period
from qsession_sim.results.record import (
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_NUMBER,
    WINDOW_QPU,
    WINDOW_START,
    Record,
)
from qsession_sim.scheduler.vocabulary import WindowKind
from qsession_sim.units import parse_duration
from qsession_sim.workload.columns import Int64Array

if TYPE_CHECKING:
    import polars as pl

PARTS: Final = ("job_mode", "session", "batch", "held", "preparing", "down", "reserved", "free")
"""What a QPU may do while a job waits; at `free` it does nothing although it could, which is never (S74)."""


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


def wait_frame(
    jobs: pl.DataFrame,
    intervals: pl.DataFrame,
    sessions: pl.DataFrame,
    reservations: Iterable[Reservation],
) -> pl.DataFrame:
    """The parts of the waiting time of each job of the table of jobs; they are null if it never started.

    At each instant from the submission to the last start the first that holds counts: the QPU busy, down,
    held; then, it being free, the job not ready, the QPU reserved for another account, and free.
    """
    import polars as pl

    has_started = jobs["started_us"].is_not_null()
    mode = pl.col("mode").cast(pl.String).fill_null("job_mode")
    done = pl.when(kind="busy").then(mode).otherwise(pl.col("kind").cast(pl.String))
    modes = sessions.select("session", "mode")
    activities = intervals.join(modes, on="session", how="left").with_columns(doing=done).sort("start_us")
    parts_us = np.zeros((len(PARTS), jobs.height), dtype=np.int64)
    ready_us = pl.coalesce("ready_us", "started_us").alias("ready_us")
    times = jobs.select("account", "submitted_us", "started_us", ready_us)
    reservations = tuple(reservations)
    for qpu in intervals["qpu"].unique():
        rows = np.flatnonzero((has_started & (jobs["qpu"] == qpu)).to_numpy())
        reserved = sorted((one for one in reservations if one.qpu == qpu), key=lambda one: one.start_us)
        parts_us[:, rows] = _parts_us(times[rows], activities.filter(pl.col("qpu") == qpu), reserved)
    return jobs.select("job", "qpu").with_columns(
        pl.when(has_started).then(pl.Series(part_us)).alias(f"while_{part}_us")
        for part, part_us in zip(PARTS, parts_us, strict=True)
    )


def _parts_us(jobs: pl.DataFrame, activities: pl.DataFrame, reserved: list[Reservation]) -> Int64Array:
    """The parts for the jobs of one QPU that started, shape (parts, jobs)."""
    since_us, until_us = jobs["submitted_us"].to_numpy(), jobs["started_us"].to_numpy()
    ready_us = np.clip(jobs["ready_us"].to_numpy(), since_us, until_us)
    doing = dict.fromkeys(PARTS, _none()) | {
        str(name): _periods(rows) for (name,), rows in activities.group_by("doing", maintain_order=True)
    }
    parts_us = {part: _time_in(doing[part], since_us, until_us) for part in PARTS}
    parts_us["preparing"] = _time_in(doing["free"], since_us, ready_us)
    if reserved:
        times_us = np.array([(one.start_us, one.end_us) for one in reserved], dtype=np.int64)
        windows = Periods(np.arange(len(reserved)), times_us[:, 0], times_us[:, 1])
        free = cut_at(doing["free"], times_us.ravel())
        window = find_period(windows, free.start_us)
        parts_us["reserved"] = _time_in(chosen(free, window >= 0), ready_us, until_us)
        for account in {one.account for one in reserved}:
            theirs = np.array([one.account == account for one in reserved] + [False])
            own = (jobs["account"] == account).to_numpy()
            own_us = _time_in(chosen(free, theirs[window]), ready_us[own], until_us[own])
            parts_us["reserved"][own] -= own_us
    parts_us["free"] -= parts_us["preparing"] + parts_us["reserved"]
    return np.stack([parts_us[part] for part in PARTS])


def others_waited_frame(jobs: pl.DataFrame, intervals: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """How much of the waiting of jobs of others fell into the time in which each session held its idle QPU.

    One row a session. As in `wait_frame` what counts is the time up to the start of jobs that started.
    """
    import polars as pl

    numbered = sessions.select("session").with_row_index("owner")
    held = intervals.filter(pl.col("kind") == "held").join(numbered, on="session").sort("start_us")
    waits = jobs.filter(pl.col("started_us") > pl.col("submitted_us")).select(
        "qpu", "session", start_us="submitted_us", end_us="started_us"
    )
    total_us = np.zeros(sessions.height, dtype=np.int64)
    for qpu in held["qpu"].unique():
        of_qpu = waits.filter(pl.col("qpu") == qpu)
        queued = count_inside(of_qpu["start_us"].to_numpy(), of_qpu["end_us"].to_numpy())
        # sums may wrap around, but their differences are right
        before_us = np.append(0, np.cumsum(queued.values[:-1] * np.diff(queued.times_us)))
        periods = _periods(held.filter(pl.col("qpu") == qpu), "owner")
        for sign, at_us in ((1, periods.end_us), (-1, periods.start_us)):
            step = np.searchsorted(queued.times_us, at_us, side="right") - 1
            waited_us = before_us[step] + queued.values[step] * (at_us - queued.times_us[step])
            np.add.at(total_us, periods.owner, sign * waited_us)
    own = _periods(waits.join(numbered, on="session"), "owner")
    np.subtract.at(total_us, own.owner, _time_in_own(_periods(held, "owner"), own))
    return sessions.select("session").with_columns(others_waited_held_us=total_us)


def _time_in_own(periods: Periods, stretches: Periods) -> Int64Array:
    """How much of each stretch lies in periods of its own owner, which do not overlap."""
    sizes = (len(periods.owner), len(stretches.owner))
    owner = np.concatenate((periods.owner, periods.owner, stretches.owner, stretches.owner))
    time_us = np.concatenate((periods.start_us, periods.end_us, stretches.start_us, stretches.end_us))
    change = np.repeat(np.array([1, -1, 0, 0]), np.repeat(sizes, 2))
    order = np.lexsort((time_us, owner))
    # every owner ends outside, so that nothing counts from one owner to the next
    inside = np.cumsum(change[order])[:-1]
    covered_us = np.zeros(len(order), dtype=np.int64)
    covered_us[order[1:]] = np.cumsum(inside * np.diff(time_us[order]))
    begin_us, end_us = np.split(covered_us[2 * sizes[0] :], 2)
    return end_us - begin_us


def _time_in(periods: Periods, since_us: Int64Array, until_us: Int64Array) -> Int64Array:
    """How much of each stretch lies in periods that are in order and do not overlap."""
    return covered_before(periods, until_us) - covered_before(periods, since_us)


def _periods(rows: pl.DataFrame, owner: str | None = None) -> Periods:
    start_us, end_us = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
    return Periods(
        np.zeros_like(start_us) if owner is None else rows[owner].cast(int).to_numpy(), start_us, end_us
    )


def _none() -> Periods:
    nothing = np.zeros(0, dtype=np.int64)
    return Periods(nothing, nothing, nothing)

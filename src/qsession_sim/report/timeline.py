"""The timeline of a run as columns of whole numbers: what QPUs did, how many jobs waited, how sessions lived.

Times are in ticks, whole units of the page: as many microseconds, a power of ten, as let the end of the run
fit into 31 bits. An instant is the tick that it lies in, so that what tiles the run does so in ticks, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.results.periods import union

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.run import Run, SavedRun

Ticks = npt.NDArray[np.int64]

KINDS: Final = ("job_mode", "session", "batch", "held", "down", "free")
"""What a QPU does, by number."""

MARKS: Final = {
    "CLOSE": "close() is called",
    "CLOSE_EMPTY": "close() is called",
    "CANCEL": "is cancelled",
    "MAX_TIME": "is ended by max_time",
    "UNUSED": "is ended, since no job came",
    "COST_LIMIT": "is ended by the cost limit",
    "ITTL": "was idle for its interactive timeout and gives the QPU back",
    "RESERVE": "gives the QPU back to a reservation",
}
"""By the event of a session: what happened to it, in words."""

GLYPHS: Final = {
    MARKS["CLOSE"]: "◆",
    MARKS["CANCEL"]: "✕",
    MARKS["ITTL"]: "▼",
    MARKS["RESERVE"]: "▼",
    MARKS["MAX_TIME"]: "ended",
    MARKS["UNUSED"]: "ended",
    MARKS["COST_LIMIT"]: "ended",
}
"""By the words for what happens to a session: the letter that shows it, or that a line across does."""

MOST_SEGMENTS: Final = 500_000
"""More neighbours than these are merged."""

_LAST_TICK: Final = 2**31 - 1
_CELLS: Final = tuple(1 << power for power in range(20, 9, -1))


@dataclass(frozen=True)
class Timeline:
    """What is drawn. All columns are int64; times are ticks.

    Attributes:
        unit_us: microseconds in a tick.
        end: of the run.
        qpus: names of those that jobs wait for.
        segments: what QPUs do, one after the other: `qpu`, `start`, `duration`, `kind` (of `KINDS`),
            `session` and `job` (a row of `jobs`), -1 for none, and `group`: 0 for a stretch as it was; 1 for
            the first and 2 for the rest of those that stand for shorter ones, of which only sums are known.
        queue: `qpu`, `time`, `queued`: how many wait from then on; time 0 of each QPU, and each change.
        sessions: `mode` (1 session, 2 batch), `qpu` (-1 for none), `created`, `closed` (the end if open).
        waits: `session`, `start`, `duration`: when at least one of its jobs waits.
        marks: `session`, `time`, `word` (place in `GLYPHS`).
        session_names: by number.
        jobs: names of jobs.
        cell: ticks within which stretches were merged; 0 if none were.
    """

    unit_us: int
    end: int
    qpus: tuple[str, ...]
    segments: Mapping[str, Ticks]
    queue: Mapping[str, Ticks]
    sessions: Mapping[str, Ticks]
    waits: Mapping[str, Ticks]
    marks: Mapping[str, Ticks]
    session_names: tuple[str, ...]
    jobs: pl.Series
    cell: int = 0


def unit_of(end_us: int) -> int:
    """Microseconds in a tick.

    Example:
        >>> unit_of(0), unit_of(2**31 - 1), unit_of(2**31), unit_of(24 * 3600 * 1_000_000)
        (1, 1, 10, 100)
    """
    unit_us = 1
    while end_us // unit_us > _LAST_TICK:
        unit_us *= 10
    return unit_us


def timeline_of(run: Run | SavedRun, end_us: int, most: int = MOST_SEGMENTS) -> Timeline:
    """The timeline of a run from its tables.

    Args:
        run: finished, or read back from disk.
        end_us: its end.
        most: segments; of more, neighbours are merged.
    """
    unit_us = unit_of(end_us)
    end = end_us // unit_us
    qpus = tuple(run.queue_length["qpu"].cast(str).unique(maintain_order=True))
    names = tuple(run.sessions["session"])
    segments, cell = _merged(_segments(run, qpus, names, unit_us), end, most)
    queue = _queue(run, qpus, unit_us)
    return Timeline(
        unit_us,
        end,
        qpus,
        segments,
        highest(queue, cell) if cell else queue,
        _sessions(run, qpus, unit_us, end),
        _waits(run, names, unit_us, end),
        _marks(run, names, unit_us),
        names,
        run.intervals["job"],
        cell,
    )


def _ticks(column: pl.Series, unit_us: int, missing: int = -1) -> Ticks:
    return column.fill_null(missing * unit_us).to_numpy().astype(np.int64) // unit_us


def _numbers(column: pl.Series, words: Sequence[str]) -> Ticks:
    """The place of each of a column among some words; -1 for none."""
    import polars as pl

    known, number = column.cast(pl.String), {word: place for place, word in enumerate(words)}
    if not words:
        return np.full(len(known), -1, dtype=np.int64)
    found = known.replace_strict(list(number), list(number.values()), default=-1, return_dtype=pl.Int64)
    return found.fill_null(-1).to_numpy()


def _segments(
    run: Run | SavedRun, qpus: Sequence[str], sessions: Sequence[str], unit_us: int
) -> dict[str, Ticks]:
    intervals = run.intervals
    start, until = (_ticks(intervals[name], unit_us) for name in ("start_us", "end_us"))
    session = _numbers(intervals["session"], sessions)
    kind = _numbers(intervals["kind"], KINDS)
    modes = np.append(_modes(run), 0)  # the last one is for jobs without a session
    return {
        "qpu": _numbers(intervals["qpu"], qpus),
        "start": start,
        "duration": until - start,
        "kind": np.where(kind < 0, modes[session], kind),  # what is busy is told by its mode
        "session": session,
        "job": np.where(intervals["job"].is_null().to_numpy(), -1, np.arange(len(intervals))),
        "group": np.zeros(len(intervals), dtype=np.int64),
    }


def _modes(run: Run | SavedRun) -> Ticks:
    return _numbers(run.sessions["mode"], KINDS)


def _merged(segments: dict[str, Ticks], end: int, most: int) -> tuple[dict[str, Ticks], int]:
    """The segments and the cell within which they were merged, the smallest that leaves few enough."""
    if len(segments["start"]) <= most:
        return segments, 0
    merged, cell = segments, 0
    for cells in _CELLS:
        cell = -(-end // cells)
        merged = _merged_within(segments, cell)
        if len(merged["start"]) <= most:
            break
    return merged, cell


def _merged_within(segments: Mapping[str, Ticks], cell: int) -> dict[str, Ticks]:
    """Neighbours that lie in one cell become one segment for each session and kind, with their sum."""
    start, duration, qpu = segments["start"], segments["duration"], segments["qpu"]
    place = start // cell
    fits = (start + np.maximum(duration, 1) - 1) // cell == place
    follows = np.append(False, fits[1:] & fits[:-1] & (place[1:] == place[:-1]) & (qpu[1:] == qpu[:-1]))
    group = np.cumsum(~follows) - 1
    order = np.lexsort((segments["kind"], segments["session"], group))
    keys = [column[order] for column in (group, segments["session"], segments["kind"])]
    first = np.flatnonzero(np.append(True, np.any([key[1:] != key[:-1] for key in keys], axis=0)))
    sums = np.add.reduceat(duration[order], first)
    counts = np.diff(np.append(first, len(order)))
    of_group = keys[0][first]
    begins = np.append(True, of_group[1:] != of_group[:-1])
    sizes = np.bincount(group)[of_group]
    # a group begins where its first segment did; what stands for the rest comes one after the other
    before = np.cumsum(sums) - sums
    head = np.flatnonzero(begins)
    since = np.repeat(before[head], np.diff(np.append(head, len(begins))))
    return {
        "qpu": qpu[order][first],
        "start": start[np.flatnonzero(~follows)][of_group] + before - since,
        "duration": sums,
        "kind": keys[2][first],
        "session": keys[1][first],
        "job": np.where(counts == 1, segments["job"][order][first], -1),
        "group": np.where(sizes == 1, 0, np.where(begins, 1, 2)),
    }


def _queue(run: Run | SavedRun, qpus: Sequence[str], unit_us: int) -> dict[str, Ticks]:
    """The last of the changes of each tick."""
    qpu = _numbers(run.queue_length["qpu"], qpus)
    time, queued = _ticks(run.queue_length["time_us"], unit_us), run.queue_length["queued"].to_numpy()
    kept = np.append((qpu[1:] != qpu[:-1]) | (time[1:] != time[:-1]), True)[: len(time)]
    return {"qpu": qpu[kept], "time": time[kept], "queued": queued[kept]}


def where(columns: Mapping[str, Ticks], mask: npt.NDArray[np.bool_]) -> dict[str, Ticks]:
    """The rows of columns for which something is true."""
    return {name: column[mask] for name, column in columns.items()}


def open_sessions(timeline: Timeline) -> tuple[Ticks, Ticks]:
    """Each instant at which a session is created or closed, and how many are open from then on."""
    created, closed = (np.sort(timeline.sessions[name]) for name in ("created", "closed"))
    time = np.unique(np.append(created, closed))
    return time, np.searchsorted(created, time, side="right") - np.searchsorted(closed, time, side="right")


def highest(queue: Mapping[str, Ticks], cell: int) -> dict[str, Ticks]:
    """The largest length in each cell, from its start on, the one that it begins with included."""
    parts: list[dict[str, Ticks]] = []
    for qpu in np.unique(queue["qpu"]):
        time, queued = (queue[name][queue["qpu"] == qpu] for name in ("time", "queued"))
        cells, first = np.unique(time // cell, return_index=True)
        last = np.append(first[1:], len(time)) - 1
        highest = np.maximum.reduceat(queued, first)
        highest[1:] = np.maximum(highest[1:], queued[last[:-1]])
        # an empty cell after a full one goes on with what was last
        gap = np.flatnonzero(np.append(np.diff(cells) > 1, True))
        time = np.append(cells * cell, (cells[gap] + 1) * cell)
        queued = np.append(highest, queued[last[gap]])
        order = np.argsort(time, kind="stable")
        parts.append({"qpu": np.full(len(order), qpu), "time": time[order], "queued": queued[order]})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _sessions(run: Run | SavedRun, qpus: Sequence[str], unit_us: int, end: int) -> dict[str, Ticks]:
    closed = _ticks(run.sessions["closed_us"], unit_us)
    return {
        "mode": _modes(run),
        "qpu": _numbers(run.sessions["qpu"], qpus),
        "created": _ticks(run.sessions["created_us"], unit_us),
        "closed": np.where(closed < 0, end, closed),
    }


def _waits(run: Run | SavedRun, sessions: Sequence[str], unit_us: int, end: int) -> dict[str, Ticks]:
    import polars as pl

    jobs = run.jobs.filter(
        pl.col("session").is_not_null() & (pl.col("status").cast(pl.String) != "REJECTED")
    ).select("session", "submitted_us", left_us=pl.coalesce("started_us", "completed_us"))
    session = _numbers(jobs["session"], sessions)
    start, left = _ticks(jobs["submitted_us"], unit_us), _ticks(jobs["left_us"], unit_us)
    # each session has its own stretch of the line of numbers, so that one union is all of them
    place = session * (end + 2)
    waiting = union(place + start, place + np.where(left < 0, end, left))
    owner = waiting.start_us // (end + 2)
    return {
        "session": owner,
        "start": waiting.start_us - owner * (end + 2),
        "duration": waiting.end_us - waiting.start_us,
    }


def _marks(run: Run | SavedRun, sessions: Sequence[str], unit_us: int) -> dict[str, Ticks]:
    import polars as pl

    event = pl.col("event").cast(pl.String)
    marks = run.transitions.filter(
        event.is_in(list(MARKS)) & (pl.col("from_state").cast(pl.String) != "closed")
    ).select("session", "time_us", word=event.replace_strict(MARKS, default="", return_dtype=pl.String))
    return {
        "session": _numbers(marks["session"], sessions),
        "time": _ticks(marks["time_us"], unit_us),
        "word": _numbers(marks["word"], list(GLYPHS)),
    }

"""A small run as a picture: a lane for job mode and one for each session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from qsession_sim.cli.console import print_line, uses_unicode
from qsession_sim.cli.readable import shortened
from qsession_sim.results.intervals import IntervalKind, accepted_jobs, interval_columns
from qsession_sim.results.record import Record
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import DAY, HOUR, MINUTE, SECOND, format_duration

MOST_JOBS: Final = 30
_MOST_LANES: Final = 12
_LONGEST_LABEL: Final = 16
_WIDEST: Final = 100
_LEAST_BETWEEN_MARKS: Final = 9
_MARKS_US: Final = tuple(
    count * unit
    for unit, counts in (
        (SECOND, (1, 2, 5, 10, 15, 30)),
        (MINUTE, (1, 2, 5, 10, 15, 30)),
        (HOUR, (1, 2, 3, 6, 12)),
        (DAY, (1, 2, 5, 10, 30, 100, 365)),
    )
    for count in counts
)

Stretch = tuple[int, int]
"""Start and end in microseconds."""


@dataclass(frozen=True)
class _Signs:
    nothing: str
    waiting: str
    held: str
    busy: str


_UNICODE: Final = _Signs(nothing=" ", waiting="·", held="░", busy="█")
_ASCII: Final = _Signs(nothing=" ", waiting=".", held="-", busy="#")


def print_timeline(console: Console, record: Record) -> None:
    """Print who waited for the QPU, held it and ran on it when.

    Nothing for a run that is too large for a screen, or in which no job was accepted.
    """
    lanes = _lanes(record)
    if not lanes or record.end_us == 0 or len(record.workload.jobs) > MOST_JOBS or len(lanes) > _MOST_LANES:
        return
    signs = _UNICODE if uses_unicode(console) else _ASCII
    labels = {lane: shortened(name, _LONGEST_LABEL, "") for lane, name in lanes.items()}
    margin = max(cell_len(label) for label in labels.values()) + 2
    width = min(console.width, _WIDEST) - margin
    console.print()
    print_line(console, "Timeline", "bold")
    stretches = [
        (signs.waiting, list(_waiting(record))),
        (signs.held, list(_intervals(record, IntervalKind.HELD))),
        (signs.busy, list(_intervals(record, IntervalKind.BUSY))),
    ]
    for lane, label in labels.items():
        cells = [signs.nothing] * width
        for sign, owned in stretches:
            _paint(cells, sign, (stretch for owner, stretch in owned if owner == lane), record.end_us)
        print_line(console, (set_cell_size(label, margin) + "".join(cells)).rstrip())
    print_line(console, " " * margin + _axis(width, record.end_us))
    legend = f"{signs.busy} running  {signs.held} held, idle  {signs.waiting} waiting"
    print_line(console, " " * max(min(margin, console.width - len(legend)), 0) + legend)


def _lanes(record: Record) -> dict[int, str]:
    """Sessions by number in order of their first submission; job mode, if there is any, is NEVER."""
    jobs = accepted_jobs(record)
    jobs = jobs[np.argsort(record.submitted_us[jobs], kind="stable")]
    names = [name for block in record.workload.session_names for name in block]
    used = dict.fromkeys(record.job_session[jobs].tolist())
    lanes = {NEVER: "job mode"} if NEVER in used else {}
    return lanes | {number: names[number] for number in used if number != NEVER}


def _waiting(record: Record) -> Iterator[tuple[int, Stretch]]:
    for job in accepted_jobs(record).tolist():
        left_us = int(record.started_us[job])
        if left_us < 0:
            left_us = int(record.ended_us[job])
        until_us = record.end_us if left_us < 0 else left_us
        yield int(record.job_session[job]), (int(record.submitted_us[job]), until_us)


def _intervals(record: Record, kind: IntervalKind) -> Iterator[tuple[int, Stretch]]:
    columns = interval_columns(record)
    chosen = columns["kind"] == kind
    names = ("session", "start_us", "end_us")
    for session, start_us, end_us in zip(*(columns[name][chosen].tolist() for name in names), strict=True):
        yield session, (start_us, end_us)


def _paint(cells: list[str], sign: str, stretches: Iterable[Stretch], end_us: int) -> None:
    """Fill the cells of each stretch, at least one, both ends rounded alike so that neighbours meet."""
    for start_us, until_us in stretches:
        if until_us > start_us:
            first = min(round(start_us * len(cells) / end_us), len(cells) - 1)
            behind = max(round(until_us * len(cells) / end_us), first + 1)
            cells[first:behind] = sign * (behind - first)


def _axis(width: int, end_us: int) -> str:
    """Marks at round times, as close as they can be read."""
    apart_us = _LEAST_BETWEEN_MARKS * end_us / width
    step_us = next((step_us for step_us in _MARKS_US if step_us >= apart_us), None)
    axis = ""
    for time_us in () if step_us is None else range(0, end_us, step_us):
        mark = f"|{format_duration(time_us)}"
        place = round(time_us * width / end_us)
        if place + len(mark) <= width:
            axis = axis.ljust(place) + mark
    return axis

"""A small run as a picture: for each QPU a lane for job mode and one for each session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from qsession_sim.cli.console import print_line, uses_unicode
from qsession_sim.cli.readable import shortened
from qsession_sim.results.intervals import IntervalKind, interval_columns
from qsession_sim.results.periods import Periods, busy_periods, down_periods
from qsession_sim.results.record import Record
from qsession_sim.results.stays import accepted_jobs, job_qpu, queue_stays, queued_jobs
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

Lane = tuple[int, int]
"""A QPU, and a session, NEVER for job mode or _DOWN for its windows."""

_DOWN: Final = -2


@dataclass(frozen=True)
class _Signs:
    nothing: str
    waiting: str
    held: str
    busy: str
    down: str


_UNICODE: Final = _Signs(nothing=" ", waiting="·", held="░", busy="█", down="▼")
_ASCII: Final = _Signs(nothing=" ", waiting=".", held="-", busy="#", down="x")


def print_timeline(console: Console, record: Record) -> None:
    """Print who waited for a QPU, held it and ran on it when, and when it was down.

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
        (signs.held, list(_held(record))),
        (signs.busy, list(_busy(record))),
        (signs.down, list(_down(record))),
    ]
    for qpu, name in enumerate(record.qpus):
        theirs = [lane for lane in lanes if lane[0] == qpu]
        if len(record.qpus) > 1 and theirs:
            print_line(console, name)
        for lane in theirs:
            cells = [signs.nothing] * width
            for sign, owned in stretches:
                _paint(cells, sign, (stretch for owner, stretch in owned if owner == lane), record.end_us)
            print_line(console, (set_cell_size(labels[lane], margin) + "".join(cells)).rstrip())
    print_line(console, " " * margin + _axis(width, record.end_us))
    legend = f"{signs.busy} running  {signs.held} held, idle  {signs.waiting} waiting"
    if any(owner == _DOWN for _, owner in lanes):
        legend += f"  {signs.down} down"
    indent = max(min(margin, console.width - cell_len(legend)), 0)
    print_line(console, " " * indent + legend)


def _lanes(record: Record) -> dict[Lane, str]:
    """For each QPU its windows, job mode and its sessions by first submission, each if there is any."""
    jobs = accepted_jobs(record)
    if len(jobs) == 0:
        return {}
    jobs = jobs[np.argsort(record.submitted_us[jobs], kind="stable")]
    names = [name for block in record.workload.session_names for name in block]
    used = list(zip(job_qpu(record, jobs).tolist(), record.job_session[jobs].tolist(), strict=True))
    lanes: dict[Lane, str] = {}
    for qpu in range(len(record.qpus)):
        if len(down_periods(record, qpu).owner):
            lanes[qpu, _DOWN] = "down"
        if (qpu, NEVER) in used:
            lanes[qpu, NEVER] = "job mode"
        lanes |= {lane: names[lane[1]] for lane in used if lane[0] == qpu and lane[1] != NEVER}
    return lanes


def _waiting(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    for qpu in range(len(record.qpus)):
        session = record.job_session[queued_jobs(record, qpu)]
        entered_us, left_us = queue_stays(record, qpu)
        until_us = np.where(left_us < 0, record.end_us, left_us)
        yield from _in_lanes(qpu, Periods(session, entered_us, until_us))


def _held(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    columns = interval_columns(record)
    for qpu in range(len(record.qpus)):
        chosen = (columns["kind"] == IntervalKind.HELD) & (columns["qpu"] == qpu)
        session, start_us, end_us = (columns[name][chosen] for name in ("session", "start_us", "end_us"))
        yield from _in_lanes(qpu, Periods(session, start_us, end_us))


def _busy(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    for qpu in range(len(record.qpus)):
        busy = busy_periods(record, qpu)
        yield from _in_lanes(qpu, Periods(record.job_session[busy.owner], busy.start_us, busy.end_us))


def _down(record: Record) -> Iterator[tuple[Lane, Stretch]]:
    for qpu in range(len(record.qpus)):
        down = down_periods(record, qpu)
        yield from _in_lanes(qpu, Periods(np.full_like(down.owner, _DOWN), down.start_us, down.end_us))


def _in_lanes(qpu: int, periods: Periods) -> Iterator[tuple[Lane, Stretch]]:
    columns = (periods.owner, periods.start_us, periods.end_us)
    for owner, start_us, end_us in zip(*(column.tolist() for column in columns), strict=True):
        yield (qpu, owner), (start_us, end_us)


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

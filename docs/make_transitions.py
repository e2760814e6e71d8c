"""Write the diagrams and the tables of `semantics.md` that show the lives of sessions and of jobs.

They come from the two transition tables; run this after a change of one. With `--check` nothing is written,
and the exit status is 1 if the page or a diagram is stale. Another page can be named as the last argument.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import marked
import svg

from qsession_sim.scheduler.transitions import (
    ACCEPTS,
    JOB_REASON_OF,
    JOB_TABLE,
    SESSION_TABLE,
    STATE_OF,
    VISIBLE_CHANGES,
    JobEvent,
    SessionEvent,
    SessionPhase,
    Transition,
)
from qsession_sim.scheduler.vocabulary import PUBLIC_STATUS, JobStage

PAGE: Final = Path(__file__).parent / "semantics.md"
_TOP: Final = 84  # of the rows of a diagram, in pixels
_ROW: Final = 24

_YES_OR_NO: Final = {True: "yes", False: "no"}


@dataclass(frozen=True)
class Life:
    """What is drawn of one table."""

    name: str
    word: str  # for a state: phase, stage
    states: tuple[Any, ...]  # in the order in which they are shown
    events: type[IntEnum]
    table: Mapping[Any, Mapping[Any, Transition[Any, Any]]]
    label: Callable[[Any], tuple[str, ...]]  # its lines in the diagram
    columns: tuple[str, ...]  # of the table of states
    cells: Callable[[Any], tuple[str, ...]]
    last_column: str  # of the table of transitions
    last_cell: Callable[[Any, Any, Any], str]

    @property
    def picture(self) -> str:
        """The name of its diagram, from the page."""
        return f"pictures/life_of_{self.name}.svg"

    @property
    def begin(self) -> str:
        """The line before what is written."""
        return f"<!-- begin: {self.name}, written by make_transitions.py -->"

    @property
    def end(self) -> str:
        """The line after it."""
        return f"<!-- end: {self.name}, written by make_transitions.py -->"


def main(arguments: list[str]) -> int:
    """Write the page, or check it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is stale")
    parser.add_argument("page", nargs="?", type=Path, default=PAGE, help="the page with the markers")
    options = parser.parse_args(arguments)
    page = options.page.read_text(encoding="utf-8")
    try:
        for life in LIVES:
            page = marked.renew(page, life.begin, life.end, described(life))
    except ValueError as error:
        print(f"{options.page.name}: {error}", file=sys.stderr)
        return 1
    files = {options.page: page, **{options.page.parent / life.picture: diagram(life) for life in LIVES}}
    stale = [path for path, text in files.items() if not path.exists() or path.read_bytes() != text.encode()]
    if options.check:
        for path in stale:
            print(f"{path.name} is stale; run {Path(__file__).name}", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path], encoding="utf-8", newline="\n")
    return 0


def described(life: Life) -> str:
    """What the page says of a transition table."""
    caption = f"A column for each {life.word}, an arrow for each change of it, with the events that cause it"
    picture = [f"![{caption}]({life.picture})"]
    parts = (_states(life), picture, _pairs(life), _transitions(life))
    return "\n\n".join("\n".join(part) for part in parts)


def _states(life: Life) -> Iterator[str]:
    yield _row(life.word, *life.columns)
    yield "|---" * (len(life.columns) + 1) + "|"
    for state in life.states:
        yield _row(f"`{state.name}`", *life.cells(state))


def diagram(life: Life) -> str:
    """The whole SVG: a column for each state, and below them a row for each change from one to another."""
    changes = [
        (before, entry.after, event.name)
        for before, event, entry in _entries(life)
        if entry.after is not before
    ]
    changes.sort(key=lambda change: tuple(map(life.states.index, change[:2])))
    labels = [life.label(state) for state in life.states]
    wide = max(len(row) for rows in labels for row in rows) * svg.LETTER + 12
    centre = {state: 8 + wide / 2 + number * (wide + 8) for number, state in enumerate(life.states)}
    groups = [
        (before, after, ", ".join(event for _, _, event in group))
        for (before, after), group in groupby(changes, key=lambda change: change[:2])
    ]
    width, height = 8 + len(life.states) * (wide + 8), _TOP + (len(groups) + 0.5) * _ROW
    parts = [svg.line(x, _TOP - _ROW, x, height) for x in centre.values()]
    parts += [
        svg.box(centre[state] - wide / 2, 8, wide, _TOP - _ROW - 8, rows)
        for state, rows in zip(life.states, labels, strict=True)
    ]
    for number, (before, after, events) in enumerate(groups, 1):
        start, end, y = centre[before], centre[after], _TOP + number * _ROW - 8
        left, long = min(start, end), len(events) * svg.LETTER
        label = svg.text(min(left + 8, width - long - 8), y - 5, events, "start")
        title = f"<title>{before.name} to {after.name}: {events}</title>"
        parts.append(f"<g>{title}{svg.line(start, y, end, y, arrow=True)}{label}</g>")
    return svg.document(width, height, f"The life of {life.name}, from {life.word} to {life.word}", parts)


def _pairs(life: Life) -> Iterator[str]:
    yield _row(f"event \\ {life.word}", *(f"`{state.name}`" for state in life.states))
    yield "|---" * (len(life.states) + 1) + "|"
    for event in life.events:
        yield _row(f"`{event.name}`", *(_next(state, life.table[state].get(event)) for state in life.states))


def _transitions(life: Life) -> Iterator[str]:
    yield _row(life.word, "event", f"next {life.word}", "actions, in order", life.last_column)
    yield "|---|---|---|---|---|"
    for before, event, entry in _entries(life):
        actions = ", ".join(f"`{action.name}`" for action in entry.actions) or "none"
        yield _row(
            f"`{before.name}`",
            f"`{event.name}`",
            f"`{entry.after.name}`",
            actions,
            life.last_cell(before, event, entry.after),
        )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _entries(life: Life) -> Iterator[tuple[Any, Any, Transition[Any, Any]]]:
    """All legal pairs, in the order of states and events."""
    for state in life.states:
        for event in life.events:
            if event in life.table[state]:
                yield state, event, life.table[state][event]


def _next(state: Any, entry: Transition[Any, Any] | None) -> str:
    if entry is None:
        return "illegal"
    return "stays" if entry.after is state else f"`{entry.after.name}`"


def _session_state(phase: SessionPhase) -> str:
    state = STATE_OF[phase]
    return "none" if state is None else state.name.lower()


def _lines(state: Any, seen: str) -> tuple[str, ...]:
    """The name on one or two lines, and what users see of it."""
    first, mark, second = state.name.partition("_")
    return (*((f"{first}{mark}", second) if mark else (first,)), seen.lower())


def _status(stage: JobStage) -> str:
    return "none" if stage is JobStage.PLANNED else f"`{PUBLIC_STATUS[stage].name}`"


def _reason(before: JobStage, event: JobEvent, after: JobStage) -> str:
    if event is JobEvent.REJECT:
        return "that of S20"
    reason = None if after is before else JOB_REASON_OF.get(event)
    return "none" if reason is None else f"`{reason.name}`"


LIVES: Final = (
    Life(
        name="sessions",
        word="phase",
        states=tuple(SessionPhase),
        events=SessionEvent,
        table=SESSION_TABLE,
        label=lambda phase: _lines(phase, _session_state(phase)),
        columns=("public state", "`accepting_jobs`"),
        cells=lambda phase: (_session_state(phase), _YES_OR_NO[phase in ACCEPTS]),
        last_column="in the table `transitions`",
        last_cell=lambda before, _event, after: _YES_OR_NO[(before, after) in VISIBLE_CHANGES],
    ),
    Life(
        name="jobs",
        word="stage",
        states=tuple(JOB_TABLE),
        events=JobEvent,
        table=JOB_TABLE,
        label=lambda stage: _lines(stage, _status(stage).strip("`")),
        columns=("status", "queued or running (S41)"),
        cells=lambda stage: (_status(stage), _QUEUED_OR_RUNNING.get(stage, "neither")),
        last_column="reason",
        last_cell=_reason,
    ),
)

_QUEUED_OR_RUNNING: Final = {
    **{stage: "queued" for stage, row in JOB_TABLE.items() if JobEvent.SESSION_CANCEL in row},
    JobStage.RUNNING: "running",
    JobStage.POST_PROCESSING: "running",
}
"""What ends with its session is queued."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Write the diagrams and the tables of `semantics.md` that show the lives of sessions and of jobs.

They come from the two transition tables; run this after a change of one. With `--check` nothing is written,
and the exit status is 1 if the page is stale. Another page can be named as the last argument.
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

_YES_OR_NO: Final = {True: "yes", False: "no"}


@dataclass(frozen=True)
class Life:
    """What is drawn of one table."""

    name: str
    word: str  # for a state: phase, stage
    states: tuple[Any, ...]  # in the order in which they are shown; the first is not in the diagram
    ends: tuple[Any, ...]
    events: type[IntEnum]
    table: Mapping[Any, Mapping[Any, Transition[Any, Any]]]
    label: Callable[[Any], str]  # in the diagram
    columns: tuple[str, ...]  # of the table of states
    cells: Callable[[Any], tuple[str, ...]]
    last_column: str  # of the table of transitions
    last_cell: Callable[[Any, Any, Any], str]

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
    text = fresh = options.page.read_text(encoding="utf-8")
    try:
        for life in LIVES:
            fresh = renew(fresh, life)
    except ValueError as error:
        print(f"{options.page.name}: {error}", file=sys.stderr)
        return 1
    if options.check and text != fresh:
        print(f"{options.page.name} is stale; run {Path(__file__).name}", file=sys.stderr)
        return 1
    if not options.check:
        options.page.write_text(fresh, encoding="utf-8", newline="\n")
    return 0


def renew(text: str, life: Life) -> str:
    """Put what a transition table says between its markers of a page.

    Raises:
        ValueError: if a marker is not there exactly once, or they are in the wrong order.
    """
    begin, end = life.begin, life.end
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"needs one line {begin!r} and, after it, one line {end!r}")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    parts = (_states(life), _diagram(life), _pairs(life), _transitions(life))
    written = "\n\n".join("\n".join(part) for part in parts)
    return f"{before}{begin}\n\n{written}\n\n{end}{after}"


def _states(life: Life) -> Iterator[str]:
    yield _row(life.word, *life.columns)
    yield "|---" * (len(life.columns) + 1) + "|"
    for state in life.states:
        yield _row(f"`{state.name}`", *life.cells(state))


def _diagram(life: Life) -> Iterator[str]:
    def node(state: Any) -> str:
        return "[*]" if state is life.states[0] else str(state.name)

    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    direction TB"
    for state in life.states[1:]:
        yield f"    {state.name} : {life.label(state)}"
    changes = [
        (before, entry.after, event.name)
        for before, event, entry in _entries(life)
        if entry.after is not before
    ]
    changes.sort(key=lambda change: tuple(map(life.states.index, change[:2])))
    for (before, after), group in groupby(changes, key=lambda change: change[:2]):
        events = ", ".join(event for _, _, event in group)
        yield f"    {node(before)} --> {node(after)} : {events}"
    for state in life.ends:
        yield f"    {state.name} --> [*]"
    yield "```"


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


def _session_label(phase: SessionPhase) -> str:
    refuses = phase not in ACCEPTS and phase is not SessionPhase.CLOSED
    return f"{phase.name} ({_session_state(phase)}{', accepts no jobs' if refuses else ''})"


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
        ends=(SessionPhase.CLOSED,),
        events=SessionEvent,
        table=SESSION_TABLE,
        label=_session_label,
        columns=("public state", "`accepting_jobs`"),
        cells=lambda phase: (_session_state(phase), _YES_OR_NO[phase in ACCEPTS]),
        last_column="in the table `transitions`",
        last_cell=lambda before, _event, after: _YES_OR_NO[(before, after) in VISIBLE_CHANGES],
    ),
    Life(
        name="jobs",
        word="stage",
        states=tuple(JOB_TABLE),
        ends=(JobStage.DONE, JobStage.CANCELLED, JobStage.ERROR, JobStage.REJECTED),
        events=JobEvent,
        table=JOB_TABLE,
        label=lambda stage: f"{stage.name} ({PUBLIC_STATUS[stage].name.lower()})",
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

"""Write the diagram and the tables of `semantics.md` that show the life of a session.

They come from the transition table; run this after a change of it. With `--check` nothing is written, and the
exit status is 1 if the page is stale. Another page can be named as the last argument.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from qsession_sim.scheduler.transitions import (
    ACCEPTS,
    SESSION_TABLE,
    STATE_OF,
    VISIBLE_CHANGES,
    SessionEvent,
    SessionPhase,
    Transition,
)

PAGE: Final = Path(__file__).parent / "semantics.md"
BEGIN: Final = "<!-- begin: written by make_transitions.py -->"
END: Final = "<!-- end: written by make_transitions.py -->"

_YES_OR_NO: Final = {True: "yes", False: "no"}


def main(arguments: list[str]) -> int:
    """Write the page, or check it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is stale")
    parser.add_argument("page", nargs="?", type=Path, default=PAGE, help="the page with the two markers")
    options = parser.parse_args(arguments)
    text = options.page.read_text(encoding="utf-8")
    try:
        fresh = renew(text)
    except ValueError as error:
        print(f"{options.page.name}: {error}", file=sys.stderr)
        return 1
    if options.check and text != fresh:
        print(f"{options.page.name} is stale; run {Path(__file__).name}", file=sys.stderr)
        return 1
    if not options.check:
        options.page.write_text(fresh, encoding="utf-8", newline="\n")
    return 0


def renew(text: str) -> str:
    """Put what the transition table says between the markers of a page.

    Raises:
        ValueError: if a marker is not there exactly once, or they are in the wrong order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ValueError(f"needs one line {BEGIN!r} and, after it, one line {END!r}")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    parts = (_phases(), _diagram(), _pairs(), _transitions())
    written = "\n\n".join("\n".join(part) for part in parts)
    return f"{before}{BEGIN}\n\n{written}\n\n{END}{after}"


def _phases() -> Iterator[str]:
    yield "| phase | public state | `accepting_jobs` |"
    yield "|---|---|---|"
    for phase in SessionPhase:
        yield f"| `{phase.name}` | {_state(phase)} | {_YES_OR_NO[phase in ACCEPTS]} |"


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    direction TB"
    for phase in SessionPhase:
        if phase is not SessionPhase.ABSENT:
            yield f"    {phase.name} : {_label(phase)}"
    changes = [
        (before, transition.phase, event.name)
        for before, event, transition in _entries()
        if transition.phase is not before
    ]
    changes.sort(key=_ends)
    for (before, after), group in groupby(changes, key=_ends):
        events = ", ".join(event for _, _, event in group)
        yield f"    {_node(before)} --> {after.name} : {events}"
    yield f"    {SessionPhase.CLOSED.name} --> [*]"
    yield "```"


def _pairs() -> Iterator[str]:
    columns = [f"`{phase.name}`" for phase in SessionPhase]
    yield f"| event \\ phase | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for event in SessionEvent:
        cells = [_next_phase(phase, SESSION_TABLE[phase].get(event)) for phase in SessionPhase]
        yield f"| `{event.name}` | {' | '.join(cells)} |"


def _transitions() -> Iterator[str]:
    yield "| phase | event | next phase | actions, in order | in the table `transitions` |"
    yield "|---|---|---|---|---|"
    for before, event, transition in _entries():
        actions = ", ".join(f"`{action.name}`" for action in transition.actions) or "none"
        visible = _YES_OR_NO[(before, transition.phase) in VISIBLE_CHANGES]
        yield f"| `{before.name}` | `{event.name}` | `{transition.phase.name}` | {actions} | {visible} |"


def _entries() -> Iterator[tuple[SessionPhase, SessionEvent, Transition]]:
    """All legal pairs, in the order of the two enumerations."""
    for phase in SessionPhase:
        for event in SessionEvent:
            if event in SESSION_TABLE[phase]:
                yield phase, event, SESSION_TABLE[phase][event]


def _ends(change: tuple[SessionPhase, SessionPhase, str]) -> tuple[SessionPhase, SessionPhase]:
    return change[:2]


def _next_phase(phase: SessionPhase, transition: Transition | None) -> str:
    if transition is None:
        return "illegal"
    return "stays" if transition.phase is phase else f"`{transition.phase.name}`"


def _node(phase: SessionPhase) -> str:
    return "[*]" if phase is SessionPhase.ABSENT else phase.name


def _label(phase: SessionPhase) -> str:
    refuses = phase not in ACCEPTS and phase is not SessionPhase.CLOSED
    return f"{phase.name} ({_state(phase)}{', accepts no jobs' if refuses else ''})"


def _state(phase: SessionPhase) -> str:
    state = STATE_OF[phase]
    return "none" if state is None else state.name.lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

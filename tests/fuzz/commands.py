"""Commands in this process: what they print, and what nothing may print."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unicodedata import category

from qsession_sim.cli.main import main
from qsession_sim.cli.terminal import LONGEST_LINE

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that move the cursor, reverse letters or cannot be seen."""


DATA = {"json", "csv", "markdown", "latex"}
"""Formats for other programs."""


@dataclass(frozen=True)
class Ending:
    """How a command ended, and what it printed, for people or for other programs."""

    status: int
    out: str
    err: str
    for_programs: bool


def carry_out(*arguments: str) -> Ending:
    """Run a command; an exception that it does not turn into a status is raised."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(list(arguments))
    for_programs = not DATA.isdisjoint(arguments) or arguments[:2] == ("scenario", "resolve")
    return Ending(status, out.getvalue(), err.getvalue(), for_programs)


def check_printed(ending: Ending) -> None:
    """Nothing that was printed controls a terminal, and people can read the lines; values for programs are whole."""
    for text in (ending.out, ending.err):
        hidden = {letter for letter in text if letter != "\n" and category(letter) in UNSEEN}
        assert not hidden, (hidden, text)
    lines = (ending.err if ending.for_programs else ending.out + ending.err).split("\n")
    assert max(map(len, lines)) <= LONGEST_LINE
    assert "Traceback" not in ending.err

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


@dataclass(frozen=True)
class Ending:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def carry_out(*arguments: str) -> Ending:
    """Run a command; an exception that it does not turn into a status is raised."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(list(arguments))
    return Ending(status, out.getvalue(), err.getvalue())


def check_printed(ending: Ending) -> None:
    """Nothing that was printed controls a terminal, and lines can be read; values in JSON are whole."""
    for text in (ending.out, ending.err):
        hidden = {letter for letter in text if letter != "\n" and category(letter) in UNSEEN}
        assert not hidden, (hidden, text)
    lines = ending.err.splitlines() if ending.out.startswith("{") else (ending.out + ending.err).splitlines()
    assert max(map(len, lines), default=0) <= LONGEST_LINE
    assert "Traceback" not in ending.err

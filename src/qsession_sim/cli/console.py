"""Where output goes: a terminal in its own width, or a pipe without colours."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

PIPE_WIDTH: Final = 100
"""Characters in a line where there is no terminal and COLUMNS does not say."""

_NARROWEST: Final = 24


class _Output(Console):
    """A console that leaves a closed pipe to the caller; the base class would exit on its own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def output() -> Console:
    """Standard output."""
    return _console(sys.stdout)


def errors() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def uses_unicode(console: Console) -> bool:
    """Whether more than ASCII can be shown."""
    return console.encoding.lower().startswith("utf")


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print a line, wrapped between words where it is too long, without spaces at the end."""
    for line in Text(text, style=style).wrap(console, console.width):
        line.rstrip()
        console.print(line)


def _console(file: TextIO) -> Console:
    return _Output(file=file, width=_width(file), highlight=False, markup=False, emoji=False)


def _width(file: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else 0
    if width == 0:
        try:
            width = os.get_terminal_size(file.fileno()).columns
        except (OSError, ValueError, AttributeError):
            width = 0
    return max(width or PIPE_WIDTH, _NARROWEST)

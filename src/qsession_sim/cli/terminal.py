"""What a command tells beside its result, on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from qsession_sim.cli.readable import one_line, shortened
from qsession_sim.scenario.load import Scenario

# -- Where output goes: a terminal in its own width, or a pipe without colours.

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


# -- Tables that fit any width: columns that find no room continue below.

_GAP: Final = 2
_LONGEST_LABEL: Final = 34
_SHORTEST_LABEL: Final = 8


@dataclass(frozen=True)
class Column:
    """A heading, and a text for each row."""

    heading: str
    cells: tuple[str, ...]
    to_the_right: bool = True

    @property
    def width(self) -> int:
        """Terminal cells of the longest text."""
        return max(cell_len(text) for text in (self.heading, *self.cells))


def longest_label(width: int) -> int:
    """Characters that the name of a row may have in a table of this width.

    Example:
        >>> longest_label(80), longest_label(200)
        (26, 34)
    """
    return max(min(_LONGEST_LABEL, width // 3), _SHORTEST_LABEL)


def print_columns(console: Console, labels: Column, columns: Sequence[Column]) -> None:
    """Print a table. Where the columns do not fit, it continues below, and the labels of the rows again.

    Args:
        console: where to.
        labels: the first column, which names the rows; long ones are cut.
        columns: the others; each has as many cells as `labels`.
    """
    longest = longest_label(console.width)
    ellipsis = "…" if uses_unicode(console) else "..."
    cells = tuple(shortened(text, longest, ellipsis) for text in labels.cells)
    labels = Column(labels.heading, cells, to_the_right=False)
    for index, part in enumerate(_parts(console.width - labels.width, columns)):
        if index:
            console.print()
        _print_part(console, (labels, *part))


def _parts(width: int, columns: Sequence[Column]) -> Iterator[list[Column]]:
    part: list[Column] = []
    used = 0
    for column in columns:
        needed = column.width + _GAP
        if part and used + needed > width:
            yield part
            part, used = [], 0
        part.append(column)
        used += needed
    if part:
        yield part


def _print_part(console: Console, columns: Sequence[Column]) -> None:
    rows = zip(*((column.heading, *column.cells) for column in columns), strict=True)
    for index, row in enumerate(rows):
        line = (" " * _GAP).join(_padded(text, column) for text, column in zip(row, columns, strict=True))
        console.print(Text(line.rstrip(), style="" if index else "bold", no_wrap=True, overflow="crop"))


def _padded(text: str, column: Column) -> str:
    if column.to_the_right:
        return " " * (column.width - cell_len(text)) + text
    return set_cell_size(text, column.width)


# -- Printing of JSON documents.


def print_json(text: str) -> None:
    """Print a JSON document as UTF-8, whatever the locale; what UTF-8 cannot hold is escaped as JSON does."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.stdout.write(text)


def print_warnings(scenario: Scenario) -> None:
    """Print what the service would warn of (S23)."""
    for warning in scenario.warnings:
        typer.echo(one_line(f"warning: {warning}"), err=True)

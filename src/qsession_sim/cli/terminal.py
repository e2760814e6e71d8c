"""The one door to the terminal: everything that commands print, and the bars that show how far they are.

What comes from files and options is data: `_safe` and `seen_json` escape what would move the cursor, set a
title or reverse the order of letters.

Results go to standard output, all else to standard error. Lines are as wide as the terminal, or as COLUMNS
says; colours and bars are for terminals only.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TextIO

from qsession_sim.cli.interrupts import raise_lost_interrupt

if TYPE_CHECKING:
    from rich.console import Console

    from qsession_sim.experiment.store import StudyProgress
    from qsession_sim.report.progress import RunBar, StudyBar
    from qsession_sim.report.rows import Document
    from qsession_sim.report.text import Line
    from qsession_sim.scenario.load import Scenario

PIPE_WIDTH: Final = 100
"""Characters in a line where there is no terminal and COLUMNS does not say."""

_NARROWEST: Final = 24
_STYLES: Final = {"": "", "strong": "bold", "warning": "yellow"}
"""By the emphasis of a line."""


# results

FORMATS: Final = ("table", "json")
"""What `--format` takes: all tables for people, or one document for programs."""

TABLE_FORMATS: Final = ("csv", "markdown", "latex")
"""What it takes besides where one table can be printed."""


def show(
    output_format: str,
    document: Callable[[], Document],
    values: Callable[[], Mapping[str, Any]],
    tables: Callable[[], Document] = tuple,
    table: str | None = None,
    *,
    wide: bool = False,
) -> None:
    """Print a result in a format.

    Args:
        output_format: one of `FORMATS` or `TABLE_FORMATS`.
        document: what people read.
        values: all of it, as JSON values.
        tables: with all their rows, for formats that have one of them.
        table: the name of that one; None: the first.
        wide: lines are as long as they are where nobody says how wide it is.
    """
    if output_format == "json":
        from qsession_sim.results.bundle import json_text

        show_json(json_text(values()))
    elif output_format == "table":
        show_document(document(), wide=wide)
    else:
        from qsession_sim.report.tables import WRITERS, table_of

        say(WRITERS[output_format](table_of(tables(), table)).removesuffix("\n"), longest=None)


def show_document(document: Document, *, wide: bool = False) -> None:
    """Print rows as text."""
    from qsession_sim.report.text import Page, lines_of

    console = output()
    if wide and _known_width(sys.stdout) == 0:
        for line in lines_of(document, Page()):
            say(line.text)
        return
    for line in lines_of(document, Page(console.width, console.encoding.lower().startswith("utf"))):
        print_line(console, line)


def print_line(console: Console, line: Line) -> None:
    """Print a line that is no wider than the console; if it is, the rest is cut off."""
    from rich.text import Text

    text = Text(_safe(line.text), style=_STYLES[line.emphasis], no_wrap=True, overflow="crop")
    console.print(text)


def show_json(text: str) -> None:
    """Print a JSON document as UTF-8, whatever the locale; what UTF-8 cannot hold is escaped as JSON does."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    from qsession_sim.report.text import seen_json

    sys.stdout.write(seen_json(text))


LONGEST_LINE: Final = 500
"""Characters in a line; what is longer, such as a name that fills a file, loses its middle."""


def say(text: str, longest: int | None = LONGEST_LINE) -> None:
    """Print lines on standard output; with `longest` None as long as they are, for other programs."""
    print("\n".join(_safe(line, longest) for line in text.split("\n")), flush=True)


def say_folded(text: str, indent: int = 0) -> None:
    """Print a sentence, in several lines where it is wider than the terminal."""
    from textwrap import wrap

    width = _known_width(sys.stdout) or LONGEST_LINE
    margin, wider = " " * indent, " " * (indent + 2)
    say("\n".join(wrap(text, max(width, _NARROWEST), initial_indent=margin, subsequent_indent=wider)))


def _safe(line: str, longest: int | None = LONGEST_LINE) -> str:
    """A line that does nothing to a terminal, whatever files hold, and is not too long to be read."""
    from qsession_sim.report.text import one_line, short_name

    shown = one_line(line)
    return shown if longest is None else short_name(shown, "…", longest)


# warnings, notes and errors


def note(text: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is not None:
        print(_safe(text), file=sys.stderr)


def note_warnings(scenario: Scenario) -> None:
    """Print what the service would warn of (S23)."""
    for warning in scenario.warnings:
        note(f"warning: {warning}")


def note_memory(scenario: Scenario) -> None:
    """Print how much memory a run needs, if that is more than is free."""
    from qsession_sim.workload.describe import memory_warning

    warning = memory_warning(scenario.resolved)
    if warning is not None:
        note(f"warning: {warning}")


# consoles


def output() -> Console:
    """Standard output."""
    return _console(sys.stdout)


def errors() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    from rich.console import Console

    class Output(Console):
        """A console that leaves a closed pipe to the caller; the base class would exit on its own."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Output(file=file, width=_width(file), highlight=False, markup=False, emoji=False)


def _width(file: TextIO) -> int:
    return max(_known_width(file) or PIPE_WIDTH, _NARROWEST)


def _known_width(file: TextIO) -> int:
    """What COLUMNS says, or else the terminal; 0 if neither does."""
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else 0
    if width == 0:
        try:
            width = os.get_terminal_size(file.fileno()).columns
        except (OSError, ValueError, AttributeError):
            width = 0
    return width


# progress

PATIENCE_SECONDS: Final = 1.0
"""What takes less time shows no bar."""


@contextmanager
def _bar(patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Callable[[str, float | None], None] | None]:
    """What draws a text and a share as a bar on standard error; None if that is not a terminal.

    The bar appears after that time, and disappears at the end.
    """
    console = errors()
    if not console.is_terminal:
        yield None
        return

    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn()
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("simulating", total=None)
    begins_seconds = time.monotonic() + patience_seconds

    def draw(text: str, share: float | None) -> None:
        if time.monotonic() >= begins_seconds:
            total = None if share is None else 1.0
            bar.update(task, completed=share or 0.0, total=total, description=text)
            bar.start()

    try:
        yield draw
    finally:
        bar.stop()


@contextmanager
def run_progress(
    horizon_us: int | None, patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[RunBar | None]:
    """What to give to `simulate` as `progress`; None if standard error is not a terminal.

    Args:
        horizon_us: where the run stops; None: when there is nothing left to do.
        patience_seconds: the bar appears after that time.
    """
    with _bar(patience_seconds) as draw:
        if draw is None:
            yield None
            return
        from qsession_sim.report.progress import RunBar

        yield RunBar(horizon_us, draw)


class StudyCount:
    """What a study calls after each run: remembers how far it is, and shows it if there is a bar."""

    def __init__(self, bar: StudyBar | None = None) -> None:
        self.done = 0
        self.total: int | None = None
        self._bar = bar

    def __call__(self, progress: StudyProgress) -> None:
        """Show how far the study is; at the latest here Ctrl-C takes effect."""
        self.done, self.total = progress.done, progress.total
        raise_lost_interrupt()
        if self._bar is not None:
            self._bar(progress)


@contextmanager
def study_progress(*, quiet: bool) -> Iterator[StudyCount]:
    """What to give to a study as `progress`; it shows nothing if `quiet`, or without a terminal."""
    with nullcontext() if quiet else _bar() as draw:
        if draw is None:
            yield StudyCount()
            return
        from qsession_sim.report.progress import StudyBar

        yield StudyCount(StudyBar(draw))


@contextmanager
def status(doing: str) -> Iterator[Callable[[str], None] | None]:
    """What is done now, on standard error; None if that is not a terminal."""
    console = errors()
    if not console.is_terminal:
        yield None
        return
    with console.status(doing) as shown:
        yield lambda name: shown.update(f"{doing} {name}")

"""How far a run or a study is, in words, and the bar of `progress=True` in terminals and notebooks."""

from __future__ import annotations

import html
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TextIO

from qsession_sim.report.text import cell_width, readable_duration, shortened

if TYPE_CHECKING:
    from qsession_sim.experiment.store import StudyProgress
    from qsession_sim.service.simpy_driver import Progress

PATIENCE_SECONDS: Final = 1.0
"""What takes less time shows no bar."""

_EVERY_SECONDS: Final = 0.1
_WIDTH: Final = 24
_EVENTS_OF_A_JOB: Final = 2
"""Most jobs are submitted and leave the QPU; what sessions add is little compared with that."""


# how far it is


def share_done(progress: Progress, horizon_us: int | None) -> float:
    """An estimate of the part of a run that is done, from 0 to 1: by jobs, and by time if there is a horizon.

    Example:
        >>> from qsession_sim.service.simpy_driver import Progress
        >>> share_done(Progress(now_us=50, events=2, jobs=10), None)
        0.1
        >>> share_done(Progress(now_us=50, events=2, jobs=10), 200)
        0.25
    """
    events = _EVENTS_OF_A_JOB * progress.jobs
    by_jobs = min(progress.events / events, 1.0) if events else 0.0
    by_time = progress.now_us / horizon_us if horizon_us else 0.0
    return max(by_jobs, by_time)


def seconds_left(first_seconds: float, first_share: float, now_seconds: float, share: float) -> float | None:
    """How long the rest takes at the speed since the first report; None if nothing is known of it.

    Example:
        >>> seconds_left(10.0, 0.1, 14.0, 0.3)
        14.0
    """
    if share <= first_share or share >= 1.0:
        return None
    return (now_seconds - first_seconds) * (1.0 - share) / (share - first_share)


def study_progress_text(progress: StudyProgress, passed_seconds: float) -> str:
    """How far a study is: runs done, and how long the rest takes at the speed so far.

    Runs that were done before the study was continued took no time now, and do not count for the speed.

    Example:
        >>> from qsession_sim.experiment.store import StudyProgress
        >>> study_progress_text(StudyProgress(done=60, kept=20, total=100), 80.0)
        '60 of 100 runs, about 1m 20s left'
        >>> study_progress_text(StudyProgress(done=60, kept=60, total=None), 80.0)
        '60 runs'
    """
    if progress.total is None:
        return f"{progress.done:,} runs"
    text = f"{progress.done:,} of {progress.total:,} runs"
    new, left = progress.done - progress.kept, progress.total - progress.done
    if new == 0 or left <= 0:
        return text
    left_seconds = max(round(passed_seconds / new * left), 1)
    return f"{text}, about {readable_duration(1_000_000 * left_seconds)} left"


# the bar


class RunBar:
    """Shows how far a run is, as `progress=True` of a function that simulates does."""

    def __init__(self, horizon_us: int | None, show: Callable[[str, float | None], None]) -> None:
        self._horizon_us, self._show = horizon_us, show
        self._first: tuple[float, float] | None = None  # seconds and share of the first report

    def __call__(self, progress: Progress) -> None:
        """Show a report of a simulation: how far it is, and how long it still takes."""
        now_seconds, share = time.monotonic(), share_done(progress, self._horizon_us)
        if self._first is None:
            self._first = now_seconds, share
        left_seconds = seconds_left(*self._first, now_seconds, share)
        text = f"simulated {readable_duration(progress.now_us)}"
        if left_seconds is not None:
            text += f", about {readable_duration(1_000_000 * max(round(left_seconds), 1))} left"
        self._show(text, share)

    def announce(self, text: str) -> None:
        """Show what is done after the simulation."""
        self._show(text, 1.0)


class StudyBar:
    """Shows how far a study is, as its `progress=True` does."""

    def __init__(self, show: Callable[[str, float | None], None]) -> None:
        self._show, self._created_seconds = show, time.monotonic()

    def __call__(self, progress: StudyProgress) -> None:
        """Show a report of a study."""
        share = progress.done / progress.total if progress.total else None
        self._show(study_progress_text(progress, time.monotonic() - self._created_seconds), share)


class Place:
    """Where a bar is drawn: in a notebook, else on standard error if that is a terminal, else nowhere.

    It appears when it is clear that the work takes time, and disappears at its end.
    """

    def __init__(
        self,
        now_seconds: Callable[[], float] = time.monotonic,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._now_seconds = now_seconds
        self._next_seconds = now_seconds() + patience_seconds
        self._notebook = _notebook()
        self._terminal = None if self._notebook is not None else _terminal()
        self._handle: Any = None
        self._drawn = False

    def show(self, text: str, share: float | None) -> None:
        """Draw the bar, not more often than anyone can see; without a share only the text."""
        now_seconds = self._now_seconds()
        if now_seconds < self._next_seconds:
            return
        self._next_seconds = now_seconds + _EVERY_SECONDS
        if self._notebook is not None:
            self._display(_Html(text, share))
        elif self._terminal is not None:
            self._drawn = True
            self._terminal.write(f"\r{_line(text, share, self._terminal)}\x1b[K")
            self._terminal.flush()

    def clear(self) -> None:
        """Take it away."""
        if self._handle is not None:
            self._display(_Html("", None))
        if self._drawn and self._terminal is not None:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()

    def _display(self, shown: _Html) -> None:
        if self._handle is None:
            self._handle = self._notebook.display.display(shown, display_id=True)
        else:
            self._handle.update(shown)


class _Html:
    """A bar in the colours of the notebook, without script."""

    def __init__(self, text: str, share: float | None) -> None:
        self._text, self._share = text, share

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        if not self._text:
            return ""
        value = "" if self._share is None else f' value="{self._share:.4f}"'
        text = html.escape(self._text)
        return f'<div><progress max="1"{value} aria-label="simulating"></progress> {text}</div>'


def _notebook() -> Any:
    """IPython, if it runs a notebook: nothing is imported that is not there already."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return ipython if getattr(shell, "kernel", None) is not None else None


def _terminal() -> TextIO | None:
    stream = sys.stderr
    return stream if stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb" else None


def _line(text: str, share: float | None, stream: TextIO) -> str:
    """As much of text and bar as fits on a line.

    Example:
        >>> import io
        >>> _line("2 of 4 runs", 0.5, io.StringIO())
        '2 of 4 runs [############............]'
    """
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        width = 80
    bar = ""
    if share is not None and cell_width(text) + _WIDTH + 4 <= width:
        full = round(_WIDTH * min(share, 1.0))
        bar = f" [{'#' * full}{'.' * (_WIDTH - full)}]"
    return shortened(text, width - 1, "...") + bar

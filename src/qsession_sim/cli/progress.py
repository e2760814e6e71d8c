"""A progress bar for runs that take long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from qsession_sim.cli.interrupts import raise_lost_interrupt
from qsession_sim.cli.readable import readable_duration
from qsession_sim.cli.terminal import errors

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from qsession_sim.experiment.store import StudyProgress
    from qsession_sim.service.simpy_driver import Progress


PATIENCE_SECONDS: Final = 1.0
"""Shorter runs show no bar."""

_EVENTS_OF_A_JOB: Final = 2
"""Most jobs are submitted and leave the QPU; what sessions add is little beside that."""


class ShownProgress:
    """What `simulate(progress=...)` calls: shows how far a run has come, and how long it still takes."""

    def __init__(self, bar: Bar, horizon_us: int | None, patience_seconds: float) -> None:
        self._bar = bar
        self._task = bar.add_task("simulating", total=1.0)
        self._horizon_us = horizon_us
        self._patience_seconds = patience_seconds
        self._created_seconds = time.monotonic()
        self._first: tuple[float, float] | None = None  # seconds and share of the first report

    def __call__(self, progress: Progress) -> None:
        """Show a report of a simulation."""
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

    def _show(self, text: str, share: float) -> None:
        if time.monotonic() - self._created_seconds >= self._patience_seconds:
            self._bar.update(self._task, completed=share, description=text)
            self._bar.start()


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


@contextmanager
def progress_bar(
    horizon_us: int | None, patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[ShownProgress | None]:
    """A bar on standard error, for `simulate(progress=...)`; None if that is not a terminal.

    Args:
        horizon_us: where the run stops; None: when there is nothing left to do.
        patience_seconds: it appears after that time, and disappears at the end.
    """
    console = errors()
    if not console.is_terminal:
        yield None
        return

    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), console=console, transient=True)
    try:
        yield ShownProgress(bar, horizon_us, patience_seconds)
    finally:
        bar.stop()


# -- A progress bar for many runs.


class ShownStudy:
    """What a study calls after each run: remembers how far it is, and shows it if there is a bar."""

    def __init__(self, bar: Bar | None, now_seconds: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self.total: int | None = None
        self._bar = bar
        self._now_seconds = now_seconds
        self._created_seconds = now_seconds()
        self._task = None if bar is None else bar.add_task("simulating", total=None)

    def __call__(self, progress: StudyProgress) -> None:
        """Show how far the study is; and be where Ctrl-C takes effect at the latest."""
        self.done, self.total = progress.done, progress.total
        raise_lost_interrupt()
        if self._bar is None or self._task is None:
            return
        passed_seconds = self._now_seconds() - self._created_seconds
        if passed_seconds < PATIENCE_SECONDS:
            return
        text = study_progress_text(progress, passed_seconds)
        self._bar.update(self._task, completed=progress.done, total=progress.total, description=text)
        self._bar.start()

    def how_far(self) -> tuple[int, int | None]:
        """How many runs are done, and of how many."""
        return self.done, self.total


def study_progress_text(progress: StudyProgress, passed_seconds: float) -> str:
    """What the bar says: runs done, and how long the rest takes at the speed so far.

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


@contextmanager
def study_progress(quiet: bool) -> Iterator[ShownStudy]:
    """What to give to a study as `progress`; a bar on standard error if that is a terminal, and not `quiet`.

    It appears after a second, and disappears at the end.
    """
    console = errors()
    if quiet or not console.is_terminal:
        yield ShownStudy(None)
        return

    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), console=console, transient=True)
    try:
        yield ShownStudy(bar)
    finally:
        bar.stop()

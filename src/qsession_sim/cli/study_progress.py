"""A progress bar for many runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qsession_sim.cli.console import errors
from qsession_sim.cli.interrupts import raise_lost_interrupt
from qsession_sim.cli.progress import PATIENCE_SECONDS
from qsession_sim.cli.readable import readable_duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from qsession_sim.experiment.store import StudyProgress


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

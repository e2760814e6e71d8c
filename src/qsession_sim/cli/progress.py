"""A progress bar for runs that take long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from qsession_sim.cli.console import errors
from qsession_sim.cli.readable import readable_duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from qsession_sim.simulation.service import Progress

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
        >>> from qsession_sim.simulation.service import Progress
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

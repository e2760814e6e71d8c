"""A progress bar for runs that take long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from qsession_sim.cli.console import errors
from qsession_sim.cli.readable import readable_duration

if TYPE_CHECKING:
    from qsession_sim.simulation.service import Progress

PATIENCE_SECONDS: Final = 1.0
"""Shorter runs show no bar."""


@contextmanager
def progress_bar(
    horizon_us: int | None, patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on standard error, for `simulate(progress=...)`; None if that is not a terminal.

    Args:
        horizon_us: where the run stops; None: unknown, the bar shows that something happens.
        patience_seconds: it appears after that time, and disappears at the end.
    """
    console = errors()
    if not console.is_terminal:
        yield None
        return

    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), console=console, transient=True)
    task = bar.add_task("simulating", total=horizon_us)
    started_seconds = time.monotonic()

    def show(progress: Progress) -> None:
        if time.monotonic() - started_seconds < patience_seconds:
            return
        description = f"simulated {readable_duration(progress.now_us)}"
        bar.update(task, completed=progress.now_us, description=description)
        bar.start()

    try:
        yield show
    finally:
        bar.stop()

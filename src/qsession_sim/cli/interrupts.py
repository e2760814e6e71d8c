"""Ctrl-C, SIGTERM and SIGHUP: one clean end, however hastily and wherever they come."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from qsession_sim.interrupts import ENDING, interrupts_afterwards

_SAME_INTERRUPT_SECONDS: Final = 2.0

_DEFAULTS: Final[dict[signal.Signals, Any]] = {
    number: signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL for number in ENDING
}
"""The signals that end a command, and how each is handled by default."""


class Interrupt(KeyboardInterrupt):
    """Ctrl-C or the like. CPython ends a process by SIGINT if a plain KeyboardInterrupt ever passed through
    `exec`, which the standard library uses to make classes, even if it was caught later."""


class Interrupts:
    """A signal handler that raises `Interrupt`; a hasty second signal does not stop the clean-up."""

    def __init__(self) -> None:
        self.signal: int | None = None  # the one that came
        self._last_seconds = 0.0

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Note the interrupt, and raise it if it is a new one."""
        now_seconds = time.monotonic()
        hasty = self.signal is not None and now_seconds - self._last_seconds < _SAME_INTERRUPT_SECONDS
        self._last_seconds = now_seconds
        if not hasty:
            self.signal = number
            raise Interrupt

    @contextmanager
    def handled(self, *, whole_process: bool) -> Iterator[None]:
        """Handle these signals, unless the caller of the process switched them off, as `nohup` does one, or
        handles them.

        Args:
            whole_process: nothing comes afterwards, so that there is nothing left to interrupt.
        """
        numbers = [number for number, default in _DEFAULTS.items() if signal.getsignal(number) is default]
        try:
            for number in numbers:
                signal.signal(number, self)
        except ValueError:  # not in the main thread, which alone is interrupted
            yield
            return
        hook, sys.unraisablehook = sys.unraisablehook, _all_but_interrupts(sys.unraisablehook)
        try:
            yield
        finally:
            sys.unraisablehook = hook
            for number in numbers:
                signal.signal(number, signal.SIG_IGN if whole_process else _DEFAULTS[number])


class Saved:
    """Where a command has saved what it found; None: nowhere, for which there may be a reason."""

    def __init__(self) -> None:
        self.place: str | None = None
        self.failure: Exception | None = None

    def keep(self, save: Callable[[str], object], place: str) -> None:
        """Save it; what goes wrong with that, such as a full disk, waits until it has been shown."""
        from qsession_sim.errors import BundleError, StudyError

        with interrupts_afterwards():
            try:
                save(place)
                self.place = place
            except (BundleError, StudyError) as error:
                self.failure = error


@contextmanager
def saving() -> Iterator[Saved]:
    """Have an interrupt say what was saved before it came; what could not be saved is raised at the end."""
    saved = Saved()
    try:
        yield saved
    except BaseException as error:
        if saved.place is not None:
            error.add_note(f"after saving in {saved.place}")  # `main` reports the notes of an interrupt
        raise
    if saved.failure is not None:
        raise saved.failure


def raise_lost_interrupt() -> None:
    """Raise an interrupt that has come and had no effect; for work that goes on for long.

    Python drops what is raised while it takes an object away, as it does all the time in the client of a
    cluster.

    Raises:
        Interrupt: if the signal that is handled has come before.
    """
    for number in _DEFAULTS:
        handler = signal.getsignal(number)
        if isinstance(handler, Interrupts) and handler.signal is not None:
            raise Interrupt


def _all_but_interrupts(report: Callable[[Any], Any]) -> Callable[[Any], None]:
    """A hook for errors that Python drops: those of interrupts are raised again later."""

    def hook(dropped: Any) -> None:
        if not isinstance(dropped.exc_value, Interrupt):
            report(dropped)

    return hook

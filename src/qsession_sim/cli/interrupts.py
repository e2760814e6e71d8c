"""Ctrl-C: one clean end, however hastily and wherever it is pressed."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SAME_INTERRUPT_SECONDS: Final = 2.0


class Interrupt(KeyboardInterrupt):
    """Ctrl-C. CPython ends a process by the signal if a plain KeyboardInterrupt ever passed through `exec`,
    which the standard library uses to make classes, even if it was caught later."""


class Interrupts:
    """A signal handler that raises `Interrupt`; a hasty second Ctrl-C does not stop the clean-up."""

    def __init__(self) -> None:
        self.came = False
        self._last_seconds = 0.0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Note the interrupt, and raise it if it is a new one."""
        now_seconds = time.monotonic()
        hasty = self.came and now_seconds - self._last_seconds < _SAME_INTERRUPT_SECONDS
        self.came, self._last_seconds = True, now_seconds
        if not hasty:
            raise Interrupt

    @contextmanager
    def handled(self, *, whole_process: bool) -> Iterator[None]:
        """Handle Ctrl-C, unless the caller of the process switched it off or handles it.

        Args:
            whole_process: nothing comes afterwards, so that there is nothing left to interrupt.
        """
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        try:
            signal.signal(signal.SIGINT, self)
        except ValueError:  # not in the main thread, which alone is interrupted
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN if whole_process else signal.default_int_handler)


@contextmanager
def interrupts_afterwards() -> Iterator[None]:
    """Let a stretch come to its end, and its clean-up too, before Ctrl-C takes effect.

    Polars raises a KeyboardInterrupt of its own while it writes; the handler's would hit the clean-up.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    try:
        signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    except ValueError:  # not in the main thread, which alone is interrupted
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        handler(*came[0])

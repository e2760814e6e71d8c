"""Signals that end a program, and work that they must not tear apart."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

FROM_TERMINAL: Final = (signal.SIGINT, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))
"""What a terminal sends to all processes in it: Ctrl-C, and that it is closed."""

ENDING: Final = (*FROM_TERMINAL, signal.SIGTERM)
"""All of them."""


@contextmanager
def interrupts_afterwards() -> Iterator[None]:
    """Let a stretch come to its end, and its clean-up too, before a signal that ends the program takes
    effect, even if it fails.

    It is for stretches in which an exception from a signal handler would do damage: polars raises a
    KeyboardInterrupt of its own while it writes, and the handler's would hit the clean-up; a lock that is
    taken just then is never given back.
    """
    handlers = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}
    came: list[tuple[int, FrameType | None]] = []
    try:
        for number in handlers:
            signal.signal(number, lambda number, frame: came.append((number, frame)))
    except ValueError:  # not in the main thread, which alone is interrupted
        yield
        return
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            handlers[signal.Signals(came[0][0])](*came[0])

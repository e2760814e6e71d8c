"""Work that Ctrl-C and SIGTERM must not tear apart."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_afterwards() -> Iterator[None]:
    """Let a stretch come to its end, and its clean-up too, before Ctrl-C or SIGTERM takes effect, even if it
    fails.

    It is for stretches in which an exception from a signal handler would do damage: polars raises a
    KeyboardInterrupt of its own while it writes, and the handler's would hit the clean-up; a lock that is
    taken just then is never given back.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
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

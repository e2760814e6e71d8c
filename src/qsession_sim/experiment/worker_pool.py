"""Worker processes on this machine: spawned, deaf to Ctrl-C, and never longer-lived than their parent.

They do not import the script that started them, as those of the standard library do: that fails for a program
from standard input, and begins a script without `if __name__ == "__main__":` once more in each worker.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Final, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Pool:
    """Workers, and both ends of a connection to them: they end when `held` is closed, by us or by the system
    when this process is killed."""

    executor: ProcessPoolExecutor
    lifeline: Connection
    held: Connection

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Let a worker call a function, also if workers have died: the future says so."""
        try:
            with _interrupts_blocked():  # a worker may be started here, and Ctrl-C is for its parent alone
                return self.executor.submit(function, *arguments)
        except BrokenExecutor as broken:
            future: Future[Result] = Future()
            future.set_exception(broken)
            return future

    def close(self) -> None:
        """Let the workers end in peace."""
        try:
            self.executor.shutdown()
        finally:
            self.stop()

    def stop(self) -> None:
        """End the workers at once; then every future is done."""
        self.held.close()
        self.executor.shutdown(cancel_futures=True)
        self.lifeline.close()


def spawned_pool(workers: int) -> Pool:
    """Make a pool of worker processes, which are started when there is something to do."""
    context = _Context()
    lifeline, held = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(workers, context, _begin_worker, (lifeline,))
    return Pool(executor, lifeline, held)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C wait; processes that are started meanwhile never see it. Where signals cannot be blocked,
    on Windows, those processes ignore it only after they have begun."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(lifeline: Connection) -> None:
    """What each worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # there is a worker for each processor already
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this process when the other end of a connection is closed."""
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


class _Process(SpawnProcess):
    def start(self) -> None:
        with _without_main():  # what a new process imports first is read from the main module of this one
            super().start()


class _Context(SpawnContext):
    Process = _Process


_main_is_away: Final = threading.Lock()
"""Of two threads that start workers at once, the second would take the stand-in for the main module."""


@contextmanager
def _without_main() -> Iterator[None]:
    with _main_is_away:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main

"""Executors: where the tasks of a study are carried out. Which one it is changes no result (S7)."""

from __future__ import annotations

import logging
import os
import pickle
import platform
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from queue import SimpleQueue
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from qsession_sim.errors import QSessionError, StudyError, TaskError
from qsession_sim.experiment.tasks import Task, TaskResult, run_task, whole_number
from qsession_sim.files import FileLimits, given_limits, limits
from qsession_sim.interrupts import FROM_TERMINAL, interrupts_afterwards

if TYPE_CHECKING:
    from distributed import Client


# tasks in other processes: what travels to them, what is refused there, and errors that name the task


def carry_out_task(task: Task) -> TaskResult:
    """Carry out a task; whatever goes wrong is a `QSessionError` that names the task."""
    try:
        return run_task(task)
    except QSessionError:
        raise
    except (Exception, SystemExit) as error:
        place = extract_tb(error.__traceback__)[-1]
        raise TaskError(
            f"{describe_task(task)} failed: {type(error).__name__}: {error} "
            f"({Path(place.filename).name}:{place.lineno})"
        ) from error


def run_packed(content: bytes, task_id: str, allowed: FileLimits) -> TaskResult:
    """As `carry_out_task`, in a worker. What a task refers to is looked for here, not by the pool, for which
    a policy that cannot be found is a dead worker."""
    _thread.works = True
    try:
        task: Task = pickle.loads(content)  # noqa: S301 - from the process that this one works for
        _refuse_other_versions(task, task_id)
        with given_limits(allowed):
            return carry_out_task(task)
    finally:
        _thread.works = False


_thread: Final = threading.local()
"""`works` where a task is carried out for another process."""


def refuse_in_worker() -> None:
    """A script without guard that is loaded for its functions would start workers that load it, and so on."""
    if getattr(_thread, "works", False):
        raise StudyError(
            "a worker that loaded this file to find a function was asked for a study; keep what is no "
            "function under if __name__ == '__main__':"
        )


def _refuse_other_versions(task: Task, task_id: str) -> None:
    if replace(task).id != task_id:  # computed anew, from what is installed here
        raise StudyError(
            f"the worker {platform.node()} has other versions of qsession-sim, NumPy, polars or SimPy than "
            f"the process that plans the study, so its results could differ; install the same ones"
        )


def describe_task(task: Task) -> str:
    """A task in words."""
    return f"configuration {task.configuration!r}, replication {task.replication} (seed {task.seed})"


# worker processes on this machine: spawned, deaf to Ctrl-C, and never longer-lived than their parent
#
# They do not import the script that started them, as those of the standard library do: that fails for a
# program from standard input, and begins a script without `if __name__ == "__main__":` anew in each worker.

Result = TypeVar("Result")


@dataclass(frozen=True)
class Pool:
    """Workers, and both ends of a connection to them: they end when `held` is closed, by us or by the system
    when this process is killed."""

    executor: ProcessPoolExecutor
    lifeline: Connection
    held: Connection

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Let a worker call a function; if workers have died, the future says so."""
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
    with _interrupts_blocked():  # a process that keeps count of locks is started here
        executor = ProcessPoolExecutor(workers, context, _begin_worker, (lifeline,))
    return Pool(executor, lifeline, held)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let what a terminal sends wait; processes that are started meanwhile never see it. Where signals cannot
    be blocked, on Windows, those processes ignore it only after they have begun."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(lifeline: Connection) -> None:
    """What each worker does first."""
    for number in FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
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


_AHEAD_PER_WORKER: Final = 4
"""Tasks in the hands of a pool for each worker: enough that none waits, few enough to fit into memory."""

_AHEAD_ON_CLUSTER: Final = 256
"""The least number in the hands of a cluster, which may still have to start its workers."""

_MOST_LOSSES: Final = 3
"""So often may a worker die while it has a task; Dask's own number, `allowed-failures`, is the same."""

_MOST_ON_WINDOWS: Final = 61
"""`ProcessPoolExecutor` refuses more there: the system waits for 63 objects at once at most."""

_CLUSTER_SIZE_SECONDS: Final = 1.0
"""The workers of a cluster are counted no more often."""


class Executor(Protocol):
    """Carries out tasks."""

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """The results of tasks, in any order; the tasks are taken from their iterator as they are needed.

        When the iterator is closed, or an exception leaves it, work that is under way is given up.

        Raises:
            TaskError: if a task raises what is no `QSessionError`, or its workers die again and again.
            QSessionError: whatever a task raises.
        """


@dataclass(frozen=True)
class InProcess:
    """One task after the other, in this process."""

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """The results in the order of the tasks."""
        return map(carry_out_task, tasks)


class Processes:
    """Worker processes on this machine. They are spawned, so they know nothing but their task.

    They are started when there is work and kept from one `run` to the next. They end when this object is
    closed or forgotten, and with this process, however it ends.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: Pool | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.workers})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """The results; the tasks of a worker that died are carried out again."""
        refuse_in_worker()
        waiting, losses = iter(tasks), Counter[str]()
        while True:
            pending: dict[Future[TaskResult], Task] = {}
            pool = self._pool = self._pool or spawned_pool(self.workers)
            try:
                yield from _results(pool.submit, waiting, self._ahead, pending)
            except BrokenExecutor:
                self._give_up(pool)
                yield from (future.result() for future in pending if not _is_lost(future))
                lost = [task for future, task in pending.items() if _is_lost(future)]
                # the pool hands them out in order: the first ones were carried out, the others waited
                _refuse_to_lose_forever(lost[: self.workers], losses)
                waiting = chain(lost, waiting)
            else:
                return
            finally:
                if pending:  # work that is given up must not keep the workers from the next
                    self._give_up(pool)

    def close(self) -> None:
        """Let the workers end; another `run` would start new ones."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _ahead(self) -> int:
        return _AHEAD_PER_WORKER * self.workers

    def _give_up(self, pool: Pool) -> None:
        if self._pool is pool:
            self._pool = None
        pool.stop()


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask cluster, by the address of its scheduler or by a client of it."""

    cluster: str | Client

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult]:
        """The results; Dask itself carries out again what a dead worker had."""
        from distributed.scheduler import KilledWorker

        refuse_in_worker()
        with _client(self.cluster) as client:
            pool = client.get_executor(pure=False)
            pending: dict[Future[TaskResult], Task] = {}
            try:
                yield from _results(pool.submit, iter(tasks), _cluster_ahead(client), pending)
            except KilledWorker as error:
                raise TaskError(f"{error}") from error
            except CancelledError as error:
                raise StudyError(
                    "the Dask cluster has given up the tasks of this study: its scheduler has stopped or "
                    "somebody cancelled them; see the log of the scheduler, and start the study again"
                ) from error
            finally:
                pool.shutdown(wait=False)


def as_executor(executor: Executor | None) -> Executor:
    """The executor that was given; None is this process.

    Raises:
        StudyError: if it carries out nothing.
    """
    if executor is None:
        return in_process()
    if not callable(getattr(executor, "run", None)):
        raise StudyError(
            f"an executor is in_process(), processes(N) or dask(ADDRESS) of "
            f"qsession_sim.experiment.executors, not {executor!r}"
        )
    return executor


def in_process() -> InProcess:
    """Carry out tasks in this process, one after the other."""
    return InProcess()


def processes(workers: int) -> Processes:
    """Carry out tasks in worker processes on this machine.

    A script with policies or metrics of its own must keep its work under `if __name__ == "__main__":`,
    because each worker loads the script to find them.

    Args:
        workers: how many, at least 1, and on Windows at most 61.

    Raises:
        StudyError: if that is not such a number.

    Example:
        >>> processes(2)
        Processes(2)
    """
    whole_number(workers, "workers", 1)
    if platform.system() == "Windows" and workers > _MOST_ON_WINDOWS:
        raise StudyError(f"on Windows there are at most {_MOST_ON_WINDOWS} workers, not {workers}")
    return Processes(workers)


def dask(cluster: str | Client) -> Dask:
    """Carry out tasks on a Dask cluster, whoever started it, whose workers have the same qsession-sim.

    Args:
        cluster: the address of the scheduler, such as `tcp://node-7:8786`, or a `distributed.Client`, which
            is left open.

    Raises:
        StudyError: if the library `distributed` is missing, or it is neither an address nor a client.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host
    except ImportError as error:
        raise StudyError(
            "Dask needs the library distributed; get it with: pip install 'qsession-sim[dask]'"
        ) from error
    if not isinstance(cluster, str | Client):
        raise StudyError(
            f"a Dask cluster is the address of its scheduler, such as tcp://node-7:8786, "
            f"or a distributed.Client, not {cluster!r}"
        )
    if isinstance(cluster, str):
        try:
            get_address_host(cluster)
        except ValueError as error:
            raise StudyError(
                f"{cluster!r} is no address of a Dask scheduler, such as tcp://node-7:8786: {error}"
            ) from None
    return Dask(cluster)


def _results(
    submit: Callable[..., Future[TaskResult]],
    tasks: Iterator[Task],
    ahead: Callable[[], int],
    pending: dict[Future[TaskResult], Task],
) -> Iterator[TaskResult]:
    """Results as they come, with a bounded number of tasks submitted; `pending` is what is still to come.

    An interrupt inside a future can leave its lock taken, and whoever ends it later waits for ever. So
    interrupts take effect outside of futures, and what waits is a queue, which has no such lock.
    """
    done: SimpleQueue[Future[TaskResult]] = SimpleQueue()
    while True:
        for task in islice(tasks, max(ahead() - len(pending), 0)):
            with interrupts_afterwards():
                future = submit(run_packed, pickle.dumps(task), task.id, limits())
                pending[future] = task
                future.add_done_callback(done.put)
        if not pending:
            return
        future = done.get()
        with interrupts_afterwards():
            result = future.result()
            del pending[future]
        yield result


def _is_lost(future: Future[TaskResult]) -> bool:
    return future.cancelled() or isinstance(future.exception(), BrokenExecutor)


def _refuse_to_lose_forever(lost: list[Task], losses: Counter[str]) -> None:
    losses.update(task.id for task in lost)
    for task in lost:
        if losses[task.id] >= _MOST_LOSSES:
            raise TaskError(
                f"worker processes died {_MOST_LOSSES} times at {describe_task(task)} or at one beside it; "
                f"perhaps they need more memory than there is, so use fewer workers"
            )


@contextmanager
def _client(cluster: str | Client) -> Iterator[Client]:
    """A client of a cluster; one that is made here is closed afterwards."""
    from distributed import Client

    if isinstance(cluster, Client):
        yield cluster
        return
    try:
        client = Client(cluster, set_as_default=False)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"no Dask scheduler answers at {cluster}: {error}; give the address that the scheduler "
            f"printed when it started"
        ) from error
    try:
        yield client
    finally:
        with _silent("tornado.application"):
            client.close()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Let nothing be logged of what is given up halfway, least of all after Ctrl-C."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _cluster_ahead(client: Client) -> Callable[[], int]:
    """How many tasks a cluster is given; it may grow and shrink."""
    counted_seconds, ahead = -_CLUSTER_SIZE_SECONDS, 0

    def current() -> int:
        nonlocal counted_seconds, ahead
        if time.monotonic() - counted_seconds >= _CLUSTER_SIZE_SECONDS:
            threads: dict[str, Any] = client.nthreads()
            counted_seconds = time.monotonic()
            ahead = max(_AHEAD_PER_WORKER * sum(threads.values()), _AHEAD_ON_CLUSTER)
        return ahead

    return current

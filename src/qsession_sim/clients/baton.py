"""Baton: threads of which exactly one runs at a time, in an order that does not depend on the machine.

An ordinary program cannot be suspended in the middle of `minimize(...)` as a generator can, so it runs in a
thread of its own. The thread of the simulation, called the hub, passes a baton to one thread that is ready,
and waits until that blocks. Greenlets would be cheaper to switch, but SciPy keeps its callbacks in stacks of
the thread, and gives wrong numbers when they are interleaved.

Threads that a program starts itself take part: while programs run, `Thread.start` and `join`, the waits of
`threading` and of `ThreadPoolExecutor`, `time.sleep`, `time.time` and `time.monotonic` are those of the
simulation for threads of programs, and unchanged for all others.
"""

from __future__ import annotations

import concurrent.futures.thread as executor_module
import ctypes
import logging
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from qsession_sim.clients.random_states import RandomState, RandomStates
from qsession_sim.errors import ProgramError, SchedulerUsageError

PATIENCE_SECONDS: Final = 3.0
"""So long a thread may hold the baton without using the processor."""

_LOOK_SECONDS: Final = 0.25
_ATTEMPTS: Final = 100
"""So often a program may catch what closes it."""


class Killed(BaseException):
    """Raised where a program waits when the run ends."""


class Group:
    """The threads of one program.

    Args:
        name: of the program, for messages.
        account: that it uses.
        random: the random states of the program.
        data: of whoever starts it.
    """

    def __init__(self, name: str, account: str, random: RandomState, data: Any = None) -> None:
        self.name = name
        self.account = account
        self.random = random
        self.data = data
        self.tasks: list[Task] = []

    def __str__(self) -> str:
        return f"program {self.name!r} of account {self.account!r}"


class Task:
    """A thread that runs only while it has the baton."""

    def __init__(self, group: Group, *, daemon: bool) -> None:
        self.group = group
        self.daemon = daemon
        self.go = threading.Lock()
        self.go.acquire()
        self.thread: threading.Thread | None = None
        self.joiners: list[Task] = []
        self.is_waiting = True  # for somebody to wake it; a thread that begins waits for its turn
        self.is_over = False
        self.is_killed = False
        self.kills = 0
        self.is_lost = False  # it did not give the baton back
        self.error: BaseException | None = None
        group.tasks.append(self)


class _Local(threading.local):
    task: Task | None = None


_local = _Local()
_installed = threading.Lock()


def current_task() -> Task | None:
    """The task of this thread, if it is that of a program."""
    return _local.task


class Baton:
    """Passes the right to run to threads, in the order in which they became ready.

    Args:
        timer: makes a call after so many simulated seconds, for waits with a timeout; gives what cancels it.
        now_seconds: the simulated time since the epoch.
        patience_seconds: see `PATIENCE_SECONDS`.
    """

    def __init__(
        self,
        timer: Callable[[float, Callable[[], None]], Callable[[], None]],
        now_seconds: Callable[[], float],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._timer = timer
        self._now_seconds = now_seconds
        self._patience_seconds = patience_seconds
        self._ready: deque[Task] = deque()
        self._hub = threading.Lock()
        self._hub.acquire()
        self._random = RandomStates(lambda: None if _local.task is None else _local.task.group.random)
        self._last: Group | None = None

    # ---------------------------------------------------------------- called by the hub

    def start(self, group: Group, function: Callable[[], object]) -> Task:
        """Make a thread for a program; it runs when `run_until_idle` comes to it."""
        task = Task(group, daemon=False)

        def run() -> None:
            try:
                function()
            except Killed:
                raise
            except BaseException as error:  # noqa: BLE001 - the hub raises it
                task.error = error

        task.thread = threading.Thread(target=self._carried(task, run), daemon=True, name=group.name)
        task.thread.start()
        self.wake(task)
        return task

    def wake(self, task: Task) -> None:
        """A task can go on; it does so in `run_until_idle`. Nothing, if it does not wait."""
        if task.is_waiting:
            task.is_waiting = False
            self._ready.append(task)

    def run_until_idle(self) -> None:
        """Let all tasks run that are ready, one after the other.

        Raises:
            ProgramError: if one neither gives the baton back nor uses the processor.
        """
        while self._ready:
            task = self._ready.popleft()
            if task.is_lost:
                continue
            if task.group is not self._last:
                self._random.enter(task.group.random)
                self._last = task.group
            task.go.release()
            try:
                self._wait_for(task)
            except BaseException:
                self._take_away(task)
                raise

    def kill(self, group: Group) -> None:
        """End the threads of a program where they wait, the last one first; their `finally` blocks run."""
        # workers of an executor report whatever ends them
        with patch.object(logging.getLogger("concurrent.futures"), "disabled", new=True):
            for task in reversed(group.tasks):
                self._kill(task)

    def _kill(self, task: Task) -> None:
        if task.is_over or task.is_lost:
            return
        task.is_killed = True
        self.wake(task)
        self.run_until_idle()
        if task.is_over:
            return
        raise ProgramError(
            f"{task.group} cannot be closed at the end of the run, since it always waits again; let "
            f"BaseException pass"
        )

    def _wait_for(self, task: Task) -> None:
        """Until the task gives the baton back."""
        used, since = _processor_seconds(task), time.monotonic()
        while not self._hub.acquire(timeout=_LOOK_SECONDS):
            now, now_used = time.monotonic(), _processor_seconds(task)
            if now_used is None or now_used > (used or 0.0) + 0.001:
                used, since = now_used, now
            elif now - since > self._patience_seconds:
                raise ProgramError(
                    f"{task.group} has waited outside of the simulation for {self._patience_seconds:g} s, at "
                    f"{_place(task)}; a lock, a subprocess or another process cannot be waited for in "
                    f"simulated time"
                )

    def _take_away(self, task: Task) -> None:
        """Something came while a task has the baton: end it at its next line, or go on without it."""
        if task.thread is not None and task.thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(task.thread.ident), ctypes.py_object(Killed)
            )
        task.is_killed = True
        if not self._hub.acquire(timeout=2 * _LOOK_SECONDS):
            task.is_lost = True

    # ---------------------------------------------------------------- called by tasks

    def block(self) -> None:
        """Give the baton back until somebody wakes this task.

        Raises:
            Killed: if the run has ended.
        """
        task = _local.task
        assert task is not None
        self._refuse_killed(task)
        task.is_waiting = True
        self._hub.release()
        task.go.acquire()
        self._refuse_killed(task)

    def _refuse_killed(self, task: Task) -> None:
        """End a task whose run has ended; one that always catches that is left where it is."""
        if not task.is_killed:
            return
        task.kills += 1
        if task.kills > _ATTEMPTS and not task.is_lost:
            task.is_lost = True
            self._hub.release()
        if task.is_lost:
            task.go.acquire()  # for ever
        raise Killed

    def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds."""
        task = _local.task
        assert task is not None
        self._refuse_killed(task)
        cancel = self._timer(seconds, lambda: self.wake(task))
        try:
            self.block()
        finally:
            cancel()

    def _carried(self, task: Task, run: Callable[[], None]) -> Callable[[], None]:
        """What a thread does that takes part."""

        def carried() -> None:
            task.go.acquire()
            _local.task = task
            try:
                if not task.is_killed:
                    run()
            except Killed:
                pass
            finally:
                task.is_over = True
                _local.task = None
                for joiner in task.joiners:
                    self.wake(joiner)
                if not task.is_lost:
                    self._hub.release()

        return carried

    # ---------------------------------------------------------------- what programs see of the machine

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let the threads and clocks of programs be those of the simulation, as long as the block lasts.

        Raises:
            SchedulerUsageError: in a program: one simulation of programs runs at a time.
        """
        if not _installed.acquire(blocking=current_task() is None):  # another thread waits for its turn
            raise SchedulerUsageError(
                "another simulation of ordinary programs runs in this process; a program cannot begin one"
            )
        try:
            with ExitStack() as stack, self._random.kept():
                for place, name, replacement in self._replacements():
                    stack.enter_context(patch.object(place, name, replacement))
                yield
        finally:
            _installed.release()

    def _replacements(self) -> Iterator[tuple[Any, str, Any]]:
        yield threading.Condition, "wait", self._condition_wait(threading.Condition.wait)
        yield threading.Thread, "start", self._thread_start(threading.Thread.start)
        yield threading.Thread, "join", self._thread_join(threading.Thread.join)
        # the queue in C cannot be waited for here
        shown = ModuleType("queue")
        shown.__dict__.update({**vars(queue), "SimpleQueue": queue._PySimpleQueue})  # type: ignore[attr-defined]
        yield executor_module, "queue", shown
        for name, clock in (("time", self._now_seconds), ("monotonic", self._now_seconds)):
            yield time, name, _of_programs(getattr(time, name), clock)
            yield time, f"{name}_ns", _of_programs(getattr(time, f"{name}_ns"), _in_ns(clock))
        yield threading, "_time", _of_programs(time.monotonic, self._now_seconds)
        yield time, "sleep", self._sleep(time.sleep)

    def _sleep(self, real: Callable[[float], None]) -> Callable[[float], None]:
        def sleep(seconds: float) -> None:
            if _local.task is None or seconds < 0:
                real(seconds)
            else:
                self.sleep(seconds)

        return sleep

    def _condition_wait(self, real: Callable[..., bool]) -> Callable[..., bool]:
        def wait(condition: Any, timeout: float | None = None) -> bool:
            task = _local.task
            if task is None:
                return real(condition, timeout)
            if timeout is not None and timeout <= 0:
                return False
            waiter = _Waiter(self, task)
            condition._waiters.append(waiter)
            cancel = None if timeout is None else self._timer(timeout, waiter.give_up)
            state = condition._release_save()
            try:
                self.block()
            finally:
                condition._acquire_restore(state)
                if cancel is not None:
                    cancel()
                if not waiter.is_notified and waiter in condition._waiters:
                    condition._waiters.remove(waiter)
            return waiter.is_notified

        return wait

    def _thread_start(self, real: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
        def start(thread: threading.Thread) -> None:
            parent = _local.task
            if parent is None:
                real(thread)
                return
            self._refuse_killed(parent)
            task = Task(parent.group, daemon=thread.daemon)
            task.thread = thread
            thread.daemon = True  # so that what cannot be ended does not keep the process
            thread.__dict__["_qsession_task"] = task
            thread.run = self._carried(task, thread.run)  # type: ignore[method-assign]
            _local.task = None  # the thread says that it has started without having the baton
            try:
                real(thread)
            finally:
                _local.task = parent
            self.wake(task)

        return start

    def _thread_join(self, real: Callable[..., None]) -> Callable[..., None]:
        def join(thread: threading.Thread, timeout: float | None = None) -> None:
            mine, other = _local.task, thread.__dict__.get("_qsession_task")
            if mine is None or other is None:
                real(thread, timeout)
                return
            if timeout is not None:
                end = self._now_seconds() + timeout
                while not other.is_over and self._now_seconds() < end:
                    other.joiners.append(mine)
                    self.sleep(end - self._now_seconds())
                    if mine in other.joiners:
                        other.joiners.remove(mine)
                return
            while not other.is_over:
                other.joiners.append(mine)
                self.block()
            real(thread)

        return join


class _Waiter:
    """Stands for the lock on which a thread waits in a `Condition`."""

    def __init__(self, baton: Baton, task: Task) -> None:
        self._baton = baton
        self._task = task
        self.is_notified = False
        self._is_awake = False

    def release(self) -> None:
        """It is notified."""
        if self._is_awake:
            raise RuntimeError("a waiter that is awake cannot be notified")  # as of a lock that is free
        self.is_notified = self._is_awake = True
        self._baton.wake(self._task)

    def give_up(self) -> None:
        """Its time is over."""
        if not self._is_awake:
            self._is_awake = True
            self._baton.wake(self._task)


def _of_programs(real: Callable[[], Any], simulated: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: real() if _local.task is None else simulated()


def _in_ns(clock: Callable[[], float]) -> Callable[[], int]:
    return lambda: round(clock() * 1_000_000) * 1000


def _processor_seconds(task: Task) -> float | None:
    """The time that the thread of a task used; None where the system does not say."""
    thread = task.thread
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if thread is None or thread.ident is None or clock_of is None or task.is_over:
        return None
    try:
        return time.clock_gettime(clock_of(thread.ident))
    except OSError:
        return None


def _place(task: Task) -> str:
    """File and line in which a task waits, and where the program is."""
    frame = None if task.thread is None else sys._current_frames().get(task.thread.ident or 0)
    stack = traceback.extract_stack(frame) if frame is not None else []
    frames = [one for one in stack if "/threading.py" not in one.filename and one.filename != __file__]
    if not frames:
        return "an unknown place"
    last, own = frames[-1], [entry for entry in frames if "site-packages" not in entry.filename]
    place = f"{last.filename}:{last.lineno}"
    if own and own[-1] is not last:
        place += f", called from {own[-1].filename}:{own[-1].lineno}"
    return place

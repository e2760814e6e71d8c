"""Tasks in other processes: what travels to them, what is refused there, and errors that name the task."""

from __future__ import annotations

import pickle
import platform
import threading
from dataclasses import replace
from pathlib import Path
from traceback import extract_tb
from typing import Final

from qsession_sim.errors import QSessionError, StudyError, TaskError
from qsession_sim.experiment.tasks import Task, TaskResult, run_task


def carry_out(task: Task) -> TaskResult:
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


def run_packed(content: bytes, task_id: str) -> TaskResult:
    """As `carry_out`, in a worker. What a task refers to is looked for here, not by the pool, to which a
    policy that cannot be found is a dead worker."""
    _thread.works = True
    try:
        task: Task = pickle.loads(content)  # noqa: S301 - from the process that this one works for
        _refuse_other_versions(task, task_id)
        return carry_out(task)
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


def packed(task: Task) -> tuple[bytes, str]:
    """What `run_packed` takes."""
    return pickle.dumps(task), task.id


def describe_task(task: Task) -> str:
    """A task in words."""
    return f"configuration {task.configuration!r}, replication {task.replication} (seed {task.seed})"

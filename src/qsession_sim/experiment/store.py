"""A study directory: what is studied, and the result of every task that is done, one file each.

Results are found by the content id of their task, and are written whole or not at all. So any number of
processes may work in one directory, and a study that was interrupted goes on from what is there.
"""

from __future__ import annotations

import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.experiment.executors import Executor
from qsession_sim.experiment.tasks import Task, TaskResult
from qsession_sim.files import is_partial, put_in_place, write_whole
from qsession_sim.results.bundle import json_text

if TYPE_CHECKING:
    import polars as pl


PLAN: Final = "plan.json"
RESULTS: Final = "results"
STUDY: Final = "study.json"


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is.

    Attributes:
        done: tasks whose results are there.
        kept: how many of them were done before, by this or another process.
        total: tasks of the study; None while nobody knows, as when it stops at a precision.
    """

    done: int
    kept: int
    total: int | None


@dataclass(frozen=True)
class Store:
    """The results in a study directory; `open_store` makes one."""

    directory: Path

    def get(self, task_id: str) -> TaskResult | None:
        """The result of a task; None if it is not there, or was damaged since it was written."""
        try:
            written = json.loads(self._path(task_id).read_bytes())
            result = TaskResult.from_json(written)
        except (FileNotFoundError, ValueError, StudyError):
            return None
        except OSError as error:
            raise _cannot("read", self.directory, error) from error
        return result if result.id == task_id else None

    def put(self, result: TaskResult) -> None:
        """Keep a result.

        Raises:
            StudyError: if it cannot be written.
        """
        text = json.dumps(result.to_json(), ensure_ascii=False, allow_nan=False) + "\n"
        try:
            write_whole(self._path(result.id), text.encode(), _put_result)
        except OSError as error:
            raise _cannot("write", self.directory, error) from error

    def ids(self) -> Iterator[str]:
        """The ids of the tasks that are done, sorted."""
        yield from sorted(path.stem for path in (self.directory / RESULTS).glob("*/*.json"))

    def _path(self, task_id: str) -> Path:
        # 256 directories: none becomes so large that looking into it takes long
        return self.directory / RESULTS / task_id[:2] / f"{task_id}.json"


def open_store(directory: str | os.PathLike[str], plan: Mapping[str, Any]) -> Store:
    """Make a study directory, or go on with the one that is there.

    Args:
        directory: where it is or shall be; missing parents are made.
        plan: what is studied, as JSON values; equal for studies that may share results.

    Raises:
        StudyError: if the directory holds the study of another plan, or something else, or cannot be made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     store = open_store(directory, {"seed": 7})
        ...     list(store.ids()), read_plan(directory)
        ([], {'seed': 7})
    """
    if not os.fspath(directory):
        raise StudyError("the name of the study directory is empty")
    target = Path(directory).resolve()
    if target.exists() and not target.is_dir():
        raise StudyError(f"{target} is no directory; choose a study directory, or one that does not exist")
    try:
        if not (target / PLAN).exists():
            _begin(target, plan)
    except OSError as error:
        raise _cannot("make", target, error) from error
    there = read_plan(target)
    wanted = json.loads(json.dumps(plan))
    if there != wanted:
        raise StudyError(
            f"{target} holds another study: {_difference(there, wanted)}; "
            f"choose another directory, or ask for the same study to go on with it"
        )
    return Store(target)


def read_plan(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """What a study directory studies.

    Raises:
        StudyError: if it is no study directory, or damaged.
    """
    path = Path(directory) / PLAN
    try:
        plan = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StudyError(f"{directory} is not a study directory: it has no {PLAN}") from None
    except (OSError, ValueError) as error:
        raise StudyError(f"the study directory {directory} is damaged: {PLAN}: {error}") from error
    if not isinstance(plan, dict):
        raise StudyError(f"the study directory {directory} is damaged: {PLAN} is not a JSON object")
    return plan


def merge_stores(sources: Iterable[str | os.PathLike[str]], target: str | os.PathLike[str]) -> Store:
    """Bring the results of studies with the same plan together, such as those of several machines.

    Args:
        sources: study directories; they stay as they are.
        target: a study directory with the same plan, or where one shall be.

    Raises:
        StudyError: if there is no source, a source is no study directory or damaged, or plans differ; then
            nothing was copied.
    """
    stores = [Store(Path(source).resolve()) for source in sources]
    if not stores:
        raise StudyError("no study to merge; give the directories of one study or more")
    plans = [read_plan(store.directory) for store in stores]
    for store, plan in zip(stores, plans, strict=True):
        if plan != plans[0]:
            raise StudyError(
                f"{store.directory} holds another study than {stores[0].directory}: "
                f"{_difference(plan, plans[0])}; only studies with the same plan merge"
            )
    merged = open_store(target, plans[0])
    for store in stores:
        for task_id in store.ids():
            result = store.get(task_id)
            if result is not None and merged.get(task_id) is None:
                merged.put(result)
    return merged


def carry_out(
    tasks: Iterable[Task],
    executor: Executor,
    *,
    store: Store | None = None,
    total: int | None = None,
    progress: Callable[[StudyProgress], None] | None = None,
) -> Iterator[TaskResult]:
    """The results of tasks, in any order; each is kept before it is yielded, and no kept task is run.

    Whatever ends it early, such as Ctrl-C, leaves in the store what was done; called again with the same
    tasks it gives the same results as if it had not been interrupted.

    Args:
        tasks: taken from their iterator as they are needed.
        executor: where they are carried out.
        store: where results are kept; None: nowhere.
        total: the number of tasks, for `progress`.
        progress: called after each result.

    Raises:
        StudyError: if a task fails, or the store cannot be used.
    """
    kept: deque[TaskResult] = deque()
    done = reused = 0

    def missing() -> Iterator[Task]:
        for task in tasks:
            # looked up late, so that what another process has done meanwhile is not done again
            result = None if store is None else store.get(task.id)
            if result is None:
                yield task
            else:
                kept.append(result)

    def report() -> None:
        if progress is not None:
            progress(StudyProgress(done, reused, total))

    def from_store() -> Iterator[TaskResult]:
        nonlocal done, reused
        while kept:
            done, reused = done + 1, reused + 1
            report()
            yield kept.popleft()

    for result in executor.run(missing()):
        if store is not None:
            store.put(result)
        yield from from_store()
        done += 1
        report()
        yield result
    yield from from_store()


@dataclass
class Runs:
    """Carries out the tasks of a study a batch at a time; progress counts those of all batches so far.

    Attributes:
        executor: where they are carried out.
        store: where results are kept; None: nowhere.
        progress: called after each result.
        done: tasks whose results are there.
        kept: how many of them were done before.
    """

    executor: Executor
    store: Store | None
    progress: Callable[[StudyProgress], None] | None
    done: int = 0
    kept: int = 0

    def carry_out(self, tasks: Iterable[Task], total: int | None) -> Iterator[TaskResult]:
        """The results of a batch, as from the function `carry_out`; `total` is the number of all tasks."""
        done, kept = self.done, self.kept

        def report(batch: StudyProgress) -> None:
            self.done, self.kept = done + batch.done, kept + batch.kept
            if self.progress is not None:
                self.progress(StudyProgress(self.done, self.kept, total))

        yield from carry_out(tasks, self.executor, store=self.store, progress=report)


def write_study(
    directory: str | os.PathLike[str], tables: Mapping[str, pl.DataFrame], document: Mapping[str, Any]
) -> Path:
    """Write tables as Parquet and a document as JSON, each file whole or not at all, the document last.

    Raises:
        StudyError: if they cannot be written.
    """
    if not os.fspath(directory):
        raise StudyError("the name of the study directory is empty")
    target = Path(directory).resolve()
    contents = {f"{name}.parquet": parquet(table) for name, table in tables.items()}
    contents[STUDY] = json_text(document).encode()
    try:
        for name, content in contents.items():
            write_whole(target / name, content)
    except OSError as error:
        raise StudyError(f"cannot write the study {directory}: {error.strerror or error}") from error
    return target


def parquet(table: pl.DataFrame) -> bytes:
    """A table as the content of a file."""
    content = io.BytesIO()
    table.rechunk().write_parquet(content, compression="zstd")
    return content.getvalue()


def _begin(target: Path, plan: Mapping[str, Any]) -> None:
    """Make a study directory; of several processes that try, the first one wins.

    Raises:
        StudyError: if something else is there.
        OSError: if it cannot be made.
    """
    if target.is_dir() and any(entry for entry in target.iterdir() if not _is_ours(entry)):
        raise StudyError(
            f"{target} exists and is not a study directory (it has no {PLAN}); "
            f"choose a directory that does not exist"
        )
    text = json.dumps(plan, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(target / PLAN, text.encode(), _place_once)


def _is_ours(entry: Path) -> bool:
    """What another process that is beginning the same study may have made."""
    return entry.name == PLAN or is_partial(entry)


def _put_result(partial: Path, path: Path) -> None:
    """Windows replaces no file that another process reads: what is there is the same result."""
    try:
        put_in_place(partial, path)
    except PermissionError:
        if not path.exists():
            raise


def _place_once(partial: Path, path: Path) -> None:
    """Give a finished file its name, unless another one has it."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return
    except OSError:  # no hard links in this file system
        if not path.exists():
            partial.replace(path)


def _difference(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first thing in which two plans differ."""
    path: list[str] = []
    one: Any = there
    other: Any = wanted
    while isinstance(one, Mapping) and isinstance(other, Mapping):
        key = next(key for key in (*one, *other) if one.get(key) != other.get(key))
        path.append(key)
        one, other = one.get(key), other.get(key)
    return f"its {'.'.join(path)} is {_short(one)}, not {_short(other)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _cannot(do: str, directory: Path, error: OSError) -> StudyError:
    return StudyError(f"cannot {do} the study directory {directory}: {error.strerror or error}")

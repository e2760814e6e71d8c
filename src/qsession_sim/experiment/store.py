"""A study directory: what is studied, and the result of every task that is done, one file each.

Results are found by the content id of their task, and are written whole or not at all. So any number of
processes may work in one directory, and a study that was interrupted goes on from what is there.

The digests of results are lines of one file, to which lines are only ever added: that needs no lock between
processes, and whoever is killed at it leaves all lines but his own. A line is on the disk before its result
has its name. So a result without a line was changed, or its line was, and counts as not there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.experiment.executors import Executor
from qsession_sim.experiment.tasks import Task, TaskResult
from qsession_sim.files import (
    DIGESTS,
    append_line,
    digest_lines,
    is_partial,
    open_regular,
    parse_json,
    read_regular,
    reason,
    remove_stale,
    resolved,
    write_table,
    write_whole,
)
from qsession_sim.results.bundle import json_text

if TYPE_CHECKING:
    import polars as pl


PLAN: Final = "plan.json"
RESULTS: Final = "results"
STUDY: Final = "study.json"
TUNING: Final = "tuning.json"
EVALUATIONS: Final = "evaluations.parquet"


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

    @cached_property
    def _digests(self) -> Digests:
        return Digests(self.directory)

    def get(self, task_id: str) -> TaskResult | None:
        """The result of a task; None if it is not there, or was changed since it was written."""
        path = self._path(task_id)
        try:
            content = read_regular(path)
            if not self._digests.fit(self._name(path), content):
                return None
            result = TaskResult.from_json(parse_json(content))
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
        path, content = self._path(result.id), text.encode()

        def put(partial: Path, place: Path) -> None:
            self._digests.add({self._name(path): content})
            _put_result(partial, place)

        try:
            write_whole(path, content, put)
        except OSError as error:
            raise _cannot("write", self.directory, error) from error

    def begin(self, plan: bytes) -> None:
        """Make the directory if it is not there; write a plan that was lost or changed again, if its digest
        says that it was this one.

        Raises:
            StudyError: if something else is there.
            OSError: if it cannot be made, read or written.
        """
        path, digests = self.directory / PLAN, self._digests
        there = read_regular(path) if path.exists() else None
        if digests.have(PLAN, plan):
            if there is None or not digests.have(PLAN, there):
                write_whole(path, plan)
        elif there is None:
            _begin(path, plan, digests)

    def mend(self) -> None:
        """Write down the digests of all that an earlier version wrote, and remove what killed processes left.

        Raises:
            OSError: if something cannot be read or written.
        """
        results = () if self._digests.exist() else sorted(self._files())
        files = (self.directory / PLAN, *results)
        self._digests.add({self._name(file): read_regular(file) for file in files})
        remove_stale((*self.directory.iterdir(), *(self.directory / RESULTS).glob("*/.*")))

    def ids(self) -> Iterator[str]:
        """The ids of the tasks that are done, sorted."""
        yield from sorted(path.stem for path in self._files())

    def _files(self) -> Iterator[Path]:
        found = (self.directory / RESULTS).glob("*/*.json")
        return (path for path in found if not is_partial(path))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.directory).as_posix()

    def _path(self, task_id: str) -> Path:
        # 256 directories: none becomes so large that looking into it takes long
        return self.directory / RESULTS / task_id[:2] / f"{task_id}.json"


class Digests:
    """The digests of files in a study directory, read as far as they are needed.

    A file may have several lines, as when it differs each time that it is computed: what fits one of them is
    what somebody wrote. All methods raise an OSError if the lines cannot be read or written.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / DIGESTS
        self._read = 0  # bytes
        self._lines: set[bytes] = set()

    def exist(self) -> bool:
        """Whether there are any; not in studies of earlier versions."""
        return self._file.exists()

    def fit(self, name: str, content: bytes) -> bool:
        """Whether that is what was written to a file; also true where no digests are kept at all."""
        return self.have(name, content) or not self.exist()

    def have(self, name: str, content: bytes) -> bool:
        """Whether a file has the digest of that; what other processes have added meanwhile counts."""
        line = _line(name, content)
        if line not in self._lines and self.exist():
            with open_regular(self._file) as file:
                file.seek(self._read)
                new = file.read()
            new = new[: new.rfind(b"\n") + 1]  # a line may be being added just now
            self._read += len(new)
            self._lines.update(new.splitlines(keepends=True))
        return line in self._lines

    def add(self, files: Mapping[str, bytes]) -> None:
        """Write down what files are going to hold, by name, as far as it is not there."""
        lines = [_line(*file) for file in files.items() if not self.have(*file)]
        if lines:
            append_line(self._file, b"".join(lines))


def _line(name: str, content: bytes) -> bytes:
    return digest_lines([(name, hashlib.sha256(content).hexdigest())])


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
        ...     list(store.ids()), read_plan(store.directory)
        ([], {'seed': 7})
    """
    target = study_place(directory)
    if target.exists() and not target.is_dir():
        raise StudyError(f"{target} is no directory; choose a study directory, or one that does not exist")
    store = Store(target)
    wanted = json.loads(json.dumps(plan))
    try:
        store.begin((json.dumps(plan, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
        there = read_plan(target, wanted)
        if there != wanted:
            raise StudyError(
                f"{target} holds another study: {_difference(there, wanted)}; "
                f"choose another directory, or ask for the same study to go on with it"
            )
        store.mend()
    except OSError as error:
        raise _cannot("make", target, error) from error
    return store


def read_plan(directory: Path, wanted: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a study directory studies; a plan that is the wanted one is not damaged, whatever its digest says.

    Raises:
        StudyError: if it is no study directory, or damaged.
    """
    try:
        content = read_regular(directory / PLAN)
        plan = parse_json(content)
        changed = plan != wanted and not Digests(directory).fit(PLAN, content)
    except FileNotFoundError:
        raise StudyError(f"{directory} is not a study directory: it has no {PLAN}") from None
    except (OSError, ValueError) as error:
        raise _damaged_plan(directory, f": {reason(error)}") from error
    if changed:
        raise _damaged_plan(directory, f": its SHA-256 is not in {DIGESTS}, so one of them was changed")
    if not isinstance(plan, dict):
        raise _damaged_plan(directory, " is not a JSON object")
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
    stores = [Store(study_place(source)) for source in sources]
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


@dataclass
class Runs:
    """Carries out the tasks of a study a batch at a time; progress counts those of all batches so far.

    Whatever ends it early, such as Ctrl-C, leaves in the store what was done; asked for the same tasks again
    it gives the same results as if it had not been interrupted.

    Attributes:
        executor: where they are carried out.
        store: where results are kept; None: nowhere.
        progress: called after each result.
        done: tasks whose results are there.
        kept: how many of them were done before.
        left_out: tasks that are not needed, as they would repeat others.
    """

    executor: Executor
    store: Store | None = None
    progress: Callable[[StudyProgress], None] | None = None
    done: int = 0
    kept: int = 0
    left_out: int = 0

    def carry_out(
        self, tasks: Iterable[Task], total: int | None = None, repeats: int = 0
    ) -> Iterator[TaskResult]:
        """The results of a batch, in any order; each is kept before it is yielded, and no kept task is run.

        Args:
            tasks: taken from their iterator as they are needed.
            total: the number of all tasks, for `progress`.
            repeats: how many of these are not needed for each one in which nothing is drawn.

        Raises:
            StudyError: if a task fails, or the store cannot be used.
        """
        stored: deque[TaskResult] = deque()

        def missing() -> Iterator[Task]:
            for task in tasks:
                # looked up late, so that what another process has done meanwhile is not done again
                result = None if self.store is None else self.store.get(task.id)
                if result is None or not result.is_of(task):
                    yield task
                else:
                    stored.append(result)

        def from_store() -> Iterator[TaskResult]:
            while stored:
                self.kept += 1
                yield self._counted(stored.popleft(), total, repeats)

        for result in self.executor.run(missing()):
            if self.store is not None:
                self.store.put(result)
            yield from from_store()
            yield self._counted(result, total, repeats)
        yield from from_store()

    def _counted(self, result: TaskResult, total: int | None, repeats: int) -> TaskResult:
        self.done += 1
        self.left_out += 0 if result.drawn else repeats
        if self.progress is not None:
            needed = None if total is None else total - self.left_out
            self.progress(StudyProgress(self.done, self.kept, needed))
        return result


def write_study(
    directory: str | os.PathLike[str], tables: Mapping[str, pl.DataFrame], document: Mapping[str, Any]
) -> Path:
    """Write tables as Parquet and a document as JSON, each file whole or not at all, the document last.

    Raises:
        StudyError: if they cannot be written.
    """
    target = study_place(directory)
    contents = {f"{name}.parquet": parquet(table) for name, table in tables.items()}
    contents[STUDY] = json_text(document).encode()
    try:
        for name, content in contents.items():
            write_whole(target / name, content)
    except OSError as error:
        raise StudyError(f"cannot write the study {directory}: {reason(error)}") from error
    return target


def read_study_table(directory: Path, name: str, column: str) -> pl.DataFrame:
    """Read a table that `write_study` wrote, and that has a column by which it is known.

    Raises:
        StudyError: if it is missing or damaged.
    """
    import polars as pl

    file = f"{name}.parquet"
    try:
        frame = pl.read_parquet(io.BytesIO(read_regular(directory / file)))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _damaged_study(directory, f"{file}: {reason(error)}") from error
    if column not in frame.columns:
        raise _damaged_study(directory, f"{file} has no column {column!r}, so it is not that of a study")
    return frame


def read_study_document(directory: Path, name: str = STUDY) -> dict[str, Any]:
    """Read the document of a study that `write_study` wrote, or that of a search.

    Raises:
        StudyError: if it is missing or damaged.
    """
    try:
        document = parse_json(read_regular(directory / name))
    except (OSError, ValueError) as error:
        raise _damaged_study(directory, f"{name}: {reason(error)}") from error
    if not isinstance(document, dict) or not _KEYS[name] <= document.keys():
        raise _damaged_study(directory, f"{name} is not the document of a study")
    return document


_KEYS: Final[Mapping[str, set[str]]] = {
    STUDY: {"kind", "baseline", "level"},
    TUNING: {"objective", "confirmation", "evaluations"},
}


def parquet(table: pl.DataFrame) -> bytes:
    """A table as the content of a file."""
    content = io.BytesIO()
    write_table(table, content)
    return content.getvalue()


def _begin(path: Path, plan: bytes, digests: Digests) -> None:
    """Make a study directory; of several processes that try, the first one wins.

    Raises:
        StudyError: if something else is there.
        OSError: if it cannot be made.
    """
    target = path.parent
    if target.is_dir() and any(entry for entry in target.iterdir() if not _is_ours(entry)):
        raise StudyError(
            f"{target} exists and is not a study directory (it has no {PLAN}); "
            f"choose a directory that does not exist"
        )

    def put(partial: Path, place: Path) -> None:
        digests.add({PLAN: plan})  # first, so that no study of this version is without digests
        _place_once(partial, place)

    write_whole(path, plan, put)


def _is_ours(entry: Path) -> bool:
    """What another process that is beginning the same study may have made."""
    return entry.name in {PLAN, DIGESTS} or is_partial(entry)


def study_place(directory: str | os.PathLike[str]) -> Path:
    """The absolute name of a study directory.

    Raises:
        StudyError: if it is empty, or there can be none.
    """
    if not os.fspath(directory):
        raise StudyError("the name of the study directory is empty")
    try:
        return resolved(directory)
    except OSError as error:
        raise _cannot("use", Path(directory), error) from error


def _put_result(partial: Path, path: Path) -> None:
    """Windows replaces no file that another process reads: what is there is the same result."""
    try:
        partial.replace(path)
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
        key = next(
            key for key in (*one, *other) if (key in one, one.get(key)) != (key in other, other.get(key))
        )
        path.append(key)
        one, other = one.get(key), other.get(key)
    return f"its {'.'.join(path)} is {_short(one)}, not {_short(other)}"


def _short(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "nested too deeply"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _cannot(do: str, directory: Path, error: OSError) -> StudyError:
    return StudyError(f"cannot {do} the study directory {directory}: {reason(error)}")


def _damaged_study(directory: Path, why: str) -> StudyError:
    return StudyError(f"the study {directory} is damaged: {why}; save it again")


def _damaged_plan(directory: Path, why: str) -> StudyError:
    return StudyError(f"the study directory {directory} is damaged: {PLAN}{why}; choose another directory")

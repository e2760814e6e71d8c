"""Workload: every job, session and client that a run starts from, as frozen int64 columns.

Rows are numbered as the rules number entities: by position in the workload, source by source.
`NEVER` (-1) stands for "not given".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from qsession_sim.scheduler.plan import ClientFields, JobFields, QpuSpec, SessionFields, WindowSpec, is_rare
from qsession_sim.scheduler.vocabulary import NEVER

if TYPE_CHECKING:
    import polars as pl

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_ROWS_AT_ONCE: Final = 1 << 14
_ENDS: Final = 10_000
_FEW_MEMBERS: Final = 16
"""With fewer in a group, what is done once for each group takes longer than a name at a time."""


class NameBlock(Protocol):
    """The names of consecutive rows: a tuple of given ones, or made only when somebody reads them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True)
class NumberedNames:
    """``stream/1`` to ``stream/count``."""

    stream: str
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        prefix = self.stream
        return (f"{prefix}/{number}" for number in range(1, self.count + 1))


@dataclass(frozen=True, eq=False)
class KeyedNames:
    """``stream/key`` with the keys that a file gives, shape (rows,)."""

    stream: str
    keys: Int64Array

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[str]:
        prefix = self.stream
        return (f"{prefix}/{key}" for key in self.keys.tolist())


@dataclass(frozen=True, eq=False)
class WrittenNames:
    """Names as a file gives them, shape (rows,); Python texts would take several times the memory."""

    texts: pl.Series

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        texts = self.texts
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            yield from texts[start : start + _ROWS_AT_ONCE].to_list()


@dataclass(frozen=True)
class NestedNames:
    """``stream/1/1``, ``stream/1/2`` … ``stream/2/1`` …: group `i` has `counts[i]` members (S67)."""

    stream: str
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return sum(self.counts)

    def __iter__(self) -> Iterator[str]:
        prefix = self.stream
        return (
            f"{prefix}/{group}/{member}"
            for group, count in enumerate(self.counts, start=1)
            for member in range(1, count + 1)
        )

    def numbers(self, start: int, stop: int) -> tuple[Int64Array, Int64Array]:
        """The groups and the members of some rows, each from 1; both of shape (stop - start,).

        Example:
            >>> [numbers.tolist() for numbers in NestedNames("vqe", (2, 0, 3)).numbers(1, 4)]
            [[1, 3, 3], [2, 1, 2]]
        """
        ends = np.cumsum(self.counts)
        rows = np.arange(start, stop)
        group = np.searchsorted(ends, rows, side="right")
        return group + 1, rows - np.append(0, ends)[group] + 1


def name_of(blocks: Sequence[NameBlock], row: int) -> str:
    """The name of one row.

    Example:
        >>> name_of((("a", "b"), NumberedNames("s", 2)), 3)
        's/2'
    """
    for block in blocks:
        if row < len(block):
            return next(islice(block, row, None))
        row -= len(block)
    raise IndexError("there is no such row")


def constant(rows: int, value: int) -> Int64Array:
    """A column in which every row has the same value, in the memory of one; it cannot be written to.

    Example:
        >>> column = constant(3, 7)
        >>> column.tolist(), column.strides
        ([7, 7, 7], (0,))
    """
    return _constant(rows, int(value))


@lru_cache(maxsize=1024)
def _constant(rows: int, value: int) -> Int64Array:
    """Shared, as it cannot be written to: a draw makes hundreds of them."""
    column: Int64Array = np.ndarray(rows, np.int64, np.int64(value), strides=(0,))
    column.flags.writeable = False
    return column


def is_constant(column: Int64Array) -> bool:
    """Whether a column, shape (rows,), is known to have one value, as those that `constant` makes."""
    return column.strides == (0,)


def taken(column: Int64Array, rows: Int64Array) -> Int64Array:
    """The given rows of a column; in the memory of one if all have the same value.

    Example:
        >>> taken(constant(2, 7), np.array([0, 1, 1])).strides
        (0,)
    """
    if len(column) and is_constant(column):
        return constant(len(rows), int(column[0]))
    return column[rows]


def shifted(column: Int64Array, offset: int) -> Int64Array:
    """A column with something added to each number but NEVER; itself where that changes nothing."""
    if offset == 0 or (is_constant(column) and np.all(column[:1] == NEVER)):
        return column
    return np.where(column == NEVER, NEVER, column + offset)


@dataclass(frozen=True)
class _Columns:
    """Columns of one length that cannot be written to; each is contiguous or one value (`constant`)."""

    @classmethod
    @cache
    def items(cls) -> Mapping[str, Any]:
        """The fields by name, looked up once: a draw asks for them hundreds of times."""
        return {item.name: item for item in fields(cls)}

    def __post_init__(self) -> None:
        lengths = set()
        for name, item in self.items().items():
            value = getattr(self, name)
            if not _is_frozen(value):
                if isinstance(value, int) and not is_rare(item):
                    raise TypeError(f"{type(self).__name__}: the column {name} is missing")
                value = self._frozen(value)
                object.__setattr__(self, name, value)
            lengths.add(value.shape)
        if len(lengths) > 1:
            raise ValueError(f"columns differ in shape: {sorted(lengths)}")

    def _frozen(self, value: npt.ArrayLike) -> Int64Array:
        column = np.asarray(value, dtype=np.int64)
        if column.ndim == 0:
            column = constant(len(self), int(column))
        elif not is_constant(column):
            column = np.ascontiguousarray(column)
        if column.flags.writeable:
            column = column.view()
            column.flags.writeable = False
        return column

    def __len__(self) -> int:
        column: Int64Array = getattr(self, next(iter(self.items())))
        return len(column)

    def is_needed(self, name: str) -> bool:
        """Whether a column says more than that nothing was given in any row."""
        item = self.items()[name]
        column: Int64Array = getattr(self, name)
        if not is_rare(item):
            return True
        return bool(np.any((column[:1] if is_constant(column) else column) != item.default))


def _is_frozen(column: object) -> bool:
    """Whether a column is as those of a table are."""
    return (
        isinstance(column, np.ndarray)
        and column.dtype == np.int64
        and column.ndim == 1
        and not column.flags.writeable
        and (column.flags.c_contiguous or is_constant(column))
    )


@dataclass(frozen=True, kw_only=True)
class JobColumns(_Columns, JobFields[Int64Array]):
    """One row a job; each column has shape (jobs,).

    Numbers of accounts, streams and QPUs are indices into the tuples of the `Workload`. `qpu_time_us` is
    what was requested, or drawn.
    """


@dataclass(frozen=True)
class SessionColumns(_Columns, SessionFields[Int64Array]):
    """One row a session or batch; each column has shape (sessions,), with indices as those of jobs."""


@dataclass(frozen=True)
class ClientColumns(_Columns, ClientFields[Int64Array]):
    """One row an iterative client; each column has shape (clients,). Its jobs are consecutive rows."""


@dataclass(frozen=True)
class LeftOut:
    """What a source did not take from its file, and what else is to be said of how it was read."""

    stream: int  # index into Workload.streams
    bad_lines: int  # malformed, and skipped because the source says so
    unrun_jobs: int  # whose line says that they never ran
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workload:
    """All that a run starts from. Names of rows come from blocks, in row order.

    Where the QPU time of a job depends on the QPU, `qpu_times_us` has a column for each QPU, shape (jobs,);
    `jobs.qpu_time_us` is then that of the QPU that the job names, else of the first that is no simulator.
    `estimates_us` is the same for estimates. Else both are empty. `drawn_for` names the purposes for which
    random numbers were drawn, as the draw reports it; empty if another seed gives the same workload.
    `more_after` has the jobs that a job follows beside that in the column `after`, which has the smallest
    number of them (S5).
    """

    jobs: JobColumns
    sessions: SessionColumns
    clients: ClientColumns
    accounts: tuple[str, ...]
    streams: tuple[str, ...]
    job_names: tuple[NameBlock, ...]
    session_names: tuple[NameBlock, ...]
    left_out: tuple[LeftOut, ...] = ()  # one for each source that reads a file
    qpus: tuple[str, ...] = ("qpu",)  # names
    qpu_specs: tuple[QpuSpec, ...] = (QpuSpec(),)
    windows: tuple[WindowSpec, ...] = ()  # S52
    qpu_times_us: tuple[Int64Array, ...] = ()
    estimates_us: tuple[Int64Array, ...] = ()
    drawn_for: frozenset[str] = frozenset()
    more_after: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def lines_left_out(self) -> dict[str, dict[str, int]]:
        """How many lines of files were not taken, by the stream and why."""
        return {
            self.streams[left.stream]: {"bad_lines": left.bad_lines, "unrun_jobs": left.unrun_jobs}
            for left in self.left_out
        }

    def digest(self) -> str:
        """SHA-256 over names and column bytes: equal workloads, equal digests (S7)."""
        digest = hashlib.sha256()
        for table in (self.jobs, self.sessions, self.clients):
            for name in filter(table.is_needed, table.items()):
                _take_in(digest, f"{type(table).__name__}.{name}", getattr(table, name))
        for name in ("qpu_times_us", "estimates_us"):
            for number, column in enumerate(getattr(self, name)):
                _take_in(digest, f"{name}.{number}", column)
        has_places = self.windows or len(self.qpus) > 1
        places = (self.qpus, self.qpu_specs, self.windows) if has_places else ()
        for rare in (places, sorted(self.more_after.items())):
            digest.update(repr(rare).encode() if rare else b"")
        for names in (self.accounts, self.streams):
            digest.update(("\0".join(names) + "\1").encode())
        for block in (*self.job_names, *self.session_names):
            for joined in _joined_names(block):
                digest.update((joined + "\0").encode())
        return digest.hexdigest()


def _joined_names(block: NameBlock) -> Iterator[str]:
    """The names of a block with NUL between them, in pieces; numbers are written without a text for each."""
    match block:
        case WrittenNames(texts):
            for start in range(0, len(block), _ROWS_AT_ONCE):
                yield texts[start : start + _ROWS_AT_ONCE].str.join("\0")[0]
        case NumberedNames(stream, count):
            yield from _joined_numbers(f"{stream}/", count)
        case KeyedNames(stream, keys):
            for start in range(0, len(keys), _ROWS_AT_ONCE):
                yield _each_after(f"{stream}/", map(str, keys[start : start + _ROWS_AT_ONCE].tolist()))
        case NestedNames(stream, counts) if len(block) >= _FEW_MEMBERS * len(counts):
            for group, count in enumerate(counts, start=1):
                yield from _joined_numbers(f"{stream}/{group}/", count)
        case _:
            names = iter(block)
            while some := list(islice(names, _ROWS_AT_ONCE)):
                yield "\0".join(some)


def _joined_numbers(prefix: str, count: int) -> Iterator[str]:
    """The numbers from 1 to a count, each after a prefix, with NUL between them."""
    if count:
        yield _each_after(prefix, map(str, range(1, min(count + 1, _ENDS))))
    for start in range(_ENDS, count + 1, _ENDS):
        yield _each_after(f"{prefix}{start // _ENDS}", _last_digits()[: count + 1 - start])


def _each_after(prefix: str, ends: Iterable[str]) -> str:
    return prefix + f"\0{prefix}".join(ends)


@lru_cache(maxsize=1)
def _last_digits() -> tuple[str, ...]:
    """The last four digits of every number that has more."""
    return tuple(f"{number:04}" for number in range(_ENDS))


def _take_in(digest: hashlib._Hash, name: str, column: Int64Array) -> None:
    digest.update(f"{name}:{len(column)};".encode())
    for start in range(0, len(column), _ROWS_AT_ONCE):
        part = column[start : start + _ROWS_AT_ONCE]
        digest.update(np.ascontiguousarray(part, dtype="<i8").data)


def _no_rows(columns: type[_Columns]) -> dict[str, Int64Array]:
    return {name: np.empty(0, dtype=np.int64) for name in columns.items()}


EMPTY_WORKLOAD = Workload(
    jobs=JobColumns(**_no_rows(JobColumns)),
    sessions=SessionColumns(**_no_rows(SessionColumns)),
    clients=ClientColumns(**_no_rows(ClientColumns)),
    accounts=(),
    streams=(),
    job_names=(),
    session_names=(),
)
"""Nothing: what a run of live programs alone starts from."""

"""The formats of files of jobs: CSV, Parquet and the Standard Workload Format, read and written."""

from __future__ import annotations

import csv
import glob
import gzip
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import EINVAL
from io import SEEK_END, BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO, cast

import numpy as np

from qsession_sim.errors import WorkloadFileError
from qsession_sim.files import (
    Bounded,
    check_regular,
    limits,
    open_regular,
    read_at_most,
    reason,
    remove_stale,
    resolved,
    too_large,
    whole_file,
    write_table,
)
from qsession_sim.scenario.files import ENDINGS, TraceFormat, not_utf8, trace_format
from qsession_sim.scenario.sources import ResolvedTrace
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    BoolArray,
    Int64Array,
    KeyedNames,
    NumberedNames,
    Workload,
    constant,
)
from qsession_sim.workload.context import filled
from qsession_sim.workload.trace_rows import (
    FROM_SOURCE,
    NEVER_RAN,
    UNKNOWN_USER,
    BadRows,
    Numbers,
    TraceRows,
    check_chains,
    not_usable,
    numbers_of,
)
from qsession_sim.workload.trace_table import (
    COLUMNS,
    ColumnError,
    job_table,
    names_in_file,
    not_in_table,
    rows_of,
)

if TYPE_CHECKING:
    import polars as pl

_GZIP: Final = ".gz"


def _open(file: Path) -> BinaryIO:
    """The bytes of a file, unpacked.

    Raises:
        OSError, EOFError: if it cannot be read.
    """
    files: list[BinaryIO] = [open_regular(file)]
    if _is_packed(file):
        if file.stat().st_size == 0:
            files[0].close()
            raise EOFError("a compressed file is never empty")  # gzip reads it as one without lines
        files.insert(0, cast("BinaryIO", gzip.GzipFile(fileobj=files[0])))
    return BufferedReader(Bounded(files, limits().trace_bytes))


def _write_text(text: str, file: Path) -> None:
    content = text.encode()
    # without a date, equal workloads make equal files
    file.write_bytes(gzip.compress(content, mtime=0) if _is_packed(file) else content)


def _is_packed(file: Path) -> bool:
    return file.name.lower().endswith(_GZIP)


# -- CSV with a heading.

_COMMA: Final = ","


def _read_csv(source: ResolvedTrace, file: Path) -> TraceRows:
    """Quickly if nothing is wrong with the file; otherwise once more, to know the lines."""
    try:
        return _read_utf8_csv(source, file)
    except UnicodeDecodeError:
        with _open_text(file, errors="surrogateescape") as text:
            raise ColumnError(not_utf8(text)) from None


def _read_utf8_csv(source: ResolvedTrace, file: Path) -> TraceRows:
    from polars.exceptions import PolarsError

    wanted = [*names_in_file(source.columns).values()]
    if _is_even(file):
        with suppress(PolarsError):
            frame = _read_even_csv(file, wanted)
            rows = rows_of(frame, np.arange(frame.height), "line", source.columns, {})
            check_chains(rows)
            if not rows.bad.mask.any():
                return rows
    frame, lines, shapes = _read_csv_by_line(file, wanted)
    return rows_of(frame, lines, "line", source.columns, shapes)


def _read_even_csv(file: Path, wanted: Sequence[str]) -> pl.DataFrame:
    """Read those of the wanted columns that there are, as texts; for a file that `_is_even`.

    Raises:
        ColumnError: if one of them is there twice.
        OSError, polars.exceptions.PolarsError: if the file cannot be read, or its lines differ in length.
    """
    import polars as pl

    # a look at the heading first: columns that are not wanted are not kept
    with _open_text(file) as source:
        chosen = _places(next(csv.reader(source), []), wanted)
    if not chosen:
        return pl.DataFrame()
    return pl.read_csv(file, columns=list(chosen), infer_schema=False)


def _places(heading: list[str], wanted: Sequence[str]) -> dict[str, int]:
    """Where in the heading each of the wanted columns is, of those that are there."""
    twice = [name for name in dict.fromkeys(wanted) if heading.count(name) > 1]
    if twice:
        raise ColumnError(f"has more than one column {', '.join(map(repr, twice))}; rename all but one")
    return {name: heading.index(name) for name in wanted if name in heading}


def _is_even(file: Path) -> bool:
    """Whether every line has as many commas as the heading, so that no line can lack a field.

    A comma in quotes makes a line uneven; reading by line distinguishes such a file from a malformed one.

    Raises:
        OSError: if the file cannot be read.
    """
    with _open_text(file) as source:
        commas = next(source, "").count(_COMMA)
        return all(line.count(_COMMA) == commas or line.isspace() for line in source)


def _read_csv_by_line(file: Path, wanted: Sequence[str]) -> tuple[pl.DataFrame, Int64Array, dict[int, str]]:
    """Read the same line by line.

    Returns:
        The columns, the line on which each row ends, and by row what is wrong with its shape.

    Raises:
        ColumnError: if a wanted column is there twice.
        OSError, csv.Error: if the file cannot be read.
    """
    import polars as pl

    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    shapes: dict[int, str] = {}
    with _open_text(file) as source:
        reader = csv.reader(source)
        heading = next(reader, [])
        chosen = _places(heading, wanted)
        columns = {name: [] for name in chosen}
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(heading):
                shapes[len(lines)] = f"has {len(fields)} fields, the heading {len(heading)}"
            lines.append(reader.line_num)
            for name, place in chosen.items():
                columns[name].append(fields[place] if place < len(fields) else None)
    frame = pl.DataFrame(columns, schema=dict.fromkeys(chosen, pl.String))
    return frame, np.array(lines, dtype=np.int64), shapes


def _open_text(file: Path, errors: str = "strict") -> TextIO:
    return TextIOWrapper(_open(file), encoding="utf-8-sig", newline="", errors=errors)


def _write_csv(workload: Workload, file: Path) -> list[str]:
    _write_text(job_table(workload).write_csv(), file)
    return not_in_table(workload)


# -- Parquet: a column of numbers or texts for each thing that a job has.


def _read_parquet(source: ResolvedTrace, file: Path) -> TraceRows:
    import polars as pl

    check_regular(file)
    there = pl.read_parquet_schema(file)
    wanted = dict.fromkeys(names_in_file(source.columns).values())
    rows, size = _size_of_parquet(file)
    if max(_BYTES_OF_A_NUMBER * rows * len(wanted.keys() & there.keys()), size) > limits().trace_bytes:
        raise too_large(limits().trace_bytes)
    frame = pl.DataFrame([_parquet_column(file, name) for name in wanted if name in there])
    return rows_of(frame, np.arange(1, frame.height + 1), "row", source.columns, {})


_BYTES_OF_A_NUMBER: Final = 8
_ROW_COUNT, _ROW_GROUPS, _UNPACKED_BYTES = 3, 4, 2
"""Fields of the footer of a Parquet file, and of a row group in it."""


def _size_of_parquet(file: Path) -> tuple[int, int]:
    """The number of rows, and of bytes that they are unpacked; polars tells neither before it unpacks them.

    Raises:
        OSError: if the footer cannot be read.
    """
    with open_regular(file) as content:
        end = content.seek(-8, SEEK_END)
        length = int.from_bytes(content.read(4), "little")
        content.seek(max(end - length, 0))
        footer = read_at_most(content, limits().scenario_bytes)
    try:
        fields = _Thrift(footer).value(_Thrift.STRUCT)
        return fields[_ROW_COUNT], sum(group[_UNPACKED_BYTES] for group in fields[_ROW_GROUPS])
    except (LookupError, TypeError, RecursionError):
        raise OSError(EINVAL, "its footer cannot be read") from None


class _Thrift:
    """What is written in the compact protocol of Apache Thrift."""

    STRUCT: Final = 12

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def value(self, kind: int) -> Any:
        """The next value: a number, a list, or the values of a struct by their fields."""
        match kind:
            case 1 | 2:
                return kind
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                number = self._number()
                return number >> 1 ^ -(number & 1)
            case 7 | 8:
                length = 8 if kind == 7 else self._number()
                self._place += length
                return None
            case 9 | 10:
                head = self._byte()
                count = self._number() if head >> 4 == 15 else head >> 4
                of = max(head & 15, 3)  # a truth value takes a byte here
                return [self.value(of) for _ in range(count)]
            case self.STRUCT:
                return dict(self._fields())
        raise LookupError(kind)

    def _fields(self) -> Iterator[tuple[int, Any]]:
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self.value(4)
            yield field, self.value(head & 15)

    def _number(self) -> int:
        number = shift = 0
        while (byte := self._byte()) >> 7:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def _byte(self) -> int:
        self._place += 1
        return self._content[self._place - 1]


def _parquet_column(file: Path, name: str) -> pl.Series:
    """One column; one without a value, as exports have many, takes no memory."""
    import polars as pl

    column = pl.read_parquet(file, columns=[name]).to_series()
    if column.null_count() == len(column):
        return pl.repeat(None, len(column), dtype=pl.Null, eager=True).alias(name)
    return column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column


def _write_parquet(workload: Workload, file: Path) -> list[str]:
    with file.open("wb") as content:
        write_table(job_table(workload), content)
    return not_in_table(workload)


# -- The Standard Workload Format, version 2.2.
# After S. J. Chapin et al., "Benchmarks and standards for the evaluation of parallel job schedulers"
# (1999), and the page on the format in the Parallel Workloads Archive. A job is a line of 18 numbers; -1
# says "unknown".

FIELDS: Final = 18

_JOB, _SUBMITTED, _RUN_TIME, _STATUS, _USER_FIELD, _PRECEDING, _THINK = 1, 2, 4, 11, 12, 17, 18
_WORDS: Final = {
    _JOB: "job number",
    _SUBMITTED: "submit time",
    _RUN_TIME: "run time",
    _STATUS: "status",
    _USER_FIELD: "user",
    _PRECEDING: "preceding job",
    _THINK: "think time",
}
_WHOLE: Final = (_JOB, _STATUS, _USER_FIELD, _PRECEDING)
_LINES_AT_ONCE: Final = 131_072
_PARTIAL: Final = (2, 3, 4)  # statuses of parts of a job, whose line with the whole is there too
_COMMENT: Final = b";"


def _read_swf(source: ResolvedTrace, file: Path) -> TraceRows:
    lines: list[Int64Array] = []
    seconds: dict[int, list[Numbers]] = {field: [] for field in _WORDS}
    reasons: dict[int, str] = {}
    read = 0
    with _open(file) as content:
        for numbers, frame in _frames(content):
            _collect(frame, seconds, reasons, read)
            lines.append(numbers)
            read += len(numbers)
    columns = {field: Numbers.joined(parts) for field, parts in seconds.items()}
    return _rows(np.concatenate([filled(0, 0), *lines]), columns, reasons, source.name)


def _frames(source: BinaryIO) -> Iterator[tuple[Int64Array, pl.DataFrame]]:
    """Pieces of the file: numbers of the lines that are jobs, and their fields as text in columns."""
    import polars as pl

    first = 1
    while texts := list(islice(source, _LINES_AT_ONCE)):
        stripped = [text.strip() for text in texts]
        kept = [row for row, text in enumerate(stripped) if text and not text.startswith(_COMMENT)]
        series = pl.Series(
            "text", [stripped[row].decode("utf-8", "backslashreplace") for row in kept], dtype=pl.String
        )
        words = series.str.replace_all(r"\s+", " ").str.split(" ")
        frame = pl.DataFrame(
            {"fields": words.list.len()}
            | {str(field): words.list.get(field - 1, null_on_oob=True) for field in range(1, FIELDS + 1)}
        )
        yield np.array(kept, dtype=np.int64) + first, frame
        first += len(texts)


def _collect(
    frame: pl.DataFrame, seconds: dict[int, list[Numbers]], reasons: dict[int, str], read: int
) -> None:
    """Convert a piece; remember what is wrong with its rows, by their position in the whole file."""
    for field in range(FIELDS, 0, -1):
        column = frame[str(field)]
        unit = SECOND if field in (_SUBMITTED, _RUN_TIME, _THINK) else 1
        values = numbers_of(column, unit, whole=field in _WHOLE)
        if field in seconds:
            seconds[field].append(values)
        wrong = values.wrong if field in _WORDS else values.wrong & ~_numeric(column)
        for row in np.flatnonzero(wrong).tolist():
            reasons[read + row] = f"{_called(field)}: {not_usable(column[row], whole=field in _WHOLE)}"
    count = frame["fields"].to_numpy()
    for row in np.flatnonzero(count != FIELDS).tolist():
        reasons[read + row] = f"has {count[row]} fields, not {FIELDS}"


def _numeric(column: pl.Series) -> BoolArray:
    """Whether a field that is not used is a number at all, however large."""
    import polars as pl

    return column.cast(pl.Float64, strict=False).is_not_null().to_numpy()


def _called(field: int) -> str:
    return f"field {field}, {_WORDS[field]}" if field in _WORDS else f"field {field}"


def _rows(lines: Int64Array, columns: dict[int, Numbers], reasons: dict[int, str], stream: str) -> TraceRows:
    count = len(lines)
    bad = BadRows(count)
    wrong = np.zeros(count, dtype=np.bool_)
    wrong[list(reasons)] = True
    bad.add(wrong, reasons.__getitem__)
    field = {number: column.values for number, column in columns.items()}
    follows = field[_PRECEDING] > 0
    at_us = np.where(field[_SUBMITTED] < 0, NEVER, field[_SUBMITTED])
    unknown = field[_SUBMITTED] == -SECOND
    partial = np.isin(field[_STATUS], _PARTIAL)
    unrun = np.isin(field[_RUN_TIME], (NEVER_RAN, -SECOND)) | partial
    bad.add((field[_RUN_TIME] < 0) & ~unrun, lambda _: f"{_called(_RUN_TIME)}: is negative")
    bad.add((at_us == NEVER) & ~unknown & ~unrun, lambda _: f"{_called(_SUBMITTED)}: is negative")
    bad.add((at_us == NEVER) & ~follows & ~unrun, lambda _: f"{_called(_SUBMITTED)}: is unknown (-1)")
    keys = field[_JOB]
    bad.add(
        _repeated(keys, ~partial & ~wrong),
        lambda row: f"{_called(_JOB)}: {keys[row]} is also an earlier line",
    )
    after = _preceding(keys, field[_PRECEDING], follows, partial | wrong)
    bad.add(
        follows & (after == NEVER) & ~unrun,
        lambda row: f"{_called(_PRECEDING)}: {field[_PRECEDING][row]} is not in the file",
    )
    users, user = _users(field[_USER_FIELD])
    jobs = {
        "at_us": at_us,
        "think_us": np.where(follows, np.maximum(field[_THINK], 0), 0),
        "qpu_time_us": field[_RUN_TIME],
        "max_execution_time_us": constant(count, FROM_SOURCE),
    }
    return TraceRows(
        place="line",
        lines=lines,
        bad=bad,
        unrun=unrun,
        jobs=jobs,
        after=after,
        user=user,
        users=users,
        session=constant(count, NEVER),
        sessions=EMPTY_WORKLOAD.sessions,
        names_of=lambda used: KeyedNames(stream, keys[used]),
        session_names=NumberedNames(stream, 0),
    )


def _repeated(keys: Int64Array, counts: BoolArray) -> BoolArray:
    """Rows whose key an earlier row has; only rows that count."""
    rows = np.flatnonzero(counts)
    _, first = np.unique(keys[rows], return_index=True)
    repeated = counts.copy()
    repeated[rows[first]] = False
    return repeated


def _preceding(
    keys: Int64Array, preceding: Int64Array, follows: BoolArray, left_out: BoolArray
) -> Int64Array:
    """The row of each row's preceding job, NEVER where there is none."""
    after = filled(len(keys), NEVER)
    rows = np.flatnonzero(~left_out)
    known, first = np.unique(keys[rows], return_index=True)
    asked = np.flatnonzero(follows)
    if len(known) and len(asked):
        place = np.minimum(np.searchsorted(known, preceding[asked]), len(known) - 1)
        is_known = known[place] == preceding[asked]
        after[asked[is_known]] = rows[first][place[is_known]]
    return after


def _users(numbers: Int64Array) -> tuple[tuple[str, ...], Int64Array]:
    """Accounts in the order in which they come, and that of each row."""
    known, first, user = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(known), dtype=np.int64)
    place[order] = np.arange(len(known))
    names = tuple(UNKNOWN_USER if number < 0 else f"user-{number}" for number in known[order].tolist())
    return names, place[user]


_USER: Final = "user-"
_NUMBERED_USER: Final = re.compile(r"user-(0|[1-9][0-9]{0,17})")  # what a reader takes as a number
_UNKNOWN: Final = -1


def _write_swf(workload: Workload, file: Path) -> list[str]:
    """A line for each job.

    Times that are no whole seconds are written as decimal fractions, which other programs may not read.
    Jobs are numbered from 1. Users are those of accounts `user-<n>`; if there is any other account but
    `user-unknown`, which is -1, they are numbered from 1.
    """
    _write_text("".join(_lines(workload)), file)
    jobs, lost = workload.jobs, not_in_table(workload)
    if np.any(jobs.session != NEVER):
        lost.append("sessions and batches are not held: all jobs are in mode job")
    asked = [column for column in COLUMNS if column.lost and column.is_asked_for(jobs)]
    lost += dict.fromkeys(str(column.lost) for column in asked)
    if np.any(np.concatenate([jobs.at_us[jobs.at_us >= 0], jobs.think_us, jobs.qpu_time_us]) % SECOND):
        lost.append(
            "times that are no whole seconds are decimal fractions, which other programs may not read"
        )
    return lost


def _lines(workload: Workload) -> Iterator[str]:
    jobs = workload.jobs
    users = _user_numbers(workload.accounts)
    yield f"; Version: 2.2\n; MaxJobs: {len(jobs)}\n; MaxRecords: {len(jobs)}\n; MaxNodes: 1\n; MaxProcs: 1\n"
    for name, user in zip(workload.accounts, users, strict=True):
        yield f"; Note: user {user} is the account {name}\n"
    columns = (jobs.at_us, jobs.qpu_time_us, jobs.account, jobs.after, jobs.think_us)
    rows = zip(*(_listed(column) for column in columns), strict=True)
    for number, (at_us, qpu_time_us, account, after, think_us) in enumerate(rows, start=1):
        chain = "-1 -1" if after == NEVER else f"{after + 1} {_seconds(think_us)}"
        submitted = "-1" if at_us == NEVER else _seconds(at_us)
        yield (
            f"{number} {submitted} -1 {_seconds(qpu_time_us)} 1 -1 -1 1 -1 -1 1 "
            f"{users[account]} -1 -1 -1 -1 {chain}\n"
        )


def _listed(column: Int64Array) -> list[int]:
    numbers: list[int] = column.tolist()
    return numbers


def _seconds(time_us: int) -> str:
    whole, rest = divmod(time_us, SECOND)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def _user_numbers(accounts: tuple[str, ...]) -> list[int]:
    known = [name for name in accounts if name != UNKNOWN_USER]
    numbered = all(_NUMBERED_USER.fullmatch(name) for name in known)
    numbers = {
        name: int(name.removeprefix(_USER)) if numbered else number for number, name in enumerate(known, 1)
    }
    return [numbers.get(name, _UNKNOWN) for name in accounts]


# -- Reading and writing by the end of a file's name.


@dataclass(frozen=True)
class FileFormat:
    """How files of one format are read and written.

    Attributes:
        read: the rows of a source's file; raises what reading raises, or a `ColumnError`.
        write: the jobs of a workload to a file; returns what is not in it, as sentences.
    """

    read: Callable[[ResolvedTrace, Path], TraceRows]
    write: Callable[[Workload, Path], list[str]]


FORMATS: Final[Mapping[TraceFormat, FileFormat]] = {
    TraceFormat.CSV: FileFormat(_read_csv, _write_csv),
    TraceFormat.PARQUET: FileFormat(_read_parquet, _write_parquet),
    TraceFormat.SWF: FileFormat(_read_swf, _write_swf),
}
"""Every format of traces. Files of those that are texts may be gzipped."""


def read_rows(source: ResolvedTrace, directory: Path) -> TraceRows:
    """The rows of the file of a source.

    Args:
        source: in resolved form, whose file has an ending of a trace.
        directory: where a relative name starts.

    Raises:
        ColumnError: if the columns are not those that are needed.
        OSError, EOFError, zlib.error, csv.Error, polars.exceptions.PolarsError: if the file cannot be read.
    """
    kind = trace_format(source.file)
    assert kind is not None
    return FORMATS[kind].read(source, directory / source.file)


def write_workload(
    workload: Workload, path: str | os.PathLike[str], *, overwrite: bool = True
) -> tuple[str, ...]:
    """Write a workload to a file that a source of kind `trace` reads, in the format that its name ends in.

    Args:
        workload: as `draw` makes it.
        path: ends in .parquet, .csv, .csv.gz, .swf or .swf.gz; a file that is there is replaced when the new
            one is complete.
        overwrite: whether it is replaced at all.

    Returns:
        What the format cannot hold and is therefore not in the file, as sentences; empty if nothing is lost.

    Raises:
        WorkloadFileError: if the name has another ending, or the file cannot be written, or is there and must
            not be replaced.

    Example:
        >>> import tempfile
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_workload(EMPTY_WORKLOAD, f"{folder}/nothing.csv")
        ()
    """
    file = Path(path)
    kind = check_workload_file(file, overwrite=overwrite)
    try:
        target = resolved(file)
        remove_stale(target.parent.glob(f".*.{glob.escape(target.name)}"))
        with whole_file(target) as partial:
            return tuple(FORMATS[kind].write(workload, partial))
    except OSError as error:
        raise WorkloadFileError(f"{file}: cannot be written: {reason(error)}") from error


def check_workload_file(path: str | os.PathLike[str], *, overwrite: bool = True) -> TraceFormat:
    """Check that a workload can be written to a file; nothing is changed.

    Args:
        path: its name.
        overwrite: whether a file that is there may be replaced.

    Returns:
        The format that its name ends in.

    Raises:
        WorkloadFileError: if the name has another ending, a directory is there, or there is none for it, or a
            file is there that must not be replaced.
    """
    file = Path(path)
    chosen = trace_format(file.name)
    if chosen is None:
        raise WorkloadFileError(f"{file}: the name must end in one of {ENDINGS}")
    try:
        there = resolved(file)
        if there.is_dir():
            raise WorkloadFileError(f"{file}: cannot be written: is a directory")
        if not there.parent.is_dir():
            raise WorkloadFileError(f"{file}: cannot be written: there is no directory {file.parent}")
        if there.exists() and not overwrite:
            raise WorkloadFileError(
                f"{file}: is there already; choose another name, or replace it with --overwrite"
            )
    except OSError as error:
        raise WorkloadFileError(f"{file}: cannot be written: {reason(error)}") from error
    return chosen

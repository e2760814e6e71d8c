"""The formats of files of jobs: CSV, Parquet and the Standard Workload Format, read and written."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from qsession_sim.errors import WorkloadFileError
from qsession_sim.files import (
    check_replaceable,
    reason,
    remove_stale,
    resolved,
    whole_file,
    write_table,
)
from qsession_sim.packing import Packing
from qsession_sim.scenario.sources import ResolvedTrace
from qsession_sim.scenario.trace_files import (
    WRITTEN_ENDINGS,
    TraceFormat,
    open_trace,
    tables,
    trace_format,
)
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    Int64Array,
    JobColumns,
    KeyedNames,
    NumberedNames,
    Workload,
    constant,
)
from qsession_sim.workload.context import filled
from qsession_sim.workload.job_table import job_table, not_in_table
from qsession_sim.workload.trace_rows import (
    FROM_SOURCE,
    NEVER_RAN,
    UNKNOWN_USER,
    BadRows,
    TraceRows,
    not_usable,
    numbered,
    numbers_of,
)
from qsession_sim.workload.trace_table import (
    COLUMNS,
    names_in_file,
    rows_of,
)

if TYPE_CHECKING:
    import polars as pl


def write_text(content: Iterable[bytes], file: Path) -> None:
    """Write a file, packed as its name says."""
    packing = Packing.of(file.name)
    with file.open("wb") as plain:
        if packing is None:
            plain.writelines(content)
        else:
            packing.write(content, plain)


# -- CSV with a heading, and Parquet: tables.


def _read_table(source: ResolvedTrace, file: Path) -> Iterator[TraceRows]:
    for read in tables(file, [*names_in_file(source.columns).values()]):
        yield rows_of(read, source.columns)


def _write_csv(workload: Workload, file: Path) -> list[str]:
    write_text([job_table(workload).write_csv().encode()], file)
    return not_in_table(workload)


def _write_parquet(workload: Workload, file: Path) -> list[str]:
    with file.open("wb") as content:
        write_table(job_table(workload), content)
    return not_in_table(workload)


# -- Workloads of Batsim, in JSON: jobs, each with a profile that says how long it takes.


def _write_batsim(workload: Workload, file: Path) -> list[str]:
    """Jobs with a time of submission, each with a delay as its profile and its limit as its walltime."""
    jobs = workload.jobs
    known = jobs.at_us != NEVER
    names = chain.from_iterable(workload.job_names)
    columns = (jobs.at_us, jobs.qpu_time_us, jobs.max_execution_time_us)
    rows = zip(names, *(column.tolist() for column in columns), strict=True)
    lines = []
    for name, at_us, qpu_time_us, limit_us in rows:
        if at_us != NEVER:
            limit = f'"walltime": {_seconds(limit_us)}, ' if limit_us > 0 else ""
            delay = _seconds(qpu_time_us)
            job = f'"id": {json.dumps(name)}, "subtime": {_seconds(at_us)}'
            lines.append(f'{{{job}, {limit}"res": 1, "profile": "{delay}"}}')
    delays = dict.fromkeys(_seconds(time_us) for time_us in jobs.qpu_time_us[known].tolist())
    profiles = [f'"{delay}": {{"type": "delay", "delay": {delay}}}' for delay in delays]
    listed, named = ",\n".join(lines), ",\n".join(profiles)
    text = f'{{"nb_res": 1,\n"jobs": [\n{listed}\n],\n"profiles": {{\n{named}\n}}}}\n'
    write_text([text.encode()], file)
    lost = not_in_table(workload)
    if not known.all():
        lost.append("jobs that follow another are not held")
    if {workload.accounts[number] for number in np.unique(jobs.account).tolist()} - {UNKNOWN_USER}:
        lost.append("accounts are not held")
    return lost + _lost(jobs, held=("max_execution_time_us",))


def _lost(jobs: JobColumns, held: tuple[str, ...] = ()) -> list[str]:
    """What formats that are no tables of this project do not hold, but those columns that this one does."""
    lost = []
    if np.any(jobs.session != NEVER):
        lost.append("sessions and batches are not held: all jobs are in mode job")
    if jobs.is_needed("qpu"):
        lost.append("the QPUs that jobs name are not held")
    asked = [c for c in COLUMNS if c.lost and c.of_job not in held and c.is_asked_for(jobs)]
    return [*lost, *dict.fromkeys(str(column.lost) for column in asked)]


# -- The Standard Workload Format, version 2.2.
# After S. J. Chapin et al., "Benchmarks and standards for the evaluation of parallel job schedulers"
# (1999), and the page on the format in the Parallel Workloads Archive. A job is a line of 18 numbers; -1
# says "unknown".

FIELDS: Final = 18
FRACTIONS: Final = "times that are no whole seconds are decimal fractions, which other programs may not read"

_JOB, _SUBMITTED, _RUN_TIME, _REQUESTED, _STATUS, _USER_FIELD, _PRECEDING, _THINK = 1, 2, 4, 9, 11, 12, 17, 18
_WORDS: Final = {
    _JOB: "job number",
    _SUBMITTED: "submit time",
    _RUN_TIME: "run time",
    _REQUESTED: "requested time",
    _STATUS: "status",
    _USER_FIELD: "user",
    _PRECEDING: "preceding job",
    _THINK: "think time",
}
_WHOLE: Final = (_JOB, _STATUS, _USER_FIELD, _PRECEDING)
_LINES_AT_ONCE: Final = 131_072
_PARTIAL: Final = (2, 3, 4)  # statuses of parts of a job, whose line with the whole is there too
_COMMENT: Final = b";"


def _read_swf(source: ResolvedTrace, file: Path) -> Iterator[TraceRows]:
    lines: list[Int64Array] = []
    values: dict[int, list[Int64Array]] = {field: [filled(0, 0)] for field in _WORDS}
    reasons: dict[int, str] = {}
    read = 0
    with open_trace(file) as content:
        for numbers, frame in _frames(content):
            _collect(frame, values, reasons, read)
            lines.append(numbers)
            read += len(numbers)
    columns = {field: np.concatenate(parts) for field, parts in values.items()}
    yield _rows(np.concatenate([filled(0, 0), *lines]), columns, reasons, source.name)


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
    frame: pl.DataFrame, values: dict[int, list[Int64Array]], reasons: dict[int, str], read: int
) -> None:
    """Convert a piece; remember what is wrong with its rows, by their position in the whole file."""
    import polars as pl

    for field in range(FIELDS, 0, -1):
        column = frame[str(field)]
        unit = SECOND if field in (_SUBMITTED, _RUN_TIME, _REQUESTED, _THINK) else 1
        numbers = numbers_of(column, unit, whole=field in _WHOLE)
        if field in values:
            values[field].append(numbers.values)
        wrong = numbers.wrong
        if field not in _WORDS:  # one that is not used need only be a number, however large
            wrong = wrong & column.cast(pl.Float64, strict=False).is_null().to_numpy()
        for row in np.flatnonzero(wrong).tolist():
            reasons[read + row] = f"{_called(field)}: {not_usable(column[row], whole=field in _WHOLE)}"
    count = frame["fields"].to_numpy()
    for row in np.flatnonzero(count < FIELDS).tolist():  # some logs have further fields of their own
        reasons[read + row] = f"has {count[row]} fields, not {FIELDS}"


def _called(field: int) -> str:
    return f"field {field}, {_WORDS[field]}" if field in _WORDS else f"field {field}"


def _rows(lines: Int64Array, field: dict[int, Int64Array], reasons: dict[int, str], stream: str) -> TraceRows:
    count = len(lines)
    bad = BadRows(count)
    wrong = np.zeros(count, dtype=np.bool_)
    wrong[list(reasons)] = True
    bad.add(wrong, reasons.__getitem__)
    follows = field[_PRECEDING] > 0
    at_us = np.where(field[_SUBMITTED] < 0, NEVER, field[_SUBMITTED])
    unknown = field[_SUBMITTED] == -SECOND
    partial = np.isin(field[_STATUS], _PARTIAL)
    unrun = np.isin(field[_RUN_TIME], (NEVER_RAN, -SECOND)) | partial
    bad.add((field[_RUN_TIME] < 0) & ~unrun, lambda _: f"{_called(_RUN_TIME)}: is negative")
    bad.add((at_us == NEVER) & ~unknown & ~unrun, lambda _: f"{_called(_SUBMITTED)}: is negative")
    bad.add((at_us == NEVER) & ~follows & ~unrun, lambda _: f"{_called(_SUBMITTED)}: is unknown (-1)")
    keys = field[_JOB]
    counted = np.flatnonzero(~partial & ~wrong)
    known, first = np.unique(keys[counted], return_index=True)
    repeated = ~partial & ~wrong
    repeated[counted[first]] = False
    bad.add(repeated, lambda row: f"{_called(_JOB)}: {keys[row]} is also an earlier line")
    after, asked = filled(count, NEVER), np.flatnonzero(follows)
    if len(known):
        # the last number that is not larger; where all are, place is -1, and the last of all is not equal
        place = np.searchsorted(known, field[_PRECEDING][asked], side="right") - 1
        is_known = known[place] == field[_PRECEDING][asked]
        after[asked[is_known]] = counted[first][place[is_known]]
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
        more_after={},
        user=user,
        users=users,
        session=constant(count, NEVER),
        sessions=EMPTY_WORKLOAD.sessions,
        qpu=constant(count, NEVER),
        qpus=(),
        requested_us=np.where(field[_REQUESTED] > 0, field[_REQUESTED], NEVER),
        names_of=lambda used: KeyedNames(stream, keys[used]),
        session_names=NumberedNames(stream, 0),
    )


def _users(numbers: Int64Array) -> tuple[tuple[str, ...], Int64Array]:
    """Accounts in the order in which they come, and that of each row."""
    known, user = numbered(numbers)
    return tuple(UNKNOWN_USER if number < 0 else f"user-{number}" for number in known.tolist()), user


_USER: Final = "user-"
_NUMBERED_USER: Final = re.compile(r"user-(0|[1-9][0-9]{0,17})")  # what a reader takes as a number
_UNKNOWN: Final = -1


def _write_swf(workload: Workload, file: Path) -> list[str]:
    """A line for each job.

    Times that are no whole seconds are written as decimal fractions, which other programs may not read.
    Jobs are numbered from 1. Users are those of accounts `user-<n>`; if there is any other account but
    `user-unknown`, which is -1, they are numbered from 1.
    """
    write_text((line.encode() for line in _lines(workload)), file)
    jobs = workload.jobs
    lost = not_in_table(workload) + _lost(jobs)
    if workload.more_after:
        lost.append("of several jobs that a job follows, one is held")
    if np.any(np.concatenate([jobs.at_us[jobs.at_us >= 0], jobs.think_us, jobs.qpu_time_us]) % SECOND):
        lost.append(FRACTIONS)
    return lost


def _lines(workload: Workload) -> Iterator[str]:
    jobs = workload.jobs
    columns = (jobs.at_us, jobs.qpu_time_us, jobs.account, jobs.after, jobs.think_us)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return swf_text(
        workload.accounts,
        len(jobs),
        (
            (at_us, NEVER, ran_us, 1, account, "-1 -1" if after < 0 else f"{after + 1} {_seconds(think_us)}")
            for at_us, ran_us, account, after, think_us in rows
        ),
    )


def swf_text(
    accounts: tuple[str, ...], count: int, jobs: Iterable[tuple[int, int, int, int, int, str]]
) -> Iterator[str]:
    """The heading of a file in the Standard Workload Format, and a line for each job.

    Args:
        accounts: all of them, which become users as `_write_swf` says.
        count: how many jobs there are.
        jobs: of each: submission, wait and QPU time in microseconds or NEVER, status, the number of its
            account, and the last two fields.
    """
    users = _user_numbers(accounts)
    yield f"; Version: 2.2\n; MaxJobs: {count}\n; MaxRecords: {count}\n; MaxNodes: 1\n; MaxProcs: 1\n"
    for name, user in zip(accounts, users, strict=True):
        # a name with a line break must not become a line of its own
        yield f"; Note: user {user} is the account {name if name.isprintable() else json.dumps(name)}\n"
    for number, (*times_us, status, account, preceding) in enumerate(jobs, start=1):
        submitted, waited, ran = ("-1" if time_us == NEVER else _seconds(time_us) for time_us in times_us)
        yield (
            f"{number} {submitted} {waited} {ran} 1 -1 -1 1 -1 -1 {status} "
            f"{users[account]} -1 -1 -1 -1 {preceding}\n"
        )


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
        read: the rows of a source's file, and if something is wrong with them and the file can be read more
            carefully, the rows with their lines; raises what reading raises, or a `ColumnError`.
        write: the jobs of a workload to a file; returns what is not in it; None if it is only read.
    """

    read: Callable[[ResolvedTrace, Path], Iterator[TraceRows]]
    write: Callable[[Workload, Path], list[str]] | None = None


FORMATS: Final[Mapping[TraceFormat, FileFormat]] = {
    TraceFormat.CSV: FileFormat(_read_table, _write_csv),
    TraceFormat.PARQUET: FileFormat(_read_table, _write_parquet),
    TraceFormat.SWF: FileFormat(_read_swf, _write_swf),
    TraceFormat.JSON: FileFormat(_read_table, _write_batsim),
    TraceFormat.SACCT: FileFormat(_read_table),
}
"""Every format of traces."""


def read_rows(source: ResolvedTrace, directory: Path) -> Iterator[TraceRows]:
    """The rows of the file of a source; if any of them is malformed, the last ones that come are to be used.

    Args:
        source: in resolved form, whose file has an ending of a trace.
        directory: where a relative name starts.

    Raises:
        ColumnError: if the columns are not those that are needed.
        OSError, csv.Error, polars.exceptions.PolarsError: if the file cannot be read.
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
        path: ends in .parquet, or in .csv, .swf or .json, which .gz or .zst may follow; a file that is there
            is replaced when the new one is complete.
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
    write = FORMATS[check_workload_file(file, overwrite=overwrite)].write
    assert write is not None
    with new_file(file) as partial:
        return tuple(write(workload, partial))


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """A name under which to write a file that was checked; then it takes its place.

    Raises:
        WorkloadFileError: if it cannot be written.
    """
    try:
        target = resolved(file)
        remove_stale(target.parent.glob(f".*.{glob.escape(target.name)}"))
        with whole_file(target) as partial:
            yield partial
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
    if chosen is None or not chosen.is_written:
        raise WorkloadFileError(f"{file}: the name must end in one of {WRITTEN_ENDINGS}")
    check_new_file(file, overwrite=overwrite)
    return chosen


def check_new_file(file: Path, *, overwrite: bool) -> None:
    """Check that a file can be written; nothing is changed.

    Raises:
        WorkloadFileError: if something other than a file is there, or there is no directory for it, or a file
            is there that must not be replaced, or it cannot be packed.
    """
    try:
        packing = Packing.of(file.name)
        if packing is not None:
            packing.check()
        there = resolved(file)
        if there.is_dir():
            raise WorkloadFileError(f"{file}: cannot be written: is a directory")
        if not there.parent.is_dir():
            raise WorkloadFileError(f"{file}: cannot be written: there is no directory {file.parent}")
        check_replaceable(there)
        if there.exists() and not overwrite:
            raise WorkloadFileError(
                f"{file}: is there already; choose another name, or replace it with --overwrite"
            )
    except OSError as error:
        raise WorkloadFileError(f"{file}: cannot be written: {reason(error)}") from error

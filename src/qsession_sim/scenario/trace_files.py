"""Files of jobs as tables: the format of a file, its columns as they are written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from errno import EFBIG, EINVAL
from io import SEEK_END, BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO

from qsession_sim.files import Bounded, check_regular, limits, open_regular, read_at_most, too_large
from qsession_sim.packing import Packing
from qsession_sim.scenario.problems import show_value
from qsession_sim.scenario.trace_columns import TimeColumn, TraceColumns

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.scenario.trace_times import Int64Array


class TraceFormat(Enum):
    """A format of traces: the ending of its files, and what is so of it: whether they are texts, which may be
    `packed`, whether a scenario can name their `columns`, whether a file says which times jobs `requested`,
    and whether files are `written`.

    How files are read and written is in `workload.formats`, by the same members.
    """

    CSV = (".csv", "packed", "columns", "written")
    PARQUET = (".parquet", "columns", "written")
    SWF = (".swf", "packed", "requested", "written")
    JSON = (".json", "packed", "requested", "written")
    SACCT = (".sacct", "packed", "requested")

    def __init__(self, ending: str, *so: str) -> None:
        packed = [ending + packing.ending for packing in Packing] if "packed" in so else []
        self.endings = (ending, *packed)
        self.names_columns = "columns" in so
        self.has_requests = "requested" in so
        self.is_written = "written" in so


ENDINGS: Final = ", ".join(ending for kind in TraceFormat for ending in kind.endings)
"""The endings of names of trace files."""

WRITTEN_ENDINGS: Final = ", ".join(
    ending for kind in TraceFormat if kind.is_written for ending in kind.endings
)
"""Those of files that can be written."""


def trace_format(name: str) -> TraceFormat | None:
    """The format of a file by the end of its name; None of a file that is no trace.

    Example:
        >>> trace_format("week.SWF.gz") is TraceFormat.SWF, trace_format("vqe.yaml")
        (True, None)
    """
    return next((kind for kind in TraceFormat if name.lower().endswith(kind.endings)), None)


class ColumnError(ValueError):
    """A file lacks a column that it must have, has it twice, or holds something else in it."""


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file that somebody wants, of those that are there.

    Attributes:
        frame: as they are written.
        lines: what each row is called, shape (rows,).
        place: the word for that: line or row.
        names: all columns of the file.
        shapes: by row, why it is malformed whatever is in it.
        columns: which of them says what, where the format says it.
        requested: the column of the times that jobs requested, with its unit; None where there is none.
    """

    frame: pl.DataFrame
    lines: Int64Array
    place: str
    names: Sequence[str]
    shapes: Mapping[int, str] = field(default_factory=dict)
    columns: TraceColumns | None = None
    requested: TimeColumn | None = None


def tables(file: Path, wanted: Sequence[str]) -> Iterator[Table]:
    """A table, and if something is wrong with it and it can be read more carefully, another.

    Args:
        file: in any format but SWF.
        wanted: names of columns, in formats that do not say what their columns are.

    Raises:
        ColumnError: if a column is there twice, or a text is not UTF-8.
        OSError, csv.Error, polars.exceptions.PolarsError: if the file cannot be read.
    """
    kind = trace_format(file.name)
    if kind is TraceFormat.PARQUET:
        yield _parquet_table(file, wanted)
    elif kind is TraceFormat.JSON:
        yield _json_table(file)
    else:
        try:
            yield from _sacct_tables(file) if kind is TraceFormat.SACCT else _csv_tables(file, wanted)
        except UnicodeDecodeError:
            with open_text(file, errors="surrogateescape") as text:
                raise ColumnError(not_utf8(text)) from None


# -- The bytes of files, unpacked.

_WORKBOOK: Final = "is a workbook; save the sheet with the jobs as CSV"
_OTHER_ENDINGS: Final = {
    (".xlsx", ".xls", ".ods"): _WORKBOOK,
    (".zip", ".7z", ".tar", ".tgz", ".tar.gz"): "is an archive; unpack it, and name the file of jobs in it",
    (".parquet.gz", ".parquet.zst"): "is packed, which Parquet is in itself; unpack it",
    (".xz", ".bz2", ".lz4"): "is packed; unpack it, or pack it with gzip",
    (".feather", ".arrow", ".orc", ".avro"): "is a table in another format; convert it to Parquet or CSV",
}
_OTHER_BEGINNINGS: Final = {
    b"PK\x03\x04": "is an archive or a workbook, whatever its name; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": _WORKBOOK,
    **{one.begin: f"is packed with {one.called}; let its name end in {one.ending}" for one in Packing},
    b"PAR1": "is a Parquet file; let its name end in .parquet",
}


def advice_on(name: str) -> str | None:
    """What to do with a file of another format, by the end of its name; None where that says nothing.

    Example:
        >>> advice_on("Jobs.XLSX"), advice_on("jobs.txt")
        ('is a workbook; save the sheet with the jobs as CSV', None)
    """
    return next(
        (advice for endings, advice in _OTHER_ENDINGS.items() if name.lower().endswith(endings)), None
    )


def open_trace(file: Path) -> BinaryIO:
    """The bytes of a file, unpacked.

    Raises:
        OSError: if it cannot be read.
    """
    packed = open_regular(file)
    files: list[BinaryIO] = [packed]
    try:
        packing = Packing.of(file.name)
        if packing is not None:
            _check_begin(packed.peek(4), packing)
            files.insert(0, packing.unpacked(packed))
        content = BufferedReader(Bounded(files, limits().trace_bytes))
        _check_begin(content.peek(4))
    except OSError:
        packed.close()
        raise
    return content


def _check_begin(begin: bytes, packing: Packing | None = None) -> None:
    """Raise an error if a file begins as one of another format than its name says."""
    for other, advice in _OTHER_BEGINNINGS.items():
        if begin.startswith(other) and (packing is None or other != packing.begin):
            raise OSError(EINVAL, advice)


def open_text(file: Path, errors: str = "strict") -> TextIO:
    """The same as text, without a byte order mark."""
    return TextIOWrapper(open_trace(file), encoding="utf-8-sig", newline="", errors=errors)


TO_UTF8: Final = "convert the file, such as with iconv -f WINDOWS-1252 -t UTF-8"


def not_utf8(text: Iterable[str]) -> str:
    r"""Where a CSV file is not UTF-8 text.

    Args:
        text: its lines, decoded with `errors="surrogateescape"`.

    Example:
        >>> not_utf8(["who,n\n", b"M\xfcller,1\n".decode(errors="surrogateescape")]).partition(";")[0]
        "line 2, column 'who': is not UTF-8 text (got 'M\\xfcller')"
    """
    reader = csv.reader(text)
    heading: list[str] | None = None
    for fields in reader:
        for place, field_ in enumerate(fields):
            content = field_.encode("utf-8", "surrogateescape")
            shown = content.decode("utf-8", "backslashreplace")
            if shown != field_:
                where = f"line {reader.line_num}"
                if heading is not None and place < len(heading):
                    where += f", column {show_value(heading[place])}"
                got = show_value(shown).replace("\\\\", "\\")
                return f"{where}: is not UTF-8 text (got {got}); {TO_UTF8}"
        heading = heading or fields
    return f"is not UTF-8 text; {TO_UTF8}"


# -- CSV with a heading.

_DELIMITERS: Final = (",", ";", "\t", "|")
_AT_ONCE: Final = 1 << 20
_MOST_TITLES: Final = 20
"""Lines before the heading, and empty ones, among which it is looked for."""


@dataclass(frozen=True)
class _Heading:
    """The heading of a CSV file: where it ends, what is between its names, and these without blanks."""

    last_line: int
    delimiter: str
    names: tuple[str, ...]
    quotes: bool = True

    def reader(self, source: TextIO) -> Any:
        """What reads the fields of each line; without quotes they are letters as others."""
        if self.quotes:
            return csv.reader(source, delimiter=self.delimiter)
        return csv.reader(source, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)

    def places(self, wanted: Sequence[str]) -> dict[str, int]:
        """Where each of the wanted columns is, of those that are there."""
        twice = [name for name in dict.fromkeys(wanted) if self.names.count(name) > 1]
        if twice:
            raise ColumnError(f"has more than one column {', '.join(map(repr, twice))}; rename all but one")
        return {name: self.names.index(name) for name in dict.fromkeys(wanted) if name in self.names}


def heading_of(file: Path, wanted: Sequence[str]) -> _Heading:
    """The line with the most of the wanted names, by the delimiter that shows them; else the first one."""
    found: list[_Heading] = []
    for delimiter in _DELIMITERS:
        with open_text(file) as source:
            reader = csv.reader(source, delimiter=delimiter)
            with suppress(csv.Error):  # of another delimiter; it comes up again when the file is read
                for cells in islice(reader, _MOST_TITLES):
                    names = tuple(cell.strip() for cell in cells)
                    if any(names):
                        found.append(_Heading(reader.line_num, delimiter, names))

    def rank(heading: _Heading) -> tuple[int, ...]:
        known = len({*heading.names}.intersection(wanted))
        return (known,) if known else (0, -heading.last_line, len(heading.names))

    return max(found, key=rank, default=_Heading(0, ",", ()))  # of equals the first


def _csv_tables(file: Path, wanted: Sequence[str], heading: _Heading | None = None) -> Iterator[Table]:
    """Read quickly if the lines are even; and line by line, to know them where something is wrong."""
    import numpy as np
    from polars.exceptions import PolarsError

    heading = heading or heading_of(file, wanted)
    chosen = heading.places(wanted)
    if _is_even(file, heading):
        with suppress(PolarsError):
            frame = read_even(file, heading, chosen)
            yield Table(frame, np.arange(frame.height), "line", heading.names)
    yield read_by_line(file, heading, chosen)


def _is_even(file: Path, heading: _Heading) -> bool:
    """Whether every line has as many delimiters as the heading, so that no line can lack a field.

    A delimiter in quotes makes a line uneven; reading by line distinguishes such a file from a malformed one.
    """
    with open_trace(file) as source:
        before = [source.readline() for _ in range(heading.last_line)]
        count = b"".join(before[-1:]).count(heading.delimiter.encode())
        while chunk := source.read(_AT_ONCE):
            chunk += source.readline()
            if not chunk.isascii():
                chunk.decode()  # what is no text is found whichever column it is in
            if b"\r" in chunk and chunk.count(b"\r") != chunk.count(b"\r\n"):
                return False
            if not _has_even_lines(chunk, heading, count):
                return False
    return True


def _has_even_lines(chunk: bytes, heading: _Heading, count: int) -> bool:
    import numpy as np

    content = np.frombuffer(chunk, np.uint8)
    ends = np.append(np.flatnonzero(content[:-1] == ord("\n")), len(chunk))
    delimiters = np.searchsorted(np.flatnonzero(content == ord(heading.delimiter)), ends)
    uneven = np.flatnonzero(np.diff(delimiters, prepend=0) != count)
    return all(chunk[ends[line - 1] if line else 0 : ends[line]].isspace() for line in uneven.tolist())


def read_even(file: Path, heading: _Heading, chosen: Mapping[str, int]) -> pl.DataFrame:
    """Some columns of a CSV file whose lines all have the fields of its heading."""
    import polars as pl

    if not chosen:
        return pl.DataFrame()
    packed = Packing.of(file.name) is not None
    frame = pl.read_csv(
        open_trace(file).read() if packed else file,
        columns=sorted(chosen.values()),
        has_header=False,
        skip_lines=heading.last_line,
        separator=heading.delimiter,
        quote_char='"' if heading.quotes else None,
        infer_schema=False,
    )
    frame.columns = sorted(chosen, key=chosen.__getitem__)
    return frame


def read_by_line(file: Path, heading: _Heading, chosen: Mapping[str, int]) -> Table:
    """Read the same line by line: the line on which each row ends, and what is wrong with its shape."""
    import numpy as np
    import polars as pl

    columns: dict[str, list[str | None]] = {name: [] for name in chosen}
    lines: list[int] = []
    shapes: dict[int, str] = {}
    with open_text(file) as source:
        reader = heading.reader(source)
        for fields in reader:
            if not fields or reader.line_num <= heading.last_line:
                continue
            if len(fields) != len(heading.names):
                shapes[len(lines)] = f"has {len(fields)} fields, the heading {len(heading.names)}"
            lines.append(reader.line_num)
            for name, place in chosen.items():
                columns[name].append(fields[place] if place < len(fields) else None)
    frame = pl.DataFrame(columns, schema=dict.fromkeys(chosen, pl.String))
    return Table(frame, np.array(lines, dtype=np.int64), "line", heading.names, shapes)


# -- Parquet: a column of numbers, times or texts for each thing that a job has.


def _parquet_table(file: Path, wanted: Sequence[str]) -> Table:
    import numpy as np
    import polars as pl

    check_regular(file)
    there = pl.read_parquet_schema(file)
    names = [name for name in dict.fromkeys(wanted) if name in there]
    rows, size = _size_of_parquet(file)
    if max(_BYTES_OF_A_NUMBER * rows * len(names), size) > limits().trace_bytes:
        raise too_large(limits().trace_bytes)
    frame = pl.DataFrame([_parquet_column(file, name) for name in names])
    return Table(frame, np.arange(1, frame.height + 1), "row", [*there])


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


# -- What `sacct --parsable2` prints: a heading, and fields with bars between them, which are never quoted.

_SACCT_JOB, _SACCT_SUBMITTED = "JobID", "Submit"
_SACCT_LENGTHS: Final = ({"name": "ElapsedRaw", "unit": "s"}, {"name": "Elapsed"})
_SACCT_LIMITS: Final = ({"name": "TimelimitRaw", "unit": "min"}, {"name": "Timelimit"})
_SACCT_NOTHING: Final = ("", "Unknown", "None", "NONE", "UNLIMITED", "Partition_Limit", "INVALID")


def _sacct_tables(file: Path) -> Iterator[Table]:
    """Jobs; the steps of a job, whose ids have a point, never ran by themselves."""
    import polars as pl

    others = [column["name"] for column in (*_SACCT_LENGTHS, *_SACCT_LIMITS)]
    wanted = [_SACCT_JOB, "User", _SACCT_SUBMITTED, "Start", "End", *others]
    heading = replace(heading_of(file, wanted), delimiter="|", quotes=False)
    for read in _csv_tables(file, wanted, heading):
        there = read.frame.columns
        named: dict[str, Any] = {"submitted": {"name": _SACCT_SUBMITTED}}
        named |= {key: name for key, name in (("job", _SACCT_JOB), ("account", "User")) if name in there}
        length = next((column for column in _SACCT_LENGTHS if column["name"] in there), None)
        if _SACCT_SUBMITTED not in there or (length is None and not {"Start", "End"}.issubset(there)):
            wish = f"sacct --parsable2 --format={_SACCT_JOB},User,{_SACCT_SUBMITTED},Elapsed,Timelimit"
            raise ColumnError(f"lacks what is needed; ask for it by {wish}{found(read.names)}")
        named |= {"started": "Start", "finished": "End"} if length is None else {"qpu_time": length}
        texts = {name: pl.col(name).str.strip_chars() for name in there}
        frame = read.frame.select(
            pl.when(text.is_in(_SACCT_NOTHING)).then(None).otherwise(text).alias(name)
            for name, text in texts.items()
        )
        if _SACCT_JOB in there:
            step = pl.col(_SACCT_JOB).str.contains(".", literal=True)
            ran = "End" if length is None else length["name"]
            frame = frame.with_columns(pl.when(step).then(None).otherwise(pl.col(ran)).alias(ran))
        limit = next((column for column in _SACCT_LIMITS if column["name"] in there), None)
        yield replace(
            read,
            frame=frame,
            columns=TraceColumns.model_validate(named),
            requested=None if limit is None else TimeColumn.model_validate(limit),
        )


# -- JSON: a workload of Batsim, or what the client of Qiskit Runtime says of jobs.

_METRICS: Final = {
    "job": ("job_id", "id"),
    "account": ("account", "user_id"),
    "session": ("session_id",),
    "qpu": ("backend",),
    "submitted": ("timestamps.created",),
    "qpu_time": ("usage.quantum_seconds", "usage.seconds", "bss.seconds"),
    "started": ("timestamps.running",),
    "finished": ("timestamps.finished",),
}
"""Where metrics of jobs may say what; the first that any job has counts."""

_IN_SECONDS: Final = ("qpu_time",)


def _json_table(file: Path) -> Table:
    data = _read_json(file)
    if isinstance(data, list):
        return _metrics(data)
    if isinstance(data, dict) and isinstance(data.get("jobs"), list):
        return _batsim(data)
    raise ColumnError(
        "is neither a workload of Batsim, an object with jobs and profiles, nor a list of metrics of jobs"
    )


def _read_json(file: Path) -> Any:
    """What is in a JSON file; numbers are texts, so that none is rounded.

    Raises:
        ColumnError: if it is not JSON.
        OSError: if it cannot be read.
    """
    packing = Packing.of(file.name)
    with open_regular(file) as packed:
        content: Any = packed if packing is None else packing.unpacked(packed)
        text = read_at_most(content, limits().trace_bytes)
    try:
        return json.loads(text.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise ColumnError(f"line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise ColumnError("is nested too deeply") from None
    except UnicodeDecodeError:
        raise ColumnError("is not UTF-8 text, as JSON is") from None


def _metrics(jobs: list[Any]) -> Table:
    values: dict[str, list[str | None]] = {}
    named: dict[str, Any] = {}
    for key, names in _METRICS.items():
        for name in names:
            column = [_at(job, name) for job in jobs]
            if any(value is not None for value in column) or (key == "submitted" and name == names[-1]):
                values[name] = column
                named[key] = {"name": name, "unit": "s"} if key in _IN_SECONDS else name
                break
    if "qpu_time" in named:
        named = {key: name for key, name in named.items() if key not in ("started", "finished")}
    return _table_of(jobs, values, TraceColumns.model_validate(named))


_DELAYS: Final = ("delay", "DelayProfile")
"""How Batsim calls the type of profile that lasts a given time: up to version 4, and after it."""


def _batsim(workload: dict[str, Any]) -> Table:
    jobs, profiles = workload["jobs"], workload.get("profiles")
    profiles = profiles if isinstance(profiles, dict) else {}
    shapes, delays = {}, []
    for row, job in enumerate(jobs):
        name = _at(job, "profile")
        profile = profiles.get(name)
        kind = _at(profile, "type")
        if kind not in _DELAYS:
            shapes[row] = f"profile {show_value(name)} " + (
                "is not there" if profile is None else f"is of type {show_value(kind)}, not delay"
            )
        delays.append(_at(profile, "delay") if kind in _DELAYS else None)
    values = {name: [_at(job, name) for job in jobs] for name in ("id", "subtime", "walltime")}
    times = {"submitted": {"name": "subtime", "unit": "s"}, "qpu_time": {"name": "delay", "unit": "s"}}
    columns = TraceColumns.model_validate({"job": "id", **times})
    table = _table_of(jobs, {**values, "delay": delays}, columns, shapes)
    return replace(table, requested=TimeColumn(name="walltime", unit="s"))


def _table_of(
    jobs: list[Any],
    values: Mapping[str, list[str | None]],
    columns: TraceColumns,
    shapes: Mapping[int, str] | None = None,
) -> Table:
    import numpy as np
    import polars as pl

    frame = pl.DataFrame(dict(values), schema=dict.fromkeys(values, pl.String))
    no_jobs = {row: "is no object" for row, job in enumerate(jobs) if not isinstance(job, dict)}
    lines = np.arange(1, len(jobs) + 1)
    return Table(frame, lines, "job", [*values], {**(shapes or {}), **no_jobs}, columns)


def _at(part: Any, path: str) -> str | None:
    """The text of what is in an object, or in an object in it; None where nothing is."""
    for key in path.split("."):
        part = part.get(key) if isinstance(part, dict) else None
    return part if part is None or isinstance(part, str) else json.dumps(part)


def is_trace(name: str) -> bool:
    """Whether a file stands for a scenario that replays it; a JSON file may also be a scenario itself."""
    kind = trace_format(name)
    if kind is not TraceFormat.JSON or Packing.of(name) is not None:
        return kind is not None
    try:
        data = _read_json(Path(name))
    except OSError as error:
        return error.errno == EFBIG  # which is said of it when it is read
    except ColumnError:
        return False
    return isinstance(data, list) or (isinstance(data, dict) and "jobs" in data and "workload" not in data)


def found(names: Sequence[str]) -> str:
    """The columns of a file, for messages.

    Example:
        >>> found(["when", "how long"])
        "; it has 'when', 'how long'"
    """
    shown = ", ".join(show_value(name) for name in names[:_MOST_COLUMNS])
    more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
    return f"; it has {shown}{more}" if names else "; it has none"


_MOST_COLUMNS: Final = 20

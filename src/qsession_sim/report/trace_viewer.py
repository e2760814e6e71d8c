"""Runs for viewers of traces, as Perfetto's protobuf or as JSON, and their jobs as CSV or SWF.

A *mark* is what a viewer shows: a slice of time, an instant, or a new value of a counter. All marks are rows
of one frame; only the order of their beginnings and ends is held beside it, and they are written in pieces.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qsession_sim.errors import BundleError, WorkloadFileError
from qsession_sim.files import resolved
from qsession_sim.report.rows import counted
from qsession_sim.scheduler.vocabulary import JobStatus
from qsession_sim.units import SECOND
from qsession_sim.workload.formats import FRACTIONS, check_new_file, new_file, swf_text, write_text

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.run import Run, SavedRun

LONGEST_US: Final = 2**53
"""Viewers hold times as floats, or as nanoseconds in 64 bits; both are exact up to here."""

_END, _BEGIN, _INSTANT, _COUNTER = range(4)
"""Of one instant, in the order in which they are written."""

_AT_ONCE: Final = 1 << 15
_COLUMNS: Final = ("track", "depth", "start_us", "end_us", "queued")
_ARGUMENTS: Final = ("session", "account", "mode", "status", "reason")
_WORDS: Final = ("category", "name", *_ARGUMENTS)


class Track(NamedTuple):
    """A line of a viewer; those of a process follow it.

    Attributes:
        number: from 1, in the order in which they are shown.
        name: what the viewer calls it.
        process: the number of the process; its own if it is one.
        parent: the number of the track that it is shown below; 0 for a process.
        is_counter: whether it has values instead of slices.
    """

    number: int
    name: str
    process: int
    parent: int
    is_counter: bool = False


class Trace(NamedTuple):
    """What is shown of a run: its tracks, and all marks in one frame."""

    tracks: list[Track]
    marks: pl.DataFrame


def check_place(run: SavedRun, target: Path, *, overwrite: bool) -> None:
    """Check that a file of a saved run can be written, which is not in its bundle; nothing is changed.

    Raises:
        WorkloadFileError: if it cannot, or is there and must not be replaced.
    """
    check_new_file(target, overwrite=overwrite)
    if resolved(target).parent == resolved(run.directory):
        raise WorkloadFileError(f"{target}: is in the bundle, which holds nothing else; choose another name")


def export(run: SavedRun, form: str, target: Path) -> tuple[str, ...]:
    """Write a saved run for another program.

    Args:
        run: as `qs.load` reads it.
        form: `perfetto`, `chrome`, `csv` or `swf`.
        target: the file, which was checked; packed if it ends in .gz or .zst.

    Returns:
        What the file does not hold, as sentences.

    Raises:
        WorkloadFileError: if the file cannot be written, or the format cannot hold the run.
        BundleError: if the bundle is damaged.
    """
    import polars as pl

    content: Iterable[bytes]
    lost: tuple[str, ...] = ()
    try:
        if form == "swf":
            lines, lost = run_as_swf(run)
            content = (line.encode() for line in lines)
        elif form == "csv":
            content = (run.jobs.write_csv().encode(),)
        else:
            content = as_bytes(trace_of(run), form)
    except pl.exceptions.ColumnNotFoundError as error:
        raise BundleError(
            f"the bundle {run.directory} is of a version whose tables have other columns ({error}); "
            f"simulate its scenario again"
        ) from error
    with new_file(target) as partial:
        write_text(content, partial)
    return lost


# -- What is shown.


def trace_of(run: Run | SavedRun) -> Trace:
    """The tracks of a run and all that is on them.

    Each QPU is a process with a track of what it does, its queue length, and a track of each session and
    account, below which jobs lie side by side in as many tracks as they need.

    Raises:
        WorkloadFileError: if it is longer than viewers can hold.
    """
    import polars as pl

    end_us = run.end_us
    if end_us > LONGEST_US:
        raise WorkloadFileError("the run is longer than 285 years, which is more than viewers hold exactly")
    jobs = _placed(run.jobs, end_us)
    groups: dict[tuple[str | None, str], int] = {}  # of a QPU, by name: how many lanes its jobs need
    for qpu, mode, session in run.sessions.select("qpu", "mode", "session").iter_rows():
        groups[qpu, f"{mode} {session}"] = 0
    for qpu, group, lane in jobs.select("qpu", "group", "lane").iter_rows():
        groups[qpu, group] = max(groups.get((qpu, group), 0), lane + 1)
    tracks, place = _tracks(run, groups)
    on_lane = (place[row] for row in jobs.select("qpu", "group", "lane").iter_rows())
    jobs = jobs.with_columns(track=pl.Series(list(on_lane), dtype=pl.Int64))
    kinds = dict.fromkeys(_COLUMNS, pl.Int64) | dict.fromkeys(_WORDS, pl.String)
    marks = [
        pl.DataFrame(schema=kinds),
        *_qpu_marks(run, place),
        *_session_marks(run, place, end_us),
        *_job_marks(run, jobs),
    ]
    cast = [mark.select(pl.col(name).cast(kinds[name]) for name in mark.columns) for mark in marks]
    return Trace(tracks, pl.concat(cast, how="diagonal"))


def _tracks(
    run: Run | SavedRun, groups: Mapping[tuple[str | None, str], int]
) -> tuple[list[Track], dict[Any, int]]:
    """All tracks, and the number of each by what is on it."""
    tracks: list[Track] = []
    place: dict[Any, int] = {}

    def add(key: object, name: str, process: int = 0, parent: int = 0, *, is_counter: bool = False) -> int:
        number = place[key] = len(tracks) + 1
        tracks.append(Track(number, name, process or number, parent, is_counter))
        return number

    with_queue = set(run.queue_length["qpu"].unique())
    qpus: Any = run.jobs.schema["qpu"]
    for qpu in dict.fromkeys((*qpus.categories, *(qpu for qpu, _ in groups))):
        process = add(qpu, "no QPU" if qpu is None else f"QPU {qpu}")
        if qpu in with_queue:
            add((qpu, "QPU"), "QPU", process, process)
            add((qpu, "queue"), "queue length", process, process, is_counter=True)
        for (of, group), lanes in groups.items():
            if of == qpu:
                parent = add((qpu, group), group, process, process)
                for lane in range(lanes):
                    add((qpu, group, lane), f"{group}, jobs {lane + 1}", process, parent)
    return tracks, place


def _placed(jobs: pl.DataFrame, end_us: int) -> pl.DataFrame:
    """Jobs by submission, with when they end, and lanes of a session or account in which none overlap."""
    import polars as pl

    in_session = pl.format("{} {}", pl.col("mode").cast(pl.String), pl.col("session"))
    by_account = pl.format("account {}", pl.col("account").cast(pl.String))
    rejected = pl.col("status").cast(pl.String) == JobStatus.REJECTED.name
    placed = jobs.with_columns(
        group=pl.when(pl.col("session").is_null()).then(by_account).otherwise(in_session),
        end_us=pl.when(rejected)
        .then(pl.col("submitted_us"))
        .otherwise(pl.col("completed_us").fill_null(end_us)),
    ).sort("submitted_us", maintain_order=True)
    ends: dict[tuple[str | None, str], list[tuple[int, int]]] = {}
    lanes = []
    for qpu, group, start_us, stop_us in placed.select("qpu", "group", "submitted_us", "end_us").iter_rows():
        taken = ends.setdefault((qpu, group), [])
        if taken and taken[0][0] <= start_us:
            lane = heapq.heapreplace(taken, (stop_us, taken[0][1]))[1]
        else:
            lane = len(taken)
            heapq.heappush(taken, (stop_us, lane))
        lanes.append(lane)
    return placed.with_columns(lane=pl.Series(lanes, dtype=pl.Int64))


def _qpu_marks(run: Run | SavedRun, place: Mapping[Any, int]) -> Iterator[pl.DataFrame]:
    import polars as pl

    kind = pl.col("kind").cast(pl.String)
    of_job = run.jobs.select("job", "mode", of_job="account")
    of_session = run.sessions.select("session", of_session="account")
    yield (
        run.intervals.filter(kind != "free")
        .join(of_job, on="job", how="left", maintain_order="left")
        .join(of_session, on="session", how="left", maintain_order="left")
        .select(
            "start_us",
            "end_us",
            "session",
            "mode",
            track=_number_of(run.intervals["qpu"], place, "QPU"),
            depth=0,
            category=kind,
            name=pl.coalesce("job", pl.format("held by {}", "session"), kind),
            account=pl.coalesce("of_job", "of_session"),
        )
    )
    yield run.queue_length.select(
        "queued", start_us="time_us", track=_number_of(run.queue_length["qpu"], place, "queue"), depth=0
    )


def _number_of(qpus: pl.Series, place: Mapping[Any, int], what: str) -> pl.Expr:
    import polars as pl

    numbers = {qpu: place[qpu, what] for qpu in qpus.unique()}
    return pl.col("qpu").cast(pl.String).replace_strict(numbers, default=0, return_dtype=pl.Int64)


def _session_marks(run: Run | SavedRun, place: Mapping[Any, int], end_us: int) -> Iterator[pl.DataFrame]:
    import polars as pl

    rows = run.sessions.select("qpu", "mode", "session").iter_rows()
    numbers = [place[qpu, f"{mode} {session}"] for qpu, mode, session in rows]
    sessions = run.sessions.select("session", "account", "mode").with_columns(
        track=pl.Series(numbers, dtype=pl.Int64), depth=pl.lit(0, pl.Int64)
    )
    changes = run.transitions.join(sessions, on="session", how="left", maintain_order="left").with_columns(
        pl.col("event", "to_state").cast(pl.String)
    )
    same = pl.col("to_state") == pl.col("to_state").shift(1).over("session")
    until = pl.col("time_us").shift(-1).over("session")
    columns = ("track", "depth", "start_us", "session", "account", "mode")
    yield (
        changes.filter(~same.fill_null(value=False))
        .with_columns(start_us="time_us", end_us=until.fill_null(end_us))
        .filter((pl.col("to_state") != "closed") & (pl.col("end_us") > pl.col("start_us")))
        .select(*columns, "end_us", category=pl.lit("session"), name="to_state")
    )
    yield (
        changes.filter(~pl.col("event").is_in(["CREATE", "START"]))
        .with_columns(start_us="time_us")
        .select(*columns, "reason", category=pl.lit("event"), name="event")
    )


def _job_marks(run: Run | SavedRun, jobs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Each job, and what of it is waiting, running and post-processing; lost runs are running, too (S52)."""
    import polars as pl

    jobs = jobs.with_columns(row=pl.int_range(pl.len()))
    yield jobs.select(
        *("track", *_ARGUMENTS),
        depth=0,
        start_us="submitted_us",
        end_us=pl.when(pl.col("end_us") > pl.col("submitted_us")).then("end_us"),
        category=pl.lit("job"),
        name="job",
    )
    with_intervals = [*run.intervals["qpu"].unique().cast(of_text := pl.String)]
    on_simulator = ~pl.col("qpu").cast(of_text).is_in(with_intervals) & (pl.col("qpu_time_us") > 0)
    until = pl.col("started_us") + pl.col("qpu_time_us")
    key = ("row", "track", "submitted_us")
    busy = run.intervals.filter(pl.col("job").is_not_null()).select("job", start="start_us", stop="end_us")
    runs = pl.concat(
        [
            busy.join(jobs.select("job", *key), on="job").select(*key, "start", "stop"),
            jobs.filter(on_simulator).select(*key, start="started_us", stop=until),
        ]
    ).sort("row", "start")
    is_next = (pl.col("row") == pl.col("row").shift(1)).fill_null(value=False)
    runs = runs.with_columns(since=pl.when(is_next).then(pl.col("stop").shift(1)).otherwise("submitted_us"))
    last = runs.group_by("row").agg(began=pl.col("start").max(), last=pl.col("stop").max())
    # the last run is a lost one, unless it took the time that is charged; one without time has no interval
    is_lost = (pl.col("qpu_time_us") == 0) & (pl.col("began") == pl.col("started_us"))
    over = pl.col("started_us").is_null() | is_lost.fill_null(value=False)
    rest = jobs.join(last, on="row", how="left", maintain_order="left").with_columns(
        last=pl.col("last").fill_null(pl.col("submitted_us")),
        left=pl.when(over).then("end_us").otherwise(until),
    )
    for name, frame, start, stop in (
        ("waiting", runs, pl.col("since"), pl.col("start")),
        ("running", runs, pl.col("start"), pl.col("stop")),
        ("waiting", rest, pl.col("last"), pl.col("left")),
        ("post-processing", rest, pl.col("left"), pl.col("end_us")),
    ):
        yield frame.filter(stop > start).select(
            "track", depth=1, start_us=start, end_us=stop, category=pl.lit(name), name=pl.lit(name)
        )


# -- How it is written.


def as_bytes(trace: Trace, form: str) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    return _protobuf(trace) if form == "perfetto" else (line.encode() for line in _json(trace))


def _events(marks: pl.DataFrame) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """What happens, when, and the row of the mark, in the order of time.

    Of one instant: ends, the innermost first; beginnings, the outermost first; then the rest.
    """
    start_us, depth = marks["start_us"].to_numpy(), marks["depth"].to_numpy()
    is_counter, is_slice = marks["queued"].is_not_null().to_numpy(), marks["end_us"].is_not_null().to_numpy()
    slices = np.flatnonzero(is_slice)
    what = np.where(is_counter, _COUNTER, np.where(is_slice, _BEGIN, _INSTANT)).astype(np.int8)
    row = np.append(np.arange(len(marks)), slices)
    time_us = np.append(start_us, marks["end_us"].gather(slices).to_numpy())
    what = np.append(what, np.full(len(slices), _END, dtype=np.int8))
    order = np.lexsort((np.append(depth, -depth[slices]), what, time_us))
    for first in range(0, len(order), _AT_ONCE):
        part = order[first : first + _AT_ONCE]
        rows = marks[row[part]].iter_rows()
        yield from zip(what[part].tolist(), time_us[part].tolist(), rows, strict=True)


# JSON, as Chrome's tracing introduced it; many viewers read it.


def _json(trace: Trace) -> Iterator[str]:
    process = {track.number: track.process for track in trace.tracks}
    yield '{"displayTimeUnit":"ms","traceEvents":[\n'
    lines = chain(
        chain.from_iterable(map(_named, trace.tracks)),
        (
            _json_event(what, time_us, process[mark[0]], mark)
            for what, time_us, mark in _events(trace.marks)
            if what != _END
        ),
    )
    yield next(lines, "")
    yield from (f",\n{line}" for line in lines)
    yield "\n]}\n"


def _named(track: Track) -> Iterator[str]:
    kind = "thread" if track.parent else "process"
    if not track.is_counter:
        for key, value in (("name", json.dumps(track.name)), ("sort_index", track.number)):
            place = f'"pid":{track.process},"tid":{track.number}'
            yield f'{{"ph":"M","name":"{kind}_{key}",{place},"args":{{"{key}":{value}}}}}'


def _json_event(what: int, time_us: int, process: int, mark: tuple[Any, ...]) -> str:
    track, _, start_us, end_us, queued, category, name, *arguments = mark
    place = f'"pid":{process},"tid":{track},"ts":{time_us}'
    if what == _COUNTER:
        return f'{{"ph":"C",{place},"name":"queue length","args":{{"queued":{queued}}}}}'
    shape = f'"ph":"X",{place},"dur":{end_us - start_us}' if what == _BEGIN else f'"ph":"i","s":"t",{place}'
    given = ",".join(
        f'"{key}":{json.dumps(value)}'
        for key, value in zip(_ARGUMENTS, arguments, strict=True)
        if value is not None
    )
    return f'{{{shape},"cat":"{category}","name":{json.dumps(name)},"args":{{{given}}}}}'


# Perfetto's messages, of which these are used (field, and what it holds):
# Trace: 1 packet. TracePacket: 8 timestamp [ns], 10 sequence, 11 event, 60 track. Track: 1 number, 2 name,
# 3 process (1 id, 6 name), 5 parent, 8 counter, 11 order of its children, 12 rank among its siblings. Event:
# 4 annotation (6 text, 10 name), 9 type, 11 track, 22 category, 23 name, 30 value.

_SEQUENCE: Final = b"\x50\x01"
_EXPLICIT: Final = 3
_TYPES: Final = {_BEGIN: 1, _END: 2, _INSTANT: 3, _COUNTER: 4}


def _protobuf(trace: Trace) -> Iterator[bytes]:
    for track in trace.tracks:
        yield _bytes(1, _SEQUENCE + _bytes(60, _descriptor(track)))
    started = {
        (what, track.number): _number(9, kind) + _number(11, track.number)
        for what, kind in _TYPES.items()
        for track in trace.tracks
    }
    written = lru_cache(maxsize=1 << 14)(_annotation)
    for what, time_us, mark in _events(trace.marks):
        event = started[what, mark[0]]
        if what == _COUNTER:
            event += _number(30, mark[4])
        elif what != _END:
            event += _text(22, mark[5]) + _text(23, mark[6])
            for key, value in zip(_ARGUMENTS, mark[7:], strict=True):
                if value is not None:
                    event += written(key, value)
        yield _bytes(1, _number(8, time_us * 1000) + _SEQUENCE + _bytes(11, event))


def _descriptor(track: Track) -> bytes:
    content = _number(1, track.number) + _text(2, track.name)
    if track.parent:
        content += _number(5, track.parent)
    else:
        content += _bytes(3, _number(1, track.number) + _text(6, track.name))
    if track.is_counter:
        content += _bytes(8, b"")
    return content + _number(11, _EXPLICIT) + _number(12, track.number)


def _annotation(key: str, value: str) -> bytes:
    return _bytes(4, _text(10, key) + _text(6, value))


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_SMALL: Final = [_varint(number) for number in range(1 << 12)]


def _size(number: int) -> bytes:
    return _SMALL[number] if number < len(_SMALL) else _varint(number)


def _number(field: int, value: int) -> bytes:
    return _SMALL[field << 3] + _size(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _SMALL[field << 3 | 2] + _size(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


# -- The jobs as they ran, in the Standard Workload Format.

_SWF_STATUS: Final = {JobStatus.DONE.name: 1, JobStatus.ERROR.name: 0, JobStatus.CANCELLED.name: 5}
"""What is still running has none, which is -1."""


def run_as_swf(run: Run | SavedRun) -> tuple[Iterator[str], tuple[str, ...]]:
    """The jobs that came on a QPU: with their waits, the QPU time that they used, and how they ended.

    Returns:
        The text in pieces, and what it does not hold, as sentences.
    """
    import polars as pl

    jobs = run.jobs.filter(pl.col("started_us").is_not_null()).sort("submitted_us", maintain_order=True)
    left_out = len(run.jobs) - len(jobs)
    lost = ["ids of jobs are not held: they are numbered by submission"]
    if left_out:
        lost.append(f"{counted(left_out, 'job')} that never started: not held")
    if jobs["session"].null_count() < len(jobs):
        lost.append("sessions and batches are not held: all jobs are in mode job")
    if jobs["qpu"].n_unique() > 1:
        lost.append("the QPUs of jobs are not held")
    times = jobs.select("submitted_us", "waiting_us", "qpu_time_us")
    if any((column % SECOND != 0).any() for column in times.iter_columns()):
        lost.append(FRACTIONS)
    accounts: Any = run.jobs.schema["account"]
    rows = jobs.select(
        "submitted_us",
        "waiting_us",
        "qpu_time_us",
        pl.col("status").cast(pl.String).replace_strict(_SWF_STATUS, default=-1, return_dtype=pl.Int64),
        pl.col("account").to_physical().cast(pl.Int64),
    )
    lines = swf_text(tuple(accounts.categories), len(jobs), ((*row, "-1 -1") for row in rows.iter_rows()))
    return lines, tuple(lost)

"""The timeline of a run as a page brings it along: columns of whole numbers, deflated, and names.

Each column has 32 bits a row and is written as four planes of bytes, all lowest bytes first: planes of small
numbers take next to nothing. All columns together are deflated and written in the letters of base 64, which
HTML leaves alone. Browsers undo all of that by themselves.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator

import numpy as np

from qsession_sim.report.text import one_line
from qsession_sim.report.timeline import GLYPHS, KINDS, Ticks, Timeline


def embedded(timeline: Timeline, about: Iterable[str]) -> dict[str, str]:
    """What a page brings along, by the `id` of its block.

    Args:
        timeline: what is shown.
        about: a sentence for each session.

    Returns:
        `columns`, packed, and `names`, a JSON document that says which columns there are and how long; those
        whose names end in `_delta` hold the difference to the row before.
    """
    prefixes, job_columns = _job_columns(timeline)
    queues = list(_queues(timeline))
    columns = [*_columns(timeline), *_joined_queues(queues), *job_columns]
    segments = np.bincount(timeline.segments["qpu"], minlength=len(timeline.qpus)).tolist()
    sizes = [len(time) for time, _ in queues]
    names = {
        "unit": timeline.unit_us,
        "end": timeline.end,
        "cell": timeline.cell,
        "words": list(GLYPHS),
        "glyphs": list(GLYPHS.values()),
        "qpus": [list(one) for one in zip(map(one_line, timeline.qpus), segments, sizes, strict=True)],
        "sessions": [list(one) for one in zip(map(one_line, timeline.session_names), about, strict=True)],
        "prefixes": list(map(one_line, prefixes)),
        "columns": [[name, len(column)] for name, column in columns],
    }
    text = json.dumps(names, ensure_ascii=False, separators=(",", ":"))
    return {"columns": packed(column for _, column in columns), "names": _deflated(text.encode())}


def packed(columns: Iterable[Ticks]) -> str:
    """Columns one after the other, each as four planes.

    Args:
        columns: each of shape (rows,), from -2**31 to 2**31 - 1.

    Raises:
        OverflowError: if a number does not fit.

    Example:
        >>> from base64 import b64decode
        >>> zlib.decompress(b64decode(packed([np.array([1, -2])])), wbits=-15).hex(" ")
        '01 fe 00 ff 00 ff 00 ff'
    """
    content = bytearray()
    for column in columns:
        if len(column) and not -(2**31) <= column.min() <= column.max() < 2**31:
            raise OverflowError(f"{column.min()} to {column.max()} do not fit into 32 bits")
        content += column.astype("<i4").view(np.uint8).reshape(-1, 4).T.tobytes()
    return _deflated(bytes(content))


def _deflated(content: bytes) -> str:
    return b64encode(zlib.compress(content, level=6, wbits=-15)).decode()


def _columns(timeline: Timeline) -> Iterator[tuple[str, Ticks]]:
    segments, sessions = timeline.segments, timeline.sessions
    yield from ((name, segments[name]) for name in ("duration", "kind", "group"))
    yield "session_delta", _deltas(segments["session"])
    yield from ((f"session_{name}", sessions[name]) for name in ("mode", "qpu"))
    yield "created_delta", _deltas(sessions["created"])
    yield "open", sessions["closed"] - sessions["created"]
    yield "wait_session_delta", _deltas(timeline.waits["session"])
    yield "wait_start_delta", _deltas(timeline.waits["start"])
    yield "wait_duration", timeline.waits["duration"]
    yield "mark_session_delta", _deltas(timeline.marks["session"])
    yield "mark_time_delta", _deltas(timeline.marks["time"])
    yield "mark_word", timeline.marks["word"]


def _queues(timeline: Timeline) -> Iterator[tuple[Ticks, Ticks]]:
    """For each QPU when the length of its queue changes and by how much.

    Without what follows from the segments, unless they were merged: that each start of a job takes it out.
    """
    segments, queue = timeline.segments, timeline.queue
    for qpu in range(len(timeline.qpus)):
        mine = queue["qpu"] == qpu
        time, change = queue["time"][mine], _deltas(queue["queued"][mine])
        if not timeline.cell:
            is_start = (segments["qpu"] == qpu) & (segments["kind"] < KINDS.index("held"))
            starts = segments["start"][is_start]
            time, change = np.append(time, starts), np.append(change, np.ones_like(starts))
        instants, row = np.unique(time, return_inverse=True)
        sums = np.zeros_like(instants)
        np.add.at(sums, row, change)
        yield instants[sums != 0], sums[sums != 0]


def _joined_queues(queues: list[tuple[Ticks, Ticks]]) -> Iterator[tuple[str, Ticks]]:
    none = [np.zeros(0, dtype=np.int64)]
    yield "queue_time_delta", _deltas(np.concatenate([time for time, _ in queues] or none))
    yield "queue_change", np.concatenate([change for _, change in queues] or none)


def _deltas(column: Ticks) -> Ticks:
    return np.diff(column, prepend=0)


def _job_columns(timeline: Timeline) -> tuple[list[str], list[tuple[str, Ticks]]]:
    """Names of jobs as what numbers stand for: `vqe/1/12` is the number 12 after the prefix `vqe/1/`.

    Returns:
        The prefixes; and for each segment the place of its prefix from 1, 0 for no job, and its number, -1 if
        the name does not end in one, as the difference to the number before with the same prefix.
    """
    import polars as pl

    job = timeline.segments["job"]
    rows = np.flatnonzero(job >= 0)
    names = timeline.jobs.gather(job[rows]).alias("name")
    found = names.to_frame().select(
        pl.col("name")
        .str.extract(r"(?s)^(.*?)(?:[1-9]\d{0,8}|0)$")
        .fill_null(pl.col("name"))
        .alias("prefix"),
        pl.col("name").str.extract(r"(?s)^.*?([1-9]\d{0,8}|0)$").cast(pl.Int64).fill_null(-1).alias("number"),
    )
    prefixes = found["prefix"].unique(maintain_order=True)
    place = found["prefix"].cast(pl.Enum(prefixes)).to_physical().to_numpy().astype(np.int64)
    number = found["number"].to_numpy()
    order = np.argsort(place, kind="stable")
    change = _deltas(number[order])
    begins = np.append(True, np.diff(place[order]) != 0)[: len(order)]
    change[begins] = number[order][begins]
    columns = np.zeros((2, len(job)), dtype=np.int64)
    columns[0, rows] = place + 1
    columns[1, rows[order]] = change
    return prefixes.to_list(), [("job_prefix", columns[0]), ("job_number", columns[1])]

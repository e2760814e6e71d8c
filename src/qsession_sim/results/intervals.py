"""What the QPU did when (S72), and how many jobs were queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np

from qsession_sim.queueing.step_functions import StepFunction, count_inside
from qsession_sim.results.jobs import Column
from qsession_sim.results.periods import (
    Periods,
    active_periods,
    busy_periods,
    down_periods,
    find_period,
    look_up,
)
from qsession_sim.results.record import Record
from qsession_sim.results.stays import queue_stays, rows_where
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import Int64Array, constant


class IntervalKind(IntEnum):
    """Every microsecond of a QPU is of one kind (S72)."""

    BUSY = 0
    HELD = 1  # a session holds the QPU and nothing runs
    DOWN = 2
    FREE = 3


def interval_columns(record: Record) -> dict[str, Column]:
    """The table of intervals as numbers, QPU by QPU; NEVER for null.

    Those of each QPU tile [0, end) and neighbours differ (S72). A simulator has none.
    """
    return _joined([_intervals_of(record, qpu) for qpu in record.queueing_qpus])


def _intervals_of(record: Record, qpu: int) -> dict[str, Column]:
    busy = busy_periods(record, qpu)
    active = active_periods(record, qpu)
    down = down_periods(record, qpu)
    edges_us = _edges(record.end_us, busy, active, down)
    start_us = edges_us[:-1]
    kind = np.full(len(start_us), IntervalKind.FREE, dtype=np.int8)
    # S72: in rising order of precedence, each layer covers those before it
    active_index = find_period(active, start_us)
    session = look_up(active.owner, active_index)
    kind[active_index >= 0] = IntervalKind.HELD
    if len(down.owner):
        is_down = find_period(down, start_us) >= 0
        kind[is_down] = IntervalKind.DOWN
        session[is_down] = NEVER
    busy_index = find_period(busy, start_us)
    on_qpu = busy_index >= 0
    job = look_up(busy.owner, busy_index)
    kind[on_qpu] = IntervalKind.BUSY
    if len(record.workload.sessions):
        session[on_qpu] = record.job_session[job[on_qpu]]
    first = np.ones(len(kind), dtype=np.bool_)
    first[1:] = (kind[1:] != kind[:-1]) | (job[1:] != job[:-1]) | (session[1:] != session[:-1])
    kept = rows_where(first)
    start_us = start_us[kept]
    return {
        "qpu": constant(len(start_us), qpu),
        "start_us": start_us,
        "end_us": np.append(start_us[1:], edges_us[-1:]) if len(start_us) else start_us,
        "kind": kind[kept],
        "job": job[kept],
        "session": session[kept],
    }


def queue_length(record: Record, qpu: int = 0) -> StepFunction:
    """How many jobs of a QPU are submitted and not on it, from time 0 on (S41)."""
    entered_us, left_us = queue_stays(record, qpu)
    return count_inside(entered_us, left_us[rows_where(left_us >= 0)])


QueueLengths = Mapping[int, StepFunction]
"""By the number of each QPU that has a queue: how many of its jobs are submitted and not on it."""


def queue_lengths(record: Record) -> QueueLengths:
    """The length of each queue (S41)."""
    return {qpu: queue_length(record, qpu) for qpu in record.queueing_qpus}


def queue_length_columns(lengths: QueueLengths) -> dict[str, Column]:
    """The table of queue lengths as numbers: of each QPU time 0 and every later change."""
    return _joined(
        [
            {"qpu": constant(len(step.times_us), qpu), "time_us": step.times_us, "queued": step.values}
            for qpu, step in lengths.items()
        ]
    )


def _joined(parts: Sequence[dict[str, Column]]) -> dict[str, Column]:
    """The tables of several QPUs, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _edges(end_us: int, *layers: Periods) -> Int64Array:
    """Every instant at which something may change, with both ends of the run; increasing."""
    if end_us == 0:
        return np.zeros(0, dtype=np.int64)
    ends = np.array([0, end_us], dtype=np.int64)
    edges_us = np.concatenate((ends, *(edge for layer in layers for edge in (layer.start_us, layer.end_us))))
    edges_us.sort(kind="stable")  # this kind merges columns that are in order
    keep = np.ones(len(edges_us), dtype=np.bool_)
    np.not_equal(edges_us[1:], edges_us[:-1], out=keep[1:])
    return edges_us[keep]

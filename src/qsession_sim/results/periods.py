"""When what was the case in a record: jobs in the queue and on a QPU, sessions active, QPUs down.

Columns have a row a job; stretches of time with an owner are `Periods`. What a run did not need costs
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.results.record import (
    FROM,
    JOB,
    LEFT,
    QPU,
    SESSION,
    STARTED,
    TIME,
    TO,
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_QPU,
    WINDOW_START,
    Record,
)
from qsession_sim.scheduler.transitions import STATE_OF, SessionPhase
from qsession_sim.scheduler.vocabulary import (
    NEVER,
    PUBLIC_STATUS,
    JobStatus,
    Mode,
    Reason,
    SessionState,
    WindowKind,
)
from qsession_sim.workload.columns import BoolArray, Int64Array, constant

Rows = Int64Array | slice

_PUBLIC_STATUS: Final = np.array(PUBLIC_STATUS, dtype=np.int8)

PUBLIC_STATE: Final = np.array(
    [NEVER if (state := STATE_OF[phase]) is None else state for phase in SessionPhase], dtype=np.int64
)
"""The public state of each phase, NEVER for a session that does not exist."""


# -- Stretches of time.


@dataclass(frozen=True)
class Periods:
    """Stretches [start, end) with the job or session they belong to; each column has shape (n,)."""

    owner: Int64Array
    start_us: Int64Array
    end_us: Int64Array


def chosen(periods: Periods, rows: BoolArray | Int64Array) -> Periods:
    """The periods for which a mask of shape (n,) holds, or those of some numbers in their order."""
    return Periods(periods.owner[rows], periods.start_us[rows], periods.end_us[rows])


def clip(periods: Periods, since_us: int) -> Periods:
    """The periods without what comes before a time; those that end before it have length 0."""
    if since_us == 0:
        return periods
    return Periods(
        periods.owner, np.maximum(periods.start_us, since_us), np.maximum(periods.end_us, since_us)
    )


def total_us(periods: Periods, owners: int) -> Int64Array:
    """How long the periods of each owner are together, shape (owners,)."""
    total_us = np.zeros(owners, dtype=np.int64)
    np.add.at(total_us, periods.owner, periods.end_us - periods.start_us)
    return total_us


def cut_at(periods: Periods, at_us: Int64Array) -> Periods:
    """The periods in pieces: each is cut at the instants that lie inside it.

    Example:
        >>> periods = Periods(np.array([7, 8]), np.array([0, 5]), np.array([4, 9]))
        >>> pieces = cut_at(periods, np.array([4, 6, 2]))
        >>> pieces.owner.tolist(), pieces.start_us.tolist(), pieces.end_us.tolist()
        ([7, 7, 8, 8], [0, 2, 5, 6], [2, 4, 6, 9])
    """
    at_us = np.unique(at_us)
    behind = np.searchsorted(at_us, periods.start_us, side="right")
    cuts = np.searchsorted(at_us, periods.end_us, side="left") - behind
    pieces = np.maximum(cuts, 0) + 1
    row = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    cut_us = np.append(at_us, NEVER)[np.minimum(behind[row] + number, len(at_us))]
    end_us = np.where(number == pieces[row] - 1, periods.end_us[row], cut_us)
    start_us = np.where(number == 0, periods.start_us[row], np.roll(cut_us, 1))
    return Periods(periods.owner[row], start_us, end_us)


def union(start_us: Int64Array, end_us: Int64Array) -> Periods:
    """The stretches that are covered by at least one of those given, which are of nobody.

    Example:
        >>> covered = union(np.array([5, 0, 8, 3]), np.array([7, 2, 8, 6]))
        >>> covered.start_us.tolist(), covered.end_us.tolist()
        ([0, 3], [2, 7])
    """
    order = np.argsort(start_us, kind="stable")
    order = order[end_us[order] > start_us[order]]
    start_us, reach_us = start_us[order], np.maximum.accumulate(end_us[order])
    begins = np.append(True, start_us[1:] > reach_us[:-1])[: len(start_us)]
    ends = np.append(begins[1:], True)[: len(start_us)]
    return Periods(np.full(int(begins.sum()), NEVER, dtype=np.int64), start_us[begins], reach_us[ends])


def find_period(periods: Periods, at_us: Int64Array) -> Int64Array:
    """The index of the period with `start <= at < end`, or NEVER; the periods must not overlap."""
    if len(periods.owner) == 0 or len(at_us) == 0:
        return np.full(len(at_us), NEVER, dtype=np.int64)
    # only where the instants are: a few of them need no search through all periods
    first, last = np.searchsorted(periods.start_us, (at_us.min(), at_us.max()), side="right").tolist()
    first = max(first - 1, 0)
    index: Int64Array = np.searchsorted(periods.start_us[first:last], at_us, side="right")
    index += first - 1
    # before the first period the index is -1, and so that of the last one
    inside = (index >= 0) & (at_us < periods.end_us[index])
    np.copyto(index, NEVER, where=~inside)
    return index


def look_up(column: Int64Array, index: Int64Array) -> Int64Array:
    """`column[index]`, and NEVER where the index is NEVER."""
    if len(column) == 0:
        return np.full(len(index), NEVER, dtype=np.int64)
    values = column[index]
    np.copyto(values, NEVER, where=index < 0)
    return values


def covered_before(periods: Periods, at_us: Int64Array) -> Int64Array:
    """How much of the time up to each instant is in periods that do not overlap."""
    index = np.searchsorted(periods.start_us, at_us, side="right")
    total_us = np.zeros(len(periods.owner) + 1, dtype=np.int64)
    np.cumsum(periods.end_us - periods.start_us, out=total_us[1:])
    running_us = np.maximum(np.append(NEVER, periods.end_us)[index] - at_us, 0)
    return total_us[index] - np.where(index > 0, running_us, 0)


# -- Jobs.


def rows_where(mask: BoolArray) -> Rows:
    """The rows for which a mask holds; all of them as a slice, which takes no copy."""
    return slice(None) if mask.all() else np.flatnonzero(mask)


def public_status(record: Record, rows: Rows) -> npt.NDArray[np.int8]:
    """`vocabulary.JobStatus` of jobs that were submitted, shape (rows,)."""
    stage = record.stage[rows]
    return stage if stage.max(initial=0) < len(JobStatus) else _PUBLIC_STATUS[stage]


def job_qpu(record: Record, rows: Rows) -> npt.NDArray[np.signedinteger]:
    """The QPU of each job, NEVER if it was not routed (S54); shape (rows,)."""
    if record.job_qpu is None:
        return constant(len(record.stage[rows]), 0)
    return record.job_qpu[rows]


def job_modes(record: Record, rows: Int64Array | slice) -> npt.NDArray[np.int8]:
    """`vocabulary.Mode` by the session that each job was submitted to, shape (rows,)."""
    session = record.job_session[rows]
    modes = np.full(len(session), Mode.JOB, dtype=np.int8)
    if not len(record.workload.sessions):
        return modes
    of_session = session >= 0
    modes[of_session] = record.workload.sessions.mode[session[of_session]]
    return modes


def is_of_qpu(record: Record, mask: BoolArray, qpu: int) -> BoolArray:
    """The jobs of a mask, shape (jobs,), that were routed to a QPU."""
    return mask if record.job_qpu is None else mask & (record.job_qpu == qpu)


def is_accepted(record: Record) -> BoolArray:
    """Whether each job was submitted and not rejected (S20), shape (jobs,)."""
    accepted: BoolArray = (record.submitted_us >= 0) & (record.stage != JobStatus.REJECTED)
    return accepted


def accepted_jobs(record: Record) -> Int64Array:
    """The numbers of the jobs that were submitted and not rejected (S20)."""
    return np.flatnonzero(is_accepted(record))


def thrown_off(record: Record) -> Int64Array:
    """The jobs that an outage threw off the QPU and that were not on it since (S52)."""
    lost = record.lost_runs
    return np.unique(lost[lost[:, STARTED] == record.started_us[lost[:, JOB]], JOB])


def has_stay(record: Record) -> BoolArray:
    """Whether `started_us` begins a stay that was not lost, shape (jobs,)."""
    stays: BoolArray = record.started_us >= 0
    if len(record.lost_runs):
        stays[thrown_off(record)] = False
    return stays


def left_qpu_us(record: Record, rows: Rows) -> Int64Array:
    """When jobs that started left the QPU, the end of the run for those that are on it; shape (rows,)."""
    left_us = (record.ended_us if record.left_us is None else record.left_us)[rows]
    return np.where(left_us < 0, record.end_us, left_us) if left_us.min(initial=0) < 0 else left_us


def over_us(record: Record) -> Int64Array:
    """When each job was over for the clock of its session (S13): left the QPU, or ended; shape (jobs,)."""
    if record.left_us is None:
        return record.ended_us
    return np.where(has_stay(record), record.left_us, record.ended_us)


def used_qpu_time_us(record: Record, rows: Rows) -> Int64Array:
    """QPU time that costs (S62), up to the end of the run for a job that is there; shape (rows,).

    0 if it did not start, or not again after an outage, or was ended by one.
    """
    started_us = record.started_us[rows]
    used_us = left_qpu_us(record, rows) - started_us
    if started_us.min(initial=0) < 0:
        used_us[started_us < 0] = 0
    if len(record.windows):
        costs = has_stay(record)[rows] & (record.reason[rows] != Reason.QPU_FAILED)
        used_us[~costs] = 0
    return used_us


def attempts(record: Record, rows: Rows) -> npt.NDArray[np.signedinteger]:
    """How often each job came on the QPU, shape (rows,)."""
    counts = has_stay(record)[rows].astype(np.int8)
    if len(record.lost_runs) == 0:
        return counts
    lost: Int64Array = np.bincount(record.lost_runs[:, JOB], minlength=len(record.stage))
    return lost[rows] + counts.astype(np.int64)


def queue_stays(record: Record, qpu: int) -> tuple[Int64Array, Int64Array]:
    """When jobs entered and left the queue of a QPU: by a start or, before one, their end (S41, S78).

    First each accepted job from its submission on, by job number; then those that an outage threw off the
    QPU, each time until they started again. `queued_jobs` has their numbers. NEVER for who is still queued.
    """
    rows = rows_where(is_of_qpu(record, is_accepted(record), qpu))
    entered_us, left_us = record.submitted_us[rows], record.started_us[rows]
    if left_us.min(initial=0) < 0:
        left_us = np.where(left_us >= 0, left_us, record.ended_us[rows])
    lost = lost_runs(record, qpu)
    if len(lost) == 0:
        return entered_us, left_us
    job = lost[:, JOB]
    is_first = np.append(True, job[1:] != job[:-1])
    left_us = left_us.copy()
    left_us[np.searchsorted(np.arange(len(record.stage))[rows], job[is_first])] = lost[is_first, STARTED]
    back_us = np.where(has_stay(record)[job], record.started_us[job], record.ended_us[job])
    back_us[:-1] = np.where(is_first[1:], back_us[:-1], lost[1:, STARTED])
    return np.append(entered_us, lost[:, LEFT]), np.append(left_us, back_us)


def queued_jobs(record: Record, qpu: int) -> Int64Array:
    """The jobs of the stays in `queue_stays`, in the same order."""
    accepted = np.flatnonzero(is_of_qpu(record, is_accepted(record), qpu))
    return np.append(accepted, lost_runs(record, qpu)[:, JOB])


def lost_runs(record: Record, qpu: int) -> Int64Array:
    """The rows of `Record.lost_runs` of a QPU, by job and start."""
    lost = record.lost_runs[record.lost_runs[:, QPU] == qpu]
    rows: Int64Array = lost[np.lexsort((lost[:, STARTED], lost[:, JOB]))]
    return rows


def ready_stays(record: Record, qpu: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The part of each stay in the queue of a QPU in which the job was ready, up to the end of the run.

    Returns:
        The job, since when and until when, each of shape (stays,); those of no length are left out.
    """
    job = queued_jobs(record, qpu)
    since_us, until_us = queue_stays(record, qpu)
    if record.ready_us is not None:
        ready_us = record.ready_us[job]
        since_us = np.where(ready_us < 0, record.end_us, np.maximum(since_us, ready_us))
    until_us = np.where(until_us < 0, record.end_us, until_us)
    took_time = until_us > since_us
    return job[took_time], since_us[took_time], until_us[took_time]


# -- QPUs and sessions.


def stays_on_qpu(record: Record, qpu: int = 0) -> Periods:
    """All stays of jobs on a QPU, lost ones last (S52); those of jobs still there are cut at the end."""
    job = np.flatnonzero(is_of_qpu(record, has_stay(record), qpu))
    rows = slice(None) if len(job) == len(record.started_us) else job
    start_us, end_us = record.started_us[rows], left_qpu_us(record, rows)
    lost = lost_runs(record, qpu)
    if len(lost):
        job = np.append(job, lost[:, JOB])
        start_us, end_us = np.append(start_us, lost[:, STARTED]), np.append(end_us, lost[:, LEFT])
    return Periods(job, start_us, end_us)


def session_stays(record: Record) -> Periods:
    """All stays of jobs of each session on QPUs, lost ones last (S52); NEVER ends one that is not over."""
    stays = np.flatnonzero((record.job_session >= 0) & has_stay(record))
    left_us = (record.ended_us if record.left_us is None else record.left_us)[stays]
    lost = record.lost_runs[record.job_session[record.lost_runs[:, JOB]] >= 0]
    return Periods(
        record.job_session[np.append(stays, lost[:, JOB])],
        np.append(record.started_us[stays], lost[:, STARTED]),
        np.append(left_us, lost[:, LEFT]),
    )


def busy_periods(record: Record, qpu: int = 0) -> Periods:
    """The stays on a QPU in order of start.

    A job that left the QPU in the instant of its start took no time and is left out (S72: positive length).
    """
    stays = stays_on_qpu(record, qpu)
    if np.any(stays.end_us <= stays.start_us):
        stays = chosen(stays, stays.end_us > stays.start_us)
    if np.any(stays.start_us[1:] < stays.start_us[:-1]):
        stays = chosen(stays, np.argsort(stays.start_us, kind="stable"))
    return stays


def down_periods(record: Record, qpu: int = 0) -> Periods:
    """When a QPU serves nobody (S52), in order and without overlap; a reservation is not `down` (S72)."""
    rows = record.windows
    rows = rows[(rows[:, WINDOW_QPU] == qpu) & (rows[:, WINDOW_KIND] != WindowKind.RESERVATION)]
    return union(rows[:, WINDOW_START], np.minimum(rows[:, WINDOW_END], record.end_us))


def occupied_periods(busy: Periods, down: Periods) -> Periods:
    """When a QPU is busy or down: what is neither is held or free (S72)."""
    if len(down.owner) == 0:
        return busy
    return union(np.append(busy.start_us, down.start_us), np.append(busy.end_us, down.end_us))


def active_periods(record: Record, qpu: int | None = None) -> Periods:
    """From each activation of a session to its deactivation or close (S62), in order of activation.

    Those of one QPU, or of all. Sessions that are still active at the end of the run are cut there. One that
    is closed as it starts is active for no time (S11).
    """
    rows = record.transitions
    if qpu is not None and record.session_qpu is not None:
        rows = rows[record.session_qpu[rows[:, SESSION]] == qpu]
    was_active = PUBLIC_STATE[rows[:, FROM]] == SessionState.ACTIVE
    is_active = PUBLIC_STATE[rows[:, TO]] == SessionState.ACTIVE
    changes = np.flatnonzero(was_active != is_active)
    # sorted by session, each activation is followed by its own end
    changes = changes[np.argsort(rows[changes, SESSION], kind="stable")]
    begins = np.flatnonzero(is_active[changes])
    following = np.append(changes, NEVER)[begins + 1]
    begin = changes[begins]
    ends_there = following >= 0
    ends_there[ends_there] = rows[following[ends_there], SESSION] == rows[begin[ends_there], SESSION]
    end_us = np.full(len(begin), record.end_us, dtype=np.int64)
    end_us[ends_there] = rows[following[ends_there], TIME]
    order = np.argsort(begin, kind="stable")
    return Periods(rows[begin, SESSION][order], rows[begin, TIME][order], end_us[order])


def closings(record: Record) -> Int64Array:
    """The rows of `Record.transitions` that close a session, at most one for each."""
    rows = record.transitions
    closing: Int64Array = rows[(rows[:, TO] == SessionPhase.CLOSED) & (rows[:, FROM] != SessionPhase.CLOSED)]
    return closing


def held_us(occupied: Periods, active: Periods) -> Int64Array:
    """How long a QPU is neither busy nor down in each active period (S72: held), shape (active periods,)."""
    if len(active.owner) == 0:
        return np.zeros(0, dtype=np.int64)
    return (
        active.end_us
        - active.start_us
        - covered_before(occupied, active.end_us)
        + covered_before(occupied, active.start_us)
    )


def delays(record: Record, qpu: int, busy: Periods, active: Periods) -> tuple[Int64Array, Int64Array]:
    """The stretches in which a session is active and has a ready job while a foreign one is on the QPU.

    Returns:
        The session and the length of each stretch, both of shape (stretches,). A session that lets no
        foreign job in has none.
    """
    foreign = _foreign_stays(record, busy, active)
    if len(foreign.owner) == 0:
        return foreign.owner, foreign.start_us
    job, ready_us, left_us = ready_stays(record, qpu)
    session = record.job_session[job]
    theirs = np.isin(session, foreign.owner)
    queued = Periods(session[theirs], ready_us[theirs], left_us[theirs])
    owner, length_us, _ = time_of_both(foreign, queued)
    return owner, length_us


def _foreign_stays(record: Record, busy: Periods, active: Periods) -> Periods:
    """The part of each stay of a foreign job that lies in the active period in which it began."""
    period = np.searchsorted(active.start_us, busy.start_us, side="right") - 1
    session = active.owner[period]
    end_us = np.minimum(busy.end_us, active.end_us[period])
    foreign = (period >= 0) & (busy.start_us < end_us) & (record.job_session[busy.owner] != session)
    return Periods(session[foreign], busy.start_us[foreign], end_us[foreign])


def time_of_both(first: Periods, second: Periods) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The stretches of time in which an owner has periods of both kinds.

    Returns:
        The owner, how long, and how many of the second kind; each of shape (stretches,).
    """
    sizes = (len(first.owner), len(second.owner))
    owner = np.concatenate((first.owner, first.owner, second.owner, second.owner))
    time_us = np.concatenate((first.start_us, first.end_us, second.start_us, second.end_us))
    in_first = np.repeat(np.array([1, -1, 0, 0]), np.repeat(sizes, 2))
    in_second = np.repeat(np.array([0, 0, 1, -1]), np.repeat(sizes, 2))
    order = np.lexsort((time_us, owner))
    owner, time_us = owner[order], time_us[order]
    # every owner ends with 0, so that the sums of one do not carry over to the next
    second_ones = np.cumsum(in_second[order])
    both = np.flatnonzero((np.cumsum(in_first[order]) > 0) & (second_ones > 0))
    return owner[both], time_us[both + 1] - time_us[both], second_ones[both]

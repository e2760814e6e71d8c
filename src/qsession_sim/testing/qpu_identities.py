"""S42, S52, S70 and S72 to S74: what each QPU does at each time, and for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qsession_sim.queueing.step_functions import count_inside
from qsession_sim.results.periods import (
    Periods,
    chosen,
    cut_at,
    find_period,
    is_accepted,
    is_of_qpu,
    job_qpu,
    look_up,
    ready_stays,
    union,
)
from qsession_sim.results.record import (
    JOB,
    LEFT,
    QPU,
    STARTED,
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_NUMBER,
    WINDOW_QPU,
    WINDOW_START,
)
from qsession_sim.results.tables import name_series
from qsession_sim.scheduler.plan import WindowSpec
from qsession_sim.scheduler.vocabulary import NEVER, Reason, WindowKind
from qsession_sim.testing.facts import Facts, GroupedTimes, QpuFacts, Violation, earliest, on_each_qpu
from qsession_sim.workload.columns import Int64Array

if TYPE_CHECKING:
    import polars as pl


@on_each_qpu
def check_one_job_at_a_time(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """S70: no two jobs are on a QPU at once."""
    job, start_us, end_us = qpu.stays.owner, qpu.stays.start_us, qpu.stays.end_us
    # the first start that comes too early does so during the job before it
    yield from earliest(
        start_us[1:],
        start_us[1:] < end_us[:-1],
        lambda i: f"{facts.job(job[i + 1])} starts while {facts.job(job[i])} is on QPU {qpu.name!r}",
    )


def check_tiling(facts: Facts) -> Iterator[Violation]:
    """S72: intervals tile the run, and each is of the kind that jobs, windows and sessions give it."""
    for qpu in facts.qpus:
        yield from _check_edges(facts, qpu)
        yield from _check_busy(facts, qpu)
        yield from _check_down(facts, qpu)
        yield from _check_idle(facts, qpu)
    if sum(qpu.intervals.height for qpu in facts.qpus) != facts.intervals.height:
        yield Violation(0, "there are intervals of a QPU that has none")


@on_each_qpu
def check_foreign_starts(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """S73: who may start while a session is active."""
    active, job, start_us = qpu.active, qpu.stays.owner, qpu.stays.start_us
    # strictly inside: at its activation the session's own job starts, at its release others may
    before = np.searchsorted(active.start_us, start_us, side="left") - 1
    inside = before >= 0
    inside[inside] = start_us[inside] < active.end_us[before[inside]]
    job, start_us, holder = job[inside], start_us[inside], active.owner[before[inside]]
    session = facts.record.job_session[job]
    may_run = facts.lets_job_mode_in(holder) | facts.rules.hold.fills_gaps
    yield from earliest(
        start_us,
        (session != holder) & ((session >= 0) | ~may_run),
        lambda i: f"{facts.job(job[i])} starts while {facts.session(holder[i])} is active",
    )


@on_each_qpu
def check_no_idling(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """S74: no QPU waits while a ready job may start: any if it is free, the holder's own if held."""
    job, since_us, until_us = ready_stays(facts.record, qpu.number)
    ready = Periods(job, since_us, until_us)
    session = facts.record.job_session[job]
    free = _idle(qpu, "free")
    yield from _check_nobody_ready(facts, qpu, free, ready, np.zeros_like(job), "is free")
    held = _idle(qpu, "held")
    period = find_period(qpu.active, held.start_us)
    known = period >= 0
    holder = qpu.active.owner[period[known]]
    held = Periods(holder, held.start_us[known], held.end_us[known])
    yield from _check_nobody_ready(facts, qpu, held, ready, session, "is held by its session")
    lets_in = facts.lets_job_mode_in(holder)
    group = np.zeros(int(lets_in.sum()), dtype=np.int64)
    open_to_all = Periods(group, held.start_us[lets_in], held.end_us[lets_in])
    job_mode = np.where(session < 0, 0, NEVER)
    words = "is held but open to job mode"
    yield from _check_nobody_ready(facts, qpu, open_to_all, ready, job_mode, words)


def _intervals(qpu: QpuFacts, *kinds: str) -> tuple[pl.DataFrame, Int64Array, Int64Array]:
    """The intervals of some kinds, and when they begin and end."""
    rows = qpu.intervals.filter(qpu.intervals["kind"].is_in(kinds))
    return rows, rows["start_us"].to_numpy(), rows["end_us"].to_numpy()


def _idle(qpu: QpuFacts, kind: str) -> Periods:
    """The intervals of a kind, all of group 0."""
    _, start_us, end_us = _intervals(qpu, kind)
    return Periods(np.zeros(len(start_us), dtype=np.int64), start_us, end_us)


def _check_nobody_ready(
    facts: Facts, qpu: QpuFacts, idle: Periods, ready: Periods, group: Int64Array, words: str
) -> Iterator[Violation]:
    """No job is ready, for any time, within an idle interval of its group; NEVER is no group.

    In a reservation that only counts for the jobs of its account (S52).
    """
    reserved = facts.reservations(qpu.number)
    if len(reserved.owner):
        idle = cut_at(idle, np.append(reserved.start_us, reserved.end_us))
        account = look_up(reserved.owner, find_period(reserved, idle.start_us))
        theirs = account >= 0
        groups = 1 + max(int(numbers.max(initial=0)) for numbers in (group, idle.owner))
        for_account = Periods(account * groups + idle.owner, idle.start_us, idle.end_us)
        job_account = facts.record.workload.jobs.account[ready.owner]
        of_account = np.where(group >= 0, job_account * groups + group, NEVER)
        yield from _check_nobody_of(facts, qpu, chosen(for_account, theirs), ready, of_account, words)
        idle = chosen(idle, ~theirs)
    yield from _check_nobody_of(facts, qpu, idle, ready, group, words)


def _check_nobody_of(
    facts: Facts, qpu: QpuFacts, idle: Periods, ready: Periods, group: Int64Array, words: str
) -> Iterator[Violation]:
    waits = np.flatnonzero(group >= 0)
    group, since_us, until_us = group[waits], ready.start_us[waits], ready.end_us[waits]
    ends = GroupedTimes.of(idle.owner, idle.end_us)
    # the first idle interval of the group that ends after the job was ready
    index = look_up(np.append(ends.order, NEVER), ends.count_not_after(group, since_us))
    known = np.flatnonzero(index >= 0)
    index = index[known]
    overlaps = (idle.owner[index] == group[known]) & (idle.start_us[index] < until_us[known])
    job = ready.owner[waits[known]]
    yield from earliest(
        np.maximum(since_us[known], idle.start_us[index]),
        overlaps,
        lambda number: f"QPU {qpu.name!r} {words} while {facts.job(job[number])} is queued",
    )


def _check_edges(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    record, horizon_us = facts.record, facts.resolved.horizon
    start_us = qpu.intervals["start_us"].to_numpy()
    end_us = qpu.intervals["end_us"].to_numpy()
    if horizon_us is not None and record.end_us != horizon_us:
        yield Violation(record.end_us, f"the run ends there, and not at its horizon of {horizon_us} us")
    expected_us = np.concatenate((np.zeros(1, dtype=np.int64), end_us))
    next_us = np.append(start_us, record.end_us)
    yield from earliest(
        np.minimum(expected_us, next_us),
        expected_us != next_us,
        lambda i: (
            f"an interval of QPU {qpu.name!r} ends at {expected_us[i]} us, the next begins at {next_us[i]} us"
        ),
    )
    yield from earliest(
        start_us, end_us <= start_us, lambda _: f"an interval of QPU {qpu.name!r} has no positive length"
    )
    repeats = np.ones(len(start_us) - 1 if len(start_us) else 0, dtype=np.bool_)
    for name in ("kind", "job", "session"):
        column = qpu.intervals[name]
        repeats &= column.slice(1).eq_missing(column.slice(0, len(repeats))).to_numpy()
    yield from earliest(
        start_us[1:],
        repeats,
        lambda _: f"an interval of QPU {qpu.name!r} is like the one before it and not merged with it",
    )


def _check_busy(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """The busy intervals are the jobs' stays on the QPU."""
    rows, start_us, end_us = _intervals(qpu, "busy")
    busy = qpu.busy
    shared = min(len(start_us), len(busy.owner))
    if len(start_us) != len(busy.owner):
        longer_us = start_us if len(start_us) > shared else busy.start_us
        yield Violation(
            int(longer_us[shared]), f"{len(busy.owner)} jobs used the QPU, {len(start_us)} intervals are busy"
        )
    names = name_series(facts.record.workload.job_names).gather(busy.owner[:shared])
    begins_apart = start_us[:shared] != busy.start_us[:shared]
    # the time from which they differ: the earlier start, or after equal starts the earlier end
    differ_us = np.where(
        begins_apart,
        np.minimum(start_us[:shared], busy.start_us[:shared]),
        np.minimum(end_us[:shared], busy.end_us[:shared]),
    )
    other_job = ~rows["job"].slice(0, shared).eq_missing(names).to_numpy()
    yield from earliest(
        differ_us,
        begins_apart | (end_us[:shared] != busy.end_us[:shared]) | other_job,
        lambda i: f"the busy interval is not the time of {facts.job(busy.owner[i])} on the QPU",
    )


def _check_down(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """A QPU is down in its windows, and neither held nor free there (S52)."""
    rows, start_us, end_us = _intervals(qpu, "down")
    until_us = look_up(qpu.down.end_us, find_period(qpu.down, start_us))
    outside = f"QPU {qpu.name!r} is down outside its windows"
    yield from earliest(start_us, until_us < end_us, lambda _: outside)
    rows, start_us, end_us = _intervals(qpu, "held", "free")
    following = np.searchsorted(qpu.down.end_us, start_us, side="right")
    down_us = np.maximum(np.append(qpu.down.start_us, facts.record.end_us)[following], start_us)
    yield from earliest(
        down_us, down_us < end_us, lambda i: f"QPU {qpu.name!r} is {rows['kind'][i]} while it is down"
    )


def _check_idle(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """A held interval lies in an active period of its session, a free one in none."""
    active = qpu.active
    rows, start_us, end_us = _intervals(qpu, "held")
    period = find_period(active, start_us)
    names = name_series(facts.record.workload.session_names).gather(look_up(active.owner, period).clip(0))
    theirs = rows["session"].eq_missing(names).to_numpy() & (period >= 0)
    until_us = np.where(theirs, look_up(active.end_us, period), start_us)
    yield from earliest(
        until_us,
        until_us < end_us,
        lambda i: f"the QPU is held by {rows['session'][i]!r}, which is not active",
    )
    free = _idle(qpu, "free")
    following = np.searchsorted(active.end_us, free.start_us, side="right")
    holder_start_us = np.append(active.start_us, facts.record.end_us)[following]
    yield from earliest(
        np.maximum(free.start_us, holder_start_us),
        holder_start_us < free.end_us,
        lambda i: f"the QPU is free while {facts.session(active.owner[following[i]])} is active",
    )


# -- S52: windows of availability come when they should, and nothing runs that may not run in them.


def _word(kind: WindowKind) -> str:
    name = kind.name.lower().replace("_", " ")
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def check_windows(facts: Facts) -> Iterator[Violation]:
    """S52: when windows come and how long they take, who starts in them, and what outages end."""
    for number, spec in enumerate(facts.record.workload.windows):
        yield from _check_window(facts, number, spec)
    for qpu in facts.qpus:
        yield from _check_starts(facts, qpu)
        yield from _check_nothing_runs(facts, qpu)
        times = facts.reservations(qpu.number)
        for row in zip(times.owner.tolist(), times.start_us.tolist(), times.end_us.tolist(), strict=True):
            yield from _check_reservation(facts, qpu, *row)
    yield from _check_failures(facts)


def _check_window(facts: Facts, number: int, spec: WindowSpec) -> Iterator[Violation]:
    record, window = facts.record, _word(spec.kind)
    rows = record.windows[record.windows[:, WINDOW_NUMBER] == number]
    begins_us = np.sort(rows[:, WINDOW_START])
    apart = begins_us != _expected_starts_us(spec, begins_us, record.end_us)
    yield from earliest(begins_us, apart, lambda _: f"{window} begins that was not due")
    missing_us = spec.start_us + len(rows) * (0 if spec.every_us == NEVER else spec.every_us)
    is_over = spec.kind is WindowKind.CALIBRATION or (spec.every_us == NEVER and len(rows) > 0)
    if not is_over and missing_us < record.end_us:
        yield Violation(missing_us, f"{window} does not begin that is due")
    length_us = rows[:, WINDOW_END] - rows[:, WINDOW_START]
    yield from earliest(
        rows[:, WINDOW_START],
        length_us != spec.duration_us,
        lambda i: f"{window} takes {length_us[i]} us instead of {spec.duration_us} us",
    )


def _expected_starts_us(spec: WindowSpec, begins_us: Int64Array, end_us: int) -> Int64Array:
    """When a window that began so often should have begun; a calibration may begin later than it is due."""
    count = np.arange(len(begins_us))
    if spec.every_us == NEVER:
        due_us = np.where(count == 0, spec.start_us, end_us + 1)
    else:
        due_us = spec.start_us + count * spec.every_us
    return np.maximum(due_us, begins_us) if spec.kind is WindowKind.CALIBRATION else due_us


def _check_starts(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """Nothing starts while the QPU is down, and in a reservation only jobs of its account do."""
    # a stay of no time may have begun before a calibration of the same instant
    job, start_us = qpu.busy.owner, qpu.busy.start_us
    yield from earliest(
        start_us,
        find_period(qpu.down, start_us) >= 0,
        lambda i: f"{facts.job(job[i])} starts while QPU {qpu.name!r} is down",
    )
    reserved = facts.reservations(qpu.number)
    account = look_up(reserved.owner, find_period(reserved, start_us))
    names = facts.record.workload.accounts
    yield from earliest(
        start_us,
        (account >= 0) & (account != facts.record.workload.jobs.account[job]),
        lambda i: f"{facts.job(job[i])} starts while QPU {qpu.name!r} is reserved for {names[account[i]]!r}",
    )


def _check_nothing_runs(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """No job is on the QPU in an outage or a calibration."""
    rows = facts.record.windows
    stops = np.isin(rows[:, WINDOW_KIND], [int(WindowKind.OUTAGE), int(WindowKind.CALIBRATION)])
    rows = rows[(rows[:, WINDOW_QPU] == qpu.number) & stops]
    empty = union(rows[:, WINDOW_START], rows[:, WINDOW_END])
    following = np.searchsorted(empty.end_us, qpu.busy.start_us, side="right")
    both_us = np.maximum(np.append(empty.start_us, facts.record.end_us)[following], qpu.busy.start_us)
    yield from earliest(
        both_us,
        both_us < qpu.busy.end_us,
        lambda i: f"{facts.job(qpu.busy.owner[i])} is on QPU {qpu.name!r} while that does not work",
    )


def _check_reservation(
    facts: Facts, qpu: QpuFacts, account: int, start_us: int, end_us: int
) -> Iterator[Violation]:
    """A session of another account is active in a reservation only while its job runs."""
    record, active = facts.record, qpu.active
    running = find_period(qpu.busy, np.array([start_us]))
    job = int(look_up(qpu.busy.owner, running)[0])
    until_us = int(qpu.busy.end_us[running[0]]) if job != NEVER else start_us
    owner = record.job_session[job] if job != NEVER else NEVER
    free_us = np.where(active.owner == owner, until_us, start_us)
    since_us = np.maximum(free_us, active.start_us)
    is_foreign = record.workload.sessions.account[active.owner] != account
    whose = record.workload.accounts[account]
    yield from earliest(
        since_us,
        is_foreign & (since_us < np.minimum(active.end_us, end_us)),
        lambda i: (
            f"{facts.session(active.owner[i])} is active while QPU {qpu.name!r} is reserved for {whose!r}"
        ),
    )


def _check_failures(facts: Facts) -> Iterator[Violation]:
    """A job fails with its QPU, or is thrown off it, when an outage begins there."""
    record, lost = facts.record, facts.record.lost_runs
    outages = record.windows[record.windows[:, WINDOW_KIND] == WindowKind.OUTAGE]
    failed = np.flatnonzero(record.reason == Reason.QPU_FAILED)
    job = np.concatenate((failed, lost[:, JOB]))
    qpus = np.concatenate((job_qpu(record, failed), lost[:, QPU]))
    left_us = np.concatenate((record.ended_us[failed], lost[:, LEFT]))
    justified = np.zeros(len(job), dtype=np.bool_)
    for qpu in range(len(record.qpus)):
        begins_us = outages[outages[:, WINDOW_QPU] == qpu, WINDOW_START]
        justified |= (qpus == qpu) & np.isin(left_us, begins_us)
    yield from earliest(
        left_us, ~justified, lambda i: f"{facts.job(job[i])} is thrown off its QPU, which does not fail then"
    )


# -- S42: how many jobs are prepared at once.


def check_lanes(facts: Facts) -> Iterator[Violation]:
    """S42: no more jobs prepare at once, and no more in job mode are prepared ahead, than there are lanes."""
    record = facts.record
    if record.preparing_us is None or record.ready_us is None:
        return
    left_us = np.where(record.started_us >= 0, record.started_us, record.ended_us)
    lost = record.lost_runs
    np.minimum.at(left_us, lost[:, JOB], lost[:, STARTED])
    ready_us = np.where(record.ready_us >= 0, record.ready_us, record.ended_us)
    for qpu in facts.qpus:
        prepares = is_of_qpu(record, is_accepted(record) & (record.preparing_us >= 0), qpu.number)
        yield from _check_at_most(facts, qpu, np.flatnonzero(prepares), ready_us, "prepare at once")
        ahead = np.flatnonzero(prepares & (record.job_session < 0))
        yield from _check_at_most(facts, qpu, ahead, left_us, "in job mode are prepared ahead")


def _check_at_most(
    facts: Facts, qpu: QpuFacts, job: Int64Array, until_us: Int64Array, words: str
) -> Iterator[Violation]:
    preparing_us = facts.record.preparing_us
    assert preparing_us is not None
    lanes = facts.record.workload.qpu_specs[qpu.number].lanes
    leaves = until_us[job][until_us[job] != NEVER]
    inside = count_inside(preparing_us[job], leaves)
    yield from earliest(
        inside.times_us,
        inside.values > lanes,
        lambda i: f"{inside.values[i]} jobs {words} on QPU {qpu.name!r}, which has {lanes} lanes",
    )

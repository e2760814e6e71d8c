"""S70 and S72 to S74: what the QPU does at each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from qsession_sim.results.periods import (
    Periods,
    chosen,
    cut_at,
    find_period,
    is_accepted,
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
from qsession_sim.testing.facts import Facts, GroupedTimes, QpuFacts, Violation, first
from qsession_sim.workload.columns import Int64Array


def check_one_job_at_a_time(facts: Facts) -> Iterator[Violation]:
    """S70: no two jobs are on a QPU at once."""
    for qpu in facts.qpus:
        job, start_us, end_us = qpu.stays.owner, qpu.stays.start_us, qpu.stays.end_us
        # the first start that comes too early does so during the job before it
        index = first(start_us[1:], start_us[1:] < end_us[:-1])
        if index is not None:
            message = (
                f"{facts.job(job[index + 1])} starts while {facts.job(job[index])} is on QPU {qpu.name!r}"
            )
            yield Violation(int(start_us[index + 1]), message)


def check_tiling(facts: Facts) -> Iterator[Violation]:
    """S72: intervals tile the run, and each is of the kind that jobs, windows and sessions give it."""
    for qpu in facts.qpus:
        yield from _check_edges(facts, qpu)
        yield from _check_busy(facts, qpu)
        yield from _check_down(facts, qpu)
        yield from _check_idle(facts, qpu)
    if sum(qpu.intervals.height for qpu in facts.qpus) != facts.intervals.height:
        yield Violation(0, "there are intervals of a QPU that has none")


def check_foreign_starts(facts: Facts) -> Iterator[Violation]:
    """S73: who may start while a session is active."""
    for qpu in facts.qpus:
        active, job, start_us = qpu.active, qpu.stays.owner, qpu.stays.start_us
        # strictly inside: at its activation the session's own job starts, at its release others may
        before = np.searchsorted(active.start_us, start_us, side="left") - 1
        inside = before >= 0
        inside[inside] = start_us[inside] < active.end_us[before[inside]]
        job, start_us, holder = job[inside], start_us[inside], active.owner[before[inside]]
        session = facts.record.job_session[job]
        may_run = facts.lets_job_mode_in(holder) | facts.rules.hold.fills_gaps
        foreign = (session != holder) & ((session >= 0) | ~may_run)
        index = first(start_us, foreign)
        if index is not None:
            message = f"{facts.job(job[index])} starts while {facts.session(holder[index])} is active"
            yield Violation(int(start_us[index]), message)


def check_no_idling(facts: Facts) -> Iterator[Violation]:
    """S74: no QPU waits while a ready job may start: any if it is free, the holder's own if held."""
    for qpu in facts.qpus:
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


def _idle(qpu: QpuFacts, kind: str) -> Periods:
    """The intervals of a kind, all of group 0."""
    rows = qpu.intervals.filter(qpu.intervals["kind"] == kind)
    start_us, end_us = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
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
    from_us = np.maximum(since_us[known], idle.start_us[index])
    offender = first(from_us, overlaps)
    if offender is not None:
        job = ready.owner[waits[known[offender]]]
        message = f"QPU {qpu.name!r} {words} while {facts.job(job)} is queued"
        yield Violation(int(from_us[offender]), message)


def _check_edges(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    record, horizon_us = facts.record, facts.resolved.horizon
    start_us = qpu.intervals["start_us"].to_numpy()
    end_us = qpu.intervals["end_us"].to_numpy()
    if horizon_us is not None and record.end_us != horizon_us:
        yield Violation(record.end_us, f"the run ends there, and not at its horizon of {horizon_us} us")
    expected_us = np.concatenate((np.zeros(1, dtype=np.int64), end_us))
    found_us = np.append(start_us, record.end_us)
    index = first(np.minimum(expected_us, found_us), expected_us != found_us)
    if index is not None:
        message = f"an interval of QPU {qpu.name!r} ends at {expected_us[index]} us, the next begins at "
        time_us = int(min(expected_us[index], found_us[index]))
        yield Violation(time_us, f"{message}{found_us[index]} us")
    index = first(start_us, end_us <= start_us)
    if index is not None:
        yield Violation(int(start_us[index]), f"an interval of QPU {qpu.name!r} has no positive length")
    repeats = np.ones(len(start_us) - 1 if len(start_us) else 0, dtype=np.bool_)
    for name in ("kind", "job", "session"):
        column = qpu.intervals[name]
        repeats &= column.slice(1).eq_missing(column.slice(0, len(repeats))).to_numpy()
    index = first(start_us[1:], repeats)
    if index is not None:
        message = f"an interval of QPU {qpu.name!r} is like the one before it and not merged with it"
        yield Violation(int(start_us[index + 1]), message)


def _check_busy(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """The busy intervals are the jobs' stays on the QPU."""
    rows = qpu.intervals.filter(qpu.intervals["kind"] == "busy")
    start_us, end_us = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
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
    index = first(differ_us, begins_apart | (end_us[:shared] != busy.end_us[:shared]) | other_job)
    if index is not None:
        message = f"the busy interval is not the time of {facts.job(busy.owner[index])} on the QPU"
        yield Violation(int(differ_us[index]), message)


def _check_down(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """A QPU is down in its windows, and neither held nor free there (S52)."""
    rows = qpu.intervals.filter(qpu.intervals["kind"] == "down")
    start_us, end_us = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
    until_us = look_up(qpu.down.end_us, find_period(qpu.down, start_us))
    index = first(start_us, until_us < end_us)
    if index is not None:
        yield Violation(int(start_us[index]), f"QPU {qpu.name!r} is down outside its windows")
    rows = qpu.intervals.filter(qpu.intervals["kind"].is_in(["held", "free"]))
    start_us, end_us = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
    following = np.searchsorted(qpu.down.end_us, start_us, side="right")
    down_us = np.maximum(np.append(qpu.down.start_us, facts.record.end_us)[following], start_us)
    index = first(down_us, down_us < end_us)
    if index is not None:
        yield Violation(int(down_us[index]), f"QPU {qpu.name!r} is {rows['kind'][index]} while it is down")


def _check_idle(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """A held interval lies in an active period of its session, a free one in none."""
    active = qpu.active
    rows = qpu.intervals.filter(qpu.intervals["kind"] == "held")
    start_us, end_us = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
    period = find_period(active, start_us)
    names = name_series(facts.record.workload.session_names).gather(look_up(active.owner, period).clip(0))
    theirs = rows["session"].eq_missing(names).to_numpy() & (period >= 0)
    until_us = np.where(theirs, look_up(active.end_us, period), start_us)
    index = first(until_us, until_us < end_us)
    if index is not None:
        message = f"the QPU is held by {rows['session'][index]!r}, which is not active"
        yield Violation(int(until_us[index]), message)
    free = _idle(qpu, "free")
    following = np.searchsorted(active.end_us, free.start_us, side="right")
    holder_start_us = np.append(active.start_us, facts.record.end_us)[following]
    since_us = np.maximum(free.start_us, holder_start_us)
    index = first(since_us, holder_start_us < free.end_us)
    if index is not None:
        message = f"the QPU is free while {facts.session(active.owner[following[index]])} is active"
        yield Violation(int(since_us[index]), message)


# -- S52: windows of availability come when they should, and nothing runs that may not run in them.

_WORDS: Final = {
    WindowKind.MAINTENANCE: "a maintenance",
    WindowKind.RESERVATION: "a reservation",
    WindowKind.OUTAGE: "an outage",
    WindowKind.CALIBRATION: "a calibration",
}


def check_windows(facts: Facts) -> Iterator[Violation]:
    """S52: when windows come and how long they take, who starts in them, and what outages end."""
    yield from _check_times(facts)
    for qpu in facts.qpus:
        yield from _check_starts(facts, qpu)
        yield from _check_nothing_runs(facts, qpu)
        yield from _check_reservations(facts, qpu)
    yield from _check_failures(facts)


def _check_times(facts: Facts) -> Iterator[Violation]:
    record = facts.record
    for number, spec in enumerate(record.workload.windows):
        rows = record.windows[record.windows[:, WINDOW_NUMBER] == number]
        begins_us, window = np.sort(rows[:, WINDOW_START]), _WORDS[spec.kind]
        apart = begins_us != _expected_starts_us(spec, begins_us, record.end_us)
        index = first(begins_us, apart)
        if index is not None:
            yield Violation(int(begins_us[index]), f"{window} begins that was not due")
        missing_us = spec.start_us + len(rows) * (0 if spec.every_us == NEVER else spec.every_us)
        is_over = spec.kind is WindowKind.CALIBRATION or (spec.every_us == NEVER and len(rows) > 0)
        if not is_over and missing_us < record.end_us:
            yield Violation(missing_us, f"{window} does not begin that is due")
        index = first(rows[:, WINDOW_START], rows[:, WINDOW_END] - rows[:, WINDOW_START] != spec.duration_us)
        if index is not None:
            length_us = rows[index, WINDOW_END] - rows[index, WINDOW_START]
            message = f"{window} takes {length_us} us instead of {spec.duration_us} us"
            yield Violation(int(rows[index, WINDOW_START]), message)


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
    index = first(start_us, find_period(qpu.down, start_us) >= 0)
    if index is not None:
        yield Violation(
            int(start_us[index]), f"{facts.job(job[index])} starts while QPU {qpu.name!r} is down"
        )
    reserved = facts.reservations(qpu.number)
    account = look_up(reserved.owner, find_period(reserved, start_us))
    foreign = (account >= 0) & (account != facts.record.workload.jobs.account[job])
    index = first(start_us, foreign)
    if index is not None:
        whose = facts.record.workload.accounts[int(account[index])]
        message = f"{facts.job(job[index])} starts while QPU {qpu.name!r} is reserved for {whose!r}"
        yield Violation(int(start_us[index]), message)


def _check_nothing_runs(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """No job is on the QPU in an outage or a calibration."""
    rows = facts.record.windows
    stops = np.isin(rows[:, WINDOW_KIND], [int(WindowKind.OUTAGE), int(WindowKind.CALIBRATION)])
    rows = rows[(rows[:, WINDOW_QPU] == qpu.number) & stops]
    empty = union(rows[:, WINDOW_START], rows[:, WINDOW_END])
    following = np.searchsorted(empty.end_us, qpu.busy.start_us, side="right")
    both_us = np.maximum(np.append(empty.start_us, facts.record.end_us)[following], qpu.busy.start_us)
    index = first(both_us, both_us < qpu.busy.end_us)
    if index is not None:
        message = f"{facts.job(qpu.busy.owner[index])} is on QPU {qpu.name!r} while that does not work"
        yield Violation(int(both_us[index]), message)


def _check_reservations(facts: Facts, qpu: QpuFacts) -> Iterator[Violation]:
    """A session of another account is active in a reservation only while its job runs."""
    active = qpu.active
    accounts = facts.record.workload.sessions.account[active.owner]
    reserved = facts.reservations(qpu.number)
    for account, start_us, end_us in zip(
        reserved.owner.tolist(), reserved.start_us.tolist(), reserved.end_us.tolist(), strict=True
    ):
        running = find_period(qpu.busy, np.array([start_us]))
        job = int(look_up(qpu.busy.owner, running)[0])
        until_us = int(qpu.busy.end_us[running[0]]) if job != NEVER else start_us
        owner = facts.record.job_session[job] if job != NEVER else NEVER
        free_us = np.where(active.owner == owner, until_us, start_us)
        since_us = np.maximum(free_us, active.start_us)
        stays = (accounts != account) & (since_us < np.minimum(active.end_us, end_us))
        index = first(since_us, stays)
        if index is not None:
            whose = facts.record.workload.accounts[account]
            message = (
                f"{facts.session(active.owner[index])} is active "
                f"while QPU {qpu.name!r} is reserved for {whose!r}"
            )
            yield Violation(int(since_us[index]), message)


def _check_failures(facts: Facts) -> Iterator[Violation]:
    """A job fails with its QPU, or is thrown off it, when an outage begins there."""
    record = facts.record
    outages = record.windows[record.windows[:, WINDOW_KIND] == WindowKind.OUTAGE]
    failed = np.flatnonzero(record.reason == Reason.QPU_FAILED)
    for job, qpus, left_us in (
        (failed, job_qpu(record, failed), record.ended_us[failed]),
        (record.lost_runs[:, JOB], record.lost_runs[:, QPU], record.lost_runs[:, LEFT]),
    ):
        justified = np.zeros(len(job), dtype=np.bool_)
        for qpu in range(len(record.qpus)):
            begins_us = outages[outages[:, WINDOW_QPU] == qpu, WINDOW_START]
            justified |= (qpus == qpu) & np.isin(left_us, begins_us)
        index = first(left_us, ~justified)
        if index is not None:
            message = f"{facts.job(job[index])} is thrown off its QPU, which does not fail then"
            yield Violation(int(left_us[index]), message)


# -- S22 and S54: on which QPU jobs are, and that simulators let nobody wait.


def check_simulators(facts: Facts) -> Iterator[Violation]:
    """S22: a job of a simulator starts when it is submitted, and belongs to no session."""
    record = facts.record
    simulators = [number for number, qpu in enumerate(record.workload.qpu_specs) if qpu.simulator]
    if not simulators:
        return
    job = np.flatnonzero(is_accepted(record) & np.isin(job_qpu(record, slice(None)), simulators))
    submitted_us = record.submitted_us[job]
    # S25: it may be cancelled in the instant of its submission, before its start
    at_once = (record.started_us[job] == submitted_us) | (record.ended_us[job] == submitted_us)
    index = first(submitted_us, ~at_once | (record.job_session[job] >= 0))
    if index is not None:
        message = f"{facts.job(job[index])} waits for a simulator, or is of a session"
        yield Violation(int(submitted_us[index]), message)


def check_routing(facts: Facts) -> Iterator[Violation]:
    """S54: an accepted job is on one QPU, that of its session or the one that it names."""
    record = facts.record
    job = np.flatnonzero(is_accepted(record))
    qpu, session = job_qpu(record, job), record.job_session[job]
    index = first(record.submitted_us[job], (qpu < 0) | (qpu >= len(record.qpus)))
    if index is not None:
        yield Violation(int(record.submitted_us[job[index]]), f"{facts.job(job[index])} is on no QPU")
    named = record.workload.jobs.qpu[job]
    index = first(record.submitted_us[job], (session < 0) & (named >= 0) & (named != qpu))
    if index is not None:
        message = f"{facts.job(job[index])} is not on QPU {record.qpus[int(named[index])]!r}, which it names"
        yield Violation(int(record.submitted_us[job[index]]), message)
    if record.session_qpu is not None:
        of_session = np.flatnonzero(session >= 0)
        theirs = record.session_qpu[session[of_session]]
        index = first(record.submitted_us[job[of_session]], qpu[of_session] != theirs)
        if index is not None:
            number = job[of_session[index]]
            owner = facts.session(session[of_session[index]])
            message = f"{facts.job(number)} is not on the QPU of {owner}"
            yield Violation(int(record.submitted_us[number]), message)
    lost = record.lost_runs
    index = first(lost[:, STARTED], lost[:, QPU] != job_qpu(record, lost[:, JOB]))
    if index is not None:
        message = f"{facts.job(lost[index, JOB])} was on a QPU that is not its own"
        yield Violation(int(lost[index, STARTED]), message)

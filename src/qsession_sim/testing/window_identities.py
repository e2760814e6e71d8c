"""S52: windows of availability come when they should, and nothing runs that may not run in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from qsession_sim.results.periods import (
    WINDOW_END,
    WINDOW_KIND,
    WINDOW_NUMBER,
    WINDOW_QPU,
    WINDOW_START,
    find_period,
    look_up,
    union,
)
from qsession_sim.results.stays import JOB, LEFT, QPU, job_qpu
from qsession_sim.scheduler.plan import WindowSpec
from qsession_sim.scheduler.vocabulary import NEVER, Reason, WindowKind
from qsession_sim.testing.facts import Facts, QpuFacts, Violation, first
from qsession_sim.workload.columns import Int64Array

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
    for number, spec in enumerate(record.setting.windows):
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

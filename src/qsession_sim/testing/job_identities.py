"""S71 and S77 to S79: what becomes of jobs, and how long they wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from qsession_sim.queueing.recursions import lindley
from qsession_sim.queueing.statistics import exact_sum
from qsession_sim.queueing.step_functions import StepFunction, integral
from qsession_sim.results.intervals import accepted_jobs, queue_length, queue_stays
from qsession_sim.results.record import Record
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing.facts import BoolArray, Facts, Violation, first
from qsession_sim.workload.columns import Int64Array

_REASONS: Final = {
    JobStatus.QUEUED: {Reason.NONE},
    JobStatus.RUNNING: {Reason.NONE},
    JobStatus.DONE: {Reason.NONE},
    JobStatus.CANCELLED: {Reason.MAX_TIME, Reason.SESSION_CANCELLED, Reason.JOB_CANCELLED},  # S16, S18, S25
    JobStatus.ERROR: {Reason.MAX_TIME, Reason.RAN_TOO_LONG},  # S16, S44
    JobStatus.REJECTED: {  # S20
        Reason.SESSION_NOT_CREATED,
        Reason.SESSION_CLOSED,
        Reason.EXECUTION_TIME_EXCEEDS_SESSION,
    },
}


def check_outcomes(facts: Facts) -> Iterator[Violation]:
    """S71: status, reason and instants of every job tell one story."""
    record = facts.record
    submitted_us = record.submitted_us
    fits = (submitted_us < 0) & (record.status < 0) & (record.reason == Reason.NONE)
    fits &= (record.started_us < 0) & (record.ended_us < 0)
    for status, reasons in _REASONS.items():
        has_reason = np.isin(record.reason, [int(reason) for reason in reasons])
        fits |= (record.status == status) & has_reason & _instants_fit(record, status)
    index = first(submitted_us, ~fits)
    if index is not None:
        message = (
            f"{facts.job(index)} has status {record.status[index]}, reason {record.reason[index]}, "
            f"started {record.started_us[index]} us, ended {record.ended_us[index]} us: not one outcome"
        )
        yield Violation(min(max(int(submitted_us[index]), 0), record.end_us), message)


def check_failures_after_close(facts: Facts) -> Iterator[Violation]:
    """S77: a queued job fails by max_time or cancel of its session or by its own cancel only."""
    record = facts.record
    failed = (record.status == JobStatus.ERROR) | (record.status == JobStatus.CANCELLED)
    job = np.flatnonzero(failed & (record.started_us < 0))
    session, reason, ended_us = record.job_session[job], record.reason[job], record.ended_us[job]
    justified = reason == Reason.JOB_CANCELLED
    of_session = np.flatnonzero(session >= 0)
    owner = session[of_session]
    for of_job, of_owner in (
        (Reason.MAX_TIME, Reason.MAX_TIME),
        (Reason.SESSION_CANCELLED, Reason.CANCELLED),
    ):
        justified[of_session] |= (
            (reason[of_session] == of_job)
            & (facts.closed_by[owner] == of_owner)
            & (facts.closed_us[owner] == ended_us[of_session])
        )
    index = first(ended_us, ~justified)
    if index is not None:
        cause = Reason(record.reason[job[index]]).name
        message = f"{facts.job(job[index])} was queued and failed with {cause}, which did not happen then"
        yield Violation(int(ended_us[index]), message)


def check_little(facts: Facts) -> Iterator[Violation]:
    """S78: time integrals of the numbers in the queue and in the system equal the sums over jobs, exactly."""
    record = facts.record
    entered_us, left_us = queue_stays(record)
    left_us[left_us < 0] = record.end_us
    gone_us = record.ended_us[accepted_jobs(record)]
    gone_us[gone_us < 0] = record.end_us
    waited_us = exact_sum(np.minimum(left_us, record.end_us) - entered_us)
    stayed_us = exact_sum(np.minimum(gone_us, record.end_us) - entered_us)
    table = facts.queue_length
    # a table that is wrong may hold nulls, which are no integers in NumPy
    queued = StepFunction(table["time_us"].to_numpy(), table["queued"].fill_null(NEVER).to_numpy())
    busy = facts.intervals.filter(facts.intervals["kind"] == "busy")
    queued_us = integral(queued, 0, record.end_us)
    busy_us = exact_sum((busy["end_us"] - busy["start_us"]).to_numpy())
    if queued_us != waited_us:
        message = f"the integral of the queue length is {queued_us} us, its jobs waited {waited_us} us"
        yield Violation(_first_difference(queued, queue_length(record), record.end_us), message)
    elif queued_us + busy_us != stayed_us:
        message = f"queue and QPU hold jobs for {queued_us + busy_us} us, the jobs stayed {stayed_us} us"
        yield Violation(_first_difference(queued, queue_length(record), record.end_us), message)


def check_lindley(facts: Facts) -> Iterator[Violation]:
    """S79, where it applies: all in job mode, first in first out, no cancels, no horizon."""
    record = facts.record
    job = accepted_jobs(record)
    applies = (
        facts.resolved.policies.queue.name == "fifo"
        and facts.resolved.horizon is None
        and np.all(record.job_session[record.submitted_us >= 0] < 0)
        and np.all(_ran(record)[job])
    )
    if not applies:
        return
    job = job[np.argsort(record.submitted_us[job], kind="stable")]
    submitted_us, started_us = record.submitted_us[job], record.started_us[job]
    expected_us = lindley(submitted_us, record.ended_us[job] - started_us)
    found_us = started_us - submitted_us
    index = first(submitted_us + np.minimum(expected_us, found_us), expected_us != found_us)
    if index is not None:
        time_us = int(submitted_us[index] + min(expected_us[index], found_us[index]))
        message = f"{facts.job(job[index])} waits {found_us[index]} us instead of {expected_us[index]} us"
        yield Violation(time_us, message)


def _instants_fit(record: Record, status: JobStatus) -> BoolArray:
    """Whether a job of this status was submitted, started and ended in a possible order."""
    submitted_us, started_us, ended_us = record.submitted_us, record.started_us, record.ended_us
    in_time: BoolArray = (submitted_us >= 0) & (np.maximum(started_us, ended_us) <= record.end_us)
    in_time &= submitted_us <= record.end_us
    waited: BoolArray = started_us < 0
    started: BoolArray = started_us >= submitted_us
    done: BoolArray = ended_us > started_us  # S2
    ended: BoolArray
    if status is JobStatus.QUEUED:
        return in_time & waited & (ended_us < 0)
    if status is JobStatus.RUNNING:
        return in_time & started & (ended_us < 0)
    if status is JobStatus.DONE:
        return in_time & started & done
    if status is JobStatus.REJECTED:
        ended = ended_us == submitted_us  # S5
        return in_time & waited & ended
    ended = ended_us >= np.maximum(started_us, submitted_us)
    return in_time & (waited | started) & ended


def _ran(record: Record) -> BoolArray:
    """Whether each job ended by itself, done or cut."""
    done: BoolArray = record.status == JobStatus.DONE
    cut: BoolArray = (record.status == JobStatus.ERROR) & (record.reason == Reason.RAN_TOO_LONG)
    return done | cut


def _first_difference(found: StepFunction, expected: StepFunction, end_us: int) -> int:
    """The first time at which two step functions differ, or the end of the run."""
    times_us = np.union1d(found.times_us, expected.times_us)
    differs = _values(found, times_us) != _values(expected, times_us)
    return int(times_us[np.argmax(differs)]) if differs.any() else end_us


def _values(step: StepFunction, times_us: Int64Array) -> Int64Array:
    """The values, -1 before the first one."""
    values = np.concatenate((np.array([-1]), step.values))
    return values[np.searchsorted(step.times_us, times_us, side="right")]

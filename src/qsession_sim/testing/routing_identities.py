"""S22 and S54: on which QPU jobs are, and that simulators let nobody wait."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsession_sim.results.stays import JOB, QPU, STARTED, is_accepted, job_qpu
from qsession_sim.testing.facts import Facts, Violation, first


def check_simulators(facts: Facts) -> Iterator[Violation]:
    """S22: a job of a simulator starts when it is submitted, and belongs to no session."""
    record = facts.record
    simulators = [number for number, qpu in enumerate(record.setting.qpus) if qpu.simulator]
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

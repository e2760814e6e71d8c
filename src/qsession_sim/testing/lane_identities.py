"""S42: how many jobs are prepared at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsession_sim.queueing.step_functions import count_inside
from qsession_sim.results.stays import JOB, STARTED, is_accepted, is_of_qpu
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.testing.facts import Facts, QpuFacts, Violation
from qsession_sim.workload.columns import Int64Array


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
    if preparing_us is None:
        return
    lanes = facts.record.setting.qpus[qpu.number].lanes
    leaves = until_us[job][until_us[job] != NEVER]
    inside = count_inside(preparing_us[job], leaves)
    if inside.values.max() > lanes:
        index = int(np.argmax(inside.values > lanes))
        message = f"{inside.values[index]} jobs {words} on QPU {qpu.name!r}, which has {lanes} lanes"
        yield Violation(int(inside.times_us[index]), message)

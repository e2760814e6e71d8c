"""What an account used in a window of time, worked out anew from what happened (S62)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from qsession_sim.results.periods import stays_on_qpu
from qsession_sim.scheduler.vocabulary import Mode, Reason
from qsession_sim.testing.facts import Facts

Stretch = tuple[int, int]


@dataclass(frozen=True)
class AccountUsage:
    """The times in which usage accrued: edges with their running sums, and stays that were taken back.

    Python's integers: a sum of many times may exceed 64 bits.
    """

    starts_us: list[int]
    start_sums: list[int]
    ends_us: list[int]
    end_sums: list[int]
    taken_back: list[Stretch]  # a stay counts until the outage that ended it

    @classmethod
    def of(cls, facts: Facts, account: int) -> AccountUsage:
        """The usage of an account over the whole run."""
        kept, taken_back = _job_stretches(facts, account)
        kept += _session_stretches(facts, account)
        starts_us = sorted(start_us for start_us, _ in kept)
        ends_us = sorted(end_us for _, end_us in kept)
        return cls(
            starts_us,
            list(accumulate(starts_us, initial=0)),
            ends_us,
            list(accumulate(ends_us, initial=0)),
            taken_back,
        )

    def least_us(self, at_us: int, window_us: int) -> int:
        """Used in (at - window, at], without a stay that an outage of this instant ends."""
        return self._kept_us(at_us, window_us) + self._running_us(at_us, at_us + 1, window_us)

    def most_us(self, at_us: int, window_us: int) -> int:
        """The same with such a stay."""
        return self._kept_us(at_us, window_us) + self._running_us(at_us, at_us, window_us)

    def _kept_us(self, at_us: int, window_us: int) -> int:
        return self._until_us(at_us) - self._until_us(max(at_us - window_us, 0))

    def _until_us(self, at_us: int) -> int:
        starts, ends = bisect_right(self.starts_us, at_us), bisect_right(self.ends_us, at_us)
        return (starts - ends) * at_us - self.start_sums[starts] + self.end_sums[ends]

    def _running_us(self, at_us: int, failed_from_us: int, window_us: int) -> int:
        return sum(
            at_us - max(start_us, at_us - window_us)
            for start_us, end_us in self.taken_back
            if start_us < at_us and end_us >= failed_from_us
        )


def _job_stretches(facts: Facts, account: int) -> tuple[list[Stretch], list[Stretch]]:
    """The stays on QPUs of jobs in job mode and of batches: those that count, and those taken back."""
    record = facts.record
    kept: list[Stretch] = []
    taken_back: list[Stretch] = []
    lost = {(job, start_us) for job, _, start_us, _ in record.lost_runs.tolist()}
    for qpu in range(len(record.qpus)):
        stays = stays_on_qpu(record, qpu)
        of_account = record.workload.jobs.account[stays.owner] == account
        rows = (stays.owner[of_account], stays.start_us[of_account], stays.end_us[of_account])
        for job, start_us, end_us in zip(*(column.tolist() for column in rows), strict=True):
            session = record.job_session[job]
            if session >= 0 and record.workload.sessions.mode[session] != Mode.BATCH:
                continue
            is_back = (job, start_us) in lost or record.reason[job] == Reason.QPU_FAILED
            (taken_back if is_back else kept).append((start_us, end_us))
    return kept, taken_back


def _session_stretches(facts: Facts, account: int) -> list[Stretch]:
    """The activations of sessions, each with the rest of its job that was on the QPU at its end."""
    record, stretches = facts.record, []
    sessions = record.workload.sessions
    for qpu in facts.qpus:
        active, stays = qpu.active, qpu.stays
        theirs = (sessions.account[active.owner] == account) & (sessions.mode[active.owner] == Mode.SESSION)
        for session, start_us, end_us in zip(
            active.owner[theirs].tolist(),
            active.start_us[theirs].tolist(),
            active.end_us[theirs].tolist(),
            strict=True,
        ):
            last = int(np.searchsorted(stays.start_us, end_us, side="right")) - 1
            is_own = last >= 0 and record.job_session[stays.owner[last]] == session
            stretches.append((start_us, max(end_us, int(stays.end_us[last])) if is_own else end_us))
    return stretches

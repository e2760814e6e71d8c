"""The summary of a run: what a researcher asks first, as numbers that JSON can hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.statistics import (
    bounded_slowdown,
    exact_sum,
    jain_index,
    mean,
    percentiles,
    slowdown,
)
from qsession_sim.queueing.step_functions import StepFunction, maximum, time_average
from qsession_sim.results.intervals import queue_length
from qsession_sim.results.jobs import job_modes, rows_where
from qsession_sim.results.periods import active_periods, busy_periods, clip, held_us
from qsession_sim.results.record import Record
from qsession_sim.results.sessions import created_us, session_columns
from qsession_sim.scheduler.vocabulary import JobStatus, Mode, Reason, SessionState
from qsession_sim.units import HOUR, SECOND
from qsession_sim.workload.columns import Int64Array

SLOWDOWN_BOUND_US: Final = 10 * SECOND
"""Jobs shorter than this count as this long in the bounded slowdown."""

PERCENTS: Final = (50, 90, 95, 99)

Values = npt.NDArray[np.signedinteger] | npt.NDArray[np.float64]
Group = dict[str, Any]
Rows = npt.NDArray[np.int64] | slice


def summarize(record: Record, warm_up_us: int, queued: StepFunction | None = None) -> dict[str, Any]:
    """Counts, distributions and shares of a run, in integers, floats and None.

    Jobs count if they were submitted, and sessions if they were created, at `warm_up_us` or later; intervals
    are clipped to what comes after it. (Nothing is submitted at a horizon; without one, the instant of the
    last event belongs to the run.) A distribution over nothing has `count` 0 and None for the rest.

    `queued` is the `queue_length` of the record, for a caller who needs it for more than this.

    - `waiting_us`: of jobs that started. `turnaround_us`: of accepted jobs that ended, however.
    - `slowdown`, `bounded_slowdown`: of jobs that left the QPU; see `queueing.statistics`, service being the
      QPU time used, the bound `SLOWDOWN_BOUND_US`.
    - `makespan_us` of a session: from its creation to the last time one of its jobs left the QPU; of sessions
      with no job queued or running at the end.
    - `held_share` of sessions: of the time in which the QPU was theirs, held or busy with their jobs, the
      part that was held.
    - `throughput_per_hour`: jobs done after the warm-up, by its length.
    - `jain_index`: over accounts with jobs that left the QPU. An account's share is the QPU time that
      these jobs used over their total turnaround: 1 if none waited.
    """
    groups, jain = _job_groups(record, warm_up_us)
    return {
        "end_us": record.end_us,
        "warm_up_us": warm_up_us,
        "never_submitted": int((record.submitted_us < 0).sum()),
        "never_created": int((created_us(record) < 0).sum()),
        **groups,
        "sessions": _session_groups(record, warm_up_us),
        "qpus": {record.qpu: _qpu(record, warm_up_us, queued)},
        "jain_index": jain,
    }


def _job_groups(record: Record, warm_up_us: int) -> tuple[dict[str, Any], float | None]:
    """Statistics of all jobs, by mode, account and stream, and the fairness over accounts."""
    jobs = _Jobs(record, warm_up_us)
    workload = record.workload
    groups = {
        "all": jobs.group(slice(None)),
        "by_mode": {mode.name.lower(): jobs.group(rows_where(jobs.mode == mode)) for mode in Mode},
        "by_account": jobs.groups(workload.jobs.account, workload.accounts),
        "by_stream": jobs.groups(workload.jobs.stream, workload.streams),
    }
    return groups, jobs.fairness(len(workload.accounts))


class _Jobs:
    """The columns of the jobs that count, and statistics of any part of them; each has shape (jobs,)."""

    def __init__(self, record: Record, warm_up_us: int) -> None:
        self.rows = rows_where(record.submitted_us >= warm_up_us)
        self._group_of_all: Group | None = None
        self.account = record.workload.jobs.account[self.rows]
        self.mode = job_modes(record, self.rows)
        self.status = record.status[self.rows]
        self.reason = record.reason[self.rows]
        submitted_us = record.submitted_us[self.rows]
        started_us = record.started_us[self.rows]
        ended_us = record.ended_us[self.rows]
        self.started = started_us >= 0
        self.ended = (ended_us >= 0) & (self.status != JobStatus.REJECTED)  # S20
        self.waiting_us = started_us - submitted_us
        self.turnaround_us = ended_us - submitted_us
        self.used_us = ended_us - started_us
        # a job that left the QPU in the instant of its start has no slowdown
        self.served = self.started & self.ended & (self.used_us > 0)

    def group(self, members: Rows) -> Group:
        """Counts and distributions of the members of a group, given by their positions."""
        if not isinstance(members, slice) and len(members) < len(self.status):
            return self._group(members)
        if self._group_of_all is None:  # often the only account or stream is the same as all
            self._group_of_all = self._group(slice(None))
        return copy.deepcopy(self._group_of_all)

    def _group(self, members: Rows) -> Group:
        status = self.status[members]
        started, ended, served = (
            rows_where(mask[members]) for mask in (self.started, self.ended, self.served)
        )
        all_waiting_us = self.waiting_us[members]
        waiting_us, used_us = all_waiting_us[served], self.used_us[members][served]
        return {
            "submitted": len(status),
            "status": _counts(status, JobStatus),
            "reason": _reason_counts(self.reason[members]),
            "waiting_us": distribution(all_waiting_us[started]),
            "turnaround_us": distribution(self.turnaround_us[members][ended]),
            "slowdown": distribution(slowdown(waiting_us, used_us)),
            "bounded_slowdown": distribution(bounded_slowdown(waiting_us, used_us, SLOWDOWN_BOUND_US)),
        }

    def groups(self, column: Int64Array, names: Sequence[str]) -> dict[str, Group]:
        """One group a name, in the order of the names; `column` has the number of each job's name."""
        if len(names) == 1:
            return {names[0]: self.group(slice(None))}
        # sorted once: there may be as many names as jobs; few names are few bits, which sort quickly
        number = column[self.rows].astype(np.min_scalar_type(len(names)))
        by_name = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[by_name], np.arange(len(names) + 1, dtype=number.dtype))
        return {name: self.group(by_name[bounds[i] : bounds[i + 1]]) for i, name in enumerate(names)}

    def fairness(self, accounts: int) -> float | None:
        """Jain's index over the accounts' shares, or None if no job was served."""
        served = rows_where(self.served)
        account = self.account[served]
        used_us = np.zeros(accounts, dtype=np.int64)
        turnaround_us = np.zeros(accounts, dtype=np.int64)
        np.add.at(used_us, account, self.used_us[served])
        np.add.at(turnaround_us, account, self.turnaround_us[served])
        present = turnaround_us > 0
        if not present.any():
            return None
        return jain_index(used_us[present] / turnaround_us[present])


def distribution(values: Values) -> dict[str, Any]:
    """Count, mean, percentiles and maximum; None for what no values do not have.

    Example:
        >>> distribution(np.array([1, 3])) == {
        ...     "count": 2, "mean": 2.0, "p50": 2.0, "p90": 2.8, "p95": 2.9, "p99": 2.98, "max": 3
        ... }
        True
    """
    names = [f"p{percent}" for percent in PERCENTS]
    if len(values) == 0:
        return {"count": 0, "mean": None, **dict.fromkeys(names), "max": None}
    return {
        "count": len(values),
        "mean": mean(values),
        **dict(zip(names, percentiles(values, PERCENTS), strict=True)),
        "max": values.max().item(),
    }


def _counts(values: npt.NDArray[Any], words: type[JobStatus | SessionState]) -> dict[str, int]:
    counts = np.bincount(values, minlength=len(words))
    lower = words is SessionState
    return {word.name.lower() if lower else word.name: int(counts[word]) for word in words}


def _reason_counts(reasons: npt.NDArray[Any]) -> dict[str, int]:
    """How often each reason occurred, those that did not left out, in the order of the vocabulary."""
    counts = np.bincount(reasons[reasons > 0], minlength=max(Reason) + 1)
    return {reason.name: int(counts[reason]) for reason in Reason if counts[reason]}


def _session_groups(record: Record, warm_up_us: int) -> dict[str, Any]:
    columns = session_columns(record)
    counts = columns["created_us"] >= warm_up_us
    mode = columns["mode"]
    return {
        "all": _session_group(record, columns, counts),
        "by_mode": {
            word.name.lower(): _session_group(record, columns, counts & (mode == word))
            for word in (Mode.SESSION, Mode.BATCH)
        },
    }


def _session_group(
    record: Record, columns: Mapping[str, Any], members: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    chosen = {name: column[members] for name, column in columns.items()}
    ended = sum(chosen[f"jobs_{word}"] for word in ("done", "error", "cancelled", "rejected"))
    complete = (ended == chosen["jobs_submitted"]) & (chosen["last_job_completed_us"] >= 0)
    total_held_us = exact_sum(chosen["held_us"])
    theirs_us = total_held_us + exact_sum(_used_by_sessions(record)[chosen["session"]])
    return {
        "created": int(members.sum()),
        "state": _counts(chosen["state"], SessionState),
        "reason": _reason_counts(chosen["reason"]),
        "makespan_us": distribution((chosen["last_job_completed_us"] - chosen["created_us"])[complete]),
        "usage_us": distribution(chosen["usage_us"]),
        "total_usage_us": exact_sum(chosen["usage_us"]),
        "total_held_us": total_held_us,
        "held_share": total_held_us / theirs_us if theirs_us else None,
        "activations": distribution(chosen["activations"]),
    }


def _used_by_sessions(record: Record) -> Int64Array:
    """QPU time used by the jobs of each session, shape (sessions,)."""
    used_us = np.zeros(len(record.workload.sessions), dtype=np.int64)
    own = np.flatnonzero((record.job_session >= 0) & (record.started_us >= 0))
    left_us = record.ended_us[own]
    left_us[left_us < 0] = record.end_us
    np.add.at(used_us, record.job_session[own], left_us - record.started_us[own])
    return used_us


def _qpu(record: Record, warm_up_us: int, queued: StepFunction | None) -> dict[str, Any]:
    end_us = record.end_us
    length_us = max(end_us - warm_up_us, 0)
    busy, active = (clip(periods(record), warm_up_us) for periods in (busy_periods, active_periods))
    busy_us = exact_sum(busy.end_us - busy.start_us)
    total_held_us = exact_sum(held_us(busy, active))
    time_us = {
        "busy": busy_us,
        "held": total_held_us,
        "down": 0,
        "free": length_us - busy_us - total_held_us,
    }
    done = int(((record.status == JobStatus.DONE) & (record.ended_us > warm_up_us)).sum())
    queued = queue_length(record) if queued is None else queued
    return {
        "time_us": time_us,
        "share": {kind: part / length_us if length_us else None for kind, part in time_us.items()},
        "utilization": time_us["busy"] / length_us if length_us else None,
        "mean_queue_length": time_average(queued, warm_up_us, end_us) if length_us else None,
        "max_queue_length": maximum(queued, warm_up_us, end_us) if length_us else None,
        "jobs_done": done,
        "throughput_per_hour": done * HOUR / length_us if length_us else None,
    }

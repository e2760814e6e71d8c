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
from qsession_sim.results.columns import QueueLengths, created_us, queue_lengths, session_columns
from qsession_sim.results.periods import (
    Rows,
    active_periods,
    busy_periods,
    clip,
    down_periods,
    has_stay,
    held_us,
    is_accepted,
    is_of_qpu,
    job_modes,
    left_qpu_us,
    occupied_periods,
    public_status,
    rows_where,
    used_qpu_time_us,
)
from qsession_sim.results.record import JOB, LEFT, STARTED, Record
from qsession_sim.results.usage import Terms, account_usage
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason, SessionState
from qsession_sim.units import HOUR, SECOND
from qsession_sim.workload.columns import Int64Array

SLOWDOWN_BOUND_US: Final = 10 * SECOND
"""Jobs shorter than this count as this long in the bounded slowdown."""

STARVATION_FACTOR: Final = 10
"""A job starved if it waited more than so many times the mean wait of all jobs."""

PERCENTS: Final = (50, 90, 95, 99)

Values = npt.NDArray[np.signedinteger] | npt.NDArray[np.float64]
Group = dict[str, Any]

_NOTHING: Final = np.zeros(0, dtype=np.int64)


def summarize(
    record: Record,
    warm_up_us: int,
    terms: Mapping[str, Terms] | None = None,
    queued: QueueLengths | None = None,
) -> dict[str, Any]:
    """Counts, distributions and shares of a run, in integers, floats and None.

    Jobs count if they were submitted, and sessions if they were created, at `warm_up_us` or later; intervals
    are clipped to what comes after it. (Nothing is submitted at a horizon; without one, the instant of the
    last event belongs to the run.) A distribution over nothing has `count` 0 and None for the rest.

    `queued` is the result of `queue_lengths`, for a caller who has it already.

    - `waiting_us`: of jobs that started. `turnaround_us`: of accepted jobs that ended, however.
    - `slowdown`, `bounded_slowdown`: of jobs that left the QPU; see `queueing.statistics`, service being the
      QPU time used, the bound `SLOWDOWN_BOUND_US`.
    - `makespan_us` of a session: from its creation to the last time one of its jobs left the QPU; of sessions
      with no job queued or running at the end.
    - `held_share` of sessions: of the time in which the QPU was theirs, held or busy with their jobs, the
      part that was held.
    - `preparation_us`: of jobs that were prepared to the end; the wait for a lane comes before it (S42).
    - `delayed_us` of a session: while it is active and has a job ready, a foreign one is on its QPU (S51).
    - `accounts`: see `results.usage.account_usage`; `terms` are those of accounts with a plan, by name.
    - `qpus` has no simulators, which nothing waits for (S22).
    - `throughput_per_hour`: jobs done after the warm-up, by its length.
    - `jain_index`: over accounts with jobs that left the QPU. An account's share is the QPU time that
      these jobs used over their total turnaround: 1 if none waited.
    - `starvation`: who waited much longer than the mean; see `starvation`.
    """
    groups, jain = _job_groups(record, warm_up_us)
    lengths = queue_lengths(record) if queued is None else queued
    return {
        "end_us": record.end_us,
        "warm_up_us": warm_up_us,
        "never_submitted": int((record.submitted_us < 0).sum()),
        "never_created": int((created_us(record) < 0).sum()),
        **groups,
        "accounts": account_usage(record, terms or {}, warm_up_us),
        "sessions": _session_groups(record, warm_up_us),
        "qpus": {record.qpus[qpu]: _qpu(record, warm_up_us, qpu, queued) for qpu, queued in lengths.items()},
        "jain_index": jain,
        "starvation": starvation(record, warm_up_us),
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
        self.status = public_status(record, self.rows)
        self.reason = record.reason[self.rows]
        submitted_us = record.submitted_us[self.rows]
        started_us = record.started_us[self.rows]
        ended_us = record.ended_us[self.rows]
        self.started = started_us >= 0
        self.ended = (ended_us >= 0) & (self.status != JobStatus.REJECTED)  # S20
        self.waiting_us = started_us - submitted_us
        self.turnaround_us = ended_us - submitted_us
        is_plain = record.left_us is None and len(record.windows) == 0
        self.used_us = ended_us - started_us if is_plain else used_qpu_time_us(record, self.rows)
        # all of the turnaround that is no service
        self.delay_us = self.waiting_us if is_plain else self.turnaround_us - self.used_us
        # a job that left the QPU in the instant of its start has no slowdown
        self.served = self.started & self.ended & (self.used_us > 0)
        self.preparation_us = _preparations(record, self.rows)

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
        delay_us, used_us = self.delay_us[members][served], self.used_us[members][served]
        preparation_us = _NOTHING if self.preparation_us is None else self.preparation_us[members]
        return {
            "submitted": len(status),
            "status": _counts(status, JobStatus),
            "reason": _reason_counts(self.reason[members]),
            "waiting_us": distribution(self.waiting_us[members][started]),
            "turnaround_us": distribution(self.turnaround_us[members][ended]),
            "slowdown": distribution(slowdown(delay_us, used_us)),
            "bounded_slowdown": distribution(bounded_slowdown(delay_us, used_us, SLOWDOWN_BOUND_US)),
            "preparation_us": distribution(preparation_us[preparation_us >= 0]),
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


def _preparations(record: Record, rows: Rows) -> Int64Array | None:
    """How long each job prepared, NEVER if it did not or not to its end; None if no job did (S40)."""
    if record.preparing_us is None or record.ready_us is None:
        return None
    preparing_us, ready_us = record.preparing_us[rows], record.ready_us[rows]
    return np.where((preparing_us >= 0) & (ready_us >= 0), ready_us - preparing_us, NEVER)


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
    columns: dict[str, Any] = session_columns(record)
    columns["on_qpu_us"] = _on_qpu_us(record)[columns["session"]]
    counts = columns["created_us"] >= warm_up_us
    mode = columns["mode"]
    return {
        "all": _session_group(columns, counts),
        "by_mode": {
            word.name.lower(): _session_group(columns, counts & (mode == word))
            for word in (Mode.SESSION, Mode.BATCH)
        },
    }


def _session_group(columns: Mapping[str, Any], members: npt.NDArray[np.bool_]) -> dict[str, Any]:
    chosen = {name: column[members] for name, column in columns.items()}
    ended = sum(chosen[f"jobs_{word}"] for word in ("done", "error", "cancelled", "rejected"))
    complete = (ended == chosen["jobs_submitted"]) & (chosen["last_job_completed_us"] >= 0)
    total_held_us = exact_sum(chosen["held_us"])
    theirs_us = total_held_us + exact_sum(chosen["on_qpu_us"])
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
        "delayed_us": distribution(chosen["delayed_us"]),
        "total_delayed_us": exact_sum(chosen["delayed_us"]),
    }


def _on_qpu_us(record: Record) -> Int64Array:
    """How long jobs of each session were on the QPU, lost stays included (S52); shape (sessions,)."""
    total_us = np.zeros(len(record.workload.sessions), dtype=np.int64)
    if len(total_us) == 0:
        return total_us
    own = np.flatnonzero((record.job_session >= 0) & has_stay(record))
    np.add.at(total_us, record.job_session[own], left_qpu_us(record, own) - record.started_us[own])
    lost = record.lost_runs[record.job_session[record.lost_runs[:, JOB]] >= 0]
    np.add.at(total_us, record.job_session[lost[:, JOB]], lost[:, LEFT] - lost[:, STARTED])
    return total_us


def _qpu(record: Record, warm_up_us: int, qpu: int, queued: StepFunction) -> dict[str, Any]:
    end_us = record.end_us
    length_us = max(end_us - warm_up_us, 0)
    busy, down, active = (
        clip(periods(record, qpu), warm_up_us) for periods in (busy_periods, down_periods, active_periods)
    )
    occupied = occupied_periods(busy, down)
    busy_us, occupied_us = (exact_sum(periods.end_us - periods.start_us) for periods in (busy, occupied))
    total_held_us = exact_sum(held_us(occupied, active))
    time_us = {
        "busy": busy_us,
        "held": total_held_us,
        "down": occupied_us - busy_us,  # S72: busy comes first
        "free": length_us - occupied_us - total_held_us,
    }
    is_done = is_of_qpu(record, record.stage == JobStatus.DONE, qpu)
    done = int((is_done & (record.ended_us > warm_up_us)).sum())
    return {
        "time_us": time_us,
        "share": {kind: part / length_us if length_us else None for kind, part in time_us.items()},
        "utilization": time_us["busy"] / length_us if length_us else None,
        "mean_queue_length": time_average(queued, warm_up_us, end_us) if length_us else None,
        "max_queue_length": maximum(queued, warm_up_us, end_us) if length_us else None,
        "jobs_done": done,
        "throughput_per_hour": done * HOUR / length_us if length_us else None,
    }


def starvation(record: Record, warm_up_us: int) -> dict[str, Any]:
    """The longest wait and the share of jobs that starved, of all and by account.

    A wait lasts from submission to the start on the QPU. That of a job that never started lasts to its end,
    or else to the end of the run: a policy that never lets a job start must not look better for it. Jobs
    count if they were accepted, at `warm_up_us` or later. Without any, what they do not have is None.
    """
    rows = rows_where(is_accepted(record) & (record.submitted_us >= warm_up_us))
    until_us = record.started_us[rows]
    until_us = np.where(until_us < 0, record.ended_us[rows], until_us)
    until_us[until_us < 0] = record.end_us
    wait_us = until_us - record.submitted_us[rows]
    workload = record.workload
    return starvation_of(wait_us, workload.jobs.account[rows], workload.accounts)


def starvation_of(wait_us: Int64Array, account: Int64Array, names: Sequence[str]) -> dict[str, Any]:
    """Starvation from the waits of jobs.

    Args:
        wait_us: shape (jobs,), at least 0.
        account: shape (jobs,), the number of each job's account.
        names: of the accounts, by number.

    Example:
        >>> waits = np.array([1] * 19 + [41])
        >>> result = starvation_of(waits, np.array([0] * 19 + [1]), ["often", "rare"])
        >>> result["mean_wait_us"], result["longest_wait_us"], result["share"]
        (3.0, 41, 0.05)
        >>> result["by_account"]["rare"]
        {'jobs': 1, 'longest_wait_us': 41, 'starved': 1, 'share': 1.0}
    """
    jobs = len(wait_us)
    total_us = exact_sum(wait_us)
    # whole numbers above k times the mean are those above its whole part, so nothing is rounded
    starved = wait_us > STARVATION_FACTOR * total_us // max(jobs, 1)
    counts = np.bincount(account, minlength=len(names))
    starved_counts = np.bincount(account[starved], minlength=len(names))
    longest_us = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(longest_us, account, wait_us)
    return {
        "factor": STARVATION_FACTOR,
        "mean_wait_us": total_us / jobs if jobs else None,
        **_starved_group(jobs, int(wait_us.max(initial=0)), int(starved.sum())),
        "by_account": {
            name: _starved_group(int(counts[number]), int(longest_us[number]), int(starved_counts[number]))
            for number, name in enumerate(names)
        },
    }


def _starved_group(jobs: int, longest_us: int, starved: int) -> dict[str, Any]:
    return {
        "jobs": jobs,
        "longest_wait_us": longest_us if jobs else None,
        "starved": starved,
        "share": starved / jobs if jobs else None,
    }

"""The summary of a run: what a researcher asks first, as numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial, reduce
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
from qsession_sim.results.columns import (
    QueueLengths,
    created_us,
    existing_sessions,
    interval_columns,
    queue_length,
    session_makers,
)
from qsession_sim.results.periods import (
    Rows,
    active_periods,
    busy_periods,
    clip,
    down_periods,
    held_us,
    is_accepted,
    is_of_qpu,
    job_modes,
    occupied_periods,
    public_status,
    rows_where,
    session_stays,
    total_us,
    used_qpu_time_us,
)
from qsession_sim.results.record import Record
from qsession_sim.results.tables import STATES, STATUSES
from qsession_sim.results.usage import Terms, account_usage
from qsession_sim.results.waits import PARTS, Queue, others_waited_us, queues_of, recorded_waits
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason
from qsession_sim.units import HOUR, SECOND
from qsession_sim.workload.columns import BoolArray, Int64Array, constant

SLOWDOWN_BOUND_US: Final = 10 * SECOND
"""Jobs shorter than this count as this long in the bounded slowdown."""

STARVATION_FACTOR: Final = 10
"""A job starved if it waited more than so many times the mean wait of all jobs."""

PERCENTS: Final = (50, 90, 95, 99)

Values = npt.NDArray[np.signedinteger] | npt.NDArray[np.float64]

_NOTHING: Final = np.zeros(0, dtype=np.int64)


class Parts(Mapping[str, Any]):
    """A part of a summary, each of whose own parts is computed when it is first read.

    Example:
        >>> parts = Parts({"mean": lambda: 2.5, "max": lambda: max([])})
        >>> parts["mean"], list(parts)
        (2.5, ['mean', 'max'])

    Attributes:
        not_saved: the names of those that take too long to be saved with every run.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Any]], not_saved: Collection[str] = ()) -> None:
        self.not_saved = not_saved
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def whole(parts: Mapping[str, Any], *, saved: bool = False) -> dict[str, Any]:
    """All of a part of a summary, in dictionaries of its own; if `saved`, what is saved of it.

    Example:
        >>> parts = Parts({"mean": lambda: 2.5, "all": lambda: Parts({"max": lambda: max([])}, ["max"])})
        >>> whole(parts, saved=True)
        {'mean': 2.5, 'all': {}}
    """
    left_out = parts.not_saved if saved and isinstance(parts, Parts) else ()
    kept = {name: parts[name] for name in parts if name not in left_out}
    return {
        name: whole(part, saved=saved) if isinstance(part, Mapping) else part for name, part in kept.items()
    }


def summary_parts(
    record: Record,
    warm_up_us: int,
    terms: Mapping[str, Terms] | None = None,
    queued: Callable[[], QueueLengths] | None = None,
) -> Parts:
    """Counts, distributions and shares of a run, in integers, floats and None, each computed when read.

    Jobs count if they were submitted, and sessions if they were created, at `warm_up_us` or later; intervals
    are clipped to what comes after it. (Nothing is submitted at a horizon; without one, the instant of the
    last event belongs to the run.) A distribution over nothing has `count` 0 and None for the rest.

    `queued` gives the result of `queue_lengths`, for a caller who needs it for more than this.

    - `waiting_us`: of jobs that started. `turnaround_us`: of accepted jobs that ended, however.
    - `reneged_us`: how long jobs waited that lost their patience (S27); `reneged_share`: their share of these
      and the jobs that started.
    - `slowdown`, `bounded_slowdown`: of jobs that left the QPU; see `queueing.statistics`, service being the
      QPU time used, the bound `SLOWDOWN_BOUND_US`.
    - `waiting_parts_us`: the sums of `waits.PARTS` over jobs that started; `waiting_share`: these by their
      sum, None if nobody waited.
    - `others_waited_held_us` of a session: how long jobs of others waited while it held its QPU.
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
    queues = cache(lambda: [*queues_of(record, interval_columns(record))])
    jobs = cache(lambda: _Jobs(record, warm_up_us, queues))
    sessions = cache(lambda: _session_columns(record, queues))
    accounts, streams = record.workload.accounts, record.workload.streams

    def qpu(number: int) -> Parts:
        lengths = cache(lambda: queue_length(record, number) if queued is None else queued()[number])
        return _qpu(record, warm_up_us, number, lengths)

    def sessions_of(*modes: Mode) -> Callable[[], Parts]:
        return lambda: _session_group(sessions(), warm_up_us, modes)

    return Parts(
        {
            "end_us": lambda: record.end_us,
            "warm_up_us": lambda: warm_up_us,
            "never_submitted": lambda: int((record.submitted_us < 0).sum()),
            "never_created": lambda: int((created_us(record) < 0).sum()),
            "all": lambda: jobs().all,
            "by_mode": lambda: jobs().by_mode(),
            "by_account": lambda: jobs().groups(record.workload.jobs.account, accounts),
            "by_stream": lambda: jobs().groups(record.workload.jobs.stream, streams),
            "accounts": lambda: account_usage(record, terms or {}, warm_up_us),
            "sessions": lambda: Parts(
                {
                    "all": sessions_of(Mode.SESSION, Mode.BATCH),
                    "by_mode": lambda: Parts(
                        {mode.name.lower(): sessions_of(mode) for mode in (Mode.SESSION, Mode.BATCH)}
                    ),
                }
            ),
            "qpus": lambda: Parts(
                {record.qpus[number]: partial(qpu, number) for number in record.queueing_qpus}
            ),
            "jain_index": lambda: jobs().fairness(len(accounts)),
            "starvation": lambda: starvation(record, warm_up_us),
        }
    )


class _Jobs:
    """Columns of the jobs that count, shape (jobs,), each made when first read; statistics of any part."""

    def __init__(self, record: Record, warm_up_us: int, queues: Callable[[], list[Queue]]) -> None:
        self._record = record
        self._is_plain = record.left_us is None and len(record.windows) == 0
        self._waits = cache(lambda: _waits(record, self.rows, queues))
        self.rows = rows_where(record.submitted_us >= warm_up_us)

    @cached_property
    def mode(self) -> npt.NDArray[np.int8]:
        return job_modes(self._record, self.rows)

    @cached_property
    def status(self) -> npt.NDArray[np.int8]:
        return public_status(self._record, self.rows)

    @cached_property
    def reason(self) -> npt.NDArray[np.int8]:
        return self._record.reason[self.rows]

    @cached_property
    def started(self) -> BoolArray:
        return self._record.started_us[self.rows] >= 0

    @cached_property
    def reneged(self) -> BoolArray:
        reneged: BoolArray = self.reason == Reason.RENEGED
        return reneged

    @cached_property
    def ended(self) -> BoolArray:
        ended: BoolArray = (self._record.ended_us[self.rows] >= 0) & (self.status != JobStatus.REJECTED)
        return ended  # S20

    @cached_property
    def served(self) -> BoolArray:
        """Who has a slowdown: not a job that left the QPU in the instant of its start."""
        served: BoolArray = self.started & self.ended & (self.used_us > 0)
        return served

    @cached_property
    def waiting_us(self) -> Int64Array:
        return self._record.started_us[self.rows] - self._record.submitted_us[self.rows]

    @cached_property
    def turnaround_us(self) -> Int64Array:
        return self._record.ended_us[self.rows] - self._record.submitted_us[self.rows]

    @cached_property
    def used_us(self) -> Int64Array:
        if self._is_plain:
            return self._record.ended_us[self.rows] - self._record.started_us[self.rows]
        return used_qpu_time_us(self._record, self.rows)

    @cached_property
    def delay_us(self) -> Int64Array:
        """All of the turnaround that is no service."""
        return self.waiting_us if self._is_plain else self.turnaround_us - self.used_us

    @cached_property
    def preparation_us(self) -> Int64Array | None:
        return _preparations(self._record, self.rows)

    @cached_property
    def all(self) -> Parts:
        """The group of all jobs."""
        return self._group(slice(None))

    def group(self, members: Rows) -> Parts:
        """Counts and distributions of the members of a group, given by their positions."""
        # often the only account, mode or stream is the same as all
        is_all = isinstance(members, slice) or len(members) == len(self.status)
        return self.all if is_all else self._group(members)

    def _group(self, members: Rows) -> Parts:
        started, ended, served, reneged = (
            cache(partial(self._members_of, name, members))
            for name in ("started", "ended", "served", "reneged")
        )

        def slowdowns(of: Callable[..., Values], *bound: int) -> dict[str, Any]:
            delay_us, used_us = self.delay_us[members][served()], self.used_us[members][served()]
            return distribution(of(delay_us, used_us, *bound))

        def preparations() -> dict[str, Any]:
            preparation_us = _NOTHING if self.preparation_us is None else self.preparation_us[members]
            return distribution(preparation_us[preparation_us >= 0])

        @cache
        def waited() -> dict[str, Any]:
            return waiting_parts({part: part_us[members] for part, part_us in self._waits().items()})

        def reneged_share() -> float | None:
            left, stayed = (int(mask[members].sum()) for mask in (self.reneged, self.started))
            return left / (left + stayed) if left + stayed else None

        return Parts(
            {
                "submitted": lambda: len(self.status[members]),
                "status": lambda: _counts(self.status[members], STATUSES),
                "reason": lambda: _reason_counts(self.reason[members]),
                "waiting_us": lambda: distribution(self.waiting_us[members][started()]),
                "turnaround_us": lambda: distribution(self.turnaround_us[members][ended()]),
                "slowdown": lambda: slowdowns(slowdown),
                "bounded_slowdown": lambda: slowdowns(bounded_slowdown, SLOWDOWN_BOUND_US),
                "preparation_us": preparations,
                "reneged_us": lambda: distribution(self.turnaround_us[members][reneged()]),
                "reneged_share": reneged_share,
                "waiting_parts_us": lambda: waited()["waiting_parts_us"],
                "waiting_share": lambda: waited()["waiting_share"],
            },
            not_saved=("waiting_parts_us", "waiting_share"),
        )

    def _members_of(self, mask: str, members: Rows) -> Rows:
        """Where a mask, by its name, holds in a group."""
        return rows_where(getattr(self, mask)[members])

    def by_mode(self) -> Parts:
        """One group a mode."""

        def group(mode: Mode) -> Parts:
            return self.group(rows_where(self.mode == mode))

        return Parts({mode.name.lower(): partial(group, mode) for mode in Mode})

    def groups(self, column: Int64Array, names: Sequence[str]) -> Parts:
        """One group a name, in the order of the names; `column` has the number of each job's name."""
        if len(names) == 1:
            return Parts({names[0]: lambda: self.all})
        # sorted once: there may be as many names as jobs; few names are few bits, which sort quickly
        number = column[self.rows].astype(np.min_scalar_type(len(names)))
        by_name = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[by_name], np.arange(len(names) + 1, dtype=number.dtype))

        def group(number: int) -> Parts:
            return self.group(by_name[bounds[number] : bounds[number + 1]])

        return Parts({name: partial(group, number) for number, name in enumerate(names)})

    def fairness(self, accounts: int) -> float | None:
        """Jain's index over the accounts' shares, or None if no job was served."""
        served = rows_where(self.served)
        account = self._record.workload.jobs.account[self.rows][served]
        used_us = np.zeros(accounts, dtype=np.int64)
        turnaround_us = np.zeros(accounts, dtype=np.int64)
        np.add.at(used_us, account, self.used_us[served])
        np.add.at(turnaround_us, account, self.turnaround_us[served])
        present = turnaround_us > 0
        if not present.any():
            return None
        return jain_index(used_us[present] / turnaround_us[present])


def _waits(record: Record, rows: Rows, queues: Callable[[], list[Queue]]) -> dict[str, Int64Array]:
    """What each job waited for, by the names of `PARTS`; parts that did not occur take no memory."""
    columns = zip(PARTS, recorded_waits(record, queues), strict=True)
    jobs = len(record.submitted_us[rows])
    return {part: us[rows] if us.any() else constant(jobs, 0) for part, us in columns}


def _preparations(record: Record, rows: Rows) -> Int64Array | None:
    """How long each job prepared, NEVER if it did not or not to its end; None if no job did (S40)."""
    if record.preparing_us is None or record.ready_us is None:
        return None
    preparing_us, ready_us = record.preparing_us[rows], record.ready_us[rows]
    return np.where((preparing_us >= 0) & (ready_us >= 0), ready_us - preparing_us, NEVER)


def waiting_parts(waits: Mapping[str, Int64Array]) -> dict[str, Any]:
    """What jobs waited for, together.

    Args:
        waits: of each job that started by the names of `waits.PARTS`, each of shape (jobs,), in microseconds.

    Example:
        >>> waiting_parts({"held": np.array([4, 2]), "job_mode": np.array([0, 2])})
        {'waiting_parts_us': {'held': 6, 'job_mode': 2}, 'waiting_share': {'held': 0.75, 'job_mode': 0.25}}
    """
    parts_us = {part: exact_sum(part_us) for part, part_us in waits.items()}
    total_us = sum(parts_us.values())
    shares = {part: part_us / total_us if total_us else None for part, part_us in parts_us.items()}
    return {"waiting_parts_us": parts_us, "waiting_share": shares}


def others_waited_parts(waited_us: Int64Array) -> dict[str, Any]:
    """How long others waited while each session held its QPU, from a column of shape (sessions,)."""
    return {
        "others_waited_held_us": distribution(waited_us),
        "total_others_waited_held_us": exact_sum(waited_us),
    }


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


def _counts(values: npt.NDArray[Any], words: Sequence[str]) -> dict[str, int]:
    return {word: int(np.count_nonzero(values == number)) for number, word in enumerate(words)}


def _reason_counts(reasons: npt.NDArray[Any]) -> dict[str, int]:
    """How often each reason occurred, those that did not left out, in the order of the vocabulary."""
    counts = np.bincount(reasons[reasons > 0], minlength=max(Reason) + 1)
    return {reason.name: int(counts[reason]) for reason in Reason if counts[reason]}


def _session_columns(record: Record, queues: Callable[[], list[Queue]]) -> Parts:
    """The columns of the sessions that came to exist, each made when it is first read."""
    existing, sessions = existing_sessions(record), len(record.workload.sessions)
    makers = session_makers(record) | {
        "on_qpu_us": lambda: _on_qpu_us(record),
        "others_waited_held_us": lambda: others_waited_us(queues() if sessions else (), sessions),
    }

    def column(name: str) -> Any:
        return makers[name]()[existing]

    return Parts({name: partial(column, name) for name in makers})


def _session_group(columns: Mapping[str, Any], warm_up_us: int, modes: Sequence[Mode]) -> Parts:
    of_modes = reduce(np.logical_or, (columns["mode"] == mode for mode in modes))
    members = (columns["created_us"] >= warm_up_us) & of_modes

    def chosen(name: str) -> Any:
        return columns[name][members]

    def makespans() -> dict[str, Any]:
        ended = sum(chosen(f"jobs_{word}") for word in ("done", "error", "cancelled", "rejected"))
        left_us = chosen("last_job_completed_us")
        complete = (ended == chosen("jobs_submitted")) & (left_us >= 0)
        return distribution((left_us - chosen("created_us"))[complete])

    @cache
    def others_waited() -> dict[str, Any]:
        return others_waited_parts(chosen("others_waited_held_us"))

    def held_share() -> float | None:
        total_held_us = exact_sum(chosen("held_us"))
        theirs_us = total_held_us + exact_sum(chosen("on_qpu_us"))
        return total_held_us / theirs_us if theirs_us else None

    return Parts(
        {
            "created": lambda: int(members.sum()),
            "state": lambda: _counts(chosen("state"), STATES),
            "reason": lambda: _reason_counts(chosen("reason")),
            "makespan_us": makespans,
            "usage_us": lambda: distribution(chosen("usage_us")),
            "total_usage_us": lambda: exact_sum(chosen("usage_us")),
            "total_held_us": lambda: exact_sum(chosen("held_us")),
            "held_share": held_share,
            "activations": lambda: distribution(chosen("activations")),
            "delayed_us": lambda: distribution(chosen("delayed_us")),
            "total_delayed_us": lambda: exact_sum(chosen("delayed_us")),
            "others_waited_held_us": lambda: others_waited()["others_waited_held_us"],
            "total_others_waited_held_us": lambda: others_waited()["total_others_waited_held_us"],
        },
        not_saved=("others_waited_held_us", "total_others_waited_held_us"),
    )


def _on_qpu_us(record: Record) -> Int64Array:
    """How long jobs of each session were on the QPU, lost stays included (S52); shape (sessions,)."""
    if not len(record.workload.sessions):
        return _NOTHING
    stays = session_stays(record)
    end_us = np.where(stays.end_us < 0, record.end_us, stays.end_us)
    return total_us(replace(stays, end_us=end_us), len(record.workload.sessions))


def _qpu(record: Record, warm_up_us: int, qpu: int, lengths: Callable[[], StepFunction]) -> Parts:
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
    return Parts(
        {
            "time_us": lambda: time_us,
            "share": lambda: {
                kind: part / length_us if length_us else None for kind, part in time_us.items()
            },
            "utilization": lambda: busy_us / length_us if length_us else None,
            "mean_queue_length": lambda: time_average(lengths(), warm_up_us, end_us) if length_us else None,
            "max_queue_length": lambda: maximum(lengths(), warm_up_us, end_us) if length_us else None,
            "jobs_done": lambda: done,
            "throughput_per_hour": lambda: done * HOUR / length_us if length_us else None,
        }
    )


def starvation(record: Record, warm_up_us: int) -> dict[str, Any]:
    """The longest wait and the share of jobs that starved, of all and by account.

    A wait lasts from submission to the start on the QPU. That of a job that never started lasts to its end,
    or else to the end of the run: a policy that never lets a job start must not look better for it. Jobs
    count if they were accepted, at `warm_up_us` or later. Without any, what they do not have is None.
    """
    rows = rows_where(is_accepted(record) & (record.submitted_us >= warm_up_us))
    until_us = record.started_us[rows]
    if until_us.min(initial=0) < 0:
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
    of_all = _starved_group(jobs, int(wait_us.max(initial=0)), int(starved.sum()))
    if len(names) == 1:
        by_account = {names[0]: of_all}
    else:
        counts = np.bincount(account, minlength=len(names))
        starved_counts = np.bincount(account[starved], minlength=len(names))
        longest_us = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(longest_us, account, wait_us)
        by_account = {
            name: _starved_group(int(counts[number]), int(longest_us[number]), int(starved_counts[number]))
            for number, name in enumerate(names)
        }
    return {
        "factor": STARVATION_FACTOR,
        "mean_wait_us": total_us / jobs if jobs else None,
        **of_all,
        "by_account": by_account,
    }


def _starved_group(jobs: int, longest_us: int, starved: int) -> dict[str, Any]:
    return {
        "jobs": jobs,
        "longest_wait_us": longest_us if jobs else None,
        "starved": starved,
        "share": starved / jobs if jobs else None,
    }

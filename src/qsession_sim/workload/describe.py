"""What a workload asks for, before it is simulated; and how much memory, before it is drawn."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.files import written_size
from qsession_sim.queueing.statistics import Float64Array, exact_sum, mean, percentiles
from qsession_sim.scenario.distributions import count_mean
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.sources import (
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedExplicit,
    ResolvedIterative,
    ResolvedSource,
)
from qsession_sim.scenario.values import MOST_ROWS
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.units import HOUR
from qsession_sim.workload.columns import BoolArray, Int64Array, Workload
from qsession_sim.workload.starts import expected_starts

_PERCENTS: Final = (10, 50, 90, 99)


def describe_workload(workload: Workload) -> dict[str, Any]:
    """Counts, rates, load, and distributions of times; JSON values, times in microseconds.

    Rates and loads count jobs whose time of submission is known beforehand; that of follow-ups depends on the
    simulation. The offered load is their QPU time divided by the time from the first submission to the last.
    Follow-ups offer at most `closed_load_at_most`, which is what they would if no job ever waited or ended
    early: their QPU time divided by the time from the first submission to what would be the last one then.
    The load of a QPU is that of the jobs that name it, and an equal share of those that name none; that of
    the whole is the mean over the QPUs. Jobs of simulator backends, which never wait, count only there.

    Example:
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> describe_workload(EMPTY_WORKLOAD)["jobs"]
        0
    """
    jobs = workload.jobs
    known = jobs.at_us != NEVER
    at_us = np.sort(jobs.at_us[known])
    span_us = int(at_us[-1] - at_us[0]) if len(at_us) else 0
    closed_span_us = 0 if known.all() else round(_earliest_us(workload).max() - at_us[0])
    return {
        "jobs": len(jobs),
        "sessions": len(workload.sessions),
        "clients": len(workload.clients),
        "accounts": len(workload.accounts),
        "streams": {
            name: int(np.count_nonzero(jobs.stream == number)) for number, name in enumerate(workload.streams)
        },
        "first_submission_us": int(at_us[0]) if len(at_us) else None,
        "last_submission_us": int(at_us[-1]) if len(at_us) else None,
        "known_submissions": len(at_us),
        "follow_ups": len(jobs) - len(at_us),
        "rate_per_hour": len(at_us) * HOUR / span_us if span_us else None,
        "total_qpu_time_us": exact_sum(jobs.qpu_time_us),
        "offered_load": _offered_load(workload, known, span_us),
        "closed_load_at_most": _offered_load(workload, ~known, closed_span_us),
        "qpus": _loads(workload, known, span_us, closed_span_us),
        "interarrival_us": _distribution(np.diff(at_us)),
        "qpu_time_us": _distribution(jobs.qpu_time_us),
        "think_us": _distribution(jobs.think_us[jobs.after != NEVER]),
        "account_jobs": _distribution(_jobs_of_accounts(workload)),
        "busiest_account": _busiest_account(workload),
        "session_shape": _session_shape(workload),
        "busiest_hour": _busiest_hour(workload, known),
        "left_out": workload.lines_left_out,
        "read_as": {
            workload.streams[left.stream]: list(left.notes) for left in workload.left_out if left.notes
        },
    }


def _distribution(values: Int64Array) -> dict[str, float | int] | None:
    if not len(values):
        return None
    shown = zip((f"p{percent}" for percent in _PERCENTS), percentiles(values, _PERCENTS), strict=True)
    return {
        "count": len(values),
        "mean": mean(values),
        "min": int(values.min()),
        **dict(shown),
        "max": int(values.max()),
    }


def _jobs_of_accounts(workload: Workload) -> Int64Array:
    counts: Int64Array = np.bincount(workload.jobs.account, minlength=len(workload.accounts))
    return counts


def _busiest_account(workload: Workload) -> dict[str, Any] | None:
    """The account with the most jobs; of equals the first."""
    if not len(workload.jobs):
        return None
    jobs = _jobs_of_accounts(workload)
    busiest = int(jobs.argmax())
    return {
        "name": workload.accounts[busiest],
        "jobs": int(jobs[busiest]),
        "share": int(jobs[busiest]) / len(workload.jobs),
    }


def _session_shape(workload: Workload) -> dict[str, Any]:
    """How many sessions and batches there are, and the jobs and the QPU time of each."""
    mode, session = workload.sessions.mode, workload.jobs.session
    rows = session != NEVER
    jobs = np.bincount(session[rows], minlength=len(mode))
    qpu_time_us = np.zeros(len(mode), dtype=np.int64)
    np.add.at(qpu_time_us, session[rows], workload.jobs.qpu_time_us[rows])
    return {
        word.name.lower(): {
            "count": int(np.count_nonzero(mode == word)),
            "jobs": _distribution(jobs[mode == word]),
            "qpu_time_us": _distribution(qpu_time_us[mode == word]),
        }
        for word in (Mode.SESSION, Mode.BATCH)
    }


def _work_us(workload: Workload, qpu: int, rows: BoolArray) -> tuple[int, int]:
    """QPU time on one QPU of those of the rows that name it, and of those that name none."""
    times_us = workload.qpu_times_us[qpu] if workload.qpu_times_us else workload.jobs.qpu_time_us
    own = rows & (workload.jobs.qpu == qpu)
    unnamed = rows & (workload.jobs.qpu == NEVER)
    return exact_sum(times_us[own]), exact_sum(times_us[unnamed])


def _queueing(workload: Workload) -> list[int]:
    return [number for number, spec in enumerate(workload.qpu_specs) if not spec.simulator]


def _asked_us(workload: Workload, rows: BoolArray) -> list[Fraction]:
    """QPU time that the rows ask of each QPU: what names it, and a share of what names none.

    The shares are such that they are equal in time, however fast the QPUs are; as in `calibration`.
    """
    work = [_work_us(workload, qpu, rows) for qpu in range(len(workload.qpus))]
    unnamed = [work[qpu][1] for qpu in _queueing(workload)]
    speed = sum((Fraction(1, time_us) for time_us in unnamed if time_us), Fraction(0))
    share_us = Fraction(1) / speed if speed else Fraction(0)
    return [
        own_us + (Fraction(0) if spec.simulator else share_us)
        for (own_us, _), spec in zip(work, workload.qpu_specs, strict=True)
    ]


def _offered_load(workload: Workload, rows: BoolArray, span_us: int) -> float | None:
    """The mean of the loads of the QPUs that are no simulators."""
    asked_us = _asked_us(workload, rows)
    qpus = _queueing(workload)
    return float(sum(asked_us[qpu] for qpu in qpus) / (len(qpus) * span_us)) if span_us else None


def _earliest_us(workload: Workload) -> Float64Array:
    """When each job would be submitted if none ever waited; shape (jobs,).

    The way of each job to one that it follows doubles until it has reached a known submission.
    """
    jobs = workload.jobs
    quickest_us = np.min(workload.qpu_times_us, axis=0) if workload.qpu_times_us else jobs.qpu_time_us
    lasts_us = (jobs.preparation_us + quickest_us + jobs.post_processing_us).astype(np.float64)
    follows = jobs.after != NEVER
    before: Int64Array = np.where(follows, jobs.after, np.arange(len(jobs)))
    later_us: Float64Array = np.where(follows, jobs.think_us + lasts_us[before], 0.0)
    while np.any(follows[before]):
        later_us = later_us + later_us[before]
        before = before[before]
    earliest_us: Float64Array = jobs.at_us[before] + later_us
    further = [(job, other) for job, more in workload.more_after.items() for other in more]
    own = np.flatnonzero(follows)
    job, after = (
        np.array([*zip(own, jobs.after[own], strict=True), *further], dtype=np.int64).reshape(-1, 2).T
    )
    while further:  # S5: the last of several counts
        before_us = earliest_us.copy()
        np.maximum.at(earliest_us, job, before_us[after] + lasts_us[after] + jobs.think_us[job])
        if np.array_equal(before_us, earliest_us):
            break
    return earliest_us


def _loads(workload: Workload, known: BoolArray, span_us: int, closed_span_us: int) -> dict[str, Any]:
    """Of each QPU the jobs that name it, known or not, its load, and its windows of availability (S52)."""
    return {
        name: {
            "named_by_jobs": int(np.count_nonzero(workload.jobs.qpu == number)),
            "offered_load": float(asked_us / span_us) if span_us else None,
            "closed_load_at_most": float(closed_us / closed_span_us) if closed_span_us else None,
            "windows": sum(window.qpu == number for window in workload.windows),
        }
        for number, (name, asked_us, closed_us) in enumerate(
            zip(workload.qpus, _asked_us(workload, known), _asked_us(workload, ~known), strict=True)
        )
    }


def _busiest_hour(workload: Workload, known: BoolArray) -> dict[str, Any] | None:
    """The whole hour, counted from time 0, with the most known submissions; of equals the first."""
    if not known.any():
        return None
    hours, counts = np.unique(workload.jobs.at_us[known] // HOUR, return_counts=True)
    busiest = int(counts.argmax())
    in_hour = known & (workload.jobs.at_us // HOUR == hours[busiest])
    return {
        "start_us": int(hours[busiest]) * HOUR,
        "submissions": int(counts[busiest]),
        "offered_load": _offered_load(workload, in_hour, HOUR),
    }


# How much memory a run needs: as many columns as it holds for each job at its peak, when its largest table is
# written. `benchmarks/memory.py` measures that.

_COLUMNS: Final = 40
_COPIES: Final = 4
"""Columns of a job, and of each thing that not all jobs have: drawn, kept, in the journal, in the table."""


def expected_jobs(source: ResolvedSource, horizon_us: int | None) -> float:
    """How many jobs a source draws, on average; 0 where that is not known, as of traces.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> arrivals = {"kind": "arrivals", "account": "a", "interarrival": "36s", "qpu_time": "5s"}
        >>> scenario = load_scenario({"horizon": "1h", "workload": [arrivals]})
        >>> expected_jobs(scenario.resolved.workload[0], scenario.resolved.horizon)
        100.0
    """
    match source:
        case ResolvedExplicit():
            return len(source.jobs)
        case ResolvedIterative():
            return source.clients * count_mean(source.iterations)
        case ResolvedArrivals() | ResolvedBatches():
            before_us = horizon_us if source.until is None and source.count is None else source.until
            starts = expected_starts(source, count=source.count, before_us=before_us)
            return starts * (count_mean(source.jobs) if isinstance(source, ResolvedBatches) else 1)
    return 0.0


def needed_memory(scenario: ResolvedScenario) -> tuple[int, int]:
    """Jobs that a run will have, and bytes that it needs for them, on average. Sources that draw more rows
    than any may, and of which nothing is known, count as none."""
    jobs = needed = 0.0
    routes = len(scenario.qpus) + 1 if len(scenario.qpus) > 1 else 0
    for source in scenario.workload:
        expected = expected_jobs(source, scenario.horizon)
        if expected <= MOST_ROWS:
            keys = ("users", "preparation", "post_processing", "estimate", "patience", "mode")
            more = routes + sum(getattr(source, key, None) is not None for key in keys)
            jobs, needed = jobs + expected, needed + 8 * (_COLUMNS + _COPIES * more) * expected
    return round(jobs), round(needed)


def check_memory(scenario: ResolvedScenario) -> None:
    """Refuse a run that needs more memory than there is; where the system does not say, none is refused.

    Raises:
        ScenarioError: with what it needs.
    """
    jobs, needed = needed_memory(scenario)
    total = memory()[1]
    if total is not None and needed > total:
        what = (
            f"workload: {jobs:,} jobs need about {written_size(needed)} of memory, and this machine has "
            f"{written_size(total)}; ask for fewer, or an earlier until or horizon"
        )
        raise ScenarioError((what,))


def memory_warning(scenario: ResolvedScenario) -> str | None:
    """What is said of a run that needs more memory than is free; None if it does not."""
    jobs, needed = needed_memory(scenario)
    free = memory()[0]
    if free is None or needed <= free:
        return None
    return f"{jobs:,} jobs need about {written_size(needed)} of memory, and {written_size(free)} are free"


_MEMORY: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")


def memory() -> tuple[int | None, int | None]:
    """Bytes that are free, and all that this process may have; None where the system does not say."""
    with suppress(OSError):
        found = dict(re.findall(r"^(\w+): +(\d+) kB$", _MEMORY.read_text("ascii"), re.MULTILINE))
        if found.keys() >= {"MemAvailable", "MemTotal"}:
            free, total = (1024 * int(found[name]) for name in ("MemAvailable", "MemTotal"))
            with suppress(OSError, ValueError):  # of a container; without a limit it says max
                most, used = (
                    int((_GROUP / name).read_text("ascii")) for name in ("memory.max", "memory.current")
                )
                free, total = min(free, max(most - used, 0)), min(total, most)
            return free, total
    return None, None

"""Metrics: numbers of the summary of a run by name, and functions of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.errors import StudyError, hint, repeated
from qsession_sim.experiment.references import Reference, named_reference, reference_to
from qsession_sim.experiment.simulate import simulate
from qsession_sim.queueing.statistics import batch_means, mser5
from qsession_sim.results.record import NOTHING
from qsession_sim.results.run import Run
from qsession_sim.results.summary import summary_parts
from qsession_sim.results.tables import MODES
from qsession_sim.results.waits import PARTS
from qsession_sim.scenario.load import Scenario
from qsession_sim.scheduler.vocabulary import Reason

Value = float | int | None
"""What a metric of a run is; None: it does not exist, such as the mean of nothing."""

Metric = str | Reference
"""A path into the summary, or a function of a run."""

DEFAULT_METRICS: Final = (
    "mean_waiting",
    "p95_waiting",
    "mean_turnaround",
    "p95_makespan",
    "utilization",
    "throughput_per_hour",
    "jain_index",
)

_STATISTICS: Final = ("mean", "p50", "p90", "p95", "p99", "max")
_PARTS_OF_TIMES: Final = (*_STATISTICS, "busy", *PARTS)
_OF_JOBS: Final = ("waiting", "turnaround", "slowdown", "bounded_slowdown", "reneged")
_OF_SESSIONS: Final = ("makespan", "usage", "activations", "others_waited_held")
_OF_QPU: Final = ("utilization", "throughput_per_hour", "mean_queue_length", "max_queue_length")


def _column(word: str) -> str:
    return word if "slowdown" in word or word == "activations" else f"{word}_us"


_JOB_ALIASES: Final = MappingProxyType(
    {f"{part}_{word}": f"{_column(word)}.{part}" for word in _OF_JOBS for part in _STATISTICS}
    | {status: f"status.{status.upper()}" for status in ("done", "error", "cancelled", "rejected")}
    | {"reneged": "reneged_us.count", "reneged_share": "reneged_share"}
    | {f"share_waiting_{part}": f"waiting_share.{part}" for part in PARTS}
)
"""Short names of what a group of jobs has, such as that of a mode or of an account."""

_SESSION_ALIASES: Final = MappingProxyType(
    {f"{part}_{word}": f"{_column(word)}.{part}" for word in _OF_SESSIONS for part in _STATISTICS}
    | {"held_share": "held_share"}
)

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {alias: f"all.{path}" for alias, path in _JOB_ALIASES.items()}
    | {alias: f"sessions.all.{path}" for alias, path in _SESSION_ALIASES.items()}
    | {f"{mode}.{alias}": f"by_mode.{mode}.{path}" for mode in MODES for alias, path in _JOB_ALIASES.items()}
    | {
        f"{mode}.{alias}": f"sessions.by_mode.{mode}.{path}"
        for mode in MODES[1:]
        for alias, path in _SESSION_ALIASES.items()
    }
    | {alias: alias for alias in _OF_QPU}
)
"""Short names: `mean_waiting` of all jobs, `job.mean_waiting` of a mode, `p95_makespan` of all sessions,
`session.p95_makespan` of a mode, and of the QPU `utilization` and others; with several QPUs the sum of
throughputs, the mean of the rest."""

_TOP: Final = tuple(summary_parts(NOTHING, 0))


def as_metrics(metrics: Iterable[str | Callable[[Run], Value]] | None) -> tuple[Metric, ...]:
    """Metrics as tasks carry them.

    Args:
        metrics: short names (`ALIASES`), dotted paths into `Run.summary()`, `file.py:function` or
            `module:function`, and functions from a run to a number or None; None: `DEFAULT_METRICS`.

    Raises:
        StudyError: if a name cannot be a metric, or two metrics have the same name.
        PolicyError: if a file of a function cannot be loaded.

    Example:
        >>> as_metrics(["mean_waiting", "by_account.lab.waiting_us.p90"])
        ('mean_waiting', 'by_account.lab.waiting_us.p90')
        >>> as_metrics(["mean_waitin"])
        Traceback (most recent call last):
        qsession_sim.errors.StudyError: no metric is called 'mean_waitin'; did you mean 'mean_waiting'?
    """
    if metrics is None:
        return DEFAULT_METRICS
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise StudyError(f"metrics must be a list such as ['mean_waiting'], not {metrics!r}")
    chosen = tuple(map(_as_metric, metrics))
    names = [metric_name(metric) for metric in chosen]
    if twice := repeated(names):
        raise StudyError(f"two metrics are called {twice!r}; give each name once")
    if not chosen:
        raise StudyError("a study needs at least one metric, such as 'mean_waiting'")
    return chosen


def metric_name(metric: Metric) -> str:
    """The name of a metric in tables."""
    return metric.name if isinstance(metric, Reference) else metric


def metric_unit(metric: Metric) -> str | None:
    """The unit of a metric: `us`, `1/h`, or empty for a count or a share. A function of the user gives
    microseconds if its name ends in `_us`, as a column's does; None: it alone knows.

    Example:
        >>> metric_unit("mean_waiting"), metric_unit("throughput_per_hour"), metric_unit("jain_index")
        ('us', '1/h', '')
        >>> metric_unit("my_metrics.py:overtime_us"), metric_unit("my_metrics.py:grade")
        ('us', None)
    """
    if isinstance(metric, Reference) or not _is_in_summary(metric):
        return "us" if metric_name(metric).endswith("_us") else None
    path = _path_of(metric)
    if path.endswith("_per_hour"):
        return "1/h"
    # the last parts alone: those before may be names of the user, such as lab_users
    before, _, last = path.rpartition(".")
    return "us" if last.endswith("_us") or (before.endswith("_us") and last in _PARTS_OF_TIMES) else ""


def metric_bounds(metric: Metric) -> tuple[float, float]:
    """What a metric of the summary lies between: a share or an index between 0 and 1, a slowdown is at least
    1, all others are at least 0. Of a function of the user nothing is known.

    Example:
        >>> metric_bounds("utilization"), metric_bounds("by_stream.vqe.mean_slowdown")
        ((0.0, 1.0), (1.0, inf))
        >>> metric_bounds("starvation.by_account.share.jobs"), metric_bounds("my_metrics.py:grade")
        ((0.0, inf), (-inf, inf))
    """
    if isinstance(metric, Reference) or not _is_in_summary(metric):
        return -math.inf, math.inf
    path = _path_of(metric)
    before, _, last = path.rpartition(".")
    of = before.rpartition(".")[2]
    if last in _SHARES or (of in {"share", "waiting_share"} and last in _PARTS_OF_TIMES):
        return 0.0, 1.0
    slowed = of in {"slowdown", "bounded_slowdown"} and last in _STATISTICS
    return 1.0 if slowed else 0.0, math.inf


def metric_direction(metric: Metric) -> int:
    """Whether more of a metric of the summary is better (1) or worse (-1); 0 if that is not for everybody to
    say, as of counts of jobs, or of a function of the user.

    Example:
        >>> [metric_direction(one) for one in ("p95_waiting", "utilization", "all.submitted")]
        [-1, 1, 0]
    """
    if isinstance(metric, Reference) or not _is_in_summary(metric):
        return 0
    before, _, last = _path_of(metric).rpartition(".")
    column = before.rpartition(".")[2] if last in _STATISTICS else last
    return 1 if column in _MORE_IS_BETTER else -1 if column in _LESS_IS_BETTER else 0


_MORE_IS_BETTER: Final = {"utilization", "throughput_per_hour", "jain_index", "DONE"}
_LESS_IS_BETTER: Final = {
    *("waiting_us", "turnaround_us", "slowdown", "bounded_slowdown", "makespan_us", "reneged_us"),
    *(
        "reneged_share",
        "held_share",
        "mean_queue_length",
        "max_queue_length",
        "REJECTED",
        "CANCELLED",
        "ERROR",
    ),
}

_SHARES: Final = {"utilization", "jain_index", "held_share", "share"}


def _path_of(metric: str) -> str:
    """The path of a short name, also of one in a group, such as by_stream.vqe.mean_waiting."""
    path = ALIASES.get(metric, metric)
    return ALIASES.get(path.rpartition(".")[2], path)


def names_of_metrics(
    source: str | Path | Mapping[str, Any] | Scenario, **options: Any
) -> dict[str, list[str]]:
    """All names that a metric of a scenario can have: short ones, and paths into the summary of its runs.

    Nothing is simulated beyond the first microsecond, in which a run has all its groups.

    Args:
        source: as for `simulate`.
        **options: `overrides` and others of `simulate`.

    Returns:
        By `short` and `paths`, in the order of the summary.

    Example:
        >>> names = names_of_metrics({"workload": []})
        >>> names["short"][:2], names["paths"][2:5]
        (['mean_waiting', 'p50_waiting'], ['never_submitted', 'never_created', 'all.submitted'])
    """
    overrides = (*options.pop("overrides", ()), "horizon=1us", "warm_up=0s")
    summary = simulate(source, overrides=overrides, **options).summary()
    return {"short": [*ALIASES], "paths": [*_numbers_in(summary, "")]}


def _numbers_in(part: Mapping[str, Any], before: str) -> Iterator[str]:
    for key, value in part.items():
        if key == "reason" and value.keys() <= Reason.__members__.keys():  # those that did not occur count 0
            yield from (f"{before}{key}.{name}" for name in list(Reason.__members__)[1:])
        elif isinstance(value, Mapping):
            yield from _numbers_in(value, f"{before}{key}.")
        elif not isinstance(value, (str, list)):
            yield f"{before}{key}"


def _is_in_summary(metric: str) -> bool:
    return metric in ALIASES or metric.partition(".")[0] in _TOP


def _as_metric(metric: str | Callable[[Run], Value]) -> Metric:
    if callable(metric):
        return reference_to(metric)
    if not isinstance(metric, str):
        raise StudyError(f"a metric must be a name or a function of a run, not {metric!r}")
    if _is_in_summary(metric):
        return metric
    if ":" in metric:
        return named_reference(metric)
    raise _unknown(metric, (*ALIASES, *_TOP))


def _unknown(name: str, known: Sequence[str]) -> StudyError:
    suggestion = hint(name, known)
    if suggestion.startswith("there are") and len(known) > len(DEFAULT_METRICS):
        suggestion = f"there are {', '.join(DEFAULT_METRICS)} and every path into the summary of a run"
    return StudyError(f"no metric is called {name!r}; {suggestion}")


def measure(run: Run, metrics: Sequence[Metric]) -> dict[str, Value]:
    """All metrics of a run, by name.

    Raises:
        StudyError: if the summary has no such number, or a function fails or gives something else.
    """
    return {
        metric_name(metric): _computed(metric, run)
        if isinstance(metric, Reference)
        else look_up(run.summary_parts, metric)
        for metric in metrics
    }


def look_up(summary: Mapping[str, Any], name: str) -> Value:
    """A number of a summary.

    Args:
        summary: as `Run.summary` gives it.
        name: a short name, or a dotted path, which may end in one. Reasons that did not occur count 0.

    Raises:
        StudyError: if there is no such number.

    Example:
        >>> look_up({"all": {"waiting_us": {"mean": 2.5}}}, "mean_waiting")
        2.5
        >>> look_up({"all": {"reason": {}}}, "all.reason.MAX_TIME")
        0
    """
    if name in _OF_QPU:
        return _over_qpus(summary["qpus"].values(), name)
    part: Any = summary
    rest = ALIASES.get(name, name)
    while rest:
        if not isinstance(part, Mapping):
            raise StudyError(f"no metric is called {name!r}: there is nothing below {part!r}")
        # the longest name first: names of accounts may contain dots
        key = max((key for key in part if rest == key or rest.startswith(f"{key}.")), key=len, default=None)
        if key is None and rest in _aliases_of(part):
            rest = _aliases_of(part)[rest]
            continue
        if key is None:
            if rest in Reason.__members__ and name.rpartition(".")[0].endswith("reason"):
                return 0
            raise _unknown(name, _near(name, rest, part))
        part, rest = part[key], rest[len(key) + 1 :]
    if isinstance(part, Mapping):
        raise StudyError(f"{name!r} is a part of the summary, not a number; it has {', '.join(part)}")
    return _number(part, name)


def _aliases_of(group: Mapping[str, Any]) -> Mapping[str, str]:
    """The short names at the end of a path such as `by_stream.vqe.mean_waiting`."""
    if "waiting_us" in group:
        return _JOB_ALIASES
    return _SESSION_ALIASES if "makespan_us" in group else {}


def _near(name: str, rest: str, part: Mapping[str, Any]) -> list[str]:
    """What could have stood where a path leads nowhere, as whole paths."""
    before = name.removesuffix(rest)
    after = rest.partition(".")[2]
    return [f"{before}{key}.{after}" if after else f"{before}{key}" for key in part]


def _over_qpus(qpus: Iterable[Mapping[str, Any]], name: str) -> Value:
    values = [qpu[name] for qpu in qpus]
    if not values or any(value is None for value in values):
        return None
    if len(values) == 1 or name == "max_queue_length":
        return _number(max(values), name)
    total = math.fsum(values)
    return total if name == "throughput_per_hour" else total / len(values)


def _computed(metric: Reference, run: Run) -> Value:
    try:
        answer = metric.function(run)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise StudyError(
            f"metric {metric.name!r} failed for seed {run.scenario.resolved.seed}: {what}"
        ) from error
    return _number(answer, metric.name)


def _number(answer: Any, name: str) -> Value:
    """A plain number, also of one that NumPy or polars gave."""
    if answer is None:
        return None
    value = answer.item() if hasattr(answer, "item") else answer
    if not isinstance(value, (int, float)) or (isinstance(value, float) and not math.isfinite(value)):
        raise StudyError(f"metric {name!r} must be a finite number or None, not {answer!r}")
    return int(value) if isinstance(value, bool) else value


# one long run: where its beginning ends, and the means of its batches

_FEWEST_FOR_MSER5: Final = 50


def settled_warm_up(run: Run) -> tuple[int, bool]:
    """The warm-up of a run by MSER-5, from the waiting times of jobs by submission.

    Returns:
        The submission of the first job that is kept, in microseconds; and whether the run is long enough to
        tell: see `statistics.mser5`. A run with fewer than 50 jobs that started is not, and none of it
        is left out.
    """
    started = run.jobs.select("submitted_us", "waiting_us").drop_nulls("waiting_us")
    if started.height < _FEWEST_FOR_MSER5:
        return 0, False
    started = started.sort("submitted_us", maintain_order=True)
    beginning = mser5(started["waiting_us"].to_numpy())
    warm_up_us = int(started["submitted_us"][beginning.drop]) if beginning.drop else 0
    return warm_up_us, beginning.settled


def check_batched(metrics: Sequence[Metric]) -> None:
    """Refuse metrics that have no batch means.

    Raises:
        StudyError: if a metric is not the mean waiting or turnaround of all jobs or of a mode.
    """
    for metric in metrics:
        if not isinstance(metric, str) or metric not in _BATCHED:
            raise StudyError(
                f"{metric_name(metric)!r} has no batch means; of one long run there are "
                f"{', '.join(_BATCHED)}, of everything else replications"
            )


def batched_means(run: Run, metrics: Sequence[Metric], batches: int) -> dict[str, list[float]]:
    """Means of successive batches of jobs, by submission, after the warm-up.

    Args:
        run: long enough for at least one job in each batch.
        metrics: as `check_batched` lets them pass.
        batches: how many. Jobs that do not fill the batches are left out at the beginning.

    Raises:
        StudyError: if there are fewer jobs than batches.
    """
    return {name: _means(_series(run, name), batches, name) for name in map(metric_name, metrics)}


_BATCHED: Final = tuple(
    alias for alias in ALIASES if alias.rpartition(".")[2] in {"mean_waiting", "mean_turnaround"}
)
"""Means over jobs, the only numbers of a summary that are means of a series."""


def _series(run: Run, name: str) -> npt.NDArray[np.int64]:
    import polars as pl

    mode, _, alias = name.rpartition(".")
    jobs = run.jobs.filter(pl.col("submitted_us") >= run.scenario.resolved.warm_up).sort(
        "submitted_us", maintain_order=True
    )
    if mode:
        jobs = jobs.filter(pl.col("mode") == mode)
    return jobs[f"{alias.removeprefix('mean_')}_us"].drop_nulls().to_numpy()


def _means(values: npt.NDArray[np.int64], batches: int, name: str) -> list[float]:
    if len(values) < batches:
        raise StudyError(f"{len(values)} jobs do not make {batches} batches of {name!r}; make the run longer")
    means: list[float] = batch_means(values, len(values) // batches)[-batches:].tolist()
    return means

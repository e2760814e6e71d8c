"""One long run: where its beginning ends, and the means of its batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.errors import StudyError
from qsession_sim.experiment.metrics import ALIASES, Metric, metric_name
from qsession_sim.queueing.series import batch_means, mser5

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.run import Run

_FEWEST_FOR_MSER5: Final = 50


def settled_warm_up(run: Run) -> tuple[int, bool]:
    """The warm-up of a run by MSER-5, from the waiting times of jobs by submission.

    Returns:
        The submission of the first job that is kept, in microseconds; and whether the run is long enough to
        tell: see `queueing.series.mser5`. A run with fewer than 50 jobs that started is not, and none of it
        is left out.
    """
    started = _started(run)
    if started.height < _FEWEST_FOR_MSER5:
        return 0, False
    found = mser5(started["waiting_us"].to_numpy())
    return (int(started["submitted_us"][found.drop]) if found.drop else 0), found.settled


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


def _started(run: Run) -> pl.DataFrame:
    import polars as pl

    started = run.jobs.select("submitted_us", "waiting_us").filter(pl.col("waiting_us").is_not_null())
    return started.sort("submitted_us", maintain_order=True)


def _means(values: npt.NDArray[np.int64], batches: int, name: str) -> list[float]:
    if len(values) < batches:
        raise StudyError(f"{len(values)} jobs do not make {batches} batches of {name!r}; make the run longer")
    means: list[float] = batch_means(values, len(values) // batches)[-batches:].tolist()
    return means

"""What is told of a run: which jobs and sessions count, how they are told apart, and what they waited for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qsession_sim.queueing.statistics import percentiles
from qsession_sim.results.run import SavedRun
from qsession_sim.results.waits import PARTS
from qsession_sim.workload.columns import Int64Array

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.results.run import Run

MEANWHILE: Final = {
    "job_mode": "job-mode jobs ran",
    "session": "jobs of sessions ran",
    "batch": "jobs of batches ran",
    "held": "a session held the idle QPU",
    "preparing": "the job was prepared",
    "down": "the QPU was down",
    "reserved": "the QPU was reserved for others",
    "free": "the QPU was free",
}
"""By the words of `waits.PARTS`: what went on while a job waited."""

USES: Final = {
    "job_mode": "job mode",
    "session": "session",
    "batch": "batch",
    "held": "held, idle",
    "preparing": "being prepared",
    "down": "down",
    "reserved": "reserved for others",
    "free": "free",
}
"""By the same words: what the QPU was used for."""


class Group(NamedTuple):
    """Jobs that started, of one source, account or mode.

    Attributes:
        name: of the source or account.
        submitted: jobs that were submitted, started or not.
        waiting_us: of those that started, in order of length.
        parts_us: how long, in sum, the QPU did each of `waits.PARTS` meanwhile.
    """

    name: str
    submitted: int
    waiting_us: Int64Array
    parts_us: tuple[int, ...]


@dataclass(frozen=True)
class Facts:
    """What is told of a run. Jobs and sessions that came before the end of the warm-up do not count."""

    run: Run | SavedRun

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """As `summary.json` has it."""
        return self.run.summary()

    @cached_property
    def resolved(self) -> Mapping[str, Any]:
        """The resolved scenario, as JSON values."""
        if isinstance(self.run, SavedRun):
            return self.run.resolved
        resolved: Mapping[str, Any] = json.loads(self.run.scenario.to_json())
        return resolved

    @cached_property
    def title(self) -> str:
        """Of the scenario."""
        return self.resolved.get("title") or "A run without a title"

    @cached_property
    def jobs(self) -> pl.DataFrame:
        """The jobs that count, with the parts of their waits."""
        import polars as pl

        run = self.run
        of_waits = run.waits.select(pl.exclude("job", "qpu"))
        since = pl.col("submitted_us") >= self.summary["warm_up_us"]
        return pl.concat([run.jobs, of_waits], how="horizontal").filter(since)

    @cached_property
    def sessions(self) -> pl.DataFrame:
        """The sessions that count, with what others waited and what else their time was used for."""
        import polars as pl

        run = self.run
        ran = (
            run.intervals.filter(pl.col("kind").cast(pl.String) == "busy")
            .group_by("session")
            .agg(ran_us=(pl.col("end_us") - pl.col("start_us")).sum())
        )
        number = pl.int_range(pl.len()).alias("number")
        return (
            pl.concat([run.sessions, run.others_waited.select("others_waited_held_us")], how="horizontal")
            .with_columns(number)
            .join(ran, on="session", how="left", maintain_order="left")
            .with_columns(pl.col("ran_us").fill_null(0))
            .filter(pl.col("created_us") >= self.summary["warm_up_us"])
        )

    @cached_property
    def grouping(self) -> str:
        """By what jobs are told apart: their source, if there are several, else their account."""
        return next((name for name in ("stream", "account") if self.jobs[name].n_unique() > 1), "mode")

    @cached_property
    def groups(self) -> list[Group]:
        """Those in which a job started, the one with the longest waits first; by the 95th percentile."""
        frames = self.jobs.group_by(self.grouping, maintain_order=True)
        groups = [_group(str(name), frame) for (name,), frame in frames]
        return sorted(
            (group for group in groups if len(group.waiting_us)),
            key=lambda group: (-percentile(group, 95), group.name),
        )

    @cached_property
    def all(self) -> Group:
        """All jobs."""
        return _group("all", self.jobs)


def _group(name: str, jobs: pl.DataFrame) -> Group:
    sums = (int(jobs[f"while_{part}_us"].sum()) for part in PARTS)
    return Group(name, jobs.height, np.sort(jobs["waiting_us"].drop_nulls().to_numpy()), tuple(sums))


def percentile(group: Group, percent: int) -> float:
    """Of the waiting times of a group, in which a job started."""
    return percentiles(group.waiting_us, [percent])[0]

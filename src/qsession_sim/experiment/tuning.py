"""What `tune` found: the best settings, all that were tried, and what is gained and lost between them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.experiment.goals import Constraint, Means, Objective
from qsession_sim.experiment.ranges import Range
from qsession_sim.experiment.search import Values
from qsession_sim.experiment.study_figures import draw_trade_off
from qsession_sim.experiment.study_files import parquet
from qsession_sim.experiment.whole_files import write_whole
from qsession_sim.queueing.confidence import Interval
from qsession_sim.results.bundle import json_text

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

DOCUMENT: Final = "tuning.json"
TABLE: Final = "evaluations.parquet"
FIGURE: Final = "trade_off.svg"

METHOD: Final = (
    "differential evolution (scipy.optimize.differential_evolution); the mean of each metric over the same "
    "workloads for all settings; what misses a constraint never wins; the best settings and the scenario as "
    "it stands simulated again on as many new workloads, with 95 % intervals (Student's t) of means and of "
    "paired differences"
)


@dataclass(frozen=True)
class Evaluation:
    """Settings that were tried.

    Attributes:
        values: one for each range; microseconds for a duration.
        settings: the same as `PATH=VALUE`.
        means: over the workloads of the search; None where a replication has no value.
        feasible: whether every constraint holds, on these means.
        on_front: whether no other settings are as good in the objective and all constrained metrics, and
            better in one.
    """

    values: Values
    settings: tuple[str, ...]
    means: Means
    feasible: bool
    on_front: bool


@dataclass(frozen=True)
class Confirmation:
    """A metric of the best settings beside the scenario as it stands, on workloads that the search never saw.

    Attributes:
        metric: its name.
        baseline: of the scenario as it stands.
        best: of the best settings.
        difference: best less baseline, by pairs.
        keeps: whether the mean of `best` keeps the constraints on this metric; None without one.
    """

    metric: str
    baseline: Interval
    best: Interval
    difference: Interval
    keeps: bool | None

    @property
    def change(self) -> float | None:
        """The difference as a share of the baseline; None if that is 0."""
        mean = self.baseline.estimate
        return self.difference.estimate / mean if mean else None


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Attributes:
        scenario: its name.
        ranges: what was varied.
        objective: what was wanted.
        constraints: what had to be kept.
        seed: of the search. Its workloads are those of a study with this seed, new ones those of the next.
        replications: workloads on which each evaluation was simulated, and as many new ones at the end.
        baseline: means of the scenario as it stands, on the workloads of the search.
        evaluations: in the order in which they were tried.
        best: None if nothing that was tried keeps the constraints.
        confirmation: by metric; empty without `best`.
        commands: repeat the confirmed means, of the baseline and of the best settings; empty if the scenario
            is no file.
    """

    scenario: str
    ranges: tuple[Range, ...]
    objective: Objective
    constraints: tuple[Constraint, ...]
    seed: int
    replications: int
    baseline: Means
    evaluations: tuple[Evaluation, ...]
    best: Evaluation | None
    confirmation: tuple[Confirmation, ...]
    commands: Mapping[str, str]

    def __repr__(self) -> str:
        best = None if self.best is None else " ".join(self.best.settings)
        return f"Tuning(best={best!r}, {len(self.evaluations)} evaluations of {self.objective.metric!r})"

    @property
    def why_nothing(self) -> str:
        """Why there is no best."""
        metric = self.objective.metric
        if all(one.means[metric] is None for one in self.evaluations):
            return f"{metric} does not exist in every run of any candidate"
        return "nothing that was tried keeps the constraints"

    def table(self) -> pl.DataFrame:
        """All evaluations, one row each: `evaluation`, `settings`, the values by path, the metrics by name,
        `feasible`, `on_front` and `best`. Durations are microseconds."""
        import polars as pl

        rows = self.evaluations
        values = {one.path: [row.values[index] for row in rows] for index, one in enumerate(self.ranges)}
        return pl.DataFrame(
            {
                "evaluation": list(range(len(rows))),
                "settings": [" ".join(row.settings) for row in rows],
                **values,
                **{
                    name: pl.Series([row.means[name] for row in rows], dtype=pl.Float64)
                    for name in self.baseline
                },
                "feasible": [row.feasible for row in rows],
                "on_front": [row.on_front for row in rows],
                "best": [row is self.best for row in rows],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values, in full precision."""
        return {
            "scenario": self.scenario,
            "method": METHOD,
            "objective": {"metric": self.objective.metric, "direction": self.objective.direction},
            "constraints": [
                {"text": one.text, "metric": one.metric, "sign": one.sign, "limit": one.limit(self.baseline)}
                for one in self.constraints
            ],
            "seed": self.seed,
            "replications": self.replications,
            "baseline": dict(self.baseline),
            "best": None if self.best is None else _evaluation(self.best),
            "confirmation": {
                "seed": self.seed + 1,
                "metrics": {one.metric: _confirmation(one) for one in self.confirmation},
                "commands": dict(self.commands),
            },
            "trade_off": [_evaluation(one) for one in self.front()],
            "evaluations": [_evaluation(one) for one in self.evaluations],
        }

    def front(self) -> list[Evaluation]:
        """The trade-off curve, by values."""
        return sorted((one for one in self.evaluations if one.on_front), key=lambda one: one.values)

    def figure(self) -> Figure:
        """The trade-off curve: the objective over the first constrained metric, or over the first setting.
        Times are in seconds.

        Raises:
            StudyError: if matplotlib is not installed.
        """
        return draw_trade_off(self)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write `tuning.json`, `evaluations.parquet` and, with matplotlib, `trade_off.svg` to a directory.

        Raises:
            StudyError: if they cannot be written.
        """
        target = Path(directory)
        try:
            files = {
                DOCUMENT: json_text(self.to_dict()).encode(),
                TABLE: parquet(self.table()),
                **self._drawn(),
            }
            for name, written in files.items():
                write_whole(target / name, written)
        except OSError as error:
            raise StudyError(f"cannot write {directory}: {error.strerror or error}") from error
        return target

    def _drawn(self) -> dict[str, bytes]:
        try:
            import matplotlib as mpl
        except ImportError:
            return {}
        content = io.BytesIO()
        with mpl.rc_context():
            mpl.rcdefaults()  # whatever the user's settings are
            mpl.rcParams["svg.hashsalt"] = "qsession-sim"  # else the names inside the file are random
            self.figure().savefig(content, format="svg", metadata={"Date": None, "Creator": "qsession-sim"})
        return {FIGURE: content.getvalue()}


def _evaluation(one: Evaluation) -> dict[str, Any]:
    return {
        "settings": list(one.settings),
        "means": dict(one.means),
        "feasible": one.feasible,
        "on_front": one.on_front,
    }


def _confirmation(one: Confirmation) -> dict[str, Any]:
    def written(interval: Interval) -> dict[str, float]:
        return {"mean": interval.estimate, "low": interval.low, "high": interval.high}

    return {
        "baseline": written(one.baseline),
        "best": written(one.best),
        "difference": written(one.difference),
        "change": one.change,
        "keeps_constraints": one.keeps,
    }

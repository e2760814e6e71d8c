"""What `tune` found: the best settings, all that were tried, and what is gained and lost between them."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from qsession_sim.errors import DurationError, StudyError
from qsession_sim.experiment.search import Values
from qsession_sim.experiment.store import parquet
from qsession_sim.experiment.variations import Range
from qsession_sim.files import write_whole
from qsession_sim.queueing.statistics import Interval
from qsession_sim.report.study_figures import draw_trade_off
from qsession_sim.results.bundle import json_text
from qsession_sim.units import parse_duration

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


# -- What `tune` wants: a metric as small or as large as possible, while others keep their bounds.

_CONSTRAINT: Final = re.compile(r"\s*(?P<metric>.+?)\s*(?P<sign><=|>=)\s*(?P<bound>.+?)\s*", re.ASCII)
# \u00d7 is the sign of multiplication
_OF_BASELINE: Final = re.compile(r"(?:(?P<factor>[^x*\u00d7]+?)\s*[x*\u00d7]\s*)?baseline")
_EXAMPLE: Final = '"p95_makespan <= 1.05 x baseline"'

Means = Mapping[str, float | None]
"""The mean of each metric over replications; None where a replication has no value."""


@dataclass(frozen=True)
class Objective:
    """A metric to be minimised or maximised."""

    metric: str
    direction: Literal["minimise", "maximise"]

    def value(self, means: Means) -> float:
        """What is minimised; infinite without a value.

        Example:
            >>> Objective("utilization", "maximise").value({"utilization": 0.8})
            -0.8
        """
        mean = means[self.metric]
        if mean is None:
            return math.inf
        return mean if self.direction == "minimise" else -mean


@dataclass(frozen=True)
class Constraint:
    """A bound that a metric must keep.

    Attributes:
        text: as the user wrote it.
        metric: what is bounded.
        sign: whether the bound is the largest or the smallest value that is allowed.
        bound: microseconds for a duration; or, if `of_baseline`, a factor.
        of_baseline: the bound is that factor times the value of the scenario as it stands.
    """

    text: str
    metric: str
    sign: Literal["<=", ">="]
    bound: float
    of_baseline: bool

    def limit(self, baseline: Means) -> float:
        """The bound in the metric's unit.

        Args:
            baseline: the metrics of the scenario as it stands.

        Raises:
            StudyError: if the baseline has no value for the metric.
        """
        if not self.of_baseline:
            return self.bound
        mean = baseline[self.metric]
        if mean is None:
            raise StudyError(
                f"--subject-to {self.text}: the scenario as it stands has no {self.metric} in at least one "
                "replication; write the bound as a value"
            )
        return self.bound * mean

    def excess(self, means: Means, baseline: Means) -> float:
        """By how much the bound is missed, as a share of it where it is not 0; 0 or less if it is kept.

        Example:
            >>> constraint = read_constraint("p95_makespan <= 1.05 x baseline")
            >>> round(constraint.excess({"p95_makespan": 126.0}, {"p95_makespan": 100.0}), 3)
            0.2
        """
        mean, limit = means[self.metric], self.limit(baseline)
        if mean is None:
            return math.inf
        missed = mean - limit if self.sign == "<=" else limit - mean
        return missed / abs(limit) if limit else missed


def read_constraint(text: str) -> Constraint:
    """Read `METRIC <= BOUND` or `METRIC >= BOUND`.

    The bound is a duration, a number, a percentage, `baseline`, or `NUMBER x baseline`.

    Raises:
        StudyError: if it is anything else.

    Example:
        >>> read_constraint("mean_waiting[mode=job] <= 90s").bound
        90000000.0
        >>> read_constraint("utilization >= 80 %").bound
        0.8
        >>> read_constraint("p95_makespan <= 1.05 x baseline").of_baseline
        True
    """
    found = _CONSTRAINT.fullmatch(text)
    if found is None:
        raise StudyError(
            f"--subject-to {text}: must be METRIC <= BOUND or METRIC >= BOUND, such as {_EXAMPLE}"
        )
    relative = _OF_BASELINE.fullmatch(found["bound"])
    if relative is None:
        bound = _read_bound(text, found["bound"])
    else:
        bound = 1.0 if relative["factor"] is None else _read_number(text, relative["factor"])
    sign: Literal["<=", ">="] = "<=" if found["sign"] == "<=" else ">="
    return Constraint(text.strip(), found["metric"], sign, bound, relative is not None)


def read_objective(minimise: str | None, maximise: str | None) -> Objective:
    """The one metric that is to be minimised or maximised.

    Raises:
        StudyError: if there is none, or both are given.
    """
    wanted = minimise if maximise is None else maximise
    if wanted is not None and None in {minimise, maximise}:
        if not isinstance(wanted, str):
            raise StudyError(f"what is best must be the name of a metric or file.py:function, not {wanted!r}")
        return Objective(wanted.strip(), "minimise" if maximise is None else "maximise")
    raise StudyError(
        "say what is best: either --minimise METRIC or --maximise METRIC; others can be bounded with "
        "--subject-to"
    )


def trade_off_metrics(objective: Objective, constraints: Sequence[Constraint]) -> dict[str, int]:
    """Between which metrics there is a trade-off: 1 for those wanted small, -1 for those wanted large.

    Example:
        >>> trade_off_metrics(Objective("mean_waiting", "minimise"), [read_constraint("utilization >= 0.5")])
        {'mean_waiting': 1, 'utilization': -1}
    """
    wanted = {objective.metric: 1 if objective.direction == "minimise" else -1}
    for constraint in constraints:
        wanted.setdefault(constraint.metric, 1 if constraint.sign == "<=" else -1)
    return wanted


def _read_bound(text: str, bound: str) -> float:
    if bound[-1].isalpha():
        try:
            return float(parse_duration(bound))
        except DurationError as error:
            raise StudyError(f"--subject-to {text}: {error}") from None
    if bound.endswith("%"):
        return _read_number(text, bound[:-1]) / 100
    return _read_number(text, bound)


def _read_number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(
            f"--subject-to {text}: {number.strip()!r} is not a number; a bound is a duration, a number, a "
            "percentage, or a number x baseline"
        )
    return value


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

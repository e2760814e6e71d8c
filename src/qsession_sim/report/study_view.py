"""What pictures of a study show, as numbers, whether it was just made or read back from disk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from qsession_sim.errors import DurationError, FigureError, StudyError
from qsession_sim.experiment.estimates import Estimate, in_pairs
from qsession_sim.experiment.findings import by_settings
from qsession_sim.experiment.metrics import Value, metric_bounds, metric_direction
from qsession_sim.experiment.search import front
from qsession_sim.queueing.statistics import Float64Array, cut_ends, t_quantile
from qsession_sim.report.rows import Change, Scale, scale_of
from qsession_sim.report.study_rows import estimate_of
from qsession_sim.report.text import Page, written
from qsession_sim.units import DAY, HOUR, MINUTE, SECOND, parse_duration

if TYPE_CHECKING:
    from qsession_sim.experiment.shown import ShownStudy

MOST_CROSSES: Final = 12
"""In a trade-off: the intervals of more configurations would hide each other."""

_BEFORE_SETTINGS: Final = ("configuration", "policy", "hold", "routing")
_NEEDED: Final = {
    *("configuration", "policy", "metric", "unit", "count", "mean", "low", "high", "drawn", "difference"),
    *("difference_low", "difference_high", "relative_change", "relative_change_low", "relative_change_high"),
    *("pairs", "significant", "command"),
}
_OF_DOCUMENTS: Final = {"kind", "baseline", "level", "replications", "method", "provenance"}
_OF_PROVENANCE: Final = {"versions", "seed", "scenario", "overrides", "digests"}


class Point(NamedTuple):
    """A number of a configuration in the unit of its metric, with the ends of its interval where it has one.

    `told` is whether a difference to the baseline is significant, or exact and not 0.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    told: bool = False

    def ends(self, divisor: float) -> tuple[float, float] | None:
        """Those of its interval in another unit, of which so many make one; None without an interval."""
        return None if self.low is None or self.high is None else (self.low / divisor, self.high / divisor)


class Course(NamedTuple):
    """A mean and its interval after 2, 3, ... replications; arrays of shape (replications - 1,)."""

    name: str
    counts: Float64Array
    values: Float64Array
    lows: Float64Array
    highs: Float64Array


class Heat(NamedTuple):
    """A point for each pair of values of two settings, by row and column."""

    across: tuple[str, ...]
    down: tuple[str, ...]
    points: Sequence[Sequence[Point]]


class Axis(NamedTuple):
    """A setting with numbers: its unit, and its value in each configuration by name."""

    path: str
    unit: str
    places: Mapping[str, float]


@dataclass(frozen=True)
class StudyView:
    """The numbers of a study.

    Attributes:
        document: as `Study.to_dict` gives it.
        rows: those of `Study.table`, by the names of configuration and metric.
        paths: what a sweep varies.
        observed: by metric and configuration a value for each replication; empty for one long run.
        seeds: of the replications.
    """

    document: Mapping[str, Any]
    rows: Mapping[tuple[str, str], Mapping[str, Any]]
    paths: tuple[str, ...]
    observed: Mapping[str, Mapping[str, Sequence[Value]]]
    seeds: Sequence[int]

    @property
    def baseline(self) -> str | None:
        """The configuration that the others are compared with, if there are others."""
        chosen: str | None = self.document["baseline"]
        return chosen if len(self.names) > 1 else None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(dict.fromkeys(metric for _, metric in self.rows))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The configurations as they are shown: points by their values, in the order in which these came."""
        return tuple(by_settings({name: self.settings(name) for name, _ in self.rows}))

    def settings(self, name: str) -> tuple[str, ...]:
        """The values of what is varied."""
        return tuple(self._first(name)[path] for path in self.paths)

    def policy(self, name: str) -> str:
        """The queue policy of a configuration."""
        return str(self._first(name)["policy"])

    def _first(self, name: str) -> Mapping[str, Any]:
        return self.rows[name, self.metrics[0]]

    @cached_property
    def several_policies(self) -> bool:
        """Whether settings alone do not tell the configurations of a sweep apart."""
        return len({self.settings(name) for name in self.names}) < len(self.names)

    def label(self, name: str) -> str:
        """What tells a configuration apart: of a sweep the values without the paths."""
        if not self.paths:
            return name
        values = ", ".join(self.settings(name))
        return f"{self.policy(name)}, {values}" if self.several_policies else values

    @property
    def heading(self) -> str:
        """What labels are of."""
        if self.paths:
            names = [path.rpartition(".")[2] for path in self.paths]
            return ", ".join(["policy", *names] if self.several_policies else names)
        return "policy" if self.document["kind"] == "compare" else "configuration"

    def estimate(self, name: str, metric: str) -> Estimate:
        """What is known of a metric of a configuration."""
        return estimate_of(self.rows[name, metric], self.document["level"])

    def check_metric(self, metric: str) -> None:
        """Refuse a metric that was not measured.

        Raises:
            StudyError: if it is not among them.
        """
        if metric not in self.metrics:
            raise StudyError(f"the study has no metric {metric!r}; it has {', '.join(self.metrics)}")

    def scale(self, metric: str) -> Scale:
        """The unit in which a metric is shown, means and differences alike."""
        rows = [self.rows[name, metric] for name in self.names]
        return scale_of(rows[0]["unit"], [row["mean"] for row in rows])

    def bounds(self, metric: str) -> tuple[float, float]:
        """What a metric lies between."""
        unknown = self._first_of(metric)["unit"] is None
        return (-math.inf, math.inf) if unknown else metric_bounds(metric)

    def direction(self, metric: str) -> int:
        """Whether more of it is better (1) or worse (-1); see `metric_direction`."""
        return 0 if self._first_of(metric)["unit"] is None else metric_direction(metric)

    def _first_of(self, metric: str) -> Mapping[str, Any]:
        return self.rows[self.names[0], metric]

    # what is drawn

    def means(self, metric: str) -> list[Point]:
        """The mean of each configuration."""
        bounds = self.bounds(metric)
        return [self._point(name, metric, "", bounds) for name in self.names]

    def differences(self, metric: str) -> list[Point]:
        """The mean of paired differences to the baseline of each other configuration.

        Raises:
            FigureError: if nothing is compared.
        """
        if self.baseline is None:
            raise FigureError("there are no differences: the study compares nothing; give it a baseline")
        low, high = self.bounds(metric)
        bounds = low - high, high - low
        others = (name for name in self.names if name != self.baseline)
        return [self._point(name, metric, "difference_", bounds) for name in others]

    def _point(self, name: str, metric: str, prefix: str, bounds: tuple[float, float]) -> Point:
        row = self.rows[name, metric]
        value, low, high = (row[f"{prefix}{end}".rstrip("_")] for end in ("low", "low", "high"))
        value = row["difference" if prefix else "mean"]
        if value is not None and low is not None:
            low, high = cut_ends(value, (high - low) / 2, bounds)
        return Point(name, value, low, high, self.is_told(name, metric))

    def is_exact(self, name: str) -> bool:
        """Whether nothing is drawn in a comparison of a configuration with the baseline."""
        return not any(self._first(one)["drawn"] for one in (name, self.baseline or name))

    def is_same(self, name: str, metric: str) -> bool:
        """Whether a configuration has the value of the baseline wherever both were observed."""
        row = self.rows[name, metric]
        ends = {row["difference"], row["difference_low"], row["difference_high"]} - {None}
        return ends == {0.0} and (self.is_exact(name) or row["difference_low"] is not None)

    def is_told(self, name: str, metric: str) -> bool:
        """Whether a configuration differs from the baseline: significantly, or exactly."""
        row = self.rows[name, metric]
        return bool(row["significant"] or (self.is_exact(name) and row["difference"]))

    def verdict(self, name: str, metric: str) -> str:
        """How a configuration compares with the baseline, in words; empty without a comparison."""
        difference = self.rows[name, metric]["difference"]
        if name == self.baseline:
            return "baseline"
        if difference is None:
            return ""
        if not self.is_told(name, metric):
            return "the same" if self.is_same(name, metric) else "cannot tell"
        direction = self.direction(metric)
        if direction == 0:
            return "higher" if difference > 0 else "lower"
        return "better" if difference * direction > 0 else "worse"

    def change(self, name: str, metric: str) -> str:
        """The difference as a share of the baseline, without its interval; empty if that is not known."""
        change = self.rows[name, metric]["relative_change"]
        return "" if change is None else written(Change(change), Page())

    def pairs(self, name: str, metric: str) -> dict[int, float]:
        """By replication the difference to the baseline, or the value if nothing is compared."""
        values = self.observed.get(metric, {}).get(name, ())
        if self.baseline is None:
            return {number: value for number, value in enumerate(values) if value is not None}
        others = self.observed.get(metric, {}).get(self.baseline, ())
        both = enumerate(in_pairs(values, others))
        return {number: a - b for number, (a, b) in both if a is not None and b is not None}

    def courses(self, metric: str) -> list[Course]:
        """What is estimated after each replication: differences to the baseline, else means.

        Raises:
            FigureError: if no configuration has two replications.
        """
        names = [name for name in self.names if name != self.baseline]
        courses = [self._course(name, [*self.pairs(name, metric).values()]) for name in names]
        if not any(len(course.counts) for course in courses):
            raise FigureError(
                f"{metric} has no convergence: that is shown over replications, and no configuration has two"
            )
        return courses

    def seen(self, courses: Sequence[Course]) -> tuple[float, float]:
        """What of the height is shown: the first intervals are so wide that they would hide all others."""
        ends = [] if self.baseline is None else [0.0]
        for course in courses:
            later = slice(len(course.counts) // 4, None)
            ends += [float(course.lows[later].min()), float(course.highs[later].max())]
        return min(ends), max(ends)

    def _course(self, name: str, values: Sequence[float]) -> Course:
        """The same formula as `statistics.mean_interval`, for every number of replications at once."""
        if len(values) < 2:
            nothing = np.zeros(0)
            return Course(name, nothing, nothing, nothing, nothing)
        counts = np.arange(1, len(values) + 1)
        middle = values[0]
        centred = np.array(values) - middle  # so that squares of equal values are 0
        means = np.cumsum(centred) / counts
        squares = np.maximum(np.cumsum(centred**2) - counts * means**2, 0)
        counts, means, squares = counts[1:], means[1:] + middle, squares[1:]
        probability = (1 + self.document["level"]) / 2
        quantiles = np.array([t_quantile(probability, count - 1) for count in counts.tolist()])
        reaches = quantiles * np.sqrt(squares / (counts - 1) / counts)
        return Course(name, counts.astype(float), means, means - reaches, means + reaches)

    def axis(self) -> Axis | None:
        """The only setting that is varied, if its values are numbers or durations."""
        if len(self.paths) != 1:
            return None
        texts = {name: self.settings(name)[0] for name in self.names}
        read = numbers_of(texts.values())
        if read is None:
            return None
        unit, values = read
        return Axis(self.paths[0], unit, dict(zip(texts, values, strict=True)))

    def heat(self, metric: str) -> Heat:
        """Differences to the baseline, else means, over two settings.

        Raises:
            FigureError: if there are not two settings with all pairs of their values, each once.
        """
        shown = self.differences(metric) if self.baseline is not None else self.means(metric)
        if self.baseline is not None:
            shown.append(Point(self.baseline, 0.0))
        if len(self.paths) != 2:
            raise FigureError(f"a heat map is of two settings, but the study varies {len(self.paths)}")
        across, down = (dict.fromkeys(self.settings(name)[n] for name in self.names) for n in (0, 1))
        by_place = {self.settings(point.name): point for point in shown}
        if not len(by_place) == len(shown) == len(across) * len(down):
            raise FigureError(
                "a heat map needs all pairs of the values of two settings, each with one policy; "
                "this study has others"
            )
        points = [[by_place[one, other] for one in across] for other in down]
        return Heat(tuple(across), tuple(down), points)

    def trade_off(self, metric: str, against: str | None) -> tuple[str, list[tuple[Point, Point]], set[str]]:
        """Two metrics: the second one, a pair of points for each configuration, and which are on the front.

        Args:
            metric: upwards.
            against: across; None: the next metric of the study.

        Raises:
            FigureError: if there is no second metric.
        """
        others = [one for one in self.metrics if one != metric]
        if against is None and not others:
            raise FigureError(f"a trade-off is of two metrics, but the study has only {metric}")
        second = others[0] if against is None else against
        self.check_metric(second)
        of = self.means if self.baseline is None else self.differences
        both = list(zip(of(second), of(metric), strict=True))
        if self.baseline is not None:
            both.insert(0, (Point(self.baseline, 0.0), Point(self.baseline, 0.0)))
        known = [(one, other) for one, other in both if one.value is not None and other.value is not None]
        signs = -self.direction(second), -self.direction(metric)
        if 0 in signs:
            return second, known, set()
        places = [[signs[0] * (one.value or 0.0), signs[1] * (other.value or 0.0)] for one, other in known]
        marks = zip(known, front(places), strict=True)
        return second, known, {one.name for (one, _), there in marks if there}


def view_of(study: ShownStudy) -> StudyView:
    """What pictures of a study show.

    Raises:
        StudyError: if its files are damaged.
    """
    table, document, runs = study.table(), study.to_dict(), study.runs()
    check_has("table.parquet", table.columns if table.height else (), _NEEDED)
    check_has("study.json", document, _OF_DOCUMENTS)
    check_has("provenance in study.json", document["provenance"], _OF_PROVENANCE)
    paths = tuple(table.columns[len(_BEFORE_SETTINGS) : table.columns.index("metric")])
    rows = {(row["configuration"], row["metric"]): row for row in table.to_dicts()}
    check_has("runs.parquet", runs.columns, {"configuration", "replication", "seed", *table["metric"]})
    runs = runs.sort("replication", maintain_order=True)
    parts = {str(name): part for (name,), part in runs.group_by("configuration", maintain_order=True)}
    observed = {
        metric: {name: part[metric].to_list() for name, part in parts.items()}
        for metric in dict.fromkeys(metric for _, metric in rows)
        if document["replications"] > 1  # of one long run there are only the means of its batches
    }
    seeds = runs.unique("replication", keep="first", maintain_order=True)["seed"].to_list()
    return StudyView(document, rows, paths, observed, seeds)


def check_has(file: str, there: Iterable[str], needed: Iterable[str]) -> None:
    """Refuse what was changed since it was saved.

    Raises:
        StudyError: if something that is needed is not there.
    """
    missing = sorted(set(needed) - set(there))
    if missing:
        raise StudyError(f"the study is damaged: its {file} has no {missing[0]!r}; save it again")


_UNITS: Final = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))


def numbers_of(texts: Iterable[str]) -> tuple[str, list[float]] | None:
    """The numbers that settings say, and their unit; None if one is neither a number nor a duration.

    Durations are in the largest unit of which the smallest is at least one, in seconds if there is none.

    Example:
        >>> numbers_of(["500ms", "1m"]), numbers_of(["2m", "1h"]), numbers_of(["5", "9"])
        (('s', [0.5, 60.0]), ('min', [2.0, 60.0]), ('', [5.0, 9.0]))
    """
    written_ones = list(texts)
    try:
        return "", [float(text) for text in written_ones]
    except ValueError:
        pass
    try:
        values_us = [parse_duration(text) for text in written_ones]
    except DurationError:
        return None
    unit, unit_us = next((one for one in _UNITS if min(values_us) >= one[1]), ("s", SECOND))
    return unit, [value_us / unit_us for value_us in values_us]

"""What is shown of many runs: means, comparisons and sweeps, with their method; the best of a search."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.experiment.estimates import Estimate
from qsession_sim.experiment.metrics import DEFAULT_METRICS, metric_bounds, metric_unit
from qsession_sim.experiment.search import trade_off_metrics
from qsession_sim.queueing.statistics import Interval, RatioInterval
from qsession_sim.report.rows import (
    Cell,
    Change,
    Column,
    Count,
    Document,
    Emphasis,
    Measure,
    Note,
    Scale,
    Section,
    Table,
    counted,
    scale_of,
    words,
)
from qsession_sim.report.text import Page, written

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.experiment.findings import Confirmation, Evaluation, StudyFindings, TuningFindings
    from qsession_sim.experiment.tasks import Configuration

MOST_ROWS: Final = 30

METRICS_OF_COMPARISONS: Final = ("mean_waiting", "p95_waiting", "utilization")
"""A table of each of these is shown where no metrics were asked for."""


def study_document(study: StudyFindings) -> Document:
    """What is shown of a study: its size, tables of estimates, and the method."""
    title = study.plan.scenario.resolved.title
    metrics = _shown_metrics(study)
    method = [Note(sentence) for sentence in study.method]
    for hidden, things, more in (
        (len(study.configurations) - MOST_ROWS, "configurations", ""),
        (len(study.metrics) - len(metrics), "metrics", "; --metric NAME shows one"),
    ):
        if hidden > 0:
            where = "are in the results of -o DIR and --format json"
            method.append(Note(f"{hidden:,} more {things} {where}{more}"))
    return [
        Section("study", title or "", above=(Note(_size(study)),)),
        *_estimates(study, metrics, MOST_ROWS),
        Section("method", above=tuple(method)),
    ]


def _shown_metrics(study: StudyFindings) -> Sequence[str]:
    """Those that were asked for; of comparisons for which none were, the first of what people ask."""
    asked = study.plan.metrics is not DEFAULT_METRICS
    return study.metrics if asked or not _compares(study) else METRICS_OF_COMPARISONS


def _compares(study: StudyFindings) -> bool:
    return study.baseline is not None and len(study.configurations) > 1


def study_tables(study: StudyFindings) -> Document:
    """Tables of a study with all their rows: the means of all metrics, then those that are shown."""
    means = Section("means", body=_means(study, sys.maxsize))
    shown = _estimates(study, study.metrics, sys.maxsize)
    return [means, *(section for section in shown if section.name != "means")]


def _size(study: StudyFindings) -> str:
    count = len(study.configurations)
    things = counted(count, "configuration")
    if study.kind == "compare":
        things = "1 policy" if count == 1 else f"{count} policies"
    runs = counted(len(study.results), "run")
    return f"{things}, {counted(study.replications, 'replication')}, {runs}; seed {study.plan.seed}"


def _estimates(study: StudyFindings, metrics: Iterable[str], most: int) -> Iterator[Section]:
    if _compares(study):
        for metric in metrics:
            yield Section(metric, metric, body=_comparison(study, metric, most))
    elif len(study.configurations) == 1:
        yield Section("metrics", body=_metrics(study))
    else:
        yield Section("means", body=_means(study, most))


def _metrics(study: StudyFindings) -> Table:
    """One configuration: a row for each metric."""
    only = study.configurations[:1]
    estimates = [study.estimates[only[0].name, metric] for metric in study.metrics]
    scales = [_scale(study, metric, only) for metric in study.metrics]
    bounds = map(study.bounds_of, study.metrics)
    columns = [Column("mean", tuple(map(mean_cell, estimates, scales, bounds)))]
    if any(one.count < study.replications for one in estimates) and not study.plan.batches:
        columns.append(Column("of", tuple(Count(one.count) for one in estimates)))
    return Table(words("metric", study.metrics, long=True), tuple(columns))


def _means(study: StudyFindings, most: int) -> Table:
    """Many configurations, nothing to compare with: a row for each, a column for each metric."""
    shown = study.in_order[:most]
    columns = []
    for metric in study.metrics:
        scale = _scale(study, metric, shown)
        bounds = study.bounds_of(metric)
        cells = tuple(mean_cell(study.estimates[one.name, metric], scale, bounds) for one in shown)
        columns.append(Column(metric, cells, long=True))
    return Table(_labels(study, shown), (*columns, *_drawn(study, shown)))


def _comparison(study: StudyFindings, metric: str, most: int) -> Table:
    """One metric: a row for each configuration, and how it differs from the baseline."""
    shown = study.in_order[:most]
    scale = _scale(study, metric, shown)
    estimates = [study.estimates[one.name, metric] for one in shown]
    bounds = study.bounds_of(metric)
    columns = (
        Column("mean", tuple(mean_cell(one, scale, bounds) for one in estimates)),
        Column("difference", tuple(difference_cell(one, scale, bounds) for one in estimates)),
        Column("change", tuple(map(change_cell, estimates))),
        words("verdict", (_verdict(study, one, metric) for one in shown)),
        *_drawn(study, shown),
    )
    return Table(_labels(study, shown), columns)


def _verdict(study: StudyFindings, configuration: Configuration, metric: str) -> str:
    if configuration.name == study.baseline:
        return "baseline"
    drawn = any(map(study.is_drawn, (configuration.name, str(study.baseline))))
    return _said_of(
        significant=study.is_significant(study.estimates[configuration.name, metric]), drawn=drawn
    )


def _said_of(*, significant: bool | None, drawn: bool) -> str:
    return {None: "", True: "significant", False: "not significant"}[significant] if drawn else "exact"


def _drawn(study: StudyFindings, shown: Sequence[Configuration]) -> tuple[Column, ...]:
    """Whether something is drawn for a row; no column if that is the same everywhere."""
    marks = [study.is_drawn(one.name) for one in shown]
    return (words("drawn", ("yes" if mark else "no" for mark in marks)),) if len({*marks}) > 1 else ()


def mean_cell(one: Estimate, scale: Scale, bounds: tuple[float, float]) -> Measure:
    """A mean with its interval, if it has one."""
    return Measure(one.mean, _half_width(one.interval), scale, bounds=bounds)


def difference_cell(one: Estimate, scale: Scale, bounds: tuple[float, float]) -> Cell:
    """Empty where there is nothing to compare with, as for the baseline; of a metric within bounds."""
    if one.pairs == 0:
        return ""
    half_width, (low, high) = _half_width(one.difference_interval), bounds
    return Measure(one.difference, half_width, scale, difference=True, bounds=(low - high, high - low))


def change_cell(one: Estimate) -> Cell:
    """Empty where there is nothing to compare with; without interval if it has no width."""
    interval = one.relative_change_interval
    ends = None if interval is None or interval.low == interval.high else (interval.low, interval.high)
    return Change(one.relative_change, ends) if one.pairs else ""


def _half_width(interval: Interval | None) -> float | None:
    return None if interval is None else interval.half_width


def _scale(study: StudyFindings, metric: str, configurations: Iterable[Configuration]) -> Scale:
    return scale_of(study.unit_of(metric), [study.estimates[one.name, metric].mean for one in configurations])


def _labels(study: StudyFindings, shown: Sequence[Configuration]) -> Column:
    """What tells the configurations apart: of a sweep the values without the paths."""
    if study.paths:
        heading = ", ".join(path.rpartition(".")[2] for path in study.paths)
        return words(heading, (_varied(study, one) for one in shown), long=True)
    heading = "policy" if study.kind == "compare" else ""
    return words(heading, (one.name for one in shown), long=True)


def _varied(study: StudyFindings, configuration: Configuration) -> str:
    values = ", ".join(study.settings_of(configuration))
    several = len({one.policy for one in study.configurations}) > 1
    return f"{configuration.policy}, {values}" if several else values


def readable_table(table: pl.DataFrame, baseline: str | None, level: float) -> pl.DataFrame:
    """The table of a study as people read it; null where nothing is shown.

    Args:
        table: as `Study.table` gives it.
        baseline: of the study.
        level: of its intervals.
    """
    import polars as pl

    rows = table.to_dicts()
    drawn = {row["configuration"]: row["drawn"] for row in rows}
    kept = [name for name in table.columns[: table.columns.index("count") + 1] if name != "unit"]
    texts: dict[str, list[str | None]] = {name: [] for name in ("mean", "difference", "change", "verdict")}
    for row in rows:
        metric, unit, one = row["metric"], row["unit"], estimate_of(row, level)
        scale = scale_of(unit, [other["mean"] for other in rows if other["metric"] == metric])
        bounds = (-math.inf, math.inf) if unit is None else metric_bounds(metric)
        verdict = "baseline" if row["configuration"] == baseline else ""
        if one.pairs:
            either = drawn[row["configuration"]] or drawn[baseline]
            verdict = _said_of(significant=row["significant"], drawn=either)
        cells = (
            mean_cell(one, scale, bounds),
            difference_cell(one, scale, bounds),
            change_cell(one),
            verdict,
        )
        for column, cell in zip(texts.values(), cells, strict=True):
            column.append(written(cell, Page()) or None)
    return table.select(kept).with_columns(pl.Series(*one, dtype=pl.String) for one in texts.items())


def estimate_of(row: Mapping[str, Any], level: float) -> Estimate:
    """The estimate that a row of the table was made of."""

    def interval(name: str, middle: str, count: int) -> Interval | None:
        low, high = row[f"{name}low"], row[f"{name}high"]
        return None if low is None else Interval(row[middle], (high - low) / 2, level, count - 1)

    pairs, low, high = row["pairs"] or 0, row["relative_change_low"], row["relative_change_high"]
    change = None if low is None else RatioInterval(row["relative_change"], low, high, level, pairs - 1)
    return Estimate(
        count=row["count"],
        mean=row["mean"],
        interval=interval("", "mean", row["count"]),
        pairs=pairs,
        difference=row["difference"],
        difference_interval=interval("difference_", "difference", pairs),
        relative_change=row["relative_change"],
        relative_change_interval=change,
    )


# the best of a search

_MOST_SETTINGS: Final = 20


def tuning_document(tuning: TuningFindings, *, everything: bool = False) -> Document:
    """What is shown of a search: the best settings, what they gain on new workloads, and the trade-off.

    Of a long trade-off only some settings are shown, unless `everything` is.
    """
    sections = [Section("tuning", above=tuple(_question(tuning)))]
    if tuning.best is None:
        none = Note(f"None is best: {tuning.why_nothing}", Emphasis.WARNING)
        sections.append(Section("best", above=(none,)))
    else:
        best = (Note(f"Best: {setting}", Emphasis.STRONG) for setting in tuning.best.settings)
        workloads = counted(tuning.replications, "workload")
        title = f"On {workloads} that the search did not see (seed {tuning.seed + 1})"
        if not tuning.drawn:
            title = "Nothing is drawn: exact for this workload, and of others it says nothing"
        edges = (
            Note(f"{setting} is at an end of its range: a better value may lie beyond", Emphasis.WARNING)
            for setting in tuning.at_edges
        )
        sections.append(Section("best", above=(*best, *edges)))
        sections.append(Section("confirmation", title, body=_confirmation(tuning)))
    return [*sections, *_trade_off(tuning, sys.maxsize if everything else _MOST_SETTINGS)]


def _question(tuning: TuningFindings) -> Iterator[Note]:
    direction = "smallest" if tuning.objective.direction == "minimise" else "largest"
    paths = " and ".join(one.path for one in tuning.ranges)
    yield Note(f"{paths} for the {direction} {tuning.objective.metric}", Emphasis.STRONG)
    for constraint in tuning.constraints:
        suffix = ""
        if constraint.of_baseline:
            limit = constraint.limit(tuning.baseline)
            scale = scale_of(metric_unit(constraint.metric), [limit])
            suffix = f", that is {written(Measure(limit, None, scale), Page())}"
        yield Note(f"such that {constraint.text}{suffix}")
    tried, workloads = counted(len(tuning.evaluations), "candidate"), counted(tuning.replications, "workload")
    where = f"each on the same {workloads} (seed {tuning.seed})" if tuning.drawn else "each simulated once"
    yield Note(f"{tried}, {where}")


def _confirmation(tuning: TuningFindings) -> Table:
    rows = tuning.confirmation
    scales = [scale_of(metric_unit(row.metric), [row.before.mean, row.after.mean]) for row in rows]

    def column(heading: str, measure: Callable[[Confirmation, Scale], Cell]) -> Column:
        return Column(heading, tuple(map(measure, rows, scales)))

    columns = [
        column("as it stands", lambda row, scale: Measure(row.before.mean, None, scale)),
        column("best", lambda row, scale: Measure(row.after.mean, None, scale)),
        column("difference", lambda row, scale: difference_cell(row.after, scale, metric_bounds(row.metric))),
        Column("change", tuple(change_cell(row.after) for row in rows)),
    ]
    if tuning.constraints:
        verdicts = {None: "", True: "kept", False: "missed"}
        columns.append(Column("bound", tuple(verdicts[row.keeps] for row in rows)))
    return Table(words("metric", (row.metric for row in rows), long=True), tuple(columns))


def _trade_off(tuning: TuningFindings, most: int) -> Iterator[Section]:
    front = _without_repetition(tuning)
    if len(front) < 2:
        return
    shown = _spread(front, most)
    labels, *columns = (_values_of_range(tuning, index, shown) for index in range(len(tuning.ranges)))
    for metric in tuning.baseline:
        scale = scale_of(metric_unit(metric), [row.means[metric] for row in shown])
        cells = tuple(Measure(row.means[metric], None, scale) for row in shown)
        columns.append(Column(metric, cells, long=True))
    marks = ("best" if row is tuning.best else "" if row.feasible else "misses" for row in shown)
    columns.append(words("verdict", marks))
    title = "The trade-off: what improves one of the metrics makes another worse"
    below = (Note(f"{len(shown)} of {len(front)} are shown"),) if len(shown) < len(front) else ()
    yield Section("trade_off", title, body=Table(labels, tuple(columns)), below=below)


def _values_of_range(tuning: TuningFindings, index: int, rows: Sequence[Evaluation]) -> Column:
    varied = tuning.ranges[index]
    cells = tuple(varied.written(row.values[index]) for row in rows)
    return Column(varied.path.rpartition(".")[2], cells)


def _without_repetition(tuning: TuningFindings) -> list[Evaluation]:
    """The trade-off curve, of settings that are equally good in everything only those with the smallest
    values."""
    wanted = trade_off_metrics(tuning.objective, tuning.constraints)
    kept: dict[tuple[float | None, ...], Evaluation] = {}
    for one in tuning.front():
        kept.setdefault(tuple(one.means[metric] for metric in wanted), one)
    return list(kept.values())


def _spread(front: list[Evaluation], most: int) -> list[Evaluation]:
    """As many rows as are shown, evenly spread with both ends."""
    if len(front) <= most:
        return front
    last = len(front) - 1
    return [front[round(place * last / (most - 1))] for place in range(most)]

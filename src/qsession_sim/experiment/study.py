"""Study: what replications of one or several configurations have shown."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from qsession_sim.errors import StudyError
from qsession_sim.experiment.commands import (
    compare_options,
    replicate_command,
    run_command,
    study_command,
    sweep_options,
)
from qsession_sim.experiment.estimates import Estimate, Precision, estimate, with_holm
from qsession_sim.experiment.metrics import Value, metric_name, metric_unit
from qsession_sim.experiment.plans import Plan
from qsession_sim.experiment.references import Reference
from qsession_sim.experiment.store import write_study
from qsession_sim.experiment.tasks import Configuration, TaskResult
from qsession_sim.experiment.variations import Sampling, read_variations, sweep_points
from qsession_sim.queueing.statistics import autocorrelation
from qsession_sim.results.bundle import versions
from qsession_sim.scenario.yaml_source import read_value
from qsession_sim.units import SECOND, format_duration

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


# -- How a study was done and what it found, in words.

_SAMPLINGS: Final = {
    "grid": "all combinations of the values (a grid)",
    "random": "independent uniform points",
    "latin_hypercube": "a Latin hypercube",
}


def describe_method(study: Study) -> tuple[str, ...]:
    """How a study was done, one sentence each."""
    return (
        *_workloads(study),
        *_intervals(study),
        *_equal(study),
        *_stopping(study),
        *_warm_up(study),
        *_missing(study),
    )


def summary_text(study: Study) -> str:
    """Means with intervals, and differences to the baseline, one line each; then the method."""
    lines = []
    for metric in study.plan.metrics:
        name, unit = metric_name(metric), metric_unit(metric)
        lines.append(f"{name} [{'s' if unit == 'us' else unit}]" if unit else name)
        scale = SECOND if unit == "us" else 1
        names = [configuration.name for configuration in study.configurations]
        lines += [f"  {one}: {_line(study, one, name, scale)}" for one in names]
    return "\n".join((*lines, "", *study.method)) + "\n"


def _line(study: Study, configuration: str, metric: str, scale: int) -> str:
    found = study.estimates[configuration, metric]
    if found.mean is None:
        return "does not exist in any run"
    text = f"{found.mean / scale:.4g}"
    if found.interval is not None:
        text += f" ± {found.interval.half_width / scale:.2g}"
    if found.difference is None:
        return text
    text += f", difference {found.difference / scale:+.4g}"
    if found.difference_interval is not None:
        text += f" ± {found.difference_interval.half_width / scale:.2g}"
    if found.relative_change is not None:
        text += f" ({100 * found.relative_change:+z.1f} %)"
    significant = study.is_significant(found)
    return text if significant is None else f"{text}, {'significant' if significant else 'not significant'}"


def _workloads(study: Study) -> Iterator[str]:
    if study.sampling:
        yield f"The settings are {_SAMPLINGS[study.sampling]}: {len(study.configurations)} configurations."
    if study.plan.batches:
        yield f"One run of each configuration, on one workload (seed {study.plan.seed})."
        return
    count = study.replications
    runs = "1 replication" if count == 1 else f"{count} independent replications"
    same = "with a workload that all configurations see"
    if not _same_jobs(study):
        same = "from the same random numbers in all configurations"
    seen = f", each {same}" if len(study.configurations) > 1 else ""
    yield f"{runs} (seed {study.plan.seed}){seen}."


def _intervals(study: Study) -> Iterator[str]:
    level = f"{100 * study.level:.4g} %"
    if study.plan.batches:
        yield (
            f"Intervals of means: {level}, from the means of {study.plan.batches} batches of "
            f"successive jobs, Student's t."
        )
        yield from _correlation(study)
    elif study.replications > 1:
        yield f"Intervals of means: {level}, mean ± t s / sqrt(n) of n replications, Student's t with n - 1."
    compared = sum(found.p_value is not None for found in study.estimates.values())
    if compared:
        where = "on the same workload" if _same_jobs(study) else "of one replication"
        holm = f" with Holm's correction for all {compared} comparisons" if compared > 1 else ""
        yield (
            f"Differences to {study.baseline}: by pairs {where}, with intervals of the same "
            f"kind, one by one; significant by the paired t-test{holm} at {100 * (1 - study.level):.4g} %."
        )


def _equal(study: Study) -> Iterator[str]:
    """Replications of listed jobs, or of a trace, repeat one workload: no spread, whatever is asked."""
    if study.plan.batches or study.replications == 1:
        return
    found = [set(study.observations(*key)) for key in study.estimates]
    if all(len(values) == 1 for values in found) and any(values != {None} for values in found):
        yield (
            "All replications gave the same numbers, as where nothing is drawn: what they show is exact for "
            "this workload, and intervals and tests say nothing about others."
        )


def _stopping(study: Study) -> Iterator[str]:
    if study.rule is not None:
        found = "reached" if study.reached else "NOT reached"
        yield (
            f"Stopping rule: {study.rule.text}, in every configuration; {found} after {study.replications} "
            f"replications. It is asked after 10 and then after every quarter more. A rule stops early by "
            f"luck, too, so intervals cover a little less often than they say: in trials, those of 95 % "
            f"in 92 % or more."
        )


def _warm_up(study: Study) -> Iterator[str]:
    found_us = [result.warm_up_us for result in study.results.values()]
    least, most = (format_duration(one(found_us)) for one in (min, max))
    if study.plan.warm_up == "mser5":
        first = study.plan.warm_up_of
        runs = [one for one in study.results.values() if first is None or one.configuration == first.name]
        short = sum(not result.settled for result in runs)
        found = (
            "found in each run by MSER-5 on the waiting times of its jobs, and left out."
            if first is None
            else f"found in each run of {first.name} by MSER-5 on the waiting times of its jobs, and left "
            f"out of all runs on the same workload."
        )
        yield f"Warm-up: {found}" + (f" {short} of {len(runs)} runs are too short for it." if short else "")
    elif least != most:
        yield f"Warm-up: left out of each run as its configuration says, from {least} to {most}."
    else:
        yield f"Warm-up: {most} left out of each run." if most != "0s" else "Warm-up: none left out."


def _same_jobs(study: Study) -> bool:
    """Whether configurations differ in policies alone; other settings may change what is drawn."""
    settings = (setting for one in study.configurations for setting in one.overrides)
    return all(setting.startswith("policies.") for setting in settings)


def _correlation(study: Study) -> Iterator[str]:
    """With Bartlett's bound for independent ones: G. E. P. Box and others, see `series.autocorrelation`."""
    count = study.plan.batches
    series = (np.array(study.observations(*key), dtype=np.float64) for key in study.estimates)
    found = [autocorrelation(values, 1)[1] for values in series if np.ptp(values)]
    if found:
        yield (
            f"Successive batch means correlate by {max(found):.2f} at most; clearly above "
            f"{2 / math.sqrt(count):.2f} = 2 / sqrt({count}) it means that batches, and then intervals, "
            f"are too short."
        )


def _missing(study: Study) -> Iterator[str]:
    if study.plan.batches:
        return
    runs = len(study.results)
    for metric in study.metrics:
        count = sum(study.estimates[one.name, metric].count for one in study.configurations)
        if 0 < count < runs:
            yield (
                f"Left out where it does not exist, of pairs both: {metric} in {runs - count} of {runs} "
                f"runs; its mean is that of the others."
            )


DEFAULT_LEVEL: Final = 0.95

_KINDS: Final = {"policy": "queue", "hold": "hold", "routing": "routing"}


@dataclass(frozen=True)
class Study:
    """What replications of one or several configurations have shown.

    Attributes:
        kind: what was asked.
        plan: what each run measures.
        configurations: what is compared, in order.
        replications: so many of each.
        results: by name of the configuration and number of the replication.
        baseline: name of the configuration that the others are compared with; None: they are not.
        level: of the intervals, above 0 and below 1.
        rule: why it stopped; None: after a fixed number of replications.
        paths: what a sweep varies.
        sampling: how a sweep chose its points; empty otherwise.
        asked: what was asked, as it stands in the plan of a study directory.
    """

    kind: Literal["replicate", "compare", "sweep"]
    plan: Plan
    configurations: tuple[Configuration, ...]
    replications: int
    results: Mapping[tuple[str, int], TaskResult]
    baseline: str | None = None
    level: float = DEFAULT_LEVEL
    rule: Precision | None = None
    paths: tuple[str, ...] = ()
    sampling: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        names = [one.name for one in self.configurations]
        shown = f"{len(names)} configurations" if len(names) > 10 else f"{names!r}"
        return f"Study({self.kind!r}, {shown}, {self.replications} replications of {list(self.metrics)!r})"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return self.plan.metric_names

    def settings_of(self, configuration: Configuration) -> list[str]:
        """The values of what a sweep varies, in the order of `paths`."""
        varied = dict(setting.split("=", 1) for setting in configuration.overrides)
        return [varied[path] for path in self.paths]

    def unit_of(self, metric: str) -> str | None:
        """The unit of a metric, by its name; see `metric_unit`."""
        return next(metric_unit(one) for one in self.plan.metrics if metric_name(one) == metric)

    def is_significant(self, found: Estimate) -> bool | None:
        """Whether it differs from the baseline after Holm's correction; None without a comparison."""
        return None if found.adjusted_p_value is None else found.adjusted_p_value <= 1 - self.level

    @property
    def in_order(self) -> Sequence[Configuration]:
        """As they are shown: the points of a grid by their values, each setting's in the order in which they
        were given."""
        if self.sampling != "grid":
            return self.configurations
        ranks: list[dict[str, int]] = [{} for _ in self.paths]
        for one in self.configurations:
            for rank, value in zip(ranks, self.settings_of(one), strict=True):
                rank.setdefault(value, len(rank))

        def place(one: Configuration) -> list[int]:
            return [rank[value] for rank, value in zip(ranks, self.settings_of(one), strict=True)]

        return sorted(self.configurations, key=place)

    def observations(self, configuration: str, metric: str) -> Sequence[Value]:
        """The values of a metric by replication, or by batch of one long run; None: it does not exist there.

        Raises:
            StudyError: if there is no such configuration or metric.
        """
        if metric not in self.metrics or (configuration, 0) not in self.results:
            raise StudyError(f"the study has no metric {metric!r} of a configuration {configuration!r}")
        if self.plan.batches:
            return self.results[configuration, 0].batches[metric]
        return [self.results[configuration, number].metrics[metric] for number in range(self.replications)]

    @cached_property
    def estimates(self) -> dict[tuple[str, str], Estimate]:
        """All estimates, by the names of configuration and metric; p-values are adjusted over all of them."""
        found = {}
        for configuration in self.configurations:
            for metric in self.metrics:
                compared = self.baseline is not None and configuration.name != self.baseline
                found[configuration.name, metric] = estimate(
                    self.observations(configuration.name, metric),
                    self.observations(str(self.baseline), metric) if compared else None,
                    self.level,
                )
        return with_holm(found)

    @property
    def reached(self) -> bool:
        """Whether the rule for stopping holds; True without one."""
        rule = self.rule
        if rule is None:
            return True
        return all(
            rule.holds(self.estimates[configuration.name, rule.metric].interval)
            for configuration in self.configurations
        )

    def table(self) -> pl.DataFrame:
        """One row for each configuration and metric.

        - `configuration`, `policy`, `hold`, `routing`, and a column for each setting that a sweep varies.
        - `metric`, `unit` (`us`, `1/h`, empty for counts and shares; of functions of the user `us` if the
          name ends in `_us`, else null).
        - `count` of observations, `mean`, and the ends `low` and `high` of its interval.
        - beside the baseline: `pairs`, mean `difference` with `difference_low` and `difference_high`,
          `relative_change` (difference over the size of the baseline's mean), `p_value`,
          `adjusted_p_value` (Holm), `significant`. Null where there is no comparison.
        - `command`: what computes the row again; null if the scenario is no file. Where there is a baseline
          it is that of the whole study, on which differences and Holm's correction depend. If policies were
          given that no option can name, it computes the mean and its interval only, or is null if these
          depend on the baseline, too (`mser5`).
        """
        import polars as pl

        return pl.DataFrame(self._rows(), schema=self._schema(), orient="row")

    def runs(self) -> pl.DataFrame:
        """One row for each run: `configuration`, `replication`, `seed`, the metrics, `warm_up_us`, `settled`
        (False if MSER-5 calls the run too short), and the `command` that repeats it."""
        import polars as pl

        results = [
            (configuration, self.results[configuration.name, number])
            for number in range(self.replications)
            for configuration in self.configurations
        ]
        return pl.DataFrame(
            {
                "configuration": pl.Series([one.configuration for _, one in results], dtype=pl.String),
                "replication": [one.replication for _, one in results],
                "seed": [one.seed for _, one in results],
                **{
                    metric: pl.Series(
                        [one.metrics[metric] for _, one in results], dtype=pl.Float64, strict=False
                    )
                    for metric in self.metrics
                },
                "warm_up_us": [one.warm_up_us for _, one in results],
                "settled": [one.settled for _, one in results],
                "command": pl.Series(
                    [self._run_command(configuration, one) for configuration, one in results],
                    dtype=pl.String,
                ),
            }
        )

    @property
    def method(self) -> tuple[str, ...]:
        """How it was done, one sentence each."""
        return describe_method(self)

    @property
    def summary_text(self) -> str:
        """The table and the method for people to read."""
        return summary_text(self)

    def figure(self, metric: str) -> Figure:
        """The means of a metric with their intervals.

        Raises:
            StudyError: if there is no such metric, or matplotlib is not installed.
        """
        from qsession_sim.report.study_figures import draw_metric

        if metric not in self.metrics:
            raise StudyError(f"the study has no metric {metric!r}; it has {', '.join(self.metrics)}")
        return draw_metric(self, metric)

    def to_dict(self) -> dict[str, Any]:
        """All of it but the single runs, as JSON values; equal studies, equal values."""
        return {
            "kind": self.kind,
            "method": list(self.method),
            "baseline": self.baseline,
            "replications": self.replications,
            "level": self.level,
            "until": None if self.rule is None else self.rule.text,
            "reached": self.reached,
            "provenance": {
                "versions": versions(),
                "seed": self.plan.seed,
                "scenario": self.plan.scenario.origin,
                "digests": self.plan.digests(),
            },
            "table": self.table().to_dicts(),
        }

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write `table.parquet`, `runs.parquet` and `study.json` to a directory; each whole or not at all.

        Raises:
            StudyError: if they cannot be written.
        """
        return write_study(directory, {"table": self.table(), "runs": self.runs()}, self.to_dict())

    # ------------------------------------------------------------ rows of the table

    def _schema(self) -> dict[str, Any]:
        import polars as pl

        text = ("configuration", *_KINDS, *self.paths, "metric", "unit")
        numbers = ("difference", "difference_low", "difference_high", "relative_change")
        return {
            **dict.fromkeys(text, pl.String),
            "count": pl.Int64,
            **dict.fromkeys(("mean", "low", "high"), pl.Float64),
            "pairs": pl.Int64,
            **dict.fromkeys((*numbers, "p_value", "adjusted_p_value"), pl.Float64),
            "significant": pl.Boolean,
            "command": pl.String,
        }

    def _rows(self) -> list[tuple[Any, ...]]:
        rows = []
        for configuration in self.configurations:
            about = (
                configuration.name,
                *(self._policy(configuration, kind) for kind in _KINDS),
                *self.settings_of(configuration),
            )
            # alone, it would find another warm-up
            alone = self.plan.warm_up_of in {None, configuration}
            command = self._whole_command or (self._replicate_command(configuration) if alone else None)
            for metric in self.plan.metrics:
                found = self.estimates[configuration.name, metric_name(metric)]
                rows.append(
                    (*about, metric_name(metric), metric_unit(metric), *self._numbers(found), command)
                )
        return rows

    def _numbers(self, found: Estimate) -> tuple[Any, ...]:
        interval, difference = found.interval, found.difference_interval
        return (
            found.count,
            found.mean,
            interval and interval.low,
            interval and interval.high,
            found.pairs or None,
            found.difference,
            difference and difference.low,
            difference and difference.high,
            found.relative_change,
            found.p_value,
            found.adjusted_p_value,
            self.is_significant(found),
        )

    def _policy(self, configuration: Configuration, kind: str) -> str:
        """The name of a policy: of the configuration, of its settings, or of the scenario."""
        own: str | None = getattr(configuration, kind)
        if own is not None:
            return own
        path = f"policies.{_KINDS[kind]}"
        for setting in reversed(configuration.overrides):
            name, _, value = setting.partition("=")
            if name in {path, f"{path}.name"}:
                read = read_value(value)
                return str(read["name"] if isinstance(read, Mapping) else read)
        return str(getattr(self.plan.scenario.resolved.policies, _KINDS[kind]).name)

    # ------------------------------------------------------------ commands

    def _run_command(self, configuration: Configuration, result: TaskResult) -> str | None:
        options = self.plan.options
        if self.plan.warm_up == "mser5":
            options = (*options, "--set", f"warm_up={result.warm_up_us}us")
        file = self.plan.scenario_file
        return file and run_command(file, self._spelled(configuration), result.seed, options)

    @cached_property
    def _whole_command(self) -> str | None:
        """The command of all of it; None if there is nothing to compare, or it has none."""
        file, chosen = self.plan.scenario_file, self._own_options()
        if file is None or chosen is None:
            return None
        options = (*self._shared_options(), *chosen)
        return study_command(
            self.kind, file, self.plan.seed, self.replications, self._asked_metrics(), options
        )

    def _own_options(self) -> list[str] | None:
        if self.baseline is None or len(self.configurations) < 2:
            return None
        position = [one.name for one in self.configurations].index(self.baseline)
        if self.kind == "compare":
            return compare_options(list(map(self._spelled, self.configurations)), position)
        bases = [self._spelled(Configuration(**one)) for one in self.asked["configurations"]]
        vary, points = self.asked["vary"], self.asked["points"]
        variations = read_variations(vary, self.sampling)
        sampling = cast("Sampling", self.sampling)
        named = [replace(one, name=one.policy or "") for one in bases]
        name = sweep_points(named, variations, sampling, points, self.plan.seed)[position].name
        sample = None if points is None else f"{sampling.replace('_', '-')}:{points}"
        return sweep_options(bases, vary, sample, name)

    def _replicate_command(self, configuration: Configuration) -> str | None:
        file, spelled, options = self.plan.scenario_file, self._spelled(configuration), self._shared_options()
        metrics = self._asked_metrics()
        return file and replicate_command(file, spelled, self.plan.seed, self.replications, metrics, options)

    def _asked_metrics(self) -> list[str]:
        return [
            metric.spelling or metric.name if isinstance(metric, Reference) else metric
            for metric in self.plan.metrics
        ]

    def _shared_options(self) -> tuple[str, ...]:
        plan = self.plan
        return (
            *plan.options,
            *(("--warm-up", "mser5") if plan.warm_up == "mser5" else ()),
            *(("--batches", str(plan.batches)) if plan.batches else ()),
            *(("--level", str(self.level)) if self.level != DEFAULT_LEVEL else ()),
        )

    def _spelled(self, configuration: Configuration) -> Configuration:
        """With a policy that another process finds."""
        reference = self.plan.functions.get(configuration.policy or "")
        if reference is None or reference.spelling is None:
            return configuration
        return replace(configuration, policy=reference.spelling)

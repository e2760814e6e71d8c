"""What many runs have shown: estimates of a study and, in words, how they were made; the best of a search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np

from qsession_sim.errors import StudyError
from qsession_sim.experiment.estimates import Estimate, Precision, estimate, with_holm
from qsession_sim.experiment.metrics import Metric, Value, metric_bounds, metric_name, metric_unit
from qsession_sim.experiment.options import DEFAULT_LEVEL
from qsession_sim.experiment.plan import StudyPlan
from qsession_sim.experiment.search import Constraint, Means, Objective, Values
from qsession_sim.experiment.tasks import Configuration, TaskResult
from qsession_sim.experiment.variations import Range
from qsession_sim.queueing.statistics import Interval, RatioInterval, autocorrelation, cut_ends, shows_ends
from qsession_sim.units import SECOND, format_duration, percentage_or_factor


@dataclass(frozen=True)
class StudyFindings:
    """What replications of one or several configurations have shown.

    Attributes:
        kind: the function that was called.
        plan: what each run measures.
        configurations: what is compared, in order.
        replications: how many of each.
        results: by name of the configuration and number of the replication.
        baseline: name of the configuration that the others are compared with; None: they are not.
        level: of the intervals, above 0 and below 1.
        rule: why it stopped; None: after a fixed number of replications.
        paths: what a sweep varies.
        sampling: how a sweep chose its points; empty otherwise.
        asked: what was compared, as the plan of a study directory has it.
    """

    kind: Literal["replicate", "compare", "sweep"]
    plan: StudyPlan
    configurations: tuple[Configuration, ...]
    replications: int
    results: Mapping[tuple[str, int], TaskResult]
    baseline: str | None = None
    level: float = DEFAULT_LEVEL
    rule: Precision | None = None
    paths: tuple[str, ...] = ()
    sampling: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)

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
        return metric_unit(self._metric(metric))

    def bounds_of(self, metric: str) -> tuple[float, float]:
        """What a metric lies between, by its name; see `metric_bounds`."""
        return metric_bounds(self._metric(metric))

    def _metric(self, name: str) -> Metric:
        return next(one for one in self.plan.metrics if metric_name(one) == name)

    def is_drawn(self, configuration: str) -> bool:
        """Whether a seed matters to it: else there is one run, whose numbers are exact."""
        return self.results[configuration, 0].drawn

    def is_significant(self, one: Estimate) -> bool | None:
        """Whether it differs from the baseline after Holm's correction; None without a comparison."""
        return None if one.adjusted_p_value is None else one.adjusted_p_value <= 1 - self.level

    @property
    def in_order(self) -> Sequence[Configuration]:
        """The configurations as they are shown: the points of a grid by their values, each setting's
        in the order in which they were given."""
        if self.sampling != "grid":
            return self.configurations
        named = {one.name: one for one in self.configurations}
        order = by_settings({name: self.settings_of(one) for name, one in named.items()})
        return [named[name] for name in order]

    def observations(self, configuration: str, metric: str) -> Sequence[Value]:
        """The values of a metric by replication, or by batch of one long run; None: it does not exist there.
        Where nothing is drawn there is one value, that of the whole run.

        Raises:
            StudyError: if there is no such configuration or metric.
        """
        if metric not in self.metrics or (configuration, 0) not in self.results:
            raise StudyError(f"the study has no metric {metric!r} of a configuration {configuration!r}")
        if not self.is_drawn(configuration):
            return [self.results[configuration, 0].metrics[metric]]
        if self.plan.batches:
            return self.results[configuration, 0].batches[metric]
        return [self.results[configuration, number].metrics[metric] for number in range(self.replications)]

    @cached_property
    def estimates(self) -> dict[tuple[str, str], Estimate]:
        """All estimates, by the names of configuration and metric; p-values are adjusted over all of them."""
        estimates = {}
        for configuration in self.configurations:
            for metric in self.metrics:
                compared = self.baseline is not None and configuration.name != self.baseline
                estimates[configuration.name, metric] = estimate(
                    self.observations(configuration.name, metric),
                    self.observations(str(self.baseline), metric) if compared else None,
                    self.level,
                )
        return with_holm(estimates)

    @property
    def reached(self) -> bool:
        """Whether the rule for stopping holds; True without one."""
        rule = self.rule
        if rule is None:
            return True
        return all(rule.holds(interval) for interval in self._intervals_of(rule))

    def _intervals_of(self, rule: Precision) -> Iterator[Interval | RatioInterval | None]:
        """Those that a rule is about; of what is exact there are none."""
        names = [one.name for one in self.configurations]
        drawn = [name for name in names if self.is_drawn(name)]
        if not rule.of_change:
            return (self.estimates[name, rule.metric].interval for name in drawn)
        compared = names if self.baseline in drawn else drawn
        return (
            self.estimates[name, rule.metric].relative_change_interval
            for name in compared
            if name != self.baseline
        )

    @property
    def method(self) -> tuple[str, ...]:
        """How it was done, one sentence each."""
        return (
            *_workloads(self),
            *_intervals(self),
            *_exact(self),
            *_stopping(self),
            *_warm_up(self),
            *_missing(self),
        )

    @property
    def summary_text(self) -> str:
        """Means with intervals, and differences to the baseline, one line each; then the method."""
        lines = []
        for metric in self.plan.metrics:
            name, unit = metric_name(metric), metric_unit(metric)
            lines.append(f"{name} [{'s' if unit == 'us' else unit}]" if unit else name)
            scale = SECOND if unit == "us" else 1
            lines += [f"  {one.name}: {_line(self, one.name, name, scale)}" for one in self.configurations]
        return "\n".join((*lines, "", *self.method)) + "\n"


def by_settings(settings: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of points by the values of their settings, each setting's in the order in which they came."""
    columns = (dict.fromkeys(values) for values in zip(*settings.values(), strict=True))
    ranks = [{value: rank for rank, value in enumerate(values)} for values in columns]

    def place(name: str) -> list[int]:
        return [rank[value] for rank, value in zip(ranks, settings[name], strict=True)]

    return sorted(settings, key=place)


_MOST_NAMED: Final = 3

_SAMPLINGS: Final = {
    "grid": "all combinations of the values (a grid)",
    "random": "independent uniform points",
    "latin_hypercube": "a Latin hypercube",
}


def _line(study: StudyFindings, configuration: str, metric: str, scale: int) -> str:
    one = study.estimates[configuration, metric]
    if one.mean is None:
        return "does not exist in any run"
    text = f"{one.mean / scale:.4g}"
    if one.interval is not None:
        half_width, bounds = one.interval.half_width, study.bounds_of(metric)
        low, high = (end / scale for end in cut_ends(one.mean, half_width, bounds))
        shown = shows_ends(one.mean, half_width, bounds)
        text += f" ({low:.4g}…{high:.4g})" if shown else f" ± {half_width / scale:.2g}"
    if one.difference is None:
        return text
    text += f", difference {one.difference / scale:+.4g}"
    if one.difference_interval is not None:
        text += f" ± {one.difference_interval.half_width / scale:.2g}"
    if one.relative_change is not None:
        text += f" ({percentage_or_factor(one.relative_change)})"
    significant = study.is_significant(one)
    return text if significant is None else f"{text}, {'significant' if significant else 'not significant'}"


def _workloads(study: StudyFindings) -> Iterator[str]:
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


def _intervals(study: StudyFindings) -> Iterator[str]:
    level = f"{100 * study.level:.4g} %"
    if not any(study.is_drawn(one.name) for one in study.configurations):
        return
    if study.plan.batches:
        yield (
            f"Intervals of means: {level}, from the means of {study.plan.batches} batches of "
            f"successive jobs, Student's t."
        )
        yield from _correlation(study)
    elif study.replications > 1:
        yield f"Intervals of means: {level}, mean ± t s / sqrt(n) of n replications, Student's t with n - 1."
    compared = sum(one.p_value is not None for one in study.estimates.values())
    if compared:
        where = "on the same workload" if _same_jobs(study) else "of one replication"
        holm = f" with Holm's correction for all {compared} comparisons" if compared > 1 else ""
        yield (
            f"Differences to {study.baseline}: by pairs {where}, with intervals of the same kind, one by "
            f"one; those of changes by Fieller's theorem; significant by the paired t-test{holm} at "
            f"{100 * (1 - study.level):.4g} %."
        )


def _exact(study: StudyFindings) -> Iterator[str]:
    """Listed jobs, or a trace: every replication would repeat the first one."""
    exact = [one.name for one in study.configurations if not study.is_drawn(one.name)]
    if not exact:
        return
    numbers = "its numbers are" if len(exact) == 1 else "their numbers are"
    say = f"{numbers} exact for this workload, and say nothing about others"
    if len(exact) == len(study.configurations):
        run = "run once" if len(exact) == 1 else "each configuration is run once"
        yield f"Nothing is drawn: {run}; {say}."
        return
    shown = ", ".join(exact[:_MOST_NAMED]) + (", and others" if len(exact) > _MOST_NAMED else "")
    yield f"Nothing is drawn in {shown}: run once; {say}."
    if study.baseline is not None:
        yield (
            "Where one of two is exact, each replication of the other makes a pair with it; where both are, "
            "so is the difference."
        )


def _stopping(study: StudyFindings) -> Iterator[str]:
    if study.rule is not None:
        outcome = "reached" if study.reached else "NOT reached"
        yield (
            f"Stopping rule: {study.rule.text}, in every configuration; {outcome} after {study.replications} "
            f"replications. It is asked after 10 and then after every quarter more. A rule stops early by "
            f"luck, too, so intervals cover a little less often than they say: in trials, those of 95 % "
            f"in 92 % or more."
        )


def _warm_up(study: StudyFindings) -> Iterator[str]:
    lengths_us = [result.warm_up_us for result in study.results.values()]
    least, most = (format_duration(one(lengths_us)) for one in (min, max))
    if study.plan.warm_up == "mser5":
        first = study.plan.warm_up_of
        runs = [one for one in study.results.values() if first is None or one.configuration == first.name]
        short = sum(not result.settled for result in runs)
        how = (
            "found in each run by MSER-5 on the waiting times of its jobs, and left out."
            if first is None
            else f"found in each run of {first.name} by MSER-5 on the waiting times of its jobs, and left "
            f"out of all runs on the same workload."
        )
        yield f"Warm-up: {how}" + (f" {short} of {len(runs)} runs are too short for it." if short else "")
    elif least != most:
        yield f"Warm-up: left out of each run as its configuration says, from {least} to {most}."
    else:
        yield f"Warm-up: {most} left out of each run." if most != "0s" else "Warm-up: none left out."


def _same_jobs(study: StudyFindings) -> bool:
    """Whether configurations differ in policies alone; other settings may change what is drawn."""
    settings = (setting for one in study.configurations for setting in one.overrides)
    return all(setting.startswith("policies.") for setting in settings)


def _correlation(study: StudyFindings) -> Iterator[str]:
    """With Bartlett's bound for independent ones: G. E. P. Box and others, see `autocorrelation`."""
    count = study.plan.batches
    series = (np.array(study.observations(*key), dtype=np.float64) for key in study.estimates)
    correlations = [autocorrelation(values, 1)[1] for values in series if np.ptp(values)]
    if correlations:
        yield (
            f"Successive batch means correlate by {max(correlations):.2f} at most; clearly above "
            f"{2 / math.sqrt(count):.2f} = 2 / sqrt({count}) it means that batches, and then intervals, "
            f"are too short."
        )


def _missing(study: StudyFindings) -> Iterator[str]:
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
    """A metric of the best settings compared with the scenario as it stands, on workloads new to the search.

    Attributes:
        metric: its name.
        before: of the scenario as it stands.
        after: of the best settings, with their difference from the scenario as it stands by pairs.
        keeps: whether the mean of `after` keeps the constraints on this metric; None without one.
    """

    metric: str
    before: Estimate
    after: Estimate
    keeps: bool | None

    @property
    def baseline(self) -> Interval | None:
        """Of the scenario as it stands; None if nothing is drawn, as its one number is exact then."""
        return self.before.interval

    @property
    def best(self) -> Interval | None:
        """Of the best settings; None as for `baseline`."""
        return self.after.interval

    @property
    def difference(self) -> Interval | None:
        """Best less baseline, by pairs; None if both are exact."""
        return self.after.difference_interval

    @property
    def change(self) -> float | None:
        """The difference as a share of the size of the baseline; None if that is not told from 0."""
        return self.after.relative_change


@dataclass(frozen=True)
class TuningFindings:
    """What a search for the best settings has shown.

    Attributes:
        scenario: its name.
        ranges: what was varied.
        objective: the metric to be minimised or maximised.
        constraints: the bounds to be kept.
        seed: of the search. Its workloads are those of a study with this seed, new ones those of the next.
        replications: workloads on which each evaluation was simulated, and as many new ones at the end.
        baseline: means of the scenario as it stands, on the workloads of the search.
        evaluations: in the order in which they were tried.
        best: None if nothing that was tried keeps the constraints.
        confirmation: by metric; empty without `best`.
        commands: repeat the confirmed means, of the baseline and of the best settings; empty if the scenario
            is no file.
        drawn: whether anything is drawn under any settings; else each was simulated once, and all is exact.
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
    drawn: bool = True

    @property
    def at_edges(self) -> tuple[str, ...]:
        """The best settings that lie at an end of their range, beyond which a better one may be."""
        if self.best is None:
            return ()
        places = zip(self.ranges, self.best.values, self.best.settings, strict=True)
        return tuple(setting for one, value, setting in places if value in {one.low, one.high})

    @property
    def why_nothing(self) -> str:
        """Why there is no best."""
        metric = self.objective.metric
        if all(one.means[metric] is None for one in self.evaluations):
            return f"{metric} does not exist in every run of any candidate"
        return "nothing that was tried keeps the constraints"

    def front(self) -> list[Evaluation]:
        """The trade-off curve, by values."""
        return sorted((one for one in self.evaluations if one.on_front), key=lambda one: one.values)

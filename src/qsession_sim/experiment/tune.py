"""The best value of one or two settings, under constraints, on common random numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from qsession_sim.errors import FigureError, StudyError
from qsession_sim.experiment.commands import options_of, study_command
from qsession_sim.experiment.estimates import estimate
from qsession_sim.experiment.executors import as_executor
from qsession_sim.experiment.findings import Confirmation, Evaluation, TuningFindings
from qsession_sim.experiment.following import study_followed
from qsession_sim.experiment.metrics import metric_name
from qsession_sim.experiment.options import DEFAULT_LEVEL, TuneOptions, taken_by, with_options
from qsession_sim.experiment.plan import AS_IT_STANDS, Source, StudyPlan, make_plan
from qsession_sim.experiment.references import one_spelling
from qsession_sim.experiment.search import (
    MEMBERS,
    Constraint,
    Means,
    Merit,
    Objective,
    Values,
    best,
    fewest_evaluations,
    front,
    read_constraint,
    read_objective,
    search,
    trade_off_metrics,
)
from qsession_sim.experiment.shown import ShownTuning
from qsession_sim.experiment.store import EVALUATIONS, TUNING, Runs, open_store, parquet, study_place
from qsession_sim.experiment.tasks import POLICIES, Configuration, whole_number
from qsession_sim.experiment.variations import Range, read_ranges, written_range
from qsession_sim.files import reason, write_whole
from qsession_sim.queueing.statistics import Interval
from qsession_sim.results.bundle import json_text

if TYPE_CHECKING:
    import polars as pl

DEFAULT_REPLICATIONS: Final = 10
"""Workloads of each evaluation."""

DEFAULT_GENERATIONS: Final = 10
"""Of the search, by default."""

FIGURE: Final = "trade_off.svg"

METHOD: Final = (
    "differential evolution (scipy.optimize.differential_evolution); the mean of each metric over the same "
    "workloads for all settings; what misses a constraint never wins; the best settings and the scenario as "
    "it stands simulated again on as many new workloads, with 95 % intervals (Student's t) of means and of "
    "paired differences"
)

Observed = dict[str, list[float | None]]
"""Of each metric, one value for each replication; a single one where nothing is drawn."""


@dataclass(frozen=True, repr=False)
class Tuning(TuningFindings, ShownTuning):
    """What a search has shown, with its table, figure and files; attributes as in `TuningFindings`."""

    def __repr__(self) -> str:
        best = None if self.best is None else " ".join(self.best.settings)
        evaluations = f"{len(self.evaluations)} evaluation{'' if len(self.evaluations) == 1 else 's'}"
        return f"Tuning(best={best!r}, {evaluations} of {self.objective.metric!r})"

    def _repr_html_(self) -> str:
        from qsession_sim.report.study_rows import tuning_document
        from qsession_sim.report.text import notebook_html, text_of

        return notebook_html(repr(self), text_of(tuning_document(self)))

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
            "best": None if self.best is None else _evaluation_json(self.best),
            "at_edges": list(self.at_edges),
            "drawn": self.drawn,
            "confirmation": {
                "seed": self.seed + 1,
                "metrics": {one.metric: _confirmation_json(one) for one in self.confirmation},
                "commands": dict(self.commands),
            },
            "trade_off": [_evaluation_json(one) for one in self.front()],
            "evaluations": [_evaluation_json(one) for one in self.evaluations],
        }

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write `tuning.json`, `evaluations.parquet` and, with matplotlib, `trade_off.svg` to a directory.

        The figure comes last, so that none that cannot be drawn loses anything.

        Raises:
            StudyError: if they cannot be written, or the figure cannot be drawn.
        """
        target = study_place(directory)
        try:
            write_whole(target / TUNING, json_text(self.to_dict()).encode())
            write_whole(target / EVALUATIONS, parquet(self.table()))
            drawn = self._drawn()
            if drawn is not None:
                write_whole(target / FIGURE, drawn)
        except OSError as error:
            raise StudyError(f"cannot write {directory}: {reason(error)}") from error
        return target

    def _drawn(self) -> bytes | None:
        from qsession_sim.report.figures import need_matplotlib

        try:
            need_matplotlib()
        except FigureError:
            return None
        from qsession_sim.report.drawing import content

        try:
            return content(self.figure(), "svg")
        except Exception as error:
            what = f"{FIGURE} cannot be drawn, the other files are saved"
            raise StudyError(f"{what}: {type(error).__name__}: {error}") from error


@with_options(TuneOptions)
def tune(
    source: Source,
    vary: Sequence[str],
    *,
    minimise: str | None = None,
    maximise: str | None = None,
    subject_to: Sequence[str] = (),
    metrics: Sequence[str] = (),
    replications: int = DEFAULT_REPLICATIONS,
    evaluations: int | None = None,
    policy: str | None = None,
    **options: Unpack[TuneOptions],
) -> Tuning:
    """Find the best value of one or two settings of a scenario.

    Every candidate is simulated on the same workloads (common random numbers), and judged by the means of its
    metrics over them. Candidates come from differential evolution, which begins with values that cover the
    ranges evenly. The best of many candidates looks a little better than it is, because it is best partly by
    luck; so it and the scenario as it stands are simulated again, on workloads that the search never saw.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario. As it stands, with
            `overrides` and policies, it is the baseline of the constraints.
        vary: one or two ranges `PATH=LOW..HIGH`, such as `workload.vqe.interactive_timeout=1s..300s`. A range
            above 0 whose ends are a factor of ten apart is searched on a logarithmic scale.
        minimise: the metric that is to be as small as possible; either this or `maximise`.
        maximise: the metric that is to be as large as possible.
        subject_to: constraints `METRIC <= BOUND` or `METRIC >= BOUND`. A bound is a duration, a number, a
            percentage, or relative: `1.05 x baseline`.
        metrics: others to report.
        replications: workloads of each evaluation, and new ones of the confirmation; at least 2.
        evaluations: at most so many candidates; by default ten generations of 8 (one setting) or 16 (two).
        policy: queue policy, as text; by default the scenario's.
        **options: those of `TuneOptions`; `progress` is given the largest number of runs that there can be.

    Raises:
        ScenarioError: if the scenario cannot be used with a value of a range.
        PolicyError: if there is no such policy.
        StudyError: if the question or the options make no sense, or the directory is another study's.

    Example:
        >>> jobs = [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "1s"}]
        >>> tuning = tune(
        ...     {"workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]},
        ...     ["workload.all.jobs.a.qpu_time=1s..9s"], maximise="mean_turnaround",
        ...     subject_to=["mean_turnaround <= 5s"], replications=2,
        ... )
        >>> tuning.best.settings
        ('workload.all.jobs.a.qpu_time=5s',)
    """
    ranges = read_ranges(vary)
    question = _Question(
        ranges,
        read_objective(minimise, maximise),
        tuple(map(read_constraint, subject_to)),
        whole_number(replications, "replications", 2),
        _most_evaluations(evaluations, len(ranges)),
        Configuration(AS_IT_STANDS, policy and one_spelling(policy), options["hold"], options["routing"]),
    )
    wanted = trade_off_metrics(question.objective, question.constraints)
    measured = list(dict.fromkeys((*wanted, *metrics)))
    plan = make_plan(source, metrics=measured, **taken_by(make_plan, options))
    for configuration in (question.baseline, *question.ends()):
        plan.task(configuration, 0)  # what cannot be used is refused before a directory is begun
    directory = options["directory"]
    store = None if directory is None else open_store(directory, {**plan.describe(), **question.describe()})
    with study_followed(options["progress"]) as progress:
        runs = Runs(as_executor(options["executor"]), store, progress)
        return _confirmed(_search(question, plan, runs), question, plan, runs)


@dataclass(frozen=True)
class _Question:
    """What the search is for, read and checked."""

    ranges: tuple[Range, ...]
    objective: Objective
    constraints: tuple[Constraint, ...]
    replications: int
    evaluations: int
    baseline: Configuration

    def settings(self, values: Values) -> tuple[str, ...]:
        """`PATH=VALUE` for each range."""
        return tuple(one.setting(value) for one, value in zip(self.ranges, values, strict=True))

    def configuration(self, values: Values) -> Configuration:
        """The scenario with these values."""
        settings = self.settings(values)
        return replace(self.baseline, name=" ".join(settings), overrides=settings)

    def ends(self) -> list[Configuration]:
        """The scenario at the low ends of all ranges, and at the high ends; every search begins with both."""
        return [self.configuration(tuple(one.value_at(end) for one in self.ranges)) for end in (0.0, 1.0)]

    def describe(self) -> dict[str, Any]:
        """What is searched for, in addition to the plan, as JSON values."""
        policies = {name: getattr(self.baseline, name) for name in POLICIES}
        return {
            "tune": list(map(written_range, self.ranges)),
            self.objective.direction: self.objective.metric,
            "subject_to": [one.text for one in self.constraints],
            "replications": self.replications,
            "evaluations": self.evaluations,
            "method": METHOD,
            **policies,
        }


def _observe(
    runs: Runs, question: _Question, plan: StudyPlan, configurations: Sequence[Configuration]
) -> list[Observed]:
    """Simulate each configuration on every replication of a plan."""
    count = question.replications
    most = count * (question.evaluations + 3)  # the search, the baseline, and both ends of the confirmation
    names = list(map(metric_name, plan.metrics))
    done = runs.carry_out(plan.tasks(configurations, range(count)), most, count - 1)
    with plan.scenario.placing_problems():
        results = sorted(done, key=lambda result: result.replication)
    return [
        {name: [one.metrics[name] for one in results if one.configuration == chosen.name] for name in names}
        for chosen in configurations
    ]


def _search(question: _Question, plan: StudyPlan, runs: Runs) -> Tuning:
    """The evaluations, and the best of them."""
    baseline = _means(_observe(runs, question, plan, [question.baseline])[0])
    for constraint in question.constraints:
        constraint.limit(baseline)  # before the search: the bound exists
    means: dict[Values, Means] = {}
    drawn: set[bool] = set()

    def evaluate(points: Sequence[Values]) -> list[Merit]:
        observed = _observe(runs, question, plan, list(map(question.configuration, points)))
        drawn.update(len(values) > 1 for one in observed for values in one.values())
        means.update(zip(points, map(_means, observed), strict=True))
        return [_merit(question, means[values], baseline) for values in points]

    merits = search(question.ranges, evaluate, evaluations=question.evaluations, seed=plan.seed)
    chosen = best(merits)
    evaluations = _evaluations(question, merits, means)
    return Tuning(
        scenario=plan.scenario.origin,
        ranges=question.ranges,
        objective=question.objective,
        constraints=question.constraints,
        seed=plan.seed,
        replications=question.replications,
        baseline=baseline,
        evaluations=tuple(evaluations.values()),
        best=None if chosen is None else evaluations[chosen],
        confirmation=(),
        commands={},
        drawn=any(drawn),
    )


def _merit(question: _Question, means: Means, baseline: Means) -> Merit:
    excess = tuple(constraint.excess(means, baseline) for constraint in question.constraints)
    return Merit(question.objective.value(means), excess)


def _evaluations(
    question: _Question, merits: dict[Values, Merit], means: dict[Values, Means]
) -> dict[Values, Evaluation]:
    wanted = trade_off_metrics(question.objective, question.constraints)
    whole = [values for values in merits if all(means[values][metric] is not None for metric in wanted)]
    places = [[sign * (means[values][metric] or 0.0) for metric, sign in wanted.items()] for values in whole]
    on_front = {values for values, there in zip(whole, front(places), strict=True) if there}
    return {
        values: Evaluation(
            values, question.settings(values), means[values], merit.feasible, values in on_front
        )
        for values, merit in merits.items()
    }


def _confirmed(tuning: Tuning, question: _Question, plan: StudyPlan, runs: Runs) -> Tuning:
    """The best settings compared with the scenario as it stands, on workloads of the next seed."""
    if tuning.best is None:
        return tuning
    fresh = replace(plan, seed=plan.seed + 1)
    chosen = question.configuration(tuning.best.values)
    baseline, better = _observe(runs, question, fresh, [question.baseline, chosen])
    limits = _means(baseline)
    reports = [
        _confirmation(name, baseline[name], better[name], question, limits)
        for name in baseline
        if None not in (*baseline[name], *better[name])
    ]
    file = plan.scenario_file
    commands = {
        name: study_command(
            "replicate",
            file,
            fresh.seed,
            question.replications,
            list(baseline),
            (*plan.options, *options_of(configuration)),
        )
        for name, configuration in (("baseline", question.baseline), ("best", chosen))
        if file is not None
    }
    return replace(tuning, confirmation=tuple(reports), commands=commands)


def _confirmation(
    metric: str,
    baseline: list[float | None],
    better: list[float | None],
    question: _Question,
    limits: Means,
) -> Confirmation:
    """One metric; relative bounds are relative to the baseline on the same new workloads."""
    before, after = estimate(baseline, None, DEFAULT_LEVEL), estimate(better, baseline, DEFAULT_LEVEL)
    own = [constraint for constraint in question.constraints if constraint.metric == metric]
    kept = all(one.excess({metric: after.mean}, limits) <= 0 for one in own)
    return Confirmation(metric, before, after, kept if own else None)


def _means(observed: Observed) -> Means:
    return {
        name: None if None in values else float(np.array(values, dtype=np.float64).mean())
        for name, values in observed.items()
    }


def _most_evaluations(wanted: int | None, settings: int) -> int:
    if wanted is None:
        return DEFAULT_GENERATIONS * MEMBERS[settings]
    return whole_number(wanted, "evaluations", fewest_evaluations(settings))


def _evaluation_json(one: Evaluation) -> dict[str, Any]:
    return {
        "settings": list(one.settings),
        "means": dict(one.means),
        "feasible": one.feasible,
        "on_front": one.on_front,
    }


def _confirmation_json(one: Confirmation) -> dict[str, Any]:
    def written(mean: float | None, interval: Interval | None) -> dict[str, Any]:
        return {"mean": mean, "low": interval and interval.low, "high": interval and interval.high}

    change = one.after.relative_change_interval
    return {
        "baseline": written(one.before.mean, one.baseline),
        "best": written(one.after.mean, one.best),
        "difference": written(one.after.difference, one.difference),
        "change": one.change,
        "change_low": change and change.low,
        "change_high": change and change.high,
        "keeps_constraints": one.keeps,
    }

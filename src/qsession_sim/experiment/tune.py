"""The best value of one or two settings, under constraints, on common random numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.experiment.commands import replicate_command
from qsession_sim.experiment.executors import Executor, as_executor
from qsession_sim.experiment.metrics import metric_name
from qsession_sim.experiment.plans import Plan, Source, make_plan
from qsession_sim.experiment.search import MEMBERS, Merit, Values, best, fewest_evaluations, front, search
from qsession_sim.experiment.store import Store, StudyProgress, carry_out, open_store
from qsession_sim.experiment.studies import AS_IT_STANDS
from qsession_sim.experiment.tasks import Configuration, whole_number
from qsession_sim.experiment.tuning import (
    METHOD,
    Confirmation,
    Constraint,
    Evaluation,
    Means,
    Objective,
    Tuning,
    read_constraint,
    read_objective,
    trade_off_metrics,
)
from qsession_sim.experiment.variations import Range, read_ranges, written_range
from qsession_sim.queueing.statistics import mean_interval

DEFAULT_REPLICATIONS: Final = 10
"""Workloads of each evaluation."""

DEFAULT_GENERATIONS: Final = 10
"""Of the search, where nobody says how many evaluations there may be."""

Observed = dict[str, list[float | None]]
"""Of each metric, one value for each replication."""


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
    hold: str | None = None,
    routing: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    skip_bad_lines: bool = False,
    executor: Executor | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Callable[[StudyProgress], None] | None = None,
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
        hold: name of the hold policy; by default the scenario's.
        routing: name of the routing policy; by default the scenario's.
        seed: by default the scenario's.
        overrides: `PATH=VALUE` settings, as for `--set`.
        skip_bad_lines: as for `load_scenario`.
        executor: where runs are carried out; by default in this process.
        directory: of the study: finished runs are kept there, and not run again.
        progress: called after each run; the total is the largest number of runs that there can be.

    Raises:
        ScenarioError: if the scenario cannot be used with a value of a range.
        PolicyError: if there is no such policy.
        StudyError: if what is asked makes no sense, or the directory is not that of this study.

    Example:
        >>> jobs = [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "1s"}]
        >>> found = tune(
        ...     {"workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]},
        ...     ["workload.all.jobs.a.qpu_time=1s..9s"], maximise="mean_turnaround",
        ...     subject_to=["mean_turnaround <= 5s"], replications=2,
        ... )
        >>> found.best.settings
        ('workload.all.jobs.a.qpu_time=5s',)
    """
    ranges = read_ranges(vary)
    question = _Question(
        ranges,
        read_objective(minimise, maximise),
        tuple(map(read_constraint, subject_to)),
        whole_number(replications, "replications", 2),
        _most_evaluations(evaluations, len(ranges)),
        Configuration(AS_IT_STANDS, policy, hold, routing),
    )
    wanted = trade_off_metrics(question.objective, question.constraints)
    plan = make_plan(
        source,
        seed=seed,
        overrides=overrides,
        skip_bad_lines=skip_bad_lines,
        metrics=list(dict.fromkeys((*wanted, *metrics))),
    )
    store = None if directory is None else open_store(directory, {**plan.describe(), **question.describe()})
    runs = _Runs(question, as_executor(executor), store, progress)
    found = _search(question, plan, runs)
    return _confirmed(found, question, plan, runs)


@dataclass(frozen=True)
class _Question:
    """What is asked, read and checked."""

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

    def describe(self) -> dict[str, Any]:
        """What is asked beside the plan, as JSON values."""
        policies = {name: getattr(self.baseline, name) for name in ("policy", "hold", "routing")}
        return {
            "tune": list(map(written_range, self.ranges)),
            self.objective.direction: self.objective.metric,
            "subject_to": [one.text for one in self.constraints],
            "replications": self.replications,
            "evaluations": self.evaluations,
            "method": METHOD,
            **policies,
        }


@dataclass
class _Runs:
    """Carries out runs batch by batch; what is told of progress counts all of them."""

    question: _Question
    executor: Executor
    store: Store | None
    progress: Callable[[StudyProgress], None] | None
    done: int = 0
    kept: int = 0
    _latest: StudyProgress = field(default_factory=lambda: StudyProgress(0, 0, None))

    def observe(self, plan: Plan, configurations: Sequence[Configuration]) -> list[Observed]:
        """Simulate each configuration on every replication of a plan."""
        count = self.question.replications
        names = list(map(metric_name, plan.metrics))
        observed: dict[str, Observed] = {
            one.name: {name: [None] * count for name in names} for one in configurations
        }
        tasks = plan.tasks(configurations, range(count))
        for result in carry_out(tasks, self.executor, store=self.store, progress=self._report):
            for name in names:
                observed[result.configuration][name][result.replication] = result.metrics[name]
        self.done, self.kept = self.done + self._latest.done, self.kept + self._latest.kept
        return [observed[one.name] for one in configurations]

    def _report(self, progress: StudyProgress) -> None:
        self._latest = progress
        if self.progress is not None:
            # the search, the baseline, and both ends of the confirmation
            most = self.question.replications * (self.question.evaluations + 3)
            self.progress(StudyProgress(self.done + progress.done, self.kept + progress.kept, most))


def _search(question: _Question, plan: Plan, runs: _Runs) -> Tuning:
    """The evaluations, and the best of them."""
    baseline = _means(runs.observe(plan, [question.baseline])[0])
    for constraint in question.constraints:
        constraint.limit(baseline)  # before the search: the bound exists
    means: dict[Values, Means] = {}

    def evaluate(points: Sequence[Values]) -> list[Merit]:
        observed = runs.observe(plan, list(map(question.configuration, points)))
        means.update(zip(points, map(_means, observed), strict=True))
        return [_merit(question, means[values], baseline) for values in points]

    found = search(question.ranges, evaluate, evaluations=question.evaluations, seed=plan.seed)
    chosen = best(found)
    evaluations = _evaluations(question, found, means)
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
    )


def _merit(question: _Question, means: Means, baseline: Means) -> Merit:
    excess = tuple(constraint.excess(means, baseline) for constraint in question.constraints)
    return Merit(question.objective.value(means), excess)


def _evaluations(
    question: _Question, found: dict[Values, Merit], means: dict[Values, Means]
) -> dict[Values, Evaluation]:
    wanted = trade_off_metrics(question.objective, question.constraints)
    whole = [values for values in found if all(means[values][metric] is not None for metric in wanted)]
    places = [[sign * (means[values][metric] or 0.0) for metric, sign in wanted.items()] for values in whole]
    on_front = {values for values, there in zip(whole, front(places), strict=True) if there}
    return {
        values: Evaluation(
            values, question.settings(values), means[values], merit.feasible, values in on_front
        )
        for values, merit in found.items()
    }


def _confirmed(
    found: Tuning,
    question: _Question,
    plan: Plan,
    runs: _Runs,
) -> Tuning:
    """The best settings beside the scenario as it stands, on workloads of the next seed."""
    if found.best is None:
        return found
    fresh = replace(plan, seed=plan.seed + 1)
    chosen = question.configuration(found.best.values)
    baseline, better = runs.observe(fresh, [question.baseline, chosen])
    limits = _means(baseline)
    reports = [
        _confirmation(name, baseline[name], better[name], question, limits)
        for name in baseline
        if None not in (*baseline[name], *better[name])
    ]
    file = plan.scenario_file
    commands = {
        name: replicate_command(
            file,
            configuration,
            fresh.seed,
            question.replications,
            list(baseline),
            plan.options,
        )
        for name, configuration in (("baseline", question.baseline), ("best", chosen))
        if file is not None
    }
    return replace(found, confirmation=tuple(reports), commands=commands)


def _confirmation(
    metric: str,
    baseline: list[float | None],
    better: list[float | None],
    question: _Question,
    limits: Means,
) -> Confirmation:
    """One metric; relative bounds are relative to the baseline on the same new workloads."""
    before, after = _array(baseline), _array(better)
    own = [constraint for constraint in question.constraints if constraint.metric == metric]
    kept = all(one.excess({metric: float(after.mean())}, limits) <= 0 for one in own)
    return Confirmation(
        metric,
        mean_interval(before),
        mean_interval(after),
        mean_interval(after - before),
        kept if own else None,
    )


def _means(observed: Observed) -> Means:
    return {
        name: None if None in values else float(_array(values).mean()) for name, values in observed.items()
    }


def _array(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def _most_evaluations(wanted: int | None, settings: int) -> int:
    if wanted is None:
        return DEFAULT_GENERATIONS * MEMBERS[settings]
    return whole_number(wanted, "evaluations", fewest_evaluations(settings))

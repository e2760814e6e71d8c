"""replicate, compare, sweep: how large is it, which is better, what does a setting do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from qsession_sim.errors import StudyError, hint
from qsession_sim.experiment.estimates import Precision, estimate, next_look, replications_of
from qsession_sim.experiment.executors import Executor, InProcess, as_executor
from qsession_sim.experiment.metrics import Value
from qsession_sim.experiment.plans import (
    MSER5,
    Plan,
    Source,
    configurations_of,
    describe_configurations,
    make_plan,
)
from qsession_sim.experiment.references import Reference
from qsession_sim.experiment.store import Store, StudyProgress, carry_out, open_store
from qsession_sim.experiment.study import DEFAULT_LEVEL, Study
from qsession_sim.experiment.tasks import Configuration, TaskResult
from qsession_sim.experiment.variations import Sampling, Variation, read_variations, sweep_points, written
from qsession_sim.policies.user import PolicyFunction
from qsession_sim.results.run import Run

# -- Carrying a study out: until there are enough replications, from what is kept, wherever tasks are run.

Results = dict[tuple[str, int], TaskResult]
"""By the name of the configuration and the number of the replication."""


@dataclass(frozen=True)
class Request:
    """How much is simulated, and where.

    Attributes:
        replications: a fixed number; None: 30, unless there is a rule.
        until: a rule for stopping.
        max_replications: where the rule gives up.
        level: of the intervals.
        executor: None: this process.
        directory: of the study; None: nothing is kept.
        progress: called after each run.
    """

    replications: int | None
    until: str | None
    max_replications: int | None
    level: float
    executor: Executor | None
    directory: str | os.PathLike[str] | None
    progress: Callable[[StudyProgress], None] | None


@dataclass(frozen=True)
class Outcome:
    """What was simulated, and by which rule it stopped."""

    results: Results
    replications: int
    rule: Precision | None


def execute(
    plan: Plan, configurations: tuple[Configuration, ...], request: Request, asked: Mapping[str, Any]
) -> Outcome:
    """Run the tasks of a study.

    Args:
        plan: makes them.
        configurations: all.
        request: how many replications, and where.
        asked: what is compared, as JSON values, for the plan of the study directory.

    Raises:
        ScenarioError: if the scenario cannot be used with the settings of a configuration.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if the request makes no sense, a task fails, or the directory is another study's.
    """
    bound, rule = _bound(plan, request)
    executor = as_executor(request.executor)
    if not isinstance(executor, InProcess) or request.directory is not None:
        plan.check_portable({one.policy: one for one in configurations}.values())
    described = {**plan.describe(), **asked}
    store = None if request.directory is None else open_store(request.directory, described)
    runs = _Runs(plan, configurations, executor, store, request.progress)
    done = 0
    while done < bound:
        look = bound if rule is None else next_look(done, bound)
        runs.carry_out(range(done, look), None if rule else look * len(configurations))
        done = look
        if rule is not None and _holds(rule, runs.results, configurations, done, request.level):
            break
    return Outcome(runs.results, done, rule)


class _Runs:
    """Results so far; what is told of progress counts all of them."""

    def __init__(
        self,
        plan: Plan,
        configurations: tuple[Configuration, ...],
        executor: Executor,
        store: Store | None,
        progress: Callable[[StudyProgress], None] | None,
    ) -> None:
        self.results: Results = {}
        self._plan = plan
        self._configurations = configurations
        self._executor = executor
        self._store = store
        self._progress = progress
        self._kept = 0

    def carry_out(self, replications: range, total: int | None) -> None:
        """Add replications."""
        before, kept = len(self.results), self._kept

        def report(now: StudyProgress) -> None:
            self._kept = kept + now.kept
            if self._progress is not None:
                self._progress(StudyProgress(before + now.done, self._kept, total))

        tasks = self._plan.tasks(self._configurations, replications)
        for result in carry_out(tasks, self._executor, store=self._store, total=total, progress=report):
            self.results[result.configuration, result.replication] = result


def _bound(plan: Plan, request: Request) -> tuple[int, Precision | None]:
    if not isinstance(request.level, float) or not 0 < request.level < 1:
        raise StudyError(f"the level of an interval is above 0 and below 1, got {request.level!r}")
    if plan.batches:
        if request.until is not None or request.replications not in {None, 1}:
            raise StudyError("batches are of one long run; leave replications and until out")
        return 1, None
    bound, rule = replications_of(request.replications, request.until, request.max_replications)
    if rule is not None and rule.metric not in plan.metric_names:
        known = hint(rule.metric, plan.metric_names)
        raise StudyError(f"until {rule.text!r}: {rule.metric!r} is not among the metrics; {known}")
    return bound, rule


def _holds(
    rule: Precision, results: Results, configurations: tuple[Configuration, ...], count: int, level: float
) -> bool:
    return all(
        rule.holds(
            estimate(
                [results[configuration.name, number].metrics[rule.metric] for number in range(count)],
                None,
                level,
            ).interval
        )
        for configuration in configurations
    )


Policy = str | Mapping[str, Any] | PolicyFunction

AS_IT_STANDS: Final = "as it stands"
"""The name of a configuration without policies of its own."""


def replicate(
    source: Source,
    *,
    policy: Policy | None = None,
    hold: str | None = None,
    routing: str | None = None,
    metrics: Iterable[str | Callable[[Run], Value]] | None = None,
    replications: int | None = None,
    until: str | None = None,
    max_replications: int | None = None,
    warm_up: str | None = None,
    batches: int = 0,
    level: float = DEFAULT_LEVEL,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    skip_bad_lines: bool = False,
    executor: Executor | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Callable[[StudyProgress], None] | None = None,
) -> Study:
    """Simulate one configuration again and again, and say how large its metrics are and how sure that is.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario.
        policy: queue policy, as for `simulate`; by default the scenario's.
        hold: name of the hold policy; by default the scenario's.
        routing: name of the routing policy; by default the scenario's.
        metrics: names of metrics, paths into the summary of a run, or functions of a `Run`; see
            `metrics.as_metrics`.
        replications: how many; by default 30.
        until: instead of a number: `half_width(METRIC) < BOUND`, asked again and again.
        max_replications: where `until` gives up; by default 1000.
        warm_up: a duration, or `mser5`: found in each run; by default the scenario's.
        batches: instead of replications: cut one long run into so many batches; for means over jobs.
        level: of the intervals.
        seed: of the study; by default the scenario's.
        overrides: `PATH=VALUE` settings, as for `--set`.
        skip_bad_lines: as for `load_scenario`.
        executor: where runs are carried out; by default in this process. It changes no result.
        directory: of the study: finished runs are kept there and not run again, and the results are saved.
        progress: called after each run.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if what is asked makes no sense, a metric cannot be computed, or the directory is another
            study's.

    Example:
        >>> source = {"kind": "arrivals", "account": "lab", "count": 20, "qpu_time": "5s",
        ...           "interarrival": {"kind": "exponential", "mean": "10s"}}
        >>> study = replicate({"workload": [source]}, replications=5, metrics=["all.submitted"])
        >>> study.table().select("count", "mean", "low", "high").rows()
        [(5, 20.0, 20.0, 20.0)]
    """
    configurations, functions = _configurations(None if policy is None else [policy], hold, routing)
    request = Request(replications, until, max_replications, level, executor, directory, progress)
    plan = make_plan(
        source,
        seed=seed,
        overrides=overrides,
        skip_bad_lines=skip_bad_lines,
        metrics=metrics,
        functions=functions,
        warm_up=warm_up,
        batches=batches,
    )
    asked = {"configurations": describe_configurations(configurations)}
    return _study("replicate", plan, configurations, request, asked)


def compare(
    source: Source,
    policies: Iterable[Policy | Configuration],
    *,
    baseline: str | None = None,
    hold: str | None = None,
    routing: str | None = None,
    metrics: Iterable[str | Callable[[Run], Value]] | None = None,
    replications: int | None = None,
    until: str | None = None,
    max_replications: int | None = None,
    warm_up: str | None = None,
    batches: int = 0,
    level: float = DEFAULT_LEVEL,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    skip_bad_lines: bool = False,
    executor: Executor | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Callable[[StudyProgress], None] | None = None,
) -> Study:
    """Compare policies on the same workloads: each replication draws one, and every policy sees it.

    Args:
        source: as for `replicate`.
        policies: queue policies: names, `file.py:function`, mappings with a name and parameters, or
            functions; or whole `Configuration`s.
        baseline: the name of the one that the others are compared with; by default the first.
        hold: as for `replicate`, of all.
        routing: as for `replicate`, of all.
        metrics: as for `replicate`.
        replications: as for `replicate`.
        until: as for `replicate`; it must hold for each policy.
        max_replications: as for `replicate`.
        warm_up: as for `replicate`; `mser5` finds it in the runs of the baseline, for all.
        batches: as for `replicate`; differences are then those of batches.
        level: of the intervals, and one less the error of the family of tests.
        seed: as for `replicate`.
        overrides: as for `replicate`.
        skip_bad_lines: as for `replicate`.
        executor: as for `replicate`.
        directory: as for `replicate`.
        progress: as for `replicate`.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if what is asked makes no sense, a metric cannot be computed, or the directory is another
            study's.

    Example:
        >>> jobs = [{"id": "long", "at": "0s", "account": "lab", "qpu_time": "5s"},
        ...         {"id": "b", "at": "1s", "account": "lab", "qpu_time": "3s"},
        ...         {"id": "c", "at": "2s", "account": "lab", "qpu_time": "1s"}]
        >>> study = compare({"workload": [{"kind": "explicit", "jobs": jobs}]}, ["fifo", "lifo"],
        ...                 replications=2, metrics=["max_waiting"])
        >>> study.table()["difference"].to_list()  # fifo: 0, 4, 6 s; lifo: 0, 5, 3 s
        [None, -1000000.0]
    """
    configurations, functions = _configurations(policies, hold, routing)
    names = [configuration.name for configuration in configurations]
    chosen = names[0] if baseline is None else baseline
    _check_baseline(chosen, names)
    request = Request(replications, until, max_replications, level, executor, directory, progress)
    plan = make_plan(
        source,
        seed=seed,
        overrides=overrides,
        skip_bad_lines=skip_bad_lines,
        metrics=metrics,
        functions=functions,
        warm_up=warm_up,
        batches=batches,
    )
    asked = {"configurations": describe_configurations(configurations)}
    return _study("compare", plan, configurations, request, asked, baseline=chosen)


def sweep(
    source: Source,
    vary: Mapping[str, Any] | Sequence[str],
    *,
    sampling: Sampling = "grid",
    points: int | None = None,
    policies: Iterable[Policy] | None = None,
    baseline: str | None = None,
    hold: str | None = None,
    routing: str | None = None,
    metrics: Iterable[str | Callable[[Run], Value]] | None = None,
    replications: int | None = None,
    until: str | None = None,
    max_replications: int | None = None,
    warm_up: str | None = None,
    level: float = DEFAULT_LEVEL,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    skip_bad_lines: bool = False,
    executor: Executor | None = None,
    directory: str | os.PathLike[str] | None = None,
    progress: Callable[[StudyProgress], None] | None = None,
) -> Study:
    """Vary settings of a scenario, all combinations or a sample of them, on the same random numbers.

    Args:
        source: as for `replicate`.
        vary: `PATH=V1,V2,…`, or `PATH=LOW..HIGH` where points are sampled; or a mapping from paths to lists
            of values.
        sampling: `grid`, `random` or `latin_hypercube`.
        points: how many are sampled.
        policies: queue policies that each point is simulated with; by default the scenario's.
        baseline: the name of a configuration, such as `policies.hold=shared`, that the others are compared
            with; by default none.
        hold: as for `replicate`.
        routing: as for `replicate`.
        metrics: as for `replicate`.
        replications: as for `replicate`.
        until: as for `replicate`; it must hold in each configuration.
        max_replications: as for `replicate`.
        warm_up: as for `replicate`; with a baseline `mser5` finds it in the runs of that, for all.
        level: of the intervals.
        seed: as for `replicate`.
        overrides: as for `replicate`; `vary` comes after them.
        skip_bad_lines: as for `replicate`.
        executor: as for `replicate`.
        directory: as for `replicate`.
        progress: as for `replicate`.

    Raises:
        ScenarioError: if the scenario cannot be used with one of the values.
        PolicyError: if there is no such policy, or it breaks its contract.
        StudyError: if what is asked makes no sense, a metric cannot be computed, or the directory is another
            study's.

    Example:
        >>> jobs = [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "1s"}]
        >>> study = sweep({"workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]},
        ...               ["workload.all.jobs.a.qpu_time=2s,4s"], replications=2, metrics=["mean_turnaround"])
        >>> study.table().select("workload.all.jobs.a.qpu_time", "mean").rows()
        [('2s', 2000000.0), ('4s', 4000000.0)]
    """
    variations = read_variations(vary, sampling)
    bases, functions = _configurations(policies, hold, routing)
    request = Request(replications, until, max_replications, level, executor, directory, progress)
    plan = make_plan(
        source,
        seed=seed,
        overrides=overrides,
        skip_bad_lines=skip_bad_lines,
        metrics=metrics,
        functions=functions,
        warm_up=warm_up,
    )
    configurations = sweep_points(bases, variations, sampling, points, plan.seed)
    names = [configuration.name for configuration in configurations]
    if baseline is not None:
        _check_baseline(baseline, names)
    # a value that cannot be used is told before anything is simulated, not in the middle of it
    first = max(1, *(len(variation.values) for variation in variations)) * len(bases)
    for configuration in configurations[:first]:
        plan.task(configuration, 0)
    asked = {
        "vary": [written(variation) for variation in variations],
        "sampling": sampling,
        "points": points,
        "configurations": describe_configurations(bases),
    }
    return _study("sweep", plan, configurations, request, asked, baseline, variations, sampling)


def _configurations(
    policies: Iterable[Policy | Configuration] | None, hold: str | None, routing: str | None
) -> tuple[tuple[Configuration, ...], dict[str, Reference]]:
    if policies is None:
        return (Configuration(AS_IT_STANDS, None, hold, routing),), {}
    return configurations_of(policies, hold=hold, routing=routing)


def _check_baseline(baseline: str, names: Sequence[str]) -> None:
    if baseline not in names:
        raise StudyError(f"the baseline {baseline!r} is not compared; {hint(str(baseline), names)}")


def _study(
    kind: Literal["replicate", "compare", "sweep"],
    plan: Plan,
    configurations: tuple[Configuration, ...],
    request: Request,
    asked: Mapping[str, Any],
    baseline: str | None = None,
    variations: Sequence[Variation] = (),
    sampling: str = "",
) -> Study:
    """Carry a study out, and save it where it is kept."""
    if baseline is not None and plan.warm_up == MSER5:
        named = {configuration.name: configuration for configuration in configurations}
        plan = replace(plan, warm_up_of=named[baseline])
    outcome = execute(plan, configurations, request, asked)
    study = Study(
        kind=kind,
        plan=plan,
        configurations=configurations,
        replications=outcome.replications,
        results=outcome.results,
        baseline=baseline,
        level=request.level,
        rule=outcome.rule,
        paths=tuple(variation.path for variation in variations),
        sampling=sampling,
        asked=asked,
    )
    if request.directory is not None:
        study.save(request.directory)
    return study

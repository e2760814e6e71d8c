"""Carrying a study out: until there are enough replications, from what is kept, wherever tasks are run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qsession_sim.errors import StudyError
from qsession_sim.experiment.executors import Executor, InProcess, as_executor
from qsession_sim.experiment.plans import Plan
from qsession_sim.experiment.statistics_of_pairs import estimate
from qsession_sim.experiment.stopping import Precision, next_look, replications_of
from qsession_sim.experiment.store import Store, StudyProgress, carry_out, open_store
from qsession_sim.experiment.tasks import Configuration, TaskResult
from qsession_sim.policies.names import hint

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

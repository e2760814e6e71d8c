"""simulate: one scenario, one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsession_sim.policies.registry import hold_policy, queue_policy
from qsession_sim.results.run import Run
from qsession_sim.scenario.load import Scenario, load_scenario
from qsession_sim.scenario.resolved import NamedPolicy, ResolvedPolicies, ResolvedRules, ResolvedScenario
from qsession_sim.scenario.service_models import FittedModel
from qsession_sim.scheduler.rules import HoldPolicy, Rules
from qsession_sim.scheduler.view import JobView
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus
from qsession_sim.simulation.service import Program, Progress, Service
from qsession_sim.workload.draw import draw


def simulate(
    source: str | Path | Mapping[str, Any] | Scenario,
    *,
    policy: str | Callable[[JobView], tuple[int, ...]] | None = None,
    hold: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    programs: Sequence[Callable[[Service], Program]] = (),
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Simulate a scenario once.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario.
        policy: queue policy: a name, or a function from a job to a tuple of ints, the smallest first; by
            default the scenario's.
        hold: name of the hold policy; by default the scenario's.
        seed: by default the scenario's.
        overrides: `PATH=VALUE` settings, as for `--set`.
        programs: live SimPy programs that take part, each a generator function of the `Service`.
        progress: called now and then with how far the run has come.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no policy of that name.

    Example:
        >>> job = {"id": "j1", "at": "2s", "account": "lab", "qpu_time": "3s"}
        >>> run = simulate({"workload": [{"kind": "explicit", "jobs": [job]}]})
        >>> run.jobs["completed_us"].to_list()
        [5000000]
    """
    scenario = load_scenario(source, overrides=overrides, seed=seed)
    resolved = scenario.resolved
    queue = queue_policy(resolved.policies.queue.name if policy is None else policy)
    hold_name = resolved.policies.hold.name if hold is None else hold
    rules = _rules(resolved.rules, hold_policy(hold_name))
    policies = ResolvedPolicies(queue=NamedPolicy(name=queue.name), hold=NamedPolicy(name=hold_name))
    scenario = replace(scenario, resolved=resolved.model_copy(update={"policies": policies}))
    workload = draw(resolved, scenario.directory)
    service = Service(
        workload,
        rules=rules,
        queue_key=queue.key,
        qpu=resolved.qpus[0].name,
        profile=resolved.profile,
        horizon_us=resolved.horizon,
        progress=progress,
    )
    for program in programs:
        service.start(program)
    record = service.run()
    return Run(record, scenario, {"engine": "simpy", **_fits(resolved)})


def _fits(resolved: ResolvedScenario) -> dict[str, Any]:
    """How well the fitted service times fit, by QPU."""
    fits = {
        qpu.name: qpu.service_time.model_dump(mode="json", exclude={"noise"}, exclude_none=True)
        for qpu in resolved.qpus
        if isinstance(qpu.service_time, FittedModel)
    }
    return {"service_time_fits": fits} if fits else {}


def _rules(rules: ResolvedRules, hold: HoldPolicy) -> Rules:
    return Rules(
        hold=hold,
        max_time_ends_as=JobStatus[rules.max_time_ends_as.upper()],
        unused_timeout_us=rules.unused_timeout,
        max_execution_time_us=NEVER if rules.max_execution_time is None else rules.max_execution_time,
    )

"""simulate: one scenario, one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from qsession_sim.clients.baton import PATIENCE_SECONDS
from qsession_sim.clients.programs import (
    Function,
    OnProgramError,
    OrdinaryPrograms,
    Program,
    Script,
    bound_programs,
    is_ordinary,
    program,
)
from qsession_sim.clients.transport import Transport
from qsession_sim.clients.world import Compute, compute_of
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.experiment.engines import check_engine, is_for_kernel, kernel_record
from qsession_sim.experiment.following import run_followed
from qsession_sim.experiment.options import Engine
from qsession_sim.experiment.references import one_spelling, placeless, reference_to
from qsession_sim.policies.registry import (
    hold_policy,
    queue_policy,
    queue_policy_names,
    queue_settings,
    routing_policy,
)
from qsession_sim.policies.user import PolicyFunction, UserPolicy
from qsession_sim.results.run import Run
from qsession_sim.scenario.load import Scenario, load_scenario
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.policies import NamedPolicy
from qsession_sim.scenario.service import FittedModel
from qsession_sim.scenario.sources import ResolvedProgram
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus
from qsession_sim.service.live import LiveService
from qsession_sim.service.planning import account_specs, plan_of
from qsession_sim.service.simpy_driver import Program as Generated
from qsession_sim.service.simpy_driver import Progress, Service
from qsession_sim.workload.columns import Workload
from qsession_sim.workload.describe import check_memory
from qsession_sim.workload.draw import draw
from qsession_sim.workload.sources import plan_of_each

if TYPE_CHECKING:
    from qsession_sim.experiment.following import OfRun

GeneratorProgram = Callable[[Service], Generated]
AnyProgram = GeneratorProgram | Function | Program
Programs = Sequence[AnyProgram] | Mapping[str, Function]


def simulate(
    source: str | Path | Mapping[str, Any] | Scenario,
    *,
    policy: str | Mapping[str, Any] | PolicyFunction | None = None,
    hold: str | None = None,
    routing: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    programs: Programs = (),
    on_program_error: OnProgramError = "raise",
    program_patience_seconds: float = PATIENCE_SECONDS,
    results: str | Compute = "stub",
    progress: Callable[[Progress], None] | bool | None = None,
    engine: Engine = "auto",
) -> Run:
    """Simulate a scenario once.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario.
        policy: queue policy: a name, `file.py:function`, a mapping with a name and parameters, or a function
            from a job, or a job and a view, to a tuple of ints, the smallest first; by default the
            scenario's.
        hold: name of the hold policy; by default the scenario's.
        routing: name of the routing policy; by default the scenario's.
        seed: by default the scenario's.
        overrides: `PATH=VALUE` settings, as for `--set`.
        programs: live programs that take part: ordinary functions without parameters, what `program` makes of
            one, or generator functions of the `Service` that yield SimPy events; or a mapping from names of
            the scenario's sources of kind `program` to the functions that are bound to them.
        on_program_error: `raise`: an exception of an ordinary program ends the run; `continue`: only that
            program, and the provenance has it under `program_errors`.
        program_patience_seconds: how long an ordinary program may do nothing but wait for something that is
            not simulated.
        results: what jobs of the official client library give: `stub` (zeros of the right shape),
            `statevector` or `aer` (with the extra `qiskit`), or a function of the name of the program, its
            params and a seed.
        progress: called now and then with how far the run has come; True draws a bar where there is a
            terminal or a notebook.
        engine: `simpy`; `compiled`, the kernel, many times as fast; or `auto`: the kernel where it is
            compiled and runs this. It changes nothing but the word `engine` of the provenance.

    Raises:
        ScenarioError: if the scenario cannot be used.
        PolicyError: if there is no such policy.
        EngineError: if `compiled` is not installed, or does not run this; it says why.
        SchedulerUsageError: if a program is none, or asks for what cannot be done.
        ProgramError: if an ordinary program fails, or waits for what is not simulated.

    Example:
        >>> job = {"id": "j1", "at": "2s", "account": "lab", "qpu_time": "3s"}
        >>> run = simulate({"workload": [{"kind": "explicit", "jobs": [job]}]})
        >>> run.jobs["completed_us"].to_list()
        [5000000]
    """
    _refuse_single(programs)
    check_engine(engine)
    scenario, workload, queue = prepared(source, policy, hold, routing, seed, overrides)
    carry = partial(
        _finish_with, on_error=on_program_error, patience_seconds=program_patience_seconds, results=results
    )
    return _simulated(scenario, workload, queue, programs, progress, engine, carry)


def prepare(
    source: str | Path | Mapping[str, Any] | Scenario,
    *,
    policy: str | Mapping[str, Any] | PolicyFunction | None = None,
    hold: str | None = None,
) -> tuple[Scenario, Service]:
    """What `simulate` does before a run by SimPy: the scenario as it is run, and the service at time 0."""
    scenario, workload, queue = prepared(source, policy, hold)
    return scenario, _service(scenario.resolved, workload, queue)


def prepare_live(
    source: str | Path | Mapping[str, Any] | Scenario,
    *,
    policy: str | Mapping[str, Any] | PolicyFunction | None = None,
    hold: str | None = None,
    routing: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    functions: Sequence[Callable[..., Any]] = (),
) -> tuple[Scenario, LiveService, Mapping[str, Any]]:
    """As `prepare`, for those who let time pass themselves.

    Returns:
        The scenario as it is run, the service at time 0, and what `finished` says of policies and of the
        user's functions.
    """
    scenario, workload, queue = prepared(source, policy, hold, routing, seed, overrides)
    live = LiveService(workload, **_settings(scenario.resolved, workload, queue))
    return scenario, live, _bound(scenario, queue, functions)


def finished(scenario: Scenario, live: LiveService, bound: Mapping[str, Any]) -> Run:
    """The run of a service of `prepare_live` whose time has passed."""
    return Run(live.record(), scenario, {"engine": "live", **bound, **_fits(scenario.resolved)})


def prepared(
    source: str | Path | Mapping[str, Any] | Scenario,
    policy: str | Mapping[str, Any] | PolicyFunction | None,
    hold: str | None,
    routing: str | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> tuple[Scenario, Workload, QueuePolicy]:
    """The scenario as it will be run, its workload, and the queue policy, for arguments of `simulate`."""
    policy = one_spelling(policy) if isinstance(policy, str) else policy
    scenario = load_scenario(source, overrides, seed, queue_policies=queue_policy_names(policy))
    scenario = with_policies(scenario, policy=policy, hold=hold, routing=routing)
    settings = scenario.resolved.policies.queue
    queue = queue_policy(settings if policy is None else policy, seed=scenario.resolved.seed)
    with scenario.placing_problems():
        check_memory(scenario.resolved)
        workload = draw(scenario.resolved, scenario.directory)
    return scenario, workload, queue


def with_policies(
    scenario: Scenario,
    *,
    policy: str | Mapping[str, Any] | PolicyFunction | None = None,
    hold: str | None = None,
    routing: str | None = None,
) -> Scenario:
    """A scenario with other policies, where they are given.

    Raises:
        PolicyError: if there is no such policy.
    """
    named = scenario.resolved.policies
    chosen: dict[str, Any] = {"queue": queue_settings(named.queue if policy is None else policy)}
    if hold is not None:
        hold_policy(hold)  # refuses what does not exist
        chosen["hold"] = NamedPolicy(name=hold)
    if routing is not None:
        routing_policy(routing)
        chosen["routing"] = NamedPolicy(name=routing)
    policies = named.model_copy(update=chosen)
    return replace(scenario, resolved=scenario.resolved.model_copy(update={"policies": policies}))


def simulate_workload(
    scenario: Scenario,
    workload: Workload,
    queue: QueuePolicy,
    *,
    programs: Programs = (),
    progress: Callable[[Progress], None] | bool | None = None,
    origin: Mapping[str, Any] = MappingProxyType({}),
    engine: Engine = "auto",
) -> Run:
    """Simulate jobs that are drawn already, such as the same ones under one policy after the other.

    Args:
        scenario: from which they were drawn; the hold and the routing policy are those that it names.
        workload: what `draw` made of the scenario.
        queue: queue policy, instead of the scenario's.
        programs: as for `simulate`.
        progress: as for `simulate`.
        origin: what else the provenance says of the workload; JSON values.
        engine: as for `simulate`.

    Raises:
        PolicyError: if a policy does not keep its contract.
        EngineError: if `compiled` is not installed, or does not run this; it says why.
        SchedulerUsageError: if a program is no generator function, or asks for what cannot be done.
    """
    return _simulated(scenario, workload, queue, programs, progress, engine, _finish_with, origin)


def _simulated(
    scenario: Scenario,
    workload: Workload,
    queue: QueuePolicy,
    programs: Programs,
    progress: OfRun,
    engine: Engine,
    carry: Callable[[Programs, Scenario, Service, dict[str, Any]], Run],
    origin: Mapping[str, Any] = MappingProxyType({}),
) -> Run:
    """Run by the kernel, or by the service that `carry` fills with programs and runs to the end."""
    resolved, bound = scenario.resolved, {**_bound(scenario, queue, programs), **origin}
    rules = _rules_of(resolved)
    plan = is_for_kernel(
        engine,
        lambda: plan_of(workload, workload.accounts, account_specs(resolved)),
        rules,
        queue,
        resolved.horizon,
        _names_of_programs(programs, resolved),
    )
    with run_followed(progress, resolved.horizon) as followed:
        if plan is None:
            return carry(programs, scenario, _service(resolved, workload, queue, followed), bound)
        with scenario.placing_problems():
            record = kernel_record(plan, workload, rules, queue, resolved.horizon, followed)
    return Run(record, scenario, {"engine": "compiled", **bound, **_fits(resolved)})


def _names_of_programs(programs: Programs, resolved: ResolvedScenario) -> list[str]:
    """What is called by a name of its own, or is bound to a source, or should be."""
    names = [source.name for source in resolved.workload if isinstance(source, ResolvedProgram)]
    if isinstance(programs, Mapping):
        return [*dict.fromkeys((*names, *programs))]
    own = [one.name if isinstance(one, Program) else getattr(one, "__name__", repr(one)) for one in programs]
    return [*names, *map(str, own)]


def _finish_with(
    programs: Programs,
    scenario: Scenario,
    service: Service,
    bound: dict[str, Any],
    on_error: OnProgramError = "raise",
    patience_seconds: float = PATIENCE_SECONDS,
    results: str | Compute = "stub",
) -> Run:
    """Run to the end with live programs."""
    with scenario.placing_problems():
        of_sources = bound_programs(programs if isinstance(programs, Mapping) else {}, scenario.resolved)
    programs = () if isinstance(programs, Mapping) else programs
    ordinary = [is_ordinary(one) for one in programs]
    if not any(ordinary) and not of_sources:
        for one in programs:
            service.start(cast("GeneratorProgram", one))
        return finish(scenario, service, bound)
    carried = OrdinaryPrograms(service, scenario.resolved, on_error, patience_seconds, bound)
    with carried.installed(), Transport(service, scenario.resolved, compute_of(results)).installed():
        for one_of_source, starts_us in of_sources:
            carried.start(one_of_source, starts_us)
        for one, is_own in zip(programs, ordinary, strict=True):
            if is_own:
                carried.start(one if isinstance(one, Program) else program(cast("Function", one)))
            else:
                service.start(cast("GeneratorProgram", one))
        return finish(scenario, service, bound)


def finish(scenario: Scenario, service: Service, bound: Mapping[str, Any] | None = None) -> Run:
    """Run what `prepare` gave to its end; `bound` is what its provenance says of policies and functions."""
    with scenario.placing_problems():
        record = service.run()
    return Run(record, scenario, {"engine": "simpy", **(bound or {}), **_fits(scenario.resolved)})


def _bound(scenario: Scenario, queue: QueuePolicy, programs: Programs) -> dict[str, Any]:
    """Settings from outside, policies, and digests of the code of the user that takes part, by its name; of
    files no places, so that equal runs have equal provenance."""
    policies = scenario.resolved.policies.model_dump(mode="json", exclude_none=True)
    given: Sequence[Any] = [*programs.values()] if isinstance(programs, Mapping) else programs
    functions = [one.function if isinstance(one, Program) else one for one in given]
    scripts = {one.__name__: one.digest for one in functions if isinstance(one, Script)}
    references = [reference_to(one) for one in functions if callable(one) and not isinstance(one, Script)]
    if isinstance(queue, UserPolicy):
        policies["queue"] = {"name": placeless(queue.name)}
        references.append(reference_to(queue.function, placeless(queue.name)))
    digests = scripts | {reference.name: reference.digest for reference in references}
    return {
        "overrides": list(scenario.overrides),
        "policies": policies,
        **({"digests": digests} if digests else {}),
    }


def _refuse_single(programs: object) -> None:
    """Refuse one program where a list of them is wanted."""
    if isinstance(programs, str) or not isinstance(programs, Sequence | Mapping):
        raise SchedulerUsageError(
            f"programs must be a list such as [program], or a mapping of names, not {programs!r}"
        )


def _service(
    resolved: ResolvedScenario,
    workload: Workload,
    queue: QueuePolicy,
    progress: Callable[[Progress], None] | None = None,
) -> Service:
    settings = _settings(resolved, workload, queue)
    return Service(workload, **settings, horizon_us=resolved.horizon, progress=progress)


def _settings(resolved: ResolvedScenario, workload: Workload, queue: QueuePolicy) -> dict[str, Any]:
    """What every driver of the service gives it."""
    return {
        "rules": _rules_of(resolved),
        "queue_policy": queue,
        "accounts": None if resolved.accounts is None else workload.accounts,
        "profile": resolved.profile,
        "plans": plan_of_each(resolved),
        "account_specs": account_specs(resolved),
    }


def _fits(resolved: ResolvedScenario) -> dict[str, Any]:
    """How well the fitted service times fit, by QPU."""
    fits = {
        qpu.name: qpu.service_time.model_dump(mode="json", exclude={"noise"}, exclude_none=True)
        for qpu in resolved.qpus
        if isinstance(qpu.service_time, FittedModel)
    }
    return {"service_time_fits": fits} if fits else {}


def _rules_of(resolved: ResolvedScenario) -> Rules:
    rules, policies = resolved.rules, resolved.policies
    return Rules(
        hold=hold_policy(policies.hold.name),
        max_time_ends_as=JobStatus[rules.max_time_ends_as.upper()],
        unused_timeout_us=rules.unused_timeout,
        max_execution_time_us=NEVER if rules.max_execution_time is None else rules.max_execution_time,
        ittl_asks_for_ready=rules.ittl_condition == "ready",
        calibrates_before_sessions=rules.calibration == "before_sessions",
        requeues_after_outage=rules.on_outage == "requeue",
        routing=routing_policy(policies.routing.name),
    )

"""Tasks: the single runs of a study, small enough to travel, with results that are numbers only."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from qsession_sim import __version__
from qsession_sim.errors import StudyError
from qsession_sim.experiment.metrics import (
    Metric,
    Value,
    batched_means,
    measure,
    metric_name,
    settled_warm_up,
)
from qsession_sim.experiment.options import Engine
from qsession_sim.experiment.references import Reference
from qsession_sim.experiment.simulate import simulate_workload
from qsession_sim.files import open_regular
from qsession_sim.policies.registry import QUEUE_POLICIES, queue_policy, routing_policy
from qsession_sim.results.run import Run
from qsession_sim.scenario.load import Scenario, read_resolved
from qsession_sim.scenario.policies import ResolvedPolicies
from qsession_sim.scenario.sources import ResolvedTrace
from qsession_sim.scheduler.plan import Routing
from qsession_sim.workload.columns import Workload
from qsession_sim.workload.describe import check_memory
from qsession_sim.workload.draw import draw

_BITS: Final = 53  # whole numbers that every reader of JSON keeps


def replication_seed(seed: int, replication: int) -> int:
    """The seed of one replication of a study: independent of how many there are and of what is compared.

    The upper 53 of the first 64 bits of ``SeedSequence(seed, spawn_key=(replication,))``.

    Args:
        seed: of the study, at least 0.
        replication: from 0.

    Returns:
        From 0 to 2**53 - 1; `simulate(..., seed=)` and `run --seed` take it.

    Example:
        >>> replication_seed(7, 0) == replication_seed(7, 0) != replication_seed(7, 1)
        True
    """
    state = np.random.SeedSequence(seed, spawn_key=(replication,)).generate_state(1, np.uint64)
    return int(state[0]) >> (64 - _BITS)


def whole_number(number: Any, name: str, least: int) -> int:
    """Check a number.

    Raises:
        StudyError: if it is no int, or less than the least.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise StudyError(f"{name} must be a whole number of at least {least}, not {number!r}")
    return number


FORMAT: Final = 2
"""Of content ids: raised when equal tasks of another version would give other results."""


@dataclass(frozen=True)
class Configuration:
    """What is compared: one way to set a scenario up.

    Attributes:
        name: in tables; no two of a study have the same.
        policy: queue policy as it was given; None: the scenario's.
        hold: name of the hold policy; None: the scenario's.
        routing: name of the routing policy; None: the scenario's.
        overrides: `PATH=VALUE` settings, as for `--set`.
    """

    name: str
    policy: str | None = None
    hold: str | None = None
    routing: str | None = None
    overrides: tuple[str, ...] = ()


POLICIES: Final = {"policy": "queue", "hold": "hold", "routing": "routing"}
"""By the word for a policy in a configuration, and on the command line: that of the scenario."""


@dataclass(frozen=True)
class Task:
    """One run of a study.

    Attributes:
        scenario: the resolved form as JSON, without seed and policies: the same text for all policies.
        policies: those of the resolved form as JSON.
        policy: the queue policy, if it is a function of the user; the one in `policies` does not count then.
        directory: absolute, where relative names of traces start.
        inputs: digest of the traces; empty without one.
        seed: of this run.
        configuration: its name.
        replication: from 0.
        metrics: what is measured.
        warm_up: `scenario`: what the scenario says; `mser5`: found in the waiting times of the run.
        batches: into how many parts the run is cut for batch means; 0: it is not.
        warm_up_of: with `mser5`, the run whose warm-up is left out here, too; None: its own.
        programs: the ordinary programs of the scenario's sources, by their names.
        engine: what simulates; the result, and so the id, does not depend on it.
    """

    scenario: str
    policies: str
    policy: Reference | None
    directory: str
    inputs: str
    seed: int
    configuration: str
    replication: int
    metrics: tuple[Metric, ...]
    warm_up: Literal["scenario", "mser5"] = "scenario"
    batches: int = 0
    warm_up_of: Task | None = None
    programs: tuple[tuple[str, Reference], ...] = ()
    engine: Engine = "auto"

    @cached_property
    def id(self) -> str:
        """SHA-256 of everything that the result depends on, as 64 hexadecimal digits. Not of directories."""
        content = [
            FORMAT,
            _versions(),
            self.scenario,
            self.policies,
            _identity(self.policy),
            self.inputs,
            self.seed,
            self.configuration,
            self.replication,
            list(map(_identity, self.metrics)),
            self.warm_up,
            self.batches,
            None if self.warm_up_of is None else self.warm_up_of.id,
            *([[name, _identity(program)] for name, program in self.programs]),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def references(self) -> tuple[Reference, ...]:
        """The functions of the user that it needs."""
        own = () if self.policy is None else (self.policy,)
        metrics = (metric for metric in self.metrics if isinstance(metric, Reference))
        return (*own, *metrics, *(program for _, program in self.programs))


@dataclass(frozen=True)
class TaskResult:
    """What is left of a run.

    Attributes:
        id: of the task.
        configuration: its name.
        replication: from 0.
        seed: of the run.
        metrics: by name; None: does not exist in this run.
        warm_up_us: what was left out at the beginning.
        settled: False if MSER-5 says that the run is too short to tell where its beginning ends.
        batches: the means of the batches of each metric; empty if the run was not cut.
        drawn: False if nothing that the run uses was drawn, so that every seed gives the same.
    """

    id: str
    configuration: str
    replication: int
    seed: int
    metrics: Mapping[str, Value]
    warm_up_us: int = 0
    settled: bool = True
    batches: Mapping[str, Sequence[float]] = field(default_factory=dict)
    drawn: bool = True

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives back the same, floats to the last bit."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> TaskResult:
        """Read back what `to_json` gave.

        Raises:
            StudyError: if it is something else.
        """
        kinds = {"id": str, "configuration": str, "replication": int, "seed": int, "warm_up_us": int}
        try:
            result = cls(**written)
            sound = (
                all(type(getattr(result, name)) is kind for name, kind in kinds.items())
                and type(result.settled) is bool
                and all(value is None or _is_number(value) for value in result.metrics.values())
                and all(all(map(_is_number, means)) for means in result.batches.values())
            )
        except (TypeError, AttributeError):
            sound = False
        if not sound:
            raise StudyError("not the result of a task")
        return result

    def is_of(self, task: Task) -> bool:
        """Whether it says that it is the result of a task, and has what that measures."""
        names = set(map(metric_name, task.metrics))
        return (
            (self.id, self.configuration, self.replication, self.seed)
            == (task.id, task.configuration, task.replication, task.seed)
            and set(self.metrics) == names
            and set(self.batches) == (names if task.batches else set())
        )


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def run_task(task: Task) -> TaskResult:
    """Simulate and measure. Tasks that differ in policies alone share one drawing if they come in a row.

    Raises:
        PolicyError: if a policy does not keep its contract.
        ScenarioError: if what is drawn cannot be used.
        StudyError: if a metric cannot be computed.
    """
    scenario = _set_up(task)
    run, settled = _simulated(task, scenario), True
    drawn = is_drawn(task)
    if task.warm_up == "mser5":
        warm_up_us, settled = (
            _own_warm_up(task, run) if task.warm_up_of is None else _warm_up(task.warm_up_of)
        )
        resolved = scenario.resolved.model_copy(update={"warm_up": warm_up_us})
        run = Run(run.record, replace(scenario, resolved=resolved), {})
    return TaskResult(
        id=task.id,
        configuration=task.configuration,
        replication=task.replication,
        seed=task.seed,
        metrics=measure(run, task.metrics),
        warm_up_us=run.scenario.resolved.warm_up,
        settled=settled,
        batches=batched_means(run, task.metrics, task.batches) if task.batches else {},
        drawn=drawn,
    )


_ROUTES: Final = frozenset({"route", "session_route"})
"""Drawn where there are several QPUs, for the routing policy `random` alone."""


def is_drawn(task: Task) -> bool:
    """Whether a random number that the run uses is drawn, as the draw of its workload reports it; also one of
    its queue policy, or of the run in which its warm-up is found.

    Raises:
        ScenarioError: if what is drawn cannot be used.
    """
    used = _drawn_for(task.scenario, task.directory, task.inputs, task.seed)
    policies = _policies(task.policies)
    if routing_policy(policies.routing.name) is not Routing.RANDOM:
        used -= _ROUTES
    of_queue = task.policy is None and QUEUE_POLICIES[policies.queue.name].draws
    # what programs draw is known when they have run
    return (
        bool(used or task.programs) or of_queue or (task.warm_up_of is not None and is_drawn(task.warm_up_of))
    )


def _set_up(task: Task) -> Scenario:
    base = _scenario(task.scenario, task.directory)
    given = {"seed": task.seed, "policies": _policies(task.policies)}
    return replace(base, resolved=base.resolved.model_copy(update=given))


def _simulated(task: Task, scenario: Scenario) -> Run:
    workload = _workload(task.scenario, task.directory, task.inputs, task.seed)
    policy = scenario.resolved.policies.queue if task.policy is None else task.policy.function
    programs = {name: program.function for name, program in task.programs}
    queue = queue_policy(policy, seed=task.seed)
    return simulate_workload(scenario, workload, queue, programs=programs, engine=task.engine)


def inputs_digest(scenario: Scenario) -> str:
    """SHA-256 of the traces that are replayed: their contents belong to what is studied, not their places.

    Returns:
        64 hexadecimal digits; empty without a trace.

    Raises:
        OSError: if one cannot be read.
    """
    traces = [source for source in scenario.resolved.workload if isinstance(source, ResolvedTrace)]
    if not traces:
        return ""
    digest = hashlib.sha256()
    for trace in traces:
        path = scenario.directory / trace.file
        status = path.stat()
        digest.update(_file_digest(os.fspath(path), status.st_mtime_ns, status.st_size))
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _file_digest(path: str, _changed_ns: int, _size: int) -> bytes:
    with open_regular(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").digest()


# What follows is kept from task to task: a study goes through its policies before the next replication, and
# through the replications of few scenarios.

_WARM_UPS: Final[dict[str, tuple[int, bool]]] = {}
"""The last result of MSER-5, by the id of its task: the other tasks of the replication come next."""


def _own_warm_up(task: Task, run: Run) -> tuple[int, bool]:
    warm_up = settled_warm_up(run)
    _WARM_UPS.clear()
    _WARM_UPS[task.id] = warm_up
    return warm_up


def _warm_up(task: Task) -> tuple[int, bool]:
    return _WARM_UPS.get(task.id) or _own_warm_up(task, _simulated(task, _set_up(task)))


@lru_cache(maxsize=16)
def _scenario(written: str, directory: str) -> Scenario:
    # the seed and the policies come with each task
    policies = {"queue": "fifo", "hold": "exclusive", "routing": "least_busy"}
    scenario = read_resolved({**json.loads(written), "seed": 0, "policies": policies}, Path(directory))
    with scenario.placing_problems():
        check_memory(scenario.resolved)
    return scenario


@lru_cache(maxsize=1)
def _workload(written: str, directory: str, inputs: str, seed: int) -> Workload:
    base = _scenario(written, directory)
    with base.placing_problems():
        workload = draw(base.resolved.model_copy(update={"seed": seed}), base.directory)
    if inputs_digest(base) != inputs:  # afterwards, when they are known to be readable
        raise StudyError(
            f"a trace in {directory} was changed while the study ran, or is another one on "
            f"{platform.node()}; start the study again, with the same files everywhere"
        )
    return workload


@lru_cache(maxsize=4096)
def _drawn_for(written: str, directory: str, inputs: str, seed: int) -> frozenset[str]:
    return _workload(written, directory, inputs, seed).drawn_for


@lru_cache(maxsize=64)
def _policies(written: str) -> ResolvedPolicies:
    return ResolvedPolicies.model_validate_json(written)


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    """The versions of what determines the numbers that are drawn and computed."""
    return __version__, *map(version, ("numpy", "polars", "simpy"))


def _identity(what: Metric | None) -> object:
    return (what.name, what.digest) if isinstance(what, Reference) else what

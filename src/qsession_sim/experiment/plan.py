"""The plan of a study: from a scenario and the ways to set it up to tasks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from qsession_sim.clients.programs import Function, sources_of_programs
from qsession_sim.errors import DurationError, PolicyError, StudyError, hint, repeated
from qsession_sim.experiment.engines import check_engine
from qsession_sim.experiment.metrics import Metric, Value, as_metrics, check_batched, metric_name
from qsession_sim.experiment.options import Engine
from qsession_sim.experiment.references import (
    Reference,
    named_reference,
    one_spelling,
    placeless,
    reference_to,
)
from qsession_sim.experiment.tasks import (
    POLICIES,
    Configuration,
    Task,
    inputs_digest,
    is_drawn,
    replication_seed,
    whole_number,
)
from qsession_sim.files import resolved
from qsession_sim.policies.registry import (
    QUEUE_POLICIES,
    QUEUE_POLICY_NAMES,
    hold_policy,
    queue_settings,
    routing_policy,
)
from qsession_sim.policies.user import PolicyFunction, UserPolicy, find_user_policy
from qsession_sim.results.run import Run
from qsession_sim.scenario.load import LIBRARY_ORIGIN, Scenario, load_scenario
from qsession_sim.scenario.sources import MEASURED
from qsession_sim.units import parse_duration

Source = str | Path | Mapping[str, Any] | Scenario
"""A scenario: the path of a file, a mapping of the same shape, or a loaded one."""

Policy = str | Mapping[str, Any] | PolicyFunction
"""A queue policy: a name or `file.py:function`, a mapping with a name and parameters, or a function."""

MSER5: Final = "mser5"

AS_IT_STANDS: Final = "as it stands"
"""The name of a configuration without policies of its own."""

_KEPT: Final = 4096
"""Configurations whose resolved forms are kept; of more than that tasks come in blocks of so many."""


@dataclass(frozen=True)
class StudyPlan:
    """What each run of a study is made from; `make_plan` makes one.

    Attributes:
        scenario: with the settings that all configurations share.
        seed: of the study; each replication has its own.
        metrics: what is measured.
        functions: the user's functions among the queue policies, by what configurations call them.
        warm_up: `scenario`: what the scenario says; `mser5`: found in each run.
        warm_up_of: with `mser5`, the configuration in whose run it is found for all others on the same
            workload; None: each has its own. Of different jobs no difference would mean anything.
        batches: for batch means of one long run; 0: none.
        scenario_file: the name of the scenario in commands; None: it was not read from a file.
        options: of commands, for what all configurations share, such as `--set` and its value.
        programs: the ordinary programs of the scenario's sources, by their names.
        engine: what simulates; it changes no result, and is in nothing that is written.
    """

    scenario: Scenario
    seed: int
    metrics: tuple[Metric, ...]
    functions: Mapping[str, Reference] = field(default_factory=dict)
    warm_up: Literal["scenario", "mser5"] = "scenario"
    batches: int = 0
    scenario_file: str | None = None
    options: tuple[str, ...] = ()
    warm_up_of: Configuration | None = None
    programs: Mapping[str, Reference] = field(default_factory=dict)
    engine: Engine = "auto"

    @cached_property
    def _prepared(self) -> Callable[[Configuration], Task]:
        # kept while the study runs: every replication needs each configuration again
        return lru_cache(maxsize=_KEPT if self.warm_up_of is None else _KEPT + 1)(self._prepare)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_prepared"}

    def tasks(self, configurations: Iterable[Configuration], replications: Sequence[int]) -> Iterator[Task]:
        """The tasks of replications, each through all configurations, made as they are taken.

        Very many configurations come in blocks, so that each is resolved once. One in which nothing is drawn
        has replication 0 alone, as all others repeat it.

        Raises:
            ScenarioError: if the scenario cannot be used with the settings of a configuration.
            PolicyError: if there is no such policy.
        """
        chosen = configurations if isinstance(configurations, Sequence) else tuple(configurations)
        for start in range(0, len(chosen), _KEPT):
            for replication in replications:
                for configuration in chosen[start : start + _KEPT]:
                    if replication == 0 or is_drawn(self.task(configuration, 0)):
                        yield self.task(configuration, replication)

    def task(self, configuration: Configuration, replication: int) -> Task:
        """One run.

        Raises:
            ScenarioError: if the scenario cannot be used with the settings of the configuration.
            PolicyError: if there is no such policy.

        Example:
            >>> plan = make_plan({"workload": []}, seed=7)
            >>> task = plan.task(Configuration("shared", hold="shared"), 3)
            >>> task.seed == replication_seed(7, 3)
            True
        """
        first = self.warm_up_of
        return replace(
            self._prepared(configuration),
            seed=replication_seed(self.seed, replication),
            replication=replication,
            warm_up_of=None if first is None or first == configuration else self.task(first, replication),
        )

    def check_portable(self, configurations: Iterable[Configuration]) -> None:
        """Refuse functions that other processes cannot find.

        Raises:
            StudyError: naming the first one.
        """
        for configuration in configurations:
            for reference in self.task(configuration, 0).references():
                reference.portable_spelling()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(map(metric_name, self.metrics))

    def digests(self, configurations: Iterable[Configuration]) -> dict[str, str]:
        """SHA-256 of the resolved scenario and of the code of each function that is used, by name."""
        own = {one.policy: one for one in configurations}.values()
        functions = [reference for one in own for reference in self.task(one, 0).references()]
        written = self.scenario.to_json().encode()
        return {
            "scenario": hashlib.sha256(written).hexdigest(),
            **{placeless(reference.name): reference.digest for reference in functions},
        }

    def describe(self) -> dict[str, Any]:
        """What is studied, as JSON values; equal for studies that may share results."""
        return {
            "scenario": self.scenario.dump(),
            "seed": self.seed,
            "metrics": list(self.metric_names),
            "warm_up": self.warm_up,
            "batches": self.batches,
            **({"programs": {n: p.digest for n, p in self.programs.items()}} if self.programs else {}),
        }

    def _prepare(self, configuration: Configuration) -> Task:
        """What all tasks of a configuration are like, with the seed of the study."""
        scenario = self._set_up(configuration)
        written = scenario.dump()
        policies = written.pop("policies")
        del written["seed"]
        text = policies["queue"]["name"]
        reference = self.functions.get(text) or _user_policy(text)
        if reference is not None:
            policies["queue"] = {"name": reference.name}
        return Task(
            scenario=json.dumps(written, ensure_ascii=False),
            policies=json.dumps(policies, ensure_ascii=False),
            policy=reference,
            directory=str(resolved(scenario.directory)),
            inputs=inputs_digest(scenario),
            seed=self.seed,
            configuration=configuration.name,
            replication=0,
            metrics=self.metrics,
            warm_up=self.warm_up,
            batches=self.batches,
            programs=tuple(sorted(self.programs.items())),
            engine=self.engine,
        )

    def _set_up(self, configuration: Configuration) -> Scenario:
        own = [
            f"policies.{kind}={json.dumps(chosen)}"
            for name, kind in POLICIES.items()
            if (chosen := getattr(configuration, name)) is not None
        ]
        if configuration.hold is not None:
            hold_policy(configuration.hold)
        if configuration.routing is not None:
            routing_policy(configuration.routing)
        names = (*QUEUE_POLICY_NAMES, *self.functions)
        if configuration.policy is not None and configuration.policy not in names:
            _existing_policy(configuration.policy)
            names = (*names, configuration.policy)
        return load_scenario(self.scenario, (*configuration.overrides, *own), queue_policies=names)


def make_plan(
    source: Source,
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    skip_bad_lines: bool = False,
    metrics: Iterable[str | Callable[[Run], Value]] | None = None,
    functions: Mapping[str, Reference] | None = None,
    programs: Mapping[str, str | Function] | Sequence[str] = (),
    warm_up: str | None = None,
    batches: int = 0,
    engine: Engine = "auto",
) -> StudyPlan:
    """Read and check what all configurations share.

    Args:
        source: path of a YAML file, a mapping of the same shape, or a loaded scenario.
        seed: of the study; by default the scenario's.
        overrides: `PATH=VALUE` settings, as for `--set`.
        skip_bad_lines: as for `load_scenario`.
        metrics: see `as_metrics`.
        functions: the user's functions among the queue policies.
        programs: of the scenario's sources, by their names; or texts such as `vqe=file.py:function`.
        warm_up: a duration, or `mser5` to find it in the waiting times of each run; by default the
            scenario's.
        batches: into how many batches one long run is cut; 0: it is not.
        engine: as for `simulate`.

    Raises:
        ScenarioError: if the scenario cannot be used.
        EngineError: if there is no such engine here.
        StudyError: if a metric does not exist, or has no batch means.
    """
    check_engine(engine)
    by_mser5 = warm_up == MSER5
    if warm_up is not None and not by_mser5:
        _check_warm_up(warm_up)
        overrides = (*overrides, f"warm_up={warm_up}")
    settings = [part for override in overrides for part in ("--set", override)]
    scenario = load_scenario(
        source, overrides, seed, skip_bad_lines=skip_bad_lines, queue_policies=QUEUE_POLICY_NAMES
    )
    if batches or type(batches) is not int:
        whole_number(batches, "batches", 2)
    bound = _programs(programs, scenario)
    chosen = as_metrics(("mean_waiting", "mean_turnaround") if batches and metrics is None else metrics)
    if batches:
        check_batched(chosen)
    return StudyPlan(
        scenario,
        scenario.resolved.seed,
        chosen,
        dict(functions or {}),
        "mser5" if by_mser5 else "scenario",
        batches,
        _file_of(source),
        (
            *settings,
            *(["--skip-bad-lines"] if skip_bad_lines else ()),
            *(part for name, one in bound.items() for part in ("--program", f"{name}={one.name}")),
        ),
        programs=bound,
        engine=engine,
    )


def _programs(
    given: Mapping[str, str | Function] | Sequence[str], scenario: Scenario
) -> dict[str, Reference]:
    """The programs of a study, which gives the same wherever it runs."""
    if isinstance(given, str):
        raise StudyError(f"programs must be a mapping or a list such as ['vqe=p.py:f'], not {given!r}")
    named = given if isinstance(given, Mapping) else dict(one.partition("=")[::2] for one in given)
    for name, one in named.items():
        if isinstance(one, str) and ":" not in one:
            raise StudyError(f"program {name!r}: a study needs FILE.py:FUNCTION, not {one!r}")
    bound = {
        name: named_reference(one) if isinstance(one, str) else reference_to(one)
        for name, one in named.items()
    }
    with scenario.placing_problems():
        sources = sources_of_programs({n: one.function for n, one in bound.items()}, scenario.resolved)
    for source in sources:
        if source.think == MEASURED:
            raise StudyError(
                f"workload.{source.name}: measured think times depend on the machine; a study needs 0, a "
                f"duration or a distribution"
            )
    return bound


def _check_warm_up(text: str) -> None:
    if not isinstance(text, str):
        raise StudyError(f"warm-up: must be a text such as '1h' or {MSER5!r}, not {text!r}")
    try:
        parse_duration(text)
    except DurationError as error:
        raise StudyError(f"warm-up: {error}; {MSER5} finds it in the runs") from None


def configurations_of(
    policies: Iterable[Policy | Configuration],
    *,
    hold: str | None = None,
    routing: str | None = None,
) -> tuple[tuple[Configuration, ...], dict[str, Reference]]:
    """One configuration for each queue policy.

    Args:
        policies: names, `file.py:function`, mappings with a name and parameters, functions, and
            configurations, which stay as they are.
        hold: hold policy of all.
        routing: routing policy of all.

    Returns:
        The configurations, and the functions among them by what the configurations call them.

    Raises:
        StudyError: if there are none, or two have the same name.
        PolicyError: if one is no policy.

    Example:
        >>> configurations, _ = configurations_of(["fifo", {"name": "fair_share", "window": "7d"}])
        >>> [configuration.name for configuration in configurations]
        ['fifo', 'fair_share(window=7d)']
    """
    if isinstance(policies, str) or not isinstance(policies, Iterable):
        raise StudyError(f"policies must be a list such as ['fifo', 'fair_share'], not {policies!r}")
    functions: dict[str, Reference] = {}
    made = []
    for policy in policies:
        if isinstance(policy, Configuration):
            made.append(policy)
        elif isinstance(policy, Mapping):
            settings = queue_settings(policy).model_dump(mode="json", exclude_none=True)
            given = ", ".join(f"{key}={settings[key]}" for key in policy if key != "name")
            setting = f"policies.queue={json.dumps(settings, ensure_ascii=False)}"
            name = f"{settings['name']}({given})" if given else settings["name"]
            made.append(Configuration(name, None, hold, routing, (setting,)))
        else:
            name = _name_of(policy, functions)
            made.append(Configuration(name, name, hold, routing))
    names = [configuration.name for configuration in made]
    if twice := repeated(names):
        raise StudyError(f"two policies are called {twice!r}; give each one once, or another name")
    if not made:
        raise StudyError("a study needs at least one policy, such as 'fifo'")
    return tuple(made), functions


def describe_configurations(configurations: Iterable[Configuration]) -> list[dict[str, Any]]:
    """Configurations as JSON values."""
    return [asdict(configuration) for configuration in configurations]


def _file_of(source: Source) -> str | None:
    if isinstance(source, Scenario):
        return None if source.origin == LIBRARY_ORIGIN else source.origin
    return None if isinstance(source, Mapping) else str(source)


def _name_of(policy: str | PolicyFunction, functions: dict[str, Reference]) -> str:
    if isinstance(policy, str):
        return one_spelling(policy)
    settings = queue_settings(policy)  # refuses what is no function
    functions[settings.name] = reference_to(policy, settings.name)
    return settings.name


def _user_policy(name: str) -> Reference | None:
    """A policy that is not built in, as workers find it."""
    if name in QUEUE_POLICIES:
        return None
    policy = _existing_policy(name)
    return named_reference(name) if ":" in name else reference_to(policy.function, name)


def _existing_policy(name: str) -> UserPolicy:
    policy = find_user_policy(name)
    if policy is None:
        raise PolicyError(f"no queue policy is called {name!r}; {hint(name, QUEUE_POLICY_NAMES)}")
    return policy

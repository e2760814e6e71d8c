"""Scenarios from files and dicts, checked and resolved."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import ValidationError

from qsession_sim.errors import ScenarioError
from qsession_sim.files import limits, open_regular, read_at_most, reason
from qsession_sim.scenario.checks import contradictions, too_many_rows, uncalibrated, without_value
from qsession_sim.scenario.document import Document, Path, cut, item_labels, plain, show_path
from qsession_sim.scenario.effects import without_effect
from qsession_sim.scenario.files import (
    inline_service_times,
    inline_value_files,
    name_value_files,
    named_files,
    set_skip_bad_lines,
    trace_problems,
)
from qsession_sim.scenario.models import DEFAULT_QPU, HumanScenario, ResolvedScenario
from qsession_sim.scenario.policies import HOLD_POLICIES, PARAMETERS, ROUTING_POLICIES
from qsession_sim.scenario.problems import (
    Assignment,
    Problem,
    name_causes,
    nearest,
    placed_error,
    scenario_error,
    show_value,
    unusable_values,
)
from qsession_sim.scenario.references import client_warnings, idle_plans
from qsession_sim.scenario.resolve import resolve, write_resolved
from qsession_sim.scenario.sources import HumanTrace
from qsession_sim.scenario.trace_dates import start_of
from qsession_sim.scenario.trace_files import advice_on, is_trace
from qsession_sim.scenario.translation import problems_of
from qsession_sim.scenario.yaml_source import read_value, read_yaml, write_yaml

# -- Values set from outside a scenario: `workload.vqe.clients=40`.


_LONGEST_SETTING: Final = 160


def apply_assignments(data: Any, texts: Sequence[str]) -> tuple[Any, tuple[Assignment, ...], tuple[str, ...]]:
    """Set values by path; items of lists are addressed by name, id or kind.

    Args:
        data: a scenario's plain data, which stays as it is.
        texts: `PATH=VALUE`, VALUE in YAML; applied in order.

    Returns:
        The new data; what was set; one line for each text that could not be applied.

    Example:
        >>> apply_assignments({"workload": [{"name": "vqe"}]}, ["workload.vqe.clients=40"])[0]
        {'workload': [{'name': 'vqe', 'clients': 40}]}
    """
    data = plain(data)
    done: list[Assignment] = []
    failed: list[str] = []
    for text in texts:
        label = f"--set {cut(text if text.isprintable() else repr(text), _LONGEST_SETTING)}"
        try:
            name, value = _read_assignment(text)
            path, made = _set(data, name, value)
        except ValueError as error:
            failed.append(f"{label}: {error}")
        else:
            done.append(Assignment(label, path, made, text))
    return data, tuple(done), tuple(failed)


def _read_assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError("must be PATH=VALUE, such as seed=7")
    return name.strip(), read_value(value)


def _set(data: Any, name: str, value: Any) -> tuple[Path, Path]:
    """Set one value in place; its path, and the path of the topmost part that was created or replaced."""
    path: Path = ()
    made: Path | None = None
    current, rest = data, name
    if isinstance(data, dict) and "qpus" not in data and rest.startswith("qpus."):
        data["qpus"] = [{"name": DEFAULT_QPU}]
    if isinstance(data, dict) and "accounts" not in data and rest.startswith("accounts."):
        raise ValueError("the scenario lists no accounts; set the whole list, such as accounts=[{name: lab}]")
    while True:
        step, rest = _step(current, rest, path, data)
        path = (*path, step)
        new = isinstance(current, dict) and step not in current
        if made is None and (new or not rest):
            made = path
        if not rest:
            current[step] = value
            return path, made or path
        if new:
            current[step] = {}
        current = current[step]


def _step(current: Any, rest: str, path: Path, data: Any) -> tuple[str | int, str]:
    """The next step of a path, and what is left of the path after it."""
    first, dot, after = rest.partition(".")
    if not first or (dot and not after):
        raise ValueError("a part of the path is empty")
    if isinstance(current, dict):
        return first, after
    shown = show_path(path, data) or "the scenario"
    if not isinstance(current, list):
        message = f"{shown} is a single value, {show_value(current)}; set it as a whole"
        raise ValueError(message)
    labels = item_labels(current)
    # the longest name first: names may contain dots
    for index in sorted(range(len(labels)), key=lambda index: -len(labels[index] or "")):
        label = labels[index]
        if label is not None and (rest == label or rest.startswith(f"{label}.")):
            return index, rest[len(label) + 1 :]
    known = [label for label in labels if label is not None]
    if not known:
        raise ValueError(f"the items of {shown} have no names; set the whole list")
    meant = nearest(first, known)
    hint = f"did you mean {meant}?" if meant else f"known: {', '.join(known)}"
    raise ValueError(f"nothing in {shown} is called {first} ({hint})")


LIBRARY_ORIGIN: Final = "scenario"
"""The origin of a scenario that was read from no file."""


@dataclass(frozen=True, repr=False)
class Scenario:
    """A scenario that can be simulated.

    Attributes:
        resolved: the resolved form.
        text: what was read, unchanged by assignments; for a dict, its JSON.
        origin: the file's name as given, or `scenario` for a dict.
        directory: where relative names of files start.
    """

    resolved: ResolvedScenario
    text: str
    origin: str
    directory: pathlib.Path = field(repr=False, compare=False)
    _document: Document = field(repr=False, compare=False)
    _assignments: tuple[Assignment, ...] = field(default=(), repr=False, compare=False)

    def __repr__(self) -> str:
        kinds = [source.kind for source in self.resolved.workload]
        sources = ", ".join(kinds) if 0 < len(kinds) <= 5 else f"{len(kinds)} sources"
        return f"Scenario({self.resolved.title!r}, {self.origin!r}, {sources}, seed {self.resolved.seed})"

    def _repr_html_(self) -> str:
        from qsession_sim.report.text import notebook_html

        return notebook_html(repr(self), self.text)

    def __reduce__(self) -> tuple[Any, ...]:
        # the classes of distributions are made at run time, and pickle cannot find them by name
        human = self._document.data
        return _rebuild, (self.dump(), self.text, self.origin, human, self.directory, self._assignments)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The settings `PATH=VALUE` that are not in the text, in order.

        Example:
            >>> load_scenario({"workload": []}, ["horizon=5m"], seed=7).overrides
            ('horizon=5m',)
        """
        return tuple(made.override for made in self._assignments if made.override)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each thing that the service would warn of (S23), or that changes nothing.

        Example:
            >>> account = {"name": "lab", "client": {"qiskit": "0.44.1"}}
            >>> load_scenario({"accounts": [account], "workload": []}).warnings[0][:52]
            'scenario: accounts.lab.client.qiskit: since April 20'
        """
        doubtful = [
            *client_warnings(self.resolved),
            *idle_plans(self.resolved, self._assignments),
            *without_effect(self.resolved),
        ]
        return scenario_error(doubtful, self._document, self._assignments).problems

    def dump(self) -> dict[str, Any]:
        """The resolved form as JSON values; itself a scenario, which resolves to the same."""
        return write_resolved(self.resolved)

    def to_json(self) -> str:
        """The resolved form as a JSON document; the same text for the same scenario."""
        return json.dumps(self.dump(), indent=2, ensure_ascii=False) + "\n"

    def to_yaml(self) -> str:
        """The scenario as people write it, with what was set from outside: a file that resolves to the same.

        Names of files in it count from where this scenario's do.

        Example:
            >>> print(load_scenario({"workload": []}, ["horizon=5m"], seed=7).to_yaml(), end="")
            workload: []
            horizon: 5m
            seed: 7
        """
        return write_yaml(self._document.data)

    @contextmanager
    def placing_problems(self) -> Iterator[None]:
        """Add to each problem that comes up while jobs are drawn the place of its source.

        Raises:
            ScenarioError: that of the block, its lines with file, line and column or with the `--set`.

        Example:
            >>> scenario = load_scenario({"workload": [{"kind": "explicit", "sessions": [], "jobs": []}]})
            >>> with scenario.placing_problems():
            ...     raise ScenarioError(("workload.explicit: too many",))
            Traceback (most recent call last):
            qsession_sim.errors.ScenarioError: scenario: workload.explicit: too many
        """
        try:
            yield
        except ScenarioError as error:
            if not self._document.origin:  # whoever has the file adds them
                raise
            raise placed_error(error, self._document, self._assignments) from None


def read_resolved(written: Mapping[str, Any], directory: pathlib.Path) -> Scenario:
    """A scenario from what `Scenario.dump` gave, which is not checked again, and knows no places of problems.

    Args:
        written: the resolved form as JSON values.
        directory: where relative names of files start.

    Example:
        >>> scenario = load_scenario({"workload": []}, seed=7)
        >>> read_resolved(scenario.dump(), scenario.directory).resolved == scenario.resolved
        True
    """
    scenario = _rebuild(written, _written(written), LIBRARY_ORIGIN, written, directory)
    return replace(scenario, _document=Document("", written))


def _rebuild(
    written: Any,
    text: str,
    origin: str,
    human: Any,
    directory: pathlib.Path,
    assignments: tuple[Assignment, ...] = (),
) -> Scenario:
    resolved = resolve(HumanScenario.model_validate(written))
    return Scenario(resolved, text, origin, directory, Document(origin, human), assignments)


@dataclass(frozen=True)
class _Source:
    document: Document
    text: str
    directory: pathlib.Path
    assignments: tuple[Assignment, ...] = ()


def load_scenario(
    source: str | pathlib.Path | Mapping[str, Any] | Scenario,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    *,
    skip_bad_lines: bool = False,
    queue_policies: Collection[str] = tuple(PARAMETERS),
    hold_policies: Collection[str] = tuple(HOLD_POLICIES),
    routing_policies: Collection[str] = tuple(ROUTING_POLICIES),
) -> Scenario:
    """Load, check and resolve a scenario.

    Args:
        source: the name of a YAML file, the content of one as a dict, or a loaded scenario. The name of a
            trace (.csv, .parquet or .swf, see docs/traces.md) stands for a scenario that replays it.
        overrides: values to set first, each `PATH=VALUE`, such as `workload.vqe.clients=40`.
        seed: replaces the scenario's seed.
        skip_bad_lines: leave malformed lines of every trace out and count them, as the key of this name does.
        queue_policies: names that `policies.queue` may have.
        hold_policies: names that `policies.hold` may have.
        routing_policies: names that `policies.routing` may have.

    Returns:
        The scenario with its resolved form.

    Raises:
        ScenarioError: with one line for everything that is wrong.

    Example:
        >>> scenario = load_scenario({"workload": []}, ["policies.hold=shared"], seed=7)
        >>> scenario.resolved.policies.hold.name, scenario.resolved.seed
        ('shared', 7)
    """
    if isinstance(overrides, str) or not isinstance(overrides, Sequence):
        raise ScenarioError((f"overrides: must be a list such as ['seed=3'], not {overrides!r}",))
    read = _read(source)
    if isinstance(source, Scenario) and not (overrides or skip_bad_lines) and seed is None:
        return source
    data, assignments, failed = apply_assignments(read.document.data, overrides)
    assignments = (*read.assignments, *assignments)
    if seed is not None and isinstance(data, dict):
        data["seed"] = seed
        assignments = (*assignments, Assignment(f"--seed {show_value(seed)}", ("seed",), ("seed",)))
    if skip_bad_lines:
        skipped = set_skip_bad_lines(data)
        assignments = (*assignments, *skipped)
        if not skipped:
            failed = (*failed, "--skip-bad-lines: no source of the workload is a trace; leave it out")
    document = Document(read.document.origin, data, read.document.locate)
    policies = {"queue": queue_policies, "hold": hold_policies, "routing": routing_policies}
    # a trace that stands for a scenario was named by the user
    own = pathlib.Path(document.origin).name if is_trace(document.origin) else None
    human, problems = _check(data, read.directory, policies, own)
    if problems and assignments:
        before = _check(read.document.data, read.directory, policies, own)[1]
        problems = name_causes(problems, before, assignments)
    if human is None or problems or failed:
        raise scenario_error(problems, document, assignments, failed)
    human = _started(human, read.directory)
    return Scenario(resolve(human), read.text, document.origin, read.directory, document, assignments)


def _started(human: HumanScenario, directory: pathlib.Path) -> HumanScenario:
    """A scenario without a start begins with the first date of the first trace that has dates."""
    if human.start is not None:
        return human
    traces = (source for source in human.workload if isinstance(source, HumanTrace))
    starts = (start_of(source, directory) for source in traces)
    return human.model_copy(update={"start": next((start for start in starts if start is not None), None)})


def _check(
    data: Any,
    directory: pathlib.Path,
    policies: Mapping[str, Collection[str]],
    own_file: str | None,
) -> tuple[HumanScenario | None, list[Problem]]:
    if not isinstance(data, Mapping):
        return None, [Problem((), "a scenario must be a mapping with keys such as workload", data)]
    unusable = [*unusable_values(data), *(() if limits().allow_files else named_files(data, own_file))]
    if unusable:
        return None, unusable
    inlined, service_problems = inline_service_times(data, directory)
    inlined, files, file_problems = inline_value_files(inlined, directory)
    human: HumanScenario | None = None
    problems = [*without_value(inlined)]
    blank = {problem.path for problem in problems}
    problems += [*contradictions(inlined, policies), *trace_problems(inlined, directory)]
    try:
        human = HumanScenario.model_validate(inlined)
    except ValidationError as error:
        found = problems_of(error, HumanScenario, inlined)
        problems += [problem for problem in found if problem.path not in blank]
    if human is not None and not (problems or file_problems or service_problems):
        problems += [*uncalibrated(human), *too_many_rows(human)]
    unread = [problem.path for problem in file_problems]
    return human, [*service_problems, *file_problems, *name_value_files(problems, files, unread)]


def _read(source: str | pathlib.Path | Mapping[str, Any] | Scenario) -> _Source:
    if isinstance(source, Scenario):
        return _Source(source._document, source.text, source.directory, source._assignments)
    if isinstance(source, (str, pathlib.Path)):
        origin = str(source)
        if is_trace(origin):
            file = pathlib.Path(origin)
            data = {"workload": [{"kind": "trace", "file": file.name}]}
            return _Source(Document(origin, data), _written(data), file.parent)
        text = _read_file(origin)
        return _Source(read_yaml(text, origin), text, pathlib.Path(origin).parent)
    try:
        data = plain(source)
    except ValueError as error:
        raise ScenarioError((f"{LIBRARY_ORIGIN}: {error}",)) from None
    document = Document(LIBRARY_ORIGIN, data)
    unusable = [*unusable_values(data)]
    if unusable:
        raise scenario_error(unusable, document)
    return _Source(document, _written(data), pathlib.Path())


def _written(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n"


def _read_file(name: str) -> str:
    if not name:
        raise ScenarioError(("the name of the scenario is empty; give that of a file",))
    advice = advice_on(name)
    if advice is not None and pathlib.Path(name).is_file():
        raise ScenarioError((f"{name}: {advice}",))
    try:
        with open_regular(pathlib.Path(name)) as file:
            content = read_at_most(file, limits().scenario_bytes)
    except FileNotFoundError:
        raise ScenarioError((f"{name}: no such file",)) from None
    except IsADirectoryError:
        raise ScenarioError((f"{name}: is a directory; name a scenario file in it",)) from None
    except (OSError, ValueError) as error:
        raise ScenarioError((f"{name!r}: cannot be read: {reason(error)}",)) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        byte = content[error.start]
        raise ScenarioError((f"{name}:{line}:{column}: not UTF-8 text (byte 0x{byte:02x})",)) from None

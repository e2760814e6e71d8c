"""Values set from outside a scenario: `workload.vqe.clients=40`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qsession_sim.scenario.document import Path, item_labels, plain, show_path
from qsession_sim.scenario.human import DEFAULT_QPU
from qsession_sim.scenario.problems import Assignment, nearest, show_value
from qsession_sim.scenario.yaml_source import read_value


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
        label = f"--set {text if text.isprintable() else repr(text)}"
        try:
            name, value = _read(text)
            path, made = _set(data, name, value)
        except ValueError as error:
            failed.append(f"{label}: {error}")
        else:
            done.append(Assignment(label, path, made))
    return data, tuple(done), tuple(failed)


def _read(text: str) -> tuple[str, Any]:
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

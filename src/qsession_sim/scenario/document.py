"""A scenario as it came in: plain data, and the place of each part in its file."""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from qsession_sim.errors import DurationError
from qsession_sim.units import parse_duration

DEEPEST: Final = 50
"""Levels of nesting that are read; a scenario needs fewer than ten."""

Path = tuple[str | int, ...]
"""Keys and list positions from the root of a document."""

Position = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(frozen=True)
class Document:
    """Plain data with its origin.

    `locate` finds the positions of a path's key and of its value; of a path that does not exist, those of the
    nearest part around it. Data that no file holds has no positions.
    """

    origin: str
    data: Any
    locate: Callable[[Path], tuple[Position, Position]] | None = None


_MICROSECOND: Final = timedelta(microseconds=1)


def plain(value: Any, depth: int = 0) -> Any:
    """Copy nested data into dicts with text keys, lists and Python scalars; a timedelta becomes a duration.

    Raises:
        ValueError: if the data is nested too deeply, or contains itself.

    Example:
        >>> plain({1: (2, {"a": 3.5, "b": timedelta(milliseconds=2)})})
        {'1': [2, {'a': 3.5, 'b': '2000us'}]}
    """
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, timedelta):
        return f"{value // _MICROSECOND}us"
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else value


def item_labels(items: Sequence[Any]) -> list[str | None]:
    """What people call each item of a list: its name, id or kind; None without one that is unique.

    Example:
        >>> item_labels([{"name": "vqe"}, {"kind": "arrivals"}, 5, {"id": "a"}, {"id": "a"}])
        ['vqe', 'arrivals', None, None, None]
    """
    labels = [_label(item) for item in items]
    counts = Counter(labels)
    return [label if counts[label] == 1 else None for label in labels]


def _label(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    for key in ("name", "id", "kind"):
        label = item.get(key)
        if isinstance(label, str) and label and label.isprintable():
            return label
    return None


def cut(text: str, longest: int = 60) -> str:
    """A text whose end is left out where it is too long for a message.

    Example:
        >>> cut("a long text", 7)
        'a long…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def show_path(
    path: Path, data: Any, labels: Callable[[Sequence[Any]], Sequence[str | None]] = item_labels
) -> str:
    """Write a path as people do: list items by what they are called, else by position.

    Args:
        path: from the root of the data.
        data: a document's.
        labels: gives what `item_labels` gives, perhaps from memory.

    Example:
        >>> show_path(("workload", 0, "shots", "values", 2), {"workload": [{"name": "vqe"}]})
        'workload.vqe.shots.values[2]'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            label = labels(data)[step] if isinstance(data, list) and step < len(data) else None
            text += f"[{step}]" if label is None else f".{cut(label)}"
        else:
            text += f".{cut(step if step.isprintable() and step else repr(step))}"
        data = child(data, step)
    return text.removeprefix(".")


def child(data: Any, step: str | int) -> Any:
    """One step down; None where there is nothing."""
    if isinstance(data, Mapping) and isinstance(step, str):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return None


# -- Looking into data that may be wrong: each function returns nothing for a part that cannot be read.
#
# Checks that concern several values run on the data as written, so that they find what they can even where
# another value is wrong.

Part = Mapping[str, Any]


def part(data: Any, key: str) -> Part:
    """The mapping under a key, else an empty one."""
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def parts(data: Part, key: str, path: Path = ()) -> Iterator[tuple[Path, Part]]:
    """Those items of a list that are mappings, with their paths."""
    items = data.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping):
            yield (*path, key, index), item


def text(data: Part, key: str) -> str | None:
    """The text under a key."""
    value = data.get(key)
    return value if isinstance(value, str) else None


def duration(value: Any) -> int | None:
    """Microseconds of a written duration."""
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except DurationError:
        return None


def given(data: Part, *keys: str) -> list[str]:
    """Those of the keys that have a value."""
    return [key for key in keys if data.get(key) is not None]

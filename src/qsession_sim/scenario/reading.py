"""Looking into data that may be wrong: each function gives nothing where a part cannot be read.

Checks that concern several values run on the data as written, so that they find what they can even where
another value is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qsession_sim.errors import DurationError
from qsession_sim.scenario.document import Path
from qsession_sim.units import parse_duration

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

"""The JSON Schema of scenarios as the program prints it: which keys there are, and which words they take."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from qsession_sim.cli.main import main

Place = tuple[str | int, ...]
"""Keys and positions from the root of a document."""


def _schema() -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["scenario", "schema"]) == 0
    schema: dict[str, Any] = json.loads(printed.getvalue())
    return schema


SCHEMA: Final = _schema()
MODELS: Final = [model for model in (SCHEMA, *SCHEMA["$defs"].values()) if "properties" in model]


def name_of(model: dict[str, Any], key: str) -> str:
    """`Window.kind`; of distributions, which are of counts or of durations, that of both."""
    return f"{re.sub('_(count|duration)$', '', model['title'])}.{key}"


def choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """All that a value may be, one by one."""
    if "$ref" in schema:
        return choices(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    inner = [] if "properties" in schema else [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [part for choice in inner for part in choices(choice)] or [schema]


def words_of(schema: dict[str, Any]) -> list[str]:
    """The words between which a value, or an item of a list, chooses."""
    listed = [word for choice in choices(schema) for word in choice.get("enum", [choice.get("const")])]
    items = [word for choice in choices(schema) if "items" in choice for word in words_of(choice["items"])]
    return [*(word for word in listed if isinstance(word, str)), *items]


def words(name: str) -> list[str]:
    """Those of a key of one model, as `Window.kind`."""
    return next(
        words_of(schema)
        for model in MODELS
        for key, schema in model["properties"].items()
        if name_of(model, key) == name
    )


def kinds(name: str) -> list[str]:
    """The kinds of what a key of one model may hold, as `Iterative.iterations`: those of distributions."""
    return next(
        [
            word
            for choice in choices(schema)
            if "properties" in choice
            for word in words_of(choice["properties"]["kind"])
        ]
        for model in MODELS
        for key, schema in model["properties"].items()
        if name_of(model, key) == name
    )


def everything() -> set[str]:
    """Each key, and each word of those that choose between words, as `Window.kind` and `Window.kind=outage`."""
    found = set()
    for model in MODELS:
        for key, schema in model["properties"].items():
            name = name_of(model, key)
            found |= {name, *(f"{name}={word}" for word in words_of(schema))}
    return found


def model_of(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The model of a mapping: that of its kind, or the only one; None of one with names that people choose."""
    found = [choice for choice in choices(schema) if "properties" in choice]
    if len(found) > 1:
        found = [model for model in found if model["properties"]["kind"].get("const") == value["kind"]]
    return found[0] if found else None


def uses(value: Any, schema: dict[str, Any] = SCHEMA, place: Place = ()) -> Iterator[tuple[str, Place]]:
    """What a document gives, as in `everything`, and where."""
    if isinstance(value, list):
        items = next((choice["items"] for choice in choices(schema) if "items" in choice), {})
        for number, item in enumerate(value):
            yield from uses(item, items, (*place, number))
    elif isinstance(value, dict):
        model = model_of(value, schema)
        for key, item in value.items():
            if model is None:
                inner = next(choice["additionalProperties"] for choice in choices(schema))
            else:
                name, inner = name_of(model, key), model["properties"][key]
                yield name, (*place, key)
                known = words_of(inner)
                for word in item if isinstance(item, list) else [item]:
                    if isinstance(word, str) and word in known:
                        yield f"{name}={word}", (*place, key)
            yield from uses(item, inner, (*place, key))

"""Every key that people can write arrives in the resolved form, of all models of a scenario.

The models are those of the published JSON Schema; the documents are the corpus, the shipped scenarios, and those in
`every_key`, which give what the others leave out. Together they must give every key and every word that the schema
knows. So a new key asks for a document, and the document shows whether resolution keeps the key.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

import qsession_sim as qs
from qsession_sim.cli.main import main

Place = tuple[str | int, ...]
"""Keys and positions from the root of a document."""

HERE = Path(__file__).parent
DOCUMENTS = [
    path
    for directory in (HERE / "valid", HERE / "every_key", HERE.parents[1] / "scenarios")
    for path in sorted(directory.glob("*.yaml"))
]

REPLACED: Final = {
    "Arrivals.load": "interarrival, or a factor on rates and bursts",
    "ServiceTime.preset": "the numbers of the preset",
    "ServiceTime.file": "coefficients, and the digest in fit",
    "ServiceTime.columns": "the same",
    "ResidualNoise.kind": "the factors that were measured",
    "Empirical.file": "values",
    "EmpiricalNoise.file": "values",
}
"""Keys that never arrive, and what takes their place."""

SOMETIMES_REPLACED: Final = {
    "Session.close_after": "close, where created is given",
    "Session.cancel_after": "cancel, where created is given",
    "Arrivals.estimate": "nothing, where it is perfect",
    "Iterative.estimate": "nothing, where it is perfect",
    "Estimate.method": "nothing, where it is perfect",
    "Phase.per_hour": "a multiple, where load is given",
    "Rate.per_hour": "a multiple, where load is given",
    "Trace.max_execution_time": "nothing, where it is none",
}
"""Keys that arrive in some documents, and what takes their place in others."""


# the only key of which there is nothing to choose
ONLY_ONE_VALUE: Final = {"qsession-sim scenario.schema_version"}


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


def words_of(schema: dict[str, Any]) -> set[str]:
    """The words between which a value chooses."""
    listed = [word for choice in choices(schema) for word in choice.get("enum", [choice.get("const")])]
    return {word for word in listed if isinstance(word, str)}


def everything() -> set[str]:
    """Each key, and each word of those that choose between words, as `Window.kind` and `Window.kind=outage`."""
    found = set()
    for model in MODELS:
        for key, schema in model["properties"].items():
            name = name_of(model, key)
            listed = schema.get("items", schema)
            found |= {name, *(f"{name}={word}" for word in words_of(listed))}
    return found


def model_of(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The model of a mapping: that of its kind, or the only one; None of one with names that people choose."""
    found = [choice for choice in choices(schema) if "properties" in choice]
    if len(found) > 1:
        found = [model for model in found if model["properties"]["kind"].get("const") == value["kind"]]
    return found[0] if found else None


def given(
    value: Any, schema: dict[str, Any], resolved: Any, place: Place = ()
) -> Iterator[tuple[str, bool, Place]]:
    """What a document gives, as in `everything`; whether it stands in the same place when resolved; and where."""
    if isinstance(value, list):
        items = next((choice["items"] for choice in choices(schema) if "items" in choice), {})
        for number, item in enumerate(value):
            same = isinstance(resolved, list) and len(resolved) == len(value)
            yield from given(item, items, resolved[number] if same else None, (*place, number))
    elif isinstance(value, dict):
        model = model_of(value, schema)
        for key, item in value.items():
            there = resolved.get(key) if isinstance(resolved, dict) else None
            if model is None:
                names = next(choice["additionalProperties"] for choice in choices(schema))
                yield from given(item, names, there, (*place, key))
                continue
            name, inner = name_of(model, key), model["properties"][key]
            arrived = arrives(item, there)
            yield name, arrived, (*place, key)
            for word in item if isinstance(item, list) else [item]:
                if isinstance(word, str) and word in words_of(inner.get("items", inner)):
                    yield f"{name}={word}", arrived, (*place, key)
            for other, arrived_too, where in given(item, inner, there, (*place, key)):
                # what is inside of a replaced key went with it
                yield other, arrived_too or name in REPLACED, where


def arrives(value: Any, resolved: Any) -> bool:
    """Whether a value is there, in whatever spelling. What is in a mapping is asked key by key."""
    if isinstance(value, dict):
        return isinstance(resolved, dict)
    if isinstance(resolved, dict):  # of a short spelling
        return any(arrives(value, item) for item in resolved.values())
    if isinstance(value, list):
        return (
            isinstance(resolved, list) and all(map(arrives, value, resolved)) and len(value) == len(resolved)
        )
    if isinstance(resolved, str):
        return str(value) == resolved or same_time(value, resolved)
    return value == resolved and isinstance(value, bool) == isinstance(resolved, bool)


def same_time(value: Any, resolved: str) -> bool:
    if isinstance(value, date):
        instant = value if isinstance(value, datetime) else datetime.combine(value, time())
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware == datetime.fromisoformat(resolved)
    with contextlib.suppress(ValueError, qs.QSessionError):
        return qs.parse_duration(value) == qs.parse_duration(resolved)
    return False


def written(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


@lru_cache
def resolved_form(path: Path) -> dict[str, Any]:
    return qs.load_scenario(path).dump()


def all_given() -> dict[str, list[tuple[bool, Path, Place]]]:
    """By what documents give: whether it arrived, of which document, and where in it."""
    found: dict[str, list[tuple[bool, Path, Place]]] = {}
    for path in DOCUMENTS:
        for name, arrived, place in given(written(path), SCHEMA, resolved_form(path)):
            found.setdefault(name, []).append((arrived, path, place))
    return found


GIVEN: Final = all_given()
LOST: Final = {name for name, uses in GIVEN.items() if not all(arrived for arrived, _, _ in uses)}


def makes_a_difference(path: Path, place: Place) -> bool:
    """Whether a document without a key resolves to something else, or to nothing, as the key is needed."""
    document = written(path)
    around = document
    for step in place[:-1]:
        around = around[step]
    del around[place[-1]]
    try:
        return qs.load_scenario(document).dump() != resolved_form(path)
    except qs.ScenarioError:
        return True


def test_some_document_gives_every_key_and_every_word():
    assert sorted(everything() - GIVEN.keys()) == []


def test_what_is_given_arrives_in_the_resolved_form():
    keys = {name.partition("=")[0] for name in LOST}
    assert sorted(keys - REPLACED.keys() - SOMETIMES_REPLACED.keys()) == []


@pytest.mark.parametrize("model", sorted({name.partition(".")[0] for name in GIVEN}))
def test_without_a_key_a_document_resolves_to_something_else(model, monkeypatch):
    """What arrived was what the document gives, and not a default."""
    idle = []
    for name, uses in GIVEN.items():
        if name.startswith(f"{model}.") and "=" not in name and name not in ONLY_ONE_VALUE:
            for _, path, place in uses:
                monkeypatch.chdir(path.parent)
                if makes_a_difference(path, place):
                    break
            else:
                idle.append(name)
    assert idle == []


def test_what_is_replaced_is_still_so():
    """Both lists are as short as they can be, and nothing on the second one is always lost."""
    arrived = {
        name: sorted({arrived for arrived, _, _ in GIVEN[name]}) for name in (*REPLACED, *SOMETIMES_REPLACED)
    }
    expected = {name: [False] for name in REPLACED} | {name: [False, True] for name in SOMETIMES_REPLACED}
    assert arrived == expected

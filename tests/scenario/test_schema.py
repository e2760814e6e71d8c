"""JSON Schema for editors: it accepts what loads, and refuses the slips that an editor can show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from qsession_sim.scenario.translation import json_schema

HERE = Path(__file__).parent
SCHEMA = json_schema()
VALID = sorted((HERE / "valid").glob("*.yaml")) + sorted((HERE / "valid").glob("*.resolved.json"))
KNOWN_WORDS = {
    *("$schema", "$defs", "$ref", "title", "description", "default", "examples"),
    *("type", "enum", "const", "anyOf", "oneOf", "properties", "required", "additionalProperties"),
    *("items", "minItems", "maxItems", "minLength", "minimum", "maximum", "exclusiveMinimum", "pattern"),
}
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def accepts(schema, value):
    """The part of JSON Schema that the schema uses (`test_schema_uses_only_these_words`)."""
    if "$ref" in schema and not accepts(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], value):
        return False
    if "type" in schema and (
        not isinstance(value, TYPES[schema["type"]])
        or isinstance(value, bool) != (schema["type"] == "boolean")
    ):
        return False
    checks = [
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "anyOf" not in schema or any(accepts(option, value) for option in schema["anyOf"]),
        "oneOf" not in schema or sum(accepts(option, value) for option in schema["oneOf"]) == 1,
    ]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        checks += [set(schema.get("required", [])) <= set(value)]
        checks += [schema.get("additionalProperties", True) or set(value) <= set(known)]
        checks += [accepts(known[key], item) for key, item in value.items() if key in known]
        others = schema.get("additionalProperties", True)
        if isinstance(others, dict):
            checks += [accepts(others, item) for key, item in value.items() if key not in known]
    if isinstance(value, list):
        checks += [schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))]
        checks += [accepts(schema.get("items", {}), item) for item in value]
    if isinstance(value, str):
        checks += [len(value) >= schema.get("minLength", 0)]
        checks += [re.search(schema.get("pattern", ""), value) is not None]
    if isinstance(value, (int, float)):
        checks += [value >= schema.get("minimum", value), value <= schema.get("maximum", value)]
        checks += [value > schema.get("exclusiveMinimum", value - 1)]
    return all(checks)


def words(schema):
    yield from schema
    for key in ("properties", "$defs"):
        for part in schema.get(key, {}).values():
            yield from words(part)
    for key in ("anyOf", "oneOf"):
        for part in schema.get(key, []):
            yield from words(part)
    if "items" in schema:
        yield from words(schema["items"])


def read(path):
    reader = YAML(typ="safe", pure=True)
    reader.constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
    return reader.load(path.read_text(encoding="utf-8"))


def test_schema_uses_only_these_words():
    assert set(words(SCHEMA)) <= KNOWN_WORDS


def test_schema_names_its_dialect_and_every_reference_leads_somewhere():
    text = json.dumps(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) <= set(SCHEMA["$defs"])
    assert "null" not in text


def test_every_mapping_and_every_key_is_described():
    models = [body for body in [SCHEMA, *SCHEMA["$defs"].values()] if "properties" in body]
    described = [
        (body["title"], key, part.get("description"))
        for body in models
        for key, part in {"": body, **body["properties"]}.items()
    ]

    assert len(described) > 400
    assert [one for one in described if not one[-1]] == []


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_every_valid_document_is_valid_under_the_schema(path):
    assert accepts(SCHEMA, read(path))


@pytest.mark.parametrize(
    "scenario",
    [
        [],
        {},
        {"workload": [], "sede": 1},
        {"workload": [], "horizon": 5},
        {"workload": [], "horizon": "5 minutes"},
        {"workload": [], "schema_version": 2},
        {"workload": [], "title": None},
        {"workload": [], "profile": 2024},
        {"workload": [], "rules": {"max_execution_time": "no"}},
        {"workload": [], "plans": {"premium": {"quotas": "none"}}},
        {"workload": [], "plans": {"premium": {"max_time": "8"}}},
        {"workload": [], "plans": {"premium": {"interactive_timeout": {"sessions": "60s"}}}},
        {"workload": [], "plans": {"premium": {"pending_jobs": "few"}}},
        {"workload": [], "plans": {"premium": {"quota": {"usage": "10m"}}}},
        {"workload": [], "accounts": [{"name": "a", "client": {"qiskit-ibm-runtime": 0.2}}]},
        {"workload": [], "accounts": [{"name": "a", "client": {"qiskit_ibm_runtime": "0.20.0"}}]},
        {"workload": [{"kind": "arrival"}]},
        {"workload": [{"kind": "arrivals", "account": "a"}]},
        {"workload": [{"kind": "arrivals", "account": "a", "interarrival": 5, "shots": 1}]},
        {"workload": [{"kind": "arrivals", "account": "a", "interarrival": "5s", "shots": "1"}]},
        {
            "workload": [
                {"kind": "arrivals", "account": "a", "interarrival": "5s", "shots": {"kind": "choice"}}
            ]
        },
        {"workload": [{"kind": "iterative", "account": "a", "iterations": 5, "clients": 0}]},
        {"workload": [{"kind": "iterative", "account": "a", "iterations": 5, "pauses": "40m"}]},
        {"workload": [{"kind": "iterative", "account": "a", "iterations": 5, "early_stop": {"after": 2}}]},
        {
            "workload": [
                {
                    "kind": "iterative",
                    "account": "a",
                    "iterations": 5,
                    "shots_by_iteration": {"kind": "steps"},
                }
            ]
        },
        {"workload": [{"kind": "arrivals", "account": "a", "interarrival": "5s", "users": {"count": 0}}]},
        {"workload": [{"kind": "iterative", "account": "a", "iterations": 5, "mode": "sessions"}]},
    ],
)
def test_slips_that_an_editor_can_show(scenario):
    assert not accepts(SCHEMA, scenario)

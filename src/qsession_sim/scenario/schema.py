"""JSON Schema of the human form, for editors."""

from __future__ import annotations

from typing import Any, Final

from qsession_sim.scenario.human import HumanScenario

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of scenarios as people write them.

    Every valid scenario is valid under it. What concerns several values, such as references from one job to
    another, is checked only when a scenario is loaded.

    Example:
        >>> json_schema()["required"]
        ['workload']
    """
    schema = HumanScenario.model_json_schema(mode="validation")
    definitions = {
        _short_name(name): {**_definition(body), "title": _short_name(name)}
        for name, body in schema.pop("$defs").items()
    }
    schema["title"] = "qsession-sim scenario"
    return {"$schema": _DIALECT, **_tidy({**schema, "$defs": definitions})}


def _definition(body: dict[str, Any]) -> dict[str, Any]:
    """Allow the spellings that are read before the models see them."""
    properties = body.get("properties", {})
    kind = properties.get("kind", {}).get("const")
    if kind in {"choice", "hyperexponential"}:
        return {**body, "required": [key for key in body["required"] if key != "weights"]}
    if "interarrival" in properties:
        ways = [key for key in ("interarrival", "rates", "bursts", "groups", "load") if key in properties]
        return {**body, "anyOf": [{"required": [key]} for key in ways]}
    if kind == "empirical":
        file = {"type": "string", "description": "a file with one value per line"}
        either = [{"required": ["values"]}, {"required": ["file"]}]
        return {**body, "properties": {**properties, "file": file}, "required": ["kind"], "oneOf": either}
    return body


def _short_name(name: str) -> str:
    """A definition's name without the types that made it: `Choice_count` or `Choice_duration`."""
    name = name.removeprefix("Human").removeprefix("_")
    generic, made, arguments = name.partition("_Annotated_")
    if not made:
        return name
    return f"{generic}_{'count' if arguments.startswith('float') else 'duration'}"


def _tidy(value: Any) -> Any:
    """Without null, which no key of a scenario may have, and with the short names in references."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    # OpenAPI's discriminator is no word of JSON Schema
    tidied = {key: _tidy(item) for key, item in value.items() if key != "discriminator" and item is not None}
    if "$ref" in tidied:
        tidied["$ref"] = _REFERENCE + _short_name(tidied["$ref"].removeprefix(_REFERENCE))
    options = tidied.get("anyOf")
    if options is None:
        return tidied
    options = [option for option in options if option != {"type": "null"}]
    del tidied["anyOf"]
    return {**options[0], **tidied} if len(options) == 1 else {**tidied, "anyOf": options}

"""Write `build.pyi`, which is what type checkers know of `qsession_sim.scenario.build`.

It comes from the JSON Schema of scenarios; run this after a change of one. With `--check` nothing is written,
and the exit status is 1 if the file is stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qsession_sim.scenario.build import arguments, constants, definitions, is_function
from qsession_sim.scenario.translation import json_schema

STUB = Path(__file__).parent.parent / "src/qsession_sim/scenario/build.pyi"

HEAD = '''"""Written by docs/make_builder.py from the JSON Schema of scenarios; do not edit."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias, overload

from qsession_sim.scenario.load import Scenario

Duration: TypeAlias = str | timedelta
Instant: TypeAlias = str | date

'''


def type_of(schema: Mapping[str, Any]) -> str:
    """The type of an argument with a JSON Schema."""
    match schema:
        case {"$ref": reference}:
            found = f"_{reference.rpartition('/')[2]}"
        case {"anyOf": options} | {"oneOf": options}:
            found = " | ".join(dict.fromkeys(type_of(option) for option in options))
        case {"const": word}:
            found = f"Literal[{json.dumps(word)}]"
        case {"enum": words}:
            found = f"Literal[{', '.join(json.dumps(word) for word in words)}]"
        case {"type": "array", "items": items}:
            found = f"Sequence[{type_of(items)}]"
        case {"type": "object", "additionalProperties": values}:
            found = f"Mapping[str, {type_of(values)}]"
        case {"type": "string", "pattern": pattern} if "us)" in pattern:
            found = "Duration"
        case {"type": "string", "examples": [example]} if example.endswith("Z"):
            found = "Instant"
        case {"type": kind}:
            found = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}[kind]
    return found


def function(name: str, body: Mapping[str, Any], result: str) -> Iterator[str]:
    """The lines of a function of the stub."""
    required = body.get("required", ())
    keys = arguments(body)
    if not keys:
        yield f"def {name}() -> {result}: ..."
        return
    yield f"def {name}("
    yield "    *,"
    for key, schema in keys.items():
        yield f"    {key}: {type_of(schema)}{'' if key in required else ' = ...'},"
    yield f") -> {result}: ..."


def functions(name: str, bodies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The function of a name: one with overloads if its required arguments tell which mapping is meant."""
    results = [f"_{body['title']}" for body in bodies]
    if len(bodies) > 1 and set(bodies[0]["required"]) == set(constants(bodies[0])):
        options = [body["properties"] for body in bodies]
        union = {key: {"anyOf": [option[key] for option in options]} for key in arguments(bodies[0])}
        yield from function(name, {"properties": union}, " | ".join(results))
        return
    for body, result in zip(bodies, results, strict=True):
        if len(bodies) > 1:
            yield "@overload"
        yield from function(name, body, result)


def stub() -> str:
    """The whole of it."""
    schema = json_schema()
    lines = [*function("scenario", schema, "Scenario"), ""]
    types = []
    for name, bodies in definitions().items():
        types += [f"class _{body['title']}(dict[str, Any]): ..." for body in bodies]
        lines += functions(name, bodies)
    for title, body in schema["$defs"].items():
        if "properties" not in body:
            types.append(f"_{title}: TypeAlias = {type_of(body)}")
        elif not is_function(body):
            types.append(f"_{title}: TypeAlias = Mapping[str, str]")
    return HEAD + "\n".join([*types, "", *lines]) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or compare it; returns the exit status."""
    text = stub()
    if arguments == ["--check"]:
        return int(STUB.read_text(encoding="utf-8") != text)
    STUB.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every key that a scenario can have: what it means and takes, and where the reference describes it.

All of it comes from the JSON Schema. The path of a key is that of `--set` and of messages, without positions
and names that people choose, and with the `kind` where that decides which keys there are, as in
`workload.arrivals.load`. A mapping that may be in several places is described once, at the first of them, and
distributions as `distribution.KIND`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from qsession_sim.errors import hint
from qsession_sim.scenario.problems import either
from qsession_sim.scenario.translation import json_schema

PAGE: Final = "docs/reference/keys.md"
"""Where all keys are described."""

_VARIANT: Final = re.compile("_(count|duration)$")
_LARGEST_SHOWN: Final = 10**12

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """A key of a scenario."""

    path: str
    description: str
    takes: str
    default: str | None
    """As it would be written; None if there is none, or the description says it."""
    required: bool
    inside: tuple[str, ...]
    """The paths of the mappings that its value may be or hold."""
    holds_names: bool
    """Whether names or positions of what it holds follow in longer paths."""

    @property
    def name(self) -> str:
        """The key alone."""
        return self.path.rpartition(".")[2]

    @property
    def anchor(self) -> str:
        """Where it is on the page of all keys."""
        return self.path.replace(".", "-")


@dataclass(frozen=True)
class KeyGroup:
    """A mapping with its keys; that of the whole scenario has an empty path."""

    path: str
    description: str
    keys: tuple[Key, ...]


@cache
def key_groups() -> tuple[KeyGroup, ...]:
    """All mappings of a scenario, in the order of its keys, the outer ones first.

    Example:
        >>> [key.name for key in key_groups()[0].keys][:3]
        ['schema_version', 'title', 'seed']
        >>> lanes = next(key for group in key_groups() for key in group.keys if key.path == "qpus.lanes")
        >>> lanes.takes, lanes.default, lanes.anchor
        ('a whole number from 1 to 1,000,000,000', '5', 'qpus-lanes')
    """
    groups = [
        KeyGroup(
            home,
            _mappings()[title][0]["description"],
            tuple(_key(title, name, f"{home}.{name}".lstrip(".")) for name in _properties(title)),
        )
        for title, home in _homes().items()
    ]
    order = ["", *(key.name for key in groups[0].keys), "distribution"]
    return tuple(sorted(groups, key=lambda group: order.index(group.path.partition(".")[0])))


def find_keys(path: str) -> tuple[Key, ...]:
    """The keys that a path may mean: more than one where it does not say the `kind`, or is only a name.

    Args:
        path: as `--set` and messages have it, such as `workload.vqe.think_time` or `workload[0].load`; as the
            path of a `Key`; or the name of a key alone. A path that ends in a kind means its keys.

    Raises:
        LookupError: if there is no such key; the message says which there are.

    Example:
        >>> [key.path for key in find_keys("workload.vqe-job.think_time")]
        ['workload.iterative.think_time']
        >>> [key.path for key in find_keys("think")]
        ['workload.program.think', 'workload.explicit.jobs.think', 'workload.trace.columns.think']
        >>> [key.name for key in find_keys("qpus[0].service_time.noise.lognormal")]
        ['kind', 'sigma']
        >>> find_keys("workload.arrivals.lod")
        Traceback (most recent call last):
        LookupError: no key of workload.arrivals is called 'lod'; did you mean 'load'?
    """
    every = [key for group in key_groups() for key in group.keys]
    exact = [key for key in every if key.path == path] or [
        key for group in key_groups() if group.path == path for key in group.keys
    ]
    if exact:
        return tuple(exact)
    steps = [step for step in re.split(r"[.\[\]]+", path) if step and not step.isdecimal()]
    if len(steps) > 1:
        return _followed(steps)
    called = tuple(key for key in every if key.name == path)
    if not called:
        names = sorted({key.name for key in every})
        raise LookupError(f"no key of a scenario is called {path!r}; {hint(path, names)}")
    return called


def _followed(steps: Sequence[str]) -> tuple[Key, ...]:
    """The keys at the end of a path, through all mappings that may stand there."""
    groups = {group.path: group for group in key_groups()}
    here, may_be_named, found = [groups[""]], False, list[Key]()
    for number, step in enumerate(steps):
        known = [key for group in here for key in group.keys]
        fitting = [key for key in known if key.name == step]
        kinds = [group for group in here if group.path.rpartition(".")[2] == step]
        if fitting:
            found, may_be_named = fitting, any(key.holds_names for key in fitting)
            here = [groups[path] for key in fitting for path in key.inside]
        elif kinds and number:
            here, may_be_named = kinds, False
            found = [key for group in kinds for key in group.keys]
        elif may_be_named:
            may_be_named = False
        else:
            where = ".".join(steps[:number]) or "a scenario"
            names = list(dict.fromkeys(key.name for key in known))
            raise LookupError(f"no key of {where} is called {step!r}; {hint(step, names)}")
    return tuple(found)


# -- The mappings of the JSON Schema, by title; distributions of counts and of durations are one.


_schema: Final = cache(json_schema)


@cache
def _mappings() -> Mapping[str, list[Schema]]:
    schema = _schema()
    found: dict[str, list[Schema]] = {schema["title"]: [schema]}
    for title, body in schema["$defs"].items():
        if "properties" in body:
            found.setdefault(_VARIANT.sub("", title), []).append(body)
    return found


def _properties(title: str) -> Schema:
    properties: Schema = _mappings()[title][0]["properties"]
    return properties


@cache
def _homes() -> Mapping[str, str]:
    """The path of each mapping."""
    homes = {_schema()["title"]: ""}
    for title in (waiting := list(homes)):
        for name, value in _properties(title).items():
            for one in _titles(value):
                if one not in homes:
                    homes[one] = _home(f"{homes[title]}.{name}".lstrip("."), one)
                    waiting.append(one)
    return homes


def _home(path: str, title: str) -> str:
    kind = _properties(title).get("kind", {}).get("const")
    if len(_mappings()[title]) > 1:
        return f"distribution.{kind}"
    return path if kind is None else f"{path}.{kind}"


def _key(title: str, name: str, path: str) -> Key:
    spellings = [body["properties"][name] for body in _mappings()[title]]
    value = spellings[0]
    return Key(
        path=path,
        description=value["description"],
        takes=either(_takes(*spellings)),
        default=_default(value),
        required=name in _mappings()[title][0].get("required", ()),
        inside=tuple(_homes()[one] for one in _titles(value)),
        holds_names=any("items" in one or one.get("additionalProperties") for one in _choices(value)),
    )


def _titles(schema: Schema) -> list[str]:
    """Of the mappings that a value may be or hold."""
    found: list[str] = []
    for one in _choices(schema):
        if "properties" in one:
            found.append(_VARIANT.sub("", one["title"]))
        elif "items" in one or "additionalProperties" in one:
            found += _titles(one.get("items") or one["additionalProperties"])
    return list(dict.fromkeys(found))


def _choices(schema: Schema) -> list[Schema]:
    """All that a value may be, one by one; of references what they lead to."""
    if "$ref" in schema:
        return _choices(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    inner = [] if "properties" in schema else [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [part for choice in inner for part in _choices(choice)] or [schema]


# -- What values are, in words.


def _takes(*schemas: Schema) -> list[str]:
    """What a value may be by any of some schemas, in words: lists as one, and single words at the end."""
    choices = [one for schema in schemas for one in _choices(schema)]
    items = [one["items"] for one in choices if "items" in one]
    others = [_in_words(one) for one in choices if not {"items", "enum", "const"} & one.keys()]
    if items:
        others.append(f"a list, each item {either(_takes(*items))}")
    enums = sorted(
        (one.get("enum") or [one["const"]] for one in choices if {"enum", "const"} & one.keys()), key=len
    )
    return list(dict.fromkeys([*others, *(str(word) for enum in enums[::-1] for word in enum)]))


def _in_words(schema: Schema) -> str:
    match schema:
        case {"properties": _, "title": title}:
            is_distribution = len(_mappings()[_VARIANT.sub("", title)]) > 1
            found = "a distribution" if is_distribution else "a mapping"
        case {"additionalProperties": values}:
            found = f"a mapping from names, each to {either(_takes(values))}"
        case {"pattern": pattern}:
            found = "a time, which may be negative" if "-?" in pattern else "a duration"
        case {"type": "string", "examples": _}:
            found = "an instant"
        case {"type": "integer" | "number"}:
            found = _number(schema)
        case {"type": kind}:
            found = {"boolean": "true or false", "string": "a text"}[kind]
    return found


def _number(schema: Schema) -> str:
    what = "a whole number" if schema["type"] == "integer" else "a number"
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        return f"{what} above {schema['exclusiveMinimum']}"
    if low is None or low < -_LARGEST_SHOWN:
        return what
    return f"{what} from {low:,}" + ("" if high is None else f" to {high:,}")


def _default(schema: Schema) -> str | None:
    match schema.get("default"):
        case bool() as value:
            return json.dumps(value)
        case 0 if "pattern" in schema:
            return "0s"
        case {"name": str() as value} | (int() | str() as value) if value != "":
            return str(value)
    return None

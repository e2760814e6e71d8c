"""Scenarios written in Python: a function for each mapping of a scenario, with its keys as arguments.

Each returns the mapping, so what it makes can stand wherever a dict of the same shape can, and errors name
the same places. Functions, arguments and their descriptions come from the JSON Schema of scenarios; type
checkers read the same in `build.pyi`.

Example:
    >>> from datetime import timedelta
    >>> from qsession_sim.scenario import build
    >>> build.arrivals(account="lab", interarrival=build.exponential(mean=timedelta(seconds=90)), count=5)
    {'kind': 'arrivals', 'account': 'lab', 'interarrival': {'kind': 'exponential', 'mean': \
datetime.timedelta(seconds=90)}, 'count': 5}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, Signature
from typing import Any, Final

from qsession_sim.scenario.load import Scenario, load_scenario
from qsession_sim.scenario.translation import json_schema

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def scenario(**keys: Any) -> Scenario:
    """A scenario with these keys, checked and resolved.

    Raises:
        ScenarioError: with one line for everything that is wrong, which names the argument by its path.

    Example:
        >>> from qsession_sim.scenario.build import explicit, job, scenario
        >>> jobs = [job(id="j1", at="0s", account="lab", qpu_time="3s")]
        >>> scenario(seed=7, workload=[explicit(jobs=jobs)]).resolved.seed
        7
        >>> scenario(workload=[explicit(jobs=jobs)], horizont="5s")
        Traceback (most recent call last):
        qsession_sim.errors.ScenarioError: scenario: horizont: unknown key (did you mean horizon?)
    """
    return load_scenario(keys)


@cache
def definitions() -> Mapping[str, list[dict[str, Any]]]:
    """The mappings of the JSON Schema by the name of their function.

    Those of durations and of counts, such as `exponential`, share a function.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for title, body in json_schema()["$defs"].items():
        if is_function(body):
            name = _WORD.sub("_", re.sub("_(count|duration)$", "", title)).lower()
            found.setdefault(name, []).append(body)
    return found


def is_function(body: Mapping[str, Any]) -> bool:
    """Whether the keys of a definition can be arguments; `client` has names of packages."""
    return "properties" in body and all(key.isidentifier() for key in body["properties"])


def constants(body: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a mapping that say which it is, such as its `kind`."""
    return {key: value["const"] for key, value in body["properties"].items() if "const" in value}


def arguments(body: Mapping[str, Any]) -> dict[str, Any]:
    """The other keys, with their schemas; those that are required first."""
    keys = [key for key in body["properties"] if key not in constants(body)]
    required = body.get("required", ())
    return {key: body["properties"][key] for key in sorted(keys, key=lambda key: key not in required)}


@cache
def _function(name: str) -> Callable[..., dict[str, Any]]:
    body = definitions()[name][0]

    def function(**keys: Any) -> dict[str, Any]:
        return {**constants(body), **keys}

    required = body.get("required", ())
    given = arguments(body)
    lines = [f"    {key}: {value['description']}." for key, value in given.items() if "description" in value]
    summary = body.get("description", f"The mapping of kind {name}.")
    parameters = [
        Parameter(key, Parameter.KEYWORD_ONLY, default=Parameter.empty if key in required else ...)
        for key in given
    ]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = "\n".join([summary, "", "Args:", *lines])
    function.__dict__["__signature__"] = Signature(parameters, return_annotation=dict[str, Any])
    return function


def __getattr__(name: str) -> Callable[..., dict[str, Any]]:
    if name.startswith("_") or name not in definitions():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _function(name)


def __dir__() -> list[str]:
    return sorted(("scenario", *definitions()))

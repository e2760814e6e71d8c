"""What is wrong between the keys of an estimate, or between it and the jobs that it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.reading import Part, given, part, parts, text

_KEYS: Final = {"perfect": (), "formula": (), "factor": ("factor",), "given": ("time",)}


def estimate_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns estimates in a scenario's plain data."""
    for path, source in parts(data, "workload"):
        place = (*path, "estimate")
        estimate = part(source, "estimate")
        keys = given(estimate, "factor", "time")
        method = text(estimate, "method")
        if method is None and len(keys) != 1 and isinstance(source.get("estimate"), dict):
            yield Problem(place, f"give factor or time{', and not both' if keys else ''}")
        for key in _KEYS.get(method or "", ()):
            if key not in keys:
                yield Problem((*place, key), f"missing; method {method} needs it")
        for key in keys:
            if method in _KEYS and key not in _KEYS[method]:
                yield Problem((*place, key), f"does not belong to method {method}; remove it", at_key=True)
        formula = source.get("estimate") == "formula" or method == "formula"
        if formula and (given(source, "qpu_time") or source.get("kind") == "trace"):
            what = "formula needs shots and circuits; give perfect, {factor: ...} or a time"
            yield Problem(place, what)

"""Presets and measurements of service times: read before validation, which sees only their numbers."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.human_service import HumanColumns
from qsession_sim.scenario.measurements import fit_measurements
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.reading import Part, duration, given, text
from qsession_sim.scenario.service_presets import preset_names, read_preset

_SPELLINGS: Final = (("per_execution",), ("rep_delay", "circuit_length"))
_FITTED: Final = ("intercept", "coefficients", "fit")


def inline_service_times(data: Any, directory: pathlib.Path) -> tuple[Any, list[Problem]]:
    """Replace presets by their keys, and files of measurements by the lines that are fitted to them.

    Args:
        data: a scenario's plain data, which stays as it is.
        directory: where relative names start.

    Returns:
        The new data; what is wrong with presets and files.
    """
    problems: list[Problem] = []
    qpus = data.get("qpus") if isinstance(data, Mapping) else None
    if not isinstance(qpus, list):
        return data, problems
    inlined = []
    for index, qpu in enumerate(qpus):
        service_time = qpu.get("service_time") if isinstance(qpu, Mapping) else None
        if isinstance(service_time, Mapping):
            path: Path = ("qpus", index, "service_time")
            service_time, wrong = _with_preset(path, service_time)
            problems += wrong
            if service_time.get("model") == "fitted":
                service_time, wrong = _with_fit(path, service_time, directory)
                problems += wrong
            inlined.append({**qpu, "service_time": service_time})
        else:
            inlined.append(qpu)
    return {**data, "qpus": inlined}, problems


def _with_preset(path: Path, service_time: Part) -> tuple[Part, list[Problem]]:
    name = text(service_time, "preset")
    if name is None:
        return service_time, []
    rest = {key: value for key, value in service_time.items() if key != "preset"}
    names = preset_names()
    if name not in names:
        return rest, [unknown_name((*path, "preset"), "no preset has this name", name, names)]
    keys = read_preset(name)["service_time"]
    if given(rest, "model") and rest["model"] != keys["model"]:
        what = f"the preset is of model {keys['model']}; remove one of them"
        return keys, [Problem((*path, "model"), what, rest["model"])]
    # an execution that is spelled in one way replaces the preset's other way
    for one, other in (_SPELLINGS, _SPELLINGS[::-1]):
        if given(rest, *one):
            keys = {key: value for key, value in keys.items() if key not in other}
    return {**keys, **rest}, []


def _with_fit(path: Path, service_time: Part, directory: pathlib.Path) -> tuple[Part, list[Problem]]:
    name, columns = text(service_time, "file"), _columns(service_time)
    if name is None or columns is None:
        return service_time, []
    wrong = [
        Problem((*path, key), "follows from the file of measurements; remove it", at_key=True)
        for key in given(service_time, *_FITTED)
    ]
    if wrong:
        return service_time, wrong
    try:
        line = fit_measurements(name, directory, columns, duration(service_time.get("least")))
    except ValueError as error:
        return service_time, [Problem((*path, "file"), what) for what in error.args]
    keys = {key: value for key, value in service_time.items() if key not in {"file", "columns"}}
    noise = keys.get("noise")
    if isinstance(noise, Mapping) and dict(noise) == {"kind": "residuals"}:
        keys["noise"] = {"kind": "empirical", "values": list(line.factors)}
    return {**line.keys, **keys}, []


def _columns(service_time: Part) -> dict[str, str] | None:
    """The columns to fit; None where something is missing or wrong, which validation tells."""
    try:
        columns = HumanColumns.model_validate(service_time.get("columns"))
    except ValidationError:
        return None
    chosen: dict[str, str] = columns.model_dump(exclude_none=True)
    fits = "shots" in chosen if "circuits" in chosen else len(chosen) > 1
    return chosen if fits else None

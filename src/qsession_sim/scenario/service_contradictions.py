"""What is wrong between the keys of a service time, or between it and the jobs that need it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.reading import Part, given, part, parts, text

DEFAULT_MODEL: Final = "executions"
_LINE: Final = ("intercept", "coefficients", "least")
_KEYS: Final = {
    "executions": (
        *("overhead", "per_execution", "rep_delay", "circuit_length", "executions_per_subjob", "noise"),
    ),
    "clops": ("overhead", "clops", "noise"),
    "linear": (*_LINE, "noise"),
    "fitted": ("file", "columns", *_LINE, "fit", "noise"),
    "given": (),
}
_ALL_KEYS: Final = tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys))
_DRAWN: Final = ("arrivals", "iterative", "batches")
_EXECUTION: Final = ("rep_delay", "circuit_length")
_TERMS: Final = ("executions", "qubits", "depth")


def service_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns service times in a scenario's plain data."""
    jobs = list(_jobs(data))
    for path, qpu in parts(data, "qpus"):
        service_time = part(qpu, "service_time")
        model = service_time.get("model", DEFAULT_MODEL)
        if not isinstance(model, str) or model not in _KEYS:
            continue
        place: Path = (*path, "service_time")
        for key in given(service_time, *_ALL_KEYS):
            if key not in _KEYS[model]:
                yield Problem((*place, key), f"does not belong to model {model}; remove it", at_key=True)
        yield from _model(place, service_time, model)
        visitors = [(path, job) for path, job, name in jobs if _may_run(name, qpu)]
        yield from _needs(visitors, service_time, model)


def _jobs(data: Part) -> Iterator[tuple[Path, Part, str | None]]:
    """Jobs and sources of jobs, and the QPU that each names."""
    sources = list(parts(data, "workload"))
    explicit = [(path, source) for path, source in sources if source.get("kind") == "explicit"]
    sessions = [session for path, source in explicit for _, session in parts(source, "sessions", path)]
    qpu_of = {text(session, "id"): text(session, "qpu") for session in reversed(sessions)}
    for path, source in sources:
        if source.get("kind") == "explicit":
            for place, job in parts(source, "jobs", path):
                yield place, job, text(job, "qpu") or qpu_of.get(text(job, "session"))
        elif source.get("kind") in _DRAWN:
            yield path, source, text(source, "qpu")


def _may_run(name: str | None, qpu: Part) -> bool:
    """S54: jobs that name no QPU are routed, but never to a simulator backend (S22)."""
    return qpu.get("simulator") is not True if name is None else name == qpu.get("name")


def _model(place: Path, service_time: Part, model: str) -> Iterator[Problem]:
    if model == "executions" and given(service_time, "per_execution"):
        for key in given(service_time, *_EXECUTION):
            yield Problem(
                (*place, key), "per_execution covers both; give it, or rep_delay and circuit_length"
            )
    if model == "clops" and not given(service_time, "clops"):
        yield Problem((*place, "clops"), "missing; give the circuit layers per second")
    if model == "linear" and not given(part(service_time, "coefficients"), *_TERMS):
        yield Problem((*place, "coefficients"), "missing; give one for executions, qubits or depth")
    if model == "fitted":
        yield from _fitted(place, service_time)
    elif model != "given" and part(service_time, "noise").get("kind") == "residuals":
        yield Problem((*place, "noise"), "only model fitted has residuals; give none, lognormal or empirical")


def _fitted(place: Path, service_time: Part) -> Iterator[Problem]:
    if given(service_time, "fit"):
        for key in ("intercept", "coefficients"):
            if not given(service_time, key):
                yield Problem((*place, key), "missing; a fit needs the line that was fitted")
        if part(service_time, "noise").get("kind") == "residuals":
            yield Problem((*place, "noise"), "needs the file of measurements, of which only the fit is left")
        return
    if not given(service_time, "file"):
        yield Problem((*place, "file"), "missing; give the CSV file of measurements")
    if not given(service_time, "columns"):
        yield Problem((*place, "columns"), "missing; say which columns to fit, such as {time: seconds, ...}")
        return
    columns = part(service_time, "columns")
    if given(columns, "circuits") and not given(columns, "shots"):
        yield Problem((*place, "columns", "shots"), "missing; circuits need a column of shots")
    elif columns and not given(columns, "shots", "qubits", "depth"):
        yield Problem((*place, "columns"), "give a column for shots, qubits or depth, too")


def _needs(jobs: list[tuple[Path, Part]], service_time: Part, model: str) -> Iterator[Problem]:
    """A job must tell what the model multiplies."""
    if model == "given":
        for path, job in jobs:
            if not given(job, "qpu_time"):
                yield Problem((*path, "qpu_time"), "missing; service-time model given needs it of every job")
        return
    needed = ["layers"] if model == "clops" else []
    if model in {"linear", "fitted"}:
        needed = given(part(service_time, "coefficients"), "qubits", "depth")
    for path, job in jobs:
        if given(job, "shots"):
            missing = [key for key in needed if not given(job, key)]
            for key in missing:
                yield Problem((*path, key), f"missing; service-time model {model} needs it")

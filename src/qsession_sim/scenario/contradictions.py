"""What is wrong between the values of a scenario, though each may be right on its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from qsession_sim.scenario.client_contradictions import client_habits
from qsession_sim.scenario.document import Path
from qsession_sim.scenario.estimate_contradictions import estimate_contradictions
from qsession_sim.scenario.explicit_contradictions import explicit_contradictions, service
from qsession_sim.scenario.plan_contradictions import plan_contradictions
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.qpu_contradictions import qpu_contradictions
from qsession_sim.scenario.queue_policies import parameter_problems
from qsession_sim.scenario.reading import Part, duration, given, part, parts, text
from qsession_sim.scenario.reservation_contradictions import reservation_contradictions
from qsession_sim.scenario.service_contradictions import service_contradictions
from qsession_sim.scenario.start_contradictions import client_starts, starts
from qsession_sim.scenario.window_contradictions import window_contradictions

_DRAWN: Final = ("arrivals", "iterative", "batches")
_LARGEST: Final = {
    "constant": "value",
    "uniform": "high",
    "exponential": "mean",
    "lognormal": "median",
    "gamma": "scale",
    "weibull": "scale",
    "pareto": "scale",
    "erlang": "mean",
}
"""The parameter with which every value of a distribution is 0."""


def contradictions(
    data: Any,
    queue_policies: Sequence[str],
    hold_policies: Sequence[str],
    routing_policies: Sequence[str],
) -> Iterator[Problem]:
    """Find every contradiction in a scenario's plain data.

    Args:
        data: the scenario as written; parts that cannot be read are passed over.
        queue_policies: names of the queue policies that exist.
        hold_policies: names of the hold policies that exist.
        routing_policies: names of the routing policies that exist.
    """
    yield from _nulls(data, ())
    if not isinstance(data, Mapping):
        return
    yield from qpu_contradictions(data)
    yield from window_contradictions(data)
    yield from reservation_contradictions(data)
    yield from estimate_contradictions(data)
    yield from _policies(data, "queue", queue_policies)
    yield from parameter_problems(data)
    yield from _policies(data, "hold", hold_policies)
    yield from _policies(data, "routing", routing_policies)
    yield from _warm_up(data)
    yield from _accounts(data)
    yield from plan_contradictions(data)
    yield from _names(data)
    for path, source in parts(data, "workload"):
        if source.get("kind") in _DRAWN:
            yield from service(path, source)
            yield from _drawn_source(path, source, data)
    yield from explicit_contradictions(data)
    yield from service_contradictions(data)


def _nulls(value: Any, path: Path) -> Iterator[Problem]:
    if value is None:
        yield Problem(path, "has no value; give one or remove the key", at_key=True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _nulls(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, (*path, index))


def _policies(data: Part, role: str, known: Sequence[str]) -> Iterator[Problem]:
    policies = part(data, "policies")
    path: Path = ("policies", role)
    name = policies.get(role)
    if isinstance(name, Mapping):
        path, name = (*path, "name"), name.get("name")
    if not isinstance(name, str) or name in known:
        return
    if role == "queue" and ".py:" in name:
        what = "a function in a file is not for scenarios; give it as --policy, or register it"
        yield Problem(path, what, name)
    else:
        yield unknown_name(path, f"no {role} policy has this name", name, known)


def _warm_up(data: Part) -> Iterator[Problem]:
    warm_up, horizon = duration(data.get("warm_up")), duration(data.get("horizon"))
    if warm_up is not None and horizon is not None and warm_up >= horizon > 0:
        yield Problem(("warm_up",), f"must end before the horizon, {data['horizon']}", data["warm_up"])


def _accounts(data: Part) -> Iterator[Problem]:
    if not isinstance(data.get("accounts"), list):
        return
    names: dict[str, None] = {}
    for path, account in parts(data, "accounts"):
        name = text(account, "name")
        if name in names:
            yield Problem((*path, "name"), "two accounts have this name; give each its own", name)
        if name is not None:
            names[name] = None
    for path, user in _account_users(data):
        name = text(user, "account")
        if name is not None and name not in names:
            yield unknown_name((*path, "account"), "no account has this name", name, names)


def _account_users(data: Part) -> Iterator[tuple[Path, Part]]:
    for path, source in parts(data, "workload"):
        yield path, source
        if source.get("kind") == "explicit":
            yield from parts(source, "sessions", path)
            yield from parts(source, "jobs", path)


def _names(data: Part) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, source in parts(data, "workload"):
        name = text(source, "name") if "name" in source else text(source, "kind")
        if name is not None and name in seen:
            yield Problem((*path, "name"), "two sources have this name; give each its own", name)
        if name is not None:
            seen.add(name)


def _drawn_source(path: Path, source: Part, data: Part) -> Iterator[Problem]:
    if source["kind"] == "iterative":
        if source.get("mode") == "job":
            for key in given(source, "max_time", "interactive_timeout"):
                yield Problem((*path, key), "mode job has no session to which this applies; remove it")
        yield from client_starts(path, source)
        yield from client_habits(path, source)
        return
    yield from starts(path, source)
    if given(source, "count", "groups"):
        return
    if not given(source, "until") and not given(data, "horizon"):
        yield Problem(path, "would never end; give count or until, or the scenario a horizon")
    elif given(source, "interarrival") and _always_zero(source["interarrival"]):
        what = "would never get beyond time 0; give count, or an interarrival above 0"
        yield Problem((*path, "interarrival"), what)


def _always_zero(distribution: Any) -> bool:
    if not isinstance(distribution, Mapping):
        return duration(distribution) == 0
    if duration(distribution.get("at_most")) == 0:
        return True
    if duration(distribution.get("at_least")) not in {None, 0}:
        return False
    kind = distribution.get("kind")
    if kind in _LARGEST:
        return duration(distribution.get(_LARGEST[kind])) == 0
    values = distribution.get("means" if kind == "hyperexponential" else "values")
    values = values if isinstance(values, list) else []
    weights = distribution.get("weights")
    weights = weights if isinstance(weights, list) else [1] * len(values)
    likely = [value for value, weight in zip(values, weights, strict=False) if weight != 0]
    return bool(likely) and all(duration(value) == 0 for value in likely)

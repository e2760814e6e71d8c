"""What is wrong between the values of a scenario, though each may be right on its own."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.scenario.distributions import AnyDistribution, count_mean, variance
from qsession_sim.scenario.document import Part, Path, duration, given, part, parts, text
from qsession_sim.scenario.policies import parameter_problems
from qsession_sim.scenario.problems import Problem, unknown_name
from qsession_sim.scenario.resolve import mean_time_between_us
from qsession_sim.scenario.service_checks import (
    plan_contradictions,
    qpu_contradictions,
    reservation_contradictions,
    service_contradictions,
    window_contradictions,
)
from qsession_sim.scenario.values import MOST_ROWS

if TYPE_CHECKING:
    from qsession_sim.scenario.models import HumanScenario
    from qsession_sim.scenario.sources import HumanBatches, HumanIterative


# -- What is wrong between the keys that say how iterative clients go on.


def client_habits(path: Path, source: Part) -> Iterator[Problem]:
    """Check the shots by iteration of an iterative source."""
    change = part(source, "shots_by_iteration")
    if not change:
        return
    here = (*path, "shots_by_iteration")
    if not given(source, "shots"):
        yield Problem(here, "changes shots, which are not given; give shots, or remove it")
    low, high = change.get("at_least"), change.get("at_most")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield Problem((*here, "at_most"), f"must not be below at_least, {low}", high)
    before = None
    for step_path, step in parts(change, "steps", here):
        number = step.get("from_iteration")
        if type(number) is not int:
            continue
        if before is not None and number <= before:
            what = f"must be after that of the step before, {before}"
            yield Problem((*step_path, "from_iteration"), what, number)
        before = number


# -- What is wrong between the keys of an estimate, or between it and the jobs that it is for.

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


# -- What is wrong between the jobs and sessions of explicit sources.

_ENDS: Final = (("close", "close_after"), ("cancel", "cancel_after"))


def explicit_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction within and between the explicit sources of a scenario's plain data."""
    sources = [(p, source) for p, source in parts(data, "workload") if source.get("kind") == "explicit"]
    sessions = [item for path, source in sources for item in parts(source, "sessions", path)]
    jobs = [item for path, source in sources for item in parts(source, "jobs", path)]
    yield from _twice(sessions, "session")
    yield from _twice(jobs, "job")
    session_of = {item["id"]: item for _, item in reversed(sessions) if text(item, "id") is not None}
    job_ids = dict.fromkeys(name for _, item in jobs if (name := text(item, "id")) is not None)
    for path, session in sessions:
        yield from _session(path, session)
    for path, job in jobs:
        yield from service(path, job)
        yield from _submission(path, job, job_ids)
        yield from _membership(path, job, session_of)
        yield from _both(path, job, "cancel", "cancel_after")
    yield from _circles(jobs)


def service(path: Path, jobs: Part) -> Iterator[Problem]:
    """The QPU time of jobs is given, or follows from circuits and shots."""
    counts = given(jobs, "circuits", "shots", "layers", "qubits", "depth")
    if given(jobs, "qpu_time"):
        if counts:
            yield Problem((*path, "qpu_time"), f"give qpu_time or {' and '.join(counts)}, not both")
    elif not counts:
        yield Problem(path, "give qpu_time, or shots and circuits")
    elif "shots" not in counts:
        need = "needs" if counts == ["depth"] else "need"
        yield Problem((*path, "shots"), f"missing; {' and '.join(counts)} {need} a number of shots")


def _both(path: Path, item: Part, one: str, other: str) -> Iterator[Problem]:
    if given(item, one) and given(item, other):
        yield Problem((*path, other), f"give {one} or {other}, not both")


def _twice(items: list[tuple[Path, Part]], what: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, item in items:
        name = text(item, "id")
        if name in seen:
            yield Problem((*path, "id"), f"two {what}s have this id; give each its own", name)
        if name is not None:
            seen.add(name)


def _session(path: Path, session: Part) -> Iterator[Problem]:
    created = duration(session.get("created"))
    for at, after in _ENDS:
        yield from _both(path, session, at, after)
        end = duration(session.get(at))
        if created is not None and end is not None and 0 <= end < created:  # S9
            what = f"must not be before the session is created, {session['created']}"
            yield Problem((*path, at), what, session[at])


def _submission(path: Path, job: Part, job_ids: Collection[str]) -> Iterator[Problem]:
    if not given(job, "at", "after"):
        yield Problem(path, "give at (a time) or after (the id of a job)")
    yield from _both(path, job, "at", "after")
    if given(job, "think") and not given(job, "after"):
        yield Problem((*path, "think"), "needs after; a job with at does not wait for another")
    after = text(job, "after")
    if after is not None and after not in job_ids:
        yield unknown_name((*path, "after"), "no job has this id", after, job_ids)


def _membership(path: Path, job: Part, session_of: Mapping[str, Part]) -> Iterator[Problem]:
    name = text(job, "session")
    if name is None:
        if not given(job, "session", "account"):
            yield Problem((*path, "account"), "missing; a job without session needs an account")
        return
    session = session_of.get(name)
    if session is None:
        yield unknown_name((*path, "session"), "no session has this id", name, session_of)
        return
    owner, account = text(session, "account"), text(job, "account")
    if owner is not None and account is not None and owner != account:
        what = f"a session's jobs take its account, {owner}; remove this one"
        yield Problem((*path, "account"), what, account)
    created, at = duration(session.get("created")), duration(job.get("at"))
    if created is not None and at is not None and 0 <= at < created:  # S9
        what = f"must not be before its session is created, {session['created']}"
        yield Problem((*path, "at"), what, job["at"])


def _circles(jobs: list[tuple[Path, Part]]) -> Iterator[Problem]:
    """Jobs that wait for each other; each circle is told once, at its first job."""
    path_of: dict[str, Path] = {}
    after_of: dict[str, str] = {}
    for path, job in jobs:
        job_id, after = text(job, "id"), text(job, "after")
        if job_id is not None and job_id not in path_of:
            path_of[job_id] = path
            if after is not None and not given(job, "at"):
                after_of[job_id] = after
    done: set[str] = set()
    for start in path_of:
        chain: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in chain:
            chain[name] = None
            name = after_of.get(name)
        if name is not None and name in chain:
            circle = [*chain][[*chain].index(name) :]
            shown = " after ".join([*circle, circle[0]])
            yield Problem((*path_of[name], "after"), f"no job of this circle can be the first: {shown}")
        done.update(chain)


# -- What is wrong between the keys that say when jobs, batches and clients start.

_WAYS: Final = ("interarrival", "rates", "bursts", "groups")


def starts(path: Path, source: Part) -> Iterator[Problem]:
    """Check the ways to start of a source of arrivals or batches, or of the start of clients."""
    ways = [*_WAYS, "load"] if source.get("kind") == "arrivals" else [*_WAYS]
    if not any(key in source for key in ways):
        yield Problem(path, f"give {', '.join(ways[:-1])} or {ways[-1]}")
    one, *others = given(source, *_WAYS) or [""]
    for other in others:
        yield Problem((*path, other), f"give {one} or {other}, not both")
    if "load" in ways and given(source, "load"):
        for key in given(source, "interarrival", "groups"):
            yield Problem((*path, "load"), f"give {key} or load, not both")
    if given(source, "groups"):
        for key in given(source, "count", "until"):
            yield Problem((*path, key), "groups say what starts and when; remove it")
    yield from _rates(path, source)
    bursts = part(source, "bursts")
    if _all_zero([part(bursts, "quiet").get("per_hour"), part(bursts, "burst").get("per_hour")]):
        yield Problem((*path, "bursts"), "nothing ever arrives; give a per_hour above 0")


def client_starts(path: Path, source: Part) -> Iterator[Problem]:
    """Check the start of the clients of an iterative source."""
    if not isinstance(source.get("start"), dict):
        return
    start = source["start"]
    yield from starts((*path, "start"), start)
    groups = list(parts(start, "groups"))
    sizes = [size for _, group in groups if type(size := group.get("size")) is int]
    clients = source.get("clients")
    if sizes and len(sizes) == len(groups) and type(clients) is int and clients != sum(sizes):
        yield Problem((*path, "clients"), f"start.groups have {sum(sizes)} clients; remove this", clients)


def _rates(path: Path, source: Part) -> Iterator[Problem]:
    pieces = list(parts(source, "rates", path))
    for piece_path, piece in pieces:
        first, last = piece.get("from_hour", 0), piece.get("to_hour", 24)
        if type(first) is int and type(last) is int and last <= first:
            yield Problem((*piece_path, "to_hour"), f"must be after from_hour, {first}", piece.get("to_hour"))
    if _all_zero([piece.get("per_hour") for _, piece in pieces]):
        yield Problem((*path, "rates"), "nothing ever arrives; give a per_hour above 0")


def _all_zero(rates: list[Any]) -> bool:
    return bool(rates) and all(isinstance(rate, (int, float)) and rate == 0 for rate in rates)


# -- Loads that no rate offers.

_LONGEST_US: Final = 2**62


def uncalibrated(scenario: HumanScenario) -> Iterator[Problem]:
    """Loads that no rate can offer."""
    for index, source in enumerate(scenario.workload):
        if source.kind != "arrivals" or source.load is None:
            continue
        mean_us = mean_time_between_us(source, scenario.qpus)
        if mean_us is None:
            problem = (
                "the mean of these QPU times has no closed form, so no rate can be solved; give qpu_time"
            )
        elif mean_us <= 0:
            problem = "the mean QPU time is 0, so no rate offers a load; give longer QPU times"
        elif not mean_us / source.load < _LONGEST_US:
            problem = (
                "the mean QPU time is infinite or too long, so no rate offers this load; give it at_most"
            )
        elif mean_us / source.load < 1:
            problem = "needs more than one arrival in a microsecond; give a smaller load"
        else:
            continue
        yield Problem(("workload", index, "load"), problem, source.load)


# -- Sources that would draw too many jobs, as far as their numbers show it before anything is drawn.

_DEVIATIONS: Final = 10
"""Standard deviations below the mean; by Cantelli's inequality at most 1 sum in 101 lies lower."""


def too_many_rows(scenario: HumanScenario) -> Iterator[Problem]:
    """Iterative clients and batches with more than 100 million jobs, at random with a probability above 99 %.

    Where the number of batches follows from the horizon, or clients may stop early, it is found when jobs
    are drawn.
    """
    for index, source in enumerate(scenario.workload):
        if source.kind == "iterative" and source.early_stop is None:
            clients = _clients(source)
            if _is_too_many(clients, source.iterations):
                what = f"makes more than {MOST_ROWS:,} jobs with {_number(clients, 'client')}; ask for fewer"
                yield Problem(("workload", index, "iterations"), what)
        elif source.kind == "batches":
            batches = _batches(source)
            if batches is not None and _is_too_many(batches, source.jobs):
                what = f"makes more than {MOST_ROWS:,} jobs in {_number(batches, 'batch')}; ask for fewer"
                yield Problem(("workload", index, "jobs"), what)


def _is_too_many(groups: int, size: AnyDistribution) -> bool:
    mean = count_mean(size)
    if not math.isfinite(mean):
        return False
    return groups * mean - _DEVIATIONS * math.sqrt(variance(size) * groups) > MOST_ROWS


def _number(groups: int, thing: str) -> str:
    plural = "" if groups == 1 else "es" if thing.endswith("h") else "s"
    return f"{groups:,} {thing}{plural}"


def _clients(source: HumanIterative) -> int:
    if source.clients is not None:
        return source.clients
    groups = None if source.start is None else source.start.groups
    return 1 if groups is None else sum(group.size for group in groups)


def _batches(source: HumanBatches) -> int | None:
    if source.groups is not None:
        return sum(group.size for group in source.groups)
    # with `until` there may be fewer
    return source.count if source.until is None else None


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

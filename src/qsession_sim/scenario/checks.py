"""What is wrong between the keys of one part of a scenario, though each may be right on its own.

Checks run on the data as written, so that they find what they can even where another value is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import gcd
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from qsession_sim.scenario.distributions import (
    AnyDistribution,
    DurationSpelling,
    count_mean,
    mean,
    variance,
)
from qsession_sim.scenario.document import Part, Path, duration, given, part, parts, text
from qsession_sim.scenario.models import WINDOW_KINDS, HumanScenario
from qsession_sim.scenario.problems import Problem, either
from qsession_sim.scenario.references import Located, Outline, reference_problems
from qsession_sim.scenario.resolve import mean_time_between_us, number_of_clients
from qsession_sim.scenario.service import DEFAULT_MODEL, SERVICE_TIME_KINDS
from qsession_sim.scenario.sources import DRAWN_KINDS, ESTIMATE_METHODS
from qsession_sim.scenario.values import MOST_ROWS

# -- Which keys belong to which kinds.


@dataclass(frozen=True)
class Keys:
    """Keys that only some kinds of a part have, or that some kinds need.

    A part may be of several kinds at once, such as "outage" and "at random times"; `{kind}` in what is said
    is the first of them.
    """

    keys: tuple[str, ...]
    kinds: Collection[str]
    what: str
    needed: bool = False  # else they belong to these kinds only
    at_key: bool = True


def _belong(keys: str, kinds: Collection[str], what: str, *, at_key: bool = True) -> Keys:
    return Keys(tuple(keys.split()), kinds, what, at_key=at_key)


def _needed(keys: str, kinds: Collection[str], what: str) -> Keys:
    return Keys(tuple(keys.split()), kinds, what, needed=True, at_key=False)


_AT_RANDOM: Final = "time_between_failures and repair_time"

KEYS: Final[Mapping[str, Sequence[Keys]]] = {
    "window": (
        _belong("account", ["reservation"], "belongs to reservations only; remove it"),
        _needed("account", ["reservation"], "missing; give the account for which the QPU is kept"),
        _belong("time_between_failures repair_time", ["outage"], "belongs to outages only; remove it"),
        _needed("time_between_failures repair_time", ["drawn"], "missing; outages at random times need both"),
        _belong("until", ["drawn", "mixed"], f"belongs to outages with {_AT_RANDOM}; remove it"),
        _belong(
            "at every duration",
            ["fixed", "mixed"],
            f"does not belong to outages with {_AT_RANDOM}; remove it",
        ),
        _needed("duration", ["fixed"], "missing; give how long it lasts"),
    ),
    "service_time": (
        *(
            _belong(
                key,
                [name for name, kind in SERVICE_TIME_KINDS.items() if key in kind.keys],
                "does not belong to model {kind}; remove it",
            )
            for key in dict.fromkeys(key for kind in SERVICE_TIME_KINDS.values() for key in kind.keys)
        ),
        _needed("clops", ["clops"], "missing; give the circuit layers per second"),
        _needed("intercept coefficients", ["kept fit"], "missing; a fit needs the line that was fitted"),
        _needed("file", ["new fit"], "missing; give the CSV file of measurements"),
        _needed("columns", ["new fit"], "missing; say which columns to fit, such as {time: seconds, ...}"),
    ),
    "estimate": (
        _belong("factor", ["factor"], "does not belong to method {kind}; remove it"),
        _belong("time", ["given"], "does not belong to method {kind}; remove it"),
        _needed("factor", ["factor"], "missing; method {kind} needs it"),
        _needed("time", ["given"], "missing; method {kind} needs it"),
    ),
    "source": (
        _belong(
            "max_time interactive_timeout",
            ["in sessions"],
            "mode job has no session to which this applies; remove it",
            at_key=False,
        ),
        _belong("count until", ["one by one"], "groups say what starts and when; remove it", at_key=False),
    ),
    "job": (
        _belong("think", ["after"], "needs after; a job with at does not wait for another", at_key=False),
        _needed("account", ["alone"], "missing; a job without session needs an account"),
    ),
}
"""By part: the keys that belong to some of its kinds, or that these need."""


def _key_problems(part_name: str, path: Path, written: Part, kinds: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the keys of a part that is of some kinds."""
    for rule in KEYS[part_name]:
        if rule.needed is any(kind in rule.kinds for kind in kinds):
            for key in rule.keys:
                if rule.needed is not bool(given(written, key)):
                    yield Problem((*path, key), rule.what.replace("{kind}", kinds[0]), at_key=rule.at_key)


def _not_both(path: Path, written: Part, one: str, other: str) -> Iterator[Problem]:
    if given(written, one) and given(written, other):
        yield Problem((*path, other), f"give {one} or {other}, not both")


# -- A whole scenario.


def contradictions(data: Part, policies: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Find every contradiction in a scenario's plain data.

    Args:
        data: the scenario as written; parts that cannot be read are passed over.
        policies: the names that `queue`, `hold` and `routing` may have.
    """
    outline = Outline.of(data)
    yield from reference_problems(outline, policies)
    yield from _warm_up(data)
    visitors = list(_visitors(outline))
    for path, qpu in outline.qpus:
        yield from _windows(path, qpu, data)
        yield from _service_time((*path, "service_time"), qpu, visitors)
    for path, account in outline.accounts:
        yield from _client((*path, "client"), part(account, "client"))
    for path, source in outline.sources:
        yield from _estimate((*path, "estimate"), source)
        if source.get("kind") in DRAWN_KINDS:
            yield from _requested_time(path, source)
            yield from _drawn_source(path, source, data)
    for path, session in outline.sessions:
        yield from _session(path, session)
    for path, job in outline.jobs:
        yield from _requested_time(path, job)
        yield from _job(path, job)


def without_value(value: Any, path: Path = ()) -> Iterator[Problem]:
    """Keys that have no value in plain data."""
    if value is None:
        yield Problem(path, "has no value; give one or remove the key", at_key=True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from without_value(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from without_value(item, (*path, index))


def _warm_up(data: Part) -> Iterator[Problem]:
    warm_up, horizon = duration(data.get("warm_up")), duration(data.get("horizon"))
    if warm_up is not None and horizon is not None and warm_up >= horizon > 0:
        yield Problem(("warm_up",), f"must end before the horizon, {data['horizon']}", data["warm_up"])


def _client(path: Path, client: Part) -> Iterator[Problem]:
    one, other = "qiskit-ibm-runtime", "qiskit-ibm-provider"
    if given(client, one) and given(client, other):  # S23
        what = f"give {one} or {other}: the one that the session calls come from"
        yield Problem((*path, other), what)


# -- Windows of availability (S52).

Span = tuple[int, int, int | None]
"""First start, duration, and time from one start to the next; microseconds."""


def _windows(path: Path, qpu: Part, data: Part) -> Iterator[Problem]:
    windows = list(parts(qpu, "windows", path))
    if windows and qpu.get("simulator") is True:  # S22
        what = "a simulator backend is always there; remove them"
        yield Problem((*path, "windows"), what, at_key=True)
    for place, window in windows:
        if window.get("kind") in WINDOW_KINDS:
            yield from _window(place, window, data)
    spans = [
        (place, span)
        for place, window in windows
        if window.get("kind") == "reservation" and (span := _span(window)) is not None
    ]
    for (_, first), (place, second) in combinations(spans, 2):
        if overlaps(first, second):
            yield Problem(place, "overlaps another reservation of this QPU; only one account can have it")


def _window(path: Path, window: Part, data: Part) -> Iterator[Problem]:
    kind = window["kind"]
    at_random = given(window, "time_between_failures", "repair_time")
    times = "fixed" if not at_random else "drawn" if kind == "outage" else "mixed"
    yield from _key_problems("window", path, window, (kind, times))
    if times == "drawn" and not given(window, "until") and not given(data, "horizon"):
        yield Problem(path, "would never end; give until, or the scenario a horizon")
    if times == "fixed":
        if not given(window, "at", "every"):
            yield Problem(path, "give at (a time), every (a period) or both")
        every, lasts = duration(window.get("every")), duration(window.get("duration"))
        if every is not None and lasts is not None and lasts > every > 0:
            what = f"must not be longer than the time to the next one, {window['every']}"
            yield Problem((*path, "duration"), what, window["duration"])


def _span(window: Part) -> Span | None:
    every = duration(window.get("every"))
    at, lasts = duration(window.get("at")), duration(window.get("duration"))
    at = every if at is None and not given(window, "at") else at
    if (
        at is None
        or lasts is None
        or at < 0
        or lasts < 1
        or (given(window, "every") and not (every or 0) > 0)
    ):
        return None
    return at, lasts, every


def overlaps(one: Span, other: Span) -> bool:
    """Whether two windows are ever open at the same time.

    Two periodic ones meet if a start of one, taken modulo the common divisor of the periods, falls close
    enough to a start of the other: all such differences occur sooner or later.

    Example:
        >>> overlaps((0, 10, None), (10, 10, None)), overlaps((0, 2, 6), (3, 2, 4))
        (False, True)
    """
    (at, lasts, every), (other_at, other_lasts, other_every) = one, other
    if every is None and other_every is None:
        return at < other_at + other_lasts and other_at < at + lasts
    if every is None:
        return overlaps(other, one)
    if other_every is None:
        # the first occurrence that is not over when the other begins
        skipped = max(0, (other_at - lasts - at) // every + 1)
        return at + skipped * every < other_at + other_lasts
    ahead = (other_at - at) % (step := gcd(every, other_every))
    return ahead < lasts or step - ahead < other_lasts


# -- Service times, and the jobs that need them.


def _visitors(outline: Outline) -> Iterator[tuple[Path, Part, str | None]]:
    """Jobs and sources of jobs, and the QPU that each names."""
    for path, job in outline.jobs:
        session = outline.session_of.get(text(job, "session") or "", {})
        yield path, job, text(job, "qpu") or text(session, "qpu")
    for path, source in outline.sources:
        if source.get("kind") in DRAWN_KINDS:
            yield path, source, text(source, "qpu")


def _service_time(
    path: Path, qpu: Part, visitors: Iterable[tuple[Path, Part, str | None]]
) -> Iterator[Problem]:
    service_time = part(qpu, "service_time")
    model = service_time.get("model", DEFAULT_MODEL)
    if not isinstance(model, str) or model not in SERVICE_TIME_KINDS:
        return
    fits = "kept fit" if given(service_time, "fit") else "new fit"
    yield from _key_problems(
        "service_time", path, service_time, (model, fits) if model == "fitted" else (model,)
    )
    yield from _model(path, service_time, model)
    # S54: jobs that name no QPU are routed, but never to a simulator backend (S22)
    routed = qpu.get("simulator") is not True
    jobs = [
        (place, job) for place, job, name in visitors if (routed if name is None else name == qpu.get("name"))
    ]
    yield from _needs(jobs, service_time, model)


def _model(path: Path, service_time: Part, model: str) -> Iterator[Problem]:
    residuals = part(service_time, "noise").get("kind") == "residuals"
    if model == "executions" and given(service_time, "per_execution"):
        for key in given(service_time, "rep_delay", "circuit_length"):
            what = "per_execution covers both; give it, or rep_delay and circuit_length"
            yield Problem((*path, key), what)
    if model == "linear" and not given(part(service_time, "coefficients"), "executions", "qubits", "depth"):
        yield Problem((*path, "coefficients"), "missing; give one for executions, qubits or depth")
    if model == "fitted" and given(service_time, "fit"):
        if residuals:
            yield Problem((*path, "noise"), "needs the file of measurements, of which only the fit is left")
    elif model == "fitted":
        columns = part(service_time, "columns")
        if given(columns, "circuits") and not given(columns, "shots"):
            yield Problem((*path, "columns", "shots"), "missing; circuits need a column of shots")
        elif columns and not given(columns, "shots", "qubits", "depth"):
            yield Problem((*path, "columns"), "give a column for shots, qubits or depth, too")
    elif residuals and model != "given":
        yield Problem((*path, "noise"), "only model fitted has residuals; give none, lognormal or empirical")


def _needs(jobs: Iterable[Located], service_time: Part, model: str) -> Iterator[Problem]:
    """A job must say what the model multiplies."""
    if model == "given":
        for path, job in jobs:
            if not given(job, "qpu_time"):
                yield Problem((*path, "qpu_time"), "missing; service-time model given needs it of every job")
        return
    needed = ["layers"] if model == "clops" else []
    if model in {"linear", "fitted"}:
        needed = given(part(service_time, "coefficients"), "qubits", "depth")
    for path, job in jobs:
        for key in needed if given(job, "shots") else ():
            if not given(job, key):
                yield Problem((*path, key), f"missing; service-time model {model} needs it")


def _requested_time(path: Path, jobs: Part) -> Iterator[Problem]:
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


def _estimate(path: Path, source: Part) -> Iterator[Problem]:
    estimate = part(source, "estimate")
    method = text(estimate, "method")
    if method is not None and method in ESTIMATE_METHODS:
        yield from _key_problems("estimate", path, estimate, (method,))
    keys = given(estimate, "factor", "time")
    if method is None and len(keys) != 1 and isinstance(source.get("estimate"), dict):
        yield Problem(path, f"give factor or time{', and not both' if keys else ''}")
    formula = source.get("estimate") == "formula" or method == "formula"
    if "requested" in (source.get("estimate"), method) and source.get("kind") != "trace":
        yield Problem(path, "only traces know what was requested; give perfect, {factor: ...} or a time")
    if formula and (given(source, "qpu_time") or source.get("kind") == "trace"):
        yield Problem(path, "formula needs shots and circuits; give perfect, {factor: ...} or a time")


# -- Jobs and sessions of explicit sources.


def _session(path: Path, session: Part) -> Iterator[Problem]:
    created = duration(session.get("created"))
    for at, after in (("close", "close_after"), ("cancel", "cancel_after")):
        yield from _not_both(path, session, at, after)
        end = duration(session.get(at))
        if created is not None and end is not None and 0 <= end < created:  # S9
            what = f"must not be before the session is created, {session['created']}"
            yield Problem((*path, at), what, session[at])


def _job(path: Path, job: Part) -> Iterator[Problem]:
    starts = given(job, "at", "after")
    if not starts:
        yield Problem(path, "give at (a time) or after (the id of a job)")
    alone = () if given(job, "session") else ("alone",)
    yield from _key_problems("job", path, job, ("job", *starts, *alone))
    yield from _not_both(path, job, "at", "after")
    yield from _not_both(path, job, "cancel", "cancel_after")


# -- Sources that draw their jobs: when jobs, batches and clients start, and how clients go on.

_WAYS: Final = ("interarrival", "rates", "bursts", "groups")
_INTERARRIVAL: Final[TypeAdapter[AnyDistribution]] = TypeAdapter(
    DurationSpelling, config=ConfigDict(defer_build=True)
)


def _drawn_source(path: Path, source: Part, data: Part) -> Iterator[Problem]:
    kind, groups = source["kind"], given(source, "groups")
    is_alone = kind == "iterative" and source.get("mode") == "job"
    facts = ("alone" if is_alone else "in sessions", "in groups" if groups else "one by one")
    yield from _key_problems("source", path, source, (kind, *facts))
    if kind == "iterative":
        yield from _client_starts(path, source)
        yield from _changing_shots((*path, "shots_by_iteration"), source)
        return
    yield from _starts(path, source, [*_WAYS, "load"] if kind == "arrivals" else _WAYS)
    if groups or given(source, "count"):
        return
    if not given(source, "until") and not given(data, "horizon"):
        yield Problem(path, "would never end; give count or until, or the scenario a horizon")
    elif given(source, "interarrival") and _always_zero(source["interarrival"]):
        what = "would never get beyond time 0; give count, or an interarrival above 0"
        yield Problem((*path, "interarrival"), what)


def _always_zero(interarrival: Any) -> bool:
    try:
        return mean(_INTERARRIVAL.validate_python(interarrival)) == 0
    except ValidationError:
        return False


def _starts(path: Path, source: Part, ways: Sequence[str]) -> Iterator[Problem]:
    """Check the ways to start of a source of arrivals or batches, or of the start of clients."""
    if not any(key in source for key in ways):
        yield Problem(path, f"give {either(ways)}")
    one, *others = given(source, *_WAYS) or [""]
    for other in others:
        yield Problem((*path, other), f"give {one} or {other}, not both")
    if "load" in ways and given(source, "load"):
        for key in given(source, "interarrival", "groups"):
            yield Problem((*path, "load"), f"give {key} or load, not both")
    rates = list(parts(source, "rates", path))
    for place, rate in rates:
        first, last = rate.get("from_hour", 0), rate.get("to_hour", 24)
        if type(first) is int and type(last) is int and last <= first:
            yield Problem((*place, "to_hour"), f"must be after from_hour, {first}", rate.get("to_hour"))
    bursts = part(source, "bursts")
    phases = [part(bursts, "quiet"), part(bursts, "burst")]
    for key, pieces in (("rates", [rate for _, rate in rates]), ("bursts", phases)):
        if pieces and all(piece.get("per_hour") == 0 for piece in pieces):
            yield Problem((*path, key), "nothing ever arrives; give a per_hour above 0")


def _client_starts(path: Path, source: Part) -> Iterator[Problem]:
    if not isinstance(source.get("start"), dict):
        return
    start = source["start"]
    yield from _starts((*path, "start"), start, _WAYS)
    groups = list(parts(start, "groups"))
    sizes = [size for _, group in groups if type(size := group.get("size")) is int]
    clients = source.get("clients")
    if sizes and len(sizes) == len(groups) and type(clients) is int and clients != sum(sizes):
        yield Problem((*path, "clients"), f"start.groups have {sum(sizes)} clients; remove this", clients)


def _changing_shots(path: Path, source: Part) -> Iterator[Problem]:
    change = part(source, "shots_by_iteration")
    if not change:
        return
    if not given(source, "shots"):
        yield Problem(path, "changes shots, which are not given; give shots, or remove it")
    low, high = change.get("at_least"), change.get("at_most")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield Problem((*path, "at_most"), f"must not be below at_least, {low}", high)
    before = None
    for place, step in parts(change, "steps", path):
        number = step.get("from_iteration")
        if type(number) is not int:
            continue
        if before is not None and number <= before:
            what = f"must be after that of the step before, {before}"
            yield Problem((*place, "from_iteration"), what, number)
        before = number


# -- What is known only of scenarios that are right otherwise: loads that no rate offers, too many jobs.

_LONGEST_US: Final = 2**62
_DEVIATIONS: Final = 10
"""Standard deviations below the mean; by Cantelli's inequality at most 1 sum in 101 lies lower."""


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


def too_many_rows(scenario: HumanScenario) -> Iterator[Problem]:
    """Iterative clients and batches with more than 100 million jobs, at random with a probability above 99 %.

    Where the number of batches follows from the horizon, or clients may stop early, this comes up when jobs
    are drawn.
    """
    for index, source in enumerate(scenario.workload):
        if source.kind == "iterative" and source.early_stop is None:
            clients = number_of_clients(source)
            if _is_too_many(clients, source.iterations):
                what = f"makes more than {MOST_ROWS:,} jobs with {_number(clients, 'client')}; ask for fewer"
                yield Problem(("workload", index, "iterations"), what)
        elif source.kind == "batches":
            # with `until` there may be fewer
            counted = source.count if source.until is None else None
            batches = counted if source.groups is None else source.in_groups
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

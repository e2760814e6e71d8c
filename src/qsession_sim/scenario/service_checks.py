"""What is wrong between the keys of a window of availability, or between two windows (S52)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from math import gcd
from typing import Any, Final, cast, get_args

from pydantic import ValidationError

from qsession_sim.scenario.accounts import (
    DEFAULT_PROFILE,
    OLDEST_QISKIT,
    PROFILE_PLANS,
    REFUSED_FROM,
    HumanPlan,
    ProfileName,
    ResolvedClock,
    ResolvedPlan,
    SessionMode,
    is_older,
)
from qsession_sim.scenario.document import Part, Path, duration, given, part, parts, text
from qsession_sim.scenario.models import DEFAULT_QPU, ResolvedScenario
from qsession_sim.scenario.problems import Assignment, Problem, nearest, unknown_name
from qsession_sim.scenario.resolve import resolve_plan
from qsession_sim.scenario.service import DEFAULT_MODEL, SERVICE_TIME_KINDS
from qsession_sim.units import format_duration

# -- Which versions of client software the service refuses, and from when (S23).


def client_warnings(scenario: ResolvedScenario) -> Iterator[Problem]:
    """What the service would warn of: Qiskit that is too old in a run that reaches `REFUSED_FROM`."""
    last = scenario.start + timedelta(microseconds=scenario.horizon or 0)
    for index, account in enumerate(scenario.accounts or ()):
        version = None if account.client is None else account.client.qiskit
        if version is not None and is_older(version, OLDEST_QISKIT) and last >= REFUSED_FROM:
            what = f"since April 2024 the service asks for Qiskit {OLDEST_QISKIT} or later"
            yield Problem(("accounts", index, "client", "qiskit"), what, version)


# -- What is wrong between plans, accounts and what sessions ask for (S23, S60, S61).

_RUNTIME: Final = "qiskit-ibm-runtime"
_PROVIDER: Final = "qiskit-ibm-provider"


@dataclass(frozen=True)
class _Owner:
    """Who asks for a session, and by which plan."""

    account: str
    plan: str
    terms: ResolvedPlan


def plan_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction around the plans in a scenario's plain data."""
    plans = _plans(data)
    yield from _plan_names(data)
    yield from _defaults(data, plans)
    for path, account in parts(data, "accounts"):
        name = text(account, "plan")
        if name is not None and name not in plans:
            yield unknown_name((*path, "plan"), "no plan has this name", name, plans)
        yield from _client((*path, "client"), part(account, "client"))
    yield from _sessions(data, _owners(data, plans))


def idle_plans(scenario: ResolvedScenario, assignments: Sequence[Assignment]) -> Iterator[Problem]:
    """Plans that came from outside the document and that no account has, perhaps by a slip in the name."""
    used = {account.plan: None for account in scenario.accounts or () if account.plan is not None}
    for assignment in assignments:
        path = assignment.path
        if path[0] == "plans" and len(path) > 1 and len(assignment.made) <= 2 and path[1] not in used:
            what = "no account has this plan, so it changes nothing"
            yield Problem(path, what, meant=nearest(str(path[1]), tuple(used)))


def _plans(data: Part) -> Mapping[str, ResolvedPlan | None]:
    """The plans that exist; None of one that cannot be read."""
    profile = str(data.get("profile", DEFAULT_PROFILE))
    known = cast("ProfileName", profile if profile in get_args(ProfileName) else DEFAULT_PROFILE)
    plans: dict[str, ResolvedPlan | None] = {}
    for name, written in part(data, "plans").items():
        try:
            plans[name] = resolve_plan(name, HumanPlan.model_validate(written), known)
        except ValidationError:
            plans[name] = None
    return {**PROFILE_PLANS[known], **plans}


def _plan_names(data: Part) -> Iterator[Problem]:
    for name in part(data, "plans"):
        if not name or not name.isprintable() or name != name.strip():
            what = "the name of a plan must be on one line, without spaces around it"
            yield Problem(("plans", name), what, name, at_key=True)


def _defaults(data: Part, plans: Mapping[str, ResolvedPlan | None]) -> Iterator[Problem]:
    for name, written in part(data, "plans").items():
        terms = plans[name]
        if terms is None:
            continue
        timeouts = part(written, "interactive_timeout")
        path: Path = ("plans", name)
        yield from _default((*path, "max_time"), part(written, "max_time"), terms.max_time)
        for mode in get_args(SessionMode):
            clock = part(timeouts, mode)
            yield from _default((*path, "interactive_timeout", mode), clock, terms.timeout_of(mode))


def _default(path: Path, written: Part, clock: ResolvedClock) -> Iterator[Problem]:
    if clock.limit is not None and clock.default > clock.limit:
        what = f"must not be longer than the limit, {format_duration(clock.limit)}"
        if not given(written, "limit"):
            what += ", which comes from the profile; give a limit, too"
        yield Problem((*path, "default"), what, written["default"])


def _client(path: Path, client: Part) -> Iterator[Problem]:
    if given(client, _RUNTIME) and given(client, _PROVIDER):  # S23
        what = f"give {_RUNTIME} or {_PROVIDER}: the one that the session calls come from"
        yield Problem((*path, _PROVIDER), what)


def _owners(data: Part, plans: Mapping[str, ResolvedPlan | None]) -> dict[str, _Owner]:
    """The accounts with a plan that can be read, by name."""
    owners: dict[str, _Owner] = {}
    for _, account in parts(data, "accounts"):
        name, plan = text(account, "name"), text(account, "plan")
        terms = None if plan is None else plans.get(plan)
        if name is not None and plan is not None and terms is not None:
            owners.setdefault(name, _Owner(name, plan, terms))
    return owners


def _sessions(data: Part, owners: Mapping[str, _Owner]) -> Iterator[Problem]:
    """S61: what is known to break a plan before the run."""
    for path, source in parts(data, "workload"):
        kind, mode = source.get("kind"), source.get("mode", "session")
        owner = owners.get(text(source, "account") or "")
        if kind == "explicit":
            for place, session in parts(source, "sessions", path):
                yield from _session(place, session, owners)
        elif owner is not None and kind == "trace":
            timeouts = {"interactive_timeout": "session", "batch_interactive_timeout": "batch"}
            yield from _clocks(path, source, owner, timeouts)
        elif owner is not None and kind == "batches":
            yield from _clocks(path, source, owner, {"interactive_timeout": "batch"})
        elif owner is not None and kind == "iterative" and mode in get_args(SessionMode):
            yield from _clocks(path, source, owner, {"interactive_timeout": mode})


def _session(path: Path, session: Part, owners: Mapping[str, _Owner]) -> Iterator[Problem]:
    owner, mode = owners.get(text(session, "account") or ""), session.get("mode", "session")
    if owner is None or mode not in get_args(SessionMode):
        return
    allowed = {"session": owner.terms.sessions, "batch": owner.terms.batches}
    if not allowed[mode]:
        what = {"session": "sessions", "batch": "batches"}[mode]
        message = (
            f"plan {owner.plan} of account {owner.account} allows no {what}; "
            f"submit the jobs in another mode, or give the account another plan"
        )
        yield Problem((*path, "mode") if given(session, "mode") else path, message)
    yield from _clocks(path, session, owner, {"interactive_timeout": mode})


def _clocks(path: Path, asking: Part, owner: _Owner, timeouts: Mapping[str, Any]) -> Iterator[Problem]:
    """Of the keys in `timeouts`, the mode whose interactive timeout each of them is."""
    clocks = {key: owner.terms.timeout_of(mode) for key, mode in timeouts.items()}
    for key, clock in {"max_time": owner.terms.max_time, **clocks}.items():
        asked_us = duration(asking.get(key))
        if asked_us is not None and clock.limit is not None and asked_us > clock.limit:
            what = f"must not be longer than {format_duration(clock.limit)}"
            allowed_by = f"plan {owner.plan} of account {owner.account}"
            yield Problem((*path, key), f"{what}, which {allowed_by} allows", asking[key])


# -- What is wrong between QPUs, or between them and the jobs and sessions that name one.


def qpu_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns QPUs in a scenario's plain data."""
    qpus = list(parts(data, "qpus"))
    yield from _qpu_names(qpus)
    simulators = {name for _, qpu in qpus if qpu.get("simulator") is True and (name := text(qpu, "name"))}
    if qpus and len(simulators) == len(qpus):
        for path, _ in qpus:
            what = "jobs of a simulator backend wait for nothing; give false, or a QPU beside it"
            yield Problem((*path, "simulator"), what, got=True)
    names = [name for _, qpu in qpus if (name := text(qpu, "name"))]
    known = names if isinstance(data.get("qpus"), list) else [DEFAULT_QPU]
    sources = list(parts(data, "workload"))
    for path, source in sources:
        yield from _reference(path, source, known)
        kind, mode = source.get("kind"), source.get("mode", "session")
        if kind == "batches" or (kind == "iterative" and mode != "job"):
            yield from _no_session(path, source, simulators)
        yield from _no_preparation(path, source, simulators)
    yield from _explicit(sources, known, simulators)


def _explicit(
    sources: list[tuple[Path, Part]], known: Collection[str], simulators: Collection[str]
) -> Iterator[Problem]:
    explicit = [(path, source) for path, source in sources if source.get("kind") == "explicit"]
    session_of: dict[str | None, Part] = {}
    for path, source in explicit:
        for place, session in parts(source, "sessions", path):
            yield from _reference(place, session, known)
            yield from _no_session(place, session, simulators)
            session_of.setdefault(text(session, "id"), session)
    for path, source in explicit:
        for place, job in parts(source, "jobs", path):
            yield from _reference(place, job, known)
            name = text(job, "session")
            if name is None:
                yield from _no_preparation(place, job, simulators)
            elif name in session_of:
                yield from _of_session(place, job, session_of[name])


def _qpu_names(qpus: list[tuple[Path, Part]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, qpu in qpus:
        name = text(qpu, "name")
        if name in seen:
            yield Problem((*path, "name"), "two QPUs have this name; give each its own", name)
        if name is not None:
            seen.add(name)


def _reference(path: Path, item: Part, known: Collection[str]) -> Iterator[Problem]:
    name = text(item, "qpu")
    if name is not None and name not in known:
        yield unknown_name((*path, "qpu"), "no QPU has this name", name, known)


def _no_session(path: Path, item: Part, simulators: Collection[str]) -> Iterator[Problem]:
    name = text(item, "qpu")
    if name in simulators:  # S22
        what = "a session cannot be opened on a simulator backend; name another QPU"
        yield Problem((*path, "qpu"), what, name)


def _no_preparation(path: Path, item: Part, simulators: Collection[str]) -> Iterator[Problem]:
    if text(item, "qpu") in simulators:
        for key in given(item, "preparation"):
            what = "jobs of a simulator backend start at once (S22); remove it"
            yield Problem((*path, key), what, at_key=True)


def _of_session(path: Path, job: Part, session: Part) -> Iterator[Problem]:
    """S54: a session's jobs stay on its QPU."""
    own, name = text(job, "qpu"), text(session, "qpu")
    if own is None or own == name:
        return
    if name is None:
        what = "a session's jobs stay on its QPU; give it to the session"
    else:
        what = f"a session's jobs stay on its QPU, {name}; remove this one"
    yield Problem((*path, "qpu"), what, own)


# -- For whom QPUs are reserved: accounts that exist and submit jobs under their own names (S52).


def reservation_contradictions(data: Part) -> Iterator[Problem]:
    """Find every reservation in a scenario's plain data that no job can be of."""
    sources = [source for _, source in parts(data, "workload")]
    populated = [source for source in sources if part(source, "users")]
    listed = [text(account, "name") for _, account in parts(data, "accounts")]
    any_name = not isinstance(data.get("accounts"), list)
    for path, qpu in parts(data, "qpus"):
        for place, window in parts(qpu, "windows", path):
            name, where = text(window, "account"), (*place, "account")
            if name is None:
                continue
            if any(_is_user(name, source) for source in populated):
                continue
            if name not in listed and not any_name:
                known = [known for known in listed if known is not None]
                yield unknown_name(where, "no account has this name", name, known)
            elif any(text(source, "account") == name for source in populated):
                yield from _stand_in(where, name, sources)


def _is_user(name: str, source: Part) -> bool:
    """Whether a name is that of one of a source's users."""
    account, count = text(source, "account"), part(source, "users").get("count")
    stem, dash, number = name.rpartition("-")
    if not dash or stem != account or not isinstance(count, int):
        return False
    # text is compared with text, since a number of thousands of digits is no int
    return number.isascii() and number.isdigit() and number[0] != "0" and _is_at_most(number, str(count))


def _is_at_most(number: str, most: str) -> bool:
    return (len(number), number) <= (len(most), most)


def _stand_in(path: Path, name: str, sources: Sequence[Part]) -> Iterator[Problem]:
    """An account that stands for users submits nothing itself, unless another source is its own."""
    for source in sources:
        own = [source, *(item for key in ("sessions", "jobs") for _, item in parts(source, key))]
        if not part(source, "users") and any(text(item, "account") == name for item in own):
            return
    what = f"stands for users, who are accounts of their own; name one of them, such as {name}-1"
    yield Problem(path, what, name)


# -- What is wrong between the keys of a service time, or between it and the jobs that need it.

_ALL_KEYS: Final = tuple(dict.fromkeys(key for kind in SERVICE_TIME_KINDS.values() for key in kind.keys))
_DRAWN_SOURCES: Final = ("arrivals", "iterative", "batches")
_EXECUTION: Final = ("rep_delay", "circuit_length")
_TERMS: Final = ("executions", "qubits", "depth")


def service_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns service times in a scenario's plain data."""
    jobs = list(_jobs(data))
    for path, qpu in parts(data, "qpus"):
        service_time = part(qpu, "service_time")
        model = service_time.get("model", DEFAULT_MODEL)
        if not isinstance(model, str) or model not in SERVICE_TIME_KINDS:
            continue
        place: Path = (*path, "service_time")
        for key in given(service_time, *_ALL_KEYS):
            if key not in SERVICE_TIME_KINDS[model].keys:
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
        elif source.get("kind") in _DRAWN_SOURCES:
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


_FIXED: Final = ("at", "every", "duration")
_DRAWN_KEYS: Final = ("time_between_failures", "repair_time")
_KINDS: Final = ("maintenance", "calibration", "outage", "reservation")

Span = tuple[int, int, int | None]
"""First start, duration, and time from one start to the next; microseconds."""


def window_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction that concerns windows in a scenario's plain data."""
    for path, qpu in parts(data, "qpus"):
        windows = list(parts(qpu, "windows", path))
        if windows and qpu.get("simulator") is True:
            what = "a simulator backend is always there (S22); remove them"
            yield Problem((*path, "windows"), what, at_key=True)
        for place, window in windows:
            if window.get("kind") in _KINDS:
                yield from _window(place, window, data)
        yield from _reservations(windows)


def _window(path: Path, window: Part, data: Part) -> Iterator[Problem]:
    kind = window["kind"]
    drawn = given(window, *_DRAWN_KEYS)
    if kind == "reservation" and not given(window, "account"):
        yield Problem((*path, "account"), "missing; give the account for which the QPU is kept")
    for key in given(window, "account") if kind != "reservation" else ():
        yield Problem((*path, key), "belongs to reservations only; remove it", at_key=True)
    if not drawn:
        yield from _fixed(path, window)
    elif kind != "outage":
        for key in drawn:
            yield Problem((*path, key), "belongs to outages only; remove it", at_key=True)
    else:
        yield from _outages(path, window, data)


def _fixed(path: Path, window: Part) -> Iterator[Problem]:
    for key in given(window, "until"):
        what = "belongs to outages with time_between_failures and repair_time; remove it"
        yield Problem((*path, key), what, at_key=True)
    if not given(window, "at", "every"):
        yield Problem(path, "give at (a time), every (a period) or both")
    if not given(window, "duration"):
        yield Problem((*path, "duration"), "missing; give how long it lasts")
    every, lasts = duration(window.get("every")), duration(window.get("duration"))
    if every is not None and lasts is not None and lasts > every > 0:
        what = f"must not be longer than the time to the next one, {window['every']}"
        yield Problem((*path, "duration"), what, window["duration"])


def _outages(path: Path, window: Part, data: Part) -> Iterator[Problem]:
    for key in given(window, *_FIXED):
        what = "does not belong to outages with time_between_failures and repair_time; remove it"
        yield Problem((*path, key), what, at_key=True)
    for key in _DRAWN_KEYS:
        if not given(window, key):
            yield Problem((*path, key), "missing; outages at random times need both")
    if not given(window, "until") and not given(data, "horizon"):
        yield Problem(path, "would never end; give until, or the scenario a horizon")


def _reservations(windows: list[tuple[Path, Part]]) -> Iterator[Problem]:
    spans = [
        (path, span)
        for path, window in windows
        if window.get("kind") == "reservation" and (span := _span(window)) is not None
    ]
    for (_, first), (path, second) in combinations(spans, 2):
        if overlaps(first, second):
            yield Problem(path, "overlaps another reservation of this QPU; only one account can have it")


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

"""What is wrong between the parts of a scenario: names that two have or none has, and what they refer to.

Like `checks`, these run on the data as written, so that they find what they can even where a value is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
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
from qsession_sim.scenario.policies import PARAMETERS, QueuePolicySettings
from qsession_sim.scenario.problems import Assignment, Problem, nearest, unknown_name
from qsession_sim.scenario.resolve import resolve_plan
from qsession_sim.units import format_duration

Located = tuple[Path, Part]
"""A part of a scenario, and where it is."""

_MODES: Final = get_args(SessionMode)


@dataclass(frozen=True)
class Outline:
    """The parts of a scenario that are mappings, by what they are."""

    data: Part
    qpus: Sequence[Located]
    sources: Sequence[Located]
    sessions: Sequence[Located]  # of explicit sources, as the jobs
    jobs: Sequence[Located]
    accounts: Sequence[Located]
    session_of: Mapping[str, Part]  # by id, the first one with it

    @classmethod
    def of(cls, data: Part) -> Outline:
        """That of a scenario as written."""
        sources = list(parts(data, "workload"))
        explicit = [(path, source) for path, source in sources if source.get("kind") == "explicit"]
        sessions = [item for path, source in explicit for item in parts(source, "sessions", path)]
        jobs = [item for path, source in explicit for item in parts(source, "jobs", path)]
        return cls(
            data,
            qpus=list(parts(data, "qpus")),
            sources=sources,
            sessions=sessions,
            jobs=jobs,
            accounts=list(parts(data, "accounts")),
            session_of={
                name: item for _, item in reversed(sessions) if (name := text(item, "id")) is not None
            },
        )

    @property
    def users(self) -> Sequence[Located]:
        """What may name an account and a QPU: sources, and the sessions and jobs of explicit ones."""
        return [*self.sources, *self.sessions, *self.jobs]

    @property
    def windows(self) -> Iterator[Located]:
        """The windows of all QPUs."""
        for path, qpu in self.qpus:
            yield from parts(qpu, "windows", path)


def reference_problems(outline: Outline, policies: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Find every contradiction between the parts of a scenario.

    Args:
        outline: of its plain data.
        policies: the names that `queue`, `hold` and `routing` may have.
    """
    for role, known in policies.items():
        yield from _policy(outline.data, role, known)
    yield from _parameters(outline.data)
    yield from _twice(outline.qpus, "name", "QPUs")
    called = [(path, {"name": source.get("name", source.get("kind"))}) for path, source in outline.sources]
    yield from _twice(called, "name", "sources")
    yield from _twice(outline.sessions, "id", "sessions")
    yield from _twice(outline.jobs, "id", "jobs")
    yield from _accounts(outline)
    yield from _qpus(outline)
    yield from _reservations(outline)
    yield from _plans(outline)
    for path, job in outline.jobs:
        yield from _membership(path, job, outline)
    yield from _chains(outline.jobs)


def _twice(items: Iterable[Located], key: str, what: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, item in items:
        name = text(item, key)
        if name in seen:
            yield Problem((*path, key), f"two {what} have this {key}; give each its own", name)
        if name is not None:
            seen.add(name)


def _unknown(items: Iterable[Located], key: str, what: str, known: Collection[str]) -> Iterator[Problem]:
    for path, item in items:
        name = text(item, key)
        if name is not None and name not in known:
            yield unknown_name((*path, key), f"no {what} has this name", name, known)


# -- Policies.


def _policy(data: Part, role: str, known: Collection[str]) -> Iterator[Problem]:
    path: Path = ("policies", role)
    name = part(data, "policies").get(role)
    if isinstance(name, Mapping):
        path, name = (*path, "name"), name.get("name")
    if not isinstance(name, str) or name in known:
        return
    if role == "queue" and ".py:" in name:
        what = "a function in a file is not for scenarios; give it as --policy, or register it"
        yield Problem(path, what, name)
    else:
        yield unknown_name(path, f"no {role} policy has this name", name, known)


def _parameters(data: Part) -> Iterator[Problem]:
    """Parameters that the queue policy does not have."""
    policy = part(part(data, "policies"), "queue")
    name = text(policy, "name")
    if name is None:
        return
    own = ("name", *PARAMETERS.get(name, {}))
    for key in QueuePolicySettings.model_fields.keys() - set(own) & policy.keys():
        yield unknown_name(("policies", "queue", key), "unknown key", key, own, at_key=True)


# -- QPUs, and the jobs and sessions that name one.


def _qpus(outline: Outline) -> Iterator[Problem]:
    names = [name for _, qpu in outline.qpus if (name := text(qpu, "name"))]
    known = names if isinstance(outline.data.get("qpus"), list) else [DEFAULT_QPU]
    yield from _unknown(outline.users, "qpu", "QPU", known)
    for path, source in outline.sources:
        machines = part(source, "machines")
        for machine in machines:
            yield from _unknown([((*path, "machines"), machines)], machine, "QPU", known)
    simulators = {
        name for _, qpu in outline.qpus if qpu.get("simulator") is True and (name := text(qpu, "name"))
    }
    if outline.qpus and len(simulators) == len(outline.qpus):
        for path, _ in outline.qpus:
            what = "jobs of a simulator backend wait for nothing; give false, or a QPU beside it"
            yield Problem((*path, "simulator"), what, got=True)
    alone = [(path, job) for path, job in outline.jobs if text(job, "session") is None]
    for path, item in [*outline.sources, *alone]:
        if text(item, "qpu") in simulators and given(item, "preparation"):  # S22
            what = "jobs of a simulator backend start at once; remove it"
            yield Problem((*path, "preparation"), what, at_key=True)
    for path, item in [*filter(_opens_sessions, outline.sources), *outline.sessions]:
        if text(item, "qpu") in simulators:  # S22
            what = "a session cannot be opened on a simulator backend; name another QPU"
            yield Problem((*path, "qpu"), what, item["qpu"])


def _opens_sessions(located: Located) -> bool:
    _, source = located
    kind = source.get("kind")
    return kind == "batches" or (kind == "iterative" and source.get("mode") != "job")


# -- For whom QPUs are reserved: accounts that exist and submit jobs under their own names (S52).


def _reservations(outline: Outline) -> Iterator[Problem]:
    sources = [source for _, source in outline.sources]
    populated = [source for source in sources if part(source, "users")]
    names = (text(account, "name") for _, account in outline.accounts)
    listed = dict.fromkeys(name for name in names if name is not None)
    any_name = not isinstance(outline.data.get("accounts"), list)
    for path, window in outline.windows:
        name, where = text(window, "account"), (*path, "account")
        if name is None or any(_is_user(name, source) for source in populated):
            continue
        if name not in listed and not any_name:
            yield unknown_name(where, "no account has this name", name, listed)
        elif any(text(source, "account") == name for source in populated):
            yield from _stand_in(where, name, sources)


def _is_user(name: str, source: Part) -> bool:
    """Whether a name is that of one of a source's users."""
    account, count = text(source, "account"), part(source, "users").get("count")
    stem, dash, number = name.rpartition("-")
    if not dash or stem != account or not isinstance(count, int):
        return False
    # text is compared with text, since a number of thousands of digits is no int
    is_at_most = (len(number), number) <= (len(str(count)), str(count))
    return number.isascii() and number.isdigit() and number[0] != "0" and is_at_most


def _stand_in(path: Path, name: str, sources: Sequence[Part]) -> Iterator[Problem]:
    """An account that stands for users submits nothing itself, unless another source is its own."""
    for source in sources:
        own = [source, *(item for key in ("sessions", "jobs") for _, item in parts(source, key))]
        if not part(source, "users") and any(text(item, "account") == name for item in own):
            return
    what = f"stands for users, who are accounts of their own; name one of them, such as {name}-1"
    yield Problem(path, what, name)


# -- Accounts and plans, and what sessions ask for (S60, S61).


@dataclass(frozen=True)
class _Owner:
    """Who asks for a session, and by which plan."""

    account: str
    plan: str
    terms: ResolvedPlan


def _accounts(outline: Outline) -> Iterator[Problem]:
    if not isinstance(outline.data.get("accounts"), list):
        return
    yield from _twice(outline.accounts, "name", "accounts")
    names = dict.fromkeys(
        name for _, account in outline.accounts if (name := text(account, "name")) is not None
    )
    yield from _unknown(outline.users, "account", "account", names)


def _plans(outline: Outline) -> Iterator[Problem]:
    plans = _readable_plans(outline.data)
    for name, written in part(outline.data, "plans").items():
        if not name or not name.isprintable() or name != name.strip():
            what = "the name of a plan must be on one line, without spaces around it"
            yield Problem(("plans", name), what, name, at_key=True)
        yield from _defaults(("plans", name), written, plans[name])
    yield from _unknown(outline.accounts, "plan", "plan", plans)
    owners = _owners(outline, plans)
    for path, source in outline.sources:
        yield from _asked(path, source, _timeouts(source), owners)
    for path, session in outline.sessions:
        mode = session.get("mode", "session")
        if mode in _MODES:
            yield from _allowed(path, session, mode, owners)
            yield from _asked(path, session, {"interactive_timeout": mode}, owners)


def _owners(outline: Outline, plans: Mapping[str, ResolvedPlan | None]) -> dict[str, _Owner]:
    """The accounts with a plan that can be read, by name."""
    owners: dict[str, _Owner] = {}
    for _, account in outline.accounts:
        name, plan = text(account, "name"), text(account, "plan")
        terms = None if plan is None else plans.get(plan)
        if name is not None and plan is not None and terms is not None:
            owners.setdefault(name, _Owner(name, plan, terms))
    return owners


def _readable_plans(data: Part) -> Mapping[str, ResolvedPlan | None]:
    """The plans that exist; None of one that cannot be read."""
    profile = str(data.get("profile", DEFAULT_PROFILE))
    known = cast("ProfileName", profile if profile in get_args(ProfileName) else DEFAULT_PROFILE)
    plans: dict[str, ResolvedPlan | None] = {**PROFILE_PLANS[known]}
    for name, written in part(data, "plans").items():
        try:
            plans[name] = resolve_plan(name, HumanPlan.model_validate(written), known)
        except ValidationError:
            plans[name] = None
    return plans


def _defaults(path: Path, written: Any, terms: ResolvedPlan | None) -> Iterator[Problem]:
    """Defaults of a plan's clocks that are beyond their limits."""
    if terms is None:
        return
    timeouts = part(written, "interactive_timeout")
    clocks: list[tuple[Path, Part, ResolvedClock]] = [
        (("max_time",), part(written, "max_time"), terms.max_time),
        *((("interactive_timeout", mode), part(timeouts, mode), terms.timeout_of(mode)) for mode in _MODES),
    ]
    for keys, clock, resolved in clocks:
        if resolved.limit is not None and not resolved.allows(resolved.default):
            what = f"must not be longer than the limit, {format_duration(resolved.limit)}"
            if not given(clock, "limit"):
                what += ", which comes from the profile; give a limit, too"
            yield Problem((*path, *keys, "default"), what, clock["default"])


def _timeouts(source: Part) -> dict[str, SessionMode]:
    """The keys with which a source asks for interactive timeouts, and the mode of each."""
    mode = source.get("mode", "session")
    match source.get("kind"):
        case "trace":
            return {"interactive_timeout": "session", "batch_interactive_timeout": "batch"}
        case "batches":
            return {"interactive_timeout": "batch"}
        case "iterative" if mode in _MODES:
            return {"interactive_timeout": mode}
    return {}


def _allowed(path: Path, session: Part, mode: SessionMode, owners: Mapping[str, _Owner]) -> Iterator[Problem]:
    """S61: an explicit session in a plan without them."""
    owner = owners.get(text(session, "account") or "")
    if owner is None or {"session": owner.terms.sessions, "batch": owner.terms.batches}[mode]:
        return
    whose = f"plan {owner.plan} of account {owner.account}"
    none = {"session": "allows no sessions", "batch": "allows no batches"}[mode]
    what = f"{whose} {none}; submit the jobs in another mode, or give the account another plan"
    yield Problem((*path, "mode") if given(session, "mode") else path, what)


def _asked(
    path: Path, asking: Part, timeouts: Mapping[str, SessionMode], owners: Mapping[str, _Owner]
) -> Iterator[Problem]:
    """S61: clocks that are longer than the plan allows."""
    owner = owners.get(text(asking, "account") or "")
    if owner is None or not timeouts:
        return
    clocks = {"max_time": owner.terms.max_time}
    clocks |= {key: owner.terms.timeout_of(mode) for key, mode in timeouts.items()}
    for key, clock in clocks.items():
        asked_us = duration(asking.get(key))
        if asked_us is not None and clock.limit is not None and not clock.allows(asked_us):
            allowed_by = f"plan {owner.plan} of account {owner.account}"
            what = f"must not be longer than {format_duration(clock.limit)}, which {allowed_by} allows"
            yield Problem((*path, key), what, asking[key])


# -- Jobs of explicit sources, the jobs that they wait for, and their sessions.


def _membership(path: Path, job: Part, outline: Outline) -> Iterator[Problem]:
    name = text(job, "session")
    if name is None:
        return
    session = outline.session_of.get(name)
    if session is None:
        yield unknown_name((*path, "session"), "no session has this id", name, outline.session_of)
        return
    owner, account = text(session, "account"), text(job, "account")
    if owner is not None and account is not None and owner != account:
        yield Problem(
            (*path, "account"), f"a session's jobs take its account, {owner}; remove this one", account
        )
    stays, qpu = text(session, "qpu"), text(job, "qpu")
    if qpu is not None and qpu != stays:  # S54
        what = "give it to the session" if stays is None else "remove this one"
        where = "" if stays is None else f", {stays}"
        yield Problem((*path, "qpu"), f"a session's jobs stay on its QPU{where}; {what}", qpu)
    created, at = duration(session.get("created")), duration(job.get("at"))
    if created is not None and at is not None and 0 <= at < created:  # S9
        what = f"must not be before its session is created, {session['created']}"
        yield Problem((*path, "at"), what, job["at"])


def _chains(jobs: Sequence[Located]) -> Iterator[Problem]:
    """Jobs that wait for none that exists, or for each other; each circle is told at one of its jobs."""
    path_of: dict[str, Path] = {}
    after_of: dict[str, list[str]] = {}
    for path, job in jobs:
        job_id = text(job, "id")
        if job_id is not None and job_id not in path_of:
            path_of[job_id] = path
            if not given(job, "at"):
                after_of[job_id] = [name for _, name in _predecessors(path, job)]
    for path, job in jobs:
        for place, name in _predecessors(path, job):
            if name not in path_of:
                yield unknown_name(place, "no job has this id", name, path_of)
    yield from _circles(path_of, after_of)


def _circles(path_of: Mapping[str, Path], after_of: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    done: set[str] = set()
    for start in path_of:
        # the chain from here, each with the predecessors that were not looked at
        chain = {} if start in done else {start: iter(after_of.get(start, ()))}
        while chain:
            last = next(reversed(chain))
            following = next(chain[last], None)
            if following is None:
                done.add(last)
                del chain[last]
            elif following in chain:
                circle = [*chain][[*chain].index(following) :]
                shown = " after ".join([*circle, circle[0]])
                what = f"no job of this circle can be the first: {shown}"
                yield Problem((*path_of[following], "after"), what)
            elif following not in done:
                chain[following] = iter(after_of.get(following, ()))


def _predecessors(path: Path, job: Part) -> Iterator[tuple[Path, str]]:
    """The ids that a job gives as `after`, each with its place; those that can be read."""
    after = job.get("after")
    if isinstance(after, str):
        yield (*path, "after"), after
    for index, name in enumerate(after if isinstance(after, list) else ()):
        if isinstance(name, str):
            yield (*path, "after", index), name


# -- What changes nothing, or what the service would warn of.


def client_warnings(scenario: ResolvedScenario) -> Iterator[Problem]:
    """What the service would warn of: Qiskit that is too old in a run that reaches `REFUSED_FROM` (S23)."""
    # microseconds, since the horizon may lie beyond the last year of a calendar
    reached = (scenario.horizon or 0) >= (REFUSED_FROM - scenario.start) // timedelta(microseconds=1)
    for index, account in enumerate(scenario.accounts or ()):
        version = None if account.client is None else account.client.qiskit
        if version is not None and is_older(version, OLDEST_QISKIT) and reached:
            what = f"since April 2024 the service asks for Qiskit {OLDEST_QISKIT} or later"
            yield Problem(("accounts", index, "client", "qiskit"), what, version)


def idle_plans(scenario: ResolvedScenario, assignments: Sequence[Assignment]) -> Iterator[Problem]:
    """Plans that came from outside the document and that no account has, perhaps by a slip in the name."""
    used = {account.plan: None for account in scenario.accounts or () if account.plan is not None}
    for assignment in assignments:
        path = assignment.path
        if path[0] == "plans" and len(path) > 1 and len(assignment.made) <= 2 and path[1] not in used:
            what = "no account has this plan, so it changes nothing"
            yield Problem(path, what, meant=nearest(str(path[1]), tuple(used)))

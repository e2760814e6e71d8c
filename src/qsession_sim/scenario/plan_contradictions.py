"""What is wrong between plans, accounts and what sessions ask for (S23, S60, S61)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from pydantic import ValidationError

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.human_accounts import HumanPlan
from qsession_sim.scenario.problems import Assignment, Problem, nearest, unknown_name
from qsession_sim.scenario.profile_plans import PROFILE_PLANS
from qsession_sim.scenario.profiles import DEFAULT_PROFILE, ProfileName
from qsession_sim.scenario.reading import Part, duration, given, part, parts, text
from qsession_sim.scenario.resolve_accounts import resolve_plan
from qsession_sim.scenario.resolved import ResolvedScenario
from qsession_sim.scenario.resolved_accounts import ResolvedClock, ResolvedPlan
from qsession_sim.units import format_duration

_RUNTIME: Final = "qiskit-ibm-runtime"
_PROVIDER: Final = "qiskit-ibm-provider"

SessionMode = Literal["session", "batch"]


@dataclass(frozen=True)
class _Owner:
    """Who asks for a session, and by which plan."""

    account: str
    plan: str
    terms: ResolvedPlan


def plan_contradictions(data: Part) -> Iterator[Problem]:
    """Find every contradiction around the plans in a scenario's plain data."""
    plans = _plans(data)
    yield from _names(data)
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


def _names(data: Part) -> Iterator[Problem]:
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

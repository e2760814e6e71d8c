"""Settings that cannot have any effect, whatever is drawn: warnings, no errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from qsession_sim.scenario.distributions import (
    Constant,
    mean,
)
from qsession_sim.scenario.document import Path, given
from qsession_sim.scenario.models import HumanQPU, ResolvedScenario
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.sources import (
    ResolvedArrivals,
    ResolvedBatches,
    ResolvedExplicit,
    ResolvedIterative,
    ResolvedJob,
    ResolvedProgram,
    ResolvedSession,
    ResolvedSource,
    ResolvedTrace,
)
from qsession_sim.scenario.trace_columns import TIME_COLUMNS
from qsession_sim.units import format_duration

_OF_ACCOUNTS: Final = ("fair_share", "round_robin", "least_attained_service", "multilevel")
_ASKING: Final = (ResolvedTrace, ResolvedProgram)
_NO_SESSIONS: Final = "nothing opens a session or a batch, so it changes nothing; remove it"

_Part: TypeAlias = ResolvedSession | ResolvedJob | ResolvedArrivals | ResolvedIterative | ResolvedBatches


@dataclass(frozen=True)
class _Asked:
    """What a workload may ask for; a trace or a program may ask for anything."""

    scenario: ResolvedScenario

    @cached_property
    def has_trace(self) -> bool:
        return any(isinstance(source, _ASKING) for source in self.scenario.workload)

    @cached_property
    def modes(self) -> frozenset[str]:
        """Modes of the jobs that may come."""
        if self.has_trace:
            return frozenset({"job", "session", "batch"})
        return frozenset(mode for source in self.scenario.workload for mode in _modes(source))

    def _parts(self) -> Iterator[_Part]:
        """Sources that draw jobs; of those that list them every session and job."""
        for source in self.scenario.workload:
            if isinstance(source, ResolvedExplicit):
                yield from source.sessions
                yield from source.jobs
            elif not isinstance(source, _ASKING):
                yield source

    @cached_property
    def is_prepared(self) -> bool:
        times = (getattr(part, "preparation", None) for part in self._parts())
        return self.has_trace or any(
            time > 0 if isinstance(time, int) else mean(time) > 0 for time in times if time is not None
        )

    @cached_property
    def priorities(self) -> frozenset[int]:
        if self.has_trace:
            return frozenset({0, 1})
        return frozenset(part.priority for part in self._parts() if not isinstance(part, ResolvedSession))

    @cached_property
    def accounts(self) -> frozenset[str]:
        """Who submits, apart from traces and programs; of users only the account that they share."""
        return frozenset(part.account for part in self._parts())

    @property
    def has_users(self) -> bool:
        return self.has_trace or any(getattr(source, "users", None) for source in self.scenario.workload)

    def has_windows(self, kind: str) -> bool:
        return any(window.kind == kind for qpu in self.scenario.qpus for window in qpu.windows)

    def submits(self, account: str) -> bool:
        """Whether an account, or one of the users of it or as which it counts, may submit jobs."""
        return self.has_trace or any(
            account == name or (self.has_users and account.startswith(f"{name}-")) for name in self.accounts
        )


def _modes(source: ResolvedSource) -> Iterator[str]:
    match source:
        case ResolvedExplicit():
            yield from (session.mode for session in source.sessions)
            yield from ("job" for job in source.jobs if job.session is None)
        case ResolvedIterative():
            yield source.mode
            if source.on_rejection == "job_mode":
                yield "job"
        case _:
            yield "batch" if isinstance(source, ResolvedBatches) else "job"


def without_effect(scenario: ResolvedScenario) -> Iterator[Problem]:
    """Settings that change nothing, whatever is drawn; those that have their default are passed over.

    Nothing is said of a scenario without workload, whose jobs come from programs.
    """
    if not scenario.workload:
        return
    asked = _Asked(scenario)
    yield from _idle_policies(scenario, asked)
    yield from _idle_rules(scenario, asked)
    yield from _idle_qpus(scenario, asked)
    for index, source in enumerate(scenario.workload):
        for key, what in _idle_keys(source, scenario):
            yield Problem(("workload", index, *key), what)
    for index, account in enumerate(scenario.accounts or ()):
        keys = given(dict(account), "plan", "allocation", "client")
        if keys and not asked.submits(account.name):
            what = f"nobody submits as {account.name}, so this changes nothing; remove it"
            yield Problem(("accounts", index, keys[0]), what)


def _idle_policies(scenario: ResolvedScenario, asked: _Asked) -> Iterator[Problem]:
    queue, hold, routing = (getattr(scenario.policies, role).name for role in ("queue", "hold", "routing"))
    place = ("policies", "queue")
    if queue in _OF_ACCOUNTS and len(asked.accounts) == 1 and not asked.has_users:
        yield Problem(place, "all jobs are of one account, so this is fifo; take fifo", queue)
    elif queue == "fair_share" and not any(account.allocation for account in scenario.accounts or ()):
        what = "no account has an allocation, so this is fifo; give accounts an allocation, or take "
        yield Problem(place, f"{what}round_robin or least_attained_service, which need none", queue)
    elif queue == "priority" and len(asked.priorities) == 1:
        what = "all jobs have the same priority, so this is fifo; give some another one, or take fifo"
        yield Problem(place, what, queue)
    elif queue == "session_first" and asked.modes == {"job"}:
        what = "all jobs are in job mode, so this is fifo; give some a session, or take fifo"
        yield Problem(place, what, queue)
    if hold != "exclusive" and "session" not in asked.modes:
        what = "nothing opens a session, so no QPU is held (S32 is for batches); take exclusive"
        yield Problem(("policies", "hold"), what, hold)
    elif hold in ("shared", "gap_fill") and "job" not in asked.modes:
        what = "no job is in job mode, so nobody can be let in; take exclusive"
        yield Problem(("policies", "hold"), what, hold)
    if routing != "least_busy" and sum(not qpu.simulator for qpu in scenario.qpus) == 1:
        what = "there is one QPU to choose from, so it changes nothing; remove it"
        yield Problem(("policies", "routing"), what, routing)


def _idle_rules(scenario: ResolvedScenario, asked: _Asked) -> Iterator[Problem]:
    rules, calibrates = scenario.rules, asked.has_windows("calibration")
    found = {
        "max_time_ends_as": asked.modes == {"job"} and rules.max_time_ends_as != "error" and _NO_SESSIONS,
        "ittl_condition": rules.ittl_condition == "ready"
        and not asked.is_prepared
        and "no job is prepared, and so each is ready when it is queued; remove it",
        "calibration": rules.calibration == "before_sessions"
        and not (calibrates and "session" in asked.modes)
        and f"there are no {'sessions' if calibrates else 'calibrations'}, so it changes nothing; remove it",
        "on_outage": rules.on_outage == "requeue"
        and not asked.has_windows("outage")
        and "there are no outages, so it changes nothing; remove it",
    }
    for name, what in found.items():
        if what:
            yield Problem(("rules", name), what, getattr(rules, name))


def _idle_qpus(scenario: ResolvedScenario, asked: _Asked) -> Iterator[Problem]:
    lanes = HumanQPU.model_fields["lanes"].default
    for number, qpu in enumerate(scenario.qpus):
        if qpu.lanes != lanes and (qpu.simulator or not asked.is_prepared):
            why = "a simulator prepares no jobs" if qpu.simulator else "no job is prepared"
            yield Problem(("qpus", number, "lanes"), f"{why}, so it changes nothing; remove it", qpu.lanes)
        for place, window in enumerate(qpu.windows):
            path = ("qpus", number, "windows", place)
            if window.at is not None and scenario.horizon is not None and window.at >= scenario.horizon:
                what = f"begins when the run is over, at {format_duration(scenario.horizon)}"
                yield Problem(path, f"{what}; remove it, or give an earlier time")
            if window.account is not None and not asked.submits(window.account):
                what = f"nobody submits as {window.account}, so the QPU serves nobody then; name one who does"
                yield Problem((*path, "account"), what)


def _idle_keys(source: ResolvedSource, scenario: ResolvedScenario) -> Iterator[tuple[Path, str]]:
    until, horizon = getattr(source, "until", None), scenario.horizon
    if until is not None and horizon is not None and until > horizon:
        yield ("until",), f"the run is over before, at {format_duration(horizon)}, so it changes nothing"
    if isinstance(source, ResolvedIterative):
        for key, default in (("on_finish", "close"), ("on_rejection", "give_up")):
            if source.mode == "job" and getattr(source, key) != default:
                yield (key,), "is about sessions, and mode job has none; remove it"
        once = isinstance(source.iterations, Constant) and source.iterations.value <= 1
        for key in ("think_time", "pauses", "early_stop") if once else ():
            value = getattr(source, key)
            if value is not None and not (key == "think_time" and mean(value) == 0):
                yield (key,), "with one iteration it changes nothing; remove it"
    columns = source.columns if isinstance(source, ResolvedTrace) else None
    times = [getattr(columns, key) for key in TIME_COLUMNS] if columns is not None else []
    if columns is not None and columns.unit and all(time is None or time.unit for time in times):
        yield ("columns", "unit"), "is that of the times that are named here, and none is; remove it"

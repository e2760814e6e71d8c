"""The world that the clients of one simulation see: a `LiveService`, and what the cloud keeps beside it.

Nothing here waits. A clock says what time it is; whoever moves that clock lets the service advance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final, TypeVar

import numpy as np

from qsession_sim.clients.pubs import FormError, pubs_of, stub_result
from qsession_sim.errors import QSessionError, ScenarioError, SchedulerUsageError, hint
from qsession_sim.results.columns import IntervalKind
from qsession_sim.scenario.accounts import AccountPlans, ResolvedPlan
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scenario.service import GivenModel
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode
from qsession_sim.service.live import LiveService
from qsession_sim.service.observed import JobDetails, LiveJob, LiveSession, QpuDetails, SessionDetails
from qsession_sim.workload.context import SourceContext, Streams
from qsession_sim.workload.qpu_times import JobProperties, modelled_times_us, needed
from qsession_sim.workload.sources import plan_of_each

QpuTime = Callable[[str, Mapping[str, Any]], int]
"""From the name of a program and its params to the QPU time in microseconds."""

Compute = Callable[[str, Mapping[str, Any], int], Any]
"""From the name of a program, its params and a seed to a result: a text that the client reads, or values."""

COMPUTES: Final = ("stub", "statevector", "aer")
"""The names of what gives results."""

T = TypeVar("T")

_STREAM: Final = "clients"
"""Of which the noise on QPU times is: for each job by its account and its number in that account."""


class UserFunctionError(QSessionError):
    """A function of the user, for QPU times or results, failed; the run cannot go on."""


def compute_of(how: str | Compute) -> Compute:
    """What gives results, by its name: `stub` (zeros), `statevector` or `aer`; or a function of the user.

    Raises:
        SchedulerUsageError: if there is none of that name, or what it needs is not installed.

    Example:
        >>> compute_of("stub") is stub_result
        True
    """
    if not isinstance(how, str):
        return how
    if how == "stub":
        return stub_result
    if how not in COMPUTES:
        raise SchedulerUsageError(f"no results are called {how!r}; {hint(how, COMPUTES)}")
    try:
        results = import_module("qsession_sim.clients.results")
        if how == "aer":
            results.need_aer()
        results.check_version()
    except ModuleNotFoundError as error:
        raise SchedulerUsageError(
            f"results {how!r} need {error.name}, which is not installed; pip install 'qsession-sim[qiskit]'"
        ) from None
    except QSessionError as error:
        raise SchedulerUsageError(str(error)) from None
    found: Compute = getattr(results, how)
    return found


@dataclass(eq=False)
class ServedSession:
    """A session or batch that a client opened."""

    id: str
    account: str
    qpu: str
    live: LiveSession

    @property
    def is_batch(self) -> bool:
        """Whether it is a batch."""
        return self.live.spec.mode is Mode.BATCH


@dataclass(eq=False)
class ServedJob:
    """A job that a client submitted and the service accepted, with what it said."""

    id: str
    account: str
    number: int  # within its account, from 1
    qpu: str
    live: LiveJob
    session: ServedSession | None
    program: str
    params: Mapping[str, Any]
    said: Mapping[str, Any]  # the rest of its submission
    tags: list[str] = field(default_factory=list)
    result: str | None = None  # once it was asked for


class World:
    """What clients see.

    Args:
        live: the service.
        scenario: that it serves.
        clock: the present, in microseconds; by default the instant of the last event or command.
        qpu_time: the QPU time of a job, instead of the service-time model of its QPU.
        compute: the result of a job; by default zeros.

    Raises:
        ScenarioError: if a service-time model needs what no request says, and `qpu_time` is not given.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> world = World(LiveService(EMPTY_WORKLOAD), load_scenario({"workload": []}).resolved)
        >>> session = world.open_session("lab", "qpu", Mode.SESSION)
        >>> job = world.submit("lab", "qpu", "sampler", {"pubs": [["", None, 1000]]}, {}, session)
        >>> session.id, job.id, job.live.spec.qpu_time_us
        ('lab.s1', 'lab.1', 2350000)
    """

    def __init__(
        self,
        live: LiveService,
        scenario: ResolvedScenario,
        *,
        clock: Callable[[], int] | None = None,
        qpu_time: QpuTime | None = None,
        compute: Compute = stub_result,
    ) -> None:
        self.live = live
        self.scenario = scenario
        self.sessions: dict[str, ServedSession] = {}
        self.jobs: dict[str, ServedJob] = {}
        self.qpus = {qpu.name: qpu for qpu in scenario.qpus}
        self.offline: set[str] = set()  # QPUs that are said to be so, though they take jobs
        self.failing = 0  # so many of the next accepted jobs use their QPU time and then fail (S44)
        self.answers: dict[tuple[str, str, str], Any] = {}  # of POSTs, by account, path and digest
        self._unheard: set[tuple[str, str, str]] = set()
        self._clock = clock
        self._qpu_time = qpu_time
        self._compute = compute
        self._plans = AccountPlans(scenario.profile, plan_of_each(scenario))
        self._accounts = None if scenario.accounts is None else {one.name for one in scenario.accounts}
        self._submissions: dict[str, int] = {}  # by account, rejected ones included
        self._opened: dict[str, int] = {}
        if qpu_time is None:
            self._refuse_models()

    def _refuse_models(self) -> None:
        lacking = [
            f"qpus.{qpu.name}.service_time: model {qpu.service_time.model} needs more of a circuit than "
            f"requests say; use model executions, or give a function for the QPU time"
            for qpu in self.scenario.qpus
            if needed(qpu.service_time) or isinstance(qpu.service_time, GivenModel)
        ]
        if lacking:
            raise ScenarioError(tuple(lacking))

    # ---------------------------------------------------------------- time and accounts

    @property
    def now_us(self) -> int:
        """The present; never before what has happened."""
        return self.live.now_us if self._clock is None else max(self._clock(), self.live.now_us)

    def iso(self, time_us: int) -> str | None:
        """An instant as clients read it; None for NEVER."""
        if time_us == NEVER:
            return None
        return self.instant(time_us).isoformat().replace("+00:00", "Z")

    def instant(self, time_us: int) -> datetime:
        """A calendar instant; the last one that there is stands for all after it."""
        try:
            return self.scenario.start + timedelta(microseconds=time_us)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def exists(self, account: str) -> bool:
        """Whether the scenario has, or allows, an account."""
        return self._accounts is None or account in self._accounts

    def plan(self, account: str) -> ResolvedPlan:
        """What an account may do."""
        return self._plans.of(account)

    def plan_name(self, account: str) -> str:
        """The name of the plan of an account; without one it may do what a premium account may."""
        return next(
            (one.plan for one in self.scenario.accounts or () if one.name == account and one.plan), "premium"
        )

    def usage_us(self, account: str) -> int:
        """What an account used: of its quota, else what its clients' sessions and jobs did."""
        used_us = self.live.quota_used_us(self.now_us, account)
        if used_us is not None:
            return used_us
        sessions = (one for one in self.sessions.values() if one.account == account)
        jobs = (one for one in self.jobs.values() if one.account == account and one.session is None)
        return sum(self.session_details(one).usage_us for one in sessions) + sum(
            self.job_details(one).usage_us for one in jobs
        )

    # ---------------------------------------------------------------- questions

    def session_details(self, session: ServedSession) -> SessionDetails:
        """A session now."""
        return self.live.session_details(self.now_us, session.live)

    def job_details(self, job: ServedJob) -> JobDetails:
        """A job now."""
        return self.live.job_details(self.now_us, job.live)

    def qpu_details(self) -> dict[str, QpuDetails]:
        """All QPUs now, by name; a simulator backend is free and has no queue (S22)."""
        always_free = {name: QpuDetails(name, IntervalKind.FREE, 0) for name in self.qpus}
        return always_free | {one.name: one for one in self.live.qpu_details(self.now_us)}

    # ---------------------------------------------------------------- commands

    def open_session(
        self,
        account: str,
        qpu: str,
        mode: Mode,
        max_time_us: int | None = None,
        interactive_timeout_us: int | None = None,
    ) -> ServedSession:
        """Open a session or batch now."""
        name = f"{_slug(account)}.s{self._opened.get(account, 0) + 1}"
        live = self.live.open_session(
            self.now_us,
            name,
            account=account,
            mode=mode,
            max_time_us=max_time_us,
            interactive_timeout_us=interactive_timeout_us,
            qpu=qpu,
        )
        self._opened[account] = self._opened.get(account, 0) + 1
        session = self.sessions[name] = ServedSession(name, account, qpu, live)
        return session

    def submit(
        self,
        account: str,
        qpu: str,
        program: str,
        params: Mapping[str, Any],
        said: Mapping[str, Any],
        session: ServedSession | None = None,
        max_execution_time_us: int | None = None,
    ) -> ServedJob:
        """Submit a job now; its details say whether it was rejected (S20)."""
        number = self._submissions.get(account, 0) + 1
        name = _name(account, number)
        live = self.live.submit(
            self.now_us,
            name,
            qpu_time_us=self._qpu_time_us(account, number, qpu, program, params),
            account=account,
            session=None if session is None else session.live,
            qpu=qpu,
            max_execution_time_us=max_execution_time_us,
            fails=self.failing > 0,
        )
        self._submissions[account] = number
        job = ServedJob(name, account, number, qpu, live, session, program, params, said)
        if self.job_details(job).status is not JobStatus.REJECTED:
            self.jobs[name] = job
            self.failing = max(self.failing - 1, 0)
        return job

    def _qpu_time_us(
        self, account: str, number: int, qpu: str, program: str, params: Mapping[str, Any]
    ) -> int:
        """By the model of the QPU, with noise that only the account and the number of its job decide."""
        executions = sum(pub.executions for pub in pubs_of(program, params))
        qpu_time = self._qpu_time
        if qpu_time is not None:
            what = f"the function for the QPU time failed for job {_name(account, number)!r}"
            found_us = _called(what, lambda: qpu_time(program, params))
            if isinstance(found_us, bool) or not isinstance(found_us, int) or found_us < 1:
                raise UserFunctionError(f"{what}: it must give whole microseconds from 1, not {found_us!r}")
            return found_us
        one, all_of_them = np.ones(1, dtype=np.int64), np.array([max(executions, 1)], dtype=np.int64)
        context = SourceContext(
            scenario=self.scenario,
            streams=Streams(self.scenario.seed),
            service_time=self.qpus[qpu].service_time,
            accounts={},
            stream=0,
            name=f"{_STREAM}/{account}/{number}",
            plans=self._plans,
        )
        return int(modelled_times_us(JobProperties(all_of_them, one, one, one, one), context)[0])

    def result(self, job: ServedJob) -> str:
        """The result of a job that is done; the same text whenever it is asked for."""
        if job.result is None:
            what = f"the function for results failed for job {job.id!r}"
            job.result = _called(what, lambda: _text(self._compute(job.program, job.params, self.seed(job))))
        return job.result

    def seed(self, job: ServedJob) -> int:
        """The seed of a job's results: by the run's, its account and its number in that, and nothing else.

        So another user changes nobody's results.
        """
        text = json.dumps([self.scenario.seed, job.account, job.number])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")

    # ---------------------------------------------------------------- lost answers

    def not_heard(self, key: tuple[str, str, str]) -> None:
        """The answer to a POST did not reach its client, who will send the same again."""
        if key in self.answers:
            self._unheard.add(key)

    def repeated(self, key: tuple[str, str, str]) -> Any:
        """The answer to a POST that is sent again because nobody heard it; None for a new one."""
        if key not in self._unheard:
            return None
        self._unheard.remove(key)
        return self.answers[key]


def _called(what: str, function: Callable[[], T]) -> T:
    try:
        return function()
    except FormError:
        raise
    except Exception as error:
        raise UserFunctionError(f"{what}: {type(error).__name__}: {error}") from error


def _text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result)


def _name(account: str, number: int) -> str:
    return f"{_slug(account)}.{number}"


def _slug(account: str) -> str:
    """An account in identifiers, which stand in addresses; different accounts differ in it.

    Example:
        >>> _slug("lab-a"), _slug("Lab B")
        ('lab-a', 'Lab~20~B')
    """
    return "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-_") else f"~{ord(sign):x}~"
        for sign in account
    )

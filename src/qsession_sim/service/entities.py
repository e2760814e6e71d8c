"""Entities: who takes part in a run: the workload, and what is created while it goes on."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Collection, Container, Iterable, Mapping
from functools import cached_property
from itertools import chain
from typing import Final

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.results.record import LiveEntities, LiveRow, Record, completed, name_of
from qsession_sim.scheduler.plan import AccountSpec, JobSpec, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Workload

_MOST_URGENT: Final = 2**62


class Entities:
    """Keeps names and rows of what live programs create; turns a finished run into a `Record`."""

    def __init__(self, workload: Workload, accounts: Collection[str] | None = None) -> None:
        self._workload = workload
        self._allowed_accounts = None if accounts is None else frozenset(accounts)
        self._accounts = _Numbering(workload.accounts)
        self._streams = _Numbering(workload.streams)
        self._jobs: dict[str, LiveRow] = {}
        self._sessions: dict[str, LiveRow] = {}

    @property
    def accounts(self) -> list[str]:
        """The names of all accounts by number; it grows."""
        return self._accounts.names

    @cached_property
    def _planned_jobs(self) -> frozenset[str]:
        return frozenset(chain.from_iterable(self._workload.job_names))

    @cached_property
    def _planned_sessions(self) -> frozenset[str]:
        return frozenset(chain.from_iterable(self._workload.session_names))

    def add_session(
        self,
        name: str,
        account: str,
        stream: str,
        mode: Mode,
        max_time_us: int,
        interactive_timeout_us: int,
        qpu: str | None,
    ) -> SessionSpec:
        """Write down a session of a live program.

        Raises:
            SchedulerUsageError: for a name that is taken or no name, an account that does not exist, mode
                job, a time that is negative or no whole number, or a QPU that has no sessions (S22); nothing
                was changed.
        """
        self._check_names("session", name, account, stream)
        if mode not in (Mode.SESSION, Mode.BATCH):
            raise SchedulerUsageError(f"session {name!r}: needs mode SESSION or BATCH, not {mode!r}")
        max_time_us = _duration_us(f"session {name!r}: max_time_us", max_time_us, 0)
        interactive_timeout_us = _duration_us(
            f"session {name!r}: interactive_timeout_us", interactive_timeout_us, 0
        )
        number = self._number_of_qpu("session", name, qpu)
        if self._is_simulator(number):
            raise SchedulerUsageError(
                f"session {name!r}: cannot be opened on the simulator backend {qpu!r}; name another QPU"
            )
        self._refuse_taken(name, self._sessions, self._planned_sessions)
        spec = SessionSpec(
            mode=mode,
            account=self._accounts.of(account),
            max_time_us=max_time_us,
            interactive_timeout_us=interactive_timeout_us,
            qpu=number,
            route=_route_of(name),
        )
        self._sessions[name] = LiveRow(name, self._streams.of(stream), spec)
        return spec

    def add_job(
        self,
        name: str,
        account: str,
        stream: str,
        qpu_time_us: int,
        session: int | None,
        priority: int,
        max_execution_time_us: int | None,
        *,
        qpu: str | None = None,
        preparation_us: int = 0,
        post_processing_us: int = 0,
        estimate_us: int | None = None,
    ) -> JobSpec:
        """Write down a job of a live program.

        Raises:
            SchedulerUsageError: for a name that is taken or no name, an account that does not exist, a time
                that is too short (S2), a time or priority that is no whole number or out of range, a QPU
                that does not exist, or preparation on a simulator backend; nothing was changed.
        """
        self._check_names("job", name, account, stream)
        qpu_time_us = _duration_us(f"job {name!r}: qpu_time_us", qpu_time_us, 1)
        limit_us = NEVER
        if max_execution_time_us is not None:
            limit_us = _duration_us(f"job {name!r}: max_execution_time_us", max_execution_time_us, 1)
        priority = _priority(f"job {name!r}: priority", priority)
        preparation_us = _duration_us(f"job {name!r}: preparation_us", preparation_us, 0)
        post_processing_us = _duration_us(f"job {name!r}: post_processing_us", post_processing_us, 0)
        if estimate_us is not None:
            estimate_us = _duration_us(f"job {name!r}: estimate_us", estimate_us, 1)
        number = self._number_of_qpu("job", name, qpu)
        if preparation_us and self._is_simulator(number):
            raise SchedulerUsageError(f"job {name!r}: starts at once on a simulator backend; prepare nothing")
        self._refuse_taken(name, self._jobs, self._planned_jobs)
        spec = JobSpec(
            qpu_time_us=qpu_time_us,
            session=NEVER if session is None else session,
            account=self._accounts.of(account),
            max_execution_time_us=limit_us,
            priority=priority,
            qpu=number,
            route=_route_of(name),
            preparation_us=preparation_us,
            post_processing_us=post_processing_us,
            estimate_us=NEVER if estimate_us is None else estimate_us,
        )
        self._jobs[name] = LiveRow(name, self._streams.of(stream), spec)
        return spec

    def _check_names(self, kind: str, name: str, account: str, stream: str) -> None:
        _check_name(f"the name of a {kind}", name)
        _check_name(f"{kind} {name!r}: account", account)
        _check_name(f"{kind} {name!r}: stream", stream)
        if self._allowed_accounts is not None and account not in self._allowed_accounts:
            raise SchedulerUsageError(
                f"{kind} {name!r}: the scenario lists its `accounts`, and {account!r} is not among them"
            )

    def _number_of_qpu(self, kind: str, name: str, qpu: str | None) -> int:
        """The number of a QPU that a program names; NEVER where it names none."""
        if qpu is None:
            return NEVER
        qpus = self._workload.qpus
        if qpu not in qpus:
            raise SchedulerUsageError(
                f"{kind} {name!r}: no QPU is called {qpu!r}; there are {', '.join(qpus)}"
            )
        return qpus.index(qpu)

    def _is_simulator(self, qpu: int) -> bool:
        return qpu != NEVER and self._workload.qpu_specs[qpu].simulator

    def _refuse_taken(self, name: str, live: Container[str], planned: Container[str]) -> None:
        if name in live or name in planned:
            raise SchedulerUsageError(f"the name {name!r} is taken")
        stream, slash, _ = name.partition("/")
        if slash and stream in self._workload.streams:  # S67: its clients may yet need it
            raise SchedulerUsageError(f"the name {name!r} is kept for the source {stream!r}; choose another")

    def record(self, scheduler: Scheduler, account_specs: Mapping[int, AccountSpec]) -> Record:
        """What happened, with every job and session that the run knew."""
        return Record.of(
            scheduler.journal,
            self._workload,
            scheduler.rules,
            account_specs,
            end_us=scheduler.now_us,
            session_qpu=scheduler.session_qpus,
            requested_us=scheduler.job_columns.qpu_time_us,
            live=self._live,
        )

    def name_of_job(self, number: int, scheduler: Scheduler) -> str:
        """The name of a job that the run knows by now."""
        return name_of(completed(self._workload, scheduler.journal, self._live).job_names, number)

    @property
    def _live(self) -> LiveEntities:
        jobs, sessions = tuple(self._jobs.values()), tuple(self._sessions.values())
        return LiveEntities(self._accounts.names, self._streams.names, jobs, sessions)


def _route_of(name: str) -> int:
    """A number for the routing policy `random` (S54): programs draw none, and names differ."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "little")


class _Numbering:
    """Numbers of names in order of first use."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def of(self, name: str) -> int:
        """The number of a name, which is added if it is new."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number


def _check_name(what: str, name: str) -> None:
    """The same names as in a scenario, apart from the slash, are names here."""
    if not isinstance(name, str) or not name or not name.isprintable() or name != name.strip():
        raise SchedulerUsageError(
            f"{what} must be a text on one line, not empty and without spaces around it, not {name!r}"
        )


def _duration_us(what: str, value: int, least_us: int) -> int:
    """A duration from a program as an int (S1); a float, or a time out of range, is refused."""
    value_us = _whole(what, value)
    if not least_us <= value_us <= LONGEST_US:
        raise SchedulerUsageError(f"{what} must be from {least_us} to 2**62 microseconds, not {value!r}")
    return value_us


def _priority(what: str, value: int) -> int:
    priority = _whole(what, value)
    if abs(priority) > _MOST_URGENT:
        raise SchedulerUsageError(f"{what} must be from -2**62 to 2**62, not {value!r}")
    return priority


def _whole(what: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise SchedulerUsageError(f"{what} must be a whole number, not {value!r}") from None

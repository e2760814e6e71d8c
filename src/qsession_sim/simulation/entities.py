"""Entities: who takes part in a run: the workload, and what is created while it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from itertools import chain
from typing import TypeVar

import numpy as np

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.results.record import Record
from qsession_sim.scheduler.journal import TRANSITION_FIELDS
from qsession_sim.scheduler.plan import JobSpec, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.workload.columns import (
    Int64Array,
    JobColumns,
    ListedNames,
    NameBlock,
    SessionColumns,
    Workload,
)

C = TypeVar("C", JobColumns, SessionColumns)
_Row = dict[str, int]


class Entities:
    """Keeps names and rows of what live programs create; turns a finished run into a `Record`."""

    def __init__(self, workload: Workload) -> None:
        self.accounts = list(workload.accounts)
        self._workload = workload
        self._streams = list(workload.streams)
        self._jobs: dict[str, _Row] = {}
        self._sessions: dict[str, _Row] = {}

    def add_session(
        self, name: str, account: str, stream: str, mode: Mode, max_time_us: int, interactive_timeout_us: int
    ) -> SessionSpec:
        """Write down a session of a live program.

        Raises:
            SchedulerUsageError: for a name that is taken, mode job, or a negative time.
        """
        if mode is Mode.JOB or min(max_time_us, interactive_timeout_us) < 0:
            raise SchedulerUsageError(
                f"session {name!r}: needs mode SESSION or BATCH, and times of at least 0"
            )
        spec = SessionSpec(mode, _number(account, self.accounts), NEVER, max_time_us, interactive_timeout_us)
        self._keep(
            self._sessions,
            self._workload.session_names,
            name,
            _row(spec) | {"stream": _number(stream, self._streams)},
        )
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
    ) -> JobSpec:
        """Write down a job of a live program.

        Raises:
            SchedulerUsageError: for a name that is taken, or a time below 1 microsecond (S2).
        """
        if qpu_time_us < 1 or (max_execution_time_us is not None and max_execution_time_us < 1):
            raise SchedulerUsageError(f"job {name!r}: its times must be at least 1 microsecond")
        spec = JobSpec(
            qpu_time_us=qpu_time_us,
            session=NEVER if session is None else session,
            account=_number(account, self.accounts),
            max_execution_time_us=NEVER if max_execution_time_us is None else max_execution_time_us,
            priority=priority,
        )
        self._keep(
            self._jobs,
            self._workload.job_names,
            name,
            _row(spec) | {"stream": _number(stream, self._streams)},
        )
        return spec

    @staticmethod
    def _keep(rows: dict[str, _Row], planned: Iterable[NameBlock], name: str, row: _Row) -> None:
        if name in rows or any(name in block for block in planned):
            raise SchedulerUsageError(f"the name {name!r} is taken")
        rows[name] = row

    def record(self, scheduler: Scheduler, qpu: str) -> Record:
        """What happened, with every job and session that the run knew."""
        journal = scheduler.journal
        return Record(
            workload=self._complete(journal.repeated_jobs, journal.repeated_sessions),
            qpu=qpu,
            job_session=np.frombuffer(journal.session, dtype=np.int64),
            submitted_us=np.frombuffer(journal.submitted_us, dtype=np.int64),
            started_us=np.frombuffer(journal.started_us, dtype=np.int64),
            ended_us=np.frombuffer(journal.ended_us, dtype=np.int64),
            status=np.frombuffer(journal.status, dtype=np.int8),
            reason=np.frombuffer(journal.reason, dtype=np.int8),
            transitions=np.frombuffer(journal.transitions, dtype=np.int64).reshape(
                -1, len(TRANSITION_FIELDS)
            ),
            end_us=scheduler.now_us,
        )

    def _complete(self, repeated_jobs: list[int], repeated_sessions: list[int]) -> Workload:
        if not repeated_jobs and not repeated_sessions:
            return self._workload
        workload = self._workload
        jobs, job_names = _extend(workload.jobs, workload.job_names, repeated_jobs, self._jobs)
        sessions, session_names = _extend(
            workload.sessions, workload.session_names, repeated_sessions, self._sessions
        )
        return replace(
            workload,
            jobs=jobs,
            sessions=sessions,
            accounts=tuple(self.accounts),
            streams=tuple(self._streams),
            job_names=job_names,
            session_names=session_names,
        )


def _extend(
    columns: C, names: tuple[NameBlock, ...], repeats: list[int], live: dict[str, _Row]
) -> tuple[C, tuple[NameBlock, ...]]:
    """Append one row for each entity created in the run: a copy of what it repeats, or a live one."""
    if not repeats:
        return columns, names
    planned = len(columns)
    known = list(chain.from_iterable(names)) if any(origin != NEVER for origin in repeats) else []
    new_names: list[str] = []
    attempts: dict[int, int] = {}
    roots: list[int] = []  # the planned entity that each one goes back to
    live_rows = iter(live.items())
    rows: list[_Row] = []
    for origin in repeats:
        if origin == NEVER:
            name, row = next(live_rows)
            roots.append(NEVER)
        else:
            root = origin if origin < planned else roots[origin - planned]
            roots.append(root)
            attempts[root] = attempts.get(root, 1) + 1
            name = f"{known[root]}.{attempts[root]}"  # S67
            row = {field.name: int(getattr(columns, field.name)[root]) for field in fields(columns)}
            row |= dict.fromkeys(_OF_THE_FIRST_ATTEMPT & row.keys(), NEVER)
        new_names.append(name)
        rows.append(row)
    grown = {
        field.name: _append(getattr(columns, field.name), (row.get(field.name, NEVER) for row in rows))
        for field in fields(columns)
    }
    return type(columns)(**grown), (*names, ListedNames(tuple(new_names)))


_OF_THE_FIRST_ATTEMPT = frozenset({"at_us", "after"})


def _append(column: Int64Array, values: Iterable[int]) -> Int64Array:
    return np.concatenate([column, np.fromiter(values, dtype=np.int64)])


def _number(name: str, names: list[str]) -> int:
    """The number of a name, which is added if it is new."""
    if name not in names:
        names.append(name)
    return names.index(name)


def _row(spec: JobSpec | SessionSpec) -> _Row:
    return {field.name: getattr(spec, field.name) for field in fields(spec)}

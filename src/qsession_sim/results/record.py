"""Record: what one run leaves behind, in columns. Every table and figure is a function of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from qsession_sim.scheduler.columns import LOST_RUN_FIELDS, TRANSITION_FIELDS, WINDOW_FIELDS, Journal
from qsession_sim.scheduler.plan import AccountSpec, JobSpec, Rules, SessionSpec
from qsession_sim.scheduler.vocabulary import NEVER, JobStage
from qsession_sim.workload.columns import (
    EMPTY_WORKLOAD,
    Int64Array,
    JobColumns,
    NameBlock,
    SessionColumns,
    Workload,
    constant,
    is_constant,
)

Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]

JOB, QPU, STARTED, LEFT = range(len(LOST_RUN_FIELDS))
"""The columns of `Record.lost_runs`."""

TIME, SESSION, FROM, EVENT, TO, REASON = range(len(TRANSITION_FIELDS))
"""The columns of `Record.transitions`."""

WINDOW_QPU, WINDOW_KIND, WINDOW_NUMBER, WINDOW_START, WINDOW_END = range(len(WINDOW_FIELDS))
"""The columns of `Record.windows`."""


class LiveRow(Protocol):
    """A job or session that a live user created."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def stream(self) -> str:
        """The name of the source that it is said to come from."""

    @property
    def spec(self) -> JobSpec | SessionSpec:
        """What it is."""


@dataclass(frozen=True)
class LiveEntities:
    """What live users created in a run, in order of creation.

    Names of accounts and streams are by number, those of the workload first.
    """

    accounts: Sequence[str]
    streams: Sequence[str]
    jobs: Sequence[LiveRow] = ()
    sessions: Sequence[LiveRow] = ()


def _no_rows(columns: tuple[str, ...]) -> Int64Array:
    return np.zeros((0, len(columns)), dtype=np.int64)


@dataclass(frozen=True)
class Record:
    """The event log of a finished run. Times are int64 microseconds; `NEVER` (-1): did not happen.

    `workload` has every job and session that the run knew: those drawn before it, then those created
    during it, in order of creation. All job columns have one row for each of its jobs. Columns that are
    None were not needed: every job is of the one QPU, ready when submitted, and over when it left the QPU.
    """

    workload: Workload
    job_session: Int64Array  # the session it was submitted to; NEVER in job mode
    submitted_us: Int64Array  # NEVER: never submitted
    started_us: Int64Array  # on the QPU, the last time
    ended_us: Int64Array  # however it ended; of a rejected job, its submission
    stage: Int8Array  # vocabulary.JobStage; NEVER before submission
    reason: Int8Array  # vocabulary.Reason
    transitions: Int64Array  # (n, 6): time_us, session, from phase, event, to phase, reason
    end_us: int  # the horizon, or the instant of the last event
    rules: Rules = field(default_factory=Rules)
    account_specs: Mapping[int, AccountSpec] = field(default_factory=dict)  # by number; others: no limits
    job_qpu: Int16Array | None = None  # NEVER: not routed
    session_qpu: Int64Array | None = None  # NEVER: not routed; one row a session
    preparing_us: Int64Array | None = None  # NEVER: no preparation, or not begun
    ready_us: Int64Array | None = None
    left_us: Int64Array | None = None  # the last time on the QPU
    requested_us: Int64Array | None = None  # QPU time needed on its QPU; None: as in the workload
    lost_runs: Int64Array = field(default_factory=lambda: _no_rows(LOST_RUN_FIELDS))
    windows: Int64Array = field(default_factory=lambda: _no_rows(WINDOW_FIELDS))

    @classmethod
    def of(
        cls,
        journal: Journal,
        workload: Workload,
        rules: Rules | None = None,
        account_specs: Mapping[int, AccountSpec] | None = None,
        *,
        end_us: int,
        session_qpu: Sequence[int] = (),
        requested_us: Sequence[int] = (),
        live: LiveEntities | None = None,
    ) -> Self:
        """The record of a journal, whichever engine wrote it; its columns are not copied.

        Args:
            journal: what happened.
            workload: everything known before the run.
            rules: settings of the service.
            account_specs: what accounts may do, by number.
            end_us: the horizon, or the instant of the last event.
            session_qpu: the QPU of each session, NEVER if it was not routed; needed with several QPUs.
            requested_us: the QPU time that each job needs on its QPU; needed with several QPUs.
            live: what live users created.

        Example:
            >>> from qsession_sim.scheduler.plan import Plan
            >>> from qsession_sim.scheduler.scheduler import Scheduler
            >>> record = Record.of(Scheduler(Plan.of()).journal, EMPTY_WORKLOAD, end_us=7)
            >>> record.transitions.shape, record.end_us
            ((0, 6), 7)
        """
        has_several_qpus = len(workload.qpus) > 1
        return cls(
            workload=completed(workload, journal, live),
            job_session=_int64(journal.session),
            submitted_us=_int64(journal.submitted_us),
            started_us=_int64(journal.started_us),
            ended_us=_int64(journal.ended_us),
            stage=_recorded(journal),
            reason=np.frombuffer(journal.reason, dtype=np.int8),
            transitions=_int64(journal.transitions).reshape(-1, len(TRANSITION_FIELDS)),
            end_us=end_us,
            rules=Rules() if rules is None else rules,
            account_specs={} if account_specs is None else account_specs,
            job_qpu=np.frombuffer(journal.qpu, dtype=np.int16) if len(journal.qpu) else None,
            session_qpu=np.array(session_qpu, dtype=np.int64) if has_several_qpus else None,
            preparing_us=_where_needed(journal.preparing_us),
            ready_us=_where_needed(journal.ready_us),
            left_us=_where_needed(journal.left_us),
            lost_runs=_int64(journal.lost_runs).reshape(-1, len(LOST_RUN_FIELDS)),
            requested_us=np.array(requested_us, dtype=np.int64) if has_several_qpus else None,
            windows=_int64(journal.windows).reshape(-1, len(WINDOW_FIELDS)),
        )

    def copied(self) -> Self:
        """The same in columns of its own: those of a journal that goes on growing must not be kept."""
        own: dict[str, Any] = {
            name: one.copy() for name, one in vars(self).items() if isinstance(one, np.ndarray)
        }
        return replace(self, **own)

    @property
    def qpus(self) -> tuple[str, ...]:
        """The names of the QPUs, by number."""
        return self.workload.qpus

    @property
    def queueing_qpus(self) -> tuple[int, ...]:
        """The numbers of the QPUs that are no simulators: those have no queue and do not wait (S22)."""
        return tuple(number for number, qpu in enumerate(self.workload.qpu_specs) if not qpu.simulator)


def _int64(column: array[int]) -> Int64Array:
    return np.frombuffer(column, dtype=np.int64)


def _recorded(journal: Journal) -> Int8Array:
    """The stages; a job that waits for a lane is queued, as one that waits for the QPU."""
    stage = np.frombuffer(journal.stage, dtype=np.int8)
    if not len(journal.preparing_us):
        return stage
    return np.where(stage == JobStage.UNPREPARED, np.int8(JobStage.QUEUED), stage)


def _where_needed(column: array[int]) -> Int64Array | None:
    """A column of the journal; None if the run did not need it."""
    return _int64(column) if len(column) else None


# -- The workload with what was created while the run went on.

C = TypeVar("C", JobColumns, SessionColumns)

_OF_THE_FIRST_ATTEMPT: Final = frozenset({"at_us", "after"})


def completed(workload: Workload, journal: Journal, live: LiveEntities | None = None) -> Workload:
    """The workload with a row for each job and session that was created in the run, in order of creation."""
    repeated_jobs, repeated_sessions = journal.repeated_jobs, journal.repeated_sessions
    if not repeated_jobs and not repeated_sessions:
        return workload
    live = LiveEntities(workload.accounts, workload.streams) if live is None else live
    stream = {name: number for number, name in enumerate(live.streams)}
    jobs, job_names = _extended(workload.jobs, workload.job_names, repeated_jobs, live.jobs, stream)
    sessions, session_names = _extended(
        workload.sessions, workload.session_names, repeated_sessions, live.sessions, stream
    )
    roots = np.array(_roots(len(workload.jobs), repeated_jobs), dtype=np.int64)
    return replace(
        workload,
        jobs=jobs,
        sessions=sessions,
        accounts=tuple(live.accounts),
        streams=tuple(live.streams),
        job_names=job_names,
        session_names=session_names,
        qpu_times_us=_extended_by_qpu(workload.qpu_times_us, jobs.qpu_time_us, roots),
        estimates_us=_extended_by_qpu(workload.estimates_us, jobs.estimate_us, roots),
    )


def _extended(
    columns: C,
    names: tuple[NameBlock, ...],
    repeats: list[int],
    live: Sequence[LiveRow],
    stream: Mapping[str, int],
) -> tuple[C, tuple[NameBlock, ...]]:
    """Append a row for each entity created in the run: a copy of what it repeats, or that of a live user."""
    if not repeats:
        return columns, names
    roots = np.array(_roots(len(columns), repeats), dtype=np.int64)
    is_live = roots == NEVER
    grown = {}
    for item in fields(columns):
        column = getattr(columns, item.name)
        added = np.full(len(roots), NEVER, dtype=np.int64)
        if item.name not in _OF_THE_FIRST_ATTEMPT:
            added[~is_live] = column[roots[~is_live]]
        if item.name == "stream":
            added[is_live] = [stream[row.stream] for row in live]
        else:
            added[is_live] = [getattr(row.spec, item.name, NEVER) for row in live]
        grown[item.name] = _append(column, added)
    new_names = tuple(_new_names(names, roots.tolist(), live))
    return type(columns)(**grown), (*names, new_names)


def _new_names(names: tuple[NameBlock, ...], roots: list[int], live: Sequence[LiveRow]) -> Iterator[str]:
    """S67: further attempts are numbered from 2; live users name what they create."""
    known = list(chain.from_iterable(names)) if any(root != NEVER for root in roots) else []
    attempts: dict[int, int] = {}
    live_rows = iter(live)
    for root in roots:
        if root == NEVER:
            yield next(live_rows).name
        else:
            attempts[root] = attempts.get(root, 1) + 1
            yield f"{known[root]}.{attempts[root]}"


def _roots(planned: int, repeats: list[int]) -> list[int]:
    """The planned entity that each created one goes back to; NEVER for those of live users."""
    roots: list[int] = []
    for origin in repeats:
        roots.append(origin if origin < planned else roots[origin - planned])
    return roots


def _append(column: Int64Array, added: Int64Array) -> Int64Array:
    if len(column) and is_constant(column) and np.all(added == column[0]):
        return constant(len(column) + len(added), int(column[0]))
    return np.concatenate([column, added])


def _extended_by_qpu(
    columns: tuple[Int64Array, ...], for_all_us: Int64Array, roots: Int64Array
) -> tuple[Int64Array, ...]:
    """The columns of each QPU with rows for the jobs created in the run: those of their roots, if any."""
    if not columns:
        return ()
    created_us = for_all_us[len(columns[0]) :]
    return tuple(
        np.concatenate([column, np.where(roots == NEVER, created_us, column[roots])]) for column in columns
    )


NOTHING: Final = Record.of(Journal(array("q")), EMPTY_WORKLOAD, end_us=0)
"""What a run without jobs, sessions and programs leaves behind."""

"""A workload without a session or a source, and all else exactly as it was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Literal, TypeVar

import numpy as np

from qsession_sim.errors import StudyError, hint
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import (
    BoolArray,
    Int64Array,
    JobColumns,
    SessionColumns,
    Workload,
    is_constant,
    name_of,
)

C = TypeVar("C", JobColumns, SessionColumns)

Kind = Literal["session", "stream"]

_BEGINS_JOBS: Final = frozenset({"at_us", "after", "cancel_us"})
_BEGINS_SESSIONS: Final = frozenset({"created_us", "close_us", "cancel_us"})
"""What makes an entity happen, or a run go on for it."""


@dataclass(frozen=True)
class Removed:
    """What a workload is without: a session or a source, by name, and all that its clients did.

    `jobs` and `sessions` have the shape of the columns of the workload.
    """

    kind: Kind
    name: str
    jobs: BoolArray
    sessions: BoolArray

    @property
    def what(self) -> str:
        """In words, such as `session 's1'`."""
        return f"{'source' if self.kind == 'stream' else 'session'} {self.name!r}"

    def jobs_of(self, jobs: JobColumns) -> BoolArray:
        """The removed rows of the jobs of a run, which may have more of them (S65, S66)."""
        return _with_created(self.jobs, jobs.client)

    def sessions_of(self, sessions: SessionColumns) -> BoolArray:
        """The same of sessions."""
        return _with_created(self.sessions, sessions.client)


def _with_created(removed: BoolArray, client: Int64Array) -> BoolArray:
    """What is created in a run is of a client."""
    before, created = np.split(client, [len(removed)])
    clients = np.unique(before[removed])
    return np.append(removed, np.isin(created, clients[clients != NEVER]))


def named(asked: str, workload: Workload) -> tuple[Kind, str]:
    """What a text means: the name of a session or of a source, or, where both exist, `session=NAME`.

    Raises:
        StudyError: if it may mean both or neither.

    Example:
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> named("stream=vqe", EMPTY_WORKLOAD), named("vqe", replace(EMPTY_WORKLOAD, streams=("vqe",)))
        (('stream', 'vqe'), ('stream', 'vqe'))
    """
    sessions = dict.fromkeys(chain.from_iterable(workload.session_names))
    kinds: dict[Kind, bool] = {"session": asked in sessions, "stream": asked in workload.streams}
    if all(kinds.values()):
        raise StudyError(
            f"both a session and a source are called {asked!r}; write session={asked} or stream={asked}"
        )
    for kind, exists in kinds.items():
        if exists:
            return kind, asked
    for kind in kinds:
        if asked.startswith(f"{kind}="):
            return kind, asked.partition("=")[2]
    known = {**dict.fromkeys(workload.streams), **sessions}
    raise StudyError(f"no session or source is called {asked!r}; {hint(asked, known)}")


def without(workload: Workload, kind: Kind, name: str) -> tuple[Workload, Removed]:
    """A workload in which a session or a source never happens.

    All rows keep their numbers, since ties and some policies go by them; those that are removed are never
    submitted and never created.

    Args:
        workload: as drawn.
        kind: what is removed. With a session of an iterative client goes all that this client does.
        name: of the session or source.

    Raises:
        StudyError: if there is no such session or source, or a job that stays needs one that is removed: it
            comes after it (S5), or is of a removed session.

    Example:
        >>> from qsession_sim.scenario.load import load_scenario
        >>> from qsession_sim.workload.draw import draw
        >>> jobs = [{"id": "a", "session": "s", "at": "0s", "qpu_time": "1s"},
        ...         {"id": "b", "account": "lab", "at": "0s", "qpu_time": "1s"}]
        >>> explicit = {"kind": "explicit", "sessions": [{"id": "s", "account": "lab"}], "jobs": jobs}
        >>> rest, removed = without(draw(load_scenario({"workload": [explicit]}).resolved), "session", "s")
        >>> rest.jobs.at_us.tolist(), removed.jobs.tolist()
        ([-1, 0], [True, False])
    """
    removed = _removed(workload, kind, name)
    _check_rest(workload, removed)
    kept = {job: after for job, after in workload.more_after.items() if not removed.jobs[job]}
    return (
        replace(
            workload,
            jobs=_cleared(workload.jobs, _BEGINS_JOBS, removed.jobs),
            sessions=_cleared(workload.sessions, _BEGINS_SESSIONS, removed.sessions),
            more_after=kept,
        ),
        removed,
    )


def _removed(workload: Workload, kind: Kind, name: str) -> Removed:
    jobs, sessions = workload.jobs, workload.sessions
    if kind == "stream":
        number = _numbered(workload.streams, "source", name)
        return Removed(kind, name, jobs.stream == number, sessions.stream == number)
    number = _numbered(list(chain.from_iterable(workload.session_names)), "session", name)
    # an iterative client has all its iterations in the one session that it begins with (S64)
    return Removed(kind, name, jobs.session == number, np.arange(len(sessions)) == number)


def _numbered(names: Sequence[str], what: str, name: str) -> int:
    if name not in names:
        raise StudyError(f"no {what} is called {name!r}; {hint(name, names)}")
    return names.index(name)


def _check_rest(workload: Workload, removed: Removed) -> None:
    """What stays must not need what is removed."""
    jobs = workload.jobs
    needed = _needs(jobs.after, removed.jobs) & ~removed.jobs
    for job, after in workload.more_after.items():
        needed[job] |= not removed.jobs[job] and bool(removed.jobs[list(after)].any())
    of_session = _needs(jobs.session, removed.sessions) & ~removed.jobs
    for rows, why in ((needed, "comes after a job of it"), (of_session, "is of a session of it")):
        if rows.any():
            name = name_of(workload.job_names, int(np.flatnonzero(rows)[0]))
            raise StudyError(
                f"{removed.what} cannot be left out: job {name!r}, which would stay, {why}; "
                f"leave out a source that has both"
            )


def _needs(column: Int64Array, removed: BoolArray) -> BoolArray:
    """Whether the number in each row is that of something removed."""
    needs: BoolArray = np.append(removed, False)[column]  # NEVER is the last place
    return needs


def _cleared(table: C, names: frozenset[str], rows: BoolArray) -> C:
    """A table with NEVER in some columns of some rows."""
    cleared = {}
    for name in names:
        column = getattr(table, name)
        if not (is_constant(column) and (len(column) == 0 or column[0] == NEVER)):
            cleared[name] = np.where(rows, NEVER, column)
    return replace(table, **cleared)

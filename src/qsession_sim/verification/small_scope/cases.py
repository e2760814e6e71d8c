"""Every small workload, once: what is enumerated, as columns of many cases at once.

A case is a workload and the two settings that matter to it, the hold policy and the unused timeout. All its
times are ticks. A *shape* is what a case has at all: which job belongs to which session, which follows which,
and which *extras* there are; the numbers that can stand in it then make a block of cases, whose columns are
computed from their numbers alone. So a block can be cut anywhere, and nobody has to remember what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations, pairwise, product
from typing import Final, Self

import numpy as np

from qsession_sim.scheduler.plan import ADAPTIVE, EXCLUSIVE, NONE, SHARED, HoldPolicy
from qsession_sim.scheduler.vocabulary import NEVER, Mode
from qsession_sim.workload.columns import BoolArray, Int64Array

LONG: Final = 10**9
"""A clock of so many ticks runs longer than any case lasts."""

CLOCK: Final = (0, 1, 2)
LENGTHS: Final = (1, 2)
THINKS: Final = (0, 1)
PATIENCE: Final = (1, 2)
HOLDS: Final[tuple[HoldPolicy, ...]] = (EXCLUSIVE, SHARED, NONE, ADAPTIVE)

# -- What may be in a case beside jobs and the interactive timeouts of sessions.

OF_SESSIONS: Final = ("close", "cancel", "created", "close_after", "max_time")
OF_JOBS: Final = ("cancel_job", "patience", "limit", "post")

Extra = tuple[str, int]
"""What, and of which session or job of the case."""


@dataclass(frozen=True)
class Scope:
    """How large the cases are.

    Attributes:
        jobs: at most so many; each takes one or two ticks on the QPU. For each one less there may be one more
            of the extras, `OF_SESSIONS` and `OF_JOBS`.
        sessions: at most so many of mode `session`.
        batches: at most so many.
        instants: at which jobs are submitted and sessions created: 0, 1, … ticks.
        orders: at which sessions are closed and cancelled, and jobs cancelled.
    """

    jobs: int
    sessions: int = 2
    batches: int = 1
    instants: int = 3
    orders: int = 6

    @property
    def span(self) -> int:
        """In so many ticks everything in a case is over, and a clock that is not `LONG` has run out."""
        each = max(LENGTHS) + max(THINKS) + max(CLOCK) + 1
        return self.instants + self.orders + (self.jobs + 1) * each


@dataclass(frozen=True)
class Shape:
    """What a case has.

    Attributes:
        modes: of its sessions.
        owners: of each job its session, or NEVER.
        parents: of each job the one that it follows (S5), or NEVER where it is submitted at an instant.
        extras: what there is besides.
    """

    modes: tuple[Mode, ...]
    owners: tuple[int, ...]
    parents: tuple[int, ...]
    extras: tuple[Extra, ...]

    @property
    def holds(self) -> Sequence[HoldPolicy]:
        """The hold policies that can make a difference (S51): they are about sessions with jobs."""
        held = any(owner != NEVER and self.modes[owner] == Mode.SESSION for owner in self.owners)
        return HOLDS if held else HOLDS[:1]

    @property
    def unused(self) -> Sequence[int]:
        """Of the unused timeout (S21): it can run where a session may exist without an accepted job."""
        named = {name for name, _ in self.extras}
        return (LONG, *CLOCK) if "created" in named or named >= {"limit", "max_time"} else (LONG,)


@dataclass(frozen=True)
class Cases:
    """Cases of one shape of columns: those of jobs (cases, jobs), those of sessions (cases, sessions).

    NEVER stands for what is not there. All columns are ticks but `owner`, `after` and `mode`.
    """

    owner: Int64Array
    at: Int64Array
    after: Int64Array
    think: Int64Array
    length: Int64Array
    cancel_job: Int64Array
    patience: Int64Array
    limit: Int64Array
    post: Int64Array
    mode: Int64Array
    ittl: Int64Array
    created: Int64Array
    close: Int64Array
    close_after: Int64Array
    cancel: Int64Array
    max_time: Int64Array

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, chosen: slice | BoolArray | Int64Array) -> Self:
        return type(self)(**{item.name: getattr(self, item.name)[chosen] for item in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Cases]) -> Cases:
        """Those of several, with as many jobs and sessions each."""
        return cls(
            **{item.name: np.concatenate([getattr(one, item.name) for one in parts]) for item in fields(cls)}
        )


# -- Shapes.


def shapes(scope: Scope) -> Iterator[Shape]:
    """All shapes; of those that differ in the names of sessions or jobs only one.

    Sessions are named in the order in which jobs of them are numbered, and jobs that are submitted at an
    instant are numbered in the order of their instants.
    """
    for jobs in range(1, scope.jobs + 1):
        for modes, owners in _owners(scope, jobs):
            slots = [(name, number) for name in OF_SESSIONS for number in range(len(modes))]
            slots += [(name, number) for name in OF_JOBS for number in range(jobs)]
            empty = set(range(len(modes))) - set(owners)
            for parents in product(*(range(NEVER, job) for job in range(jobs))):
                for count in range(scope.jobs - jobs + 1):
                    for extras in combinations(slots, count):
                        # a session without jobs comes to exist by an order, or as it is created
                        begun = {number for name, number in extras if name in OF_SESSIONS[:3]}
                        if empty <= begun:
                            yield Shape(modes, owners, parents, extras)


def _owners(scope: Scope, jobs: int) -> Iterator[tuple[tuple[Mode, ...], tuple[int, ...]]]:
    """Which jobs belong to which sessions, with the modes of those."""
    for sessions, batches in product(range(scope.sessions + 1), range(scope.batches + 1)):
        modes = (Mode.SESSION,) * sessions + (Mode.BATCH,) * batches
        if len(modes) > scope.jobs:
            continue
        for owners in product(range(NEVER, len(modes)), repeat=jobs):
            # the names of sessions of one mode say nothing: they come in the order of their first jobs
            firsts = [owners.index(n) if n in owners else jobs + n for n in range(len(modes))]
            if firsts[:sessions] == sorted(firsts[:sessions]) and firsts[sessions:] == sorted(
                firsts[sessions:]
            ):
                yield modes, owners


BEYOND: Final = (
    Shape((Mode.SESSION,), (0, NEVER, 0), (NEVER,) * 3, (("close", 0), ("post", 0))),
    Shape((Mode.SESSION,), (0, 0), (NEVER,) * 2, (("close", 0), ("cancel_job", 1), ("post", 0))),
)
"""More than four jobs and extras, where two pairs of the transition table need them: a closing session that
is inactive while one job is post-processed, and another is queued behind somebody else's, or is cancelled."""

# -- Blocks.


@dataclass(frozen=True)
class Block:
    """The cases of a shape, by number; some numbers are of no case."""

    scope: Scope
    shape: Shape

    @cached_property
    def _choices(self) -> dict[tuple[str, int], Sequence[int]]:
        """What each number of a case can be."""
        scope, shape = self.scope, self.shape
        orders = range(scope.orders)
        of_extra = {
            "close": orders,
            "cancel": orders,
            "cancel_job": orders,
            "created": range(scope.instants),
            "close_after": CLOCK,
            "max_time": CLOCK,
            "patience": PATIENCE,
            "limit": LENGTHS[:1],
            "post": LENGTHS,
        }
        instants: dict[tuple[str, int], Sequence[int]] = {}
        for job, parent in enumerate(shape.parents):
            if parent == NEVER:
                instants["at", job] = range(scope.instants)
            else:
                instants["think", job] = THINKS
        lengths = {("length", job): LENGTHS for job in range(len(shape.owners))}
        timeouts = {("ittl", session): CLOCK for session in range(len(shape.modes))}
        return {**instants, **lengths, **timeouts, **{extra: of_extra[extra[0]] for extra in shape.extras}}

    @property
    def numbers(self) -> int:
        """One more than the last number."""
        return int(np.prod([len(values) for values in self._choices.values()], dtype=np.int64))

    def cases(self, numbers: range | Int64Array) -> Cases:
        """Those that have one of the numbers, in their order."""
        shape, rows = self.shape, len(numbers)
        indices = np.unravel_index(
            np.asarray(numbers, dtype=np.int64), tuple(len(values) for values in self._choices.values())
        )
        jobs, sessions = (rows, len(shape.owners)), (rows, len(shape.modes))
        columns = {item.name: np.full(jobs, NEVER, dtype=np.int64) for item in fields(Cases)}
        columns |= {name: np.full(sessions, NEVER, dtype=np.int64) for name in ("ittl", *OF_SESSIONS)}
        columns["max_time"] = np.full(sessions, LONG, dtype=np.int64)
        columns["think"] = np.zeros(jobs, dtype=np.int64)
        columns["post"] = np.zeros(jobs, dtype=np.int64)
        for name, same in (("owner", shape.owners), ("after", shape.parents), ("mode", shape.modes)):
            columns[name] = np.broadcast_to(np.array(same, dtype=np.int64), (rows, len(same)))
        for ((name, number), values), index in zip(self._choices.items(), indices, strict=True):
            columns[name][:, number] = np.array(values, dtype=np.int64)[index]
        cases = Cases(**columns)
        return cases[_is_allowed(cases, shape)]


def _is_allowed(cases: Cases, shape: Shape) -> BoolArray:
    """Of those that differ in when they begin, or how jobs are numbered, one; and what scenarios allow."""
    beginnings = [cases.at, cases.created, cases.close, cases.cancel]
    earliest = np.full(len(cases), LONG, dtype=np.int64)
    for column in beginnings:
        if column.shape[1]:
            earliest = np.minimum(earliest, np.where(column == NEVER, LONG, column).min(axis=1))
    allowed: BoolArray = earliest == 0
    submitted = [job for job, parent in enumerate(shape.parents) if parent == NEVER]
    for before, after in pairwise(submitted):
        allowed &= cases.at[:, before] <= cases.at[:, after]
    for name, session in shape.extras:
        if name == "created":  # S9: nothing that is timed comes before
            since = cases.created[:, session]
            own = [job for job in submitted if shape.owners[job] == session]
            for column in (
                *(cases.at[:, job] for job in own),
                cases.close[:, session],
                cases.cancel[:, session],
            ):
                allowed &= (column == NEVER) | (column >= since)
    return allowed

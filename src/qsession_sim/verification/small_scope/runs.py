"""Many cases in one run: each begins when all that the one before could do is over.

So the kernel is asked once for thousands of cases, and what it answers are columns of them. That a case does
not feel the ones before it is part of what is checked: the naive model plays each case alone, from instant 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from qsession_sim.kernel import engine
from qsession_sim.scheduler.columns import TRANSITION_FIELDS, Journal
from qsession_sim.scheduler.plan import (
    ClientPlan,
    HoldPolicy,
    JobPlan,
    Plan,
    Rules,
    SessionPlan,
)
from qsession_sim.scheduler.queues import FirstInFirstOut
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.verification.small_scope.cases import Cases
from qsession_sim.workload.columns import Int64Array, constant

TICK_US: Final = 1_000_000
"""A second, the shortest timeout of the hold policy `adaptive` (S51)."""

JOB_TIMES: Final = {
    "at": "at_us",
    "think": "think_us",
    "length": "qpu_time_us",
    "cancel_job": "cancel_us",
    "patience": "patience_us",
    "limit": "max_execution_time_us",
    "post": "post_processing_us",
}
"""What times of jobs are called in cases, and by the scheduler."""

SESSION_TIMES: Final = {
    "created": "created_us",
    "max_time": "max_time_us",
    "ittl": "interactive_timeout_us",
    "close": "close_us",
    "close_after": "close_after_us",
    "cancel": "cancel_us",
}

_INSTANTS: Final = frozenset({"at", "cancel_job", "created", "close", "cancel"})
"""Of those times the instants; the others are lengths."""


@dataclass(frozen=True)
class Setting:
    """What cases that run together share.

    Attributes:
        hold: the hold policy.
        unused: the unused timeout in ticks.
        span: how long each is observed, in ticks.
    """

    hold: HoldPolicy
    unused: int
    span: int

    @property
    def rules(self) -> Rules:
        """The same as the scheduler takes it."""
        return Rules(hold=self.hold, unused_timeout_us=self.unused * TICK_US)


@dataclass(frozen=True)
class Observed:
    """What happened in each case, in ticks from its begin; NEVER for what did not.

    Columns of jobs have the shape (cases, jobs); `changes` has a row for each change of a session, by case
    and then in order, with the columns of `TRANSITION_FIELDS`, of which the session is that of the case.
    `first_change` has the first row of each case, and how many rows there are.
    """

    submitted: Int64Array
    started: Int64Array
    left: Int64Array
    ended: Int64Array
    stage: Int64Array
    reason: Int64Array
    changes: Int64Array
    case_of_change: Int64Array
    first_change: Int64Array


def observe(cases: Cases, setting: Setting, *, compiled: bool | None = None) -> Observed:
    """Let the kernel run cases, one after the other.

    Args:
        cases: of which no session lasts beyond the span.
        setting: what they share.
        compiled: as of `kernel.engine.run`.
    """
    horizon_us = len(cases) * setting.span * TICK_US
    plan = plan_of(cases, setting.span)
    outcome = engine.run(plan, setting.rules, FirstInFirstOut(), horizon_us, compiled=compiled)
    return observed(outcome.journal, cases, setting.span)


def plan_of(cases: Cases, span: int) -> Plan:
    """The cases as one plan, in order."""
    rows, jobs = cases.owner.shape
    sessions = cases.mode.shape[1]
    case = np.arange(rows, dtype=np.int64)[:, np.newaxis]

    def later(column: Int64Array, offset: Int64Array | int) -> Int64Array:
        return np.where(column == NEVER, NEVER, column + offset)

    def times(name: str) -> memoryview:
        column = later(getattr(cases, name), case * span if name in _INSTANTS else 0)
        return _column(np.where(column == NEVER, NEVER, column * TICK_US))

    of_jobs = {field: times(name) for name, field in JOB_TIMES.items()}
    of_jobs["after"] = _column(later(cases.after, case * jobs))
    of_jobs["session"] = _column(later(cases.owner, case * sessions))
    of_sessions = {field: times(name) for name, field in SESSION_TIMES.items()}
    of_sessions["mode"] = _column(cases.mode)
    at_us, after = np.asarray(of_jobs["at_us"]), np.asarray(of_jobs["after"])
    planned = np.flatnonzero(at_us != NEVER)
    planned = planned[np.argsort(at_us[planned], kind="stable")]
    return Plan(
        jobs=JobPlan(**_with_defaults(JobPlan, of_jobs, rows * jobs)),
        submissions_us=_column(at_us[planned]),
        submissions=_column(planned),
        follow_ups=_column(np.flatnonzero(after != NEVER)),
        job_cancels=_column(np.flatnonzero(np.asarray(of_jobs["cancel_us"]) != NEVER)),
        sessions=SessionPlan(**_with_defaults(SessionPlan, of_sessions, rows * sessions)),
        clients=ClientPlan(**{item.name: constant(0, 0).data for item in fields(ClientPlan)}),
    )


def _column(values: Int64Array) -> memoryview:
    return np.ascontiguousarray(values, dtype=np.int64).reshape(-1).data


def _with_defaults(
    plan: type[JobPlan | SessionPlan], columns: dict[str, memoryview], rows: int
) -> dict[str, memoryview]:
    defaults: dict[str, Any] = {item.name: item.default for item in fields(plan) if item.name not in columns}
    return {**columns, **{name: constant(rows, int(value)).data for name, value in defaults.items()}}


def observed(journal: Journal, cases: Cases, span: int) -> Observed:
    """The columns of a journal, by case."""
    shape = cases.owner.shape
    rows, sessions = cases.mode.shape
    since_us = (np.arange(rows, dtype=np.int64) * (span * TICK_US))[:, np.newaxis]

    def instants(name: str) -> Int64Array:
        column = np.frombuffer(getattr(journal, name), dtype=np.int64).reshape(shape)
        return np.where(column == NEVER, NEVER, (column - since_us) // TICK_US)

    def words(name: str) -> Int64Array:
        return np.frombuffer(getattr(journal, name), dtype=np.int8).reshape(shape).astype(np.int64)

    changes = np.frombuffer(journal.transitions, dtype=np.int64).reshape(-1, len(TRANSITION_FIELDS)).copy()
    case = changes[:, 1] // max(sessions, 1)
    changes[:, 0] = (changes[:, 0] - case * (span * TICK_US)) // TICK_US
    changes[:, 1] -= case * sessions
    started, ended = instants("started_us"), instants("ended_us")
    return Observed(
        submitted=instants("submitted_us"),
        started=started,
        left=instants("left_us") if len(journal.left_us) else np.where(started == NEVER, NEVER, ended),
        ended=ended,
        stage=words("stage"),
        reason=words("reason"),
        changes=changes,
        case_of_change=case,
        first_change=np.searchsorted(case, np.arange(rows + 1)),
    )

"""Runs of the pure scheduler as lists of readable lines, so that a test compares the whole trace.

A job is ``j<number> <submitted> <started> <ended> <status>[ <reason>]``, a change of a session is
``<time> s<number> <phase before> <event> <phase after>[ <reason>]``, the last line is ``end <time>``.
What did not happen is ``-``. Only changes that a user can see are there: not those between RUNNING and IDLE.
Where a run has more than one QPU a job ends in ``@<qpu>``, where it has preparation in
``p<preparing>-<ready>``, where it has post-processing in ``left <time>``. A stay on a QPU that an outage ended
is ``lost j<number> @<qpu> <started> <left>``, a window ``@<qpu> <kind> <start>-<end>``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import engines
import pytest

from qsession_sim.scheduler.columns import Journal
from qsession_sim.scheduler.plan import ClientSpec, JobSpec, Plan, Rules, SessionSpec
from qsession_sim.scheduler.queues import ordered_by
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.view import QueueKey
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, Reason, WindowKind

Trace = Callable[[Scheduler], list[str]]
Run = Callable[..., list[str]]


def _time(time_us: int) -> str:
    return "-" if time_us == NEVER else str(time_us)


def _because(reason: int) -> str:
    return "" if reason == Reason.NONE else f" {Reason(reason).name}"


def lines_of(scheduler: Scheduler) -> list[str]:
    """Everything in the journal, and the time at which the scheduler stands."""
    journal = scheduler.journal
    columns = (journal.submitted_us, journal.started_us, journal.ended_us, journal.stage, journal.reason)
    lines = []
    for number, (submitted, started, ended, status, reason) in enumerate(zip(*columns, strict=True)):
        name = "-" if status == NEVER else JobStage(status).name
        times = f"{_time(submitted)} {_time(started)} {_time(ended)}"
        lines.append(f"j{number} {times} {name}{_because(reason)}{_more(journal, number)}")
    changes = iter(journal.transitions)
    for time_us, session, before, event, after, reason in zip(*[changes] * 6, strict=True):
        names = f"{SessionPhase(before).name} {SessionEvent(event).name} {SessionPhase(after).name}"
        lines.append(f"{time_us} s{session} {names}{_because(reason)}")
    lost = iter(journal.lost_runs)
    lines += [
        f"lost j{job} @{qpu} {since}-{until}" for job, qpu, since, until in zip(*[lost] * 4, strict=True)
    ]
    windows = iter(journal.windows)
    lines += [
        f"@{qpu} {WindowKind(kind).name} {since}-{until}"
        for qpu, kind, _, since, until in zip(*[windows] * 5, strict=True)
    ]
    return [*lines, f"end {scheduler.now_us}"]


def _more(journal: Journal, job: int) -> str:
    text = f" @{_time(journal.qpu[job])}" if journal.qpu else ""
    if journal.preparing_us:
        text += f" p{_time(journal.preparing_us[job])}-{_time(journal.ready_us[job])}"
    return text + (f" left {_time(journal.left_us[job])}" if journal.left_us else "")


@pytest.fixture
def trace() -> Trace:
    """The lines of a scheduler that the test drives itself."""
    return lines_of


@pytest.fixture
def run() -> Run:
    """Run a plan as long as S6 says, or to `horizon_us`, and return the lines."""

    def run_plan(
        jobs: Sequence[JobSpec] = (),
        sessions: Sequence[SessionSpec] = (),
        clients: Sequence[ClientSpec] = (),
        *,
        rules: Rules | None = None,
        queue_key: QueueKey | None = None,
        horizon_us: int | None = None,
        **plan: Any,
    ) -> list[str]:
        of_run = Plan.of(jobs, sessions, clients, **plan)
        scheduler = Scheduler(of_run, rules, queue_key)
        if horizon_us is None:
            assert scheduler.advance_while_needed()
        else:
            assert scheduler.advance(horizon_us - 1)
            scheduler.finish_at(horizon_us)
        engines.compare(scheduler, of_run, ordered_by(queue_key), horizon_us)
        return lines_of(scheduler)

    return run_plan

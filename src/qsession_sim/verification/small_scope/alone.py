"""One case by itself: as single jobs and sessions, played by the naive model, and compared."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from qsession_sim.kernel import engine
from qsession_sim.scheduler.plan import JobSpec, Plan, SessionSpec
from qsession_sim.scheduler.queues import FirstInFirstOut
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, JobStatus, Mode, Reason
from qsession_sim.verification.naive.histories import Facts, JobFacts
from qsession_sim.verification.naive.observed import change_of, facts_of
from qsession_sim.verification.naive.service import Service
from qsession_sim.verification.small_scope.cases import Cases
from qsession_sim.verification.small_scope.runs import JOB_TIMES, SESSION_TIMES, TICK_US, Observed, Setting


def specs_of(cases: Cases, number: int) -> tuple[list[JobSpec], list[SessionSpec]]:
    """One case as people would write it.

    Example:
        >>> from qsession_sim.verification.small_scope.cases import Block, Scope, Shape
        >>> cases = Block(Scope(1), Shape((), (NEVER,), (NEVER,), ())).cases(range(2))
        >>> jobs, sessions = specs_of(cases, 1)
        >>> jobs[0].at_us, jobs[0].qpu_time_us, sessions
        (0, 2000000, [])
    """
    row = {item.name: getattr(cases, item.name)[number].tolist() for item in fields(cases)}
    jobs = []
    for job in range(len(row["owner"])):
        times: dict[str, Any] = {field: _us(row[name][job]) for name, field in JOB_TIMES.items()}
        jobs.append(JobSpec(session=row["owner"][job], after=row["after"][job], **times))
    sessions = []
    for session in range(len(row["mode"])):
        times = {field: _us(row[name][session]) for name, field in SESSION_TIMES.items()}
        sessions.append(SessionSpec(mode=Mode(row["mode"][session]), **times))
    return jobs, sessions


def _us(ticks: int) -> int:
    return NEVER if ticks == NEVER else ticks * TICK_US


def facts_among_others(cases: Cases, seen: Observed, number: int, setting: Setting) -> Facts:
    """What happened in a case, in the terms of the naive model."""
    columns = (seen.submitted, seen.started, seen.left, seen.ended, seen.stage, seen.reason)
    rows = np.stack([column[number] for column in columns], axis=1).tolist()
    owners = cases.owner[number].tolist()
    jobs = {}
    for job, (submitted, started, left, ended, stage, reason) in enumerate(rows):
        ready = NEVER if stage == JobStage.REJECTED else _us(submitted)
        times = (_us(submitted), NEVER, ready, _us(started), _us(left), _us(ended))
        jobs[job] = JobFacts(owners[job], 0, *times, JobStatus(stage), Reason(reason))
    first, last = seen.first_change[number : number + 2].tolist()
    changes = [change_of((_us(time), *row)) for time, *row in seen.changes[first:last].tolist()]
    return Facts(jobs, changes, [], [], setting.span * TICK_US)


def difference(cases: Cases, seen: Observed, number: int, setting: Setting) -> str | None:
    """How a case differs from what the naive model makes of it alone; None: it does not."""
    jobs, sessions = specs_of(cases, number)
    expected = Service(jobs, sessions, rules=setting.rules).run(setting.span * TICK_US)
    found = facts_among_others(cases, seen, number, setting)
    return None if found == expected else _in_words(jobs, sessions, setting, found, expected)


def difference_of_end(cases: Cases, number: int, setting: Setting) -> str | None:
    """The same of a run of the case alone that ends when nothing is left to do (S6)."""
    jobs, sessions = specs_of(cases, number)
    outcome = engine.run(Plan.of(jobs, sessions), setting.rules, FirstInFirstOut())
    expected = Service(jobs, sessions, rules=setting.rules).run()
    found = facts_of(outcome.journal, outcome.end_us)
    return None if found == expected else _in_words(jobs, sessions, setting, found, expected)


def _in_words(
    jobs: list[JobSpec], sessions: list[SessionSpec], setting: Setting, found: Facts, expected: Facts
) -> str:
    parts = [f"{jobs}", f"{sessions}", f"{setting.rules}", f"kernel: {found}", f"naive model: {expected}"]
    return "\n".join(parts)

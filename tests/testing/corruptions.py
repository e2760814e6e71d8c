"""Ways to make a wrong run out of the right one that was worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest
from results.handmade import (
    TRANSITIONS,
    make_record,
    make_run,
    with_job,
)

from qsession_sim.errors import InvariantError
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing import check_invariants
from qsession_sim.testing.facts import Facts
from qsession_sim.testing.invariants import CHECKS

DONE, NONE = JobStatus.DONE, Reason.NONE


def violation(run) -> str:
    with pytest.raises(InvariantError) as caught:
        check_invariants(run)
    return str(caught.value)


def broken_rules(run) -> list[str]:
    """The rules of which a check complains."""
    facts = Facts.of(run)
    return [rule for rule, check in CHECKS.items() if list(check(facts))]


def of_jobs(name: str, **changes):
    """The run by hand with one job changed."""
    return make_run(make_record(with_job(name, **changes)))


def with_tables(**tables):
    """The run by hand with tables replaced."""
    run = make_run()
    names = ("jobs", "sessions", "intervals", "queue_length")
    frames = {name: getattr(run, name) for name in names} | tables
    return SimpleNamespace(record=run.record, scenario=run.scenario, **frames)


def with_intervals(change):
    """The run by hand with its rows of intervals changed."""
    intervals = make_run().intervals
    rows = [list(row) for row in intervals.rows()]
    change(rows)
    return with_tables(intervals=pl.DataFrame(rows, schema=intervals.schema, orient="row"))


def replaced_transitions(*changes):
    """The transitions by hand; each change is the number of a row and its new row, or None to drop it."""
    rows = list(TRANSITIONS)
    for index, row in changes:
        rows[index] = row
    return tuple(row for row in rows if row is not None)


def job_mode_run(*stays, **options):
    """A run of job-mode jobs given as (submitted, started, ended)."""
    jobs = tuple(
        (f"j{number}", 0, NEVER, ended - started, submitted, started, ended, DONE, NONE)
        for number, (submitted, started, ended) in enumerate(stays, start=1)
    )
    end_us = max(ended for _, _, ended in stays)
    record = make_record(jobs, sessions=(), transitions=(), end_us=end_us)
    return make_run(record, **({"horizon": None} | options))


def session_run(mode, gap_job, **options):
    """j1 runs 0 to 10 in a session (ITTL 10) that is idle to 20, and another job runs in between."""
    jobs = (("j1", 0, 0, 10, 0, 0, 10, DONE, NONE), gap_job)
    transitions = (*TRANSITIONS[:2], (20, *TRANSITIONS[2][1:]))
    record = make_record(jobs, (("s1", 0, mode, 1000, 10),), transitions, end_us=20)
    return make_run(record, **({"horizon": 20} | options))

"""What jobs waited for together: sums over groups, by hand and equal to those of the table of waits."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_examples import examples

import qsession_sim as qs
from qsession_sim.experiment.metrics import as_metrics, measure
from qsession_sim.results.saved_summary import completed
from qsession_sim.results.summary import whole
from qsession_sim.results.waits import PARTS
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing.strategies import scenarios
from results.handmade import make_record, make_run
from results.handmade_qpus import reserved, stormy

NONE_WAITED = dict.fromkeys(PARTS, 0)


def parts(summary, *path) -> dict[str, int]:
    """Those of a group that are not 0."""
    for key in path:
        summary = summary[key]
    return {part: us for part, us in summary["waiting_parts_us"].items() if us}


def test_sums_by_mode_account_and_source():
    """j3 of lab-b waits 10 for s1 and 13 while it holds the QPU idle, j4 of s1 25 for j3, j6 of b1 1 for s1."""
    summary = make_run().summary()
    assert parts(summary, "all") == {"job_mode": 25, "session": 10, "held": 14}
    assert parts(summary, "by_mode", "job") == {"session": 10, "held": 13}
    assert parts(summary, "by_mode", "session") == {"job_mode": 25}
    assert parts(summary, "by_mode", "batch") == {"held": 1}
    assert parts(summary, "by_account", "lab-a") == {"job_mode": 25}
    assert parts(summary, "by_account", "lab-b") == {"session": 10, "held": 14}
    assert parts(summary, "by_stream", "explicit") == parts(summary, "all")
    assert summary["all"]["waiting_share"] == {
        **dict.fromkeys(PARTS, 0.0),
        "job_mode": 25 / 49,
        "session": 10 / 49,
        "held": 14 / 49,
    }


def test_sums_with_preparation_outages_and_reservations():
    """The rows of the same runs in the tests of waits, added up."""
    assert parts(make_run(stormy(), horizon=80).summary(), "all") == {
        "job_mode": 7 + 16 + 24,
        "preparing": 5,
        "down": 8 + 8 + 8 + 8,
    }
    assert parts(make_run(reserved(), horizon=30).summary(), "all") == {
        "job_mode": 4,
        "session": 2,
        "reserved": 4,
    }


def test_only_jobs_after_the_warm_up_count():
    """From 71 on there is j6 alone that waits; s1 was created before."""
    summary = make_run(warm_up=71).summary()
    assert parts(summary, "all") == {"held": 1}
    assert summary["sessions"]["all"]["total_others_waited_held_us"] == 0


def test_nobody_waited():
    group = qs.simulate({"workload": []}).summary()["all"]
    assert group["waiting_parts_us"] == NONE_WAITED
    assert group["waiting_share"] == dict.fromkeys(PARTS)


def test_they_are_in_no_file_and_what_is_read_back_has_them(tmp_path):
    run = make_run()
    run.save(tmp_path / "run")
    text = (tmp_path / "run" / "summary.json").read_text()
    assert not {"waiting_parts_us", "waiting_share", "others_waited_held_us"} & {*re.findall(r"\w+", text)}
    assert qs.load(tmp_path / "run").summary() == run.summary()
    run.save(tmp_path / "asked before")
    same = (tmp_path / name / "summary.json" for name in ("run", "asked before"))
    assert len({path.read_bytes() for path in same}) == 1


def test_a_metric_of_shares_makes_no_table(monkeypatch):
    def refused(*_arguments):
        raise AssertionError

    monkeypatch.setattr("qsession_sim.results.tables.Tables.frame", refused)
    monkeypatch.setattr("qsession_sim.results.summary.distribution", refused)
    assert measure(make_run(), as_metrics(["share_waiting_held", "batch.share_waiting_held"])) == {
        "share_waiting_held": 14 / 49,
        "batch.share_waiting_held": 1.0,
    }


def in_job_mode(*stays, end_us=20):
    """A run of jobs in job mode, each given by its submission, start and end."""
    rows = tuple(
        (
            f"j{number}",
            0,
            NEVER,
            1,
            *stay,
            JobStatus.RUNNING if NEVER in stay else JobStatus.DONE,
            Reason.NONE,
        )
        for number, stay in enumerate(stays)
    )
    return make_run(make_record(rows, sessions=(), transitions=(), end_us=end_us), horizon=None)


def test_what_waited_behind_jobs_alone_is_told_from_the_stays(monkeypatch):
    """j1 waits 4 and j2 8, one after the other behind j0; j3 comes to a free QPU, and j4 never starts."""
    stays = [(0, 0, 5), (1, 5, 9), (1, 9, 10), (12, 12, NEVER), (13, NEVER, NEVER)]
    monkeypatch.setattr("qsession_sim.results.summary.interval_columns", None)
    assert parts(in_job_mode(*stays).summary(), "all") == {"job_mode": 12}


@pytest.mark.parametrize(
    ("stays", "expected"),
    [
        ([(0, 0, 5), (1, 6, 9)], {"job_mode": 4, "free": 1}),
        ([(0, 0, 5), (3, 7, 9), (6, 9, 10)], {"job_mode": 2 + 2, "free": 2 + 1}),
        ([(0, 0, 5), (2, 5, 5), (2, 5, 6)], {"job_mode": 3 + 3}),
    ],
    ids=["a late start", "behind a late start", "a stay of no length"],
)
def test_a_wait_for_a_free_qpu_is_told_by_the_intervals(stays, expected):
    assert parts(in_job_mode(*stays).summary(), "all") == expected


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    max_examples=examples(60),
)
@given(scenarios(unit="us"), st.booleans())
def test_sums_of_random_runs_are_those_of_their_tables(scenario, warmed_up):
    run = qs.simulate(scenario)
    if warmed_up:
        warm_up_us = run.record.end_us // 3
        run = qs.simulate(scenario, overrides=[f"warm_up={warm_up_us}us"])
    summary = run.summary()
    jobs = run.jobs.hstack(run.waits.drop("job", "qpu")).rows(named=True)
    jobs = [job for job in jobs if job["submitted_us"] >= summary["warm_up_us"]]
    for key, column in (("by_mode", "mode"), ("by_account", "account"), ("by_stream", "stream")):
        for name, group in summary[key].items():
            rows = [job for job in jobs if job[column] == name]
            assert group["waiting_parts_us"] == sums(rows)
    assert summary["all"]["waiting_parts_us"] == sums(jobs)
    for mode, group in summary["sessions"]["by_mode"].items():
        sessions = run.sessions.hstack(run.others_waited.drop("session")).rows(named=True)
        waited_us = [
            session["others_waited_held_us"]
            for session in sessions
            if session["mode"] == mode and session["created_us"] >= summary["warm_up_us"]
        ]
        assert group["others_waited_held_us"]["count"] == len(waited_us)
        assert group["total_others_waited_held_us"] == sum(waited_us)
    saved = whole(run.summary_parts, saved=True)
    assert completed(saved, run.jobs, run.waits, run.sessions, run.others_waited) == summary


def sums(jobs) -> dict[str, int]:
    """Of the parts of those that started."""
    return {
        part: sum(job[f"while_{part}_us"] for job in jobs if job["started_us"] is not None) for part in PARTS
    }

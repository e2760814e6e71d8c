"""The summary of a record worked out by hand (interfaces, section 4)."""

from __future__ import annotations

import json

import pytest

from qsession_sim.results.columns import queue_lengths
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus
from results.handmade import JOBS, SESSIONS, TRANSITIONS, make_record, make_run, with_job

NOTHING = {"count": 0, "mean": None, "p50": None, "p90": None, "p95": None, "p99": None, "max": None}


@pytest.fixture(scope="module")
def summary():
    return make_run().summary()


def only(value, count=1) -> dict:
    """The distribution of equal values."""
    return {"count": count, **dict.fromkeys(("mean", "p50", "p90", "p95", "p99"), float(value)), "max": value}


def test_counts_by_status_and_reason(summary):
    assert summary["all"]["submitted"] == 10
    assert summary["all"]["status"] == {
        "QUEUED": 1,
        "RUNNING": 1,
        "DONE": 6,
        "CANCELLED": 1,
        "ERROR": 0,
        "REJECTED": 1,
    }
    assert summary["all"]["reason"] == {"JOB_CANCELLED": 1, "SESSION_CLOSED": 1}


def test_what_never_came_is_counted(summary):
    """S6: j10 and s3."""
    assert (summary["never_submitted"], summary["never_created"]) == (1, 1)


def test_waiting_is_that_of_jobs_that_started(summary):
    """0 0 0 0 1 23 25: percentile p is at position 6 p / 100, linear between neighbours."""
    assert summary["all"]["waiting_us"] == {
        "count": 7,
        "mean": 7.0,
        "p50": 0.0,
        "p90": 23 + 2 * 0.4,
        "p95": 23 + 2 * 0.7,
        "p99": 23 + 2 * 0.94,
        "max": 25,
    }


def test_turnaround_is_that_of_accepted_jobs_that_ended(summary):
    """10 10 53 30 5 2 1; the rejected j5 has none (S20)."""
    turnaround = summary["all"]["turnaround_us"]
    assert (turnaround["count"], turnaround["mean"], turnaround["p50"], turnaround["max"]) == (
        7,
        111 / 7,
        10.0,
        53,
    )


def test_slowdown_is_that_of_jobs_that_left_the_qpu(summary):
    """Turnaround over QPU time: 1 1 53/30 6 5/4 1. All are shorter than the bound of 10 s."""
    slowdown = summary["all"]["slowdown"]
    assert (slowdown["count"], slowdown["max"], slowdown["p50"]) == (6, 6.0, (1 + 5 / 4) / 2)
    assert summary["all"]["bounded_slowdown"] == only(1.0, count=6)


def test_groups_are_modes_accounts_and_streams(summary):
    assert {mode: group["submitted"] for mode, group in summary["by_mode"].items()} == {
        "job": 5,
        "session": 4,
        "batch": 1,
    }
    assert {name: group["submitted"] for name, group in summary["by_account"].items()} == {
        "lab-a": 5,
        "lab-b": 5,
    }
    assert summary["by_stream"] == {"explicit": summary["all"]}
    assert summary["by_mode"]["batch"]["waiting_us"] == only(1)
    assert summary["by_account"]["lab-a"]["reason"] == {"SESSION_CLOSED": 1}


def test_sessions_are_summarized_by_mode(summary):
    """s1: usage 42, held 17 beside 25 on the QPU, from 0 to the end of j4; meanwhile j3 waited 13 and j6 1.
    b1: usage 4, 3, 4, from 71 to 76."""
    sessions = summary["sessions"]
    assert sessions["by_mode"]["session"] == {
        "created": 1,
        "state": {"open": 0, "active": 0, "inactive": 0, "closed": 1},
        "reason": {"CLOSED": 1},
        "makespan_us": only(70),
        "usage_us": only(42),
        "total_usage_us": 42,
        "total_held_us": 17,
        "held_share": 17 / 42,
        "activations": only(2),
        "delayed_us": only(0),
        "total_delayed_us": 0,
        "others_waited_held_us": only(14),
        "total_others_waited_held_us": 14,
    }
    assert sessions["by_mode"]["batch"]["held_share"] == 3 / 7
    assert sessions["by_mode"]["batch"]["makespan_us"] == only(5)
    assert sessions["all"]["held_share"] == 20 / 49
    assert sessions["all"]["state"] == {"open": 0, "active": 0, "inactive": 1, "closed": 1}


def test_qpu_time_is_split_and_adds_up(summary):
    """S72; the integral of the queue length is 23 + 25 + 1 + 1 + 2 + 4; six jobs are done in 90 us."""
    assert summary["qpus"] == {
        "qpu": {
            "time_us": {"busy": 69, "held": 20, "down": 0, "free": 1},
            "share": {"busy": 69 / 90, "held": 20 / 90, "down": 0.0, "free": 1 / 90},
            "utilization": 69 / 90,
            "mean_queue_length": 56 / 90,
            "max_queue_length": 2,
            "jobs_done": 6,
            "throughput_per_hour": 6 * 3_600_000_000 / 90,
        }
    }


def test_fairness_is_over_the_share_of_turnaround_that_was_service(summary):
    """lab-a: 25 of 50, lab-b: 36 of 60."""
    assert summary["jain_index"] == pytest.approx((0.5 + 0.6) ** 2 / (2 * (0.25 + 0.36)), rel=1e-15)


def test_warm_up_leaves_out_earlier_submissions_and_clips_intervals():
    """Warm-up 71: of the tables j5 to j11, b1, and 71 to 90."""
    run = make_run(warm_up=71)
    summary = run.summary()
    assert len(run.jobs) == 10
    assert (summary["warm_up_us"], summary["end_us"]) == (71, 90)
    assert summary["all"]["submitted"] == 6
    assert summary["all"]["waiting_us"]["max"] == 1
    assert summary["sessions"]["all"]["created"] == 1
    assert summary["sessions"]["by_mode"]["session"] == {
        "created": 0,
        "state": {"open": 0, "active": 0, "inactive": 0, "closed": 0},
        "reason": {},
        "makespan_us": NOTHING,
        "usage_us": NOTHING,
        "total_usage_us": 0,
        "total_held_us": 0,
        "held_share": None,
        "activations": NOTHING,
        "delayed_us": NOTHING,
        "total_delayed_us": 0,
        "others_waited_held_us": NOTHING,
        "total_others_waited_held_us": 0,
    }
    qpu = summary["qpus"]["qpu"]
    assert qpu["time_us"] == {"busy": 14, "held": 4, "down": 0, "free": 1}
    assert qpu["mean_queue_length"] == 8 / 19
    assert qpu["jobs_done"] == 2


def test_a_job_submitted_in_the_last_instant_counts():
    """Without a horizon the instant of the last event belongs to the run (S6): j5, rejected at 75, ends it."""
    record = make_record(
        jobs=JOBS[:5], sessions=SESSIONS[:1], transitions=(*TRANSITIONS[:4], TRANSITIONS[5]), end_us=75
    )
    assert make_run(record, horizon=None).summary()["all"]["status"]["REJECTED"] == 1


def test_a_run_of_nothing_has_a_summary():
    record = make_record(jobs=(), sessions=(), transitions=(), end_us=0)
    summary = make_run(record, horizon=None, warm_up=5).summary()
    assert summary["all"]["waiting_us"] == NOTHING
    assert summary["jain_index"] is None
    assert summary["qpus"]["qpu"] == {
        "time_us": {"busy": 0, "held": 0, "down": 0, "free": 0},
        "share": {"busy": None, "held": None, "down": None, "free": None},
        "utilization": None,
        "mean_queue_length": None,
        "max_queue_length": None,
        "jobs_done": 0,
        "throughput_per_hour": None,
    }


def test_the_summary_is_json_and_nobody_can_change_it():
    run = make_run()
    first = run.summary()
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    first["all"]["submitted"] = -1
    assert first["by_stream"]["explicit"]["submitted"] == 10
    assert run.summary()["all"]["submitted"] == 10


def test_the_makespan_of_an_unfinished_session_is_not_known():
    """j4 is still queued when the run stops at 60; the session was there since 0."""
    jobs = with_job("j4", JOBS[:4], started=NEVER, ended=NEVER, status=JobStatus.QUEUED)
    jobs = with_job("j3", jobs, ended=NEVER, status=JobStatus.RUNNING)
    record = make_record(jobs, SESSIONS[:1], TRANSITIONS[:3], end_us=60)
    assert make_run(record, horizon=60).summary()["sessions"]["all"]["makespan_us"] == NOTHING


def test_queue_lengths_are_counted_once_for_the_table_and_the_summary(monkeypatch, tmp_path):
    """Whatever is asked for first, and also where both are saved."""
    counted = []

    def lengths(record):
        counted.append(record)
        return queue_lengths(record)

    monkeypatch.setattr("qsession_sim.results.run.queue_lengths", lengths)
    run = make_run()
    assert run.summary()["qpus"]["qpu"]["max_queue_length"] == run.queue_length["queued"].max()
    run.save(tmp_path / "kept")
    assert len(counted) == 1
    make_run().save(tmp_path / "not kept")
    assert len(counted) == 2

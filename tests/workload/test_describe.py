"""What a workload asks for, worked out by hand."""

from __future__ import annotations

import qsession_sim as qs

HOUR = 3_600_000_000


def one(value):
    return dict.fromkeys(("mean", "p10", "p50", "p90", "p99"), float(value)) | {"min": value, "max": value}


def test_a_small_workload_is_described_in_full():
    jobs = [
        {"id": "a", "at": "10m", "account": "x", "qpu_time": "6m"},
        {"id": "b", "at": "70m", "session": "s", "qpu_time": "6m"},
        {"id": "c", "at": "130m", "account": "y", "qpu_time": "6m"},
        {"id": "d", "after": "b", "think": "5s", "session": "s", "qpu_time": "6m"},
    ]
    source = {"kind": "explicit", "sessions": [{"id": "s", "account": "x"}], "jobs": jobs}
    workload = qs.draw(qs.load_scenario({"workload": [source]}).resolved)

    assert qs.describe_workload(workload) == {
        "jobs": 4,
        "sessions": 1,
        "clients": 0,
        "accounts": 2,
        "streams": {"explicit": 4},
        "first_submission_us": HOUR // 6,
        "last_submission_us": 13 * HOUR // 6,
        "known_submissions": 3,
        "follow_ups": 1,
        "rate_per_hour": 1.5,
        "total_qpu_time_us": 24 * 60_000_000,
        "offered_load": 0.15,
        # d comes after b at the earliest, before c: 6 min in 2 h
        "closed_load_at_most": 0.05,
        "qpus": {
            "qpu": {"named_by_jobs": 0, "offered_load": 0.15, "closed_load_at_most": 0.05, "windows": 0}
        },
        "interarrival_us": {"count": 2, **one(HOUR)},
        "qpu_time_us": {"count": 4, **one(HOUR // 10)},
        "think_us": {"count": 1, **one(5_000_000)},
        "account_jobs": {
            "count": 2,
            "mean": 2.0,
            "min": 1,
            "p10": 1.2,
            "p50": 2.0,
            "p90": 2.8,
            "p99": 2.98,
            "max": 3,
        },
        "busiest_account": {"name": "x", "jobs": 3, "share": 0.75},
        "session_shape": {
            "session": {
                "count": 1,
                "jobs": {"count": 1, **one(2)},
                "qpu_time_us": {"count": 1, **one(HOUR // 5)},
            },
            "batch": {"count": 0, "jobs": None, "qpu_time_us": None},
        },
        "busiest_hour": {"start_us": 0, "submissions": 1, "offered_load": 0.1},
        "left_out": {},
        "read_as": {},
    }


def test_nothing_has_no_rates():
    description = qs.describe_workload(qs.draw(qs.load_scenario({"workload": []}).resolved))

    keys = ("rate_per_hour", "offered_load", "interarrival_us", "qpu_time_us", "think_us", "busiest_hour")
    assert [description[key] for key in keys] == [None] * 6


def test_the_load_of_each_qpu_is_that_of_its_own_jobs_and_a_share_of_the_others():
    """In 1 h: 18 min name torino, 30 min a simulator. What names none takes 18 min on torino, 36 min on kyiv.

    Of the latter 2/3 on torino and 1/3 on kyiv are 12 min on each.
    """
    jobs = [
        {"id": "a", "at": "0s", "account": "x", "shots": 1080, "qpu": "torino"},
        {"id": "b", "at": "30m", "account": "x", "shots": 1080},
        {"id": "c", "at": "1h", "account": "x", "qpu_time": "30m", "qpu": "aer"},
    ]
    qpus = [
        {"name": "torino", "service_time": {"overhead": "0s", "per_execution": "1s"}},
        {"name": "aer", "simulator": True},
        {
            "name": "kyiv",
            "service_time": {"overhead": "0s", "per_execution": "2s"},
            "windows": [{"kind": "maintenance", "at": "1h", "duration": "1h"}],
        },
    ]
    scenario = {"qpus": qpus, "workload": [{"kind": "explicit", "jobs": jobs}]}
    description = qs.describe_workload(qs.draw(qs.load_scenario(scenario).resolved))

    assert description["qpus"] == {
        "torino": {"named_by_jobs": 1, "offered_load": 0.5, "closed_load_at_most": None, "windows": 0},
        "aer": {"named_by_jobs": 1, "offered_load": 0.5, "closed_load_at_most": None, "windows": 0},
        "kyiv": {"named_by_jobs": 0, "offered_load": 0.2, "closed_load_at_most": None, "windows": 1},
    }
    assert description["offered_load"] == 0.35
    assert description["busiest_hour"] == {"start_us": 0, "submissions": 2, "offered_load": 0.35}


def test_closed_loops_offer_what_they_would_without_waiting():
    """Two clients from 0 on, with 5 jobs each: prepared 1 s, 3 s on the QPU, post-processed 2 s, 4 s of thought.

    One job begins each 10 s, so the last of the 8 follow-ups, of 24 s in all, comes at 40 s at the earliest.
    """
    source = {
        "kind": "iterative",
        "account": "x",
        "mode": "job",
        "clients": 2,
        "iterations": 5,
        "preparation": "1s",
        "qpu_time": "3s",
        "post_processing": "2s",
        "think_time": "4s",
    }
    description = qs.describe_workload(qs.draw(qs.load_scenario({"workload": [source]}).resolved))

    keys = ("known_submissions", "follow_ups", "offered_load", "closed_load_at_most")
    assert [description[key] for key in keys] == [2, 8, None, 24 / 40]
    run = qs.simulate({"workload": [source]})
    assert run.jobs["submitted_us"].max() > 40_000_000


def test_of_several_that_a_job_follows_the_last_counts():
    """S5: c after a (at 0 s) and b (at 20 s) comes at 25 s at the earliest and d at 30 s: 2 x 5 s in 30 s."""
    jobs = [
        {"id": "d", "after": "c", "account": "x", "qpu_time": "5s"},
        {"id": "c", "after": ["a", "b"], "account": "x", "qpu_time": "5s"},
        {"id": "a", "at": "0s", "account": "x", "qpu_time": "5s"},
        {"id": "b", "at": "20s", "account": "x", "qpu_time": "5s"},
    ]
    scenario = {"workload": [{"kind": "explicit", "jobs": jobs}]}
    description = qs.describe_workload(qs.draw(qs.load_scenario(scenario).resolved))
    assert description["closed_load_at_most"] == 10 / 30


def test_follow_ups_of_follow_ups_may_stand_before_them():
    """c after b after a: at 0 s, 5 s and 10 s at the earliest, so 2 x 5 s in 10 s."""
    jobs = [
        {"id": "c", "after": "b", "account": "x", "qpu_time": "5s"},
        {"id": "b", "after": "a", "account": "x", "qpu_time": "5s"},
        {"id": "a", "at": "7s", "account": "x", "qpu_time": "5s"},
    ]
    scenario = {"workload": [{"kind": "explicit", "jobs": jobs}]}
    description = qs.describe_workload(qs.draw(qs.load_scenario(scenario).resolved))
    assert description["closed_load_at_most"] == 1.0

"""Starvation in the summary, against hand arithmetic."""

from __future__ import annotations

import qsession_sim as qs

SECOND = 1_000_000


def jobs(*rows):
    return [
        {"id": f"j{number}", "at": f"{at}s", "account": account, "qpu_time": f"{qpu_time}s", **more}
        for number, (at, account, qpu_time, more) in enumerate(rows)
    ]


def starvation(listed, **scenario):
    run = qs.simulate({"workload": [{"kind": "explicit", "jobs": listed}], **scenario})
    return run.summary()["starvation"]


def test_a_job_that_many_overtake_starves():
    """Job 0 runs to 10. The 22 urgent ones need 1 s each; every one comes when the one before it starts.

    They wait 10 - 1 = 9 s (the first, from 1 on) and then 1 s each: 9 + 21 = 30 s. The other job waits from
    1 to 32, 31 s. Job 0 waits 0. The mean is 61 / 24 s, ten times of it 25.4 s: one of 24 jobs starved.
    """
    urgent = [(1, "urgent", 1, {"priority": 1})] + [
        (9 + number, "urgent", 1, {"priority": 1}) for number in range(1, 22)
    ]
    found = starvation(
        jobs((0, "first", 10, {}), (1, "late", 1, {}), *urgent), policies={"queue": "priority"}
    )
    assert found == {
        "factor": 10,
        "mean_wait_us": 61 * SECOND / 24,
        "jobs": 24,
        "longest_wait_us": 31 * SECOND,
        "starved": 1,
        "share": 1 / 24,
        "by_account": {
            "first": {"jobs": 1, "longest_wait_us": 0, "starved": 0, "share": 0.0},
            "late": {"jobs": 1, "longest_wait_us": 31 * SECOND, "starved": 1, "share": 1.0},
            "urgent": {"jobs": 22, "longest_wait_us": 9 * SECOND, "starved": 0, "share": 0.0},
        },
    }


def test_jobs_that_never_start_wait_to_their_end_or_that_of_the_run():
    """Job 0 runs beyond the horizon of 20 s. Job 1 is cancelled after 4 s, job 2 waits from 5 to 20."""
    found = starvation(
        jobs((0, "a", 60, {}), (1, "a", 1, {"cancel_after": "4s"}), (5, "b", 1, {})), horizon="20s"
    )
    assert found["mean_wait_us"] == (0 + 4 + 15) * SECOND / 3
    longest = {name: group["longest_wait_us"] for name, group in found["by_account"].items()}
    assert longest == {"a": 4 * SECOND, "b": 15 * SECOND}


def test_jobs_that_lose_their_patience_stand_apart():
    """S27: job 0 runs to 10; job 1 leaves at 4, job 2 at 7, job 3 waits from 3 to 10: of 4 jobs 2 started."""
    impatient = jobs(
        (0, "a", 10, {"patience": "1s"}),
        (1, "a", 1, {"patience": "3s"}),
        (2, "b", 1, {"patience": "5s"}),
        (3, "b", 1, {"patience": "9s"}),
        (4, "b", 1, {"cancel": "5s"}),
    )
    summary = qs.simulate({"workload": [{"kind": "explicit", "jobs": impatient}]}).summary()
    every = summary["all"]
    assert every["reason"] == {"JOB_CANCELLED": 1, "RENEGED": 2}
    found = [every["reneged_us"][word] for word in ("count", "mean", "max")]
    assert found == [2, 4.0 * SECOND, 5 * SECOND]
    assert every["reneged_share"] == 2 / 4
    assert (every["waiting_us"]["count"], every["waiting_us"]["mean"]) == (2, 3.5 * SECOND)
    shares = {name: group["reneged_share"] for name, group in summary["by_account"].items()}
    assert shares == {"a": 1 / 2, "b": 1 / 2}
    assert summary["by_mode"]["session"]["reneged_share"] is None
    # starvation counts what was waited: 0, 3, 5, 7 and 1 s
    assert summary["starvation"]["mean_wait_us"] == 16 * SECOND / 5


def test_jobs_of_the_warm_up_do_not_count_and_no_job_has_no_wait():
    found = starvation(jobs((0, "a", 5, {})), warm_up="1s")
    assert found == {
        "factor": 10,
        "mean_wait_us": None,
        "jobs": 0,
        "longest_wait_us": None,
        "starved": 0,
        "share": None,
        "by_account": {"a": {"jobs": 0, "longest_wait_us": None, "starved": 0, "share": None}},
    }

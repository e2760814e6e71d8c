"""Runs without a horizon whose windows never let the jobs through are an error, not a program that hangs (S6, S52)."""

from __future__ import annotations

import pytest

from qsession_sim import simulate
from qsession_sim.errors import ScenarioError
from qsession_sim.service import simpy_driver

ALWAYS_DOWN = {"kind": "maintenance", "every": "1h", "duration": "1h"}
ALWAYS_CALIBRATING = {"kind": "calibration", "every": "1h", "duration": "1h"}
ALWAYS_RESERVED = {"kind": "reservation", "every": "1h", "duration": "1h", "account": "other"}
FAILS_HOURLY = {"kind": "outage", "every": "1h", "duration": "10m"}
HOURLY = {"kind": "calibration", "every": "1h", "duration": "10m"}


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    monkeypatch.setattr(simpy_driver, "PATIENCE_EVENTS", 1000)
    monkeypatch.setattr(simpy_driver, "EVENTS_BETWEEN_REPORTS", 100)


def scenario(window, source, **more):
    return {"qpus": [{"name": "torino", "windows": [window]}], "workload": [source], **more}


def jobs(*at, qpu_time="2h"):
    listed = [
        {"id": f"j{n}", "at": time, "account": "lab", "qpu_time": qpu_time} for n, time in enumerate(at)
    ]
    return {"kind": "explicit", "jobs": listed}


def client(on_error):
    return {
        "kind": "iterative",
        "name": "vqe",
        "account": "lab",
        "mode": "job",
        "iterations": 2,
        "qpu_time": "2h",
        "on_error": on_error,
    }


@pytest.mark.parametrize("window", [ALWAYS_DOWN, ALWAYS_CALIBRATING, ALWAYS_RESERVED])
def test_s52_qpu_that_is_never_there_for_a_job_is_an_error(window):
    """The window begins an hour in, and the job comes after that."""
    with pytest.raises(ScenarioError, match="no job got through, so the run may never end"):
        simulate(scenario(window, jobs("2h")))


def test_s52_job_that_every_outage_throws_off_is_an_error():
    with pytest.raises(ScenarioError, match="no job got through"):
        simulate(scenario(FAILS_HOURLY, jobs("0s"), rules={"on_outage": "requeue"}))


def test_s65_retry_that_every_outage_ends_is_an_error():
    with pytest.raises(ScenarioError, match="no job got through"):
        simulate(scenario(FAILS_HOURLY, client("retry")))


def test_s6_with_a_horizon_the_same_run_ends_there():
    run = simulate(scenario(ALWAYS_DOWN, jobs("2h"), horizon="100w"))
    assert run.jobs["status"].to_list() == ["QUEUED"]


def test_s6_run_that_gets_on_may_see_any_number_of_windows():
    """29 weeks and an hour of an hourly calibration; one job a week."""
    run = simulate(scenario(HOURLY, jobs(*[f"{week}w" for week in range(30)], qpu_time="1h")))
    assert run.jobs["status"].to_list() == ["DONE"] * 30
    assert len(run.record.windows) == 29 * 7 * 24 + 1


FAR = "30w"
"""Hourly windows have 5,040 beginnings and as many ends by then."""
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
FAR_US = 30 * 7 * 24 * HOUR_US
NO_LIMIT = {"max_execution_time": "none"}


def one(**job):
    at = {} if "after" in job else {"at": "0s"}
    return {"id": "j", "account": "lab", "qpu_time": "1h", **at, **job}


@pytest.mark.parametrize(
    ("window", "before", "job", "session", "status", "end_us"),
    [
        # a calibration of 10 minutes is due at 30 weeks
        (HOURLY, [], one(at=FAR), {}, "DONE", FAR_US + HOUR_US + 600 * SECOND_US),
        (
            HOURLY,
            [one(id="i")],
            one(after="i", think=FAR),
            {},
            "DONE",
            FAR_US + 2 * HOUR_US + 600 * SECOND_US,
        ),
        (ALWAYS_DOWN, [], one(at="2h", cancel=FAR), {}, "CANCELLED", FAR_US),
        (ALWAYS_DOWN, [], one(at="2h", session="s"), {"cancel": FAR}, "CANCELLED", FAR_US),
        # the QPU is reserved for another account from an hour on
        (ALWAYS_RESERVED, [], one(qpu_time=FAR), {}, "DONE", FAR_US),
        (ALWAYS_DOWN, [], one(qpu_time="1s", post_processing=FAR), {}, "DONE", FAR_US + SECOND_US),
        (ALWAYS_DOWN, [], one(preparation=FAR, cancel="31w"), {}, "CANCELLED", 31 * FAR_US // 30),
    ],
    ids=[
        *("submission", "follow-up", "cancel of a job", "cancel of a session"),
        *("end on the QPU", "post-processing", "preparation"),
    ],
)
def test_s6_windows_do_not_count_while_something_planned_is_to_come(
    window, before, job, session, status, end_us
):
    sessions = [{"id": "s", "account": "lab", **session}] if session else []
    source = {"kind": "explicit", "sessions": sessions, "jobs": [*before, job]}
    run = simulate(scenario(window, source, rules=NO_LIMIT))
    assert run.jobs.select("status", "completed_us").row(-1) == (status, end_us)


def test_s6_windows_of_one_qpu_do_not_count_while_one_of_another_is_to_end():
    """A maintenance of 30 weeks that does not come again, beside an hourly calibration."""
    qpus = [
        {"name": "torino", "windows": [{"kind": "maintenance", "at": "0s", "duration": FAR}]},
        {"name": "kyiv", "windows": [HOURLY]},
    ]
    run = simulate({"qpus": qpus, "workload": [{"kind": "explicit", "jobs": [one(at="1s", qpu="torino")]}]})
    assert run.jobs.select("status", "completed_us").rows() == [("DONE", FAR_US + HOUR_US)]


def test_s6_windows_count_again_once_nothing_planned_is_to_come():
    """The second job comes after 30 weeks, and never runs either."""
    with pytest.raises(ScenarioError, match="no job got through"):
        simulate(scenario(ALWAYS_DOWN, jobs("2h", FAR)))


@pytest.mark.parametrize("more", [0, 1, 2, 3])
def test_s52_end_on_the_qpu_is_not_certain_where_outages_come_again(more):
    """Windows of another QPU come while the job is on its own; one of four phases of looking falls there."""
    at_half_past = {**HOURLY, "at": "30m"}
    qpus = [{"name": "torino", "windows": [FAILS_HOURLY]}, {"name": "kyiv", "windows": [at_half_past]}]
    listed = [one(id=f"j{n}", at=f"{n}s", qpu_time="2h", qpu="torino") for n in range(more + 1)]
    source = {"kind": "explicit", "jobs": listed}
    with pytest.raises(ScenarioError, match="no job got through"):
        simulate({"qpus": qpus, "workload": [source], "rules": {"on_outage": "requeue"}})

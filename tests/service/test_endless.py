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

"""Every shipped scenario runs, obeys the rules and shows what its header promises.

The expected rows of the small ones follow from the rules by hand; times are in seconds.
"""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from qsession_sim.experiment.simulate import simulate
from qsession_sim.scenario.load import load_scenario
from qsession_sim.testing.invariants import check_invariants

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
RESOLVED = pathlib.Path(__file__).parent / "resolved"


@pytest.fixture(scope="module")
def runs():
    return {path.stem: simulate(path) for path in SHIPPED}


def jobs_of(run):
    """Started, completed, status and reason of each job by name."""
    return {
        row["job"]: (seconds(row["started_us"]), seconds(row["completed_us"]), row["status"], row["reason"])
        for row in run.jobs.to_dicts()
    }


def sessions_of(run):
    """State, reason, usage, held and activations of each session by name."""
    return {
        row["session"]: (
            row["state"],
            row["reason"],
            seconds(row["usage_us"]),
            seconds(row["held_us"]),
            row["activations"],
        )
        for row in run.sessions.to_dicts()
    }


def times_of(run):
    """Seconds that the QPU was busy, held, down and free."""
    [qpu] = run.summary()["qpus"].values()
    return {kind: seconds(time_us) for kind, time_us in qpu["time_us"].items()}


def seconds(time_us):
    if time_us is None:
        return None
    assert time_us % 1_000_000 == 0
    return time_us // 1_000_000


def done(started, completed):
    return (started, completed, "DONE", None)


def test_the_promised_scenarios_are_shipped():
    assert [path.stem for path in SHIPPED] == [
        "busy_day",
        "close_versus_cancel",
        "course",
        "ibm_november_2023",
        "idle_session",
        "max_timeout",
        "polling",
        "quickstart",
        "vqe_modes",
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_header_says_what_to_look_at(path):
    header = path.read_text(encoding="utf-8").partition("schema_version:")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    assert "# What to look at" in header


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_resolved_form_is_pinned(path):
    pinned = (RESOLVED / f"{path.stem}.json").read_text(encoding="utf-8")
    assert load_scenario(path).to_json() == pinned


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_resolved_form_resolves_to_itself(path):
    pinned = json.loads((RESOLVED / f"{path.stem}.json").read_text(encoding="utf-8"))
    assert load_scenario(pinned).dump() == pinned


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_invariant_holds(path, runs):
    """S70 to S79."""
    check_invariants(runs[path.stem])


def test_course_pauses_cost_activations(runs):
    """S14, S15: each session is activated once, and once more after each think time beyond 60 s."""
    run = runs["course"]
    workload = run.record.workload
    course = workload.jobs.session >= 0
    pauses = np.bincount(workload.jobs.session[course], workload.jobs.think_us[course] > 60_000_000)

    assert set(run.jobs["status"].to_list()) == {"DONE"}
    assert len(run.sessions) == 40
    assert run.sessions["activations"].to_list() == (1 + pauses).tolist()
    assert pauses.sum() > 0


def test_course_without_pauses_activates_each_session_once():
    run = simulate(ROOT / "scenarios" / "course.yaml", overrides=["workload.course.pauses.probability=0"])

    assert run.sessions["activations"].to_list() == [1] * 40


def test_course_stops_early_and_its_crowd_has_a_heavy_tail(runs):
    jobs = runs["course"].sessions["jobs_done"]
    by_account = runs["course"].summary()["by_account"]
    crowd = sorted(group["submitted"] for name, group in by_account.items() if name.startswith("user-"))

    assert (jobs == 100).sum() < 20
    assert jobs.min() >= 20
    assert jobs.max() == 100
    assert sum(crowd[-20:]) > sum(crowd) / 2  # a tenth of the users


def test_quickstart(runs):
    """S10, S12, S13, S14, S15, S17: tuning is closed while its last job runs, notebook idles out twice."""
    run = runs["quickstart"]
    assert jobs_of(run) == {
        "everyday-1": done(10, 30),
        "tuning-1": done(30, 40),
        "everyday-2": done(85, 115),
        "tuning-2": done(45, 55),
        "tuning-3": done(60, 70),
        "tuning-4": done(75, 85),
        "notebook-1": done(115, 130),
        "everyday-3": done(220, 240),
        "notebook-2": done(140, 160),
        "everyday-4": done(240, 265),
        "everyday-5": done(265, 275),
        "notebook-3": done(275, 290),
    }
    assert sessions_of(run) == {
        "tuning": ("closed", "CLOSED", 55, 15, 1),
        "notebook": ("inactive", None, 180, 130, 2),
    }
    assert times_of(run) == {"busy": 195, "held": 145, "down": 0, "free": 10}


def test_idle_session(runs):
    """S3, S13, S14, S15, S17: a pause as long as the ITTL keeps the QPU, a longer one loses it."""
    run = runs["idle_session"]
    assert jobs_of(run) == {
        "work-1": done(0, 20),
        "visitor-1": done(210, 250),
        "work-2": done(50, 70),
        "visitor-2": done(250, 310),
        "work-3": done(130, 150),
        "visitor-3": done(310, 360),
        "work-4": done(360, 380),
        "visitor-4": done(400, 430),
        "work-5": done(380, 400),
    }
    assert sessions_of(run) == {"work": ("closed", "CLOSED", 250, 150, 2)}
    assert times_of(run) == {"busy": 280, "held": 150, "down": 0, "free": 0}


def test_polling(runs):
    """S64: 100 results of 2.05 s, noticed after 2.05 s, 2.1 s and 3 s; the last one closes the session."""
    run = runs["polling"]
    assert sessions_of(run) == {
        "at-once/1": ("closed", "CLOSED", 205, 0, 1),
        "each-tenth/1": ("closed", "CLOSED", 210, 5, 1),
        "each-second/1": ("closed", "CLOSED", 300, 95, 1),
    }
    assert (round(100 * 95 / 205), round(100 * 5 / 205)) == (46, 2)
    slower = simulate(
        ROOT / "scenarios" / "polling.yaml", overrides=["workload.each-second.poll_interval=5s"]
    )
    assert sessions_of(slower)["each-second/1"] == ("closed", "CLOSED", 500, 295, 1)


def test_max_timeout(runs):
    """S11, S16, S20: the clock starts with the first start and never pauses; what runs at its end completes."""
    run = runs["max_timeout"]
    assert jobs_of(run) == {
        "visitor-1": done(0, 600),
        "campaign-1": done(600, 1080),
        "campaign-2": done(1080, 1560),
        "campaign-3": done(1560, 2040),
        "campaign-4": done(2040, 2520),
        "campaign-5": (None, 2400, "ERROR", "MAX_TIME"),
        "campaign-6": (None, 2400, "ERROR", "MAX_TIME"),
        "visitor-2": done(2520, 2820),
        "campaign-7": (None, None, "REJECTED", "SESSION_CLOSED"),
        "patient-1": done(3000, 3120),
        "patient-2": done(3900, 4020),
        "patient-3": done(4170, 4230),
        "patient-4": (None, None, "REJECTED", "SESSION_CLOSED"),
    }
    assert sessions_of(run) == {
        "campaign": ("closed", "MAX_TIME", 1920, 0, 1),
        "patient": ("closed", "MAX_TIME", 420, 120, 3),
    }
    assert times_of(run) == {"busy": 3120, "held": 120, "down": 0, "free": 990}


def test_max_timeout_can_cancel_instead():
    """S16: max_time_ends_as."""
    run = simulate(ROOT / "scenarios" / "max_timeout.yaml", overrides=["rules.max_time_ends_as=cancelled"])
    assert jobs_of(run)["campaign-5"] == (None, 2400, "CANCELLED", "MAX_TIME")


def test_close_versus_cancel(runs):
    """S17, S18, S14: close lets the queued jobs run, cancel ends them, an open session waits out its ITTL."""
    run = runs["close_versus_cancel"]
    cancelled = (None, 660, "CANCELLED", "SESSION_CANCELLED")
    rejected = (None, None, "REJECTED", "SESSION_CLOSED")
    assert jobs_of(run) == {
        **{f"closed-{number}": done(40 * number - 40, 40 * number) for number in range(1, 6)},
        "visitor-1": done(200, 260),
        "closed-6": rejected,
        "cancelled-1": done(600, 640),
        "cancelled-2": done(640, 680),
        "cancelled-3": cancelled,
        "cancelled-4": cancelled,
        "cancelled-5": cancelled,
        "visitor-2": done(680, 740),
        "cancelled-6": rejected,
        **{f"left-{number}": done(1160 + 40 * number, 1200 + 40 * number) for number in range(1, 7)},
        "visitor-3": done(1500, 1560),
    }
    assert sessions_of(run) == {
        "closed": ("closed", "CLOSED", 200, 0, 1),
        "cancelled": ("closed", "CANCELLED", 80, 0, 1),
        "left": ("inactive", None, 300, 60, 1),
    }
    assert times_of(run) == {"busy": 700, "held": 60, "down": 0, "free": 800}


def test_vqe_modes_order_as_the_header_says(runs):
    """S12, S32, S14: a job waits each time, a batch most times, a session once."""
    run = runs["vqe_modes"]
    waits_us = {
        stream: run.jobs.filter(run.jobs["stream"] == stream)["waiting_us"]
        for stream in run.summary()["by_stream"]
    }
    assert waits_us["vqe-job"].mean() > 1.3 * waits_us["vqe-batch"].mean()
    assert waits_us["vqe-batch"].mean() > 10 * waits_us["vqe-session"].mean()
    assert (waits_us["vqe-session"] > 0).sum() == 1
    assert run.jobs["status"].unique().to_list() == ["DONE"]
    activations = dict(zip(run.sessions["session"], run.sessions["activations"], strict=True))
    assert activations["vqe-session/1"] == 1
    assert activations["vqe-batch/1"] > 20
    # S62: the session pays for its thinking, the batch does not
    held_us = dict(zip(run.sessions["session"], run.sessions["held_us"], strict=True))
    usage_us = dict(zip(run.sessions["session"], run.sessions["usage_us"], strict=True))
    used_us = {
        session: run.jobs.filter(run.jobs["session"] == session)["qpu_time_us"].sum() for session in usage_us
    }
    assert usage_us["vqe-session/1"] == used_us["vqe-session/1"] + held_us["vqe-session/1"]
    assert usage_us["vqe-batch/1"] == used_us["vqe-batch/1"]


def test_a_longer_timeout_helps_the_batch(runs):
    """S13, S14: what the header of vqe_modes proposes to try."""
    longer = simulate(
        ROOT / "scenarios" / "vqe_modes.yaml", overrides=["workload.vqe-batch.interactive_timeout=60s"]
    )
    mean_us = [
        run.summary()["by_stream"]["vqe-batch"]["waiting_us"]["mean"] for run in (longer, runs["vqe_modes"])
    ]
    assert mean_us[0] < mean_us[1] / 2


def test_busy_day_is_busy(runs):
    """Between 85 and 95 per cent, thousands of jobs, twelve accounts, all three modes."""
    summary = runs["busy_day"].summary()
    [qpu] = summary["qpus"].values()
    assert 0.85 < qpu["utilization"] < 0.95
    assert summary["all"]["submitted"] > 5000
    assert len(summary["by_account"]) == 12
    assert all(group["submitted"] for group in summary["by_mode"].values())
    assert summary["end_us"] == 24 * 3600 * 1_000_000

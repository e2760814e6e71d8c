"""Settings that cannot have any effect are said, each at its place; others are not."""

from __future__ import annotations

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main

JOB = {"id": "j", "at": "0s", "account": "a", "qpu_time": "1s"}
OTHER = {"id": "k", "at": "0s", "account": "b", "qpu_time": "1s"}
ARRIVALS = {"kind": "arrivals", "account": "a", "count": 2, "interarrival": "1s", "qpu_time": "1s"}
CLIENT = {"kind": "iterative", "account": "a", "iterations": 3, "think_time": "1s", "qpu_time": "1s"}
BATCHES = {"kind": "batches", "account": "a", "count": 1, "interarrival": "1s", "jobs": 2, "qpu_time": "1s"}


def explicit(*jobs, sessions=()):
    return {"kind": "explicit", "jobs": list(jobs), "sessions": list(sessions)}


def queue(name, *sources, **more):
    return {"policies": {"queue": name}, "workload": list(sources), **more}


def hold(name, *sources):
    return {"policies": {"hold": name}, "workload": list(sources)}


def rules(*sources, windows=(), **given):
    return {"rules": given, "qpus": [{"name": "q", "windows": list(windows)}], "workload": list(sources)}


def of(source, **more):
    return {"workload": [{**source, **more}], "horizon": "1h"}


def on(window, *sources):
    return {"horizon": "1h", "qpus": [{"name": "q", "windows": [window]}], "workload": list(sources)}


ONE_ACCOUNT = "policies.queue: all jobs are of one account, so this is fifo; take fifo"
SHARE = (
    "policies.queue: no account has an allocation, so this is fifo; give accounts an allocation, or take "
    "round_robin or least_attained_service, which need none (got 'fair_share')"
)
HELD = "policies.hold: nothing opens a session, so no QPU is held (S32 is for batches); take exclusive"
PLAN = {"plan": "small"}
PLANS = {"small": {"quota": {"usage": "1h", "window": "28d"}}}
CALIBRATES = {"kind": "calibration", "every": "1h", "duration": "1m"}
FAILS = {"kind": "outage", "every": "1h", "duration": "1m"}
RESERVED = {"kind": "reservation", "at": "1m", "duration": "1m"}

IDLE = {
    "fair_share": (queue("fair_share", explicit(JOB, OTHER)), SHARE),
    "fair_share of one": (queue("fair_share", explicit(JOB)), f"{ONE_ACCOUNT} (got 'fair_share')"),
    "round_robin": (queue("round_robin", ARRIVALS, CLIENT), f"{ONE_ACCOUNT} (got 'round_robin')"),
    "priority": (
        queue(
            {"name": "priority", "aging": "1m"}, explicit({**JOB, "priority": 2}, {**OTHER, "priority": 2})
        ),
        (
            "policies.queue: all jobs have the same priority, so this is fifo; give some another one, or take fifo "
            "(got 'priority')"
        ),
    ),
    "session_first": (
        queue("session_first", ARRIVALS),
        (
            "policies.queue: all jobs are in job mode, so this is fifo; give some a session, or take fifo "
            "(got 'session_first')"
        ),
    ),
    "hold": (hold("adaptive", BATCHES, ARRIVALS), f"{HELD} (got 'adaptive')"),
    "shared": (
        hold("shared", CLIENT),
        "policies.hold: no job is in job mode, so nobody can be let in; take exclusive (got 'shared')",
    ),
    "routing": (
        {
            "qpus": [{"name": "q"}, {"name": "aer", "simulator": True}],
            "policies": {"routing": "random"},
            "workload": [ARRIVALS],
        },
        "policies.routing: there is one QPU to choose from, so it changes nothing; remove it (got 'random')",
    ),
    "max_time_ends_as": (
        rules(ARRIVALS, max_time_ends_as="cancelled"),
        (
            "rules.max_time_ends_as: nothing opens a session or a batch, so it changes nothing; remove it "
            "(got 'cancelled')"
        ),
    ),
    "ittl_condition": (
        rules({**CLIENT, "preparation": "0s"}, ittl_condition="ready"),
        (
            "rules.ittl_condition: no job is prepared, and so each is ready when it is queued; remove it "
            "(got 'ready')"
        ),
    ),
    "calibration without any": (
        rules(CLIENT, calibration="before_sessions"),
        (
            "rules.calibration: there are no calibrations, so it changes nothing; remove it "
            "(got 'before_sessions')"
        ),
    ),
    "calibration without sessions": (
        rules(ARRIVALS, windows=[CALIBRATES], calibration="before_sessions"),
        "rules.calibration: there are no sessions, so it changes nothing; remove it (got 'before_sessions')",
    ),
    "on_outage": (
        rules(ARRIVALS, windows=[CALIBRATES], on_outage="requeue"),
        "rules.on_outage: there are no outages, so it changes nothing; remove it (got 'requeue')",
    ),
    "lanes": (
        {"qpus": [{"name": "q", "lanes": 2}], "workload": [ARRIVALS]},
        "qpus.q.lanes: no job is prepared, so it changes nothing; remove it (got 2)",
    ),
    "lanes of a simulator": (
        {
            "qpus": [{"name": "q"}, {"name": "aer", "simulator": True, "lanes": 2}],
            "workload": [{**ARRIVALS, "preparation": "1s"}],
        },
        "qpus.aer.lanes: a simulator prepares no jobs, so it changes nothing; remove it (got 2)",
    ),
    "window": (
        on({"kind": "maintenance", "at": "1h", "duration": "1m"}, ARRIVALS),
        "qpus.q.windows.maintenance: begins when the run is over, at 1h; remove it, or give an earlier time",
    ),
    "window by period": (
        on(CALIBRATES, ARRIVALS),
        "qpus.q.windows.calibration: begins when the run is over, at 1h; remove it, or give an earlier time",
    ),
    "reservation": (
        on({**RESERVED, "account": "b"}, ARRIVALS),
        "qpus.q.windows.reservation.account: nobody submits as b, so the QPU serves nobody then; name one who does",
    ),
    "until": (
        of(ARRIVALS, until="2h"),
        "workload.arrivals.until: the run is over before, at 1h, so it changes nothing",
    ),
    "on_finish": (
        of(CLIENT, mode="job", on_finish="leave"),
        "workload.iterative.on_finish: is about sessions, and mode job has none; remove it",
    ),
    "on_rejection": (
        of(CLIENT, mode="job", on_rejection="job_mode"),
        "workload.iterative.on_rejection: is about sessions, and mode job has none; remove it",
    ),
    "think_time": (
        of(CLIENT, iterations=1),
        "workload.iterative.think_time: with one iteration it changes nothing; remove it",
    ),
    "account": (
        {"accounts": [{"name": "a"}, {"name": "b", **PLAN}], "plans": PLANS, "workload": [ARRIVALS]},
        "accounts.b.plan: nobody submits as b, so this changes nothing; remove it",
    ),
}


@pytest.mark.parametrize(("scenario", "warning"), IDLE.values(), ids=IDLE)
def test_a_setting_without_effect_is_said_at_its_place(scenario, warning):
    loaded = qs.load_scenario(scenario)
    assert loaded.warnings == (f"scenario: {warning}",)
    assert qs.load_scenario(loaded.dump()).warnings == (f"scenario: {warning}",)


@pytest.mark.parametrize(
    "scenario",
    [
        queue(
            "fair_share", explicit(JOB, OTHER), accounts=[{"name": "a", "allocation": "1h"}, {"name": "b"}]
        ),
        queue("round_robin", {**ARRIVALS, "users": {"count": 2}}),
        queue("priority", explicit(JOB, {**OTHER, "priority": 1})),
        queue("session_first", ARRIVALS, CLIENT),
        queue("shortest_job_first", ARRIVALS),
        hold("shared", ARRIVALS, CLIENT),
        hold("shared", {**CLIENT, "on_rejection": "job_mode"}),
        hold("adaptive", CLIENT),
        rules(CLIENT, max_time_ends_as="cancelled"),
        rules({**CLIENT, "preparation": "1s"}, ittl_condition="ready"),
        rules(CLIENT, windows=[CALIBRATES], calibration="before_sessions"),
        rules(ARRIVALS, windows=[FAILS], on_outage="requeue"),
        on({**CALIBRATES, "at": "59m"}, ARRIVALS),
        on({**RESERVED, "account": "a"}, ARRIVALS),
        on({**RESERVED, "account": "a-2"}, {**ARRIVALS, "users": {"count": 2}}),
        of(ARRIVALS, until="1h"),
        of(CLIENT, on_finish="leave", on_rejection="new_session"),
        {
            "accounts": [{"name": "a", **PLAN}],
            "plans": PLANS,
            "workload": [{**ARRIVALS, "users": {"count": 2}}],
        },
        # jobs and sessions may come from programs
        {"policies": {"queue": "fair_share", "hold": "shared"}, "workload": []},
    ],
)
def test_nothing_is_said_of_what_has_an_effect(scenario):
    assert qs.load_scenario(scenario).warnings == ()


def test_a_trace_may_have_anything_but_times_that_nobody_names(tmp_path):
    (tmp_path / "t.csv").write_text("job,submitted_us,qpu_time_us\na,0,5\n")
    trace = {"kind": "trace", "file": str(tmp_path / "t.csv")}
    scenario = {
        "policies": {"queue": "round_robin", "hold": "shared"},
        "rules": {"ittl_condition": "ready"},
        "qpus": [{"name": "q", "lanes": 2}],
        "workload": [{**trace, "columns": {"job": "job", "unit": "s"}}],
    }
    assert qs.load_scenario(scenario).warnings == (
        "scenario: workload.trace.columns.unit: is that of the times that are named here, and none is; remove it",
    )


def test_run_warns_of_the_policies_that_it_uses(tmp_path, capsys):
    text = "policies: {queue: fair_share}\nworkload:\n  - kind: explicit\n    jobs:\n"
    text += "".join(f"      - {{id: {name}, at: 0s, account: {name}, qpu_time: 1s}}\n" for name in ("a", "b"))
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert main(["run", str(path)]) == 0
    assert capsys.readouterr().err == f"warning: {path}:1:19: {SHARE}\n"
    assert main(["run", str(path), "--policy", "lifo", "--hold", "none"]) == 0
    assert capsys.readouterr().err == f"warning: {path}:1:11: {HELD} (got 'none')\n"

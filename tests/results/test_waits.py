"""What each QPU did while jobs waited: worked out by hand, and microsecond by microsecond."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testing.corruptions import broken_rules, violation

import qsession_sim as qs
from qsession_sim.results.waits import PARTS
from qsession_sim.scheduler.vocabulary import WindowKind
from qsession_sim.testing.strategies import scenarios
from results.handmade import make_run
from results.handmade_qpus import delayed, reserved, stormy

NOTHING = dict.fromkeys(PARTS, 0)


def rows(run) -> dict[str, dict[str, int] | None]:
    """The parts of each job by their names without those that are 0; None if it never started."""
    found = {}
    for job, _, *parts in run.waits.rows():
        known = dict(zip(PARTS, parts, strict=True))
        found[job] = None if parts == [None] * len(PARTS) else {name: us for name, us in known.items() if us}
    return found


def explicit(jobs, sessions=(), **more):
    return {"workload": [{"kind": "explicit", "sessions": [*sessions], "jobs": jobs}], **more}


def test_the_table_has_a_row_a_submission():
    run = make_run()
    assert run.waits.columns == ["job", "qpu", *(f"while_{part}_us" for part in PARTS)]
    assert run.waits.dtypes[2:] == [pl.Int64] * len(PARTS)
    assert run.waits.select("job", "qpu").equals(run.jobs.select("job", "qpu"))


def test_busy_by_mode_and_held_idle():
    """j3 comes at 12: s1 is idle to 15, runs j2 to 25 and is idle to 35. j6 comes at 71, s1 is idle to 72."""
    assert rows(make_run()) == {
        **{name: {} for name in ("j1", "j2", "j7", "j8")},
        "j3": {"session": 10, "held": 3 + 10},
        "j4": {"job_mode": 65 - 40},
        "j6": {"held": 1},
        **dict.fromkeys(("j5", "j9", "j11"), None),
    }


def test_others_waited_while_a_session_held_its_qpu():
    """13 of j3 and 1 of j6, which waits for a second hold of s1."""
    assert make_run().others_waited.rows() == [("s1", 14), ("b1", 0)]


def test_a_lost_run_counts_under_its_own_mode_and_preparing_only_while_the_qpu_is_free():
    """S52: j1 prepares to 5, runs to 12, is thrown off to 20 and runs again. j3 prepares from 8 on, j1 being busy."""
    assert rows(make_run(stormy(), horizon=80)) == {
        "j1": {"preparing": 5, "job_mode": 7, "down": 8},
        "j2": {"job_mode": (12 - 6) + (30 - 20), "down": 8},
        "j3": {"job_mode": (12 - 8) + (40 - 20), "down": 8},
        "j4": {"down": 60 - 52},
        "j5": None,
    }


def test_a_session_may_wait_for_whom_it_let_in():
    """S51: j3 of s1 waits from 14 to 20 for j2; nobody waits while the QPU is held."""
    run = make_run(delayed(), horizon=32, hold="shared")
    assert rows(run) == {"j1": {}, "j2": {}, "j3": {"job_mode": 6}}
    assert run.others_waited.rows() == [("s1", 0)]


def test_reserved_is_for_another_account_only():
    """j1 leaves at 12, in a reservation from 10 to 20; j2 of its account starts then, and leaves at 16."""
    assert rows(make_run(reserved(), horizon=30)) == {
        "j1": {},
        "j2": {"session": 1},
        "j3": {"session": 1, "job_mode": 4, "reserved": 4},
    }


def test_reservations_that_come_again_and_what_is_read_back_from_disk(tmp_path):
    """The QPU is for lab-a from 2 to 5 and from 8 to 11: j1 of lab-b takes the gap from 5 to 8, and j2 waits to
    8 for j1 and to 11. j3 of lab-a, from 9 on, prepares in its own reservation."""
    windows = [{"kind": "reservation", "account": "a", "at": "2us", "duration": "3us", "every": "6us"}]
    jobs = [
        {"id": "j1", "account": "b", "at": "2us", "qpu_time": "3us"},
        {"id": "j2", "account": "b", "at": "3us", "qpu_time": "2us"},
        {"id": "j3", "account": "a", "at": "9us", "qpu_time": "1us", "preparation": "1us"},
    ]
    run = qs.simulate(explicit(jobs, qpus=[{"name": "q", "windows": windows}], horizon="13us"))
    assert rows(run) == {
        "j1": {"reserved": 3},
        "j2": {"reserved": (5 - 3) + 3 - 1, "job_mode": (8 - 5) + (11 - 10)},
        "j3": {"preparing": 1},
    }
    run.save(tmp_path / "run")
    saved = qs.load(tmp_path / "run")
    assert saved.waits.equals(run.waits)
    assert saved.others_waited.equals(run.others_waited)
    assert not (tmp_path / "run" / "waits.parquet").exists()


def test_a_batch_and_a_job_that_prepares_while_its_own_session_holds_the_qpu():
    """Batch b runs to 4; s starts then and is idle from 5 on. Its j3 comes at 6 and prepares to 9: it waits in
    time that its own session holds, and j4 of another waits to the end of j3 and the ITTL of 10."""
    jobs = [
        {"id": "j1", "session": "b", "at": "0us", "qpu_time": "4us"},
        {"id": "j2", "session": "s", "at": "1us", "qpu_time": "1us"},
        {"id": "j3", "session": "s", "at": "6us", "qpu_time": "2us", "preparation": "3us"},
        {"id": "j4", "account": "other", "at": "7us", "qpu_time": "1us"},
    ]
    sessions = [
        {"id": "b", "account": "a", "mode": "batch", "interactive_timeout": "0us"},
        {"id": "s", "account": "a", "interactive_timeout": "10us"},
    ]
    run = qs.simulate(explicit(jobs, sessions))
    assert rows(run) == {
        "j1": {},
        "j2": {"batch": 3},
        "j3": {"held": 3},
        "j4": {"held": (9 - 7) + 10, "session": 2},
    }
    assert run.others_waited.rows() == [("b", 0), ("s", 12)]


def test_empty_runs():
    run = qs.simulate({"workload": []})
    assert (run.waits.shape, run.others_waited.shape) == ((0, 2 + len(PARTS)), (0, 2))


# ------------------------------------------------------------------ one microsecond after the other


def by_the_microsecond(run) -> tuple[list[dict[str, int] | None], dict[str, int]]:
    """The parts of each job, and how long others waited while each session held its QPU."""
    mode = dict(run.sessions.select("session", "mode").rows())
    doing = {}
    for qpu, start_us, end_us, kind, _, session in run.intervals.rows():
        for now_us in range(start_us, end_us):
            word = mode.get(session, "job_mode") if kind == "busy" else kind
            doing[qpu, now_us] = (word, session)
    reserved_for = {}
    for qpu, kind, number, start_us, end_us in run.record.windows.tolist():
        if kind == WindowKind.RESERVATION:
            account = run.record.workload.accounts[run.record.workload.windows[number].account]
            for now_us in range(start_us, min(end_us, run.record.end_us)):
                reserved_for[run.record.qpus[qpu], now_us] = account
    found, others_us = [], dict.fromkeys(mode, 0)
    for job in run.jobs.iter_rows(named=True):
        if job["started_us"] is None:
            found.append(None)
            continue
        parts = dict(NOTHING)
        for now_us in range(job["submitted_us"], job["started_us"]):
            word, session = doing[job["qpu"], now_us]
            if word == "held":
                others_us[session] += session != job["session"]
            elif word == "free" and now_us < job["ready_us"]:
                word = "preparing"
            elif word == "free" and reserved_for.get((job["qpu"], now_us), job["account"]) != job["account"]:
                word = "reserved"
            parts[word] += 1
        found.append(parts)
    return found, others_us


def crowds() -> st.SearchStrategy[dict]:
    """Many jobs of three accounts in a short time, of two sessions, a batch and none; the QPU may fail or be reserved."""
    few = st.integers(0, 4).map("{}us".format)
    fields = {"at": st.integers(0, 30).map("{}us".format), "qpu_time": st.sampled_from(["1us", "3us"])}
    of_session = st.fixed_dictionaries(
        {**fields, "session": st.sampled_from(["s1", "s2", "b"])}, optional={"preparation": few}
    )
    alone = st.fixed_dictionaries({**fields, "account": st.just("x")}, optional={"preparation": few})
    sessions = [
        {"id": "s1", "account": "y", "interactive_timeout": "9us"},
        {"id": "s2", "account": "z", "interactive_timeout": "4us"},
        {"id": "b", "account": "z", "mode": "batch", "interactive_timeout": "2us"},
    ]
    jobs = st.lists(of_session | alone, min_size=4, max_size=12)
    reservation = {"kind": "reservation", "account": "z", "at": "10us", "duration": "15us"}
    return st.builds(
        lambda listed, windows: explicit(
            [{"id": f"j{number}", **job} for number, job in enumerate(listed)],
            sessions,
            qpus=[{"name": "q", "windows": windows}],
        ),
        jobs,
        st.sampled_from([[], [reservation], [{"kind": "outage", "at": "6us", "duration": "9us"}]]),
    )


def test_random_runs_microsecond_by_microsecond():
    seen = dict.fromkeys((*PARTS, "others"), 0)

    @settings(
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        max_examples=80,
    )
    @given(scenarios(unit="us") | crowds())
    def look(scenario):
        run = qs.simulate(scenario)
        if run.record.end_us > 3000:  # of few; the loop would be long
            return
        found, others_us = by_the_microsecond(run)
        columns = run.waits.rows()
        assert [
            None if row[2] is None else dict(zip(PARTS, row[2:], strict=True)) for row in columns
        ] == found
        assert dict(run.others_waited.rows()) == others_us
        for parts in filter(None, found):
            for name, us in parts.items():
                seen[name] += us
        seen["others"] += sum(others_us.values())

    look()
    assert [name for name, us in seen.items() if us == 0] == ["free"]


# ------------------------------------------------------------------ the invariant


def with_jobs(run, *changes):
    """The run with its table of jobs changed."""
    names = ("sessions", "intervals", "queue_length")
    frames = {name: getattr(run, name) for name in names} | {"jobs": run.jobs.with_columns(*changes)}
    return SimpleNamespace(record=run.record, scenario=run.scenario, **frames)


def test_a_waiting_time_that_its_parts_do_not_add_up_to():
    changed = pl.when(job="j6").then(2).otherwise("waiting_us").alias("waiting_us")
    run = with_jobs(make_run(), changed)
    assert broken_rules(run) == ["waits"]
    assert (
        violation(run) == "waits at 72 us: the parts of the wait of job 'j6' add up to 1, and it waited 2 us"
    )


@pytest.mark.parametrize("ready_us", [0, 3])
def test_a_job_that_was_ready_and_waited_for_a_free_qpu(ready_us):
    """j1 is ready at 5, when it starts first; the QPU is free before."""
    changed = pl.when(job="j1").then(ready_us).otherwise("ready_us").alias("ready_us")
    run = with_jobs(make_run(stormy(), horizon=80), changed)
    assert broken_rules(run) == ["waits"]
    assert violation(run) == (
        f"waits at 20 us: job 'j1' waited {5 - ready_us} us while it was ready and its QPU free"
    )


def test_a_start_that_the_record_has_too_late():
    """j8 comes at 82 to a free QPU and starts at 83."""
    record = make_run().record
    late = replace(record, started_us=np.where(record.started_us == 82, 83, record.started_us))
    assert broken_rules(make_run(late)) == ["S74", "waits"]

"""Invariants of several QPUs, preparation and windows: each corruption is seen by the check of its rule alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from results.handmade import SESSION, make_record, make_run
from results.handmade_qpus import (
    CALIBRATION,
    MAINTENANCE,
    OUTAGE,
    RESERVATION,
    delayed,
    reserved,
    side_by_side,
    stormy,
)

from qsession_sim.scheduler.plan import JobSpec, QpuSpec, Rules, SessionSpec, WindowSpec
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing import check_invariants
from qsession_sim.testing.facts import Facts
from qsession_sim.testing.invariants import CHECKS
from testing.corruptions import broken_rules, violation
from testing.scheduled import scheduled_run

DONE, NONE = JobStatus.DONE, Reason.NONE


def changed(column, **values) -> np.ndarray:
    """A copy of a column of five jobs, j1 to j5, with values of some."""
    column = column.copy()
    for name, value in values.items():
        column[int(name[1:]) - 1] = value
    return column


def test_right_runs_pass():
    check_invariants(make_run(stormy(), horizon=80))
    check_invariants(make_run(side_by_side(), horizon=12))
    check_invariants(make_run(delayed(), horizon=32, hold="shared"))
    check_invariants(make_run(reserved(), horizon=30))


# ------------------------------------------------------------------ S22


def test_s22_a_job_waits_for_a_simulator():
    record = side_by_side()
    run = make_run(replace(record, started_us=changed(record.started_us, j3=5)), horizon=12)
    assert broken_rules(run) == ["S22", "waits"]
    assert violation(run) == "S22 at 4 us: job 'j3' waits for a simulator, or is of a session"


# ------------------------------------------------------------------ S42


def test_s42_more_jobs_prepare_than_there_are_lanes():
    """j1 prepares to 5 and j3 from 8 on, so that one lane is enough; not if j4 still prepares when j5 begins."""
    record = stormy(qpu_specs=(QpuSpec(lanes=1),))
    check_invariants(make_run(record, horizon=80))
    preparing_us = changed(record.preparing_us, j4=50)
    ready_us = changed(record.ready_us, j4=71)
    jobs_us = {"preparing_us": preparing_us, "ready_us": ready_us}
    two = {
        "started_us": changed(record.started_us, j4=71),
        "submitted_us": changed(record.submitted_us, j4=50),
    }
    one_lane = replace(record, **jobs_us, **two)
    assert violation(make_run(one_lane, horizon=80)) == (
        "S42 at 70 us: 2 jobs prepare at once on QPU 'qpu', which has 1 lanes"
    )
    assert broken_rules(make_run(one_lane, horizon=80)) == ["S42"]


def test_s42_more_jobs_are_prepared_ahead_than_there_are_lanes():
    """j2 prepares to 8 and j3 to 9, one after the other, and neither starts before 30."""
    record = stormy()
    preparing_us, ready_us = changed(record.preparing_us, j2=6, j3=8), changed(record.ready_us, j2=8, j3=9)
    one_lane = stormy(preparing_us=preparing_us, ready_us=ready_us, qpu_specs=(QpuSpec(lanes=1),))
    run = make_run(one_lane, horizon=80)
    assert violation(run) == (
        "S42 at 8 us: 2 jobs in job mode are prepared ahead on QPU 'qpu', which has 1 lanes"
    )
    assert broken_rules(run) == ["S42"]


# ------------------------------------------------------------------ S52


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (
            (WindowSpec(OUTAGE, 12, 8), WindowSpec(MAINTENANCE, 44, 15)),
            "S52 at 45 us: a maintenance begins that was not due",
        ),
        (
            (WindowSpec(OUTAGE, 12, 8), WindowSpec(MAINTENANCE, 45, 16)),
            "S52 at 45 us: a maintenance takes 15 us instead of 16 us",
        ),
        (
            (WindowSpec(OUTAGE, 12, 8), WindowSpec(MAINTENANCE, 45, 15, every_us=30)),
            "S52 at 75 us: a maintenance does not begin that is due",
        ),
        (
            (WindowSpec(OUTAGE, 12, 8), WindowSpec(MAINTENANCE, 45, 15), WindowSpec(OUTAGE, 79, 1)),
            "S52 at 79 us: an outage does not begin that is due",
        ),
    ],
)
def test_s52_windows_that_do_not_come_as_they_should(specs, message):
    run = make_run(stormy(window_specs=specs), horizon=80)
    assert violation(run) == message
    assert broken_rules(run) == ["S52"]


def test_s52_a_calibration_before_it_is_due_or_shorter_than_it_is():
    reservation = reserved().workload.windows[0]
    early = (reservation, WindowSpec(CALIBRATION, 26, 3))
    short = (reservation, WindowSpec(CALIBRATION, 22, 4))
    for windows, message in (
        (early, "S52 at 25 us: a calibration begins that was not due"),
        (short, "S52 at 25 us: a calibration takes 3 us instead of 4 us"),
    ):
        run = make_run(reserved(window_specs=windows), horizon=30)
        assert violation(run) == message
        assert broken_rules(run) == ["S52"]


def test_s52_a_job_starts_in_a_maintenance():
    """j4 starts at 58, while the QPU is down to 60; it is busy then (S72)."""
    record = stormy()
    run = make_run(replace(record, started_us=changed(record.started_us, j4=58)), horizon=80)
    assert violation(run) == "S52 at 58 us: job 'j4' starts while QPU 'qpu' is down"
    assert broken_rules(run) == ["S52"]


def test_s52_a_job_outlasts_an_outage():
    """j3 starts at 40, and from 45 on there is an outage instead of a maintenance."""
    windows = np.array([(0, OUTAGE, 0, 12, 20), (0, OUTAGE, 1, 45, 60)])
    specs = (WindowSpec(OUTAGE, 12, 8), WindowSpec(OUTAGE, 45, 15))
    run = make_run(stormy(windows=windows, window_specs=specs, rules=Rules()), horizon=80)
    assert violation(run) == "S52 at 45 us: job 'j3' is on QPU 'qpu' while that does not work"
    assert broken_rules(run) == ["S52"]


def test_s52_a_job_is_thrown_off_without_an_outage():
    """j1 leaves at 12, and a maintenance begins there, which lets jobs finish."""
    windows = np.array([(0, MAINTENANCE, 0, 12, 20), (0, MAINTENANCE, 1, 45, 60)])
    specs = (WindowSpec(MAINTENANCE, 12, 8), WindowSpec(MAINTENANCE, 45, 15))
    run = make_run(stormy(windows=windows, window_specs=specs, rules=Rules()), horizon=80)
    assert violation(run) == "S52 at 12 us: job 'j1' is thrown off its QPU, which does not fail then"
    assert broken_rules(run) == ["S52"]


def test_s52_a_job_fails_without_an_outage():
    record = stormy()
    failed = {
        "stage": changed(record.stage, j2=JobStatus.ERROR),
        "reason": changed(record.reason, j2=Reason.QPU_FAILED),
    }
    run = make_run(replace(record, **failed), horizon=80)
    assert violation(run) == "S52 at 40 us: job 'j2' is thrown off its QPU, which does not fail then"
    assert broken_rules(run) == ["S52"]


def test_s74_in_a_reservation_a_session_is_held_from_nobody_else():
    """s1 of lab-b is held by its ITTL from 9 to 39, and from 10 to 20 the QPU is reserved for lab-b, while j0
    of s0 of lab-c waits: of another session, account and number than what may start."""
    run = scheduled_run(
        (
            JobSpec(at_us=5, qpu_time_us=4, session=0, account=2),
            JobSpec(at_us=0, qpu_time_us=9, session=1, account=1),
        ),
        (SessionSpec(account=2), SessionSpec(account=1, interactive_timeout_us=30)),
        windows=(WindowSpec(RESERVATION, 10, 10, account=1),),
    )
    assert run.record.started_us.tolist() == [39, 0]
    check_invariants(run)


def test_s52_a_reservation_is_for_its_account():
    """For lab-a instead of lab-b: j2 may not start, and j3 should."""
    windows = (WindowSpec(RESERVATION, 10, 10, account=0), reserved().workload.windows[1])
    run = make_run(reserved(window_specs=windows), horizon=30)
    assert violation(run) == "S52 at 12 us: job 'j2' starts while QPU 'qpu' is reserved for 'lab-a'"
    # S74: from 16 on the QPU waits, and j3 of lab-a could start
    assert broken_rules(run) == ["S52", "S74", "waits"]


def test_s52_a_session_of_another_account_is_active_in_a_reservation():
    """s1 lets go at 14 instead of 12, when its job left, and j2 waits for that."""
    record = reserved()
    rows = record.transitions.copy()
    rows[2] = (14, *rows[2][1:])
    run = make_run(
        replace(record, transitions=rows, started_us=np.array([0, 14, 20]), ended_us=np.array([12, 16, 25])),
        horizon=30,
    )
    assert violation(run) == "S52 at 12 us: session 's1' is active while QPU 'qpu' is reserved for 'lab-b'"
    assert broken_rules(run) == ["S52"]


# ------------------------------------------------------------------ S54


def test_s54_a_job_is_not_on_the_qpu_of_its_session():
    """The session is on q0, and its only job, cancelled as it was submitted, was on q1."""
    record = make_record(
        (("j1", 0, 0, 5, 0, NEVER, 0, JobStatus.CANCELLED, Reason.JOB_CANCELLED),),
        (("s1", 0, SESSION, 1000, 10),),
        delayed().transitions[:1],
        end_us=5,
        qpus=("q0", "q1"),
        qpu_specs=(QpuSpec(), QpuSpec()),
        job_qpu=np.array([1], dtype=np.int16),
        session_qpu=np.array([0]),
    )
    run = make_run(record, horizon=5)
    assert violation(run) == "S54 at 0 us: job 'j1' is not on the QPU of session 's1'"
    assert broken_rules(run) == ["S54"]


def test_s54_an_accepted_job_is_on_no_qpu():
    record = side_by_side()
    waits = {
        "job_qpu": changed(record.job_qpu, j5=NEVER),
        "started_us": changed(record.started_us, j5=NEVER),
        "stage": changed(record.stage, j5=JobStatus.QUEUED),
    }
    run = make_run(replace(record, **waits), horizon=12)
    assert violation(run) == "S54 at 10 us: job 'j5' is on no QPU"
    assert broken_rules(run) == ["S54"]


def test_s54_a_job_is_not_on_the_qpu_that_it_names():
    """j1 is on q0, and names q1."""
    record = side_by_side()
    jobs = replace(record.workload.jobs, qpu=np.array([1, NEVER, 2, NEVER, 0]))
    run = make_run(replace(record, workload=replace(record.workload, jobs=jobs)), horizon=12)
    assert violation(run) == "S54 at 0 us: job 'j1' is not on QPU 'q1', which it names"
    assert broken_rules(run) == ["S54"]


# ------------------------------------------------------------------ S70 to S79, where they look at more


def test_s70_is_asked_of_each_qpu():
    """j1 and j2 run at the same time, on different QPUs; on one that is a violation."""
    record = side_by_side()
    run = make_run(replace(record, job_qpu=changed(record.job_qpu, j2=0)), horizon=12)
    assert violation(run) == "S70 at 2 us: job 'j2' starts while job 'j1' is on QPU 'q0'"


def test_s70_sees_stays_that_were_lost():
    """j2 starts at 10, and j1 is thrown off at 12."""
    record = stormy()
    run = make_run(replace(record, started_us=changed(record.started_us, j2=10)), horizon=80)
    assert violation(run).startswith("S70 at 10 us: job 'j2' starts while job 'j1' is on QPU")


@pytest.mark.parametrize(
    ("changes", "job"),
    [
        ({"ready_us": {"j3": 7}}, "j3"),  # ready before it is prepared
        ({"ready_us": {"j3": 41}}, "j3"),  # ready after its start
        ({"left_us": {"j1": 35}}, "j1"),  # left after its end
        ({"left_us": {"j1": 20}}, "j1"),  # done in no time (S2)
    ],
)
def test_s71_phases_out_of_order(changes, job):
    """S40."""
    record = stormy()
    columns = {name: changed(getattr(record, name), **values) for name, values in changes.items()}
    assert f"job {job!r} has status" in violation(make_run(replace(record, **columns), horizon=80))


def test_s72_down_outside_the_windows_and_idle_inside():
    run = make_run(stormy(), horizon=80)
    windows = np.array([(0, OUTAGE, 0, 12, 20), (0, MAINTENANCE, 1, 45, 59)])
    other = make_run(stormy(windows=windows), horizon=80)
    mixed = _with(run, intervals=other.intervals)
    assert broken_rules(mixed) == ["S72", "S74", "waits"]  # j4 is ready and could start
    assert violation(mixed) == "S72 at 59 us: QPU 'qpu' is free while it is down"
    mixed = _with(other, intervals=run.intervals)
    assert "S72 at 50 us: QPU 'qpu' is down outside its windows" in _messages(mixed, "S72")


def test_s74_a_job_that_prepares_does_not_make_a_qpu_busy():
    """j5 waits from 70 while the QPU is free from 75; if it were ready at 76, it would have to start."""
    run = make_run(replace(stormy(), ready_us=changed(stormy().ready_us, j5=76)), horizon=80)
    assert violation(run) == "S74 at 76 us: QPU 'qpu' is free while job 'j5' is queued"
    assert broken_rules(run) == ["S74"]


def test_s74_in_a_reservation_only_its_account_could_start():
    """j3 of lab-a waits while the QPU is free from 16 to 20; of lab-b it would have to start."""
    record = reserved()
    accounts = replace(record.workload.jobs, account=np.array([0, 1, 1]))
    run = make_run(replace(record, workload=replace(record.workload, jobs=accounts)), horizon=30)
    assert violation(run) == "S74 at 16 us: QPU 'qpu' is free while job 'j3' is queued"
    assert broken_rules(run) == ["S74", "waits"]


def test_s76_asks_for_queued_or_for_ready_jobs():
    """S43: s1 (ITTL 10) is idle since 10; j2 is submitted at 15 and ready at 22, and started then."""
    jobs = (
        ("j1", 0, 0, 10, 0, 0, 10, DONE, NONE),
        ("j2", 0, 0, 2, 15, 22, 24, DONE, NONE),
    )
    phases = {"preparing_us": np.array([NEVER, 15]), "ready_us": np.array([0, 22])}

    def run(*, asks_for_ready):
        rules = Rules(ittl_asks_for_ready=asks_for_ready)
        record = make_record(
            jobs, (("s1", 0, SESSION, 1000, 10),), delayed().transitions[:2], 24, rules=rules, **phases
        )
        return make_run(record, horizon=24)

    check_invariants(run(asks_for_ready=False))
    assert violation(run(asks_for_ready=True)).startswith("S76 at 20 us: session 's1' has been without jobs")


def test_s17_closing_session_does_not_hold_the_qpu_for_a_post_processing():
    """Closed at 5 while j1 runs to 10, s1 is released then, and closed when the post-processing ends at 30."""
    closing, inactive = SessionPhase.CLOSING, SessionPhase.INACTIVE_CLOSING

    def run(*changes):
        record = make_record(
            (("j1", 0, 0, 10, 0, 0, 30, DONE, NONE),),
            (("s1", 0, SESSION, 1000, 10),),
            (
                *delayed().transitions[:2],
                (5, 0, SessionPhase.RUNNING, SessionEvent.CLOSE, closing, NONE),
                *changes,
            ),
            30,
            left_us=np.array([10]),
        )
        return make_run(record, horizon=None)

    check_invariants(
        run(
            (10, 0, closing, SessionEvent.RELEASE, inactive, NONE),
            (30, 0, inactive, SessionEvent.END_LAST, SessionPhase.CLOSED, Reason.CLOSED),
        )
    )
    held = run((30, 0, closing, SessionEvent.END_LAST, SessionPhase.CLOSED, Reason.CLOSED))
    assert violation(held) == (
        "S17 at 10 us: session 's1' accepts no more jobs, none of its jobs is queued or on the QPU, "
        "and it is still active"
    )
    assert broken_rules(held) == ["S17"]


def test_s78_is_asked_of_each_qpu():
    """A queue of q1 that nobody stands in."""
    run = make_run(side_by_side(), horizon=12)
    table = run.queue_length
    longer = table.with_columns(queued=table["queued"] + (table["qpu"].cast(str) == "q1").cast(int))
    assert broken_rules(_with(run, queue_length=longer)) == ["S78"]


def test_s78_counts_post_processing_in_the_system():
    """j1 ended at 34, having left at 30; had it left at 29, it would not be in the system for 1."""
    run = make_run(stormy(), horizon=80)
    other = make_run(replace(stormy(), left_us=changed(stormy().left_us, j4=74)), horizon=80)
    assert "S78" in broken_rules(_with(run, intervals=other.intervals))


def _with(run, **tables):
    names = ("record", "scenario", "jobs", "sessions", "intervals", "queue_length")
    return SimpleNamespace(**{name: getattr(run, name) for name in names} | tables)


def _messages(run, rule) -> list[str]:
    return [f"{rule} at {found.time_us} us: {found.message}" for found in CHECKS[rule](Facts.of(run))]

"""Tables and summary of records with several QPUs, windows, preparation and lost stays (interfaces, section 4)."""

from __future__ import annotations

import polars as pl
from testing.scheduled import scheduled_run

from qsession_sim.results.bundle import record_digest
from qsession_sim.scheduler.plan import SHARED, AccountSpec, JobSpec, QpuSpec, Rules, SessionSpec
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from results.handmade import make_record, make_run
from results.handmade_qpus import delayed, reserved, side_by_side, stormy

PHASES = ("preparing_us", "ready_us", "started_us", "completed_us", "qpu_time_us", "attempts", "waiting_us")


def test_jobs_tell_preparation_the_last_start_and_the_number_of_starts():
    """S41: a job that prepares or is post-processed is RUNNING; S52, S62: the lost stay of j1 costs nothing."""
    run = make_run(stormy(), horizon=80)
    assert run.jobs.select("job", "status", *PHASES, "turnaround_us").rows() == [
        ("j1", "DONE", 0, 5, 20, 34, 10, 2, 20, 34),
        ("j2", "DONE", None, 6, 30, 40, 10, 1, 24, 34),
        ("j3", "DONE", 8, 14, 40, 50, 10, 1, 32, 42),
        ("j4", "RUNNING", None, 52, 60, None, 15, 1, 8, None),
        ("j5", "RUNNING", 70, None, None, None, 0, 0, None, None),
    ]


def test_intervals_are_busy_before_they_are_down():
    """S72: j3 finishes in the maintenance; the lost stay of j1 was busy."""
    run = make_run(stormy(), horizon=80)
    assert run.intervals.drop("qpu", "session").rows() == [
        (0, 5, "free", None),
        (5, 12, "busy", "j1"),
        (12, 20, "down", None),
        (20, 30, "busy", "j1"),
        (30, 40, "busy", "j2"),
        (40, 50, "busy", "j3"),
        (50, 60, "down", None),
        (60, 75, "busy", "j4"),
        (75, 80, "free", None),
    ]


def test_a_job_that_is_thrown_off_is_queued_again():
    """S78: j1 from 0 to 5 and from 12 to 20; jobs that prepare are queued (S41)."""
    run = make_run(stormy(), horizon=80)
    assert run.queue_length.drop("qpu").rows() == [
        *((0, 1), (5, 0), (6, 1), (8, 2), (12, 3), (20, 2), (30, 1), (40, 0), (52, 1), (60, 0), (70, 1))
    ]


def test_summary_has_down_time_and_preparations():
    """Preparations of 5 and 6; turnaround by QPU time of j1, j2 and j3: 34 / 10, 34 / 10, 42 / 10."""
    summary = make_run(stormy(), horizon=80).summary()
    assert summary["qpus"]["qpu"]["time_us"] == {"busy": 52, "held": 0, "down": 18, "free": 10}
    preparation = summary["all"]["preparation_us"]
    assert (preparation["count"], preparation["mean"], preparation["max"]) == (2, 5.5, 6)
    slowdown = summary["all"]["slowdown"]
    assert (slowdown["count"], slowdown["p50"], slowdown["max"]) == (3, 3.4, 4.2)
    assert summary["all"]["status"]["RUNNING"] == 2


def test_a_job_still_queued_after_an_outage_used_nothing():
    """S52: thrown off at 5, it waits since; its last start is told. S62: another failed and is free."""
    record = make_record(
        (
            ("j1", 0, NEVER, 9, 0, 0, NEVER, 9, Reason.NONE),  # JobStage.REQUEUED
            ("j2", 0, NEVER, 9, 0, 10, 15, JobStatus.ERROR, Reason.QPU_FAILED),
        ),
        (),
        (),
        20,
        lost_runs=stormy().lost_runs[:, [0, 1, 0, 3]] * 0 + [0, 0, 0, 5],
        windows=stormy().windows * 0 + [0, 2, 0, 5, 10],
    )
    run = make_run(record, horizon=20)
    columns = ("status", "started_us", "qpu_time_us", "attempts", "waiting_us")
    assert run.jobs.select(columns).rows() == [("QUEUED", 0, 0, 1, 0), ("ERROR", 10, 0, 1, 10)]
    assert run.queue_length.select("time_us", "queued").rows() == [(0, 1), (5, 2), (10, 1)]
    assert run.summary()["all"]["slowdown"]["count"] == 0


def test_tables_go_qpu_by_qpu_and_leave_out_simulators():
    """S22, S54, S72: each QPU with a queue tiles its own time."""
    run = make_run(side_by_side(), horizon=12)
    assert run.jobs["qpu"].to_list() == ["q0", "q1", "sim", "q1", "q0"]
    assert run.sessions.select("session", "qpu", "usage_us", "held_us").rows() == [("s1", "q1", 6, 4)]
    assert run.intervals.rows() == [
        ("q0", 0, 10, "busy", "j1", None),
        ("q0", 10, 12, "busy", "j5", None),
        ("q1", 0, 2, "free", None, None),
        ("q1", 2, 6, "busy", "j2", None),
        ("q1", 6, 8, "busy", "j4", "s1"),
        ("q1", 8, 12, "held", None, "s1"),
    ]
    assert run.queue_length.rows() == [("q0", 0, 0), ("q1", 0, 0)]


def test_a_job_that_was_not_routed_is_on_no_qpu():
    """S20: it is rejected before; its session was not routed either."""
    jobs = (("j1", 0, NEVER, 4, 3, NEVER, 3, JobStatus.REJECTED, Reason.TOO_MANY_PENDING),)
    base = side_by_side()
    record = make_record(
        jobs, (), (), 5, qpus=("q0", "q1"), job_qpu=base.job_qpu[:1] - 1, session_qpu=base.session_qpu[:0]
    )
    assert make_run(record, horizon=5).jobs["qpu"].to_list() == [None]


def test_summary_has_each_qpu_with_a_queue():
    summary = make_run(side_by_side(), horizon=12).summary()
    assert {name: (qpu["time_us"], qpu["jobs_done"]) for name, qpu in summary["qpus"].items()} == {
        "q0": ({"busy": 12, "held": 0, "down": 0, "free": 0}, 1),
        "q1": ({"busy": 6, "held": 4, "down": 0, "free": 2}, 2),
    }
    assert summary["all"]["status"]["DONE"] == 4


def test_sessions_tell_how_long_foreign_jobs_delayed_them():
    """S51: j3 is ready from 14 and waits for j2 to 20. S72: held excludes the maintenance from 24 to 30."""
    run = make_run(delayed(), hold="shared", horizon=32)
    columns = ("usage_us", "held_us", "delayed_us")
    assert run.sessions.select(columns).rows() == [(32, 2 + 2 + 2, 6)]
    assert run.summary()["sessions"]["all"]["total_delayed_us"] == 6
    down = run.intervals.filter(pl.col("kind") == "down")
    assert down.select("start_us", "end_us", "session").rows() == [(24, 30, None)]


def test_a_reservation_is_not_down_and_has_its_reason_in_the_transitions():
    """S52, S72: idle time of a reserved QPU is free; a calibration is down."""
    run = make_run(reserved(), horizon=30)
    assert run.transitions.row(-1) == (12, "s1", "active", "RESERVE", "inactive", "RESERVATION")
    assert run.sessions.select("state", "reason").rows() == [("inactive", None)]
    kinds = run.intervals.filter(pl.col("kind") != "busy").select("start_us", "end_us", "kind").rows()
    assert kinds == [(16, 20, "free"), (25, 28, "down"), (28, 30, "free")]


def test_the_digest_sees_every_column():
    """S7: what happened differs, so does its digest."""
    digests = {
        record_digest(record)
        for record in (
            stormy(),
            stormy(left_us=None),
            stormy(lost_runs=stormy().lost_runs[:0]),
            stormy(windows=stormy().windows[:1]),
            stormy(preparing_us=None),
            stormy(qpus=("other",)),
        )
    }
    assert len(digests) == 6


def test_a_job_without_preparation_is_ready_when_it_is_submitted():
    """S40: also beside jobs that are prepared; j2 is rejected, so it is never ready."""
    run = scheduled_run(
        [
            JobSpec(qpu_time_us=4, at_us=1, preparation_us=3),
            JobSpec(qpu_time_us=4, at_us=1, post_processing_us=2),
            JobSpec(qpu_time_us=4, at_us=2),
        ],
        account_specs={0: AccountSpec(pending=2)},
    )
    assert run.jobs.select(PHASES).rows() == [
        (1, 4, 5, 9, 4, 1, 4),
        (None, 1, 1, 7, 4, 1, 0),
        (None, None, None, None, 0, 0, None),
    ]


def test_sessions_and_their_jobs_tell_the_qpu_that_they_were_routed_to():
    """S54: the job that holds q0 up is pinned to it, so that the least busy QPU is q1; s1 never came."""
    run = scheduled_run(
        [*[JobSpec(qpu_time_us=9, at_us=0, qpu=0)] * 3, *[JobSpec(qpu_time_us=2, at_us=1, session=0)] * 2],
        [SessionSpec(interactive_timeout_us=3), SessionSpec()],
        qpus=(QpuSpec(), QpuSpec()),
    )
    assert run.jobs["qpu"].to_list() == ["q0", "q0", "q0", "q1", "q1"]
    assert run.sessions.select("session", "qpu").rows() == [("s0", "q1")]


def test_jobs_ask_for_the_qpu_time_of_the_qpu_that_they_are_on():
    """S54: j0 and j1 are routed to q0 and q1, whose times differ; j2, rejected, to none."""
    run = scheduled_run(
        [JobSpec(qpu_time_us=4, at_us=1)] * 3,
        qpus=(QpuSpec(), QpuSpec()),
        qpu_times_us=([4, 4, 4], [7, 7, 7]),
        account_specs={0: AccountSpec(pending=2)},
    )
    columns = ("qpu", "requested_qpu_time_us", "qpu_time_us")
    assert run.jobs.select(columns).rows() == [("q0", 4, 4), ("q1", 7, 7), (None, 4, 0)]


def test_a_session_is_not_delayed_by_its_own_jobs():
    """S51: j1 waits from 3 to 10 for j0 of the same session, j3 from 18 to 25 for j2 in job mode."""
    run = scheduled_run(
        [
            JobSpec(qpu_time_us=10, at_us=0, session=0),
            JobSpec(qpu_time_us=4, at_us=3, session=0),
            JobSpec(qpu_time_us=10, at_us=15),
            JobSpec(qpu_time_us=1, at_us=18, session=0),
        ],
        [SessionSpec(interactive_timeout_us=20)],
        rules=Rules(hold=SHARED),
    )
    assert run.jobs["started_us"].to_list() == [0, 10, 15, 25]
    assert run.sessions["delayed_us"].to_list() == [7]

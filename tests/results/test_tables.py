"""The five tables of a record worked out by hand (interfaces, section 4)."""

from __future__ import annotations

import polars as pl
import pytest

from qsession_sim.results import columns as result_columns
from qsession_sim.results.periods import active_periods
from qsession_sim.results.tables import TABLES, name_series
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.workload.columns import NestedNames, NumberedNames, name_of
from results.handmade import BATCH, HORIZON, JOBS, SESSION, TRANSITIONS, make_record, make_run, with_job


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_jobs_have_the_promised_columns_in_order(run):
    integers = dict.fromkeys(
        [
            "submitted_us",
            "preparing_us",
            "ready_us",
            "started_us",
            "completed_us",
            "requested_qpu_time_us",
            "qpu_time_us",
            "attempts",
            "waiting_us",
            "turnaround_us",
        ],
        pl.Int64,
    )
    schema = run.jobs.schema
    assert list(schema) == [
        *("job", "account", "session", "mode", "qpu", "status", "reason"),
        *integers,
        "stream",
    ]
    assert {name: schema[name] for name in integers} == integers
    assert (schema["job"], schema["session"]) == (pl.String, pl.String)
    assert schema["status"].categories.to_list() == [
        *("QUEUED", "RUNNING", "DONE", "CANCELLED", "ERROR", "REJECTED")
    ]
    assert schema["mode"].categories.to_list() == ["job", "session", "batch"]


def test_jobs_tell_what_happened_to_every_submission(run):
    """S20, S40, S71: rejected and unfinished jobs are rows, jobs that were never submitted are not.

    The QPU time used is never null (S62).
    """
    a, b, q, e = "lab-a", "lab-b", "qpu", "explicit"
    assert run.jobs.rows() == [
        ("j1", a, "s1", "session", q, "DONE", None, 0, None, 0, 0, 10, 10, 10, 1, 0, 10, e),
        ("j2", a, "s1", "session", q, "DONE", None, 15, None, 15, 15, 25, 10, 10, 1, 0, 10, e),
        ("j3", b, None, "job", q, "DONE", None, 12, None, 12, 35, 65, 30, 30, 1, 23, 53, e),
        ("j4", a, "s1", "session", q, "DONE", None, 40, None, 40, 65, 70, 5, 5, 1, 25, 30, e),
        (
            *("j5", a, "s1", "session", q, "REJECTED", "SESSION_CLOSED", 75),
            *(None, None, None, None, 5, 0, 0, None, None, e),
        ),
        ("j6", b, "b1", "batch", q, "DONE", None, 71, None, 71, 72, 76, 4, 4, 1, 1, 5, e),
        ("j7", b, None, "job", q, "DONE", None, 77, None, 77, 77, 79, 2, 2, 1, 0, 2, e),
        ("j8", a, None, "job", q, "RUNNING", None, 82, None, 82, 82, None, 100, 8, 1, 0, None, e),
        ("j9", b, None, "job", q, "QUEUED", None, 84, None, 84, None, None, 7, 0, 0, None, None, e),
        (
            *("j11", b, None, "job", q, "CANCELLED", "JOB_CANCELLED", 85),
            *(None, 85, None, 86, 3, 0, 0, None, 1, e),
        ),
    ]


def test_sessions_tell_the_life_of_every_session_that_came_to_exist(run):
    """S62: usage of s1 is 0 to 35 and 65 to 72, that of the batch the time of j6; s3 is no row (S6)."""
    assert run.sessions.rows(named=True) == [
        {
            "session": "s1",
            "account": "lab-a",
            "qpu": "qpu",
            "mode": "session",
            "state": "closed",
            "reason": "CLOSED",
            "created_us": 0,
            "started_us": 0,
            "activated_us": 65,
            "closed_us": 72,
            "last_job_started_us": 65,
            "last_job_completed_us": 70,
            "max_time_us": 1000,
            "interactive_timeout_us": 10,
            "accepting_jobs": False,
            "activations": 2,
            "jobs_submitted": 4,
            "jobs_done": 3,
            "jobs_error": 0,
            "jobs_cancelled": 0,
            "jobs_rejected": 1,
            "usage_us": 42,
            "held_us": 17,
            "delayed_us": 0,
        },
        {
            "session": "b1",
            "account": "lab-b",
            "qpu": "qpu",
            "mode": "batch",
            "state": "inactive",
            "reason": None,
            "created_us": 71,
            "started_us": 72,
            "activated_us": 72,
            "closed_us": None,
            "last_job_started_us": 72,
            "last_job_completed_us": 76,
            "max_time_us": 1000,
            "interactive_timeout_us": 5,
            "accepting_jobs": True,
            "activations": 1,
            "jobs_submitted": 1,
            "jobs_done": 1,
            "jobs_error": 0,
            "jobs_cancelled": 0,
            "jobs_rejected": 0,
            "usage_us": 4,
            "held_us": 3,
            "delayed_us": 0,
        },
    ]


def test_intervals_tile_the_run(run):
    """S72: busy before held before free; a foreign job in a batch is busy and of no session."""
    assert run.intervals.columns == ["qpu", "start_us", "end_us", "kind", "job", "session"]
    assert run.intervals.rows() == [
        ("qpu", 0, 10, "busy", "j1", "s1"),
        ("qpu", 10, 15, "held", None, "s1"),
        ("qpu", 15, 25, "busy", "j2", "s1"),
        ("qpu", 25, 35, "held", None, "s1"),
        ("qpu", 35, 65, "busy", "j3", None),
        ("qpu", 65, 70, "busy", "j4", "s1"),
        ("qpu", 70, 72, "held", None, "s1"),
        ("qpu", 72, 76, "busy", "j6", "b1"),
        ("qpu", 76, 77, "held", None, "b1"),
        ("qpu", 77, 79, "busy", "j7", None),
        ("qpu", 79, 81, "held", None, "b1"),
        ("qpu", 81, 82, "free", None, None),
        ("qpu", 82, 90, "busy", "j8", None),
    ]


def test_transitions_use_public_states(run):
    assert run.transitions.columns == ["time_us", "session", "from_state", "event", "to_state", "reason"]
    assert run.transitions.rows() == [
        (0, "s1", None, "CREATE", "open", None),
        (0, "s1", "open", "START", "active", None),
        (35, "s1", "active", "ITTL", "inactive", None),
        (65, "s1", "inactive", "START", "active", None),
        (71, "b1", None, "CREATE", "open", None),
        (72, "s1", "active", "CLOSE_EMPTY", "closed", "CLOSED"),
        (72, "b1", "open", "START", "active", None),
        (81, "b1", "active", "ITTL", "inactive", None),
    ]


def test_queue_length_has_the_changes_only(run):
    """Jobs that start at once are never queued; j9 and j11 wait at the end."""
    assert run.queue_length.columns == ["qpu", "time_us", "queued"]
    assert [row[1:] for row in run.queue_length.rows()] == [
        *((0, 0), (12, 1), (35, 0), (40, 1), (65, 0), (71, 1), (72, 0), (84, 1), (85, 2), (86, 1))
    ]


def test_a_run_without_anything_has_empty_tables():
    run = make_run(make_record(jobs=(), sessions=(), transitions=(), end_us=0), horizon=None)
    assert run.jobs.rows() == []
    assert run.sessions.rows() == []
    assert run.intervals.rows() == []
    assert run.transitions.rows() == []
    assert run.queue_length.rows() == [("qpu", 0, 0)]


def test_an_idle_run_is_one_free_interval():
    run = make_run(make_record(jobs=(), sessions=(), transitions=()))
    assert run.intervals.rows() == [("qpu", 0, HORIZON, "free", None, None)]


def test_usage_of_a_session_goes_on_until_its_running_job_ends():
    """S16, S62: closed by max_time at 5 while its job runs to 9, which counts; the QPU is not held then."""
    record = make_record(
        jobs=(("j1", 0, 0, 9, 0, 0, 9, JobStatus.DONE, Reason.NONE),),
        sessions=(("s1", 0, SESSION, 5, 10),),
        transitions=(
            *TRANSITIONS[:2],
            (5, 0, SessionPhase.RUNNING, SessionEvent.MAX_TIME, SessionPhase.CLOSED, Reason.MAX_TIME),
        ),
        end_us=9,
    )
    run = make_run(record, horizon=None)
    assert run.sessions.select("usage_us", "held_us", "closed_us", "last_job_completed_us").rows() == [
        (9, 0, 5, 9)
    ]
    assert run.intervals.rows() == [("qpu", 0, 9, "busy", "j1", "s1")]


def test_usage_of_unfinished_sessions_and_batches_counts_up_to_the_end():
    """S62: a session active since 0 at the horizon 20; a batch job running since 12 is of another run."""
    idle = make_record(
        jobs=JOBS[:1], sessions=(("s1", 0, SESSION, 1000, 50),), transitions=TRANSITIONS[:2], end_us=20
    )
    assert make_run(idle, horizon=20).sessions.select("state", "usage_us", "held_us").rows() == [
        ("active", 20, 10)
    ]
    running = make_record(
        jobs=(("j1", 0, 0, 50, 12, 12, NEVER, JobStatus.RUNNING, Reason.NONE),),
        sessions=(("b1", 0, BATCH, 1000, 50),),
        transitions=((12, *TRANSITIONS[0][1:]), (12, *TRANSITIONS[1][1:])),
        end_us=20,
    )
    assert make_run(running, horizon=20).sessions.select("state", "usage_us", "held_us").rows() == [
        ("active", 8, 0)
    ]


def test_usage_with_max_time_zero_is_the_time_of_the_job():
    """S11: the session is closed in the instant of its first start; the activation takes no time."""
    record = make_record(
        jobs=(("j1", 0, 0, 4, 0, 0, 4, JobStatus.DONE, Reason.NONE),),
        sessions=(("s1", 0, SESSION, 0, 10),),
        transitions=(
            *TRANSITIONS[:2],
            (0, 0, SessionPhase.RUNNING, SessionEvent.MAX_TIME, SessionPhase.CLOSED, Reason.MAX_TIME),
        ),
        end_us=4,
    )
    assert make_run(record, horizon=None).sessions.select("activations", "usage_us", "held_us").rows() == [
        (1, 4, 0)
    ]


def test_intervals_of_one_instant_are_left_out():
    """S72: positive length; a job cancelled in the instant of its start is busy for no time."""
    jobs = with_job("j7", started=77, ended=77, status=JobStatus.CANCELLED, reason=Reason.JOB_CANCELLED)
    run = make_run(make_record(jobs))
    assert run.intervals.rows()[8:10] == [
        ("qpu", 76, 81, "held", None, "b1"),
        ("qpu", 81, 82, "free", None, None),
    ]
    assert run.jobs.filter(pl.col("job") == "j7")["qpu_time_us"].to_list() == [0]
    assert run.summary()["all"]["slowdown"]["count"] == 5  # no service, no slowdown


def test_held_intervals_of_two_sessions_are_not_merged():
    """Only a wrong record has them; its tables show it as it is."""
    transitions = (
        (0, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
        (5, 0, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, Reason.NONE),
        (5, 1, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
    )
    record = make_record((), transitions=transitions, end_us=9)
    assert [row[1:] for row in make_run(record).intervals.rows()] == [
        (0, 5, "held", None, "s1"),
        (5, 9, "held", None, "b1"),
    ]


def test_active_periods_of_sessions_are_told_apart():
    """In order of activation, also where they overlap (as on several QPUs) and one has no end."""
    transitions = (
        (0, 1, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
        (5, 0, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
        (6, 2, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, Reason.NONE),
        (7, 1, SessionPhase.RUNNING, SessionEvent.CLOSE, SessionPhase.CLOSING, Reason.NONE),
        (8, 1, SessionPhase.CLOSING, SessionEvent.END_LAST, SessionPhase.CLOSED, Reason.CLOSED),
        (9, 0, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, Reason.NONE),
    )
    periods = active_periods(make_record((), transitions=transitions, end_us=20))
    assert list(
        zip(periods.owner.tolist(), periods.start_us.tolist(), periods.end_us.tolist(), strict=True)
    ) == [
        (1, 0, 8),
        (0, 5, 9),
        (2, 6, 20),
    ]


def test_a_closing_session_accepts_no_jobs_while_active():
    """S17: close() at 5 while j1 runs; at the horizon it still does."""
    record = make_record(
        jobs=with_job("j1", JOBS[:1], ended=NEVER, status=JobStatus.RUNNING),
        sessions=(("s1", 0, SESSION, 1000, 10),),
        transitions=(
            *TRANSITIONS[:2],
            (5, 0, SessionPhase.RUNNING, SessionEvent.CLOSE, SessionPhase.CLOSING, Reason.NONE),
        ),
        end_us=8,
    )
    run = make_run(record, horizon=8)
    columns = run.sessions.select("state", "reason", "accepting_jobs", "activations", "usage_us")
    assert columns.rows() == [("active", None, False, 1, 8)]
    assert run.transitions.rows()[-1] == (5, "s1", "active", "CLOSE", "active", None)


def test_jobs_started_out_of_number_order_are_in_time_order():
    """A priority policy starts j2 before j1."""
    record = make_record(
        jobs=(
            ("j1", 0, NEVER, 5, 0, 3, 8, JobStatus.DONE, Reason.NONE),
            ("j2", 0, NEVER, 3, 0, 0, 3, JobStatus.DONE, Reason.NONE),
        ),
        sessions=(),
        transitions=(),
        end_us=8,
    )
    assert [row[1:5] for row in make_run(record, horizon=None).intervals.rows()] == [
        (0, 3, "busy", "j2"),
        (3, 8, "busy", "j1"),
    ]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_intervals_are_the_same_in_pieces(run, monkeypatch, rows):
    """Whether two neighbours are one interval is seen across the edge of a piece, too."""
    monkeypatch.setattr(result_columns, "_ROWS_AT_ONCE", rows)
    assert make_run().intervals.rows() == run.intervals.rows()


def test_names_come_from_blocks_in_row_order():
    """S67: listed, numbered and nested names, and more of them than are made at once."""
    blocks = (("a",), NestedNames("vqe", (2, 1)), NumberedNames("everyday", 20_000))
    names = name_series(blocks)
    assert names[:5].to_list() == ["a", "vqe/1/1", "vqe/1/2", "vqe/2/1", "everyday/1"]
    assert (len(names), names[-1]) == (20_004, "everyday/20000")
    assert [name_of(blocks, row) for row in (0, 3, 20_003)] == ["a", "vqe/2/1", "everyday/20000"]
    with pytest.raises(IndexError):
        name_of(blocks, 20_004)


@pytest.mark.parametrize("table", TABLES)
def test_tables_become_frames_of_pandas(run, table):
    """Values stay, what is null is missing, and enumerations become categories with the same words."""
    pytest.importorskip("pandas", reason="pip install 'qsession-sim[pandas]'")
    pytest.importorskip("pyarrow", reason="pip install 'qsession-sim[pandas]'")
    frame = getattr(run, table)
    converted = frame.to_pandas()
    assert list(converted.columns) == frame.columns
    for name, kind in frame.schema.items():
        column = converted[name]
        assert column.isna().tolist() == frame[name].is_null().to_list()
        assert column.dropna().tolist() == frame[name].drop_nulls().to_list()
        if isinstance(kind, pl.Enum):
            assert list(column.cat.categories) == kind.categories.to_list()

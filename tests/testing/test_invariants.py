"""Every invariant sees its own corruption of a record that is right: the QPU (S70 to S74)."""

from __future__ import annotations

import pytest
from results.handmade import (
    BATCH,
    JOBS,
    SESSION,
    TRANSITIONS,
    make_record,
    make_run,
    with_job,
)

from qsession_sim.errors import BundleError
from qsession_sim.experiment.study import load
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Reason
from qsession_sim.testing import check_invariants
from testing.corruptions import (
    job_mode_run,
    of_jobs,
    session_run,
    violation,
    with_intervals,
)

DONE, NONE = JobStatus.DONE, Reason.NONE


def test_a_right_run_passes():
    check_invariants(make_run())
    check_invariants(job_mode_run((0, 0, 10), (3, 10, 15), (4, 15, 16)))


def test_an_empty_run_passes():
    check_invariants(make_run(make_record((), (), (), end_us=0), horizon=None))
    check_invariants(make_run(make_record((), (), ())))


def test_a_run_read_back_from_disk_is_refused(tmp_path):
    """The tables of a bundle are not the record that is checked."""
    make_run().save(tmp_path / "out")
    with pytest.raises(BundleError) as caught:
        check_invariants(load(tmp_path / "out"))
    assert str(caught.value) == (
        f"{tmp_path / 'out'} cannot be checked: a bundle holds tables, and the checks need the record of what "
        "happened; simulate its scenario.yaml again and check that run"
    )


def test_two_sessions_that_wait_for_each_other_pass():
    """Session s1 (ITTL 2) runs j1 to 30. Batch b2 (ITTL 10) is open: its j2 is cancelled at 2, its j3 waits from
    20 to 32, when s1 becomes inactive, and runs to 40. While b2 is idle, to 50, j4 of s1 waits (S12, S32);
    s1 is closed when it ended.
    """
    record = make_record(
        (
            ("j1", 0, 0, 30, 0, 0, 30, DONE, NONE),
            ("j2", 1, 1, 1, 1, NEVER, 2, JobStatus.CANCELLED, Reason.JOB_CANCELLED),
            ("j3", 1, 1, 8, 20, 32, 40, DONE, NONE),
            ("j4", 0, 0, 1, 35, 50, 51, DONE, NONE),
        ),
        (("s1", 0, SESSION, 1000, 2), ("b2", 1, BATCH, 1000, 10)),
        (
            *TRANSITIONS[:2],
            (1, 1, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, NONE),
            (32, 0, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, NONE),
            (32, 1, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, NONE),
            (50, 1, SessionPhase.IDLE, SessionEvent.ITTL, SessionPhase.INACTIVE, NONE),
            (50, 0, SessionPhase.INACTIVE, SessionEvent.START, SessionPhase.RUNNING, NONE),
            (51, 0, SessionPhase.IDLE, SessionEvent.CLOSE_EMPTY, SessionPhase.CLOSED, Reason.CLOSED),
        ),
        end_us=51,
    )
    check_invariants(make_run(record, horizon=None))


def test_cancels_in_the_instant_of_submission_or_start_pass():
    """S25: j11 comes and goes at 80, in an idle batch; j7 leaves the QPU at 77, when it started."""
    cancelled = {"status": JobStatus.CANCELLED, "reason": Reason.JOB_CANCELLED}
    check_invariants(of_jobs("j11", submitted=80, ended=80))
    check_invariants(of_jobs("j7", ended=77, **cancelled))


def test_the_violation_first_in_time_is_named():
    """S74 at 12 and S71 at 77; then S71 at 0."""
    jobs = with_job("j7", with_job("j2", submitted=12), reason=Reason.MAX_TIME)
    assert violation(make_run(make_record(jobs))).startswith("S74 at 12 us: ")
    jobs = with_job("j1", jobs, reason=Reason.MAX_TIME)
    assert violation(make_run(make_record(jobs))).startswith("S71 at 0 us: ")


# ------------------------------------------------------------------ S70


def test_s70_two_jobs_at_once():
    """j7 starts at 75, while j6 runs to 76."""
    assert violation(of_jobs("j7", submitted=75, started=75)) == (
        "S70 at 75 us: job 'j7' starts while job 'j6' is on QPU 'qpu'"
    )


def test_s70_a_job_inside_an_earlier_long_one():
    run = job_mode_run((0, 0, 10), (0, 2, 3), (0, 4, 5), queue="priority")
    assert violation(run) == "S70 at 2 us: job 'j2' starts while job 'j1' is on QPU 'qpu'"


# ------------------------------------------------------------------ S71


@pytest.mark.parametrize(
    ("name", "changes", "time_us"),
    [
        ("j3", {"reason": Reason.JOB_CANCELLED}, 12),
        ("j3", {"status": JobStatus.QUEUED}, 12),
        ("j3", {"status": JobStatus.RUNNING}, 12),
        ("j3", {"status": JobStatus.ERROR}, 12),
        ("j3", {"status": JobStatus.REJECTED}, 12),
        ("j3", {"status": NEVER}, 12),
        ("j8", {"started": 81}, 82),
        ("j8", {"reason": Reason.RAN_TOO_LONG}, 82),
        ("j9", {"status": JobStatus.RUNNING}, 84),
        ("j9", {"status": JobStatus.DONE}, 84),
        ("j9", {"submitted": 95}, 90),
        ("j3", {"started": NEVER}, 12),
        ("j2", {"started": 14}, 15),
        ("j5", {"reason": Reason.CLOSED}, 75),
        ("j5", {"ended": 76}, 75),
        ("j10", {"status": JobStatus.QUEUED}, 0),
        ("j10", {"ended": 5}, 0),
        ("j11", {"reason": Reason.NONE}, 85),
        ("j11", {"status": JobStatus.ERROR}, 85),
        ("j11", {"ended": 91}, 85),
        ("j11", {"ended": 84}, 85),
    ],
)
def test_s71_outcomes_that_contradict_themselves(name, changes, time_us):
    message = violation(of_jobs(name, **changes))
    assert message.startswith(f"S71 at {time_us} us: job {name!r} has status ")
    assert message.endswith(": not one outcome")


# ------------------------------------------------------------------ S72


def test_s72_a_gap():
    assert violation(with_intervals(lambda rows: rows.pop(11))) == (
        "S72 at 81 us: an interval of QPU 'qpu' ends at 81 us, the next begins at 82 us"
    )


def test_s72_an_overlap():
    def change(rows):
        rows[11][1] = 80

    assert violation(with_intervals(change)).startswith("S72 at 80 us: ")


def test_s72_the_beginning_and_the_end_belong_to_it():
    assert violation(with_intervals(lambda rows: rows.pop(0))).startswith("S72 at 0 us: ")
    assert violation(with_intervals(lambda rows: rows.pop())).startswith("S72 at 82 us: ")


def test_s72_an_interval_without_length():
    assert violation(with_intervals(lambda rows: rows.insert(1, ["qpu", 10, 10, "held", None, "s1"]))) == (
        "S72 at 10 us: an interval of QPU 'qpu' has no positive length"
    )


def test_s72_neighbours_that_are_not_merged():
    def change(rows):
        rows[3:4] = [["qpu", 25, 30, "held", None, "s1"], ["qpu", 30, 35, "held", None, "s1"]]

    assert violation(with_intervals(change)) == (
        "S72 at 30 us: an interval of QPU 'qpu' is like the one before it and not merged with it"
    )


def test_s72_busy_with_the_wrong_job():
    def change(rows):
        rows[2][4] = "j3"

    assert violation(with_intervals(change)) == (
        "S72 at 25 us: the busy interval is not the time of job 'j2' on the QPU"
    )


def test_s72_a_busy_interval_too_many():
    def change(rows):
        rows[11][3:5] = ["busy", "j9"]

    assert violation(with_intervals(change)).startswith("S72 at 81 us: ")


def test_s72_held_by_a_session_that_is_not_active():
    def change(rows):
        rows[11][3] = "held"
        rows[11][5] = "s1"

    assert violation(with_intervals(change)) == ("S72 at 81 us: the QPU is held by 's1', which is not active")

    def stretch(rows):
        rows[10:12] = [["qpu", 79, 82, "held", None, "b1"]]

    assert violation(with_intervals(stretch)).startswith("S72 at 81 us: the QPU is held by 'b1'")

    def confuse(rows):
        rows[1][5] = "b1"

    assert violation(with_intervals(confuse)).startswith("S72 at 10 us: the QPU is held by 'b1'")


def test_s72_free_while_a_session_is_active():
    def change(rows):
        rows[3][3] = "free"
        rows[3][5] = None

    run = with_intervals(change)
    # j3 waits for the QPU that is said to be free, from 25 too: the lower rule is named
    assert violation(run) == "S72 at 25 us: the QPU is free while session 's1' is active"


def test_s72_a_run_that_misses_its_horizon():
    assert violation(make_run(horizon=91)) == (
        "S72 at 90 us: the run ends there, and not at its horizon of 91 us"
    )


# ------------------------------------------------------------------ S73


@pytest.mark.parametrize("hold", ["exclusive", "none"])
def test_s73_a_job_mode_job_in_an_exclusive_session(hold):
    run = session_run(SESSION, ("j2", 1, NEVER, 5, 12, 12, 17, DONE, NONE), hold=hold)
    if hold == "none":  # S76: the session should have been inactive from 10 on
        assert violation(run).startswith("S76 at 10 us: ")
    else:
        assert violation(run) == "S73 at 12 us: job 'j2' starts while session 's1' is active"


def test_s73_job_mode_may_run_in_batches_and_shared_sessions():
    """S32, S51."""
    check_invariants(session_run(SESSION, ("j2", 1, NEVER, 5, 12, 12, 17, DONE, NONE), hold="shared"))
    check_invariants(session_run(BATCH, ("j2", 1, NEVER, 5, 12, 12, 17, DONE, NONE)))


@pytest.mark.parametrize(
    ("mode", "hold"), [(BATCH, "exclusive"), (SESSION, "shared"), (SESSION, "exclusive")]
)
def test_s73_a_job_of_another_session(mode, hold):
    """S12: at most one session holds the QPU; b2 becomes active at 12, in the middle of s1."""
    record = make_record(
        (("j1", 0, 0, 10, 0, 0, 10, DONE, NONE), ("j2", 1, 1, 3, 12, 12, 15, DONE, NONE)),
        (("s1", 0, mode, 1000, 10), ("b2", 1, BATCH, 1000, 1)),
        (
            *TRANSITIONS[:2],
            (12, 1, SessionPhase.ABSENT, SessionEvent.CREATE, SessionPhase.OPEN, NONE),
            (12, 1, SessionPhase.OPEN, SessionEvent.START, SessionPhase.RUNNING, NONE),
            (15, 1, SessionPhase.RUNNING, SessionEvent.CLOSE_EMPTY, SessionPhase.CLOSED, Reason.CLOSED),
            (20, *TRANSITIONS[2][1:]),
        ),
        end_us=20,
    )
    assert violation(make_run(record, horizon=20, hold=hold)) == (
        "S73 at 12 us: job 'j2' starts while session 's1' is active"
    )


# ------------------------------------------------------------------ S74


def test_s74_free_while_a_job_is_queued():
    assert (
        violation(of_jobs("j8", submitted=81)) == "S74 at 81 us: QPU 'qpu' is free while job 'j8' is queued"
    )


def test_s74_free_while_a_job_was_queued_before():
    """j2 waits from 3 on and the QPU is free from 10 to 11."""
    assert violation(job_mode_run((0, 0, 10), (3, 11, 12))) == (
        "S74 at 10 us: QPU 'qpu' is free while job 'j2' is queued"
    )


def test_s74_free_while_a_job_that_never_starts_is_queued():
    jobs = (*JOBS[:-1], ("j11", 1, NEVER, 3, 80, NEVER, NEVER, JobStatus.QUEUED, NONE))
    assert violation(make_run(make_record(jobs))).startswith("S74 at 80 us: ")
    run = session_run(SESSION, ("j2", 1, NEVER, 5, 12, NEVER, NEVER, JobStatus.QUEUED, NONE))
    check_invariants(run)  # an exclusive session may let it wait


def test_s74_held_by_a_batch_while_job_mode_is_queued():
    assert violation(of_jobs("j7", submitted=75)) == (
        "S74 at 76 us: QPU 'qpu' is held but open to job mode while job 'j7' is queued"
    )


def test_s74_held_by_a_shared_session_while_job_mode_is_queued():
    """j3 comes at 12, the session holds the QPU to 15."""
    message = violation(make_run(hold="shared"))
    assert message == "S74 at 12 us: QPU 'qpu' is held but open to job mode while job 'j3' is queued"


def test_s74_held_while_a_job_of_the_holder_is_queued():
    """S12: also if the job was queued before the QPU got idle."""
    for submitted in (12, 5):
        assert violation(of_jobs("j2", submitted=submitted)) == (
            f"S74 at {max(10, submitted)} us: QPU 'qpu' is held by its session while job 'j2' is queued"
        )

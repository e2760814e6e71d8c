"""What an idle session lets the QPU do, by estimates and by its own past: S51 `gap_fill` and `adaptive`."""

from __future__ import annotations

from qsession_sim.scheduler.plan import ADAPTIVE, GAP_FILL, JobSpec, QpuSpec, Rules, SessionSpec
from qsession_sim.scheduler.vocabulary import Mode

FILL = Rules(hold=GAP_FILL)
ADAPT = Rules(hold=ADAPTIVE)
SECOND = 1_000_000


def test_s51_job_that_fits_in_what_is_left_of_the_ittl_fills_the_gap(run):
    """The ITTL ends at 11. At 1 there are 10 left: j1 of 11 does not fit, j2 of 10 does."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=11, at_us=0),
        JobSpec(qpu_time_us=10, at_us=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)], rules=FILL) == [
        "j0 0 0 1 DONE",
        "j1 0 11 22 DONE",
        "j2 0 1 11 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "11 s0 IDLE ITTL INACTIVE",
        "end 22",
    ]


def test_s51_filling_a_gap_neither_stops_nor_restarts_the_clock(run):
    """4 are left at 7, when j2 comes; it takes 4, and the session lets go as it ends."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=3, at_us=2),
        JobSpec(qpu_time_us=4, at_us=7),
        JobSpec(qpu_time_us=1, at_us=8),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)], rules=FILL) == [
        "j0 0 0 1 DONE",
        "j1 2 2 5 DONE",
        "j2 7 7 11 DONE",
        "j3 8 11 12 DONE",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "11 s0 IDLE ITTL INACTIVE",
        "end 12",
    ]


def test_s51_estimate_that_was_too_low_delays_the_next_job_of_the_session(run):
    """j1 is estimated at 2 and takes 8; j2 comes at 3 and waits for it until 9."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=8, at_us=0, estimate_us=2),
        JobSpec(qpu_time_us=1, at_us=3, session=0),
    ]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)], rules=FILL)[:3] == [
        "j0 0 0 1 DONE",
        "j1 0 1 9 DONE",
        "j2 3 9 10 DONE",
    ]


def test_s51_estimate_that_was_too_high_keeps_a_job_out(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0), JobSpec(qpu_time_us=2, at_us=0, estimate_us=11)]
    assert run(jobs, [SessionSpec(interactive_timeout_us=10)], rules=FILL)[:2] == [
        "j0 0 0 1 DONE",
        "j1 0 11 13 DONE",
    ]


def test_s51_jobs_of_other_sessions_fill_no_gap(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0), JobSpec(qpu_time_us=1, at_us=2, session=1)]
    sessions = [SessionSpec(interactive_timeout_us=10), SessionSpec(interactive_timeout_us=0)]
    assert run(jobs, sessions, rules=FILL)[:2] == ["j0 0 0 1 DONE", "j1 2 11 12 DONE"]


def test_s51_batch_lets_job_mode_jobs_in_whatever_their_length(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=0, session=0), JobSpec(qpu_time_us=50, at_us=0)]
    sessions = [SessionSpec(Mode.BATCH, interactive_timeout_us=3)]
    assert run(jobs, sessions, rules=FILL)[:2] == ["j0 0 0 1 DONE", "j1 0 1 51 DONE"]


def test_s51_closing_session_lets_nobody_in(run):
    """It waits until 9 for j1, which prepares, and has no ITTL clock that anything could fit in."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=0, session=0, preparation_us=9),
        JobSpec(qpu_time_us=1, at_us=2),
    ]
    assert run(jobs, [SessionSpec(close_us=1)], rules=FILL)[:3] == [
        "j0 0 0 1 DONE p--0",
        "j1 0 9 10 DONE p0-9",
        "j2 2 10 11 DONE p--2",
    ]


def test_s51_gap_that_a_cancel_of_a_job_without_a_lane_opens_is_filled_at_once(run):
    """j1 has the only lane until 50, so j2 waits for it and stops the ITTL clock until it is cancelled at 5."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=0, preparation_us=50),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=5, cancel_us=5),
        JobSpec(qpu_time_us=1, at_us=2),
    ]
    sessions = [SessionSpec(interactive_timeout_us=20)]
    assert run(jobs, sessions, rules=FILL, qpus=(QpuSpec(lanes=1),)) == [
        "j0 0 0 1 DONE p--0",
        "j1 0 50 51 DONE p0-50",
        "j2 1 - 5 CANCELLED JOB_CANCELLED p---",
        "j3 2 5 6 DONE p--2",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN START RUNNING",
        "25 s0 IDLE ITTL INACTIVE",
        "end 51",
    ]


def think_times(*thinks_seconds):
    """A session whose jobs of 1 s follow each other after think times."""
    jobs = [JobSpec(qpu_time_us=SECOND, at_us=0, session=0)]
    for number, seconds in enumerate(thinks_seconds):
        jobs.append(JobSpec(qpu_time_us=SECOND, after=number, think_us=int(seconds * SECOND), session=0))
    return jobs


def changes(lines):
    """The changes of the session after its creation, times in seconds."""
    words = [line.split() for line in lines if " s0 " in line][1:]
    return [(int(word[0]) / SECOND, word[4]) for word in words]


def test_s51_adaptive_ittl_is_twice_the_mean_of_the_past_think_times(run):
    """Ends at 1, 5 and 11; think times 3 and 5. The clocks: 60 s, then 2 x 3, then 2 x 4, from 11 on."""
    lines = run(think_times(3, 5), [SessionSpec(interactive_timeout_us=60 * SECOND)], rules=ADAPT)
    assert changes(lines) == [(0, "RUNNING"), (19, "INACTIVE")]


def test_s51_adaptive_ittl_learns_from_a_think_time_that_outlasted_it(run):
    """After 2 s the clock is 4 s, and ends at 4 + 4; the job comes at 4 + 10. Then it is 2 x 6 from 15 on."""
    lines = run(think_times(2, 10), [SessionSpec(interactive_timeout_us=60 * SECOND)], rules=ADAPT)
    assert changes(lines) == [(0, "RUNNING"), (8, "INACTIVE"), (14, "RUNNING"), (27, "INACTIVE")]


def test_s51_adaptive_counts_one_think_time_until_the_session_is_left_without_jobs_again(run):
    """j0 ends at 1, so j1 of 4 ends a think time of 3, and j2 of 6 none: j1 runs until 14, j2 until 15.

    The clock is 2 x 3 from 15 on.
    """
    jobs = [
        JobSpec(qpu_time_us=time * SECOND, at_us=at * SECOND, session=0)
        for at, time in ((0, 1), (4, 10), (6, 1))
    ]
    lines = run(jobs, [SessionSpec(interactive_timeout_us=60 * SECOND)], rules=ADAPT)
    assert changes(lines) == [(0, "RUNNING"), (21, "INACTIVE")]


def test_s51_adaptive_ittl_is_rounded_once(run):
    """Think times of 3 s and 3.000001 s: twice their mean is 6.000001 s, though the mean is no whole number.

    The jobs end at 1 s, 5 s and 9.000001 s.
    """
    lines = run(think_times(3, 3.000001), [SessionSpec(interactive_timeout_us=60 * SECOND)], rules=ADAPT)
    assert changes(lines) == [(0, "RUNNING"), (15.000002, "INACTIVE")]


def test_s51_adaptive_ittl_stays_within_one_second_and_the_sessions_own(run):
    """Thinking 0.1 s would give 0.2 s, so it is 1 s from 2.1 on; thinking 3 s twice would give 6 s."""
    short = run(think_times(0.1), [SessionSpec(interactive_timeout_us=60 * SECOND)], rules=ADAPT)
    assert changes(short) == [(0, "RUNNING"), (3.1, "INACTIVE")]
    long = run(think_times(3), [SessionSpec(interactive_timeout_us=4 * SECOND)], rules=ADAPT)
    assert changes(long) == [(0, "RUNNING"), (9, "INACTIVE")]


def test_s51_adaptive_leaves_batches_alone(run):
    jobs, sessions = think_times(0.5), [SessionSpec(Mode.BATCH, interactive_timeout_us=9 * SECOND)]
    assert changes(run(jobs, sessions, rules=ADAPT)) == [(0, "RUNNING"), (11.5, "INACTIVE")]

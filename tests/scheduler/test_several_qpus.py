"""Several QPUs and routing: S54; simulator backends: S22; one order of events over all of them: S3."""

from __future__ import annotations

import pytest

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.plan import ClientSpec, JobSpec, Plan, QpuSpec, Routing, Rules, SessionSpec
from qsession_sim.scheduler.qpu import splitmix64
from qsession_sim.scheduler.queues import FirstInFirstOut
from qsession_sim.scheduler.scheduler import Scheduler, why_not
from qsession_sim.scheduler.vocabulary import NEVER, OnError, OnRejection

TWO = (QpuSpec(), QpuSpec())
THREE = (QpuSpec(), QpuSpec(), QpuSpec())


def test_s54_each_qpu_has_its_own_queue(run):
    jobs = [
        JobSpec(qpu_time_us=9, at_us=0, qpu=0),
        JobSpec(qpu_time_us=1, at_us=1, qpu=0),
        JobSpec(qpu_time_us=2, at_us=1, qpu=1),
    ]
    assert run(jobs, qpus=TWO) == ["j0 0 0 9 DONE @0", "j1 1 9 10 DONE @0", "j2 1 1 3 DONE @1", "end 10"]


def test_s54_least_busy_takes_the_fewest_queued_jobs_and_ties_go_by_number(run):
    """The job on a QPU is not queued. At 2 QPU 0 has j2 queued, QPU 1 nothing; at 4 both have one."""
    jobs = [JobSpec(qpu_time_us=9, at_us=at) for at in (0, 1, 2, 3, 4)]
    assert run(jobs, qpus=TWO, horizon_us=5) == [
        # 0: nobody is queued, so QPU 0; 1: still nobody, so QPU 0 again
        "j0 0 0 - RUNNING @0",
        "j1 1 - - QUEUED @0",
        "j2 2 2 - RUNNING @1",
        "j3 3 - - QUEUED @1",
        "j4 4 - - QUEUED @0",
        "end 5",
    ]


def test_s54_shortest_expected_wait_counts_estimates_and_what_is_left_of_the_running_job(run):
    """At 3 QPU 0 has 7 left of j0, QPU 1 an estimated 5 of j1 (which in truth takes 20)."""
    rules = Rules(routing=Routing.SHORTEST_EXPECTED_WAIT)
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0),
        JobSpec(qpu_time_us=20, at_us=0, estimate_us=8),
        JobSpec(qpu_time_us=1, at_us=3, estimate_us=4),
        # 7 and 5 + 4
        JobSpec(qpu_time_us=1, at_us=3),
        # at 9: 1 + 1, and 4, as the estimate of j1 is used up
        JobSpec(qpu_time_us=1, at_us=9),
    ]
    assert run(jobs, qpus=TWO, rules=rules, horizon_us=10) == [
        "j0 0 0 10 DONE @0",
        "j1 0 0 - RUNNING @1",
        "j2 3 - - QUEUED @1",
        "j3 3 - - QUEUED @0",
        "j4 9 - - QUEUED @0",
        "end 10",
    ]


def test_s54_shortest_expected_wait_expects_nothing_more_of_a_job_that_outlasts_its_estimate(run):
    """At 20 QPU 0 has 4 of j1, and nothing of j0, which should have ended at 8; QPU 1 has 3 of j2."""
    rules = Rules(routing=Routing.SHORTEST_EXPECTED_WAIT)
    jobs = [
        JobSpec(qpu_time_us=50, at_us=0, qpu=0, estimate_us=8),
        JobSpec(qpu_time_us=4, at_us=0, qpu=0),
        JobSpec(qpu_time_us=23, at_us=0, qpu=1),
        JobSpec(qpu_time_us=1, at_us=20),
    ]
    assert run(jobs, qpus=TWO, rules=rules)[3:] == ["j3 20 23 24 DONE @1", "end 54"]


def test_s54_round_robin_goes_by_routing_decisions_not_by_pinned_jobs(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0),
        JobSpec(qpu_time_us=1, at_us=0, qpu=2),
        JobSpec(qpu_time_us=1, at_us=0),
        JobSpec(qpu_time_us=1, at_us=0),
    ]
    jobs.append(JobSpec(qpu_time_us=1, at_us=0))
    lines = run(jobs, qpus=THREE, rules=Rules(routing=Routing.ROUND_ROBIN))
    assert [line[-2:] for line in lines[:5]] == ["@0", "@2", "@1", "@2", "@0"]


def test_s54_random_routing_follows_the_numbers_drawn_before_the_run(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=at, route=route) for at, route in enumerate((5, 3, 0, 7))]
    lines = run(jobs, qpus=THREE, rules=Rules(routing=Routing.RANDOM))
    assert [line[-2:] for line in lines[:4]] == ["@2", "@0", "@0", "@1"]


def test_s54_session_is_routed_when_it_comes_to_exist_and_its_jobs_stay_on_its_qpu(run):
    """s0 exists from 0, on QPU 0, though QPU 1 has the shorter queue when its jobs come."""
    jobs = [
        JobSpec(qpu_time_us=9, at_us=1, qpu=0),
        JobSpec(qpu_time_us=9, at_us=2, qpu=0),
        JobSpec(qpu_time_us=1, at_us=3, session=0),
        JobSpec(qpu_time_us=1, at_us=3, session=1),
    ]
    sessions = [SessionSpec(created_us=0, close_us=3), SessionSpec(close_us=3)]
    assert run(jobs, sessions, qpus=TWO) == [
        "j0 1 1 10 DONE @0",
        "j1 2 10 19 DONE @0",
        "j2 3 19 20 DONE @0",
        "j3 3 3 4 DONE @1",
        "0 s0 ABSENT CREATE OPEN",
        "3 s1 ABSENT CREATE OPEN",
        "3 s0 OPEN CLOSE OPEN_CLOSING",
        "3 s1 OPEN CLOSE OPEN_CLOSING",
        "3 s1 OPEN_CLOSING START CLOSING",
        "4 s1 CLOSING END_LAST CLOSED CLOSED",
        "19 s0 OPEN_CLOSING START CLOSING",
        "20 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 20",
    ]


def test_s12_session_holds_its_own_qpu_only(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=2, qpu=0),
        JobSpec(qpu_time_us=1, at_us=2, qpu=1),
    ]
    sessions = [SessionSpec(interactive_timeout_us=5, qpu=0)]
    assert run(jobs, sessions, qpus=TWO)[:3] == ["j0 0 0 1 DONE @0", "j1 2 6 7 DONE @0", "j2 2 2 3 DONE @1"]


def test_s54_rejected_job_that_no_qpu_was_chosen_for_has_none(run):
    """j0 comes before its session exists; j1 is pinned."""
    jobs = [JobSpec(qpu_time_us=1, after=1, session=0), JobSpec(qpu_time_us=1, at_us=0, qpu=1)]
    assert run(jobs, [SessionSpec(created_us=5)], qpus=TWO, horizon_us=3) == [
        "j0 1 - 1 REJECTED SESSION_NOT_CREATED @-",
        "j1 0 0 1 DONE @1",
        "end 3",
    ]


def test_s54_qpu_time_is_that_of_the_qpu(run):
    jobs = [JobSpec(qpu_time_us=1, at_us=0, route=route) for route in (0, 1, 2)]
    lines = run(
        jobs, qpus=THREE, rules=Rules(routing=Routing.RANDOM), qpu_times_us=([3, 3, 3], [5, 6, 7], [9, 8, 4])
    )
    assert lines == ["j0 0 0 3 DONE @0", "j1 0 0 6 DONE @1", "j2 0 0 4 DONE @2", "end 6"]


def test_s54_estimate_is_that_of_the_qpu(run):
    """All come to QPU 1, where j2 is estimated at 1 and j1 at 2. It is the other way round on QPU 0."""
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, route=1),
        *(JobSpec(qpu_time_us=3, at_us=1, route=1) for _ in range(2)),
    ]
    rules = Rules(routing=Routing.RANDOM)
    estimates_us = ([5, 1, 2], [5, 2, 1])
    lines = run(
        jobs, qpus=TWO, rules=rules, queue_key=lambda job: (job.estimate_us,), estimates_us=estimates_us
    )
    assert lines == [
        "j0 0 0 5 DONE @1",
        "j1 1 8 11 DONE @1",
        "j2 1 5 8 DONE @1",
        "end 11",
    ]


def test_s65_repeated_job_is_routed_anew_and_has_the_time_of_its_qpu(run):
    """j0 is cut at its limit of 4 on QPU 1; its repetition goes to QPU 0, where it needs 2."""
    jobs = [
        JobSpec(qpu_time_us=9, at_us=1, client=0, max_execution_time_us=4),
        JobSpec(qpu_time_us=9, at_us=0, qpu=0),
    ]
    jobs.append(JobSpec(qpu_time_us=1, at_us=0, qpu=0, cancel_us=3))
    clients = [ClientSpec(first_job=0, jobs=1, session=NEVER, on_error=OnError.RETRY)]
    lines = run(jobs, clients=clients, qpus=TWO, qpu_times_us=([2, 9, 1], [9, 9, 9]))
    assert lines == [
        "j0 1 1 5 ERROR RAN_TOO_LONG @1",
        "j1 0 0 9 DONE @0",
        "j2 0 - 3 CANCELLED JOB_CANCELLED @0",
        "j3 5 9 11 DONE @0",
        "end 11",
    ]


def test_s54_random_routing_of_further_attempts(run):
    """SplitMix64 with seed 1234567 begins, as published, with 6457827717110365317: the first repeat of what drew
    1234566, on QPU 0, is on QPU 1. The other job drew 0 and comes to 0; seed 1 begins with 0x910a2dec89025cc1."""
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, client=0, route=1234566, cancel_us=1),
        JobSpec(qpu_time_us=5, at_us=0, client=1, route=0, cancel_us=2),
    ]
    clients = [ClientSpec(first_job=n, jobs=1, session=NEVER, on_error=OnError.RETRY) for n in (0, 1)]
    lines = run(jobs, clients=clients, qpus=TWO, rules=Rules(routing=Routing.RANDOM))
    assert lines == [
        "j0 0 0 1 CANCELLED JOB_CANCELLED @0",
        "j1 0 1 2 CANCELLED JOB_CANCELLED @0",
        "j2 1 1 6 DONE @1",
        "j3 2 6 11 DONE @1",
        "end 11",
    ]


def test_s54_random_routing_of_a_further_attempt_among_three(run):
    """The number of above, of which the digits add up to 81, is a multiple of 3, as 1234566 is, but not 1234567."""
    jobs = [JobSpec(qpu_time_us=5, at_us=0, client=0, route=1234566, cancel_us=1)]
    clients = [ClientSpec(first_job=0, jobs=1, session=NEVER, on_error=OnError.RETRY)]
    assert run(jobs, clients=clients, qpus=THREE, rules=Rules(routing=Routing.RANDOM)) == [
        "j0 0 0 1 CANCELLED JOB_CANCELLED @0",
        "j1 1 1 6 DONE @0",
        "end 6",
    ]


def test_s54_random_routing_counts_the_repeats_of_each_job(run):
    """Each attempt is cut after 1; the 1st to 3rd repeat of what drew 5 go by splitmix64(6), (7) and (8)."""
    assert [splitmix64(5 + n) % 2 for n in (1, 2, 3)] == [0, 1, 0]
    jobs = [JobSpec(qpu_time_us=5, at_us=0, client=0, route=5, max_execution_time_us=1)] * 2
    clients = [ClientSpec(first_job=0, jobs=2, session=NEVER, on_error=OnError.RETRY)]
    lines = run(jobs, clients=clients, qpus=TWO, rules=Rules(routing=Routing.RANDOM), horizon_us=4)
    assert [line.split()[-1] for line in lines[:-1] if line.startswith(("j0", "j2", "j3", "j4"))] == [
        *("@1", "@0", "@1", "@0"),
    ]


def test_s54_random_routing_of_further_sessions(run):
    """The session that drew 1234566 is on QPU 0 and closed at 2; the next one is on QPU 1, the one after on 0."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, client=0, session=0, think_us=0),
        *[JobSpec(qpu_time_us=1, client=0, session=0, think_us=3) for _ in range(2)],
    ]
    clients = [ClientSpec(first_job=0, jobs=3, session=0, on_rejection=OnRejection.NEW_SESSION)]
    session = SessionSpec(interactive_timeout_us=9, max_time_us=3, route=1234566)
    lines = run(jobs, [session], clients=clients, qpus=TWO, rules=Rules(routing=Routing.RANDOM))
    assert splitmix64(1234568) % 2 == 0
    assert lines[:5] == [
        "j0 0 0 1 DONE @0",
        "j1 4 - 4 REJECTED SESSION_CLOSED @0",
        "j2 8 - 8 REJECTED SESSION_CLOSED @1",
        "j3 4 4 5 DONE @1",
        "j4 8 8 9 DONE @0",
    ]


def test_s3_qpus_look_for_work_in_order_of_their_numbers(run):
    """Both begin at 0: the events of one instant are those of S3 over all QPUs."""
    jobs = [JobSpec(qpu_time_us=2, at_us=0, session=1), JobSpec(qpu_time_us=2, at_us=0, session=0)]
    sessions = [SessionSpec(qpu=1, close_us=0), SessionSpec(qpu=0, close_us=0)]
    assert run(jobs, sessions, qpus=TWO)[2:] == [
        "0 s1 ABSENT CREATE OPEN",
        "0 s0 ABSENT CREATE OPEN",
        "0 s0 OPEN CLOSE OPEN_CLOSING",
        "0 s1 OPEN CLOSE OPEN_CLOSING",
        "0 s1 OPEN_CLOSING START CLOSING",
        "0 s0 OPEN_CLOSING START CLOSING",
        "2 s1 CLOSING END_LAST CLOSED CLOSED",
        "2 s0 CLOSING END_LAST CLOSED CLOSED",
        "end 2",
    ]


def test_s22_jobs_of_a_simulator_start_at_once_and_do_not_wait_for_each_other(run):
    jobs = [
        JobSpec(qpu_time_us=9, at_us=0, qpu=1),
        JobSpec(qpu_time_us=4, at_us=1, qpu=1),
        JobSpec(qpu_time_us=4, at_us=1, qpu=1, cancel_us=3),
        JobSpec(qpu_time_us=2, at_us=1),
        JobSpec(qpu_time_us=2, at_us=1),
    ]
    qpus = (QpuSpec(), QpuSpec(simulator=True))
    assert run(jobs, qpus=qpus) == [
        "j0 0 0 9 DONE @1",
        "j1 1 1 5 DONE @1",
        "j2 1 1 3 CANCELLED JOB_CANCELLED @1",
        "j3 1 1 3 DONE @0",
        "j4 1 3 5 DONE @0",
        "end 9",
    ]


def test_s22_only_jobs_that_name_a_simulator_run_on_it(run):
    jobs = [*(JobSpec(qpu_time_us=1, at_us=at) for at in range(3)), JobSpec(qpu_time_us=1, at_us=3, qpu=0)]
    qpus = (QpuSpec(simulator=True), QpuSpec(), QpuSpec())
    assert run(jobs, qpus=qpus, rules=Rules(routing=Routing.ROUND_ROBIN)) == [
        "j0 0 0 1 DONE @1",
        "j1 1 1 2 DONE @2",
        "j2 2 2 3 DONE @1",
        "j3 3 3 4 DONE @0",
        "end 4",
    ]


def test_s22_job_of_a_simulator_waits_for_no_preparation(run):
    jobs = [JobSpec(qpu_time_us=2, at_us=1, qpu=qpu, preparation_us=5) for qpu in (0, 1)]
    assert run(jobs, qpus=(QpuSpec(), QpuSpec(simulator=True))) == [
        "j0 1 6 8 DONE @0 p1-6",
        "j1 1 1 3 DONE @1 p--1",
        "end 8",
    ]


def test_s65_retry_of_a_job_that_names_its_qpu_stays_there(run):
    jobs = [JobSpec(qpu_time_us=9, at_us=0, qpu=1, client=0, max_execution_time_us=3)]
    clients = [ClientSpec(0, 1, on_error=OnError.RETRY)]
    assert run(jobs, clients=clients, qpus=TWO, horizon_us=5) == [
        "j0 0 0 3 ERROR RAN_TOO_LONG @1",
        "j1 3 3 - RUNNING @1",
        "end 5",
    ]


def test_s65_every_further_attempt_has_the_time_of_the_qpu_to_which_it_is_routed(run):
    """9 and 8 are cut at 5; the third attempt comes to QPU 2, where the job takes 1."""
    jobs = [JobSpec(qpu_time_us=9, at_us=0, client=0, max_execution_time_us=5)]
    clients = [ClientSpec(0, 1, on_error=OnError.RETRY)]
    rules = Rules(routing=Routing.ROUND_ROBIN)
    times_us = ([9], [8], [1])
    assert run(jobs, clients=clients, rules=rules, qpus=THREE, qpu_times_us=times_us, horizon_us=12) == [
        "j0 0 0 5 ERROR RAN_TOO_LONG @0",
        "j1 5 5 10 ERROR RAN_TOO_LONG @1",
        "j2 10 10 11 DONE @2",
        "end 12",
    ]


def test_s65_a_retry_has_the_same_estimate(run):
    """j0 is cut at 3. Its next attempt, j2, is estimated at 1 and so goes before j1, which takes 2."""
    jobs = [
        JobSpec(qpu_time_us=9, at_us=0, client=0, max_execution_time_us=3, estimate_us=1),
        JobSpec(qpu_time_us=2, at_us=1),
    ]
    clients = [ClientSpec(0, 1, on_error=OnError.RETRY)]
    assert run(jobs, clients=clients, queue_key=lambda job: (job.estimate_us,), horizon_us=5) == [
        "j0 0 0 3 ERROR RAN_TOO_LONG",
        "j1 1 - - QUEUED",
        "j2 3 3 - RUNNING",
        "end 5",
    ]


def test_more_qpus_than_numbers_of_the_journal_are_refused_by_name():
    """QPUs are int16 in the journal: 0 to 32,767."""
    most, one_more = (Plan.of(qpus=(QpuSpec(),) * count) for count in (2**15, 2**15 + 1))
    assert why_not(most, Rules(), FirstInFirstOut()) is None
    reason = "it has 32,769 QPUs; the scheduler runs at most 32,768"
    assert why_not(one_more, Rules(), FirstInFirstOut()) == reason
    with pytest.raises(SchedulerUsageError) as caught:
        Scheduler(one_more)
    assert str(caught.value) == f"this plan cannot be run: {reason}"

"""What plans allow: S60, in the order of reasons of S20; usage for quotas: S62; old clients: S23."""

from __future__ import annotations

from qsession_sim.scheduler.limits import Usage
from qsession_sim.scheduler.plan import (
    SHARED,
    AccountSpec,
    ClientSpec,
    JobSpec,
    QpuSpec,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import Mode, OnRejection, WindowKind

TWO = ("a", "b")


def test_s60_pending_jobs_are_counted_over_all_qpus_until_they_end(run):
    jobs = [
        JobSpec(qpu_time_us=5, at_us=0, qpu=0),
        JobSpec(qpu_time_us=5, at_us=0, qpu=1),
        JobSpec(qpu_time_us=1, at_us=1),
        JobSpec(qpu_time_us=1, at_us=1, account=1),
        JobSpec(qpu_time_us=1, at_us=5),
    ]
    specs = {0: AccountSpec(pending=2)}
    assert run(jobs, accounts=TWO, account_specs=specs, qpus=(QpuSpec(), QpuSpec())) == [
        "j0 0 0 5 DONE @0",
        "j1 0 0 5 DONE @1",
        "j2 1 - 1 REJECTED TOO_MANY_PENDING @-",
        "j3 1 5 6 DONE @0",
        "j4 5 5 6 DONE @1",
        "end 6",
    ]


def test_s60_rejected_submission_counts_for_no_limit(run):
    """Two in (t - 5, t]: 3 is rejected, and at 5, when 0 is out of the window, 1 and 5 are two."""
    jobs = [JobSpec(qpu_time_us=1, at_us=at) for at in (0, 1, 3, 5, 5, 6)]
    specs = {0: AccountSpec(submissions=SlidingLimit(2, 5))}
    assert run(jobs, account_specs=specs) == [
        "j0 0 0 1 DONE",
        "j1 1 1 2 DONE",
        "j2 3 - 3 REJECTED RATE_LIMITED",
        "j3 5 5 6 DONE",
        "j4 5 - 5 REJECTED RATE_LIMITED",
        "j5 6 6 7 DONE",
        "end 7",
    ]


def test_s60_quota_is_the_usage_in_the_window_that_ends_now(run):
    """4 in (t - 10, t]. At 4 the job has used 4; at 13 those of (3, 4] are left, at 12 those of (2, 4]."""
    jobs = [
        JobSpec(qpu_time_us=4, at_us=0),
        JobSpec(qpu_time_us=1, at_us=3),
        JobSpec(qpu_time_us=1, at_us=4),
        JobSpec(qpu_time_us=9, at_us=12),
    ]
    specs = {0: AccountSpec(quota=SlidingLimit(4, 10))}
    assert run(jobs, account_specs=specs) == [
        "j0 0 0 4 DONE",
        "j1 3 4 5 DONE",
        "j2 4 - 4 REJECTED QUOTA_EXCEEDED",
        "j3 12 12 21 DONE",
        "end 21",
    ]


def test_s62_session_uses_its_quota_also_while_it_idles(run):
    """s0 is active from 0 to 1 + 6; at 6 it has used 6, at 5 only 5."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=5),
        JobSpec(qpu_time_us=1, at_us=6),
    ]
    specs = {0: AccountSpec(quota=SlidingLimit(6, 100))}
    sessions = [SessionSpec(interactive_timeout_us=6)]
    assert run(jobs, sessions, account_specs=specs)[:3] == [
        "j0 0 0 1 DONE",
        "j1 5 7 8 DONE",
        "j2 6 - 6 REJECTED QUOTA_EXCEEDED",
    ]


def test_s62_batch_uses_the_time_of_its_jobs(run):
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=7),
        JobSpec(qpu_time_us=1, at_us=8),
    ]
    specs = {0: AccountSpec(quota=SlidingLimit(3, 100))}
    assert run(jobs, [SessionSpec(Mode.BATCH, interactive_timeout_us=9)], account_specs=specs)[:3] == [
        "j0 0 0 2 DONE",
        "j1 7 7 8 DONE",
        "j2 8 - 8 REJECTED QUOTA_EXCEEDED",
    ]


def test_s62_job_that_an_outage_hit_costs_nothing(run):
    jobs = [JobSpec(qpu_time_us=5, at_us=0), JobSpec(qpu_time_us=1, at_us=3), JobSpec(qpu_time_us=1, at_us=9)]
    specs = {0: AccountSpec(quota=SlidingLimit(2, 100))}
    assert run(jobs, account_specs=specs, windows=[WindowSpec(WindowKind.OUTAGE, 1, 1)]) == [
        "j0 0 0 1 ERROR QPU_FAILED",
        "j1 3 3 4 DONE",
        "j2 9 9 10 DONE",
        "@0 OUTAGE 1-2",
        "end 10",
    ]


def test_s62_usage_of_a_closed_session_goes_on_until_its_job_leaves_the_qpu():
    usage = Usage(100)
    usage.begin_session(0, 3, 0)
    usage.end_session(4, 0, job_on_qpu=7)
    assert [usage.used_us(at_us, 3, 100) for at_us in (4, 6)] == [4, 6]
    usage.end_job(9, 7)
    assert [usage.used_us(at_us, 3, 100) for at_us in (9, 50)] == [9, 9]


def test_s62_usage_in_a_window_is_the_part_of_each_stretch_that_lies_in_it():
    """Stretches [0, 10), [20, 23) and from 30 on."""
    usage = Usage(25)
    for start_us, end_us, job in ((0, 10, 0), (20, 23, 1)):
        usage.begin_job(start_us, 0, job)
        usage.end_job(end_us, job)
    assert [usage.used_us(23, 0, window_us) for window_us in (25, 20, 14, 13, 2)] == [13, 10, 4, 3, 2]
    usage.begin_job(30, 0, 2)
    assert [usage.used_us(32, 0, window_us) for window_us in (25, 11, 10, 1)] == [8, 4, 3, 1]
    assert usage.used_us(32, 1, 25) == 0


def test_s62_what_an_outage_takes_back_may_have_begun_before_every_window():
    """One job is on its QPU from 1 on; others use [2, 4) and [20, 22) on another."""
    usage = Usage(10)
    usage.begin_job(1, 0, 0)
    for start_us, end_us, job in ((2, 4, 1), (20, 22, 2)):
        usage.begin_job(start_us, 0, job)
        usage.end_job(end_us, job)
    assert [usage.used_us(22, 0, window_us) for window_us in (10, 3, 1)] == [12, 5, 2]
    assert usage.attained_us(22, 0) == 25
    usage.take_back_job(25, 0)
    assert [usage.used_us(25, 0, window_us) for window_us in (10, 4, 3)] == [2, 1, 0]
    assert (usage.attained_us(25, 0), usage.falls_from_us(25, 0, 10)) == (4, 30)


def test_s62_foreign_job_that_runs_while_the_session_idles_does_not_interrupt_its_usage(run):
    """Under `shared`: s0 of account a is active from 0 to 7, whatever runs; b's job uses 3 of b's own."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=3, at_us=2, account=1),
        JobSpec(qpu_time_us=1, at_us=6),
        JobSpec(qpu_time_us=1, at_us=6, account=1),
    ]
    specs = {0: AccountSpec(quota=SlidingLimit(6, 100)), 1: AccountSpec(quota=SlidingLimit(4, 100))}
    sessions = [SessionSpec(interactive_timeout_us=6)]
    assert run(jobs, sessions, accounts=TWO, account_specs=specs, rules=Rules(hold=SHARED))[:4] == [
        "j0 0 0 1 DONE",
        "j1 2 2 5 DONE",
        "j2 6 - 6 REJECTED QUOTA_EXCEEDED",
        "j3 6 6 7 DONE",
    ]


def test_s62_usage_of_a_session_does_not_last_until_a_foreign_job_leaves_the_qpu(run):
    """Under `shared`: s0 of account a is active from 0 to 1 + 3, while b's job runs. So a has used 4 at 6, and
    5 at 12, when its j2 has run from 10 to 11."""
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=8, at_us=2, account=1),
        JobSpec(qpu_time_us=1, at_us=6),
        JobSpec(qpu_time_us=1, at_us=12),
    ]
    specs = {0: AccountSpec(quota=SlidingLimit(5, 100))}
    sessions = [SessionSpec(interactive_timeout_us=3)]
    assert run(jobs, sessions, accounts=TWO, account_specs=specs, rules=Rules(hold=SHARED))[:4] == [
        "j0 0 0 1 DONE",
        "j1 2 2 10 DONE",
        "j2 6 10 11 DONE",
        "j3 12 - 12 REJECTED QUOTA_EXCEEDED",
    ]


def test_s60_plan_without_sessions_rejects_them_and_one_without_batches_those(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=0, session=1),
        JobSpec(qpu_time_us=1, at_us=0, session=2, account=1),
        JobSpec(qpu_time_us=1, at_us=0, account=1),
    ]
    sessions = [SessionSpec(), SessionSpec(Mode.BATCH), SessionSpec(Mode.BATCH, account=1)]
    specs = {0: AccountSpec(sessions=False), 1: AccountSpec(batches=False)}
    assert run(jobs, sessions, accounts=TWO, account_specs=specs, horizon_us=5)[:4] == [
        "j0 0 - 0 REJECTED SESSIONS_NOT_IN_PLAN",
        "j1 0 0 1 DONE",
        "j2 0 - 0 REJECTED SESSIONS_NOT_IN_PLAN",
        "j3 0 1 2 DONE",
    ]


def test_s9_s21_session_that_the_plan_forbids_comes_to_exist_and_is_closed_unused(run):
    specs = {0: AccountSpec(sessions=False)}
    jobs = [JobSpec(qpu_time_us=1, at_us=2, session=0), JobSpec(qpu_time_us=9, at_us=2)]
    assert run(jobs, [SessionSpec()], account_specs=specs, rules=Rules(unused_timeout_us=5)) == [
        "j0 2 - 2 REJECTED SESSIONS_NOT_IN_PLAN",
        "j1 2 2 11 DONE",
        "2 s0 ABSENT CREATE OPEN",
        "7 s0 OPEN UNUSED CLOSED UNUSED",
        "end 11",
    ]


def test_s23_session_calls_of_an_old_client_are_rejected_from_the_day_on(run):
    jobs = [
        JobSpec(qpu_time_us=1, at_us=9, session=0),
        JobSpec(qpu_time_us=1, at_us=10, session=0),
        JobSpec(qpu_time_us=1, at_us=10, session=1),
        JobSpec(qpu_time_us=1, at_us=10),
    ]
    sessions = [SessionSpec(interactive_timeout_us=0), SessionSpec(Mode.BATCH, interactive_timeout_us=0)]
    specs = {0: AccountSpec(client_too_old_from_us=10)}
    assert run(jobs, sessions, account_specs=specs)[:4] == [
        "j0 9 9 10 DONE",
        "j1 10 - 10 REJECTED CLIENT_TOO_OLD",
        "j2 10 - 10 REJECTED CLIENT_TOO_OLD",
        "j3 10 10 11 DONE",
    ]


FULL = AccountSpec(
    sessions=False,
    pending=0,
    submissions=SlidingLimit(0, 5),
    quota=SlidingLimit(0, 5),
    client_too_old_from_us=0,
)


def test_s20_reasons_are_checked_in_their_order(run):
    """Each account lacks the first of the reasons that the one before it has."""
    specs = {
        0: FULL,
        1: AccountSpec(sessions=False, pending=0, submissions=SlidingLimit(0, 5), quota=SlidingLimit(0, 5)),
        2: AccountSpec(pending=0, submissions=SlidingLimit(0, 5), quota=SlidingLimit(0, 5)),
        3: AccountSpec(pending=0, submissions=SlidingLimit(0, 5)),
        4: AccountSpec(submissions=SlidingLimit(0, 5)),
    }
    closed = {"close_us": 0, "max_time_us": 3}
    sessions = [
        SessionSpec(created_us=5),
        SessionSpec(**closed),
        SessionSpec(account=1, **closed),
        SessionSpec(account=2, **closed),
        SessionSpec(account=2, max_time_us=3),
        SessionSpec(account=2),
        SessionSpec(account=3),
        SessionSpec(account=4),
    ]
    # a job of another account ends at 1; then each of these is submitted, with a limit beyond 3
    jobs = [JobSpec(qpu_time_us=1, at_us=0, account=5)]
    jobs += [
        JobSpec(qpu_time_us=1, after=0, session=number, account=session.account, max_execution_time_us=4)
        for number, session in enumerate(sessions)
    ]
    lines = run(jobs, sessions, accounts=tuple("abcdef"), account_specs=specs, horizon_us=3)
    assert [line.split()[-1] for line in lines[1:9]] == [
        "SESSION_NOT_CREATED",
        "CLIENT_TOO_OLD",
        "SESSIONS_NOT_IN_PLAN",
        "SESSION_CLOSED",
        "EXECUTION_TIME_EXCEEDS_SESSION",
        "QUOTA_EXCEEDED",
        "TOO_MANY_PENDING",
        "RATE_LIMITED",
    ]


def test_s66_client_gives_up_after_any_rejection_but_that_of_a_closed_session(run):
    specs = {0: AccountSpec(pending=0)}
    jobs = [JobSpec(qpu_time_us=1, at_us=0, client=0), JobSpec(qpu_time_us=1, client=0)]
    clients = [ClientSpec(first_job=0, jobs=2, on_rejection=OnRejection.NEW_SESSION)]
    assert run(jobs, clients=clients, account_specs=specs) == [
        "j0 0 - 0 REJECTED TOO_MANY_PENDING",
        "j1 - - - -",
        "end 0",
    ]

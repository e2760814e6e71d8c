"""What a policy sees of the service at a dispatch, and which jobs a scanned queue may take."""

from __future__ import annotations

from qsession_sim.policies.user import UserPolicy
from qsession_sim.scheduler.plan import (
    GAP_FILL,
    AccountSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Rules,
    SessionSpec,
    WindowSpec,
)
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, Mode, WindowKind


def starts(plan, function, rules=None, window_us=100):
    scheduler = Scheduler(plan, rules, queue_policy=UserPolicy("mine", function, window_us))
    assert scheduler.advance_while_needed()
    return list(scheduler.journal.started_us)


def by_number(job, view):
    return (job.number,)


def test_s62_view_tells_the_usage_and_allocation_of_accounts_and_who_waits():
    """Job 0 of A runs from 0 to 10. At 10 jobs 1 (A), 2 (B) and the batch's 3 and 4 (B) wait.

    In the window of 4 A used 4. Job 1 starts; at 15 A used 4 of (11, 15] and 15 in all.
    """
    seen = []

    def watch(job, view):
        if job.number == 2:
            accounts = [
                (
                    view.recent_usage_us(name),
                    view.attained_usage_us(name),
                    view.allocation_us(name),
                    view.waiting_jobs(name),
                )
                for name in ("A", "B", "nobody")
            ]
            seen.append((view.now_us, accounts, view.waiting_together(job)))
        elif job.number == 3:
            seen.append(view.waiting_together(job))
        return (job.number,)

    jobs = [
        JobSpec(at_us=0, qpu_time_us=10),
        JobSpec(at_us=1, qpu_time_us=5),
        JobSpec(at_us=1, qpu_time_us=5, account=1),
        JobSpec(at_us=1, qpu_time_us=5, account=1, session=0),
        JobSpec(at_us=1, qpu_time_us=5, account=1, session=0),
    ]
    sessions = [SessionSpec(mode=Mode.BATCH, account=1, interactive_timeout_us=0)]
    plan = Plan.of(jobs, sessions, accounts="AB", account_specs={1: AccountSpec(allocation_us=7)})
    assert starts(plan, watch, window_us=4) == [0, 10, 15, 20, 25]
    nobody = (0, 0, 0, 0)
    at_10 = (10, [(4, 10, 0, 1), (0, 0, 7, 3), nobody], 1)
    at_15 = (15, [(4, 15, 0, 0), (0, 0, 7, 3), nobody], 1)
    # the job that is taken is asked about again: job 2 at 15, job 3 at 20
    assert seen == [at_10, 2, at_15, 2, at_15, 2, 2]


def test_s51_first_job_that_fits_the_gap_is_taken():
    """The session is idle from 10 on, for 20. Of jobs 1, 2, 3 with 30, 8 and 4 the second fits at 10.

    At 18, 12 are left: job 3. Job 1 waits for the end of the ITTL at 30.
    """
    jobs = [JobSpec(at_us=0, qpu_time_us=10, session=0)]
    jobs += [JobSpec(at_us=1, qpu_time_us=needed) for needed in (30, 8, 4)]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=20)])
    assert starts(plan, by_number, Rules(hold=GAP_FILL)) == [0, 30, 10, 18]


def test_s52_in_a_reservation_only_jobs_of_its_account_are_taken():
    """Reserved for B from 5 to 25: at 10 B's job 3, at 20 nobody; from 25 on the others in order."""
    jobs = [JobSpec(at_us=0, qpu_time_us=10)]
    jobs += [JobSpec(at_us=1, qpu_time_us=10, account=account) for account in (0, 0, 1)]
    window = WindowSpec(WindowKind.RESERVATION, 5, 20, account=1)
    plan = Plan.of(jobs, accounts="AB", windows=(window,))
    assert starts(plan, by_number) == [0, 25, 35, 10]


def test_s52_a_requeued_job_goes_first_whatever_the_policy_says():
    """The outage from 5 to 8 throws job 1 off the QPU; the policy would take job 0, submitted at 6."""
    jobs = [JobSpec(at_us=6, qpu_time_us=10), JobSpec(at_us=0, qpu_time_us=10)]
    plan = Plan.of(jobs, windows=(WindowSpec(WindowKind.OUTAGE, 5, 3),))
    assert starts(plan, by_number, Rules(requeues_after_outage=True)) == [18, 8]


def test_s42_lanes_are_given_in_the_order_of_the_policy():
    """One lane, preparation 10: job 0 prepares from 0 and starts at 10, then 3, 2 and 1 in turn."""

    def largest_first(job, view):
        return (-job.number,)

    jobs = [JobSpec(at_us=0, qpu_time_us=1, preparation_us=10)]
    jobs += [JobSpec(at_us=1, qpu_time_us=1, preparation_us=10) for _ in range(3)]
    plan = Plan.of(jobs, qpus=(QpuSpec(lanes=1),))
    assert starts(plan, largest_first) == [10, 40, 30, 20]


def test_view_counts_only_jobs_that_wait():
    """Of the batch's jobs 1 waits at 10, 2 was cancelled, and 3 is still to come."""
    seen = []

    def watch(job, view):
        seen.append((view.now_us, job.number, view.waiting_together(job), view.waiting_jobs(job.account)))
        return ()

    jobs = [
        JobSpec(at_us=0, qpu_time_us=10),
        JobSpec(at_us=1, qpu_time_us=1, session=0),
        JobSpec(at_us=1, qpu_time_us=1, session=0, cancel_us=2),
        JobSpec(at_us=20, qpu_time_us=1, session=0),
    ]
    sessions = [SessionSpec(mode=Mode.BATCH, interactive_timeout_us=50)]
    assert starts(Plan.of(jobs, sessions), watch) == [0, 10, NEVER, 20]
    # asked about again when it is taken; job 3 is the active batch's next, and no policy is asked (S12)
    assert seen == [(0, 0, 1, 1)] * 2 + [(10, 1, 1, 1)] * 2

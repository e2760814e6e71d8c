"""What every built-in queue policy keeps: a total order, the same answers, estimates only, and copies."""

from __future__ import annotations

import pickle
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import engines
import pytest

from qsession_sim.policies.registry import QUEUE_POLICIES, queue_policy
from qsession_sim.scheduler.columns import GrowingJobs
from qsession_sim.scheduler.plan import SHARED, AccountSpec, JobSpec, Plan, QpuSpec, Rules, SessionSpec
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode

WITH_PARAMETERS = [
    *QUEUE_POLICIES,
    {"name": "priority", "aging": "7us"},
    {"name": "fair_share", "window": "30us"},
    {"name": "multilevel", "thresholds": ["9us", "30us"]},
]

POLICIES = pytest.mark.parametrize(
    "policy", WITH_PARAMETERS, ids=[str(policy).translate({39: None}) for policy in WITH_PARAMETERS]
)


def plan_of(jobs):
    sessions = [SessionSpec(interactive_timeout_us=3), SessionSpec(mode=Mode.BATCH, interactive_timeout_us=2)]
    specs = {0: AccountSpec(allocation_us=9), 1: AccountSpec(allocation_us=30)}
    return Plan.of(jobs, sessions, accounts="ABC", account_specs=specs)


def some_jobs(seed, count=40):
    random = Random(seed)
    return [
        JobSpec(
            at_us=random.randrange(60),
            qpu_time_us=random.randrange(1, 9),
            account=random.randrange(3),
            session=random.choice([NEVER, NEVER, NEVER, 0, 1]),
            priority=random.randrange(-2, 3),
            estimate_us=random.randrange(1, 9),
        )
        for _ in range(count)
    ]


def starts(jobs, policy, rules=None):
    scheduler = Scheduler(plan_of(jobs), rules, queue_policy=policy)
    assert scheduler.advance_while_needed()
    engines.compare(scheduler, plan_of(jobs), policy)
    assert set(scheduler.journal.stage) <= {JobStatus.DONE}
    return list(scheduler.journal.started_us)


@POLICIES
def test_no_job_and_one_job(policy):
    found = queue_policy(policy)
    assert starts([], found) == []
    assert starts([JobSpec(at_us=3, qpu_time_us=5)], found) == [3]


@POLICIES
def test_every_job_runs_once_and_the_same_each_time(policy):
    """One policy object orders two runs, which do not know of each other."""
    found = queue_policy(policy)
    for seed in range(10):
        jobs = some_jobs(seed)
        first = starts(jobs, found, Rules(hold=SHARED))
        assert len(set(first)) == len(jobs)
        assert starts(jobs, found, Rules(hold=SHARED)) == first


def some_column_jobs(seed):
    random = Random(seed)
    jobs = [replace(job, estimate_us=random.choice([NEVER, 3, 8])) for job in some_jobs(seed)]
    return [*jobs, JobSpec(after=0, think_us=2, qpu_time_us=4, priority=5), JobSpec(at_us=1, qpu_time_us=2)]


@pytest.mark.parametrize(
    "policy",
    [
        "fifo",
        "lifo",
        "priority",
        {"name": "priority", "aging": "7us"},
        "shortest_job_first",
        "longest_job_first",
        "earliest_deadline",
        {"name": "earliest_deadline", "slack": 3},
        "random",
    ],
    ids=str,
)
def test_the_column_of_a_static_policy_orders_like_its_function(policy):
    """All pairs of jobs and instants, also those in which keys are equal."""
    found = queue_policy(policy, seed=11)
    for seed in range(3):
        jobs = some_column_jobs(seed)
        plan = plan_of(jobs)
        column = found.column(plan)
        inputs = SimpleNamespace(jobs=GrowingJobs(plan))
        (entries,) = found.order.args
        entry_of = entries(inputs) if entries else lambda at_us, job: (at_us, job)
        waiting = [(at_us, job) for job in range(len(jobs)) for at_us in (0, job % 5, 20)]
        by_column = {
            (at_us, job): (column.submissions * at_us + column.of_job[job], at_us, job)
            for at_us, job in waiting
        }
        assert sorted(waiting, key=by_column.__getitem__) == sorted(waiting, key=lambda w: entry_of(*w))


def test_no_column_says_what_depends_on_a_session_or_on_an_unequal_qpu():
    jobs = [JobSpec(at_us=0, qpu_time_us=5)]
    assert queue_policy("session_first").column is None
    unequal = replace(plan_of(jobs), qpus=(QpuSpec(), QpuSpec()), qpu_times_us=((5,), (6,)))
    assert queue_policy("shortest_job_first").column(unequal) is None
    assert list(queue_policy("shortest_job_first").column(plan_of(jobs)).of_job) == [5]


def test_a_key_that_int64_cannot_hold_has_no_column():
    """Priority 2**61 by an aging of 2 us is 2**62, the most that is left beside a submission; by 3 it is more."""
    plan = plan_of([JobSpec(at_us=0, qpu_time_us=5, priority=2**61)])
    aging = [queue_policy({"name": "priority", "aging": f"{us}us"}).column(plan) for us in (2, 3)]
    assert list(aging[0].of_job) == [-(2**62)]
    assert aging[1] is None


@POLICIES
def test_a_copy_of_a_policy_orders_alike(policy):
    found = queue_policy(policy, seed=5)
    copy = pickle.loads(pickle.dumps(found))
    for seed in range(5):
        assert starts(some_jobs(seed), copy) == starts(some_jobs(seed), found)


@POLICIES
def test_jobs_that_are_equal_go_by_submission_and_number(policy):
    """Equal but for the submission: only lifo and random turn them round. All wait for the job of time 0."""
    jobs = [JobSpec(at_us=0, qpu_time_us=50)] + [JobSpec(at_us=at, qpu_time_us=5) for at in (4, 2, 4, 4, 2)]
    order = sorted(range(6), key=starts(jobs, queue_policy(policy)).__getitem__)
    assert sorted(order) == list(range(6))
    if policy == "lifo":
        assert order == [0, 1, 3, 4, 2, 5]
    elif policy != "random":
        assert order == [0, 2, 5, 1, 3, 4]


@POLICIES
def test_policies_see_estimates_and_never_the_qpu_time(policy):
    """All wait for the first job. Longer QPU times of the others, with the same estimates: the same first pick.

    Accounts differ, and nothing that waits has used anything, so that the pick depends on nothing else.
    """
    waiting = [
        JobSpec(at_us=1 + number, qpu_time_us=5, account=number % 3, estimate_us=(7 * number) % 11 + 1)
        for number in range(9)
    ]
    for factor in (2, 30):
        other = [replace(job, qpu_time_us=job.qpu_time_us * factor + job.at_us) for job in waiting]
        picks = []
        for jobs in (waiting, other):
            started = starts([JobSpec(at_us=0, qpu_time_us=50), *jobs], queue_policy(policy))
            picks.append(started.index(50))
        assert picks[0] == picks[1]


def test_the_seed_decides_the_random_order():
    jobs = [JobSpec(at_us=0, qpu_time_us=1) for _ in range(20)]
    orders = [starts(jobs, queue_policy("random", seed=seed)) for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]


def test_the_sum_of_what_is_served_does_not_depend_on_the_policy():
    """Job mode alone, never idle: whatever the order, the QPU is busy for the sum of all QPU times."""
    jobs = [replace(job, session=NEVER, at_us=job.at_us % 3) for job in some_jobs(1)]
    for policy in WITH_PARAMETERS:
        started = starts(jobs, queue_policy(policy))
        ends = [start + job.qpu_time_us for start, job in zip(started, jobs, strict=True)]
        assert max(ends) - min(started) == sum(job.qpu_time_us for job in jobs)

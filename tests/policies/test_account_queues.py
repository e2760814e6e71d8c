"""Orders of accounts are exact at every dispatch: the queue that looks at few accounts agrees with one that
looks at every waiting job, whatever uses, leaves the window or is taken back in between (S62, S63)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_examples import examples

from qsession_sim.policies.registry import queue_policy
from qsession_sim.scheduler.limits import Usage
from qsession_sim.scheduler.plan import (
    ADAPTIVE,
    EXCLUSIVE,
    GAP_FILL,
    NONE,
    SHARED,
    AccountSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Rules,
    SessionSpec,
    WindowSpec,
)
from qsession_sim.scheduler.queues import ScannedOrder
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import NEVER, Mode, WindowKind

ACCOUNTS = 4


@dataclass(frozen=True)
class LooksAtEveryJob:
    """The same order of accounts, computed for each waiting job at each dispatch."""

    policy: object
    name: str = "every job"

    @property
    def usage_window_us(self):
        return self.policy.usage_window_us

    def make_order(self, inputs, waits):
        (ranking_of,) = self.policy.order.args
        ranking = ranking_of(inputs)
        account = inputs.jobs.account
        return ScannedOrder(
            inputs, lambda job, view: (ranking.rank(view.now_us, account[job.number]),), self.name, 0, waits
        )


def crowded_plan(seed):
    """Some 40 jobs in 80 us on one or two QPUs, of which many wait together, and windows of availability."""
    random = Random(seed)
    qpus = random.choice([1, 1, 2])
    sessions = [
        SessionSpec(
            mode=random.choice([Mode.SESSION, Mode.BATCH]),
            account=random.randrange(ACCOUNTS),
            interactive_timeout_us=random.randrange(12),
            max_time_us=random.randrange(1, 120),
        )
        for _ in range(random.randrange(4))
    ]
    jobs = []
    for _ in range(random.randrange(50)):
        session = random.choice([NEVER, random.randrange(NEVER, len(sessions))])
        jobs.append(
            JobSpec(
                at_us=random.randrange(80),
                qpu_time_us=random.randrange(1, 9),
                session=session,
                account=random.randrange(ACCOUNTS) if session == NEVER else sessions[session].account,
                estimate_us=random.randrange(1, 9),
                preparation_us=random.choice([0, 0, 0, 3]),
                cancel_us=random.choice([NEVER, NEVER, random.randrange(150)]),
            )
        )
    windows = [
        WindowSpec(
            kind, random.randrange(150), random.randrange(1, 12), qpu=random.randrange(qpus), account=1
        )
        for kind in random.sample(list(WindowKind), 4)
    ]
    allocations = random.choice([[0, 7, 7, 20], [5, 5, 5, 5]])
    return Plan.of(
        jobs,
        sessions,
        accounts=[f"account {number}" for number in range(ACCOUNTS)],
        qpus=(QpuSpec(lanes=2),) * qpus,
        windows=tuple(windows),
        account_specs={number: AccountSpec(allocation_us=us) for number, us in enumerate(allocations)},
    )


def history(plan, rules, policy):
    scheduler = Scheduler(plan, rules, queue_policy=policy)
    scheduler.advance(400)
    journal = scheduler.journal
    columns = (journal.started_us, journal.ended_us, journal.stage, journal.reason, journal.transitions)
    return [list(column) for column in columns]


POLICIES = (
    {"name": "fair_share", "window": "6us"},
    {"name": "fair_share", "window": "20us"},
    {"name": "fair_share", "window": "60us"},
    "least_attained_service",
    {"name": "multilevel", "thresholds": ["5us", "20us"]},
)


@pytest.mark.parametrize("hold", [EXCLUSIVE, SHARED, NONE, GAP_FILL, ADAPTIVE])
def test_s63_the_account_queue_agrees_with_looking_at_every_job(hold):
    for seed in range(60):
        plan = crowded_plan(seed)
        rules = replace(Rules(), hold=hold, requeues_after_outage=seed % 3 > 0)
        for policy in POLICIES:
            found = queue_policy(policy)
            expected = history(plan, rules, LooksAtEveryJob(found))
            assert history(plan, rules, found) == expected, (seed, policy)


@settings(max_examples=examples(300), deadline=None)
@given(
    stays=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12),
    window_us=st.integers(1, 20),
)
def test_s62_usage_falls_from_when_it_says(stays, window_us):
    """Stays one after another: a pause, then a stay. The sum by microseconds is what was used."""
    usage, now_us, used = Usage(20), 0, set()
    for number, (pause_us, stay_us) in enumerate(stays):
        usage.begin_job(now_us + pause_us, 0, number)
        used |= set(range(now_us + pause_us, now_us + pause_us + stay_us))
        now_us += pause_us + stay_us
        usage.end_job(now_us, number)

    def by_hand(at_us):
        return sum(at_us - window_us <= moment < at_us for moment in used)

    assert usage.attained_us(now_us, 0) == len(used)
    falls_us = usage.falls_from_us(now_us, 0, window_us)
    left = [moment for moment in used if moment >= now_us - window_us]
    if falls_us is None:
        assert left == []
    else:
        assert falls_us <= min(left) + window_us
    for at_us in range(now_us, now_us + 40):
        assert usage.used_us(at_us, 0, window_us) == by_hand(at_us)


def test_s62_an_outage_takes_back_what_a_job_used():
    usage = Usage(100)
    usage.begin_job(0, 0, 7)
    assert (usage.used_us(9, 0, 100), usage.attained_us(9, 0), usage.taken_back) == (9, 9, 0)
    usage.take_back_job(9, 7)
    assert (usage.used_us(9, 0, 100), usage.attained_us(9, 0), usage.taken_back) == (0, 0, 1)
    assert usage.falls_from_us(9, 0, 100) is None


def test_s62_an_order_of_accounts_follows_what_an_outage_takes_back():
    """Jobs are pinned: job 0 of A to QPU 0, the others to QPU 1. QPU 0 fails at 22 and job 0 is queued again.

    At 20 A has used 20 and B nothing: job 2. At 25 B has used 5, and A nothing, since its stay is taken back:
    job 3, and not job 4.
    """
    jobs = [
        JobSpec(at_us=0, qpu_time_us=50, account=0, qpu=0),
        JobSpec(at_us=0, qpu_time_us=20, account=2, qpu=1),
        JobSpec(at_us=1, qpu_time_us=5, account=1, qpu=1),
        JobSpec(at_us=2, qpu_time_us=5, account=0, qpu=1),
        JobSpec(at_us=1, qpu_time_us=5, account=1, qpu=1),
    ]
    plan = Plan.of(
        jobs,
        accounts="ABC",
        qpus=(QpuSpec(), QpuSpec()),
        windows=(WindowSpec(WindowKind.OUTAGE, 22, 30, qpu=0),),
    )
    rules = Rules(requeues_after_outage=True)
    scheduler = Scheduler(plan, rules, queue_policy=queue_policy("least_attained_service"))
    assert scheduler.advance_while_needed()
    assert list(scheduler.journal.started_us) == [52, 0, 20, 25, 30]


def test_s51_a_job_that_fills_a_gap_is_a_turn():
    """The session of A is idle from 10 on, for 100. Round robin: B had no turn, nor C; then B again."""
    jobs = [
        JobSpec(at_us=0, qpu_time_us=10, session=0),
        JobSpec(at_us=1, qpu_time_us=5, account=1),
        JobSpec(at_us=2, qpu_time_us=5, account=1),
        JobSpec(at_us=3, qpu_time_us=5, account=2),
    ]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=100)], accounts="ABC")
    scheduler = Scheduler(plan, Rules(hold=GAP_FILL), queue_policy=queue_policy("round_robin"))
    assert scheduler.advance_while_needed()
    assert list(scheduler.journal.started_us) == [0, 10, 20, 15]


def test_s25_s51_a_cancelled_job_fills_no_gap():
    """The session of A is idle from 10 to 110. Of B, job 1 does not fit, job 2 is cancelled at 5, and job 3 goes."""
    jobs = [
        JobSpec(at_us=0, qpu_time_us=10, session=0),
        JobSpec(at_us=1, qpu_time_us=200, account=1),
        JobSpec(at_us=2, qpu_time_us=5, account=1, cancel_us=5),
        JobSpec(at_us=3, qpu_time_us=5, account=1),
    ]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=100)], accounts="AB")
    scheduler = Scheduler(plan, Rules(hold=GAP_FILL), queue_policy=queue_policy("round_robin"))
    assert scheduler.advance_while_needed()
    assert list(scheduler.journal.started_us) == [0, 110, NEVER, 10]

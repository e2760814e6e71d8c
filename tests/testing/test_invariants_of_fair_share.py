"""S63: who goes first under fair share, checked on runs whose schedules are worked out by hand."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest

from qsession_sim.scheduler.plan import (
    GAP_FILL,
    AccountSpec,
    JobSpec,
    QpuSpec,
    Rules,
    SessionSpec,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.testing import check_invariants
from qsession_sim.testing.account_identities import check_fair_share
from qsession_sim.testing.facts import Facts
from testing.corruptions import broken_rules, violation
from testing.scheduled import scheduled_run

LAB_A, LAB_B, LAB_C = range(3)
EQUAL = {LAB_A: AccountSpec(allocation_us=100), LAB_B: AccountSpec(allocation_us=100)}

# j0 of lab-a is on the QPU from 0 to 10. Meanwhile come j1 of lab-a, j2 of lab-b and j3 of lab-c, in this order.
JOBS = (
    JobSpec(at_us=0, qpu_time_us=10, account=LAB_A),
    JobSpec(at_us=1, qpu_time_us=3, account=LAB_A),
    JobSpec(at_us=2, qpu_time_us=5, account=LAB_B),
    JobSpec(at_us=3, qpu_time_us=7, account=LAB_C),
)


def presented(run, window_us=1000):
    """A run of whatever policy as one of fair share."""
    queue = SimpleNamespace(name="fair_share", window=window_us)
    kept = vars(run.scenario.resolved) | {"policies": SimpleNamespace(queue=queue)}
    scenario = SimpleNamespace(resolved=SimpleNamespace(**kept), text=run.scenario.text)
    names = ("record", "jobs", "sessions", "intervals", "queue_length")
    return SimpleNamespace(scenario=scenario, **{name: getattr(run, name) for name in names})


def test_fair_share_obeys():
    """lab-b has used nothing at 10, and 5 us against 10 us at 15; lab-c has no allocation."""
    run = scheduled_run(JOBS, account_specs=EQUAL, fair_share_us=1000)
    assert run.record.started_us.tolist() == [0, 15, 10, 18]
    check_invariants(run)


def test_a_smaller_share_that_waits_is_seen():
    """At 10 lab-a has used 10 us of its 100 us, and lab-b nothing."""
    run = presented(scheduled_run(JOBS, account_specs=EQUAL))
    assert violation(run) == (
        "S63 at 10 us: job 'j1' starts before job 'j2', whose account's share is 0 billionths against 100000000"
    )
    assert broken_rules(run) == ["S63"]


def test_the_earliest_violation_is_told():
    """Of lab-a j3 starts at 10 and j1 at 15, both before j2 of lab-b; j3 also before j1, which came first."""
    jobs = (*JOBS[:3], JobSpec(at_us=3, qpu_time_us=5, account=LAB_A))
    run = presented(scheduled_run(jobs, account_specs=EQUAL))
    run.record.started_us[1:] = [15, 18, 10]
    run.record.ended_us[1:] = [18, 23, 15]
    assert [(one.time_us, one.message) for one in check_fair_share(Facts.of(run))] == [
        (
            10,
            "job 'j3' starts before job 'j1', whose account's share is 100000000 billionths against 100000000",
        )
    ]


def test_equal_shares_go_by_submission():
    """Neither lab-b nor lab-c has an allocation, and lab-c's job comes first."""
    late = (
        *JOBS[:1],
        JobSpec(at_us=1, qpu_time_us=3, account=LAB_C),
        JobSpec(at_us=2, qpu_time_us=3, account=LAB_B),
    )

    def run():
        return scheduled_run(late, account_specs={LAB_A: EQUAL[LAB_A]}, fair_share_us=1000)

    check_invariants(run())
    swapped = run()
    assert swapped.record.started_us.tolist() == [0, 10, 13]
    swapped.record.started_us[1:] = [13, 10]
    swapped.record.ended_us[1:] = [16, 13]
    assert broken_rules(swapped) == ["S63"]


def test_what_an_outage_threw_off_goes_first():
    """S52: j1 of lab-a is on the QPU from 3 to 5 and again from 7, although lab-a has used 3 us, and lab-b,
    whose j2 waits since 4, nothing."""
    run = scheduled_run(
        (
            JobSpec(at_us=0, qpu_time_us=3, account=LAB_A),
            JobSpec(at_us=1, qpu_time_us=5, account=LAB_A),
            JobSpec(at_us=4, qpu_time_us=2, account=LAB_B),
        ),
        rules=Rules(requeues_after_outage=True),
        windows=(WindowSpec(WindowKind.OUTAGE, start_us=5, duration_us=2),),
        account_specs=EQUAL,
        fair_share_us=1000,
    )
    assert run.record.started_us.tolist() == [0, 7, 12]
    check_invariants(run)


def test_random_runs_obey():
    """With sessions, whose held time counts (S62), and two QPUs."""
    for seed in range(60):
        random = Random(seed)
        sessions = [SessionSpec(account=account, interactive_timeout_us=4) for account in range(2)]
        jobs = [_job(random) for _ in range(25)]
        specs = {account: AccountSpec(allocation_us=random.choice([3, 5, 8])) for account in range(3)}
        run = scheduled_run(
            jobs,
            sessions,
            qpus=(QpuSpec(),) * random.choice([1, 2]),
            account_specs=specs,
            fair_share_us=random.choice([12, 1000]),
        )
        try:
            check_invariants(run)
        except Exception as error:
            raise AssertionError(f"run {seed}") from error


def _job(random: Random) -> JobSpec:
    session = random.choice([NEVER, NEVER, NEVER, 0, 1])
    account = random.randrange(3) if session == NEVER else session
    return JobSpec(
        at_us=random.randrange(40), qpu_time_us=random.randrange(1, 6), account=account, session=session
    )


@pytest.mark.parametrize(
    "plan",
    [
        {"jobs": (*JOBS, JobSpec(at_us=50, qpu_time_us=1, account=LAB_A, preparation_us=1))},
        {"rules": Rules(hold=GAP_FILL)},
        {"windows": (WindowSpec(WindowKind.RESERVATION, start_us=0, duration_us=30, account=LAB_A),)},
    ],
)
def test_where_more_than_the_policy_decides_nothing_is_asked(plan):
    """S42, S51, S52"""
    plan = {"jobs": JOBS, **plan}
    run = scheduled_run(**plan, account_specs=EQUAL)
    assert "S63" not in broken_rules(presented(run))

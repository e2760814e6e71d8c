"""The scheduler and the naive model give the same facts for every random workload (S1 to S26, S30 to S54, S60, S62, S64 to S66)."""

from __future__ import annotations

import engines
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_examples import examples

from qsession_sim.scheduler.plan import (
    ADAPTIVE,
    AccountSpec,
    JobSpec,
    QpuSpec,
    Routing,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.verification.naive.limit_rules import Policy

from .observed import model_for, plan_for, policy_of, run, scheduler_for
from .strategies import Workload, workloads
from .whole_service import whole_workloads

ALL_AT_ONCE = 2**62

repeatable = settings(
    derandomize=True,
    print_blob=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def closing_while_inactive(
    cancels_us: tuple[int, int] = (NEVER, NEVER),
    cancel_us: int = NEVER,
    close_again_us: int = NEVER,
    max_time_us: int = 1000,
) -> Workload:
    """S17: closed at 4 while inactive, with two jobs waiting behind another's; chance seldom finds this."""
    jobs = [
        JobSpec(at_us=0, qpu_time_us=1, session=0),
        JobSpec(at_us=1, qpu_time_us=9),
        JobSpec(at_us=2, qpu_time_us=1, session=0, cancel_us=cancels_us[0]),
        JobSpec(at_us=3, qpu_time_us=1, session=0, cancel_us=cancels_us[1]),
    ]
    session = SessionSpec(
        interactive_timeout_us=0,
        close_us=4,
        close_after_us=close_again_us,
        cancel_us=cancel_us,
        max_time_us=max_time_us,
    )
    return Workload(jobs, [session], [], Rules(), Policy.FIFO, horizon_us=None)


def quota_after_an_outage() -> Workload:
    """S62: what the outage ended at 5 costs nothing, so the quota lets the submission at 6 in."""
    return Workload(
        [JobSpec(at_us=0, qpu_time_us=9), JobSpec(at_us=6, qpu_time_us=1)],
        [],
        [],
        Rules(),
        Policy.FIFO,
        horizon_us=None,
        windows=[WindowSpec(WindowKind.OUTAGE, start_us=5, duration_us=1)],
        accounts={0: AccountSpec(quota=SlidingLimit(3, 1000))},
    )


def rest_of_what_runs() -> Workload:
    """S54: at 8 the job on QPU 0 has 2 to go and that on QPU 1 has 3, though it is the shorter one."""
    jobs = [
        JobSpec(at_us=0, qpu_time_us=10, qpu=0),
        JobSpec(at_us=7, qpu_time_us=4, qpu=1),
        JobSpec(at_us=8, qpu_time_us=1),
    ]
    rules = Rules(routing=Routing.SHORTEST_EXPECTED_WAIT)
    return Workload(jobs, [], [], rules, Policy.FIFO, horizon_us=None, qpus=[QpuSpec(), QpuSpec()])


def requeued_before_a_reservation() -> Workload:
    """S52: thrown off at 1, the job stands at the head of the queue, but until 7 only account 1 may start."""
    return Workload(
        [JobSpec(at_us=0, qpu_time_us=3), JobSpec(at_us=3, qpu_time_us=2, account=1)],
        [],
        [],
        Rules(requeues_after_outage=True),
        Policy.FIFO,
        horizon_us=None,
        windows=[
            WindowSpec(WindowKind.OUTAGE, start_us=1, duration_us=1),
            WindowSpec(WindowKind.RESERVATION, start_us=1, duration_us=6, account=1),
        ],
    )


def adapted_timeout(think_us: int) -> Workload:
    """S51: after one think time the session is idle for twice that, but 1 s at least and 6 s at most."""
    jobs = [
        JobSpec(at_us=0, qpu_time_us=1_000_000, session=0),
        JobSpec(after=0, think_us=think_us, qpu_time_us=1_000_000, session=0),
    ]
    session = SessionSpec(interactive_timeout_us=6_000_000)
    return Workload(jobs, [session], [], Rules(hold=ADAPTIVE), Policy.FIFO, horizon_us=None)


def quota_in_a_window() -> Workload:
    """S60, S62: of the session's time, 0 to 6, only 5 to 6 lies in the last 4 at 9, and 2 would be too much."""
    jobs = [
        JobSpec(at_us=0, qpu_time_us=6, session=0),
        JobSpec(at_us=9, qpu_time_us=1),
    ]
    session = SessionSpec(interactive_timeout_us=0)
    accounts = {0: AccountSpec(quota=SlidingLimit(2, 4))}
    return Workload(jobs, [session], [], Rules(), Policy.FIFO, horizon_us=None, accounts=accounts)


def usage_after_the_close() -> Workload:
    """S62: closed at 1, the session is charged until its job leaves the QPU at 6: by 4 that is 4, too much."""
    jobs = [JobSpec(at_us=0, qpu_time_us=6, session=0), JobSpec(at_us=4, qpu_time_us=1)]
    accounts = {0: AccountSpec(quota=SlidingLimit(3, 1000))}
    return Workload(
        jobs, [SessionSpec(cancel_us=1)], [], Rules(), Policy.FIFO, horizon_us=None, accounts=accounts
    )


def check(workload: Workload, at_most: int) -> None:
    model, scheduler = model_for(workload), scheduler_for(workload)
    assert run(scheduler, workload.horizon_us, at_most) == model.run(workload.horizon_us)
    engines.compare(scheduler, plan_for(workload), policy_of(workload), workload.horizon_us)


@settings(repeatable, max_examples=examples(1000))
@example(closing_while_inactive(), ALL_AT_ONCE)
@example(closing_while_inactive(cancels_us=(5, NEVER)), ALL_AT_ONCE)
@example(closing_while_inactive(cancels_us=(5, 6)), ALL_AT_ONCE)
@example(closing_while_inactive(close_again_us=5), ALL_AT_ONCE)
@example(closing_while_inactive(cancel_us=5), ALL_AT_ONCE)
@example(closing_while_inactive(max_time_us=5), ALL_AT_ONCE)
@given(workloads(most_clients=0), st.sampled_from([ALL_AT_ONCE, 1, 3]))
def test_explicit_workloads_give_the_facts_of_the_naive_model(workload: Workload, at_most: int) -> None:
    check(workload, at_most)


@settings(repeatable, max_examples=examples(600))
@given(workloads(most_clients=3), st.sampled_from([ALL_AT_ONCE, 1, 3]))
def test_iterative_clients_give_the_facts_of_the_naive_model(workload: Workload, at_most: int) -> None:
    check(workload, at_most)


@settings(repeatable, max_examples=examples(900))
@example(quota_after_an_outage(), ALL_AT_ONCE)
@example(quota_in_a_window(), ALL_AT_ONCE)
@example(usage_after_the_close(), ALL_AT_ONCE)
@example(rest_of_what_runs(), ALL_AT_ONCE)
@example(adapted_timeout(2_000_000), ALL_AT_ONCE)
@example(adapted_timeout(200_000), ALL_AT_ONCE)
@example(requeued_before_a_reservation(), ALL_AT_ONCE)
@given(whole_workloads(most_clients=2), st.sampled_from([ALL_AT_ONCE, 1, 3]))
def test_workloads_that_use_the_whole_service_give_the_facts_of_the_naive_model(
    workload: Workload, at_most: int
) -> None:
    check(workload, at_most)

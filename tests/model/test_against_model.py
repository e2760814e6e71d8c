"""The scheduler and the naive model give the same facts for every random workload (S1 to S26, S30 to S54, S60, S62, S64 to S66)."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qsession_sim.scheduler.plan import JobSpec, SessionSpec
from qsession_sim.scheduler.rules import Rules
from qsession_sim.scheduler.vocabulary import NEVER

from .naive_limits import Policy
from .observed import model_for, run, scheduler_for
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


def check(workload: Workload, at_most: int) -> None:
    model = model_for(workload)
    assert run(scheduler_for(workload), workload.horizon_us, at_most) == model.run(workload.horizon_us)


@settings(repeatable, max_examples=1000)
@example(closing_while_inactive(), ALL_AT_ONCE)
@example(closing_while_inactive(cancels_us=(5, NEVER)), ALL_AT_ONCE)
@example(closing_while_inactive(cancels_us=(5, 6)), ALL_AT_ONCE)
@example(closing_while_inactive(close_again_us=5), ALL_AT_ONCE)
@example(closing_while_inactive(cancel_us=5), ALL_AT_ONCE)
@example(closing_while_inactive(max_time_us=5), ALL_AT_ONCE)
@given(workloads(most_clients=0), st.sampled_from([ALL_AT_ONCE, 1, 3]))
def test_explicit_workloads_give_the_facts_of_the_naive_model(workload: Workload, at_most: int) -> None:
    check(workload, at_most)


@settings(repeatable, max_examples=600)
@given(workloads(most_clients=3), st.sampled_from([ALL_AT_ONCE, 1, 3]))
def test_iterative_clients_give_the_facts_of_the_naive_model(workload: Workload, at_most: int) -> None:
    check(workload, at_most)


@settings(repeatable, max_examples=1000)
@given(whole_workloads(most_clients=2), st.sampled_from([ALL_AT_ONCE, 1, 3]))
def test_workloads_that_use_the_whole_service_give_the_facts_of_the_naive_model(
    workload: Workload, at_most: int
) -> None:
    check(workload, at_most)

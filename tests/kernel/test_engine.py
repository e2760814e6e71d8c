"""How the kernel is asked, what it refuses by name, and where it stops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qsession_sim.errors import IllegalTransitionError, ScenarioError, SchedulerUsageError
from qsession_sim.kernel import columns, engine
from qsession_sim.kernel.refusals import why_not
from qsession_sim.policies.registry import queue_policy
from qsession_sim.scheduler.plan import (
    ADAPTIVE,
    GAP_FILL,
    AccountSpec,
    ClientSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Routing,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.queues import FirstInFirstOut, ordered_by
from qsession_sim.scheduler.vocabulary import NEVER, Mode, OnError, Reason, WindowKind

from .comparison import FORMS, by_scheduler, everything
from .random_plans import random_case

FIFO = FirstInFirstOut()
JOB = JobSpec(qpu_time_us=2, at_us=1)


# ---------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("plan", "rules", "policy", "reason"),
    [
        ({"qpus": (QpuSpec(),) * 63}, {}, FIFO, "the kernel does not know more than 62 QPUs"),
        ({"qpus": (QpuSpec(simulator=True),)}, {}, FIFO, "the kernel does not know simulator backends"),
        (
            {"windows": (WindowSpec(WindowKind.RESERVATION, 1, 2),)},
            {},
            FIFO,
            "the kernel does not know reservations",
        ),
        (
            {"windows": (WindowSpec(WindowKind.OUTAGE, 1, 2, every_us=3),)},
            {},
            FIFO,
            "the kernel does not know windows that come again in a run without a horizon",
        ),
        (
            {"account_specs": {0: AccountSpec(quota=SlidingLimit(3, 5))}},
            {},
            FIFO,
            "the kernel does not know quotas of usage",
        ),
        (
            {"account_specs": {0: AccountSpec(submissions=SlidingLimit(2**20 + 1, 5))}},
            {},
            FIFO,
            "the kernel does not know rates of more than 1,048,576 submissions",
        ),
        ({}, {"hold": GAP_FILL}, FIFO, "the kernel does not know the hold policy 'gap_fill'"),
        (
            {"qpus": (QpuSpec(),) * 2},
            {"routing": Routing.RANDOM},
            FIFO,
            "the kernel does not know the routing policy 'random'",
        ),
        ({"jobs": [replace(JOB, qpu_time_us=2**62)]}, {}, FIFO, "the kernel does not know times of 2**62 us"),
        (
            {},
            {},
            queue_policy("wfp3"),
            "the kernel does not know the queue policy 'wfp3', not as one number for each job",
        ),
        (
            {},
            {},
            ordered_by(lambda job: (job.number,)),
            "the kernel does not know the queue policy 'key', not as one number for each job",
        ),
        (
            {"jobs": [replace(JOB, priority=2**61)]},
            {},
            queue_policy({"name": "priority", "aging": "2us"}),
            "the kernel does not know the queue policy 'priority', not as one number for each job",
        ),
    ],
)
def test_what_it_does_not_do_is_refused_by_name(plan, rules, policy, reason) -> None:
    """Two times that are added must be an int64, and so must be a submission and a key: -2 x 2**61 is -2**62."""
    of_plan, of_rules = Plan.of(**plan), Rules(**rules)
    assert why_not(of_plan, of_rules, policy) == reason
    with pytest.raises(SchedulerUsageError) as caught:
        engine.run(of_plan, of_rules, policy)
    assert str(caught.value) == f"this plan cannot be run: {reason}"


@pytest.mark.parametrize(
    "what",
    [
        "simulator backends",
        "reservations",
        "windows that come again in a run without a horizon",
        "more than 62 QPUs",
        "quotas of usage",
        "rates of more than 1,048,576 submissions",
        "the hold policy `gap_fill`",
        "times of 2**62 us",
    ],
)
def test_the_page_on_engines_names_what_is_refused(what) -> None:
    page = Path(__file__).parents[2] / "docs" / "engines.md"
    assert what in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "plan",
    [
        {"qpus": (QpuSpec(),) * 62},
        {"account_specs": {0: AccountSpec(allocation_us=5)}},
        {"jobs": [replace(JOB, qpu_time_us=2**62 - 1)]},
    ],
)
def test_what_is_just_possible_is_not_refused(plan) -> None:
    assert why_not(Plan.of(**plan), Rules(), FIFO) is None


def test_the_compiled_form_is_refused_where_there_is_none(monkeypatch) -> None:
    monkeypatch.setattr(columns, "_modules", lambda: {False: None})
    assert not columns.is_compiled()
    with pytest.raises(SchedulerUsageError, match="the kernel is not compiled; build the package where"):
        engine.run(Plan.of(), Rules(), FIFO, compiled=True)


# ---------------------------------------------------------------- where it stops


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_stops_at_every_event_leaves_the_same_behind(compiled, seed) -> None:
    case = random_case(seed)
    kernel = engine.Kernel(case.plan, case.rules, case.policy, compiled=compiled)
    while not (
        kernel.advance(0, at_most=1)
        if case.horizon_us is None
        else kernel.advance(case.horizon_us - 1, at_most=1)
    ):
        pass
    if case.horizon_us is None:
        while not kernel.advance_while_needed(at_most=1):
            pass
    else:
        kernel.finish_at(case.horizon_us)
    assert everything(kernel.outcome()) == everything(
        by_scheduler(case.plan, case.rules, case.policy, case.horizon_us)
    )


@pytest.mark.parametrize("compiled", FORMS)
def test_progress_is_reported_after_so_many_events_and_at_the_end(compiled) -> None:
    """25,000 jobs of 1 us: the first submission is alone at instant 0, which is served by itself (S6), and then
    each instant has an end and, up to 24,999, a submission."""
    plan = Plan.of([JobSpec(qpu_time_us=1, at_us=number) for number in range(25_000)])
    reports = []
    engine.run(
        plan, Rules(), FIFO, compiled=compiled, progress=lambda now, events: reports.append((now, events))
    )
    assert reports == [(10_000, 20_001), (20_000, 40_001), (25_000, 50_000)]


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize("horizon_us", [None, 2**62])
def test_a_run_beyond_the_longest_time_is_the_error_of_the_reference(compiled, horizon_us) -> None:
    """S1: submitted at 2**62 - 1 us, the job would end beyond."""
    plan = Plan.of([JobSpec(qpu_time_us=2, at_us=2**62 - 1)])
    with pytest.raises(ScenarioError) as caught:
        engine.run(plan, Rules(), FIFO, horizon_us, compiled=compiled)
    assert caught.value.problems == (
        "workload: the run goes on beyond 2**62 us, about 146,000 years; give a horizon",
    )


@pytest.mark.parametrize("compiled", FORMS)
def test_a_clock_beyond_the_longest_time_prolongs_nothing(compiled) -> None:
    """S6: of the session that is left only max_time is to come, and the job ends just in time, at 2**62."""
    jobs = [JobSpec(qpu_time_us=1, at_us=2**62 - 1, session=0)]
    sessions = [SessionSpec(max_time_us=2**62 - 1, interactive_timeout_us=0)]
    outcome = engine.run(Plan.of(jobs, sessions), Rules(), FIFO, compiled=compiled)
    assert (list(outcome.journal.ended_us), outcome.end_us) == ([2**62], 2**62)


@pytest.mark.parametrize("compiled", FORMS)
def test_a_client_that_notices_beyond_the_longest_time_does_not_overflow(compiled) -> None:
    """S64: submitted at 2**61, it is done at 2**62 - 2**60 and noticed at 2**61 + 2**62 - 1; the think time is more."""
    jobs = [
        JobSpec(qpu_time_us=2**60, at_us=2**61, client=0),
        JobSpec(qpu_time_us=1, after=0, think_us=2**62 - 1, client=0),
    ]
    plan = Plan.of(jobs, clients=[ClientSpec(first_job=0, jobs=2, poll_us=2**62 - 1)])
    with pytest.raises(ScenarioError, match=r"beyond 2\*\*62 us"):
        engine.run(plan, Rules(max_execution_time_us=NEVER), FIFO, compiled=compiled)


@pytest.mark.parametrize("compiled", FORMS)
def test_an_event_without_an_entry_in_the_table_is_the_error_of_the_reference(compiled) -> None:
    """Closed before it is created, which a scenario may not say (S9); a job that is submitted twice."""
    sessions = [SessionSpec(created_us=5, close_us=3)]
    closed = Plan.of([JobSpec(qpu_time_us=2, at_us=9)], sessions)
    twice = replace(Plan.of([JobSpec(qpu_time_us=2, at_us=9)]), submissions_us=[9, 10], submissions=[0, 0])
    for plan in (closed, twice):
        with pytest.raises(IllegalTransitionError) as expected:
            by_scheduler(plan, Rules(), FIFO, None)
        with pytest.raises(IllegalTransitionError) as caught:
            engine.run(plan, Rules(), FIFO, compiled=compiled)
        assert str(caught.value) == str(expected.value)


# ---------------------------------------------------------------- room


@pytest.mark.parametrize("compiled", FORMS)
def test_there_is_room_for_any_number_of_attempts_and_sessions(compiled) -> None:
    """S65, S66: each attempt is cut after 1 us and repeated; each session lives for 3 us, and then there is another."""
    jobs = [JobSpec(qpu_time_us=5, max_execution_time_us=1, at_us=0, session=0, client=0)]
    sessions = [SessionSpec(max_time_us=3, client=0)]
    clients = [ClientSpec(first_job=0, jobs=1, session=0, on_error=OnError.RETRY, on_rejection=0)]
    plan = Plan.of(jobs, sessions, clients)
    outcome = engine.run(plan, Rules(), FIFO, 1000, compiled=compiled)
    assert len(outcome.journal.repeated_jobs) > 1000
    assert len(outcome.journal.repeated_sessions) > 200
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, 1000))


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize("policy", ["fifo", "lifo"])
def test_there_is_room_for_any_number_of_waiting_jobs(compiled, policy) -> None:
    plan = Plan.of([JobSpec(qpu_time_us=3, at_us=number // 3 * 2) for number in range(500)])
    queue = queue_policy(policy)
    outcome = engine.run(plan, Rules(), queue, compiled=compiled)
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), queue, None))


# ---------------------------------------------------------------- order


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize("session", [NEVER, 0])
def test_a_job_of_the_same_instant_with_a_smaller_number_goes_first_though_it_came_later(
    compiled, session
) -> None:
    """S3, S12: at 5 job 1 is submitted, then job 2 is cancelled, and job 0 follows at once; it has the QPU from 5
    to 7, and job 1 from 7 to 9."""
    jobs = [
        JobSpec(qpu_time_us=2, after=2, session=session),
        JobSpec(qpu_time_us=2, at_us=5, session=session),
        JobSpec(qpu_time_us=9, at_us=0, cancel_us=5),
    ]
    sessions = [SessionSpec()] if session == 0 else []
    plan = Plan.of(jobs, sessions)
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.started_us) == [5, 7, 0]
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, None))


@pytest.mark.parametrize("compiled", FORMS)
def test_so_it_does_among_the_jobs_of_an_active_session(compiled) -> None:
    """The same at 5, while job 3 of the session has the QPU until 10; job 2 waits, and is cancelled at 5."""
    jobs = [
        JobSpec(qpu_time_us=2, after=2, session=0),
        JobSpec(qpu_time_us=2, at_us=5, session=0),
        JobSpec(qpu_time_us=9, at_us=1, cancel_us=5),
        JobSpec(qpu_time_us=10, at_us=0, session=0),
    ]
    plan = Plan.of(jobs, [SessionSpec()])
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.started_us) == [10, 12, NEVER, 0]
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, None))


@pytest.mark.parametrize("compiled", FORMS)
def test_the_adaptive_hold_goes_by_the_mean_of_all_think_times(compiled) -> None:
    """S51: after think times of 2 s and 4 s the ITTL is twice their mean, 6 s; the last job ends at 9 s."""
    jobs = [JobSpec(qpu_time_us=1_000_000, at_us=at * 1_000_000, session=0) for at in (0, 3, 8)]
    outcome = engine.run(Plan.of(jobs, [SessionSpec()]), Rules(hold=ADAPTIVE), FIFO, compiled=compiled)
    assert outcome.end_us == 15_000_000


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize(("mode", "starts"), [(Mode.SESSION, [0, 10, 12]), (Mode.BATCH, [0, 12, 10])])
def test_in_a_batch_the_job_that_is_ready_first_goes_first(compiled, mode, starts) -> None:
    """S12, S33: job 0 is on the QPU until 10; job 1 is ready at 6 and job 2, which was submitted later, at 3."""
    jobs = [
        JobSpec(qpu_time_us=10, at_us=0, session=0),
        JobSpec(qpu_time_us=2, at_us=1, session=0, preparation_us=5),
        JobSpec(qpu_time_us=2, at_us=2, session=0, preparation_us=1),
    ]
    outcome = engine.run(Plan.of(jobs, [SessionSpec(mode=mode)]), Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.ready_us) == [0, 6, 3]
    assert list(outcome.journal.started_us) == starts


@pytest.mark.parametrize("compiled", FORMS)
def test_a_session_that_lost_the_qpu_gets_no_lane_while_another_one_holds_it(compiled) -> None:
    """S42, S43: job 1 has the only lane from 1 to 11, and is cancelled at 15. Session 0 is idle at 2 and inactive at
    3, session 1 active from 4 until 1 us after its job, at 25. Then nobody holds the QPU, and job 2 gets the lane."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=10, cancel_us=15),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=3),
        JobSpec(qpu_time_us=20, at_us=4, session=1),
    ]
    sessions = [SessionSpec(interactive_timeout_us=1)] * 2
    plan = Plan.of(jobs, sessions, qpus=(QpuSpec(lanes=1),))
    outcome = engine.run(plan, Rules(ittl_asks_for_ready=True), FIFO, compiled=compiled)
    assert list(outcome.journal.preparing_us) == [NEVER, 1, 25, NEVER]
    assert list(outcome.journal.started_us) == [0, NEVER, 28, 4]


@pytest.mark.parametrize("compiled", FORMS)
def test_a_session_with_an_instant_of_creation_is_not_created_before(compiled) -> None:
    """S9: at 3 it does not exist, though a job is submitted to it; at 12 it does, since 10."""
    jobs = [JobSpec(qpu_time_us=2, at_us=at, session=0) for at in (3, 12)]
    plan = Plan.of(jobs, [SessionSpec(created_us=10)])
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.reason) == [Reason.SESSION_NOT_CREATED, Reason.NONE]
    assert list(outcome.journal.started_us) == [NEVER, 12]
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, None))


@pytest.mark.parametrize("compiled", FORMS)
def test_the_end_of_post_processing_starts_no_clock(compiled) -> None:
    """S41: the jobs leave the QPU at 2 and at 4, when the clock of 15 us starts; at 12 the post-processing of the
    first one ends, and at 24 that of the second. The session holds the QPU until 19."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0, post_processing_us=10),
        JobSpec(qpu_time_us=2, at_us=1, session=0, post_processing_us=20),
        JobSpec(qpu_time_us=1, at_us=5),
    ]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=15)])
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.ended_us) == [12, 24, 20]
    assert list(outcome.journal.started_us) == [0, 2, 19]
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, None))


@pytest.mark.parametrize("compiled", FORMS)
def test_a_job_that_is_cancelled_while_it_is_prepared_never_kept_the_clock_from_running(compiled) -> None:
    """S43, where only ready jobs count: job 1 is cancelled at 5; job 2 leaves the QPU at 10, while job 3 is prepared
    until 39. So the session is idle at 10 and inactive at 30, when job 4 has the QPU until 40."""
    jobs = [
        JobSpec(qpu_time_us=2, at_us=0, session=0),
        JobSpec(qpu_time_us=1, at_us=1, session=0, preparation_us=10, cancel_us=5),
        JobSpec(qpu_time_us=2, at_us=8, session=0),
        JobSpec(qpu_time_us=1, at_us=9, session=0, preparation_us=30),
        JobSpec(qpu_time_us=10, at_us=25),
    ]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=20)])
    rules = Rules(ittl_asks_for_ready=True)
    outcome = engine.run(plan, rules, FIFO, compiled=compiled)
    assert list(outcome.journal.started_us) == [0, NEVER, 8, 40, 30]
    assert everything(outcome) == everything(by_scheduler(plan, rules, FIFO, None))


@pytest.mark.parametrize("compiled", FORMS)
def test_a_calibration_that_is_missed_several_times_is_made_up_for_once(compiled) -> None:
    """S52: due at 10, 30, 50, 70 and 90, while a job is on the QPU until 100, and then in its turn."""
    windows = (WindowSpec(WindowKind.CALIBRATION, 10, 5, every_us=20),)
    plan = Plan.of([JobSpec(qpu_time_us=100, at_us=0)], windows=windows)
    outcome = engine.run(plan, Rules(), FIFO, 140, compiled=compiled)
    assert list(outcome.journal.windows[3::5]) == [100, 110, 130]


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize(("mode", "begins"), [(Mode.SESSION, 60), (Mode.BATCH, 12)])
def test_a_calibration_waits_for_a_session_but_not_for_a_batch(compiled, mode, begins) -> None:
    """S52: due at 12; the job ends at 10, and 50 us later its session is inactive."""
    plan = Plan.of(
        [JobSpec(qpu_time_us=10, at_us=0, session=0), JobSpec(qpu_time_us=1, at_us=99)],
        [SessionSpec(mode=mode, interactive_timeout_us=50)],
        windows=(WindowSpec(WindowKind.CALIBRATION, 12, 5),),
    )
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.windows[3::5]) == [begins]

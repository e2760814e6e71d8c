"""What the kernel does in one go: what the tables say of it, where it begins and ends, and that it is done at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qsession_sim.errors import IllegalTransitionError, ScenarioError
from qsession_sim.kernel import core, engine
from qsession_sim.kernel.refusals import why_not
from qsession_sim.policies.registry import hold_policy, queue_policy
from qsession_sim.scheduler.plan import (
    AccountSpec,
    ClientSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Rules,
    SessionSpec,
    SlidingLimit,
    WindowSpec,
)
from qsession_sim.scheduler.queues import FirstInFirstOut
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import (
    JOB_TABLE,
    OF_SESSIONS,
    SESSION_TABLE,
    VISIBLE_CHANGES,
    JobAction,
    JobEvent,
    SessionAction,
    SessionEvent,
    SessionPhase,
)
from qsession_sim.scheduler.vocabulary import (
    NEVER,
    NO_LIMIT,
    JobStage,
    Mode,
    OnError,
    OnFinish,
    OnRejection,
    WindowKind,
)

from .comparison import FORMS, by_scheduler, everything

FIFO = FirstInFirstOut()

# ---------------------------------------------------------------- what the tables say


def test_the_tables_say_of_jobs_that_are_done_what_is_done_in_one_go() -> None:
    """A submission, a start and an end, with all actions but those of limits (S60), patience (S27) and reservations."""
    said = [
        (JOB_TABLE[JobStage.PLANNED][JobEvent.SUBMIT], JobStage.QUEUED),
        (JOB_TABLE[JobStage.QUEUED][JobEvent.START], JobStage.RUNNING),
        (JOB_TABLE[JobStage.RUNNING][JobEvent.FINISH], JobStage.DONE),
    ]
    elsewhere = {
        *(JobAction.COUNT_SUBMISSION, JobAction.COUNT_END),
        *(JobAction.START_PATIENCE, JobAction.STOP_PATIENCE, JobAction.MAKE_WAY),
    }
    assert [entry.after for entry, _ in said] == [after for _, after in said]
    assert [[action for action in entry.actions if action not in elsewhere] for entry, _ in said] == [
        [JobAction.JOIN_SESSION, JobAction.ENTER_QUEUE, JobAction.WAIT_FOR_QPU],
        [JobAction.LEAVE_QUEUE, JobAction.TAKE_QPU, JobAction.TELL_START],
        [JobAction.LEAVE_QPU, JobAction.LEAVE_SESSION, JobAction.END],
    ]
    assert {JobAction.JOIN_SESSION, JobAction.TELL_START, JobAction.LEAVE_SESSION} <= OF_SESSIONS


def test_the_tables_say_of_an_idle_session_that_each_job_stops_its_clock_and_starts_it_again() -> None:
    """S13; and nobody sees it."""
    idle, running = SessionPhase.IDLE, SessionPhase.RUNNING
    assert SESSION_TABLE[idle][SessionEvent.SUBMIT] == (running, (SessionAction.STOP_ITTL,))
    assert SESSION_TABLE[running][SessionEvent.START] == (running, ())
    assert SESSION_TABLE[running][SessionEvent.END_LAST] == (idle, (SessionAction.START_ITTL,))
    assert {(idle, running), (running, running), (running, idle)} & VISIBLE_CHANGES == set()


# ---------------------------------------------------------------- where it ends


def client(
    *, session: dict[str, Any] | None = None, of_jobs: dict[int, dict[str, Any]] | None = None
) -> Plan:
    """Four jobs of 5 us with 2 us of thinking between them, in a session whose ITTL is 50 us: alone they start at 0,
    7, 14 and 21, and the session, which nobody closes, is inactive 50 us after 26. Job 4 is in job mode."""
    first = JobSpec(qpu_time_us=5, at_us=0, session=0, client=0)
    jobs = [first, *(replace(first, at_us=NEVER, after=number, think_us=2) for number in range(3))]
    jobs.append(JobSpec(qpu_time_us=4, at_us=NEVER))
    for number, changes in (of_jobs or {}).items():
        jobs[number] = replace(jobs[number], **changes)
    if jobs[4].at_us == NEVER and jobs[4].after == NEVER:
        jobs.pop()
    spec = SessionSpec(interactive_timeout_us=50, client=0)
    clients = [
        ClientSpec(first_job=0, jobs=4, session=0, on_finish=OnFinish.LEAVE, on_error=OnError.CONTINUE)
    ]
    return Plan.of(jobs, [replace(spec, **(session or {}))], clients)


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize(
    ("changes", "starts", "end_us"),
    [
        pytest.param({}, [0, 7, 14, 21], 76, id="alone"),
        pytest.param(
            {"session": {"interactive_timeout_us": 3}, "of_jobs": {2: {"think_us": 3}}},
            [0, 7, 15, 22],
            30,
            id="S13, S3: what is submitted at the end of the ITTL comes first",
        ),
        pytest.param(
            {"session": {"interactive_timeout_us": 3}, "of_jobs": {2: {"think_us": 4}, 4: {"at_us": 8}}},
            [0, 7, 19, 26, 15],
            34,
            id="S14: job 4 has the QPU from 15 to 19, when job 2 waits since 16",
        ),
        pytest.param(
            {"of_jobs": {4: {"at_us": 8}}}, [0, 7, 14, 21, 76], 80, id="S12: job 4 waits, for nobody is late"
        ),
        pytest.param(
            {"of_jobs": {1: {"max_execution_time_us": 1}}}, [0, 7, 10, 17], 72, id="S44: cut after 1 us"
        ),
        pytest.param(
            {"of_jobs": {2: {"cancel_after_us": 1}}}, [0, 7, 14, 17], 72, id="S25: cancelled on the QPU"
        ),
        pytest.param({"of_jobs": {2: {"cancel_us": 14}}}, [0, 7, NEVER, 16], 71, id="S25: cancelled at once"),
        pytest.param(
            {"session": {"max_time_us": 100}, "of_jobs": {2: {"max_execution_time_us": 200}}},
            [0, 7, NEVER, NEVER],
            62,
            id="S24: it might need more than there is, and is rejected",
        ),
        pytest.param({"session": {"close_us": 12}}, [0, 7, NEVER, NEVER], 14, id="S17: closed while idle"),
        pytest.param(
            {"session": {"cancel_us": 15}}, [0, 7, 14, NEVER], 21, id="S18: cancelled while running"
        ),
        pytest.param(
            {"session": {"max_time_us": 14}}, [0, 7, NEVER, NEVER], 16, id="S16: over at 14, when job 2 waits"
        ),
        pytest.param(
            {"session": {"mode": Mode.BATCH}, "of_jobs": {4: {"at_us": 13}}},
            [0, 7, 17, 24, 13],
            79,
            id="S32: job 4 has the QPU from 13 to 17, while job 2 waits",
        ),
        pytest.param(
            {"of_jobs": {4: {"after": 1}}}, [0, 7, 14, 21, 76], 80, id="S5: job 4 follows job 1, and waits"
        ),
    ],
)
def test_jobs_of_a_client_follow_each_other_until_something_else_happens(
    compiled, changes, starts, end_us
) -> None:
    plan = client(**changes)
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.started_us) == starts
    assert outcome.end_us == end_us
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, None))


@pytest.mark.parametrize("compiled", FORMS)
def test_a_think_time_after_which_a_job_would_end_beyond_int64_is_the_error_of_the_reference(
    compiled,
) -> None:
    """S1: job 1 ends at 5, and job 2 would come at 2**62 + 4 and end at 2**63 + 3; then there is job 3."""
    first = JobSpec(qpu_time_us=1, session=0, client=0)
    times = ({"at_us": 1}, {"think_us": 2}, {"think_us": 2**62 - 1, "qpu_time_us": 2**62 - 1}, {})
    jobs = [replace(first, after=number - 1, **given) for number, given in enumerate(times)]
    sessions = [SessionSpec(max_time_us=2**62 - 1, interactive_timeout_us=2**62 - 1, client=0)]
    plan = Plan.of(jobs, sessions, [ClientSpec(first_job=0, jobs=4, session=0)])
    with pytest.raises(ScenarioError, match=r"beyond 2\*\*62 us"):
        engine.run(plan, Rules(max_execution_time_us=NEVER), FIFO, compiled=compiled)


# ---------------------------------------------------------------- where there are none


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize(
    ("changes", "given", "starts", "ended"),
    [
        pytest.param({"patience_us": 3}, {}, [0, NEVER], [9, 4], id="S27"),
        pytest.param({"cancel_us": 3}, {}, [0, NEVER], [9, 3], id="S25"),
        pytest.param({"cancel_after_us": 3}, {}, [0, NEVER], [9, 4], id="S25, after the submission"),
        pytest.param({"post_processing_us": 3}, {}, [0, 9], [9, 13], id="S41"),
        pytest.param({"preparation_us": 13}, {}, [0, 14], [9, 15], id="S40"),
        pytest.param({"at_us": NEVER, "after": 0, "think_us": 2}, {}, [0, 11], [9, 12], id="S5"),
        pytest.param({"qpu": 1}, {"qpus": (QpuSpec(), QpuSpec())}, [0, 1], [9, 2], id="S54: pinned"),
        pytest.param(
            {}, {"account_specs": {0: AccountSpec(pending=1)}}, [0, NEVER], [9, 1], id="S60: rejected at 1"
        ),
        pytest.param(
            {},
            {"windows": (WindowSpec(WindowKind.MAINTENANCE, start_us=5, duration_us=10),)},
            [0, 15],
            [9, 16],
            id="S52",
        ),
    ],
)
def test_in_job_mode_more_may_happen(compiled, changes, given, starts, ended) -> None:
    """Job 0 has the QPU from 0 to 9; job 1, of 1 us, comes at 1."""
    jobs = [JobSpec(qpu_time_us=9, at_us=0), replace(JobSpec(qpu_time_us=1, at_us=1), **changes)]
    outcome = engine.run(Plan.of(jobs, **given), Rules(), FIFO, compiled=compiled)
    assert (list(outcome.journal.started_us), list(outcome.journal.ended_us)) == (starts, ended)


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize(
    ("account_specs", "starts"),
    [({}, [0, 7, 14, 21]), ({0: AccountSpec(submissions=SlidingLimit(2, 99))}, [0, 7, NEVER, NEVER])],
)
def test_limits_count_the_jobs_of_a_client(compiled, account_specs, starts) -> None:
    """S60: of two submissions in 99 us, the third, at 14, is rejected, and the client gives up."""
    plan = replace(client(), account_specs=account_specs)
    outcome = engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert list(outcome.journal.started_us) == starts


@pytest.mark.parametrize("compiled", FORMS)
def test_the_adaptive_hold_counts_the_think_times_of_a_client(compiled) -> None:
    """S51: jobs of 1 s, with 2 s of thinking before the second and 1 s before the third and fourth, which ends at 8 s.
    Twice the mean of the think times, 8/3 s, is how long the session stays then."""
    second = 1_000_000
    first = JobSpec(qpu_time_us=second, at_us=0, session=0, client=0)
    jobs = [first]
    for number, seconds in enumerate((2, 1, 1)):
        jobs.append(replace(first, at_us=NEVER, after=number, think_us=seconds * second))
    clients = [ClientSpec(first_job=0, jobs=4, session=0, on_finish=OnFinish.LEAVE)]
    plan = Plan.of(jobs, [SessionSpec(interactive_timeout_us=60 * second, client=0)], clients)
    outcome = engine.run(plan, Rules(hold=hold_policy("adaptive")), FIFO, compiled=compiled)
    assert list(outcome.journal.ended_us) == [second, 4 * second, 6 * second, 8 * second]
    assert outcome.end_us == 8 * second + 2 * (4 * second) // 3


@pytest.mark.parametrize("compiled", FORMS)
def test_a_job_of_a_client_that_was_there_already_is_the_error_of_the_reference(compiled) -> None:
    """Job 2 is also planned for 1, which no scenario can say: when the client submits it, at 14, it is submitted twice."""
    plan = replace(client(), submissions_us=[0, 1], submissions=[0, 2])
    with pytest.raises(IllegalTransitionError) as expected:
        by_scheduler(plan, Rules(), FIFO, None)
    with pytest.raises(IllegalTransitionError) as caught:
        engine.run(plan, Rules(), FIFO, compiled=compiled)
    assert str(caught.value) == str(expected.value)


# ---------------------------------------------------------------- the longest time


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize("waiting", [0, 1])
def test_an_end_at_the_last_number_of_all_is_the_error_of_the_reference(compiled, waiting) -> None:
    """S1: job 1 starts at 2**62 and would end at 2**63 - 1, the largest int64; job 2 waits for it, or is not there."""
    longest = 2**62 - 1
    jobs = [JobSpec(qpu_time_us=longest, at_us=1), JobSpec(qpu_time_us=longest, at_us=2)]
    plan = Plan.of([*jobs, *[JobSpec(qpu_time_us=1, at_us=3)] * waiting])
    with pytest.raises(ScenarioError, match=r"beyond 2\*\*62 us"):
        engine.run(plan, Rules(max_execution_time_us=NEVER), FIFO, compiled=compiled)


@pytest.mark.parametrize("compiled", FORMS)
def test_a_kernel_may_be_advanced_to_any_time(compiled) -> None:
    kernel = engine.Kernel(Plan.of([JobSpec(qpu_time_us=5, at_us=1)]), Rules(), FIFO, compiled=compiled)
    assert (kernel.advance(2**70), kernel.now_us, kernel.events_applied) == (True, 6, 2)


# ---------------------------------------------------------------- random plans


def quiet_plan(seed: int) -> tuple[Plan, Rules]:
    """One QPU, clients in one or two sessions, and little beside them."""
    rng = np.random.default_rng(seed)

    def upto(most: int) -> int:
        return int(rng.integers(most + 1))

    def rarely(value: int, other: int = NEVER) -> int:
        return value if rng.random() < 0.04 else other

    jobs, sessions, clients = [], [], []
    for number in range(1 + upto(1)):
        first, count = len(jobs), 1 + upto(9)
        if not sessions or upto(3):
            sessions.append(
                SessionSpec(
                    mode=(Mode.SESSION, Mode.BATCH)[upto(1)],
                    client=number,
                    interactive_timeout_us=(3, 5, 20, 50)[upto(3)],
                    max_time_us=rarely(upto(60), (30, 1000)[upto(1)]),
                    close_us=rarely(1 + upto(60)),
                    cancel_us=rarely(1 + upto(60)),
                )
            )
        session = len(sessions) - 1
        for place in range(count):
            when = (
                {"at_us": number * upto(60)}
                if place == 0
                else {"after": first + place - 1, "think_us": upto(4)}
            )
            jobs.append(
                JobSpec(
                    qpu_time_us=1 + upto(5),
                    session=session,
                    client=number,
                    max_execution_time_us=(rarely(4), NO_LIMIT)[upto(1)],
                    cancel_us=rarely(upto(60)),
                    cancel_after_us=rarely(upto(5)),
                    **when,
                )
            )
        clients.append(
            ClientSpec(
                first_job=first,
                jobs=count,
                session=session,
                poll_us=rarely(3),
                on_error=(OnError.STOP, OnError.CONTINUE)[upto(1)],
                on_rejection=rarely(OnRejection.JOB_MODE, OnRejection.GIVE_UP),
            )
        )
    of_clients = len(jobs)
    jobs += [JobSpec(qpu_time_us=1 + upto(3), at_us=upto(80)) for _ in range(upto(3))]
    jobs += [JobSpec(qpu_time_us=1 + upto(3), after=upto(of_clients - 1)) for _ in range(rarely(1, 0))]
    hold = hold_policy(("exclusive", "shared")[upto(1)])
    return Plan.of(jobs, sessions, clients), Rules(hold=hold, max_execution_time_us=rarely(3))


def job_mode_plan(seed: int) -> tuple[Plan, Rules]:
    """One QPU, and jobs in job mode, some of which are cut."""
    rng = np.random.default_rng(seed)
    jobs = [
        JobSpec(
            qpu_time_us=1 + int(rng.integers(6)),
            at_us=int(rng.integers(40)),
            priority=int(rng.integers(3)),
            max_execution_time_us=(NEVER, NO_LIMIT, 3)[int(rng.integers(3))],
        )
        for _ in range(int(rng.integers(20)))
    ]
    return Plan.of(jobs), Rules(max_execution_time_us=(NEVER, 4)[int(rng.integers(2))])


def in_pieces(
    plan: Plan, rules: Rules, policy: Any, horizon_us: int | None, compiled: bool, most: int
) -> Any:
    """Run it by the kernel, a few events at once, after each of which the scheduler is just as far."""
    kernel = engine.Kernel(plan, rules, policy, compiled=compiled)
    scheduler = Scheduler(plan, rules, queue_policy=policy)
    until_us = 0 if horizon_us is None else horizon_us - 1
    steps: list[Callable[[Any], bool]] = [lambda run: run.advance(until_us, at_most=most)]
    if horizon_us is None:
        steps.append(lambda run: run.advance_while_needed(at_most=most))
    for step in steps:
        is_over = False
        while not is_over:
            is_over = step(kernel)
            assert step(scheduler) == is_over
            assert (kernel.now_us, kernel.events_applied) == (scheduler.now_us, scheduler.events_applied)
    if horizon_us is not None:
        kernel.finish_at(horizon_us)
    return everything(kernel.outcome())


@pytest.mark.parametrize("compiled", FORMS)
@pytest.mark.parametrize("make", [quiet_plan, job_mode_plan])
def test_random_plans_leave_the_same_behind_in_pieces_of_any_size(compiled, make) -> None:
    queues = ("fifo", "lifo", "priority", "shortest_job_first", {"name": "priority", "aging": "2us"})
    for seed in range(400):
        plan, rules = make(seed)
        policy = queue_policy(queues[seed % len(queues)])
        horizon_us = (None, None, 1 + seed % 50)[seed % 3]
        assert why_not(plan, rules, policy, horizon_us) is None
        expected = everything(by_scheduler(plan, rules, policy, horizon_us))
        for most in (1 + seed % 7, 1_000_000):
            found = in_pieces(plan, rules, policy, horizon_us, compiled, most)
            assert found == expected, f"seed {seed}, {most} events at once"


def test_random_plans_take_the_shortcuts(monkeypatch) -> None:
    """In sessions for more than 500 events of 200 plans, in job mode for all; else the test above would show little."""
    original = core.Core.serve_alone
    alone = []

    def counting(self: core.Core, *arguments: int) -> int:
        alone.append(original(self, *arguments))
        return alone[-1]

    monkeypatch.setattr(core.Core, "serve_alone", counting)
    for seed in range(200):
        engine.run(*quiet_plan(seed), FIFO, compiled=False)
        assert engine.Kernel(*job_mode_plan(seed), FIFO, compiled=False)._core.only_job_mode
    assert sum(alone) > 500


@pytest.mark.parametrize("compiled", FORMS)
def test_a_client_that_moved_to_another_session_stays_there(compiled) -> None:
    """S66: job 1 comes at 22, when the session is over at 20, and has another one, in which jobs 2 and 3 follow."""
    times = ({"at_us": 0}, {"think_us": 17}, {"think_us": 2}, {"think_us": 2})
    first = JobSpec(qpu_time_us=5, session=0, client=0)
    jobs = [replace(first, after=number - 1, **given) for number, given in enumerate(times)]
    sessions = [SessionSpec(max_time_us=20, interactive_timeout_us=50, client=0)]
    clients = [
        ClientSpec(
            first_job=0, jobs=4, session=0, on_rejection=OnRejection.NEW_SESSION, on_finish=OnFinish.LEAVE
        )
    ]
    plan = Plan.of(jobs, sessions, clients)
    outcome = engine.run(plan, Rules(), FIFO, 100, compiled=compiled)
    assert list(outcome.journal.session) == [0, 0, 1, 1, 1]
    assert list(outcome.journal.started_us) == [0, NEVER, 29, 36, 22]
    assert everything(outcome) == everything(by_scheduler(plan, Rules(), FIFO, 100))

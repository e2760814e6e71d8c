"""What live users command and ask, at instants in microseconds worked out by hand from the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_examples import examples

import qsession_sim as qs
from qsession_sim.errors import PolicyError, SchedulerUsageError
from qsession_sim.experiment.simulate import finish, prepare
from qsession_sim.policies.registry import queue_policy
from qsession_sim.results.bundle import record_digest
from qsession_sim.results.columns import IntervalKind, interval_columns
from qsession_sim.scheduler.plan import Rules, WindowSpec
from qsession_sim.scheduler.transitions import SessionEvent
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason, SessionState, WindowKind
from qsession_sim.service.live import LiveService
from qsession_sim.service.observed import (
    JobDetails,
    JobEnded,
    JobResult,
    JobStarted,
    LiveSession,
    QpuDetails,
    SessionChanged,
    SessionDetails,
)
from qsession_sim.testing.machine import LiveProgram, commands
from qsession_sim.testing.strategies import scenarios
from qsession_sim.workload.columns import EMPTY_WORKLOAD, Workload

OPEN, ACTIVE, INACTIVE, CLOSED = SessionState


def declared(*jobs: dict[str, Any], **keys: Any) -> Workload:
    scenario = {"workload": [{"kind": "explicit", "jobs": jobs}], **keys}
    return qs.draw(qs.load_scenario(scenario).resolved)


def pass_time(live: LiveService, until_us: int) -> None:
    """Everything happens that is due up to an instant; nobody acts meanwhile."""
    while not live.advance(until_us):
        pass


def submit(live: LiveService, now_us: int, name: str, session: LiveSession, qpu_time_us: int = 10) -> Any:
    return live.submit(now_us, name, qpu_time_us=qpu_time_us, account="lab", session=session)


def opened(live: LiveService, now_us: int = 0, **options: Any) -> LiveSession:
    options = {"max_time_us": 1000, "interactive_timeout_us": 10, **options}
    return live.open_session(now_us, "s", account="lab", **options)


NEW = SessionDetails(
    state=OPEN,
    accepting_jobs=True,
    reason=Reason.NONE,
    qpu="qpu",
    max_time_us=1000,
    interactive_timeout_us=10,
    created_us=0,
    started_us=NEVER,
    activated_us=NEVER,
    closed_us=NEVER,
    last_job_started_us=NEVER,
    last_job_completed_us=NEVER,
    usage_us=0,
)
"""The session of `opened`, as it is at 0."""


def test_the_life_of_a_session_from_instant_to_instant() -> None:
    """S10, S11, S13, S14, S15, S17, S62: j1 runs from 0 to 10, the ITTL of 10 from 10 to 20; j2 activates the
    session again at 30 and runs to 35; its close at 41 finds no job. Used are 20 - 0 and 41 - 30.

    At 20 the ITTL ends after the question (S3, S4), and at 10 and 35 the jobs have left before it.
    """
    live = LiveService(EMPTY_WORKLOAD)
    session = opened(live)
    submit(live, 0, "j1", session)
    assert live.session_details(0, session) == NEW
    pass_time(live, 0)
    runs = replace(NEW, state=ACTIVE, started_us=0, activated_us=0, last_job_started_us=0)
    idle = replace(runs, last_job_completed_us=10)
    for now_us, expected in (
        (0, runs),
        (4, replace(runs, usage_us=4)),
        (10, replace(idle, usage_us=10)),
        (20, replace(idle, usage_us=20)),
        (21, replace(idle, state=INACTIVE, usage_us=20)),
    ):
        assert live.session_details(now_us, session) == expected
    submit(live, 30, "j2", session, 5)
    pass_time(live, 30)
    again = replace(idle, activated_us=30, last_job_started_us=30)
    assert live.session_details(33, session) == replace(again, usage_us=23)
    assert live.session_details(35, session) == replace(again, last_job_completed_us=35, usage_us=25)
    assert live.close(41, session)
    over = replace(
        again,
        state=CLOSED,
        accepting_jobs=False,
        reason=Reason.CLOSED,
        closed_us=41,
        last_job_completed_us=35,
        usage_us=31,
    )
    assert live.session_details(41, session) == live.session_details(500, session) == over
    assert [job.name for job in live.session_jobs(500, session)] == ["j1", "j2"]
    assert live.session_changes(500, session) == (
        SessionChanged(0, session, SessionEvent.CREATE, OPEN, True, Reason.NONE),
        SessionChanged(0, session, SessionEvent.START, ACTIVE, True, Reason.NONE),
        SessionChanged(20, session, SessionEvent.ITTL, INACTIVE, True, Reason.NONE),
        SessionChanged(30, session, SessionEvent.START, ACTIVE, True, Reason.NONE),
        SessionChanged(41, session, SessionEvent.CLOSE_EMPTY, CLOSED, False, Reason.CLOSED),
    )


def test_events_come_out_in_the_order_in_which_they_happened() -> None:
    """S4, S12, S17: `advance` stops for each job of a live user that ends; the close at 4 ends the session with
    j2, at 20."""
    live = LiveService(EMPTY_WORKLOAD)
    session = opened(live)
    first, second = submit(live, 0, "j1", session), submit(live, 0, "j2", session)
    create, start, close, end = (
        SessionChanged(0, session, SessionEvent.CREATE, OPEN, True, Reason.NONE),
        SessionChanged(0, session, SessionEvent.START, ACTIVE, True, Reason.NONE),
        SessionChanged(4, session, SessionEvent.CLOSE, ACTIVE, False, Reason.NONE),
        SessionChanged(20, session, SessionEvent.END_LAST, CLOSED, False, Reason.CLOSED),
    )
    done = [JobResult(JobStatus.DONE, Reason.NONE, 0, start_us, start_us + 10) for start_us in (0, 10)]
    assert live.events() == [create]
    pass_time(live, 0)
    assert live.events() == [start, JobStarted(0, first)]
    assert live.close(4, session)
    assert live.events() == [close]
    assert not live.advance(100)
    assert (live.now_us, live.events()) == (10, [JobEnded(10, first, done[0])])
    assert not live.advance(100)
    assert live.events() == [JobStarted(10, second), end, JobEnded(20, second, done[1])]
    assert live.advance(100)
    assert (live.now_us, live.events()) == (20, [])


def test_a_cancelled_session_is_charged_to_the_end_of_the_job_on_the_qpu() -> None:
    """S18, S20, S62: cancelled at 4 while j1 runs to 10; j2 is dropped, and j3 comes too late."""
    live = LiveService(EMPTY_WORKLOAD)
    session = opened(live)
    submit(live, 0, "j1", session)
    dropped = submit(live, 1, "j2", session)
    assert live.cancel(4, session)
    assert not live.cancel(5, session)
    late = submit(live, 6, "j3", session)
    assert [live.session_details(now_us, session).usage_us for now_us in (7, 10, 30)] == [7, 10, 10]
    details = live.session_details(30, session)
    assert (details.state, details.reason, details.closed_us) == (CLOSED, Reason.CANCELLED, 4)
    assert live.job_details(30, dropped) == JobDetails(
        status=JobStatus.CANCELLED,
        reason=Reason.SESSION_CANCELLED,
        qpu="qpu",
        submitted_us=1,
        preparing_us=NEVER,
        ready_us=1,
        started_us=NEVER,
        ended_us=4,
        usage_us=0,
    )
    assert live.job_details(30, late) == JobDetails(
        status=JobStatus.REJECTED,
        reason=Reason.SESSION_CLOSED,
        qpu="qpu",
        submitted_us=6,
        preparing_us=NEVER,
        ready_us=NEVER,
        started_us=NEVER,
        ended_us=6,
        usage_us=0,
    )


def test_max_time_ends_a_session_and_what_is_queued() -> None:
    """S16, S62: max_time 15 from 0 on; j2 runs from 10 to 20 and completes, j3 ends as ERROR at 15."""
    live = LiveService(EMPTY_WORKLOAD)
    session = opened(live, max_time_us=15)
    _, runs, queued = (submit(live, 0, name, session) for name in ("j1", "j2", "j3"))
    assert live.session_details(15, session).state is ACTIVE
    details = live.session_details(16, session)
    assert (details.state, details.reason, details.closed_us) == (CLOSED, Reason.MAX_TIME, 15)
    assert [live.session_details(now_us, session).usage_us for now_us in (18, 30)] == [18, 20]
    ends = [live.job_details(30, job) for job in (runs, queued)]
    assert [(job.status, job.reason, job.ended_us) for job in ends] == [
        (JobStatus.DONE, Reason.NONE, 20),
        (JobStatus.ERROR, Reason.MAX_TIME, 15),
    ]


def test_a_batch_is_charged_for_the_qpu_time_of_its_jobs() -> None:
    """S32, S62: b1 runs from 0 to 10; x of another account runs from 12 to 15 while the batch is idle, up to
    20; b2, submitted at 14, runs from 15 on."""
    live = LiveService(EMPTY_WORKLOAD)
    batch = opened(live, mode=Mode.BATCH)
    submit(live, 0, "b1", batch)
    pass_time(live, 11)
    live.submit(12, "x", qpu_time_us=3, account="other")
    pass_time(live, 13)
    submit(live, 14, "b2", batch)
    usage_us = [live.session_details(now_us, batch).usage_us for now_us in (14, 15, 18, 40)]
    assert usage_us == [10, 10, 13, 20]


def test_a_job_from_its_preparation_to_the_end_of_its_post_processing() -> None:
    """S40, S41, S62: prepared from 0 to 5, on the QPU to 15, post-processed to 18."""
    live = LiveService(EMPTY_WORKLOAD)
    job = live.submit(0, "j", qpu_time_us=10, account="lab", preparation_us=5, post_processing_us=3)
    queued = JobDetails(
        status=JobStatus.QUEUED,
        reason=Reason.NONE,
        qpu="qpu",
        submitted_us=0,
        preparing_us=NEVER,
        ready_us=NEVER,
        started_us=NEVER,
        ended_us=NEVER,
        usage_us=0,
    )
    assert live.job_details(0, job) == queued
    pass_time(live, 0)
    prepares = replace(queued, status=JobStatus.RUNNING, preparing_us=0)
    ready = replace(prepares, ready_us=5)
    runs = replace(ready, started_us=5)
    for now_us, expected in (
        (4, prepares),
        (5, ready),
        (7, replace(runs, usage_us=2)),
        (17, replace(runs, usage_us=10)),
        (18, replace(runs, status=JobStatus.DONE, ended_us=18, usage_us=10)),
    ):
        assert live.job_details(now_us, job) == expected


def test_what_an_outage_throws_off_is_queued_again_and_charged_for_its_last_stay() -> None:
    """S52, S62: j runs from 0 to the outage from 6 to 9, again from 9 to the one from 12 to 20, and from 20 to
    30. Its session stays active meanwhile, and a QPU that is down is neither held nor free (S72)."""
    windows = tuple(
        WindowSpec(WindowKind.OUTAGE, start_us, end_us - start_us) for start_us, end_us in ((6, 9), (12, 20))
    )
    live = LiveService(replace(EMPTY_WORKLOAD, windows=windows), rules=Rules(requeues_after_outage=True))
    session = opened(live)
    job = submit(live, 0, "j", session)
    seen = []
    for now_us in (3, 7, 10, 13, 25, 31):
        one, all_of_it = live.job_details(now_us, job), live.session_details(now_us, session)
        seen.append(
            (
                one.status.name,
                one.started_us,
                one.usage_us,
                all_of_it.usage_us,
                all_of_it.last_job_completed_us,
            )
        )
        seen[-1] += (live.qpu_details(now_us)[0].kind.name,)
    assert seen == [
        ("RUNNING", 0, 3, 3, NEVER, "BUSY"),
        ("QUEUED", 0, 0, 7, 6, "DOWN"),
        ("RUNNING", 9, 1, 10, 6, "BUSY"),
        ("QUEUED", 9, 0, 13, 12, "DOWN"),
        ("RUNNING", 20, 5, 25, 12, "BUSY"),
        ("DONE", 20, 10, 31, 30, "HELD"),
    ]


def test_a_job_that_an_outage_ends_costs_nothing_and_its_session_goes_on() -> None:
    """S52, S62: from 6 on j has failed, and the ITTL of the session runs to 16."""
    windows = (WindowSpec(WindowKind.OUTAGE, 6, 2),)
    live = LiveService(replace(EMPTY_WORKLOAD, windows=windows))
    session = opened(live)
    job = submit(live, 0, "j", session)
    details = live.job_details(7, job)
    assert (details.status, details.reason, details.usage_us) == (JobStatus.ERROR, Reason.QPU_FAILED, 0)
    assert [live.session_details(now_us, session).usage_us for now_us in (6, 10, 40)] == [6, 10, 16]


def test_what_each_qpu_does_and_how_many_wait_for_it() -> None:
    """S22, S41, S54, S72: at 5 torino runs a declared job and two wait, kyiv is held by a session, osaka is in
    maintenance from 4 to 8; the simulator has no queue. At 30 all is quiet."""
    workload = declared(
        {"id": "a", "at": "0us", "account": "x", "qpu": "torino", "qpu_time": "9us"},
        {"id": "b", "at": "1us", "account": "x", "qpu": "torino", "qpu_time": "9us"},
        qpus=[
            {"name": "torino"},
            {"name": "kyiv"},
            {"name": "osaka", "windows": [{"kind": "maintenance", "at": "4us", "duration": "4us"}]},
            {"name": "aer", "simulator": True},
        ],
    )
    live = LiveService(workload)
    session = opened(live, qpu="kyiv")
    submit(live, 0, "j", session, 3)
    live.submit(2, "c", qpu_time_us=1, account="y", qpu="torino")
    live.submit(2, "d", qpu_time_us=100, account="y", qpu="aer")
    assert live.qpu_details(5) == (
        QpuDetails("torino", IntervalKind.BUSY, 2),
        QpuDetails("kyiv", IntervalKind.HELD, 0),
        QpuDetails("osaka", IntervalKind.DOWN, 0),
    )
    assert {qpu.name: qpu.kind.name for qpu in live.qpu_details(30)} == dict.fromkeys(
        ("torino", "kyiv", "osaka"), "FREE"
    )
    assert live.session_details(30, session).qpu == "kyiv"


def test_a_command_comes_after_the_jobs_that_leave_the_qpu_and_before_what_was_declared() -> None:
    """S4: at 10 the declared job a has ended, p is the only one in the queue, and the declared b is to come.

    The dispatch of 10 comes last (S3); of two jobs submitted at 10 the smaller number goes first.
    """
    live = LiveService(
        declared(
            {"id": "a", "at": "0us", "account": "x", "qpu_time": "10us"},
            {"id": "b", "at": "10us", "account": "x", "qpu_time": "10us"},
        )
    )
    live.submit(10, "p", qpu_time_us=10, account="lab")
    assert live.qpu_details(10) == (QpuDetails("qpu", IntervalKind.FREE, 1),)
    pass_time(live, 10)
    assert live.qpu_details(10) == (QpuDetails("qpu", IntervalKind.BUSY, 1),)
    pass_time(live, 100)
    assert live.record().started_us.tolist() == [0, 10, 20]


def test_a_job_can_be_cancelled_once() -> None:
    """S25: while it runs, it leaves the QPU."""
    live = LiveService(EMPTY_WORKLOAD)
    job = live.submit(0, "j", qpu_time_us=10, account="lab")
    assert (live.cancel_job(4, job), live.cancel_job(5, job)) == (True, False)
    details = live.job_details(5, job)
    assert (details.status, details.reason, details.usage_us) == (
        JobStatus.CANCELLED,
        Reason.JOB_CANCELLED,
        4,
    )


# ------------------------------------------------------------------ where a run ends


def run_out(live: LiveService) -> None:
    while not live.advance_while_needed():
        pass


@pytest.mark.parametrize("asks", [False, True])
def test_a_question_after_the_end_of_a_run_does_not_prolong_it(asks: bool) -> None:
    """S6, S21: the declared job ends at 9. s1 is unused from 0 to 100, and so is the declared u, which would come
    to exist at 50; two windows begin at 5 and 60."""
    window = {"kind": "maintenance", "at": "5us", "every": "55us", "duration": "1us"}
    source = {
        "kind": "explicit",
        "jobs": [{"id": "a", "at": "0us", "account": "x", "qpu_time": "9us"}],
        "sessions": [{"id": "u", "account": "x", "created": "50us"}],
    }
    scenario = {"qpus": [{"name": "q0", "windows": [window]}, {"name": "q1"}], "workload": [source]}
    workload = qs.draw(qs.load_scenario(scenario).resolved)
    live = LiveService(workload, rules=Rules(unused_timeout_us=100))
    session = opened(live)
    run_out(live)
    if asks:
        assert live.session_details(100, session).state is OPEN
        assert live.session_details(101, session).reason is Reason.UNUSED
    live.stop()
    record = live.record()
    assert (record.end_us, len(record.transitions), record.windows[:, 3].tolist()) == (9, 1, [5])
    assert record.session_qpu.tolist() == [NEVER, 0]


@pytest.mark.parametrize("asks", [False, True])
def test_a_close_to_come_prolongs_a_run_until_its_session_is_closed_also_if_that_was_seen(asks: bool) -> None:
    """S6, S21: the unused clock closes s at 100; the close at 200 does nothing, so the run ends at 100."""
    live = LiveService(EMPTY_WORKLOAD, rules=Rules(unused_timeout_us=100))
    session = opened(live)
    run_out(live)
    if asks:
        assert live.session_details(150, session).closed_us == 100
    assert not live.close(200, session)
    live.stop()
    record = live.record()
    assert (record.end_us, record.transitions[:, 0].tolist()) == (100, [0, 100])


@pytest.mark.parametrize("asks", [False, True])
def test_a_command_after_a_question_prolongs_a_run_as_without_it(asks: bool) -> None:
    """S6: a job at 200 runs to 210; the unused clock has closed s at 100 by then."""
    live = LiveService(EMPTY_WORKLOAD, rules=Rules(unused_timeout_us=100))
    session = opened(live)
    run_out(live)
    if asks:
        live.session_details(150, session)
    live.submit(200, "j", qpu_time_us=10, account="lab")
    run_out(live)
    live.stop()
    record = live.record()
    assert (record.end_us, record.transitions[:, 0].tolist()) == (210, [0, 100])


def test_at_a_horizon_what_is_on_the_qpu_stays_there_and_commands_change_nothing() -> None:
    """S6"""
    live = LiveService(EMPTY_WORKLOAD)
    session = opened(live)
    ends, runs = submit(live, 0, "j1", session), submit(live, 0, "j2", session, 50)
    live.stop(30)
    assert (live.close(30, session), live.cancel(30, session), live.cancel_job(30, runs)) == (False,) * 3
    with pytest.raises(SchedulerUsageError, match="the run is over; nothing can be submitted or opened"):
        submit(live, 30, "j3", session)
    assert live.session_details(30, session).usage_us == 30
    assert [live.job_details(30, job).status.name for job in (ends, runs)] == ["DONE", "RUNNING"]
    record = live.record()
    assert (record.end_us, record.ended_us.tolist()) == (30, [10, NEVER])


# ------------------------------------------------------------------ what is refused


def test_neither_a_command_nor_a_question_comes_before_what_has_happened() -> None:
    live = LiveService(EMPTY_WORKLOAD)
    job = live.submit(5, "j", qpu_time_us=10, account="lab")
    with pytest.raises(SchedulerUsageError, match="a question at 4 us came after the events of 5 us"):
        live.job_details(4, job)
    for command in (
        lambda: live.submit(4, "k", qpu_time_us=10, account="other"),
        lambda: live.open_session(4, "s", account="other"),
        lambda: live.cancel_job(4, job),
    ):
        with pytest.raises(SchedulerUsageError, match="a command at 4 us came after the events of 5 us"):
            command()
    workload = live.record().workload
    assert (len(workload.jobs), len(workload.sessions), workload.accounts) == (1, 0, ("lab",))


def test_an_option_that_does_not_exist_is_refused_like_any_other_argument() -> None:
    live = LiveService(EMPTY_WORKLOAD)
    with pytest.raises(TypeError, match=r"submit\(\) got an unexpected keyword argument 'urgent'"):
        live.submit(0, "j", qpu_time_us=10, account="lab", urgent=True)  # type: ignore[call-arg]
    assert len(live.record().workload.jobs) == 0


def test_a_session_asks_for_no_more_than_the_plan_of_its_account_allows() -> None:
    """S60, S61: `open` has batches of 10 minutes; the clocks of an account without a plan are the profile's."""
    resolved = qs.load_scenario({"accounts": [{"name": "lab", "plan": "open"}], "workload": []}).resolved
    plans = {"lab": resolved.plans["open"]}
    live = LiveService(EMPTY_WORKLOAD, plans=plans)
    asked_us = plans["lab"].max_time.limit + 1
    with pytest.raises(SchedulerUsageError) as caught:
        live.open_session(0, "b", account="lab", mode=Mode.BATCH, max_time_us=asked_us)
    assert str(caught.value) == (
        f"session 'b': max_time_us must be at most {asked_us - 1}, which the plan of the account allows; "
        f"got {asked_us}"
    )
    batch = live.open_session(0, "b", account="lab", mode=Mode.BATCH)
    assert live.session_details(0, batch).max_time_us == plans["lab"].max_time.default


def test_after_an_error_of_a_policy_which_names_the_job_commands_change_nothing() -> None:
    def fails(job: Any) -> tuple[int, ...]:
        raise ValueError("no key")

    live = LiveService(EMPTY_WORKLOAD, queue_policy=queue_policy(fails))
    session = opened(live)
    with pytest.raises(
        PolicyError, match=r"failed for job 'j' \(number 0\), submitted at 0s: ValueError: no key"
    ):
        live.submit(0, "j", qpu_time_us=10, account="lab")
    assert live.is_over
    assert not live.close(0, session)


# ------------------------------------------------------------------ questions change nothing


class Asking:
    """A program that does what another one does, and asks everything between its steps."""

    def __init__(self, program: LiveProgram, period_us: int) -> None:
        self._program = program
        self._period_us = period_us
        self.seen: list[Any] = []

    def __call__(self, service: qs.Service) -> Any:
        service.env.process(self._ask_now_and_then(service))
        process = self._program(service)
        event = next(process, None)
        while event is not None:
            self._ask(service)
            value = yield event
            self._ask(service)
            try:
                event = process.send(value)
            except StopIteration:
                return

    def _ask_now_and_then(self, service: qs.Service) -> Any:
        for _ in range(20):
            yield service.env.timeout(self._period_us)
            self._ask(service)

    def _ask(self, service: qs.Service) -> None:
        live, now_us = service._live, service.now_us
        sessions, jobs = list(live._sessions.values()), list(live._jobs.values())
        self.seen.append([live.session_details(now_us, session) for session in sessions])
        self.seen.append([live.job_details(now_us, job) for job in jobs])
        self.seen.append(live.qpu_details(now_us))
        record = live.record_so_far(now_us)
        assert interval_columns(record)["end_us"].max(initial=0) == now_us  # S72
        self.seen.append(record)  # kept while the run goes on


@settings(max_examples=examples(60))
@given(scenarios(most_jobs=4), commands(most=10), st.sampled_from([1, 3, 700]))
def test_questions_at_any_instant_change_nothing(
    scenario: dict[str, Any], program: LiveProgram, seconds: int
) -> None:
    """S4, S6: a run in which everything is asked all the time equals one in which nothing is."""
    quiet = qs.simulate(scenario, programs=[program])
    asked = qs.simulate(scenario, programs=[Asking(program, seconds * 1_000_000)])
    assert record_digest(asked.record) == record_digest(quiet.record)
    assert asked.summary() == quiet.summary()


@settings(max_examples=examples(60))
@given(scenarios(most_jobs=4), commands(most=12))
def test_at_the_end_what_is_known_is_what_the_tables_have(
    scenario: dict[str, Any], program: LiveProgram
) -> None:
    """S62 and the columns of the tables, where times that did not come are null."""
    prepared, service = prepare(scenario)
    service.start(program)
    run = finish(prepared, service)
    live, end_us = service._live, run.record.end_us
    sessions = {
        session.name: vars(live.session_details(end_us, session)) for session in live._sessions.values()
    }
    jobs = {job.name: vars(live.job_details(end_us, job)) for job in live._jobs.values()}
    assert sessions == {
        row["session"]: session_row(row) for row in run.sessions.to_dicts() if row["session"] in sessions
    }
    assert jobs == {row["job"]: job_row(row) for row in run.jobs.to_dicts() if row["job"] in jobs}


def session_row(row: dict[str, Any]) -> dict[str, Any]:
    words = {
        "state": SessionState[row["state"].upper()],
        "reason": Reason[row["reason"] or "NONE"],
        "qpu": row["qpu"],
        "accepting_jobs": row["accepting_jobs"],
    }
    return {name: words.get(name, number(row[name])) if name in row else None for name in vars(NEW)} | words


def job_row(row: dict[str, Any]) -> dict[str, Any]:
    times = ("submitted_us", "preparing_us", "ready_us", "started_us")
    ended_us = row["submitted_us"] if row["status"] == "REJECTED" else number(row["completed_us"])
    return {name: number(row[name]) for name in times} | {
        "status": JobStatus[row["status"]],
        "reason": Reason[row["reason"] or "NONE"],
        "qpu": row["qpu"],
        "ended_us": ended_us,
        "usage_us": row["qpu_time_us"],
    }


def number(value: int | None) -> int:
    return NEVER if value is None else value

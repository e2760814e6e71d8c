"""Live SimPy programs: what they do equals the scenario with the same entities in the same order (S3, S4)."""

from __future__ import annotations

from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.vocabulary import JobStatus, Mode, Reason
from qsession_sim.service.observed import JobResult

SECOND = 1_000_000
NOTHING: dict[str, Any] = {"workload": []}
TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts")


def tables(run: qs.Run) -> dict[str, list[dict[str, Any]]]:
    return {name: getattr(run, name).to_dicts() for name in TABLES}


def explicit(sessions: list[dict[str, Any]], jobs: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    return {"workload": [{"kind": "explicit", "sessions": sessions, "jobs": jobs}], **keys}


def session(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "account": "lab", **keys}


def job(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "account": "lab", "qpu_time": "10s", **keys}


def test_a_loop_in_a_session_equals_its_scenario() -> None:
    """S3, S5, S13, S19: think times 5 s and 0, then a close by leaving the context."""
    declared = qs.simulate(
        explicit(
            [session("s1", created="0s", close="35s")],
            [
                job("j1", at="0s", session="s1"),
                job("j2", after="j1", think="5s", session="s1"),
                job("j3", after="j2", think="0s", session="s1"),
            ],
        )
    )

    def program(service: qs.Service) -> Any:
        with service.open_session("s1", account="lab") as opened:
            yield opened.run("j1", qpu_time_us=10 * SECOND)
            yield service.env.timeout(5 * SECOND)
            yield opened.run("j2", qpu_time_us=10 * SECOND)
            yield opened.run("j3", qpu_time_us=10 * SECOND)

    live = qs.simulate(NOTHING, programs=[program])
    assert tables(live) == tables(declared)
    assert live.jobs["started_us"].to_list() == [0, 15 * SECOND, 25 * SECOND]
    assert live.sessions["closed_us"].to_list() == [35 * SECOND]


def test_programs_and_a_declared_workload_share_the_queue() -> None:
    """S10, S12: the session's first job waits behind the declared one, its second goes before another."""
    background = [job("b1", at="0s"), job("b2", at="1s", qpu_time="20s")]
    declared = qs.simulate(
        explicit(
            [session("s1", created="0s", close="30s")],
            [
                *background,
                job("j1", at="0s", session="s1"),
                job("j2", after="j1", think="0s", session="s1"),
            ],
        )
    )

    def program(service: qs.Service) -> Any:
        with service.open_session("s1", account="lab") as opened:
            yield opened.run("j1", qpu_time_us=10 * SECOND)
            yield opened.run("j2", qpu_time_us=10 * SECOND)

    live = qs.simulate(explicit([], background), programs=[program])
    assert tables(live)["transitions"] == tables(declared)["transitions"]
    assert {row["job"]: row for row in tables(live)["jobs"]} == {
        row["job"]: row for row in tables(declared)["jobs"]
    }
    assert {row["job"]: row["started_us"] // SECOND for row in tables(live)["jobs"]} == {
        "b1": 0,
        "j1": 10,
        "j2": 20,
        "b2": 30,
    }


def test_a_program_acts_after_the_finishes_of_its_instant_and_before_its_submissions() -> None:
    """S4: at 10 s the running job ends, then the program's command takes effect, then the declared job comes.

    So the program's job is the first in the queue although the declared one has the smaller number.
    """
    jobs = [job("b1", at="0s"), job("b2", at="10s")]
    seen = []

    def program(service: qs.Service) -> Any:
        yield service.env.timeout(10 * SECOND)
        first = service.submit("p1", account="lab", qpu_time_us=10 * SECOND)
        second = service.submit("p2", account="lab", qpu_time_us=10 * SECOND)
        second.cancel()
        seen.append((yield second.completed))
        seen.append((yield first.completed))

    run = qs.simulate(explicit([], jobs), programs=[program])
    assert {row["job"]: (row["status"], row["started_us"]) for row in run.jobs.to_dicts()} == {
        "b1": ("DONE", 0),
        "b2": ("DONE", 10 * SECOND),
        "p1": ("DONE", 20 * SECOND),
        "p2": ("CANCELLED", None),
    }
    assert seen == [
        JobResult(JobStatus.CANCELLED, Reason.JOB_CANCELLED, 10 * SECOND, -1, 10 * SECOND),
        JobResult(JobStatus.DONE, Reason.NONE, 10 * SECOND, 20 * SECOND, 30 * SECOND),
    ]


def test_programs_go_on_acting_in_the_instant_before_events_of_later_rank() -> None:
    """S4: at 10 s max_time would end the session, but the program closes it first, so the reason is CLOSED."""

    def program(service: qs.Service) -> Any:
        opened = service.open_session("s1", account="lab", max_time_us=10 * SECOND)
        yield opened.run("j1", qpu_time_us=10 * SECOND)
        yield service.env.timeout(0)
        yield service.env.timeout(0)
        opened.close()

    run = qs.simulate(NOTHING, programs=[program])
    assert run.sessions.select("closed_us", "reason").rows() == [(10 * SECOND, "CLOSED")]


def test_a_rejection_reaches_the_program_in_the_same_instant() -> None:
    """S5, S20: a rejected job ends in the instant of its submission."""
    results = []

    def program(service: qs.Service) -> Any:
        opened = service.open_session("s1", account="lab")
        opened.cancel()
        results.append((yield opened.run("j1", qpu_time_us=1)))
        results.append(service.now_us)

    run = qs.simulate(NOTHING, programs=[program])
    assert results == [JobResult(JobStatus.REJECTED, Reason.SESSION_CLOSED, 0, -1, 0), 0]
    assert run.jobs.select("status", "reason", "completed_us").rows() == [
        ("REJECTED", "SESSION_CLOSED", None)
    ]


def test_a_program_that_sleeps_through_the_ittl_finds_its_session_inactive() -> None:
    """S14, S15: idle from 10 s, ITTL 60 s, so inactive at 70 s; the job at 100 s activates it again."""

    def program(service: qs.Service) -> Any:
        with service.open_session("s1", account="lab") as opened:
            yield opened.run("j1", qpu_time_us=10 * SECOND)
            yield service.env.timeout(90 * SECOND)
            yield opened.run("j2", qpu_time_us=10 * SECOND)

    run = qs.simulate(NOTHING, programs=[program])
    assert run.transitions.select("time_us", "event", "to_state").rows() == [
        (0, "CREATE", "open"),
        (0, "START", "active"),
        (70 * SECOND, "ITTL", "inactive"),
        (100 * SECOND, "START", "active"),
        (110 * SECOND, "CLOSE_EMPTY", "closed"),
    ]


def test_a_horizon_stops_programs_and_reports_what_is_unfinished() -> None:
    """S6: a job that ends at the horizon is done; the program's next submission of that instant never comes."""

    def program(service: qs.Service) -> Any:
        yield service.submit("p1", account="lab", qpu_time_us=10 * SECOND).completed
        yield service.submit("p2", account="lab", qpu_time_us=10 * SECOND).completed

    run = qs.simulate({**NOTHING, "horizon": "10s"}, programs=[program])
    assert run.jobs.select("job", "status", "completed_us").rows() == [("p1", "DONE", 10 * SECOND)]
    run = qs.simulate({**NOTHING, "horizon": "15s"}, programs=[program])
    assert run.jobs.select("job", "status").rows() == [("p1", "DONE"), ("p2", "RUNNING")]
    assert run.record.end_us == 15 * SECOND


def test_a_batch_from_a_program_lets_job_mode_in() -> None:
    """S32: while the batch is idle for its ITTL of 5 s, a job-mode job runs."""

    def program(service: qs.Service) -> Any:
        batch = service.open_session("b1", account="lab", mode=Mode.BATCH, interactive_timeout_us=5 * SECOND)
        yield batch.run("j1", qpu_time_us=10 * SECOND)
        yield service.env.timeout(SECOND)
        yield batch.run("j2", qpu_time_us=10 * SECOND)
        batch.close()

    run = qs.simulate(explicit([], [job("x", at="1s", qpu_time="3s")]), programs=[program])
    assert {row["job"]: row["started_us"] // SECOND for row in run.jobs.to_dicts()} == {
        "x": 10,
        "j1": 0,
        "j2": 13,
    }


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda service: service.submit("p", account="lab", qpu_time_us=0), "from 1 to"),
        (lambda service: service.submit("p", account="lab", qpu_time_us=2.0), "qpu_time_us must be a whole"),
        (lambda service: service.open_session("s", account="lab", max_time_us=-1), "from 0 to"),
        (lambda service: service.open_session("s", account="lab", mode=Mode.JOB), "SESSION or BATCH"),
        (
            lambda service: service.submit(
                "p", account="other", qpu_time_us=1, session=service.open_session("s", account="lab")
            ),
            "take its account, 'lab'",
        ),
        (
            lambda service: [service.submit("p", account="lab", qpu_time_us=1) for _ in range(2)],
            "the name 'p' is taken",
        ),
        (lambda service: service.run(), "has run"),
    ],
)
def test_a_wrong_call_is_refused_with_a_reason(act: Any, message: str) -> None:
    def program(service: qs.Service) -> Any:
        yield service.env.timeout(1)
        act(service)

    with pytest.raises(SchedulerUsageError, match=message):
        qs.simulate(NOTHING, programs=[program])


def test_a_fraction_of_a_microsecond_is_refused() -> None:
    """S1: nothing in the rules is a float."""

    def program(service: qs.Service) -> Any:
        yield service.env.timeout(0.5)
        service.submit("p", account="lab", qpu_time_us=1)

    with pytest.raises(SchedulerUsageError, match="whole microseconds"):
        qs.simulate(NOTHING, programs=[program])


def test_a_name_of_the_declared_workload_is_taken() -> None:
    def program(service: qs.Service) -> Any:
        service.submit("j1", account="lab", qpu_time_us=1)
        yield service.env.timeout(1)

    with pytest.raises(SchedulerUsageError, match="the name 'j1' is taken"):
        qs.simulate(explicit([], [job("j1", at="0s")]), programs=[program])


def test_progress_is_reported_with_growing_time_and_events() -> None:
    """One report after each 20,000 events; 15,000 jobs are 30,000 events."""
    reports: list[qs.Progress] = []
    source = {
        "kind": "arrivals",
        "account": "a",
        "interarrival": "2us",
        "count": 15_000,
        "qpu_time": "1us",
    }
    qs.simulate({"workload": [source]}, progress=reports.append)
    # job n comes at 2n us and ends 1 us later: events 19,999 and 20,000 are those of job 10,000
    assert reports == [
        qs.Progress(now_us=20_001, events=20_000, jobs=15_000),
        qs.Progress(now_us=30_001, events=30_000, jobs=15_000),
    ]


def test_closing_what_is_closed_does_not_prolong_a_run() -> None:
    """S6: max_time ends s1 at 10 s; the close at 1 h is of a closed session, so the run ends at 10 s.

    The unused clock of the declared session would have ended it at 30 min.
    """

    def program(service: qs.Service) -> Any:
        with service.open_session("s1", account="lab", max_time_us=10 * SECOND) as opened:
            yield opened.run("j1", qpu_time_us=10 * SECOND)
            yield service.env.timeout(3_600 * SECOND)

    run = qs.simulate(explicit([session("u", created="0s")], []), programs=[program])
    assert run.record.end_us == 10 * SECOND
    assert run.sessions.select("session", "state", "reason").rows() == [
        ("u", "open", None),
        ("s1", "closed", "MAX_TIME"),
    ]


def test_a_close_to_come_prolongs_a_run_until_its_session_is_closed_otherwise() -> None:
    """S6, S11, S14: inactive at 70 s, closed by max_time at 100 s; the close at 1 h does nothing."""

    def program(service: qs.Service) -> Any:
        with service.open_session("s1", account="lab", max_time_us=100 * SECOND) as opened:
            yield opened.run("j1", qpu_time_us=10 * SECOND)
            yield service.env.timeout(3_600 * SECOND)

    run = qs.simulate(NOTHING, programs=[program])
    assert (run.record.end_us, run.sessions["reason"].to_list()) == (100 * SECOND, ["MAX_TIME"])


def test_cancelling_a_job_that_has_ended_does_not_prolong_a_run() -> None:
    """S6"""

    def program(service: qs.Service) -> Any:
        job = service.submit("j1", account="lab", qpu_time_us=10 * SECOND)
        yield job.completed
        yield service.env.timeout(SECOND)
        job.cancel()

    assert qs.simulate(NOTHING, programs=[program]).record.end_us == 10 * SECOND

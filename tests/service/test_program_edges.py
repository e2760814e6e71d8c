"""Live programs at the edges: the end of a run, calls that are refused, numbers that are no ints, long runs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import simpy

import qsession_sim as qs
from qsession_sim.errors import ScenarioError, SchedulerUsageError
from qsession_sim.service.live import LiveService
from qsession_sim.service.simpy_driver import Service
from qsession_sim.workload.columns import EMPTY_WORKLOAD, NumberedNames

SECOND = 1_000_000
NOTHING: dict[str, Any] = {"workload": []}


def one_job(**keys: Any) -> dict[str, Any]:
    return {"workload": [{"kind": "explicit", "jobs": [{"id": "j1", "account": "lab", **keys}]}]}


def test_an_idle_process_at_a_fraction_of_a_microsecond_stops_no_run() -> None:
    """The declared job ends at 10 us, before a process that waits for 10.5 us and commands nothing."""

    def program(service: qs.Service) -> Any:
        yield service.env.timeout(10.5)

    run = qs.simulate(one_job(at="0us", qpu_time="10us"), programs=[program])
    assert (run.jobs["status"].to_list(), run.record.end_us) == (["DONE"], 10)


def test_numpy_integers_are_whole_numbers() -> None:
    """S1: think times and QPU times drawn with NumPy are as good as ints."""

    def program(service: qs.Service) -> Any:
        yield service.env.timeout(np.int64(5))  # type: ignore[arg-type]
        yield service.submit("p", account="lab", qpu_time_us=np.int64(7)).completed  # type: ignore[arg-type]

    run = qs.simulate(NOTHING, programs=[program])
    assert run.jobs.select("submitted_us", "completed_us").rows() == [(5, 12)]


def test_a_refused_call_changes_nothing() -> None:
    """A program that catches the error goes on; the refused job and session leave no trace."""

    def program(service: qs.Service) -> Any:
        with pytest.raises(SchedulerUsageError):
            service.submit("refused", account="nobody", qpu_time_us=1, priority=0.5)  # type: ignore[arg-type]
        with pytest.raises(SchedulerUsageError):
            service.open_session("no", account="nobody", interactive_timeout_us=0.5)  # type: ignore[arg-type]
        yield service.submit("taken", account="lab", qpu_time_us=3).completed

    run = qs.simulate(NOTHING, programs=[program])
    assert run.jobs.select("job", "account", "qpu_time_us").rows() == [("taken", "lab", 3)]
    assert (len(run.sessions), run.record.workload.accounts) == (0, ("lab",))


def test_the_end_of_a_job_is_there_for_a_program_that_wakes_in_the_same_instant() -> None:
    """S4: the FINISH of 10 us comes before the programs of 10 us, so a time limit of 10 us is kept."""
    seen = []

    def program(service: qs.Service) -> Any:
        limit = service.env.timeout(10)
        completed = service.submit("p", account="lab", qpu_time_us=10).completed
        seen.append(completed in (yield completed | limit))

    qs.simulate(NOTHING, programs=[program])
    assert seen == [True]


@pytest.mark.parametrize("what", ["job", "session"])
def test_the_clean_up_of_a_program_cut_off_by_the_horizon_changes_nothing(what: str) -> None:
    """S6: Python closes the generator after the run; its `finally` commands nothing any more."""

    def program(service: qs.Service) -> Any:
        with service.open_session("s", account="lab") as opened:
            running = opened.submit("p", qpu_time_us=100 * SECOND)
            try:
                yield running.completed
            finally:
                (running if what == "job" else opened).cancel()

    run = qs.simulate({**NOTHING, "horizon": "10s"}, programs=[program])
    gc.collect()
    assert run.jobs.select("status", "completed_us").rows() == [("RUNNING", None)]
    assert run.sessions.select("state", "accepting_jobs").rows() == [("active", True)]


def test_nothing_can_be_submitted_after_the_run() -> None:
    opened = []

    def program(service: qs.Service) -> Any:
        opened.append(service.open_session("s", account="lab"))
        yield service.env.timeout(1)

    qs.simulate(NOTHING, programs=[program])
    opened[0].close()  # no error, as for any session that is over
    with pytest.raises(SchedulerUsageError, match="the run is over"):
        opened[0].submit("p", qpu_time_us=1)


def test_a_run_that_goes_on_beyond_the_longest_time_is_refused() -> None:
    """S1: times are int64; submitted below 2**62 us, the job would end beyond."""
    with pytest.raises(ScenarioError, match=r"beyond 2\*\*62 us"):
        qs.simulate(one_job(at="4611686018427387903us", qpu_time="10s"))


def test_progress_is_reported_also_while_a_program_waits() -> None:
    """The only event of each of the 25,000 jobs is its end; a report comes after every 20,000 events."""
    reports: list[qs.Progress] = []

    def program(service: qs.Service) -> Any:
        for number in range(25_000):
            yield service.submit(f"p{number}", account="lab", qpu_time_us=1).completed

    qs.simulate(NOTHING, programs=[program], progress=reports.append)
    assert [report.events for report in reports] == [20_000]


def test_many_live_jobs_beside_a_large_workload_take_time_in_proportion() -> None:
    """A name or account is looked up, not searched for: neither may cost more the more there are.

    Counted, not timed: the names of the declared jobs are made once, not for each live job.
    """
    passes = 0

    class Counting(NumberedNames):
        def __iter__(self) -> Iterator[str]:
            nonlocal passes
            passes += 1
            return super().__iter__()

    live = LiveService(replace(EMPTY_WORKLOAD, job_names=(Counting("everyday", 1000),)))
    for number in range(100):
        live.submit(number, f"p{number}", qpu_time_us=1, account=f"lab-{number}")
    assert passes == 1
    assert live.record().workload.accounts == tuple(f"lab-{number}" for number in range(100))


def test_a_name_that_a_client_may_yet_give_is_refused() -> None:
    """S67: the second attempt of the client's job is called v/1/1.2."""
    client = {
        "kind": "iterative",
        "name": "v",
        "account": "lab",
        "mode": "job",
        "clients": 1,
        "iterations": 1,
        "think_time": "0s",
        "qpu_time": "10s",
        "max_execution_time": "5s",
        "on_error": "retry",
    }

    def program(service: qs.Service) -> Any:
        service.submit("w/1/1.2", account="lab", qpu_time_us=1)
        with pytest.raises(SchedulerUsageError, match="kept for the source 'v'"):
            service.submit("v/1/1.2", account="lab", qpu_time_us=1)
        yield service.env.timeout(1)

    run = qs.simulate({"workload": [client], "horizon": "7s"}, programs=[program])
    assert run.jobs["job"].to_list() == ["v/1/1", "w/1/1.2", "v/1/1.2"]


def waits_for_the_job(service: qs.Service) -> Any:
    yield service.submit("p", account="lab", qpu_time_us=1)  # type: ignore[misc]


def waits_for_the_job_of_a_session(service: qs.Service) -> Any:
    with service.open_session("s", account="lab") as session:
        yield session.submit("p", qpu_time_us=1)


def waits_in_an_inner_generator(service: qs.Service) -> Any:
    yield from waits_for_the_job(service)


def waits_in_a_process_of_its_own(service: qs.Service) -> Any:
    yield service.env.process(waits_for_the_job(service))


def waits_for_the_job_or_a_timeout(service: qs.Service) -> Any:
    job: Any = service.submit("p", account="lab", qpu_time_us=1)
    yield service.env.timeout(5) | job


@pytest.mark.parametrize(
    "program",
    [
        waits_for_the_job,
        waits_for_the_job_of_a_session,
        waits_in_an_inner_generator,
        waits_in_a_process_of_its_own,
        waits_for_the_job_or_a_timeout,
    ],
)
def test_waiting_for_a_job_instead_of_its_end_says_what_to_yield(program: Any) -> None:
    with pytest.raises(SchedulerUsageError) as caught:
        qs.simulate(NOTHING, programs=[program])
    assert str(caught.value) == "job 'p' is no event; to wait for its end, `yield job.completed`"


def test_interrupts_and_errors_reach_a_program_and_its_value_comes_back() -> None:
    seen: list[Any] = []

    def inner(service: qs.Service) -> Any:
        try:
            yield service.env.timeout(10)
        except simpy.Interrupt as interrupt:
            seen.append(interrupt.cause)
        failing = service.env.event()
        failing.fail(KeyError("lost"))
        try:
            yield failing
        except KeyError as error:
            seen.append(error.args)
        return (yield service.submit("p", account="lab", qpu_time_us=7).completed).ended_us

    service = Service(EMPTY_WORKLOAD)
    process = service.start(inner)

    def interrupter(service: qs.Service) -> Any:
        yield service.env.timeout(3)
        process.interrupt("enough")

    service.start(interrupter)
    service.run()
    assert (seen, process.value) == (["enough", ("lost",)], 10)


def test_a_program_that_is_no_generator_function_is_named() -> None:
    def forgetful(service: qs.Service) -> Any:
        service.submit("p", account="lab", qpu_time_us=1)

    with pytest.raises(SchedulerUsageError) as caught:
        qs.simulate(NOTHING, programs=[forgetful])
    assert str(caught.value) == (
        "program 'forgetful' must be a generator function, one with `yield`; it gave None"
    )


def test_a_program_that_was_already_called_is_refused() -> None:
    called: Any = waits_for_the_job(None)  # type: ignore[arg-type]
    with pytest.raises(
        SchedulerUsageError, match=r"must be a generator function, not <generator .*; give `f`, not `f"
    ):
        qs.simulate(NOTHING, programs=[called])


def refusal(*commands: Callable[[qs.Service], Any], **keys: Any) -> list[str]:
    """What each command of one program is refused with."""
    messages = []

    def program(service: qs.Service) -> Any:
        for command in commands:
            with pytest.raises(SchedulerUsageError) as caught:
                command(service)
            messages.append(str(caught.value))
        yield service.env.timeout(0)

    run = qs.simulate({**NOTHING, **keys}, programs=[program])
    listed = tuple(account["name"] for account in keys.get("accounts", ()))
    assert (len(run.jobs), len(run.sessions), run.record.workload.accounts) == (0, 0, listed)
    return messages


@pytest.mark.parametrize("name", [3, None, "", " p", "p ", "p\nq", "p\x00", "\ud800"])
def test_what_is_no_name_in_a_scenario_is_none_in_a_program(name: Any) -> None:
    is_no_name = f"must be a text on one line, not empty and without spaces around it, not {name!r}"
    assert refusal(
        lambda service: service.submit(name, account="lab", qpu_time_us=1),
        lambda service: service.submit("p", account=name, qpu_time_us=1),
        lambda service: service.submit("p", account="lab", qpu_time_us=1, stream=name),
        lambda service: service.open_session(name, account="lab"),
        lambda service: service.open_session("s", account=name),
        lambda service: service.open_session("s", account="lab", stream=name),
    ) == [
        f"the name of a job {is_no_name}",
        f"job 'p': account {is_no_name}",
        f"job 'p': stream {is_no_name}",
        f"the name of a session {is_no_name}",
        f"session 's': account {is_no_name}",
        f"session 's': stream {is_no_name}",
    ]


def test_an_account_that_the_scenario_does_not_list_is_refused() -> None:
    assert refusal(
        lambda service: service.submit("p", account="lab-b", qpu_time_us=1),
        lambda service: service.open_session("s", account="lab-b"),
        accounts=[{"name": "lab-a"}],
    ) == [
        "job 'p': the scenario lists its `accounts`, and 'lab-b' is not among them",
        "session 's': the scenario lists its `accounts`, and 'lab-b' is not among them",
    ]


def test_an_account_that_the_scenario_lists_needs_no_other_use() -> None:
    def program(service: qs.Service) -> Any:
        yield service.submit("p", account="lab-b", qpu_time_us=1).completed

    run = qs.simulate({**NOTHING, "accounts": [{"name": "lab-a"}, {"name": "lab-b"}]}, programs=[program])
    assert run.jobs["account"].to_list() == ["lab-b"]


def test_a_priority_beyond_the_range_and_a_session_by_name_are_refused() -> None:
    session: Any = "s1"
    assert refusal(
        lambda service: service.submit("p", account="lab", qpu_time_us=1, priority=2**62 + 1),
        lambda service: service.submit("p", account="lab", qpu_time_us=1, priority=-(2**70)),
        lambda service: service.submit("p", account="lab", qpu_time_us=1, session=session),
    ) == [
        f"job 'p': priority must be from -2**62 to 2**62, not {2**62 + 1}",
        f"job 'p': priority must be from -2**62 to 2**62, not {-(2**70)}",
        "job 'p': session must be what `open_session` gives, not 's1'",
    ]


@pytest.mark.parametrize("priority", [-(2**62), 2**62])
def test_the_largest_and_smallest_priority_are_kept(priority: int) -> None:
    def program(service: qs.Service) -> Any:
        yield service.submit("p", account="lab", qpu_time_us=1, priority=priority).completed

    run = qs.simulate(NOTHING, programs=[program], policy="priority")
    assert run.record.workload.jobs.priority.tolist() == [priority]


@pytest.mark.parametrize("command", ["submit", "open", "close", "cancel", "cancel_job"])
def test_a_command_after_the_longest_time_says_that_the_time_is_out_of_range(command: str) -> None:
    """S1"""

    def program(service: qs.Service) -> Any:
        session = service.open_session("s", account="lab")
        job = session.submit("p", qpu_time_us=1)
        yield service.env.timeout(2**62 + 1)
        commands: dict[str, Callable[[], Any]] = {
            "submit": lambda: service.submit("q", account="lab", qpu_time_us=1),
            "open": lambda: service.open_session("t", account="lab"),
            "close": session.close,
            "cancel": session.cancel,
            "cancel_job": job.cancel,
        }
        commands[command]()

    with pytest.raises(SchedulerUsageError, match=r"the time is 4611686018427387905 us, beyond 2\*\*62 us"):
        qs.simulate(NOTHING, programs=[program])

"""Programs that still wait when a run ends: they are closed, and what they command then changes nothing."""

from __future__ import annotations

import contextlib
import gc
import signal
from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.errors import PolicyError, SchedulerUsageError
from qsession_sim.units import SECOND

NOTHING: dict[str, Any] = {"workload": []}
TEN_SECONDS: dict[str, Any] = {**NOTHING, "horizon": "10s"}
TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts")


def tables(run: qs.Run) -> dict[str, list[dict[str, Any]]]:
    return {name: getattr(run, name).to_dicts() for name in TABLES}


class Waiting:
    """A program that holds a session and a job, and says what it does in the end."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, service: qs.Service) -> Any:
        with service.open_session("s", account="lab") as session:
            job = session.submit("j", qpu_time_us=100 * SECOND)
            queued = session.submit("queued", qpu_time_us=SECOND)
            try:
                try:
                    yield job.completed
                finally:
                    self.done.append("inner")
                    queued.cancel()
                    job.cancel()
            finally:
                self.done.append("outer")
                session.cancel()
        self.done.append("never")


def test_at_a_horizon_blocks_run_and_what_they_command_changes_nothing() -> None:
    """S6: the tables are those of a program that has no such blocks."""

    def plain(service: qs.Service) -> Any:
        session = service.open_session("s", account="lab")
        for name, seconds in (("j", 100), ("queued", 1)):
            job = session.submit(name, qpu_time_us=seconds * SECOND)
        yield job.completed

    program = Waiting()
    run = qs.simulate(TEN_SECONDS, programs=[program])
    assert program.done == ["inner", "outer"]
    assert tables(run) == tables(qs.simulate(TEN_SECONDS, programs=[plain]))
    assert run.jobs.select("job", "status", "completed_us").rows() == [
        ("j", "RUNNING", None),
        ("queued", "QUEUED", None),
    ]
    assert run.sessions.select("state", "accepting_jobs").rows() == [("active", True)]


def test_what_ends_at_the_horizon_has_ended_for_a_program_that_is_closed_there() -> None:
    """S6: the job that leaves the QPU at 10 s is done."""
    seen = []

    def program(service: qs.Service) -> Any:
        job = service.submit("j", account="lab", qpu_time_us=10 * SECOND)
        try:
            yield job.completed
        finally:
            seen.append((service.now_us, job.completed.value.status.name))

    qs.simulate(TEN_SECONDS, programs=[program])
    assert seen == [(10 * SECOND, "DONE")]


def test_without_a_horizon_a_program_that_waits_for_what_never_comes_is_closed() -> None:
    done = []

    def program(service: qs.Service) -> Any:
        try:
            yield service.env.event()
        finally:
            done.append(service.now_us)

    assert qs.simulate(NOTHING, programs=[program]).record.end_us == 0
    assert done == [0]


def test_an_error_of_another_program_is_what_comes_out() -> None:
    def failing(service: qs.Service) -> Any:
        yield service.env.timeout(5 * SECOND)
        raise ValueError("lost")

    program = Waiting()
    with pytest.raises(ValueError, match=r"^lost$"):
        qs.simulate(NOTHING, programs=[program, failing])
    assert program.done == ["inner", "outer"]


def test_an_error_in_the_with_block_of_a_program_itself_comes_out() -> None:
    """Its session is closed as the error passes; the job of the other program never ends."""

    def failing(service: qs.Service) -> Any:
        with service.open_session("t", account="lab"):
            yield service.env.timeout(5 * SECOND)
            raise ValueError("lost")

    program = Waiting()
    with pytest.raises(ValueError, match=r"^lost$"):
        qs.simulate(NOTHING, programs=[program, failing])
    assert program.done == ["inner", "outer"]


def interrupts_a_program(service: qs.Service) -> Any:
    yield service.env.timeout(5 * SECOND)
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_a_program_closes_the_others() -> None:
    program = Waiting()
    with pytest.raises(KeyboardInterrupt):
        qs.simulate(NOTHING, programs=[program, interrupts_a_program])
    assert program.done == ["inner", "outer"]


def test_ctrl_c_outside_of_programs_closes_them() -> None:
    """It comes while a policy looks at the declared job of 5 s."""

    def interrupted(job: Any) -> tuple[int, ...]:
        if job.submitted_us == 5 * SECOND:
            signal.raise_signal(signal.SIGINT)
        return (0,)

    jobs = [{"id": "declared", "at": "5s", "account": "lab", "qpu_time": "1s"}]
    program = Waiting()
    with pytest.raises(KeyboardInterrupt):
        qs.simulate(
            {"workload": [{"kind": "explicit", "jobs": jobs}]}, programs=[program], policy=interrupted
        )
    assert program.done == ["inner", "outer"]


def test_an_error_of_a_policy_in_a_command_is_not_hidden_by_the_close_that_follows() -> None:
    """The scheduler has not finished what it was doing, so it is asked for nothing more."""
    asked = []

    def fails(job: Any) -> tuple[int, ...]:
        asked.append(job.account)
        raise ValueError("no key")

    def program(service: qs.Service) -> Any:
        with service.open_session("s", account="lab") as session:
            try:
                yield session.submit("j", qpu_time_us=1).completed
            finally:
                session.cancel()

    with pytest.raises(PolicyError, match="no key"):
        qs.simulate(NOTHING, programs=[program], policy=fails)
    assert asked == ["lab"]


def test_waits_in_a_clean_up_do_not_come_and_the_blocks_around_them_run() -> None:
    done = []

    def program(service: qs.Service) -> Any:
        with service.open_session("s", account="lab") as session:
            try:
                try:
                    yield session.run("j", qpu_time_us=100 * SECOND)
                finally:
                    done.append("waits a second")
                    yield service.env.timeout(SECOND)
                    done.append("never")
            finally:
                done.append("waits for an hour")
                yield service.env.timeout(3600 * SECOND)
                done.append("never")

    run = qs.simulate(TEN_SECONDS, programs=[program])
    assert done == ["waits a second", "waits for an hour"]
    assert (run.record.end_us, run.sessions["state"].to_list()) == (10 * SECOND, ["active"])


def test_a_program_that_waits_for_ever_is_named() -> None:
    others = Waiting()

    def stubborn(service: qs.Service) -> Any:
        while not released:
            with contextlib.suppress(GeneratorExit):
                yield service.env.timeout(SECOND)

    released: list[bool] = []
    with pytest.raises(SchedulerUsageError) as caught:
        qs.simulate(TEN_SECONDS, programs=[others, stubborn])
    assert str(caught.value) == (
        "program 'stubborn' cannot be closed at the end of the run, since it always waits again; "
        "let GeneratorExit pass"
    )
    assert others.done == ["inner", "outer"]
    released.append(True)
    del caught
    gc.collect()


def test_processes_of_a_program_are_closed_before_it() -> None:
    done = []

    def waiting(service: qs.Service, name: str) -> Any:
        try:
            yield service.env.timeout(100 * SECOND)
        finally:
            done.append(name)

    def program(service: qs.Service) -> Any:
        try:
            with service.open_session("s", account="lab"), service.open_session("t", account="lab"):
                first = service.env.process(waiting(service, "first"))
                yield service.env.timeout(SECOND)
                yield first & service.env.process(waiting(service, "second"))
        finally:
            done.append("program")

    run = qs.simulate(TEN_SECONDS, programs=[program])
    assert done == ["second", "first", "program"]
    assert run.sessions["state"].to_list() == ["open", "open"]


def test_what_cannot_be_submitted_any_more_ends_a_clean_up_quietly() -> None:
    """Nor does it hide the error for which the program is closed."""
    done = []

    def program(service: qs.Service) -> Any:
        try:
            try:
                yield service.env.timeout(100 * SECOND)
            finally:
                service.submit("last", account="lab", qpu_time_us=1)
                done.append("never")
        finally:
            done.append("outer")

    def catching(service: qs.Service) -> Any:
        try:
            yield service.env.timeout(100 * SECOND)
        finally:
            with pytest.raises(SchedulerUsageError, match="the run is over"):
                service.open_session("last", account="lab")
            done.append("caught")

    def failing(service: qs.Service) -> Any:
        yield service.env.timeout(5 * SECOND)
        raise ValueError("lost")

    run = qs.simulate(TEN_SECONDS, programs=[program, catching])
    assert (done, len(run.jobs), len(run.sessions)) == (["caught", "outer"], 0, 0)
    done.clear()
    with pytest.raises(ValueError, match=r"^lost$") as raised:
        qs.simulate(NOTHING, programs=[program, catching, failing])
    assert (done, getattr(raised.value, "__notes__", [])) == (["caught", "outer"], [])


def faulty(service: qs.Service) -> Any:
    try:
        yield service.env.timeout(100 * SECOND)
    finally:
        raise KeyError("a fault of the clean-up")


def test_an_error_of_a_clean_up_ends_the_run_after_all_are_closed() -> None:
    program = Waiting()
    with pytest.raises(KeyError, match="a fault of the clean-up"):
        qs.simulate(TEN_SECONDS, programs=[program, faulty])
    assert program.done == ["inner", "outer"]


def test_an_error_of_a_clean_up_is_a_note_to_the_error_that_was_there() -> None:
    def failing(service: qs.Service) -> Any:
        yield service.env.timeout(5 * SECOND)
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost") as raised:
        qs.simulate(NOTHING, programs=[faulty, failing])
    assert raised.value.__notes__ == [
        "and a program that was closed raised KeyError('a fault of the clean-up')"
    ]


def test_a_program_that_has_ended_or_not_begun_is_left_alone() -> None:
    done = []

    def ended(service: qs.Service) -> Any:
        try:
            yield service.env.timeout(SECOND)
        finally:
            done.append("ended")

    def refused(service: qs.Service) -> None:
        """No generator, so that `ended` does not begin."""

    with pytest.raises(SchedulerUsageError, match="must be a generator function"):
        qs.simulate(NOTHING, programs=[ended, refused])
    assert done == []
    qs.simulate(TEN_SECONDS, programs=[ended])
    assert done == ["ended"]


def test_a_process_that_is_started_in_a_clean_up_does_not_begin() -> None:
    done = []

    def inner(service: qs.Service) -> Any:
        done.append("never")
        yield service.env.timeout(SECOND)

    def program(service: qs.Service) -> Any:
        try:
            yield service.env.timeout(100 * SECOND)
        finally:
            service.env.process(inner(service))
            done.append("outer")

    qs.simulate(TEN_SECONDS, programs=[program])
    assert done == ["outer"]

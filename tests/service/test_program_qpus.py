"""What live programs may say of QPUs and phases, as the scheduler gets it and as it is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.units import SECOND

QPUS: list[dict[str, Any]] = [{"name": "torino"}, {"name": "kyiv"}, {"name": "aer", "simulator": True}]


def workload_of(command: Callable[[qs.Service], Any], **scenario: Any) -> Any:
    def program(service: qs.Service) -> Any:
        command(service)
        yield service.env.timeout(1)

    run = qs.simulate({"qpus": QPUS, "workload": [], **scenario}, programs=[program])
    return run.record.workload


def test_a_program_says_of_its_jobs_what_a_scenario_says() -> None:
    """S40, S54: the jobs of a session have its QPU."""

    def command(service: qs.Service) -> None:
        with service.open_session("s", account="lab", qpu="kyiv") as session:
            session.submit("a", qpu_time_us=5, preparation_us=2, post_processing_us=3, estimate_us=4)
        service.submit("b", account="lab", qpu_time_us=5, qpu="torino", estimate_us=9)
        service.submit("c", account="lab", qpu_time_us=5, preparation_us=7)

    workload = workload_of(command)
    jobs = workload.jobs
    assert (jobs.qpu.tolist(), workload.sessions.qpu.tolist()) == ([1, 0, NEVER], [1])
    assert jobs.preparation_us.tolist() == [2, 0, 7]
    assert jobs.post_processing_us.tolist() == [3, 0, 0]
    assert jobs.estimate_us.tolist() == [4, 9, NEVER]
    assert len(set(jobs.route.tolist())) == 3


def test_a_run_repeats_nothing_of_what_it_was_given_for_each_qpu() -> None:
    """S65, S67: a further attempt has the QPU times of the first; a live job has one for all QPUs."""
    service_time = {"overhead": "0s", "per_execution": "1ms"}
    qpus = [
        {"name": "torino", "service_time": service_time},
        {"name": "kyiv", "service_time": {**service_time, "per_execution": "3ms"}},
    ]
    client = {
        "kind": "iterative",
        "name": "vqe",
        "account": "lab",
        "mode": "job",
        "iterations": 1,
        "shots": 4000,
        "max_execution_time": "1s",
        "on_error": "retry",
    }

    def command(service: qs.Service) -> None:
        service.submit("live", account="lab", qpu_time_us=7)

    workload = workload_of(command, qpus=qpus, workload=[client], horizon="2500ms")
    names = [name for block in workload.job_names for name in block]
    rows = sorted(zip(names, *(column.tolist() for column in workload.qpu_times_us), strict=True))
    assert rows[0] == ("live", 7, 7)
    assert [row[0] for row in rows[1:]] == ["vqe/1/1", "vqe/1/1.2", "vqe/1/1.3"]
    assert {row[1:] for row in rows[1:]} == {(4 * SECOND, 12 * SECOND)}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            lambda service: service.submit("a", account="lab", qpu_time_us=5, qpu="osaka"),
            "job 'a': no QPU is called 'osaka'; there are torino, kyiv, aer",
        ),
        (
            lambda service: service.open_session("s", account="lab", qpu="aer"),
            "session 's': cannot be opened on the simulator backend 'aer'; name another QPU",
        ),
        (
            lambda service: service.submit("a", account="lab", qpu_time_us=5, qpu="aer", preparation_us=1),
            "job 'a': starts at once on a simulator backend; prepare nothing",
        ),
        (
            lambda service: service.submit("a", account="lab", qpu_time_us=5, preparation_us=-1),
            "job 'a': preparation_us must be from 0 to 2**62 microseconds, not -1",
        ),
        (
            lambda service: service.submit("a", account="lab", qpu_time_us=5, post_processing_us=0.5),
            "job 'a': post_processing_us must be a whole number, not 0.5",
        ),
        (
            lambda service: service.submit("a", account="lab", qpu_time_us=5, estimate_us=0),
            "job 'a': estimate_us must be from 1 to 2**62 microseconds, not 0",
        ),
        (
            lambda service: service.submit(
                "a",
                account="lab",
                qpu_time_us=5,
                qpu="kyiv",
                session=service.open_session("s", account="lab", qpu="torino"),
            ),
            "job 'a': a session's jobs stay on its QPU; open the session with qpu='kyiv'",
        ),
    ],
)
def test_what_a_scenario_may_not_say_a_program_may_not_do(command: Any, message: str) -> None:
    """S2, S22, S54"""
    with pytest.raises(SchedulerUsageError) as caught:
        workload_of(command)
    assert str(caught.value) == message

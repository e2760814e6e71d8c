"""Live programs that wait for the first start of a job (S4)."""

from __future__ import annotations

import qsession_sim as qs
from qsession_sim.testing import check_invariants


def others(*times, **more):
    jobs = [
        {"id": f"o{n}", "at": f"{at}us", "account": "b", "qpu_time": f"{us}us"}
        for n, (at, us) in enumerate(times)
    ]
    return {"workload": [{"kind": "explicit", "jobs": jobs}], **more}


def test_a_program_goes_on_when_its_job_starts():
    """Behind a job of 10 us the own one of 5 us starts at 10; what is submitted then starts at 15."""

    def program(service):
        yield service.env.timeout(1)
        job = service.submit("mine", qpu_time_us=5, account="a")
        seen.append((yield job.started))
        service.submit("next", qpu_time_us=1, account="a")
        result = yield job.completed
        seen.append((service.now_us, result.status.name))

    seen = []
    run = qs.simulate(others((0, 10)), programs=[program])
    assert seen == [10, (15, "DONE")]
    assert run.jobs.select("job", "submitted_us", "started_us").rows() == [
        ("o0", 0, 0),
        ("mine", 1, 10),
        ("next", 10, 15),
    ]
    check_invariants(run)


def test_it_acts_before_the_dispatches_of_other_qpus():
    """At 0 QPU a starts the own job; the program then cancels the job that QPU b would start after it."""

    def program(service):
        mine = service.submit("mine", qpu_time_us=5, account="a", qpu="a")
        other = service.submit("other", qpu_time_us=5, account="a", qpu="b")
        yield mine.started
        other.cancel()
        yield mine.completed

    run = qs.simulate(others(qpus=[{"name": "a"}, {"name": "b"}]), programs=[program])
    assert run.jobs.select("job", "status", "started_us").rows() == [
        ("mine", "DONE", 0),
        ("other", "CANCELLED", None),
    ]


def test_a_job_that_has_started_is_not_waited_for():
    """It started at 0; asked at 3 the event comes at 3, with the instant of the start."""

    def program(service):
        job = service.submit("mine", qpu_time_us=9, account="a")
        yield service.env.timeout(3)
        seen.append(((yield job.started), service.now_us))
        yield job.completed

    seen = []
    qs.simulate(others(), programs=[program])
    assert seen == [(0, 3)]


def test_the_start_of_a_job_that_ends_before_never_comes_and_does_not_prolong_the_run():
    """Cancelled at 4 behind a job of 10 us: the run ends at 10, and the program is closed there."""

    def program(service):
        job = service.submit("mine", qpu_time_us=5, account="a")
        service.env.process(cancels(service, job))
        try:
            yield job.started
            seen.append("started")
        finally:
            seen.append("closed")

    def cancels(service, job):
        yield service.env.timeout(4)
        job.cancel()

    seen = []
    run = qs.simulate(others((0, 10)), programs=[program])
    assert (seen, run.record.end_us) == (["closed"], 10)


def test_a_simulator_starts_one_job_at_a_time():
    """S22: both start at 0; between them the program that waits for the first one cancels the second."""

    def program(service):
        first = service.submit("first", qpu_time_us=5, account="a", qpu="sim")
        second = service.submit("second", qpu_time_us=5, account="a", qpu="sim")
        yield first.started
        second.cancel()
        yield first.completed

    qpus = [{"name": "q"}, {"name": "sim", "simulator": True}]
    run = qs.simulate(others(qpus=qpus), programs=[program])
    assert run.jobs.select("job", "status", "started_us").rows() == [
        ("first", "DONE", 0),
        ("second", "CANCELLED", None),
    ]


def test_two_programs_wait_for_one_start():
    def program(service):
        jobs.append(service.submit("mine", qpu_time_us=5, account="a"))
        yield jobs[0].started
        seen.append(("one", service.now_us))

    def other(service):
        yield jobs[0].started
        seen.append(("two", service.now_us))

    jobs, seen = [], []
    qs.simulate(others((0, 10)), programs=[program, other])
    assert sorted(seen) == [("one", 10), ("two", 10)]

"""What the client library's own integration tests ask for of jobs, retrieval, backends and accounts, one by one.

Sessions are in `test_real_client.py`, with the other rules. Time jumps; a job of 1000 shots takes 2.35 s. What is not
imitated is at the end, as a list of what is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from official_client import finished, people

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")
pytest.importorskip("qiskit_ibm_runtime", reason="pip install 'qsession-sim[qiskit]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the library and of what it imports

THREE = [{"name": "qpu"}, {"name": "quiet"}, {"name": "model", "simulator": True}]


def ids(jobs):
    return [job.job_id() for job in jobs]


# -- jobs


def test_waiting_for_a_job_ends_after_a_timeout_that_is_shorter(cloud):
    """p0 is on the QPU from 0 to 100."""
    from qiskit_ibm_runtime.exceptions import RuntimeJobTimeoutError

    with cloud(workload=people(("0s", "100s"))) as lab:
        job = lab.sampled(lab.backend)
        with pytest.raises(RuntimeJobTimeoutError):
            job.wait_for_final_state(timeout=0)  # after its first question, which finds it queued
        assert job.status() == "RUNNING"
        job.wait_for_final_state()
        assert (job.status(), job.done(), job.running(), job.cancelled()) == ("DONE", True, False, False)
        assert lab.now_us == 102_350_000


def test_a_job_that_ended_cannot_be_cancelled_and_one_that_has_not_cannot_be_deleted(cloud):
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeInvalidStateError, RuntimeJobNotFound

    with cloud(workload=people(("0s", "10s"))) as lab:
        job = lab.sampled(lab.backend)
        with pytest.raises(IBMRuntimeError, match="409"):
            lab.service.delete_job(job.job_id())
        job.result()
        with pytest.raises(RuntimeInvalidStateError):
            job.cancel()
        lab.service.delete_job(job.job_id())
        with pytest.raises(RuntimeJobNotFound):
            lab.service.delete_job(job.job_id())
    assert len(finished(lab).jobs) == 2  # what was deleted is still part of the run


def test_a_job_says_what_it_is_and_when_it_was(cloud):
    with cloud() as lab:
        lab.wait(30)
        job = lab.sampled(lab.backend, environment={"job_tags": ["x"]})
        job.result()
        again = lab.service.job(job.job_id())
        assert (again.primitive_id, again.instance, again.session_id, again.tags) == (
            "sampler",
            lab.service.active_instance(),
            None,
            ["x"],
        )
        assert again.creation_date.astimezone(UTC) == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
        assert again.properties().backend_name == "qpu"
        assert (again.private, again.errored(), again.in_final_state()) == (False, False, True)
        assert again.result()[0].data.meas.num_shots == 1000


def test_inputs_of_a_private_job_do_not_come_back(cloud):
    with cloud() as lab:
        job = lab.sampled(lab.backend, environment={"private": True})
        job.wait_for_final_state()
        again = lab.service.job(job.job_id())
        assert (again.private, again.inputs) == (True, {})


# -- retrieval


@pytest.fixture
def with_jobs(cloud):
    """Jobs 1 at 0 and 2 at 60 on one QPU, 3 at 60 on another; the last two have not ended."""
    with cloud(qpus=THREE) as lab:
        lab.sampled(lab.backend, environment={"job_tags": ["early", "both"]}).result()
        lab.wait(60 - 2.35)
        lab.sampled(lab.backend, environment={"job_tags": ["both"]})
        lab.sampled(lab.service.backend("quiet"))
        yield lab


def test_jobs_come_newest_first_or_oldest_first(with_jobs):
    service = with_jobs.service
    assert ids(service.jobs()) == ["lab.3", "lab.2", "lab.1"]
    assert ids(service.jobs(descending=False)) == ["lab.1", "lab.2", "lab.3"]


def test_a_part_of_them_is_skipped_and_no_more_than_asked_for_come(with_jobs):
    service = with_jobs.service
    assert ids(service.jobs(limit=2)) == ["lab.3", "lab.2"]
    assert ids(service.jobs(limit=2, skip=2)) == ["lab.1"]
    assert ids(service.jobs(limit=None)) == ["lab.3", "lab.2", "lab.1"]
    assert ids(service.jobs(skip=3)) == []


def test_jobs_are_found_by_whether_they_have_ended(with_jobs):
    service = with_jobs.service
    assert ids(service.jobs(pending=True)) == ["lab.3", "lab.2"]
    assert ids(service.jobs(pending=False)) == ["lab.1"]


def test_jobs_are_found_by_backend_program_and_tags(with_jobs):
    service = with_jobs.service
    assert ids(service.jobs(backend_name="quiet")) == ["lab.3"]
    assert ids(service.jobs(program_id="sampler")) == ["lab.3", "lab.2", "lab.1"]
    assert ids(service.jobs(program_id="estimator")) == []
    assert ids(service.jobs(job_tags=["both"])) == ["lab.2", "lab.1"]
    assert ids(service.jobs(job_tags=["both", "early"])) == ["lab.1"]
    assert ids(service.jobs(job_tags=["none"])) == []


def test_jobs_are_found_by_when_they_were_created(with_jobs):
    service = with_jobs.service
    half = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert ids(service.jobs(created_after=half)) == ["lab.3", "lab.2"]
    assert ids(service.jobs(created_before=half)) == ["lab.1"]
    late = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    assert ids(service.jobs(created_after=half, created_before=late)) == ["lab.3", "lab.2"]
    assert ids(service.jobs(created_after=late)) == []


def test_jobs_are_found_by_session(cloud):
    from qiskit_ibm_runtime import Session

    with cloud() as lab:
        with Session(backend=lab.backend) as session:
            lab.sampled(session).result()
        lab.sampled(lab.backend).result()
        assert ids(lab.service.jobs(session_id=session.session_id)) == ["lab.1"]


def test_a_job_that_is_not_there_or_of_others_is_not_found(with_jobs):
    from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

    for name in ("lab.9", "other.1", "x"):
        with pytest.raises(RuntimeJobNotFound):
            with_jobs.service.job(name)


# -- backends


def test_backends_are_found_by_what_they_are(cloud):
    with cloud(qpus=THREE) as lab:
        names = lambda **asked: [one.name for one in lab.service.backends(**asked)]  # noqa: E731
        assert names() == ["qpu", "quiet", "model"]
        assert names(simulator=True) == ["model"]
        assert names(simulator=False, operational=True) == ["qpu", "quiet"]
        assert names(min_num_qubits=127) == ["qpu", "quiet", "model"]
        assert names(min_num_qubits=128) == []
        assert names(filters=lambda backend: backend.name.startswith("q")) == ["qpu", "quiet"]
        assert names(name="quiet") == ["quiet"]


def test_a_backend_that_is_not_there_is_not_found(cloud):
    from qiskit.providers.exceptions import QiskitBackendNotFoundError

    with cloud() as lab:
        with pytest.raises(QiskitBackendNotFoundError):
            lab.service.backend("nowhere")
        with pytest.raises(QiskitBackendNotFoundError):
            lab.service.least_busy(min_num_qubits=1000)


def test_a_backend_has_what_programs_read_of_it(cloud):
    with cloud() as lab:
        backend = lab.backend
        backend.check_faulty(__import__("qiskit").QuantumCircuit(2))
        assert (
            backend.name,
            backend.num_qubits,
            backend.max_circuits is None or backend.max_circuits > 0,
        ) == (
            "qpu",
            127,
            True,
        )
        assert backend.configuration().backend_name == backend.properties().backend_name == "qpu"
        assert (backend.status().status_msg, backend.status().operational) == ("active", True)
        assert len(backend.coupling_map.get_edges()) > 0
        assert backend.qubit_properties(0).t1 == pytest.approx(250e-6)
        assert backend.target.num_qubits == 127
        assert backend.dt > 0
        with pytest.raises(AttributeError):
            _ = backend.nothing_of_this_name


# -- accounts


def test_an_account_is_saved_found_used_and_deleted(cloud, tmp_path):
    from qiskit_ibm_runtime import QiskitRuntimeService

    with cloud() as lab:
        active = lab.service.active_account()
        given = {key: active[key] for key in ("channel", "token", "url", "instance")}
        file = str(tmp_path / "accounts.json")
        QiskitRuntimeService.save_account(**given, filename=file, name="lab")
        with pytest.raises(Exception, match="already exists"):
            QiskitRuntimeService.save_account(**given, filename=file, name="lab")
        saved = QiskitRuntimeService.saved_accounts(filename=file)
        assert {key: saved["lab"][key] for key in given} == given
        again = QiskitRuntimeService(filename=file, name="lab")
        assert [one.name for one in again.backends()] == ["qpu"]
        assert QiskitRuntimeService.delete_account(filename=file, name="lab") is True
        assert QiskitRuntimeService.saved_accounts(filename=file) == {}


def test_a_token_of_nobody_finds_no_backends(cloud):
    """The library only warns, and goes on without an instance."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    with cloud(accounts=[{"name": "lab"}]), pytest.warns(UserWarning, match="no account 'nobody'"):
        assert QiskitRuntimeService(token="nobody").backends() == []


def test_the_account_has_one_instance_with_its_plan_and_its_usage(cloud):
    plans = {"small": {"quota": {"usage": "10m", "window": "28d"}}}
    with cloud(plans=plans, accounts=[{"name": "lab", "plan": "small"}]) as lab:
        (instance,) = lab.service.instances()
        assert instance["crn"] == lab.service.active_instance()
        assert lab.service.channel == "ibm_quantum_platform"
        before = lab.service.usage()
        lab.sampled(lab.backend).result()
        after = lab.service.usage()
        assert (before["usage_consumed_seconds"], after["usage_consumed_seconds"]) == (0, 2.35)
        assert (after["plan_id"], after["usage_limit_seconds"]) == ("plan-small", 600)


def test_another_instance_than_the_one_of_the_account_is_refused(cloud):
    from qiskit_ibm_runtime import QiskitRuntimeService

    with cloud(), pytest.raises(Exception, match=r"(?i)instance"):
        QiskitRuntimeService(instance="no such instance")


# -- not imitated, and so refused


def test_a_calibration_by_its_identifier_is_refused(cloud):
    """The library asks for the device of that calibration, and takes the refusal for no such backend."""
    from qiskit.providers.exceptions import QiskitBackendNotFoundError

    with cloud() as lab, pytest.raises(QiskitBackendNotFoundError):
        lab.service.backend("qpu", calibration_id="x")

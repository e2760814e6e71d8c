"""The fixture that serves a scenario to a test, its journal, and failures on demand.

A job of 1000 shots takes 2.35 s.
"""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

import pytest

from qsession_sim.errors import SchedulerUsageError

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")

FORM = {"program_id": "sampler", "backend": "qpu", "params": {"pubs": [["", None, 1000]]}}


def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """As an ordinary program does, by the variables of its environment."""
    url = urlsplit(os.environ["QISKIT_IBM_URL"])
    connection = http.client.HTTPConnection(str(url.hostname), url.port or 0)
    headers = {"Authorization": "apikey " + os.environ["QISKIT_IBM_TOKEN"], "IBM-API-Version": "2026-04-15"}
    connection.request(method, url.path + path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if content else None


def code(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["errors"][0]["code"]


def test_a_scenario_is_served_and_leaves_a_run_and_a_journal(simulated_service):
    service = simulated_service({"workload": []}, account="lab", qpu_time=lambda program, params: 7)
    assert ask("POST", "/jobs", FORM)[1]["id"] == "lab.1"
    service.wait(2)
    assert (service.now_us, ask("GET", "/jobs/lab.1")[1]["status"]) == (2_000_000, "Completed")
    assert service.journal == [
        {"now_us": 0, "client": "lab", "method": "POST", "path": "/experimental/jobs", "status": 200},
        {"now_us": 2_000_000, "client": "lab", "method": "POST", "path": "/qsession-sim/wait", "status": 200},
        {
            "now_us": 2_000_000,
            "client": "lab",
            "method": "GET",
            "path": "/experimental/jobs/lab.1",
            "status": 200,
        },
    ]
    run = service.finish()
    assert run.jobs.select("job", "completed_us").rows() == [("lab.1", 7)]
    with pytest.raises(ConnectionRefusedError):
        ask("GET", "/jobs")


def test_the_last_one_that_was_served_has_the_environment(simulated_service):
    one, two = simulated_service({"workload": []}), simulated_service({"workload": []}, account="other")
    ask("GET", "/jobs")
    assert (one.journal, [entry["client"] for entry in two.journal]) == ([], ["other"])
    assert os.environ["QISKIT_IBM_TOKEN"] == "other"


def test_requests_of_a_kind_fail_as_often_as_was_asked_for(simulated_service):
    service = simulated_service({"workload": []})
    service.fail("POST", "/jobs", 429, times=2)
    service.fail("GET", "/jobs/[^/]+", 401)
    assert ask("GET", "/jobs")[0] == 200
    assert [code(ask("POST", "/jobs", FORM)) for _ in range(2)] == [(429, 1202), (429, 1202)]
    assert ask("POST", "/jobs", FORM)[1]["id"] == "client.1"
    assert code(ask("GET", "/jobs/client.1")) == (401, 1201)
    assert ask("GET", "/jobs/client.1")[0] == 200
    assert len(service.finish().jobs) == 1


def test_a_lost_answer_comes_when_the_same_is_sent_again(simulated_service):
    service = simulated_service({"workload": []})
    service.fail("POST", "/jobs", 503, lost=True)
    assert code(ask("POST", "/jobs", FORM)) == (503, 1298)
    assert ask("POST", "/jobs", FORM)[1]["id"] == "client.1"
    assert ask("POST", "/jobs", FORM)[1]["id"] == "client.2"
    assert len(service.finish().jobs) == 2


def test_results_are_named_as_in_serve(simulated_service):
    with pytest.raises(SchedulerUsageError, match="no results are called 'arr'; did you mean 'aer'"):
        simulated_service({"workload": []}, results="arr")


def test_a_qpu_is_said_to_be_offline(simulated_service):
    service = simulated_service({"workload": []})
    service.set_offline("qpu")
    (device,) = ask("GET", "/backends")[1]["devices"]
    assert (device["status"], device["session_could_start_now"]) == (
        {"name": "paused", "reason": "offline"},
        False,
    )
    status = ask("GET", "/backends/qpu/status")[1]
    assert (status["state"], status["status"]) == (False, "offline")
    service.set_offline("qpu", is_offline=False)
    status = ask("GET", "/backends/qpu/status")[1]
    assert (status["state"], status["status"], status["session_could_start_now"]) == (True, "active", True)


def test_the_next_accepted_jobs_fail_as_often_as_was_asked_for(simulated_service):
    """The job that is rejected, as its session is closed, does not count; each job takes 7 us."""
    service = simulated_service({"workload": []}, qpu_time=lambda program, params: 7)
    session = ask("POST", "/sessions", {"backend": "qpu", "mode": "dedicated"})[1]["id"]
    ask("DELETE", f"/sessions/{session}/close")
    service.fail_next_job(times=2)
    assert ask("POST", "/jobs", {**FORM, "session_id": session})[0] == 409
    for _ in range(3):
        assert ask("POST", "/jobs", FORM)[0] == 200
    service.wait(1)
    assert [ask("GET", f"/jobs/client.{number}")[1]["state"] for number in (2, 3, 4)] == [
        *2
        * [
            {
                "status": "Failed",
                "reason_code": 1223,
                "reason": "The program of the job failed, as it was asked to",
            }
        ],
        {"status": "Completed"},
    ]
    assert service.finish().jobs.select("started_us", "completed_us", "status", "reason").rows() == [
        (None, None, "REJECTED", "SESSION_CLOSED"),
        (0, 7, "ERROR", "PROGRAM_FAILED"),
        (7, 14, "ERROR", "PROGRAM_FAILED"),
        (14, 21, "DONE", None),
    ]


@pytest.mark.filterwarnings("ignore")  # of the library and of what it imports
def test_what_the_client_library_makes_of_failures(simulated_service):
    """It sends again what got 503, does not send again what got 429, and sees no QPU that is operational."""
    pytest.importorskip("qiskit_ibm_runtime", reason="pip install 'qsession-sim[qiskit]'")
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobFailureError

    service = simulated_service({"workload": []}, results="statevector")
    cloud = QiskitRuntimeService()
    backend = cloud.backend("qpu")
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    service.fail("POST", "/jobs", 503, lost=True)
    job = SamplerV2(mode=backend).run([circuit], shots=1000)
    assert (job.job_id(), job.result()[0].data.meas.get_counts()) == ("client.1", {"1": 1000})
    service.fail("POST", "/jobs", 429)
    with pytest.raises(IBMRuntimeError, match="429"):
        SamplerV2(mode=backend).run([circuit])
    service.fail_next_job()
    failed = SamplerV2(mode=backend).run([circuit], shots=1000)
    with pytest.raises(RuntimeJobFailureError, match="The program of the job failed"):
        failed.result()
    # one of 1000 shots takes 2.35 s, which are charged
    assert (failed.status(), failed.metrics()["usage"]["quantum_seconds"]) == ("ERROR", 2.35)
    assert "The program of the job failed" in failed.error_message()
    service.set_offline("qpu")
    assert backend.status().operational is False
    posts = [entry["status"] for entry in service.journal if entry["path"] == "/experimental/jobs"]
    assert posts == [503, 200, 429, 200]
    assert len(service.finish().jobs) == 2

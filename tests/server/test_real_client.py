"""What the unmodified client library sees over HTTP for each rule, at instants worked out by hand.

Time jumps. A sampler's job of 1000 shots takes 2 s + 1000 x 350 us = 2.35 s. The interactive timeout is 60 s. The
first question about a job is answered before the QPU is given away in that instant (S4), so it says QUEUED.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from official_client import JOB_US, bell, finished, people

from qsession_sim.units import SECOND

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")
pytest.importorskip("qiskit_ibm_runtime", reason="pip install 'qsession-sim[qiskit]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the library and of what it imports


def correlations(backend: Any) -> tuple[Any, Any]:
    """A Bell state and ZZ + XX, which is 2 in it."""
    from qiskit.quantum_info import SparsePauliOp

    circuit = bell(backend, measured=False)
    return circuit, SparsePauliOp.from_list([("ZZ", 1.0), ("XX", 1.0)]).apply_layout(circuit.layout)


def instants(details: dict[str, Any]) -> list[tuple[str, str]]:
    """The history of a session: state, and minutes, seconds and their parts."""
    return [(one["status"], one["timestamp"][14:-1]) for one in details["timestamps"]]


# -- jobs


def test_queued_running_and_done_are_seen_behind_the_jobs_of_others(cloud):
    """p0 is on the QPU from 0 to 10."""
    with cloud(workload=people(("0s", "10s"))) as lab:
        lab.wait(1)
        job = lab.sampled(lab.backend)
        seen = [(job.status(), lab.now_us) for _ in range(3)]
        job.result()
        assert seen == [("QUEUED", SECOND), ("RUNNING", 10 * SECOND), ("DONE", 10 * SECOND + JOB_US)]
        assert job.usage() == 2.35
        assert job.metrics()["timestamps"] == {
            "created": "2026-01-01T00:00:01Z",
            "running": "2026-01-01T00:00:10Z",
            "finished": "2026-01-01T00:00:12.350000Z",
        }
        assert (job.in_final_state(), job.error_message(), job.logs().count("\n")) == (True, None, 3)
        assert job.usage_estimation == {"quantum_seconds": 2.35}


def test_a_job_is_cancelled_once(cloud):
    from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError

    with cloud(workload=people(("0s", "10s"))) as lab:
        job = lab.sampled(lab.backend)
        job.cancel()
        assert job.status() == "CANCELLED"
        with pytest.raises(RuntimeInvalidStateError):
            job.cancel()
        with pytest.raises(RuntimeInvalidStateError):
            job.result()


def test_a_job_that_is_cut_off_does_not_hang_its_result(cloud):
    """S44: 1 s of its 2.35 s."""
    from qiskit_ibm_runtime.exceptions import RuntimeJobMaxTimeoutError

    with cloud() as lab:
        job = lab.sampled(lab.backend, max_execution_time=1)
        with pytest.raises(RuntimeJobMaxTimeoutError, match="Ran too long: the job reached its maximum"):
            job.result()
        assert (job.status(), lab.now_us) == ("ERROR", SECOND)
        assert job.usage() == 1.0


def test_jobs_are_found_again_tagged_and_deleted(cloud):
    from datetime import UTC, datetime

    from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

    with cloud() as lab:
        first = lab.sampled(lab.backend, environment={"job_tags": ["a", "b"]})
        first.result()
        lab.wait(60)
        second = lab.sampled(lab.backend)
        service = lab.service
        assert [job.job_id() for job in service.jobs()] == ["lab.2", "lab.1"]
        assert [job.job_id() for job in service.jobs(pending=True)] == ["lab.2"]
        assert [job.job_id() for job in service.jobs(job_tags=["a"])] == ["lab.1"]
        assert [job.job_id() for job in service.jobs(limit=1, skip=1)] == ["lab.1"]
        late = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
        assert [job.job_id() for job in service.jobs(created_after=late)] == ["lab.2"]
        again = service.job("lab.1")
        assert (again.tags, again.backend().name, again.session_id) == (["a", "b"], "qpu", None)
        assert again.creation_date.astimezone(UTC) == datetime(2026, 1, 1, tzinfo=UTC)
        assert len(again.inputs["pubs"]) == 1
        assert again.update_tags(["c"]) == ["c"]
        assert service.job("lab.1").tags == ["c"]
        service.delete_job("lab.1")
        with pytest.raises(RuntimeJobNotFound):
            service.job("lab.1")
        second.result()
    assert finished(lab).jobs["status"].to_list() == ["DONE", "DONE"]


# -- sessions


def test_a_deactivated_session_is_pending_again_and_comes_back_by_the_queue(cloud):
    """Its job from 0 to 2.35, the ITTL of 60 s from then to 62.35; p0, which came at 5, is on the QPU from then to
    162.35. The job that comes at 70 runs after it, to 164.7. Used: 62.35 + 2.35."""
    from qiskit_ibm_runtime import Session

    with cloud(workload=people(("5s", "100s"))) as lab:
        session = Session(backend=lab.backend)
        assert session.status() == "Pending"
        assert (session.details()["activated_at"], session.details()["usage_time"]) == (None, None)
        lab.sampled(session).result()
        assert session.status() == "In progress, accepting new jobs"
        assert session.details()["usage_time"] is None
        lab.wait(70 - 2.35)
        assert session.status() == "Pending"
        assert (session.details()["state"], session.details()["usage_time"]) == ("inactive", 62.35)
        job = lab.sampled(session)
        assert (job.status(), session.status()) == ("QUEUED", "Pending")
        job.result()
        assert lab.now_us == 164_700_000
        details = session.details()
        assert details["started_at"] == "2026-01-01T00:00:00Z"
        assert details["activated_at"] == "2026-01-01T00:02:42.350000Z"
        session.close()
        assert (session.status(), session.details()["usage_time"]) == ("Closed", 64.7)
        assert instants(session.details()) == [
            ("open", "00:00"),
            ("active", "00:00"),
            ("inactive", "01:02.350000"),
            ("active", "02:42.350000"),
            ("closed", "02:44.700000"),
        ]
        usage_us = round(session.usage() * SECOND)
    assert finished(lab).sessions["usage_us"].to_list() == [usage_us] == [64_700_000]


def test_jobs_that_are_queued_when_max_time_is_over_fail_with_a_reason_and_others_are_refused(cloud):
    """S16: 8 jobs of 2.35 s, and 6 s from 0 on: two end before, the third at 7.05, the other five never start."""
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobFailureError

    with cloud() as lab:
        session = Session(backend=lab.backend, max_time=6)
        jobs = [lab.sampled(session) for _ in range(8)]
        with pytest.raises(RuntimeJobFailureError, match="maximum time of the session was over"):
            jobs[-1].result()
        jobs[2].result()
        assert [job.status() for job in jobs] == ["DONE"] * 3 + ["ERROR"] * 5
        assert "The maximum time of the session was over while the job was queued" in jobs[-1].error_message()
        assert (session.status(), session.details()["usage_time"]) == ("Closed", 7.05)
        with pytest.raises(IBMRuntimeError, match=r"Failed to run program: .*409 Client Error"):
            lab.sampled(session)
    assert finished(lab).sessions["reason"].to_list() == ["MAX_TIME"]


def test_a_cancelled_session_cancels_its_queue_and_lets_the_running_job_finish(cloud):
    """S18."""
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeInvalidStateError

    with cloud() as lab:
        session = Session(backend=lab.backend)
        running, queued = lab.sampled(session), lab.sampled(session)
        lab.wait(1)
        session.cancel()
        assert (session.status(), queued.status(), queued.error_message()) == ("Closed", "CANCELLED", None)
        with pytest.raises(RuntimeInvalidStateError):
            queued.result()
        running.result()
        assert lab.now_us == JOB_US
        with pytest.raises(IBMRuntimeError, match="The session is closed"):
            lab.sampled(session)
    assert finished(lab).sessions.select("reason", "usage_us").rows() == [("CANCELLED", JOB_US)]


def test_a_session_that_is_closed_with_a_queue_runs_it_and_accepts_nothing_more(cloud):
    """S17: pending while p0 has the QPU, until 10; then its two jobs, to 14.7."""
    from qiskit_ibm_runtime import Session

    with cloud(workload=people(("0s", "10s"))) as lab:
        lab.wait(1)
        session = Session(backend=lab.backend)
        jobs = [lab.sampled(session) for _ in range(2)]
        session.close()
        assert session.status() == "Pending"
        lab.wait(10)
        assert session.status() == "In progress, not accepting new jobs"
        jobs[1].result()
        assert (session.status(), lab.now_us) == ("Closed", 10 * SECOND + 2 * JOB_US)
        assert [job.status() for job in jobs] == ["DONE", "DONE"]
        assert session.usage() == 4.7


def test_an_unused_session_is_closed_after_half_an_hour_and_then_the_service_refuses(cloud):
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError

    with cloud() as lab:
        session = Session(backend=lab.backend)
        lab.wait(1801)  # at 1800 a client acts before the clocks of that instant
        assert (session.status(), session.details()["closed_at"]) == ("Closed", "2026-01-01T00:30:00Z")
        with pytest.raises(IBMRuntimeError, match="The session is closed and accepts no jobs"):
            lab.sampled(session)


def test_a_session_is_found_by_its_identifier_unless_it_is_closed_or_not_there(cloud):
    from qiskit_ibm_runtime import Batch, Session
    from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMRuntimeError

    with cloud() as lab:
        session = Session(backend=lab.backend)
        again = Session.from_id(session.session_id, service=lab.service)
        lab.sampled(again).result()
        assert again.details()["backend_name"] == "qpu"
        with pytest.raises(IBMInputValueError):
            Batch.from_id(session.session_id, service=lab.service)
        with pytest.raises(IBMInputValueError, match="not found"):
            Session.from_id("nothing", service=lab.service)
        session.close()
        closed = Session.from_id(session.session_id, service=lab.service)
        with pytest.raises(IBMRuntimeError, match="The session is closed"):
            lab.sampled(closed)


def test_a_batch_runs_its_jobs_and_is_charged_for_them_alone(cloud):
    """Three jobs, the second of 2.7 s; the batch waits its ITTL of 1 s and is closed."""
    from qiskit_ibm_runtime import Batch

    with cloud() as lab:
        with Batch(backend=lab.backend) as batch:
            jobs = [lab.sampled(batch, shots) for shots in (1000, 2000, 1000)]
        jobs[-1].result()
        assert (batch.status(), batch.usage(), batch.details()["mode"]) == ("Closed", 7.4, "batch")
        assert {job.job_id() for job in lab.service.jobs(session_id=batch.session_id)} == {
            "lab.1",
            "lab.2",
            "lab.3",
        }


def test_a_plan_without_sessions_says_so(cloud):
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    with cloud(accounts=[{"name": "lab", "plan": "open"}]) as lab:
        with pytest.raises(
            RequestsApiError, match="not authorized to run a session when using the open plan"
        ):
            Session(backend=lab.backend)
        usage = lab.service.usage()
        assert (usage["usage_limit_seconds"], usage["usage_remaining_seconds"]) == (600.0, 600.0)


def test_too_many_pending_jobs_are_refused_with_a_code(cloud):
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError

    with cloud(accounts=[{"name": "lab", "plan": "open"}]) as lab:
        for _ in range(3):
            lab.sampled(lab.backend)
        with pytest.raises(IBMRuntimeError, match="3458"):
            lab.sampled(lab.backend)


def test_a_backend_in_maintenance_warns_at_a_submission(cloud):
    window = {"kind": "maintenance", "at": "10s", "duration": "10s"}
    with cloud(qpus=[{"name": "qpu", "windows": [window]}]) as lab:
        assert (lab.backend.status().operational, lab.backend.status().pending_jobs) == (True, 0)
        lab.wait(12)
        assert (lab.backend.status().operational, lab.backend.status().status_msg) == (True, "maintenance")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            job = lab.sampled(lab.backend)
        assert any("qpu currently has a status of maintenance" in str(one.message) for one in caught)
        job.result()
        assert lab.now_us == 20 * SECOND + JOB_US


# -- backends, primitives and results


def test_what_the_account_and_its_backends_are(cloud):
    qpus = [{"name": "qpu"}, {"name": "quiet"}, {"name": "model", "simulator": True}]
    with cloud(qpus=qpus, workload=[{"kind": "explicit", "jobs": [{"id": "p", "at": "0s", "account": "b", "qpu": "qpu", "qpu_time": "9s"}, {"id": "q", "at": "0s", "account": "b", "qpu": "qpu", "qpu_time": "9s"}]}]) as lab:  # fmt: skip
        lab.wait(1)
        assert [one.name for one in lab.service.backends()] == ["qpu", "quiet", "model"]
        assert lab.service.least_busy(operational=True, simulator=False).name == "quiet"
        assert (lab.backend.num_qubits, lab.backend.status().pending_jobs) == (127, 1)
        assert lab.backend.properties().t1(0) == pytest.approx(250e-6)
        assert set(lab.backend.target.operation_names) >= {"ecr", "rz", "sx", "x", "measure"}
        assert lab.service.active_account()["token"] == "lab"


def test_samplers_and_estimators_in_one_session_by_both_interfaces(cloud):
    """Circuits are run by Aer; the expectation value of ZZ + XX is exactly 2 in a Bell state."""
    pytest.importorskip("qiskit_aer", reason="pip install 'qsession-sim[qiskit]'")
    from qiskit_ibm_runtime import EstimatorV2, Session
    from qiskit_ibm_runtime.executor_estimator import Estimator
    from qiskit_ibm_runtime.executor_sampler import Sampler

    from qsession_sim.clients.results import aer

    with cloud(compute=aer) as lab:
        circuit, observable = correlations(lab.backend)
        with Session(backend=lab.backend) as session:
            counts = [lab.sampled(session).result()[0].data.meas.get_counts() for _ in range(2)]
            value = (
                EstimatorV2(mode=session).run([(circuit, observable)], precision=0.02).result()[0].data.evs
            )
            measured = bell(lab.backend, measured=True)
            new = Sampler(mode=session).run([measured], shots=500).result()[0].data.meas.get_counts()
            estimate = (
                Estimator(mode=session).run([(circuit, observable)], precision=0.05).result()[0].data.evs
            )
        for found, shots in ((counts[0], 1000), (counts[1], 1000), (new, 500)):
            assert (set(found), sum(found.values())) == ({"00", "11"}, shots)
        assert counts[0] != counts[1]  # of one seed each
        assert abs(float(value) - 2) < 0.2
        assert abs(float(estimate) - 2) < 0.2
    run = finished(lab)
    assert run.jobs["qpu_time_us"].to_list()[:4] == [JOB_US, JOB_US, 2_875_000, 2_175_000]  # 0.02: 2500 shots
    assert run.sessions["reason"].to_list() == ["CLOSED"]


def test_results_without_qiskit_are_zeros_that_the_library_reads(cloud):
    from qiskit_ibm_runtime import EstimatorV2

    with cloud() as lab:
        assert lab.sampled(lab.backend, 7).result()[0].data.meas.get_counts() == {"0": 7}
        circuit, observable = correlations(lab.backend)
        pub = (circuit, [[observable], [observable]])
        assert EstimatorV2(mode=lab.backend).run([pub]).result()[0].data.evs.tolist() == [[0.0], [0.0]]


def test_another_user_changes_nobodys_results(cloud):
    from qsession_sim.clients.results import statevector

    def counts(workload: Any) -> list[dict[str, int]]:
        with cloud(compute=statevector, workload=workload) as lab:
            return [lab.sampled(lab.backend).result()[0].data.meas.get_counts() for _ in range(2)]

    alone = counts([])
    assert alone == counts(people(("0s", "10s"), ("3s", "10s")))
    assert alone[0] != alone[1]


def test_circuits_that_cannot_be_simulated_are_an_error_of_their_result_alone(cloud):
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import SamplerV2
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError

    from qsession_sim.clients.results import statevector

    with cloud(compute=statevector) as lab:
        wide = QuantumCircuit(25)
        for qubit in range(25):
            wide.x(qubit)
        wide.measure_all()
        job = SamplerV2(mode=lab.backend).run([wide], shots=10)
        with pytest.raises(RequestsApiError, match="a circuit uses 25 qubits; at most 24 can be simulated"):
            job.result()
        assert lab.sampled(lab.backend).result()[0].data.meas.num_shots == 1000


PROGRAM = """
import json
import warnings
warnings.simplefilter("ignore")
from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

backend = QiskitRuntimeService().least_busy(operational=True, simulator=False)
circuit = QuantumCircuit(1)
circuit.x(0)
circuit.measure_all()
circuit = generate_preset_pass_manager(optimization_level=1, target=backend.target).run(circuit)
with Session(backend=backend) as session:
    job = SamplerV2(mode=session).run([circuit], shots=1000)
    print(job.result()[0].data.meas.get_counts(), session.status())
print(session.status(), session.details()["usage_time"])
"""


def test_a_program_needs_nothing_but_the_variables_that_serve_sets(tmp_path):
    import os
    import subprocess
    import sys

    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "empty.json").write_text('{"profile": "2026", "workload": []}', encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "qsession_sim",
        "serve",
        "empty.json",
        "--jump",
        "--results",
        "statevector",
    ]
    done = subprocess.run(
        [*command, "--", sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = "{'1': 1000} In progress, accepting new jobs\nClosed 2.35\n"
    # which it says where importing Qiskit takes ten seconds
    late = "1 of 1 clients have not come; time stands still until they do\n"
    assert (done.returncode, done.stdout, done.stderr.removeprefix(late)) == (0, printed, "")


LOOP = """
import json
import warnings
warnings.simplefilter("ignore")
from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session


def loop():
    backend = QiskitRuntimeService().backend("qpu")
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    circuit = generate_preset_pass_manager(optimization_level=1, target=backend.target).run(circuit)
    with Session(backend=backend) as session:
        sampler = SamplerV2(mode=session)
        for shots in (1000, 2000, 3000):
            sampler.run([circuit], shots=shots).result()
        sampler.run([circuit], shots=500)
    SamplerV2(mode=backend).run([circuit], shots=100).result()


if __name__ == "__main__":
    loop()
"""


def test_a_served_program_the_same_in_virtual_time_and_as_a_scenario_leave_equal_tables(tmp_path):
    """The session has the QPU from 0 on: its jobs take 2.35, 2.7 and 3.05 s without a gap, to 8.1, and then 2.175 s
    while it is closing. So p0, which comes at 1, runs from 10.275 to 30.275, and the job in job mode, which comes at
    8.1, after it."""
    import os
    import subprocess
    import sys

    import qsession_sim as qs
    from qsession_sim.policies.user import load_function

    program = tmp_path / "program.py"
    program.write_text(LOOP, encoding="utf-8")
    common = {"profile": "2026", "accounts": [{"name": "people"}, {"name": "client"}]}
    others = people(("1s", "20s"))
    (tmp_path / "scenario.json").write_text(json.dumps({**common, "workload": others}), encoding="utf-8")
    serve = [sys.executable, "-m", "qsession_sim", "serve", "scenario.json", "--jump", "--account", "client"]
    subprocess.run(
        [*serve, "-o", "out", "--", sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=120,
        check=True,
    )
    served = qs.load(tmp_path / "out")
    function = load_function(program, "loop")
    virtual = qs.simulate({**common, "workload": others}, programs=[qs.program(function, account="client")])
    session = {"id": "client.s1", "account": "client", "created": "0s", "close": "8100ms"}
    mine = [
        {"id": "client.1", "at": "0s", "session": "client.s1", "qpu_time": "2350ms"},
        {"id": "client.2", "at": "2350ms", "session": "client.s1", "qpu_time": "2700ms"},
        {"id": "client.3", "at": "5050ms", "session": "client.s1", "qpu_time": "3050ms"},
        {"id": "client.4", "at": "8100ms", "session": "client.s1", "qpu_time": "2175ms"},
        {"id": "client.5", "at": "8100ms", "account": "client", "qpu_time": "2035ms"},
    ]
    jobs = [*others[0]["jobs"], *mine]
    declared = qs.simulate(
        {**common, "workload": [{"kind": "explicit", "jobs": jobs, "sessions": [session]}]}
    )
    starts = [10_275_000, 0, 2_350_000, 5_050_000, 8_100_000, 30_275_000]
    assert declared.jobs["started_us"].to_list() == starts
    for table in ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts"):
        assert getattr(served, table).equals(getattr(declared, table)), table
        assert getattr(virtual, table).equals(getattr(declared, table)), table

"""The unmodified client library in virtual time: the example of its documentation, many at once, no sockets."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize

import qsession_sim as qs
from qsession_sim.testing import check_invariants

SECOND = 1_000_000

pytest.importorskip("qiskit_ibm_runtime", reason="qiskit-ibm-runtime is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the library and of what it imports

SCENARIO = {
    "qpus": [{"name": "torino", "service_time": {"overhead": "2s", "per_execution": "350us"}}],
    "workload": [
        {
            "kind": "arrivals",
            "account": "everyone",
            "count": 10,
            "interarrival": {"kind": "exponential", "mean": "60s"},
            "qpu_time": "5s",
        }
    ],
}


def problem(backend):
    """A circuit of two qubits for a backend, and its observable."""
    from qiskit.circuit.library import efficient_su2
    from qiskit.quantum_info import SparsePauliOp
    from qiskit.transpiler import generate_preset_pass_manager

    ansatz = efficient_su2(2)
    circuit = generate_preset_pass_manager(target=backend.target, optimization_level=1).run(ansatz)
    return circuit, SparsePauliOp.from_list([("ZZ", 1.0)]).apply_layout(circuit.layout)


def vqe(found, in_session):
    """The loop of the documentation: COBYLA, an estimator, with a session and without."""
    from qiskit_ibm_runtime import EstimatorV2, QiskitRuntimeService, Session

    service = QiskitRuntimeService()
    backend = service.least_busy(operational=True, simulator=False)
    circuit, observable = problem(backend)

    def minimised(mode):
        estimator = EstimatorV2(mode=mode)

        def cost(parameters):
            result = estimator.run([(circuit, [observable], [parameters])]).result()[0]
            return float(result.data.evs[0]) + float(np.sum(np.square(parameters)))

        return minimize(cost, np.ones(circuit.num_parameters), method="COBYLA", options={"maxiter": 15}).nfev

    if in_session:
        with Session(backend=backend, max_time="25m") as session:
            found.append(minimised(session))
        found.append(session.status())
    else:
        found.append(minimised(backend))


def test_the_loop_of_the_documentation_runs_unchanged_in_a_session_and_in_job_mode():
    """As many jobs as evaluations; each asks for one circuit of 4096 shots: 2 s + 4096 x 350 us."""
    in_session, in_job_mode = [], []
    run = qs.simulate(
        SCENARIO,
        programs=[
            qs.program(partial(vqe, in_session, True), name="session", account="a"),
            qs.program(partial(vqe, in_job_mode, False), name="job", account="b"),
        ],
    )
    jobs = run.jobs.filter(run.jobs["account"] == "a")
    assert in_session == [len(jobs), "Closed"]
    assert in_job_mode == [len(run.jobs.filter(run.jobs["account"] == "b"))]
    assert set(jobs["status"].to_list()) == {"DONE"}
    assert set(jobs["qpu_time_us"].to_list()) == {2 * SECOND + 4096 * 350}
    assert run.sessions.select("account", "state", "reason").rows() == [("a", "closed", "CLOSED")]
    check_invariants(run)


def pooled():
    """Two estimators in one session, each in a thread of a pool."""
    from qiskit_ibm_runtime import EstimatorV2, QiskitRuntimeService, Session

    backend = QiskitRuntimeService().backend("torino")
    circuit, observable = problem(backend)
    with Session(backend=backend) as session:
        estimators = [EstimatorV2(mode=session) for _ in range(2)]

        def evaluated(estimator):
            for number in range(3):
                pub = (circuit, observable, [0.1 * number] * circuit.num_parameters)
                estimator.run([pub]).result()

        with ThreadPoolExecutor() as pool:
            list(pool.map(evaluated, estimators))


def test_copies_of_a_program_with_threads_give_equal_tables_in_two_runs():
    def simulated():
        return qs.simulate(SCENARIO, programs=[qs.program(pooled, clients=3)])

    first, second = simulated(), simulated()
    for table in ("jobs", "sessions", "transitions", "intervals"):
        assert getattr(first, table).equals(getattr(second, table))
    assert len(first.jobs.filter(first.jobs["account"] == "pooled")) == 18


def test_no_socket_is_opened_and_no_other_host_is_reached(monkeypatch):
    def forbidden(*_arguments):
        raise AssertionError("a socket")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    found = []
    qs.simulate(SCENARIO, programs=[partial(vqe, found, True)])
    assert found[1] == "Closed"

    def leaves():
        import requests

        requests.get("http://example.com/", timeout=5)

    with pytest.raises(qs.ProgramError, match=r"reaches the simulated service only, not example\.com"):
        qs.simulate(SCENARIO, programs=[leaves])


def test_what_the_library_says_of_jobs_and_sessions():
    """A job of 2 s + 1000 x 350 us on a free QPU: queued in the instant of its submission, since programs act
    before the dispatch (S4); then done, and the session used as much."""
    seen = []

    def asks():
        from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

        service = QiskitRuntimeService()
        backend = service.backend("torino")
        circuit, _ = problem(backend)
        circuit = circuit.assign_parameters([0.0] * circuit.num_parameters)
        circuit.measure_all()
        session = Session(backend=backend)
        seen.append(session.status())
        job = SamplerV2(mode=session).run([circuit], shots=1000)
        seen.append(job.status())
        job.result()
        seen.append((job.status(), job.metrics()["usage"]["quantum_seconds"]))
        session.close()
        seen.append((session.status(), session.details()["usage_time"], service.job(job.job_id()).status()))

    quiet = {**SCENARIO, "workload": []}
    qs.simulate(quiet, programs=[asks])
    assert seen == [
        "Pending",
        "QUEUED",
        ("DONE", 2.35),
        ("Closed", 2.35, "DONE"),
    ]


def test_results_are_those_of_a_function_of_the_user():
    """It sees the program, its params and a seed that depends on the account and the job alone."""
    asked = []

    def results(program, params, seed):
        from qsession_sim.clients.pubs import stub_result

        asked.append((program, seed))
        return stub_result(program, params, seed)

    found = []
    scenario = {**SCENARIO, "workload": []}
    qs.simulate(scenario, programs=[qs.program(partial(vqe, found, True), account="a")], results=results)
    alone, asked[:] = [*asked], []
    programs = [qs.program(partial(vqe, [], True), name=name, account=name) for name in "ba"]
    qs.simulate(scenario, programs=programs, results=results)
    assert {program for program, _ in alone} == {"estimator"}
    assert set(alone) <= set(asked)
    assert len(asked) == 2 * len(alone)


def test_statevectors_give_the_expectation_values_of_circuits():
    """In the state |00> ZZ is 1; what is estimated with 4096 shots is within six standard errors of that."""
    found = []

    def asks():
        from qiskit import QuantumCircuit
        from qiskit.quantum_info import SparsePauliOp
        from qiskit.transpiler import generate_preset_pass_manager
        from qiskit_ibm_runtime import EstimatorV2, QiskitRuntimeService

        backend = QiskitRuntimeService().backend("torino")
        circuit = QuantumCircuit(2)
        circuit.x(0)
        circuit.x(0)
        circuit = generate_preset_pass_manager(target=backend.target, optimization_level=0).run(circuit)
        observable = SparsePauliOp.from_list([("ZZ", 1.0)]).apply_layout(circuit.layout)
        result = EstimatorV2(mode=backend).run([(circuit, observable)]).result()
        found.append(float(result[0].data.evs))

    qs.simulate({**SCENARIO, "workload": []}, programs=[asks], results="statevector")
    assert found == [pytest.approx(1.0, abs=6 / 64)]


def test_results_that_do_not_exist_are_refused():
    with pytest.raises(qs.SchedulerUsageError, match="no results are called 'statevectors'; did you mean"):
        qs.simulate(SCENARIO, programs=[pooled], results="statevectors")

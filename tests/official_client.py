"""The unmodified client library as a client of a served scenario, in tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from qsession_sim.results.run import Run
from qsession_sim.testing import check_invariants

JOB_US = 2_350_000


class Cloud:
    """A served scenario, and a client of it."""

    def __init__(self, server: Any, made: Any) -> None:
        from qiskit_ibm_runtime import QiskitRuntimeService

        self.server, self.made = server, made
        self.service = QiskitRuntimeService()
        self.backend = self.service.backend("qpu")

    def wait(self, seconds: float) -> None:
        connection = HTTPConnection("127.0.0.1", self.server.port)
        body = json.dumps({"seconds": seconds})
        connection.request("POST", "/qsession-sim/wait", body, {"Authorization": "apikey lab"})
        assert connection.getresponse().status == 200
        connection.close()

    @property
    def now_us(self) -> int:
        return self.made.clock.now_us()

    def sampled(self, mode: Any, shots: int = 1000, **options: Any) -> Any:
        from qiskit_ibm_runtime import SamplerV2

        return SamplerV2(mode=mode, options=options).run([bell(self.backend, measured=True)], shots=shots)


Clouds = Callable[..., Any]


def finished(cloud: Cloud) -> Run:
    """The run, once its server is stopped; nothing in it breaks a rule."""
    run = cloud.made.finish()
    check_invariants(run)
    return run


def people(*jobs: tuple[str, str]) -> list[dict[str, Any]]:
    """Jobs of others: when they come and how long they take."""
    declared = [
        {"id": f"p{n}", "at": at, "account": "people", "qpu_time": time} for n, (at, time) in enumerate(jobs)
    ]
    return [{"kind": "explicit", "jobs": declared}]


def bell(backend: Any, *, measured: bool) -> Any:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import generate_preset_pass_manager

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    if measured:
        circuit.measure_all()
    return generate_preset_pass_manager(optimization_level=1, target=backend.target, seed_transpiler=1).run(
        circuit
    )

"""A client library of 2024, in an environment of its own, which OLD_CLIENT_PYTHON names.

It exchanges no tokens, sends no version of the interface, and asks for defaults of devices.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import qsession_sim as qs

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")
pytest.importorskip("qiskit", reason="pip install 'qsession-sim[qiskit]'")
PYTHON = os.environ.get("OLD_CLIENT_PYTHON")

PROGRAM = """
import os, warnings
warnings.simplefilter("ignore")
from qiskit import QuantumCircuit, transpile
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

given = {key: os.environ[f"QISKIT_IBM_{key.upper()}"] for key in ("token", "url", "instance")}
service = QiskitRuntimeService(channel="ibm_cloud", **given)
backend = service.least_busy(simulator=False)
circuit = QuantumCircuit(1)
circuit.x(0)
circuit.measure_all()
with Session(service=service, backend=backend) as session:
    job = SamplerV2(session=session).run([transpile(circuit, backend)], shots=1000)
    print(job.job_id(), job.status(), job.result()[0].data.meas.get_counts(), session.status())
print(job.status(), session.status(), session.details()["usage_time"])
"""


@pytest.mark.skipif(
    PYTHON is None, reason="needs OLD_CLIENT_PYTHON, an interpreter with qiskit-ibm-runtime 0.24"
)
def test_a_client_of_2024_runs_a_session(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "empty.json").write_text('{"workload": []}', encoding="utf-8")
    serve = [
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
        [*serve, "-o", "out", "--", str(PYTHON), "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "client.1 QUEUED {'1': 1000} In progress, accepting new jobs",
        "DONE Closed 2.35",
    ]
    assert qs.load(tmp_path / "out").sessions.select("reason", "usage_us").rows() == [("CLOSED", 2_350_000)]

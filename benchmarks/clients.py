"""Print what clients cost in processor time: `python benchmarks/clients.py`, with extras the real one, too.

- the server, for each submission behind a thousand jobs;
- thin programs, 1,000 of 100 jobs each, whose tables must be those of generators, and the memory they take;
- the client library of the service, for each job with a result of zeros: in virtual time, and over HTTP.

Each is the median of rounds in this process; the parts of a round come in turn.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from test_rest import FORM, world_with

import qsession_sim as qs
from qsession_sim.clients.rest import handle
from qsession_sim.clients.thin import Estimator, Session

EMPTY: dict[str, Any] = {"workload": []}
ROUNDS = 5
JOBS = 40
"""Of a program with the real client."""


def milliseconds(work: Callable[[], object], parts: int) -> float:
    """Processor time of one of the parts of some work."""
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1000 / parts


def thin() -> None:
    """100 jobs of 3 s, one after the other."""
    with Session() as session:
        estimator = Estimator(session)
        for _ in range(100):
            estimator.run(qpu_time="3s").result()


def generator(number: int) -> Callable[..., Any]:
    """The same as a program of SimPy, under the same names."""

    def program(service: Any) -> Any:
        with service.open_session(f"thin/{number}", account="thin", stream="thin") as session:
            for job in range(1, 101):
                yield session.submit(f"thin/{number}/{job}", qpu_time_us=3_000_000).completed

    return program


def real() -> None:
    """Jobs of the client library, one after the other in a session, and all their results."""
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2
    from qiskit_ibm_runtime import Session as RealSession

    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with RealSession(backend=QiskitRuntimeService().backend("qpu")) as session:
        for _ in range(JOBS):
            SamplerV2(mode=session).run([circuit], shots=1000).result()


def in_process() -> None:
    """The client library in virtual time."""
    run = qs.simulate(EMPTY, programs=[qs.program(real, account="lab")])
    assert len(run.jobs) == JOBS


def over_http() -> None:
    """The client library and the server, both in this process."""
    import os

    from qsession_sim.testing import SimulatedService

    with SimulatedService(EMPTY) as service:
        os.environ.update(service.variables)
        real()
    assert len(service.finish().jobs) == JOBS


def thin_programs() -> None:
    """Measure the thin programs, and compare them with generators."""
    found: list[qs.Run] = []
    programs = [qs.program(thin, clients=1000)]
    seconds = milliseconds(lambda: found.append(qs.simulate(EMPTY, programs=programs)), 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 10 if sys.platform == "linux" else 1 << 20
    )
    print(f"1,000 thin programs of 100 jobs: {seconds:.1f} s, and at most {peak:.0f} MiB in all")
    generated = qs.simulate(EMPTY, programs=[generator(number) for number in range(1, 1001)])
    for table in ("jobs", "sessions", "intervals", "transitions", "queue_length", "accounts"):
        assert getattr(found[0], table).equals(getattr(generated, table)), table


def main() -> None:
    """Measure and print everything."""
    world = world_with(1000)
    each = [
        milliseconds(lambda: handle(world, "lab", "POST", "/jobs", "", FORM), 1) for _ in range(40 * ROUNDS)
    ]
    print(f"the server, for a submission behind 1,000 jobs: {statistics.median(each):.2f} ms", flush=True)
    # in a process of its own, whose memory is that of the programs
    subprocess.run([sys.executable, __file__, "thin"], check=True)
    if find_spec("qiskit_ibm_runtime") is None or find_spec("uvicorn") is None:
        print("the client library is not installed: pip install 'qsession-sim[serve,qiskit]'")
        return
    warnings.simplefilter("ignore")  # of the library and of what it imports
    rounds = [(milliseconds(in_process, JOBS), milliseconds(over_http, JOBS)) for _ in range(ROUNDS + 1)][1:]
    virtual, http = (statistics.median(one) for one in zip(*rounds, strict=True))
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"the library, for a job: {virtual:.1f} ms in virtual time, {http:.1f} ms over HTTP, {ratio:.2f} x")


if __name__ == "__main__":
    thin_programs() if sys.argv[1:] == ["thin"] else main()

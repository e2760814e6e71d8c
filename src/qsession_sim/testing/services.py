"""A served scenario in a test: its clients, its journal, and failures on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from qsession_sim.clients.world import Compute, QpuTime, compute_of
from qsession_sim.results.run import Run
from qsession_sim.scenario.load import Scenario
from qsession_sim.server.app import App, Entry, Failure, Server, listen
from qsession_sim.server.launcher import client_variables
from qsession_sim.server.serving import serving


class SimulatedService:
    """A scenario that is served in jump mode to a client in this process; a context.

    Args:
        scenario: as for `simulate`.
        account: of the client.
        results: of jobs: `stub` (zeros), `statevector`, `aer`, or a function of program, params and seed.
        qpu_time: QPU times of jobs, by a function of program and params; by default the service-time model.
    """

    def __init__(
        self,
        scenario: str | Path | Mapping[str, Any] | Scenario,
        *,
        account: str = "client",
        results: str | Compute = "stub",
        qpu_time: QpuTime | None = None,
    ) -> None:
        self._served = serving(scenario, compute=compute_of(results), qpu_time=qpu_time)
        self._app = App(self._served.world, self._served.clock)
        self._server = Server(self._app, listen(0))
        self._account = account
        self._stack = ExitStack()

    def __enter__(self) -> SimulatedService:  # noqa: PYI034 - nobody derives from it
        self._stack.enter_context(self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def variables(self) -> dict[str, str]:
        """The environment that makes an ordinary program a client of it."""
        return client_variables(self._server.port, self._account)

    @property
    def now_us(self) -> int:
        """The simulated time."""
        return self._served.clock.now_us()

    @property
    def journal(self) -> list[Entry]:
        """The requests that were answered, in order: `now_us`, `client`, `method`, `path`, `status`."""
        return list(self._app.journal)

    def fail(self, method: str, path: str, status: int, *, times: int = 1, lost: bool = False) -> None:
        """Let the next requests of a kind fail.

        Args:
            method: such as `POST`.
            path: a regular expression for the end of the path, such as `/jobs`.
            status: 401 for an expired token, 429 for too many requests, 5xx for what clients try again.
            times: how many of them.
            lost: the request is served, and only its answer is lost; who sends it again gets that.
        """
        self._app.failures.append(Failure(method, path, status, times, lost))

    def fail_next_job(self, *, times: int = 1) -> None:
        """Let the program of the next job fail: it uses its QPU time and ends in `ERROR` (S44).

        Its reason is `PROGRAM_FAILED`. Submissions that are rejected do not count.

        Args:
            times: how many of the next jobs.
        """
        self._served.world.failing += times

    def set_offline(self, qpu: str, *, is_offline: bool = True) -> None:
        """Say of a QPU that it is offline, or not any more; jobs that are submitted all the same run."""
        offline = self._served.world.offline
        (offline.add if is_offline else offline.discard)(qpu)

    def wait(self, seconds: float) -> None:
        """Let simulated time pass for the client."""
        import json
        from http.client import HTTPConnection

        connection = HTTPConnection("127.0.0.1", self._server.port)
        key = {"Authorization": f"apikey {self._account}"}
        connection.request("POST", "/qsession-sim/wait", json.dumps({"seconds": seconds}), key)
        connection.getresponse().read()
        connection.close()

    def finish(self) -> Run:
        """Stop serving, let the rest of the run pass, and give the run."""
        self._stack.close()
        return self._served.finish()


SimulatedServices = Callable[..., SimulatedService]
"""What the fixture `simulated_service` gives: it takes the arguments of `SimulatedService`."""

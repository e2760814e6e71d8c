"""Transport: the official client library inside of a simulation, without sockets.

Its classes are not imitated, they change every month: what they ask over HTTP is answered in the process, by
the handlers that also answer over sockets. So an unchanged program for the real service is an ordinary
program. Nothing of the library is imported here.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from http.client import responses
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import urlsplit

from qsession_sim.clients.api import Answer, environment_of
from qsession_sim.clients.baton import current_task
from qsession_sim.clients.programs import ProgramClient, current_client
from qsession_sim.clients.pubs import stub_result
from qsession_sim.clients.rest import handle
from qsession_sim.clients.world import Compute, World
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.scheduler.vocabulary import JobStatus
from qsession_sim.service.observed import ENDED
from qsession_sim.service.programs import ProgramJob
from qsession_sim.service.simpy_driver import Service

HOST: Final = "qsession-sim.invalid"
"""A name that no name server knows (RFC 6761), in case a request should escape."""

ENVIRONMENT: Final = environment_of(f"http://{HOST}", "simulated")
"""What the client library reads as long as programs run."""


class Transport:
    """Answers the requests of programs.

    Args:
        service: that the programs use.
        scenario: where they take part.
        compute: the results of jobs.
    """

    def __init__(self, service: Service, scenario: ResolvedScenario, compute: Compute = stub_result) -> None:
        self._service = service
        self._scenario = scenario
        self._compute = compute
        self._jobs: dict[str, ProgramJob] = {}
        self._asked: dict[str, JobStatus] = {}

    @cached_property
    def _world(self) -> World:
        """Made with the first request: programs without the library may have any service-time model."""
        service = self._service
        return World(service.live, self._scenario, clock=lambda: service.now_us, compute=self._compute)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """As long as the block lasts, requests of programs are answered, and they reach nothing else."""
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, ENVIRONMENT))
            stack.enter_context(patch.object(socket.socket, "connect", _refusing(socket.socket.connect)))
            if find_spec("requests") is not None:
                adapter: Any = import_module("requests.adapters").HTTPAdapter
                stack.enter_context(patch.object(adapter, "send", self._send(adapter.send)))
            yield

    def _send(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def send(adapter: Any, request: Any, *arguments: Any, **given: Any) -> Any:
            if current_task() is None:
                return real(adapter, request, *arguments, **given)
            host = urlsplit(request.url).hostname
            if host != HOST:
                raise ConnectionError(_no_connection(host))
            return _response(request, *self._answered(current_client(), request))

        return send

    def _answered(self, client: ProgramClient, request: Any) -> Answer:
        """Answer a request after the think time of its program, if it is a submission."""
        method, (_, _, path, query, _) = request.method, urlsplit(request.url)
        submits = method == "POST" and path.endswith("/jobs")
        if submits:
            client.think()
        job = path.rpartition("/")[2]
        if method == "GET" and job in self._jobs and "/jobs/" in path:
            self._wait_if_asked_twice(client, job)
        small = {name.lower(): value for name, value in request.headers.items()}
        account = client.program.account
        status, answer = handle(self._world, account, method, path, query, request.body, small)
        if submits and status < 300:
            name = answer["id"]
            self._jobs[name] = self._service.watch(self._world.jobs[name].live)
        self._service.commanded()
        return status, answer

    def _wait_if_asked_twice(self, client: ProgramClient, job: str) -> None:
        """A client that polls sees the first answer at once; one that has not changed, when the job ends."""
        status = self._world.job_details(self._world.jobs[job]).status
        if status not in ENDED and self._asked.get(job) is status:
            client.wait(self._jobs[job].completed)
            status = self._world.job_details(self._world.jobs[job]).status
        self._asked[job] = status


def _refusing(real: Callable[..., Any]) -> Callable[..., Any]:
    def connect(own: socket.socket, address: Any) -> Any:
        if current_task() is None:
            return real(own, address)
        raise ConnectionError(_no_connection(address[0] if isinstance(address, tuple) else address))

    return connect


def _no_connection(host: object) -> str:
    return f"a simulated program reaches the simulated service only, not {host}"


def _response(request: Any, status: int, answer: Any) -> Any:
    """An answer as the library `requests` gives it."""
    response: Any = import_module("requests").Response()
    response.status_code = status
    response.reason = responses.get(status, "")
    response.request = request
    response.url = request.url
    response.encoding = "utf-8"
    text = answer if isinstance(answer, str) else "" if answer is None else json.dumps(answer)
    response.headers["Content-Type"] = "text/plain" if isinstance(answer, str) else "application/json"
    response._content = text.encode()
    return response

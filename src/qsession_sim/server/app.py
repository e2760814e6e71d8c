"""The application: requests over HTTP, answered by `clients.rest` when the clock says so."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self, TypedDict

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from qsession_sim.clients.api import Answer, Code, error_body
from qsession_sim.clients.rest import account_of_key, client_of, handle, request_key
from qsession_sim.clients.world import World
from qsession_sim.errors import QSessionError
from qsession_sim.server.clocks import OVER, Asked, Clock
from qsession_sim.server.launcher import HOST
from qsession_sim.server.live import Watched
from qsession_sim.units import SECOND

CONTROL: Final = "/qsession-sim"
"""In front of the paths of the simulator's own endpoints: `/clock`, and `/wait`."""

EVENTS: Final = f"{CONTROL}/live"
"""Server-sent events for the page at `/`, which is for browsers."""

_HERE: Final = frozenset({"127.0.0.1", "localhost"})
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_LONGEST_WAIT_SECONDS: Final = 2**42
_STAYS_OPEN_SECONDS: Final = 7 * 86_400


class Entry(TypedDict):
    """A line of the journal: an answered request."""

    now_us: int
    client: str | None
    method: str
    path: str
    status: int


@dataclass
class Failure:
    """What goes wrong with the next requests of a kind.

    Attributes:
        method: of the requests.
        path: a regular expression that their path ends with.
        status: that they are answered with.
        times: how many of them.
        is_lost: the request is served first, and only its answer is lost.
    """

    method: str
    path: str
    status: int
    times: int = 1
    is_lost: bool = False


@dataclass
class App:
    """Answers requests for a world, in the time of a clock, and writes them down."""

    world: World
    clock: Clock

    def __post_init__(self) -> None:
        self.journal: list[Entry] = []
        self.failures: list[Failure] = []
        self.watched = Watched(self.world, self.clock, EVENTS)
        routes = [
            Route("/", self.watch, methods=["GET"]),
            Route(EVENTS, self.watch, methods=["GET"]),
            Route("/{path:path}", self.answer, methods=_METHODS),
        ]
        self.asgi = Starlette(routes=routes)

    async def watch(self, request: Request) -> Response:
        """Show a browser the run. What has a token is a client, and no name but those of this machine leads
        here, so that no page of others can look through a browser."""
        if "authorization" in request.headers or request.url.hostname not in _HERE:
            return await self.answer(request)
        if request.url.path == "/":
            page, headers = self.watched.page()
            return HTMLResponse(page, headers=dict(headers))
        events = self.watched.events()
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        body = await request.body()
        client = client_of(request.headers.get("authorization", ""))
        try:
            status, content = await self._answer(request, path, body, client)
        except QSessionError as error:
            self.clock.failed(error)
            status, content = OVER
        entry = Entry(
            now_us=self.clock.now_us(), client=client, method=request.method, path=path, status=status
        )
        self.journal.append(entry)
        if content is None:
            return Response(status_code=status)
        if isinstance(content, str):
            return PlainTextResponse(content, status)
        return Response(json.dumps(content), status, media_type="application/json")

    async def _answer(self, request: Request, path: str, body: bytes, client: str | None) -> Answer:
        method, query = request.method, request.url.query
        account = None if client is None else account_of_key(client)
        if path == f"{CONTROL}/clock":
            return 200, {"now_us": self.clock.now_us(), "mode": self.clock.mode}

        def call() -> Answer:
            return handle(self.world, account, method, path, query, body, request.headers)

        failure = self._failure(method, path)
        if failure is not None and not failure.is_lost:
            return _on_demand(failure)
        if client is None or account is None or not self.world.exists(account):
            return call()
        if request.client is not None:
            self.clock.connected(client, (request.client.host, request.client.port))
        if path == f"{CONTROL}/wait" and method == "POST":
            return await self._wait(client, body)
        answer = await self.clock.answer(Asked(client, method, path, query), call)
        if failure is None:
            return answer
        self.world.not_heard(request_key(account, path, body))
        return _on_demand(failure)

    def _failure(self, method: str, path: str) -> Failure | None:
        """What is to go wrong with a request; it goes wrong once less from now on."""
        for failure in self.failures:
            if failure.method == method and re.search(f"(?:{failure.path})$", path):
                failure.times -= 1
                if failure.times <= 0:
                    self.failures.remove(failure)
                return failure
        return None

    async def _wait(self, client: str, body: bytes) -> Answer:
        try:
            seconds = json.loads(body)["seconds"]
            if isinstance(seconds, bool) or not 0 <= seconds <= _LONGEST_WAIT_SECONDS:
                raise ValueError  # noqa: TRY301 - as what else may be wrong with it
        except (ValueError, TypeError, KeyError):
            return 400, error_body(Code.BAD_FORM, 'the body must be such as {"seconds": 90}')
        return await self.clock.wait(client, round(seconds * SECOND))


def _on_demand(failure: Failure) -> Answer:
    code = {401: Code.BAD_CREDENTIALS, 429: Code.RATE_LIMITED}.get(failure.status, Code.ON_DEMAND)
    return failure.status, error_body(code, "a failure on demand")


def listen(port: int) -> socket.socket:
    """A socket on this machine alone; port 0: any that is free.

    Raises:
        OSError: if the port is taken.
    """
    return socket.create_server((HOST, port))


class Server:
    """An application that is served by a thread of its own, while it is used as a context."""

    def __init__(self, app: App, listening: socket.socket) -> None:
        self.app = app
        self.port: int = listening.getsockname()[1]
        self._listening = listening
        config = uvicorn.Config(
            app.asgi,
            http=_protocol(app.clock),
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            timeout_keep_alive=_STAYS_OPEN_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = _Quiet(config)
        run = partial(self._server.run, sockets=[listening])
        self._thread = threading.Thread(target=run, name="qsession-sim server", daemon=True)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a function called in the thread of the server, soon."""
        self._server.loop_is_there.wait()
        self._server.loop.call_soon_threadsafe(function, *arguments)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.loop_is_there.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.app.watched.close)
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


class _Quiet(uvicorn.Server):
    """Leaves signals to the command line, and says when its loop runs."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.loop_is_there = threading.Event()

    def install_signal_handlers(self) -> None:
        """Nothing: this is not the main thread."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.loop_is_there.set()


def _protocol(clock: Clock) -> type[H11Protocol]:
    """The protocol of connections, which tells the clock of those that are closed."""

    class Protocol(H11Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            clock.disconnected(self.client)

    return Protocol

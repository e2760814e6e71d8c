"""How time passes for clients over HTTP: with real time, or in jumps while all of them wait.

Both answer requests in the one thread of an event loop, so nothing here is locked.
"""

from __future__ import annotations

import asyncio
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from qsession_sim.clients.api import Answer, Code, error_body
from qsession_sim.errors import QSessionError
from qsession_sim.service.live import LiveService
from qsession_sim.service.simpy_driver import EVENTS_BETWEEN_REPORTS, Endless
from qsession_sim.units import LONGEST_US, SECOND

Call = Callable[[], Answer]
"""Answers a request now."""

PATIENT_QUESTIONS: Final = 10
"""A client that asks the same so often in a row, and gets the same answer, waits for another one."""

SILENCE_SECONDS: Final = 30.0
"""Of real time, after which a client whose connections are all closed is gone."""

QUIET_SECONDS: Final = 0.05
"""Of real time without a request, after which a client with several threads waits with all of them."""

_JOB: Final = re.compile(r"(?:/experimental|/api/v1)?/jobs/[^/]+")
_COMMANDS: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_NO_COMMANDS: Final = ("/identity/token", "/v3/resources/search")

OVER: Final[Answer] = (410, error_body(Code.RUN_IS_OVER, "the run is over; nothing happens any more"))


@dataclass(frozen=True)
class Asked:
    """A request, as far as it matters to clocks."""

    client: str
    method: str
    path: str
    query: str

    @property
    def is_command(self) -> bool:
        """Whether it may change something."""
        return self.method in _COMMANDS and not self.path.endswith(_NO_COMMANDS)


class Clock(ABC):
    """Lets time pass for a service, up to a horizon if there is one."""

    mode: str
    missing = 0
    """How many clients have not come, without which time stands still."""

    def __init__(self, live: LiveService, horizon_us: int | None, planned: int = 0) -> None:
        self.live = live
        self.error: QSessionError | None = None
        self._horizon_us = horizon_us
        self._endless = Endless(live, planned) if horizon_us is None else None

    @abstractmethod
    def now_us(self) -> int:
        """The present."""

    @abstractmethod
    async def answer(self, asked: Asked, call: Call) -> Answer:
        """Answer a request when its time has come."""

    @abstractmethod
    async def wait(self, client: str, duration_us: int) -> Answer:
        """Let simulated time pass for a client that has nothing to do."""

    def observe(self) -> int:
        """Bring the service to the present for somebody who only looks, and say when that is."""
        return self.now_us()

    def leave(self, client: str) -> None:  # noqa: B027 - nobody waits for it
        """A client has ended."""

    def connected(self, client: str, connection: object) -> None:  # noqa: B027 - the same
        """A client has used a connection."""

    def disconnected(self, connection: object) -> None:  # noqa: B027 - the same
        """A connection is closed."""

    def stop(self) -> None:
        """End the run where it is, and let nobody wait any longer."""
        self.live.stop()

    def failed(self, error: QSessionError) -> None:
        """The run cannot go on."""
        self.error = error
        self.stop()

    def finish(self) -> None:
        """Let the rest of the run pass, when no client is there any more (S6)."""
        live = self.live
        if live.is_over:
            return
        while self._horizon_us is None and live.is_needed:
            self._look_for_an_end()
            live.advance_while_needed(LONGEST_US, EVENTS_BETWEEN_REPORTS)
        live.stop(self._horizon_us)

    def _look_for_an_end(self) -> None:
        if self._endless is not None:
            self._endless.look()


class SpeedClock(Clock):
    """Simulated time is real time since the start, times a factor."""

    mode = "speed"

    def __init__(
        self,
        live: LiveService,
        horizon_us: int | None,
        planned: int = 0,
        *,
        speed: float,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(live, horizon_us, planned)
        self._speed = speed
        self._seconds = seconds
        self._start = seconds()

    def now_us(self) -> int:
        """The present, at the most the horizon."""
        now_us = int((self._seconds() - self._start) * self._speed * SECOND)
        return now_us if self._horizon_us is None else min(now_us, self._horizon_us)

    async def answer(self, asked: Asked, call: Call) -> Answer:  # noqa: ARG002 - at once, whoever asks
        """Answer at once."""
        self._stop_at_horizon()
        return call()

    def observe(self) -> int:
        """See `Clock.observe`; as a question does, it prolongs nothing (S6)."""
        self._stop_at_horizon()
        now_us = max(self.now_us(), self.live.now_us)
        self.live.look(now_us)
        return now_us

    def _stop_at_horizon(self) -> None:
        if self.now_us() == self._horizon_us and not self.live.is_over:
            self.live.stop(self._horizon_us)

    async def wait(self, client: str, duration_us: int) -> Answer:  # noqa: ARG002 - all wait alike
        """Wait in real time."""
        await asyncio.sleep(duration_us / SECOND / self._speed)
        return 200, {"now_us": self.now_us()}


@dataclass(eq=False)
class _Client:
    """What a client is doing."""

    running: int = 0  # requests that are not held
    held: int = 0
    has_threads: bool = False
    seen: float = 0.0  # real time of its last request
    last: tuple[str, str, str] = ("", "", "")
    repeats: int = 0
    told: dict[str, Any] = field(default_factory=dict)  # the last answers, by path and query
    connections: set[object] = field(default_factory=set)


@dataclass(eq=False)
class _Held:
    """A request that waits: a command for its turn, a question for another answer, or for an instant."""

    client: str
    future: asyncio.Future[None]
    number: int
    is_ready: Callable[[], bool] | None = None  # None: a command
    until_us: int | None = None
    is_gone: bool = False


class JumpClock(Clock):
    """Time stands still while any client is doing something, and jumps to the next event when all wait.

    A client waits with a command, with a second question about a job that has not changed, or with a wait.
    When all of them do, one goes on: commands first, by the names of clients, then who has news, else time
    jumps. So one client runs at a time, and runs are equal.

    Args:
        live: the service.
        horizon_us: where the run stops.
        planned: the number of jobs that are known before the run.
        clients: how many take part.
        note: told of clients that are gone.
    """

    mode = "jump"

    def __init__(
        self,
        live: LiveService,
        horizon_us: int | None,
        planned: int = 0,
        *,
        clients: int,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(live, horizon_us, planned)
        self._expected = self.missing = clients
        self._note = note
        self._clients: dict[str, _Client] = {}
        self._held: list[_Held] = []
        self._numbers = 0
        self._now_us = 0
        self._is_late = False  # whether the present is over for all but clients
        live.look(0)

    def now_us(self) -> int:
        """The present."""
        return self._now_us

    async def answer(self, asked: Asked, call: Call) -> Answer:
        """Answer at once, or when all wait and it is this client's turn."""
        client = self._client(asked.client)
        client.running += 1
        client.has_threads |= client.running + client.held > 1
        try:
            is_over = False
            if asked.is_command:
                is_over = not await self._hold(asked.client)
            elif asked.method == "GET":
                is_over = not await self._question(asked, client, call)
            if is_over:
                return OVER
            answer = call()
            client.told[f"{asked.path}?{asked.query}"] = _news(asked, answer)
            return answer
        finally:
            client.running -= 1
            client.seen = time.monotonic()
            if client.has_threads:  # this one may never ask again, while another waits
                asyncio.get_running_loop().call_later(QUIET_SECONDS + 0.001, self._check)

    async def _question(self, asked: Asked, client: _Client, call: Call) -> bool:
        """Hold a question that has the answer that its client knows; False: the run is over."""
        this = (asked.method, asked.path, asked.query)
        client.repeats = client.repeats + 1 if this == client.last else 1
        client.last = this
        told = client.told.get(f"{asked.path}?{asked.query}")
        is_job = _JOB.fullmatch(asked.path) is not None
        if told is None or not (is_job or client.repeats > PATIENT_QUESTIONS):
            return True
        if is_job and told in _FINAL_WORDS:
            return True
        return await self._hold(asked.client, lambda: _news(asked, call()) != told)

    async def wait(self, client: str, duration_us: int) -> Answer:
        """Wait until the clock has moved so far."""
        one = self._client(client)
        one.running += 1
        try:
            if not await self._hold(client, until_us=self._now_us + duration_us):
                return OVER
        finally:
            one.running -= 1
        return 200, {"now_us": self._now_us}

    # ---------------------------------------------------------------- who is there

    def _client(self, name: str) -> _Client:
        client = self._clients.get(name)
        if client is None:
            if self.missing:
                self.missing -= 1
            else:
                self._expected += 1
                self._note(f"client {name!r} came in addition to those of --clients; runs may differ")
            client = self._clients[name] = _Client()
        client.seen = time.monotonic()
        return client

    def leave(self, client: str) -> None:
        """A client has ended, whether or not it ever came."""
        self._expected -= 1
        if self._clients.pop(client, None) is None:
            self.missing -= 1
            self._note(f"client {client!r} ended without having asked anything")
        for held in [held for held in self._held if held.client == client]:
            self._held.remove(held)
            held.is_gone = True
            held.future.set_result(None)
        self._check()

    def connected(self, client: str, connection: object) -> None:
        """A client has used a connection."""
        self._client(client).connections.add(connection)

    def disconnected(self, connection: object) -> None:
        """A client without connections is gone after a while of silence."""
        for name, client in self._clients.items():
            if connection in client.connections:
                client.connections.remove(connection)
                if not client.connections:
                    asyncio.get_running_loop().call_later(
                        SILENCE_SECONDS, self._leave_if_silent, name, client
                    )

    def _leave_if_silent(self, name: str, client: _Client) -> None:
        if self._clients.get(name) is client and not client.connections:
            self._note(f"client {name!r} is gone; the others do not wait for it any more")
            self.leave(name)

    # ---------------------------------------------------------------- the barrier

    async def _hold(
        self, name: str, is_ready: Callable[[], bool] | None = None, until_us: int | None = None
    ) -> bool:
        """Wait for a turn; False: the run is over. A held request does not count as running."""
        if self.live.is_over:
            return False
        client = self._clients[name]
        self._numbers += 1
        held = _Held(name, asyncio.get_running_loop().create_future(), self._numbers, is_ready, until_us)
        self._held.append(held)
        client.running -= 1
        client.held += 1
        asyncio.get_running_loop().call_soon(self._check)
        try:
            await held.future
        finally:
            client.running += 1
            client.held -= 1
            if held in self._held:
                self._held.remove(held)
        return not (held.is_gone or self.live.is_over)

    def _check(self) -> None:
        """When all clients wait, let one go on, or time."""
        try:
            while self._all_wait():
                turn = self._next_turn()
                if turn is not None:
                    self._held.remove(turn)
                    client = self._clients[turn.client]
                    turn.future.set_result(None)
                    client.running += 1  # until the request itself counts again
                    asyncio.get_running_loop().call_soon(self._counted, client)
                    return
                self._jump()
        except QSessionError as error:
            self.failed(error)

    @staticmethod
    def _counted(client: _Client) -> None:
        client.running -= 1

    def _all_wait(self) -> bool:
        if not self._clients or len(self._clients) < self._expected:
            return False
        if any(client.running or not client.held for client in self._clients.values()):
            return False
        threaded = [client.seen for client in self._clients.values() if client.has_threads]
        quiet = time.monotonic() - max(threaded, default=0.0)
        if threaded and quiet < QUIET_SECONDS:
            asyncio.get_running_loop().call_later(QUIET_SECONDS - quiet + 0.001, self._check)
            return False
        return True

    def _next_turn(self) -> _Held | None:
        """Who goes on now: a command, or else who has news."""
        if self.live.is_over:
            return self._held[0]
        in_order = sorted(self._held, key=lambda held: (held.client, held.number))
        commands = [held for held in in_order if held.is_ready is None and held.until_us is None]
        if commands:
            return commands[0]
        for held in in_order:
            if held.until_us is not None and held.until_us <= self._now_us:
                return held
            if held.is_ready is not None and held.is_ready():
                return held
        return None

    def _jump(self) -> None:
        """Let the rest of the instant happen (S4), or else go to the next one."""
        live = self.live
        if not self._is_late:
            self._is_late = live.advance(self._now_us)
            return
        self._look_for_an_end()
        waits = [held.until_us for held in self._held if held.until_us is not None]
        next_us = min(
            (time_us for time_us in (live.next_event_us(), *waits) if time_us is not None), default=None
        )
        if next_us is None or next_us > LONGEST_US:
            self._note("nothing will happen any more, and all clients wait")
            live.stop()
        elif self._horizon_us is not None and next_us >= self._horizon_us:
            live.stop(self._horizon_us)
            self._now_us = self._horizon_us
        else:
            self._now_us = max(next_us, self._now_us)
            live.look(self._now_us)
            self._is_late = False

    def stop(self) -> None:
        """End the run where it is, and let nobody wait any longer."""
        super().stop()
        for held in self._held:
            if not held.future.done():
                held.future.set_result(None)
        self._held.clear()


_FINAL_WORDS: Final = ("Completed", "Failed", "Cancelled")


def _news(asked: Asked, answer: Answer) -> Any:
    """What of an answer a client waits for: of a job its status, else everything."""
    status, body = answer
    if status == 200 and _JOB.fullmatch(asked.path) is not None:
        return body["status"]
    return body

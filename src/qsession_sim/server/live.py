"""Who watches a run in a browser: the page, and the events that it is sent. It changes nothing in the run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from qsession_sim.clients.world import World
from qsession_sim.errors import QSessionError
from qsession_sim.report.html import policy_of, script_of
from qsession_sim.report.live_page import SCRIPTS, live_event, live_page
from qsession_sim.results.run import Run
from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.server.clocks import Clock

LEAST_SECONDS: Final = 1.0
"""From one event to the next."""

_TIMES_THE_COST: Final = 20
"""Computing events takes at most one part in so many of the time."""

_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class _Served:
    """As much of a scenario as the tables of a run need."""

    resolved: ResolvedScenario
    text: str = ""

    def to_json(self) -> str:
        """Nothing is saved of it."""
        return ""


class Watched:
    """A run that goes on, as browsers see it.

    Args:
        world: what the server serves.
        clock: its time.
        events: the path of the events.
    """

    def __init__(self, world: World, clock: Clock, events: str) -> None:
        self._world, self._clock, self._events = world, clock, events
        self._made_seconds = float("-inf")
        self._cost_seconds = 0.0
        self._event = ""
        self._closed = asyncio.Event()

    def page(self) -> tuple[str, Mapping[str, str]]:
        """The page, and the headers that belong to it."""
        policy = policy_of(script_of(*SCRIPTS), asks_its_server=True)
        headers = {"content-security-policy": f"{policy}; frame-ancestors 'none'", **_HEADERS}
        return live_page(self._world.scenario.title or "", self._events).html, headers

    def close(self) -> None:
        """Let nobody wait for the next event any longer."""
        self._closed.set()

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: each time that something has changed, at most once a second, to the end of the
        run."""
        sent = None
        while not self._closed.is_set():
            event = self._fresh()
            if event != sent:
                yield f"data: {event}\n\n"
                sent = event
            if self._world.live.is_over:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._rest_seconds())

    def _rest_seconds(self) -> float:
        return max(LEAST_SECONDS, _TIMES_THE_COST * self._cost_seconds)

    def _fresh(self) -> str:
        """The present, computed once for all who watch."""
        begun = time.monotonic()
        if begun - self._made_seconds >= 0.9 * self._rest_seconds() or self._world.live.is_over:
            is_first, self._event = not self._event, json.dumps(self._present())
            self._made_seconds = time.monotonic()
            # the first one imports what the others need
            self._cost_seconds = 0.0 if is_first else self._made_seconds - begun
        return self._event

    def _present(self) -> Mapping[str, object]:
        live = self._world.live
        try:
            now_us = self._clock.observe()
        except QSessionError as error:
            self._clock.failed(error)
            now_us = live.now_us
        record = live.record().copied() if live.is_over else live.record_so_far(now_us)
        return live_event(Run(record, _Served(self._world.scenario), {}), is_over=live.is_over)

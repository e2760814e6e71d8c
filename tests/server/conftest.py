"""A served scenario for the unmodified client library."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from official_client import Cloud, Clouds

from qsession_sim.server.serving import serving


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Clouds:
    """Serve a scenario to the library, which reaches nothing but 127.0.0.1."""
    from qsession_sim.server.app import App, Server, listen
    from qsession_sim.server.launcher import client_variables

    real = socket.socket.connect

    def connect(own: socket.socket, address: Any) -> Any:
        assert address[0] == "127.0.0.1", address
        return real(own, address)

    monkeypatch.setattr(socket.socket, "connect", connect)

    @contextmanager
    def served(account: str = "lab", compute: Any = None, **keys: Any) -> Iterator[Cloud]:
        options = {} if compute is None else {"compute": compute}
        made = serving({"profile": "2026", "workload": [], **keys}, **options)
        with Server(App(made.world, made.clock), listen(0)) as server:
            for name, value in client_variables(server.port, account).items():
                monkeypatch.setenv(name, value)
            yield Cloud(server, made)

    return served

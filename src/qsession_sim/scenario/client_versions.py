"""Which versions of client software the service refuses, and from when (S23)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.resolved import ResolvedScenario
from qsession_sim.scenario.resolved_accounts import Client

REFUSED_FROM: Final = datetime(2024, 4, 1, tzinfo=UTC)
"""From this instant on the service refuses session calls of old clients: its migration guide for sessions."""

OLDEST_RUNTIME: Final = "0.20.0"
OLDEST_PROVIDER: Final = "0.10.0"
OLDEST_QISKIT: Final = "0.45.0"


def is_older(version: str, oldest: str) -> bool:
    """Whether a release comes before another; missing parts are 0.

    Example:
        >>> is_older("0.9", "0.20.0"), is_older("0.20", "0.20.0"), is_older("1", "0.20.0")
        (True, False, False)
    """
    return _parts(version) < _parts(oldest)


def is_refused(client: Client) -> bool:
    """Whether the session calls of a client are refused from `REFUSED_FROM` on.

    Example:
        >>> is_refused(Client.model_validate({"qiskit-ibm-runtime": "0.19.1"}))
        True
    """
    runtime, provider = client.qiskit_ibm_runtime, client.qiskit_ibm_provider
    old_runtime = runtime is not None and is_older(runtime, OLDEST_RUNTIME)
    return old_runtime or (provider is not None and is_older(provider, OLDEST_PROVIDER))


def client_warnings(scenario: ResolvedScenario) -> Iterator[Problem]:
    """What the service would warn of: Qiskit that is too old in a run that reaches `REFUSED_FROM`."""
    last = scenario.start + timedelta(microseconds=scenario.horizon or 0)
    for index, account in enumerate(scenario.accounts or ()):
        version = None if account.client is None else account.client.qiskit
        if version is not None and is_older(version, OLDEST_QISKIT) and last >= REFUSED_FROM:
            what = f"since April 2024 the service asks for Qiskit {OLDEST_QISKIT} or later"
            yield Problem(("accounts", index, "client", "qiskit"), what, version)


def _parts(version: str) -> tuple[int, ...]:
    parts = tuple(int(part) for part in version.split("."))
    return (*parts, *(0,) * (4 - len(parts)))

"""Resolved scenarios from plain dictionaries, with everything that a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from qsession_sim.scenario.models import ResolvedScenario
from qsession_sim.workload.columns import Workload

Settings = dict[str, Any]


def constant(value: object) -> Settings:
    return {"kind": "constant", "value": value}


def drawn(**given: Any) -> Settings:
    unset = {"circuits": None, "shots": None, "max_execution_time": None, "priority": 0}
    return {"account": "lab", "qpu_time": constant("10s"), **unset, **given}


@pytest.fixture
def arrivals() -> Callable[..., Settings]:
    """A source of arrivals, every 90 s, without a bound."""

    def build(**given: Any) -> Settings:
        settings = {"kind": "arrivals", "name": "everyday", "interarrival": constant("90s")}
        return drawn(**{**settings, "count": None, "until": None, **given})

    return build


@pytest.fixture
def iterative() -> Callable[..., Settings]:
    """Two clients with three iterations each, in sessions."""

    def build(**given: Any) -> Settings:
        settings = {
            "kind": "iterative",
            "name": "vqe",
            "mode": "session",
            "clients": 2,
            "start": None,
            "iterations": constant(3),
            "think_time": constant("2s"),
            "max_time": "8h",
            "interactive_timeout": "60s",
            "on_finish": "close",
            "on_error": "stop",
            "on_rejection": "give_up",
        }
        return drawn(**{**settings, **given})

    return build


@pytest.fixture
def batches() -> Callable[..., Settings]:
    """Batches of two jobs, every 2 h, without a bound."""

    def build(**given: Any) -> Settings:
        settings = {
            "kind": "batches",
            "name": "sweeps",
            "interarrival": constant("2h"),
            "count": None,
            "until": None,
            "jobs": constant(2),
            "max_time": "8h",
            "interactive_timeout": "1s",
        }
        return drawn(**{**settings, **given})

    return build


@pytest.fixture
def explicit() -> Callable[..., Settings]:
    """An explicit source; each job and session given by what differs from nothing at all."""
    no_job = dict.fromkeys(
        ("at", "after", "think", "session", "qpu_time", "circuits", "shots", "max_execution_time"), None
    )
    no_session = dict.fromkeys(("created", "close", "cancel", "close_after", "cancel_after"), None)

    def build(jobs: list[Settings], sessions: list[Settings], name: str = "replay") -> Settings:
        empty_job = {**no_job, "account": "lab", "priority": 0, "cancel": None, "cancel_after": None}
        empty_session = {**no_session, "account": "lab", "mode": "session"}
        empty_session |= {"max_time": "8h", "interactive_timeout": "60s"}
        return {
            "kind": "explicit",
            "name": name,
            "sessions": [{**empty_session, **session} for session in sessions],
            "jobs": [{**empty_job, **job} for job in jobs],
        }

    return build


@pytest.fixture
def scenario() -> Callable[..., ResolvedScenario]:
    """A scenario of the given sources; further keys replace the scenario's own."""

    def build(*sources: Settings, sigma: float | None = None, **given: Any) -> ResolvedScenario:
        noise = {"kind": "none"} if sigma is None else {"kind": "lognormal", "sigma": sigma}
        model = {"model": "executions", "overhead": "2s", "per_execution": "350us", "noise": noise}
        settings = {
            "schema_version": 1,
            "title": "A test",
            "seed": 7,
            "start": "2024-04-02T08:00:00Z",
            "horizon": None,
            "warm_up": "0s",
            "profile": "2024-04",
            "rules": {"max_time_ends_as": "error", "unused_timeout": "30m", "max_execution_time": "3h"},
            "qpus": [{"name": "torino", "simulator": False, "service_time": model}],
            "policies": {"queue": {"name": "fifo"}, "hold": {"name": "exclusive"}},
            "accounts": None,
            "workload": sources,
        }
        return ResolvedScenario.model_validate({**settings, **given})

    return build


@pytest.fixture
def content() -> Callable[[Workload], Settings]:
    """Everything in a workload as lists, for comparison as a whole."""

    def read(workload: Workload) -> Settings:
        tables = {
            table: {
                field.name: getattr(getattr(workload, table), field.name).tolist()
                for field in fields(getattr(workload, table))
                if getattr(workload, table).is_needed(field.name)
            }
            for table in ("jobs", "sessions", "clients")
        }
        names = {
            "job_names": [list(block) for block in workload.job_names],
            "session_names": [list(block) for block in workload.session_names],
            "accounts": list(workload.accounts),
            "streams": list(workload.streams),
        }
        return {**tables, **names}

    return read

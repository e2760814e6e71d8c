"""Where a result comes from: versions, seed, digests. No times, no paths: equal runs, equal bytes (S7)."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from qsession_sim import __version__
from qsession_sim.results.record import Record

if TYPE_CHECKING:
    from qsession_sim.scenario.resolved import ResolvedScenario

DEPENDENCIES: Final = ("numpy", "polars", "pydantic", "simpy")

_COLUMNS: Final = ("job_session", "submitted_us", "started_us", "ended_us", "status", "reason", "transitions")
_WHERE_NEEDED: Final = (
    *("job_qpu", "session_qpu", "preparing_us", "ready_us", "left_us"),
    *("lost_runs", "windows"),
)


class ScenarioLike(Protocol):
    """What a run needs of the scenario it came from."""

    @property
    def resolved(self) -> ResolvedScenario:
        """The form that was simulated."""

    @property
    def text(self) -> str:
        """The YAML as given."""

    def to_json(self) -> str:
        """The resolved form as a JSON document."""


def describe(record: Record, scenario: ScenarioLike, given: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that identifies a result.

    Args:
        record: the run.
        scenario: what it was run from.
        given: what only the caller knows, such as the name of the engine; JSON values.
    """
    return {
        "versions": versions(),
        "seed": scenario.resolved.seed,
        **given,
        **_left_out(record),
        "digests": {
            "scenario": hashlib.sha256(scenario.to_json().encode()).hexdigest(),
            "workload": record.workload.digest(),
            "record": record_digest(record),
        },
    }


def _left_out(record: Record) -> dict[str, Any]:
    """What was not taken from the files of traces; nothing without a trace."""
    workload = record.workload
    counts = {
        workload.streams[left.stream]: {"bad_lines": left.bad_lines, "unrun_jobs": left.unrun_jobs}
        for left in workload.left_out
    }
    return {"left_out": counts} if counts else {}


def versions() -> dict[str, str]:
    """Versions of the package, Python and what the result depends on."""
    return {
        "qsession-sim": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in DEPENDENCIES},
    }


def record_digest(record: Record) -> str:
    """SHA-256 over what happened, little endian: equal runs of a workload, equal digests (S7)."""
    digest = hashlib.sha256()
    needed = (name for name in _WHERE_NEEDED if (part := getattr(record, name)) is not None and len(part))
    for name in (*_COLUMNS, *needed):
        column = np.ascontiguousarray(getattr(record, name))
        digest.update(f"{name}:{column.shape};".encode())
        digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).data)
    digest.update(f"{';'.join(record.qpus)};{record.end_us}".encode())
    return digest.hexdigest()

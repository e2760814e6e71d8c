"""Documented clocks and limits of the service at three points in time, as data (S60).

Sources, all public: the session chapter of the qiskit-ibm-runtime documentation of October 2023 (an
interactive timeout of 300 s that nobody can change); the IBM Quantum guide to execution modes and its
migration guide for sessions, both of spring 2024 (dedicated sessions, batch as a mode of its own);
the guides "Run jobs in a session" and "Run jobs in a batch" (60 s and 1 s, at most 8 h, an unused session
closes after 30 min); the guide to the maximum execution time (3 h for a job).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal

from qsession_sim.units import HOUR, MINUTE, SECOND

ProfileName = Literal["2023", "2024-04", "2026"]

DEFAULT_PROFILE: Final[ProfileName] = "2024-04"


@dataclass(frozen=True)
class Profile:
    """Defaults of a scenario; every value can be overridden in it. Times are microseconds."""

    start: datetime
    interactive_timeout_us: int
    batch_interactive_timeout_us: int
    max_time_us: int = 8 * HOUR
    unused_timeout_us: int = 30 * MINUTE
    max_execution_time_us: int = 3 * HOUR

    def interactive_timeout_of(self, mode: Literal["session", "batch"]) -> int:
        """Interactive timeout (ITTL) of a mode in microseconds (S13, S30).

        Example:
            >>> PROFILES["2024-04"].interactive_timeout_of("batch")
            1000000
        """
        return self.interactive_timeout_us if mode == "session" else self.batch_interactive_timeout_us


PROFILES: Final = MappingProxyType[ProfileName, Profile](
    {
        "2023": Profile(
            start=datetime(2023, 10, 27, tzinfo=UTC),
            interactive_timeout_us=300 * SECOND,
            # S30: there was no batch mode on the service yet; a batch was an ordinary session
            batch_interactive_timeout_us=300 * SECOND,
        ),
        "2024-04": Profile(
            start=datetime(2024, 4, 1, tzinfo=UTC),
            interactive_timeout_us=60 * SECOND,
            batch_interactive_timeout_us=1 * SECOND,
        ),
        "2026": Profile(
            start=datetime(2026, 1, 1, tzinfo=UTC),
            interactive_timeout_us=60 * SECOND,
            batch_interactive_timeout_us=1 * SECOND,
        ),
    }
)

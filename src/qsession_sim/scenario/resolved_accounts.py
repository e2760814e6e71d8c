"""The resolved form of plans and accounts (S23, S60, S63)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from qsession_sim.scenario.quantities import Duration, Model, NonNegativeFloat, PositiveDuration

_RELEASE: Final = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}", re.ASCII)


def _read_version(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # YAML has already made 0.2 of 0.20
        message = 'must be a version in quotes, such as "0.20"'
        raise ValueError(message)
    if not isinstance(value, str) or not _RELEASE.fullmatch(value):
        raise ValueError("must be the number of a release, such as 0.23.0")
    return value


Version = Annotated[
    str,
    BeforeValidator(_read_version),
    WithJsonSchema({"type": "string", "pattern": rf"^{_RELEASE.pattern}$", "examples": ["0.23.0"]}),
]
"""The number of a release: one to four whole numbers with points between them."""


class Client(Model):
    """Versions of the client software of an account (S23)."""

    model_config = ConfigDict(serialize_by_alias=True)

    qiskit_ibm_runtime: Annotated[
        Version | None, Field(alias="qiskit-ibm-runtime", description="its version of qiskit-ibm-runtime")
    ] = None
    qiskit_ibm_provider: Annotated[
        Version | None, Field(alias="qiskit-ibm-provider", description="its version of qiskit-ibm-provider")
    ] = None
    qiskit: Annotated[Version | None, Field(description="its version of Qiskit")] = None


class ResolvedClock(Model):
    """A clock of sessions: what they get, and the most that they may ask for."""

    default: Duration
    limit: Duration | None  # None: any


class ResolvedTimeouts(Model):
    """The interactive timeout of each mode."""

    session: ResolvedClock
    batch: ResolvedClock


class SubmissionRate(Model):
    """So many accepted submissions at most in (t - window, t]."""

    count: Annotated[int, Field(strict=True, ge=1, le=10**9, description="the number of submissions")]
    window: Annotated[PositiveDuration, Field(description="the length of the window")]


class Quota(Model):
    """So much usage at most in (t - window, t] (S62)."""

    usage: Annotated[PositiveDuration, Field(description="the usage")]
    window: Annotated[PositiveDuration, Field(description="the length of the window")]


class ResolvedPlan(Model):
    """What an account may do (S60). None: no limit, and of a price: none."""

    sessions: bool
    batches: bool
    max_time: ResolvedClock
    interactive_timeout: ResolvedTimeouts
    pending_jobs: int | None
    submission_rate: SubmissionRate | None
    quota: Quota | None
    price_per_second: NonNegativeFloat | None

    def timeout_of(self, mode: Literal["session", "batch"]) -> ResolvedClock:
        """The interactive timeout of a mode."""
        return self.interactive_timeout.session if mode == "session" else self.interactive_timeout.batch


class ResolvedAccount(Model):
    """An account that may submit jobs."""

    name: str
    plan: str | None = None  # None: no limits
    allocation: Duration | None = None  # S63
    client: Client | None = None  # S23

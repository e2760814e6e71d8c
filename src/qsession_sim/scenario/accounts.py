"""Accounts: their client software (S23), what their plans allow (S60), and the plans that are documented."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from qsession_sim.scenario.values import (
    DURATION_SCHEMA,
    Duration,
    Limit,
    Model,
    Name,
    NonNegativeFloat,
    PositiveDuration,
    ShortForm,
    WholeNumber,
    key,
)
from qsession_sim.units import DAY, HOUR, MINUTE, SECOND

SessionMode = Literal["session", "batch"]

# -- Client software: which versions the service refuses, and from when (S23).

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

    qiskit_ibm_runtime: Version | None = key("its version of qiskit-ibm-runtime", alias="qiskit-ibm-runtime")
    qiskit_ibm_provider: Version | None = key(
        "its version of qiskit-ibm-provider", alias="qiskit-ibm-provider"
    )
    qiskit: Version | None = key("its version of Qiskit")


REFUSED_FROM: Final = datetime(2024, 4, 1, tzinfo=UTC)
"""From this instant on the service refuses session calls of old clients: its migration guide for sessions."""

_OLDEST: Final = {"qiskit_ibm_runtime": "0.20.0", "qiskit_ibm_provider": "0.10.0"}
OLDEST_QISKIT: Final = "0.45.0"


def is_older(version: str, oldest: str) -> bool:
    """Whether a release comes before another; missing parts are 0.

    Example:
        >>> is_older("0.9", "0.20.0"), is_older("0.20", "0.20.0"), is_older("1", "0.20.0")
        (True, False, False)
    """
    return _parts(version) < _parts(oldest)


def _parts(version: str) -> tuple[int, ...]:
    parts = tuple(int(part) for part in version.split("."))
    return (*parts, *(0,) * (4 - len(parts)))


def is_refused(client: Client) -> bool:
    """Whether the session calls of a client are refused from `REFUSED_FROM` on.

    Example:
        >>> is_refused(Client.model_validate({"qiskit-ibm-runtime": "0.19.1"}))
        True
    """
    versions = ((getattr(client, package), oldest) for package, oldest in _OLDEST.items())
    return any(version is not None and is_older(version, oldest) for version, oldest in versions)


# -- Plans and accounts.


class HumanClock(Model):
    """A clock of sessions; what is not given is the profile's."""

    default: Duration | None = key("what a session gets that asks for nothing")
    limit: Limit[Duration] | None = key("the most that a session may ask for, or none")


class ResolvedClock(HumanClock):
    """What sessions get, and the most that they may ask for."""

    default: Duration
    limit: Duration | None  # None: any

    def of(self, asked_us: int | None) -> int:
        """What a session gets, in microseconds; None: it asks for nothing (S60)."""
        return self.default if asked_us is None else asked_us

    def allows(self, asked_us: int) -> bool:
        """Whether a session may ask for so much (S61)."""
        return self.limit is None or asked_us <= self.limit


def _spell_out_clock(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"default": value, "limit": value}


ClockSpelling = Annotated[HumanClock, BeforeValidator(_spell_out_clock), ShortForm(DURATION_SCHEMA)]
"""A clock; a bare duration is both its default and its limit."""


class HumanTimeouts(Model):
    """The interactive timeout of each mode."""

    session: ClockSpelling | None = key("that of sessions (S13)")
    batch: ClockSpelling | None = key("that of batches (S30)")


class ResolvedTimeouts(HumanTimeouts):
    """The interactive timeout of each mode."""

    session: ResolvedClock
    batch: ResolvedClock


def _spell_out_timeouts(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"session": value}


TimeoutsSpelling = Annotated[HumanTimeouts, BeforeValidator(_spell_out_timeouts), ShortForm(DURATION_SCHEMA)]
"""The interactive timeouts; a bare duration is that of sessions."""


class SubmissionRate(Model):
    """So many accepted submissions at most in (t - window, t]."""

    count: int = Field(strict=True, ge=1, le=10**9, description="the number of submissions")
    window: PositiveDuration = Field(description="the length of the window")


class Quota(Model):
    """So much usage at most in (t - window, t] (S62)."""

    usage: PositiveDuration = Field(description="the usage")
    window: PositiveDuration = Field(description="the length of the window")
    on_reached: Literal["reject", "end"] | None = key(
        "what becomes of the account then: submissions are rejected (the default), or also all that it has "
        "open or queued is ended (S28)"
    )


def _mapping_such_as(example: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            message = f"must be none or {example}"
            raise ValueError(message)
        return value

    return BeforeValidator(check)


class HumanPlan(Model):
    """What an account may do (S60); what is not given is that of the profile's plan with this name."""

    sessions: bool | None = key("whether sessions are allowed", strict=True)
    batches: bool | None = key("whether batches are allowed", strict=True)
    max_time: ClockSpelling | None = key("the maximum timeout (S16)")
    interactive_timeout: TimeoutsSpelling | None = key("the interactive timeout of each mode (S13, S30)")
    pending_jobs: Limit[WholeNumber] | None = key("the most jobs queued and running at a time, or none")
    submission_rate: Limit[Annotated[SubmissionRate, _mapping_such_as("{count: 5, window: 1m}")]] | None = (
        key("the most submissions in a sliding window, or none")
    )
    quota: Limit[Annotated[Quota, _mapping_such_as("{usage: 10m, window: 28d}")]] | None = key(
        "the most usage in a sliding window, or none (S62)"
    )
    price_per_second: Limit[NonNegativeFloat] | None = key("the price of a second of usage, or none")


class ResolvedPlan(HumanPlan):
    """What an account may do (S60). None: no limit, and of a price: none."""

    sessions: bool
    batches: bool
    max_time: ResolvedClock
    interactive_timeout: ResolvedTimeouts
    pending_jobs: int | None
    submission_rate: SubmissionRate | None
    quota: Quota | None
    price_per_second: NonNegativeFloat | None

    def timeout_of(self, mode: SessionMode) -> ResolvedClock:
        """The interactive timeout of a mode (S13, S30)."""
        return self.interactive_timeout.session if mode == "session" else self.interactive_timeout.batch


class HumanAccount(Model):
    """An account that may submit jobs."""

    name: Name = Field(description="the name of the account")
    plan: Name | None = key("the name of its plan; default: no limits")
    allocation: Duration | None = key("its share for the queue policy fair_share (S63)")
    client: Client | None = key("the versions of its client software (S23)")


# -- Documented clocks, limits and plans of the service at three points in time, as data.
#
# Sources, all public:
#
# - The session chapter of the qiskit-ibm-runtime documentation of October 2023: an interactive timeout of
#   300 s that nobody can change.
# - The IBM Quantum guide to execution modes and its migration guide for sessions, both of spring 2024:
#   dedicated sessions, batch as a mode of its own.
# - The guides "Run jobs in a session" and "Run jobs in a batch": 60 s and 1 s, at most 8 h, an unused session
#   closes after 30 min. The guide to the maximum execution time: 3 h for a job.
# - The overview of plans in the IBM Quantum documentation: the Open Plan has 10 minutes of QPU time in any 28
#   days; Flex is paid in advance, Premium by subscription. The guide to the maximum execution time of early
#   2024 counts the 10 minutes by calendar month instead.
# - The guide to execution modes, today: no sessions on the Open Plan. The guide to batches: at most 10 min
#   for a batch there, 8 h on the other plans.
# - The discussion of the guide to sessions (Qiskit/documentation, pull request 2064): on the Open Plan of
#   2024, a session had an interactive timeout of 1 s.
# - The guide to job limits until 2025, and qiskit-ibm-runtime from 0.26 to 0.43, which waited for it: 3
#   queued and running jobs on the Open Plan (error 3458).
# - The guide to managing cost: 1.60 US dollars per second on the Pay-As-You-Go Plan.

ProfileName = Literal["2023", "2024-04", "2026"]

DEFAULT_PROFILE: Final[ProfileName] = "2024-04"


def _read_profile(value: Any) -> Any:
    # an unquoted 2023 is an integer in YAML
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ProfileSpelling = Annotated[
    ProfileName, BeforeValidator(_read_profile), ShortForm({"type": "integer", "enum": [2023, 2026]})
]


@dataclass(frozen=True)
class Profile:
    """Defaults of a scenario; every value can be overridden in it. Times are microseconds."""

    start: datetime
    interactive_timeout_us: int = 60 * SECOND
    batch_interactive_timeout_us: int = 1 * SECOND
    max_time_us: int = 8 * HOUR
    unused_timeout_us: int = 30 * MINUTE
    max_execution_time_us: int = 3 * HOUR


PROFILES: Final = MappingProxyType[ProfileName, Profile](
    {
        "2023": Profile(
            start=datetime(2023, 10, 27, tzinfo=UTC),
            interactive_timeout_us=300 * SECOND,
            # S30: there was no batch mode on the service yet; a batch was an ordinary session
            batch_interactive_timeout_us=300 * SECOND,
        ),
        "2024-04": Profile(start=datetime(2024, 4, 1, tzinfo=UTC)),
        "2026": Profile(start=datetime(2026, 1, 1, tzinfo=UTC)),
    }
)


@cache
def plan_without_limits(profile: ProfileName) -> ResolvedPlan:
    """What an account without a plan may do: everything, with the clocks of the profile.

    Example:
        >>> plan = plan_without_limits("2024-04")
        >>> plan.max_time.default, plan.max_time.limit, plan.pending_jobs
        (28800000000, None, None)
    """
    clocks = PROFILES[profile]
    return ResolvedPlan.model_construct(
        sessions=True,
        batches=True,
        max_time=ResolvedClock.model_construct(default=clocks.max_time_us, limit=None),
        interactive_timeout=ResolvedTimeouts.model_construct(
            session=ResolvedClock.model_construct(default=clocks.interactive_timeout_us, limit=None),
            batch=ResolvedClock.model_construct(default=clocks.batch_interactive_timeout_us, limit=None),
        ),
        pending_jobs=None,
        submission_rate=None,
        quota=None,
        price_per_second=None,
    )


def fixed_clock(duration_us: int) -> ResolvedClock:
    """A clock of which a session may ask for less but not for more."""
    return ResolvedClock.model_construct(default=duration_us, limit=duration_us)


def _fixed_timeouts(session_us: int, batch_us: int) -> ResolvedTimeouts:
    return ResolvedTimeouts.model_construct(session=fixed_clock(session_us), batch=fixed_clock(batch_us))


def _plans(profile: ProfileName, changes: Mapping[str, Mapping[str, Any]]) -> Mapping[str, ResolvedPlan]:
    """Plans with the clocks of the profile as limits, and what else each of them says."""
    clocks = PROFILES[profile]
    timeouts = _fixed_timeouts(clocks.interactive_timeout_us, clocks.batch_interactive_timeout_us)
    fixed = {"max_time": fixed_clock(clocks.max_time_us), "interactive_timeout": timeouts}
    base = plan_without_limits(profile)
    return {name: base.model_copy(update={**fixed, **more}) for name, more in changes.items()}


_OPEN_QUOTA: Final = Quota.model_construct(usage=10 * MINUTE, window=28 * DAY)
_PRICED: Final = {"price_per_second": 1.60}

_CHANGES: Final[Mapping[ProfileName, Mapping[str, Mapping[str, Any]]]] = {
    "2023": {"open": {"quota": _OPEN_QUOTA}, "pay-as-you-go": _PRICED, "premium": {}},
    "2024-04": {
        "open": {
            "interactive_timeout": _fixed_timeouts(SECOND, SECOND),
            "pending_jobs": 3,
            "quota": _OPEN_QUOTA,
        },
        "pay-as-you-go": _PRICED,
        "premium": {},
    },
    "2026": {
        "open": {
            "sessions": False,
            "max_time": fixed_clock(10 * MINUTE),
            "pending_jobs": 3,
            "quota": _OPEN_QUOTA,
        },
        "pay-as-you-go": _PRICED,
        "flex": {},
        "premium": {},
    },
}
PROFILE_PLANS: Final = MappingProxyType[ProfileName, Mapping[str, ResolvedPlan]](
    {profile: _plans(profile, changes) for profile, changes in _CHANGES.items()}
)


# -- The plan of every account.


@dataclass(frozen=True)
class AccountPlans:
    """What the sessions of each account get, and the most that they may ask for (S60, S61)."""

    profile: ProfileName
    given: Mapping[str, ResolvedPlan]  # by account

    @classmethod
    def of_accounts(
        cls,
        profile: ProfileName,
        accounts: tuple[HumanAccount, ...] | None,
        plans: Mapping[str, ResolvedPlan] | None,
    ) -> AccountPlans:
        """Those of a scenario.

        Args:
            profile: of the scenario.
            accounts: that it lists.
            plans: its plans by name, among them those of its accounts.
        """
        given = {
            account.name: plans[account.plan]
            for account in accounts or ()
            if plans is not None and account.plan is not None
        }
        return cls(profile, given)

    def of(self, account: str | None) -> ResolvedPlan:
        """The plan of an account, or else one without limits and with the clocks of the profile.

        Example:
            >>> AccountPlans("2024-04", {}).of("lab").timeout_of("batch").of(None)
            1000000
        """
        plan = self.given.get(account) if isinstance(account, str) else None
        return plan_without_limits(self.profile) if plan is None else plan

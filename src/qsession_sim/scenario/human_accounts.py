"""The human form of plans and accounts. In memory, `UNLIMITED` stands for the spelling `none`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from qsession_sim.scenario.quantities import DURATION_SCHEMA, Duration, Model, NonNegativeFloat
from qsession_sim.scenario.resolved_accounts import Client, Quota, SubmissionRate
from qsession_sim.scenario.spellings import Name, ShortForm, WholeNumber

UNLIMITED: Final = -1

_NONE: Final = {"const": "none"}


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    return UNLIMITED if value == "none" else read(value)


class HumanClock(Model):
    """A clock of sessions; what is not given is the profile's."""

    default: Annotated[Duration | None, Field(description="what a session gets that asks for nothing")] = None
    limit: Annotated[
        Annotated[Duration, WrapValidator(_or_none), ShortForm(_NONE)] | None,
        Field(description="the most that a session may ask for, or none"),
    ] = None


def _spell_out_clock(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"default": value, "limit": value}


ClockSpelling = Annotated[HumanClock, BeforeValidator(_spell_out_clock), ShortForm(DURATION_SCHEMA)]
"""A clock; a bare duration is both its default and its limit."""


class HumanTimeouts(Model):
    """The interactive timeout of each mode."""

    session: Annotated[ClockSpelling | None, Field(description="that of sessions (S13)")] = None
    batch: Annotated[ClockSpelling | None, Field(description="that of batches (S30)")] = None


def _spell_out_timeouts(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"session": value}


TimeoutsSpelling = Annotated[HumanTimeouts, BeforeValidator(_spell_out_timeouts), ShortForm(DURATION_SCHEMA)]
"""The interactive timeouts; a bare duration is that of sessions."""


def _spell_out_rate(value: Any) -> Any:
    if value == "none":
        return SubmissionRate.model_construct(count=UNLIMITED, window=UNLIMITED)
    if not isinstance(value, Mapping):
        message = "must be none or {count: 5, window: 1m}"
        raise ValueError(message)
    return value


def _spell_out_quota(value: Any) -> Any:
    if value == "none":
        return Quota.model_construct(usage=UNLIMITED, window=UNLIMITED)
    if not isinstance(value, Mapping):
        message = "must be none or {usage: 10m, window: 28d}"
        raise ValueError(message)
    return value


class HumanPlan(Model):
    """What an account may do (S60); what is not given is that of the profile's plan with this name."""

    sessions: Annotated[bool | None, Field(strict=True, description="whether sessions are allowed")] = None
    batches: Annotated[bool | None, Field(strict=True, description="whether batches are allowed")] = None
    max_time: Annotated[ClockSpelling | None, Field(description="the maximum timeout (S16)")] = None
    interactive_timeout: Annotated[
        TimeoutsSpelling | None, Field(description="the interactive timeout of each mode (S13, S30)")
    ] = None
    pending_jobs: Annotated[
        Annotated[WholeNumber, WrapValidator(_or_none), ShortForm(_NONE)] | None,
        Field(description="the most jobs queued and running at a time, or none"),
    ] = None
    submission_rate: Annotated[
        Annotated[SubmissionRate, BeforeValidator(_spell_out_rate), ShortForm(_NONE)] | None,
        Field(description="the most submissions in a sliding window, or none"),
    ] = None
    quota: Annotated[
        Annotated[Quota, BeforeValidator(_spell_out_quota), ShortForm(_NONE)] | None,
        Field(description="the most usage in a sliding window, or none (S62)"),
    ] = None
    price_per_second: Annotated[
        Annotated[NonNegativeFloat, WrapValidator(_or_none), ShortForm(_NONE)] | None,
        Field(description="the price of a second of usage, or none"),
    ] = None


class HumanAccount(Model):
    """An account that may submit jobs."""

    name: Annotated[Name, Field(description="the name of the account")]
    plan: Annotated[Name | None, Field(description="the name of its plan; default: no limits")] = None
    allocation: Annotated[
        Duration | None, Field(description="its share for the queue policy fair_share (S63)")
    ] = None
    client: Annotated[Client | None, Field(description="the versions of its client software (S23)")] = None

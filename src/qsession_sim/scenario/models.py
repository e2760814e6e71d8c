"""A scenario in two forms: what people write, and the resolved form that is simulated.

They are one family of classes: the resolved form is the human form narrowed by what resolution makes certain.
In both, what is absent is None. `none`, by which people say that there is no limit, is None when resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from qsession_sim.scenario.accounts import (
    DEFAULT_PROFILE,
    HumanAccount,
    HumanPlan,
    ProfileSpelling,
    ResolvedPlan,
)
from qsession_sim.scenario.distributions import DurationSpelling, PositiveDurationSpelling
from qsession_sim.scenario.policies import HumanPolicies, ResolvedPolicies
from qsession_sim.scenario.problems import either
from qsession_sim.scenario.service import HumanServiceTime, ServiceTimeModel
from qsession_sim.scenario.sources import HumanSource, ResolvedSource
from qsession_sim.scenario.values import (
    Duration,
    Instant,
    Limit,
    Model,
    Name,
    OneOf,
    PositiveDuration,
    SchemaVersion,
    Seed,
    WholeNumber,
)
from qsession_sim.scheduler.vocabulary import WindowKind

DEFAULT_QPU: Final = "qpu"
WINDOW_KINDS: Final = tuple(kind.name.lower() for kind in WindowKind)


class HumanWindow(Model):
    """When a QPU does not serve everybody (S52)."""

    kind: Annotated[
        str, OneOf(WINDOW_KINDS), Field(description=f"the kind of window: {either(WINDOW_KINDS)}")
    ]
    at: Annotated[
        Duration | None, Field(description="the time of the (first) start; default: one period in")
    ] = None
    every: Annotated[PositiveDuration | None, Field(description="the time from one start to the next")] = None
    duration: Annotated[PositiveDuration | None, Field(description="how long it lasts")] = None
    account: Annotated[
        Name | None, Field(description="the account for which a reservation keeps the QPU")
    ] = None
    time_between_failures: Annotated[
        DurationSpelling | None, Field(description="the time from a repair to the next outage")
    ] = None
    repair_time: Annotated[
        PositiveDurationSpelling | None, Field(description="how long each of these outages lasts")
    ] = None
    until: Annotated[
        Duration | None,
        Field(description="the time from which on no such outage starts; default: the horizon"),
    ] = None


class ResolvedWindow(HumanWindow):
    """The same (S52). Without `at` its outages are drawn before the run, up to `until` or the horizon."""


class HumanQPU(Model):
    """A QPU."""

    name: Annotated[Name, Field(description="the name of the QPU")]
    service_time: Annotated[
        HumanServiceTime, Field(description="how QPU times follow from circuits and shots")
    ] = HumanServiceTime()
    simulator: Annotated[
        bool, Field(strict=True, description="whether it is a simulator backend, without a queue (S22)")
    ] = False
    lanes: Annotated[WholeNumber, Field(description="the number of its execution lanes (S42)")] = 5
    windows: Annotated[
        tuple[HumanWindow, ...], Field(description="a list of windows of availability (S52)")
    ] = ()


class ResolvedQPU(HumanQPU):
    """A QPU."""

    windows: tuple[ResolvedWindow, ...] = ()
    service_time: Annotated[ServiceTimeModel, Field(discriminator="model")]


class HumanRules(Model):
    """The choices that the rules of the simulator leave open."""

    max_time_ends_as: Annotated[
        Literal["error", "cancelled"],
        Field(description="how queued jobs end when max_time runs out: error or cancelled (S16)"),
    ] = "error"
    unused_timeout: Annotated[
        Duration | None,
        Field(description="the time after which a session without an accepted job is closed (S21)"),
    ] = None
    max_execution_time: Annotated[
        Limit[PositiveDuration] | None, Field(description="the longest QPU time of any job, or none (S44)")
    ] = None
    ittl_condition: Annotated[
        Literal["queued", "ready"],
        Field(description="which jobs stop the interactive timeout: queued or ready ones (S43)"),
    ] = "queued"
    calibration: Annotated[
        Literal["after_sessions", "before_sessions"],
        Field(description="whether a calibration waits for a session: after_sessions or before_sessions"),
    ] = "after_sessions"
    on_outage: Annotated[
        Literal["fail", "requeue"],
        Field(description="what becomes of a job that an outage hits: fail or requeue (S52)"),
    ] = "fail"


class ResolvedRules(HumanRules):
    """The choices that the rules leave open."""

    unused_timeout: Duration
    max_execution_time: PositiveDuration | None


class HumanScenario(Model):
    """A scenario as people write it."""

    schema_version: Annotated[SchemaVersion, Field(description="the version of this format")] = 1
    title: Annotated[str, Field(strict=True, description="a line that says what the scenario is")] = ""
    seed: Annotated[Seed, Field(description="the seed of all random numbers")] = 0
    start: Annotated[
        Instant | None, Field(description="the calendar instant of time 0; default: the profile's")
    ] = None
    horizon: Annotated[PositiveDuration | None, Field(description="the time at which the run stops (S6)")] = (
        None
    )
    warm_up: Annotated[Duration, Field(description="the time that statistics leave out")] = 0
    profile: Annotated[
        ProfileSpelling, Field(description="the documented clocks and limits to start from")
    ] = DEFAULT_PROFILE
    rules: Annotated[HumanRules, Field(description="choices that the rules leave open")] = HumanRules()
    qpus: Annotated[tuple[HumanQPU, ...], Field(min_length=1, description="a list of QPUs")] = (
        HumanQPU(name=DEFAULT_QPU),
    )
    policies: Annotated[HumanPolicies, Field(description="who runs next")] = HumanPolicies()
    plans: Annotated[
        Mapping[str, HumanPlan],
        Field(default_factory=dict, description="what accounts may do, by the name of the plan (S60)"),
    ]
    accounts: Annotated[
        tuple[HumanAccount, ...] | None,
        Field(description="the accounts that exist; default: every account that is used"),
    ] = None
    workload: Annotated[tuple[HumanSource, ...], Field(description="a list of sources of jobs")]


class ResolvedScenario(HumanScenario):
    """A scenario in which everything is explicit: only this form is simulated."""

    start: datetime
    rules: ResolvedRules
    qpus: Annotated[tuple[ResolvedQPU, ...], Field(min_length=1)]
    policies: ResolvedPolicies
    # those that the scenario gives or its accounts have
    plans: Annotated[Mapping[str, ResolvedPlan], Field(default_factory=dict)]
    workload: tuple[ResolvedSource, ...]

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
    key,
)
from qsession_sim.scheduler.vocabulary import MOST_QPUS, WindowKind

DEFAULT_QPU: Final = "qpu"
WINDOW_KINDS: Final = tuple(kind.name.lower() for kind in WindowKind)


class HumanWindow(Model):
    """When a QPU does not serve everybody (S52)."""

    kind: Annotated[str, OneOf(WINDOW_KINDS)] = Field(
        description=f"the kind of window: {either(WINDOW_KINDS)}"
    )
    at: Duration | None = key("the time of the (first) start; default: one period in")
    every: PositiveDuration | None = key("the time from one start to the next")
    duration: PositiveDuration | None = key("how long it lasts")
    account: Name | None = key("the account for which a reservation keeps the QPU")
    time_between_failures: DurationSpelling | None = key("the time from a repair to the next outage")
    repair_time: PositiveDurationSpelling | None = key("how long each of these outages lasts")
    until: Duration | None = key("the time from which on no such outage starts; default: the horizon")


class ResolvedWindow(HumanWindow):
    """The same (S52). Without `at` its outages are drawn before the run, up to `until` or the horizon."""


class HumanQPU(Model):
    """A QPU."""

    name: Name = Field(description="the name of the QPU")
    service_time: HumanServiceTime = key("how QPU times follow from circuits and shots", HumanServiceTime())
    simulator: bool = key("whether it is a simulator backend, without a queue (S22)", False, strict=True)
    lanes: WholeNumber = key("the number of its execution lanes (S42)", 5)
    windows: tuple[HumanWindow, ...] = key("a list of windows of availability (S52)", ())


class ResolvedQPU(HumanQPU):
    """A QPU."""

    windows: tuple[ResolvedWindow, ...] = ()
    service_time: Annotated[ServiceTimeModel, Field(discriminator="model")]


class HumanRules(Model):
    """The choices that the rules of the simulator leave open."""

    max_time_ends_as: Literal["error", "cancelled"] = key(
        "how queued jobs end when max_time runs out: error or cancelled (S16)", "error"
    )
    unused_timeout: Duration | None = key(
        "the time after which a session without an accepted job is closed (S21)"
    )
    max_execution_time: Limit[PositiveDuration] | None = key("the longest QPU time of any job, or none (S44)")
    ittl_condition: Literal["queued", "ready"] = key(
        "which jobs stop the interactive timeout: queued or ready ones (S43)", "queued"
    )
    calibration: Literal["after_sessions", "before_sessions"] = key(
        "whether a calibration waits for a session: after_sessions or before_sessions", "after_sessions"
    )
    on_outage: Literal["fail", "requeue"] = key(
        "what becomes of a job that an outage hits: fail or requeue (S52)", "fail"
    )


class ResolvedRules(HumanRules):
    """The choices that the rules leave open."""

    unused_timeout: Duration
    max_execution_time: PositiveDuration | None


class HumanScenario(Model):
    """A scenario as people write it."""

    schema_version: SchemaVersion = key("the version of this format", 1)
    title: str = key("a line that says what the scenario is", "", strict=True)
    seed: Seed = key("the seed of all random numbers", 0)
    start: Instant | None = key("the calendar instant of time 0; default: the profile's")
    horizon: PositiveDuration | None = key("the time at which the run stops (S6)")
    warm_up: Duration = key("the time that statistics leave out", 0)
    profile: ProfileSpelling = key("the documented clocks and limits to start from", DEFAULT_PROFILE)
    rules: HumanRules = key("choices that the rules leave open", HumanRules())
    qpus: tuple[HumanQPU, ...] = key(
        "a list of QPUs", (HumanQPU(name=DEFAULT_QPU),), min_length=1, max_length=MOST_QPUS
    )
    policies: HumanPolicies = key("who runs next", HumanPolicies())
    plans: Mapping[str, HumanPlan] = Field(
        default_factory=dict, description="what accounts may do, by the name of the plan (S60)"
    )
    accounts: tuple[HumanAccount, ...] | None = key(
        "the accounts that exist; default: every account that is used"
    )
    workload: tuple[HumanSource, ...] = Field(description="a list of sources of jobs")


class ResolvedScenario(HumanScenario):
    """A scenario in which everything is explicit: only this form is simulated."""

    start: datetime
    rules: ResolvedRules
    qpus: Annotated[tuple[ResolvedQPU, ...], Field(min_length=1, max_length=MOST_QPUS)]
    policies: ResolvedPolicies
    # those that the scenario gives or its accounts have
    plans: Annotated[Mapping[str, ResolvedPlan], Field(default_factory=dict)]
    workload: tuple[ResolvedSource, ...]

"""The human form of windows of availability, of the phases of jobs, and of estimates.

One model holds the keys of all kinds of windows; `window_contradictions` says which belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from qsession_sim.scenario.quantities import Duration, Model, PositiveDuration
from qsession_sim.scenario.spellings import (
    CountSpelling,
    DurationSpelling,
    Name,
    PositiveDurationSpelling,
    ShortForm,
)


class HumanWindow(Model):
    """When a QPU does not serve everybody (S52)."""

    kind: Annotated[
        Literal["maintenance", "calibration", "outage", "reservation"],
        Field(description="the kind of window: maintenance, calibration, outage or reservation"),
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
        Duration | None, Field(description="the time after which no such outage starts; default: the horizon")
    ] = None


def _spell_out_estimate(value: Any) -> Any:
    if value in ("perfect", "formula"):
        return {"method": value}
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        raise ValueError("must be perfect, formula, {factor: ...} or a time")
    if not isinstance(value, Mapping):
        return {"method": "given", "time": value}
    if "method" in value or not value:
        return value
    return {"method": "factor" if "factor" in value else "given", **value}


class HumanEstimate(Model):
    """How users estimate the QPU time of their jobs."""

    method: Annotated[
        Literal["perfect", "formula", "factor", "given"] | None,
        Field(description="how users estimate: perfect, formula, factor or given"),
    ] = None
    factor: Annotated[
        CountSpelling | None, Field(description="the factor by which users miss the QPU time")
    ] = None
    time: Annotated[PositiveDurationSpelling | None, Field(description="the time that users give")] = None


EstimateSpelling = Annotated[
    HumanEstimate, BeforeValidator(_spell_out_estimate), ShortForm({"type": "string"})
]


class HumanPhases(Model):
    """What a source says of all its jobs beside their QPU time."""

    qpu: Annotated[Name | None, Field(description="the QPU of the jobs; default: they are routed (S54)")] = (
        None
    )
    preparation: Annotated[
        DurationSpelling | None, Field(description="how long each job is prepared (S40); default 0s")
    ] = None
    post_processing: Annotated[
        DurationSpelling | None, Field(description="how long each job is post-processed (S40); default 0s")
    ] = None
    estimate: Annotated[
        EstimateSpelling | None, Field(description="how users estimate QPU times; default perfect")
    ] = None

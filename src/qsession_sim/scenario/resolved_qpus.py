"""The resolved form of windows of availability, of the phases of jobs, and of estimates."""

from __future__ import annotations

from typing import Literal

from qsession_sim.scenario.quantities import Count, Distribution, Duration, Model, PositiveDuration


class ResolvedWindow(Model):
    """When a QPU does not serve everybody (S52): at fixed times, or outages drawn before the run."""

    kind: Literal["maintenance", "calibration", "outage", "reservation"]
    at: Duration | None = None  # None: drawn
    every: PositiveDuration | None = None  # None: once
    duration: PositiveDuration | None = None
    account: str | None = None
    time_between_failures: Distribution[Duration] | None = None
    repair_time: Distribution[PositiveDuration] | None = None
    until: Duration | None = None  # of drawn outages; None: the horizon


class ResolvedEstimate(Model):
    """How users estimate the QPU time of their jobs.

    By the formula it is that of the service-time model without noise; else a factor on the QPU time, or a
    time.
    """

    method: Literal["formula", "factor", "given"]
    factor: Distribution[Count] | None = None
    time: Distribution[PositiveDuration] | None = None


class ResolvedPhases(Model):
    """What a source says of all its jobs beside their QPU time."""

    qpu: str | None = None  # S54; None: routed
    preparation: Distribution[Duration] | None = None  # S40; None: 0
    post_processing: Distribution[Duration] | None = None
    estimate: ResolvedEstimate | None = None  # None: perfect

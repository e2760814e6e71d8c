"""When jobs, batches and clients start: rates by hour and day, bursts and groups."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    WithJsonSchema,
)

from qsession_sim.scenario.problems import either
from qsession_sim.scenario.values import (
    MOST_ROWS,
    Duration,
    Model,
    NonNegativeFloat,
    PositiveDuration,
    key,
)

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_OF_WEEK: Final = 168


def _read_day(value: Any) -> str:
    if not isinstance(value, str) or value not in DAYS:
        raise ValueError(f"must be {either(DAYS)}")
    return value


Day = Annotated[str, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "enum": list(DAYS)})]


class Rate(Model):
    """A rate that holds in some hours of some days, in UTC."""

    days: tuple[Day, ...] = key("the days; default: all", DAYS, min_length=1)
    from_hour: int = key("the hour that begins it", 0, strict=True, ge=0, le=23)
    to_hour: int = key("the hour that ends it", 24, strict=True, ge=1, le=24)
    per_hour: NonNegativeFloat = Field(description="the mean number of arrivals in an hour")


class Phase(Model):
    """A phase of a process with bursts; how long it lasts is exponential."""

    per_hour: NonNegativeFloat = Field(description="the mean number of arrivals in an hour")
    lasts: PositiveDuration = Field(description="the mean time that a phase lasts")


class Bursts(Model):
    """Two phases that alternate: a Markov-modulated Poisson process."""

    quiet: Phase = Field(description="the phase between bursts")
    burst: Phase = Field(description="the phase of a burst")


class Group(Model):
    """Several arrivals at one instant."""

    at: Duration = Field(description="the time of the arrivals")
    size: int = Field(strict=True, ge=1, le=MOST_ROWS, description="how many arrive")


T = TypeVar("T", Rate, Phase)


class TimedStarts(Model):
    """Ways to arrive besides independent interarrival times; at most one is given."""

    rates: tuple[Rate, ...] | None = key("Poisson rates by hour and day", min_length=1)
    bursts: Bursts | None = key("Poisson rates of alternating phases")
    groups: tuple[Group, ...] | None = key("given times and numbers of arrivals", min_length=1)

    @property
    def in_groups(self) -> int | None:
        """How many arrive in groups; None without them."""
        return None if self.groups is None else sum(group.size for group in self.groups)


def hourly_rates(rates: tuple[Rate, ...]) -> tuple[float, ...]:
    """Arrivals per hour in each of the 168 hours of a week, from Monday 00:00 UTC.

    The first rate that covers an hour counts; an hour that none covers has rate 0.

    Example:
        >>> lecture = Rate(days=("mon",), from_hour=9, to_hour=10, per_hour=5.0)
        >>> week = hourly_rates((lecture, Rate(per_hour=1.0)))
        >>> week[8:11], len(week)
        ((1.0, 5.0, 1.0), 168)
    """
    return tuple(
        next(
            (
                rate.per_hour
                for rate in rates
                if DAYS[hour // 24] in rate.days and rate.from_hour <= hour % 24 < rate.to_hour
            ),
            0.0,
        )
        for hour in range(HOURS_OF_WEEK)
    )


def mean_per_hour(starts: TimedStarts) -> float:
    """Mean number of arrivals in an hour, in the long run.

    Raises:
        ValueError: if neither rates nor bursts are given.

    Example:
        >>> phase = Phase(per_hour=12.0, lasts="45min")
        >>> mean_per_hour(TimedStarts(bursts=Bursts(quiet=phase, burst=Phase(per_hour=60.0, lasts="15min"))))
        24.0
    """
    if starts.rates is not None:
        return sum(hourly_rates(starts.rates)) / HOURS_OF_WEEK
    if starts.bursts is None:
        raise ValueError("needs rates or bursts")
    quiet, burst = starts.bursts.quiet, starts.bursts.burst
    arrivals = quiet.per_hour * quiet.lasts + burst.per_hour * burst.lasts
    return arrivals / (quiet.lasts + burst.lasts)


def scaled(starts: TimedStarts, factor: float) -> dict[str, Any]:
    """`rates` and `bursts` with all their rates multiplied."""
    return {
        "rates": None if starts.rates is None else tuple(_scaled(rate, factor) for rate in starts.rates),
        "bursts": None
        if starts.bursts is None
        else Bursts.model_construct(
            quiet=_scaled(starts.bursts.quiet, factor), burst=_scaled(starts.bursts.burst, factor)
        ),
    }


def _scaled(rate: T, factor: float) -> T:
    return rate.model_copy(update={"per_hour": rate.per_hour * factor})

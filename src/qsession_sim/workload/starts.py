"""Instants at which the jobs, batches or clients of a source start."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import numpy as np

from qsession_sim.queueing.statistics import Float64Array
from qsession_sim.scenario.distributions import AnyDistribution, mean
from qsession_sim.scenario.sources import HumanStart, ResolvedArrivals, ResolvedBatches
from qsession_sim.scenario.starts import Bursts, Rate, hourly_rates, mean_per_hour
from qsession_sim.scenario.values import MOST_ROWS
from qsession_sim.units import HOUR, LONGEST_US
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.context import Purpose, SourceContext, source_error
from qsession_sim.workload.distributions import durations_us, sample, sampled_durations_us

Instants = TypeVar("Instants", Int64Array, Float64Array)


@dataclass(frozen=True)
class Extent:
    """How far the instants of a source go.

    Attributes:
        stream: name of the source, for errors.
        count: no more instants than that; None: only `before_us` bounds them.
        before_us: only instants before that; None: only `count` bounds them.
    """

    stream: str
    count: int | None
    before_us: int | None

    def of(self, pieces: Iterable[Instants]) -> Instants:
        """The instants of some pieces, which do not decrease, as far as they go.

        Raises:
            ScenarioError: if there are more than 100 million.
        """
        kept: list[Instants] = []
        rows = 0
        for piece in pieces:
            past = np.zeros(0) if self.before_us is None else piece >= self.before_us
            kept.append(piece[: int(np.argmax(past))] if past.any() else piece)
            rows += len(kept[-1])
            check_rows(rows, self.stream)
            if past.any() or (self.count is not None and rows >= self.count):
                break
        return np.concatenate(kept)[: self.count]


def check_rows(rows: float, stream: str) -> None:
    """Refuse a source that would fill the memory."""
    if rows > MOST_ROWS:
        raise source_error(
            stream,
            f"draws more than {MOST_ROWS:,} jobs, sessions or clients; "
            "ask for fewer, an earlier until or horizon, or a longer interarrival time",
        )


_FIRST_CHUNK: Final = 1 << 9


def _sizes(most: int) -> Iterator[int]:
    """How many numbers are drawn at a time, without end: few first, as many sources have few instants."""
    size = min(_FIRST_CHUNK, most)
    while True:
        yield size
        size = min(2 * size, most)


# -- Renewal processes: instants with independent gaps between them.

_RENEWAL_CHUNK: Final = 1 << 16


def renewal_times_us(
    interarrival: AnyDistribution, generator: np.random.Generator, extent: Extent, chunk: int = _RENEWAL_CHUNK
) -> Int64Array:
    """Instants of a renewal process; the first comes one gap after 0.

    Args:
        interarrival: of the gaps, in microseconds; every gap is rounded for itself.
        generator: where the random numbers come from.
        extent: how far they go.
        chunk: the most gaps that are drawn at a time where `extent` has an end; it changes no result.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if nothing bounds the process, if it has more than 100 million instants, or if an
            instant that is not cut off by `extent.before_us` lies beyond 2**62 us.

    Example:
        >>> from qsession_sim.scenario.distributions import Constant
        >>> every = Constant[int](kind="constant", value=30)
        >>> extent = Extent("everyday", count=None, before_us=90)
        >>> renewal_times_us(every, np.random.default_rng(7), extent).tolist()
        [30, 60]
    """
    stream, count = extent.stream, extent.count
    if extent.before_us is not None:
        # a renewal process has at least this many instants on average, less one
        if count is None and extent.before_us > 2 * MOST_ROWS * mean(interarrival):
            check_rows(float("inf"), stream)
        return extent.of(_sums_of_gaps(interarrival, generator, stream, min(chunk, count or chunk)))
    if count is None:
        raise source_error(stream, "nothing bounds it; give count, until or a horizon")
    check_rows(count, stream)
    times_us = sampled_durations_us(interarrival, generator, count, f"{stream}.interarrival")
    np.cumsum(times_us, out=times_us)
    # no gap is longer than 2**62, so the first sum beyond it is positive, or -(2**63) at the most
    if count and (times_us.max() > LONGEST_US or times_us.min() < 0):
        raise source_error(
            f"{stream}.interarrival",
            f"{count} arrivals reach beyond 2**62 us, about 146,000 years; make it or their number smaller",
        )
    return times_us


def _sums_of_gaps(
    interarrival: AnyDistribution, generator: np.random.Generator, stream: str, chunk: int
) -> Iterator[Int64Array]:
    """Instants without end; none overflows before the first one that is past every bound."""
    now_us = 0
    for size in _sizes(chunk):
        # a gap that leads past the bound may be of any length
        gaps = np.minimum(sample(interarrival, generator, size), float(LONGEST_US))
        times_us = now_us + np.cumsum(durations_us(gaps, f"{stream}.interarrival"))
        now_us = int(times_us[-1])
        yield times_us


# -- Poisson processes whose rate changes with time, by inversion of their cumulative rate.
#
# If L(t) is the integral of the rate up to t, the instants are those at which L reaches the sums of
# independent exponentials with mean 1 (Cinlar, Introduction to Stochastic Processes, 1975, section 4.7). L is
# piecewise linear here, so nothing is rejected and nothing approximated.

_POISSON_CHUNK: Final = 1 << 14
_WEEK_US: Final = 168 * HOUR


def weekly_times_us(
    rates: tuple[Rate, ...], start: datetime, generator: np.random.Generator, extent: Extent
) -> Int64Array:
    """Instants of a Poisson process with a rate for each hour of the week.

    Args:
        rates: at least one above 0.
        start: calendar instant of time 0.
        generator: where the random numbers come from.
        extent: how far they go; it has an end.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if there are more than 100 million instants, or one beyond 2**62 us.
    """
    hours = np.array(hourly_rates(rates))
    edges_us = HOUR * np.arange(len(hours) + 1, dtype=np.float64)
    levels = np.concatenate([[0.0], np.cumsum(hours)])
    since_monday = start - start.replace(hour=0, minute=0, second=0, microsecond=0)
    offset_us = start.weekday() * 24 * HOUR + since_monday.seconds * 1_000_000 + since_monday.microseconds
    origin = float(np.interp(offset_us, edges_us, levels))

    def times_us(reached: Float64Array) -> Float64Array:
        weeks, rest = np.divmod(origin + reached, levels[-1])
        return weeks * _WEEK_US + np.interp(rest, levels, edges_us) - offset_us

    if extent.before_us is not None and extent.count is None:
        check_rows(levels[-1] * (extent.before_us / _WEEK_US - 1), extent.stream)
    return _rounded(extent.of(map(times_us, _levels(generator))), extent)


def bursty_times_us(
    bursts: Bursts, phases: np.random.Generator, generator: np.random.Generator, extent: Extent
) -> Int64Array:
    """Instants of a Markov-modulated Poisson process with two phases, stationary from time 0 on.

    Args:
        bursts: the phases; at least one rate is above 0.
        phases: where the random numbers of the phases come from.
        generator: where those of the instants come from.
        extent: how far they go; it has an end.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if there are more than 100 million instants or phases, or an instant beyond 2**62 us.
    """
    _check_phases(bursts, extent)
    return _rounded(extent.of(_in_phases(_phases(bursts, phases), _levels(generator), extent)), extent)


def _in_phases(
    phases: Iterator[tuple[Float64Array, Float64Array]], drawn: Iterator[Float64Array], extent: Extent
) -> Iterator[Float64Array]:
    """The instants in each piece of the phases; no more levels are drawn than may be needed."""
    count, before_us = extent.count, extent.before_us
    waiting = next(drawn)
    rows = 0
    for edges_us, levels in phases:
        end = levels[-1] if before_us is None else min(levels[-1], np.interp(before_us, edges_us, levels))
        chunks, ready = [waiting], len(waiting)
        while chunks[-1][-1] <= end and (count is None or rows + ready < count):
            chunks.append(next(drawn))
            check_rows(rows + ready, extent.stream)
            ready += len(chunks[-1])
        waiting = np.concatenate(chunks)
        here = waiting <= end
        rows += int(here.sum())
        yield np.interp(waiting[here], levels, edges_us)
        if before_us is not None and edges_us[-1] >= before_us:
            return
        waiting = waiting[~here]
        if not len(waiting):
            waiting = next(drawn)


def _check_phases(bursts: Bursts, extent: Extent) -> None:
    phases = (bursts.quiet, bursts.burst)
    in_cycle = sum(phase.per_hour * phase.lasts for phase in phases) / HOUR  # instants in both, on average
    cycles = [] if extent.before_us is None else [extent.before_us / sum(phase.lasts for phase in phases)]
    cycles += [] if extent.count is None else [extent.count / in_cycle]
    if 2 * min(cycles) > MOST_ROWS:
        what = f"has more than {MOST_ROWS:,} phases; let them last longer"
        raise source_error(f"{extent.stream}.bursts", what)
    if extent.count is None:
        check_rows(in_cycle * (min(cycles) - 1) / 2, extent.stream)


def _phases(bursts: Bursts, generator: np.random.Generator) -> Iterator[tuple[Float64Array, Float64Array]]:
    """Ends of phases, and the cumulative rate there, in chunks that begin where the one before ends."""
    quiet, burst = bursts.quiet, bursts.burst
    pair = (
        [burst, quiet] if generator.random() * (quiet.lasts + burst.lasts) < burst.lasts else [quiet, burst]
    )
    lasts_us = np.tile([float(phase.lasts) for phase in pair], _POISSON_CHUNK // 2)
    rates = np.tile([phase.per_hour / HOUR for phase in pair], _POISSON_CHUNK // 2)
    end_us = level = 0.0
    while True:
        spans_us = lasts_us * generator.standard_exponential(_POISSON_CHUNK)
        edges_us = np.cumsum(np.concatenate([[end_us], spans_us]))
        levels = np.cumsum(np.concatenate([[level], spans_us * rates]))
        end_us, level = float(edges_us[-1]), float(levels[-1])
        yield edges_us, levels


def _levels(generator: np.random.Generator) -> Iterator[Float64Array]:
    """Sums of exponentials with mean 1, without end."""
    reached = 0.0
    for size in _sizes(_POISSON_CHUNK):
        steps = generator.standard_exponential(size)
        steps[0] += reached
        levels = np.cumsum(steps)
        reached = float(levels[-1])
        yield levels


def _rounded(times_us: Float64Array, extent: Extent) -> Int64Array:
    # rounding down keeps instants before the bound
    return durations_us(np.floor(times_us), extent.stream)


# -- Any of these, as a source says.

Starts = ResolvedArrivals | ResolvedBatches | HumanStart


def expected_starts(starts: Starts, *, count: int | None, before_us: int | None) -> float:
    """How many instants `start_times_us` gives, on average; 0 where nothing bounds them.

    Example:
        >>> every = HumanStart.model_validate({"interarrival": "20s"})
        >>> [expected_starts(every, count=count, before_us=100_000_000) for count in (None, 3)]
        [5.0, 3.0]
    """
    if starts.in_groups is not None:
        return float(starts.in_groups)
    found = [] if count is None else [float(count)]
    if before_us is not None:
        if starts.interarrival is not None:
            apart_us = mean(starts.interarrival)
        elif starts.rates is not None or starts.bursts is not None:
            apart_us = HOUR / mean_per_hour(starts)
        else:
            apart_us = math.inf
        found.append(before_us / apart_us if apart_us else math.inf)
    return min(found, default=0.0)


def start_times_us(
    starts: Starts, context: SourceContext, *, count: int | None, before_us: int | None
) -> Int64Array:
    """Instants at which jobs, batches or clients start, in the way that a source gives.

    Args:
        starts: the source, or the way of its clients.
        context: of the source.
        count: no more instants than that; groups say themselves how many there are.
        before_us: only instants before that; not for groups.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if nothing bounds the instants, or there are too many or too late ones.
    """
    name = context.name
    if starts.groups is not None:
        sizes = [group.size for group in starts.groups]
        check_rows(sum(sizes), name)
        return np.sort(np.repeat(np.array([group.at for group in starts.groups], dtype=np.int64), sizes))
    generator, extent = context.generator(Purpose.INTERARRIVAL), Extent(name, count, before_us)
    if starts.interarrival is not None:
        return renewal_times_us(starts.interarrival, generator, extent)
    if count is None and before_us is None:
        raise source_error(name, "nothing bounds it; give count, until or a horizon")
    if count is not None:
        check_rows(count, name)
    if starts.rates is not None:
        return weekly_times_us(starts.rates, context.scenario.start, generator, extent)
    if starts.bursts is not None:
        return bursty_times_us(starts.bursts, context.generator(Purpose.PHASES), generator, extent)
    raise source_error(name, "needs interarrival, rates, bursts or groups")

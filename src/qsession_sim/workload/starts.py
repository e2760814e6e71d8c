"""Instants at which the jobs, batches or clients of a source start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np

from qsession_sim.queueing.statistics import Float64Array
from qsession_sim.scenario.distributions import AnyDistribution, mean
from qsession_sim.scenario.sources import (
    Bursts,
    HumanStart,
    Rate,
    ResolvedArrivals,
    ResolvedBatches,
    hourly_rates,
)
from qsession_sim.scenario.values import MOST_ROWS
from qsession_sim.units import HOUR, LONGEST_US
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.context import Purpose, SourceContext, source_error
from qsession_sim.workload.distributions import durations_us, sample, sampled_durations_us

# -- Renewal processes: instants with independent gaps between them.

_RENEWAL_CHUNK: Final = 1 << 16


def renewal_times_us(
    interarrival: AnyDistribution,
    generator: np.random.Generator,
    stream: str,
    *,
    count: int | None,
    before_us: int | None,
    chunk: int = _RENEWAL_CHUNK,
) -> Int64Array:
    """Instants of a renewal process; the first comes one gap after 0.

    Args:
        interarrival: of the gaps, in microseconds; every gap is rounded for itself.
        generator: where the random numbers come from.
        stream: name of the source, for errors.
        count: no more instants than that; None: only `before_us` bounds them.
        before_us: only instants before that; None: only `count` bounds them.
        chunk: how many gaps are drawn at a time without a `count`; it changes no result.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if nothing bounds the process, if it has more than 100 million instants, or if an
            instant that is not cut off by `before_us` lies beyond 2**62 us.

    Example:
        >>> from qsession_sim.scenario.distributions import Constant
        >>> every = Constant[int](kind="constant", value=30)
        >>> renewal_times_us(every, np.random.default_rng(7), "everyday", count=None, before_us=90).tolist()
        [30, 60]
    """
    if before_us is not None:
        return _times_before(interarrival, generator, stream, count=count, before_us=before_us, chunk=chunk)
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


def check_rows(rows: float, stream: str) -> None:
    """Refuse a source that would fill the memory."""
    if rows > MOST_ROWS:
        raise source_error(
            stream,
            f"draws more than {MOST_ROWS:,} jobs, sessions or clients; "
            "ask for fewer, an earlier until or horizon, or a longer interarrival time",
        )


def _times_before(
    interarrival: AnyDistribution,
    generator: np.random.Generator,
    stream: str,
    *,
    count: int | None,
    before_us: int,
    chunk: int,
) -> Int64Array:
    # a renewal process has at least this many instants on average, less one
    if count is None and before_us > 2 * MOST_ROWS * mean(interarrival):
        check_rows(float("inf"), stream)
    chunks: list[Int64Array] = []
    rows, now_us = 0, 0
    while count is None or rows < count:
        size = chunk if count is None else min(chunk, count - rows)
        # a gap that leads past the bound may be of any length
        values = np.minimum(sample(interarrival, generator, size), float(LONGEST_US))
        times_us = now_us + np.cumsum(durations_us(values, f"{stream}.interarrival"))
        # no sum overflows before the first one that is past the bound
        past = times_us >= before_us
        if past.any():
            chunks.append(times_us[: int(np.argmax(past))])
            rows += len(chunks[-1])
            check_rows(rows, stream)
            break
        chunks.append(times_us)
        rows, now_us = rows + size, int(times_us[-1])
        check_rows(rows, stream)
    return np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.int64)


# -- Poisson processes whose rate changes with time, by inversion of their cumulative rate.
#
# If L(t) is the integral of the rate up to t, the instants are those at which L reaches the sums of
# independent exponentials with mean 1 (Cinlar, Introduction to Stochastic Processes, 1975, section 4.7). L is
# piecewise linear here, so nothing is rejected and nothing approximated.

_POISSON_CHUNK: Final = 1 << 14
_WEEK_US: Final = 168 * HOUR


def weekly_times_us(
    rates: tuple[Rate, ...],
    start: datetime,
    generator: np.random.Generator,
    stream: str,
    *,
    count: int | None,
    before_us: int | None,
) -> Int64Array:
    """Instants of a Poisson process with a rate for each hour of the week.

    Args:
        rates: at least one above 0.
        start: calendar instant of time 0.
        generator: where the random numbers come from.
        stream: name of the source, for errors.
        count: no more instants than that.
        before_us: only instants before that; without it `count` is given.

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

    if before_us is not None and count is None:
        check_rows(levels[-1] * (before_us / _WEEK_US - 1), stream)
    pieces: list[Float64Array] = []
    rows = 0
    for reached in _levels(generator):
        chunk = times_us(reached)
        if before_us is not None:
            chunk = chunk[chunk < before_us]
        pieces.append(chunk)
        rows += len(chunk)
        check_rows(rows, stream)
        if len(chunk) < len(reached) or (count is not None and rows >= count):
            break
    return _rounded(pieces, stream, count)


def bursty_times_us(
    bursts: Bursts,
    phases: np.random.Generator,
    generator: np.random.Generator,
    stream: str,
    *,
    count: int | None,
    before_us: int | None,
) -> Int64Array:
    """Instants of a Markov-modulated Poisson process with two phases, stationary from time 0 on.

    Args:
        bursts: the phases; at least one rate is above 0.
        phases: where the random numbers of the phases come from.
        generator: where those of the instants come from.
        stream: name of the source, for errors.
        count: no more instants than that.
        before_us: only instants before that; without it `count` is given.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if there are more than 100 million instants or phases, or an instant beyond 2**62 us.
    """
    _check_phases(bursts, stream, count, before_us)
    drawn = _levels(generator)
    waiting = next(drawn)
    pieces: list[Float64Array] = []
    rows = 0
    for edges_us, levels in _phases(bursts, phases):
        end = levels[-1] if before_us is None else min(levels[-1], np.interp(before_us, edges_us, levels))
        chunks, ready = [waiting], len(waiting)
        while chunks[-1][-1] <= end and (count is None or rows + ready < count):
            chunks.append(next(drawn))
            ready += _POISSON_CHUNK
            check_rows(rows + ready - _POISSON_CHUNK, stream)
        waiting = np.concatenate(chunks)
        here = waiting <= end
        chunk = np.interp(waiting[here], levels, edges_us)
        if before_us is not None:
            chunk = chunk[chunk < before_us]
        pieces.append(chunk)
        rows += len(chunk)
        if (before_us is not None and edges_us[-1] >= before_us) or (count is not None and rows >= count):
            break
        waiting = waiting[~here]
        if not len(waiting):
            waiting = next(drawn)
    return _rounded(pieces, stream, count)


def _check_phases(bursts: Bursts, stream: str, count: int | None, before_us: int | None) -> None:
    cycle_us = bursts.quiet.lasts + bursts.burst.lasts
    in_cycle = (
        bursts.quiet.per_hour * bursts.quiet.lasts + bursts.burst.per_hour * bursts.burst.lasts
    ) / HOUR
    cycles = [] if before_us is None else [before_us / cycle_us]
    cycles += [] if count is None else [count / in_cycle]
    if 2 * min(cycles) > MOST_ROWS:
        raise source_error(f"{stream}.bursts", f"has more than {MOST_ROWS:,} phases; let them last longer")
    if count is None:
        check_rows(in_cycle * (min(cycles) - 1) / 2, stream)


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
    while True:
        steps = generator.standard_exponential(_POISSON_CHUNK)
        steps[0] += reached
        levels = np.cumsum(steps)
        reached = float(levels[-1])
        yield levels


def _rounded(pieces: list[Float64Array], stream: str, count: int | None) -> Int64Array:
    # rounding down keeps instants before the bound
    times_us = np.floor(np.concatenate(pieces)[:count])
    return durations_us(times_us, stream)


Starts = ResolvedArrivals | ResolvedBatches | HumanStart


def start_times_us(
    starts: Starts, context: SourceContext, *, count: int | None, before_us: int | None
) -> Int64Array:
    """Instants by the way that is given.

    Args:
        starts: the ways.
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
    generator = context.generator(Purpose.INTERARRIVAL)
    if starts.interarrival is not None:
        return renewal_times_us(starts.interarrival, generator, name, count=count, before_us=before_us)
    if count is None and before_us is None:
        raise source_error(name, "nothing bounds it; give count, until or a horizon")
    if count is not None:
        check_rows(count, name)
    if starts.rates is not None:
        return weekly_times_us(starts.rates, context.start, generator, name, count=count, before_us=before_us)
    if starts.bursts is not None:
        phases = context.generator(Purpose.PHASES)
        return bursty_times_us(starts.bursts, phases, generator, name, count=count, before_us=before_us)
    raise source_error(name, "needs interarrival, rates, bursts or groups")

"""Poisson processes whose rate changes with time, by inversion of their cumulative rate.

If L(t) is the integral of the rate up to t, the instants are those at which L reaches the sums of independent
exponentials with mean 1 (Cinlar, Introduction to Stochastic Processes, 1975, section 4.7). L is piecewise
linear here, so nothing is thrown away and nothing approximated.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np

from qsession_sim.scenario.arrival_processes import Bursts, Rate, hourly_rates
from qsession_sim.scenario.quantities import MOST_ROWS
from qsession_sim.units import HOUR
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.distributions import Float64Array, durations_us
from qsession_sim.workload.problems import source_error
from qsession_sim.workload.renewal import check_rows

_CHUNK: Final = 1 << 14
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
    found: list[Float64Array] = []
    rows = 0
    for reached in _levels(generator):
        chunk = times_us(reached)
        if before_us is not None:
            chunk = chunk[chunk < before_us]
        found.append(chunk)
        rows += len(chunk)
        check_rows(rows, stream)
        if len(chunk) < len(reached) or (count is not None and rows >= count):
            break
    return _rounded(found, stream, count)


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
    found: list[Float64Array] = []
    rows = 0
    for edges_us, levels in _phases(bursts, phases):
        end = levels[-1] if before_us is None else min(levels[-1], np.interp(before_us, edges_us, levels))
        chunks, ready = [waiting], len(waiting)
        while chunks[-1][-1] <= end and (count is None or rows + ready < count):
            chunks.append(next(drawn))
            ready += _CHUNK
            check_rows(rows + ready - _CHUNK, stream)
        waiting = np.concatenate(chunks)
        here = waiting <= end
        chunk = np.interp(waiting[here], levels, edges_us)
        if before_us is not None:
            chunk = chunk[chunk < before_us]
        found.append(chunk)
        rows += len(chunk)
        if (before_us is not None and edges_us[-1] >= before_us) or (count is not None and rows >= count):
            break
        waiting = waiting[~here]
        if not len(waiting):
            waiting = next(drawn)
    return _rounded(found, stream, count)


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
    lasts_us = np.tile([float(phase.lasts) for phase in pair], _CHUNK // 2)
    rates = np.tile([phase.per_hour / HOUR for phase in pair], _CHUNK // 2)
    end_us = level = 0.0
    while True:
        spans_us = lasts_us * generator.standard_exponential(_CHUNK)
        edges_us = np.cumsum(np.concatenate([[end_us], spans_us]))
        levels = np.cumsum(np.concatenate([[level], spans_us * rates]))
        end_us, level = float(edges_us[-1]), float(levels[-1])
        yield edges_us, levels


def _levels(generator: np.random.Generator) -> Iterator[Float64Array]:
    """Sums of exponentials with mean 1, without end."""
    reached = 0.0
    while True:
        steps = generator.standard_exponential(_CHUNK)
        steps[0] += reached
        levels = np.cumsum(steps)
        reached = float(levels[-1])
        yield levels


def _rounded(found: list[Float64Array], stream: str, count: int | None) -> Int64Array:
    # rounding down keeps instants before the bound
    times_us = np.floor(np.concatenate(found)[:count])
    return durations_us(times_us, stream)

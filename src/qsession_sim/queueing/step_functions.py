"""Step functions of time, such as the length of a queue: values, integrals, averages. Pure NumPy, exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsession_sim.queueing.statistics import Float64Array, Int64Array, exact_sum, weighted_percentiles

_EVENTS_AT_ONCE = 1 << 13


@dataclass(frozen=True)
class StepFunction:
    """`values[i]` from `times_us[i]` up to, not including, `times_us[i + 1]`; the last one for ever.

    Both have shape (n,), n at least 1; times increase strictly.
    """

    times_us: Int64Array
    values: Int64Array


def count_inside(entered_us: Int64Array, left_us: Int64Array) -> StepFunction:
    """The number inside at each time, from time 0 on; only times at which it changes are kept.

    Events of one instant count together: whoever enters and leaves in the same instant is never inside.

    Args:
        entered_us: shape (n,), in any order, not negative.
        left_us: shape (m,), m at most n, in any order; whoever never leaves has no entry.

    Example:
        >>> inside = count_inside(np.array([0, 5, 5]), np.array([7, 5]))
        >>> inside.times_us.tolist(), inside.values.tolist()
        ([0, 5, 7], [1, 2, 1])
        >>> inside = count_inside(np.array([0, 5, 5]), np.array([5, 7]))
        >>> inside.times_us.tolist(), inside.values.tolist()
        ([0, 5, 7], [1, 2, 1])
    """
    entered_us, left_us = _increasing(entered_us), _increasing(left_us)
    # only what is written to takes memory
    times_us = np.empty(1 + len(entered_us) + len(left_us), dtype=np.int64)
    values = np.empty_like(times_us)
    entries = int(np.searchsorted(entered_us, 0, side="right"))
    exits = int(np.searchsorted(left_us, 0, side="right"))
    times_us[0], values[0], kept = 0, entries - exits, 1
    for cut_us in _cuts_us(entered_us, left_us):
        entries_before, exits_before = entries, exits
        entries = int(np.searchsorted(entered_us, cut_us, side="right"))
        exits = int(np.searchsorted(left_us, cut_us, side="right"))
        times, inside = _counts_at(
            entered_us[entries_before:entries], left_us[exits_before:exits], int(values[kept - 1])
        )
        times_us[kept : kept + len(times)] = times
        values[kept : kept + len(times)] = inside
        kept += len(times)
    return StepFunction(times_us[:kept], values[:kept])


def _increasing(times_us: Int64Array) -> Int64Array:
    """The times in order; without a copy if they are, as is usual."""
    return times_us if np.all(times_us[1:] >= times_us[:-1]) else np.sort(times_us)


def _cuts_us(entered_us: Int64Array, left_us: Int64Array) -> list[int]:
    """Instants that cut what happens into pieces that fit into the caches of a processor."""
    some = [times[_EVENTS_AT_ONCE::_EVENTS_AT_ONCE] for times in (entered_us, left_us)]
    last = [times[-1:] for times in (entered_us, left_us)]
    cuts: list[int] = np.unique(np.concatenate([*some, *last])).tolist()
    return cuts


def _counts_at(entered_us: Int64Array, left_us: Int64Array, inside: int) -> tuple[Int64Array, Int64Array]:
    """The instants at which the number inside changes, and the number from then on; `inside` was before."""
    times_us = np.concatenate((entered_us, left_us))
    order = np.argsort(times_us, kind="stable")  # this kind merges columns that are in order
    times_us = times_us[order]
    values = inside + np.cumsum(np.where(order < len(entered_us), 1, -1))
    complete = np.ones(len(times_us), dtype=np.bool_)  # the last of its instant
    np.not_equal(times_us[1:], times_us[:-1], out=complete[:-1])
    times_us, values = times_us[complete], values[complete]
    changed = np.diff(values, prepend=inside) != 0
    return times_us[changed], values[changed]


def value_at(step: StepFunction, at_us: Int64Array) -> Int64Array:
    """The values at given times, each not before the first time of the function.

    Example:
        >>> value_at(count_inside(np.array([2]), np.array([4])), np.array([0, 2, 3, 4])).tolist()
        [0, 1, 1, 0]
    """
    return step.values[np.searchsorted(step.times_us, at_us, side="right") - 1]


def integral(step: StepFunction, start_us: int, end_us: int) -> int:
    """The exact integral over [start, end]; start is not before the first time of the function.

    Example:
        >>> integral(count_inside(np.array([0, 5]), np.array([7])), 0, 10)
        12
    """
    whole = 0
    for first in range(0, len(step.times_us), _EVENTS_AT_ONCE):
        values = step.values[first : first + _EVENTS_AT_ONCE]
        edges = np.clip(step.times_us[first : first + len(values) + 1], start_us, end_us)
        if len(edges) == len(values):  # the last value holds for ever
            edges = np.append(edges, end_us)
        whole += exact_sum(values * np.diff(edges))
    return whole


def time_average(step: StepFunction, start_us: int, end_us: int) -> float:
    """The integral over [start, end] divided by its length.

    Raises:
        ValueError: if the length is not positive.

    Example:
        >>> time_average(count_inside(np.array([0, 5]), np.array([7])), 0, 10)
        1.2
    """
    if end_us <= start_us:
        raise ValueError(f"no time average over [{start_us}, {end_us}]")
    return integral(step, start_us, end_us) / (end_us - start_us)


def maximum(step: StepFunction, start_us: int, end_us: int) -> int:
    """The largest value in [start, end); start is not before the first time of the function.

    Raises:
        ValueError: if the stretch is empty.

    Example:
        >>> maximum(count_inside(np.array([0, 5]), np.array([7])), 0, 5)
        1
    """
    if end_us <= start_us:
        raise ValueError(f"no maximum over [{start_us}, {end_us})")
    first = int(np.searchsorted(step.times_us, start_us, side="right")) - 1
    stop = int(np.searchsorted(step.times_us, end_us, side="left"))
    return int(step.values[first:stop].max())


def time_percentiles(step: StepFunction, start_us: int, end_us: int, percents: Sequence[int]) -> list[float]:
    """Percentiles over time: the smallest value that is not exceeded for p percent of [start, end).

    Args:
        step: defined from `start_us` on.
        start_us: where the stretch begins, not before the first time of the function.
        end_us: where it ends, after `start_us`.
        percents: whole numbers from 0 to 100; see `statistics.weighted_percentiles`.

    Raises:
        ValueError: if the stretch is empty or begins before the function, or a percent is out of range.

    Example:
        >>> inside = count_inside(np.array([0, 5]), np.array([7]))
        >>> time_percentiles(inside, 0, 10, [0, 80, 81, 100])
        [1.0, 1.0, 2.0, 2.0]
    """
    if end_us <= start_us:
        raise ValueError(f"no time percentiles over [{start_us}, {end_us})")
    _check_start(step, start_us)
    edges = np.append(np.clip(step.times_us, start_us, end_us), end_us)
    return weighted_percentiles(step.values, np.diff(edges), percents)


def merge(steps: Sequence[StepFunction]) -> tuple[Int64Array, Int64Array]:
    """Bring several step functions to the times at which at least one of them may change.

    Args:
        steps: k functions, at least 1. The result begins where all of them are defined.

    Returns:
        Times of shape (n,), strictly increasing, and values of shape (k, n): row i is function i.

    Raises:
        ValueError: if there are no functions.

    Example:
        >>> one, two = count_inside(np.array([2]), np.array([9])), count_inside(np.array([5]), np.array([9]))
        >>> times, values = merge([one, two])
        >>> times.tolist(), values.tolist()
        ([0, 2, 5, 9], [[0, 1, 1, 0], [0, 0, 1, 0]])
    """
    if not steps:
        raise ValueError("there are no step functions to merge")
    start_us = max(int(step.times_us[0]) for step in steps)
    times_us = _instants([step.times_us for step in steps])
    times_us = times_us[times_us >= start_us]
    return times_us, np.stack([value_at(step, times_us) for step in steps])


def total(steps: Sequence[StepFunction]) -> StepFunction:
    """The sum of step functions, such as the queue of all QPUs; only times at which it changes are kept.

    Args:
        steps: at least 1. The sum begins where all of them are defined.

    Raises:
        ValueError: if there are no functions.

    Example:
        >>> one, two = count_inside(np.array([2]), np.array([9])), count_inside(np.array([5]), np.array([7]))
        >>> both = total([one, two])
        >>> both.times_us.tolist(), both.values.tolist()
        ([0, 2, 5, 7, 9], [0, 1, 2, 1, 0])
    """
    times_us, rows = merge(steps)
    values = rows.sum(axis=0, dtype=np.int64)
    changed = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return StepFunction(times_us[changed], values[changed])


def grid(start_us: int, end_us: int, cells: int) -> Int64Array:
    """Edges that cut [start, end] into cells of equal length, up to the rounding of an edge to a microsecond.

    Returns:
        Shape (cells + 1,), strictly increasing, from `start_us` to `end_us`; edges are rounded down.

    Raises:
        ValueError: if there is no cell, or more cells than microseconds.

    Example:
        >>> grid(0, 10, 4).tolist()
        [0, 2, 5, 7, 10]
    """
    if not 1 <= cells <= end_us - start_us:
        raise ValueError(f"[{start_us}, {end_us}] cannot be cut into {cells} cells")
    whole, rest = divmod(end_us - start_us, cells)
    number = np.arange(cells + 1, dtype=np.int64)
    return start_us + number * whole + number * rest // cells


def resample(step: StepFunction, edges_us: Int64Array) -> Float64Array:
    """The time average in each cell of a grid: a picture of any number of steps in as many points as it has.

    Each integral is exact, and divided once, so the averages weighted by the lengths of the cells give
    `time_average`. For the value at points rather than the average of cells there is `value_at`.

    Args:
        step: defined from the first edge on.
        edges_us: shape (n + 1,), n at least 1, strictly increasing; see `grid`.

    Returns:
        Averages, shape (n,).

    Raises:
        ValueError: if edges do not increase or begin before the function.
        OverflowError: if the largest value times the longest cell is beyond int64.

    Example:
        >>> resample(count_inside(np.array([0, 5]), np.array([7])), np.array([0, 4, 6, 10])).tolist()
        [1.0, 1.5, 1.25]
    """
    lengths = np.diff(edges_us)
    if len(lengths) == 0 or not np.all(lengths > 0):
        raise ValueError("edges must increase, and be at least 2")
    _check_start(step, int(edges_us[0]))
    inner = step.times_us[(step.times_us > edges_us[0]) & (step.times_us < edges_us[-1])]
    cuts = _instants([inner, edges_us])
    values = value_at(step, cuts[:-1])
    largest = max(abs(int(values.max())), abs(int(values.min())))
    if largest * int(lengths.max()) >= 2**63:
        raise OverflowError("the integral over a cell does not fit into int64: take shorter cells")
    integrals = np.add.reduceat(values * np.diff(cuts), np.searchsorted(cuts, edges_us[:-1]))
    return integrals / lengths


def _instants(columns: Sequence[Int64Array]) -> Int64Array:
    """The times in any of several increasing columns, each once."""
    times_us = np.sort(np.concatenate(columns), kind="stable")  # this kind merges columns that are in order
    first = np.ones(len(times_us), dtype=np.bool_)
    np.not_equal(times_us[1:], times_us[:-1], out=first[1:])
    return times_us[first]


def _check_start(step: StepFunction, start_us: int) -> None:
    if start_us < step.times_us[0]:
        raise ValueError(f"the function begins at {step.times_us[0]}, after {start_us}")

"""Step functions of time, such as the length of a queue: values, integrals, averages. Pure NumPy, exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsession_sim.queueing.statistics import exact_sum

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StepFunction:
    """`values[i]` from `times_us[i]` up to, not including, `times_us[i + 1]`; the last one for ever.

    Both have shape (n,), n at least 1; times increase strictly.
    """

    times_us: Int64Array
    values: Int64Array


def count_inside(entered_us: Int64Array, left_us: Int64Array) -> StepFunction:
    """How many are inside at each time, from time 0 on; only times at which the number changes are kept.

    What happens in one instant counts together: who enters and leaves at once is never inside.

    Args:
        entered_us: shape (n,), in any order, not negative.
        left_us: shape (m,), m at most n, in any order; who never leaves has no entry.

    Example:
        >>> inside = count_inside(np.array([0, 5, 5]), np.array([7, 5]))
        >>> inside.times_us.tolist(), inside.values.tolist()
        ([0, 5, 7], [1, 2, 1])
        >>> inside = count_inside(np.array([0, 5, 5]), np.array([5, 7]))
        >>> inside.times_us.tolist(), inside.values.tolist()
        ([0, 5, 7], [1, 2, 1])
    """
    times_us = np.concatenate((np.zeros(1, dtype=np.int64), entered_us, left_us))
    changes = np.ones(len(times_us), dtype=np.int64)
    changes[0] = 0
    changes[1 + len(entered_us) :] = -1
    order = np.argsort(times_us, kind="stable")  # this kind merges columns that are in order, as most are
    times_us = times_us[order]
    values = np.cumsum(changes[order])
    complete = np.ones(len(times_us), dtype=np.bool_)  # the last of its instant
    np.not_equal(times_us[1:], times_us[:-1], out=complete[:-1])
    times_us, values = times_us[complete], values[complete]
    changed = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return StepFunction(times_us[changed], values[changed])


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
    edges = np.append(np.clip(step.times_us, start_us, end_us), end_us)
    return exact_sum(step.values * np.diff(edges))


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

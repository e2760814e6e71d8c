"""Statistics of a sample: exact sums and means, percentiles, slowdown, fairness. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_LOW_BITS = 32
_LOW_MASK = (1 << _LOW_BITS) - 1
_BEYOND_INT64 = 1 << 63


def exact_sum(values: npt.NDArray[np.signedinteger]) -> int:
    """Sum integers without overflow, as a Python integer.

    Args:
        values: shape (n,), n below 2**31.

    Example:
        >>> exact_sum(np.array([2**62, 2**62, 2**62])) == 3 * 2**62
        True
    """
    if len(values) == 0:
        return 0
    largest = max(int(values.max()), -int(values.min()))
    if largest * len(values) < _BEYOND_INT64:  # as most are; this takes no memory
        return int(values.sum(dtype=np.int64))
    high = int((values >> _LOW_BITS).sum(dtype=np.int64))
    low = int((values & _LOW_MASK).sum(dtype=np.int64))
    return (high << _LOW_BITS) + low


def mean(values: npt.NDArray[np.signedinteger] | Float64Array) -> float:
    """Arithmetic mean; of integers, the float nearest to the exact mean.

    Args:
        values: shape (n,), n at least 1.

    Raises:
        ValueError: if there are no values.

    Example:
        >>> mean(np.array([1, 2, 6])), mean(np.array([0.5, 1.0]))
        (3.0, 0.75)
    """
    if len(values) == 0:
        raise ValueError("the mean of no values does not exist")
    if np.issubdtype(values.dtype, np.integer):
        return exact_sum(values.astype(np.int64, copy=False)) / len(values)
    return float(values.mean())


def percentiles(values: npt.NDArray[np.signedinteger] | Float64Array, percents: Sequence[int]) -> list[float]:
    """Percentiles with linear interpolation between order statistics.

    The p-th percentile of the ordered values x[0] … x[n-1] is the value at position p (n - 1) / 100, linear
    between neighbours: definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The
    American Statistician 50 (1996), and NumPy's default. The position is computed in integers.

    Args:
        values: shape (n,), n at least 1, in any order.
        percents: whole numbers from 0 to 100.

    Raises:
        ValueError: if there are no values, or a percent is out of range.

    Example:
        >>> percentiles(np.array([40, 10, 20, 30]), [0, 50, 90, 100])
        [10.0, 25.0, 37.0, 40.0]
    """
    if len(values) == 0:
        raise ValueError("the percentiles of no values do not exist")
    if any(not 0 <= percent <= 100 for percent in percents):
        raise ValueError(f"percents must be from 0 to 100, got {list(percents)}")
    last = len(values) - 1
    places = [divmod(percent * last, 100) for percent in percents]
    needed = {position for position, _ in places} | {min(position + 1, last) for position, _ in places}
    ordered = np.partition(values, sorted(needed))
    results = []
    for position, hundredths in places:
        low = ordered[position].item()
        step = ordered[min(position + 1, last)].item() - low
        results.append(float(low + step * hundredths / 100))
    return results


def weighted_percentiles(
    values: npt.NDArray[np.signedinteger] | Float64Array,
    weights: npt.NDArray[np.signedinteger] | Float64Array,
    percents: Sequence[int],
) -> list[float]:
    """Percentiles of values that count with weights, such as the time for which each one held.

    The p-th percentile is the smallest value such that it and all smaller ones have at least p / 100 of the
    whole weight: the inverse of the distribution function, definition 1 of Hyndman and Fan, named at
    `percentiles`. Always one of the values; nothing is interpolated. Integer weights are compared exactly.

    Args:
        values: shape (n,), in any order.
        weights: shape (n,), finite, not negative, at least one above 0; the sum of integers below 2**63.
        percents: whole numbers from 0 to 100; 0 is the smallest value that has weight.

    Raises:
        ValueError: if the shapes differ, a weight is negative or not finite, nothing has weight, or a percent
            is out of range.

    Example:
        >>> weighted_percentiles(np.array([5, 1, 2]), np.array([1, 5, 4]), [0, 50, 51, 90, 91])
        [1.0, 1.0, 2.0, 2.0, 5.0]
    """
    if values.shape != weights.shape or values.ndim != 1:
        raise ValueError(f"shapes differ: {values.shape} values, {weights.shape} weights")
    if any(not 0 <= percent <= 100 for percent in percents):
        raise ValueError(f"percents must be from 0 to 100, got {list(percents)}")
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError("weights must be finite and not negative")
    weighty = weights > 0
    if not np.any(weighty):
        raise ValueError("the percentiles of values without weight do not exist")
    values, weights = values[weighty], weights[weighty]
    order = np.argsort(values)
    upto = np.cumsum(weights[order])
    whole = upto[-1].item()
    # of integers the smallest one that is at least the share; Python's integers do not overflow
    shares = [
        -(-percent * whole // 100) if isinstance(whole, int) else whole * (percent / 100)
        for percent in percents
    ]
    places = np.searchsorted(upto, np.array(shares, dtype=upto.dtype), side="left")
    return [float(value) for value in values[order][places].tolist()]


def slowdown(waiting_us: Int64Array, service_us: Int64Array) -> Float64Array:
    """Response time over service time: (waiting + service) / service, at least 1.

    Source: D. G. Feitelson and L. Rudolph, "Metrics and benchmarking for parallel job scheduling" (1998).

    Args:
        waiting_us: shape (n,), at least 0.
        service_us: shape (n,), at least 1.

    Example:
        >>> slowdown(np.array([0, 30]), np.array([5, 10])).tolist()
        [1.0, 4.0]
    """
    return (waiting_us + service_us) / service_us


def bounded_slowdown(waiting_us: Int64Array, service_us: Int64Array, bound_us: int) -> Float64Array:
    """Slowdown in which short jobs do not count as shorter than a bound.

    max(1, (waiting + service) / max(service, bound)), from the same source as `slowdown`.

    Args:
        waiting_us: shape (n,), at least 0.
        service_us: shape (n,), at least 0.
        bound_us: at least 1; 10 s is usual.

    Example:
        >>> bounded_slowdown(np.array([0, 30, 30]), np.array([5, 10, 60]), bound_us=20).tolist()
        [1.0, 2.0, 1.5]
    """
    ratios = (waiting_us + service_us) / np.maximum(service_us, bound_us)
    return np.maximum(1.0, ratios, out=ratios)


def jain_index(shares: Float64Array) -> float:
    """Fairness of an allocation: (sum x)^2 / (n sum x^2), from 1/n (one gets all) to 1 (all get the same).

    Source: R. Jain, D.-M. Chiu and W. Hawe, "A quantitative measure of fairness and discrimination for
    resource allocation in shared computer systems", DEC-TR-301, 1984.

    Args:
        shares: shape (n,), not negative, at least one above 0.

    Raises:
        ValueError: if no share is above 0.

    Example:
        >>> jain_index(np.array([1.0, 1.0])), jain_index(np.array([1.0, 0.0, 0.0, 0.0]))
        (1.0, 0.25)
    """
    squares = float((shares * shares).sum())
    if squares == 0.0:
        raise ValueError("the fairness of nothing to share does not exist")
    return float(shares.sum()) ** 2 / (len(shares) * squares)

"""Waiting times by recursion, without a simulation. Pure NumPy, exact in int64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]


def lindley(arrival_us: Int64Array, service_us: Int64Array) -> Int64Array:
    """Waiting times of one server, first in first out (S79).

    W[0] = 0 and W[n+1] = max(0, W[n] + service[n] - (arrival[n+1] - arrival[n])): D. V. Lindley, "The theory
    of queues with a single server", Proc. Cambridge Phil. Soc. 48 (1952). Computed without a loop: with P the
    sums of the increments, P[0] = 0, the recursion is W[n] = P[n] - min(P[0], ..., P[n]).

    Args:
        arrival_us: shape (n,), not decreasing.
        service_us: shape (n,), not negative.

    Returns:
        Time from arrival to the start of service, shape (n,).

    Raises:
        ValueError: if the shapes differ or arrivals decrease.

    Example:
        >>> lindley(np.array([0, 3, 4, 30]), np.array([10, 5, 1, 7])).tolist()
        [0, 7, 11, 0]
    """
    if arrival_us.shape != service_us.shape or arrival_us.ndim != 1:
        raise ValueError(f"shapes differ: {arrival_us.shape} arrivals, {service_us.shape} service times")
    gaps = np.diff(arrival_us)
    if np.any(gaps < 0):
        raise ValueError("arrivals must not decrease")
    sums = np.zeros(len(arrival_us), dtype=np.int64)
    np.cumsum(service_us[:-1] - gaps, out=sums[1:])
    return sums - np.minimum.accumulate(sums)

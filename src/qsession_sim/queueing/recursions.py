"""Waiting times by recursion, without a simulation. Pure NumPy, exact in int64."""

from __future__ import annotations

from heapq import heapreplace
from typing import Final

import numpy as np

from qsession_sim.queueing.statistics import Int64Array

_LARGEST: Final = 2**63 - 1


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
        ValueError: if the shapes differ, arrivals decrease or a service time is negative.
        OverflowError: if all arrivals or all services together span more than int64 holds.

    Example:
        >>> lindley(np.array([0, 3, 4, 30]), np.array([10, 5, 1, 7])).tolist()
        [0, 7, 11, 0]
    """
    _check(arrival_us, service_us)
    span_us = int(arrival_us[-1]) - int(arrival_us[0]) if len(arrival_us) else 0
    served_us = np.cumsum(service_us)
    if span_us > _LARGEST or np.any(served_us[1:] < served_us[:-1]):  # a sum that wraps around falls
        raise OverflowError("arrivals or services together are longer than int64 holds")
    sums = np.zeros(len(arrival_us), dtype=np.int64)
    np.cumsum(service_us[:-1] - np.diff(arrival_us), out=sums[1:])
    return sums - np.minimum.accumulate(sums)


def kiefer_wolfowitz(arrival_us: Int64Array, service_us: Int64Array, servers: int) -> Int64Array:
    """Waiting times of several equal servers with one queue, first in first out.

    The recursion carries the time at which each server becomes free: an arrival takes the earliest. That is
    the sorted vector of residual work of J. Kiefer and J. Wolfowitz, "On the theory of queues with many
    servers", Trans. American Mathematical Society 78 (1955), in absolute time and kept in a heap.

    Args:
        arrival_us: shape (n,), not decreasing.
        service_us: shape (n,), not negative.
        servers: at least 1; with 1 the result is that of `lindley`, which is faster.

    Returns:
        Time from arrival to the start of service, shape (n,).

    Raises:
        ValueError: if the shapes differ, arrivals decrease, a service time is negative or there is no server.
        OverflowError: if a job waits longer than int64 holds.

    Example:
        >>> kiefer_wolfowitz(np.array([0, 3, 4, 30]), np.array([10, 5, 1, 7]), servers=2).tolist()
        [0, 0, 4, 0]
    """
    _check(arrival_us, service_us)
    if servers < 1:
        raise ValueError(f"there must be at least 1 server, got {servers}")
    # no more servers than jobs are ever used, and every time before the first arrival means free
    free_us = [int(arrival_us[0])] * min(servers, len(arrival_us)) if len(arrival_us) else []
    waiting: list[int] = []
    for arrival, service in zip(arrival_us.tolist(), service_us.tolist(), strict=True):
        start = max(free_us[0], arrival)
        waiting.append(start - arrival)
        heapreplace(free_us, start + service)
    return np.array(waiting, dtype=np.int64)


def departure_times(arrival_us: Int64Array, service_us: Int64Array, servers: int = 1) -> Int64Array:
    """When each job leaves a queue of one or several servers, first in first out.

    Args:
        arrival_us: shape (n,), not decreasing.
        service_us: shape (n,), not negative.
        servers: at least 1.

    Returns:
        Arrival plus waiting plus service, shape (n,), in the order of arrival. With several servers a job may
        leave before one that came earlier.

    Raises:
        ValueError: as `lindley` and `kiefer_wolfowitz`.
        OverflowError: as these, or if a job leaves later than int64 holds.

    Example:
        >>> arrivals, services = np.array([0, 3, 4, 30]), np.array([10, 5, 1, 7])
        >>> departure_times(arrivals, services).tolist()
        [10, 15, 16, 37]
        >>> departure_times(arrivals, services, servers=2).tolist()
        [10, 8, 9, 37]
    """
    waiting_us = (
        lindley(arrival_us, service_us) if servers == 1 else kiefer_wolfowitz(arrival_us, service_us, servers)
    )
    if np.any(waiting_us > _LARGEST - service_us) or np.any(arrival_us > _LARGEST - service_us - waiting_us):
        raise OverflowError("a job leaves later than int64 holds")
    return arrival_us + waiting_us + service_us


def _check(arrival_us: Int64Array, service_us: Int64Array) -> None:
    if arrival_us.shape != service_us.shape or arrival_us.ndim != 1:
        raise ValueError(f"shapes differ: {arrival_us.shape} arrivals, {service_us.shape} service times")
    if np.any(arrival_us[1:] < arrival_us[:-1]):
        raise ValueError("arrivals must not decrease")
    if np.any(service_us < 0):
        raise ValueError("service times must not be negative")

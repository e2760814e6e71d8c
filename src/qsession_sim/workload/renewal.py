"""Renewal processes: instants with independent gaps between them."""

from __future__ import annotations

from typing import Final

import numpy as np

from qsession_sim.scenario.quantities import MOST_ROWS
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.distributions import (
    AnyDistribution,
    durations_us,
    mean,
    sample,
    sampled_durations_us,
)
from qsession_sim.workload.problems import source_error

_CHUNK: Final = 1 << 16


def renewal_times_us(
    interarrival: AnyDistribution,
    generator: np.random.Generator,
    stream: str,
    *,
    count: int | None,
    before_us: int | None,
    chunk: int = _CHUNK,
) -> Int64Array:
    """Instants of a renewal process; the first comes one gap after 0.

    Args:
        interarrival: of the gaps, in microseconds; every gap is rounded for itself.
        generator: where the random numbers come from.
        stream: name of the source, for errors.
        count: no more instants than that; None: only `before_us` bounds them.
        before_us: only instants before that; None: only `count` bounds them.
        chunk: how many gaps are drawn at a time where `count` does not tell; it changes no result.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if nothing bounds the process, if it has more than 100 million instants, or if an
            instant that is not cut off by `before_us` lies beyond 2**62 us.

    Example:
        >>> from qsession_sim.scenario.quantities import Constant
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

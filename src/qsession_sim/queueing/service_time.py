"""QPU times of many jobs at once."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_LONGEST_US: Final = 2.0**62
_LARGEST_EXPONENT: Final = 600.0


def execution_times_us(
    circuits: Int64Array,
    shots: Int64Array,
    overhead_us: int,
    per_execution_us: int,
    noise: Float64Array | None = None,
) -> Int64Array:
    """QPU times of jobs: (overhead + per_execution x circuits x shots) x noise.

    The formula is the short form of the service's page on estimating the usage of a job: 2 s + 350 us x
    executions, an execution being one shot of one circuit. Over the 7,449 public jobs in
    ``manosgior/Qonductor-SC25`` (MIT) it explains 98 % of the variance, and the logarithm of measured over
    predicted has a robust spread of 0.32: see `lognormal_noise`.

    Args:
        circuits: number of circuits of each job, at least 1; shape (jobs,).
        shots: number of shots of each circuit, at least 1; shape (jobs,).
        overhead_us: microseconds that a job takes besides its executions.
        per_execution_us: microseconds that an execution takes.
        noise: factor on the whole time of each job; shape (jobs,). Without it only integers are used.

    Returns:
        Microseconds, shape (jobs,), rounded half to even once, at least 1 (S2).

    Raises:
        OverflowError: if a time is longer than 2**62 microseconds.

    Example:
        >>> execution_times_us(np.array([1, 10]), np.array([4000, 4000]), 2_000_000, 350).tolist()
        [3400000, 16000000]
        >>> execution_times_us(np.array([1]), np.array([1]), 2, 1, noise=np.array([1.5])).tolist()
        [4]
    """
    executions = circuits.astype(np.float64) * shots
    _check(overhead_us + per_execution_us * executions)
    exact_us: Int64Array = overhead_us + per_execution_us * circuits * shots
    if noise is None:
        return np.maximum(exact_us, 1)
    noisy_us = exact_us * noise
    _check(noisy_us)
    return np.maximum(np.rint(noisy_us).astype(np.int64), 1)


def lognormal_noise(generator: np.random.Generator, sigma: float, jobs: int) -> Float64Array:
    """Factors exp(sigma Z) with Z standard normal: median 1, spread of the logarithm `sigma`.

    Args:
        generator: where the random numbers come from.
        sigma: spread of the logarithm, at least 0; 0.32 fits the jobs named at `execution_times_us`.
        jobs: how many factors.

    Returns:
        Factors, shape (jobs,), all positive and finite.

    Example:
        >>> lognormal_noise(np.random.default_rng(7), 0.0, 3).tolist()
        [1.0, 1.0, 1.0]
    """
    with np.errstate(over="ignore"):
        exponents = sigma * generator.standard_normal(jobs)
    # the limit is beyond every time that can be written, and keeps products with it finite
    return np.exp(np.clip(exponents, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))


def _check(times_us: Float64Array) -> None:
    if not np.all(times_us <= _LONGEST_US):
        raise OverflowError("a QPU time is longer than 2**62 us, about 146,000 years")

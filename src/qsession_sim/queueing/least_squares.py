"""Ordinary least squares: a straight line through measured times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearFit:
    """A fitted line.

    Attributes:
        intercept: the value where every column is 0.
        coefficients: one for each column, in their order.
        r_squared: share of the variance that the line explains.
        residual_spread: square root of the sum of squared residuals over the degrees of freedom, which are
            the measurements less the fitted numbers; in the unit of the values.
    """

    intercept: float
    coefficients: tuple[float, ...]
    r_squared: float
    residual_spread: float


def fit_line(columns: Float64Array, values: Float64Array) -> LinearFit:
    """Find the intercept and coefficients with the least sum of squared residuals.

    Args:
        columns: what is known of each measurement; shape (measurements, columns).
        values: what was measured; shape (measurements,).

    Raises:
        ValueError: if there are no more measurements than numbers to fit, if all values are equal, or if a
            column is constant or a sum of multiples of others, so that no single best line exists.

    Example:
        >>> fit = fit_line(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 3.0, 3.0]))
        >>> round(fit.intercept, 9), round(fit.coefficients[0], 9), round(fit.r_squared, 9)
        (0.5, 1.5, 0.75)
        >>> round(fit.residual_spread**2, 9)
        1.5
    """
    measurements, fitted = columns.shape[0], columns.shape[1] + 1
    if measurements <= fitted:
        raise ValueError(f"{measurements} measurements are too few to fit {fitted} numbers; more are needed")
    centre, middle = columns.mean(axis=0), values.mean()
    # columns of the same size keep a column of millions from hiding one of single digits
    scale = np.abs(columns - centre).max(axis=0)
    variation = float(((values - middle) ** 2).sum())
    if variation == 0:
        raise ValueError("all measured times are equal; there is nothing to explain")
    if np.any(scale == 0):
        raise ValueError("a column has the same value everywhere; its coefficient cannot be told")
    solution, _, rank, _ = np.linalg.lstsq((columns - centre) / scale, values - middle, rcond=None)
    if rank < columns.shape[1]:
        raise ValueError("one column follows from the others; their coefficients cannot be told apart")
    coefficients = solution / scale
    residuals = values - middle - (columns - centre) @ coefficients
    unexplained = float((residuals**2).sum())
    return LinearFit(
        intercept=float(middle - centre @ coefficients),
        coefficients=tuple(coefficients.tolist()),
        r_squared=1 - unexplained / variation,
        residual_spread=float(np.sqrt(unexplained / (measurements - fitted))),
    )

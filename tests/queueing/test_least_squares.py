"""Ordinary least squares against lines worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsession_sim.queueing.service_time import fit_line


def table(*rows):
    return np.array(rows, dtype=np.float64)


def test_a_line_through_three_points_is_the_one_worked_out_by_hand():
    """x 1, 2, 3 and y 2, 5, 5: slope 3/2, intercept 1, residuals -1/2, 1, -1/2, one degree of freedom."""
    fit = fit_line(table([1], [2], [3]), table(2, 5, 5))

    assert (fit.intercept, *fit.coefficients) == pytest.approx((1, 1.5), rel=1e-12)
    assert fit.r_squared == pytest.approx(1 - 1.5 / 6, rel=1e-12)
    assert fit.residual_spread == pytest.approx(math.sqrt(1.5), rel=1e-12)


def test_columns_of_any_size_have_the_coefficients_from_which_the_values_were_made():
    """2 s + 431 us x executions + 0.2 s x qubits + 48 us x depth, without any deviation."""
    executions, qubits, depth = table(1e3, 1e6, 2e7, 5e5, 1e4), table(2, 3, 5, 5, 2), table(5, 80, 10, 1, 200)
    seconds = 2 + 431e-6 * executions + 0.2 * qubits + 48e-6 * depth

    fit = fit_line(np.column_stack([executions, qubits, depth]), seconds)

    assert (fit.intercept, *fit.coefficients) == pytest.approx((2, 431e-6, 0.2, 48e-6), rel=1e-6)
    assert fit.r_squared == pytest.approx(1, abs=1e-12)
    assert fit.residual_spread == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("columns", "values", "why"),
    [
        pytest.param(table([1], [2]), table(1, 2), "2 measurements are too few to fit 2 numbers", id="few"),
        pytest.param(table([1], [2], [3]), table(5, 5, 5), "all measured times are equal", id="equal_times"),
        pytest.param(
            table([1, 7], [2, 7], [3, 7], [4, 7]), table(1, 2, 3, 5), "same value everywhere", id="constant"
        ),
        pytest.param(
            table([1, 2], [2, 4], [3, 6], [4, 8]), table(1, 2, 3, 5), "cannot be told apart", id="multiple"
        ),
    ],
)
def test_measurements_that_tell_no_single_line_are_refused(columns, values, why):
    with pytest.raises(ValueError, match=why):
        fit_line(columns, values)

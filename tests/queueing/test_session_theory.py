"""Gaps of a lone session against hand arithmetic and numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.queueing.theory import IdleTimeout, exponential_think

positive = st.floats(0.01, 100.0)


def test_by_hand():
    """T = m ln 4: three of four gaps end before; held 3/4 of m = 6 on average, of 8 + 4 in a cycle."""
    found = exponential_think(mean_think=8.0, timeout=8.0 * math.log(4), mean_service=4.0)
    assert (found.deactivates, found.mean_held) == pytest.approx((0.25, 6.0), rel=1e-12)
    assert found.held_share == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("mean_think", "timeout", "expected"),
    [
        (6.0, math.inf, IdleTimeout(deactivates=0.0, mean_held=6.0, held_share=0.75)),
        (6.0, 0.0, IdleTimeout(deactivates=1.0, mean_held=0.0, held_share=0.0)),
        (0.0, 0.0, IdleTimeout(deactivates=0.0, mean_held=0.0, held_share=0.0)),
        (0.0, 5.0, IdleTimeout(deactivates=0.0, mean_held=0.0, held_share=0.0)),
    ],
)
def test_limits(mean_think, timeout, expected):
    assert exponential_think(mean_think, timeout, mean_service=2.0) == expected


@given(positive, positive)
def test_held_time_is_the_mean_of_the_shorter_of_both(mean_think, timeout):
    """The integral of min(z, T) times the density, by quantiles: midpoints of 100,000 equal shares."""
    quantiles = -mean_think * np.log1p(-(np.arange(100_000) + 0.5) / 100_000)
    found = exponential_think(mean_think, timeout, mean_service=1.0)
    assert np.minimum(quantiles, timeout).mean() == pytest.approx(found.mean_held, rel=2e-4)
    assert np.mean(quantiles > timeout) == pytest.approx(found.deactivates, abs=2e-5)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((-1.0, 1.0, 1.0), "mean_think"),
        ((math.inf, 1.0, 1.0), "mean_think"),
        ((1.0, -1.0, 1.0), "timeout"),
        ((1.0, math.nan, 1.0), "timeout"),
        ((1.0, 1.0, 0.0), "mean_service"),
        ((1.0, 1.0, math.inf), "mean_service"),
    ],
)
def test_outside_the_domain_is_an_error(arguments, name):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        exponential_think(*arguments)

"""An estimate beside a closed form, and one test for a whole family of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from qsession_sim.experiment.statistics_of_pairs import holm
from qsession_sim.queueing.confidence import Interval, t_quantile

FAMILY_ERROR: Final = 0.001
"""Largest probability with which correct code fails the test of the family, if intervals are exact."""

POWER: Final = 0.9
"""Probability with which the error that is told by `detectable` is found."""


@dataclass(frozen=True)
class Comparison:
    """One number of a simulated system, and what theory says of it. Times are in seconds.

    Attributes:
        system: such as M/M/1.
        setting: where on the grid, in words.
        position: the same as a number, for figures.
        quantity: what is compared.
        formula: module and function of `queueing` that has it.
        theory: its value there, not 0.
        interval: the estimate.
    """

    system: str
    setting: str
    position: float
    quantity: str
    formula: str
    theory: float
    interval: Interval

    @property
    def standard_error(self) -> float:
        """Estimated standard deviation of the estimate."""
        interval = self.interval
        return interval.half_width / t_quantile((1 + interval.level) / 2, interval.degrees_of_freedom)

    @property
    def z(self) -> float:
        """Standard errors from theory to the estimate."""
        difference = self.interval.estimate - self.theory
        if self.standard_error > 0:
            return difference / self.standard_error
        return math.copysign(math.inf, difference) if difference else 0.0

    @property
    def p_value(self) -> float:
        """Probability of a difference at least as large, to either side, if theory is right."""
        from scipy.special import stdtr

        return 2 * float(stdtr(self.interval.degrees_of_freedom, -abs(self.z)))


class Experiment(NamedTuple):
    """One place on the grid: a name, and what simulates and compares there, given a seed."""

    name: str
    compare: Callable[[int], Sequence[Comparison]]


def differing(p_values: Sequence[float], family_error: float = FAMILY_ERROR) -> list[int]:
    """Which of several tests fail, by the step-down procedure of Holm, see `statistics_of_pairs.holm`.

    Whatever the dependence between the tests, the probability that a true hypothesis is among those that
    fail is at most the error.

    Args:
        p_values: shape (n,), each from 0 to 1.
        family_error: above 0 and below 1.

    Returns:
        Positions of those that fail, in increasing order.

    Example:
        >>> differing([0.02, 0.5, 0.001, 0.3], family_error=0.05)  # 0.001 < 0.05/4, but 0.02 > 0.05/3
        [2]
    """
    return [position for position, adjusted in enumerate(holm(p_values)) if adjusted <= family_error]


def critical_z(tests: int, family_error: float = FAMILY_ERROR) -> float:
    """Standard errors beyond which the largest of several differences fails, for a normal distribution.

    Example:
        >>> round(critical_z(tests=1, family_error=0.05), 2)
        1.96
    """
    from scipy.special import ndtri

    return -float(ndtri(family_error / tests / 2))


def detectable(comparison: Comparison, tests: int) -> float:
    """The relative error of a formula that the family finds, here alone, with probability `POWER`.

    Args:
        comparison: says how precise the estimate is.
        tests: number of comparisons in the family.
    """
    from scipy.special import ndtri

    distance = critical_z(tests) + float(ndtri(POWER))
    return distance * comparison.standard_error / abs(comparison.theory)

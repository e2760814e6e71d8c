"""Search for the best of few settings: differential evolution, with every evaluation kept.

The optimiser is `scipy.optimize.differential_evolution` (R. Storn and K. Price, "Differential Evolution - a
simple and efficient heuristic for global optimization over continuous spaces", Journal of Global Optimization
11, 1997). It needs no derivatives, asks for a whole generation of points at once, and takes constraints as
J. Lampinen proposed ("A constraint handling approach for the differential evolution algorithm", Congress on
Evolutionary Computation, 2002): what satisfies them always beats what does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.experiment.ranges import Range

Float64Array = npt.NDArray[np.float64]
Values = tuple[float, ...]
"""One value for each range."""

MEMBERS: Final = {1: 8, 2: 16}
"""Points of a generation, by the number of settings; those of the first cover the ranges evenly."""

CLOSE_ENOUGH: Final = 0.01
"""The search ends when all members lie within this share of every range."""


@dataclass(frozen=True)
class Merit:
    """How good a point is.

    Attributes:
        value: what is minimised; infinite where there is no value.
        excess: by how much each constraint is missed; 0 or less where it holds.
    """

    value: float
    excess: tuple[float, ...]

    @property
    def feasible(self) -> bool:
        """Whether there is a value and every constraint holds."""
        return math.isfinite(self.value) and all(part <= 0 for part in self.excess)


Evaluate = Callable[[Sequence[Values]], Sequence[Merit]]


def search(
    ranges: Sequence[Range], evaluate: Evaluate, *, evaluations: int, seed: int
) -> dict[Values, Merit]:
    """Look for the values with the smallest merit among those that satisfy the constraints.

    Args:
        ranges: one or two.
        evaluate: from new points, each asked for once, to their merits.
        evaluations: at most so many points, at least two generations.
        seed: of the optimiser; the same seed and merits give the same points.

    Returns:
        All points with their merits, in the order in which they were asked for.

    Raises:
        ValueError: if `evaluations` is less than two generations.

    Example:
        >>> from qsession_sim.experiment.ranges import read_range
        >>> found = search(
        ...     [read_range("x=0..9")], lambda points: [Merit(-x, (x - 6,)) for (x,) in points],
        ...     evaluations=40, seed=1,
        ... )
        >>> best(found)
        (6,)
    """
    members = MEMBERS[len(ranges)]
    generations = evaluations // members
    if generations < 2:
        raise ValueError(f"a search needs at least {2 * members} evaluations, not {evaluations}")
    from scipy.optimize import NonlinearConstraint, differential_evolution

    points = _Points(ranges, evaluate)
    constraints: Any = ()
    if points.excess(_first_generation(len(ranges)).T).size:
        constraints = (NonlinearConstraint(points.excess, -np.inf, 0.0),)
    differential_evolution(
        points.value,
        [(0.0, 1.0)] * len(ranges),
        init=_first_generation(len(ranges)),
        maxiter=generations - 1,
        tol=0,
        polish=False,
        vectorized=True,
        updating="deferred",
        constraints=constraints,
        callback=_close_together,
        seed=np.random.default_rng(seed),
    )
    return points.found


def best(found: dict[Values, Merit]) -> Values | None:
    """The feasible point with the smallest merit, of equal ones the first; None if there is none."""
    feasible = {values: merit for values, merit in found.items() if merit.feasible}
    return min(feasible, key=lambda values: feasible[values].value) if feasible else None


def front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Which points are on the trade-off curve: no other point is as good in all and better in one (Pareto).

    Args:
        points: each with the same number of coordinates, smaller being better.

    Example:
        >>> front([(1, 5), (2, 2), (3, 3), (2, 2), (5, 1)])
        [True, True, False, True, True]
    """
    if not points:
        return []
    values = np.array(points, dtype=np.float64)
    return [
        not bool(((values <= point).all(axis=1) & (values < point).any(axis=1)).any()) for point in values
    ]


class _Points:
    """What the optimiser asks for, by shares of the ranges; points that round to the same values are one."""

    def __init__(self, ranges: Sequence[Range], evaluate: Evaluate) -> None:
        self.found: dict[Values, Merit] = {}
        self._ranges = ranges
        self._evaluate = evaluate

    def value(self, shares: Float64Array) -> Float64Array:
        """Merits of points, from shape (settings, points) to (points,)."""
        return np.array([merit.value for merit in self._merits(shares)])

    def excess(self, shares: Float64Array) -> Float64Array:
        """Excesses of points, from shape (settings, points) to (constraints, points)."""
        return np.array([merit.excess for merit in self._merits(shares)]).T

    def _merits(self, shares: Float64Array) -> list[Merit]:
        asked: list[Values] = [
            tuple(one.value_at(float(share)) for one, share in zip(self._ranges, column, strict=True))
            for column in np.atleast_2d(shares.T)
        ]
        new = [values for values in dict.fromkeys(asked) if values not in self.found]
        if new:
            self.found.update(zip(new, self._evaluate(new), strict=True))
        return [self.found[values] for values in asked]


def _first_generation(settings: int) -> Float64Array:
    """Evenly spread shares with both ends, shape (members, settings)."""
    each = np.linspace(0.0, 1.0, round(MEMBERS[settings] ** (1 / settings)))
    return np.stack([axis.ravel() for axis in np.meshgrid(*[each] * settings)], axis=1)


def _close_together(intermediate_result: Any) -> bool:
    return bool(np.ptp(intermediate_result.population, axis=0).max() < CLOSE_ENOUGH)

"""The best values of few settings: what is wanted, what must hold, and the search; every evaluation is kept.

The optimiser is `scipy.optimize.differential_evolution` (R. Storn and K. Price, "Differential Evolution - a
simple and efficient heuristic for global optimization over continuous spaces", Journal of Global Optimization
11, 1997). It needs no derivatives, asks for a whole generation of points at once, and handles constraints as
J. Lampinen proposed ("A constraint handling approach for the differential evolution algorithm", Congress on
Evolutionary Computation, 2002): what satisfies them always beats what does not.

The best value of a single setting is then refined between its neighbours by Brent's method, golden sections
with parabolas (`scipy.optimize.minimize_scalar`, `bounded`): it often lies at the edge of what a constraint
allows, next to a stretch in which nothing changes any more, and there a population stops contracting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from qsession_sim.errors import DurationError, StudyError
from qsession_sim.experiment.variations import Range
from qsession_sim.units import parse_duration

_CONSTRAINT: Final = re.compile(r"\s*(?P<metric>.+?)\s*(?P<sign><=|>=)\s*(?P<bound>.+?)\s*", re.ASCII)
# \u00d7 is the sign of multiplication
_OF_BASELINE: Final = re.compile(r"(?:(?P<factor>[^x*\u00d7]+?)\s*[x*\u00d7]\s*)?baseline")
_EXAMPLE: Final = '"p95_makespan <= 1.05 x baseline"'

Means = Mapping[str, float | None]
"""The mean of each metric over replications; None where a replication has no value."""


@dataclass(frozen=True)
class Objective:
    """A metric to be minimised or maximised."""

    metric: str
    direction: Literal["minimise", "maximise"]

    def value(self, means: Means) -> float:
        """What is minimised; infinite without a value.

        Example:
            >>> Objective("utilization", "maximise").value({"utilization": 0.8})
            -0.8
        """
        mean = means[self.metric]
        if mean is None:
            return math.inf
        return mean if self.direction == "minimise" else -mean


@dataclass(frozen=True)
class Constraint:
    """A bound that a metric must keep.

    Attributes:
        text: as it was given.
        metric: what is bounded.
        sign: whether the bound is the largest or the smallest value that is allowed.
        bound: microseconds for a duration; or, if `of_baseline`, a factor.
        of_baseline: the bound is that factor times the value of the scenario as it stands.
    """

    text: str
    metric: str
    sign: Literal["<=", ">="]
    bound: float
    of_baseline: bool

    def limit(self, baseline: Means) -> float:
        """The bound in the metric's unit.

        Args:
            baseline: the metrics of the scenario as it stands.

        Raises:
            StudyError: if the baseline has no value for the metric.
        """
        if not self.of_baseline:
            return self.bound
        mean = baseline[self.metric]
        if mean is None:
            raise StudyError(
                f"--subject-to {self.text}: the scenario as it stands has no {self.metric} in at least one "
                "replication; write the bound as a value"
            )
        return self.bound * mean

    def excess(self, means: Means, baseline: Means) -> float:
        """By how much the bound is missed, as a share of it where it is not 0; 0 or less if it is kept.

        Example:
            >>> constraint = read_constraint("p95_makespan <= 1.05 x baseline")
            >>> round(constraint.excess({"p95_makespan": 126.0}, {"p95_makespan": 100.0}), 3)
            0.2
        """
        mean, limit = means[self.metric], self.limit(baseline)
        if mean is None:
            return math.inf
        missed = mean - limit if self.sign == "<=" else limit - mean
        return missed / abs(limit) if limit else missed


def read_constraint(text: str) -> Constraint:
    """Read `METRIC <= BOUND` or `METRIC >= BOUND`.

    The bound is a duration, a number, a percentage, `baseline`, or `NUMBER x baseline`.

    Raises:
        StudyError: if it is anything else.

    Example:
        >>> read_constraint("mean_waiting[mode=job] <= 90s").bound
        90000000.0
        >>> read_constraint("utilization >= 80 %").bound
        0.8
        >>> read_constraint("p95_makespan <= 1.05 x baseline").of_baseline
        True
    """
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise StudyError(
            f"--subject-to {text}: must be METRIC <= BOUND or METRIC >= BOUND, such as {_EXAMPLE}"
        )
    relative = _OF_BASELINE.fullmatch(match["bound"])
    if relative is None:
        bound = _read_bound(text, match["bound"])
    else:
        bound = 1.0 if relative["factor"] is None else _read_number(text, relative["factor"])
    sign: Literal["<=", ">="] = "<=" if match["sign"] == "<=" else ">="
    return Constraint(text.strip(), match["metric"], sign, bound, relative is not None)


def read_objective(minimise: str | None, maximise: str | None) -> Objective:
    """The one metric that is to be minimised or maximised.

    Raises:
        StudyError: if there is none, or both are given.
    """
    wanted = minimise if maximise is None else maximise
    if wanted is not None and None in {minimise, maximise}:
        if not isinstance(wanted, str):
            raise StudyError(f"what is best must be the name of a metric or file.py:function, not {wanted!r}")
        return Objective(wanted.strip(), "minimise" if maximise is None else "maximise")
    raise StudyError(
        "say what is best: either --minimise METRIC or --maximise METRIC; others can be bounded with "
        "--subject-to"
    )


def trade_off_metrics(objective: Objective, constraints: Sequence[Constraint]) -> dict[str, int]:
    """Between which metrics there is a trade-off: 1 for those wanted small, -1 for those wanted large.

    Example:
        >>> trade_off_metrics(Objective("mean_waiting", "minimise"), [read_constraint("utilization >= 0.5")])
        {'mean_waiting': 1, 'utilization': -1}
    """
    wanted = {objective.metric: 1 if objective.direction == "minimise" else -1}
    for constraint in constraints:
        wanted.setdefault(constraint.metric, 1 if constraint.sign == "<=" else -1)
    return wanted


def _read_bound(text: str, bound: str) -> float:
    if bound[-1].isalpha():
        try:
            return float(parse_duration(bound))
        except DurationError as error:
            raise StudyError(f"--subject-to {text}: {error}") from None
    if bound.endswith("%"):
        return _read_number(text, bound[:-1]) / 100
    return _read_number(text, bound)


def _read_number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StudyError(
            f"--subject-to {text}: {number.strip()!r} is not a number; a bound is a duration, a number, a "
            "percentage, or a number x baseline"
        )
    return value


Float64Array = npt.NDArray[np.float64]
Values = tuple[float, ...]
"""One value for each range."""

MEMBERS: Final = {1: 8, 2: 16}
"""Points of a generation, by the number of settings; those of the first cover the ranges evenly."""

CLOSE_ENOUGH: Final = 0.01
"""The evolution ends when all members lie within this share of every range."""

REFINEMENTS: Final = 12
"""Evaluations for a single setting after the evolution: golden sections leave a 200th of what is between."""

_TILT: Final = 1e-9
"""By this share of the spread of all values a plateau falls to its lower end, which `best` prefers."""

_WORSE: Final = 1000.0
"""How many times the spread of all values is added to what has no value, for the refinement."""


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
        evaluations: at most so many points, at least `fewest_evaluations`.
        seed: of the optimiser; the same seed and merits give the same points.

    Returns:
        All points with their merits, in the order in which they were asked for.

    Raises:
        ValueError: if `evaluations` is too small.

    Example:
        >>> from qsession_sim.experiment.variations import read_range
        >>> merits = search(
        ...     [read_range("x=0..9")], lambda points: [Merit(-x, (x - 6,)) for (x,) in points],
        ...     evaluations=40, seed=1,
        ... )
        >>> best(merits)
        (6,)
    """
    fewest = fewest_evaluations(len(ranges))
    if evaluations < fewest:
        raise ValueError(f"a search needs at least {fewest} evaluations, not {evaluations}")
    members = MEMBERS[len(ranges)]
    refinements = REFINEMENTS if len(ranges) == 1 else 0
    generations = (evaluations - refinements) // members
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
        atol=-1,  # it would end as soon as all members are equally good, far apart as they may be
        polish=False,
        vectorized=True,
        updating="deferred",
        constraints=constraints,
        callback=_close_together,
        seed=np.random.default_rng(seed),
    )
    if refinements:
        _refine(points, ranges[0])
    return points.by_values


def fewest_evaluations(settings: int) -> int:
    """Two generations and, for a single setting, the refinement."""
    return 2 * MEMBERS[settings] + (REFINEMENTS if settings == 1 else 0)


def best(merits: dict[Values, Merit]) -> Values | None:
    """The feasible point with the smallest merit, of equal ones that with the smallest values."""
    feasible = [(merit.value, values) for values, merit in merits.items() if merit.feasible]
    return min(feasible)[1] if feasible else None


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
        self.by_values: dict[Values, Merit] = {}
        self._ranges = ranges
        self._evaluate = evaluate

    def value(self, shares: Float64Array) -> Float64Array:
        """Merits of points, from shape (settings, points) to (points,)."""
        return np.array([merit.value for merit in self.merits(shares)])

    def excess(self, shares: Float64Array) -> Float64Array:
        """Excesses of points, from shape (settings, points) to (constraints, points)."""
        return np.array([merit.excess for merit in self.merits(shares)]).T

    def merits(self, shares: Float64Array) -> list[Merit]:
        """Merits of points, by shape (settings, points)."""
        asked: list[Values] = [
            tuple(one.value_at(float(share)) for one, share in zip(self._ranges, column, strict=True))
            for column in np.atleast_2d(shares.T)
        ]
        new = [values for values in dict.fromkeys(asked) if values not in self.by_values]
        if new:
            self.by_values.update(zip(new, self._evaluate(new), strict=True))
        return [self.by_values[values] for values in asked]


def _refine(points: _Points, one: Range) -> None:
    """Look closer between the neighbours of the best value."""
    from scipy.optimize import minimize_scalar

    chosen = best(points.by_values)
    if chosen is None:
        return
    tried = sorted(points.by_values)
    place = tried.index(chosen)
    low, high = (
        one.share_of(tried[index][0]) for index in (max(place - 1, 0), min(place + 1, len(tried) - 1))
    )
    finite = [merit.value for merit in points.by_values.values() if math.isfinite(merit.value)]
    worst, spread = max(finite), max(finite) - min(finite) or 1.0

    def penalised(share: float) -> float:
        merit = points.merits(np.array([[share]]))[0]
        if merit.feasible:
            return merit.value + _TILT * spread * share
        excess = sum(max(part, 0.0) for part in merit.excess) + (
            0.0 if math.isfinite(merit.value) else math.inf
        )
        return worst + spread * (1 + min(excess, _WORSE))

    minimize_scalar(
        penalised, bounds=(low, high), method="bounded", options={"maxiter": REFINEMENTS, "xatol": 1e-6}
    )


def _first_generation(settings: int) -> Float64Array:
    """Evenly spread shares with both ends, shape (members, settings)."""
    each = np.linspace(0.0, 1.0, round(MEMBERS[settings] ** (1 / settings)))
    return np.stack([axis.ravel() for axis in np.meshgrid(*[each] * settings)], axis=1)


def _close_together(intermediate_result: Any) -> bool:
    return bool(np.ptp(intermediate_result.population, axis=0).max() < CLOSE_ENOUGH)

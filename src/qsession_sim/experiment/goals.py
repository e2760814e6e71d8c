"""What `tune` wants: a metric as small or as large as possible, while others keep their bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from qsession_sim.errors import DurationError, StudyError
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
        text: as the user wrote it.
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
    found = _CONSTRAINT.fullmatch(text)
    if found is None:
        raise StudyError(
            f"--subject-to {text}: must be METRIC <= BOUND or METRIC >= BOUND, such as {_EXAMPLE}"
        )
    relative = _OF_BASELINE.fullmatch(found["bound"])
    if relative is None:
        bound = _read_bound(text, found["bound"])
    else:
        bound = 1.0 if relative["factor"] is None else _read_number(text, relative["factor"])
    sign: Literal["<=", ">="] = "<=" if found["sign"] == "<=" else ">="
    return Constraint(text.strip(), found["metric"], sign, bound, relative is not None)


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

"""Means, differences of pairs and their significance; and when a study has enough replications."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from qsession_sim.errors import DurationError, StudyError
from qsession_sim.experiment.metrics import Value
from qsession_sim.experiment.tasks import whole_number
from qsession_sim.queueing.statistics import (
    Interval,
    RatioInterval,
    fieller_interval,
    mean_and_spread,
    mean_interval,
)
from qsession_sim.units import parse_duration

_ROUNDING: Final = 1e-13
"""So far apart, as a share, sums of a million numbers in different orders are not."""


@dataclass(frozen=True)
class Estimate:
    """A metric of a configuration, and how it differs from the baseline.

    Attributes:
        count: observations that exist: replications, or batches of one run.
        mean: of them; None without one.
        interval: of the mean; None with fewer than two.
        pairs: observations that both this configuration and the baseline have; 0 of the baseline itself.
        difference: mean of the differences of pairs; None without a pair.
        difference_interval: of it; None with fewer than two pairs.
        relative_change: the difference by the size of the mean of the baseline in the same pairs; None if
            that is 0, or not told from 0 by its interval.
        relative_change_interval: of it; None with fewer than two pairs.
        p_value: of the paired t-test; None with fewer than two pairs.
        adjusted_p_value: after Holm's correction over all comparisons of the study.
    """

    count: int
    mean: float | None
    interval: Interval | None
    pairs: int = 0
    difference: float | None = None
    difference_interval: Interval | None = None
    relative_change: float | None = None
    relative_change_interval: RatioInterval | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None


def estimate(values: Sequence[Value], baseline: Sequence[Value] | None, level: float) -> Estimate:
    """Estimate a mean and, if there is a baseline, the mean of the differences of pairs.

    Intervals: `queueing.statistics.mean_interval`, of the relative change `fieller_interval`. Observations
    that do not exist (None) are left out, and of pairs both. A single one, of a run in which nothing is
    drawn, makes a pair with each of the others.

    Args:
        values: one from each replication, in order; a single one where nothing is drawn.
        baseline: of the same replications, or a single one; None: no comparison.
        level: of the intervals, above 0 and below 1.

    Example:
        >>> one = estimate([13, 15, 17], [11, 12, 13], 0.95)
        >>> one.mean, one.difference, one.relative_change, round(one.p_value, 4)
        (15.0, 3.0, 0.25, 0.0351)
    """
    present = np.array([value for value in values if value is not None], dtype=np.float64)
    alone = Estimate(len(present), _mean(present), _interval(present, level))
    if baseline is None:
        return alone
    both = [
        (value, other)
        for value, other in in_pairs(values, baseline)
        if value is not None and other is not None
    ]
    differences = np.array([_difference(value, other) for value, other in both], dtype=np.float64)
    others = np.array([other for _, other in both], dtype=np.float64)
    change, interval = _relative_change(differences, others, level)
    return replace(
        alone,
        pairs=len(both),
        difference=_mean(differences),
        difference_interval=_interval(differences, level),
        relative_change=change,
        relative_change_interval=interval,
        p_value=paired_p_value(differences) if len(both) > 1 else None,
    )


def in_pairs(values: Sequence[Value], others: Sequence[Value]) -> Iterator[tuple[Value, Value]]:
    """Observations of the same replications; a single one makes a pair with each of the others."""
    size = max(len(values), len(others))
    return zip(*(list(one) * size if len(one) == 1 else one for one in (values, others)), strict=True)


def _relative_change(
    differences: np.typing.NDArray[np.float64], others: np.typing.NDArray[np.float64], level: float
) -> tuple[float | None, RatioInterval | None]:
    """The mean difference by the size of the mean of the others, and its interval."""
    mean = _mean(others)
    if not mean:
        return None, None
    sizes = math.copysign(1.0, mean) * others
    if len(others) == 1:
        return float(differences[0] / sizes[0]), None
    interval = fieller_interval(differences, sizes, level)
    return (None, None) if interval is None else (interval.estimate, interval)


def paired_p_value(differences: np.typing.NDArray[np.float64]) -> float:
    """Probability of a mean at least as far from 0 if the mean of such differences is 0: the paired t-test.

    Args:
        differences: shape (n,), n at least 2, finite. If all are equal, the probability is 1 for 0, else 0.

    Example:
        >>> round(paired_p_value(np.array([2.0, 3.0, 4.0])), 4)  # t = 3 / (1 / sqrt(3)), 2 degrees of freedom
        0.0351
    """
    from scipy.special import stdtr

    mean, spread = mean_and_spread(differences)
    if spread == 0:
        return 0.0 if mean else 1.0
    statistic = mean / (spread / math.sqrt(len(differences)))
    return 2 * float(stdtr(len(differences) - 1, -abs(statistic)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values by the step-down procedure of Holm.

    With the n values in increasing order, the k-th, counted from 0, is multiplied by n - k, is at least the
    one before it and at most 1. Whatever depends on what, the probability that a true hypothesis is among
    those with an adjusted value of at most e is at most e: S. Holm, "A simple sequentially rejective multiple
    test procedure", Scandinavian Journal of Statistics 6 (1979).

    Args:
        p_values: shape (n,), each from 0 to 1.

    Example:
        >>> holm([0.25, 0.125, 0.0625])
        [0.25, 0.25, 0.1875]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for step, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, p_values[position] * (len(p_values) - step)))
        adjusted[position] = largest
    return adjusted


def with_holm(estimates: Mapping[tuple[str, str], Estimate]) -> dict[tuple[str, str], Estimate]:
    """All estimates of a study, with adjusted p-values where there is a comparison."""
    compared = {key: one.p_value for key, one in estimates.items() if one.p_value is not None}
    adjusted = dict(zip(compared, holm(list(compared.values())), strict=True))
    return {key: replace(one, adjusted_p_value=adjusted.get(key)) for key, one in estimates.items()}


def _difference(value: float, other: float) -> float:
    """0 for what differs by rounding alone, such as two sums of the same numbers in another order: the test
    would call it significant."""
    rounded = isinstance(value, float) or isinstance(other, float)
    return 0.0 if rounded and math.isclose(value, other, rel_tol=_ROUNDING) else value - other


def _mean(values: np.typing.NDArray[np.float64]) -> float | None:
    if len(values) < 2:
        return float(values[0]) if len(values) else None
    return mean_and_spread(values)[0]


def _interval(values: np.typing.NDArray[np.float64], level: float) -> Interval | None:
    return mean_interval(values, level) if len(values) > 1 else None


DEFAULT_REPLICATIONS: Final = 30
FIRST_LOOK: Final = 10
"""Replications before a sequential rule is first checked."""

DEFAULT_BOUND: Final = 1000
"""Replications at which a sequential rule gives up, unless the caller says otherwise."""

_RULE: Final = re.compile(
    r"\s*half_width\(\s*(?P<metric>.+?)\s*\)\s*<\s*(?P<bound>\S(?:.*\S)?)\s*", re.DOTALL
)
_OF_CHANGE: Final = re.compile(r"relative_change\(\s*(?P<metric>.+?)\s*\)", re.DOTALL)
_NUMBER: Final = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Precision:
    """A sequential rule: go on until the interval of a metric is narrow, in every configuration.

    Attributes:
        text: as it was written.
        metric: whose interval.
        bound: of the half width, above 0: a share of the mean if `relative`, else in the metric's unit.
        relative: whether the bound is a share of the mean.
        of_change: whether the interval is that of the relative change against the baseline.
    """

    text: str
    metric: str
    bound: float
    relative: bool
    of_change: bool = False

    def holds(self, interval: Interval | RatioInterval | None) -> bool:
        """Whether an interval is narrow enough; one that does not exist is not.

        Example:
            >>> read_precision("half_width(mean_waiting) < 2%").holds(Interval(100.0, 1.5, 0.95, 9))
            True
        """
        if interval is None:
            return False
        bound = self.bound * abs(interval.estimate) if self.relative else self.bound
        # without spread there is nothing left to find out
        return interval.half_width < bound or interval.half_width == 0


def read_precision(text: str) -> Precision:
    """Read `half_width(METRIC) < BOUND`, where the bound is a percentage of the mean, a duration or a number;
    or `half_width(relative_change(METRIC)) < BOUND`, where it is a percentage of the baseline, or a share.

    Raises:
        StudyError: if it is anything else.

    Example:
        >>> rule = read_precision("half_width(mean_waiting) < 5s")
        >>> rule.metric, rule.bound, rule.relative
        ('mean_waiting', 5000000.0, False)
        >>> rule = read_precision("half_width(relative_change(mean_waiting)) < 5%")
        >>> rule.metric, rule.bound, rule.relative, rule.of_change
        ('mean_waiting', 0.05, False, True)
    """
    match = _RULE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise StudyError(
            f"until must be such as 'half_width(mean_waiting) < 2%', with a percentage of the mean, "
            f"a duration or a number, or 'half_width(relative_change(mean_waiting)) < 5%', not {text!r}"
        )
    bound, change = match["bound"], _OF_CHANGE.fullmatch(match["metric"])
    share = bound.removesuffix("%").rstrip()
    try:
        if _NUMBER.fullmatch(share):
            value = float(share)
        elif bound.endswith("%"):
            raise StudyError(f"until {text!r}: {bound} is not a percentage")
        elif change is not None:
            raise StudyError(
                f"until {text!r}: a change is a percentage of the baseline or a share, not {bound}"
            )
        else:
            value = float(parse_duration(bound))
    except DurationError as error:
        raise StudyError(f"until {text!r}: {error}") from None
    percent = bound.endswith("%")
    if not 0 < value < float("inf"):
        raise StudyError(f"until {text!r}: the half width must be less than something above 0")
    metric = match["metric"] if change is None else change["metric"]
    value = value / 100 if percent else value
    return Precision(" ".join(text.split()), metric, value, percent and change is None, change is not None)


def next_look(replications: int, bound: int) -> int:
    """How many replications there are when the rule is checked again: a quarter more.

    Fewer checks stop later but deceive less: each is one more chance that an interval is narrow by luck.

    Example:
        >>> next_look(0, 100), next_look(10, 100), next_look(90, 100)
        (10, 13, 100)
    """
    return min(max(FIRST_LOOK, -(-replications * 5 // 4)), bound)


def replications_of(
    replications: int | None, until: str | None, bound: int | None
) -> tuple[int, Precision | None]:
    """The number of replications, or the largest number and the rule.

    Raises:
        StudyError: if both a number and a rule are given, or one is out of range.

    Example:
        >>> replications_of(None, None, None)
        (30, None)
    """
    for name, number, least in (("replications", replications, 1), ("max_replications", bound, 2)):
        if number is not None:
            whole_number(number, name, least)
    if until is None:
        if bound is not None:
            raise StudyError(
                "max_replications is where a rule gives up; give one with until, or replications"
            )
        return DEFAULT_REPLICATIONS if replications is None else replications, None
    if replications is not None:
        raise StudyError("give either replications or until; where the rule gives up is max_replications")
    return DEFAULT_BOUND if bound is None else bound, read_precision(until)

"""When a study has enough replications."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from qsession_sim.errors import DurationError, StudyError
from qsession_sim.experiment.whole_numbers import whole_number
from qsession_sim.queueing.confidence import Interval
from qsession_sim.units import parse_duration

DEFAULT_REPLICATIONS: Final = 30
FIRST_LOOK: Final = 10
"""Replications before a sequential rule is asked first."""

DEFAULT_BOUND: Final = 1000
"""Replications at which a sequential rule gives up, unless the caller says otherwise."""

_RULE: Final = re.compile(
    r"\s*half_width\(\s*(?P<metric>.+?)\s*\)\s*<\s*(?P<bound>\S(?:.*\S)?)\s*", re.DOTALL
)
_NUMBER: Final = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Precision:
    """A sequential rule: go on until the interval of a metric is narrow, in every configuration.

    Attributes:
        text: as it was written.
        metric: whose interval.
        bound: of the half width, above 0: a share of the mean if `relative`, else in the metric's unit.
        relative: whether the bound is a share.
    """

    text: str
    metric: str
    bound: float
    relative: bool

    def holds(self, interval: Interval | None) -> bool:
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
    """Read `half_width(METRIC) < BOUND`, where the bound is a percentage of the mean, a duration or a number.

    Raises:
        StudyError: if it is anything else.

    Example:
        >>> rule = read_precision("half_width(mean_waiting) < 5s")
        >>> rule.metric, rule.bound, rule.relative
        ('mean_waiting', 5000000.0, False)
    """
    match = _RULE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise StudyError(
            f"until must be such as 'half_width(mean_waiting) < 2%', with a percentage of the mean, "
            f"a duration or a number, not {text!r}"
        )
    bound = match["bound"]
    share = bound.removesuffix("%").rstrip()
    try:
        if _NUMBER.fullmatch(share):
            value = float(share)
        elif bound.endswith("%"):
            raise StudyError(f"until {text!r}: {bound} is not a percentage")
        else:
            value = float(parse_duration(bound))
    except DurationError as error:
        raise StudyError(f"until {text!r}: {error}") from None
    relative = bound.endswith("%")
    if not 0 < value < float("inf"):
        raise StudyError(f"until {text!r}: the half width must be less than something above 0")
    return Precision(" ".join(text.split()), match["metric"], value / 100 if relative else value, relative)


def next_look(replications: int, bound: int) -> int:
    """How many replications there are when the rule is asked again: a quarter more.

    Fewer looks stop later but deceive less: each look is one more chance that an interval is narrow by luck.

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

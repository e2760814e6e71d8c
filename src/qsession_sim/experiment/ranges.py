"""Ranges of settings in which `tune` looks for the best value."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from qsession_sim.errors import DurationError, StudyError
from qsession_sim.units import format_duration, parse_duration

DIGITS: Final = 3
"""Significant digits of the values that are tried: enough to tell settings apart, few enough to be read. In a
narrow range there are more, so that steps are at most a hundredth of it."""

LOGARITHMIC_FROM: Final = 10
"""A range whose ends are at least this factor apart is searched on a logarithmic scale."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Kind = Literal["duration", "integer", "number"]


@dataclass(frozen=True)
class Range:
    """A value of the scenario and the range in which it is varied.

    Attributes:
        path: as for `--set`.
        low: smallest value; microseconds for a duration.
        high: largest value, above `low`.
        kind: what the values are.
    """

    path: str
    low: float
    high: float
    kind: Kind

    @property
    def logarithmic(self) -> bool:
        """Whether equal steps of the search are equal factors rather than equal differences."""
        return self.low > 0 and self.high >= LOGARITHMIC_FROM * self.low

    def value_at(self, share: float) -> float:
        """The value at a share of the way from `low` (0) to `high` (1), with few digits.

        Example:
            >>> read_range("a.interactive_timeout=1s..100s").value_at(0.5)
            10000000
            >>> read_range("a.clients=3..9").value_at(0.6)
            7
        """
        if self.logarithmic:
            exact = self.low * (self.high / self.low) ** share
        else:
            exact = self.low + share * (self.high - self.low)
        decimals = DIGITS - 1 - min(_magnitude(exact), _magnitude(self.high - self.low))
        value: float = min(max(round(exact, decimals), self.low), self.high)
        return value if self.kind == "number" else round(value)

    def share_of(self, value: float) -> float:
        """How far a value is on the way from `low` (0) to `high` (1).

        Example:
            >>> round(read_range("a.interactive_timeout=1s..100s").share_of(10_000_000), 6)
            0.5
        """
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def written(self, value: float) -> str:
        """A value as it stands in a scenario.

        Example:
            >>> read_range("a.interactive_timeout=1s..100s").written(27_300_000)
            '27s300ms'
        """
        return format_duration(round(value)) if self.kind == "duration" else f"{value:.12g}"

    def setting(self, value: float) -> str:
        """`PATH=VALUE`, for `--set`."""
        return f"{self.path}={self.written(value)}"


def read_range(text: str) -> Range:
    """Read `PATH=LOW..HIGH`, where both ends are durations, whole numbers or numbers.

    Raises:
        StudyError: if it is anything else.

    Example:
        >>> read_range("workload.vqe.interactive_timeout=1s..5m")
        Range(path='workload.vqe.interactive_timeout', low=1000000, high=300000000, kind='duration')
    """
    path, equals, ends = text.partition("=")
    low, dots, high = (part.strip() for part in ends.partition(".."))
    path = path.strip()
    if not (equals and path and dots and low and high):
        raise StudyError(
            f"--vary {text}: must be PATH=LOW..HIGH, such as workload.vqe.interactive_timeout=1s..300s"
        )
    kind, ends_read = _read_ends(text, (low, high))
    if ends_read[0] >= ends_read[1]:
        raise StudyError(f"--vary {text}: {low} must be less than {high}")
    return Range(path, *ends_read, kind)


def written_range(one: Range) -> str:
    """`PATH=LOW..HIGH` again.

    Example:
        >>> written_range(read_range("a = 1s .. 5m")), written_range(read_range("a=0.0..1.0"))
        ('a=1s..5m', 'a=0.0..1.0')
    """
    low, high = map(repr if one.kind == "number" else one.written, (one.low, one.high))  # 1.0 is no integer
    return f"{one.path}={low}..{high}"


def read_ranges(texts: Sequence[str]) -> tuple[Range, ...]:
    """Read the ranges of one or two settings.

    Raises:
        StudyError: if one cannot be read, a path is named twice, or there are none or more than two.
    """
    if isinstance(texts, str):
        raise StudyError(f"vary must be a list such as ['workload.vqe.clients=1..9'], not {texts!r}")
    if not 1 <= len(texts) <= 2:
        raise StudyError(
            f"--vary: one or two settings can be tuned, not {len(texts)}; fix the others with --set, "
            "or compare many with sweep"
        )
    ranges = tuple(read_range(text) for text in texts)
    if "seed" in {one.path for one in ranges}:
        raise StudyError("--vary seed: every replication has a seed of its own; vary anything else")
    if len({one.path for one in ranges}) < len(ranges):
        raise StudyError(f"--vary {texts[1]}: {ranges[0].path} is named twice")
    return ranges


def _magnitude(number: float) -> int:
    """The power of ten of the first digit; that of 1 for 0."""
    return math.floor(math.log10(abs(number))) if number else 0


def _read_ends(text: str, ends: tuple[str, str]) -> tuple[Kind, tuple[float, float]]:
    numbers = [_NUMBER.fullmatch(end) for end in ends]
    if all(numbers):
        if all(end.lstrip("+-").isdecimal() for end in ends):
            return "integer", (int(ends[0]), int(ends[1]))
        low, high = (float(end) for end in ends)
        if math.isfinite(low) and math.isfinite(high):
            return "number", (low, high)
        raise StudyError(f"--vary {text}: a number is too large")
    if any(numbers):
        raise StudyError(f"--vary {text}: both ends need a unit, or neither, such as 1s..300s or 1..9")
    try:
        return "duration", (parse_duration(ends[0]), parse_duration(ends[1]))
    except DurationError as error:
        raise StudyError(f"--vary {text}: {error}") from None

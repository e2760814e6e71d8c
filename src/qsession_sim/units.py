"""Integer microseconds: reading and writing durations (S1)."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from qsession_sim.errors import DurationError, LongDurationError

MICROSECOND: Final = 1
MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

UNITS_US: Final = {
    "w": WEEK,
    "d": DAY,
    "h": HOUR,
    "m": MINUTE,
    "min": MINUTE,
    "s": SECOND,
    "ms": MILLISECOND,
    "us": MICROSECOND,
}

_PART: Final = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)", re.ASCII)
_WRITTEN_UNITS: Final = ("d", "h", "m", "s", "ms", "us")
LONGEST_US: Final = 2**62
"""No time or duration is longer, so that the sum of any two is an int64; about 146,000 years."""


def parse_duration(text: str) -> int:
    """Convert a duration such as ``90s``, ``2h30m`` or ``"2h 30m 40s"`` to microseconds.

    Fractions are allowed (``1.5s``). The sum is rounded half to even, once (S1).

    Args:
        text: numbers, each followed by one of ``w d h m min s ms us``; an optional leading minus.

    Returns:
        The duration in microseconds; negative if the text begins with a minus.

    Raises:
        DurationError: if it is anything else, or longer than about 146,000 years.

    Example:
        >>> parse_duration("2h 30m 40s")
        9040000000
        >>> parse_duration("0.5us"), parse_duration("1.5us")
        (0, 2)
    """
    return round(parse_exact_duration(text))


def parse_exact_duration(text: str) -> Fraction:
    """Convert the same to microseconds without rounding, for times that are multiplied before they are used.

    Raises:
        DurationError: as `parse_duration`.

    Example:
        >>> parse_exact_duration("1ms0.5us")
        Fraction(2001, 2)
    """
    if not isinstance(text, str):
        raise DurationError(_message(text))
    body = text.strip()
    sign = 1
    if body.startswith("-"):
        sign, body = -1, body[1:]
    total = Fraction(0)
    position = 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None or part[2] not in UNITS_US:
            raise DurationError(_message(text))
        total += Fraction(Decimal(part[1])) * UNITS_US[part[2]]
        position = part.end()
    if position == 0:
        raise DurationError(_message(text))
    if total >= LONGEST_US:
        raise LongDurationError(f"{text!r} is too long; a duration must be shorter than about 146,000 years")
    return sign * total


def format_duration(duration_us: int) -> str:
    """Write microseconds exactly, in the fewest units; the inverse of `parse_duration`.

    Example:
        >>> format_duration(9_040_000_000), format_duration(1_500), format_duration(0)
        ('2h30m40s', '1ms500us', '0s')
    """
    if duration_us == 0:
        return "0s"
    rest = abs(duration_us)
    parts = ["-"] if duration_us < 0 else []
    for unit in _WRITTEN_UNITS:
        count, rest = divmod(rest, UNITS_US[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


TIMES: Final = "\N{MULTIPLICATION SIGN}"


def percentage_or_factor(change: float, times: str = TIMES) -> str:
    """Write a relative change: in percent, and above 1,000 % as the factor.

    Example:
        >>> percentage_or_factor(-0.126), percentage_or_factor(10.0), percentage_or_factor(11.34)
        ('-12.6 %', '+1000.0 %', '×12.3')
    """
    return f"{100 * change:+z.1f} %" if change <= _MOST_IN_PERCENT else f"{times}{1 + change:,.1f}"


_MOST_IN_PERCENT: Final = 10


def _message(text: object) -> str:
    return f"{text!r} is not a duration; write a number with a unit, such as 90s, 2h30m or 250us"

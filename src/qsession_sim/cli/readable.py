"""Numbers and texts as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from qsession_sim.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND

if TYPE_CHECKING:
    from qsession_sim.workload.columns import Workload


NOTHING: Final = "-"
"""Stands where there is no value."""

_UNITS: Final = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))


def readable_duration(duration_us: float | None) -> str:
    """Write microseconds in about three digits or three units; not exact, see `units.format_duration`.

    Example:
        >>> [readable_duration(value) for value in (0, 250, 350_000, 2_350_000, 4_325_000_000)]
        ['0 s', '250 us', '350 ms', '2.35 s', '1h 12m 5s']
    """
    if duration_us is None:
        return NOTHING
    if duration_us == 0:
        return "0 s"
    if duration_us < 999.5:
        return f"{duration_us:.3g} us"
    if duration_us < 999.5 * MILLISECOND:
        return f"{duration_us / MILLISECOND:.3g} ms"
    if duration_us < 59.95 * SECOND:
        return f"{duration_us / SECOND:.3g} s"
    smallest = MINUTE if duration_us >= DAY else SECOND
    rest = round(duration_us / smallest) * smallest
    parts = []
    for unit, unit_us in _UNITS:
        count, rest = divmod(rest, unit_us)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def readable_share(share: float | None) -> str:
    """Write a share in per cent.

    Example:
        >>> readable_share(0.557), readable_share(None)
        ('55.7 %', '-')
    """
    return NOTHING if share is None else f"{100 * share:.1f} %"


def readable_number(number: float | None) -> str:
    """Write a number with two decimals.

    Example:
        >>> readable_number(1234.567), readable_number(None)
        ('1,234.57', '-')
    """
    return NOTHING if number is None else f"{number:,.2f}"


def counted(count: int, thing: str) -> str:
    """Write a number of things.

    Example:
        >>> counted(1, "job"), counted(12_000, "job")
        ('1 job', '12,000 jobs')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def one_line(text: str) -> str:
    r"""Put a text on one line, control characters escaped.

    Example:
        >>> one_line("two\nlines\x1b")
        'two lines\\x1b'
    """
    joined = " ".join(text.splitlines())
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in joined
    )


def shortened(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut a text to a width in terminal cells.

    Example:
        >>> shortened("a long name", 7)
        'a long…'
    """
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - cell_len(ellipsis)).rstrip() + ellipsis


def left_out(workload: Workload) -> Iterator[str]:
    """Sentences that say what was left out of each trace."""
    for left in workload.left_out:
        stream = workload.streams[left.stream]
        if left.bad_lines:
            yield f"{stream}: {counted(left.bad_lines, 'malformed line')} skipped"
        if left.unrun_jobs:
            lines = counted(left.unrun_jobs, "line")
            yield f"{stream}: {lines} left out: jobs that never ran, or parts of jobs"


# -- Numbers of a study as people read them: comparable, so of one unit, and with the digits that are known.

LONGEST_NAME: Final = 28
_BESIDE_LABELS: Final = 10

_UNITS_OF_TABLES: Final = (
    ("d", DAY),
    ("h", HOUR),
    ("min", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
    ("us", 1),
)
_FROM: Final = 2
"""Times are told in the largest unit of which the largest of them has as many."""


@dataclass(frozen=True)
class Numbers:
    """How the numbers of a metric are written.

    Attributes:
        divisor: what one unit is, in the unit of the summary.
        unit: after each number; empty for what has none.
    """

    divisor: float = 1
    unit: str = ""

    def write(self, value: float | None) -> str:
        """A number, with four digits.

        Example:
            >>> Numbers(60_000_000, "min").write(4_325_000_000.0), Numbers().write(None)
            ('72.08 min', '-')
        """
        if value is None:
            return NOTHING
        return f"{_digits(value / self.divisor, 4)} {self.unit}".rstrip()

    def write_interval(self, mean: float | None, half_width: float | None, sign: str) -> str:
        """Half the width of an interval in two digits, and its mean up to the same place.

        Example:
            >>> Numbers(1_000_000, "s").write_interval(68_170_000.0, 1_207_000.0, "±")
            '68.2 ± 1.2 s'
            >>> Numbers().write_interval(0.75, 0.0, "±")
            '0.7500 ± 0'
        """
        if mean is None or half_width is None:
            return self.write(mean)
        mean, half_width = mean / self.divisor, half_width / self.divisor
        if half_width == 0:
            return f"{_digits(mean, 4)} {sign} 0 {self.unit}".rstrip()
        places = _places(half_width, 2)
        return f"{mean:z,.{places}f} {sign} {half_width:,.{places}f} {self.unit}".rstrip()

    def write_difference(self, mean: float | None, half_width: float | None, sign: str) -> str:
        """A difference, its sign always told, and half the width of its interval.

        Example:
            >>> Numbers(1_000_000, "s").write_difference(250_000.0, 31_000.0, "±")
            '+0.250 ± 0.031 s'
        """
        if mean is None:
            return NOTHING
        written = self.write_interval(mean, half_width, sign)
        return written if written.startswith("-") else f"+{written}"


def numbers_of(unit: str | None, values: Iterable[float | None]) -> Numbers:
    """How numbers that are compared are written: times in one unit.

    Args:
        unit: of the values, as `metrics.metric_unit` gives it.
        values: all that are to be written.

    Example:
        >>> numbers_of("us", [71_599_406.98, None, 4_000_000.0])
        Numbers(divisor=1000000, unit='s')
        >>> numbers_of("", [0.8])
        Numbers(divisor=1, unit='')
    """
    if unit != "us":
        return Numbers(1, unit or "")
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    for name, unit_us in _UNITS_OF_TABLES:
        if largest >= _FROM * unit_us:
            return Numbers(unit_us, name)
    return Numbers(SECOND, "s") if largest == 0 else Numbers(1, "us")


def readable_change(change: float | None) -> str:
    """A relative change in per cent.

    Example:
        >>> readable_change(-0.0672), readable_change(-0.0001), readable_change(None)
        ('-6.7 %', '+0.0 %', '-')
    """
    return NOTHING if change is None else f"{100 * change:+z.1f} %"


def short_name(name: str, ellipsis: str, longest: int = LONGEST_NAME) -> str:
    """A long name without its middle, since the ends of paths tell them apart.

    Example:
        >>> short_name("sessions.by_mode.session.makespan_us.mean", "…")
        'sessions.by_m…kespan_us.mean'
    """
    if len(name) <= longest:
        return name
    kept = longest - len(ellipsis)
    return name[: kept // 2] + ellipsis + name[len(name) - (kept - kept // 2) :]


def longest_heading(width: int) -> int:
    """Characters that the heading of a column may have, so that it fits beside what names the rows."""
    return min(LONGEST_NAME, width - _BESIDE_LABELS)


def _digits(value: float, digits: int) -> str:
    if value == round(value) and abs(value) < 10**digits:
        return f"{value:.0f}"
    return f"{value:,.{_places(value, digits)}f}"


def _places(value: float, digits: int) -> int:
    """Decimal places with which a number other than 0 has so many digits, at least."""
    return max(digits - 1 - math.floor(math.log10(abs(value))), 0)

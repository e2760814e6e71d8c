"""Numbers and texts as people read them."""

from __future__ import annotations

from collections.abc import Iterator
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

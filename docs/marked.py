"""Pages of which a part is written by a script, between two comments."""

from __future__ import annotations


def renew(text: str, begin: str, end: str, written: str) -> str:
    """Put what was written between two lines of a page.

    Raises:
        ValueError: if one of the lines is not there exactly once, or they are in the wrong order.
    """
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"needs one line {begin!r} and, after it, one line {end!r}")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n\n{written}\n\n{end}{after}"

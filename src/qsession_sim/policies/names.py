"""What to say about a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name, else all.

    Example:
        >>> hint("fiffo", ["fifo", "lifo"]), hint("x", ["fifo", "lifo"]), hint("x", [])
        ("did you mean 'fifo'?", 'there are fifo, lifo', 'there is none')
    """
    names = list(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else "there is none"

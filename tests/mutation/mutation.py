"""What a scripted mistake is."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """One mistake. `equivalent` says why no test can see it; the empty text: a test must."""

    file: str  # in the package
    line: str
    replacement: str
    rule: str
    equivalent: str = ""


def in_file(file: str, *rows: tuple[str, ...]) -> list[Mutation]:
    """The mistakes in one file: line, replacement, rule and, where it is so, why it is equivalent."""
    return [Mutation(file, *row) for row in rows]

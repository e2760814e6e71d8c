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
    noticed_by: tuple[str, ...] = ()
    """Files of tests to try first, before the one that says the rule most often."""


def in_file(file: str, *rows: tuple[str, ...], noticed_by: tuple[str, ...] = ()) -> list[Mutation]:
    """The mistakes in one file: line, replacement, rule and, where it is so, why it is equivalent."""
    return [Mutation(file, *row)._replace(noticed_by=noticed_by) for row in rows]

"""A rule without a test is not done: every rule on the page on semantics is named by a test."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "semantics.md"

BUILT = re.compile(r"^\*\*S(\d+)\.", re.MULTILINE)
RANGE = re.compile(r"\bS\d+ to S\d+\b")
NAMED = re.compile(r"\bS(\d+)\b")


def rules_named_in(text: str) -> set[int]:
    """The numbers of the rules that a text names one by one; a range says too little about each."""
    return {int(number) for number in NAMED.findall(RANGE.sub("", text))}


def rules_on_the_page() -> list[int]:
    return [int(number) for number in BUILT.findall(PAGE.read_text(encoding="utf-8"))]


def test_every_rule_on_the_page_is_named_by_a_test() -> None:
    here = Path(__file__).parent
    files = [path for path in TESTS.rglob("test_*.py") if here not in path.parents]
    named = {number for path in files for number in rules_named_in(path.read_text(encoding="utf-8"))}
    assert sorted(set(rules_on_the_page()) - named) == []


def test_page_has_the_rules_that_are_built() -> None:
    assert rules_on_the_page() == [
        *range(1, 8),
        *range(9, 29),
        *range(30, 34),
        *range(40, 45),
        *range(50, 55),
        *range(60, 64),
        *range(64, 68),
        *range(70, 80),
    ]


def test_ranges_do_not_count() -> None:
    assert rules_named_in("S9, S11 to S13 and S20; not XS4 or S") == {9, 20}

"""The whole verification at the documented seed: it passes, is able to fail, and is what the page shows.

Run apart, since it takes about a minute: `pytest -m verification --engines one`. Each run is made once, by the kernel
where it is compiled; `test_able_to_fail.py` makes smaller runs of each kind by all engines.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from qsession_sim.queueing import theory
from qsession_sim.verification.comparisons import detectable
from qsession_sim.verification.suite import DEFAULT_SEED, verify

pytestmark = pytest.mark.verification

DOCS = Path(__file__).parents[2] / "docs"
FORMULAS = sorted(
    f"{module.__name__.rpartition('.')[2]}.{name}"
    for module in (theory,)
    for name, thing in vars(module).items()
    if not name.startswith("_")
    and getattr(thing, "__module__", "") == module.__name__
    and not isinstance(thing, type)
)


@pytest.fixture(scope="module")
def found():
    return verify(DEFAULT_SEED)


def test_it_passes(found):
    assert (found.differing, found.broken) == ([], [])


def test_every_formula_is_compared(found):
    assert sorted({comparison.formula for comparison in found.comparisons}) == FORMULAS


def test_no_row_is_too_vague(found):
    """The page says that every row detects an error of 15 %."""
    tests = len(found.comparisons)
    assert [row for row in found.comparisons if detectable(row, tests) > 0.15] == []


@pytest.mark.parametrize("formula", FORMULAS)
def test_an_error_of_5_percent_in_a_formula_is_found(found, formula):
    """At this seed, and for most others: somewhere 5 % are found with a probability of 90 %."""
    tests = len(found.comparisons)
    affected = [comparison for comparison in found.comparisons if comparison.formula == formula]
    assert min(detectable(comparison, tests) for comparison in affected) < 0.05
    for factor in (0.95, 1.05):
        wrong = tuple(
            replace(
                comparison, theory=comparison.theory * factor if comparison in affected else comparison.theory
            )
            for comparison in found.comparisons
        )
        failing = replace(found, comparisons=wrong).differing
        assert failing != []
        assert {comparison.formula for comparison in failing} == {formula}


def test_the_page_shows_what_is_found(found, monkeypatch):
    page = (DOCS / "verification.md").read_text(encoding="utf-8")
    monkeypatch.syspath_prepend(DOCS)  # as for a script, which finds what is beside it
    specification = importlib.util.spec_from_file_location("make_verification", DOCS / "make_verification.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert script.renew(page, found) == page


def test_the_page_has_all_figures():
    from qsession_sim.verification.figures import NAMES

    page = (DOCS / "verification.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in (DOCS / "verification").iterdir()) == sorted(NAMES)
    assert [name for name in NAMES if f"](verification/{name})" not in page] == []

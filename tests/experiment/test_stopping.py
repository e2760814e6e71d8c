"""Fixed numbers of replications and sequential rules."""

from __future__ import annotations

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.experiment.estimates import Precision, next_look, read_precision, replications_of
from qsession_sim.queueing.statistics import Interval, RatioInterval


@pytest.mark.parametrize(
    ("text", "bound", "relative"),
    [
        ("half_width(mean_waiting) < 2%", 0.02, True),
        ("  half_width( mean_waiting )<2.5 % ", 0.025, True),
        ("half_width(mean_waiting) < 5s", 5_000_000.0, False),
        ("half_width(mean_waiting) < 1h30m", 5_400_000_000.0, False),
        ("half_width(mean_waiting) < 0.01", 0.01, False),
    ],
)
def test_rules_are_read(text: str, bound: float, relative: bool) -> None:
    assert read_precision(text) == Precision(" ".join(text.split()), "mean_waiting", bound, relative)


@pytest.mark.parametrize(("written", "bound"), [("5%", 0.05), ("5 %", 0.05), ("0.1", 0.1)])
def test_rules_for_relative_changes_are_read(written: str, bound: float) -> None:
    rule = read_precision(f"half_width( relative_change( mean_waiting ) ) < {written}")
    text = f"half_width( relative_change( mean_waiting ) ) < {written}"
    assert rule == Precision(text, "mean_waiting", bound, relative=False, of_change=True)
    # the bound is one of the change, not a share of it
    assert rule.holds(RatioInterval(9.0, 9.0 - bound / 2, 9.0 + bound / 2, 0.95, 9))
    assert not rule.holds(RatioInterval(9.0, 9.0 - bound, 9.0 + 2 * bound, 0.95, 9))


@pytest.mark.parametrize(
    "text",
    [
        "half_width(relative_change(mean_waiting)) < 5s",
        "",
        "half_width(mean_waiting)",
        "half_width(mean_waiting) < ",
        "half_width(mean_waiting) > 2%",
        "half_width() < 2%",
        "mean_waiting < 2%",
        "half_width(mean_waiting) < 0%",
        "half_width(mean_waiting) < two%",
        "half_width(mean_waiting) < -1s",
        "half_width(mean_waiting) < 1e999",
        7,
    ],
)
def test_other_rules_are_refused_with_what_was_given(text: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_precision(text)
    assert repr(text) in str(caught.value)


def test_a_share_is_of_the_size_of_the_mean_and_must_be_undercut() -> None:
    rule = read_precision("half_width(mean_waiting) < 10%")
    assert rule.holds(Interval(-100.0, 9.9, 0.95, 5))
    assert not rule.holds(Interval(-100.0, 10.0, 0.95, 5))
    assert not rule.holds(None)


def test_what_never_varies_is_precise_enough() -> None:
    assert read_precision("half_width(x) < 1%").holds(Interval(0.0, 0.0, 0.95, 9))


def test_looks_come_after_ten_and_then_after_a_quarter_more_up_to_the_bound() -> None:
    """10, 12.5, 16.25, 21.25, 27.5, 35 → rounded up."""
    looks = [0]
    while looks[-1] < 30:
        looks.append(next_look(looks[-1], 30))
    assert looks == [0, 10, 13, 17, 22, 28, 30]
    assert next_look(0, 4) == 4


def test_a_number_or_a_rule() -> None:
    rule = "half_width(mean_waiting) < 2%"
    assert replications_of(None, None, None) == (30, None)
    assert replications_of(7, None, None) == (7, None)
    assert replications_of(None, rule, None) == (1000, read_precision(rule))
    assert replications_of(None, rule, 50) == (50, read_precision(rule))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, "half_width(x) < 2%", None), "give either replications or until"),
        ((5, None, 10), "max_replications is where a rule gives up; give one with until"),
        ((0, None, None), "^replications must be a whole number of at least 1, not 0$"),
        ((2.0, None, None), r"^replications must be a whole number of at least 1, not 2\.0$"),
        ((True, None, None), "^replications must be a whole number of at least 1, not True$"),
        ((None, "half_width(x) < 2%", 1), "^max_replications must be a whole number of at least 2, not 1$"),
    ],
)
def test_contradictions_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        replications_of(*arguments)

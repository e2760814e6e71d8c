"""Rows as text: what each cell looks like, and lines that fit any page."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from qsession_sim.report.rows import (
    Change,
    Column,
    Count,
    Duration,
    Emphasis,
    Interval,
    Lane,
    Listing,
    Measure,
    More,
    Note,
    Number,
    Scale,
    Score,
    Section,
    Share,
    State,
    Table,
    Timeline,
    scale_of,
    words,
)
from qsession_sim.report.text import Page, cell_width, fitted, lines_of, wrapped, written

SECONDS = Scale("s", 1_000_000)
MINUTE = 60_000_000


def text_of(*sections, width=None, unicode=True):
    return "".join(f"{line.text}\n" for line in lines_of(sections, Page(width, unicode)))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a\nb\x1b", "a b\\x1b"),
        (Count(12_000), "12,000"),
        (Count(12_000, grouped=False), "12000"),
        (Count(None), "-"),
        (Duration(9_040_000_000), "2h 30m 40s"),
        (Duration(1_500, exact=True), "1ms500us"),
        (Duration(None), "-"),
        (Share(0.5), "50.0 %"),
        (Share(None), "-"),
        (Share(0.5, bar=True), 20 * "█"),
        (Share(None, bar=True), ""),
        (Change(0.25), "+25.0 %"),
        (Change(-0.0004), "+0.0 %"),
        (Change(0.25, (0.2, 0.31)), "+25.0 % (+20.0…+31.0)"),
        (Change(10.0), "+1000.0 %"),
        (Change(11.34), "\N{MULTIPLICATION SIGN}12.3"),
        (Change(11.34, (10.5, 12.0)), "\N{MULTIPLICATION SIGN}12.3 (\N{MULTIPLICATION SIGN}11.5…\N{MULTIPLICATION SIGN}13.0)"),
        (Change(11.34, (9.5, 12.0)), "\N{MULTIPLICATION SIGN}12.3 (+950.0 %…\N{MULTIPLICATION SIGN}13.0)"),
        (Number(1234.5), "1,234.50"),
        (Number(1234.5, digits=4), "1234"),
        (Measure(None, None, SECONDS), "-"),
        (Measure(2_500_000.0, None, SECONDS), "2.500 s"),
        (Measure(12_340_000.0, 1_200_000.0, SECONDS), "12.3 ± 1.2 s"),
        (Measure(750_000.0, 0.0, SECONDS), "0.7500 ± 0 s"),
        (Measure(2_500_000.0, 310_000.0, SECONDS, difference=True), "+2.50 ± 0.31 s"),
        (Measure(-2_500_000.0, 310_000.0, SECONDS, difference=True), "-2.50 ± 0.31 s"),
        (Measure(0.8, None, Scale()), "0.8000"),
        (Measure(0.7, 2.7, Scale(), bounds=(0.0, 1.0)), "0.7 (0.0…1.0)"),
        (Measure(0.7, 0.027, Scale(), bounds=(0.0, 1.0)), "0.700 (0.673…0.727)"),
        (Measure(0.7, 0.0, Scale(), bounds=(0.0, 1.0)), "0.7000 ± 0"),
        (Measure(0.7, None, Scale(), bounds=(0.0, 1.0)), "0.7000"),
        (Measure(-0.02, 0.15, Scale(), difference=True, bounds=(-1.0, 1.0)), "-0.02 (-0.17…+0.13)"),
        (Measure(2_000_000.0, 3_100_000.0, SECONDS, bounds=(0.0, math.inf)), "2.0 (0.0…5.1) s"),
        (Measure(2_000_000.0, 310_000.0, SECONDS, bounds=(0.0, math.inf)), "2.00 ± 0.31 s"),
        (Interval(1.25, 20.0), "1.25 to 20"),
        (Score(2.345, fails=True), "+2.35 !"),
        (Score(-0.5, fails=False), "-0.50"),
        (More(1_200), "… and 1,200 more"),
    ],
)  # fmt: skip
def test_each_kind_of_cell(cell, text):
    assert written(cell, Page()) == text


@pytest.mark.parametrize(
    ("unit", "values", "scale"),
    [
        ("us", [2 * MINUTE, None], Scale("min", MINUTE)),
        ("us", [2 * MINUTE - 1], SECONDS),
        ("us", [-3.0, 1.0], Scale("us", 1)),
        ("us", [1.0], Scale("us", 1)),
        ("us", [0.0], SECONDS),
        ("us", [None], SECONDS),
        ("1/h", [7e9], Scale("1/h", 1)),
        ("", [1.0], Scale("", 1)),
        (None, [1.0], Scale("", 1)),
    ],
)
def test_values_that_are_compared_have_the_largest_unit_of_which_there_are_two(unit, values, scale):
    assert scale_of(unit, values) == scale


def test_a_page_without_unicode_is_ascii():
    """Names are cut to 40 characters; a bar of a whole has 60 - 32."""
    lane = Lane("", "s1", {State.WAITING: [(0, 50)], State.RUNNING: [(50, 100)]})
    metrics = Column("metric", ("a_name_with_more_than_forty_characters_in_it", More(3)), long=True)
    shares = (Share(1.0), Share(0.5))
    bars = Column("", (Share(1.0, bar=True), Share(0.5, bar=True)), words=True)
    busy = Table(Column("", ("busy", "held")), (Column("share", shares), bars))
    sections = (
        Section(
            "a",
            "A",
            body=Table(metrics, (Column("mean", (Measure(1.5, 0.25, Scale()), "")),)),
            below=(Note("mean ± t s"), Note(More(2))),
        ),
        Section("b", "B", body=busy),
        Section("c", "C", body=Timeline((lane,), 100)),
    )
    assert (
        text_of(*sections, width=60, unicode=False)
        == f"""\
A
metric                                            mean
a_name_with_more_t...ty_characters_in_it  1.50 +- 0.25
... and 3 more
mean +- t s
... and 2 more

B
        share
busy  100.0 %  {28 * "#"}
held   50.0 %  {14 * "#"}

C
s1  {28 * "."}{28 * "#"}
    |0s
    # running  - held, idle  . waiting
"""
    )


def test_what_is_right_behind_a_name_that_leaves_no_room_is_short():
    rows = (("a_name_of_a_metric", "us"), ("another", ""))
    assert (
        text_of(Section("listing", body=Listing(rows, width=22)), width=22)
        == "a_name_of_a_metric  us\nanother\n"
    )


def test_bars_are_left_out_where_they_have_no_room_or_nothing_is_seen_of_them():
    def table(*shares):
        columns = (
            Column("share", tuple(map(Share, shares))),
            Column("", tuple(Share(one, bar=True) for one in shares)),
        )
        return Section("table", body=Table(Column("", ("busy", "held")), columns))

    assert text_of(table(0.5, 0.25), width=48).splitlines()[1] == f"busy  50.0 %  {8 * '█'}"
    assert text_of(table(0.5, 0.25), width=32).splitlines()[1] == "busy  50.0 %"
    assert text_of(table(0.0, 0.01), width=48).splitlines()[1] == "busy  0.0 %"


def test_what_does_not_fit_next_to_a_name_goes_below_it():
    rows = (("fifo", "First in, first out: by submission."), ("a", "b"))
    titled = Section("listing", "Kinds", body=Listing(rows, width=6))
    assert (
        text_of(titled, width=30)
        == """\
Kinds
  fifo  First in, first out:
        by submission.
  a     b
"""
    )
    assert (
        text_of(Section("listing", "Kinds", body=Listing(rows, width=20)), width=30)
        == """\
Kinds
  fifo
    First in, first out: by
    submission.
  a
    b
"""
    )


def test_emphasis_is_that_of_titles_headings_and_notes():
    body = Table(Column("name", ("a",)), (words("", ("b",)),))
    section = Section("s", "Title", (Note("careful", Emphasis.WARNING),), body, (Note("and so on"),))
    assert [line.emphasis for line in lines_of([section, section], Page())][:6] == [
        Emphasis.STRONG,
        Emphasis.WARNING,
        Emphasis.STRONG,
        Emphasis.NONE,
        Emphasis.NONE,
        Emphasis.NONE,
    ]


@given(st.text("ab -é量🚀", max_size=60), st.integers(4, 30))
def test_text_is_wrapped_as_rich_wraps_it(text, width):
    console = Console(file=io.StringIO(), width=width)
    lines = [str(line).rstrip() for line in Text(text).wrap(console, width)]
    assert wrapped(text, width) == lines


@given(st.text("aé量🚀", max_size=9), st.integers(0, 12))
def test_a_fitted_text_has_the_width(text, width):
    assert cell_width(fitted(text, width)) == width
    assert fitted(text, cell_width(text)) == text

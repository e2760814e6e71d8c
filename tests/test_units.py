"""S1: durations as people write them, in integer microseconds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsession_sim.errors import DurationError
from qsession_sim.units import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration_us"),
    [
        ("0s", 0),
        ("90s", 90_000_000),
        ("2h30m", 9_000_000_000),
        ("2h 30m 40s", 9_040_000_000),
        (" 1 min ", 60_000_000),
        ("250us", 250),
        ("1.5ms", 1_500),
        (".5s", 500_000),
        ("1w1d", 8 * 86_400_000_000),
        ("-3s", -3_000_000),
        ("0.5us", 0),
        ("1.5us", 2),
        ("2.5us", 2),
        ("0.5us 0.5us", 1),
    ],
)
def test_a_duration_is_read_exactly_and_rounded_half_to_even_once(text: str, duration_us: int) -> None:
    """S1"""
    assert parse_duration(text) == duration_us


@pytest.mark.parametrize(
    "text",
    ["", "-", "90", "s", "1h30", "1:30:00", "1 fortnight", "1e3s", "\u0661s", 5, 1.5, None, True, b"5s"],
)
def test_anything_else_is_an_error_that_shows_what_would_be_right(text: Any) -> None:
    """S1"""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == (
        f"{text!r} is not a duration; write a number with a unit, such as 90s, 2h30m or 250us"
    )


@pytest.mark.parametrize("text", ["9" * 30 + "w", "-" + "9" * 30 + "w", f"{2**62}us", f"{2**61}us {2**61}us"])
def test_a_duration_beyond_the_longest_is_said_to_be_too_long(text: str) -> None:
    """S1"""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == f"{text!r} is too long; a duration must be shorter than about 146,000 years"


@given(st.integers(-(2**61), 2**61))
def test_writing_and_reading_gives_the_same_microseconds(duration_us: int) -> None:
    """S1"""
    assert parse_duration(format_duration(duration_us)) == duration_us


def test_a_duration_is_written_in_the_fewest_units() -> None:
    assert [format_duration(value) for value in (0, 1, 90_000_000, 86_400_000_000, -1_500)] == [
        "0s",
        "1us",
        "1m30s",
        "1d",
        "-1ms500us",
    ]

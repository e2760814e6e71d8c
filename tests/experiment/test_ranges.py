"""Ranges of settings for `tune`: how they are read, and which values are tried."""

from __future__ import annotations

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.experiment.variations import Range, read_range, read_ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=1s..300s", Range("a.b", 1_000_000, 300_000_000, "duration")),
        ("a.b = 0s .. 2h30m", Range("a.b", 0, 9_000_000_000, "duration")),
        ("a.b=1..40", Range("a.b", 1, 40, "integer")),
        ("a.b=0.1..0.9", Range("a.b", 0.1, 0.9, "number")),
        ("a.b=.5..2", Range("a.b", 0.5, 2.0, "number")),
        ("a.b=-2..3", Range("a.b", -2, 3, "integer")),
        ("a.b=1e-3..1", Range("a.b", 0.001, 1.0, "number")),
    ],
)
def test_ends_are_durations_whole_numbers_or_numbers(text, expected):
    assert read_range(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.b", "must be PATH=LOW..HIGH, such as workload.vqe.interactive_timeout=1s..300s"),
        ("a.b=1s", "must be PATH=LOW..HIGH, such as workload.vqe.interactive_timeout=1s..300s"),
        ("=1s..2s", "must be PATH=LOW..HIGH, such as workload.vqe.interactive_timeout=1s..300s"),
        ("a.b=1s..", "must be PATH=LOW..HIGH, such as workload.vqe.interactive_timeout=1s..300s"),
        ("a.b=1s..2", "both ends need a unit, or neither, such as 1s..300s or 1..9"),
        ("a.b=2s..2s", "2s must be less than 2s"),
        ("a.b=9..3", "9 must be less than 3"),
        ("a.b=1..1e999", "a number is too large"),
        (
            "a.b=fifo..lifo",
            "'fifo' is not a duration; write a number with a unit, such as 90s, 2h30m or 250us",
        ),
    ],
)
def test_what_is_no_range_is_told(text, message):
    with pytest.raises(StudyError) as raised:
        read_range(text)
    assert str(raised.value) == f"--vary {text}: {message}"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            [],
            "--vary: one or two settings can be tuned, not 0; fix the others with --set, or compare many with sweep",
        ),
        (["a=1..2", "a=3..4"], "--vary a=3..4: a is named twice"),
        (["seed=1..9"], "--vary seed: every replication has a seed of its own; vary anything else"),
        ("a=1..2", "vary must be a list such as ['workload.vqe.clients=1..9'], not 'a=1..2'"),
    ],
)
def test_one_or_two_settings_are_tuned(texts, message):
    with pytest.raises(StudyError) as raised:
        read_ranges(texts)
    assert str(raised.value) == message


def test_ends_a_factor_of_ten_apart_are_searched_by_factors():
    """1 s to 100 s: half the way is 10 s. 1 s to 9 s: it is 5 s. 0 has no logarithm."""
    assert read_range("a=1s..100s").value_at(0.5) == 10_000_000
    assert read_range("a=1s..9s").value_at(0.5) == 5_000_000
    assert read_range("a=0s..100s").value_at(0.5) == 50_000_000


def test_values_have_three_digits_and_stay_in_the_range():
    """A third of the way from 1 to 8 is 3.33; the ends stay as they are."""
    assert read_range("a=0.0..1.0").value_at(1 / 3) == 0.333
    assert read_range("a=1..8").value_at(1 / 3) == 3
    assert [read_range("a=1234..1239").value_at(share) for share in (0.0, 1.0)] == [1234, 1239]


def test_narrow_ranges_have_as_many_digits_as_they_need():
    """In steps of at most a hundredth of the range: from 1234 to 1239 every whole number, from 100 s to 101 s 10 ms."""
    narrow = read_range("a=1234..1239")
    assert [narrow.value_at(step / 5) for step in range(6)] == [1234, 1235, 1236, 1237, 1238, 1239]
    assert read_range("a=100s..101s").value_at(0.123) == 100_120_000
    assert read_range("a=-1.0..1.0").value_at(0.5) == 0.0


def test_values_are_written_as_a_scenario_has_them():
    assert read_range("a.t=1s..100s").setting(27_300_000) == "a.t=27s300ms"
    assert read_range("a.n=1..8").setting(3) == "a.n=3"
    assert read_range("a.x=0.1..0.9").setting(0.333) == "a.x=0.333"

"""Objectives and constraints of `tune`."""

from __future__ import annotations

import math

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.experiment.search import Constraint, Objective, read_constraint, read_objective


@pytest.mark.parametrize(
    ("text", "metric", "sign", "bound", "of_baseline"),
    [
        ("mean_waiting <= 90s", "mean_waiting", "<=", 90_000_000, False),
        ("mean_waiting<=1h30m", "mean_waiting", "<=", 5_400_000_000, False),
        ("utilization >= 0.8", "utilization", ">=", 0.8, False),
        ("utilization >= 80%", "utilization", ">=", 0.8, False),
        ("x.y <= 5e3", "x.y", "<=", 5000, False),
        ("p95_makespan <= 1.05 x baseline", "p95_makespan", "<=", 1.05, True),
        ("p95_makespan <= 1.05*baseline", "p95_makespan", "<=", 1.05, True),
        ("p95_makespan <= 1.05 × baseline", "p95_makespan", "<=", 1.05, True),  # noqa: RUF001
        ("p95_makespan >= baseline", "p95_makespan", ">=", 1.0, True),
        ("mean_waiting[mode=job] <= 2 x baseline", "mean_waiting[mode=job]", "<=", 2.0, True),
    ],
)
def test_bounds_are_durations_numbers_or_relative_to_the_baseline(text, metric, sign, bound, of_baseline):
    assert read_constraint(text) == Constraint(text, metric, sign, bound, of_baseline)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "mean_waiting",
            'must be METRIC <= BOUND or METRIC >= BOUND, such as "p95_makespan <= 1.05 x baseline"',
        ),
        ("a < 3", 'must be METRIC <= BOUND or METRIC >= BOUND, such as "p95_makespan <= 1.05 x baseline"'),
        (
            "a <= 3 parsecs",
            "'3 parsecs' is not a duration; write a number with a unit, such as 90s, 2h30m or 250us",
        ),
        (
            "a <= much x baseline",
            "'much' is not a number; a bound is a duration, a number, a percentage, or a number x baseline",
        ),
        (
            "a <= -",
            "'-' is not a number; a bound is a duration, a number, a percentage, or a number x baseline",
        ),
    ],
)
def test_what_is_no_constraint_is_told(text, message):
    with pytest.raises(StudyError) as raised:
        read_constraint(text)
    assert str(raised.value) == f"--subject-to {text}: {message}"


def test_excess_is_relative_to_the_bound_and_follows_its_direction():
    """100 s x 1.05 = 105 s: 126 s is 21 s or a fifth too much, 84 s is a fifth below."""
    largest = read_constraint("a <= 1.05 x baseline")
    assert largest.excess({"a": 126.0}, {"a": 100.0}) == 0.2
    assert largest.excess({"a": 84.0}, {"a": 100.0}) == -0.2
    smallest = read_constraint("a >= 50")
    assert smallest.excess({"a": 40.0}, {}) == 0.2
    assert smallest.excess({"a": 60.0}, {}) == -0.2
    assert read_constraint("a <= 0").excess({"a": 3.0}, {}) == 3.0


def test_without_a_value_nothing_is_kept_or_best():
    assert read_constraint("a <= 1").excess({"a": None}, {}) == math.inf
    assert Objective("a", "maximise").value({"a": None}) == math.inf


def test_a_bound_relative_to_nothing_is_told():
    with pytest.raises(StudyError) as raised:
        read_constraint("a <= baseline").excess({"a": 1.0}, {"a": None})
    assert str(raised.value) == (
        "--subject-to a <= baseline: the scenario as it stands has no a in at least one replication; "
        "write the bound as a value"
    )


def test_one_metric_is_best():
    assert read_objective("a", None) == Objective("a", "minimise")
    assert read_objective(None, "a") == Objective("a", "maximise")
    for given in ((None, None), ("a", "b")):
        with pytest.raises(
            StudyError, match=r"^say what is best: either --minimise METRIC or --maximise METRIC"
        ):
            read_objective(*given)

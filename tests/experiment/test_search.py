"""The search for the best of few settings, on functions whose best values are known."""

from __future__ import annotations

import math

import pytest

from qsession_sim.experiment.search import Merit, best, front, search
from qsession_sim.experiment.variations import read_range


def searched(texts, merit, evaluations=160, seed=1):
    """What a search finds, and all the batches of points that it asked for."""
    batches = []

    def evaluate(points):
        batches.append(list(points))
        return [merit(*values) for values in points]

    return search([read_range(text) for text in texts], evaluate, evaluations=evaluations, seed=seed), batches


def test_the_best_whole_number_is_found():
    found, _ = searched(["n=1..9"], lambda n: Merit((n - 7) ** 2, ()))
    assert best(found) == (7,)


def test_on_a_logarithmic_scale_the_best_duration_is_found_within_a_hundredth_of_the_range():
    """The smallest of |log(t / 20 s)| is at 20 s; a hundredth of the range is a factor of 300 ** 0.01 = 1.06."""
    found, _ = searched(["t=1s..300s"], lambda t: Merit(abs(math.log(t / 20e6)), ()), evaluations=80)
    assert abs(math.log(best(found)[0] / 20e6)) < 0.06


def test_what_misses_a_constraint_never_wins():
    """Smaller is better, but only from 6 on."""
    found, _ = searched(["n=0..100"], lambda n: Merit(float(n), (6 - n,)))
    assert best(found) == (6,)
    assert best({values: merit for values, merit in found.items() if values < (6,)}) is None


def test_a_constraint_that_nothing_keeps_leaves_no_best():
    found, _ = searched(["n=0..9"], lambda n: Merit(float(n), (1.0 + n,)))
    assert best(found) is None
    assert len(found) >= 8


def test_a_point_without_a_value_is_not_best():
    found, _ = searched(
        ["n=0..9"], lambda n: Merit(math.inf if n < 5 else float(n), (math.inf if n < 5 else 0,))
    )
    assert best(found) == (5,)


def test_two_settings_are_found_together():
    """(x - 30)^2 + (y - 4)^2 with x + y >= 40: the nearest point of the line is (33, 7)."""
    found, _ = searched(
        ["x=0..50", "y=0..20"], lambda x, y: Merit((x - 30) ** 2 + (y - 4) ** 2, (40 - x - y,)), 480
    )
    assert best(found) == (33, 7)


def test_every_point_is_asked_for_once_and_the_budget_is_kept():
    found, batches = searched(["x=0.1..50.0"], lambda x: Merit(math.sin(x), ()), evaluations=40)
    asked = [values for batch in batches for values in batch]
    assert len(asked) == len(set(asked)) <= 40
    assert list(found) == asked


def test_the_first_generation_covers_the_ranges_with_their_ends():
    _, batches = searched(["x=0..70"], lambda x: Merit(float(x), ()))
    assert batches[0] == [(0,), (10,), (20,), (30,), (40,), (50,), (60,), (70,)]
    _, batches = searched(["x=0..3", "y=0..3"], lambda x, y: Merit(float(x + y), ()))
    assert sorted(batches[0]) == [(x, y) for x in range(4) for y in range(4)]


def test_the_same_seed_asks_for_the_same_points():
    def merit(x):
        return Merit(math.sin(x), ())

    first, second, other = (searched(["x=0.1..50.0"], merit, seed=seed)[1] for seed in (1, 1, 2))
    assert first == second != other


@pytest.mark.parametrize(("texts", "fewest"), [(["x=0..9"], 28), (["x=0..9", "y=0..9"], 32)])
def test_a_search_needs_two_generations_and_its_refinement(texts, fewest):
    """2 x 8 + 12 of one setting, 2 x 16 of two."""
    with pytest.raises(ValueError, match=f"at least {fewest} evaluations, not {fewest - 1}"):
        searched(texts, lambda *values: Merit(sum(values), ()), evaluations=fewest - 1)
    assert searched(texts, lambda *values: Merit(sum(values), ()), evaluations=fewest)[0]


@pytest.mark.parametrize("edge", [2.0, 7.3, 12.3, 47.0, 211.0])
def test_the_edge_of_a_plateau_is_found(edge):
    """From the edge on nothing changes, below it a constraint is missed: three digits of the edge are found but
    for what golden sections leave."""

    def merit(t):
        return Merit(min(t / 1e6, edge + 0.01), (edge - t / 1e6,))

    found, _ = searched(["t=1s..300s"], merit, evaluations=80)
    assert edge <= best(found)[0] / 1e6 <= 1.01 * edge + 0.011


def test_the_front_holds_what_nothing_beats():
    """(4, 4) is beaten by (2, 2), (1, 6) by (1, 5); equal points do not beat each other."""
    points = [(1, 5), (2, 2), (4, 4), (1, 6), (2, 2), (5, 1)]
    assert front(points) == [True, True, False, False, True, True]
    assert front([]) == []

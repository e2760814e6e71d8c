"""Grids, random points and Latin hypercubes of settings."""

from __future__ import annotations

import pytest

from qsession_sim.errors import StudyError
from qsession_sim.experiment.tasks import Configuration
from qsession_sim.experiment.variations import (
    Range,
    Variation,
    read_variation,
    read_variations,
    sampled,
    sweep_points,
    written,
)

BASE = Configuration("base", hold="shared", overrides=("z=1",))


def names(vary: list[str], sampling: str = "grid", points: int | None = None, seed: int = 7) -> list[str]:
    made = sweep_points([BASE], read_variations(vary, sampling), sampling, points, seed)
    return [configuration.name for configuration in made]


def test_a_grid_has_every_combination_once_and_every_value_early() -> None:
    found = names(["a=1,2,3", "b=x,y"])
    assert found[:3] == ["a=1 b=x", "a=2 b=y", "a=3 b=x"]
    assert sorted(found) == [f"a={a} b={b}" for a in (1, 2, 3) for b in "xy"]


def test_points_keep_what_their_base_says() -> None:
    made = sweep_points([BASE], read_variations(["a=1"], "grid"), "grid", None, 7)
    assert made == (Configuration("a=1", hold="shared", overrides=("z=1", "a=1")),)


def test_several_bases_are_named_in_front() -> None:
    made = sweep_points(
        [Configuration("fifo", "fifo"), Configuration("lifo", "lifo")],
        read_variations(["a=1,2"], "grid"),
        "grid",
        None,
        7,
    )
    assert [one.name for one in made] == ["fifo a=1", "lifo a=1", "fifo a=2", "lifo a=2"]


def test_commas_inside_brackets_and_quotes_separate_nothing() -> None:
    found = read_variation('a.b={kind: uniform, low: 1, high: [2, 3]},"x, y",5s')
    assert found == Variation("a.b", ("{kind: uniform, low: 1, high: [2, 3]}", '"x, y"', "5s"))


def test_a_mapping_varies_values_of_any_kind() -> None:
    found = read_variations({"a": [1, 2.5, "5s", {"kind": "none"}], "b": "x,y"}, "grid")
    assert found == (Variation("a", ("1", "2.5", "5s", '{"kind": "none"}')), Variation("b", ("x", "y")))


@pytest.mark.parametrize(
    ("text", "kind", "ends"),
    [
        ("a=1s..2m", "duration", (1_000_000.0, 120_000_000.0)),
        ("a=1..9", "integer", (1.0, 9.0)),
        ("a=-0.5..1e2", "number", (-0.5, 100.0)),
        ("a=1234567..7654321", "integer", (1234567.0, 7654321.0)),
    ],
)
def test_ranges_are_read_and_written_again(text: str, kind: str, ends: tuple[float, float]) -> None:
    found = read_variation(text)
    assert found == Variation("a", (), Range("a", *ends, kind))
    assert read_variation(written(found)) == found


def test_every_whole_number_of_a_range_is_equally_wide() -> None:
    variation = read_variation("a=3..6")
    assert [variation.at(share) for share in (0.0, 0.249, 0.25, 0.74, 0.75, 0.999)] == [*"334566"]


def test_a_latin_hypercube_has_one_point_in_every_part_of_every_setting() -> None:
    variations = read_variations(["a=0s..1000000000s", "b=1..8"], "latin_hypercube")
    points = list(sampled(variations, "latin_hypercube", 8, 7))
    assert sorted(value for _, value in points) == [*"12345678"]
    import qsession_sim as qs

    eighth = 1_000_000_000 * 1_000_000 // 8
    assert sorted(qs.parse_duration(value) // eighth for value, _ in points) == list(range(8))


def test_samples_follow_from_the_seed() -> None:
    vary = ["a=0.0..1.0", "b=x,y"]
    for sampling in ("random", "latin_hypercube"):
        first = names(vary, sampling, 5)
        assert len(first) == 5
        assert names(vary, sampling, 5) == first != names(vary, sampling, 5, seed=8)


def test_a_sample_has_no_point_twice() -> None:
    assert sorted(names(["a=x,y"], "random", 50)) == ["a=x", "a=y"]


@pytest.mark.parametrize(
    ("vary", "sampling", "points", "word"),
    [
        ([], "grid", None, "something to vary"),
        ("a=1", "grid", None, "list"),
        (["a"], "grid", None, "PATH=V1"),
        (["a="], "grid", None, "PATH=V1"),
        (["=1"], "grid", None, "PATH=V1"),
        (["a=1,,2"], "grid", None, "empty"),
        (["a=1,1"], "grid", None, "twice"),
        (["a=1", "a=2"], "grid", None, "twice"),
        (["a={"], "grid", None, "--vary a={"),
        (["seed=1,2"], "grid", None, "seed of its own"),
        (["a=1..2"], "grid", None, "takes values"),
        (["a=2..1"], "random", 5, "less than"),
        (["a=1s..9"], "random", 5, "--vary a=1s..9: both ends need a unit"),
        (["a=1,2"], "sobol", 5, "sampling"),
        (["a=1,2"], "grid", 5, "leave the number"),
        (["a=1,2"], "random", None, "number of points"),
        (["a=1,2"], "random", 0, "number of points"),
        ([f"{name}={','.join(map(str, range(101)))}" for name in "abc"], "grid", None, "1,030,301"),
        ({"a": 5}, "grid", None, "list of values"),
    ],
)
def test_mistakes_are_told(vary, sampling, points, word) -> None:
    with pytest.raises(StudyError, match=word):
        sweep_points([BASE], read_variations(vary, sampling), sampling, points, 7)

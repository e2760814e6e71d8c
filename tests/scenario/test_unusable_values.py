"""Values that no key can take are problems with a place, not exceptions of what first looks at them."""

from __future__ import annotations

import json

import pytest

import qsession_sim as qs
from qsession_sim.scenario.load import load_scenario

HEXADECIMAL = f"0x{'f' * 4000}"
LARGE = int(HEXADECIMAL, 16)
ARRIVALS = {"kind": "arrivals", "account": "a", "count": 1, "interarrival": "5s", "qpu_time": "1s"}
ITERATIVE = {"kind": "iterative", "account": "a", "clients": 1, "iterations": 1, "think_time": "1s"}
STEPS = {"kind": "steps", "steps": [{"from_iteration": LARGE, "shots": LARGE}]}
BIG = {
    "profile": {"profile": LARGE, "workload": []},
    "seed": {"seed": LARGE, "workload": []},
    "workload.arrivals.users.count": {"workload": [{**ARRIVALS, "users": {"count": LARGE}}]},
    "workload.arrivals.rates[0].from_hour": {
        "workload": [{**ARRIVALS, "interarrival": None, "rates": [{"from_hour": LARGE, "per_hour": 1.5}]}]
    },
    "workload.iterative.start.groups[0].size": {
        "workload": [{**ITERATIVE, "qpu_time": "1s", "start": {"groups": [{"at": "1h", "size": LARGE}]}}]
    },
    "workload.iterative.shots_by_iteration.steps[0].from_iteration": {
        "workload": [{**ITERATIVE, "circuits": 1, "shots": 10, "shots_by_iteration": STEPS}]
    },
}


def problems(source, **options):
    with pytest.raises(qs.ScenarioError) as caught:
        load_scenario(source, **options)
    return caught.value.problems


def written(folder, data):
    """The same in a file, its large numbers in base 16, as Python cannot write so many decimal digits."""
    (folder / "a.yaml").write_text(
        json.dumps(_marked(data)).replace('"LARGE"', HEXADECIMAL), encoding="utf-8"
    )
    return str(folder / "a.yaml")


def _marked(data):
    if isinstance(data, dict):
        return {key: _marked(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_marked(item) for item in data]
    return "LARGE" if data == LARGE else data


@pytest.mark.parametrize("path", BIG)
def test_an_integer_that_no_key_can_use_is_refused_with_its_place(path, tmp_path):
    found = problems(BIG[path])
    in_file = problems(written(tmp_path, BIG[path]))

    assert found[0].startswith(f"scenario: {path}: larger than any number that a scenario can use")
    assert f"{path}: larger than any number that a scenario can use" in in_file[0]
    assert in_file[0].startswith(f"{tmp_path}/a.yaml:1:")


def test_a_setting_with_such_an_integer_is_named():
    found = problems({"workload": []}, overrides=[f"profile={HEXADECIMAL}"])
    by_seed = problems({"workload": []}, seed=LARGE)

    assert len(found) == len(by_seed) == 1
    assert found[0].startswith("--set profile=0xff")
    assert "larger than any number" in found[0]
    assert by_seed[0].startswith("--seed a very long number: larger than any number")


def test_a_seed_may_have_128_bits_and_no_more():
    assert load_scenario({"seed": 2**128 - 1, "workload": []}).resolved.seed == 2**128 - 1
    assert len(problems({"seed": 2**128, "workload": []})) == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('title: "\\ud83d"\nworkload: []\n', "1:8: title: not valid text; it has half of a surrogate pair"),
        ('workload: []\n"\\udc00": 1\n', "1:1: a key is not valid text; it has half of a surrogate pair"),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_with_its_place(text, place, tmp_path):
    """Such a text cannot be written to the files of a result."""
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")

    (found,) = problems(str(tmp_path / "a.yaml"))

    assert found.startswith(f"{tmp_path}/a.yaml:{place}")
    assert problems({"title": "\ud83d", "workload": []})[0].startswith("scenario: title: not valid text; ")


@pytest.mark.parametrize("title", ["\U0001f600", r"\ud83d\ude00"])
def test_a_whole_surrogate_pair_is_a_character(title, tmp_path):
    """Also as JSON writes it."""
    (tmp_path / "a.yaml").write_text(f'title: "{title}"\nworkload: []\n', encoding="utf-8")

    assert load_scenario(str(tmp_path / "a.yaml")).resolved.title == "\U0001f600"


def test_a_horizon_beyond_the_last_year_of_a_calendar_is_simulated():
    """500,000 weeks from 2024 lead to the year 11606; S23 asks whether the run reaches April 2024."""
    scenario = {
        "start": "2023-01-01",
        "horizon": "500000w",
        "accounts": [{"name": "a", "client": {"qiskit": "0.44.1"}}],
        "workload": [ARRIVALS],
    }

    (warning,) = load_scenario(scenario).warnings

    assert "since April 2024 the service asks for Qiskit" in warning
    assert load_scenario({**scenario, "horizon": "1w"}).warnings == ()
    assert qs.simulate(scenario).jobs["completed_us"].to_list() == [6_000_000]


@pytest.mark.parametrize("kind", [["exponential"], {"a": 1}, None, 5, [], [["x"]]])
@pytest.mark.parametrize("key", ["interarrival", "qpu_time", "circuits"])
@pytest.mark.parametrize("more", [{}, {"mean": "5s"}, {"values": [1]}, {"value": "5s"}])
def test_a_kind_that_is_no_word_is_refused_with_its_place(key, kind, more):
    source = {**ARRIVALS, key: {"kind": kind, **more}}

    assert any(f"workload.arrivals.{key}.kind: " in problem for problem in problems({"workload": [source]}))

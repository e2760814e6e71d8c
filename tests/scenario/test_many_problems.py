"""Reports of thousands of problems: short, in order, and made in a time that grows with their number."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

GOOD = {"at": "5s", "account": "a", "qpu_time": "1s"}


def jobs(number, change):
    """A scenario with so many explicit jobs, each wrong in the same way."""
    listed = [{"id": f"j{n}", **GOOD, **change(n)} for n in range(number)]
    return {"workload": [{"kind": "explicit", "jobs": listed}]}


def plans(number):
    """As many plans in one mapping, each with a key that does not exist."""
    return {"plans": {f"p{n}": {"colour": 1} for n in range(number)}, "workload": []}


def text(number):
    """The same in YAML, where each problem has its line."""
    return "plans:\n" + "".join(f"  p{n}: {{colour: 1}}\n" for n in range(number)) + "workload: []\n"


KINDS = {
    "wrong_type": lambda number: jobs(number, lambda _: {"at": 5}),
    "unknown_key": lambda number: jobs(number, lambda _: {"colour": 1}),
    "same_id": lambda number: jobs(number, lambda _: {"id": "j"}),
    "unknown_session": lambda number: jobs(number, lambda n: {"session": f"s{n}"}),
    "unknown_job": lambda number: jobs(number, lambda n: {"after": f"k{n}", "at": None}),
    "mapping": plans,
}


def problems(source, **options):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source, **options)
    return caught.value.problems


def operations(source, **options):
    """How many functions are called for a report, those of libraries included; not what is made once."""
    problems(source, **options)
    calls: Counter[str] = Counter()

    def count(_frame, event, _argument):
        calls[event] += 1

    sys.setprofile(count)
    try:
        with pytest.raises(ScenarioError):
            load_scenario(source, **options)
    finally:
        sys.setprofile(None)
    return calls["call"] + calls["c_call"]


@pytest.mark.parametrize("kind", KINDS)
def test_twice_as_many_problems_take_twice_as_many_operations(kind):
    """With a part that grows as the square of their number it would be up to four times as many."""
    few, many, more = (operations(KINDS[kind](number)) for number in (100, 200, 400))

    assert (more - many) / (many - few) < 2.2


def test_problems_of_settings_do_not_take_longer_each():
    few, many, more = (
        operations(jobs(number, lambda _: {"at": 5}), overrides=["horizon=0s"]) for number in (100, 200, 400)
    )

    assert (more - many) / (many - few) < 2.2


def test_the_lines_of_problems_in_one_mapping_are_found_at_once(tmp_path):
    counts = []
    for number in (100, 200, 400):
        (tmp_path / "a.yaml").write_text(text(number), encoding="utf-8")
        counts.append(operations(str(tmp_path / "a.yaml")))

    assert (counts[2] - counts[1]) / (counts[1] - counts[0]) < 2.2


def test_of_a_kind_the_first_twenty_are_shown_and_the_number_of_the_others(tmp_path):
    """1,300 plans with one mistake each, and one job with another: nothing is hidden behind the many."""
    (tmp_path / "a.yaml").write_text(
        text(1300).replace("[]", "[{kind: explicit, jobs: [{id: j, at: 5, account: a, qpu_time: 1s}]}]"),
        encoding="utf-8",
    )

    found = problems(str(tmp_path / "a.yaml"))

    assert len(found) == 22
    for number in range(20):
        place = f"{tmp_path}/a.yaml:{number + 2}:{6 + len(str(number)) + 1}"
        assert found[number].startswith(f"{place}: plans.p{number}.colour: unknown key (")
    assert found[20].endswith("a.yaml:22:9: plans.p20.colour: and 1,280 more like these: unknown key")
    assert "workload.explicit.jobs.j.at: a duration needs a unit" in found[21]


def test_twenty_of_a_kind_are_all_shown():
    found = problems(KINDS["wrong_type"](20))

    assert len(found) == 20
    assert not any("more like these" in problem for problem in found)


def test_more_qpus_than_the_scheduler_has_numbers_for_are_refused_with_the_scenario():
    qpus = [{"name": f"q{number}"} for number in range(2**15 + 1)]
    with pytest.raises(ScenarioError) as caught:
        load_scenario({"qpus": qpus, "workload": []})
    assert caught.value.problems == ("scenario: qpus: must have no more items than 32768 (got 32769)",)

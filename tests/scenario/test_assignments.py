"""Values set from outside: paths by name, errors that name what the user wrote."""

from __future__ import annotations

import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

SCENARIO = """\
policies: {queue: fifo}
qpus: [{name: torino}]
workload:
  - {kind: iterative, name: vqe, account: a, iterations: 5, shots: 100}
  - {kind: arrivals, account: a, interarrival: 9s, count: 3, shots: {kind: choice, values: [1, 2]}}
  - {kind: arrivals, name: v1, account: a, interarrival: 9s, count: 3, shots: 1}
  - {kind: arrivals, name: v1.2, account: a, interarrival: 9s, count: 3, shots: 1}
  - kind: explicit
    jobs: [{id: j1, at: 0s, account: a, qpu_time: 5s}]
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SCENARIO)
    return "a.yaml"


def problems_of(*arguments):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(*arguments)
    return list(caught.value.problems)


def test_items_are_addressed_by_name_id_or_kind(file):
    written = load_scenario(
        file,
        [
            "workload.vqe.clients=40",
            "workload.arrivals.count=7",
            "workload.v1.2.count=8",
            "workload.v1.count=9",
            "workload.explicit.jobs.j1.at=1m",
            "qpus.torino.service_time.overhead=1s",
            "policies.hold=shared",
            "rules.unused_timeout=5m",
            "workload.vqe.think_time={kind: exponential, mean: 2s}",
        ],
    ).dump()

    vqe, arrivals, v1, v12, explicit = written["workload"]
    assert (vqe["clients"], arrivals["count"], v12["count"], v1["count"]) == (40, 7, 8, 9)
    assert vqe["think_time"] == {"kind": "exponential", "mean": "2s"}
    assert explicit["jobs"][0]["at"] == "1m"
    assert written["qpus"][0]["service_time"]["overhead"] == "1s"
    assert written["policies"] == {
        "queue": {"name": "fifo"},
        "hold": {"name": "shared"},
        "routing": {"name": "least_busy"},
    }
    assert written["rules"]["unused_timeout"] == "5m"


def test_later_assignment_wins(file):
    assert load_scenario(file, ["seed=1", "seed=2"]).resolved.seed == 2


def test_problem_belongs_to_the_assignment_that_counts(file):
    assert problems_of(file, ["horizon=5", "horizon=6"]) == [
        "--set horizon=6: a duration needs a unit, such as 90s, 2h30m or 250us (got 6)"
    ]


def test_item_can_be_replaced_as_a_whole(file):
    job = "{id: j2, at: 5s, account: b, qpu_time: 1s}"

    written = load_scenario(file, [f"workload.explicit.jobs.j1={job}"]).dump()

    assert written["workload"][-1]["jobs"] == [
        {"id": "j2", "at": "5s", "account": "b", "qpu_time": "1s", "priority": 0}
    ]


@pytest.mark.parametrize("name", ["horizon", "seed", "title"])
def test_single_value_that_the_scenario_does_not_give_has_no_parts(name):
    assert problems_of({"workload": []}, [f"{name}.foo.bar=3"]) == [
        f"--set {name}.foo.bar=3: {name} is a single value; set it as a whole"
    ]


def test_list_that_the_scenario_does_not_give_is_no_single_value():
    assert problems_of({"workload": []}, ["accounts.foo=3"]) == [
        (
            "--set accounts.foo=3: the scenario lists no accounts; "
            "set the whole list, such as accounts=[{name: lab}]"
        )
    ]


def test_contradiction_of_the_file_with_a_set_value_names_both(tmp_path, monkeypatch):
    """The QPU time was right until shots were set; the key that does not exist was wrong before."""
    monkeypatch.chdir(tmp_path)
    job = "{id: j1, at: 0s, account: a, qpu_time: 5s, prioriti: 1}"
    text = f"workload:\n  - kind: explicit\n    jobs: [{job}]\n"
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")

    assert problems_of("c.yaml", ["workload.explicit.jobs.j1.shots=9", "seed=3"]) == [
        (
            "c.yaml:3:51: workload.explicit.jobs.j1.qpu_time: give qpu_time or shots, not both"
            " (because of --set workload.explicit.jobs.j1.shots=9)"
        ),
        "c.yaml:3:55: workload.explicit.jobs.j1.prioriti: unknown key (did you mean priority?)",
    ]


def test_default_qpu_can_be_addressed_by_its_name():
    written = load_scenario({"workload": []}, ["qpus.qpu.service_time.overhead=4s"]).dump()

    assert written["qpus"][0]["name"] == "qpu"
    assert written["qpus"][0]["service_time"]["overhead"] == "4s"


def test_value_may_hold_an_equals_sign_and_spaces():
    assert load_scenario({"workload": []}, ["title= a = b"]).resolved.title == "a = b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workload.vqee.clients=4", "nothing in workload is called vqee (did you mean vqe?)"),
        (
            "workload.xyz.clients=4",
            "nothing in workload is called xyz (known: vqe, arrivals, v1, v1.2, explicit)",
        ),
        (
            "workload.arrivals.shots.values.first=4",
            "the items of workload.arrivals.shots.values have no names; set the whole list",
        ),
        ("policies.queue.name=fifo", "policies.queue is a single value, 'fifo'; set it as a whole"),
        ("seed", "must be PATH=VALUE, such as seed=7"),
        ("=5", "must be PATH=VALUE, such as seed=7"),
        ("policies..queue=5", "a part of the path is empty"),
        ("policies.=5", "a part of the path is empty"),
        ("seed=[", "not YAML: expected the node content, but found '<stream end>'"),
        ("title=a: b: c", "not YAML: unexpected ':'; put a text that contains ': ' in quotes"),
        ("title=!x y", "the YAML tag !x is not supported; remove it"),
        ("workload.vqe.cleints=4", "unknown key (did you mean clients?)"),
        ("workload.vqe.clients=0", "must be at least 1 (got 0)"),
        ("seed=", "has no value; give one or remove the key"),
        ("horizon=24", "a duration needs a unit, such as 90s, 2h30m or 250us (got 24)"),
        ("policies.hold=share", "no hold policy has this name (got 'share'; did you mean shared?)"),
        ("polices.hold=shared", "polices: unknown key (did you mean policies?)"),
        ("rules.unused.timeout=5m", "rules.unused: unknown key (did you mean unused_timeout?)"),
        ("workload.vqe.qpu_time=5s", "give qpu_time or shots, not both"),
        (
            "workload.vqe.think_time={kind: uniform, low: 1s, hihg: 2s}",
            "workload.vqe.think_time.hihg: unknown key (did you mean high?)",
        ),
    ],
)
def test_problem_names_the_assignment_and_not_a_line(file, text, message):
    assert f"--set {text}: {message}" in problems_of(file, [text])


def test_problems_of_the_file_come_first_and_none_is_lost(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yaml").write_text("sede: 1\nworkload: []\n")

    assert problems_of("b.yaml", ["warm_up=x", "qpus.kyiv.name=a", "horizon=5"]) == [
        "b.yaml:1:1: sede: unknown key (did you mean seed?)",
        "--set horizon=5: a duration needs a unit, such as 90s, 2h30m or 250us (got 5)",
        "--set qpus.kyiv.name=a: nothing in qpus is called kyiv (known: qpu)",
        "--set warm_up=x: not a duration; write a number with a unit, such as 90s, 2h30m or 250us (got 'x')",
    ]


def test_scenario_that_is_no_mapping_cannot_be_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yaml").write_text("- 1\n")

    assert problems_of("b.yaml", ["seed=1"]) == [
        "b.yaml:1:1: a scenario must be a mapping with keys such as workload (got a list)",
        "--set seed=1: the items of the scenario have no names; set the whole list",
    ]

"""Where scenarios come from, what they carry, and what is said when they cannot be read."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime
from functools import partial

import numpy as np
import pytest

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.load import load_scenario

ARRIVALS = {"kind": "arrivals", "account": "lab", "interarrival": "5s", "shots": 1, "count": 3}


def problems_of(source, *arguments, **options):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(source, *arguments, **options)
    return list(caught.value.problems)


def test_file_gives_text_and_origin_as_they_are(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("# mine\nworkload: []\n", encoding="utf-8")

    scenario = load_scenario(str(path), ["seed=5"])

    assert (scenario.text, scenario.origin, scenario.resolved.seed) == (
        "# mine\nworkload: []\n",
        str(path),
        5,
    )


def test_byte_order_mark_is_no_part_of_the_document(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfseed: 3\nworkload: []\n")

    assert load_scenario(path).resolved.seed == 3


def test_windows_line_ends_are_line_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"seed: 3\r\nsede: 4\r\nworkload: []\r\n")

    assert problems_of("a.yaml") == ["a.yaml:2:1: sede: unknown key (did you mean seed?)"]


def test_missing_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert problems_of("nowhere/a.yaml") == ["nowhere/a.yaml: no such file"]


def test_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()

    assert problems_of("scenarios") == ["scenarios: is a directory; name a scenario file in it"]


def test_impossible_file_name():
    assert problems_of("a\0b") == ["'a\\x00b': cannot be read: embedded null byte"]


def test_an_empty_name_is_told_as_such():
    assert problems_of("") == ["the name of the scenario is empty; give that of a file"]


def test_malformed_lines_are_skipped_in_every_trace(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("submitted_us,qpu_time_us\n0,5\n", encoding="utf-8")
    sources = "".join(f"  - {{kind: trace, name: {name}, file: {name}.csv}}\n" for name in "ab")
    path = tmp_path / "two.yaml"
    path.write_text(f"workload:\n{sources}  - {{kind: explicit}}\n", encoding="utf-8")

    loaded = load_scenario(path)
    traces = load_scenario(loaded, skip_bad_lines=True).dump()["workload"][:2]

    assert [trace["skip_bad_lines"] for trace in traces] == [True, True]
    assert [trace["skip_bad_lines"] for trace in loaded.dump()["workload"][:2]] == [False, False]


def test_skipped_lines_need_a_trace():
    assert problems_of({"workload": []}, skip_bad_lines=True) == [
        "--skip-bad-lines: no source of the workload is a trace; leave it out"
    ]


def test_text_that_is_not_utf8(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"seed: 1\ntitle: na\xefve\n")

    assert problems_of("a.yaml") == ["a.yaml:2:10: not UTF-8 text (byte 0xef)"]


def test_control_character(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"seed: 1\ntitle: a\x00b\n")

    assert problems_of("a.yaml") == ["a.yaml:2:9: not YAML: a control character (code 0)"]


@pytest.mark.parametrize("limit", [1, 10])
def test_absurdly_deep_nesting(limit, tmp_path, monkeypatch, request):
    """Beyond 50 levels; and so deep that reading ends there, also where Python's recursion limit is a higher one."""
    request.addfinalizer(partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(limit * sys.getrecursionlimit())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("workload: " + "[" * 100 + "]" * 100, encoding="utf-8")
    (tmp_path / "b.yaml").write_text("[" * 2000, encoding="utf-8")

    assert problems_of("a.yaml") == ["a.yaml:1:61: workload: nested too deeply"]
    assert problems_of("b.yaml") == ["b.yaml:1:1: nested too deeply"]


def test_dict_that_contains_itself():
    scenario: dict[str, object] = {}
    scenario["workload"] = [scenario]

    assert problems_of(scenario) == ["scenario: nested too deeply"]


def test_anchor_that_is_used_again_counts_from_there_on(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("horizon: &time 1h\nwarm_up: &time 5m\nrules: {unused_timeout: *time}\nworkload: []\n")

    assert load_scenario(path).dump()["rules"]["unused_timeout"] == "5m"


def test_problems_of_a_dict_have_no_lines_but_the_order_of_the_dict():
    scenario = {"workload": [{**ARRIVALS, "shots": 0, "count": "x"}], "horizon": 5, "sede": 1}

    assert problems_of(scenario) == [
        "scenario: workload.arrivals.shots: must be greater than 0 (got 0)",
        "scenario: workload.arrivals.count: must be a whole number (got 'x')",
        "scenario: horizon: a duration needs a unit, such as 90s, 2h30m or 250us (got 5)",
        "scenario: sede: unknown key (did you mean seed?)",
    ]


def test_none_in_a_dict_is_a_key_without_value():
    assert problems_of({"workload": [], "horizon": None}) == [
        "scenario: horizon: has no value; give one or remove the key"
    ]


def test_empty_dict():
    assert problems_of({}) == ["scenario: workload: missing; give a list of sources of jobs"]


def test_dict_may_hold_tuples_numpy_numbers_and_instants():
    scenario = load_scenario(
        {
            "seed": np.int64(4),
            "start": datetime(2024, 4, 2, 8, tzinfo=UTC),
            "workload": ({**ARRIVALS, "shots": np.float64(2.5)},),
        }
    )

    written = scenario.dump()

    assert (written["seed"], written["start"]) == (4, "2024-04-02T08:00:00Z")
    assert written["workload"][0]["shots"] == {"kind": "constant", "value": 2.5}


def test_date_is_its_first_instant():
    scenario = load_scenario({"start": date(2024, 4, 2), "workload": []})

    assert scenario.resolved.start == datetime(2024, 4, 2, tzinfo=UTC)


def test_instant_that_utc_cannot_hold():
    assert problems_of({"start": "0001-01-01T00:00:00+05:00", "workload": []}) == [
        "scenario: start: must be an instant such as 2024-04-02T08:00:00Z (got '0001-01-01T00:00:00+05:00')"
    ]


def test_dict_is_not_changed():
    scenario = {"workload": [dict(ARRIVALS)]}
    before = copy.deepcopy(scenario)

    load_scenario(scenario, ["workload.arrivals.count=9", "policies.hold=none"], seed=3)

    assert scenario == before


def test_text_of_a_dict_is_a_scenario_again(tmp_path):
    scenario = load_scenario({"title": "Grüße: 1", "workload": [ARRIVALS]})
    path = tmp_path / "a.yaml"
    path.write_text(scenario.text, encoding="utf-8")

    assert load_scenario(path).resolved == scenario.resolved


def test_seed_argument_replaces_the_seed():
    assert load_scenario({"seed": 1, "workload": []}, ["seed=2"], seed=3).resolved.seed == 3


def test_impossible_seed_argument():
    assert problems_of({"workload": []}, seed=-1) == ["--seed -1: must be at least 0 (got -1)"]


def test_scenario_is_loaded_already():
    scenario = load_scenario({"workload": []})

    assert load_scenario(scenario) is scenario


def test_loaded_scenario_takes_further_values_before_resolution():
    """The mode decides on the default clocks, so it must be set on what was written, not on what was resolved."""
    source = {"kind": "iterative", "account": "lab", "iterations": 3, "shots": 1}
    scenario = load_scenario({"workload": [source]}, ["workload.iterative.clients=4"])

    as_batch = load_scenario(scenario, ["workload.iterative.mode=batch"]).dump()["workload"][0]

    assert (as_batch["clients"], as_batch["mode"], as_batch["interactive_timeout"]) == (4, "batch", "1s")


def test_scenario_survives_pickling():
    source = {**ARRIVALS, "interarrival": {"kind": "exponential", "mean": "5s"}}
    scenario = load_scenario({"workload": [source], "rules": {"max_execution_time": "none"}}, seed=8)

    again = pickle.loads(pickle.dumps(scenario))

    assert again == scenario
    assert load_scenario(again, ["seed=9"]).resolved.seed == 9


def test_value_file_of_a_loaded_scenario_is_still_found(tmp_path, monkeypatch):
    (tmp_path / "shots.txt").write_text("7\n")
    source = "workload: [{kind: arrivals, account: a, interarrival: 5s, count: 1, shots: {kind: empirical, file: shots.txt}}]"
    (tmp_path / "a.yaml").write_text(source)
    scenario = load_scenario(tmp_path / "a.yaml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    again = load_scenario(scenario, ["seed=1"])

    assert again.dump()["workload"][0]["shots"] == {"kind": "empirical", "values": [7.0]}


def test_value_file_of_a_dict_starts_at_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots.txt").write_text("1\nx\n")

    assert problems_of({"workload": [{**ARRIVALS, "shots": {"kind": "empirical", "file": "shots.txt"}}]}) == [
        "scenario: workload.arrivals.shots.file: shots.txt, line 2: must be a number (got 'x')"
    ]


def test_further_policies_can_be_known():
    scenario = {"workload": [], "policies": {"queue": "mine"}}

    assert load_scenario(scenario, queue_policies=["fifo", "mine"]).resolved.policies.queue.name == "mine"
    assert problems_of(scenario) == [
        (
            "scenario: policies.queue: no queue policy has this name (got 'mine'; known: fifo, lifo, "
            "priority, shortest_job_first, longest_job_first, earliest_deadline, fair_share, round_robin, "
            "weighted_fair_queueing, least_attained_service, multilevel, wfp3, …)"
        )
    ]


def test_long_values_are_shortened_and_stay_on_one_line():
    assert problems_of({"workload": [], "horizon": "a\n" + "b" * 100}) == [
        "scenario: horizon: not a duration; write a number with a unit, such as 90s, 2h30m or 250us"
        " (got 'a\\n" + "b" * 55 + "…)"
    ]


def test_error_survives_pickling():
    error = ScenarioError(("one", "two"))

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.problems) == ("one\ntwo", ("one", "two"))


def test_loading_needs_neither_numpy_nor_simpy_nor_polars():
    code = (
        "import sys; from qsession_sim.scenario.load import load_scenario; load_scenario({'workload': []});"
        "print(sorted({'numpy', 'simpy', 'polars', 'scipy', 'rich'} & set(sys.modules)))"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"

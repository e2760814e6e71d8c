"""replicate, compare and sweep: the same workloads for all, honest statistics, and what a study says."""

from __future__ import annotations

import hashlib
import itertools
import json
import pickle
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import qsession_sim as qs
from qsession_sim.errors import StudyError
from qsession_sim.experiment.executors import processes
from qsession_sim.experiment.references import named_reference
from qsession_sim.experiment.store import StudyProgress, merge_stores
from qsession_sim.experiment.tasks import replication_seed

SCENARIO: dict[str, Any] = {
    "seed": 7,
    "workload": [
        {
            "kind": "arrivals",
            "name": "everyday",
            "account": "lab",
            "count": 60,
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "9s"},
        }
    ],
}


def digests(directory: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((directory / name).read_bytes()).hexdigest()
        for name in ("table.parquet", "runs.parquet", "study.json", "plan.json")
    }


def means_of_runs(policy: str, count: int) -> list[float]:
    seeds = [replication_seed(7, number) for number in range(count)]
    runs = (qs.simulate(SCENARIO, policy=policy, seed=seed) for seed in seeds)
    return [run.summary()["all"]["waiting_us"]["mean"] for run in runs]


def test_a_comparison_is_that_of_single_runs_on_the_same_seeds() -> None:
    study = qs.compare(SCENARIO, ["fifo", "lifo"], replications=5, metrics=["mean_waiting"])
    fifo, lifo = means_of_runs("fifo", 5), means_of_runs("lifo", 5)
    assert list(study.observations("fifo", "mean_waiting")) == fifo
    assert list(study.observations("lifo", "mean_waiting")) == lifo
    rows = study.table().to_dicts()
    assert [row["mean"] for row in rows] == [pytest.approx(sum(fifo) / 5), pytest.approx(sum(lifo) / 5)]
    difference = sum(mine - other for mine, other in zip(lifo, fifo, strict=True)) / 5
    assert rows[1]["difference"] == pytest.approx(difference)
    assert rows[1]["relative_change"] == pytest.approx(difference / (sum(fifo) / 5))


def test_the_table_has_the_documented_columns_whatever_is_asked() -> None:
    expected = {
        "configuration": pl.String,
        "policy": pl.String,
        "hold": pl.String,
        "routing": pl.String,
        "metric": pl.String,
        "unit": pl.String,
        "count": pl.Int64,
        "mean": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "drawn": pl.Boolean,
        "pairs": pl.Int64,
        "difference": pl.Float64,
        "difference_low": pl.Float64,
        "difference_high": pl.Float64,
        "relative_change": pl.Float64,
        "relative_change_low": pl.Float64,
        "relative_change_high": pl.Float64,
        "p_value": pl.Float64,
        "adjusted_p_value": pl.Float64,
        "significant": pl.Boolean,
        "command": pl.String,
    }
    table = qs.replicate(SCENARIO, replications=2).table()
    assert dict(table.schema) == expected
    assert table["policy"].unique().to_list() == ["fifo"]
    swept = qs.sweep(SCENARIO, ["policies.hold=none,shared"], replications=1, metrics=["done"]).table()
    assert dict(swept.schema) == {**expected, "policies.hold": pl.String}
    assert swept.select("configuration", "hold", "policies.hold", "mean", "low").rows() == [
        ("policies.hold=none", "none", "none", 60.0, None),
        ("policies.hold=shared", "shared", "shared", 60.0, None),
    ]


def test_significance_is_after_holms_correction_over_the_whole_table() -> None:
    study = qs.compare(
        SCENARIO,
        ["fifo", "lifo", "shortest_job_first"],
        replications=12,
        metrics=["mean_waiting", "max_waiting"],
    )
    compared = study.table().filter(pl.col("p_value").is_not_null()).sort("p_value")
    assert compared.height == 4
    smallest = compared.row(0, named=True)
    assert smallest["adjusted_p_value"] == 4 * smallest["p_value"]
    assert compared["significant"].to_list() == [value <= 0.05 for value in compared["adjusted_p_value"]]
    assert any("Holm's correction for all 4 comparisons" in sentence for sentence in study.method)
    best = study.estimates["shortest_job_first", "mean_waiting"]
    assert best.relative_change is not None
    assert best.relative_change < 0


def test_the_baseline_may_be_any_of_those_compared() -> None:
    study = qs.compare(SCENARIO, ["fifo", "lifo"], baseline="lifo", replications=3, metrics=["mean_waiting"])
    assert [row["difference"] is None for row in study.table().to_dicts()] == [False, True]
    with pytest.raises(StudyError, match="the baseline 'lilo' is not compared; did you mean 'lifo'"):
        qs.compare(SCENARIO, ["fifo", "lifo"], baseline="lilo", replications=3)


def test_more_replications_begin_with_the_same_ones() -> None:
    few, many = (qs.replicate(SCENARIO, replications=count).runs() for count in (3, 5))
    assert many.head(3).equals(few)


def test_a_rule_stops_at_the_first_look_at_which_it_holds() -> None:
    rule = "half_width(mean_turnaround) < 12%"
    metrics = ["mean_turnaround"]
    study = qs.replicate(SCENARIO, until=rule, metrics=metrics)
    looks = [10, 13, 17, 22, 28, 35, 44, 55, 69, 87, 109, 137]

    def share(count: int) -> float:
        fixed = qs.replicate(SCENARIO, replications=count, metrics=metrics)
        interval = fixed.estimates["as it stands", "mean_turnaround"].interval
        assert interval is not None
        return interval.half_width / interval.estimate

    assert study.replications == next(look for look in looks if share(look) < 0.12)
    assert study.replications > 10
    assert study.reached
    assert any(f"reached after {study.replications} replications" in sentence for sentence in study.method)


def test_a_rule_that_is_not_met_gives_up_at_the_bound_and_says_so() -> None:
    study = qs.compare(
        SCENARIO,
        ["fifo", "lifo"],
        until="half_width(max_waiting) < 1ms",
        max_replications=12,
        metrics=["max_waiting"],
    )
    assert (study.replications, study.reached) == (12, False)
    assert any("NOT reached after 12 replications" in sentence for sentence in study.method)


def test_a_rule_holds_in_every_configuration() -> None:
    """Without waiting jobs there is no spread; at load 0.9 there is."""
    vary = {"workload.everyday.interarrival": ["10000s", {"kind": "exponential", "mean": "10s"}]}
    study = qs.sweep(
        SCENARIO, vary, until="half_width(mean_waiting) < 1us", max_replications=13, metrics=["mean_waiting"]
    )
    assert [found.interval.half_width > 0 for found in study.estimates.values() if found.interval] == [
        False,
        True,
    ]
    assert study.replications == 13


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"until": "half_width(p95_waiting) < 2%", "metrics": ["mean_waiting"]}, "not among the metrics"),
        ({"until": "half_width(mean_waiting) < 2%", "batches": 5}, "one long run"),
        ({"replications": 3, "batches": 5}, "one long run"),
        ({"level": 1.0}, "level"),
        ({"level": 95}, "level"),
        ({"level": "0.9"}, "level"),
        ({"replications": 0}, "replications"),
        ({"warm_up": 3600}, "warm-up: must be a text"),
        ({"executor": 2}, "an executor is in_process"),
    ],
)
def test_requests_that_make_no_sense_are_refused_before_anything_runs(asked, message) -> None:
    with pytest.raises(StudyError, match=message):
        qs.replicate(SCENARIO, progress=lambda _: pytest.fail("something ran"), **asked)


def test_a_value_that_cannot_be_used_is_told_before_anything_runs() -> None:
    with pytest.raises(qs.ScenarioError, match=r"--set policies\.hold=shard"):
        qs.sweep(
            SCENARIO,
            ["policies.hold=none,shared,shard", "workload.everyday.count=1,2,3,4"],
            progress=lambda _: pytest.fail("something ran"),
        )


def test_progress_counts_all_runs() -> None:
    told: list[StudyProgress] = []
    qs.compare(SCENARIO, ["fifo", "lifo"], replications=2, progress=told.append)
    assert told == [StudyProgress(done, 0, 4) for done in (1, 2, 3, 4)]
    told.clear()
    qs.replicate(SCENARIO, until="half_width(done) < 5%", metrics=["done"], progress=told.append)
    assert told == [StudyProgress(done, 0, None) for done in range(1, 11)]


def test_batch_means_of_one_run_say_so() -> None:
    study = qs.compare(SCENARIO, ["fifo", "lifo"], batches=6, warm_up="1m")
    assert study.table().select("configuration", "metric", "count", "pairs").rows() == [
        ("fifo", "mean_waiting", 6, None),
        ("fifo", "mean_turnaround", 6, None),
        ("lifo", "mean_waiting", 6, 6),
        ("lifo", "mean_turnaround", 6, 6),
    ]
    assert any("6 batches" in sentence for sentence in study.method)
    assert study.method[-1] == "Warm-up: 1m left out of each run."


def test_batch_means_say_how_much_successive_batches_correlate() -> None:
    """Of the largest: r = sum of (x[t] - mean)(x[t+1] - mean) over sum of (x[t] - mean)^2; white noise: 2 / sqrt(9)."""
    study = qs.compare(SCENARIO, ["fifo", "lifo"], batches=9)
    found = []
    for name, metric in study.estimates:
        values = study.observations(name, metric)
        from_mean = [value - sum(values) / 9 for value in values]
        products = sum(one * other for one, other in itertools.pairwise(from_mean))
        found.append(products / sum(one * one for one in from_mean))
    assert study.method[2] == (
        f"Successive batch means correlate by {max(found):.2f} at most; clearly above 0.67 = 2 / sqrt(9) it means "
        f"that batches, and then intervals, are too short."
    )


def test_batches_that_are_all_equal_have_no_correlation() -> None:
    idle = {**SCENARIO, "workload": [{**SCENARIO["workload"][0], "interarrival": "10000s"}]}
    study = qs.replicate(idle, batches=6, metrics=["mean_waiting"])
    assert [sentence for sentence in study.method if "correlate" in sentence] == []


LISTED = {
    "seed": 3,
    "workload": [
        {
            "kind": "explicit",
            "jobs": [
                {"id": "long", "at": "0s", "account": "lab", "qpu_time": "5s"},
                {"id": "b", "at": "1s", "account": "lab", "qpu_time": "3s"},
                {"id": "c", "at": "2s", "account": "lab", "qpu_time": "1s"},
            ],
        }
    ],
}
EXACT = (
    "Nothing is drawn: each configuration is run once; their numbers are exact for this workload, and say nothing "
    "about others."
)


def test_where_nothing_is_drawn_each_configuration_is_run_once(tmp_path: Path) -> None:
    """fifo: 0, 4 and 6 s; lifo: 0, 5 and 3 s. No interval, no test, and one result in the directory each."""
    seen: list[Any] = []
    study = qs.compare(
        LISTED,
        ["fifo", "lifo"],
        replications=30,
        metrics=["max_waiting"],
        directory=tmp_path / "study",
        progress=seen.append,
    )
    assert (study.replications, len(study.results), study.runs().height) == (1, 2, 2)
    assert len(list((tmp_path / "study" / "results").glob("*/*.json"))) == 2
    assert [(one.done, one.total) for one in seen] == [(1, 31), (2, 2)]
    shown = study.table().drop("command", "policy", "hold", "routing").to_dicts()
    none = dict.fromkeys(
        [
            "low",
            "high",
            "difference_low",
            "difference_high",
            "relative_change_low",
            "relative_change_high",
            "p_value",
            "adjusted_p_value",
            "significant",
        ]
    )
    assert shown[0] == none | {
        "configuration": "fifo",
        "metric": "max_waiting",
        "unit": "us",
        "count": 1,
        "mean": 6e6,
        "drawn": False,
        "pairs": None,
        "difference": None,
        "relative_change": None,
    }
    assert shown[1] == none | {
        "configuration": "lifo",
        "metric": "max_waiting",
        "unit": "us",
        "count": 1,
        "mean": 5e6,
        "drawn": False,
        "pairs": 1,
        "difference": -1e6,
        "relative_change": -1 / 6,
    }
    assert study.method == (
        "1 replication (seed 3), each with a workload that all configurations see.",
        EXACT,
        "Warm-up: none left out.",
    )


def test_a_policy_that_draws_changes_nothing_for_the_others() -> None:
    """`random` is run 30 times on the listed jobs; its differences are those to the one number of fifo."""
    asked: dict[str, Any] = {"replications": 30, "metrics": ["max_waiting"]}
    study = qs.compare(LISTED, ["fifo", "random", "lifo"], **asked)
    assert (study.replications, len(study.results)) == (30, 32)
    drawn = {one.name: study.is_drawn(one.name) for one in study.configurations}
    assert drawn == {"fifo": False, "random": True, "lifo": False}
    table = {row["configuration"]: row for row in study.table().to_dicts()}
    assert [table[name]["count"] for name in drawn] == [1, 30, 1]
    assert [table[name]["pairs"] for name in drawn] == [None, 30, 1]
    alone = {
        row["configuration"]: row for row in qs.compare(LISTED, ["fifo", "lifo"], **asked).table().to_dicts()
    }
    for name in ("fifo", "lifo"):
        assert {**table[name], "command": None} == {**alone[name], "command": None}
    values = study.observations("random", "max_waiting")
    assert set(values) == {5e6, 6e6}  # which of b and c goes first
    row = table["random"]
    assert row["difference"] == pytest.approx(sum(values) / 30 - 6e6, rel=1e-12)
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["significant"] is True
    backwards = qs.compare(LISTED, ["random", "fifo"], **asked).table().to_dicts()[1]
    assert (backwards["pairs"], backwards["difference"]) == (30, -row["difference"])
    assert backwards["p_value"] == row["p_value"]
    assert study.method[3:5] == (
        (
            "Nothing is drawn in fifo, lifo: run once; their numbers are exact for this workload, and say nothing "
            "about others."
        ),
        (
            "Where one of two is exact, each replication of the other makes a pair with it; where both are, so is "
            "the difference."
        ),
    )


def test_routes_count_as_drawn_under_random_routing_alone() -> None:
    several = {**LISTED, "qpus": [{"name": "a"}, {"name": "b"}]}
    study = qs.sweep(several, ["policies.routing=round_robin,random"], replications=4, metrics=["done"])
    assert [row["count"] for row in study.table().to_dicts()] == [1, 4]


def test_a_rule_for_changes_asks_all_but_the_baseline() -> None:
    """It stops at the first look at which the intervals of both changes are narrow enough."""
    asked: dict[str, Any] = {"baseline": "fifo", "metrics": ["mean_waiting", "max_waiting"]}
    policies = ["lifo", "fifo", "random"]
    rule = "half_width(relative_change(max_waiting)) < 50%"
    study = qs.compare(SCENARIO, policies, until=rule, **asked)
    widths = {}
    for count in (10, 13, 17, 22, 28, 35, 44, 55, 69, 87):
        fixed = qs.compare(SCENARIO, policies, replications=count, **asked)
        found = [fixed.estimates[name, "max_waiting"].relative_change_interval for name in ("lifo", "random")]
        widths[count] = max((one.half_width if one else 9.0) for one in found)
        if widths[count] < 0.5:
            break
    assert (study.replications, study.reached) == (count, True)
    assert study.replications > 10
    row = study.table().row(
        by_predicate=pl.col("configuration").eq("lifo") & pl.col("metric").eq("max_waiting"), named=True
    )
    assert row["relative_change_low"] < row["relative_change"] < row["relative_change_high"]
    with pytest.raises(StudyError, match="without a baseline nothing changes"):
        qs.replicate(SCENARIO, until=rule, metrics=["max_waiting"])


def test_no_change_of_what_may_be_nothing() -> None:
    """Of two replications the interval of the baseline contains 0, of ten it does not."""
    for count in (2, 10):
        study = qs.compare(SCENARIO, ["fifo", "lifo"], replications=count, metrics=["max_waiting"])
        before = study.estimates["fifo", "max_waiting"].interval
        assert before is not None
        assert before.covers(0) == (count == 2)
        row = study.table().to_dicts()[1]
        known = [row[name] is not None for name in ("difference", "relative_change", "relative_change_low")]
        assert known == [True, count == 10, count == 10]
        assert ("%)" in study.summary_text) == (count == 10)


def test_a_rule_asks_nothing_of_what_is_exact() -> None:
    rule = "half_width(max_waiting) < 1%"
    study = qs.compare(LISTED, ["fifo", "lifo"], until=rule, metrics=["max_waiting"])
    assert (study.replications, study.reached) == (1, True)
    mixed = qs.compare(
        LISTED, ["fifo", "random"], until="half_width(max_waiting) < 1s", metrics=["max_waiting"]
    )
    assert (mixed.replications, mixed.reached) == (10, True)


def test_batches_of_what_is_not_drawn_have_no_interval() -> None:
    listed = {
        "workload": [
            {
                "kind": "arrivals",
                "name": "x",
                "account": "lab",
                "count": 9,
                "interarrival": "1s",
                "qpu_time": "2s",
            }
        ]
    }
    row = qs.replicate(listed, batches=3, metrics=["mean_waiting"]).table().to_dicts()[0]
    assert (row["count"], row["mean"], row["low"], row["drawn"]) == (1, 4e6, None, False)  # 0, 1, …, 8 s


def test_a_warm_up_found_in_a_drawn_run_makes_others_drawn() -> None:
    """Jobs as listed, but what is left out of them is found in each run of the baseline."""
    source = {**SCENARIO["workload"][0], "name": "x"}
    constant = {**source, "interarrival": "10s", "qpu_time": "9s"}
    settings = [f"workload.x.{key}={json.dumps(constant[key])}" for key in ("interarrival", "qpu_time")]
    both = [qs.Configuration("drawn"), qs.Configuration("listed", overrides=tuple(settings))]
    study = qs.compare(
        {**SCENARIO, "workload": [source]}, both, replications=2, warm_up="mser5", metrics=["done"]
    )
    assert [study.is_drawn(name) for name in ("drawn", "listed")] == [True, True]
    alone = qs.compare({**SCENARIO, "workload": [source]}, both, replications=2, metrics=["done"])
    assert [alone.is_drawn(name) for name in ("drawn", "listed")] == [True, False]


def test_what_does_not_exist_in_some_runs_is_told() -> None:
    study = qs.compare(
        SCENARIO,
        ["fifo", "lifo"],
        replications=4,
        metrics=["mean_waiting", lambda run: None if run.scenario.resolved.seed % 2 else 1],
    )
    odd = 2 * sum(replication_seed(7, number) % 2 for number in range(4))
    assert 0 < odd < 8
    assert study.method[-1] == (
        f"Left out where it does not exist, of pairs both: <lambda> in {odd} of 8 runs; its mean is that of the others."
    )


def test_a_study_that_varies_the_workload_does_not_call_it_the_same() -> None:
    vary = {"workload.everyday.count": [5, 9]}
    method = qs.sweep(SCENARIO, vary, baseline="workload.everyday.count=5", replications=2).method
    assert method[1] == (
        "2 independent replications (seed 7), each from the same random numbers in all configurations."
    )
    assert method[3].startswith("Differences to workload.everyday.count=5: by pairs of one replication, with")
    policies = qs.sweep(SCENARIO, ["policies.hold=none,shared"], replications=2).method
    assert policies[1].endswith("each with a workload that all configurations see.")


def test_a_warm_up_that_is_varied_is_told() -> None:
    method = qs.sweep(SCENARIO, ["warm_up=0s,90s,1m"], replications=2).method
    assert method[-1] == "Warm-up: left out of each run as its configuration says, from 0s to 1m30s."


def test_one_replication_is_not_called_insignificant() -> None:
    text = qs.compare(SCENARIO, ["fifo", "lifo"], replications=1, metrics=["mean_waiting"]).summary_text
    assert "difference" in text
    assert "significant" not in text


def test_mser5_says_how_many_runs_are_too_short() -> None:
    study = qs.replicate(SCENARIO, replications=4, warm_up="mser5", overrides=["workload.everyday.count=20"])
    assert study.method[-1].endswith("4 of 4 runs are too short for it.")
    assert study.runs()["settled"].to_list() == [False] * 4


def test_a_study_shows_itself_in_one_line() -> None:
    asked: dict[str, Any] = {"replications": 2, "metrics": ["done"]}
    assert repr(qs.compare(SCENARIO, ["fifo", "lifo"], **asked)) == (
        "Study('compare', ['fifo', 'lifo'], 2 replications of ['done'])"
    )
    many = qs.sweep(SCENARIO, {"workload.everyday.count": list(range(1, 12))}, **asked)
    assert repr(many) == "Study('sweep', 11 configurations, 2 replications of ['done'])"


# ------------------------------------------------------------------ commands and files


def scenario_file(directory: Path) -> str:
    path = directory / "a day.yaml"
    path.write_text(json.dumps(SCENARIO))
    return str(path)


def test_the_command_of_a_run_repeats_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from qsession_sim.cli.main import main

    (tmp_path / "mine.py").write_text("def last_first(job):\n    return (-job.submitted_us,)\n")
    function = named_reference(f"{tmp_path}/mine.py:last_first").function
    study = qs.compare(
        scenario_file(tmp_path),
        ["fifo", {"name": "fair_share", "window": "7d"}, f"{tmp_path}/mine.py:last_first", function],
        replications=2,
        hold="shared",
        overrides=["workload.everyday.count=150"],
        warm_up="mser5",
        metrics=["mean_waiting"],
    )
    assert study.runs()["warm_up_us"].max() > 0
    for row in study.runs().to_dicts():
        program, *arguments = shlex.split(row["command"])
        assert program == "qsession-sim"
        assert main([*arguments, "--format", "json"]) == 0
        summary = json.loads(capsys.readouterr().out)
        assert summary["all"]["waiting_us"]["mean"] == row["mean_waiting"]


def test_a_scenario_that_is_no_file_has_no_commands() -> None:
    study = qs.replicate(SCENARIO, replications=1)
    assert study.runs()["command"].to_list() == [None]
    assert study.table()["command"].unique().to_list() == [None]


def test_the_command_of_a_mean_names_everything(tmp_path: Path) -> None:
    file = scenario_file(tmp_path)
    study = qs.compare(
        file, ["lifo"], replications=2, metrics=["mean_waiting"], overrides=["workload.everyday.count=9"]
    )
    assert shlex.split(study.table()["command"][0]) == [
        *(
            "qsession-sim",
            "replicate",
            file,
            "--seed",
            "7",
            "--replications",
            "2",
            "--metric",
            "mean_waiting",
        ),
        *("--set", "workload.everyday.count=9", "--policy", "lifo"),
    ]


def test_equal_studies_are_saved_as_equal_bytes_resumed_or_not(tmp_path: Path) -> None:
    """S7"""

    def compare(name: str, **more: Any) -> None:
        qs.compare(SCENARIO, ["fifo", "lifo"], replications=4, directory=tmp_path / name, **more)

    def stop_after_three(progress: StudyProgress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    compare("whole")
    with pytest.raises(KeyboardInterrupt):
        compare("resumed", progress=stop_after_three)
    told: list[StudyProgress] = []
    compare("resumed", progress=told.append)
    assert told[-1] == StudyProgress(8, 3, 8)
    assert digests(tmp_path / "resumed") == digests(tmp_path / "whole")


def test_a_study_directory_may_be_extended(tmp_path: Path) -> None:
    told: list[StudyProgress] = []
    qs.compare(SCENARIO, ["fifo", "lifo"], replications=2, directory=tmp_path)
    qs.compare(SCENARIO, ["fifo", "lifo"], replications=3, directory=tmp_path, progress=told.append)
    assert told[-1] == StudyProgress(6, 4, 6)
    with pytest.raises(StudyError, match="holds another study"):
        qs.compare(SCENARIO, ["fifo", "lifo"], replications=2, directory=tmp_path, seed=8)


def test_parts_of_a_study_are_brought_together(tmp_path: Path) -> None:
    """Of two machines: one was interrupted after 5 of 8 runs, the other one was asked for fewer replications."""

    def compare(name: str, replications: int, **more: Any) -> None:
        qs.compare(SCENARIO, ["fifo", "lifo"], replications=replications, directory=tmp_path / name, **more)

    def stop_after_five(progress: StudyProgress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    compare("whole", 4)
    compare("left", 2)
    with pytest.raises(KeyboardInterrupt):
        compare("right", 4, progress=stop_after_five)
    merge_stores([tmp_path / "left", tmp_path / "right"], tmp_path / "merged")
    told: list[StudyProgress] = []
    compare("merged", 4, progress=told.append)
    assert told[-1] == StudyProgress(8, 5, 8)
    assert digests(tmp_path / "merged") == digests(tmp_path / "whole")


def test_saved_tables_are_those_of_the_study(tmp_path: Path) -> None:
    study = qs.compare(SCENARIO, ["fifo", "lifo"], replications=2)
    study.save(tmp_path / "new" / "study")
    assert pl.read_parquet(tmp_path / "new/study/table.parquet").equals(study.table())
    assert pl.read_parquet(tmp_path / "new/study/runs.parquet").equals(study.runs())
    written = json.loads((tmp_path / "new/study/study.json").read_text())
    assert written == study.to_dict()
    assert written["provenance"]["seed"] == 7
    assert sorted(path.name for path in (tmp_path / "new/study").iterdir()) == [
        "runs.parquet",
        "study.json",
        "table.parquet",
    ]
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="cannot write the study"):
        study.save(tmp_path / "file")


def three_jobs() -> dict[str, Any]:
    """fifo: the jobs wait 0, 4 and 6 s; where c goes before b, 0, 3 and 5 s."""
    rows = (("long", "0s", "5s"), ("b", "1s", "3s"), ("c", "2s", "1s"))
    jobs = [{"id": name, "at": at, "account": "lab", "qpu_time": time} for name, at, time in rows]
    return {"seed": 7, "workload": [{"kind": "explicit", "name": "all", "jobs": jobs}]}


def test_a_readable_table_has_what_the_terminal_shows(tmp_path: Path) -> None:
    """As `qsession-sim compare` prints it; of a saved study, too."""
    metrics = ["max_waiting", "utilization"]
    study = qs.compare(three_jobs(), ["random", "fifo"], replications=4, metrics=metrics, directory=tmp_path)
    table = study.table(readable=True)
    kept = {"hold": "exclusive", "routing": "least_busy"}
    random = {"configuration": "random", "policy": "random", **kept}
    fifo = {"configuration": "fifo", "policy": "fifo", **kept}
    unchanged = {"difference": "+0 ± 0", "change": "+0.0 %", "verdict": "not significant"}
    baseline = {"difference": None, "change": None, "verdict": "baseline"}
    assert table.to_dicts() == [
        {**random, "metric": "max_waiting", "count": 4, "mean": "5.75 ± 0.80 s", **baseline},
        {**random, "metric": "utilization", "count": 4, "mean": "1 ± 0", **baseline},
        {
            **fifo,
            "metric": "max_waiting",
            "count": 1,
            "mean": "6 s",
            "difference": "+0.25 ± 0.80 s",
            "change": "+4.3 % (-8.3…+21.1)",
            "verdict": "not significant",
        },
        {**fifo, "metric": "utilization", "count": 1, "mean": "1", **unchanged},
    ]
    assert qs.load(tmp_path).table(readable=True).equals(table)
    turned = qs.compare(three_jobs(), ["fifo", "random"], replications=4, metrics=["max_waiting"])
    assert turned.table(readable=True)["verdict"].to_list() == ["baseline", "not significant"]


def test_a_readable_table_says_what_is_exact_and_keeps_the_settings_of_a_sweep() -> None:
    vary = {"workload.all.jobs.c.qpu_time": ["1s", "90s"]}
    baseline = "workload.all.jobs.c.qpu_time=1s"
    lifo = qs.sweep(three_jobs(), vary, policies=["lifo"], metrics=["max_turnaround"], baseline=baseline)
    row = {
        "policy": "lifo",
        "hold": "exclusive",
        "routing": "least_busy",
        "metric": "max_turnaround",
        "count": 1,
    }
    names = [one.name for one in lifo.configurations]
    # b comes last, and is done 8 s after it came, or 97 s: c takes 89 s more, a change of 1112.5 %
    assert lifo.table(readable=True).to_dicts() == [
        {
            "configuration": names[0],
            **row,
            "workload.all.jobs.c.qpu_time": "1s",
            "mean": "8 s",
            "difference": None,
            "change": None,
            "verdict": "baseline",
        },
        {
            "configuration": names[1],
            **row,
            "workload.all.jobs.c.qpu_time": "90s",
            "mean": "97 s",
            "difference": "+89 s",
            "change": "\N{MULTIPLICATION SIGN}12.1",
            "verdict": "exact",
        },
    ]


def test_a_study_is_loaded_as_a_run_is(tmp_path: Path) -> None:
    study = qs.compare(SCENARIO, ["fifo", "lifo"], replications=2, directory=tmp_path / "whole")
    study.save(tmp_path / "saved")
    for name in ("whole", "saved"):
        saved = qs.load(tmp_path / name)
        assert isinstance(saved, qs.SavedStudy)
        assert saved.table().equals(study.table())
        assert saved.runs().equals(study.runs())
        assert saved.to_dict() == study.to_dict()
    qs.simulate(SCENARIO).save(tmp_path / "run")
    assert isinstance(qs.load(tmp_path / "run"), qs.SavedRun)


def test_a_study_that_is_not_finished_is_not_loaded(tmp_path: Path) -> None:
    def stop(progress: StudyProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qs.replicate(SCENARIO, replications=2, directory=tmp_path, progress=stop)
    with pytest.raises(StudyError) as caught:
        qs.load(tmp_path)
    assert str(caught.value) == (
        f"the study in {tmp_path} is not finished (it has no study.json); "
        "ask for the same study once more to go on with it"
    )


def test_the_result_of_tune_is_read_back(tmp_path: Path) -> None:
    vary = ["workload.all.jobs.b.qpu_time=1s..3s"]
    tuning = qs.tune(three_jobs(), vary, minimise="mean_waiting", directory=tmp_path)
    tuning.save(tmp_path)
    saved = qs.load(tmp_path)
    assert isinstance(saved, qs.SavedTuning)
    assert (saved.to_dict(), saved.table().equals(tuning.table())) == (tuning.to_dict(), True)
    for name, content, said in (
        ("evaluations.parquet", b"PAR1", "evaluations.parquet: "),
        ("tuning.json", b"{}", "tuning.json is not the document of a study"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StudyError, match=f"is damaged: {said}"):
            saved.report()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("table.parquet", b"nonsense", "table.parquet: "),
        ("table.parquet", None, "table.parquet: No such file or directory"),
        (
            "table.parquet",
            "runs.parquet",
            "table.parquet has no column 'metric', so it is not that of a study",
        ),
        (
            "runs.parquet",
            "table.parquet",
            "runs.parquet has no column 'replication', so it is not that of a study",
        ),
        ("study.json", b"{", "study.json: "),
        ("study.json", b"[]", "study.json is not the document of a study"),
        ("study.json", b"{}", "study.json is not the document of a study"),
    ],
)
def test_a_damaged_study_is_refused_by_the_name_of_the_file(
    tmp_path: Path, name: str, content: bytes | str | None, said: str
) -> None:
    qs.compare(SCENARIO, ["fifo", "lifo"], replications=2).save(tmp_path)
    saved = qs.load(tmp_path)
    read = {"table.parquet": saved.table, "runs.parquet": saved.runs, "study.json": saved.to_dict}[name]
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(
            (tmp_path / content).read_bytes() if isinstance(content, str) else content
        )
    with pytest.raises(StudyError) as caught:
        read()
    assert str(caught.value).startswith(f"the study {tmp_path} is damaged: {said}")
    assert str(caught.value).endswith("; save it again")


TYPED = """
import polars as pl
import qsession_sim as qs

def jobs(directory: str) -> pl.DataFrame:
    return qs.load(directory).jobs

def run(directory: str) -> qs.SavedRun:
    return qs.load(directory)

def study(directory: str) -> qs.SavedStudy:
    return qs.load(directory)

def table(directory: str) -> pl.DataFrame:
    return qs.load(directory).table(readable=True)

qs.load("directory").tabel()
"""


@pytest.mark.long
def test_type_checkers_take_what_is_loaded_for_a_run_and_for_a_study(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    (tmp_path / "program.py").write_text(TYPED, encoding="utf-8")
    options = ["--strict", "--follow-imports=silent", "--no-incremental", f"--cache-dir={tmp_path}"]
    printed, _, _ = api.run([*options, str(tmp_path / "program.py")])
    errors = [line.partition(": error: ")[2] for line in printed.splitlines() if ": error: " in line]
    assert errors == ['"Saved" has no attribute "tabel"  [attr-defined]'], printed


def test_functions_of_this_process_are_refused_where_others_need_them(tmp_path: Path) -> None:
    from qsession_sim.experiment.executors import processes

    policies = ["fifo", lambda job: (-job.number,)]
    study = qs.compare(SCENARIO, policies, replications=2, metrics=["mean_waiting"])
    assert [one.name for one in study.configurations] == ["fifo", "<lambda>"]
    for asked in ({"directory": tmp_path / "x"}, {"executor": processes(2)}):
        with pytest.raises(StudyError, match=r"give it as file\.py:function"):
            qs.compare(SCENARIO, policies, replications=2, **asked)
    assert not (tmp_path / "x").exists()


# ------------------------------------------------------------------ figures and words


def test_figures_show_means_with_intervals_in_seconds() -> None:
    study = qs.compare(SCENARIO, ["fifo", "lifo"], replications=3, metrics=["mean_waiting"])
    axes = study.figure("mean_waiting", "means").axes[0]
    assert axes.get_xlabel() == "mean_waiting [s]"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fifo", "lifo"]
    assert axes.get_ylim() == (1.5, -0.5)  # from above to below, with room for half a line at both ends
    points = axes.lines[0].get_xdata()
    assert list(points) == [study.estimates[name, "mean_waiting"].mean / 1e6 for name in ("fifo", "lifo")]
    with pytest.raises(StudyError, match="has no metric 'max_waiting'; it has mean_waiting"):
        study.figure("max_waiting")


def test_a_setting_with_numbers_or_durations_is_an_axis() -> None:
    for vary, label, places, scale in (
        (["workload.everyday.count=5,9"], "workload.everyday.count", [5.0, 9.0], "linear"),
        (["workload.everyday.qpu_time=500ms,1m"], "workload.everyday.qpu_time [s]", [0.5, 60.0], "log"),
    ):
        axes = qs.sweep(SCENARIO, vary, replications=2).figure("utilization").axes[0]
        assert (axes.get_xlabel(), axes.get_xscale()) == (label, scale)
        assert list(axes.lines[0].get_xdata()) == places


def test_the_summary_says_what_was_found_and_how() -> None:
    study = qs.compare(LISTED, ["fifo", "lifo"], replications=2, metrics=["max_waiting", "p95_makespan"])
    assert study.summary_text == (
        "max_waiting [s]\n"
        "  fifo: 6\n"
        "  lifo: 5, difference -1 (-16.7 %)\n"
        "p95_makespan [s]\n"
        "  fifo: does not exist in any run\n"
        "  lifo: does not exist in any run\n"
        "\n"
        "1 replication (seed 3), each with a workload that all configurations see.\n"
        f"{EXACT}\n"
        "Warm-up: none left out.\n"
    )


@pytest.mark.parametrize("warm_up", ["1m", "mser5"])
def test_a_study_that_was_pickled_gives_the_same_tables(tmp_path: Path, warm_up: str) -> None:
    (tmp_path / "mine.py").write_text("def last(job):\n    return (-job.number,)\n")
    study = qs.compare(SCENARIO, ["fifo", f"{tmp_path}/mine.py:last"], replications=3, warm_up=warm_up)
    back = pickle.loads(pickle.dumps(study))
    assert back.table().equals(study.table())
    assert back.runs().equals(study.runs())
    assert back.to_dict() == study.to_dict()
    for configuration in study.configurations:
        assert back.plan.task(configuration, 1).id == study.plan.task(configuration, 1).id


def test_problems_that_come_up_while_a_study_draws_have_their_place(tmp_path, monkeypatch) -> None:
    """As those of a single run, wherever the runs are; the last setting that is varied is drawn, too."""
    monkeypatch.chdir(tmp_path)
    source = "{kind: arrivals, account: a, interarrival: 9s, count: 2, qpu_time: 1s}"
    (tmp_path / "a.yaml").write_text(f"workload:\n  - {source}\n", "utf-8")
    far = ["workload.arrivals.interarrival=5217750w"]
    place = "a.yaml:2:48: workload.arrivals.interarrival: 2 arrivals reach beyond 2**62 us"
    set_place = f"--set {far[0]}: 2 arrivals reach beyond 2**62 us"

    with pytest.raises(qs.ScenarioError) as swept:
        qs.sweep("a.yaml", [f"{far[0]},9s"], replications=2)
    with pytest.raises(qs.ScenarioError) as tuned:
        qs.tune("a.yaml", ["workload.arrivals.qpu_time=1s..2s"], minimise="mean_waiting", overrides=far)
    with processes(1) as workers, pytest.raises(qs.ScenarioError) as replicated:
        qs.replicate("a.yaml", replications=2, overrides=far, executor=workers)

    assert [error.value.problems[0].partition(", about")[0] for error in (swept, tuned, replicated)] == [
        place,
        set_place,
        set_place,
    ]

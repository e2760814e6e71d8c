"""Single runs of a study: seeds, content ids, results."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import qsession_sim as qs
from qsession_sim.errors import PolicyError, StudyError
from qsession_sim.experiment import plan as plans
from qsession_sim.experiment import tasks
from qsession_sim.experiment.plan import configurations_of, make_plan
from qsession_sim.experiment.tasks import Configuration, Task, TaskResult, replication_seed, run_task

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
FIFO = Configuration("fifo", "fifo")


def task_of(
    configuration: Configuration = FIFO, replication: int = 0, source: Any = SCENARIO, **asked: Any
) -> Task:
    return make_plan(source, **asked).task(configuration, replication)


def test_the_spelling_of_a_file_changes_no_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.py").write_text(
        "def last(job):\n    return (-job.number,)\n\n\ndef grade(run):\n    return 1\n", encoding="utf-8"
    )
    ids = set()
    for file in ("p.py", "./p.py", "x/../p.py"):
        study = qs.compare(
            SCENARIO,
            [f"{file}:last", "fifo"],
            replications=2,
            metrics=[f"{file}:grade"],
            baseline=f"{file}:last",
            directory=tmp_path / "study",
        )
        assert (study.configurations[0].name, study.metrics) == ("p.py:last", ("p.py:grade",))
        ids.add(frozenset(one.id for one in study.results.values()))
    assert [len(one) for one in ids] == [4]
    assert len(list((tmp_path / "study" / "results").glob("*/*.json"))) == 4
    provenance = study.to_dict()["provenance"]
    assert list(provenance["digests"]) == ["scenario", "p.py:last", "p.py:grade"]
    assert provenance["policies"][0] == {"policy": "p.py:last", "hold": "exclusive", "routing": "least_busy"}
    assert provenance["overrides"] == []


def test_a_task_gives_what_a_single_run_with_its_seed_gives() -> None:
    task = task_of(Configuration("x", "lifo", "shared", overrides=("workload.everyday.count=40",)), 3)
    run = qs.simulate(
        SCENARIO, policy="lifo", hold="shared", overrides=["workload.everyday.count=40"], seed=task.seed
    )
    assert run_task(task).metrics == {
        "mean_waiting": run.summary()["all"]["waiting_us"]["mean"],
        "p95_waiting": run.summary()["all"]["waiting_us"]["p95"],
        "mean_turnaround": run.summary()["all"]["turnaround_us"]["mean"],
        "p95_makespan": None,
        "utilization": next(iter(run.summary()["qpus"].values()))["utilization"],
        "throughput_per_hour": next(iter(run.summary()["qpus"].values()))["throughput_per_hour"],
        "jain_index": run.summary()["jain_index"],
    }


def test_a_policy_that_draws_follows_the_seed_of_the_run() -> None:
    task = task_of(Configuration("random", "random"), 1, metrics=["mean_waiting", "max_waiting"])
    waiting = qs.simulate(SCENARIO, policy="random", seed=task.seed).summary()["all"]["waiting_us"]
    assert run_task(task).metrics == {"mean_waiting": waiting["mean"], "max_waiting": waiting["max"]}


def test_seeds_depend_on_the_study_and_the_replication_alone() -> None:
    seeds = [replication_seed(seed, number) for seed in (7, 8) for number in range(1000)]
    assert len(set(seeds)) == 2000
    assert all(0 <= seed < 2**53 for seed in seeds)
    assert task_of(replication=5).seed == replication_seed(7, 5)
    assert task_of(Configuration("x", "lifo"), 5, seed=8).seed == replication_seed(8, 5)


def test_results_do_not_depend_on_what_ran_before() -> None:
    """Scenario and workload are kept from task to task."""
    plan = make_plan(SCENARIO)
    configurations = [
        FIFO,
        Configuration("lifo", "lifo"),
        Configuration("b", overrides=("workload.everyday.count=9",)),
    ]
    tasks = list(plan.tasks(configurations, range(3)))
    there = [run_task(task) for task in tasks]
    back = [run_task(task) for task in reversed(tasks)]
    assert there == back[::-1]


def test_of_very_many_configurations_each_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are kept: they come in blocks, each through all replications."""
    resolved = []
    load = plans.load_scenario

    def counted(source: Any, overrides: Any = (), *more: Any, **named: Any) -> Any:
        resolved.extend(overrides)
        return load(source, overrides, *more, **named)

    monkeypatch.setattr(plans, "_KEPT", 2)
    monkeypatch.setattr(plans, "load_scenario", counted)
    settings = [f"workload.everyday.count={count}" for count in (1, 2, 3)]
    many = [Configuration(setting, overrides=(setting,)) for setting in settings]
    made = [(task.configuration, task.replication) for task in make_plan(SCENARIO).tasks(many, range(2))]
    one, two, three = settings
    assert made == [(one, 0), (two, 0), (one, 1), (two, 1), (three, 0), (three, 1)]
    assert resolved == settings


def test_of_very_many_configurations_the_one_with_the_warm_up_takes_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = []
    monkeypatch.setattr(plans, "_KEPT", 2)
    settings = [f"workload.everyday.count={count}" for count in (1, 2, 3, 4)]
    many = [Configuration(setting, overrides=(setting,)) for setting in settings]
    plan = replace(make_plan(SCENARIO, warm_up="mser5"), warm_up_of=many[0])
    load = plans.load_scenario

    def counted(source: Any, overrides: Any = (), *more: Any, **named: Any) -> Any:
        resolved.extend(overrides)
        return load(source, overrides, *more, **named)

    monkeypatch.setattr(plans, "load_scenario", counted)
    assert len(list(plan.tasks(many, range(3)))) == 12
    assert resolved == settings


def test_equal_tasks_have_equal_ids_wherever_they_are_made(tmp_path: Path) -> None:
    assert task_of().id == task_of().id == pickle.loads(pickle.dumps(task_of())).id
    path = tmp_path / "scenario.yaml"
    path.write_text(json.dumps(SCENARIO))
    assert task_of(source=str(path)).id == task_of().id


def test_tasks_find_their_files_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenario.yaml").write_text(json.dumps(SCENARIO))
    monkeypatch.chdir(tmp_path)
    assert task_of(source="scenario.yaml").directory == str(tmp_path.resolve())


def test_ids_tell_everything_apart_that_changes_a_result() -> None:
    ids = {
        task_of().id,
        task_of(replication=1).id,
        task_of(Configuration("lifo", "lifo")).id,
        task_of(Configuration("fifo", "fifo", "shared")).id,
        task_of(Configuration("fifo", "fifo", overrides=("workload.everyday.count=40",))).id,
        task_of(seed=8).id,
        task_of(metrics=["mean_waiting"]).id,
        task_of(warm_up="mser5").id,
        task_of(warm_up="1m").id,
        task_of(batches=5).id,
        task_of(batches=6).id,
        replace(
            task_of(warm_up="mser5"), warm_up_of=task_of(Configuration("lifo", "lifo"), warm_up="mser5")
        ).id,
    }
    assert len(ids) == 12


def test_the_id_follows_the_code_of_a_policy(tmp_path: Path) -> None:
    ids = []
    for folder, sign in (("one", "-"), ("two", "-"), ("three", "+")):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "mine.py"
        file.write_text(f"def mine(job):\n    return ({sign}job.number,)\n")
        policies, functions = configurations_of([Configuration("mine", f"{file}:mine")])
        prepared = make_plan(SCENARIO, functions=functions).task(policies[0], 0)
        ids.append((prepared.policy.digest, prepared.id))
    assert ids[0][0] == ids[1][0] != ids[2][0]
    assert ids[0][1] != ids[2][1]


def with_a_trace(directory: Path, seconds: int) -> str:
    (directory / "week.csv").write_text(f"at,needs,who\n0,{seconds},a\n")
    columns = {"submitted": "at", "qpu_time": "needs", "account": "who", "unit": "s"}
    source = directory / "scenario.yaml"
    source.write_text(json.dumps({"workload": [{"kind": "trace", "file": "week.csv", "columns": columns}]}))
    return str(source)


def test_the_id_follows_the_content_of_a_trace(tmp_path: Path) -> None:
    ids = [task_of(source=with_a_trace(tmp_path, seconds)).id for seconds in (5, 6, 5)]
    assert ids[0] == ids[2] != ids[1]


def test_a_trace_that_is_another_one_where_the_task_is_run_is_refused(tmp_path: Path) -> None:
    """As on a node of a cluster with an older copy, or if it was edited meanwhile."""
    task = task_of(source=with_a_trace(tmp_path, 5), metrics=["mean_turnaround"])
    with_a_trace(tmp_path, 66)
    with pytest.raises(StudyError, match=r"a trace in .* was changed while the study ran, or is another one"):
        run_task(task)
    with_a_trace(tmp_path, 5)
    assert run_task(task).metrics == {"mean_turnaround": 5_000_000}


def test_the_id_follows_the_versions_that_decide_about_results(monkeypatch: pytest.MonkeyPatch) -> None:
    installed, ids = tasks.version, {task_of().id}
    for changed in ("numpy", "polars", "simpy"):
        monkeypatch.setattr(tasks, "version", lambda name, it=changed: installed(name) + "x" * (name == it))
        tasks._versions.cache_clear()
        ids.add(task_of().id)
    tasks._versions.cache_clear()
    assert len(ids) == 4


def test_results_survive_json_to_the_last_bit() -> None:
    for asked in ({}, {"batches": 7}, {"warm_up": "mser5"}):
        result = run_task(task_of(**asked))
        assert TaskResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    with pytest.raises(StudyError, match="not the result of a task"):
        TaskResult.from_json({"id": "x"})


def test_the_mean_of_batches_is_that_of_the_jobs_in_them() -> None:
    """60 jobs, of which the 4 first do not fill 7 batches of 8."""
    task = task_of(batches=7, metrics=["mean_waiting"])
    waiting = qs.simulate(SCENARIO, policy="fifo", seed=task.seed).jobs["waiting_us"].to_list()
    means = [sum(waiting[start : start + 8]) / 8 for start in range(4, 60, 8)]
    assert run_task(task).batches == {"mean_waiting": means}


def test_batches_are_of_jobs_after_the_warm_up() -> None:
    task = task_of(batches=2, warm_up="5m", metrics=["job.mean_turnaround"])
    jobs = qs.simulate(SCENARIO, policy="fifo", seed=task.seed).jobs
    later = [row["turnaround_us"] for row in jobs.to_dicts() if row["submitted_us"] >= 300_000_000]
    half = len(later) // 2
    first, second = later[-2 * half : -half], later[-half:]
    assert run_task(task).batches == {"job.mean_turnaround": [sum(first) / half, sum(second) / half]}


def test_what_has_no_batches_is_refused() -> None:
    with pytest.raises(StudyError, match="'utilization' has no batch means"):
        make_plan(SCENARIO, batches=5, metrics=["utilization"])
    with pytest.raises(StudyError, match="60 jobs do not make 70 batches"):
        run_task(task_of(batches=70))
    for wrong in (1, -1, 2.0, True):
        with pytest.raises(StudyError, match="at least 2"):
            make_plan(SCENARIO, batches=wrong)


def test_mser5_leaves_out_the_jobs_before_the_one_that_it_names() -> None:
    from qsession_sim.queueing.statistics import mser5

    crowd = {"kind": "arrivals", "name": "crowd", "account": "lab", "count": 30, "qpu_time": "60s"}
    source = {
        **SCENARIO,
        "workload": [{**SCENARIO["workload"][0], "count": 400}, {**crowd, "interarrival": "1ms"}],
    }
    task = task_of(source=source, warm_up="mser5", metrics=["mean_waiting", "all.submitted"])
    jobs = qs.simulate(source, policy="fifo", seed=task.seed).jobs.sort("submitted_us", maintain_order=True)
    found = mser5(jobs["waiting_us"].to_numpy())
    kept = jobs[found.drop :]
    assert found.drop > 0
    result = run_task(task)
    assert (result.warm_up_us, result.settled) == (kept["submitted_us"][0], found.settled)
    assert result.metrics == {"mean_waiting": kept["waiting_us"].mean(), "all.submitted": len(kept)}


def test_a_run_too_short_for_mser5_keeps_everything_and_says_so() -> None:
    task = task_of(Configuration("x", overrides=("workload.everyday.count=49",)), warm_up="mser5")
    result = run_task(task)
    assert (result.warm_up_us, result.settled) == (0, False)


def test_policies_are_found_by_name_file_and_function(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def lifo(job):\n    return (-job.submitted_us, -job.number)\n")

    def own(job: Any) -> tuple[int, ...]:
        return (-job.submitted_us, -job.number)

    policies, functions = configurations_of(
        ["lifo", f"{tmp_path}/mine.py:lifo", own, {"name": "lifo"}.copy() | {}][:3]
    )
    plan = make_plan(SCENARIO, functions=functions)
    means = {run_task(task).metrics["mean_waiting"] for task in plan.tasks(policies, [0])}
    assert len(means) == 1
    assert means != {run_task(task_of()).metrics["mean_waiting"]}


def test_a_policy_with_parameters_is_a_setting() -> None:
    policies, _ = configurations_of([{"name": "fair_share", "window": "7d"}])
    assert policies[0].name == "fair_share(window=7d)"
    written = json.loads(make_plan(SCENARIO).task(policies[0], 0).policies)
    assert written["queue"] == {"name": "fair_share", "window": "7d"}


@pytest.mark.parametrize("policy", ["fiffo", "nowhere.py:f"])
def test_an_unknown_policy_is_told(policy: str) -> None:
    with pytest.raises(PolicyError, match=policy[:5]):
        task_of(Configuration("x", policy))


def test_mistakes_of_configurations_are_told() -> None:
    with pytest.raises(StudyError, match="two policies are called 'fifo'"):
        configurations_of(["fifo", "fifo"])
    with pytest.raises(StudyError, match="at least one policy"):
        configurations_of([])
    with pytest.raises(StudyError, match="must be a list"):
        configurations_of("fifo")
    with pytest.raises(qs.ScenarioError, match=r"--set workload\.nothing\.count=3"):
        task_of(Configuration("x", overrides=("workload.nothing.count=3",)))

"""Metrics by name, by path, and by functions of users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qsession_sim as qs
from qsession_sim.errors import StudyError
from qsession_sim.experiment.metrics import (
    ALIASES,
    DEFAULT_METRICS,
    as_metrics,
    look_up,
    measure,
    metric_bounds,
    metric_name,
    metric_unit,
)
from qsession_sim.results.summary import distribution
from qsession_sim.workload.columns import Workload

JOBS: list[dict[str, Any]] = [
    {"id": "a", "at": "0s", "account": "lab.one", "qpu_time": "5s"},
    {"id": "b", "at": "1s", "account": "lab", "qpu_time": "3s"},
    {"id": "c", "at": "2s", "account": "lab", "session": "s", "qpu_time": "2s"},
]
SCENARIO: dict[str, Any] = {
    "horizon": "20s",
    "workload": [
        {"kind": "explicit", "sessions": [{"id": "s", "account": "lab", "close_after": "9s"}], "jobs": JOBS}
    ],
}


@pytest.fixture(scope="module")
def run() -> qs.Run:
    return qs.simulate(SCENARIO)


def scalars(part: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(part, dict):
        return {path: part}
    return {
        name: value
        for key, below in part.items()
        for name, value in scalars(below, f"{path}.{key}" if path else key).items()
    }


def test_every_number_of_a_summary_is_a_metric(run: qs.Run) -> None:
    found = {
        name: value for name, value in scalars(run.summary()).items() if not isinstance(value, str | list)
    }
    assert len(found) > 100
    assert measure(run, as_metrics(list(found))) == found


@pytest.mark.parametrize(
    ("metrics", "distributions"),
    [
        (["mean_waiting", "p95_waiting"], 1),
        (["utilization", "jain_index", "by_account.lab.submitted"], 0),
        (["by_account.lab.mean_waiting", "session.p95_makespan", "mean_turnaround"], 3),
    ],
)
def test_only_what_metrics_ask_for_is_computed(
    monkeypatch: pytest.MonkeyPatch, metrics: list[str], distributions: int
) -> None:
    """A summary of this run has 51 distributions."""
    computed = []

    def counted(values: Any) -> dict[str, Any]:
        computed.append(values)
        return distribution(values)

    fresh = qs.simulate(SCENARIO)
    monkeypatch.setattr("qsession_sim.results.summary.distribution", counted)
    assert measure(fresh, metrics) == {name: look_up(fresh.summary(), name) for name in metrics}
    assert measure(fresh, metrics) == measure(qs.simulate(SCENARIO), metrics)
    computed.clear()
    measure(qs.simulate(SCENARIO), metrics)
    assert len(computed) == distributions
    computed.clear()
    qs.simulate(SCENARIO).summary()
    assert len(computed) == 51


def test_no_queue_is_counted_for_a_metric_that_is_none_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("qsession_sim.results.run.queue_lengths", refused)
    assert measure(qs.simulate(SCENARIO), ["utilization"]) == {"utilization": 0.5}  # 5 + 3 + 2 s of 20
    with pytest.raises(AssertionError):
        measure(qs.simulate(SCENARIO), ["mean_queue_length"])


def test_the_digest_of_a_workload_is_made_when_provenance_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = []
    monkeypatch.setattr(Workload, "digest", lambda _workload: made.append(None) or "0")
    fresh = qs.simulate(SCENARIO)
    fresh.summary()
    qs.replicate(SCENARIO, replications=1)
    assert made == []
    fresh.save(tmp_path / "kept")
    fresh.save(tmp_path / "again")
    assert made == [None]


def test_what_is_changed_in_a_summary_stays_there(run: qs.Run) -> None:
    run.summary()["all"]["waiting_us"]["mean"] = 0.0
    assert run.summary()["all"]["waiting_us"]["mean"] == measure(run, ["mean_waiting"])["mean_waiting"] != 0.0


def test_short_names_are_parts_of_the_summary(run: qs.Run) -> None:
    """a waits 0, b 5 - 1 = 4 s, c 8 - 2 = 6 s, all of it for a and b in job mode; c alone is in the session,
    from 2 s on, until 10 s."""
    short = {
        "mean_waiting": 10_000_000 / 3,
        "max_waiting": 6_000_000,
        "job.mean_waiting": 2_000_000.0,
        "session.mean_waiting": 6_000_000.0,
        "batch.mean_waiting": None,
        "mean_makespan": 8_000_000.0,
        "done": 3,
        "job.done": 2,
        "utilization": 0.5,
        "throughput_per_hour": 540.0,
        "share_waiting_job_mode": 1.0,
        "session.share_waiting_held": 0.0,
        "by_account.lab.one.share_waiting_job_mode": None,
        "all.waiting_parts_us.job_mode": 10_000_000,
        "mean_others_waited_held": 0.0,
        "by_account.lab.one.waiting_us.max": 0,
        "by_account.lab.waiting_us.max": 6_000_000,
        "all.reason.MAX_TIME": 0,
    }
    assert measure(run, as_metrics(list(short))) == short


def test_every_short_name_is_there(run: qs.Run) -> None:
    assert set(measure(run, as_metrics(list(ALIASES)))) == set(ALIASES)
    assert set(DEFAULT_METRICS) <= {*ALIASES, *run.summary()}


def test_of_several_qpus_throughputs_add_up_and_shares_are_averaged() -> None:
    qpus = {
        name: {
            "utilization": share,
            "throughput_per_hour": rate,
            "mean_queue_length": share,
            "max_queue_length": most,
        }
        for name, share, rate, most in (("one", 0.5, 10.0, 3), ("two", 0.25, 30.0, 8))
    }
    names = ("utilization", "throughput_per_hour", "mean_queue_length", "max_queue_length")
    assert [look_up({"qpus": qpus}, name) for name in names] == [0.375, 40.0, 0.375, 8]


def test_a_function_of_a_run_is_a_metric(run: qs.Run) -> None:
    def last_start(run: qs.Run) -> Any:
        return run.jobs["started_us"].max()

    metrics = as_metrics([last_start, "mean_waiting"])
    assert list(map(metric_name, metrics)) == ["last_start", "mean_waiting"]
    assert measure(run, metrics) == {"last_start": 8_000_000, "mean_waiting": 10_000_000 / 3}


def test_a_function_in_a_file_is_a_metric(run: qs.Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def jobs(run):\n    return run.jobs.height\n")
    spelling = f"{tmp_path / 'mine.py'}:jobs"
    assert measure(run, as_metrics([spelling])) == {spelling: 3}


def test_numbers_of_numpy_become_plain_ones(run: qs.Run) -> None:
    answers: list[Any] = [np.int64(3), np.float64(0.5), np.bool_(True), True, None]
    found = [measure(run, as_metrics([lambda _, answer=answer: answer]))["<lambda>"] for answer in answers]
    assert found == [3, 0.5, 1, 1, None]
    assert [type(value) for value in found] == [int, float, int, int, type(None)]


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), "3", [3], {}])
def test_a_metric_that_is_no_number_is_refused_by_name(run: qs.Run, answer: Any) -> None:
    with pytest.raises(StudyError, match="'<lambda>' must be a finite number or None"):
        measure(run, as_metrics([lambda _: answer]))


def test_a_metric_that_fails_is_told_with_its_seed(run: qs.Run) -> None:
    with pytest.raises(StudyError, match=r"metric '<lambda>' failed for seed 0: ZeroDivisionError"):
        measure(run, as_metrics([lambda _: 1 / 0]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("all.waiting_us.men", "did you mean 'all.waiting_us.mean'"),
        ("by_account.lob.waiting_us.max", "did you mean 'by_account.lab.waiting_us.max'"),
        ("all.waiting_us", "is a part of the summary, not a number; it has count, mean"),
        ("end_us.mean", "there is nothing below"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(run: qs.Run, name: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        measure(run, as_metrics([name]))


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("mean_waiting", "must be a list"),
        ([], "at least one metric"),
        (["mean_waiting", "mean_waiting"], "two metrics are called 'mean_waiting'"),
        (["utilisation"], "did you mean 'utilization'"),
        ([7], "must be a name or a function"),
    ],
)
def test_metrics_are_checked_before_anything_runs(metrics: Any, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        as_metrics(metrics)


def test_units_are_known() -> None:
    units = [metric_unit(name) for name in ("p95_makespan", "mean_slowdown", "all.waiting_us.count", "done")]
    assert units == ["us", "", "", ""]
    waits = ("job.share_waiting_held", "by_stream.vqe.waiting_parts_us.held", "mean_others_waited_held")
    assert [metric_unit(name) for name in waits] == ["", "us", "us"]
    assert metric_bounds("session.share_waiting_down") == (0.0, 1.0)

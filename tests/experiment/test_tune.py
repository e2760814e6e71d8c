"""`tune` on a scenario whose waits are worked out by hand.

A session's job runs from 0 to 10 s, and its next is submitted 20 s after that ends. A job outside of the session comes
at 5 s and takes 30 s. With a timeout T of less than 20 s the session loses the QPU at 10 s + T (S14): the other job
waits 5 s + T, and the session, back in the queue (S15), is done at 50 s + T. From 20 s on it keeps the QPU, also at 20 s
exactly (S3): it is done at 40 s, and the other job waits 35 s, until the session is closed.
"""

from __future__ import annotations

import json
import pickle
from functools import cache

import pytest

from qsession_sim.cli.main import main
from qsession_sim.errors import ScenarioError, StudyError
from qsession_sim.experiment.executors import in_process
from qsession_sim.experiment.search import front
from qsession_sim.experiment.tune import Tuning, tune
from qsession_sim.report.study_rows import tuning_document

SCENARIO = {
    "seed": 7,
    "workload": [
        {
            "kind": "explicit",
            "name": "all",
            "sessions": [{"id": "s", "account": "lab", "close": "40s", "interactive_timeout": "60s"}],
            "jobs": [
                {"id": "first", "at": "0s", "session": "s", "qpu_time": "10s"},
                {"id": "next", "after": "first", "think": "20s", "session": "s", "qpu_time": "10s"},
                {"id": "other", "at": "5s", "account": "others", "qpu_time": "30s"},
            ],
        }
    ],
}
TIMEOUT = "workload.all.sessions.s.interactive_timeout"


def tuned(*constraints, vary=(f"{TIMEOUT}=1s..300s",), **options):
    objective = options if "maximise" in options else {"minimise": "job.mean_waiting", **options}
    return tune(SCENARIO, vary, subject_to=constraints, **{"replications": 2, **objective})


@cache
def keeping() -> Tuning:
    """The search at which several tests look."""
    return tuned("p95_makespan <= 1.05 x baseline")


class Counting:
    """In this process, counting the runs."""

    def __init__(self):
        self.runs = 0

    def run(self, tasks):
        for result in in_process().run(tasks):
            self.runs += 1
            yield result


def test_the_shortest_timeout_that_keeps_the_session_is_found():
    """40 s x 1.05 = 42 s: only timeouts from 20 s on keep the bound, all with the same wait."""
    found = keeping()
    assert found.best.settings == (f"{TIMEOUT}=20s",)
    assert found.baseline == {"job.mean_waiting": 35e6, "p95_makespan": 40e6}
    assert found.best.means == found.baseline


def test_without_constraint_the_shortest_wait_wins():
    assert tuned().best.settings == (f"{TIMEOUT}=1s",)


def test_a_metric_may_be_maximised_within_a_duration():
    """50 s + T is at most 60 s up to T = 10 s, where it is largest."""
    found = tuned("mean_makespan <= 60s", maximise="mean_makespan")
    assert found.best.settings == (f"{TIMEOUT}=10s",)


def test_the_trade_off_has_the_two_ends():
    """Below 20 s both grow with T, so that 1 s is best in both; from 20 s on nothing changes."""
    found = tuned("p95_makespan <= 1h")
    assert {tuple(one.means.values()) for one in found.front()} == {(6e6, 51e6), (35e6, 40e6)}
    assert found.front()[0].settings == (f"{TIMEOUT}=1s",)
    assert {one.on_front for one in found.evaluations if 1e6 < one.values[0] < 20e6} == {False}


def test_the_best_is_confirmed_on_new_workloads():
    found = tuned("p95_makespan <= 55s")
    report = {one.metric: one for one in found.confirmation}
    assert report["job.mean_waiting"].before.mean == 35e6
    assert report["job.mean_waiting"].after.mean == 6e6
    assert report["job.mean_waiting"].after.difference == -29e6
    assert report["job.mean_waiting"].change == -29 / 35
    assert report["job.mean_waiting"].keeps is None
    assert report["p95_makespan"].keeps is True


def test_nothing_may_keep_the_constraints():
    found = tuned("p95_makespan <= 1s")
    assert (found.best, found.confirmation, found.commands) == (None, (), {})
    assert {one.feasible for one in found.evaluations} == {False}
    assert found.to_dict()["best"] is None


def test_two_settings_are_tuned_together():
    """The session is done after its first job, 20 s and its next job: at most 30 s if both take 10 s together."""
    vary = ("workload.all.jobs.first.qpu_time=1s..9s", "workload.all.jobs.next.qpu_time=1s..9s")
    found = tuned("mean_makespan <= 30s", vary=vary, maximise="mean_makespan")
    first, following = found.best.values
    assert found.best.means["mean_makespan"] == first + following + 20e6
    assert 0.98 * 30e6 < found.best.means["mean_makespan"] <= 30e6
    assert len(found.evaluations) <= 160


def test_the_table_has_a_row_for_each_evaluation():
    found = keeping()
    table = found.table()
    assert table.columns == [
        "evaluation", "settings", TIMEOUT, "job.mean_waiting", "p95_makespan", "feasible", "on_front", "best",
    ]  # fmt: skip
    assert table["evaluation"].to_list() == list(range(len(found.evaluations)))
    assert table.filter(table["best"])[TIMEOUT].to_list() == [20_000_000]


def test_a_best_value_at_an_end_of_its_range_is_told():
    """The shortest timeout is best for the others; one of 20 s that keeps the session lies within."""
    edge, within = tuned("p95_makespan <= 55s"), keeping()
    assert (edge.at_edges, within.at_edges) == ((f"{TIMEOUT}=1s",), ())
    assert (edge.to_dict()["at_edges"], edge.to_dict()["drawn"]) == ([f"{TIMEOUT}=1s"], False)
    said = f"{TIMEOUT}=1s is at an end of its range: a better value may lie beyond"
    notes = [[note.text for part in tuning_document(one) for note in part.above] for one in (edge, within)]
    assert [said in texts for texts in notes] == [True, False]
    assert "each simulated once" in notes[0][2]


def test_it_goes_on_where_it_stopped(tmp_path):
    """A second search asks for the same runs, and none of them is carried out again."""
    first, second = Counting(), Counting()
    found = tuned("p95_makespan <= 1.05 x baseline", executor=first, directory=tmp_path / "study")
    again = tuned("p95_makespan <= 1.05 x baseline", executor=second, directory=tmp_path / "study")
    assert first.runs == len(found.evaluations) + 3  # nothing is drawn: once each
    assert second.runs == 0
    assert again == found


def test_a_directory_of_another_search_is_refused(tmp_path):
    tuned(directory=tmp_path / "study")
    with pytest.raises(StudyError, match="holds another study"):
        tuned("p95_makespan <= 1h", directory=tmp_path / "study")


def test_saved_files_are_the_same_for_the_same_search(tmp_path):
    for name in ("a", "b"):
        tuned("p95_makespan <= 1.05 x baseline").save(tmp_path / name)
    names = {"tuning.json", "evaluations.parquet", "trade_off.svg"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_search_that_was_pickled_is_the_same_and_both_refuse_places_that_cannot_be(tmp_path, monkeypatch):
    found = keeping()
    back = pickle.loads(pickle.dumps(found))
    assert (back.to_dict(), back.table().equals(found.table())) == (found.to_dict(), True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    for place, message in (("", "the name of the study directory is empty"), ("circle", "Too many levels")):
        for one in (found, back):
            with pytest.raises(StudyError, match=message):
                one.save(place)
    assert [path.name for path in tmp_path.iterdir()] == ["circle"]


def test_the_figure_is_in_seconds_with_the_bound():
    found = keeping()
    axes = found.figure().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("p95_makespan [s]", "job.mean_waiting [s]")
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["bound"].get_xdata()) == [42, 42]
    assert lines["best"].get_xydata().tolist() == [[40, 35]]


def test_without_a_constraint_the_figure_is_over_the_setting():
    axes = tuned().figure().axes[0]
    label = axes.get_xlabel().replace("\n", "")  # a long one has several lines
    assert (label, axes.get_xscale()) == (f"{TIMEOUT} [s]", "log")
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["best"].get_xydata().tolist() == [[1, 6]]


def test_where_no_candidate_has_a_value_the_figure_is_empty():
    """There is no job of a batch."""
    found = tuned(minimise="batch.mean_waiting")
    assert found.why_nothing == "batch.mean_waiting does not exist in every run of any candidate"
    axes = found.figure().axes[0]
    assert (list(axes.lines), axes.get_legend()) == ([], None)


def test_progress_counts_all_runs_up_to_the_most_there_can_be():
    seen = []
    found = tuned(evaluations=28, progress=seen.append)
    runs = len(found.evaluations) + 3
    assert [one.done for one in seen] == list(range(1, runs + 1))
    # nothing is drawn: of two replications each the second is not needed
    assert [one.total for one in seen] == [2 * (28 + 3) - done for done in range(1, runs + 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replications": 1}, "replications must be a whole number of at least 2, not 1"),
        ({"evaluations": 27}, "evaluations must be a whole number of at least 28, not 27"),
        (
            {"executor": 2},
            (
                "an executor is in_process(), processes(N) or dask(ADDRESS) of qsession_sim.experiment.executors, "
                "not 2"
            ),
        ),
        ({"minimise": 1}, "what is best must be the name of a metric or file.py:function, not 1"),
        ({"minimise": "mean_waitin"}, "no metric is called 'mean_waitin'; did you mean 'mean_waiting'?"),
    ],
)
def test_what_makes_no_sense_is_told(options, message):
    with pytest.raises(StudyError) as raised:
        tuned(**options)
    assert str(raised.value) == message


def test_only_a_scenario_that_is_a_file_has_commands(tmp_path):
    (file := tmp_path / "a.yaml").write_text(json.dumps(SCENARIO))
    vary, asked = [f"{TIMEOUT}=1s..300s"], {"minimise": "job.mean_waiting", "replications": 2}
    found = tune(file, vary, overrides=["title=Other"], **asked)
    options = "--seed 8 --replications 2 --metric job.mean_waiting --set title=Other"
    assert found.commands == {
        "baseline": f"qsession-sim replicate {file} {options}",
        "best": f"qsession-sim replicate {file} {options} --set {TIMEOUT}=1s",
    }
    assert tune(SCENARIO, vary, **asked).commands == {}


def test_a_setting_that_does_not_exist_is_told():
    with pytest.raises(ScenarioError, match="unknown key"):
        tuned(vary=("workload.all.sessions.s.interactiv_timeout=1s..9s",))


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("workload.all.sessions.s.interactiv_timeout=1s..9s", "unknown key"),
        ("schema_version=1..2", "schema_version"),
        ("policies.parameters.nothing=1..9", "parameters"),
    ],
)
def test_a_range_that_cannot_be_used_is_told_before_anything_is_simulated_or_kept(tmp_path, vary, said):
    """Both ends are read: version 1 is known, version 2 is not.

    A directory that was begun would be of another search than the corrected one.
    """
    executor = Counting()
    with pytest.raises(ScenarioError, match=said):
        tuned(vary=(vary,), directory=tmp_path / "out", executor=executor)
    assert (executor.runs, [*tmp_path.iterdir()]) == (0, [])


def test_a_baseline_without_the_bounded_metric_is_told():
    """No batch: nothing has a makespan."""
    with pytest.raises(StudyError, match="the scenario as it stands has no"):
        tuned("sessions.by_mode.batch.makespan_us.mean <= baseline")


def test_front_is_that_of_the_evaluations():
    found = keeping()
    places = [tuple(one.means.values()) for one in found.evaluations]
    assert [one.on_front for one in found.evaluations] == front(places)


NAMES = ("a$^$", "\\$", "量子", "a" * 400)


@pytest.mark.parametrize("account", NAMES)
def test_names_in_figures_are_no_mathematics(tmp_path, account):
    """`$^$` alone is none that matplotlib can set."""
    job = {"id": "a", "at": "0s", "account": account, "qpu_time": "1s"}
    scenario = {"workload": [{"kind": "explicit", "name": "all", "jobs": [job]}]}
    metric = f"by_account.{account}.waiting_us.mean"
    found = tune(
        scenario,
        ["workload.all.jobs.a.qpu_time=1s..9s"],
        minimise="mean_turnaround",
        subject_to=[f"{metric} <= 1s"],
        replications=2,
        evaluations=28,
    )

    found.save(tmp_path / "out")

    shown = found.figure().axes[0].xaxis.label.get_text().replace(r"\$", "$").replace("\n", "")
    assert shown == f"{metric} [s]" if len(account) < 20 else shown.endswith("waiting_us.mean [s]")
    assert b"<svg" in (tmp_path / "out" / "trade_off.svg").read_bytes()


def test_a_figure_that_cannot_be_drawn_loses_nothing(tmp_path, monkeypatch, capsys):
    def fails(_tuning, **_options):
        raise ZeroDivisionError("no room")

    monkeypatch.setattr("qsession_sim.report.figures.draw_tuning", fails)
    (tmp_path / "a.yaml").write_text(
        "workload: [{kind: arrivals, account: a, interarrival: 9s, count: 2, qpu_time: 1s}]", "utf-8"
    )
    options = [
        "--vary",
        "workload.arrivals.qpu_time=1s..2s",
        "--minimise",
        "mean_waiting",
        "--evaluations",
        "28",
    ]
    out = tmp_path / "out"

    status = main(["tune", str(tmp_path / "a.yaml"), *options, "--replications", "2", "-o", str(out)])

    printed = capsys.readouterr()
    assert "best" in printed.out
    said = (
        "qsession-sim: trade_off.svg cannot be drawn, the other files are saved: ZeroDivisionError: no room\n"
    )
    assert (status, printed.err) == (2, said)
    assert {"tuning.json", "evaluations.parquet"} <= {path.name for path in out.iterdir()}

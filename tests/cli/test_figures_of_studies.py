"""`-o DIR` of studies: which figures are written beside the tables, and what is said if there are none."""

from __future__ import annotations

import sys

import pytest

from qsession_sim.cli.main import main

pytest.importorskip("matplotlib", reason="pip install 'qsession-sim[plot]'")

SCENARIO = """
seed: 7
workload:
  - kind: arrivals
    name: everyday
    account: lab
    count: 8
    interarrival: {kind: exponential, mean: 10s}
    qpu_time: {kind: exponential, mean: 9s}
"""


@pytest.fixture
def source(scenario_file):
    return scenario_file(SCENARIO)


def figures(place) -> list[str]:
    return sorted(path.name for path in place.glob("*.svg"))


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (
            ["compare", "--policy", "fifo", "--policy", "lifo"],
            [
                "convergence.svg",
                "forest.svg",
                "mean_waiting.differences.svg",
                "p95_waiting.differences.svg",
                "trade_off.svg",
                "utilization.differences.svg",
            ],
        ),
        (
            ["sweep", "--vary", "workload.everyday.count=3,5", "--metric", "mean_waiting"],
            ["convergence.svg", "mean_waiting.means.svg"],
        ),
        (
            [
                *("sweep", "--vary", "workload.everyday.count=3,5", "--vary", "policies.queue=fifo,lifo"),
                *("--metric", "mean_waiting", "--metric", "by_account.lab.mean_waiting"),
            ],
            [
                "by_account.lab.mean_waiting.heat.svg",
                "by_account.lab.mean_waiting.means.svg",
                "convergence.svg",
                "mean_waiting.heat.svg",
                "mean_waiting.means.svg",
                "trade_off.svg",
            ],
        ),
        (["replicate", "--metric", "mean_waiting"], ["convergence.svg", "mean_waiting.means.svg"]),
    ],
    ids=["compare", "sweep", "sweep of two", "replicate"],
)
def test_a_study_that_is_kept_has_its_figures_beside_it(capsys, source, tmp_path, command, names):
    place = tmp_path / "study"
    kind, *options = command
    arguments = [kind, source, *options, "--replications", "3", "-o", str(place)]
    assert main(arguments) == 0
    assert capsys.readouterr().err == f"saved in {place}\nto see it: qsession-sim report {place} --open\n"
    assert figures(place) == names
    first = {name: (place / name).read_bytes() for name in names}
    assert main(arguments) == 0
    assert {name: (place / name).read_bytes() for name in names} == first


def test_without_matplotlib_there_is_a_hint_and_all_else(capsys, monkeypatch, source, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    hint = "no figures without matplotlib; get it with: pip install 'qsession-sim[plot]'\n"
    options = ["--metric", "mean_waiting", "--replications", "2"]
    place = tmp_path / "study"
    assert main(["replicate", source, *options, "-o", str(place)]) == 0
    assert (
        capsys.readouterr().err == f"{hint}saved in {place}\nto see it: qsession-sim report {place} --open\n"
    )
    assert (figures(place), (place / "table.parquet").exists()) == ([], True)
    place = tmp_path / "search"
    options = ["--vary", "workload.everyday.count=3..5", "--minimise", "mean_waiting", "--evaluations", "28"]
    assert main(["tune", source, *options, "--replications", "2", "-o", str(place)]) == 0
    assert (
        capsys.readouterr().err == f"{hint}saved in {place}\nto see it: qsession-sim report {place} --open\n"
    )
    assert (figures(place), (place / "tuning.json").exists()) == ([], True)


def test_figures_that_cannot_be_drawn_lose_nothing(capsys, monkeypatch, source, tmp_path):
    def fails(*_arguments):
        raise ZeroDivisionError("no room")

    monkeypatch.setattr("qsession_sim.report.study_figures.draw", fails)
    place = tmp_path / "study"
    options = ["--metric", "mean_waiting", "--replications", "2", "-o", str(place)]
    assert main(["replicate", source, *options]) == 2
    output, errors = capsys.readouterr()
    assert "mean_waiting" in output
    said = "its figures cannot be drawn, the other files are saved: ZeroDivisionError: no room"
    assert errors == f"qsession-sim: {said}\n"
    assert (place / "study.json").exists()

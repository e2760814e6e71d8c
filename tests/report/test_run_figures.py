"""Figures of runs: what they draw is what the tables say, and their files are the same every time."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qsession_sim as qs
from qsession_sim.errors import FigureError
from qsession_sim.report.figures import RUN_KINDS, save_figures
from qsession_sim.report.style import LIGHT

pytest.importorskip("matplotlib", reason="pip install 'qsession-sim[plot]'")

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(scope="module")
def quickstart() -> qs.Run:
    return qs.simulate(SCENARIOS / "quickstart.yaml")


@pytest.fixture(scope="module")
def busy() -> qs.Run:
    return qs.simulate(SCENARIOS / "busy_day.yaml", overrides=["horizon=6h", "warm_up=0s"])


def colour(patches) -> str:
    from matplotlib.colors import to_hex

    return to_hex(patches.get_facecolor()[0])


def test_the_strip_of_a_small_run_has_every_stretch(quickstart):
    """The QPU and two lanes of sessions: what sessions ran and held is drawn twice, job mode and free once.

    Jobs in job mode run 20 + 30 + 20 + 25 + 10 = 105 s, those of sessions 4 x 10 + 15 + 20 + 15 = 90 s; the
    first job comes after 10 s, and the run ends after 350 s.
    """
    axes = quickstart.figure("timeline").axes[0]
    seconds = {}
    for patches in axes.collections:
        widths = [np.ptp(path.vertices[:, 0]) * 60 for path in patches.get_paths()]
        seconds[colour(patches)] = seconds.get(colour(patches), 0.0) + sum(widths)
    fills = LIGHT.fills
    assert seconds[fills["job_mode"]] == pytest.approx(105)
    assert seconds[fills["session"]] == pytest.approx(2 * 90)
    assert seconds[fills["held"]] == pytest.approx(2 * (350 - 10 - 105 - 90))
    assert seconds[fills["free"]] == pytest.approx(10)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["torino", "tuning", "notebook"]
    assert (axes.get_xlim(), axes.get_xlabel()) == (pytest.approx((0, 350 / 60)), "time [min]")


def test_columns_of_shares_leave_nothing_out(busy):
    """In the row of the QPU each kind covers the area of its share, however short its stretches are."""
    axes = busy.figure("timeline").axes[0]
    areas = {}
    for patches in (one for one in axes.collections if type(one).__name__ == "PatchCollection"):
        paths = [path.vertices for path in patches.get_paths() if path.vertices[:, 1].max() <= 1.6]
        area = sum(float(np.prod(np.ptp(path, axis=0))) for path in paths)
        areas[colour(patches)] = areas.get(colour(patches), 0.0) + area
    intervals = busy.intervals.join(busy.sessions.select("session", "mode"), on="session", how="left")
    times = {}
    for row in intervals.to_dicts():
        kind = (row["mode"] or "job_mode") if row["kind"] == "busy" else row["kind"]
        times[kind] = times.get(kind, 0) + row["end_us"] - row["start_us"]
    whole, total = sum(areas.values()), sum(times.values())
    for kind, time_us in times.items():
        assert areas[LIGHT.fills[kind]] / whole == pytest.approx(time_us / total, rel=1e-6)


def test_waiting_shows_the_percentiles_of_each_account(quickstart):
    """dave waits 15 + 150 s: his median is 82.5 s; the axis is in minutes if the longest is five or more."""
    axes = quickstart.figure("waiting").axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    waits = quickstart.jobs.group_by("account").agg("waiting_us")
    medians = {row["account"]: np.median(row["waiting_us"]) / 1e6 for row in waits.to_dicts()}
    ticks = [line for line in axes.lines if line.get_marker() == "|" and line.get_color() == LIGHT.ink]
    drawn = [line.get_xdata()[0] for line in ticks if len(line.get_xdata())]
    assert drawn == pytest.approx([medians[name] for name in names])
    assert axes.get_xlabel() == "waiting time [s]"


def test_why_shows_the_shares_of_waits(quickstart):
    axes = quickstart.figure("why").axes[0]
    sums = {name: int(quickstart.waits[f"while_{name}_us"].sum()) for name in ("job_mode", "session", "held")}
    row = len(axes.get_yticklabels()) - 1  # all jobs stand last
    from matplotlib.colors import to_hex

    bars = {
        to_hex(bar.get_facecolor()): bar.get_width()
        for bar in axes.patches
        if bar.get_width() and round(bar.get_y() + bar.get_height() / 2) == row
    }
    total = sum(sums.values())
    wanted = {LIGHT.fills[name]: pytest.approx(part_us / total) for name, part_us in sums.items()}
    assert bars == wanted


def test_sessions_are_split_into_running_and_held(quickstart):
    """notebook is charged 180 s for 50 s of QPU time, tuning 55 s for 40 s."""
    axes = quickstart.figure("sessions").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["notebook", "tuning"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([50, 40, 130, 15])
    assert axes.get_xlabel() == "usage [s]"


def test_the_queue_is_that_of_the_table(quickstart):
    axes = quickstart.figure("queue").axes[0]
    (line,) = axes.lines
    table = quickstart.queue_length
    assert line.get_xdata()[:-1] * 60 == pytest.approx(table["time_us"].to_numpy() / 1e6)
    assert line.get_ydata()[:-1].tolist() == table["queued"].to_list()


def test_a_long_queue_is_shown_as_averages_that_leave_nothing_out(busy):
    """The area below the averages is that below the steps."""
    axes = busy.figure("queue").axes[0]
    (line,) = axes.lines
    times, lengths = line.get_xdata(), line.get_ydata()
    area = float(np.sum(lengths[:-1] * np.diff(times)))
    table, end_us = busy.queue_length, busy.summary()["end_us"]
    steps = np.diff(np.append(table["time_us"].to_numpy(), end_us))
    assert area * 3600e6 == pytest.approx(float(np.sum(table["queued"].to_numpy() * steps)), rel=1e-6)


@pytest.mark.parametrize("kind", RUN_KINDS)
def test_a_run_that_was_read_back_has_the_same_figures(quickstart, tmp_path, kind):
    from qsession_sim.report.drawing import content

    back = qs.load(quickstart.save(tmp_path / "run"))
    assert content(back.figure(kind), "svg") == content(quickstart.figure(kind), "svg")


@pytest.mark.parametrize("kind", RUN_KINDS)
@pytest.mark.parametrize(
    "scenario",
    [
        {"workload": []},
        {
            "workload": [
                {"kind": "explicit", "jobs": [{"id": "a", "at": "0s", "account": "lab", "qpu_time": "1us"}]}
            ]
        },
        {
            "qpus": [{"name": "a$^$"}, {"name": "\N{CJK UNIFIED IDEOGRAPH-91CF}" * 60}],
            "workload": [
                {
                    "kind": "explicit",
                    "name": "<script>",
                    "sessions": [{"id": "s$_$", "account": "l" * 200}],
                    "jobs": [
                        {"id": "a", "at": "0s", "session": "s$_$", "qpu_time": "3s"},
                        {"id": "b", "at": "0s", "account": "$\\frac$", "qpu_time": "9h"},
                        {"id": "c", "at": "1s", "account": "$\\frac$", "qpu_time": "9h"},
                    ],
                }
            ],
        },
    ],
    ids=["empty", "one job", "odd names"],
)
def test_odd_runs_are_drawn(scenario, kind):
    from qsession_sim.report.drawing import content

    assert content(qs.simulate(scenario).figure(kind), "pdf").startswith(b"%PDF")


def test_wrong_kinds_are_told_with_all_that_there_are(quickstart):
    with pytest.raises(FigureError) as raised:
        quickstart.figure("timelin")
    wanted = "a run has no figure 'timelin'; did you mean 'timeline'? There are timeline, waiting, why, sessions, queue"
    assert str(raised.value) == wanted


@pytest.mark.parametrize("width", [0, -1.0, math.nan, math.inf, "wide"])
def test_a_width_that_is_none_is_told(quickstart, width):
    with pytest.raises(FigureError) as raised:
        quickstart.figure("why", width=width)
    assert str(raised.value) == f"the width of a figure is a number of inches above 0, not {width!r}"


def test_without_matplotlib_the_extra_is_named(quickstart, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (lambda: quickstart.figure("why"), lambda: save_figures(quickstart, tmp_path)):
        with pytest.raises(FigureError) as raised:
            draw()
        assert str(raised.value) == "figures need matplotlib; get it with: pip install 'qsession-sim[plot]'"
    assert [*tmp_path.iterdir()] == []


def test_a_figure_is_as_wide_as_asked_and_its_text_has_8_points(quickstart):
    for kind, default in (("why", 3.5), ("timeline", 7.16)):
        for width in (None, 5.0):
            figure = quickstart.figure(kind, width=width)
            assert figure.get_size_inches()[0] == pytest.approx(width or default)
            texts = [
                *figure.axes[0].get_xticklabels(),
                *figure.axes[0].get_yticklabels(),
                figure.axes[0].xaxis.label,
            ]
            assert {text.get_fontsize() for text in texts} == {8.0}


def test_settings_of_the_user_change_nothing_and_stay(quickstart):
    import matplotlib as mpl

    from qsession_sim.report.drawing import content

    before = content(quickstart.figure("why"), "svg")
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "red", "svg.fonttype": "none"}):
        assert content(quickstart.figure("why"), "svg") == before
        assert mpl.rcParams["font.size"] == 30.0


def test_notebooks_show_a_figure_without_further_imports(quickstart):
    """As SVG, which is what a figure of matplotlib alone does not offer before pyplot is imported."""
    picture = quickstart.figure("why")._repr_svg_()
    assert picture.startswith("<?xml")
    assert (
        "<title>what QPUs did while jobs of Quickstart: two sessions beside everyday jobs waited</title>"
        in picture
    )


_DIGESTS = """
import hashlib, sys
import qsession_sim as qs
from qsession_sim.report.figures import save_figures
from pathlib import Path
run = qs.simulate(sys.argv[1])
jobs = {"kind": "arrivals", "account": "lab", "count": 20, "interarrival": {"kind": "exponential", "mean": "10s"},
        "qpu_time": {"kind": "exponential", "mean": "9s"}, "name": "all"}
scenario = {"workload": [jobs]}
study = qs.sweep(scenario, ["workload.all.count=5,20", "policies.queue=fifo,lifo"], replications=3,
                 baseline="workload.all.count=5 policies.queue=fifo", metrics=["mean_waiting", "utilization"])
tuning = qs.tune(scenario, ["workload.all.count=2..20"], maximise="utilization", replications=2,
                 subject_to=["mean_waiting <= 20s"], evaluations=28)
for name, shown in {"run": run, "study": study, "tuning": tuning}.items():
    for file in save_figures(shown, Path(sys.argv[2]) / name):
        print(name, file, hashlib.sha256((Path(sys.argv[2]) / name / file).read_bytes()).hexdigest())
"""


@pytest.mark.long
def test_files_are_the_same_in_two_processes(tmp_path, monkeypatch, capsys):
    """SVG and PDF of every kind, with different orders of sets and dictionaries' hashes."""
    at = [SCENARIOS / "quickstart.yaml", tmp_path]
    other = subprocess.run(
        [sys.executable, "-c", _DIGESTS, *at],
        env={**os.environ, "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    monkeypatch.setattr(sys, "argv", ["", *at])
    exec(_DIGESTS, {})
    assert capsys.readouterr().out == other
    names = [line.split()[1] for line in other.splitlines()]
    assert len(names) == 2 * (len(RUN_KINDS) + 7 + 1)
    assert {name.rpartition(".")[2] for name in names} == {"svg", "pdf"}

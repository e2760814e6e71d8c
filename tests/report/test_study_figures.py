"""Figures of studies: the numbers of the table in every kind, and what is said where there is nothing to show."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import qsession_sim as qs
from qsession_sim.errors import FigureError, StudyError
from qsession_sim.report.figures import STUDY_KINDS
from qsession_sim.report.study_view import view_of
from qsession_sim.report.style import LIGHT

pytest.importorskip("matplotlib", reason="pip install 'qsession-sim[plot]'")

SCENARIO = {
    "seed": 7,
    "workload": [
        {
            "kind": "arrivals",
            "name": "everyday",
            "account": "lab",
            "count": 30,
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "9s"},
        }
    ],
}
LISTED = {
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
METRICS = ["mean_waiting", "utilization"]


@pytest.fixture(scope="module")
def compared() -> qs.Study:
    return qs.compare(SCENARIO, ["fifo", "lifo", "shortest_job_first"], replications=6, metrics=METRICS)


@pytest.fixture(scope="module")
def swept() -> qs.Study:
    vary = ["workload.everyday.count=5,20", "policies.queue=fifo,lifo"]
    first = "workload.everyday.count=5 policies.queue=fifo"
    return qs.sweep(SCENARIO, vary, baseline=first, replications=3, metrics=METRICS)


def row_of(study: qs.Study, configuration: str, metric: str) -> dict:
    table = study.table().to_dicts()
    return next(row for row in table if (row["configuration"], row["metric"]) == (configuration, metric))


def drawn_intervals(axes) -> list[tuple[float, float, float]]:
    """Of horizontal error bars the middle and both ends."""
    found = []
    for container in axes.containers:
        (line, _, (bars,)) = container.lines
        for middle, ((low, _), (high, _)) in zip(line.get_xdata(), bars.get_segments(), strict=True):
            found.append((middle, low, high))
    return found


@pytest.mark.parametrize("kind", ["differences", "forest"])
def test_a_comparison_shows_paired_differences_with_their_intervals(compared, kind):
    """In seconds, in the order of the configurations, and without the baseline, whose difference is 0."""
    axes = compared.figure("mean_waiting", kind).axes[0]
    rows = [row_of(compared, name, "mean_waiting") for name in ("lifo", "shortest_job_first")]
    wanted = [[row[end] / 1e6 for end in ("difference", "difference_low", "difference_high")] for row in rows]
    assert np.array(drawn_intervals(axes)) == pytest.approx(np.array(wanted))
    assert axes.get_xlabel() == "mean_waiting:\ndifference to fifo [s]"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lifo", "shortest_job_first"]
    filled = [container.lines[0].get_markerfacecolor() != LIGHT.page for container in axes.containers]
    assert filled == [row["significant"] for row in rows]


def test_differences_are_what_a_comparison_shows_if_nothing_is_said(compared, swept):
    assert compared.figure("mean_waiting").axes[0].get_xlabel() == "mean_waiting:\ndifference to fifo [s]"
    alone = qs.replicate(SCENARIO, replications=2, metrics=METRICS)
    assert alone.figure("mean_waiting").axes[0].get_xlabel() == "mean_waiting [s]"


def test_differences_have_a_tick_for_each_replication(compared):
    axes = compared.figure("mean_waiting", "differences").axes[0]
    runs = {row["configuration"]: [] for row in compared.runs().to_dicts()}
    for row in compared.runs().to_dicts():
        runs[row["configuration"]].append(row["mean_waiting"])
    ticks = [line.get_xdata() for line in axes.lines if line.get_marker() == "|"]
    for name, drawn in zip(("lifo", "shortest_job_first"), ticks, strict=True):
        wanted = [(one - other) / 1e6 for one, other in zip(runs[name], runs["fifo"], strict=True)]
        assert list(drawn) == pytest.approx(wanted)


def test_a_forest_of_several_metrics_has_a_panel_for_each_and_the_change_beside_it(compared):
    figure = compared.figure(METRICS, "forest")
    assert [axes.get_xlabel().split(":")[0] for axes in figure.axes] == METRICS
    change = row_of(compared, "lifo", "mean_waiting")["relative_change"]
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert (len(shown), shown[0]) == (2, f"{100 * change:+.1f} %")
    assert figure.get_size_inches()[0] == pytest.approx(7.16)
    with pytest.raises(FigureError, match="several metrics make a forest"):
        compared.figure(METRICS, "means")
    with pytest.raises(FigureError, match="the width of a figure is a number of inches above 0, not 0"):
        compared.figure(METRICS, "forest", width=0)


def test_a_heat_map_shows_the_differences_over_both_settings(swept):
    """The first setting across, the second one down; 0 where the baseline stands."""
    axes = swept.figure("mean_waiting", "heat").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "20"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fifo", "lifo"]
    shown = {tuple(map(round, text.get_position())): text.get_text() for text in axes.texts}
    scale = view_of(swept).scale("mean_waiting").divisor
    names = {
        (column, row): f"workload.everyday.count={count} policies.queue={policy}"
        for column, count in enumerate((5, 20))
        for row, policy in enumerate(("fifo", "lifo"))
    }
    wanted = {
        place: "0" if place == (0, 0) else f"{row_of(swept, name, 'mean_waiting')['difference'] / scale:.3g}"
        for place, name in names.items()
    }
    assert shown == wanted


def test_cells_that_are_not_significant_are_hatched(swept):
    axes = swept.figure("mean_waiting", "heat").axes[0]
    hatched = [patch.get_hatch() is not None for patch in axes.patches]
    view = view_of(swept)
    cells = [point for row in view.heat("mean_waiting").points for point in row]
    assert hatched == [not cell.told and cell.name != view.baseline for cell in cells]


def test_a_trade_off_crosses_two_metrics(compared):
    axes = compared.figure("mean_waiting", "trade_off").axes[0]
    assert axes.get_xlabel() == "utilization:\ndifference to fifo"
    middles = {tuple(container.lines[0].get_xydata()[0]) for container in axes.containers}
    wanted = {(0.0, 0.0)} | {
        (
            row_of(compared, name, "utilization")["difference"],
            row_of(compared, name, "mean_waiting")["difference"] / 1e6,
        )
        for name in ("lifo", "shortest_job_first")
    }
    assert np.array(sorted(middles)) == pytest.approx(np.array(sorted(wanted)))
    other = compared.figure("utilization", "trade_off", against="mean_waiting").axes[0]
    assert other.get_xlabel() == "mean_waiting:\ndifference to fifo [s]"


def test_what_does_not_exist_is_not_drawn():
    """No session: nothing has a makespan."""
    study = qs.compare(SCENARIO, ["fifo", "lifo"], replications=2, metrics=["mean_waiting", "p95_makespan"])
    panels = study.figure(["mean_waiting", "p95_makespan"], "forest").axes
    assert [len(axes.containers) for axes in panels] == [1, 0]


def test_differences_over_a_setting_pass_through_the_baseline():
    """At 0, without an interval."""
    vary = ["workload.everyday.count=5,9,14"]
    study = qs.sweep(SCENARIO, vary, baseline="workload.everyday.count=9", replications=3, metrics=METRICS)
    (container,) = study.figure("mean_waiting").axes[0].containers
    (line, _, (bars,)) = container.lines
    rows = {row["configuration"]: row for row in study.table().to_dicts() if row["metric"] == "mean_waiting"}
    scale = view_of(study).scale("mean_waiting").divisor
    names = [f"workload.everyday.count={count}" for count in (5, 9, 14)]
    wanted = [(rows[name]["difference"] or 0.0) / scale for name in names]
    assert list(line.get_xdata()) == [5, 9, 14]
    assert list(line.get_ydata()) == pytest.approx(wanted)
    heights = [segment[1][1] - segment[0][1] for segment in bars.get_segments()]
    assert [height > 0 for height in heights] == [True, False, True]


def test_convergence_ends_at_what_the_table_says(compared):
    """With all replications the running mean and its interval are those of the whole study."""
    for course in view_of(compared).courses("mean_waiting"):
        row = row_of(compared, course.name, "mean_waiting")
        assert course.counts.tolist() == [2, 3, 4, 5, 6]
        last = [course.values[-1], course.lows[-1], course.highs[-1]]
        assert last == pytest.approx([row["difference"], row["difference_low"], row["difference_high"]])
    panels = compared.figure("mean_waiting", "convergence").axes
    assert [axes.get_title() for axes in panels] == ["lifo", "shortest_job_first"]


def test_convergence_of_equal_values_has_no_width():
    """All 30 jobs are done in every replication."""
    study = qs.replicate(SCENARIO, replications=3, metrics=["done"])
    (course,) = view_of(study).courses("done")
    assert (course.values.tolist(), course.lows.tolist(), course.highs.tolist()) == ([30, 30],) * 3


def test_what_there_is_nothing_of_is_said():
    listed = qs.compare(LISTED, ["fifo", "lifo"], replications=2, metrics=["max_waiting"])
    alone = qs.replicate(SCENARIO, replications=2, metrics=["mean_waiting"])
    for study, kind, message in (
        (alone, "differences", "there are no differences: the study compares nothing; give it a baseline"),
        (alone, "heat", "a heat map is of two settings, but the study varies 0"),
        (alone, "trade_off", "a trade-off is of two metrics, but the study has only mean_waiting"),
        (
            listed,
            "convergence",
            "max_waiting has no convergence: that is shown over replications, and no configuration has two",
        ),
    ):
        with pytest.raises(FigureError) as raised:
            study.figure(study.metrics[0], kind)
        assert str(raised.value) == message


def test_a_wrong_kind_is_told_with_all_that_there_are(compared):
    for kind in ("violin", "heatmap", 3):
        with pytest.raises(FigureError) as raised:
            compared.figure("mean_waiting", kind)
        assert f"no figure {kind!r}" in str(raised.value)
        assert ", ".join(STUDY_KINDS) in str(raised.value)
    with pytest.raises(StudyError, match="has no metric 'max_waiting'; it has mean_waiting, utilization"):
        compared.figure("max_waiting")


@pytest.mark.parametrize("kind", STUDY_KINDS)
def test_a_study_that_was_read_back_has_the_same_figures(swept, tmp_path, kind):
    back = qs.load(swept.save(tmp_path / "study"))
    one, other = (content(study.figure("mean_waiting", kind)) for study in (swept, back))
    assert one == other


def content(figure) -> bytes:
    from qsession_sim.report.drawing import content

    return content(figure, "svg")


@pytest.mark.parametrize("kind", STUDY_KINDS)
def test_axes_of_the_user_are_drawn_on(swept, kind):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    assert swept.figure("mean_waiting", kind, ax=axes) is figure
    assert axes.has_data()
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    "name", ["a$^$", "</script>", "\N{CJK UNIFIED IDEOGRAPH-91CF}" * 60, "two\nlines\u202e", "$\\frac"]
)
def test_odd_names_are_drawn_as_they_are(name):
    """Never as mathematics, and not beyond what can be seen."""
    policies = [qs.Configuration("fifo"), qs.Configuration(name, policy="lifo")]
    study = qs.compare(SCENARIO, policies, replications=3, metrics=METRICS, baseline=name)
    for kind in ("differences", "means", "forest", "trade_off", "convergence"):
        assert b"<svg" in content(study.figure("mean_waiting", kind))
    labels = [label.get_text() for label in study.figure("mean_waiting", "means").axes[0].get_yticklabels()]
    shown = labels[1].replace(r"\$", "$")
    assert shown in {name, "two lines\\u202e"} or (len(name) > 20 and "…" in shown)


def test_exact_numbers_are_told_without_intervals():
    """fifo: the longest waits 6 s; lifo: 5 s; nothing is drawn, so the difference of -1 s is exact."""
    study = qs.compare(LISTED, ["fifo", "lifo"], replications=2, metrics=["max_waiting"])
    (container,) = study.figure("max_waiting").axes[0].containers
    assert container.lines[0].get_xydata().tolist() == [[-1.0, 0.0]]
    assert container.lines[0].get_markerfacecolor() == LIGHT.fills["job_mode"]


def test_without_matplotlib_the_extra_is_named(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(FigureError) as raised:
        compared.figure("mean_waiting")
    assert str(raised.value) == "figures need matplotlib; get it with: pip install 'qsession-sim[plot]'"

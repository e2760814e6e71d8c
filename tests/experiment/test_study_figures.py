"""Figures of sweeps: series, the order of lines, and the labels of axes."""

from __future__ import annotations

from typing import Any

import qsession_sim as qs

SCENARIO: dict[str, Any] = {
    "seed": 7,
    "workload": [
        {
            "kind": "arrivals",
            "name": "everyday",
            "account": "lab",
            "count": 20,
            "interarrival": {"kind": "exponential", "mean": "10s"},
            "qpu_time": {"kind": "exponential", "mean": "9s"},
        }
    ],
}


def test_policies_over_a_setting_are_told_apart() -> None:
    vary = ["workload.everyday.count=5,9"]
    study = qs.sweep(SCENARIO, vary, policies=["fifo", "lifo"], replications=2, metrics=["max_waiting"])
    axes = study.figure("max_waiting").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["fifo", "lifo"]
    first, second = (container.lines[0] for container in axes.containers)
    assert first.get_color() != second.get_color()
    assert [list(line.get_xdata()) for line in (first, second)] == [[5.0, 9.0], [5.0, 9.0]]
    assert qs.sweep(SCENARIO, vary, replications=2).figure("utilization").axes[0].get_legend() is None


def test_the_lines_of_a_grid_are_in_the_order_of_the_values() -> None:
    vary = ["workload.everyday.count=5,9,7", "policies.hold=shared,none"]
    study = qs.sweep(SCENARIO, vary, replications=2, metrics=["max_waiting"])
    labels = [text.get_text() for text in study.figure("max_waiting").axes[0].get_yticklabels()]
    assert labels == [f"{count}, {hold}" for count in (5, 9, 7) for hold in ("shared", "none")]


def test_a_short_logarithmic_axis_is_labelled_with_plain_numbers() -> None:
    figure = qs.sweep(SCENARIO, ["workload.everyday.count=3,35"], replications=2).figure("utilization")
    figure.draw_without_rendering()
    texts = [label.get_text() for label in figure.axes[0].get_xticklabels(which="both")]
    assert {3.0, 10.0, 20.0, 30.0} <= {float(text) for text in texts if text}

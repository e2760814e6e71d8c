"""Figures of a verification, as SVG files; matplotlib is imported when the first is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qsession_sim.queueing import theory
from qsession_sim.report.style import LIGHT, PAGE_INCHES, SERIES
from qsession_sim.verification.closed_clients import SESSION_THINK_SECONDS, THINK_SECONDS
from qsession_sim.verification.comparisons import SERVICE_SECONDS, Comparison, critical_z
from qsession_sim.verification.open_queues import LOGNORMAL
from qsession_sim.verification.suite import Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES: Final = ("waiting.svg", "clients.svg", "session.svg", "z_scores.svg")
"""Of the files."""


def figures(verification: Verification) -> dict[str, bytes]:
    """Draw all figures; a system that was not simulated has a line without points.

    Returns:
        SVG by file name; the same verification gives the same bytes with the same version of matplotlib.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    from qsession_sim.report.drawing import Figure, content, styled

    painters = dict(zip(NAMES, (_waiting, _clients, _session, _z_scores), strict=True))
    contents = {}
    for name, paint in painters.items():
        with styled():
            figure = Figure(figsize=(PAGE_INCHES, 3.2), layout="constrained")
            paint(figure, verification.comparisons)
            for axes in figure.axes:
                axes.grid(visible=True)
        contents[name] = content(figure, "svg")
    return contents


def _waiting(figure: Figure, comparisons: Sequence[Comparison]) -> None:
    """Mean waiting by load: three kinds of service, and three classes of priority."""
    services, classes = figure.subplots(1, 2)
    loads = np.linspace(0.2, 0.96, 77)
    service = float(SERVICE_SECONDS)

    def by_load(variance: float, mean: float) -> list[float]:
        return [theory.m_g_1(load / mean, mean, variance).mean_waiting for load in loads]

    curves = {
        "M/M/1": by_load(service**2, service),
        "M/G/1 lognormal": by_load(LOGNORMAL.variance, LOGNORMAL.mean),
        "M/D/1": by_load(0.0, service),
    }
    for colour, (system, curve) in zip(SERIES, curves.items(), strict=False):
        _curve_and_points(
            services, loads, curve, _chosen(comparisons, system, "mean waiting"), colour, system
        )
    for index in range(3):
        points = _chosen(comparisons, "3 priorities", f"mean waiting, class {index + 1}")
        curve = [_of_three_classes(load)[index] for load in loads]
        _curve_and_points(classes, loads, curve, points, SERIES[index], f"class {index + 1}")
    for axes, title in ((services, "One class"), (classes, "Three classes of priority")):
        axes.set(title=title, xlabel="load", ylabel="mean waiting, seconds", yscale="log")
        axes.legend()


def _of_three_classes(load: float) -> list[float]:
    """The three classes of `suite.EXPERIMENTS`."""
    means, variances = (5.0, 10.0, 20.0), (25.0, 0.0, 400.0)
    rates = [share * load / mean for share, mean in zip((0.3, 0.3, 0.4), means, strict=True)]
    return [queue.mean_waiting for queue in theory.m_g_1_priorities(rates, means, variances)]


def _clients(figure: Figure, comparisons: Sequence[Comparison]) -> None:
    """Utilization and response by number of clients."""
    numbers = np.arange(1, 19)
    models = {
        "clients": ("exponential service", theory.exponential_service),
        "clients, constant service": ("constant service", theory.constant_service),
    }
    panels = {
        "utilization": ("Utilization", "share of time busy"),
        "mean response": ("Response", "mean response, seconds"),
    }
    for axes, (quantity, (title, label)) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        for colour, (system, (name, model)) in zip(SERIES, models.items(), strict=False):
            queues = [model(int(number), THINK_SECONDS, SERVICE_SECONDS) for number in numbers]
            curve = [getattr(one, quantity.replace(" ", "_")) for one in queues]
            _curve_and_points(axes, numbers, curve, _chosen(comparisons, system, quantity), colour, name)
        axes.set(title=title, xlabel="clients", ylabel=label, ylim=(0, None), xticks=range(0, 19, 3))
        axes.legend()


def _session(figure: Figure, comparisons: Sequence[Comparison]) -> None:
    """What a gap does, by timeout."""
    timeouts = np.linspace(0, 2.4, 97)
    gaps = [
        theory.exponential_think(SESSION_THINK_SECONDS, timeout * SESSION_THINK_SECONDS, 5.0)
        for timeout in timeouts
    ]
    panels = (
        ("share of gaps that deactivate", [gap.deactivates for gap in gaps], "share of gaps that deactivate"),
        ("mean held in a gap", [gap.mean_held for gap in gaps], "mean time held in a gap, seconds"),
    )
    formulas = ("exp(-T/m)", "m (1 - exp(-T/m))")
    for axes, formula, (quantity, curve, label), colour in zip(
        figure.subplots(1, 2), formulas, panels, SERIES, strict=False
    ):
        points = _chosen(comparisons, "one session", quantity)
        _curve_and_points(axes, timeouts, curve, points, colour, formula)
        axes.set(xlabel="timeout over mean think time, T/m", ylabel=label, ylim=(0, None))
        axes.legend()


def _z_scores(figure: Figure, comparisons: Sequence[Comparison]) -> None:
    """All differences in standard errors, compared with the normal distribution that they should have."""
    from scipy.special import ndtri

    scatter, ordered = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    limit = critical_z(len(comparisons))
    systems = list(dict.fromkeys(comparison.system for comparison in comparisons))
    for column, system in enumerate(systems):
        scores = [comparison.z for comparison in comparisons if comparison.system == system]
        spread = np.linspace(-0.28, 0.28, len(scores)) if len(scores) > 1 else np.zeros(1)
        scatter.plot(column + spread, scores, "o", color=SERIES[column % len(SERIES)], markersize=3.5)
    scatter.set_xticks(range(len(systems)), systems, rotation=35, ha="right", rotation_mode="anchor")
    scatter.set(ylabel="standard errors from theory", ylim=(-limit - 0.7, limit + 0.7))
    scatter.text(len(systems) - 0.5, limit + 0.1, "fails beyond", ha="right", color=LIGHT.alert)
    expected = ndtri((np.arange(len(comparisons)) + 0.5) / len(comparisons))
    ordered.plot(expected, expected, color=LIGHT.muted, linewidth=1)
    ordered.plot(expected, sorted(comparison.z for comparison in comparisons), "o", markersize=3)
    ordered.set(xlabel="quantile of a normal distribution")
    for axes in (scatter, ordered):
        for height in (-limit, limit):
            axes.axhline(height, color=LIGHT.alert, linewidth=1, linestyle="--")


def _chosen(comparisons: Sequence[Comparison], system: str, quantity: str) -> list[Comparison]:
    return [row for row in comparisons if (row.system, row.quantity) == (system, quantity)]


def _curve_and_points(
    axes: Axes, places: Any, curve: Sequence[float], points: Sequence[Comparison], colour: str, label: str
) -> None:
    """Theory as a line, estimates as points with their intervals."""
    axes.plot(places, curve, color=colour, linewidth=1.4, label=label)
    axes.errorbar(
        [point.position for point in points],
        [point.interval.estimate for point in points],
        [point.interval.half_width for point in points],
        fmt="o",
        color=colour,
        markersize=4,
        capsize=3,
        linewidth=1,
    )

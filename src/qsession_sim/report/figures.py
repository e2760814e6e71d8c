"""Figures of studies and of tuning; matplotlib is imported when the first is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.experiment.metrics import metric_unit
from qsession_sim.experiment.variations import LOGARITHMIC_FROM
from qsession_sim.queueing.statistics import cut_ends
from qsession_sim.report.text import one_line, short_name
from qsession_sim.units import SECOND, parse_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qsession_sim.experiment.estimates import Estimate
    from qsession_sim.experiment.findings import Evaluation, StudyFindings, TuningFindings
    from qsession_sim.experiment.search import Constraint

_COLOUR: Final = "#0b5fa5"
_COLOURS: Final = (_COLOUR, "#c8553d", "#3a7d44", "#7b5ea7", "#c99700", "#5b6770")
_POINTS: Final[dict[str, Any]] = {"fmt": "o", "capsize": 3}
_MOST_NAMES: Final = 40
_LONGEST_NAME: Final = 60


def draw_means(study: StudyFindings, metric: str) -> Figure:
    """The means of a metric with their intervals: over the setting if one with numbers is varied, else one
    line a configuration. Times are in seconds.

    Raises:
        StudyError: if matplotlib is not installed.
    """
    name, scale = _axis(metric, study.unit_of(metric))
    drawn = [
        (configuration, study.estimates[configuration.name, metric])
        for configuration in study.in_order
        if study.estimates[configuration.name, metric].mean is not None
    ]
    means = [(one.mean or 0.0) / scale for _, one in drawn]
    errors = [_reaches(study, metric, one, scale) for _, one in drawn]
    setting = _only_setting(study)
    height = 4.0 if setting else min(1.5 + 0.35 * len(drawn), 1.5 + 0.35 * _MOST_NAMES)
    figure, axes = _figure(height)
    if setting is not None:
        label, places = setting
        points = list(zip((one for one, _ in drawn), means, errors, strict=True))
        policies = list(dict.fromkeys(one.policy for one, _ in drawn))
        for policy, colour in zip(policies, cycle(_COLOURS), strict=False):
            of_policy = [
                (places[one.name], mean, error) for one, mean, error in points if one.policy == policy
            ]
            across, up, reaches = zip(*of_policy, strict=True)
            axes.errorbar(
                across, up, yerr=_rows(reaches), color=colour, label=policy and _plain(policy), **_POINTS
            )
        if len(policies) > 1:
            axes.legend()
        axes.set(xlabel=label, ylabel=name)
        if 0 < LOGARITHMIC_FROM * min(places.values()) <= max(places.values()):
            _make_logarithmic(axes)
    else:
        axes.errorbar(means, range(len(drawn)), xerr=_rows(errors), color=_COLOUR, **_POINTS)
        axes.set(xlabel=name, ylim=(max(len(drawn), 1) - 0.5, -0.5))
        if len(drawn) <= _MOST_NAMES:
            axes.set_yticks(range(len(drawn)), [_plain(one.name) for one, _ in drawn])
    axes.set_title(f"{100 * study.level:.4g} % confidence intervals", fontsize=9)
    return figure


def _reaches(study: StudyFindings, metric: str, one: Estimate, scale: int) -> tuple[float, float]:
    """How far an interval goes down and up from the mean, no further than the metric can."""
    if one.mean is None or one.interval is None:
        return 0.0, 0.0
    low, high = cut_ends(one.mean, one.interval.half_width, study.bounds_of(metric))
    return (one.mean - low) / scale, (high - one.mean) / scale


def _rows(reaches: Iterable[tuple[float, float]]) -> list[tuple[float, ...]]:
    """As matplotlib wants errors: all that go down, and all that go up."""
    return list(zip(*reaches, strict=True))


def draw_trade_off(tuning: TuningFindings) -> Figure:
    """What was tried, and the trade-off: the objective over the first constrained metric, with its bound, or
    over the first setting. Times are in seconds.

    Raises:
        StudyError: if matplotlib is not installed.
    """
    objective, constrained = tuning.objective.metric, _constrained(tuning)
    up_name, up = _axis(objective, metric_unit(objective))
    figure, axes = _figure(4.0)
    if constrained is None:
        setting = tuning.ranges[0]
        across_name, across = _axis(setting.path, "us" if setting.kind == "duration" else None)
        if setting.logarithmic:
            _make_logarithmic(axes)
    else:
        across_name, across = _axis(constrained.metric, metric_unit(constrained.metric))
        limit = constrained.limit(tuning.baseline) / across
        axes.axvline(limit, color="#b00020", linestyle=":", linewidth=1, label="bound")

    def place(one: Evaluation) -> tuple[float, float] | None:
        right = one.values[0] if constrained is None else one.means[constrained.metric]
        height = one.means[objective]
        return None if right is None or height is None else (right / across, height / up)

    for kind, chosen, style in (
        ("misses a constraint", [one for one in tuning.evaluations if not one.feasible], ("x", "#b00020", 5)),
        ("tried", [one for one in tuning.evaluations if one.feasible], ("o", "#9aa5b1", 5)),
        ("trade-off", tuning.front(), (".-", _COLOUR, 5)),
        ("best", [] if tuning.best is None else [tuning.best], ("*", "#3a7d44", 12)),
    ):
        places = sorted(spot for spot in map(place, chosen) if spot is not None)
        if places:
            form, colour, size = style
            axes.plot(*zip(*places, strict=True), form, color=colour, label=kind, markersize=size)
    axes.set(xlabel=across_name, ylabel=up_name)
    if axes.lines:
        axes.legend()
    return figure


def _figure(height: float) -> tuple[Figure, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise StudyError("figures need matplotlib; get it with: pip install 'qsession-sim[plot]'") from None
    figure = Figure(figsize=(6.4, height), layout="constrained")
    return figure, figure.subplots()


def _axis(name: str, unit: str | None) -> tuple[str, int]:
    """The label of an axis, and how many of the unit are one on it."""
    if unit == "us":
        return f"{_plain(name)} [s]", SECOND
    return f"{_plain(name)} [{unit}]" if unit else _plain(name), 1


def _plain(name: str) -> str:
    r"""A name as matplotlib shows it: never as mathematics, and no longer than there is room.

    Example:
        >>> print(_plain("by_account.a$^$.jobs\x1b"))
        by_account.a\$^\$.jobs\x1b
    """
    return short_name(one_line(name), "…", _LONGEST_NAME).replace("$", r"\$")


def _constrained(tuning: TuningFindings) -> Constraint | None:
    """The first constraint on another metric than the objective."""
    return next((one for one in tuning.constraints if one.metric != tuning.objective.metric), None)


def _make_logarithmic(axes: Any) -> None:
    axes.set_xscale("log")
    from matplotlib.ticker import LogFormatter

    axes.xaxis.set_major_formatter("{x:g}")  # 10, not a power of ten
    axes.xaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.4)))


def _only_setting(study: StudyFindings) -> tuple[str, dict[str, float]] | None:
    """The label of the only setting that is varied, and its value in each configuration, times in seconds;
    None if they are no numbers."""
    if len(study.paths) != 1:
        return None
    path = study.paths[0]
    written = {one.name: study.settings_of(one)[0] for one in study.configurations}
    try:
        return _plain(path), {name: float(value) for name, value in written.items()}
    except ValueError:
        pass
    try:
        label, scale = _axis(path, "us")
        return label, {name: parse_duration(value) / scale for name, value in written.items()}
    except ValueError:
        return None

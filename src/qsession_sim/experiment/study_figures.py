"""Figures of a study; matplotlib is imported when the first is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import StudyError
from qsession_sim.experiment.metrics import metric_name, metric_unit
from qsession_sim.units import SECOND, parse_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qsession_sim.experiment.study import Study

_COLOUR: Final = "#0b5fa5"
_MOST_NAMES: Final = 40


def draw_metric(study: Study, metric: str) -> Figure:
    """The means of a metric with their intervals: over the setting if one with numbers is varied, else one
    line a configuration. Times are in seconds."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise StudyError("figures need matplotlib; get it with: pip install 'qsession-sim[plot]'") from None
    unit = next(metric_unit(one) for one in study.plan.metrics if metric_name(one) == metric)
    scale = SECOND if unit == "us" else 1
    found = [
        (number, configuration.name, study.estimates[configuration.name, metric])
        for number, configuration in enumerate(study.configurations)
        if study.estimates[configuration.name, metric].mean is not None
    ]
    means = [(one.mean or 0.0) / scale for _, _, one in found]
    errors = [0.0 if one.interval is None else one.interval.half_width / scale for _, _, one in found]
    places = _numbers_of(study)
    height = 4.0 if places else min(1.5 + 0.35 * len(found), 1.5 + 0.35 * _MOST_NAMES)
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    label = f"{metric} [{'s' if unit == 'us' else unit}]" if unit else metric
    style: dict[str, Any] = {"fmt": "o", "color": _COLOUR, "capsize": 3}
    if places is not None:
        axes.errorbar([places[number] for number, _, _ in found], means, yerr=errors, **style)
        axes.set(xlabel=study.paths[0], ylabel=label)
    else:
        axes.errorbar(means, range(len(found)), xerr=errors, **style)
        axes.invert_yaxis()
        axes.set(xlabel=label)
        if len(found) <= _MOST_NAMES:
            axes.set_yticks(range(len(found)), [name for _, name, _ in found])
    axes.set_title(f"{100 * study.level:.4g} % confidence intervals", fontsize=9)
    return figure


def _numbers_of(study: Study) -> list[float] | None:
    """The values of the only setting that is varied, times in seconds; None if they are no numbers."""
    if len(study.paths) != 1:
        return None
    written = [
        dict(setting.split("=", 1) for setting in configuration.overrides)[study.paths[0]]
        for configuration in study.configurations
    ]
    try:
        return [float(value) for value in written]
    except ValueError:
        pass
    try:
        return [parse_duration(value) / SECOND for value in written]
    except ValueError:
        return None

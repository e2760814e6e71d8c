"""Figures of studies and of searches; needs matplotlib, which `figures` looks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

from matplotlib.patches import Rectangle

from qsession_sim.experiment.variations import LOGARITHMIC_FROM
from qsession_sim.report.drawing import canvas, folded, plain
from qsession_sim.report.study_view import MOST_CROSSES, Axis, Course, Point, StudyView
from qsession_sim.report.style import (
    COLUMN_INCHES,
    LIGHT,
    MARKERS,
    PAGE_INCHES,
    SERIES,
    diverging,
    text_on,
)
from qsession_sim.report.tuning_view import TuningView

_TOLD: Final = LIGHT.fills["job_mode"]
_UNTOLD: Final = LIGHT.waiting
_MOST_NAMES: Final = 40
_MOST_LINES: Final = len(SERIES)
_MOST_PANELS: Final = 12
_MOST_LABELS: Final = 8
_MOST_NUMBERS: Final = 100
_SAME_PLACE: Final = 0.08
"""As a share of the picture: names so near each other cannot be told apart."""
_LETTERS_PER_INCH: Final = 11
_ROW_INCHES: Final = 0.24
_FRAME_INCHES: Final = 0.75


def draw(
    view: StudyView, metrics: Sequence[str], kind: str, against: str | None, ax: Any, width: float | None
) -> Any:
    """Draw a figure of a kind of `figures.STUDY_KINDS`; of several metrics only a forest, a panel each."""
    if kind == "forest":
        return _forest(view, metrics, ax, width)
    inches = COLUMN_INCHES if width is None else width
    metric = metrics[0]
    if kind == "trade_off":
        return _trade_off(view, metric, against, ax, inches)
    painters: Mapping[str, Callable[..., Any]] = {
        "means": _means,
        "differences": _differences,
        "heat": _heat,
        "convergence": _convergence,
    }
    return painters[kind](view, metric, ax, inches)


def _labelled(name: str, unit: str, inches: float) -> str:
    return folded(f"{plain(name)} [{unit}]" if unit else plain(name), inches)


def _of(view: StudyView, metric: str, inches: float) -> str:
    """The label of an axis: of a metric, or of its differences to the baseline, on lines of their own."""
    unit = view.scale(metric).unit
    if view.baseline is None:
        return _labelled(metric, unit, inches)
    difference = _labelled(f"difference to {view.label(view.baseline)}", unit, inches)
    return f"{folded(plain(metric), inches)}:\n{difference}"


def _height(rows: int) -> float:
    return _FRAME_INCHES + _ROW_INCHES * min(max(rows, 2), _MOST_NAMES)


def _reaches(points: Iterable[Point], divisor: float) -> list[tuple[float, ...]]:
    """How far intervals go, as matplotlib wants errors: all that go down, and all that go up."""
    reaches = [
        ((p.value - p.low) / divisor, (p.high - p.value) / divisor)
        if p.value is not None and p.low is not None and p.high is not None
        else (0.0, 0.0)
        for p in points
    ]
    return list(zip(*reaches, strict=True)) if reaches else [(), ()]


def _name_rows(view: StudyView, names: Sequence[str], axes: Any, inches: float) -> None:
    """One row a configuration, from above to below."""
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    if len(names) <= _MOST_NAMES:
        longest = max(round(inches * _LETTERS_PER_INCH * 0.6), 20)
        axes.set_yticks(range(len(names)), [plain(view.label(name), longest) for name in names])
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(names)} configurations")
    if view.paths and len(names) <= _MOST_NAMES:
        axes.set_ylabel(plain(view.heading))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _means(view: StudyView, metric: str, ax: Any, inches: float) -> Any:
    points, scale = [p for p in view.means(metric) if p.value is not None], view.scale(metric)
    setting = view.axis()
    title = f"{100 * view.document['level']:.4g} % confidence intervals"
    if setting is not None:
        with canvas(ax, inches, inches * 0.7) as (figure, axes):
            figure.set_label(f"{metric} over {setting.path}")
            _over_setting(view, points, setting, axes, scale.divisor, inches)
            axes.set(ylabel=_labelled(metric, scale.unit, inches * 0.7), title=title)
        return figure
    with canvas(ax, inches, _height(len(points))) as (figure, axes):
        figure.set_label(f"means of {metric}")
        values = [(p.value or 0.0) / scale.divisor for p in points]
        errors = _reaches(points, scale.divisor)
        axes.errorbar(values, range(len(points)), xerr=errors, color=_TOLD, fmt="o", capsize=2)
        axes.set(xlabel=_labelled(metric, scale.unit, inches), title=title)
        _name_rows(view, [p.name for p in points], axes, inches)
    return figure


def _over_setting(
    view: StudyView, points: Sequence[Point], setting: Axis, axes: Any, divisor: float, inches: float
) -> None:
    """A line for each policy."""
    policies = list(dict.fromkeys(view.policy(p.name) for p in points))
    for policy, colour, marker in zip(policies, cycle(SERIES), cycle(MARKERS), strict=False):
        mine = sorted(
            (p for p in points if view.policy(p.name) == policy), key=lambda p: setting.places[p.name]
        )
        across = [setting.places[p.name] for p in mine]
        values = [(p.value or 0.0) / divisor for p in mine]
        errors = _reaches(mine, divisor)
        label = plain(policy) if view.several_policies else None
        axes.errorbar(across, values, yerr=errors, color=colour, marker=marker, capsize=2, label=label)
    if view.several_policies:
        axes.legend()
    axes.set_xlabel(_labelled(setting.path, setting.unit, inches))
    places = setting.places.values()
    if 0 < LOGARITHMIC_FROM * min(places) <= max(places):
        _make_logarithmic(axes)


def _differences(view: StudyView, metric: str, ax: Any, inches: float) -> Any:
    """Paired differences: their means with intervals, and a tick for each replication."""
    points = [p for p in view.differences(metric) if p.value is not None]
    scale, setting = view.scale(metric), view.axis()
    label = _of(view, metric, inches)
    name = f"{metric}: differences to {view.baseline}"
    if setting is not None:
        with canvas(ax, inches, inches * 0.7) as (figure, axes):
            figure.set_label(name)
            axes.axhline(0, color=LIGHT.ink, linewidth=0.8)
            whole = [Point(str(view.baseline), 0.0), *points]
            _over_setting(view, whole, setting, axes, scale.divisor, inches)
            axes.set_ylabel(label)
        return figure
    with canvas(ax, inches, _height(len(points))) as (figure, axes):
        figure.set_label(name)
        for row, point in enumerate(points):
            pairs = [one / scale.divisor for one in view.pairs(point.name, metric).values()]
            if len(pairs) > 1:
                tick = {"marker": "|", "markersize": 7, "linestyle": "", "markeredgewidth": 0.6}
                axes.plot(pairs, [row] * len(pairs), color=_colour(point), alpha=0.45, zorder=1, **tick)
        _paint_forest(view, metric, points, axes)
        axes.set_xlabel(label)
        _name_rows(view, [p.name for p in points], axes, inches)
    return figure


def _colour(point: Point) -> str:
    return _TOLD if point.told else _UNTOLD


def _paint_forest(view: StudyView, metric: str, points: Sequence[Point], axes: Any) -> None:
    """Filled: differs from the baseline; hollow: cannot be told. The change stands at the side."""
    scale = view.scale(metric)
    axes.axvline(0, color=LIGHT.ink, linewidth=0.8, zorder=0)
    for row, point in enumerate(points):
        if point.value is None:
            continue
        axes.errorbar(
            [point.value / scale.divisor],
            [row],
            xerr=_reaches([point], scale.divisor),
            color=_colour(point),
            fmt="o",
            markerfacecolor=_TOLD if point.told else LIGHT.page,
            linewidth=1.6,
        )
        place = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "ha": "left"}
        axes.annotate(
            view.change(point.name, metric),
            (1.0, row),
            xycoords=("axes fraction", "data"),
            color=LIGHT.ink if point.told else LIGHT.muted,
            annotation_clip=False,
            **place,
        )


def _forest(view: StudyView, metrics: Sequence[str], ax: Any, width: float | None) -> Any:
    inches = width or (COLUMN_INCHES if len(metrics) == 1 else PAGE_INCHES)
    points = {metric: view.differences(metric) for metric in metrics}
    names = [p.name for p in points[metrics[0]]]
    with canvas(ax, inches, _height(len(names)), ncols=len(metrics), sharey=True) as (figure, panels):
        figure.set_label(f"differences to {view.baseline}")
        for axes, metric in zip([panels] if len(metrics) == 1 else panels, metrics, strict=True):
            _paint_forest(view, metric, points[metric], axes)
            axes.set_xlabel(_of(view, metric, inches / len(metrics) * 0.8))
        _name_rows(view, names, panels if len(metrics) == 1 else panels[0], inches / len(metrics))
        for axes in () if len(metrics) == 1 else panels[1:]:
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
    return figure


def _heat(view: StudyView, metric: str, ax: Any, inches: float) -> Any:
    """Cells of which the difference cannot be told from 0 are hatched."""
    heat, scale, compared = view.heat(metric), view.scale(metric), view.baseline is not None
    across, down = len(heat.across), len(heat.down)
    values = [p.value for row in heat.points for p in row if p.value is not None]
    least, most = (min(values), max(values)) if values else (0.0, 0.0)
    largest = max(abs(least), abs(most)) or 1.0
    with canvas(ax, inches, 0.9 + 0.3 * down) as (figure, axes):
        figure.set_label(f"{metric} over {' and '.join(view.paths)}")
        for row, points in enumerate(heat.points):
            for column, point in enumerate(points):
                if point.value is None:
                    continue
                rises = (point.value - least) / ((most - least) or 1.0)
                fill = diverging(point.value / largest if compared else -rises)
                untold = compared and not point.told and point.name != view.baseline
                look: dict[str, Any] = {"facecolor": fill, "linewidth": 0.5, "edgecolor": LIGHT.page}
                if untold:
                    look |= {"hatch": "////", "edgecolor": LIGHT.waiting}
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **look))
                if across * down <= _MOST_NUMBERS:
                    box = {"facecolor": fill, "edgecolor": "none", "pad": 0.8} if untold else None
                    text = "0" if point.name == view.baseline else f"{point.value / scale.divisor:.3g}"
                    axes.text(column, row, text, color=text_on(fill), ha="center", va="center", bbox=box)
        axes.set(xlim=(-0.5, across - 0.5), ylim=(down - 0.5, -0.5))
        axes.set_xticks(range(across), [plain(text, 12) for text in heat.across])
        axes.set_yticks(range(down), [plain(text, 16) for text in heat.down])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        title = _of(view, metric, inches * 0.8)
        axes.set(xlabel=plain(view.paths[0]), ylabel=plain(view.paths[1].rpartition(".")[2]), title=title)
        if across * down > _MOST_NUMBERS:
            _colour_bar(figure, axes, [value / scale.divisor for value in (least, most)], compared=compared)
    return figure


def _colour_bar(figure: Any, axes: Any, ends: Sequence[float], *, compared: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    largest = max(map(abs, ends)) or 1.0
    low, high = (-largest, largest) if compared else ends
    steps = [step / 100 for step in range(-100, 101)] if compared else [-step / 100 for step in range(101)]
    colours = ListedColormap([diverging(step) for step in steps])
    figure.colorbar(ScalarMappable(Normalize(low, high), colours), ax=axes)


def _trade_off(view: StudyView, metric: str, against: str | None, ax: Any, inches: float) -> Any:
    """A cross for each configuration; those that no other one is better than in both are joined."""
    second, both, on_front = view.trade_off(metric, against)
    right, up = view.scale(second), view.scale(metric)
    compared, crosses = view.baseline is not None, len(both) <= MOST_CROSSES
    with canvas(ax, inches, inches * 0.8) as (figure, axes):
        figure.set_label(f"{metric} against {second}")
        if compared:
            for line in (axes.axhline, axes.axvline):
                line(0, color=LIGHT.rule, linewidth=0.8, zorder=0)
        joined = sorted(
            (one.value / right.divisor, other.value / up.divisor)
            for one, other in both
            if one.name in on_front and one.value is not None and other.value is not None
        )
        if len(joined) > 1:
            axes.plot(*zip(*joined, strict=True), color=LIGHT.waiting, linewidth=0.8, zorder=1)
        for one, other in both:
            is_baseline = one.name == view.baseline
            axes.errorbar(
                [(one.value or 0.0) / right.divisor],
                [(other.value or 0.0) / up.divisor],
                xerr=_reaches([one], right.divisor) if crosses else None,
                yerr=_reaches([other], up.divisor) if crosses else None,
                fmt="D" if is_baseline else "o",
                color=LIGHT.ink if is_baseline else _TOLD if one.name in on_front else _UNTOLD,
                linewidth=0.9,
            )
        axes.margins(0.12)
        for places, names in _places_of(both, right.divisor, up.divisor).items():
            text = plain(", ".join(map(view.label, names)), 30)
            left = places[0] <= sum(axes.get_xlim()) / 2
            note = axes.annotate(
                text,
                places,
                xytext=(4 if left else -4, 4),
                textcoords="offset points",
                ha="left" if left else "right",
                color=LIGHT.muted,
            )
            note.set_in_layout(False)
        axes.set_xlabel(_of(view, second, inches))
        axes.set_ylabel(_of(view, metric, inches * 0.8))
    return figure


def _places_of(
    both: Sequence[tuple[Point, Point]], right: float, up: float
) -> dict[tuple[float, float], list[str]]:
    """The names at each place, of places that are almost the same at the first of them; none of too many."""
    named: dict[tuple[float, float], list[str]] = {}
    if len(both) > _MOST_LABELS:
        return named
    places = {one.name: ((one.value or 0.0) / right, (other.value or 0.0) / up) for one, other in both}
    widths = [max(place[n] for place in places.values()) - min(p[n] for p in places.values()) for n in (0, 1)]
    for name, place in places.items():
        near = (
            other
            for other in named
            if all(abs(place[n] - other[n]) <= _SAME_PLACE * widths[n] for n in (0, 1))
        )
        named.setdefault(next(near, place), []).append(name)
    return named


def _convergence(view: StudyView, metric: str, ax: Any, inches: float) -> Any:
    """The estimate and its interval after each replication: a panel each, or all as lines on given axes."""
    courses = [course for course in view.courses(metric) if len(course.counts)]
    shown = courses[: _MOST_LINES if ax is not None else _MOST_PANELS]
    across = 1 if ax is not None or len(shown) == 1 else max(2, min(len(shown), round(inches / 1.8)))
    down = 1 if ax is not None else -(-len(shown) // across)
    height = inches * 0.7 if down * across == 1 else 0.6 + 1.2 * down
    with canvas(ax, inches, height, nrows=down, ncols=across, sharex=True, sharey=True, squeeze=False) as (
        figure,
        grid,
    ):
        figure.set_label(f"{metric} over replications")
        panels = [grid] * len(shown) if ax is not None else [*grid.flat]
        for axes, course, colour in zip(
            panels, shown, SERIES if ax is not None else [_TOLD] * len(shown), strict=False
        ):
            _paint_course(view, metric, course, axes, colour)
            if ax is None and len(shown) > 1:
                axes.set_title(plain(view.label(course.name), round(inches / across * _LETTERS_PER_INCH)))
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        label = _of(view, metric, height * 0.9)
        if ax is not None or len(shown) == 1:
            panels[0].set(xlabel="replications", ylabel=label)
        else:
            figure.supxlabel("replications", fontsize="medium")
            figure.supylabel(label, fontsize="medium")
        if len(courses) > len(shown):
            figure.suptitle(f"the first {len(shown)} of {len(courses)} configurations")
        if ax is not None and len(shown) > 1:
            ax.legend()
        panels[0].xaxis.get_major_locator().set_params(integer=True)
        (low, high), divisor = view.seen(shown), view.scale(metric).divisor
        room = 0.05 * (high - low) or 1.0
        panels[0].set_ylim((low - room) / divisor, (high + room) / divisor)
    return figure


def _paint_course(view: StudyView, metric: str, course: Course, axes: Any, colour: str) -> None:
    divisor = view.scale(metric).divisor
    if view.baseline is not None:
        axes.axhline(0, color=LIGHT.ink, linewidth=0.8)
    band = course.lows / divisor, course.highs / divisor
    axes.fill_between(course.counts, *band, color=colour, alpha=0.15, linewidth=0)
    label = plain(view.label(course.name), 24)
    axes.plot(course.counts, course.values / divisor, color=colour, label=label)


def _make_logarithmic(axes: Any) -> None:
    axes.set_xscale("log")
    from matplotlib.ticker import LogFormatter

    axes.xaxis.set_major_formatter("{x:g}")  # 10, not a power of ten
    axes.xaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.4)))


def draw_tuning(view: TuningView, ax: Any, width: float | None) -> Any:
    """What was tried, and the trade-off curve."""
    inches = COLUMN_INCHES if width is None else width
    shown = view.trade_off()
    with canvas(ax, inches, inches * 0.8) as (figure, axes):
        figure.set_label(f"{shown.up} over {shown.across}")
        if shown.logarithmic:
            _make_logarithmic(axes)
        if shown.bound is not None:
            axes.axvline(shown.bound, color=LIGHT.alert, linestyle=":", linewidth=1, label="bound")
        for label, chosen, (form, colour, size) in (
            ("misses a constraint", [p for p in shown.tried if not p.feasible], ("x", LIGHT.alert, 4)),
            ("tried", [p for p in shown.tried if p.feasible], ("o", LIGHT.waiting, 4)),
            ("trade-off", [p for p in shown.tried if p.on_front], (".-", _TOLD, 4)),
            ("best", [p for p in shown.tried if p.best], ("*", LIGHT.fills["held"], 11)),
        ):
            places = sorted((p.right, p.up) for p in chosen)
            if places:
                axes.plot(*zip(*places, strict=True), form, color=colour, label=label, markersize=size)
        axes.set_xlabel(_labelled(shown.across, shown.across_unit, inches))
        axes.set_ylabel(_labelled(shown.up, shown.up_unit, inches * 0.8))
        if axes.lines:
            axes.legend()
    return figure

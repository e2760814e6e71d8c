"""The page of a study: verdicts in words, intervals, charts, and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.errors import FigureError
from qsession_sim.report.charts import (
    Band,
    Mark,
    Series,
    axis_over,
    course_chart,
    line_chart,
    scatter,
    strip,
    strip_axis,
)
from qsession_sim.report.html import Markup, Report, element, joined, named, script_of, table
from qsession_sim.report.rows import Cell, Column, Count, Measure, Table, counted, words
from qsession_sim.report.sections import Part, big, card, page_of, part
from qsession_sim.report.study_rows import change_cell, difference_cell, mean_cell
from qsession_sim.report.study_view import MOST_CROSSES, Point, StudyView, view_of
from qsession_sim.report.style import diverging, text_on
from qsession_sim.report.text import Page, one_line, written

if TYPE_CHECKING:
    from qsession_sim.experiment.shown import ShownStudy

MOST_ROWS: Final = 100
"""Of tables of configurations."""

MOST_RUNS: Final = 200
"""Whose commands are shown."""

_MOST_CARDS: Final = 3
_MOST_DOTS: Final = 60
_MOST_COURSES: Final = 12
_TITLES: Final = {"compare": "Comparison", "sweep": "Sweep", "replicate": "Replications"}
_COUNTED: Final = {"cannot tell": "not told apart"}
_TEXT: Final = Page()


def study_report(study: ShownStudy) -> Report:
    """The page of a study, which is the same for a study and for one that was read back from disk.

    Raises:
        StudyError: if its files are damaged.
    """
    view = view_of(study)
    title = f"{_TITLES[view.document['kind']]} of {view.document['provenance']['scenario']}"
    head = element("header", element("h1", named(title)), element("p", *_size(view, study)))
    answers = _compared if view.baseline else _alone
    cards = (card(named(metric), *answers(view, metric)) for metric in view.metrics[:_MOST_CARDS])
    return page_of(title, head, cards, _sections(view, study), script_of("report.js"))


def _sections(view: StudyView, study: ShownStudy) -> Iterator[Part]:
    yield part("verdicts", "Verdicts" if view.baseline else "Means", *_tables(view))
    if view.axis() is not None:
        yield part("settings", "Over the setting", element("div", *_lines(view), class_="charts"))
    if len(view.paths) == 2 and (maps := list(_heats(view))):
        yield part("settings", "Over both settings", *maps)
    if len(view.names) > 1 and len(view.metrics) > 1:
        yield part("trade-off", "Trade-off", *_trade_off(view))
    if view.document["replications"] > 1:
        yield part("convergence", "Over the replications", *_convergence(view))
    yield part("repeat", "How to repeat it", *_commands(view), _runs(view, study))
    yield part("method", "How it was made", *_method(view))


def _size(view: StudyView, study: ShownStudy) -> Iterator[str]:
    runs = counted(study.runs().height, "run")
    things = counted(len(view.names), "configuration")
    replications = counted(view.document["replications"], "replication")
    yield f"{things}, {replications}, {runs}, seed {view.document['provenance']['seed']}. "
    if view.baseline is not None:
        yield joined(["The others are compared with ", element("b", named(view.label(view.baseline))), ", "])
        yield "each time on the same workload."


# numbers in words


def _mean(view: StudyView, name: str, metric: str) -> Measure:
    return mean_cell(view.estimate(name, metric), view.scale(metric), view.bounds(metric))


def _difference(view: StudyView, name: str, metric: str) -> Cell:
    return difference_cell(view.estimate(name, metric), view.scale(metric), view.bounds(metric))


def _said(cell: Cell) -> str:
    return written(cell, _TEXT)


# the answers on top


def _compared(view: StudyView, metric: str) -> Iterator[Markup]:
    """The configuration that improves a metric most, or that none does; and how many do what."""
    others = [name for name in view.names if name != view.baseline]
    verdicts = {name: view.verdict(name, metric) for name in others}
    told = [name for name in others if verdicts[name] in {"better", "higher", "lower"}]
    sign = view.direction(metric)
    differences = {name: view.rows[name, metric]["difference"] for name in told}
    sizes = {name: one * sign if sign else abs(one) for name, one in differences.items()}
    best = max(told, key=sizes.__getitem__, default=None)
    baseline = element("b", named(view.label(str(view.baseline))))
    if best is None:
        yield big("none is better" if sign else "no difference")
        better = " as better." if sign else "."
        yield element("p", "None of the others is told apart from ", baseline, better)
    else:
        yield big(view.change(best, metric) or _said(_difference(view, best, metric)))
        what = "is the best" if sign else "differs most"
        before, after = (_said(_mean(view, name, metric)) for name in (str(view.baseline), best))
        rest = f": {after}; with ", baseline, f" {before}."
        yield element("p", element("b", named(view.label(best))), f" {what}", *rest)
    found = [verdict for verdict in verdicts.values() if verdict]
    counts = ", ".join(f"{found.count(word):,} {_COUNTED.get(word, word)}" for word in dict.fromkeys(found))
    if counts:
        yield element("p", f"Of {counted(len(others), 'other')}: {counts}.", class_="sub")


def _alone(view: StudyView, metric: str) -> Iterator[Markup]:
    """The only mean, or the best and the worst of several."""
    known = [point for point in view.means(metric) if point.value is not None]
    if not known:
        yield big("-")
        yield element("p", "does not exist in any run.")
        return
    sign = view.direction(metric) or 1
    ranked = sorted(known, key=lambda point: sign * (point.value or 0.0))
    worst, best = ranked[0], ranked[-1]
    yield big(_said(Measure(best.value, None, view.scale(metric))))
    if len(known) == 1:
        text = f"is the mean of {counted(view.rows[best.name, metric]['count'], 'observation')}."
        yield element("p", text)
        return
    word = "the best mean" if view.direction(metric) else "the largest mean"
    yield element("p", f"is {word}, with ", element("b", named(view.label(best.name))), ".")
    label = element("b", named(view.label(worst.name)))
    yield element(
        "p", "At the other end ", label, f": {_said(_mean(view, worst.name, metric))}.", class_="sub"
    )


# tables with intervals


def _tables(view: StudyView) -> Iterator[Markup]:
    if view.baseline is None:
        text = f"Means with their {100 * view.document['level']:.4g} % intervals."
    else:
        text = (
            "Differences are by pairs, on the same workload; a filled point is told apart from chance, a "
            "hollow one is not. Ticks are single replications."
        )
    yield element("p", text, class_="lead")
    for number, metric in enumerate(view.metrics):
        heading = element("h3", named(metric))
        made = _table(view, metric)
        yield joined([heading, made]) if number < _MOST_CARDS else _folded(metric, made)


def _folded(title: str, *children: str) -> Markup:
    return element("details", element("summary", named(title)), *children)


def _table(view: StudyView, metric: str) -> Markup:
    """A row for each configuration: its mean, the difference, the change, a picture, and the verdict."""
    shown = view.names[:MOST_ROWS]
    points = {point.name: point for point in (view.differences if view.baseline else view.means)(metric)}
    axis, pictures = _strips(view, metric, [points.get(name) for name in shown])
    labels = Column(view.heading, tuple(named(view.label(name)) for name in shown), words=True)
    columns = [Column("mean", tuple(_mean(view, name, metric) for name in shown))]
    heading = "interval"
    if view.baseline is not None:
        columns.append(Column("difference", tuple(_difference(view, name, metric) for name in shown)))
        columns.append(Column("change", tuple(change_cell(view.estimate(name, metric)) for name in shown)))
        heading = "difference"
    unit = view.scale(metric).unit
    title = joined([f"{heading} [{unit}]" if unit else heading, axis])
    columns.append(Column(title, pictures))
    if view.baseline is not None:
        columns.append(words("verdict", (view.verdict(name, metric) for name in shown)))
    made = table(Table(labels, tuple(columns)), f"{metric} of each configuration")
    more = len(view.names) - len(shown)
    note = element("p", f"{more:,} more are in table.parquet.", class_="note") if more else ""
    return joined([made, note])


def _strips(
    view: StudyView, metric: str, points: Sequence[Point | None]
) -> tuple[Markup, tuple[Markup, ...]]:
    """What stands above the column of pictures, and the pictures."""
    divisor = view.scale(metric).divisor
    known = [point for point in points if point is not None and point.value is not None]
    values = [end for point in known for end in (point.value, point.low, point.high) if end is not None]
    values += [pair for point in known for pair in _dots(view, metric, point).values()]
    axis = axis_over([value / divisor for value in values] + ([0.0] if view.baseline else []), 0.0, 1.0)
    ends = axis.low, axis.high
    pictures = tuple(Markup() if point is None else _strip(view, metric, point, ends) for point in points)
    return strip_axis(ends), pictures


def _dots(view: StudyView, metric: str, point: Point) -> dict[int, float]:
    """By replication the differences that are shown: if there are several, but not too many."""
    pairs = {} if view.baseline is None else view.pairs(point.name, metric)
    return pairs if 1 < len(pairs) <= _MOST_DOTS else {}


def _strip(view: StudyView, metric: str, point: Point, ends: tuple[float, float]) -> Markup:
    if point.value is None:
        return Markup()
    scale = view.scale(metric)
    kind = "told" if point.told or view.baseline is None else "untold"
    cell: Cell = (_difference if view.baseline else _mean)(view, point.name, metric)
    label = one_line(f"{view.label(point.name)}: {_said(cell)}")
    dots = [
        (
            pair / scale.divisor,
            f"seed {view.seeds[number]}: {pair / scale.divisor:+.4g} {scale.unit}".rstrip(),
        )
        for number, pair in _dots(view, metric, point).items()
    ]
    mark = Mark(label, point.value / scale.divisor, 0.0, point.ends(scale.divisor), None, kind)
    return strip(mark, dots, ends, label)


# charts


def _mark(view: StudyView, metric: str, point: Point, x: float, *, kind: str = "told") -> Mark:
    divisor = view.scale(metric).divisor
    reach = point.ends(divisor)
    cell = _mean(view, point.name, metric) if view.baseline is None else _difference(view, point.name, metric)
    text = one_line(f"{view.label(point.name)}: {_said(cell) or 'baseline'}")
    return Mark(text, x, (point.value or 0.0) / divisor, None, reach, kind)


def _titled(view: StudyView, metric: str) -> str:
    """The title of a chart: the metric, that it is a difference, and the unit."""
    unit = view.scale(metric).unit
    what = metric if view.baseline is None else f"{metric}: difference to {view.label(view.baseline)}"
    return one_line(f"{what} [{unit}]" if unit else what)


def _shown(view: StudyView, metric: str) -> list[Point]:
    """Differences, the baseline at 0, or means; without what does not exist."""
    if view.baseline is None:
        points = view.means(metric)
    else:
        points = [Point(view.baseline, 0.0), *view.differences(metric)]
    return [point for point in points if point.value is not None]


def _lines(view: StudyView) -> Iterator[Markup]:
    axis = view.axis()
    if axis is None:
        return
    places = axis.places.values()
    across = f"{axis.path} [{axis.unit}]" if axis.unit else axis.path
    logarithmic = 0 < 10 * min(places) <= max(places)
    for metric in view.metrics:
        points = _shown(view, metric)
        policies = list(dict.fromkeys(view.policy(point.name) for point in points))
        series = [
            Series(
                policy if view.several_policies else "",
                [
                    _mark(view, metric, point, axis.places[point.name])
                    for point in sorted(points, key=lambda one: axis.places[one.name])
                    if view.policy(point.name) == policy
                ],
            )
            for policy in policies
        ]
        if points:
            zero = view.baseline is not None
            yield line_chart(series, across, _titled(view, metric), logarithmic=logarithmic, zero=zero)


def _heats(view: StudyView) -> Iterator[Markup]:
    """A table for each metric; cells have the colours of their values, and lines if not told from 0."""
    for number, metric in enumerate(view.metrics):
        try:
            made = _heat(view, metric)
        except FigureError:
            return
        title = element("h3", named(_titled(view, metric)))
        yield joined([title, made]) if number < _MOST_CARDS else _folded(_titled(view, metric), made)


def _heat(view: StudyView, metric: str) -> Markup:
    heat, divisor = view.heat(metric), view.scale(metric).divisor
    values = [point.value for row in heat.points for point in row if point.value is not None]
    least, most = min(values, default=0.0), max(values, default=0.0)
    largest = max(abs(least), abs(most)) or 1.0
    compared = view.baseline is not None

    def cell(point: Point) -> Markup:
        if point.value is None:
            return element("td", "-")
        share = point.value / largest if compared else -(point.value - least) / ((most - least) or 1.0)
        untold = compared and not point.told and point.name != view.baseline
        text = "0" if point.name == view.baseline else f"{point.value / divisor:.3g}"
        fill = diverging(share)
        box = element("rect", width="100%", height="100%", fill=fill)
        lines = [
            element("line", x1=f"{place}%", x2=f"{place + 25}%", y1=24, y2=0)
            for place in (range(-25, 100, 25) if untold else ())
        ]
        number = element("text", text, x="50%", y=17, text_anchor="middle", stroke=fill)
        said = f"{text}, not told from 0" if untold else text
        given = {"class_": "on-dark" if text_on(fill) == "#ffffff" else "on-light", "aria_label": said}
        return element("td", element("svg", box, *lines, number, role="img", height=24, **given))

    head = [element("th", named(value), scope="col") for value in heat.across]
    rows = [
        element("tr", element("th", named(value), scope="row"), *map(cell, points))
        for value, points in zip(heat.down, heat.points, strict=True)
    ]
    corner = element(
        "th", named(" \\ ".join(path.rpartition(".")[2] for path in reversed(view.paths))), scope="col"
    )
    caption = element("caption", f"{_titled(view, metric)} over {' and '.join(view.paths)}")
    made = element("table", caption, element("tbody", element("tr", corner, *head), *rows), class_="heat")
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label=_titled(view, metric))


def _trade_off(view: StudyView) -> Iterator[Markup]:
    """The first metric over the next two."""
    text = (
        "What no other configuration is better than in both metrics is filled and joined, if more or less of "
    )
    text += "each is better."
    crosses = " Crosses are the intervals of each metric." if len(view.names) <= MOST_CROSSES else ""
    yield element("p", text, crosses, class_="lead")
    charts = (_scatter(view, view.metrics[0], second) for second in view.metrics[1:_MOST_CARDS])
    yield element("div", *charts, class_="charts")


def _scatter(view: StudyView, metric: str, second: str) -> Markup:
    _, both, on_front = view.trade_off(metric, second)
    right, up = view.scale(second), view.scale(metric)
    marks = {}
    for one, other in both:
        kind = "base" if one.name == view.baseline else "told" if one.name in on_front else "untold"
        crosses = len(both) <= MOST_CROSSES
        ends = (one.ends(right.divisor), other.ends(up.divisor)) if crosses else (None, None)
        x, y = (one.value or 0.0) / right.divisor, (other.value or 0.0) / up.divisor
        text = f"{view.label(one.name)}: {x:.4g} {right.unit}, {y:.4g} {up.unit}"
        marks[one.name] = Mark(one_line(text), x, y, *ends, kind)
    front = sorted((marks[name] for name in on_front), key=lambda mark: mark.x)
    labels = _titled(view, second), _titled(view, metric)
    return scatter([*marks.values()], *labels, front, zero=view.baseline is not None)


def _convergence(view: StudyView) -> Iterator[Markup]:
    text = (
        "What is estimated, and its interval, after 2, 3, … replications: what still moves is not yet known."
    )
    yield element("p", text, class_="lead")
    for number, metric in enumerate(view.metrics):
        try:
            courses = [course for course in view.courses(metric) if len(course.counts)]
        except FigureError:
            continue
        divisor = view.scale(metric).divisor
        shown = courses[:_MOST_COURSES]
        low, high = view.seen(shown)
        ends = low / divisor, high / divisor
        charts = []
        for course in shown:
            columns = [
                course.counts,
                *(column / divisor for column in (course.values, course.lows, course.highs)),
            ]
            band = Band(*(column.tolist() for column in columns))
            label = one_line(
                f"{view.label(course.name)}: after {len(band.xs) + 1} replications {band.ys[-1]:.4g}, "
                f"from {band.lows[-1]:.4g} to {band.highs[-1]:.4g} {view.scale(metric).unit}"
            )
            name = one_line(view.label(course.name))
            charts.append(course_chart(name, band, ends, label, zero=view.baseline is not None))
        more = (
            f" Of {len(courses)} configurations the first {len(shown)}." if len(shown) < len(courses) else ""
        )
        made = joined(
            [element("div", *charts, class_="charts"), element("p", more, class_="note") if more else ""]
        )
        title = _titled(view, metric)
        yield joined([element("h3", named(title)), made]) if number == 0 else _folded(title, made)


# how to repeat it


def _commands(view: StudyView) -> Iterator[Markup]:
    commands = {
        (name, metric): view.rows[name, metric]["command"] for name in view.names for metric in view.metrics
    }
    different = list(dict.fromkeys(commands.values()))
    if different == [None]:
        yield element("p", "The scenario is no file, so there is no command that repeats it.")
    elif len(different) == 1:
        yield element("p", "Every row is computed again, with its differences and verdicts, by:")
        yield element("pre", element("code", different[0]))
    else:
        by_name = {name: commands[name, view.metrics[0]] for name in view.names[:MOST_ROWS]}
        labels = Column(view.heading, tuple(named(view.label(name)) for name in by_name), words=True)
        cells = tuple(element("code", command or "-") for command in by_name.values())
        yield table(Table(labels, (Column("computes the row again", cells, words=True),)), "Commands of rows")


def _runs(view: StudyView, study: ShownStudy) -> Markup:
    """Each run with its metrics and the command that repeats it."""
    runs = study.runs()
    rows = runs.head(MOST_RUNS).to_dicts()
    labels = Column(view.heading, tuple(named(view.label(row["configuration"])) for row in rows), words=True)
    columns = [
        Column("replication", tuple(Count(row["replication"], grouped=False) for row in rows)),
        Column("seed", tuple(Count(row["seed"], grouped=False) for row in rows)),
    ]
    for metric in view.metrics:
        scale = view.scale(metric)
        columns.append(Column(metric, tuple(Measure(row[metric], None, scale) for row in rows)))
    commands = tuple(element("code", row["command"] or "-") for row in rows)
    columns.append(Column("repeats the run", commands, words=True))
    more = runs.height - len(rows)
    title = f"The runs, and the command that repeats each ({runs.height:,})"
    note = element("p", f"{more:,} more are in runs.parquet.", class_="note") if more else ""
    made = table(Table(labels, tuple(columns)), "Runs")
    return _folded(
        title, element("div", made, class_="scroll", tabindex=0, role="region", aria_label="Runs"), note
    )


def _method(view: StudyView) -> Iterator[Markup]:
    for sentence in view.document["method"]:
        yield element("p", sentence)
    yield made_of(view.document["provenance"])


def made_of(provenance: Mapping[str, Any]) -> Markup:
    """Versions, digests and what was changed of the scenario."""
    lines: list[Markup] = []
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    overrides = " ".join(f"--set {setting}" for setting in provenance["overrides"])
    for name, text in (
        ("Versions", versions),
        ("Scenario", provenance["scenario"]),
        ("Changed in it", overrides),
        *((f"SHA-256 of {name}", digest) for name, digest in _digests(provenance["digests"])),
    ):
        if text:
            lines += [element("dt", name), element("dd", text)]
    return element("dl", *lines)


def _digests(digests: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, digest in digests.items():
        if isinstance(digest, Mapping):
            yield from _digests(digest, f"{before}{name} ")
        elif digest:
            yield f"{before}{name}", str(digest)

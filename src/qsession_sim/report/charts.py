"""Charts of studies as pictures on pages: axes, intervals and lines as SVG, which need no script.

All have a fixed size in pixels, which fits the narrowest screen, so that their letters are never smaller than
those of the page. What they show stands in tables, too; each mark says its numbers in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from qsession_sim.report.html import Markup, element, sign
from qsession_sim.report.text import short_name

WIDTH: Final = 360
_LEFT: Final = 52
_RIGHT: Final = 10
_TOP: Final = 8
_BOTTOM: Final = 36
_LETTER: Final = 6.2
_SERIES: Final = 5


class Mark(NamedTuple):
    """A point with the ends of its intervals, if it has any.

    `kind` is a class of `page.css`: `told`, `untold` or `base`.
    """

    text: str
    x: float
    y: float
    x_ends: tuple[float, float] | None = None
    y_ends: tuple[float, float] | None = None
    kind: str = "told"


class Series(NamedTuple):
    """Points that a line joins."""

    name: str
    marks: Sequence[Mark]


class Band(NamedTuple):
    """A line with an area around it: columns of the same length."""

    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """Where values are: between `start` and `stop` in pixels; both ends of the values may be equal."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """A value in pixels, no further away than an axis is long."""
        share = self._share(value)
        return self.start + min(max(share, -1.0), 2.0) * (self.stop - self.start)

    def _share(self, value: float) -> float:
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def marks(self, most: int) -> list[float]:
        """Round values on the axis."""
        if not self.logarithmic:
            return round_values(self.low, self.high, most)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        several = len(powers) <= 3
        values = (factor * 10.0**power for power in powers for factor in ((1, 2, 5) if several else (1,)))
        return [value for value in values if self.low <= value <= self.high]


def axis_over(
    values: Sequence[float], start: float, stop: float, *, logarithmic: bool = False, room: float = 0.06
) -> Axis:
    """An axis on which all values have a place, and a little room beside them.

    Example:
        >>> axis = axis_over([0.0, 10.0], 0.0, 100.0, room=0.1)
        >>> axis.low, axis.high, axis.place(5.0)
        (-1.0, 11.0, 50.0)
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if logarithmic:
        factor = (high / low) ** room
        return Axis(low / factor, high * factor, start, stop, logarithmic)
    if low == high:
        wide = abs(low) / 2 or 1.0
        return Axis(low - wide, high + wide, start, stop)
    return Axis(low - room * (high - low), high + room * (high - low), start, stop)


def round_values(low: float, high: float, most: int) -> list[float]:
    """At most so many multiples of 1, 2 or 5 times a power of ten.

    Example:
        >>> round_values(-3.0, 11.0, 4), round_values(0.1, 0.34, 6)
        ([0.0, 5.0, 10.0], [0.1, 0.15, 0.2, 0.25, 0.3])
    """
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    while math.floor(high / step) - math.ceil(low / step) + 1 > most:
        leading = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
        step *= 2.5 if 1.5 < leading < 3 else 2
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def written_value(value: float) -> str:
    """A round value beside an axis.

    Example:
        >>> [written_value(value) for value in (0.0, 0.25, -12.0, 250000.0)]
        ['0', '0.25', '-12', '250,000']
    """
    return f"{value:,.6g}"


# whole charts


def line_chart(
    series: Sequence[Series], across: str, up: str, *, logarithmic: bool = False, zero: bool = False
) -> Markup:
    """A line for each series, with intervals; `zero` is drawn where differences are shown."""
    marks = [mark for one in series for mark in one.marks]
    ends = [end for mark in marks for end in (mark.y, *(mark.y_ends or ()))] + ([0.0] if zero else [])
    height = 250
    x = axis_over([mark.x for mark in marks], _LEFT, WIDTH - _RIGHT, logarithmic=logarithmic)
    y = axis_over(ends, height - _BOTTOM, _TOP)
    drawn: list[str] = [*_frame(x, y, across, height), *_zero(y, x, there=zero)]
    for number, one in enumerate(series):
        drawn.append(element("g", *_line(one, x, y), class_=f"s{number % _SERIES}"))
    names = ", ".join(one.name for one in series if one.name)
    label = f"{up} over {across}{f' for {names}' if names else ''}"
    return _figure(up, _chart(drawn, height, label), [one.name for one in series])


def _line(series: Series, x: Axis, y: Axis) -> Iterator[Markup]:
    points = " ".join(f"{x.place(mark.x):.1f},{y.place(mark.y):.1f}" for mark in series.marks)
    yield element("polyline", points=points)
    for mark in series.marks:
        yield _point(mark, x, y)


def scatter(
    marks: Sequence[Mark],
    across: str,
    up: str,
    joined: Sequence[Mark],
    *,
    zero: bool,
    bound: float | None = None,
    logarithmic: bool = False,
) -> Markup:
    """Points with crosses of intervals; some of them are joined. Names stand beside them if there is room.

    Args:
        marks: the points.
        across: the label of the axis.
        up: the same.
        joined: some of the points, by a line.
        zero: whether lines show where both are 0.
        bound: across; None: there is none.
        logarithmic: the axis across.
    """
    height = 300
    xs = [end for mark in marks for end in (mark.x, *(mark.x_ends or ()))]
    ys = [end for mark in marks for end in (mark.y, *(mark.y_ends or ()))]
    xs += [bound] if bound is not None else []
    x = axis_over(xs, _LEFT, WIDTH - _RIGHT, logarithmic=logarithmic)
    y = axis_over(ys, height - _BOTTOM, _TOP)
    drawn: list[str] = [*_frame(x, y, across, height), *_zero(y, x, there=zero)]
    for value, kind in ((0.0 if zero else None, "zero"), (bound, "bound")):
        if value is not None:
            place = f"{x.place(value):.1f}"
            drawn.append(element("line", x1=place, x2=place, y1=_TOP, y2=height - _BOTTOM, class_=kind))
    points = " ".join(f"{x.place(mark.x):.1f},{y.place(mark.y):.1f}" for mark in joined)
    if len(joined) > 1:
        drawn.append(element("polyline", points=points, class_="joined"))
    drawn += [_point(mark, x, y) for mark in marks]
    drawn += _names(marks, x, y)
    return _figure(up, _chart(drawn, height, f"{up} over {across}"), ())


_MOST_NAMES: Final = 8
_APART: Final = 13


def _names(marks: Sequence[Mark], x: Axis, y: Axis) -> Iterator[Markup]:
    """Each a little away from those before it; none where there are too many."""
    taken: list[tuple[float, float]] = []
    for mark in marks if len(marks) <= _MOST_NAMES else ():
        name = short_name(mark.text.partition(":")[0], "…", 24)
        left = x.place(mark.x) < (x.start + x.stop) / 2
        place, height = x.place(mark.x) + (7 if left else -7), y.place(mark.y) - 6
        while any(abs(height - other) < _APART and abs(place - at) < WIDTH / 2 for at, other in taken):
            height += _APART
        taken.append((place, height))
        yield element("text", name, x=f"{place:.1f}", y=f"{height:.1f}", text_anchor=None if left else "end")


def course_chart(name: str, band: Band, bounds: tuple[float, float], label: str, *, zero: bool) -> Markup:
    """A small chart: an estimate and its interval over the number of replications."""
    height, width, bottom = 120, 230, 24
    x = Axis(band.xs[0], max(band.xs[-1], band.xs[0] + 1), _LEFT, width - _RIGHT)
    y = axis_over(bounds, height - bottom, _TOP)
    edge = [f"{x.place(at):.1f},{y.place(low):.1f}" for at, low in zip(band.xs, band.lows, strict=True)]
    back = [f"{x.place(at):.1f},{y.place(high):.1f}" for at, high in zip(band.xs, band.highs, strict=True)]
    line = [f"{x.place(at):.1f},{y.place(value):.1f}" for at, value in zip(band.xs, band.ys, strict=True)]
    inner = {"x": _LEFT, "y": _TOP, "width": width - _RIGHT - _LEFT, "height": height - bottom - _TOP}
    band_and_line = element(
        "g",
        element("polygon", points=" ".join((*edge, *reversed(back))), class_="band"),
        element("polyline", points=" ".join(line)),
        class_="s0",
    )
    window = element("svg", band_and_line, viewBox=" ".join(map(str, inner.values())), **inner)
    drawn = [*_frame(x, y, "", height, bottom, few=True), *_zero(y, x, there=zero), window]
    return _figure(name, _chart(drawn, height, label, width), ())


def strip(mark: Mark, dots: Sequence[tuple[float, str]], axis: tuple[float, float], label: str) -> Markup:
    """An interval on an axis that the rows of a table share, with a tick for each replication.

    Args:
        mark: of the row; its place is `x`.
        dots: values and what they are in words.
        axis: both ends of the axis.
        label: the interval in words.
    """
    x = Axis(axis[0], axis[1], 2, 198)
    zero = x.place(0.0)
    ticks = [element("g", element("title", text), _tick(x.place(value))) for value, text in dots]
    low, high = mark.x_ends or (mark.x, mark.x)
    line = element("line", x1=f"{x.place(low):.1f}", x2=f"{x.place(high):.1f}", y1=11, y2=11, class_="reach")
    point = element("circle", cx=f"{x.place(mark.x):.1f}", cy=11, r=4)
    return element(
        "svg",
        element("line", x1=f"{zero:.1f}", x2=f"{zero:.1f}", y1=0, y2=22, class_="zero")
        if 0 < zero < 200
        else "",
        element("g", *ticks, class_=f"dots {mark.kind}"),
        element("g", line, point, class_=mark.kind),
        class_="forest",
        viewBox="0 0 200 22",
        role="img",
        aria_label=label,
    )


def _tick(place: float) -> Markup:
    return element("line", x1=f"{place:.1f}", x2=f"{place:.1f}", y1=5, y2=17)


def strip_axis(axis: tuple[float, float]) -> Markup:
    """The axis above such a column."""
    x = Axis(axis[0], axis[1], 2, 198)
    drawn = []
    for value in x.marks(4):
        text = written_value(value)
        half = len(text) * _LETTER / 2
        if half <= x.place(value) <= 200 - half:
            drawn.append(element("text", text, x=f"{x.place(value):.1f}", y=11, text_anchor="middle"))
    return element("svg", *drawn, class_="forest", viewBox="0 0 200 15", aria_hidden="true")


def _point(mark: Mark, x: Axis, y: Axis) -> Markup:
    """A circle with its intervals, which says what it is."""
    at, height = f"{x.place(mark.x):.1f}", f"{y.place(mark.y):.1f}"
    drawn = [element("title", mark.text)]
    if mark.x_ends is not None:
        low, high = (f"{x.place(end):.1f}" for end in mark.x_ends)
        drawn.append(element("line", x1=low, x2=high, y1=height, y2=height, class_="reach"))
    if mark.y_ends is not None:
        low, high = (f"{y.place(end):.1f}" for end in mark.y_ends)
        drawn.append(element("line", x1=at, x2=at, y1=low, y2=high, class_="reach"))
    drawn.append(element("circle", cx=at, cy=height, r=3.5))
    return element("g", *drawn, class_=mark.kind)


def _frame(
    x: Axis, y: Axis, across: str, height: int, bottom: int = _BOTTOM, *, few: bool = False
) -> Iterator[Markup]:
    """Grid lines and what stands beside the axes."""
    for value in y.marks(3 if few else 5):
        place = y.place(value)
        yield element("line", x1=x.start, x2=x.stop, y1=f"{place:.1f}", y2=f"{place:.1f}", class_="grid")
        yield element("text", written_value(value), x=_LEFT - 6, y=f"{place + 4:.1f}", text_anchor="end")
    foot = height - bottom
    yield element("line", x1=x.start, x2=x.stop, y1=foot, y2=foot, class_="axis-line")
    taken = -1.0
    for value in x.marks(3) if few else x.marks(6):
        if few and value != round(value):  # there are no halves of replications
            continue
        text, place = written_value(value), x.place(value)
        half = len(text) * _LETTER / 2
        if place - half > taken and place + half <= x.stop + _RIGHT:
            yield element(
                "line", x1=f"{place:.1f}", x2=f"{place:.1f}", y1=foot, y2=foot + 4, class_="axis-line"
            )
            yield element("text", text, x=f"{place:.1f}", y=foot + 15, text_anchor="middle")
            taken = place + half + _LETTER
    if across:
        name = short_name(across, "…", 48)
        yield element("text", name, x=(x.start + x.stop) / 2, y=height - 4, text_anchor="middle", class_="of")


def _zero(y: Axis, x: Axis, *, there: bool) -> Iterator[Markup]:
    if there:
        place = f"{y.place(0.0):.1f}"
        yield element("line", x1=x.start, x2=x.stop, y1=place, y2=place, class_="zero")


def _chart(drawn: Sequence[str], height: int, label: str, width: int = WIDTH) -> Markup:
    return element(
        "svg",
        *drawn,
        class_="chart",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=label,
    )


def _figure(title: str, chart: Markup, names: Sequence[str]) -> Markup:
    """A chart under its title, and the key of its lines if there are several."""
    keys: list[str] = []
    if len(names) > 1:
        lines = [
            element("li", sign(element("path", d="M0 6H12"), f"s{n % _SERIES}"), name)
            for n, name in enumerate(names)
        ]
        keys = [element("ul", *lines, class_="key")]
    return element("figure", element("figcaption", title), chart, *keys)

"""Figures of runs; needs matplotlib, which `figures` looks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.collections import PatchCollection
from matplotlib.patches import Patch, Rectangle

from qsession_sim.queueing.statistics import percentiles
from qsession_sim.report.drawing import canvas, plain
from qsession_sim.report.rows import counted
from qsession_sim.report.run_facts import Facts, Group
from qsession_sim.report.style import COLUMN_INCHES, LIGHT, PAGE_INCHES, SERIES, text_on
from qsession_sim.report.timeline import (
    GLYPHS,
    KINDS,
    Ticks,
    Timeline,
    highest,
    open_sessions,
    timeline_of,
    where,
)
from qsession_sim.results.waits import PARTS
from qsession_sim.units import DAY, HOUR, MINUTE, SECOND

_WORDS: Final = {
    "job_mode": "job mode",
    "session": "sessions",
    "batch": "batches",
    "held": "held, idle",
    "preparing": "preparing",
    "down": "down",
    "reserved": "reserved",
    "free": "free",
}
_HATCH: Final[Mapping[str, Any]] = {"hatch": "//////", "edgecolor": LIGHT.page, "linewidth": 0}
"""Of what is held: it stands out on paper without colours, too."""
_MOST_ROWS: Final = 20
_MOST_LANES: Final = 24
_STRETCHES_PER_INCH: Final = 60
"""Of more, columns with the shares of each kind are drawn, so many an inch."""
_LETTERS: Final = 16
_ROW_INCHES: Final = 0.22
_UNITS: Final = (("d", DAY, 3), ("h", HOUR, 2), ("min", MINUTE, 5), ("s", SECOND, 0))
"""Of axes with time: from how many on a unit is used."""


def draw(run: Any, kind: str, ax: Any, width: float | None) -> Any:
    """Draw a figure of a kind of `figures.RUN_KINDS`."""
    painters: Mapping[str, Callable[..., Any]] = {
        "timeline": _timeline,
        "waiting": _waiting,
        "why": _why,
        "sessions": _sessions,
        "queue": _queue,
    }
    inches = (PAGE_INCHES if kind in {"timeline", "queue"} else COLUMN_INCHES) if width is None else width
    return painters[kind](Facts(run), ax, inches)


def _unit_of(longest_us: float) -> tuple[str, int]:
    """The unit in which an axis up to a time can be read."""
    return next((unit, unit_us) for unit, unit_us, least in _UNITS if longest_us >= least * unit_us)


def _columns_of(axes: Any) -> int:
    """Of how many columns of time a figure has room for."""
    width: float = axes.figure.get_size_inches()[0]
    return max(round(width * _STRETCHES_PER_INCH), 60)


def _of(facts: Facts) -> Timeline:
    return timeline_of(facts.run, int(facts.summary["end_us"]))


def _empty(axes: Any, text: str) -> None:
    """Say why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=LIGHT.muted)


# what each QPU did, and the lives of sessions


def _timeline(facts: Facts, ax: Any, inches: float) -> Any:
    """A strip for what each QPU did, and a lane for each session, or how many there were at once."""
    timeline = _of(facts)
    rows = list(_rows(timeline))
    lines = max(sum(height for _, height, _ in rows), 3)
    with canvas(ax, inches, 0.7 + _ROW_INCHES * lines) as (figure, axes):
        figure.set_label(f"timeline of {facts.title}")
        if timeline.end == 0 or not rows:
            _empty(axes, "nothing happened on a QPU")
            return figure
        unit, unit_us = _unit_of(timeline.end * timeline.unit_us)
        scale = timeline.unit_us / unit_us
        place, ticks, labels = 0.0, [], []
        for label, height, paint in rows:
            paint(axes, place, height, scale)
            ticks.append(place + height / 2)
            labels.append(label)
            place += height
        axes.set(xlim=(0, timeline.end * scale), ylim=(place, 0), xlabel=f"time [{unit}]")
        axes.set_yticks(ticks, labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        _key(axes, timeline)
    return figure


_Paint = Callable[[Any, float, float, float], None]


def _rows(timeline: Timeline) -> Iterator[tuple[str, float, _Paint]]:
    """The label of each row, its height in rows, and what draws it at a place."""
    for qpu, name in enumerate(timeline.qpus):
        mine = where(timeline.segments, timeline.segments["qpu"] == qpu)
        yield plain(name, _LETTERS), 1.6, partial(_paint_strip, timeline, mine)
    count = len(timeline.session_names)
    if count > _MOST_LANES:
        yield f"{count:,} sessions\nat once", 3.0, partial(_paint_open, timeline)
    else:
        for number, name in enumerate(timeline.session_names):
            yield plain(name, _LETTERS), 1.0, partial(_paint_lane, timeline, number)


def _paint_strip(
    timeline: Timeline, segments: Mapping[str, Ticks], axes: Any, place: float, height: float, scale: float
) -> None:
    """What a QPU did: its stretches, or, if they are too many, the share of each kind in columns of time."""
    top, high = place + 0.12, height - 0.24
    columns = _columns_of(axes)
    if len(segments["start"]) <= columns:
        for number, kind in enumerate(KINDS):
            mine = where(segments, segments["kind"] == number)
            edges = zip(mine["start"] * scale, mine["duration"] * scale, strict=True)
            _fill(axes, kind, [Rectangle((start, top), wide, high) for start, wide in edges])
        return
    bounds = np.linspace(0, timeline.end, columns + 1)
    ends = segments["start"] + segments["duration"]
    of_kind = [segments["kind"] == number for number in range(len(KINDS))]
    shares = np.stack([_average(segments["start"][mine], ends[mine], bounds) for mine in of_kind], axis=1)
    before = np.cumsum(shares, axis=1) - shares
    wide = bounds[1] * scale
    for number, kind in enumerate(KINDS):
        parts = zip(bounds[:-1] * scale, before[:, number], shares[:, number], strict=True)
        _fill(
            axes,
            kind,
            [
                Rectangle((start, top + high * (1 - below - share)), wide, high * share)
                for start, below, share in parts
                if share > 0
            ],
            hatched=False,
        )


def _fill(axes: Any, kind: str, boxes: Sequence[Rectangle], *, hatched: bool = True) -> None:
    if boxes:
        look: dict[str, Any] = {"facecolor": LIGHT.fills[kind], "linewidth": 0}
        if kind == "held" and hatched:
            look |= _HATCH
        axes.add_collection(PatchCollection(boxes, match_original=False, **look), autolim=False)


def _paint_lane(
    timeline: Timeline, number: int, axes: Any, place: float, height: float, scale: float
) -> None:
    """The life of a session: open, its jobs wait, they run, it holds the QPU; and what happened to it."""
    middle = place + height / 2
    begin, until = (int(timeline.sessions[name][number]) * scale for name in ("created", "closed"))
    dotted = {"color": LIGHT.waiting, "linewidth": 0.6, "linestyle": ":", "zorder": 0.5}
    axes.plot([begin, until], [middle, middle], **dotted)
    waits = where(timeline.waits, timeline.waits["session"] == number)
    boxes = zip(waits["start"] * scale, waits["duration"] * scale, strict=True)
    thin = [Rectangle((start, middle - 0.1), wide, 0.2) for start, wide in boxes]
    axes.add_collection(PatchCollection(thin, facecolor=LIGHT.waiting, linewidth=0), autolim=False)
    mine = where(timeline.segments, timeline.segments["session"] == number)
    _paint_strip(timeline, mine, axes, place, height, scale)
    words = list(GLYPHS)
    marks = where(timeline.marks, timeline.marks["session"] == number)
    for time, word in zip((marks["time"] * scale).tolist(), marks["word"].tolist(), strict=True):
        sign = _SIGNS[GLYPHS[words[word]]]
        look: dict[str, Any] = {"markeredgecolor": LIGHT.page, "markeredgewidth": 0.5, "markersize": 5}
        if sign == "|":
            look = {"markeredgecolor": LIGHT.alert, "markeredgewidth": 1.5, "markersize": 7}
        axes.plot([time], [middle], marker=sign, color=LIGHT.ink, zorder=4, **look)


_SIGNS: Final = {"◆": "D", "✕": "X", "▼": "v", "ended": "|"}


def _paint_open(timeline: Timeline, axes: Any, place: float, height: float, scale: float) -> None:
    """How many sessions have their QPU, and how many are open without it, as averages of columns of time."""
    columns = _columns_of(axes)
    bounds = np.linspace(0, timeline.end, columns + 1)
    open_ = _average(timeline.sessions["created"], timeline.sessions["closed"], bounds)
    owned = where(timeline.segments, timeline.segments["session"] >= 0)
    ends = owned["start"] + owned["duration"]
    top = max(int(open_sessions(timeline)[1].max(initial=0)), 1)
    bottom, high = place + height - 0.1, height - 0.3
    levels = bottom - high * open_ / top
    axes.fill_between(bounds[:-1] * scale, levels, bottom, step="post", color=LIGHT.rule, linewidth=0)
    below = np.zeros(columns)
    for number, kind in enumerate(KINDS):
        mine = owned["kind"] == number
        having = _average(owned["start"][mine], ends[mine], bounds)
        if having.any():
            start, stop = (bottom - high * level / top for level in (below, below + having))
            given = {"step": "post", "color": LIGHT.fills[kind], "linewidth": 0}
            axes.fill_between(bounds[:-1] * scale, start, stop, **given)
            below = below + having
    axes.text(0, place + 0.05, f"  at most {top:,} open", va="top", color=LIGHT.muted)


def _average(starts: Ticks, ends: Ticks, bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many of several stretches there are, on average in each part of time."""

    def before(times: Ticks) -> npt.NDArray[np.float64]:
        """The time from each of the instants up to each bound, summed."""
        order = np.sort(times)
        sums = np.append(0, np.cumsum(order))
        count = np.searchsorted(order, bounds)
        after: npt.NDArray[np.float64] = count * bounds - sums[count]
        return after

    averages: npt.NDArray[np.float64] = np.diff(before(starts) - before(ends)) / np.diff(bounds)
    return averages


def _key(axes: Any, timeline: Timeline) -> None:
    """What the colours are, of those that occur."""
    there = set(np.unique(timeline.segments["kind"]).tolist())
    patches = []
    for number, kind in enumerate(KINDS):
        if number in there:
            look = _HATCH if kind == "held" else {}
            patches.append(Patch(facecolor=LIGHT.fills[kind], label=_WORDS[kind], **look))
    axes.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=len(patches),
        borderaxespad=0.2,
        handlelength=1,
        handleheight=1,
        columnspacing=1,
    )


# who waited, and why


def _groups(facts: Facts) -> tuple[list[Group], str]:
    """The groups that are shown, and what tells them apart."""
    shown = facts.groups[:_MOST_ROWS]
    word = {"stream": "source", "account": "account", "mode": "mode"}[facts.grouping]
    more = len(facts.groups) - len(shown)
    return shown, f"{word} ({counted(more, 'other')} not shown)" if more else word


_BAR: Final[Mapping[str, Any]] = {"linestyle": "", "markeredgewidth": 1.5}


def _waiting(facts: Facts, ax: Any, inches: float) -> Any:
    """Of each group the shortest and longest wait, the middle half, the median and the 95th percentile."""
    groups, word = _groups(facts)
    with canvas(ax, inches, 0.75 + _ROW_INCHES * max(len(groups), 3)) as (figure, axes):
        figure.set_label(f"waiting times of {facts.title}")
        if not groups:
            _empty(axes, "no job started")
            return figure
        unit, unit_us = _unit_of(max(int(group.waiting_us[-1]) for group in groups))
        for row, group in enumerate(groups):
            least, low, middle, high, tail, most = (
                percentiles(group.waiting_us, [0, 25, 50, 75, 95, 100])[n] / unit_us for n in range(6)
            )
            axes.plot([least, most], [row, row], color=LIGHT.waiting, linewidth=1, solid_capstyle="butt")
            axes.plot([low, high], [row, row], color=LIGHT.waiting, linewidth=5, solid_capstyle="butt")
            for value, colour, size in ((tail, LIGHT.alert, 10), (middle, LIGHT.ink, 7)):
                axes.plot([value], [row], marker="|", markersize=size, color=colour, **_BAR)
        for colour, label in ((LIGHT.ink, "median"), (LIGHT.alert, "95 %")):
            axes.plot([], [], marker="|", markersize=7, color=colour, label=label, **_BAR)
        _name(axes, [group.name for group in groups], word, _letters(inches))
        axes.set(xlabel=f"waiting time [{unit}]")
        if max(int(group.waiting_us[-1]) for group in groups) > 0:
            axes.set_xscale("symlog", linthresh=_linear(groups, unit_us))
            axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlim(left=0)
        _legend_above(axes, 2)
    return figure


def _linear(groups: Sequence[Group], unit_us: int) -> float:
    """Below this the axis is linear: a power of ten near the smallest median that is not 0."""
    medians = [percentiles(group.waiting_us, [50])[0] for group in groups]
    smallest = min((median for median in medians if median > 0), default=unit_us) / unit_us
    return float(10.0 ** min(max(round(np.log10(smallest)), -3), 0))


def _name(axes: Any, names: Sequence[str], word: str, longest: int) -> None:
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [plain(name, longest) for name in names])
    axes.set_ylabel(word)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _letters(inches: float) -> int:
    """Of names of groups in a figure so wide."""
    return max(round(inches * 5), 12)


def _legend_above(axes: Any, columns: int) -> None:
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=0.9,
        columnspacing=0.9,
        handletextpad=0.5,
    )


_LEAST_WITH_NUMBER: Final = 0.11


def _why(facts: Facts, ax: Any, inches: float) -> Any:
    """Of each group, and of all, what its QPU did while its jobs waited, as shares."""
    groups, word = _groups(facts)
    shown = [*groups, *([facts.all] if len(groups) > 1 else [])]
    with canvas(ax, inches, 0.95 + _ROW_INCHES * max(len(shown), 3)) as (figure, axes):
        figure.set_label(f"what QPUs did while jobs of {facts.title} waited")
        if not any(sum(group.parts_us) for group in shown):
            _empty(axes, "nobody waited")
            return figure
        used = [part for number, part in enumerate(PARTS) if any(group.parts_us[number] for group in shown)]
        for part in used:
            look = _HATCH if part == "held" else {}
            axes.barh([0], [0], color=LIGHT.fills[part], label=_WORDS[part], **look)
        for row, group in enumerate(shown):
            _stack(axes, row, dict(zip(PARTS, group.parts_us, strict=True)))
        _name(axes, [group.name for group in shown], word, _letters(inches))
        axes.set(xlim=(0, 1), xlabel="share of the waiting time")
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        _legend_above(axes, min(4, len(used)) if inches < PAGE_INCHES else len(used))
    return figure


def _stack(axes: Any, row: int, parts_us: Mapping[str, int]) -> None:
    total, left = sum(parts_us.values()), 0.0
    for part, part_us in parts_us.items():
        if not part_us:
            continue
        share = part_us / total
        look = _HATCH if part == "held" else {}
        axes.barh([row], [share], left=[left], height=0.7, color=LIGHT.fills[part], **look)
        if share >= _LEAST_WITH_NUMBER:
            fill = LIGHT.fills[part]
            box = {"facecolor": fill, "edgecolor": "none", "pad": 0.6} if part == "held" else None
            given = {"ha": "center", "va": "center", "fontsize": 7, "bbox": box}
            axes.text(left + share / 2, row, f"{100 * share:.0f} %", color=text_on(fill), **given)
        left += share


# what sessions cost


def _sessions(facts: Facts, ax: Any, inches: float) -> Any:
    """The sessions with the largest usage: how long their jobs ran in it, and how long they held the QPU."""
    sessions = facts.sessions.sort("usage_us", descending=True, maintain_order=True).head(_MOST_ROWS)
    with canvas(ax, inches, 0.95 + _ROW_INCHES * max(sessions.height, 3)) as (figure, axes):
        figure.set_label(f"what sessions of {facts.title} cost")
        if not sessions.height:
            _empty(axes, "no session was opened")
            return figure
        used = sessions["usage_us"].to_numpy()
        unit, unit_us = _unit_of(max(int(used.max()), 1))
        ran, held = (np.minimum(sessions[name].to_numpy(), used) for name in ("ran_us", "held_us"))
        modes = sessions["mode"].cast(str).to_numpy()
        left = np.zeros(len(used))
        parts: tuple[tuple[str, Any, str, Mapping[str, Any]], ...] = (
            ("jobs of sessions", np.where(modes == "session", ran, 0), LIGHT.fills["session"], {}),
            ("jobs of batches", np.where(modes == "batch", ran, 0), LIGHT.fills["batch"], {}),
            ("held, idle", held, LIGHT.fills["held"], _HATCH),
            ("others, or down", np.maximum(used - ran - held, 0), LIGHT.waiting, {}),
        )
        for label, values, colour, look in parts:
            if values.any():
                bars = {"left": left / unit_us, "height": 0.7, "color": colour, "label": label}
                axes.barh(range(len(used)), values / unit_us, **bars, **look)
            left = left + values
        more = facts.sessions.height - sessions.height
        word = f"session ({counted(more, 'other')} not shown)" if more else "session"
        _name(axes, sessions["session"].to_list(), word, _LETTERS)
        axes.set(xlabel=f"usage [{unit}]")
        if axes.get_legend_handles_labels()[0]:
            _legend_above(axes, 4 if inches >= PAGE_INCHES else 2)
    return figure


# how many wait


def _queue(facts: Facts, ax: Any, inches: float) -> Any:
    """How many jobs wait for each QPU; of many changes the average, with the largest as a lighter area."""
    timeline = _of(facts)
    with canvas(ax, inches, 2.0) as (figure, axes):
        figure.set_label(f"queue lengths of {facts.title}")
        if timeline.end == 0 or not timeline.qpus:
            _empty(axes, "nobody could wait")
            return figure
        unit, unit_us = _unit_of(timeline.end * timeline.unit_us)
        scale = timeline.unit_us / unit_us
        columns = _columns_of(axes)
        for qpu, name in enumerate(timeline.qpus):
            mine = where(timeline.queue, timeline.queue["qpu"] == qpu)
            colour = SERIES[qpu % len(SERIES)]
            given = {"color": colour, "linewidth": 0.9, "label": plain(name, _LETTERS)}
            if len(mine["time"]) <= columns:
                times = np.append(mine["time"], timeline.end) * scale
                axes.step(times, np.append(mine["queued"], mine["queued"][-1]), where="post", **given)
                continue
            peaks = highest(mine, -(-timeline.end // columns))
            times = np.append(peaks["time"], timeline.end) * scale
            most = np.append(peaks["queued"], peaks["queued"][-1])
            axes.fill_between(times, 0, most, step="post", color=colour, alpha=0.25, linewidth=0)
            bounds = np.linspace(0, timeline.end, columns + 1)
            axes.step(bounds * scale, _means(mine, timeline.end, bounds), where="post", **given)
        axes.set(xlim=(0, timeline.end * scale), xlabel=f"time [{unit}]", ylabel="jobs that wait")
        axes.set_ylim(bottom=0)
        axes.yaxis.get_major_locator().set_params(integer=True)
        if len(timeline.qpus) > 1:
            _legend_above(axes, min(len(timeline.qpus), 5))
    return figure


def _means(queue: Mapping[str, Ticks], end: int, bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The average length in each part of time, the last one twice, as steps need it."""
    times = np.append(queue["time"], end)
    sums = np.append(0, np.cumsum(queue["queued"] * np.diff(times)))
    means = np.diff(np.interp(bounds, times, sums)) / np.diff(bounds)
    return np.append(means, means[-1])

"""The timeline of a run as a picture that needs no script: on paper, and where scripts are forbidden.

Pictures are as wide as the page, so places are shares of the width: of a box of 1000 units that is stretched,
or, for letters, which must not be, percentages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.report.html import Markup, element, joined, named
from qsession_sim.report.rows import counted
from qsession_sim.report.text import MARKS_US, readable_duration, short_name
from qsession_sim.report.timeline import GLYPHS, KINDS, Ticks, Timeline, highest, open_sessions, where
from qsession_sim.units import DAY, SECOND

_BOX: Final = 1000
_BINS: Final = 250
_LANE_BINS: Final = 100
_MOST_LANES: Final = 40
_MOST_TICKS: Final = 8


def still_picture(timeline: Timeline) -> Markup:
    """A row for what each QPU did, one for its queue, one for each session, or one for all; and the time."""
    if timeline.end == 0:
        return Markup()
    label = "What QPUs did, how many jobs were queued, and sessions, over the time of the run"
    return element("div", *_rows(timeline), class_="still", role="group", aria_label=label)


def _rows(timeline: Timeline) -> Iterator[Markup]:
    segments, queue = timeline.segments, timeline.queue
    for qpu, name in enumerate(timeline.qpus):
        yield from _row(named(name), _strip(timeline, where(segments, segments["qpu"] == qpu), 44))
        mine = where(queue, queue["qpu"] == qpu)
        longest = int(mine["queued"].max(initial=0))
        label = joined(["queued", element("small", f"max {longest:,}")])
        yield from _row(label, _queue(timeline, mine, longest))
    count = len(timeline.session_names)
    if count <= _MOST_LANES:
        for number, name in enumerate(timeline.session_names):
            yield from _row(named(short_name(name, "…", 24)), _session(timeline, number))
    else:
        label = joined(["open", element("small", f"of {counted(count, 'session')}")])
        yield from _row(label, _open_sessions(timeline))
    yield element("div")
    yield element("svg", *_axis(timeline), class_="axis", height=16, aria_hidden="true")


def _row(label: str, picture: Markup) -> Iterator[Markup]:
    yield element("div", label)
    yield picture


def _boxed(height: int, *children: Markup, name: str | None = None) -> Markup:
    return element(
        "svg",
        *children,
        class_=name,
        viewBox=f"0 0 {_BOX} {height}",
        preserveAspectRatio="none",
        width="100%",
        height=height,
        aria_hidden="true",
    )


def _strip(
    timeline: Timeline,
    segments: Mapping[str, Ticks],
    height: int,
    bins: int = _BINS,
    name: str | None = "uses",
) -> Markup:
    """Exact if there are few segments, else the shares of each of equal parts of the run."""
    if len(segments["start"]) <= bins:
        edges = np.stack((segments["start"], segments["start"] + segments["duration"]))
        shares = (segments["kind"][:, None] == np.arange(len(KINDS))).astype(np.float64)
    else:
        bounds = np.linspace(0, timeline.end, bins + 1)
        edges = np.stack((bounds[:-1], bounds[1:]))
        shares = _shares(segments, bounds)
    return _boxed(height, *_stacked(edges * (_BOX / timeline.end), shares, height), name=name)


def _shares(segments: Mapping[str, Ticks], bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The part of each bin in which something of each kind is, shape (bins, kinds)."""
    start, duration, kind = segments["start"], segments["duration"], segments["kind"]
    knots = np.stack((start, start + duration), axis=1).ravel()
    inside = np.zeros((len(bounds), len(KINDS)))
    for number in range(len(KINDS)):
        total = np.cumsum(np.where(kind == number, duration, 0))
        before = np.stack((np.append(0, total[:-1]), total), axis=1).ravel()
        inside[:, number] = np.interp(bounds, knots, before)
    return np.diff(inside, axis=0) / np.diff(bounds)[:, None]


def _stacked(
    edges: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], height: int
) -> Iterator[Markup]:
    """A path for each kind but `free`, which is the background; of height by share, from below."""
    upper = height * (1 - np.cumsum(shares, axis=1))
    for number, kind in enumerate(KINDS[:-1]):
        places = zip(*edges, upper[:, number], height * shares[:, number], strict=True)
        path = "".join(
            f"M{left:.1f} {top:.1f}h{right - left:.1f}v{tall:.1f}h{left - right:.1f}z"
            for left, right, top, tall in places
            if tall >= 0.05
        )
        if path:
            yield element("path", class_=f"f-{kind}", d=path.replace(".0", ""))


def _queue(timeline: Timeline, queue: Mapping[str, Ticks], longest: int) -> Markup:
    height = 40
    if not longest:
        return _boxed(height, name="queue")
    if len(queue["time"]) > _BINS:
        queue = highest(queue, -(-timeline.end // _BINS))
    places = queue["time"] * (_BOX / timeline.end)
    levels = height * (1 - queue["queued"] / longest)
    steps = "".join(f"H{place:.1f}V{level:.1f}" for place, level in zip(places, levels, strict=True))
    path = f"M0 {height}{steps}H{_BOX}V{height}z".replace(".0", "")
    return _boxed(height, element("path", class_="l-waiting", d=path), name="queue")


def _session(timeline: Timeline, number: int) -> Markup:
    """When it is open, when its jobs wait and run, when it holds the QPU, and what happened to it."""
    height, scale = 16, _BOX / timeline.end
    sessions, waits, marks, segments = timeline.sessions, timeline.waits, timeline.marks, timeline.segments
    begin, until = (int(sessions[name][number]) * scale for name in ("created", "closed"))
    drawn = [element("path", class_="l-open", d=f"M{begin:.1f} 8H{until:.1f}")]
    mine = where(waits, waits["session"] == number)
    for start, duration in zip(mine["start"], mine["duration"], strict=True):
        rect = {"x": f"{start * scale:.1f}", "width": f"{max(duration * scale, 0.5):.1f}"}
        drawn.append(element("rect", class_="l-waiting", y=6, height=4, **rect))
    strip = _strip(timeline, where(segments, segments["session"] == number), height, _LANE_BINS, None)
    mine = where(marks, marks["session"] == number)
    words = list(GLYPHS)
    signs = (
        _sign(words[word], 100 * time / timeline.end)
        for time, word in zip(mine["time"].tolist(), mine["word"].tolist(), strict=True)
    )
    return element(
        "svg", _boxed(height, *drawn), strip, *signs, class_="lane", height=height, aria_hidden="true"
    )


def _sign(word: str, place: float) -> Markup:
    glyph, x = GLYPHS[word], f"{place:.2f}%"
    if glyph == "ended":
        return element("line", class_=glyph, x1=x, x2=x, y1=0, y2=16)
    return element("text", glyph, x=x, y=12, text_anchor="middle")


def _open_sessions(timeline: Timeline) -> Markup:
    """How many sessions are open at once, the largest number of each part of the run."""
    time, open_ = open_sessions(timeline)
    return _queue(timeline, {"qpu": np.zeros_like(time), "time": time, "queued": open_}, int(open_.max()))


def _axis(timeline: Timeline) -> Iterator[Markup]:
    end_us = timeline.end * timeline.unit_us
    days = max(1, -(-end_us // (_MOST_TICKS * DAY))) * DAY
    step_us = next((step for step in MARKS_US if end_us <= _MOST_TICKS * step), days)
    if end_us < SECOND:
        step_us = max(1, end_us // _MOST_TICKS)
    for time_us in range(0, end_us, step_us):
        if time_us <= 0.93 * end_us:
            place = f"{100 * time_us / end_us:.2f}%"
            yield element("text", readable_duration(time_us), x=place, y=12)

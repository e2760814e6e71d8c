"""How pictures of runs and studies look, pages and figures alike: colours as data, sizes, settings.

The colours of what a QPU does differ for everybody: the smallest difference between two of them is at least
10 (Euclidean distance in OKLab, times 100) for normal sight and for people without the first, second or third
kind of cones. Text on them and on the page has a contrast of at least 4.5, as WCAG 2 asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True)
class Theme:
    """Colours as `#rrggbb`.

    Attributes:
        fills: what a QPU does, by the words of `results.waits.PARTS`; the order is that of legends.
        page: the background.
        panel: the background of what stands out, such as cards.
        ink: text.
        muted: text that is less important.
        rule: thin lines between rows, grids.
        link: links, and what can be pressed.
        alert: what went wrong or was ended, such as `max_time` and missed bounds.
        waiting: lines of jobs and sessions that wait, areas of queue lengths.
    """

    fills: Mapping[str, str]
    page: str
    panel: str
    ink: str
    muted: str
    rule: str
    link: str
    alert: str
    waiting: str


LIGHT: Final = Theme(
    fills=MappingProxyType(
        {
            "job_mode": "#2a46a7",
            "session": "#357f4b",
            "batch": "#b962d3",
            "held": "#f99c07",
            "preparing": "#74c6fc",
            "down": "#2e3339",
            "reserved": "#92a79a",
            "free": "#e7ebef",
        }
    ),
    page="#ffffff",
    panel="#f6f8fa",
    ink="#1b1f24",
    muted="#57606a",
    rule="#d8dee4",
    link="#0b57b0",
    alert="#c0262d",
    waiting="#8c959f",
)

DARK: Final = Theme(
    fills=MappingProxyType(
        {
            "job_mode": "#3b8fe8",
            "session": "#2fd3b5",
            "batch": "#c9749f",
            "held": "#f4c542",
            "preparing": "#e4f0ff",
            "down": "#5d636a",
            "reserved": "#98a637",
            "free": "#232b35",
        }
    ),
    page="#0f1419",
    panel="#171e26",
    ink="#e6edf3",
    muted="#9aa5b1",
    rule="#2f3742",
    link="#6cb6ff",
    alert="#ff7b72",
    waiting="#8b949e",
)

TEXTS_ON_FILLS: Final = ("#ffffff", "#000000")
"""Black and white: whatever the fill, the contrast of one of them is at least sqrt(21) = 4.58."""

SERIES: Final = tuple(LIGHT.fills[name] for name in ("job_mode", "held", "batch", "session", "down"))
"""Of lines in figures, in the order in which they are used."""

MARKERS: Final = ("o", "s", "^", "D", "v")
"""Of the same lines, so that they can be told apart without colours, too."""

COLUMN_INCHES: Final = 3.5
PAGE_INCHES: Final = 7.16
"""Widths of figures: a column and a page of journals with two columns."""

MATPLOTLIB: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": 8.0,
        "axes.titlesize": 8.0,
        "legend.fontsize": 8.0,
        "figure.titlesize": 8.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.edgecolor": LIGHT.ink,
        "axes.labelcolor": LIGHT.ink,
        "axes.axisbelow": True,
        "axes.prop_cycle": f"cycler(color={list(SERIES)})",
        "axes.unicode_minus": True,
        "grid.color": LIGHT.rule,
        "grid.linewidth": 0.5,
        "hatch.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.0,
        "text.color": LIGHT.ink,
        "xtick.color": LIGHT.ink,
        "ytick.color": LIGHT.ink,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "svg.fonttype": "path",  # looks the same everywhere
        "svg.hashsalt": "qsession-sim",  # else the names inside the file are random
        "pdf.fonttype": 42,  # text that can be searched and edited
    }
)
"""Settings of matplotlib beside its defaults."""


def text_on(fill: str) -> str:
    """The colour of text that is read best on a fill.

    Example:
        >>> text_on("#2a46a7"), text_on("#f99c07")
        ('#ffffff', '#000000')
    """
    return max(TEXTS_ON_FILLS, key=lambda text: contrast(text, fill))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21.

    Source: WCAG 2.2, "contrast ratio" and "relative luminance".

    Example:
        >>> contrast("#000000", "#ffffff")
        21.0
    """
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def _linear(part: int) -> float:
    share = part / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


_DIVERGING: Final = ("#2a46a7", "#8fa3dd", "#f7f7f7", "#eeb063", "#a65a00")
"""From far below to far above, blue and orange, which all kinds of sight tell apart."""


def diverging(share: float) -> str:
    """The colour of a difference, from -1 over 0, which is almost white, to 1.

    Example:
        >>> diverging(0.0), diverging(-1.0), diverging(0.75)
        ('#f7f7f7', '#2a46a7', '#ca8532')
    """
    place = (min(max(share, -1.0), 1.0) + 1) / 2 * (len(_DIVERGING) - 1)
    below = min(int(place), len(_DIVERGING) - 2)
    ends = zip(_parts(_DIVERGING[below]), _parts(_DIVERGING[below + 1]), strict=True)
    return "#" + "".join(f"{round(low + (high - low) * (place - below)):02x}" for low, high in ends)

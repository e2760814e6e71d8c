"""What the diagrams of the documentation are drawn with: boxes, lines and texts of SVG, and no library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

INK: Final = "#1f2933"
QUIET: Final = "#b8c1cb"
PAPER: Final = "#ffffff"
FILL: Final = "#eef2f6"
SIZE: Final = 12  # of the letters, in pixels
LETTER: Final = 0.62 * SIZE  # the width of one, about


_HEAD: Final = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>'
)


def document(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """A whole file. The ground is white, also on dark pages; `label` is what a screen reader says."""
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{escape(label)}" font-family="sans-serif" '
        f'font-size="{SIZE}" fill="{INK}">'
    )
    ground = f'<rect width="{width:g}" height="{height:g}" fill="{PAPER}"/>'
    return "\n".join([opening, _HEAD, ground, *parts, "</svg>\n"])


def text(x: float, y: float, content: str, anchor: str = "middle", edge: str = PAPER) -> str:
    """A line of text on its baseline, with a white edge where it crosses lines."""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" stroke="{edge}" stroke-width="3" '
        f'paint-order="stroke">{escape(content)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, arrow: bool = False) -> str:
    """A line, or an arrow to its second point."""
    colour, head = (INK, ' marker-end="url(#head)"') if arrow else (QUIET, "")
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{colour}" fill="none"{head}/>'


def box(x: float, y: float, width: float, height: float, lines: Sequence[str]) -> str:
    """A box with lines of text in its middle."""
    first = y + height / 2 - (len(lines) - 1) * 0.65 * SIZE + 0.35 * SIZE
    rows = "".join(
        text(x + width / 2, first + number * 1.3 * SIZE, row, edge="none") for number, row in enumerate(lines)
    )
    shape = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"'
    return f'<rect {shape} fill="{FILL}" stroke="{INK}"/>{rows}'

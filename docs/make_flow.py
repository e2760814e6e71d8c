"""Draw how a run flows, for `design.md`. With `--check` nothing is written, and the exit status is 1 if the
picture is stale."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import svg

PICTURE: Final = Path(__file__).parent / "pictures" / "flow.svg"
HIGH: Final = 44
BOXES: Final = {
    "scenario.yaml": (10, 20, 110),
    "human form": (160, 20, 100),
    "resolved form": (320, 20, 110),
    "Workload": (490, 20, 90),
    "live programs": (160, 110, 100),
    "Service (SimPy)": (480, 110, 110),
    "Scheduler": (670, 110, 90),
    "Journal": (670, 200, 90),
    "Record": (490, 200, 90),
    "tables, summary, invariants, bundle": (160, 200, 270),
}
"""What there is: x, y and width in pixels."""

ARROWS: Final = (
    ("scenario.yaml", "human form", ""),
    ("human form", "resolved form", "resolve"),
    ("resolved form", "Workload", "draw"),
    ("Workload", "Service (SimPy)", ""),
    ("live programs", "Service (SimPy)", "command and ask"),
    ("Service (SimPy)", "live programs", ""),
    ("Service (SimPy)", "Scheduler", "drives"),
    ("Scheduler", "Service (SimPy)", ""),
    ("Scheduler", "Journal", ""),
    ("Journal", "Record", ""),
    ("Record", "tables, summary, invariants, bundle", ""),
)
"""From where to where, and by what."""


def arrow(start: str, end: str, label: str) -> str:
    """An arrow between two boxes in one row or in one column."""
    (x1, y1, wide1), (x2, y2, wide2) = BOXES[start], BOXES[end]
    if y1 != y2:
        middle = x1 + wide1 / 2
        return svg.line(middle, y1 + HIGH, middle, y2, arrow=True)
    left, right = (x1 + wide1, x2) if x1 < x2 else (x1, x2 + wide2)
    height = y1 + HIGH / 2
    written = svg.text((left + right) / 2, height - 5, label) if label else ""
    return svg.line(left, height, right, height, arrow=True) + written


def drawing() -> str:
    """The whole picture."""
    parts = [svg.box(x, y, wide, HIGH, [name]) for name, (x, y, wide) in BOXES.items()]
    return svg.document(770, 260, "How a run flows", [*parts, *(arrow(*one) for one in ARROWS)])


def main(arguments: list[str]) -> int:
    """Write the picture, or check it; returns the exit status."""
    if arguments == ["--check"]:
        return int(PICTURE.read_text(encoding="utf-8") != drawing())
    PICTURE.write_text(drawing(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Figures in one style: settings that change nothing outside, and files whose bytes are the same every time.

Needs matplotlib: whoever draws imports this file when he does.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as _Figure

from qsession_sim.report.style import COLUMN_INCHES, MATPLOTLIB
from qsession_sim.report.text import one_line, short_name

FORMATS: Final = ("svg", "pdf")
"""Of files that are the same every time."""

_METADATA: Final[Mapping[str, Mapping[str, str | None]]] = {
    "svg": {"Date": None, "Creator": "qsession-sim"},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "qsession-sim"},
}
_LONGEST_NAME: Final = 60
_LETTERS_PER_INCH: Final = 10
"""Of what stands along an axis, which takes most of the width of a figure."""


class Figure(_Figure):
    """A figure of matplotlib that is saved in the style that it was drawn in, and that notebooks show.

    Its SVG and PDF files have the same bytes every time, with the same version of matplotlib.
    """

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save it as a figure of matplotlib is."""
        given = options.get("format") or (
            Path(fname).suffix[1:] if isinstance(fname, (str, os.PathLike)) else ""
        )
        known = _METADATA.get(str(given).lower())
        if known is not None:
            title = {"Title": self.get_label()} if self.get_label() else {}
            options["metadata"] = {**known, **title, **(options.get("metadata") or {})}
        with styled():
            super().savefig(fname, **options)

    def _repr_svg_(self) -> str:
        return content(self, "svg").decode()


@contextmanager
def styled() -> Iterator[None]:
    """The settings of `style`, whatever those of the user are; letters that no font has are boxes."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(MATPLOTLIB)
        yield


@contextmanager
def canvas(
    ax: Any = None, width: float = COLUMN_INCHES, height: float = 2.4, **grid: Any
) -> Iterator[tuple[Any, Any]]:
    """Where to draw: a new figure with its axes, or axes of the user and the figure they are of.

    Args:
        ax: axes of the user, whose own style they keep.
        width: of a new figure, in inches.
        height: the same.
        **grid: of several axes, as `subplots` takes them.
    """
    if ax is not None:
        yield ax.figure, ax
        return
    with styled():
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(**grid)


def content(figure: Any, form: str) -> bytes:
    """What a file of it holds; `form` is one of `FORMATS`, or another that matplotlib knows."""
    file = io.BytesIO()
    figure.savefig(file, format=form)
    return file.getvalue()


def plain(name: str, longest: int = _LONGEST_NAME) -> str:
    r"""A name as matplotlib shows it: never as mathematics, and no longer than there is room.

    Example:
        >>> print(plain("by_account.a$^$.jobs\x1b"))
        by_account.a\$^\$.jobs\x1b
    """
    return short_name(one_line(name), "…", longest).replace("$", r"\$")


def folded(text: str, inches: float) -> str:
    """A label on as many lines as it needs to be no longer than an axis of a figure so wide.

    Example:
        >>> print(folded("by_account.lab.waiting_us.mean [s]", 2.0))
        by_account.lab.
        waiting_us.mean [s]
    """
    room = max(round(inches * _LETTERS_PER_INCH), 12)
    lines = [""]
    for part in re.findall(r".+?(?:[._=]| (?!\[)|$)", text):
        if len(lines[-1]) + len(part.rstrip()) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines if line)

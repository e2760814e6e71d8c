r"""One table of rows for other programs: CSV with plain numbers, Markdown and LaTeX as people read them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from qsession_sim.errors import StudyError, hint
from qsession_sim.report.rows import (
    Cell,
    Change,
    Column,
    Document,
    Duration,
    Interval,
    Measure,
    More,
    Share,
    Table,
)
from qsession_sim.report.text import Page, written
from qsession_sim.units import SECOND

_ROWS = Sequence[Sequence[str]]


def table_of(document: Document, name: str | None) -> Table:
    """A table of what is shown, by the name of its section; None: the first.

    Raises:
        StudyError: if there is none of that name.
    """
    tables = {section.name: section.body for section in document if isinstance(section.body, Table)}
    if not tables:
        raise StudyError("there is no table to print: nothing was counted")
    chosen = next(iter(tables)) if name is None else name
    if chosen not in tables:
        raise StudyError(f"there is no table {chosen!r}; {hint(chosen, tables)}")
    return tables[chosen]


def as_csv(table: Table) -> str:
    """Comma-separated values: numbers in full, with the unit in the heading; where there is none, nothing.

    Example:
        >>> print(as_csv(Table(Column("mode", ("job",)), (Column("mean", (Duration(1_500_000),)),))), end="")
        mode,mean [s]
        job,1.5
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows(zip(*(lines for column in _columns(table) for lines in _plain(column)), strict=True))
    return buffer.getvalue()


def as_markdown(table: Table) -> str:
    r"""A table of GitHub's Markdown.

    Example:
        >>> table = Table(Column("mode", ("a|b",)), (Column("share", (Share(0.5),)),))
        >>> print(as_markdown(table), end="")
        | mode |  share |
        |:-----|-------:|
        | a\|b | 50.0 % |
    """
    heading, *rows = _shown(table, lambda text: re.sub(r"([\\`*_$|<>\[\]])", r"\\\1", text))
    widths = [max(len(row[n]) for row in (heading, *rows)) for n in range(len(heading))]
    words = [column.words for column in _columns(table)]

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.ljust(width) if is_words else cell.rjust(width)
            for cell, width, is_words in zip(cells, widths, words, strict=True)
        )
        return f"| {' | '.join(placed)} |\n"

    rules = (
        f":{'-' * (width + 1)}" if is_words else f"{'-' * (width + 1)}:"
        for width, is_words in zip(widths, words, strict=True)
    )
    return line(heading) + f"|{'|'.join(rules)}|\n" + "".join(map(line, rows))


_LATEX: Final = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "…": r"\ldots{}",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "³": r"$^3$",
}


def as_latex(table: Table) -> str:
    r"""A `tabular` for the package booktabs.

    Example:
        >>> print(as_latex(Table(Column("", ("a_b",)), (Column("share", (Share(0.5),)),))), end="")
        \begin{tabular}{lr}
        \toprule
         & share \\
        \midrule
        a\_b & 50.0 \% \\
        \bottomrule
        \end{tabular}
    """
    heading, *rows = _shown(table, lambda text: "".join(_LATEX.get(letter, letter) for letter in text))
    places = "".join("l" if column.words else "r" for column in _columns(table))
    lines = [f"\\begin{{tabular}}{{{places}}}", "\\toprule", _latex_line(heading), "\\midrule"]
    return "\n".join([*lines, *map(_latex_line, rows), "\\bottomrule", "\\end{tabular}", ""])


def _latex_line(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


WRITERS: Final[Mapping[str, Callable[[Table], str]]] = MappingProxyType(
    {"csv": as_csv, "markdown": as_markdown, "latex": as_latex}
)
"""By the name of the format."""


def _columns(table: Table) -> list[Column]:
    """Without bars, which say again what stands beside them."""
    bars = (column for column in table.columns if not _is_bar(column))
    return [Column(table.labels.heading, table.labels.cells, words=True), *bars]


def _is_bar(column: Column) -> bool:
    return any(isinstance(cell, Share) and cell.bar for cell in column.cells)


def _shown(table: Table, escape: Callable[[str], str]) -> _ROWS:
    columns = _columns(table)
    page = Page()
    headings = [escape(column.heading) for column in columns]
    cells = [[escape(written(cell, page)) for cell in column.cells] for column in columns]
    return [headings, *(list(row) for row in zip(*cells, strict=True))]


def _plain(column: Column) -> Iterator[list[str]]:
    """The column, and more where its cells have more than one number."""
    cells = column.cells
    units = {_unit(cell) for cell in cells if not isinstance(cell, (str, More))}
    unit = next(iter(units)) if len(units) == 1 else ""
    suffix = f" [{unit}]" if unit else ""
    yield [column.heading + suffix, *(_number(cell) for cell in cells)]
    widths = [cell.half_width if isinstance(cell, Measure) else None for cell in cells]
    if any(width is not None for width in widths):
        scales = [cell.scale.divisor if isinstance(cell, Measure) else 1 for cell in cells]
        named = f"{column.heading} half-width{suffix}"
        yield [named, *(_divided(width, scale) for width, scale in zip(widths, scales, strict=True))]
    ends = [cell.ends if isinstance(cell, Change) else None for cell in cells]
    if any(ends):
        for place, name in enumerate(("low", "high")):
            yield [f"{column.heading} {name}", *("" if pair is None else repr(pair[place]) for pair in ends)]
    if len(units) > 1:
        yield [f"{column.heading} unit", *(_unit(cell) for cell in cells)]


def _unit(cell: Cell) -> str:
    match cell:
        case Duration():
            return "s"
        case Measure():
            return cell.scale.unit
        case _:
            return ""


def _number(cell: Cell) -> str:
    match cell:
        case str():
            return cell
        case Duration(value):
            return _divided(value, SECOND)
        case Measure():
            return _divided(cell.value, cell.scale.divisor)
        case Interval(low, high):
            return f"{low!r} to {high!r}"
        case More(value):
            return f"and {value} more"
        case _:
            return "" if cell.value is None else repr(cell.value)


def _divided(value: float | None, divisor: float) -> str:
    if value is None:
        return ""
    return repr(value if divisor == 1 else value / divisor).removesuffix(".0")

"""The frame of pages for a browser: escaping, elements, tables, and a file that needs no other.

A page asks nothing of anybody: its policy allows one style sheet and one script, both in it and known by
their digests, and nothing else. So there is no `style` attribute and no `on…` attribute either: bars are SVG,
whose sizes are attributes of their own. It is complete without its script, which only adds to what is there.
"""

from __future__ import annotations

import html
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from qsession_sim.errors import WorkloadFileError
from qsession_sim.files import open_regular
from qsession_sim.report.rows import Cell, Column, Section, Share, Table
from qsession_sim.report.style import DARK, LIGHT, Theme, text_on
from qsession_sim.report.text import Page, one_line, written
from qsession_sim.results.bundle import is_bundle
from qsession_sim.workload.formats import check_new_file, new_file

_TEXT: Final = Page()
_GENERATOR: Final = '<meta name="generator" content="qsession-sim report">'
_VOID: Final = frozenset(
    {"br", "circle", "input", "line", "link", "meta", "path", "polygon", "polyline", "rect", "use"}
)
_HEIGHT: Final = 720
_LEAST_WITH_NUMBER: Final = 0.18
_STRING: Final = re.compile(r'("(?:[^"\\\n]|\\.)*"|`(?:[^`\\\n]|\\.)*`)')
_BLANKS: Final = re.compile(r" *([]{}()[;,:=<>+\-*/?&|!]) *")
_BREAK: Final = re.compile(r"([;{,])\n")
_CONSTANT: Final = re.compile(r"\bconst\b")


class Markup(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def text(value: str) -> Markup:
    r"""Escape a text; characters that nobody sees, or that change the order of others, are written out.

    Example:
        >>> text("<b> & \u202e"), text(Markup("<b>"))
        ('&lt;b&gt; &amp; \\u202e', '<b>')
    """
    return value if isinstance(value, Markup) else Markup(html.escape(one_line(value)))


def element(name: str, *children: str, **attributes: str | float | bool | None) -> Markup:
    """An element; what is no `Markup` in it is escaped.

    Args:
        name: of the element.
        children: what is in it.
        attributes: None and False are left out, True has no value; `class_` is `class`, other `_` are `-`.

    Example:
        >>> element("td", "a < b", class_="n", data_value=2.5, hidden=False)
        '<td class="n" data-value="2.5">a &lt; b</td>'
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{text(value if isinstance(value, str) else str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """One after the other; what is no `Markup` is escaped."""
    return Markup("".join(map(text, children)))


def named(name: str) -> Markup:
    """A name that somebody gave; letters from right to left in it leave what is beside it alone."""
    return element("bdi", name)


def section(name: str, title: str, *children: str) -> Markup:
    """A part of a page, which links with `#name` lead to."""
    return element(
        "section",
        element("h2", title, id=f"{name}-title"),
        *children,
        id=name,
        aria_labelledby=f"{name}-title",
    )


def sign(drawn: Markup, kind: str | None = None) -> Markup:
    """What something looks like, in the key of a picture."""
    return element("svg", drawn, viewBox="0 0 12 12", class_=kind, aria_hidden="true")


def table(table: Table, caption: str, *, last_is_sum: bool = False) -> Markup:
    """A table with all its rows; cells that are `Markup`, such as bars, are shown as they are.

    On narrow screens each row is a block in which the headings stand before the cells. Numbers carry their
    value for the script that sorts.

    Args:
        table: what is in it.
        caption: says what it is to those who cannot see it.
        last_is_sum: the last row is about all others, and stays the last.
    """
    columns = (table.labels, *table.columns)
    rows = zip(*(column.cells for column in columns), strict=True)
    head = (element("th", column.heading, scope="col", class_=_kind(column)) for column in table.columns)
    label = element("th", table.labels.heading, scope="col")
    sums = len(table.labels.cells) - 1 if last_is_sum else None
    body = (
        element("tr", *_row(columns, row), class_="all" if number == sums else None)
        for number, row in enumerate(rows)
    )
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", label, *head)),
        element("tbody", *body),
    )


def _row(columns: Sequence[Column], row: Sequence[Cell]) -> Iterator[Markup]:
    label, *cells = row
    yield element("th", _cell(label), scope="row")
    for column, cell in zip(columns[1:], cells, strict=True):
        value = None if isinstance(cell, str) else getattr(cell, "value", None)
        yield element(
            "td",
            _cell(cell),
            class_=_kind(column),
            data_head=None if isinstance(cell, Markup) else column.heading or None,
            data_value=None if column.words else value,
        )


def _kind(column: Column) -> str | None:
    """Words, pictures (wide) or numbers."""
    if column.words:
        return None
    return "w" if any(isinstance(cell, Markup) for cell in column.cells) else "n"


def _cell(cell: Cell) -> Markup:
    if isinstance(cell, Share) and cell.value is not None and not cell.bar:
        return text(percent_of(cell.value))
    return text(cell if isinstance(cell, str) else written(cell, _TEXT))


def percent_of(share: float) -> str:
    """A share in words; only nothing is 0 %, and only all is 100 %.

    Example:
        >>> [percent_of(share) for share in (0, 0.00004, 0.062, 0.4, 0.9999, 1)]
        ['0 %', '< 0.1 %', '6.2 %', '40 %', '> 99 %', '100 %']
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def listing(lines: Mapping[str, Markup]) -> Markup:
    """What belongs to some words."""
    return element(
        "dl", *(joined((element("dt", word), element("dd", text))) for word, text in lines.items())
    )


def parts(
    *shares: tuple[str, float, str], label: str, height: int = 16, numbers: bool = False, bare: bool = False
) -> Markup:
    """A bar of shares that are at most 1 together.

    Args:
        shares: for each the word of `style.Theme.fills`, its share, and what it is in words.
        label: the whole in words, for those who cannot see it.
        height: in pixels.
        numbers: parts that have room say their share.
        bare: what is missing to 1 is not shown as an empty part.
    """
    place, drawn = 0.0, []
    for fill, share, title in shares:
        if share > 0:
            x = f"{_short(100 * place)}%"
            rect = element("rect", x=x, width=f"{_short(100 * share)}%", height=height, class_=f"f-{fill}")
            number = element("text", f"{100 * share:.0f} %", x=x, dx=4, y=height - 4, class_=f"on-{fill}")
            shown = (number,) if numbers and share >= _LEAST_WITH_NUMBER else ()
            drawn.append(element("g", element("title", title), rect, *shown))
            place += share
    name = "bar bare" if bare else "bar"
    return element("svg", *drawn, class_=name, height=height, role="img", aria_label=label)


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


# whole pages


@dataclass(frozen=True)
class Report:
    """A page for a browser, in one file that needs no other; a notebook shows it in a frame.

    Attributes:
        title: of the page.
        html: all of it.
    """

    title: str
    html: str

    def __repr__(self) -> str:
        return f"Report({self.title!r}, {len(self.html.encode()):,} bytes; save(path) writes it)"

    def _repr_html_(self) -> str:
        content = Markup(html.escape(self.html))
        return element("iframe", title=self.title, width="100%", height=_HEIGHT, srcdoc=content)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; a report that is there is replaced, and nothing else ever is.

        Returns:
            The file.

        Raises:
            WorkloadFileError: if something else is there, or it cannot be written.
        """
        target = check_report_place(path)
        with new_file(target) as partial:
            partial.write_text(self.html, encoding="utf-8", newline="\n")
        return target


def check_report_place(path: str | os.PathLike[str]) -> Path:
    """Check that a report can be written to a file; nothing is changed.

    Returns:
        The file.

    Raises:
        WorkloadFileError: if it cannot, or something other than a report is there.
    """
    target = Path(path)
    if target.is_file() and not is_report(target):
        raise WorkloadFileError(f"{target}: is there already, and is no report; choose another name")
    if is_bundle(target.parent):
        raise WorkloadFileError(f"{target}: is in a bundle, which holds nothing else; choose another name")
    check_new_file(target, overwrite=True)
    return target


def is_report(path: Path) -> bool:
    """Whether a file is a page that was written here."""
    try:
        with open_regular(path) as file:
            return _GENERATOR.encode() in file.read(1024)
    except OSError:
        return False


def page(
    title: str,
    *children: str,
    script: str = "",
    data: Mapping[str, str] | None = None,
    asks_its_server: bool = False,
    body: Mapping[str, str] | None = None,
) -> Report:
    """A page of its own.

    Args:
        title: of the page; also its first heading, if the children do not say otherwise.
        children: what is on it, between `<body>` and `</body>`.
        script: the only one that may run, written by `script_of`.
        data: by the `id` under which the script finds it, text of letters, digits and `+/=`.
        asks_its_server: the script may connect to the server that the page came from, and to no other.
        body: attributes of `<body>`.
    """
    style, policy = style_sheet(), policy_of(script, asks_its_server=asks_its_server)
    head = (
        Markup('<meta charset="utf-8">'),
        Markup(_GENERATOR),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width,initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        element("title", f"{title} - qsession-sim"),
        element("style", Markup(style)),
    )
    blocks = (
        element("script", Markup(content), type="text/plain", id=name)
        for name, content in (data or {}).items()
    )
    scripts = [element("script", Markup(script))] if script else []
    content = element("body", *children, *blocks, *scripts, **(body or {}))
    return Report(title, f'<!doctype html>\n<html lang="en">{element("head", *head)}\n{content}</html>\n')


def policy_of(script: str = "", *, asks_its_server: bool = False) -> str:
    """The content security policy of a page with a script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style_sheet())}'",
            *([f"script-src '{_digest(script)}'"] if script else []),
            *(["connect-src 'self'"] if asks_its_server else []),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(content: str) -> str:
    return "sha256-" + b64encode(sha256(content.encode()).digest()).decode()


def style_sheet() -> str:
    """The style of all pages: the colours of both themes, and `page.css`."""
    fills = "".join(
        f".f-{name}{{fill:var(--{name})}}.on-{name}{{fill:var(--on-{name})}}" for name in LIGHT.fills
    )
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}"
    return f":root{{color-scheme:light dark;{_colours(LIGHT)}}}{dark}{fills}{_packaged('page.css')}"


def script_of(*names: str) -> str:
    """Scripts of this package, one after the other, without comments and blanks that mean nothing.

    They have strings and templates that end on their line, no regular expressions, and comments on lines of
    their own. `let` does as well as `const`, and is shorter.
    """
    parts = _STRING.split("".join(map(_packaged, names)))
    parts[::2] = (_BREAK.sub(r"\1", _BLANKS.sub(r"\1", code)) for code in parts[::2])
    parts[::2] = (_CONSTANT.sub("let", code).replace(";}", "}") for code in parts[::2])
    return "".join(parts)


def _colours(theme: Theme) -> str:
    plain = ("page", "panel", "ink", "muted", "rule", "link", "alert", "waiting")
    colours = {name: getattr(theme, name) for name in plain} | dict(theme.fills)
    colours |= {f"on-{name}": text_on(fill) for name, fill in theme.fills.items()}
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


def _packaged(name: str) -> str:
    source = files("qsession_sim.report").joinpath(name).read_text(encoding="utf-8")
    lines = (line.strip() for line in source.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(("//", "/*")))


def section_of(part: Section) -> Markup:
    """A section as the terminal has it too: a table between notes."""
    if not isinstance(part.body, Table):
        raise TypeError(part.body)
    notes = [
        [element("p", written(note.text, _TEXT)) for note in group] for group in (part.above, part.below)
    ]
    return section(part.name, part.title, *notes[0], table(part.body, part.title), *notes[1])

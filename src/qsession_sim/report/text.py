"""Rows as text: the one writer of what terminals, logs and notebooks show, for any width and any encoding."""

from __future__ import annotations

import html
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

from qsession_sim.queueing.statistics import cut_ends, shows_ends
from qsession_sim.report.rows import (
    Cell,
    Change,
    Column,
    Count,
    Document,
    Duration,
    Emphasis,
    Interval,
    Lane,
    Listing,
    Measure,
    More,
    Note,
    Number,
    Score,
    Section,
    Share,
    State,
    Stretch,
    Table,
    Timeline,
)
from qsession_sim.units import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    TIMES,
    format_duration,
    percentage_or_factor,
)

NOTHING: Final = "-"
"""Stands where there is no value."""


_NARROW: Final = 40


@dataclass(frozen=True)
class Page:
    """Where text goes.

    Attributes:
        width: characters in a line; None: as many as there are.
        unicode: whether there is more than ASCII.
    """

    width: int | None = None
    unicode: bool = True

    @property
    def narrow(self) -> bool:
        """Whether there is little room beside the name of a row."""
        return self.width is not None and self.width < _NARROW

    @property
    def ellipsis(self) -> str:
        """Stands for what is left out."""
        return "…" if self.unicode else "..."

    @property
    def plus_minus(self) -> str:
        """Stands between a mean and half the width of its interval."""
        return "±" if self.unicode else "+-"

    @property
    def times(self) -> str:
        """Stands before a factor."""
        return TIMES if self.unicode else "x"


PAGE: Final = Page(100)
"""What has this width is readable in logs and notebooks."""


class Line(NamedTuple):
    """A line of text, and how it stands out."""

    text: str
    emphasis: Emphasis = Emphasis.NONE


def lines_of(document: Document, page: Page) -> Iterator[Line]:
    r"""A document, line by line, no line wider than the page; sections are set apart by blank lines.

    Example:
        >>> from qsession_sim.report.rows import Note, counts
        >>> table = Table(Column("mode", ("job", "session")), (counts("jobs", [12_000, 7]),))
        >>> document = [Section("waiting", "Waiting", body=table, below=(Note(More(3)),))]
        >>> print("\n".join(line.text for line in lines_of(document, Page())))
        Waiting
        mode       jobs
        job      12,000
        session       7
        … and 3 more
    """
    for number, section in enumerate(document):
        if number:
            yield Line("")
        yield from _section(section, page)


def text_of(document: Document) -> str:
    """A document as `qsession-sim` prints it where there is no terminal; no character in it does more than
    stand there."""
    return "\n".join(one_line(line.text) for line in lines_of(document, PAGE))


_MOST_BYTES: Final = 6_000


def notebook_html(heading: str, text: str) -> str:
    """What a notebook shows of a result, in its own colours and without script: a heading, and a text that
    can be folded away, of which too much is left out.

    Example:
        >>> notebook_html("Run(<b>)", "1 job")[5:59]
        '<strong>Run(&lt;b&gt;)</strong><details open><summary>'
    """
    shown: list[str] = []
    used = 0
    lines = text.splitlines()
    for line in lines:
        escaped = html.escape(one_line(line))
        used += len(escaped.encode()) + 1
        if used > _MOST_BYTES:
            shown.append(f"… ({len(lines) - len(shown)} of {len(lines)} lines are left out)")
            break
        shown.append(escaped)
    title = html.escape(one_line(short_name(heading, "…", 200)))
    style = (
        "margin:0.5em 0;padding:0;background:transparent;color:inherit;border:0;overflow-x:auto;"
        "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;"
        "font-size:0.9em;line-height:1.35;white-space:pre;text-align:left"
    )
    body = "\n".join(shown)
    return (
        f"<div><strong>{title}</strong><details open><summary>details</summary>"
        f'<pre style="{style}">{body}</pre></details></div>'
    )


def _section(section: Section, page: Page) -> Iterator[Line]:
    if section.title:
        yield from _wrapped_line(one_line(section.title), page, Emphasis.STRONG)
    yield from _notes(section.above, page)
    match section.body:
        case Table() as table:
            yield from _table(table, page)
        case Listing() as listing:
            yield from _listing(listing, page, 2 if section.title else 0)
        case Timeline() as timeline:
            yield from _timeline(timeline, page)
        case None:
            pass
    yield from _notes(section.below, page)


def _notes(notes: Iterable[Note], page: Page) -> Iterator[Line]:
    for text, emphasis in notes:
        yield from _wrapped_line(written(text, page).replace("±", page.plus_minus), page, emphasis)


def _wrapped_line(text: str, page: Page, emphasis: Emphasis = Emphasis.NONE) -> Iterator[Line]:
    for part in wrapped(text, page.width):
        yield Line(part, emphasis)


# cells


def written(cell: Cell, page: Page) -> str:
    """A cell as text.

    Example:
        >>> [written(cell, Page()) for cell in (Count(None), Share(0.557), Change(-0.0001), Number(1234.567))]
        ['-', '55.7 %', '+0.0 %', '1,234.57']
        >>> from qsession_sim.report.rows import Scale
        >>> written(Measure(68_170_000.0, 1_207_000.0, Scale("s", 1_000_000)), Page())
        '68.2 ± 1.2 s'
        >>> written(Measure(250_000.0, None, Scale("s", 1_000_000), difference=True), Page())
        '+0.2500 s'
        >>> written(Measure(0.75, 2.5, Scale(), bounds=(0.0, 1.0)), Page())
        '0.8 (0.0…1.0)'
        >>> written(Change(-0.126, (-0.159, -0.094)), Page()), written(Change(11.3, (9.5, 13.1)), Page())
        ('-12.6 % (-15.9…-9.4)', '×12.3 (+950.0 %…×14.1)')
    """
    match cell:
        case str():
            return one_line(cell)
        case Interval(low, high):
            return f"{low:.4g} to {high:.4g}"
        case Share(value, bar=True):
            return ("█" if page.unicode else "#") * round(_widest_bar(page) * (value or 0))
        case _:
            return NOTHING if cell.value is None else _number(cell, cell.value, page)


def _number(
    cell: Count | Duration | Share | Change | Number | Measure | Score | More, value: float, page: Page
) -> str:
    match cell:
        case Count():
            text = f"{value:,}" if cell.grouped else str(value)
        case Duration():
            text = format_duration(round(value)) if cell.exact else readable_duration(value)
        case Share():
            text = f"{100 * value:.1f} %"
        case Change():
            text = _change(value, cell.ends, page)
        case Number():
            text = f"{value:,.2f}" if cell.digits is None else f"{value:.{cell.digits}g}"
        case Measure():
            text = _measure(cell, value / cell.scale.divisor, page)
        case Score():
            text = f"{value:+.2f}{' !' if cell.fails else ''}"
        case More():
            text = f"{page.ellipsis} and {value:,} more"
        case _:
            assert_never(cell)
    return text


def readable_duration(duration_us: float) -> str:
    """Write microseconds in about three digits or three units; not exact, see `units.format_duration`.

    Example:
        >>> [readable_duration(value) for value in (0, 250, 350_000, 2_350_000, 4_325_000_000)]
        ['0 s', '250 us', '350 ms', '2.35 s', '1h 12m 5s']
    """
    if duration_us == 0:
        return "0 s"
    if duration_us < 999.5:
        return f"{duration_us:.3g} us"
    if duration_us < 999.5 * MILLISECOND:
        return f"{duration_us / MILLISECOND:.3g} ms"
    if duration_us < 59.95 * SECOND:
        return f"{duration_us / SECOND:.3g} s"
    smallest = MINUTE if duration_us >= DAY else SECOND
    rest = round(duration_us / smallest) * smallest
    parts = []
    for unit, unit_us in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        count, rest = divmod(rest, unit_us)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def _change(value: float, ends: tuple[float, float] | None, page: Page) -> str:
    text = percentage_or_factor(value, page.times)
    if ends is None or page.narrow:
        return text
    shown = [percentage_or_factor(end, page.times).removesuffix(" %") for end in ends]
    if shown[1].startswith(page.times) and not shown[0].startswith(page.times):
        shown[0] += " %"
    return f"{text} ({page.ellipsis.join(shown)})"


def _measure(measure: Measure, value: float, page: Page) -> str:
    """Half the width of an interval in two digits, and its mean up to the same place; else four digits.
    Where the metric has two bounds, or the interval is cut at one, by its ends."""
    bounds = measure.bounds[0] / measure.scale.divisor, measure.bounds[1] / measure.scale.divisor
    if measure.half_width is None:
        text = _digits(value, 4)
    elif measure.half_width == 0:
        text = f"{_digits(value, 4)} {page.plus_minus} 0"
    else:
        half_width = measure.half_width / measure.scale.divisor
        places = _places(half_width, 2)
        text = f"{value:z,.{places}f}"
        if shows_ends(value, half_width, bounds):
            ends = (
                f"{end:{'+' if measure.difference else ''}z,.{places}f}"
                for end in cut_ends(value, half_width, bounds)
            )
            shown = page.ellipsis.join(ends)
            text = shown if page.narrow else f"{text} ({shown})"
        else:
            text += f" {page.plus_minus} {half_width:,.{places}f}"
    sign = "+" if measure.difference and text[0] not in "+-" else ""
    return f"{sign}{text} {measure.scale.unit}".rstrip()


def _digits(value: float, digits: int) -> str:
    if value == round(value) and abs(value) < 10**digits:
        return f"{value:.0f}"
    return f"{value:,.{_places(value, digits)}f}"


def _places(value: float, digits: int) -> int:
    """Decimal places with which a number other than 0 has so many digits, at least."""
    return max(digits - 1 - math.floor(math.log10(abs(value))), 0)


# names and sentences


_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u2800\u3164\uffa0\U000e0100-\U000e01ef]"
)
"""Letters to Unicode, which nobody sees: fillers and the like."""


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and _UNSEEN.match(letter) is None


def one_line(text: str) -> str:
    r"""Put a text on one line, all characters escaped that control a terminal or cannot be seen.

    Example:
        >>> one_line("two\nlines\x1b"), one_line("lab\u202e\u3164")
        ('two lines\\x1b', 'lab\\u202e\\u3164')
    """
    joined = " ".join(text.splitlines())
    if joined.isascii() and joined.isprintable():
        return joined
    return "".join(
        letter if _is_seen(letter) else letter.encode("unicode_escape").decode() for letter in joined
    )


def seen_json(text: str) -> str:
    r"""A JSON document in which the same characters are escaped as JSON does; its values stay the same.

    Example:
        >>> print(seen_json('{"lab\x9b": "\U000e0101"}'))
        {"lab\u009b": "\udb40\udd01"}
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        letter if letter == "\n" or _is_seen(letter) else json.dumps(letter)[1:-1] for letter in text
    )


def shortened(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut a text to a width in terminal cells.

    Example:
        >>> shortened("a long name", 7)
        'a long…'
    """
    if cell_width(text) <= width:
        return text
    return fitted(text, width - len(ellipsis)).rstrip() + ellipsis


_LONGEST_NAME: Final = 40


def short_name(name: str, ellipsis: str, longest: int = _LONGEST_NAME) -> str:
    """A long name without its middle, since the ends of paths tell them apart.

    Example:
        >>> short_name("sessions.by_mode.session.makespan_us.mean", "…")
        'sessions.by_mode.se…ion.makespan_us.mean'
    """
    if len(name) <= longest:
        return name
    kept = longest - len(ellipsis)
    return name[: kept // 2] + ellipsis + name[len(name) - (kept - kept // 2) :]


_WORD: Final = re.compile(r"\s*\S+\s*")


def wrapped(text: str, width: int | None) -> list[str]:
    """The lines of a text, broken between words, and words only where one alone is too wide.

    Example:
        >>> wrapped("a text that is wrapped", 9)
        ['a text', 'that is', 'wrapped']
    """
    if width is None or cell_width(text) <= width:
        return [text.rstrip()]
    lines = [""]
    for word in _WORD.findall(text):
        needed = cell_width(word.rstrip())
        if cell_width(lines[-1]) + needed <= width:
            lines[-1] += word
        elif needed <= width:
            lines.append(word)
        else:
            lines += _folded(word, width)
    return [line.rstrip() for line in lines if line] or [""]


def _folded(word: str, width: int) -> list[str]:
    parts = [""]
    for letter in word:
        if cell_width(parts[-1]) + cell_width(letter) > width:
            parts.append("")
        parts[-1] += letter
    return parts


def cell_width(text: str) -> int:
    r"""How many cells of a terminal a text takes: two for wide letters, none for what only changes others.

    Example:
        >>> cell_width("abc"), cell_width("量子"), cell_width("e\u0301")
        (3, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_cells_of, text))


@lru_cache(maxsize=4096)
def _cells_of(letter: str) -> int:
    joins = unicodedata.category(letter) in {"Mn", "Me", "Mc", "Cf"}
    if joins or "\u1160" <= letter <= "\u11ff" or "\U0001f3fb" <= letter <= "\U0001f3ff":
        return 0  # the second range are vowels and endings of Hangul, the third colours of skin
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fitted(text: str, width: int) -> str:
    """A text cut or padded to a width; half of a wide letter is a space."""
    kept, used = "", 0
    for letter in text:
        needed = _cells_of(letter)
        if used + needed > width:
            break
        kept, used = kept + letter, used + needed
    return kept + " " * (width - used)


# tables and listings

_GAP: Final = 2
_WIDEST_BAR: Final = 40
_LEFT_OF_BARS: Final = 32
_LEAST_TEXT: Final = 12


class _Texts(NamedTuple):
    """A column, written with its heading and padded to one width."""

    cells: list[str]
    width: int


def _padded(text: str, width: int, *, left: bool = True) -> str:
    blanks = " " * (width - cell_width(text))
    return text + blanks if left else blanks + text


def _texts(cells: Sequence[str], *, words: bool) -> _Texts:
    width = max(map(cell_width, cells))
    return _Texts([_padded(cell, width, left=words) for cell in cells], width)


def _table(table: Table, page: Page) -> Iterator[Line]:
    """Where the columns do not fit, the table continues below, and repeats the labels of its rows; if that
    is longer, or the labels leave the columns no room, each row is a listing of its cells."""
    labels = _labels(table.labels, page)
    columns = [_column(column, page) for column in table.columns if _has_room(column, page)]
    if page.width is None or labels.width + sum(one.width + _GAP for one in columns) <= page.width:
        yield from _block(labels, columns)
        return
    records, room = list(_records(table, page)), page.width - labels.width
    parts = list(_parts(columns, room))
    fit = labels.width <= page.width // 2 and max(one.width for one in columns) + _GAP <= room
    if not fit or len(parts) * (len(labels.cells) + 1) - 1 > len(records):
        yield from records
        return
    for number, part in enumerate(parts):
        if number:
            yield Line("")
        yield from _block(labels, part)


def _block(labels: _Texts, columns: Sequence[_Texts]) -> Iterator[Line]:
    rows = zip(*(column.cells for column in (labels, *columns)), strict=True)
    for row, cells in enumerate(rows):
        yield Line((" " * _GAP).join(cells).rstrip(), Emphasis.NONE if row else Emphasis.STRONG)


def _labels(column: Column, page: Page) -> _Texts:
    heading = written(column.heading, page)
    if column.long and page.width is not None:
        heading = shortened(heading, page.width // 3, page.ellipsis)
    return _texts([heading, *(_label(cell, column, page) for cell in column.cells)], words=True)


def _label(cell: Cell, column: Column, page: Page) -> str:
    """The name of a row, up to 40 characters of it."""
    text = written(cell, page)
    if page.width is None:
        return text
    if column.long:
        text = short_name(text, page.ellipsis)
    return shortened(text, _LONGEST_NAME, page.ellipsis)


def _column(column: Column, page: Page) -> _Texts:
    heading = written(column.heading, page)
    if column.long and page.width is not None:
        heading = short_name(heading, page.ellipsis)
    return _texts([heading, *(written(cell, page) for cell in column.cells)], words=column.words)


def _records(table: Table, page: Page) -> Iterator[Line]:
    """Each row by itself: its name, below it a line for each cell that is not empty."""
    heading, columns = one_line(table.labels.heading), table.columns
    width = max(cell_width(one_line(one.heading)) for one in columns) + _GAP
    for row, cell in enumerate(table.labels.cells):
        name = _label(cell, table.labels, page)
        title = f"{heading}: {name}" if heading and isinstance(cell, str) else name
        yield from _wrapped_line(title, page, Emphasis.STRONG)
        filled = ((one.heading, one.cells[row]) for one in columns if one.cells[row] != "")
        cells = tuple(pair for pair in filled if not (isinstance(pair[1], Share) and pair[1].bar))
        yield from _listing(Listing(cells, width), page, _GAP)


def _has_room(column: Column, page: Page) -> bool:
    """Bars are left out where they have no room, or none can be seen."""
    bars = [written(cell, page) for cell in column.cells if isinstance(cell, Share) and cell.bar]
    return not bars or any(bars)


def _widest_bar(page: Page) -> int:
    return _WIDEST_BAR if page.width is None else max(min(_WIDEST_BAR, page.width - _LEFT_OF_BARS), 0)


def _parts(columns: Sequence[_Texts], width: int | None) -> Iterator[list[_Texts]]:
    part: list[_Texts] = []
    used = 0
    for column in columns:
        needed = column.width + _GAP
        if part and width is not None and used + needed > width:
            yield part
            part, used = [], 0
        part.append(column)
        used += needed
    if part:
        yield part


def _listing(listing: Listing, page: Page, indent: int) -> Iterator[Line]:
    """What does not fit beside its name goes below it; if all texts are short, right behind it."""
    before = indent + listing.width
    texts = [written(cell, page) for _, cell in listing.rows]
    widest = max(map(cell_width, texts), default=0)
    room = None if page.width is None else page.width - before
    for (name, _), text in zip(listing.rows, texts, strict=True):
        label = " " * indent + _padded(one_line(name), listing.width)
        if page.width is not None and before + min(widest, page.width // 2) > page.width:
            if widest < _LEAST_TEXT:
                yield from _wrapped_line(f"{label.rstrip()}{' ' * _GAP}{text}", page)
                continue
            yield from _wrapped_line(label, page)
            yield from (Line(" " * 2 * indent + part) for part in wrapped(text, page.width - 2 * indent))
            continue
        first, *rest = wrapped(text, room)
        yield Line((label + first).rstrip())
        yield from (Line(" " * before + part) for part in rest)


# timelines

_LONGEST_LANE: Final = 16
_WIDEST_TIMELINE: Final = 100
_LEAST_BETWEEN_MARKS: Final = 9
MARKS_US: Final = tuple(
    count * unit
    for unit, counts in (
        (SECOND, (1, 2, 5, 10, 15, 30)),
        (MINUTE, (1, 2, 5, 10, 15, 30)),
        (HOUR, (1, 2, 3, 6, 12)),
        (DAY, (1, 2, 5, 10, 30, 100, 365)),
    )
    for count in counts
)
"""How far apart the marks of an axis of time may be."""

_SIGNS: Final = {State.WAITING: "·.", State.HELD: "░-", State.RUNNING: "█#", State.DOWN: "▼x"}
"""Of each state in Unicode and in ASCII; what comes later covers what came before."""

_LEGEND: Final = (State.RUNNING, State.HELD, State.WAITING, State.DOWN)


def _timeline(timeline: Timeline, page: Page) -> Iterator[Line]:
    signs = {state: pair[0 if page.unicode else 1] for state, pair in _SIGNS.items()}
    labels = [shortened(one_line(lane.name), _LONGEST_LANE, "") for lane in timeline.lanes]
    margin = max(map(cell_width, labels)) + 2
    across = _WIDEST_TIMELINE if page.width is None else min(page.width, _WIDEST_TIMELINE)
    width = across - margin
    qpu = ""
    for lane, label in zip(timeline.lanes, labels, strict=True):
        if lane.qpu != qpu:
            qpu = lane.qpu
            yield from _wrapped_line(one_line(qpu), page)
        yield from _wrapped_line(fitted(label, margin) + _painted(lane, signs, width, timeline.end_us), page)
    yield from _wrapped_line(" " * margin + time_axis(width, timeline.end_us), page)
    drawn = {state for lane in timeline.lanes for state in lane.stretches}
    legend = "  ".join(
        f"{signs[state]} {state}" for state in _LEGEND if state is not State.DOWN or state in drawn
    )
    indent = max(min(margin, across - cell_width(legend)), 0)
    yield from _wrapped_line(" " * indent + legend, page)


def _painted(lane: Lane, signs: dict[State, str], width: int, end_us: int) -> str:
    cells = [" "] * width
    for state, sign in signs.items():
        paint(cells, sign, lane.stretches.get(state, ()), end_us)
    return "".join(cells)


def paint(cells: list[str], sign: str, stretches: Iterable[Stretch], end_us: int) -> None:
    """Fill the cells of each stretch, at least one, both ends rounded alike so that neighbours meet."""
    for start_us, until_us in stretches:
        if until_us > start_us:
            first = min(round(start_us * len(cells) / end_us), len(cells) - 1)
            behind = max(round(until_us * len(cells) / end_us), first + 1)
            cells[first:behind] = sign * (behind - first)


def time_axis(width: int, end_us: int) -> str:
    """Marks at round times, as close as they can be read."""
    apart_us = _LEAST_BETWEEN_MARKS * end_us / width
    step_us = next((step_us for step_us in MARKS_US if step_us >= apart_us), None)
    text = ""
    for time_us in () if step_us is None else range(0, end_us, step_us):
        mark = f"|{format_duration(time_us)}"
        place = round(time_us * width / end_us)
        if place + len(mark) <= width:
            text = text.ljust(place) + mark
    return text

"""What is shown of results, as data: sections with titles, tables of typed cells, and notes.

`run_rows` and `study_rows` say what is shown; `text` is one writer of it. A cell keeps its value in
full; how it is written is for the writer to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from qsession_sim.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things; None if it is unknown. Thousands are set apart if `grouped`."""

    value: int | None
    grouped: bool = True


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration in microseconds; None if there is none. An `exact` one is written up to the last of them."""

    value: float | None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a whole that is 1; None if there is no whole. A `bar` is shown instead of the number."""

    value: float | None
    bar: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A difference as a share of what it is compared with, and the ends of its interval; None if there is
    none."""

    value: float | None
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number without unit, with two decimals or with significant `digits`; None if there is none."""

    value: float | None
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit in which values that are compared are shown.

    Attributes:
        unit: shown after each number; empty for what has none.
        divisor: how many of the unit of the values make one.

    Example:
        >>> scale_of("us", [71_599_406.98, None, 4_000_000.0])
        Scale(unit='s', divisor=1000000)
    """

    unit: str = ""
    divisor: float = 1


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured, in the unit of its metric: a mean, or a `difference` of means.

    Attributes:
        value: None: it does not exist.
        half_width: of its confidence interval; None: there is none.
        scale: in which it is shown.
        difference: its sign is always shown.
        bounds: what it lies between, in the same unit; intervals are cut there.
    """

    value: float | None
    half_width: float | None
    scale: Scale
    difference: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval, by its ends."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Score:
    """A deviation in standard errors, which `fails` if it is too large."""

    value: float
    fails: bool


@dataclass(frozen=True, slots=True)
class More:
    """How many more there are than are shown."""

    value: int


Cell = str | Count | Duration | Share | Change | Number | Measure | Interval | Score | More
"""An empty text is an empty cell."""


@dataclass(frozen=True)
class Column:
    """A heading, and a cell for each row.

    Attributes:
        heading: may be empty.
        cells: from the first row to the last.
        words: aligned to the left, as words are.
        long: heading or cells may be long names, such as paths, which both ends tell apart.
    """

    heading: str
    cells: tuple[Cell, ...]
    words: bool = False
    long: bool = False


@dataclass(frozen=True)
class Table:
    """The names of the rows, and columns with as many cells."""

    labels: Column
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Listing:
    """Names and a cell for each; the names have at least `width` characters."""

    rows: tuple[tuple[str, Cell], ...]
    width: int


class State(StrEnum):
    """What is drawn of a lane; what comes later covers what came before."""

    WAITING = "waiting"
    HELD = "held, idle"
    RUNNING = "running"
    DOWN = "down"


Stretch = tuple[int, int]
"""Start and end in microseconds."""


@dataclass(frozen=True)
class Lane:
    """A row of a timeline: a session, job mode, or the windows in which a QPU is down.

    Attributes:
        qpu: its name; empty where there is only one.
        name: of the session, or what it is.
        stretches: by state.
    """

    qpu: str
    name: str
    stretches: Mapping[State, Sequence[Stretch]]


@dataclass(frozen=True)
class Timeline:
    """A small run as a picture."""

    lanes: tuple[Lane, ...]
    end_us: int


class Emphasis(StrEnum):
    """How a line stands out."""

    NONE = ""
    STRONG = "strong"
    WARNING = "warning"


class Note(NamedTuple):
    """A line above or below a table."""

    text: str | More
    emphasis: Emphasis = Emphasis.NONE


@dataclass(frozen=True)
class Section:
    """A part of what is shown.

    Attributes:
        name: by which programs know it.
        title: may be empty.
        above: notes between the title and the body.
        body: None: there are only notes.
        below: notes after it.
    """

    name: str
    title: str = ""
    above: tuple[Note, ...] = ()
    body: Table | Listing | Timeline | None = None
    below: tuple[Note, ...] = ()


Document = Sequence[Section]


# columns and numbers, as the files that say what is shown need them


def counts(heading: str, values: Iterable[int]) -> Column:
    """A column of counts."""
    return Column(heading, tuple(map(Count, values)))


def durations(heading: str, values_us: Iterable[float | None]) -> Column:
    """A column of durations, in microseconds."""
    return Column(heading, tuple(map(Duration, values_us)))


def words(heading: str, texts: Iterable[str | More], *, long: bool = False) -> Column:
    """A column of words."""
    return Column(heading, tuple(texts), words=True, long=long)


def counted(count: int, thing: str) -> str:
    """Write a number of things.

    Example:
        >>> counted(1, "job"), counted(12_000, "job")
        ('1 job', '12,000 jobs')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


_UNITS: Final = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND), ("ms", MILLISECOND), ("us", 1))
_FROM: Final = 2
"""The largest of times that are compared is at least so many of the unit."""


def scale_of(unit: str | None, values: Iterable[float | None]) -> Scale:
    """The unit in which numbers that are compared are shown: one for all.

    Args:
        unit: of the values, as `metrics.metric_unit` gives it.
        values: all that are shown.

    Example:
        >>> scale_of("us", [4_325_000_000.0]), scale_of("1/h", [0.8])
        (Scale(unit='min', divisor=60000000), Scale(unit='1/h', divisor=1))
    """
    if unit != "us":
        return Scale(unit or "")
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    for name, unit_us in _UNITS:
        if largest >= _FROM * unit_us:
            return Scale(name, unit_us)
    return Scale("s", SECOND) if largest == 0 else Scale("us")

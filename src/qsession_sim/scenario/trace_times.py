"""Dates and lengths of time that files of jobs hold as texts or as types of Parquet, in microseconds.

Texts that differ in nothing but their digits are read at once: the first of them says where the digits are
that mean a year or an hour, and those places are added up in all of them. Whatever has a fraction is rounded
half to even, once (S1), and no float is between the text and the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qsession_sim.errors import DurationError
from qsession_sim.units import DAY, HOUR, LONGEST_US, MINUTE, SECOND, UNITS_US, parse_exact_duration

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Bytes: TypeAlias = npt.NDArray[np.uint8]
    Int64Array: TypeAlias = npt.NDArray[np.int64]
    BoolArray: TypeAlias = npt.NDArray[np.bool_]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_LONGEST_TEXT: Final = 64
"""Longer ones are read one at a time."""

_MOST_SHAPES: Final = 32
"""Texts of further ones in a block are read one at a time."""

_AT_ONCE: Final = 1 << 15
"""Rows of a block."""


@dataclass(frozen=True)
class Times:
    """Microseconds of texts; each array has shape (rows,). `values_us` is 0 where it is not usable."""

    values_us: Int64Array
    usable: BoolArray
    local: BoolArray  # whether it is a date without an offset, which is read as UTC


_Part: TypeAlias = tuple[int, int, int, int | None]


@dataclass(frozen=True)
class _Shape:
    """Where the digits are in texts of one shape, and what they mean.

    Attributes:
        parts: first and last place of each number, how many microseconds one of it is, below 0 where it is
            subtracted, and the largest that it may be.
        fraction: the places of digits after a point, and the microseconds of a whole.
        date: whether the text begins with a date, in the first ten places.
        local: as in `Times`.
    """

    parts: tuple[_Part, ...]
    fraction: tuple[int, int, int] | None = None
    date: bool = False
    local: bool = False


# -- The shapes of dates and of lengths.

_DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?(?:(Z|UTC)|([+-])(\d\d)(?::?(\d\d))?))?)?",
    re.ASCII,
)
_CLOCK: Final = re.compile(
    r"([+-]?)(?:(\d+)(?:-| days?,? ))?(?:(\d+):)?(\d+):(\d+)(?:\.(\d+))?|([+-]?)(\d+) days?", re.ASCII
)
_LENGTH: Final = re.compile(
    r"(?:\s*\d+\s*(?:w|d|h|m|min|s|ms|us))*?\s*(?:\d+\.?|\d*\.\d+)\s*(?:w|d|h|m|min|s|ms|us)\s*", re.ASCII
)
_LENGTH_PART: Final = re.compile(r"(\d*)(?:\.(\d*))?\s*([a-z]+)", re.ASCII)


def _date_shape(text: str) -> _Shape | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    back = 1 if found[6] == "-" else -1  # an offset is subtracted
    units = ((1, HOUR, 23), (2, MINUTE, 59), (3, SECOND, 59), (7, back * HOUR, 23), (8, back * MINUTE, 59))
    local = found[5] is None and found[6] is None
    return _Shape(_parts(found, units), _fraction(found, 4, SECOND), date=True, local=local)


def _length_shape(text: str) -> _Shape | None:
    if _LENGTH.fullmatch(text) is not None:
        pieces = [*_LENGTH_PART.finditer(text)]
        parts = [part for piece in pieces for part in _parts(piece, ((1, UNITS_US[piece[3]], None),))]
        return _Shape(tuple(parts), _fraction(pieces[-1], 2, UNITS_US[pieces[-1][3]]))
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    sign = -1 if "-" in (found[1], found[7]) else 1
    hours, minutes = 23 if found[2] else None, 59 if found[3] else None
    units = ((2, DAY, None), (3, HOUR, hours), (4, MINUTE, minutes), (5, SECOND, 59), (8, DAY, None))
    signed = [(group, sign * unit, most) for group, unit, most in units]
    return _Shape(_parts(found, signed), _fraction(found, 6, sign * SECOND))


def _parts(found: re.Match[str], groups: Iterable[tuple[int, int, int | None]]) -> tuple[_Part, ...]:
    """The groups of an expression that are there, each with its unit and the most it may be."""
    return tuple((*found.span(group), unit, most) for group, unit, most in groups if found[group])


def _fraction(found: re.Match[str], group: int, unit: int) -> tuple[int, int, int] | None:
    return (*found.span(group), unit) if found[group] else None


# -- One text at a time: one with more digits than can be read at once, and one that is written in rarer ways.


def _exactly(text: str, shape: _Shape) -> Fraction | None:
    total = Fraction(0)
    if shape.date:
        day = _iso_date(text[:10])
        if day is None:
            return None
        total += day
    for first, last, unit, most in shape.parts:
        value = int(text[first:last])
        if most is not None and value > most:
            return None
        total += value * unit
    if shape.fraction is not None:
        first, last, unit = shape.fraction
        total += Fraction(int(text[first:last]) * unit, 10 ** (last - first))
    return total


def _iso_date(text: str) -> Fraction | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH
    return Fraction(since // timedelta(microseconds=1))


def _own_length(text: str) -> Fraction | None:
    try:
        return parse_exact_duration(text)
    except DurationError:
        return None


# -- All texts of one shape.


def dates_us(texts: pl.Series) -> Times:
    """Microseconds from 1970-01-01 to dates in ISO 8601; those without an offset are in UTC.

    Args:
        texts: shape (rows,); null where there is none, which is not usable.

    Example:
        >>> import polars as pl
        >>> dates_us(pl.Series(["1970-01-02", "1970-01-01T01:00:00.5+01:00", "soon"])).values_us.tolist()
        [86400000000, 500000, 0]
    """
    return _read(texts, _date_shape, _iso_date)


def lengths_us(texts: pl.Series) -> Times:
    """Microseconds of lengths of time such as `2h30m`, `01:30:00`, `2-00:00:00` or `0 days 00:00:10`.

    Args:
        texts: as of `dates_us`.

    Example:
        >>> import polars as pl
        >>> lengths_us(pl.Series(["1.5s", "00:01:00", "1-00:00:00", "1:75"])).values_us.tolist()
        [1500000, 60000000, 86400000000, 0]
    """
    return _read(texts, _length_shape, _own_length)


def is_date(text: Any) -> bool:
    """Whether a value is a text that has the shape of a date, though there may be no such day.

    Example:
        >>> is_date("2024-02-30"), is_date("20240402T0800Z"), is_date("20240402")
        (True, True, False)
    """
    if not isinstance(text, str):
        return False
    text = text.strip()
    return _DATE.fullmatch(text) is not None or ("T" in text and _iso_date(text) is not None)


def _read(
    texts: pl.Series,
    shape_of: Callable[[str], _Shape | None],
    other: Callable[[str], Fraction | None],
    *,
    stripped: bool = False,
) -> Times:
    import numpy as np

    count = len(texts)
    values, usable, local = np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    with_blanks: list[Int64Array] = []
    alone: list[Int64Array] = []
    for rows, matrix in _blocks(texts, alone):
        odd = _is_no_end(matrix[0]) | _is_no_end(matrix[-1])
        if not stripped and odd.any():
            with_blanks.append(rows[odd])
            groups = _alike(rows[~odd], matrix[:, ~odd], alone)
        else:
            groups = _alike(rows, matrix, alone)
        for alike, of_alike in groups:
            shape = shape_of(of_alike[:, 0].tobytes().decode())
            if shape is None or _is_too_long(shape):
                alone.append(alike)
            else:
                values[alike], usable[alike] = _read_alike(of_alike, shape)
                local[alike] = shape.local
    for row in (row for some in alone for row in some.tolist()):
        text = texts[row].strip()
        shape = shape_of(text)
        time_us = other(text) if shape is None else _exactly(text, shape)
        if time_us is not None and abs(time_us) < LONGEST_US:
            values[row], usable[row] = round(time_us), True
            local[row] = shape.local if shape is not None else not text.endswith("Z")
    if with_blanks:
        rows = np.concatenate(with_blanks)
        again = _read(texts.gather(rows).str.strip_chars(), shape_of, other, stripped=True)
        values[rows], usable[rows], local[rows] = again.values_us, again.usable, again.local
    return Times(np.where(usable, values, 0), usable, local & usable)


def _blocks(texts: pl.Series, long: list[Int64Array]) -> Iterator[tuple[Int64Array, Bytes]]:
    """Rows with texts of one size, and their bytes, shape (size, rows): few enough for a processor's cache.

    Args:
        texts: shape (rows,).
        long: where the rows are added whose texts are too long.
    """
    import numpy as np

    all_sizes = texts.str.len_bytes().fill_null(0).to_numpy()
    for first in range(0, len(texts), _AT_ONCE):
        some, sizes = texts[first : first + _AT_ONCE], all_sizes[first : first + _AT_ONCE]
        long.append(first + np.flatnonzero(sizes > _LONGEST_TEXT))
        for size in np.flatnonzero(
            np.bincount(np.minimum(sizes, _LONGEST_TEXT + 1))[: _LONGEST_TEXT + 1]
        ).tolist():
            if size:
                rows = np.flatnonzero(sizes == size)
                of_size = some if len(rows) == len(some) else some.gather(rows)
                content = np.frombuffer(of_size.str.join("").item().encode(), np.uint8)
                yield first + rows, np.ascontiguousarray(content.reshape(-1, size).T)


def _alike(rows: Int64Array, matrix: Bytes, others: list[Int64Array]) -> Iterator[tuple[Int64Array, Bytes]]:
    """The rows of a block and their bytes, of one shape after the other; those of too many go to `others`."""
    for _ in range(_MOST_SHAPES):
        if not len(rows):
            return
        same = _are_like_the_first(matrix)
        if same.all():
            yield rows, matrix
            return
        yield rows[same], matrix[:, same]
        rows, matrix = rows[~same], matrix[:, ~same]
    others.append(rows)


def _are_like_the_first(matrix: Bytes) -> BoolArray:
    """Which texts differ from the first one in nothing but digits."""
    import numpy as np

    same = np.ones(matrix.shape[1], np.bool_)
    for place in matrix:
        same &= _is_digit(place) if _is_digit(place[:1])[0] else place == place[0]
    return same


def _is_digit(column: Bytes) -> BoolArray:
    digit: BoolArray = column - 48 < 10
    return digit  # bytes have no sign: what is below 48 is large


def _is_no_end(column: Bytes) -> BoolArray:
    """Bytes of blanks, and of letters that may be blanks."""
    no_end: BoolArray = column - 33 > 93
    return no_end


def _is_too_long(shape: _Shape) -> bool:
    """Whether any part could be beyond 62 bits."""
    largest: int = sum(10 ** (last - first) * abs(unit) for first, last, unit, _ in shape.parts)
    if shape.fraction is not None:
        first, last, unit = shape.fraction
        largest = max(largest, 10 ** (last - first) * abs(unit))
    return largest >= LONGEST_US // 2


def _read_alike(matrix: Bytes, shape: _Shape) -> tuple[Int64Array, BoolArray]:
    import numpy as np

    from qsession_sim.queueing.statistics import half_even

    rows = matrix.shape[1]
    total, usable = np.zeros(rows, np.int64), np.ones(rows, np.bool_)
    if shape.date:
        days, usable = _days(matrix)
        total += days * DAY
    for first, last, unit, most in shape.parts:
        value = _number(matrix, first, last)
        if most is not None:
            usable &= value <= most
        total += value * unit
    if shape.fraction is not None:
        first, last, unit = shape.fraction
        value, per = _number(matrix, first, last), 10 ** (last - first)
        if unit % per == 0:
            total += value * (unit // per)
        else:
            odd = total % 2  # of the sum, which decides about halves
            total += half_even(value * unit + odd * per, per) - odd
    return total, usable


def _number(matrix: Bytes, first: int, last: int) -> Int64Array:
    """The number that some digits are, added up in as few bytes as it needs."""
    import numpy as np

    digits = last - first
    size = "u1" if digits <= 2 else "u2" if digits <= 4 else "u4" if digits <= 9 else "i8"
    value: npt.NDArray[Any] = np.zeros(matrix.shape[1], size)
    for place in matrix[first:last]:
        value *= 10
        value += place - 48
    return value.astype(np.int64)


def _days(matrix: Bytes) -> tuple[Int64Array, BoolArray]:
    """Days since 1970-01-01, and whether there is such a day."""
    import numpy as np

    month = (_number(matrix, 0, 4) - 1970) * 12 + _number(matrix, 5, 7) - 1
    day = _number(matrix, 8, 10)
    before = int(month.min())
    months = np.arange(before, int(month.max()) + 2)
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    begin, end = first[month - before], first[month - before + 1]
    in_year = _number(matrix, 5, 7)
    usable = (in_year >= 1) & (in_year <= 12) & (day >= 1) & (day <= end - begin)
    return begin + day - 1, usable


def physical_us(column: pl.Series) -> pl.Series:
    """Microseconds of a column of instants, days or durations; instants since 1970-01-01.

    Example:
        >>> import polars as pl
        >>> physical_us(pl.Series([1500, 2500], dtype=pl.Duration("ns"))).to_list()
        [2, 2]
    """
    import polars as pl

    from qsession_sim.queueing.statistics import half_even

    numbers = column.to_physical().cast(pl.Int64)
    if isinstance(column.dtype, pl.Datetime | pl.Duration) and column.dtype.time_unit == "ns":
        rounded = pl.Series(half_even(numbers.fill_null(0).to_numpy(), 1000))
        return rounded.set(numbers.is_null(), None)
    milliseconds = isinstance(column.dtype, pl.Datetime | pl.Duration) and column.dtype.time_unit == "ms"
    unit = DAY if column.dtype == pl.Date else UNITS_US["ms"] if milliseconds else 1
    return numbers.clip(-(LONGEST_US // unit), LONGEST_US // unit) * unit

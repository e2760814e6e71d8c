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


@dataclass(frozen=True)
class Times:
    """Microseconds of texts; each array has shape (rows,). `values_us` is 0 where it is not usable."""

    values_us: Int64Array
    usable: BoolArray
    local: BoolArray  # whether it is a date without an offset, which is read as UTC


@dataclass(frozen=True)
class _Shape:
    """Where the digits are in texts of one shape, and what they mean.

    Attributes:
        parts: first and last place of each number, and how many microseconds one of it is.
        fraction: the same of digits after a point.
        date: whether the text begins with a date, in the first ten places.
        sign: of all, or of the offset that is subtracted, whose numbers are then the last of `parts`.
        offset: how many of the parts are the offset.
        most: the largest number that each of the parts may be.
        local: as in `Times`.
    """

    parts: tuple[tuple[int, int, int], ...]
    most: tuple[int | None, ...]
    fraction: tuple[int, int, int] | None = None
    date: bool = False
    sign: int = 1
    offset: int = 0
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
    offset = ((7, HOUR, 23), (8, MINUTE, 59))
    return _shape(
        found,
        ((1, HOUR, 23), (2, MINUTE, 59), (3, SECOND, 59), *offset),
        fraction=4,
        date=True,
        sign=-1 if found[6] == "-" else 1,
        offset=sum(found[group] is not None for group, *_ in offset),
        local=found[5] is None and found[6] is None,
    )


def _length_shape(text: str) -> _Shape | None:
    if _LENGTH.fullmatch(text) is not None:
        parts = [(*part.span(1), UNITS_US[part[3]]) for part in _LENGTH_PART.finditer(text) if part[1]]
        fractions = [(*part.span(2), UNITS_US[part[3]]) for part in _LENGTH_PART.finditer(text) if part[2]]
        return _Shape(tuple(parts), (None,) * len(parts), fractions[0] if fractions else None)
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes = 23 if found[2] else None, 59 if found[3] else None
    parts_of = ((2, DAY, None), (3, HOUR, hours), (4, MINUTE, minutes), (5, SECOND, 59), (8, DAY, None))
    return _shape(found, parts_of, fraction=6, sign=-1 if "-" in (found[1], found[7]) else 1)


def _shape(
    found: re.Match[str], groups: Iterable[tuple[int, int, int | None]], fraction: int, **more: Any
) -> _Shape:
    """A shape by the groups of an expression that are there, each with its unit and the most it may be."""
    kept = [(*found.span(group), unit, most) for group, unit, most in groups if found[group]]
    return _Shape(
        parts=tuple((first, last, unit) for first, last, unit, _ in kept),
        most=tuple(most for *_, most in kept),
        fraction=(*found.span(fraction), SECOND) if found[fraction] else None,
        **more,
    )


# -- One text at a time: one with more digits than can be read at once, and one that is written in rarer ways.


def _exactly(text: str, shape: _Shape) -> Fraction | None:
    total = Fraction(0)
    if shape.date:
        day = _iso_date(text[:10])
        if day is None:
            return None
        total += day
    clock = len(shape.parts) - shape.offset
    for number, ((first, last, unit), most) in enumerate(zip(shape.parts, shape.most, strict=True)):
        value = int(text[first:last])
        if most is not None and value > most:
            return None
        total += value * (unit if number < clock else -shape.sign * unit)
    if shape.fraction is not None:
        first, last, unit = shape.fraction
        total += Fraction(int(text[first:last]) * unit, 10 ** (last - first))
    return total if shape.date else total * shape.sign


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


def half_even(numerators: Int64Array, per: int) -> Int64Array:
    """The quotients, rounded half to even.

    Example:
        >>> import numpy as np
        >>> half_even(np.array([500, 1500, 2501]), 1000).tolist()
        [0, 2, 3]
    """
    whole = numerators // per
    twice = 2 * (numerators - whole * per)
    rounded: Int64Array = whole + ((twice > per) | ((twice == per) & (whole % 2 == 1)))
    return rounded


def _read(
    texts: pl.Series, shape_of: Callable[[str], _Shape | None], other: Callable[[str], Fraction | None]
) -> Times:
    import numpy as np

    count = len(texts)
    values, usable, local = np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for rows, alike, matrix in _alike(texts.str.strip_chars()):
        first = alike[0]
        shape = shape_of(first)
        if shape is not None and not _is_too_long(shape):
            values[rows], usable[rows] = _read_alike(matrix, shape)
            local[rows] = shape.local
            continue
        for row, text in zip(rows.tolist(), alike.to_list(), strict=True):
            time_us = other(text) if shape is None else _exactly(text, shape)
            if time_us is not None and abs(time_us) < LONGEST_US:
                values[row], usable[row] = round(time_us), True
                local[row] = shape.local if shape is not None else not text.endswith("Z")
    return Times(np.where(usable, values, 0), usable, local & usable)


def _alike(texts: pl.Series) -> Iterator[tuple[Int64Array, pl.Series, Bytes]]:
    """The rows, the texts in them, and their bytes, of one shape after the other."""
    import numpy as np
    import polars as pl

    sizes = texts.str.len_bytes().fill_null(0).to_numpy()
    for size in np.flatnonzero(np.bincount(np.minimum(sizes, _LONGEST_TEXT + 1))).tolist():
        if not size:
            continue
        rows = np.flatnonzero(sizes == size if size <= _LONGEST_TEXT else sizes > _LONGEST_TEXT)
        same_size = texts if len(rows) == len(texts) else texts.gather(rows)
        if size > _LONGEST_TEXT:
            for place in range(len(rows)):
                one = same_size[place : place + 1]
                yield rows[place : place + 1], one, _matrix(one)
            continue
        matrix = _matrix(same_size)
        while len(rows):
            first = matrix[0]
            digit = _is_digit(first)
            same = np.ones(len(rows), np.bool_)
            for place in range(size):
                column = matrix[:, place]
                same &= _is_digit(column) if digit[place] else column == first[place]
            if same.all():
                yield rows, same_size, matrix
                break
            yield rows[same], same_size.filter(pl.Series(same)), matrix[same]
            rows, same_size, matrix = rows[~same], same_size.filter(pl.Series(~same)), matrix[~same]


def _matrix(texts: pl.Series) -> Bytes:
    """The bytes of texts of one size, shape (size, rows) in memory, so that a place is read at a stretch."""
    import numpy as np

    joined = np.frombuffer(texts.str.join("").item().encode(), np.uint8)
    return np.asfortranarray(joined.reshape(len(texts), -1))


def _is_digit(column: Bytes) -> BoolArray:
    digit: BoolArray = column - 48 < 10
    return digit  # bytes have no sign: what is below 48 is large


def _is_too_long(shape: _Shape) -> bool:
    """Whether any part could be beyond 62 bits."""
    largest: int = sum(10 ** (last - first) * unit for first, last, unit in shape.parts)
    if shape.fraction is not None:
        first, last, unit = shape.fraction
        largest = max(largest, 10 ** (last - first) * unit)
    return largest >= LONGEST_US // 2


def _read_alike(matrix: Bytes, shape: _Shape) -> tuple[Int64Array, BoolArray]:
    import numpy as np

    total = np.zeros(len(matrix), np.int64)
    usable = np.ones(len(matrix), np.bool_)
    if shape.date:
        days, usable = _days(matrix)
        total += days * DAY
    clock = len(shape.parts) - shape.offset
    for number, ((first, last, unit), most) in enumerate(zip(shape.parts, shape.most, strict=True)):
        value = _number(matrix, first, last)
        if most is not None:
            usable &= value <= most
        total += value * (unit if number < clock else -shape.sign * unit)
    if shape.fraction is not None:
        first, last, unit = shape.fraction
        odd = total % 2  # of the sum, which decides about halves
        total += half_even(
            _number(matrix, first, last) * unit + odd * 10 ** (last - first), 10 ** (last - first)
        )
        total -= odd
    return (total if shape.date else total * shape.sign), usable


def _number(matrix: Bytes, first: int, last: int) -> Int64Array:
    import numpy as np

    value = np.zeros(len(matrix), np.int64)
    for place in range(first, last):
        value *= 10
        value += matrix[:, place] - 48
    return value


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

    numbers = column.to_physical().cast(pl.Int64)
    if isinstance(column.dtype, pl.Datetime | pl.Duration) and column.dtype.time_unit == "ns":
        rounded = pl.Series(half_even(numbers.fill_null(0).to_numpy(), 1000))
        return rounded.set(numbers.is_null(), None)
    milliseconds = isinstance(column.dtype, pl.Datetime | pl.Duration) and column.dtype.time_unit == "ms"
    unit = DAY if column.dtype == pl.Date else UNITS_US["ms"] if milliseconds else 1
    return numbers.clip(-(LONGEST_US // unit), LONGEST_US // unit) * unit

"""Rows of a trace in any format: their numbers, what is wrong with them, and what follows from that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from qsession_sim.errors import ScenarioError
from qsession_sim.queueing.statistics import half_even
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import BoolArray, Int64Array, NameBlock, SessionColumns, constant
from qsession_sim.workload.context import source_error

if TYPE_CHECKING:
    import polars as pl

FROM_SOURCE: Final = -2
"""As the limit of a row: the row does not say, so the source does."""

NEVER_RAN: Final = 0
"""As the QPU time of a row: the job of the file never ran, so there is nothing to replay."""

UNKNOWN_USER: Final = "user-unknown"
"""The account of jobs whose user the file does not give."""

LARGEST: Final = 2**62
"""No number of a file is larger."""

MOST_SHOWN: Final = 20


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of integers; each array has shape (rows,). `values` is 0 where missing or wrong."""

    values: Int64Array
    missing: BoolArray
    wrong: BoolArray


def numbers_of(column: pl.Series, factor: int = 1, *, per: int = 1, whole: bool = False) -> Numbers:
    """Multiply a column of numbers or of texts by a factor, and round half to even, once (S1).

    Every number counts as it is written: what floats would round elsewhere is computed exactly.

    Args:
        column: integers, floats, decimals or texts, shape (rows,); empty texts count as missing.
        factor: such as the microseconds of the column's unit.
        per: how many of the numbers make one, if that is not 1.
        whole: whether a fraction is wrong, instead of being rounded.

    Example:
        >>> import polars as pl
        >>> numbers_of(pl.Series(["2", " 0.5", "", "x"]), 1_000_000).values.tolist()
        [2000000, 500000, 0, 0]
        >>> numbers_of(pl.Series(["2.0", "0.5"]), whole=True).wrong.tolist()
        [False, True]
    """
    import polars as pl

    if column.dtype == pl.String:
        column = column.str.strip_chars()
        column = column.set(column.is_in([""]), None)
    if column.dtype.is_decimal():
        column = column.cast(pl.String)  # digit by digit; a cast to integers would drop the fraction
    if per > 1:
        return _parts_of(column, per)
    if column.dtype == pl.Int64 and not column.null_count():
        values = column.to_numpy()
        most = LARGEST // factor
        if values.max(initial=0) <= most and values.min(initial=0) >= -most:  # as usual: nothing to convert
            flags = np.zeros(len(column), dtype=np.bool_)
            return Numbers(values if factor == 1 else values * factor, flags, flags)
    missing = column.is_null().to_numpy()
    exact = np.zeros(len(column), dtype=np.int64)
    is_exact = np.zeros(len(column), dtype=np.bool_)
    if not column.dtype.is_float():
        integers = column.cast(pl.Int64, strict=False)
        is_exact = integers.is_not_null().to_numpy()
        exact = integers.fill_null(0).to_numpy()
        is_exact &= (exact <= LARGEST // factor) & (exact >= -(LARGEST // factor))
    values = np.where(is_exact, exact, 0) * factor
    wrong = np.zeros(len(column), dtype=np.bool_)
    rest = np.flatnonzero(~is_exact & ~missing)
    near = column.gather(rest).cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    possible = np.isfinite(near) & (np.abs(near) <= 2.0 * LARGEST / factor)
    wrong[rest[~possible]] = True
    rest, near = rest[possible], near[possible]
    floor = np.floor(near)
    fraction = (near - floor) * factor
    # where a float may stand on the wrong side of a half or of the limit, the number itself decides
    error = np.spacing(np.abs(near)) * factor + np.spacing(fraction)
    doubtful = np.abs(fraction - np.floor(fraction) - 0.5) <= error
    doubtful |= whole | (np.abs(near) * factor > LARGEST / 2)
    clear = ~doubtful
    values[rest[clear]] = floor[clear].astype(np.int64) * factor + np.rint(fraction[clear]).astype(np.int64)
    for row in rest[doubtful].tolist():
        number = _exactly(column[row], factor, whole=whole)
        if number is None:
            wrong[row] = True
        else:
            values[row] = number
    return Numbers(values, missing, wrong)


def _parts_of(column: pl.Series, per: int) -> Numbers:
    """Numbers that are divided: integers at once, others one at a time."""
    import polars as pl

    missing = column.is_null().to_numpy()
    integers = column.cast(pl.Int64, strict=False)
    is_exact = integers.is_not_null().to_numpy() & (not column.dtype.is_float())
    values = np.where(is_exact, half_even(integers.fill_null(0).to_numpy(), per), 0)
    wrong = np.zeros(len(column), dtype=np.bool_)
    for row in np.flatnonzero(~is_exact & ~missing).tolist():
        try:
            values[row] = round(Fraction(Decimal(column[row])) / per)
        except (ArithmeticError, ValueError):  # no number, or one that is not finite or too large
            wrong[row] = True
    return Numbers(values, missing, wrong)


def numbered(keys: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The different keys in the order in which they come, and the number of each row's among them."""
    known, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return known[order], np.argsort(order)[inverse]


def not_usable(value: Any, *, whole: bool, kind: str | None = None) -> str:
    """What is wrong with a value of a column of one kind, by default numbers, which may have to be whole."""
    wanted = kind or ("a whole number" if whole else "a number")
    return f"not {wanted} that can be used (got {repr(value) if isinstance(value, str) else value})"


def _exactly(number: Any, factor: int, *, whole: bool) -> int | None:
    """A number times a factor, rounded half to even; None if too large, or with a fraction where `whole`."""
    decimal = Decimal(number)
    if whole and decimal != decimal.to_integral_value():
        return None
    product = round(Fraction(decimal) * factor)
    return product if abs(product) <= LARGEST else None


_PARTICULARS: Final = re.compile(r"\(got .*\)|'[^']*'|\d+")


class BadRows:
    """The malformed rows of a file, each with the first reason."""

    def __init__(self, rows: int) -> None:
        self.mask: BoolArray = np.zeros(rows, dtype=np.bool_)
        self._reasons: list[tuple[Int64Array, Callable[[int], str]]] = []

    def add(self, mask: BoolArray, reason: Callable[[int], str]) -> None:
        """Take rows as malformed.

        Args:
            mask: shape (rows,).
            reason: from a row to what is wrong with it; called only for those that are shown.
        """
        fresh = np.flatnonzero(mask & ~self.mask)
        if len(fresh):
            self.mask[fresh] = True
            self._reasons.append((fresh, reason))

    def are_alike(self) -> bool:
        """Whether the reasons differ in nothing but numbers and what was read."""
        kinds = (_PARTICULARS.sub("", reason) for _, reason in self.first(len(self.mask)))
        kind = next(kinds)
        return all(other == kind for other in kinds)

    def first(self, most: int) -> Iterator[tuple[int, str]]:
        """The first rows in the order of the file, and what is wrong with each."""
        each = [
            [(row, number) for row in fresh[:most].tolist()]
            for number, (fresh, _) in enumerate(self._reasons)
        ]
        for row, number in islice(merge(*each), most):
            yield row, self._reasons[number][1](row)


@dataclass(frozen=True, eq=False)
class TraceRows:
    """The rows of a trace; arrays have shape (rows,). Values of malformed rows are anything.

    `after` and `session` are rows of this trace and of `sessions`.
    """

    place: str  # what a row is called in messages: line or row
    lines: Int64Array  # the number of each row in the file
    bad: BadRows
    unrun: BoolArray  # whether the file says that the job never ran
    jobs: Mapping[str, Int64Array]  # columns of JobColumns, as far as the file has them; see COLUMNS
    after: Int64Array
    more_after: Mapping[int, tuple[int, ...]]  # further preceding rows, of rows that have several (S5)
    user: Int64Array  # index into `users`
    users: tuple[str, ...]
    session: Int64Array
    sessions: SessionColumns  # clocks are NEVER where the file does not say
    qpu: Int64Array  # index into `qpus`, NEVER where the file names none; of sessions too
    qpus: tuple[str, ...]
    names_of: Callable[[Int64Array], NameBlock | None]  # from the rows that are used to their ids, if any
    session_names: NameBlock
    requested_us: Int64Array | None = None  # NEVER where a row does not say; None where none does
    dated: bool = False  # whether times are dates: instants then count from 1970-01-01
    notes: tuple[str, ...] = ()  # what to say of how they were read

    @property
    def at_us(self) -> Int64Array:
        """When jobs are submitted, also follow-ups where the file says it; else NEVER."""
        return self.jobs["at_us"]


Chains: TypeAlias = tuple[Int64Array, Mapping[int, tuple[int, ...]]]
"""The preceding row of each row, NEVER without one; and the further ones of rows that have several."""


def check_chains(rows: TraceRows) -> Chains:
    """Reject rows whose chain of preceding jobs has no beginning, and let go of those that never ran.

    Returns:
        The preceding rows; rows not to be used are in `rows.bad` or `unrun`.
    """
    if rows.more_after:
        return _check_joins(rows)
    count = len(rows.lines)
    # a job that never ran did not end either: what followed it was submitted when the file says
    gone = rows.unrun & ~rows.bad.mask
    after = np.where((rows.after != NEVER) & gone[rows.after], NEVER, rows.after)
    rows.bad.add(
        (after == NEVER) & (rows.at_us == NEVER) & ~gone,
        lambda _: _NO_BEGINNING,
    )
    if not (after != NEVER).any():
        return constant(count, NEVER), {}  # malformed rows break nobody's chain
    beyond = count  # one more row, which follows itself and is neither good nor bad
    pointer = np.append(np.where(after == NEVER, beyond, after), beyond)
    broken = np.append(rows.bad.mask, False)
    for _ in range(max(count, 1).bit_length() + 1):
        broken |= broken[pointer]
        pointer = pointer[pointer]
    rows.bad.add(broken[:count], lambda _: _BROKEN)
    rows.bad.add(pointer[:count] != beyond, lambda _: _CIRCLE)
    return after, {}


_NO_BEGINNING: Final = "has no time of submission, and no preceding job that ran"
_BROKEN: Final = "follows a line that cannot be used, directly or through others"
_CIRCLE: Final = "waits for itself, directly or through other jobs"


def _check_joins(rows: TraceRows) -> Chains:
    """The same where a row has several preceding rows: row by row, each after those that it follows."""
    count = len(rows.lines)
    gone = (rows.unrun & ~rows.bad.mask).tolist()
    first = rows.after.tolist()
    before = [
        []
        if first[row] == NEVER
        else [one for one in (first[row], *rows.more_after.get(row, ())) if not gone[one]]
        for row in range(count)
    ]
    alone = np.array([not others for others in before])
    rows.bad.add(alone & (rows.at_us == NEVER) & ~np.array(gone), lambda _: _NO_BEGINNING)
    followers: list[list[int]] = [[] for _ in range(count)]
    for row, others in enumerate(before):
        for other in others:
            followers[other].append(row)
    waits_for = [len(others) for others in before]
    broken = rows.bad.mask.tolist()
    ready = [row for row in range(count) if not waits_for[row]]
    for row in ready:  # it grows
        for follower in followers[row]:
            broken[follower] |= broken[row]
            waits_for[follower] -= 1
            if not waits_for[follower]:
                ready.append(follower)
    rows.bad.add(np.array(broken), lambda _: _BROKEN)
    rows.bad.add(np.array(waits_for) > 0, lambda _: _CIRCLE)
    after = np.array([min(others, default=NEVER) for others in before], dtype=np.int64)
    return after, {row: tuple(sorted(others)[1:]) for row, others in enumerate(before) if len(others) > 1}


def refuse(rows: TraceRows, stream: str, file: str, *, skip_bad_lines: bool) -> None:
    """Raise an error if rows are malformed that are not to be skipped, or none is left.

    Raises:
        ScenarioError: with at most `MOST_SHOWN` lines, and one with the total; a reason that all rows share
            is given once.
    """
    bad, place = rows.bad, rows.place
    left = bool(np.any(~bad.mask & ~rows.unrun))
    total, count = int(bad.mask.sum()), len(rows.lines)
    if left and (skip_bad_lines or total == 0):
        return
    start = f"workload.{stream}: {file}"
    if total == 0:
        what = f"none of its {count} {place}s is a job that ran" if count else "holds no job"
        raise ScenarioError((f"{start}: {what}; there is nothing to simulate",))
    if total == count > 1 and bad.are_alike():
        row, reason = next(bad.first(1))
        what = f"all {count} {place}s are malformed for the same reason; {place} {rows.lines[row]}: {reason}"
        raise ScenarioError((f"{start}: {what}",))
    problems = [f"{start}, {place} {rows.lines[row]}: {reason}" for row, reason in bad.first(MOST_SHOWN)]
    what = f"1 malformed {place}" if total == 1 else f"{total} malformed {place}s"
    shown = f", the first {MOST_SHOWN} of which are shown" if total > MOST_SHOWN else ""
    remedy = "correct the file"
    remedy += ", or leave them out with --skip-bad-lines (skip_bad_lines: true)" if left else ""
    nothing = "" if left else ", and no job that ran besides"
    raise ScenarioError((*problems, f"{start}: {what}{shown}{nothing}; {remedy}"))


def unreadable(stream: str, file: str, error: Exception) -> ScenarioError:
    """The error of a file that cannot be read at all."""
    lines = str(getattr(error, "strerror", None) or error).splitlines()
    return source_error(stream, f"{file}: cannot be read: {lines[0] if lines else type(error).__name__}")

"""Columns of numbers as files have them, converted to integers without losing a digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from qsession_sim.workload.columns import Int64Array

if TYPE_CHECKING:
    import polars as pl

_LARGEST: Final = 2**62


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of integers; each array has shape (rows,). `values` is 0 where missing or wrong."""

    values: Int64Array
    missing: npt.NDArray[np.bool_]
    wrong: npt.NDArray[np.bool_]

    @staticmethod
    def joined(parts: Sequence[Numbers]) -> Numbers:
        """Columns after one another."""
        no_flags = np.zeros(0, dtype=np.bool_)
        return Numbers(
            np.concatenate([np.zeros(0, dtype=np.int64), *(part.values for part in parts)]),
            np.concatenate([no_flags, *(part.missing for part in parts)]),
            np.concatenate([no_flags, *(part.wrong for part in parts)]),
        )


def numbers_of(column: pl.Series, factor: int = 1) -> Numbers:
    """Multiply a column of numbers or of texts by a factor, and round half to even, once (S1).

    Whole numbers are exact. A fraction is rounded on its own, so that a large time keeps its microseconds.

    Args:
        column: integers, floats or texts, shape (rows,); empty texts count as missing.
        factor: such as the microseconds of the column's unit.

    Example:
        >>> import polars as pl
        >>> numbers_of(pl.Series(["2", " 0.5", "", "x"]), 1_000_000).values.tolist()
        [2000000, 500000, 0, 0]
    """
    import polars as pl

    if column.dtype == pl.String:
        column = column.str.strip_chars()
        column = column.set(column.is_in([""]), None)
    if column.dtype == pl.Int64 and not column.null_count():
        values = column.to_numpy()
        most = _LARGEST // factor
        if values.max(initial=0) <= most and values.min(initial=0) >= -most:  # as usual: nothing to convert
            flags = np.zeros(len(column), dtype=np.bool_)
            return Numbers(values if factor == 1 else values * factor, flags, flags)
    missing = column.is_null().to_numpy()
    whole = None if column.dtype.is_float() else column.cast(pl.Int64, strict=False)
    floating = column.cast(pl.Float64, strict=False)
    exact = np.zeros(len(column), dtype=np.int64)
    is_exact = np.zeros(len(column), dtype=np.bool_)
    if whole is not None:
        is_exact = whole.is_not_null().to_numpy()
        exact = whole.fill_null(0).to_numpy()
        is_exact &= (exact <= _LARGEST // factor) & (exact >= -(_LARGEST // factor))
    values = np.where(is_exact, exact, 0) * factor
    rest = np.flatnonzero(~is_exact & ~missing)
    near = floating.gather(rest).fill_null(np.nan).to_numpy()
    # integers that are too large to be exact are too large
    possible = np.isfinite(near) & (np.abs(near) * factor <= _LARGEST)
    floor = np.floor(near[possible])
    fraction = np.rint((near[possible] - floor) * factor).astype(np.int64)
    values[rest[possible]] = floor.astype(np.int64) * factor + fraction
    wrong = np.zeros(len(column), dtype=np.bool_)
    wrong[rest[~possible]] = True
    return Numbers(values, missing, wrong)

"""Columns as the two forms of the core, its text interpreted and compiled, take them and give them back."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from qsession_sim.scheduler.plan import Column
from qsession_sim.scheduler.vocabulary import NEVER

Ints = npt.NDArray[np.int64]

# -- What stands in columns of a plan.


def ints(column: Column | Ints) -> Ints:
    """A column as an array: the one whose memory it is, which is quicker than to read its format."""
    if isinstance(column, memoryview) and isinstance(column.obj, np.ndarray):
        whole: Ints = column.obj
        is_whole = whole.shape == column.shape and whole.strides == column.strides
        if is_whole and whole.dtype == np.int64:
            return whole
    return np.asarray(column, dtype=np.int64)


def is_one_value(values: Ints) -> bool:
    """Whether a column is one value for all rows, without looking at them."""
    return len(values) > 0 and values.strides == (0,)


def has_other(column: Column, default: int) -> bool:
    """Whether a column has any other value than that."""
    values = ints(column)
    if not len(values) or is_one_value(values):
        return len(values) > 0 and bool(values[0] != default)
    return bool(np.any(values != default))


def largest(column: Column) -> int:
    """The largest size of a number in a column."""
    values = ints(column)
    if not len(values) or is_one_value(values):
        return abs(int(values[0])) if len(values) else 0
    return max(int(values.max()), -int(values.min()))


# -- The two forms.


@cache
def _modules() -> Mapping[bool, Any]:
    """The core, by whether it is compiled."""
    names = {False: "core", True: "_core"}
    there = {key: f"{__package__}.{name}" for key, name in names.items()}
    return {key: import_module(name) for key, name in there.items() if find_spec(name) is not None}


def is_compiled() -> bool:
    """Whether the kernel was compiled when the package was built."""
    return True in _modules()


@dataclass(frozen=True)
class Memory:
    """Columns as one form of the core takes them."""

    is_compiled: bool

    @property
    def module(self) -> Any:
        """That form of the core."""
        return _modules()[self.is_compiled]

    def given(self, column: Column | Ints) -> Any:
        """A column that is only read."""
        values = ints(column)
        if self.is_compiled:
            return values
        return [int(values[0])] * len(values) if is_one_value(values) else values.tolist()

    def written(self, columns: Sequence[tuple[str, str, int, int]]) -> dict[str, Any]:
        """Columns of the journal: of each its name, type code, the value in all rows and how many there are.

        They are one block of memory, for which NumPy asks for huge pages if it is large: in small ones,
        getting it from the operating system takes about as long as the run. The widest come first, so that
        each is aligned.
        """
        if not self.is_compiled:
            return {name: [value] * rows for name, _, value, rows in columns}
        ends = list(accumulate((rows * np.dtype(code).itemsize for _, code, _, rows in columns), initial=0))
        block = np.empty(ends[-1], dtype=np.int8)
        found = {}
        for (name, code, value, _), (first, end) in zip(columns, pairwise(ends), strict=True):
            found[name] = block[first:end].view(code)
            found[name][:] = value
        return found

    def copy(self, column: Column | Ints) -> Any:
        """A column that is written to."""
        return array("q", ints(column).tobytes()) if self.is_compiled else ints(column).tolist()

    def fresh(self, rows: int, value: int = NEVER, code: str = "q") -> Any:
        """A column with one value in every row."""
        return array(code, [value]) * rows if self.is_compiled else [value] * rows


def taken(column: Any, rows: int, code: str = "q") -> Any:
    """The first rows of a column of the core, without a copy where that can be."""
    whole = getattr(column, "base", column)
    if isinstance(whole, np.ndarray):
        return whole[:rows]
    if isinstance(whole, array) and len(whole) == rows:
        return whole
    return array(code, whole[:rows])

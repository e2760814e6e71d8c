"""What all formats of traces share: rows of a file, what is wrong with them, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.errors import ScenarioError
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import Int64Array, NameBlock, SessionColumns, constant
from qsession_sim.workload.problems import source_error

BooleanArray = npt.NDArray[np.bool_]

FROM_SOURCE: Final = -2
"""As the limit of a row: the row does not say, so the source does."""

UNKNOWN_USER: Final = "user-unknown"
"""The account of jobs whose user the file does not tell."""

MOST_SHOWN: Final = 20

_LONGEST_US: Final = 2**62


class BadRows:
    """The malformed rows of a file, each with the first reason that was found."""

    def __init__(self, rows: int) -> None:
        self.mask: BooleanArray = np.zeros(rows, dtype=np.bool_)
        self._found: list[tuple[Int64Array, Callable[[int], str]]] = []

    def add(self, mask: BooleanArray, reason: Callable[[int], str]) -> None:
        """Take rows as malformed.

        Args:
            mask: shape (rows,).
            reason: from a row to what is wrong with it; called only for those that are shown.
        """
        fresh = np.flatnonzero(mask & ~self.mask)
        if len(fresh):
            self.mask[fresh] = True
            self._found.append((fresh, reason))

    def first(self, most: int) -> Iterator[tuple[int, str]]:
        """The first rows in the order of the file, and what is wrong with each."""
        each = [
            [(row, number) for row in fresh[:most].tolist()] for number, (fresh, _) in enumerate(self._found)
        ]
        for row, number in islice(merge(*each), most):
            yield row, self._found[number][1](row)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a trace; arrays have shape (rows,). Values of malformed rows are anything.

    `after` and `session` are rows of this trace and of `sessions`; `names` is None where rows have no ids.
    """

    place: str  # what a row is called in messages: line or row
    lines: Int64Array  # the number of each row in the file
    bad: BadRows
    unrun: BooleanArray  # whether the file says that the job never ran
    at_us: Int64Array  # also of follow-ups where the file says it; NEVER
    after: Int64Array
    think_us: Int64Array
    qpu_time_us: Int64Array
    max_execution_time_us: Int64Array  # as JobColumns, or FROM_SOURCE
    priority: Int64Array
    cancel_us: Int64Array
    cancel_after_us: Int64Array
    preparation_us: Int64Array
    post_processing_us: Int64Array
    estimate_us: Int64Array  # NEVER: the file does not say
    user: Int64Array  # index into `users`
    users: tuple[str, ...]
    session: Int64Array
    sessions: SessionColumns  # clocks are NEVER where the file does not say
    names_of: Callable[[Int64Array], NameBlock | None]  # from the rows that are used to their ids
    session_names: NameBlock


def check_chains(rows: Rows) -> Int64Array:
    """Reject rows whose chain of preceding jobs has no beginning, and let go of those that never ran.

    Returns:
        The preceding row of each row, NEVER without one; rows not to be used are in `rows.bad` or `unrun`.
    """
    count = len(rows.lines)
    # a job that never ran did not end either: what followed it was submitted when the file says
    gone = rows.unrun & ~rows.bad.mask
    after = np.where((rows.after != NEVER) & gone[rows.after], NEVER, rows.after)
    rows.bad.add(
        (after == NEVER) & (rows.at_us == NEVER) & ~gone,
        lambda _: "has no time of submission, and no preceding job that ran",
    )
    if not (after != NEVER).any():
        return constant(count, NEVER)  # malformed rows break nobody's chain
    beyond = count  # one more row, which follows itself and is neither good nor bad
    pointer = np.append(np.where(after == NEVER, beyond, after), beyond)
    broken = np.append(rows.bad.mask, False)
    for _ in range(max(count, 1).bit_length() + 1):
        broken |= broken[pointer]
        pointer = pointer[pointer]
    rows.bad.add(broken[:count], lambda _: "follows a line that cannot be used, directly or through others")
    rows.bad.add(pointer[:count] != beyond, lambda _: "waits for itself, directly or through other jobs")
    return after


def check_times(rows: Rows) -> None:
    """Reject rows with times that no run could reach."""
    late = (rows.at_us > _LONGEST_US // 2) | (rows.qpu_time_us > _LONGEST_US // 2)
    for times_us in (rows.think_us, rows.preparation_us, rows.post_processing_us, rows.estimate_us):
        late |= times_us > _LONGEST_US // 2
    rows.bad.add(late, lambda _: "has a time beyond 73,000 years")


def refuse(rows: Rows, stream: str, file: str) -> None:
    """Raise an error with the first malformed rows and their number, if there are any.

    Raises:
        ScenarioError: with at most `MOST_SHOWN` lines, and one with the total.
    """
    total = int(rows.bad.mask.sum())
    if total == 0:
        return
    problems = [
        f"workload.{stream}: {file}, {rows.place} {rows.lines[row]}: {reason}"
        for row, reason in rows.bad.first(MOST_SHOWN)
    ]
    what = f"1 malformed {rows.place}" if total == 1 else f"{total} malformed {rows.place}s"
    shown = f", the first {MOST_SHOWN} of which are shown" if total > MOST_SHOWN else ""
    remedy = "; correct the file, or leave them out with --skip-bad-lines (skip_bad_lines: true)"
    raise ScenarioError((*problems, f"workload.{stream}: {file}: {what}{shown}{remedy}"))


def unreadable(stream: str, file: str, error: Exception) -> ScenarioError:
    """The error of a file that cannot be read at all."""
    lines = str(getattr(error, "strerror", None) or error).splitlines()
    return source_error(stream, f"{file}: cannot be read: {lines[0] if lines else type(error).__name__}")

"""All cases of a size: run by the kernel, checked by conditions, played by the naive model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import Final

import numpy as np
import numpy.typing as npt

from qsession_sim.experiment.executors import spawned_pool
from qsession_sim.verification.small_scope.alone import difference, difference_of_end
from qsession_sim.verification.small_scope.cases import BEYOND, Block, Cases, Scope, Shape, shapes
from qsession_sim.verification.small_scope.checks import Facts, violations
from qsession_sim.verification.small_scope.coverage import Coverage, watched
from qsession_sim.verification.small_scope.runs import TICK_US, Observed, Setting, observe, observed, plan_of
from qsession_sim.workload.columns import Int64Array

NUMBERS_AT_ONCE: Final = 40_000
"""Of a piece: the columns of so many cases fit into the caches of a processor, and its run takes a moment."""

_OF_A_SHAPE: Final = 1_000
"""Numbers of each shape in a sample."""

_AHEAD: Final = 4
"""Pieces a worker has before it."""

Digests = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Piece:
    """Cases that run together: parts of blocks whose columns have the same shape, and what they share."""

    number: int
    setting: Setting
    parts: tuple[tuple[Shape, range | Int64Array], ...]


@dataclass(frozen=True)
class Played:
    """How much the naive model plays, beside the kernel.

    Attributes:
        cases: one in so many, chosen by the seed; 0: none.
        ends: the same of runs of one case alone, without a horizon (S6).
        watched: one piece in so many is also run by the scheduler, which must give the same, and notes what
            the cases exercise.
        seed: of the choice.
    """

    cases: int = 1
    ends: int = 20
    watched: int = 1
    seed: int = 0


@dataclass
class Tally:
    """What was found so far; a few of what is wrong in words."""

    cases: int = 0
    played: int = 0
    ends: int = 0
    watched: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    differences: int = 0
    examples: list[str] = field(default_factory=list)
    schedules: Digests = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, other: Tally) -> None:
        """Count what another one counted."""
        for name in ("cases", "played", "ends", "watched", "differences"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for rule, number in other.violations.items():
            self.violations[rule] = self.violations.get(rule, 0) + number
        self.examples = [*self.examples, *other.examples][:5]
        self.schedules = np.union1d(self.schedules, other.schedules)
        self.coverage.add(other.coverage)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations and not self.differences


def pieces(scope: Scope) -> Iterator[Piece]:
    """All cases of a size, in the same order each time."""
    number = count()
    waiting: dict[tuple[int, int, Setting], list[tuple[Shape, range]]] = {}
    for shape in (*shapes(scope), *(BEYOND if scope.jobs > 3 else ())):
        numbers = Block(scope, shape).numbers
        for hold in shape.holds:
            for unused in shape.unused:
                setting = Setting(hold, unused, scope.span)
                parts = waiting.setdefault((len(shape.owners), len(shape.modes), setting), [])
                first = 0
                while first < numbers:
                    room = NUMBERS_AT_ONCE - sum(len(part) for _, part in parts)
                    part = range(first, min(numbers, first + room))
                    parts.append((shape, part))
                    first = part.stop
                    if len(part) == room:
                        yield Piece(next(number), setting, tuple(parts))
                        parts.clear()
    for (_, _, setting), parts in waiting.items():
        if parts:
            yield Piece(next(number), setting, tuple(parts))


def sampled_pieces(scope: Scope, cases: int, seed: int) -> Iterator[Piece]:
    """Some numbers of some of the largest shapes, about as many cases as are wanted."""
    generator = np.random.default_rng([seed, scope.jobs])
    largest = [one for one in shapes(scope) if len(one.owners) + len(one.extras) == scope.jobs]
    number = count()
    found = 0
    while found < cases:
        shape = largest[int(generator.integers(len(largest)))]
        hold = shape.holds[int(generator.integers(len(shape.holds)))]
        unused = shape.unused[int(generator.integers(len(shape.unused)))]
        block, setting = Block(scope, shape), Setting(hold, unused, scope.span)
        numbers = np.unique(generator.integers(block.numbers, size=_OF_A_SHAPE))
        found += len(block.cases(numbers))
        yield Piece(next(number), setting, ((shape, numbers),))


def explore(
    scope: Scope,
    played: Played | None = None,
    *,
    workers: int = 1,
    sample: int | None = None,
    progress: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Run and check all cases of a size.

    Args:
        scope: the size.
        played: how much the naive model plays; by default everything.
        workers: processes.
        sample: instead of all cases about so many, with as many jobs and extras as the size allows.
        progress: called after each piece.

    Example:
        >>> tally = explore(Scope(1))
        >>> tally.cases, tally.played, tally.violations, tally.differences
        (32, 32, {}, 0)
    """
    total = Tally()
    play = partial(_play, scope, played or Played())
    seed = 0 if played is None else played.seed
    work = pieces(scope) if sample is None else sampled_pieces(scope, sample, seed)
    for tally in map(play, work) if workers == 1 else _in_processes(play, work, workers):
        total.add(tally)
        progress(total)
    return total


def _play(scope: Scope, played: Played, piece: Piece) -> Tally:
    """One piece, in whatever process."""
    setting = piece.setting
    cases = Cases.joined([Block(scope, shape).cases(numbers) for shape, numbers in piece.parts])
    tally = Tally(cases=len(cases))
    if not len(cases):
        return tally
    seen = observe(cases, setting)
    tally.schedules = np.unique(digests(cases, seen))
    for rule, wrong in violations(Facts(cases, seen, setting)):
        tally.violations[rule] = len(wrong)
        tally.examples.append(f"{rule}: {_in_words(cases, seen, int(wrong[0]), setting)}")
    generator = np.random.default_rng([played.seed, piece.number])
    for number in _chosen(len(cases), played.cases, generator):
        tally.played += 1
        _note(tally, difference(cases, seen, number, setting))
    for number in _chosen(len(cases), played.ends, generator):
        tally.ends += 1
        _note(tally, difference_of_end(cases, number, setting))
    if piece.number % played.watched == 0:
        _watch(tally, cases, seen, setting)
    return tally


def _chosen(cases: int, one_in: int, generator: np.random.Generator) -> list[int]:
    if one_in < 2:
        return list(range(cases * one_in))
    return np.flatnonzero(generator.integers(one_in, size=cases) == 0).tolist()


def _note(tally: Tally, different: str | None) -> None:
    if different is not None:
        tally.differences += 1
        tally.examples.append(different)


def _watch(tally: Tally, cases: Cases, seen: Observed, setting: Setting) -> None:
    horizon_us = len(cases) * setting.span * TICK_US
    journal, coverage = watched(plan_of(cases, setting.span), setting.rules, horizon_us)
    tally.coverage.add(coverage)
    tally.watched += len(cases)
    expected = digests(cases, observed(journal, cases, setting.span))
    different = np.flatnonzero(expected != digests(cases, seen))
    if len(different):
        tally.differences += len(different)
        tally.examples.append(f"scheduler: {_in_words(cases, seen, int(different[0]), setting)}")


def _in_words(cases: Cases, seen: Observed, number: int, setting: Setting) -> str:
    row = {name: column[number].tolist() for name, column in vars(cases).items()}
    first, last = seen.first_change[number : number + 2].tolist()
    columns = ("submitted", "started", "left", "ended", "stage", "reason")
    found = {name: getattr(seen, name)[number].tolist() for name in columns}
    return f"{setting} {row} {found} {seen.changes[first:last].tolist()}"


# -- Schedules: all that happened in a case, as one number.

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


def digests(cases: Cases, seen: Observed) -> Digests:
    """64 bits for all that happened in each case; different schedules have different ones but by accident."""
    of_case = np.full(len(cases), cases.owner.shape[1], dtype=np.uint64)
    columns = (cases.owner, seen.submitted, seen.started, seen.left, seen.ended, seen.stage, seen.reason)
    for column in (*(part.T for part in columns), cases.mode.T):
        for values in column:
            of_case = _mixed(of_case, values)
    of_change = np.arange(len(seen.changes)) - seen.first_change[seen.case_of_change]
    of_row = of_change.astype(np.uint64)
    for values in seen.changes.T:
        of_row = _mixed(of_row, values)
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(of_row, dtype=np.uint64)])
    first = seen.first_change
    return _mixed(of_case, sums[first[1:]] - sums[first[:-1]])


def _mixed(state: Digests, values: npt.NDArray[np.int64] | Digests) -> Digests:
    """The finalizer of splitmix64 of both."""
    mixed = (state ^ (values.astype(np.uint64) + _ODD)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


# -- Processes.


def _in_processes(play: Callable[[Piece], Tally], work: Iterable[Piece], workers: int) -> Iterator[Tally]:
    """The same as `map`, with few pieces under way, and in the order in which they are done."""
    rest = iter(work)
    pool = spawned_pool(workers)
    try:
        running = {pool.submit(play, piece) for piece in islice(rest, workers * _AHEAD)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(play, piece) for piece in islice(rest, len(done))}
            yield from map(Future.result, done)
    finally:
        pool.stop()

"""What a size of cases exercises: pairs of phase and event, and pairs of ranks that meet in one instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any, Final

from qsession_sim.scheduler.columns import Journal
from qsession_sim.scheduler.plan import Plan, Rules
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import SESSION_TABLE, SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, Rank

PhaseAndEvent = tuple[SessionPhase, SessionEvent]
RankPair = tuple[Rank, Rank]
"""The smaller rank first."""

_EVENTS_OUTSIDE: Final = {
    SessionEvent.PREPARE: "preparation",
    SessionEvent.READY: "preparation",
    SessionEvent.RESERVE: "windows of availability",
    SessionEvent.COST_LIMIT: "quotas of plans",
}
_RANKS_OUTSIDE: Final = {Rank.READY: "preparation", Rank.AVAILABILITY: "windows of availability"}

LEGAL_EVENTS: Final = frozenset((phase, event) for phase, row in SESSION_TABLE.items() for event in row)
RANK_PAIRS: Final = frozenset(combinations_with_replacement(Rank, 2))

EVENTS_OUTSIDE: Final = {
    **{pair: _EVENTS_OUTSIDE[pair[1]] for pair in LEGAL_EVENTS if pair[1] in _EVENTS_OUTSIDE},
    # before a session has run, only a job that is being prepared is left where none counts (S43)
    **{
        (phase, SessionEvent.LEAVE_LAST): "preparation"
        for phase in (SessionPhase.OPEN, SessionPhase.OPEN_CLOSING)
    },
}
"""Legal pairs that need a feature that no case has, with that feature."""

RANKS_OUTSIDE: Final = {
    **{
        pair: next(_RANKS_OUTSIDE[rank] for rank in pair if rank in _RANKS_OUTSIDE)
        for pair in RANK_PAIRS
        if not _RANKS_OUTSIDE.keys().isdisjoint(pair)
    },
    # a QPU is left, given back and taken only once in an instant: whatever runs needs a tick
    **{(rank, rank): "several QPUs" for rank in (Rank.FINISH, Rank.ITTL, Rank.DISPATCH)},
}
"""The same of ranks. `DISPATCH` is a start here, not that a QPU looks for work."""


@dataclass
class Coverage:
    """What has occurred."""

    events: set[PhaseAndEvent] = field(default_factory=set)
    ranks: set[RankPair] = field(default_factory=set)

    def add(self, other: Coverage) -> None:
        """What has occurred there has occurred."""
        self.events |= other.events
        self.ranks |= other.ranks

    @property
    def missing(self) -> tuple[list[PhaseAndEvent], list[RankPair]]:
        """What is legal, needs nothing from outside, and has not occurred."""
        events = LEGAL_EVENTS - self.events - EVENTS_OUTSIDE.keys()
        return sorted(events), sorted(RANK_PAIRS - self.ranks - RANKS_OUTSIDE.keys())


class _Row(list[Any]):
    """A row of the table of moves that notes which of its entries were wanted."""

    def __init__(self, moves: list[Any], phase: int, noted: set[PhaseAndEvent]) -> None:
        super().__init__(moves)
        self._phase, self._noted = SessionPhase(phase), noted

    def __getitem__(self, event: Any) -> Any:
        self._noted.add((self._phase, SessionEvent(event)))
        return super().__getitem__(event)


class _Instants:
    """Which ranks met in one instant."""

    def __init__(self, pairs: set[RankPair]) -> None:
        self._pairs, self._now_us, self._here = pairs, NEVER, set[Rank]()

    def note(self, now_us: int, rank: Rank) -> None:
        """Something of a rank happened."""
        if now_us != self._now_us:
            self._now_us, self._here = now_us, set()
        for other in self._here:
            self._pairs.add((min(other, rank), max(other, rank)))
        self._here.add(rank)


def watched(plan: Plan, rules: Rules, horizon_us: int) -> tuple[Journal, Coverage]:
    """A run of the scheduler that notes what it exercises; first in, first out."""
    coverage = Coverage()
    scheduler = Scheduler(plan, rules)
    moves = scheduler._sessions._moves
    moves[:] = [_Row(row, phase, coverage.events) for phase, row in enumerate(moves)]
    instants = _Instants(coverage.ranks)
    for rank, handlers in zip(Rank, scheduler._handlers, strict=True):
        handlers[:] = [_noting(handler, rank, instants) for handler in handlers]
    dispatch, journal = scheduler._jobs.dispatch, scheduler.journal

    def dispatched(now_us: int, qpu: Any) -> None:
        before = qpu.job
        dispatch(now_us, qpu)
        if qpu.job not in (before, NEVER):
            instants.note(now_us, Rank.DISPATCH)

    scheduler._jobs.dispatch = dispatched  # type: ignore[method-assign]
    scheduler.advance(horizon_us - 1)
    scheduler.finish_at(horizon_us)
    return journal, coverage


def _noting(
    handler: Callable[[int, int], None], rank: Rank, instants: _Instants
) -> Callable[[int, int], None]:
    def noted(now_us: int, number: int) -> None:
        instants.note(now_us, rank)
        handler(now_us, number)

    return noted


def names_of(pairs: Iterator[Any] | list[Any]) -> list[str]:
    """Pairs in words."""
    return [f"{one.name} {other.name}" for one, other in pairs]

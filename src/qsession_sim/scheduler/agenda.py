"""Agenda: what will happen and when (S3). A disarmed deadline is forgotten, never searched for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, heapreplace

Deadline = tuple[int, int, int, int, int]
"""One event: time_us, rank, entity, number (the order of S3), then a generation that makes it unique."""


class Agenda:
    """A heap of deadlines with lazy removal, into which a sorted series of submissions is merged.

    Only the next one of the planned submissions is ever in `heap`, which is for looking at its head.

    Example:
        >>> from qsession_sim.scheduler.vocabulary import Entity, Rank
        >>> agenda = Agenda([(50, Rank.SUBMIT, Entity.JOB, 0, 0), (70, Rank.SUBMIT, Entity.JOB, 1, 0)])
        >>> ittl = agenda.arm(60, Rank.ITTL, Entity.SESSION, 0)
        >>> agenda.disarm(ittl)
        >>> [agenda.take((90,))[0] for _ in range(2)], agenda.head()
        ([50, 70], None)
    """

    __slots__ = ("_disarmed", "_generation", "_planned", "_rest", "heap")

    def __init__(self, submissions: Iterable[Deadline] = ()) -> None:
        self._rest = iter(submissions)
        self._planned = next(self._rest, None)
        self.heap = [] if self._planned is None else [self._planned]
        self._disarmed: set[Deadline] = set()
        self._generation = 0

    def arm(self, time_us: int, rank: int, entity: int, number: int) -> Deadline:
        """Add an event and return the deadline by which it can be disarmed."""
        self._generation += 1
        deadline = (time_us, rank, entity, number, self._generation)
        heappush(self.heap, deadline)
        return deadline

    def disarm(self, deadline: Deadline | None) -> None:
        """Forget an armed deadline that has not been popped yet; None is none."""
        if deadline is not None:
            self._disarmed.add(deadline)

    def head(self) -> Deadline | None:
        """The next event, or None; it stays on the agenda."""
        heap = self.heap
        while heap:
            head = heap[0]
            if not self._disarmed or head not in self._disarmed:
                return head
            self._disarmed.discard(heappop(heap))
        return None

    def pending(self) -> Iterator[Deadline]:
        """Everything that is to come, in no order; of the planned submissions the next one."""
        return (deadline for deadline in self.heap if deadline not in self._disarmed)

    def take(self, limit: tuple[int, ...]) -> Deadline | None:
        """Take the next event off the agenda, if it is not beyond `limit`, the beginning of a deadline."""
        heap = self.heap
        while heap:
            head = heap[0]
            if head > limit:
                return None
            if head is self._planned:
                self._planned = following = next(self._rest, None)
                if following is None:
                    return heappop(heap)
                return heapreplace(heap, following)
            heappop(heap)
            if not self._disarmed or head not in self._disarmed:
                return head
            self._disarmed.discard(head)
        return None

"""Windows: when QPUs do not serve everybody (S52). What is to come is armed with rank AVAILABILITY."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.columns import Journal
from qsession_sim.scheduler.plan import Rules, WindowSpec
from qsession_sim.scheduler.qpu import Qpu
from qsession_sim.scheduler.sessions import Sessions
from qsession_sim.scheduler.transitions import SessionEvent
from qsession_sim.scheduler.vocabulary import NEVER, Entity, Rank, WindowKind

_END, _BEGIN = 0, 1
"""Ends of one instant come before beginnings."""


class Windows:
    """Begins and ends the windows of all QPUs.

    Args:
        specs: of the windows.
        qpus: by number.
        agenda: where the next change of each QPU is armed.
        journal: where each window is written down as it begins.
        sessions: they hold no QPU that is reserved for another account.
        rules: settings of the service.
        fail: called with (now_us, qpu) when an outage hits a QPU.
    """

    def __init__(
        self,
        specs: Sequence[WindowSpec],
        qpus: Sequence[Qpu],
        agenda: Agenda,
        journal: Journal,
        sessions: Sessions,
        rules: Rules,
        fail: Callable[[int, Qpu], None],
    ) -> None:
        self._specs = specs
        self._qpus = qpus
        self._agenda = agenda
        self._journal = journal
        self._sessions = sessions
        self._before_sessions = rules.calibrates_before_sessions
        self._fail = fail
        self._changes: list[list[tuple[int, int, int]]] = [[] for _ in qpus]  # (time, end or begin, window)
        for number, spec in enumerate(specs):
            self._changes[spec.qpu].append((spec.start_us, _BEGIN, number))
        for qpu, changes in enumerate(self._changes):
            heapify(changes)
            for time_us, _, _ in changes:
                self._arm(time_us, qpu)

    @property
    def has_single(self) -> bool:
        """Whether a change by a window that does not come again is to come."""
        changes = (change for changes in self._changes for change in changes)
        return any(self._specs[window].every_us == NEVER for _, _, window in changes)

    def fails_again(self, qpu: int) -> bool:
        """Whether outages of a QPU come again and again."""
        kind = WindowKind.OUTAGE
        return any(spec.kind is kind and spec.qpu == qpu and spec.every_us != NEVER for spec in self._specs)

    def on_change(self, now_us: int, number: int) -> None:
        """A window of a QPU begins, ends or is due."""
        qpu = self._qpus[number]
        _, change, window = heappop(self._changes[number])
        spec = self._specs[window]
        if change == _END:
            self._end(qpu, spec)
            return
        if spec.every_us != NEVER:
            self._expect(now_us + spec.every_us, _BEGIN, window)
        if spec.kind is WindowKind.CALIBRATION:
            if window not in qpu.due_calibrations:  # S52: missed occurrences merge into one
                qpu.due_calibrations.append(window)
                qpu.look_for_work()
        else:
            self._begin(now_us, qpu, window)
            self._take_hold(now_us, qpu, spec)

    def calibrate(self, now_us: int, qpu: Qpu) -> bool:
        """Begin a calibration that is due, if it goes first now (S52); whether one has begun."""
        if qpu.job != NEVER or qpu.closed_by:
            return False
        holder = qpu.holder
        if holder is not None and not holder.is_batch and not self._before_sessions:
            return False
        self._begin(now_us, qpu, qpu.due_calibrations.pop(0))
        qpu.closed_by += 1
        return True

    def _begin(self, now_us: int, qpu: Qpu, window: int) -> None:
        spec = self._specs[window]
        end_us = now_us + spec.duration_us
        self._journal.windows.extend((qpu.number, spec.kind, window, now_us, end_us))
        self._expect(end_us, _END, window)

    def _take_hold(self, now_us: int, qpu: Qpu, spec: WindowSpec) -> None:
        if spec.kind is not WindowKind.RESERVATION:
            qpu.closed_by += 1
            if spec.kind is WindowKind.OUTAGE:
                self._fail(now_us, qpu)
            return
        qpu.queue.reserve(spec.account)
        qpu.lanes.unprepared.reserve(spec.account)
        holder = qpu.holder
        if holder is not None and holder.spec.account != spec.account:
            runs = qpu.job != NEVER and self._journal.session[qpu.job] == holder.number
            if not runs:
                self._sessions.apply(now_us, holder, SessionEvent.RESERVE)

    def _end(self, qpu: Qpu, spec: WindowSpec) -> None:
        if spec.kind is WindowKind.RESERVATION:
            qpu.queue.open_to_all()
            qpu.lanes.unprepared.open_to_all()
        else:
            qpu.closed_by -= 1
        qpu.look_for_work()

    def _expect(self, time_us: int, change: int, window: int) -> None:
        qpu = self._specs[window].qpu
        heappush(self._changes[qpu], (time_us, change, window))
        self._arm(time_us, qpu)

    def _arm(self, time_us: int, qpu: int) -> None:
        self._agenda.arm(time_us, Rank.AVAILABILITY, Entity.QPU, qpu)

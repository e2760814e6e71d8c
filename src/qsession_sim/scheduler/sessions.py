"""Sessions: every session of the service: creation, clocks, commands, and who holds the QPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from qsession_sim.errors import IllegalTransitionError
from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.columns import Journal
from qsession_sim.scheduler.limits import Usage
from qsession_sim.scheduler.plan import Rules, SessionPlan, SessionSpec, specs
from qsession_sim.scheduler.qpu import Qpu, Router
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.transitions import (
    REASON_OF,
    SESSION_TABLE,
    VISIBLE_CHANGES,
    Chain,
    JobEvent,
    SessionAction,
    SessionEvent,
    SessionPhase,
    chain,
)
from qsession_sim.scheduler.vocabulary import NEVER, Entity, JobStatus, Rank, Reason

_ITTL, _SESSION = int(Rank.ITTL), int(Entity.SESSION)  # looking members up costs more than arming a clock
_CLOSING = SessionPhase.CLOSING

Act = Callable[[int, Session, int], None]
"""Takes an action: (now_us, session, event)."""

Move = tuple[SessionPhase, Reason | None, Chain[Act]]
"""The next phase, the reason to write down if the change can be seen, and what is to be done."""


def moves(acts: Mapping[SessionAction, Act]) -> list[list[Move | None]]:
    """The table by the numbers of phase and event, with functions in place of actions; None: illegal."""
    return [
        [
            None
            if (entry := SESSION_TABLE[phase].get(event)) is None
            else (
                entry.after,
                REASON_OF.get(event, Reason.NONE) if (phase, entry.after) in VISIBLE_CHANGES else None,
                chain(acts[action] for action in entry.actions),
            )
            for event in SessionEvent
        ]
        for phase in SessionPhase
    ]


class Sessions:
    """Applies the table of sessions, and is all that changes their phases.

    Args:
        plan: of the sessions known before the run.
        rules: settings of the service.
        agenda: where clocks and commands are armed.
        journal: where changes are written down.
        qpus: by number.
        router: gives each session its QPU (S54).
        usage: what accounts use; None: nobody asks.
        end_job: called for each queued job that ends with its session: (now_us, job, event).
    """

    def __init__(
        self,
        plan: SessionPlan,
        rules: Rules,
        agenda: Agenda,
        journal: Journal,
        qpus: Sequence[Qpu],
        router: Router,
        usage: Usage | None,
        end_job: Callable[[int, int, JobEvent], None],
    ) -> None:
        self.commands_to_come = 0  # closes and cancels of sessions that are not closed (S6)
        self.active = 0  # sessions that hold a QPU
        self._rules = rules
        self._agenda = agenda
        self._journal = journal
        self._qpus = qpus
        self._router = router
        self._usage = usage
        self._end_job = end_job
        self._timeout = (  # S16
            JobEvent.SESSION_TIMEOUT
            if rules.max_time_ends_as is JobStatus.ERROR
            else JobEvent.SESSION_TIMEOUT_CANCELS
        )
        self.all: list[Session] = []  # by number
        acts: dict[SessionAction, Act] = {
            SessionAction.START_UNUSED: self._start_unused,
            SessionAction.STOP_UNUSED: self._stop_life,
            SessionAction.START_MAX_TIME: self._start_max_time,
            SessionAction.START_ITTL: self._start_ittl,
            SessionAction.STOP_ITTL: self._stop_ittl,
            SessionAction.STOP_CLOCKS: self._stop_clocks,
            SessionAction.HOLD_QPU: self._hold_qpu,
            SessionAction.RELEASE_QPU: self._release_qpu,
            SessionAction.END_QUEUED_JOBS: self._end_queued_jobs,
            SessionAction.REQUEUE_JOBS: self._requeue_jobs,
        }
        self._moves = moves(acts)
        for spec in specs(SessionSpec, plan):
            self.add(spec)

    def add(self, spec: SessionSpec) -> int:
        """Make a session known and arm what is already certain; returns its number."""
        session = Session(len(self.all), spec, self._rules.hold, self._router.given(spec.qpu))
        self.all.append(session)
        if spec.created_us != NEVER:
            self._agenda.arm(spec.created_us, Rank.CREATE, Entity.SESSION, session.number)
            self._arm_counted_from(session, spec.created_us)  # S6: to come even before it exists
        if spec.close_us != NEVER:
            self.arm_command(session, spec.close_us, Rank.CLOSE)
        if spec.cancel_us != NEVER:
            self.arm_command(session, spec.cancel_us, Rank.CANCEL)
        return session.number

    def arm_command(self, session: Session, time_us: int, rank: Rank) -> None:
        """Schedule a close or cancel."""
        self._agenda.arm(time_us, rank, Entity.SESSION, session.number)
        self.expect_command(session)

    def expect_command(self, session: Session) -> None:
        """Count a close or cancel that is to come (S6)."""
        if session.phase is not SessionPhase.CLOSED:
            session.commands += 1
            self.commands_to_come += 1

    def command_served(self, session: Session) -> Session:
        """Count a close or cancel that has come."""
        if session.phase is not SessionPhase.CLOSED:
            session.commands -= 1
            self.commands_to_come -= 1
        return session

    def _arm_counted_from(self, session: Session, created_us: int) -> None:
        if session.spec.close_after_us != NEVER:
            self.arm_command(session, created_us + session.spec.close_after_us, Rank.CLOSE)
        if session.spec.cancel_after_us != NEVER:
            self.arm_command(session, created_us + session.spec.cancel_after_us, Rank.CANCEL)

    def create(self, now_us: int, number: int) -> None:
        """S9: the session comes into existence."""
        session = self.all[number]
        if session.qpu == NEVER:
            session.qpu = self._router.choose(now_us, session.spec.route)  # S54
        self.apply(now_us, session, SessionEvent.CREATE)
        if session.spec.created_us == NEVER:
            self._arm_counted_from(session, now_us)

    def close(self, now_us: int, session: Session) -> None:
        """S17; before the first submission it creates the session and ends it there (S9)."""
        if session.phase is SessionPhase.ABSENT:
            self.create(now_us, session.number)
        self.apply(now_us, session, SessionEvent.CLOSE if session.jobs else SessionEvent.CLOSE_EMPTY)
        self.let_go(now_us, session)

    def let_go(self, now_us: int, session: Session) -> None:
        """S17: a closing session whose jobs are all post-processed does not hold the QPU for that."""
        if session.phase is _CLOSING and session.finishing == session.jobs:
            self.apply(now_us, session, SessionEvent.RELEASE)

    def cancel(self, now_us: int, session: Session) -> None:
        """S18; before the first submission it creates the session and ends it there (S9)."""
        if session.phase is SessionPhase.ABSENT:
            self.create(now_us, session.number)
        self.apply(now_us, session, SessionEvent.CANCEL)

    def on_close(self, now_us: int, number: int) -> None:
        """A scheduled close."""
        self.close(now_us, self.command_served(self.all[number]))

    def on_cancel(self, now_us: int, number: int) -> None:
        """A scheduled cancel."""
        self.cancel(now_us, self.command_served(self.all[number]))

    def on_life_end(self, now_us: int, number: int) -> None:
        """The unused clock, or once a job has started the max_time clock, ran out (S16, S21)."""
        session = self.all[number]
        session.life_deadline = None
        unused = session.phase is SessionPhase.OPEN
        self.apply(now_us, session, SessionEvent.UNUSED if unused else SessionEvent.MAX_TIME)

    def reach_cost_limit(self, now_us: int, account: int) -> None:
        """S28: the sessions of an account that exist and are not closed are closed."""
        for session in self.all:
            if session.spec.account == account and session.phase not in (
                SessionPhase.ABSENT,
                SessionPhase.CLOSED,
            ):
                self.apply(now_us, session, SessionEvent.COST_LIMIT)

    def on_ittl(self, now_us: int, number: int) -> None:
        """The ITTL clock ran out (S14)."""
        session = self.all[number]
        session.ittl_deadline = None
        self.apply(now_us, session, SessionEvent.ITTL)

    def apply(self, now_us: int, session: Session, event: int) -> None:
        """Make the transition of the table for the number of an event: write it down if it can be seen, act.

        Raises:
            IllegalTransitionError: if the table has no entry; nothing was changed.
        """
        before = session.phase
        move = self._moves[before][event]
        if move is None:
            name = SessionEvent(event).name
            raise IllegalTransitionError(
                f"session {session.number}: no transition for event {name} in phase {before.name}"
            )
        session.phase, reason, acts = move
        if reason is not None:
            self._note(now_us, session, before, event, reason)
        while acts is not None:
            act, acts = acts
            act(now_us, session, event)

    def _note(self, now_us: int, session: Session, before: SessionPhase, event: int, reason: Reason) -> None:
        if session.phase is SessionPhase.CLOSED:
            self.commands_to_come -= session.commands
            session.commands = 0
        self._journal.note(now_us, session.number, before, event, session.phase, reason)

    def _start_unused(self, now_us: int, session: Session, _event: int) -> None:
        self._start_life(session, now_us + self._rules.unused_timeout_us)

    def _start_max_time(self, now_us: int, session: Session, _event: int) -> None:
        self._start_life(session, now_us + session.spec.max_time_us)

    def _start_ittl(self, now_us: int, session: Session, _event: int) -> None:
        ittl_us = session.adapted_ittl(now_us) if session.adapts else session.ittl_us  # S13
        session.ittl_deadline = self._agenda.arm(now_us + ittl_us, _ITTL, _SESSION, session.number)
        if (
            session.fills_gaps
        ):  # S51: also after the cancel of a job that was not ready, where nobody else asks
            self._qpus[session.qpu].look_for_work()

    def _stop_ittl(self, _now_us: int, session: Session, _event: int) -> None:
        self._agenda.disarm(session.ittl_deadline)
        session.ittl_deadline = None

    def _stop_life(self, _now_us: int, session: Session, _event: int) -> None:
        self._agenda.disarm(session.life_deadline)
        session.life_deadline = None

    def _stop_clocks(self, now_us: int, session: Session, event: int) -> None:
        self._stop_ittl(now_us, session, event)
        self._stop_life(now_us, session, event)

    def _hold_qpu(self, now_us: int, session: Session, _event: int) -> None:
        qpu = self._qpus[session.qpu]
        qpu.holder = session
        qpu.lanes.become_active(session)
        self.active += 1
        if self._usage is not None and not session.is_batch:
            self._usage.begin_session(now_us, session.spec.account, session.number)

    def _release_qpu(self, now_us: int, session: Session, _event: int) -> None:
        qpu = self._qpus[session.qpu]
        qpu.holder = None
        qpu.lanes.stop_being_active(session)
        qpu.look_for_work()
        self.active -= 1
        if self._usage is not None and not session.is_batch:
            stays = qpu.job != NEVER and self._journal.session[qpu.job] == session.number
            self._usage.end_session(now_us, session.number, job_on_qpu=qpu.job if stays else NEVER)

    def _start_life(self, session: Session, time_us: int) -> None:
        session.life_deadline = self._agenda.arm(time_us, Rank.MAX_TIME, Entity.SESSION, session.number)

    def _end_queued_jobs(self, now_us: int, session: Session, event: int) -> None:
        ends_by = JobEvent.SESSION_CANCEL  # S18
        if event == SessionEvent.MAX_TIME:
            ends_by = self._timeout  # S16
        elif event == SessionEvent.COST_LIMIT:
            ends_by = JobEvent.COST_LIMIT  # S28
        if not session.jobs:
            return
        ready, unprepared = session.waiting(self._journal.stage)
        jobs = {*ready, *unprepared, *session.preparing}
        for job in sorted(jobs, key=lambda job: (self._journal.submitted_us[job], job)):
            self._end_job(now_us, job, ends_by)

    def _requeue_jobs(self, _now_us: int, session: Session, _event: int) -> None:
        """S43, S52: what is queued stands in the normal queue, with its own submission time."""
        if not session.jobs:
            return
        ready, unprepared = session.waiting(self._journal.stage)
        qpu, submitted_us = self._qpus[session.qpu], self._journal.submitted_us
        # a policy may count who enters first, so they enter by submission, and those of one instant by number
        for submission_us, job in sorted((submitted_us[job], job) for job in ready):
            qpu.queue.push_again(submission_us, job, of_session=True)
        for submission_us, job in sorted((submitted_us[job], job) for job in unprepared):
            qpu.lanes.unprepared.push(submission_us, job, of_session=True)

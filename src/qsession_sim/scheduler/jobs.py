"""Jobs: what happens to every job of the service, from its submission to its end (S40)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.columns import GrowingJobs, Journal
from qsession_sim.scheduler.limits import Limits, Usage
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.qpu import Qpu
from qsession_sim.scheduler.routing import Router
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.sessions import Sessions
from qsession_sim.scheduler.transitions import IS_ACCEPTING, IS_ACTIVE, SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Entity, JobStage, JobStatus, Rank, Reason
from qsession_sim.scheduler.windows import Windows
from qsession_sim.units import LONGEST_US

# Looking up an enum member costs more than most lines below; the hot path uses these names.
_QUEUED, _RUNNING, _DONE = JobStage.QUEUED, JobStage.RUNNING, JobStatus.DONE
_PREPARING, _READY, _REQUEUED = JobStage.PREPARING, JobStage.READY, JobStage.REQUEUED
_POST_PROCESSING = JobStage.POST_PROCESSING
_REJECTED, _NO_REASON = JobStatus.REJECTED, Reason.NONE
_START, _SUBMIT, _END, _END_LAST, _LEAVE_LAST = (
    SessionEvent.START,
    SessionEvent.SUBMIT,
    SessionEvent.END,
    SessionEvent.END_LAST,
    SessionEvent.LEAVE_LAST,
)
_FINISH_RANK, _JOB = Rank.FINISH, Entity.JOB
_ABSENT, _CLOSED = SessionPhase.ABSENT, SessionPhase.CLOSED


BEFORE_ALL = NEVER
"""A time that no submission has: the place of a job that an outage threw off the QPU (S52)."""


class Jobs:
    """Moves jobs from stage to stage and tells sessions, queues, limits and usage of it.

    Args:
        columns: what is known of each job.
        rules: settings of the service.
        journal: where everything is written down.
        agenda: where the ends of stages are armed.
        qpus: by number.
        router: finds a QPU for a job that names none (S54).
        limits: of the accounts' plans; None: there are none (S60).
        usage: what accounts use; None: nobody asks (S62).
        on_end: called with each job that has ended, after its session: (now_us, job, status, reason).
    """

    def __init__(
        self,
        columns: GrowingJobs,
        rules: Rules,
        journal: Journal,
        agenda: Agenda,
        qpus: Sequence[Qpu],
        router: Router,
        limits: Limits | None,
        usage: Usage | None,
        on_end: Callable[[int, int, JobStatus, Reason], None],
    ) -> None:
        self.unfinished = 0  # jobs queued, running or with a submission to come (S6)
        self.sessions: Sessions  # these two are set by the scheduler: each side tells the other of ends
        self.windows: Windows
        self.live_jobs: Collection[int] = ()  # jobs of live users, and what is called when one of them starts
        self.on_live_start: Callable[[int], None] = lambda _job: None
        self._columns = columns
        self._journal = journal
        self._agenda = agenda
        self._qpus = qpus
        self._only = qpus[0] if len(qpus) == 1 else None
        self._router = router
        self._limits = limits
        self._usage = usage
        self._on_end = on_end
        self._ittl_asks_for_ready = rules.ittl_asks_for_ready
        self._requeues = rules.requeues_after_outage
        limit_us = rules.max_execution_time_us
        self._limit_us = LONGEST_US if limit_us == NEVER else limit_us

    # ---------------------------------------------------------------- submission

    def submit(self, now_us: int, job: int) -> None:
        """A job arrives: it is rejected (S20), or waits for a lane, or is ready (S40)."""
        journal = self._journal
        journal.submitted_us[job] = now_us
        number = journal.session[job]
        session = None if number == NEVER else self.sessions.all[number]
        if session is not None or self._limits is not None:
            reason = self._why_rejected(now_us, job, session)
            if reason:
                self._reject(now_us, job, session, reason)
                return
        columns = self._columns
        qpu = self._only if self._only is not None else self._qpu_for(now_us, job, session)
        preparation_us = columns.preparation_us[job] if columns.preparation_us else 0
        if session is not None:
            self._tell_submitted(now_us, session, counts=not (preparation_us and self._ittl_asks_for_ready))
        journal.stage[job] = _QUEUED
        qpu.queued += 1
        if qpu.weighs:
            qpu.queued_us += columns.estimated_us(job)
        if preparation_us and not qpu.is_simulator:  # S22
            self._wait_for_lane(now_us, job, session, qpu)
        else:
            if journal.ready_us:
                journal.ready_us[job] = now_us  # S40: without preparation it is ready at once
            self._wait_for_qpu(now_us, now_us, job, session, qpu)
        if columns.cancel_after_us[job] != NEVER:
            self._agenda.arm(now_us + columns.cancel_after_us[job], Rank.CANCEL, _JOB, job)  # S25
        if qpu.job == NEVER or qpu.asks_while_busy:
            qpu.look_for_work()

    def _why_rejected(self, now_us: int, job: int, session: Session | None) -> Reason:
        """S20: the first reason in its order; S9: also a rejected submission creates its session."""
        limits, account = self._limits, self._columns.account[job]
        if session is not None:
            if session.phase is _ABSENT:
                if session.spec.created_us != NEVER:
                    return Reason.SESSION_NOT_CREATED
                self.sessions.create(now_us, session.number)
            if limits is not None:
                reason = limits.why_mode_rejected(now_us, account, session.spec.mode)
                if reason:
                    return reason
            if not IS_ACCEPTING[session.phase]:
                return Reason.SESSION_CLOSED
            if self._columns.max_execution_time_us[job] > session.spec.max_time_us:
                return Reason.EXECUTION_TIME_EXCEEDS_SESSION  # S24
        if limits is not None:
            reason = limits.why_rejected(now_us, account)
            if reason:
                return reason
            limits.count_accepted(now_us, account)
        return _NO_REASON

    def _reject(self, now_us: int, job: int, session: Session | None, reason: Reason) -> None:
        if self._only is None:
            if session is not None and session.qpu != NEVER:
                self._journal.qpu[job] = session.qpu
            elif session is None and self._columns.qpu:
                self._journal.qpu[job] = self._columns.qpu[job]
        self.end(now_us, job, _REJECTED, reason)

    def _qpu_for(self, now_us: int, job: int, session: Session | None) -> Qpu:
        """S54: a session's jobs stay on its QPU; others go where they are pinned to, or are routed."""
        columns = self._columns
        number = NEVER if session is None else session.qpu
        if number == NEVER:
            number = self._router.given(columns.qpu[job] if columns.qpu else NEVER)
        if number == NEVER:
            number = self._router.choose(now_us, columns.route[job] if columns.route else 0)
        self._journal.qpu[job] = number
        columns.take_times_of(job, number)
        return self._qpus[number]

    def _tell_submitted(self, now_us: int, session: Session, *, counts: bool) -> None:
        if session.emptied_us != NEVER:
            session.thought_us += now_us - session.emptied_us
            session.think_count += 1
            session.emptied_us = NEVER
        session.jobs += 1
        if counts:
            session.counting += 1
            self.sessions.apply(now_us, session, _SUBMIT)
        else:
            self.sessions.apply(now_us, session, SessionEvent.PREPARE)

    # ---------------------------------------------------------------- waiting and preparing

    def _wait_for_lane(self, now_us: int, job: int, session: Session | None, qpu: Qpu) -> None:
        if session is not None:
            session.add_unprepared(now_us, job)
            if IS_ACTIVE[session.phase]:
                return
        qpu.lanes.unprepared.push(now_us, job, of_session=session is not None)

    def _wait_for_qpu(
        self, now_us: int, submitted_us: int, job: int, session: Session | None, qpu: Qpu
    ) -> None:
        if session is None:
            qpu.queue.push(submitted_us, job, of_session=False)
            return
        session.add_ready(now_us if session.is_batch else submitted_us, job)  # S33, S12
        if not IS_ACTIVE[session.phase]:  # S10, S12, S15
            qpu.queue.push(submitted_us, job, of_session=True)

    def dispatch(self, now_us: int, qpu: Qpu) -> None:
        """S50: start the next job; once there is none to start, give the free lanes (S42)."""
        qpu.is_called = False
        if qpu.due_calibrations:
            self.windows.calibrate(now_us, qpu)
        if qpu.job == NEVER and not qpu.downs:
            job = qpu.next_job(now_us)
            if job is not None:
                self._start(now_us, job, qpu)
                if qpu.asks_while_busy:
                    qpu.look_for_work()
                return
        if qpu.lanes.are_used:
            holder = qpu.holder  # S52: for one that is not served any more, its job on the QPU is waited
            is_served = holder is None or qpu.queue.serves(holder.spec.account)
            while (job := qpu.lanes.next_job(now_us, holder, is_served=is_served)) is not None:
                self._journal.stage[job] = _PREPARING
                self._journal.preparing_us[job] = now_us
                qpu.lanes.take(job, now_us + self._columns.preparation_us[job], self._session_of(job))

    def on_ready(self, now_us: int, job: int) -> None:
        """The preparation of a job has ended (S40)."""
        session, qpu = self._session_of(job), self._qpu_of(job)
        qpu.lanes.give_back(job, session)
        self._journal.stage[job] = _READY
        self._journal.ready_us[job] = now_us
        if session is not None and self._ittl_asks_for_ready:
            session.counting += 1
            self.sessions.apply(now_us, session, SessionEvent.READY)
        self._wait_for_qpu(now_us, self._journal.submitted_us[job], job, session, qpu)
        qpu.look_for_work()

    # ---------------------------------------------------------------- on the QPU

    def _start(self, now_us: int, job: int, qpu: Qpu) -> None:
        journal, columns = self._journal, self._columns
        session = None if journal.session[job] == NEVER else self.sessions.all[journal.session[job]]
        if journal.stage[job] == _READY:
            qpu.lanes.forget(job, session)
        qpu.queued -= 1
        if qpu.weighs:
            qpu.queued_us -= columns.estimated_us(job)
        journal.stage[job] = _RUNNING
        journal.started_us[job] = now_us
        needed_us = columns.qpu_time_us[job]
        own_limit_us = columns.max_execution_time_us[job]
        if own_limit_us != NO_LIMIT:  # S44
            if NEVER < own_limit_us < needed_us:
                needed_us = own_limit_us
            if self._limit_us < needed_us:
                needed_us = self._limit_us
        finish = self._agenda.arm(now_us + needed_us, _FINISH_RANK, _JOB, job)
        if qpu.is_simulator:
            qpu.simulated[job] = finish
        else:
            qpu.job, qpu.finish = job, finish
        if self._usage is not None and (session is None or session.is_batch):
            self._usage.begin_job(now_us, columns.account[job], job)
        if session is not None:
            self.sessions.apply(now_us, session, _START)
        if self.live_jobs and job in self.live_jobs:
            self.on_live_start(job)

    def on_finish(self, now_us: int, job: int) -> None:
        """A job leaves the QPU, because it is done or has reached its limit (S44)."""
        journal, columns = self._journal, self._columns
        is_done = now_us - journal.started_us[job] >= columns.qpu_time_us[job]
        post_processing_us = columns.post_processing_us[job] if columns.post_processing_us else 0
        self._leave_qpu(now_us, job)
        if not is_done:
            self.end(now_us, job, JobStatus.ERROR, Reason.RAN_TOO_LONG)
        elif post_processing_us:
            journal.stage[job] = _POST_PROCESSING
            self._agenda.arm(now_us + post_processing_us, Rank.POST_DONE, _JOB, job)
            session = self._session_of(job)
            if session is not None:  # S41: for the clocks it is over
                session.counting -= 1
                if not session.counting:
                    self.sessions.apply(now_us, session, _LEAVE_LAST)
                self._make_way(now_us, session)
        else:
            self.end(now_us, job, _DONE, _NO_REASON)

    def on_post_done(self, now_us: int, job: int) -> None:
        """The post-processing of a job has ended."""
        self.end(now_us, job, _DONE, _NO_REASON)

    def _leave_qpu(self, now_us: int, job: int) -> None:
        journal = self._journal
        if journal.left_us:
            journal.left_us[job] = now_us
        qpu = self._only if self._only is not None else self._qpus[journal.qpu[job]]
        qpu.take_off(job)
        if self._usage is not None:
            self._usage.end_job(now_us, job)

    def fail(self, now_us: int, qpu: Qpu) -> None:
        """S52: an outage hits the job on a QPU."""
        job = qpu.job
        if job == NEVER:
            return
        session = self._session_of(job)
        self._agenda.disarm(qpu.finish)
        if self._usage is not None:
            self._usage.take_back_job(now_us, job)
        if not self._requeues or (session is not None and session.phase is _CLOSED):
            self._leave_qpu(now_us, job)
            self.end(now_us, job, JobStatus.ERROR, Reason.QPU_FAILED)
            return
        journal = self._journal
        journal.lost_runs.extend((job, qpu.number, journal.started_us[job], now_us))
        qpu.take_off(job)
        journal.stage[job] = _REQUEUED
        qpu.queued += 1
        if qpu.weighs:
            qpu.queued_us += self._columns.estimated_us(job)
        if session is None:
            qpu.queue.push_again(journal.submitted_us[job], job, of_session=False)
        else:
            session.add_ready(BEFORE_ALL, job)
            self._make_way(now_us, session)

    def cancel(self, now_us: int, job: int) -> None:
        """S25: acts once; before the submission, in post-processing and after the end nothing happens."""
        stage = self._journal.stage[job]
        if stage == _RUNNING:
            self._agenda.disarm(self._qpu_of(job).finish_of(job))
            self._leave_qpu(now_us, job)
        elif stage not in _NOT_YET_ON_QPU:
            return
        self.end(now_us, job, JobStatus.CANCELLED, Reason.JOB_CANCELLED)

    # ---------------------------------------------------------------- the end

    def end(self, now_us: int, job: int, status: JobStatus, reason: Reason) -> None:
        """A job has come to its final status."""
        journal = self._journal
        stage = journal.stage[job]
        journal.stage[job] = status
        journal.ended_us[job] = now_us
        if reason:
            journal.reason[job] = reason
        self.unfinished -= 1
        if status is not _REJECTED:
            number = journal.session[job]
            session = None if number == NEVER else self.sessions.all[number]
            if stage != _RUNNING and stage in _NOT_YET_ON_QPU:
                qpu = self._qpu_of(job)
                self._leave_queue(job, qpu)
                if stage in (_PREPARING, _READY):
                    qpu.lanes.forget(job, session)
                    qpu.look_for_work()
            if self._limits is not None:
                self._limits.count_ended(self._columns.account[job])
            if session is not None:
                self._tell_ended(now_us, job, stage, session)
        self._on_end(now_us, job, status, reason)

    def _tell_ended(self, now_us: int, job: int, stage: int, session: Session) -> None:
        session.jobs -= 1
        counted = stage != _POST_PROCESSING
        if counted and self._ittl_asks_for_ready and stage in (_QUEUED, _PREPARING):
            counted = not self._columns.preparation_us or not self._columns.preparation_us[job]
        if counted:
            session.counting -= 1
        if not session.jobs:
            event = _END_LAST
        elif counted and not session.counting:
            event = _LEAVE_LAST
        else:
            event = _END
        self.sessions.apply(now_us, session, event)
        if stage == _RUNNING:
            self._make_way(now_us, session)

    def _make_way(self, now_us: int, session: Session) -> None:
        """S52: a session whose job has left a QPU that is reserved for another account is active no more."""
        if IS_ACTIVE[session.phase] and not self._qpus[session.qpu].queue.serves(session.spec.account):
            self.sessions.apply(now_us, session, SessionEvent.RESERVE)

    def _leave_queue(self, job: int, qpu: Qpu) -> None:
        qpu.queued -= 1
        if qpu.weighs:
            qpu.queued_us -= self._columns.estimated_us(job)

    def _session_of(self, job: int) -> Session | None:
        number = self._journal.session[job]
        return None if number == NEVER else self.sessions.all[number]

    def _qpu_of(self, job: int) -> Qpu:
        return self._only if self._only is not None else self._qpus[self._journal.qpu[job]]


_NOT_YET_ON_QPU = frozenset({_QUEUED, _PREPARING, _READY, _REQUEUED})

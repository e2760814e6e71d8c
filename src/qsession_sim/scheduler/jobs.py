"""Jobs: what happens to every job of the service, from its submission to its end (S40)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from qsession_sim.errors import IllegalTransitionError
from qsession_sim.scheduler.agenda import Agenda, Deadline
from qsession_sim.scheduler.columns import GrowingJobs, Journal
from qsession_sim.scheduler.limits import AccountLimits, Usage
from qsession_sim.scheduler.plan import Rules
from qsession_sim.scheduler.qpu import Qpu, Router
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.sessions import Sessions
from qsession_sim.scheduler.transitions import (
    IS_ACCEPTING,
    IS_ACTIVE,
    JOB_REASON_OF,
    JOB_TABLE,
    OF_SESSIONS,
    Chain,
    JobAction,
    JobEvent,
    SessionEvent,
    SessionPhase,
    chain,
    counting_stages,
)
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Entity, JobStage, Rank, Reason
from qsession_sim.scheduler.windows import Windows
from qsession_sim.units import LONGEST_US

# Looking up an enum member costs more than most lines below, and so does indexing by one; the hot path uses
# these names.
_SUBMIT, _START, _FINISH = int(JobEvent.SUBMIT), int(JobEvent.START), int(JobEvent.FINISH)
_FINISH_RANK, _JOB = int(Rank.FINISH), int(Entity.JOB)
_ABSENT, _CLOSED, _NO_REASON = SessionPhase.ABSENT, SessionPhase.CLOSED, Reason.NONE
_SESSION_SUBMIT, _SESSION_START = int(SessionEvent.SUBMIT), int(SessionEvent.START)
_END, _END_LAST, _LEAVE_LAST = int(SessionEvent.END), int(SessionEvent.END_LAST), int(SessionEvent.LEAVE_LAST)

BEFORE_ALL = NEVER
"""A time that no submission has: the place of a job that an outage threw off the QPU (S52)."""

Act = Callable[[int, int, int, Any, Any], None]
"""Takes an action: (now_us, job, stage before, its session or None, its QPU if it has one)."""

Move = tuple[int, Reason | None, Chain[Act]]
"""The next stage, the reason to write down if there is one, and what is to be done."""


def moves(acts: Mapping[JobAction, Act]) -> list[list[Move | None]]:
    """The table of jobs by the numbers of event and stage, with functions in place of actions; None: illegal.

    An action without a function is left out: the run does not need it.
    """
    return [
        [
            None
            if (entry := JOB_TABLE[stage].get(event)) is None
            else (
                int(entry.after),
                None if entry.after is stage else JOB_REASON_OF.get(event),
                chain(acts.get(action) for action in entry.actions),
            )
            for stage in JobStage
        ]
        for event in JobEvent
    ]


class Jobs:
    """Applies the table of jobs, and is all that changes their stages.

    Args:
        columns: what is known of each job.
        rules: settings of the service.
        journal: where everything is written down.
        agenda: where the ends of stages are armed.
        qpus: by number.
        router: finds a QPU for a job that names none (S54).
        limits: of the accounts that have any (S60).
        usage: what accounts use; None: nobody asks (S62).
        on_end: called with each job that has ended, after its session: (now_us, job).
        is_reserved: whether a QPU is reserved for an account at times (S52).
    """

    def __init__(
        self,
        columns: GrowingJobs,
        rules: Rules,
        journal: Journal,
        agenda: Agenda,
        qpus: Sequence[Qpu],
        router: Router,
        limits: Mapping[int, AccountLimits],
        usage: Usage | None,
        on_end: Callable[[int, int], None],
        *,
        is_reserved: bool,
    ) -> None:
        self.unfinished = 0  # jobs queued, running or with a submission to come (S6)
        self.ends_matter = True  # whether anything may follow from the end of a job
        self.sessions: Sessions  # these two are set by the scheduler: each side needs the other
        self.windows: Windows
        self.failing: set[int] = set()  # jobs whose program fails (S44)
        self.live_jobs: Collection[int] = ()  # jobs of live users, and what is called when one of them starts
        self.on_live_start: Callable[[int], None] = lambda _job: None
        self._columns = columns
        self._journal = journal
        self._stage = journal.stage
        self._session_number = journal.session
        self._submitted_us, self._started_us = journal.submitted_us, journal.started_us
        self._ended_us = journal.ended_us
        self._agenda = agenda
        self._qpus = qpus
        self._only = qpus[0] if len(qpus) == 1 else None
        self._router = router
        self._limits = limits
        self._usage = usage
        self._on_end = on_end
        self._is_reserved = is_reserved
        self._counts = counting_stages(asks_for_ready=rules.ittl_asks_for_ready)
        self._requeues = rules.requeues_after_outage
        limit_us = rules.max_execution_time_us
        self._limit_us = LONGEST_US if limit_us == NEVER else limit_us
        self._patience: dict[int, Deadline] = {}  # S27: of the jobs that have some left
        self._keeps_patience = bool(columns.patience_us)
        self._set_moves(rules)

    def keep_patience(self, rules: Rules) -> None:
        """Begin to count the patience of jobs (S27); a run in which no job has any does without."""
        if not self._keeps_patience:
            self._keeps_patience = True
            self._set_moves(rules)

    def _set_moves(self, rules: Rules) -> None:
        acts = self._acts(asks_for_ready=rules.ittl_asks_for_ready)
        self._moves_in_sessions = moves(acts)
        self._moves = moves({action: act for action, act in acts.items() if action not in OF_SESSIONS})

    def _acts(self, *, asks_for_ready: bool) -> dict[JobAction, Act]:
        """The functions that take the actions which this run needs."""
        acts: dict[JobAction, Act] = {
            JobAction.WAIT_FOR_LANE: self._wait_for_lane,
            JobAction.TAKE_LANE: self._take_lane,
            JobAction.GIVE_LANE_BACK: self._give_lane_back,
            JobAction.LEAVE_PREPARED: self._leave_prepared,
            JobAction.WAIT_FOR_QPU: self._wait_for_qpu,
            JobAction.WAIT_BEFORE_ALL: self._wait_before_all,
            JobAction.TAKE_QPU: self._take_qpu,
            JobAction.LEAVE_QPU: self._leave_qpu,
            JobAction.STOP_FINISH: self._stop_finish,
            JobAction.LOSE_RUN: self._lose_run,
            JobAction.START_POST_PROCESSING: self._start_post_processing,
            JobAction.JOIN_SESSION: self._join_session,
            JobAction.TELL_START: self._tell_start,
            JobAction.STOP_COUNTING: self._stop_counting,
            JobAction.LEAVE_SESSION: self._leave_session,
            JobAction.END: self._end,
        }
        if self._limits:
            acts[JobAction.COUNT_SUBMISSION] = self._count_submission
            acts[JobAction.COUNT_END] = self._count_end
        if self._router.counts_queued:
            acts[JobAction.ENTER_QUEUE] = self._enter_queue
            acts[JobAction.LEAVE_QUEUE] = self._leave_queue
        if self._usage is not None:
            acts[JobAction.TAKE_BACK_USAGE] = self._take_back_usage
        if self._is_reserved:
            acts[JobAction.MAKE_WAY] = self._make_way
        if asks_for_ready:
            acts[JobAction.COUNT] = self._count
        if self._keeps_patience:
            acts[JobAction.START_PATIENCE] = self._start_patience
            acts[JobAction.STOP_PATIENCE] = self._stop_patience
        return acts

    # ---------------------------------------------------------------- what happens

    def submit(self, now_us: int, job: int) -> None:
        """A job arrives: it is rejected (S20), or waits for a lane, or is ready (S40)."""
        columns = self._columns
        self._submitted_us[job] = now_us
        number = self._session_number[job]
        session = None if number == NEVER else self.sessions.all[number]
        if session is not None or self._limits:
            if session is not None and session.phase is _ABSENT and session.spec.created_us == NEVER:
                self.sessions.create(now_us, session.number)  # S9: also if the job is then rejected
            reason = self._why_rejected(now_us, job, session)
            if reason:
                self._journal.reason[job] = reason
                self._note_qpu_of_rejected(job, session)
                self.apply(now_us, job, JobEvent.REJECT, session, None)
                return
        qpu = self._only if self._only is not None else self._route(now_us, job, session)
        if columns.preparation_us and columns.preparation_us[job] and not qpu.is_simulator:  # S22
            self.apply(now_us, job, JobEvent.SUBMIT_UNPREPARED, session, qpu)
        else:
            self.apply(now_us, job, _SUBMIT, session, qpu)
        if columns.cancel_after_us[job] != NEVER:
            self._agenda.arm(now_us + columns.cancel_after_us[job], Rank.CANCEL, _JOB, job)  # S25

    def _why_rejected(self, now_us: int, job: int, session: Session | None) -> Reason:  # noqa: PLR0911, C901
        """S20: the first reason that applies, in its order; the case of no reason comes last."""
        limits = self._limits.get(self._columns.account[job]) if self._limits else None
        if session is not None:
            if session.phase is _ABSENT:
                return Reason.SESSION_NOT_CREATED  # S9
            if limits is not None and limits.refuses_client(now_us):
                return Reason.CLIENT_TOO_OLD  # S23
            if limits is not None and not limits.allows(session.spec.mode):
                return Reason.SESSIONS_NOT_IN_PLAN  # S60
            if not IS_ACCEPTING[session.phase]:
                return Reason.SESSION_CLOSED  # S17, S26
            if self._columns.max_execution_time_us[job] > session.spec.max_time_us:
                return Reason.EXECUTION_TIME_EXCEEDS_SESSION  # S24
        if limits is not None:
            if limits.has_used_quota(now_us):
                return Reason.QUOTA_EXCEEDED  # S60
            if limits.has_too_many_pending():
                return Reason.TOO_MANY_PENDING  # S60
            if limits.submits_too_often(now_us):
                return Reason.RATE_LIMITED  # S60
        return _NO_REASON

    def _note_qpu_of_rejected(self, job: int, session: Session | None) -> None:
        """Where there are several QPUs, write down the one that is known without routing."""
        if self._only is None:
            pinned = self._columns.qpu[job] if self._columns.qpu else NEVER
            self._journal.qpu[job] = pinned if session is None else session.qpu

    def _route(self, now_us: int, job: int, session: Session | None) -> Qpu:
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

    def dispatch(self, now_us: int, qpu: Qpu) -> None:
        """S50: start the next job; once there is none to start, give the free lanes (S42)."""
        qpu.is_called = False
        if qpu.due_calibrations:
            self.windows.calibrate(now_us, qpu)
        if qpu.job == NEVER and not qpu.closed_by:
            holder, pop = qpu.holder, qpu.queue.pop
            job = pop(now_us) if holder is None else qpu.next_of_holder(now_us, holder)
            if job is not None:
                number = self._session_number[job]
                session = None if number == NEVER else self.sessions.all[number]
                self.apply(now_us, job, _START, session, qpu)
                if self.live_jobs and job in self.live_jobs:
                    self.on_live_start(job)
                if qpu.asks_while_busy:
                    qpu.look_for_work()
                return
        if qpu.lanes.are_used:
            holder = qpu.holder  # S52: if it is not served any more, only the end of its job is waited for
            is_served = holder is None or qpu.queue.serves(holder.spec.account)
            while (job := qpu.lanes.next_job(now_us, holder, is_served=is_served)) is not None:
                self.apply(now_us, job, JobEvent.PREPARE, self._session_of(job), qpu)

    def on_ready(self, now_us: int, job: int) -> None:
        """The preparation of a job has ended (S40)."""
        self.apply(now_us, job, JobEvent.READY, self._session_of(job), self._qpu_of(job))

    def on_finish(self, now_us: int, job: int) -> None:
        """A job leaves the QPU: it is done, or has reached its limit, or its program fails (S44)."""
        columns = self._columns
        if now_us - self._started_us[job] < columns.qpu_time_us[job]:
            event: int = JobEvent.CUT
        elif self.failing and job in self.failing:
            event = JobEvent.PROGRAM_FAIL
        elif columns.post_processing_us and columns.post_processing_us[job]:
            event = JobEvent.POST_PROCESS
        else:
            event = _FINISH
        number = self._session_number[job]
        session = None if number == NEVER else self.sessions.all[number]
        qpu = self._only if self._only is not None else self._qpus[self._journal.qpu[job]]
        self.apply(now_us, job, event, session, qpu)

    def on_post_done(self, now_us: int, job: int) -> None:
        """The post-processing of a job has ended."""
        self.apply(now_us, job, JobEvent.POST_DONE, self._session_of(job), self._qpu_of(job))

    def fail(self, now_us: int, qpu: Qpu) -> None:
        """S52: an outage hits the job on a QPU."""
        job = qpu.job
        if job != NEVER:
            session = self._session_of(job)
            ends = not self._requeues or (session is not None and session.phase is _CLOSED)
            self.apply(now_us, job, JobEvent.FAIL if ends else JobEvent.REQUEUE, session, qpu)

    def cancel(self, now_us: int, job: int) -> None:
        """S25: acts once; before the submission, in post-processing and after the end nothing happens."""
        self.apply(now_us, job, JobEvent.CANCEL, self._session_of(job), self._qpu_of(job))

    def on_cancel(self, now_us: int, job: int) -> None:
        """A scheduled cancel, or the end of a job's patience (S27): at one instant a job has one of them."""
        patience = self._patience.get(job)
        if patience is not None and patience[0] == now_us:
            del self._patience[job]
            self.apply(now_us, job, JobEvent.RENEGE, self._session_of(job), self._qpu_of(job))
        else:
            self.cancel(now_us, job)

    def on_cost_limit(self, now_us: int, account: int) -> None:
        """S28: sessions and batches of the account are closed, then its queued jobs in job mode end."""
        self.sessions.reach_cost_limit(now_us, account)
        submitted_us = self._journal.submitted_us
        jobs = [job for job in self._limits[account].jobs or () if self._session_number[job] == NEVER]
        for job in sorted(jobs, key=lambda job: (submitted_us[job], job)):
            if JobEvent.COST_LIMIT in JOB_TABLE[JobStage(self._stage[job])]:
                self.apply(now_us, job, JobEvent.COST_LIMIT, None, self._qpu_of(job))

    def end_with_session(self, now_us: int, job: int, event: JobEvent) -> None:
        """A queued job ends with its session (S16, S18)."""
        self.apply(now_us, job, event, self._session_of(job), self._qpu_of(job))

    def apply(self, now_us: int, job: int, event: int, session: Session | None, qpu: Qpu | None) -> None:
        """Make the transition of the table for the number of an event, and take its actions.

        Raises:
            IllegalTransitionError: if the table has no entry; nothing was changed.
        """
        before = self._stage[job]
        move = (self._moves if session is None else self._moves_in_sessions)[event][before]
        if move is None:
            raise IllegalTransitionError(
                f"job {job}: no transition for event {JobEvent(event).name} in stage {JobStage(before).name}"
            )
        self._stage[job], reason, acts = move
        if reason is not None:
            self._journal.reason[job] = reason
        while acts is not None:
            act, acts = acts
            act(now_us, job, before, session, qpu)

    def _session_of(self, job: int) -> Session | None:
        number = self._session_number[job]
        return None if number == NEVER else self.sessions.all[number]

    def _qpu_of(self, job: int) -> Qpu:
        return self._only if self._only is not None else self._qpus[self._journal.qpu[job]]

    # ---------------------------------------------------------------- actions: limits and the router

    def _count_submission(self, now_us: int, job: int, _before: int, _session: object, _qpu: object) -> None:
        limits = self._limits.get(self._columns.account[job])
        if limits is not None:
            limits.count_submission(now_us, job)

    def _count_end(self, _now_us: int, job: int, _before: int, _session: object, _qpu: object) -> None:
        limits = self._limits.get(self._columns.account[job])
        if limits is not None:
            limits.count_end(job)

    def _enter_queue(self, _now_us: int, job: int, _before: int, _session: object, qpu: Qpu) -> None:
        qpu.queued += 1
        if self._router.weighs:
            qpu.queued_us += self._columns.estimated_us(job)

    def _leave_queue(self, _now_us: int, job: int, _before: int, _session: object, qpu: Qpu) -> None:
        qpu.queued -= 1
        if self._router.weighs:
            qpu.queued_us -= self._columns.estimated_us(job)

    # ---------------------------------------------------------------- actions: waiting and preparing

    def _wait_for_lane(self, now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu) -> None:
        if session is not None:
            session.add_unprepared(now_us, job)
        if session is None or not IS_ACTIVE[session.phase]:
            qpu.lanes.unprepared.push(now_us, job, of_session=session is not None)
        qpu.look_for_work()

    def _take_lane(self, now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu) -> None:
        self._journal.preparing_us[job] = now_us
        qpu.lanes.take(job, now_us + self._columns.preparation_us[job], session)

    def _give_lane_back(
        self, _now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu
    ) -> None:
        qpu.lanes.give_back(job, session)

    def _leave_prepared(
        self, _now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu
    ) -> None:
        qpu.lanes.forget(job, session)
        qpu.look_for_work()

    def _wait_for_qpu(self, now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu) -> None:
        journal = self._journal
        if journal.ready_us:
            journal.ready_us[job] = now_us  # S40: without preparation it is ready at once
        submitted_us, push = self._submitted_us[job], qpu.queue.push
        if session is None:
            push(submitted_us, job, of_session=False)
        else:
            session.add_ready(now_us if session.is_batch else submitted_us, job)  # S33, S12
            if not IS_ACTIVE[session.phase]:  # S10, S12, S15
                push(submitted_us, job, of_session=True)
        if qpu.job == NEVER or qpu.asks_while_busy:
            qpu.look_for_work()

    def _wait_before_all(
        self, _now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu
    ) -> None:
        """S52: it goes back to the head of its queue."""
        if session is None:
            qpu.queue.push_again(self._journal.submitted_us[job], job, of_session=False)
        else:
            session.add_ready(BEFORE_ALL, job)

    def _start_patience(self, now_us: int, job: int, _before: int, _session: object, _qpu: object) -> None:
        patience_us = self._columns.patience_us[job]
        # of one instant, the user's cancel goes first and leaves nothing to wait for
        if patience_us != NEVER and now_us + patience_us not in self._columns.cancels_us(job, now_us):
            self._patience[job] = self._agenda.arm(now_us + patience_us, Rank.CANCEL, _JOB, job)

    def _stop_patience(self, _now_us: int, job: int, _before: int, _session: object, _qpu: object) -> None:
        self._agenda.disarm(self._patience.pop(job, None))

    # ---------------------------------------------------------------- actions: on the QPU and after

    def _take_qpu(self, now_us: int, job: int, _before: int, session: Session | None, qpu: Qpu) -> None:
        columns = self._columns
        self._started_us[job] = now_us
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

    def _leave_qpu(self, now_us: int, job: int, _before: int, _session: object, qpu: Qpu) -> None:
        if self._journal.left_us:
            self._journal.left_us[job] = now_us
        qpu.take_off(job)
        if self._usage is not None:
            self._usage.end_job(now_us, job)

    def _stop_finish(self, _now_us: int, job: int, _before: int, _session: object, qpu: Qpu) -> None:
        self._agenda.disarm(qpu.finish_of(job))

    def _take_back_usage(self, now_us: int, job: int, _before: int, _session: object, _qpu: object) -> None:
        if self._usage is not None:
            self._usage.take_back_job(now_us, job)

    def _lose_run(self, now_us: int, job: int, _before: int, _session: object, qpu: Qpu) -> None:
        """S52: the stay is written down apart, since the job will have another start."""
        self._journal.lost_runs.extend((job, qpu.number, self._journal.started_us[job], now_us))
        qpu.take_off(job)

    def _start_post_processing(
        self, now_us: int, job: int, _before: int, _session: object, _qpu: object
    ) -> None:
        self._agenda.arm(now_us + self._columns.post_processing_us[job], Rank.POST_DONE, _JOB, job)

    def _end(self, now_us: int, job: int, _before: int, _session: object, _qpu: object) -> None:
        self._ended_us[job] = now_us
        self.unfinished -= 1
        if self.ends_matter:
            self._on_end(now_us, job)

    # ---------------------------------------------------------------- actions: what the session of a job does

    def _join_session(self, now_us: int, job: int, _before: int, session: Session, _qpu: object) -> None:
        if session.emptied_us != NEVER:
            session.stop_thinking(now_us)
        session.jobs += 1
        if self._counts[self._stage[job]]:
            session.counting += 1
            self.sessions.apply(now_us, session, _SESSION_SUBMIT)
        else:
            self.sessions.apply(now_us, session, SessionEvent.PREPARE)

    def _count(self, now_us: int, _job: int, _before: int, session: Session, _qpu: object) -> None:
        session.counting += 1
        self.sessions.apply(now_us, session, SessionEvent.READY)

    def _tell_start(self, now_us: int, _job: int, _before: int, session: Session, _qpu: object) -> None:
        self.sessions.apply(now_us, session, _SESSION_START)

    def _stop_counting(self, now_us: int, _job: int, _before: int, session: Session, _qpu: object) -> None:
        session.counting -= 1
        session.finishing += 1
        if not session.counting:
            self.sessions.apply(now_us, session, _LEAVE_LAST)
        self.sessions.let_go(now_us, session)

    def _leave_session(self, now_us: int, _job: int, before: int, session: Session, _qpu: object) -> None:
        session.jobs -= 1
        counted = self._counts[before]
        if counted:
            session.counting -= 1
        elif before == JobStage.POST_PROCESSING:
            session.finishing -= 1
        if not session.jobs:
            event = _END_LAST
        elif counted and not session.counting:
            event = _LEAVE_LAST
        else:
            event = _END
        self.sessions.apply(now_us, session, event)
        self.sessions.let_go(now_us, session)

    def _make_way(self, now_us: int, _job: int, _before: int, session: Session, qpu: Qpu) -> None:
        """S52: a session whose job has left a QPU that is reserved for another account is active no more."""
        if IS_ACTIVE[session.phase] and not qpu.queue.serves(session.spec.account):
            self.sessions.apply(now_us, session, SessionEvent.RESERVE)

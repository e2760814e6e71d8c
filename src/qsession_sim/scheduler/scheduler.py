"""Scheduler: the whole service. It owns the order of events (S3); time is passed in, never taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.clients import Client, Step
from qsession_sim.scheduler.journal import Journal
from qsession_sim.scheduler.plan import JobSpec, Plan, SessionSpec, growing, submission_deadlines
from qsession_sim.scheduler.qpu import Qpu
from qsession_sim.scheduler.rules import Rules
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.sessions import Sessions
from qsession_sim.scheduler.transitions import ACCEPTS, ACTIVE, Phase, SessionEvent
from qsession_sim.scheduler.view import Columns, JobView, QueueKey
from qsession_sim.scheduler.vocabulary import NEVER, NO_LIMIT, Entity, JobStatus, OnFinish, Rank, Reason
from qsession_sim.units import LONGEST_US

ALL_EVENTS = 2**62
"""A number of events that no run reaches."""

_LAST_ENTITY = len(Entity)

Handler = Callable[[int, int], None]

# Looking up an enum member costs more than most lines below; the hot path uses these names.
_QUEUED, _RUNNING, _DONE = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE
_REJECTED, _NO_REASON = JobStatus.REJECTED, Reason.NONE
_START, _SUBMIT, _END, _END_LAST = (
    SessionEvent.START,
    SessionEvent.SUBMIT,
    SessionEvent.END,
    SessionEvent.END_LAST,
)
_FINISH_RANK, _SUBMIT_RANK, _DISPATCH_RANK = Rank.FINISH, Rank.SUBMIT, Rank.DISPATCH
_JOB = Entity.JOB
_ABSENT, _CLOSED, _NEXT = Phase.ABSENT, Phase.CLOSED, Step.NEXT


class Scheduler:
    """Sessions, jobs and clients of a service with one QPU.

    Drive it by `advance`, which applies all events up to a place in the order of S3, or by commands at an
    instant: `submit`, `close`, `cancel`, `cancel_job` (S4). What happened is in `journal`.

    Args:
        plan: what is known before the run.
        rules: settings of the service.
        queue_key: key of the queue policy, the smallest goes first; None is first in, first out.
        on_program_job_end: called with the number of each job of a live program when it has ended;
            `advance` returns then, so that the program can act before later events (S4).

    Example:
        >>> jobs = [JobSpec(at_us=3, qpu_time_us=5), JobSpec(at_us=4, qpu_time_us=1)]
        >>> scheduler = Scheduler(Plan.of(jobs))
        >>> scheduler.advance_while_needed()
        True
        >>> list(scheduler.journal.started_us), list(scheduler.journal.ended_us), scheduler.now_us
        ([3, 8], [8, 9], 9)
    """

    def __init__(
        self,
        plan: Plan,
        rules: Rules | None = None,
        queue_key: QueueKey | None = None,
        on_program_job_end: Callable[[int], None] = lambda _job: None,
    ) -> None:
        self.rules = rules if rules is not None else Rules()
        limit_us = self.rules.max_execution_time_us
        self._limit_us = LONGEST_US if limit_us == NEVER else limit_us
        self.now_us = 0
        self.events_applied = 0
        self._queue_key = queue_key
        self._on_program_job_end = on_program_job_end
        self._program_jobs: set[int] = set()
        self._program_acts = False
        self._unfinished = len(plan.submissions)  # jobs queued, running or with a submission to come (S6)
        jobs = plan.jobs
        self._qpu_time_us = growing(jobs.qpu_time_us)
        self._max_execution_time_us = growing(jobs.max_execution_time_us)
        self._client_of = growing(jobs.client)
        self._cancel_after_us = growing(jobs.cancel_after_us)
        self._think_us = jobs.think_us
        self.journal = Journal(growing(jobs.session))
        self._columns = Columns(
            growing(jobs.account), growing(jobs.priority), self.journal.session, plan.accounts
        )
        self._follow_ups: dict[int, list[int]] = {}
        for number in plan.follow_ups:
            self._follow_ups.setdefault(jobs.after[number], []).append(number)
        self._clients = [Client(spec) for spec in plan.clients]
        self._agenda = Agenda(submission_deadlines(plan))
        for number in plan.job_cancels:
            self._agenda.arm(jobs.cancel_us[number], Rank.CANCEL, Entity.JOB, number)
        self._qpu = Qpu(self.journal.status)
        self._sessions = Sessions(
            plan.sessions, self.rules, self._agenda, self.journal, self._qpu, self._end_job
        )
        self._handlers = self._make_handlers()

    def _make_handlers(self) -> dict[int, dict[int, Handler]]:
        sessions = self._sessions
        return {
            Rank.CREATE: {Entity.SESSION: sessions.create},
            Rank.FINISH: {Entity.JOB: self._on_finish},
            Rank.SUBMIT: {Entity.JOB: self._submit},
            Rank.CLOSE: {Entity.SESSION: sessions.on_close},
            Rank.CANCEL: {Entity.SESSION: sessions.on_cancel, Entity.JOB: self._cancel_job},
            Rank.MAX_TIME: {Entity.SESSION: sessions.on_life_end},
            Rank.ITTL: {Entity.SESSION: sessions.on_ittl},
        }

    # ---------------------------------------------------------------- driving

    @property
    def is_needed(self) -> bool:
        """Whether a run without a horizon goes on (S6); ask it between instants."""
        return self._unfinished > 0 or self._sessions.commands_to_come > 0 or self._qpu.holder is not None

    def next_event_us(self) -> int | None:
        """The time of the next event, dispatch included; None if nothing will ever happen."""
        if self._qpu.may_dispatch:
            return self.now_us
        head = self._agenda.head()
        return None if head is None else head[0]

    def advance(self, until_us: int, through: Rank = Rank.DISPATCH, at_most: int = ALL_EVENTS) -> bool:
        """Apply, in the order of S3, all events before `until_us` and those of it up to rank `through`.

        Returns:
            True when that is done; False if it stopped early, because a live program has to act first (S4)
            or `at_most` events were applied.
        """
        return self._advance(until_us, through, at_most, only_needed=False)

    def advance_while_needed(self, until_us: int = LONGEST_US, at_most: int = ALL_EVENTS) -> bool:
        """Like `advance`, but stop after the first instant that completes everything there is to do (S6)."""
        return self._advance(until_us, Rank.DISPATCH, at_most, only_needed=True)

    def finish_at(self, horizon_us: int) -> None:
        """Stop at a horizon; all before it was applied, of it only jobs that leave the QPU count (S6)."""
        while (event := self._agenda.take((horizon_us, Rank.READY, _LAST_ENTITY))) is not None:
            if event[1] != Rank.CREATE:
                self._handlers[event[1]][event[2]](horizon_us, event[3])
        self.now_us = horizon_us

    def _advance(self, until_us: int, through: Rank, at_most: int, *, only_needed: bool) -> bool:
        limit = (until_us, through, _LAST_ENTITY)
        take = self._agenda.take
        handlers = self._handlers
        qpu = self._qpu
        self._program_acts = False
        applied = 0
        while applied < at_most:
            stops = only_needed and self._unfinished == 0 and not self.is_needed  # S6
            if stops or qpu.may_dispatch:
                # S3: the QPU picks work only when nothing else is left at the instant
                # S6: whether the run goes on is asked only when the instant is complete
                instant = (self.now_us, _DISPATCH_RANK, _LAST_ENTITY)
                event = take(instant if instant < limit else limit)
                if event is None:
                    if instant > limit or not qpu.may_dispatch:
                        break
                    job = qpu.next_job()
                    if job is not None:
                        self._start(self.now_us, job)
                    continue
            else:
                event = take(limit)
                if event is None:
                    break
            self.now_us = now_us = event[0]
            applied += 1
            handlers[event[1]][event[2]](now_us, event[3])
            if self._program_acts:
                at_most = applied
        self.events_applied += applied
        return applied < at_most

    # ---------------------------------------------------------------- commands of live programs

    def add_job(self, spec: JobSpec) -> int:
        """Make a job known that a live program will submit, and return its number."""
        job = self._append_job(spec, NEVER)
        self._program_jobs.add(job)
        return job

    def add_session(self, spec: SessionSpec) -> int:
        """Make a session known that a live program will use, and return its number."""
        self.journal.repeated_sessions.append(NEVER)
        return self._sessions.add(spec)

    def create(self, now_us: int, session: int) -> None:
        """Bring a session into existence at `now_us` (S9)."""
        self._catch_up(now_us)
        self._sessions.create(now_us, session)

    def submit(self, now_us: int, job: int) -> None:
        """Submit a job at `now_us`; whether it was accepted is in the journal (S20)."""
        self._catch_up(now_us)
        if job not in self._program_jobs or self.journal.status[job] != NEVER:
            raise SchedulerUsageError(f"job {job} is not one that a program has added and not yet submitted")
        self._unfinished += 1
        self._submit(now_us, job)

    def close(self, now_us: int, session: int) -> bool:
        """close() a session at `now_us` (S17); False if it was closed before, so that nothing happened."""
        acts = self._catch_up_with(now_us, self._sessions.all[session])
        if acts:
            self._sessions.close(now_us, self._sessions.all[session])
        return acts

    def cancel(self, now_us: int, session: int) -> bool:
        """cancel() a session at `now_us` (S18); False if it was closed before, so that nothing happened."""
        acts = self._catch_up_with(now_us, self._sessions.all[session])
        if acts:
            self._sessions.cancel(now_us, self._sessions.all[session])
        return acts

    def cancel_job(self, now_us: int, job: int) -> bool:
        """Cancel a job at `now_us` (S25); False if it had ended before, so that nothing happened."""
        self._advance_for_command(now_us, only_needed=self.journal.submitted_us[job] != NEVER)
        acts = self.journal.ended_us[job] == NEVER
        if acts:
            self.now_us = now_us
            self._cancel_job(now_us, job)
        return acts

    def _catch_up(self, now_us: int) -> None:
        """S4: a command takes effect after the jobs that leave the QPU then, before anything else."""
        self._advance_for_command(now_us, only_needed=False)
        self.now_us = now_us

    def _catch_up_with(self, now_us: int, session: Session) -> bool:
        """S6: a close or cancel prolongs the run only as long as its session is not closed."""
        self._sessions.expect_command(session)
        self._advance_for_command(now_us, only_needed=True)
        if session.phase is _CLOSED:
            return False
        self._sessions.command_served(session)
        self.now_us = now_us
        return True

    def _advance_for_command(self, now_us: int, *, only_needed: bool) -> None:
        if now_us < self.now_us:
            raise SchedulerUsageError(f"a command at {now_us} us came after the events of {self.now_us} us")
        while not self._advance(now_us, Rank.READY, ALL_EVENTS, only_needed=only_needed):
            pass

    # ---------------------------------------------------------------- life of jobs

    def _submit(self, now_us: int, job: int) -> None:
        journal = self.journal
        journal.submitted_us[job] = now_us
        number = journal.session[job]
        of_session = number != NEVER
        waits_in_queue = True
        if of_session:
            session = self._sessions.all[number]
            if session.phase is _ABSENT and session.spec.created_us == NEVER:
                self._sessions.create(now_us, number)  # S9: also if the submission is rejected
            if session.phase not in ACCEPTS or self._max_execution_time_us[job] > session.spec.max_time_us:
                self._end_job(now_us, job, _REJECTED, session.why_rejected())
                return
            self._sessions.apply(now_us, session, _SUBMIT)
            session.add(now_us, job)
            waits_in_queue = session.phase not in ACTIVE  # S10, S12, S15
        journal.status[job] = _QUEUED
        qpu = self._qpu
        if waits_in_queue:
            key = self._queue_key
            entry = (now_us, job) if key is None else (*key(JobView(self._columns, job, now_us)), now_us, job)
            qpu.queue.push(entry, of_session=of_session)
        if self._cancel_after_us[job] != NEVER:
            self._agenda.arm(now_us + self._cancel_after_us[job], Rank.CANCEL, _JOB, job)  # S25
        qpu.look_for_work()

    def _start(self, now_us: int, job: int) -> None:
        journal = self.journal
        journal.status[job] = _RUNNING
        journal.started_us[job] = now_us
        needed_us = self._qpu_time_us[job]
        own_limit_us = self._max_execution_time_us[job]
        if own_limit_us != NO_LIMIT:  # S44
            if NEVER < own_limit_us < needed_us:
                needed_us = own_limit_us
            if self._limit_us < needed_us:
                needed_us = self._limit_us
        qpu = self._qpu
        qpu.job = job
        qpu.finish = self._agenda.arm(now_us + needed_us, _FINISH_RANK, _JOB, job)
        if journal.session[job] != NEVER:
            self._sessions.apply(now_us, self._sessions.all[journal.session[job]], _START)

    def _on_finish(self, now_us: int, job: int) -> None:
        self._qpu.vacate()
        if now_us - self.journal.started_us[job] < self._qpu_time_us[job]:
            self._end_job(now_us, job, JobStatus.ERROR, Reason.RAN_TOO_LONG)  # S44
        else:
            self._end_job(now_us, job, _DONE, _NO_REASON)

    def _cancel_job(self, now_us: int, job: int) -> None:
        """S25: acts once; before the submission and after the end nothing happens."""
        status = self.journal.status[job]
        if status == _RUNNING:
            self._agenda.disarm(self._qpu.finish)
            self._qpu.vacate()
        elif status != _QUEUED:
            return
        self._end_job(now_us, job, JobStatus.CANCELLED, Reason.JOB_CANCELLED)

    def _end_job(self, now_us: int, job: int, status: JobStatus, reason: Reason) -> None:
        journal = self.journal
        journal.status[job] = status
        journal.ended_us[job] = now_us
        if reason:
            journal.reason[job] = reason
        self._unfinished -= 1
        number = journal.session[job]
        if number != NEVER and status is not _REJECTED:
            session = self._sessions.all[number]
            session.jobs -= 1
            self._sessions.apply(now_us, session, _END if session.jobs else _END_LAST)
        if self._follow_ups and job in self._follow_ups:
            for follow_up in self._follow_ups[job]:
                self._arm_submission(now_us + self._think_us[follow_up], follow_up)  # S5
        client = self._client_of[job]
        if client != NEVER:
            self._act_for_client(now_us, self._clients[client], job, status, reason)
        if self._program_jobs and job in self._program_jobs:
            self._on_program_job_end(job)
            self._program_acts = True

    def _arm_submission(self, time_us: int, job: int) -> None:
        self._unfinished += 1
        self._agenda.arm(time_us, _SUBMIT_RANK, _JOB, job)

    # ---------------------------------------------------------------- clients and jobs created in the run

    def _act_for_client(
        self, now_us: int, client: Client, ended_job: int, status: JobStatus, reason: Reason
    ) -> None:
        step = client.step_after(status, reason)
        if step is _NEXT:
            job = client.job
            self.journal.session[job] = client.session  # S66: it may have moved
            self._arm_submission(now_us + self._think_us[job], job)
            return
        if step is Step.FINISH:
            if client.session != NEVER and client.spec.on_finish is not OnFinish.LEAVE:  # S64
                rank = Rank.CLOSE if client.spec.on_finish is OnFinish.CLOSE else Rank.CANCEL
                self._sessions.arm_command(self._sessions.all[client.session], now_us, rank)
            return
        if step is Step.AGAIN_IN_NEW_SESSION:
            client.session = self._repeat_session(client.session)
        elif step is Step.AGAIN_IN_JOB_MODE:
            client.session = NEVER
        self._arm_submission(now_us, self._repeat_job(ended_job, client.session))

    def _repeat_session(self, session: int) -> int:
        """S66: another session with the same parameters."""
        self.journal.repeated_sessions.append(session)
        spec = self._sessions.all[session].spec
        return self._sessions.add(replace(spec, created_us=NEVER, close_us=NEVER, cancel_us=NEVER))

    def _repeat_job(self, job: int, session: int) -> int:
        """S65, S66: the same iteration again, with the same drawn times."""
        return self._append_job(
            JobSpec(
                qpu_time_us=self._qpu_time_us[job],
                session=session,
                client=self._client_of[job],
                account=self._columns.account[job],
                max_execution_time_us=self._max_execution_time_us[job],
                priority=self._columns.priority[job],
                cancel_after_us=self._cancel_after_us[job],
            ),
            job,
        )

    def _append_job(self, spec: JobSpec, repeats: int) -> int:
        self._qpu_time_us.append(spec.qpu_time_us)
        self._max_execution_time_us.append(spec.max_execution_time_us)
        self._client_of.append(spec.client)
        self._cancel_after_us.append(spec.cancel_after_us)
        self._columns.account.append(spec.account)
        self._columns.priority.append(spec.priority)
        self.journal.add_job(spec.session, repeats)
        return len(self._qpu_time_us) - 1

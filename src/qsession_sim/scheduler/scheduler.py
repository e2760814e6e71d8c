"""Scheduler: the whole service. It owns the order of events (S3); time is passed in, never taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import heappop
from typing import cast

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.agenda import Agenda
from qsession_sim.scheduler.clients import Client, Step
from qsession_sim.scheduler.columns import GrowingJobs, Journal
from qsession_sim.scheduler.jobs import Jobs
from qsession_sim.scheduler.limits import AccountLimits, CostLimit, Usage
from qsession_sim.scheduler.plan import (
    ClientSpec,
    JobSpec,
    Plan,
    QpuSpec,
    Rules,
    SessionSpec,
    growing,
    specs,
    submission_deadlines,
)
from qsession_sim.scheduler.qpu import Lanes, Qpu, Router
from qsession_sim.scheduler.queues import NormalQueue, QueuePolicy, ordered_by
from qsession_sim.scheduler.session import Session
from qsession_sim.scheduler.sessions import Sessions
from qsession_sim.scheduler.transitions import CAN_PREPARE, CAN_START, SessionPhase
from qsession_sim.scheduler.view import QueueInputs, QueueKey
from qsession_sim.scheduler.vocabulary import (
    MOST_QPUS,
    NEVER,
    Entity,
    JobStage,
    OnFinish,
    Rank,
    WindowKind,
)
from qsession_sim.scheduler.windows import Windows
from qsession_sim.units import LONGEST_US

ALL_EVENTS = 2**62
"""A number of events that no run reaches."""

_LAST_ENTITY = len(Entity)

Handler = Callable[[int, int], None]

# looking up an enum member costs more than most lines below
_DISPATCH_RANK, _NEXT = int(Rank.DISPATCH), Step.NEXT
_SUBMIT_RANK, _JOB = int(Rank.SUBMIT), int(Entity.JOB)


def why_not(plan: Plan, rules: Rules, policy: QueuePolicy) -> str | None:  # noqa: ARG001 - does all of them
    """Why this engine does not run a plan under rules and a queue policy; None: it does.

    Every engine has a function like this, so that what one refuses by name is left to another.

    Example:
        >>> why_not(Plan.of(qpus=(QpuSpec(),) * 40_000), Rules(), ordered_by(None))
        'it has 40,000 QPUs; the scheduler runs at most 32,768'
    """
    if len(plan.qpus) > MOST_QPUS:
        return f"it has {len(plan.qpus):,} QPUs; the scheduler runs at most {MOST_QPUS:,}"
    return None


class Scheduler:
    """Sessions, jobs and clients of a service with its QPUs.

    Drive it by `advance`, which applies all events up to a place in the order of S3, or by commands at an
    instant: `submit`, `close`, `cancel`, `cancel_job` (S4). What happened is in `journal`.

    Args:
        plan: what is known before the run.
        rules: settings of the service.
        queue_key: key of the queue policy, the smallest goes first; None is first in, first out.
        on_program_job_end: called with the number of each job of a live program when it has ended;
            `advance` returns then, so that the program can act before later events (S4).
        queue_policy: orders the normal queues; takes the place of `queue_key`.
        on_program_job_start: called with the number of each job of a live program when it comes on the QPU.

    Raises:
        SchedulerUsageError: for a plan of which `why_not` says why it is not run.

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
        queue_policy: QueuePolicy | None = None,
        on_program_job_start: Callable[[int], None] = lambda _job: None,
    ) -> None:
        self.rules = rules if rules is not None else Rules()
        self.now_us = 0
        self.events_applied = 0
        self._on_program_job_end = on_program_job_end
        self._program_jobs: set[int] = set()
        self._program_acts = False
        self._awaited_starts: set[int] = set()  # jobs for whose first start a live program waits
        self._on_program_job_start = on_program_job_start
        self._columns = columns = GrowingJobs(plan)
        self.journal = journal = Journal(growing(plan.jobs.session))
        self._agenda = agenda = Agenda(submission_deadlines(plan))
        self._calls: list[int] = []  # numbers of QPUs that have to look for work at the end of the instant
        policy = ordered_by(queue_key) if queue_policy is None else queue_policy
        reason = why_not(plan, self.rules, policy)
        if reason is not None:
            raise SchedulerUsageError(f"this plan cannot be run: {reason}")
        windows_us = [spec.quota.window_us for spec in plan.account_specs.values() if spec.quota is not None]
        if policy.usage_window_us is not None:
            windows_us.append(policy.usage_window_us)
        self.usage = usage = Usage(max(windows_us)) if windows_us else None  # None: nobody looks at it
        self._cost_limits = {
            number: CostLimit(number, spec.quota, agenda)
            for number, spec in plan.account_specs.items()
            if spec.quota is not None and spec.quota_ends
        }
        if usage is not None:
            usage.cost_limits = self._cost_limits
        self._queue_policy = policy
        self._queue_inputs = QueueInputs(
            columns, journal.stage, journal.session, plan.accounts, plan.account_specs, self._phase_of, usage
        )
        self._qpus = [self._make_qpu(number, spec) for number, spec in enumerate(plan.qpus)]
        if len(plan.qpus) > 1:
            journal.keep_qpus()
        self._router = router = Router(self._qpus, self.rules.routing, columns, journal)
        limits = {n: AccountLimits(n, spec, usage) for n, spec in plan.account_specs.items() if spec.limits}
        self._jobs = Jobs(
            columns,
            self.rules,
            journal,
            agenda,
            self._qpus,
            router,
            limits,
            usage,
            self._on_job_end,
            is_reserved=any(window.kind is WindowKind.RESERVATION for window in plan.windows),
        )
        self._jobs.unfinished = len(plan.submissions)
        self._jobs.live_jobs, self._jobs.on_live_start = self._program_jobs, self._on_live_start
        self._jobs.ends_matter = bool(len(plan.follow_ups) or len(plan.clients.first_job))
        self._sessions = Sessions(
            plan.sessions, self.rules, agenda, journal, self._qpus, router, usage, self._jobs.end_with_session
        )
        self._jobs.sessions = self._sessions
        self._planned_jobs, self._planned_sessions = len(columns), len(self._sessions.all)
        self._jobs.windows = windows = Windows(
            plan.windows, self._qpus, agenda, journal, self._sessions, self.rules, self._jobs.fail
        )
        self._keep_stages(columns)
        self._clients = [Client(spec) for spec in specs(ClientSpec, plan.clients)]
        self._think_us = plan.jobs.think_us
        self._follow_ups: dict[int, list[int]] = {}
        for number in plan.follow_ups:
            for before in (plan.jobs.after[number], *plan.more_after.get(number, ())):
                self._follow_ups.setdefault(before, []).append(number)
        self._more_ends = {
            job: len(more) for job, more in plan.more_after.items()
        }  # S5: to come before the last
        for number in plan.job_cancels:
            agenda.arm(plan.jobs.cancel_us[number], Rank.CANCEL, Entity.JOB, number)
        self._handlers = self._make_handlers(windows)

    def _make_qpu(self, number: int, spec: QpuSpec) -> Qpu:
        stage = self.journal.stage
        queue, unprepared = (
            NormalQueue(
                self._queue_policy.make_order(self._queue_inputs, waits), stage, self._columns.account
            )
            for waits in (CAN_START, CAN_PREPARE)
        )
        lanes = Lanes(spec.lanes, unprepared, stage, self._agenda)
        return Qpu(
            number,
            is_simulator=spec.simulator,
            queue=queue,
            lanes=lanes,
            calls=self._calls,
            stage=stage,
            estimated_us=self._columns.estimated_us,
        )

    def _phase_of(self, session: int) -> SessionPhase:
        return self._sessions.all[session].phase

    def _keep_stages(self, columns: GrowingJobs) -> None:
        """Begin to write down the stages that some job has (S40), and to count patience (S27)."""
        if columns.preparation_us:
            self.journal.keep_preparations()
            for qpu in self._qpus:
                qpu.lanes.are_used = not qpu.is_simulator
                qpu.asks_while_busy = True
        if columns.post_processing_us:
            self.journal.keep_departures()
        if columns.patience_us:
            self._jobs.keep_patience(self.rules)

    def _make_handlers(self, windows: Windows) -> list[list[Handler]]:
        """By the numbers of rank and entity; a pair that is never armed has none."""
        sessions, jobs = self._sessions, self._jobs
        handlers: dict[Rank, dict[Entity, Handler]] = {
            Rank.CREATE: {Entity.SESSION: sessions.create},
            Rank.FINISH: {Entity.JOB: jobs.on_finish},
            Rank.POST_DONE: {Entity.JOB: jobs.on_post_done},
            Rank.READY: {Entity.JOB: jobs.on_ready},
            Rank.SUBMIT: {Entity.JOB: jobs.submit},
            Rank.CLOSE: {Entity.SESSION: sessions.on_close},
            Rank.CANCEL: {Entity.SESSION: sessions.on_cancel, Entity.JOB: jobs.on_cancel},
            Rank.MAX_TIME: {Entity.SESSION: sessions.on_life_end, Entity.ACCOUNT: self._on_cost_limit},
            Rank.ITTL: {Entity.SESSION: sessions.on_ittl},
            Rank.AVAILABILITY: {Entity.QPU: windows.on_change},
            Rank.DISPATCH: {},
        }
        return [[cast("Handler", handlers[rank].get(entity)) for entity in Entity] for rank in Rank]

    # ---------------------------------------------------------------- driving

    @property
    def is_needed(self) -> bool:
        """Whether a run without a horizon goes on (S6); ask it between instants."""
        sessions = self._sessions
        return self._jobs.unfinished > 0 or sessions.commands_to_come > 0 or sessions.active > 0

    @property
    def has_plans(self) -> bool:
        """Whether anything is certain to come but windows that come again (S6, S52).

        It is what was known before the run, so that it comes a limited number of times: submissions, closes
        and cancels, clocks and ends. An end on the QPU is certain where no outage can take it back. The whole
        agenda is looked through.
        """
        if self._jobs.windows.has_single:
            return True
        return any(self._is_certain(*deadline[1:4]) for deadline in self._agenda.pending())

    def _is_certain(self, rank: int, entity: int, number: int) -> bool:
        if entity == Entity.SESSION:
            return number < self._planned_sessions and self._sessions.all[number].phase != SessionPhase.CLOSED
        if entity != Entity.JOB or number >= self._planned_jobs or self.journal.ended_us[number] != NEVER:
            return False
        qpu = self.journal.qpu[number] if self.journal.qpu else 0
        return rank != Rank.FINISH or not self._jobs.windows.fails_again(qpu)

    def given_qpu(self, qpu: int) -> int:
        """The QPU of what names `qpu`, as long as nothing is routed; NEVER: it has to be (S54)."""
        return self._router.given(qpu)

    @property
    def session_qpus(self) -> list[int]:
        """The number of each session's QPU, by session; NEVER for one that was not routed."""
        return [session.qpu for session in self._sessions.all]

    def session_qpu(self, session: int) -> int:
        """The number of a session's QPU; NEVER if it was not routed."""
        return self._sessions.all[session].qpu

    @property
    def qpus(self) -> Sequence[Qpu]:
        """The QPUs by number, to be read."""
        return self._qpus

    @property
    def job_columns(self) -> GrowingJobs:
        """What is known of every job: planned or created in the run, on its QPU if it was routed."""
        return self._columns

    def next_event_us(self) -> int | None:
        """The time of the next event, dispatch included; None if nothing will ever happen."""
        if self._calls:
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
        last_dispatch_us = until_us if through == _DISPATCH_RANK else until_us - 1
        take, heap = self._agenda.take, self._agenda.heap
        handlers = self._handlers
        jobs, calls = self._jobs, self._calls
        self._program_acts = False
        applied = 0
        while applied < at_most:
            if calls or (only_needed and not jobs.unfinished and not self.is_needed):
                # S3: a QPU picks work only when nothing else is left at the instant
                # S6: whether the run goes on is asked only when the instant is complete
                now_us = self.now_us
                event = None
                if heap and heap[0][0] <= now_us:
                    instant = (now_us, _DISPATCH_RANK, _LAST_ENTITY)
                    event = take(instant if instant < limit else limit)
                if event is None:
                    if now_us > last_dispatch_us or not calls:
                        break
                    jobs.dispatch(now_us, self._qpus[heappop(calls)])
                    if self._program_acts:  # S4: before all else, other dispatches included
                        at_most = applied
                    continue
            else:
                event = take(limit)
                if event is None:
                    break
            now_us, rank, entity, number, _ = event
            self.now_us = now_us
            applied += 1
            handlers[rank][entity](now_us, number)
            if self._program_acts:
                at_most = applied
        self.events_applied += applied
        return applied < at_most

    # ---------------------------------------------------------------- commands of live programs

    def add_job(self, spec: JobSpec) -> int:
        """Make a job known that a live program will submit, and return its number."""
        job = self._append_job(spec, NEVER)
        self._keep_stages(self._columns)
        self._program_jobs.add(job)
        self._jobs.ends_matter = True
        if spec.fails:
            self._jobs.failing.add(job)
        return job

    def await_start(self, job: int) -> None:
        """Stop `advance` after the dispatch that starts a job, so that a live program can act (S4)."""
        self._awaited_starts.add(job)

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
        if job not in self._program_jobs or self.journal.stage[job] != JobStage.PLANNED:
            raise SchedulerUsageError(f"job {job} is not one that a program has added and not yet submitted")
        self._jobs.unfinished += 1
        self._jobs.submit(now_us, job)

    def close(self, now_us: int, session: int) -> bool:
        """close() a session at `now_us` (S17); False if it was closed before, so that nothing happened."""
        return self._end_session(now_us, self._sessions.all[session], self._sessions.close)

    def cancel(self, now_us: int, session: int) -> bool:
        """cancel() a session at `now_us` (S18); False if it was closed before, so that nothing happened."""
        return self._end_session(now_us, self._sessions.all[session], self._sessions.cancel)

    def cancel_job(self, now_us: int, job: int) -> bool:
        """Cancel a job at `now_us` (S25); False if it had ended before, so that nothing happened."""
        self._advance_for_command(now_us, only_needed=self.journal.submitted_us[job] != NEVER)
        acts = self.journal.ended_us[job] == NEVER
        if acts:
            self.now_us = now_us
            self._jobs.cancel(now_us, job)
        return acts

    def _catch_up(self, now_us: int) -> None:
        """S4: a command takes effect after the jobs that leave the QPU then, before anything else."""
        self._advance_for_command(now_us, only_needed=False)
        self.now_us = now_us

    def _end_session(self, now_us: int, session: Session, end: Callable[[int, Session], None]) -> bool:
        """S6: a close or cancel prolongs the run only as long as its session is not closed."""
        self._sessions.expect_command(session)
        self._advance_for_command(now_us, only_needed=True)
        if session.phase is SessionPhase.CLOSED:
            return False
        self._sessions.command_served(session)
        self.now_us = now_us
        end(now_us, session)
        return True

    def _advance_for_command(self, now_us: int, *, only_needed: bool) -> None:
        if now_us < self.now_us:
            raise SchedulerUsageError(f"a command at {now_us} us came after the events of {self.now_us} us")
        while not self._advance(now_us, Rank.READY, ALL_EVENTS, only_needed=only_needed):
            pass

    # ---------------------------------------------------------------- what follows from usage, ends of jobs

    def _on_cost_limit(self, now_us: int, account: int) -> None:
        self._cost_limits[account].serve()
        self._jobs.on_cost_limit(now_us, account)
        self._cost_limits[account].arm(now_us)

    def _on_live_start(self, job: int) -> None:
        self._on_program_job_start(job)
        if job in self._awaited_starts:
            self._awaited_starts.remove(job)
            self._program_acts = True

    def _on_job_end(self, now_us: int, job: int) -> None:
        if self._follow_ups and job in self._follow_ups:
            for follow_up in self._follow_ups[job]:
                if more := self._more_ends.get(follow_up):
                    self._more_ends[follow_up] = more - 1
                else:
                    self._arm_submission(now_us + self._think_us[follow_up], follow_up)  # S5
        client = self._columns.client[job]
        if client != NEVER:
            self._act_for_client(now_us, self._clients[client], job)
        if self._program_jobs and job in self._program_jobs:
            self._on_program_job_end(job)
            self._program_acts = True

    def _arm_submission(self, time_us: int, job: int) -> None:
        self._jobs.unfinished += 1
        self._agenda.arm(time_us, _SUBMIT_RANK, _JOB, job)

    def _act_for_client(self, now_us: int, client: Client, ended_job: int) -> None:
        """S64: what follows exists from now on, and comes when the client has noticed the end."""
        journal = self.journal
        status, noticed_us = journal.stage[ended_job], now_us
        if client.polls:
            noticed_us = client.notices_us(journal.submitted_us[ended_job], now_us, status)
        step = client.step_after(status, journal.reason[ended_job])
        if step is _NEXT:
            job = client.job
            journal.session[job] = client.session  # S66: it may have moved
            self._arm_submission(noticed_us + self._think_us[job], job)
            return
        if step is Step.FINISH:
            if client.session != NEVER and client.spec.on_finish != OnFinish.LEAVE:  # S64
                rank = Rank.CLOSE if client.spec.on_finish == OnFinish.CLOSE else Rank.CANCEL
                self._sessions.arm_command(self._sessions.all[client.session], noticed_us, rank)
            return
        if step is Step.AGAIN_IN_NEW_SESSION:
            client.session = self._repeat_session(client)
        elif step is Step.AGAIN_IN_JOB_MODE:
            client.session = NEVER
        client.repeats += 1
        drawn = self._columns.route[client.job] if self._columns.route else 0
        route = self._router.route_again(drawn, client.repeats)
        again = self._columns.repeat(ended_job, client.session, route)
        self._arm_submission(noticed_us, self._append_job(again, ended_job))

    def _repeat_session(self, client: Client) -> int:
        """S66: another session with the same parameters."""
        self.journal.repeated_sessions.append(client.session)
        client.sessions += 1
        spec = self._sessions.all[client.spec.session].spec
        route = self._router.route_again(spec.route, client.sessions)
        spec = replace(spec, created_us=NEVER, close_us=NEVER, cancel_us=NEVER, route=route)
        return self._sessions.add(spec)

    def _append_job(self, spec: JobSpec, repeats: int) -> int:
        self.journal.add_job(spec.session, repeats)
        return self._columns.append(spec, repeats)

"""The rules once more, written from the text of the rules alone: slow, short and meant to be obviously right.

There is no agenda, no table and no clock: before each step everything that may happen is worked out again
from the histories of jobs, sessions and windows, and the smallest by (time, rank, kind, place) happens (S3).
What QPUs choose is in `qpu_rules`, what plans allow in `limit_rules`, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from qsession_sim.scheduler.plan import (
    AccountSpec,
    ClientSpec,
    JobSpec,
    QpuSpec,
    Rules,
    SessionSpec,
    WindowSpec,
)
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason, SessionState
from qsession_sim.verification.naive import client_rules, event_rules, limit_rules, qpu_rules, window_rules
from qsession_sim.verification.naive.event_rules import orders_to_come, submission_of
from qsession_sim.verification.naive.histories import (
    Activation,
    Client,
    Event,
    Facts,
    Job,
    JobFacts,
    Kind,
    Order,
    Public,
    Session,
    Stage,
    Stay,
    Window,
)
from qsession_sim.verification.naive.limit_rules import Policy

SECOND_US = 1_000_000

Drawn = Sequence[Sequence[int]]
"""Numbers by QPU and job."""


class Service:
    """QPUs with their jobs, sessions, clients and windows, played by scanning."""

    def __init__(
        self,
        jobs: Sequence[JobSpec] = (),
        sessions: Sequence[SessionSpec] = (),
        clients: Sequence[ClientSpec] = (),
        rules: Rules | None = None,
        policy: Policy = Policy.FIFO,
        qpus: Sequence[QpuSpec] = (QpuSpec(),),
        windows: Sequence[WindowSpec] = (),
        accounts: Mapping[int, AccountSpec] | None = None,
        qpu_times: Drawn = (),
        estimates: Drawn = (),
        share_window: int = 10,
        more_after: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        self.rules = rules or Rules()
        self.policy = policy
        self.qpus = qpus
        self.accounts = accounts or {}
        self.qpu_times = qpu_times
        self.estimates = estimates
        self.share_window = share_window
        self.more_after = more_after or {}
        self.now = 0
        self.is_below = {
            n: plan.quota.amount > 0 for n, plan in self.accounts.items() if plan.quota is not None
        }
        self.last_event = 0
        self.routed = 0
        self.jobs: list[Job] = []
        self.ended_of_program: list[int] = []
        self.sessions = [Session(spec) for spec in sessions]
        self.clients = [Client(spec, spec.session) for spec in clients]
        self.windows = [Window(spec) for spec in windows]
        self.changes: list[tuple[int, int, Public, Public, Reason]] = []
        self.lost_runs: list[tuple[int, ...]] = []
        self.window_log: list[tuple[int, ...]] = []
        for spec in jobs:
            self.add_job(spec)

    # ------------------------------------------------------------ running

    def run(self, horizon: int | None = None) -> Facts:
        """Play everything and tell what happened (S6)."""
        if horizon is not None:
            self.advance(horizon - 1)
            self.advance(horizon, Order.READY, only=(Order.FINISH, Order.POST_DONE, Order.READY))
            return self.facts(horizon)
        self.advance(0)
        while self.is_needed() and (event := self.next_event()) is not None:
            self.advance(event.time)
        return self.facts(self.last_event)

    def advance(
        self, until: int, through: Order = Order.DISPATCH, only: Sequence[Order] = tuple(Order)
    ) -> bool:
        """Play all events up to rank `through` of the instant `until`, but let a program act in between (S4).

        Returns False if it stopped because jobs of a program have ended: they are in `ended_of_program`.
        """
        self.ended_of_program = []
        while (event := self.next_event(only)) is not None and (event.time, event.rank) <= (until, through):
            assert event.time >= self.now, event
            self.happen(event)
            if self.ended_of_program:
                return False
        return True

    def apply_command(self, now: int, name: str, *arguments: Any) -> None:
        """S4: a command takes effect after the jobs that leave the QPU at its instant, before all else.

        S6: a close or cancel of what is over by then, and the cancel of a job that has ended, prolong
        nothing.
        """
        while (event := self.next_event()) is not None and (event.time, event.rank) <= (now, Order.READY):
            if event.time > self.now and self.is_over(name, *arguments) and not self.is_needed():
                return
            self.happen(event)
        if not self.is_over(name, *arguments):
            self.go_on_to(now)
            getattr(self, name)(*arguments)
            self.look_at_sessions()

    def happen(self, event: Event) -> None:
        """Let an event happen, and all that follows from it at once."""
        self.go_on_to(event.time)
        event.happen()
        self.look_at_sessions()
        limit_rules.note_usage(self, self.now)

    def go_on_to(self, time: int) -> None:
        """Nothing happens in between: a rise to a quota would have (S28)."""
        if time > self.now:
            limit_rules.note_usage(self, time - 1)
        self.now = self.last_event = time

    def is_over(self, name: str, *arguments: Any) -> bool:
        """Whether a command comes too late to change anything."""
        if name in {"close", "cancel"}:
            return bool(self.sessions[arguments[0]].state == SessionState.CLOSED)
        return name == "cancel_job" and self.jobs[arguments[0]].ended is not None

    def add_job(self, spec: JobSpec, *, of_program: bool = False, drawn: int = NEVER) -> int:
        """Make a job known; `drawn` is the job whose times it has."""
        due = None if spec.at_us == NEVER else spec.at_us
        drawn = len(self.jobs) if drawn == NEVER else drawn
        self.jobs.append(Job(spec, spec.session, drawn, due, of_program))
        return len(self.jobs) - 1

    def add_session(self, spec: SessionSpec) -> int:
        """Make a session known."""
        self.sessions.append(Session(spec))
        return len(self.sessions) - 1

    def is_needed(self) -> bool:
        """S6: whether a run without a horizon goes on."""
        return (
            any(job.submitted is not None and job.ended is None for job in self.jobs)
            or any(job.submitted is None and submission_of(self, job) is not None for job in self.jobs)
            or any(session.state == SessionState.ACTIVE for session in self.sessions)
            or any(orders_to_come(session) for session in self.sessions)
        )

    def facts(self, end: int) -> Facts:
        """What happened, with NEVER for what did not."""
        jobs = {
            number: self.facts_of(job) for number, job in enumerate(self.jobs) if job.submitted is not None
        }
        return Facts(jobs, self.changes, self.lost_runs, self.window_log, end)

    def facts_of(self, job: Job) -> JobFacts:
        """The same of one job."""
        stay = job.stays[-1] if job.stays else Stay(job.qpu, NEVER, NEVER)
        left = None if stay.is_lost else stay.end
        times = (job.submitted, job.preparing, job.ready, stay.start, left, job.ended)
        submitted, preparing, ready, started, left, ended = (NEVER if t is None else t for t in times)
        assert job.public_status is not None
        return JobFacts(
            job.session,
            job.qpu,
            submitted,
            preparing,
            ready,
            started,
            left,
            ended,
            job.public_status,
            job.reason,
        )

    # ------------------------------------------------------------ what may happen next

    def next_event(self, only: Sequence[Order] = tuple(Order)) -> Event | None:
        """The smallest event that may happen (S3)."""
        events = (event for event in self.events() if event.rank in only)
        return min(events, key=lambda event: event[:4], default=None)

    def events(self) -> Iterator[Event]:
        """Everything that may happen next."""
        for number in range(len(self.sessions)):
            for time, rank, happen in event_rules.events_of_session(self, number):
                yield Event(time, rank, Kind.SESSION, (number,), happen)
        for number in range(len(self.jobs)):
            for time, rank, happen in event_rules.events_of_job(self, number):
                yield Event(time, rank, Kind.JOB, (number,), happen)
        for number in self.accounts:
            for time, happen in limit_rules.events_of_account(self, number):
                yield Event(time, Order.MAX_TIME, Kind.ACCOUNT, (number,), happen)
        yield from self.events_of_qpus()

    def events_of_qpus(self) -> Iterator[Event]:
        """Windows that begin and end, and what QPUs choose to do now."""
        for number in range(len(self.windows)):
            for time, place, happen in window_rules.events_of_window(self, number):
                yield Event(time, Order.AVAILABILITY, Kind.QPU, place, happen)
        for qpu in range(len(self.qpus)):
            action = qpu_rules.action(self, qpu)
            if action is not None:
                yield Event(self.now, Order.DISPATCH, Kind.QPU, (qpu,), action)

    def qpu_time(self, job: Job, qpu: int) -> int:
        """What a job needs on a QPU."""
        known = bool(self.qpu_times) and job.drawn < len(self.qpu_times[qpu])
        return self.qpu_times[qpu][job.drawn] if known else job.spec.qpu_time_us

    def estimate(self, job: Job, qpu: int) -> int:
        """What is expected of a job on a QPU; without an estimate it is perfect."""
        known = bool(self.estimates) and job.drawn < len(self.estimates[qpu])
        estimate = self.estimates[qpu][job.drawn] if known else job.spec.estimate_us
        return self.qpu_time(job, qpu) if estimate == NEVER else estimate

    def accepted_jobs_of(self, session: int) -> list[Job]:
        """The jobs of a session that were not rejected (S20)."""
        jobs = [job for job in self.jobs if job.session == session]
        return [job for job in jobs if job.accepted]

    def is_empty(self, session: int) -> bool:
        """Whether all jobs of a session have ended."""
        return all(job.ended is not None for job in self.accepted_jobs_of(session))

    # ------------------------------------------------------------ what happens

    def show(self, number: int, after: Public, reason: Reason = Reason.NONE) -> None:
        """Change what can be seen of a session."""
        session, state = self.sessions[number], after[0]
        before = (session.state, session.accepting)
        if before == after:
            return
        session.state, session.accepting = after
        self.changes.append((self.now, number, before, after, reason))
        if SessionState.ACTIVE in (before[0], state) and before[0] != state:
            if state == SessionState.ACTIVE:
                session.activations.append(Activation(self.now))
            else:
                session.activations[-1] = session.activations[-1]._replace(end=self.now)

    def create(self, number: int) -> None:
        """S9: a session comes to exist."""
        session = self.sessions[number]
        session.created = self.now
        session.qpu = qpu_rules.route(self, session.spec.qpu, session.spec.route)
        self.show(number, (SessionState.OPEN, True))

    def submit(self, number: int) -> None:
        """S9, S20: a job is submitted; it may be rejected."""
        job = self.jobs[number]
        job.submitted, job.stage = self.now, Stage.WAITING
        session = None if job.session == NEVER else self.sessions[job.session]
        if session is not None and session.state is None and session.spec.created_us == NEVER:  # S9
            self.create(job.session)
        reason = limit_rules.why_rejected(self, number)
        job.qpu = qpu_rules.named(self, job)
        if reason != Reason.NONE:
            self.end_job(number, JobStatus.REJECTED, reason)
            return
        if session is None:
            job.qpu = qpu_rules.route(self, job.spec.qpu, job.spec.route)
        else:
            job.qpu = session.qpu
            if session.thinking_since is not None:  # S51
                session.think_times.append(self.now - session.thinking_since)
                session.thinking_since = None
        if job.spec.preparation_us == 0 or self.qpus[job.qpu].simulator:  # S22: it does not wait
            job.ready = self.now

    def prepare(self, number: int) -> None:
        """S42: a job gets a lane."""
        self.jobs[number].preparing, self.jobs[number].stage = self.now, Stage.PREPARING

    def be_ready(self, number: int) -> None:
        """S40: the preparation of a job ends."""
        self.jobs[number].ready, self.jobs[number].stage = self.now, Stage.PREPARED

    def start(self, number: int) -> None:
        """S11, S15: a job starts on the QPU, and its session is active."""
        job, activation = self.jobs[number], NEVER
        if job.session != NEVER:
            session = self.sessions[job.session]
            self.show(job.session, (SessionState.ACTIVE, session.accepting))
            activation = len(session.activations) - 1
        job.stage, job.requeued = Stage.ON_QPU, False
        job.stays.append(Stay(job.qpu, self.now, activation=activation))

    def calibrate(self, window: int) -> None:
        """S52: a calibration that was due begins."""
        window_rules.put_in_force(self, window)

    def leave_qpu(self, number: int, *, cut: bool) -> None:
        """S40, S44: what is cut, or fails, has nothing to post-process."""
        job = self.jobs[number]
        if cut:
            self.end_job(number, JobStatus.ERROR, Reason.RAN_TOO_LONG)
        elif job.spec.fails:
            self.end_job(number, JobStatus.ERROR, Reason.PROGRAM_FAILED)
        elif job.spec.post_processing_us == 0:
            self.end_job(number, JobStatus.DONE, Reason.NONE)
        else:
            job.stays[-1] = job.stays[-1]._replace(end=self.now)
            job.stage = Stage.POST_PROCESSING

    def end_job(self, number: int, status: JobStatus, reason: Reason) -> None:
        """A job ends; S17: perhaps its session with it; S65: its client reacts."""
        job = self.jobs[number]
        if job.stage == Stage.ON_QPU:
            job.stays[-1] = job.stays[-1]._replace(end=self.now)
        job.ended, job.stage, job.status, job.reason = self.now, Stage.OVER, status, reason
        if job.session != NEVER:
            session = self.sessions[job.session]
            closing = session.state not in (None, SessionState.CLOSED) and not session.accepting
            if closing and self.is_empty(job.session):  # S17
                self.show(job.session, (SessionState.CLOSED, False), Reason.CLOSED)
        if job.of_program:
            self.ended_of_program.append(number)
        if job.spec.client != NEVER:
            client_rules.react(self, self.clients[job.spec.client], number)

    def look_at_sessions(self) -> None:
        """S13: whether an ITTL clock runs; S17, S52: whether a session has to give the QPU back."""
        for number, session in enumerate(self.sessions):
            empties = session.state == SessionState.ACTIVE and session.accepting
            if not empties or any(self.counts(job) for job in self.accepted_jobs_of(number)):
                session.emptied = None
            elif session.emptied is None:
                session.emptied = session.thinking_since = self.now
                session.allowed = self.allowed_to_think(session)
            closes = session.state == SessionState.ACTIVE and not session.accepting
            jobs = self.accepted_jobs_of(number)
            if closes and not any(job.queued or job.stage == Stage.ON_QPU for job in jobs):  # S17
                self.show(number, (SessionState.INACTIVE, False))
        window_rules.deactivate_for_reservations(self)

    def counts(self, job: Job) -> bool:
        """S43: whether a job stops the ITTL clock of its session; S41: it does not once it left the QPU."""
        return job.stage == Stage.ON_QPU or (job.may_start if self.rules.ittl_asks_for_ready else job.queued)

    def allowed_to_think(self, session: Session) -> int:
        """S14, S51: how long the ITTL clock runs that begins now."""
        given, think_times = session.spec.interactive_timeout_us, session.think_times
        if session.spec.mode == Mode.BATCH:
            return given
        if not self.rules.hold.ittl_counts:
            return 0
        if not self.rules.hold.adapts or not think_times:
            return given
        return min(given, max(SECOND_US, 2 * sum(think_times) // len(think_times)))

    def close(self, number: int) -> None:
        """S17, of a session that may not exist yet (S9)."""
        session = self.sessions[number]
        if session.state is None:  # S9
            self.create(number)
        if session.accepting:
            state = SessionState.CLOSED if self.is_empty(number) else session.state
            assert state is not None
            self.show(number, (state, False), Reason.CLOSED if state == SessionState.CLOSED else Reason.NONE)

    def cancel(self, number: int) -> None:
        """S18, of a session that may not exist yet (S9)."""
        session = self.sessions[number]
        if session.state is None:  # S9
            self.create(number)
        if session.state != SessionState.CLOSED:
            self.end_session(number, Reason.CANCELLED)

    def end_session(self, number: int, why: Reason) -> None:
        """S16, S18: closed at once; what is queued ends."""
        self.show(number, (SessionState.CLOSED, False), why)
        status, reason = self.rules.max_time_ends_as, Reason.MAX_TIME
        if why == Reason.COST_LIMIT:
            status, reason = JobStatus.CANCELLED, why
        elif why == Reason.CANCELLED:
            status, reason = JobStatus.CANCELLED, Reason.SESSION_CANCELLED
        for job_number, job in enumerate(self.jobs[:]):
            if job.session == number and job.queued:
                self.end_job(job_number, status, reason)

    def cancel_job(self, number: int) -> None:
        """S25: it acts on what is queued or on the QPU; S41: what is post-processed completes."""
        if self.jobs[number].queued or self.jobs[number].stage == Stage.ON_QPU:
            self.end_job(number, JobStatus.CANCELLED, Reason.JOB_CANCELLED)

    def serve_order(self, of: Session | Job, name: str, command: Callable[[int], None], number: int) -> None:
        """S25: an order of the user acts once."""
        of.orders_served.add(name)
        command(number)

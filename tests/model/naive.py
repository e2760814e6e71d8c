"""The rules once more, written from the text of the rules alone: slow, short and meant to be obviously right.

There is no agenda, no table and no clock: before each step everything that may happen is worked out again
from the histories of jobs and sessions, and the smallest by (time, rank, kind, number) happens (S3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum, auto
from functools import partial
from typing import Any, NamedTuple

from qsession_sim.scheduler.plan import ClientSpec, JobSpec, SessionSpec
from qsession_sim.scheduler.rules import Rules
from qsession_sim.scheduler.vocabulary import (
    NEVER,
    NO_LIMIT,
    JobStatus,
    Mode,
    OnError,
    OnFinish,
    OnRejection,
    Reason,
    SessionState,
)

from .histories import Client, Facts, Job, Public, Session


class Order(IntEnum):
    """S3, in words of its own: a slip in the order that the scheduler uses is noticed, too."""

    CREATE = auto()
    FINISH = auto()
    READY = auto()
    SUBMIT = auto()
    CLOSE = auto()
    CANCEL = auto()
    MAX_TIME = auto()
    ITTL = auto()
    DISPATCH = auto()


class Kind(IntEnum):
    """S3: sessions before jobs before QPUs."""

    SESSION = auto()
    JOB = auto()
    QPU = auto()


class Event(NamedTuple):
    """Something that may happen next."""

    time: int
    rank: Order
    kind: Kind
    number: int
    happen: Callable[[], None]


class Service:
    """One QPU with its jobs, sessions and clients, played by scanning."""

    def __init__(
        self,
        jobs: Sequence[JobSpec] = (),
        sessions: Sequence[SessionSpec] = (),
        clients: Sequence[ClientSpec] = (),
        rules: Rules | None = None,
        most_urgent_first: bool = False,
    ) -> None:
        self.rules = rules or Rules()
        self.most_urgent_first = most_urgent_first
        self.now = 0
        self.last_event = 0
        self.jobs: list[Job] = []
        self.ended_of_program: list[int] = []
        self.sessions = [Session(spec) for spec in sessions]
        self.clients = [Client(spec, spec.session) for spec in clients]
        self.changes: list[tuple[int, int, Public, Public, Reason]] = []
        for spec in jobs:
            self.add_job(spec)

    # ------------------------------------------------------------ running

    def run(self, horizon: int | None = None) -> Facts:
        """Play everything and tell what happened (S6)."""
        if horizon is not None:
            self.advance(horizon - 1)
            self.advance(horizon, Order.FINISH, only=Order.FINISH)
            return self.facts(horizon)
        self.advance(0)
        while self.is_needed() and (event := self.next_event()) is not None:
            self.advance(event.time)
        return self.facts(self.last_event)

    def advance(self, until: int, through: Order = Order.DISPATCH, only: Order | None = None) -> bool:
        """Play all events up to rank `through` of the instant `until`, but let a program act in between (S4).

        Returns False if it stopped because jobs of a program have ended: they are in `ended_of_program`.
        """
        self.ended_of_program = []
        while (event := self.next_event(only)) is not None and (event.time, event.rank) <= (until, through):
            assert event.time >= self.now, event
            self.now = self.last_event = event.time
            event.happen()
            if self.ended_of_program:
                return False
        return True

    def apply_command(self, now: int, name: str, *arguments: Any) -> None:
        """S4: a command takes effect after the jobs that leave the QPU at its instant, before all else.

        S6: a close or cancel of what is over by then, and the cancel of a job that has ended, prolong nothing.
        """
        while (event := self.next_event()) is not None and (event.time, event.rank) <= (now, Order.READY):
            if event.time > self.now and self.is_over(name, *arguments) and not self.is_needed():
                return
            self.now = self.last_event = event.time
            event.happen()
        if not self.is_over(name, *arguments):
            self.now = self.last_event = now
            getattr(self, name)(*arguments)

    def is_over(self, name: str, *arguments: Any) -> bool:
        if name in {"close", "cancel"}:
            return self.sessions[arguments[0]].state == SessionState.CLOSED
        return name == "cancel_job" and self.jobs[arguments[0]].ended is not None

    def add_job(self, spec: JobSpec, *, of_program: bool = False) -> int:
        due = None if spec.at_us == NEVER else spec.at_us
        self.jobs.append(Job(spec, spec.session, due, of_program))
        return len(self.jobs) - 1

    def add_session(self, spec: SessionSpec) -> int:
        self.sessions.append(Session(spec))
        return len(self.sessions) - 1

    def is_needed(self) -> bool:
        """S6: whether a run without a horizon goes on."""
        return (
            any(job.submitted is not None and job.ended is None for job in self.jobs)
            or any(job.submitted is None and self.submission_of(job) is not None for job in self.jobs)
            or any(session.state == SessionState.ACTIVE for session in self.sessions)
            or any(self.orders_to_come(session) for session in self.sessions)
        )

    def facts(self, end: int) -> Facts:
        """What happened, with NEVER for what did not."""
        jobs = {
            number: (
                job.session,
                job.submitted,
                NEVER if job.started is None else job.started,
                NEVER if job.ended is None else job.ended,
                job.status,
                job.reason,
            )
            for number, job in enumerate(self.jobs)
            if job.submitted is not None and job.status is not None
        }
        return Facts(jobs, self.changes, end)  # type: ignore[arg-type]

    # ------------------------------------------------------------ what may happen next

    def next_event(self, only: Order | None = None) -> Event | None:
        events = (event for event in self.events() if only in (None, event.rank))
        return min(events, key=lambda event: event[:4], default=None)

    def events(self) -> Iterator[Event]:
        for number, session in enumerate(self.sessions):
            for time, rank, happen in self.events_of_session(number, session):
                yield Event(time, rank, Kind.SESSION, number, happen)
        for number, job in enumerate(self.jobs):
            for time, rank, happen in self.events_of_job(number, job):
                yield Event(time, rank, Kind.JOB, number, happen)
        chosen = self.choice_of_qpu()
        if chosen is not None:
            yield Event(self.now, Order.DISPATCH, Kind.QPU, 0, partial(self.start, chosen))

    def events_of_session(
        self, number: int, session: Session
    ) -> Iterator[tuple[int, Order, Callable[[], None]]]:
        if session.state is None and session.spec.created_us != NEVER:
            yield session.spec.created_us, Order.CREATE, partial(self.create, number)
        for name, time in self.orders_to_come(session):
            rank = Order.CANCEL if "cancel" in name else Order.CLOSE
            yield time, rank, partial(self.serve_order, number, name)
        if session.created is None or session.state == SessionState.CLOSED:
            return
        jobs = self.accepted_jobs_of(number)
        if not jobs:  # S21
            time = session.created + self.rules.unused_timeout_us
            yield time, Order.MAX_TIME, partial(self.end_session, number, Reason.UNUSED)
        starts = [job.started for job in jobs if job.started is not None]
        if starts:  # S11
            time = min(starts) + session.spec.max_time_us
            yield time, Order.MAX_TIME, partial(self.end_session, number, Reason.MAX_TIME)
        ends = [job.ended for job in jobs if job.ended is not None]
        if session.state == SessionState.ACTIVE and session.accepting and len(ends) == len(jobs):  # S13
            counts = session.spec.mode == Mode.BATCH or self.rules.hold.ittl_counts  # S51
            time = max(ends) + (session.spec.interactive_timeout_us if counts else 0)
            yield time, Order.ITTL, partial(self.show, number, SessionState.INACTIVE, True, Reason.NONE)

    def events_of_job(self, number: int, job: Job) -> Iterator[tuple[int, Order, Callable[[], None]]]:
        if job.status == JobStatus.RUNNING:
            assert job.started is not None
            limits = [job.spec.max_execution_time_us, self.rules.max_execution_time_us]  # S44
            if job.spec.max_execution_time_us == NO_LIMIT:
                limits = []
            limit = min((limit for limit in limits if limit != NEVER), default=job.spec.qpu_time_us)
            if job.spec.qpu_time_us <= limit:
                outcome = (JobStatus.DONE, Reason.NONE)
            else:
                outcome = (JobStatus.ERROR, Reason.RAN_TOO_LONG)
            time = job.started + min(job.spec.qpu_time_us, limit)
            yield time, Order.FINISH, partial(self.end_job, number, *outcome)
        due = self.submission_of(job)
        if job.submitted is None and due is not None:
            yield due, Order.SUBMIT, partial(self.submit, number)
        if job.ended is not None:  # S25: a cancel to come does nothing any more
            return
        cancels = {"cancel": job.spec.cancel_us}
        if job.submitted is not None and job.spec.cancel_after_us != NEVER:
            cancels["cancel_after"] = job.submitted + job.spec.cancel_after_us
        for name, time in cancels.items():
            if time != NEVER and name not in job.orders_served:
                yield time, Order.CANCEL, partial(self.serve_job_order, number, name)

    def submission_of(self, job: Job) -> int | None:
        """S5: when it is submitted, as far as that is known."""
        if job.due is not None or job.spec.after == NEVER or job.spec.client != NEVER:
            return job.due
        ended = self.jobs[job.spec.after].ended
        return None if ended is None else ended + job.spec.think_us

    def orders_to_come(self, session: Session) -> list[tuple[str, int]]:
        """The closes and cancels of a session that are not served yet and whose time is known."""
        if session.state == SessionState.CLOSED:
            return []
        spec = session.spec
        orders = {"close": spec.close_us, "cancel": spec.cancel_us, **session.orders}
        created = spec.created_us if session.created is None else session.created
        if created != NEVER:
            afters = {"close_after": spec.close_after_us, "cancel_after": spec.cancel_after_us}
            orders |= {name: created + after for name, after in afters.items() if after != NEVER}
        return [
            (name, time)
            for name, time in orders.items()
            if time != NEVER and name not in session.orders_served
        ]

    def choice_of_qpu(self) -> int | None:
        """S50: which job starts now, if the QPU is free and one may."""
        if any(job.status == JobStatus.RUNNING for job in self.jobs):
            return None
        queued = [number for number, job in enumerate(self.jobs) if job.status == JobStatus.QUEUED]
        holders = [n for n, session in enumerate(self.sessions) if session.state == SessionState.ACTIVE]
        assert len(holders) <= 1, "S12"
        for holder in holders:
            own = [number for number in queued if self.jobs[number].session == holder]
            if own:  # S12, S33
                return min(own, key=lambda number: (self.jobs[number].submitted, number))
            if self.sessions[holder].spec.mode == Mode.SESSION and not self.rules.hold.lets_job_mode_in:
                return None  # S51
            queued = [number for number in queued if self.jobs[number].session == NEVER]  # S32
        return min(queued, key=self.place, default=None)

    def place(self, number: int) -> tuple[int, int | None, int]:
        job = self.jobs[number]
        return (-job.spec.priority if self.most_urgent_first else 0, job.submitted, number)

    def accepted_jobs_of(self, session: int) -> list[Job]:
        jobs = [job for job in self.jobs if job.session == session]
        return [job for job in jobs if job.submitted is not None and job.status != JobStatus.REJECTED]

    def is_empty(self, session: int) -> bool:
        return all(job.ended is not None for job in self.accepted_jobs_of(session))

    # ------------------------------------------------------------ what happens

    def show(self, number: int, state: SessionState, accepting: bool, reason: Reason) -> None:
        """Change what can be seen of a session."""
        session = self.sessions[number]
        before, after = (session.state, session.accepting), (state, accepting)
        session.state, session.accepting = after
        if before != after:
            self.changes.append((self.now, number, before, after, reason))

    def create(self, number: int) -> None:
        self.sessions[number].created = self.now
        self.show(number, SessionState.OPEN, True, Reason.NONE)

    def submit(self, number: int) -> None:
        job = self.jobs[number]
        job.submitted = self.now
        reason = Reason.NONE
        if job.session != NEVER:
            session = self.sessions[job.session]
            if session.state is None and session.spec.created_us == NEVER:  # S9
                self.create(job.session)
            if session.state is None:
                reason = Reason.SESSION_NOT_CREATED
            elif not session.accepting:
                reason = Reason.SESSION_CLOSED
            elif job.spec.max_execution_time_us > session.spec.max_time_us:  # S24
                reason = Reason.EXECUTION_TIME_EXCEEDS_SESSION
        job.status = JobStatus.QUEUED
        if reason != Reason.NONE:
            self.end_job(number, JobStatus.REJECTED, reason)

    def start(self, number: int) -> None:
        job = self.jobs[number]
        job.started, job.status = self.now, JobStatus.RUNNING
        if job.session != NEVER:
            self.show(job.session, SessionState.ACTIVE, self.sessions[job.session].accepting, Reason.NONE)

    def end_job(self, number: int, status: JobStatus, reason: Reason) -> None:
        job = self.jobs[number]
        job.ended, job.status, job.reason = self.now, status, reason
        if job.session != NEVER:
            session = self.sessions[job.session]
            closing = session.state not in (None, SessionState.CLOSED) and not session.accepting
            if closing and self.is_empty(job.session):  # S17
                self.show(job.session, SessionState.CLOSED, False, Reason.CLOSED)
        if job.of_program:
            self.ended_of_program.append(number)
        if job.spec.client != NEVER:
            self.react(self.clients[job.spec.client], number)

    def close(self, number: int) -> None:
        session = self.sessions[number]
        if session.state is None:  # S9
            self.create(number)
        if session.accepting:
            state = SessionState.CLOSED if self.is_empty(number) else session.state
            assert state is not None
            self.show(number, state, False, Reason.CLOSED if state == SessionState.CLOSED else Reason.NONE)

    def cancel(self, number: int) -> None:
        session = self.sessions[number]
        if session.state is None:  # S9
            self.create(number)
        if session.state != SessionState.CLOSED:
            self.end_session(number, Reason.CANCELLED)

    def end_session(self, number: int, why: Reason) -> None:
        """S16, S18: closed at once; what is queued ends."""
        self.show(number, SessionState.CLOSED, False, why)
        if why == Reason.CANCELLED:
            outcome = (JobStatus.CANCELLED, Reason.SESSION_CANCELLED)
        else:
            outcome = (self.rules.max_time_ends_as, Reason.MAX_TIME)
        for job_number, job in enumerate(self.jobs[:]):
            if job.session == number and job.status == JobStatus.QUEUED:
                self.end_job(job_number, *outcome)

    def cancel_job(self, number: int) -> None:
        if self.jobs[number].status in (JobStatus.QUEUED, JobStatus.RUNNING):  # S25
            self.end_job(number, JobStatus.CANCELLED, Reason.JOB_CANCELLED)

    def serve_order(self, number: int, name: str) -> None:
        self.sessions[number].orders_served.add(name)
        (self.cancel if "cancel" in name else self.close)(number)

    def serve_job_order(self, number: int, name: str) -> None:
        self.jobs[number].orders_served.add(name)
        self.cancel_job(number)

    # ------------------------------------------------------------ clients

    def react(self, client: Client, number: int) -> None:
        """S64 to S66: what a client does in the instant in which its job ended."""
        job, spec = self.jobs[number], client.spec
        failed = job.status in (JobStatus.ERROR, JobStatus.CANCELLED)
        again = failed and spec.on_error == OnError.RETRY
        stops = failed and spec.on_error == OnError.STOP
        if job.status == JobStatus.REJECTED:
            again = job.reason == Reason.SESSION_CLOSED and spec.on_rejection != OnRejection.GIVE_UP
            stops = not again
            if again and spec.on_rejection == OnRejection.NEW_SESSION:
                client.session = self.add_session(self.sessions[job.session].spec)
            elif again:
                client.session = NEVER
        if again:
            repeated = replace(job.spec, at_us=self.now, after=NEVER, session=client.session)
            self.add_job(repeated)
        elif stops or client.iteration == spec.jobs - 1:
            self.finish(client)
        else:
            client.iteration += 1
            following = self.jobs[spec.first_job + client.iteration]
            following.session = client.session
            following.due = self.now + following.spec.think_us

    def finish(self, client: Client) -> None:
        """S64: the session of a client that is through is closed, cancelled or left in that instant."""
        if client.session != NEVER and client.spec.on_finish != OnFinish.LEAVE:
            name = "cancel of client" if client.spec.on_finish == OnFinish.CANCEL else "close of client"
            self.sessions[client.session].orders[name] = self.now

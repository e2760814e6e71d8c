"""Service: the scheduler inside a SimPy environment, driven by one re-armed timeout."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Unpack

import simpy
from simpy.events import NORMAL, URGENT, EventPriority

from qsession_sim.errors import BEYOND_TIME, ScenarioError, SchedulerUsageError
from qsession_sim.results.record import Record
from qsession_sim.scenario.accounts import DEFAULT_PROFILE, ProfileName, ResolvedPlan
from qsession_sim.scheduler.plan import AccountSpec, Rules
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.scheduler.view import QueueKey
from qsession_sim.scheduler.vocabulary import JobStatus, Mode, Rank
from qsession_sim.service.live import STREAM, LiveService, RunIsOverError
from qsession_sim.service.observed import ENDED, JobDetails, JobEnded, JobStarted, LiveJob, SessionDetails
from qsession_sim.service.planning import JobOptions
from qsession_sim.service.programs import ProgramJob, ProgramSession
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Workload

# -- Endless: a run without a horizon whose windows never let it come to an end (S6, S52).

PATIENCE_EVENTS: Final = 1_000_000
"""More events than windows have between the ends of two jobs: of an hourly calibration those of 57 years."""


class Endless:
    """Notices that windows come and go while no job gets through, and nothing else is still to come.

    A further attempt of a client (S65) is a job of its own, so it counts as progress only if it is done.

    Args:
        live: the service of a run without a horizon.
        planned: the number of jobs that are known before the run.
    """

    def __init__(self, live: LiveService, planned: int) -> None:
        self._live = live
        self._planned = planned
        self._looked_at_event = 0
        self._seen: tuple[int, int, int] | None = None  # None: windows are counted from now on

    def look(self) -> None:
        """Call it now and then.

        Raises:
            ScenarioError: if a very long time went by without progress.
        """
        events = self._live.events_applied
        if events - self._looked_at_event < PATIENCE_EVENTS:
            return
        self._looked_at_event = events
        seen, self._seen = self._seen, None if self._live.has_plans else self._progress()
        if seen is not None and seen == self._seen:
            what = f"windows came and went for {PATIENCE_EVENTS:,} events and no job got through"
            todo = "leave more time between them, or give a horizon"
            raise ScenarioError((f"qpus: {what}, so the run may never end; {todo}",))

    def _progress(self) -> tuple[int, int, int]:
        """Jobs that are done, planned jobs that have ended, and jobs of live programs."""
        journal = self._live.journal
        planned = journal.stage[: self._planned]
        repeats = sum(origin >= 0 for origin in journal.repeated_jobs)
        return (
            journal.stage.count(JobStatus.DONE),
            sum(planned.count(status) for status in ENDED),
            len(journal.stage) - repeats,
        )


LATE: Final = EventPriority(NORMAL + 1)
"""After every other SimPy event of the instant, also those that are still to be created (S4)."""

EVENTS_BETWEEN_REPORTS: Final = 20_000

Program = Generator[simpy.Event, Any, Any]


@dataclass(frozen=True)
class Progress:
    """How far a run has come: simulated time, events applied, and jobs known before the run."""

    now_us: int
    events: int
    jobs: int


class Service:
    """One QPU with its scheduler, and a SimPy environment in which live programs take part.

    Time in `env` is in integer microseconds. A program is a SimPy process that opens sessions and submits
    jobs; what it does equals what a scenario with the same entities in the same order does (S4). A program
    that still waits at the end of the run, or at an error, is closed, and what it commands then does nothing.

    Args:
        workload: everything known before the run.
        rules: settings of the service.
        queue_key: key of the queue policy; None is first in, first out.
        queue_policy: takes the place of `queue_key`.
        qpu: name of the QPU in the tables; None: as in the workload.
        accounts: the accounts that programs may use; None: any.
        profile: whose clocks a program's sessions have by default.
        plans: of the accounts that have one, by name; instead of the profile's clocks.
        account_specs: what accounts may do, by name; the others have no limits.
        horizon_us: where the run stops (S6); None: when there is nothing left to do.
        progress: called now and then during `run`.

    Example:
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> service = Service(EMPTY_WORKLOAD)
        >>> def program(service):
        ...     with service.open_session("s1", account="lab-a") as session:
        ...         result = yield session.run("j1", qpu_time_us=10)
        ...         yield service.env.timeout(5)
        ...         yield session.run("j2", qpu_time_us=10)
        >>> _ = service.start(program)
        >>> record = service.run()
        >>> record.started_us.tolist(), record.end_us
        ([0, 15], 25)
    """

    def __init__(
        self,
        workload: Workload,
        *,
        rules: Rules | None = None,
        queue_key: QueueKey | None = None,
        queue_policy: QueuePolicy | None = None,
        qpu: str | None = None,
        accounts: Collection[str] | None = None,
        profile: ProfileName = DEFAULT_PROFILE,
        plans: Mapping[str, ResolvedPlan] | None = None,
        account_specs: Mapping[str, AccountSpec] | None = None,
        horizon_us: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.env = _Environment()
        if qpu is not None:
            workload = replace(workload, qpus=(qpu, *workload.qpus[1:]))
        self._live = LiveService(
            workload,
            rules=rules,
            queue_key=queue_key,
            queue_policy=queue_policy,
            accounts=accounts,
            profile=profile,
            plans=plans,
            account_specs=account_specs,
        )
        self._horizon_us = horizon_us
        self._progress = progress
        self._jobs = len(workload.jobs)
        self._unfinished: dict[int, ProgramJob] = {}
        self._awaited: dict[int, simpy.Event] = {}  # starts
        may_be_endless = bool(workload.windows) and horizon_us is None
        self._endless = Endless(self._live, self._jobs) if may_be_endless else None
        self._started = False
        self._events_reported = 0
        self._arm(0)  # S6: instant 0 is always served

    # ---------------------------------------------------------------- for programs

    @property
    def now_us(self) -> int:
        """The time in the environment.

        Raises:
            SchedulerUsageError: if a process made it a fraction, for example by `env.timeout(0.5)`, or
                waited until after 2**62 (S1).
        """
        now: Any = self.env.now
        try:
            now_us = operator.index(now)
        except TypeError:
            raise SchedulerUsageError(
                f"the time is {now!r}; wait in whole microseconds, so that it stays an int"
            ) from None
        if now_us > LONGEST_US:
            raise SchedulerUsageError(f"the time is {now_us} us, beyond 2**62 us, about 146,000 years")
        return now_us

    def start(self, program: Callable[[Service], Program]) -> simpy.Process:
        """Start a program: a generator function that is given this service.

        Raises:
            SchedulerUsageError: if it is anything else.
        """
        if not callable(program):
            raise SchedulerUsageError(
                f"a program must be a generator function, not {program!r}; give `f`, not `f(...)`"
            )
        process = program(self)
        if not isinstance(process, Generator):
            name = getattr(program, "__name__", repr(program))
            raise SchedulerUsageError(
                f"program {name!r} must be a generator function, one with `yield`; it gave {process!r}"
            )
        return self.env.process(process)

    def open_session(
        self,
        name: str,
        *,
        account: str,
        mode: Mode = Mode.SESSION,
        max_time_us: int | None = None,
        interactive_timeout_us: int | None = None,
        qpu: str | None = None,
        stream: str = STREAM,
    ) -> ProgramSession:
        """Open a session or batch now. Leaving it as a context closes it (S19).

        The two clocks are those of the account's plan, or else of the profile, unless given. Without `qpu`
        the session is routed (S54).

        Raises:
            SchedulerUsageError: for a name that is taken or no name, an account that does not exist, a QPU
                that does not exist or is a simulator backend (S22), mode job, a time that is no whole number,
                negative or longer than the plan allows (S61), or after the end of the run.
        """
        session = self._live.open_session(
            self.now_us,
            name,
            account=account,
            mode=mode,
            max_time_us=max_time_us,
            interactive_timeout_us=interactive_timeout_us,
            qpu=qpu,
            stream=stream,
        )
        self.commanded()
        return ProgramSession(self, session)

    def submit(
        self,
        name: str,
        *,
        qpu_time_us: int,
        account: str,
        session: ProgramSession | None = None,
        qpu: str | None = None,
        stream: str = STREAM,
        **options: Unpack[JobOptions],
    ) -> ProgramJob:
        """Submit a job now; `yield job.completed` waits for its end, however it ends.

        Without `qpu` a job in job mode is routed (S54); without `estimate_us` its QPU time is known.
        `options` are those of `JobOptions`, such as `priority` and `max_execution_time_us`.

        Raises:
            SchedulerUsageError: for a name that is taken or no name, a time that is no whole number or too
                short, a priority beyond 2**62, an account or QPU that does not exist or is not that of the
                session, preparation on a simulator backend, or after the end of the run.
        """
        submitted = self._live.submit(
            self.now_us,
            name,
            qpu_time_us=qpu_time_us,
            account=account,
            session=session.session if isinstance(session, ProgramSession) else session,
            qpu=qpu,
            stream=stream,
            **options,
        )
        job = self.watch(submitted)
        self.commanded()
        return job

    def close(self, session: ProgramSession) -> None:
        """close() a session now (S17)."""
        if not self._live.is_over:
            self.commanded(acts=self._live.close(self.now_us, session.session))

    def cancel(self, session: ProgramSession) -> None:
        """cancel() a session now (S18)."""
        if not self._live.is_over:
            self.commanded(acts=self._live.cancel(self.now_us, session.session))

    def cancel_job(self, job: ProgramJob) -> None:
        """Cancel a job now (S25)."""
        if not self._live.is_over:
            self.commanded(acts=self._live.cancel_job(self.now_us, job.job))

    def started(self, job: ProgramJob) -> simpy.Event:
        """The event of the first start of a job; see `ProgramJob.started`."""
        event = simpy.Event(self.env)
        if self._live.is_over:
            return event
        if self._live.await_start(job.job):
            return self._awaited.setdefault(job.number, event)
        return event.succeed(self._live.job_details(self.now_us, job.job).started_us)

    def session_details(self, session: ProgramSession) -> SessionDetails:
        """The state of a session now, its instants, and its usage so far."""
        return self._live.session_details(self.now_us, session.session)

    def job_details(self, job: ProgramJob) -> JobDetails:
        """The status of a job now, its instants, and its usage so far."""
        return self._live.job_details(self.now_us, job.job)

    # ---------------------------------------------------------------- for those that command it themselves

    @property
    def live(self) -> LiveService:
        """What this drives. Who commands it says so by `commanded`, and by `watch` for each job."""
        return self._live

    def watch(self, job: LiveJob) -> ProgramJob:
        """A job that was submitted to `live`, with the event of its end."""
        watched = ProgramJob(self, job, simpy.Event(self.env))
        self._unfinished[job.number] = watched
        return watched

    def commanded(self, *, acts: bool = True) -> None:
        """Something was commanded to `live` now; its effects come after all programs have acted (S4).

        `acts`: whether it changes anything; a command that came too late does not.
        """
        if not self._live.is_over:
            self._wake_programs()
            if acts:
                self._arm_late()

    # ---------------------------------------------------------------- running

    def run(self) -> Record:
        """Run to the horizon, or until there is nothing left to do, and return what happened.

        Programs that still wait then are closed: their `finally` and `with` blocks run, and what they command
        there changes nothing.

        Raises:
            SchedulerUsageError: if it ran before, or a program that is closed waits for ever.
            PolicyError: if the queue policy does not keep its contract; it names the job.
        """
        if self._started:
            raise SchedulerUsageError("this service has run; make a new one for another run")
        self._started = True
        try:
            self.env.run(until=self._horizon_us)
            self._live.stop(self._horizon_us)
        except BaseException as error:
            self._live.stop()
            for another in self.env.close():
                error.add_note(f"and a program that was closed raised {another!r}")
            raise
        self._wake_programs()
        for fault in self.env.close():
            raise fault
        return self._live.record()

    def _arm(self, delay_us: int) -> None:
        """Set the one timeout; an earlier one that is still to come is forgotten."""
        self._timer = _Timer(self.env, delay_us, URGENT, self._wake)

    def _arm_late(self) -> None:
        """Set it for the end of this instant, when all programs have acted (S4)."""
        self._timer = _Timer(self.env, 0, LATE, self._wake_late)

    def _wake(self, timer: simpy.Event) -> None:
        if timer is self._timer:
            # S4: these come before all programs, also those that woke up for a reason of their own
            while not self._live.advance(self.now_us, Rank.READY):
                self._wake_programs()
            self._arm_late()

    def _wake_late(self, timer: simpy.Event) -> None:
        if timer is not self._timer:
            return
        if self._live.advance(self.now_us):
            self._go_on()
        else:
            self._wake_programs()
            self._arm_late()  # S4: a program's job ended, it acts before later ranks

    def _go_on(self) -> None:
        """The instant is complete. Run ahead as far as no program can notice, then set the timeout."""
        live = self._live
        while live.is_needed:  # S6
            if self._endless is not None:
                self._endless.look()
            next_us = live.next_event_us()
            if next_us is None:
                return
            if next_us > LONGEST_US:
                raise ScenarioError((BEYOND_TIME,))
            others_us = self.env.peek()
            if self._unfinished or next_us >= others_us:
                self._report(EVENTS_BETWEEN_REPORTS)
                self._arm(next_us - self.now_us)
                return
            before_others_us = LONGEST_US if others_us == math.inf else math.ceil(others_us) - 1
            live.advance_while_needed(before_others_us, EVENTS_BETWEEN_REPORTS)
            self._report()

    def _report(self, at_least: int = 0) -> None:
        """Report how far the run has come, if at least so many events were applied since the last report."""
        events = self._live.events_applied
        if self._progress is not None and events - self._events_reported >= at_least:
            self._events_reported = events
            self._progress(Progress(self._live.now_us, events, self._jobs))

    def _wake_programs(self) -> None:
        """Let those go on that wait for a job which has ended."""
        if self._live.has_events:
            for event in self._live.events():
                if isinstance(event, JobStarted) and event.job.number in self._awaited:
                    self._awaited.pop(event.job.number).succeed(event.time_us)
                elif isinstance(event, JobEnded):
                    self._unfinished.pop(event.job.number).completed.succeed(event.result)


class _Timer(simpy.Event):
    """A timeout with a priority, which `simpy.Timeout` does not have."""

    def __init__(
        self,
        env: simpy.Environment,
        delay_us: int,
        priority: EventPriority,
        callback: Callable[[simpy.Event], None],
    ) -> None:
        super().__init__(env)
        self.callbacks = [callback]
        self._ok = True
        self._value = None
        env.schedule(self, priority, delay_us)


_MOST_WAITS_IN_A_CLEAN_UP: Final = 100


class _Environment(simpy.Environment):
    """Knows the processes that have not ended, so that they can be closed with the run."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self._waiting: dict[simpy.Event, Program] = {}

    def process(self, generator: Program) -> simpy.Process:
        """Start a process, of a program or of its own."""
        process = simpy.Process(self, generator)
        self._waiting[process] = generator
        process.callbacks.append(self._forget)
        return process

    def _forget(self, process: simpy.Event) -> None:
        del self._waiting[process]

    def close(self) -> list[Exception]:
        """Let the `finally` and `with` blocks of processes run that still wait, the last one started first.

        Returns:
            The errors that they raised, except that a command came too late.
        """
        waiting, self._waiting = [*self._waiting.values()], {}
        errors = [_closed(generator) for generator in reversed(waiting)]
        return [error for error in errors if error is not None and not isinstance(error, RunIsOverError)]


def _closed(generator: Program) -> Exception | None:
    """Close a program; None, or the error that it raised. What it waits for meanwhile never comes."""
    for _ in range(_MOST_WAITS_IN_A_CLEAN_UP):
        try:
            generator.close()
        except Exception as error:  # noqa: BLE001 - whatever a program raises
            if getattr(generator, "gi_frame", None) is None:
                return error
            # Python raises a RuntimeError because it yielded again: it is closed where it waits now
        else:
            return None
    name = getattr(generator, "__name__", repr(generator))
    return SchedulerUsageError(
        f"program {name!r} cannot be closed at the end of the run, since it always waits again; "
        f"let GeneratorExit pass"
    )

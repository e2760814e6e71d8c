"""Service: the scheduler inside a SimPy environment, driven by one re-armed timeout."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import simpy
from simpy.events import NORMAL, URGENT, EventPriority

from qsession_sim.errors import PolicyError, ScenarioError, SchedulerUsageError
from qsession_sim.results.record import Record
from qsession_sim.scenario.accounts import DEFAULT_PROFILE, AccountPlans, ProfileName, ResolvedPlan
from qsession_sim.scheduler.plan import AccountSpec, Rules
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.view import QueueKey
from qsession_sim.scheduler.vocabulary import JobStatus, Mode, Rank
from qsession_sim.service.entities import Entities
from qsession_sim.service.planning import plan_of, session_clocks
from qsession_sim.service.programs import ProgramJob, ProgramSession
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Workload

# -- Endless: a run without a horizon whose windows never let it come to an end (S6, S52).

PATIENCE_EVENTS: Final = 1_000_000
"""More events than windows have between the ends of two jobs: of an hourly calibration those of 57 years."""

_FINAL: Final = (JobStatus.DONE, JobStatus.CANCELLED, JobStatus.ERROR, JobStatus.REJECTED)


class Endless:
    """Notices that windows come and go while no job gets through.

    A further attempt of a client (S65) is a job of its own, so it counts as progress only if it is done.

    Args:
        scheduler: of a run without a horizon.
        planned: the number of jobs that are known before the run.
    """

    def __init__(self, scheduler: Scheduler, planned: int) -> None:
        self._scheduler = scheduler
        self._planned = planned
        self._looked_at_event = 0
        self._seen = self._progress()

    def look(self) -> None:
        """Call it now and then.

        Raises:
            ScenarioError: if a very long time went by without progress.
        """
        events = self._scheduler.events_applied
        if events - self._looked_at_event < PATIENCE_EVENTS:
            return
        self._looked_at_event = events
        seen, self._seen = self._seen, self._progress()
        if seen == self._seen:
            what = f"windows came and went for {PATIENCE_EVENTS:,} events and no job got through"
            todo = "leave more time between them, or give a horizon"
            raise ScenarioError((f"qpus: {what}, so the run may never end; {todo}",))

    def _progress(self) -> tuple[int, int, int]:
        """Jobs that are done, planned jobs that have ended, and jobs of live programs."""
        journal = self._scheduler.journal
        planned = journal.stage[: self._planned]
        repeats = sum(origin >= 0 for origin in journal.repeated_jobs)
        return (
            journal.stage.count(JobStatus.DONE),
            sum(planned.count(status) for status in _FINAL),
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
    jobs; what it does equals what a scenario with the same entities in the same order does (S4). After the
    end of the run closing and cancelling do nothing, so that a program which was cut off can clean up.

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
        self.env = simpy.Environment(initial_time=0)
        if qpu is not None:
            workload = replace(workload, qpus=(qpu, *workload.qpus[1:]))
        self._entities = Entities(workload, accounts)
        self._account_plans = AccountPlans(profile, plans or {})
        self._horizon_us = horizon_us
        self._progress = progress
        self._jobs = len(workload.jobs)
        self._unfinished: dict[int, ProgramJob] = {}
        self._plan = plan_of(workload, self._entities.accounts, account_specs)
        self._scheduler = Scheduler(self._plan, rules, queue_key, self._end_program_job, queue_policy)
        may_be_endless = bool(self._plan.windows) and horizon_us is None
        self._endless = Endless(self._scheduler, self._jobs) if may_be_endless else None
        self._started = False
        self._is_over = False
        self._events_reported = 0
        self._arm(0, URGENT)  # S6: instant 0 is always served

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
        stream: str = "explicit",
    ) -> ProgramSession:
        """Open a session or batch now. Leaving it as a context closes it (S19).

        The two clocks are those of the account's plan, or else of the profile, unless given. Without `qpu`
        the session is routed (S54).

        Raises:
            SchedulerUsageError: for a name that is taken or no name, an account that does not exist, a QPU
                that does not exist or is a simulator backend (S22), mode job, a time that is no whole number,
                negative or longer than the plan allows (S61), or after the end of the run.
        """
        now_us = self._command_us()
        max_time_us, interactive_timeout_us = session_clocks(
            self._account_plans, name, account, mode, max_time_us, interactive_timeout_us
        )
        spec = self._entities.add_session(
            name, account, stream, mode, max_time_us, interactive_timeout_us, qpu
        )
        number = self._scheduler.add_session(spec)
        self._scheduler.create(now_us, number)
        self._commanded()
        return ProgramSession(self, number, account, stream, qpu)

    def submit(
        self,
        name: str,
        *,
        qpu_time_us: int,
        account: str,
        session: ProgramSession | None = None,
        priority: int = 0,
        max_execution_time_us: int | None = None,
        qpu: str | None = None,
        preparation_us: int = 0,
        post_processing_us: int = 0,
        estimate_us: int | None = None,
        stream: str = "explicit",
    ) -> ProgramJob:
        """Submit a job now; `yield job.completed` waits for its end, however it ends.

        Without `qpu` a job in job mode is routed (S54); without `estimate_us` its QPU time is known.

        Raises:
            SchedulerUsageError: for a name that is taken or no name, a time that is no whole number or too
                short, a priority beyond 2**62, an account or QPU that does not exist or is not that of the
                session, preparation on a simulator backend, or after the end of the run.
        """
        now_us = self._command_us()
        if session is not None and not isinstance(session, ProgramSession):
            raise SchedulerUsageError(
                f"job {name!r}: session must be what `open_session` gives, not {session!r}"
            )
        if session is not None and account != session.account:
            raise SchedulerUsageError(
                f"job {name!r}: a session's jobs take its account, {session.account!r}, not {account!r}"
            )
        if session is not None and qpu not in (None, session.qpu):
            raise SchedulerUsageError(
                f"job {name!r}: a session's jobs stay on its QPU; open the session with qpu={qpu!r}"
            )
        number_of_session = None if session is None else session.number
        spec = self._entities.add_job(
            name,
            account,
            stream,
            qpu_time_us,
            number_of_session,
            priority,
            max_execution_time_us,
            qpu=qpu if session is None else session.qpu,
            preparation_us=preparation_us,
            post_processing_us=post_processing_us,
            estimate_us=estimate_us,
        )
        job = ProgramJob(self, self._scheduler.add_job(spec), name)
        self._unfinished[job.number] = job
        self._scheduler.submit(now_us, job.number)
        self._commanded()
        return job

    def close(self, session: ProgramSession) -> None:
        """close() a session now (S17)."""
        if not self._is_over and self._scheduler.close(self.now_us, session.number):
            self._commanded()

    def cancel(self, session: ProgramSession) -> None:
        """cancel() a session now (S18)."""
        if not self._is_over and self._scheduler.cancel(self.now_us, session.number):
            self._commanded()

    def cancel_job(self, job: ProgramJob) -> None:
        """Cancel a job now (S25)."""
        if not self._is_over and self._scheduler.cancel_job(self.now_us, job.number):
            self._commanded()

    def _command_us(self) -> int:
        """The instant of a command that creates something."""
        if self._is_over:
            raise SchedulerUsageError("the run is over; nothing can be submitted or opened")
        return self.now_us

    # ---------------------------------------------------------------- running

    def run(self) -> Record:
        """Run to the horizon, or until there is nothing left to do, and return what happened.

        Raises:
            SchedulerUsageError: if it ran before.
            PolicyError: if the queue policy does not keep its contract; it names the job.
        """
        if self._started:
            raise SchedulerUsageError("this service has run; make a new one for another run")
        self._started = True
        try:
            self._run()
        except PolicyError as error:
            if error.job_number is None:
                raise
            name = self._entities.name_of_job(error.job_number, self._scheduler)
            named = f"{error}; job {error.job_number} is {name!r}"
            raise PolicyError(named, error.job_number) from error.__cause__
        return self._entities.record(self._scheduler, self._plan.account_specs)

    def _run(self) -> None:
        try:
            self.env.run(until=self._horizon_us)
        finally:
            self._is_over = True  # S6: clean-up of programs that were cut off changes nothing
        if self._horizon_us is not None:
            while not self._scheduler.advance(self._horizon_us - 1):
                pass
            self._scheduler.finish_at(self._horizon_us)

    def _arm(self, time_us: int, priority: EventPriority) -> None:
        """Set the one timeout; an earlier one that is still to come is forgotten."""
        wake = self._wake_late if priority == LATE else self._wake
        self._timer = _Timer(self.env, time_us - self.now_us, priority, wake)

    def _commanded(self) -> None:
        """S4: what a command caused for this instant is applied after all programs have acted."""
        self._arm(self.now_us, LATE)

    def _wake(self, timer: simpy.Event) -> None:
        if timer is self._timer:
            # S4: these come before all programs, also those that woke up for a reason of their own
            while not self._scheduler.advance(self.now_us, Rank.READY):
                pass
            self._arm(self.now_us, LATE)

    def _wake_late(self, timer: simpy.Event) -> None:
        if timer is not self._timer:
            return
        if self._scheduler.advance(self.now_us):
            self._go_on()
        else:
            self._arm(self.now_us, LATE)  # S4: a program's job ended, it acts before later ranks

    def _go_on(self) -> None:
        """The instant is complete. Run ahead as far as no program can notice, then set the timeout."""
        scheduler = self._scheduler
        while scheduler.is_needed:  # S6
            if self._endless is not None:
                self._endless.look()
            next_us = scheduler.next_event_us()
            if next_us is None:
                return
            if next_us > LONGEST_US:
                raise ScenarioError(
                    ("workload: the run goes on beyond 2**62 us, about 146,000 years; give a horizon",)
                )
            others_us = self.env.peek()
            if self._unfinished or next_us >= others_us:
                self._report(EVENTS_BETWEEN_REPORTS)
                self._arm(next_us, URGENT)
                return
            before_others_us = LONGEST_US if others_us == math.inf else math.ceil(others_us) - 1
            scheduler.advance_while_needed(before_others_us, EVENTS_BETWEEN_REPORTS)
            self._report()

    def _report(self, at_least: int = 0) -> None:
        """Tell how far the run has come, if at least so many events were applied since the last time."""
        events = self._scheduler.events_applied
        if self._progress is not None and events - self._events_reported >= at_least:
            self._events_reported = events
            self._progress(Progress(self._scheduler.now_us, events, self._jobs))

    def _end_program_job(self, number: int) -> None:
        self._unfinished.pop(number).end(self._scheduler.journal)


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

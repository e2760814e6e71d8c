"""The service as its live users see it: what they command and what they ask; time goes in, events come out.

Nothing here waits, and nothing knows SimPy, threads or sockets. Whoever drives a `LiveService` passes the
instant of each command and of each question, lets time pass by `advance`, and collects what happened by
`events`. A command takes effect after the jobs that leave the QPU at its instant and before everything else
of it (S4). A question sees the same and changes nothing: neither what happens later nor where the run ends
(S6).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Final, TypeVar, Unpack

from qsession_sim.errors import PolicyError, SchedulerUsageError
from qsession_sim.results.record import LiveEntities, Record, completed
from qsession_sim.scenario.accounts import DEFAULT_PROFILE, AccountPlans, ProfileName, ResolvedPlan
from qsession_sim.scheduler.columns import TRANSITION_FIELDS, WINDOW_FIELDS, Journal
from qsession_sim.scheduler.plan import AccountSpec, JobSpec, Rules, SessionSpec
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.scheduler.scheduler import ALL_EVENTS, Scheduler
from qsession_sim.scheduler.view import QueueKey
from qsession_sim.scheduler.vocabulary import NEVER, Mode, Rank
from qsession_sim.service.observed import (
    Event,
    JobDetails,
    LiveJob,
    LiveSession,
    Observed,
    QpuDetails,
    SessionChanged,
    SessionDetails,
)
from qsession_sim.service.planning import (
    JobOptions,
    any_duration_us,
    check_mode,
    check_name,
    checked_options,
    plan_of,
    route_of,
    session_clocks,
    some_duration_us,
)
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Workload, name_of

T = TypeVar("T")

STREAM: Final = "explicit"
"""What is said to be the source of that for which a live user names none."""


class RunIsOverError(SchedulerUsageError):
    """A command came after the end of the run."""


class LiveService:
    """Commands and questions of live users to one scheduler, with a workload known before or without.

    Args:
        workload: everything known before the run.
        rules: settings of the service.
        queue_key: key of the queue policy; None is first in, first out.
        queue_policy: takes the place of `queue_key`.
        accounts: those that live users may use; None: any.
        profile: whose clocks sessions have by default.
        plans: of the accounts that have one, by name; instead of the profile's clocks.
        account_specs: what accounts may do, by name; the others have no limits.

    Example:
        A session is closed while its job is on the QPU, and ends with it (S17):

        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> live = LiveService(EMPTY_WORKLOAD)
        >>> session = live.open_session(0, "s1", account="lab")
        >>> job = live.submit(0, "j1", qpu_time_us=10, account="lab", session=session)
        >>> live.advance(0)
        True
        >>> live.close(4, session)
        True
        >>> details = live.session_details(7, session)
        >>> details.state.name, details.accepting_jobs, details.usage_us
        ('ACTIVE', False, 7)
        >>> live.advance(20)  # False: a job ended, and who waits for it may act first (S4)
        False
        >>> for event in live.events():
        ...     print(event.time_us, type(event).__name__)
        0 SessionChanged
        0 SessionChanged
        0 JobStarted
        4 SessionChanged
        10 SessionChanged
        10 JobEnded
        >>> live.session_details(12, session).state.name
        'CLOSED'
    """

    def __init__(
        self,
        workload: Workload,
        *,
        rules: Rules | None = None,
        queue_key: QueueKey | None = None,
        queue_policy: QueuePolicy | None = None,
        accounts: Collection[str] | None = None,
        profile: ProfileName = DEFAULT_PROFILE,
        plans: Mapping[str, ResolvedPlan] | None = None,
        account_specs: Mapping[str, AccountSpec] | None = None,
    ) -> None:
        self.is_over = False  # from now on commands change nothing
        self._workload = workload
        self._allowed_accounts = None if accounts is None else frozenset(accounts)
        self._account_plans = AccountPlans(profile, plans or {})
        self._accounts = _Numbering(workload.accounts)
        self._streams = _Numbering(workload.streams)
        self._sessions: dict[str, LiveSession] = {}
        self._jobs: dict[str, LiveJob] = {}
        self._plan = plan_of(workload, self._accounts.names, account_specs)
        self._observed = observed = Observed(workload.qpus)
        self._scheduler = Scheduler(
            self._plan, rules, queue_key, observed.note_end, queue_policy, observed.note_start
        )
        observed.watch(self._scheduler)
        self._needed_until_us: int | None = None  # S6: where the run ends, if a question went beyond that

    # ---------------------------------------------------------------- commands

    def open_session(
        self,
        now_us: int,
        name: str,
        *,
        account: str,
        mode: Mode = Mode.SESSION,
        max_time_us: int | None = None,
        interactive_timeout_us: int | None = None,
        qpu: str | None = None,
        stream: str = STREAM,
    ) -> LiveSession:
        """Open a session or batch, which comes to exist at once.

        The two clocks are those of the account's plan, or else of the profile, unless given. Without `qpu`
        the session is routed (S54).

        Raises:
            SchedulerUsageError: for a name that is taken or no name, an account that does not exist, a QPU
                that does not exist or is a simulator backend (S22), mode job, a time that is no whole number,
                negative or longer than the plan allows (S61), or after the end of the run; nothing was
                changed.
        """
        self._check_instant(now_us)
        max_time_us, interactive_timeout_us = session_clocks(
            self._account_plans, name, account, mode, max_time_us, interactive_timeout_us
        )
        self._check_names("session", name, account, stream)
        check_mode(name, mode)
        max_time_us = any_duration_us(f"session {name!r}: max_time_us", max_time_us)
        ittl_us = any_duration_us(f"session {name!r}: interactive_timeout_us", interactive_timeout_us)
        qpu_number = self._number_of_qpu("session", name, qpu)
        if self._is_simulator(qpu_number):
            raise SchedulerUsageError(
                f"session {name!r}: cannot be opened on the simulator backend {qpu!r}; name another QPU"
            )
        self._refuse_taken(name, self._sessions, self._planned_sessions)
        spec = SessionSpec(
            mode=mode,
            account=self._accounts.of(account),
            max_time_us=max_time_us,
            interactive_timeout_us=ittl_us,
            qpu=qpu_number,
            route=route_of(name),
        )
        self._streams.of(stream)
        session = LiveSession(self._scheduler.add_session(spec), name, stream, spec, account, qpu)
        self._sessions[name] = session
        self._observed.add_session(session)
        self._serve(self._scheduler.create, now_us, session.number)
        self._needed_until_us = None
        return session

    def submit(
        self,
        now_us: int,
        name: str,
        *,
        qpu_time_us: int,
        account: str,
        session: LiveSession | None = None,
        qpu: str | None = None,
        stream: str = STREAM,
        **options: Unpack[JobOptions],
    ) -> LiveJob:
        """Submit a job, in job mode or to a session; whether it was accepted is known at once (S20).

        Without `qpu` a job in job mode is routed (S54). `options` are those of `JobOptions`.

        Raises:
            SchedulerUsageError: for a name that is taken or no name, a time that is no whole number or too
                short, a priority beyond 2**62, an account or QPU that does not exist or is not that of the
                session, preparation on a simulator backend, or after the end of the run; nothing was changed.
        """
        self._check_instant(now_us)
        _check_fits(name, session, account, qpu)
        self._check_names("job", name, account, stream)
        qpu_time_us = some_duration_us(f"job {name!r}: qpu_time_us", qpu_time_us)
        chosen = checked_options(name, options)
        qpu_number = self._number_of_qpu("job", name, qpu if session is None else session.qpu)
        if chosen.get("preparation_us") and self._is_simulator(qpu_number):
            raise SchedulerUsageError(f"job {name!r}: starts at once on a simulator backend; prepare nothing")
        self._refuse_taken(name, self._jobs, self._planned_jobs)
        spec = JobSpec(
            qpu_time_us=qpu_time_us,
            session=NEVER if session is None else session.number,
            account=self._accounts.of(account),
            qpu=qpu_number,
            route=route_of(name),
            **chosen,
        )
        self._streams.of(stream)
        job = LiveJob(self._scheduler.add_job(spec), name, stream, spec, session)
        self._jobs[name] = job
        self._observed.add_job(job)
        self._serve(self._scheduler.submit, now_us, job.number)
        self._needed_until_us = None
        return job

    def close(self, now_us: int, session: LiveSession) -> bool:
        """close() a session (S17); False if it was closed before, so that nothing happened (S26)."""
        return self._end_session(self._scheduler.close, now_us, session)

    def cancel(self, now_us: int, session: LiveSession) -> bool:
        """cancel() a session (S18); False if it was closed before, so that nothing happened (S26)."""
        return self._end_session(self._scheduler.cancel, now_us, session)

    def cancel_job(self, now_us: int, job: LiveJob) -> bool:
        """Cancel a job (S25); False if it had ended before, so that nothing happened."""
        return not self.is_over and self._serve(self._scheduler.cancel_job, now_us, job.number)

    def _end_session(self, command: Callable[[int, int], bool], now_us: int, session: LiveSession) -> bool:
        if self.is_over:
            return False
        acts = self._serve(command, now_us, session.number)
        if acts:
            self._needed_until_us = None
        elif self._needed_until_us is not None:
            # S6: the command was to come until its session was closed, which a question has seen already
            closed_us = self.session_changes(now_us, session)[-1].time_us
            self._needed_until_us = max(self._needed_until_us, closed_us)
        return acts

    def _serve(self, command: Callable[[int, int], T], now_us: int, number: int) -> T:
        """Let the scheduler act; after an error of a policy nothing more is done."""
        try:
            return command(now_us, number)
        except PolicyError as error:
            raise self._stopped_by(error) from error.__cause__

    def _stopped_by(self, error: PolicyError) -> PolicyError:
        """The error with the name of its job."""
        self.is_over = True
        number = error.job_number
        if number is None:
            return error
        names = completed(self._workload, self._scheduler.journal, self._live).job_names
        return error.named(name_of(names, number))

    # ---------------------------------------------------------------- checks

    def _check_instant(self, now_us: int) -> None:
        """Of a command that creates something: it must not come too early nor too late."""
        if self.is_over:
            raise RunIsOverError("the run is over; nothing can be submitted or opened")
        if now_us < self.now_us:
            raise SchedulerUsageError(f"a command at {now_us} us came after the events of {self.now_us} us")

    def _check_names(self, kind: str, name: str, account: str, stream: str) -> None:
        check_name(f"the name of a {kind}", name)
        check_name(f"{kind} {name!r}: account", account)
        check_name(f"{kind} {name!r}: stream", stream)
        if self._allowed_accounts is not None and account not in self._allowed_accounts:
            raise SchedulerUsageError(
                f"{kind} {name!r}: the scenario lists its `accounts`, and {account!r} is not among them"
            )

    def _number_of_qpu(self, kind: str, name: str, qpu: str | None) -> int:
        """The number of a QPU that a live user names; NEVER where none is named."""
        if qpu is None:
            return NEVER
        qpus = self._workload.qpus
        if qpu not in qpus:
            raise SchedulerUsageError(
                f"{kind} {name!r}: no QPU is called {qpu!r}; there are {', '.join(qpus)}"
            )
        return qpus.index(qpu)

    def _is_simulator(self, qpu: int) -> bool:
        return qpu != NEVER and self._workload.qpu_specs[qpu].simulator

    def _refuse_taken(self, name: str, live: Container[str], planned: Container[str]) -> None:
        if name in live or name in planned:
            raise SchedulerUsageError(f"the name {name!r} is taken")
        stream, slash, _ = name.partition("/")
        if slash and stream in self._repeating:  # S67: its clients may yet need it
            raise SchedulerUsageError(f"the name {name!r} is kept for the source {stream!r}; choose another")

    @cached_property
    def _repeating(self) -> frozenset[str]:
        """Sources with jobs; those of a program have none before the run, and name theirs themselves."""
        streams = zip(self._workload.streams, self._workload.job_names, strict=True)
        return frozenset(stream for stream, names in streams if len(names))

    @cached_property
    def _planned_jobs(self) -> frozenset[str]:
        return frozenset(chain.from_iterable(self._workload.job_names))

    @cached_property
    def _planned_sessions(self) -> frozenset[str]:
        return frozenset(chain.from_iterable(self._workload.session_names))

    # ---------------------------------------------------------------- time and events

    @property
    def now_us(self) -> int:
        """The instant of the last event or command."""
        return self._scheduler.now_us

    @property
    def journal(self) -> Journal:
        """What has happened, to be read."""
        return self._scheduler.journal

    @property
    def events_applied(self) -> int:
        """How many events of the service were applied."""
        return self._scheduler.events_applied

    @property
    def is_needed(self) -> bool:
        """Whether a run without a horizon goes on (S6); ask it between instants."""
        return self._scheduler.is_needed

    @property
    def has_plans(self) -> bool:
        """Whether anything is certain to come but windows that come again (S6, S52)."""
        return self._scheduler.has_plans

    def next_event_us(self) -> int | None:
        """The time of the next event; None if nothing will ever happen by itself."""
        return self._scheduler.next_event_us()

    def advance(self, until_us: int, through: Rank = Rank.DISPATCH) -> bool:
        """Let time pass: everything happens that is due before `until_us`, and at it up to a rank (S3).

        Returns:
            Whether that is done; False if a job of a live user has ended, so that whoever waits for it can
            act first (S4). Then call it again.
        """
        try:
            return self._scheduler.advance(until_us, through)
        except PolicyError as error:
            raise self._stopped_by(error) from error.__cause__

    def advance_while_needed(self, until_us: int = LONGEST_US, at_most: int = ALL_EVENTS) -> bool:
        """Like `advance`, but not beyond the end of a run without a horizon (S6), nor `at_most` events."""
        try:
            return self._scheduler.advance_while_needed(until_us, at_most)
        except PolicyError as error:
            raise self._stopped_by(error) from error.__cause__

    def await_start(self, job: LiveJob) -> bool:
        """Let `advance` stop after the dispatch that first starts a job: its user acts before all else (S4).

        Returns:
            False if it has started already, so that there is nothing to wait for.
        """
        if self.journal.started_us[job.number] != NEVER:
            return False
        self._scheduler.await_start(job.number)
        return True

    @property
    def has_events(self) -> bool:
        """Whether a job of a live user has started or ended since `events` was last asked."""
        return bool(self._observed.pending)

    def events(self) -> list[Event]:
        """What has happened to jobs and sessions of live users since this was last asked, in order."""
        return self._observed.events()

    # ---------------------------------------------------------------- questions

    def session_details(self, now_us: int, session: LiveSession) -> SessionDetails:
        """The state of a session, its instants, and its usage so far."""
        self.look(now_us)
        return self._observed.session_details(now_us, session)

    def session_changes(self, now_us: int, session: LiveSession) -> Sequence[SessionChanged]:
        """The life of a session so far, its creation first."""
        self.look(now_us)
        return self._observed.session_changes(session)

    def session_jobs(self, now_us: int, session: LiveSession) -> Sequence[LiveJob]:
        """The jobs that were submitted to a session, rejected ones included, in order."""
        self.look(now_us)
        return self._observed.session_jobs(session)

    def job_details(self, now_us: int, job: LiveJob) -> JobDetails:
        """The status of a job, its instants, and its usage so far."""
        self.look(now_us)
        return self._observed.job_details(now_us, job)

    def qpu_details(self, now_us: int) -> Sequence[QpuDetails]:
        """What each QPU does and how long its queue is; a simulator backend has none (S22)."""
        self.look(now_us)
        return self._observed.qpu_details()

    def quota_used_us(self, now_us: int, account: str) -> int | None:
        """What an account has used of the quota of its plan (S60, S62); None: it has no quota."""
        self.look(now_us)
        number = self._accounts.known(account)
        spec = self._plan.account_specs.get(number)
        if spec is None or spec.quota is None or self._scheduler.usage is None:
            return None
        return self._scheduler.usage.used_us(now_us, number, spec.quota.window_us)

    def look(self, now_us: int) -> None:
        """Bring the service to the instant of a question, and remember where the run ends without it (S6)."""
        scheduler = self._scheduler
        if self.is_over:
            return
        if now_us < scheduler.now_us:
            raise SchedulerUsageError(
                f"a question at {now_us} us came after the events of {scheduler.now_us} us"
            )
        while not self.advance_while_needed(now_us - 1):
            pass
        if self._needed_until_us is None and not scheduler.is_needed:
            self._needed_until_us = scheduler.now_us
        while not self.advance(now_us, Rank.READY):
            pass

    # ---------------------------------------------------------------- the end

    def stop(self, horizon_us: int | None = None) -> None:
        """End the run: at a horizon (S6), or where it is. Commands change nothing any more."""
        if horizon_us is not None and not self.is_over:
            while not self.advance(horizon_us - 1):
                pass
            self._scheduler.finish_at(horizon_us)
            self._needed_until_us = None
        self.is_over = True

    def record(self) -> Record:
        """What has happened, with every job and session that the run knew."""
        if self._needed_until_us is None:
            return self._record(self._scheduler.now_us)
        self._forget_after(self._needed_until_us)
        return self._record(self._needed_until_us)

    def record_so_far(self, now_us: int) -> Record:
        """What has happened up to now, in columns of its own, as the run goes on; S6 does not cut it."""
        return self._record(now_us).copied()

    def _record(self, end_us: int) -> Record:
        scheduler = self._scheduler
        return Record.of(
            scheduler.journal,
            self._workload,
            scheduler.rules,
            self._plan.account_specs,
            end_us=end_us,
            session_qpu=self._session_qpus(),
            requested_us=scheduler.job_columns.qpu_time_us,
            live=self._live,
        )

    def _forget_after(self, end_us: int) -> None:
        """S6: clocks of sessions and windows that came after the end, only because somebody asked."""
        journal = self._scheduler.journal
        for column, names, time in (
            (journal.transitions, TRANSITION_FIELDS, "time_us"),
            (journal.windows, WINDOW_FIELDS, "start_us"),
        ):
            rows = bisect_right(column[names.index(time) :: len(names)], end_us)
            del column[rows * len(names) :]

    def _session_qpus(self) -> list[int]:
        """By session; those that did not come to exist before the end were not routed (S54)."""
        qpus = self._scheduler.session_qpus
        if self._needed_until_us is not None:
            sessions = self.journal.transitions[TRANSITION_FIELDS.index("session") :: len(TRANSITION_FIELDS)]
            for number in set(range(len(self._workload.sessions))).difference(sessions):
                qpus[number] = self._scheduler.given_qpu(int(self._workload.sessions.qpu[number]))
        return qpus

    @property
    def _live(self) -> LiveEntities:
        jobs, sessions = self._jobs.values(), self._sessions.values()
        return LiveEntities(self._accounts.names, self._streams.names, tuple(jobs), tuple(sessions))


# -- Clocks, accounts and sessions that go with what is asked for.


def _check_fits(name: str, session: LiveSession | None, account: str, qpu: str | None) -> None:
    """A job goes to a session of its account, on the QPU of that."""
    if session is None:
        return
    if not isinstance(session, LiveSession):
        raise SchedulerUsageError(f"job {name!r}: session must be what `open_session` gives, not {session!r}")
    if account != session.account:
        raise SchedulerUsageError(
            f"job {name!r}: a session's jobs take its account, {session.account!r}, not {account!r}"
        )
    if qpu not in (None, session.qpu):
        raise SchedulerUsageError(
            f"job {name!r}: a session's jobs stay on its QPU; open the session with qpu={qpu!r}"
        )


class _Numbering:
    """Numbers of names in order of first use."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def known(self, name: str) -> int:
        """The number of a name; NEVER for one that was never used."""
        return self._numbers.get(name, NEVER)

    def of(self, name: str) -> int:
        """The number of a name, which is added if it is new."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number

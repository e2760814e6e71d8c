"""What live users can see of the service: their sessions and jobs, what happens to them, and the QPUs.

Everything is read from the journal of the scheduler and changes nothing. Times are microseconds from the
start of the simulation, and -1 (`NEVER`) for what has not happened.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from qsession_sim.results.columns import IntervalKind
from qsession_sim.scheduler.columns import LOST_RUN_FIELDS, TRANSITION_FIELDS
from qsession_sim.scheduler.plan import JobSpec, SessionSpec
from qsession_sim.scheduler.qpu import Qpu
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.transitions import ACCEPTS, STATE_OF, SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import (
    NEVER,
    PUBLIC_STATUS,
    JobStage,
    JobStatus,
    Mode,
    Reason,
    SessionState,
)

_NOT_YET_ON_QPU: Final = frozenset(
    {JobStage.UNPREPARED, JobStage.PREPARING, JobStage.QUEUED, JobStage.READY, JobStage.REQUEUED}
)  # S41

ENDED: Final = frozenset({JobStatus.DONE, JobStatus.CANCELLED, JobStatus.ERROR, JobStatus.REJECTED})
"""What nothing more happens to."""

# -- What a live user holds in the hands.


class LiveSession(NamedTuple):
    """A session or batch that a live user opened."""

    number: int
    name: str
    stream: str
    spec: SessionSpec
    account: str
    qpu: str | None  # as given; None: routed (S54)


class LiveJob(NamedTuple):
    """A job that a live user submitted."""

    number: int
    name: str
    stream: str
    spec: JobSpec
    session: LiveSession | None


# -- What comes out while time passes.


@dataclass(frozen=True)
class JobResult:
    """How a job ended. Times in microseconds; `started_us` is -1 if it never was on the QPU."""

    status: JobStatus
    reason: Reason
    submitted_us: int
    started_us: int
    ended_us: int


class JobStarted(NamedTuple):
    """A job has come on the QPU; after an outage perhaps not for the first time (S52)."""

    time_us: int
    job: LiveJob


class JobEnded(NamedTuple):
    """A job has ended, however it ended; a rejected one in the instant of its submission (S5)."""

    time_us: int
    job: LiveJob
    result: JobResult


class SessionChanged(NamedTuple):
    """The state of a session has changed, or whether it accepts jobs.

    `reason` says why it was closed (S26), or that a reservation made it inactive (S52).
    """

    time_us: int
    session: LiveSession
    event: SessionEvent
    state: SessionState
    accepting_jobs: bool
    reason: Reason


Event = JobStarted | JobEnded | SessionChanged

# -- What is known at an instant, in the words of the tables of results.


@dataclass(frozen=True)
class SessionDetails:
    """A session at an instant."""

    state: SessionState
    accepting_jobs: bool
    reason: Reason  # why it was closed (S26)
    qpu: str  # on which all its jobs are (S54)
    max_time_us: int
    interactive_timeout_us: int
    created_us: int
    started_us: int  # its first activation (S11)
    activated_us: int  # its latest activation (S15)
    closed_us: int
    last_job_started_us: int
    last_job_completed_us: int  # the last time that one of its jobs left the QPU
    usage_us: int  # so far, also of an activation that lasts (S62)


@dataclass(frozen=True)
class JobDetails:
    """A job at an instant."""

    status: JobStatus
    reason: Reason
    qpu: str | None  # None: rejected before it was routed
    submitted_us: int
    preparing_us: int  # when it got a lane (S42)
    ready_us: int  # its submission, if it needs no preparation (S40)
    started_us: int  # on the QPU, the last time
    ended_us: int  # however it ended; of a rejected job, its submission
    usage_us: int  # QPU time used so far; 0 if an outage ended it (S62)


@dataclass(frozen=True)
class QpuDetails:
    """What a QPU does at an instant (S72), and how many of its jobs are queued (S41)."""

    name: str
    kind: IntervalKind
    queued: int


Stay = tuple[int, int]
"""Since when and until when; NEVER for what lasts."""


@dataclass(eq=False, slots=True)
class _Life:
    """What has happened to a session of a live user, from its creation on."""

    session: LiveSession
    jobs: list[LiveJob] = field(default_factory=list)
    changes: list[SessionChanged] = field(default_factory=list)


class Observed:
    """The sessions and jobs of live users, by what the scheduler has written down.

    Args:
        qpus: the names of the QPUs.
    """

    def __init__(self, qpus: Sequence[str]) -> None:
        self._qpus = qpus
        self._lives: dict[int, _Life] = {}
        self._jobs: dict[int, LiveJob] = {}
        self.pending: list[Event] = []  # for the next to ask for `events`; of sessions only what was read
        self._transitions_read = 0
        self._scheduler: Scheduler

    def watch(self, scheduler: Scheduler) -> None:
        """Set the scheduler whose journal is read; it calls `note_start` and `note_end`."""
        self._scheduler = scheduler

    def add_session(self, session: LiveSession) -> None:
        """A session is about to come into existence."""
        self._lives[session.number] = _Life(session)

    def add_job(self, job: LiveJob) -> None:
        """A job is about to be submitted."""
        self._jobs[job.number] = job
        if job.session is not None:
            self._lives[job.session.number].jobs.append(job)

    # ---------------------------------------------------------------- events

    def note_start(self, number: int) -> None:
        """A job has come on the QPU."""
        self._read_transitions()
        self.pending.append(JobStarted(self._scheduler.now_us, self._jobs[number]))

    def note_end(self, number: int) -> None:
        """A job has ended."""
        self._read_transitions()
        journal = self._scheduler.journal
        result = JobResult(
            JobStatus(journal.stage[number]),
            Reason(journal.reason[number]),
            journal.submitted_us[number],
            journal.started_us[number],
            journal.ended_us[number],
        )
        self.pending.append(JobEnded(result.ended_us, self._jobs[number], result))

    def events(self) -> list[Event]:
        """What has happened since this was last asked, in order."""
        self._read_transitions()
        events, self.pending = self.pending, []
        return events

    def _read_transitions(self) -> None:
        """Take from the journal what has happened to these sessions since it was last read."""
        transitions = self._scheduler.journal.transitions
        if len(transitions) == self._transitions_read or not self._lives:
            return
        for row in _rows(transitions, len(TRANSITION_FIELDS), self._transitions_read):
            life = self._lives.get(row[1])
            if life is not None:
                change = _changed(life.session, *row)
                life.changes.append(change)
                self.pending.append(change)
        self._transitions_read = len(transitions)

    # ---------------------------------------------------------------- questions

    def session_changes(self, session: LiveSession) -> Sequence[SessionChanged]:
        """The life of a session so far, its creation first."""
        self._read_transitions()
        return tuple(self._lives[session.number].changes)

    def session_jobs(self, session: LiveSession) -> Sequence[LiveJob]:
        """The jobs that were submitted to a session, rejected ones included, in order."""
        return tuple(self._lives[session.number].jobs)

    def session_details(self, now_us: int, session: LiveSession) -> SessionDetails:
        """The state of a session, its instants, and its usage so far."""
        changes = self.session_changes(session)
        last = changes[-1]
        is_closed = last.state is SessionState.CLOSED
        activated_us = [start_us for start_us, _ in _activations(changes)]
        stays = list(self._stays(session))
        return SessionDetails(
            state=last.state,
            accepting_jobs=last.accepting_jobs,
            reason=last.reason if is_closed else Reason.NONE,
            qpu=self._qpus[self._scheduler.session_qpu(session.number)],
            max_time_us=session.spec.max_time_us,
            interactive_timeout_us=session.spec.interactive_timeout_us,
            created_us=changes[0].time_us,
            started_us=activated_us[0] if activated_us else NEVER,
            activated_us=activated_us[-1] if activated_us else NEVER,
            closed_us=last.time_us if is_closed else NEVER,
            last_job_started_us=max((start_us for start_us, _ in stays), default=NEVER),
            last_job_completed_us=max((left_us for _, left_us in stays), default=NEVER),
            usage_us=self._session_usage_us(now_us, session, stays),
        )

    def job_details(self, now_us: int, job: LiveJob) -> JobDetails:
        """The status of a job, its instants, and its usage so far."""
        journal, number = self._scheduler.journal, job.number
        stage = JobStage(journal.stage[number])
        qpu = journal.qpu[number] if journal.qpu else 0
        ready_us = (journal.ready_us or journal.submitted_us)[number]  # S40: at once without preparation
        return JobDetails(
            status=PUBLIC_STATUS[stage],
            reason=Reason(journal.reason[number]),
            qpu=None if qpu == NEVER else self._qpus[qpu],
            submitted_us=journal.submitted_us[number],
            preparing_us=journal.preparing_us[number] if journal.preparing_us else NEVER,
            ready_us=NEVER if stage is JobStage.REJECTED else ready_us,
            started_us=journal.started_us[number],
            ended_us=journal.ended_us[number],
            usage_us=self._job_usage_us(now_us, number),
        )

    def qpu_details(self) -> Sequence[QpuDetails]:
        """What each QPU does and how long its queue is; a simulator backend has none (S22)."""
        journal = self._scheduler.journal
        waiting = [job for job, stage in enumerate(journal.stage) if stage in _NOT_YET_ON_QPU]
        queued = Counter(journal.qpu[job] for job in waiting) if journal.qpu else {0: len(waiting)}
        return tuple(
            QpuDetails(self._qpus[qpu.number], _kind(qpu), queued.get(qpu.number, 0))
            for qpu in self._scheduler.qpus
            if not qpu.is_simulator
        )

    # ---------------------------------------------------------------- usage so far (S62)

    def _session_usage_us(self, now_us: int, session: LiveSession, stays: Sequence[Stay]) -> int:
        """A batch uses what its jobs use, a session its activations and the rest of a job after its close."""
        life = self._lives[session.number]
        if session.spec.mode is Mode.BATCH:
            return sum(self._job_usage_us(now_us, job.number) for job in life.jobs)
        usage_us = sum(_until(end_us, now_us) - start_us for start_us, end_us in _activations(life.changes))
        last = life.changes[-1]
        if last.state is SessionState.CLOSED:
            left_us = max((_until(left_us, now_us) for _, left_us in stays), default=NEVER)
            usage_us += max(left_us - last.time_us, 0)
        return usage_us

    def _job_usage_us(self, now_us: int, job: int) -> int:
        """QPU time used; what an outage ended costs nothing."""
        stay = self._last_stay(job)
        failed = self._scheduler.journal.reason[job] == Reason.QPU_FAILED
        if stay is None or failed or stay in self._lost_stays(job):
            return 0
        return _until(stay[1], now_us) - stay[0]

    def _stays(self, session: LiveSession) -> Iterator[Stay]:
        """All stays of the session's jobs on a QPU."""
        for job in self._lives[session.number].jobs:
            yield from self._lost_stays(job.number)
            stay = self._last_stay(job.number)
            if stay is not None:
                yield stay

    def _last_stay(self, job: int) -> Stay | None:
        journal = self._scheduler.journal
        start_us = journal.started_us[job]
        if start_us == NEVER:
            return None
        for stay in self._lost_stays(job):
            if stay[0] == start_us:  # S52: the job was not there since
                return stay
        is_there = journal.stage[job] == JobStage.RUNNING
        return start_us, NEVER if is_there else (journal.left_us or journal.ended_us)[job]

    def _lost_stays(self, job: int) -> list[Stay]:
        """The stays of a job that outages ended, after which it was queued again (S52)."""
        rows = _rows(self._scheduler.journal.lost_runs, len(LOST_RUN_FIELDS))
        return [(start_us, left_us) for number, _, start_us, left_us in rows if number == job]


def _rows(column: array[int], width: int, first: int = 0) -> Iterator[tuple[int, ...]]:
    """The rows of a flat column of the journal, from a place on."""
    numbers = iter(column[first:])
    return zip(*[numbers] * width, strict=True)


def _changed(
    session: LiveSession, time_us: int, _number: int, _before: int, event: int, after: int, reason: int
) -> SessionChanged:
    phase = SessionPhase(after)
    state = STATE_OF[phase]
    assert state is not None  # it has been created
    return SessionChanged(time_us, session, SessionEvent(event), state, phase in ACCEPTS, Reason(reason))


def _activations(changes: Iterable[SessionChanged]) -> list[Stay]:
    """Since when and until when a session was active."""
    activations: list[Stay] = []
    since_us = NEVER
    for change in changes:
        is_active = change.state is SessionState.ACTIVE
        if is_active and since_us == NEVER:
            since_us = change.time_us
        elif not is_active and since_us != NEVER:
            activations.append((since_us, change.time_us))
            since_us = NEVER
    return activations if since_us == NEVER else [*activations, (since_us, NEVER)]


def _until(end_us: int, now_us: int) -> int:
    return now_us if end_us == NEVER else end_us


def _kind(qpu: Qpu) -> IntervalKind:
    """S72, in its order."""
    if qpu.job != NEVER:
        return IntervalKind.BUSY
    if qpu.closed_by:
        return IntervalKind.DOWN
    return IntervalKind.FREE if qpu.holder is None else IntervalKind.HELD

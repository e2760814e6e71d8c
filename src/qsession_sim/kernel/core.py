# cython: language_level=3, infer_types=True, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The rules as methods over columns of integers. This text runs as it stands, and compiled with `_core.pxd`.

It is written for both. A column is a list when it is interpreted, and int64 in memory when it is compiled.
Every method, attribute and constant has its type in `_core.pxd`, where `tests/kernel` looks for each of them;
numbers must fit into int64; and nothing here is a closure, a tuple or a dictionary, which would be slow.

The tables of `scheduler.transitions` say what happens (see there); here stand the actions, the order of
events and the queues. A clock that stops is not searched for: an event that was called off is thrown away
when it comes up.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from qsession_sim.kernel.codes import (
    ACTION_BITS,
    ACTION_MASK,
    AFTER_READY,
    AGENDA,
    BEFORE_ALL,
    CALIBRATION,
    CLIENT_TOO_OLD,
    COUNT,
    COUNT_END,
    COUNT_SUBMISSION,
    END,
    END_QUEUED_JOBS,
    ENTER_QUEUE,
    ERROR_IS_RETRIED,
    ERROR_STOPS,
    EXECUTION_TIME_EXCEEDS_SESSION,
    FINISH_BY_CLOSE,
    FINISH_BY_LEAVING,
    FINISHES,
    FOREVER,
    GIVE_LANE_BACK,
    HOLD_QPU,
    IN_CLOSED_SESSION,
    JOB_BIT,
    JOB_CANCEL,
    JOB_CUT,
    JOB_EVENTS,
    JOB_FAIL,
    JOB_FINISH,
    JOB_POST_DONE,
    JOB_POST_PROCESS,
    JOB_PREPARE,
    JOB_READY,
    JOB_REJECT,
    JOB_RENEGE,
    JOB_REQUEUE,
    JOB_SESSION_CANCEL,
    JOB_START,
    JOB_SUBMIT,
    JOB_SUBMIT_UNPREPARED,
    JOIN_SESSION,
    KEY_CANCEL,
    KEY_CLOSE,
    KEY_FINISH,
    KEY_ITTL,
    KEY_JOB_CANCEL,
    KEY_MAX_TIME,
    KEY_PATIENCE,
    KEY_POST_DONE,
    KEY_READY,
    KEY_SUBMIT,
    KEY_WINDOW,
    LEAVE_PREPARED,
    LEAVE_QPU,
    LEAVE_QUEUE,
    LEAVE_SESSION,
    LONGEST_US,
    LOSE_RUN,
    NEVER,
    NO_ENTRY,
    NO_LIMIT,
    NO_REASON,
    NUMBER_MASK,
    NUMBER_SHIFT,
    OUTAGE,
    OVER,
    PATIENCE_BIT,
    PAUSED,
    PHASE_ABSENT,
    PHASE_CLOSED,
    PHASE_CLOSING,
    PHASE_IDLE,
    PHASE_OPEN,
    PLANNED,
    QPU_OF_WINDOW_SHIFT,
    RANK_AVAILABILITY,
    RANK_CANCEL,
    RANK_CLOSE,
    RANK_CREATE,
    RANK_ITTL,
    RANK_MAX_TIME,
    RANK_POST_DONE,
    RANK_READY,
    RANK_SHIFT,
    RANK_SUBMIT,
    RATE_LIMITED,
    REJECTED_TO_JOB_MODE,
    REJECTED_TO_NEW_SESSION,
    RELEASE_QPU,
    REQUEUE_JOBS,
    SESSION_CANCEL,
    SESSION_CLOSE,
    SESSION_CLOSE_EMPTY,
    SESSION_CREATE,
    SESSION_END,
    SESSION_END_LAST,
    SESSION_EVENTS,
    SESSION_ITTL,
    SESSION_LEAVE_LAST,
    SESSION_MAX_TIME,
    SESSION_NOT_CREATED,
    SESSION_PREPARE,
    SESSION_READY,
    SESSION_RELEASE,
    SESSION_START,
    SESSION_SUBMIT,
    SESSION_UNUSED,
    SESSIONS_NOT_IN_PLAN,
    SHORTEST_ITTL_US,
    SOON,
    STAGE_DONE,
    STAGE_POST_PROCESSING,
    STAGE_PREPARING,
    STAGE_QUEUED,
    STAGE_REJECTED,
    STAGE_RUNNING,
    STAGE_UNPREPARED,
    START_ITTL,
    START_MAX_TIME,
    START_PATIENCE,
    START_POST_PROCESSING,
    START_UNUSED,
    STOP_CLOCKS,
    STOP_COUNTING,
    STOP_ITTL,
    STOP_PATIENCE,
    STOP_UNUSED,
    TAKE_LANE,
    TAKE_QPU,
    TELL_START,
    TOO_LONG,
    TOO_MANY_PENDING,
    WAIT_BEFORE_ALL,
    WAIT_FOR_LANE,
    WAIT_FOR_QPU,
    WINDOW_BEGINS,
    WINDOW_MASK,
    WRITE_REASON,
    no_entry_for_job,
    no_entry_for_session,
    wider,
)


class Column(Protocol):
    """A list, or int64 in memory."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


# -- Heaps and a ring.


class Agenda:
    """A heap of events, as times and keys."""

    __slots__ = ("key", "room", "size", "time")

    time: Column
    key: Column
    size: int
    room: int

    def __init__(self, time: Column, key: Column, size: int) -> None:
        """`size` rows are there already, sorted."""
        self.time = time
        self.key = key
        self.size = size
        self.room = len(time)

    def is_before(self, row: int, time: int, key: int) -> bool:
        """Whether what stands in a row comes before such an event."""
        return self.time[row] < time or (self.time[row] == time and self.key[row] < key)

    def push(self, time: int, key: int) -> None:
        """Put an event in."""
        if self.size == self.room:
            self.grow()
        self.size += 1
        self.rise(self.size - 1, time, key)

    def pop(self) -> None:
        """Take the first event out: the gap goes down to the end, and the last event up from there."""
        self.size -= 1
        size = self.size
        time = self.time[size]
        key = self.key[size]
        row = 0
        child = 1
        while child < size:
            first = self.time[child]
            other = self.time[child + 1]  # in row `size` that is the last event itself: it rises from there
            if other < first or (other == first and self.key[child + 1] < self.key[child]):
                child += 1
                first = other
            self.time[row] = first
            self.key[row] = self.key[child]
            row = child
            child = 2 * row + 1
        self.rise(row, time, key)

    def rise(self, row: int, time: int, key: int) -> None:
        """Write an event into a row, or above what comes after it."""
        while row > 0:
            parent = (row - 1) >> 1
            before = self.time[parent]
            if before < time or (before == time and self.key[parent] < key):
                break
            self.time[row] = before
            self.key[row] = self.key[parent]
            row = parent
        self.time[row] = time
        self.key[row] = key

    def grow(self) -> None:
        """Make room for more."""
        self.time = wider(self.time)
        self.key = wider(self.key)
        self.room = len(self.time)


class Queue:
    """Jobs that wait, by (key, submission, number): a heap, or a ring where most come in their order.

    A job may be in it several times; who takes the first one throws those away that do not wait any more.
    """

    __slots__ = ("first", "is_ring", "job", "key", "room", "size", "submitted", "waits")

    key: Column
    submitted: Column
    job: Column
    waits: Column
    is_ring: bool
    first: int
    size: int
    room: int

    def __init__(
        self,
        key: Column,
        submitted: Column,
        job: Column,
        waits: Column,
        is_ring: bool,  # noqa: FBT001
    ) -> None:
        """The room must be a power of 2; `waits` says of each state of a job whether it waits here."""
        self.key = key
        self.submitted = submitted
        self.job = job
        self.waits = waits
        self.is_ring = is_ring
        self.first = 0
        self.size = 0
        self.room = len(job)

    def is_before(self, row: int, key: int, submitted: int, job: int) -> bool:
        """Whether what stands in a row comes before such a job."""
        return self.key[row] < key or (
            self.key[row] == key
            and (
                self.submitted[row] < submitted or (self.submitted[row] == submitted and self.job[row] < job)
            )
        )

    def push(self, key: int, submitted: int, job: int) -> None:
        """Put a job in."""
        if self.size == self.room:
            self.grow()
        row = self.row_in_ring(key, submitted, job) if self.is_ring else self.row_in_heap(key, submitted, job)
        self.key[row] = key
        self.submitted[row] = submitted
        self.job[row] = job
        self.size += 1

    def row_in_ring(self, key: int, submitted: int, job: int) -> int:
        """Free the row behind all that come before a job."""
        mask = self.room - 1
        place = self.first + self.size
        while place > self.first and not self.is_before((place - 1) & mask, key, submitted, job):
            self.move((place - 1) & mask, place & mask)
            place -= 1
        return place & mask

    def row_in_heap(self, key: int, submitted: int, job: int) -> int:
        """Free the row for a job, from the last one up."""
        row = self.size
        while row > 0:
            parent = (row - 1) >> 1
            if self.is_before(parent, key, submitted, job):
                break
            self.move(parent, row)
            row = parent
        return row

    def move(self, source: int, target: int) -> None:
        """Copy a row."""
        self.key[target] = self.key[source]
        self.submitted[target] = self.submitted[source]
        self.job[target] = self.job[source]

    def pop(self) -> None:
        """Take the job of row `first` out."""
        self.size -= 1
        if self.is_ring:
            self.first = (self.first + 1) & (self.room - 1)
        else:
            self.sink(self.key[self.size], self.submitted[self.size], self.job[self.size])

    def sink(self, key: int, submitted: int, job: int) -> None:
        """Put the last job of the heap where the first one was, or below."""
        row = 0
        while True:
            child = 2 * row + 1
            if child >= self.size:
                break
            if child + 1 < self.size and self.is_before(
                child + 1, self.key[child], self.submitted[child], self.job[child]
            ):
                child += 1
            if not self.is_before(child, key, submitted, job):
                break
            self.move(child, row)
            row = child
        self.key[row] = key
        self.submitted[row] = submitted
        self.job[row] = job

    def grow(self) -> None:
        """Make room for more."""
        self.key = wider(self.key, self.first)
        self.submitted = wider(self.submitted, self.first)
        self.job = wider(self.job, self.first)
        self.first = 0
        self.room = len(self.job)


# -- Columns. Those of which a run has no need are empty, and a flag of the core says so.


class Jobs:
    """Columns of jobs; `roots` and `repeats` have a row for each that was created in the run."""

    __slots__ = (
        "account",
        "cancel_after",
        "client",
        "ended",
        "key",
        "left",
        "limit_us",
        "next",
        "patience_at",
        "patience_us",
        "pinned",
        "post_us",
        "preparation_us",
        "preparing",
        "previous",
        "qpu",
        "qpu_us",
        "ready",
        "reason",
        "repeats",
        "roots",
        "session",
        "stage",
        "started",
        "submitted",
        "think_us",
        "waits_for",
    )

    qpu_us: Column
    limit_us: Column
    client: Column
    cancel_after: Column
    think_us: Column
    key: Column
    preparation_us: Column
    post_us: Column
    patience_us: Column
    pinned: Column
    account: Column
    session: Column
    submitted: Column
    preparing: Column
    ready: Column
    started: Column
    ended: Column
    left: Column
    stage: Column
    reason: Column
    qpu: Column
    next: Column
    previous: Column
    patience_at: Column
    waits_for: Column
    repeats: Column
    roots: Column

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)

    def grow(self) -> None:
        """Make room for more."""
        self.session = wider(self.session)
        self.submitted = wider(self.submitted)
        self.preparing = wider(self.preparing)
        self.ready = wider(self.ready)
        self.started = wider(self.started)
        self.ended = wider(self.ended)
        self.left = wider(self.left)
        self.stage = wider(self.stage)
        self.reason = wider(self.reason)
        self.qpu = wider(self.qpu)
        self.next = wider(self.next)
        self.previous = wider(self.previous)
        self.patience_at = wider(self.patience_at)

    def grow_created(self) -> None:
        """Make room for more that are created."""
        self.repeats = wider(self.repeats)
        self.roots = wider(self.roots)


class Sessions:
    """Columns of sessions."""

    __slots__ = (
        "batch",
        "cancel_after",
        "close_after",
        "commands",
        "counting",
        "created",
        "emptied",
        "finishing",
        "head",
        "ittl_armed",
        "ittl_at",
        "ittl_us",
        "jobs",
        "lets_in",
        "life_at",
        "max_us",
        "phase",
        "pinned",
        "prepared",
        "qpu",
        "repeats",
        "tail",
        "thinks",
        "thought_us",
    )

    batch: Column
    lets_in: Column
    max_us: Column
    ittl_us: Column
    created: Column
    close_after: Column
    cancel_after: Column
    pinned: Column
    qpu: Column
    phase: Column
    jobs: Column
    counting: Column
    finishing: Column
    prepared: Column
    commands: Column
    head: Column
    tail: Column
    ittl_at: Column
    ittl_armed: Column
    life_at: Column
    emptied: Column
    thinks: Column
    thought_us: Column
    repeats: Column

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)

    def grow(self) -> None:
        """Make room for more."""
        self.batch = wider(self.batch)
        self.lets_in = wider(self.lets_in)
        self.max_us = wider(self.max_us)
        self.ittl_us = wider(self.ittl_us)
        self.created = wider(self.created)
        self.close_after = wider(self.close_after)
        self.cancel_after = wider(self.cancel_after)
        self.pinned = wider(self.pinned)
        self.qpu = wider(self.qpu)
        self.phase = wider(self.phase)
        self.jobs = wider(self.jobs)
        self.counting = wider(self.counting)
        self.finishing = wider(self.finishing)
        self.prepared = wider(self.prepared)
        self.commands = wider(self.commands)
        self.head = wider(self.head)
        self.tail = wider(self.tail)
        self.ittl_at = wider(self.ittl_at)
        self.ittl_armed = wider(self.ittl_armed)
        self.life_at = wider(self.life_at)
        self.emptied = wider(self.emptied)
        self.thinks = wider(self.thinks)
        self.thought_us = wider(self.thought_us)
        self.repeats = wider(self.repeats)


class Clients:
    """Columns of iterative clients."""

    __slots__ = ("first", "iteration", "jobs", "on_error", "on_finish", "on_rejection", "poll_us", "session")

    first: Column
    jobs: Column
    on_finish: Column
    on_error: Column
    on_rejection: Column
    poll_us: Column
    session: Column
    iteration: Column

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)


class Accounts:
    """Columns of accounts, if any of them has limits (S60)."""

    __slots__ = (
        "allows_batches",
        "allows_sessions",
        "first",
        "most_pending",
        "pending",
        "rate",
        "recent",
        "submissions",
        "too_old_from",
        "window_us",
    )

    allows_sessions: Column
    allows_batches: Column
    too_old_from: Column  # NEVER: its client is not too old (S23)
    most_pending: Column  # NEVER: any number
    rate: Column  # how many submissions in a window; NEVER: any number
    window_us: Column
    first: Column  # where those of an account begin in `recent`, of which it has as many rows as its rate
    pending: Column  # queued and running jobs
    submissions: Column  # accepted so far
    recent: Column  # the last accepted submissions of each

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)


class Tables:
    """The two tables, as `codes.Flat`; of jobs one for job mode and one for sessions. And sets as columns."""

    __slots__ = (
        "accepting",
        "active",
        "counts",
        "job_actions",
        "job_after",
        "job_reason",
        "own_actions",
        "session_actions",
        "session_after",
        "session_reason",
    )

    session_after: Column
    session_reason: Column
    session_actions: Column
    job_after: Column
    job_reason: Column
    job_actions: Column
    own_actions: Column
    accepting: Column
    active: Column
    counts: Column  # by stage: whether it keeps the ITTL clock from running (S43)

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)


class Qpus:
    """Columns of QPUs, and the queues of each: one for job mode, and one for sessions that hold no QPU."""

    __slots__ = ("closed_by", "finish_at", "holder", "job", "queued")

    job: Column  # on it, or NEVER
    finish_at: Column  # when that leaves it
    holder: Column  # the session that holds it, or NEVER
    queued: Column  # how many jobs are not yet on it, if the router goes by that (S54)
    closed_by: Column  # how many windows last that let nobody in (S52)

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)


class Lanes:
    """The execution lanes of a QPU, and who waits where jobs are prepared (S42)."""

    __slots__ = (
        "free",
        "holder_queue",
        "job_queue",
        "number",
        "of_job_mode",
        "of_sessions",
        "ready_queue",
        "session_queue",
    )

    number: int
    free: int
    of_job_mode: int  # jobs in job mode that are preparing or ready
    of_sessions: int  # the same of sessions that are not active
    job_queue: Queue  # for a lane, as for the QPU
    session_queue: Queue
    holder_queue: Queue  # for a lane, of the session that holds the QPU
    ready_queue: Queue  # for the QPU, of the same

    def __init__(self, **given: Any) -> None:
        for name, value in given.items():
            setattr(self, name, value)
        self.free = self.number
        self.of_job_mode = 0
        self.of_sessions = 0


class Windows:
    """Columns of windows of availability, and what is written down of them (S52)."""

    __slots__ = ("begun", "duration_us", "every_us", "is_due", "kind", "lost", "n_begun", "n_lost", "qpu")

    kind: Column
    qpu: Column
    duration_us: Column
    every_us: Column
    is_due: Column  # a calibration that waits for its QPU
    begun: Column  # five numbers of each that began
    n_begun: int
    lost: Column  # four numbers of each stay on a QPU after which a job is queued again
    n_lost: int

    def __init__(self, columns: Mapping[str, Column]) -> None:
        for name, column in columns.items():
            setattr(self, name, column)
        self.n_begun = 0
        self.n_lost = 0

    def note_begin(self, window: int, start: int, end: int) -> None:
        """One begins."""
        row = 5 * self.n_begun
        if row + 5 > len(self.begun):
            self.begun = wider(self.begun)
        self.begun[row] = self.qpu[window]
        self.begun[row + 1] = self.kind[window]
        self.begun[row + 2] = window
        self.begun[row + 3] = start
        self.begun[row + 4] = end
        self.n_begun += 1

    def note_lost(self, job: int, qpu: int, start: int, end: int) -> None:
        """A stay on a QPU came to nothing."""
        row = 4 * self.n_lost
        if row + 4 > len(self.lost):
            self.lost = wider(self.lost)
        self.lost[row] = job
        self.lost[row + 1] = qpu
        self.lost[row + 2] = start
        self.lost[row + 3] = end
        self.n_lost += 1


# -- The service.


class Core:
    """QPUs, sessions, jobs and clients, and the order of their events."""

    __slots__ = (
        "accounts",
        "active",
        "adapts",
        "agenda",
        "calibrates_first",
        "called",
        "clients",
        "commands",
        "decisions",
        "due_queues",
        "ends_matter",
        "events",
        "finish_key",
        "finish_us",
        "first_job_queue",
        "first_session_queue",
        "follow_ups",
        "follow_ups_of",
        "has_limits",
        "is_plain",
        "job_queues",
        "jobs",
        "joins",
        "lanes",
        "limit_us",
        "n_jobs",
        "n_planned",
        "n_qpus",
        "n_sessions",
        "n_transitions",
        "next_key",
        "next_us",
        "now",
        "only_job_mode",
        "only_needed",
        "planned",
        "prepares",
        "qpus",
        "qpus_differ",
        "requeues",
        "room_of_created",
        "room_of_jobs",
        "room_of_sessions",
        "room_of_transitions",
        "routes_by_turn",
        "serves_alone",
        "session_queues",
        "sessions",
        "soon_key",
        "soon_us",
        "submissions",
        "submissions_in_key",
        "submissions_us",
        "tables",
        "timeout",
        "times_us",
        "transitions",
        "unfinished",
        "unused_us",
        "windows",
        "writes_departures",
    )

    # what a run is given
    agenda: Agenda
    qpus: Qpus
    job_queues: list[Queue]
    session_queues: list[Queue]
    lanes: list[Lanes]
    due_queues: list[Queue]
    windows: Windows
    jobs: Jobs
    sessions: Sessions
    clients: Clients
    accounts: Accounts
    tables: Tables
    submissions_us: Column
    submissions: Column
    follow_ups_of: Column
    follow_ups: Column
    times_us: Column
    transitions: Column
    limit_us: int
    unused_us: int
    timeout: int
    submissions_in_key: int
    unfinished: int
    commands: int
    has_limits: bool
    qpus_differ: bool
    adapts: bool
    joins: bool
    ends_matter: bool
    routes_by_turn: bool
    prepares: bool
    is_plain: bool
    requeues: bool
    calibrates_first: bool
    writes_departures: bool
    only_job_mode: bool
    serves_alone: bool
    only_needed: bool
    # where it stands
    first_job_queue: Queue
    first_session_queue: Queue
    now: int
    events: int
    planned: int
    next_us: int
    next_key: int
    finish_us: int
    finish_key: int
    soon_us: int  # of the earliest submission that follows from an end: it is not on the agenda. Or FOREVER
    soon_key: int
    called: int
    active: int
    decisions: int
    n_qpus: int
    n_planned: int
    n_jobs: int
    n_sessions: int
    n_transitions: int
    room_of_jobs: int
    room_of_created: int
    room_of_sessions: int
    room_of_transitions: int

    def __init__(self, **given: Any) -> None:
        for name, value in given.items():
            setattr(self, name, value)
        self.first_job_queue = self.job_queues[0]
        self.first_session_queue = self.session_queues[0]
        self.n_qpus = len(self.qpus.job)
        self.now = 0
        self.events = 0
        self.called = 0  # QPUs that look for work at the end of the instant, a bit each
        self.active = 0  # sessions that hold a QPU
        self.decisions = 0  # of the router
        self.n_planned = len(self.jobs.qpu_us)
        self.n_jobs = self.n_planned
        self.n_sessions = len(self.sessions.phase)
        self.n_transitions = 0
        self.room_of_jobs = len(self.jobs.stage)
        self.room_of_created = len(self.jobs.roots)
        self.room_of_sessions = len(self.sessions.phase)
        self.room_of_transitions = len(self.transitions)
        self.planned = NEVER
        self.plan_next()
        self.finish_us = FOREVER
        self.finish_key = FOREVER
        self.soon_us = FOREVER
        self.soon_key = FOREVER

    # -- The order of events (S3, S6).

    def advance(self, until: int, at_most: int) -> int:
        """Let events happen up to a time, at most so many; if only what is needed, until nothing is (S6)."""
        if self.only_job_mode:
            return self.advance_in_job_mode(until, at_most)
        agenda = self.agenda
        happened = 0
        while happened < at_most:
            at = self.next_us
            key = self.next_key
            source = PLANNED
            if self.finish_us < at or (self.finish_us == at and self.finish_key < key):
                at = self.finish_us
                key = self.finish_key
                source = FINISHES
            if self.soon_us < at or (self.soon_us == at and self.soon_key < key):
                at = self.soon_us
                key = self.soon_key
                source = SOON
            if agenda.size > 0:
                first = agenda.time[0]
                if first < at or (first == at and agenda.key[0] < key):
                    at = first
                    key = agenda.key[0]
                    source = AGENDA
            if at > self.now:
                if self.called != 0:
                    self.dispatch()
                    continue
                if self.only_needed and self.unfinished == 0 and not self.is_needed():
                    break
            if source == AGENDA and (key >= KEY_CANCEL or key < AFTER_READY) and self.was_called_off(at, key):
                agenda.pop()
                continue
            if at > until:
                self.events += happened
                return TOO_LONG if at > LONGEST_US and self.is_needed() else OVER
            self.now = at
            happened += 1
            if source == PLANNED:
                self.plan_next()
                self.submit((key & NUMBER_MASK) >> NUMBER_SHIFT)
            elif source == FINISHES:
                self.finish((key & NUMBER_MASK) >> NUMBER_SHIFT)
            elif source == SOON:
                happened += self.submit_next((key & NUMBER_MASK) >> NUMBER_SHIFT, until, at_most - happened)
            else:
                agenda.pop()
                if key >> RANK_SHIFT == RANK_SUBMIT:
                    self.submit((key & NUMBER_MASK) >> NUMBER_SHIFT)
                else:
                    self.happen(key)
        self.events += happened
        return PAUSED if happened == at_most else OVER

    # -- Shortcuts, which do not read the tables; `tests/kernel/test_shortcuts.py` says what must stand there.

    def advance_in_job_mode(self, until: int, at_most: int) -> int:
        """As `advance`, where nothing happens but that jobs in job mode come, run and are done."""
        jobs = self.jobs
        queue = self.first_job_queue
        happened = 0
        at = self.now
        while happened < at_most:
            at = min(self.next_us, self.finish_us)
            if at > self.now and queue.size > 0 and self.qpus.job[0] < 0:  # S50
                job = queue.job[queue.first]
                queue.pop()
                jobs.stage[job] = STAGE_RUNNING
                self.take_qpu(job, 0)
                continue
            if at > until:
                break
            self.now = at
            happened += 1
            if at == self.finish_us:
                self.finish_in_job_mode((self.finish_key & NUMBER_MASK) >> NUMBER_SHIFT)
            else:
                job = (self.next_key & NUMBER_MASK) >> NUMBER_SHIFT
                if jobs.stage[job] != NEVER:
                    raise no_entry_for_job(job, JOB_SUBMIT, jobs.stage[job])
                jobs.submitted[job] = at
                jobs.stage[job] = STAGE_QUEUED
                queue.push(jobs.key[job] + self.submissions_in_key * at, at, job)
                self.plan_next()
        self.events += happened
        if happened == at_most:
            return PAUSED
        return TOO_LONG if at > LONGEST_US and self.is_needed() else OVER

    def finish_in_job_mode(self, job: int) -> None:
        """As `finish`; what a limit cuts (S44) is left to the tables."""
        if self.now - self.jobs.started[job] < self.jobs.qpu_us[job]:
            self.move_job(job, JOB_CUT, NEVER, 0)
        else:
            self.jobs.stage[job] = STAGE_DONE
            self.jobs.ended[job] = self.now
            self.unfinished -= 1
            self.qpus.job[0] = NEVER
            self.finish_us = FOREVER

    def submit_next(self, job: int, until: int, at_most: int) -> int:
        """A job that follows from an end comes, and maybe others one by one; how many events more."""
        self.soon_us = FOREVER
        self.soon_key = FOREVER
        if self.serves_alone and self.is_alone(job):
            happened = self.serve_alone(job, self.jobs.session[job], until, at_most)
            if happened > 0:
                return happened - 1
        self.submit(job)
        return 0

    def is_alone(self, job: int) -> bool:
        """Whether a job of a client comes to a session without others, for which the QPU waits."""
        session = self.jobs.session[job]
        if job >= self.n_planned or session < 0 or self.jobs.client[job] < 0:
            return False
        return (
            self.sessions.phase[session] == PHASE_IDLE
            and self.qpus.job[0] < 0
            and self.clients.poll_us[self.jobs.client[job]] < 0
            and (not self.sessions.lets_in[session] or self.first_job_queue.size == 0)
        )

    def serve_alone(self, job: int, session: int, until: int, at_most: int) -> int:
        """Jobs of a client are done one by one: each starts when it comes (S12), and the next follows (S64).

        The first one comes now, and all else that is to come is planned or on the agenda. How many events
        happened, at most one more than `at_most`; 0 if something else comes first.
        """
        jobs = self.jobs
        client = jobs.client[job]
        last = self.clients.first[client] + self.clients.jobs[client] - 1
        stop = min(self.next_us, until + 1)
        if self.agenda.size > 0:  # where the clock of the session stands, too (S13)
            stop = min(stop, self.agenda.time[0])
        at = self.now
        happened = 0
        while (
            job < last
            and happened < at_most
            and at < stop  # else the sum might not be an int64
            and at + jobs.qpu_us[job] < stop
            and self.is_done_alone(job, session)
        ):
            jobs.submitted[job] = at
            jobs.started[job] = at
            jobs.stage[job] = STAGE_DONE
            self.now = at + jobs.qpu_us[job]
            jobs.ended[job] = self.now
            job += 1
            jobs.session[job] = session
            at = self.now + jobs.think_us[job]
            happened += 2
        if happened > 0:
            self.clients.iteration[client] = job - self.clients.first[client]
            self.start_ittl(session)
            self.unfinished -= 1  # in place of the job that came, the one that follows
            self.arm_submission(self.now, jobs.think_us[job], job)
        return happened

    def is_done_alone(self, job: int, session: int) -> bool:
        """Whether neither user (S25) nor limit (S24, S44) ends a job, and only its client waits for it."""
        jobs = self.jobs
        limit = jobs.limit_us[job]
        return (
            jobs.cancel_after[job] < 0
            and limit <= self.sessions.max_us[session]
            and self.allowed_us(limit, jobs.qpu_us[job]) == jobs.qpu_us[job]
            and (len(self.follow_ups_of) == 0 or self.follow_ups_of[job] == self.follow_ups_of[job + 1])
            and jobs.stage[job] < 0
        )

    def plan_next(self) -> None:
        """Look at the next planned submission."""
        self.planned += 1
        if self.planned < len(self.submissions):
            self.next_us = self.submissions_us[self.planned]
            self.next_key = KEY_SUBMIT | self.submissions[self.planned] << NUMBER_SHIFT
        else:
            self.next_us = FOREVER
            self.next_key = FOREVER

    def is_needed(self) -> bool:
        """Whether a run without a horizon goes on (S6)."""
        return self.unfinished > 0 or self.commands > 0 or self.active > 0

    def finish_at(self, horizon: int) -> None:
        """Stop there: of that instant only jobs that leave the QPU, and ends of their phases, count (S6)."""
        agenda = self.agenda
        self.now = horizon
        while self.finish_us == horizon or (agenda.size > 0 and agenda.is_before(0, horizon, AFTER_READY)):
            if self.finish_us == horizon and not (
                agenda.size > 0 and agenda.is_before(0, horizon, self.finish_key)
            ):
                self.finish((self.finish_key & NUMBER_MASK) >> NUMBER_SHIFT)
            else:
                at = agenda.time[0]
                key = agenda.key[0]
                agenda.pop()
                if key >> RANK_SHIFT != RANK_CREATE and not self.was_called_off(at, key):
                    self.happen(key)

    def was_called_off(self, at: int, key: int) -> bool:
        """Whether an event that comes up, a clock or the end of a phase of a job, is no longer to happen."""
        rank = key >> RANK_SHIFT
        number = (key & NUMBER_MASK) >> NUMBER_SHIFT
        if rank == RANK_ITTL:
            return self.has_other_ittl(number, at)
        if rank == RANK_MAX_TIME:
            return self.sessions.life_at[number] != at
        if rank == RANK_READY:
            return self.jobs.stage[number] != STAGE_PREPARING
        return key & PATIENCE_BIT != 0 and self.jobs.patience_at[number] != at

    def happen(self, key: int) -> None:
        """Let an event of the agenda happen now."""
        rank = key >> RANK_SHIFT
        number = (key & NUMBER_MASK) >> NUMBER_SHIFT
        if rank == RANK_ITTL:
            self.run_out(number)
        elif rank == RANK_POST_DONE:
            self.move_job(number, JOB_POST_DONE, self.jobs.session[number], self.qpu_of(number))
        elif rank == RANK_CLOSE:
            self.serve_command(number)
            self.close(number)
        elif rank == RANK_CANCEL:
            self.cancel(key, number)
        elif rank == RANK_MAX_TIME:
            self.end_life(number)
        elif rank == RANK_READY:
            self.become_ready(number)
        elif rank == RANK_AVAILABILITY:
            self.change_window(number & WINDOW_MASK, number & WINDOW_BEGINS)
        else:
            self.create(number)

    # -- QPUs: what runs next (S50), and who finds one (S54).

    def dispatch(self) -> None:
        """Let the QPU with the smallest number look for work."""
        qpu = 0
        while (self.called >> qpu) & 1 == 0:
            qpu += 1
        self.called ^= 1 << qpu
        if self.is_plain:
            job = self.pick(qpu)
            if job >= 0:
                self.move_job(job, JOB_START, self.jobs.session[job], qpu)
        else:
            self.dispatch_or_prepare(qpu)

    def pick(self, qpu: int) -> int:
        """S50: the job that goes on a QPU next, or NEVER."""
        holder = self.qpus.holder[qpu]
        if holder >= 0:
            job = self.sessions.head[holder]  # S12
            if job >= 0 or not self.sessions.lets_in[holder]:
                return job
            return self.pick_of_one(self.first_job_queue if self.n_qpus == 1 else self.job_queues[qpu])  # S32
        if self.n_qpus > 1:
            return self.pick_of_two(self.job_queues[qpu], self.session_queues[qpu])
        if self.first_session_queue.size > 0:
            return self.pick_of_two(self.first_job_queue, self.first_session_queue)
        return self.pick_of_one(self.first_job_queue)

    def pick_of_two(self, jobs: Queue, others: Queue) -> int:
        """The head of the normal queue, which stands in two (S32), or NEVER."""
        if not self.has_first(others):
            return self.pick_of_one(jobs)
        if not self.has_first(jobs):
            return self.pick_of_one(others)
        first = jobs.first
        if others.is_before(others.first, jobs.key[first], jobs.submitted[first], jobs.job[first]):
            return self.pick_of_one(others)
        return self.pick_of_one(jobs)

    def has_first(self, queue: Queue) -> bool:
        """Make the first of a queue a job that still waits; False if there is none."""
        while queue.size > 0 and not queue.waits[self.jobs.stage[queue.job[queue.first]] + 1]:
            queue.pop()
        return queue.size > 0

    def pick_of_one(self, queue: Queue) -> int:
        """Take the first job of a queue that still waits, or NEVER."""
        while queue.size > 0:
            job = queue.job[queue.first]
            queue.pop()
            if queue.waits[self.jobs.stage[job] + 1]:
                return job
        return NEVER

    def note_finish(self, qpu: int) -> None:
        """The job on a QPU may be the one that leaves its QPU next."""
        at = self.qpus.finish_at[qpu]
        key = KEY_FINISH | self.qpus.job[qpu] << NUMBER_SHIFT
        if at < self.finish_us or (at == self.finish_us and key < self.finish_key):
            self.finish_us = at
            self.finish_key = key

    def find_finish(self) -> None:
        """Find the job that leaves its QPU next."""
        self.finish_us = FOREVER
        for qpu in range(self.n_qpus):
            self.note_finish(qpu)

    def qpu_of(self, job: int) -> int:
        """The number of the QPU of a job; of one that was not routed, any."""
        return 0 if self.n_qpus == 1 else max(self.jobs.qpu[job], 0)

    def route(self, job: int, session: int) -> int:
        """S54: a session's jobs stay on its QPU; others go where they are pinned to, or are routed."""
        number = self.known_qpu(job, session)
        if number < 0:
            number = self.choose()
        self.jobs.qpu[job] = number
        return number

    def known_qpu(self, job: int, session: int) -> int:
        """The number of the QPU that is known without routing, or NEVER."""
        if session >= 0:
            return self.sessions.qpu[session]
        return self.jobs.pinned[self.root(job)]

    def choose(self) -> int:
        """S54: in turn, or where fewest jobs are queued; ties by number."""
        if self.routes_by_turn:
            self.decisions += 1
            return (self.decisions - 1) % self.n_qpus
        best = 0
        number = 1
        while number < self.n_qpus:
            if self.qpus.queued[number] < self.qpus.queued[best]:
                best = number
            number += 1
        return best

    # -- Jobs: what happens.

    def root(self, job: int) -> int:
        """The planned job whose further attempt a job is, or itself."""
        return job if job < self.n_planned else self.jobs.roots[job - self.n_planned]

    def submit(self, job: int) -> None:
        """A job arrives: it is rejected (S20), or waits for the QPU."""
        self.jobs.submitted[job] = self.now
        session = self.jobs.session[job]
        reason = NO_REASON
        if session >= 0:
            if self.sessions.phase[session] == PHASE_ABSENT and self.sessions.created[session] < 0:
                self.create(session)  # S9: also if the job is then rejected
            reason = self.why_not_in_session(job, session)
        if self.has_limits and reason == NO_REASON:
            reason = self.why_not_now(self.account_of(job))
        if reason == NO_REASON:
            self.accept(job, session)
        else:
            self.reject(job, session, reason)

    def accept(self, job: int, session: int) -> None:
        """It waits for the QPU, until its user cancels it (S25)."""
        event = self.submission_of(job) if self.prepares else JOB_SUBMIT
        self.move_job(job, event, session, 0 if self.n_qpus == 1 else self.route(job, session))
        cancel_after = self.jobs.cancel_after[job if job < self.n_planned else self.root(job)]
        if cancel_after >= 0:
            self.agenda.push(self.now + cancel_after, KEY_JOB_CANCEL | job << NUMBER_SHIFT)

    def reject(self, job: int, session: int, reason: int) -> None:
        """It is over at once, without having been routed."""
        self.jobs.reason[job] = reason
        if self.n_qpus > 1:
            self.jobs.qpu[job] = self.known_qpu(job, session)
        self.move_job(job, JOB_REJECT, session, 0)

    def why_not_in_session(self, job: int, session: int) -> int:
        """S20: the first reason that applies to a submission to a session, in its order."""
        phase = self.sessions.phase[session]
        if phase == PHASE_ABSENT:
            return SESSION_NOT_CREATED  # S9
        if self.has_limits:
            account = self.account_of(job)
            if NEVER < self.accounts.too_old_from[account] <= self.now:
                return CLIENT_TOO_OLD  # S23
            if not self.allows(account, session):
                return SESSIONS_NOT_IN_PLAN  # S60
        if not self.tables.accepting[phase]:
            return IN_CLOSED_SESSION  # S17, S26
        root = job if job < self.n_planned else self.root(job)
        if self.jobs.limit_us[root] > self.sessions.max_us[session]:
            return EXECUTION_TIME_EXCEEDS_SESSION  # S24
        return NO_REASON

    def why_not_now(self, account: int) -> int:
        """S20: what the limits of an account say of any submission, in its order."""
        accounts = self.accounts
        if NEVER < accounts.most_pending[account] <= accounts.pending[account]:
            return TOO_MANY_PENDING  # S60
        rate = accounts.rate[account]
        if rate >= 0 and accounts.submissions[account] >= rate:
            # S60: that which is so many submissions back leaves the window a window after its instant
            last = self.now if rate == 0 else accounts.recent[self.place_of_submission(account)]
            if last > self.now - accounts.window_us[account]:
                return RATE_LIMITED
        return NO_REASON

    def account_of(self, job: int) -> int:
        """The account of a job."""
        return self.jobs.account[self.root(job)]

    def allows(self, account: int, session: int) -> bool:
        """Whether the plan of an account has sessions, or batches, as it is one (S60)."""
        if self.sessions.batch[session]:
            return self.accounts.allows_batches[account] > 0
        return self.accounts.allows_sessions[account] > 0

    def place_of_submission(self, account: int) -> int:
        """Where an accepted submission is written, in place of that which is as many back as the rate."""
        accounts = self.accounts
        return accounts.first[account] + accounts.submissions[account] % accounts.rate[account]

    def count_submission(self, account: int) -> None:
        """An accepted submission (S60)."""
        accounts = self.accounts
        accounts.pending[account] += 1
        if accounts.rate[account] > 0:
            accounts.recent[self.place_of_submission(account)] = self.now
        accounts.submissions[account] += 1

    def finish(self, job: int) -> None:
        """A job leaves the QPU, because it is done or has reached its limit (S44)."""
        qpu = 0 if self.n_qpus == 1 else self.qpu_of(job)
        root = job if job < self.n_planned else self.root(job)
        event = JOB_FINISH
        needed = self.needed_us(root, qpu) if self.qpus_differ else self.jobs.qpu_us[root]
        if self.now - self.jobs.started[job] < needed:
            event = JOB_CUT
        elif self.writes_departures and self.jobs.post_us[root] > 0:
            event = JOB_POST_PROCESS
        self.move_job(job, event, self.jobs.session[job], qpu)

    def cancel(self, key: int, number: int) -> None:
        """A user cancels a session (S18) or a job (S25), or the patience of a job is over (S27)."""
        if key & JOB_BIT == 0:
            self.serve_command(number)
            self.cancel_session(number)
        elif key & PATIENCE_BIT:
            self.jobs.patience_at[number] = NEVER
            self.move_job(number, JOB_RENEGE, self.jobs.session[number], self.qpu_of(number))
        else:
            self.move_job(number, JOB_CANCEL, self.jobs.session[number], self.qpu_of(number))

    def move_job(self, job: int, event: int, session: int, qpu: int) -> None:
        """Make the transition of the table of jobs, and take its actions."""
        before = self.jobs.stage[job]
        row = (before + 1) * JOB_EVENTS + event
        after = self.tables.job_after[row]
        if after == NO_ENTRY:
            raise no_entry_for_job(job, event, before)
        self.jobs.stage[job] = after
        actions = self.tables.job_actions[row] if session < 0 else self.tables.own_actions[row]
        while actions > 0:
            action = actions & ACTION_MASK
            if action == WAIT_FOR_QPU:  # those that most jobs have, without another call
                self.wait_for_qpu(job, session, qpu)
            elif action == TAKE_QPU:
                self.take_qpu(job, qpu)
            elif action == LEAVE_QPU:
                self.leave_qpu(job, qpu)
            elif action == END:
                self.jobs.ended[job] = self.now
                self.unfinished -= 1
                if self.ends_matter:
                    self.follow(job)
            elif action == ENTER_QUEUE:
                self.enter_queue(job, session, qpu)
            elif action == LEAVE_QUEUE:
                self.leave_queue(job, session, qpu)
            elif action == JOIN_SESSION:
                self.join_session(job, session)
            elif action == TELL_START:
                self.change(session, SESSION_START)
            elif action == LEAVE_SESSION:
                self.leave_session(before, session)
            else:
                self.act_for_job(action, job, event, session)
            actions >>= ACTION_BITS

    def act_for_job(self, action: int, job: int, event: int, session: int) -> None:
        """Take another action of the table of jobs."""
        if action == STOP_COUNTING:
            self.stop_counting(session)
        elif action == START_PATIENCE:
            self.start_patience(job)
        elif action == STOP_PATIENCE:
            self.jobs.patience_at[job] = NEVER
        elif action == COUNT_SUBMISSION:
            self.count_submission(self.account_of(job))
        elif action == COUNT_END:
            self.accounts.pending[self.account_of(job)] -= 1
        elif action == WRITE_REASON:
            self.jobs.reason[job] = self.tables.job_reason[event]
        elif action == START_POST_PROCESSING:
            due = self.now + self.jobs.post_us[self.root(job)]
            self.agenda.push(due, KEY_POST_DONE | job << NUMBER_SHIFT)
        elif action == LOSE_RUN:
            self.lose_run(job, self.qpu_of(job))
        elif action == WAIT_BEFORE_ALL:
            self.wait_before_all(job, session, self.qpu_of(job))
        else:
            self.act_for_preparation(action, job, session, self.qpu_of(job))

    # -- Jobs: actions.

    def enter_queue(self, job: int, session: int, qpu: int) -> None:
        """It is one of the queued jobs of its QPU (S54) and of its session."""
        self.qpus.queued[qpu] += 1
        if session >= 0:
            self.link(session, job)

    def leave_queue(self, job: int, session: int, qpu: int) -> None:
        """It is so no more."""
        self.qpus.queued[qpu] -= 1
        if session >= 0:
            self.join(session, self.jobs.previous[job], self.jobs.next[job])

    def wait_for_qpu(self, job: int, session: int, qpu: int) -> None:
        """It stands in the normal queue, unless its session holds the QPU (S10, S12, S15)."""
        submitted = self.jobs.submitted[job]
        key = self.jobs.key[job if job < self.n_planned else self.root(job)]
        key += self.submissions_in_key * submitted
        if session < 0:
            if self.n_qpus == 1:
                self.first_job_queue.push(key, submitted, job)
            else:
                self.push(self.job_queues[qpu], key, submitted, job)
        elif not self.tables.active[self.sessions.phase[session]]:
            if self.n_qpus == 1:
                self.first_session_queue.push(key, submitted, job)
            else:
                self.push(self.session_queues[qpu], key, submitted, job)
        elif not self.is_plain:
            self.wait_behind_holder(job, session, qpu)
        if self.qpus.job[qpu] < 0:
            self.called |= 1 << qpu

    def push(self, queue: Queue, key: int, submitted: int, job: int) -> None:
        """Put a job into one of several queues."""
        queue.push(key, submitted, job)

    def take_qpu(self, job: int, qpu: int) -> None:
        """It goes on the QPU, at most as long as it may (S44)."""
        root = job if job < self.n_planned else self.root(job)
        needed = self.needed_us(root, qpu) if self.qpus_differ else self.jobs.qpu_us[root]
        needed = self.allowed_us(self.jobs.limit_us[root], needed)
        self.jobs.started[job] = self.now
        self.qpus.job[qpu] = job
        self.qpus.finish_at[qpu] = self.now + needed
        if self.n_qpus > 1:
            self.note_finish(qpu)
        else:
            self.finish_us = self.now + needed
            self.finish_key = KEY_FINISH | job << NUMBER_SHIFT

    def allowed_us(self, limit: int, needed: int) -> int:
        """How long a job with such a limit is on the QPU."""
        if limit == NO_LIMIT:
            return needed
        if NEVER < limit < needed:
            needed = limit
        return min(needed, self.limit_us)

    def needed_us(self, root: int, qpu: int) -> int:
        """The QPU time that a job needs, where it differs from QPU to QPU."""
        return self.times_us[qpu * self.n_planned + root]

    def leave_qpu(self, job: int, qpu: int) -> None:
        """It is off the QPU."""
        if self.writes_departures:
            self.jobs.left[job] = self.now
        self.qpus.job[qpu] = NEVER
        self.qpus.finish_at[qpu] = FOREVER
        self.finish_us = FOREVER
        if self.n_qpus > 1:
            self.find_finish()
        self.called |= 1 << qpu

    def start_patience(self, job: int) -> None:
        """S27."""
        patience = self.jobs.patience_us[self.root(job)]
        if patience >= 0:
            self.jobs.patience_at[job] = self.now + patience
            self.agenda.push(self.now + patience, KEY_PATIENCE | job << NUMBER_SHIFT)
        else:
            self.jobs.patience_at[job] = NEVER

    # -- What only plans with windows of availability or with preparation need.

    def dispatch_or_prepare(self, qpu: int) -> None:
        """S50: start a job if the QPU is free and up; once there is none to start, give lanes (S42)."""
        if len(self.due_queues) > 0:
            self.calibrate(qpu)
        job = NEVER
        if self.qpus.job[qpu] < 0 and self.qpus.closed_by[qpu] == 0:
            job = self.pick_ready(qpu)
        if job >= 0:
            self.move_job(job, JOB_START, self.jobs.session[job], qpu)
            self.called |= 1 << qpu
        elif self.prepares:
            self.give_lanes(qpu)

    def pick_ready(self, qpu: int) -> int:
        """As `pick`, but the session that holds the QPU has a queue, in which not only submissions count."""
        holder = self.qpus.holder[qpu]
        if holder < 0:
            return self.pick_of_two(self.job_queues[qpu], self.session_queues[qpu])
        lanes = self.lanes[qpu]
        job = self.pick_of_one(lanes.ready_queue)  # S12, S33, S52
        if job < 0 and self.sessions.lets_in[holder]:
            job = self.pick_of_one(self.job_queues[qpu])  # S32
        return job

    # -- Windows of availability (S52).

    def change_window(self, window: int, begins: int) -> None:
        """One begins, or is due, or ends."""
        windows = self.windows
        qpu = windows.qpu[window]
        self.called |= 1 << qpu
        if begins == 0:
            self.qpus.closed_by[qpu] -= 1
        else:
            if windows.every_us[window] >= 0:
                self.expect_window(self.now + windows.every_us[window], window, WINDOW_BEGINS)
            if windows.kind[window] == CALIBRATION:
                self.make_due(window, qpu)
            else:
                self.begin_window(window, qpu)
                if windows.kind[window] == OUTAGE:
                    self.fail(qpu)

    def expect_window(self, at: int, window: int, begins: int) -> None:
        """A change is to come."""
        number = self.windows.qpu[window] << QPU_OF_WINDOW_SHIFT | begins | window
        self.agenda.push(at, KEY_WINDOW | number << NUMBER_SHIFT)

    def begin_window(self, window: int, qpu: int) -> None:
        """From now on it lets nobody in."""
        end = self.now + self.windows.duration_us[window]
        self.windows.note_begin(window, self.now, end)
        self.expect_window(end, window, 0)
        self.qpus.closed_by[qpu] += 1

    def make_due(self, window: int, qpu: int) -> None:
        """A calibration waits for its QPU; missed occurrences merge into one."""
        if self.windows.is_due[window] == 0:
            due = self.due_queues[qpu]
            self.windows.is_due[window] = 1
            due.push(self.now, self.now, window)

    def calibrate(self, qpu: int) -> None:
        """Begin the calibration that is due longest, if it goes first now."""
        due = self.due_queues[qpu]
        holder = self.qpus.holder[qpu]
        waits = holder >= 0 and not self.sessions.batch[holder] and not self.calibrates_first
        if due.size > 0 and self.qpus.job[qpu] < 0 and self.qpus.closed_by[qpu] == 0 and not waits:
            window = due.job[due.first]
            due.pop()
            self.windows.is_due[window] = 0
            self.begin_window(window, qpu)

    def fail(self, qpu: int) -> None:
        """An outage hits the job on a QPU: it ends, or is queued again if its session is not closed."""
        job = self.qpus.job[qpu]
        if job >= 0:
            session = self.jobs.session[job]
            ends = not self.requeues or (session >= 0 and self.sessions.phase[session] == PHASE_CLOSED)
            self.move_job(job, JOB_FAIL if ends else JOB_REQUEUE, session, qpu)

    def lose_run(self, job: int, qpu: int) -> None:
        """It leaves the QPU, and will have another start."""
        self.windows.note_lost(job, qpu, self.jobs.started[job], self.now)
        self.leave_qpu(job, qpu)
        if self.writes_departures:
            self.jobs.left[job] = NEVER

    def wait_before_all(self, job: int, session: int, qpu: int) -> None:
        """It goes back to the head of its queue."""
        lanes = self.lanes[qpu]
        if session < 0:
            self.push(self.job_queues[qpu], BEFORE_ALL, self.jobs.submitted[job], job)
        else:
            lanes.ready_queue.push(BEFORE_ALL, BEFORE_ALL, job)

    # -- Jobs: preparation (S40 to S43).

    def submission_of(self, job: int) -> int:
        """The event of a submission that is accepted: without preparation a job is ready at once."""
        if self.jobs.preparation_us[self.root(job)] > 0:
            return JOB_SUBMIT_UNPREPARED
        self.jobs.ready[job] = self.now
        return JOB_SUBMIT

    def become_ready(self, job: int) -> None:
        """The preparation of a job has ended."""
        self.jobs.ready[job] = self.now
        self.move_job(job, JOB_READY, self.jobs.session[job], self.qpu_of(job))

    def give_lanes(self, qpu: int) -> None:
        """S42: as long as there are free ones, and jobs that may have them."""
        lanes = self.lanes[qpu]
        job = 0
        while lanes.free > 0 and job >= 0:
            job = self.pick_unprepared(lanes, self.qpus.holder[qpu])
            if job >= 0:
                self.move_job(job, JOB_PREPARE, self.jobs.session[job], qpu)

    def pick_unprepared(self, lanes: Lanes, holder: int) -> int:
        """S42: in the order in which jobs would be dispatched, who gets a lane next, or NEVER."""
        if holder < 0:
            if lanes.of_job_mode + lanes.of_sessions < lanes.number:
                return self.pick_of_two(lanes.job_queue, lanes.session_queue)
            return NEVER
        job = self.pick_of_one(lanes.holder_queue)
        if job < 0 and lanes.of_job_mode < lanes.number:
            job = self.pick_of_one(lanes.job_queue)
        return job

    def act_for_preparation(self, action: int, job: int, session: int, qpu: int) -> None:
        """Take an action of the table of jobs that only prepared jobs need."""
        lanes = self.lanes[qpu]
        if action == WAIT_FOR_LANE:
            self.wait_for_lane(job, session, qpu)
        elif action == TAKE_LANE:
            self.take_lane(job, session, lanes)
        elif action == GIVE_LANE_BACK:
            lanes.free += 1
            self.called |= 1 << qpu
        elif action == LEAVE_PREPARED:
            if self.jobs.ready[job] < 0:
                lanes.free += 1
            self.count_prepared(session, -1, lanes)
            self.called |= 1 << qpu
        elif action == COUNT:
            self.sessions.counting[session] += 1
            self.change(session, SESSION_READY)

    def wait_for_lane(self, job: int, session: int, qpu: int) -> None:
        """It stands in the normal queue of those who do, unless its session holds the QPU (S42)."""
        lanes = self.lanes[qpu]
        submitted = self.jobs.submitted[job]
        key = self.jobs.key[self.root(job)] + self.submissions_in_key * submitted
        if session < 0:
            lanes.job_queue.push(key, submitted, job)
        elif self.tables.active[self.sessions.phase[session]]:
            lanes.holder_queue.push(submitted, submitted, job)
        else:
            lanes.session_queue.push(key, submitted, job)
        self.called |= 1 << qpu

    def wait_behind_holder(self, job: int, session: int, qpu: int) -> None:
        """It is ready, and its session holds the QPU: by submission (S12) or, in a batch, by that (S33)."""
        lanes = self.lanes[qpu]
        by_ready = self.prepares and self.sessions.batch[session]
        place = self.jobs.ready[job] if by_ready else self.jobs.submitted[job]
        lanes.ready_queue.push(place, place, job)

    def take_lane(self, job: int, session: int, lanes: Lanes) -> None:
        """Its preparation begins."""
        self.jobs.preparing[job] = self.now
        due = self.now + self.jobs.preparation_us[self.root(job)]
        self.agenda.push(due, KEY_READY | job << NUMBER_SHIFT)
        lanes.free -= 1
        self.count_prepared(session, 1, lanes)

    def count_prepared(self, session: int, change: int, lanes: Lanes) -> None:
        """How many are preparing or ready, those of a session that holds the QPU apart (S42)."""
        if session < 0:
            lanes.of_job_mode += change
        else:
            self.sessions.prepared[session] += change
            if not self.tables.active[self.sessions.phase[session]]:
                lanes.of_sessions += change

    def change_lines(self, session: int) -> None:
        """Its queued jobs stand behind it while it holds the QPU, else in the normal queues (S12, S43)."""
        qpu = self.sessions.qpu[session]
        job = self.sessions.head[session]
        while job >= 0:
            if self.jobs.stage[job] == STAGE_UNPREPARED:
                self.wait_for_lane(job, session, qpu)
            elif self.jobs.stage[job] != STAGE_PREPARING:
                self.wait_for_qpu(job, session, qpu)
            job = self.jobs.next[job]

    def let_in(self, session: int, qpu: int) -> None:
        """A session begins to hold the QPU: its jobs are not ahead of their turn."""
        lanes = self.lanes[qpu]
        lanes.of_sessions -= self.sessions.prepared[session]
        self.change_lines(session)

    def let_out(self, session: int, qpu: int) -> None:
        """It holds the QPU no more."""
        lanes = self.lanes[qpu]
        lanes.of_sessions += self.sessions.prepared[session]
        lanes.holder_queue.size = 0
        lanes.ready_queue.size = 0
        self.called |= 1 << qpu

    # -- Jobs: what their sessions hear.

    def join_session(self, job: int, session: int) -> None:
        """A submission was accepted: a think time is over (S51), and the ITTL clock stops (S13)."""
        sessions = self.sessions
        if sessions.emptied[session] >= 0:
            sessions.thought_us[session] += self.now - sessions.emptied[session]
            sessions.thinks[session] += 1
            sessions.emptied[session] = NEVER
        sessions.jobs[session] += 1
        if self.tables.counts[self.jobs.stage[job]]:
            sessions.counting[session] += 1
            self.change(session, SESSION_SUBMIT)
        else:
            self.change(session, SESSION_PREPARE)

    def stop_counting(self, session: int) -> None:
        """A job left the QPU and is post-processed (S41)."""
        self.sessions.counting[session] -= 1
        self.sessions.finishing[session] += 1
        if self.sessions.counting[session] == 0:
            self.change(session, SESSION_LEAVE_LAST)
        if self.sessions.phase[session] == PHASE_CLOSING:
            self.let_go(session)

    def leave_session(self, before: int, session: int) -> None:
        """A job has ended, in whatever stage it was."""
        sessions = self.sessions
        sessions.jobs[session] -= 1
        counted = self.tables.counts[before] != 0
        if counted:
            sessions.counting[session] -= 1
        elif before == STAGE_POST_PROCESSING:
            sessions.finishing[session] -= 1
        if sessions.jobs[session] == 0:
            self.change(session, SESSION_END_LAST)
        elif counted and sessions.counting[session] == 0:
            self.change(session, SESSION_LEAVE_LAST)
        else:
            self.change(session, SESSION_END)
        if sessions.phase[session] == PHASE_CLOSING:
            self.let_go(session)

    def let_go(self, session: int) -> None:
        """S17: a closing session whose jobs are all post-processed does not hold the QPU for that."""
        if self.sessions.finishing[session] == self.sessions.jobs[session]:
            self.change(session, SESSION_RELEASE)

    def link(self, session: int, job: int) -> None:
        """S12: by (submission, number), from the end, where most of them belong."""
        jobs = self.jobs
        submitted = jobs.submitted[job]
        before = self.sessions.tail[session]
        after = NEVER
        while before >= 0 and (
            jobs.submitted[before] > submitted or (jobs.submitted[before] == submitted and before > job)
        ):
            after = before
            before = jobs.previous[before]
        self.join(session, before, job)
        if after >= 0:
            self.join(session, job, after)
        else:
            self.jobs.next[job] = NEVER
            self.sessions.tail[session] = job

    def join(self, session: int, before: int, after: int) -> None:
        """Let one queued job stand behind another; NEVER are the ends of the line."""
        if before >= 0:
            self.jobs.next[before] = after
        else:
            self.sessions.head[session] = after
        if after >= 0:
            self.jobs.previous[after] = before
        else:
            self.sessions.tail[session] = before

    # -- Sessions: what happens.

    def create(self, session: int) -> None:
        """S9: it comes into existence."""
        sessions = self.sessions
        if sessions.qpu[session] < 0:
            sessions.qpu[session] = self.choose()  # S54
        self.change(session, SESSION_CREATE)
        if sessions.created[session] < 0:
            if sessions.close_after[session] >= 0:
                self.arm_command(session, self.now + sessions.close_after[session], KEY_CLOSE)
            if sessions.cancel_after[session] >= 0:
                self.arm_command(session, self.now + sessions.cancel_after[session], KEY_CANCEL)

    def arm_command(self, session: int, at: int, key: int) -> None:
        """A close or cancel is to come; until its session is closed, it is waited for (S6)."""
        self.agenda.push(at, key | session << NUMBER_SHIFT)
        if self.sessions.phase[session] != PHASE_CLOSED:
            self.sessions.commands[session] += 1
            self.commands += 1

    def serve_command(self, session: int) -> None:
        """It has come."""
        if self.sessions.phase[session] != PHASE_CLOSED:
            self.sessions.commands[session] -= 1
            self.commands -= 1

    def close(self, session: int) -> None:
        """S17; before the first submission it creates the session and ends it there (S9)."""
        if self.sessions.phase[session] == PHASE_ABSENT:
            self.create(session)
        self.change(session, SESSION_CLOSE if self.sessions.jobs[session] > 0 else SESSION_CLOSE_EMPTY)
        if self.sessions.phase[session] == PHASE_CLOSING:
            self.let_go(session)

    def cancel_session(self, session: int) -> None:
        """S18; before the first submission it creates the session and ends it there (S9)."""
        if self.sessions.phase[session] == PHASE_ABSENT:
            self.create(session)
        self.change(session, SESSION_CANCEL)

    def end_life(self, session: int) -> None:
        """The unused clock, or once a job has started the max_time clock, ran out (S16, S21)."""
        self.sessions.life_at[session] = NEVER
        unused = self.sessions.phase[session] == PHASE_OPEN
        self.change(session, SESSION_UNUSED if unused else SESSION_MAX_TIME)

    def change(self, session: int, event: int) -> None:
        """Make the transition of the table of sessions, write it down if it can be seen, take its actions."""
        tables = self.tables
        before = self.sessions.phase[session]
        row = before * SESSION_EVENTS + event
        after = tables.session_after[row]
        if after == NO_ENTRY:
            raise no_entry_for_session(session, event, before)
        self.sessions.phase[session] = after
        if tables.session_reason[row] >= 0:
            self.note(session, before, event, after, tables.session_reason[row])
        actions = tables.session_actions[row]
        while actions > 0:
            self.act_for_session(actions & ACTION_MASK, session, event)
            actions >>= ACTION_BITS

    def note(self, session: int, before: int, event: int, after: int, reason: int) -> None:
        """Write a change down."""
        if after == PHASE_CLOSED:
            self.commands -= self.sessions.commands[session]
            self.sessions.commands[session] = 0
        row = 6 * self.n_transitions
        if row + 6 > self.room_of_transitions:
            self.transitions = wider(self.transitions)
            self.room_of_transitions = len(self.transitions)
        self.transitions[row] = self.now
        self.transitions[row + 1] = session
        self.transitions[row + 2] = before
        self.transitions[row + 3] = event
        self.transitions[row + 4] = after
        self.transitions[row + 5] = reason
        self.n_transitions += 1

    def act_for_session(self, action: int, session: int, event: int) -> None:
        """Take an action of the table of sessions."""
        if action == START_ITTL:
            self.start_ittl(session)
        elif action == STOP_ITTL:
            self.sessions.ittl_at[session] = NEVER
        elif action == HOLD_QPU:
            self.qpus.holder[self.sessions.qpu[session]] = session
            self.active += 1
            if not self.is_plain:
                self.let_in(session, self.sessions.qpu[session])
        elif action == RELEASE_QPU:
            self.release_qpu(self.sessions.qpu[session])
            if not self.is_plain:
                self.let_out(session, self.sessions.qpu[session])
        elif action == STOP_CLOCKS:
            self.sessions.ittl_at[session] = NEVER
            self.sessions.life_at[session] = NEVER
        elif action == START_UNUSED:
            self.start_life(session, self.unused_us)
        elif action == START_MAX_TIME:
            self.start_life(session, self.sessions.max_us[session])
        elif action == STOP_UNUSED:
            self.sessions.life_at[session] = NEVER
        elif action == END_QUEUED_JOBS:
            self.end_queued_jobs(session, self.timeout if event == SESSION_MAX_TIME else JOB_SESSION_CANCEL)
        elif action == REQUEUE_JOBS:
            self.change_lines(session)

    # -- Sessions: actions.

    def release_qpu(self, qpu: int) -> None:
        """The session stops being active."""
        self.qpus.holder[qpu] = NEVER
        self.active -= 1
        if self.qpus.job[qpu] < 0:
            self.called |= 1 << qpu

    def start_life(self, session: int, us: int) -> None:
        """S11, S21: one clock for both, since a session has one of them at a time."""
        self.sessions.life_at[session] = self.now + us
        self.agenda.push(self.now + us, KEY_MAX_TIME | session << NUMBER_SHIFT)

    def start_ittl(self, session: int) -> None:
        """S13. An entry of the agenda that is not later serves: it moves on when it comes up."""
        sessions = self.sessions
        due = self.now + (self.adapted_ittl_us(session) if self.adapts else sessions.ittl_us[session])
        sessions.ittl_at[session] = due
        if sessions.ittl_armed[session] < 0 or sessions.ittl_armed[session] > due:
            self.arm_ittl(session, due)

    def arm_ittl(self, session: int, due: int) -> None:
        """Let the clock come up at an instant."""
        self.sessions.ittl_armed[session] = due
        self.agenda.push(due, KEY_ITTL | session << NUMBER_SHIFT)

    def adapted_ittl_us(self, session: int) -> int:
        """How long the clock runs that starts now, under the hold policy `adaptive` (S51)."""
        sessions = self.sessions
        ittl = sessions.ittl_us[session]
        if not sessions.batch[session]:
            sessions.emptied[session] = self.now
            if sessions.thinks[session] > 0:
                twice_the_mean = 2 * sessions.thought_us[session] // sessions.thinks[session]
                ittl = min(ittl, max(SHORTEST_ITTL_US, twice_the_mean))
        return ittl

    def has_other_ittl(self, session: int, at: int) -> bool:
        """Whether the clock that comes up stands at another instant; if at a later one, it moves there."""
        sessions = self.sessions
        due = sessions.ittl_at[session]
        if due == at:
            return False
        if sessions.ittl_armed[session] == at:
            sessions.ittl_armed[session] = NEVER
        if due > at and sessions.ittl_armed[session] < 0:
            self.arm_ittl(session, due)
        return True

    def run_out(self, session: int) -> None:
        """S14: the ITTL clock."""
        self.sessions.ittl_at[session] = NEVER
        if self.sessions.ittl_armed[session] == self.now:
            self.sessions.ittl_armed[session] = NEVER
        self.change(session, SESSION_ITTL)

    def end_queued_jobs(self, session: int, event: int) -> None:
        """S16, S18: all that are queued, by (submission, number)."""
        qpu = self.sessions.qpu[session]
        while self.sessions.head[session] >= 0:
            self.move_job(self.sessions.head[session], event, session, qpu)

    # -- What follows from the end of a job.

    def follow(self, job: int) -> None:
        """S5: its follow-ups come, those of a list after the last of it. S64: its client goes on."""
        if job < self.n_planned and len(self.follow_ups_of) > 0:
            place = self.follow_ups_of[job]
            while place < self.follow_ups_of[job + 1]:
                self.come_after_one(self.follow_ups[place])
                place += 1
        root = job if job < self.n_planned else self.root(job)
        if self.jobs.client[root] >= 0:
            self.act_for_client(self.jobs.client[root], job, root)

    def come_after_one(self, job: int) -> None:
        """One of the jobs that a follow-up waits for has ended."""
        if self.joins and self.jobs.waits_for[job] > 0:
            self.jobs.waits_for[job] -= 1
        else:
            self.arm_submission(self.now, self.jobs.think_us[job], job)

    def arm_submission(self, since: int, think_us: int, job: int) -> None:
        """A submission is to come so long after an instant; beyond the longest time it only must be so.

        The earliest of these stands beside the agenda, since most often it is the next event of all.
        """
        self.unfinished += 1
        due = since + think_us if since <= LONGEST_US else since
        key = KEY_SUBMIT | job << NUMBER_SHIFT
        if due < self.soon_us:
            if self.soon_us < FOREVER:
                self.agenda.push(self.soon_us, self.soon_key)
            self.soon_us = due
            self.soon_key = key
        else:
            self.agenda.push(due, key)

    def act_for_client(self, client: int, job: int, root: int) -> None:
        """S64: what follows exists from now on, and comes when the client has noticed the end."""
        clients = self.clients
        stage = self.jobs.stage[job]
        noticed = self.now if clients.poll_us[client] < 0 else self.notices_at(client, job)
        if stage == STAGE_REJECTED:
            self.act_on_rejection(client, job, root)
        elif stage != STAGE_DONE and clients.on_error[client] == ERROR_IS_RETRIED:  # S65
            self.repeat_job(client, job, root, noticed)
        elif clients.iteration[client] + 1 == clients.jobs[client] or (
            stage != STAGE_DONE and clients.on_error[client] == ERROR_STOPS
        ):
            self.finish_client(client, noticed)
        else:
            clients.iteration[client] += 1
            following = clients.first[client] + clients.iteration[client]
            self.jobs.session[following] = clients.session[client]  # S66: it may have moved
            self.arm_submission(noticed, self.jobs.think_us[following], following)

    def notices_at(self, client: int, job: int) -> int:
        """When a client that polls notices the end of its job (S64); polls count from its submission."""
        poll_us = self.clients.poll_us[client]
        submitted = self.jobs.submitted[job]
        polls = (self.now - submitted + poll_us - 1) // poll_us
        return submitted + max(polls, 1) * poll_us

    def act_on_rejection(self, client: int, job: int, root: int) -> None:
        """S66: only that its session is closed can be answered."""
        clients = self.clients
        answer = clients.on_rejection[client]
        if self.jobs.reason[job] == IN_CLOSED_SESSION and answer == REJECTED_TO_NEW_SESSION:
            clients.session[client] = self.repeat_session(clients.session[client])
            self.repeat_job(client, job, root, self.now)
        elif self.jobs.reason[job] == IN_CLOSED_SESSION and answer == REJECTED_TO_JOB_MODE:
            clients.session[client] = NEVER
            self.repeat_job(client, job, root, self.now)
        else:
            self.finish_client(client, self.now)

    def finish_client(self, client: int, noticed: int) -> None:
        """S64: it is through, and does with its session what it does."""
        session = self.clients.session[client]
        how = self.clients.on_finish[client]
        if session >= 0 and how != FINISH_BY_LEAVING:
            self.arm_command(session, noticed, KEY_CLOSE if how == FINISH_BY_CLOSE else KEY_CANCEL)

    def repeat_job(self, client: int, job: int, root: int, noticed: int) -> None:
        """S65, S66: a further attempt is a job of its own, with the times of the first."""
        jobs = self.jobs
        new = self.n_jobs
        if new == self.room_of_jobs:
            jobs.grow()
            self.room_of_jobs = len(jobs.stage)
        if new - self.n_planned == self.room_of_created:
            jobs.grow_created()
            self.room_of_created = len(jobs.roots)
        self.n_jobs += 1
        jobs.session[new] = self.clients.session[client]
        jobs.submitted[new] = NEVER
        if self.prepares:
            jobs.preparing[new] = NEVER
            jobs.ready[new] = NEVER
        jobs.started[new] = NEVER
        jobs.ended[new] = NEVER
        jobs.stage[new] = NEVER
        jobs.reason[new] = NO_REASON
        if self.writes_departures:
            jobs.left[new] = NEVER
        if self.n_qpus > 1:
            jobs.qpu[new] = NEVER
        jobs.repeats[new - self.n_planned] = job
        jobs.roots[new - self.n_planned] = root
        self.arm_submission(noticed, 0, new)

    def repeat_session(self, old: int) -> int:
        """S66: another session with the same parameters."""
        sessions = self.sessions
        new = self.n_sessions
        if new == self.room_of_sessions:
            sessions.grow()
            self.room_of_sessions = len(sessions.phase)
        self.n_sessions += 1
        sessions.batch[new] = sessions.batch[old]
        sessions.lets_in[new] = sessions.lets_in[old]
        sessions.max_us[new] = sessions.max_us[old]
        sessions.ittl_us[new] = sessions.ittl_us[old]
        sessions.created[new] = NEVER
        sessions.close_after[new] = sessions.close_after[old]
        sessions.cancel_after[new] = sessions.cancel_after[old]
        sessions.pinned[new] = sessions.pinned[old]
        sessions.qpu[new] = sessions.pinned[old]
        sessions.phase[new] = PHASE_ABSENT
        sessions.jobs[new] = 0
        sessions.counting[new] = 0
        sessions.finishing[new] = 0
        sessions.prepared[new] = 0
        sessions.commands[new] = 0
        sessions.head[new] = NEVER
        sessions.tail[new] = NEVER
        sessions.ittl_at[new] = NEVER
        sessions.ittl_armed[new] = NEVER
        sessions.life_at[new] = NEVER
        sessions.emptied[new] = NEVER
        sessions.thinks[new] = 0
        sessions.thought_us[new] = 0
        sessions.repeats[new] = old
        return new

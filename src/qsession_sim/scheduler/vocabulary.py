"""The words of the rules: modes, states, statuses, reasons and the ranks of events.

The numbers are part of the public interface: they stand in saved results and in digests.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

NEVER: Final = -1
"""Stands in every column for "did not happen", "not given" or "none"."""

NO_LIMIT: Final = 0
"""As the `max_execution_time` of a job: no limit, not even that of the rules (S44)."""

MOST_QPUS: Final = 2**15
"""In one service: their numbers are int16 in the journal."""


class Mode(IntEnum):
    """Execution mode of a job, and kind of a session."""

    JOB = 0
    SESSION = 1
    BATCH = 2


class SessionState(IntEnum):
    """Public state of a session, in the words of the client library."""

    OPEN = 0
    ACTIVE = 1
    INACTIVE = 2
    CLOSED = 3


class JobStatus(IntEnum):
    """Status of a submitted job, in the words of the client library; `NEVER` before submission."""

    QUEUED = 0
    RUNNING = 1
    DONE = 2
    CANCELLED = 3
    ERROR = 4
    REJECTED = 5


class JobStage(IntEnum):
    """Where a job is, in more detail than its status; the first six are the statuses.

    Records say QUEUED for UNPREPARED, too. `PLANNED` comes last, where an index of -1 finds what stands in a
    sequence by stage.
    """

    QUEUED = 0  # waits for the QPU, without having been prepared
    RUNNING = 1  # on the QPU
    DONE = 2
    CANCELLED = 3
    ERROR = 4
    REJECTED = 5
    PREPARING = 6  # S41
    POST_PROCESSING = 7  # S41
    READY = 8  # prepared, and not yet on the QPU
    REQUEUED = 9  # thrown off the QPU by an outage, and queued again (S52)
    UNPREPARED = 10  # waits for a lane, to be prepared (S42)
    PLANNED = NEVER  # not submitted


PUBLIC_STATUS: Final = (
    *JobStatus,
    JobStatus.RUNNING,  # S41: from the start of preparation
    JobStatus.RUNNING,
    JobStatus.RUNNING,
    JobStatus.QUEUED,
    JobStatus.QUEUED,
)
"""The status that users see, by `JobStage`, once a job is submitted."""


class Reason(IntEnum):
    """Why a job or a session ended as it did, or why a submission was rejected."""

    NONE = 0
    # of jobs that ended without a result: S16, S18, S25, S44, S52
    MAX_TIME = 1
    SESSION_CANCELLED = 2
    JOB_CANCELLED = 3
    RAN_TOO_LONG = 4
    QPU_FAILED = 5
    # of rejected submissions: S20, which has the order in which they are checked
    SESSION_NOT_CREATED = 10
    SESSION_CLOSED = 11
    EXECUTION_TIME_EXCEEDS_SESSION = 12
    CLIENT_TOO_OLD = 13
    SESSIONS_NOT_IN_PLAN = 14
    QUOTA_EXCEEDED = 15
    TOO_MANY_PENDING = 16
    RATE_LIMITED = 17
    # of sessions; MAX_TIME above is the fourth: S26
    CLOSED = 20
    CANCELLED = 21
    UNUSED = 22
    RESERVATION = 23  # of a session that becomes inactive: S52
    RENEGED = 24  # of a job that was cancelled, since its patience was over: S27
    COST_LIMIT = 25  # of a session, or a queued job, of an account that has used its quota: S28
    PROGRAM_FAILED = 26  # of a job of a live user, who asked for it: S44


class Rank(IntEnum):
    """Order of the events of one instant (S3). UNUSED shares the rank of MAX_TIME."""

    CREATE = 0
    FINISH = 1
    POST_DONE = 2
    READY = 3
    SUBMIT = 4
    CLOSE = 5
    CANCEL = 6
    MAX_TIME = 7
    ITTL = 8
    AVAILABILITY = 9
    DISPATCH = 10


class Entity(IntEnum):
    """What an event happens to; inside a rank sessions come before jobs, QPUs and accounts (S3)."""

    SESSION = 0
    JOB = 1
    QPU = 2
    ACCOUNT = 3


class WindowKind(IntEnum):
    """Why a QPU does not serve everybody for a time (S52), in the order in which people read of them."""

    MAINTENANCE = 0
    CALIBRATION = 3
    OUTAGE = 2
    RESERVATION = 1


class OnFinish(IntEnum):
    """What an iterative client does with its session when it is through (S64)."""

    CLOSE = 0
    CANCEL = 1
    LEAVE = 2


class OnError(IntEnum):
    """What an iterative client does after a job ended in ERROR or CANCELLED (S65)."""

    STOP = 0
    RETRY = 1
    CONTINUE = 2


class OnRejection(IntEnum):
    """What an iterative client does after a rejection with SESSION_CLOSED (S66)."""

    NEW_SESSION = 0
    JOB_MODE = 1
    GIVE_UP = 2

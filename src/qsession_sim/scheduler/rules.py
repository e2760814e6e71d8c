"""The choices that the rules leave open, and what a hold policy is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from qsession_sim.scheduler.vocabulary import NEVER, JobStatus

_MINUTE_US = 60_000_000


@dataclass(frozen=True)
class HoldPolicy:
    """What the QPU does while a session of mode `session` holds it with nothing to run (S51)."""

    lets_job_mode_in: bool
    ittl_counts: bool  # False: the ITTL counts as 0
    fills_gaps: bool = False  # lets in what is estimated to fit in the rest of the ITTL
    adapts: bool = False  # the ITTL follows the session's past think times


EXCLUSIVE = HoldPolicy(lets_job_mode_in=False, ittl_counts=True)
SHARED = HoldPolicy(lets_job_mode_in=True, ittl_counts=True)
NONE = HoldPolicy(lets_job_mode_in=False, ittl_counts=False)
GAP_FILL = HoldPolicy(lets_job_mode_in=False, ittl_counts=True, fills_gaps=True)
ADAPTIVE = HoldPolicy(lets_job_mode_in=False, ittl_counts=True, adapts=True)


class Routing(IntEnum):
    """How a job or session that names no QPU finds one (S54)."""

    LEAST_BUSY = 0
    SHORTEST_EXPECTED_WAIT = 1
    ROUND_ROBIN = 2
    RANDOM = 3


@dataclass(frozen=True)
class Rules:
    """Settings of the service."""

    hold: HoldPolicy = EXCLUSIVE
    max_time_ends_as: JobStatus = JobStatus.ERROR  # S16: ERROR or CANCELLED
    unused_timeout_us: int = 30 * _MINUTE_US  # S21
    max_execution_time_us: int = NEVER  # S44; NEVER: no limit
    ittl_asks_for_ready: bool = False  # S43: a job that still prepares does not stop the ITTL clock
    calibrates_before_sessions: bool = False  # S52: a calibration goes first between jobs of a session
    requeues_after_outage: bool = False  # S52: the job that an outage hits is queued again
    routing: Routing = Routing.LEAST_BUSY

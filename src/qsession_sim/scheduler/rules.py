"""The choices that the rules leave open, and what a hold policy is."""

from __future__ import annotations

from dataclasses import dataclass

from qsession_sim.scheduler.vocabulary import NEVER, JobStatus

_MINUTE_US = 60_000_000


@dataclass(frozen=True)
class HoldPolicy:
    """What the QPU does while a session of mode `session` holds it with nothing to run (S51)."""

    lets_job_mode_in: bool
    ittl_counts: bool  # False: the ITTL counts as 0


EXCLUSIVE = HoldPolicy(lets_job_mode_in=False, ittl_counts=True)
SHARED = HoldPolicy(lets_job_mode_in=True, ittl_counts=True)
NONE = HoldPolicy(lets_job_mode_in=False, ittl_counts=False)


@dataclass(frozen=True)
class Rules:
    """Settings of the service."""

    hold: HoldPolicy = EXCLUSIVE
    max_time_ends_as: JobStatus = JobStatus.ERROR  # S16: ERROR or CANCELLED
    unused_timeout_us: int = 30 * _MINUTE_US  # S21
    max_execution_time_us: int = NEVER  # S44; NEVER: no limit

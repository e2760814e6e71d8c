"""A queue policy for qsession-sim."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qsession_sim.scheduler.view import JobView


def courses_first(job: JobView) -> tuple[int, ...]:
    """Jobs of courses first, then by priority."""
    return (0 if job.account.startswith("course") else 1, -job.priority)

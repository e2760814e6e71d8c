"""Endless: a run without a horizon whose windows never let it come to an end (S6, S52)."""

from __future__ import annotations

from typing import Final

from qsession_sim.errors import ScenarioError
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.scheduler.vocabulary import JobStatus

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
        planned = journal.status[: self._planned]
        repeats = sum(origin >= 0 for origin in journal.repeated_jobs)
        return (
            journal.status.count(JobStatus.DONE),
            sum(planned.count(status) for status in _FINAL),
            len(journal.status) - repeats,
        )

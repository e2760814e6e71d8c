"""FairQueue: weighted fair queueing by virtual finishing times, in integers.

Self-clocked fair queueing: S. J. Golestani, "A self-clocked fair queueing scheme for broadband
applications", INFOCOM 1994. A job's tag is max(virtual time, last tag of its account) + cost, and the
smallest tag goes first. The virtual time is the largest tag of a job that was taken. The cost is the
estimate, times the largest allocation over that of the account, rounded down.
"""

from __future__ import annotations

from qsession_sim.scheduler.queue import Entry
from qsession_sim.scheduler.queue_policy import QueueInputs, static_queue


class FairQueue:
    """A normal queue ordered by tags. A job keeps its tag, also when it enters the queue again.

    Args:
        inputs: what the queue may look at.
        waits: by stage, whether a job of it waits in this queue.
    """

    def __init__(self, inputs: QueueInputs, waits: bytes) -> None:
        self._account = inputs.jobs.account
        self._estimated_us = inputs.jobs.estimated_us
        weights = {
            account: spec.allocation_us
            for account, spec in inputs.account_specs.items()
            if spec.allocation_us > 0
        }
        self._weights = weights
        self._largest = max(weights.values(), default=1)
        self._smallest = min(weights.values(), default=1)  # of an account that has no allocation
        self._weighs = self._largest > self._smallest
        self._virtual_us = 0
        self._last_tags_us: dict[int, int] = {}  # by account
        self._tags_us: dict[int, int] = {}  # of waiting jobs
        queue = static_queue(inputs, self._entry_of, waits)
        self._queue = queue
        self.push = queue.push
        self.push_first = queue.push_first
        self.reserve = queue.reserve
        self.open_to_all = queue.open_to_all

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        return self._serve(self._queue.pop(now_us))

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        return self._serve(self._queue.pop_job_mode(now_us))

    def pop_fitting(self, now_us: int, left_us: int) -> int | None:
        """Take the first job-mode job that is estimated to need no more than `left_us`, or None (S51)."""
        return self._serve(self._queue.pop_fitting(now_us, left_us))

    def _entry_of(self, submitted_us: int, job: int) -> Entry:
        tags_us = self._tags_us
        if job in tags_us:
            return (tags_us[job], submitted_us, job)
        account = self._account[job]
        tag_us = self._last_tags_us.get(account, 0)
        tag_us = max(tag_us, self._virtual_us)
        if self._weighs:
            weight = self._weights.get(account, self._smallest)
            tag_us += self._estimated_us(job) * self._largest // weight
        else:
            tag_us += self._estimated_us(job)
        tags_us[job] = self._last_tags_us[account] = tag_us
        return (tag_us, submitted_us, job)

    def _serve(self, job: int | None) -> int | None:
        # a job that an outage threw off the QPU has no tag any more
        if job is not None and job in self._tags_us:
            self._virtual_us = max(self._virtual_us, self._tags_us.pop(job))
        return job

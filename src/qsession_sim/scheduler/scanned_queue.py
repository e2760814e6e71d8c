"""ScannedQueue: a normal queue whose policy is asked anew for every waiting job at every dispatch."""

from __future__ import annotations

from collections.abc import Callable

from qsession_sim.errors import PolicyError
from qsession_sim.scheduler.queue import Requeued
from qsession_sim.scheduler.queue_policy import QueueInputs
from qsession_sim.scheduler.view import DynamicKey, JobView, ServiceView
from qsession_sim.scheduler.vocabulary import NEVER


class ScannedQueue:
    """A normal queue in which a job's place may be any function of the job and the service.

    A dispatch costs as much as there are jobs waiting.

    Args:
        inputs: what the queue may look at.
        key: of a job; the smallest goes first, then by submission and job number.
        name: of the policy, for messages.
        window_us: how far back the view looks at usage.
        waits: by stage, whether a job of it waits in this queue.
    """

    __slots__ = (
        "_inputs",
        "_job_mode",
        "_key",
        "_name",
        "_numbers",
        "_of_sessions",
        "_requeued",
        "_reserved_for",
        "_waits",
        "_window_us",
    )

    def __init__(self, inputs: QueueInputs, key: DynamicKey, name: str, window_us: int, waits: bytes) -> None:
        self._inputs = inputs
        self._key = key
        self._name = name
        self._window_us = window_us
        self._waits = waits
        self._job_mode: dict[int, JobView] = {}
        self._of_sessions: dict[int, JobView] = {}
        self._requeued = Requeued(inputs.stage, inputs.jobs.account)
        self._reserved_for = NEVER
        self._numbers: dict[str, int] = {}  # of accounts, by name

    def push(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Add a waiting job."""
        (self._of_sessions if of_session else self._job_mode)[job] = JobView(self._inputs, job, submitted_us)

    def push_first(self, submitted_us: int, job: int, *, of_session: bool) -> None:
        """Put a job before all others, whatever the policy says (S52)."""
        self._requeued.push(submitted_us, job, of_session=of_session)

    def pop(self, now_us: int) -> int | None:
        """Take the job that goes first among all, or None."""
        job = self._requeued.pop(self._reserved_for)
        return self._pop_best(now_us, (self._job_mode, self._of_sessions)) if job is None else job

    def pop_job_mode(self, now_us: int) -> int | None:
        """Take the job-mode job that goes first among its kind, or None (S32)."""
        job = self._requeued.pop(self._reserved_for, job_mode=True)
        return self._pop_best(now_us, (self._job_mode,)) if job is None else job

    def pop_fitting(self, now_us: int, left_us: int) -> int | None:
        """Take the first job-mode job that is estimated to need no more than `left_us`, or None (S51)."""
        estimated_us = self._inputs.jobs.estimated_us

        def fits(job: int) -> bool:
            return estimated_us(job) <= left_us

        job = self._requeued.pop(self._reserved_for, job_mode=True, fits=fits)
        return self._pop_best(now_us, (self._job_mode,), fits) if job is None else job

    def reserve(self, account: int) -> None:
        """Let only jobs of one account be taken, until `open_to_all` (S52)."""
        self._reserved_for = account

    def open_to_all(self) -> None:
        """End a reservation."""
        self._reserved_for = NEVER

    def _pop_best(
        self, now_us: int, kinds: tuple[dict[int, JobView], ...], fits: Callable[[int], bool] | None = None
    ) -> int | None:
        self._drop_gone()
        views = [view for kind in kinds for view in kind.values() if self._may_run(view.number, fits)]
        if not views:
            return None
        service = self._view(now_us)
        key = self._key
        best = min((*key(view, service), view.submitted_us, view.number) for view in views)
        job = best[-1]
        view = next(view for view in views if view.number == job)
        self._check_same(best[:-2], key(view, service), view, now_us)
        for kind in kinds:
            kind.pop(job, None)
        return job

    def _may_run(self, job: int, fits: Callable[[int], bool] | None) -> bool:
        if self._reserved_for != NEVER and self._inputs.jobs.account[job] != self._reserved_for:
            return False
        return fits is None or fits(job)

    def _drop_gone(self) -> None:
        stage, waits = self._inputs.stage, self._waits
        for kind in (self._job_mode, self._of_sessions):
            for job in [job for job in kind if not waits[stage[job]]]:
                del kind[job]

    def _view(self, now_us: int) -> ServiceView:
        # S12: whenever a job is taken here, nothing of an active session stands in the queue
        waiting = (*self._job_mode, *self._of_sessions)
        return ServiceView(self._inputs, now_us, self._window_us, waiting, self._numbers)

    def _check_same(self, first: tuple[int, ...], second: tuple[int, ...], job: JobView, now_us: int) -> None:
        if first != second:
            raise PolicyError(
                f"queue policy {self._name!r} must give the same answer when asked twice; for job "
                f"{job.number} at {now_us} us it gave {first!r} and then {second!r}",
                job.number,
            )

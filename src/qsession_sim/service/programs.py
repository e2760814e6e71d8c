"""What a live program holds in its hands: its sessions and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

import simpy

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.scheduler.columns import Journal
from qsession_sim.scheduler.vocabulary import JobStatus, Reason

if TYPE_CHECKING:
    from qsession_sim.service.simpy_driver import Service


@dataclass(frozen=True)
class JobResult:
    """How a job ended. Times in microseconds; `started_us` is -1 if it never was on the QPU."""

    status: JobStatus
    reason: Reason
    submitted_us: int
    started_us: int
    ended_us: int


class ProgramJob:
    """A job that a program submitted. `completed` is a SimPy event whose value is a `JobResult`."""

    def __init__(self, service: Service, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.completed = simpy.Event(service.env)
        self._service = service

    def cancel(self) -> None:
        """Cancel the job now (S25)."""
        self._service.cancel_job(self)

    def _not_an_event(self) -> NoReturn:
        raise SchedulerUsageError(
            f"job {self.name!r} is no event; to wait for its end, `yield job.completed`"
        )

    # SimPy asks what a process yields for its callbacks, and the parts of a condition for their environment
    callbacks = property(_not_an_event)
    env = property(_not_an_event)

    def end(self, journal: Journal) -> None:
        """Tell the program; called by the service when the job has ended."""
        self.completed.succeed(
            JobResult(
                JobStatus(journal.stage[self.number]),
                Reason(journal.reason[self.number]),
                journal.submitted_us[self.number],
                journal.started_us[self.number],
                journal.ended_us[self.number],
            )
        )


class ProgramSession:
    """A session or batch that a program opened; as a context it is closed on leaving (S19)."""

    def __init__(
        self, service: Service, number: int, account: str, stream: str, qpu: str | None = None
    ) -> None:
        self.number = number
        self._service = service
        self.account = account
        self.qpu = qpu  # None: routed
        self._stream = stream

    def submit(
        self,
        name: str,
        *,
        qpu_time_us: int,
        priority: int = 0,
        max_execution_time_us: int | None = None,
        preparation_us: int = 0,
        post_processing_us: int = 0,
        estimate_us: int | None = None,
    ) -> ProgramJob:
        """Submit a job to this session now."""
        return self._service.submit(
            name,
            qpu_time_us=qpu_time_us,
            account=self.account,
            session=self,
            priority=priority,
            max_execution_time_us=max_execution_time_us,
            preparation_us=preparation_us,
            post_processing_us=post_processing_us,
            estimate_us=estimate_us,
            stream=self._stream,
        )

    def run(self, name: str, *, qpu_time_us: int) -> simpy.Event:
        """Submit a job to this session now, and return the event of its completion."""
        return self.submit(name, qpu_time_us=qpu_time_us).completed

    def close(self) -> None:
        """Accept no more jobs; what is queued still runs (S17)."""
        self._service.close(self)

    def cancel(self) -> None:
        """End the session now; what is queued is dropped (S18)."""
        self._service.cancel(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

"""What a live program holds in its hands: its sessions and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Self, Unpack

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.service.observed import LiveJob, LiveSession
from qsession_sim.service.planning import JobOptions

if TYPE_CHECKING:
    import simpy

    from qsession_sim.service.simpy_driver import Service


class ProgramJob:
    """A job that a program submitted. `completed` is a SimPy event whose value is a `JobResult`."""

    def __init__(self, service: Service, job: LiveJob, completed: simpy.Event) -> None:
        self.job = job
        self.number = job.number
        self.name = job.name
        self.completed = completed
        self._service = service

    def cancel(self) -> None:
        """Cancel the job now (S25)."""
        self._service.cancel_job(self)

    @property
    def started(self) -> simpy.Event:
        """The event of its first start on the QPU, whose value is that instant in microseconds (S4).

        The program that waits for it acts after the dispatch, before anything else of the instant. If the job
        has started the event comes at once; if it ends without a start, never.
        """
        return self._service.started(self)

    def _not_an_event(self) -> NoReturn:
        raise SchedulerUsageError(
            f"job {self.name!r} is no event; to wait for its end, `yield job.completed`"
        )

    # SimPy asks what a process yields for its callbacks, and the parts of a condition for their environment
    callbacks = property(_not_an_event)
    env = property(_not_an_event)


class ProgramSession:
    """A session or batch that a program opened; as a context it is closed on leaving (S19)."""

    def __init__(self, service: Service, session: LiveSession) -> None:
        self.session = session
        self.number = session.number
        self.account = session.account
        self.qpu = session.qpu  # None: routed
        self._service = service

    def submit(self, name: str, *, qpu_time_us: int, **options: Unpack[JobOptions]) -> ProgramJob:
        """Submit a job to this session now. `options` are those of `JobOptions`, such as `priority`."""
        return self._service.submit(
            name,
            qpu_time_us=qpu_time_us,
            account=self.account,
            session=self,
            stream=self.session.stream,
            **options,
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

    def __exit__(self, *_: object) -> None:
        self.close()

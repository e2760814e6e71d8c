"""Sessions, batches, estimators and samplers for ordinary programs, in the words of the client library.

For thousands of programs, or without Qiskit: circuits and shots are numbers, and results come from a
function of the user. All of it works only in a program of a simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import numpy as np

from qsession_sim.clients.programs import ProgramClient, current_client
from qsession_sim.errors import DurationError, ProgramError, SchedulerUsageError
from qsession_sim.scheduler.vocabulary import NEVER, JobStatus, Mode, Reason, SessionState
from qsession_sim.service.observed import ENDED
from qsession_sim.service.programs import ProgramJob
from qsession_sim.units import SECOND, parse_duration

DEFAULT_SHOTS: Final = 4096

Result = Callable[[Any, np.random.Generator], Any]
"""From what a job was asked, and random numbers of its own, to what it gives."""


class JobError(ProgramError):
    """A job has no result: it failed, or it was cancelled. `reason` says why."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.reason)


class RejectedError(JobError):
    """A submission was refused (S20): it never was in a queue."""


class Session:
    """A session (S10): its jobs after the first one have priority. Leaving it as a context closes it.

    Args:
        backend: the QPU; None: routed (S54).
        max_time: its maximum timeout, in seconds or as a text such as "25m"; None: that of the plan.
        interactive_timeout: the same of the interactive timeout.
    """

    _mode = Mode.SESSION

    def __init__(
        self,
        backend: str | None = None,
        max_time: float | str | None = None,
        *,
        interactive_timeout: float | str | None = None,
    ) -> None:
        client = current_client()
        self._client = client
        self._session = client.service.open_session(
            client.next_session_name(),
            account=client.program.account,
            mode=self._mode,
            max_time_us=_duration_us("max_time", max_time),
            interactive_timeout_us=_duration_us("interactive_timeout", interactive_timeout),
            qpu=backend,
            stream=client.program.name,
        )

    @property
    def session_id(self) -> str:
        """Its name in the tables of the run."""
        return self._session.session.name

    def details(self) -> dict[str, Any]:
        """What the service says of it, with the keys of the client library; times are datetimes in UTC."""
        client, found = self._client, self._client.service.session_details(self._session)
        is_ongoing = found.state is SessionState.ACTIVE
        return {
            "id": self.session_id,
            "backend_name": found.qpu,
            "interactive_timeout": found.interactive_timeout_us / SECOND,
            "max_time": found.max_time_us / SECOND,
            "active_timeout": max(_left_us(client, found.started_us, found.max_time_us), 0) / SECOND,
            "state": found.state.name.lower(),
            "state_reason": None if found.reason is Reason.NONE else found.reason.name,
            "accepting_jobs": found.accepting_jobs,
            "last_job_started": _instant(client, found.last_job_started_us),
            "last_job_completed": _instant(client, found.last_job_completed_us),
            "started_at": _instant(client, found.started_us),
            "activated_at": _instant(client, found.activated_us),
            "closed_at": _instant(client, found.closed_us),
            "mode": "batch" if self._mode is Mode.BATCH else "dedicated",
            "usage_time": None if is_ongoing else found.usage_us / SECOND,
        }

    def status(self) -> str:
        """Its state in the words of the client library, such as `Pending` or `Closed`."""
        found = self._client.service.session_details(self._session)
        if found.state is SessionState.CLOSED:
            return "Closed"
        if found.state is not SessionState.ACTIVE:
            return "Pending"
        return f"In progress, {'' if found.accepting_jobs else 'not '}accepting new jobs"

    def usage(self) -> float:
        """What it is charged for so far (S62), in seconds."""
        return self._client.service.session_details(self._session).usage_us / SECOND

    def close(self) -> None:
        """Accept no more jobs; what is queued still runs (S17)."""
        self._session.close()

    def cancel(self) -> None:
        """End it now; what is queued is dropped (S18)."""
        self._session.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Batch(Session):
    """A batch (S30): its jobs run one after the other, with those in job mode between them."""

    _mode = Mode.BATCH


class _Primitive:
    """Submits jobs in job mode, or to a session or batch.

    Args:
        mode: a session or batch, the name of a QPU, or None for job mode.
        circuits: of each job.
        shots: of each circuit.
        result: makes the results; None: they are None.
        max_execution_time: at which jobs are cut (S44), in seconds or as a text.
        priority: of the jobs.
    """

    def __init__(
        self,
        mode: Session | str | None = None,
        *,
        circuits: int = 1,
        shots: int = DEFAULT_SHOTS,
        result: Result | None = None,
        max_execution_time: float | str | None = None,
        priority: int = 0,
    ) -> None:
        self._mode = mode
        self._circuits = circuits
        self._shots = shots
        self._result = result
        self._limit_us = _duration_us("max_execution_time", max_execution_time)
        self._priority = priority

    def run(
        self,
        parameters: Any = None,
        *,
        circuits: int | None = None,
        shots: int | None = None,
        qpu_time: float | str | None = None,
    ) -> Job:
        """Submit a job now, after the program's think time.

        Args:
            parameters: given to the function that makes the result.
            circuits: of this job.
            shots: of each circuit of this job.
            qpu_time: that it needs, in seconds or as a text; None: by the service-time model of the QPU.

        Raises:
            RejectedError: if the service refuses it (S20).
            SchedulerUsageError: for a value that cannot be.
        """
        client = current_client()
        client.think()
        session = self._mode._session if isinstance(self._mode, Session) else None
        qpu = self._mode if isinstance(self._mode, str) else None
        name = client.next_job_name()
        numbers = (
            _whole("circuits", self._circuits if circuits is None else circuits),
            _whole("shots", self._shots if shots is None else shots),
        )
        needed_us = _duration_us("qpu_time", qpu_time)
        if needed_us is None:
            needed_us = client.qpu_time_us(*numbers, qpu if session is None else session.qpu)
        job = client.service.submit(
            name,
            qpu_time_us=needed_us,
            account=client.program.account,
            session=session,
            qpu=qpu,
            stream=client.program.name,
            priority=self._priority,
            max_execution_time_us=self._limit_us,
        )
        details = client.service.job_details(job)
        if details.status is JobStatus.REJECTED:
            raise RejectedError(f"job {name!r} was rejected: {details.reason.name}", details.reason.name)
        return Job(client, job, parameters, self._result)


class Estimator(_Primitive):
    """Estimates expectation values, as the function of the user says."""


class Sampler(_Primitive):
    """Samples bit strings, as the function of the user says."""


class Job:
    """A job that a program submitted."""

    def __init__(
        self,
        client: ProgramClient,
        job: ProgramJob,
        parameters: Any,
        result: Result | None,
    ) -> None:
        self._client = client
        self._job = job
        self._parameters = parameters
        self._make_result = result
        self._made: list[Any] = []
        self._asked: tuple[int, JobStatus] | None = None

    def job_id(self) -> str:
        """Its name in the tables of the run."""
        return self._job.name

    def result(self) -> Any:
        """Wait for its end, and give its result.

        Raises:
            JobError: if it failed or was cancelled.
        """
        self.wait_for_final_state()
        details = self._client.service.job_details(self._job)
        if details.status is not JobStatus.DONE:
            what = "was cancelled" if details.status is JobStatus.CANCELLED else "failed"
            raise JobError(f"job {self._job.name!r} {what}: {details.reason.name}", details.reason.name)
        if not self._made and self._make_result is not None:
            random = self._client.generator_of(self._job.name)
            self._made.append(self._make_result(self._parameters, random))
        return self._made[0] if self._made else None

    def wait_for_final_state(self) -> None:
        """Wait for its end, however it ends."""
        self._client.wait(self._job.completed)

    def status(self) -> str:
        """`QUEUED`, `RUNNING`, `DONE`, `ERROR` or `CANCELLED`.

        Asked again in the same instant, it waits for the job's end if nothing has changed: a loop that asks
        and does nothing else would never see time pass.
        """
        now_us, details = self._client.service.now_us, self._client.service.job_details(self._job)
        if details.status not in ENDED and self._asked == (now_us, details.status):
            self.wait_for_final_state()
            now_us, details = self._client.service.now_us, self._client.service.job_details(self._job)
        self._asked = (now_us, details.status)
        return details.status.name

    def done(self) -> bool:
        """Whether it ended well."""
        return self.status() == "DONE"

    def in_final_state(self) -> bool:
        """Whether it has ended, however."""
        return JobStatus[self.status()] in ENDED

    def metrics(self) -> dict[str, Any]:
        """When it was submitted, started and ended, as datetimes in UTC, and the QPU time that it used."""
        client, details = self._client, self._client.service.job_details(self._job)
        return {
            "timestamps": {
                "created": _instant(client, details.submitted_us),
                "running": _instant(client, details.started_us),
                "finished": _instant(client, details.ended_us),
            },
            "usage": {"quantum_seconds": details.usage_us / SECOND},
        }

    def usage(self) -> float:
        """The QPU time that it used so far, in seconds."""
        return self._client.service.job_details(self._job).usage_us / SECOND

    def cancel(self) -> None:
        """Cancel it now (S25)."""
        self._job.cancel()


def _duration_us(what: str, value: float | str | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except DurationError as error:
            raise SchedulerUsageError(f"{what}: {error}") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SchedulerUsageError(f"{what} must be seconds, or a text such as '25m', not {value!r}")
    return round(value * SECOND)


def _whole(what: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise SchedulerUsageError(f"{what} must be a whole number from 1, not {value!r}")
    return int(value)


def _instant(client: ProgramClient, time_us: int) -> datetime | None:
    if time_us == NEVER:
        return None
    return (client.scenario.start + timedelta(microseconds=time_us)).astimezone(UTC)


def _left_us(client: ProgramClient, started_us: int, max_time_us: int) -> int:
    """What is left of the maximum timeout, which begins with the first job (S16)."""
    return max_time_us if started_us == NEVER else started_us + max_time_us - client.service.now_us

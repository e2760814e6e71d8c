"""JobColumns: what is known of every job before it is submitted, as columns that grow in a run."""

from __future__ import annotations

from array import array

from qsession_sim.scheduler.plan import Column, JobSpec, Plan, growing
from qsession_sim.scheduler.vocabulary import NEVER


class JobColumns:
    """One row a job. A column that no job needs is empty, and every job has the default of `JobSpec`.

    `qpu_time_us` and `estimate_us` of a job that is routed are those of its QPU from its routing on (S54).
    """

    __slots__ = (
        "_estimates_us",
        "_qpu_times_us",
        "_repeats",
        "account",
        "cancel_after_us",
        "client",
        "estimate_us",
        "max_execution_time_us",
        "post_processing_us",
        "preparation_us",
        "priority",
        "qpu",
        "qpu_time_us",
        "route",
        "think_us",
    )

    def __init__(self, plan: Plan) -> None:
        jobs = plan.jobs
        self.qpu_time_us = growing(jobs.qpu_time_us)
        self.max_execution_time_us = growing(jobs.max_execution_time_us)
        self.client = growing(jobs.client)
        self.cancel_after_us = growing(jobs.cancel_after_us)
        self.account = growing(jobs.account)
        self.priority = growing(jobs.priority)
        self.think_us = jobs.think_us  # of planned jobs; those created in the run do not think
        self.qpu = _optional(jobs.qpu)
        self.route = _optional(jobs.route)
        self.preparation_us = _optional(jobs.preparation_us)
        self.post_processing_us = _optional(jobs.post_processing_us)
        self.estimate_us = _optional(jobs.estimate_us)
        self._qpu_times_us = plan.qpu_times_us
        self._estimates_us = plan.estimates_us
        self._repeats: dict[int, int] = {}  # the planned job that a repeated one goes back to
        if plan.estimates_us and not self.estimate_us:
            self.estimate_us = array("q", [NEVER]) * len(self)

    def __len__(self) -> int:
        return len(self.qpu_time_us)

    def append(self, spec: JobSpec, repeats: int = NEVER) -> int:
        """Add a job that is created in the run, and return its number."""
        for name in ("qpu", "route", "preparation_us", "post_processing_us", "estimate_us"):
            column, value = getattr(self, name), getattr(spec, name)
            if column or value != _DEFAULTS[name]:
                column.extend([_DEFAULTS[name]] * (len(self) - len(column)))
                column.append(value)
        for name in ("max_execution_time_us", "client", "cancel_after_us", "account", "priority"):
            getattr(self, name).append(getattr(spec, name))
        self.qpu_time_us.append(spec.qpu_time_us)
        job = len(self) - 1
        if repeats != NEVER:
            self._repeats[job] = self._repeats.get(repeats, repeats)
        return job

    def repeat(self, job: int, session: int) -> JobSpec:
        """S65, S66: the same iteration again, with the same drawn times, in a session or in job mode."""
        return JobSpec(
            qpu_time_us=self.qpu_time_us[job],
            session=session,
            client=self.client[job],
            account=self.account[job],
            max_execution_time_us=self.max_execution_time_us[job],
            priority=self.priority[job],
            cancel_after_us=self.cancel_after_us[job],
            qpu=self.qpu[job] if self.qpu else NEVER,
            route=self.route[job] if self.route else 0,
            preparation_us=self.preparation_us[job] if self.preparation_us else 0,
            post_processing_us=self.post_processing_us[job] if self.post_processing_us else 0,
            estimate_us=self.estimate_us[job] if self.estimate_us else NEVER,
        )

    def settle(self, job: int, qpu: int) -> None:
        """S54: give a job the times that it has on the QPU to which it was routed."""
        planned = self._repeats.get(job, job)
        if self._qpu_times_us and planned < len(self._qpu_times_us[qpu]):
            self.qpu_time_us[job] = self._qpu_times_us[qpu][planned]
        if self._estimates_us and planned < len(self._estimates_us[qpu]):
            self.estimate_us[job] = self._estimates_us[qpu][planned]

    def estimated_us(self, job: int) -> int:
        """The estimate of a job's QPU time; without one it is perfect."""
        estimate_us = self.estimate_us[job] if self.estimate_us else NEVER
        return self.qpu_time_us[job] if estimate_us == NEVER else estimate_us


_DEFAULTS = {"qpu": NEVER, "route": 0, "preparation_us": 0, "post_processing_us": 0, "estimate_us": NEVER}


def _optional(column: Column | None) -> array[int]:
    return array("q") if column is None else growing(column)

"""Journal: what happened, in columns. The scheduler writes it; results are made from nothing else."""

from __future__ import annotations

from array import array

from qsession_sim.scheduler.plan import Column, JobSpec, Plan, growing
from qsession_sim.scheduler.transitions import SessionEvent, SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, Reason

# -- JobColumns: what is known of every job before it is submitted, as columns that grow in a run.


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


TRANSITION_FIELDS = ("time_us", "session", "from_phase", "event", "to_phase", "reason")
LOST_RUN_FIELDS = ("job", "qpu", "started_us", "left_us")
WINDOW_FIELDS = ("qpu", "kind", "window", "start_us", "end_us")


class Journal:
    """One row a job in each job column; `NEVER` until it happens. Rows grow when jobs are created in a run.

    `transitions` holds the changes of a session's public state or of `accepting_jobs`, in order, flat:
    each change is the six numbers of `TRANSITION_FIELDS`. `repeated_jobs` and `repeated_sessions` say of
    each entity created in the run which earlier one it repeats (S65, S66), or `NEVER` if a live program
    created it.

    Columns that not every run needs are empty when it does not: `qpu` where there is one QPU (S54),
    `preparing_us` and `ready_us` where no job is prepared, `left_us` (when a job left the QPU) where none is
    post-processed (S40). `stage` is a `JobStage`, `NEVER` before the submission.

    `lost_runs` has, flat, the numbers of `LOST_RUN_FIELDS` for each stay on a QPU that an outage ended and
    after which the job was queued again; `windows` those of `WINDOW_FIELDS` for each window of availability,
    written when it begins (S52).
    """

    __slots__ = (
        "_kept",
        "ended_us",
        "left_us",
        "lost_runs",
        "preparing_us",
        "qpu",
        "ready_us",
        "reason",
        "repeated_jobs",
        "repeated_sessions",
        "session",
        "stage",
        "started_us",
        "submitted_us",
        "transitions",
        "windows",
    )

    def __init__(self, session: array[int]) -> None:
        """`session` says to which session each planned job is submitted, or `NEVER`."""
        jobs = len(session)
        never = array("q", [NEVER])
        self.session = session
        self.submitted_us = never * jobs
        self.started_us = never * jobs
        self.ended_us = never * jobs
        self.stage = array("b", [NEVER]) * jobs
        self.reason = array("b", [Reason.NONE]) * jobs
        self.transitions = array("q")
        self._kept: list[str] = []
        self.qpu = array("h")
        self.preparing_us = array("q")
        self.ready_us = array("q")
        self.left_us = array("q")
        self.lost_runs = array("q")
        self.windows = array("q")
        self.repeated_jobs: list[int] = []
        self.repeated_sessions: list[int] = []

    def keep_qpus(self) -> None:
        """Begin to write down on which QPU each job is."""
        self._keep("qpu")

    def keep_preparations(self) -> None:
        """Begin to write down when jobs are prepared and ready; so far they were so when submitted."""
        if self._keep("preparing_us", "ready_us"):
            for job, submitted_us in enumerate(self.submitted_us):
                if self.stage[job] != JobStage.REJECTED:
                    self.ready_us[job] = submitted_us

    def keep_departures(self) -> None:
        """Begin to write down when jobs leave the QPU, apart from when they end; so far it was the same."""
        if self._keep("left_us"):
            lost = iter(self.lost_runs)
            lost_starts = {(job, started_us) for job, _, started_us, _ in zip(*[lost] * 4, strict=True)}
            for job, started_us in enumerate(self.started_us):
                if started_us != NEVER and (job, started_us) not in lost_starts:
                    self.left_us[job] = self.ended_us[job]

    def _keep(self, *names: str) -> bool:
        begins = names[0] not in self._kept
        if begins:
            self._kept.extend(names)
            for name in names:
                getattr(self, name).extend([NEVER] * len(self.stage))
        return begins

    def add_job(self, session: int, repeats: int) -> None:
        """Make room for a job that is created in the run."""
        self.session.append(session)
        for column in (self.submitted_us, self.started_us, self.ended_us, self.stage):
            column.append(NEVER)
        for name in self._kept:
            getattr(self, name).append(NEVER)
        self.reason.append(Reason.NONE)
        self.repeated_jobs.append(repeats)

    def note(
        self,
        time_us: int,
        session: int,
        before: SessionPhase,
        event: SessionEvent,
        after: SessionPhase,
        reason: Reason,
    ) -> None:
        """Write down a change of a session."""
        self.transitions.extend((time_us, session, before, event, after, reason))

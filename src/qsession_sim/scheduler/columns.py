"""Columns that grow in a run: what is known of each job, and the journal of what happened."""

from __future__ import annotations

from array import array
from dataclasses import Field, fields
from typing import Any

from qsession_sim.scheduler.plan import (
    Column,
    JobFields,
    JobSpec,
    Plan,
    growing,
    is_needed,
    is_planned,
    is_rare,
)
from qsession_sim.scheduler.transitions import SessionPhase
from qsession_sim.scheduler.vocabulary import NEVER, JobStage, Reason

# -- What is known of every job before it is submitted.

_FIELDS = {item.name: item for item in fields(JobFields)}
_KEPT = tuple((item.name, item.default, is_rare(item)) for item in _FIELDS.values() if not is_planned(item))
"""Name, default and whether it is rare, of the fields that are read while the run lasts."""


class GrowingJobs(JobFields["array[int]"]):
    """What is known of every job, as columns that grow in a run, one row a job.

    A column that no job needs is empty, and every job has the default of `JobSpec`; so are those that only
    the plan has. `qpu_time_us` and `estimate_us` of a job that is routed are those of its QPU from its
    routing on.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(**{name: _kept(item, getattr(plan.jobs, name)) for name, item in _FIELDS.items()})
        self._cancel_us = plan.jobs.cancel_us
        self._qpu_times_us = plan.qpu_times_us
        self._estimates_us = plan.estimates_us
        self._repeats: dict[int, int] = {}  # the planned job that a repeated one goes back to
        if plan.estimates_us and not self.estimate_us:
            self.estimate_us.extend([NEVER] * len(self))

    def __len__(self) -> int:
        return len(self.qpu_time_us)

    def append(self, spec: JobSpec, repeats: int = NEVER) -> int:
        """Add a job that is created in the run, and return its number."""
        job = len(self)
        for name, default, rare in _KEPT:
            column, value = getattr(self, name), getattr(spec, name)
            if not rare:
                column.append(value)
            elif column or value != default:
                column.extend([default] * (job - len(column)))
                column.append(value)
        if repeats != NEVER:
            self._repeats[job] = self._repeats.get(repeats, repeats)
        return job

    def repeat(self, job: int, session: int, route: int) -> JobSpec:
        """S65, S66: the same iteration again, with the same drawn times, in a session or in job mode."""
        columns = ((name, getattr(self, name)) for name, _, _ in _KEPT)
        given = {name: column[job] for name, column in columns if column}
        return JobSpec(**{**given, "session": session, "route": route})

    def take_times_of(self, job: int, qpu: int) -> None:
        """Give a job the times that it has on a QPU, where QPUs differ."""
        if not self._qpu_times_us and not self._estimates_us:
            return
        planned = self._repeats.get(job, job)
        if self._qpu_times_us and planned < len(self._qpu_times_us[qpu]):
            self.qpu_time_us[job] = self._qpu_times_us[qpu][planned]
        if self._estimates_us and planned < len(self._estimates_us[qpu]):
            self.estimate_us[job] = self._estimates_us[qpu][planned]

    def cancels_us(self, job: int, submitted_us: int) -> tuple[int, int]:
        """When the user cancels a job that is submitted at `submitted_us` (S25); before that: never."""
        planned_us = self._cancel_us[job] if job < len(self._cancel_us) else NEVER
        after_us = self.cancel_after_us[job]
        return planned_us, NEVER if after_us == NEVER else submitted_us + after_us

    def estimated_us(self, job: int) -> int:
        """The estimate of a job's QPU time; without one it is perfect."""
        estimate_us = self.estimate_us[job] if self.estimate_us else NEVER
        return self.qpu_time_us[job] if estimate_us == NEVER else estimate_us


def _kept(item: Field[Any], column: Column) -> array[int]:
    if is_planned(item) or (is_rare(item) and not is_needed(column, item.default)):
        return array("q")
    return growing(column)


# -- What happened.

TRANSITION_FIELDS = ("time_us", "session", "from_phase", "event", "to_phase", "reason")
LOST_RUN_FIELDS = ("job", "qpu", "started_us", "left_us")
WINDOW_FIELDS = ("qpu", "kind", "window", "start_us", "end_us")


class Journal:
    """What the scheduler writes down; results are made from nothing else.

    Job columns have one row a job, `NEVER` until it happens, and grow when jobs are created in a run. Those
    of the compiled kernel are arrays of NumPy: ask such a column for its length, not for its truth.

    `transitions` holds the changes of a session's public state or of `accepting_jobs`, in order, flat:
    each change is the six numbers of `TRANSITION_FIELDS`. `repeated_jobs` and `repeated_sessions` say of
    each entity created in the run which earlier one it repeats (S65, S66), or `NEVER` if a live program
    created it.

    Columns that not every run needs are empty when it does not: `qpu` where there is one QPU,
    `preparing_us` and `ready_us` where no job is prepared, `left_us` (when a job left the QPU) where none is
    post-processed (S40). `stage` is a `JobStage`, `NEVER` before the submission.

    `lost_runs` has, flat, the numbers of `LOST_RUN_FIELDS` for each stay on a QPU that an outage ended and
    after which the job was queued again; `windows` those of `WINDOW_FIELDS` for each window of availability,
    written when it begins.
    """

    def __init__(self, session: array[int]) -> None:
        """`session` says to which session each planned job is submitted, or `NEVER`."""
        jobs = len(session)
        never = array("q", [NEVER])
        self.session = session
        self.submitted_us = never * jobs
        self.started_us = never * jobs
        self.ended_us = never * jobs
        self.stage = array("b", [JobStage.PLANNED]) * jobs
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
        event: int,
        after: SessionPhase,
        reason: Reason,
    ) -> None:
        """Write down a change of a session."""
        self.transitions.extend((time_us, session, before, event, after, reason))

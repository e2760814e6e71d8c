"""Every run of a test is made by each engine that accepts it, and all must leave the same behind (S7).

`--engines` of pytest says which: by default the scheduler, and the compiled kernel where it was built; `all` adds
the interpreted one, and needs the compiled one; `reference` is the scheduler alone. A test sees the run that it
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernel.comparison import everything

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.experiment import simulate
from qsession_sim.experiment.engines import kernel_record
from qsession_sim.kernel import engine as kernel
from qsession_sim.kernel.engine import Outcome
from qsession_sim.kernel.refusals import why_not
from qsession_sim.results.bundle import record_digest
from qsession_sim.results.record import Record
from qsession_sim.results.run import Run
from qsession_sim.scheduler.plan import Plan, Rules
from qsession_sim.scheduler.queues import QueuePolicy, ordered_by
from qsession_sim.scheduler.scheduler import Scheduler
from qsession_sim.service.planning import account_specs, plan_of

CHOICES = ("built", "all", "reference")

FORMS: list[bool] = []
"""Of the kernel, as the argument `compiled`; what the option says."""

counts = {False: 0, True: 0}
"""Runs that were compared, by form."""


def choose(name: str) -> None:
    """Read the option, and let `simulate` compare."""
    if name == "all" and not kernel.is_compiled():
        raise SchedulerUsageError("the kernel is not compiled; install with QSESSION_SIM_COMPILE=1")
    FORMS[:] = {"reference": [], "all": [False, True], "built": [True] * kernel.is_compiled()}[name]
    if FORMS:
        simulate._simulated = _comparing(simulate._simulated)


def compare(
    scheduler: Scheduler, plan: Plan, policy: QueuePolicy | None = None, horizon_us: int | None = None
) -> None:
    """A run of the scheduler that is over, and the same by the kernel."""
    policy = ordered_by(None) if policy is None else policy
    if why_not(plan, scheduler.rules, policy) is not None:
        return
    expected = everything(
        Outcome(
            scheduler.journal,
            scheduler.now_us,
            scheduler.events_applied,
            scheduler.session_qpus,
            scheduler.job_columns.qpu_time_us,
        )
    )
    for compiled in FORMS:
        outcome = kernel.run(plan, scheduler.rules, policy, horizon_us, compiled=compiled)
        assert everything(outcome) == expected, f"the kernel, compiled={compiled}"
        counts[compiled] += 1


def _comparing(simulated: Callable[..., Run]) -> Callable[..., Run]:
    """What `simulate` and studies call for each run; only its first result is used."""

    def compared(
        scenario: Any,
        workload: Any,
        queue: Any,
        programs: Any,
        progress: Any,
        engine: str,
        carry: Any,
        *origin: Any,
    ) -> Run:
        run = simulated(scenario, workload, queue, programs, progress, engine, carry, *origin)
        if not FORMS:
            return run
        resolved = scenario.resolved
        plan = plan_of(workload, workload.accounts, account_specs(resolved))
        rules = simulate._rules_of(resolved)
        named = simulate._names_of_programs(programs, resolved)
        if engine != "auto" or named or why_not(plan, rules, queue) is not None:
            return run
        if run._given["engine"] == "compiled":
            again = simulated(scenario, workload, queue, programs, None, "simpy", carry)
            assert _content(again.record) == _content(run.record), "the scheduler"
            counts[True] += 1
        for compiled in FORMS:
            if not (compiled and run._given["engine"] == "compiled"):
                record = _record(plan, workload, rules, queue, resolved.horizon, compiled=compiled)
                assert _content(record) == _content(run.record), f"the kernel, compiled={compiled}"
                counts[compiled] += 1
        return run

    return compared


def _record(
    plan: Plan, workload: Any, rules: Rules, queue: QueuePolicy, horizon_us: int | None, *, compiled: bool
) -> Record:
    return kernel_record(plan, workload, rules, queue, horizon_us, None, compiled=compiled)


def _content(record: Record) -> tuple[Any, ...]:
    requested = None if record.requested_us is None else record.requested_us.tolist()
    names = (
        list(record.workload.job_names[-1:]),
        list(record.workload.session_names[-1:]),
    )  # of what repeats
    return record_digest(record), names, len(record.workload.jobs), requested

"""Every run of a test is made by each engine that accepts it, and all must leave the same behind (S7).

`--engines` of pytest says which: by default the scheduler, and the compiled kernel where it was built; `all` adds
the interpreted one, and needs the compiled one; `one` makes each run once, by the engine that makes it for users. A
test sees the run that it asked for.
"""

from __future__ import annotations

from kernel.comparison import everything

from qsession_sim.errors import SchedulerUsageError
from qsession_sim.kernel import engine as kernel
from qsession_sim.kernel.columns import is_compiled
from qsession_sim.kernel.engine import Outcome
from qsession_sim.kernel.refusals import why_not
from qsession_sim.scheduler.plan import Plan
from qsession_sim.scheduler.queues import QueuePolicy, ordered_by
from qsession_sim.scheduler.scheduler import Scheduler

CHOICES = ("built", "all", "one")

FORMS: list[bool] = []
"""Of the kernel, as the argument `compiled`; what the option says."""

counts = {False: 0, True: 0}
"""Runs that were compared, by form."""


def choose(name: str) -> None:
    """Read the option, and let `simulate` compare."""
    if name == "all" and not is_compiled():
        raise SchedulerUsageError("the kernel is not compiled; install with QSESSION_SIM_COMPILE=1")
    FORMS[:] = {"one": [], "all": [False, True], "built": [True] * is_compiled()}[name]
    if FORMS:
        import engines_of_runs  # which loads much more than tests of the rules need

        engines_of_runs.compare()


def compare(
    scheduler: Scheduler, plan: Plan, policy: QueuePolicy | None = None, horizon_us: int | None = None
) -> None:
    """A run of the scheduler that is over, and the same by the kernel."""
    policy = ordered_by(None) if policy is None else policy
    if why_not(plan, scheduler.rules, policy, horizon_us) is not None:
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

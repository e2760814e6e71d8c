"""Engines: SimPy, in which live programs can take part, and the compiled kernel. Both give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from qsession_sim.errors import EngineError, hint
from qsession_sim.experiment.options import ENGINES
from qsession_sim.kernel import columns
from qsession_sim.kernel import engine as kernel
from qsession_sim.kernel.refusals import why_not
from qsession_sim.results.record import Record
from qsession_sim.scheduler.plan import Plan, Rules
from qsession_sim.scheduler.queues import QueuePolicy
from qsession_sim.service.simpy_driver import Progress
from qsession_sim.workload.columns import Workload

_NOT_COMPILED: Final = (
    "this installation has no compiled kernel; install it again with a C compiler and QSESSION_SIM_COMPILE=1 "
    "in the environment, which says what is missing, or leave the engine to `auto`"
)


def check_engine(name: str) -> None:
    """Refuse an engine that does not exist, or is not in this installation, before long work.

    Raises:
        EngineError: saying which there are, or how to get it.

    Example:
        >>> check_engine("simpi")
        Traceback (most recent call last):
        qsession_sim.errors.EngineError: no engine is called 'simpi'; did you mean 'simpy'?
    """
    if name not in ENGINES:
        raise EngineError(f"no engine is called {name!r}; {hint(str(name), ENGINES)}")
    if name == "compiled" and not columns.is_compiled():
        raise EngineError(_NOT_COMPILED)


def is_for_kernel(
    name: str,
    make_plan: Callable[[], Plan],
    rules: Rules,
    queue: QueuePolicy,
    horizon_us: int | None,
    programs: Iterable[str],
) -> Plan | None:
    """The plan that the kernel shall run; None if SimPy does.

    Args:
        name: the engine that was asked for.
        make_plan: called where the kernel may be the one.
        rules: settings of the service.
        queue: the queue policy.
        horizon_us: where the run stops.
        programs: the names of the live programs.

    Raises:
        EngineError: as `check_engine`, or with the reason why `compiled` does not run this.
    """
    check_engine(name)
    if name == "simpy" or not columns.is_compiled():
        return None
    plan = make_plan()
    named = ", ".join(programs)
    reason = f"live programs take part ({named})" if named else why_not(plan, rules, queue, horizon_us)
    if reason is None:
        return plan
    if name == "compiled":
        raise EngineError(f"the engine `compiled` does not run this: {reason}; leave the engine to `auto`")
    return None


def kernel_record(
    plan: Plan,
    workload: Workload,
    rules: Rules,
    queue: QueuePolicy,
    horizon_us: int | None,
    progress: Callable[[Progress], None] | None,
    *,
    compiled: bool = True,
) -> Record:
    """What the kernel makes of a plan that it accepts; arguments as of `Service` and of `kernel.run`."""
    jobs = len(workload.jobs)

    def report(now_us: int, events: int) -> None:
        if progress is not None:
            progress(Progress(now_us, events, jobs))

    outcome = kernel.run(plan, rules, queue, horizon_us, compiled=compiled, progress=report)
    return Record.of(
        outcome.journal,
        workload,
        rules,
        plan.account_specs,
        end_us=outcome.end_us,
        session_qpu=outcome.session_qpu,
        requested_us=outcome.requested_us,
    )

"""Each run of `simulate` and of studies is made by all engines, too, as `engines` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import engines

from qsession_sim.experiment import simulate
from qsession_sim.experiment.engines import kernel_record
from qsession_sim.kernel.refusals import why_not
from qsession_sim.results.bundle import record_digest
from qsession_sim.results.record import Record
from qsession_sim.results.run import Run
from qsession_sim.service.planning import account_specs, plan_of


def compare() -> None:
    """From now on."""
    simulate._simulated = _comparing(simulate._simulated)


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
        if not engines.FORMS:
            return run
        resolved = scenario.resolved
        plan = plan_of(workload, workload.accounts, account_specs(resolved))
        rules = simulate._rules_of(resolved)
        named = simulate._names_of_programs(programs, resolved)
        if engine != "auto" or named or why_not(plan, rules, queue, resolved.horizon) is not None:
            return run
        if run._given["engine"] == "compiled":
            again = simulated(scenario, workload, queue, programs, None, "simpy", carry)
            assert _content(again.record) == _content(run.record), "the scheduler"
            engines.counts[True] += 1
        for compiled in engines.FORMS:
            if not (compiled and run._given["engine"] == "compiled"):
                record = kernel_record(
                    plan, workload, rules, queue, resolved.horizon, None, compiled=compiled
                )
                assert _content(record) == _content(run.record), f"the kernel, compiled={compiled}"
                engines.counts[compiled] += 1
        return run

    return compared


def _content(record: Record) -> tuple[Any, ...]:
    requested = None if record.requested_us is None else record.requested_us.tolist()
    # of what repeats
    names = list(record.workload.job_names[-1:]), list(record.workload.session_names[-1:])
    return record_digest(record), names, len(record.workload.jobs), requested

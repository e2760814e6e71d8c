"""The rows of a source where QPUs differ in speed: QPU times and estimates for each of them (S54)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from qsession_sim.scenario.resolved import ResolvedExplicit, ResolvedScenario, ResolvedSource
from qsession_sim.scenario.resolved_trace import ResolvedTrace
from qsession_sim.scenario.service_models import ServiceTimeModel
from qsession_sim.scheduler.vocabulary import NEVER
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.part import Part
from qsession_sim.workload.problems import source_error


def part_on_qpus(
    scenario: ResolvedScenario, source: ResolvedSource, draw_part: Callable[[ServiceTimeModel], Part]
) -> Part:
    """Draw a source once for each service-time model that its jobs may meet, with the same random numbers.

    Args:
        scenario: with the QPUs.
        source: of the scenario.
        draw_part: draws the source where every QPU has the given model.

    Raises:
        ScenarioError: if a trace with sessions names a simulator backend (S22).
    """
    qpus = scenario.qpus
    first = next(number for number, qpu in enumerate(qpus) if not qpu.simulator)
    if not isinstance(source, ResolvedExplicit) and source.qpu is not None:
        own = next(qpu for qpu in qpus if qpu.name == source.qpu)
        part = draw_part(own.service_time)
        if own.simulator and len(part.sessions):
            what = "a session cannot be opened on a simulator backend; name another QPU"
            raise source_error(f"{source.name}.qpu", what)
        return part
    if isinstance(source, ResolvedTrace):
        return draw_part(qpus[first].service_time)
    named = {job.qpu for job in source.jobs} if isinstance(source, ResolvedExplicit) else set()
    drawn: list[tuple[ServiceTimeModel, Part]] = []
    part_of = []
    for qpu in (qpus[first], *qpus):
        model = qpu.service_time if not qpu.simulator or qpu.name in named else qpus[first].service_time
        known = next((part for other, part in drawn if other == model), None)
        if known is None:
            known = draw_part(model)
            drawn.append((model, known))
        part_of.append(known)
    part, *parts = part_of
    return part if len(drawn) == 1 else _merged(part, parts)


def _merged(first: Part, parts: Sequence[Part]) -> Part:
    """One part from those of each QPU, of which only QPU times and estimates differ."""
    times_us = _on_own_qpu([part.jobs.qpu_time_us for part in parts], first.jobs.qpu)
    named = first.jobs.qpu != NEVER
    jobs = replace(first.jobs, qpu_time_us=np.where(named, times_us[0], first.jobs.qpu_time_us))
    # jobs that name a QPU one by one are listed with their estimates, which are the same everywhere
    estimates_us = [part.jobs.estimate_us for part in parts]
    return replace(
        first, jobs=jobs, qpu_times_us=_if_different(times_us), estimates_us=_if_different(estimates_us)
    )


def _on_own_qpu(columns: Sequence[Int64Array], qpu: Int64Array) -> list[Int64Array]:
    """In every column the value of the QPU that a job names, if it names one."""
    named = np.flatnonzero(qpu != NEVER)
    if not len(named):
        return list(columns)
    own = np.array(
        [columns[number][row] for row, number in zip(named, qpu[named], strict=True)], dtype=np.int64
    )
    replaced = []
    for column in columns:
        copy = column.copy()
        copy[named] = own
        replaced.append(copy)
    return replaced


def _if_different(columns: Sequence[Int64Array]) -> tuple[Int64Array, ...]:
    return () if all(np.array_equal(column, columns[0]) for column in columns) else tuple(columns)

"""What depends on the QPUs: the times of jobs where they differ in speed (S54), and windows (S52)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from qsession_sim.scenario.models import ResolvedScenario, ResolvedWindow
from qsession_sim.scenario.service import ServiceTimeModel
from qsession_sim.scenario.sources import ResolvedExplicit, ResolvedSource, ResolvedTrace
from qsession_sim.scheduler.plan import WindowSpec
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.context import Purpose, SourceRows, Streams, qpu_error, source_error
from qsession_sim.workload.distributions import NoValueError, durations_us, sample

MOST_OUTAGES: Final = 1_000_000
_AT_ONCE: Final = 256


def rows_on_qpus(
    scenario: ResolvedScenario, source: ResolvedSource, draw_rows: Callable[[ServiceTimeModel], SourceRows]
) -> SourceRows:
    """Draw a source once for each service-time model that its jobs may meet, with the same random numbers.

    Args:
        scenario: with the QPUs.
        source: of the scenario.
        draw_rows: draws the source where every QPU has the given model.

    Raises:
        ScenarioError: if sessions, or jobs that are prepared, name a simulator backend (S22).
    """
    qpus = scenario.qpus
    first = next(number for number, qpu in enumerate(qpus) if not qpu.simulator)
    named_qpu = getattr(source, "qpu", None)
    if named_qpu is not None or isinstance(source, ResolvedTrace):
        own = next((qpu for qpu in qpus if qpu.name == named_qpu), qpus[first])
        return _placed(draw_rows(own.service_time), scenario, source.name)
    named = {job.qpu for job in source.jobs} if isinstance(source, ResolvedExplicit) else set()
    drawn: list[tuple[ServiceTimeModel, SourceRows]] = []
    part_of = []
    for qpu in (qpus[first], *qpus):
        model = qpu.service_time if not qpu.simulator or qpu.name in named else qpus[first].service_time
        known = next((part for other, part in drawn if other == model), None)
        if known is None:
            known = draw_rows(model)
            drawn.append((model, known))
        part_of.append(known)
    part, *parts = part_of
    return part if len(drawn) == 1 else _merged(part, parts)


def _placed(part: SourceRows, scenario: ResolvedScenario, name: str) -> SourceRows:
    """The same rows, if none asks of a simulator backend what it has not (S22)."""
    simulators = [number for number, qpu in enumerate(scenario.qpus) if qpu.simulator]
    if np.isin(part.sessions.qpu, simulators).any():
        what = "a session cannot be opened on a simulator backend; name another QPU"
        raise source_error(f"{name}.qpu", what)
    if np.any(np.isin(part.jobs.qpu, simulators) & (part.jobs.preparation_us > 0)):
        what = "jobs of a simulator backend start at once, and some of these are prepared; name another QPU"
        raise source_error(f"{name}.qpu", what)
    return part


def _merged(first: SourceRows, parts: Sequence[SourceRows]) -> SourceRows:
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
    named = qpu != NEVER
    if not named.any():
        return list(columns)
    own = np.stack(columns)[qpu, np.arange(len(qpu))]
    return [np.where(named, own, column) for column in columns]


def _if_different(columns: Sequence[Int64Array]) -> tuple[Int64Array, ...]:
    return () if all(np.array_equal(column, columns[0]) for column in columns) else tuple(columns)


def drawn_windows(
    scenario: ResolvedScenario, accounts: Sequence[str], streams: Streams
) -> tuple[WindowSpec, ...]:
    """The windows of all QPUs, numbered QPU by QPU as they are listed, drawn outages in order of time.

    Outages of one entry never overlap: the time to the next failure starts at the end of the repair. Each
    entry has generators of its own, by the name of the QPU and its place among the drawn ones, so that
    neither the jobs nor another window change when outages come.

    Args:
        scenario: in resolved form.
        accounts: names by number, with those of all reservations.
        streams: where the random numbers come from.

    Raises:
        ScenarioError: if nothing bounds drawn outages, or there are more than 1,000,000 of one entry.
    """
    number_of = {name: number for number, name in enumerate(accounts)}
    windows: list[WindowSpec] = []
    for number, qpu in enumerate(scenario.qpus):
        drawn = 0
        for window in qpu.windows:
            if window.at is None:
                drawn += 1
                try:
                    windows += _outages(scenario, number, window, drawn, streams)
                except NoValueError as error:
                    # a distribution does not know whose it is
                    raise qpu_error(qpu.name, str(error)) from None
                continue
            if window.duration is None:
                raise qpu_error(qpu.name, f"{window.kind} needs a duration")
            windows.append(
                WindowSpec(
                    WindowKind[window.kind.upper()],
                    window.at,
                    window.duration,
                    NEVER if window.every is None else window.every,
                    number,
                    NEVER if window.account is None else number_of[window.account],
                )
            )
    return tuple(windows)


def reserved_accounts(scenario: ResolvedScenario) -> Iterator[str]:
    """The accounts for which QPUs are reserved."""
    for qpu in scenario.qpus:
        for window in qpu.windows:
            if window.account is not None:
                yield window.account


def _outages(
    scenario: ResolvedScenario, qpu: int, window: ResolvedWindow, place: int, streams: Streams
) -> Iterator[WindowSpec]:
    name = scenario.qpus[qpu].name
    before_us = scenario.horizon if window.until is None else window.until
    between, repair = window.time_between_failures, window.repair_time
    if before_us is None or between is None or repair is None:
        raise qpu_error(name, "outages need time_between_failures, repair_time, and until or a horizon")
    # no name of a source contains a slash, so no source has these generators
    stream = f"qpus/{name}/outages/{place}"
    failures = streams.generator(stream, Purpose.TIME_BETWEEN_FAILURES)
    repairs = streams.generator(stream, Purpose.REPAIR_TIME)
    now_us = outages = 0
    while True:
        # a time that leads past the bound may be of any length
        up = np.minimum(sample(between, failures, _AT_ONCE), float(LONGEST_US))
        down = np.minimum(sample(repair, repairs, _AT_ONCE), float(LONGEST_US))
        up_us, down_us = durations_us(up, name).tolist(), durations_us(down, name, least_us=1).tolist()
        for up_time_us, repair_us in zip(up_us, down_us, strict=True):
            now_us += up_time_us
            if now_us >= before_us:
                return
            outages += 1
            if outages > MOST_OUTAGES:
                what = f"more than {MOST_OUTAGES:,} outages"
                raise qpu_error(name, f"{what}; give longer times, or an earlier until or horizon")
            yield WindowSpec(WindowKind.OUTAGE, now_us, repair_us, qpu=qpu)
            now_us += repair_us

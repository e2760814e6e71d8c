"""Windows of availability: those at fixed times, and outages drawn before the run (S52)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from qsession_sim.scenario.resolved import ResolvedScenario
from qsession_sim.scenario.resolved_qpus import ResolvedWindow
from qsession_sim.scheduler.plan import WindowSpec
from qsession_sim.scheduler.vocabulary import NEVER, WindowKind
from qsession_sim.units import LONGEST_US
from qsession_sim.workload.distributions import NoValueError, durations_us, sample
from qsession_sim.workload.problems import qpu_error
from qsession_sim.workload.random_streams import Purpose, stream_generator

MOST_OUTAGES: Final = 1_000_000
_AT_ONCE: Final = 256


def drawn_windows(scenario: ResolvedScenario, accounts: Sequence[str]) -> tuple[WindowSpec, ...]:
    """The windows of all QPUs, numbered QPU by QPU as they are listed, drawn outages in order of time.

    Outages of one entry never overlap: the time to the next failure starts at the end of the repair. Each
    entry has generators of its own, by the name of the QPU and its place among the drawn ones, so that
    neither the jobs nor another window change when outages come.

    Args:
        scenario: in resolved form.
        accounts: names by number, with those of all reservations.

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
                    windows += _outages(scenario, number, window, drawn)
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
    scenario: ResolvedScenario, qpu: int, window: ResolvedWindow, place: int
) -> Iterator[WindowSpec]:
    name = scenario.qpus[qpu].name
    before_us = scenario.horizon if window.until is None else window.until
    between, repair = window.time_between_failures, window.repair_time
    if before_us is None or between is None or repair is None:
        raise qpu_error(name, "outages need time_between_failures, repair_time, and until or a horizon")
    # no name of a source contains a slash, so no source has these generators
    stream = f"qpus/{name}/outages/{place}"
    failures = stream_generator(scenario.seed, stream, Purpose.TIME_BETWEEN_FAILURES)
    repairs = stream_generator(scenario.seed, stream, Purpose.REPAIR_TIME)
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

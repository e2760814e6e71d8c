"""Instants at which the jobs, batches or clients of a source start."""

from __future__ import annotations

import numpy as np

from qsession_sim.scenario.resolved import ResolvedArrivals, ResolvedBatches, ResolvedStart
from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.part import Setting
from qsession_sim.workload.poisson import bursty_times_us, weekly_times_us
from qsession_sim.workload.problems import source_error
from qsession_sim.workload.random_streams import Purpose
from qsession_sim.workload.renewal import check_rows, renewal_times_us

Starts = ResolvedArrivals | ResolvedBatches | ResolvedStart


def start_times_us(
    starts: Starts, setting: Setting, *, count: int | None, before_us: int | None
) -> Int64Array:
    """Instants by the way that is given.

    Args:
        starts: the ways.
        setting: of the source.
        count: no more instants than that; groups say themselves how many there are.
        before_us: only instants before that; not for groups.

    Returns:
        Microseconds, not decreasing, shape (instants,).

    Raises:
        ScenarioError: if nothing bounds the instants, or there are too many or too late ones.
    """
    name = setting.name
    if starts.groups is not None:
        sizes = [group.size for group in starts.groups]
        check_rows(sum(sizes), name)
        return np.sort(np.repeat(np.array([group.at for group in starts.groups], dtype=np.int64), sizes))
    generator = setting.generator(Purpose.INTERARRIVAL)
    if starts.interarrival is not None:
        return renewal_times_us(starts.interarrival, generator, name, count=count, before_us=before_us)
    if count is None and before_us is None:
        raise source_error(name, "nothing bounds it; give count, until or a horizon")
    if count is not None:
        check_rows(count, name)
    if starts.rates is not None:
        return weekly_times_us(starts.rates, setting.start, generator, name, count=count, before_us=before_us)
    if starts.bursts is not None:
        phases = setting.generator(Purpose.PHASES)
        return bursty_times_us(starts.bursts, phases, generator, name, count=count, before_us=before_us)
    raise source_error(name, "needs interarrival, rates, bursts or groups")

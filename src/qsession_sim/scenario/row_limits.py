"""Sources that would draw too many jobs, as far as their numbers show it before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from qsession_sim.scenario.moments import AnyDistribution, count_mean, variance
from qsession_sim.scenario.problems import Problem
from qsession_sim.scenario.quantities import MOST_ROWS

if TYPE_CHECKING:
    from qsession_sim.scenario.human import HumanBatches, HumanIterative, HumanScenario

_DEVIATIONS: Final = 10
"""Standard deviations below the mean; by Cantelli's inequality at most 1 sum in 101 lies lower."""


def too_many_rows(scenario: HumanScenario) -> Iterator[Problem]:
    """Iterative clients and batches with more than 100 million jobs, at random with a probability above 99 %.

    Where the number of batches follows from the horizon, or clients may stop early, it is found when jobs
    are drawn.
    """
    for index, source in enumerate(scenario.workload):
        if source.kind == "iterative" and source.early_stop is None:
            clients = _clients(source)
            if _is_too_many(clients, source.iterations):
                what = f"makes more than {MOST_ROWS:,} jobs with {_number(clients, 'client')}; ask for fewer"
                yield Problem(("workload", index, "iterations"), what)
        elif source.kind == "batches":
            batches = _batches(source)
            if batches is not None and _is_too_many(batches, source.jobs):
                what = f"makes more than {MOST_ROWS:,} jobs in {_number(batches, 'batch')}; ask for fewer"
                yield Problem(("workload", index, "jobs"), what)


def _is_too_many(groups: int, size: AnyDistribution) -> bool:
    mean = count_mean(size)
    if not math.isfinite(mean):
        return False
    return groups * mean - _DEVIATIONS * math.sqrt(variance(size) * groups) > MOST_ROWS


def _number(groups: int, thing: str) -> str:
    plural = "" if groups == 1 else "es" if thing.endswith("h") else "s"
    return f"{groups:,} {thing}{plural}"


def _clients(source: HumanIterative) -> int:
    if source.clients is not None:
        return source.clients
    groups = None if source.start is None else source.start.groups
    return 1 if groups is None else sum(group.size for group in groups)


def _batches(source: HumanBatches) -> int | None:
    if source.groups is not None:
        return sum(group.size for group in source.groups)
    # with `until` there may be fewer
    return source.count if source.until is None else None

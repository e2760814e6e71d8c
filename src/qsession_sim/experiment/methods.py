"""How a study was done and what it found, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from qsession_sim.experiment.metrics import metric_name, metric_unit
from qsession_sim.queueing.series import autocorrelation
from qsession_sim.units import SECOND, format_duration

if TYPE_CHECKING:
    from qsession_sim.experiment.study import Study

_SAMPLINGS: Final = {
    "grid": "all combinations of the values (a grid)",
    "random": "independent uniform points",
    "latin_hypercube": "a Latin hypercube",
}


def describe_method(study: Study) -> tuple[str, ...]:
    """How a study was done, one sentence each."""
    return (
        *_workloads(study),
        *_intervals(study),
        *_equal(study),
        *_stopping(study),
        *_warm_up(study),
        *_missing(study),
    )


def summary_text(study: Study) -> str:
    """Means with intervals, and differences to the baseline, one line each; then the method."""
    lines = []
    for metric in study.plan.metrics:
        name, unit = metric_name(metric), metric_unit(metric)
        lines.append(f"{name} [{'s' if unit == 'us' else unit}]" if unit else name)
        scale = SECOND if unit == "us" else 1
        names = [configuration.name for configuration in study.configurations]
        lines += [f"  {one}: {_line(study, one, name, scale)}" for one in names]
    return "\n".join((*lines, "", *study.method)) + "\n"


def _line(study: Study, configuration: str, metric: str, scale: int) -> str:
    found = study.estimates[configuration, metric]
    if found.mean is None:
        return "does not exist in any run"
    text = f"{found.mean / scale:.4g}"
    if found.interval is not None:
        text += f" ± {found.interval.half_width / scale:.2g}"
    if found.difference is None:
        return text
    text += f", difference {found.difference / scale:+.4g}"
    if found.difference_interval is not None:
        text += f" ± {found.difference_interval.half_width / scale:.2g}"
    if found.relative_change is not None:
        text += f" ({100 * found.relative_change:+z.1f} %)"
    significant = study.is_significant(found)
    return text if significant is None else f"{text}, {'significant' if significant else 'not significant'}"


def _workloads(study: Study) -> Iterator[str]:
    if study.sampling:
        yield f"The settings are {_SAMPLINGS[study.sampling]}: {len(study.configurations)} configurations."
    if study.plan.batches:
        yield f"One run of each configuration, on one workload (seed {study.plan.seed})."
        return
    count = study.replications
    runs = "1 replication" if count == 1 else f"{count} independent replications"
    same = "with a workload that all configurations see"
    if not _same_jobs(study):
        same = "from the same random numbers in all configurations"
    seen = f", each {same}" if len(study.configurations) > 1 else ""
    yield f"{runs} (seed {study.plan.seed}){seen}."


def _intervals(study: Study) -> Iterator[str]:
    level = f"{100 * study.level:.4g} %"
    if study.plan.batches:
        yield (
            f"Intervals of means: {level}, from the means of {study.plan.batches} batches of "
            f"successive jobs, Student's t."
        )
        yield from _correlation(study)
    elif study.replications > 1:
        yield f"Intervals of means: {level}, mean ± t s / sqrt(n) of n replications, Student's t with n - 1."
    compared = sum(found.p_value is not None for found in study.estimates.values())
    if compared:
        where = "on the same workload" if _same_jobs(study) else "of one replication"
        holm = f" with Holm's correction for all {compared} comparisons" if compared > 1 else ""
        yield (
            f"Differences to {study.baseline}: by pairs {where}, with intervals of the same "
            f"kind, one by one; significant by the paired t-test{holm} at {100 * (1 - study.level):.4g} %."
        )


def _equal(study: Study) -> Iterator[str]:
    """Replications of listed jobs, or of a trace, repeat one workload: no spread, whatever is asked."""
    if study.plan.batches or study.replications == 1:
        return
    found = [set(study.observations(*key)) for key in study.estimates]
    if all(len(values) == 1 for values in found) and any(values != {None} for values in found):
        yield (
            "All replications gave the same numbers, as where nothing is drawn: what they show is exact for "
            "this workload, and intervals and tests say nothing about others."
        )


def _stopping(study: Study) -> Iterator[str]:
    if study.rule is not None:
        found = "reached" if study.reached else "NOT reached"
        yield (
            f"Stopping rule: {study.rule.text}, in every configuration; {found} after {study.replications} "
            f"replications. It is asked after 10 and then after every quarter more. A rule stops early by "
            f"luck, too, so intervals cover a little less often than they say: in trials, those of 95 % "
            f"in 92 % or more."
        )


def _warm_up(study: Study) -> Iterator[str]:
    found_us = [result.warm_up_us for result in study.results.values()]
    least, most = (format_duration(one(found_us)) for one in (min, max))
    if study.plan.warm_up == "mser5":
        first = study.plan.warm_up_of
        runs = [one for one in study.results.values() if first is None or one.configuration == first.name]
        short = sum(not result.settled for result in runs)
        found = (
            "found in each run by MSER-5 on the waiting times of its jobs, and left out."
            if first is None
            else f"found in each run of {first.name} by MSER-5 on the waiting times of its jobs, and left "
            f"out of all runs on the same workload."
        )
        yield f"Warm-up: {found}" + (f" {short} of {len(runs)} runs are too short for it." if short else "")
    elif least != most:
        yield f"Warm-up: left out of each run as its configuration says, from {least} to {most}."
    else:
        yield f"Warm-up: {most} left out of each run." if most != "0s" else "Warm-up: none left out."


def _same_jobs(study: Study) -> bool:
    """Whether configurations differ in policies alone; other settings may change what is drawn."""
    settings = (setting for one in study.configurations for setting in one.overrides)
    return all(setting.startswith("policies.") for setting in settings)


def _correlation(study: Study) -> Iterator[str]:
    """With Bartlett's bound for independent ones: G. E. P. Box and others, see `series.autocorrelation`."""
    count = study.plan.batches
    series = (np.array(study.observations(*key), dtype=np.float64) for key in study.estimates)
    found = [autocorrelation(values, 1)[1] for values in series if np.ptp(values)]
    if found:
        yield (
            f"Successive batch means correlate by {max(found):.2f} at most; clearly above "
            f"{2 / math.sqrt(count):.2f} = 2 / sqrt({count}) it means that batches, and then intervals, "
            f"are too short."
        )


def _missing(study: Study) -> Iterator[str]:
    if study.plan.batches:
        return
    runs = len(study.results)
    for metric in study.metrics:
        count = sum(study.estimates[one.name, metric].count for one in study.configurations)
        if 0 < count < runs:
            yield (
                f"Left out where it does not exist, of pairs both: {metric} in {runs - count} of {runs} "
                f"runs; its mean is that of the others."
            )

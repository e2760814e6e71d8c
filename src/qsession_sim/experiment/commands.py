"""Commands that reproduce a study, its means, or one of its runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from qsession_sim.experiment.findings import StudyFindings
from qsession_sim.experiment.options import DEFAULT_LEVEL
from qsession_sim.experiment.references import Reference
from qsession_sim.experiment.tasks import POLICIES, Configuration, TaskResult
from qsession_sim.experiment.variations import Sampling, crossed, read_variations, sweep_points

PROGRAM: Final = "qsession-sim"


def command_of_run(study: StudyFindings, configuration: Configuration, result: TaskResult) -> str | None:
    """The command that repeats a run of a study, by its own seed; None if the scenario is no file."""
    options = ["--seed", str(result.seed), *study.plan.options]
    if study.plan.warm_up == "mser5":
        options += ["--set", f"warm_up={result.warm_up_us}us"]
    options += options_of(_spelled(study, configuration))
    file = study.plan.scenario_file
    return file and shlex.join([PROGRAM, "run", file, *options])


def command_of_study(study: StudyFindings) -> str | None:
    """The command of a whole study; None if nothing is compared, no option can say it, or without a file."""
    file, options = study.plan.scenario_file, _own_options(study)
    if file is None or options is None:
        return None
    shared, metrics = _shared_options(study), _metrics_as_given(study)
    return study_command(study.kind, file, study.plan.seed, study.replications, metrics, (*shared, *options))


def command_of_means(study: StudyFindings, configuration: Configuration) -> str | None:
    """The command that computes the means of one configuration; None if the scenario is no file."""
    file, metrics = study.plan.scenario_file, _metrics_as_given(study)
    options = (*_shared_options(study), *options_of(_spelled(study, configuration)))
    return file and study_command("replicate", file, study.plan.seed, study.replications, metrics, options)


def without_command(
    source: str,
    removed: str,
    seed: int,
    configuration: Configuration,
    shared_options: Sequence[str] = (),
) -> str:
    """The command that compares a run with the same without a session or a source.

    Args:
        source: the name of the scenario.
        removed: `session=NAME` or `stream=NAME`.
        seed: of both runs.
        configuration: of both runs.
        shared_options: all others.

    Example:
        >>> from qsession_sim.experiment.tasks import Configuration
        >>> without_command("a.yaml", "session=s 1", 7, Configuration("", "fifo"))
        "qsession-sim compare a.yaml --without 'session=s 1' --seed 7 --policy fifo"
    """
    options = (*shared_options, *options_of(configuration))
    return shlex.join([PROGRAM, "compare", source, "--without", removed, "--seed", str(seed), *options])


def study_command(
    kind: str,
    source: str,
    seed: int,
    replications: int,
    metrics: Sequence[str],
    options: Sequence[str] = (),
) -> str:
    """The command that repeats a whole study, or means of it with their intervals.

    Args:
        kind: its command.
        source: the name of the scenario.
        seed: of the study.
        replications: how many runs each configuration had.
        metrics: what was measured.
        options: all others.

    Example:
        >>> study_command("compare", "a.yaml", 7, 30, ["done"], ["--policy", "fifo", "--policy", "lifo"])
        'qsession-sim compare a.yaml --seed 7 --replications 30 --metric done --policy fifo --policy lifo'
    """
    chosen = ["--seed", str(seed), "--replications", str(replications)]
    chosen += [part for metric in metrics for part in ("--metric", metric)]
    return shlex.join([PROGRAM, kind, source, *chosen, *options])


def options_of(configuration: Configuration) -> list[str]:
    """What a command is given for one configuration."""
    options = [part for setting in configuration.overrides for part in ("--set", setting)]
    for name in POLICIES:
        value = getattr(configuration, name)
        if value is not None:
            options += [f"--{name}", value]
    return options


def _own_options(study: StudyFindings) -> list[str] | None:
    """What is compared; None if nothing is, or no options can say it."""
    if study.baseline is None or len(study.configurations) < 2:
        return None
    position = [one.name for one in study.configurations].index(study.baseline)
    return (_compared if study.kind == "compare" else _swept)(study, position)


def _compared(study: StudyFindings, baseline: int) -> list[str] | None:
    """What `compare` is given; `baseline` is the position of what the others are compared with."""
    configurations = [_spelled(study, one) for one in study.configurations]
    policies = list(dict.fromkeys(one.policy for one in configurations if one.policy is not None))
    holds = list(dict.fromkeys(one.hold for one in configurations if one.hold is not None))
    routing = configurations[0].routing
    crosses = crossed(policies, holds, routing)
    unnamed = [[replace(one, name="") for one in many] for many in (crosses, configurations)]
    if len(crosses) < 2 or unnamed[0] != unnamed[1]:
        return None
    return [
        *(part for policy in policies for part in ("--policy", policy)),
        *(part for hold in holds for part in ("--hold", hold)),
        *(() if routing is None else ("--routing", routing)),
        *("--baseline", crosses[baseline].name),
    ]


def _swept(study: StudyFindings, baseline: int) -> list[str] | None:
    """What `sweep` is given."""
    bases = [_spelled(study, Configuration(**one)) for one in study.asked["configurations"]]
    if any(one.overrides for one in bases):
        return None
    vary, points, sampling = study.asked["vary"], study.asked["points"], cast("Sampling", study.sampling)
    named = [replace(one, name=one.policy or "") for one in bases]
    variations = read_variations(vary, sampling)
    swept = sweep_points(named, variations, sampling, points, study.plan.seed)
    return [
        *(part for text in vary for part in ("--vary", text)),
        *(() if points is None else ("--sample", f"{sampling.replace('_', '-')}:{points}")),
        *(part for one in bases if one.policy is not None for part in ("--policy", one.policy)),
        *options_of(replace(bases[0], policy=None)),
        *("--baseline", swept[baseline].name),
    ]


def _shared_options(study: StudyFindings) -> tuple[str, ...]:
    plan = study.plan
    return (
        *plan.options,
        *(("--warm-up", "mser5") if plan.warm_up == "mser5" else ()),
        *(("--batches", str(plan.batches)) if plan.batches else ()),
        *(("--level", str(study.level)) if study.level != DEFAULT_LEVEL else ()),
    )


def _metrics_as_given(study: StudyFindings) -> list[str]:
    return [
        metric.spelling or metric.name if isinstance(metric, Reference) else metric
        for metric in study.plan.metrics
    ]


def _spelled(study: StudyFindings, configuration: Configuration) -> Configuration:
    """With a policy that another process finds."""
    reference = study.plan.functions.get(configuration.policy or "")
    if reference is None or reference.spelling is None:
        return configuration
    return replace(configuration, policy=reference.spelling)

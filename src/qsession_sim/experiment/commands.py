"""Commands that reproduce what a study found."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from qsession_sim.experiment.tasks import Configuration
from qsession_sim.experiment.variations import crossed

PROGRAM: Final = "qsession-sim"


def run_command(
    source: str, configuration: Configuration, seed: int, shared_options: Sequence[str] = ()
) -> str:
    """The command that repeats a single run of a study.

    Args:
        source: the name of the scenario.
        configuration: of the run.
        seed: of the run, not of the study.
        shared_options: of all configurations, such as `--set` and its value.

    Example:
        >>> from qsession_sim.experiment.tasks import Configuration
        >>> run_command("a day.yaml", Configuration("x", "fifo", overrides=("a.b=1s",)), 17)
        "qsession-sim run 'a day.yaml' --seed 17 --set a.b=1s --policy fifo"
    """
    return shlex.join(
        [PROGRAM, "run", source, "--seed", str(seed), *shared_options, *_options(configuration)]
    )


def study_command(
    kind: str,
    source: str,
    seed: int,
    replications: int,
    metrics: Sequence[str],
    options: Sequence[str] = (),
) -> str:
    """The command that repeats a whole study.

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


def replicate_command(
    source: str,
    configuration: Configuration,
    seed: int,
    replications: int,
    metrics: Sequence[str],
    shared_options: Sequence[str] = (),
) -> str:
    """The command that repeats means of a study, with their intervals.

    Args:
        source: the name of the scenario.
        configuration: of the runs.
        seed: of the study.
        replications: how many runs there were.
        metrics: of which these are the means.
        shared_options: of all configurations, such as `--set` and its value.

    Example:
        >>> from qsession_sim.experiment.tasks import Configuration
        >>> print(replicate_command("a.yaml", Configuration("x", hold="shared"), 7, 30, ["mean_waiting"]))
        qsession-sim replicate a.yaml --seed 7 --replications 30 --metric mean_waiting --hold shared
    """
    options = (*shared_options, *_options(configuration))
    return study_command("replicate", source, seed, replications, metrics, options)


def compare_options(configurations: Sequence[Configuration], baseline: int) -> list[str] | None:
    """What `compare` has to be told to compare these; None if it cannot be told.

    Args:
        configurations: with policies that the command finds.
        baseline: the position of the one that the others are compared with.

    Example:
        >>> from qsession_sim.experiment.tasks import Configuration
        >>> both = [Configuration("a", "fifo", "shared"), Configuration("b", "lifo", "shared")]
        >>> " ".join(compare_options(both, 1))
        '--policy fifo --policy lifo --hold shared --baseline lifo'
    """
    policies = list(dict.fromkeys(one.policy for one in configurations if one.policy is not None))
    holds = list(dict.fromkeys(one.hold for one in configurations if one.hold is not None))
    routing = configurations[0].routing
    told = crossed(policies, holds, routing)
    if len(told) < 2 or [replace(one, name="") for one in told] != [
        replace(one, name="") for one in configurations
    ]:
        return None
    return [
        *(part for policy in policies for part in ("--policy", policy)),
        *(part for hold in holds for part in ("--hold", hold)),
        *(() if routing is None else ("--routing", routing)),
        *("--baseline", told[baseline].name),
    ]


def sweep_options(
    bases: Sequence[Configuration], vary: Sequence[str], sample: str | None, baseline: str
) -> list[str] | None:
    """What `sweep` has to be told; None if it cannot be told.

    Args:
        bases: what every point is simulated with, with policies that the command finds.
        vary: `PATH=V1,V2,…` or `PATH=LOW..HIGH`.
        sample: `random:N` or `latin-hypercube:N`; None for a grid.
        baseline: as the command calls it.
    """
    if any(one.overrides for one in bases):
        return None
    first = replace(bases[0], policy=None)
    return [
        *(part for text in vary for part in ("--vary", text)),
        *(() if sample is None else ("--sample", sample)),
        *(part for one in bases if one.policy is not None for part in ("--policy", one.policy)),
        *_options(first),
        *("--baseline", baseline),
    ]


def _options(configuration: Configuration) -> list[str]:
    options = [part for setting in configuration.overrides for part in ("--set", setting)]
    for name in ("policy", "hold", "routing"):
        value = getattr(configuration, name)
        if value is not None:
            options += [f"--{name}", value]
    return options

"""Commands that reproduce what a study found."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from qsession_sim.experiment.tasks import Configuration

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
    chosen = ["--seed", str(seed), "--replications", str(replications)]
    chosen += [part for metric in metrics for part in ("--metric", metric)]
    return shlex.join([PROGRAM, "replicate", source, *chosen, *shared_options, *_options(configuration)])


def _options(configuration: Configuration) -> list[str]:
    options = [part for setting in configuration.overrides for part in ("--set", setting)]
    for name in ("policy", "hold", "routing"):
        value = getattr(configuration, name)
        if value is not None:
            options += [f"--{name}", value]
    return options

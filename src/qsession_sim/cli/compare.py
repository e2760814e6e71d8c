"""`qsession-sim compare`: is B better than A, by how much, and how sure is that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from qsession_sim.cli.scenario import ScenarioFile
from qsession_sim.cli.settings import Seed, Settings, SkipBadLines, settings_of
from qsession_sim.cli.study_commands import run_study
from qsession_sim.cli.study_options import (
    Batches,
    DaskAddress,
    HowToPrint,
    Level,
    MaxReplications,
    Metrics,
    Policies,
    Quiet,
    Replications,
    Routing,
    StudyDirectory,
    StudyFormat,
    Until,
    WarmUp,
    Workers,
    chosen_executor,
)

if TYPE_CHECKING:
    from qsession_sim.cli.study_progress import ShownStudy
    from qsession_sim.experiment.study import Study
    from qsession_sim.experiment.tasks import Configuration


def compare(
    scenario: ScenarioFile,
    policies: Policies = None,
    holds: Annotated[
        list[str] | None,
        typer.Option(
            "--hold",
            metavar="NAME",
            help="A hold policy; several are compared, each with every queue policy.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="NAME", help="With which the others are compared; by default the first."
        ),
    ] = None,
    replications: Replications = None,
    until: Until = None,
    max_replications: MaxReplications = None,
    metrics: Metrics = None,
    routing: Routing = None,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    warm_up: WarmUp = None,
    batches: Batches = None,
    level: Level = 0.95,
    workers: Workers = None,
    dask_address: DaskAddress = None,
    output: StudyDirectory = None,
    output_format: HowToPrint = StudyFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Compare policies on the same workloads, with confidence intervals.

    The differences to the baseline are paired: both policies see the same jobs.
    """
    compared = policies_of(policies or [], holds or [], routing)
    executor = chosen_executor(workers, dask_address)

    def carry_out(progress: ShownStudy) -> Study:
        from qsession_sim.experiment.studies import compare as study

        return study(
            scenario,
            compared,
            baseline=baseline,
            metrics=metrics,
            replications=replications,
            until=until,
            max_replications=max_replications,
            warm_up=warm_up,
            batches=batches or 0,
            level=level,
            seed=seed,
            overrides=settings_of(settings),
            skip_bad_lines=skip_bad_lines,
            executor=executor,
            directory=output,
            progress=progress,
        )

    run_study(carry_out, output, output_format, quiet)


def policies_of(policies: Sequence[str], holds: Sequence[str], routing: str | None) -> list[Configuration]:
    """What is compared: each queue policy with each hold policy; named after what differs."""
    from qsession_sim.experiment.variations import crossed

    if len(policies) * max(len(holds), 1) < 2 and len(holds) < 2:
        raise typer.BadParameter(
            "needs two or more to compare, such as --policy fifo --policy priority", param_hint="--policy"
        )
    return crossed(policies, holds, routing)

"""`qsession-sim tune`: the best value of one or two settings."""

from __future__ import annotations

from typing import Annotated

import typer

from qsession_sim.cli.options import (
    DaskAddress,
    Hold,
    HowToPrint,
    Metrics,
    Policy,
    Quiet,
    Routing,
    Seed,
    Settings,
    SkipBadLines,
    StudyDirectory,
    StudyFormat,
    Workers,
    at_least,
    chosen_executor,
    settings_of,
)
from qsession_sim.cli.scenario import ScenarioFile
from qsession_sim.cli.studies import print_found, told
from qsession_sim.interrupts import interrupts_afterwards


def tune(
    scenario: ScenarioFile,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="PATH=LOW..HIGH",
            help="A setting and its range, such as workload.vqe.interactive_timeout=1s..300s; at most two.",
        ),
    ],
    minimise: Annotated[
        str | None, typer.Option("--minimise", metavar="METRIC", help="What shall be as small as possible.")
    ] = None,
    maximise: Annotated[
        str | None, typer.Option("--maximise", metavar="METRIC", help="What shall be as large as possible.")
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(
            "--subject-to",
            metavar="CONSTRAINT",
            help='What must hold, such as "p95_makespan <= 1.05 x baseline", the baseline being the scenario '
            "as it stands; may be repeated.",
        ),
    ] = None,
    metrics: Metrics = None,
    replications: Annotated[
        int,
        typer.Option(
            "--replications",
            parser=at_least(2),
            metavar="N",
            help="Workloads on which each candidate is simulated.",
        ),
    ] = 10,
    evaluations: Annotated[
        int | None,
        typer.Option("--evaluations", parser=at_least(1), metavar="N", help="Try at most N candidates."),
    ] = None,
    policy: Policy = None,
    hold: Hold = None,
    routing: Routing = None,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    workers: Workers = None,
    dask_address: DaskAddress = None,
    output: StudyDirectory = None,
    output_format: HowToPrint = StudyFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Find the best value of one or two settings.

    All candidates are simulated on the same workloads. The best one is then compared with the scenario as it
    stands on new workloads.
    """
    from qsession_sim.cli.progress import study_progress
    from qsession_sim.cli.readable import one_line
    from qsession_sim.cli.study_tables import print_tuning
    from qsession_sim.experiment.tune import tune as find

    executor = chosen_executor(workers, dask_address)
    with study_progress(quiet) as progress, told(output, progress.how_far):
        found = find(
            scenario,
            vary,
            minimise=minimise,
            maximise=maximise,
            subject_to=subject_to or (),
            metrics=metrics or (),
            replications=replications,
            evaluations=evaluations,
            policy=policy,
            hold=hold,
            routing=routing,
            seed=seed,
            overrides=settings_of(settings),
            skip_bad_lines=skip_bad_lines,
            executor=executor,
            directory=output,
            progress=progress,
        )
        if output is not None:
            with interrupts_afterwards():
                found.save(output)
    print_found(found, output_format, print_tuning)

    if output is not None and not quiet:
        typer.echo(one_line(f"saved in {output}"), err=True)
    if found.best is None:
        typer.echo(one_line(f"qsession-sim: {found.why_nothing}"), err=True)
        raise typer.Exit(1)

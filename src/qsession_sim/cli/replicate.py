"""`qsession-sim replicate`: how large it is, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsession_sim.cli.scenario import ScenarioFile
from qsession_sim.cli.settings import Seed, Settings, SkipBadLines, settings_of
from qsession_sim.cli.study_commands import run_study
from qsession_sim.cli.study_options import (
    Batches,
    DaskAddress,
    Hold,
    HowToPrint,
    Level,
    MaxReplications,
    Metrics,
    Policy,
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


def replicate(
    scenario: ScenarioFile,
    replications: Replications = None,
    until: Until = None,
    max_replications: MaxReplications = None,
    metrics: Metrics = None,
    policy: Policy = None,
    hold: Hold = None,
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
    """Simulate a scenario on many workloads, and say how large its metrics are and how sure that is."""
    executor = chosen_executor(workers, dask_address)

    def carry_out(progress: ShownStudy) -> Study:
        from qsession_sim.experiment.studies import replicate as study

        return study(
            scenario,
            policy=policy,
            hold=hold,
            routing=routing,
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

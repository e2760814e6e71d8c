"""`qsession-sim sweep`: what a setting does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from qsession_sim.cli.scenario import ScenarioFile
from qsession_sim.cli.settings import Seed, Settings, SkipBadLines, settings_of
from qsession_sim.cli.study_commands import run_study
from qsession_sim.cli.study_options import (
    DaskAddress,
    Hold,
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
    at_least,
    chosen_executor,
)

if TYPE_CHECKING:
    from qsession_sim.cli.study_progress import ShownStudy
    from qsession_sim.experiment.study import Study
    from qsession_sim.experiment.variations import Sampling

_SAMPLINGS: Final[dict[str, Sampling]] = {"random": "random", "latin-hypercube": "latin_hypercube"}


@dataclass(frozen=True)
class Sample:
    """How the points of a sweep are chosen; without `points` all combinations."""

    sampling: Sampling = "grid"
    points: int | None = None


def read_sample(text: str) -> Sample:
    """Read `random:N` or `latin-hypercube:N`; for `typer.Option(parser=...)`.

    Example:
        >>> read_sample("latin-hypercube:50")
        Sample(sampling='latin_hypercube', points=50)
    """
    name, colon, points = text.partition(":")
    if name not in _SAMPLINGS or not colon:
        raise typer.BadParameter(f"{text!r} is not random:N or latin-hypercube:N")
    return Sample(_SAMPLINGS[name], at_least(1)(points))


def sweep(
    scenario: ScenarioFile,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="PATH=V1,V2,…",
            help="A setting and its values, such as workload.vqe.clients=10,20,40; may be repeated. With "
            "--sample also PATH=LOW..HIGH.",
        ),
    ],
    sample: Annotated[
        Sample | None,
        typer.Option(
            "--sample",
            parser=read_sample,
            metavar="random:N|latin-hypercube:N",
            help="Simulate N points of the settings instead of all combinations.",
        ),
    ] = None,
    policies: Policies = None,
    hold: Hold = None,
    routing: Routing = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="NAME",
            help='The configuration with which the others are compared, such as "policies.hold=shared"; by '
            "default none.",
        ),
    ] = None,
    replications: Replications = None,
    until: Until = None,
    max_replications: MaxReplications = None,
    metrics: Metrics = None,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    warm_up: WarmUp = None,
    level: Level = 0.95,
    workers: Workers = None,
    dask_address: DaskAddress = None,
    output: StudyDirectory = None,
    output_format: HowToPrint = StudyFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Vary settings of a scenario: all combinations of values, or a sample of points.

    All configurations are simulated on the same workloads.
    """
    chosen = sample or Sample()
    executor = chosen_executor(workers, dask_address)

    def carry_out(progress: ShownStudy) -> Study:
        from qsession_sim.experiment.studies import sweep as study

        return study(
            scenario,
            vary,
            sampling=chosen.sampling,
            points=chosen.points,
            policies=policies,
            baseline=baseline,
            hold=hold,
            routing=routing,
            metrics=metrics,
            replications=replications,
            until=until,
            max_replications=max_replications,
            warm_up=warm_up,
            level=level,
            seed=seed,
            overrides=settings_of(settings),
            skip_bad_lines=skip_bad_lines,
            executor=executor,
            directory=output,
            progress=progress,
        )

    run_study(carry_out, output, output_format, quiet)

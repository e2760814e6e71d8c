"""`qsession-sim sweep`: what a setting does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, TypeVar

import typer

from qsession_sim.cli.options import (
    Batches,
    DaskAddress,
    Hold,
    HowToPrint,
    Level,
    MaxReplications,
    Metrics,
    Policies,
    Policy,
    Quiet,
    Replications,
    Routing,
    Seed,
    Settings,
    SkipBadLines,
    StudyDirectory,
    StudyFormat,
    Until,
    WarmUp,
    Workers,
    at_least,
    chosen_executor,
    settings_of,
)
from qsession_sim.cli.scenario import ScenarioFile

if TYPE_CHECKING:
    from rich.console import Console

    from qsession_sim.cli.progress import ShownStudy
    from qsession_sim.experiment.study import Study
    from qsession_sim.experiment.tasks import Configuration
    from qsession_sim.experiment.variations import Sampling


# -- What the commands for many runs have in common: carrying out, printing, and what they say of interrupts.


class Finding(Protocol):
    """What many runs have shown."""

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON values."""


Found = TypeVar("Found", bound=Finding)


def run_study(
    carry_out: Callable[[ShownStudy], Study],
    directory: str | None,
    output_format: StudyFormat,
    quiet: bool,
) -> None:
    """Carry out a study, and print what it found.

    Args:
        carry_out: from what is to be told of progress to the study.
        directory: where it is kept.
        output_format: how it is printed.
        quiet: whether nothing but the results is printed.
    """
    from qsession_sim.cli.progress import study_progress
    from qsession_sim.cli.study_tables import print_study

    with study_progress(quiet) as progress, told(directory, progress.how_far):
        study = carry_out(progress)
    print_found(study, output_format, print_study)
    if quiet:
        return
    from qsession_sim.cli.readable import one_line

    if study.rule is not None and not study.reached:
        after = f"the rule does not hold after {study.replications} replications"
        typer.echo(one_line(f"{after}: {study.rule.text}; raise --max-replications"), err=True)
    if directory is not None:
        typer.echo(one_line(f"saved in {directory}"), err=True)


def print_found(
    found: Found, output_format: StudyFormat, print_table: Callable[[Console, Found], None]
) -> None:
    """Print what was found on standard output, as JSON or in tables."""
    if output_format is StudyFormat.JSON:
        from qsession_sim.cli.terminal import print_json
        from qsession_sim.results.bundle import json_text

        print_json(json_text(found.to_dict()))
        return
    from qsession_sim.cli.terminal import output

    print_table(output(), found)


@contextmanager
def told(directory: str | None, progress: Callable[[], tuple[int, int | None]]) -> Iterator[None]:
    """Say of what is interrupted how much is kept, and how it goes on; `main` tells the notes of interrupts.

    Args:
        directory: of the study, if there is one.
        progress: how many runs are done, and of how many.
    """
    from qsession_sim.cli.readable import counted, one_line

    try:
        yield
    except KeyboardInterrupt as error:
        done, total = progress()
        runs = counted(done, "run") if total is None else f"{done:,} of {counted(total, 'run')}"
        if directory is None:
            error.add_note(f"after {runs}; with -o DIR they would be kept")
        else:
            error.add_note(one_line(f"after {runs}, kept in {directory}; the same command goes on"))
        raise


# -- `qsession-sim replicate`: how large it is, and how sure that is.


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
        from qsession_sim.experiment.study import replicate as study

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


# -- `qsession-sim compare`: is B better than A, by how much, and how sure is that.


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
        from qsession_sim.experiment.study import compare as study

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
        from qsession_sim.experiment.study import sweep as study

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

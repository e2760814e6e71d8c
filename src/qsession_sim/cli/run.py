"""`qsession-sim run`: one simulation, its summary, and with -o its tables."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qsession_sim.cli.options import Hold, Policy, Routing, Seed, Settings, SkipBadLines, one_of, settings_of
from qsession_sim.cli.scenario import ScenarioFile
from qsession_sim.interrupts import interrupts_afterwards

if TYPE_CHECKING:
    from qsession_sim.cli.progress import ShownProgress
    from qsession_sim.results.run import Run
    from qsession_sim.scenario.load import Scenario


class OutputFormat(StrEnum):
    """How the summary is printed."""

    TABLE = "table"
    JSON = "json"


def run(
    scenario: ScenarioFile,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write tables, summary and provenance to DIR."),
    ] = None,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    policy: Policy = None,
    hold: Hold = None,
    routing: Routing = None,
    output_format: Annotated[
        OutputFormat,
        typer.Option(
            "--format", parser=one_of(OutputFormat), metavar="table|json", help="How to print the summary."
        ),
    ] = OutputFormat.TABLE,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the summary only: no progress bar, no notes.")
    ] = False,
) -> None:
    """Simulate a scenario once and print a summary.

    It says who waited how long, how the QPU spent its time and what each session cost.
    """
    if output is not None:
        _check_place(output)
    from qsession_sim.cli.progress import progress_bar
    from qsession_sim.cli.readable import one_line
    from qsession_sim.policies.registry import queue_policy_names
    from qsession_sim.scenario.load import load_scenario

    loaded = load_scenario(
        scenario,
        settings_of(settings),
        seed,
        queue_policies=queue_policy_names(policy),
        skip_bad_lines=skip_bad_lines,
    )
    if not quiet:
        from qsession_sim.cli.terminal import print_warnings

        print_warnings(loaded)
    saved = False
    try:
        with nullcontext() if quiet else progress_bar(loaded.resolved.horizon) as progress:
            finished = _simulate(loaded, (policy, hold, routing), progress)
            if output is not None:
                if progress is not None:
                    progress.announce("writing the tables")
                with interrupts_afterwards():
                    finished.save(output)
                    saved = True
        _print(finished, output_format)
        if not quiet:
            _print_notes(finished, output)
    except BaseException as error:
        if saved:
            error.add_note(one_line(f"after saving in {output}"))  # `main` tells the notes of an interrupt
        raise


def _print(finished: Run, output_format: OutputFormat) -> None:
    if output_format is OutputFormat.JSON:
        from qsession_sim.cli.terminal import print_json
        from qsession_sim.results.bundle import json_text

        print_json(json_text(finished.summary()))
    else:
        from qsession_sim.cli.summary import print_summary
        from qsession_sim.cli.terminal import output as standard_output

        print_summary(standard_output(), finished)


def _print_notes(finished: Run, output: str | None) -> None:
    from qsession_sim.cli.readable import left_out, one_line, readable_duration

    summary = finished.summary()
    if summary["warm_up_us"] > summary["end_us"]:
        warm_up, end = (readable_duration(summary[name]) for name in ("warm_up_us", "end_us"))
        typer.echo(f"nothing was counted: the warm-up of {warm_up} is longer than the run of {end}", err=True)
    for note in left_out(finished.record.workload):
        typer.echo(one_line(note), err=True)
    if output is not None:
        typer.echo(one_line(f"saved in {output}"), err=True)


def _simulate(
    scenario: Scenario,
    policies: tuple[str | None, str | None, str | None],
    progress: ShownProgress | None,
) -> Run:
    from qsession_sim.experiment.simulate import simulate

    queue, hold, routing = policies
    return simulate(scenario, policy=queue, hold=hold, routing=routing, progress=progress)


def _check_place(output: str) -> None:
    """Tell before a long run, not after it, that it could not be saved."""
    from qsession_sim.errors import BundleError
    from qsession_sim.results.bundle import check_target

    try:
        check_target(output)
    except BundleError as error:
        raise typer.BadParameter(str(error), param_hint="-o") from None

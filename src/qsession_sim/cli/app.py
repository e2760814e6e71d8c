"""The commands, put together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Final

import typer

from qsession_sim import __version__
from qsession_sim.cli.export import export_run
from qsession_sim.cli.help import with_fitting_help
from qsession_sim.cli.inputs import (
    describe,
    explain,
    export,
    metrics,
    policies,
    resolve,
    schema,
    validate,
)
from qsession_sim.cli.options import reads_files
from qsession_sim.cli.report import report
from qsession_sim.cli.run import run
from qsession_sim.cli.serve import serve
from qsession_sim.cli.studies import compare, replicate, sweep, tune
from qsession_sim.cli.terminal import say
from qsession_sim.cli.verify import verify

PROGRAM: Final = "qsession-sim"


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; what goes wrong is raised.

    The application is not called as typer would call it: that catches interrupts and prints on its own.
    """
    command = _command()
    try:
        with command.make_context(PROGRAM, list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    return 0


@cache
def _command() -> Any:
    """All commands, made once in a process: reading their signatures takes longer than a small run."""
    command = typer.main.get_command(_application())
    with_fitting_help(command)
    return command


def _application() -> typer.Typer:
    application = _group(_options, "Simulate how sessions, batches and jobs share a quantum processor.")
    for simulation in (run, replicate, compare, sweep, tune):
        application.command()(reads_files(simulation))
    groups = {
        "scenario": _group(_need_command, "Check scenarios, or see what they leave out."),
        "workload": _group(
            _need_command, "Look at what a scenario or a trace submits, or write it to a file."
        ),
    }
    for name, group in groups.items():
        application.add_typer(group, name=name)
    for command in (reads_files(validate), reads_files(resolve), schema, explain):
        groups["scenario"].command()(command)
    for of_workload in (describe, export):
        groups["workload"].command()(reads_files(of_workload))
    application.command()(reads_files(metrics))
    application.command()(policies)
    application.command()(report)
    application.command("export")(export_run)
    application.command()(verify)
    application.command()(reads_files(serve))
    return application


def _group(callback: typer.models.CommandFunctionType, about: str) -> typer.Typer:
    group = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.callback(invoke_without_command=True, help=about)(callback)
    return group


def _print_version(wanted: bool) -> None:
    if wanted:
        from qsession_sim.kernel.columns import is_compiled

        say(f"{PROGRAM} {__version__}")
        say("with the compiled kernel" if is_compiled() else "without a compiled kernel: SimPy simulates")
        raise typer.Exit


def _options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    _need_command(context)


def _need_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        say(context.get_help())
        raise typer.Exit(2)

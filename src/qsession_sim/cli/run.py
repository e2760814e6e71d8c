"""`qsession-sim run`: one simulation, its summary, and with -o its tables."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer

from qsession_sim.cli.interrupts import saving
from qsession_sim.cli.options import (
    ALL_FORMATS,
    Engine,
    Hold,
    Output,
    Policy,
    Routing,
    ScenarioFile,
    Seed,
    Settings,
    SkipBadLines,
    TableName,
    check_table,
    load,
    output_format,
    usable_place,
)
from qsession_sim.cli.report import how_to_see, open_page, report_place
from qsession_sim.cli.terminal import note, note_memory, note_warnings, run_progress, show
from qsession_sim.errors import ProgramError

if TYPE_CHECKING:
    from qsession_sim.experiment.options import Engine as EngineName
    from qsession_sim.results.run import Run


def run(
    scenario: ScenarioFile,
    output: Output = None,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    policy: Policy = None,
    hold: Hold = None,
    routing: Routing = None,
    programs: Annotated[
        list[str] | None,
        typer.Option(
            "--program",
            metavar="NAME=FILE.py[:FUNCTION]",
            help="The program of the source NAME; without a function the file is run. May be repeated.",
        ),
    ] = None,
    engine: Engine = "auto",
    form: Annotated[str, output_format("the summary", ALL_FORMATS)] = "table",
    table: TableName = None,
    show_page: Annotated[
        bool,
        typer.Option("--open", help="With -o, also write the report DIR.html, and open it in a browser."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the summary only: no progress bar, no notes.")
    ] = False,
) -> None:
    """Simulate a scenario once and print a summary.

    It says who waited how long, how the QPU spent its time and what each session cost.
    """
    check_table(table, form)
    _check_places(output, show_page=show_page)
    from qsession_sim.experiment.simulate import simulate, with_policies
    from qsession_sim.report.run_rows import run_document, run_tables

    loaded = load(scenario, settings, seed, policy, skip_bad_lines=skip_bad_lines)
    if not quiet:
        note_warnings(with_policies(loaded, policy=policy, hold=hold, routing=routing))
        note_memory(loaded)
    bound = dict(map(_binding, programs or ()))
    with saving() as saved:
        with nullcontext() if quiet else run_progress(loaded.resolved.horizon) as progress:
            finished = simulate(
                loaded,
                policy=policy,
                hold=hold,
                routing=routing,
                programs=bound,
                progress=progress,
                engine=cast("EngineName", engine),
            )
            if output is not None:
                if progress is not None:
                    progress.announce("writing the tables")
                saved.keep(finished.save, output)
        seen = finished.record, finished.summary_parts, finished.scenario.resolved
        show(form, partial(run_document, *seen), finished.summary, partial(run_tables, *seen), table)
        if not quiet and saved.failure is None:
            _note(finished, output, show_page=show_page)
        if show_page and output is not None and saved.failure is None:
            _show_page(finished, output, quiet=quiet)


def _check_places(output: str | None, *, show_page: bool) -> None:
    """Refuse what could not be written after the simulation."""
    if output is None:
        if show_page:
            raise typer.BadParameter("shows what -o DIR saves; give both", param_hint="--open")
        return
    from qsession_sim.report.html import check_report_place
    from qsession_sim.results.bundle import check_target

    with usable_place("-o"):
        check_target(output)
        page = report_place(output)
        if show_page and page.parent.exists():  # else it is made
            check_report_place(page)


def _show_page(finished: Run, output: str, *, quiet: bool) -> None:
    page = report_place(output)
    finished.report(page)
    if not quiet:
        note(f"written to {page}")
    open_page(page)


def _binding(text: str) -> tuple[str, Callable[[], object]]:
    from qsession_sim.clients.programs import read_binding

    try:
        return read_binding(text)
    except ProgramError as error:
        raise typer.BadParameter(str(error), param_hint="--program") from None


def _note(finished: Run, output: str | None, *, show_page: bool) -> None:
    from qsession_sim.report.run_rows import left_out
    from qsession_sim.report.text import readable_duration

    summary = finished.summary_parts
    if summary["warm_up_us"] > summary["end_us"]:
        warm_up, end = (readable_duration(summary[name]) for name in ("warm_up_us", "end_us"))
        note(f"nothing was counted: the warm-up of {warm_up} is longer than the run of {end}")
    for sentence in left_out(finished.record.workload):
        note(sentence)
    if output is not None:
        note(f"saved in {output}")
        if not show_page:
            note(how_to_see(output))

"""`qsession-sim report`: what was saved as a page for a browser, and as figures."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from qsession_sim.cli.options import nonempty, usable_place
from qsession_sim.cli.terminal import note
from qsession_sim.files import resolved


def report(
    directory: Annotated[
        str,
        typer.Argument(
            metavar="DIR",
            callback=nonempty,
            help="What `-o DIR` of run, replicate, compare, sweep or tune wrote.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to; by default DIR.html, next to DIR."),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="Also write figures there, as SVG and PDF; with the extra plot.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write a page that shows a saved run: who waits, why, and what sessions cost; or what a study has found.

    It is one HTML file that needs no other and no network. A report that is there is replaced.
    """
    from qsession_sim.experiment.study import load
    from qsession_sim.report.figures import check_figures_place, save_figures
    from qsession_sim.report.html import check_report_place

    saved = load(directory)
    if figures is not None:
        check_figures_place(figures)
    target = report_place(directory) if output is None else Path(output)
    with usable_place("-o"):
        check_report_place(target)
    saved.report(target)
    note(f"written to {target}")
    if figures is not None:
        count = len(save_figures(saved, figures))
        note(f"{count} figures written to {figures}")
    if show:
        open_page(target)


def report_place(directory: str) -> Path:
    """Where the report of a directory is by default: beside it, as a bundle holds nothing else."""
    saved = resolved(directory)
    return saved.with_name(f"{saved.name}.html")


def how_to_see(directory: str) -> str:
    """What to type to see what was saved; a name such as -x would be an option.

    Example:
        >>> how_to_see("my runs"), how_to_see("-x")
        ("to see it: qsession-sim report 'my runs' --open", 'to see it: qsession-sim report ./-x --open')
    """
    name = f"./{directory}" if directory.startswith("-") else directory
    return f"to see it: qsession-sim report {shlex.quote(name)} --open"


def open_page(page: Path) -> None:
    """Show a page in the browser of the user."""
    import webbrowser

    if not webbrowser.open(resolved(page).as_uri()):
        note(f"no browser was found; open {page} in one")

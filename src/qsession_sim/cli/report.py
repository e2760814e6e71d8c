"""`qsession-sim report`: a saved run as a page for a browser."""

from __future__ import annotations

import shlex
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from qsession_sim.cli.options import nonempty, usable_place
from qsession_sim.cli.terminal import note
from qsession_sim.files import resolved


def report(
    directory: Annotated[
        str,
        typer.Argument(metavar="DIR", callback=nonempty, help="What `run -o DIR` wrote."),
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to; by default DIR.html, next to DIR."),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write a page that shows a saved run: who waits, why, and what sessions cost.

    It is one HTML file that needs no other and no network. A report that is there is replaced.
    """
    from qsession_sim.report.html import check_report_place
    from qsession_sim.report.run_page import run_report
    from qsession_sim.results.run import SavedRun

    run = SavedRun(directory)
    target = report_place(directory) if output is None else Path(output)
    with usable_place("-o"):
        check_report_place(target)
    run_report(run).save(target)
    note(f"written to {target}")
    if show:
        open_page(target)


def report_place(directory: str) -> Path:
    """Where the report of a bundle is by default: beside it, as a bundle holds nothing else."""
    bundle = resolved(directory)
    return bundle.with_name(f"{bundle.name}.html")


def how_to_see(directory: str) -> str:
    """What to type to see what was saved."""
    return f"to see it: qsession-sim report {shlex.quote(directory)} --open"


def open_page(page: Path) -> None:
    """Show a page in the browser of the user."""
    if not webbrowser.open(resolved(page).as_uri()):
        note(f"no browser was found; open {page} in one")

"""`qsession-sim export`: a saved run for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from qsession_sim.cli.options import nonempty, one_of, usable_place
from qsession_sim.cli.terminal import note
from qsession_sim.files import resolved

ENDINGS: Final = {"perfetto": ".pftrace", "chrome": ".trace.json", "csv": ".csv", "swf": ".swf"}
"""By format: how the name of its file ends by default."""


def export_run(
    directory: Annotated[
        str,
        typer.Argument(metavar="DIR", callback=nonempty, help="What `run -o DIR` wrote."),
    ],
    form: Annotated[
        str,
        typer.Option(
            "--to",
            parser=one_of(ENDINGS),
            metavar="|".join(ENDINGS),
            help="For Perfetto, or as JSON for other viewers of traces; or the jobs as CSV or SWF.",
        ),
    ] = "perfetto",
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to; by default next to DIR."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there.")] = False,
) -> None:
    """Write a saved run as a file for another program, such as a viewer of traces.

    The file is packed if its name ends in .gz or .zst. What the format cannot hold is said.
    """
    from qsession_sim.report.trace_viewer import check_place, export
    from qsession_sim.results.run import SavedRun

    run = SavedRun(directory)
    bundle = resolved(directory)
    target = bundle.with_name(bundle.name + ENDINGS[form]) if output is None else Path(output)
    with usable_place("-o"):
        check_place(run, target, overwrite=overwrite)
    for lost in export(run, form, target):
        note(f"{target}: {lost}")
    note(f"written to {target}")

"""`qsession-sim compare --without`: what a session or a source costs others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Final

import typer

from qsession_sim.cli.interrupts import saving
from qsession_sim.cli.options import check_table, settings_of
from qsession_sim.cli.terminal import note, run_progress, show
from qsession_sim.experiment.options import OPTIONS, ExternalityOptions, taken_by

_TAKEN: Final = {*ExternalityOptions.__annotations__, "directory", "output_format", "table", "quiet"}
_FLAGS: Final = {"workers": "--workers", "dask_address": "--dask", "baseline": "--baseline"}


def compare_without(
    scenario: str, asked: str, policies: Sequence[str], holds: Sequence[str], given: Mapping[str, Any]
) -> None:
    """Simulate a scenario with and without something, and show what that changes for all others."""
    for name, value in given.items():
        default = OPTIONS[name].default if name in OPTIONS else None
        if name not in _TAKEN and value not in (None, default):
            flag = _FLAGS.get(name) or OPTIONS[name].flags.split()[0]
            raise typer.BadParameter(
                "is for studies of many runs; --without compares two runs of one workload", param_hint=flag
            )
    for values, flag in ((policies, "--policy"), (holds, "--hold")):
        if len(values) > 1:
            raise typer.BadParameter("both runs have the same; give it once", param_hint=flag)
    check_table(given["table"], given["output_format"])
    directory = given["directory"]
    from qsession_sim.experiment.externality import check_externality_place, externality_of
    from qsession_sim.report.externality_rows import externality_document, externality_tables

    if directory is not None:
        check_externality_place(directory)
    with saving() as saved:
        with nullcontext() if given["quiet"] else run_progress(None) as progress:
            options = {
                **taken_by(externality_of, given),
                "policy": policies[0] if policies else None,
                "hold": holds[0] if holds else None,
                "overrides": settings_of(given["overrides"]),
                "progress": progress,
            }
            found = externality_of(asked, scenario, **options)
            if directory is not None:
                saved.keep(found.save, directory)
        document, tables = partial(externality_document, found), partial(externality_tables, found)
        show(given["output_format"], document, found.to_dict, tables, given["table"])
        if saved.place is not None and not given["quiet"]:
            note(f"saved in {directory}")

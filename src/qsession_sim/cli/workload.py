"""`qsession-sim workload describe | export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qsession_sim.cli.options import (
    Seed,
    Settings,
    SkipBadLines,
    nonempty,
    output_format,
    settings_of,
    usable_place,
)
from qsession_sim.cli.terminal import note, of_workload, show

if TYPE_CHECKING:
    from qsession_sim.workload.columns import Workload

WorkloadFile = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO|TRACE",
        callback=nonempty,
        help="A scenario, or a trace: .csv, .parquet, .swf, .json, .sacct.",
    ),
]


def describe(
    workload: WorkloadFile,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    form: Annotated[str, output_format("it")] = "table",
) -> None:
    """Tell what a workload asks for: counts, rates, load, times, sessions and the busiest hour."""
    show(of_workload(_drawn(workload, seed, settings, skip_bad_lines)), form)


def export(
    workload: WorkloadFile,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            callback=nonempty,
            help="Where to: .parquet, or .csv, .swf or .json, which .gz or .zst may follow.",
        ),
    ],
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there.")] = False,
) -> None:
    """Write the jobs of a workload to a file that can be replayed.

    What the format cannot hold is said, and how many lines of a trace were left out.
    """
    from qsession_sim.report.run_rows import left_out
    from qsession_sim.workload.formats import check_workload_file, write_workload

    with usable_place("FILE"):
        check_workload_file(file, overwrite=overwrite)
    drawn = _drawn(workload, seed, settings, skip_bad_lines)
    for lost in write_workload(drawn, file, overwrite=overwrite):
        note(f"{file}: {lost}")
    for sentence in left_out(drawn):
        note(sentence)


def _drawn(name: str, seed: int | None, settings: list[str] | None, skip_bad_lines: bool) -> Workload:
    from qsession_sim.policies.registry import QUEUE_POLICY_NAMES
    from qsession_sim.scenario.load import load_scenario
    from qsession_sim.workload.draw import draw

    scenario = load_scenario(
        name,
        settings_of(settings),
        seed,
        queue_policies=QUEUE_POLICY_NAMES,
        skip_bad_lines=skip_bad_lines,
    )
    with scenario.placing_problems():
        return draw(scenario.resolved, scenario.directory)

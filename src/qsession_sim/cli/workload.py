"""`qsession-sim workload describe | export`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qsession_sim.cli.options import Seed, Settings, SkipBadLines, a_name, one_of, settings_of

if TYPE_CHECKING:
    from qsession_sim.workload.columns import Workload

WorkloadFile = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO|TRACE", callback=a_name, help="A scenario, or a trace: .csv, .parquet or .swf."
    ),
]


class DescriptionFormat(StrEnum):
    """How a description is printed."""

    TABLE = "table"
    JSON = "json"


def describe(
    workload: WorkloadFile,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    output_format: Annotated[
        DescriptionFormat,
        typer.Option(
            "--format", parser=one_of(DescriptionFormat), metavar="table|json", help="How to print it."
        ),
    ] = DescriptionFormat.TABLE,
) -> None:
    """Tell what a workload asks for: counts, rates, load, times, sessions and the busiest hour."""
    from qsession_sim.workload.describe import describe_workload

    description = describe_workload(_drawn(workload, seed, settings, skip_bad_lines))
    if output_format is DescriptionFormat.JSON:
        from qsession_sim.cli.terminal import print_json
        from qsession_sim.results.bundle import json_text

        print_json(json_text(description))
        return
    from qsession_sim.cli.readable import one_line

    for key, value in _flat(description, ""):
        typer.echo(one_line(f"{key:<40}{_shown(key, value)}"))


def export(
    workload: WorkloadFile,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", callback=a_name, help="Where to: .parquet, .csv, .csv.gz, .swf or .swf.gz."
        ),
    ],
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
) -> None:
    """Write the jobs of a workload to a file that can be replayed.

    What the format cannot hold is said, and how many lines of a trace were left out.
    """
    _check_file(file)
    from qsession_sim.cli.readable import left_out, one_line
    from qsession_sim.workload.formats import write_workload

    drawn = _drawn(workload, seed, settings, skip_bad_lines)
    for lost in write_workload(drawn, file):
        typer.echo(one_line(f"{file}: {lost}"), err=True)
    for note in left_out(drawn):
        typer.echo(one_line(note), err=True)


def _check_file(file: str) -> None:
    """Tell before a long drawing, not after it, that the workload could not be written."""
    from qsession_sim.errors import WorkloadFileError
    from qsession_sim.workload.formats import check_workload_file

    try:
        check_workload_file(file)
    except WorkloadFileError as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from None


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


def _flat(part: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    """Every value with the keys that lead to it."""
    flat: list[tuple[str, Any]] = []
    for key, value in part.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{key}.")
        else:
            flat.append((f"{prefix}{key}", value))
    return flat


def _shown(key: str, value: Any) -> str:
    from qsession_sim.units import format_duration

    if value is None:
        return "-"
    if "_us" in key and not key.endswith(".count"):
        return format_duration(round(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""`qsession-sim scenario`, `workload`, `metrics` and `policies`: what goes into a simulation, without one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qsession_sim.cli.options import (
    ScenarioFile,
    Seed,
    Settings,
    SkipBadLines,
    load,
    nonempty,
    output_format,
    usable_place,
)
from qsession_sim.cli.terminal import (
    note,
    note_warnings,
    say,
    say_folded,
    show,
    show_document,
    show_json,
)

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


def validate(scenario: ScenarioFile, seed: Seed = None, settings: Settings = None) -> None:
    """Check a scenario; one line for every problem."""
    note_warnings(load(scenario, settings, seed))
    say(f"{scenario}: ok")


def resolve(scenario: ScenarioFile, seed: Seed = None, settings: Settings = None) -> None:
    """Print a scenario as JSON with every default explicit.

    This form is a scenario, too, and can be run.
    """
    show_json(load(scenario, settings, seed).to_json())


def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from qsession_sim.scenario.translation import json_schema

    show_json(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")


def explain(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="As in messages and --set, such as qpus.lanes; or the name of a key alone. "
            "Without it the outermost keys are explained.",
        ),
    ] = "",
) -> None:
    """Say what a key of a scenario means and takes, and where the reference describes it."""
    from qsession_sim.scenario.keys import PAGE, find_keys

    try:
        found = find_keys(path)
    except LookupError as error:
        raise typer.BadParameter(str(error.args[0]), param_hint="PATH") from None
    for key in found:
        needed = ", and is required" if key.required else f"; default {key.default}" if key.default else ""
        say_folded(f"{key.path}: {key.description}")
        say_folded(f"takes {key.takes}{needed}", 2)
        inside = dict.fromkeys(re.sub(r"^distribution\..*", "distribution.KIND", one) for one in key.inside)
        if inside:
            say_folded(f"with the keys of {', '.join(inside)}", 2)
        say_folded(f"{PAGE}#{key.anchor}", 2)


def metrics(scenario: ScenarioFile, settings: Settings = None) -> None:
    """List the names that --metric takes for a scenario, with their units."""
    from qsession_sim.experiment.metrics import metric_unit, names_of_metrics

    names = names_of_metrics(load(scenario, settings, None))
    titles = {"short": "Short names", "paths": "Paths into the summary of a run"}
    listed = {titles[group]: [(name, metric_unit(name) or "") for name in names[group]] for group in names}
    _show_listed(listed, wide=True)


def policies() -> None:
    """List the policies, with one line each."""
    from qsession_sim.policies.registry import QUEUE_POLICIES, user_policies
    from qsession_sim.scenario.policies import HOLD_POLICIES, ROUTING_POLICIES

    known: dict[str, Iterable[Any]] = {
        "Queue policies: which job of the normal queue goes first": [
            *QUEUE_POLICIES.values(),
            *user_policies(),
        ],
        "Hold policies: what the QPU does while a session holds it with nothing to run": [
            *HOLD_POLICIES.values()
        ],
        "Routing policies: which QPU a job or session gets that names none": ROUTING_POLICIES.values(),
    }
    _show_listed({title: [(one.name, one.summary) for one in found] for title, found in known.items()})


def _show_listed(listed: Mapping[str, Sequence[tuple[str, str]]], *, wide: bool = False) -> None:
    """Print names and what they are below titles."""
    from qsession_sim.report.rows import Listing, Section

    width = max(len(name) for rows in listed.values() for name, _ in rows) + 2
    sections = [Section("", title, body=Listing(tuple(rows), width)) for title, rows in listed.items()]
    show_document(sections, wide=wide)


def describe(
    workload: WorkloadFile,
    seed: Seed = None,
    settings: Settings = None,
    skip_bad_lines: SkipBadLines = False,
    form: Annotated[str, output_format("it")] = "table",
) -> None:
    """Tell what a workload asks for: counts, rates, load, times, sessions and the busiest hour."""
    from qsession_sim.report.run_rows import workload_document
    from qsession_sim.workload.describe import describe_workload

    description = describe_workload(_drawn(workload, seed, settings, skip_bad_lines))
    show(form, lambda: workload_document(description), lambda: description, wide=True)


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
    from qsession_sim.workload.draw import draw

    scenario = load(name, settings, seed, skip_bad_lines=skip_bad_lines)
    with scenario.placing_problems():
        return draw(scenario.resolved, scenario.directory)

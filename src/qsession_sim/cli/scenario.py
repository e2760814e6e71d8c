"""`qsession-sim scenario validate | resolve | schema`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from qsession_sim.cli.settings import Seed, Settings, a_name, settings_of

ScenarioFile = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", callback=a_name, help="A scenario, in YAML, or a trace: .csv, .parquet or .swf."
    ),
]


def validate(scenario: ScenarioFile, seed: Seed = None, settings: Settings = None) -> None:
    """Check a scenario; one line for every problem."""
    from qsession_sim.cli.notes import print_warnings
    from qsession_sim.cli.readable import one_line
    from qsession_sim.policies.registry import QUEUE_POLICY_NAMES
    from qsession_sim.scenario.load import load_scenario

    loaded = load_scenario(scenario, settings_of(settings), seed, queue_policies=QUEUE_POLICY_NAMES)
    print_warnings(loaded)
    typer.echo(f"{one_line(scenario)}: ok")


def resolve(scenario: ScenarioFile, seed: Seed = None, settings: Settings = None) -> None:
    """Print a scenario as JSON with every default explicit.

    This form is a scenario, too, and can be run.
    """
    from qsession_sim.cli.documents import print_json
    from qsession_sim.policies.registry import QUEUE_POLICY_NAMES
    from qsession_sim.scenario.load import load_scenario

    loaded = load_scenario(scenario, settings_of(settings), seed, queue_policies=QUEUE_POLICY_NAMES)
    print_json(loaded.to_json())


def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from qsession_sim.cli.documents import print_json
    from qsession_sim.scenario.schema import json_schema

    print_json(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")

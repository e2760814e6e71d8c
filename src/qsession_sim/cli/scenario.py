"""`qsession-sim scenario validate | resolve | schema`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from qsession_sim.cli.options import Seed, Settings, a_name, settings_of

ScenarioFile = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", callback=a_name, help="A scenario, in YAML, or a trace: .csv, .parquet or .swf."
    ),
]


def validate(scenario: ScenarioFile, seed: Seed = None, settings: Settings = None) -> None:
    """Check a scenario; one line for every problem."""
    from qsession_sim.cli.readable import one_line
    from qsession_sim.cli.terminal import print_warnings
    from qsession_sim.policies.registry import QUEUE_POLICY_NAMES
    from qsession_sim.scenario.load import load_scenario

    loaded = load_scenario(scenario, settings_of(settings), seed, queue_policies=QUEUE_POLICY_NAMES)
    print_warnings(loaded)
    typer.echo(f"{one_line(scenario)}: ok")


def resolve(scenario: ScenarioFile, seed: Seed = None, settings: Settings = None) -> None:
    """Print a scenario as JSON with every default explicit.

    This form is a scenario, too, and can be run.
    """
    from qsession_sim.cli.terminal import print_json
    from qsession_sim.policies.registry import QUEUE_POLICY_NAMES
    from qsession_sim.scenario.load import load_scenario

    loaded = load_scenario(scenario, settings_of(settings), seed, queue_policies=QUEUE_POLICY_NAMES)
    print_json(loaded.to_json())


def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from qsession_sim.cli.terminal import print_json
    from qsession_sim.scenario.translation import json_schema

    print_json(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")


# -- `qsession-sim policies`: what there is to choose from.


def policies() -> None:
    """List the policies, with one line each."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from qsession_sim.cli.terminal import output
    from qsession_sim.policies.registry import QUEUE_POLICIES, user_policies
    from qsession_sim.scenario.policies import HOLD_POLICIES, ROUTING_POLICIES

    console = output()
    kinds = {
        "Queue policies: which job of the normal queue goes first": [
            *((policy.name, policy.summary) for policy in QUEUE_POLICIES.values()),
            *((policy.name, policy.summary) for policy in user_policies()),
        ],
        "Hold policies: what the QPU does while a session holds it with nothing to run": [
            (policy.name, policy.summary) for policy in HOLD_POLICIES.values()
        ],
        "Routing policies: which QPU a job or session gets that names none": [
            (policy.name, policy.summary) for policy in ROUTING_POLICIES.values()
        ],
    }
    width = max(len(name) for listed in kinds.values() for name, _ in listed)
    for index, (title, listed) in enumerate(kinds.items()):
        if index:
            console.print()
        console.print(Text(title, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=width, no_wrap=True)
        table.add_column()
        for name, summary in listed:
            table.add_row(Text(name), Text(summary))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))

"""What a command tells beside its result, on standard error."""

from __future__ import annotations

import typer

from qsession_sim.cli.readable import one_line
from qsession_sim.scenario.load import Scenario


def print_warnings(scenario: Scenario) -> None:
    """Print what the service would warn of (S23)."""
    for warning in scenario.warnings:
        typer.echo(one_line(f"warning: {warning}"), err=True)

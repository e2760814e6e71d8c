"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Seed of all random numbers, instead of the scenario's."),
]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a value of the scenario, such as workload.vqe.clients=40; may be repeated.",
    ),
]


def settings_of(given: list[str] | None) -> tuple[str, ...]:
    """The values of `--set`, in order."""
    return () if given is None else tuple(given)

"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

Choice = TypeVar("Choice", bound=StrEnum)


def a_name(name: str) -> str:
    """Take the name of a file, which is not empty; for `typer.Argument(callback=...)`."""
    if not name:
        raise typer.BadParameter("the name is empty")
    return name


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """Make what reads one of some words; for `typer.Option(parser=...)`, which has worse errors."""

    def read(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}") from None

    return read


def _whole_number(text: str | int) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number") from None


Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        parser=_whole_number,
        metavar="N",
        help="Seed of all random numbers, instead of the scenario's.",
    ),
]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a value of the scenario, such as workload.vqe.clients=40; may be repeated.",
    ),
]


SkipBadLines = Annotated[
    bool,
    typer.Option("--skip-bad-lines", help="Leave malformed lines of traces out, and say how many there are."),
]


def settings_of(given: list[str] | None) -> tuple[str, ...]:
    """The values of `--set`, in order."""
    return () if given is None else tuple(given)

"""Options that the commands that simulate share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from qsession_sim.experiment.executors import Executor


# -- Options that several commands share.

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


class StudyFormat(StrEnum):
    """How what was found is printed."""

    TABLE = "table"
    JSON = "json"


def at_least(smallest: int) -> Callable[[str | int], int]:
    """Make what reads a whole number; for `typer.Option(parser=...)`, which has worse errors."""

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = smallest - 1
        if number < smallest:
            raise typer.BadParameter(f"{text!r} is not a whole number from {smallest}")
        return number

    return read


def a_level(text: str | float) -> float:
    """Read the level of intervals; for `typer.Option(parser=...)`.

    Example:
        >>> a_level("0.99")
        0.99
    """
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        raise typer.BadParameter(f"{text!r} is not a number above 0 and below 1, such as 0.99")
    return level


Level = Annotated[
    float,
    typer.Option(
        "--level",
        parser=a_level,
        metavar="P",
        help="Of the confidence intervals; 1 - P is the error of all comparisons together.  [default: 0.95]",
        show_default=False,
    ),
]

Replications = Annotated[
    int | None,
    typer.Option(
        "--replications",
        parser=at_least(1),
        metavar="N",
        help="Independent workloads on which each configuration is simulated.",
    ),
]

Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="A number to report, such as mean_waiting, job.p95_waiting, by_account.lab.waiting_us.p90 or "
        "FILE.py:FUNCTION; may be repeated.",
    ),
]

Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="RULE",
        help='Replicate until this holds, such as "half_width(mean_waiting) < 2%".',
    ),
]

MaxReplications = Annotated[
    int | None,
    typer.Option("--max-replications", parser=at_least(2), metavar="N", help="Where --until gives up."),
]

WarmUp = Annotated[
    str | None,
    typer.Option(
        "--warm-up",
        metavar="TIME",
        help="Left out at the beginning of each run: a duration, or mser5 to find it in the waiting times; "
        "by default the scenario's.",
    ),
]

Batches = Annotated[
    int | None,
    typer.Option(
        "--batches",
        parser=at_least(2),
        metavar="N",
        help="Instead of replications: intervals from N batches of one long run, for means over jobs.",
    ),
]

Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", metavar="NAME", help="A queue policy: a name, or FILE.py:FUNCTION; may be repeated."
    ),
]

Policy = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="NAME",
        help="Queue policy, instead of the scenario's: a name, or FILE.py:FUNCTION.",
    ),
]

Hold = Annotated[
    str | None, typer.Option("--hold", metavar="NAME", help="Hold policy, instead of the scenario's.")
]

Routing = Annotated[
    str | None, typer.Option("--routing", metavar="NAME", help="Routing policy, instead of the scenario's.")
]

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        parser=at_least(1),
        metavar="N",
        help="Simulate in N processes; the results are the same.",
    ),
]

DaskAddress = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Simulate on the Dask cluster whose scheduler listens there, such as tcp://10.0.0.1:8786.",
    ),
]

StudyDirectory = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Keep every finished run in DIR, and write the results there; the same command goes on with it.",
    ),
]

HowToPrint = Annotated[
    StudyFormat,
    typer.Option(
        "--format", parser=one_of(StudyFormat), metavar="table|json", help="How to print the results."
    ),
]

Quiet = Annotated[bool, typer.Option("--quiet", help="Print the results only: no progress bar, no notes.")]


def chosen_executor(workers: int | None, dask_address: str | None) -> Executor:
    """Where the runs are simulated."""
    from qsession_sim.experiment.executors import dask, in_process, processes

    if workers is not None and dask_address is not None:
        raise typer.BadParameter(
            "is for processes here, --dask for a cluster; give one", param_hint="--workers"
        )
    if dask_address is not None:
        return dask(dask_address)
    return in_process() if workers is None else processes(workers)

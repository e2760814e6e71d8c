"""The options of the commands; those of studies come from the declarations in `experiment.options`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import typer

from qsession_sim.cli.terminal import FORMATS, TABLE_FORMATS
from qsession_sim.errors import BundleError, QSessionError, WorkloadFileError
from qsession_sim.experiment.options import OPTIONS, options_of
from qsession_sim.files import file_limits, read_size

if TYPE_CHECKING:
    from qsession_sim.experiment.executors import Executor
    from qsession_sim.scenario.load import Scenario

Command = TypeVar("Command", bound=Callable[..., None])


# what options read; errors are worse where typer reads


def nonempty(name: str) -> str:
    """Take the name of a file, which is not empty; for `typer.Argument(callback=...)`."""
    if not name:
        raise typer.BadParameter("the name is empty")
    return name


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """Make what reads one of some words; for `typer.Option(parser=...)`."""

    def read(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return read


def at_least(smallest: int | None) -> Callable[[str | int], int]:
    """Make what reads a whole number; for `typer.Option(parser=...)`.

    Example:
        >>> at_least(2)("3"), at_least(None)("-3")
        (3, -3)
    """
    wanted = "a whole number" if smallest is None else f"a whole number from {smallest}"

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or (smallest is not None and number < smallest):
            raise typer.BadParameter(f"{text!r} is not {wanted}")
        return number

    return read


def read_level(text: str | float) -> float:
    """Read the level of intervals; for `typer.Option(parser=...)`.

    Example:
        >>> read_level("0.99")
        0.99
    """
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        raise typer.BadParameter(f"{text!r} is not a number above 0 and below 1, such as 0.99")
    return level


# options

_TYPES: Final[dict[str, Any]] = {
    "text": str | None,
    "texts": list[str] | None,
    "whole number": int | None,
    "level": float,
    "nothing": bool,
}
"""Of parameters, by what an option reads."""


def option(name: str) -> Any:
    """An option of studies, for the annotation of a parameter."""
    declared = OPTIONS[name]
    parts = declared.flags.split()
    flags = [part for part in parts if part.startswith("-")]
    parsers: dict[str, Any] = {"whole number": at_least(declared.least), "level": read_level}
    if declared.choices:
        parsers["text"] = one_of(declared.choices)
    return typer.Option(
        *flags,
        metavar=" ".join(parts[len(flags) :]) or None,
        help=declared.help,
        parser=parsers.get(declared.reads),
        show_default=False,
    )


def output_format(what: str, formats: Sequence[str] = FORMATS) -> Any:
    """The option that says how a result is printed, for the annotation of a parameter."""
    return typer.Option(
        "--format", parser=one_of(formats), metavar="|".join(formats), help=f"How to print {what}."
    )


ALL_FORMATS: Final = (*FORMATS, *TABLE_FORMATS)

TableName = Annotated[
    str | None,
    typer.Option(
        "--table", metavar="NAME", help="The table that csv, markdown and latex print; by default the first."
    ),
]


def check_table(name: str | None, output_format: str) -> None:
    """Refuse the name of a table where all of them are printed."""
    if name is not None and output_format not in TABLE_FORMATS:
        wanted = ", ".join(TABLE_FORMATS)
        raise typer.BadParameter(f"is for one table; give --format {wanted}", param_hint="--table")


ScenarioFile = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        callback=nonempty,
        help="A scenario, in YAML, or a trace: .csv, .parquet, .swf, .json, .sacct.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="DIR", help="Write tables, summary and provenance to DIR."),
]
Seed = Annotated[int | None, option("seed")]
Settings = Annotated[list[str] | None, option("overrides")]
SkipBadLines = Annotated[bool, option("skip_bad_lines")]
Policy = Annotated[str | None, option("policy")]
Hold = Annotated[str | None, option("hold")]
Routing = Annotated[str | None, option("routing")]
Engine = Annotated[str, option("engine")]
Metrics = Annotated[list[str] | None, option("metrics")]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", metavar="NAME", help="A queue policy: a name, or FILE.py:FUNCTION; may be repeated."
    ),
]

_WORKERS: Final = typer.Option(
    "--workers", parser=at_least(1), metavar="N", help="Simulate in N processes; the results are the same."
)
_DASK: Final = typer.Option(
    "--dask",
    metavar="ADDRESS",
    help="Simulate on the Dask cluster whose scheduler listens there, such as tcp://10.0.0.1:8786.",
)
_QUIET: Final = typer.Option("--quiet", help="Print the results only: no progress bar, no notes.")


def takes(declared: type) -> Callable[[Command], Command]:
    """Complete a command that takes `**given`: it gets the options of a study that it does not have itself.

    `executor` becomes `workers` and `dask_address`, and how results are printed is added.

    Args:
        declared: one of the classes of `experiment.options`.
    """

    def complete(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        names = {one.name for one in own}
        more = [
            parameter for name in options_of(declared) if name not in names for parameter in _parameters(name)
        ]
        printed = output_format("the results", ALL_FORMATS)
        formats = _parameter("output_format", str, printed, "table")
        table = inspect.Parameter("table", formats.kind, default=None, annotation=TableName)
        quiet = _parameter("quiet", bool, _QUIET, default=False)
        vars(command)["__signature__"] = signature.replace(parameters=[*own, *more, formats, table, quiet])
        return command

    return complete


def _parameters(name: str) -> Iterator[inspect.Parameter]:
    if name == "executor":
        yield _parameter("workers", int | None, _WORKERS)
        yield _parameter("dask_address", str | None, _DASK)
    elif OPTIONS[name].flags:
        declared = OPTIONS[name]
        given = declared.default if declared.choices or declared.reads in {"level", "nothing"} else None
        yield _parameter(name, _TYPES[declared.reads], option(name), given)


def _parameter(name: str, kind: Any, declared: Any, default: Any = None) -> inspect.Parameter:
    annotation: Any = Annotated[kind, declared]
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )


def _size(text: str | int) -> int:
    try:
        return read_size(text)
    except QSessionError as error:
        raise typer.BadParameter(str(error)) from None


_MAX_SIZE: Final = typer.Option(
    "--max-size",
    metavar="SIZE",
    parser=_size,
    help="Read files up to this size, such as 64MiB; by default 16MiB of a scenario, and 4GiB of a trace, "
    "unpacked.",
)
_NO_FILES: Final = typer.Option(
    "--no-files", help="Refuse scenarios that name files, as those of strangers may."
)


def reads_files(command: Command) -> Command:
    """Give a command that reads a scenario the options that limit what is read."""

    @wraps(command)
    def limited(*arguments: Any, max_size: int | None, no_files: bool, **given: Any) -> None:
        with file_limits(max_size=max_size, allow_files=not no_files):
            command(*arguments, **given)

    signature = inspect.signature(command, eval_str=True)
    more = [
        _parameter("max_size", int | None, _MAX_SIZE),
        _parameter("no_files", bool, _NO_FILES, default=False),
    ]
    vars(limited)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), *more])
    return cast("Command", limited)


# what options mean


def settings_of(given: list[str] | None) -> tuple[str, ...]:
    """The values of `--set`, in order."""
    return () if given is None else tuple(given)


def load(
    scenario: str,
    settings: list[str] | None,
    seed: int | None,
    policy: str | None = None,
    *,
    skip_bad_lines: bool = False,
) -> Scenario:
    """The scenario that a command is about, where a queue policy may be chosen beside it."""
    from qsession_sim.policies.registry import queue_policy_names
    from qsession_sim.scenario.load import load_scenario

    names = queue_policy_names(policy)
    return load_scenario(
        scenario, settings_of(settings), seed, queue_policies=names, skip_bad_lines=skip_bad_lines
    )


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


@contextmanager
def usable_place(hint: str) -> Iterator[None]:
    """Report a place that cannot be written as a wrong option or argument: before long work, not after it."""
    try:
        yield
    except (BundleError, WorkloadFileError) as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None

"""The options of studies, each declared once: for type checkers and `help()`, and for the command line.

A function of the library takes them as `**options: Unpack[...]`; `with_options` gives it their names, their
defaults and their documentation. Commands are made from the same declarations.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypedDict, TypeVar, get_args

if TYPE_CHECKING:
    from qsession_sim.experiment.executors import Executor
    from qsession_sim.experiment.metrics import Value
    from qsession_sim.experiment.plan import Policy
    from qsession_sim.experiment.store import StudyProgress
    from qsession_sim.results.run import Run
    from qsession_sim.service.simpy_driver import Progress

Engine = Literal["auto", "simpy", "compiled"]

ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)
"""What can be asked for; `auto` is the compiled kernel wherever it can be, and else SimPy."""

DEFAULT_LEVEL: Final = 0.95

_DOCUMENTED: Final = "        **options: "
"""Begins the line of a docstring that the options replace."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Option:
    """What an option means.

    Attributes:
        meaning: for the documentation of functions.
        flags: on the command line, with what follows them, such as `-o --output DIR`; empty if there is none.
        help: for `--help`.
        default: where it is not given.
        reads: what the command line reads.
        least: of a whole number.
        choices: of a text; empty if any can be given.
    """

    meaning: str
    flags: str = ""
    help: str = ""
    default: Any = None
    reads: Literal["text", "texts", "whole number", "level", "nothing"] = "text"
    least: int | None = None
    choices: tuple[str, ...] = ()


OPTIONS: Final = {
    "replications": Option(
        "how many; by default 30.",
        "--replications N",
        "Independent workloads on which each configuration is simulated.",
        reads="whole number",
        least=1,
    ),
    "until": Option(
        "instead of a number: `half_width(METRIC) < BOUND`, or `half_width(relative_change(METRIC)) < "
        "BOUND`, asked again and again until it holds in each configuration.",
        "--until RULE",
        'Replicate until this holds, such as "half_width(mean_waiting) < 2%".',
    ),
    "max_replications": Option(
        "where `until` gives up; by default 1000.",
        "--max-replications N",
        "Where --until gives up.",
        reads="whole number",
        least=2,
    ),
    "metrics": Option(
        "names of metrics, paths into the summary of a run, or functions of a `Run`; see "
        "`metrics.as_metrics`.",
        "--metric NAME",
        "A number to report, such as mean_waiting, job.p95_waiting, by_account.lab.waiting_us.p90 or "
        "FILE.py:FUNCTION; may be repeated.",
        reads="texts",
    ),
    "policy": Option(
        "queue policy, as for `simulate`; by default the scenario's.",
        "--policy NAME",
        "Queue policy, instead of the scenario's: a name, or FILE.py:FUNCTION.",
    ),
    "hold": Option(
        "name of the hold policy; by default the scenario's.",
        "--hold NAME",
        "Hold policy, instead of the scenario's.",
    ),
    "routing": Option(
        "name of the routing policy; by default the scenario's.",
        "--routing NAME",
        "Routing policy, instead of the scenario's.",
    ),
    "seed": Option(
        "of the study; by default the scenario's.",
        "--seed N",
        "Seed of all random numbers, instead of the scenario's.",
        reads="whole number",
    ),
    "overrides": Option(
        "`PATH=VALUE` settings, as for `--set`; what is varied comes after them.",
        "--set PATH=VALUE",
        "Set a value of the scenario, such as workload.vqe.clients=40; may be repeated.",
        default=(),
        reads="texts",
    ),
    "skip_bad_lines": Option(
        "as for `load_scenario`.",
        "--skip-bad-lines",
        "Leave malformed lines of traces out, and say how many there are.",
        default=False,
        reads="nothing",
    ),
    "programs": Option(
        "the ordinary programs of the scenario's sources of kind `program`: functions, or texts such as "
        "`file.py:function`, by the names of the sources.",
        "--program NAME=FILE.py:FUNCTION",
        "The program of the source NAME; may be repeated.",
        default=(),
        reads="texts",
    ),
    "engine": Option(
        "as for `simulate`. It changes no result.",
        "--engine auto|simpy|compiled",
        "What simulates; auto, the default, is the compiled kernel wherever it can be. Results are the same.",
        default="auto",
        choices=ENGINES,
    ),
    "warm_up": Option(
        "a duration, or `mser5`: found in each run, or where there is a baseline in the runs of that, "
        "for all; by default the scenario's.",
        "--warm-up TIME",
        "Left out at the beginning of each run: a duration, or mser5 to find it in the waiting times; "
        "by default the scenario's.",
    ),
    "batches": Option(
        "instead of replications: cut one long run into so many batches; for means over jobs. "
        "Differences are then those of batches.",
        "--batches N",
        "Instead of replications: intervals from N batches of one long run, for means over jobs.",
        default=0,
        reads="whole number",
        least=2,
    ),
    "level": Option(
        "of the intervals; where configurations are compared, one less it is the error of the family of "
        "tests.",
        "--level P",
        "Of the confidence intervals; 1 - P is the error of all comparisons together.  [default: 0.95]",
        default=DEFAULT_LEVEL,
        reads="level",
    ),
    "executor": Option("where runs are carried out; by default in this process. It changes no result."),
    "directory": Option(
        "of the study: finished runs are kept there and not run again, and the results are saved.",
        "-o --output DIR",
        "Keep every finished run in DIR, and write the results there; the same command goes on with it.",
    ),
    "progress": Option("called after each run; True draws a bar where there is a terminal or a notebook."),
}
"""By name, in the order of `--help`."""


class TuneOptions(TypedDict, total=False):
    """What `tune` takes besides its question, and every study."""

    hold: str | None
    routing: str | None
    seed: int | None
    overrides: Sequence[str]
    skip_bad_lines: bool
    programs: Mapping[str, str | Callable[[], object]] | Sequence[str]
    engine: Engine
    executor: Executor | None
    directory: str | PathLike[str] | None
    progress: Callable[[StudyProgress], None] | bool | None


class SweepOptions(TuneOptions, total=False):
    """What `sweep` takes besides what is varied."""

    replications: int | None
    until: str | None
    max_replications: int | None
    metrics: Iterable[str | Callable[[Run], Value]] | None
    warm_up: str | None
    level: float


class CompareOptions(SweepOptions, total=False):
    """What `compare` takes besides the policies."""

    batches: int


class ReplicateOptions(CompareOptions, total=False):
    """What `replicate` takes."""

    policy: Policy | None


class ExternalityOptions(TypedDict, total=False):
    """What `externality` takes besides what is removed."""

    policy: Policy | None
    hold: str | None
    routing: str | None
    seed: int | None
    overrides: Sequence[str]
    skip_bad_lines: bool
    engine: Engine
    progress: Callable[[Progress], None] | bool | None


def options_of(declared: type) -> dict[str, Option]:
    """The options of one of the classes above, by name.

    Example:
        >>> [name for name, option in options_of(TuneOptions).items() if not option.flags]
        ['executor', 'progress']
    """
    assert declared.__annotations__.keys() <= OPTIONS.keys()
    return {name: option for name, option in OPTIONS.items() if name in declared.__annotations__}


def taken_by(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a study's options that another function takes, too.

    Example:
        >>> taken_by(lambda source, seed: None, {"hold": "shared", "seed": 7})
        {'seed': 7}
    """
    return {name: options[name] for name in inspect.signature(function).parameters if name in options}


def with_options(
    declared: type,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Complete a function that takes `**options`: it is called with all of them, and documents each one.

    Example:
        >>> @with_options(TuneOptions)
        ... def seed_of(source, **options):
        ...     return options["seed"], options["overrides"]
        >>> seed_of("a.yaml", seed=7)
        (7, ())
        >>> list(inspect.signature(seed_of).parameters)[:3]
        ['source', 'hold', 'routing']
        >>> seed_of("a.yaml", sed=7)
        Traceback (most recent call last):
        TypeError: seed_of() got an unexpected keyword argument 'sed'
    """
    options = options_of(declared)

    def complete(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        own = inspect.signature(function)
        parameters = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        known = {one.name for one in parameters} | set(options)
        defaults = {name: option.default for name, option in options.items()}

        @wraps(function)
        def completed(*arguments: Arguments.args, **given: Arguments.kwargs) -> Result:
            for name in given:
                if name not in known:
                    raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}")
            chosen: Any = {**defaults, **given}
            return function(*arguments, **chosen)

        parameters += [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=option.default,
                annotation=declared.__annotations__[name].__forward_arg__,
            )
            for name, option in options.items()
        ]
        vars(completed)["__signature__"] = own.replace(parameters=parameters)
        completed.__doc__ = _documented(function.__doc__, options)
        return completed

    return complete


def _documented(text: str | None, options: dict[str, Option]) -> str | None:
    """A docstring, in which each option has the place of the line that speaks of all of them."""
    if text is None:  # python -OO
        return None
    before, _, rest = text.partition(_DOCUMENTED)
    lines = [
        textwrap.fill(f"{name}: {option.meaning}", 110, initial_indent=" " * 8, subsequent_indent=" " * 12)
        for name, option in options.items()
    ]
    return before + "\n".join(lines) + rest[rest.find("\n") :] if rest else text

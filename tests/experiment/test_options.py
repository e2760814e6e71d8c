"""The options of studies: declared once, and so the same in signatures, documentation and commands."""

from __future__ import annotations

import inspect
import re

import pytest

import qsession_sim as qs
from qsession_sim.cli import studies
from qsession_sim.experiment.options import (
    CompareOptions,
    ReplicateOptions,
    SweepOptions,
    TuneOptions,
    options_of,
)

SETUP = {
    "hold": None,
    "routing": None,
    "seed": None,
    "overrides": (),
    "skip_bad_lines": False,
    "programs": (),
    "engine": "auto",
}
PLACE = {"executor": None, "directory": None, "progress": None}
AMOUNT = {"replications": None, "until": None, "max_replications": None, "metrics": None}
SWEPT = {**AMOUNT, **SETUP, "warm_up": None, "level": 0.95, **PLACE}
NEEDED = inspect.Parameter.empty


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (qs.replicate, {"source": NEEDED, "policy": None, "batches": 0, **SWEPT}),
        (qs.compare, {"source": NEEDED, "policies": NEEDED, "baseline": None, "batches": 0, **SWEPT}),
        (
            qs.sweep,
            {
                "source": NEEDED,
                "vary": NEEDED,
                "sampling": "grid",
                "points": None,
                "policies": None,
                "baseline": None,
                **SWEPT,
            },
        ),
        (
            qs.tune,
            {
                "source": NEEDED,
                "vary": NEEDED,
                "minimise": None,
                "maximise": None,
                "subject_to": (),
                "metrics": (),
                "replications": 10,
                "evaluations": None,
                "policy": None,
                **SETUP,
                **PLACE,
            },
        ),
    ],
)
def test_a_function_shows_and_documents_every_argument(function, parameters):
    signature = inspect.signature(function)
    assert {name: one.default for name, one in signature.parameters.items()} == parameters
    arguments = function.__doc__.partition("Args:\n")[2].partition("Raises:\n")[0]
    assert re.findall(r"^ {8}(\w+): ", arguments, re.MULTILINE) == list(signature.parameters)
    positional = [name for name, one in signature.parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert positional == [name for name, default in parameters.items() if default is NEEDED]


@pytest.mark.parametrize("function", [qs.replicate, qs.sweep])
def test_an_argument_that_does_not_exist_is_refused_with_the_name_of_the_function(function):
    message = f"{function.__name__}() got an unexpected keyword argument 'replication'"
    with pytest.raises(TypeError, match=re.escape(message)):
        function({"workload": []}, replication=3)


@pytest.mark.parametrize("declared", [CompareOptions, ReplicateOptions, SweepOptions, TuneOptions])
def test_only_what_is_no_text_lacks_a_flag(declared):
    assert [name for name, one in options_of(declared).items() if not one.flags] == ["executor", "progress"]
    assert [name for name, one in options_of(declared).items() if one.flags and not one.help] == []


@pytest.mark.parametrize("name", ["replicate", "compare", "sweep", "tune"])
def test_a_command_takes_what_its_function_takes(name):
    function = set(inspect.signature(getattr(qs, name)).parameters)
    command = set(inspect.signature(getattr(studies, name)).parameters)
    sampled = ({"sampling", "points"}, {"sample"}) if name == "sweep" else (set(), set())
    assert function - command == {"source", "executor", "progress"} | sampled[0]
    of_commands = {"scenario", "workers", "dask_address", "output_format", "table", "quiet"}
    other = {"without"} if name == "compare" else set()  # what `qs.externality` does
    assert command - function == of_commands | sampled[1] | other

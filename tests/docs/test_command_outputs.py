"""The commands on pages print what stands beside them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).parents[2] / "docs" / "make_command_outputs.py"


def loaded():
    spec = importlib.util.spec_from_file_location("make_command_outputs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


COMMANDS = list(loaded().shown_commands())


@pytest.mark.parametrize("shown", COMMANDS, ids=[shown.command.split("\n")[0][:60] for shown in COMMANDS])
def test_command_prints_what_stands_beside_it(shown):
    assert shown.fresh() == shown.output


def test_there_are_commands_on_each_page():
    pages = [shown.page for shown in COMMANDS]
    assert pages == [
        *("../README.md", *["start.md"] * 3, *["experiments.md"] * 2, *["interactive_timeout.md"] * 3),
        *("first_policy.md", "vqe_tutorial.md", *["howto/latex.md"] * 2),
    ]

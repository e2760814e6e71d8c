"""Scenarios on pages can be used as they stand, but for the files that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qsession_sim as qs
from qsession_sim.cli.main import main
from qsession_sim.scenario.load import load_scenario
from qsession_sim.scenario.yaml_source import read_yaml

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(found[1], id=f"{page.stem}-{number}")
    for page in sorted(DOCS.rglob("*.md"))
    for number, found in enumerate(FENCE.finditer(page.read_text("utf-8")), 1)
]
WRONG_ON_PURPOSE = "titel: three slips\n"


def problems_of(example: str) -> list[str]:
    """What is wrong with an example, which may be a part of a scenario."""
    data = {"workload": [], **read_yaml(example, "example").data}
    try:
        with qs.file_limits(allow_files=False):
            load_scenario(data)
    except qs.ScenarioError as error:
        return [problem for problem in error.problems if "files are not allowed" not in problem]
    return []


@pytest.mark.parametrize("example", [one for one in EXAMPLES if WRONG_ON_PURPOSE not in one.values[0]])
def test_scenario_can_be_used(example: str) -> None:
    assert problems_of(example) == []


def test_the_one_that_is_wrong_on_purpose_gives_the_messages_beside_it(tmp_path, monkeypatch, capsys) -> None:
    (wrong,) = (one.values[0] for one in EXAMPLES if WRONG_ON_PURPOSE in one.values[0])
    monkeypatch.chdir(tmp_path)
    Path("slips.yaml").write_text(wrong, encoding="utf-8")
    assert main(["scenario", "validate", "slips.yaml"]) == 2
    page = (DOCS / "scenario.md").read_text("utf-8")
    assert f"{wrong}```\n\ngives\n\n```text\n{capsys.readouterr().err}```" in page

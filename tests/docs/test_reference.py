"""The pages in docs/reference are what their script writes, and leave nothing out."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import qsession_sim as qs
from qsession_sim.experiment.metrics import ALIASES
from qsession_sim.scenario.keys import key_groups

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "make_reference.py"
REFERENCE = DOCS / "reference"


def test_pages_are_what_the_script_writes():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_key_has_an_anchor_and_its_description():
    page = (REFERENCE / "keys.md").read_text("utf-8")
    anchors = re.findall(r'^\| <a id="([\w-]+)"></a>`[\w-]+` \| \S', page, re.MULTILINE)
    assert anchors == [key.anchor for group in key_groups() for key in group.keys]


def test_every_public_name_is_on_both_pages():
    names = set(qs.__all__) - {"__version__"}
    listed = re.findall(r"^\| `(\w+)` \| \S", (REFERENCE / "python.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(names)
    directives = re.findall(
        r"^\.\. auto\w+:: (\w+)", (REFERENCE / "api.rst").read_text("utf-8"), re.MULTILINE
    )
    assert set(directives) == names - {"build", "testing"}


def test_every_short_name_of_a_metric_is_listed():
    page = (REFERENCE / "metrics.md").read_text("utf-8")
    statistics = r"^(p50|p90|p95|p99|max)_(?!queue)"
    names = {re.sub(statistics, "mean_", name) for name in ALIASES if "." not in name}
    assert {name for name in names if f"| `{name}`" not in page} == set()


def test_first_page_lists_every_extra_that_is_for_users():
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    table = (DOCS / "start.md").read_text("utf-8").partition("| extra | for |\n")[2].partition("\n\n")[0]
    extras = set(project["optional-dependencies"]) - {"test"}
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(extras)

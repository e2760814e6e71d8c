"""The examples in docstrings and on the pages of the documentation are true."""

from __future__ import annotations

import doctest
import importlib
import re
import textwrap
from pathlib import Path

import pytest

import qsession_sim

ROOT = Path(qsession_sim.__file__).parent
PAGES = sorted((Path(__file__).parents[2] / "docs").rglob("*.md"))
WITH_PROCESSES = {"experiments", "first_policy"}
"""Pages with examples that start others."""
PROGRAM = re.compile(r"^( *)```py(?:thon)?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def modules() -> list[str]:
    """The names of all modules of the package."""
    names = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if not name.endswith(".__main__")]


def failures(tests: list[doctest.DocTest]) -> tuple[doctest.TestResults, str]:
    """How many examples failed and how many there were, and what was different."""
    runner = doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    for test in tests:
        runner.run(test, out=report.append)
    return doctest.TestResults(runner.failures, runner.tries), "".join(report)


def examples_of_page(page: Path) -> doctest.DocTest:
    """One test for a page: its fenced Python with prompts, in order, sharing names."""
    text = page.read_text(encoding="utf-8")
    blocks = [match[1] for match in FENCE.finditer(text) if ">>> " in match[1]]
    return doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)


NEEDS = {
    "qsession_sim.server.app": ("starlette", "serve"),
    "qsession_sim.clients.results": ("qiskit", "qiskit"),
    "qsession_sim.testing.services": ("starlette", "serve"),
    "qsession_sim.report.drawing": ("matplotlib", "plot"),
    "qsession_sim.report.study_figures": ("matplotlib", "plot"),
    "qsession_sim.report.run_figures": ("matplotlib", "plot"),
}
"""Modules that need an extra: what they import of it, and its name."""


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_are_true(name: str) -> None:
    if name in NEEDS:
        library, extra = NEEDS[name]
        pytest.importorskip(library, reason=f"pip install 'qsession-sim[{extra}]'")
    results, report = failures(doctest.DocTestFinder().find(importlib.import_module(name)))
    assert (results.failed, report) == (0, "")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[pytest.mark.long] * (page.stem in WITH_PROCESSES))
        for page in PAGES
    ],
)
def test_examples_on_pages_are_true(page: Path) -> None:
    results, report = failures([examples_of_page(page)])
    assert (results.failed, report) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_programs_on_pages_without_prompts_can_be_read(page: Path) -> None:
    for found in PROGRAM.finditer(page.read_text(encoding="utf-8")):
        if ">>> " not in found[2]:
            compile(textwrap.dedent(found[2]), page.name, "exec")


def test_a_wrong_example_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n\n```python\n>>> x = 1\n```\n\nMore\n\n```python\n>>> x\n2\n```\n", encoding="utf-8"
    )
    results, report = failures([examples_of_page(page)])
    assert results == (1, 2)
    assert "Expected:\n    2\nGot:\n    1\n" in report

"""The tutorial on a VQE shows what its example prints, and quotes it right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "vqe.md").read_text("utf-8")
EXAMPLE = DOCS / "examples" / "vqe"


def test_the_page_quotes_the_program_and_the_scenario():
    blocks = PAGE.split("```text\n")[1:]
    quoted = [block.partition("\n```")[0] for block in blocks]
    program = (EXAMPLE / "vqe.py").read_text("utf-8")
    for line in quoted[1].splitlines():
        assert line.partition("  #")[0].strip() in program
    assert quoted[2] in (EXAMPLE / "busy.yaml").read_text("utf-8")


def test_the_page_has_the_table_that_the_example_prints():
    pytest.importorskip("qiskit_ibm_runtime", reason="pip install 'qsession-sim[qiskit]'")
    done = subprocess.run(
        [sys.executable, "compare.py"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert f"```text\n{done.stdout}```" in PAGE

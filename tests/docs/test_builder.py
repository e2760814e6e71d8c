"""The builder for type checkers: written from the schema, and mypy finds what is wrong before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RIGHT = """
from datetime import timedelta
import qsession_sim as qs
from qsession_sim.scenario import build
jobs = [build.job(id="j1", at=timedelta(0), account="lab", qpu_time="3s")]
everyday = build.arrivals(account="lab", interarrival=build.exponential(mean=timedelta(seconds=9)), shots=100)
scenario = build.scenario(horizon=timedelta(hours=1), workload=[build.explicit(jobs=jobs), everyday])
text: str = scenario.to_yaml()
run = qs.simulate(scenario)
"""

WRONG = {
    'build.job(id="j1", at=5, account="lab", qpu_time="3s")': 'Argument "at" to "job" has incompatible type "int"',
    'build.arrivals(acount="lab")': 'Unexpected keyword argument "acount" for "arrivals"',
    "build.users()": 'Missing named argument "count" for "users"',
    'build.exponential(mean="9s", outside="clip")': "No overload variant of",
    'build.arrivals(account="a", shots=build.constant(value="9s"))': 'Argument "shots" to "arrivals"',
}


def test_the_stub_is_what_the_schema_says():
    checked = subprocess.run([sys.executable, "docs/make_builder.py", "--check"], cwd=ROOT, check=False)
    assert checked.returncode == 0


@pytest.mark.long
def test_mypy_accepts_what_is_right_and_names_what_is_wrong(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    lines = RIGHT.strip().splitlines()
    (tmp_path / "program.py").write_text("\n".join([*lines, *WRONG]) + "\n", encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert checked.returncode == 1, checked.stdout + checked.stderr
    expected = [(len(lines) + number, text) for number, text in enumerate(WRONG.values(), start=1)]
    found = [
        (number, text)
        for number, text in expected
        if any(line.startswith(f"program.py:{number}: error: {text}") for line in errors)
    ]
    assert found == expected, checked.stdout
    assert {int(line.split(":")[1]) for line in errors} == {number for number, _ in expected}

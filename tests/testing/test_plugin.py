"""The plugin for pytest, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qsession_sim as qs

TEST = """
import qsession_sim as qs
from qsession_sim.testing import parametrize_policies

@qs.policy("mine")
def mine(job):
    return (job.number,)

@parametrize_policies()
def test_all(policy):
    assert policy != "lifo"

@parametrize_policies("fifo", {"name": "priority", "aging": "1s"}, mine, argument="queue")
def test_some(queue):
    qs.simulate({"workload": []}, policy=queue)
"""


def run_pytest(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(TEST, encoding="utf-8")
    (directory / "file.py").write_text("def oldest(job):\n    return (job.submitted_us,)\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-v", "--strict-markers", "-p", "no:cacheprovider"]
    variables = {**os.environ, "PYTHONPATH": str(Path(qs.__file__).parents[1])}
    plugin = ["-p", "qsession_sim.testing.plugin"]
    return subprocess.run(
        [*command, *plugin, *options],
        cwd=directory,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_test_runs_once_for_every_policy(tmp_path):
    done = run_pytest(tmp_path, "--qsession-policy", "file.py:oldest", "--qsession-policy", "fifo")
    results = [line.split()[:2] for line in done.stdout.splitlines() if "::test_" in line and "%" in line]
    outcome = {name.partition("::")[2]: verdict for name, verdict in results}
    assert outcome["test_all[lifo]"] == "FAILED"
    passed = {name for name, verdict in outcome.items() if verdict == "PASSED"}
    assert passed >= {f"test_all[{name}]" for name in ("fifo", "fair_share", "mine", "file.py:oldest")}
    assert {name for name in outcome if name.startswith("test_some")} == {
        f"test_some[{name}]" for name in ("fifo", "priority,aging=1s", "mine", "file.py:oldest")
    }
    assert done.returncode == 1


def test_a_policy_that_does_not_exist_is_refused_before_any_test(tmp_path):
    done = run_pytest(tmp_path, "--qsession-policy", "file.py:youngest")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr == (
        "ERROR: --qsession-policy file.py:youngest: file.py: no function is called 'youngest'; there are oldest\n\n"
    )

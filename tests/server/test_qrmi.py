"""QRMI, by which resource managers reach QPUs, is a second client; it stands in an environment of its own.

QRMI_PYTHON names an interpreter that has it; else it is looked for in this environment.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import qsession_sim as qs

pytest.importorskip("starlette", reason="pip install 'qsession-sim[serve]'")
PYTHON = os.environ.get("QRMI_PYTHON") or (sys.executable if importlib.util.find_spec("qrmi") else None)
pytestmark = pytest.mark.skipif(PYTHON is None, reason="needs QRMI_PYTHON, an interpreter with qrmi 0.26")

DONE = ["Queued", "Running", "Completed"]


def test_an_integration_acquires_runs_cancels_and_releases(tmp_path):
    """Four jobs of 2.35 s and an estimator of 100 shots; the session is inactive after the third, and its fourth
    activates it again. The second session is released with three jobs, which are cancelled in the queue."""
    (tmp_path / "empty.json").write_text('{"profile": "2026", "workload": []}', encoding="utf-8")
    serve = [
        sys.executable,
        "-m",
        "qsession_sim",
        "serve",
        "empty.json",
        "--jump",
        "--qrmi",
        "-o",
        "out",
        "--",
    ]
    done = subprocess.run(
        [*serve, str(PYTHON), str(Path(__file__).with_name("qrmi_program.py"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "saved in out\n")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["acquired", "client.s1"],
        ["sampler", "client.1", DONE, True],
        ["estimator", "client.2", DONE, True],
        ["target", ["configuration", "properties"]],
        ["cancelled", ["Cancelled"], DONE],
        ["after a timeout", "client.s1"],
        ["second process", "client.5", DONE, "client.s1"],
        ["released and acquired", "client.s2"],
        ["released with pending jobs", ["Cancelled", "Cancelled", "Cancelled"]],
    ]
    saved = qs.load(tmp_path / "out")
    assert saved.sessions.select("session", "reason", "activations").rows() == [
        ("client.s1", "CLOSED", 2),
        ("client.s2", "CANCELLED", 0),
    ]
    assert saved.jobs["qpu_time_us"].to_list()[:2] == [2_350_000, 2_035_000]

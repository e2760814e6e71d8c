"""Environments with wheels of their own, apart from this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def succeed(*command: str | Path, cwd: Path) -> str:
    """What a command prints; it must end well."""
    # nothing of the environment of this run may leak into the other one
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
    variables["QSESSION_SIM_COMPILE"] = "0"  # compiling takes long, and has tests of its own
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment_of(wheels: list[Path], folder: Path) -> Path:
    """The programs of an environment with some wheels; only their dependencies come from this one."""
    succeed(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    programs = folder / "bin"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    place = succeed(programs / "python", "-c", ask, cwd=folder).strip()
    install = ("install", "-q", "--no-deps", "--no-index", *wheels)
    succeed(sys.executable, "-m", "pip", "--python", programs / "python", *install, cwd=folder)
    # files *.pth of that folder are not read, so an editable installation of this checkout stays out of it
    Path(place, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return programs

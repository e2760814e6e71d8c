"""The wheel and the source distribution hold what they should, and the wheel works on its own."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from environments import environment_of, succeed

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
SOURCES = (".gitignore", "CITATION.cff", "LICENSE", "hatch_build.py", "pyproject.toml")
FOLDERS = ("src", "tests", "docs", "scenarios", "benchmarks")


def built(kind: str, source: Path, into: Path) -> Path:
    succeed(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", into, cwd=source)
    (file,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without what tests and tools leave in a checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in (*SOURCES, *(path.name for path in ROOT.glob("*.md"))):
        shutil.copy(ROOT / name, copy)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", checkout, tmp_path_factory.mktemp("sdist"))


COMPILED = (".so", ".pyd")
"""Endings of what is made where there is a compiler."""


def package_files() -> set[str]:
    folder = ROOT / "src" / "qsession_sim"
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder.parent).as_posix() for path in files if path.suffix not in COMPILED}


def in_wheel(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_every_file_of_the_package_and_what_describes_it(wheel):
    contents = in_wheel(wheel)
    own = {name for name in contents if name.startswith("qsession_sim/") and not name.endswith(COMPILED)}
    assert own == package_files()
    rest = {name.partition("/")[2] for name in contents if not name.startswith("qsession_sim/")}
    assert rest == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_asks_for_the_dependencies_and_offers_the_extras_of_the_project(wheel):
    (metadata,) = (text.decode() for name, text in in_wheel(wheel).items() if name.endswith("/METADATA"))
    required = set(re.findall(r"^Requires-Dist: ([^;\n]+)$", metadata, re.MULTILINE))
    extras = set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE))
    lines = (ROOT / "pyproject.toml").read_text("utf-8")
    base = lines[lines.index("dependencies = [") :].partition("]")[0]
    assert required == {name.replace(".y", "-y") for name in re.findall(r'"([^"]+)"', base)}
    assert extras == {"dask", "docs", "pandas", "plot", "qiskit", "serve", "testing", "test", "zstd"}


def test_the_source_distribution_makes_the_same_wheel(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert {path.name for path in source.iterdir()} >= {*FOLDERS, "README.md", "LICENSE", "pyproject.toml"}
    assert in_wheel(built("wheel", source, tmp_path / "again")) == in_wheel(wheel)


def test_the_quickstart_runs_from_the_wheel_in_an_empty_directory(wheel, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it
    programs = environment_of([wheel], tmp_path / "venv")
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(ROOT / "scenarios" / "quickstart.yaml", empty)
    printed = succeed(programs / "qsession-sim", "run", "quickstart.yaml", cwd=empty)
    readme = (ROOT / "README.md").read_text("utf-8")
    assert printed == re.findall(r"^```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[0]

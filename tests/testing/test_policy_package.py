"""The package of a user that is shown in the documentation passes its own tests, apart from this checkout."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from environments import environment_of, succeed

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "docs" / "examples" / "policy_package"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with wheels of both packages; only their dependencies come from this one."""
    base = tmp_path_factory.mktemp("package")
    copies = {"sim": ROOT, "courses": PACKAGE}
    for name, source in copies.items():
        kept = ("src", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE")
        (base / name).mkdir()
        for item in kept:
            if (source / item).is_dir():
                shutil.copytree(
                    source / item, base / name / item, ignore=shutil.ignore_patterns("__pycache__")
                )
            elif (source / item).exists():
                shutil.copy(source / item, base / name)
        build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", base / "wheels")
        succeed(*build, cwd=base / name)
    return environment_of(sorted((base / "wheels").glob("*.whl")), base / "venv") / "python"


def test_the_tests_of_the_package_pass(environment: Path, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE / "tests", tmp_path / "tests")
    printed = succeed(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=tmp_path)
    assert " passed" in printed.splitlines()[-1]
    verbose = ("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests")
    assert "test_no_policy_loses_a_job[courses_first]" in succeed(environment, *verbose, cwd=tmp_path)


def test_the_policy_is_known_by_its_name(environment: Path, tmp_path: Path) -> None:
    command = (environment, "-m", "qsession_sim")
    assert "courses_first" in succeed(*command, "policies", cwd=tmp_path)
    (tmp_path / "none.yaml").write_text("workload: []\n", encoding="utf-8")
    assert "courses_first" in succeed(*command, "run", "none.yaml", "--policy", "courses_first", cwd=tmp_path)

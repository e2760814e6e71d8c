"""What the tests of the command line share."""

from __future__ import annotations

import pathlib

import pytest

SCENARIOS = pathlib.Path(__file__).parents[2] / "scenarios"


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch):
    """No width or colour wishes of whoever runs the tests."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def quickstart():
    return str(SCENARIOS / "quickstart.yaml")


@pytest.fixture
def busy_day():
    return str(SCENARIOS / "busy_day.yaml")


@pytest.fixture
def scenario_file(tmp_path):
    """Write a scenario, and give its name."""

    def write(text):
        path = tmp_path / "scenario.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write

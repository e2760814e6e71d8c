"""The page on reports says of the shipped scenarios what their reports say."""

from __future__ import annotations

from pathlib import Path

import qsession_sim as qs
from qsession_sim.report.timeline import MOST_SEGMENTS

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "report.md").read_text(encoding="utf-8").split())


def report_of(name: str) -> str:
    return qs.simulate(ROOT / "scenarios" / f"{name}.yaml").report().html


def test_numbers_of_the_busy_day() -> None:
    assert "`1.46 s` for each second that its jobs run means that 0.46 s" in PAGE
    assert '<p class="big">1.46 s</p>' in report_of("busy_day")


def test_numbers_of_the_course() -> None:
    assert (
        "In `course.yaml` the QPU is held for 16 % of the time, but 48 % of all waiting falls into it" in PAGE
    )
    page = report_of("course")
    assert '<p class="big">48 %</p><p>of all waiting passed while <b>a session held the idle QPU</b>' in page
    assert "held 16 %" in page


def test_limit_of_stretches() -> None:
    assert f"Only of runs with more than {MOST_SEGMENTS:,} stretches" in PAGE

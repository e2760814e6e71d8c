"""The page of a run of 200,000 jobs: how long it takes to make, its size, and how it moves in a browser.

Redraws are compared with frames in which nothing is drawn, in the same browser.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report.browser import CHROMIUM, browser

import qsession_sim as qs
from qsession_sim.report.html import Report

BUSY_DAY = Path(__file__).parents[1] / "scenarios" / "busy_day.yaml"

FRAMES = """(async act => {
    const times = [];
    for (let i = 0; i < 21; i++) {
        const begin = performance.now();
        act(i);
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        times.push(performance.now() - begin);
    }
    return times.slice(1).sort((a, b) => a - b)[10];
})"""


LARGE = (
    "horizon=20d",
    "workload.vqe.clients=460",
    "workload.qaoa.clients=190",
    "workload.vqe-in-job-mode.clients=200",
    "workload.notebooks.clients=110",
)


@pytest.fixture(scope="module")
def run() -> qs.Run:
    """Twenty busy days in one."""
    run = qs.simulate(BUSY_DAY, overrides=LARGE)
    assert (run.jobs.height, run.sessions.height, run.intervals.height) == (202_360, 1_138, 247_316)
    return run


def test_making_the_page(benchmark: Any, run: qs.Run) -> None:
    page: Report = benchmark.pedantic(run.report, rounds=3, warmup_rounds=1)
    benchmark.extra_info["bytes"] = len(page.html.encode())
    assert len(page.html.encode()) <= 3_000_000


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_moving_it_beside_frames_in_which_nothing_is_drawn(
    benchmark: Any, run: qs.Run, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    run.report(page)
    with browser() as chromium:
        benchmark.pedantic(chromium.show, (page,), rounds=3)
        chromium.call("Performance.enable")
        chromium.show(page)
        found = chromium.call("Performance.getMetrics")["metrics"]
        metrics = {metric["name"]: metric["value"] for metric in found}
        empty_ms = chromium.run(f"{FRAMES}(() => 0)")
        views = {"all": "() => shown.view(0, 1e12)", "a day": "i => shown.view(i * 1e6, i * 1e6 + 864e5)"}
        moved_ms = {name: chromium.run(f"{FRAMES}({act})") for name, act in views.items()}
        draw = "(() => { const begin = performance.now(); shown.draw(); return performance.now() - begin })()"
        draw_ms = sorted(chromium.run(draw) for _ in range(20))[10]
    assert chromium.messages == []
    benchmark.extra_info |= {
        "CPU until it is drawn, s": metrics["TaskDuration"],
        "an empty frame, ms": empty_ms,
        **{f"a frame of {name}, ms": time_ms for name, time_ms in moved_ms.items()},
        **{f"a frame of {name}, of an empty one": time_ms / empty_ms for name, time_ms in moved_ms.items()},
        "drawing alone, ms": draw_ms,
    }

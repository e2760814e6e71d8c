"""What `kernel.py` compares, once each, for its results."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import heap_loop
import numpy as np
import pytest

import scenarios
from qsession_sim.queueing.recursions import lindley

# by its place, since the tests of the kernel have its name
SPEC = importlib.util.spec_from_file_location(
    "benchmark_of_the_kernel", Path(__file__).with_name("kernel.py")
)
assert SPEC is not None
assert SPEC.loader is not None
kernel = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(kernel)


@pytest.mark.parametrize("load", [0.8, 2.0])
def test_heap_loops_wait_as_long_as_lindley_says(load: float) -> None:
    jobs = kernel.drawn(scenarios.job_mode(load, 5_000)).jobs
    expected = int(np.sum(lindley(jobs.at_us, jobs.qpu_time_us)))
    assert heap_loop.waited_us(jobs.at_us.tolist(), jobs.qpu_time_us.tolist()) == expected
    in_c = heap_loop.compiled()
    assert in_c is None or in_c(jobs.at_us, jobs.qpu_time_us) == expected


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "JOBS", 4_000)
    monkeypatch.setattr(kernel, "ROUNDS", 1)
    kernel.main()
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if not line.startswith(" ")] == [
        "job mode at load 0.8, 4,000 jobs",
        "job mode at load 2.0, 4,000 jobs",
        "2,000 sessions, 4,000 jobs",
    ]

"""Studies on several workers: results and memory decide, timings nothing; `studies.py` prints the ratios."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import studies

FEW = 12
POINTS = 60
MOST_PARENT_BYTES = 500_000_000


def test_two_workers_and_one_find_the_same() -> None:
    _, (one, two) = studies.speed_up(FEW, studies.JOBS, 1)
    assert one == two
    assert [result.replication for result in one] == list(range(FEW))


def test_memory_of_the_process_that_holds_a_sweep_together(tmp_path: Path) -> None:
    command = [sys.executable, studies.__file__, "sweep", str(tmp_path / "study"), str(POINTS)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak_bytes, rows = map(int, output.split())
    assert rows == POINTS * len(studies.METRICS)
    assert peak_bytes < MOST_PARENT_BYTES

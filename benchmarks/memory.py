"""Print the peak memory of some work: `python benchmarks/memory.py JOBS [bare] [draw|tables|bundle]`.

The work is a workload that is drawn, a run with all its tables (the default), or a run that is saved. With
`bare` the work is done for ten jobs only, so that nothing but the interpreter and the libraries it uses is
counted. The difference of the two, divided by the number of jobs, is the memory per job.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import qsession_sim as qs
import scenarios

TABLES = ("jobs", "sessions", "intervals", "transitions", "queue_length")


def peak_bytes() -> int:
    """The high-water mark of this process, from Linux; `getrusage` would report a larger parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def draw(jobs: int) -> int:
    """Draw a workload; the number of its jobs."""
    return len(qs.draw(qs.load_scenario(scenarios.job_mode(0.8, jobs)).resolved).jobs)


def tables(jobs: int) -> int:
    """Run, and keep all tables; the number of their rows."""
    run = qs.simulate(scenarios.job_mode(0.8, jobs))
    return sum(getattr(run, table).height for table in TABLES)


def bundle(jobs: int) -> int:
    """Run, and save tables, summary and provenance; the number of jobs."""
    with tempfile.TemporaryDirectory() as directory:
        run = qs.simulate(scenarios.job_mode(0.8, jobs))
        run.save(Path(directory) / "out")
        submitted: int = run.summary()["all"]["submitted"]
        return submitted


WORK: dict[str, Callable[[int], int]] = {"draw": draw, "tables": tables, "bundle": bundle}


def main() -> None:
    """Work, and print the high-water mark of the process and a number of rows."""
    jobs = int(sys.argv[1])
    work = WORK[next((word for word in sys.argv if word in WORK), "tables")]
    for count in [10] if "bare" in sys.argv else [10, jobs]:
        rows = work(count)
    print(peak_bytes(), rows)


if __name__ == "__main__":
    main()

"""Print the peak memory of a run with its tables, in bytes: `python benchmarks/memory.py JOBS [bare]`.

With `bare` nothing but the interpreter and the libraries that the run uses are loaded. The difference of
the two, divided by the number of jobs, is the memory per job.
"""

from __future__ import annotations

import re
import sys
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


def main() -> None:
    """Run, and print the high-water mark of the process."""
    jobs = int(sys.argv[1])
    for count in [10] if "bare" in sys.argv else [10, jobs]:
        run = qs.simulate(scenarios.job_mode(0.8, count))
        rows = sum(getattr(run, table).height for table in TABLES)
    print(peak_bytes(), rows)


if __name__ == "__main__":
    main()

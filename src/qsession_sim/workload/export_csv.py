"""Workloads as CSV, also gzipped."""

from __future__ import annotations

import gzip
from pathlib import Path

from qsession_sim.workload.columns import Workload
from qsession_sim.workload.export_table import job_table, not_in_table


def write_csv(workload: Workload, file: Path) -> list[str]:
    """Write the table of jobs; returns what it cannot hold.

    Raises:
        OSError: if the file cannot be written.
    """
    text = job_table(workload).write_csv().encode()
    # without a date, equal workloads make equal files
    file.write_bytes(gzip.compress(text, mtime=0) if file.name.lower().endswith(".gz") else text)
    return not_in_table(workload)

"""Workloads as Parquet."""

from __future__ import annotations

from pathlib import Path

from qsession_sim.workload.columns import Workload
from qsession_sim.workload.export_table import job_table, not_in_table


def write_parquet(workload: Workload, file: Path) -> list[str]:
    """Write the table of jobs; returns what it cannot hold.

    Raises:
        OSError: if the file cannot be written.
    """
    job_table(workload).write_parquet(file, compression="zstd")
    return not_in_table(workload)

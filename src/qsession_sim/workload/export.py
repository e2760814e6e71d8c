"""write_workload: any workload as a file that can be replayed."""

from __future__ import annotations

import os
from pathlib import Path

from qsession_sim.errors import WorkloadFileError
from qsession_sim.scenario.trace_files import ENDINGS, trace_format
from qsession_sim.workload.columns import Workload
from qsession_sim.workload.export_csv import write_csv
from qsession_sim.workload.export_parquet import write_parquet
from qsession_sim.workload.export_swf import write_swf


def write_workload(workload: Workload, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Write a workload to a file that a source of kind `trace` reads, in the format that its name ends in.

    Args:
        workload: as `draw` makes it.
        path: ends in .parquet, .csv, .csv.gz, .swf or .swf.gz; a file that is there is replaced.

    Returns:
        What the format cannot hold and is therefore not in the file, as sentences; empty if nothing is lost.

    Raises:
        WorkloadFileError: if the name has another ending, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> from qsession_sim.workload.columns import EMPTY_WORKLOAD
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_workload(EMPTY_WORKLOAD, f"{folder}/nothing.csv")
        ()
    """
    from polars.exceptions import PolarsError

    file = Path(path)
    writers = {"csv": write_csv, "parquet": write_parquet, "swf": write_swf}
    chosen = trace_format(file.name)
    if chosen is None:
        raise WorkloadFileError(f"{file}: the name must end in one of {ENDINGS}")
    try:
        return tuple(writers[chosen](workload, file))
    except (OSError, PolarsError) as error:
        raise WorkloadFileError(
            f"{file}: cannot be written: {getattr(error, 'strerror', None) or error}"
        ) from error

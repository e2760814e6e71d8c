"""write_workload: any workload as a file that can be replayed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from qsession_sim.errors import WorkloadFileError
from qsession_sim.scenario.trace_files import ENDINGS, TraceFormat, trace_format
from qsession_sim.workload.columns import Workload
from qsession_sim.workload.export_csv import write_csv
from qsession_sim.workload.export_parquet import write_parquet
from qsession_sim.workload.export_swf import write_swf


def write_workload(workload: Workload, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Write a workload to a file that a source of kind `trace` reads, in the format that its name ends in.

    Args:
        workload: as `draw` makes it.
        path: ends in .parquet, .csv, .csv.gz, .swf or .swf.gz; a file that is there is replaced when the new
            one is complete.

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
    write = {"csv": write_csv, "parquet": write_parquet, "swf": write_swf}[check_workload_file(file)]
    target = file.resolve()
    partial = target.with_name(f".{secrets.token_hex(4)}.partial.{target.name}")  # its ending counts
    try:
        lost = write(workload, partial)
        partial.replace(target)
    except (OSError, PolarsError) as error:
        raise WorkloadFileError(
            f"{file}: cannot be written: {getattr(error, 'strerror', None) or error}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return tuple(lost)


def check_workload_file(path: str | os.PathLike[str]) -> TraceFormat:
    """Tell whether a workload can be written to a file; nothing is changed.

    Returns:
        The format that its name ends in.

    Raises:
        WorkloadFileError: if the name has another ending, a directory is there, or there is none for it.
    """
    file = Path(path)
    chosen = trace_format(file.name)
    if chosen is None:
        raise WorkloadFileError(f"{file}: the name must end in one of {ENDINGS}")
    if file.is_dir():
        raise WorkloadFileError(f"{file}: cannot be written: is a directory")
    if not file.parent.is_dir():
        raise WorkloadFileError(f"{file}: cannot be written: there is no directory {file.parent}")
    return chosen

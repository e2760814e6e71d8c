"""Names of trace files: their formats, and what can be wrong with a source before its file is read."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Assignment, Problem
from qsession_sim.scenario.reading import Part, given, part, parts

TraceFormat = Literal["csv", "parquet", "swf"]

_FORMATS: Final[Mapping[str, TraceFormat]] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".swf": "swf",
    ".swf.gz": "swf",
}
_TIMES: Final = ("submitted", "think", "qpu_time", "max_execution_time")

ENDINGS: Final = ", ".join(_FORMATS)
"""The endings of names of trace files."""


def trace_format(name: str) -> TraceFormat | None:
    """The format of a file by the end of its name; None of a file that is no trace.

    Example:
        >>> trace_format("week.SWF.gz"), trace_format("vqe.yaml")
        ('swf', None)
    """
    lower = name.lower()
    return next((kind for ending, kind in _FORMATS.items() if lower.endswith(ending)), None)


def set_skip_bad_lines(data: Any) -> tuple[Assignment, ...]:
    """Let every trace of a scenario leave its malformed lines out.

    Args:
        data: the scenario as written, changed in place.

    Example:
        >>> data = {"workload": [{"kind": "trace", "file": "week.swf"}]}
        >>> len(set_skip_bad_lines(data)), data["workload"][0]["skip_bad_lines"]
        (1, True)
    """
    made = []
    for path, source in parts(data, "workload") if isinstance(data, Mapping) else ():
        if source.get("kind") == "trace" and isinstance(source, dict):
            source["skip_bad_lines"] = True
            where = (*path, "skip_bad_lines")
            made.append(Assignment("--skip-bad-lines", where, where))
    return tuple(made)


def trace_problems(data: Part, directory: pathlib.Path) -> Iterator[Problem]:
    """What is wrong with sources of kind `trace`, apart from the contents of their files.

    Args:
        data: the scenario as written.
        directory: where relative names of files start.
    """
    for path, source in parts(data, "workload"):
        if source.get("kind") == "trace" and isinstance(source.get("file"), str) and source["file"]:
            yield from _file(path, source, directory)
            yield from _columns(path, source)


def _file(path: Path, source: Part, directory: pathlib.Path) -> Iterator[Problem]:
    name: str = source["file"]
    where = (*path, "file")
    if trace_format(name) is None:
        yield Problem(where, f"not the name of a trace; it must end in one of {ENDINGS}", name)
        return
    reason = _unreadable(directory / name)
    if reason is not None:
        yield Problem(where, reason, name)


def _unreadable(file: pathlib.Path) -> str | None:
    try:
        if file.is_dir():
            return "is a directory, not a file"
        return None if file.exists() else "no such file"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _columns(path: Path, source: Part) -> Iterator[Problem]:
    columns: Mapping[str, Any] = part(source, "columns")
    if columns and trace_format(source["file"]) == "swf":
        yield Problem((*path, "columns"), "the fields of SWF have fixed places; remove it")
    elif given(columns, *_TIMES) and "unit" not in columns:
        yield Problem((*path, "columns", "unit"), "missing; give the unit of the times, such as s")

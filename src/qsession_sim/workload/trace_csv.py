"""Traces in CSV with a heading, also gzipped."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast

import numpy as np

from qsession_sim.workload.columns import Int64Array
from qsession_sim.workload.trace_columns import ColumnError

if TYPE_CHECKING:
    import polars as pl

_GZIP: Final = ".gz"
_COMMA: Final = ","


def read_csv(file: Path, wanted: Sequence[str]) -> pl.DataFrame:
    """Read those of the wanted columns that there are, as texts; for a file that `is_even`.

    Raises:
        ColumnError: if one of them is there twice.
        OSError, polars.exceptions.PolarsError: if the file cannot be read, or its lines differ in length.
    """
    import polars as pl

    # a look at the heading first: columns that are not wanted are not kept
    with _open(file) as source:
        chosen = _places(next(csv.reader(source), []), wanted)
    if not chosen:
        return pl.DataFrame()
    return pl.read_csv(file, columns=list(chosen), infer_schema=False)


def _places(heading: list[str], wanted: Sequence[str]) -> dict[str, int]:
    """Where in the heading each of the wanted columns is, of those that are there."""
    twice = [name for name in dict.fromkeys(wanted) if heading.count(name) > 1]
    if twice:
        raise ColumnError(f"has more than one column {', '.join(map(repr, twice))}; rename all but one")
    return {name: heading.index(name) for name in wanted if name in heading}


def is_even(file: Path) -> bool:
    """Whether every line has as many commas as the heading, so that no line can lack a field.

    A comma in quotes makes a line uneven; the slow reader tells such a file from a malformed one.

    Raises:
        OSError: if the file cannot be read.
    """
    with _open(file) as source:
        commas = next(source, "").count(_COMMA)
        return all(line.count(_COMMA) == commas or line.isspace() for line in source)


def read_csv_slowly(file: Path, wanted: Sequence[str]) -> tuple[pl.DataFrame, Int64Array, dict[int, str]]:
    """Read the same line by line.

    Returns:
        The columns, the line on which each row ends, and by row what is wrong with its shape.

    Raises:
        ColumnError: if a wanted column is there twice.
        OSError, csv.Error: if the file cannot be read.
    """
    import polars as pl

    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    shapes: dict[int, str] = {}
    with _open(file) as source:
        reader = csv.reader(source)
        heading = next(reader, [])
        chosen = _places(heading, wanted)
        columns = {name: [] for name in chosen}
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(heading):
                shapes[len(lines)] = f"has {len(fields)} fields, the heading {len(heading)}"
            lines.append(reader.line_num)
            for name, place in chosen.items():
                columns[name].append(fields[place] if place < len(fields) else None)
    frame = pl.DataFrame(columns, schema=dict.fromkeys(chosen, pl.String))
    return frame, np.array(lines, dtype=np.int64), shapes


def _open(file: Path) -> TextIO:
    if file.name.lower().endswith(_GZIP):
        return cast("TextIO", gzip.open(file, "rt", encoding="utf-8-sig", newline="", errors="replace"))
    return file.open(encoding="utf-8-sig", newline="", errors="replace")

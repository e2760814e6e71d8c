"""Files of measured QPU times, and the line that is fitted to them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import pathlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from qsession_sim.scenario.problems import nearest, show_value
from qsession_sim.scenario.quantities import format_coefficient
from qsession_sim.scenario.value_files import decode, read_bytes
from qsession_sim.units import SECOND, format_duration

if TYPE_CHECKING:
    from qsession_sim.queueing.least_squares import Float64Array, LinearFit

_MOST_SHOWN: Final = 5
_LARGEST: Final = 1e18
"""Nothing that can be measured comes near it, and the squares of such numbers can be summed."""
_DIGITS: Final = 10
_FACTOR_DIGITS: Final = 6


@dataclass(frozen=True)
class FittedLine:
    """What takes the place of a file of measurements in a scenario.

    Attributes:
        keys: intercept, coefficients, least and fit, as they are written in a scenario.
        factors: measured over fitted time of each measurement, in the file's order.
    """

    keys: Mapping[str, Any]
    factors: tuple[float, ...]


def fit_measurements(
    name: str, directory: pathlib.Path, columns: Mapping[str, str], least_us: int | None = None
) -> FittedLine:
    """Fit a line to the measurements of a CSV file, by ordinary least squares.

    Args:
        name: of the file, with a header; gzipped if it ends in `.gz`.
        directory: where a relative name starts.
        columns: the file's column of `time` (seconds), and of those of shots, circuits, qubits and depth that
            shall count; shots and circuits count as their product.
        least_us: no fitted time is shorter; by default the shortest measured time.

    Returns:
        The line, its numbers rounded to 10 digits, so that the last bits of a machine do not show.

    Raises:
        ValueError: that says what is wrong; one text for each thing.
    """
    content = read_bytes(name, directory)
    table = _table(decode(_unpacked(name, content)), name, columns)
    line, fitted_s = _fit(table)
    if least_us is None:
        least_us = max(round(float(table["time"].min()) * SECOND), 1)
    factors = table["time"] / fitted_s.clip(least_us / SECOND)
    terms = [term for term in ("executions", "qubits", "depth") if term in _terms(table)]
    keys = {
        "intercept": _written(line.intercept),
        "coefficients": {term: _written(value) for term, value in zip(terms, line.coefficients, strict=True)},
        "least": format_duration(least_us),
        "fit": {
            "measurements": len(table["time"]),
            "r_squared": _rounded(line.r_squared, _DIGITS),
            "residual_spread": _written(line.residual_spread),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    }
    return FittedLine(keys, tuple(_rounded(factor, _FACTOR_DIGITS) for factor in factors.tolist()))


def _unpacked(name: str, content: bytes) -> bytes:
    if not name.endswith(".gz"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise ValueError("is not a gzip file") from None


def _table(text: str, name: str, columns: Mapping[str, str]) -> dict[str, Float64Array]:
    import numpy as np

    header, *lines = _lines(text, name)
    cells = [cell.strip() for cell in header[1]]
    unusable = [_no_single_column(column, cells) for column in columns.values() if cells.count(column) != 1]
    if unusable:
        raise ValueError(*unusable)
    places = {role: cells.index(column) for role, column in columns.items()}
    rows: list[list[float]] = []
    wrong: list[str] = []
    for number, row in lines:
        try:
            rows.append([_number(row, place, cells) for place in places.values()])
        except ValueError as error:
            wrong.append(f"{name}, line {number}: {error}")
    if len(wrong) > _MOST_SHOWN:
        wrong[_MOST_SHOWN:] = [f"{name}: {len(wrong) - _MOST_SHOWN} more lines like these"]
    if wrong:
        raise ValueError(*wrong)
    values = np.array(rows, dtype=np.float64).reshape(-1, len(places))
    return {role: values[:, index] for index, role in enumerate(places)}


def _lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Lines that are not empty, with their numbers; the first one is the header."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None
    if not lines:
        raise ValueError("the file is empty")
    return lines


def _no_single_column(column: str, header: list[str]) -> str:
    if column in header:
        return f"two columns of the file are called {show_value(column)}; give each its own name"
    meant = nearest(column, header)
    known = ", ".join(cell for cell in header if cell.isprintable())
    hint = f"did you mean {meant}?" if meant else f"known: {known}"
    return f"the file has no column {show_value(column)} ({hint})"


def _number(row: list[str], place: int, header: list[str]) -> float:
    cell = row[place].strip() if place < len(row) else ""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not 0 < number < _LARGEST:
        raise ValueError(f"{header[place]} must be a number above 0 (got {show_value(cell)})")
    return number


def _terms(table: Mapping[str, Float64Array]) -> dict[str, Float64Array]:
    terms = {key: table[key] for key in ("qubits", "depth") if key in table}
    if "shots" in table:
        terms["executions"] = table["shots"] * table["circuits"] if "circuits" in table else table["shots"]
    return terms


def _fit(table: Mapping[str, Float64Array]) -> tuple[LinearFit, Float64Array]:
    import numpy as np

    from qsession_sim.queueing.least_squares import fit_line

    known = _terms(table)
    columns = np.column_stack([known[term] for term in ("executions", "qubits", "depth") if term in known])
    line = fit_line(columns, table["time"])
    fitted_s: Float64Array = line.intercept + columns @ np.array(line.coefficients)
    return line, fitted_s


def _written(seconds: float) -> str:
    return format_coefficient(_rounded(seconds * SECOND, _DIGITS))


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")

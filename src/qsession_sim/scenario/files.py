"""Files that a scenario names: values, presets, measurements and traces, and what is wrong with them."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from qsession_sim.files import check_regular, limits, open_regular, read_at_most, reason
from qsession_sim.packing import Packing
from qsession_sim.scenario.document import Part, Path, duration, given, part, parts, text
from qsession_sim.scenario.problems import Assignment, Problem, either, nearest, show_value, unknown_name
from qsession_sim.scenario.service import HumanColumns, preset_names, read_preset
from qsession_sim.scenario.trace_files import ENDINGS, TO_UTF8, TraceFormat, advice_on, not_utf8, trace_format
from qsession_sim.scenario.values import format_coefficient
from qsession_sim.units import SECOND, format_duration

if TYPE_CHECKING:
    from qsession_sim.queueing.statistics import Float64Array


def named_files(data: Any, own: str | None, path: Path = ()) -> Iterator[Problem]:
    """Every file that a scenario names, where it may name none but its `own`.

    Example:
        >>> noise = {"kind": "empirical", "file": "/etc/passwd"}
        >>> [problem.path for problem in named_files({"qpus": [{"noise": noise}]}, None)]
        [('qpus', 0, 'noise', 'file')]
    """
    if isinstance(data, Mapping):
        if data.get("file") not in (None, own):
            yield Problem((*path, "file"), "files are not allowed", data["file"])
        for key, value in data.items():
            yield from named_files(value, own, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from named_files(item, own, (*path, index))


# -- Values of empirical distributions in a file of their own, which is read before validation.

_MOST_SHOWN: Final = 5


@dataclass(frozen=True)
class ValueFile:
    """A file that was read: as the scenario names it, and the line of each value."""

    name: str
    lines: tuple[int, ...]


def inline_value_files(
    data: Any, directory: pathlib.Path
) -> tuple[Any, dict[Path, ValueFile], list[Problem]]:
    """Replace `file: NAME` by `values: [...]` in every distribution of kind `empirical`.

    A file has one number or duration per line; `#` starts a comment.

    Args:
        data: a scenario's plain data, which stays as it is.
        directory: where relative names start.

    Returns:
        The new data; the files by the path of their distribution; what is wrong with files.
    """
    files: dict[Path, ValueFile] = {}
    problems: list[Problem] = []

    def walk(value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [walk(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if value.get("kind") == "empirical" and value.get("file") is not None:
            return inline(value, path)
        return {key: walk(item, (*path, key)) for key, item in value.items()}

    def inline(distribution: Mapping[str, Any], path: Path) -> dict[str, Any]:
        rest = {key: item for key, item in distribution.items() if key != "file"}
        name = distribution["file"]
        if "values" in rest:
            problems.append(Problem((*path, "file"), "give values or file, not both"))
            return rest
        try:
            numbered = list(_read_values(decode(read_bytes(name, directory))))
        except ValueError as error:
            problems.append(Problem((*path, "file"), str(error), name))
            return {**rest, "values": []}
        files[path] = ValueFile(name, tuple(line for line, _ in numbered))
        return {**rest, "values": [item for _, item in numbered]}

    return walk(data, ()), files, problems


def name_value_files(
    problems: Iterable[Problem], files: Mapping[Path, ValueFile], unread: Iterable[Path]
) -> Iterator[Problem]:
    """Let problems with values that came from a file name the file and its line.

    Args:
        problems: as found in the data with values.
        files: the files that were read, by the path of their distribution.
        unread: paths of the `file` keys that already have a problem.
    """
    silent = {(*path[:-1], "values") for path in unread}
    shown: dict[Path, int] = {}
    for problem in problems:
        path = problem.path
        if path in silent:
            continue
        if len(path) < 2 or path[-2] != "values" or path[:-2] not in files:
            yield problem
            continue
        distribution, file = path[:-2], files[path[:-2]]
        shown[distribution] = shown.get(distribution, 0) + 1
        if shown[distribution] <= _MOST_SHOWN:
            line = file.lines[int(path[-1])]
            what = f"{file.name}, line {line}: {problem.what}"
            yield Problem((*distribution, "file"), what, problem.got, problem.meant)
    for distribution, count in shown.items():
        if count > _MOST_SHOWN:
            more = f"{files[distribution].name}: {count - _MOST_SHOWN} more lines like these"
            yield Problem((*distribution, "file"), more)


def read_bytes(name: Any, directory: pathlib.Path) -> bytes:
    """The content of a file that a scenario names.

    Raises:
        ValueError: that says what is wrong with the name or the file.
    """
    if not isinstance(name, str):
        raise ValueError("must be the name of a file")
    try:
        with open_regular(directory / name) as file:
            return read_at_most(file, limits().scenario_bytes)
    except (OSError, ValueError) as error:
        raise ValueError(_why(error)) from None


def _why(error: OSError | ValueError) -> str:
    """Why a file cannot be read."""
    match error:
        case FileNotFoundError():
            return "no such file"
        case IsADirectoryError():
            return "is a directory, not a file"
    return f"cannot be read: {reason(error)}"


def decode(content: bytes) -> str:
    """The text of a file.

    Raises:
        ValueError: if it is no text.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise ValueError(f"line {line}: is not UTF-8 text (byte 0x{byte:02x}); {TO_UTF8}") from None


def _read_values(text: str) -> Iterator[tuple[int, float | str]]:
    found = False
    for number, line in enumerate(text.splitlines(), start=1):
        item = line.partition("#")[0].strip()
        if not item:
            continue
        found = True
        try:
            yield number, float(item)
        except ValueError:
            yield number, item
    if not found:
        raise ValueError("the file holds no values")


# -- Files of measured QPU times, and the line that is fitted to them.
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
        name: of the file, with a header; packed if it ends in `.gz` or `.zst`.
        directory: where a relative name starts.
        columns: the file's column of `time` (seconds), and of those of shots, circuits, qubits and depth that
            shall count; shots and circuits count as their product.
        least_us: no fitted time is shorter; by default the shortest measured time.

    Returns:
        The line, its numbers rounded to 10 digits, so that the last bits of a machine do not show.

    Raises:
        ValueError: that says what is wrong; one text for each thing.
    """
    import numpy as np

    from qsession_sim.queueing.service_time import fit_line

    content = read_bytes(name, directory)
    unpacked = _unpacked(name, content)
    try:
        text = unpacked.decode("utf-8-sig")
    except UnicodeDecodeError:
        lines = unpacked.decode("utf-8-sig", "surrogateescape").splitlines(keepends=True)
        raise ValueError(not_utf8(lines)) from None
    table = _table(text, name, columns)
    terms = _terms(table)
    properties = np.column_stack([*terms.values()])
    line = fit_line(properties, table["time"])
    fitted_s = line.intercept + properties @ np.array(line.coefficients)
    if least_us is None:
        least_us = max(round(float(table["time"].min()) * SECOND), 1)
    factors = table["time"] / fitted_s.clip(least_us / SECOND)
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
    packing = Packing.of(name)
    if packing is None:
        return content
    try:
        return read_at_most(packing.unpacked(io.BytesIO(content)), limits().scenario_bytes)
    except OSError as error:
        raise ValueError(_why(error)) from None


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
    """What the line is fitted to, in the order of its coefficients."""
    executions = {"executions": table["shots"] * table.get("circuits", 1.0)} if "shots" in table else {}
    return executions | {key: table[key] for key in ("qubits", "depth") if key in table}


def _written(seconds: float) -> str:
    return format_coefficient(Fraction(repr(_rounded(seconds * SECOND, _DIGITS))))


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


# -- Presets and measurements of service times: read before validation, which sees only their numbers.

_SPELLINGS: Final = (("per_execution",), ("rep_delay", "circuit_length"))
_FITTED: Final = ("intercept", "coefficients", "fit")


def inline_service_times(data: Any, directory: pathlib.Path) -> tuple[Any, list[Problem]]:
    """Replace presets by their keys, and files of measurements by the lines that are fitted to them.

    Args:
        data: a scenario's plain data, which stays as it is.
        directory: where relative names start.

    Returns:
        The new data; what is wrong with presets and files.
    """
    problems: list[Problem] = []
    qpus = data.get("qpus") if isinstance(data, Mapping) else None
    if not isinstance(qpus, list):
        return data, problems
    inlined = []
    for index, qpu in enumerate(qpus):
        service_time = qpu.get("service_time") if isinstance(qpu, Mapping) else None
        if isinstance(service_time, Mapping):
            path: Path = ("qpus", index, "service_time")
            service_time, wrong = _with_preset(path, service_time)
            problems += wrong
            if service_time.get("model") == "fitted":
                service_time, wrong = _with_fit(path, service_time, directory)
                problems += wrong
            inlined.append({**qpu, "service_time": service_time})
        else:
            inlined.append(qpu)
    return {**data, "qpus": inlined}, problems


def _with_preset(path: Path, service_time: Part) -> tuple[Part, list[Problem]]:
    name = text(service_time, "preset")
    if name is None:
        return service_time, []
    rest = {key: value for key, value in service_time.items() if key != "preset"}
    names = preset_names()
    if name not in names:
        return rest, [unknown_name((*path, "preset"), "no preset has this name", name, names)]
    keys = read_preset(name)["service_time"]
    if given(rest, "model") and rest["model"] != keys["model"]:
        what = f"the preset is of model {keys['model']}; remove one of them"
        return keys, [Problem((*path, "model"), what, rest["model"])]
    # an execution that is spelled in one way replaces the preset's other way
    for one, other in (_SPELLINGS, _SPELLINGS[::-1]):
        if given(rest, *one):
            keys = {key: value for key, value in keys.items() if key not in other}
    return {**keys, **rest}, []


def _with_fit(path: Path, service_time: Part, directory: pathlib.Path) -> tuple[Part, list[Problem]]:
    name, columns = text(service_time, "file"), _columns(service_time)
    if name is None or columns is None:
        return service_time, []
    wrong = [
        Problem((*path, key), "follows from the file of measurements; remove it", at_key=True)
        for key in given(service_time, *_FITTED)
    ]
    if wrong:
        return service_time, wrong
    try:
        line = fit_measurements(name, directory, columns, duration(service_time.get("least")))
    except ValueError as error:
        return service_time, [Problem((*path, "file"), what) for what in error.args]
    keys = {key: value for key, value in service_time.items() if key not in {"file", "columns"}}
    noise = keys.get("noise")
    if isinstance(noise, Mapping) and dict(noise) == {"kind": "residuals"}:
        keys["noise"] = {"kind": "empirical", "values": list(line.factors)}
    return {**line.keys, **keys}, []


def _columns(service_time: Part) -> dict[str, str] | None:
    """The columns to fit; None where something is missing or wrong, which validation reports."""
    try:
        columns = HumanColumns.model_validate(service_time.get("columns"))
    except ValidationError:
        return None
    chosen: dict[str, str] = columns.model_dump(exclude_none=True)
    fits = "shots" in chosen if "circuits" in chosen else len(chosen) > 1
    return chosen if fits else None


# -- Traces: files of jobs.


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
            yield from _trace_columns(path, source)


def _file(path: Path, source: Part, directory: pathlib.Path) -> Iterator[Problem]:
    name: str = source["file"]
    where = (*path, "file")
    if trace_format(name) is None:
        advice = advice_on(name)
        what = f"not the name of a trace; it must end in one of {ENDINGS}"
        yield Problem(where, f"{advice}; {what}" if advice else what, name)
        return
    try:
        check_regular(directory / name)
        packing = Packing.of(name)
        if packing is not None:
            packing.check()
    except (OSError, ValueError) as error:
        yield Problem(where, _why(error), name)


def _trace_columns(path: Path, source: Part) -> Iterator[Problem]:
    columns: Mapping[str, Any] = part(source, "columns")
    kind = trace_format(source["file"])
    if columns and kind is not None and not kind.names_columns:
        yield Problem((*path, "columns"), f"the fields of {kind.name} have fixed places; remove it")
    asked = {"estimate": part(source, "estimate").get("method"), "max_execution_time": None}
    for key in asked if kind is not None and not kind.has_requests else ():
        if "requested" in (source.get(key), asked[key]):
            known = either([other.name for other in TraceFormat if other.has_requests])
            what = f"requested times are in {known} only; name the column, as columns: {{{key}: ...}}"
            yield Problem((*path, key), what)
    if given(source, "qpu", "machines") == ["qpu", "machines"]:
        yield Problem((*path, "machines"), "all jobs are on the QPU of the source; remove one of them")

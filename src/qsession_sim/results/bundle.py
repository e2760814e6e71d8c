"""A run as a directory: written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from qsession_sim import __version__
from qsession_sim.errors import BundleError
from qsession_sim.files import (
    DIGESTS,
    digest_lines,
    digest_of,
    hindrance,
    parse_json,
    read_digest_lines,
    read_regular,
    reason,
    resolved,
    whole_directory,
    write_table,
)
from qsession_sim.results.record import Record
from qsession_sim.results.tables import TABLES, column_names, kind_of, kinds_of_columns

if TYPE_CHECKING:
    import polars as pl

    from qsession_sim.scenario.models import ResolvedScenario


# -- Where a result comes from: versions, seed, digests. No times, no paths: equal runs, equal bytes (S7).

DEPENDENCIES: Final = ("numpy", "polars", "pydantic", "simpy")

_COLUMNS: Final = ("job_session", "submitted_us", "started_us", "ended_us", "stage", "reason", "transitions")
_WHERE_NEEDED: Final = (
    *("job_qpu", "session_qpu", "preparing_us", "ready_us", "left_us"),
    *("lost_runs", "windows"),
)
_CALLED_IN_DIGESTS: Final = {"stage": "status"}  # so that digests stay the same


class ScenarioLike(Protocol):
    """What a run needs of the scenario it came from."""

    @property
    def resolved(self) -> ResolvedScenario:
        """The form that was simulated."""

    @property
    def text(self) -> str:
        """The YAML as given."""

    def to_json(self) -> str:
        """The resolved form as a JSON document."""


def describe(record: Record, scenario: ScenarioLike, given: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that identifies a result.

    Args:
        record: the run.
        scenario: what it was run from.
        given: what only the caller knows, such as the name of the engine, and more `digests`; JSON values.
    """
    return {
        "versions": versions(),
        "seed": scenario.resolved.seed,
        **given,
        **({"left_out": record.workload.lines_left_out} if record.workload.left_out else {}),
        "digests": {
            "scenario": hashlib.sha256(scenario.to_json().encode()).hexdigest(),
            "workload": record.workload.digest(),
            "record": record_digest(record),
            **given.get("digests", {}),
        },
    }


def as_given(text: str, overrides: Sequence[str]) -> str:
    r"""The text of a scenario, marked in a comment if it is not all that was simulated.

    Example:
        >>> as_given("seed: 7\n", ["horizon=5m"]).splitlines()[1:]
        ['seed: 7']
    """
    mark = f"# The file as given, without the overrides that {PROVENANCE} names; {RESOLVED} has them.\n"
    return mark + text if overrides else text


def versions() -> dict[str, str]:
    """Versions of the package, Python and what the result depends on."""
    return {
        "qsession-sim": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in DEPENDENCIES},
    }


def record_digest(record: Record) -> str:
    """SHA-256 over what happened, little endian: equal runs of a workload, equal digests (S7)."""
    digest = hashlib.sha256()
    needed = (name for name in _WHERE_NEEDED if (part := getattr(record, name)) is not None and len(part))
    for name in (*_COLUMNS, *needed):
        column = np.ascontiguousarray(getattr(record, name))
        digest.update(f"{_CALLED_IN_DIGESTS.get(name, name)}:{column.shape};".encode())
        digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).data)
    digest.update(f"{';'.join(record.qpus)};{record.end_us}".encode())
    return digest.hexdigest()


_ENGINE: Final = re.compile(rb'^  "engine": "(simpy|compiled|live)",\n', re.MULTILINE)
"""The line of the provenance that says what ran."""

SUMMARY: Final = "summary.json"
SCENARIO: Final = "scenario.yaml"
RESOLVED: Final = "scenario.resolved.json"
PROVENANCE: Final = "provenance.json"
COMPARED: Final = f"{PROVENANCE} without its engine"

FILES: Final = (*(f"{table}.parquet" for table in TABLES), SUMMARY, SCENARIO, RESOLVED, PROVENANCE, DIGESTS)
"""All that a bundle holds."""

_ROWS_PER_GROUP: Final = 262_144


def write_bundle(
    directory: str | os.PathLike[str],
    tables: Sequence[str],
    frame: Callable[[str], pl.DataFrame],
    texts: Mapping[str, str],
) -> Path:
    """Write all files of a bundle next to its place, then rename it; an interruption leaves what was there.

    A bundle that is there is replaced, or an empty directory; nothing else ever is.

    Args:
        directory: where the bundle shall be; missing parents are made.
        tables: names of tables.
        frame: from the name of a table to the table; asked when it is written, one after the other.
        texts: the contents of the other files by file name.

    Returns:
        The directory.

    Raises:
        BundleError: if `check_target` refuses the directory, or it cannot be written.
    """
    target = check_target(directory)
    try:
        with whole_directory(target) as partial:
            for table in tables:
                # a file that polars opens itself could still appear after an interrupt
                with (partial / f"{table}.parquet").open("wb") as file:
                    write_table(frame(table), file, _ROWS_PER_GROUP)
            for name, text in texts.items():
                (partial / name).write_text(text, encoding="utf-8", newline="\n")
            digests = {path.name: digest_of(path) for path in sorted(partial.iterdir())}
            if PROVENANCE in digests:
                del digests[PROVENANCE]
                digests[COMPARED] = _digest(_without_engine(texts[PROVENANCE].encode()))
            (partial / DIGESTS).write_bytes(_digest_file(digests))
    except OSError as error:
        raise BundleError(f"cannot write the bundle {directory}: {reason(error)}") from error
    return target


def check_target(directory: str | os.PathLike[str]) -> Path:
    """Check that a bundle can be written to a directory; nothing is changed.

    Args:
        directory: where the bundle shall be.

    Returns:
        The directory, absolute.

    Raises:
        BundleError: if the name is empty, something other than a bundle or an empty directory is there, the
            bundle that is there holds what would be lost, or nothing can be made in the directory above.
    """
    if not os.fspath(directory):
        raise BundleError("the name of the directory is empty")
    try:
        target = resolved(directory)
        _refuse_to_replace(target)
    except OSError as error:
        raise BundleError(f"{directory} cannot be used: {reason(error)}; choose another directory") from error
    if why := hindrance(target.parent):
        raise BundleError(f"{target} cannot be made, because {why}; choose another directory")
    return target


def is_bundle(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory is a bundle."""
    return os.path.isfile(Path(directory) / PROVENANCE)  # noqa: PTH113 - False for whatever cannot be one


def read_frame(directory: Path, table: str) -> pl.DataFrame:
    """Read a table of a bundle.

    Raises:
        BundleError: if the file is missing or damaged, or holds another table, or columns of other kinds.
    """
    import polars as pl

    name = f"{table}.parquet"
    try:
        frame = pl.read_parquet(io.BytesIO(_read(directory, name)))
    except pl.exceptions.PolarsError as error:
        raise _damaged(directory, name, error) from error
    known = column_names(table)
    missing = [column for column in known if column not in frame.columns]
    foreign = [column for column in frame.columns if column not in known]
    # columns are only ever added: an older or newer version has fewer or more of them, not others
    if missing and (foreign or not frame.columns):
        held = f"{foreign[0]!r} but not {missing[0]!r}" if foreign else "no column"
        raise BundleError(
            f"the bundle {directory} is damaged: {name} holds {held}, so it is not the table {table}; "
            f"write it again"
        )
    kinds = kinds_of_columns(table)
    for column, kind in frame.schema.items():
        held, wanted = kind_of(kind), kinds.get(column)
        if wanted not in (held, None) and kind != pl.Null:
            raise _damaged(directory, name, f"the column {column!r} holds {held}, not {wanted}")
    return frame


def read_text(directory: Path, name: str) -> str:
    """Read another file of a bundle.

    Raises:
        BundleError: if it is missing or no text, or was changed.
    """
    try:
        return _read(directory, name).decode()
    except UnicodeDecodeError as error:
        raise _damaged(directory, name, error) from error


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """Read a JSON object of a bundle.

    Raises:
        BundleError: if the file is missing or damaged.
    """
    try:
        document = parse_json(read_text(directory, name))
    except ValueError as error:
        raise _damaged(directory, name, error) from error
    if not isinstance(document, dict):
        raise BundleError(f"the bundle {directory} is damaged: {name} is not a JSON object; write it again")
    return document


def json_text(document: Mapping[str, Any]) -> str:
    """A JSON document as a bundle has it."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _refuse_to_replace(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise BundleError(f"{target} is a file; choose a directory that does not exist")
    there = sorted(entry.name for entry in target.iterdir())
    if there and not is_bundle(target):
        raise BundleError(
            f"{target} exists and is not a bundle (it has no {PROVENANCE}); "
            f"choose a directory that does not exist or is empty"
        )
    foreign = [name for name in there if name not in FILES]
    if foreign:
        raise BundleError(
            f"{target} is a bundle but also holds {foreign[0]!r}, which would be lost; "
            f"move it away or choose another directory"
        )


def _read(directory: Path, name: str) -> bytes:
    """The content of a file.

    Raises:
        BundleError: if it cannot be read, or is not what was written; in bundles of earlier versions, which
            have no digests, only the former is known.
    """
    try:
        while True:
            place = directory.stat().st_ino
            content, digests = read_regular(directory / name), _digests(directory)
            if digests is None or _is_as_written(name, content, digests):
                return content
            if place == directory.stat().st_ino:  # else another bundle took its place meanwhile
                raise _damaged(directory, name, f"its SHA-256 is not that in {DIGESTS}, so it was changed")
    except OSError as error:
        raise _damaged(directory, name, error) from error


def _digests(directory: Path) -> dict[str, str] | None:
    """The digests of the files by name; None in a bundle without them.

    Raises:
        BundleError: if they are damaged.
        OSError: if they cannot be read.
    """
    try:
        content = read_regular(directory / DIGESTS)
    except FileNotFoundError:
        return None
    files, _, compared = content.partition(b"# ")
    digests = dict([*read_digest_lines(files), *read_digest_lines(compared)])
    if _digest_file(digests) != content:
        raise _damaged(directory, DIGESTS, "it holds more than digests")
    return digests


def _digest_file(digests: Mapping[str, str]) -> bytes:
    """What stands in `DIGESTS`; for `sha256sum` the line of `COMPARED` is a comment."""
    lines = digest_lines(item for item in digests.items() if item[0] != COMPARED)
    return lines + (b"# " + digest_lines([(COMPARED, digests[COMPARED])]) if COMPARED in digests else b"")


def _is_as_written(name: str, content: bytes, digests: Mapping[str, str]) -> bool:
    if name == PROVENANCE and COMPARED in digests:
        return digests[COMPARED] == _digest(_without_engine(content))
    return digests.get(name) == _digest(content)


def _without_engine(provenance: bytes) -> bytes:
    """All of a provenance that equal runs have in common."""
    return _ENGINE.sub(b"", provenance, count=1)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(directory: Path, name: str, error: Exception | str) -> BundleError:
    if not directory.is_dir():
        return BundleError(f"{directory} is not a directory; give the directory that a run was saved to")
    why = error if isinstance(error, str) else reason(error)
    return BundleError(f"the bundle {directory} is damaged: {name}: {why}; write it again")

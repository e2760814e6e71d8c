"""Values of empirical distributions that stand in a file of their own: read before validation."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from qsession_sim.scenario.document import Path
from qsession_sim.scenario.problems import Problem

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
        return (directory / name).read_bytes()
    except FileNotFoundError:
        raise ValueError("no such file") from None
    except IsADirectoryError:
        raise ValueError("is a directory, not a file") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def decode(content: bytes) -> str:
    """The text of a file.

    Raises:
        ValueError: if it is no text.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None


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

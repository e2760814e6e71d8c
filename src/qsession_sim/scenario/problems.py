"""Everything that is wrong with a scenario, one line each, in the order of the document."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.document import Document, Path, Position, child, item_labels, show_path

_NOTHING: Final = object()
_LONGEST_SHOWN: Final = 60
_MOST_KNOWN: Final = 12


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, what was found there and what may have been meant.

    `place` is for a part of a file that no path leads to, such as the second of two equal keys; `because` has
    the assignments that contradict a part of the file.
    """

    path: Path
    what: str
    got: Any = _NOTHING
    meant: str | None = None
    known: tuple[str, ...] = ()
    at_key: bool = False
    place: Position | None = None
    because: tuple[str, ...] = ()

    def describe(self) -> str:
        """The message without its place."""
        details = [] if self.got is _NOTHING else [f"got {show_value(self.got)}"]
        if self.meant is not None:
            details.append(f"did you mean {self.meant}?")
        elif self.known:
            more = ", …" if len(self.known) > _MOST_KNOWN else ""
            details.append(f"known: {', '.join(self.known[:_MOST_KNOWN])}{more}")
        return f"{self.what} ({'; '.join(details)})" if details else self.what


@dataclass(frozen=True)
class Assignment:
    """A value that was set from outside the document.

    `label` is what the user wrote, `path` the place that was set, `made` the topmost part that it created.
    """

    label: str
    path: Path
    made: Path


def unknown_name(path: Path, what: str, got: str, known: Iterable[str], *, at_key: bool = False) -> Problem:
    """A name that does not exist, with the nearest one that does, else with all that do.

    Example:
        >>> unknown_name((), "unknown color", "gren", ["red", "green"]).describe()
        "unknown color (got 'gren'; did you mean green?)"
    """
    names = tuple(known)
    shown = _NOTHING if at_key else got
    return Problem(path, what, shown, meant=nearest(got, names), known=names, at_key=at_key)


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that is most like the given one, if any is.

    Example:
        >>> nearest("2024", ["2023", "2024-04"]), nearest("frist", ["first"]), nearest("lanes", ["rules"])
        ('2024-04', 'first', None)
    """
    longer = [candidate for candidate in known if name and candidate.startswith(name)]
    matches = longer if len(longer) == 1 else difflib.get_close_matches(name, known, n=1, cutoff=0.65)
    return matches[0] if matches else None


def either(words: Sequence[str]) -> str:
    """Words to choose from.

    Example:
        >>> either(["factor", "time"]), either(["us", "ms", "s"]), either(["1"])
        ('factor or time', 'us, ms or s', '1')
    """
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def show_value(value: Any) -> str:
    r"""A found value, short and on one line, as YAML would have it.

    Example:
        >>> show_value(True), show_value("a\nb"), show_value([1, 2]), show_value({})
        ('true', "'a\\nb'", 'a list', 'a mapping')
    """
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    try:
        text = repr(value)
    except ValueError:  # an integer of more than 4300 digits
        return "a very long number"
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def scenario_error(
    problems: Iterable[Problem],
    document: Document,
    assignments: Sequence[Assignment] = (),
    failed_assignments: Iterable[str] = (),
) -> ScenarioError:
    """All problems as one error: those of the document in its order, then those set from outside."""
    lines = [_line(problem, document, assignments) for problem in problems]
    lines.extend(((1,), line) for line in failed_assignments)
    return ScenarioError(tuple(line for _, line in sorted(dict.fromkeys(lines))))


def placed_error(
    error: ScenarioError, document: Document, assignments: Sequence[Assignment] = ()
) -> ScenarioError:
    """The same problems, in the same order, each with the place in the document that it names.

    Args:
        error: each of its lines starts with `workload` or `qpus`, which `.NAME` may follow, the name of a
            source or a QPU, and then a key inside it.
        document: where the sources stand.
        assignments: what was set from outside.

    Example:
        >>> document = Document("a.yaml", {"workload": [{"kind": "arrivals"}]}, lambda path: ((2, 5), (2, 5)))
        >>> print(placed_error(ScenarioError(("workload.arrivals.shots: too many",)), document))
        a.yaml:2:5: workload.arrivals.shots: too many
    """
    problems = (_problem_of(line, document.data) for line in error.problems)
    return ScenarioError(tuple(_line(problem, document, assignments)[1] for problem in problems))


def _problem_of(line: str, data: Any) -> Problem:
    for owner in ("workload", "qpus"):
        items = child(data, owner)
        labels = item_labels(items) if isinstance(items, list) else []
        # the longest name first: names may contain dots
        for index in sorted(range(len(labels)), key=lambda index: -len(labels[index] or "")):
            start = f"{owner}.{labels[index]}"
            if line.startswith((f"{start}.", f"{start}: ")):
                keys, _, what = line.removeprefix(start).partition(": ")
                return Problem((owner, index, *keys.split(".")[1:]), what)
        if line.startswith(f"{owner}: "):
            return Problem((owner,), line.removeprefix(f"{owner}: "))
    return Problem((), line)


def _line(
    problem: Problem, document: Document, assignments: Sequence[Assignment]
) -> tuple[tuple[int, ...], str]:
    """A problem as people read it, after what puts it in order."""
    assignment = _assignment_of(problem, assignments)
    message = problem.describe()
    shown = show_path(problem.path, document.data)
    if assignment is not None:
        inside = len(problem.path) < len(assignment.path) and isinstance(problem.got, Mapping)
        if inside and problem.what != "must be a list":
            return (1,), f"{assignment.label}: {shown} is a single value; set it as a whole"
        where = "" if problem.path == assignment.path else f"{shown}: "
        return (1,), f"{assignment.label}: {where}{message}"
    order, prefix = _place(problem, document)
    if problem.because:
        message = f"{message} (because of {' and '.join(problem.because)})"
    return (0, *order), f"{prefix}: {shown}: {message}" if shown else f"{prefix}: {message}"


def name_causes(
    problems: Iterable[Problem], known: Sequence[Problem], assignments: Sequence[Assignment]
) -> list[Problem]:
    """Problems that were not `known` before values were set, with the assignments that may be their cause."""
    named: list[Problem] = []
    for problem in problems:
        near = [made.label for made in assignments if made.path[:2] == problem.path[:2]]
        labels = tuple(near or [made.label for made in assignments])
        named.append(problem if problem in known else replace(problem, because=labels))
    return named


def _assignment_of(problem: Problem, assignments: Sequence[Assignment]) -> Assignment | None:
    for assignment in reversed(assignments):
        if problem.path[: len(assignment.made)] == assignment.made:
            return assignment
    return None


def _place(problem: Problem, document: Document) -> tuple[tuple[int, ...], str]:
    if problem.place is not None or document.locate is not None:
        position = problem.place
        if position is None and document.locate is not None:
            key, value = document.locate(problem.path)
            position = key if problem.at_key else value
        line, column = position or (1, 1)
        return (line, column), f"{document.origin}:{line}:{column}"
    return tuple(_order(problem.path, document.data)), document.origin


def _order(path: Path, data: Any) -> Iterable[int]:
    for step in path:
        if isinstance(data, Mapping) and step in data:
            yield list(data).index(str(step))
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            yield step
            data = data[step]
        else:
            return

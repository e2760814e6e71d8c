"""What is wrong with a scenario: one line for each problem, in the order of the document."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from qsession_sim.errors import ScenarioError
from qsession_sim.scenario.document import Document, Path, Position, child, cut, item_labels, show_path

_NOTHING: Final = object()
_MOST_KNOWN: Final = 12
_MOST_OF_A_KIND: Final = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, the value there and what may have been meant.

    `unknown` is a name that is none of the `known` ones; the nearest of them is looked for when the problem
    is described. `place` is for a part of a file that no path leads to, such as the second of two equal keys;
    `because` has the assignments that contradict a part of the file.
    """

    path: Path
    what: str
    got: Any = _NOTHING
    meant: str | None = None
    unknown: str | None = None
    known: Collection[str] = ()
    at_key: bool = False
    place: Position | None = None
    because: tuple[str, ...] = ()

    def describe(self) -> str:
        """The message without its place."""
        details = [] if self.got is _NOTHING else [f"got {show_value(self.got)}"]
        meant = self.meant if self.unknown is None else nearest(self.unknown, tuple(self.known))
        if meant is not None:
            details.append(f"did you mean {meant}?")
        elif self.known:
            more = ", …" if len(self.known) > _MOST_KNOWN else ""
            details.append(f"known: {', '.join(islice(self.known, _MOST_KNOWN))}{more}")
        return f"{self.what} ({'; '.join(details)})" if details else self.what


@dataclass(frozen=True)
class Assignment:
    """A value that was set from outside the document.

    `label` is what the user wrote, cut if it is long; `path` the place that was set, `made` the topmost part
    that it created; `override` the whole `PATH=VALUE`, empty where an option of its own set it.
    """

    label: str
    path: Path
    made: Path
    override: str = ""


def unknown_name(path: Path, what: str, got: str, known: Collection[str], *, at_key: bool = False) -> Problem:
    """A name that does not exist, with the nearest one that does, else with all that do.

    Args:
        path: where it stands.
        what: what is wrong with it.
        got: the name.
        known: those that exist; not changed afterwards, since many problems may share it.
        at_key: whether the name is a key of the document.

    Example:
        >>> unknown_name((), "unknown color", "gren", ["red", "green"]).describe()
        "unknown color (got 'gren'; did you mean green?)"
    """
    shown = _NOTHING if at_key else got
    return Problem(path, what, shown, unknown=got, known=known, at_key=at_key)


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
    r"""A value, short and on one line, as YAML would have it.

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
    return cut(text)


def scenario_error(
    problems: Iterable[Problem],
    document: Document,
    assignments: Sequence[Assignment] = (),
    failed_assignments: Iterable[str] = (),
) -> ScenarioError:
    """All problems as one error: those of the document in its order, then those set from outside.

    Of problems of the same kind the first 20 are shown, and the number of the others.
    """
    lines = [*_Report(document, assignments).lines(problems)]
    lines.extend(((1,), line) for line in failed_assignments)
    return ScenarioError(tuple(line for _, line in sorted(dict.fromkeys(lines))))


def unusable_values(data: Any, path: Path = ()) -> Iterator[Problem]:
    """Values that no key of a scenario can take, and that not every check could write into a message.

    Args:
        data: plain.
        path: where it stands.

    Example:
        >>> [problem.path for problem in unusable_values({"a": [1, 2**128], "b": "x"})]
        [('a', 1)]
    """
    if isinstance(data, Mapping):
        for key, value in data.items():
            if _HALF_OF_A_PAIR.search(key):
                yield Problem(path, f"a key is not valid text; {_BROKEN}", at_key=True)
            else:
                yield from unusable_values(value, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from unusable_values(item, (*path, index))
    elif isinstance(data, str):
        if _HALF_OF_A_PAIR.search(data):
            yield Problem(path, f"not valid text; {_BROKEN}", data)
    elif isinstance(data, int) and abs(data) >= _TOO_LARGE:
        yield Problem(path, "larger than any number that a scenario can use, even a seed of 128 bits", data)


_TOO_LARGE: Final = 2**128
_HALF_OF_A_PAIR: Final = re.compile("[\ud800-\udfff]")
_BROKEN: Final = "it has half of a surrogate pair; write the character itself"


def placed_error(
    error: ScenarioError, document: Document, assignments: Sequence[Assignment] = ()
) -> ScenarioError:
    """The same problems, in the same order, each with the place in the document that it names.

    Args:
        error: each of its lines starts with `workload` or `qpus`, which `.NAME` may follow, the name of a
            source or a QPU, and then a key inside it; a line that has its place already keeps it.
        document: where the sources stand.
        assignments: what was set from outside.

    Example:
        >>> document = Document("a.yaml", {"workload": [{"kind": "arrivals"}]}, lambda path: ((2, 5), (2, 5)))
        >>> print(placed_error(ScenarioError(("workload.arrivals.shots: too many",)), document))
        a.yaml:2:5: workload.arrivals.shots: too many
    """
    report = _Report(document, assignments)
    has_place = (f"{document.origin}:", "--set ")
    return ScenarioError(
        tuple(
            line if line.startswith(has_place) else report.line(report.problem_of(line))[1]
            for line in error.problems
        )
    )


Ordered = tuple[tuple[int, ...], str]
"""A problem as people read it, after what puts it in order."""


@dataclass
class _Report:
    """Problems of one document as lines; what is looked up for one of them is kept for the others."""

    document: Document
    assignments: Sequence[Assignment]
    _labels: dict[int, list[str | None]] = field(default_factory=dict)
    _places: dict[int, dict[str | int, int]] = field(default_factory=dict)

    def lines(self, problems: Iterable[Problem]) -> Iterator[Ordered]:
        """A line for each of the first problems of a kind, and one for the others."""
        kinds: dict[tuple[Any, ...], list[tuple[tuple[int, ...], Problem]]] = {}
        for problem in problems:
            path = problem.path
            kind = (problem.what, len(path), path[:1], path[-1] if path and isinstance(path[-1], str) else "")
            kinds.setdefault(kind, []).append((self._order(problem), problem))
        for of_kind in kinds.values():
            of_kind.sort(key=lambda ordered: ordered[0])
            yield from (self.line(problem) for _, problem in of_kind[:_MOST_OF_A_KIND])
            others = dict.fromkeys((order, problem.path) for order, problem in of_kind[_MOST_OF_A_KIND:])
            if others:
                next_problem = of_kind[_MOST_OF_A_KIND][1]
                more = f"and {len(others):,} more like these: {next_problem.what}"
                yield self.line(
                    replace(next_problem, what=more, got=_NOTHING, meant=None, unknown=None, known=())
                )

    def line(self, problem: Problem) -> Ordered:
        """A problem with its place."""
        assignment = _assignment_of(problem, self.assignments)
        message = problem.describe()
        shown = show_path(problem.path, self.document.data, self.labels)
        if assignment is not None:
            inside = len(problem.path) < len(assignment.path) and isinstance(problem.got, Mapping)
            if inside and problem.what != "must be a list":
                return (1,), f"{assignment.label}: {shown} is a single value; set it as a whole"
            where = "" if problem.path == assignment.path else f"{shown}: "
            return (1,), f"{assignment.label}: {where}{message}"
        prefix = self.document.origin
        order = self._order(problem)
        if self._is_placed(problem):
            prefix = f"{prefix}:{order[0]}:{order[1]}"
        if problem.because:
            message = f"{message} (because of {' and '.join(problem.because)})"
        return (0, *order), f"{prefix}: {shown}: {message}" if shown else f"{prefix}: {message}"

    def problem_of(self, line: str) -> Problem:
        """A problem that was found where only names are known: `workload.NAME.KEY: what`."""
        for owner in ("workload", "qpus"):
            items = child(self.document.data, owner)
            labels = self.labels(items) if isinstance(items, list) else []
            # the longest name first: names may contain dots
            for index in sorted(range(len(labels)), key=lambda index: -len(labels[index] or "")):
                start = f"{owner}.{labels[index]}"
                if line.startswith((f"{start}.", f"{start}: ")):
                    keys, _, what = line.removeprefix(start).partition(": ")
                    return Problem((owner, index, *keys.split(".")[1:]), what)
            if line.startswith(f"{owner}: "):
                return Problem((owner,), line.removeprefix(f"{owner}: "))
        return Problem((), line)

    def labels(self, items: Sequence[Any]) -> list[str | None]:
        """What the items of a list of the document are called."""
        if id(items) not in self._labels:
            self._labels[id(items)] = item_labels(items)
        return self._labels[id(items)]

    def _is_placed(self, problem: Problem) -> bool:
        return problem.place is not None or self.document.locate is not None

    def _order(self, problem: Problem) -> tuple[int, ...]:
        """Line and column where they are known, else the place of each part within the one around it."""
        if problem.place is not None:
            return problem.place
        if self.document.locate is not None:
            key, value = self.document.locate(problem.path)
            return key if problem.at_key else value
        return tuple(self._steps(problem.path))

    def _steps(self, path: Path) -> Iterator[int]:
        data = self.document.data
        for step in path:
            if isinstance(data, Mapping) and step in data:
                if id(data) not in self._places:
                    self._places[id(data)] = {key: place for place, key in enumerate(data)}
                yield self._places[id(data)][step]
                data = data[str(step)]
            elif isinstance(data, list) and isinstance(step, int) and step < len(data):
                yield step
                data = data[step]
            else:
                return


def name_causes(
    problems: Iterable[Problem], known: Sequence[Problem], assignments: Sequence[Assignment]
) -> list[Problem]:
    """Problems that were not `known` before values were set, with the assignments that may be their cause."""
    known_at: dict[Path, list[Problem]] = {}
    for problem in known:
        known_at.setdefault(problem.path, []).append(problem)
    named: list[Problem] = []
    for problem in problems:
        near = [made.label for made in assignments if made.path[:2] == problem.path[:2]]
        labels = tuple(near or [made.label for made in assignments])
        named.append(
            problem if problem in known_at.get(problem.path, ()) else replace(problem, because=labels)
        )
    return named


def _assignment_of(problem: Problem, assignments: Sequence[Assignment]) -> Assignment | None:
    for assignment in reversed(assignments):
        if problem.path[: len(assignment.made)] == assignment.made:
            return assignment
    return None

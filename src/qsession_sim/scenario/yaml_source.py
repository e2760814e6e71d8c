"""The only file that knows the YAML library: YAML 1.2 text to plain data with positions, and back to text.

Nodes are read instead of finished objects, so that every key and value keeps its line and column,
duplicate keys are seen, and the conversion of scalars is the few lines below.
"""

from __future__ import annotations

import io
import re
from functools import partial
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from qsession_sim.scenario.document import DEEPEST, Document, Path, Position
from qsession_sim.scenario.problems import Problem, scenario_error

_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset({"str", "timestamp", "merge", "value"})
_MOST_REPEATED: Final = 1_000_000
"""Values that aliases may repeat; a few nested ones could ask for more than the memory holds."""
_DEEPEST_COMPOSED: Final = 4 * DEEPEST
"""Of nested nodes, where composing ends; few enough for Python's recursion limit as it usually is."""
_BASES: Final = {"0b": 2, "0o": 8, "0x": 16}
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HINTS: Final = {
    "found character '\\t' that cannot start any token": "a tab cannot indent; use spaces",
    "mapping values are not allowed here": "unexpected ':'; put a text that contains ': ' in quotes",
    "but found another document": "the file holds more than one document; give one file for each",
}


def read_yaml(text: str, origin: str) -> Document:
    """Read the text of a scenario file.

    Raises:
        ScenarioError: if it is not YAML, is empty, or has duplicate keys, tags or an alias inside itself.

    Example:
        >>> document = read_yaml("a: [5s, no]", "example.yaml")
        >>> document.data, document.locate(("a",))
        ({'a': ['5s', 'no']}, ((1, 1), (1, 4)))
    """
    root, problem = _compose(text)
    if problem is not None:
        raise scenario_error([problem], Document(origin, None))
    if root is None:
        empty = Problem((), "the file is empty; a scenario needs at least workload", place=(1, 1))
        raise scenario_error([empty], Document(origin, None))
    problems: list[Problem] = []
    data = _construct(root, (), (), problems)
    document = Document(origin, data, partial(_locate, root, {}))
    if problems:
        raise scenario_error(problems, document)
    return document


def read_value(text: str) -> Any:
    """Read one YAML value, such as the right side of an assignment.

    Raises:
        ValueError: if it is not YAML.

    Example:
        >>> read_value("{kind: exponential, mean: 5s}")
        {'kind': 'exponential', 'mean': '5s'}
    """
    root, problem = _compose(text)
    problems = [] if problem is None else [problem]
    value = None if root is None else _construct(root, (), (), problems)
    if problems:
        raise ValueError(problems[0].describe())
    return value


def write_yaml(data: Any) -> str:
    """The text of a scenario file with these data: mappings, lists, texts, numbers and booleans.

    Example:
        >>> print(write_yaml({"horizon": "5s", "workload": [{"kind": "explicit", "jobs": []}]}), end="")
        horizon: 5s
        workload:
          - kind: explicit
            jobs: []
    """
    yaml = YAML(pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda _: True
    buffer = io.StringIO()
    yaml.dump(data, buffer)
    return buffer.getvalue()


def _compose(text: str) -> tuple[Node | None, Problem | None]:
    root, problem = _nodes(text)
    problem = problem or _old_version(text)
    if problem is None and root is not None:
        sizes: dict[Node, int] = {}
        if _expanded(root, sizes) - len(sizes) > _MOST_REPEATED:
            what = f"the aliases repeat more than {_MOST_REPEATED:,} values; write fewer"
            return None, Problem((), what, place=_start(root))
        for node in sizes:
            if isinstance(node, ScalarNode):
                node.value = _PAIR.sub(_character_of, node.value)
    return root, problem


def _character_of(pair: re.Match[str]) -> str:
    """What JSON means by two escapes, since JSON is YAML."""
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")


def _old_version(text: str) -> Problem | None:
    """A directive that asks for other rules of YAML, in which `no` would be a boolean."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("%YAML") and line.split()[1:2] != ["1.2"]:
            what = "YAML is read by version 1.2 only; remove the directive %YAML"
            return Problem((), what, place=(number, 1))
        if line.strip() and not line.startswith(("%", "#")):
            return None
    return None


def _expanded(node: Node, sizes: dict[Node, int]) -> int:
    """The number of values in and below a node, those that aliases repeat counted each time."""
    if node not in sizes:
        sizes[node] = 1  # an alias inside itself is reported elsewhere
        if isinstance(node, SequenceNode):
            sizes[node] += sum(_expanded(item, sizes) for item in node.value)
        elif isinstance(node, MappingNode):
            sizes[node] += sum(_expanded(item, sizes) for pair in node.value for item in pair)
    return sizes[node]


class _Composer(Composer):
    """Gives up at a depth of its own, whatever Python's recursion limit is."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self._depth == _DEEPEST_COMPOSED:
            raise RecursionError
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _nodes(text: str) -> tuple[Node | None, Problem | None]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Composer
    yaml.composer.warn_double_anchors = False  # YAML allows it: the later anchor counts
    try:
        return yaml.compose(text), None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = " ".join(str(error.problem or error.context).split())
        return None, Problem((), f"not YAML: {_HINTS.get(reason, reason)}", place=place)
    except ReaderError as error:
        what = f"not YAML: a control character (code {ord(text[error.position])})"
        return None, Problem((), what, place=_position_of(text, error.position))
    except RecursionError:
        return None, Problem((), "nested too deeply", place=(1, 1))
    except (YAMLError, ValueError) as error:
        return None, Problem((), f"not YAML: {' '.join(str(error).split())}", place=(1, 1))


def _position_of(text: str, index: int) -> Position:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _start(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _construct(node: Node, path: Path, around: tuple[Node, ...], problems: list[Problem]) -> Any:
    tag = str(node.tag)
    if node in around:
        problems.append(Problem(path, "the alias stands inside what it repeats", place=_start(node)))
        return None
    if len(around) > DEEPEST:
        problems.append(Problem(path[:1], "nested too deeply", place=_start(node)))
        return None
    if isinstance(node, ScalarNode):
        return _scalar(node, tag.removeprefix(_TAG), path, problems)
    if tag not in {f"{_TAG}map", f"{_TAG}seq"}:
        problems.append(Problem(path, f"the YAML tag {tag} is not supported; remove it", place=_start(node)))
    inside = (*around, node)
    if isinstance(node, SequenceNode):
        return [_construct(item, (*path, i), inside, problems) for i, item in enumerate(node.value)]
    data: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            problems.append(Problem(path, "a key must be a text", place=_start(key)))
            continue
        below = (*path, key.value)
        if str(key.tag) == f"{_TAG}merge":
            problems.append(
                Problem(path, "merge keys (<<) are not supported; write the keys out", place=_start(key))
            )
            continue
        if key.value in data:
            problems.append(Problem(below, "the key is given twice; remove one", place=_start(key)))
        data[key.value] = _construct(value, below, inside, problems)
    return data


def _scalar(node: ScalarNode, tag: str, path: Path, problems: list[Problem]) -> Any:
    text: str = node.value
    try:
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in {"true", "yes", "on", "y"}
        if tag == "int":
            return _integer(text.replace("_", "").lower())
        if tag == "float":
            return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    if tag not in _TEXT_TAGS:
        problems.append(Problem(path, f"the YAML tag {tag} is not supported; remove it", place=_start(node)))
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    value = int(digits[2:], _BASES[digits[:2]]) if digits[:2] in _BASES else int(digits)
    return -value if text.startswith("-") else value


_Entries = dict[MappingNode, dict[str, tuple[Node, Node]]]
"""Of each mapping that was searched: the nodes of key and value, by key."""


def _locate(root: Node, entries: _Entries, path: Path) -> tuple[Position, Position]:
    node, place = root, (_start(root), _start(root))
    for step in path:
        if isinstance(node, MappingNode):
            if node not in entries:
                # of two equal keys the first counts
                entries[node] = {key.value: (key, value) for key, value in reversed(node.value)}
            found = entries[node].get(str(step))
            if found is None:
                return place[1], place[1]
            key, node = found
            place = _start(key), _start(node)
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            place = _start(node), _start(node)
        else:
            return place[1], place[1]
    return place

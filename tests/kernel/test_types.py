"""`_core.pxd` has a type for every name of `core.py`.

What is missing there would be an object of Python to the compiler: right, at half the speed, and without a word.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import qsession_sim.kernel

FOLDER = Path(qsession_sim.kernel.__file__).parent
TREE = ast.parse((FOLDER / "core.py").read_text(encoding="utf-8"))
CLASSES = [node for node in TREE.body if isinstance(node, ast.ClassDef) and node.name != "Column"]
TYPES = re.sub(r" \\\n *", " ", (FOLDER / "_core.pxd").read_text(encoding="utf-8"))
TYPES_OF = dict(re.findall(r"^cdef class (\w+):\n((?:    .*\n|\n(?=    ))*)", TYPES, re.MULTILINE))


def typed_methods(name: str) -> dict[str, tuple[str, str]]:
    """Of each method its locals and its arguments."""
    found = re.findall(
        r"(?:    @cython\.locals\(((?:[^()])*)\)\n)?    cp?def (?:inline )?\w+ (\w+)\(([^)]*)\)",
        TYPES_OF[name],
    )
    return {method: (local, arguments) for local, method, arguments in found}


def test_every_constant_has_a_type() -> None:
    (imported,) = [
        node for node in TREE.body if isinstance(node, ast.ImportFrom) and "codes" in str(node.module)
    ]
    constants = [alias.name for alias in imported.names if alias.name.isupper()]
    (line,) = re.findall(r"^cdef int64_t (.*)$", TYPES, re.MULTILINE)
    assert line.split(", ") == constants


def test_every_class_has_types() -> None:
    assert list(TYPES_OF) == [node.name for node in CLASSES]


def test_every_attribute_has_a_type() -> None:
    """Also those that are only set: all attributes are named in the class, with what they are."""
    for node in CLASSES:
        named = [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
        assert re.findall(r"^    cdef public .* (\w+)$", TYPES_OF[node.name], re.MULTILINE) == named
        used = {
            item.attr
            for item in ast.walk(node)
            if isinstance(item, ast.Attribute)
            and isinstance(item.value, ast.Name)
            and item.value.id == "self"
        }
        assert used <= {*named, *typed_methods(node.name)}


def test_every_method_has_a_type_and_so_has_every_argument() -> None:
    for node in CLASSES:
        methods = [
            item for item in node.body if isinstance(item, ast.FunctionDef) and item.name != "__init__"
        ]
        types = typed_methods(node.name)
        assert list(types) == [method.name for method in methods]
        for method in methods:
            arguments = [argument.rsplit(" ", 1) for argument in types[method.name][1].split(", ")]
            assert [argument[-1] for argument in arguments] == [argument.arg for argument in method.args.args]
            assert all(len(argument) == 2 for argument in arguments[1:])


def test_every_local_name_has_a_type() -> None:
    for node in CLASSES:
        types = typed_methods(node.name)
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                names = {item.id for item in ast.walk(method) if isinstance(item, ast.Name) and _is_set(item)}
                arguments = {argument.arg for argument in method.args.args}
                assert set(re.findall(r"(\w+)=", types[method.name][0])) == names - arguments, method.name


def _is_set(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)

"""Digests of code: what a user's function is made of, as far as results can depend on it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType
from typing import Any, Final

_INSTALLED: Final = {"site-packages", "dist-packages"}
_NOT_OWN: Final = {"qsession_sim", "__main__", *sys.stdlib_module_names}


def digest_of_file(file: Path, name: str) -> str:
    """SHA-256 of a file, of the user's own modules that it imports, and of a name in it.

    Own modules are those that come neither with Python, nor with this package, nor from an installed package;
    also those that they import in turn. Where files are does not count.

    Args:
        file: in Python.
        name: of a function in it.

    Raises:
        OSError: if the file cannot be read.
    """
    return _digest(_with_imports("", file), name)


def digest_of_module(module: str, name: str) -> str:
    """The same of a module that is imported already, with all of its own package that it imports."""
    file = _file_of(module)
    return _digest(_with_imports(module, file) if file else {}, name)


def digest_of_function(function: Callable[..., Any]) -> str:
    """The same of a function that has no name elsewhere; of its byte code if it stands in no file."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    try:
        file = inspect.getsourcefile(function)
        if file is not None:
            return digest_of_file(Path(file), name)
    except (TypeError, OSError):
        pass
    code = getattr(function, "__code__", None)
    return _digest({} if code is None else {"": b"\0".join(_compiled(code))}, name)


def _digest(contents: dict[str, bytes], name: str) -> str:
    digest = hashlib.sha256(name.encode())
    for module, content in sorted(contents.items()):
        digest.update(f"\0{module}:{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _with_imports(start: str, file: Path) -> dict[str, bytes]:
    """Contents by module: a file, and what it imports of the user's own."""
    contents: dict[str, bytes] = {}
    found = {start: file}
    while found:
        module, path = found.popitem()
        contents[module] = path.read_bytes()
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for imported in _imports(contents[module], package) if path.suffix == ".py" else ():
            source = None if imported in contents else _own_file(imported, start)
            if source is not None:
                found[imported] = source
    return contents


@lru_cache(maxsize=256)
def _imports(source: bytes, package: str) -> tuple[str, ...]:
    """The names of all modules that a file may import, and of the packages that they are in; none if it is
    no Python of this version, so that importing it fails."""
    named = []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # ValueError: a null byte, to Python 3.11
        return ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join(part for part in (*above, node.module) if part)
            named += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(package for name in named for package in _packages(name)))


def _packages(module: str) -> Iterator[str]:
    """`a.b.c` → `a`, `a.b`, `a.b.c`; importing the last one runs all of them."""
    parts = module.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _own_file(module: str, start: str) -> Path | None:
    """The file of a module, if it is one of the user's own."""
    top = module.partition(".")[0]
    of_start = top == start.partition(".")[0]
    if top in _NOT_OWN and not of_start:
        return None
    file = _file_of(module)
    return file if file is not None and (of_start or not _INSTALLED.intersection(file.parts)) else None


def _file_of(module: str) -> Path | None:
    """Where the code of a module is; None: it is in no file, or there is no such module."""
    loaded = sys.modules.get(module)
    spec = _spec(module) if loaded is None else None
    file = spec.origin if spec is not None else getattr(loaded, "__file__", None)
    return Path(file) if file is not None and Path(file).is_file() else None


def find_module(module: str, path: Sequence[str] | None = None) -> ModuleSpec | None:
    """Where an import would find a module, also one of an editable installation with a finder of its own.

    Args:
        module: its whole name.
        path: that of its package; None: it is in none.
    """
    found = (finder.find_spec(module, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _spec(module: str) -> ModuleSpec | None:
    """Where a module would be imported from; nothing is imported."""
    package = module.rpartition(".")[0]
    if not package:
        return find_module(module)
    path = getattr(sys.modules.get(package), "__path__", None)
    if path is None:
        above = _spec(package)
        path = None if above is None else above.submodule_search_locations
    return None if path is None else find_module(module, path)


def _compiled(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _compiled(constant)
        else:
            yield repr(constant).encode()

"""References to functions of users: texts by which other processes find them, and digests of their code."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, reduce
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType
from typing import Any, Final, cast

from qsession_sim.errors import QSessionError, StudyError
from qsession_sim.files import resolved
from qsession_sim.policies.user import find_user_policy, load_function

# names of functions in files

_FILE: Final = re.compile(r"(?:[A-Za-z]:)?[^:]*\.py(?=:)")


def one_spelling(text: str) -> str:
    """A text that begins with `file.py:`, without detours in the path of that file.

    Example:
        >>> one_spelling("./a/../p.py:f, shared"), one_spelling("fifo")
        ('p.py:f, shared', 'fifo')
    """
    found = _FILE.match(text)
    return text if found is None else Path(os.path.normpath(found[0])).as_posix() + text[found.end() :]


def placeless(text: str) -> str:
    """The same with the last part of the file's name only, for what must not depend on where files are.

    Example:
        >>> placeless("/home/lab/p.py:f")
        'p.py:f'
    """
    return _FILE.sub(lambda found: Path(found[0]).name, text, count=1) if _FILE.match(text) else text


# digests of code: what a user's function is made of, as far as results can depend on it

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
    return _digest_of_contents(_with_imports("", file), name)


def digest_of_function(function: Callable[..., Any]) -> str:
    """The same of a function that has no name elsewhere; of its byte code if it is in no file."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    try:
        file = inspect.getsourcefile(function)
        if file is not None:
            return digest_of_file(Path(file), name)
    except (TypeError, OSError):
        pass
    code = getattr(function, "__code__", None)
    return _digest_of_contents({} if code is None else {"": b"\0".join(_compiled(code))}, name)


def _digest_of_contents(contents: dict[str, bytes], name: str) -> str:
    digest = hashlib.sha256(name.encode())
    for module, content in sorted(contents.items()):
        digest.update(f"\0{module}:{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _with_imports(start: str, file: Path) -> dict[str, bytes]:
    """Contents by module: a file, and what it imports of the user's own."""
    contents: dict[str, bytes] = {}
    pending = {start: file}
    while pending:
        module, path = pending.popitem()
        contents[module] = path.read_bytes()
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for imported in _imports(contents[module], package) if path.suffix == ".py" else ():
            source = None if imported in contents else _own_file(imported, start)
            if source is not None:
                pending[imported] = source
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
    specs = (finder.find_spec(module, path) for finder in sys.meta_path)
    return next((spec for spec in specs if spec is not None), None)


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


@dataclass(frozen=True)
class Reference:
    """A function that may travel to other processes: what is sent is where to find it, never its code.

    Attributes:
        name: in tables and messages.
        spelling: `file.py:function` with an absolute path, `module:function`, or the name of a policy that an
            installed package offers; None: the function can be found in this process only.
        digest: of its code; see `digest_of_file`.
        function: the function itself.
    """

    name: str
    spelling: str | None
    digest: str
    function: Callable[..., Any] = field(compare=False, repr=False)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _find_again, (self.name, self.portable_spelling(), self.digest)

    def portable_spelling(self) -> str:
        """The spelling.

        Raises:
            StudyError: if there is none.
        """
        if self.spelling is None:
            raise StudyError(
                f"{self.name!r} is known to this process only, so neither workers nor a study directory can "
                f"find it again; write it at the top level of a file and give it as file.py:function"
            )
        return self.spelling


def reference_to(function: Callable[..., Any], name: str | None = None) -> Reference:
    """Refer to a function.

    Args:
        function: any function; only one at the top level of a file or an importable module is found by
            others.
        name: by default the function's own.

    Example:
        >>> import statistics
        >>> reference_to(statistics.median).spelling
        'statistics:median'
        >>> reference_to(lambda run: 0).spelling is None
        True
    """
    own = getattr(function, "__name__", type(function).__name__)
    spelling = _spelling(function)
    return Reference(own if name is None else name, spelling, _digest(spelling, function), function)


def named_reference(spelling: str, name: str | None = None) -> Reference:
    """Refer to the function of a text.

    Args:
        spelling: `file.py:function`, or `module:function`.
        name: by default the spelling, by `one_spelling`.

    Raises:
        StudyError: if a module cannot be found, or has no such function.
        PolicyError: if a file cannot be loaded, or has no such function.
    """
    function = _function_of(spelling)
    file, _, inner = spelling.rpartition(":")
    spelled = f"{resolved(file)}:{inner}" if file.endswith(".py") else spelling
    return Reference(
        one_spelling(spelling) if name is None else name, spelled, _digest(spelled, function), function
    )


def _digest(spelling: str | None, function: Callable[..., Any]) -> str:
    """A spelling with a place has the digest of that place, whatever kind of object is there; a policy known
    by name only has the digest of the place of its function."""
    where = spelling if spelling is not None and ":" in spelling else _spelling(function)
    if where is None:
        return digest_of_function(function)
    place, _, name = where.rpartition(":")
    if place.endswith(".py"):
        return digest_of_file(Path(place), name)
    file = _file_of(place)  # of a module that is imported already; all that it imports of its package counts
    return _digest_of_contents(_with_imports(place, file) if file else {}, name)


def _spelling(function: Callable[..., Any]) -> str | None:
    name = getattr(function, "__qualname__", None)
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if name is None or module is None or not _is_found(module, name, function):
        return None
    if _is_importable(module.__name__, getattr(module, "__file__", None)):
        return f"{module.__name__}:{name}"
    file = getattr(module, "__file__", None)
    if file is None or not file.endswith(".py") or "." in name:
        return None
    return f"{resolved(file)}:{name}"


def _is_found(module: Any, name: str, function: Callable[..., Any]) -> bool:
    try:
        return reduce(getattr, name.split("."), module) is function
    except AttributeError:
        return False


def _is_importable(module: str, file: str | None) -> bool:
    """Whether an import in another process would find the same module; one run from a file may be nowhere."""
    if module == "__main__":
        return False
    if file is None:
        return True
    spec = _spec(module)
    return spec is not None and spec.origin == file


@cache
def _find_again(name: str, spelling: str, digest: str) -> Reference:
    reference = named_reference(spelling, name)
    if reference.digest != digest:
        raise StudyError(
            f"{spelling}: this file, or one that it imports, was changed while the study ran, or is another "
            f"one on {platform.node()}; start the study again, with the same files everywhere"
        )
    return reference


def _function_of(spelling: str) -> Callable[..., Any]:
    place, colon, name = spelling.rpartition(":")
    if not colon:
        offered = find_user_policy(spelling)
        if offered is None:
            raise StudyError(f"no policy is called {spelling!r} in this process")
        return offered.function
    function: Any
    try:
        if place.endswith(".py"):
            function = load_function(Path(place), name)
        else:
            function = reduce(getattr, name.split("."), importlib.import_module(place))
    except QSessionError:
        raise
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        what = f"{spelling} cannot be found: {type(error).__name__}: {error}"
        raise StudyError(f"{what}; give it as file.py:function") from error
    if not callable(function):
        raise StudyError(f"{spelling}: must be a function, not {function!r}")
    return cast("Callable[..., Any]", function)

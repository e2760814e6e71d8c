"""Functions of users by a text with which another process finds them again."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from typing import Any

from qsession_sim.errors import StudyError
from qsession_sim.experiment.code_digests import (
    digest_of_file,
    digest_of_function,
    digest_of_module,
    find_module,
)
from qsession_sim.policies.user import find_user_policy, load_function


@dataclass(frozen=True)
class Reference:
    """A function that may travel to other processes: what is sent is where to find it, never its code.

    Attributes:
        name: in tables and messages.
        spelling: `file.py:function` with an absolute path, `module:function`, or the name of a policy that an
            installed package offers; None: the function can be found in this process only.
        digest: of its code; see `code_digests`.
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
        name: by default the spelling.

    Raises:
        StudyError: if a module cannot be found, or has no such function.
        PolicyError: if a file cannot be loaded, or has no such function.
    """
    function = _function_of(spelling)
    file, _, inner = spelling.rpartition(":")
    spelled = f"{Path(file).resolve()}:{inner}" if file.endswith(".py") else spelling
    return Reference(spelling if name is None else name, spelled, _digest(spelled, function), function)


def _digest(spelling: str | None, function: Callable[..., Any]) -> str:
    """What is found by a spelling has the digest of where it is found, whatever kind of object it is;
    a policy that has but a name has that of where its function is found."""
    where = spelling if spelling is not None and ":" in spelling else _spelling(function)
    if where is None:
        return digest_of_function(function)
    place, _, name = where.rpartition(":")
    return digest_of_file(Path(place), name) if place.endswith(".py") else digest_of_module(place, name)


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
    return f"{Path(file).resolve()}:{name}"


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
    parent = module.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None)
    found = find_module(module, path)
    return found is not None and found.origin == file


@cache
def _find_again(name: str, spelling: str, digest: str) -> Reference:
    found = named_reference(spelling, name)
    if found.digest != digest:
        raise StudyError(
            f"{spelling}: this file, or one that it imports, was changed while the study ran, or is another "
            f"one on {platform.node()}; start the study again, with the same files everywhere"
        )
    return found


def _function_of(spelling: str) -> Callable[..., Any]:
    place, colon, name = spelling.rpartition(":")
    if not colon:
        offered = find_user_policy(spelling)
        if offered is None:
            raise StudyError(f"no policy is called {spelling!r} in this process")
        return offered.function
    found: Any
    try:
        if place.endswith(".py"):
            found = load_function(Path(place), name)
        else:
            found = reduce(getattr, name.split("."), importlib.import_module(place))
    except (ImportError, AttributeError) as error:
        raise StudyError(f"{spelling} cannot be found: {error}; give it as file.py:function") from None
    if not callable(found):
        raise StudyError(f"{spelling}: must be a function, not {found!r}")
    function: Callable[..., Any] = found
    return function

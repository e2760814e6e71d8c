"""Files and directories that are written whole or not at all, whoever else writes or reads them meanwhile.

What is being written stands next to its place, under a name with `partial` in it, and is renamed when it is
complete.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def put_in_place(partial: Path, path: Path) -> None:
    """Give a finished file its name; what is there is replaced."""
    partial.replace(path)


def put_directory_in_place(partial: Path, target: Path) -> None:
    """Give a finished directory its name; what is there is replaced.

    It is set aside first, since a directory that is not empty cannot be renamed over, and comes back if the
    new one cannot take its place.
    """
    replaced = partial.with_suffix(".replaced")
    try:
        if target.exists():
            target.rename(replaced)
        partial.rename(target)
    except BaseException:
        if not target.exists() and replaced.exists():
            replaced.rename(target)
        raise
    finally:
        if target.exists():
            shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def whole_file(path: Path, put: Callable[[Path, Path], object] = put_in_place) -> Iterator[Path]:
    """A name in the directory of `path`, with its ending, under which to write a file; then it is put there.

    Args:
        path: its name; its directory is there.
        put: takes the finished file and its name.

    Raises:
        OSError: if it cannot be put there; then there is no file, or the one that was there.
    """
    partial = path.with_name(f".{secrets.token_hex(4)}.partial.{path.name}")
    try:
        yield partial
        put(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, put: Callable[[Path, Path], object] = put_in_place) -> None:
    """Write a file, and the directories above it.

    Args:
        path: its name.
        content: all of it.
        put: as for `whole_file`.

    Raises:
        OSError: if it cannot be written; then there is no file, or the one that was there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, put) as partial:
        partial.write_bytes(content)


@contextmanager
def whole_directory(
    target: Path, put: Callable[[Path, Path], object] = put_directory_in_place
) -> Iterator[Path]:
    """An empty directory next to `target`, to be filled; then it is put there. Missing parents are made.

    Args:
        target: its name.
        put: takes the finished directory and its name; `Path.rename` replaces nothing.

    Raises:
        OSError: if it cannot be made or put there; then there is no directory, or the one that was there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as above:
        ...     with whole_directory(Path(above) / "new" / "out") as partial:
        ...         _ = (partial / "a.txt").write_text("a")
        ...     sorted(path.name for path in Path(above).rglob("*"))
        ['a.txt', 'new', 'out']
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        put(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def is_partial(path: Path) -> bool:
    """Whether a name is that of something that is still being written, or was when its writer was killed.

    Example:
        >>> is_partial(Path(".1a2b3c4d.partial.plan.json")), is_partial(Path("partial.json"))
        (True, False)
    """
    return path.name.startswith(".") and "partial" in path.name.split(".")

"""Files that are read within limits, whoever wrote them; files and directories that are written whole or not
at all, whoever else writes or reads them meanwhile, and the digests that tell whether they are still as they
were written.

What is being written stands next to its place, under a name with `partial` in it. When it is complete it is
synced to the disk and renamed. Its writer holds a lock on it, so that the next one knows what a writer that
was killed has left, and removes it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from qsession_sim.errors import QSessionError

if TYPE_CHECKING:
    import polars as pl

DIGESTS: Final = "files.sha256"
"""The file of digests in a directory, as `sha256sum -c` reads it."""

_DIGEST_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([^\n]+)\n")
_PARTIAL: Final = "partial"
_REPLACED: Final = "replaced"
_LEVEL: Final = 1
"""Of compression: `benchmarks/ratios.py` measures what it saves."""

_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
_NOT_SYNCED: Final = {errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.EACCES}
"""What is said of what has nothing to sync, and of directories that can be written but not read."""

_NO_EXCHANGE: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM}
_FULL: Final = {errno.ENOSPC: "the disk is full", getattr(errno, "EDQUOT", -1): "the disk quota is used up"}
_MISTAKES: Final = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EINVAL),
}
"""What is wrong with the name that was given, and not with the machine."""


# names and errors


def resolved(path: str | os.PathLike[str]) -> Path:
    """The absolute name, without links, of what is there or may be made.

    Raises:
        OSError: if it can be neither, as where links lead in a circle.
    """
    try:
        found = Path(os.path.realpath(path))
        with suppress(FileNotFoundError, NotADirectoryError):
            found.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        number = getattr(error, "errno", None) or errno.EINVAL
        raise OSError(number, os.strerror(number), os.fspath(path)) from None
    return found


def reason(error: Exception) -> str:
    """Why the system refused something, in a few words; a full disk is called that, whoever says it.

    Example:
        >>> reason(OSError(errno.ENOSPC, "No space left on device"))
        'the disk is full (No space left on device)'
        >>> reason(ValueError("write failed: No space left on device (os error 28)"))
        'the disk is full (No space left on device)'
    """
    number = _number_of(error)
    if number in _FULL:
        return f"{_FULL[number]} ({os.strerror(number)})"
    return str(getattr(error, "strerror", None) or error)


def hindrance(place: Path) -> str | None:
    """Why nothing can be made in a directory that is there or would be made; None if it can."""
    there = next(path for path in (place, *place.parents) if os.path.lexists(path))
    if not there.is_dir():
        return f"{there} is a file"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written"


def is_mistake(error: BaseException | None) -> bool:
    """Whether an error of the system means that another name must be given; not so of a full disk."""
    return isinstance(error, OSError) and _number_of(error) in _MISTAKES


def _number_of(error: Exception) -> int:
    """The number of an error; one that comes from a library in Rust has it in its text."""
    number = getattr(error, "errno", None)
    text = None if number is not None or os.name == "nt" else _OS_ERROR.search(str(error))
    return int(text[1]) if text else number or 0


# reading what somebody else may have written


@dataclass(frozen=True)
class FileLimits:
    """How much is read.

    Attributes:
        scenario_bytes: of a scenario, and of each file with values or measurements that it names.
        trace_bytes: of a trace, unpacked.
        allow_files: whether scenarios may name files.
    """

    scenario_bytes: int = 16 << 20
    trace_bytes: int = 4 << 30
    allow_files: bool = True


_LIMITS: Final[ContextVar[FileLimits]] = ContextVar("limits")
_LONGEST_LINE: Final = 1 << 20
_AT_ONCE: Final = 1 << 16
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def limits() -> FileLimits:
    """Those that hold now."""
    return _LIMITS.get(FileLimits())


@contextmanager
def file_limits(*, max_size: str | int | None = None, allow_files: bool = True) -> Iterator[None]:
    """Read with other limits than the default: 16 MiB of a scenario, and 4 GiB of a trace, unpacked.

    They hold for all that is read inside, also by workers of studies. Scenarios from strangers are data, but
    they can name files of this machine; see docs/trust.md.

    Args:
        max_size: of any file: bytes, or a text such as `64MiB`; by default as above.
        allow_files: whether scenarios may name files: values, measurements and traces.

    Raises:
        QSessionError: if `max_size` is no size.

    Example:
        >>> import qsession_sim as qs
        >>> with qs.file_limits(allow_files=False):
        ...     qs.load_scenario({"workload": [{"kind": "trace", "file": "a.csv"}]})
        Traceback (most recent call last):
        qsession_sim.errors.ScenarioError: scenario: workload.trace.file: files are not allowed (got 'a.csv')
    """
    chosen = FileLimits(allow_files=allow_files)
    if max_size is not None:
        most = read_size(max_size)
        chosen = replace(chosen, scenario_bytes=most, trace_bytes=most)
    with given_limits(chosen):
        yield


@contextmanager
def given_limits(chosen: FileLimits) -> Iterator[None]:
    """Read with the limits of another process."""
    token = _LIMITS.set(chosen)
    try:
        yield
    finally:
        _LIMITS.reset(token)


def read_size(size: str | int) -> int:
    """Bytes of a written size.

    Raises:
        QSessionError: if it is none.

    Example:
        >>> read_size("64MiB"), read_size("2 GiB"), read_size(5)
        (67108864, 2147483648, 5)
    """
    found = re.fullmatch(rf"([1-9][0-9]{{0,14}}) ?({'|'.join(_UNITS)})?", str(size))
    if found is None:
        raise QSessionError(f"not a size such as 64MiB: {size!r}")
    return int(found[1]) << 10 * _UNITS.index(found[2] or "B")


def written_size(size: float) -> str:
    """A number of bytes for people.

    Example:
        >>> written_size(16 << 20), written_size(1500), written_size(7)
        ('16 MiB', '1.465 KiB', '7 B')
    """
    power = min(max(int(size).bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{size / (1 << 10 * power):.4g} {_UNITS[power]}"


def too_large(most: int) -> OSError:
    """The error of a file with more bytes than are read."""
    return OSError(
        errno.EFBIG, f"is larger than {written_size(most)}; allow more with --max-size, or file_limits()"
    )


def check_regular(path: Path) -> None:
    """Refuse what is no file: reading could wait for ever, have no end, or change something.

    Raises:
        OSError: if it is no file, or is not there.
    """
    _check_mode(path.stat().st_mode)


def check_replaceable(path: Path) -> None:
    """Refuse to put a file where there is something else, as a device, which would be lost.

    Raises:
        OSError: if there is.
    """
    with suppress(FileNotFoundError):
        check_regular(path)


def _check_mode(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory, not a file")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"is {_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file")


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file to read it.

    Raises:
        OSError: if it cannot be read, or is no file.
    """
    check_regular(path)
    # what has taken its place since is not waited for
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - returned; a path has no opener
    try:
        _check_mode(os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path) -> bytes:
    """All that a file holds.

    Raises:
        OSError: if it cannot be read, or is no file.
    """
    with open_regular(path) as file:
        return file.read()


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """All that a file holds.

    Raises:
        OSError: if that is more bytes than allowed, of which no more are read, or it cannot be read.
    """
    parts, left = [], most + 1
    while left and (part := file.read(min(left, _AT_ONCE))):
        parts.append(part)
        left -= len(part)
    if not left:
        raise too_large(most)
    return b"".join(parts)


class Bounded(io.RawIOBase):
    """Lines of a file, unpacked; reading goes no further than allowed, in all and in a line."""

    def __init__(self, files: Sequence[BinaryIO], most: int) -> None:
        self._files, self._most = files, most  # the first is read; all are closed
        self._read = self._in_line = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read some bytes.

        Raises:
            OSError: if there are too many, or it cannot be read.
        """
        view = memoryview(buffer)
        part = self._files[0].read(min(len(view), _AT_ONCE))
        self._read += len(part)
        newline = part.rfind(b"\n")
        self._in_line = len(part) - 1 - newline if newline >= 0 else self._in_line + len(part)
        if self._read > self._most:
            raise too_large(self._most)
        if self._in_line > _LONGEST_LINE:
            raise OSError(errno.EFBIG, f"has a line of more than {written_size(_LONGEST_LINE)}")
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Close the files, too."""
        for file in self._files:
            file.close()
        super().close()


# digests


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        OSError: if it cannot be read.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_lines(digests: Iterable[tuple[str, str]]) -> bytes:
    """Names of files and their digests as the lines of `DIGESTS`."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests).encode()


def read_digest_lines(content: bytes) -> Iterator[tuple[str, str]]:
    """Names and digests of the lines that are whole.

    Example:
        >>> list(read_digest_lines(digest_lines([("a.txt", 64 * "0")]) + b"half a li"))
        [('a.txt', '0000000000000000000000000000000000000000000000000000000000000000')]
    """
    for line in content.splitlines(keepends=True):
        if match := _DIGEST_LINE.fullmatch(line):
            yield match[2].decode(errors="replace"), match[1].decode()


def parse_json(content: str | bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: if it is none, is nested too deeply, or has a number that is too long.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        raise ValueError("it has a number with too many digits") from None


# writing


def write_table(frame: pl.DataFrame, file: BinaryIO, row_group_size: int | None = None) -> None:
    """Write a table as Parquet; equal tables, equal bytes.

    Raises:
        OSError: if it cannot be written.
    """
    from polars.exceptions import ComputeError

    try:
        frame.rechunk().write_parquet(
            file, compression="zstd", compression_level=_LEVEL, row_group_size=row_group_size
        )
    except ComputeError as error:  # such as a full disk
        number = _number_of(error)
        raise OSError(number, os.strerror(number)) if number else OSError(str(error)) from error


def put_directory_in_place(partial: Path, target: Path) -> None:
    """Give a finished directory its name; what is there is replaced, and who may read it stays.

    Where the system can exchange two names, one of both is there at any time. Elsewhere the old directory is
    set aside first, since one that is not empty cannot be renamed over; it comes back if the new one cannot
    take its place, and if the process is killed in between, when the directory is written next.
    """
    if not os.path.lexists(target):
        partial.rename(target)
        return
    partial.chmod(stat.S_IMODE(target.stat().st_mode))
    if exchange(partial, target):
        return
    replaced = partial.with_suffix(f".{_REPLACED}")
    with _held(target):
        try:
            target.rename(replaced)
            partial.rename(target)
        except BaseException:
            if not target.exists() and replaced.exists():
                replaced.rename(target)
            raise
        finally:
            if target.exists():
                shutil.rmtree(replaced, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two files or directories in one step; False where the system cannot.

    Raises:
        OSError: if they cannot be renamed at all.
    """
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):  # an interpreter or a C library without it
        return False
    here, exchanged = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    if rename(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(exchanged)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), os.fspath(other))


@contextmanager
def whole_file(path: Path, put: Callable[[Path, Path], object] = Path.replace) -> Iterator[Path]:
    """A name in the directory of `path`, with its ending, under which to write a file; then it is put there.

    Args:
        path: its name; its directory is there.
        put: takes the finished file and its name.

    Raises:
        OSError: if it cannot be put there; then there is no file, or the one that was there.
    """
    check_replaceable(path)
    partial = path.with_name(f".{secrets.token_hex(4)}.{_PARTIAL}.{path.name}")
    try:
        partial.touch(exist_ok=False)
        with _held(partial, wait=True):
            yield partial
            sync(partial)
            put(partial, path)
            sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, put: Callable[[Path, Path], object] = Path.replace) -> None:
    """Write a file, and the directories above it.

    Args:
        path: its name.
        content: all of it.
        put: as for `whole_file`.

    Raises:
        OSError: if it cannot be written; then there is no file, or the one that was there.
    """
    _make_directory(path.parent)
    with whole_file(path, put) as partial:
        partial.write_bytes(content)


@contextmanager
def whole_directory(
    target: Path, put: Callable[[Path, Path], object] = put_directory_in_place
) -> Iterator[Path]:
    """An empty directory next to `target`, to be filled; then it is put there. Missing parents are made.

    What killed writers of the same directory have left is mended first.

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
    _make_directory(target.parent)
    _mend(target)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.{_PARTIAL}")
    try:
        partial.mkdir()
        with _held(partial, wait=True):
            partial.mkdir(exist_ok=True)  # should another one have taken it for stale just now
            yield partial
            for path in (*partial.rglob("*"), partial):
                sync(path)
            put(partial, target)
            sync(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_directory(path: Path) -> None:
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in reversed(missing):
        sync(directory.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file, and sync it; of processes that do so at once, each adds a whole line.

    A line of which a killed process or a full disk has left a part is ended first.

    Raises:
        OSError: if it cannot be written whole.
    """
    with path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        # at the beginning, what can be read has been added by another process meanwhile
        content = line if end == 0 or file.read(1) == b"\n" else b"\n" + line
        if file.write(content) != len(content):  # as when a disk becomes full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Have a file, or the names in a directory, written to the disk, so that a power cut does not lose them.

    Raises:
        OSError: if they cannot be written, as on a full disk.
    """
    if os.name == "nt" and path.is_dir():
        return
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise


# what killed writers leave


def is_partial(path: Path) -> bool:
    """Whether a name is that of something that is still being written, or was when its writer was killed.

    Example:
        >>> is_partial(Path(".1a2b3c4d.partial.plan.json")), is_partial(Path("partial.json"))
        (True, False)
    """
    return path.name.startswith(".") and _PARTIAL in path.name.split(".")


def remove_stale(paths: Iterable[Path]) -> None:
    """Remove those partial files and directories among some paths whose writers are gone.

    Where nothing can be locked, nobody knows whether they are, and all stay.
    """
    for path in paths:
        if is_partial(path) or path.suffix == f".{_REPLACED}":
            with _held(path) as held:
                if held and path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif held:
                    path.unlink(missing_ok=True)


def _mend(target: Path) -> None:
    """Remove what killed writers of a directory have left; if one had set it aside, it comes back."""
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.({_PARTIAL}|{_REPLACED})")
    own: list[Path] = []
    with suppress(PermissionError):  # a directory may be written and not read
        own += [path for path in target.parent.iterdir() if name.fullmatch(path.name)]
    for path in own:
        if path.suffix == f".{_REPLACED}" and not os.path.lexists(target):
            with _held(path) as held:
                if held:
                    path.rename(target)
    remove_stale(own)


@contextmanager
def _held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a file or directory until the end of the block, or of this process however it ends.

    Args:
        path: what is there.
        wait: until another process holds it no longer.

    Yields:
        Whether it is held: not where another process holds it, and not where nothing can be locked.
    """
    try:
        import fcntl

        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (ImportError, OSError):
        yield False
        return
    try:
        held = False
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = True
        yield held
    finally:
        os.close(descriptor)

"""Packed files: gzip and zstd, told by the ends of names, unpacked piece by piece and packed without a date.

zstd comes with Python from 3.14 on, and with the library zstandard before.
"""

from __future__ import annotations

import errno
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from gzip import BadGzipFile, GzipFile
from typing import Any, BinaryIO, Final, NamedTuple, cast

_AT_ONCE: Final = 1 << 16
_ZSTD_AT_ONCE: Final = 1 << 9
"""A block of 4 bytes can be 128 KiB unpacked, so these are at most 16 MiB."""

_MOST_WINDOW_BITS: Final = 27
"""More than 128 MiB of memory is asked for only by files that `zstd --long` has made."""


class Packing(Enum):
    """A way to pack files: the end of their names, which is also how it is called, and how they begin."""

    GZIP = (".gz", "gzip", b"\x1f\x8b")
    ZSTD = (".zst", "zstd", b"\x28\xb5\x2f\xfd")

    def __init__(self, ending: str, called: str, begin: bytes) -> None:
        self.ending = ending
        self.called = called
        self.begin = begin

    @staticmethod
    def of(name: str) -> Packing | None:
        r"""That of a file by the end of its name; None of one that is not packed.

        Example:
            >>> Packing.of("week.SWF.gz"), Packing.of("week.csv")
            (<Packing.GZIP: ('.gz', 'gzip', b'\x1f\x8b')>, None)
        """
        return next((packing for packing in Packing if name.lower().endswith(packing.ending)), None)

    def check(self) -> None:
        """Raise an error if what it needs is not installed.

        Raises:
            OSError: that says what to install.
        """
        if self is Packing.ZSTD:
            _zstd()

    def unpacked(self, file: BinaryIO) -> BinaryIO:
        """What is in a packed file, of which no more is unpacked at a time than some MiB.

        Raises:
            OSError: here if what it needs is not installed; when it is read, if the file is not packed in
                this way, or is damaged or not whole.
        """
        self.check()
        return cast("BinaryIO", _Unpacked(self, file))

    def write(self, content: Iterable[bytes], file: BinaryIO) -> None:
        """Pack content into a file; equal content makes equal bytes."""
        if self is Packing.GZIP:
            with GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.writelines(content)
            return
        packer = _zstd().packer()
        file.writelines(packer.compress(piece) for piece in content)
        file.write(packer.flush())


class _Unpacked(io.RawIOBase):
    """What is in a packed file."""

    def __init__(self, packing: Packing, file: BinaryIO) -> None:
        self._packing = packing
        self._pieces = _gzip_pieces(file) if packing is Packing.GZIP else _zstd_pieces(file)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read some bytes.

        Raises:
            OSError: as `Packing.unpacked` says.
        """
        if not self._rest:
            self._rest = memoryview(self._next())
        view = memoryview(buffer)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes:
        called = self._packing.called
        try:
            return next(self._pieces, b"")
        except EOFError:
            raise OSError(errno.EINVAL, f"is not whole: it ends inside what {called} has packed") from None
        except (BadGzipFile, zlib.error, _ZstdDamage) as error:
            what = f"is not a {called} file, or is damaged: {error}"
            raise OSError(errno.EINVAL, what) from None


def _gzip_pieces(file: BinaryIO) -> Iterator[bytes]:
    with GzipFile(fileobj=file) as unpacked:
        while piece := unpacked.read(_AT_ONCE):
            yield piece
        if file.tell() == 0:  # an empty file is read as one that holds nothing
            raise BadGzipFile("it is empty")


class _ZstdDamage(Exception):  # noqa: N818 - it never leaves this file
    """What a library for zstd says of a file that it cannot unpack."""


def _zstd_pieces(file: BinaryIO) -> Iterator[bytes]:
    """What frames hold, one after the other; a frame without an end is an error, which libraries ignore."""
    library = _zstd()
    frame = library.unpacker()
    while piece := file.read(_ZSTD_AT_ONCE):
        while piece:
            if frame.eof:
                frame = library.unpacker()
            try:
                unpacked = frame.decompress(piece)
            except library.damage as error:
                raise _ZstdDamage(str(error).rpartition(": ")[2]) from None
            piece = frame.unused_data if frame.eof else b""
            if unpacked:
                yield unpacked
    if file.tell() == 0:
        raise _ZstdDamage("it is empty")
    if not frame.eof:
        raise EOFError


class _Zstd(NamedTuple):
    """A library: what packs a frame, what unpacks one, and what it raises of one that is damaged."""

    packer: Callable[[], Any]
    unpacker: Callable[[], Any]
    damage: type[Exception]


def _zstd() -> _Zstd:
    """The library of Python, or else zstandard.

    Raises:
        OSError: if there is none.
    """
    try:
        from compression import zstd
    except ImportError:  # before Python 3.14
        return _zstandard()
    packing = {zstd.CompressionParameter.checksum_flag: 1}
    unpacking = {zstd.DecompressionParameter.window_log_max: _MOST_WINDOW_BITS}
    return _Zstd(
        lambda: zstd.ZstdCompressor(options=packing),
        lambda: zstd.ZstdDecompressor(options=unpacking),
        zstd.ZstdError,
    )


def _zstandard() -> _Zstd:
    try:
        import zstandard
    except ImportError:
        what = "zstd needs the library zstandard; get it with: pip install 'qsession-sim[zstd]'"
        raise OSError(errno.EINVAL, what) from None
    packer = zstandard.ZstdCompressor(write_checksum=True)
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << _MOST_WINDOW_BITS)
    return _Zstd(packer.compressobj, unpacker.decompressobj, zstandard.ZstdError)
